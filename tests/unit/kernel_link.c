/* The testbed's link as the relay has it: what a message takes, and what is refused, with file and line. */
#include "experiments/kernels/testbed_link.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <unistd.h>

static char path[] = "/tmp/offsim-link-XXXXXX", said_path[] = "/tmp/offsim-said-XXXXXX";

static void write_text(const char *text)
{
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  assert_int_equal(fclose(f), 0);
}

/* Reads it; what it says on stderr goes to `said`. */
static bool reads(const char *text, struct testbed_link *l, char *said, size_t size)
{
  write_text(text);
  fflush(stderr);
  int kept = dup(STDERR_FILENO);
  FILE *f = fopen(said_path, "w+");
  assert_non_null(f);
  dup2(fileno(f), STDERR_FILENO);
  *l = (struct testbed_link){0};
  bool good = testbed_link_read(l, path);
  fflush(stderr);
  dup2(kept, STDERR_FILENO);
  close(kept);
  rewind(f);
  said[fread(said, 1, size - 1, f)] = 0;
  fclose(f);
  return good;
}

static void what_a_message_takes(void **state)
{
  (void)state;
  struct testbed_link l;
  char said[512];
  assert_true(reads("what,from_s,value\nlatency,0,0.002\nlatency,1,end\nup,0,1e5\nup,0.005,1e6\nup,0.01,end\n", &l, said, sizeof said));
  assert_near(testbed_link_takes(&l, 0, 1000, false), .0075, 1e-12);        /* 500 B in 5 ms, 500 B in .5 ms, 2 ms */
  assert_near(testbed_link_takes(&l, -1, 1000, false), .0075, 1e-12);
  assert_near(testbed_link_takes(&l, 70.0, 1000, false), .0075, 1e-9);      /* it begins anew every 10 ms */
  assert_near(testbed_link_takes(&l, .009, 1100, false), .001 + .001 + .002, 1e-9);
  assert_near(testbed_link_takes(&l, 0, 5500, false), .012, 1e-12);         /* a whole cycle */
  assert_near(testbed_link_takes(&l, 0, 55e5, false), 10.002, 1e-9);        /* a thousand */
  assert_near(testbed_link_takes(&l, 0, 1e6, true), .002, 1e-12);           /* no rate down: unlimited */
  assert_near(testbed_link_takes(&l, 0, 0, false), .002, 1e-12);
  testbed_link_free(&l);
}

static void where_nothing_passes(void **state)
{
  (void)state;
  struct testbed_link l;
  char said[512];
  assert_true(reads("what,from_s,value\nlatency,0,lost\nlatency,0.25,0.001\nlatency,0.5,lost\nlatency,1,end\n"
                    "down,0,0\ndown,0.5,1000\ndown,1,end\n", &l, said, sizeof said));
  assert_near(testbed_link_takes(&l, .1, 9, false), .15 + .001, 1e-12);     /* waits for the next that is not lost */
  assert_near(testbed_link_takes(&l, .75, 9, false), .25 + .25 + .001, 1e-12);
  assert_near(testbed_link_takes(&l, .3, 600, true), .2 + .5 + .5 + .1 + .001, 1e-12);
  testbed_link_free(&l);
  assert_true(reads("what,from_s,value\nup,0,1e-300\nup,1,end\n", &l, said, sizeof said));
  assert_near(testbed_link_takes(&l, 0, 1e6, false), 1e9, 1e-9);               /* bounded, at once */
  testbed_link_free(&l);
}

/* Against a sum in steps of 20 us over series of lengths that have nothing in common. */
static void as_a_sum_of_small_steps(void **state)
{
  (void)state;
  struct testbed_link l;
  char said[512];
  static const double from[] = {0, .11, .2, .47}, rate[] = {3000, 0, 800, 12000}, length = .61, step = 2e-5;
  assert_true(reads("what,from_s,value\nup,0,3000\nup,.11,0\nlatency,0,.01\nup,.2,800\nlatency,.3,.02\nup,.47,12000\nup,.61,end\n"
                    "latency,.43,end\n", &l, said, sizeof said));
  for (double t = .003; t < 3; t += .173) {
    double left = 2345, took = 0, latency = fmod(t, .43) < .3 ? .01 : .02;
    for (; left > 0; took += step) {
      double at = fmod(t + took, length);
      int k = 3;
      while (at < from[k])
        k--;
      left -= rate[k] * step;
    }
    assert_near(testbed_link_takes(&l, t, 2345, false), took + latency, 3e-4);
  }
  testbed_link_free(&l);
}

static void what_is_refused(void **state)
{
  (void)state;
  static const struct { const char *lines, *line, *why; } wrong[] = {
    {"latency,0,-1\n", ":2:", "not negative"}, {"latency,0,nan\n", ":2:", "finite"}, {"up,0,inf\n", ":2:", "finite"},
    {"up,0,-5\n", ":2:", "not negative"}, {"up,0,1e16\n", ":2:", "at most"}, {"latency,0,1e9\n", ":2:", "at most a week"},
    {"up,nan,5\n", ":2:", "time"}, {"up,1,5\n", ":2:", "starts at 0"}, {"up,0,5\nup,0,6\n", ":3:", "ascend"},
    {"up,0,5\nup,2,6\nup,1,end\n", ":4:", "ascend"}, {"up,0,5\nup,inf,end\n", ":3:", "time"}, {"up,0,5\nup,2e9,end\n", ":3:", "1e9"},
    {"up,0,5\nup,1,end\nup,2,5\n", ":4:", "ended"}, {"sideways,0,5\n", ":2:", "latency, up or down"}, {"up,0\n", ":2:", "what,from_s,value"},
    {"up,0,5,6\n", ":2:", "what,from_s,value"}, {"up,0,5x\n", ":2:", "finite"}, {"\n", ":2:", "what,from_s,value"},
    {"up,0,lost\nup,1,end\n", ":2:", "finite"}, {"up,0,0\nup,1,end\n", ":", "nothing ever passes"}, {"up,0,end\n", ":2:", "finite"},
    {"latency,0,lost\nlatency,1,end\n", ":", "nothing ever passes"}, {"up,0,5\n", ":2:", "cut off"}, {"", ":1:", "no link"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct testbed_link l;
    char text[256], said[512];
    snprintf(text, sizeof text, "what,from_s,value\n%s", wrong[i].lines);
    bool good = reads(text, &l, said, sizeof said);
    if (good || !strstr(said, wrong[i].why) || !strstr(said, wrong[i].line) || !strstr(said, path))
      fail_msg("'%s' said '%s'", wrong[i].lines, said);
    testbed_link_free(&l);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_a_message_takes), cmocka_unit_test(where_nothing_passes),
                                     cmocka_unit_test(as_a_sum_of_small_steps), cmocka_unit_test(what_is_refused)};
  int fd = mkstemp(path), said = mkstemp(said_path);
  if (fd < 0 || said < 0)
    return 1;
  close(fd), close(said);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path), unlink(said_path);
  return failed;
}
