/* policy_fixture.h: a small world around a policy, for the tests of policies and of their host. */
#ifndef OFFSIM_TESTS_POLICY_FIXTURE_H
#define OFFSIM_TESTS_POLICY_FIXTURE_H

#include "models/policy_host.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORLD_PLANS = 20, WORLD_ATTRIBUTES = 5 };

/* One class `chat` with two tasks: `retrieve` (one plan) and `generate` (n_plans; the first on the device, the second
 * nearest, the others in the cloud). Attributes: difficulty (oracle), prompt (arrival), docs (after retrieve), output
 * (completion), guessed (completion, with an estimator). */
struct small_world {
  struct world_def def;
  struct class_def klass;
  struct task_def task[2];
  struct plan_def plan[WORLD_PLANS], only;
  struct attribute_def attribute[WORLD_ATTRIBUTES];
  struct place_def place[3];
};

static inline void small_world_init(struct small_world *w, int n_plans)
{
  *w = (struct small_world){.only = {.word = WORD_ORIGIN, .variant = NONE}};
  w->attribute[0] = (struct attribute_def){.name = "difficulty", .unit = "", .known = KNOWN_ORACLE};
  w->attribute[1] = (struct attribute_def){.name = "prompt", .unit = "tok", .known = KNOWN_ARRIVAL};
  w->attribute[2] = (struct attribute_def){.name = "docs", .unit = "", .known = KNOWN_AFTER_TASK, .after_task = 0};
  w->attribute[3] = (struct attribute_def){.name = "output", .unit = "tok", .known = KNOWN_COMPLETION};
  w->attribute[4] = (struct attribute_def){.name = "guessed", .unit = "tok", .known = KNOWN_COMPLETION,
                                           .estimator = ESTIMATE_VALUE, .estimate = 7};
  for (int i = 0; i < n_plans; i++)
    w->plan[i] = (struct plan_def){.word = i == 0 ? WORD_ORIGIN : i == 1 ? WORD_NEAREST : WORD_PLACE,
                                   .place = i < 2 ? i : 2, .variant = NONE};
  w->task[0] = (struct task_def){.name = "retrieve", .n_plans = 1, .plan = &w->only};
  w->task[1] = (struct task_def){.name = "generate", .after = 1, .n_plans = n_plans, .plan = w->plan};
  w->klass = (struct class_def){.name = "chat", .n_attributes = WORLD_ATTRIBUTES, .attribute = w->attribute,
                                .n_tasks = 2, .task = w->task, .slo_e2e_s = 30};
  static const char *const names[] = {"phone", "metro", "region"};
  for (int i = 0; i < 3; i++) w->place[i] = (struct place_def){.name = names[i], .tier = (enum tier)i};
  w->def = (struct world_def){.n_places = 3, .place = w->place, .n_classes = 1, .klass = &w->klass,
                              .objective = {.latency_per_s = -1, .money_per_usd = -100, .quality = 2}};
}

/* A decision on task `generate`, everything allowed, latency of action a: 1 + a seconds. */
struct small_decision {
  struct decision_facts facts;
  struct action_facts action[WORLD_PLANS];
  double attribute[WORLD_ATTRIBUTES], estimate[WORLD_ATTRIBUTES];
};

static inline void small_decision_init(struct small_decision *d, int n_actions)
{
  *d = (struct small_decision){.attribute = {0.5, 100, 3, 400, 500}, .estimate = {NAN, NAN, NAN, NAN, 7}};
  d->facts = (struct decision_facts){.task = 1, .deadline_s = 30, .attribute = d->attribute, .tasks_done = 1,
                                     .estimate = d->estimate, .n_actions = n_actions, .action = d->action};
  for (int a = 0; a < n_actions; a++)
    d->action[a] = (struct action_facts){.place = a < 2 ? a : 2, .tier = a < 2 ? a : TIER_CLOUD, .variant = NONE,
      .est_latency_s = 1 + a, .est_cost_usd = 0, .est_energy_j = NAN, .est_quality = 0.5};
}

/* Parameters "name=value" separated by spaces; a value that is no number is text. */
struct entry { struct policy_def def; struct policy_parameter parameter[8]; char text[256]; };

static inline void entry_init(struct entry *e, const char *policy, const char *parameters)
{
  static const char line[] = "  - {policy: here}";
  *e = (struct entry){.def = {.name = policy, .policy = policy, .at_place = NONE}};
  e->def.at = (struct where){.file = "city.yaml", .line = 40, .column = 5, .length = 6, .text = line, .text_len = 18};
  e->def.parameter = e->parameter;
  snprintf(e->text, sizeof e->text, "%s", parameters);
  char *rest = NULL;
  for (char *word = strtok_r(e->text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    char *value = strchr(word, '=') + 1, *end;
    value[-1] = 0;
    struct policy_parameter *p = &e->parameter[e->def.n_parameters];
    *p = (struct policy_parameter){.name = word, .at = {.file = "city.yaml", .line = 41 + e->def.n_parameters++}};
    p->value = strtod(value, &end);
    if (*end) p->text = value;
  }
}

static inline struct policy_host *try_host(const struct small_world *w, const struct entry *e, uint64_t replication,
                                           struct err *err)
{
  struct rng_root root = rng_root_make(1, replication);
  return policy_host_new(&e->def, &w->def, &root, err);
}

static inline struct policy_host *host_of(const struct small_world *w, const char *policy, const char *parameters,
                                          uint64_t replication)
{
  struct entry e;
  struct err err;
  err_init(&err);
  entry_init(&e, policy, parameters);
  struct policy_host *h = try_host(w, &e, replication, &err);
  if (!h) { err_print(&err, stderr, false); fail_msg("%s does not load", policy); }
  err_release(&err);
  return h;
}

static inline struct decision_result ask(struct policy_host *h, const struct decision_facts *f)
{
  struct decision_result r;
  struct err err;
  err_init(&err);
  if (!policy_host_decide(h, f, &r, &err)) { err_print(&err, stderr, false); fail_msg("no decision"); }
  err_release(&err);
  return r;
}

static inline void tell(struct policy_host *h, const struct decision_facts *f, void *memo, uint64_t number, int action,
                        double reward)
{
  struct err err;
  err_init(&err);
  struct outcome_facts o = {.decision_number = number, .action = action, .status = STATUS_COMPLETED, .reward = reward};
  assert_true(policy_host_outcome(h, f, memo, &o, &err));
  err_release(&err);
}

#endif
