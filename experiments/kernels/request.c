/* request.c: six tasks that hand over (request.h). */
#include "experiments/kernels/request.h"
#include "experiments/kernels/clock.h"
#include "experiments/kernels/list.h"
#include "experiments/kernels/scratch.h"
#include "experiments/kernels/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { ROOM = 2 << 20, TEXT = 64 << 10, TOKENS = 176 * 384, WORD_VALUES = 64, RERANK = 2, LINE = 64, WALK_MOST = 256 << 20 };

const struct task request_tasks[REQUEST_TASKS] = {
  {"embed", 3, 1, 5, {{"gemm_f32", {176, 1152, 384}}, {"attention_prefill", {176, 6, 64}}, {"gemm_f32", {176, 384, 384}},
                      {"gemm_f32", {176, 1536, 384}}, {"gemm_f32", {176, 384, 1536}}}, false, false, false, false},
  {"search", 1, 1, 2, {{"vector_search_flat", {24576, 384, 1, 10}}, {"vector_search_hnsw", {8192, 384, 64, 10}}}, true, false, false, false},
  {"rerank", 2, 1, 5, {{"gemm_i8", {176, 1152, 384}}, {"attention_prefill", {176, 6, 64}}, {"gemm_i8", {176, 384, 384}},
                       {"gemm_i8", {176, 1536, 384}}, {"gemm_i8", {176, 384, 1536}}}, false, false, false, false},
  {"decode", 2, 3, 5, {{"gemv_i4", {6144, 2048, 32}}, {"attention_decode", {512, 16, 128}}, {"gemv_i4", {2048, 2048, 32}},
                       {"gemv_i4", {8192, 2048, 32}}, {"gemv_i4", {2048, 8192, 32}}}, false, false, false, false},
  {"seal", 1, 1, 1, {{"aes_gcm", {2097152}}}, false, true, true, true},
  {"compress", 1, 1, 1, {{"deflate", {65536, 6}}}, false, true, true, true},
};

/* ---- states ----------------------------------------------------------------------------------------------------------- */

/* False: the task cannot be done here, why says it. */
static bool task_prepare(const struct task *t, struct running *r, uint64_t seed)
{
  for (int layer = 0; layer < t->layers; layer++)
    for (int i = 0; i < t->n; i++) {
      const struct kernel *k = kernel_find(t->call[i].kernel);
      const char *not = k ? kernel_why_not(k) : "there is no such kernel";
      if (not) return scratch_why(r->why, "%s: %s", t->call[i].kernel, not);
      struct step *s = &r->step[r->n];
      *s = (struct step){.kernel = k, .p = t->call[i].p, .state = k->prepare(t->call[i].p, seed + (uint64_t)r->n, r->why)};
      if (!s->state) return false;
      r->n++;
      r->bytes += k->axis_value(s->p, 0);
    }
  return true;
}

static void task_finish(struct running *r)
{
  for (int i = 0; i < r->n; i++) r->step[i].kernel->finish(r->step[i].state);
  r->n = 0;
}

/* Who gets what from whom, among the tasks that are there, and how much data they have. */
static void link_tasks(struct request *q)
{
  struct source now = {0};
  q->bytes = 0;
  for (int i = 0; i < REQUEST_TASKS; i++) {
    const struct task *t = &request_tasks[i];
    struct running *r = &q->task[i];
    if (!r->n) continue;
    q->bytes += r->bytes;
    struct source left = {.text = t->gives_text};
    for (int k = 0; k < r->n; k++) {
      struct step *s = &r->step[k];
      s->from[0] = s->from[1] = k == 0 || t->beside ? now : (struct source){.n = 1, .step = {s - 1}};
      if (t->beside || k == r->n - 1) left.step[left.n++] = s;
    }
    if (t->rounds > 1) r->step[0].from[1] = left;
    now = left;
  }
}

/* Twice the last cache, as much as makes data cold; where that is not known, or is larger than any core's own. */
static size_t walk_of(double last_cache_bytes)
{
  return last_cache_bytes > 0 && 2 * last_cache_bytes < WALK_MOST ? (size_t)(2 * last_cache_bytes) : WALK_MOST;
}

bool request_prepare(struct request *q, uint64_t seed, double last_cache_bytes)
{
  *q = (struct request){.seed = seed, .handed = scratch_memory(ROOM), .again = scratch_memory(ROOM),
                        .walk_bytes = walk_of(last_cache_bytes)};
  q->walk = scratch_memory(q->walk_bytes);
  if (!q->handed || !q->again || !q->walk) return false;
  for (int i = 0; i < REQUEST_TASKS; i++)
    if (!task_prepare(&request_tasks[i], &q->task[i], seed)) task_finish(&q->task[i]);
  link_tasks(q);
  return true;
}

int request_tasks_left(const struct request *q)
{
  int n = 0;
  for (int i = 0; i < REQUEST_TASKS; i++) n += q->task[i].n > 0;
  return n;
}

