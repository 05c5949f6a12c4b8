/* joint.c: decisions that are taken together: those of one request that become ready at the same instant, or all that
 * come to one learner within the entry's `joint` window, which the first one opens; at most `joint_max`. The wait is
 * part of the decide phase. Policies without decide_batch (and wrapped ones) are asked one by one, in order of coming.
 */
#include "models/joint.h"
#include "sim/zeros.h"
#include <stdlib.h>

/* Who waits; NULL: gone. open: its time is not over. */
struct group { uint64_t key; sim_time until; uint32_t n, room; bool open; struct attempt **a; };
struct joint { struct group **group; uint32_t n, room; };

bool joint_wanted(const struct world *w)
{
  return w->setup.policy->joint_s > 0 || policy_host_batches(w->host);
}

static void *room_for(void *old, size_t bytes)
{
  void *p = realloc(old, bytes);
  if (!p) check_out_of_memory(bytes);
  return p;
}

static struct group *group_of(struct world *w, uint64_t key)
{
  struct joint *j = w->joint;
  for (uint32_t i = 0; i < j->n; i++)
    if (j->group[i]->open && j->group[i]->key == key) return j->group[i];
  if (j->n == j->room) j->group = room_for(j->group, (j->room = 2 * j->room + 4) * sizeof(*j->group));
  struct group *g = zeros_new(1, sizeof *g);
  *g = (struct group){.key = key, .open = true};
  return j->group[j->n++] = g;
}

static void group_free(struct world *w, struct group *g)
{
  struct joint *j = w->joint;
  for (uint32_t i = 0; i < j->n; i++)
    if (j->group[i] == g) { j->group[i] = j->group[--j->n]; break; }
  free(g->a);
  free(g);
}

/* Those with nothing allowed any more fail; the others are asked. */
static uint32_t still_there(struct world *w, struct group *g)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < g->n; i++) {
    int first;
    struct attempt *a = g->a[i];
    if (!a) continue;
    a->wait.event = (event_id){ 0 };
    if (decide_options(w, a, &first) == 0) flow_on_masked(w, a);
  }
  for (uint32_t i = 0; i < g->n; i++)
    if (g->a[i]) g->a[n++] = g->a[i];
  return g->n = n;
}

static void ask_group(struct world *w, struct group *g)
{
  uint32_t n = still_there(w, g);
  struct decision_result *answer = zeros_new(n + 1, sizeof *answer);
  if (n > 0 && decide_ask_all(w, n, g->a, answer))
    for (uint32_t i = 0; i < n; i++)
      if (g->a[i]) flow_on_answer(w, g->a[i], &answer[i]);
  free(answer);
}

static void on_time(struct sim *sim, void *attempt)
{
  struct world *w = world_of(sim);
  struct joint *j = w->joint;
  struct group *g = NULL;
  for (uint32_t i = 0; i < j->n && !g; i++)
    for (uint32_t k = 0; k < j->group[i]->n; k++)
      if (j->group[i]->a[k] == attempt) g = j->group[i];
  g->open = false;
  for (uint32_t i = 0; i < g->n; i++)
    if (g->a[i] && g->a[i] != attempt) sim_cancel(sim, g->a[i]->wait.event);
  ask_group(w, g);
  group_free(w, g);
}

void joint_add(struct world *w, struct attempt *a)
{
  const struct policy_def *p = w->setup.policy;
  if (!w->joint) w->joint = arena_alloc(w->arena, sizeof *w->joint);
  uint64_t key = decide_learner(w, a->request);
  if (p->joint_s <= 0) key = a->request->id;
  struct group *g = group_of(w, key);
  if (g->n == g->room) g->a = room_for(g->a, (g->room = 2 * g->room + 4) * sizeof(*g->a));
  /* all of a group wait for the first one's time: a later one may only come while it is open */
  bool full = p->joint_max > 0 && g->n + 1 >= (uint32_t)p->joint_max;
  sim_time at = now_of(w);
  if (!full && p->joint_s > 0) at = g->n > 0 ? g->until : time_add(at, ns_from_s(p->joint_s));
  if (g->n == 0) g->until = at;
  g->a[g->n++] = a;
  if (full) g->open = false;
  a->wait.event = sim_at(w->sim, at, p->joint_s > 0 ? PRIORITY_NORMAL : PRIORITY_OBSERVE, on_time, a);
}

void joint_drop(struct world *w, const struct attempt *a)
{
  struct joint *j = w->joint;
  for (uint32_t i = 0; i < j->n; i++)
    for (uint32_t k = 0; k < j->group[i]->n; k++)
      if (j->group[i]->a[k] == a) j->group[i]->a[k] = NULL;
}

void joint_free(struct world *w)
{
  struct joint *j = w->joint;
  while (j && j->n > 0) group_free(w, j->group[0]);
  if (j) free(j->group);
}
