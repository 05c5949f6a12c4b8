/* steptime.c: step times that a few coefficients describe.
 *
 * Affine (parameter book 4.2): a step with prompt tokens P and D decoding requests lasts a + c D + P / rate; without decoding
 * requests P / rate, at least a. H100, 8B model, a = 6.3 ms, c = 0.055 ms: 32 requests decode in 8.06 ms.
 * DistServe: prefill a + b sum n + c sum n^2, decode a + b sum kv + c B, in ms; a mixed batch is their sum. OPT-13B on one A100,
 * prefill 18.10 + 0.1019 n + 7.12e-6 n^2: 512 tokens take 72.14 ms.
 */
#include "models/steptime_parts.h"
#include "models/power.h"
#include <math.h>

/* Rounded to nothing, it takes 1 ns: no iteration takes no time. */
sim_time steptime_ns(const struct steptime *model, const struct step_batch *b)
{
  sim_time ns = model->ns(model, b);
  return ns > 0 ? ns : 1;
}
struct steptime_limits steptime_limits(const struct steptime *model) { return model->limits; }

/* ---- energy -------------------------------------------------------------------------------------------------------- */

struct with_energy { struct steptime base; const struct steptime *times; struct steptime_energy energy; };

static sim_time times_ns(const struct steptime *model, const struct step_batch *b)
{
  return steptime_ns(((const struct with_energy *)(const void *)model)->times, b);
}

const struct steptime *steptime_with_energy(struct arena *a, const struct steptime *times, const struct steptime_energy *energy)
{
  struct with_energy *m = arena_alloc(a, sizeof *m);
  *m = (struct with_energy){{.ns = times_ns, .limits = times->limits, .energy = &m->energy}, times, *energy};
  return &m->base;
}

struct with_power { struct steptime base; const struct steptime *times; struct steptime_power power; };

static sim_time powered_ns(const struct steptime *model, const struct step_batch *b)
{
  return steptime_ns(((const struct with_power *)(const void *)model)->times, b);
}

const struct steptime *steptime_with_power(struct arena *a, const struct steptime *times, const struct steptime_power *power)
{
  struct with_power *m = arena_alloc(a, sizeof *m);
  *m = (struct with_power){{.ns = powered_ns, .limits = times->limits, .power = &m->power}, times, *power};
  return &m->base;
}

bool steptime_has_energy(const struct steptime *model) { return model->energy || model->power; }

/* A server that computes at all draws the linear shape's whole power. */
static double step_w(const struct steptime_power *p, const struct step_batch *b)
{
  bool whole = b->prefill_tokens > 0 || !p->shape || p->shape->shape == POWER_LINEAR;
  return p->power_w * (whole ? 1 : power_share_of(p->shape, fmin(1, b->decodes / p->most), p->most));
}

double steptime_j(const struct steptime *model, const struct step_batch *b)
{
  const struct steptime_energy *e = model->energy;
  if (model->power) return step_w(model->power, b) * s_from_ns(steptime_ns(model, b));
  return e ? e->step_j + e->decode_j * b->decodes + e->prompt_j * b->prefill_tokens : 0;
}

/* ---- affine, DistServe --------------------------------------------------------------------------------------------- */

struct affine { struct steptime base; double a_s, c_s, kv_tok_s, prefill_tok_per_s; };

static sim_time affine_ns(const struct steptime *model, const struct step_batch *b)
{
  const struct affine *m = (const void *)model;         /* its first member */
  double read_s = b->prefill_tokens / m->prefill_tok_per_s;
  double decode_s = m->a_s + m->c_s * b->decodes + m->kv_tok_s * (double)b->decode_kv;
  return ns_from_s(b->decodes ? decode_s + read_s : fmax(m->a_s, read_s));
}

const struct steptime *steptime_affine(struct arena *a, double a_s, double c_s, double prefill_tok_per_s)
{
  return steptime_affine_kv(a, a_s, c_s, 0, prefill_tok_per_s);
}

const struct steptime *steptime_affine_kv(struct arena *a, double a_s, double c_s, double kv_tok_s, double prefill_tok_per_s)
{
  sim_assert(a_s >= 0 && c_s >= 0 && prefill_tok_per_s > 0);
  struct affine *m = arena_alloc(a, sizeof *m);
  *m = (struct affine){{.ns = affine_ns}, a_s, c_s, kv_tok_s, prefill_tok_per_s};
  return &m->base;
}

struct distserve { struct steptime base; double prefill[3], small[3], large[3]; uint32_t large_from; };

static sim_time distserve_ns(const struct steptime *model, const struct step_batch *b)
{
  const struct distserve *m = (const void *)model;      /* its first member */
  const double *d = b->decodes >= m->large_from ? m->large : m->small;
  double ms = 0;
  if (b->prefill_tokens)
    ms += m->prefill[0] + m->prefill[1] * b->prefill_tokens + m->prefill[2] * b->prefill_squares;
  if (b->decodes)
    ms += d[0] + d[1] * (double)b->decode_kv + d[2] * b->decodes;
  return ns_from_s(fmax(ms, 0) / 1e3);
}

const struct steptime *steptime_distserve(struct arena *a, const double prefill_ms[3], const double small_ms[3],
                                          const double large_ms[3], uint32_t large)
{
  struct distserve *m = arena_alloc(a, sizeof *m);
  *m = (struct distserve){.base = {.ns = distserve_ns}, .large_from = large};
  for (int i = 0; i < 3; i++) {
    m->prefill[i] = prefill_ms[i];
    m->small[i] = small_ms[i];
    m->large[i] = large_ms[i];
  }
  return &m->base;
}
