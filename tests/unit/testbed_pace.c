/* What `offsim testbed` makes of the calibrations around the parts of a load: the kernels' times, the machine's pace in each part,
 * and which requests met a calibration. */
#include "experiments/calibrate/testbed.h"
#include "analysis/text.h"
#include "tests/unit/file_rig.h"

#define TIME_S 1e-3
#define SLOWER 1.2
enum { PARTS = 4, CALIBRATIONS = PARTS + 2, EACH = 30 };
/* Calibrations of one length: over all executions the pace is 1 in the mean. */
#define MEAN ((4 + 2 * SLOWER) / CALIBRATIONS)

static const char *const shape = "gemm_f32:m=8,n=8,k=8";
static const struct bed_options options = {.requests = 400, .request_bytes = 100, .reply_bytes = 10, .again = 10,
                                           .link_keys = "rate: 1 MB/s, rtt: 1 ms"};

static struct bed bed_of(struct fixture *f)
{
  return (struct bed){.o = &options, .name = "plain", .load = .5, .rate_per_s = 500, .service_s = TIME_S, .n_shapes = 1, .n_batch = 1,
                      .shape = &shape, .arena = f->arena};
}

/* The first calibration and those around the parts; the last two find the machine slower. Times scatter by 1 % alike in each. */
static void write_times(struct fixture *f)
{
  struct text t = {0};
  text_put(&t, "block,shape,batch,wall_s,cpu_s\n");
  for (int c = 0; c < CALIBRATIONS; c++)
    for (int i = 0; i < EACH; i++) {
      double s = TIME_S * (1 + .01 * (i % 3 - 1)) * (c >= CALIBRATIONS - 2 ? SLOWER : 1);
      text_add(&t, "%d,0,1,%.9f,%.9f\n", c ? 1000 * c : -1, s, s);
    }
  assert_true(text_save(&t, arena_printf(f->arena, "%s-kernels.csv", f->path), &f->err));
  free(t.s);
}

static struct bed_known learn(struct fixture *f, int parts)
{
  struct bed b = bed_of(f);
  struct bed_known k = {.occupancy_s = 1e-5};
  struct bed_parts p = {.n = parts, .from_s = {0, 1, 2, 3}, .end_s = 4};
  write_times(f);
  bool good = bed_learn_pace(&b, f->path, &p, &k, &f->err);
  unlink(arena_printf(f->arena, "%s-kernels.csv", f->path));
  assert_int_equal(good, parts == PARTS);
  return k;
}

static void the_pace_of_each_part(void **state)
{
  struct bed_known k = learn(*state, PARTS);
  double fast = 1 / MEAN, slow = SLOWER / MEAN;
  assert_near(k.pace[0], fast, 1e-9);
  assert_near(k.pace[1], fast, 1e-9);
  assert_near(k.pace[2], sqrt(fast * slow), 1e-9);
  assert_near(k.pace[3], slow, 1e-9);
  /* Odd ones: fast, slow. Even ones: fast, fast, slow. log of 1.2^(1/2 - 1/3). */
  assert_near(k.unlike, log(SLOWER) / 6, 1e-9);
}

/* Without the pace all calibrations have the same three times, and the mean that all executions had. */
static void the_kernel_without_it(void **state)
{
  struct bed_known k = learn(*state, PARTS);
  const struct bed_sample *s = &k.kernel[0][0];
  assert_int_equal(s->n, CALIBRATIONS * EACH);
  assert_near(s->mean, TIME_S * MEAN, 1e-12);
  assert_near(s->s[0], .99 * TIME_S * MEAN, 1e-12);
  assert_near(bed_quantile(s, .5), TIME_S * MEAN, 1e-12);
  assert_near(s->s[s->n - 1], 1.01 * TIME_S * MEAN, 1e-12);
}

static void a_part_without_calibration(void **state)
{
  struct fixture *f = *state;
  learn(f, PARTS - 1);
  assert_true(err_any(&f->err));
}

