/* cmd_check.c: `offsim check FILE [--resolved|--links]`: every problem of a scenario, or the effective scenario as JSON, or
 * each link that there is, those of topologies too. */
#include "analysis/text.h"
#include "experiments/commands.h"
#include "experiments/plan.h"
#include "experiments/scenario_check.h"
#include "experiments/scenario_warn.h"
#include "models/graph.h"
#include "scenarios/scenario.h"
#include "scenarios/tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments { const char *file; bool resolved, links; size_t n; struct override override[256]; };

static bool parse_set(struct arguments *a, char *text, struct err *err)
{
  char *equals = strchr(text, '=');
  if (!equals || a->n == sizeof a->override / sizeof *a->override)
    return err_add(err, (struct where){.file = "--set"}, "expected PATH=VALUE, found '%.200s'", text);
  *equals = '\0';
  a->override[a->n++] = (struct override){text, equals + 1};
  return true;
}

static bool parse(struct arguments *a, int argc, char **argv, struct err *err)
{
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--resolved"))
      a->resolved = true;
    else if (!strcmp(argv[i], "--links"))
      a->links = true;
    else if (!strcmp(argv[i], "--set") && i + 1 < argc)
      (void)!parse_set(a, argv[++i], err);
    else if (argv[i][0] == '-' && argv[i][1])
      err_add(err, (struct where){0}, "check: unknown option '%s'; options: --resolved, --links, --set PATH=VALUE", argv[i]);
    else if (a->file)
      err_add(err, (struct where){0}, "check: one file, not '%s' as well", argv[i]);
    else
      a->file = argv[i];
  }
  if (!a->file && !err_any(err))
    err_add(err, (struct where){0}, "check: which file? offsim check FILE [--resolved|--links] [--set PATH=VALUE]");
  return !err_any(err);
}

/* Which workload a run would take. */
static void print_workloads(const struct scenario *s)
{
  for (int i = 0; i < s->world.n_classes; i++) {
    const struct arrivals_def *a = &s->world.klass[i].arrivals;
    if (a->trace && a->trace->file)
      printf("class %s: trace %s\n", s->world.klass[i].name, a->trace->file);
    else if (a->trace && a->like)
      printf("class %s: the trace %s was not found; its fit %s runs instead\n", s->world.klass[i].name, a->trace->asked,
             a->like->name);
  }
}

static bool is_asked_for(const struct world_def *w, int variant)
{
  for (const struct class_def *k = w->klass; k < w->klass + w->n_classes; k++)
    for (const struct task_def *t = k->task; t < k->task + k->n_tasks; t++)
      for (int v = 0; v < t->n_variants; v++)
        if (t->variant[v] == variant) return true;
  return false;
}

/* Variants that a place could serve but for its memory. */
static void print_masked(const struct world_def *w)
{
  for (const struct place_def *p = w->place; p < w->place + w->n_places; p++)
    for (int v = 0; v < w->n_variants && !p->offers && p->n_hardware > 0 && !p->llm; v++) {
      double lacks = place_lacks_bytes(w, p, v);
      if (lacks > 0 && is_asked_for(w, v))
        printf("place %s: %s is masked, its memory is %.3g GB too small\n", p->name, w->variant[v].name, lacks / 1e9);
    }
}

/* All shortest ways, for as many nodes as take seconds. */
enum { DIAMETER_NODES = 3000 };

static void print_topology(const struct world_def *w, const struct topology_note *t)
{
  printf("topology %s: %s, %d nodes (", t->name, t->kind, t->n_nodes);
  for (int i = 0; i < t->n_levels; i++)
    printf("%s%llu %s", i ? ", " : "", (unsigned long long)w->place[t->place[i]].count,
           w->place[t->place[i]].name + strlen(t->name) + 1);
  printf("), %d links, %s", t->n_links, t->n_parts == 1 ? "connected" : "");
  if (t->n_parts > 1) printf("in %d parts", t->n_parts);
  if (t->n_nodes <= DIAMETER_NODES) {
    struct graph *g = graph_new(t->n_nodes, t->n_links, t->from, t->to, false);
    printf(", diameter %.0f hops, %.4g ms", graph_diameter(g, NULL), 1e3 * graph_diameter(g, t->latency_s));
    graph_free(g);
  }
  printf("\n");
}

/* Where the members of a place stand, the first ones. */
static void print_sites(const struct world_def *w, const struct place_def *p)
{
  const struct place_def *at = &w->place[p->spread->at];
  printf("place %s: at %s", p->name, at->name);
  for (uint64_t i = 0; i < p->count && i < 8; i++)
    if (at->spread->label) printf("%s %s", i ? "," : "", at->spread->label[p->spread->at_member[i]]);
    else printf("%s %u", i ? "," : "", p->spread->at_member[i]);
  printf("%s\n", p->count > 8 ? ", ..." : "");
}

