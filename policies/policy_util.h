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

/* decide of a bound, which is never asked: the first allowed action. */
static inline void util_decide_first(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)state, (void)memo;
  d->action = util_next_allowed(c, 0);
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
  return isfinite(c->est_quality[a]) ? c->est_quality[a] : 0;
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

/* ---- from near to far -------------------------------------------------------------------------------------------- */

/* The requester's own device, another device, its attachment at the edge, the edge, and the same of the cloud. */
enum { UTIL_OWN, UTIL_NEIGHBOUR, UTIL_N_RANKS = 6 };
static inline uint32_t util_rank(const struct offsim_context *c, uint32_t a)
{
  bool origin = c->word[a] == OFFSIM_ORIGIN, nearest = c->word[a] == OFFSIM_NEAREST;
  return 2 * (uint32_t)c->tier[a] + (c->tier[a] == OFFSIM_DEVICE ? !origin : !nearest);
}

/* A rung is a place at a rank; rungs stand by rank, then in the scenario's order. 0 = below the first. */
static inline uint64_t util_rung(const struct offsim_context *c, uint32_t a)
{
  uint32_t first = 0, rank = util_rank(c, a);
  while (c->place[first] != c->place[a] || util_rank(c, first) != rank) first++;
  return ((uint64_t)rank << 32 | first) + 1;
}

/* The next rung after *rung that has an allowed action, and of its actions the one with the highest estimated reward; or
 * UTIL_NONE. */
static inline int32_t util_climb(const struct util_weights *w, const struct offsim_context *c, uint64_t *rung)
{
  uint64_t next = UINT64_MAX;
  int32_t best = UTIL_NONE;
  double best_score = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    uint64_t here = util_allowed(c, a) ? util_rung(c, a) : 0;
    if (here <= *rung || here > next) continue;
    double score = util_score(w, c, a);
    if (here < next || score > best_score) { best = (int32_t)a; best_score = score; }
    next = here;
  }
  if (best != UTIL_NONE) *rung = next;
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

/* Begin with {.action = UTIL_NONE} and offer each allowed action; `ties` = how many share the best value. chances: the
 * decision's distribution, where one is reported: 1 marks those who share it until util_answer. */
struct util_pick { int32_t action; uint32_t ties; double best, *chances; };

static inline void util_mark(struct util_pick *p, uint32_t a)
{
  for (uint32_t i = 0; i < a && p->ties == 1; i++) p->chances[i] = 0;
  p->chances[a] = 1;
}

/* random: each of the best with the same probability (one draw per further tie), else the first offered. */
static inline void util_offer(struct util_pick *p, const struct offsim_context *c, uint32_t a, double x, bool random)
{
  bool better = p->action == UTIL_NONE || x > p->best, tie = !better && random && x == p->best;
  if (better) *p = (struct util_pick){(int32_t)a, 1, x, p->chances};
  else if (tie && c->draw->below(c->random, ++p->ties) == 0) p->action = (int32_t)a;
  if (p->chances && random && (better || tie)) util_mark(p, a);
}

/* What was picked; its propensity is 1, among random ties 1 / their number. */
static inline void util_answer(const struct offsim_context *c, struct offsim_decision *d, const struct util_pick *p,
                               bool random)
{
  d->action = p->action;
  if (random && p->ties > 1) d->propensity = 1.0 / p->ties;
  if (p->chances) p->chances[p->action] = 1;
  for (uint32_t a = 0; p->chances && d->propensity < 1 && a < c->n_actions; a++) p->chances[a] *= d->propensity;
}

