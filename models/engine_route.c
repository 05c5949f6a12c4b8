/* engine_route.c: which replica takes a request. */
#include "models/engine_parts.h"

uint32_t engine_cached_blocks(const struct engine *e, const struct engine_request *r)
{
  struct engine_request asked = *r;
  uint32_t idle;
  asked.target = r->prompt;
  asked.serial = UINT64_MAX;                            /* what is its own cannot be there yet */
  return blocks_hit(e, &asked, &idle);
}

/* Tokens that all inside it have in memory or must read to go on. How much they will give is not known. */
static uint64_t tokens_inside(const struct engine *e)
{
  uint64_t sum = e->waiting_tok;
  for (uint32_t i = 0; i < e->n_rest; i++)
    sum += e->rest[i]->decoding ? e->rest[i]->processed : e->rest[i]->target;
  for (uint32_t i = 0; i < e->n_batch; i++)
    sum += !e->batch[i] ? 0 : e->batch[i]->decoding ? e->batch[i]->processed : e->batch[i]->target;
  return sum;
}

/* The smaller, the better. */
static int64_t load_of(enum engine_router by, const struct engine *e, const struct engine_request *r)
{
  int64_t outstanding = (int64_t)e->n_waiting + e->holding;
  switch (by) {
  case ROUTE_WAITING_QUEUE: return e->n_waiting;
  case ROUTE_LEAST_OUTSTANDING: return outstanding;
  case ROUTE_SHORTEST_QUEUE: return (int64_t)tokens_inside(e);
  case ROUTE_PREFIX: return outstanding - ((int64_t)engine_cached_blocks(e, r) << 32);
  default: return 0;
  }
}

uint32_t engine_route(enum engine_router by, struct engine *const *engines, uint32_t n, uint64_t k,
                      const struct engine_request *r)
{
  uint32_t best = 0;
  int64_t least_load = INT64_MAX;
  sim_assert(n > 0);
  if (by == ROUTE_ROUND_ROBIN)
    return (uint32_t)(k % n);
  for (uint32_t i = 0; i < n; i++) {
    int64_t load = load_of(by, engines[i], r);
    if (load < least_load) {
      least_load = load;
      best = i;
    }
  }
  return best;
}
