/* `offsim validate flows LINKS.csv FLOWS.csv`: the flows of a file through models/maxmin.c, and what the file says of them.
 *
 * A flow starts, waits for the latencies of its links, which it pays once, and then shares their rates max-min fairly with
 * whoever flows at that moment. Agreement: every flow time (completion - start) within 0.1 % + 20 ns.
 */
#include "experiments/bench.h"
#include "experiments/options.h"
#include "experiments/validate/suites.h"
#include "models/maxmin.h"
#include "models/workload.h"
#include "sim/hash.h"
#include "sim/json.h"
#include <stdlib.h>
#include <string.h>

enum { ROUTE_MAX = 8, NEAR_MAX = 5000 };
static const double TOLERANCE = 1e-3, TOLERANCE_S = 20e-9, LATEST_S = 1e9;

static const char usage[] =
  "usage: offsim validate flows LINKS.csv FLOWS.csv [--format table|json]\n\n"
  "  LINKS.csv  link,bandwidth_bit_per_s,latency_s\n"
  "  FLOWS.csv  flow,start_s,bytes,route[,completion_s]   in order of start; route: 1 to 8 links, joined by ';'\n\n"
  "Flows over several links at once under max-min fairness, and their completions. With completion_s the largest\n"
  "deviation from it is told.\n"
  "exit codes: 0 every flow time (completion - start) within 0.1 % + 20 ns, or nothing to compare with; 1 some are not;\n"
  "2 mistake in the arguments or files; 3 a file cannot be read\n";

struct options { const char *links, *flows; bool json, help; };

struct flow {
  struct maxmin_flow flow;
  struct flow_run *run;
  const char *name;
  uint32_t link[ROUTE_MAX];
  int n;
  double start_s, latency_s, bytes, given_s;
  sim_time done;
};

/* Names to numbers: open addressing. */
struct names { const char *const *name; uint32_t *slot; uint64_t mask; };

struct flow_run {
  const struct table *links, *rows;
  bool given;                                           /* there is something to compare with */
  struct names link_of;
  struct flow *flow;
  struct sim *sim;
  struct maxmin *maxmin;
  uint64_t now, most;                                   /* flows at once */
  double cpu_s;
};

/* ---- arguments ----------------------------------------------------------------------------------------------------- */

static bool read_options(struct options *o, int argc, char **argv, struct err *e)
{
  static const char *const known[] = {"--format", "--help"};
  const struct where nowhere = {0};
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return o->help = true;
    if (!strcmp(argv[i], "--format")) {
      const char *format = ++i < argc ? argv[i] : "";
      o->json = !strcmp(format, "json");
      if (!o->json && strcmp(format, "table")) return err_add(e, nowhere, "--format is table or json, not '%s'", format);
    } else if (argv[i][0] == '-') {
      return options_unknown("validate flows", argv[i], known, 2, e);
    } else if (!o->links) {
      o->links = argv[i];
    } else if (!o->flows) {
      o->flows = argv[i];
    } else {
      return err_add(e, nowhere, "validate flows takes two files, not also '%s'", argv[i]);
    }
  }
  return o->flows || err_add(e, nowhere, "validate flows needs LINKS.csv and FLOWS.csv");
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

enum { LINK, BANDWIDTH, LATENCY, N_LINK };
enum { FLOW, START, BYTES, ROUTE, COMPLETION, N_FLOW };
static const struct table_column link_columns[N_LINK] = {{"link", true}, {"bandwidth_bit_per_s", false}, {"latency_s", false}};
static const struct table_column flow_columns[N_FLOW] = {
  {"flow", true}, {"start_s", false}, {"bytes", false}, {"route", true}, {"completion_s", false}};

static struct where cell(const char *file, const struct table *t, uint64_t row, int column)
{
  return (struct where){.file = file, .line = t->line[row], .column = t->at[column][row], .length = 1};
}

