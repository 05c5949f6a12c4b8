/* step_time: forms of step times by hand, presets against what was measured, and the scenario's map. */
#include "models/llm_model.h"
#include "models/steptime.h"
#include "scenarios/presets.h"
#include "tests/unit/unit.h"

static double ms_of(const struct steptime *m, struct step_batch b)
{
  return (double)steptime_ns(m, &b) / 1e6;
}

static struct step_batch decodes_of(uint32_t n, uint32_t kv)
{
  return (struct step_batch){.sequences = n, .decodes = n, .decode_kv = (uint64_t)n * kv, .decode_kv_min = kv, .decode_kv_max = kv};
}

/* Shorter than a clock can tell, or negative by its coefficients: 1 ns. */
static void never_nothing(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  const double none[3] = {0}, tokens[] = {1, 101}, time_s[] = {0, 0}, less[3] = {-10, 0, 0};
  struct steptime_compact c = {.table = {2, tokens, time_s}};
  const struct steptime *forms[] = {steptime_affine(a, 1e-12, 0, 1e30), steptime_distserve(a, none, less, less, 1),
                                    steptime_compact(a, &c)};
  struct step_batch b = decodes_of(1, 5);
  for (int i = 0; i < 3; i++)
    assert_int_equal(steptime_ns(forms[i], &b), 1);
  arena_free(a);
}

/* Every term of the compact form on its own scale. */
static void compact_by_hand(void **state)
{
  struct arena *a = arena_new();
  const double tokens[] = {1, 101, 102}, time_s[] = {10e-3, 20e-3, 30e-3};
  struct steptime_compact c = {{3, tokens, time_s}, .sequence_s = 1e-3, .chunk_s = 2e-3, .chunk_kv_s = 1e-6, .attention_s = 1e-9,
    .decode_s = 3e-3, .decode_kv_s = 1e-5, .skew_s = 1e-4, .mixed_s = 5e-3, .mixed_kv_s = 1e-3, .limits = {2048, 256, 4096}};
  const struct steptime *m = steptime_compact(a, &c);
  struct step_batch two = decodes_of(2, 0);
  two.decode_kv = 30;
  two.decode_kv_max = 20;
  two.decode_kv_min = 10;
  /* T = 2: 10.1; S 2, D 6, K .3, 2 x 20 - 30 = 10 tokens of skew: 1 ms. */
  assert_near(ms_of(m, two), 10.1 + 2 + 6 + .3 + 1, 1e-9);
  struct step_batch mixed = two;
  mixed.sequences = 3;
  mixed.prefills = 1;
  mixed.prefill_tokens = 100;
  mixed.prefill_kv = 1000;
  mixed.prefill_attention = 100 * (2 * 1000 + 100);
  /* T = 102: 30; chunk 2 + 1 + .21; beside it 2 x 5 + 30 x 1. */
  assert_near(ms_of(m, mixed), 30 + 3 + 2 + 1 + .21 + 6 + .3 + 1 + 10 + 30, 1e-9);
  assert_int_equal(steptime_limits(m).tokens, 2048);
  assert_int_equal(steptime_limits(m).sequences, 256);
  assert_int_equal(steptime_limits(m).context, 4096);
  assert_false(steptime_has_energy(m));
  assert_true(steptime_j(m, &two) == 0);
  arena_free(a);
}

static void energy_by_hand(void **state)
{
  struct arena *a = arena_new();
  const struct steptime *times = steptime_affine(a, 1e-3, 1e-4, 1000);
  const struct steptime *m = steptime_with_energy(a, times, &(struct steptime_energy){2, .5, .01});
  struct step_batch b = decodes_of(4, 100);
  b.prefill_tokens = 30;
  assert_true(steptime_has_energy(m));
  assert_near(steptime_j(m, &b), 2 + 2 + .3, 1e-12);
  assert_int_equal(steptime_ns(m, &b), steptime_ns(times, &b));
  assert_true(steptime_limits(steptime_reference()).tokens == 0);       /* any */
  arena_free(a);
}

/* Two devices, chunks of 300 on 0 and 400 on 100, three decoding requests with 301 tokens of KV together: c = 500, kv = 128,
 * T = 703, T' = 704. */
