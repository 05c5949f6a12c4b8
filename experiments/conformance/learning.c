/* learning.c: does a policy learn what it declares to learn? Problems with known answers, through the policy host.
 *
 * Stationary: nine Bernoulli arms .1 ... .9. Changing: arms .5/.3/.4, of which the last becomes .9 in [3000, 5000)
 * (Garivier and Moulines 2011). Random choice has regret .4 T on the first. "Beats random" = less than three quarters of
 * that, so a learner that behaves like random choice (1.0) fails, a window of 1000 (about .4) passes.
 * `sublinear`: regret(T) / regret(T/4) < 3 at T = 10^4; constant exploration of one in ten measures 3.2, linear regret 4,
 * regret of order sqrt(T) 2. `adapts`: mean reward over the last half of each new regime at least .9 of its best: the
 * better arm is found in [4000, 5000), and left again in [7500, 10000), where UCB1 still takes it (.4 of .5).
 * Both are decided at five standard errors, with as many repetitions as that takes up to a limit.
 */
#include "experiments/conformance/lab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_ARMS = 9, HORIZON = 10000, CONTEXT_ARMS = 5, CONTEXT_HORIZON = 4000, FEW_RUNS = 5, MAX_RUNS = 400 };
enum { CHANGE_FROM = 3000, CHANGE_TO = 5000 };
static const double ENOUGH = 0.75, WORSE = 1.25, SUBLINEAR = 3, NEAR_BEST = 0.9, SURE = 5;

struct bandit {
  int arms; const double *p;
  uint64_t horizon, delay;
  double scale, offset;                                 /* of the reward; a negative scale makes the worst arm the best */
  bool changes, by_kind;                                /* by kind: the second kind of decision has the arms reversed */
};
struct played { double regret, quarter, better, back; uint64_t last[16]; double random; };

static const double nine[N_ARMS] = {.1, .2, .3, .4, .5, .6, .7, .8, .9};
static const double three[3] = {.5, .3, .4};

static double mean_of(const struct bandit *p, uint64_t t, int kind, int arm)
{
  if (p->changes && arm == p->arms - 1 && t >= CHANGE_FROM && t < CHANGE_TO) return 0.9;
  return p->p[p->by_kind && kind == 1 ? p->arms - 1 - arm : arm];
}

/* Best and average of the arms now, as the reward's sign has it. */
static double best_of(const struct bandit *p, uint64_t t, int kind, double *random)
{
  double best = -INFINITY, sum = 0, sign = p->scale < 0 ? -1 : 1;
  for (int a = 0; a < p->arms; a++) {
    double x = sign * mean_of(p, t, kind, a);
    best = x > best ? x : best;
    sum += x;
  }
  *random = best - sum / p->arms;
  return best;
}

static void book(const struct bandit *p, struct played *out, uint64_t t, int kind, int arm)
{
  double random, best = best_of(p, t, kind, &random), mean = mean_of(p, t, kind, arm);
  out->regret += best - (p->scale < 0 ? -mean : mean);
  out->random += random;
  if (t < p->horizon / 4) out->quarter = out->regret;
  if (t >= p->horizon - p->horizon / 4) out->last[arm]++;
  if (t >= (CHANGE_FROM + CHANGE_TO) / 2 && t < CHANGE_TO) out->better += mean / (CHANGE_TO - CHANGE_FROM) * 2;
  if (t >= (CHANGE_TO + HORIZON) / 2) out->back += mean / (HORIZON - CHANGE_TO) * 2;
}

/* The outcome of `delay` decisions ago comes before the next decision. */
static bool settle_late(struct lab *l, const struct bandit *p, uint64_t t)
{
  l->pending[t % LAB_MAX_PENDING] = lab_pending_of(l);
  if (t < p->delay) return true;
  const struct lab_pending *then = &l->pending[(t - p->delay) % LAB_MAX_PENDING];
  double won = rng_uniform(&l->dice) < mean_of(p, t - p->delay, then->facts.task, then->action);
  return lab_tell(l, then, (p->scale != 0 ? p->scale : 1) * won + p->offset, STATUS_COMPLETED);
}

static bool play(const struct subject *s, const struct bandit *p, uint64_t replication, struct played *out, struct report *r)
{
  static const struct habit plain = {.features = VALUES_CONSTANT, .estimates = VALUES_CONSTANT};
  struct lab *l = calloc(1, sizeof *l);
  bool ok = lab_open(l, s, &(struct lab_wish){.actions = p->arms, .kinds = p->by_kind ? 2 : 1, .replication = replication}, r);
  *out = (struct played){0};
  if (ok) lab_prepare(l, &plain);
  for (uint64_t t = 0; t < p->horizon && ok; t++) {
    l->facts.request = l->facts.decision_number = t;
    l->facts.now = (int64_t)t * 1000000;
    l->facts.task = p->by_kind ? (int)(t % 2) : 0;
    ok = lab_decide(l);
    if (ok) book(p, out, t, l->facts.task, l->result.action);
    ok = ok && settle_late(l, p, t);
  }
  lab_close(l);
  free(l);
  return ok;
}

