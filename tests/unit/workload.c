/* workload: sources against formulas; replications of traces; fits against what they were fitted to. */
#include "models/workload.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { S = 1000000000 };

static struct arena *arena;
static struct err err;

static int set_up(void **state)
{
  arena = arena_new();
  err_init(&err);
  return 0;
}

static int tear_down(void **state)
{
  err_release(&err);
  arena_free(arena);
  return 0;
}

/* ---- worlds of one or two classes -------------------------------------------------------------------------------- */

static const struct attribute_def difficulty[] = {{.name = "difficulty", .known = KNOWN_ORACLE}};

static struct class_def class_of(const char *name, struct arrivals_def arrivals)
{
  struct class_def c = class_def_default();
  c.name = name;
  c.arrivals = arrivals;
  c.n_attributes = 1;
  c.attribute = difficulty;
  return c;
}

static struct source *source_of(const struct class_def *classes, int n, int klass, uint64_t seed, uint64_t replication)
{
  struct world_def w = {.n_classes = n, .klass = classes};
  struct rng_root root = rng_root_make(seed, replication);
  struct source *s = source_new(&w, klass, &root, &err);
  if (!s) {
    err_print(&err, stderr, false);
    fail_msg("no source");
  }
  return s;
}

/* Arrival times up to `until_s`, at most `most`. */
static uint64_t times_of(struct arrivals_def a, uint64_t seed, double until_s, double *t, uint64_t most)
{
  struct class_def c = class_of("c", a);
  struct source *s = source_of(&c, 1, 0, seed, 0);
  double attribute[MAX_ATTRIBUTES];
  uint64_t n = 0;
  sim_time at;
  while (n < most && source_next(s, &at, attribute) && s_from_ns(at) < until_s)
    t[n++] = s_from_ns(at);
  source_free(s);
  return n;
}

static double *many(uint64_t n) { return arena_array(arena, double, n); }

struct sum { double n, mean, variance; };

static struct sum sum_of(const double *x, uint64_t n)
{
  struct sum s = {.n = (double)n};
  for (uint64_t i = 0; i < n; i++)
    s.mean += x[i] / s.n;
  for (uint64_t i = 0; i < n; i++)
    s.variance += (x[i] - s.mean) * (x[i] - s.mean) / s.n;
  return s;
}

static struct sum gaps_of(const double *t, uint64_t n)
{
  double *gap = many(n);
  for (uint64_t i = 0; i < n; i++)
    gap[i] = t[i] - (i ? t[i - 1] : 0);
  return sum_of(gap, n);
}

/* Counts in windows of w seconds. */
static struct sum counts_of(const double *t, uint64_t n, double w, double until_s)
{
  uint64_t windows = (uint64_t)(until_s / w + 1e-9);
  double *count = many(windows);
  for (uint64_t i = 0; i < n; i++)
    if (t[i] < (double)windows * w)
      count[(uint64_t)(t[i] / w)]++;
  return sum_of(count, windows);
}

static void assert_near(double x, double expected, double relative)
{
  if (!(fabs(x - expected) <= relative * fabs(expected)))
    fail_msg("%.9g is not within %g of %.9g", x, relative, expected);
}

static const struct dist *dist(const char *kind, double a, double b)
{
  struct dist *d = arena_alloc(arena, sizeof *d);
  char why[160];
  bool one = !strcmp(kind, "exponential") || !strcmp(kind, "constant");
  assert_true(dist_make(d, kind, (double[]){a, b}, one ? 1 : 2, why));
  return d;
}

/* ---- arrivals by formula ----------------------------------------------------------------------------------------- */

enum { MANY = 400000 };

/* Mean 1/rate, CV 1, counts with variance equal to the mean. Tolerance: 4 standard errors. */
static void poisson(void **state)
{
  double *t = many(MANY);
  uint64_t n = times_of((struct arrivals_def){.kind = ARRIVE_POISSON, .rate_per_s = 50}, 1, INFINITY, t, MANY);
  struct sum gap = gaps_of(t, n), count = counts_of(t, n, 1, t[n - 1]);
  assert_near(gap.mean, 1 / 50.0, 4 / sqrt(MANY));
  assert_near(gap.variance / (gap.mean * gap.mean), 1, .02);
  assert_near(count.variance / count.mean, 1, 4 * sqrt(2 / count.n));
}

static void poisson_of_rate_0_never_comes(void **state)
{
  double t[1];
  assert_int_equal(times_of((struct arrivals_def){.kind = ARRIVE_POISSON}, 1, INFINITY, t, 1), 0);
}