/* Draws from d->distribution, which sums to 1. */
static inline void util_draw(const struct offsim_context *c, struct offsim_decision *d)
{
  double x = util_uniform(c);
  for (uint32_t a = 0; a < c->n_actions && (x >= 0 || d->action < 0); a++) {
    if (d->distribution[a] > 0) d->action = (int32_t)a;
    x -= d->distribution[a];
  }
  d->propensity = d->distribution[d->action];
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

static inline double util_width(const struct util_range *r) { return r->high - r->low; }

/* A learner: this head, ranges of the contexts, one flat array of arms. No pointers, so its bytes can be moved. */
enum { UTIL_MAX_PARAMETERS = 6 };
struct util_learner { uint32_t n_contexts, n_arms; double parameter[UTIL_MAX_PARAMETERS]; };
/* What a learner remembers of a decision. */
struct util_memo { uint32_t action; };

static inline size_t util_learner_size(const struct offsim_setup *s)
{
  return sizeof(struct util_learner) + s->n_contexts * sizeof(struct util_range) + s->n_arms * sizeof(struct util_arm);
}

/* Head with the first parameters of the policy. */
static inline const char *util_learner_init(const struct offsim_setup *s, void *state)
{
  struct util_learner *l = state;
  l->n_contexts = s->n_contexts;
  l->n_arms = s->n_arms;
  for (uint32_t i = 0; i < UTIL_MAX_PARAMETERS && i < s->n_parameters; i++) l->parameter[i] = s->parameter[i].number;
  return NULL;
}

/* The same for parameters `low` and `high` at these places; they may be equal. */
static inline const char *util_learner_init_range(const struct offsim_setup *s, void *state, int low, int high)
{
  if (s->parameter[low].number > s->parameter[high].number) return "`low` is above `high`";
  return util_learner_init(s, state);
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
 * ties to the first, each arm is asked once before. */
static inline void util_highest_index(struct util_learner *l, const struct util_rule *rule, const struct offsim_context *c,
                                      util_index_fn *index, double own, struct offsim_decision *d, void *memo)
{
  struct util_range *r = &util_ranges(l)[c->context];
  struct util_arm *arm = util_arms(l) + c->first_arm;
  struct util_pick best = {.action = rule->random_ties ? UTIL_NONE : util_initial(c, arm, 1),
                           .chances = d->distribution};
  bool initial = best.action != UTIL_NONE;
  for (uint32_t a = 0; !initial && a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    uint32_t n = rule->questions ? arm[a].asked : arm[a].done;
    double mean = arm[a].done ? util_unit(arm[a].mean, rule->low, rule->range) : 0.5;
    util_offer(&best, c, a, n ? index(mean, n, (double)r->asked, own) : INFINITY, rule->random_ties);
  }
  util_answer(c, d, &best, rule->random_ties);
  util_ask(r, arm, d->action, memo);
}

/* Parameters that learners share. */
#define UTIL_PARAMETER_RANGE {.name = "range", .type = OFFSIM_NUMBER, .max = 1e300, \
  .help = "width of the reward's range; 0 = from the rewards seen"}
#define UTIL_PARAMETER_LOW {.name = "low", .type = OFFSIM_NUMBER, .min = -1e300, .max = 1e300, \
  .help = "least reward"}
#define UTIL_PARAMETER_HIGH {.name = "high", .type = OFFSIM_NUMBER, .min = -1e300, .max = 1e300, \
  .help = "largest reward (equal to low: both as seen)"}
#define UTIL_PARAMETER_COUNT {.name = "count", .type = OFFSIM_CHOICE, .text = "questions", \
  .choices = "questions|outcomes", .help = "what n counts"}
#define UTIL_PARAMETER_TIES {.name = "ties", .type = OFFSIM_CHOICE, .text = "first", .choices = "first|random", \
  .help = "who wins ties: the first in the scenario's order, or any"}

/* ---- linear models ----------------------------------------------------------------------------------------------- */

/* disjoint: one model per action, x = (1, the selected features of the request). shared: one model for all actions of a
 * kind of decision, x = (1, is edge, is cloud, estimated latency, cost, energy, quality, queue) of the action. rows: the
 * same with x = (1, the action's part of the selected features): of n features the first action has the first n / actions,
 * and so on, such as predictions for each variant that the request brings along. Each feature is divided by the power of
 * two above its largest size so far; when that grows, the models are re-expressed as if it had been so from the start.
 * As given (util_linear_as_given): no constant (0 for the 1 above), features as they are. Unknown features count 0. The
 * first three parameters of such a policy are these: */
