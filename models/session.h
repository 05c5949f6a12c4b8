/* session.h: conversations: what goes on from turn to turn, and where the state of each of them lies.
 *
 * A conversation begins by the clock of its class; turn k + 1 comes a think time after turn k is answered or has
 * failed. The number of turns, the think times, the device and all that is drawn for a turn are named by (class,
 * conversation, turn): the same under every policy. When a turn comes depends on the answers before it, nothing else does.
 *
 * State is what a place made of the context while it served a turn, such as a KV cache. It lies at one member and nowhere
 * else: the next turn finds it there (here), takes it along (moved), or has all of the context read again. What is found
 * or taken need not be read again. A member drops what nobody has used for its `keep` time and, when it is full, the least
 * recently used.
 */
#ifndef OFFSIM_MODELS_SESSION_H
#define OFFSIM_MODELS_SESSION_H

#include "models/internal.h"

struct session;
struct shelf;
struct state {
  struct state *newer, *older;                          /* on its shelf, by use */
  struct session *session;                              /* NULL: it is over, nobody will come */
  struct shelf *shelf;
  struct endpoint at;
  double tok, bytes;
  sim_time used;
  uint32_t version;
  int variant;                                          /* of the world; NONE: the task has none */
  double share[MAX_DATA];                               /* of each kind of data */
};

struct session {
  struct sessions *of;
  uint64_t index, turns;                                /* how many it will have */
  uint64_t turn;                                        /* from 0: the open one, or the next */
  double context_tok;
  uint32_t cuts;                                        /* times that its beginning was cut off */
  uint32_t version;                                     /* that the last answered turn was served with, once there is one */
  int variant;                                          /* and by which */
  bool served;                                          /* had a turn answered by a model */
  bool came;                                            /* the open turn came to a place */
  struct state *state;
  double share[MAX_DATA];                               /* of the context, of each kind of data */
};

/* Those of one class. */
struct sessions { struct klass *klass; struct pool *pool; struct session **at; uint64_t begun, room; };
/* What a member keeps: newest and oldest. */
struct shelf { const struct shelf_def *def; struct state *newest, *oldest; double bytes; };

/* ---- shelves (session_shelf.c): no world, only what lies where --------------------------------------------------- */
/* Puts a state there; the one that its conversation had elsewhere is dropped. NULL: it is larger than the member keeps.
 * *evicted: how many had to go for want of room. */
struct state *shelf_put(struct shelf *, struct pool *states, const struct state *what, sim_time now, uint64_t *evicted);
void state_drop(struct state *, struct pool *states);
/* Unused for longer than the member keeps it: it is gone. */
bool state_expired(const struct state *, sim_time now);
void state_used(struct state *, sim_time now);

/* ---- conversations (session.c) ----------------------------------------------------------------------------------- */
struct sessions *sessions_new(struct world *, struct klass *);
void sessions_free(struct sessions *);
void session_begins(struct world *, struct klass *);    /* with its first turn, now */
/* A turn is settled. */
void session_returns(struct world *, const struct request *, bool answered);
struct session *session_of(const struct world *, const struct request *);
uint64_t session_request(const struct world *, const struct session *);        /* id of its open turn */
/* Shares of the context with what the open turn adds to it. */
void session_shares(const struct world *, const struct session *, const struct request *, double *share);
uint64_t session_first(const struct world *, const struct session *);          /* and of its first one */
void session_facts(struct world *, struct session *, double *attribute);
void request_of_turn(struct world *, struct session *); /* request.c */
void version_turn(struct world *, const struct request *, struct session *);    /* version.c: a turn was answered; with roll-outs */

/* ---- state in a world (session_state.c) -------------------------------------------------------------------------- */
struct states { struct pool *pool; struct shelf **shelf; };            /* [place][member]; NULL: it keeps none */
bool state_has_home(const struct place_def *);
/* A turn had no answer: what it added is no part of the context. */
void state_of_failed(struct session *);
struct state *state_now(struct world *, struct session *);             /* NULL: none any more */
void state_abandon(struct world *, struct state *);     /* its conversation is over */

#endif