/* ---- what it learns from ----------------------------------------------------------------------------------------- */

/* Rewards, or all that an outcome says beside, are others in the second of two worlds. */
static bool tell_either(struct lab *l, bool other_reward, bool other_rest)
{
  uint64_t t = l->number;
  int a = l->result.action;
  double reward = (double)((t * 7 + (uint64_t)a * 3) % 11) / 11, rest = 0.1 + (double)((t * 5 + (uint64_t)a * 4) % 13) / 13;
  bool late = (t + (uint64_t)a) % 3 == 0;
  if (other_reward) reward = -3 * reward;
  if (other_rest) { rest = 2 - rest; late = !late; }
  struct outcome_facts o = {.decision_number = l->facts.decision_number, .now = l->facts.now, .action = a,
    .status = late ? STATUS_TIMEOUT : STATUS_COMPLETED, .latency_s = rest, .energy_j = rest, .cost_usd = rest,
    .quality = rest / 2, .reward = reward};
  o.phase_s[PHASE_SERVE] = rest;
  return policy_host_outcome(l->host, &l->facts, l->result.memo, &o, &l->err) || report_err(l->report, &l->err);
}

/* Do its choices depend on the rewards (or on the rest) of outcomes? -1 after a report. */
static int depends(const struct subject *s, bool on_rewards, struct report *r)
{
  static const struct habit plain = {.features = VALUES_CONSTANT, .estimates = VALUES_CONSTANT};
  struct lab *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
  struct lab_wish wish = {.actions = N_ARMS, .kinds = 1};
  bool ok = lab_open(a, s, &wish, r) && lab_open(b, s, &wish, r), differs = false;
  for (int i = 0; ok && !differs && i < CHANGE_FROM; i++) {
    lab_prepare(a, &plain);
    lab_prepare(b, &plain);
    ok = lab_decide(a) && lab_decide(b);
    differs = ok && a->result.action != b->result.action;
    ok = ok && tell_either(a, false, false) && tell_either(b, on_rewards, !on_rewards);
  }
  return ok ? differs : -1;
}

/* What follows measures regret: nothing to ask of a policy that learns, but from failures, say, and not from rewards. One
 * that learns from nothing is asked all the same. */
static bool learner(const struct subject *s, struct report *r)
{
  if (!(s->policy->capabilities & OFFSIM_LEARNS)) {
    report_skip(r, "it does not declare to learn");
    return false;
  }
  int rewards = depends(s, true, r), rest = rewards ? 0 : depends(s, false, r);
  if (rewards < 0 || rest < 0) return false;
  if (rest) report_skip(r, "it learns from outcomes, but not from rewards: others change none of its choices");
  return !rest;
}

/* ---- better than random ------------------------------------------------------------------------------------------ */

static bool play_some(const struct subject *s, const struct bandit *p, struct played *sum, struct report *r)
{
  *sum = (struct played){0};
  for (uint64_t i = 0; i < (s->quick ? 2 : FEW_RUNS); i++) {
    struct played one;
    if (!play(s, p, i, &one, r)) return false;
    sum->regret += one.regret;
    sum->random += one.random;
    for (int a = 0; a < p->arms; a++) sum->last[a] += one.last[a];
  }
  return true;
}

static bool beats_random(const struct subject *s, const struct bandit *p, struct played *sum, struct report *r)
{
  if (!play_some(s, p, sum, r)) return false;
  double share = sum->regret / sum->random;
  if (share > WORSE) return report_fail(r, "it does worse than random choice: %.2f times the regret of that within %llu "
                                        "decisions", share, (unsigned long long)p->horizon);
  if (share >= ENOUGH) return report_fail(r, "it behaves like random choice: %.2f of the regret of that within %llu decisions",
                                          share, (unsigned long long)p->horizon);
  report_note(r, "%.2f of the regret of random choice", share);
  return true;
}

static void learn_bandit(const struct subject *s, const struct bandit *p, struct report *r)
{
  struct played sum;
  if (learner(s, r)) beats_random(s, p, &sum, r);
}

#define BANDIT(NAME, ...)                                                                                            \
  static void NAME(const struct subject *s, const struct conformance_test *t, struct report *r)                        \
  {                                                                                                                   \
    learn_bandit(s, &(const struct bandit){.arms = N_ARMS, .p = nine, .horizon = HORIZON, __VA_ARGS__}, r);         \
  }
