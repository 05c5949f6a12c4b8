/* compare: paired differences and verdicts against formulas. */
#include "analysis/compare.h"
#include "analysis/compare_stats.h"
#include "analysis/plot_data.h"
#include "analysis/report.h"
#include "analysis/store/catalog.h"
#include "analysis/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* cmocka compares floats; these are doubles. */
#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

/* d = {1, 2, 3}: mean 2, s = 1, t(2, .975) = 4.302653, half width 4.302653 / sqrt(3) = 2.484138. */
static void paired_interval(void **state)
{
  const double a[] = {11, 22, 33}, b[] = {10, 20, 30};
  const uint64_t r[] = {0, 1, 2};
  double ratio;
  struct interval i = compare_paired(a, r, 3, b, r, 3, .95, &ratio);
  assert_near(i.value, 2, 1e-12);
  assert_near(i.lo, 2 - 2.484138, 1e-5);
  assert_near(i.hi, 2 + 2.484138, 1e-5);
  assert_int_equal(i.n, 3);
  assert_string_equal(i.method, "paired-t");
  /* Var a = 121, Var b = 100, Var d = 1. */
  assert_near(ratio, 221, 1e-9);
}

/* Only replications that both have, in whatever order; here 7 and 9 with differences 1 and 3. */
static void replications_found(void **state)
{
  (void)state;
  static const uint64_t list[] = {7, 2, 9, 4};
  for (size_t near = 0; near < 8; near++) {
    for (size_t i = 0; i < 4; i++) assert_int_equal(compare_find(list, 4, list[i], near), i);
    assert_int_equal(compare_find(list, 4, 5, near), 4);
  }
  assert_int_equal(compare_find(NULL, 0, 5, 3), 0);
}

static void pairs_by_replication(void **state)
{
  const double a[] = {5, 100, 8}, b[] = {5, 4, 50};
  const uint64_t ra[] = {7, 1, 9}, rb[] = {9, 7, 3};
  struct interval i = compare_paired(a, ra, 3, b, rb, 3, .95, NULL);
  assert_int_equal(i.n, 2);
  assert_near(i.value, 2, 1e-12);
}

static void infinite_values(void **state)
{
  const double a[] = {INFINITY, INFINITY}, b[] = {1, 2}, mixed[] = {INFINITY, 3};
  const uint64_t r[] = {0, 1};
  struct interval i = compare_paired(a, r, 2, b, r, 2, .95, NULL);
  assert_true(isinf(i.value) && i.value > 0);
  assert_int_equal(compare_verdict(i, .02, -1), VERDICT_WORSE);
  assert_int_equal(compare_verdict(i, .02, 1), VERDICT_BETTER);
  i = compare_paired(mixed, r, 2, b, r, 2, .95, NULL);
  assert_int_equal(compare_verdict(i, .02, -1), VERDICT_UNDECIDED);
  i = compare_paired(b, r, 1, b, r, 1, .95, NULL);
  assert_int_equal(i.n, 1);
  assert_true(isnan(i.lo));
}

static enum verdict verdict(double lo, double hi, int better)
{
  return compare_verdict((struct interval){(lo + hi) / 2, lo, hi, 10, "paired-t"}, 1, better);
}

static void verdicts(void **state)
{
  assert_int_equal(verdict(-.5, .5, -1), VERDICT_EQUIVALENT);
  assert_int_equal(verdict(1.5, 3, -1), VERDICT_WORSE);
  assert_int_equal(verdict(1.5, 3, 1), VERDICT_BETTER);
  assert_int_equal(verdict(-3, -1.5, -1), VERDICT_BETTER);
  assert_int_equal(verdict(-3, -1.5, 1), VERDICT_WORSE);
  assert_int_equal(verdict(.5, 3, -1), VERDICT_UNDECIDED);
  assert_int_equal(verdict(-3, 3, 1), VERDICT_UNDECIDED);
  assert_int_equal(verdict(2, 3, 0), VERDICT_UNDECIDED);
  assert_int_equal(verdict(NAN, NAN, -1), VERDICT_UNDECIDED);
}

/* ---- a small folder -----------------------------------------------------------------------------------------------
 */

