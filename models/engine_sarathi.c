/* engine_sarathi.c: chunked prefill that never stalls decoding.
 *
 * 1. The running in their order: those that decode get one token each (a block as in engine_v0.c), never limited by the
 *    chunk budget; unfinished prompts are set aside.
 * 2. These get what is left of the budget; who gets nothing stays, the rest in order of arrival.
 * 3. The queue from the front, while caps hold, the whole prompt fits beside the watermark and budget is left.
 * A victim that was still reading reads its whole prompt again (its source decodes the remainder token by token).
 */
#include "models/engine_parts.h"

/* Decodes; the unfinished prompts gather at the front of `rest`. Returns how many. */
static uint32_t decode_running(struct engine *e)
{
  uint32_t aside = 0, j = e->n_rest;
  for (uint32_t i = 0; i < j; i++)
    if (e->rest[i]->decoding)
      engine_decode(e, i, &j);
    else
      e->rest[aside++] = e->rest[i];
  return aside;
}

static uint32_t budget_left(const struct engine *e)
{
  uint32_t used = e->step.prefill_tokens + e->step.decodes;
  return e->def.max_num_batched_tokens > used ? e->def.max_num_batched_tokens - used : 0;
}

static void read_on(struct engine *e, uint32_t aside)
{
  e->n_rest = 0;
  for (uint32_t i = 0; i < aside; i++) {
    struct engine_request *r = e->rest[i];
    uint32_t n = least(r->target - r->processed, budget_left(e));
    if (n)
      engine_add(e, r, n);
    else
      e->rest[e->n_rest++] = r;
  }
  engine_sort_rest(e);
}

void form_sarathi(struct engine *e)
{
  read_on(e, decode_running(e));
  while (e->first && e->holding < e->def.max_num_seqs && engine_prompt_fits(e, e->first) && budget_left(e)) {
    struct engine_request *r = engine_admit(e);
    blocks_take(e, r, blocks_for(e, r->target));
    engine_add(e, r, least(r->target, budget_left(e)));
  }
}
