/* pipeline: `offsim validate pipeline` on lines and profiles made here, whose times follow from formulas by hand. */
#include "experiments/validate/pipeline.h"
#include "sim/arena.h"
#include "tests/unit/unit.h"

#include <math.h>

static const double sets[] = {1e3, 1e9}, near_costs[] = {20e-12, 20e-12}, stream_costs[] = {10e-12, 90e-12};

static struct profile_kernel made(const char *name, const double *cost, double fetch_s, double low, double high)
{
  return (struct profile_kernel){
    .cost = {.kernel = name, .version = 1, .unit = "x", .n_axes = 1, .axis = {{"working_set", 2, sets}}, .cost_s = cost, .band_low = low,
             .band_high = high, .band_share = 0.9},
    .mape = NAN, .p90 = NAN, .max = NAN, .wall_over_cpu = 1, .fetch_s = fetch_s, .cold = 3, .interference = NAN};
}

struct rig { struct err err; struct arena *arena; struct profile profile; struct profile_kernel kernel[2]; struct pipeline_run run; };

static struct rig *rig_new(void)
{
  struct rig *g = calloc(1, sizeof *g);
  err_init(&g->err);
  g->arena = arena_new();
  g->kernel[0] = made("product", near_costs, 50e-12, 0.9, 1.1);
  g->kernel[1] = made("stream", stream_costs, NAN, 0.8, 1.2);
  g->profile = (struct profile){.name = "made", .n_kernels = 2, .kernel = g->kernel};
  g->run = (struct pipeline_run){.profile = &g->profile, .cost_factor = 1, .arena = g->arena, .err = &g->err, .file = "lines"};
  return g;
}

static void rig_free(struct rig *g)
{
  arena_free(g->arena);
  err_release(&g->err);
  free(g);
}

static bool say(struct rig *g, const char *text)
{
  return pipeline_line(&g->run, text, strlen(text));
}

static void begin(struct rig *g)
{
  assert_true(say(g, "{\"type\":\"begin\",\"format\":1,\"last_cache_bytes\":32e6,\"pinned\":true,\"pin_problem\":null}"));
}

static void task(struct rig *g, const char *name, const char *kernel, double units, double set, int times, double again, double handed)
{
  char text[400];
  snprintf(text, sizeof text, "{\"type\":\"task\",\"name\":\"%s\",\"why\":null,\"calls\":[{\"kernel\":\"%s\",\"version\":1,"
           "\"units\":%.17g,\"axes\":{\"working_set\":%.17g},\"times\":%d,\"again_after_bytes\":%.17g,\"handed_bytes\":%.17g}]}",
           name, kernel, units, set, times, again, handed);
  assert_true(say(g, text));
}

static void execution(struct rig *g, const char *name, double wall_s, int switches)
{
  char text[200];
  snprintf(text, sizeof text, "{\"type\":\"execution\",\"task\":\"%s\",\"number\":0,\"wall_s\":%.17g,\"cpu_s\":1,\"switches\":%d}", name, wall_s, switches);
  assert_true(say(g, text));
}

static void is(double got, double wanted)
{
  if (!(fabs(got - wanted) <= 1e-9 * fabs(wanted))) fail_msg("%.12g, not %.12g", got, wanted);
}

/* The example of pipeline.h: 60 us of arithmetic, 15 us to fetch 300 kB at 50 ps; band: 10 % of all of it. */
static void arithmetic_waits_for_its_data(void **state)
{
  struct rig *g = rig_new();
  begin(g);
  task(g, "embed", "product", 1e6, 1e5, 3, 1e8, 0);
  task(g, "again", "product", 1e6, 1e5, 3, 1e6, 0);     /* within the last cache: near */
  execution(g, "embed", 77e-6, 0);
  execution(g, "again", 61e-6, 0);
  assert_true(say(g, "{\"type\":\"end\"}"));
  assert_true(pipeline_judge(&g->run));
  is(g->run.task[0].hot_s, 60e-6);
  is(g->run.task[0].predicted_s, 75e-6);
  is(g->run.task[0].low_s, 67.5e-6);
  is(g->run.task[1].predicted_s, 60e-6);
  is(g->run.task[1].high_s, 66e-6);
  assert_true(pipeline_passed(&g->run));
  rig_free(g);
}