/* CV by the distribution: uniform(0, 2) 1/sqrt(3), constant 0, gamma of shape 4 1/2, hyperexponential its scv. */
static void renewal(void **state)
{
  struct { const struct dist *gap; double scv; } kinds[] = {
    {dist("uniform", 0, 2), 1.0 / 3}, {dist("constant", 1, 0), 0}, {dist("gamma", 1, 4), .25},
    {dist("hyperexponential", 1, 9), 9}};
  double *t = many(MANY);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    struct arrivals_def a = {.kind = ARRIVE_RENEWAL, .interarrival_s = kinds[i].gap};
    uint64_t n = times_of(a, 2, INFINITY, t, MANY);
    struct sum gap = gaps_of(t, n);
    assert_near(gap.mean, 1, 4 * sqrt(kinds[i].scv / MANY) + 1e-9);
    assert_true(fabs(gap.variance - kinds[i].scv) <= .05 * kinds[i].scv + 1e-9);
  }
}

/* Rates a, b, mean stays m: Var N(t) = rate t + 2 c (t/q - (1 - exp(-q t))/q^2), c = ((a - b)/2)^2, q = 2/m. */
static void mmpp(void **state)
{
  const double rate[] = {20, 4}, stay_s[] = {5, 5}, q = 2 / 5.0, c = 64, until_s = 40000;
  double *t = many(1000000);
  uint64_t n = times_of((struct arrivals_def){.kind = ARRIVE_MMPP, .n_states = 2, .state_rate_per_s = rate,
                                             .state_mean_s = stay_s}, 3, until_s, t, 1000000);
  assert_near((double)n / until_s, 12, .02);
  for (double w = 1; w <= 16; w *= 4) {
    struct sum count = counts_of(t, n, w, until_s);
    assert_near(count.variance, 12 * w + 2 * c * (w / q - (1 - exp(-q * w)) / (q * q)), .08);
  }
}

/* Exponential periods are an MMPP with rates r, 0; three states follow one another in any order. */
static void on_off_and_three_states(void **state)
{
  const double until_s = 40000;
  double *t = many(1000000);
  struct arrivals_def a = {.kind = ARRIVE_ON_OFF, .on_s = dist("exponential", 2, 0), .off_s = dist("exponential", 6, 0),
                           .on_rate_per_s = 40};
  uint64_t n = times_of(a, 4, until_s, t, 1000000);
  assert_near((double)n / until_s, 10, .04);
  const double q = 1 / 2.0 + 1 / 6.0, c = 1600 * .25 * .75;
  assert_near(counts_of(t, n, 4, until_s).variance, 10 * 4 + 2 * c * (4 / q - (1 - exp(-q * 4)) / (q * q)), .08);

  a = (struct arrivals_def){.kind = ARRIVE_MMPP, .n_states = 3, .state_rate_per_s = (double[]){0, 10, 30},
                            .state_mean_s = (double[]){1, 2, 1}};
  n = times_of(a, 5, until_s, t, 1000000);
  assert_near((double)n / until_s, (0 * 1 + 10 * 2 + 30 * 1) / 4.0, .03);
}

/* Rate 10 from 1 s, 0 from 3 s, 40 from 4 s, again every 5 s: 10, 10, 0, 40 in seconds 1 to 4 of a period. */
static void piecewise(void **state)
{
  const double from_s[] = {1, 3, 4}, rate[] = {10, 0, 40}, expected[] = {0, 10, 10, 0, 40}, periods = 4000;
  double *t = many(1000000), count[5] = {0};
  struct arrivals_def a = {.kind = ARRIVE_PIECEWISE, .n_pieces = 3, .piece_from_s = from_s, .piece_rate_per_s = rate,
                           .piece_period_s = 5};
  uint64_t n = times_of(a, 6, 5 * periods, t, 1000000);
  for (uint64_t i = 0; i < n; i++)
    count[(int)fmod(t[i], 5)]++;
  for (int i = 0; i < 5; i++)
    assert_true(fabs(count[i] / periods - expected[i]) <= 4 * sqrt(expected[i] / periods));
  a.piece_period_s = 0;                                 /* the last piece goes on */
  n = times_of(a, 7, 10000, t, 1000000);
  assert_near((double)n, 20 + 40 * 9996, .01);
}

static void closed_users_think(void **state)
{
  struct arrivals_def a = {.kind = ARRIVE_CLOSED, .users = 10, .think_s = dist("exponential", 3, 0)};
  struct class_def c = class_of("c", a);
  struct source *s = source_of(&c, 1, 0, 8, 0);
  double sum = 0;
  for (uint64_t user = 0; user < 100; user++)
    for (uint64_t k = 0; k < 1000; k++)
      sum += s_from_ns(source_think(s, user, k));
  assert_near(sum / 1e5, 3, 4 / sqrt(1e5));
  assert_int_equal(source_think(s, 4, 7), source_think(s, 4, 7));
  assert_true(source_think(s, 4, 7) != source_think(s, 7, 4));
  source_free(s);
}

