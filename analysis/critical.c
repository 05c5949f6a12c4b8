/* critical.c: the path backwards, from what ended the request to what began it.
 *
 * An attempt that ended at t is on the path from its start s. What let it begin at s is, first match: an earlier try of
 * the same task that ended at s (a fallback, a repeat, a move); a task that it comes after whose attempt ended at s, or
 * gave its first output at s where it flows; the arrival; a try of the same task that was under way at s (a copy: until s
 * the path is that one's); one that ended before s (a retry: the wait between is a part of its own). An attempt that
 * was held until a flow had come in is on the path from the end of that flow only.
 * Tasks without attempts (skipped) hand on what they come after.
 * Checkable: A 0..3 s, B and C after A, B 3..4, C 3..9, D after both 9..10: the path is A, C, D with 3 + 6 + 1 = 10 s.
 */
#include "analysis/critical.h"
#include "analysis/text.h"

#include <stdlib.h>

const char *path_phase_name(int phase) { return phase == PATH_WAIT ? "wait" : phase_name[phase]; }

struct path_step path_step_of(const struct attempt_record *a)
{
  struct path_step s = {.started_ns = a->started_ns, .ended_ns = a->ended_ns, .first_output_ns = a->first_output_ns,
                   .member = a->member, .place = a->place, .task = a->task, .attempt = a->attempt, .status = a->status};
  for (int p = 0; p < N_PHASES; p++) s.phase_ns[p] = a->phase_ns[p];
  return s;
}

