/* Times of kernels with measured costs: whole runs against times that are computed here in another way; what costs are wrong by,
 * the scatter of executions, others beside, what policies and oracles know. Seeds are fixed; the statistical limits state how
 * often another seed would break them. */
#include "experiments/validate/pipeline.h"
#include "scenarios/profile.h"
#include "scenarios/scenario.h"
#include "sim/rng.h"
#include "tests/unit/folder_rig.h"
#include "tests/unit/world_rig.h"
#include <unistd.h>

/* ---- a profile and a scenario beside it --------------------------------------------------------------------------- */

enum { KNOTS = 6 };
struct measure { int n[2]; double knot[2][KNOTS], cost_s[KNOTS * KNOTS]; const char *axis[2]; double sigma, low, high, beside;
                 double elapsed, fetch_s, cold, last_cache_bytes; bool wall; };      /* 0: not said */
struct kind_of_work { const char *kernel, *unit; };


static void put_list(FILE *f, const double *x, int n, const char *unit)
{
  for (int i = 0; i < n; i++) fprintf(f, "%s%.17g%s", i ? ", " : "[", x[i], unit);
  fprintf(f, "]");
}

static void write_profile_of(const struct measure *m, struct kind_of_work of)
{
  char path[64];
  snprintf(path, sizeof path, "%s/p.yaml", folder);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fprintf(f, "kind: hardware\nname: p\nsources: {all: {source: by hand, year: 2026, grade: M}}\nmeasured: {complete: true}\n"
             "value:\n  flops: 1 GFLOP/s\n  bandwidth: 1 GB/s\n  last_cache: %.17g B\n  kernels:\n    %s:\n      version: 1\n"
             "      unit: %s\n      axes: {%s: ", m->last_cache_bytes, of.kernel, of.unit, m->axis[0]);
  put_list(f, m->knot[0], m->n[0], "");
  if (m->axis[1]) fprintf(f, ", %s: ", m->axis[1]), put_list(f, m->knot[1], m->n[1], "");
  fprintf(f, "}\n      cost: ");
  put_list(f, m->cost_s, m->n[0] * (m->axis[1] ? m->n[1] : 1), " s");
  fprintf(f, "\n      sigma: %.17g\n      band: [%.17g, %.17g]\n      interference: %.17g\n      clock: %s\n", m->sigma, m->low,
          m->high, m->beside, m->wall ? "wall" : "cpu");
  if (m->elapsed > 0) fprintf(f, "      wall_over_cpu: %.17g\n", m->elapsed);
  if (m->fetch_s > 0) fprintf(f, "      fetch: %.17g s\n", m->fetch_s);
  if (m->cold > 0) fprintf(f, "      cold: %.17g\n", m->cold);
  fclose(f);
}

static void write_profile(const struct measure *m) { write_profile_of(m, (struct kind_of_work){"gemm_f32", "FLOP"}); }

/* 100 ps a FLOP, whatever the shape. */
static struct measure level(void)
{
  return (struct measure){.n = {2}, .knot = {{1, 1e12}}, .cost_s = {1e-10, 1e-10}, .axis = {"working_set"}, .low = 0.8,
                          .high = 1.25, .beside = 1};
}

static struct scenario *load(const char *text)
{
  struct err err;
  char path[64];
  err_init(&err);
  snprintf(path, sizeof path, "%s/s.yaml", folder);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
  struct scenario *s = scenario_load(path, NULL, 0, &err);
  if (!s) {
    err_print(&err, stderr, false);
    fail_msg("the scenario is not sound");
  }
  err_release(&err);
  return s;
}

static bool play(struct scenario *s, uint64_t replication, int policy, struct kept *kept, struct err *err)
{
  struct run_summary summary;
  struct run_setup setup = {.def = &s->world, .policy = &s->policy[policy], .seed = s->seed, .replication = replication,
                            .sink = keeping(kept)};
  memset(kept, 0, sizeof *kept);
  struct world *w = world_new(&setup, err);
  bool ok = w && world_run(w, &summary, err);
  world_free(w);
  return ok;
}

static double service_s(const struct kept *k, int i) { return 1e-9 * (double)k->attempt[i].phase_ns[PHASE_SERVE]; }

static struct kept *played(struct scenario *s, uint64_t replication, int policy)
{
  struct kept *k = calloc(1, sizeof *k);
  struct err err;
  err_init(&err);
  if (!play(s, replication, policy, k, &err)) {
    err_print(&err, stderr, false);
    fail_msg("the world did not run");
  }
  err_release(&err);
  return k;
}

