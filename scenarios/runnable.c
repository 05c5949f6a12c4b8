/* runnable.c: a task that none of its places can ever run is refused before anything runs, with the reason of each place. */
#include "scenarios/build.h"

#include <string.h>

static bool leads_to(const struct build *b, const struct class_def *c, const struct plan_def *p, int place)
{
  bool from = false;
  if (p->word == WORD_PLACE || p->word == WORD_MEMBER) return p->place == place;
  for (int i = 0; i < c->n_from; i++) from |= c->from[i] == place;
  return p->word == WORD_ORIGIN ? from : b->world->place[place].tier == TIER_EDGE;
}

/* Why not there; NULL: it can. */
static const char *flaw(const struct build *b, const struct class_def *c, const struct task_def *t, int variant, int place)
{
  const struct place_def *p = &b->world->place[place];
  if (!(c->zones >> p->zone & 1))
    return arena_printf(b->arena, "'%s' is in zone '%s', where the class may not go", p->name, b->zone[p->zone]);
  if (t->work[variant].kind == WORK_ROOFLINE && p->kind == PLACE_SERVERS && p->n_hardware == 0)
    return arena_printf(b->arena, "'%s' has no 'hardware' to do arithmetic on", p->name);
  if (t->work[variant].kind == WORK_ROOFLINE && p->llm)
    return arena_printf(b->arena, "'%s' has an LLM engine, which does tokens only", p->name);
  return NULL;
}

/* The reasons of all its places, once each; NULL: some place can. */
static const char *flaws(struct build *b, const struct class_def *c, const struct task_def *t)
{
  const char *all = "";
  for (int i = 0; i < t->n_plans; i++)
    for (int place = 0; place < b->world->n_places; place++) {
      if (!leads_to(b, c, &t->plan[i], place) || b->world->place[place].kind == PLACE_NODE) continue;
      const char *why = flaw(b, c, t, t->plan[i].variant, place);
      if (!why) return NULL;
      if (!strstr(all, why)) all = arena_printf(b->arena, "%s%s%s", all, *all ? "; " : "", why);
    }
  return *all ? all : NULL;
}

void check_runnable(struct build *b, const struct class_def *c)
{
  const struct node *pipeline = node_get(b->klass, "pipeline");
  for (int t = 0; t < c->n_tasks; t++) {
    const char *why = flaws(b, c, &c->task[t]);
    for (size_t i = 0; why && i < pipeline->n; i++) {
      const struct node *places = node_get(pipeline->child[i], "places");
      const char *name = node_name(pipeline->child[i]);
      if (places && name && !strcmp(name, c->task[t].name))
        err_add(b->err, places->at, "no place can run the task '%s' of class '%s': %s", name, c->name, why);
    }
  }
}
