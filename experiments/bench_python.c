/* bench_python.c: decisions a CPU second of a policy in Python: a question and an answer over pipes, and an outcome. */
#include "experiments/bench.h"
#include "models/policy_host.h"
#include "sim/arena.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { N_PLANS = 4, N_ASKED = 20000 };

/* One task with a plan on the device and three in the cloud. */
struct small { struct world_def world; struct class_def klass; struct task_def task; struct plan_def plan[N_PLANS];
               struct place_def place; };

static void make_small(struct small *s)
{
  *s = (struct small){.place = {.name = "region", .tier = TIER_CLOUD}};
  for (int i = 0; i < N_PLANS; i++)
    s->plan[i] = (struct plan_def){.word = WORD_PLACE, .variant = NONE};
  s->task = (struct task_def){.name = "work", .n_plans = N_PLANS, .plan = s->plan};
  s->klass = (struct class_def){.name = "job", .n_tasks = 1, .task = &s->task};
  s->world = (struct world_def){.n_places = 1, .place = &s->place, .n_classes = 1, .klass = &s->klass,
                                .objective = {.latency_per_s = -1}};
}

static bool ask_often(struct policy_host *h, uint64_t n_asked, struct err *err)
{
  struct action_facts action[N_PLANS];
  struct decision_facts facts = {.deadline_s = 1, .n_actions = N_PLANS, .action = action};
  struct decision_result result;
  for (int a = 0; a < N_PLANS; a++)
    action[a] = (struct action_facts){.variant = NONE, .tier = TIER_CLOUD, .est_latency_s = 1 + a};
  for (uint64_t i = 0; i < n_asked; i++) {
    facts.request = facts.decision_number = i;
    if (!policy_host_decide(h, &facts, &result, err))
      return false;
    struct outcome_facts o = {.decision_number = i, .action = result.action, .status = STATUS_COMPLETED,
                              .reward = -(double)(i % 7), .score = NAN};
    if (!policy_host_outcome(h, &facts, result.memo, &o, err))
      return false;
  }
  return policy_host_settle(h, err);
}

/* CPU time of this process and of the interpreters that ended: the two take turns. */
static double both_s(void)
{
  struct rusage ended;
  getrusage(RUSAGE_CHILDREN, &ended);
  const struct timeval *user = &ended.ru_utime, *system = &ended.ru_stime;
  return 1e-9 * cpu_time_ns() + (double)(user->tv_sec + system->tv_sec) + 1e-6 * (double)(user->tv_usec + system->tv_usec);
}

/* With the life of the interpreter; NaN when it fails. */
static double life_s(const char *file, uint64_t n_asked)
{
  struct small small;
  struct err err;
  err_init(&err);
  make_small(&small);
  struct policy_def def = {.name = "decisions", .policy = file, .resolved_path = file, .at_place = NONE};
  struct rng_root root = rng_root_make(1, 0);
  double start = both_s();
  struct policy_host *h = policy_host_new(&def, &small.world, &root, &err);
  bool ok = h && ask_often(h, n_asked, &err);
  policy_host_free(h);
  err_print(&err, stderr, false);
  err_release(&err);
  return ok ? both_s() - start : NAN;
}

static double once(void *file) { return N_ASKED / (life_s(file, N_ASKED) - life_s(file, 0)); }

double bench_python_decisions(void)
{
  struct arena *a = arena_new();
  double result = bench_median(5, once, (void *)bench_path(a, "decisions.py"));
  arena_free(a);
  return result;
}
