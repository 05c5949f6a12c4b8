/* lodco.c: offloading by a device that lives on harvested energy (Mao, Zhang and Letaief, IEEE JSAC 34, 2016).
 *
 * In each slot of 2 ms a task of 1000 bits (737.5 cycles a bit) comes with probability .6, the device harvests U(0, 48 uJ),
 * and the channel gain is exponential with mean 1e-4 d^-4, d = 50 m. A task is computed here at f, E = kappa W f^2, sent with
 * power p, E = p L / r(p), r = B log2(1 + h p / N), or dropped at a cost of phi = 2 ms.
 *   LODCO   minimises per slot  V (delay or phi) - b E,  b = battery - theta, theta = E_top + V phi / E_min; it harvests
 *           while b <= 0 and spends between E_min and E_max a slot (V 1.6e-4)
 *   greedy  takes the shorter delay that the battery allows, and harvests always
 * Published rule against an independent simulation of 3.6e5 slots: LODCO .3065 ms a task, no drops; greedy .5721 ms and
 * .084 of the tasks dropped.
 */
#include "experiments/validate/policy_cases.h"
#include "sim/rng.h"

#include <math.h>

#define KAPPA 1e-28
#define SLOT_S 2e-3
#define PHI_S 2e-3
#define BAND_HZ 1e6
#define NOISE_W 1e-13
#define P_MAX_W 1.0
#define F_MAX_HZ 1.5e9
#define E_MAX_J 2e-3
#define E_MIN_J 2e-5
#define BITS 1000.0
#define CYCLES (BITS * 737.5)
#define V 1.6e-4
#define MEAN_GAIN (1e-4 / (50. * 50 * 50 * 50))
enum { WARMUP = 40000 };

/* What is done with a task. */
struct choice { double delay_s, energy_j; bool dropped; };

static const struct choice drop = {PHI_S, 0, true};

static double rate_of(double gain, double p) { return BAND_HZ * log2(1 + gain * p / NOISE_W); }
static double energy_of(double gain, double p) { return p * BITS / rate_of(gain, p); }

/* The largest power that spends no more than e: the energy grows with the power from L N ln 2 / (B h). 0: none. */
static double power_for(double gain, double e)
{
  if (BITS * NOISE_W * log(2) / (BAND_HZ * gain) >= e) return 0;
  if (energy_of(gain, P_MAX_W) <= e) return P_MAX_W;
  double low = 0, high = P_MAX_W;
  for (int i = 0; i < 50; i++) {
    double middle = (low + high) / 2;
    if (energy_of(gain, middle) <= e) low = middle;
    else high = middle;
  }
  return low;
}

static struct choice send(double gain, double p) { return (struct choice){BITS / rate_of(gain, p), energy_of(gain, p), false}; }
static struct choice compute(double f) { return (struct choice){CYCLES / f, KAPPA * CYCLES * f * f, false}; }
static double cost_of(struct choice x, double b) { return V * x.delay_s - b * x.energy_j; }

/* Golden section: the cost has one minimum over the power. */
static double best_power(double gain, double b, double low, double high)
{
  const double ratio = (sqrt(5) - 1) / 2;
  while (high - low > 1e-9 * high) {
    double left = high - ratio * (high - low), right = low + ratio * (high - low);
    if (cost_of(send(gain, left), b) < cost_of(send(gain, right), b)) high = right;
    else low = left;
  }
  return (low + high) / 2;
}

static struct choice lodco(double gain, double b)
{
  struct choice best = drop;
  double f_low = fmax(sqrt(E_MIN_J / (KAPPA * CYCLES)), CYCLES / SLOT_S), f_high = fmin(sqrt(E_MAX_J / (KAPPA * CYCLES)), F_MAX_HZ);
  double f = b >= 0 ? f_high : cbrt(V / (-2 * b * KAPPA));
  struct choice here = compute(fmin(fmax(f, f_low), f_high));
  if (cost_of(here, b) <= cost_of(best, b)) best = here;
  double in_time = (exp2(BITS / (BAND_HZ * SLOT_S)) - 1) * NOISE_W / gain;
  double low = fmax(in_time, power_for(gain, E_MIN_J)), high = power_for(gain, E_MAX_J);
  if (!(high > 0 && low <= high)) return best;
  struct choice there = send(gain, best_power(gain, b, low, high));
  return cost_of(there, b) < cost_of(best, b) ? there : best;
}

static struct choice greedy(double gain, double battery)
{
  struct choice best = drop;
  double e = fmin(battery, E_MAX_J), f = fmin(sqrt(e / (KAPPA * CYCLES)), F_MAX_HZ), p = power_for(gain, e);
  if (f > 0 && CYCLES / f <= SLOT_S) best = compute(f);
  if (p > 0 && BITS / rate_of(gain, p) <= fmin(SLOT_S, best.delay_s)) best = send(gain, p);
  return best;
}

double case_lodco(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  bool is_greedy = c->argument[0] > 0, of_drops = c->argument[1] > 0;
  double top = fmin(fmax(KAPPA * CYCLES * F_MAX_HZ * F_MAX_HZ, P_MAX_W * SLOT_S), E_MAX_J);
  double theta = top + V * PHI_S / E_MIN_J, battery = 0, delay_s = 0, tasks = 0, drops = 0;
  struct rng_root root = rng_root_make(r->seed, r->run);
  struct rng draws = rng_open(&root, rng_name("lodco"), 0, 0);
  for (int t = 0, slots = WARMUP + (r->quick ? 20000 : 360000); t < slots; t++) {
    double harvest = 48e-6 * rng_uniform(&draws), gain = MEAN_GAIN * rng_exponential(&draws);
    bool task = rng_uniform(&draws) < 0.6;
    struct choice x = !task ? (struct choice){0} : is_greedy ? greedy(gain, battery) : lodco(gain, battery - theta);
    double left = battery - x.energy_j;
    battery = left + (is_greedy || battery <= theta ? harvest : 0);
    if (left < -1e-12 && !err_add(err, (struct where){0}, "lodco: %g J were not there", left)) return NAN;
    if (t < WARMUP || !task) continue;
    tasks++;
    delay_s += x.delay_s;
    drops += x.dropped;
  }
  return of_drops ? drops / tasks : 1e3 * delay_s / tasks;
}
