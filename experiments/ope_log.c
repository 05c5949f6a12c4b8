#include "experiments/ope_log.h"
#include "analysis/store/record_hash.h"
#include "analysis/text.h"
#include "models/policy_host.h"
#include "sim/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the model of the reward may read ----------------------------------------------------------------------- */

/* Known attributes by name, time since the arrival, and per action the estimated latency and the queue. */
enum { PER_ACTION = 2, MAX_MODEL_ACTIONS = 24 };
struct layout { int n_attributes, n_actions; const char *name[MAX_ATTRIBUTES]; };

static int column_of(struct layout *l, const char *name)
{
  for (int i = 0; i < l->n_attributes; i++)
    if (strcmp(l->name[i], name) == 0)
      return i;
  if (l->n_attributes == MAX_ATTRIBUTES)
    return NONE;
  l->name[l->n_attributes] = name;
  return l->n_attributes++;
}

static struct layout layout_of(const struct world_def *d)
{
  struct layout l = {0};
  for (int c = 0; c < d->n_classes; c++) {
    for (int i = 0; i < d->klass[c].n_attributes; i++)
      if (d->klass[c].attribute[i].known == KNOWN_ARRIVAL)
        column_of(&l, d->klass[c].attribute[i].name);
    for (int t = 0; t < d->klass[c].n_tasks; t++)
      l.n_actions = d->klass[c].task[t].n_plans > l.n_actions ? d->klass[c].task[t].n_plans : l.n_actions;
  }
  if (l.n_actions > MAX_MODEL_ACTIONS)
    l.n_actions = MAX_MODEL_ACTIONS;
  return l;
}

static size_t width_of(const struct layout *l) { return (size_t)(l->n_attributes + 1 + PER_ACTION * l->n_actions); }

static void write_features(const struct world_def *d, struct layout *l, const struct decision_facts *f, double *x)
{
  const struct class_def *k = &d->klass[f->klass];
  for (size_t i = 0; i < width_of(l); i++)
    x[i] = NAN;
  for (int i = 0; i < k->n_attributes; i++)
    if (k->attribute[i].known == KNOWN_ARRIVAL) {
      int column = column_of(l, k->attribute[i].name);
      if (column != NONE)
        x[column] = f->attribute[i];
    }
  x[l->n_attributes] = f->elapsed_s;
  double *per_action = x + l->n_attributes + 1;
  for (int a = 0; a < f->n_actions && a < l->n_actions; a++) {
    per_action[PER_ACTION * a] = f->action[a].est_latency_s;
    per_action[PER_ACTION * a + 1] = f->action[a].queue;
  }
}

/* ---- one run ----------------------------------------------------------------------------------------------------- */

/* What the target said to a decision; what became of it. Both found by (request, nth). */
struct asked { uint64_t request, number; uint32_t nth, first_arm, n_actions; size_t target, x; };
struct told { uint64_t request; uint32_t nth, action; double propensity, reward; bool usable, censored, replaced; };
struct replay {
  const struct ope_world *world;
  struct ope_rows *rows;                                /* NULL: only the rewards are wanted */
  struct layout layout;
  struct hash hash;
  struct world *volatile at_work;                       /* watched */
  size_t n_asked, asked_room, n_told, told_room, x_room;
  struct asked *asked;
  struct told *told;
  double *x;
};

static void *more(void *old, size_t n, size_t *room, size_t size)
{
  if (n < *room)
    return old;
  *room = *room ? 2 * *room : 1024;
  return grab_more(old, *room, size);
}

static uint32_t first_arm_of(const struct world_def *d, int klass, int task)
{
  uint32_t arms = 0;
  for (int c = 0; c <= klass; c++)
    for (int t = 0; t < (c < klass ? d->klass[c].n_tasks : task); t++)
      arms += (uint32_t)(d->klass[c].task[t].n_plans > 0 ? d->klass[c].task[t].n_plans : 1);
  return arms;
}

static size_t all_arms(const struct world_def *d) { return first_arm_of(d, d->n_classes, 0); }

static void keep_target(struct ope_rows *rows, const struct decision_facts *f, const struct decision_result *shadow,
                        const double *distribution)
{
  for (int a = 0; a < f->n_actions; a++) {
    rows->target = more(rows->target, rows->n_target, &rows->target_room, sizeof *rows->target);
    rows->target[rows->n_target++] = distribution && !shadow->replaced ? distribution[a] : a == shadow->action;
  }
  rows->sampled |= !distribution && shadow->propensity < 1;
  rows->beyond |= shadow->n_fallbacks > 0 || shadow->hedge_action != NONE || shadow->timeout_s > 0;
}

