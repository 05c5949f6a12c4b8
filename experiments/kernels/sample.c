/* sample.c: one sample. */
#include "experiments/kernels/sample.h"
#include "experiments/kernels/clock.h"
#include "experiments/kernels/machine.h"
#include "experiments/kernels/neighbours.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { WARM_BLOCK = 3, WARM_BLOCKS = 12, COLD_MOST = 15, CLOCK_READS = 201, CACHE_LINE = 64 };
static const double BATCH_S = 150e-6;                   /* at least 100 us, also when the warm-up was slow */
static const double LONG_S = 10e-3;                     /* from here on one execution is a block */
static const double WALK_MOST = 256 << 20;

void stop_block(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
}

bool stop_asked(void)
{
  sigset_t set;
  return sigpending(&set) == 0 && (sigismember(&set, SIGINT) == 1 || sigismember(&set, SIGTERM) == 1);
}

/* NaN where the system does not count. */
static double involuntary(const struct method *m, int threads)
{
  struct rusage u;
  if (!m->counters || getrusage(threads > 1 ? RUSAGE_SELF : RUSAGE_THREAD, &u) != 0)
    return NAN;
  return (double)u.ru_nivcsw;
}

static struct repetition repeat(const struct method *m, const struct job *j, void *state, int inner)
{
  int64_t (*cpu)(void) = j->threads > 1 ? clock_process_ns : clock_thread_ns;
  double switches = involuntary(m, j->threads);
  int64_t wall_0 = clock_wall_ns(), cpu_0 = cpu();
  for (int i = 0; i < inner; i++)
    j->kernel->run(state);
  int64_t cpu_1 = cpu(), wall_1 = clock_wall_ns();
  return (struct repetition){
    .wall_s = fmax(1e-9 * (double)(wall_1 - wall_0) - m->clock_wall_s, 1e-9) / inner,
    .cpu_s = fmax(1e-9 * (double)(cpu_1 - cpu_0) - m->clock_cpu_s, 1e-9) / inner,
    .involuntary = involuntary(m, j->threads) - switches, .shared = 0};
}

static void do_nothing(void *state)
{
  kernel_keep(state);
}

/* The clocks between which nothing happens. */
static void find_clock_cost(struct method *m)
{
  static const struct kernel nothing = {.run = do_nothing};
  struct job j = {.kernel = &nothing, .threads = 1};
  double wall[CLOCK_READS], cpu[CLOCK_READS];
  for (int i = 0; i < CLOCK_READS; i++) {
    struct repetition r = repeat(m, &j, NULL, 1);
    wall[i] = r.wall_s, cpu[i] = r.cpu_s;
  }
  m->clock_wall_s = numerics_median(wall, CLOCK_READS);
  m->clock_cpu_s = numerics_median(cpu, CLOCK_READS);
}

static void find_counters(struct method *m)
{
  struct rusage u;
  m->counters = getrusage(RUSAGE_THREAD, &u) == 0;
  if (m->counters)
    snprintf(m->counters_text, sizeof m->counters_text, "context switches");
  else
    snprintf(m->counters_text, sizeof m->counters_text, "unavailable: getrusage: %s; disturbances are told by the gap of the clocks",
             strerror(errno));
}

void method_find(struct method *m, const struct place *place, bool quick)
{
  memset(m, 0, sizeof *m);
  m->least = quick ? 5 : 9;
  m->most = quick ? 60 : SAMPLE_MOST;
  m->agree = m->spread = 0.02;
  m->place = place;
  find_counters(m);
  sensor_find(&m->sensor, "");
  find_clock_cost(m);
  m->probes = calloc(1, sizeof *m->probes);
  if (m->probes)
    probe_learn(m->probes);
}

void method_free(struct method *m)
{
  free(m->walk);
  free(m->probes);
}

void method_walk(struct method *m)
{
  m->walk_bytes = (size_t)fmin(2 * machine_last_cache_bytes("", m->place->core), WALK_MOST);
  m->walk = calloc(1, m->walk_bytes);
}

/* Cold: what the kernel knows how to cool, or else every line of twice the last cache written. */
static void cool(const struct method *m, const struct job *j, void *state)
{
  if (j->kernel->cool)
    j->kernel->cool(state);
  for (size_t i = 0; !j->kernel->cool && i < m->walk_bytes; i += CACHE_LINE)
    m->walk[i]++;
  kernel_keep(m->walk);
}