static void wrong_definitions_are_refused(void **state)
{
  const double zero[] = {0, 0}, one[] = {1, 1};
  struct arrivals_def wrong[] = {
    {.kind = ARRIVE_POISSON, .rate_per_s = -1}, {.kind = ARRIVE_RENEWAL, .interarrival_s = dist("constant", 0, 0)},
    {.kind = ARRIVE_MMPP, .n_states = 2, .state_rate_per_s = zero, .state_mean_s = one},
    {.kind = ARRIVE_MMPP, .n_states = 2, .state_rate_per_s = one, .state_mean_s = zero},
    {.kind = ARRIVE_PIECEWISE, .n_pieces = 2, .piece_from_s = one, .piece_rate_per_s = one},
    {.kind = ARRIVE_ON_OFF, .on_s = dist("constant", 0, 0), .off_s = dist("constant", 1, 0), .on_rate_per_s = 1},
    {.kind = ARRIVE_CLOSED}};
  struct rng_root root = rng_root_make(1, 0);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct class_def c = class_of("c", wrong[i]);
    struct world_def w = {.n_classes = 1, .klass = &c};
    assert_null(source_new(&w, 0, &root, &err));
    assert_int_equal(err.n_errors, i + 1);
  }
}

/* ---- random numbers by name -------------------------------------------------------------------------------------- */

/* The same for the same seed; others do not disturb; changing one attribute's distribution changes only that. */
static void sources_depend_on_names_only(void **state)
{
  struct arrivals_def a = {.kind = ARRIVE_POISSON, .rate_per_s = 10};
  struct attribute_def attributes[] = {difficulty[0], {.name = "x", .dist = dist("exponential", 1, 0)},
                                       {.name = "y", .dist = dist("lognormal", 1, 1)}};
  struct class_def both[2] = {class_of("a", a), class_of("b", a)};
  both[1].n_attributes = 3;
  both[1].attribute = attributes;
  struct source *alone = source_of(&both[1], 1, 0, 9, 2), *second = source_of(both, 2, 1, 9, 2);
  struct source *other = source_of(both, 2, 0, 9, 2), *replication = source_of(both, 2, 1, 9, 3);
  struct attribute_def changed[] = {attributes[0], {.name = "x", .dist = dist("gamma", 1, 1)}, attributes[2]};
  struct class_def variant = both[1];
  variant.attribute = changed;
  struct source *different = source_of(&variant, 1, 0, 9, 2);
  double u[MAX_ATTRIBUTES] = {0}, v[MAX_ATTRIBUTES] = {0}, w[MAX_ATTRIBUTES] = {0};
  sim_time t, s, r, o;
  for (uint64_t i = 0; i < 1000; i++) {
    assert_true(source_next(alone, &t, u) && source_next(other, &o, v) && source_next(second, &s, v));
    assert_true(source_next(replication, &r, w));
    assert_true(t == s && t != r && t != o);
    source_attributes(second, 999 - i, v);              /* in any order */
    source_attributes(second, i, v);
    source_attributes(alone, i, u);
    source_attributes(different, i, w);
    assert_memory_equal(u, v, 3 * sizeof *u);
    assert_true(u[0] == w[0] && u[1] != w[1] && u[2] == w[2] && u[0] > 0 && u[0] < 1);
  }
  source_free(alone);
  source_free(second);
  source_free(other);
  source_free(replication);
  source_free(different);
}

static void attributes_without_a_source_are_refused(void **state)
{
  struct attribute_def attributes[] = {difficulty[0], {.name = "lost"}};
  struct class_def c = class_of("c", (struct arrivals_def){.kind = ARRIVE_POISSON, .rate_per_s = 1});
  c.n_attributes = 2;
  c.attribute = attributes;
  struct world_def w = {.n_classes = 1, .klass = &c};
  struct rng_root root = rng_root_make(1, 0);
  assert_null(source_new(&w, 0, &root, &err));
  assert_string_equal(err.problems[0].message, "attribute 'lost' of class 'c' has neither a distribution nor a column");
}

/* ---- traces ------------------------------------------------------------------------------------------------------ */

enum { ROWS = 1000 };
static const struct trace_column_def row_column[] = {{.attribute = "row", .column = "row", .scale = 1}};
static const struct attribute_def row_attributes[] = {{.name = "difficulty", .known = KNOWN_ORACLE}, {.name = "row"}};

/* 1000 rows over 999 s, one a second, alternately 0.2 s late; value = number of the row. */
static struct trace_def numbered_trace(void)
{
  sim_time *at = arena_array(arena, sim_time, ROWS);
  double *row = many(ROWS);
  for (int i = 0; i < ROWS; i++) {
    at[i] = i * (sim_time)S + (i % 2 && i < ROWS - 1 ? S / 5 : 0);
    row[i] = i;
  }
  const double **column = arena_array(arena, const double *, 1);
  column[0] = row;
  struct trace_table *t = arena_alloc(arena, sizeof *t);
  *t = (struct trace_table){.rows_read = ROWS, .n = ROWS, .at = at, .span = 999 * (sim_time)S,
                            .period = 1000 * (sim_time)S, .n_columns = 1, .column = column};
  struct trace_def d = trace_def_default();
  d.file = d.asked = "numbered";
  d.n_columns = 1;
  d.column = row_column;
  d.table = t;
  return d;
}