static void on_seen(void *context, const struct decision_facts *f, const struct decision_result *taken,
                    const struct decision_result *shadow, const double *distribution)
{
  struct replay *r = context;
  const struct world_def *d = r->world->def;
  (void)taken;
  size_t width = width_of(&r->layout);
  r->asked = more(r->asked, r->n_asked, &r->asked_room, sizeof *r->asked);
  r->x = more(r->x, r->n_asked, &r->x_room, width * sizeof *r->x);
  write_features(d, &r->layout, f, r->x + r->n_asked * width);
  r->asked[r->n_asked] = (struct asked){f->request, f->decision_number, (uint32_t)f->decision,
    first_arm_of(d, f->klass, f->task), (uint32_t)f->n_actions, r->rows->n_target, r->n_asked * width};
  r->n_asked++;
  keep_target(r->rows, f, shadow, distribution);
}

static void on_decision(void *context, const struct decision_record *d)
{
  struct replay *r = context;
  bool known = isfinite(d->reward);
  r->hash = hash_sum(r->hash, hash_decision(d));
  if (!d->measured)
    return;
  r->told = more(r->told, r->n_told, &r->told_room, sizeof *r->told);
  r->told[r->n_told++] = (struct told){d->request, d->decision, d->action, d->propensity, d->reward,
                                       known && !d->replaced, !known, d->replaced};
}

static void on_request(void *context, const struct request_record *q, const double *attribute, int n_attributes)
{
  struct replay *r = context;
  r->hash = hash_sum(r->hash, hash_request(q, attribute, n_attributes));
}

static void on_attempt(void *context, const struct attempt_record *a)
{
  struct replay *r = context;
  r->hash = hash_sum(r->hash, hash_attempt(a));
}

static bool simulate(struct replay *r, const struct policy_def *policy, const struct run_shadow *shadow,
                     uint64_t replication, double *utilization, struct err *err)
{
  struct run_summary summary;
  const char *beside = shadow ? shadow->policy->name : NULL;
  contained_begin(r->world->contained, &r->at_work, "policy '%s'%s%s%s in replication %llu", policy->name,
                  beside ? " with '" : "", beside ? beside : "", beside ? "' asked beside it" : "",
                  (unsigned long long)replication);
  struct world *w = world_new(&(struct run_setup){.def = r->world->def, .policy = policy, .seed = r->world->seed,
    .replication = replication, .shadow = shadow,
    .sink = {.context = r, .request = on_request, .attempt = on_attempt, .decision = on_decision}}, err);
  r->at_work = w;
  bool ok = w && world_run(w, &summary, err);
  contained_end(r->world->contained);
  for (int i = 0; ok && i < summary.n_places; i++)
    if (isfinite(summary.place[i].utilization))
      utilization[i] += summary.place[i].utilization;
  if (w)
    world_free(w);
  return ok;
}

static void replay_free(struct replay *r)
{
  free(r->asked);
  free(r->told);
  free(r->x);
}

/* ---- joined ------------------------------------------------------------------------------------------------------ */

static int by_ids(uint64_t a, uint32_t a_nth, uint64_t b, uint32_t b_nth)
{
  return a != b ? (a > b) - (a < b) : (a_nth > b_nth) - (a_nth < b_nth);
}
static int by_asked(const void *a, const void *b)
{
  const struct asked *x = a, *y = b;
  return by_ids(x->request, x->nth, y->request, y->nth);
}
static int by_told(const void *a, const void *b)
{
  const struct told *x = a, *y = b;
  return by_ids(x->request, x->nth, y->request, y->nth);
}

static void add_row(struct ope_rows *rows, const struct replay *r, const struct asked *a, const struct told *t,
                    uint64_t replication)
{
  size_t width = width_of(&r->layout), had = rows->room;
  rows->row = more(rows->row, rows->n, &rows->room, sizeof *rows->row);
  if (rows->room != had) {
    rows->kept = grab_more(rows->kept, rows->room, sizeof *rows->kept);
    rows->x = grab_more(rows->x, rows->room, width * sizeof *rows->x);
  }
  bool again = rows->n && rows->kept[rows->n - 1].request == t->request
               && rows->kept[rows->n - 1].replication == replication;
  uint64_t before = rows->n ? rows->row[rows->n - 1].unit : 0;
  rows->several += again;
  rows->row[rows->n] = (struct ope_row){.arm = a->first_arm + t->action, .first_arm = a->first_arm,
    .n_actions = a->n_actions, .unit = r->world->by_run ? replication : again ? before : before + 1,
    .propensity = t->propensity, .reward = t->reward, .target_chosen = rows->target[a->target + t->action],
    .target = a->target};
  rows->kept[rows->n] = (struct ope_kept){replication, t->request, a->number, t->nth, t->action, t->reward};
  memcpy(rows->x + rows->n * width, r->x + a->x, width * sizeof *rows->x);
  rows->reward_sum += t->reward;
  rows->n++;
}