static const char scenario_json[] =
  "{\"name\": \"<script>alert(1)</script>\", \"seed\": 3, \"primary\": \"latency_mean_s\", \"policies\": ["
  "{\"policy\": \"always_local\"}, {\"policy\": \"always_edge\"}, {\"policy\": \"linucb\", \"name\": \"site\"},"
  "{\"policy\": \"clairvoyant\"}]}";

static void put_run(struct catalog *c, const char *policy, const char *kind, uint64_t replication, double latency_s,
                    double cost, struct err *err)
{
  const struct catalog_metric metric[] = {
    {"latency_mean_s", "", "", latency_s}, {"latency_p99_s", "", "", 2 * latency_s}, {"cost_objective", "", "", cost},
    {"requests", "", "", 500}, {"failed_ratio", "", "", !strcmp(policy, "dropper") ? .3 : 0}, {"requests", "chat", "", 500},
    {"utilization", "", "edge", !strcmp(policy, "always_edge") ? .96 : .5}};
  static int number;
  struct catalog_run r = {.replication = replication, .seed = 3, .policy = policy, .kind = kind, .study = "s",
                          .state = RUN_DONE, .message = "", .trace_hash = "00000000000000000000000000000001",
                          .trace_file = "", .events = 10, .n_metrics = 7, .metric = metric};
  snprintf(r.id, sizeof r.id, "%032x", ++number);
  assert_true(catalog_put(c, &r, err));
}

/* Local takes 2, 4, 6 s; edge 3, 3, 3; so the best fixed by cost is local, edge, edge: 2, 3, 3. */
static char *make_folder(void)
{
  static char folder[64];
  snprintf(folder, sizeof folder, "/tmp/offsim-compare-XXXXXX");
  assert_non_null(mkdtemp(folder));
  struct err err;
  err_init(&err);
  struct catalog *c = catalog_open(folder, CATALOG_WRITE, &err);
  err_print(&err, stderr, false);
  assert_non_null(c);
  assert_true(catalog_put_study(c, "s", scenario_json, &err));
  for (uint64_t r = 0; r < 3; r++) {
    put_run(c, "always_local", "policy", r, 2 + 2 * (double)r, 2 + 2 * (double)r, &err);
    put_run(c, "always_edge", "policy", r, 3, 3, &err);
    put_run(c, "site", "policy", r, 1 + .001 * (double)r, 1, &err);
    put_run(c, "clairvoyant", "reference", r, .5, .5, &err);
  }
  catalog_close(c);
  err_release(&err);
  return folder;
}

static void remove_folder(const char *folder)
{
  static const char *const files[] = {
    "catalog.sqlite", "catalog.sqlite-journal", "report.html", "figures/latency.svg", "figures/latency.gp",
    "figures/latency.dat", "figures/ccdf.svg", "figures/ccdf.gp", "figures/ccdf.dat", "figures/phases.svg",
    "figures/phases.gp", "figures/phases.dat", "figures/pareto.svg", "figures/pareto.gp", "figures/pareto.dat"};
  char path[256];
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    unlink(path);
  }
  snprintf(path, sizeof path, "%s/figures", folder);
  rmdir(path);
  rmdir(folder);
}

static const struct compared_policy *policy_named(const struct comparison *c, const char *name)
{
  for (size_t i = 0; i < c->n_policies; i++)
    if (!strcmp(c->policy[i].name, name)) return &c->policy[i];
  fail_msg("no policy %s", name);
  return NULL;
}

