#include "experiments/capacity.h"
#include "sim/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 8, PARTS = 4 };                         /* doublings either way; parts of a range that are looked at first */
static const double TOLERANCE = 0.002;                  /* relative width of the last bracket */
static const double OVERLOAD = 0.01, JUDGED_AT = 0.99;  /* two-sided: 0.5 % on either side */

const char *const saturation_name[N_SATURATIONS] = {"unknown", "stable", "backlogged", "overloaded"};
const char *const capacity_outcome_name[N_CAPACITY_OUTCOMES] = {"found", "never", "always", "not monotone"};

/* ---- one value --------------------------------------------------------------------------------------------------- */

struct interval capacity_interval(const double *x, size_t n, double confidence)
{
  double least = INFINITY, most = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
  }
  if (isfinite(least) && isfinite(most))
    return interval_t(x, n, confidence);
  return (struct interval){.value = most, .lo = least, .hi = most, .n = n, .method = "order"};
}

void capacity_judge(struct capacity_sample *s, const double *growth, const double *censored, size_t n)
{
  bool known = n > 1, left = false;
  for (size_t i = 0; i < n; i++) {
    known = known && isfinite(growth[i]);
    left = left || censored[i] > 0;
  }
  s->growth = known ? interval_t(growth, n, JUDGED_AT) : (struct interval){NAN, NAN, NAN, n, "t"};
  if (known && s->growth.lo > OVERLOAD)
    s->saturation = SATURATION_OVERLOADED;
  else if (left || (known && s->growth.lo > 0))
    s->saturation = SATURATION_BACKLOGGED;
  else
    s->saturation = known ? SATURATION_STABLE : SATURATION_UNKNOWN;
}

/* Three curves over the values: the band's end that is kind to the value, its middle, the other end. */
enum curve { KIND, MIDDLE, HARSH };

struct search { const struct capacity_question *q; struct capacity_answer *a; struct err *err; size_t room; };

static double curve_at(const struct search *s, const struct capacity_sample *p, enum curve c)
{
  bool lower = (c == KIND) != s->q->above;
  return c == MIDDLE ? p->metric.value : lower ? p->metric.lo : p->metric.hi;
}

static bool broken(const struct search *s, const struct capacity_sample *p)
{
  return s->q->overload_breaks && p->saturation == SATURATION_OVERLOADED;
}

static bool keeps(const struct search *s, const struct capacity_sample *p, enum curve c)
{
  double v = curve_at(s, p, c);
  return !broken(s, p) && (s->q->above ? v > s->q->limit : v < s->q->limit);
}

/* ---- values tried, in order -------------------------------------------------------------------------------------- */

static size_t position(const struct capacity_answer *a, int64_t k)
{
  size_t i = 0;
  while (i < a->n && a->sample[i].k < k)
    i++;
  return i;
}

static void insert(struct search *s, size_t at, const struct capacity_sample *p)
{
  struct capacity_answer *a = s->a;
  if (a->n == s->room) {
    s->room = s->room ? 2 * s->room : 16;
    a->sample = realloc(a->sample, s->room * sizeof *a->sample);
    if (!a->sample)
      check_out_of_memory(s->room * sizeof *a->sample);
  }
  memmove(a->sample + at + 1, a->sample + at, (a->n - at) * sizeof *a->sample);
  a->sample[at] = *p;
  a->n++;
}

/* The sample of k steps, measured when it is not there; *kept: the middle keeps the limit. */
static bool try_value(struct search *s, int64_t k, bool *kept)
{
  size_t at = position(s->a, k);
  if (at == s->a->n || s->a->sample[at].k != k) {
    struct capacity_sample p = {.k = k, .x = (double)k * s->q->step};
    if (!s->q->measure(s->q->context, s->q, &p, s->err))
      return false;
    insert(s, at, &p);
  }
  *kept = keeps(s, &s->a->sample[at], MIDDLE);
  return true;
}