struct replay { uint64_t n; double t[8 * ROWS], row[8 * ROWS]; };

static struct class_def class_of_trace(const char *name, const struct trace_def *d, double share)
{
  struct class_def c = class_of(name, (struct arrivals_def){.kind = ARRIVE_TRACE, .trace = d});
  c.share = share;
  c.n_attributes = 2;
  c.attribute = row_attributes;
  return c;
}

static struct replay *replay_class(const struct class_def *classes, int n, int klass, uint64_t replication)
{
  struct replay *r = arena_alloc(arena, sizeof *r);
  struct source *s = source_of(classes, n, klass, 5, replication);
  double attribute[MAX_ATTRIBUTES];
  sim_time at, before = 0;
  for (; r->n < 8 * ROWS && source_next(s, &at, attribute); r->n++) {
    assert_true(at >= before);
    before = at;
    r->t[r->n] = s_from_ns(at);
    r->row[r->n] = attribute[1];
  }
  assert_int_equal(source_rows(s), r->n);
  assert_int_equal(source_is_fit(s), 0);
  source_free(s);
  return r;
}

static struct replay *replay(const struct trace_def *d, uint64_t replication)
{
  struct class_def c = class_of_trace("c", d, 1);
  return replay_class(&c, 1, 0, replication);
}

static void whole_is_the_trace(void **state)
{
  struct trace_def d = numbered_trace();
  struct replay *a = replay(&d, 0), *b = replay(&d, 3);
  assert_int_equal(a->n, ROWS);
  assert_memory_equal(a, b, sizeof *a);
  for (int i = 0; i < ROWS; i++)
    assert_true(a->row[i] == i && a->t[i] == s_from_ns(d.table->at[i]));
  d.at_end = AT_END_REPEAT;
  a = replay(&d, 0);
  assert_int_equal(a->n, 8 * ROWS);
  assert_true(a->t[ROWS] == 1000 && a->row[ROWS] == 0 && a->t[3 * ROWS + 2] == 3002);
}

/* Blocks: rows follow one another inside (circularly); the length is the original's; rows come equally often; the
 * mean number of rows is the original's; replications differ. */
static void block_bootstrap(void **state)
{
  struct trace_def d = numbered_trace();
  d.replicate = REPLICATE_BLOCK_BOOTSTRAP;
  d.block_s = 70;                                       /* does not divide the length: the last block is cut */
  double total = 0, drawn[ROWS] = {0}, odd = 0;         /* odd: a seam where the next row follows by chance */
  enum { REPLICATIONS = 400 };
  for (uint64_t k = 0; k < REPLICATIONS; k++) {
    struct replay *r = replay(&d, k);
    total += (double)r->n;
    int seams = 0;
    for (uint64_t i = 0; i < r->n; i++) {
      drawn[(int)r->row[i]]++;
      seams += i > 0 && fmod(r->row[i - 1] + 1, ROWS) != r->row[i];
      if (i > 0 && r->row[i - 1] + 1 == r->row[i])
        odd += fabs(r->t[i] - r->t[i - 1] - 1) > .21;
    }
    assert_in_range(seams, 10, 14);                     /* 1000/70 = 14.3 blocks; two may happen to fit */
    assert_true(r->t[r->n - 1] < 1000 && r->t[r->n - 1] > 998);
  }
  assert_true(odd < 20);                                /* 400 x 14.3 / 1000 = 5.7 expected */
  assert_near(total / REPLICATIONS, ROWS, .001);
  struct sum s = sum_of(drawn, ROWS);
  assert_near(s.mean, REPLICATIONS, .001);
  assert_true(sqrt(s.variance) < .08 * REPLICATIONS);   /* each about binomial: 1/sqrt(400) = .05 */
  assert_memory_equal(replay(&d, 7), replay(&d, 7), sizeof(struct replay));
  assert_memory_not_equal(replay(&d, 7), replay(&d, 8), sizeof(struct replay));
  d.at_end = AT_END_REPEAT;
  assert_int_equal(replay(&d, 0)->n, 8 * ROWS);
}

static void window_and_thin(void **state)
{
  struct trace_def d = numbered_trace();
  d.replicate = REPLICATE_WINDOW;
  d.window_s = 100;
  double first = 0;
  for (uint64_t k = 0; k < 300; k++) {
    struct replay *r = replay(&d, k);
    assert_in_range(r->n, 99, 101);
    assert_true(r->t[0] < 1.3 && r->row[r->n - 1] - r->row[0] == (double)r->n - 1);
    first += r->row[0] / 300;
  }
  assert_near(first, 450, .08);                         /* uniform in 0..900 */
  d.replicate = REPLICATE_THIN;
  d.keep_share = .3;
  double kept = 0;
  for (uint64_t k = 0; k < 100; k++)
    kept += (double)replay(&d, k)->n / 100;
  assert_near(kept, 300, .02);
  assert_memory_not_equal(replay(&d, 0), replay(&d, 1), sizeof(struct replay));
}

