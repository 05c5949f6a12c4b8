/* exposure.h: whose eyes data meet. What a request's messages carry, by kind of data; where that may go; what each zone saw.
 *
 * Only worlds whose data have kinds have an exposure (world.exposure, else NULL). A request of such a world keeps the shares of
 * its input and of each task's output behind itself.
 */
#ifndef OFFSIM_MODELS_EXPOSURE_H
#define OFFSIM_MODELS_EXPOSURE_H

#include "models/internal.h"

void exposure_new(struct world *);                      /* before the classes; after the network */
size_t exposure_bytes(const struct world *, const struct class_def *);  /* behind a request, from `at` on */
void exposure_close(struct world *);                    /* into the summary */
void exposure_arrive(struct world *, struct request *); /* its attributes are there */
/* What the output of a task is made of, from its inputs: as far as is known when it comes to its place; when it is made. */
void exposure_expect(struct world *, struct request *, int task);
void exposure_of_task(struct world *, struct request *, int task);
/* Of what the task reads and makes, by bytes. */
void exposure_of_turn(const struct world *, const struct request *, int task, double *share);
/* What a message carries that takes a task's output, or (from NONE) the input of the request. */
static inline uint8_t carries_of(int from) { return (uint8_t)(from < 0 ? CARRIES_INPUT : CARRIES_OUTPUT + from); }
/* The output of a task is an answer that was kept: these are its shares. And those of an output: [n_data]. */
void exposure_found(struct world *, struct request *, int task, const double *share);
void exposure_made(const struct world *, const struct request *, int task, double *share);
/* May what has these shares, of the request's class, go there? A place that there is no way to is no reason against it. */
bool exposure_may_go(const struct world *, const struct request *, const double *share, struct endpoint from, struct endpoint to);
/* Where what is carried may be: the class's zones and, where data have kinds, those of each kind that has a share in it. */
uint64_t exposure_zones(const struct world *, const struct request *, uint8_t carries);
/* The same of the state of a conversation, which holds what came in earlier turns, too: any kind that a turn may bring. */
uint64_t exposure_zones_state(const struct world *, const struct request *);
/* The same of what a task will make of its inputs. */
uint64_t exposure_zones_made(const struct world *, const struct request *, int task);
/* A message beside the queues is of this attempt, until NULL. */
void exposure_flows(struct world *, const struct attempt *);
void exposure_fills(struct world *, const struct request *);   /* or of this request, whose attempts are over */

/* ---- trust.c: places whose owner does not see what is done there ------------------------------------------------ */

void trusts_new(struct world *);                        /* after the places */
/* Of a message between these: as many bytes as are sent. */
double trust_bytes(const struct world *, struct endpoint from, struct endpoint to, double bytes);
static inline double sent_bytes(const struct world *w, struct endpoint from, struct endpoint to, double bytes)
{
  return w->trusts ? trust_bytes(w, from, to, bytes) : bytes;
}
/* Until when the device of this attempt attests its place; now: nothing to do. */
sim_time trust_ready(struct world *, const struct attempt *);
/* The expected wait for it, as an estimate. */
double trust_expected_s(const struct world *, const struct request *, struct endpoint at);

#endif
