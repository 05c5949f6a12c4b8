/* policy_wrap.c: wrappers, policies over policies, in the order of the entry's `wrap:` from inner to outer.
 *
 * floor     with probability e a uniform allowed action: p'(a) = (1 - e) p(a) + e / K. Exact, hence refused where the
 *           policy draws without reporting its distribution: p(a) of an explored action is known to nobody.
 * detect    a change of an arm's reward starts the learner afresh: two-sided cumulative sums (Page, Biometrika 41,
 *           1954; for bandits Liu, Lee and Shroff, AAAI 2018). An arm's first `window` rewards give mean m and
 *           deviation s; then up = max(0, up + (x-m)/s - drift), down = max(0, down - (x-m)/s - drift); more than
 *           `threshold` is a change. With a known normal mean, drift .5 and threshold 10 one side is wrong once in
 *           1.4e5 rewards (Siegmund's approximation).
 * budget    primal-dual (Mahdavi, Jin and Yang, JMLR 13, 2012; Badanidiyuru, Kleinberg and Slivkins, FOCS 2013):
 *           the learner hears reward - price * R * (cost/rate - 1), and the price follows the projected sub-gradient,
 *           price <- max(0, price + step * (cost/rate - 1)); R = range of the rewards seen. Summing the steps: the
 *           overspending a decision is at most rate * price / (step * decisions).
 * guard     another policy decides where a feature or an estimate that this one reads is NaN.
 *
 * Check: floor .2 over three allowed actions and a fixed choice: p = .8667, .0667, .0667.
 */
#include "models/policy_parts.h"
#include "models/streams.h"
#include "sim/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double MOST_PRICE = 1e3;

/* ---- states ------------------------------------------------------------------------------------------------------ */

/* Before the wrappers' own: a restart makes what was asked before it nobody's. */
struct head { uint64_t generation; };
struct sums { double n, mean, m2, up, down; };
struct spending { double price, spent, n, low, high; };
/* Behind the policy's memo. guarded: number of the guard that decided, from 1. */
struct wrap_memo { uint32_t generation, guarded; void *of_guard; };

static struct head *head_of(const struct policy_host *h, void *state)
{
  return (struct head *)(void *)((char *)state + h->wrap_at);
}

static void *state_of(const struct policy_host *h, void *state, const struct wrap *w)
{
  return (char *)state + h->wrap_at + w->state_at;
}