/* The example of pipeline.h: of each call's 100 kB 40 were just written, 60 come from memory. Handed all of it and more: nothing. */
static void what_was_handed_is_near(void **state)
{
  struct rig *g = rig_new();
  begin(g);
  task(g, "embed", "product", 1e6, 1e5, 3, 1e8, 4e4);
  task(g, "seal", "product", 1e6, 1e5, 3, 1e8, 2e5);
  execution(g, "embed", 70e-6, 0);
  execution(g, "seal", 60e-6, 0);
  assert_true(say(g, "{\"type\":\"end\"}"));
  assert_true(pipeline_judge(&g->run));
  is(g->run.task[0].predicted_s, 69e-6);
  is(g->run.task[1].predicted_s, 60e-6);
  rig_free(g);
}

/* cost ~ set^(log10 9 / 6): at 1e6, the middle of 1e3 and 1e9, 30 ps; touched again after 1e9 B, 90 ps. */
static void memory_costs_what_it_does_from_afar(void **state)
{
  struct rig *g = rig_new();
  begin(g);
  task(g, "decode", "stream", 1e6, 1e6, 2, 1e9, 0);
  execution(g, "decode", 180e-6, 0);
  assert_true(say(g, "{\"type\":\"end\"}"));
  assert_true(pipeline_judge(&g->run));
  is(g->run.task[0].hot_s, 60e-6);
  is(g->run.task[0].predicted_s, 180e-6);
  is(g->run.task[0].low_s, 144e-6);
  rig_free(g);
}

/* All of a kernel's calls are wrong alike; the planted profile of 1.5 times the cost is seen, the right one passes. */
static void planted_profile_is_seen(void **state)
{
  for (int planted = 0; planted < 2; planted++) {
    struct rig *g = rig_new();
    g->run.cost_factor = planted ? 1.5 : 1;
    begin(g);
    for (int i = 0; i < 6; i++) {
      char name[8];
      snprintf(name, sizeof name, "t%d", i);
      task(g, name, "product", 1e6 * (i + 1), 1e5, 1, 0, 0);
      for (int k = 0; k < 9; k++) execution(g, name, 20e-6 * (i + 1) * (1 + 0.01 * (k - 4)), 0);
    }
    assert_true(say(g, "{\"type\":\"end\"}"));
    assert_true(pipeline_judge(&g->run));
    assert_int_equal(g->run.wanted, 4);
    assert_int_equal(g->run.within, planted ? 0 : 6);
    assert_true(pipeline_passed(&g->run) == !planted);
    rig_free(g);
  }
}

/* Bands of -60 .. +150 % hold costs x 1.5, and no verdict may rest on them; 5 tasks of a narrow one beside are enough to tell. */
static void wide_bands_cannot_tell(void **state)
{
  for (int narrow = 0; narrow < 2; narrow++) {
    struct rig *g = rig_new();
    g->kernel[1].cost.band_low = 0.4, g->kernel[1].cost.band_high = 2.5;
    g->run.cost_factor = narrow ? 1 : 1.5;
    begin(g);
    for (int i = 0; i < 6; i++) {
      char name[8];
      snprintf(name, sizeof name, "t%d", i);
      task(g, name, narrow && i ? "product" : "stream", 1e6, narrow && i ? 1e5 : 1e3, 1, 0, 0);
      execution(g, name, narrow && i ? 20e-6 : 10e-6, 0);
    }
    assert_true(say(g, "{\"type\":\"end\"}"));
    assert_true(pipeline_judge(&g->run));
    assert_int_equal(g->run.within, 6);
    assert_int_equal(g->run.wide, narrow ? 1 : 6);
    assert_true(pipeline_blind(&g->run) == !narrow);
    assert_true(pipeline_passed(&g->run) == narrow);
    rig_free(g);
  }
}

