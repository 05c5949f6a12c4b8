/* ope_find.c: what `offsim ope` works on: which runs of a folder are the log, and which policy is the target. */
#include "experiments/ope_request.h"
#include "analysis/store/catalog.h"
#include "analysis/text.h"
#include "experiments/plugin_try.h"
#include "experiments/study.h"
#include "models/policy_host.h"
#include "sim/check.h"
#include <stdlib.h>
#include <string.h>

/* ---- which runs -------------------------------------------------------------------------------------------------- */

struct listing { struct ope_request *c; struct catalog *catalog; uint64_t point; struct catalog_run first; bool ok;
                 size_t n_names; char *name[64]; };

static uint64_t current_point(struct catalog *c)
{
  const char *text = catalog_provenance(c, "point.current");
  return text ? strtoull(text, NULL, 10) : 0;
}

/* Of the last call at the point: its seed, and the entry as it was then. */
static bool is_current(struct catalog *c, uint64_t point, const struct catalog_run *r)
{
  char key[160];
  snprintf(key, sizeof key, "point.%llu.base.%s", (unsigned long long)point, r->policy);
  const char *base = catalog_provenance(c, key), *own = catalog_note(c, r->id, "base");
  snprintf(key, sizeof key, "point.%llu.seed", (unsigned long long)point);
  const char *seed = catalog_provenance(c, key);
  return (!base || !own || !strcmp(base, own)) && (!seed || strtoull(seed, NULL, 10) == r->seed);
}

static bool list_name(void *context, const struct catalog_run *r)
{
  struct listing *l = context;
  if (r->state != RUN_DONE || !is_current(l->catalog, l->point, r))
    return true;
  for (size_t i = 0; i < l->n_names; i++)
    if (!strcmp(l->name[i], r->policy))
      return true;
  if (l->n_names == 0)
    l->first = *r;
  if (l->n_names < 64)
    l->name[l->n_names++] = arena_strdup(l->c->arena, r->policy);
  return true;
}

static bool list_run(void *context, const struct catalog_run *r)
{
  struct listing *l = context;
  struct ope_request *c = l->c;
  if (r->state != RUN_DONE || strcmp(r->policy, c->logger) != 0 || r->replication < c->wanted.from
      || r->replication > c->wanted.to || !is_current(l->catalog, l->point, r))
    return true;
  if (c->n_runs == 0)
    l->first = *r;
  c->replication = grab_more(c->replication, c->n_runs + 1, sizeof *c->replication);
  c->trace_hash = grab_more(c->trace_hash, c->n_runs + 1, sizeof *c->trace_hash);
  c->replication[c->n_runs] = r->replication;
  memcpy(c->trace_hash[c->n_runs++], r->trace_hash, sizeof *c->trace_hash);
  c->seed = r->seed;
  return true;
}

static const struct policy_def *entry_of(const struct scenario *s, const char *name)
{
  for (int i = 0; i < s->n_policies; i++)
    if (!strcmp(s->policy[i].name, name))
      return &s->policy[i];
  return NULL;
}

/* A floor makes any policy draw. */
static bool entry_wraps(const struct scenario *s, const struct policy_def *entry)
{
  const json *wraps = json_at(s->policy_json[entry - s->policy], "wrap");
  char *text = wraps ? json_write(wraps, false) : NULL;
  bool found = text && strstr(text, "floor");
  free(text);
  return found;
}

/* Learners are no default: what their propensities are worth is for the user to say. */
static bool draws(const struct scenario *s, const char *name)
{
  struct err unsaid;
  err_init(&unsaid);
  const struct policy_def *entry = entry_of(s, name);
  struct policy_def builtin = {.name = name, .policy = name, .at_place = NONE};
  bool wrapped = entry && entry_wraps(s, entry);
  const struct offsim_policy *p = plugin_describe(entry ? entry : &builtin, &unsaid);
  bool found = wrapped || (p && p->capabilities & OFFSIM_STOCHASTIC && !(p->capabilities & OFFSIM_LEARNS));
  err_release(&unsaid);
  return found;
}