BANDIT(learns_arms, .delay = 0)
BANDIT(learns_tiny, .scale = 1e-6)
BANDIT(learns_large, .scale = 1e6)
BANDIT(learns_flipped, .scale = -1)
BANDIT(learns_negative, .offset = -2)
BANDIT(learns_kinds, .by_kind = true)

static void learns_late(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  static const struct bandit p = {.arms = N_ARMS, .p = nine, .horizon = 2 * HORIZON, .delay = 1000};
  struct played sum;
  if (!learner(s, r) || !beats_random(s, &p, &sum, r)) return;
  int most = 0;
  for (int a = 1; a < N_ARMS; a++) most = sum.last[a] > sum.last[most] ? a : most;
  if (most != N_ARMS - 1) report_fail(r, "in the last quarter it chose the arm with mean %g most often, not the best (%g)",
                                      nine[most], nine[N_ARMS - 1]);
}

/* ---- contexts ---------------------------------------------------------------------------------------------------- */

struct linear { double theta[CONTEXT_ARMS][LAB_CONTEXT]; };

static void unit_vector(struct lab *l, double *x)
{
  double square = 0;
  for (int i = 0; i < LAB_CONTEXT; i++) { x[i] = rng_normal(&l->dice); square += x[i] * x[i]; }
  for (int i = 0; i < LAB_CONTEXT; i++) x[i] /= sqrt(square);
}

static double dot(const double *x, const double *y)
{
  double sum = 0;
  for (int i = 0; i < LAB_CONTEXT; i++) sum += x[i] * y[i];
  return sum;
}

/* Regret of the choice and of random choice in the context x. */
static void book_context(const struct linear *m, const double *x, int chosen, struct played *out)
{
  double best = -INFINITY, sum = 0;
  for (int a = 0; a < CONTEXT_ARMS; a++) {
    double y = dot(m->theta[a], x);
    best = y > best ? y : best;
    sum += y;
  }
  out->regret += best - dot(m->theta[chosen], x);
  out->random += best - sum / CONTEXT_ARMS;
}

static bool play_contexts(struct lab *l, uint64_t horizon, struct played *out)
{
  static const struct habit plain = {.features = VALUES_CONSTANT, .estimates = VALUES_CONSTANT};
  struct linear m;
  for (int a = 0; a < CONTEXT_ARMS; a++) unit_vector(l, m.theta[a]);
  for (uint64_t t = 0; t < horizon; t++) {
    lab_prepare(l, &plain);
    double *x = &l->value[l->klass.n_attributes - LAB_CONTEXT];
    unit_vector(l, x);
    if (!lab_decide(l)) return false;
    book_context(&m, x, l->result.action, out);
    struct lab_pending p = lab_pending_of(l);
    if (!lab_tell(l, &p, dot(m.theta[p.action], x) + 0.1 * rng_normal(&l->dice), STATUS_COMPLETED)) return false;
  }
  return true;
}

static bool reads_contexts(const struct offsim_policy *p)
{
  for (uint32_t i = 0; i < p->n_parameters; i++)
    if (p->parameter[i].type == OFFSIM_FEATURES) return true;
  return false;
}

static void learns_contexts(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct played out = {0};
  struct lab *l = calloc(1, sizeof *l);
  if (!learner(s, r)) return;
  if (!reads_contexts(s->policy)) { report_skip(r, "it selects no features"); return; }
  struct lab_wish wish = {.actions = CONTEXT_ARMS, .kinds = 1, .context = LAB_CONTEXT};
  if (!lab_open(l, s, &wish, r) || !play_contexts(l, CONTEXT_HORIZON, &out)) return;
  double share = out.regret / out.random;
  if (share >= ENOUGH) report_fail(r, "contexts do not help it: %.2f of the regret of random choice", share);
  else report_note(r, "%.2f of the regret of random choice", share);
}

/* ---- what is declared -------------------------------------------------------------------------------------------- */

/* Paired sums over runs: a ratio of means, and how uncertain it is. */
struct ratio { double n, a, b, aa, ab, bb; };

static void ratio_add(struct ratio *x, double a, double b)
{
  *x = (struct ratio){x->n + 1, x->a + a, x->b + b, x->aa + a * a, x->ab + a * b, x->bb + b * b};
}

static double ratio_value(const struct ratio *x) { return x->a / x->b; }

static double ratio_error(const struct ratio *x)
{
  double q = ratio_value(x), square = x->aa - 2 * q * x->ab + q * q * x->bb;
  return sqrt(square > 0 ? square / (x->n - 1) * x->n : 0) / x->b;
}

