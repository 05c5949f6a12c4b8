/* bench.c: `offsim bench`: speed in CPU time on one core, against the bars that the project set itself. */
#include "experiments/bench.h"
#include "experiments/commands.h"
#include "sim/check.h"
#include "sim/err.h"
#include "sim/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_BAR NAN

/* A dotted name is a nested object in JSON. */
static const struct row { const char *name; bench_fn *measure; double bar, stretch; enum better better; const char *unit; }
rows[] = {
  {"lindley_ns", bench_lindley, NO_BAR, NO_BAR, LOWER, "ns a customer"},
  {"mm1_ns", bench_mm1, 60, 45, LOWER, "ns a customer"},
  {"mm1_wait_rel_error", bench_mm1_wait_error, 0.02, 0.02, LOWER, "of 9 / mu"},
  {"hold_ns.1000", bench_hold_1e3, 55, 45, LOWER, "ns a hold"},
  {"hold_ns.100000", bench_hold_1e5, 110, 75, LOWER, "ns a hold"},
  {"hold_ns.1000000", bench_hold_1e6, 150, 90, LOWER, "ns a hold"},
  {"draw_ns.exponential", bench_draw_exponential, 5, 5, LOWER, "ns a draw"},
  {"draw_ns.normal", bench_draw_normal, 5, 5, LOWER, "ns a draw"},
  {"draw_ns.lognormal", bench_draw_lognormal, 10, 10, LOWER, "ns a draw"},
  {"draw_fresh_ns", bench_draw_fresh, 20, 20, LOWER, "ns a draw"},
  {"mallocs_per_event", bench_mallocs_per_event, 0, 0, LOWER, "an event"},
  {"request_ns", bench_request_ns, 1000, 500, LOWER, "ns a request, three tiers, three trace tables"},
  {"request_bytes", bench_request_bytes, 400, 200, LOWER, "bytes a request in flight"},
  {"decision_ns.host", bench_decision_host, 60, 40, LOWER, "ns a decision with its outcome, of a policy that does nothing"},
  {"decision_ns.threshold", bench_decision_threshold, 100, 60, LOWER, "ns a decision with its outcome"},
  {"decision_ns.linucb8", bench_decision_linucb8, 500, 300, LOWER, "ns the same, 8 dimensions, 4 actions"},
  {"worker_speedup", bench_worker_speedup, 1.9, 1.9, HIGHER, "two workers against one"},
  {"trace_rows_per_s", bench_trace_rows_per_s, 2.5e6, 2.5e6, HIGHER, "rows a second, three tables"},
  {"llm_iterations_per_s.batch4", bench_llm_batch4, 10e6, 10e6, HIGHER, "LLM engine iterations a second"},
  {"llm_iterations_per_s.batch36", bench_llm_batch36, 2e6, 2e6, HIGHER, "LLM engine iterations a second"},
  {"azure_conv_hour_s", bench_azure_conv_hour, 0.5, 0.5, LOWER, "CPU s, the hour on two LLM engines"},
  {"flow_update_ns.10", bench_flow_update_10, 2000, 1000, LOWER, "ns a flow that begins or ends, 10 at once over two links each"},
  {"flow_update_ns.100", bench_flow_update_100, 40e3, 10e3, LOWER, "ns the same, 100 at once"},
  {"flow_update_ns.1000", bench_flow_update_1000, 600e3, 100e3, LOWER, "ns the same, 1000 at once"},
  {"flow_update_ns.10000", bench_flow_update_10000, 8e6, 1e6, LOWER, "ns the same, 10^4 at once"},
  {"flow_update_growth.100", bench_flow_growth_100, 20, 10, LOWER, "times an update of 10 flows; n log n: 20"},
  {"flow_update_growth.1000", bench_flow_growth_1000, 300, 100, LOWER, "the same, 1000 at once; n log n: 300"},
  {"flow_update_growth.10000", bench_flow_growth_10000, 4000, 1000, LOWER, "the same, 10^4 at once; n log n: 4000"},
  {"flows_one_link_5000_s", bench_flows_one_link_5000, 0.1, 0.01, LOWER, "CPU s, 5000 flows over one link, half of them at once"},
  {"flows_one_link_10000_s", bench_flows_one_link_10000, 0.5, 0.02, LOWER, "CPU s, 10^4 flows over one link, half of them at once"},
  {"cache_ns.1000", bench_cache_1e3, 150, 60, LOWER, "ns a request to a cache with so many answers, half of them found"},
  {"cache_ns.10000", bench_cache_1e4, 200, 80, LOWER, "ns the same"},
  {"cache_ns.100000", bench_cache_1e5, 500, 200, LOWER, "ns the same"},
  {"cache_ns.1000000", bench_cache_1e6, 1000, 400, LOWER, "ns the same"},
  {"cache_growth.1000000", bench_cache_growth, 20, 10, LOWER, "times a request to 1000 answers; a search: 1000"},
  {"route_ns.100", bench_route_100, 20, 10, LOWER, "ns a way asked for again, 100 nodes, 4 states of outages"},
  {"route_ns.1000", bench_route_1000, 40, 20, LOWER, "ns the same, 1000 nodes"},
  {"route_ns.10000", bench_route_10000, 80, 40, LOWER, "ns the same, 10^4 nodes"},
  {"route_tree_us.100", bench_route_tree_100, 100, 50, LOWER, "us a new state of outages and a way in it, 100 nodes"},
  {"route_tree_us.1000", bench_route_tree_1000, 1500, 700, LOWER, "us the same, 1000 nodes"},
  {"route_tree_us.10000", bench_route_tree_10000, 20e3, 10e3, LOWER, "us the same, 10^4 nodes"},
  {"study_plan_100k_s", bench_study_plan, 2, 1, LOWER, "CPU s, 10^5 points of 9 policies"},
  {"sweep_overhead_ms", bench_sweep_overhead, 2, 1.5, LOWER, "CPU ms a run beyond the run: fork, build, journal, catalogue"},
  {"sweep_again_10k_s", bench_sweep_again, 1, 0.5, LOWER, "s, a finished study of 10^4 runs again"},
  {"status_100k_s", bench_status, 0.3, 0.1, LOWER, "s, status of 10^5 runs"},
  {"merge_rows_per_s", bench_merge, 0.5e6, 1e6, HIGHER, "metric rows a CPU second"},
  {"python_decisions_per_s", bench_python_decisions, 100e3, 200e3, HIGHER, "decisions with outcomes a CPU second, both processes"},
  {"trace_bytes_per_row", bench_trace_bytes_per_row, NO_BAR, NO_BAR, LOWER, "bytes a row"},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* ---- measuring ------------------------------------------------------------------------------------------------- */

double cpu_time_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(int repetitions, double (*once)(void *), void *subject)
{
  double values[31];
  sim_assert(repetitions >= 1 && repetitions <= 31);
  for (int i = 0; i < repetitions; i++)
    values[i] = once(subject);
  qsort(values, (size_t)repetitions, sizeof *values, compare_doubles);
  return values[repetitions / 2];
}

bool bench_missed(double value, double bar, enum better better)
{
  return better == LOWER ? value > bar : value < bar;
}

/* ---- command --------------------------------------------------------------------------------------------------- */

struct options { bool json, help, big; const char *only; double devices; };

static const char *const option_names[] = {"--format", "--only", "--big", "--devices", "--help"};
enum { N_OPTIONS = sizeof option_names / sizeof *option_names };
static const double FEWEST_DEVICES = 1e4, MOST_DEVICES = 1e8;

static bool read_format(struct options *o, const char *format, struct err *e)
{
  o->json = format && strcmp(format, "json") == 0;
  if (o->json || (format && strcmp(format, "table") == 0))
    return true;
  return err_add(e, (struct where){0}, "--format is 'table' or 'json'%s%s", format ? ", not " : "", format ? format : "");
}

static bool selected(const struct options *o, const struct row *r)
{
  size_t n = o->only ? strlen(o->only) : 0;
  return !o->only || (strncmp(r->name, o->only, n) == 0 && (r->name[n] == '\0' || r->name[n] == '.'));
}

static bool read_only(struct options *o, const char *name, struct err *e)
{
  const char *names[N_ROWS];
  o->only = name;
  for (int i = 0; i < N_ROWS; i++) {
    names[i] = rows[i].name;
    if (name && selected(o, &rows[i]))
      return true;
  }
  if (!name)
    return err_add(e, (struct where){0}, "--only needs the name of a measurement");
  const char *near = nearest(name, names, N_ROWS);
  return err_add(e, (struct where){0}, "no measurement '%s'%s%s%s", name, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
}

static bool read_devices(struct options *o, const char *text, struct err *e)
{
  char *end = NULL;
  o->devices = text ? strtod(text, &end) : 0;
  if (text && end != text && !*end && o->devices >= FEWEST_DEVICES && o->devices <= MOST_DEVICES) return true;
  return err_add(e, (struct where){0}, "--devices needs a number from %g to %g%s%s", FEWEST_DEVICES, MOST_DEVICES,
                 text ? ", not " : "", text ? text : "");
}

static bool options_agree(const struct options *o, struct err *e)
{
  if (o->devices > 0 && !o->big) err_add(e, (struct where){0}, "--devices is for --big");
  if (o->only && o->big) err_add(e, (struct where){0}, "--only chooses among measurements, --big makes others");
  return !err_any(e);
}

static bool read_options(struct options *o, int argc, char **argv, struct err *e)
{
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--help") == 0) {
      o->help = true;
    } else if (strcmp(argv[i], "--format") == 0) {
      read_format(o, value, e);
      i++;
    } else if (strcmp(argv[i], "--only") == 0) {
      read_only(o, value, e);
      i++;
    } else if (strcmp(argv[i], "--big") == 0) {
      o->big = true;
    } else if (strcmp(argv[i], "--devices") == 0) {
      read_devices(o, value, e);
      i++;
    } else {
      const char *near = nearest(argv[i], option_names, N_OPTIONS);
      err_add(e, (struct where){0}, "bench: unknown argument '%s'%s%s%s", argv[i], near ? "; did you mean '" : "",
              near ? near : "", near ? "'?" : "");
    }
  }
  return options_agree(o, e);
}

