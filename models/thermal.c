/* Equations (T1 die, T2 case, R1 die to case, R2 case to ambient):
 *   C1 T1' = P - (T1 - T2) / R1,   C2 T2' = (T1 - T2) / R1 - (T2 - Ta) / R2.
 * Steady: T2 = Ta + P R2, T1 = T2 + P R1. Deviations follow x' = A x with A = [-a a; b -(b+c)], a = 1/(R1 C1),
 * b = 1/(R1 C2), c = 1/(R2 C2), whose eigenvalues are real and negative: the sum is -(a+b+c), the product a c.
 * Checkable: P = 10 W, R1 = 4, R2 = 5, Ta = 25: steady 75 C in the case, 115 C on the die; a body without a die
 * (C1 -> 0) is at Ta + P R2 (1 - exp(-t / (R2 C2))).
 */
#include "models/thermal.h"
#include <math.h>

void thermal_start(const struct thermal_def *d, struct thermal *t)
{
  *t = (struct thermal){ .die_c = d->ambient_c, .case_c = d->ambient_c };
}

/* One temperature: steady + first exp(slow t) + second exp(fast t). */
struct course { double steady, slow, fast, first, second; };

static double course_at(const struct course *c, double t)
{
  return c->steady + c->first * exp(c->slow * t) + c->second * exp(c->fast * t);
}

/* From value and slope at the start: first + second = x, slow first + fast second = x'. */
static void course_from(struct course *c, double value, double slope)
{
  double x = value - c->steady;
  c->first = (slope - c->fast * x) / (c->slow - c->fast);
  c->second = x - c->first;
}

static void courses(const struct thermal_def *d, const struct thermal *t, double power_w, struct course *die, struct course *box)
{
  double a = 1 / (d->die_k_per_w * d->die_j_per_k), b = 1 / (d->die_k_per_w * d->case_j_per_k);
  double c = 1 / (d->case_k_per_w * d->case_j_per_k), sum = a + b + c;
  double fast = -(sum + sqrt(sum * sum - 4 * a * c)) / 2, slow = a * c / fast;
  *die = *box = (struct course){ .slow = slow, .fast = fast };
  box->steady = d->ambient_c + power_w * d->case_k_per_w;
  die->steady = box->steady + power_w * d->die_k_per_w;
  double flow = (t->die_c - t->case_c) / d->die_k_per_w;
  course_from(die, t->die_c, (power_w - flow) / d->die_j_per_k);
  course_from(box, t->case_c, (flow - (t->case_c - d->ambient_c) / d->case_k_per_w) / d->case_j_per_k);
}

void thermal_advance(const struct thermal_def *d, struct thermal *t, double now_s, double power_w)
{
  struct course die, box;
  double dt = now_s - t->at_s;
  if (!(dt > 0)) return;
  courses(d, t, power_w, &die, &box);
  t->die_c = course_at(&die, dt);
  t->case_c = course_at(&box, dt);
  t->at_s = now_s;
  if (t->throttled) t->throttled_s += dt;
}

double thermal_watched(const struct thermal_def *d, const struct thermal *t)
{
  return d->watch == WATCH_DIE ? t->die_c : t->case_c;
}

/* Where the course turns; a sum of two exponentials does so once at most. INFINITY: it does not. */
static double turn_of(const struct course *c)
{
  double ratio = -(c->second * c->fast) / (c->first * c->slow);
  double t = ratio > 0 ? log(ratio) / (c->slow - c->fast) : INFINITY;
  return t > 0 ? t : INFINITY;
}

/* The course is monotone from low to high and passes `level` there. */
static double pass(const struct course *c, double level, double low, double high)
{
  bool rises = course_at(c, low) < level;
  for (int i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    double middle = (low + high) / 2;
    if ((course_at(c, middle) < level) == rises) low = middle;
    else high = middle;
  }
  return high;
}

/* The first time at which the course is at or above the level, INFINITY if never. `up` false: at or below. */
static double first_at(const struct course *c, double level, bool up)
{
  double sign = up ? 1 : -1, turn = turn_of(c);
  if (sign * (course_at(c, 0) - level) >= 0) return 0;
  if (turn < INFINITY && sign * (course_at(c, turn) - level) >= 0) return pass(c, level, 0, turn);
  if (sign * (c->steady - level) <= 1e-12 * (1 + fabs(level))) return INFINITY;
  double low = turn < INFINITY ? turn : 0, step = 1 / -c->slow;
  while (sign * (course_at(c, low + step) - level) < 0) step *= 2;
  return pass(c, level, low, low + step);
}

double thermal_next(const struct thermal_def *d, const struct thermal *t, double power_w)
{
  struct course die, box;
  courses(d, t, power_w, &die, &box);
  double level = t->throttled ? d->limit_c - d->hysteresis_k : d->limit_c;
  return first_at(d->watch == WATCH_DIE ? &die : &box, level, !t->throttled);
}
