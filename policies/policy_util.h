/* policy_util.h: small helpers that policies share. Everything is inline: a policy stays one file and libc.
 *
 * Ties go to the action that the scenario lists first, unless a policy says otherwise (`ties: random`).
 */
#ifndef OFFSIM_POLICY_UTIL_H
#define OFFSIM_POLICY_UTIL_H

#ifndef OFFSIM_POLICY_H                         /* where it is installed, include offsim_policy.h before this */
#include "policies/offsim_policy.h"
#endif
#include <math.h>
#include <stdbool.h>

enum { UTIL_NONE = -1 };

static inline bool util_allowed(const struct offsim_context *c, uint32_t a) { return c->mask[a] == 0; }

/* The first allowed action, at or after `from`, round the corner. */
static inline int32_t util_next_allowed(const struct offsim_context *c, uint32_t from)
{
  for (uint32_t i = 0; i < c->n_actions; i++) {
    uint32_t a = from + i < c->n_actions ? from + i : from + i - c->n_actions;
    if (util_allowed(c, a)) return (int32_t)a;
  }
  return UTIL_NONE;
}

/* ---- estimated reward -------------------------------------------------------------------------------------------- */

struct util_weights { double per_s, per_usd, per_j, per_quality; };

/* The scenario's objective; latency alone where the scenario has none. */
static inline struct util_weights util_objective(const struct offsim_setup *s)
{
  struct util_weights w = {s->reward_per_s, s->reward_per_usd, s->reward_per_j, s->reward_per_quality};
  if (w.per_s == 0 && w.per_usd == 0 && w.per_j == 0 && w.per_quality == 0) w.per_s = -1;
  return w;
}

static inline double util_term(double weight, double x) { return weight == 0 || isnan(x) ? 0 : weight * x; }

/* Estimated reward of an action. An unknown latency makes it the last choice; another unknown counts nothing. */
static inline double util_score(const struct util_weights *w, const struct offsim_context *c, uint32_t a)
{
  if (w->per_s != 0 && isnan(c->est_latency_s[a])) return -INFINITY;
  return util_term(w->per_s, c->est_latency_s[a]) + util_term(w->per_usd, c->est_cost_usd[a]) +
         util_term(w->per_j, c->est_energy_j[a]) + util_term(w->per_quality, c->est_quality[a]);
}

/* Bits of tiers, for util_best. */
enum { UTIL_DEVICE = 1 << OFFSIM_DEVICE, UTIL_EDGE = 1 << OFFSIM_EDGE, UTIL_CLOUD = 1 << OFFSIM_CLOUD,
       UTIL_REMOTE = UTIL_EDGE | UTIL_CLOUD, UTIL_ANY = UTIL_DEVICE | UTIL_REMOTE };

/* The allowed action of these tiers with the highest estimated reward, or UTIL_NONE. */
static inline int32_t util_best(const struct util_weights *w, const struct offsim_context *c, unsigned tiers)
{
  int32_t best = UTIL_NONE;
  double best_score = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a) || !(tiers >> c->tier[a] & 1u)) continue;
    double score = util_score(w, c, a);
    if (best == UTIL_NONE || score > best_score) { best = (int32_t)a; best_score = score; }
  }
  return best;
}

/* The first allowed action of a tier in the scenario's order, or UTIL_NONE. */
static inline int32_t util_first_of_tier(const struct offsim_context *c, int32_t tier)
{
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a) && c->tier[a] == tier) return (int32_t)a;
  return UTIL_NONE;
}

/* The first allowed action of the first of three tiers that has one. */
static inline int32_t util_prefer(const struct offsim_context *c, const int32_t tier[3])
{
  for (int i = 0; i < 3; i++) {
    int32_t a = util_first_of_tier(c, tier[i]);
    if (a != UTIL_NONE) return a;
  }
  return UTIL_NONE;
}

/* ---- queues and variants ----------------------------------------------------------------------------------------- */

/* Queues are compared between servers: actions for single members of a place, where any is allowed; else all. */
static inline bool util_has_members(const struct offsim_context *c)
{
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a) && c->word[a] == OFFSIM_MEMBER) return true;
  return false;
}

