/* steptime_prompt.c: how long prompts take, from measured times by their length, or from one rate.
 *
 *   t(n) = table(n) x R / r, linear between its points; below the first the first holds, beyond the last its line goes on
 *
 * R is the rate at the top clock, r the rate now: a slower clock stretches the table. Without a table: t(n) = n / r.
 * An LLM engine reads a chunk of n tokens on q of context in t(q + n) - t(q), several chunks as one on their mean context,
 * and beside it decodes in a + c b + k K. Check: 100 tokens in 20 ms and 300 in 40 ms are 30 ms for 200; 200 on 100: 20 ms.
 */
#include "models/defs.h"
#include "models/steptime_grid.h"
#include "models/steptime_parts.h"

double token_prefill_s(const struct token_cost *c, double tok)
{
  if (!(tok > 0) || !c->prompt)
    return tok > 0 || isnan(tok) ? tok / c->prefill_tok_per_s : 0;
  struct grid table = grid_of_table(c->prompt);
  return grid_at(&table, &tok) * (c->prompt_tok_per_s / c->prefill_tok_per_s);
}

struct of_cost { struct steptime base; struct token_cost cost; };

static double read_s(const struct token_cost *c, const struct step_batch *b)
{
  double before = b->prefills ? (double)b->prefill_kv / b->prefills : 0;
  return token_prefill_s(c, before + b->prefill_tokens) - token_prefill_s(c, before);
}

static sim_time of_cost_ns(const struct steptime *model, const struct step_batch *b)
{
  const struct token_cost *c = &((const struct of_cost *)(const void *)model)->cost;      /* its first member */
  double read = b->prefill_tokens ? read_s(c, b) : 0;
  double decode = c->step_a_s + c->step_c_s * b->decodes + c->step_s_per_kv_tok * (double)b->decode_kv;
  return ns_from_s(b->decodes ? decode + read : fmax(c->step_a_s, read));
}

const struct steptime *steptime_of_cost(struct arena *a, const struct token_cost *c)
{
  struct of_cost *m = arena_alloc(a, sizeof *m);
  sim_assert(c->prefill_tok_per_s > 0);
  *m = (struct of_cost){{.ns = of_cost_ns}, *c};
  return &m->base;
}