static void vidur_by_hand(void **state)
{
  struct arena *a = arena_new();
  struct err e;
  err_init(&e);
  struct steptime_vidur v = {.model = llm_model_named("llama-3.1-8b", &e), .devices = 2, .floor_s = 9e-3, .a_s = 6.4e-3,
    .b_s = 66.8e-6, .flop_per_s = 1e14, .byte_per_s = 1e12, .interconnect_byte_per_s = 45e9, .collective_s = 20e-6};
  const struct steptime *m = steptime_vidur(a, &v);
  struct step_batch b = {.sequences = 5, .prefills = 2, .prefill_tokens = 700, .prefill_kv = 100, .prefill_squares = 250000,
                         .decodes = 3, .decode_kv = 301};
  double prefill = 1.1 * 4 * 2048 * (500 * 100 + 125000) / 1e14, decode = 1.1 * 3 * 128 * 4 * 512 / 1e12;
  double reduce = 2 * (703 * 8192 / 45e9 + 20e-6);
  assert_near(ms_of(m, b), 6.4 + .0668 * 704 + 32e3 * (prefill + decode + reduce), 1e-6);
  /* One of each: no tenth more. 17 tokens: the floor. */
  struct step_batch one = {.sequences = 2, .prefills = 1, .prefill_tokens = 16, .prefill_squares = 256, .decodes = 1, .decode_kv = 64};
  double small = 4. * 2048 * 128 / 1e14 + 64. * 4 * 512 / 1e12 + 2 * (17 * 8192 / 45e9 + 20e-6);
  assert_near(ms_of(m, one), 9 + 32e3 * small, 1e-6);
  /* Heads that share nothing, a table, one device: no tenth, no all-reduce. 4 x 4096 x (0 + 500^2 / 2). */
  const double tokens[] = {8, 704}, time_s[] = {1e-3, 8e-3};
  struct steptime_vidur own = {.model = llm_model_named("llama-2-7b", &e), .devices = 1, .linear = {2, tokens, time_s},
                               .flop_per_s = 1e14, .byte_per_s = 1e12, .prefill_s = 1e-6};
  struct step_batch read = {.sequences = 2, .prefills = 2, .prefill_tokens = 700, .prefill_squares = 250000};
  assert_near(ms_of(steptime_vidur(a, &own), read), 8 + 32e3 * (1e-6 + 4. * 4096 * 125000 / 1e14), 1e-6);
  err_release(&e);
  arena_free(a);
}

/* ---- samplers: the H100 fits of ML.ENERGY benchmark v3 ------------------------------------------------------------- *
 * What was measured at the smallest and the largest batch: power of a card and energy of a token, to the digits given; the
 * step follows: J/token x batch / (cards x W). max: the largest error that the fit states, percent. */

struct measured { int batch; double w, j, digit; };
struct row { const char *name; int cards; double a_ms, c_ms, max; struct measured at[2]; };
static const struct row rows[] = {
  {"h100_llama31_8b", 1, 6.67, .0895, 5, {{8, 486, .45, .01}, {691, 691, .071, .001}}},
  {"h100_qwen3_8b", 1, 7.65, .1034, 4, {{8, 427, .44, .01}, {474, 633, .072, .001}}},
  {"h100_qwen3_14b", 1, 11.74, .1305, 5, {{8, 443, .71, .01}, {253, 645, .112, .001}}},
  {"h100x2_qwen3_32b", 2, 14.15, .1468, 4, {{8, 425, 1.63, .01}, {340, 590, .233, .001}}},
  {"h100x4_llama31_70b", 4, 16.47, .1352, 5, {{8, 441, 3.76, .01}, {898, 637, .373, .001}}},
  {"gemma 3 12b", 1, 11.73, .1891, 1, {{8, 424, .70, .01}, {128, 589, .166, .001}}},
  {"gemma 3 27b", 2, 13.80, .1613, 2, {{8, 406, 1.55, .01}, {187, 605, .290, .001}}},
  {"llama 3.1 405b fp8", 8, 30.97, .2903, 5, {{8, 408, 13.97, .01}, {255, 609, 2.06, .01}}},
  /* Mixtures of experts: a line is off by more than 5 %, as the fit says itself; two points do not tell a better form. */
  {"qwen 3 30b-a3b", 1, 12.13, .2653, 10, {{8, 399, .65, .01}, {89, 494, .186, .001}}},
  {"qwen 3 235b-a22b", 8, 25.95, .1375, 7, {{8, 450, 11.4, .1}, {511, 519, .74, .01}}},
};
enum { N_PRESETS = 5, N_ROWS = sizeof rows / sizeof *rows };

