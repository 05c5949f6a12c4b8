/* life.c: what a task does beyond its first attempt, and what guards a place. */
#include "scenarios/build.h"

#include "models/record.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- tasks ----------------------------------------------------------------------------------------------------- */

static uint32_t statuses(struct build *b, const struct node *list)
{
  const struct node *const *name;
  size_t n = elements(list, &name, b->arena);
  uint32_t bits = 0;
  for (size_t i = 0; i < n; i++)
    for (int s = 0; s < N_STATUS; s++)
      bits |= node_text_is(name[i], status_name[s]) ? UINT32_C(1) << s : 0;
  return list ? bits : UINT32_C(1) << STATUS_TIMEOUT | UINT32_C(1) << STATUS_LOST | UINT32_C(1) << STATUS_REJECTED;
}

static const struct retry_def *build_retry(struct build *b, const struct node *node)
{
  const struct node *backoff = node_get(node, "backoff"), *budget = node_get(node, "budget");
  struct retry_def *d = arena_alloc(b->arena, sizeof *d);
  bool limited = budget && !node_text_is(budget, "none");
  if (!node_is(node, NODE_MAP))
    return NULL;
  *d = (struct retry_def){.attempts = (unsigned)get_count(node, "retry", "attempts"),
                          .on = statuses(b, node_get(node, "on")),
                          .first_s = get_number(backoff, "backoff", "first"),
                          .factor = get_number(backoff, "backoff", "factor"),
                          .max_s = get_number(backoff, "backoff", "max"),
                          .jitter = get_choice(backoff, "backoff", "jitter") == 0,
                          .budget = limited ? get_number(node, "retry", "budget") : -1,
                          .burst = get_number(node, "retry", "burst")};
  if (node_get(node, "burst") && !budget)
    err_add(b->err, node_get(node, "burst")->key_at, "'burst' belongs to a 'budget'");
  if (limited && !(d->burst >= 1))
    err_add(b->err, node->at, "a budget with 'burst' below 1 never pays for a retry");
  if (backoff && d->max_s < d->first_s)
    err_add(b->err, backoff->at, "'max' is shorter than 'first'");
  return d;
}

static const struct hedge_def *build_hedge(struct build *b, const struct class_def *c, const struct task_def *t,
                                           const struct node *node)
{
  const struct node *after = node_get(node, "after"), *place = node_get(node, "place"), *variant = node_get(node, "variant");
  struct hedge_def *d = arena_alloc(b->arena, sizeof *d);
  if (!node_is(node, NODE_MAP))
    return NULL;
  const char *text = get_text(node, "hedge", "after");
  d->tied = get_flag(node, "hedge", "tied");
  if (text && text[0] == 'p')
    d->quantile = atof(text + 1) / 100;
  else
    d->after_s = get_number(node, "hedge", "after");
  if (place)
    d->has_plan = build_plan(b, c, t, place, variant, &d->plan);
  else if (variant)
    err_add(b->err, variant->key_at, "'variant' of a copy goes with its 'place'");
  if (t->successor_starts_on_first)
    err_add(b->err, (after ? after : node)->at, "what starts on the first output cannot start on two copies of it: 'hedge' and "
            "'starts_on: first' do not go together");
  return d;
}

static const struct judge_def *build_judge(struct build *b, const struct task_def *t, const struct node *node)
{
  struct judge_def *d = arena_alloc(b->arena, sizeof *d);
  if (!node_is(node, NODE_MAP))
    return NULL;
  *d = (struct judge_def){get_number(node, "judge", "noise"), get_number(node, "judge", "accept")};
  if (d->accept > 0 && (t->n_fallbacks == 0 || t->fallback[0].answers))
    err_add(b->err, node_get(node, "accept")->at, "'accept' needs a fallback with a place: whom else to ask");
  return d;
}

const struct life_def *build_life(struct build *b, const struct class_def *c, const struct task_def *t,
                                  const struct node *task)
{
  struct life_def *d = arena_alloc(b->arena, sizeof *d);
  d->retry = build_retry(b, node_get(task, "retry"));
  d->hedge = build_hedge(b, c, t, node_get(task, "hedge"));
  d->judge = build_judge(b, t, node_get(task, "judge"));
  return d->retry || d->hedge || d->judge ? d : NULL;
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

static const struct breaker_def *build_breaker(struct build *b, const struct node *node)
{
  struct breaker_def *d = arena_alloc(b->arena, sizeof *d);
  *d = (struct breaker_def){(uint32_t)get_count(node, "breaker", "window"),
                            (uint32_t)get_count(node, "breaker", "half_open_probes"),
                            get_number(node, "breaker", "failures"), get_number(node, "breaker", "open_for")};
  return node_is(node, NODE_MAP) ? d : NULL;
}

static const struct health_def *build_health(struct build *b, const struct node *node)
{
  const struct node *from = node_get(node, "from");
  struct health_def *d = arena_alloc(b->arena, sizeof *d);
  *d = (struct health_def){get_number(node, "health", "every"), get_number(node, "health", "timeout"),
                           get_number(node, "health", "bytes"), (uint32_t)get_count(node, "health", "down_after"),
                           (uint32_t)get_count(node, "health", "up_after"), NONE};
  if (from)
    d->from = build_find_place(b, from);
  return node_is(node, NODE_MAP) ? d : NULL;
}

static const struct shed_def *build_shed(struct build *b, const struct place_def *p, const struct node *node)
{
  struct shed_def *d = arena_alloc(b->arena, sizeof *d);
  const struct node *queue = node_get(node, "queue"), *wait = node_get(node, "wait"), *chance = node_get(node, "probability");
  *d = (struct shed_def){queue ? get_count(node, "shed", "queue") : 0, wait ? get_number(node, "shed", "wait") : 0,
                         chance ? get_number(node, "shed", "probability") : 0};
  if (wait && p->kind == PLACE_API)
    err_add(b->err, wait->key_at, "places.%s: nobody knows how many servers an api has; shed by 'queue' or 'probability'",
            p->name);
  return node_is(node, NODE_MAP) ? d : NULL;
}

void build_guard(struct build *b, struct place_def *p, const struct node *place)
{
  struct guard_def *d = arena_alloc(b->arena, sizeof *d);
  d->breaker = build_breaker(b, node_get(place, "breaker"));
  d->health = build_health(b, node_get(place, "health"));
  d->shed = build_shed(b, p, node_get(place, "shed"));
  p->guard = d->breaker || d->health || d->shed ? d : NULL;
}
