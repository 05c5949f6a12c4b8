/* calibrate_raw: the strict reader of raw format 1: what is right is read whole, each mistake is named with its line. */
#include "experiments/calibrate/raw.h"
#include "tests/unit/file_rig.h"

#define BEGIN "{\"type\":\"begin\",\"format\":1,\"program\":\"offsim-kernels\",\"version\":\"0.1\",\"seed\":7,\"quick\":true," \
              "\"passes\":2,\"unix_time\":1780000000}\n"
#define MACHINE "{\"type\":\"machine\",\"cpu\":\"A CPU\",\"architecture\":\"x86_64\",\"cores\":2,\"core\":0,\"pinned\":false," \
                "\"pin_problem\":\"not permitted\",\"governor\":null,\"memory_bytes\":8e9,\"caches\":[{\"level\":1,\"bytes\":32768," \
                "\"kind\":\"data\"}],\"libraries\":{\"openblas\":\"0.3.21\",\"zlib\":null}}\n"
#define KERNEL "{\"type\":\"kernel\",\"name\":\"copy\",\"version\":1,\"unit\":\"B\",\"bound\":\"memory\",\"parameters\":[\"size\"]," \
               "\"axes\":[\"working_set\"],\"available\":true,\"why\":null}\n"
#define ABSENT "{\"type\":\"kernel\",\"name\":\"deflate\",\"version\":2,\"unit\":\"B\",\"bound\":\"compute\",\"parameters\":[]," \
               "\"axes\":[\"working_set\"],\"available\":false,\"why\":\"no zlib\"}\n"
#define SAMPLE_WITH(kernel, shape, units, axes, wall, cpu, pass, low, high) \
  "{\"type\":\"sample\",\"kernel\":\"" kernel "\",\"shape\":" shape ",\"units\":" units ",\"axes\":" axes ",\"flop\":null," \
  "\"bytes\":8192,\"pass\":" pass ",\"order\":3,\"cache\":\"hot\",\"threads\":1,\"with\":\"alone\",\"off_grid\":false,\"inner\":12," \
  "\"discarded\":1,\"wall_s\":" wall ",\"cpu_s\":" cpu ",\"wall_low_s\":1e-6,\"wall_high_s\":3e-6,\"cpu_low_s\":" low "," \
  "\"cpu_high_s\":" high ",\"stable\":true,\"joule\":null}\n"
#define SAMPLE_OF(kernel, shape, axes, wall, cpu, pass) SAMPLE_WITH(kernel, shape, "4096", axes, wall, cpu, pass, "1e-6", "3e-6")
/* A second sample of the same shape as SAMPLE, with these units, axes, CPU times and interval of them. */
#define ANOTHER(units, axes, cpu, low, high) \
  SAMPLE_WITH("copy", "{\"size\":4096}", units, axes, "[2e-6,2.5e-6]", cpu, "0", low, high)
#define SAMPLE SAMPLE_OF("copy", "{\"size\":4096}", "[8192]", "[2e-6,2.5e-6]", "[2e-6,0]", "1")
#define CHECK "{\"type\":\"self_check\",\"kernel\":\"copy\",\"shape\":{\"size\":64},\"ok\":false,\"why\":\"byte 3 differs\"}\n"
#define END_OF(n, interrupted) \
  "{\"type\":\"end\",\"samples\":" n ",\"unstable\":0,\"elapsed_s\":1.5,\"interrupted\":" interrupted "}\n"
#define END END_OF("1", "false")

static struct raw *get(struct fixture *f, const char *text)
{
  fixture_write(f, text);
  return raw_read(f->path, f->arena, &f->err);
}

static void all_is_read(void **state)
{
  struct fixture *f = *state;
  struct raw *r = get(f, BEGIN MACHINE KERNEL ABSENT "{\"type\":\"progress\",\"done\":1,\"total\":4,\"kernel\":\"copy\"}\n" SAMPLE CHECK
                      "{\"type\":\"sentinel\",\"order\":4,\"wall_s\":1e-3,\"cpu_s\":9e-4}\n" END);
  if (!r)
    fail_msg("%s", f->err.problems[0].message);
  assert_int_equal(r->seed, 7);
  assert_string_equal(r->machine.pin_problem, "not permitted");
  assert_null(r->machine.governor);
  assert_int_equal(r->machine.n_libraries, 1);
  assert_int_equal(r->n_kernels, 2);
  assert_string_equal(r->kernel[1].why, "no zlib");
  assert_int_equal(r->n_samples, 1);
  const struct raw_sample *s = &r->sample[0];
  assert_true(s->n == 2 && s->wall_s[1] == 2.5e-6 && s->cpu_s[1] == 0 && s->units == 4096 && s->axis[0] == 8192);
  assert_true(isnan(s->flop) && s->bytes == 8192 && isnan(s->joule) && !s->cold && s->stable && s->line == 6);
  assert_int_equal(r->n_sentinels, 1);
  assert_true(raw_check_failed(r, 0, (const double[]){64}));
  assert_false(raw_check_failed(r, 0, (const double[]){4096}));
  assert_string_equal(raw_shape_text(r, 0, s->p), "size=4096");
}