static double step_s(const struct row *r, int end) { return r->at[end].j * r->at[end].batch / (r->cards * r->at[end].w); }
/* What the digits leave open. */
static double open_share(const struct measured *m) { return .5 * m->digit / m->j + .5 / m->w; }

static double step_error(const struct row *r, const struct steptime *m, int end)
{
  return fabs(ms_of(m, decodes_of((uint32_t)r->at[end].batch, 100)) / 1e3 / step_s(r, end) - 1);
}

static void sampler_h100_decode_step(void **state)
{
  struct arena *a = arena_new();
  struct err e;
  err_init(&e);
  for (int i = 0; i < N_ROWS; i++)
    for (int end = 0; end < 2; end++) {
      const struct steptime *m = steptime_affine(a, rows[i].a_ms / 1e3, rows[i].c_ms / 1e3, 1e4);
      double most = (rows[i].max + .5) / 100 + open_share(&rows[i].at[end]);
      assert_true(step_error(&rows[i], m, end) <= most);
      if (i >= N_PRESETS)
        continue;
      m = preset_step_time(a, rows[i].name, &e);
      assert_non_null(m);
      assert_true(step_error(&rows[i], m, end) <= .05 + open_share(&rows[i].at[end]));
      m = steptime_affine(a, 1.2 * rows[i].a_ms / 1e3, 1.2 * rows[i].c_ms / 1e3, 1e4);
      assert_true(step_error(&rows[i], m, end) > .05 + open_share(&rows[i].at[end]));   /* planted: a fifth slower */
    }
  err_release(&e);
  arena_free(a);
}

/* Of a token, at the plug of the card: what is above idle and 115 W a card over the step. */
static double energy_error(const struct row *r, const struct steptime *m, int end)
{
  struct step_batch b = decodes_of((uint32_t)r->at[end].batch, 100);
  double j = steptime_j(m, &b) + 115. * r->cards * ms_of(m, b) / 1e3;
  return fabs(j / b.decodes / r->at[end].j - 1);
}

static void sampler_h100_energy(void **state)
{
  struct arena *a = arena_new();
  struct err e;
  err_init(&e);
  for (int i = 0; i < N_PRESETS; i++)
    for (int end = 0; end < 2; end++) {
      const struct steptime *m = preset_step_time(a, rows[i].name, &e);
      struct step_batch b = decodes_of((uint32_t)rows[i].at[end].batch, 100);
      assert_true(steptime_has_energy(m));
      assert_true(energy_error(&rows[i], m, end) <= .10);
      double w = steptime_j(m, &b) / (ms_of(m, b) / 1e3) / rows[i].cards + 115;
      assert_near(w / rows[i].at[end].w, 1, .10);
      assert_true(energy_error(&rows[(i + 2) % N_PRESETS], m, end) > .10);      /* planted: another model's */
    }
  err_release(&e);
  arena_free(a);
}

/* ---- presets ------------------------------------------------------------------------------------------------------- */

/* DistServe's own numbers: 512 tokens 18.10 + 52.18 + 1.867 ms. 4090: limits of the tables; a decode step reads the weights. */
static void presets_are_built(void **state)
{
  struct arena *a = arena_new();
  struct err e;
  err_init(&e);
  const struct steptime *opt = preset_step_time(a, "a100_opt_13b", &e), *card = preset_step_time(a, "rtx4090_llama31_8b", &e);
  struct step_batch p = {.sequences = 1, .prefills = 1, .prefill_tokens = 512, .prefill_squares = 512 * 512};
  assert_near(ms_of(opt, p) / (18.1025 + .101912 * 512 + 7.1223e-6 * 512 * 512), 1, 1e-3);
  assert_int_equal(steptime_limits(card).sequences, 256);
  assert_true(ms_of(card, decodes_of(1, 100)) > 2 * 7.5e9 / 1008e9 * 1e3);
  assert_null(preset_step_time(a, "rtx4090_llama31_9b", &e));
  assert_true(err_any(&e));
  err_release(&e);
  arena_free(a);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(never_nothing), cmocka_unit_test(compact_by_hand), cmocka_unit_test(energy_by_hand), cmocka_unit_test(vidur_by_hand),
    cmocka_unit_test(sampler_h100_decode_step), cmocka_unit_test(sampler_h100_energy), cmocka_unit_test(presets_are_built),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
