/* session_state.c: where the state of conversations lies, what a turn finds there, and what it pays without.
 *
 * When an attempt of the state's task is sent, its class says whether the state comes along (a message of its size, beside
 * the inputs) or not. When it enters its place, what lies there need not be read: of tokens, so many fewer; of other work,
 * no `rebuild`. When its service is done, its place has the state of the whole context, and no other place has any.
 * Engines with a prefix cache keep the blocks of a conversation themselves (station_llm.c asks for its name); what lies
 * there is then what the engine has, and comes there by reading only.
 * Checkable: n equal members, one of them drawn for each turn: a turn after the first finds its state with 1 / n. Idle times
 * of mean t, exponential, and state kept for k: it is gone with exp(-k / t).
 */
#include "models/exposure.h"
#include "models/session.h"
#include <stdlib.h>

/* ---- who keeps what ------------------------------------------------------------------------------------------------ */

bool state_has_home(const struct place_def *p)
{
  if (p->kind != PLACE_SERVERS || (p->shelf && p->shelf->capacity_bytes <= 0)) return false;
  return !p->llm || p->llm->engine.prefix_cache;
}

void states_new(struct world *w)
{
  bool any = false;
  for (int i = 0; i < w->def->n_classes; i++) {
    const struct session_def *d = w->def->klass[i].arrivals.session;
    any |= d && d->state_task != NONE;
  }
  if (!any) return;
  w->states = arena_alloc(w->arena, sizeof *w->states);
  w->states->pool = pool_new(sizeof(struct state));
  w->states->shelf = arena_array(w->arena, struct shelf *, w->def->n_places);
  for (int i = 0; i < w->def->n_places; i++) {
    const struct place_def *p = &w->def->place[i];
    if (!state_has_home(p)) continue;
    w->states->shelf[i] = arena_array(w->arena, struct shelf, p->count);
    for (uint64_t m = 0; m < p->count; m++) w->states->shelf[i][m] = (struct shelf){ .def = p->shelf };
  }
}

void states_free(struct world *w)
{
  if (w->states) pool_free(w->states->pool);
}

struct state *state_now(struct world *w, struct session *s)
{
  if (s->state && state_expired(s->state, now_of(w))) state_drop(s->state, w->states->pool);
  return s->state;
}

/* Nobody comes for it any more, but its place does not know. */
void state_abandon(struct world *w, struct state *s)
{
  const struct shelf_def *d = s->shelf->def;
  s->session = NULL;
  if (!d || isinf(d->capacity_bytes)) state_drop(s, w->states->pool);
}

/* A member has lost its memory. */
void states_lost(struct world *w, struct endpoint at)
{
  struct shelf *h = w->states && w->states->shelf[at.place] ? &w->states->shelf[at.place][at.member] : NULL;
  while (h && h->oldest) state_drop(h->oldest, w->states->pool);
}

/* ---- what a plan would find ---------------------------------------------------------------------------------------- */

static const struct session_def *def_of(const struct world *w, const struct request *r)
{
  return w->klass[r->klass].def->arrivals.session;
}

/* The conversation of an attempt whose task has to do with state; NULL for all others. */
static struct session *stateful(const struct world *w, const struct request *r, int task)
{
  const struct session_def *d = def_of(w, r);
  return d && d->state_task == task ? session_of(w, r) : NULL;
}

static bool serves(const struct world *w, const struct state *st, struct endpoint at, int variant)
{
  return st->variant == variant && st->version == version_at(w, variant, at);
}

/* What work there without the state costs more. */
static double rebuild_s(const struct world *w, const struct session_def *d, const struct demand *asked, double tok,
                        const double *attribute)
{
  return asked->cost ? token_prefill_s(asked->cost, tok) : expr_value(&d->rebuild_s, attribute);
}

static bool has_way(struct world *w, const struct request *r, struct endpoint from, struct endpoint to)
{
  const struct route *way = route_intact(w->topology, from, to, now_of(w));
  return way->reachable && !(way->zones & ~exposure_zones_state(w, r));
}

static double way_s(struct world *w, const struct request *r, const struct state *st, struct endpoint to)
{
  struct transfer_cost unused = { 0 };
  network_allow(w->network, exposure_zones_state(w, r));
  network_of_class(w->network, r->klass);
  return network_estimate(w->network, st->at, to, st->bytes, &unused);
}

/* `asked` is what it asks for there with nothing at hand. */
static bool comes_along(struct world *w, const struct request *r, const struct state *st, struct endpoint to, int variant,
                        const struct demand *asked, const double *attribute)
{
  const struct session_def *d = def_of(w, r);
  const struct place_def *p = &w->def->place[to.place], *from = &w->def->place[st->at.place];
  if (d->move == STATE_REPREFILL || same_end(st->at, to) || !state_has_home(p) || p->llm || from->llm) return false;
  if (!serves(w, st, to, variant) || !has_way(w, r, st->at, to)) return false;
  return d->move == STATE_TRANSFER || way_s(w, r, st, to) < rebuild_s(w, d, asked, st->tok, attribute);
}

/* ---- the life of an attempt ---------------------------------------------------------------------------------------- */

bool state_sent(struct world *w, struct attempt *a, struct endpoint *from, double *bytes)
{
  struct session *s = stateful(w, a->request, a->task);
  const struct state *st = s ? state_now(w, s) : NULL;
  struct demand d;
  if (!st) return false;
  demand_expected(w, &w->klass[a->request->klass], a->task, (struct manner){ a->variant, a->job.clock }, end_of(a),
                  a->request->attribute, &d);
  int variant = variant_number(task_of(w, a->request, a->task), a->variant);
  if (!comes_along(w, a->request, st, end_of(a), variant, &d, a->request->attribute)) return false;
  *from = st->at;
  *bytes = st->bytes;
  return true;
}

