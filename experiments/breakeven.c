/* breakeven.c: local against offload in the plane of bandwidth and size.
 *
 * Without queues, at the mean attributes of a request, with one-way latencies L and rates B of the links on the way:
 *   local    = T_device
 *   offload  = sum L_up + s sum 1/B_up + T_place + sum L_down + out sum 1/B_down    (a stream's output: latency only)
 *   s*       = (T_device - T_place - sum L - out sum 1/B_down) / sum 1/B_up
 * Check: T_device 1 s, T_place 0.2 s, one link of 0.1 s and 1 MB/s both ways, no output: s* = 0.6 MB.
 * With queues: runs under always_local and always_edge (or _cloud) on the same random numbers; in each replication the
 * size at which the mean latencies are equal is found by halving in log s; then a Student t interval of log s* over
 * replications. `size` is what the deciding task reads: the class's input, or the output of the task before it.
 */
#include "experiments/breakeven.h"
#include "analysis/plot.h"
#include "models/measured.h"
#include "models/world.h"
#include "models/network.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"
#include "sim/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_POINTS = 7, CURVE_POINTS = 41, HALVINGS = 7, MAX_REPLICATIONS = 10 };
static const double RATE_SPAN = 10, SIZE_BELOW = 64, SIZE_ABOVE = 4;     /* around the scenario's rate; around s* */

/* What is compared: task `task` of class `klass` at its origin and at `place`; `link` is the one that is varied. */
struct question {
  const struct scenario *s;
  struct arena *arena;
  int klass, task, device, place, link;
  const struct plan_def *local, *remote;
  const struct route *up, *down;
  struct policy_def policy[2];                          /* always_local, and always_edge or always_cloud */
};

/* ---- what is asked ------------------------------------------------------------------------------------------------
 */

static const struct class_def *klass_of(const struct question *q) { return &q->s->world.klass[q->klass]; }
static const struct task_def *task_of(const struct question *q) { return &klass_of(q)->task[q->task]; }

static bool unknown(struct err *err, const char *what, const char *name)
{
  return err_add(err, (struct where){0}, "the scenario has no %s '%s'", what, name);
}

static int find_class(const struct world_def *w, const char *name)
{
  for (int i = 0; i < w->n_classes; i++)
    if (!name || !strcmp(w->klass[i].name, name)) return i;
  return NONE;
}

static int place_of_plan(const struct question *q, const struct plan_def *plan)
{
  const struct world_def *w = &q->s->world;
  if (plan->word == WORD_ORIGIN) return q->device;
  if (plan->word != WORD_NEAREST) return plan->place;
  for (int p = 0; p < w->n_places; p++)
    if (w->place[p].tier == TIER_EDGE) return p;
  return NONE;
}

/* The first plan at the origin and the first elsewhere (or at `wanted`), as the always_* policies take them. */
static bool find_plans(struct question *q, int task, const char *wanted)
{
  const struct world_def *w = &q->s->world;
  const struct task_def *t = &klass_of(q)->task[task];
  q->local = q->remote = NULL;
  for (int i = t->n_plans; i-- > 0;) {
    int place = place_of_plan(q, &t->plan[i]);
    if (place == q->device) q->local = &t->plan[i];
    else if (place != NONE && w->place[place].kind == PLACE_SERVERS &&
             (!wanted || !strcmp(wanted, w->place[place].name)))
      q->remote = &t->plan[i], q->place = place;
  }
  q->task = task;
  return q->local && q->remote;
}

static bool find_task(struct question *q, const char *wanted)
{
  for (int t = 0; t < klass_of(q)->n_tasks; t++)
    if (find_plans(q, t, wanted)) return true;
  return false;
}

static bool find_link(struct question *q, const char *name, struct err *err)
{
  const struct world_def *w = &q->s->world;
  q->link = NONE;
  for (int i = q->up->n; i-- > 0;)
    if (!name || !strcmp(name, w->link[q->up->hop[i].link].name)) q->link = q->up->hop[i].link;
  if (q->link == NONE) return unknown(err, "link on this way named", name ? name : "");
  return w->link[q->link].up_byte_per_s > 0 ||
         err_add(err, (struct where){0}, "link %s has no rate to vary", w->link[q->link].name);
}

