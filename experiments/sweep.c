#include "experiments/sweep.h"
#include "analysis/store/trace.h"
#include "experiments/frozen.h"
#include "experiments/identity.h"
#include "experiments/study.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- the scenario of an order ------------------------------------------------------------------------------------ */

/* A study's replications begin at 0; what a policy was trained on tells nothing of it. */
static bool check_frozen(const struct scenario *s, uint64_t seed, uint64_t last, struct err *err)
{
  bool ok = true;
  for (int i = 0; i < s->n_policies; i++)
    ok = frozen_check_entry(&s->policy[i], seed, 0, last, "a study runs its replications from 0 on: train on later ones"
                            " (`offsim train --replications A..B`) or with another --seed", err) && ok;
  return ok;
}

static struct scenario *build_point(struct sweep_finder *f, uint64_t point, struct err *err)
{
  if (!f->arena)
    f->arena = arena_new();
  struct override *set = arena_array(f->arena, struct override, plan_n_overrides(f->plan) + 1);
  size_t n = plan_overrides(f->plan, point, set, f->arena);
  struct study s = {.scenario = scenario_load(f->plan->file->scenario, set, n, err)};
  bool ok = s.scenario && study_choose(&s, f->plan->file->policies, err)
            && check_frozen(s.scenario, s.scenario->seed, f->last, err);
  free(s.chosen);
  if (!ok && s.scenario)
    scenario_free(s.scenario);
  if (ok) {
    f->base = arena_array(f->arena, struct hash, s.scenario->n_policies + 1);
    f->has_base = arena_array(f->arena, bool, s.scenario->n_policies + 1);
  }
  return ok ? s.scenario : NULL;
}

static bool edited(const char *path, struct err *err)
{
  return err_system(err, "%s was edited while the study ran; nothing of the edited one was recorded, and the same command"
                    " goes on with the files as they are now", path);
}

/* The order was planned from the files as they were. What they are now may be another run, which must not take the
 * identity of this one. */
static bool is_as_planned(struct sweep_finder *f, const struct run_order *o, struct err *err)
{
  const int k = o->policy + 1;
  struct hash planned;
  if (o->pilot || !hash_parse(o->id, &planned))
    return true;
  if (!f->has_base[k] && o->warmup_s >= 0)
    study_set_warmup(&(struct study){.scenario = f->kept}, o->warmup_s);
  if (!f->has_base[k])
    f->base[k] = identity_base(f->kept, o->policy);
  f->has_base[k] = true;
  if (hash_equal(identity_run(f->base[k], f->kept->seed, o->replication), planned))
    return true;
  const char *path = scenario_edited_file(f->plan->base);
  return edited(path ? path : f->plan->file->scenario, err);
}

/* A text that was just being saved is no scenario for a moment: no reason to give up its runs. */
static bool not_built(const struct sweep_finder *f, struct err *err)
{
  const char *path = scenario_edited_file(f->plan->base);
  return path && edited(path, err);
}

static const struct scenario *find_scenario(void *context, const struct run_order *o, struct err *err)
{
  struct sweep_finder *f = context;
  const struct scenario *base = f->plan->base;
  if (!f->kept || f->point != o->point) {
    if (f->kept)
      scenario_free(f->kept);
    if (f->arena)
      arena_free(f->arena);
    f->arena = NULL;
    f->kept = build_point(f, o->point, err);
    f->point = o->point;
    if (!f->kept)
      not_built(f, err);
  }
  if (f->kept && o->policy >= 0
      && (o->policy >= f->kept->n_policies || strcmp(f->kept->policy[o->policy].name, base->policy[o->policy].name))) {
    err_add(err, f->plan->file->at, "this point has other policies than the study");
    return NULL;
  }
  return f->kept && is_as_planned(f, o, err) ? f->kept : NULL;
}

/* ---- study and plan ---------------------------------------------------------------------------------------------- */

static bool find_policies(struct sweep *s, struct err *err)
{
  const struct plan *p = s->plan;
  s->policy = zeros_new((size_t)p->n_policies + 1, sizeof *s->policy);
  for (int i = 0; i < p->n_policies; i++) {
    s->policy[i] = -1;
    for (int k = 0; k < p->base->n_policies; k++)
      if (strcmp(p->base->policy[k].name, p->policy[i]) == 0)
        s->policy[i] = k;
    if (s->policy[i] < 0 && p->base->n_policies)
      return err_add(err, s->file->at, "the scenario has no policy '%s'", p->policy[i]);
  }
  return true;
}

