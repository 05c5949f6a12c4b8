/* bm25.c: the postings of the query's terms are merged into scores of documents, the best 10 are kept.
 *
 * score = sum over terms of idf f (k1 + 1) / (f + k1 (1 - b + b length / mean length)), k1 = 1.2, b = .75 (Robertson and
 * Zaragoza 2009). f = 2, length = mean, idf = 1: 4.4 / 3.2 = 1.375.
 * Work: documents terms selectivity postings of 8 B. Documents go by in windows of 2048, whose sums stay near; what is
 * beside the postings is read too (4 B a document), and all sums of a window are looked at: the second axis is the density,
 * postings a document = terms selectivity.
 * Self-check: sums in double precision in another order (all documents at once), the best by repeated maximum. */
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"
#include "experiments/kernels/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENTS, TERMS, SELECTIVITY };
enum { WINDOW = 2048, TOP = 10, MOST_TERMS = 16 };
static const double k1 = 1.2, b = 0.75;

struct posting { uint32_t document; float frequency; };
struct bm25 {
  size_t documents, terms, each;                        /* postings a term */
  struct posting *list[MOST_TERMS];
  float idf[MOST_TERMS];
  float *norm;                                          /* k1 (1 - b + b length / mean length) */
  struct best_item kept[TOP];
  struct best best;
};

static double postings(const double *p)
{
  return p[TERMS] * floor(p[DOCUMENTS] * p[SELECTIVITY] + 0.5);
}
static double units(const double *p) { return p[DOCUMENTS] * p[TERMS] * p[SELECTIVITY]; }
static double working_set(const double *p) { return 8 * units(p); }
static double axis_value(const double *p, int axis) { return axis == 0 ? working_set(p) : p[TERMS] * p[SELECTIVITY]; }
static bool allowed(const double *p) { return working_set(p) >= 16e3 && working_set(p) <= 12.8e6 && axis_value(p, 1) >= 0.04 && axis_value(p, 1) <= 1.6; }

static void finish(void *state)
{
  struct bm25 *s = state;
  if (!s) return;
  for (size_t t = 0; t < s->terms; t++) free(s->list[t]);
  free(s->norm);
  free(s);
}

/* One posting in each of `each` equal stretches of the documents. */
static void draw_list(struct bm25 *s, size_t term, uint64_t *seed)
{
  double stretch = (double)s->documents / (double)s->each;
  for (size_t i = 0; i < s->each; i++) {
    double u = (double)(kernel_random(seed) >> 11) / 9007199254740992.0;
    s->list[term][i] = (struct posting){(uint32_t)((double)i * stretch + u * stretch), 1 + (float)(kernel_random(seed) >> 62)};
    if (i && s->list[term][i].document <= s->list[term][i - 1].document)
      s->list[term][i].document = s->list[term][i - 1].document + 1;
  }
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct bm25 *s = calloc(1, sizeof *s);
  if (!s) return scratch_why(why, "no memory"), NULL;
  s->documents = scratch_count(p[DOCUMENTS]);
  s->terms = scratch_count(p[TERMS]);
  s->each = scratch_count(postings(p) / p[TERMS]);
  bool ok = s->terms <= MOST_TERMS && (s->norm = scratch_memory((s->documents + WINDOW) * sizeof *s->norm));
  for (size_t t = 0; ok && t < s->terms; t++) ok = (s->list[t] = scratch_memory(s->each * sizeof *s->list[t]));
  if (!ok) return finish(s), scratch_why(why, "no memory, or more than %d terms", MOST_TERMS), NULL;
  for (size_t t = 0; t < s->terms; t++) {
    s->idf[t] = 2 + kernel_random_f32(&seed);
    draw_list(s, t, &seed);
  }
  for (size_t d = 0; d < s->documents; d++)
    s->norm[d] = (float)(k1 * (1 - b + b * (0.25 + 1.5 * (double)(kernel_random(&seed) >> 40) / 16777216.0)));
  return s;
}

/* Adds a term's postings of documents below `end`; the first posting beyond. */
static const struct posting *add_term(const struct posting *at, const struct posting *last, uint32_t first, uint32_t end, float idf,
                                      const float *norm, float *sum)
{
  for (; at < last && at->document < end; at++)
    sum[at->document - first] += idf * at->frequency * 2.2f / (at->frequency + norm[at->document]);
  return at;
}

