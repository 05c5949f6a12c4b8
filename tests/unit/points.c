/* points and effects: a study of many points, against published effects and formulas. */
#include "analysis/effects.h"
#include "analysis/levels.h"
#include "analysis/store/catalog.h"
#include "analysis/text.h"

#include <unistd.h>

#include "tests/unit/unit.h"

static const char scenario_json[] =
  "{\"name\": \"plant\", \"seed\": 1, \"primary\": \"latency_mean_s\", \"margin\": 0.02,"
  " \"horizon\": {\"kind\": \"steady\", \"warmup\": 120.0}}";

struct folder { char path[64]; struct catalog *c; struct err err; };

static void folder_open(struct folder *f)
{
  snprintf(f->path, sizeof f->path, "/tmp/offsim-points-XXXXXX");
  assert_non_null(mkdtemp(f->path));
  err_init(&f->err);
  f->c = catalog_open(f->path, CATALOG_WRITE, &f->err);
  assert_non_null(f->c);
  assert_true(catalog_put_study(f->c, "plant", scenario_json, &f->err));
  assert_true(catalog_put_provenance(f->c, "study.name", "plant", &f->err));
}

static void put_run(struct folder *f, uint64_t point, const char *policy, uint64_t replication, double y,
                    double requests)
{
  const struct catalog_metric metric[] = {
    {"latency_mean_s", "", "", y}, {"latency_p99_s", "", "", 2 * y}, {"requests", "", "", requests}};
  static int number;
  struct catalog_run r = {.point = point, .replication = replication, .seed = 1, .policy = policy, .kind = "policy",
                          .study = "plant", .state = RUN_DONE, .message = "", .trace_hash = "", .trace_file = "",
                          .n_metrics = 3, .metric = metric};
  snprintf(r.id, sizeof r.id, "%032x", ++number);
  assert_true(catalog_put(f->c, &r, &f->err));
}

static void folder_close(struct folder *f)
{
  err_print(&f->err, stderr, false);
  catalog_close(f->c);
  err_release(&f->err);
}

static void folder_remove(const struct folder *f)
{
  char path[128];
  snprintf(path, sizeof path, "%s/catalog.sqlite", f->path);
  unlink(path);
  rmdir(f->path);
}

/* Box, Hunter and Hunter 1978, tables 10.1 and 10.2: yield of a pilot plant, each of the eight settings run twice;
 * temperature 160, 180; concentration 20, 40; catalyst A, B. */
static const double yield[8][2] = {{59, 61}, {74, 70}, {50, 58}, {69, 67}, {50, 54}, {81, 85}, {46, 44}, {79, 81}};

static void make_plant(struct folder *f, int n_points)
{
  folder_open(f);
  for (int i = 0; i < n_points; i++) {
    char factors[96];
    snprintf(factors, sizeof factors, "{\"temperature\": %d, \"concentration\": %d.0, \"catalyst\": \"%s\"}",
             i & 1 ? 180 : 160, i & 2 ? 40 : 20, i & 4 ? "B" : "A");
    assert_true(catalog_put_point(f->c, (uint64_t)i, factors, &f->err));
    for (int r = 0; r < 2; r++) put_run(f, (uint64_t)i, "plain", (uint64_t)r, yield[i][r], 500);
  }
  folder_close(f);
}

static const struct effect *effect_of(const struct effects *e, const char *factor, const char *other)
{
  for (size_t i = 0; i < e->n; i++) {
    const struct effect *one = &e->effect[i];
    const struct factor *f = e->points->factor;
    const char *second = one->other == SIZE_MAX ? NULL : f[one->other].name;
    if (!strcmp(f[one->factor].name, factor) && !second == !other && (!other || !strcmp(second, other))) return one;
  }
  fail_msg("no effect of %s", factor);
  return NULL;
}

static void near_effect(const struct effects *e, const char *factor, const char *other, double value, size_t sets)
{
  const struct effect *one = effect_of(e, factor, other);
  assert_near(one->interval.value, value, 1e-12);
  assert_int_equal(one->sets, sets);
  assert_int_equal(one->interval.n, 2);
}