static void print_help(void)
{
  puts("usage: offsim bench [--format table|json] [--only NAME]\n"
       "       offsim bench --big [--devices N] [--format table|json]\n\n"
       "Measures the speed of the engine in CPU time on one core and compares it with the bars.\n"
       "Exit code 1 when a bar is missed.\n\nmeasurements:");
  for (int i = 0; i < N_ROWS; i++)
    printf("  %-22s %s\n", rows[i].name, rows[i].unit);
  bench_big_help();
}

static void print_row(const struct row *r, double value)
{
  printf("%-22s %12.5g  ", r->name, value);
  if (isnan(r->bar))
    printf("%8s %8s  %-5s", "-", "-", "");
  else
    printf("%8g %8g  %-5s", r->bar, r->stretch,
           isnan(value) ? "n/a" : bench_missed(value, r->bar, r->better) ? "MISS" : "ok");
  printf("  %s\n", r->unit);
  fflush(stdout);
}

static json *measure_selected(const struct options *o, bool *missed)
{
  json *result = json_new_object();
  if (!o->json)
    printf("%-22s %12s  %8s %8s\n", "measurement", "value", "bar", "stretch");
  for (int i = 0; i < N_ROWS; i++) {
    if (!selected(o, &rows[i]))
      continue;
    double value = rows[i].measure();
    *missed |= bench_missed(value, rows[i].bar, rows[i].better);
    json_put_path(result, rows[i].name, json_number_value(value));
    if (!o->json)
      print_row(&rows[i], value);
  }
  return result;
}

int cmd_bench(int argc, char **argv)
{
  struct err e;
  struct options o = {0};
  bool missed = false, ran = true;
  err_init(&e);
  if (!read_options(&o, argc, argv, &e)) {
    err_print(&e, stderr, false);
  } else if (o.help) {
    print_help();
  } else if (o.big) {
    ran = bench_big(o.devices > 0 ? o.devices : 1e6, o.json, &missed);
  } else {
    json *result = measure_selected(&o, &missed);
    char *text = json_write(result, true);
    if (o.json)
      puts(text);
    free(text);
    json_release(result);
  }
  int code = err_any(&e) ? (int)e.code : !ran ? EXIT_SYSTEM : missed ? EXIT_NEGATIVE : EXIT_OK;
  err_release(&e);
  return code;
}
