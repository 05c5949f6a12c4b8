/* Equations: share(u) = u; 2u - u^h (Fan, Weber and Barroso, ISCA 2007, h = 1.4); linear between the 11 points of a table.
 * Clock: dynamic power C V^2 f with V ~ f goes with f^3, time of what computes with 1/f. For work that only computes
 *   E(f) = (S + D f^3) / f,  E' = 0 at  f = (S / 2D)^(1/3).
 * Carbon: the integral of a step function of the hour, g/kWh / 3.6e6 = g/J.
 * Batch: of 8 requests share a, of 691 share 1: sqrt(8 x 691) = 74.35 of them (1 + a) / 2.
 * Checkable: 2 x 0.3 - 0.3^1.4 = 0.41468; S = 2 W, D = 8 W: f = 1/2, E = (2 + 1) / 0.5 = 6 J.
 */
#include "models/power.h"
#include <math.h>
#include <stddef.h>

struct power_def power_def_default(void)
{
  return (struct power_def){ .shape = POWER_LINEAR, .exponent = 1.4, .frequency = 1, .cube = 3 };
}

static double between(const double *share, double load)
{
  double x = load * (POWER_POINTS - 1);
  int i = (int)x;
  if (i >= POWER_POINTS - 1) return share[POWER_POINTS - 1];
  return share[i] + (x - i) * (share[i + 1] - share[i]);
}

double power_share(const struct power_def *d, double load)
{
  double u = load < 0 ? 0 : load > 1 ? 1 : load;
  if (!d || d->shape == POWER_LINEAR) return u;
  return d->shape == POWER_TABLE ? between(d->share, u) : 2 * u - pow(u, d->exponent);
}

static double by_batch(const struct power_def *d, double b)
{
  int i = 0;
  if (b < 1) return fmax(b, 0) * d->batch_share[0];
  while (i < d->n_batch && d->batch[i] < b) i++;
  if (i == 0 || i == d->n_batch) return d->batch_share[i ? i - 1 : 0];
  double part = log(b / d->batch[i - 1]) / log(d->batch[i] / d->batch[i - 1]);
  return d->batch_share[i - 1] + part * (d->batch_share[i] - d->batch_share[i - 1]);
}

double power_share_of(const struct power_def *d, double load, double most)
{
  return d && d->shape == POWER_BATCH ? by_batch(d, load * most) : power_share(d, load);
}

double power_clock(const struct power_def *d) { return d && d->frequency != 1 ? pow(d->frequency, d->cube) : 1; }

double power_work_j(double static_w, double dynamic_w, double compute, double f)
{
  return (compute / f + 1 - compute) * (static_w + dynamic_w * f * f * f);
}

/* The energy has one minimum over the clock: golden section, to 1e-9. */
double power_best_clock(double static_w, double dynamic_w, double compute, double lowest)
{
  const double ratio = (sqrt(5) - 1) / 2;
  double low = lowest, high = 1;
  while (high - low > 1e-9) {
    double left = high - ratio * (high - low), right = low + ratio * (high - low);
    if (power_work_j(static_w, dynamic_w, compute, left) < power_work_j(static_w, dynamic_w, compute, right)) high = right;
    else low = left;
  }
  return (low + high) / 2;
}

/* ---- carbon ------------------------------------------------------------------------------------------------------ */

/* Of g/kWh, from midnight to hour h: whole days, whole hours, the rest. */
static double hours_g(const struct carbon_def *d, double h)
{
  double day = 0, days = floor(h / HOURS), rest = h - days * HOURS, sum = 0;
  for (int i = 0; i < HOURS; i++) day += d->g_per_kwh[i];
  int whole = (int)rest;
  for (int i = 0; i < whole; i++) sum += d->g_per_kwh[i];
  return days * day + sum + (rest - whole) * d->g_per_kwh[whole % HOURS];
}

double carbon_mean_g_per_j(const struct carbon_def *d, double from_s, double to_s)
{
  double from = d->start_hour + from_s / 3600, to = d->start_hour + to_s / 3600;
  if (to - from < 1e-9) return d->g_per_kwh[(int)(from - floor(from / HOURS) * HOURS) % HOURS] / 3.6e6;
  return (hours_g(d, to) - hours_g(d, from)) / (to - from) / 3.6e6;
}
