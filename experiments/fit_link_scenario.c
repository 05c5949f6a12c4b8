/* fit_link_scenario.c: does a scenario come to the same decisions over the fitted link as over the measured one? It is run with
 * `trace` on one of its links, once for each trace, and with the model's own key and `variability` there; then the ratios of
 * missed deadlines and the ranks of its policies stand side by side.
 *
 * Two policies are told apart by the traces when the 95 % interval (Student) of their paired difference does not hold 0: over
 * traces where there are three, else over replications. Check: differences .1, .2, .3 of three traces: .2 +- .248, not told
 * apart; .19, .2, .21: .2 +- .0248, told apart.
 */
#include "experiments/fit_link.h"
#include "experiments/run_ask.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNIT_FILES = 3, SETS_MAX = 8, REPLICATIONS_MAX = 10000 };
#define CONFIDENCE 0.95
#define SAME 1e-12                                      /* ratios no further apart are equal */

/* One set of runs: x[policy][replication]. */
struct batch { struct link_trial *trial; double *x; size_t room, missing; };

/* ---- which link --------------------------------------------------------------------------------------------------- */

static bool is_of_device(const struct world_def *w, const struct link_def *l)
{
  return w->place[l->a].tier == TIER_DEVICE || w->place[l->b].tier == TIER_DEVICE;
}

/* As asked, or the only one with a device at an end. */
static const char *choose_link(const struct scenario *s, const char *asked, struct err *e)
{
  const struct world_def *w = &s->world;
  const char **names = grab((size_t)w->n_links + 1, sizeof *names), *found = NULL;
  size_t of_devices = 0;
  for (int i = 0; i < w->n_links; i++) {
    names[i] = w->link[i].name;
    bool fits = asked ? !strcmp(asked, names[i]) : is_of_device(w, &w->link[i]);
    of_devices += fits;
    if (fits)
      found = names[i];
  }
  const char *near = asked && !found ? nearest(asked, names, (size_t)w->n_links) : NULL;
  free(names);
  if (asked && !found)
    err_add(e, (struct where){.file = s->path}, "fit-link: no link '%s'%s%s%s", asked, near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "");
  else if (of_devices != 1)
    err_add(e, (struct where){.file = s->path}, "fit-link: %zu links have a device at an end; --link says which one", of_devices);
  return err_any(e) ? NULL : found;
}

/* ---- what is set --------------------------------------------------------------------------------------------------- */

struct settings { struct arena *arena; const char *link; struct override set[SETS_MAX]; size_t n; };

static void set_key(struct settings *s, const char *key, const char *value)
{
  s->set[s->n++] = (struct override){arena_printf(s->arena, "links.%s.%s", s->link, key), value};
}

/* Without what the measurement stands for. */
static struct settings bare_link(struct arena *a, const char *link, bool rtt)
{
  struct settings s = {.arena = a, .link = link};
  static const char *const keys[2][4] = {{"rate", "variability", "trace"}, {"latency", "rtt", "variability", "trace"}};
  for (int i = 0; i < 4 && keys[rtt][i]; i++)
    set_key(&s, keys[rtt][i], "null");
  return s;
}

static const char *absolute(const char *file, struct arena *a)
{
  char path[PATH_MAX];
  return realpath(file, path) ? arena_strdup(a, path) : file;
}

static void put_file(struct text *t, const char *before, const char *file, struct arena *a)
{
  text_put(t, before);
  link_put_quoted(t, absolute(file, a));
}

static const char *trace_value(const struct link_study *s, const struct link_trial_def *d, size_t k, struct arena *a)
{
  struct text t = {0};
  bool each = d->up_file && s->kind != LINK_RTT;
  put_file(&t, s->kind == LINK_RTT ? "{rtt: " : each ? "{capacity: {down: " : "{capacity: ", d->file[k], a);
  if (each)
    put_file(&t, ", up: ", d->up_file[k], a);
  text_put(&t, each ? "}" : "");
  text_add(&t, "%s", s->kind == LINK_THROUGHPUT ? ", as: capacity" : "");
  if (d->column && !each) {
    text_put(&t, ", column: ");
    link_put_quoted(&t, d->column);
  }
  text_add(&t, ", gaps: %s}", d->gaps ? d->gaps : "refuse");
  const char *value = arena_strdup(a, t.s);
  free(t.s);
  return value;
}

static void set_model(struct settings *s, const struct link_model *m, const struct rate_model *up)
{
  struct text own = {0}, varies = {0};
  link_model_keys(m, up, &own, &varies);
  set_key(s, m->rtt ? "latency" : "rate", arena_strdup(s->arena, own.s));
  if (varies.n > 0)
    set_key(s, "variability", arena_strdup(s->arena, varies.s));
  free(own.s);
  free(varies.s);
}

/* ---- runs ----------------------------------------------------------------------------------------------------------- */