static inline bool util_candidate(const struct offsim_context *c, uint32_t a, bool members)
{
  return util_allowed(c, a) && (!members || c->word[a] == OFFSIM_MEMBER);
}

/* Jobs there by telemetry; longer than any other where not known. */
static inline double util_queue(const struct offsim_context *c, uint32_t a)
{
  return isnan(c->queue[a]) ? INFINITY : c->queue[a];
}

/* Variants in order of their expected quality: how good is this action's, and the next better one, if any. */
static inline double util_quality(const struct offsim_context *c, uint32_t a)
{
  return isnan(c->est_quality[a]) ? 0 : c->est_quality[a];
}

/* The least quality above `than` among the allowed actions; NaN where there is none. */
static inline double util_next_quality(const struct offsim_context *c, double than)
{
  double next = NAN;
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a) && util_quality(c, a) > than && !(util_quality(c, a) >= next)) next = util_quality(c, a);
  return next;
}

/* The allowed action of exactly this quality with the highest estimated reward, or UTIL_NONE. */
static inline int32_t util_best_of_quality(const struct util_weights *w, const struct offsim_context *c, double quality)
{
  int32_t best = UTIL_NONE;
  double best_score = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a) || util_quality(c, a) != quality) continue;
    double score = util_score(w, c, a);
    if (best == UTIL_NONE || score > best_score) { best = (int32_t)a; best_score = score; }
  }
  return best;
}

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

static inline double util_uniform(const struct offsim_context *c) { return c->draw->uniform(c->random); }
static inline double util_normal(const struct offsim_context *c) { return c->draw->normal(c->random); }

/* Gamma(shape, 1), shape >= 1: Marsaglia and Tsang, ACM TOMS 26 (2000) 363. Mean = variance = shape. */
static inline double util_gamma(const struct offsim_context *c, double shape)
{
  double d = shape - 1.0 / 3, k = 1 / sqrt(9 * d);
  for (;;) {
    double x = util_normal(c), v = 1 + k * x;
    if (v <= 0) continue;
    v = v * v * v;
    double u = util_uniform(c);
    if (u < 1 - 0.0331 * x * x * x * x || log(u) < 0.5 * x * x + d * (1 - v + log(v))) return d * v;
  }
}

/* Beta(a, b), a and b >= 1, from two gammas. Mean a/(a+b). */
static inline double util_beta(const struct offsim_context *c, double a, double b)
{
  double x = util_gamma(c, a), y = util_gamma(c, b);
  return x / (x + y);
}

/* ---- the best of several, with a rule for ties ------------------------------------------------------------------- */

/* Begin with {.action = UTIL_NONE} and offer each allowed action; `ties` = how many share the best value. */
struct util_pick { int32_t action; uint32_t ties; double best; };

/* random: each of the best with the same probability (one draw per further tie), else the first offered. */
static inline void util_offer(struct util_pick *p, const struct offsim_context *c, uint32_t a, double x, bool random)
{
  if (p->action == UTIL_NONE || x > p->best) *p = (struct util_pick){(int32_t)a, 1, x};
  else if (random && x == p->best && c->draw->below(c->random, ++p->ties) == 0) p->action = (int32_t)a;
}

/* ---- arms of learners -------------------------------------------------------------------------------------------- */

/* One arm: how often it was asked for (outcomes may be on their way), and the outcomes so far (Welford). */
struct util_arm { uint32_t asked, done; double mean, m2; };
/* One kind of decision: asked in all, and the range of the rewards seen. */
struct util_range { uint64_t asked, done; double low, high; };

static inline void util_arm_add(struct util_arm *arm, double x)
{
  double d = x - arm->mean;
  arm->done++;
  arm->mean += d / arm->done;
  arm->m2 += d * (x - arm->mean);
}

static inline void util_range_add(struct util_range *r, double x)
{
  r->low = r->done && r->low < x ? r->low : x;
  r->high = r->done && r->high > x ? r->high : x;
  r->done++;
}

