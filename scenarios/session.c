/* session.c: conversations, what places keep of them, and releases of models. */
#include "scenarios/build.h"

#include <math.h>
#include <string.h>

/* ---- what a place keeps ------------------------------------------------------------------------------------------ */

const struct shelf_def *build_shelf(struct build *b, const struct place_def *p, const struct node *place)
{
  const struct node *node = node_get(place, "sessions"), *capacity = node_get(node, "capacity");
  struct shelf_def *d = arena_alloc(b->arena, sizeof *d);
  if (!node)
    return NULL;
  if (p->kind == PLACE_API)
    err_add(b->err, node->key_at, "places.%s is an api: it keeps nothing of a conversation", p->name);
  *d = (struct shelf_def){.capacity_bytes = get_number(node, "place_sessions", "capacity"),
                          .keep_s = get_number(node, "place_sessions", "keep")};
  if (isnan(d->capacity_bytes))
    d->capacity_bytes = INFINITY;
  double memory = p->memory_bytes, most = 0;
  for (int i = 0; i < p->n_hardware && memory <= 0; i++)
    most = fmax(most, b->world->hardware[p->hardware[i]].memory_bytes);
  memory = memory > 0 ? memory : most;
  if (capacity && memory > 0 && d->capacity_bytes > memory)
    err_add(b->err, capacity->at, "places.%s: %.4g GB for the state of conversations, and a server has %.4g GB of memory", p->name,
            d->capacity_bytes / 1e9, memory / 1e9);
  return d;
}

/* ---- conversations ------------------------------------------------------------------------------------------------ */

void build_session_begin(struct build *b, struct arrivals_def *a, const struct node *node)
{
  const struct node *rate = node_get(node, "rate"), *between = node_get(node, "interarrival");
  struct session_def *d = arena_alloc(b->arena, sizeof *d);
  *d = (struct session_def){.task = 0, .state_task = NONE, .other_quality = 1};
  if (!rate == !between)
    err_add(b->err, node->key_at, "conversations begin with a 'rate' or after an 'interarrival' time: one of the two");
  a->rate_per_s = rate ? get_number(node, "session", "rate") : 1;
  a->interarrival_s = build_dist(b, between, Q_TIME, 1);
  a->think_s = build_dist(b, node_get(node, "think"), Q_TIME, 1);
  d->turns = build_dist(b, node_get(node, "turns"), Q_PURE, 1);
  if (between && a->interarrival_s && !(dist_mean(a->interarrival_s) > 0))
    err_add(b->err, between->at, "the mean of 'interarrival' must be more than 0 s");
  a->session = d;
}

static int find_task(struct build *b, const struct class_def *c, const struct node *name)
{
  const char *names[MAX_TASKS];
  for (int i = 0; i < c->n_tasks; i++)
    names[i] = c->task[i].name;
  return build_find(b, name, "task", names, c->n_tasks);
}

static bool place_keeps(const struct place_def *p)
{
  if (p->kind != PLACE_SERVERS || (p->shelf && p->shelf->capacity_bytes <= 0))
    return false;
  return !p->llm || p->llm->engine.prefix_cache;
}

/* Does some place that does the task keep state; and does one of those serve by LLM engines? */
static bool has_home(const struct build *b, const struct class_def *c, const struct task_def *t, bool *engines)
{
  bool any = false;
  for (int i = 0; i < b->world->n_places; i++)
    for (int k = 0; k < t->n_plans; k++)
      if (build_leads_to(b->world, c, &t->plan[k], i) && place_keeps(&b->world->place[i])) {
        any = true;
        *engines |= b->world->place[i].llm != NULL;
      }
  return any;
}

static void check_size(struct build *b, const struct session_def *d, const struct task_def *t, const struct node *state)
{
  if (d->has_bytes)
    return;
  for (int v = 0; v < t->n_variants; v++)
    if (b->world->variant[t->variant[v]].kv_bytes_per_tok > 0)
      return;
  err_add(b->err, state->key_at, "how large is the state of '%s'? It needs 'size', or variants with context memory per token",
          t->name);
}