static bool find_policies(struct question *q, struct err *err)
{
  enum tier tier = q->s->world.place[q->place].tier;
  q->policy[0] = (struct policy_def){.name = "always_local", .policy = "always_local", .at_place = NONE};
  q->policy[1] = (struct policy_def){.name = tier == TIER_EDGE ? "always_edge" : "always_cloud", .at_place = NONE};
  q->policy[1].policy = q->policy[1].name;
  return tier != TIER_DEVICE ||
         err_add(err, (struct where){0}, "%s is a device place", q->s->world.place[q->place].name);
}

static bool question_make(struct question *q, const struct breakeven_options *o, const struct topology *t,
                          struct err *err)
{
  q->klass = find_class(&q->s->world, o->klass);
  if (q->klass == NONE) return unknown(err, "class", o->klass);
  q->device = klass_of(q)->from[0];
  if (!find_task(q, o->place))
    return err_add(err, (struct where){0}, "class %s has no task that may run both at its origin and %s%s",
                   klass_of(q)->name, o->place ? "at " : "elsewhere", o->place ? o->place : "");
  struct endpoint device = {(uint16_t)q->device, 0}, there = {(uint16_t)q->place, 0};
  q->up = route(t, device, there, 0);
  q->down = route(t, there, device, 0);
  if (!q->up || !q->up->reachable || !q->down || !q->down->reachable)
    return err_add(err, (struct where){0}, "no way from the device to %s", q->s->world.place[q->place].name);
  return find_link(q, o->link, err) && find_policies(q, err);
}

/* ---- without queues -----------------------------------------------------------------------------------------------
 */

/* Weight of a stratum in the whole: the mean over the mixes. */
static double stratum_weight(const struct workload_fit *fit, int stratum)
{
  double sum = 0;
  for (int m = 0; m < fit->n_mixes; m++) sum += fit->mix[m * fit->n_strata + stratum];
  return sum / fit->n_mixes;
}

/* Mean of a column: the area under its quantile function. */
static double mean_of_fit(const struct workload_fit *fit, const char *name)
{
  int c = 0;
  while (fit && c < fit->n_columns && strcmp(fit->column[c], name)) c++;
  if (!fit || c == fit->n_columns) return NAN;
  double sum = 0;
  for (int s = 0; s < fit->n_strata; s++) {
    const double *q = fit->quantile + ((size_t)s * (size_t)fit->n_columns + (size_t)c) * (size_t)fit->n_quantiles;
    for (int k = 0; k + 1 < fit->n_quantiles; k++)
      sum += stratum_weight(fit, s) * (fit->probability[k + 1] - fit->probability[k]) * (q[k] + q[k + 1]) / 2;
  }
  return sum;
}

static bool mean_attributes(const struct question *q, double mean[MAX_ATTRIBUTES], struct err *err)
{
  const struct class_def *c = klass_of(q);
  for (int a = 0; a < c->n_attributes; a++) {
    const struct attribute_def *d = &c->attribute[a];
    mean[a] = a == 0 ? .5 : d->dist ? dist_mean(d->dist) : mean_of_fit(c->arrivals.like, d->name);
    if (isnan(mean[a]) && d->estimator != ESTIMATE_NONE) mean[a] = d->estimate;
    if (!isfinite(mean[a])) return err_add(err, (struct where){0}, "the mean of attribute %s is not known", d->name);
  }
  return true;
}

static double roofline_on(const struct hardware_def *h, const struct work_def *w, const double *mean)
{
  return h->overhead_s + fmax(h->flop_per_s > 0 ? expr_value(&w->flop, mean) / h->flop_per_s : 0,
                              h->byte_per_s > 0 ? expr_value(&w->bytes, mean) / h->byte_per_s : 0);
}

