/* resources.c: what a policy takes: memory, time, files, threads. */
#include "experiments/conformance/lab.h"

#include <dirent.h>
#include <errno.h>
#include <fenv.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 3000, TRIALS = 5000, GUARD = 0xa5, TIMED = 20000, LEAK_BYTES = 65536 };
static const double SLOW_NS = 1e6, SLOW_ELSEWHERE_NS = 2e7;

/* ---- allocation -------------------------------------------------------------------------------------------------- */

/* The allocators' first instructions become traps while the policy works: whoever allocates then is seen, in the policy
 * and in what it calls. x86-64 and glibc only. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CAN_TRAP 1
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
enum { N_TRAPS = 4, TRAP_INSTRUCTION = 0xcc };
struct trap { unsigned char *at, was; };
static _Thread_local struct { struct trap trap[N_TRAPS]; const char *where; int report_to; } traps;

static void on_trap(int number)
{
  struct report r = {.verdict = VERDICT_FAIL};
  static const char text[] = "it allocates memory in ";
  (void)number;
  memcpy(r.text, text, sizeof text - 1);
  strncpy(r.text + sizeof text - 1, traps.where, 100);
  _exit(write(traps.report_to, &r, sizeof r) == (ssize_t)sizeof r ? 0 : 1);
}

static bool traps_open(const struct subject *s, const char *where)
{
  void *const at[N_TRAPS] = {(void *)__libc_malloc, (void *)__libc_calloc, (void *)__libc_realloc, (void *)__libc_memalign};
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  traps.where = where;
  traps.report_to = s->report_to;
  signal(SIGTRAP, on_trap);
  for (int i = 0; i < N_TRAPS; i++) {
    traps.trap[i] = (struct trap){at[i], *(unsigned char *)at[i]};
    void *from = (void *)((uintptr_t)at[i] & ~(page - 1));
    if (mprotect(from, page, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return false;
  }
  return true;
}
static void traps_set(void)
{
  for (int i = 0; i < N_TRAPS; i++) *(volatile unsigned char *)traps.trap[i].at = TRAP_INSTRUCTION;
}
static void traps_lift(void)
{
  for (int i = 0; i < N_TRAPS; i++) *(volatile unsigned char *)traps.trap[i].at = traps.trap[i].was;
}
#else
#define CAN_TRAP 0
static bool traps_open(const struct subject *s, const char *where) { return false; }
static void traps_set(void) {}
static void traps_lift(void) {}
#endif

static const struct habit masked = {.masks = MASKS_RANDOM};

static bool can_watch(const struct subject *s, const char *where, struct report *r)
{
  if (s->elsewhere) report_skip(r, "its memory is another process's");
  else if (!CAN_TRAP || !traps_open(s, where)) report_skip(r, "this machine does not let the checker watch allocations");
  else return true;
  return false;
}

/* Decide and learn, one of them under watch. */
static bool live_watched(struct lab *l, uint64_t n, bool in_decide)
{
  for (uint64_t i = 0; i < n; i++) {
    lab_prepare(l, &masked);
    if (in_decide) traps_set();
    bool ok = lab_decide(l);
    traps_lift();
    if (!ok) return false;
    struct lab_pending p = lab_pending_of(l);
    if (!in_decide) traps_set();
    ok = lab_tell(l, &p, -1 - p.action - rng_uniform(&l->dice), STATUS_COMPLETED);
    traps_lift();
    if (!ok) return false;
  }
  return true;
}

static void watch(const struct subject *s, struct report *r, bool in_decide)
{
  struct lab *l = calloc(1, sizeof *l);
  if (!can_watch(s, in_decide ? "decide" : "outcome", r) || !lab_open(l, s, &(struct lab_wish){0}, r)) return;
  if (lab_live(l, &masked, lab_size(s, WARM_UP))) live_watched(l, lab_size(s, TRIALS), in_decide);
}

static void decides_without_allocating(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  watch(s, r, true);
}

