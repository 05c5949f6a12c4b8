/* Studies: designs, `where`, and identities that no scenario was built for. */
#include "tests/unit/unit.h"
#include "tests/unit/folder_rig.h"

#include "experiments/design.h"
#include "experiments/identity.h"
#include "experiments/plan.h"
#include "experiments/study.h"
#include "scenarios/study_filter.h"
#include "sim/rng.h"

#include <unistd.h>

/* ---- studies from text ------------------------------------------------------------------------------------------- */

static const char *own_scenario;                        /* NULL: edge-rag-small.yaml */

static struct study_file *study(const char *rest)
{
  struct arena *a = arena_new();
  struct err err;
  char path[64];
  err_init(&err);
  snprintf(path, sizeof path, "%s/study.yaml", folder);
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  fprintf(out, "study: test\nscenario: %s%s\n%s", own_scenario ? own_scenario : share_folder(a),
          own_scenario ? "" : "/edge-rag-small.yaml", rest);
  fclose(out);
  struct study_file *f = study_file_read(path, &err);
  err_print(&err, stderr, false);
  assert_non_null(f);
  err_release(&err);
  arena_free(a);
  return f;
}

static struct plan *plan_of(const struct study_file *f)
{
  struct err err;
  err_init(&err);
  struct plan *p = plan_new(f, &err);
  err_print(&err, stderr, false);
  assert_non_null(p);
  err_release(&err);
  return p;
}

static struct design_table *table_of(const struct study_file *f)
{
  struct err err;
  err_init(&err);
  struct design_table *t = design_new(f, &err);
  assert_non_null(t);
  err_release(&err);
  return t;
}

static const char *text_at(const struct study_file *f, const struct design_table *t, uint64_t point, int factor)
{
  static char buffer[CELL_TEXT];
  return cell_text(&f->factor[factor], design_cell(t, point, factor), buffer);
}

/* ---- designs ----------------------------------------------------------------------------------------------------- */

static void expect_points(const char *rest, const char *expected)
{
  struct study_file *f = study(rest);
  struct design_table *t = table_of(f);
  char found[400] = "";
  for (uint64_t i = 0; i < design_points(t); i++)
    for (int k = 0; k < f->n_factors; k++)
      snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", text_at(f, t, i, k),
               k + 1 < f->n_factors ? " " : ";");
  assert_string_equal(found, expected);
  design_free(t);
  study_file_free(f);
}

#define AB "factors:\n  a: {path: places.metro.slots, values: [1, 2]}\n  b: {path: seed, values: [7, 8]}\n"
#define ABC "factors:\n  a: {path: places.metro.slots, values: [1, 2]}\n  b: {path: seed, values: [7, 8, 9]}\n"

static void test_orders(void **state)
{
  (void)state;
  expect_points(ABC, "1 7;1 8;1 9;2 7;2 8;2 9;");
  expect_points(AB "design: zip\n", "1 7;2 8;");
  expect_points("factors:\n  a: {path: places.metro.slots}\n  b: {path: seed}\ndesign: list\n"
                "points: [{b: 9, a: 1}, {a: 1, b: 3}]\n", "1 9;1 3;");
  expect_points("factors:\n  policy: all\n", "");
}

static void test_lhs_strata(void **state)
{
  (void)state;
  enum { N = 100, SHIFTS = 2 };
  struct study_file *f = study("factors:\n  a: {path: places.metro.slots, range: [0, 1]}\n"
                               "  b: {path: links.access.rate_scale, range: [0, 1]}\n"
                               "design: lhs\npoints: 100\nshifts: 2\n");
  struct design_table *t = table_of(f);
  assert_int_equal(design_points(t), N * SHIFTS);
  int together = 0;
  for (int k = 0; k < 2; k++)
    for (int s = 0; s < SHIFTS; s++) {
      bool has[N] = {false};
      for (int i = 0; i < N; i++) {
        int stratum = (int)(N * design_cell(t, (uint64_t)(s * N + i), k).value);
        assert_false(has[stratum]);
        has[stratum] = true;
        together += k == 0 && stratum == (int)(N * design_cell(t, (uint64_t)(s * N + i), 1).value);
      }
    }
  assert_true(together < 20);                           /* 2 expected of independent permutations */
  design_free(t);
  study_file_free(f);
}