/* NaN beyond what was measured, where that is not allowed: no attempt would be served. */
static double measured_on(const struct hardware_def *h, const struct work_def *w, const struct kernel_at *at, const double *mean)
{
  bool outside = false;
  double s = h->overhead_s + measured_expected_s(w->kernel, at, mean, &outside);
  return outside && !h->outside ? NAN : s;
}

/* index: of the hardware in the world. */
static double service_on(const struct hardware_def *h, int index, const struct work_def *w, int variant, const double *mean)
{
  if (w->kind == WORK_TIME) return dist_mean(w->time_s);
  if (w->kind == WORK_NONE) return 0;
  if (!h) return NAN;
  const struct kernel_at *at = w->kernel && w->kernel->at[index].measured ? &w->kernel->at[index] : NULL;
  if (w->kind == WORK_ROOFLINE) return at ? measured_on(h, w, at, mean) : roofline_on(h, w, mean);
  if (!h->tokens || variant < 0 || !h->tokens[variant].available) return NAN;
  const struct token_cost *c = &h->tokens[variant];
  double in = expr_value(&w->tok_in, mean), out = expr_value(&w->tok_out, mean);
  return token_prefill_s(c, in) + (out - 1) * (c->step_a_s + c->step_c_s + c->step_s_per_kv_tok * (in + out / 2));
}

/* Mean over the hardware mix of a place. */
static double service_mean(const struct question *q, const struct plan_def *plan, int place, const double *mean)
{
  const struct world_def *w = &q->s->world;
  const struct place_def *p = &w->place[place];
  const struct task_def *t = task_of(q);
  int variant = t->n_variants ? t->variant[plan->variant] : NONE;
  const struct work_def *work = &t->work[t->n_variants ? plan->variant : 0];
  if (!p->n_hardware) return service_on(NULL, 0, work, variant, mean);
  double sum = 0, weight = 0;
  for (int i = 0; i < p->n_hardware; i++) {
    double x = p->hardware_weight ? p->hardware_weight[i] : 1;
    sum += x * service_on(&w->hardware[p->hardware[i]], p->hardware[i], work, variant, mean);
    weight += x;
  }
  return sum / weight;
}

/* Seconds a byte takes over a route; the varied link's rates are multiplied by `scale`. */
static double s_per_byte(const struct question *q, const struct route *r, double scale)
{
  double sum = 0;
  for (int i = 0; i < r->n; i++) {
    const struct link_def *l = &q->s->world.link[r->hop[i].link];
    double rate = r->hop[i].down ? l->down_byte_per_s : l->up_byte_per_s;
    if (r->hop[i].link == q->link) rate *= scale;
    if (rate > 0) sum += 1 / (rate * (1 - l->background_load));
  }
  return sum;
}

/* s* in bytes at this scale of the link's rate; at most 0: offloading never pays. NaN: a service time is not known. */
static double crossing(const struct question *q, const double *mean, double scale)
{
  const struct task_def *t = task_of(q);
  double gain_s = service_mean(q, q->local, q->device, mean) - service_mean(q, q->remote, q->place, mean);
  double back_s = q->down->latency_mean_s;
  if (!t->stream) back_s += expr_value(&t->output_bytes, mean) * s_per_byte(q, q->down, scale);
  return (gain_s - q->up->latency_mean_s - back_s) / s_per_byte(q, q->up, scale);
}

/* ---- with queues --------------------------------------------------------------------------------------------------
 */

struct latency { struct moments s; uint16_t klass; };

static void on_request(void *context, const struct request_record *r, const double *attribute, int n)
{
  struct latency *l = context;
  (void)attribute, (void)n;
  if (r->measured && r->klass == l->klass && r->completed_ns >= 0 && r->status == STATUS_COMPLETED)
    moments_add(&l->s, (double)(r->completed_ns - r->arrived_ns) / NS_PER_S);
}