/* Classes with shares take every row of the joint stream once, together, in every mode. */
static void shares_split_one_stream(void **state)
{
  struct trace_def d = numbered_trace();
  for (int mode = 0; mode < 2; mode++) {
    d.replicate = mode ? REPLICATE_BLOCK_BOOTSTRAP : REPLICATE_WHOLE;
    struct class_def c[3] = {class_of_trace("a", &d, .5), class_of_trace("b", &d, .3), class_of_trace("c", &d, .2)};
    struct replay *whole = replay(&d, 4), *part[3];
    for (int i = 0; i < 3; i++)
      part[i] = replay_class(c, 3, i, 4);
    assert_int_equal(part[0]->n + part[1]->n + part[2]->n, whole->n);
    assert_near((double)part[0]->n, .5 * ROWS, .1);
    assert_near((double)part[2]->n, .2 * ROWS, .2);
    uint64_t next[3] = {0};
    for (uint64_t k = 0; k < whole->n; k++) {
      int owner = 0;
      while (owner < 3 && !(part[owner]->t[next[owner]] == whole->t[k] &&
                            part[owner]->row[next[owner]] == whole->row[k]))
        owner++;
      assert_true(owner < 3);
      next[owner]++;
    }
    assert_true((memcmp(part[0], replay_class(c, 3, 0, 5), sizeof *part[0]) == 0) == (mode == 0));
  }
  struct class_def greedy[2] = {class_of_trace("a", &d, .7), class_of_trace("b", &d, .6)};
  struct world_def w = {.n_classes = 2, .klass = greedy};
  struct rng_root root = rng_root_make(1, 0);
  assert_null(source_new(&w, 1, &root, &err));
  assert_string_equal(err.problems[0].message,
                      "classes that share 'numbered' take more than all of it: 1.3 with class 'b'");
}

static void missing_trace_says_so(void **state)
{
  struct trace_def d = numbered_trace();
  d.file = NULL;
  d.table = NULL;
  d.at = (struct where){.file = "s.yaml", .line = 3, .column = 5};
  struct class_def c = class_of_trace("c", &d, 1);
  struct world_def w = {.n_classes = 1, .klass = &c};
  struct rng_root root = rng_root_make(1, 0);
  assert_null(source_new(&w, 0, &root, &err));
  assert_string_equal(err.problems[0].message, "trace file 'numbered' not found, and no 'else' says what runs instead");
  assert_int_equal(err.problems[0].at.line, 3);
}

/* ---- fits -------------------------------------------------------------------------------------------------------- */

static const struct trace_column_def pair_column[] = {{.attribute = "x", .column = "x", .scale = 1},
                                                      {.attribute = "y", .column = "y", .scale = 1}};
static const struct attribute_def pair_attributes[] = {{.name = "difficulty", .known = KNOWN_ORACLE}, {.name = "x"},
                                                       {.name = "y"}};

struct pairs { uint64_t n; double *t, *x, *y; };

static struct pairs new_pairs(uint64_t most)
{
  return (struct pairs){.t = many(most), .x = many(most), .y = many(most)};
}

/* A trace with everything that a fit must keep: a rate that doubles halfway, a spike (a tenth of the prompts are 181),
 * an answer that rises and falls with the prompt (no rank correlation), a long tail, prompts that grow over time. */
static struct trace_def planted_trace(struct pairs *p)
{
  struct rng_root root = rng_root_make(77, 0);
  struct rng r = rng_open(&root, 1, 2, 3);
  const uint64_t n = 20000;
  *p = new_pairs(n);
  p->n = n;
  double at_s = 0;
  sim_time *at = arena_array(arena, sim_time, n);
  for (uint64_t i = 0; i < n; i++) {
    at_s += rng_exponential(&r) / (at_s < 1800 ? 4 : 8);
    at[i] = ns_from_s(at_s);
    p->t[i] = at_s;
    double late = at_s / 3600;
    p->x[i] = rng_uniform(&r) < .1 ? 181 : floor(1000 * (rng_uniform(&r) + late * rng_uniform(&r)));
    double middle = 1 - fabs(p->x[i] - 700) / 1300;
    p->y[i] = floor(20 + 300 * middle * middle * exp(.5 * rng_normal(&r)));
  }
  const double **column = arena_array(arena, const double *, 2);
  column[0] = p->x;
  column[1] = p->y;
  struct trace_table *t = arena_alloc(arena, sizeof *t);
  *t = (struct trace_table){.rows_read = n, .n = n, .at = at, .span = at[n - 1], .n_columns = 2, .column = column};
  t->period = t->span + t->span / (sim_time)(n - 1);
  struct trace_def d = trace_def_default();
  d.file = d.asked = "planted";
  d.n_columns = 2;
  d.column = pair_column;
  d.table = t;
  return d;
}

