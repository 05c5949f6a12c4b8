/* steptime_compact.c: a step time in a handful of coefficients, as fitted to the measured tables of a card.
 *
 *   t = table(T) + s S + p N + r Q + w A + d D + k K + u (D max - K), beside chunks + d' D + k' K
 *
 * table: piecewise linear over the tokens T of the iteration, because tile sizes make steps in it. S sequences; N chunks with
 * Q tokens of KV before them and A = sum n (2 q + n); D decoding requests with K tokens of KV, the longest max. Reading KV
 * beside a prompt takes another kernel, hence k'. It makes k: 131,072 bytes of a token at 950 GB/s are 0.138 us.
 */
#include "models/steptime_grid.h"
#include "models/steptime_parts.h"

struct compact { struct steptime base; struct steptime_compact of; struct grid table; };

static sim_time compact_ns(const struct steptime *model, const struct step_batch *b)
{
  const struct compact *m = (const void *)model;        /* its first member */
  const struct steptime_compact *c = &m->of;
  double tokens = b->prefill_tokens + b->decodes;
  double s = grid_at(&m->table, &tokens) + c->sequence_s * b->sequences;
  if (b->prefill_tokens)
    s += c->chunk_s * b->prefills + c->chunk_kv_s * (double)b->prefill_kv + c->attention_s * (double)b->prefill_attention;
  if (b->decodes) {
    double spread = (double)b->decodes * b->decode_kv_max - (double)b->decode_kv;
    s += c->decode_s * b->decodes + c->decode_kv_s * (double)b->decode_kv + c->skew_s * spread;
    if (b->prefill_tokens)
      s += c->mixed_s * b->decodes + c->mixed_kv_s * (double)b->decode_kv;
  }
  return ns_from_s(fmax(s, 1e-9));
}

const struct steptime *steptime_compact(struct arena *a, const struct steptime_compact *c)
{
  struct compact *m = arena_alloc(a, sizeof *m);
  sim_assert(c->table.n > 0);
  *m = (struct compact){{.ns = compact_ns, .limits = c->limits}, *c, grid_of_table(&c->table)};
  return &m->base;
}
