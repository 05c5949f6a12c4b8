/* exposure.c: bytes of each kind of data in each zone, from every message that carries them.
 *
 * Of the bytes that a message carries, `share` are of a kind. What a task hands on has the shares that the scenario says, else
 * those of what came in, by bytes. On each hop, a message shows its kinds to the zones of the link and of the place behind it;
 * to a zone once a message, not to the zones of its two ends; at its end, to the place that works on it. Sealed (by the link's
 * TLS, or a connection that spans the way) and encrypted ones show nothing in transit; enclaves and places that compute on
 * ciphertext show nothing at the end: such bytes are counted as protected. Bytes that a place keeps are exposed for as long.
 * Counted when bytes have moved, so a message that is called off counts with what had moved.
 * Check: 1000 B of which 0.3 are personal, over a link through zone T to a place of zone C that keeps it for 60 s: 300 B transit
 * in T, 300 B execution in C, 18000 B s at rest there.
 */
#include "models/cached.h"
#include "models/effects.h"
#include "models/exposure.h"
#include "models/session.h"
#include "models/transform.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct exposure {
  const struct attempt *flowing;
  const struct request *filling;
  struct exposure_summary *zone;                        /* [n_zones][n_data] */
  double exposed_bytes, protected_bytes, kept_byte_s, misplaced_bytes;
};

/* ---- what is in it ----------------------------------------------------------------------------------------------- */

size_t exposure_bytes(const struct world *w, const struct class_def *k)
{
  return k->data ? (1 + (size_t)k->n_tasks) * (size_t)w->def->n_data * sizeof(double) : 0;
}

static double *shares(const struct world *w, const struct request *r, uint8_t carries)
{
  char *at = (char *)(uintptr_t)r + w->klass[r->klass].contents_at;
  return (double *)(void *)at + (size_t)(carries - CARRIES_INPUT) * (size_t)w->def->n_data;
}

static void evaluate(const struct world *w, const struct request *r, const struct expr *share, double *out)
{
  for (int d = 0; d < w->def->n_data; d++) out[d] = expr_value(&share[d], r->attribute);
}

/* "private 1, personal 0.1" */
static void name_shares(const struct world *w, const double *share, char *out, size_t n)
{
  size_t at = 0;
  for (int d = 0; d < w->def->n_data && at < n; d++)
    at += (size_t)snprintf(out + at, n - at, "%s%s %g", d ? ", " : "", w->def->data[d].name, share[d]);
}

/* What no request can carry is the scenario's mistake. */
static void check_shares(struct world *w, const struct request *r, int task, const double *share)
{
  const struct class_def *k = w->klass[r->klass].def;
  double sum = 0;
  bool good = true;
  for (int d = 0; d < w->def->n_data; d++) {
    good &= share[d] >= 0 && share[d] <= 1;
    sum += share[d];
  }
  if ((good && sum <= 1 + 1e-9) || w->failed) return;
  char kinds[1024] = "";
  name_shares(w, share, kinds, sizeof kinds);
  const struct where own = task == NONE || !k->task[task].data ? k->data_at : k->task[task].data_at;
  run_fails(w);
  err_add(w->err, own, "%s '%s': the shares of the kinds of data are %s in request %llu; each is 0 .. 1 and their sum at most "
          "1, because a byte is of one kind", task == NONE ? "class" : "task", task == NONE ? k->name : k->task[task].name,
          kinds, (unsigned long long)r->id);
}

void exposure_arrive(struct world *w, struct request *r)
{
  const struct class_def *k = w->klass[r->klass].def;
  if (!k->data) return;
  double *share = shares(w, r, CARRIES_INPUT);
  evaluate(w, r, k->data, share);
  check_shares(w, r, NONE, share);
}

static double carried_bytes(const struct world *w, const struct request *r, int from)
{
  const struct class_def *k = w->klass[r->klass].def;
  return expr_value(from < 0 ? &k->input_bytes : &k->task[from].output_bytes, r->attribute);
}

