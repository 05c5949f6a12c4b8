/* stat.c: running mean and variance, and time averages.
 *
 * Welford, Technometrics 4, 1962; merging after Chan, Golub and LeVeque, Stanford STAN-CS-79-773, 1979.
 * Check: 2, 4, 4, 4, 5, 5, 7, 9 has mean 5 and sum of squares 32 (variance 32/7).
 */
#include "sim/stat.h"
#include "sim/check.h"

#include <math.h>

void moments_merge(struct moments *m, const struct moments *other)
{
  if (other->n == 0)
    return;
  if (m->n == 0) {
    *m = *other;
    return;
  }
  double a = (double)m->n, b = (double)other->n, off = other->mean - m->mean;
  m->mean += off * (b / (a + b));
  m->m2 += other->m2 + off * off * (a * b / (a + b));
  m->n += other->n;
  m->min = fmin(m->min, other->min);
  m->max = fmax(m->max, other->max);
}

double moments_variance(const struct moments *m)
{
  return m->n > 1 ? m->m2 / (double)(m->n - 1) : NAN;
}

double moments_sd(const struct moments *m)
{
  return sqrt(moments_variance(m));
}

/* ---- levels ---------------------------------------------------------------------------------------------------- */

void level_start(struct level *l, int64_t now_ns, int64_t value)
{
  *l = (struct level){.value = value, .since_ns = now_ns, .start_ns = now_ns, .max = value};
}

void level_set(struct level *l, int64_t now_ns, int64_t value)
{
  sim_assert(now_ns >= l->since_ns);
  l->area += (__int128)l->value * (now_ns - l->since_ns);
  l->value = value;
  l->since_ns = now_ns;
  l->max = value > l->max ? value : l->max;
}

static __int128 area_until(const struct level *l, int64_t now_ns)
{
  sim_assert(now_ns >= l->since_ns);
  return l->area + (__int128)l->value * (now_ns - l->since_ns);
}

double level_area_s(const struct level *l, int64_t now_ns)
{
  return (double)area_until(l, now_ns) / 1e9;
}

double level_mean(const struct level *l, int64_t now_ns)
{
  int64_t span = now_ns - l->start_ns;
  return span > 0 ? (double)area_until(l, now_ns) / (double)span : (double)l->value;
}