static void folder(void **state)
{
  const char *dir = make_folder();
  struct err err;
  err_init(&err);
  struct comparison *c = comparison_load(&dir, 1, &(struct comparison_options){0}, &err);
  err_print(&err, stderr, false);
  assert_non_null(c);
  assert_int_equal(c->n_policies, 5);
  const struct compared_policy *best = policy_named(c, "best_fixed");
  assert_string_equal(best->kind, "reference");
  assert_near(comparison_metric(best, "latency_mean_s", "", "")->interval.value, 8.0 / 3, 1e-12);
  assert_string_equal(c->policy[c->baseline].name, "site");
  /* edge - site = 2, 1.999, 1.998: mean 1.999, s = .001; family 5 x 4 / 2 = 10: t(2, 1 - .005 / 2) = 14.0890. */
  const struct paired *pair =
      comparison_pair(c, (size_t)(policy_named(c, "always_edge") - c->policy), "latency_mean_s");
  assert_int_equal(pair->of, 10);
  assert_near(pair->difference.value, 1.999, 1e-12);
  assert_near(pair->difference.hi - 1.999, 14.0890 * .001 / sqrt(3), 1e-6);
  assert_int_equal(pair->verdict, VERDICT_WORSE);
  assert_string_equal(c->incomplete, "tuned threshold, model-greedy");
  assert_true(comparison_metric(&c->policy[0], "latency_p99_s", "", "")->unsupported);  /* 500 x .01 = 5 < 10 */
  /* 500 requests at cost 1 against 0.5. */
  assert_string_equal(c->regret_against, "clairvoyant");
  assert_near(comparison_metric(&c->policy[c->baseline], "regret", "", "")->interval.value, 250, 1e-9);
  bool saturated = false;
  const struct compared_policy *edge = policy_named(c, "always_edge");
  for (size_t i = 0; i < edge->n_warnings; i++) saturated |= strstr(edge->warning[i], "saturated") != NULL;
  assert_true(saturated);
  char *sentence = comparison_sentence(c);
  assert_int_equal(strncmp(sentence, "site wins on latency_mean_s", 27), 0);
  free(sentence);
  comparison_free(c);
  err_release(&err);
  remove_folder(dir);
}

/* More than 5 % of both fail: infinite quantiles have no difference, and nobody leads. The world made both references,
 * so that they are compared all the same. */
static void nobody_leads(void **state)
{
  char folder[64] = "/tmp/offsim-compare-XXXXXX";
  const char *dir = folder;
  assert_non_null(mkdtemp(folder));
  struct err err;
  err_init(&err);
  struct catalog *catalog = catalog_open(folder, CATALOG_WRITE, &err);
  assert_non_null(catalog);
  assert_true(catalog_put_study(catalog, "s", scenario_json, &err));
  put_run(catalog, "always_local", "reference", 0, INFINITY, 2, &err);
  put_run(catalog, "always_edge", "reference", 0, INFINITY, 3, &err);
  catalog_close(catalog);
  struct comparison *c = comparison_load(&dir, 1, &(struct comparison_options){0}, &err);
  assert_non_null(c);
  assert_true(c->baseline == SIZE_MAX && comparison_all_hopeless(c));
  char *sentence = comparison_sentence(c);
  assert_string_equal(sentence, "No policy can be told to be the best: latency_mean_s is infinite under all of them.");
  free(sentence);
  comparison_free(c);
  err_release(&err);
  remove_folder(dir);
}

static char *plain_folder(char *folder, double local_s, const char *other)
{
  strcpy(folder, "/tmp/offsim-compare-XXXXXX");
  assert_non_null(mkdtemp(folder));
  struct err err;
  err_init(&err);
  struct catalog *c = catalog_open(folder, CATALOG_WRITE, &err);
  assert_non_null(c);
  assert_true(catalog_put_study(c, "s", scenario_json, &err));
  for (uint64_t r = 0; r < 3; r++) {
    put_run(c, "always_local", "policy", r, local_s + .001 * (double)r, 2, &err);
    put_run(c, other, "policy", r, 1 + .001 * (double)r, 1, &err);
  }
  catalog_close(c);
  err_release(&err);
  return folder;
}

/* Who lets 30 % fail has the better mean of the rest; without failures no such word. */
static void survivors(void **state)
{
  const char *const other[] = {"dropper", "site"};
  for (int k = 0; k < 2; k++) {
    char folder[64];
    const char *dir = plain_folder(folder, 2, other[k]);
    struct err err;
    err_init(&err);
    struct comparison *c = comparison_load(&dir, 1, &(struct comparison_options){0}, &err);
    assert_non_null(c);
    char *sentence = comparison_sentence(c);
    const char *beware = strstr(sentence, "Beware: ");
    assert_int_equal(beware != NULL, k == 0);
    if (beware)
      assert_string_equal(beware, "Beware: latency_mean_s is of completed requests alone, and dropper failed 30.00 % of "
                                  "all, always_local 0 %.");
    free(sentence);
    comparison_free(c);
    err_release(&err);
    remove_folder(dir);
  }
}

