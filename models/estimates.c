/* estimates.c: what each action is expected to bring, for policies that ask.
 *
 * latency = idle network up + wait + service + idle network down. Wait: jobs there by telemetry beyond the free slots,
 * times the place's mean service so far, over its slots. Only known attributes and declared estimators enter; what is
 * not known makes the estimate NaN. An oracle reads true attributes, the true state and the demand that will be drawn.
 */
#include "models/internal.h"

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
    if (k->def->attribute[i].estimator != ESTIMATE_CLASS_MEAN) continue;
    double n = (double)++k->estimate_n[i];
    k->estimate[i] = n == 1 ? r->attribute[i] : k->estimate[i] + (r->attribute[i] - k->estimate[i]) / n;
  }
}

static double larger(double a, double b) { return isnan(a) || a > b ? a : b; }

static void add_way(const struct world *w, struct endpoint from, struct endpoint to, double bytes, struct transfer_cost *sum)
{
  struct transfer_cost cost = network_cost(w->network, from, to, bytes);
  sum->device_j += cost.device_j;
  sum->network_j += cost.network_j;
  sum->usd += cost.usd + w->place[from.place].def->tariff.usd_per_byte_out * bytes;
}

/* Inputs come in parallel: the slowest counts. */
static double up_s(struct world *w, const struct attempt *a, struct endpoint at, struct transfer_cost *cost)
{
  struct request *r = a->request;
  const struct class_def *k = w->klass[r->klass].def;
  const struct task_def *t = &k->task[a->task];
  double slowest = 0;
  if (t->after == 0 && !same_end(origin_of(r), at)) {
    double bytes = expr_value(&k->input_bytes, w->visible);
    add_way(w, origin_of(r), at, bytes, cost);
    return network_idle_s(w->network, origin_of(r), at, bytes);
  }
  for (uint32_t left = t->after; left; left &= left - 1) {
    int from = __builtin_ctz(left);
    struct endpoint there = request_outputs(w, r)[from];
    if (same_end(there, at)) continue;
    double bytes = expr_value(&k->task[from].output_bytes, w->visible);
    add_way(w, there, at, bytes, cost);
    slowest = larger(network_idle_s(w->network, there, at, bytes), slowest);
  }
  return slowest;
}

static double down_s(struct world *w, const struct attempt *a, struct endpoint at, struct transfer_cost *cost)
{
  const struct task_def *t = task_of(w, a->request, a->task);
  if (!is_final(t) || same_end(origin_of(a->request), at)) return 0;
  double bytes = expr_value(&t->output_bytes, w->visible);
  add_way(w, at, origin_of(a->request), bytes, cost);
  return network_idle_s(w->network, at, origin_of(a->request), t->stream ? 0 : bytes);
}

/* Service and wait beside `jobs` others. */
static double inside_s(const struct place *p, const struct demand *d, double jobs, double *service_s)
{
  if (p->def->kind == PLACE_API) return *service_s = api_expected_s(p, d);
  double slots = (double)p->def->servers * p->def->slots;
  if (d->cost) {
    slots = (double)p->def->servers * (d->cost->max_batch > 0 ? d->cost->max_batch : p->def->slots);
    *service_s = demand_service_s(d, isnan(jobs) ? 1 : fmin(jobs / p->def->servers + 1, slots / p->def->servers));
  } else if (p->def->discipline == PROCESSOR_SHARING) {
    *service_s = d->time_s;
    return isnan(jobs) ? d->time_s : d->time_s * fmax(1, (jobs + 1) / p->def->servers);
  } else {
    *service_s = d->time_s;
  }
  double mean_s = p->served > 0 ? p->served_s / (double)p->served : *service_s;
  return *service_s + (jobs >= slots ? (jobs - slots + 1) / slots * mean_s : 0);
}

static double use_usd(const struct world *w, const struct request *r, const struct place *p, const struct task_def *t, int variant)
{
  const struct tariff_def *f = &p->def->tariff;
  const struct work_def *work = &t->work[variant];
  double usd = f->usd_per_request;
  if (work->kind == WORK_TOKENS && f->usd_per_tok_in > 0) usd += f->usd_per_tok_in * expr_value(&work->tok_in, w->visible);
  if (work->kind == WORK_TOKENS && f->usd_per_tok_out > 0) usd += f->usd_per_tok_out * expr_value(&work->tok_out, w->visible);
  return usd;
}

void estimates_fill(struct world *w, const struct attempt *a, const struct plan_def *plan, struct endpoint at, struct action_facts *f)
{
  const struct request *r = a->request;
  const struct klass *k = &w->klass[r->klass];
  const struct task_def *t = k->task[a->task].def;
  const struct place *p = &w->place[at.place];
  const struct variant_def *v = variant_of(w, t, plan->variant);
  struct demand d = w->oracle ? demand_draw(w, r, a->task, plan->variant, a->ordinal, at)
                              : demand_expected(w, k, a->task, plan->variant, at, w->visible);
  struct transfer_cost way = { 0 };
  double service_s = 0, up = up_s(w, a, at, &way), inside = inside_s(p, &d, f->queue, &service_s), down = down_s(w, a, at, &way);
  f->est_latency_s = up + inside + down;
  f->est_cost_usd = way.usd + p->usd_per_slot_s * service_s + use_usd(w, r, p, t, plan->variant);
  f->est_energy_j = way.device_j + way.network_j + p->dynamic_w[kind_of(p, at.member)] * service_s;
  f->est_quality = !v ? 1 : w->oracle ? quality_at(v, r->attribute[0]) : quality_mean(v);
}