/* A learner: this head, ranges of the contexts, one flat array of arms. No pointers, so its bytes can be moved. */
struct util_learner { uint32_t n_contexts, n_arms; double parameter[4]; };
/* What a learner remembers of a decision. */
struct util_memo { uint32_t action; };

static inline size_t util_learner_size(const struct offsim_setup *s)
{
  return sizeof(struct util_learner) + s->n_contexts * sizeof(struct util_range) + s->n_arms * sizeof(struct util_arm);
}

/* Head with the first four parameters of the policy. */
static inline const char *util_learner_init(const struct offsim_setup *s, void *state)
{
  struct util_learner *l = state;
  l->n_contexts = s->n_contexts;
  l->n_arms = s->n_arms;
  for (uint32_t i = 0; i < 4 && i < s->n_parameters; i++) l->parameter[i] = s->parameter[i].number;
  return NULL;
}

static inline struct util_range *util_ranges(struct util_learner *l) { return (struct util_range *)(void *)(l + 1); }
static inline struct util_arm *util_arms(struct util_learner *l)
{
  return (struct util_arm *)(void *)(util_ranges(l) + l->n_contexts);
}

/* An arm that was asked least, below `pulls`: initial exploration in the scenario's order; else UTIL_NONE. */
static inline int32_t util_initial(const struct offsim_context *c, const struct util_arm *arm, uint32_t pulls)
{
  int32_t least = UTIL_NONE;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a) || arm[a].asked >= pulls) continue;
    if (least == UTIL_NONE || arm[a].asked < arm[least].asked) least = (int32_t)a;
  }
  return least;
}

static inline void util_ask(struct util_range *r, struct util_arm *arm, int32_t action, void *memo)
{
  r->asked++;
  arm[action].asked++;
  ((struct util_memo *)memo)->action = (uint32_t)action;
}

/* Hook: book an outcome to the action that was executed; an unknown reward takes the question back. */
static inline void util_learner_outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  struct util_learner *l = state;
  struct util_range *r = &util_ranges(l)[o->context];
  struct util_arm *arm = util_arms(l) + o->first_arm;
  arm[((const struct util_memo *)memo)->action].asked--;
  if (isnan(o->reward) || o->action < 0) { r->asked--; return; }
  arm[o->action].asked++;
  util_range_add(r, o->reward);
  util_arm_add(&arm[o->action], o->reward);
}

/* ---- index policies ---------------------------------------------------------------------------------------------- */

/* Rewards as x = (reward - low) / range; range <= 0: nothing is known. */
static inline double util_unit(double x, double low, double range) { return range > 0 ? (x - low) / range : 0.5; }

/* How an index policy counts and breaks ties, and the unit of its rewards. */
struct util_rule { double low, range; bool questions, random_ties; };
/* The index from the mean in units of the range, the number n > 0 and the decisions so far; `own` is the policy's. */
typedef double util_index_fn(double mean, double n, double t, double own);

/* The largest index wins. n counts questions (outcomes on their way included) or outcomes; n = 0 counts as infinite. With
 * ties to the first, each arm is asked once before. Its propensity is 1, among random ties 1 / their number. */
static inline void util_highest_index(const struct util_rule *rule, const struct util_range *r, const struct util_arm *arm,
                                      const struct offsim_context *c, util_index_fn *index, double own,
                                      struct offsim_decision *d)
{
  struct util_pick pick = {.action = UTIL_NONE};
  d->action = rule->random_ties ? UTIL_NONE : util_initial(c, arm, 1);
  if (d->action != UTIL_NONE) return;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    uint32_t n = rule->questions ? arm[a].asked : arm[a].done;
    double mean = arm[a].done ? util_unit(arm[a].mean, rule->low, rule->range) : 0.5;
    util_offer(&pick, c, a, n ? index(mean, n, (double)r->asked, own) : INFINITY, rule->random_ties);
  }
  d->action = pick.action;
  if (pick.ties > 1 && rule->random_ties) d->propensity = 1.0 / pick.ties;
}

#endif
