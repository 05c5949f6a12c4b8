/* policy_queues.c: checked values of queues under policies: power of two choices, take-all batching, keep-alive.
 *
 * take-all batching, service b alpha + tau (Inoue, Queueing Systems 2021): mean latency <= min(phi0, phi1), in which
 *   phi0 = (alpha + tau) / (2 (1 - l alpha)) (1 + 2 l tau + (1 - l tau) / (1 + l alpha)),
 *   phi1 = 3 tau / (2 (1 - l alpha)) + alpha (l alpha + 2) / (2 (1 - l^2 alpha^2)).
 * Check: alpha 1, tau 2, l .1: 3.546. Keep-alive of one instance, Poisson arrivals: P(cold) = exp(-l tau).
 */
#include "experiments/validate/pod.h"
#include "experiments/validate/policy_cases.h"
#include "experiments/validate/suites.h"
#include "models/world.h"
#include "sim/arena.h"

#include <math.h>

double case_pod(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  struct pod p = {.d = 2, .servers = 500, .lambda = c->argument[0], .jobs = r->quick ? 100000 : 400000};
  return pod_sojourn(&p, r->seed, r->run, err);
}

double case_pod_limit(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  (void)r, (void)err;
  return pod_limit(2, c->argument[0]);
}

double case_batch_bound(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  (void)r, (void)err;
  double l = c->argument[0], alpha = 1, tau = 2;
  double phi0 = (alpha + tau) / (2 * (1 - l * alpha)) * (1 + 2 * l * tau + (1 - l * tau) / (1 + l * alpha));
  double phi1 = 3 * tau / (2 * (1 - l * alpha)) + alpha * (l * alpha + 2) / (2 * (1 - l * l * alpha * alpha));
  return fmin(phi0, phi1);
}

/* ---- through scenario files ---------------------------------------------------------------------------------------- */

struct counted { double latency_s, requests, cold; };

static void on_request(void *context, const struct request_record *r, const double *attribute, int n_attributes)
{
  (void)attribute, (void)n_attributes;
  struct counted *n = context;
  if (!r->measured || r->status != STATUS_COMPLETED) return;
  n->latency_s += s_from_ns(r->completed_ns - r->arrived_ns);
  n->cold += r->cold;
  n->requests++;
}

/* One replication of a shipped scenario with other settings. */
static struct counted count_run(const char *file, const struct override *set, size_t n, const struct case_run *r,
                                struct err *err)
{
  struct counted counted = {0};
  struct run_summary summary;
  struct arena *a = arena_new();
  struct scenario *s = scenario_load(arena_printf(a, "%s/validation/%s.yaml", share_scenarios(a), file), set, n, err);
  struct run_setup setup = {.seed = r->seed, .replication = r->run, .sink = {.context = &counted, .request = on_request}};
  if (s) {
    setup.def = &s->world;
    setup.policy = s->n_policies ? &s->policy[0] : NULL;
  }
  struct world *w = s ? world_new(&setup, err) : NULL;
  if (!w || !world_run(w, &summary, err)) counted = (struct counted){0};
  if (w) world_free(w);
  if (s) scenario_free(s);
  arena_free(a);
  return counted;
}

double case_take_all(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  struct arena *a = arena_new();
  double seconds = (r->quick ? 2e4 : 2e5) / c->argument[0];
  const struct override set[] = {
    {"classes.jobs.arrivals.poisson.rate", arena_printf(a, "%.17g /s", c->argument[0])},
    {"horizon.duration", arena_printf(a, "%.17g s", seconds)}};
  struct counted n = count_run("take-all", set, 2, r, err);
  arena_free(a);
  return n.latency_s / n.requests;
}

double case_keep_alive(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  (void)c;
  const struct override set[] = {
    {"classes.jobs.arrivals.poisson.rate", "0.1 /min"}, {"places.server.instances.keep_alive", "10 min"},
    {"classes.jobs.pipeline.work.work.time.exponential.mean", "1 ms"}, {"horizon.warmup", "600000 s"},
    {"horizon.duration", r->quick ? "3000000 s" : "12000000 s"}};
  struct counted n = count_run("p-cold", set, sizeof set / sizeof *set, r, err);
  return n.cold / n.requests;
}
