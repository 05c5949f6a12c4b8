/* runnable.c: a task that none of its places can ever run is refused before anything runs, with the reason of each place. */
#include "scenarios/build.h"

#include <string.h>

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
      if (!build_leads_to(b->world, c, &t->plan[i], place) || b->world->place[place].kind == PLACE_NODE) continue;
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
    const char *name = c->task[t].name, *why = flaws(b, c, &c->task[t]);
    const struct node *places = node_get(node_named(pipeline, name), "places");
    if (why && places)
      err_add(b->err, places->at, "no place can run the task '%s' of class '%s': %s", name, c->name, why);
  }
}
