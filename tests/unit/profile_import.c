/* profile_import: fits and checks of imported tables against formulas, tables of other programs cell by cell, and the time of a
 * prompt from a table. */
#include "experiments/calibrate/import.h"
#include "experiments/calibrate/sheet.h"
#include "models/defs.h"
#include "tests/unit/unit.h"

#include <unistd.h>

enum { N = 9 };

/* n^1.5 is a line in logarithms: the smooth curve is exact there, the line between points is not. */
static void smooth_is_exact_on_powers(void **state)
{
  (void)state;
  double x[N], y[N];
  for (int i = 0; i < N; i++) {
    x[i] = 16 << i;
    y[i] = 1e-6 * pow(x[i], 1.5);
  }
  assert_near(import_smooth_at(x, y, N, -1, 100) / (1e-6 * 1000), 1, 1e-12);
  assert_near(import_smooth_at(x, y, N, 3, x[3]) / y[3], 1, 1e-12);
  /* Line from 64 to 256 at 128: (512 + 4096) / 2 at the third: 512 + 3584 / 3. */
  assert_near(import_linear_at(x, y, N, 3, 128) * 1e6, 512 + (4096 - 512) / 3., 1e-12);
}

/* Monotone points give a monotone curve, also at a step of the data; beyond none of the neighbours. */
static void smooth_does_not_overshoot(void **state)
{
  (void)state;
  const double x[] = {1, 2, 4, 8, 16, 32}, y[] = {1, 1.01, 1.02, 5, 5.01, 5.02};
  double last = 0;
  for (double at = 1; at <= 32; at *= 1.01) {
    double now = import_smooth_at(x, y, 6, -1, at);
    assert_true(now >= last - 1e-12 && now <= 5.02 + 1e-12);
    last = now;
  }
}

/* Which one is chosen: lines on a line, the curve on a power. */
static void prompts_by_formula(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct prompt_point p[N];
  struct import_points points = {.n_prompts = N, .prompt = p};
  struct prompt_fit f;
  for (int i = 0; i < N; i++)
    p[i] = (struct prompt_point){16 << i, 0, 5e-3 + 1e-4 * (16 << i)};
  import_fit_prompts(&points, false, &f, a);
  assert_string_equal(f.error.model, "table");
  assert_near(f.error.max, 0, 1e-12);
  assert_int_equal(f.error.shapes, N - 2);
  assert_near(import_prompt_at(&f, 1000), .105, 1e-9);
  assert_near(import_prompt_at(&f, 1), 5e-3 + 16e-4, 1e-9);      /* below the first the first holds */
  assert_near(import_prompt_at(&f, 10000), 1.005, 1e-9);         /* beyond the last its line goes on */
  for (int i = 0; i < N; i++)
    p[i].time_s = 1e-6 * pow(p[i].tok, 1.5);
  import_fit_prompts(&points, false, &f, a);
  assert_string_equal(f.error.model, "curve");
  assert_near(f.error.max, 0, 1e-9);
  assert_true(fabs(import_prompt_at(&f, 100) / 1e-3 - 1) < 5e-3);        /* three knots more in each gap */
  import_fit_prompts(&points, true, &f, a);
  assert_int_equal(f.n, N);
  arena_free(a);
}

/* a + c b + kv K comes back; with one request only, c is not told apart; a plant 30 % off is seen in the largest error. */
static void steps_by_formula(void **state)
{
  (void)state;
  struct step_point p[16];
  struct import_points points = {.n_steps = 16, .step = p};
  struct step_fit f;
  for (int i = 0; i < 16; i++) {
    double b = 1 << i / 4, kv = 100 * (1 << 2 * (i % 4));
    p[i] = (struct step_point){b, kv, 7e-3 + 1e-4 * b + 2e-7 * b * kv};
  }
  import_fit_steps(&points, &f, NULL);
  assert_near(f.a_s * 1e3, 7, 1e-9);
  assert_near(f.c_s * 1e3, .1, 1e-9);
  assert_near(f.kv_s * 1e6, .2, 1e-9);
  assert_true(f.error.max < 1e-9 && f.error.shapes == 16 && f.c_measured && f.kv_measured);
  p[5].time_s *= 1.3;
  import_fit_steps(&points, &f, NULL);
  assert_true(f.error.max > .2);
  p[5].time_s /= 1.3;
  points.n_steps = 4;                                   /* one request, four contexts */
  import_fit_steps(&points, &f, NULL);
  assert_near(f.a_s * 1e3, 7.1, 1e-9);
  assert_near(f.kv_s * 1e6, .2, 1e-9);
  assert_true(!f.c_measured && f.c_s == 0);
  points.n_steps = 1;
  import_fit_steps(&points, &f, NULL);
  assert_near(import_step_at(&f, 1, 0) / p[0].time_s, 1, 1e-12);
  assert_true(f.c_s > 0 && f.error.shapes == 0);
}

/* Less time for more context: no negative coefficient. */
static void steps_stay_positive(void **state)
{
  (void)state;
  struct step_point p[] = {{1, 100, 8e-3}, {1, 200, 7.9e-3}, {1, 400, 7.8e-3}};
  struct import_points points = {.n_steps = 3, .step = p};
  struct step_fit f;
  import_fit_steps(&points, &f, NULL);
  assert_true(f.kv_s >= 0 && f.c_s >= 0 && f.a_s > 0);
}

