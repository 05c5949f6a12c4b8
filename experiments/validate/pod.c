/* pod.c: the shortest of d random queues, and `offsim validate pod`. */
#include "experiments/validate/pod.h"

#include "experiments/options.h"
#include "experiments/validate/asked.h"
#include "experiments/validate/suites.h"
#include "models/policy_host.h"
#include "sim/arena.h"
#include "sim/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct where nowhere = {0};

double pod_limit(int d, double lambda)
{
  double sum = 0;
  for (double power = 0, term = 1; term > 1e-18; power = power * d + d) sum += term = pow(lambda, power);
  return sum;
}

/* ---- the world ----------------------------------------------------------------------------------------------------- */

/* Departures to come: a binary heap by time. */
struct departure { double at; int server; };
struct farm {
  struct world_def def;
  struct class_def klass;
  struct task_def task;
  struct decision_facts facts;
  struct action_facts *action;
  double *free_at;                                      /* of each server: when its queue will be empty */
  struct departure *heap;
  size_t n, room;
};

static void describe(struct farm *f, int servers, struct arena *a)
{
  struct place_def *place = arena_array(a, struct place_def, servers);
  struct plan_def *plan = arena_array(a, struct plan_def, servers);
  f->action = arena_array(a, struct action_facts, servers);
  for (int i = 0; i < servers; i++) {
    place[i] = (struct place_def){.name = arena_printf(a, "server-%d", i), .tier = TIER_EDGE};
    plan[i] = (struct plan_def){.word = WORD_PLACE, .place = i, .variant = NONE};
    f->action[i] = (struct action_facts){.place = i, .tier = TIER_EDGE, .variant = NONE, .member = UINT64_MAX,
      .est_latency_s = NAN, .est_cost_usd = NAN, .est_energy_j = NAN, .est_quality = NAN};
  }
  f->task = (struct task_def){.name = "serve", .n_plans = servers, .plan = plan};
  f->klass = (struct class_def){.name = "jobs", .n_tasks = 1, .task = &f->task};
  f->def = (struct world_def){.n_places = servers, .place = place, .n_classes = 1, .klass = &f->klass,
                              .objective = {.latency_per_s = -1}};
  f->facts = (struct decision_facts){.deadline_s = NAN, .n_actions = servers, .action = f->action};
  f->free_at = arena_array(a, double, servers);
}

static void heap_push(struct farm *f, struct departure d)
{
  if (f->n == f->room) {
    f->room = f->room ? 2 * f->room : 1024;
    f->heap = realloc(f->heap, f->room * sizeof *f->heap);
    if (!f->heap) check_out_of_memory(f->room * sizeof *f->heap);
  }
  size_t i = f->n++;
  for (; i && f->heap[(i - 1) / 2].at > d.at; i = (i - 1) / 2) f->heap[i] = f->heap[(i - 1) / 2];
  f->heap[i] = d;
}

static void heap_pop(struct farm *f)
{
  struct departure last = f->heap[--f->n];
  size_t i = 0;
  for (size_t k; (k = 2 * i + 1) < f->n; i = k) {
    if (k + 1 < f->n && f->heap[k + 1].at < f->heap[k].at) k++;
    if (f->heap[k].at >= last.at) break;
    f->heap[i] = f->heap[k];
  }
  f->heap[i] = last;
}

/* ---- one run ------------------------------------------------------------------------------------------------------- */

/* The job that comes at `now`: where the policy sends it, and how long it stays there. */
static bool arrive(struct farm *f, struct policy_host *h, double now, double work, double *sojourn, struct err *err)
{
  for (; f->n && f->heap[0].at <= now; heap_pop(f)) f->action[f->heap[0].server].queue--;
  struct decision_result r;
  f->facts.now = (int64_t)(now * 1e9);
  if (!policy_host_decide(h, &f->facts, &r, err)) return false;
  double *free_at = &f->free_at[r.action];
  *free_at = (*free_at > now ? *free_at : now) + work;
  *sojourn = *free_at - now;
  f->action[r.action].queue++;
  heap_push(f, (struct departure){*free_at, r.action});
  struct outcome_facts o = {.decision_number = f->facts.decision_number, .now = f->facts.now, .action = r.action,
                            .status = STATUS_COMPLETED, .latency_s = *sojourn, .reward = -*sojourn};
  f->facts.decision_number++;
  return policy_host_outcome(h, &f->facts, r.memo, &o, err);
}

/* Queues as of infinitely many servers, P(at least k jobs) = lambda^((d^k - 1)/(d - 1)): exact for d = 1. An empty farm would
 * take about 1/(1 - sqrt(lambda))^2 service times to fill (Morse 1955): at d = 1, lambda = .95 some 1600. */
static void fill(struct farm *f, const struct pod *p, const struct rng_root *root)
{
  struct rng r = rng_open(root, rng_name("pod start"), 0, 0);
  for (int i = 0; i < p->servers; i++) {
    double u = rng_uniform_open(&r);
    for (double power = 1; pow(p->lambda, power) > u; power = power * p->d + 1) {
      f->free_at[i] += rng_exponential(&r);
      f->action[i].queue++;
      heap_push(f, (struct departure){f->free_at[i], i});
    }
  }
}