static const char one_device[] =
    "horizon: {duration: %g s}\nplaces: [{name: dev, tier: device, slots: %d, hardware: p.yaml%s}]\n"
    "classes:\n  - {name: ask, from: dev, arrivals: {renewal: {interarrival: 1 s}}, pipeline: [{task: first, places: [origin], "
    "work: {kernel: gemm_f32, m: %d, n: %d, k: %d, calls: %d}}]}\npolicies: [always_local]\ncalibration: {error: %s}\n";

/* ---- any table, any shape ------------------------------------------------------------------------------------------ */

static double between(struct rng *r, double low, double high) { return low * pow(high / low, rng_uniform(r)); }

static struct measure any_measure(struct rng *r)
{
  struct measure m = level();
  bool two = rng_uniform(r) < 0.5;
  m.axis[0] = two ? "weights" : "working_set";
  m.axis[1] = two ? "m" : NULL;
  for (int a = 0; a < 1 + two; a++) {
    m.n[a] = 2 + (int)(rng_uniform(r) * (KNOTS - 1));
    m.knot[a][0] = a ? 1 : 100;
    for (int i = 1; i < m.n[a]; i++) m.knot[a][i] = m.knot[a][i - 1] * between(r, 1.5, 30);
    m.knot[a][m.n[a] - 1] = a ? 3000 : 1e9;             /* wide enough for any shape below */
    if (m.knot[a][m.n[a] - 2] >= m.knot[a][m.n[a] - 1]) m.n[a] = 2, m.knot[a][1] = a ? 3000 : 1e9;
  }
  for (int i = 0; i < KNOTS * KNOTS; i++) m.cost_s[i] = between(r, 1e-12, 1e-9);
  return m;
}

/* The power law through two neighbours, found from above; the cost rises by steps of its own. */
static double law(const double *knot, const double *cost, int n, double x)
{
  int i = n - 2;
  while (i > 0 && x < knot[i]) i--;
  double slope = (log2(cost[i + 1]) - log2(cost[i])) / (log2(knot[i + 1]) - log2(knot[i]));
  return cost[i] * pow(x / knot[i], slope);
}

static double expected_s(const struct measure *m, double rows, double columns, double depth)
{
  double flop = 2 * rows * columns * depth, over[KNOTS];
  if (!m->axis[1]) return flop * law(m->knot[0], m->cost_s, m->n[0], 4 * (rows * depth + depth * columns + rows * columns));
  for (int i = 0; i < m->n[0]; i++) over[i] = law(m->knot[1], &m->cost_s[i * m->n[1]], m->n[1], rows);
  return flop * law(m->knot[0], over, m->n[0], 4 * depth * columns);
}

static void test_times_are_calls_units_cost(void **state)
{
  (void)state;
  struct rng_root root = rng_root_make(7, 0);
  struct rng r = rng_open(&root, 1, 2, 3);
  char text[2000];
  for (int i = 0; i < 60; i++) {
    struct measure m = any_measure(&r);
    int rows = 1 + (int)between(&r, 1, 2000), columns = 8 + (int)between(&r, 1, 2000), depth = 8 + (int)between(&r, 1, 2000);
    int calls = 1 + i % 5;
    write_profile(&m);
    snprintf(text, sizeof text, one_device, 1.5, 1, "", rows, columns, depth, calls, "none");
    struct scenario *s = load(text);
    struct kept *k = played(s, 0, 0);
    double hand = calls * expected_s(&m, rows, columns, depth);
    assert_int_equal(k->attempts, 1);
    if (fabs(service_s(k, 0) - hand) > 1e-9 + 1e-9 * hand) fail_msg("%d: %.12g s, by hand %.12g s", i, service_s(k, 0), hand);
    free(k);
    scenario_free(s);
  }
}

/* ---- elapsed time, and where data come from ------------------------------------------------------------------------------ */