static void print_topologies(const struct scenario *s)
{
  for (int i = 0; i < s->n_topologies; i++) print_topology(&s->world, &s->topology[i]);
  for (const struct place_def *p = s->world.place; s->n_topologies && p < s->world.place + s->world.n_places; p++)
    if (p->spread && p->spread->at != NONE) print_sites(&s->world, p);
}

static void print_areas(const struct world_def *w)
{
  for (const struct place_def *p = w->place; p < w->place + w->n_places; p++)
    if (!isnan(area_beyond_m(p->mobility)))
      printf("place %s: at most %.3g km from the nearest member of %s\n", p->name, area_beyond_m(p->mobility) / 1e3,
             w->place[p->mobility->to].name);
}

static void rate_cell(struct table *t, double byte_per_s)
{
  if (isfinite(byte_per_s) && byte_per_s > 0) table_cell(t, "%.5g", 8e-6 * byte_per_s);
  else table_cell(t, "no limit");
}

/* By the names that `changes` and `--set` take; latency: mean of one way. */
static void print_links(const struct world_def *w)
{
  static const char *const head[] = {"link", "from", "to", "latency, ms", "up, Mbit/s", "down, Mbit/s"};
  enum { COLUMNS = sizeof head / sizeof *head };
  struct table *t = table_new(COLUMNS);
  for (int i = 0; i < COLUMNS; i++) table_cell(t, "%s", head[i]);
  table_rule(t);
  for (const struct link_def *l = w->link; l < w->link + w->n_links; l++) {
    table_cell(t, "%s", l->name);
    table_cell(t, "%s", w->place[l->a].name);
    table_cell(t, "%s", w->place[l->b].name);
    table_cell(t, "%.4g", l->latency_s ? 1e3 * dist_mean(l->latency_s) : 0);
    rate_cell(t, l->up_byte_per_s);
    rate_cell(t, l->down_byte_per_s);
  }
  table_print(t, stdout, 3);
}

/* Profiles that were found; of the others stand_ins() warns. */
static void print_profiles(const struct scenario *s)
{
  for (int i = 0; i < s->n_files; i++)
    if (!strcmp(s->file[i].kind, "profile")) printf("profile %s: read from %s\n", s->file[i].asked, s->file[i].path);
}

/* Presets that run in place of a profile, where it is asked for. */
static void stand_ins(const struct scenario *s, struct err *err)
{
  const struct node *hardware = node_get(s->tree, "hardware");
  for (int i = 0; i < s->n_sources; i++) {
    const struct source_note *note = &s->source[i];
    if (strcmp(note->kind, "hardware") || strcmp(note->key, "profile")) continue;
    const struct node *asked = node_get(node_get(hardware, note->preset), "profile");
    err_warn(err, asked ? asked->at : (struct where){.file = s->path}, "hardware %s: %s", note->preset, note->source);
  }
}

static void print_summary(const struct scenario *s)
{
  int estimates = 0;
  for (int i = 0; i < s->n_sources; i++)
    estimates += !strcmp(s->source[i].grade, "E");
  printf("%s: ok: %d places, %d links, %d classes, %d policies, %llu replications\n", s->path, s->world.n_places,
         s->world.n_links, s->world.n_classes, s->n_policies, (unsigned long long)s->replications);
  print_profiles(s);
  print_workloads(s);
  print_topologies(s);
  print_areas(&s->world);
  print_masked(&s->world);
  if (estimates)
    printf("%d of %d numbers from presets are engineering estimates (grade E)\n", estimates, s->n_sources);
}

/* A study: its text, the scenario, every level of every factor, some points. */
static void check_study(const struct arguments *a, struct err *err)
{
  struct study_file *f = NULL;
  struct plan *p = NULL;
  if (a->n || a->resolved || a->links)
    err_add(err, (struct where){.file = a->file}, "this is a study; --set, --resolved and --links are for scenarios");
  else if ((f = study_file_read(a->file, err)) && (p = plan_new(f, err)))
    printf("%s: ok: study %s: %d factors, %llu points, %d policies, %llu replications\n", a->file, f->name,
           p->n_factors, (unsigned long long)p->n_points, p->n_policies, (unsigned long long)p->replications);
  plan_free(p);
  study_file_free(f);
}

static void check_scenario(const struct arguments *a, struct err *err)
{
  struct scenario *s = scenario_load(a->file, a->override, a->n, err);
  if (s) stand_ins(s, err);
  if (s && scenario_check(s, err) && a->resolved) {
    char *text = json_write(s->resolved, true);
    printf("%s\n", text);
    free(text);
  } else if (s && !err_any(err)) {
    if (a->links) print_links(&s->world);
    else print_summary(s);
  }
  scenario_free(s);
}

int cmd_check(int argc, char **argv)
{
  struct arguments a = {0};
  struct err err;
  err_init(&err);
  if (parse(&a, argc, argv, &err) && study_file_is(a.file))
    check_study(&a, &err);
  else if (!err_any(&err))
    check_scenario(&a, &err);
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  int code = err_any(&err) ? (int)err.code : EXIT_OK;
  err_release(&err);
  return code;
}