static void learns_without_allocating(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  if (!s->policy->outcome) report_skip(r, "it takes no outcomes");
  else watch(s, r, false);
}

static void keeps_memory(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  if (s->elsewhere) { report_skip(r, "its memory is another process's"); return; }
  if (!lab_open(l, s, &(struct lab_wish){0}, r) || !lab_live(l, &masked, lab_size(s, WARM_UP))) return;
  struct mallinfo2 before = mallinfo2();
  if (!lab_live(l, &masked, lab_size(s, TIMED))) return;
  struct mallinfo2 after = mallinfo2();
  double grown = (double)(after.uordblks + after.hblkhd) - (double)(before.uordblks + before.hblkhd);
  if (grown > LEAK_BYTES) report_fail(r, "memory in use grew by %.0f bytes in %.0f decisions", grown, (double)lab_size(s, TIMED));
}

/* ---- bounds ------------------------------------------------------------------------------------------------------ */

/* `n` bytes that end before a page that nobody may touch, as near to it as alignment allows; the rest of the pages is
 * filled with a pattern. */
struct fence { unsigned char *page, *at; size_t n, pages; };

static struct fence fence_new(size_t n)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (n + page - 1) / page * page + page;
  struct fence f = {.n = n, .pages = room};
  f.page = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (f.page == MAP_FAILED) return (struct fence){0};
  mprotect(f.page + room, page, PROT_NONE);
  f.at = f.page + (room - n) / 16 * 16;
  memset(f.page, GUARD, room);
  memset(f.at, 0, n);
  return f;
}

static bool fence_whole(const struct fence *f)
{
  for (unsigned char *p = f->page; p < f->at; p++)
    if (*p != GUARD) return false;
  for (unsigned char *p = f->at + f->n; p < f->page + f->pages; p++)
    if (*p != GUARD) return false;
  return true;
}

static void stays_in_its_state(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  if (s->elsewhere) { report_skip(r, "its state is another process's"); return; }
  if (!lab_open(l, s, &(struct lab_wish){0}, r)) return;
  if (l->host->state_size == 0) { report_skip(r, "it has no state"); return; }
  if (!lab_live(l, &masked, 1)) return;
  struct fence f = fence_new(l->host->state_size);
  if (!f.at) { report_skip(r, "no memory for it"); return; }
  if (s->policy->init) s->policy->init(&l->host->setup, f.at);
  l->host->learners.last.state = f.at;
  if (!lab_live(l, t->habit, lab_size(s, TRIALS))) return;
  if (!fence_whole(&f)) report_fail(r, "it wrote outside the %zu bytes of its state", l->host->state_size);
  else report_note(r, "%zu bytes", l->host->state_size);
}

/* The host's own context of the last decision, and a memo behind a fence. */
static void stays_in_its_memo(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  struct fence f = fence_new(s->policy->memo_size);
  if (s->policy->memo_size == 0) { report_skip(r, "it keeps nothing of a decision"); return; }
  if (s->elsewhere || !f.at) { report_skip(r, "it is another process's"); return; }
  if (!lab_open(l, s, &(struct lab_wish){0}, r)) return;
  for (uint64_t i = 0; i < lab_size(s, TRIALS); i++) {
    if (!lab_live(l, &masked, 1)) return;
    struct offsim_decision d = {.size = sizeof d, .action = -1, .propensity = 1, .distribution = l->host->distribution,
                                .hedge_action = -1};
    memset(f.at, 0, f.n);
    if (l->host->distribution) memset(l->host->distribution, 0, (size_t)l->n_actions * sizeof(double));
    s->policy->decide(l->host->learners.last.state, &l->host->context, &d, f.at);
    if (!fence_whole(&f)) { report_fail(r, "it wrote outside the %u bytes of its memo", s->policy->memo_size); return; }
  }
}

