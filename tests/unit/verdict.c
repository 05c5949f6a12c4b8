/* verdict: what `offsim validate calibration` judges, on profiles and samples made here; nothing is timed. */
#include "experiments/validate/verdict.h"
#include "sim/rng.h"
#include "tests/unit/unit.h"

enum { SHAPES = 120, KERNELS = 3, GEMM = 0, TRIAD = 1, GEMV = 2 };

/* A machine on which gemm_f32 takes 10 ps a FLOP, a triad 50 ps a byte, int4 weights 80 ps a byte, at any size. */
struct rig {
  struct arena *arena;
  struct profile profile, other;
  struct profile_kernel kernel[KERNELS], again[KERNELS];
  double knot[2], cost[KERNELS][2], cost_again[KERNELS][2];
  struct raw raw;
  struct raw_sample sample[KERNELS * SHAPES];
  double time[KERNELS * SHAPES];
  struct verdict c;
};
static const char *const names[KERNELS] = {"gemm_f32", "triad", "gemv_i4"};
static const double costs[KERNELS] = {10e-12, 50e-12, 80e-12};

static void make_profile(struct rig *r, struct profile *p, struct profile_kernel *k, double (*cost)[2])
{
  *p = (struct profile){.name = "made", .path = "made.yaml", .n_kernels = KERNELS, .kernel = k};
  for (int i = 0; i < KERNELS; i++) {
    cost[i][0] = cost[i][1] = costs[i];
    k[i] = (struct profile_kernel){
      .cost = {.kernel = names[i], .version = 1, .unit = "B", .n_axes = 1, .axis = {{"working_set", 2, r->knot}}, .cost_s = cost[i],
               .band_low = .9, .band_high = 1.1, .band_share = .9},
      .method = "leave_one_out", .model = "curve", .mape = .03, .p90 = .06, .max = .1, .shapes = 24};
  }
}

/* Shape i of kernel k is off by a log-normal factor, 90 % of whose values lie within a factor of 1.1. */
static void make_samples(struct rig *r)
{
  struct rng_root root = rng_root_make(5, 0);
  struct rng chance = rng_open(&root, rng_name("calibration"), 0, 0);
  for (int k = 0; k < KERNELS; k++)
    for (int i = 0; i < SHAPES; i++) {
      struct raw_sample *s = &r->sample[k * SHAPES + i];
      double *time = &r->time[k * SHAPES + i], set = 1e4 * pow(1e4, (i + .5) / SHAPES);
      *time = set * costs[k] * exp(log(1.1) / 1.645 * rng_normal(&chance));
      *s = (struct raw_sample){.kernel = k, .p = {set}, .units = set, .axis = {set}, .threads = 1, .inner = 1, .off_grid = true,
                               .stable = true, .n = 1, .wall_s = time, .cpu_s = time};
    }
}

static int set_up(void **state)
{
  struct rig *r = calloc(1, sizeof *r);
  r->arena = arena_new();
  r->knot[0] = 1e3;
  r->knot[1] = 1e9;
  make_profile(r, &r->profile, r->kernel, r->cost);
  make_profile(r, &r->other, r->again, r->cost_again);
  make_samples(r);
  r->raw = (struct raw){.file = "made", .program = "offsim-kernels", .arena = r->arena, .n_kernels = KERNELS, .n_samples = KERNELS * SHAPES, .sample = r->sample};
  r->raw.machine.n_caches = 1;
  r->raw.machine.cache[0] = (struct raw_cache){3, 32e6, "unified"};
  for (int k = 0; k < KERNELS; k++)
    r->raw.kernel[k] = (struct raw_kernel){.name = names[k], .version = 1, .unit = "B", .bound = k == GEMM ? RAW_COMPUTE : RAW_MEMORY,
                                           .n_parameters = 1, .parameter = {"size"}, .n_axes = 1, .axis = {"working_set"}};
  r->c = (struct verdict){.profile = &r->profile, .other = &r->other, .raw = &r->raw, .arena = r->arena, .decode = {.bytes = 1e9, .context = 120, .width = 1024}};
  *state = r;
  return 0;
}

static int tear_down(void **state)
{
  struct rig *r = *state;
  arena_free(r->arena);
  free(r);
  return 0;
}

static void judge(struct rig *r)
{
  struct err err;
  err_init(&err);
  assert_true(verdict_judge(&r->c, &err));
  err_release(&err);
}

