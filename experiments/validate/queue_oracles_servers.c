/* Several exponential servers: each has to start when it has been idle, or those who wait lose patience.
 *
 * M/M/c/setup (Gandhi, Harchol-Balter and Adan, Perform. Eval. 67, 2010; Gandhi, Doroudi, Harchol-Balter and Scheller-Wolf,
 * Queueing Syst. 77, 2014; the variant that is not staggered): idle servers are off, each job that waits turns one on, as
 * far as there are any, in Exp(alpha); a server that comes free takes the head of the queue, and a start that nobody needs is
 * given up. States (j jobs, i serve): i -> i + 1 at alpha min(j - i, c - i), j -> j + 1 at lambda, j -> j - 1 at i mu, and who
 * leaves nobody behind him takes his server off: i -> i - 1 when i = j. Solved exactly but for a cut at MOST_JOBS levels
 * by elimination level by level from the top: pi_{j+1} = pi_j R_j, R_j = lambda (D_{j+1} - R_{j+1} M_{j+2})^-1, D the rates out
 * less those within the level, M down.
 * Erlang A, M/M/c+M (Garnett, Mandelbaum and Reiman, Manuf. Serv. Oper. Manag. 4, 2002): birth-death, deaths
 * min(n, c) mu + max(0, n - c) theta; lambda P(abandon) = theta E[Q]; E[W] over all = E[Q] / lambda.
 * Checkable: c = 1: E[T] = 1 / (mu - lambda) + 1 / alpha. theta = mu: Poisson(lambda / mu) in the system; lambda = mu, c = 1:
 * P(abandon) = 1 / e, P(wait) = 1 - 1 / e. */
#include "experiments/validate/queue_oracles.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_SERVERS = 8, SIDE = MOST_SERVERS + 1, MOST_JOBS = 6000 };

static bool exponential(const struct dist *d) { return d && !strcmp(d->kind->name, "exponential"); }

/* ---- M/M/c/setup ----------------------------------------------------------------------------------------------------- */

struct setup_chain { double lambda, mu, alpha; int c; };
typedef double square[SIDE][SIDE];

static int least(int a, int b) { return a < b ? a : b; }

/* x such that x a = b, for all rows of b at once: Gauss-Jordan on the transpose, a diagonally dominant. */
static void divide(int n, square a, square b)
{
  for (int k = 0; k < n; k++) {
    for (int j = 0; j < n; j++) {
      if (j == k) continue;
      double f = a[k][j] / a[k][k];
      for (int i = 0; i < n; i++) a[i][j] -= f * a[i][k];
      for (int i = 0; i < n; i++) b[i][j] -= f * b[i][k];
    }
    for (int i = 0; i < n; i++) b[i][k] /= a[k][k];
  }
}

/* d -= r M: R of this level times the rates down to it from the one above. */
static void return_from_above(const struct setup_chain *m, int jobs, const square r, square d)
{
  for (int from = 0; from <= least(m->c, jobs); from++)
    for (int i = 0; i <= least(m->c, jobs + 1); i++)
      d[from][i == jobs + 1 ? i - 1 : i] -= r[from][i] * i * m->mu;
}

/* R_{j} from R_{j+1}: r becomes that of the level below; `jobs` is the level that is entered. */
static void reduce_level(const struct setup_chain *m, int jobs, square r)
{
  int n = least(m->c, jobs) + 1;
  square d = {{0}};
  for (int i = 0; i < n; i++) {
    double starts = m->alpha * least(jobs - i, m->c - i);
    d[i][i] += i * m->mu + starts + (jobs < MOST_JOBS ? m->lambda : 0);
    if (i + 1 < n) d[i][i + 1] -= starts;
  }
  return_from_above(m, jobs, (const double (*)[SIDE])r, d);
  memset(r, 0, sizeof(square));
  for (int i = 0; i < n; i++) r[i][i] = m->lambda;
  divide(n, d, r);
}

