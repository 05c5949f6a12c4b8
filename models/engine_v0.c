/* engine_v0.c: vLLM's first scheduler: prompts first, whole, in batches of their own.
 *
 * 1. From the front of the queue, while memory has room for the whole prompt beside the watermark, the padded batch
 *    (requests x longest prompt) keeps within max_num_batched_tokens, and the caps hold.
 * 2. If none came: the running in order of arrival decode one token each. A decode wants a free block even if it needs
 *    none; while there is none the last of the running is pushed out, at last the request itself.
 */
#include "models/engine_parts.h"

bool engine_prompt_fits(const struct engine *e, const struct engine_request *r)
{
  return e->used + blocks_for(e, r->target) + e->watermark <= e->total;
}

void engine_decode(struct engine *e, uint32_t i, uint32_t *j)
{
  struct engine_request *r = e->rest[i];
  while (e->used == e->total) {
    bool others = *j > i + 1;
    engine_evict(e, others ? e->rest[--*j] : r);
    if (!others)
      return;
  }
  if (r->processed > r->blocks * e->def.block_tok)
    blocks_take(e, r, 1);
  engine_add(e, r, 1);
}

static void admit_prompts(struct engine *e)
{
  uint64_t longest = 0;
  while (e->first && engine_prompt_fits(e, e->first)) {
    if (e->first->target > longest)
      longest = e->first->target;
    if ((e->n_batch + 1) * longest > e->def.max_num_batched_tokens || e->holding == e->def.max_num_seqs)
      return;
    struct engine_request *r = engine_admit(e);
    blocks_take(e, r, blocks_for(e, r->target));
    engine_add(e, r, r->target);
  }
}

void form_v0(struct engine *e)
{
  admit_prompts(e);
  if (e->n_batch)
    return;
  engine_sort_rest(e);
  uint32_t j = e->n_rest;
  for (uint32_t i = 0; i < j; i++)
    engine_decode(e, i, &j);
  e->n_rest = 0;                                        /* all are in the batch or pushed out */
}
