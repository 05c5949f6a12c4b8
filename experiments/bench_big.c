/* bench_big.c: `offsim bench --big`: how a run grows with the devices in it, 10 simulated minutes of each.
 *
 * Peak memory is linear: base + d x devices + r x requests. Three runs give d and r: all devices for 10 and for 5 minutes
 * (only the requests differ), and a hundredth of the devices. d is what a device costs that has been heard of, idle or
 * not; the few requests in flight are in it. r is what the run keeps of a request that is over: its latency, for quantiles.
 * Check: 370, 290 and 23.5 MB of 10^6, 10^6, 10^4 devices, 10^7, 5 x 10^6, 10^5 requests: r = 16 B, d = 190 B.
 */
#include "experiments/bench.h"
#include "experiments/worker.h"
#include "scenarios/scenario.h"
#include "sim/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PHONES_PER_SITE = 2000, PHONES_PER_SERVER = 100, RUNS = 4, OWN = 4 /* keys of a world's own */, COMMON = 5 };
static const double REQUESTS_PER_S = 1.0 / 60;          /* of a device */

/* What is asked of a world; what the bars are: bytes of a device, CPU seconds of the largest run at 10^6. */
static const struct big_world { const char *name, *doc; double bar_bytes, bar_s; struct override set[OWN]; } worlds[] = {
  {"plain", "phones with a queue each, access shared at 500 cell sites", 200, 60, {{0}}},
  {"phones", "the same, each with a battery, a radio and a link that varies by itself", 800, 180, {
    {"places.phone.battery", "{capacity: 17 Wh, start: 0.8}"},
    {"links.access.shared_by", "device"},
    {"links.access.radio", "lte_2012"},
    {"links.access.variability", "{per: device, spikes: {every: {exponential: {mean: 64 s}}, peak: {lognormal: {median: "
                                 "257 ms, sigma: 0.102}}}, rate: {sigma: 1.58, correlation: 0.78, idle: 0.07}}"},
  }},
};
enum { N_WORLDS = sizeof worlds / sizeof worlds[0] };

/* ---- one run, in a process of its own ---------------------------------------------------------------------------- */

struct big_run { double devices, wall_s, cpu_s, peak_bytes; struct run_totals totals; };

static double wall_now_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What all worlds set. */
struct setting { char text[32]; };
static struct override say(const char *path, double value, const char *unit, struct setting *room)
{
  snprintf(room->text, sizeof room->text, "%.17g%s", value, unit);
  return (struct override){path, room->text};
}

static struct scenario *world_of(const struct big_world *w, double devices, double minutes)
{
  struct setting room[COMMON];
  struct override set[COMMON + OWN] = {
    say("places.phone.count", devices, "", &room[0]),
    say("places.site.count", ceil(devices / PHONES_PER_SITE), "", &room[1]),
    say("places.cloud.servers", ceil(devices / PHONES_PER_SERVER), "", &room[2]),
    say("classes.job.arrivals.poisson.rate", devices * REQUESTS_PER_S, " /s", &room[3]),
    say("horizon.duration", minutes, " min", &room[4])};
  size_t n = COMMON;
  for (int i = 0; i < OWN && w->set[i].path; i++) set[n++] = w->set[i];
  return load_bench("big.yaml", set, n);
}

static _Noreturn void run_and_tell(const struct scenario *s, int to)
{
  struct run_totals totals;
  bool ok = bench_run_once(s, NULL, &totals) && write(to, &totals, sizeof totals) == sizeof totals;
  _exit(ok ? 0 : 1);
}

static bool measure(const struct big_world *w, double devices, double minutes, struct big_run *out)
{
  int pipe_ends[2], status = 1;
  struct rusage usage;
  struct scenario *s = world_of(w, devices, minutes);
  if (!s || pipe(pipe_ends) != 0) return scenario_free(s), false;
  double from = wall_now_s();
  pid_t child = fork();
  if (child == 0) run_and_tell(s, pipe_ends[1]);
  close(pipe_ends[1]);
  bool ok = child > 0 && read(pipe_ends[0], &out->totals, sizeof out->totals) == sizeof out->totals;
  ok = child > 0 && wait4(child, &status, 0, &usage) == child && status == 0 && ok;
  out->devices = devices;
  out->wall_s = wall_now_s() - from;
  out->cpu_s = (double)usage.ru_utime.tv_sec + 1e-6 * (double)usage.ru_utime.tv_usec;
  out->peak_bytes = 1024.0 * (double)usage.ru_maxrss;
  close(pipe_ends[0]);
  scenario_free(s);
  return ok;
}

/* ---- what it tells ------------------------------------------------------------------------------------------------- */

struct bytes_of bench_big_bytes(const struct peak *all, const struct peak *half, const struct peak *few)
{
  double per_request = (all->bytes - half->bytes) / (all->requests - half->requests);
  double of_devices = all->bytes - few->bytes - per_request * (all->requests - few->requests);
  return (struct bytes_of){.device = of_devices / (all->devices - few->devices), .request = per_request};
}

