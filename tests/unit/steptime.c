/* steptime: step times by hand, and tables that say what was measured. */
#include "models/llm_model.h"
#include "models/steptime.h"
#include "models/steptime_grid.h"
#include "models/workload.h"
#include "tests/unit/unit.h"

#include <unistd.h>
#include <zlib.h>

static struct step_batch prompt_of(uint32_t n, uint32_t q)
{
  return (struct step_batch){.sequences = 1, .prefills = 1, .prefill_tokens = n, .prefill_kv = q,
                             .prefill_attention = n * (2ull * q + n), .prefill_squares = (double)n * n};
}

static struct step_batch decodes_of(uint32_t n, uint32_t kv, uint32_t least, uint32_t most)
{
  return (struct step_batch){.sequences = n, .decodes = n, .decode_kv = (uint64_t)n * kv, .decode_kv_min = least,
                             .decode_kv_max = most};
}

/* Parameter book 4.2: H100, 8B: 6.3 ms + 0.055 ms a request. */
static void affine_by_hand(void **state)
{
  struct arena *a = arena_new();
  const struct steptime *m = steptime_affine(a, 6.3e-3, 55e-6, 20000);
  struct step_batch d = decodes_of(32, 500, 500, 500), p = prompt_of(1000, 0), mixed = d;
  assert_int_equal(steptime_ns(m, &d), 8060000);
  assert_int_equal(steptime_ns(m, &p), 50000000);
  mixed.prefill_tokens = 1000;
  assert_int_equal(steptime_ns(m, &mixed), 58060000);
  struct step_batch one = prompt_of(1, 0);
  assert_int_equal(steptime_ns(m, &one), 6300000);
  arena_free(a);
}

/* OPT-13B on one A100 (semantics 1.8): 18.10 + 52.1728 + 1.86646528 ms for 512 tokens. */
static void distserve_by_hand(void **state)
{
  struct arena *a = arena_new();
  const struct steptime *m = steptime_distserve(a, (double[]){18.10, .1019, 7.12e-6}, (double[]){19.93, .000627, .0385},
                                                (double[]){7.17, .000580, .1583}, 95);
  struct step_batch p = prompt_of(512, 0), few = decodes_of(94, 100, 100, 100), many = decodes_of(95, 100, 100, 100);
  assert_near((double)steptime_ns(m, &p), 72139265.28, 1e-8);
  assert_near((double)steptime_ns(m, &few), (19.93 + 5.8938 + 3.619) * 1e6, 1e-8);
  assert_near((double)steptime_ns(m, &many), (7.17 + 5.51 + 15.0385) * 1e6, 1e-8);
  arena_free(a);
}

/* The cards say 8.03, 8.19, 14.8 and 32.8 billion. */
static void models_have_their_size(void **state)
{
  static const struct { const char *name; double billions; } cards[] = {
    {"Llama-3.1-8B", 8.030261248}, {"qwen3-8b", 8.19}, {"qwen3-14b", 14.8}, {"qwen3-32b", 32.8}, {"llama-2-70b", 68.98},
    {"qwen2.5-7b", 7.61}, {"qwen3-0.6b", 0.6}, {"llama-3.2-1b", 1.24}, {"mistral-7b", 7.25}};
  struct err e;
  err_init(&e);
  for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
    const struct llm_model *m = llm_model_named(cards[i].name, &e);
    assert_non_null(m);
    assert_near(llm_model_parameters(m) / (1e9 * cards[i].billions), 1, .01);
  }
  assert_true(llm_model_parameters(llm_model_named("llama-3.1-8b", &e)) == 8030261248.);
  assert_true(llm_model_kv_bytes_per_token(llm_model_named("llama-3.1-8b", &e)) == 131072);
  assert_null(llm_model_named("llama-3.1-9b", &e));
  assert_non_null(strstr(e.problems[0].message, "did you mean 'llama-3.1-8b'"));
  err_release(&e);
}

/* f = 3 x + 2 y + x y on a ragged grid: exact on its points, between them along each axis, and beyond the last. */
static double bilinear(double x, double y)
{
  return 3 * x + 2 * y + x * y;
}

static void grid_is_exact(void **state)
{
  struct arena *a = arena_new();
  static const double at[][2] = {{8, 1}, {1, 1}, {1, 4}, {2, 1}, {2, 2}, {2, 8}, {8, 16}};
  struct grid_point p[7] = {0};
  for (int i = 0; i < 7; i++)
    p[i] = (struct grid_point){{at[i][0], at[i][1]}, bilinear(at[i][0], at[i][1])};
  struct grid g = grid_new(a, p, 7, 2);
  for (int i = 0; i < 7; i++)
    assert_true(grid_at(&g, at[i]) == bilinear(at[i][0], at[i][1]));
  static const double asked[][2] = {{1.5, 3}, {2, 5}, {5, 1}, {6, 12}, {8, 3}, {10, 4}, {4, 20}};
  for (int i = 0; i < 7; i++)
    assert_near(grid_at(&g, asked[i]), bilinear(asked[i][0], asked[i][1]), 1e-12);
  assert_true(grid_at(&g, (double[]){.5, .5}) == bilinear(1, 1));       /* below the first: the first */
  arena_free(a);
}

