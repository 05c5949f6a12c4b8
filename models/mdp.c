/* mdp.c: relative value iteration (White 1963) of the uniformised chain, states = jobs in each queue.
 *
 *   (T h)(n) = [c . n + lambda min over i of (join_i + h(n + e_i)) + sum over i of mu_i h(n - e_i)] / Lambda
 *
 * with Lambda = lambda + sum mu. For every h, Lambda min (T h - h) <= least average cost <= Lambda max (T h - h) (Odoni
 * 1969), so the lower end is a bound whenever the iteration stops. A queue without limit is cut where the states end;
 * what arrives there is let go at no cost, which can only make the least cost smaller.
 * Check: two queues, mu = 1, lambda = 1, hold cost 1: 1.426 jobs (join the shortest queue, which is optimal for these).
 */
#include "models/mdp.h"

#include "sim/check.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MOST_STEPS = 100000 };
static const double CLOSE = 1e-7;                       /* of the two ends, relative */

struct grid { int n, side[MDP_QUEUES], stride[MDP_QUEUES], states; };

static struct grid grid_of(const struct mdp *m)
{
  static const int unlimited[] = {0, 512, 96, 32};      /* jobs in each, by the number of queues */
  struct grid g = {.n = m->n, .states = 1};
  for (int i = 0; i < m->n; i++) {
    int room = m->room[i] > 0 && m->room[i] < unlimited[m->n] ? m->room[i] : unlimited[m->n];
    g.side[i] = room + 1;
    g.stride[i] = g.states;
    g.states *= g.side[i];
  }
  return g;
}

static int jobs_in(const struct grid *g, int state, int queue) { return state / g->stride[queue] % g->side[queue]; }

/* The best that can become of an arrival. */
static double arrival_cost(const struct mdp *m, const struct grid *g, const double *h, int state)
{
  double best = INFINITY;
  for (int i = 0; i < g->n; i++) {
    int jobs = jobs_in(g, state, i);
    bool full = m->room[i] > 0 && jobs >= m->room[i], cut = jobs == g->side[i] - 1;
    double cost = full ? m->lost_cost + h[state] : cut ? fmin(0, m->join_cost[i]) + h[state]
                                                       : m->join_cost[i] + h[state + g->stride[i]];
    best = fmin(best, cost);
  }
  return best;
}

static double improved(const struct mdp *m, const struct grid *g, const double *h, int state, double rate)
{
  double sum = m->arrival_per_s * arrival_cost(m, g, h, state);
  for (int i = 0; i < g->n; i++) {
    int jobs = jobs_in(g, state, i);
    sum += m->hold_cost_per_s * jobs + m->service_per_s[i] * h[jobs > 0 ? state - g->stride[i] : state];
  }
  return sum / rate;
}

double mdp_least_cost(const struct mdp *m, double *upper)
{
  struct grid g = grid_of(m);
  double *h = calloc((size_t)g.states, sizeof *h), *next = calloc((size_t)g.states, sizeof *next);
  double rate = m->arrival_per_s, low = -INFINITY, high = INFINITY;
  if (!h || !next) check_out_of_memory((size_t)g.states * sizeof *h);
  for (int i = 0; i < m->n; i++) rate += m->service_per_s[i];
  for (int step = 0; step < MOST_STEPS && !(isfinite(low) && high - low <= CLOSE * fabs(low)); step++) {
    double least = INFINITY, most = -INFINITY;
    for (int s = 0; s < g.states; s++) {
      next[s] = improved(m, &g, h, s, rate);
      least = fmin(least, next[s] - h[s]);
      most = fmax(most, next[s] - h[s]);
    }
    low = fmax(low, least * rate);
    high = fmin(high, most * rate);
    double zero = next[0];
    for (int s = 0; s < g.states; s++) h[s] = next[s] - zero;
  }
  free(h);
  free(next);
  if (upper) *upper = high;
  return low;
}
