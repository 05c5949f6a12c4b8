/* determinism.c: the same decisions give the same bytes, whatever else the process did. */
#include "experiments/conformance/lab.h"

#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LIFE = 4000 };
static const struct habit shuffled = {.masks = MASKS_RANDOM, .outcomes = OUTCOMES_SHUFFLED, .actions_vary = true};

static struct lab *lab_with_trail(const struct subject *s, uint64_t replication, size_t n, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  if (!l || !lab_open(l, s, &(struct lab_wish){.replication = replication}, r)) return NULL;
  l->trail = (struct trail){calloc(n, sizeof *l->trail.step), 0, n};
  return l->trail.step ? l : NULL;
}

static bool live_alone(const struct subject *s, uint64_t replication, size_t n, struct trail *out, struct report *r)
{
  struct lab *l = lab_with_trail(s, replication, n, r);
  if (!l || !lab_live(l, &shuffled, n)) return false;
  *out = l->trail;
  l->trail = (struct trail){0};
  lab_close(l);
  free(l);
  return true;
}

static bool same_step(const struct lab_step *a, const struct lab_step *b)
{
  return a->action == b->action && memcmp(&a->propensity, &b->propensity, sizeof a->propensity) == 0;
}

static bool same(const struct trail *a, const struct trail *b, const char *what, struct report *r)
{
  for (size_t i = 0; i < a->n && i < b->n; i++)
    if (!same_step(&a->step[i], &b->step[i]))
      return report_fail(r, "%s: decision %zu was action %d with propensity %.17g, then %d with %.17g", what, i,
                         a->step[i].action, a->step[i].propensity, b->step[i].action, b->step[i].propensity);
  return a->n == b->n || report_fail(r, "%s: not as many decisions", what);
}

/* ---- the same again ---------------------------------------------------------------------------------------------- */

static void runs_again(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct trail a, b;
  size_t n = lab_size(s, LIFE);
  if (live_alone(s, 0, n, &a, r) && live_alone(s, 0, n, &b, r)) same(&a, &b, "the second run differs", r);
}

/* New memory is filled with other bytes in each run: what was never written shows. */
static void runs_in_other_memory(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct trail a, b;
  size_t n = lab_size(s, LIFE);
  if (s->elsewhere) { report_skip(r, "its memory is another process's"); return; }
  mallopt(M_PERTURB, 0x55);
  if (!live_alone(s, 0, n, &a, r)) return;
  mallopt(M_PERTURB, 0xaa);
  if (live_alone(s, 0, n, &b, r)) same(&a, &b, "with other bytes in unused memory it differs", r);
}

static bool both_alone(const struct subject *s, size_t n, struct trail out[2], struct report *r)
{
  return live_alone(s, 0, n, &out[0], r) && live_alone(s, 1, n, &out[1], r);
}

static bool one_per_process(const struct subject *s, struct report *r)
{
  bool single = s->policy->capabilities & OFFSIM_SINGLE_INSTANCE;
  if (single) report_skip(r, "it declares one instance per process");
  return single;
}

static void interleaves(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct trail alone[2];
  size_t n = lab_size(s, LIFE);
  if (one_per_process(s, r)) return;
  struct lab *l[2] = {lab_with_trail(s, 0, n, r), lab_with_trail(s, 1, n, r)};
  if (!l[0] || !l[1]) return;
  for (size_t i = 0; i < n; i++)
    for (int k = 0; k < 2; k++)
      if (!lab_live(l[k], &shuffled, 1)) return;
  if (!both_alone(s, n, alone, r)) return;
  for (int k = 0; k < 2; k++)
    if (!same(&alone[k], &l[k]->trail, "beside another instance it differs", r)) return;
}

struct thread { struct lab *lab; size_t n; bool ok; };

static void *live_in_thread(void *context)
{
  struct thread *t = context;
  t->ok = lab_live(t->lab, &shuffled, t->n);
  return NULL;
}

static void runs_in_threads(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct trail alone[2];
  struct report other = {0};
  size_t n = lab_size(s, LIFE);
  pthread_t id[2];
  if (one_per_process(s, r)) return;
  struct thread both[2] = {{lab_with_trail(s, 0, n, r), n, false}, {lab_with_trail(s, 1, n, r), n, false}};
  if (!both[0].lab || !both[1].lab || !both_alone(s, n, alone, r)) return;
  both[1].lab->report = &other;
  for (int k = 0; k < 2; k++)
    if (pthread_create(&id[k], NULL, live_in_thread, &both[k]) != 0) { report_skip(r, "no threads here"); return; }
  for (int k = 0; k < 2; k++) pthread_join(id[k], NULL);
  if (!both[1].ok && both[0].ok) *r = other;
  for (int k = 0; k < 2 && both[0].ok && both[1].ok; k++)
    if (!same(&alone[k], &both[k].lab->trail, "in a thread beside another it differs", r)) return;
}

