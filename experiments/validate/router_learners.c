/* router_learners.c: a policy that learns which queries need the strong model, through its host, query by query. */
#include "experiments/validate/router_bench.h"

#include "models/policy_host.h"

#include <math.h>

enum { WEAK, STRONG, MODELS, SCORE = 1, ATTRIBUTES };

/* Two places, one for each model; a class for each subject, or one for all. */
struct school {
  struct world_def def;
  struct class_def *klass;
  struct task_def task;
  struct plan_def plan[MODELS];
  struct place_def place[MODELS];
  struct variant_def variant[MODELS];
  struct attribute_def attribute[ATTRIBUTES];
  struct action_facts action[MODELS];
  double value[ATTRIBUTES], estimate[ATTRIBUTES];
  struct decision_facts facts;
};

static void add_model(struct school *s, int i, double quality)
{
  static const char *const names[MODELS] = {"weak", "strong"};
  s->variant[i] = (struct variant_def){.name = names[i]};
  s->place[i] = (struct place_def){.name = names[i], .tier = i ? TIER_CLOUD : TIER_EDGE};
  s->plan[i] = (struct plan_def){.word = WORD_PLACE, .place = i, .variant = i};
  s->action[i] = (struct action_facts){.place = i, .tier = i ? TIER_CLOUD : TIER_EDGE, .variant = i, .member = UINT64_MAX,
    .est_latency_s = NAN, .est_cost_usd = NAN, .est_energy_j = NAN, .est_quality = quality, .queue = NAN, .queue_age_s = NAN};
}

static struct school *school_of(const struct bench *b, bool by_subject, struct arena *a)
{
  static const int variant[MODELS] = {WEAK, STRONG};
  static const char *const names[ATTRIBUTES] = {"difficulty", "score"};
  struct school *s = arena_alloc(a, sizeof *s);
  int n = by_subject ? b->table->n_rows : 1;
  for (int i = 0; i < MODELS; i++)
    add_model(s, i, (i ? b->strong : b->weak) / b->n);
  for (int i = 0; i < ATTRIBUTES; i++)
    s->attribute[i] = (struct attribute_def){.name = names[i], .unit = "", .known = i ? KNOWN_ARRIVAL : KNOWN_ORACLE};
  s->estimate[0] = s->estimate[SCORE] = NAN;
  s->task = (struct task_def){.name = "answer", .n_plans = MODELS, .plan = s->plan, .n_variants = MODELS, .variant = variant};
  s->klass = arena_array(a, struct class_def, n);
  for (int i = 0; i < n; i++)
    s->klass[i] = (struct class_def){.name = by_subject ? b->table->row[i].subject : "all", .n_attributes = ATTRIBUTES,
                                     .attribute = s->attribute, .n_tasks = 1, .task = &s->task};
  s->def = (struct world_def){.n_places = MODELS, .place = s->place, .n_variants = MODELS, .variant = s->variant, .n_classes = n,
                              .klass = s->klass, .objective = {.quality = 1}};
  s->facts = (struct decision_facts){.deadline_s = NAN, .attribute = s->value, .estimate = s->estimate, .n_actions = MODELS,
                                     .action = s->action};
  return s;
}

static bool ask(struct school *s, struct policy_host *h, const struct query *q, double price, bool *strong, struct err *err)
{
  struct decision_result r;
  if (!policy_host_decide(h, &s->facts, &r, err))
    return false;
  *strong = r.action == STRONG;
  double right = outcome_right(q->outcome, *strong), reward = right - (*strong ? price : 0);
  struct outcome_facts o = {.decision_number = s->facts.decision_number, .now = s->facts.now, .action = r.action,
                            .status = STATUS_COMPLETED, .quality = right, .reward = reward};
  return policy_host_outcome(h, &s->facts, r.memo, &o, err);
}

static bool learn_all(const struct bench *b, struct school *s, struct policy_host *h, bool by_subject, double price,
                      const double *score, struct point *p, struct err *err)
{
  double calls = 0, right = 0, usd = 0;
  for (int i = 0; i < b->n; i++) {
    const struct query *q = &b->query[i];
    bool strong;
    s->facts.decision_number = s->facts.request = (uint64_t)i;
    s->facts.now = i * (int64_t)1000000000;
    s->facts.klass = by_subject ? q->row : 0;
    s->value[SCORE] = score[i];
    if (!ask(s, h, q, price, &strong, err))
      return false;
    calls += strong;
    right += outcome_right(q->outcome, strong);
    usd += bench_usd(b, q, strong);
  }
  *p = (struct point){calls / b->n, (right - b->weak) / (b->strong - b->weak), usd / b->n};
  return true;
}

bool bench_learn(const struct bench *b, const struct learner *l, double price, const double *score, uint64_t run,
                 struct point *p, struct err *err)
{
  struct arena *a = arena_new();
  struct rng_root root = rng_root_make(1, run);
  struct school *s = school_of(b, l->by_subject, a);
  const struct policy_def def = {.name = l->name, .policy = l->policy, .at_place = NONE, .n_parameters = l->n_parameters,
                                 .parameter = l->parameter};
  struct policy_host *h = policy_host_new(&def, &s->def, &root, err);
  bool good = h && learn_all(b, s, h, l->by_subject, price, score, p, err);
  if (h)
    policy_host_free(h);
  arena_free(a);
  return good;
}