static struct wrap_memo *memo_of(const struct policy_host *h, void *memo)
{
  return (struct wrap_memo *)(void *)((char *)memo + h->wrap_memo_at);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static size_t bytes_of(const struct policy_host *h, const struct wrap_def *def)
{
  if (def->kind == WRAP_DETECT) return h->setup.n_arms * sizeof(struct sums);
  return def->kind == WRAP_BUDGET ? sizeof(struct spending) : 0;
}

static bool needs_learner(const struct policy_host *h, const struct wrap_def *def, struct err *err)
{
  static const char *const why[] = {[WRAP_DETECT] = "'detect' starts a learner afresh",
                                    [WRAP_BUDGET] = "'budget' steers a learner by its rewards"};
  bool needs = def->kind == WRAP_DETECT || def->kind == WRAP_BUDGET;
  return !needs || policy_host_learns(h) ||
         err_add(err, def->at, "%s; policy '%s' does not learn", why[def->kind], h->policy->name);
}

/* An estimate from further questions would be no propensity: it can be 0 for an action that has a chance. */
static bool can_floor(const struct policy_host *h, const struct wrap_def *def, struct err *err)
{
  bool draws = h->policy->capabilities & OFFSIM_STOCHASTIC;
  return def->kind != WRAP_FLOOR || !draws || (h->policy->capabilities & OFFSIM_REPORTS_DISTRIBUTION) ||
         err_add(err, def->at, "'floor' needs the distribution of policy '%s', which draws and does not report it: declare "
                 "reports-distribution and %s, or leave the floor out, since a policy that draws explores and logs its own "
                 "propensities", h->policy->name,
                 h->loaded.python ? "return Decision(action, distribution=[...])" : "fill decision.distribution");
}

/* The guard's policy is a host of its own; it must not draw, so that its choice has probability 1. */
static bool make_guard(struct policy_host *h, struct wrap *w, struct err *err)
{
  struct policy_def def = {.name = w->def->policy, .policy = w->def->policy, .at = w->def->at, .at_place = NONE,
                           .scope = h->scope};
  w->guard = policy_host_new(&def, h->world, &h->root, err);
  if (!w->guard) return false;
  h->reads_state |= w->guard->reads_state;
  return !(w->guard->policy->capabilities & (OFFSIM_STOCHASTIC | OFFSIM_NEEDS_ORACLE)) ||
         err_add(err, w->def->at, "the policy of a 'guard' may not draw or need an oracle, as '%s' does",
                 w->def->policy);
}

bool wraps_make(struct policy_host *h, const struct policy_def *def, struct err *err)
{
  h->wrap_memo_at = (h->policy->memo_size + 7u) / 8 * 8;
  h->memo_bytes = h->policy->memo_size;
  if (def->n_wraps == 0) return true;
  h->wrap = arena_array(h->arena, struct wrap, def->n_wraps);
  size_t at = sizeof(struct head);
  bool ok = true;
  for (int i = 0; i < def->n_wraps; i++) {
    struct wrap *w = &h->wrap[h->n_wraps++];
    *w = (struct wrap){.def = &def->wrap[i], .state_at = at,
                       .stream = h->name_hash ^ rng_name(arena_printf(h->arena, "wrap %d", i))};
    at += bytes_of(h, w->def);
    ok = needs_learner(h, w->def, err) && ok;
    ok = can_floor(h, w->def, err) && ok;
    if (w->def->kind == WRAP_GUARD) ok = make_guard(h, w, err) && ok;
  }
  h->learner_bytes += (at + 15) / 16 * 16;
  h->memo_bytes = h->wrap_memo_at + sizeof(struct wrap_memo);
  return ok;
}

void wraps_free(struct policy_host *h)
{
  for (int i = 0; i < h->n_wraps; i++) policy_host_free(h->wrap[i].guard);
}

/* What a state's meaning depends on, as text. */
void wraps_print(const struct policy_host *h, char *text, size_t size)
{
  size_t n = 0;
  for (int i = 0; i < h->n_wraps && n < size; i++) {
    const struct wrap_def *d = h->wrap[i].def;
    n += (size_t)snprintf(text + n, size - n, "%d %.17g %.17g %.17g %.17g %.17g %.17g %.17g %s;", (int)d->kind, d->floor,
                          d->window, d->threshold, d->drift, d->usd, d->joule, d->step, d->policy ? d->policy : "");
  }
}

uint32_t wraps_columns(const struct policy_host *h)
{
  uint32_t columns = 0;
  for (int i = 0; i < h->n_wraps; i++) {
    const struct policy_host *g = h->wrap[i].guard;
    if (!g) continue;
    columns |= policy_host_columns(g);
    for (int f = 0; f < g->n_features; f++)
      if (strstr(g->feature[f], "queue")) columns |= OFFSIM_COLUMN_QUEUE;
  }
  return columns;
}

/* ---- budgets as features ----------------------------------------------------------------------------------------- */

static double left(const struct wrap_def *d, const struct spending *s)
{
  return (d->usd > 0 ? d->usd : d->joule) * s->n - s->spent;
}

/* What the budget allowed so far and was not spent; negative: overspent. */
void wraps_features(struct policy_host *h, const struct decision_facts *f, void *state)
{
  const struct source *s = &h->source[f->klass * MAX_FEATURES];
  for (int i = 0; i < h->n_wraps; i++) {
    const struct wrap_def *d = h->wrap[i].def;
    if (d->kind != WRAP_BUDGET) continue;
    for (int k = 0; k < h->n_features; k++)
      if (s[k].kind == (d->usd > 0 ? SOURCE_BUDGET_USD : SOURCE_BUDGET_J)) {
        h->value[k] = left(d, state_of(h, state, &h->wrap[i]));
        h->age_s[k] = 0;
      }
  }
}

/* ---- deciding ---------------------------------------------------------------------------------------------------- */

static bool missing_estimate(const struct policy_host *h, int action)
{
  for (int i = 0; i < 4; i++)
    if (h->column[i] && isnan(h->column[i][action])) return true;
  return false;
}

static bool something_missing(const struct policy_host *h, const struct decision_facts *f)
{
  for (int i = 0; i < h->n_features; i++)
    if (isnan(h->value[i])) return true;
  for (int a = 0; a < f->n_actions; a++)
    if (f->action[a].mask == 0 && missing_estimate(h, a)) return true;
  return false;
}

/* The outermost guard, when something is missing; -1: none. */
static int guard_of(const struct policy_host *h, const struct decision_facts *f)
{
  int outer = h->n_wraps - 1;
  while (outer >= 0 && h->wrap[outer].def->kind != WRAP_GUARD) outer--;
  return outer >= 0 && something_missing(h, f) ? outer : -1;
}

bool wraps_guard(struct policy_host *h, const struct decision_facts *f, struct offsim_decision *d, void *memo,
                 struct err *err, bool *done)
{
  int i = guard_of(h, f);
  *done = i >= 0;
  if (!*done) return true;
  struct decision_result r;
  if (!policy_host_decide(h->wrap[i].guard, f, &r, err)) return false;
  struct wrap_memo *m = memo_of(h, memo);
  m->guarded = (uint32_t)i + 1;
  m->of_guard = r.memo;
  d->action = r.action;
  d->propensity = 1;
  if (h->distribution) {
    memset(h->distribution, 0, (size_t)f->n_actions * sizeof *h->distribution);
    h->distribution[r.action] = 1;
  }
  return true;
}

static int nth_allowed(const struct decision_facts *f, uint64_t n)
{
  for (int a = 0; a < f->n_actions; a++)
    if (f->action[a].mask == 0 && n-- == 0) return a;
  return NONE;
}

/* Of the policy, or of the guard in its place; without a distribution neither draws. */
static double chance_before(const struct policy_host *h, const struct offsim_decision *d, int action)
{
  if (action == d->action) return d->propensity;
  return h->distribution ? h->distribution[action] : 0;
}

/* All floors beyond the guard that decided: one coin each, the same affine map of the probabilities each. */
void wraps_floor(struct policy_host *h, const struct decision_facts *f, struct offsim_decision *d, uint64_t learner,
                 const void *memo)
{
  uint32_t guarded = memo_of(h, (void *)memo)->guarded;
  int n = 0, action = d->action;
  double scale = 1, shift = 0;
  for (int a = 0; a < f->n_actions; a++) n += f->action[a].mask == 0;
  for (int i = (int)guarded; i < h->n_wraps; i++) {
    const struct wrap *w = &h->wrap[i];
    if (w->def->kind != WRAP_FLOOR) continue;
    struct rng coin = rng_open(&h->root, STREAM_POLICY, w->stream ^ learner * UINT64_C(0x9e3779b97f4a7c15),
                               f->decision_number);
    if (rng_uniform(&coin) < w->def->floor) action = nth_allowed(f, rng_below(&coin, (uint64_t)n));
    scale *= 1 - w->def->floor;
    shift = shift * (1 - w->def->floor) + w->def->floor / n;
  }
  if (shift == 0) return;
  double p = chance_before(h, d, action);
  for (int a = 0; h->distribution && a < f->n_actions; a++)
    if (f->action[a].mask == 0) h->distribution[a] = scale * h->distribution[a] + shift;
  d->action = action;
  d->propensity = fmin(1, scale * p + shift);
}

void wraps_asked(struct policy_host *h, void *state, void *memo)
{
  memo_of(h, memo)->generation = (uint32_t)head_of(h, state)->generation;
}

/* ---- learning ---------------------------------------------------------------------------------------------------- */

static void spend(const struct wrap_def *d, struct spending *s, struct offsim_outcome *o)
{
  double cost = d->usd > 0 ? o->cost_usd / d->usd : o->energy_j / d->joule, reward = o->reward;
  if (isnan(reward)) return;
  s->low = s->n > 0 ? fmin(s->low, reward) : reward;
  s->high = s->n > 0 ? fmax(s->high, reward) : reward;
  o->reward = reward - s->price * (s->high - s->low) * (cost - 1);
  s->price = fmin(MOST_PRICE, fmax(0, s->price + d->step * (cost - 1)));
  s->spent += d->usd > 0 ? o->cost_usd : o->energy_j;
  s->n++;
}

/* A reference without spread (a constant reward, so far) gets a little: a deviation of 1e-6 of its mean. */
static double deviation(const struct sums *a)
{
  double s = sqrt(a->m2 / (a->n - 1)), least = 1e-6 * fabs(a->mean) + 1e-300;
  return s > least ? s : least;
}

static bool changed(const struct wrap_def *d, struct sums *a, double x)
{
  if (a->n < d->window) {
    double gap = x - a->mean;
    a->mean += gap / ++a->n;
    a->m2 += gap * (x - a->mean);
    return false;
  }
  double z = (x - a->mean) / deviation(a);
  a->up = fmax(0, a->up + z - d->drift);
  a->down = fmax(0, a->down - z - d->drift);
  return a->up > d->threshold || a->down > d->threshold;
}

/* Only what was asked since the last restart may tell of another change. */
static void detect(struct policy_host *h, const struct wrap *w, void *state, const struct offsim_outcome *o,
                   const struct wrap_memo *m)
{
  struct sums *arm = state_of(h, state, w);
  struct head *head = head_of(h, state);
  if (isnan(o->reward) || o->action < 0 || m->generation != (uint32_t)head->generation) return;
  if (!changed(w->def, &arm[o->first_arm + (uint32_t)o->action], o->reward)) return;
  memset(arm, 0, h->setup.n_arms * sizeof *arm);
  learner_restart(h, state);
  head->generation++;
}

bool wraps_outcome(struct policy_host *h, const struct decision_facts *who, const struct outcome_facts *facts,
                   struct offsim_outcome *o, void *state, void *memo, struct err *err)
{
  const struct wrap_memo *m = memo_of(h, memo);
  for (int i = h->n_wraps - 1; i >= (int)m->guarded && !h->frozen; i--) {
    const struct wrap *w = &h->wrap[i];
    if (w->def->kind == WRAP_BUDGET) spend(w->def, state_of(h, state, w), o);
    if (w->def->kind == WRAP_DETECT) detect(h, w, state, o, m);
  }
  if (m->guarded && !policy_host_outcome(h->wrap[m->guarded - 1].guard, who, m->of_guard, facts, err)) return false;
  if (!m->guarded && !h->frozen && h->policy->outcome && m->generation == (uint32_t)head_of(h, state)->generation) {
    desk_give_outcome(h, who->request, o, facts->now);
    h->policy->outcome(state, o, memo);
    desk_take(h);
  }
  return true;
}

void wraps_forget(struct policy_host *h, void *memo)
{
  const struct wrap_memo *m = memo_of(h, memo);
  if (m->guarded) policy_host_forget(h->wrap[m->guarded - 1].guard, m->of_guard);
}
