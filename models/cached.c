/* cached.c: look-ups in caches of answers, and what puts answers into them (cached.h).
 *
 * With s = `same` of this request and v uniform in (0, 1), both its own and the same for every policy, threshold and size:
 * the nearest of n others is more similar than x with probability 1 - F(x)^n (F: cdf of `other`; n = 1 where `other` is
 * of the nearest one itself). False hit: v >= F(s)^n where its own item is there with s >= threshold, else v >= P(other <
 * threshold)^n; hit: it is there, and s >= threshold. A false hit is no use of the entry that it found.
 * Checkable: same uniform on 0 .. 1, other constant 0, threshold .7, all items there: hit ratio .3; other uniform on 0 .. 1,
 * nothing of its own there, threshold .7: false hits .3, or 1 - .7^n with `each` and n entries.
 */
#include "models/cached.h"
#include "models/exposure.h"
#include <stdlib.h>

/* of[place][member], made when somebody looks; [place] NULL: nobody has. */
struct store { const struct cache_def *def; struct answers ***of; };
struct cached { int n; struct store *store; struct pool *fills; };
/* An answer on its way into a cache. */
struct fill { struct answers *to; uint64_t item; struct answer answer; double kinds[]; };    /* of data: [n_data] */

static const struct cache_def *cache_of(const struct task_def *t) { return t->effect ? t->effect->cache : NULL; }

/* ---- the stores ------------------------------------------------------------------------------------------------- */

static int count_stores(const struct world_def *def)
{
  int n = 0;
  for (const struct class_def *k = def->klass; k < def->klass + def->n_classes; k++)
    for (const struct task_def *t = k->task; t < k->task + k->n_tasks; t++)
      if (cache_of(t) && cache_of(t)->store >= n) n = cache_of(t)->store + 1;
  return n;
}

struct cached *cached_new(struct world *w)
{
  int n = count_stores(w->def);
  if (n == 0) return NULL;
  struct cached *c = arena_alloc(w->arena, sizeof *c);
  *c = (struct cached){ n, arena_array(w->arena, struct store, n),
                         pool_new(sizeof(struct fill) + (size_t)w->def->n_data * sizeof(double)) };
  for (int i = 0; i < n; i++) c->store[i].of = arena_array(w->arena, struct answers **, w->def->n_places);
  return c;
}

static uint64_t caches_at(const struct world *w, const struct store *s, int place)
{
  return s->def->of_place ? 1 : w->def->place[place].count;
}

/* For each cache that there is. */
typedef void each_fn(struct world *, int place, struct answers *);
static void each_cache(struct world *w, const struct cached *c, each_fn *fn)
{
  for (const struct store *s = c->store; s < c->store + c->n; s++)
    for (int p = 0; p < w->def->n_places; p++)
      for (uint64_t i = 0; s->of[p] && i < caches_at(w, s, p); i++)
        if (s->of[p][i]) fn(w, p, s->of[p][i]);
}

static void free_one(struct world *w, int place, struct answers *a)
{
  (void)w, (void)place;
  answers_free(a);
}

void cached_free(struct world *w, struct cached *c)
{
  if (!c) return;
  each_cache(w, c, free_one);
  pool_free(c->fills);
}

static struct answers *cache_at(struct world *w, const struct cache_def *d, struct endpoint at)
{
  struct store *s = &w->effects->cached->store[d->store];
  if (!s->def) s->def = d;
  if (!s->of[at.place]) s->of[at.place] = arena_array(w->arena, struct answers *, caches_at(w, s, at.place));
  struct answers **one = &s->of[at.place][d->of_place ? 0 : at.member];
  if (!*one) *one = answers_new(&s->def->limits);
  return *one;
}

/* ---- look-ups --------------------------------------------------------------------------------------------------- */

static double similarity(const struct world *w, const struct request *r, int task, const struct cache_def *d)
{
  struct rng rng = rng_open(&w->root, STREAM_CACHE, r->id, stream_entity((unsigned)task, 0, 0));
  if (d->measured.n > 0) return expr_value(&d->measured, r->attribute);
  return d->same ? dist_draw(d->same, &rng) : INFINITY;
}

/* Is one of n others more similar than s, and not below the threshold? Some laws have atoms: at the threshold it counts. */
static bool other_is_nearer(const struct world *w, const struct request *r, int task, const struct cache_def *d, double s,
                            uint64_t n)
{
  double x = s >= d->threshold ? s : nextafter(d->threshold, -INFINITY);
  if (!d->other || n == 0) return false;
  double v = rng_fresh(&w->root, STREAM_CACHE, r->id, stream_entity((unsigned)task, 1, 0));
  return v >= pow(dist_cdf(d->other, x), d->each ? (double)n : 1);
}

/* An answer is what it was made of, whoever finds it. False: it may not be told to who asks. */
static bool take_kinds(struct world *w, const struct attempt *a, struct answers *c, uint64_t own, bool wrong)
{
  struct request *r = a->request;
  struct rng rng = rng_open(&w->root, STREAM_CACHE, r->id, stream_entity((unsigned)a->task, 2, 0));
  const double *kinds = answers_marks(c, wrong ? answers_any_but(c, own, &rng) : own);
  if (!kinds) return true;
  if (task_of(w, r, a->task)->may_end && !exposure_may_go(w, r, kinds, end_of(a), origin_of(r))) return false;
  exposure_found(w, r, a->task, kinds);
  return true;
}

