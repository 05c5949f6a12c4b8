/* session.c: conversations, turn by turn.
 *
 * Context before turn k: start + the sum over the turns before it, of those that had an answer, of what they added. Above
 * the limit its beginning is cut off, and no state of it serves any more, since all tokens have moved.
 * Checkable: start 100, each turn adds 30, limit 150: contexts 100, 130, 150 (cut), 150 (cut).
 */
#include "models/exposure.h"
#include "models/session.h"
#include <stdlib.h>

/* Ids: class, conversation, turn. */
enum { INDEX_BITS = 36, TURN_BITS = 20 };

static const struct session_def *def_of(const struct session *s) { return s->of->klass->def->arrivals.session; }

static uint64_t request_id(const struct world *w, const struct session *s, uint64_t turn)
{
  uint64_t klass = (uint64_t)(s->of->klass - w->klass) + 1;
  return klass << (INDEX_BITS + TURN_BITS) | s->index << TURN_BITS | turn;
}

uint64_t session_request(const struct world *w, const struct session *s) { return request_id(w, s, s->turn); }
uint64_t session_first(const struct world *w, const struct session *s) { return request_id(w, s, 0); }

struct session *session_of(const struct world *w, const struct request *r)
{
  const struct sessions *all = w->klass[r->klass].sessions;
  return all ? all->at[r->id >> TURN_BITS & ((UINT64_C(1) << INDEX_BITS) - 1)] : NULL;
}

struct sessions *sessions_new(struct world *w, struct klass *k)
{
  struct sessions *all = arena_alloc(w->arena, sizeof *all);
  *all = (struct sessions){ .klass = k, .pool = pool_new(sizeof(struct session)) };
  return all;
}

void sessions_free(struct sessions *all)
{
  if (!all) return;
  pool_free(all->pool);
  free(all->at);
}

static void make_room(struct sessions *all)
{
  if (all->begun < all->room) return;
  all->room = all->room ? 2 * all->room : 64;
  all->at = realloc(all->at, all->room * sizeof(struct session *));
  if (!all->at) check_out_of_memory(all->room * sizeof(struct session *));
}

void session_begins(struct world *w, struct klass *k)
{
  struct sessions *all = k->sessions;
  struct session *s = pool_take(all->pool);
  make_room(all);
  all->at[all->begun] = s;
  *s = (struct session){ .of = all, .index = all->begun++, .context_tok = k->def->arrivals.session->start_tok };
  uint64_t turns = source_turns(k->source, s->index);
  s->turns = turns < UINT64_C(1) << TURN_BITS ? turns : UINT64_C(1) << TURN_BITS;
  request_of_turn(w, s);
}

static void on_turn(struct sim *sim, void *session) { request_of_turn(world_of(sim), session); }

void session_facts(struct world *w, struct session *s, double *attribute)
{
  const struct session_def *d = def_of(s);
  double *fact = attribute + d->first_fact;
  fact[FACT_TURN] = (double)s->turn + 1;
  fact[FACT_CONTEXT] = s->context_tok;
  if (d->state_task == NONE) return;
  const struct state *at = state_now(w, s);
  fact[FACT_STATE_TOK] = at ? at->tok : 0;
  fact[FACT_STATE_PLACE] = at ? at->at.place : -1;
  fact[FACT_STATE_MEMBER] = at ? (double)at->at.member : -1;
}

static void ends(struct world *w, struct session *s)
{
  struct sessions *all = s->of;
  if (s->state) state_abandon(w, s->state);
  all->at[s->index] = NULL;
  pool_give(all->pool, s);
}

/* By tokens; where there are none, each turn as much. Those at the start are of no kind. */
void session_shares(const struct world *w, const struct session *s, const struct request *r, double *share)
{
  const struct session_def *d = def_of(s);
  double before = s->context_tok, adds = expr_value(&d->grows_tok, r->attribute), turn[MAX_DATA] = { 0 };
  if (!(before + adds > 0)) before = (double)s->turn, adds = 1;
  exposure_of_turn(w, r, d->task, turn);
  for (int i = 0; i < w->def->n_data; i++) share[i] = (before * s->share[i] + adds * turn[i]) / (before + adds);
}

static void grow(struct world *w, struct session *s, const struct request *r)
{
  const struct session_def *d = def_of(s);
  if (w->exposure) session_shares(w, s, r, s->share);
  s->context_tok += expr_value(&d->grows_tok, r->attribute);
  if (d->limit_tok <= 0 || s->context_tok <= d->limit_tok) return;
  s->context_tok = d->limit_tok;
  s->cuts++;
  if (s->state) state_drop(s->state, w->states->pool);
}

void session_returns(struct world *w, const struct request *r, bool answered)
{
  struct session *s = session_of(w, r);
  sim_time at_least = now_of(w) == r->arrived ? REFUSED_THINKS_NS : 0;
  w->summary.sessions.begun += r->measured && s->turn == 0;
  if (answered && w->def->n_rollouts) version_turn(w, r, s);
  if (answered) grow(w, s, r);
  else if (s->state) state_of_failed(s);
  s->came = false;
  if (++s->turn >= s->turns || (!answered && def_of(s)->ends_on_failure)) {
    ends(w, s);
    return;
  }
  sim_time think = source_think(s->of->klass->source, s->index, s->turn);
  sim_after(w->sim, think > at_least ? think : at_least, PRIORITY_ARRIVE, on_turn, s);
}
