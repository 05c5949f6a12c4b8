/* scenario_check.c: metrics by name; each policy made once, without a run, for its own complaints; what no world does. */
#include "experiments/scenario_check.h"

#include "analysis/metrics.h"
#include "experiments/plugin_try.h"
#include "experiments/scenario_warn.h"
#include "models/policy_host.h"
#include "models/world.h"

static void check_metric(const char *name, struct where at, struct err *err)
{
  const char *const *names;
  size_t n = metric_names(&names);
  if (!name || metric_find(name))
    return;
  const char *near = nearest(name, names, n);
  if (near)
    err_add(err, at, "unknown metric '%.64s'; did you mean '%s'?", name, near);
  else
    err_add(err, at, "unknown metric '%.64s'; results and `offsim describe metrics` name them", name);
}

static bool check(const struct scenario *s, bool plugins, struct err *err)
{
  uint32_t *columns = arena_array(s->arena, uint32_t, s->n_policies + 1);
  size_t errors = err->n_errors;
  struct rng_root root = rng_root_make(s->seed, 0);
  check_metric(s->primary, s->primary_at, err);
  if (s->until.metric != s->primary)
    check_metric(s->until.metric, s->until_at, err);
  for (int i = 0; i < s->n_policies; i++) {
    if (s->policy[i].resolved_path && !plugins)
      continue;
    if (!plugin_try(&s->policy[i], &s->world, err))
      continue;
    struct policy_host *host = policy_host_new(&s->policy[i], &s->world, &root, err);
    if (host && !policy_host_needs_oracle(host))
      columns[i] = policy_host_columns(host);
    if (host)
      policy_host_free(host);
  }
  if (err->n_errors == errors && !world_check(&s->world, s->policy, s->n_policies, err))
    return false;
  if (err->n_errors == errors)
    scenario_warn(s, columns, err);
  return err->n_errors == errors;
}

bool scenario_check(const struct scenario *s, struct err *err)
{
  return check(s, true, err);
}

bool scenario_check_to_run(const struct scenario *s, struct err *err)
{
  return check(s, false, err);
}
