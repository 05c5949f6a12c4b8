/* contract.c: tests of single answers: whatever the world looks like, the choice is allowed, the propensity true. */
#include "experiments/conformance/lab.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MASK_TRIALS = 100000, SOME = 20000, FEW = 2000, DRAWS = 100000, SETTLE = 200, MAX_DRAWN = 8 };

/* A test that is nothing but a world. */
static void live(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  const struct habit *h = t->habit;
  struct lab *l = calloc(1, sizeof *l);
  uint64_t n = lab_size(s, (uint64_t)h->decisions);
  if (lab_open(l, s, &(struct lab_wish){.actions = h->actions, .kinds = h->kinds}, r) && lab_live(l, h, n))
    report_note(r, "%llu decisions", (unsigned long long)n);
}

static void live_fuzz(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  live(s, t, r);
  struct report inner = *r;
  if (r->verdict == VERDICT_FAIL) report_fail(r, "%.400s; again with --seed %llu", inner.text, (unsigned long long)s->seed);
  else report_note(r, "%s, seed %llu", inner.text, (unsigned long long)s->seed);
}

/* ---- what it may depend on --------------------------------------------------------------------------------------- */

/* The choices of one life; false after a report. */
static bool choices(const struct subject *s, uint64_t replication, size_t n, struct trail *out, struct report *r)
{
  static const struct habit masks = {.masks = MASKS_RANDOM};
  struct lab *l = calloc(1, sizeof *l);
  if (!lab_open(l, s, &(struct lab_wish){0}, r)) return false;
  struct rng_root other = rng_root_make(s->seed + 77, replication);
  if (replication) l->host->root = other;               /* the same world, other draws of the policy's own */
  l->trail = (struct trail){calloc(n, sizeof *out->step), 0, n};
  bool ok = lab_live(l, &masks, n);
  *out = l->trail;
  return ok;
}

static void draws_only_as_declared(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct trail a, b;
  size_t n = lab_size(s, FEW), differs = 0;
  if (!choices(s, 0, n, &a, r) || !choices(s, 1, n, &b, r)) return;
  for (size_t i = 0; i < n; i++) differs += a.step[i].action != b.step[i].action;
  bool declared = s->policy->capabilities & OFFSIM_STOCHASTIC;
  if (!declared && differs) report_fail(r, "other random numbers changed %zu of %zu choices, but it is not declared stochastic",
                                        differs, n);
  else report_note(r, declared ? "stochastic" : "draws nothing");
}

static void sure_of_itself(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct trail a;
  size_t n = lab_size(s, FEW);
  if (s->policy->capabilities & OFFSIM_STOCHASTIC) { report_skip(r, "it is stochastic"); return; }
  if (!choices(s, 0, n, &a, r)) return;
  for (size_t i = 0; i < n; i++)
    if (a.step[i].propensity != 1) {
      report_fail(r, "propensity %g at decision %zu, but it is not declared stochastic", a.step[i].propensity, i);
      return;
    }
}

/* ---- frequencies ------------------------------------------------------------------------------------------------- */

struct counts { double seen[MAX_DRAWN], expected[MAX_DRAWN]; };

/* Pearson's statistic against the sum of what was reported; choices that are hardly ever expected are taken together. */
static double p_value(const struct counts *c, int n)
{
  double x = 0, rest_seen = 0, rest_expected = 0;
  int cells = 0;
  for (int a = 0; a < n; a++) {
    if (c->expected[a] < 10) { rest_seen += c->seen[a]; rest_expected += c->expected[a]; continue; }
    x += (c->seen[a] - c->expected[a]) * (c->seen[a] - c->expected[a]) / c->expected[a];
    cells++;
  }
  if (rest_expected >= 10) {
    x += (rest_seen - rest_expected) * (rest_seen - rest_expected) / rest_expected;
    cells++;
  } else if (rest_seen > 30 + 10 * rest_expected) return 0;
  return cells > 1 ? gsl_cdf_chisq_Q(x, cells - 1) : 1;
}

/* Draws without outcomes from a learner that has seen some. Some pending decisions change what it expects; each draw is
 * held against its own distribution. */
static bool draw(struct lab *l, uint64_t n, struct counts *c)
{
  static const struct habit quiet = {.outcomes = OUTCOMES_NONE};
  for (uint64_t i = 0; i < n; i++) {
    lab_prepare(l, &quiet);
    if (!lab_decide(l)) return false;
    c->seen[l->result.action]++;
    for (int a = 0; a < l->facts.n_actions; a++) c->expected[a] += l->host->distribution[a];
    struct lab_pending p = lab_pending_of(l);
    if (!lab_tell(l, &p, NAN, STATUS_CENSORED)) return false;
  }
  return true;
}