/* Halton's bases are 2 and 3; Sobol's first two coordinates begin 0, 1/2, then {3/4, 1/4} in one order. */
static void test_known_sequences(void **state)
{
  (void)state;
  const double halton[4][2] = {{1 / 2., 1 / 3.}, {1 / 4., 2 / 3.}, {3 / 4., 1 / 9.}, {1 / 8., 4 / 9.}};
  double u[8];
  struct err err;
  err_init(&err);
  assert_true(design_sequence(DESIGN_HALTON, 4, 2, u, &err));
  for (int i = 0; i < 8; i++)
    assert_near(u[i], halton[i / 2][i % 2], 1e-12);
  assert_true(design_sequence(DESIGN_SOBOL, 4, 2, u, &err));
  assert_near(u[0] + u[1], 0, 0);
  assert_near(u[2], 0.5, 0);
  assert_near(u[3], 0.5, 0);
  assert_near(u[4] + u[6], 1, 0);
  assert_near(u[5] + u[7], 1, 0);
  assert_near(fabs(u[4] - u[6]), 0.5, 0);
  err_release(&err);
}

/* Squared L2 star discrepancy by Warnock's formula (1972). */
static double discrepancy(const struct design_table *t, int n, int d)
{
  double single = 0, pairs = 0;
  for (int i = 0; i < n; i++) {
    double product = 1;
    for (int k = 0; k < d; k++)
      product *= 1 - pow(design_cell(t, (uint64_t)i, k).value, 2);
    single += product;
    for (int j = 0; j < n; j++) {
      product = 1;
      for (int k = 0; k < d; k++)
        product *= 1 - fmax(design_cell(t, (uint64_t)i, k).value, design_cell(t, (uint64_t)j, k).value);
      pairs += product;
    }
  }
  return pow(3, -d) - pow(2, 1 - d) * single / n + pairs / ((double)n * n);
}

/* Of independent points the expectation is (2^-d - 3^-d) / n; random is within a factor of 5 of it, the others below a
 * quarter. The seed is fixed. */
static void test_discrepancy(void **state)
{
  (void)state;
  enum { N = 256, D = 3 };
  const char *const design[] = {"random", "sobol", "halton"};
  double expected = (pow(2, -D) - pow(3, -D)) / N;
  for (int i = 0; i < 3; i++) {
    char text[500];
    snprintf(text, sizeof text, "factors:\n  a: {path: a, range: [0, 1]}\n  b: {path: b, range: [0, 1]}\n"
             "  c: {path: c, range: [0, 1]}\ndesign: %s\npoints: %d\nseed: 5\n", design[i], N);
    struct study_file *f = study(text);
    struct design_table *t = table_of(f);
    double found = discrepancy(t, N, D);
    assert_true(i == 0 ? found > expected / 5 && found < 5 * expected : found < expected / 4);
    design_free(t);
    study_file_free(f);
  }
}

/* More points, and another factor, leave those that were there. */
static void test_points_stay(void **state)
{
  (void)state;
  const char *const design[] = {"random", "sobol", "halton"};
  for (int i = 0; i < 3; i++) {
    char few[400], more[400];
    snprintf(few, sizeof few, "factors:\n  a: {path: a, range: [1, 100], log: true}\ndesign: %s\npoints: 10\n",
             design[i]);
    snprintf(more, sizeof more, "factors:\n  a: {path: a, range: [1, 100], log: true}\n  b: {path: b, values: [x, y]}\n"
             "design: %s\npoints: 30\n", design[i]);
    struct study_file *f = study(few), *g = study(more);
    struct design_table *t = table_of(f), *u = table_of(g);
    for (uint64_t k = 0; k < 10; k++)
      assert_near(design_cell(t, k, 0).value, design_cell(u, k, 0).value, 0);
    design_free(t);
    design_free(u);
    study_file_free(f);
    study_file_free(g);
  }
}