static void build_state_of(struct build *b, struct class_def *c, struct session_def *d, const struct node *state)
{
  const struct node *size = node_get(state, "size"), *move = node_get(state, "move");
  const struct task_def *t = &c->task[d->task];
  bool engines = false;
  d->state_task = d->task;
  d->move = (enum state_move)get_choice(state, "session_state", "move");
  d->has_bytes = size != NULL;
  if (size)
    d->state_bytes = build_expr(b, size, Q_BYTES, NULL);
  if (node_get(state, "rebuild"))
    d->rebuild_s = build_expr(b, node_get(state, "rebuild"), Q_TIME, NULL);
  check_size(b, d, t, state);
  if (t->n_plans && !has_home(b, c, t, &engines))
    err_add(b->err, state->key_at, "the state of the conversations of '%s' has no home: no place of its task '%s' keeps any (an api "
            "does not, nor LLM engines without prefix cache, nor 'sessions: {capacity: 0 B}')", c->name, t->name);
  if (engines && d->move == STATE_TRANSFER && move)
    err_add(b->err, move->at, "'transfer' does not go with LLM engines: blocks come into their caches by reading only; reprefill or "
            "cheapest does");
}

static int last_awaited(const struct class_def *c)
{
  int last = c->n_tasks - 1;
  while (last > 0 && c->task[last].asynchronous)
    last--;
  return last;
}

/* After the attributes and tasks of the class. */
void build_session(struct build *b, struct class_def *c)
{
  const struct node *node = node_get(node_get(b->klass, "arrivals"), "session"), *context = node_get(node, "context");
  struct session_def *d = (struct session_def *)c->arrivals.session;    /* made here */
  if (!d || !c->n_tasks)
    return;
  const struct node *task = node_get(node, "task"), *grows = node_get(context, "grows"), *state = node_get(node, "state");
  int found = task ? find_task(b, c, task) : NONE;
  d->task = found == NONE ? last_awaited(c) : found;
  if (c->task[d->task].asynchronous && found != NONE)
    err_add(b->err, task->at, "nobody waits for '%s', which is asynchronous: it answers no turn", c->task[found].name);
  d->ends_on_failure = get_choice(node, "session", "on_failure") == 1;
  d->other_quality = get_number(node, "session", "other_version");
  d->start_tok = get_number(context, "session_context", "start");
  d->limit_tok = get_number(context, "session_context", "limit");
  if (isnan(d->limit_tok))
    d->limit_tok = 0;
  if (d->limit_tok > 0 && d->limit_tok < d->start_tok)
    err_add(b->err, node_get(context, "limit")->at, "'limit' is less than 'start', %g tokens", d->start_tok);
  if (grows)
    d->grows_tok = build_expr(b, grows, Q_PURE, NULL);
  if (state)
    build_state_of(b, c, d, state);
}

/* Facts of a turn, in the order of enum session_fact; those of the state only where there is some. */
void build_session_attributes(struct build *b, const struct class_def *c)
{
  static const char *const name[SESSION_FACTS] = {"turn", "context_tokens", "state_tokens", "state_place", "state_member"};
  struct session_def *d = (struct session_def *)c->arrivals.session;
  const struct node *node = node_get(node_get(b->klass, "arrivals"), "session");
  int n = node_get(node, "state") ? SESSION_FACTS : FACT_STATE_TOK;
  if (!d)
    return;
  d->first_fact = b->n_attributes;
  for (int i = 0; i < n; i++)
    build_add_attribute(b, name[i], node->key_at)->of_session = true;
}

/* ---- releases of models ------------------------------------------------------------------------------------------- */

static int *names_in(struct build *b, const struct node *list, const char *what, const char *const *names, int n_names, int *n)
{
  const struct node *const *one;
  size_t all = elements(list, &one, b->arena);
  int *found = arena_array(b->arena, int, all + 1);
  *n = 0;
  for (size_t i = 0; i < all; i++) {
    int k = build_find(b, one[i], what, names, n_names);
    if (k != NONE)
      found[(*n)++] = k;
  }
  return found;
}