/* Mean number of jobs; *last: share of the level at which the chain is cut. */
static double setup_jobs(const struct setup_chain *m, double *last)
{
  static _Thread_local square all[MOST_JOBS + 1];
  double level[SIDE] = {1}, total = 1, jobs = 0, here = 0;
  memset(all[MOST_JOBS], 0, sizeof(square));
  for (int j = MOST_JOBS; j > 0; j--) {
    memcpy(all[j - 1], all[j], sizeof(square));
    reduce_level(m, j, all[j - 1]);
  }
  for (int j = 1; j <= MOST_JOBS; j++) {
    double next[SIDE] = {0};
    here = 0;
    for (int from = 0; from <= m->c; from++)
      for (int i = 0; i <= m->c; i++) next[i] += level[from] * all[j - 1][from][i];
    memcpy(level, next, sizeof level);
    for (int i = 0; i <= m->c; i++) here += level[i];
    total += here, jobs += j * here;
  }
  *last = here / total;
  return jobs / total;
}

bool oracle_mmc_setup(const struct world_def *d, struct expectations *e, char why[160])
{
  struct many_servers s;
  double last;
  if (!many_servers(d, &s, why)) return false;
  const struct instances_def *i = s.def->instances;
  if (!i || !i->cancels || i->min || i->max != (uint32_t)s.servers || i->keep != KEEP_FOR || i->keep_s > 0 || s.def->slots != 1)
    return refuse(why, "needs 'surplus: cancel', 'keep_alive: never', as many instances as servers, one slot each");
  if (!i->cold_start || i->cold_start->n_steps != 1 || !exponential(i->cold_start->step[0].time_s))
    return refuse(why, "needs a cold start of one step with an exponential time");
  if (s.servers > MOST_SERVERS || s.lambda >= s.servers * s.mu) return refuse(why, "needs at most 8 servers, and a load below 1");
  struct setup_chain m = {s.lambda, s.mu, 1 / dist_mean(i->cold_start->step[0].time_s), s.servers};
  double jobs = setup_jobs(&m, &last);
  if (last > 1e-12) return refuse(why, "the load is too near to 1 to cut the chain");
  expect(e, UTILIZATION, s.place, s.lambda / s.mu / s.servers);
  expect(e, IN_SYSTEM, s.place, jobs);
  expect(e, WAIT, s.place, jobs / s.lambda - 1 / s.mu);
  expect(e, SOJOURN, 0, jobs / s.lambda);
  e->no_quantile = "means only";
  return true;
}

/* ---- Erlang A -------------------------------------------------------------------------------------------------------- */

bool oracle_erlang_a(const struct world_def *d, struct expectations *e, char why[160])
{
  struct many_servers s;
  if (!many_servers(d, &s, why)) return false;
  const struct dist *patience = d->klass[0].task[0].patience_s;
  if (!exponential(patience) || s.def->instances || s.def->capacity)
    return refuse(why, "needs exponential patience, and neither instances nor a capacity");
  double theta = 1 / dist_mean(patience), p = 1, total = 0, busy = 0, queue = 0, wait = 0;
  for (int n = 0; n < 1000000 && (n <= s.servers || p > total * 1e-17); n++) {
    double serve = fmin(n, s.servers), over = n - serve;
    total += p, busy += serve * p, queue += over * p, wait += n >= s.servers ? p : 0;
    p *= s.lambda / (fmin(n + 1, s.servers) * s.mu + fmax(0, n + 1 - s.servers) * theta);
    double scale = p > 1e200 ? 1e-200 : 1;              /* only ratios count */
    p *= scale, total *= scale, busy *= scale, queue *= scale, wait *= scale;
  }
  expect(e, UTILIZATION, s.place, busy / total / s.servers);
  expect(e, IN_SYSTEM, s.place, (busy + queue) / total);
  expect(e, WAIT, s.place, queue / total / s.lambda);
  expect(e, ABANDONED, 0, theta * queue / total / s.lambda);
  expect(e, WAITED, 0, wait / total);
  e->no_quantile = "means and shares only";
  return true;
}
