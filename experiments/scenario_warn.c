/* scenario_warn.c: see scenario_warn.h. Ways are those without outages, from the first member of each place.
 *
 * Distance of an area from its cells: the largest over a grid of 65 x 65 points (17 x 17 with many members), borders included, of the least distance to
 * a member. Checkable: area 0 .. 8 km square, one cell in its middle: 4 sqrt(2) = 5.657 km.
 */
#include "experiments/scenario_warn.h"

#include "models/topology.h"
#include "models/policy_host.h"
#include "scenarios/build.h"
#include "scenarios/schema.h"
#include "scenarios/tree.h"
#include <math.h>
#include <string.h>

/* A cell reaches a few kilometres: beyond this it is more likely a slip of a unit. */
static const double FAR_M = 5000;

struct look {
  const struct scenario *s; const struct world_def *w; struct topology *topology; const uint32_t *columns; struct err *err;
  bool *crossed;                                        /* [n_links] by bytes */
};

static struct where where_of(const struct look *l, const char *list, int i)
{
  const struct node *all = node_get(l->s->tree, list);
  if (node_is(all, NODE_LIST) && (size_t)i < all->n) return all->child[i]->at;
  return (struct where){.file = l->s->path};
}

static struct where where_of_task(const struct look *l, const struct class_def *k, const struct task_def *t)
{
  const struct node *all = node_get(l->s->tree, "classes"), *klass = node_named(all, k->name);
  const struct node *task = klass ? node_named(node_get(klass, "pipeline"), t->name) : NULL;
  return task ? task->at : where_of(l, "classes", (int)(k - l->w->klass));
}

/* ---- ways -------------------------------------------------------------------------------------------------------- */

/* Where a plan leads from a device; false: nowhere. */
static bool end_of(const struct look *l, const struct class_def *k, struct endpoint origin, const struct plan_def *plan,
                   struct endpoint *at)
{
  if (plan->word == WORD_NEAREST) return topology_nearest(l->topology, origin, k->zones, 0, at);
  *at = plan->word == WORD_ORIGIN ? origin : (struct endpoint){(uint16_t)plan->place, 0};
  if (plan->word == WORD_MEMBER) at->member = (uint32_t)plan->member;
  return true;
}

static bool same(struct endpoint a, struct endpoint b) { return a.place == b.place && a.member == b.member; }

static bool leads(const struct look *l, struct endpoint from, struct endpoint to)
{
  return same(from, to) || route(l->topology, from, to, 0)->reachable;
}

static bool may_go(const struct look *l, const struct class_def *k, struct endpoint from, struct endpoint to)
{
  if (!(k->zones >> l->w->place[to.place].zone & 1) || !leads(l, from, to)) return false;
  return same(from, to) || !(route(l->topology, from, to, 0)->zones & ~k->zones);
}

static void cross(const struct look *l, struct endpoint from, struct endpoint to)
{
  if (same(from, to)) return;
  const struct route *way = route(l->topology, from, to, 0);
  for (int i = 0; way->reachable && i < way->n; i++) l->crossed[way->hop[i].link] = true;
}

/* ---- links without a rate ---------------------------------------------------------------------------------------- */

/* A plain 0 is no message. */
static bool has_bytes(const struct expr *e) { return e->n > 0 && !(e->reads == 0 && expr_value(e, NULL) <= 0); }

static void mark_task(const struct look *l, const struct class_def *k, const struct task_def *t, struct endpoint origin)
{
  struct endpoint at, next;
  for (int p = 0; p < t->n_plans; p++) {
    if (!end_of(l, k, origin, &t->plan[p], &at)) continue;
    if (!t->after && has_bytes(&k->input_bytes)) cross(l, origin, at);
    if (!has_bytes(&t->output_bytes)) continue;
    if (!t->before) cross(l, at, origin);
    for (uint32_t left = t->before; left; left &= left - 1) {
      const struct task_def *after = &k->task[__builtin_ctz(left)];
      for (int q = 0; q < after->n_plans; q++)
        if (end_of(l, k, origin, &after->plan[q], &next)) cross(l, at, next);
    }
  }
}