/* A grid of 3 x 3 without one, one time that falls, one gap, one place twice. */
static void holes_and_falls(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct prompt_point p[] = {{16, 0, 1}, {64, 0, 2}, {512, 0, 1.5}, {16, 100, 2}, {64, 100, 3}, {16, 200, 3}, {64, 200, 4},
                             {512, 200, 9}, {16, 0, 3}};
  struct import_points points = {.n_prompts = 9, .prompt = p};
  struct import_result r = {0};
  import_check(&points, &r, a);
  assert_int_equal(points.n_prompts, 8);
  assert_near(points.prompt[0].time_s, 2, 1e-12);       /* the mean of 1 and 3 */
  assert_int_equal(r.n_holes, 2);                       /* 512 on 100, and 64 to 512 */
  assert_int_equal(r.n_falling, 1);
  char all[1000] = "";
  for (int i = 0; i < r.n_notes; i++)
    strncat(all, r.note[i], sizeof all - strlen(all) - 1);
  assert_non_null(strstr(all, "hole: no time for prompt 512 at context 100"));
  assert_non_null(strstr(all, "gap: no prompt between 64 and 512 tokens"));
  assert_non_null(strstr(all, "falls: prompt 512 at context 0 takes 1500 ms, 25 % less than prompt 64"));
  arena_free(a);
}

static const struct sheet *sheet_of(const char *text, struct arena *a, struct err *e)
{
  char path[] = "/tmp/offsim-sheet-XXXXXX";
  int f = mkstemp(path);
  assert_true(f >= 0 && write(f, text, strlen(text)) == (ssize_t)strlen(text));
  close(f);
  const struct sheet *s = sheet_read(arena_strdup(a, path), a, e);
  unlink(path);
  return s;
}

static void sheets(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct err e;
  double x;
  err_init(&e);
  const struct sheet *s = sheet_of("a, \"b\"\"c\" ,d\n1,\"x,y\", 2.5 \n", a, &e);
  assert_string_equal(s->column[1], "b\"c");
  assert_string_equal(sheet_text(s, 0, 1), "x,y");
  assert_true(sheet_number(s, 0, 2, 0, &x, &e) && x == 2.5);
  assert_false(sheet_number(s, 0, 1, 0, &x, &e));
  assert_says(&e, ":2:3: error: b\"c: 'x,y' is no number of 0 or more");
  s = sheet_of("noise\n| test | t/s |\n| ---: | :--- |\n| pp5 | 3.1 ± 0.2 |\n\nbuild: 1\n", a, &e);
  assert_string_equal(s->form, "Markdown");
  assert_int_equal(s->n, 1);
  assert_string_equal(sheet_text(s, 0, 1), "3.1 ± 0.2");
  s = sheet_of("{\"a\": 1, \"b\": true}\n{\"a\": 1e-3, \"b\": \"t\"}\n", a, &e);
  assert_int_equal(s->n, 2);
  assert_string_equal(sheet_text(s, 0, 1), "true");
  assert_true(sheet_number(s, 1, 0, 0, &x, &e) && x == 1e-3);
  assert_int_equal(sheet_needs(s, "aa", &e), -1);
  assert_says(&e, "no column 'aa'");
  assert_null(sheet_of("a,b\n1\n", a, &e));
  assert_says(&e, ":2:1: error: 1 cells; the header has 2");
  assert_null(sheet_of("a,a\n1,2\n", a, &e));
  assert_says(&e, "two columns are called 'a'");
  assert_null(sheet_of("[{\"a\": 1}, 3]", a, &e));
  assert_says(&e, "element 2 is no object");
  assert_null(sheet_of("[{\"a\": 1", a, &e));
  assert_says(&e, "no JSON");
  assert_null(sheet_of("", a, &e));
  assert_says(&e, "no rows");
  err_release(&e);
  arena_free(a);
}

/* 100 tokens in 20 ms, 300 in 40: 200 in 30; at half the clock twice that; an engine reads 200 on 100 in 20, beside a step. */
static void prompt_times(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  const double tok[] = {100, 300}, time_s[] = {.02, .04};
  const struct steptime_table t = {2, tok, time_s};
  struct token_cost c = {.available = true, .prefill_tok_per_s = 1000, .prompt_tok_per_s = 1000, .step_a_s = .01, .step_c_s = .001,
                         .step_s_per_kv_tok = 1e-6, .prompt = &t};
  assert_near(token_prefill_s(&c, 200), .03, 1e-12);
  assert_near(token_prefill_s(&c, 400), .05, 1e-12);
  assert_near(token_prefill_s(&c, 10), .02, 1e-12);
  assert_true(token_prefill_s(&c, 0) == 0 && token_prefill_s(&c, -5) == 0);
  struct step_batch b = {.sequences = 3, .prefills = 1, .prefill_tokens = 200, .prefill_kv = 100, .decodes = 2, .decode_kv = 1000};
  assert_near((double)steptime_ns(steptime_of_cost(a, &c), &b) / 1e9, .02 + .01 + .002 + .001, 1e-9);
  struct step_batch alone = {.sequences = 1, .prefills = 1, .prefill_tokens = 200};
  assert_near((double)steptime_ns(steptime_of_cost(a, &c), &alone) / 1e9, .03, 1e-9);
  c.prefill_tok_per_s = 500;
  assert_near(token_prefill_s(&c, 200), .06, 1e-12);
  c.prompt = NULL;
  assert_near(token_prefill_s(&c, 200), .4, 1e-12);
  arena_free(a);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(smooth_is_exact_on_powers), cmocka_unit_test(smooth_does_not_overshoot), cmocka_unit_test(prompts_by_formula),
    cmocka_unit_test(steps_by_formula), cmocka_unit_test(steps_stay_positive), cmocka_unit_test(holes_and_falls),
    cmocka_unit_test(sheets), cmocka_unit_test(prompt_times),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