/* Three folders: the first beside the second and beside the third, where the ranking turns over. */
static void three_folders(void **state)
{
  char name[3][64];
  const double local_s[] = {2, 3, .5};
  const char *dir[3];
  for (int k = 0; k < 3; k++) dir[k] = plain_folder(name[k], local_s[k], "site");
  struct err err;
  err_init(&err);
  struct comparison *c = comparison_load(dir, 3, &(struct comparison_options){0}, &err);
  assert_non_null(c);
  char *text = NULL;
  size_t n;
  FILE *f = open_memstream(&text, &n);
  comparison_print_table(c, f, &(struct comparison_view){0});
  fclose(f);
  const char *first = strstr(text, "side by side"), *second = first ? strstr(first + 1, "side by side") : NULL;
  assert_non_null(second);
  assert_null(strstr(second + 1, "side by side"));
  const char *same = strstr(first, "ranking: the same\n"), *differs = strstr(second, "ranking: DIFFERS in 1 pair ");
  assert_true(same && same < second && differs);
  assert_non_null(strstr(second, dir[2]));
  free(text);
  comparison_free(c);
  err_release(&err);
  for (int k = 0; k < 3; k++) remove_folder(dir[k]);
}

static void unknown_names(void **state)
{
  const char *dir = make_folder(), *nobody = "nobody";
  static const struct comparison_options wrong[] = {{.baseline = "sit"}, {.primary = "latency_mean"},
                                                    {.point_given = true, .point = 7}};
  struct comparison_options policy = {.policy = &nobody, .n_policies = 1};
  for (int i = 0; i < 4; i++) {
    struct err err;
    err_init(&err);
    assert_null(comparison_load(&dir, 1, i < 3 ? &wrong[i] : &policy, &err));
    assert_int_equal(err.code, EXIT_USER);
    err_release(&err);
  }
  struct err err;
  err_init(&err);
  assert_null(comparison_load(&(const char *){"/tmp/offsim-no-such-folder"}, 1, &wrong[0], &err));
  assert_int_equal(err.code, EXIT_SYSTEM);
  err_release(&err);
  remove_folder(dir);
}

