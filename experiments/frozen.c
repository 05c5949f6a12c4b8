#include "experiments/frozen.h"
#include "experiments/plugin_try.h"
#include "models/learned.h"
#include "sim/arena.h"
#include <stdlib.h>

static bool learns(const struct policy_def *entry, bool *yes, struct err *err)
{
  const struct offsim_policy *p = plugin_describe(entry, err);
  *yes = p && p->capabilities & OFFSIM_LEARNS;
  return p != NULL;
}

bool frozen_add(const struct study *s, struct override *set, size_t *n_sets, struct arena *a, struct err *err)
{
  bool ok = true, yes;
  for (int i = 0; i < s->n_chosen; i++) {
    const struct policy_def *entry = s->chosen[i] >= 0 ? &s->scenario->policy[s->chosen[i]] : NULL;
    if (!entry)
      continue;
    if (!learns(entry, &yes, err))
      return false;
    if (yes && !entry->state)
      ok = err_add(err, entry->at, "--frozen: '%s' learns and has no `state: FILE`; `offsim train` makes one", entry->name);
    else if (yes)
      set[(*n_sets)++] = (struct override){arena_printf(a, "policies.%s.frozen", entry->name), "true"};
  }
  return ok;
}

bool frozen_check_entry(const struct policy_def *entry, uint64_t seed, uint64_t from, uint64_t to, const char *advice,
                        struct err *err)
{
  void *bytes = NULL;
  size_t n;
  uint64_t both[2];
  struct learned l = {0};
  if (!entry->frozen || !entry->state)
    return true;
  bool ok = learned_open(entry->state_path, &bytes, &n, err)
            && learned_read(bytes, n, entry->state_path, entry->at, &l, err);
  if (ok && learned_overlaps(l.header, seed, from, to, both))
    ok = err_add(err, entry->at, "'%s' was trained on replications %llu to %llu of seed %llu (%s): %s", entry->name,
                 (unsigned long long)both[0], (unsigned long long)both[1], (unsigned long long)seed, entry->state_path,
                 advice);
  json_release(l.header);
  free(bytes);
  return ok;
}

bool frozen_check(const struct study *s, struct err *err)
{
  bool ok = true;
  for (int i = 0; i < s->n_chosen; i++)
    ok = (s->chosen[i] < 0 || frozen_check_entry(&s->scenario->policy[s->chosen[i]], s->scenario->seed, s->from, s->to,
                                                 "run others (--replications A..B)", err)) && ok;
  return ok;
}