static void stays_in_its_distribution(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  if (!(s->policy->capabilities & OFFSIM_REPORTS_DISTRIBUTION)) { report_skip(r, "it reports no distribution"); return; }
  if (!lab_open(l, s, &(struct lab_wish){0}, r)) return;
  for (uint64_t i = 0; i < lab_size(s, TRIALS); i++) {
    for (int a = 0; a < l->n_actions; a++) l->host->distribution[a] = NAN;
    if (!lab_live(l, t->habit, 1)) return;
    for (int a = l->facts.n_actions; a < l->n_actions; a++)
      if (!isnan(l->host->distribution[a])) {
        report_fail(r, "with %d actions it reported a probability of action %d", l->facts.n_actions, a);
        return;
      }
  }
}

/* ---- time, files, threads, floating point ------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void decides_in_time(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  uint64_t n = lab_size(s, s->elsewhere ? TIMED / 10 : TIMED);
  double *took = calloc(n, sizeof *took), limit = s->elsewhere ? SLOW_ELSEWHERE_NS : SLOW_NS;
  if (!lab_open(l, s, &(struct lab_wish){0}, r) || !lab_live(l, &masked, lab_size(s, WARM_UP))) return;
  for (uint64_t i = 0; i < n; i++) {
    lab_prepare(l, &masked);
    double start = now_ns();
    if (!lab_decide(l)) return;
    took[i] = now_ns() - start;
    struct lab_pending p = lab_pending_of(l);
    if (!lab_tell(l, &p, -1, STATUS_COMPLETED)) return;
  }
  qsort(took, n, sizeof *took, by_size);
  double p50 = took[n / 2], p99 = took[n - 1 - n / 100];
  report_note(r, "with the host: p50 %.0f ns, p99 %.0f ns", p50, p99);
  if (p50 > limit) report_fail(r, "half of its decisions take %.3g ms or more", p50 * 1e-6);
}

static int entries(const char *folder)
{
  DIR *d = opendir(folder);
  int n = 0;
  while (d && readdir(d)) n++;
  if (d) closedir(d);
  return n;
}

static void leaves_the_process_alone(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  if (!lab_open(l, s, &(struct lab_wish){0}, r) || !lab_live(l, &masked, 1)) return;
  int files = entries("/proc/self/fd"), threads = entries("/proc/self/task");
  if (!lab_live(l, &masked, lab_size(s, TRIALS))) return;
  if (entries("/proc/self/fd") != files) report_fail(r, "it opened or closed files");
  else if (entries("/proc/self/task") != threads) report_fail(r, "it started threads");
}

/* Rounding, and whether numbers below the normal ones are kept. */
static int rounding(bool *keeps_tiny)
{
  volatile double smallest = 2.2250738585072014e-308;
  *keeps_tiny = smallest / 4 > 0;
  return fegetround();
}

static void leaves_floating_point_alone(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  bool before, after;
  int way = rounding(&before);
  if (!lab_open(l, s, &(struct lab_wish){0}, r) || !lab_live(l, &masked, lab_size(s, TRIALS))) return;
  if (rounding(&after) != way || before != after) report_fail(r, "deciding or learning changed the floating-point state");
}

const struct conformance_test conformance_resources[] = {
  {.name = "resources.decide_memory", "it allocates nothing in decide once it has warmed up", decides_without_allocating},
  {.name = "resources.outcome_memory", "nor in outcome", learns_without_allocating},
  {.name = "resources.growth", "memory in use does not grow", keeps_memory},
  {.name = "resources.state", "it stays within its state", stays_in_its_state,
   &(const struct habit){.masks = MASKS_RANDOM, .outcomes = OUTCOMES_AT_ONCE, .actions_vary = true}},
  {.name = "resources.memo", "it stays within its memo", stays_in_its_memo},
  {.name = "resources.distribution", "it reports no more probabilities than there are actions", stays_in_its_distribution,
   &(const struct habit){.actions_vary = true}},
  {.name = "resources.time", "a decision takes less than a millisecond", decides_in_time},
  {.name = "resources.process", "no files, no threads", leaves_the_process_alone},
  {.name = "resources.floating_point", "its hooks leave the floating-point state", leaves_floating_point_alone},
  {0}};