/* The scenario's name is a script: it must reach the page as text. */
static void page(void **state)
{
  const char *dir = make_folder();
  struct err err;
  err_init(&err);
  struct comparison *c = comparison_load(&dir, 1, &(struct comparison_options){.baseline = "always_local"}, &err);
  assert_non_null(c);
  assert_int_equal(comparison_pair(c, 1, "latency_mean_s")->of, 4);
  assert_true(report_write(c, &(struct report_options){dir, "analysis/plots"}, &err));
  char path[256];
  snprintf(path, sizeof path, "%s/report.html", dir);
  char *html = text_load(path, NULL, &err);
  assert_non_null(html);
  assert_null(strstr(html, "<script"));
  assert_non_null(strstr(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
  assert_non_null(strstr(html, "INCOMPLETE: missing tuned threshold, model-greedy"));
  assert_null(strstr(html, "src=\"http"));
  free(html);
  comparison_free(c);
  err_release(&err);
  remove_folder(dir);
}

/* p of edge - site = 2, 1.999, 1.998: t = 1.999 / (.001 / sqrt(3)) = 3462.4 with 2 degrees: p = 2 P(T > t) =
 * 1 - t / sqrt(t^2 + 2) = 1 / t^2 nearly. Signed ranks, n = 3, all of one sign: 2 / 8. Holm: the smallest p of a family of m
 * is lifted m times. */
static void tests_of_pairs(void **state)
{
  const char *dir = make_folder();
  struct err err;
  err_init(&err);
  struct comparison *c = comparison_load(&dir, 1, &(struct comparison_options){0}, &err);
  assert_non_null(c);
  size_t edge = (size_t)(policy_named(c, "always_edge") - c->policy);
  const struct paired *pair = comparison_pair(c, edge, "latency_mean_s");
  double t = 1.999 / (.001 / sqrt(3));
  assert_near(pair->p * t * t, 1, 1e-5);
  assert_near(pair->wilcoxon.p, .25, 1e-12);
  assert_true(isnan(pair->p_holm));                     /* the primary metric has its simultaneous intervals */
  double least = INFINITY, lifted = INFINITY;
  for (size_t i = 0; i < c->n_pairs; i++)
    if (!isnan(c->pair[i].p_holm)) {
      least = fmin(least, c->pair[i].p);
      lifted = fmin(lifted, c->pair[i].p_holm);
      assert_true(c->pair[i].p_holm >= c->pair[i].p && c->pair[i].p_holm <= 1);
    }
  assert_true(c->family > 1);
  assert_near(lifted, fmin(1, (double)c->family * least), 1e-15);
  assert_true(isnan(comparison_pair(c, edge, "failed_ratio")->p_holm));         /* zero everywhere: nothing to test */
  comparison_free(c);
  err_release(&err);
  remove_folder(dir);
}

/* Poisson classes of 4 and 0.5 a second for 600 s: 2400, 300, together 2700; a trace, or a run that ends with its
 * requests, has no known mean. */
static void expected_requests(void **state)
{
  static const struct { const char *text, *klass; double expected; } cases[] = {
    {"{\"horizon\": {\"duration\": 600, \"max_requests\": 0}, \"classes\": [{\"name\": \"a\", \"arrivals\":"
     " {\"poisson\": {\"rate\": 4}}}, {\"name\": \"b\", \"arrivals\": {\"poisson\": {\"rate\": 0.5}}}]}", "", 2700},
    {"{\"horizon\": {\"duration\": 600}, \"classes\": [{\"name\": \"a\", \"arrivals\": {\"poisson\": {\"rate\": 4}}},"
     " {\"name\": \"b\", \"arrivals\": {\"trace\": {}}}]}", "a", 2400},
    {"{\"horizon\": {\"duration\": 600}, \"classes\": [{\"name\": \"a\", \"arrivals\": {\"poisson\": {\"rate\": 4}}},"
     " {\"name\": \"b\", \"arrivals\": {\"trace\": {}}}]}", "", NAN},
    {"{\"horizon\": {\"duration\": 600, \"max_requests\": 9}, \"classes\": [{\"name\": \"a\", \"arrivals\":"
     " {\"poisson\": {\"rate\": 4}}}]}", "", NAN}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct err err;
    err_init(&err);
    json *j = json_parse(cases[i].text, strlen(cases[i].text), &err);
    double x = compare_expected_requests(j, cases[i].klass);
    assert_true(isnan(cases[i].expected) ? isnan(x) : x == cases[i].expected);
    json_release(j);
    err_release(&err);
  }
}

/* What the catalogue keeps of a run makes the same pool as its values: 4096 of them, 512 to a stretch. */
static void pool_from_metrics(void **state)
{
  enum { N = 4096, EACH = N / TRUST_PIECES };
  double x[N];
  struct moments all = {0}, stretches = {0};
  for (int i = 0; i < N; i++) {
    x[i] = sin(i / 300.0) + i % 7;
    moments_add(&all, x[i]);
  }
  for (int k = 0; k < TRUST_PIECES; k++) {
    double sum = 0;
    for (int i = 0; i < EACH; i++) sum += x[k * EACH + i];
    moments_add(&stretches, sum / EACH);
  }
  struct trust_pool direct = {0}, kept = {0};
  for (int run = 0; run < 3; run++) {
    trust_pool_add(&direct, x, N);
    compare_pool_add(&kept, N, all.mean, moments_sd(&all), moments_sd(&stretches));
  }
  struct trust a = trust_replications(&direct, 0), b = trust_replications(&kept, 0);
  assert_near(a.effective_n / b.effective_n, 1, 1e-9);
  assert_true(a.too_short && b.too_short && a.why == b.why);
  compare_pool_add(&kept, 3, 1, 1, NAN);                /* a run with next to nothing in it */
  assert_true(trust_replications(&kept, 0).too_short);
  assert_near(compare_trusted_quantile("latency_p99_s"), .99, 0);
  assert_true(compare_trusted_quantile("latency_mean_s") == 0 && isnan(compare_trusted_quantile("ttft_p99_s")));
}

/* 10 runs of 2000 at a utilization of .8 and one server are worth 20000 / 79.08 = 253; none of it where the place batches,
 * hardly makes anyone wait, or is unknown. */
static void busy_places(void **state)
{
  (void)state;
  static const char text[] =
    "{\"places\": [{\"name\": \"edge\", \"kind\": \"servers\", \"servers\": 1, \"slots\": 1, \"discipline\": \"fifo\","
    " \"batching\": {\"kind\": \"none\"}}, {\"name\": \"cloud\", \"kind\": \"servers\", \"servers\": 1, \"slots\": 1,"
    " \"discipline\": \"fifo\", \"batching\": {\"kind\": \"dynamic\"}}]}";
  struct err err;
  err_init(&err);
  json *resolved = json_parse(text, strlen(text), &err);
  assert_non_null(resolved);
  struct place_use u = {.place = "edge", .runs = 10, .utilization = .8, .attempts = 2000, .wait_s = 4, .latency_s = 5,
                        .completed = 2000};
  struct trust fine = {.effective_n = 1000, .tau = 20};
  struct trust t = compare_place_trust(resolved, &u, fine, 0);
  assert_true(t.too_short);
  assert_near(t.effective_n, 20000 / (.96 * 3.952 / .048 + .04), 1e-6);
  u.utilization = .3;
  assert_false(compare_place_trust(resolved, &u, fine, 0).too_short);
  u.utilization = 1;
  assert_true(compare_place_trust(resolved, &u, fine, 0).too_short);
  u.wait_s = .4;
  assert_false(compare_place_trust(resolved, &u, fine, 0).too_short);
  u.wait_s = 4, u.place = "cloud";
  assert_false(compare_place_trust(resolved, &u, fine, 0).too_short);
  u.place = "nowhere";
  assert_false(compare_place_trust(resolved, &u, fine, 0).too_short);
  json_release(resolved);
  err_release(&err);
}

/* Welch, w = 1, of 1 2 6 - 5: 1; (1 + 2 + 6) / 3; (2 + 6) / 2; (6 + 5) / 2; no average for the last. */
static void moving_average(void **state)
{
  const double y[] = {1, 2, 6, NAN, 5}, expected[] = {1, 3, 4, 5.5};
  double smooth[5];
  welch_smooth(y, 5, 1, smooth);
  for (int i = 0; i < 4; i++) assert_near(smooth[i], expected[i], 1e-15);
  assert_true(isnan(smooth[4]));
}

/* By hand, of (exposure, metric): where more is better (3, .2) and (4, .6) are beaten by (2, .6); where less is better (3, .2)
 * is the only one better than (1, .3). */
static void front_of_exposure(void **state)
{
  static const double exposed[] = {1, 3, 2, 4, 5}, value[] = {.3, .2, .6, .6, .7};
  static const struct { const char *metric, *front; } wanted[] = {{"quality_mean", "1 0.3\n2 0.6\n5 0.7\n\n\n"},
                                                                  {"latency_mean_s", "1 0.3\n3 0.2\n\n\n"}};
  for (size_t w = 0; w < 2; w++) {
    struct compared_metric metric[5][2];
    struct compared_policy policy[5];
    size_t chosen[5];
    for (size_t i = 0; i < 5; i++) {
      metric[i][0] = (struct compared_metric){.metric = "exposure_bytes_per_request", .klass = "", .place = "",
                                              .interval = {exposed[i], NAN, NAN, 1, "replications"}};
      metric[i][1] = (struct compared_metric){.metric = wanted[w].metric, .klass = "", .place = "",
                                              .interval = {value[i], NAN, NAN, 1, "replications"}};
      policy[i] = (struct compared_policy){.name = "p", .kind = "policy", .n_metrics = 2, .metric = metric[i]};
      chosen[i] = i;
    }
    struct comparison c = {.n_policies = 5, .policy = policy};
    struct plot_options o = {.metric = wanted[w].metric};
    struct figure f = {.kind = "exposure"};
    struct err err;
    err_init(&err);
    assert_true(data_exposure(&(struct plotting){&c, &o, chosen, 5}, &f, &err));
    assert_int_equal(strncmp(f.data.s, wanted[w].front, strlen(wanted[w].front)), 0);
    figure_release(&f);
    err_release(&err);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(paired_interval),
                                     cmocka_unit_test(replications_found),
                                     cmocka_unit_test(pairs_by_replication),
                                     cmocka_unit_test(infinite_values),
                                     cmocka_unit_test(verdicts),
                                     cmocka_unit_test(folder),
                                     cmocka_unit_test(nobody_leads), cmocka_unit_test(front_of_exposure), cmocka_unit_test(survivors), cmocka_unit_test(three_folders),
                                     cmocka_unit_test(unknown_names),
                                     cmocka_unit_test(tests_of_pairs),
                                     cmocka_unit_test(expected_requests),
                                     cmocka_unit_test(pool_from_metrics), cmocka_unit_test(busy_places),
                                     cmocka_unit_test(moving_average),
                                     cmocka_unit_test(page)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
