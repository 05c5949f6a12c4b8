/* size.c: runs that would never end are refused before they begin: far too many requests, or ticks of a clock.
 *
 * Requests = sum over the classes of mean rate x time, at most max_requests beside the warm-up. Ticks = time / period.
 * Closed classes and traces, whose rate nobody knows beforehand, are not counted.
 * Check: 1000 requests/s for 2e6 s are 2e9 requests; for 1e5 s with a report each 0.5 ms, 2e8 reports.
 */
#include "models/internal.h"

static const double MOST_REQUESTS = 1e9, MOST_TICKS = 1e8;

static double mmpp_rate(const struct arrivals_def *a)
{
  double requests = 0, time_s = 0;
  for (int i = 0; i < a->n_states; i++) {
    requests += a->state_rate_per_s[i] * a->state_mean_s[i];
    time_s += a->state_mean_s[i];
  }
  return time_s > 0 ? requests / time_s : 0;
}

static double on_off_rate(const struct arrivals_def *a)
{
  double on_s = dist_mean(a->on_s), off_s = dist_mean(a->off_s);
  return on_s > 0 ? a->on_rate_per_s * on_s / (on_s + off_s) : 0;
}

/* Over its period, or over the time of the run. */
static double piecewise_rate(const struct arrivals_def *a, double run_s)
{
  double span_s = a->piece_period_s > 0 ? a->piece_period_s : run_s, requests = 0;
  for (int i = 0; i < a->n_pieces; i++) {
    double to_s = i + 1 < a->n_pieces ? fmin(a->piece_from_s[i + 1], span_s) : span_s;
    if (to_s > a->piece_from_s[i]) requests += (to_s - a->piece_from_s[i]) * a->piece_rate_per_s[i];
  }
  return span_s > 0 ? requests / span_s : 0;
}

static double fit_rate(const struct workload_fit *f, double share)
{
  double sum = 0;
  for (int i = 0; f && i < f->n_bins; i++) sum += f->rate_per_s[i];
  return f && f->n_bins > 0 ? share * sum / f->n_bins : 0;
}

/* NaN: not known before the run. */
static double class_rate(const struct class_def *k, double run_s)
{
  const struct arrivals_def *a = &k->arrivals;
  double mean_s;
  switch (a->kind) {
  case ARRIVE_POISSON: return a->rate_per_s;
  case ARRIVE_RENEWAL:
    mean_s = dist_mean(a->interarrival_s);
    return mean_s > 0 ? 1 / mean_s : 0;                 /* the source has its own word for it */
  case ARRIVE_MMPP: return mmpp_rate(a);
  case ARRIVE_ON_OFF: return on_off_rate(a);
  case ARRIVE_PIECEWISE: return piecewise_rate(a, run_s);
  case ARRIVE_SESSION:
    mean_s = a->interarrival_s ? dist_mean(a->interarrival_s) : 1 / a->rate_per_s;
    return mean_s > 0 ? fmax(1, dist_mean(a->session->turns)) / mean_s : 0;
  case ARRIVE_LIKE: return a->trace ? NAN : fit_rate(a->like, k->share);
  default: return NAN;
  }
}

static bool ticks_possible(const char *key, double run_s, double period_s, struct err *err)
{
  if (period_s <= 0 || (run_s / period_s <= MOST_TICKS && ns_from_s(period_s) > 0)) return true;
  return err_add(err, (struct where){ 0 }, "%s: every %g s in a run of %.3g s is %.3g times; at most %g are possible, "
                 "each 1 ns or more apart", key, period_s, run_s, run_s / period_s, MOST_TICKS);
}

/* Looks of the autoscaler, and failures; those of one member, though all may have them. */
static bool places_possible(const struct world_def *def, double run_s, struct err *err)
{
  for (int i = 0; i < def->n_places; i++) {
    const struct instances_def *come = def->place[i].instances;
    const struct failures_def *fail = def->place[i].failures;
    double cycle_s = fail && fail->mtbf_s ? dist_mean(fail->mtbf_s) + dist_mean(fail->mttr_s) : 0;
    if (come && come->by != SCALE_BY_DEMAND && !ticks_possible("instances.scale.period", run_s, come->period_s, err))
      return false;
    if (!isnan(cycle_s) && !ticks_possible("failures: mtbf and mttr", run_s, cycle_s, err)) return false;
  }
  return true;
}

bool size_possible(const struct world_def *def, bool asks, struct err *err)
{
  const struct horizon_def *h = &def->horizon;
  double warmup_s = horizon_warmup_s(h), most = h->max_requests > 0 ? (double)h->max_requests : INFINITY;
  double run_s = h->duration_s > 0 ? h->duration_s : INFINITY, rate = 0;
  bool known = true;
  for (int i = 0; i < def->n_classes; i++) {
    double one = class_rate(&def->klass[i], run_s);
    if (isnan(one)) known = false;
    else rate += one;
  }
  double requests = rate > 0 ? fmin(rate * run_s, most) + rate * warmup_s : 0;
  if (requests > MOST_REQUESTS)
    return err_add(err, (struct where){ 0 }, "horizon: about %.3g requests would come, %.3g a second for %.3g s; at "
                   "most %g are possible: a shorter 'duration' or less 'max_requests'", requests, rate, requests / rate,
                   MOST_REQUESTS);
  if (isfinite(most) || isinf(run_s)) run_s = known && rate > 0 ? requests / rate : 0;
  else run_s += warmup_s;
  const struct telemetry_def *t = &def->telemetry;
  return ticks_possible("output.timeseries", run_s, def->sample_s, err) && places_possible(def, run_s, err)
         && (!asks || t->ideal || ticks_possible("telemetry.refresh", run_s, t->refresh_s, err));
}
