/* How many instances there shall be, and how long idle ones stay.
 *
 * Autoscaler: each period it looks at the mean since the last look and wants
 *   utilization: ceil(busy slots / slots / target)     concurrency: ceil(requests in the place / target)
 *   queue: instances + ceil((waiting - target x instances) / target) when more than `target` wait for each
 * between min and max. By concurrency with windows (Knative's KPA): the mean over stable_window counts; when the one over
 * panic_window wants panic_threshold times what is there, the most that it has wanted counts, until stable_window after
 * the last such look; and the last instance goes when none was wanted for `grace`. It starts what is missing `delay` later, and stops
 * idle ones that are too many, idle for keep_alive, `cooldown` after the last step up. A request that finds none at all
 * starts one at once.
 *
 * Hybrid histogram (Shahrad et al., USENIX ATC 2020): idle times of the member, from its last request's end to the next
 * request, in bins. Gone at once when idle, back `margin` before the 5th percentile, kept until `margin` beyond the 99th.
 * A window shorter than one bin: kept at once. Fewer than FEW idle times, mostly out of range, or a coefficient of
 * variation of the bin counts <= 2: the fixed keep-alive. (Their ARIMA branch for idle times out of range is left out.)
 * Checkable: windows 60 and 6 s, target 1, one instance, 10 requests come at 10 s and stay: 4 at 12, 7 at 14, 10 at 16 s.
 * 100 idle times in bin 29 (of 1 min): away from 0 to 26.1 min, kept until 33 min.
 */
#include "models/instances.h"
#include "sim/zeros.h"

enum { FEW = 5 };
static const double REPRESENTATIVE_CV = 2;

/* ---- autoscaler --------------------------------------------------------------------------------------------------- */

static double since_last(double now, double *last)
{
  double change = now - *last;                          /* the meters begin anew when the window opens */
  *last = now;
  return change >= 0 ? change : now;
}

/* Mean over the last `window_s`, or as long as there have been looks. */
static double mean_over(const struct fleet *f, double window_s)
{
  uint64_t n = (uint64_t)fmax(1, round(window_s / f->def->period_s));
  double sum = 0;
  if (n > f->looks.n) n = f->looks.n;
  for (uint64_t k = 1; k <= n; k++) sum += f->looks.present[(f->looks.n - k) % f->looks.room];
  return sum / (double)n;
}

static void look_add(struct fleet *f, double present)
{
  if (!f->looks.present) {
    f->looks.room = (uint32_t)fmax(1, fmax(round(f->def->stable_s / f->def->period_s),
                                           round(f->def->panic_s / f->def->period_s)));
    f->looks.present = zeros_new(f->looks.room, sizeof *f->looks.present);
    f->panic_until = -1;
  }
  f->looks.present[f->looks.n++ % f->looks.room] = present;
}

double autoscale_windows(struct fleet *f, double present)
{
  const struct instances_def *def = f->def;
  look_add(f, present);
  sim_time now = fleet_now(f);
  double calm = ceil(mean_over(f, def->stable_s) / def->target), hasty = ceil(mean_over(f, def->panic_s) / def->target);
  if (def->panic_s > 0 && hasty >= def->panic_threshold * fmax(1, f->warm)) {
    if (f->panic_until < now) f->panic_most = fleet_alive(f);
    f->panic_until = time_add(now, ns_from_s(def->stable_s));
  }
  if (f->panic_until < now) return calm;
  f->panic_most = (uint32_t)fmin(def->max, fmax(f->panic_most, hasty));
  return f->panic_most;
}

static double wanted(struct fleet *f)
{
  const struct instances_def *def = f->def;
  struct station_meters m;
  station_meters(f->station, fleet_now(f), &m);
  double busy = since_last(m.run_busy_slot_s, &f->seen_busy_slot_s) / def->period_s;
  double present = since_last(m.in_system_s, &f->seen_in_system_s) / def->period_s;
  double waiting = station_queue(f->station), alive = fleet_alive(f);
  switch (def->by) {
  case SCALE_BY_UTILIZATION: return ceil(busy / f->place->def->slots / def->target);
  case SCALE_BY_CONCURRENCY:
    return def->stable_s > 0 ? autoscale_windows(f, present) : ceil(present / def->target);
  default: return waiting > def->target * alive ? alive + ceil((waiting - def->target * alive) / def->target)
                : waiting > 0 || station_busy(f->station) > 0 ? alive : 0;
  }
}

static void on_step_up(struct sim *sim, void *subject)
{
  struct fleet *f = subject;
  (void)sim;
  while (!f->down && fleet_alive(f) < f->desired && instance_start(f)) f->last_up = fleet_now(f);
}

static void step_down(struct fleet *f)
{
  sim_time now = fleet_now(f), keep = ns_from_s(f->def->keep_s);
  if (f->def->keep == KEEP_ALWAYS || now - f->last_up < ns_from_s(f->def->cooldown_s)) return;
  for (struct instance *i = f->instance; i < f->instance + f->n && fleet_alive(f) > f->desired; i++)
    if (i->state == INSTANCE_WARM && i->busy == 0 && now - i->idle_since >= keep) instance_retire(i);
}