/* Printed: T 23.0, C -5.0, K 1.5, TC 1.5, TK 10.0, CK 0.0. By hand, T in the two runs: 24.5 and 21.5, so the half width is
 * t(1) = 12.7062 x 3 / sqrt(2) / sqrt(2) = 19.0593. */
static void test_effects(void **state)
{
  (void)state;
  struct folder f;
  make_plant(&f, 8);
  struct err err;
  err_init(&err);
  struct points *p = points_load(f.path, &(struct points_options){0}, &err);
  assert_non_null(p);
  struct effects *e = effects_new(p, &err);
  assert_non_null(e);
  assert_int_equal(e->n, 6);
  near_effect(e, "temperature", NULL, 23, 4);
  near_effect(e, "concentration", NULL, -5, 4);
  near_effect(e, "catalyst", NULL, 1.5, 4);
  near_effect(e, "temperature", "concentration", 1.5, 2);
  near_effect(e, "temperature", "catalyst", 10, 2);
  near_effect(e, "concentration", "catalyst", 0, 2);
  assert_near(effect_of(e, "temperature", NULL)->interval.hi, 23 + 19.0593, 1e-5);
  assert_near(e->mean[0].value, 64.25, 1e-12);
  effects_free(e);
  points_free(p);
  err_release(&err);
  folder_remove(&f);
}

/* Without the last corner: T over three pairs (12, 14, 31 on the average), TK over the pair with concentration 20. Two points
 * that differ in two factors tell nothing. */
static void test_incomplete_design(void **state)
{
  (void)state;
  struct folder f;
  make_plant(&f, 7);
  struct err err;
  err_init(&err);
  struct points *p = points_load(f.path, &(struct points_options){0}, &err);
  struct effects *e = effects_new(p, &err);
  assert_non_null(e);
  near_effect(e, "temperature", NULL, (12 + 14 + 31) / 3.0, 3);
  near_effect(e, "temperature", "catalyst", (31 - 12) / 2.0, 1);
  effects_free(e);
  points_free(p);
  folder_remove(&f);

  folder_open(&f);
  assert_true(catalog_put_point(f.c, 0, "{\"a\": 1, \"b\": 1}", &f.err));
  assert_true(catalog_put_point(f.c, 1, "{\"a\": 2, \"b\": 2}", &f.err));
  for (uint64_t i = 0; i < 2; i++) put_run(&f, i, "plain", 0, 1, 500);
  folder_close(&f);
  p = points_load(f.path, &(struct points_options){0}, &err);
  assert_non_null(p);
  assert_null(effects_new(p, &err));
  assert_int_equal(err.code, EXIT_USER);
  points_free(p);
  err_release(&err);
  folder_remove(&f);
}

/* Two policies, three replications: a - b = 1, 2, 3 at point 0: 2 +- 2.484138 (one pair). At point 1, 300 requests do
 * not carry a p99. */
static void make_pair(struct folder *f)
{
  folder_open(f);
  for (uint64_t i = 0; i < 2; i++) {
    char factors[64];
    snprintf(factors, sizeof factors, "{\"bw\": %g}", i ? 10.0 : 9.5);
    assert_true(catalog_put_point(f->c, i, factors, &f->err));
    for (uint64_t r = 0; r < 3; r++) {
      put_run(f, i, "a", r, 11 + 11 * (double)r, i ? 300 : 500);
      put_run(f, i, "b", r, 10 + 10 * (double)r, i ? 300 : 500);
    }
  }
  folder_close(f);
}

static void test_points(void **state)
{
  (void)state;
  struct folder f;
  make_pair(&f);
  assert_true(points_is_study(f.path));
  struct err err;
  err_init(&err);
  const struct points_where where = {"bw", "9.50"};
  struct points *p = points_load(f.path, &(struct points_options){.where = &where, .n_where = 1}, &err);
  assert_non_null(p);
  assert_true(p->n_points == 1 && p->n_policies == 2 && p->warmup_s == 120);
  assert_string_equal(p->policy[p->baseline[0]], "b");
  const struct point_cell *a = points_cell(p, 0, 0);
  assert_near(a->difference.value, 2, 1e-12);
  assert_near(a->difference.hi, 2 + 2.484138, 1e-6);
  assert_near(a->interval.value, 22, 1e-12);
  points_free(p);
  p = points_load(f.path, &(struct points_options){.metric = "latency_p99_s", .baseline = "a"}, &err);
  assert_non_null(p);
  assert_string_equal(p->factor[0].level[0], "9.5");    /* as numbers: as words, 10 would come first */
  assert_true(points_cell(p, 0, 0)->needs == 0 && points_cell(p, 1, 0)->needs == 368);
  assert_true(isnan(points_cell(p, 1, 0)->interval.value) && points_cell(p, 1, 1)->difference.n == 0);
  assert_near(points_cell(p, 0, 1)->difference.value, -4, 1e-12);
  points_free(p);
  err_release(&err);
  folder_remove(&f);
}