static double missed(const struct catalog_run *r)
{
  for (size_t i = 0; i < r->n_metrics; i++)
    if (!strcmp(r->metric[i].metric, "slo_attainment") && !*r->metric[i].klass && !*r->metric[i].place)
      return 1 - r->metric[i].value;
  return NAN;
}

static void on_run(void *context, const char *policy, const struct catalog_run *r)
{
  struct batch *b = context;
  for (size_t p = 0; p < b->trial->n; p++)
    if (!strcmp(b->trial->policy[p], policy) && r->replication < b->room)
      b->x[p * b->room + r->replication] = missed(r);
}

static bool run_batch(const struct link_trial_def *d, const struct settings *s, struct batch *b, int *code, struct err *e)
{
  struct run_told told;
  char replications[32];
  snprintf(replications, sizeof replications, "%zu", b->room);
  struct run_ask ask = {.file = d->scenario, .set = s->set, .n_sets = s->n, .replications = replications, .seed = d->seed,
    .dir = d->dir, .workers = (int)sysconf(_SC_NPROCESSORS_ONLN), .quiet = true};
  *code = run_ask(&ask, on_run, b, &told, e);
  return *code == EXIT_OK;
}

/* ---- comparison ------------------------------------------------------------------------------------------------------ */

struct samples { size_t units; double *x; };            /* [policy][unit] */

/* Traces by their mean, or each replication. */
static struct samples units_of(const double *x, size_t policies, size_t files, size_t replications)
{
  size_t merge = files >= UNIT_FILES ? replications : 1, units = files * replications / merge;
  struct samples s = {units, grab(policies * units, sizeof(double))};
  for (size_t p = 0; p < policies; p++)
    for (size_t f = 0; f < files; f++)
      for (size_t r = 0; r < replications; r++)
        s.x[p * units + (f * replications + r) / merge] += x[(f * policies + p) * replications + r] / (double)merge;
  return s;
}

static void rank(const struct interval *of, size_t n, int *out)
{
  for (size_t p = 0; p < n; p++) {
    out[p] = 1;
    for (size_t q = 0; q < n; q++)
      out[p] += of[q].value < of[p].value - SAME;
  }
}

static void compare(struct link_trial *t, const struct samples *raw, const struct samples *model)
{
  for (size_t p = 0; p < t->n; p++) {
    t->raw[p] = interval_t(raw->x + p * raw->units, raw->units, CONFIDENCE);
    t->model[p] = interval_t(model->x + p * model->units, model->units, CONFIDENCE);
  }
  rank(t->raw, t->n, t->rank_raw);
  rank(t->model, t->n, t->rank_model);
  t->same = t->same_where_told = true;
  for (size_t p = 0; p < t->n; p++)
    for (size_t q = 0; q < t->n; q++) {
      struct interval d = interval_paired_t(raw->x + p * raw->units, raw->x + q * raw->units, raw->units, CONFIDENCE);
      bool *turned = &t->turned[p * t->n + q], *told = &t->told[p * t->n + q];
      double apart[] = {t->raw[p].value - t->raw[q].value, t->model[p].value - t->model[q].value};
      *turned = fmin(fabs(apart[0]), fabs(apart[1])) > SAME && apart[0] * apart[1] < 0;
      *told = p != q && isfinite(d.lo) && isfinite(d.hi) && (d.lo > 0 || d.hi < 0);
      t->same &= t->rank_raw[p] == t->rank_model[p];
      t->same_where_told &= !(*turned && *told);
    }
}

static void open_trial(struct link_trial *t, const struct scenario *s, const struct link_trial_def *d, struct arena *a)
{
  size_t n = t->n = (size_t)s->n_policies;
  t->scenario = arena_strdup(a, s->name);
  t->files = d->n;
  t->replications = d->replications ? strtoull(d->replications, NULL, 10) : s->replications;
  t->policy = arena_array(a, const char *, n);
  for (size_t p = 0; p < n; p++)
    t->policy[p] = arena_strdup(a, s->policy[p].name);
  t->raw = arena_array(a, struct interval, n);
  t->model = arena_array(a, struct interval, n);
  t->rank_raw = arena_array(a, int, n);
  t->rank_model = arena_array(a, int, n);
  t->turned = arena_array(a, bool, n * n);
  t->told = arena_array(a, bool, n * n);
}

static bool has_deadlines(const struct scenario *s, struct err *e)
{
  for (int i = 0; i < s->world.n_classes; i++)
    if (s->world.klass[i].slo_e2e_s > 0 || s->world.klass[i].slo_ttft_s > 0 || s->world.klass[i].slo_tpot_s > 0)
      return true;
  return err_add(e, (struct where){.file = s->path}, "fit-link: no class has a deadline ('slo') that could be missed");
}