/* The definition with the link's rates scaled and the deciding task's input fixed at size_bytes. */
static struct world_def *variation(const struct question *q, struct arena *a, double scale, double size_bytes)
{
  const struct world_def *base = &q->s->world;
  struct world_def *w = arena_alloc(a, sizeof *w);
  *w = *base;
  struct link_def *link = arena_array(a, struct link_def, base->n_links);
  memcpy(link, base->link, sizeof *link * (size_t)base->n_links);
  link[q->link].up_byte_per_s *= scale;
  link[q->link].down_byte_per_s *= scale;
  struct class_def *klass = arena_array(a, struct class_def, base->n_classes);
  memcpy(klass, base->klass, sizeof *klass * (size_t)base->n_classes);
  struct class_def *c = &klass[q->klass];
  struct expr_op *op = arena_alloc(a, sizeof *op);
  *op = (struct expr_op){.kind = EXPR_NUMBER, .number = size_bytes};
  uint32_t after = c->task[q->task].after;
  if (!after) c->input_bytes = expr_number(op);
  else {
    struct task_def *task = arena_array(a, struct task_def, c->n_tasks);
    memcpy(task, c->task, sizeof *task * (size_t)c->n_tasks);
    for (int t = 0; t < c->n_tasks; t++)
      if (after >> t & 1) task[t].output_bytes = expr_number(op);
    c->task = task;
  }
  w->link = link;
  w->klass = klass;
  w->sample_s = 0;
  w->record_transfers = false;
  return w;
}

/* Mean latency of the class in one run. */
static bool mean_latency(const struct question *q, int policy, double scale, double size_bytes, uint64_t replication,
                         double *out, struct err *err)
{
  struct arena *a = arena_new();
  struct latency l = {.klass = (uint16_t)q->klass};
  struct run_setup setup = {.def = variation(q, a, scale, size_bytes), .policy = &q->policy[policy], .seed = q->s->seed,
                            .replication = replication, .sink = {.context = &l, .request = on_request}};
  struct run_summary summary;
  struct world *w = world_new(&setup, err);
  bool ok = w && world_run(w, &summary, err);
  *out = l.s.n ? l.s.mean : INFINITY;
  if (w) world_free(w);
  arena_free(a);
  return ok;
}

/* Log of the size at which both means are equal in this replication; NaN when it lies outside the bracket. */
static bool equal_size(const struct question *q, double scale, double guess, uint64_t replication, double *log_size,
                       struct err *err)
{
  double lo = log(guess / SIZE_BELOW), hi = log(guess * SIZE_ABOVE), local, at_lo, at_hi;
  *log_size = NAN;
  if (!mean_latency(q, 0, scale, guess, replication, &local, err) ||
      !mean_latency(q, 1, scale, exp(lo), replication, &at_lo, err) ||
      !mean_latency(q, 1, scale, exp(hi), replication, &at_hi, err)) return false;
  if (!(at_lo < local && at_hi > local)) return true;
  for (int k = 0; k < HALVINGS; k++) {
    double middle = (lo + hi) / 2, x;
    if (!mean_latency(q, 1, scale, exp(middle), replication, &x, err)) return false;
    if (x < local) lo = middle, at_lo = x;
    else hi = middle, at_hi = x;
  }
  double share = isfinite(at_hi) && at_hi > at_lo ? (local - at_lo) / (at_hi - at_lo) : .5;
  *log_size = lo + share * (hi - lo);
  return true;
}

/* Over replications: s* and its interval, of the logarithm. */
static bool equal_sizes(const struct question *q, double scale, double guess, struct interval *out, struct err *err)
{
  double x[MAX_REPLICATIONS];
  size_t n = 0;
  uint64_t most = q->s->replications < MAX_REPLICATIONS ? q->s->replications : MAX_REPLICATIONS;
  for (uint64_t r = 0; r < most; r++) {
    double one;
    if (!equal_size(q, scale, guess, r, &one, err)) return false;
    if (!isnan(one)) x[n++] = one;
  }
  *out = (struct interval){n ? x[0] : NAN, NAN, NAN, n, "t"};
  if (n > 1) *out = interval_t(x, n, .95);
  return true;
}