static void test_ranges(void **state)
{
  (void)state;
  struct study_file *f = study("factors:\n  n: {path: n, range: [1, 4], integer: true}\n"
                               "  r: {path: r, range: [1 Mbit/s, 100 Mbit/s], log: true}\n"
                               "design: lhs\npoints: 400\n");
  struct design_table *t = table_of(f);
  int count[5] = {0}, below = 0;
  for (uint64_t i = 0; i < 400; i++) {
    double n = strtod(text_at(f, t, i, 0), NULL), r = strtod(text_at(f, t, i, 1), NULL);
    assert_true(n >= 1 && n <= 4 && n == floor(n));
    assert_non_null(strstr(text_at(f, t, i, 1), " Mbit/s"));
    count[(int)n]++;
    below += r < 10;                                    /* the median of the logarithm */
  }
  for (int n = 1; n <= 4; n++)
    assert_int_equal(count[n], 100);
  assert_int_equal(below, 200);
  design_free(t);
  study_file_free(f);
}

/* ---- where ------------------------------------------------------------------------------------------------------- */

static void test_where(void **state)
{
  (void)state;
  static const struct { const char *where; uint64_t kept; } rows[] = {  /* a of 1 2 3, b of 10 ms 20 ms, c of x y */
    {"a == 1", 4}, {"a != 1", 8}, {"a >= 2 and b < 20 ms", 4}, {"b <= 0.01 s", 6}, {"2 < a", 4},
    {"a == 1 or a == 2 and b == 10 ms", 6},             /* 4 + 2: and before or */
    {"(a == 1 or a == 2) and b == 10 ms", 4},
    {"not a == 1 and c == x", 4},                       /* not before and: (8 of 12) and half */
    {"not (a == 1 and c == x)", 10}, {"not not c == 'y'", 6}, {"c != \"x\" or a > 2", 8},
    {"a==1or b>10ms", 8}, {"d == 5g_urban", 12}, {"not d != 5g_urban and a == 1", 4},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[400];
    snprintf(text, sizeof text, "factors:\n  a: {path: a, values: [1, 2, 3]}\n  b: {path: b, values: [10 ms, 20 ms]}\n"
             "  c: {path: c, values: [x, y]}\n  d: {path: d, values: [5g_urban]}\nwhere: >-\n  %s\n", rows[i].where);
    struct study_file *f = study(text);
    struct design_table *t = table_of(f);
    assert_int_equal(design_points(t), rows[i].kept);
    design_free(t);
    study_file_free(f);
  }
}

/* ---- identities -------------------------------------------------------------------------------------------------- */

/* As `offsim run --set` would have it. */
static void check_point(const struct plan *p, uint64_t point)
{
  struct arena *a = arena_new();
  struct err err;
  struct override *set = arena_array(a, struct override, plan_n_overrides(p));
  struct study s = {0};
  err_init(&err);
  size_t n = plan_overrides(p, point, set, a);
  s.scenario = scenario_load(p->file->scenario, set, n, &err);
  err_print(&err, stderr, false);
  assert_non_null(s.scenario);
  assert_true(study_choose(&s, p->file->policies, &err));
  assert_int_equal(s.n_chosen, p->n_policies);
  for (int k = 0; k < p->n_policies; k++) {
    struct hash id = identity_run(identity_base(s.scenario, s.chosen[k]), s.scenario->seed, 3);
    assert_string_equal(p->policy[k], study_policy_name(&s, s.chosen[k]));
    assert_true(hash_equal(id, plan_run_id(p, point, k, 3)));
  }
  study_free(&s);
  err_release(&err);
  arena_free(a);
}

/* whole: must every point have been built? */
static void check_identities(const char *rest, bool whole)
{
  struct study_file *f = study(rest);
  struct plan *p = plan_of(f);
  struct rng_root root = rng_root_make(99, 0);
  struct rng stream = rng_open(&root, 1, 2, 3);
  assert_int_equal(p->whole, whole);
  for (int i = 0; i < 25; i++)
    check_point(p, rng_below(&stream, p->n_points));
  plan_free(p);
  study_file_free(f);
}

