/* steptime_vidur.c: the form of Vidur (Agrawal et al. 2024).
 *
 *   t = linear(T') + L [g (1 + .1 when > 1 chunk and heads share keys) + h (1 + .1 when B > 1 and they do) + 2 reduce(T)]
 *
 * linear: all layers, T' = tokens rounded up to 8, a table or max(floor, a + b T'). Attention by rooflines, each device having
 * 1 / P of the heads: g = g0 + 4 w (c Q + c^2 / 2) / F with c = round(sqrt(sum n^2)), Q the KV before the chunks and w = heads
 * x width; h = h0 + B kv 4 w' / R, kv = mean KV rounded up to 64, w' = key heads x width, 2 bytes each. reduce, with P > 1
 * devices: a ring, 2 (P - 1) / P x 2 T d / rate + 0.02 ms. Embedding, head and sampler are left out, as there.
 * Llama 3 8B, 2 decoding requests with 100 tokens each, R = 2 TB/s: h = 2 x 128 x 4096 / 2e12 = 0.524 us, 1.1 times.
 */
#include "models/steptime_grid.h"
#include "models/steptime_parts.h"

struct vidur { struct steptime base; struct steptime_vidur of; struct grid table; double reduce_s, reduce_s_per_token; };

static double up_to(double x, double step) { return ceil(x / step) * step; }

static double linear_s(const struct vidur *m, double tokens)
{
  const struct steptime_vidur *v = &m->of;
  double x = up_to(tokens, 8);
  return v->linear.n ? grid_at(&m->table, &x) : fmax(v->floor_s, v->a_s + v->b_s * x);
}

static double prefill_s(const struct steptime_vidur *v, const struct step_batch *b, double shared)
{
  double c = round(sqrt(b->prefill_squares)), width = (double)v->model->heads * v->model->head_dim / v->devices;
  double flop = 4 * width * (c * (double)b->prefill_kv + c * c / 2);
  return (v->prefill_s + flop / v->flop_per_s) * (b->prefills > 1 ? shared : 1);
}

static double decode_s(const struct steptime_vidur *v, const struct step_batch *b, double shared)
{
  double kv = up_to((double)b->decode_kv / b->decodes, 64), width = (double)v->model->kv_heads * v->model->head_dim / v->devices;
  return (v->decode_s + b->decodes * kv * 4 * width / v->byte_per_s) * (b->decodes > 1 ? shared : 1);
}

static sim_time vidur_ns(const struct steptime *model, const struct step_batch *b)
{
  const struct vidur *m = (const void *)model;          /* its first member */
  const struct steptime_vidur *v = &m->of;
  double shared = v->model->kv_heads < v->model->heads ? 1.1 : 1, tokens = b->prefill_tokens + b->decodes;
  double layer = m->reduce_s + m->reduce_s_per_token * tokens;
  if (b->prefill_tokens)
    layer += prefill_s(v, b, shared);
  if (b->decodes)
    layer += decode_s(v, b, shared);
  return ns_from_s(linear_s(m, tokens) + v->model->layers * layer);
}

const struct steptime *steptime_vidur(struct arena *a, const struct steptime_vidur *v)
{
  struct vidur *m = arena_alloc(a, sizeof *m);
  sim_assert(v->devices >= 1 && v->flop_per_s > 0 && v->byte_per_s > 0);
  *m = (struct vidur){.base = {.ns = vidur_ns}, .of = *v, .table = grid_of_table(&v->linear)};
  if (v->devices > 1) {
    m->reduce_s = 2 * v->collective_s;
    m->reduce_s_per_token = 2 * ring_s_per_token(v->devices, v->model->hidden, v->interconnect_byte_per_s);
  }
  return &m->base;
}