enum { UTIL_LINEAR_MODEL, UTIL_LINEAR_ALPHA, UTIL_LINEAR_FEATURES };
#define UTIL_PARAMETERS_LINEAR(ALPHA_HELP, ALPHA_DEFAULT) \
  {.name = "model", .type = OFFSIM_CHOICE, .help = "a model per action, or one of the actions' properties", \
   .text = "disjoint", .choices = "disjoint|shared|rows"}, \
  {.name = "alpha", .type = OFFSIM_NUMBER, .help = ALPHA_HELP, .max = 1e6, .number = ALPHA_DEFAULT}, \
  {.name = "features", .type = OFFSIM_FEATURES, .help = "features of the request (disjoint, rows)", .text = "*"}

enum { UTIL_DISJOINT, UTIL_SHARED, UTIL_ROWS };
enum { UTIL_N_SHARED = 8, UTIL_MAX_DIMENSION = 17 };

/* All rewards of a kind of decision; `own` is the policy's. */
struct util_seen { struct util_arm all, own; struct util_range range; };
struct util_linear_memo { uint32_t action, pad; double x[UTIL_MAX_DIMENSION]; };
/* Head; then what is known of all rewards per context, scale[d], one model of `doubles` numbers per arm (or per context
 * when shared). */
struct util_linear {
  uint32_t dimension, n_contexts, n_models, first_feature;
  int32_t model;
  uint32_t doubles;
  double alpha, constant;
  uint64_t as_given;
};

static inline uint32_t util_dimension(const struct offsim_setup *s)
{
  int model = (int)s->parameter[UTIL_LINEAR_MODEL].number;
  return model == UTIL_SHARED ? UTIL_N_SHARED : 1 + s->n_selected / (model == UTIL_ROWS ? s->max_actions : 1);
}

static inline uint32_t util_models(const struct offsim_setup *s)
{
  return (int)s->parameter[UTIL_LINEAR_MODEL].number != UTIL_DISJOINT ? s->n_contexts : s->n_arms;
}

/* With models of so many numbers. */
static inline size_t util_linear_size(const struct offsim_setup *s, size_t doubles)
{
  uint32_t d = util_dimension(s);
  return sizeof(struct util_linear) + s->n_contexts * sizeof(struct util_seen) +
         (d + util_models(s) * doubles) * sizeof(double);
}

static inline struct util_seen *util_rewards(struct util_linear *l) { return (struct util_seen *)(void *)(l + 1); }
static inline double *util_scales(struct util_linear *l) { return (double *)(void *)(util_rewards(l) + l->n_contexts); }

static inline double *util_model_numbers(struct util_linear *l, uint32_t i)
{
  return util_scales(l) + l->dimension + (size_t)i * l->doubles;
}

/* NULL, or what is wrong with the parameters. */
static inline const char *util_linear_init(const struct offsim_setup *s, struct util_linear *l, size_t doubles)
{
  l->model = (int32_t)s->parameter[UTIL_LINEAR_MODEL].number;
  l->alpha = s->parameter[UTIL_LINEAR_ALPHA].number;
  l->dimension = util_dimension(s);
  if (l->dimension > UTIL_MAX_DIMENSION) return "at most 16 features are read";
  if (l->model == UTIL_ROWS && (s->n_selected == 0 || s->n_selected % s->max_actions))
    return "model rows: as many features for each action";
  l->n_contexts = s->n_contexts;
  l->n_models = util_models(s);
  l->doubles = (uint32_t)doubles;
  l->constant = 1;
  l->as_given = 0;
  double first = s->parameter[UTIL_LINEAR_FEATURES].number;
  l->first_feature = first < 0 ? 0 : (uint32_t)first;
  return NULL;
}

/* After util_linear_init. */
static inline void util_linear_as_given(struct util_linear *l)
{
  l->constant = 0;
  l->as_given = 1;
  for (uint32_t j = 0; j < l->dimension; j++) util_scales(l)[j] = 1;
}