/* Of the study's own entries; those that a factor makes are looked at when their point is built. */
static bool check_all_frozen(const struct sweep *s, struct err *err)
{
  const struct plan *p = s->plan;
  bool ok = true;
  for (uint64_t i = 0; ok && i < p->n_points; i++)
    if (i == 0 || plan_seed(p, i) != plan_seed(p, i - 1))
      ok = check_frozen(p->base, plan_seed(p, i), s->finder.last, err);
  return ok;
}

bool sweep_load(struct sweep *s, struct err *err)
{
  const struct sweep_options *o = &s->options;
  s->file = study_file_read(o->file, err);
  s->plan = s->file ? plan_new(s->file, err) : NULL;
  if (!s->plan || !find_policies(s, err))
    return false;
  if (o->replications)
    s->plan->replications = o->replications;
  if (asprintf(&s->dir, "%s%s", o->dir ? o->dir : "results/", o->dir ? "" : s->file->name) < 0)
    check_out_of_memory(64);
  if (o->trace_given)
    s->file->trace = o->trace;                          /* the plan's estimate is of these runs */
  s->trace = s->file->trace;
  uint64_t most = s->file->until.max > s->plan->replications ? s->file->until.max : s->plan->replications;
  s->finder = (struct sweep_finder){.plan = s->plan, .last = most ? most - 1 : 0};
  s->source = (struct run_source){.scenario = s->plan->base, .name = s->file->name, .find = find_scenario,
                                  .context = &s->finder};
  return check_all_frozen(s, err);
}

/* ---- every run once ---------------------------------------------------------------------------------------------- */

/* Open addressing by identity; slot = index + 1. */
struct run_set { struct hash *id; size_t n; uint32_t *slot; size_t mask; };

static void set_grow(struct run_set *s)
{
  size_t room = s->mask ? 2 * (s->mask + 1) : 4096;
  free(s->slot);
  s->mask = room - 1;
  s->slot = calloc(room, sizeof *s->slot);
  s->id = realloc(s->id, room / 2 * sizeof *s->id);
  if (!s->slot || !s->id)
    check_out_of_memory(room * sizeof *s->id);
  for (size_t i = 0; i < s->n; i++) {
    size_t at = s->id[i].lo & s->mask;
    while (s->slot[at])
      at = (at + 1) & s->mask;
    s->slot[at] = (uint32_t)i + 1;
  }
}

/* Index of an id, or SIZE_MAX. */
static size_t set_find(const struct run_set *s, struct hash id)
{
  if (s->mask)
    for (size_t at = id.lo & s->mask; s->slot[at]; at = (at + 1) & s->mask)
      if (hash_equal(s->id[s->slot[at] - 1], id))
        return s->slot[at] - 1;
  return SIZE_MAX;
}

/* False: it was there. */
static bool set_add(struct run_set *s, struct hash id)
{
  if (set_find(s, id) != SIZE_MAX)
    return false;
  if (2 * (s->n + 1) > s->mask)
    set_grow(s);
  size_t at = id.lo & s->mask;
  while (s->slot[at])
    at = (at + 1) & s->mask;
  s->id[s->n++] = id;
  s->slot[at] = (uint32_t)s->n;
  return true;
}

/* A signal that the supervisor holds back waits to be seen: millions of runs take a while to list. */
bool sweep_interrupted(void)
{
  sigset_t waiting;
  return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1
                                       || sigismember(&waiting, SIGUSR1) == 1);
}

