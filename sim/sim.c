/* sim.c: the clock and the loop. */
#include "sim/sim.h"
#include "sim/check.h"
#include "sim/evq.h"
#include "sim/zeros.h"

#include <stdlib.h>

struct sim {
  sim_time now;
  struct evq queue;
  void *world;
  uint64_t events, ties;
  uint64_t last_rest;           /* lower half of the entry that fired last, for its priority */
  bool stopped;
};

struct sim *sim_new(void)
{
  struct sim *s = zeros_new(1, sizeof *s);
  evq_init(&s->queue);
  return s;
}

void sim_free(struct sim *s)
{
  if (!s)
    return;
  evq_release(&s->queue);
  free(s);
}

void *sim_world(const struct sim *s)
{
  return s->world;
}

void sim_set_world(struct sim *s, void *world)
{
  s->world = world;
}

sim_time sim_now(const struct sim *s)
{
  return s->now;
}

const sim_time *sim_clock(const struct sim *s)
{
  return &s->now;
}

event_id sim_at(struct sim *s, sim_time at, enum event_priority priority, event_fn *fn, void *subject)
{
  sim_assert(at >= s->now);
  sim_assert(fn && (unsigned)priority <= PRIORITY_LAST);
  if (at == SIM_NEVER)
    return (event_id){0};
  return evq_push(&s->queue, s->now, at, (unsigned)priority, fn, subject);
}

event_id sim_after(struct sim *s, sim_time delay, enum event_priority priority, event_fn *fn, void *subject)
{
  sim_assert(delay >= 0);
  return sim_at(s, time_add(s->now, delay), priority, fn, subject);
}

bool sim_cancel(struct sim *s, event_id id)
{
  return evq_cancel(&s->queue, id);
}

static inline void fire(struct sim *s, evq_entry e, bool from_ring)
{
  const struct evq_slot *slot = &s->queue.slots[entry_slot(e)];
  event_fn *fn = slot->fn;
  void *subject = slot->subject;
  evq_take(&s->queue, e, from_ring);
  uint64_t rest = (uint64_t)e;
  bool same_instant = s->now == entry_time(e) && s->events > 0;
  s->ties += same_instant && rest >> PRIORITY_SHIFT == s->last_rest >> PRIORITY_SHIFT;
  s->last_rest = rest;
  s->now = entry_time(e);
  s->events++;
  fn(s, subject);
}

bool sim_step(struct sim *s)
{
  evq_entry e;
  bool from_ring;
  if (!evq_peek(&s->queue, &e, &from_ring))
    return false;
  fire(s, e, from_ring);
  return true;
}

void sim_run(struct sim *s, sim_time until)
{
  evq_entry e;
  bool from_ring;
  s->stopped = false;
  while (!s->stopped && evq_peek(&s->queue, &e, &from_ring) && entry_time(e) <= until)
    fire(s, e, from_ring);
}

void sim_stop(struct sim *s)
{
  s->stopped = true;
}

uint64_t sim_events(const struct sim *s)
{
  return s->events;
}

uint64_t sim_ties(const struct sim *s)
{
  return s->ties;
}

size_t sim_pending(const struct sim *s)
{
  return s->queue.live;
}

void sim_shuffle_ties(struct sim *s, uint64_t seed)
{
  sim_assert(s->events == 0 && s->queue.live == 0);
  s->queue.shuffle = true;
  s->queue.shuffle_state = seed;
}