static struct state *put(struct world *w, const struct state *what)
{
  struct shelf **place = &w->states->shelf[what->at.place];
  return *place ? shelf_put(*place + what->at.member, w->states->pool, what, now_of(w), &w->summary.sessions.evicted) : NULL;
}

/* It came along, if it was not dropped meanwhile. */
static struct state *arrive(struct world *w, struct session *s, struct endpoint at)
{
  struct state what;
  if (!state_now(w, s)) return NULL;
  what = *s->state;
  what.at = at;
  return put(w, &what);
}

/* A turn is what its first attempt that comes to a place finds: retries and copies are no turns, and may find what an
 * attempt before them made. Their bytes and tokens count, too. */
static void find(struct world *w, struct session *s, const struct attempt *a, const struct state *st, bool usable)
{
  struct session_counts *n = &w->summary.sessions;
  if (s->turn == 0 || !a->request->measured) return;
  if (usable && a->brings_state) n->moved_bytes += st->bytes;
  if (!usable) n->again_tok += s->context_tok;
  if (s->came) return;
  s->came = true;
  n->later++;
  n->here += usable && !a->brings_state;
  n->moved += usable && a->brings_state;
  n->again += !usable;
  n->gone += !st;
  n->other_model += !usable && st && same_end(st->at, end_of(a));
}

void state_found(struct world *w, struct attempt *a, struct demand *d)
{
  struct session *s = stateful(w, a->request, a->task);
  if (!s) return;
  struct state *st = a->brings_state ? arrive(w, s, end_of(a)) : state_now(w, s);
  int variant = variant_number(task_of(w, a->request, a->task), a->variant);
  bool usable = st && same_end(st->at, end_of(a)) && serves(w, st, end_of(a), variant);
  find(w, s, a, st, usable);
  if (usable) state_used(st, now_of(w));
  if (usable && d->cost && !w->def->place[a->place].llm) d->tok_held = fmin(st->tok, d->tok_in);
  if (!usable && !d->cost && s->turn > 0) d->time_s += expr_value(&def_of(w, a->request)->rebuild_s, a->request->attribute);
}

void state_made(struct world *w, const struct attempt *a)
{
  const struct request *r = a->request;
  struct session *s = stateful(w, r, a->task);
  if (!s || !w->states->shelf[a->place]) return;
  const struct session_def *d = def_of(w, r);
  struct state st = { .session = s, .at = end_of(a), .variant = variant_number(task_of(w, r, a->task), a->variant) };
  st.tok = s->context_tok + expr_value(&d->grows_tok, r->attribute);
  const struct variant_def *v = st.variant != NONE ? &w->def->variant[st.variant] : NULL;
  st.bytes = d->has_bytes ? expr_value(&d->state_bytes, r->attribute) : v ? v->kv_bytes_per_tok * st.tok : 0;
  st.version = version_at(w, st.variant, st.at);
  if (w->exposure) session_shares(w, s, r, st.share);
  put(w, &st);
}

/* Attempts of the turn may use all of it; the next turn has the context of the answered ones only. Its memory stays. */
void state_of_failed(struct session *s) { s->state->tok = fmin(s->state->tok, s->context_tok); }

/* ---- what policies and dispatch may know ----------------------------------------------------------------------------- */

double state_expect(struct world *w, const struct attempt *a, const struct plan_def *plan, struct endpoint at,
                    struct demand *d)
{
  const struct request *r = a->request;
  struct session *s = stateful(w, r, a->task);
  if (!s || s->turn == 0) return 0;
  const struct state *st = state_now(w, s);
  const struct place_def *p = &w->def->place[at.place];
  int variant = variant_number(task_of(w, r, a->task), plan->variant);
  if (st && plan->word == WORD_PLACE && p->dispatch == DISPATCH_SESSION && st->at.place == at.place) at = st->at;
  bool sure = plan->word != WORD_PLACE || p->count == 1 || p->dispatch == DISPATCH_SESSION;
  bool here = st && sure && same_end(st->at, at) && serves(w, st, at, variant);
  bool comes = st && !here && comes_along(w, r, st, at, variant, d, w->visible);
  if (here || comes) d->tok_held = d->cost ? fmin(st->tok, d->tok_in) : 0;
  else if (!d->cost) d->time_s += expr_value(&def_of(w, r)->rebuild_s, w->visible);
  return comes ? way_s(w, r, st, at) : 0;
}

bool state_member(struct world *w, const struct attempt *a, int place, uint32_t *member)
{
  struct session *s = stateful(w, a->request, a->task);
  const struct state *st = s ? state_now(w, s) : NULL;
  if (!st || st->at.place != place) return false;
  *member = st->at.member;
  return true;
}

static uint64_t name_of(uint64_t who, uint64_t which)
{
  uint64_t x = who * UINT64_C(0x9E3779B97F4A7C15) ^ which;
  return (x ^ x >> 29) | 1;
}

/* Blocks of one conversation have one name, as long as it is not cut and its model stays; those of the tokens at its start
 * that all of the class have, until it is cut, the name of the class. */
struct chain state_chain(const struct world *w, const struct attempt *a)
{
  const struct session *s = stateful(w, a->request, a->task);
  if (!s) return (struct chain){ 0 };
  uint64_t version = version_at(w, variant_number(task_of(w, a->request, a->task), a->variant), end_of(a));
  return (struct chain){ .own = name_of(session_first(w, s), (uint64_t)s->cuts << 32 ^ version),
                         .common = name_of(s->of->klass->name, version),
                         .common_tok = s->cuts ? 0 : s->of->klass->def->arrivals.session->start_tok };
}
