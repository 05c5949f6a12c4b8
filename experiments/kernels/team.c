#include "experiments/kernels/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { AWAKE = 20000 };                         /* looks at the round before falling asleep */

struct member { struct team *team; int part, core; pthread_t thread; };
struct team {
  int n, started;
  void (*work)(void *, int, int);
  void *state;
  atomic_uint round;
  atomic_int left;
  bool over;
  pthread_mutex_t lock;
  pthread_cond_t go;
  struct member member[];
};

static void bind_to(int core)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (core >= 0 && pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0)
    return;                                     /* not permitted: wherever the scheduler puts it */
}

/* The next round, or false: the team is dissolved. */
static bool await_round(struct team *t, unsigned seen)
{
  for (int i = 0; i < AWAKE; i++)
    if (atomic_load_explicit(&t->round, memory_order_acquire) != seen)
      return !t->over;
  pthread_mutex_lock(&t->lock);
  while (atomic_load(&t->round) == seen)
    pthread_cond_wait(&t->go, &t->lock);
  pthread_mutex_unlock(&t->lock);
  return !t->over;
}

static void *worker(void *arg)
{
  struct member *m = arg;
  struct team *t = m->team;
  if (m->core >= 0)
    bind_to(m->core);
  for (unsigned seen = 0; await_round(t, seen); seen++) {
    t->work(t->state, m->part, t->n);
    atomic_fetch_sub_explicit(&t->left, 1, memory_order_release);
  }
  return NULL;
}

/* The cores of this process but the caller's: -1 when there are too few of them. A caller bound to one core sees only
 * that one in its own mask, so the mask is widened for the question and put back. */
static void choose_cores(struct team *t)
{
  cpu_set_t own, all;
  int next = 1, mine = sched_getcpu();
  CPU_ZERO(&all);
  for (int c = 0; c < CPU_SETSIZE; c++)
    CPU_SET(c, &all);
  for (int i = 0; i < t->n; i++)
    t->member[i].core = -1;
  if (sched_getaffinity(0, sizeof own, &own) != 0 || sched_setaffinity(0, sizeof all, &all) != 0)
    return;
  bool known = sched_getaffinity(0, sizeof all, &all) == 0;
  if (sched_setaffinity(0, sizeof own, &own) != 0 || !known)
    return;
  for (int c = 0; c < CPU_SETSIZE && next < t->n; c++)
    if (CPU_ISSET(c, &all) && c != mine)
      t->member[next++].core = c;
}

struct team *team_new(int n)
{
  struct team *t = calloc(1, sizeof *t + (size_t)n * sizeof t->member[0]);
  if (!t)
    return NULL;
  t->n = n;
  t->started = 1;
  pthread_mutex_init(&t->lock, NULL);
  pthread_cond_init(&t->go, NULL);
  choose_cores(t);
  for (int i = 1; i < n; i++, t->started++) {
    t->member[i].team = t;
    t->member[i].part = i;
    if (pthread_create(&t->member[i].thread, NULL, worker, &t->member[i]) != 0) {
      team_free(t);
      return NULL;
    }
  }
  return t;
}

int team_size(const struct team *t)
{
  return t ? t->n : 1;
}

static void next_round(struct team *t)
{
  pthread_mutex_lock(&t->lock);
  atomic_fetch_add_explicit(&t->round, 1, memory_order_release);
  pthread_cond_broadcast(&t->go);
  pthread_mutex_unlock(&t->lock);
}

void team_run(struct team *t, void (*work)(void *, int, int), void *state)
{
  if (!t || t->n == 1) {
    work(state, 0, 1);
    return;
  }
  t->work = work;
  t->state = state;
  atomic_store(&t->left, t->n - 1);
  next_round(t);
  work(state, 0, t->n);
  for (long i = 0; atomic_load_explicit(&t->left, memory_order_acquire) > 0; i++)
    if (i > AWAKE)
      sched_yield();
}

void team_free(struct team *t)
{
  if (!t)
    return;
  t->over = true;
  next_round(t);
  for (int i = 1; i < t->started; i++)
    pthread_join(t->member[i].thread, NULL);
  pthread_cond_destroy(&t->go);
  pthread_mutex_destroy(&t->lock);
  free(t);
}

long team_begin(long n, long step, int part, int parts)
{
  long steps = (n + step - 1) / step, at = steps * part / parts * step;
  return at < n ? at : n;
}