static void draws_what_it_reports(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  struct counts c = {0};
  if (!(s->policy->capabilities & OFFSIM_REPORTS_DISTRIBUTION)) { report_skip(r, "it reports no distribution"); return; }
  if (!lab_open(l, s, &(struct lab_wish){.kinds = 1}, r) || !lab_live(l, t->habit, SETTLE)) return;
  if (!draw(l, lab_size(s, DRAWS), &c)) return;
  double p = p_value(&c, l->n_actions);
  if (p < 1e-4) report_fail(r, "its choices do not follow the distribution that it reports: chi-square p = %.2g", p);
  else report_note(r, "chi-square p = %.2g", p);
}

/* Where the propensity of a choice is always the same, the choice comes that often: five standard errors. */
struct steady { double first[MAX_DRAWN], seen[MAX_DRAWN]; bool varies; };

static bool watch_propensities(struct lab *l, uint64_t n, struct steady *w)
{
  static const struct habit same = {.features = VALUES_CONSTANT, .estimates = VALUES_CONSTANT, .outcomes = OUTCOMES_NONE};
  for (uint64_t i = 0; i < n; i++) {
    lab_prepare(l, &same);
    if (!lab_decide(l)) return false;
    int a = l->result.action;
    w->varies |= w->seen[a]++ > 0 && w->first[a] != l->result.propensity;
    w->first[a] = l->result.propensity;
    struct lab_pending p = lab_pending_of(l);
    if (!lab_tell(l, &p, NAN, STATUS_CENSORED)) return false;
  }
  return true;
}

static void propensity_is_true(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  struct steady w = {0};
  double n = (double)lab_size(s, DRAWS);
  if (!(s->policy->capabilities & OFFSIM_STOCHASTIC)) { report_skip(r, "it is not stochastic"); return; }
  if (!lab_open(l, s, &(struct lab_wish){.kinds = 1}, r) || !watch_propensities(l, (uint64_t)n, &w)) return;
  if (w.varies) { report_skip(r, "its propensities change without outcomes"); return; }
  for (int a = 0; a < l->n_actions; a++) {
    double p = w.first[a], off = fabs(w.seen[a] - n * p);
    if (w.seen[a] > 0 && off > 5 * sqrt(n * p * (1 - p)) + 1e-9 * n) {
      report_fail(r, "action %d has propensity %g, but came %g of %g times", a, p, w.seen[a], n);
      return;
    }
  }
}

/* ---- joint decisions, periodic control --------------------------------------------------------------------------- */

enum { JOINT = 5, ROUNDS = 500 };

/* Contexts, answers and memos of a joint decision, copied from the host's own for single ones. */
struct joint {
  struct offsim_context context[JOINT]; struct offsim_decision decision[JOINT];
  const struct offsim_context *contexts[JOINT]; struct offsim_decision *decisions[JOINT]; void *memos[JOINT];
  uint32_t mask[JOINT][MAX_DRAWN]; double distribution[JOINT][MAX_DRAWN];
};

static bool joint_add(struct lab *l, struct joint *j, int i)
{
  static const struct habit habit = {.masks = MASKS_RANDOM, .outcomes = OUTCOMES_NONE};
  lab_prepare(l, &habit);
  if (!lab_decide(l)) return false;
  j->context[i] = l->host->context;
  memcpy(j->mask[i], l->host->mask, sizeof(uint32_t) * (size_t)l->n_actions);
  j->context[i].mask = j->mask[i];
  memset(j->distribution[i], 0, sizeof j->distribution[i]);
  bool reports = l->host->distribution;
  j->decision[i] = (struct offsim_decision){.size = sizeof j->decision[i], .action = -1, .propensity = 1,
    .hedge_action = -1, .distribution = reports ? j->distribution[i] : NULL};
  j->contexts[i] = &j->context[i];
  j->decisions[i] = &j->decision[i];
  j->memos[i] = calloc(1, l->host->policy->memo_size + 1);
  struct lab_pending p = lab_pending_of(l);
  return lab_tell(l, &p, NAN, STATUS_CENSORED);
}

static bool joint_fine(const struct lab *l, const struct joint *j, struct report *r)
{
  for (int i = 0; i < JOINT; i++) {
    int a = j->decision[i].action;
    if (a < 0 || a >= l->n_actions) return report_fail(r, "joint decision %d of %d: action %d does not exist", i, JOINT, a);
    if (j->mask[i][a]) return report_fail(r, "joint decision %d of %d: action %d is masked", i, JOINT, a);
    if (!(j->decision[i].propensity > 0 && j->decision[i].propensity <= 1))
      return report_fail(r, "joint decision %d of %d: propensity %g", i, JOINT, j->decision[i].propensity);
  }
  return true;
}

