/* One server that has to start when it has been idle, or that breaks down.
 *
 * Setup after idle, delayed off. The first of a busy period waits for the setup D with probability p = exp(-lambda tau)
 * (the idle time is exponential; tau: keep-alive), so D' = D or 0. M/G/1 with an exceptional first wait (Welch,
 * Oper. Res. 12, 1964):
 *   E[W] = lambda E[S^2] / (2 (1 - rho)) + (2 E[D'] + lambda E[D'^2]) / (2 (1 + lambda E[D'])).
 * A busy period serves (1 + lambda E[D']) / (1 - rho) requests, of which with probability p those that came up to the
 * end of the setup, 1 + lambda E[D], find it cold: P(cold) = p (1 + lambda E[D]) (1 - rho) / (1 + lambda p E[D]). With a short
 * service and a short start this is exp(-lambda tau).
 *
 * Breakdowns, busy or not, exponential up (rate xi) and down (rate eta) times, work resumed. Balance of (n, up), (n, down)
 * gives for the generating functions (White and Christie, Oper. Res. 6, 1958)
 *   U(z) = mu u0 / (mu - lambda z - xi lambda z / (lambda (1 - z) + eta)),  V(z) = xi U(z) / (lambda (1 - z) + eta);
 *   L = U'(1) + V'(1),  U(1) = eta / (xi + eta).
 * Checkable: lambda .5, mu 1, D = 1 constant, tau 0: W = 1 + 2.5 / 3 = 1.8333; without breakdowns L = rho / (1 - rho). */
#include "experiments/validate/queue_oracles.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void expect_wait(struct expectations *e, const struct single_server *s, double wait)
{
  double service = dist_mean(s->service);
  expect(e, UTILIZATION, s->place, s->lambda * service);
  expect(e, IN_SYSTEM, s->place, s->lambda * (wait + service));
  expect(e, WAIT, s->place, wait);
  expect(e, SOJOURN, 0, wait + service);
  e->no_quantile = "means only";
}

static double second_moment(const struct dist *d) { return dist_variance(d) + dist_mean(d) * dist_mean(d); }

bool oracle_setup(const struct world_def *d, struct expectations *e, char why[160])
{
  struct single_server s;
  if (!single_server(d, &s, why)) return false;
  const struct instances_def *i = s.def->instances;
  if (!i || i->max != 1 || i->min || i->by != SCALE_BY_DEMAND || i->keep != KEEP_FOR || i->queue_at_instance)
    return refuse(why, "needs one instance at most, none at least, a fixed keep-alive, the queue at the front");
  if (!i->cold_start || i->cold_start->n_steps != 1 || !i->cold_start->step[0].time_s)
    return refuse(why, "needs a cold start of one step with a time");
  const struct dist *setup = i->cold_start->step[0].time_s;
  double rho = s.lambda * dist_mean(s.service), p = exp(-s.lambda * i->keep_s);
  double first = p * dist_mean(setup), first2 = p * second_moment(setup);
  double wait = s.lambda * second_moment(s.service) / (2 * (1 - rho))
                + (2 * first + s.lambda * first2) / (2 * (1 + s.lambda * first));
  expect_wait(e, &s, wait);
  expect(e, COLD, 0, p * (1 + s.lambda * dist_mean(setup)) * (1 - rho) / (1 + s.lambda * first));
  return true;
}

static bool exponential(const struct dist *d) { return d && !strcmp(d->kind->name, "exponential"); }

bool oracle_breakdowns(const struct world_def *d, struct expectations *e, char why[160])
{
  struct single_server s;
  if (!single_server(d, &s, why)) return false;
  const struct failures_def *f = s.def->failures;
  if (!f || !exponential(f->mtbf_s) || !exponential(f->mttr_s) || !exponential(s.service) || f->work != FAILED_WORK_RESUME)
    return refuse(why, "needs exponential service, mtbf and mttr, and work: resume");
  double lambda = s.lambda, mu = 1 / dist_mean(s.service), xi = 1 / dist_mean(f->mtbf_s), eta = 1 / dist_mean(f->mttr_s);
  double spare = mu - lambda - xi * lambda / eta, up = eta / (xi + eta);
  if (spare <= 0) return refuse(why, "the load is 1 or more: no steady state");
  double slope = up * (lambda + xi * lambda / eta + xi * lambda * lambda / (eta * eta)) / spare;
  double in_system = slope * (1 + xi / eta) + xi * lambda * up / (eta * eta);
  expect_wait(e, &s, in_system / lambda - 1 / mu);
  return true;
}
