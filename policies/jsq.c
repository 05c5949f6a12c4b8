/* jsq: join the shortest queue: of the servers, the one with the fewest jobs by telemetry.
 *
 * Candidates are the allowed actions for single members of a place (`name[*]`); where there is none, all allowed ones.
 * Ties: one of the shortest, each as likely, so that the propensity is 1 / their number; an unknown queue is longer
 * than any other. With fresh queues, Poisson arrivals and two like exponential servers nothing does better (Winston
 * 1977). Check: queues 3, 1, 1, 2: the second or the third, propensity 1/2.
 */
#include "policies/policy_util.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)state, (void)memo;
  bool single = util_has_members(c);
  double least = 0;
  uint32_t ties = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_candidate(c, a, single)) continue;
    double queue = util_queue(c, a);
    if (ties == 0 || queue < least) { least = queue; ties = 0; }
    ties += queue == least;
  }
  uint64_t nth = c->draw->below(c->random, ties);
  d->propensity = 1.0 / ties;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_candidate(c, a, single) || util_queue(c, a) != least) continue;
    if (d->distribution) d->distribution[a] = d->propensity;
    if (nth-- == 0) d->action = (int32_t)a;
  }
}

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "jsq", .description = "join the shortest queue by telemetry, ties at random",
  .citation = "Winston: Optimality of the shortest line discipline, J. Appl. Prob. 14 (1977) 181",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_REPORTS_DISTRIBUTION, .columns = OFFSIM_COLUMN_QUEUE, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