static inline double util_dot(const double *a, const double *b, uint32_t n)
{
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* How the models change when from now on x_j' = ratio x_j, ratio < 1. */
typedef void util_rescale_fn(struct util_linear *, uint32_t j, double ratio);

static inline double util_scaled(struct util_linear *l, uint32_t j, double x, util_rescale_fn *rescale)
{
  if (!isfinite(x) || x == 0) return 0;
  if (l->as_given) return x;
  double *scale = &util_scales(l)[j], size = fabs(x);
  if (size > *scale) {
    int exponent;
    double power = frexp(size, &exponent) > 0.5 ? ldexp(1, exponent) : size;
    if (*scale > 0) rescale(l, j, *scale / power);
    *scale = power;
  }
  return x / *scale;
}

static inline void util_request_features(struct util_linear *l, const struct offsim_context *c, double *x,
                                         util_rescale_fn *rescale)
{
  x[0] = l->constant;
  for (uint32_t j = 1; j < l->dimension; j++) x[j] = util_scaled(l, j, c->value[l->first_feature + j - 1], rescale);
}

static inline void util_row_features(struct util_linear *l, const struct offsim_context *c, uint32_t a, double *x,
                                     util_rescale_fn *rescale)
{
  const double *row = c->value + l->first_feature + (size_t)a * (l->dimension - 1);
  x[0] = l->constant;
  for (uint32_t j = 1; j < l->dimension; j++) x[j] = util_scaled(l, j, row[j - 1], rescale);
}

static inline void util_action_features(struct util_linear *l, const struct offsim_context *c, uint32_t a, double *x,
                                        util_rescale_fn *rescale)
{
  if (l->model == UTIL_ROWS) { util_row_features(l, c, a, x, rescale); return; }
  const double raw[UTIL_N_SHARED] = {1, c->tier[a] == OFFSIM_EDGE, c->tier[a] == OFFSIM_CLOUD, c->est_latency_s[a],
                                     c->est_cost_usd[a], c->est_energy_j[a], c->est_quality[a], c->queue[a]};
  x[0] = l->constant;
  for (uint32_t j = 1; j < UTIL_N_SHARED; j++) x[j] = util_scaled(l, j, raw[j], rescale);
}

/* Scales are settled for all actions first, since a growing one changes the others' features. */
static inline void util_settle(struct util_linear *l, const struct offsim_context *c, double *x, util_rescale_fn *rescale)
{
  if (l->model == UTIL_DISJOINT) { util_request_features(l, c, x, rescale); return; }
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a)) util_action_features(l, c, a, x, rescale);
}

/* x of the action that was chosen, in the features' own units: scales may grow until the outcome. */
static inline void util_linear_keep(struct util_linear *l, struct util_linear_memo *kept, int32_t action, const double *x)
{
  kept->action = (uint32_t)action;
  kept->x[0] = l->constant;
  for (uint32_t j = 1; j < l->dimension; j++) kept->x[j] = x[j] * util_scales(l)[j];
}

static inline uint32_t util_model_of(const struct util_linear *l, const struct offsim_context *c, uint32_t a)
{
  return l->model != UTIL_DISJOINT ? c->context : c->first_arm + a;
}

/* x of an outcome and the number of its model; false when it teaches nothing. Books the reward. */
static inline bool util_linear_outcome(struct util_linear *l, const struct offsim_outcome *o,
                                       const struct util_linear_memo *kept, double *x, uint32_t *model,
                                       util_rescale_fn *rescale)
{
  if (isnan(o->reward) || o->action < 0) return false;
  if (l->model != UTIL_DISJOINT && o->action != (int32_t)kept->action) return false;      /* x is of the action wanted */
  x[0] = l->constant;
  for (uint32_t j = 1; j < l->dimension; j++) x[j] = util_scaled(l, j, kept->x[j], rescale);
  util_arm_add(&util_rewards(l)[o->context].all, o->reward);
  util_range_add(&util_rewards(l)[o->context].range, o->reward);
  *model = l->model != UTIL_DISJOINT ? o->context : o->first_arm + (uint32_t)o->action;
  return true;
}

/* ---- linear models as ellipsoids: A = I + sum x x', A^-1 by Sherman-Morrison --------------------------------------- */