static void mark_crossed(const struct look *l)
{
  for (const struct class_def *k = l->w->klass; k < l->w->klass + l->w->n_classes; k++)
    for (int i = 0; i < k->n_from; i++)
      for (int t = 0; t < k->n_tasks; t++) mark_task(l, k, &k->task[t], (struct endpoint){(uint16_t)k->from[i], 0});
}

static void warn_of_rates(const struct look *l)
{
  const struct node *list = node_get(l->s->tree, "links");
  int n = node_is(list, NODE_LIST) ? (int)list->n : 0;
  for (int i = 0; i < n && i < l->w->n_links; i++) {
    const struct link_def *link = &l->w->link[i];
    if (link->up_byte_per_s > 0 || !l->crossed[i] || node_text_is(node_get(list->child[i], "rate"), "unlimited")) continue;
    err_warn(l->err, list->child[i]->at, "link %s has no rate: bytes take no time on it; add 'rate', or "
             "'rate: unlimited' where that is meant", link->name);
  }
}

/* ---- places without a way, tiers without a place ----------------------------------------------------------------- */

static enum tier tier_of(const struct look *l, const struct plan_def *plan)
{
  return plan->word == WORD_ORIGIN ? TIER_DEVICE : plan->word == WORD_NEAREST ? TIER_EDGE : l->w->place[plan->place].tier;
}

static void warn_of_way(const struct look *l, const struct class_def *k, const struct task_def *t, const struct plan_def *plan)
{
  struct endpoint at;
  if (plan->word != WORD_PLACE && plan->word != WORD_MEMBER) return;
  for (int i = 0; i < k->n_from; i++) {
    struct endpoint origin = {(uint16_t)k->from[i], 0};
    if (end_of(l, k, origin, plan, &at) && leads(l, origin, at)) return;
  }
  err_warn(l->err, where_of_task(l, k, t), "task %s of class %s: no way leads from %s to '%s', it will never run there", t->name,
           k->name, l->w->place[k->from[0]].name, l->w->place[plan->place].name);
}

static void warn_of_ways(const struct look *l, const struct class_def *k, const struct task_def *t)
{
  int told = NONE;
  for (int p = 0; p < t->n_plans && (!t->after || !t->before); p++)
    if (t->plan[p].place != told || t->plan[p].word < WORD_PLACE) {
      warn_of_way(l, k, t, &t->plan[p]);
      told = t->plan[p].word < WORD_PLACE ? told : t->plan[p].place;
    }
}

static bool tier_is_there(const struct look *l, const struct class_def *k, const struct task_def *t, int from, enum tier tier)
{
  struct endpoint origin = {(uint16_t)from, 0}, at;
  for (int p = 0; p < t->n_plans; p++) {
    int v = t->n_variants > 0 ? t->variant[t->plan[p].variant] : NONE;
    if (tier_of(l, &t->plan[p]) != tier || !end_of(l, k, origin, &t->plan[p], &at) || !may_go(l, k, origin, at)) continue;
    const struct place_def *place = &l->w->place[at.place];
    if (v == NONE || place->kind == PLACE_API || place->llm || !place->n_hardware || place_lacks_bytes(l->w, place, v) <= 0)
      return true;
  }
  return false;
}

/* The policies that are named after a tier, and what they take where it is not there. */
static const struct { const char *policy; enum tier tier[3]; } by_tier[] = {
  {"always_cloud", {TIER_CLOUD, TIER_EDGE, TIER_DEVICE}},
  {"always_edge", {TIER_EDGE, TIER_DEVICE, TIER_CLOUD}},
  {"always_local", {TIER_DEVICE, TIER_EDGE, TIER_CLOUD}}};

static void warn_of_tier(const struct look *l, const char *name, const enum tier tier[3], const struct class_def *k,
                         const struct task_def *t)
{
  static const char *const names[] = {"device", "edge", "cloud"};
  bool several = false;
  for (int p = 1; p < t->n_plans; p++) several |= tier_of(l, &t->plan[p]) != tier_of(l, &t->plan[0]);
  for (int i = 0; several && i < k->n_from; i++) {
    int n = 0;
    while (n < 3 && !tier_is_there(l, k, t, k->from[i], tier[n])) n++;
    if (n == 0 || n == 3) continue;
    err_warn(l->err, where_of_task(l, k, t), "%s: task %s of class %s has no place of tier %s that is allowed and can be reached: "
             "it goes to tier %s", name, t->name, k->name, names[tier[0]], names[tier[n]]);
    return;
  }
}