static void mistakes_are_named(void **state)
{
  static const struct { const char *text, *message; int line; } wrong[] = {
    {"", "empty", 0},
    {BEGIN MACHINE KERNEL SAMPLE, "cut off after line 4; measure again", 4},
    {BEGIN MACHINE KERNEL "{\"type\":\"sam", "cut off in line 4; measure again", 4},
    {BEGIN MACHINE KERNEL SAMPLE END_OF("1", "true"), "interrupted", 5},
    {BEGIN MACHINE KERNEL SAMPLE END_OF("2", "false"), "lines were lost", 5},
    {BEGIN MACHINE KERNEL SAMPLE END SAMPLE, "after the end", 6},
    {MACHINE BEGIN, "before 'begin'", 1},
    {BEGIN KERNEL, "before 'machine'", 2},
    {BEGIN MACHINE MACHINE, "a second one", 3},
    {BEGIN MACHINE KERNEL KERNEL, "'copy' a second time", 4},
    {BEGIN MACHINE KERNEL "not json\n", "no JSON", 4},
    {BEGIN MACHINE KERNEL "{\"kernel\":3}\n", "an object with 'type' is expected", 4},
    {BEGIN MACHINE KERNEL "{\"type\":\"smaple\"}\n", "nearest: 'sample'", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("coppy", "{\"size\":64}", "[1]", "[1]", "[1]", "1"), "nearest: 'copy'", 4},
    {BEGIN MACHINE ABSENT SAMPLE_OF("deflate", "{}", "[1]", "[1]", "[1]", "1"), "announced as unavailable", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"bytes\":64}", "[1]", "[1]", "[1]", "1"), "lacks the number 'size'", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"size\":1,\"x\":2}", "[1]", "[1]", "[1]", "1"), "has 2 parameters, copy has 1", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"size\":1}", "[1,2]", "[1]", "[1]", "1"), "'axes' must be a list of 1", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"size\":1}", "[0]", "[1]", "[1]", "1"), "'axes': value 1 must be above 0", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"size\":1}", "[1]", "[1,0]", "[1,1]", "1"), "'wall_s': value 2 must be above 0", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"size\":1}", "[1]", "[1,1]", "[1]", "1"), "'cpu_s' must be a list of 2", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"size\":1}", "[1]", "[]", "[]", "1"), "'wall_s' must be a list of 1 to", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"size\":1}", "[1]", "[1]", "[1]", "2"), "'pass' must be a number from 0 to 1", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"size\":1}", "[1]", "[1]", "[1]", "0.5"), "'pass' must be a whole number", 4},
    {BEGIN MACHINE KERNEL SAMPLE_OF("copy", "{\"size\":1}", "[1]", "[1,1e-300]", "[1,1]", "1"), "value 2, 1e-300, is not between", 4},
    {BEGIN MACHINE KERNEL SAMPLE ANOTHER("4096", "[8192]", "[2e-6,2e-6]", "1e-3", "1e-3") END_OF("2", "false"),
     "cpu_s: the interval from 0.001 to 0.001 s does not hold the median of the 2 repetitions", 5},
    {BEGIN MACHINE KERNEL SAMPLE ANOTHER("4096", "[8192]", "[2e-6,2e-6]", "1e-300", "1e300") END_OF("2", "false"),
     "'cpu_high_s' must be a number from 0 to 1e+09", 5},
    {BEGIN MACHINE KERNEL SAMPLE ANOTHER("4096", "[8192]", "[2e-6,2e-6]", "1e-12", "1e3") END_OF("2", "false"), "says nothing", 5},
    {BEGIN MACHINE KERNEL SAMPLE ANOTHER("4096", "[8192]", "[2e-6,2e-6]", "3e-6", "1e-6") END_OF("2", "false"), "lies above its upper", 5},
    {BEGIN MACHINE KERNEL SAMPLE ANOTHER("4096", "[819200]", "[2e-6,2e-6]", "1e-6", "3e-6") END_OF("2", "false"),
     "working_set of copy size=4096 is 819200 here and 8192 on line 4", 5},
    {BEGIN MACHINE KERNEL SAMPLE ANOTHER("4097", "[8192]", "[2e-6,2e-6]", "1e-6", "3e-6") END_OF("2", "false"),
     "units of copy size=4096 is 4097 here and 4096 on line 4", 5},
    {BEGIN MACHINE "{\"type\":\"kernel\",\"name\":\"a\\n  evil: 1\",\"version\":1}\n", "'name' is of letters, digits and", 3},
  };
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    err_init(&f->err);
    assert_null(get(f, wrong[i].text));
    assert_true(f->err.n == 1);                         /* one mistake, one message */
    if (!strstr(f->err.problems[0].message, wrong[i].message) || f->err.problems[0].at.line != wrong[i].line)
      fail_msg("line %d: %s; wanted line %d: %s", f->err.problems[0].at.line, f->err.problems[0].message, wrong[i].line,
               wrong[i].message);
    err_release(&f->err);
  }
  err_init(&f->err);
}

static void samples_of_one_shape_that_agree_are_taken(void **state)
{
  struct raw *r = get(*state, BEGIN MACHINE KERNEL SAMPLE ANOTHER("4096", "[8192]", "[2e-6,2e-6]", "2e-6", "2e-6") END_OF("2", "false"));
  assert_non_null(r);
  assert_int_equal(r->n_samples, 2);
}

static void a_newer_format_is_told(void **state)
{
  struct fixture *f = *state;
  assert_null(get(f, "{\"type\":\"begin\",\"format\":2}\n"));
  assert_non_null(strstr(f->err.problems[0].message, "a newer offsim is needed"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(all_is_read, set_up, tear_down),
    cmocka_unit_test_setup_teardown(mistakes_are_named, set_up, tear_down),
    cmocka_unit_test_setup_teardown(samples_of_one_shape_that_agree_are_taken, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_newer_format_is_told, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
