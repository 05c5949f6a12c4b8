/* effects.c: conditions of tasks, what is left out by them, and the kinds of effects (effects.h).
 *
 * Checkable: two tasks of 1 s, the second with `when: 0`: the request takes 1 s, and the first one's output goes to the user.
 */
#include "models/effects.h"
#include "models/cached.h"
#include "models/internal.h"
#include "models/pack.h"
#include "models/recall.h"
#include "models/stores.h"
#include "models/transform.h"

/* ---- what follows from the definition ---------------------------------------------------------------------------- */

static bool has_when(const struct task_def *t) { return t->effect && t->effect->when.n > 0; }
static bool has_ends(const struct task_def *t) { return t->effect && t->effect->ends.n > 0; }

/* Could all that comes after it be skipped, but for what nobody waits for? In `open`, bits of later tasks for which that is so. */
static bool all_may_go(const struct task_def *task, int n, uint32_t before, uint32_t open)
{
  for (int s = 0; s < n; s++)
    if (before >> s & 1 && !task[s].asynchronous && !(has_when(&task[s]) && open >> s & 1)) return false;
  return true;
}

void effects_link(struct class_def *c, struct task_def *task)
{
  uint32_t open = 0;
  c->produced = 0;
  c->conditional = false;
  for (int i = 0; i < c->n_attributes; i++) c->produced |= (uint64_t)c->attribute[i].produced << i;
  for (int i = c->n_tasks - 1; i >= 0; i--) {           /* topological order */
    bool may_go = all_may_go(task, c->n_tasks, task[i].before, open);
    open |= (uint32_t)may_go << i;
    task[i].may_end = has_ends(&task[i]) || (task[i].before && may_go && !task[i].asynchronous);
    task[i].inputs_vary = false;
    for (int p = 0; p < i; p++) task[i].inputs_vary |= task[i].after >> p & 1 && has_when(&task[p]);
    c->conditional |= has_when(&task[i]);
  }
}

/* All before it, and all before those. */
uint32_t effects_done_by(const struct class_def *c, int task)
{
  uint32_t all = c->task[task].after;
  for (int i = task - 1; i >= 0; i--)
    if (all >> i & 1) all |= c->task[i].after;
  return all;
}

/* Who starts on a flow knows what its source knew, no more; who waits for an end knows all that the source's end needed. */
uint32_t effects_done_before(const struct class_def *c, int task)
{
  uint32_t done = 0;
  for (int p = 0; p < task; p++) {
    if (!(c->task[task].after >> p & 1)) continue;
    if (c->task[p].stream && c->task[p].successor_starts_on_first) done |= effects_done_before(c, p);
    else done |= 1u << p | effects_done_by(c, p);
  }
  return done;
}

bool effects_may_leave_out(const struct class_def *c, int task)
{
  if (has_when(&c->task[task])) return true;
  for (int e = 0; e < c->n_tasks; e++)
    if (e != task && has_ends(&c->task[e]) && !(effects_done_by(c, e) >> task & 1)) return true;
  return false;
}

/* ---- conditions -------------------------------------------------------------------------------------------------- */

static bool holds(struct world *w, const struct request *r, const struct task_def *t, const char *which,
                  const struct expr *e)
{
  double x = expr_value(e, r->attribute);
  if (!isnan(x)) return x != 0;
  run_fails(w);
  err_add(w->err, (struct where){ 0 }, "class '%s', task %s: '%s' is neither true nor false for request %llu",
          w->klass[r->klass].def->name, t->name, which, (unsigned long long)r->id);
  return false;
}

bool effect_wanted(struct world *w, const struct request *r, int task)
{
  const struct task_def *t = task_of(w, r, task);
  return !has_when(t) || holds(w, r, t, "when", &t->effect->when);
}

void effect_left_out(struct world *w, struct request *r, int task)
{
  const struct effect_def *e = task_of(w, r, task)->effect;
  for (int i = 0; i < e->n_produced; i++) r->attribute[e->produced[i].attribute] = e->produced[i].otherwise;
}

/* ---- what a skipped task passes on ------------------------------------------------------------------------------- */

bool request_skipped(const struct world *w, const struct request *r, int task)
{
  return r->done >> task & 1 && request_outputs(w, (struct request *)r)[task].place == PLACE_SKIPPED;
}

