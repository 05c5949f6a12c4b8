/* What a second copy does to the tail, through scenarios/validation/hedge.yaml.
 *
 * With T log-normal, median 10 ms, sigma 1, F its distribution and a copy after h: P(latency > t) = 1 - F(t) up to h, then
 * (1 - F(t)) (1 - F(t - h)). Checkable: no copy p99 102.4, p99.9 219.8 ms; at the 95th percentile 66.7 and 93.1; at the
 * median 41.2 and 69.2. Argument: the percentile of the copy, 0 = none; the quantile asked for.
 */
#include "experiments/validate/policy_cases.h"
#include "experiments/validate/suites.h"
#include "models/world.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"
#include "sim/stat.h"

#include <math.h>

static void add_latency(void *latency_s, const struct request_record *r, const double *attribute, int n)
{
  (void)attribute, (void)n;
  if (r->measured) quantiles_add(latency_s, 1e-9 * (double)(r->completed_ns - r->arrived_ns));
}

static bool run_once(const struct scenario *s, const struct case_run *r, struct quantiles *latency_s, struct err *err)
{
  struct run_setup setup = {.def = &s->world, .policy = &s->policy[0], .seed = r->seed, .replication = r->run,
                            .sink = {.context = latency_s, .request = add_latency}};
  struct run_summary summary;
  struct world *w = world_new(&setup, err);
  bool ok = w && world_run(w, &summary, err);
  world_free(w);
  return ok;
}

double case_hedging(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  struct arena *a = arena_new();
  const char *after = c->argument[0] > 0 ? arena_printf(a, "p%.0f", c->argument[0]) : "1000 s";
  struct override change = {"classes.jobs.pipeline.work.hedge.after", after};
  struct scenario *s = scenario_load(arena_printf(a, "%s/validation/hedge.yaml", share_scenarios(a)), &change, 1, err);
  struct quantiles *latency_s = quantiles_new();
  bool ok = s && run_once(s, r, latency_s, err);
  double ms = ok ? 1000 * quantile_of(latency_s, c->argument[1]) : NAN;
  quantiles_free(latency_s);
  scenario_free(s);
  arena_free(a);
  return ms;
}