static struct peak peak_of(const struct big_run *r)
{
  return (struct peak){r->peak_bytes, r->devices, (double)r->totals.requests};
}

static double us_a_request(const struct big_run *r) { return 1e6 * r->cpu_s / (double)r->totals.requests; }

static void tell_run(const struct big_world *w, const struct big_run *r, json *result)
{
  char path[64];
  const struct { const char *name; double value; } field[] = {
    {"requests", (double)r->totals.requests}, {"events", (double)r->totals.events}, {"wall_s", r->wall_s},
    {"events_per_s", (double)r->totals.events / r->cpu_s}, {"request_us", us_a_request(r)}, {"peak_bytes", r->peak_bytes}};
  for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
    snprintf(path, sizeof path, "big.%s.%.0f.%s", w->name, r->devices, field[i].name);
    json_put_path(result, path, json_number_value(field[i].value));
  }
}

static void print_run(const struct big_world *w, const struct big_run *r)
{
  printf("%-8s %9.0f %10llu %11llu %8.2f %12.4g %10.3f %9.1f\n", w->name, r->devices,
         (unsigned long long)r->totals.requests, (unsigned long long)r->totals.events, r->wall_s,
         (double)r->totals.events / r->cpu_s, us_a_request(r), r->peak_bytes / 1e6);
  fflush(stdout);
}

static bool tell(const struct big_world *w, const char *name, double value, double bar, const char *unit, bool as_json,
                 json *result)
{
  char path[64];
  bool missed = bench_missed(value, bar, LOWER);
  snprintf(path, sizeof path, "big.%s.%s", w->name, name);
  json_put_path(result, path, json_number_value(value));
  if (as_json) return missed;
  if (isnan(bar)) printf("%-34s %10.4g  %8s %-5s  %s\n", path, value, "-", "", unit);
  else printf("%-34s %10.4g  %8g %-5s  %s\n", path, value, bar, missed ? "MISS" : "ok", unit);
  return missed;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

/* A hundredth, a tenth, all; and all of them for half of the time. */
static bool measure_world(const struct big_world *w, double devices, bool as_json, struct big_run run[RUNS], json *result)
{
  static const double part[RUNS] = {0.01, 0.1, 1, 1}, minutes[RUNS] = {10, 10, 10, 5};
  for (int i = 0; i < RUNS; i++) {
    if (!measure(w, floor(devices * part[i] + 0.5), minutes[i], &run[i])) return false;
    if (minutes[i] < 10) continue;
    tell_run(w, &run[i], result);
    if (!as_json) print_run(w, &run[i]);
  }
  return true;
}

static bool tell_world(const struct big_world *w, const struct big_run run[RUNS], bool as_json, json *result)
{
  struct peak few = peak_of(&run[0]), all = peak_of(&run[2]), half = peak_of(&run[3]);
  struct bytes_of bytes = bench_big_bytes(&all, &half, &few);
  double growth = us_a_request(&run[2]) / us_a_request(&run[0]);
  bool full = run[2].devices >= 1e6, missed;            /* fewer have no bars: what a run has at all weighs too much */
  missed = tell(w, "bytes_per_device", bytes.device, full ? w->bar_bytes : (double)NAN,
                "bytes a device beyond what a run keeps of its requests", as_json, result);
  tell(w, "bytes_per_request", bytes.request, (double)NAN, "bytes kept of a request that is over", as_json, result);
  missed |= tell(w, "growth", growth, full ? 3 : (double)NAN, "CPU time a request, all devices against a hundredth", as_json,
                 result);
  missed |= tell(w, "cpu_s", run[2].cpu_s, full ? w->bar_s : (double)NAN, "CPU s, all devices", as_json, result);
  missed |= tell(w, "wall_s", run[2].wall_s, (double)NAN, "s, the same by the clock", as_json, result);
  return missed;
}

bool bench_big(double devices, bool as_json, bool *missed)
{
  struct big_run run[N_WORLDS][RUNS];
  json *result = json_new_object();
  bool ok = true;
  if (!as_json)
    printf("%-8s %9s %10s %11s %8s %12s %10s %9s\n", "world", "devices", "requests", "events", "wall s", "events/s",
           "us/request", "peak MB");
  for (int i = 0; i < N_WORLDS && ok; i++) ok = measure_world(&worlds[i], devices, as_json, run[i], result);
  if (ok && !as_json) putchar('\n');
  for (int i = 0; i < N_WORLDS && ok; i++) *missed |= tell_world(&worlds[i], run[i], as_json, result);
  if (ok && as_json) {
    char *text = json_write(result, true);
    puts(text);
    free(text);
  }
  json_release(result);
  return ok;
}

void bench_big_help(void)
{
  puts("\n--big: 10 simulated minutes of 10^6 devices (--devices N: of N), of a tenth and of a hundredth of them:");
  for (int i = 0; i < N_WORLDS; i++) printf("  %-22s %s\n", worlds[i].name, worlds[i].doc);
}
