/* mdp.h: the least average cost of sending each arrival to one of a few queues, by value iteration. */
#ifndef OFFSIM_MODELS_MDP_H
#define OFFSIM_MODELS_MDP_H

enum { MDP_QUEUES = 3, MDP_STATES = 1 << 16 };

/* Poisson arrivals; each goes to queue i, at once and for good, at the cost join_cost[i], or where room[i] jobs are
 * there already, is lost at the cost lost_cost. One exponential server a queue. room 0: no limit. */
struct mdp {
  int n;
  double arrival_per_s, service_per_s[MDP_QUEUES], join_cost[MDP_QUEUES], hold_cost_per_s, lost_cost;
  int room[MDP_QUEUES];
};

/* Cost per second that no rule can do better than; *upper: what the rule found costs, where no room is without limit.
 * Where the iteration ends early the two are farther apart, the lower one still holds. */
double mdp_least_cost(const struct mdp *, double *upper);

#endif
