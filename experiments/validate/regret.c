/* `offsim validate regret`: pseudo-regret of any policy on Bernoulli arms, mean and standard error over runs. */
#include "experiments/options.h"
#include "experiments/validate/asked.h"
#include "experiments/validate/bandits.h"
#include "experiments/validate/suites.h"
#include "models/policy_host.h"
#include "models/policy_python.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim validate regret --arms P1,P2,... --horizon T --runs R --policy P [options]\n\n"
  "  --arms P1,P2,...       probability of reward 1 of each arm; else the reward is 0\n"
  "  --horizon T            rounds\n"
  "  --runs R               independent runs (500)\n"
  "  --policy P             NAME or NAME:PARAMETER=VALUE,...; a name with '/' is the file of a plug-in,\n"
  "                         python:FILE one in Python; it learns, or reads nothing to decide by\n"
  "  --delay D              the outcome of round t is told after the choice of round t + D (0)\n"
  "  --change AT:ARM:P      from round AT on, arm ARM has probability P; rounds and arms are counted from 0; as often as\n"
  "                         wanted\n"
  "  --seed S, -j N         (1, all cores)\n"
  "  --format table|json\n\n"
  "Pseudo-regret: sum over the rounds of the highest probability at that round less that of the arm chosen.\n"
  "The policy runs in the host that serves it in simulations. What the problem states is told to a policy that has the\n"
  "parameter, unless --policy sets it: horizon=T, low=0, high=1, range=1, model=beta; and the rule runs as published:\n"
  "count=outcomes, ties=random. Defaults in scenarios are others (`offsim policy list`).\n\n"
  "  offsim validate regret --arms .5,.3,.4 --horizon 10000 --runs 500 --policy sw_ucb --change 3000:2:.9 --change 5000:2:.4\n";

struct question {
  struct asked asked;
  struct bandit_problem problem;
  const char *policy;
  struct policy_def def;
};

/* ---- arguments ----------------------------------------------------------------------------------------------------- */

static const struct where nowhere = {0};

static bool take_arms(struct bandit_problem *b, const char *text, struct err *err)
{
  char *copy = strdup(text), *rest = copy;
  bool ok = copy != NULL;
  b->n_arms = 0;
  for (char *w; ok && (w = strsep(&rest, ",")) != NULL;) {
    ok = b->n_arms < MAX_BANDIT_ARMS || err_add(err, nowhere, "--arms: at most %d", MAX_BANDIT_ARMS);
    if (ok) ok = asked_number("--arms", w, 0, 1, false, &b->p[b->n_arms++], err);
  }
  free(copy);
  return ok && (b->n_arms > 0 || err_add(err, nowhere, "--arms needs probabilities, separated by commas"));
}

/* Keeps changes in order of their rounds; of the same round the later one on the command line counts. */
static void insert_change(struct bandit_problem *b, struct bandit_change c)
{
  int i = b->n_changes++;
  for (; i > 0 && b->change[i - 1].at > c.at; i--) b->change[i] = b->change[i - 1];
  b->change[i] = c;
}

static bool take_change(struct bandit_problem *b, const char *text, struct err *err)
{
  double x[3] = {0};
  char part[3][64] = {{0}};
  static const double high[] = {MAX_BANDIT_HORIZON, MAX_BANDIT_ARMS - 1, 1};
  char extra;
  if (sscanf(text, "%63[^:]:%63[^:]:%63[^:]%c", part[0], part[1], part[2], &extra) != 3)
    return err_add(err, nowhere, "--change takes AT:ARM:P (round, arm, probability), not '%s'", text);
  if (b->n_changes == MAX_BANDIT_CHANGES) return err_add(err, nowhere, "--change: at most %d", MAX_BANDIT_CHANGES);
  for (int i = 0; i < 3; i++)
    if (!asked_number("--change AT:ARM:P", part[i], 0, high[i], i < 2, &x[i], err)) return false;
  insert_change(b, (struct bandit_change){(int64_t)x[0], (int)x[1], x[2]});
  return true;
}

static bool take(void *context, const char *option, const char *text, struct err *err)
{
  struct question *q = context;
  double x = 0;
  bool mine, ok;
  if (!text || !*text) return err_add(err, nowhere, "%s needs a value", option);
  ok = asked_take(&q->asked, option, text, &mine, err);
  if (mine) return ok;
  if (!strcmp(option, "--arms")) return take_arms(&q->problem, text, err);
  if (!strcmp(option, "--change")) return take_change(&q->problem, text, err);
  if (!strcmp(option, "--policy")) return q->policy = text, true;
  bool horizon = !strcmp(option, "--horizon");
  ok = asked_number(option, text, horizon, horizon ? MAX_BANDIT_HORIZON : MAX_BANDIT_DELAY, true, &x, err);
  if (ok) *(horizon ? &q->problem.horizon : &q->problem.delay) = (int64_t)x;
  return ok;
}