static bool run_all(const struct link_study *s, const struct link_model *m, const struct link_trial_def *d, struct arena *a,
                    struct link_trial *t, int *code, struct err *e)
{
  size_t each = t->n * t->replications;
  double *x = grab((d->n + 1) * each, sizeof *x);
  bool good = true;
  for (size_t k = 0; good && k <= d->n; k++) {
    struct settings set = bare_link(a, t->link, s->kind == LINK_RTT);
    struct batch b = {.trial = t, .x = x + k * each, .room = t->replications};
    for (size_t i = 0; i < each; i++)
      b.x[i] = NAN;
    if (k < d->n)
      set_key(&set, "trace", trace_value(s, d, k, a));
    else
      set_model(&set, m, d->up);
    good = run_batch(d, &set, &b, code, e);
    for (size_t i = 0; good && i < each; i++)
      if (isnan(b.x[i]))
        good = err_add(e, (struct where){.file = d->scenario}, "fit-link: policy '%s' has a run without any request that has a deadline",
                       t->policy[i / t->replications]);
  }
  if (good) {
    struct samples raw = units_of(x, t->n, d->n, t->replications), model = units_of(x + d->n * each, t->n, 1, t->replications);
    compare(t, &raw, &model);
    free(raw.x);
    free(model.x);
  }
  free(x);
  return good;
}

bool link_trial_run(const struct link_study *s, const struct link_model *m, const struct link_trial_def *d, struct arena *a,
                    struct link_trial *t, int *code, struct err *e)
{
  *t = (struct link_trial){0};
  struct scenario *scenario = scenario_load(d->scenario, NULL, 0, e);
  const char *link = scenario && has_deadlines(scenario, e) ? choose_link(scenario, d->link, e) : NULL;
  if (link) {
    t->link = arena_strdup(a, link);
    open_trial(t, scenario, d, a);
  }
  scenario_free(scenario);
  if (!link)
    return false;
  if (t->replications < 2 || t->replications > REPLICATIONS_MAX)
    return err_add(e, (struct where){0}, "fit-link: --replications: from 2 to %d, not %zu", REPLICATIONS_MAX, t->replications);
  fprintf(stderr, "fit-link: %zu runs of %s: %zu policies, %zu replications, %zu traces and the model, on link %s\n",
          (d->n + 1) * t->n * t->replications, d->scenario, t->n, t->replications, d->n, t->link);
  return run_all(s, m, d, a, t, code, e);
}

/* ---- telling --------------------------------------------------------------------------------------------------------- */

static void print_turned(const struct link_trial *t)
{
  const char *between = "";
  for (size_t p = 0; p < t->n; p++)
    for (size_t q = 0; q < p; q++)
      if (t->turned[p * t->n + q]) {
        printf("%s%s and %s changed places%s", between, t->policy[q], t->policy[p],
               t->told[p * t->n + q] ? "" : " (no further apart than chance)");
        between = ", ";
      }
  puts(*between ? "" : "two are equal on one side");
}

void link_trial_print(const struct link_trial *t)
{
  printf("\nDecisions of %s with link %s over %zu %s and over the model, %zu replications each (deadlines missed, 95 %%)\n",
         t->scenario, t->link, t->files, t->files == 1 ? "trace" : "traces", t->replications);
  struct table *table = table_new(5);
  const char *const head[] = {"policy", "missed, trace", "missed, model", "rank, trace", "rank, model"};
  for (int i = 0; i < 5; i++)
    table_cell(table, "%s", head[i]);
  table_rule(table);
  for (size_t p = 0; p < t->n; p++) {
    table_cell(table, "%s", t->policy[p]);
    table_cell(table, "%s", interval_text(t->raw[p], "+-").s);
    table_cell(table, "%s", interval_text(t->model[p], "+-").s);
    table_cell(table, "%d", t->rank_raw[p]);
    table_cell(table, "%d", t->rank_model[p]);
  }
  table_print(table, stdout, 1);
  if (t->same) {
    puts("Same ranking");
    return;
  }
  fputs(t->same_where_told ? "Same ranking of all that the traces tell apart; " : "The rankings differ: ", stdout);
  print_turned(t);
}

static json *interval_json(struct interval i)
{
  json *j = json_new_object();
  json_put_number(j, "value", i.value);
  json_put_number(j, "lo", i.lo);
  return json_put_number(j, "hi", i.hi);
}

json *link_trial_json(const struct link_trial *t)
{
  json *j = json_new_object(), *policies = json_new_array();
  json_put_string(j, "scenario", t->scenario);
  json_put_string(j, "link", t->link);
  json_put_int(j, "traces", (int64_t)t->files);
  json_put_int(j, "replications", (int64_t)t->replications);
  for (size_t p = 0; p < t->n; p++) {
    json *one = json_new_object();
    json_put_string(one, "policy", t->policy[p]);
    json_put(one, "miss_ratio_trace", interval_json(t->raw[p]));
    json_put(one, "miss_ratio_model", interval_json(t->model[p]));
    json_put_int(one, "rank_trace", t->rank_raw[p]);
    json_push(policies, json_put_int(one, "rank_model", t->rank_model[p]));
  }
  json_put(j, "policies", policies);
  json_put_bool(j, "same_ranking_where_told", t->same_where_told);
  return json_put_bool(j, "same_ranking", t->same);
}
