/* sim.h: simulated time and the events that make it pass.
 *
 * Time is a count of nanoseconds since the start of the run. An event is a callback with one subject. Events fire in
 * the total order (time, priority, sequence): a smaller priority number first, and among equals the one that was
 * scheduled first. Nothing here knows what is being simulated.
 */
#ifndef OFFSIM_SIM_SIM_H
#define OFFSIM_SIM_SIM_H

#include "sim/check.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t sim_time;                       /* nanoseconds */
#define SIM_NEVER INT64_MAX
#define NS_PER_S 1000000000.0

struct sim;
typedef void event_fn(struct sim *, void *subject);
typedef struct { uint64_t bits; } event_id;     /* slot and generation; bits == 0 means none */

/* Priorities at one instant. Completions come before new arrivals, observation last, so that an observer sees the
 * state that the instant leaves behind. */
enum event_priority { PRIORITY_COMPLETE = 2, PRIORITY_CHANGE = 3, PRIORITY_NORMAL = 4, PRIORITY_ARRIVE = 6, PRIORITY_OBSERVE = 12, PRIORITY_LAST = 15 };

struct sim *sim_new(void);                      /* never NULL; caller frees with sim_free */
void sim_free(struct sim *);
void *sim_world(const struct sim *);            /* the pointer that the owner attached */
void sim_set_world(struct sim *, void *world);

sim_time sim_now(const struct sim *);
const sim_time *sim_clock(const struct sim *);  /* for check_set_context */
/* Seconds to nanoseconds, rounded to nearest; saturates to SIM_NEVER. x must not be NaN or negative. */
static inline sim_time ns_from_s(double x)
{
  sim_assert(x >= 0);
  double ns = x * NS_PER_S;
  return ns < 9223372036854774784.0 ? (sim_time)llrint(ns) : SIM_NEVER;
}
static inline double s_from_ns(sim_time t) { return (double)t / NS_PER_S; }
/* a + b, SIM_NEVER on overflow. */
static inline sim_time time_add(sim_time a, sim_time b)
{
  sim_time sum;
  return __builtin_add_overflow(a, b, &sum) ? SIM_NEVER : sum;
}

/* Schedule fn(sim, subject) at `at` >= now. Nothing fires at SIM_NEVER: returns the none id. */
event_id sim_at(struct sim *, sim_time at, enum event_priority, event_fn *fn, void *subject);
event_id sim_after(struct sim *, sim_time delay, enum event_priority, event_fn *fn, void *subject);
/* Take an event back. False when it has fired, was cancelled, or never was. O(1), lazy. */
bool sim_cancel(struct sim *, event_id);
/* Fire the next event. False when there is none. */
bool sim_step(struct sim *);
/* Fire events until the queue is empty, sim_stop was called, or the next one lies after `until`. */
void sim_run(struct sim *, sim_time until);
void sim_stop(struct sim *);

uint64_t sim_events(const struct sim *);        /* fired so far */
uint64_t sim_ties(const struct sim *);          /* fired with the time and priority of the one before */
size_t sim_pending(const struct sim *);
/* Test mode: break ties in a random order drawn from `seed` instead of by sequence. Before the first event. */
void sim_shuffle_ties(struct sim *, uint64_t seed);

#endif