static struct workload_fit fit_of(const struct trace_def *d)
{
  struct workload_fit f = {.name = "fit", .year = 2023};
  if (!trace_fit(d, &f, arena, &err)) {
    err_print(&err, stderr, false);
    fail_msg("no fit");
  }
  return f;
}

/* `spans` lengths of the original, drawn from the fit. */
static struct pairs draw(const struct workload_fit *f, double spans, uint64_t seed)
{
  struct class_def c = class_of("c", (struct arrivals_def){.kind = ARRIVE_LIKE, .like = f});
  c.n_attributes = 3;
  c.attribute = pair_attributes;
  struct source *s = source_of(&c, 1, 0, seed, 0);
  assert_int_equal(source_is_fit(s), 1);
  const uint64_t most = 500000;
  struct pairs p = new_pairs(most);
  double attribute[MAX_ATTRIBUTES];
  sim_time at;
  while (p.n < most && source_next(s, &at, attribute) && s_from_ns(at) < spans * f->span_s) {
    p.t[p.n] = s_from_ns(at);
    p.x[p.n] = attribute[1];
    p.y[p.n++] = attribute[2];
  }
  source_free(s);
  return p;
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov's distance of two samples, ties included. */
static double ks(const double *a, uint64_t n, const double *b, uint64_t m)
{
  double *x = many(n), *y = many(m), largest = 0;
  memcpy(x, a, n * sizeof *x);
  memcpy(y, b, m * sizeof *y);
  qsort(x, n, sizeof *x, by_value);
  qsort(y, m, sizeof *y, by_value);
  for (uint64_t i = 0, k = 0; i < n && k < m;) {
    double v = x[i] < y[k] ? x[i] : y[k];
    while (i < n && x[i] <= v)
      i++;
    while (k < m && y[k] <= v)
      k++;
    largest = fmax(largest, fabs((double)i / (double)n - (double)k / (double)m));
  }
  return largest;
}

static double share_of(const double *x, uint64_t n, double value)
{
  double count = 0;
  for (uint64_t i = 0; i < n; i++)
    count += x[i] == value;
  return count / (double)n;
}

/* Mean of y where x lies in [low, high) and t (within the span) in [from, to). */
static double mean_where(const struct pairs *p, const double *value, double low, double high, double from, double to,
                         double span)
{
  double sum = 0, n = 0;
  for (uint64_t i = 0; i < p->n; i++)
    if (p->x[i] >= low && p->x[i] < high && fmod(p->t[i], span) >= from && fmod(p->t[i], span) < to) {
      sum += value[i];
      n++;
    }
  return sum / n;
}

static void fit_keeps_what_was_planted(void **state)
{
  struct pairs original;
  struct trace_def d = planted_trace(&original);
  struct workload_fit f = fit_of(&d);
  const double spans = 10;
  struct pairs p = draw(&f, spans, 11);
  assert_near((double)p.n, spans * (double)original.n, .01);
  assert_true(ks(p.x, p.n, original.x, original.n) < .01 && ks(p.y, p.n, original.y, original.n) < .01);
  assert_near(sum_of(p.x, p.n).mean, sum_of(original.x, original.n).mean, .01);
  assert_near(sum_of(p.y, p.n).mean, sum_of(original.y, original.n).mean, .01);
  assert_near(sum_of(p.y, p.n).variance, sum_of(original.y, original.n).variance, .05);
  assert_near(share_of(p.x, p.n, 181), share_of(original.x, original.n, 181), .1);
  const double span = f.span_s;
  for (double low = 0; low < 1600; low += 200)          /* the hump */
    assert_near(mean_where(&p, p.y, low, low + 200, 0, span, span),
                mean_where(&original, original.y, low, low + 200, 0, span, span), .06);
  for (double from = 0; from < 3000; from += 600)       /* the drift */
    assert_near(mean_where(&p, p.x, 0, INFINITY, from, from + 600, span),
                mean_where(&original, original.x, 0, INFINITY, from, from + 600, span), .04);
  for (double from = 0; from < 3000; from += 60) {      /* the rate a minute */
    double a = 0, b = 0;
    for (uint64_t i = 0; i < original.n; i++)
      a += original.t[i] >= from && original.t[i] < from + 60;
    for (uint64_t i = 0; i < p.n; i++)
      b += fmod(p.t[i], span) >= from && fmod(p.t[i], span) < from + 60;
    assert_true(fabs(b / spans - a) < 4 * sqrt(a / spans));
  }
}

/* An answer that jumps at 433: a stratum begins there. Noise brings no cut beyond the eight. */
static void strata_are_cut_where_the_answer_jumps(void **state)
{
  struct pairs p;
  struct trace_def d = planted_trace(&p);
  for (uint64_t i = 0; i < p.n; i++)
    p.y[i] = p.x[i] < 433 ? 10 : 900;
  struct workload_fit f = fit_of(&d);
  bool found = false;
  for (int s = 0; s < f.n_strata; s++)
    found |= f.quantile[s * 2 * f.n_quantiles] == 433;
  assert_true(found);
  struct pairs drawn = draw(&f, 1, 3);
  for (uint64_t i = 0; i < drawn.n; i++)
    assert_true(drawn.y[i] == (drawn.x[i] < 433 ? 10 : 900));
  struct rng_root root = rng_root_make(78, 0);
  struct rng r = rng_open(&root, 1, 2, 3);
  for (uint64_t i = 0; i < p.n; i++)
    p.y[i] = rng_uniform(&r);
  assert_in_range(fit_of(&d).n_strata, 7, 9);
}

/* A Poisson trace fits to scv 1; evenly spaced rows to 0. */
static void fit_knows_burstiness(void **state)
{
  struct pairs original;
  struct trace_def d = planted_trace(&original);
  assert_near(fit_of(&d).interarrival_scv, 1, .05);
  assert_near(fit_of(&d).bin_s, 60, 0);
  struct trace_def even = numbered_trace();
  struct workload_fit f = fit_of(&even);
  assert_true(f.interarrival_scv < .05);
  assert_int_equal(f.n_columns, 1);
}

static void correlation_in_strata_is_kept(void **state)
{
  const double corr[] = {1, .6, .6, 1}, probability[] = {0, .5, 1}, quantile[] = {0, 50, 100, 0, 1, 2};
  const double rate = 10, share = 1;
  const bool whole[] = {false, false};
  static const char *const names[] = {"x", "y"};
  struct workload_fit f = {.name = "fit", .span_s = 100, .bin_s = 100, .n_bins = 1, .rate_per_s = &rate,
    .interarrival_scv = .25, .n_columns = 2, .column = names, .whole = whole, .n_strata = 1, .mix_s = 100, .n_mixes = 1,
    .mix = &share, .n_quantiles = 3, .probability = probability, .quantile = quantile};
  assert_true(fit_finish(&f, corr, arena, (struct where){0}, &err));
  struct pairs p = draw(&f, 1000, 12);
  struct sum x = sum_of(p.x, p.n), y = sum_of(p.y, p.n), gap = gaps_of(p.t, p.n);
  double cov = 0;
  for (uint64_t i = 0; i < p.n; i++)
    cov += (p.x[i] - x.mean) * (p.y[i] - y.mean) / (double)p.n;
  assert_near(cov / sqrt(x.variance * y.variance), 6 / M_PI * asin(.6 / 2), .01); /* Pearson 1907, uniform margins */
  assert_near(x.mean, 50, .01);
  assert_near(x.variance, 1e4 / 12, .01);
  assert_near(gap.variance / (gap.mean * gap.mean), .25, .03);                          /* no grid: gamma */
}

static void wrong_fits_are_refused(void **state)
{
  struct pairs original;
  struct trace_def d = planted_trace(&original);
  const struct workload_fit good = fit_of(&d);
  const double zero[60] = {0}, twice[] = {1, .3, .4, 1}, far[] = {1, 2, 2, 1};
  double *falling = many((uint64_t)(good.n_strata * 2 * good.n_quantiles));
  falling[0] = 1;
  double half[20 * 60];
  for (int i = 0; i < 20 * 60; i++)
    half[i] = .5;
  struct { struct workload_fit f; const double *c; const char *says; } wrong[] = {
    {good, twice, "workload 'fit': correlation must be symmetric with 1 on the diagonal"},
    {good, far, "workload 'fit': correlation is not positive definite"},
    {good, NULL, "workload 'fit': some rate must be > 0"},
    {good, NULL, "workload 'fit': quantile[0] of 'x' must not fall"},
    {good, NULL, arena_printf(arena, "workload 'fit': mix[0] must sum to 1, not %g", .5 * good.n_strata)},
    {good, NULL, "workload 'fit': gap_probability must rise from 0 to 1, and gap with it from >= 0"}};
  wrong[2].f.rate_per_s = zero;
  wrong[3].f.quantile = falling;
  wrong[4].f.mix = half;
  wrong[5].f.gap_probability = good.gap;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_false(fit_finish(&wrong[i].f, wrong[i].c, arena, (struct where){0}, &err));
    assert_string_equal(err.problems[i].message, wrong[i].says);
  }
}

