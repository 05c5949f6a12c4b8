/* engine_v1.c: vLLM's V1 scheduler: one token budget for all, no phases.
 *
 * A. The running in their order while budget is left: one that decodes gets one token, a prompt what is left of it, of
 *    the threshold or of the budget. While blocks are missing the tail of the running list is pushed out; when that is
 *    the request itself the pass ends. By priority, the one with the largest (priority, arrival) is pushed out, even when it
 *    is in the iteration already: it leaves it and gives its tokens back to the budget.
 * B. Only if nothing was pushed out: the queue in order while budget and places are left. Full blocks that the cache has
 *    need not be read (at most all tokens but one); the chunk, or with reserve_full the whole sequence, must fit the
 *    free blocks, else the pass ends. It also ends at one that has outgrown the whole memory: read in chunks, it would
 *    be pushed out and start again for ever.
 *
 * With `async` a batch is formed when the one before it starts, so without those who arrive or complete while that runs:
 * the former wait one iteration more, the latter hold their blocks and place until the next batch is formed.
 */
#include "models/engine_parts.h"

#include <string.h>

static uint32_t chunk_of(const struct engine *e, uint32_t wanted, uint32_t budget)
{
  uint32_t n = least(wanted, budget), threshold = e->def.long_prefill_threshold;
  return threshold ? least(n, threshold) : n;
}

/* rest[..i) is in the iteration, rest[i..j) not yet served. */
struct pass { uint32_t i, j, budget; };

static struct engine_request *last_by_priority(struct engine *e, struct pass *p)
{
  uint32_t worst = 0;
  for (uint32_t k = 1; k < p->j; k++)
    worst = engine_before(e->rest[worst], e->rest[k]) ? k : worst;
  struct engine_request *victim = e->rest[worst];
  if (worst < p->i) {
    engine_drop(e, worst);
    p->budget += victim->chunk;
    p->i--;
  }
  memmove(e->rest + worst, e->rest + worst + 1, (--p->j - worst) * sizeof *e->rest);
  return victim;
}

/* Blocks for r, rest[i], to have `tokens` in KV; false when it was pushed out itself. */
static bool make_room(struct engine *e, struct pass *p, struct engine_request *r, uint32_t tokens)
{
  struct engine_request *victim = NULL;
  uint32_t need = tokens > r->blocks * e->def.block_tok ? blocks_for(e, tokens) - r->blocks : 0;
  while (need > e->total - e->used && victim != r) {
    victim = e->def.by_priority ? last_by_priority(e, p) : e->rest[--p->j];
    engine_evict(e, victim);
  }
  if (victim == r)
    return false;
  if (need)
    blocks_take(e, r, need);
  return true;
}

static void serve_running(struct engine *e, uint32_t *budget)
{
  struct pass p = {0, e->n_rest, *budget};
  for (; p.i < p.j && p.budget; p.i++) {
    struct engine_request *r = e->rest[p.i];
    uint32_t n = r->decoding ? 1 : chunk_of(e, r->target - r->processed, p.budget);
    uint32_t tokens = r->decoding ? r->processed : r->processed + n;
    if (!make_room(e, &p, r, tokens))
      break;
    blocks_register(e, r, tokens);
    engine_add(e, r, n);
    p.budget -= n;
  }
  engine_keep_rest(e, least(p.i, p.j), p.j);
  *budget = p.budget;
}

static bool admit_head(struct engine *e, uint32_t *budget)
{
  struct engine_request *r = e->first;
  uint32_t idle = 0, hits = blocks_hit(e, r, &idle), hit_tok = hits * e->def.block_tok;
  uint32_t n = chunk_of(e, r->target - hit_tok, *budget), free_blocks = e->total - e->used;
  uint32_t whole = blocks_for(e, r->target) - hits, need = blocks_for(e, hit_tok + n) - hits;
  if ((e->def.reserve_full ? whole : need) + idle > free_blocks || hits + whole > e->total)
    return false;
  engine_admit(e);
  blocks_attach(e, r, hits);
  r->processed = r->hit_tok = hit_tok;
  e->meters.hit_tok += hit_tok;
  blocks_take(e, r, need);
  blocks_register(e, r, hit_tok + n);
  engine_add(e, r, n);
  *budget -= n;
  return true;
}

void form_v1(struct engine *e)
{
  uint32_t budget = e->def.max_num_batched_tokens;
  serve_running(e, &budget);
  while (!e->evicted && e->first && e->first->arrived <= e->seen && budget && e->holding < e->def.max_num_seqs)
    if (!admit_head(e, &budget))
      return;
}