double request_bytes(const struct request *q)
{
  bool walked = false;
  for (int i = 0; i < REQUEST_TASKS; i++) walked |= q->task[i].n && request_tasks[i].far;
  return q->bytes + q->handed_most_bytes + (walked ? (double)q->walk_bytes : 0);
}

void request_finish(struct request *q)
{
  for (int i = 0; i < REQUEST_TASKS; i++) task_finish(&q->task[i]);
  free(q->handed);
  free(q->again);
  free(q->walk);
}

/* ---- handing over ----------------------------------------------------------------------------------------------------- */

static size_t tokens(uint64_t seed, int number, float *out)
{
  uint64_t state = seed ^ (uint64_t)(number + 1) * 0xD1342543DE82EF95u;
  for (int i = 0; i < TOKENS; i++) out[i] = kernel_random_f32(&state);
  return TOKENS * sizeof *out;
}

/* Which of every 64 values is the largest: those are the answer's first tokens; the text goes on from them. */
static size_t words(const float *x, size_t n, char *out)
{
  uint64_t seed = 14695981039346656037u;                /* FNV's basis and prime */
  for (size_t from = 0; from < n; from += WORD_VALUES) {
    size_t best = from;
    for (size_t i = from; i < n && i < from + WORD_VALUES; i++) best = x[i] > x[best] ? i : best;
    seed = (seed ^ (best - from)) * 1099511628211u;
  }
  text_make(out, TEXT, seed);
  return TEXT;
}

/* Into `out`; how many bytes. */
static size_t gather(const struct request *q, const struct source *from, bool text, int number, char *out)
{
  size_t n = from->n ? 0 : tokens(q->seed, number, (float *)out);
  for (int i = 0; i < from->n; i++) n += from->step[i]->kernel->result(from->step[i]->state, out + n, ROOM - n);
  return text && !from->text ? words((const float *)out, n / sizeof(float), out) : n;
}

/* Its result only in the last round: what it computes with is the same in all. */
static bool step_right(const struct request *q, const struct task *t, const struct step *s, int round, int number, char *why)
{
  char what[KERNEL_WHY];
  size_t n = gather(q, &s->from[round > 0], t->takes_text, number, q->again);
  if (s->kernel->fed(s->state, q->again, n, what) && (round < t->rounds - 1 || s->kernel->check(s->state, what))) return true;
  return scratch_why(why, "self-check of %s failed: %.120s", s->kernel->name, what);
}

/* ---- execution -------------------------------------------------------------------------------------------------------- */

static double switches(void)
{
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)u.ru_nivcsw;
}

static void step_time(struct step *s, struct request_times *t)
{
  double before = switches();
  int64_t cpu = clock_thread_ns(), wall = clock_wall_ns();
  s->kernel->run(s->state);
  wall = clock_wall_ns() - wall;
  cpu = clock_thread_ns() - cpu;
  t->wall_s += 1e-9 * (double)wall;
  t->cpu_s += 1e-9 * (double)cpu;
  t->switches += switches() - before;
}

static void walk_over(const struct request *q)
{
  unsigned sum = 0;
  for (size_t i = 0; i < q->walk_bytes; i += LINE) sum += (unsigned char)q->walk[i];
  kernel_keep(&sum);
}

/* Its input is there; for tasks whose input is far, other data has gone through the caches since. */
static void step_feed(struct request *q, const struct task *t, struct step *s, size_t n)
{
  s->handed_bytes = (double)s->kernel->feed(s->state, q->handed, n);
  if ((double)n > q->handed_most_bytes) q->handed_most_bytes = (double)n;
  if (t->far) walk_over(q), s->handed_bytes = 0;
}

static bool task_run(struct request *q, int task, int number, bool checked, struct request_times *times)
{
  const struct task *t = &request_tasks[task];
  struct running *r = &q->task[task];
  for (int round = 0; round < t->rounds; round++)
    for (int i = 0; i < r->n; i++) {
      struct step *s = &r->step[i];
      size_t n = gather(q, &s->from[round > 0], t->takes_text, number, q->handed);
      if (!(q->stale && task == RERANK && i == 0 && number > 0)) step_feed(q, t, s, n);
      step_time(s, times);
      if (checked && !step_right(q, t, s, round, number, r->why)) return false;
    }
  return true;
}

bool request_run(struct request *q, int number, bool checked, struct request_times *times)
{
  bool wrong[REQUEST_TASKS] = {false}, all = true;
  for (int i = 0; i < REQUEST_TASKS; i++) {
    struct request_times t = {0};
    if (q->task[i].n && !task_run(q, i, number, checked, &t)) wrong[i] = true, all = false;
    if (times) times[i] = t;
  }
  for (int i = 0; i < REQUEST_TASKS; i++)
    if (wrong[i]) task_finish(&q->task[i]);
  if (!all) link_tasks(q);
  return all;
}