static void warn_of_tiers(const struct look *l, const struct class_def *k, const struct task_def *t)
{
  for (int i = 0; i < l->s->n_policies; i++)
    for (size_t n = 0; n < sizeof by_tier / sizeof *by_tier; n++)
      if (!l->s->policy[i].resolved_path && !strcmp(l->s->policy[i].policy, by_tier[n].policy))
        warn_of_tier(l, l->s->policy[i].name, by_tier[n].tier, k, t);
}

/* ---- work that no estimate can be made of ------------------------------------------------------------------------ */

/* Tasks that are done when this one is decided. */
static uint32_t done_before(const struct class_def *k, const struct task_def *t)
{
  uint32_t all = t->after;
  for (int i = k->n_tasks - 1; i >= 0; i--)             /* topological order */
    if (all >> i & 1) all |= k->task[i].after;
  return all;
}

/* The first attribute that the expression reads, and that is not known then; NULL: none. */
static const struct attribute_def *unknown_in(const struct class_def *k, const struct task_def *t, uint64_t reads)
{
  uint32_t done = done_before(k, t);
  for (int i = 0; i < k->n_attributes; i++) {
    const struct attribute_def *a = &k->attribute[i];
    bool known = a->known == KNOWN_ARRIVAL || a->estimator != ESTIMATE_NONE
                 || (a->known == KNOWN_AFTER_TASK && a->after_task >= 0 && done >> a->after_task & 1);
    if (reads >> i & 1 && !known) return a;
  }
  return NULL;
}

static uint64_t work_reads(const struct task_def *t)
{
  uint64_t reads = 0;
  for (int v = 0; v < (t->n_variants > 0 ? t->n_variants : 1); v++) {
    const struct work_def *w = &t->work[v];
    reads |= w->flop.reads | w->bytes.reads | w->tok_in.reads | w->tok_out.reads;
  }
  return reads;
}

static void warn_of_estimate(const struct look *l, const struct class_def *k, const struct task_def *t)
{
  static const char *const when[] = {"at arrival", "after another task", "at completion", "to an oracle"};
  const struct attribute_def *a = t->n_plans > 1 && t->work ? unknown_in(k, t, work_reads(t)) : NULL;
  const char *names = NULL;
  for (int i = 0; a && i < l->s->n_policies; i++)
    if (l->columns[i] & OFFSIM_COLUMN_LATENCY)
      names = names ? arena_printf(l->s->arena, "%s, %s", names, l->s->policy[i].name) : l->s->policy[i].name;
  if (names)
    err_warn(l->err, where_of_task(l, k, t), "%s: the work of task %s rests on %s, known %s only: no estimate of its latency; "
             "add 'estimator: {%s: ...}' to class %s", names, t->name, a->name, when[a->known], a->name, k->name);
}

/* ---- energy that is not known ------------------------------------------------------------------------------------ */

static bool asks_energy(const struct scenario *s)
{
  const char *p = s->primary ? s->primary : "";
  bool carbon = s->world.carbon != NULL;
  for (int i = 0; i < s->world.n_places; i++) carbon |= s->world.place[i].supply && s->world.place[i].supply->carbon;
  return carbon || s->world.objective.energy_per_j != 0 || strstr(p, "energy") || strstr(p, "carbon");
}

/* Hardware of which only the speed is known, such as a profile without energy counters. */
static bool draws_nothing(const struct world_def *w, const struct place_def *p)
{
  bool none = p->kind == PLACE_SERVERS && p->n_hardware > 0 && p->idle_w <= 0 && p->busy_w <= 0;
  for (int i = 0; none && i < p->n_hardware; i++) {
    const struct hardware_def *h = &w->hardware[p->hardware[i]];
    none = h->idle_w <= 0 && h->busy_w <= 0 && h->context_w <= 0 && !h->power;
  }
  return none;
}