static double clock_of(enum kernel_bound bound, const struct repetition *r)
{
  return bound == BOUND_SYSTEM ? r->wall_s : r->cpu_s;
}

/* Blocks until the medians of two in a row agree. Returns the last median of wall time: one execution, in seconds. */
static double warm_up(const struct method *m, const struct job *j, void *state, double budget_s)
{
  double before = NAN, x[WARM_BLOCK], wall[WARM_BLOCK], wall_s = 0;
  int64_t begin = clock_wall_ns();
  for (int b = 0; b < WARM_BLOCKS; b++) {
    int n = wall_s > LONG_S ? 1 : WARM_BLOCK, inner = b && wall_s < BATCH_S ? (int)fmin(ceil(BATCH_S / fmax(wall_s, 1e-9)), 1e7) : 1;
    for (int i = 0; i < n; i++) {
      struct repetition r = repeat(m, j, state, inner);
      x[i] = clock_of(j->kernel->bound, &r), wall[i] = r.wall_s;
    }
    double now = numerics_median(x, n);
    wall_s = numerics_median(wall, n);
    if ((b > 1 && numerics_agree(before, now, m->agree)) || 1e-9 * (double)(clock_wall_ns() - begin) > budget_s)
      break;
    before = now;
  }
  return wall_s;
}

static double disturbance(enum kernel_bound bound, const struct repetition *r, int inner)
{
  return numerics_disturbance(r, inner, bound == BOUND_SYSTEM);
}

/* How many clean ones there are; spread is that of their clock, infinite with fewer than the least. */
static int count_clean(const struct method *m, enum kernel_bound bound, const struct repetition *r, int n, int inner,
                       double *spread)
{
  double x[SAMPLE_MOST];
  int clean = 0;
  for (int i = 0; i < n; i++)
    if (disturbance(bound, &r[i], inner) == 0)
      x[clean++] = clock_of(bound, &r[i]);
  *spread = INFINITY;
  if (clean >= m->least) {
    numerics_sort(x, clean);
    *spread = numerics_spread(x, clean);
  }
  return clean;
}

/* Is it enough? Looked at seldom (numerics_look). Without clean ones twice the time is given. */
static bool enough(const struct method *m, const struct job *j, const struct repetition *r, int n, int inner, double share)
{
  double spread;
  if (n < m->least || (!numerics_look(n, m->least) && share < 1))
    return false;
  int clean = count_clean(m, j->kernel->bound, r, n, inner, &spread);
  return spread <= m->spread || share >= (clean >= m->least ? 1 : 2);
}

/* Not where neighbours or threads of its own are at work. */
static struct probe look(const struct method *m, const struct job *j)
{
  if (!m->probes || j->interference || j->threads > 1)
    return (struct probe){NAN, NAN};
  return probe_take(m->probes);
}

static double excess(const struct method *m, struct probe p)
{
  return isfinite(p.ratio) ? probe_excess(m->probes, p) : 0;
}

static enum sample_end take(const struct method *m, const struct job *j, void *state, double budget_s, struct sample *s)
{
  struct repetition r[SAMPLE_MOST];
  int n = 0, most = j->cold ? COLD_MOST : m->most;
  double one_s = j->cold ? LONG_S : warm_up(m, j, state, 0.5 * budget_s);
  s->inner = one_s < BATCH_S ? (int)fmin(ceil(BATCH_S / one_s), 1e7) : 1;
  struct sensor_reading from, to;
  struct probe before = look(m, j);
  double clock_s[SAMPLE_MOST];
  sensor_read(&m->sensor, &from);
  for (int64_t begin = clock_wall_ns(); n < most; ) {
    if (stop_asked())
      return SAMPLE_STOPPED;
    if (j->cold)
      cool(m, j, state);
    r[n] = repeat(m, j, state, s->inner);
    struct probe after = look(m, j);
    r[n].shared = fmax(excess(m, before), excess(m, after));
    clock_s[n] = after.clock_s;
    before = after;
    n += n < most / 2 || disturbance(j->kernel->bound, &r[n], s->inner) == 0; /* the other half is for clean ones */
    if (enough(m, j, r, n, s->inner, 1e-9 * (double)(clock_wall_ns() - begin) / budget_s))
      break;
  }
  sensor_read(&m->sensor, &to);
  sample_settle(m, j->kernel->bound, r, n, s);
  s->clock_s = numerics_median(clock_s, n);
  s->joule = j->cold ? NAN : sensor_joule(&m->sensor, &from, &to) / ((double)n * s->inner);
  return SAMPLE_TAKEN;
}