/* Weighted by bytes; where there are none, each input as much. Returns their sum. */
static double add_inputs(const struct world *w, const struct request *r, int task, double *out)
{
  uint64_t inputs = request_inputs(w, r, task);
  double all = 0;
  memset(out, 0, (size_t)w->def->n_data * sizeof *out);
  for (uint64_t left = inputs; left; left &= left - 1) {
    int from = __builtin_ctzll(left) == FROM_DEVICE ? NONE : __builtin_ctzll(left);
    double bytes = fmax(carried_bytes(w, r, from), 1e-9);
    const double *in = shares(w, r, carries_of(from));
    all += bytes;
    for (int d = 0; d < w->def->n_data; d++) out[d] += bytes * in[d];
  }
  return all;
}

static void mix_inputs(const struct world *w, const struct request *r, int task, double *out)
{
  double all = add_inputs(w, r, task, out);
  for (int d = 0; d < w->def->n_data; d++) out[d] /= all;
}

void exposure_of_turn(const struct world *w, const struct request *r, int task, double *share)
{
  if (!w->klass[r->klass].def->data) return;
  double all = add_inputs(w, r, task, share), made = carried_bytes(w, r, task);
  const double *out = shares(w, r, carries_of(task));
  if (!(made > 0)) made = 0;
  for (int d = 0; d < w->def->n_data; d++) share[d] = (share[d] + made * out[d]) / (all + made);
}

static void make(const struct world *w, const struct request *r, int task, double *out)
{
  const struct task_def *t = task_of(w, r, task);
  if (t->data) evaluate(w, r, t->data, out);
  else mix_inputs(w, r, task, out);
  if (t->effect && t->effect->transform && !t->data) transform_shares(w, r, t->effect->transform, out);
}

void exposure_expect(struct world *w, struct request *r, int task)
{
  if (!w->klass[r->klass].def->data) return;
  double *share = shares(w, r, carries_of(task));
  make(w, r, task, share);
  for (int d = 0; d < w->def->n_data; d++)
    if (isnan(share[d])) {
      mix_inputs(w, r, task, share);
      return;
    }
}

static bool is_found(const struct world *w, const struct request *r, int task)
{
  const struct effect_def *e = task_of(w, r, task)->effect;
  return e && e->cache && r->attribute[e->cache->hit] > 0;
}

void exposure_of_task(struct world *w, struct request *r, int task)
{
  if (!w->klass[r->klass].def->data || is_found(w, r, task)) return;
  double *share = shares(w, r, carries_of(task));
  make(w, r, task, share);
  check_shares(w, r, task, share);
}

void exposure_found(struct world *w, struct request *r, int task, const double *share)
{
  if (w->klass[r->klass].def->data) memcpy(shares(w, r, carries_of(task)), share, (size_t)w->def->n_data * sizeof *share);
}

void exposure_made(const struct world *w, const struct request *r, int task, double *share)
{
  size_t bytes = (size_t)w->def->n_data * sizeof *share;
  if (w->klass[r->klass].def->data) memcpy(share, shares(w, r, carries_of(task)), bytes);
  else memset(share, 0, bytes);
}

/* ---- where it may be --------------------------------------------------------------------------------------------- */

static uint64_t zones_of(const struct world *w, const double *share)
{
  uint64_t zones = ~UINT64_C(0);
  for (int d = 0; d < w->def->n_data; d++)
    if (!(share[d] <= 0)) zones &= w->def->data[d].zones;       /* NaN: nobody knows yet */
  return zones;
}

uint64_t exposure_zones(const struct world *w, const struct request *r, uint8_t carries)
{
  const struct class_def *k = w->klass[r->klass].def;
  return k->data && carries ? k->zones & zones_of(w, shares(w, r, carries)) : k->zones;
}