/* 3 calls of 100 x 1000 x 1000: 2e8 FLOP of 100 ps each on 4.8e6 B. */
static double far_run_s(const struct measure *m, const char *reuse)
{
  char text[2000];
  write_profile(m);
  snprintf(text, sizeof text,
           "horizon: {duration: 1.5 s}\nplaces: [{name: dev, tier: device, hardware: p.yaml}]\n"
           "classes:\n  - {name: ask, from: dev, arrivals: {renewal: {interarrival: 1 s}}, pipeline: [{task: first, places: [origin], "
           "work: {kernel: gemm_f32, m: 100, n: 1000, k: 1000, calls: 3, reuse_distance: %s}}]}\n"
           "policies: [always_local]\ncalibration: {error: none}\n", reuse);
  struct scenario *s = load(text);
  struct kept *k = played(s, 0, 0);
  double out_s = service_s(k, 0);
  free(k);
  scenario_free(s);
  return out_s;
}

static void takes(const struct measure *m, const char *reuse, double s)
{
  double got_s = far_run_s(m, reuse);
  if (fabs(got_s - s) > 2e-9) fail_msg("%s: %.12g s, by hand %.12g s", reuse, got_s, s);
}

static void test_cpu_time_becomes_elapsed_time(void **state)
{
  (void)state;
  struct measure m = level();
  m.elapsed = 3;
  takes(&m, "0 B", .18);
  m.last_cache_bytes = 32e6, m.fetch_s = 50e-12;        /* fetching is CPU time too: 60 ms + 3 x 4.8e6 B x 50 ps = 60.72 ms */
  takes(&m, "33 MB", 3 * .06072);
  m.wall = true;                                        /* it was elapsed time already */
  takes(&m, "0 B", .06);
}

static void test_far_data_are_fetched(void **state)
{
  (void)state;
  struct measure m = level();
  m.last_cache_bytes = 32e6, m.fetch_s = 50e-12, m.cold = 7;
  takes(&m, "32 MB", .06);                              /* they are still there */
  takes(&m, "32000001 B", .06072);
  takes(&m, "1 GB", .06072);
  m.last_cache_bytes = 4e6;                             /* no more than it holds can have been found there: 3 x 4e6 B x 50 ps */
  takes(&m, "1 GB", .0606);
  m.last_cache_bytes = 0;                               /* not known */
  takes(&m, "1 GB", .06);
}

/* 1 FLOP a byte at 10 ps, sets from 1 kB over the last cache to 1 GB, all far: no larger one is quicker, by `fetch`, by `cold` and
 * by cost over sets, whose cost doubles there. By hand at the cache: (33.55e6 x 10 + 33.55e6 x 62) ps = 2.4156 ms. */
static void test_larger_sets_are_not_quicker(void **state)
{
  (void)state;
  static const double knot[] = {1e3, 33.55e6, 1e9}, over_sets[] = {10e-12, 10e-12, 20e-12};
  const double last = 33.55e6;
  struct measured_kernel m = {.wall_over_cpu = 1, .fetch_s = 62e-12, .cold = 1.3, .last_cache_bytes = last};
  m.cost = (struct kernel_cost){.n_axes = 1, .axis = {{"weights", 3, knot}}, .cost_s = over_sets};
  for (int how = 0; how < 3; how++) {
    m.fetch_s = how == 0 ? 62e-12 : NAN;
    m.cost.axis[0].name = how == 2 ? "working_set" : "weights";
    double before_s = 0;
    for (double set = 1e3; set <= 1e9; set *= 1.01) {
      struct kernel_call c = {.units = set, .axis = {set}, .working_set_bytes = set, .reuse_bytes = 2e9};
      double s = kernel_time_s(&m, &c);
      if (!(s > before_s)) fail_msg("way %d: %.6g B %.9g s, less before them %.9g s", how, set, s, before_s);
      before_s = s;
    }
  }
  m.fetch_s = 62e-12;
  struct kernel_call at = {.units = last, .axis = {last}, .working_set_bytes = last, .reuse_bytes = 2e9};
  assert_true(fabs(kernel_time_s(&m, &at) - 2.4156e-3) < 1e-9);
}

/* Without `fetch`. Cost over sets up to 1e12 B: 25 ps at 4.8e6 B, 4 times that at 16 times the set, so x^(1/2): after 48e6 B
 * touched, sqrt(10) times; beyond the last knot, that of the last. Over rows only, or up to less than the cache: `cold`. */