static const struct verdict_check *check_of(const struct rig *r, const char *what, const char *kernel)
{
  for (int i = 0; i < r->c.n_checks; i++) {
    const struct verdict_check *k = &r->c.check[i];
    if (strstr(k->what, what) && (!kernel || (k->kernel && !strcmp(k->kernel, kernel)))) return k;
  }
  fail_msg("no check of '%s'", what);
  return NULL;
}

static enum check_result result_of(const struct rig *r, const char *what, const char *kernel)
{
  return check_of(r, what, kernel)->result;
}

/* 360 shapes, 90 % of which lie within: outside 80 to 97 % in fewer than one of 10^4 seeds. MBU = 50 / 80; 20 GB/s: 12.5/s. */
static void an_honest_profile_passes(void **state)
{
  struct rig *r = *state;
  judge(r);
  assert_int_equal(verdict_missed(&r->c), 0);
  assert_int_equal(r->c.shapes, KERNELS * SHAPES);
  assert_near(r->c.coverage, .9, .05);
  assert_near(r->c.width, .2, 1e-12);
  assert_near(r->c.decode.mbu, .625, 1e-12);
  assert_near(r->c.decode.bandwidth / 1e9, 20, 1e-9);
  assert_near(r->c.decode.tokens_s, 12.5, 1e-9);
  assert_near(r->c.decode.measured, .625, .05);
  assert_int_equal(result_of(r, "bandwidth", NULL), CHECK_OK);
  assert_int_equal(result_of(r, "difference", "gemm_f32"), CHECK_OK);
}

/* A band of half a percent holds about one in sixteen. */
static void a_band_too_narrow_is_seen(void **state)
{
  struct rig *r = *state;
  for (int k = 0; k < KERNELS; k++) r->kernel[k].cost.band_low = .995, r->kernel[k].cost.band_high = 1.005;
  judge(r);
  assert_true(r->c.coverage < .15);
  assert_int_equal(result_of(r, "in their band", NULL), CHECK_MISSED);
  assert_int_equal(verdict_missed(&r->c), 1);
}

/* Wide enough for all: not honest either, and too wide. */
static void a_band_too_wide_is_seen(void **state)
{
  struct rig *r = *state;
  for (int k = 0; k < KERNELS; k++) r->kernel[k].cost.band_low = .5, r->kernel[k].cost.band_high = 2;
  judge(r);
  assert_int_equal(result_of(r, "in their band", NULL), CHECK_MISSED);
  assert_int_equal(result_of(r, "width", NULL), CHECK_MISSED);
}

static void a_shifted_profile_is_seen(void **state)
{
  struct rig *r = *state;
  r->cost_again[GEMM][0] = r->cost_again[GEMM][1] = 1.05 * costs[GEMM];
  r->cost_again[TRIAD][0] = r->cost_again[TRIAD][1] = 2 * costs[TRIAD];
  judge(r);
  assert_near(check_of(r, "difference", "gemm_f32")->value, .05, 1e-9);
  assert_int_equal(result_of(r, "difference", "gemm_f32"), CHECK_MISSED);
  assert_int_equal(verdict_missed(&r->c), 1);       /* memory-bound kernels are told, not judged */
  assert_near(r->c.kernel[TRIAD].again, 1, 1e-9);
}

/* The profile itself half again too slow: the shapes are all below its bands. */
static void a_wrong_profile_is_seen(void **state)
{
  struct rig *r = *state;
  for (int k = 0; k < KERNELS; k++) r->cost[k][0] *= 1.5, r->cost[k][1] *= 1.5;
  judge(r);
  assert_int_equal(result_of(r, "in their band", NULL), CHECK_MISSED);
  assert_near(r->c.kernel[GEMM].ratio, 1 / 1.5, .03);
}

static void large_errors_are_seen(void **state)
{
  struct rig *r = *state;
  r->kernel[GEMM].mape = .051;
  r->kernel[GEMM].p90 = .11;
  r->kernel[TRIAD].mape = .16;
  judge(r);
  assert_int_equal(result_of(r, "mean error", "gemm_f32"), CHECK_MISSED);
  assert_int_equal(result_of(r, "p90 error", "gemm_f32"), CHECK_MISSED);
  assert_int_equal(result_of(r, "mean error", "triad"), CHECK_MISSED);
  assert_int_equal(result_of(r, "mean error", "gemv_i4"), CHECK_OK);
  r->kernel[GEMM].method = "passes";
  judge(r);
  assert_int_equal(result_of(r, "mean error", "gemm_f32"), CHECK_OPEN);
}