/* A machine that takes 1.2 times as long has 1 / 1.2 of the speed. */
static void the_speed_in_the_scenario(void **state)
{
  struct fixture *f = *state;
  struct bed b = bed_of(f);
  struct bed_known k = learn(f, PARTS);
  const char *path = arena_printf(f->arena, "%s-it.yaml", f->path), *at;
  double to[PARTS], at_s, overhead = 1e-5;
  int n = 0;
  size_t bytes;
  assert_true(bed_sample_of(&k.overhead, f->arena, &overhead, 1));
  assert_true(bed_write_scenario(&b, f->path, "-it", &k, 1, &f->err));
  char *text = text_load(path, &bytes, &f->err);
  unlink(path);
  assert_non_null(text);
  for (at = text; n < PARTS && (at = strstr(at, "places.server.speed, at: ")); n++, at++) {
    assert_int_equal(sscanf(at, "places.server.speed, at: %lf s, to: %lf", &at_s, &to[n]), 2);
    assert_near(at_s, n, 1e-9);
  }
  free(text);
  assert_int_equal(n, PARTS);
  assert_near(to[0], MEAN, 1e-5);
  assert_near(to[3] / to[0], 1 / SLOWER, 2e-5);
  assert_near(to[2] / to[0], 1 / sqrt(SLOWER), 2e-5);
}

/* Records as the client writes them: a calibration, and one that is cut off. */
static void records_are_read(void **state)
{
  struct fixture *f = *state;
  struct bed_records r;
  fixture_write(f, "id,...\n0,-2,1,0,.5,.25,1,2,3,4,5,6,7,8,9,10,11\n");
  assert_true(bed_read_records(f->path, f->arena, &r, &f->err));
  assert_int_equal(r.n, 1);
  assert_int_equal(r.at[0].shape, BED_CALIBRATE);
  assert_near(r.at[0].at_s[BED_SERVED], 7, 0);
  assert_near(r.at[0].at_s[BED_RECEIVED], 11, 0);
  fixture_write(f, "id,...\n0,-2,1,0,.5,.25,1,2,3,4,5,6,7,8,9,10\n");
  assert_false(bed_read_records(f->path, f->arena, &r, &f->err));
  assert_says(&f->err, "record 1 cannot be read");
}

static struct bed_record record(int which, double came_s, double serve_s, double served_s)
{
  return (struct bed_record){.shape = which, .batch = 1, .at_s = {[BED_UP_OUT] = came_s, [BED_SERVE] = serve_s, [BED_SERVED] = served_s}};
}

static void who_met_a_calibration(void **state)
{
  (void)state;
  struct bed_record at[] = {record(0, 1, 1, 2), record(BED_CALIBRATE, 1.5, 2, 5), record(0, 5.1, 5.2, 6)};
  struct bed_records r = {3, at};
  assert_int_equal(bed_met_calibration(&r), 0);
  at[2].at_s[BED_UP_OUT] = 4.9;                         /* came too early */
  assert_int_equal(bed_met_calibration(&r), 1);
  at[0] = record(0, 1.9, 6, 7);                         /* was overtaken by it */
  assert_int_equal(bed_met_calibration(&r), 2);
}

/* 90 %: t of the estimated scatter, 1.645 of the constant, in quadrature. */
static void the_band(void **state)
{
  (void)state;
  assert_near(bed_kernel_band(1.644854, .02, 5, 0), 1.0148, 5e-5);          /* exp(1.645 x .02 / sqrt 5) */
  assert_near(bed_kernel_band(6.3138, .02, 1, 0), exp(.126276), 1e-6);      /* t of one degree */
  assert_near(bed_kernel_band(6.3138, 0, 1, .015), exp(1.644854 * .015), 1e-6);   /* whatever t is */
  assert_near(bed_kernel_band(2, .03, 4, .04 / 1.644854), exp(.05), 1e-6);  /* .03 and .04 are at right angles */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(the_pace_of_each_part, set_up, tear_down),
    cmocka_unit_test_setup_teardown(the_kernel_without_it, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_part_without_calibration, set_up, tear_down),
    cmocka_unit_test_setup_teardown(the_speed_in_the_scenario, set_up, tear_down),
    cmocka_unit_test_setup_teardown(records_are_read, set_up, tear_down),
    cmocka_unit_test(who_met_a_calibration), cmocka_unit_test(the_band)};
  return cmocka_run_group_tests_name("testbed_pace", tests, NULL, NULL);
}