/* ---- a small profile ------------------------------------------------------------------------------------------------ */

static void write_gz(const char *prefix, const char *name, const char *text)
{
  char path[128];
  snprintf(path, sizeof path, "%s_%s.csv.gz", prefix, name);
  gzFile f = gzopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(gzwrite(f, text, (unsigned)strlen(text)), (int)strlen(text));
  gzclose(f);
}

static void remove_profile(const char *folder)
{
  static const char *const names[] = {"dense", "per_sequence", "attention", "skew_fit"};
  char path[128];
  for (int i = 0; i < 4; i++) {
    snprintf(path, sizeof path, "%s/p_%s.csv.gz", folder, names[i]);
    unlink(path);
  }
  rmdir(folder);
}

static void write_profile(const char *prefix)
{
  write_gz(prefix, "dense", "layer,tokens,time_us\nembedding,1,5\nembedding,101,105\nlayernorm,1,1\nlayernorm,101,11\n"
           "qkv_proj,1,10\nqkv_proj,101,20\no_proj,1,2\no_proj,101,4\nfinal_layernorm,1,7\nfinal_layernorm,101,7\n");
  write_gz(prefix, "per_sequence", "layer,sequences,time_us\nlm_head,1,100\nlm_head,3,120\nsampler,1,10\nsampler,3,30\n");
  write_gz(prefix, "attention", "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,100,10\n0,0,1,300,30\n"
           "0,0,2,100,20\n0,0,2,300,60\n100,0,0,0,50\n100,200,0,0,90\n200,0,0,0,200\n");
  write_gz(prefix, "skew_fit", "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\n"
           "0,n<=2,sr<=70%,kvB<=1k,kp=0,0.5,3\n0,n<=4,sr<=5%,kvB<=4k,kp=0,0.1,1\n");
}

static double us_of(const struct steptime *m, struct step_batch b)
{
  return (double)steptime_ns(m, &b) / 1e3;
}

/* llama-3.1-8b has 32 layers of 4096. One decode at kv 200: 5 + 32 (2 + 10 + 2 + 20) + 7 + 110 = 1210 us. */
static void tables_by_hand(void **state)
{
  struct arena *a = arena_new();
  struct err e;
  err_init(&e);
  char folder[] = "/tmp/offsim-steptime-XXXXXX", prefix[64];
  assert_non_null(mkdtemp(folder));
  snprintf(prefix, sizeof prefix, "%s/p", folder);
  write_profile(prefix);
  const struct steptime *m = steptime_tables(a, prefix, "llama-3.1-8b", NULL, &e);
  assert_non_null(m);
  assert_near(us_of(m, decodes_of(1, 200, 200, 200)), 1210, 1e-9);
  /* Two at 100 and 300: mean 200, t(mean) 40, t(max) 60, rate .5, alpha .5: 50. Linear operators at T = 2: .12 + .2 more. */
  double linear = 6 + 32 * (2 * 1.1 + 10.1 + 2.02) + 7 + 110 + 20;
  assert_near(us_of(m, decodes_of(2, 200, 100, 300)), linear + 32 * 50, 1e-9);
  assert_near(us_of(m, decodes_of(2, 200, 200, 200)), linear + 32 * 40, 1e-9);
  /* No such cell: the mean weighted by samples, (3 x .5 + .1) / 4 = .4; rate (200 - 190) / 110 = .09. */
  assert_near(us_of(m, decodes_of(2, 200, 190, 300)), linear + 32 * 48, 1e-9);
  /* 100 tokens on 50: 60. Two chunks of 60 and 80 are one of 100. */
  double reading = 104 + 32 * (2 * 10.9 + 19.9 + 3.98) + 7;
  assert_near(us_of(m, prompt_of(100, 50)), reading + 110 + 32 * 60, 1e-9);
  struct step_batch two = {.sequences = 2, .prefills = 2, .prefill_tokens = 140, .prefill_attention = 10000,
                           .prefill_squares = 10000};
  assert_near(us_of(m, two), 144 + 32 * (2 * 14.9 + 23.9 + 4.78) + 7 + 130 + 32 * 50, 1e-9);
  /* Two devices: 64 all-reduces of 8192 bytes at 1 GB/s and 20 us: 64 x 28.192. */
  const struct steptime *pair = steptime_tables(a, prefix, "llama-3.1-8b", &(struct steptime_parallel){2, 1e9, 20e-6}, &e);
  assert_near(us_of(pair, decodes_of(1, 200, 200, 200)), 1210 + 64 * 28.192, 1e-9);
  assert_null(steptime_tables(a, "/nowhere/p", "llama-3.1-8b", NULL, &e));
  assert_null(steptime_tables(a, prefix, "llama", NULL, &e));
  remove_profile(folder);
  err_release(&e);
  arena_free(a);
}