static void keep_window(struct bm25 *s, const float *sum, uint32_t first, uint32_t n)
{
  float bar = s->best.n < TOP ? 0 : s->best.item[0].score;
  for (uint32_t i = 0; i < n; i++)
    if (sum[i] > bar) {
      best_offer(&s->best, sum[i], first + i);
      bar = s->best.n < TOP ? 0 : s->best.item[0].score;
    }
}

static void run(void *state)
{
  struct bm25 *s = state;
  const struct posting *at[MOST_TERMS];
  float sum[WINDOW];
  s->best = (struct best){0, TOP, s->kept};
  for (size_t t = 0; t < s->terms; t++) at[t] = s->list[t];
  for (size_t first = 0; first < s->documents; first += WINDOW) {
    size_t n = s->documents - first < WINDOW ? s->documents - first : WINDOW;
    memset(sum, 0, sizeof sum);
    for (size_t t = 0; t < s->terms; t++)
      at[t] = add_term(at[t], s->list[t] + s->each, (uint32_t)first, (uint32_t)(first + n), s->idf[t], s->norm, sum);
    keep_window(s, sum, (uint32_t)first, (uint32_t)n);
  }
  best_sort(&s->best);
  kernel_keep(s->kept);
}

static void sum_exactly(const struct bm25 *s, double *sum)
{
  for (size_t t = s->terms; t-- > 0;)
    for (size_t i = s->each; i-- > 0;) {
      struct posting p = s->list[t][i];
      if (p.document >= s->documents) continue;
      sum[p.document] += (double)s->idf[t] * (double)p.frequency * (k1 + 1) / ((double)p.frequency + (double)s->norm[p.document]);
    }
}

static bool check(void *state, char *why)
{
  struct bm25 *s = state;
  double *sum = calloc(s->documents, sizeof *sum);
  if (!sum) return scratch_why(why, "no memory to check");
  sum_exactly(s, sum);
  bool right = s->best.n == TOP;
  for (size_t k = 0; k < TOP && right; k++) {
    size_t best = 0;
    for (size_t d = 1; d < s->documents; d++) best = sum[d] > sum[best] ? d : best;
    struct best_item found = s->kept[k];
    right = found.item < s->documents && fabs(sum[best] - (double)found.score) < 1e-4 * sum[best]
            && fabs(sum[found.item] - sum[best]) < 1e-4 * sum[best];
    if (right) sum[found.item] = -1;
  }
  free(sum);
  return right || scratch_why(why, "not the best %d of %zu documents", TOP, s->documents);
}

static const double full[][KERNEL_PARAMETERS] = {
  {10000, 4, 0.05}, {20000, 4, 0.05}, {50000, 4, 0.05}, {100000, 4, 0.05}, {200000, 4, 0.05}, {500000, 4, 0.05},
  {1000000, 4, 0.02}, {50000, 8, 0.05}, {200000, 8, 0.05}, {1000000, 8, 0.05}, {1000000, 16, 0.1}, {25000, 8, 0.02}, {100000, 8, 0.02}, {400000, 8, 0.02},
  {25000, 4, 0.1}, {100000, 4, 0.1}, {400000, 8, 0.1}, {100000, 2, 0.02}, {100000, 2, 0.1}, {50000, 16, 0.05}, {400000, 2, 0.05}};
static const double quick[][KERNEL_PARAMETERS] = {
  {10000, 4, 0.05}, {50000, 4, 0.05}, {200000, 8, 0.05}, {1000000, 16, 0.1}, {100000, 8, 0.02}, {400000, 8, 0.02}, {25000, 4, 0.1}, {400000, 8, 0.1}};

const struct kernel kernel_bm25 = {
  .name = "bm25", .version = 1, .unit = "posting", .bound = BOUND_MEMORY,
  .n_parameters = 3,
  .parameter = {{"documents", 10000, 1000000, 1}, {"terms", 2, 16, 1}, {"selectivity", 0.02, 0.1, 0}},
  .n_axes = 2, .axis = {"working_set", "density"},
  .full = KERNEL_GRID(full), .quick = KERNEL_GRID(quick),
  .units = units, .axis_value = axis_value, .bytes = working_set, .allowed = allowed,
  .prepare = prepare, .run = run, .check = check, .finish = finish,
};
