#include "models/share.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <stddef.h>
#include <stdlib.h>

struct share {
  struct heap heap;                                     /* by finish point; order of joining breaks ties */
  double v, speed;                                      /* virtual work now; its growth per second since `since` */
  sim_time since;
  uint64_t joined;
  event_id event;
  share_speed_fn *speed_of;
  share_done_fn *done;
  void *context;
};

struct share *share_new(share_speed_fn *speed_of, share_done_fn *done, void *context)
{
  struct share *s = zeros_new(1, sizeof *s);
  s->speed_of = speed_of;
  s->done = done;
  s->context = context;
  return s;
}

void share_free(struct share *s)
{
  if (!s) return;
  heap_release(&s->heap);
  free(s);
}

static inline double v_at(const struct share *s, sim_time now)
{
  return s->v + (double)(now - s->since) * s->speed / NS_PER_S;
}

static void advance(struct share *s, sim_time now)
{
  if (now != s->since) s->v = v_at(s, now);
  s->since = now;
}

static void on_finish(struct sim *sim, void *subject);

/* n or the speed has changed: one event, at the finish of the first. */
static void reschedule(struct share *s, struct sim *sim)
{
  if (s->event.bits) sim_cancel(sim, s->event);
  s->event = (event_id){0};
  if (s->heap.n == 0) {
    s->v = s->speed = 0;                                /* an idle share starts anew: V keeps all its digits */
    return;
  }
  s->speed = s->speed_of(s->context, s->heap.n);
  sim_assert(s->speed >= 0);
  if (s->speed == 0) return;
  double left = heap_top(&s->heap)->key - s->v;
  sim_time wait = left > 0 ? ns_from_s(left / s->speed) : 0;
  s->event = sim_after(sim, wait, PRIORITY_COMPLETE, on_finish, s);
}

/* One user an event: users that finish together leave by events of the same instant, in the order of joining. */
static void on_finish(struct sim *sim, void *subject)
{
  struct share *s = subject;
  s->event = (event_id){0};
  advance(s, sim_now(sim));
  struct heap_item *first = heap_top(&s->heap);
  heap_remove(&s->heap, first);
  reschedule(s, sim);
  s->done(sim, s->context, holder_of(first, struct share_user, finish));
}

void share_join(struct share *s, struct sim *sim, struct share_user *user, double work)
{
  sim_assert(work >= 0);
  advance(s, sim_now(sim));
  user->finish.key = s->v + work;
  user->finish.order = s->joined++;
  heap_push(&s->heap, &user->finish);
  reschedule(s, sim);
}

double share_leave(struct share *s, struct sim *sim, struct share_user *user)
{
  double left = share_left(s, sim, user);
  advance(s, sim_now(sim));
  heap_remove(&s->heap, &user->finish);
  reschedule(s, sim);
  return left;
}

double share_left(const struct share *s, const struct sim *sim, const struct share_user *user)
{
  double left = user->finish.key - v_at(s, sim_now(sim));
  return left > 0 ? left : 0;
}

uint32_t share_users(const struct share *s) { return s->heap.n; }

void share_update(struct share *s, struct sim *sim)
{
  advance(s, sim_now(sim));
  reschedule(s, sim);
}

void share_each(const struct share *s, share_each_fn *fn, void *context)
{
  for (uint32_t i = 0; i < s->heap.n; i++) fn(context, holder_of(s->heap.at[i], struct share_user, finish));
}

void share_reuse(struct share *s, void *context)
{
  sim_assert(s->heap.n == 0);
  s->context = context;
}