static void test_far_data_cost_as_a_larger_set(void **state)
{
  (void)state;
  struct measure m = level();
  m.n[0] = 3, m.knot[0][0] = 4.8e6, m.knot[0][1] = 76.8e6, m.knot[0][2] = 100e6, m.last_cache_bytes = 32e6, m.cold = 1.5;
  m.cost_s[0] = 25e-12, m.cost_s[1] = 100e-12, m.cost_s[2] = 40e-12;
  takes(&m, "31 MB", .015);
  takes(&m, "48 MB", .015 * sqrt(10));
  takes(&m, "1 GB", .024);
  m.last_cache_bytes = 200e6;
  takes(&m, "1 GB", .0225);
  m = level();
  m.axis[0] = "m", m.cold = 1.5, m.last_cache_bytes = 32e6;
  takes(&m, "1 GB", .09);
  m.cold = 0;
  takes(&m, "1 GB", .06);
}

/* `validate pipeline` and a run say the same of the same calls: what it predicts, of near data and far. */
static void test_the_pipeline_is_predicted_by_the_simulator(void **state)
{
  (void)state;
  static const struct { const char *reuse; double again_bytes; } all[] = {{"1 MB", 1e6}, {"50 MB", 50e6}};
  struct measure m = level();
  char path[64], line[500];
  m.elapsed = 1.25, m.fetch_s = 70e-12, m.last_cache_bytes = 32e6;
  snprintf(path, sizeof path, "%s/p.yaml", folder);
  for (int i = 0; i < 2; i++) {
    double run_s = far_run_s(&m, all[i].reuse);
    struct err err;
    err_init(&err);
    struct arena *a = arena_new();
    struct pipeline_run *r = calloc(1, sizeof *r);
    *r = (struct pipeline_run){.profile = profile_load(a, path, &err), .cost_factor = 1, .arena = a, .err = &err};
    assert_non_null(r->profile);
    static const char begin[] = "{\"type\":\"begin\",\"format\":1,\"last_cache_bytes\":1,\"pinned\":true}", end[] = "{\"type\":\"end\"}";
    snprintf(line, sizeof line, "{\"type\":\"task\",\"name\":\"t\",\"calls\":[{\"kernel\":\"gemm_f32\",\"version\":1,\"units\":2e8,"
             "\"axes\":{\"working_set\":4.8e6},\"times\":3,\"again_after_bytes\":%g,\"handed_bytes\":0}]}", all[i].again_bytes);
    assert_true(pipeline_line(r, begin, strlen(begin)) && pipeline_line(r, line, strlen(line)) && pipeline_line(r, end, strlen(end)));
    assert_true(pipeline_judge(r));
    if (fabs(r->task[0].predicted_s - run_s) > 2e-9) fail_msg("predicted %.12g s, run %.12g s", r->task[0].predicted_s, run_s);
    assert_true(fabs(run_s - 1.25 * (.06 + i * 3 * 4.8e6 * 70e-12)) < 2e-9);
    free(r);
    arena_free(a);
    err_release(&err);
  }
}

/* ---- what costs are wrong by ---------------------------------------------------------------------------------------- */

static struct scenario *steady(const char *error, double duration_s, int slots, const char *batching)
{
  char text[2000];
  snprintf(text, sizeof text, one_device, duration_s, slots, batching, 100, 1000, 1000, 3, error);    /* 60 ms */
  return load(text);
}

static void test_the_bands_ends(void **state)
{
  (void)state;
  static const struct { const char *error; double s; } all[] = {{"none", .06}, {"low", .048}, {"high", .075}};
  struct measure m = level();
  write_profile(&m);
  for (int i = 0; i < 3; i++) {
    struct scenario *s = steady(all[i].error, 3.5, 1, "");
    struct kept *k = played(s, 0, 0);
    for (int a = 0; a < 3; a++) assert_true(fabs(service_s(k, a) - all[i].s) < 2e-9);
    free(k);
    scenario_free(s);
  }
}

