#include "experiments/plugin_try.h"
#include "experiments/contained.h"

struct trial { const struct policy_def *entry; const struct world_def *world; };

static int try_it(void *context, struct contained *c)
{
  const struct trial *t = context;
  struct world *const volatile none = NULL;             /* no run, but the watch goes */
  struct rng_root root = rng_root_make(1, 0);
  struct err unsaid;
  err_init(&unsaid);
  contained_begin(c, &none, "policy '%s', while it was loaded,", t->entry->name ? t->entry->name : t->entry->policy);
  if (t->world)
    policy_host_free(policy_host_new(t->entry, t->world, &root, &unsaid));
  else
    (void)policy_describe(t->entry, &unsaid);
  contained_end(c);
  err_release(&unsaid);
  return EXIT_OK;
}

bool plugin_try(const struct policy_def *entry, const struct world_def *world, struct err *err)
{
  struct trial trial = {entry, world};
  if (!entry->resolved_path && policy_builtin(entry->policy))
    return true;
  int code = contained_run("plug-in", try_it, &trial);
  if (code == EXIT_OK)
    return true;
  err_plugin(err, "policy %s cannot be loaded", entry->resolved_path ? entry->resolved_path : entry->policy);
  err->code = (enum exit_code)code;
  return false;
}

const struct offsim_policy *plugin_describe(const struct policy_def *entry, struct err *err)
{
  return plugin_try(entry, NULL, err) ? policy_describe(entry, err) : NULL;
}
