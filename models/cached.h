/* cached.h: tasks that look for an answer among those given before (semantic caches), at the place where they are done.
 *
 * A request asks for an item. Its question is as similar to the stored one of the same item as `same` draws, and to the
 * nearest of the others as `other` draws; what is more similar than the other one and not below the threshold answers:
 * rightly (a hit), or with an answer to another question (a false hit). After a request that found nothing has been
 * answered, the answer is put into the caches that it looked into, by a message from where it was made.
 */
#ifndef OFFSIM_MODELS_CACHED_H
#define OFFSIM_MODELS_CACHED_H

#include "models/cache.h"
#include "models/record.h"

/* store: number of the memory; tasks with one number use one, at each place. each: `other` is the similarity to any one of
 * the others, else to the nearest of them. measured: in place of `same`. quality: factor on that of the answer when it was
 * stored; of a false hit: what its answer is worth. hit, wrong, kept: attributes that it produces: 0 or 1; 0 or 1; quality
 * of the answer found, 0: none, NaN: nobody looked. */
struct cache_def {
  int store;
  struct answers_limits limits;
  bool of_place;                                        /* one for all members of a place */
  struct expr item, entry_bytes, measured, quality, false_quality;
  const struct dist *same, *other;                      /* NULL: alike; none is similar */
  double threshold;
  bool each;
  int hit, wrong, kept;
};

struct world;
struct request;
struct attempt;
struct cached;
/* NULL where no task has a cache. */
struct cached *cached_new(struct world *);
void cached_free(struct world *, struct cached *);
void cached_on_served(struct world *, const struct attempt *, const struct cache_def *);
double cached_quality(const struct request *, const struct cache_def *);
void cached_on_settled(struct world *, struct request *, enum status);
void cached_count(const struct world *, const struct request *, struct request_record *);
void cached_close(struct world *);                      /* writes the places' summaries */

#endif