void cached_on_served(struct world *w, const struct attempt *a, const struct cache_def *d)
{
  struct request *r = a->request;
  sim_time now = now_of(w);
  struct answers *c = cache_at(w, d, end_of(a));
  uint64_t item = expr_name(&d->item, r->attribute), n = answers_entries(c, now);
  const struct answer *own = answers_look(c, item, now);
  double s = own ? similarity(w, r, a->task, d) : -INFINITY, kept = 0;
  bool wrong = other_is_nearer(w, r, a->task, d, s, n - (own != NULL));
  bool right = !wrong && own && s >= d->threshold;
  if (w->exposure && (right || wrong) && !take_kinds(w, a, c, item, wrong)) right = wrong = false;
  if (right) {
    kept = own->quality * expr_value(&d->quality, r->attribute);
    answers_use(c, item, now);
  } else if (wrong) {
    kept = expr_value(&d->false_quality, r->attribute);
  }
  r->attribute[d->hit] = right || wrong;
  r->attribute[d->wrong] = wrong;
  r->attribute[d->kept] = fmin(1, fmax(0, kept));
  struct place_summary *sum = &w->summary.place[a->place];
  sum->cache_lookups += r->measured;
  sum->cache_hits += r->measured && (right || wrong);
  sum->cache_false_hits += r->measured && wrong;
}

double cached_quality(const struct request *r, const struct cache_def *d)
{
  return r->attribute[d->hit] > 0 ? r->attribute[d->kept] : 1;
}

/* Those that were answered for, skipped or never reached are no look-ups. */
static bool looked(const struct request *r, const struct cache_def *d) { return !isnan(r->attribute[d->kept]); }

void cached_count(const struct world *w, const struct request *r, struct request_record *record)
{
  const struct class_def *k = w->klass[r->klass].def;
  for (const struct task_def *t = k->task; t < k->task + k->n_tasks; t++) {
    const struct cache_def *d = cache_of(t);
    if (!d || !looked(r, d)) continue;
    record->lookups++;
    if (r->attribute[d->hit] > 0) record->hits++;
    if (r->attribute[d->wrong] > 0) record->false_hits++;
  }
}

/* ---- answers come in -------------------------------------------------------------------------------------------- */

static void on_filled(struct sim *s, void *subject)
{
  struct fill *f = subject;
  struct world *w = world_of(s);
  bool kept = answers_put(f->to, f->item, now_of(w), f->answer);
  if (kept && w->exposure) answers_mark(f->to, f->item, w->def->n_data, f->kinds);
  pool_give(w->effects->cached->fills, f);
}

/* One message, one idle way long; its joules and money are residual, like those of telemetry. False: there is no way that
 * the class allows. */
static bool send_fill(struct world *w, const struct request *r, int task, int maker, struct endpoint to, double bytes,
                      double *way_s)
{
  struct endpoint from = request_outputs(w, (struct request *)r)[maker];
  const struct route *way = route(w->topology, from, to, now_of(w));
  uint64_t zones = exposure_zones(w, r, carries_of(maker));
  *way_s = 0;
  if (same_end(from, to)) return true;
  if (!way->reachable || (way->zones | UINT64_C(1) << w->def->place[to.place].zone) & ~zones) return false;
  struct transfer_cost cost = { 0 };
  *way_s = network_estimate(w->network, from, to, bytes, &cost);
  w->telemetry_j += cost.device_j + cost.network_j;
  w->telemetry_device_j += cost.device_j;
  w->telemetry_usd += cost.usd;
  exposure_fills(w, r);
  network_flow(w->network, from, to,
               (struct transfer_record){ .request = r->id, .started_ns = now_of(w), .bytes = bytes, .task = (uint8_t)task,
                                         .ended_ns = time_add(now_of(w), ns_from_s(*way_s)), .kind = TRANSFER_FILL,
                                         .carries = carries_of(maker) });
  exposure_fills(w, NULL);
  return true;
}

static void put_into(struct world *w, struct request *r, int task, const struct cache_def *d, int maker)
{
  struct endpoint to = request_outputs(w, r)[task];
  double bytes = expr_value(&d->entry_bytes, r->attribute), way_s;
  if (!amount_is_possible(w, r, task, "cache.entry", bytes) || !send_fill(w, r, task, maker, to, bytes, &way_s)) return;
  struct fill *f = pool_take(w->effects->cached->fills);
  *f = (struct fill){ cache_at(w, d, to), expr_name(&d->item, r->attribute), { bytes, r->quality } };
  if (w->exposure) exposure_made(w, r, maker, f->kinds);
  if (way_s > 0) sim_after(w->sim, ns_from_s(way_s), PRIORITY_COMPLETE, on_filled, f);
  else on_filled(w->sim, f);
}

void cached_on_settled(struct world *w, struct request *r, enum status status)
{
  const struct class_def *k = w->klass[r->klass].def;
  if (status != STATUS_COMPLETED || k->n_tasks < 2) return;
  for (int task = 0; task < k->n_tasks; task++) {
    const struct cache_def *d = task != r->maker ? cache_of(&k->task[task]) : NULL;
    if (d && looked(r, d) && !(r->attribute[d->hit] > 0)) put_into(w, r, task, d, r->maker);
  }
}

/* ---- the end of a run ------------------------------------------------------------------------------------------- */

static void sum_up(struct world *w, int place, struct answers *a)
{
  w->summary.place[place].cache_entries += answers_entries(a, now_of(w));
  w->summary.place[place].cache_evictions += answers_evictions(a);
}

void cached_close(struct world *w)
{
  each_cache(w, w->effects->cached, sum_up);
}
