/* estimates.c: what each action is expected to bring, for policies that ask.
 *
 * latency = idle network up + wait + start + service + idle network down. Wait: jobs there by telemetry beyond the free
 * slots, times the place's mean service so far (by telemetry too), over its slots. Start: the mean cold start, where no
 * instance is free and one would start, as telemetry says. Only known attributes and declared estimators enter; what is
 * not known makes the estimate NaN. An oracle reads true attributes, the true state and the demand that will be drawn.
 */
#include "models/exposure.h"

void estimates_see(struct world *w, const struct request *r)
{
  const struct klass *k = &w->klass[r->klass];
  for (int i = 0; i < k->def->n_attributes; i++) {
    const struct attribute_def *at = &k->def->attribute[i];
    bool known = w->oracle || at->known == KNOWN_ARRIVAL
                 || (at->known == KNOWN_AFTER_TASK && at->after_task >= 0 && r->done >> at->after_task & 1);
    w->visible[i] = known ? r->attribute[i] : k->estimate[i];
  }
}

void estimators_learn(struct klass *k, const struct request *r)
{
  for (int i = 0; i < k->def->n_attributes; i++) {
    if (k->def->attribute[i].estimator != ESTIMATE_CLASS_MEAN || isnan(r->attribute[i])) continue;
    double n = (double)++k->estimate_n[i];
    k->estimate[i] = n == 1 ? r->attribute[i] : k->estimate[i] + (r->attribute[i] - k->estimate[i]) / n;
  }
}

static double larger(double a, double b) { return isnan(a) || a > b ? a : b; }

void estimates_begin(struct world *w, const struct attempt *a)
{
  const struct class_def *k = w->klass[a->request->klass].def;
  const struct task_def *t = &k->task[a->task];
  estimates_see(w, a->request);
  w->output_bytes = is_final(t) ? expr_value(&t->output_bytes, w->visible) : 0;
  uint64_t inputs = w->inputs = request_inputs(w, a->request, a->task);
  if (inputs >> FROM_DEVICE) w->input_bytes[FROM_DEVICE] = expr_value(&k->input_bytes, w->visible);
  for (uint32_t left = (uint32_t)inputs; left; left &= left - 1) {
    int from = __builtin_ctz(left);
    w->input_bytes[from] = expr_value(&k->task[from].output_bytes, w->visible);
  }
}

__attribute__((noinline))                               /* other tariffs are looked up without a frame */
static double tiered_way_s(struct world *w, struct endpoint from, struct endpoint to, double bytes,
                           struct transfer_cost *sum)
{
  const struct place *p = &w->place[from.place];
  struct tariff_meter meter = p->meter;
  tariff_month(&p->tariff, &meter, s_from_ns(now_of(w)));
  sum->usd += tariff_egress_usd(&p->tariff, &meter, bytes);
  return network_estimate(w->network, from, to, bytes, sum);
}

static double other_way_s(struct world *w, struct endpoint from, struct endpoint to, double bytes,
                          struct transfer_cost *sum)
{
  const struct tariff_def *f = &w->place[from.place].tariff;
  if (f->terms && f->terms->n_tiers > 0) return tiered_way_s(w, from, to, bytes, sum);
  sum->usd += f->usd_per_byte_out > 0 ? f->usd_per_byte_out * bytes : 0;
  return network_estimate(w->network, from, to, bytes, sum);
}

static inline double way_s(struct world *w, struct endpoint from, struct endpoint to, double bytes,
                           struct transfer_cost *sum)
{
  if (same_end(from, to)) return 0;
  return other_way_s(w, from, to, sent_bytes(w, from, to, bytes), sum);
}

/* Inputs come in parallel: the slowest counts. */
static double slowest_s(struct world *w, struct request *r, struct endpoint at, struct transfer_cost *cost)
{
  uint64_t inputs = w->inputs;
  double slowest = 0;
  if (inputs >> FROM_DEVICE) slowest = way_s(w, origin_of(r), at, w->input_bytes[FROM_DEVICE], cost);
  for (uint32_t left = (uint32_t)inputs; left; left &= left - 1) {
    int from = __builtin_ctz(left);
    slowest = larger(way_s(w, request_outputs(w, r)[from], at, w->input_bytes[from], cost), slowest);
  }
  return slowest;
}

/* Most tasks take the request's own input and nothing else. */
static inline double up_s(struct world *w, struct request *r, struct endpoint at, struct transfer_cost *cost)
{
  if (w->inputs != UINT64_C(1) << FROM_DEVICE) return slowest_s(w, r, at, cost);
  return way_s(w, origin_of(r), at, w->input_bytes[FROM_DEVICE], cost);
}