/* 80 and 40 ps a byte: decoding would be faster than memory; within the cache, nothing can be said. */
static void impossible_decoding_is_seen(void **state)
{
  struct rig *r = *state;
  r->cost[GEMV][0] = r->cost[GEMV][1] = 40e-12;
  judge(r);
  assert_int_equal(result_of(r, "int4", NULL), CHECK_MISSED);
  r->raw.machine.cache[0].bytes = 1e9;
  judge(r);
  assert_int_equal(result_of(r, "int4", NULL), CHECK_OPEN);
}

/* 8 x 120 / (7.5 x 1024) = .125 of the weights are keys and values; at the same cost a byte, a token takes 1.125 times as long. */
static void a_token_reads_its_context_too(void **state)
{
  struct rig *r = *state;
  r->kernel[GEMM].cost.kernel = "attention_decode";
  r->cost[GEMM][0] = r->cost[GEMM][1] = costs[GEMV];
  judge(r);
  assert_near(r->c.decode.state_bytes / 1e9, .125, 1e-12);
  assert_near(r->c.decode.matrices, .625, 1e-12);
  assert_near(r->c.decode.mbu, .625 / 1.125, 1e-12);
  assert_near(r->c.decode.tokens_s, 12.5 / 1.125, 1e-9);
}

/* Half of the shapes beyond the range are told, not judged; cold, shared and wrong samples do not count. */
static void what_does_not_count(void **state)
{
  struct rig *r = *state;
  r->knot[1] = 1e6;
  r->sample[0].cold = r->sample[1].interference = true;
  r->sample[2].threads = 2;
  r->sample[3].off_grid = false;
  r->raw.check = &(struct raw_check){.kernel = GEMM, .p = {r->sample[4].p[0]}};
  r->raw.n_checks = 1;
  judge(r);
  assert_int_equal(r->c.kernel[TRIAD].shapes, SHAPES / 2);
  assert_int_equal(r->c.kernel[TRIAD].outside, SHAPES / 2);
  assert_int_equal(r->c.kernel[GEMM].shapes, SHAPES / 2 - 5);
}

/* 12 shapes of which 8 lie within: .67, but by chance once in 40; 1 of 12 is no chance. */
static void few_shapes_are_judged_by_their_interval(void **state)
{
  struct rig *r = *state;
  r->raw.n_samples = 12;
  for (int i = 0; i < 12; i++) r->time[i] = r->sample[i].units * costs[GEMM] * (i < 8 ? 1 : 1.5);
  judge(r);
  assert_int_equal(result_of(r, "in their band", NULL), CHECK_OPEN);
  for (int i = 1; i < 12; i++) r->time[i] = r->sample[i].units * costs[GEMM] * 1.5;
  r->c = (struct verdict){.profile = &r->profile, .raw = &r->raw, .arena = r->arena, .decode = {.bytes = 1e9, .context = 120, .width = 1024}};
  judge(r);
  assert_int_equal(result_of(r, "in their band", NULL), CHECK_MISSED);
}

static void another_version_is_refused(void **state)
{
  struct rig *r = *state;
  struct err err;
  err_init(&err);
  r->raw.kernel[GEMV].version = 2;
  assert_false(verdict_judge(&r->c, &err));
  assert_says(&err, "gemv_i4: the profile measured version 1, the samples are of version 2");
  err_release(&err);
}

static void the_figures_as_json(void **state)
{
  struct rig *r = *state;
  judge(r);
  json *o = verdict_json(&r->c);
  assert_near(json_real(json_at(json_at(o, "int4_decode"), "mbu"), 0), .625, 1e-12);
  assert_int_equal(json_int(json_at(o, "missed"), -1), 0);
  assert_int_equal(json_count(json_at(o, "kernels")), KERNELS);
  assert_string_equal(json_text(json_at(json_nth(json_at(o, "kernels"), GEMM), "bound")), "compute");
  json_release(o);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    WITH_RIG(an_honest_profile_passes),
    WITH_RIG(a_band_too_narrow_is_seen),
    WITH_RIG(a_band_too_wide_is_seen),
    WITH_RIG(a_shifted_profile_is_seen),
    WITH_RIG(a_wrong_profile_is_seen),
    WITH_RIG(large_errors_are_seen),
    WITH_RIG(impossible_decoding_is_seen),
    WITH_RIG(a_token_reads_its_context_too),
    WITH_RIG(what_does_not_count),
    WITH_RIG(few_shapes_are_judged_by_their_interval),
    WITH_RIG(another_version_is_refused),
    WITH_RIG(the_figures_as_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
