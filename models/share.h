/* share.h: a resource that its users share equally, exactly, between events.
 *
 * All n users progress at one common speed speed(n). Progress since the start is one number V (virtual work), so a user
 * that joins with work w leaves when V reaches V_join + w: a heap of finish points, one event, O(log n) a change.
 * Processor sharing, a link's bandwidth and the decode steps of a token server are all of this kind.
 *
 * Equation: dV/dt = speed(n(t)). Source: virtual time of generalised processor sharing, Parekh and Gallager 1993.
 * Check: work 2 alone at speed 1/n, work 1 joins at t = 1: the second ends at t = 3, the first too.
 * The event is rounded to the nearest nanosecond; V is not, so the rounding of one user does not touch another.
 */
#ifndef OFFSIM_MODELS_SHARE_H
#define OFFSIM_MODELS_SHARE_H

#include "models/heap.h"
#include "sim/sim.h"

struct share;
/* Embedded in whatever uses the share. All fields belong to share.c; finish.index is 0 while not in. */
struct share_user { struct heap_item finish; };
/* Work per second that each of n users gets; 0: they stand still until share_update. context is the owner's. Called after each change of n. */
typedef double share_speed_fn(const void *context, uint32_t n);
/* Called when a user has its work; it has left already. The share may be freed or reused in here when it is empty. */
typedef void share_done_fn(struct sim *, void *context, struct share_user *);

struct share *share_new(share_speed_fn *, share_done_fn *, void *context);
void share_free(struct share *);
void share_join(struct share *, struct sim *, struct share_user *, double work);
/* Leave before the end; returns the work that was left. */
double share_leave(struct share *, struct sim *, struct share_user *);
uint32_t share_users(const struct share *);
/* Work that this user has still to get at this moment. */
double share_left(const struct share *, const struct sim *, const struct share_user *);
/* The speed changed for outside reasons: bring V up to now and move the event. */
void share_update(struct share *, struct sim *);
/* Each user, in no particular order; fn may not change the share. */
typedef void share_each_fn(void *context, struct share_user *);
void share_each(const struct share *, share_each_fn *, void *context);
/* An empty share serves another owner from now on. */
void share_reuse(struct share *, void *context);

#endif