double estimates_work_flop(const struct world *w, const struct attempt *a)
{
  const struct task_def *t = w->klass[a->request->klass].task[a->task].def;
  const struct work_def *work = &t->work[0];
  if (work->kind == WORK_ROOFLINE) return expr_value(&work->flop, w->visible);
  if (work->kind != WORK_TOKENS) return NAN;
  double tok = expr_value(&work->tok_in, w->visible) + expr_value(&work->tok_out, w->visible);
  return 2 * w->def->variant[t->variant[0]].parameters * tok;           /* two operations a weight and token */
}

double estimates_moved_bytes(struct world *w, const struct attempt *a)
{
  uint64_t inputs = w->inputs;
  double bytes = expr_value(&w->klass[a->request->klass].task[a->task].def->output_bytes, w->visible);
  if (inputs >> FROM_DEVICE) bytes += w->input_bytes[FROM_DEVICE];
  for (uint32_t left = (uint32_t)inputs; left; left &= left - 1) bytes += w->input_bytes[__builtin_ctz(left)];
  return bytes;
}

double estimates_network_s(struct world *w, const struct attempt *a)
{
  struct request *r = a->request;
  const struct task_def *t = w->klass[r->klass].task[a->task].def;
  double least = INFINITY;
  for (int i = 0; i < t->n_plans; i++) {
    struct transfer_cost unused = { 0 };
    struct endpoint at = w->action_end[i];
    if (w->actions[i].mask || at.place >= w->def->n_places || same_end(at, origin_of(r))) continue;
    least = fmin(least, up_s(w, r, at, &unused));
  }
  return least;
}

/* Tokens of a stream take the latency each; their bytes are charged all the same. */
static double down_s(struct world *w, const struct request *r, const struct task_def *t, struct endpoint at,
                     struct transfer_cost *cost)
{
  struct endpoint user = origin_of(r);
  if (!is_final(t) || same_end(user, at)) return 0;
  double s = way_s(w, at, user, w->output_bytes, cost);
  return t->stream ? network_idle_s(w->network, at, user, 0) : s;
}

/* An action: the plan's place as the asker sees it. member: NONE = the whole place. */
struct option { const struct attempt *attempt; const struct place *place; int64_t member; double jobs; };

/* Service and the wait for a slot, once all are taken. */
static double waiting_s(struct world *w, const struct option *o, double slots, double service_s)
{
  if (!(o->jobs >= slots)) return service_s;
  double mean_s = telemetry_service_s(w, o->attempt->request, o->place, o->member);
  return service_s + (o->jobs - slots + 1) / slots * (isnan(mean_s) ? service_s : mean_s);
}

/* Time in service and, returned, in all, beside the others. */
static double tokens_s(struct world *w, const struct option *o, const struct demand *d, double *service_s)
{
  const struct place_def *p = o->place->def;
  double batch = d->cost->max_batch > 0 ? d->cost->max_batch : p->slots, servers = p->servers;
  *service_s = demand_service_s(d, isnan(o->jobs) ? 1 : fmin(o->jobs / servers + 1, batch));
  return waiting_s(w, o, servers * batch, *service_s);
}

static double shared_s(const struct place *p, double jobs, double service_s)
{
  return isnan(jobs) ? service_s : service_s * fmax(1, (jobs + 1) / p->def->servers);
}

/* With what is there already as company; charged for its part of the batch. */
static double batched_s(struct world *w, const struct option *o, const struct demand *d, double *service_s)
{
  const struct place_def *p = o->place->def;
  const struct batching_def *b = p->batching;
  double instances = (double)p->servers * p->slots, most = b->size;
  double size = isnan(o->jobs) ? 1 : fmin(floor(o->jobs / instances) + 1, most);
  *service_s = b->time_of == BATCH_CURVE ? batch_curve_at(&b->time_s, size)
               : b->time_of == BATCH_SUM ? size * d->time_s : d->time_s;
  double inside = waiting_s(w, o, instances * most, *service_s);
  *service_s /= size;
  return inside;
}

/* Beside its part of those there; charged for its own tokens of the iterations. */
static double llm_s(struct world *w, const struct option *o, const struct demand *d, double *service_s, double *joule)
{
  const struct place_def *p = o->place->def;
  double others = isnan(o->jobs) ? 0 : fmin(o->jobs / p->servers, p->slots - 1);
  int kind = o->member >= 0 ? kind_of(o->place, (uint32_t)o->member) : 0;
  double alone = llm_expected_s(o->place, kind, d, others, service_s, joule);
  *service_s *= p->slots;
  return waiting_s(w, o, (double)p->servers * p->slots, alone);
}

static double queued_s(struct world *w, const struct option *o, double service_s)
{
  const struct place_def *p = o->place->def;
  return waiting_s(w, o, (double)p->servers * p->slots, service_s);
}

