/* bandits.c: pseudo-regret of a policy on Bernoulli arms. Checked: random choice among .1 ... .9 has regret .4 T. */
#include "experiments/validate/bandits.h"

#include "models/policy_host.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct where nowhere = {0};

/* ---- the policy, as the command line names it ---------------------------------------------------------------------- */

/* Adds "parameter=value" to the entry. */
static bool add_given(struct policy_def *def, struct policy_parameter *list, char *word, struct err *err)
{
  char *equals = strchr(word, '='), *end;
  if (!equals || equals == word || !equals[1])
    return err_add(err, nowhere, "--policy takes NAME:PARAMETER=VALUE,... and '%s' is no PARAMETER=VALUE", word);
  *equals = 0;
  struct policy_parameter *p = &list[def->n_parameters++];
  *p = (struct policy_parameter){.name = word, .value = strtod(equals + 1, &end)};
  if (*end) p->text = equals + 1;
  return true;
}

static const struct policy_parameter *given(const struct policy_def *def, const char *name)
{
  for (int i = 0; i < def->n_parameters; i++)
    if (!strcmp(def->parameter[i].name, name)) return &def->parameter[i];
  return NULL;
}

static bool has_choice(const struct offsim_parameter *p, const char *word)
{
  const char *at = p->type == OFFSIM_CHOICE && p->choices ? strstr(p->choices, word) : NULL;
  return at && (at == p->choices || at[-1] == '|') && strchr("|", at[strlen(word)]);
}

enum { N_TOLD = 8 };

static void tell_problem(struct policy_def *def, struct policy_parameter *list, const struct offsim_policy *policy,
                         const struct bandit_problem *b)
{
  const double scale = b->scale > 0 ? b->scale : 1;
  const struct policy_parameter told[N_TOLD] = {
    {.name = "horizon", .value = (double)b->horizon}, {.name = "low", .value = 0}, {.name = "high", .value = scale},
    {.name = "range", .value = scale}, {.name = "propensity_draws", .value = 1}, {.name = "model", .text = "beta"},
    {.name = "count", .text = "outcomes"}, {.name = "ties", .text = "random"}};
  for (uint32_t i = 0; i < policy->n_parameters; i++)
    for (int k = 0; k < N_TOLD; k++) {
      const struct offsim_parameter *p = &policy->parameter[i];
      if (strcmp(p->name, told[k].name) || given(def, p->name)) continue;
      bool takes = told[k].text ? has_choice(p, told[k].text) : p->type <= OFFSIM_INTEGER;
      if (takes) list[def->n_parameters] = told[k];
      if (takes) list[def->n_parameters++].value = fmin(fmax(told[k].value, p->min), p->max);
    }
}

bool bandit_policy(const char *text, const struct bandit_problem *b, struct arena *a, struct policy_def *def,
                   struct err *err)
{
  char *name = arena_strdup(a, text), *slash = strrchr(name, '/');
  char *from = slash ? slash : strncmp(name, "python:", 7) ? name : name + 7, *colon = strchr(from, ':');
  struct policy_parameter *list = arena_array(a, struct policy_parameter, strlen(text) + N_TOLD);
  *def = (struct policy_def){.name = name, .policy = name, .at_place = NONE, .parameter = list};
  char *rest = NULL;
  if (colon) *colon = 0;
  for (char *w = colon ? strtok_r(colon + 1, ",", &rest) : NULL; w; w = strtok_r(NULL, ",", &rest))
    if (!add_given(def, list, w, err)) return false;
  const struct offsim_policy *policy = policy_describe(def, err);
  if (policy) tell_problem(def, list, policy, b);
  return policy != NULL;
}

const char *bandit_parameters(const struct policy_def *def, struct arena *a)
{
  const char *all = "";
  for (int i = 0; i < def->n_parameters; i++) {
    const struct policy_parameter *p = &def->parameter[i];
    const char *value = p->text ? p->text : arena_printf(a, "%.10g", p->value);
    all = arena_printf(a, "%s%s%s=%s", all, i ? ", " : "", p->name, value);
  }
  return all;
}

/* ---- the world ----------------------------------------------------------------------------------------------------- */

/* One class, one task, one place per arm. */
struct bandit_world { struct world_def def; struct class_def klass; struct task_def task; };