uint64_t request_inputs_past(const struct world *w, const struct request *r, int task)
{
  uint32_t after = task_of(w, r, task)->after;
  uint64_t inputs = after ? 0 : UINT64_C(1) << FROM_DEVICE;
  for (uint32_t left = after; left; left &= left - 1) {
    int from = __builtin_ctz(left);
    inputs |= request_skipped(w, r, from) ? request_inputs_past(w, r, from) : UINT64_C(1) << from;
  }
  return inputs;
}

uint32_t request_followers(const struct world *w, const struct request *r, int task)
{
  uint32_t before = task_of(w, r, task)->before, all = before;
  if (!w->klass[r->klass].def->conditional) return before;
  for (uint32_t left = before; left; left &= left - 1) {
    int s = __builtin_ctz(left);
    if (request_skipped(w, r, s)) all |= request_followers(w, r, s);
  }
  return all;
}

/* With this task done, will all that comes after it be skipped? Then its output is the user's. */
static bool is_last_now(struct world *w, const struct request *r, int task)
{
  const struct class_def *k = w->klass[r->klass].def;
  uint32_t done = r->done | 1u << task, reached = k->task[task].before;
  for (int s = task + 1; s < k->n_tasks; s++) {         /* topological order */
    const struct task_def *t = &k->task[s];
    if (!(reached >> s & 1) || t->asynchronous) continue;
    if (!has_when(t) || t->after & ~done || r->begun >> s & 1 || effect_wanted(w, r, s)) return false;
    done |= 1u << s;
    reached |= t->before;
  }
  return true;
}

/* ---- the hooks --------------------------------------------------------------------------------------------------- */

void effect_on_served(struct world *w, struct attempt *a, bool repeats)
{
  struct request *r = a->request;
  const struct task_def *t = task_of(w, r, a->task);
  const struct effect_def *e = t->effect;
  a->ends = a->to_user = false;
  if (e && e->done) r->attribute[e->done] = 1;
  if (e && e->recall) recall_on_served(w, a, e->recall);
  if (e && e->pack) pack_on_served(a, e->pack);
  if (e && e->cache) cached_on_served(w, a, e->cache);
  if (e && e->transform) transform_on_served(w, a, e->transform);
  if (e && e->access) stores_on_served(w, a, e->access);
  if (e && e->n_produced > 0 && !demand_made(w, r, t)) return;
  if (repeats) return;
  a->ends = has_ends(t) && holds(w, r, t, "ends", &e->ends);
  a->to_user = a->ends || (t->may_end && t->before && is_last_now(w, r, a->task));
}

double effect_quality(const struct world *w, const struct request *r, int task)
{
  const struct effect_def *e = task_of(w, r, task)->effect;
  double factor = 1;
  if (e->recall) factor *= recall_quality(r, e->recall);
  if (e->cache) factor *= cached_quality(r, e->cache);
  if (e->transform) factor *= transform_quality(r, e->transform);
  if (e->access) factor *= stores_quality(r, e->access);
  return factor;
}

double effect_expected_quality(const struct task_def *t, int variant, const double *visible)
{
  const struct effect_def *e = t->effect;
  double factor = 1;
  if (e->recall) factor *= recall_expected_quality(e->recall, t, variant, visible);
  if (e->transform) factor *= transform_expected_quality(e->transform, variant, visible);
  return factor;
}

void effects_record(const struct world *w, const struct request *r, struct request_record *record)
{
  if (w->effects->cached) cached_count(w, r, record);
  if (w->effects->stores) stores_count(w, r, record);
}

void effects_on_settled(struct world *w, struct request *r, enum status status)
{
  if (w->effects->cached) cached_on_settled(w, r, status);
}

/* ---- the state of a run ------------------------------------------------------------------------------------------ */

void task_effects_new(struct world *w)
{
  struct task_effects own = {.cached = cached_new(w), .stores = stores_new(w)};
  if (!own.cached && !own.stores) return;
  w->effects = arena_alloc(w->arena, sizeof *w->effects);
  *w->effects = own;
}

void task_effects_free(struct world *w)
{
  if (!w->effects) return;
  cached_free(w, w->effects->cached);
  stores_free(w->effects->stores);
}

void task_effects_close(struct world *w)
{
  if (w->effects && w->effects->cached) cached_close(w);
}