static void decides_jointly(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  struct joint *j = calloc(1, sizeof *j);
  if (!s->policy->decide_batch || s->elsewhere) { report_skip(r, "it decides one by one"); return; }
  if (!lab_open(l, s, &(struct lab_wish){0}, r)) return;
  for (uint64_t k = 0; k < lab_size(s, ROUNDS); k++) {
    for (int i = 0; i < JOINT; i++)
      if (!joint_add(l, j, i)) return;
    s->policy->decide_batch(l->host->learners.last.state, JOINT, j->contexts, j->decisions, j->memos);
    if (!joint_fine(l, j, r)) return;
  }
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define WORLD(...) live, &(const struct habit){__VA_ARGS__}

const struct conformance_test conformance_contract[] = {
  {.name = "contract.masks", "a masked action is never chosen", WORLD(.decisions = MASK_TRIALS, .masks = MASKS_RANDOM)},
  {.name = "contract.one_legal", "where one action is allowed, it is taken", WORLD(.decisions = SOME, .masks = MASKS_ALL_BUT_ONE)},
  {.name = "contract.one_action", "where there is one action, it is taken", WORLD(.decisions = FEW, .actions = 1)},
  {.name = "contract.1024_actions", "1024 actions, some masked", WORLD(.decisions = FEW, .actions = 1024, .masks = MASKS_RANDOM)},
  {.name = "contract.changing_actions", "the set of actions changes during the run",
   WORLD(.decisions = SOME, .actions_vary = true, .masks = MASKS_IN_BLOCKS)},
  {.name = "contract.many_kinds", "four kinds of decision at once", WORLD(.decisions = SOME, .kinds = LAB_KINDS)},
  {.name = "contract.far_numbers", "ids and times near the ends of their types", WORLD(.decisions = FEW, .far = true)},
  {.name = "features.missing", "features are NaN", WORLD(.decisions = SOME, .features = VALUES_MISSING, .masks = MASKS_RANDOM)},
  {.name = "features.infinite", "features are infinite", WORLD(.decisions = SOME, .features = VALUES_INFINITE, .masks = MASKS_RANDOM)},
  {.name = "features.huge", "features are 1e300, 1e-300, 0, -0", WORLD(.decisions = SOME, .features = VALUES_HUGE)},
  {.name = "features.stale", "telemetry is 30 years old",
   WORLD(.decisions = FEW, .features = VALUES_STALE, .estimates = VALUES_STALE)},
  {.name = "features.constant", "features never change", WORLD(.decisions = SOME, .features = VALUES_CONSTANT)},
  {.name = "estimates.missing", "estimates and queues are NaN",
   WORLD(.decisions = SOME, .estimates = VALUES_MISSING, .masks = MASKS_RANDOM)},
  {.name = "estimates.infinite", "estimates and queues are infinite",
   WORLD(.decisions = SOME, .estimates = VALUES_INFINITE, .masks = MASKS_RANDOM)},
  {.name = "estimates.huge", "estimates and queues are huge or tiny", WORLD(.decisions = SOME, .estimates = VALUES_HUGE)},
  {.name = "outcomes.delayed", "outcomes come 1000 decisions late", WORLD(.decisions = SOME, .outcomes = OUTCOMES_DELAYED)},
  {.name = "outcomes.shuffled", "outcomes come out of order", WORLD(.decisions = SOME, .outcomes = OUTCOMES_SHUFFLED)},
  {.name = "outcomes.missing", "half of the outcomes never come", WORLD(.decisions = FEW, .outcomes = OUTCOMES_HALF_MISSING)},
  {.name = "outcomes.censored", "half of the outcomes are censored", WORLD(.decisions = SOME, .outcomes = OUTCOMES_CENSORED)},
  {.name = "outcomes.twice", "an outcome is told again", WORLD(.decisions = FEW, .outcomes = OUTCOMES_TWICE)},
  {.name = "outcomes.replaced", "another action was executed", WORLD(.decisions = SOME, .outcomes = OUTCOMES_REPLACED)},
  {.name = "outcomes.failed", "late, dropped and cancelled; nothing executed", WORLD(.decisions = SOME, .outcomes = OUTCOMES_FAILED)},
  {.name = "reward.extreme", "rewards around 1e300", WORLD(.decisions = FEW, .scale = 1e300)},
  {.name = "reward.constant", "the reward is always the same", WORLD(.decisions = SOME, .constant = true, .masks = MASKS_RANDOM)},
  {.name = "propensity.range", "between 0 and 1, whatever the masks", WORLD(.decisions = SOME, .masks = MASKS_IN_BLOCKS)},
  {.name = "propensity.drawn", "random numbers are drawn only where declared", draws_only_as_declared},
  {.name = "propensity.sure", "it is 1 where nothing is drawn", sure_of_itself},
  {.name = "propensity.true", "a choice comes as often as its propensity says", propensity_is_true},
  {.name = "propensity.distribution", "choices follow the distribution that it reports", draws_what_it_reports,
   &(const struct habit){.masks = MASKS_NONE}},
  {.name = "batch.valid", "joint decisions are allowed ones", decides_jointly},
  {.name = "fuzz.surprises", "everything at once, another way every hundred decisions", live_fuzz,
   &(const struct habit){.decisions = SOME, .surprise = true}},
  {0}};