/* The only one of the folder that draws. */
static bool choose_logger(struct ope_request *c, struct listing *l, struct err *err)
{
  struct replay first;
  char names[512] = "";
  size_t n = 0;
  if (!replay_find(l->catalog, &l->first, c->arena, &first, err))
    return false;
  struct scenario *s = scenario_load(first.file, first.set, first.n_sets, err);
  if (!s)
    return false;
  for (size_t i = 0; i < l->n_names; i++)
    if (draws(s, l->name[i]) && !(c->target && !strcmp(c->target, l->name[i]))) {
      size_t used = strlen(names);
      snprintf(names + used, sizeof names - used, "%s%s", n++ ? ", " : "", l->name[i]);
      c->logger = l->name[i];
    }
  scenario_free(s);
  if (n == 0)
    return err_add(err, (struct where){0}, "ope: no policy with runs in %s draws at random, so no log there covers another"
                   " policy's choices: run `random`, or a policy with `wrap: [{floor: 0.05}]`; or name a log with --log",
                   c->dir);
  return n == 1 || err_add(err, (struct where){0}, "ope: which log? %s draw at random: --log P", names);
}

static bool known_name(const struct listing *l, const char *name, struct err *err)
{
  for (size_t i = 0; i < l->n_names; i++)
    if (!strcmp(l->name[i], name))
      return true;
  const char *near = nearest(name, (const char *const *)l->name, l->n_names);
  return err_add(err, (struct where){0}, "ope: --log: '%.64s' has no runs in %s%s%s%s", name, l->c->dir,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool find_runs(struct ope_request *c, struct catalog *catalog, struct err *err)
{
  struct listing l = {.c = c, .catalog = catalog, .point = current_point(catalog)};
  if (!catalog_runs_of(catalog, l.point, list_name, &l, err))
    return false;
  if (l.n_names == 0)
    return err_add(err, (struct where){0}, "ope: %s has no finished runs", c->dir);
  if (c->logger ? !known_name(&l, c->logger, err) : !choose_logger(c, &l, err))
    return false;
  if (!catalog_runs_of(catalog, l.point, list_run, &l, err))
    return false;
  if (c->n_runs == 0)
    return err_add(err, (struct where){0}, "ope: %s has none of the asked replications of '%s'", c->dir, c->logger);
  return replay_find(catalog, &l.first, c->arena, &c->replay, err);
}

/* ---- the target -------------------------------------------------------------------------------------------------- */

static bool load_target(struct ope_request *c, struct err *err)
{
  struct override *set = arena_array(c->arena, struct override, c->replay.n_sets + 1);
  size_t n = c->replay.n_sets;
  memcpy(set, c->replay.set, n * sizeof *set);
  if (c->entry)
    set[n++] = (struct override){"policies", arena_printf(c->arena, "[%s]", c->entry)};
  struct study s = {.scenario = scenario_load(c->replay.file, set, n, err)};
  c->target_scenario = s.scenario;
  if (!s.scenario || !study_choose(&s, c->entry ? NULL : c->target, err))
    return false;
  const struct policy_def *p = s.chosen[0] >= 0 ? &s.scenario->policy[s.chosen[0]] : NULL;
  bool one = s.n_chosen == 1 && p;
  free(s.chosen);
  c->world.target = p;
  return one || ope_mistake(err, "--target: one policy only (give the entry's name)");
}

static bool check_target(const struct ope_request *c, struct err *err)
{
  const struct policy_def *t = c->world.target;
  const struct offsim_policy *p = plugin_describe(t, err);
  if (!p)
    return false;
  if (p->capabilities & OFFSIM_NEEDS_ORACLE)
    return err_add(err, t->at, "'%s' reads the future: a log has no columns for it (true service times, attributes that"
                   " are known to an oracle only); run it instead", t->name);
  if (p->capabilities & OFFSIM_LEARNS && !(t->frozen && t->state))
    return err_add(err, t->at, "'%s' learns, and would have learned other things from its own choices: train it, and give"
                   " the entry `state: FILE` and `frozen: true`", t->name);
  return true;
}

bool ope_find(struct ope_request *c, struct err *err)
{
  struct catalog *catalog = catalog_open(c->dir, CATALOG_READ, err);
  bool ok = catalog && find_runs(c, catalog, err);
  catalog_close(catalog);
  c->scenario = ok ? replay_load(&c->replay, &c->order, err) : NULL;
  if (!c->scenario || !load_target(c, err) || !check_target(c, err))
    return false;
  c->world.logger = c->order.policy >= 0 ? &c->scenario->policy[c->order.policy] : NULL;
  if (c->order.warmup_s >= 0)
    study_set_warmup(&(struct study){.scenario = c->scenario}, c->order.warmup_s);
  c->world.def = &c->scenario->world;
  c->world.seed = c->scenario->seed;
  c->world.by_run = c->n_runs >= 10;
  return c->world.logger || ope_mistake(err, "the log has no policy");
}