static bool changes_fit(const struct bandit_problem *b, struct err *err)
{
  for (int i = 0; i < b->n_changes; i++) {
    const struct bandit_change *c = &b->change[i];
    if (c->arm >= b->n_arms)
      return err_add(err, nowhere, "--change: there is no arm %d; the %d arms are counted from 0", c->arm, b->n_arms);
    if (c->at >= b->horizon)
      return err_add(err, nowhere, "--change: there is no round %lld; the %lld of the horizon are counted from 0",
                     (long long)c->at, (long long)b->horizon);
  }
  return true;
}

static bool read_arguments(struct question *q, int argc, char **argv, struct arena *a, struct err *err)
{
  static const char *const known[] = {"--arms", "--horizon", "--runs", "--policy", "--delay", "--change", "--seed", "-j",
                                      "--format"};
  const char *word = NULL;
  if (!options_read("validate regret", argc, argv, known, sizeof known / sizeof *known, take, q, &word, err)) return false;
  if (word) return err_add(err, nowhere, "validate regret takes options only, not '%s'", word);
  const char *missing = !q->problem.n_arms ? "--arms" : !q->problem.horizon ? "--horizon" : !q->policy ? "--policy" : NULL;
  if (missing) return err_add(err, nowhere, "validate regret: %s is missing", missing);
  return changes_fit(&q->problem, err) && bandit_policy(q->policy, &q->problem, a, &q->def, err);
}

/* ---- the answer ---------------------------------------------------------------------------------------------------- */

static double one_run(const void *context, size_t job)
{
  const struct question *q = context;
  struct err err;
  err_init(&err);
  double x = bandit_regret(&q->problem, &q->def, q->asked.seed, job, &err);
  if (err_any(&err)) err_print(&err, stderr, false);
  err_release(&err);
  return x;
}

static bool names_features(const struct offsim_policy *p)
{
  for (uint32_t i = 0; i < p->n_parameters; i++)
    if (p->parameter[i].type >= OFFSIM_FEATURE) return true;
  return p->n_features > 0;
}

/* Arms are told apart by their rewards alone: one that hears no rewards and goes by features, estimates or queues has
 * nothing to go by, and its number would be that of whatever it does then. */
static bool can_play(const struct question *q, struct err *err)
{
  const struct offsim_policy *p = policy_describe(&q->def, err);
  if (!p) return false;
  if (p->capabilities & OFFSIM_NEEDS_ORACLE)
    return err_add(err, nowhere, "policy '%s' needs an oracle, and these arms have none", p->name);
  bool columns = p->columns && !policy_is_python(q->def.policy);    /* in Python all are sent unless it says otherwise */
  const char *reads = names_features(p) ? "features" : columns ? "estimates or queues" : NULL;
  return !reads || p->capabilities & OFFSIM_LEARNS ||
         err_add(err, nowhere, "policy '%s' decides by %s, and these arms have rewards only, from which it does not learn",
                 p->name, reads);
}

/* A policy that does not load, or fails at once, says so here, once. */
static bool try_policy(const struct question *q, struct err *err)
{
  if (!can_play(q, err)) return false;
  struct bandit_problem few = q->problem;
  few.horizon = few.horizon < 4 ? few.horizon : 4;
  few.delay = few.delay < 4 ? few.delay : 4;
  bandit_regret(&few, &q->def, q->asked.seed, 0, err);
  return !err_any(err);
}

static json *describe(const struct question *q, struct arena *a)
{
  json *all = json_put_string(json_new_object(), "policy", q->def.policy), *arms = json_new_array();
  for (int i = 0; i < q->problem.n_arms; i++) json_push(arms, json_number_value(q->problem.p[i]));
  json_put(json_put_string(all, "parameters", bandit_parameters(&q->def, a)), "arms", arms);
  json_put_int(json_put_int(all, "horizon", q->problem.horizon), "delay", q->problem.delay);
  return json_put_int(all, "changes", q->problem.n_changes);
}

int validate_regret(int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return fputs(usage, stdout), EXIT_OK;
  struct question q = {.asked = asked_default()};
  struct arena *a = arena_new();
  struct err err;
  err_init(&err);
  int code;
  if (!read_arguments(&q, argc, argv, a, &err) || !try_policy(&q, &err)) {
    err_print(&err, stderr, isatty(STDERR_FILENO));
    code = err.code;
  } else {
    const char *given = bandit_parameters(&q.def, a), *comma = *given ? " with " : "";
    const char *what = arena_printf(a, "pseudo-regret of %s%s%s", q.def.policy, comma, given);
    code = asked_answer(&q.asked, one_run, &q, what, describe(&q, a));
  }
  err_release(&err);
  arena_free(a);
  return code;
}
