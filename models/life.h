/* life.h: what effort.c, retry.c and hedge.c share. An effort is one task of one request being carried out where more
 * than one attempt at a time, or more than one at a plan, may happen; it lives beside the request, which is small. */
#ifndef OFFSIM_MODELS_LIFE_H
#define OFFSIM_MODELS_LIFE_H

#include "models/internal.h"

struct effort {
  struct request *request;
  struct effort *next;                                  /* of its bucket */
  struct decision *decision;                            /* once a plan was sent */
  const struct life_def *def;                           /* the task's; no pointer in it when only the policy asks */
  struct plan_def plan;                                 /* of this stage, once known */
  event_id backoff, hedge, message;                     /* the next try, the next copy, a copy called off */
  double timeout_s, hedge_delay_s, accept;              /* policy's, 0 = none */
  double kept, score;                                   /* quality of an answer kept; of the last answer; NaN = none */
  int hedge_action;                                     /* policy's; NONE */
  uint16_t fallback[MAX_FALLBACKS], next_ordinal, starter; /* starter: whose service began first */
  uint8_t n_fallbacks, task, stage, tries, live;        /* stage: 0 the choice, k the k-th fallback; live: attempts */
  bool planned, called_off, kept_ends;                  /* kept_ends: the request ends with the answer kept */
  struct endpoint kept_at;                              /* where that answer lies */
  double *kept_facts;                                   /* what its task had found: [n_produced], and the shares of data in it: [n_data]; or NULL */
};

struct effort *effort_of(const struct world *, const struct request *, int task);
void effort_launch(struct world *, struct effort *, const struct plan_def *, uint8_t role);
static inline struct task *task_in(struct world *w, const struct effort *e)
{
  return &w->klass[e->request->klass].task[e->task];
}

/* ---- retry.c ---- */
void retry_earn(struct task *);                         /* a first attempt */
bool retry_begin(struct world *, struct effort *, enum status);        /* false: this was the last try at this plan */
double retry_left(const struct task *, const struct effort *);         /* attempts and budget; NaN = has no retry */

/* ---- hedge.c ---- */
void hedge_arm(struct world *, struct effort *);        /* an attempt was sent */
void hedge_disarm(struct world *, struct effort *);
void hedge_on_begun(struct world *, struct effort *, struct attempt *);

#endif
