/* router_cases.c: rows of `offsim validate policies` for policies that route: queues, Lyapunov, break-even, fan-out. */
#include "experiments/validate/policy_cases.h"
#include "experiments/validate/suites.h"
#include "models/policy_host.h"
#include "models/world.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"

#include <math.h>
#include <string.h>

/* ---- drift plus penalty -------------------------------------------------------------------------------------------- */

enum { SLOTS = 400000 };
enum { BACKLOG = 1, SERVED, ATTRIBUTES };

/* Hold or send: the features are what waits and what the channel would take now. */
struct slotted {
  struct world_def def;
  struct class_def klass;
  struct task_def task;
  struct plan_def plan[2];
  struct place_def place[2];
  struct attribute_def attribute[ATTRIBUTES];
  struct action_facts action[2];
  double value[ATTRIBUTES], estimate[ATTRIBUTES];
  struct decision_facts facts;
};

static void slotted_init(struct slotted *s)
{
  *s = (struct slotted){.estimate = {NAN, NAN, NAN}};
  static const char *const names[] = {"difficulty", "backlog", "served"};
  for (int i = 0; i < ATTRIBUTES; i++)
    s->attribute[i] = (struct attribute_def){.name = names[i], .unit = "", .known = i ? KNOWN_ARRIVAL : KNOWN_ORACLE};
  for (int i = 0; i < 2; i++) {
    s->place[i] = (struct place_def){.name = i ? "away" : "here", .tier = i ? TIER_EDGE : TIER_DEVICE};
    s->plan[i] = (struct plan_def){.word = i ? WORD_PLACE : WORD_ORIGIN, .place = i, .variant = NONE};
    s->action[i] = (struct action_facts){.place = i, .tier = i ? TIER_EDGE : TIER_DEVICE, .variant = NONE,
      .member = UINT64_MAX, .est_latency_s = NAN, .est_cost_usd = NAN, .est_energy_j = i, .est_quality = NAN};
  }
  s->task = (struct task_def){.name = "send", .n_plans = 2, .plan = s->plan};
  s->klass = (struct class_def){.name = "slots", .n_attributes = ATTRIBUTES, .attribute = s->attribute, .n_tasks = 1,
                                .task = &s->task};
  s->def = (struct world_def){.n_places = 2, .place = s->place, .n_classes = 1, .klass = &s->klass};
  s->facts = (struct decision_facts){.deadline_s = NAN, .attribute = s->value, .estimate = s->estimate, .n_actions = 2,
                                     .action = s->action};
}

/* Arrivals Bernoulli .8; 0, 1, 2 can leave with probability .3, .4, .3. Decide, send, then the arrival comes. */
static bool slot(struct slotted *s, struct policy_host *h, struct rng *r, double *queue, int *sends, struct err *err)
{
  double u = rng_uniform(r), served = u < .3 ? 0 : u < .7 ? 1 : 2, arrival = rng_uniform(r) < .8;
  struct decision_result answer;
  s->value[BACKLOG] = *queue;
  s->value[SERVED] = served;
  if (!policy_host_decide(h, &s->facts, &answer, err)) return false;
  s->facts.decision_number++;
  *sends = answer.action;
  *queue = fmax(*queue - (answer.action ? served : 0), 0) + arrival;
  return true;
}

double case_drift(const struct policy_case *c, const struct case_run *run, struct err *err)
{
  struct slotted s;
  slotted_init(&s);
  struct rng_root root = rng_root_make(run->seed, run->run);
  struct rng draws = rng_open(&root, rng_name("slots"), 0, 0);
  const struct policy_parameter parameter[] = {
    {.name = "V", .value = c->argument[0]}, {.name = "backlog", .text = "backlog"}, {.name = "served", .text = "served"}};
  struct policy_def def = {.name = c->policy, .policy = c->policy, .at_place = NONE, .n_parameters = 3,
                           .parameter = parameter};
  struct policy_host *h = policy_host_new(&def, &s.def, &root, err);
  double queue = 0, backlog = 0, power = 0;
  int sends = 0, warmup = SLOTS / 20, n = h ? SLOTS + warmup : 0;
  for (int i = 0; i < n; i++) {
    if (!slot(&s, h, &draws, &queue, &sends, err)) break;
    if (i >= warmup) power += sends, backlog += queue;
  }
  if (h) policy_host_free(h);
  return err_any(err) ? NAN : (c->argument[1] > 0 ? backlog : power) / SLOTS;
}

/* ---- through scenario files ----------------------------------------------------------------------------------------- */

struct seen { double latency_s; uint64_t n, offloaded; uint64_t group, slow_in_group, groups, slow_groups; };
enum { PARTS = 4 };                                     /* requests of a fan-out */

static void on_request(void *context, const struct request_record *r, const double *attribute, int n)
{
  struct seen *s = context;
  (void)attribute, (void)n;
  double latency_s = 1e-9 * (double)(r->completed_ns - r->arrived_ns);
  if (!r->measured || r->completed_ns < 0) return;
  s->latency_s += latency_s;
  s->n++;
  s->offloaded += r->offloaded;
  uint64_t group = r->request / PARTS;
  if (s->groups == 0 || group != s->group) {
    s->group = group;
    s->groups++;
    s->slow_in_group = 0;
  }
  if (latency_s > 0.5 && s->slow_in_group++ == 0) s->slow_groups++;
}

static const struct policy_def *policy_named(const struct scenario *s, const char *name)
{
  for (int i = 0; i < s->n_policies; i++)
    if (!strcmp(s->policy[i].name, name)) return &s->policy[i];
  return NULL;
}

static bool run_file(const struct policy_case *c, const char *file, const struct override *set, const struct case_run *run,
                     struct seen *seen, struct err *err)
{
  struct arena *a = arena_new();
  struct scenario *s = scenario_load(arena_printf(a, "%s/validation/%s.yaml", share_scenarios(a), file), set, set != NULL, err);
  struct run_summary summary;
  struct world *w = NULL;
  *seen = (struct seen){0};
  if (s) {
    struct run_setup setup = {.def = &s->world, .policy = policy_named(s, c->policy), .seed = run->seed,
                              .replication = run->run, .sink = {.context = seen, .request = on_request}};
    w = world_new(&setup, err);
  }
  bool ok = w && world_run(w, &summary, err);
  if (w) world_free(w);
  if (s) scenario_free(s);
  arena_free(a);
  return ok;
}

double case_two_queues(const struct policy_case *c, const struct case_run *run, struct err *err)
{
  struct seen seen;
  return run_file(c, "two-queues", NULL, run, &seen, err) ? seen.latency_s / (double)seen.n : NAN;
}

/* 25 tasks at once, on servers of their own; four requests make a fan-out of 100. */
double case_fan_out(const struct policy_case *c, const struct case_run *run, struct err *err)
{
  struct seen seen;
  return run_file(c, "fan-out", NULL, run, &seen, err) ? (double)seen.slow_groups / (double)seen.groups : NAN;
}

/* The rate at which latency_greedy leaves the device, by bisection; in bytes per second. */
double case_break_even(const struct policy_case *c, const struct case_run *run, struct err *err)
{
  double low = 1e5, high = 1e7;
  while (high - low > 1e-9 * high) {
    char value[40];
    double middle = (low + high) / 2;
    struct seen seen;
    snprintf(value, sizeof value, "%.17g B/s", middle);
    struct override set = {"links.access.rate", value};
    if (!run_file(c, "break-even", &set, run, &seen, err)) return NAN;
    if (seen.offloaded) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}
