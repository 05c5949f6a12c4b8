/* demand.c: what a task asks of a place, from its work and the hardware there.
 *
 * Roofline: max(FLOP / flop_per_s, bytes / byte_per_s) x slots + overhead (Williams et al. 2009): a slot is an equal part
 * of its server, so that a server never exceeds its peak; under processor sharing a job has the server. Tokens: prompt at the
 * prefill rate, then one decode step of a + c*b seconds per output token with b running (parameter book 4.2); the first
 * token comes with the prompt. Noise is log-normal of mean 1: exp(sigma Z - sigma^2 / 2).
 * Kernels that the hardware has a measured cost of: measured.c.
 * A clock f of the device: arithmetic, prompts and times that are given or measured take 1 / f, the rest stays.
 * The draw is named by (request, task, variant, attempt): the same for every policy, and at every clock.
 */
#include "models/internal.h"

static const struct hardware_def *hardware_at(const struct world *w, const struct place *p, uint32_t member)
{
  return p->def->n_hardware > 0 ? &w->def->hardware[p->def->hardware[kind_of(p, member)]] : NULL;
}

static double roofline_s(const struct place_def *p, const struct hardware_def *h, const struct work_def *work,
                         double clock, const double *attribute)
{
  if (!h) return 0;
  double parts = p->discipline == PROCESSOR_SHARING ? 1 : p->slots;
  double compute = h->flop_per_s > 0 ? expr_value(&work->flop, attribute) / (clock * h->flop_per_s) : 0;
  double memory = h->byte_per_s > 0 ? expr_value(&work->bytes, attribute) / h->byte_per_s : 0;
  return (isnan(compute) || compute > memory ? compute : memory) * parts + h->overhead_s;
}

static const struct token_cost *cost_at(const struct world *w, const struct place *p, uint32_t member,
                                        const struct task_def *t, struct manner how)
{
  if (p->llm_cost) return &p->llm_cost[kind_of(p, member)];
  if (!p->cost || t->n_variants == 0) return NULL;
  int row = how.clock * p->n_kinds + kind_of(p, member);
  return &p->cost[row * w->def->n_variants + t->variant[how.variant]];
}

double demand_service_s(const struct demand *d, double running)
{
  if (!d->cost) return d->time_s;
  double steps = d->tok_out > 1 || isnan(d->tok_out) ? d->tok_out - 1 : 0;
  double context_s = d->cost->step_s_per_kv_tok * (d->tok_in + d->tok_out / 2);
  return token_prefill_s(d->cost, d->tok_in - d->tok_held) + steps * (d->cost->step_a_s + d->cost->step_c_s * running + context_s);
}

/* Of work by attributes. */
__attribute__((noinline))                               /* the common way, a given time, has no registers to save */
static void amounts_expected(const struct world *w, const struct place *p, const struct hardware_def *h,
                             const struct task_def *t, struct manner how, uint32_t member, const double *attribute,
                             struct demand *d)
{
  const struct work_def *work = &t->work[how.variant];
  if (work->kind == WORK_ROOFLINE) {
    double clock = how.clock ? w->def->clock[how.clock] : 1;
    const struct kernel_at *at = measured_at(work, p, member);
    d->time_s = at ? measured_expected_s(work->kernel, at, attribute, &d->outside) / clock + h->overhead_s
                   : roofline_s(p->def, h, work, clock, attribute);
    return;
  }
  d->tok_in = expr_value(&work->tok_in, attribute);
  d->tok_out = expr_value(&work->tok_out, attribute);
  d->cost = cost_at(w, p, member, t, how);
}

/* A time that is given is of the top clock, all of it for computing. */
static double at_clock(const struct world *w, struct manner how, double s)
{
  return how.clock ? s / w->def->clock[how.clock] : s;
}

/* Without chance: a distribution gives its mean. */
void demand_expected(const struct world *w, const struct klass *k, int task, struct manner how, struct endpoint at,
                     const double *attribute, struct demand *d)
{
  const struct task_def *t = k->task[task].def;
  const struct place *p = &w->place[at.place];
  const struct hardware_def *h = hardware_at(w, p, at.member);
  *d = (struct demand){.sustained = h ? h->sustained : NULL};
  switch (t->work[how.variant].kind) {
  case WORK_NONE: return;
  case WORK_TIME: d->time_s = at_clock(w, how, k->task[task].expected_time_s[how.variant]); return;
  case WORK_ROOFLINE: case WORK_TOKENS: amounts_expected(w, p, h, t, how, at.member, attribute, d);
  }
}

/* ---- amounts --------------------------------------------------------------------------------------------------- */

__attribute__((noinline))
static bool impossible(struct world *w, const struct request *r, const struct task_def *t, const char *what, double x)
{
  run_fails(w);
  return err_add(w->err, (struct where){ 0 }, "class '%s'%s%s: '%s' is %g for request %llu, which no request can have",
                 w->klass[r->klass].def->name, t ? ", task " : "", t ? t->name : "", what, isnan(x) ? fabs(x) : x,
                 (unsigned long long)r->id);
}

/* `not_yet`: attributes that nothing has produced so far: what reads them is left to the time when they are there. */
static inline bool amount_possible(struct world *w, const struct request *r, const struct task_def *t, const char *what,
                                   const struct expr *e, uint64_t not_yet)
{
  if (e->reads & not_yet) return true;
  double x = expr_value(e, r->attribute);
  return (x >= 0 && isfinite(x)) || impossible(w, r, t, what, x);
}