/* ---- where to look ----------------------------------------------------------------------------------------------- */

static bool scan_range(struct search *s)
{
  int64_t from = s->q->from, width = s->q->to - from;
  bool kept;
  for (int i = 0; i <= PARTS; i++)
    if (!try_value(s, from + (int64_t)((double)width * i / PARTS), &kept))
      return false;
  return true;
}

/* Twice and half, four times and a quarter ..., first in the direction in which a load would change sides. */
static bool scan_around(struct search *s)
{
  int64_t from = s->q->from;
  bool first, kept;
  if (!try_value(s, from, &first))
    return false;
  kept = first;
  for (int round = 1; round <= ROUNDS && kept == first; round++)
    for (int side = 0; side < 2 && kept == first; side++) {
      bool up = (side == 0) == first;
      int64_t k = up ? from << round : from >> round;
      if (k > 0 && !try_value(s, k, &kept))
        return false;
    }
  return true;
}

/* ---- crossings --------------------------------------------------------------------------------------------------- */

/* The i-th sample from the side on which the limit is kept. */
static const struct capacity_sample *nth(const struct search *s, size_t i)
{
  const struct capacity_answer *a = s->a;
  return &a->sample[a->smallest ? a->n - 1 - i : i];
}

/* The last value that keeps the limit before one that does not; false: there is no such pair. */
static bool bracket(const struct search *s, enum curve c, struct capacity_sample *kept, struct capacity_sample *lost)
{
  bool found = false;
  for (size_t i = 0; i + 1 < s->a->n; i++)
    if (keeps(s, nth(s, i), c) && !keeps(s, nth(s, i + 1), c)) {
      *kept = *nth(s, i);
      *lost = *nth(s, i + 1);
      found = true;
    }
  return found;
}

/* Share of the way from `kept` to `lost` at which a straight line crosses the limit; a half where there is no line. */
static double crossing(const struct search *s, enum curve c, const struct capacity_sample *kept,
                       const struct capacity_sample *lost)
{
  double a = curve_at(s, kept, c), b = curve_at(s, lost, c);
  double part = (s->q->limit - a) / (b - a);
  return isfinite(a) && isfinite(b) && !broken(s, lost) && part >= 0 && part <= 1 ? part : 0.5;
}

/* The ends of the interval need no more than a tenth of their distance from the value: a straight line does the rest. */
static bool narrow_enough(const struct search *s, enum curve c, const struct capacity_sample *kept,
                          const struct capacity_sample *lost)
{
  double width = fabs((double)(lost->k - kept->k)), at = fmax(fabs((double)kept->k), fabs((double)lost->k));
  double away = fmin(fabs(kept->x - s->a->value), fabs(lost->x - s->a->value)) / s->q->step;
  double enough = fmax(1, TOLERANCE * at);
  return width <= enough || (c != MIDDLE && !s->q->whole && width <= 0.1 * away);
}

/* Interpolation, at least a tenth away from both ends; every third step halves. */
static int64_t next_value(const struct search *s, enum curve c, const struct capacity_sample *kept,
                          const struct capacity_sample *lost, int step)
{
  double part = step % 3 == 2 ? 0.5 : fmin(0.9, fmax(0.1, crossing(s, c, kept, lost)));
  int64_t width = lost->k - kept->k, k = kept->k + llround(part * (double)width);
  return k == kept->k ? k + (width > 0 ? 1 : -1) : k == lost->k ? k - (width > 0 ? 1 : -1) : k;
}

/* Where no range was given, go on outwards until the curve changes sides as well. */
static bool widen(struct search *s, enum curve c)
{
  struct capacity_sample kept, lost;
  bool unused, up = keeps(s, nth(s, 0), c) != s->a->smallest;
  int64_t most = s->q->from << ROUNDS, least = s->q->from >> ROUNDS;
  while (s->q->from == s->q->to && !bracket(s, c, &kept, &lost)) {
    int64_t end = up ? s->a->sample[s->a->n - 1].k : s->a->sample[0].k, k = up ? 2 * end : end / 2;
    if (k < 1 || k < least || k > most)
      return true;
    if (!try_value(s, k, &unused))
      return false;
  }
  return true;
}