static void find_intervals(enum kernel_bound bound, const struct method *m, struct sample *s)
{
  double x[SAMPLE_MOST], spread_wall, spread_cpu;
  memcpy(x, s->wall_s, (size_t)s->n * sizeof *x);
  numerics_sort(x, s->n);
  s->wall = numerics_kept_interval(x, s->n);
  spread_wall = numerics_spread(x, s->n);
  memcpy(x, s->cpu_s, (size_t)s->n * sizeof *x);
  numerics_sort(x, s->n);
  s->cpu = numerics_kept_interval(x, s->n);
  spread_cpu = numerics_spread(x, s->n);
  s->stable = (bound == BOUND_SYSTEM ? spread_wall : spread_cpu) <= m->spread;
}

void sample_settle(const struct method *m, enum kernel_bound bound, const struct repetition *r, int n, struct sample *s)
{
  double by[SAMPLE_MOST], sorted[SAMPLE_MOST];
  for (int i = 0; i < n; i++)
    sorted[i] = by[i] = disturbance(bound, &r[i], s->inner);
  numerics_sort(sorted, n);
  int least = n < m->least ? n : m->least;
  double limit = sorted[least - 1];                     /* 0 where there are enough clean ones */
  s->n = 0;
  for (int i = 0; i < n; i++)
    if (by[i] <= limit) {
      s->wall_s[s->n] = r[i].wall_s;
      s->cpu_s[s->n++] = r[i].cpu_s;
    }
  s->discarded = n - s->n;
  find_intervals(bound, m, s);
  s->clean = limit == 0 && s->n >= m->least;
  s->stable = s->stable && s->clean;
}

static double width(enum kernel_bound bound, const struct sample *s)
{
  const struct interval *i = bound == BOUND_SYSTEM ? &s->wall : &s->cpu;
  return log(i->high / i->low);
}

bool sample_better(enum kernel_bound bound, const struct sample *a, const struct sample *b)
{
  if (a->stable != b->stable)
    return a->stable;
  return a->clean != b->clean ? a->clean : width(bound, a) < width(bound, b);
}

static enum sample_end take_checked(const struct method *m, const struct job *j, void *state, double budget_s, struct sample *s,
                                    char *why)
{
  const struct kernel *k = j->kernel;
  if (j->cold && !k->cool && !m->walk) {
    snprintf(why, KERNEL_WHY, "no memory to walk over the caches");
    return SAMPLE_SKIPPED;
  }
  if (j->threads > 1 && !k->threads(state, j->threads)) {
    snprintf(why, KERNEL_WHY, "%d threads could not be had", j->threads);
    return SAMPLE_SKIPPED;
  }
  k->run(state);
  if (k->check && !k->check(state, why))
    return SAMPLE_WRONG;
  struct neighbours *others = j->interference ? neighbours_new(m->place, j, why) : NULL;
  if (j->interference && !others)
    return SAMPLE_SKIPPED;
  int64_t begin = clock_wall_ns();
  enum sample_end end = take(m, j, state, budget_s, s);
  s->took_s = 1e-9 * (double)(clock_wall_ns() - begin);
  neighbours_free(others);
  bool may_fail = k->bound == BOUND_SYSTEM && k->check; /* what asks the system may be refused while it is timed, and be quick */
  return end == SAMPLE_TAKEN && may_fail && !k->check(state, why) ? SAMPLE_WRONG : end;
}

enum sample_end sample_take(const struct method *m, const struct job *j, double budget_s, struct sample *s, char *why)
{
  memset(s, 0, sizeof *s);
  why[0] = 0;
  void *state = j->kernel->prepare(j->p, j->seed, why);
  if (!state)
    return SAMPLE_SKIPPED;
  enum sample_end end = take_checked(m, j, state, budget_s, s, why);
  j->kernel->finish(state);
  return end;
}