/* P(fewer than 4 of 6) = 1.6 % and fewer than 5 11.4 % with .9 each; of 1: none 10 %, and yet one is wanted. */
static void bars_have_a_stated_false_alarm(void **state)
{
  assert_int_equal(pipeline_wanted(6), 4);
  assert_int_equal(pipeline_wanted(1), 1);
  assert_int_equal(pipeline_wanted(2), 1);
}

static void disturbed_are_left_out(void **state)
{
  struct rig *g = rig_new();
  begin(g);
  task(g, "seal", "product", 1e6, 1e5, 1, 0, 0);
  for (int k = 0; k < 9; k++) execution(g, "seal", 90e-6, 1);
  for (int k = 0; k < 4; k++) execution(g, "seal", 20e-6, 0);
  assert_true(say(g, "{\"type\":\"end\"}"));
  struct pipeline_run before = g->run;
  assert_true(pipeline_judge(&g->run));
  is(g->run.task[0].measured_s, 90e-6);                 /* with fewer than 5 clean ones, all count */
  g->run = before;
  execution(g, "seal", 20e-6, 0);
  assert_true(pipeline_judge(&g->run));
  is(g->run.task[0].measured_s, 20e-6);
  rig_free(g);
}

static void what_cannot_be_judged_says_why(void **state)
{
  struct rig *g = rig_new();
  begin(g);
  task(g, "alien", "unheard_of", 1, 1e4, 1, 0, 0);
  task(g, "large", "product", 1, 1e10, 1, 0, 0);
  assert_true(say(g, "{\"type\":\"task\",\"name\":\"gone\",\"why\":\"deflate: built without zlib\",\"calls\":[]}"));
  assert_true(say(g, "{\"type\":\"end\"}"));
  assert_true(pipeline_judge(&g->run));
  assert_non_null(strstr(g->run.task[0].not_judged, "not in the profile"));
  assert_non_null(strstr(g->run.task[1].not_judged, "lies outside"));
  assert_non_null(strstr(g->run.task[2].not_judged, "without zlib"));
  assert_false(pipeline_passed(&g->run));
  rig_free(g);
}

static void bad_lines_are_refused(void **state)
{
  static const char negative_work[] =
    "{\"type\":\"task\",\"name\":\"x\",\"why\":null,\"calls\":[{\"kernel\":\"product\",\"version\":1,\"units\":-1,"
    "\"axes\":{\"working_set\":1},\"times\":1,\"again_after_bytes\":0,\"handed_bytes\":0}]}";
  static const char *const bad[] = {"", "{", "[]", "{\"type\":\"noise\"}", "{\"type\":\"execution\",\"task\":\"x\",\"wall_s\":1,\"switches\":0}",
    "{\"type\":\"task\",\"name\":\"x\",\"why\":null,\"calls\":[]}", "{\"type\":\"begin\",\"format\":1}", negative_work};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct rig *g = rig_new();
    begin(g);
    assert_false(say(g, bad[i]));
    assert_int_equal(g->err.n_errors, 1);
    assert_int_equal(g->err.problems[0].at.line, 2);
    rig_free(g);
  }
  struct rig *g = rig_new();
  begin(g);
  assert_false(pipeline_judge(&g->run));
  assert_non_null(strstr(g->err.problems[0].message, "cut off"));
  rig_free(g);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(arithmetic_waits_for_its_data), cmocka_unit_test(what_was_handed_is_near), cmocka_unit_test(memory_costs_what_it_does_from_afar),
    cmocka_unit_test(planted_profile_is_seen), cmocka_unit_test(wide_bands_cannot_tell), cmocka_unit_test(bars_have_a_stated_false_alarm), cmocka_unit_test(disturbed_are_left_out),
    cmocka_unit_test(what_cannot_be_judged_says_why), cmocka_unit_test(bad_lines_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
