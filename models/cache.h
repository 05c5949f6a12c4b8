/* cache.h: what is kept of answers, by the item that they are about: entries, the order in which they go, their time.
 *
 * One entry an item. What there is no room for goes by its order: the one whose last use lies furthest back (LRU), the one
 * used least since it came, of those the one used furthest back (LFU), or the one that came first (FIFO). Besides, an
 * entry may live for a given time: since it came, or, with `refresh`, since its last use. All steps are O(1).
 */
#ifndef OFFSIM_MODELS_CACHE_H
#define OFFSIM_MODELS_CACHE_H

#include "models/expr.h"
#include "sim/dist.h"
#include "sim/sim.h"

enum answers_evict { EVICT_LRU, EVICT_LFU, EVICT_FIFO };

/* entries, bytes: at most; 0 = no limit. ttl: 0 = for ever. */
struct answers_limits {
  uint64_t entries;
  double bytes;
  enum answers_evict evict;
  sim_time ttl;
  bool refresh;
};

struct answers;
struct answer { double bytes, quality; };

struct answers *answers_new(const struct answers_limits *);   /* the limits must outlive it */
void answers_free(struct answers *);
/* What is kept of an item at this time, or NULL; a look is no use. Valid until the next answers_put or answers_drop. Time
 * never goes back. */
const struct answer *answers_look(struct answers *, uint64_t item, sim_time now);
void answers_use(struct answers *, uint64_t item, sim_time now);    /* it must be there */
/* A new answer, in place of an older one of the item. False when it is larger than the whole cache, and is not kept. */
bool answers_put(struct answers *, uint64_t item, sim_time now, struct answer);
/* n numbers about an entry that is there, kept as long as it is; n is the same for all entries. */
void answers_mark(struct answers *, uint64_t item, int n, const double *mark);
const double *answers_marks(const struct answers *, uint64_t item);    /* NULL: nobody has said any */
/* Of the entries but this item's, of which there is one at least: any, each as probable. */
uint64_t answers_any_but(const struct answers *, uint64_t item, struct rng *);
uint64_t answers_entries(struct answers *, sim_time now);
double answers_bytes(const struct answers *);
uint64_t answers_evictions(const struct answers *);         /* for want of room */

#endif
