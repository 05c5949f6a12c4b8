/* break-even: the formula's checkable number, and the runs that must agree with it when nothing queues. */
#include "experiments/breakeven.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* 1 s on the device, 0.2 s at the edge, 0.1 s of latency each way, 1 MB/s, no output:
 * (1 - 0.2 - 2 x 0.1) s x 1 MB/s = 0.6 MB. */
static const char scenario[] =
  "name: crossing\n"
  "seed: 1\n"
  "horizon: {kind: terminating, duration: 200 s, drain_max: 20 min}\n"
  "replications: 3\n"
  "objective: {latency: -1 /s}\n"
  "hardware:\n"
  "  slow: {flops: 1 GFLOP/s, flops_share: 1, bandwidth: 1 TB/s, bandwidth_share: 1, overhead: 0 s,"
  " memory: 8 GB, idle_power: 0 W, busy_power: 0 W}\n"
  "  fast: {flops: 5 GFLOP/s, flops_share: 1, bandwidth: 1 TB/s, bandwidth_share: 1, overhead: 0 s,"
  " memory: 8 GB, idle_power: 0 W, busy_power: 0 W}\n"
  "places:\n"
  "  - {name: phone, tier: device, zone: user, count: 400, hardware: slow}\n"
  "  - {name: edge, tier: edge, zone: telco, servers: 400, hardware: fast}\n"
  "links:\n"
  "  - {name: access, between: [phone, edge], latency: 100 ms, rate: 8 Mbit/s, shared_by: device}\n"
  "classes:\n"
  "  - name: photo\n"
  "    from: [phone]\n"
  "    arrivals: {poisson: {rate: 0.5 /s}}\n"
  "    input: 1 MB\n"
  "    pipeline:\n"
  "      - {task: see, work: {flop: 1 GFLOP, bytes: 0 B}, places: [origin, edge]}\n"
  "telemetry: {refresh: 100 ms, delay: 20 ms}\n"
  "policies: [always_local, always_edge]\n";

static void save(const char *path, const char *text)
{
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

/* The row of a block whose rate is 8 Mbit/s: the size in MB. Blocks are parted by two empty lines. */
static double size_at_8(const char *path, int block)
{
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  char line[256];
  int at = 0, empty = 0;
  double rate, size, found = -1;
  while (fgets(line, sizeof line, f)) {
    empty = *line == '\n' ? empty + 1 : 0;
    if (empty == 2) at++;
    if (at == block && sscanf(line, "%lf %lf", &rate, &size) == 2 && fabs(rate - 8) < 1e-6) found = size;
  }
  fclose(f);
  return found;
}

static void crossing(void **state)
{
  char folder[] = "/tmp/offsim-breakeven-XXXXXX", file[64], out[64], data[64], script[64];
  assert_non_null(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/s.yaml", folder);
  snprintf(out, sizeof out, "%s/b.svg", folder);
  snprintf(data, sizeof data, "%s/b.dat", folder);
  snprintf(script, sizeof script, "%s/b.gp", folder);
  save(file, scenario);
  struct err err;
  err_init(&err);
  struct breakeven_options o = {.scenario = file, .out = out, .scripts = "analysis/plots", .points = 3};
  bool ok = breakeven_plot(&o, &err);
  err_print(&err, stderr, false);
  assert_true(ok);
  assert_true(fabs(size_at_8(data, 0) - .6) < 1e-6);
  assert_true(fabs(size_at_8(data, 1) / .6 - 1) < .02);
  o.place = "nowhere";
  assert_false(breakeven_plot(&o, &err));
  assert_int_equal(err.code, EXIT_USER);
  err_release(&err);
  unlink(file), unlink(out), unlink(data), unlink(script);
  assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(crossing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