static void test_identities(void **state)
{
  (void)state;
  check_identities("factors:\n"
                   "  bw: {path: links.access.rate_scale, values: [0.25, 1, 4]}\n"
                   "  above: {path: policies.long-to-cloud.above, values: [256, 512]}\n"
                   "  net: {path: links.access.preset, values: [5g_public_n78_urban, wlan_home]}\n"
                   "  edge: {path: places.metro.hardware, values: [rtx4090, l4]}\n"
                   "  root: {path: seed, values: [1, 2]}\n"
                   "  lat: {path: links.wan.latency, values: [18 ms, {lognormal: {median: 18 ms, sigma: 0.3}}]}\n"
                   "  cap: {path: places.metro.capacity, values: [0, 8]}\n", false);
  check_identities("set: {horizon.duration: 1 min}\nfactors:\n"
                   "  bw: {path: links.access.rate_scale, range: [0.1, 10], log: true}\n"
                   "  slots: {path: places.metro.slots, range: [1, 64], integer: true}\n"
                   "  rate: {path: classes.question.arrivals.poisson.rate, range: [60, 300], unit: /min}\n"
                   "  above: {path: policies.long-to-cloud.above, range: [100, 2000]}\n"
                   "  policy: [threshold, always_edge, round_robin]\ndesign: sobol\npoints: 64\n", false);
}

/* Many values of one factor: not one scenario for each. */
static void test_many_levels(void **state)
{
  (void)state;
  char text[4000] = "factors:\n  a: {path: places.metro.slots, values: [";
  for (int i = 1; i <= 300; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", i > 1 ? ", " : "", i);
  snprintf(text + strlen(text), sizeof text - strlen(text),
           "]}\n  b: {path: links.wan.rate, values: [1 Gbit/s, 10 Gbit/s]}\n");
  struct study_file *f = study(text);
  struct plan *p = plan_of(f);
  assert_int_equal(p->n_points, 600);
  assert_true(!p->whole && p->n_built < 60);
  check_point(p, 431);
  plan_free(p);
  study_file_free(f);
}

/* Among many numbers, one that is none, or that the key does not allow: told before anything runs. */
static void test_odd_level_among_many(void **state)
{
  (void)state;
  static const struct { const char *path, *unit, *odd, *message; } rows[] = {
    {"classes.question.arrivals.poisson.rate", " /s", "abc", "'abc' is not a number"},
    {"classes.question.arrivals.poisson.rate", " /s", "-5 /s", "allowed: more than 0"},
    {"classes.question.arrivals.poisson.rate", " /s", "18 s", "is a time"},
    {"places.metro.slots", "", "2.5", "is not a whole number"}, {"places.metro.slots", "", "0", "allowed: 1 to"},
  };
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
    char text[1000];
    struct err err;
    snprintf(text, sizeof text, "factors:\n  a: {path: %s, values: [%s", rows[k].path, "1000");
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s", rows[k].unit);
    for (int i = 1; i <= 40; i++)
      snprintf(text + strlen(text), sizeof text - strlen(text), i == 13 ? ", %.0d%s" : ", %d%s", i == 13 ? 0 : i,
               i == 13 ? rows[k].odd : rows[k].unit);
    snprintf(text + strlen(text), sizeof text - strlen(text), "]}\n");
    struct study_file *f = study(text);
    err_init(&err);
    assert_null(plan_new(f, &err));
    assert_int_equal(err.n_errors, 1);
    assert_non_null(strstr(err.problems[0].message, rows[k].message));
    assert_int_equal(err.problems[0].at.line, 4);       /* of the level, in the study */
    err_release(&err);
    study_file_free(f);
  }
}

/* Two places that may take the same new hardware: their changes meet, so their combinations are built. */
static void test_factors_that_meet(void **state)
{
  (void)state;
  check_identities("factors:\n  edge: {path: places.metro.hardware, values: [rtx4090, l4, a100]}\n"
                   "  cloud: {path: places.region.hardware, values: [h100, a100]}\n"
                   "  slots: {path: places.metro.slots, values: [2, 4]}\n", false);
  check_identities("factors:\n"
                   "  lat: {path: links.wan.latency, values: [18 ms, {lognormal: {median: 18 ms, sigma: 0.3}}]}\n"
                   "  wan: {path: links.wan.preset, values: [metro_fibre]}\n"
                   "  metro: {path: links.access.preset, values: [5g_public_n78_urban, metro_fibre]}\n", false);
}