static void join(struct ope_rows *rows, struct replay *r, uint64_t replication)
{
  size_t at = 0;
  qsort(r->asked, r->n_asked, sizeof *r->asked, by_asked);
  qsort(r->told, r->n_told, sizeof *r->told, by_told);
  for (size_t i = 0; i < r->n_told; i++) {
    const struct told *t = &r->told[i];
    while (at < r->n_asked && by_ids(r->asked[at].request, r->asked[at].nth, t->request, t->nth) < 0)
      at++;
    sim_assert(at < r->n_asked && r->asked[at].request == t->request);
    rows->censored += t->censored;
    rows->replaced += t->replaced;
    if (t->usable)
      add_row(rows, r, &r->asked[at], t, replication);
  }
}

static int by_number(const void *a, const void *b)
{
  const struct ope_kept *x = a, *y = b;
  return (x->number > y->number) - (x->number < y->number);
}

/* Of the rows from `first` on, which are of one run, in the order of their decisions. */
static double correlation_of(const struct ope_rows *rows, size_t first)
{
  size_t n = rows->n - first;
  struct ope_kept *kept = grab(n, sizeof *kept);
  double *value = grab(n, sizeof *value);
  uint64_t *run = grab(n, sizeof *run);
  memcpy(kept, rows->kept + first, n * sizeof *kept);
  qsort(kept, n, sizeof *kept, by_number);
  for (size_t i = 0; i < n; i++)
    value[i] = kept[i].reward;
  double found = ope_autocorrelation(value, run, n);
  free(kept), free(value), free(run);
  return isfinite(found) ? found : 0;
}

struct ope_rows *ope_rows_new(const struct ope_world *w)
{
  struct ope_rows *rows = grab(1, sizeof *rows);
  rows->utilization = grab((size_t)w->def->n_places, sizeof *rows->utilization);
  rows->busiest = NONE;
  return rows;
}

void ope_rows_free(struct ope_rows *rows)
{
  if (!rows)
    return;
  free(rows->row), free(rows->kept), free(rows->x), free(rows->target), free(rows->utilization);
  free(rows);
}

bool ope_rows_add(struct ope_rows *rows, const struct ope_world *w, uint64_t replication, struct hash *hash,
                  struct err *err)
{
  struct replay r = {.world = w, .rows = rows, .layout = layout_of(w->def)};
  struct run_shadow shadow = {.policy = w->target, .context = &r, .seen = on_seen};
  size_t first = rows->n;
  bool ok = simulate(&r, w->logger, &shadow, replication, rows->utilization, err);
  *hash = r.hash;
  if (ok) {
    join(rows, &r, replication);
    rows->autocorrelation += correlation_of(rows, first);
    rows->runs++;
  }
  replay_free(&r);
  return ok;
}

void ope_rows_finish(struct ope_rows *rows, const struct ope_world *w)
{
  struct layout l = layout_of(w->def);
  rows->log = (struct ope_log){.n = rows->n, .row = rows->row, .target = rows->target, .n_features = width_of(&l),
                               .x = rows->x, .n_arms = all_arms(w->def)};
  rows->autocorrelation /= (double)rows->runs;
  for (int i = 0; i < w->def->n_places; i++) {
    rows->utilization[i] /= (double)rows->runs;
    if (rows->busiest == NONE || rows->utilization[i] > rows->max_utilization) {
      rows->busiest = i;
      rows->max_utilization = rows->utilization[i];
    }
  }
}

bool ope_truth_add(struct ope_truth *truth, const struct ope_world *w, uint64_t replication, struct err *err)
{
  struct replay r = {.world = w};
  double sum = 0;
  size_t n = 0;
  bool ok = simulate(&r, w->target, NULL, replication, truth->utilization, err);
  for (size_t i = 0; ok && i < r.n_told; i++)
    if (r.told[i].usable) {
      sum += r.told[i].reward;
      n++;
    }
  if (ok && n)
    truth->mean[truth->runs++] = sum / (double)n;
  truth->sum += sum;
  truth->rows += n;
  replay_free(&r);
  return ok;
}