bool exposure_may_go(const struct world *w, const struct request *r, const double *share, struct endpoint from, struct endpoint to)
{
  uint64_t zones = w->klass[r->klass].def->zones & zones_of(w, share);
  const struct route *way = same_end(from, to) ? NULL : route(w->topology, from, to, now_of(w));
  return !way || !way->reachable || !((way->zones | UINT64_C(1) << w->def->place[to.place].zone) & ~zones);
}

static uint64_t zones_ever(const struct world *w, const struct expr *share)
{
  uint64_t zones = ~UINT64_C(0);
  for (int d = 0; share && d < w->def->n_data; d++)
    if (share[d].reads || !(expr_value(&share[d], NULL) <= 0)) zones &= w->def->data[d].zones;
  return zones;
}

uint64_t exposure_zones_state(const struct world *w, const struct request *r)
{
  const struct class_def *k = w->klass[r->klass].def;
  uint64_t zones = k->zones & zones_ever(w, k->data);
  for (int t = 0; t < k->n_tasks; t++) zones &= zones_ever(w, k->task[t].data);
  return zones;
}

uint64_t exposure_zones_made(const struct world *w, const struct request *r, int task)
{
  const struct class_def *k = w->klass[r->klass].def;
  double share[MAX_DATA];
  if (!k->data) return k->zones;
  make(w, r, task, share);
  return k->zones & zones_of(w, share);
}

/* ---- what is seen ------------------------------------------------------------------------------------------------ */

void exposure_flows(struct world *w, const struct attempt *a)
{
  if (w->exposure) w->exposure->flowing = a;
}

/* A message on one of its hops: whose, what it carries, where it ends. */
struct sight { const struct request *request; const double *share; const struct place_def *from, *to; double bytes; bool home; };

static bool is_sealed(const struct world *w, const struct hop_told *hop)
{
  const struct transport_def *own = w->def->link[hop->route->hop[hop->at].link].transport;
  if (own && own->protocol != TRANSPORT_TCP) return true;
  for (int i = 0; i < hop->route->n; i++) {
    const struct transport_def *t = w->def->link[hop->route->hop[i].link].transport;
    if (t && t->spans_route && t->protocol != TRANSPORT_TCP) return true;
  }
  return false;
}

static bool is_encrypted(const struct place_def *p) { return p->trust && p->trust->kind == TRUST_HOMOMORPHIC; }

static void count_misplaced(struct world *w, const struct sight *s, uint64_t zones)
{
  for (int d = 0; d < w->def->n_data; d++)
    if (s->share[d] > 0 && zones & ~w->def->data[d].zones) w->exposure->misplaced_bytes += s->share[d] * s->bytes;
}

static void count_kept(struct world *w, const struct sight *s, struct exposure_summary *row)
{
  const struct trust_def *t = s->to->trust;
  if (!t || t->keeps_s <= 0 || t->kind == TRUST_HOMOMORPHIC) return;
  for (int d = 0; d < w->def->n_data; d++) {
    row[d].rest_byte_s += s->share[d] * s->bytes * t->keeps_s;
    w->exposure->kept_byte_s += w->def->data[d].weight * s->share[d] * s->bytes * t->keeps_s;
  }
}

static void count_seen(struct world *w, const struct sight *s, int zone, bool at_end, bool under_cover)
{
  struct exposure_summary *row = &w->exposure->zone[zone * w->def->n_data];
  bool beyond = zone != w->def->place[s->request->origin].zone;
  for (int d = 0; d < w->def->n_data; d++) {
    double bytes = s->share[d] * s->bytes;
    (at_end ? row[d].execution : row[d].transit)[under_cover] += bytes;
    if (beyond && under_cover) w->exposure->protected_bytes += w->def->data[d].weight * bytes;
    else if (beyond) w->exposure->exposed_bytes += w->def->data[d].weight * bytes;
  }
  if (at_end) count_kept(w, s, row);
}