/* The planted interaction: hardware is part of the scenario as long as a place has it. Two places have the same; what
 * they are given instead stands elsewhere already. Neither factor alone drops the shared one, together they do. */
static void test_interaction(void **state)
{
  (void)state;
  char path[64];
  snprintf(path, sizeof path, "%s/own.yaml", folder);
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  fputs("include: edge-rag-small.yaml\nplaces:\n"
        "  - {name: region, tier: cloud, zone: public, slots: 4, hardware: rtx4090, variants: llm_8b_bf16}\n"
        "  - {name: phone, hardware: {mix: {phone_soc_2024: 0.6, l4: 0.2, a100: 0.2}}}\n", out);
  fclose(out);
  own_scenario = path;
  check_identities("factors:\n  edge: {path: places.metro.hardware, values: [rtx4090, l4]}\n"
                   "  cloud: {path: places.region.hardware, values: [rtx4090, a100]}\n"
                   "  slots: {path: places.metro.slots, values: [2, 4, 8, 16, 32]}\n", true);
  own_scenario = NULL;
  unlink(path);
}

/* A parameter of one policy changes no run of another. */
static void test_shared_runs(void **state)
{
  (void)state;
  struct study_file *f = study("factors:\n  above: {path: policies.long-to-cloud.above, values: [256, 512]}\n"
                               "  policy: [always_local, long-to-cloud]\n");
  struct plan *p = plan_of(f);
  assert_true(hash_equal(plan_run_id(p, 0, 0, 1), plan_run_id(p, 1, 0, 1)));
  assert_false(hash_equal(plan_run_id(p, 0, 1, 1), plan_run_id(p, 1, 1, 1)));
  assert_false(hash_equal(plan_run_id(p, 0, 0, 1), plan_run_id(p, 0, 0, 2)));
  struct plan_cost cost;
  struct err err;
  err_init(&err);
  assert_true(plan_cost_of(p, "/nonexistent/folder", &cost, &err));
  assert_int_equal(cost.runs, 2 * 2 * 5);
  assert_int_equal(cost.distinct, 3 * 5);
  assert_int_equal(cost.done, 0);
  assert_true(!cost.from_catalog && cost.measured > 0 && cost.cpu_s > 0 && cost.cpu_s < 100);
  err_release(&err);
  plan_free(p);
  study_file_free(f);
}

static void test_factors_json(void **state)
{
  (void)state;
  struct study_file *f = study("factors:\n  bw: {path: links.access.rate_scale, values: [0.25, 1]}\n"
                               "  slots: {path: places.metro.slots, values: [4, 8]}\n"
                               "  wan: {path: links.wan.rate, values: [20 Mbit/s, 1.5 Mbit/s]}\n"
                               "  net: {path: links.access.preset, values: [5g_public_n78_urban]}\n");
  struct plan *p = plan_of(f);
  char *text = plan_factors_json(p, 1);
  assert_string_equal(text, "{\"bw\":0.25,\"slots\":4,\"wan\":1.5,\"net\":\"5g_public_n78_urban\"}");
  assert_string_equal(plan_factor_unit(p, 2), "Mbit/s");
  assert_string_equal(plan_factor_unit(p, 0), "");
  free(text);
  plan_free(p);
  study_file_free(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_orders), cmocka_unit_test(test_lhs_strata), cmocka_unit_test(test_known_sequences),
    cmocka_unit_test(test_discrepancy), cmocka_unit_test(test_points_stay), cmocka_unit_test(test_ranges),
    cmocka_unit_test(test_where), cmocka_unit_test(test_identities), cmocka_unit_test(test_many_levels),
    cmocka_unit_test(test_odd_level_among_many),
    cmocka_unit_test(test_factors_that_meet), cmocka_unit_test(test_interaction), cmocka_unit_test(test_shared_runs),
    cmocka_unit_test(test_factors_json),
  };
  return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
