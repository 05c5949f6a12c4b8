/* bench_policy.c: what a decision with its outcome costs: the host around a policy that does nothing, a threshold, and
 * LinUCB with eight dimensions (seven features and one) over four actions. */
#include "experiments/bench.h"
#include "models/policy_host.h"

#include <math.h>
#include <stdio.h>

enum { ACTIONS = 4, ATTRIBUTES = 7, DECISIONS = 200000 };

/* One class with one task and four plans, seven attributes known at arrival. */
struct small { struct world_def def; struct class_def klass; struct task_def task; struct plan_def plan[ACTIONS];
  struct attribute_def attribute[ATTRIBUTES]; struct place_def place[3]; };

static void small_init(struct small *w)
{
  static const char *const attribute[] = {"a", "b", "c", "d", "e", "f", "g"}, *const place[] = {"phone", "metro", "region"};
  *w = (struct small){0};
  for (int i = 0; i < ATTRIBUTES; i++)
    w->attribute[i] = (struct attribute_def){.name = attribute[i], .unit = "", .known = KNOWN_ARRIVAL};
  for (int i = 0; i < 3; i++) w->place[i] = (struct place_def){.name = place[i], .tier = (enum tier)i};
  for (int i = 0; i < ACTIONS; i++)
    w->plan[i] = (struct plan_def){.word = i ? WORD_PLACE : WORD_ORIGIN, .place = i < 2 ? i : 2, .variant = NONE};
  w->task = (struct task_def){.name = "t", .n_plans = ACTIONS, .plan = w->plan};
  w->klass = (struct class_def){.name = "k", .n_attributes = ATTRIBUTES, .attribute = w->attribute, .n_tasks = 1,
                                .task = &w->task};
  w->def = (struct world_def){.n_places = 3, .place = w->place, .n_classes = 1, .klass = &w->klass,
                              .objective = {.latency_per_s = -1}};
}

struct subject { struct policy_host *host; bool failed; };

static double decision_ns(void *subject)
{
  struct subject *s = subject;
  struct action_facts action[ACTIONS] = {{0}};
  double attribute[ATTRIBUTES];
  struct decision_facts f = {.deadline_s = 1, .attribute = attribute, .n_actions = ACTIONS, .action = action};
  struct outcome_facts o = {.status = STATUS_COMPLETED, .attempts = 1, .score = NAN};
  struct decision_result r;
  struct err err;
  err_init(&err);
  for (int a = 0; a < ACTIONS; a++)
    action[a] = (struct action_facts){.place = a < 2 ? a : 2, .tier = a < 2 ? a : 2, .variant = NONE, .queue = a,
                                      .est_latency_s = 1 + a};
  for (int i = 0; i < ATTRIBUTES; i++) attribute[i] = 0.1 * i;
  double began = cpu_time_ns();
  for (int i = 0; i < DECISIONS; i++) {
    f.decision_number = o.decision_number = (uint64_t)i;
    f.now = o.now = 1000 * (sim_time)i;
    attribute[i % ATTRIBUTES] = (i % 97) / 97.0;
    if (!policy_host_decide(s->host, &f, &r, &err)) { s->failed = true; break; }
    o.action = r.action;
    o.reward = -1 - r.action - (i % 89) / 89.0;
    if (!policy_host_outcome(s->host, &f, r.memo, &o, &err)) { s->failed = true; break; }
  }
  double ns = (cpu_time_ns() - began) / DECISIONS;
  err_release(&err);
  return ns;
}

static double bench_policy(const char *policy, int n, const struct policy_parameter *parameter)
{
  struct small w;
  struct err err;
  struct rng_root root = rng_root_make(1, 0);
  struct policy_def def = {.name = policy, .policy = policy, .at_place = NONE, .n_parameters = n,
                           .parameter = parameter};
  small_init(&w);
  err_init(&err);
  struct subject s = {.host = policy_host_new(&def, &w.def, &root, &err)};
  double ns = s.host ? bench_median(5, decision_ns, &s) : (double)NAN;
  if (err_any(&err)) err_print(&err, stderr, false);
  policy_host_free(s.host);
  err_release(&err);
  return s.failed ? (double)NAN : ns;
}

/* always_local looks for the first allowed action on the device: with it, this is at least what the host adds. */
double bench_decision_host(void) { return bench_policy("always_local", 0, NULL); }

double bench_decision_threshold(void)
{
  static const struct policy_parameter p[] = {{.name = "feature", .text = "a"}, {.name = "above", .value = 0.5}};
  return bench_policy("threshold", 2, p);
}

double bench_decision_linucb8(void)
{
  static const struct policy_parameter p[] = {{.name = "features", .text = "a b c d e f g"}};
  return bench_policy("linucb", 1, p);
}
