/* Who waits, and in what order. FIFO, LIFO: a circular list. Others: a heap by (key, order of entry), so ties are FIFO;
 * key is the priority, the deadline in ns, or the remaining size in ns. Keys are doubles: exact below 2^53. */
#include "models/station_parts.h"

static struct job *job_of(struct heap_item *item) { return item ? holder_of(item, struct job, at.user.finish) : NULL; }

double queue_key(const struct station_kind *kind, const struct demand *d)
{
  switch (kind->discipline) {
  case FIFO: case LIFO: return 0;                       /* in a heap where requests are batched */
  case EDF: return (double)d->deadline;
  case SRPT: return (double)ns_from_s(d->size_s);
  default: return d->priority;
  }
}

static void list_push(struct station *s, struct job *job)
{
  struct job *tail = s->tail;
  if (!tail) {
    job->at.line.next = job->at.line.previous = s->tail = job;
    return;
  }
  job->at.line.previous = tail;
  job->at.line.next = tail->at.line.next;
  tail->at.line.next->at.line.previous = job;
  tail->at.line.next = job;
  if (s->kind->discipline != LIFO) s->tail = job;       /* else it is the head now */
}

static void list_remove(struct station *s, struct job *job)
{
  struct job *next = job->at.line.next, *previous = job->at.line.previous;
  if (next == job) {
    s->tail = NULL;
    return;
  }
  previous->at.line.next = next;
  next->at.line.previous = previous;
  if (s->tail == job) s->tail = previous;
}

void queue_push(struct station *s, struct job *job)
{
  job->state = JOB_QUEUED;
  if (s->kind->lists) list_push(s, job);
  else heap_push(&station_more(s)->queue, &job->at.user.finish);
}

void queue_return(struct station *s, struct job *job)
{
  struct job *tail = s->tail;
  queue_push(s, job);
  if (s->kind->lists && tail) s->tail = tail;           /* then the new one is the head */
}

void queue_remove(struct station *s, struct job *job)
{
  if (s->kind->lists) list_remove(s, job);
  else heap_remove(&s->extra->queue, &job->at.user.finish);
}

struct job *queue_first(const struct station *s) { return s->extra ? job_of(heap_top(&s->extra->queue)) : NULL; }

/* ---- running jobs of preemptive disciplines: a heap with the least urgent on top ------------------------------------
 * PRIORITY_PREEMPTIVE: key = -priority. SRPT: key = -(now + remaining size), the same at any later time while it runs.
 * Among equals the last to have entered goes first. */

void running_push(struct station *s, struct job *job, sim_time now)
{
  struct heap_item *item = &job->at.user.finish;
  item->key = -(s->kind->discipline == SRPT ? item->key + (double)now : item->key);
  item->order = ~item->order;
  heap_push(&station_more(s)->running, item);
}

static double urgency_now(const struct station *s, const struct heap_item *running, sim_time now)
{
  return s->kind->discipline == SRPT ? -running->key - (double)now : -running->key;
}

void running_remove(struct station *s, struct job *job)
{
  struct heap_item *item = &job->at.user.finish;
  heap_remove(&s->extra->running, item);
  item->key = urgency_now(s, item, s->since);
  item->order = ~item->order;
}

struct job *running_victim(const struct station *s, const struct job *job, sim_time now)
{
  struct heap_item *worst = s->extra ? heap_top(&s->extra->running) : NULL;
  return worst && job->at.user.finish.key < urgency_now(s, worst, now) ? job_of(worst) : NULL;
}