/* Runs until the ratio is SURE standard errors from the limit, at least `least` of them. */
static bool measure(const struct subject *s, const struct bandit *p, double limit,
                    void (*take)(const struct played *, struct ratio *), struct ratio *x, struct report *r)
{
  int least = s->quick ? 8 : 20, most = s->elsewhere ? least : MAX_RUNS;
  *x = (struct ratio){0};
  for (int i = 0; i < most; i++) {
    struct played one;
    if (!play(s, p, (uint64_t)i, &one, r)) return false;
    take(&one, x);
    if (i + 1 >= least && fabs(ratio_value(x) - limit) > SURE * ratio_error(x)) break;
  }
  return true;
}

static void take_growth(const struct played *p, struct ratio *x) { ratio_add(x, p->regret, p->quarter); }
static void take_better(const struct played *p, struct ratio *x) { ratio_add(x, p->better, 0.9); }
static void take_back(const struct played *p, struct ratio *x) { ratio_add(x, p->back, 0.5); }

static void is_sublinear(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  static const struct bandit p = {.arms = N_ARMS, .p = nine, .horizon = HORIZON};
  struct ratio x;
  if (!(s->policy->capabilities & OFFSIM_SUBLINEAR)) { report_skip(r, "it does not declare sublinear regret"); return; }
  if (!measure(s, &p, SUBLINEAR, take_growth, &x, r)) return;
  double q = ratio_value(&x), e = ratio_error(&x);
  if (q >= SUBLINEAR) report_fail(r, "regret(%d) / regret(%d) = %.2f +- %.2f, not below 3", HORIZON, HORIZON / 4, q, e);
  else report_note(r, "regret(%d) / regret(%d) = %.2f +- %.2f", HORIZON, HORIZON / 4, q, e);
}

static void adapts(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  static const struct bandit up = {.arms = 3, .p = three, .horizon = CHANGE_TO, .changes = true};
  static const struct bandit back = {.arms = 3, .p = three, .horizon = HORIZON, .changes = true};
  struct ratio x, y;
  if (!(s->policy->capabilities & OFFSIM_ADAPTS)) { report_skip(r, "it does not declare to adapt"); return; }
  if (!measure(s, &up, NEAR_BEST, take_better, &x, r) || !measure(s, &back, NEAR_BEST, take_back, &y, r)) return;
  double found = ratio_value(&x), left = ratio_value(&y);
  report_note(r, "%.3f +- %.3f of the new best when an arm gets better, %.3f +- %.3f when it gets worse again", found,
              ratio_error(&x), left, ratio_error(&y));
  if (found >= NEAR_BEST && left >= NEAR_BEST) return;
  struct report inner = *r;
  report_fail(r, "not within 10 %% of the new best after a change: %.300s", inner.text);
}

/* Without the declaration, rewards change nothing. */
static void learns_only_as_declared(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  static const struct habit one = {.outcomes = OUTCOMES_AT_ONCE}, other = {.outcomes = OUTCOMES_AT_ONCE, .scale = -5};
  struct lab *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
  if (s->policy->capabilities & OFFSIM_LEARNS) { report_skip(r, "for policies that do not declare it"); return; }
  if (!lab_open(a, s, &(struct lab_wish){0}, r) || !lab_open(b, s, &(struct lab_wish){0}, r)) return;
  for (uint64_t i = 0; i < lab_size(s, HORIZON); i++) {
    if (!lab_live(a, &one, 1) || !lab_live(b, &other, 1)) return;
    if (a->result.action != b->result.action) {
      report_fail(r, "other rewards changed decision %llu, but it does not declare to learn", (unsigned long long)i);
      return;
    }
  }
}

const struct conformance_test conformance_learning[] = {
  {.name = "learning.declared", "rewards change its choices only if it declares to learn", learns_only_as_declared},
  {.name = "learning.arms", "on nine arms it beats random choice", learns_arms},
  {.name = "learning.kinds", "two kinds of decision with opposite best arms are learned apart", learns_kinds},
  {.name = "learning.contexts", "with linear rewards its features help it", learns_contexts},
  {.name = "learning.delay", "with outcomes 1000 decisions late it finds the best arm", learns_late},
  {.name = "reward.tiny", "rewards times 1e-6: it still beats random choice", learns_tiny},
  {.name = "reward.large", "rewards times 1e6: it still beats random choice", learns_large},
  {.name = "reward.flipped", "rewards with the other sign: it finds the other best arm", learns_flipped},
  {.name = "reward.negative", "rewards below zero: it still beats random choice", learns_negative},
  {.name = "learning.sublinear", "declared sublinear: regret(T) / regret(T/4) < 3", is_sublinear},
  {.name = "learning.adapts", "declared to adapt: near the new best after a change", adapts},
  {0}};