bool amount_is_possible(struct world *w, const struct request *r, int task, const char *what, double x)
{
  return (x >= 0 && isfinite(x)) || impossible(w, r, task_of(w, r, task), what, x);
}

double share_or_fail(struct world *w, const struct request *r, int task, const char *what, double x)
{
  if (x >= 0 && x <= 1) return x;
  (void)impossible(w, r, task_of(w, r, task), what, x);
  return 0;
}

/* Kernels whose work does not read what an axis does: rows of a table, for one. */
static bool axes_possible(struct world *w, const struct request *r, const struct task_def *t, const struct kernel_work *k,
                          uint64_t not_yet)
{
  bool ok = amount_possible(w, r, t, "working_set", &k->working_set_bytes, not_yet);
  for (const struct kernel_at *at = k->at; at < k->at + w->def->n_hardware; at++)
    for (int i = 0; ok && at->measured && i < at->measured->cost.n_axes; i++)
      ok = amount_possible(w, r, t, at->measured->cost.axis[i].name, &at->axis[i], not_yet);
  return ok;
}

static bool work_possible(struct world *w, const struct request *r, const struct task_def *t,
                          const struct work_def *work, uint64_t not_yet)
{
  switch (work->kind) {
  case WORK_ROOFLINE:
    return amount_possible(w, r, t, "flop", &work->flop, not_yet)
           && amount_possible(w, r, t, "bytes", &work->bytes, not_yet)
           && (!work->kernel || (amount_possible(w, r, t, "units", &work->kernel->units, not_yet)
                                 && amount_possible(w, r, t, "calls", &work->kernel->calls, not_yet)
                                 && amount_possible(w, r, t, "reuse_distance", &work->kernel->reuse_bytes, not_yet)
                                 && axes_possible(w, r, t, work->kernel, not_yet)));
  case WORK_TOKENS:
    return amount_possible(w, r, t, "tokens.input", &work->tok_in, not_yet)
           && amount_possible(w, r, t, "tokens.output", &work->tok_out, not_yet)
           && amount_possible(w, r, t, "tokens.cached", &work->tok_cached, not_yet);
  default: return true;
  }
}

static bool works_possible(struct world *w, const struct request *r, const struct task_def *t, uint64_t not_yet)
{
  bool ok = true;
  for (int v = 0; ok && v < (t->n_variants > 0 ? t->n_variants : 1); v++) ok = work_possible(w, r, t, &t->work[v], not_yet);
  return ok;
}

bool demand_possible(struct world *w, const struct request *r)
{
  const struct class_def *k = w->klass[r->klass].def;
  bool ok = amount_possible(w, r, NULL, "input", &k->input_bytes, 0);
  for (const struct task_def *t = k->task; ok && t < k->task + k->n_tasks; t++)
    ok = amount_possible(w, r, t, "output", &t->output_bytes, k->produced) && works_possible(w, r, t, k->produced);
  return ok;
}

bool demand_ready(struct world *w, const struct request *r, const struct task_def *t)
{
  return works_possible(w, r, t, 0);
}

bool demand_made(struct world *w, const struct request *r, const struct task_def *t)
{
  return amount_possible(w, r, t, "output", &t->output_bytes, 0);
}

/* ---- the draw -------------------------------------------------------------------------------------------------- */

static void add_noise(struct demand *d, double sigma, struct rng *rng)
{
  double factor = exp(sigma * rng_normal(rng) - sigma * sigma / 2);
  d->time_s *= factor;
  d->tok_in *= factor;
  d->tok_out *= factor;
}

/* What SRPT orders by: the truth, or what a scheduler can know. Without an estimate a job comes last. */
static double size_s(struct world *w, const struct request *r, int task, struct manner how, struct endpoint at,
                     const struct demand *d)
{
  const struct place_def *p = w->place[at.place].def;
  if (p->discipline != SRPT) return 0;
  if (!p->srpt_uses_estimate) return demand_service_s(d, 1);
  struct demand expected;
  estimates_see(w, r);
  demand_expected(w, &w->klass[r->klass], task, how, at, w->visible, &expected);
  double s = demand_service_s(&expected, 1);
  return isnan(s) ? 1e15 : s;
}

void demand_draw(struct world *w, const struct request *r, int task, struct manner how, unsigned ordinal, struct endpoint at,
                 struct demand *d)
{
  const struct klass *k = &w->klass[r->klass];
  const struct work_def *work = &k->task[task].def->work[how.variant];
  demand_expected(w, k, task, how, at, r->attribute, d);
  if (work->kind == WORK_TIME ? !dist_is_constant(work->time_s) : work->noise_sigma > 0) {
    struct rng rng = rng_open(&w->root, STREAM_SERVICE, r->id, stream_entity(task, how.variant, ordinal));
    if (work->kind == WORK_TIME) d->time_s = at_clock(w, how, dist_draw(work->time_s, &rng));
    else add_noise(d, work->noise_sigma, &rng);
  }
  if (work->kernel) measured_draw(w, r, task, how, ordinal, at, d);
  d->size_s = size_s(w, r, task, how, at, d);
  d->priority = k->def->priority;
  d->deadline = k->def->slo_e2e_s > 0 ? time_add(r->arrived, k->slo_e2e) : SIM_NEVER;
}