/* Every run of the plan, point by point. Stops when the visitor returns false. */
typedef bool plan_visit_fn(void *context, uint64_t point, int policy, uint64_t replication, struct hash id);
static bool each_run(const struct sweep *s, plan_visit_fn *visit, void *context)
{
  const struct plan *p = s->plan;
  uint64_t n = 0;
  for (uint64_t i = 0; i < p->n_points; i++)
    for (int k = 0; k < p->n_policies; k++)
      for (uint64_t r = 0; r < (s->reached ? s->reached[i] : p->replications); r++)
        if ((++n % 4096 == 0 && sweep_interrupted()) || !visit(context, i, k, r, plan_run_id(p, i, k, r)))
          return false;
  return true;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

bool sweep_check_folder(const struct sweep *s, struct catalog *c, struct err *err)
{
  const char *name = catalog_provenance(c, "study.name");
  const struct where nowhere = {0};
  if (!name && catalog_study_json(c))
    return err_add(err, nowhere, "%s holds results of `offsim run`; take another folder (-o DIR)", s->dir);
  if (name && strcmp(name, s->file->name) != 0)
    return err_add(err, nowhere, "%s holds the study '%s', and this one is '%s'; take another folder (-o DIR)", s->dir,
                   name, s->file->name);
  return study_check_model(c, s->dir, s->options.mixed, err);
}

struct signature { struct hasher *hasher; };

static bool add_to_signature(void *context, uint64_t point, int policy, uint64_t replication, struct hash id)
{
  struct signature *g = context;
  hasher_add(g->hasher, &id, sizeof id);
  return true;
}

/* What the catalogue says of points and runs depends on the text of the study and the identities. */
static void sign_plan(const struct sweep *s, char out[33])
{
  struct signature g = {hasher_new()};
  hasher_add(g.hasher, s->file->text, s->file->text_bytes);
  hasher_add(g.hasher, &s->plan->n_points, sizeof s->plan->n_points);
  each_run(s, add_to_signature, &g);
  hash_hex(hasher_end(g.hasher), out);
}

struct publishing { struct sweep *s; struct catalog *c; struct err *err; struct run_set all; };

static bool publish_run(void *context, uint64_t point, int policy, uint64_t replication, struct hash id)
{
  struct publishing *p = context;
  char hex[33];
  hash_hex(id, hex);
  set_add(&p->all, id);
  return catalog_put_point_run(p->c, point, hex, p->err);
}

static bool publish_warmup(const struct publishing *p, uint64_t point)
{
  double warmup_s = plan_settled_s(p->s->plan, point);
  char text[40];
  snprintf(text, sizeof text, "%.9g", warmup_s);
  return warmup_s < 0 || point_put(p->c, point, "warmup_s", text, p->err);
}

static bool publish_points(struct publishing *p)
{
  const struct plan *plan = p->s->plan;
  struct arena *a = arena_new();
  struct override *set = arena_array(a, struct override, plan_n_overrides(plan) + 1);
  bool ok = true;
  for (uint64_t i = 0; i < plan->n_points && ok; i++) {
    struct arena *texts = arena_new();
    char *factors = plan_factors_json(plan, i), *overrides;
    overrides = study_overrides_write(set, plan_overrides(plan, i, set, texts));
    ok = catalog_put_study_point(p->c, i, factors, overrides, p->err) && publish_warmup(p, i);
    free(factors);
    free(overrides);
    arena_free(texts);
  }
  arena_free(a);
  return ok;
}

static bool put_text(struct publishing *p, const char *key, const char *value)
{
  return catalog_put_provenance(p->c, key, value ? value : "", p->err);
}

static bool put_path(struct publishing *p, const char *key, const char *path)
{
  char *real = realpath(path, NULL);
  bool ok = put_text(p, key, real ? real : path);
  free(real);
  return ok;
}

/* The words after `offsim sweep`, without those that change no result. */
static bool put_call(struct publishing *p)
{
  const struct sweep *s = p->s;
  json *words = json_new_array();
  char number[24];
  json_push(words, json_string_value_new(s->options.file));
  if (s->options.replications) {
    snprintf(number, sizeof number, "%llu", (unsigned long long)s->options.replications);
    json_push(words, json_string_value_new("--replications"));
    json_push(words, json_string_value_new(number));
  }
  char *text = json_write(words, false);
  bool ok = put_text(p, "study.call", text);
  free(text);
  json_release(words);
  return ok;
}

static bool publish_study(struct publishing *p, const char *signature)
{
  const struct sweep *s = p->s;
  const char *before = catalog_study_json(p->c);
  char *resolved = json_write(s->plan->base->resolved, false), count[24];
  bool ok = (before && strcmp(before, resolved) == 0) || catalog_put_study(p->c, s->file->name, resolved, p->err);
  free(resolved);
  for (int i = 0; i < s->plan->n_policies && ok; i++)
    ok = catalog_put_policy(p->c, s->plan->policy[i], p->err);
  for (int k = 0; k < s->plan->n_factors && ok; k++)
    ok = catalog_put_factor_unit(p->c, s->file->factor[k].name, plan_factor_unit(s->plan, k), p->err);
  snprintf(count, sizeof count, "%zu", p->all.n);
  return ok && put_text(p, "study.name", s->file->name) && put_path(p, "study.file", s->file->path)
         && put_path(p, "study.scenario", s->file->scenario) && put_text(p, "study.policies", s->file->policies)
         && put_text(p, "study.runs", count) && put_text(p, "study.plan", signature) && put_call(p)
         && study_describe_sources(s->plan->base, p->c, p->err);
}

/* All or nothing: an interrupted publication leaves the folder as it was. */
bool sweep_publish(struct sweep *s, struct catalog *c, struct err *err)
{
  char signature[33];
  sign_plan(s, signature);
  const char *before = catalog_provenance(c, "study.plan");
  if (before && strcmp(before, signature) == 0)
    return true;
  struct publishing p = {s, c, err, {0}};
  bool ok = catalog_begin(c, err);
  if (ok) {
    ok = catalog_clear_points(c, err) && publish_points(&p) && each_run(s, publish_run, &p)
         && catalog_number_runs(c, err) && publish_study(&p, signature);
    ok = ok ? catalog_commit(c, err) : (catalog_rollback(c), false);
  }
  free(p.all.id);
  free(p.all.slot);
  return ok;
}

/* ---- what is left ------------------------------------------------------------------------------------------------ */

/* What the catalogue has of each run of the plan. */
struct left {
  struct sweep *s;
  struct run_set all;
  struct run_order *order; size_t room;
  struct known_run { bool done, given_up; uint8_t attempts; } *known;
};

static bool list_run(void *context, uint64_t point, int policy, uint64_t replication, struct hash id)
{
  struct left *l = context;
  if (!set_add(&l->all, id))
    return true;
  if (l->all.n > l->room) {
    l->room = l->room ? 2 * l->room : 1024;
    l->order = realloc(l->order, l->room * sizeof *l->order);
    if (!l->order)
      check_out_of_memory(l->room * sizeof *l->order);
  }
  struct run_order *o = &l->order[l->all.n - 1];
  *o = (struct run_order){.policy = l->s->plan->base->n_policies ? l->s->policy[policy] : -1, .point = point,
                          .replication = replication, .warmup_s = plan_settled_s(l->s->plan, point), .trace = l->s->trace};
  hash_hex(id, o->id);
  return true;
}

static bool has_trace(const struct left *l, const struct catalog_brief *b)
{
  if (l->s->trace == TRACE_NONE)
    return true;
  struct err unsaid;
  struct hash expected;
  char *path = trace_path(l->s->dir, b->id);
  err_init(&unsaid);
  bool good = *b->trace_file && hash_parse(b->trace_file_hash, &expected) && trace_verify(path, expected, &unsaid);
  if (!good && *b->trace_file)
    fprintf(stderr, "offsim: run %s is done again: its trace %s is missing or damaged\n", b->id, path);
  err_release(&unsaid);
  free(path);
  return good;
}

static void know_run(void *context, const struct catalog_brief *b)
{
  struct left *l = context;
  struct hash id;
  size_t i = hash_parse(b->id, &id) ? set_find(&l->all, id) : SIZE_MAX;
  if (i == SIZE_MAX)
    return;
  int attempts = b->attempts < UINT8_MAX ? b->attempts : UINT8_MAX;
  l->known[i] = (struct known_run){b->state == RUN_DONE && has_trace(l, b),
                               b->state == RUN_QUARANTINED && attempts > l->s->options.retries, (uint8_t)attempts};
  if (b->state == RUN_DONE)
    expect_learn(l->s->expect, l->order[i].point, l->order[i].policy, b->elapsed_s);
}

/* Keep what is neither done nor given up. */
static void keep_left(struct left *l)
{
  struct sweep *s = l->s;
  s->n_orders = 0, s->reused = 0, s->quarantined = 0;
  free(s->attempts);
  s->attempts = zeros_new(l->all.n + 1, sizeof *s->attempts);
  for (size_t i = 0; i < l->all.n; i++) {
    s->reused += l->known[i].done;
    s->quarantined += l->known[i].given_up;
    if (l->known[i].done || l->known[i].given_up)
      continue;
    l->order[s->n_orders] = l->order[i];
    l->order[s->n_orders].number = (int32_t)s->n_orders;
    s->attempts[s->n_orders++] = l->known[i].attempts;
  }
}

bool sweep_find_orders(struct sweep *s, struct catalog *c, struct err *err)
{
  struct left l = {.s = s, .order = s->order};
  expect_free(s->expect);
  s->expect = expect_new(s->plan, s->plan->base->n_policies);
  bool ok = each_run(s, list_run, &l);
  l.known = zeros_new(l.all.n + 1, sizeof *l.known);
  ok = ok && (!c || catalog_brief(c, know_run, &l, err));
  keep_left(&l);
  s->order = l.order;
  s->n_runs = l.all.n;
  free(l.known);
  free(l.all.id);
  free(l.all.slot);
  return ok;
}

int sweep_attempts(void *context, const struct run_order *o)
{
  const struct sweep *s = context;
  return s->attempts[o->number];
}

void sweep_free(struct sweep *s)
{
  expect_free(s->expect);
  free(s->order);
  free(s->attempts);
  free(s->policy);
  free(s->reached);
  free(s->dir);
  plan_free(s->plan);
  study_file_free(s->file);
}
