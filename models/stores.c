/* stores.c: reads and writes of a run (stores.h). A write is committed, and a read is done, when its service ends. The lag of
 * a write to a copy is drawn by (store, copy, request): the same under every policy.
 */
#include "models/stores.h"
#include "models/effects.h"
#include "models/internal.h"
#include "models/replica.h"

struct store {
  const struct store_def *def;
  struct copies *copies;
  unsigned n, *first;                                   /* copies; first[r]: of the r-th place of replicas */
  uint64_t name;
  sim_time *lag;                                        /* [n] scratch */
};
struct stores { int n; struct store *store; };

static unsigned count_copies(const struct world *w, const struct store_def *d, unsigned *first)
{
  unsigned n = 0;
  for (int r = 0; r < d->n_replicas; r++) first[r] = n, n += (unsigned)w->def->place[d->replica[r]].count;
  return n;
}

struct stores *stores_new(struct world *w)
{
  const struct world_def *d = w->def;
  if (!d->n_stores) return NULL;
  struct stores *s = arena_alloc(w->arena, sizeof *s);
  *s = (struct stores){d->n_stores, arena_array(w->arena, struct store, d->n_stores)};
  for (int i = 0; i < s->n; i++) {
    struct store *one = &s->store[i];
    *one = (struct store){.def = &d->store[i], .name = rng_name(d->store[i].name)};
    one->first = arena_array(w->arena, unsigned, one->def->n_replicas + 1);
    one->n = count_copies(w, one->def, one->first);
    one->lag = arena_array(w->arena, sim_time, one->n + 1);
    one->copies = copies_new(one->n, one->def->apply_s);
  }
  return s;
}

void stores_free(struct stores *s)
{
  for (int i = 0; s && i < s->n; i++) copies_free(s->store[i].copies);
}

/* ---- one access -------------------------------------------------------------------------------------------------- */

static void commit(struct world *w, struct store *s, uint64_t request, uint64_t item)
{
  for (unsigned k = 0; k < s->n; k++) {
    struct rng rng = rng_open(&w->root, STREAM_REPLICA, s->name + k, request);
    s->lag[k] = ns_from_s(dist_draw(s->def->lag_s, &rng));
  }
  copies_write(s->copies, item, sim_now(w->sim), s->lag);
  for (int r = 0; r < s->def->n_replicas; r++) {
    struct place_summary *p = &w->summary.place[s->def->replica[r]];
    unsigned end = r + 1 < s->def->n_replicas ? s->first[r + 1] : s->n;
    for (unsigned k = s->first[r]; k < end; k++) p->shown++, p->shown_s += s_from_ns(s->lag[k]);
  }
}

/* Which copy this is; false: none. */
static bool copy_at(const struct store *s, int place, uint32_t member, unsigned *copy)
{
  for (int r = 0; r < s->def->n_replicas; r++)
    if (s->def->replica[r] == place) return *copy = s->first[r] + member, true;
  return false;
}

static void no_copy(struct world *w, const struct attempt *a, const struct store *s)
{
  run_fails(w);
  err_add(w->err, (struct where){0}, "task %s ran at '%s', which has no copy of '%s'", task_of(w, a->request, a->task)->name,
          w->def->place[a->place].name, s->def->name);
}

void stores_on_served(struct world *w, struct attempt *a, const struct access_def *d)
{
  struct request *r = a->request;
  struct store *s = &w->effects->stores->store[d->store];
  uint64_t item = expr_name(&d->item, r->attribute);
  unsigned copy;
  if (d->writes) {
    commit(w, s, r->id, item);
    return;
  }
  bool original = a->place == s->def->primary;
  if (!original && !copy_at(s, a->place, a->member, &copy)) {
    no_copy(w, a, s);
    return;
  }
  bool stale = !original && copies_stale(s->copies, item, copy, sim_now(w->sim));
  r->attribute[d->stale] = stale;
  if (r->measured) w->summary.place[a->place].reads++, w->summary.place[a->place].stale_reads += stale;
}

double stores_quality(const struct request *r, const struct access_def *d)
{
  return !d->writes && r->attribute[d->stale] > 0 ? d->stale_quality : 1;
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

void stores_count(const struct world *w, const struct request *r, struct request_record *record)
{
  const struct class_def *k = w->klass[r->klass].def;
  for (int t = 0; t < k->n_tasks; t++) {
    const struct effect_def *e = k->task[t].effect;
    if (!e || !e->access || e->access->writes || !(r->done >> t & 1) || request_skipped(w, r, t)) continue;
    record->reads++;
    if (r->attribute[e->access->stale] > 0) record->stale_reads++;
  }
}