/* ---- the figure ---------------------------------------------------------------------------------------------------
 */

static double scale_at(int i, int n) { return pow(RATE_SPAN, 2.0 * i / (n - 1) - 1); }

static double mbit_per_s(const struct question *q, double scale)
{
  return q->s->world.link[q->link].up_byte_per_s * scale * 8 / 1e6;
}

static void put_curve(struct figure *f, const struct question *q, const double *mean)
{
  for (int i = 0; i < CURVE_POINTS; i++) {
    double scale = scale_at(i, CURVE_POINTS), size = crossing(q, mean, scale);
    if (size > 0) text_add(&f->data, "%.9g %.9g\n", mbit_per_s(q, scale), size / 1e6);
    else text_add(&f->data, "%.9g NaN\n", mbit_per_s(q, scale));
  }
  text_put(&f->data, "\n\n");
}

static bool put_runs(struct figure *f, const struct question *q, const double *mean, int points, struct err *err)
{
  size_t found = 0;
  for (int i = 0; i < points; i++) {
    double scale = scale_at(i, points), guess = crossing(q, mean, scale);
    struct interval s;
    if (!(guess > 0)) continue;
    if (!equal_sizes(q, scale, guess, &s, err)) return false;
    if (!s.n) continue;
    bool half = s.n > 1;
    text_add(&f->data, "%.9g %.9g %.9g %.9g\n", mbit_per_s(q, scale), exp(s.value) / 1e6,
             exp(half ? s.lo : s.value) / 1e6, exp(half ? s.hi : s.value) / 1e6);
    found++;
  }
  if (!found) text_put(&f->data, "NaN NaN NaN NaN\n");
  return true;
}

static bool draw(const struct question *q, const struct breakeven_options *o, struct err *err)
{
  double mean[MAX_ATTRIBUTES], size;
  if (!mean_attributes(q, mean, err)) return false;
  size = crossing(q, mean, RATE_SPAN);
  if (isnan(size))
    return err_add(err, (struct where){0}, "the service time of task %s is not known, or is of a kernel at a shape that was not measured",
                   task_of(q)->name);
  if (size <= 0)
    return err_add(err, (struct where){0}, "offloading task %s to %s never pays without queues: it takes longer there, "
                   "or the way is longer than the gain", task_of(q)->name, q->s->world.place[q->place].name);
  struct figure f = {.kind = "breakeven"};
  figure_text(&f, "link", q->s->world.link[q->link].name);
  figure_text(&f, "task", task_of(q)->name);
  figure_text(&f, "place", q->s->world.place[q->place].name);
  put_curve(&f, q, mean);
  bool ok = put_runs(&f, q, mean, o->points ? o->points : DEFAULT_POINTS, err) &&
            figure_write(&f, o->out, o->scripts, err);
  figure_release(&f);
  return ok;
}

/* "PATH=VALUE" to an override; false when there is no '='. */
static bool split_setting(struct arena *a, const char *setting, struct override *out, struct err *err)
{
  char *path = arena_strdup(a, setting), *equals = strchr(path, '=');
  if (!equals) return err_add(err, (struct where){0}, "--set takes PATH=VALUE, not '%s'", setting);
  *equals = 0;
  *out = (struct override){path, equals + 1};
  return true;
}

bool breakeven_plot(const struct breakeven_options *o, struct err *err)
{
  struct arena *a = arena_new();
  struct override set[MAX_SETTINGS];
  bool ok = true;
  for (int i = 0; ok && i < o->n_set; i++) ok = split_setting(a, o->set[i], &set[i], err);
  struct question q = {.arena = a};
  struct scenario *s = ok ? scenario_load(o->scenario, set, (size_t)o->n_set, err) : NULL;
  struct topology *t = s ? topology_new(&s->world, err) : NULL;
  q.s = s;
  ok = t && question_make(&q, o, t, err) && draw(&q, o, err);
  if (t) topology_free(t);
  if (s) scenario_free(s);
  arena_free(a);
  return ok;
}