static double mean_sojourn(struct farm *f, struct policy_host *h, const struct pod *p, struct rng *r, struct err *err)
{
  double now = 0, sum = 0, sojourn = 0;
  int64_t warmup = p->jobs / 5;
  for (int64_t i = -warmup; i < p->jobs; i++) {
    now += rng_exponential(r) / (p->lambda * p->servers);
    double work = rng_exponential(r);
    if (!arrive(f, h, now, work, &sojourn, err)) return NAN;
    if (i >= 0) sum += sojourn;
  }
  return sum / (double)p->jobs;
}

double pod_sojourn(const struct pod *p, uint64_t seed, uint64_t run, struct err *err)
{
  struct arena *a = arena_new();
  struct farm *f = arena_alloc(a, sizeof *f);
  describe(f, p->servers, a);
  struct rng_root root = rng_root_make(seed, run);
  struct rng draws = rng_open(&root, rng_name("pod jobs"), 0, 0);
  struct policy_parameter d = {.name = "d", .value = p->d};
  struct policy_def def = {.name = "power_of_d", .policy = "power_of_d", .at_place = NONE, .n_parameters = 1, .parameter = &d};
  struct policy_host *h = policy_host_new(&def, &f->def, &root, err);
  fill(f, p, &root);
  double mean = h ? mean_sojourn(f, h, p, &draws, err) : NAN;
  if (h) policy_host_free(h);
  free(f->heap);
  arena_free(a);
  return mean;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static const char usage[] =
  "usage: offsim validate pod --d D --servers N --lambda L [options]\n\n"
  "  --d D                  queues looked at, drawn without replacement; ties at random\n"
  "  --servers N            servers with a queue each, first come first served, exponential services of mean 1\n"
  "  --lambda L             load: Poisson arrivals of rate L N; above 0, below 1\n"
  "  --runs R               independent runs (20)\n"
  "  --jobs J               jobs counted in a run, after a fifth as many (400000)\n"
  "  --seed S, -j N         (1, all cores)\n"
  "  --format table|json\n\n"
  "Mean time in the system, in service times, and its standard error. Infinitely many servers: sum over i >= 1 of\n"
  "L^((D^i - D)/(D - 1)). A run begins with queues drawn as infinitely many servers have them, exact for D = 1.\n";

struct question { struct asked asked; struct pod pod; };

static bool take(void *context, const char *option, const char *text, struct err *err)
{
  struct question *q = context;
  double x = 0;
  bool mine, ok;
  if (!text || !*text) return err_add(err, nowhere, "%s needs a value", option);
  ok = asked_take(&q->asked, option, text, &mine, err);
  if (mine) return ok;
  if (!strcmp(option, "--lambda")) return asked_number(option, text, 1e-6, 0.999, false, &q->pod.lambda, err);
  bool jobs = !strcmp(option, "--jobs");
  ok = asked_number(option, text, jobs ? 1000 : 1, jobs ? 1e9 : MAX_POD_SERVERS, true, &x, err);
  if (!ok) return false;
  if (jobs) q->pod.jobs = (int64_t)x;
  else if (!strcmp(option, "--d")) q->pod.d = (int)x;
  else q->pod.servers = (int)x;
  return true;
}

static bool read_arguments(struct question *q, int argc, char **argv, struct err *err)
{
  static const char *const known[] = {"--d", "--servers", "--lambda", "--runs", "--jobs", "--seed", "-j", "--format"};
  const char *word = NULL;
  if (!options_read("validate pod", argc, argv, known, sizeof known / sizeof *known, take, q, &word, err)) return false;
  if (word) return err_add(err, nowhere, "validate pod takes options only, not '%s'", word);
  const char *missing = !q->pod.d ? "--d" : !q->pod.servers ? "--servers" : q->pod.lambda <= 0 ? "--lambda" : NULL;
  if (missing) return err_add(err, nowhere, "validate pod: %s is missing", missing);
  return q->pod.d <= q->pod.servers ||
         err_add(err, nowhere, "validate pod: --d %d of %d servers: drawn without replacement", q->pod.d, q->pod.servers);
}

static double one_run(const void *context, size_t job)
{
  const struct question *q = context;
  struct err err;
  err_init(&err);
  double x = pod_sojourn(&q->pod, q->asked.seed, job, &err);
  if (err_any(&err)) err_print(&err, stderr, false);
  err_release(&err);
  return x;
}

int validate_pod(int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return fputs(usage, stdout), EXIT_OK;
  struct question q = {.asked = asked_default(), .pod = {.jobs = 400000}};
  q.asked.runs = 20;
  struct err err;
  err_init(&err);
  int code;
  if (!read_arguments(&q, argc, argv, &err)) {
    err_print(&err, stderr, isatty(STDERR_FILENO));
    code = err.code;
  } else {
    json *all = json_put_int(json_put_int(json_new_object(), "d", q.pod.d), "servers", q.pod.servers);
    json_put_int(json_put_number(all, "lambda", q.pod.lambda), "jobs", q.pod.jobs);
    json_put_number(all, "limit", pod_limit(q.pod.d, q.pod.lambda));
    code = asked_answer(&q.asked, one_run, &q, "mean sojourn in service times", all);
  }
  err_release(&err);
  return code;
}