/* A trace that is not there runs its fit, with the same shares, replication and end. */
static void fit_stands_in_for_the_trace(void **state)
{
  struct pairs original;
  struct trace_def d = planted_trace(&original);
  struct workload_fit f = fit_of(&d);
  d.file = NULL;
  d.table = NULL;
  d.replicate = REPLICATE_BLOCK_BOOTSTRAP;
  struct class_def c[2];
  double n[2] = {0};
  for (int i = 0; i < 2; i++) {
    c[i] = class_of(i ? "b" : "a", (struct arrivals_def){.kind = ARRIVE_TRACE, .trace = &d, .like = &f});
    c[i].share = i ? .25 : .75;
    c[i].n_attributes = 3;
    c[i].attribute = pair_attributes;
  }
  enum { REPLICATIONS = 60 };                           /* blocks of rates from 4 to 8 /s: 1.2 % standard error */
  for (uint64_t k = 0; k < REPLICATIONS; k++)
    for (int i = 0; i < 2; i++) {
      struct source *s = source_of(c, 2, i, 5, k);
      double attribute[MAX_ATTRIBUTES];
      sim_time at = 0;
      while (source_next(s, &at, attribute))
        n[i]++;
      assert_true(s_from_ns(at) <= f.span_s && source_is_fit(s) == 1);
      source_free(s);
    }
  assert_near((n[0] + n[1]) / REPLICATIONS, (double)original.n, .05);
  assert_near(n[1] / (n[0] + n[1]), .25, .01);
}

