/* lodco.c: offloading by a device that lives on harvested energy (Mao, Zhang and Letaief, IEEE JSAC 34, 2016).
 *
 * In each slot of 2 ms a task of 1000 bits (737.5 cycles a bit) comes with probability .6, the device harvests U(0, 48 uJ),
 * and the channel gain is exponential with mean 1e-4 d^-4, d = 50 m. A task is computed here at f, E = kappa W f^2, sent with
 * power p, E = p L / r(p), r = B log2(1 + h p / N), or dropped at a cost of phi = 2 ms.
 *   LODCO   (policies/lodco.c, through the boundary) minimises per slot  V (delay or phi) - b E,  b = battery - theta,
 *           theta = E_top + V phi / E_min; it harvests while b <= 0 and spends between E_min and E_max a slot (V 1.6e-4).
 *           It chooses among 24 clocks and 24 powers, in equal ratios between the limits: half a ratio beside the best
 *           one costs .1 %
 *   greedy  takes the shorter delay that the battery allows, and harvests always
 * Published rule against an independent simulation of 3.6e5 slots: LODCO .3065 ms a task, no drops; greedy .5721 ms and
 * .084 of the tasks dropped.
 */
#include "experiments/validate/policy_cases.h"
#include "models/policy_host.h"
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

/* ---- the policy: it chooses among levels of the clock and of the radio's power ------------------------------------- */

enum { LEVELS = 24, DROP = 2 * LEVELS, ACTIONS };

struct device {
  struct world_def def;
  struct class_def klass;
  struct task_def task;
  struct plan_def plan[ACTIONS];
  struct place_def place[2];
  struct supply_def supply;
  struct battery_def battery;
  struct attribute_def attribute;
  struct action_facts action[ACTIONS];
  struct choice choice[ACTIONS];
  double value, estimate;
  struct decision_facts facts;
};

static void device_init(struct device *d)
{
  *d = (struct device){.estimate = NAN, .battery = {.capacity_j = 1}};
  d->supply = (struct supply_def){.pue = 1, .battery = &d->battery};
  d->attribute = (struct attribute_def){.name = "difficulty", .unit = "", .known = KNOWN_ORACLE};
  d->place[0] = (struct place_def){.name = "here", .tier = TIER_DEVICE, .supply = &d->supply};
  d->place[1] = (struct place_def){.name = "away", .tier = TIER_EDGE};
  for (int i = 0; i < ACTIONS; i++) {
    bool away = i >= LEVELS && i < DROP;
    d->plan[i] = (struct plan_def){.word = away ? WORD_PLACE : WORD_ORIGIN, .place = away, .variant = NONE};
    d->action[i] = (struct action_facts){.place = away, .tier = away ? TIER_EDGE : TIER_DEVICE, .variant = NONE,
                                         .member = UINT64_MAX, .est_cost_usd = NAN, .est_quality = NAN};
  }
  d->task = (struct task_def){.name = "task", .n_plans = ACTIONS, .plan = d->plan};
  d->klass = (struct class_def){.name = "slots", .n_attributes = 1, .attribute = &d->attribute, .n_tasks = 1, .task = &d->task};
  d->def = (struct world_def){.n_places = 2, .place = d->place, .n_classes = 1, .klass = &d->klass};
  d->facts = (struct decision_facts){.deadline_s = NAN, .attribute = &d->value, .estimate = &d->estimate,
                                     .n_actions = ACTIONS, .action = d->action};
}

static double level(double low, double high, int i) { return low * pow(high / low, i / (LEVELS - 1.)); }

/* What the device could do now, within the limits of the paper; what it cannot is masked. */
static void offer(struct device *d, double gain)
{
  double f_low = fmax(sqrt(E_MIN_J / (KAPPA * CYCLES)), CYCLES / SLOT_S), f_high = fmin(sqrt(E_MAX_J / (KAPPA * CYCLES)), F_MAX_HZ);
  double in_time = (exp2(BITS / (BAND_HZ * SLOT_S)) - 1) * NOISE_W / gain;
  double p_low = fmax(in_time, power_for(gain, E_MIN_J)), p_high = power_for(gain, E_MAX_J);
  bool reaches = p_high > 0 && p_low <= p_high;
  for (int i = 0; i < LEVELS; i++) {
    d->choice[i] = compute(level(f_low, f_high, i));
    d->choice[LEVELS + i] = reaches ? send(gain, level(p_low, p_high, i)) : drop;
    d->action[LEVELS + i].mask = reaches ? 0 : OFFSIM_MASK_UNREACHABLE;
  }
  d->choice[DROP] = drop;
  for (int i = 0; i < ACTIONS; i++) {
    d->action[i].est_latency_s = d->choice[i].delay_s;
    d->action[i].est_energy_j = d->choice[i].energy_j;
  }
}

static struct choice ask(struct device *d, struct policy_host *h, double gain, double battery, struct err *err)
{
  struct decision_result answer;
  offer(d, gain);
  d->facts.battery_j = battery;
  if (!policy_host_decide(h, &d->facts, &answer, err)) return drop;
  d->facts.decision_number++;
  return d->choice[answer.action];
}

static struct choice greedy(double gain, double battery)
{
  struct choice best = drop;
  double e = fmin(battery, E_MAX_J), f = fmin(sqrt(e / (KAPPA * CYCLES)), F_MAX_HZ), p = power_for(gain, e);
  if (f > 0 && CYCLES / f <= SLOT_S) best = compute(f);
  if (p > 0 && BITS / rate_of(gain, p) <= fmin(SLOT_S, best.delay_s)) best = send(gain, p);
  return best;
}

/* The battery takes what is harvested while it is below theta, as the policy's rule has it. */
struct slots { double battery, theta, delay_s, tasks, drops; };

static bool play(struct slots *s, struct device *d, struct policy_host *h, struct rng *draws, bool counted, struct err *err)
{
  double harvest = 48e-6 * rng_uniform(draws), gain = MEAN_GAIN * rng_exponential(draws);
  bool task = rng_uniform(draws) < 0.6;
  struct choice x = !task ? (struct choice){0} : h ? ask(d, h, gain, s->battery, err) : greedy(gain, s->battery);
  double left = s->battery - x.energy_j;
  s->battery = left + (!h || s->battery <= s->theta ? harvest : 0);
  if (left < -1e-12) return err_add(err, (struct where){0}, "lodco: %g J were not there", left);
  if (!counted || !task) return true;
  s->tasks++;
  s->delay_s += x.delay_s;
  s->drops += x.dropped;
  return true;
}

double case_lodco(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  struct device d;
  struct rng_root root = rng_root_make(r->seed, r->run);
  struct rng draws = rng_open(&root, rng_name("lodco"), 0, 0);
  struct policy_def def = {.name = c->policy, .policy = c->policy, .at_place = NONE};
  device_init(&d);
  struct policy_host *h = c->policy ? policy_host_new(&def, &d.def, &root, err) : NULL;
  struct slots s = {.theta = E_MAX_J + V * PHI_S / E_MIN_J};
  for (int t = 0, n = WARMUP + (r->quick ? 20000 : 360000); t < n && !err_any(err); t++)
    if (!play(&s, &d, h, &draws, t >= WARMUP, err)) break;
  if (h) policy_host_free(h);
  if (err_any(err)) return NAN;
  return c->argument[0] > 0 ? s.drops / s.tasks : 1e3 * s.delay_s / s.tasks;
}