/* A model: A^-1 [d*d], A^-1 sum r x [d], A^-1 sum x [d], and the two sums themselves [d] each. */
struct util_ellipsoid { double *inverse, *reward, *one, *sum_reward, *sum_one; };

static inline struct util_ellipsoid util_ellipsoid_at(struct util_linear *l, uint32_t i)
{
  uint32_t d = l->dimension;
  double *p = util_model_numbers(l, i), *v = p + (size_t)d * d;
  return (struct util_ellipsoid){p, v, v + d, v + 2 * d, v + 3 * d};
}

static inline size_t util_ellipsoid_doubles(const struct offsim_setup *s)
{
  size_t d = util_dimension(s);
  return d * (d + 4);
}

static inline size_t util_ellipsoid_size(const struct offsim_setup *s)
{
  return util_linear_size(s, util_ellipsoid_doubles(s));
}

static inline const char *util_ellipsoid_init(const struct offsim_setup *s, void *state)
{
  struct util_linear *l = state;
  const char *flaw = util_linear_init(s, l, util_ellipsoid_doubles(s));
  for (uint32_t i = 0; !flaw && i < l->n_models; i++)
    for (uint32_t j = 0; j < l->dimension; j++) util_ellipsoid_at(l, i).inverse[(size_t)j * l->dimension + j] = 1;
  return flaw;
}

/* A += weight x x' in its inverse. */
static inline void util_add_square(struct util_ellipsoid m, uint32_t d, const double *x, double weight)
{
  double v[UTIL_MAX_DIMENSION], down = 1;
  for (uint32_t j = 0; j < d; j++) { v[j] = util_dot(&m.inverse[(size_t)j * d], x, d); down += weight * x[j] * v[j]; }
  for (uint32_t j = 0; j < d; j++)
    for (uint32_t k = 0; k < d; k++) m.inverse[(size_t)j * d + k] -= weight * v[j] * v[k] / down;
}

static inline void util_solve(struct util_ellipsoid m, uint32_t d)
{
  for (uint32_t j = 0; j < d; j++) {
    m.reward[j] = util_dot(&m.inverse[(size_t)j * d], m.sum_reward, d);
    m.one[j] = util_dot(&m.inverse[(size_t)j * d], m.sum_one, d);
  }
}

/* From now on x_j' = ratio x_j, ratio < 1: A' = R A R, and its ridge comes back to 1. */
static inline void util_ellipsoid_rescale(struct util_linear *l, uint32_t j, double ratio)
{
  uint32_t d = l->dimension;
  double unit[UTIL_MAX_DIMENSION] = {0};
  unit[j] = 1;
  for (uint32_t i = 0; i < l->n_models; i++) {
    struct util_ellipsoid m = util_ellipsoid_at(l, i);
    for (uint32_t k = 0; k < d; k++) { m.inverse[(size_t)j * d + k] /= ratio; m.inverse[(size_t)k * d + j] /= ratio; }
    m.sum_reward[j] *= ratio;
    m.sum_one[j] *= ratio;
    util_add_square(m, d, unit, 1 - ratio * ratio);
    util_solve(m, d);
  }
}

/* x' A^-1 x. */
static inline double util_ellipsoid_square(struct util_linear *l, struct util_ellipsoid m, const double *x)
{
  uint32_t d = l->dimension;
  double square = 0;
  for (uint32_t j = 0; j < d; j++) square += x[j] * util_dot(&m.inverse[(size_t)j * d], x, d);
  return square > 0 ? square : 0;
}

/* The model's mean reward of x less the mean m of all rewards. */
static inline double util_ellipsoid_mean(struct util_linear *l, struct util_ellipsoid e, const double *x, double m)
{
  return util_dot(e.reward, x, l->dimension) - m * util_dot(e.one, x, l->dimension);
}

static inline void util_ellipsoid_learn(struct util_linear *l, struct util_ellipsoid m, const double *x, double reward)
{
  util_add_square(m, l->dimension, x, 1);
  for (uint32_t j = 0; j < l->dimension; j++) { m.sum_reward[j] += reward * x[j]; m.sum_one[j] += x[j]; }
  util_solve(m, l->dimension);
}

#endif
