/* outcomes.c: quality by a joint table of two models, scores of a given AUC, and what routers can reach with it. */
#include "models/outcomes.h"

#include "sim/check.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double outcome_requests(const struct outcome_row *r)
{
  double n = 0;
  for (int o = 0; o < OUTCOME_KINDS; o++)
    n += r->count[o];
  return n;
}

enum answered outcome_at(const struct outcome_row *r, double difficulty)
{
  double left = difficulty * outcome_requests(r);
  for (int o = 0; o < OUTCOME_KINDS - 1; o++) {
    if (left < r->count[o])
      return (enum answered)o;
    left -= r->count[o];
  }
  return NONE_RIGHT;
}

static double right(const struct outcome_row *r, bool strong)
{
  return r->count[BOTH_RIGHT] + r->count[strong ? ONLY_STRONG : ONLY_WEAK];
}

double outcome_share(const struct outcome_row *r, bool strong) { return right(r, strong) / outcome_requests(r); }

static bool in_set(const struct outcome_row *r, const char *set) { return !set || !strcmp(r->set, set); }

bool outcomes_has_set(const struct joint_table *t, const char *set)
{
  bool any = false;
  for (int i = 0; i < t->n_rows; i++)
    any |= in_set(&t->row[i], set);
  return any;
}

size_t outcomes_sets(const struct joint_table *t, const char **set)
{
  size_t n = 0;
  for (int i = 0; i < t->n_rows; i++) {
    size_t k = 0;
    while (k < n && strcmp(set[k], t->row[i].set)) k++;
    if (k == n) set[n++] = t->row[i].set;
  }
  return n;
}

double outcomes_share(const struct joint_table *t, const char *set, bool strong)
{
  double sum = 0, n = 0;
  for (int i = 0; i < t->n_rows; i++)
    if (in_set(&t->row[i], set)) {
      sum += right(&t->row[i], strong);
      n += outcome_requests(&t->row[i]);
    }
  return n > 0 ? sum / n : 0;
}

/* ---- scores ---- */

double score_separation(double auc) { return M_SQRT2 * gsl_cdf_ugaussian_Pinv(auc); }

static bool holds(const struct scores_def *s, double subject, double difficulty)
{
  if (s->of == SCORE_DIFFICULT)
    return difficulty > s->above;
  sim_assert(subject >= 0 && subject < s->table->n_rows);
  enum answered o = outcome_at(&s->table->row[(int)subject], difficulty);
  return o == ONLY_STRONG || (s->of == SCORE_WEAK_FAILS && o == NONE_RIGHT);
}

double score_draw(const struct scores_def *s, double subject, double difficulty, double z)
{
  return gsl_cdf_ugaussian_P(holds(s, subject, difficulty) ? z + s->separation : z);
}

/* ---- figures ---- */

struct gain { double per_request, requests; };

static int larger_first(const void *a, const void *b)
{
  const struct gain *x = a, *y = b;
  return (x->per_request < y->per_request) - (x->per_request > y->per_request);
}

/* Requests to move until `missing` more are right. NAN: never. */
static double move_subjects(struct gain *gain, int n, double missing)
{
  double moved = 0;
  qsort(gain, (size_t)n, sizeof *gain, larger_first);
  for (int i = 0; i < n && missing > 0; i++) {
    double more = gain[i].per_request * gain[i].requests;
    if (!(more > 0))
      return NAN;
    double part = fmin(1, missing / more);
    moved += part * gain[i].requests;
    missing -= part * more;
  }
  return missing > 1e-9 ? NAN : moved;
}

struct router_figures outcomes_figures(const struct joint_table *t, const char *set, double target, struct arena *a)
{
  struct gain *gain = arena_array(a, struct gain, t->n_rows + 1);
  double n = 0, weak = 0, strong = 0, only_strong = 0;
  int kept = 0;
  for (int i = 0; i < t->n_rows; i++) {
    const struct outcome_row *r = &t->row[i];
    if (!in_set(r, set))
      continue;
    gain[kept++] = (struct gain){outcome_share(r, true) - outcome_share(r, false), outcome_requests(r)};
    n += outcome_requests(r);
    weak += right(r, false);
    strong += right(r, true);
    only_strong += r->count[ONLY_STRONG];
  }
  double missing = target * strong - weak;
  struct router_figures f = {.requests = n, .weak = weak / n, .strong = strong / n};
  f.oracle = missing > only_strong ? NAN : fmax(0, missing) / n;
  f.per_subject = move_subjects(gain, kept, missing) / n;
  f.random = strong > weak ? fmax(0, missing) / (strong - weak) : missing > 0 ? NAN : 0;
  return f;
}
