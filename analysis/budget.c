/* budget.c: misses by task and phase.
 *
 * Which task. A request that was late: walk its critical path; after each task it is late where it is later than that
 * task's due time. It ends late, so there is a last time that it became late: the task at whose end it was late and
 * has been since broke it. Where time lapses instead, it is the task that took longest beyond its own time.
 * Which phase of it. The one that took longest beyond what it takes in requests that kept the budget, on the mean of
 * those that had the task on their path. A request that failed before its time was over was broken by the last phase of
 * its path.
 * Checkable: A and B with 1 s each; A takes 0.5 s, B 1.8 s of which 1.1 s more than usual in the queue: B, queue. A 1.2 s,
 * B 1.5 s: A, after which it was late for good; B where time lapses, which took longest beyond its own.
 */
#include "analysis/budget.h"
#include "analysis/columns.h"
#include "analysis/text.h"

#include <stdlib.h>

struct miss { int64_t ns[N_PATH_PHASES]; uint8_t task; int8_t phase; };

void budget_link(struct budget *b, const struct pipeline *p)
{
  for (int t = 0; t < p->n_tasks; t++) {                /* tasks are numbered so that those before come first */
    int64_t before_ns = 0;
    for (uint32_t left = p->after[t]; left; left &= left - 1) {
      int64_t due_ns = b->due_ns[__builtin_ctz(left)];
      if (due_ns > before_ns) before_ns = due_ns;
    }
    b->due_ns[t] = before_ns + b->task_ns[t];
  }
}

static size_t row_of(int task) { return task < MAX_PIPELINE ? (size_t)task : MAX_PIPELINE; }

static int64_t time_of(const struct path *p, int task)
{
  int64_t ns = 0;
  for (size_t i = 0; i < p->n; i++)
    if (p->part[i].task == task) ns += p->part[i].to_ns - p->part[i].from_ns;
  return ns;
}

static int last_became_late(const struct budget *b, int64_t arrived_ns, const struct path *p)
{
  int broke = NO_TASK;
  for (size_t i = p->n; i-- > 0;) {
    const struct path_part *part = &p->part[i];
    if (i + 1 < p->n && p->part[i + 1].task == part->task) continue;
    if (part->task >= MAX_PIPELINE || part->to_ns - arrived_ns <= b->due_ns[part->task]) break;
    broke = part->task;
  }
  return broke;
}

static int longest_beyond(const struct budget *b, const struct path *p)
{
  int broke = NO_TASK;
  int64_t most_ns = INT64_MIN;
  for (size_t i = 0; i < p->n; i++) {
    int task = p->part[i].task;
    if (task >= MAX_PIPELINE) continue;
    int64_t beyond_ns = time_of(p, task) - b->task_ns[task];
    if (beyond_ns > most_ns) broke = task, most_ns = beyond_ns;
  }
  return broke;
}

static void note_miss(struct budget_tally *t, const struct path *p, int task, int phase)
{
  if (t->n == t->room) {
    t->room = t->room ? 2 * t->room : 64;
    t->miss = grab_more(t->miss, t->room, sizeof *t->miss);
  }
  struct miss *m = &t->miss[t->n++];
  *m = (struct miss){.task = (uint8_t)task, .phase = (int8_t)phase};
  for (size_t i = 0; i < p->n; i++)
    if (p->part[i].task == task) m->ns[p->part[i].phase] += p->part[i].to_ns - p->part[i].from_ns;
}

static void add_path(int64_t ns[][N_PATH_PHASES], const struct path *p)
{
  for (size_t i = 0; i < p->n; i++)
    ns[row_of(p->part[i].task)][p->part[i].phase] += p->part[i].to_ns - p->part[i].from_ns;
}

static void add_kept(struct budget_tally *t, const struct path *p)
{
  t->kept++;
  add_path(t->kept_ns, p);
  for (size_t i = 0; i < p->n; i++)
    if (i == 0 || p->part[i - 1].task != p->part[i].task) t->passed[row_of(p->part[i].task)]++;
}