/* Which number has this name; `n` and a free place when none has. */
static uint32_t *name_slot(const struct names *names, const char *name, size_t length)
{
  uint64_t k = hash_bytes(name, length).lo & names->mask;
  for (; names->slot[k]; k = (k + 1) & names->mask) {
    const char *other = names->name[names->slot[k] - 1];
    if (!strncmp(other, name, length) && !other[length]) break;
  }
  return &names->slot[k];
}

/* Every name of the column, each once. */
static bool names_make(struct names *names, const char *file, const struct table *t, struct arena *a, struct err *e)
{
  bool good = true;
  for (names->mask = 1; names->mask < 2 * t->n; names->mask *= 2) {}
  names->slot = arena_array(a, uint32_t, names->mask--);
  names->name = t->text[0];
  for (uint64_t i = 0; i < t->n; i++) {
    const char *name = t->text[0][i];
    uint32_t *slot = name_slot(names, name, strlen(name));
    if (*slot) good = err_add(e, cell(file, t, i, 0), "'%s' stands in line %d already", name, t->line[*slot - 1]);
    else *slot = (uint32_t)i + 1;
  }
  return good;
}

static bool number_ok(const char *file, const struct table *t, const struct table_column *columns, uint64_t row, int column,
                      struct err *e)
{
  return t->number[column][row] >= 0 ||
         err_add(e, cell(file, t, row, column), "'%s' is negative: %g", columns[column].name, t->number[column][row]);
}

static bool check_links(const char *file, const struct table *t, struct err *e)
{
  for (uint64_t i = 0; i < t->n; i++) {
    number_ok(file, t, link_columns, i, BANDWIDTH, e);
    number_ok(file, t, link_columns, i, LATENCY, e);
    if (t->number[BANDWIDTH][i] == 0) err_add(e, cell(file, t, i, BANDWIDTH), "a link of 0 bit/s moves nothing");
    if (strchr(t->text[LINK][i], ';')) err_add(e, cell(file, t, i, LINK), "the name of a link has no ';'");
    if (t->number[LATENCY][i] > LATEST_S) err_add(e, cell(file, t, i, LATENCY), "'latency_s' is more than %g s", LATEST_S);
  }
  return !err_any(e);
}