static struct bandit_world *world_of(int n_arms, struct arena *a)
{
  struct bandit_world *w = arena_alloc(a, sizeof *w);
  struct place_def *place = arena_array(a, struct place_def, n_arms);
  struct plan_def *plan = arena_array(a, struct plan_def, n_arms);
  for (int i = 0; i < n_arms; i++) {
    place[i] = (struct place_def){.name = arena_printf(a, "arm-%d", i), .tier = TIER_EDGE};
    plan[i] = (struct plan_def){.word = WORD_PLACE, .place = i, .variant = NONE};
  }
  w->task = (struct task_def){.name = "pull", .n_plans = n_arms, .plan = plan};
  w->klass = (struct class_def){.name = "rounds", .n_tasks = 1, .task = &w->task};
  w->def = (struct world_def){.n_places = n_arms, .place = place, .n_classes = 1, .klass = &w->klass,
                              .objective = {.quality = 1}};
  return w;
}

static struct decision_facts facts_of(int n_arms, struct arena *a)
{
  struct action_facts *action = arena_array(a, struct action_facts, n_arms);
  for (int i = 0; i < n_arms; i++)
    action[i] = (struct action_facts){.place = i, .tier = TIER_EDGE, .variant = NONE, .member = UINT64_MAX,
      .est_latency_s = NAN, .est_cost_usd = NAN, .est_energy_j = NAN, .est_quality = NAN, .queue = NAN, .queue_age_s = NAN};
  return (struct decision_facts){.deadline_s = NAN, .n_actions = n_arms, .action = action};
}

/* ---- one run ------------------------------------------------------------------------------------------------------- */

/* Choices whose outcomes are on their way, by round modulo their number. */
struct late { void *memo; int action; double reward; };

struct play {
  const struct bandit_problem *problem;
  struct policy_host *host;
  struct decision_facts facts;
  struct late *late;
  double p[MAX_BANDIT_ARMS], best, regret;
  int next_change;
};

static void change_arms(struct play *g, int64_t t)
{
  const struct bandit_problem *b = g->problem;
  bool first = t == 0;
  for (; g->next_change < b->n_changes && b->change[g->next_change].at <= t; g->next_change++, first = true)
    g->p[b->change[g->next_change].arm] = b->change[g->next_change].p;
  if (!first) return;
  g->best = 0;
  for (int i = 0; i < b->n_arms; i++) g->best = fmax(g->best, g->p[i]);
}

static bool play_round(struct play *g, int64_t t, struct rng *draws, struct err *err)
{
  const struct bandit_problem *b = g->problem;
  struct decision_result r;
  double scale = b->scale > 0 ? b->scale : 1, u = rng_uniform(draws);
  change_arms(g, t);
  g->facts.decision_number = g->facts.request = (uint64_t)t;
  g->facts.now = t * (int64_t)1000000000;
  if (!policy_host_decide(g->host, &g->facts, &r, err)) return false;
  g->regret += g->best - g->p[r.action];
  g->late[t % (b->delay + 1)] = (struct late){r.memo, r.action, scale * (u < g->p[r.action])};
  if (t < b->delay) return true;
  struct late *due = &g->late[(t - b->delay) % (b->delay + 1)];
  struct outcome_facts o = {.decision_number = (uint64_t)(t - b->delay), .now = g->facts.now, .action = due->action,
                            .status = STATUS_COMPLETED, .quality = due->reward, .reward = due->reward};
  return policy_host_outcome(g->host, &g->facts, due->memo, &o, err);
}

double bandit_regret(const struct bandit_problem *b, const struct policy_def *def, uint64_t seed, uint64_t run,
                     struct err *err)
{
  struct arena *a = arena_new();
  struct rng_root root = rng_root_make(seed, run);
  struct rng draws = rng_open(&root, rng_name("bandit rewards"), 0, 0);
  struct play *g = arena_alloc(a, sizeof *g);
  g->problem = b;
  g->host = policy_host_new(def, &world_of(b->n_arms, a)->def, &root, err);
  g->facts = facts_of(b->n_arms, a);
  g->late = arena_array(a, struct late, (size_t)b->delay + 1);
  memcpy(g->p, b->p, sizeof g->p);
  bool ok = g->host != NULL;
  for (int64_t t = 0; ok && t < b->horizon; t++) ok = play_round(g, t, &draws, err);
  double regret = ok ? g->regret : NAN;
  if (g->host) policy_host_free(g->host);
  arena_free(a);
  return regret;
}
