/* asynchronous.c: requests whose user has the answer while tasks that nobody waits for go on.
 *
 * Such a request stays open until these are done, cut by the end of the run, or have failed, which is no failure of the
 * request: what they spent counts, its time, its quality and its SLO are those of the answer. A request that fails, or ends
 * early (`ends`), calls them off.
 * Checkable: a task of 1 s, and after it an asynchronous one of 3 s: latency 1 s, 4 s paid for.
 */
#include "models/internal.h"
#include "sim/zeros.h"
#include <stdlib.h>

enum { BUCKETS = 1 << 10 };
struct delivery { const struct request *request; sim_time at; struct delivery *next; };
struct deliveries { struct pool *pool; struct delivery *bucket[BUCKETS]; };

static struct delivery **place_of(struct deliveries *all, const struct request *r)
{
  struct delivery **at = &all->bucket[(r->id * UINT64_C(0x9E3779B97F4A7C15)) >> 54];
  while (*at && (*at)->request != r) at = &(*at)->next;
  return at;
}

void delivery_note(struct world *w, const struct request *r)
{
  if (!w->deliveries) {
    w->deliveries = zeros_new(1, sizeof *w->deliveries);
    w->deliveries->pool = pool_new(sizeof(struct delivery));
  }
  struct delivery *a = pool_take(w->deliveries->pool);
  *a = (struct delivery){ r, now_of(w), NULL };
  *place_of(w->deliveries, r) = a;
}

sim_time delivery_time(struct world *w, const struct request *r)
{
  struct delivery **at = place_of(w->deliveries, r), *a = *at;
  sim_time when = a->at;
  *at = a->next;
  pool_give(w->deliveries->pool, a);
  return when;
}

void deliveries_free(struct world *w)
{
  if (!w->deliveries) return;
  pool_free(w->deliveries->pool);
  free(w->deliveries);
}

uint32_t tasks_behind(const struct class_def *k, int task)
{
  uint32_t behind = 1u << task;
  for (int t = task + 1; t < k->n_tasks; t++)           /* topological order */
    if (k->task[t].after & behind) behind |= 1u << t;
  return behind;
}