static void warn_of_energy(const struct look *l)
{
  for (int i = 0; i < l->w->n_places && asks_energy(l->s); i++) {
    const struct place_def *p = &l->w->place[i];
    if (p->kind == PLACE_API)
      err_warn(l->err, where_of(l, "places", i), "places.%s: the energy of an API is not known: counted as 0 J and 0 g", p->name);
    else if (draws_nothing(l->w, p))
      err_warn(l->err, where_of(l, "places", i), "places.%s: nobody says what '%s' draws: counted as 0 J and 0 g; add 'idle_power' "
               "and 'busy_power' to the place", p->name, l->w->hardware[p->hardware[0]].name);
  }
}

/* ---- areas far from their cells ---------------------------------------------------------------------------------- */

static double nearest_m(const struct mobility_def *m, double x, double y)
{
  double least = INFINITY;
  for (uint32_t i = 0; i < m->n_sites; i++) least = fmin(least, hypot(x - m->x_m[i], y - m->y_m[i]));
  return least;
}

double area_beyond_m(const struct mobility_def *m)
{
  double most = 0;
  const int steps = m && m->n_sites > 2000 ? 16 : 64;
  if (!m || !m->x_m || !m->n_sites || m->walk.n_spots || m->walk.n_tracks || !(m->walk.width_m > 0)) return NAN;
  for (int i = 0; i <= steps; i++)
    for (int k = 0; k <= steps; k++)
      most = fmax(most, nearest_m(m, m->walk.left_m + m->walk.width_m * i / steps, m->walk.bottom_m + m->walk.height_m * k / steps));
  return most;
}

static void warn_of_areas(const struct look *l)
{
  for (int i = 0; i < l->w->n_places; i++) {
    const struct mobility_def *m = l->w->place[i].mobility;
    double most = area_beyond_m(m);
    if (most > FAR_M)
      err_warn(l->err, where_of(l, "places", i), "places.%s: its area reaches %.3g km from the nearest member of '%s'",
               l->w->place[i].name, most / 1e3, l->w->place[m->to].name);
  }
}

/* ---- what profiles are worth ------------------------------------------------------------------------------------- */

/* A load of so much a core as the calibration began; elapsed time over CPU time; so much stolen; a band wider than that. */
static const double BUSY_LOAD = 1.5, WAITS = 2, LOW_BAND = 0.75, HIGH_BAND = 1.33, STEAL_SHARE = 0.02;

static double number_of(const struct node *map, const char *key)
{
  const struct node *x = node_get(map, key);
  char why[UNITS_WHY];
  double value = NAN;
  return node_is(x, NODE_TEXT) && number_parse(x->text, Q_PURE, &value, why) ? value : NAN;
}

static const char *and_so(struct arena *a, const char *all, const char *more)
{
  return arena_printf(a, "%s%s%s", all, *all ? ", " : "", more);
}

/* "quick, load 5.99 on 2 cores": why the whole of it is worth less; "" where nothing is. */
static const char *doubts_of(struct arena *a, const struct node *measured)
{
  const struct node *unstable = node_get(measured, "unstable");
  double load = number_of(measured, "load"), cores = number_of(measured, "cores"), steal = number_of(measured, "steal_share");
  const char *all = node_text_is(node_get(measured, "quick"), "true") ? "quick" : "";
  if (load > BUSY_LOAD * fmax(cores, 1))
    all = and_so(a, all, arena_printf(a, "on a busy machine (load %.3g on %.0f cores)", load, fmax(cores, 1)));
  if (steal > STEAL_SHARE) all = and_so(a, all, arena_printf(a, "%.1f %% of the time was stolen by other guests", 100 * steal));
  const struct node *date = node_get(measured, "date");
  if (node_is(date, NODE_TEXT) && !tariff_date_valid(date->text))
    all = and_so(a, all, arena_printf(a, "its date '%.32s' is none: edited?", date->text));
  if (*all && node_is(unstable, NODE_LIST) && unstable->n)    /* alone it is in the bands */
    all = and_so(a, all, arena_printf(a, "%zu samples did not settle", unstable->n));
  return all;
}