static bool is_sealed_by_task(const struct world *w, const struct request *r, uint8_t carries)
{
  if (carries < CARRIES_OUTPUT) return false;
  const struct effect_def *e = task_of(w, r, carries - CARRIES_OUTPUT)->effect;
  return e && e->transform && e->transform->seals;
}

/* Zones that a hop leads through: the link's, and that of the place behind it unless the message ends there. */
static uint64_t zones_on(const struct world *w, const struct hop_told *hop, int at)
{
  struct hop h = hop->route->hop[at];
  const struct link_def *l = &w->def->link[h.link];
  return l->zones | UINT64_C(1) << w->def->place[h.down ? l->a : l->b].zone;
}

static void see_hop(struct world *w, const struct sight *s, const struct hop_told *hop)
{
  bool last = hop->at == hop->route->n - 1;
  uint64_t ends = UINT64_C(1) << s->from->zone | UINT64_C(1) << s->to->zone, passed = zones_on(w, hop, hop->at);
  count_misplaced(w, s, passed | (last ? UINT64_C(1) << s->to->zone : 0));
  if (!s->request->measured) return;
  for (int i = 0; i < hop->at; i++) ends |= zones_on(w, hop, i);
  bool under_cover = is_sealed(w, hop) || is_sealed_by_task(w, s->request, hop->record->carries) || is_encrypted(s->from) || is_encrypted(s->to);
  for (uint64_t left = passed & ~ends; left; left &= left - 1) count_seen(w, s, __builtin_ctzll(left), false, under_cover);
  bool trusted = s->to->trust && s->to->trust->kind != TRUST_PLAIN;
  if (last && !s->home) count_seen(w, s, s->to->zone, true, trusted);
}

static bool is_payload(const struct transfer_record *r)
{
  return r->carries && (r->kind == TRANSFER_DATA || r->kind == TRANSFER_RELAY || r->kind == TRANSFER_STATE
                        || r->kind == TRANSFER_FILL || r->kind == TRANSFER_LOST);
}

/* State of a conversation has the shares of the turns that it is of; dropped on its way, those of the context. */
static const double *shares_carried(const struct world *w, const struct request *q, const struct hop_told *hop)
{
  const struct session *s = hop->subject && flow_is_state(hop->done, hop->subject) ? session_of(w, q) : NULL;
  if (!s) return shares(w, q, hop->record->carries);
  return s->state ? s->state->share : s->share;
}

static void on_hop(void *world, const struct hop_told *hop)
{
  struct world *w = world;
  const struct transfer_record *r = hop->record;
  if (!is_payload(r)) return;
  const struct attempt *a = hop->subject ? flow_attempt_of(hop->done, hop->subject) : w->exposure->flowing;
  const struct request *q = a ? a->request : w->exposure->filling;
  if (!q || !w->klass[q->klass].def->data) return;
  bool home = a && r->carries == CARRIES_OUTPUT + a->task;
  see_hop(w, &(struct sight){q, shares_carried(w, q, hop), &w->def->place[hop->from.place],
                             &w->def->place[hop->to.place], r->bytes, home}, hop);
}

void exposure_new(struct world *w)
{
  if (!w->def->n_data) return;
  w->exposure = arena_alloc(w->arena, sizeof *w->exposure);
  w->exposure->zone = arena_array(w->arena, struct exposure_summary, w->def->n_zones * w->def->n_data);
  network_watch(w->network, on_hop, w);
}

void exposure_fills(struct world *w, const struct request *r)
{
  if (w->exposure) w->exposure->filling = r;
}

void exposure_close(struct world *w)
{
  const struct exposure *e = w->exposure;
  if (!e) return;
  w->summary.exposure = e->zone;
  w->summary.exposed_bytes = e->exposed_bytes;
  w->summary.protected_bytes = e->protected_bytes;
  w->summary.kept_byte_s = e->kept_byte_s;
  w->summary.misplaced_bytes = e->misplaced_bytes;
}