static void test_wrong_words(void **state)
{
  (void)state;
  struct folder f;
  make_pair(&f);
  const struct points_where factor = {"bandwidth", "1"}, level = {"bw", "3"};
  const struct points_options wrong[] = {{.where = &factor, .n_where = 1}, {.where = &level, .n_where = 1},
                                         {.baseline = "c"}, {.metric = "latency"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct err err;
    err_init(&err);
    assert_null(points_load(f.path, &wrong[i], &err));
    assert_int_equal(err.code, EXIT_USER);
    err_release(&err);
  }
  folder_remove(&f);
}

static const char queue_json[] =
  "{\"name\": \"queue\", \"seed\": 1, \"primary\": \"latency_mean_s\", \"horizon\": {\"kind\": \"steady\", \"warmup\": 9},"
  " \"places\": [{\"name\": \"edge\", \"kind\": \"servers\", \"servers\": 1, \"slots\": 1, \"discipline\": \"fifo\","
  " \"batching\": {\"kind\": \"none\"}}]}";

static void put_queue_run(struct folder *f, uint64_t point, double utilization, uint64_t replication)
{
  const struct catalog_metric metric[] = {
    {"latency_mean_s", "", "", 5}, {"completed", "", "", 2000}, {"latency_sd_s", "", "", 5}, {"requests", "", "", 2000},
    {"latency_stretch_sd_s", "", "", .3}, {"utilization", "", "edge", utilization}, {"attempts", "", "edge", 2000},
    {"queue_wait_mean_s", "", "edge", 4}, {"failed_ratio", "", "", .25}};
  static int number = 1 << 20;
  struct catalog_run r = {.point = point, .replication = replication, .seed = 1, .policy = "plain", .kind = "policy",
                          .study = "queue", .state = RUN_DONE, .message = "", .trace_hash = "", .trace_file = "",
                          .n_metrics = 9, .metric = metric};
  snprintf(r.id, sizeof r.id, "%032x", ++number);
  assert_true(catalog_put(f->c, &r, &f->err));
}

/* Two points, the place's utilization .3 and as given; closed again. */
static void queue_study(struct folder *f, const char *const *point_json, double utilization, uint64_t replications)
{
  folder_open(f);
  assert_true(catalog_put_study(f->c, "queue", queue_json, &f->err));
  for (uint64_t point = 0; point < 2; point++) {
    assert_true(catalog_put_point(f->c, point, point_json[point], &f->err));
    for (uint64_t r = 0; r < replications; r++) put_queue_run(f, point, point ? utilization : .3, r);
  }
  folder_close(f);
}

/* The values look independent (250 x .09 / 25: tau 0.9). 20000 requests are worth 20000 / 79.08 = 253 at .8, 4700 at .3. */
static void test_busy_place(void **state)
{
  (void)state;
  struct folder f;
  queue_study(&f, (const char *[]){"{\"rate\": 1}", "{\"rate\": 2}"}, .8, 10);
  struct err err;
  err_init(&err);
  struct points *p = points_load(f.path, &(struct points_options){0}, &err);
  err_print(&err, stderr, false);
  assert_non_null(p);
  assert_false(points_cell(p, 0, 0)->trust.too_short);
  assert_true(points_cell(p, 1, 0)->trust.too_short);
  assert_near(points_cell(p, 1, 0)->trust.effective_n, 20000 / (.96 * 3.952 / .048 + .04), 1e-6);
  points_free(p);
  err_release(&err);
  folder_remove(&f);
}

static void table_of(const struct points *p, char *text, size_t room)
{
  FILE *out = fmemopen(text, room, "w");
  assert_non_null(out);
  points_print(p, out, 40);
  fclose(out);
}

/* A factor is called as a column, requests fail, no run does; the place is saturated at point 1 and not at point 0. */
static void test_table(void **state)
{
  (void)state;
  struct folder f;
  queue_study(&f, (const char *[]){"{\"n\": 1, \"runs\": 1}", "{\"n\": 2, \"runs\": 2}"}, .99, 3);
  struct err err;
  err_init(&err);
  struct points *p = points_load(f.path, &(struct points_options){0}, &err);
  assert_non_null(p);
  assert_near(points_cell(p, 0, 0)->failed_ratio, .25, 1e-12);
  char text[4096];
  table_of(p, text, sizeof text);
  char *head = strstr(text, "point  n  factor runs  policy");
  assert_non_null(head);
  head[strcspn(head, "\n")] = 0;
  assert_non_null(strstr(head, "failed_ratio  runs  method"));
  assert_null(strstr(head, "failed runs"));
  const char *rest = head + strlen(head) + 1;
  const char *warning = strstr(rest, "\nwarning: point 1, plain: place edge is saturated (utilization 0.99)");
  assert_non_null(warning);
  assert_null(strstr(strstr(warning, "saturated") + 1, "saturated"));
  points_free(p);
  err_release(&err);
  folder_remove(&f);
}

/* All points have it, with other figures: said once. A run that failed has its column. */
static void test_table_failures(void **state)
{
  (void)state;
  struct folder f;
  folder_open(&f);
  assert_true(catalog_put_study(f.c, "queue", queue_json, &f.err));
  for (uint64_t point = 0; point < 2; point++) {
    assert_true(catalog_put_point(f.c, point, point ? "{\"rate\": 2}" : "{\"rate\": 1}", &f.err));
    for (uint64_t r = 0; r < 3; r++) put_queue_run(&f, point, point ? .99 : .97, r);
  }
  struct catalog_run r = {.point = 0, .replication = 3, .seed = 1, .policy = "plain", .kind = "policy", .study = "queue",
                          .state = RUN_FAILED, .message = "planted", .trace_hash = "", .trace_file = "",
                          .id = "ffffffffffffffffffffffffffffffff"};
  assert_true(catalog_put(f.c, &r, &f.err));
  folder_close(&f);
  struct err err;
  err_init(&err);
  struct points *p = points_load(f.path, &(struct points_options){0}, &err);
  assert_non_null(p);
  char text[4096];
  table_of(p, text, sizeof text);
  assert_non_null(strstr(text, "failed_ratio  runs  failed runs  method"));
  assert_non_null(strstr(text, "\nwarning: all rows: place edge is saturated (utilization 0.97)"));
  assert_non_null(strstr(text, "\nwarning: point 0, plain: 1 of 4 runs failed: planted"));
  points_free(p);
  err_release(&err);
  folder_remove(&f);
}

/* a(x) = 10 + x + e_r, b(x) = 2 x, c always 100; e = -1, 0, 1 in three replications: a = b at 9, 10, 11. */
static void make_lines(struct folder *f, double noise, const char *unit)
{
  static const double level[] = {20, 5, 8};
  folder_open(f);
  for (int i = 0; i < 3; i++) {
    char factors[96];
    snprintf(factors, sizeof factors, "{\"load\": \"%g%s\", \"kind\": \"one\"}", level[i], unit);
    assert_true(catalog_put_point(f->c, (uint64_t)i, factors, &f->err));
    for (int r = 0; r < 3; r++) {
      put_run(f, (uint64_t)i, "a", (uint64_t)r, 10 + level[i] + noise * (r - 1), 500);
      put_run(f, (uint64_t)i, "b", (uint64_t)r, 2 * level[i], 500);
      put_run(f, (uint64_t)i, "c", (uint64_t)r, 100, 500);
    }
  }
  folder_close(f);
}

/* By hand: between 8 and 20, over log x, d = a - b + e: d(8) = 2 + e, d(20) = -10 + e; x = 8 (20 / 8)^((2 + e) / 12). */
static void test_crossing(void **state)
{
  struct folder f;
  struct err err;
  err_init(&err);
  make_lines(&f, 1, " /s");
  struct points *p = points_load(f.path, &(struct points_options){.metric = "latency_mean_s"}, &err);
  struct levels *l = levels_new(p, NULL, NULL, 0, &err);
  assert_non_null(l);
  assert_string_equal(l->unit, "/s");
  assert_int_equal(l->n, 3);
  assert_near(l->x[0], 5, 0);
  assert_near(l->x[2], 20, 0);
  assert_int_equal(l->n_curves, 3);
  assert_int_equal(l->n_crossings, 1);
  const struct crossing *c = &l->crossing[0];
  assert_string_equal(l->curve[c->before].name, "b");
  assert_string_equal(l->curve[c->after].name, "a");
  double step = log(2.5) / 12, mean = log(8) + 2 * step, half = 4.302653 * step / sqrt(3);    /* t(2, .95) */
  assert_near(c->at.value, exp(mean), 1e-9);
  assert_near(c->at.lo, exp(mean - half), 1e-5);
  assert_near(c->at.hi, exp(mean + half), 1e-5);
  assert_int_equal(c->clear, 3);
  levels_free(l);
  assert_null(levels_new(p, "lode", NULL, 0, &err));
  assert_null(levels_new(p, "kind", NULL, 0, &err));
  assert_null(levels_new(p, NULL, (const char *const[]){"nobody"}, 1, &err));
  points_free(p);
  err_release(&err);
  folder_remove(&f);
}

/* Planted: with e = -11 a is better everywhere, with e = 11 b is, so there is no interval to give. */
static void test_no_crossing(void **state)
{
  struct folder f;
  struct err err;
  err_init(&err);
  make_lines(&f, 11, "");
  struct points *p = points_load(f.path, &(struct points_options){.metric = "latency_mean_s"}, &err);
  struct levels *l = levels_new(p, "load", NULL, 0, &err);
  assert_int_equal(l->n_crossings, 1);
  assert_int_equal(l->crossing[0].runs, 3);
  assert_int_equal(l->crossing[0].clear, 1);            /* without e alone: 10 + x = 2 x */
  assert_true(isnan(l->crossing[0].at.lo) && isnan(l->crossing[0].at.hi));
  levels_free(l);
  points_free(p);
  err_release(&err);
  folder_remove(&f);
}

/* Planted: 10 and 10 -+ .01, far inside the margin of 2 %: the better one changes, and nothing crosses. */
static void test_equal_curves(void **state)
{
  struct folder f;
  struct err err;
  err_init(&err);
  folder_open(&f);
  for (int i = 0; i < 3; i++) {
    char factors[96];
    snprintf(factors, sizeof factors, "{\"load\": %d}", 1 << i);
    assert_true(catalog_put_point(f.c, (uint64_t)i, factors, &f.err));
    for (int r = 0; r < 3; r++) {
      put_run(&f, (uint64_t)i, "a", (uint64_t)r, 10 + .001 * r, 500);
      put_run(&f, (uint64_t)i, "b", (uint64_t)r, 10 + .01 * (i - 1.5), 500);
    }
  }
  folder_close(&f);
  struct points *p = points_load(f.path, &(struct points_options){.metric = "latency_mean_s"}, &err);
  struct levels *l = levels_new(p, NULL, NULL, 0, &err);
  assert_int_equal(l->n_crossings, 0);
  levels_free(l);
  points_free(p);
  assert_null(points_load(f.path, &(struct points_options){.metric = "attempts"}, &err));       /* nobody has a value */
  assert_int_equal(err.code, EXIT_USER);
  err_release(&err);
  folder_remove(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_effects), cmocka_unit_test(test_crossing), cmocka_unit_test(test_no_crossing), cmocka_unit_test(test_equal_curves), cmocka_unit_test(test_incomplete_design),
                                     cmocka_unit_test(test_points), cmocka_unit_test(test_busy_place),
                                     cmocka_unit_test(test_table), cmocka_unit_test(test_table_failures),
                                     cmocka_unit_test(test_wrong_words)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