static int by_value(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

/* 1,000 replications: 90 % within the band (sd .95 %: beyond 4 sd once in 16,000 seeds), as many below as above (sd 1.6 %);
 * one factor a replication; the median is the middle of the band. */
static void test_sampled_by_replication(void **state)
{
  (void)state;
  enum { N = 1000 };
  struct measure m = level();
  m.low = 0.9, m.high = 1.3;
  write_profile(&m);
  struct scenario *s = steady("sampled", 2.5, 1, "");
  double factor[N];
  int within = 0, below = 0;
  for (int i = 0; i < N; i++) {
    struct kept *k = played(s, (uint64_t)i, 0);
    assert_int_equal(k->attempts, 2);
    assert_true(fabs(service_s(k, 0) - service_s(k, 1)) < 2e-9);
    factor[i] = service_s(k, 0) / .06;
    within += factor[i] >= m.low && factor[i] <= m.high;
    below += factor[i] < m.low;
    free(k);
  }
  assert_true(within > 862 && within < 938);
  assert_true(below > 22 && below < 78);                /* 5 %: sd .69 % */
  qsort(factor, N, sizeof *factor, by_value);
  assert_true(fabs(log(factor[N / 2]) - (log(m.low) + log(m.high)) / 2) < 0.02);       /* sd of a median: .0044 */
  scenario_free(s);
}

/* The same costs from another file: the same factors, replication by replication; at another place others. */
static void test_profiles_at_one_place_share_draws(void **state)
{
  (void)state;
  struct measure m = level();
  char text[2000], from[64], to[64];
  snprintf(from, sizeof from, "%s/p.yaml", folder);
  snprintf(to, sizeof to, "%s/q.yaml", folder);
  write_profile(&m);
  assert_int_equal(rename(from, to), 0);
  write_profile(&m);
  snprintf(text, sizeof text, one_device, 1.5, 1, "", 100, 1000, 1000, 3, "sampled");
  struct scenario *one = load(text);
  memcpy(strstr(text, "p.yaml"), "q", 1);
  struct scenario *other = load(text);
  memcpy(strstr(text, "name: dev"), "name: pad", 9);
  memcpy(strstr(text, "from: dev"), "from: pad", 9);
  struct scenario *elsewhere = load(text);
  for (uint64_t i = 0; i < 20; i++) {
    struct kept *a = played(one, i, 0), *b = played(other, i, 0), *c = played(elsewhere, i, 0);
    assert_true(service_s(a, 0) == service_s(b, 0));
    assert_true(service_s(a, 0) != service_s(c, 0));
    free(a), free(b), free(c);
  }
  scenario_free(one), scenario_free(other), scenario_free(elsewhere);
  unlink(to);
}

/* 900 executions: mean of the logarithm within 4.5 sd / 30, deviation within 4.5 sd / sqrt(1800). */
static void test_executions_scatter(void **state)
{
  (void)state;
  struct measure m = level();
  double sum = 0, squares = 0;
  m.sigma = 0.2;
  write_profile(&m);
  struct scenario *s = steady("none", 900.5, 1, "");
  struct kept *k = played(s, 0, 0);
  assert_int_equal(k->attempts, 900);
  for (int i = 0; i < 900; i++) {
    double x = log(service_s(k, i) / .06);
    sum += x, squares += x * x;
  }
  double mean = sum / 900, sd = sqrt(squares / 900 - mean * mean);
  assert_true(fabs(mean) < 4.5 * .2 / 30);
  assert_true(fabs(sd / .2 - 1) < 4.5 / sqrt(1800));
  free(k);
  scenario_free(s);
}

/* ---- beside others, in batches ---------------------------------------------------------------------------------------- */

/* 1.2 s each second in two slots: the first is alone, all others begin beside one: half as long again. */
static void test_others_beside(void **state)
{
  (void)state;
  struct measure m = level();
  m.beside = 1.5;
  m.cost_s[0] = m.cost_s[1] = 2e-9;
  write_profile(&m);
  struct scenario *s = steady("none", 5.5, 2, "");
  struct kept *k = played(s, 0, 0);
  for (int i = 0; i < 5; i++) {
    double hand = k->attempt[i].request == 0 ? 1.2 : 1.8;
    assert_true(fabs(service_s(k, i) - hand) < 2e-9);
  }
  free(k);
  scenario_free(s);
}

/* Batches of two: the sum of both, the longest of both. */
static void test_in_batches(void **state)
{
  (void)state;
  static const struct { const char *batching; double s; } all[] = {
    {", batching: {kind: fixed, size: 2, time: sum}", .12}, {", batching: {kind: fixed, size: 2, time: longest}", .06},
    {", batching: {kind: fixed, size: 2, time: {affine: {a: 1 s, c: 1 s}}}", 3}};
  struct measure m = level();
  write_profile(&m);
  for (int i = 0; i < 3; i++) {
    struct scenario *s = steady("none", 2.5, 1, all[i].batching);
    struct kept *k = played(s, 0, 0);
    for (int a = 0; a < 2; a++) assert_true(fabs(service_s(k, a) - all[i].s) < 2e-9);
    free(k);
    scenario_free(s);
  }
}

/* ---- what is known ------------------------------------------------------------------------------------------------------ */

/* On the device 900 ms, wrong by 1.25: 1.125 s; at the edge 1 s. A policy that reads the profile stays, an oracle goes. */
static void test_policies_read_the_profile_only(void **state)
{
  (void)state;
  struct measure m = level();
  write_profile(&m);
  struct scenario *s = load(
      "horizon: {duration: 47 s}\nobjective: {latency: -1 /s}\ntelemetry: {refresh: 1 s}\n"
      "places: [{name: dev, tier: device, hardware: p.yaml}, {name: edge, tier: edge, hardware: h}]\n"
      "hardware: {h: {flops: 9 GFLOP/s, flops_share: 1}}\nlinks: [{name: l, between: [dev, edge], latency: 0 s}]\n"
      "classes:\n  - {name: ask, from: dev, arrivals: {renewal: {interarrival: 5 s}}, pipeline: [{task: t, places: [origin, edge], "
      "work: {kernel: gemm_f32, m: 100, n: 1000, k: 9000, calls: 5}}]}\n"
      "policies: [latency_greedy, clairvoyant]\ncalibration: {error: high}\n");
  for (int policy = 0; policy < 2; policy++) {
    struct kept *k = played(s, 0, policy);
    assert_int_equal(k->attempts, 9);
    for (int i = 0; i < k->attempts; i++) {
      assert_int_equal(k->attempt[i].place, policy);
      assert_true(fabs(service_s(k, i) - (policy ? 1 : 1.125)) < 2e-9);
    }
    free(k);
  }
  scenario_free(s);
}

/* A shape that only some requests have: the run fails and says whose; with `outside: allow` it is served and counted. */
static void test_outside(void **state)
{
  (void)state;
  struct measure m = level();
  m.knot[0][1] = 1e6;
  write_profile(&m);
  static const char text[] =
      "horizon: {duration: 9.5 s}\nplaces: [{name: dev, tier: device, hardware: h}]\nhardware: {h: {profile: p.yaml%s}}\n"
      "classes:\n  - {name: ask, from: dev, arrivals: {renewal: {interarrival: 1 s}},\n"
      "     attributes: {rows: {dist: {uniform: {low: 10, high: 2000}}}},\n"
      "     pipeline: [{task: t, places: [origin], work: {kernel: gemm_f32, m: rows, n: 100, k: 100}}]}\n"
      "policies: [always_local]\ncalibration: {error: none}\n";
  char filled[1000];
  for (int allowed = 0; allowed < 2; allowed++) {
    snprintf(filled, sizeof filled, text, allowed ? ", outside: allow" : "");
    struct scenario *s = load(filled);
    struct kept *k = calloc(1, sizeof *k);
    struct err err;
    err_init(&err);
    assert_int_equal(play(s, 0, 0, k, &err), allowed);
    assert_int_equal(err.n_errors, !allowed);
    if (!allowed) {
      assert_non_null(strstr(err.problems[0].message, "class 'ask', task 't', request "));
      assert_non_null(strstr(err.problems[0].message, "gemm_f32 with m: rows, n: 100, k: 100 (working_set "));
      assert_non_null(strstr(err.problems[0].message, "with working_set from 1 B to 1 MB"));
    }
    err_release(&err);
    free(k);
    scenario_free(s);
  }
}

/* Work of this kernel does not read `rows`, its axis does. */
static void test_impossible_axes(void **state)
{
  (void)state;
  static const struct { const char *rows, *says; } all[] = {{"1 / (x - 5)", "'working_set' is inf for request 0"},
    {"(x - 5) / (x - 5)", "'working_set' is nan for request 0"}};
  struct measure m = level();
  write_profile_of(&m, (struct kind_of_work){"sqlite_point", "read"});
  for (int i = 0; i < 2; i++) {
    char text[1000];
    snprintf(text, sizeof text, "horizon: {duration: 9.5 s}\nplaces: [{name: dev, tier: device, hardware: h}]\n"
             "hardware: {h: {profile: p.yaml, outside: allow}}\nclasses:\n  - {name: ask, from: dev, arrivals: {renewal: "
             "{interarrival: 1 s}}, attributes: {x: {dist: {constant: {value: 5}}}},\n     pipeline: [{task: t, places: "
             "[origin], work: {kernel: sqlite_point, rows: %s}}]}\npolicies: [always_local]\n", all[i].rows);
    struct scenario *s = load(text);
    struct kept *k = calloc(1, sizeof *k);
    struct err err;
    err_init(&err);
    assert_false(play(s, 0, 0, k, &err));
    assert_non_null(strstr(err.problems[0].message, all[i].says));
    err_release(&err);
    free(k);
    scenario_free(s);
  }
}

/* The edge is slow, and was not measured at such shapes: nobody goes there, and what said so is counted there. */
static void test_estimates_beyond_are_counted(void **state)
{
  (void)state;
  struct measure m = level();
  m.knot[0][1] = 1e6;
  write_profile(&m);
  struct scenario *s = load(
      "horizon: {duration: 9.5 s}\nobjective: {latency: -1 /s}\nplaces: [{name: dev, tier: device, hardware: h}, "
      "{name: edge, tier: edge, hardware: p.yaml}]\nhardware: {h: {flops: 90 GFLOP/s, flops_share: 1}}\n"
      "links: [{name: l, between: [dev, edge], latency: 0 s}]\nclasses:\n  - {name: ask, from: dev, arrivals: {renewal: "
      "{interarrival: 1 s}}, attributes: {rows: {dist: {constant: {value: 1201}}}},\n     pipeline: [{task: t, places: [origin, edge], "
      "work: {kernel: gemm_f32, m: rows, n: 100, k: 100}}]}\npolicies: [always_local, latency_greedy, alone_bound]\n");
  for (int policy = 0; policy < 3; policy++) {
    struct run_summary told;
    struct err err;
    err_init(&err);
    struct world *w = world_new(&(struct run_setup){.def = &s->world, .policy = &s->policy[policy], .seed = 1}, &err);
    assert_true(w && world_run(w, &told, &err));
    assert_true(isnan(told.place[0].extrapolated_estimates) && isnan(told.place[0].extrapolated));
    assert_true(told.place[1].extrapolated == 0);
    assert_true(told.place[1].extrapolated_estimates == (policy ? 9 : 0));       /* one a request */
    world_free(w);
    err_release(&err);
  }
  scenario_free(s);
}

/* ---- the example of tests/data ------------------------------------------------------------------------------------------ */

static void test_a_profile_is_read(void **state)
{
  (void)state;
  struct err err;
  struct arena *a = arena_new();
  err_init(&err);
  const struct profile *p = profile_load(a, "tests/data/profiles/example.yaml", &err);
  if (!p) err_print(&err, stderr, false);
  assert_non_null(p);
  assert_int_equal(p->n_kernels, 1);
  const struct profile_kernel *k = &p->kernel[0];
  assert_string_equal(k->cost.kernel, "gemm_f32");
  assert_true(k->cost.n_axes == 1 && k->cost.axis[0].n == 3 && k->cost.axis[0].knot[2] == 1e9);
  assert_true(fabs(k->cost.cost_s[1] / 50e-12 - 1) < 1e-12 && k->cost.band_low == 0.8 && k->interference == 1.5);
  assert_true(!k->wall && k->shapes == 24 && k->mape == 0.02);
  assert_null(profile_load(a, "scenarios/presets/kernels/gemm_f32.yaml", &err));
  assert_true(err_any(&err));
  err_release(&err);
  arena_free(a);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_times_are_calls_units_cost), cmocka_unit_test(test_cpu_time_becomes_elapsed_time),
    cmocka_unit_test(test_far_data_are_fetched), cmocka_unit_test(test_larger_sets_are_not_quicker),
    cmocka_unit_test(test_far_data_cost_as_a_larger_set),
    cmocka_unit_test(test_the_pipeline_is_predicted_by_the_simulator),
    cmocka_unit_test(test_the_bands_ends),
    cmocka_unit_test(test_sampled_by_replication), cmocka_unit_test(test_executions_scatter),
    cmocka_unit_test(test_others_beside), cmocka_unit_test(test_in_batches),
    cmocka_unit_test(test_policies_read_the_profile_only), cmocka_unit_test(test_outside),
    cmocka_unit_test(test_profiles_at_one_place_share_draws),
    cmocka_unit_test(test_impossible_axes), cmocka_unit_test(test_estimates_beyond_are_counted), cmocka_unit_test(test_a_profile_is_read),
  };
  return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