int64_t last_end_ns(int64_t arrived_ns, const struct path_step *step, size_t n)
{
  int64_t end_ns = arrived_ns;
  for (size_t i = 0; i < n; i++)
    if (step[i].ended_ns > end_ns) end_ns = step[i].ended_ns;
  return end_ns;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

struct walk { const struct pipeline *pipeline; const struct path_step *step; size_t n; int64_t arrived_ns; struct path *path; };

/* Parts come last first, and are turned round at the end. */
static void emit(struct walk *w, int64_t from_ns, int64_t to_ns, int step, int task, int phase)
{
  struct path *p = w->path;
  if (to_ns <= from_ns) return;
  if (p->n == p->room) {
    p->room = p->room ? 2 * p->room : 64;
    p->part = grab_more(p->part, p->room, sizeof *p->part);
  }
  p->part[p->n++] = (struct path_part){from_ns, to_ns, step, (uint8_t)task, (uint8_t)phase};
}

/* Its phases that lie between the two instants. */
static void emit_phases(struct walk *w, int i, int64_t from_ns, int64_t to_ns)
{
  const struct path_step *s = &w->step[i];
  int64_t end_ns = s->ended_ns;
  for (int p = N_PHASES - 1; p >= 0; p--) {
    int64_t begin_ns = end_ns - s->phase_ns[p];
    emit(w, begin_ns > from_ns ? begin_ns : from_ns, end_ns < to_ns ? end_ns : to_ns, i, s->task, p);
    end_ns = begin_ns;
  }
}

static bool is_awaited(const struct walk *w, int i) { return !(w->pipeline->unawaited >> w->step[i].task & 1); }

static bool cut_short(const struct path_step *s) { return s->status == STATUS_CANCELLED || s->status == STATUS_CENSORED; }

/* Among attempts that ended together, the one that had something to say. */
static int weight(const struct path_step *s) { return s->status == STATUS_COMPLETED ? 2 : !cut_short(s); }

static bool is_before(const struct path_step *a, const struct path_step *b)
{
  return a->started_ns < b->started_ns || (a->started_ns == b->started_ns && a->attempt < b->attempt);
}

static bool better(const struct walk *w, int i, int best)
{
  if (best < 0) return true;
  const struct path_step *a = &w->step[i], *b = &w->step[best];
  if (weight(a) != weight(b)) return weight(a) > weight(b);
  return a->task != b->task ? a->task > b->task : a->attempt > b->attempt;
}

/* What the request ended with; failing that, what ended last. */
static int find_last(const struct walk *w, int64_t end_ns)
{
  int best = -1;
  for (int i = 0; i < (int)w->n; i++)
    if (is_awaited(w, i) && w->step[i].ended_ns == end_ns && better(w, i, best)) best = i;
  if (best >= 0) return best;
  for (int i = 0; i < (int)w->n; i++)
    if (is_awaited(w, i) && w->step[i].ended_ns < end_ns && (best < 0 || w->step[i].ended_ns > w->step[best].ended_ns)) best = i;
  return best;
}

/* Those that a task had to wait for: in the place of one without attempts, what that one waits for. */
static uint32_t waited_for(const struct walk *w, int task)
{
  uint32_t seen = 0, has = 0, after = w->pipeline->after[task], skipped;
  for (size_t i = 0; i < w->n; i++) has |= UINT32_C(1) << w->step[i].task;
  while ((skipped = after & ~has & ~seen) != 0) {
    seen |= skipped;
    for (; skipped; skipped &= skipped - 1) after |= w->pipeline->after[__builtin_ctz(skipped)];
  }
  return after & has;
}

/* ---- what let an attempt begin ----------------------------------------------------------------------------------- */

static int try_that_ended(const struct walk *w, int of, bool cut)
{
  const struct path_step *s = &w->step[of];
  int best = -1;
  for (int i = 0; i < (int)w->n; i++) {
    const struct path_step *b = &w->step[i];
    if (i == of || b->task != s->task || b->ended_ns != s->started_ns || cut_short(b) != cut || !is_before(b, s)) continue;
    if (better(w, i, best)) best = i;
  }
  return best;
}

static int task_before(const struct walk *w, int of)
{
  const struct path_step *s = &w->step[of];
  uint32_t after = waited_for(w, s->task);
  int best = -1;
  for (int i = 0; i < (int)w->n; i++) {
    const struct path_step *b = &w->step[i];
    bool flows = w->pipeline->flows >> b->task & 1 && b->first_output_ns == s->started_ns;
    if (after >> b->task & 1 && (b->ended_ns == s->started_ns || flows) && better(w, i, best)) best = i;
  }
  return best;
}

/* Under way at its start, the latest of them; else the one that ended last before. */
static int try_before(const struct walk *w, int of, bool under_way)
{
  const struct path_step *s = &w->step[of];
  int best = -1;
  for (int i = 0; i < (int)w->n; i++) {
    const struct path_step *b = &w->step[i];
    bool lives = b->ended_ns >= s->started_ns;
    if (i == of || b->task != s->task || !is_before(b, s) || lives != under_way) continue;
    if (best < 0 || (under_way ? is_before(&w->step[best], b) : b->ended_ns > w->step[best].ended_ns)) best = i;
  }
  return best;
}

static int cause_of(const struct walk *w, int of)
{
  int i = try_that_ended(w, of, false);
  if (i < 0) i = task_before(w, of);
  if (i < 0) i = try_that_ended(w, of, true);
  if (i < 0 && w->step[of].started_ns > w->arrived_ns) i = try_before(w, of, true);
  if (i < 0 && w->step[of].started_ns > w->arrived_ns) i = try_before(w, of, false);
  return i;
}

/* The flow whose end it was held for, or -1. */
static int held_for(const struct walk *w, int of)
{
  const struct path_step *s = &w->step[of];
  int64_t left_ns = s->ended_ns - s->phase_ns[PHASE_DOWNLINK];
  uint32_t after = waited_for(w, s->task) & w->pipeline->flows;
  for (int i = 0; after && i < (int)w->n; i++) {
    const struct path_step *b = &w->step[i];
    if (after >> b->task & 1 && b->status == STATUS_COMPLETED && b->ended_ns == left_ns && left_ns > s->started_ns) return i;
  }
  return -1;
}

/* The path of one attempt until t; the next one before it, and until when. */
static int one_step(struct walk *w, int i, int64_t *t_ns)
{
  const struct path_step *s = &w->step[i];
  int flow = *t_ns == s->ended_ns ? held_for(w, i) : -1;
  int64_t from_ns = flow >= 0 ? w->step[flow].ended_ns : s->started_ns;
  emit_phases(w, i, from_ns, *t_ns);
  *t_ns = from_ns;
  int before = flow >= 0 ? flow : cause_of(w, i);
  if (before >= 0 && w->step[before].ended_ns < from_ns) {
    emit(w, w->step[before].ended_ns, from_ns, -1, s->task, PATH_WAIT);
    *t_ns = w->step[before].ended_ns;
  }
  return before;
}

static void turn_round(struct path *p)
{
  for (size_t i = 0; i < p->n / 2; i++) {
    struct path_part other = p->part[i];
    p->part[i] = p->part[p->n - 1 - i];
    p->part[p->n - 1 - i] = other;
  }
}

void critical_path(const struct pipeline *pipeline, int64_t arrived_ns, int64_t end_ns, const struct path_step *step, size_t n,
                   struct path *path)
{
  struct walk w = {pipeline, step, n, arrived_ns, path};
  path->n = 0;
  int64_t t_ns = end_ns;
  int i = find_last(&w, end_ns), task = i >= 0 ? step[i].task : NO_TASK;
  if (i >= 0 && step[i].ended_ns < end_ns) {
    emit(&w, step[i].ended_ns, end_ns, -1, task, PATH_WAIT);
    t_ns = step[i].ended_ns;
  }
  for (size_t steps = 0; i >= 0 && steps <= n; steps++) {
    task = step[i].task;
    i = one_step(&w, i, &t_ns);
  }
  emit(&w, arrived_ns, t_ns, -1, task, PATH_WAIT);
  turn_round(path);
}