static double inside_s(struct world *w, const struct option *o, const struct demand *d, double *service_s,
                       double *joule)
{
  const struct place_def *p = o->place->def;
  if (p->kind == PLACE_API) return *service_s = api_expected_s(w, o->attempt, o->place, d);
  if (p->llm) return llm_s(w, o, d, service_s, joule);
  if (d->cost) return tokens_s(w, o, d, service_s);
  if (p->batching) return batched_s(w, o, d, service_s);
  *service_s = d->time_s;
  if (p->discipline == PROCESSOR_SHARING) return shared_s(o->place, o->jobs, d->time_s);
  return queued_s(w, o, d->time_s);
}

/* At the speed that the place has. */
__attribute__((noinline))
static double stay_s(struct world *w, const struct option *o, const struct demand *d, double *service_s, double *joule)
{
  const struct place *p = o->place;
  double s = inside_s(w, o, d, service_s, joule);
  if (w->oracle && p->speed != 1 && p->def->kind != PLACE_API) s /= p->speed;
  if (p->def->trust && !w->oracle) s *= p->def->trust->slowdown;
  if (p->def->trust) *service_s *= p->def->trust->slowdown;
  return s;
}

__attribute__((noinline))
static double metered_use_usd(const struct world *w, const struct place *p, const struct demand *d,
                              const struct work_def *work, const double *attribute)
{
  const struct tariff_def *f = &p->tariff;
  struct tariff_meter meter = p->meter;
  tariff_month(f, &meter, s_from_ns(now_of(w)));
  return tariff_request_usd(f, &meter)
         + tariff_tokens_usd(f, d->tok_in, expr_value(&work->tok_cached, attribute), d->tok_out, 1);
}

static inline double use_usd(const struct world *w, const struct place *p, const struct demand *d,
                             const struct work_def *work, const double *attribute)
{
  const struct tariff_def *f = &p->tariff;
  if (f->terms) return metered_use_usd(w, p, d, work, attribute);
  return f->usd_per_request + tariff_tokens_usd(f, d->tok_in, 0, d->tok_out, 1);
}

static double quality_of(const struct world *w, const struct request *r, const struct task_def *t, int variant)
{
  if (t->n_variants == 0) return 1;
  int v = t->variant[variant];
  const struct variant_def *def = &w->def->variant[v];
  const struct class_def *k = w->klass[r->klass].def;
  if (w->oracle) return quality_of_request(k, def, r->attribute);
  return def->outcomes ? quality_told(k, def, r->attribute) : w->quality_mean[v];
}

void estimates_fill(struct world *w, const struct attempt *a, const struct plan_def *plan, struct endpoint at,
                    struct action_facts *f)
{
  struct request *r = a->request;
  const struct klass *k = &w->klass[r->klass];
  const struct task_def *t = k->task[a->task].def;
  const struct place *p = &w->place[at.place];
  struct demand d;
  if (w->oracle) demand_draw(w, r, a->task, manner_of(plan), a->ordinal, at, &d);
  else demand_expected(w, k, a->task, manner_of(plan), at, w->visible, &d);
  if (d.outside) w->place[at.place].extrapolated_estimates++;
  struct transfer_cost way = { 0 };
  double state_s = w->states ? state_expect(w, a, plan, at, &d) : 0;
  double service_s = d.time_s, joule = 0, network_s = larger(state_s, up_s(w, r, at, &way)) + down_s(w, r, t, at, &way);
  struct option option = { a, p, plan->word == WORD_PLACE ? NONE : (int64_t)at.member, f->queue };
  bool plain = p->plain && !d.cost && !w->oracle;
  f->est_latency_s = network_s + (plain ? queued_s(w, &option, d.time_s) : stay_s(w, &option, &d, &service_s, &joule));
  if (!p->plain) {
    if (p->attested) f->est_latency_s += trust_expected_s(w, r, at);
    if (p->def->instances) f->est_latency_s += telemetry_start_s(w, r, p, option.member);
  }
  double slot_w = p->dynamic_w[kind_of(p, at.member)];
  if (plan->clock) slot_w *= supply_clock(w, p, at.member, plan->clock);
  double place_j = slot_w * service_s + joule;
  f->est_cost_usd = way.usd + ledger_time_usd(w, p, service_s, place_j)
                    + use_usd(w, p, &d, &t->work[plan->variant], w->oracle ? r->attribute : w->visible);
  double network_j = w->def->boundary == BOUNDARY_DEVICE ? 0 : way.network_j;
  f->est_energy_j = way.device_j + network_j + p->counted * (slot_w * service_s)
                    + p->counted * joule;
  f->est_quality = quality_of(w, r, t, plan->variant);
  if (t->effect) f->est_quality *= effect_expected_quality(t, plan->variant, w->oracle ? r->attribute : w->visible);
}
