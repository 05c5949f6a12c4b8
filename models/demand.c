/* demand.c: what a task asks of a place, from its work and the hardware there.
 *
 * Roofline: max(FLOP / flop_per_s, bytes / byte_per_s) + overhead (Williams et al. 2009). Tokens: prompt at the
 * prefill rate, then one decode step of a + c*b seconds per output token with b running (parameter book 4.2); the first
 * token comes with the prompt. Noise is log-normal of mean 1: exp(sigma Z - sigma^2 / 2).
 * The draw is named by (request, task, variant, attempt): the same for every policy.
 */
#include "models/internal.h"

static const struct hardware_def *hardware_at(const struct world *w, const struct place *p, uint32_t member)
{
  return p->def->n_hardware > 0 ? &w->def->hardware[p->def->hardware[kind_of(p, member)]] : NULL;
}

static double roofline_s(const struct hardware_def *h, const struct work_def *work, const double *attribute)
{
  if (!h) return 0;
  double compute = h->flop_per_s > 0 ? expr_value(&work->flop, attribute) / h->flop_per_s : 0;
  double memory = h->byte_per_s > 0 ? expr_value(&work->bytes, attribute) / h->byte_per_s : 0;
  return (isnan(compute) || compute > memory ? compute : memory) + h->overhead_s;
}

static const struct token_cost *cost_at(const struct world *w, const struct place *p, uint32_t member,
                                        const struct task_def *t, int variant)
{
  if (!p->cost || t->n_variants == 0) return NULL;
  return &p->cost[kind_of(p, member) * w->def->n_variants + t->variant[variant]];
}

/* The part that has no chance in it: times of distributions are left to the caller. */
static struct demand demand_plain(const struct world *w, const struct task_def *t, int variant, struct endpoint at,
                                  const double *attribute)
{
  const struct place *p = &w->place[at.place];
  const struct work_def *work = &t->work[variant];
  struct demand d = { 0 };
  if (work->kind == WORK_ROOFLINE)
    d.time_s = roofline_s(hardware_at(w, p, at.member), work, attribute);
  else if (work->kind == WORK_TOKENS) {
    d.tok_in = expr_value(&work->tok_in, attribute);
    d.tok_out = expr_value(&work->tok_out, attribute);
    d.cost = cost_at(w, p, at.member, t, variant);
  }
  return d;
}

double demand_service_s(const struct demand *d, double running)
{
  if (!d->cost) return d->time_s;
  double steps = d->tok_out > 1 || isnan(d->tok_out) ? d->tok_out - 1 : 0;
  return d->tok_in / d->cost->prefill_tok_per_s + steps * (d->cost->step_a_s + d->cost->step_c_s * running);
}

struct demand demand_expected(const struct world *w, const struct klass *k, int task, int variant, struct endpoint at,
                              const double *attribute)
{
  const struct task_def *t = k->task[task].def;
  struct demand d = demand_plain(w, t, variant, at, attribute);
  if (t->work[variant].kind == WORK_TIME) d.time_s = k->task[task].expected_time_s[variant];
  return d;
}

static void add_noise(struct demand *d, double sigma, struct rng *rng)
{
  double factor = exp(sigma * rng_normal(rng) - sigma * sigma / 2);
  d->time_s *= factor;
  d->tok_in *= factor;
  d->tok_out *= factor;
}

/* What SRPT orders by: the truth, or what a scheduler can know. Without an estimate the class's place is last. */
static double size_s(struct world *w, const struct request *r, int task, int variant, struct endpoint at, const struct demand *d)
{
  const struct place_def *p = w->place[at.place].def;
  if (p->discipline != SRPT) return 0;
  if (!p->srpt_uses_estimate) return demand_service_s(d, 1);
  estimates_see(w, r);
  struct demand expected = demand_expected(w, &w->klass[r->klass], task, variant, at, w->visible);
  double s = demand_service_s(&expected, 1);
  return isnan(s) ? 1e15 : s;
}

struct demand demand_draw(struct world *w, const struct request *r, int task, int variant, unsigned ordinal, struct endpoint at)
{
  const struct class_def *k = w->klass[r->klass].def;
  const struct task_def *t = &k->task[task];
  const struct work_def *work = &t->work[variant];
  struct demand d = demand_plain(w, t, variant, at, r->attribute);
  bool random = work->kind == WORK_TIME ? !dist_is_constant(work->time_s) : work->noise_sigma > 0;
  if (random) {
    struct rng rng = rng_open(&w->root, STREAM_SERVICE, r->id, stream_entity(task, variant, ordinal));
    if (work->kind == WORK_TIME) d.time_s = dist_draw(work->time_s, &rng);
    else add_noise(&d, work->noise_sigma, &rng);
  } else if (work->kind == WORK_TIME) {
    d.time_s = w->klass[r->klass].task[task].expected_time_s[variant];
  }
  d.size_s = size_s(w, r, task, variant, at, &d);
  d.priority = k->priority;
  d.deadline = k->slo_e2e_s > 0 ? time_add(r->arrived, ns_from_s(k->slo_e2e_s)) : SIM_NEVER;
  return d;
}