void budget_add(struct budget_tally *t, const struct budget *b, int64_t arrived_ns, int64_t end_ns, int status,
                const struct path *p)
{
  bool late = end_ns - arrived_ns > b->total_ns, answered = status_has_answer(status);
  if (answered) {
    t->answered++;
    add_path(t->answered_ns, p);
  }
  if (status == STATUS_CENSORED && !late) return;
  t->asked++;
  if (answered && !late) {
    add_kept(t, p);
    return;
  }
  t->missed++;
  const struct path_part *last = p->n ? &p->part[p->n - 1] : NULL;
  if (!late) note_miss(t, p, last ? last->task : NO_TASK, last ? last->phase : PHASE_DECIDE);
  else note_miss(t, p, b->lapses ? longest_beyond(b, p) : last_became_late(b, arrived_ns, p), -1);
}

/* In whole numbers: n times what it took, minus what n of those that kept the budget took. */
static int most_beyond_usual(const struct budget_tally *t, const struct miss *m)
{
  size_t row = row_of(m->task);
  int64_t n = t->passed[row] ? (int64_t)t->passed[row] : 1;
  int phase = PHASE_DECIDE;
  __int128 most = 0;
  for (int p = 0; p < N_PATH_PHASES; p++) {
    __int128 beyond = (__int128)m->ns[p] * n - (t->passed[row] ? t->kept_ns[row][p] : 0);
    if (p == 0 || beyond > most) phase = p, most = beyond;
  }
  return phase;
}

void budget_settle(struct budget_tally *t)
{
  for (size_t i = 0; i < t->n; i++) {
    const struct miss *m = &t->miss[i];
    t->misses[row_of(m->task)][m->phase >= 0 ? m->phase : most_beyond_usual(t, m)]++;
  }
  t->n = 0;
}

void budget_free(struct budget_tally *t)
{
  free(t->miss);
  t->miss = NULL;
}

/* ---- attempts of open requests ----------------------------------------------------------------------------------- */

enum { BUCKETS = 1 << 12 };
struct gathered { uint64_t request; struct gathered *next; size_t n, room; struct path_step *step; };
struct gather { struct gathered *bucket[BUCKETS], *spare; };

struct gather *gather_new(void) { return grab(1, sizeof(struct gather)); }

static void free_list(struct gathered *g)
{
  for (struct gathered *next; g; g = next) {
    next = g->next;
    free(g->step);
    free(g);
  }
}

void gather_free(struct gather *all)
{
  if (!all) return;
  for (size_t i = 0; i < BUCKETS; i++) free_list(all->bucket[i]);
  free_list(all->spare);
  free(all);
}

static struct gathered **place_of(struct gather *all, uint64_t request)
{
  struct gathered **at = &all->bucket[(request * UINT64_C(0x9E3779B97F4A7C15)) >> 52];
  while (*at && (*at)->request != request) at = &(*at)->next;
  return at;
}

void gather_add(struct gather *all, uint64_t request, const struct path_step *step)
{
  struct gathered **at = place_of(all, request), *g = *at;
  if (!g) {
    g = all->spare ? all->spare : grab(1, sizeof *g);
    if (g == all->spare) all->spare = g->next;
    g->request = request, g->next = NULL, g->n = 0;
    *at = g;
  }
  if (g->n == g->room) {
    g->room = g->room ? 2 * g->room : 4;
    g->step = grab_more(g->step, g->room, sizeof *g->step);
  }
  g->step[g->n++] = *step;
}

const struct path_step *gather_take(struct gather *all, uint64_t request, size_t *n)
{
  struct gathered **at = place_of(all, request), *g = *at;
  *n = g ? g->n : 0;
  if (!g) return NULL;
  *at = g->next;
  g->next = all->spare;
  all->spare = g;
  return g->step;
}