/* ---- the state elsewhere ----------------------------------------------------------------------------------------- */

static bool has_state(const struct lab *l, struct report *r)
{
  bool has = l->host->state_size > 0 && !l->subject->elsewhere;
  if (!has) report_skip(r, l->subject->elsewhere ? "its state is another process's" : "it has no state");
  return has;
}

/* Halfway the bytes move; the old ones are overwritten. The state is made by the first decision. */
static bool move_state(struct lab *l)
{
  struct learner *at = &l->host->learners.last;
  void *to = aligned_alloc(64, (l->host->state_size + 127) / 64 * 64);
  if (!to || !at->state) return false;
  memcpy(to, at->state, l->host->state_size);
  memset(at->state, 0xa5, l->host->state_size);
  at->state = to;
  return true;
}

static void moves(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct trail alone;
  size_t n = lab_size(s, LIFE);
  struct lab *l = lab_with_trail(s, 0, n, r);
  if (!l || !has_state(l, r)) return;
  if (s->policy->save) { report_skip(r, "it saves its state itself"); return; }
  uint64_t half = 1 + rng_below(&(struct rng){.key = {s->seed}}, n - 1);
  if (!lab_live(l, &shuffled, half) || !move_state(l) || !lab_live(l, &shuffled, n - half)) return;
  if (live_alone(s, 0, n, &alone, r)) same(&alone, &l->trail, "after its bytes were moved it differs", r);
}

/* ---- the state as bytes ------------------------------------------------------------------------------------------ */

struct bytes { unsigned char *at; size_t n, capacity, read; };

static size_t bytes_write(void *handle, const void *from, size_t n)
{
  struct bytes *b = handle;
  if (b->n + n > b->capacity) b->at = realloc(b->at, b->capacity = 2 * (b->n + n));
  memcpy(b->at + b->n, from, n);
  b->n += n;
  return n;
}

static size_t bytes_read(void *handle, void *to, size_t n)
{
  struct bytes *b = handle;
  size_t there = b->n - b->read < n ? b->n - b->read : n;
  memcpy(to, b->at + b->read, there);
  b->read += there;
  return there;
}

/* The learned state of `from` into `to`, whose first decision has made a fresh one. */
static bool carry_over(struct lab *from, struct lab *to, struct report *r)
{
  const struct offsim_policy *p = from->host->policy;
  void *old = from->host->learners.last.state, *new = to->host->learners.last.state;
  struct bytes bytes = {0};
  struct offsim_stream stream = {.size = sizeof stream, .handle = &bytes, .write = bytes_write, .read = bytes_read};
  if (!p->save) {
    memcpy(new, old, from->host->state_size);
    return true;
  }
  int bad = p->save(old, &stream);
  if (bad) return report_fail(r, "save returned %d", bad);
  bad = p->load(new, &stream);
  if (bad) return report_fail(r, "load returned %d after save", bad);
  return bytes.read == bytes.n || report_fail(r, "it saved %zu bytes and read %zu of them", bytes.n, bytes.read);
}

static void continues(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  static const struct habit prompt = {.masks = MASKS_RANDOM};
  size_t n = lab_size(s, LIFE), half = 1 + rng_below(&(struct rng){.key = {s->seed + 1}}, n - 1);
  struct lab *whole = lab_with_trail(s, 0, n, r), *first = lab_with_trail(s, 0, n, r), *second = lab_with_trail(s, 0, n, r);
  if (!whole || !first || !second || !has_state(whole, r)) return;
  if (!lab_live(whole, &prompt, n) || !lab_live(first, &prompt, half) || !lab_live(second, &prompt, 1)) return;
  if (!carry_over(first, second, r)) return;
  second->dice = first->dice;
  second->number = first->number;
  memcpy(second->trail.step, first->trail.step, half * sizeof *first->trail.step);
  second->trail.n = half;
  if (lab_live(second, &prompt, n - half)) same(&whole->trail, &second->trail, "after saving and loading it differs", r);
}

const struct conformance_test conformance_determinism[] = {
  {.name = "determinism.again", "a second run in the same process is the same", runs_again},
  {.name = "determinism.memory", "what unused memory holds has no influence", runs_in_other_memory},
  {.name = "determinism.interleaved", "two instances in turns do what each does alone", interleaves},
  {.name = "determinism.threads", "two instances in two threads do what each does alone", runs_in_threads},
  {.name = "determinism.saved", "saved at a random point and loaded by a new instance, it goes on the same", continues},
  {.name = "determinism.moved", "its state can be moved", moves},
  {0}};