/* Where a curve crosses the limit. *open: it does not; then the end of the range on that side. */
static bool find_crossing(struct search *s, enum curve c, double *x, bool *open)
{
  struct capacity_sample kept, lost;
  bool unused;
  if (!widen(s, c))
    return false;
  *open = !bracket(s, c, &kept, &lost);
  if (*open) {
    *x = nth(s, keeps(s, nth(s, 0), c) ? s->a->n - 1 : 0)->x;
    return true;
  }
  for (int step = 0; !narrow_enough(s, c, &kept, &lost); step++) {
    if (!try_value(s, next_value(s, c, &kept, &lost, step), &unused))
      return false;
    if (!bracket(s, c, &kept, &lost))
      break;
  }
  double part = s->q->whole ? 0 : broken(s, &lost) ? 0 : crossing(s, c, &kept, &lost);
  *x = kept.x + part * (lost.x - kept.x);
  return true;
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

/* A value on the good side that surely does not keep the limit. */
static bool find_odd(struct search *s)
{
  const struct capacity_answer *a = s->a;
  size_t last = 0;
  for (size_t i = 0; i < a->n; i++)
    if (keeps(s, nth(s, i), MIDDLE))
      last = i;
  for (size_t i = 0; i < last; i++)
    if (!keeps(s, nth(s, i), KIND)) {
      s->a->odd = *nth(s, i);
      return true;
    }
  return false;
}

static bool settle_ends(struct search *s)
{
  struct capacity_answer *a = s->a;
  bool first = keeps(s, &a->sample[0], MIDDLE), last = keeps(s, &a->sample[a->n - 1], MIDDLE), any = false, all = true;
  for (size_t i = 0; i < a->n; i++) {
    bool kept = keeps(s, &a->sample[i], MIDDLE);
    any = any || kept;
    all = all && kept;
  }
  a->smallest = !first && last;
  a->outcome = !any ? CAPACITY_NEVER : all ? CAPACITY_ALWAYS : first == last ? CAPACITY_NOT_MONOTONE : CAPACITY_FOUND;
  for (size_t i = 0; i < a->n && a->outcome == CAPACITY_NOT_MONOTONE; i++)
    if (keeps(s, &a->sample[i], MIDDLE) != first)
      a->odd = a->sample[i];
  return a->outcome == CAPACITY_FOUND;
}

static bool find_answer(struct search *s)
{
  struct capacity_answer *a = s->a;
  double kind, harsh;
  bool unused, kind_open, harsh_open;
  if (!find_crossing(s, MIDDLE, &a->value, &unused) || !find_crossing(s, HARSH, &harsh, &harsh_open)
      || !find_crossing(s, KIND, &kind, &kind_open))
    return false;
  a->lo = a->smallest ? kind : harsh, a->lo_open = a->smallest ? kind_open : harsh_open;
  a->hi = a->smallest ? harsh : kind, a->hi_open = a->smallest ? harsh_open : kind_open;
  if (find_odd(s))
    a->outcome = CAPACITY_NOT_MONOTONE;
  return true;
}

bool capacity_find(const struct capacity_question *q, struct capacity_answer *a, struct err *err)
{
  struct search s = {.q = q, .a = a, .err = err};
  *a = (struct capacity_answer){.value = NAN, .lo = NAN, .hi = NAN};
  if (!(q->from == q->to ? scan_around(&s) : scan_range(&s)))
    return false;
  return !settle_ends(&s) || find_answer(&s);
}

void capacity_free(struct capacity_answer *a) { free(a->sample); }