/* Index of dispersion of counts in windows of w seconds. */
static double dispersion(const double *t, uint64_t n, double w, double until_s)
{
  struct sum count = counts_of(t, n, w, until_s);
  return count.variance / count.mean;
}

/* The fit against the conversation trace: counts at all scales, margins, the joint distribution, drift. */
static void fit_of_a_published_trace(void **state)
{
  const char *data = getenv("OFFSIM_DATA");
  char path[1024];
  snprintf(path, sizeof path, "%s/traces/AzureLLMInferenceTrace_conv.csv.gz", data ? data : "");
  if (!data || access(path, R_OK) != 0)
    skip();
  struct trace_def d = trace_def_default();
  d.file = path;
  d.time_column = "TIMESTAMP";
  d.time_is_datetime = true;
  struct trace_column_def columns[] = {{"x", "ContextTokens", 1, MISSING_ERROR, 0, NULL},
                                       {"y", "GeneratedTokens", 1, MISSING_ERROR, 0, NULL}};
  d.n_columns = 2;
  d.column = columns;
  const struct trace_table *t = d.table = trace_load(&d, arena, &err);
  assert_non_null(t);
  struct pairs original = {.n = t->n, .t = many(t->n), .x = (double *)t->column[0], .y = (double *)t->column[1]};
  for (uint64_t i = 0; i < t->n; i++)
    original.t[i] = s_from_ns(t->at[i]);
  struct workload_fit f = fit_of(&d);
  struct pairs p = draw(&f, 10, 13);
  assert_near((double)p.n, 10 * (double)t->n, .01);
  assert_true(ks(p.x, p.n, original.x, t->n) < .01 && ks(p.y, p.n, original.y, t->n) < .012);
  assert_near(sum_of(p.x, p.n).mean, sum_of(original.x, t->n).mean, .01);
  assert_near(sum_of(p.y, p.n).mean, sum_of(original.y, t->n).mean, .01);
  for (double w = 1; w <= 60; w *= 60)
    assert_near(dispersion(p.t, p.n, w, 10 * f.span_s), dispersion(original.t, t->n, w, f.span_s), .15);
  const double edge[] = {0, 200, 400, 700, 1000, 1100, 1300, 2700, 20000};
  for (int i = 0; i < 8; i++)
    assert_near(mean_where(&p, p.y, edge[i], edge[i + 1], 0, f.span_s, f.span_s),
                mean_where(&original, original.y, edge[i], edge[i + 1], 0, f.span_s, f.span_s), .08);
  for (double from = 0; from < 3300; from += 300)
    assert_near(mean_where(&p, p.y, 0, INFINITY, from, from + 300, f.span_s),
                mean_where(&original, original.y, 0, INFINITY, from, from + 300, f.span_s), .12);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
    T(poisson), T(poisson_of_rate_0_never_comes), T(renewal), T(mmpp), T(on_off_and_three_states), T(piecewise),
    T(closed_users_think), T(wrong_definitions_are_refused), T(sources_depend_on_names_only),
    T(attributes_without_a_source_are_refused), T(whole_is_the_trace), T(block_bootstrap), T(window_and_thin),
    T(shares_split_one_stream), T(missing_trace_says_so), T(fit_keeps_what_was_planted),
    T(strata_are_cut_where_the_answer_jumps),
    T(fit_knows_burstiness),
    T(correlation_in_strata_is_kept), T(wrong_fits_are_refused), T(fit_stands_in_for_the_trace),
    T(fit_of_a_published_trace)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