static bool stands_on(const struct world_def *w, const struct place_def *p, int hardware)
{
  for (int i = 0; i < p->n_hardware; i++)
    if (&w->hardware[p->hardware[i]] == &w->hardware[hardware]) return true;
  return false;
}

static bool plan_uses(const struct look *l, const struct class_def *k, const struct task_def *t, const struct plan_def *plan,
                      const char *kernel, int hardware)
{
  const struct kernel_work *work = t->work ? t->work[plan->variant].kernel : NULL;
  if (!work || !work->at[hardware].measured || strcmp(work->kernel, kernel)) return false;
  for (int i = 0; i < l->w->n_places; i++)
    if (stands_on(l->w, &l->w->place[i], hardware) && build_leads_to(l->w, k, plan, i)) return true;
  return false;
}

/* May a task run by this cost? */
static bool used(const struct look *l, const char *kernel, int hardware)
{
  for (const struct class_def *k = l->w->klass; k < l->w->klass + l->w->n_classes; k++)
    for (const struct task_def *t = k->task; t < k->task + k->n_tasks; t++)
      for (int i = 0; i < t->n_plans; i++)
        if (plan_uses(l, k, t, &t->plan[i], kernel, hardware)) return true;
  return false;
}

/* "gemm_f32 -60 .. +153 %": of those that tasks use; any: is there one at all? */
static const char *wide_of(const struct look *l, int hardware, bool *any)
{
  const struct hardware_def *h = &l->w->hardware[hardware];
  const char *all = "";
  for (int i = 0; i < h->n_kernels; i++) {
    const struct kernel_cost *c = &h->kernel[i].cost;
    if (!used(l, c->kernel, hardware)) continue;
    *any = true;
    if (c->band_low < LOW_BAND || c->band_high > HIGH_BAND)
      all = and_so(l->s->arena, all, arena_printf(l->s->arena, "%s %.0f .. +%.0f %%", c->kernel, 100 * (c->band_low - 1),
                                                  100 * (c->band_high - 1)));
    if (h->kernel[i].wall_over_cpu > WAITS)
      all = and_so(l->s->arena, all, arena_printf(l->s->arena, "%s waits: %.3g times its CPU time passes", c->kernel,
                                                  h->kernel[i].wall_over_cpu));
  }
  return all;
}

static void warn_of_profiles(const struct look *l)
{
  for (int i = 0; i < l->w->n_hardware; i++) {
    const struct node *own = node_get(node_get(l->s->tree, "hardware"), l->w->hardware[i].name), *kernels = node_get(own, "kernels");
    bool any = false;
    const char *wide = wide_of(l, i, &any);
    const char *doubts = any && kernels && kernels->preset ? doubts_of(l->s->arena, kernels->preset->measured) : "";
    if (*doubts || *wide)
      err_warn(l->err, (struct where){.file = l->s->path}, "hardware %s: what it measured is not known well%s%s%s%s; intervals hold that "
               "with replications enough (docs/profiles.md)", l->w->hardware[i].name, *doubts ? ": " : "", doubts,
               *wide ? "; costs (between measured shapes within, 90 %): " : "", wide);
  }
}

void scenario_warn(const struct scenario *s, const uint32_t *columns, struct err *err)
{
  struct look l = {s, &s->world, topology_new(&s->world, err), columns, err,
                   arena_array(s->arena, bool, s->world.n_links + 1)};
  if (!l.topology) return;
  mark_crossed(&l);
  warn_of_rates(&l);
  for (const struct class_def *k = l.w->klass; k < l.w->klass + l.w->n_classes; k++)
    for (const struct task_def *t = k->task; t < k->task + k->n_tasks; t++) {
      warn_of_ways(&l, k, t);
      warn_of_tiers(&l, k, t);
      warn_of_estimate(&l, k, t);
    }
  warn_of_energy(&l);
  warn_of_areas(&l);
  warn_of_profiles(&l);
  topology_free(l.topology);
}