static bool unknown_link(const struct flow_run *run, struct where at, const char *name, size_t length, struct err *e)
{
  char word[128];
  snprintf(word, sizeof word, "%.*s", (int)length, name);
  const char *near = run->links->n > NEAR_MAX ? NULL : nearest(word, run->link_of.name, run->links->n);
  return err_add(e, at, "unknown link '%s'%s%s%s", word, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool add_link(const struct flow_run *run, struct flow *f, struct where at, const char *name, size_t length,
                     struct err *e)
{
  at.length = length ? (int)length : 1;
  if (!length) return err_add(e, at, "a route is names of links joined by ';', and here is none");
  uint32_t link = *name_slot(&run->link_of, name, length);
  if (!link) return unknown_link(run, at, name, length, e);
  for (int i = 0; i < f->n; i++)
    if (f->link[i] == link - 1) return err_add(e, at, "the route crosses '%.*s' twice", (int)length, name);
  if (f->n == ROUTE_MAX) return err_add(e, at, "a route has %d links at most", ROUTE_MAX);
  f->link[f->n++] = link - 1;
  f->latency_s += run->links->number[LATENCY][link - 1];
  return true;
}

static bool read_route(const struct flow_run *run, struct flow *f, struct where at, const char *route, struct err *e)
{
  for (const char *name = route;;) {
    size_t length = strcspn(name, ";");
    struct where here = at;
    here.column += (int)(name - route);
    if (!add_link(run, f, here, name, length, e)) return false;
    if (!name[length]) return true;
    name += length + 1;
  }
}

static void read_flow(struct flow_run *run, const char *file, uint64_t i, struct err *e)
{
  const struct table *t = run->rows;
  struct flow *f = &run->flow[i];
  *f = (struct flow){.run = run, .name = t->text[FLOW][i], .start_s = t->number[START][i], .bytes = t->number[BYTES][i],
                     .given_s = run->given ? t->number[COMPLETION][i] : NAN, .done = SIM_NEVER};
  for (int c = START; c < t->n_columns; c++)
    if (c != ROUTE) number_ok(file, t, flow_columns, i, c, e);
  if (f->start_s > LATEST_S) err_add(e, cell(file, t, i, START), "'start_s' is later than %g s", LATEST_S);
  double back_s = i > 0 ? t->number[START][i - 1] - f->start_s : 0;
  if (back_s > 0) err_add(e, cell(file, t, i, START), "time goes back by %g s: flows stand in order of start", back_s);
  read_route(run, f, cell(file, t, i, ROUTE), t->text[ROUTE][i], e);
}

static bool read_files(struct flow_run *run, const struct options *o, struct arena *a, struct err *e)
{
  bool has[N_FLOW] = {0};
  if (!table_header(o->flows, TRACE_CSV, flow_columns, N_FLOW, has, e)) return false;
  run->given = has[COMPLETION];
  run->links = table_load(o->links, TRACE_CSV, link_columns, N_LINK, a, e);
  run->rows = table_load(o->flows, TRACE_CSV, flow_columns, run->given ? N_FLOW : N_FLOW - 1, a, e);
  if (!run->links || !run->rows || !check_links(o->links, run->links, e)) return false;
  struct names flow_of;
  if (!names_make(&run->link_of, o->links, run->links, a, e) || !names_make(&flow_of, o->flows, run->rows, a, e)) return false;
  run->flow = arena_array(a, struct flow, run->rows->n);
  for (uint64_t i = 0; i < run->rows->n && e->n_errors < 20; i++) read_flow(run, o->flows, i, e);
  return !err_any(e);
}

/* ---- flowing ------------------------------------------------------------------------------------------------------- */

static void on_flows(struct sim *sim, void *subject)
{
  (void)sim;
  struct flow *f = subject;
  struct flow_run *run = f->run;
  maxmin_join(run->maxmin, &f->flow, f->link, f->n, f->bytes);
  if (++run->now > run->most) run->most = run->now;
}

static void on_done(struct sim *sim, void *context, struct maxmin_flow *flow)
{
  holder_of(flow, struct flow, flow)->done = sim_now(sim);
  ((struct flow_run *)context)->now--;
}

static void flow_all(struct flow_run *run)
{
  double before = cpu_time_ns();
  run->sim = sim_new();
  run->maxmin = maxmin_new(run->sim, on_done, run);
  for (uint64_t k = 0; k < run->links->n; k++) maxmin_link(run->maxmin, run->links->number[BANDWIDTH][k] / 8);
  for (uint64_t i = 0; i < run->rows->n; i++) {
    struct flow *f = &run->flow[i];
    sim_at(run->sim, ns_from_s(f->start_s + f->latency_s), PRIORITY_ARRIVE, on_flows, f);
  }
  sim_run(run->sim, SIM_NEVER);
  maxmin_free(run->maxmin);
  sim_free(run->sim);
  run->cpu_s = (cpu_time_ns() - before) / NS_PER_S;
}

/* ---- verdict ------------------------------------------------------------------------------------------------------- */

struct verdict { double worst_s, worst_share; const struct flow *worst, *worst_by_share; uint64_t beyond, unfinished; };

static double done_s(const struct flow *f) { return f->done == SIM_NEVER ? NAN : s_from_ns(f->done); }

static void judge(struct verdict *v, const struct flow *f)
{
  if (f->done == SIM_NEVER) {
    v->unfinished++;
    return;
  }
  double off = fabs(done_s(f) - f->given_s), given = f->given_s - f->start_s;
  if (!(off <= TOLERANCE * fmax(given, 0) + TOLERANCE_S)) v->beyond++;
  if (!v->worst || off > v->worst_s) {
    v->worst_s = off;
    v->worst = f;
  }
  double share = off > 0 ? off / fmax(given, 0) : 0;
  if (!v->worst_by_share || share > v->worst_share) {
    v->worst_share = share;
    v->worst_by_share = f;
  }
}

static void print_text(const struct flow_run *run, const struct verdict *v)
{
  puts(run->given ? "flow,start_s,completion_s,given_s" : "flow,start_s,completion_s");
  for (uint64_t i = 0; i < run->rows->n; i++) {
    const struct flow *f = &run->flow[i];
    printf("%s,%.12g,%#.12g", f->name, f->start_s, done_s(f));
    if (run->given) printf(",%#.12g", f->given_s);
    putchar('\n');
  }
  printf("flows              %llu over %llu links, %llu at once at most, %.3g CPU s\n", (unsigned long long)run->rows->n,
         (unsigned long long)run->links->n, (unsigned long long)run->most, run->cpu_s);
  if (v->unfinished) printf("unfinished         %llu\n", (unsigned long long)v->unfinished);
  if (!run->given) return;
  if (v->worst)
    printf("largest deviation  %.3g s (%s); of the flow time %.3g (%s)\n", v->worst_s, v->worst->name, v->worst_share,
           v->worst_by_share->name);
  printf("beyond 0.1 %% + 20 ns  %llu\n%s\n", (unsigned long long)v->beyond, v->beyond || v->unfinished ? "DIFFERS" : "agrees");
}

static void print_json(const struct flow_run *run, const struct verdict *v)
{
  json *all = json_new_object(), *list = json_new_array();
  for (uint64_t i = 0; i < run->rows->n; i++) {
    const struct flow *f = &run->flow[i];
    json *one = json_put_string(json_new_object(), "flow", f->name);
    json_put_number(json_put_number(one, "start_s", f->start_s), "completion_s", done_s(f));
    json_push(list, run->given ? json_put_number(one, "given_s", f->given_s) : one);
  }
  json_put(all, "flows", list);
  json_put_int(json_put_int(all, "links", (int64_t)run->links->n), "at_once", (int64_t)run->most);
  json_put_int(json_put_number(all, "cpu_s", run->cpu_s), "unfinished", (int64_t)v->unfinished);
  if (run->given) {
    json_put_int(all, "beyond", (int64_t)v->beyond);
    json_put_number(json_put_number(all, "largest_deviation_s", v->worst_s), "largest_deviation_rel", v->worst_share);
    json_put_string(all, "largest_deviation_flow", v->worst ? v->worst->name : NULL);
    json_put_bool(all, "agrees", !v->beyond && !v->unfinished);
  }
  char *text = json_write(all, true);
  puts(text);
  free(text);
  json_release(all);
}

static int answer(const struct flow_run *run, bool as_json)
{
  struct verdict v = {0};
  for (uint64_t i = 0; i < run->rows->n; i++) judge(&v, &run->flow[i]);
  if (!run->given) v.beyond = 0;
  if (as_json) print_json(run, &v);
  else print_text(run, &v);
  return v.beyond || v.unfinished ? EXIT_NEGATIVE : EXIT_OK;
}

int validate_flows(int argc, char **argv)
{
  struct options o = {0};
  struct flow_run run = {0};
  struct err e;
  struct arena *a = arena_new();
  int code = EXIT_OK;
  err_init(&e);
  if (read_options(&o, argc, argv, &e) && o.help) {
    fputs(usage, stdout);
  } else if (!err_any(&e) && read_files(&run, &o, a, &e)) {
    flow_all(&run);
    code = answer(&run, o.json);
  }
  if (err_any(&e)) {
    err_print(&e, stderr, false);
    code = (int)e.code;
  }
  err_release(&e);
  arena_free(a);
  return code;
}