static void build_rollout(struct build *b, struct rollout_def *d, const struct node *node)
{
  const char **variant = arena_array(b->arena, const char *, b->world->n_variants + 1);
  const char **place = arena_array(b->arena, const char *, b->world->n_places + 1);
  for (int i = 0; i < b->world->n_variants; i++)
    variant[i] = b->world->variant[i].name;
  for (int i = 0; i < b->world->n_places; i++)
    place[i] = b->world->place[i].name;
  *d = (struct rollout_def){.name = node_name(node) ? node_name(node) : "?"};
  d->variant = names_in(b, node_get(node, "of"), "variant", variant, b->world->n_variants, &d->n_variants);
  d->place = names_in(b, node_get(node, "places"), "place", place, b->world->n_places, &d->n_places);
  d->at_s = get_number(node, "rollout", "at");
  d->every_s = get_number(node, "rollout", "every");
  if (isnan(d->every_s))
    d->every_s = 0;
  d->delay_s = build_dist(b, node_get(node, "delay"), Q_TIME, 1);
  d->per_place = get_choice(node, "rollout", "per") == 1;
  if (node_get(node, "places") && !node_get(node, "delay"))
    err_add(b->err, node_get(node, "places")->key_at, "'places' says who waits for a 'delay', and there is none");
}

void build_rollouts(struct build *b)
{
  const struct node *list = node_get(b->root, "versions");
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  struct rollout_def *all = arena_array(b->arena, struct rollout_def, n + 1);
  for (size_t i = 0; i < n; i++) {
    build_rollout(b, &all[i], list->child[i]);
    for (size_t k = 0; k < i; k++)
      for (int v = 0; v < all[i].n_variants; v++)
        for (int u = 0; u < all[k].n_variants; u++)
          if (all[i].variant[v] == all[k].variant[u])
            err_add(b->err, list->child[i]->at, "the model '%s' has its versions from '%s' already",
                    b->world->variant[all[i].variant[v]].name, all[k].name);
  }
  b->world->rollout = all;
  b->world->n_rollouts = (int)n;
}

static int rollout_of(const struct build *b, const struct task_def *t)
{
  for (int i = 0; i < b->world->n_rollouts; i++)
    for (int k = 0; k < b->world->rollout[i].n_variants; k++)
      for (int v = 0; v < t->n_variants; v++)
        if (b->world->rollout[i].variant[k] == t->variant[v])
          return i;
  return NONE;
}

/* Those that come before a task. */
static uint32_t ancestors(const struct class_def *c, int task)
{
  uint32_t all = c->task[task].after;
  for (int i = task - 1; i >= 0; i--)
    if (all >> i & 1)
      all |= c->task[i].after;
  return all;
}

static void build_match(struct build *b, struct class_def *c, int i, const struct node *node)
{
  const struct node *const *name;
  size_t n = elements(node_get(node, "tasks"), &name, b->arena);
  struct match_def *m = arena_alloc(b->arena, sizeof *m);
  *m = (struct match_def){.quality = get_number(node, "match", "quality")};
  for (size_t k = 0; k < n; k++) {
    int other = find_task(b, c, name[k]);
    if (other == NONE)
      continue;
    if (!(ancestors(c, i) >> other & 1))
      err_add(b->err, name[k]->at, "'%s' does not come before '%s'", c->task[other].name, c->task[i].name);
    else if (rollout_of(b, &c->task[i]) == NONE || rollout_of(b, &c->task[i]) != rollout_of(b, &c->task[other]))
      err_add(b->err, name[k]->at, "'%s' and '%s' have no versions in common: name variants of both in one element of 'versions'",
              c->task[i].name, c->task[other].name);
    m->tasks |= UINT32_C(1) << other;
  }
  ((struct task_def *)c->task)[i].match = m;            /* made here */
}

void build_matches(struct build *b, struct class_def *c)
{
  const struct node *pipeline = node_get(b->klass, "pipeline");
  for (int i = 0; i < c->n_tasks; i++) {
    const struct node *match = node_get(node_named(pipeline, c->task[i].name), "matches");
    if (match)
      build_match(b, c, i, match);
  }
}
