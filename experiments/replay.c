#include "experiments/replay.h"
#include "analysis/store/trace.h"
#include "experiments/identity.h"
#include "experiments/study.h"
#include "sim/arena.h"
#include <stdlib.h>
#include <string.h>

static double settled_warmup(struct catalog *c, uint64_t point, struct err *err)
{
  char key[64];
  snprintf(key, sizeof key, "point.%llu.resolved", (unsigned long long)point);
  const char *text = catalog_provenance(c, key);
  json *scenario = text ? json_parse(text, strlen(text), err) : NULL;
  double warmup_s = json_real(json_at(json_at(scenario, "horizon"), "warmup"), -1);
  json_release(scenario);
  return warmup_s;
}

bool replay_find(struct catalog *c, const struct catalog_run *run, struct arena *a, struct replay *r, struct err *err)
{
  const char *file = catalog_note(c, run->id, "scenario_file"), *set;
  bool of_study = !file;
  file = of_study ? catalog_provenance(c, "study.scenario") : file;
  set = of_study ? catalog_point_overrides(c, run->point) : catalog_note(c, run->id, "overrides");
  *r = (struct replay){.before = *run, .file = arena_strdup(a, file ? file : ""), .warmup_s = -1};
  r->before.policy = arena_strdup(a, run->policy);
  r->before.trace_file = arena_strdup(a, run->trace_file);
  if (!file || (of_study && !set))
    return err_system(err, "run %s: the folder does not say how it was asked for%s", run->id,
                      file ? " (the study has no such point any more)" : "");
  r->n_sets = study_overrides_read(set, a, &r->set, err);
  if (!of_study)
    r->warmup_s = settled_warmup(c, run->point, err);
  return !err_any(err);
}

static bool choose_policy(struct study *s, const char *policy, struct err *err)
{
  bool none = strcmp(policy, "none") == 0 && s->scenario->n_policies == 0;
  return study_choose(s, none ? NULL : policy, err);
}

static void settle(struct study *s, double warmup_s)
{
  const struct horizon_def *h = &s->scenario->world.horizon;
  s->warmup_s = -1;
  if (h->kind == HORIZON_STEADY && h->warmup_auto && warmup_s >= 0)
    study_set_warmup(s, warmup_s);
}

struct scenario *replay_load(const struct replay *r, struct run_order *order, struct err *err)
{
  struct study s = {.scenario = scenario_load(r->file, r->set, r->n_sets, err)};
  if (s.scenario && choose_policy(&s, r->before.policy, err)) {
    settle(&s, r->warmup_s);
    *order = (struct run_order){.policy = s.chosen[0], .point = r->before.point, .replication = r->before.replication,
                                .warmup_s = s.warmup_s};
    hash_hex(identity_run(identity_base(s.scenario, order->policy), s.scenario->seed, order->replication), order->id);
    if (strcmp(order->id, r->before.id) == 0) {
      free(s.chosen);
      return s.scenario;
    }
    err_system(err, "run %s cannot be repeated: the scenario %s or a file that it names has changed since",
               r->before.id, r->file);
  }
  study_free(&s);
  return NULL;
}

enum trace_level replay_trace_level(const char *dir, const struct catalog_run *run)
{
  const char *const *names;
  struct err unsaid;
  err_init(&unsaid);
  char *path = trace_path(dir, run->id);
  struct trace_reader *t = *run->trace_file ? trace_open(path, &unsaid) : NULL;
  bool links = t && trace_columns(t, "transfers", &names) > 0;
  trace_close(t);
  free(path);
  err_release(&unsaid);
  return !*run->trace_file ? TRACE_NONE : links ? TRACE_LINKS : TRACE_FULL;
}
