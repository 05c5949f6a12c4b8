/* router_bench.c: queries out of a joint table, curves of share against gap recovered, and what is read off them. */
#include "experiments/validate/router_bench.h"

#include "sim/check.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- queries ---- */

static int add_row(const struct joint_table *t, int row, struct query *q)
{
  const struct outcome_row *r = &t->row[row];
  double all = outcome_requests(r), before = 0;
  int n = 0;
  for (int o = 0; o < OUTCOME_KINDS; o++) {
    for (double k = 0; k < r->count[o]; k++)
      q[n++] = (struct query){row, (enum answered)o, (before + k + 0.5) / all, r->prompt_chars / chars_per_token};
    before += r->count[o];
  }
  return n;
}

static void shuffle(struct query *q, int n, struct rng *r)
{
  for (int i = n - 1; i > 0; i--) {
    int k = (int)rng_below(r, (uint64_t)i + 1);
    struct query other = q[k];
    q[k] = q[i];
    q[i] = other;
  }
}

struct bench bench_make(const struct joint_table *t, const char *set, const struct prices *p, uint64_t seed, struct arena *a)
{
  struct bench b = {.table = t, .prices = *p};
  struct rng_root root = rng_root_make(seed, 0);
  struct rng r = rng_open(&root, rng_name("router bench order"), 0, 0);
  double all = 0;
  for (int i = 0; i < t->n_rows; i++)
    all += ceil(outcome_requests(&t->row[i])) + OUTCOME_KINDS;
  struct query *q = arena_array(a, struct query, (size_t)all + 1);
  for (int i = 0; i < t->n_rows; i++)
    if (!set || !strcmp(t->row[i].set, set))
      b.n += add_row(t, i, q + b.n);
  shuffle(q, b.n, &r);
  b.query = q;
  for (int i = 0; i < b.n; i++) {
    b.weak += outcome_right(q[i].outcome, false);
    b.strong += outcome_right(q[i].outcome, true);
  }
  return b;
}

double bench_usd(const struct bench *b, const struct query *q, bool strong)
{
  const double *usd = strong ? b->prices.strong : b->prices.weak;
  return q->tokens * usd[0] + b->prices.answer_tok * usd[1];
}

double bench_pgr_of(const struct bench *b, double of_strong) { return (of_strong * b->strong - b->weak) / (b->strong - b->weak); }

/* ---- curves ---- */

struct scored { double score; const struct query *query; };

static int higher_first(const void *a, const void *b)
{
  const struct scored *x = a, *y = b;
  return (x->score < y->score) - (x->score > y->score);
}

static double gain(const struct query *q) { return outcome_right(q->outcome, true) - outcome_right(q->outcome, false); }

static double all_weak_usd(const struct bench *b)
{
  double usd = 0;
  for (int i = 0; i < b->n; i++)
    usd += bench_usd(b, &b->query[i], false);
  return usd;
}

struct curve bench_curve(const struct bench *b, const double *score, bool both, struct arena *a)
{
  struct scored *s = arena_array(a, struct scored, b->n);
  struct curve c = {0, arena_array(a, struct point, b->n + 1)};
  double gained = 0, usd = all_weak_usd(b);
  for (int i = 0; i < b->n; i++)
    s[i] = (struct scored){score[i], &b->query[i]};
  qsort(s, (size_t)b->n, sizeof *s, higher_first);
  c.point[c.n++] = (struct point){0, 0, usd / b->n};
  for (int i = 0; i < b->n; i++) {
    gained += gain(s[i].query);
    usd += bench_usd(b, s[i].query, true) - (both ? 0 : bench_usd(b, s[i].query, false));
    if (i + 1 == b->n || s[i + 1].score < s[i].score)
      c.point[c.n++] = (struct point){(i + 1.) / b->n, gained / (b->strong - b->weak), usd / b->n};
  }
  return c;
}

static int less_share_first(const void *a, const void *b)
{
  const struct point *x = a, *y = b;
  return (x->share > y->share) - (x->share < y->share);
}

struct curve bench_through(const struct bench *b, struct point *p, int n, struct arena *a)
{
  struct curve c = {n + 2, arena_array(a, struct point, n + 2)};
  double weak = all_weak_usd(b), strong = 0;
  for (int i = 0; i < b->n; i++)
    strong += bench_usd(b, &b->query[i], true);
  qsort(p, (size_t)n, sizeof *p, less_share_first);
  memcpy(c.point + 1, p, (size_t)n * sizeof *p);
  c.point[0] = (struct point){0, 0, weak / b->n};
  c.point[n + 1] = (struct point){1, 1, strong / b->n};
  return c;
}

double curve_apgr(const struct curve *c)
{
  double area = 0;
  for (int i = 1; i < c->n; i++)
    area += (c->point[i].share - c->point[i - 1].share) * (c->point[i].pgr + c->point[i - 1].pgr) / 2;
  return area;
}

struct point curve_at(const struct curve *c, double pgr)
{
  for (int i = 0; i < c->n; i++) {
    const struct point *to = &c->point[i], *from = i ? to - 1 : to;
    if (to->pgr < pgr)
      continue;
    double w = to->pgr > from->pgr ? (pgr - from->pgr) / (to->pgr - from->pgr) : 1;
    return (struct point){from->share + w * (to->share - from->share), pgr, from->usd + w * (to->usd - from->usd)};
  }
  return (struct point){NAN, pgr, NAN};
}

struct curve bench_binormal(const struct bench *b, enum score_of of, double separation, struct arena *a)
{
  enum { STEPS = 4000 };
  double n[OUTCOME_KINDS] = {0};
  struct curve c = {STEPS + 1, arena_array(a, struct point, STEPS + 1)};
  for (int i = 0; i < b->n; i++)
    n[b->query[i].outcome]++;
  double marked = n[ONLY_STRONG] + (of == SCORE_WEAK_FAILS ? n[NONE_RIGHT] : 0);
  for (int i = 0; i <= STEPS; i++) {
    double threshold = 14 - 20. * i / STEPS;
    double with = gsl_cdf_ugaussian_Q(threshold - separation), without = gsl_cdf_ugaussian_Q(threshold);
    c.point[i] = (struct point){(marked * with + (b->n - marked) * without) / b->n,
                                (n[ONLY_STRONG] * with - n[ONLY_WEAK] * without) / (b->strong - b->weak), NAN};
  }
  return c;
}

/* ---- scores ---- */

void bench_scores(const struct bench *b, enum score_of of, double separation, struct rng *r, double *score)
{
  const struct scores_def s = {.of = of, .separation = separation, .table = b->table};
  for (int i = 0; i < b->n; i++)
    score[i] = score_draw(&s, b->query[i].row, b->query[i].u, rng_normal(r));
}

void bench_oracle(const struct bench *b, double *score)
{
  for (int i = 0; i < b->n; i++)
    score[i] = gain(&b->query[i]);
}

void bench_subject_gains(const struct bench *b, double *score)
{
  for (int i = 0; i < b->n; i++) {
    const struct outcome_row *r = &b->table->row[b->query[i].row];
    score[i] = outcome_share(r, true) - outcome_share(r, false) - 1e-9 * b->query[i].row;       /* one subject at a time */
  }
}