/* ---- leave one out on the measured tables ---------------------------------------------------------------------------- */

static double blended(const struct grid *g, uint32_t i, bool logarithmic)
{
  const double *x = g->at, *y = g->value;
  if (!logarithmic)
    return y[i - 1] + (y[i + 1] - y[i - 1]) * (x[i] - x[i - 1]) / (x[i + 1] - x[i - 1]);
  double w = log2(x[i] / x[i - 1]) / log2(x[i + 1] / x[i - 1]);
  return y[i - 1] + (y[i + 1] - y[i - 1]) * w;
}

enum { CHUNK, CHUNK_KV, DECODES, DECODE_KV, TIME_US, N_ATTENTION };

/* Mean relative error when a time of n decoding requests is predicted from those at half and twice their KV. */
static double leave_one_out_attention(const struct table *t, bool logarithmic, struct arena *a)
{
  double sum = 0;
  uint64_t n = 0;
  for (uint64_t from = 0, to; from < t->n; from = to) {
    struct grid_point *p = arena_array(a, struct grid_point, t->n);
    uint32_t k = 0;
    for (to = from; to < t->n && t->number[DECODES][to] == t->number[DECODES][from]; to++)
      if (t->number[CHUNK][to] == 0 && t->number[DECODE_KV][to] >= 256)
        p[k++] = (struct grid_point){{t->number[DECODE_KV][to]}, t->number[TIME_US][to]};
    if (k < 3)
      continue;
    struct grid g = grid_new(a, p, k, 1);
    for (uint32_t i = 1; i + 1 < g.n; i++, n++)
      sum += fabs(blended(&g, i, logarithmic) / g.value[i] - 1);
  }
  assert_true(n > 20);
  return sum / (double)n;
}

/* The same over the tokens of each linear operator. */
static double leave_one_out_dense(const struct table *t, struct arena *a)
{
  double sum = 0;
  uint64_t n = 0;
  for (uint64_t from = 0, to; from < t->n; from = to) {
    struct grid_point *p = arena_array(a, struct grid_point, t->n);
    uint32_t k = 0;
    for (to = from; to < t->n && !strcmp(t->text[0][to], t->text[0][from]); to++)
      p[k++] = (struct grid_point){{t->number[1][to]}, t->number[2][to]};
    struct grid g = grid_new(a, p, k, 1);
    for (uint32_t i = 1; i + 1 < g.n; i++, n++)
      sum += fabs(blended(&g, i, false) / g.value[i] - 1);
  }
  assert_true(n > 1000);
  return sum / (double)n;
}

static const struct table *profile(const char *card, const char *name, const struct table_column *column, int n,
                                   struct arena *a, struct err *e)
{
  const char *path = arena_printf(a, "%s/traces/vllm019_profile_%s_Llama-3.1-8B_tp1_%s.csv.gz", getenv("OFFSIM_DATA"), card,
                                  name);
  const struct table *t = table_load(path, TRACE_CSV, column, n, a, e);
  assert_non_null(t);
  return t;
}

/* Linear blending is within 4 %; the planted logarithmic one is more than twice as far off on the doubling grid of attention. */
static void measured_tables_interpolate(void **state)
{
  static const struct table_column dense[] = {{"layer", true}, {"tokens", false}, {"time_us", false}};
  static const struct table_column attention[N_ATTENTION] = {
    {"prefill_chunk", false}, {"kv_prefill", false}, {"n_decode", false}, {"kv_decode", false}, {"time_us", false}};
  static const char *const cards[] = {"RTX4090", "RTXPRO6000"};
  if (!getenv("OFFSIM_DATA"))
    skip();
  for (int i = 0; i < 2; i++) {
    struct arena *a = arena_new();
    struct err e;
    err_init(&e);
    double operators = leave_one_out_dense(profile(cards[i], "dense", dense, 3, a, &e), a);
    const struct table *t = profile(cards[i], "attention", attention, N_ATTENTION, a, &e);
    double linear = leave_one_out_attention(t, false, a), logarithmic = leave_one_out_attention(t, true, a);
    print_message("%s: operators %.2f %%, attention %.2f %%, logarithmic %.2f %%\n", cards[i], 100 * operators, 100 * linear,
                  100 * logarithmic);
    assert_true(operators <= .04 && linear <= .04);
    assert_true(logarithmic > 2 * linear);
    err_release(&e);
    arena_free(a);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(affine_by_hand), cmocka_unit_test(distserve_by_hand), cmocka_unit_test(models_have_their_size),
    cmocka_unit_test(grid_is_exact), cmocka_unit_test(tables_by_hand), cmocka_unit_test(measured_tables_interpolate)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