static void on_look(struct sim *sim, void *subject)
{
  struct fleet *f = subject;
  if (f->def->by == SCALE_BY_POLICY) return;            /* a policy has taken over */
  f->desired = (uint32_t)fmin(fmax(wanted(f), f->def->min), f->def->max);
  if (f->desired == 0 && f->def->grace_s > 0) {
    if (f->none_since < 0) f->none_since = fleet_now(f);
    if (fleet_now(f) - f->none_since < ns_from_s(f->def->grace_s) && fleet_alive(f) > 0) f->desired = 1;
  } else {
    f->none_since = -1;
  }
  if (f->desired > fleet_alive(f)) sim_after(sim, ns_from_s(f->def->delay_s), PRIORITY_NORMAL, on_step_up, f);
  else step_down(f);
  sim_after(sim, ns_from_s(f->def->period_s), PRIORITY_NORMAL, on_look, f);
}

void autoscale_start(struct fleet *f)
{
  f->none_since = -1;
  if (f->def->by != SCALE_BY_DEMAND) sim_after(f->w->sim, ns_from_s(f->def->period_s), PRIORITY_NORMAL, on_look, f);
}

/* ---- a policy instead --------------------------------------------------------------------------------------------- */

/* From now on nothing goes by itself: keep-alives that run are called off. */
static void take_over(struct fleet *f)
{
  if (f->own.by == SCALE_BY_POLICY) return;
  f->own.by = SCALE_BY_POLICY;
  for (struct instance *i = f->instance; i < f->instance + f->n; i++) {
    if (i->state != INSTANCE_WARM || !i->event.bits) continue;
    sim_cancel(f->w->sim, i->event);
    i->event = (event_id){ 0 };
  }
}

void fleet_control(struct fleet *f, double wanted, double keep_s)
{
  if (isnan(wanted) && isnan(keep_s)) return;
  if (f->def != &f->own) f->own = *f->def;
  f->def = &f->own;
  if (!isnan(keep_s)) {
    f->own.keep = KEEP_FOR;
    f->own.keep_s = keep_s;
    f->keeps = true;
  }
  if (isnan(wanted)) return;
  take_over(f);
  sim_time now = fleet_now(f), keep = f->keeps ? ns_from_s(f->own.keep_s) : 0;
  f->desired = (uint32_t)fmin(fmax(wanted, f->def->min), f->def->max);
  while (!f->down && fleet_alive(f) < f->desired && instance_start(f)) f->last_up = now;
  for (struct instance *i = f->instance; i < f->instance + f->n && fleet_alive(f) > f->desired; i++)
    if (i->state == INSTANCE_WARM && i->busy == 0 && now - i->idle_since >= keep) instance_retire(i);
}

/* ---- hybrid histogram --------------------------------------------------------------------------------------------- */

void histogram_new(struct fleet *f)
{
  if (f->def->keep != KEEP_HISTOGRAM) return;
  f->idle.n_bins = (uint32_t)fmax(1, ceil(f->def->range_s / f->def->bin_s));
  f->idle.count = zeros_new(f->idle.n_bins, sizeof *f->idle.count);
}

/* The end of an idle time. */
void histogram_arrival(struct fleet *f)
{
  if (f->prewarm.bits) sim_cancel(f->w->sim, f->prewarm);
  f->prewarm = (event_id){ 0 };
  if (f->all_idle_since < 0) return;
  double bin = s_from_ns(fleet_now(f) - f->all_idle_since) / f->def->bin_s;
  if (bin < f->idle.n_bins) f->idle.count[(uint32_t)bin]++, f->idle.total++;
  else f->idle.beyond++;
  f->all_idle_since = -1;
}

static bool representative(const struct idle_histogram *h)
{
  double mean = (double)h->total / h->n_bins, squares = 0;
  if (h->total < FEW || h->beyond > h->total) return false;
  for (uint32_t b = 0; b < h->n_bins; b++) squares += (h->count[b] - mean) * (h->count[b] - mean);
  return sqrt(squares / h->n_bins) > REPRESENTATIVE_CV * mean;
}

/* The bin in which the share p of the idle times is reached. */
static uint32_t percentile_bin(const struct idle_histogram *h, double p)
{
  double sum = 0;
  for (uint32_t b = 0; b < h->n_bins; b++)
    if ((sum += h->count[b]) >= p * h->total) return b;
  return h->n_bins - 1;
}

static void on_prewarm(struct sim *sim, void *subject)
{
  struct fleet *f = subject;
  (void)sim;
  f->prewarm = (event_id){ 0 };
  if (!f->down && fleet_alive(f) == 0) instance_start(f);
}

void histogram_idle(struct fleet *f, struct instance *i)
{
  const struct instances_def *def = f->def;
  sim_time now = fleet_now(f);
  if (f->all_idle_since >= 0) return;                   /* it came back before the next request: keep_until stands */
  f->keep_until = time_add(now, ns_from_s(def->keep_s));
  if (station_in_system(f->station) > 0) return;
  f->all_idle_since = now;
  if (!representative(&f->idle)) return;
  double away_s = percentile_bin(&f->idle, def->head) * def->bin_s * (1 - def->margin);
  double kept_s = (percentile_bin(&f->idle, def->tail) + 1) * def->bin_s * (1 + def->margin);
  f->keep_until = time_add(now, ns_from_s(kept_s));
  if (away_s < def->bin_s || fleet_alive(f) <= def->min) return;
  f->prewarm = sim_at(f->w->sim, time_add(now, ns_from_s(away_s)), PRIORITY_NORMAL, on_prewarm, f);
  instance_retire(i);
}
