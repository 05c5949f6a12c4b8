/* share.h: a resource that its users share equally, exactly, between events.
 *
 * All n users progress at one common speed speed(n). Progress since the start is one number V (virtual work), so a user
 * that joins with work w leaves when V reaches V_join + w: a heap of finish points, one event, O(log n) a change.
 * Processor sharing, a link's bandwidth and the decode steps of a token server are all of this kind.
 */
#ifndef OFFSIM_MODELS_SHARE_H
#define OFFSIM_MODELS_SHARE_H

#include "sim/sim.h"

struct share;
/* Embedded in whatever uses the share. All fields belong to share.c. */
struct share_user { double finish; uint64_t order; uint32_t heap_index; /* 0 = not in */ };
/* Work per second that each of n users gets; context is the owner's. Must not increase... may do anything but be <= 0. */
typedef double share_speed_fn(const void *context, uint32_t n);
/* Called when a user has its work; it has left already. */
typedef void share_done_fn(struct sim *, void *context, struct share_user *);

struct share *share_new(share_speed_fn *, share_done_fn *, void *context);
void share_free(struct share *);
void share_join(struct share *, struct sim *, struct share_user *, double work);
/* Leave before the end; returns the work that was left. */
double share_leave(struct share *, struct sim *, struct share_user *);
uint32_t share_users(const struct share *);
/* The speed changed for outside reasons: bring V up to now and move the event. */
void share_update(struct share *, struct sim *);

#endif
