/* cmd_testbed.c: `offsim testbed`: is what the simulator predicts what a real system does? */
#include "analysis/text.h"
#include "experiments/calibrate/measure.h"
#include "experiments/calibrate/testbed.h"
#include "experiments/commands.h"
#include "experiments/options.h"
#include "sim/rng.h"

#include <gsl/gsl_cdf.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FULL_REQUESTS = 20000, FULL_REPEATS = 5, QUICK_REQUESTS = 1200, QUICK_REPEATS = 1, CASES = 4, RESULTS = CASES * BED_LOADS };
/* Mean gaps between requests; then a worker goes. At 30 % load some 17 % of requests then meet a cold start: neither p50 nor
 * p95 stands at the edge between those that do and those that do not, where a quantile is any number. */
#define KEEP_ALIVE_GAPS 3.0
#define KEEP_ALIVE_LEAST_S 0.002                        /* so that it is warm for empty requests one at a time */
#define BLIND_SIGMA 0.02                                /* of the calibrations, while there are too few to tell */
/* Of kernels that serve requests against timed ones, a constant: read off loaded rounds (12 on the 2 cores of a virtual EPYC: -2.2
 * to +3.5 %, mostly slower), so the band knows that much of loaded runs, and elsewhere it may be another. */
#define SERVING_SIGMA 0.015

static const char usage[] =
  "usage: offsim testbed [-o DIR] [--profile FILE] [--work KERNEL:p=N,...]... [--load .3,.6,.85] [--requests N] [--repeats N]\n"
  "                      [--batching] [--batch-work KERNEL:p=N,... --batch-parameter P] [--cold-starts] [--link TRACE]\n"
  "                      [--executions N] [--seed N] [--quick] [--format table|json] [--quiet]\n"
  "  Runs a client, a relay that imposes a link and a server on this machine's loopback, client and server on different\n"
  "  cores, and compares the latencies with what the simulator makes of times measured around the load: before it,\n"
  "  between its parts and after it. A forecast from before it alone stands beside.\n"
  "  -o DIR               gets scenarios, arrivals, records, figures, report.json (results/testbed)\n"
  "  --work KERNEL:p=N    what a request asks for; several: one of them at random (gemm_f32:m=128,n=256,k=256, m=256 and\n"
  "                       m=512; with --profile m=64,n=384,k=384, m=128 and m=192)\n"
  "  --load A,B,...       arrival rate times service, from 0.01 to 0.95 (.3,.6,.85)\n"
  "  --requests N         of each load and repeat (20000; --quick: 1200)\n"
  "  --repeats N          of each load, each with a calibration of its own (5; --quick: 1)\n"
  "  --batching           also with batches of up to 8 requests\n"
  "  --batch-work K:p=N   what they ask for then (gemm_f32:m=64,n=256,k=256; with --profile m=32,n=384,k=384)\n"
  "  --batch-parameter P  of it, which a batch multiplies (m)\n"
  "  --cold-starts        also with workers that go when idle and start cold; with --batching also with both\n"
  "  --profile FILE       the prediction's kernels cost what that profile of `offsim calibrate` says, and the band is its own;\n"
  "                       default: timed in place, around the load\n"
  "  --link TRACE         what the relay imposes: a file of round trips or of rates, or the keys of a link's `trace` in a scenario:\n"
  "                       rtt=FILE,capacity=FILE (or up=FILE,down=FILE) and format, column, as, gaps, sample; default: a\n"
  "                       log-normal link made by the seed\n"
  "  --executions N       of all shapes together before the load (1000; --quick: 400), a tenth of it between its parts, and of empty\n"
  "                       requests, up to 1000 (200)\n"
  "  --seed N             of arrivals, shapes and the link (1)\n"
  "  --quick              the same in small, under a minute: never judged\n"
  "  --format FORM        table (default) or json\n"
  "  --quiet              no progress\n"
  "  Judged from 20000 requests and 5 repeats on; exit 1: judged, and outside the bars.\n";

struct request {
  struct bed_options o;
  const char *load, *requests, *repeats, *executions, *seed, *format, *slow, *works[BED_WORKS];
  bool quiet, help;
  struct arena *arena;
};

/* ---- arguments ------------------------------------------------------------------------------------------------------ */

static bool read_count(const char *option, const char *text, long least, long most, long *to, struct err *e)
{
  char *end;
  long x = text ? strtol(text, &end, 10) : 0;
  if (!text)
    return true;
  if (end == text || *end || x < least || x > most)
    return err_add(e, (struct where){0}, "testbed: %s is a whole number from %ld to %ld, not '%s'", option, least, most, text);
  *to = x;
  return true;
}

static bool read_loads(struct bed_options *o, const char *text, struct err *e)
{
  o->n_loads = 0;
  while (*text) {
    char *end;
    double x = strtod(text, &end);
    if (end == text || (*end && *end != ',') || !(x >= .01 && x <= .95) || o->n_loads == BED_LOADS)
      return err_add(e, (struct where){0}, "testbed: --load is up to %d numbers from 0.01 to 0.95 with commas, not '%s'", BED_LOADS, text);
    o->load[o->n_loads++] = x;
    text = *end ? end + 1 : end;
  }
  return o->n_loads > 0 || err_add(e, (struct where){0}, "testbed: --load names no load");
}

static bool take_option(void *context, const char *option, const char *value, struct err *e)
{
  struct request *r = context;
  struct bed_options *o = &r->o;
  const struct option_text text[] = {
    {"-o", &o->dir}, {"--load", &r->load}, {"--requests", &r->requests}, {"--repeats", &r->repeats}, {"--link", &o->link},
    {"--profile", &o->profile},
    {"--batch-work", &o->batch_work}, {"--batch-parameter", &o->batch_parameter},
    {"--executions", &r->executions}, {"--seed", &r->seed}, {"--format", &r->format}, {"--planted-slow", &r->slow}};
  if (!value)
    return err_add(e, (struct where){0}, "testbed: a value is missing after '%s'", option);
  if (options_text(text, sizeof text / sizeof *text, option, value))
    return true;
  if (o->n_works == BED_WORKS)
    return err_add(e, (struct where){0}, "testbed: more than %d --work", BED_WORKS);
  o->work[o->n_works++] = value;
  return true;
}

static bool settle_numbers(struct request *r, struct err *e)
{
  struct bed_options *o = &r->o;
  long seed = 1;
  o->requests = o->quick ? QUICK_REQUESTS : FULL_REQUESTS;
  o->repeats = o->quick ? QUICK_REPEATS : FULL_REPEATS;
  o->executions = o->quick ? 400 : 1000;
  o->slow = r->slow ? atof(r->slow) : 1;
  bool good = read_loads(o, r->load ? r->load : ".3,.6,.85", e);
  good &= read_count("--requests", r->requests, 50, 10000000, &o->requests, e);
  good &= read_count("--repeats", r->repeats, 1, BED_REPEATS, &o->repeats, e);
  good &= read_count("--executions", r->executions, 50, 1000000, &o->executions, e);
  good &= read_count("--seed", r->seed, 0, 1000000000, &seed, e);
  o->seed = (uint64_t)seed;
  o->again = o->executions / 10;
  o->empties = (long)fmin((double)o->executions, o->quick ? 200 : 1000);
  o->json = r->format && !strcmp(r->format, "json");
  if (r->format && !o->json && strcmp(r->format, "table"))
    good = err_add(e, (struct where){0}, "testbed: --format is table or json, not '%s'", r->format);
  if (o->slow < 1 || o->slow > 10)
    good = err_add(e, (struct where){0}, "testbed: --planted-slow is from 1 to 10");
  return good;
}

/* Products of a small encoder's layers, .2 to .8 ms on a core of 80 GFLOP/s. Larger weights would measure the neighbours on
 * the machine: what they take out of the caches while a server idles comes back at memory speed. A profile begins at 384 x 384. */
static void settle_work(struct bed_options *o)
{
  static const char *const usual[2][3] = {
    {"gemm_f32:m=128,n=256,k=256", "gemm_f32:m=256,n=256,k=256", "gemm_f32:m=512,n=256,k=256"},
    {"gemm_f32:m=64,n=384,k=384", "gemm_f32:m=128,n=384,k=384", "gemm_f32:m=192,n=384,k=384"}};
  static const char *const batched[2] = {"gemm_f32:m=64,n=256,k=256", "gemm_f32:m=32,n=384,k=384"};
  bool profile = o->profile != NULL;
  if (o->n_works == 0)
    for (; o->n_works < 3; o->n_works++)
      o->work[o->n_works] = usual[profile][o->n_works];
  if (!o->batch_work)
    o->batch_work = batched[profile], o->batch_parameter = "m";
}

static bool read_arguments(struct request *r, int argc, char **argv, struct err *e)
{
  static const char *const known[] = {"-o", "--work", "--load", "--requests", "--repeats", "--link", "--profile", "--batch-work",
                                      "--batch-parameter",
                                      "--executions", "--seed", "--format", "--planted-slow"};
  const struct option_flag flags[] = {{"--batching", &r->o.batching}, {"--cold-starts", &r->o.cold_starts}, {"--quick", &r->o.quick},
                                      {"--quiet", &r->quiet}, {"--help", &r->help}, {"-h", &r->help}};
  const char *subject = NULL;
  argc = options_flags(argc, argv, flags, sizeof flags / sizeof *flags);
  if (r->help)
    return true;
  if (!options_read("testbed", argc, argv, known, sizeof known / sizeof *known, take_option, r, &subject, e))
    return false;
  if (subject)
    return err_add(e, (struct where){0}, "testbed takes options only, not '%s'", subject);
  settle_work(&r->o);
  if (!r->o.batch_parameter)
    err_add(e, (struct where){0}, "testbed: --batch-work needs the --batch-parameter that a batch multiplies");
  return settle_numbers(r, e) && !err_any(e);
}

/* ---- the machine ---------------------------------------------------------------------------------------------------- */

/* The last two cores that this process may use: the first one has the machine's interrupts. False: there is but one. */
static bool choose_cores(struct bed_options *o)
{
  cpu_set_t set;
  int found[2] = {0, 0}, n = 0;
  if (sched_getaffinity(0, sizeof set, &set))
    CPU_SET(0, &set);
  for (int c = CPU_SETSIZE - 1; c >= 0 && n < 2; c--)
    if (CPU_ISSET(c, &set))
      found[n++] = c;
  o->server_core = found[0];
  o->client_core = n == 2 ? found[1] : found[0];
  return n == 2;
}

/* This process shares the client's core while the load runs. */
static void stand_aside(const struct bed_options *o)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((unsigned)o->client_core, &set);
  if (sched_setaffinity(0, sizeof set, &set))
    fprintf(stderr, "testbed: cannot be pinned: %s\n", strerror(errno));
}

struct ticks { double steal, all; };
static struct ticks ticks_now(void)
{
  struct ticks t = {0};
  double x[8] = {0};
  FILE *f = fopen("/proc/stat", "r");
  if (f && fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &x[0], &x[1], &x[2], &x[3], &x[4], &x[5], &x[6], &x[7]) == 8)
    t.steal = x[7];
  for (int i = 0; i < 8; i++)
    t.all += x[i];
  if (f)
    fclose(f);
  return t;
}

/* ---- one round ------------------------------------------------------------------------------------------------------ */

struct pool { double *x; size_t n, room; };
static void pool_add(struct pool *p, const double *x, size_t n)
{
  if (p->n + n > p->room)
    p->x = grab_more(p->x, p->room = 2 * (p->n + n), sizeof *p->x);
  memcpy(p->x + p->n, x, n * sizeof *x);
  p->n += n;
}

/* What a bed collects over its rounds. */
enum { CORNERS = 4 };                                   /* of the band: kernels and cold starts faster and slower */
enum { MEASURED, PREDICTED, HINDSIGHT, BEFORE, CORNER, N_POOLS = CORNER + CORNERS };
struct collected {
  struct pool pool[N_POOLS];
  struct bed_known known[BED_REPEATS];
};

struct seen { double kernel_s, kernel_median, known_kernel_s, cpu_s, spent_s, batches, cold, late_s, overhead_s; };

static double pace_at(const struct bed_known *k, double at_s)
{
  int p = k->parts.n;
  while (p > 1 && at_s < k->parts.from_s[p - 1])
    p--;
  return p ? k->pace[p - 1] : 1;
}

static void look(const struct bed *b, const struct bed_records *r, const struct bed_known *k, struct seen *s)
{
  double *late = arena_array(b->arena, double, r->n), *over = arena_array(b->arena, double, r->n);
  double *times = arena_array(b->arena, double, r->n);  /* over the median of the calibrations */
  struct bed_sample sorted;
  for (size_t i = 0; i < r->n; i++) {
    const struct bed_record *one = &r->at[i];
    double share = 1. / one->batch;
    s->kernel_s += (one->at_s[BED_SERVED] - one->at_s[BED_SERVE]) * share;
    s->known_kernel_s += k->kernel[one->shape][one->batch - 1].mean * pace_at(k, one->at_s[BED_SERVE]) * share;
    s->cpu_s += one->cpu_s * share;
    s->spent_s += one->spent_s * share;
    s->batches += share;
    s->cold += one->cold * share;
    late[i] = one->at_s[BED_SENT] - one->at_s[BED_PLANNED];
    over[i] = bed_overhead_s(k, one);
    times[i] = (one->at_s[BED_SERVED] - one->at_s[BED_SERVE]) / bed_quantile(&k->kernel[one->shape][one->batch - 1], .5);
  }
  bed_sample_of(&sorted, b->arena, late, r->n);
  s->late_s = bed_quantile(&sorted, .99);
  bed_sample_of(&sorted, b->arena, over, r->n);
  s->overhead_s = sorted.mean;
  bed_sample_of(&sorted, b->arena, times, r->n);
  s->kernel_median = bed_quantile(&sorted, .5);
}

static void add_seen(struct bed_result *to, const struct bed_records *r, const struct seen *s, const struct bed_known *k)
{
  double n = to->rounds, share = 1 / (n + 1);           /* running means over rounds */
  to->kernel_factor += (s->kernel_s / s->known_kernel_s - to->kernel_factor) * share;
  to->kernel_median += (s->kernel_median - to->kernel_median) * share;
  to->cpu_share += (s->cpu_s / s->kernel_s - to->cpu_share) * share;
  to->occupancy_s += (s->spent_s / s->batches - to->occupancy_s) * share;
  double known_s = k->occupancy_s + k->more_s * ((double)r->n / s->batches - 1);
  to->known_occupancy_s += (known_s - to->known_occupancy_s) * share;
  to->overhead_s += (s->overhead_s - to->overhead_s) * share;
  to->known_overhead_s += (k->overhead.mean - to->known_overhead_s) * share;
  to->late_s += (s->late_s - to->late_s) * share;
  to->batch_mean += ((double)r->n / s->batches - to->batch_mean) * share;
  to->cold_share += (s->cold / (double)r->n - to->cold_share) * share;
  to->utilization += ((s->kernel_s + s->spent_s) * to->rate_per_s / (double)r->n - to->utilization) * share;
}

static bool simulate(const struct bed *b, const char *base, const char *variant, const struct bed_known *k, double factor,
                     struct pool *to, struct bed_sample *one, struct err *e)
{
  const char *scenario = arena_printf(b->arena, "%s%s.yaml", base, variant);
  if (!bed_write_scenario(b, base, variant, k, factor, e) || !bed_simulate(scenario, b->arena, one, e))
    return false;
  pool_add(to, one->s, one->n);
  return true;
}

/* The prediction with kernels and overheads as they were under load: what is left is the queue's. */
static bool hindsight(const struct bed *b, const char *base, const struct bed_known *k, const struct seen *s, size_t n,
                      struct pool *to, struct err *e)
{
  struct bed_known as_it_was = *k;
  as_it_was.costs = NULL;                               /* its kernels are those that were executed */
  struct bed_sample one;
  double shift_s = s->overhead_s - k->overhead.mean, factor = s->kernel_s / s->known_kernel_s;
  bed_sample_of(&as_it_was.overhead, b->arena, k->overhead.s, k->overhead.n);
  for (size_t i = 0; i < as_it_was.overhead.n; i++)
    as_it_was.overhead.s[i] = fmax(as_it_was.overhead.s[i] + shift_s, 0);
  bed_sample_settle(&as_it_was.overhead);
  double known_s = k->occupancy_s + k->more_s * ((double)n / s->batches - 1), spent_s = s->spent_s / s->batches / factor;
  as_it_was.occupancy_s = k->occupancy_s * spent_s / known_s;
  as_it_was.more_s = k->more_s * spent_s / known_s;
  return simulate(b, base, "-hindsight", &as_it_was, factor, to, &one, e);
}

/* Without those that asked for a calibration. */
static void leave_requests(struct bed_records *r)
{
  size_t n = 0;
  for (size_t i = 0; i < r->n; i++)
    if (r->at[i].shape >= 0)
      r->at[n++] = r->at[i];
  r->n = n;
}

/* What a round leaves before anybody looks at it. */
struct measured { struct bed_records records; struct bed_parts parts; struct bed_sample before; double steal_share; bool raised; };

static bool measure(const struct bed *b, int round, const char *base, struct bed_known *k, struct measured *m, struct err *e)
{
  struct bed_system system = {{.pid = -1, .out = -1}, {.pid = -1, .out = -1}};        /* a plan may fail before they start */
  struct pool none = {0};
  bool good = bed_write_plan(b, base, (uint64_t)round + (uint64_t)(b->load * 1000) * 1000, &m->parts, e)
              && bed_system_start(b, base, b->o->slow, &system, e) && bed_learn(b, &system, base, k, e)
              && simulate(b, base, "-before", k, 1, &none, &m->before, e);
  free(none.x);
  m->raised = good && system.server.raised && system.relay.raised;
  struct ticks before = ticks_now();
  good = good && bed_client(b, &system, base, arena_printf(b->arena, "%s.csv", base), false, &m->records, e);
  struct ticks after = ticks_now();
  good = good && bed_learn_after(b, &system, base, k, e);
  bed_system_stop(&system);
  m->steal_share = (after.steal - before.steal) / fmax(after.all - before.all, 1);
  return good;
}

/* The simulation has no calibrations: where a request waited for one (the machine stood still for a tenth of a second) the round
 * is measured again, and the last time taken if such requests are few: they are too late by a calibration, which quantiles up to
 * the 95th hardly tell. */
static bool measure_apart(const struct bed *b, int round, const char *base, struct bed_known *k, struct measured *m,
                          struct bed_result *to, struct err *e)
{
  enum { TRIES = 3, FEW_OF = 500 };
  long met = 0;
  for (int i = 0; i < TRIES; i++, to->anew++) {
    if (!measure(b, round, base, k, m, e))
      return false;
    met = bed_met_calibration(&m->records);
    if (met == 0 || (i == TRIES - 1 && met * FEW_OF <= (long)m->records.n)) {
      to->met += met;
      return true;
    }
  }
  return err_system(e, "testbed: %s: %ld requests met a calibration of the server, in each of %d attempts: the machine does "
                    "too much else, or calibrations take longer than planned", base, met, TRIES);
}

static bool run_round(const struct bed *b, int round, struct collected *c, struct bed_result *to, struct err *e)
{
  struct bed_known *k = &c->known[round];
  struct measured m = {0};
  struct bed_sample predicted, measured;
  struct seen seen = {0};
  const char *base = arena_printf(b->arena, "%s/%s-%.0f-r%d", b->o->dir, b->name, b->load * 100, round + 1);
  if (!measure_apart(b, round, base, k, &m, to, e) || !bed_learn_pace(b, base, &m.parts, k, e)
      || !simulate(b, base, "", k, 1, &c->pool[PREDICTED], &predicted, e))
    return false;
  struct bed_records r = m.records;
  pool_add(&c->pool[BEFORE], m.before.s, m.before.n);
  to->raised = m.raised;
  leave_requests(&r);
  double *latency = arena_array(b->arena, double, r.n);
  for (size_t i = 0; i < r.n; i++)
    latency[i] = r.at[i].at_s[BED_RECEIVED] - r.at[i].at_s[BED_PLANNED];
  bed_sample_of(&measured, b->arena, latency, r.n);
  pool_add(&c->pool[MEASURED], latency, r.n);
  look(b, &r, k, &seen);
  add_seen(to, &r, &seen, k);
  to->steal_share += m.steal_share / (double)b->o->repeats;
  to->round_p50[round] = bed_quantile(&predicted, .5) / bed_quantile(&measured, .5) - 1;
  to->round_p95[round] = bed_quantile(&predicted, .95) / bed_quantile(&measured, .95) - 1;
  for (int s = 0; s < b->n_shapes; s++)
    for (int i = 0; i < b->n_batch; i++)
      to->in_place_s[s][i] += (bed_quantile(&k->kernel[s][i], .5) - to->in_place_s[s][i]) / (to->rounds + 1);
  to->rounds++;
  return hindsight(b, base, k, &seen, r.n, &c->pool[HINDSIGHT], e);
}

/* ---- one bed -------------------------------------------------------------------------------------------------------- */

/* Squares of log deviations and their degrees of freedom, over all beds so far. */
struct scatter { double squares; int freedom; };
struct scatters { struct scatter kernel, cold; };

static double sigma_of(const struct scatter *s)
{
  return s->freedom > 2 ? sqrt(s->squares / s->freedom) : BLIND_SIGMA;
}

static double t_of(const struct scatter *s)
{
  return gsl_cdf_tdist_Pinv(.95, s->freedom > 2 ? s->freedom : 1e6);
}

/* The kernels of the load differ from those of the calibrations around it as odd calibrations do from even ones, and beside it
 * by what serving itself may add. Check: sigma 2 %, R = 5, many degrees, no SERVING_SIGMA: exp(1.645 x .02 / sqrt(5)) = 1.0148. */
static double kernel_band(struct scatter *all, const struct collected *c, int n)
{
  for (int i = 0; i < n; i++)
    all->squares += c->known[i].unlike * c->known[i].unlike;
  all->freedom += n;
  return bed_kernel_band(t_of(all), sigma_of(all), n, SERVING_SIGMA);
}

/* Cold starts of the load come from the same scatter as those before it: the difference of two means of R. */
static double cold_band(struct scatter *all, const struct collected *c, int n)
{
  double mean = 0;
  for (int i = 0; i < n; i++)
    mean += log(c->known[i].cold.mean) / n;
  for (int i = 0; i < n; i++)
    all->squares += pow(log(c->known[i].cold.mean) - mean, 2);
  all->freedom += n - 1;
  return exp(t_of(all) * sigma_of(all) * sqrt(2. / n));
}

static bool add_corner(const struct bed *b, int which, struct collected *c, const struct bed_result *to, struct err *e)
{
  static const char *const name[CORNERS] = {"-low", "-high", "-low-cold", "-high-cold"};
  struct bed_sample one;
  double kernels = b->o->costs ? 1 : to->band_factor;   /* a profile has its own band */
  double kernel = which % 2 ? kernels : 1 / kernels, cold = which % 2 == which / 2 ? 1 / to->cold_factor : to->cold_factor;
  for (int r = 0; r < to->rounds; r++) {
    struct bed_known k = c->known[r];
    const char *base = arena_printf(b->arena, "%s/%s-%.0f-r%d", b->o->dir, b->name, b->load * 100, r + 1);
    k.error = which % 2 ? BED_HIGH : BED_LOW;
    bed_sample_of(&k.cold, b->arena, k.cold.s, k.cold.n);
    for (size_t i = 0; i < k.cold.n; i++)
      k.cold.s[i] *= cold;
    bed_sample_settle(&k.cold);
    if (!simulate(b, base, name[which], &k, kernel, &c->pool[CORNER + which], &one, e))
      return false;
  }
  return true;
}

/* At each rank the least and the most of the corners and the prediction: more time for the kernels is less idleness and so
 * fewer cold starts. */
static bool add_bands(const struct bed *b, struct collected *c, struct bed_result *to, struct arena *keep, struct err *e)
{
  int corners = b->cold ? CORNERS : 2;
  struct bed_sample at;
  bool good = bed_sample_of(&to->low, keep, to->predicted.s, to->predicted.n)
              && bed_sample_of(&to->high, keep, to->predicted.s, to->predicted.n);
  for (int k = 0; k < corners && good; k++) {
    good = add_corner(b, k, c, to, e) && bed_sample_of(&at, b->arena, c->pool[CORNER + k].x, c->pool[CORNER + k].n);
    for (size_t i = 0; good && i < to->low.n && i < at.n; i++) {
      to->low.s[i] = fmin(to->low.s[i], at.s[i]);
      to->high.s[i] = fmax(to->high.s[i], at.s[i]);
    }
  }
  bed_sample_settle(&to->low), bed_sample_settle(&to->high);
  return good;
}

static bool run_bed(struct bed *b, struct scatters *all, bool quiet, struct bed_result *to, struct arena *keep, struct err *e)
{
  struct collected *c = grab(1, sizeof *c);
  bool good = true;
  *to = (struct bed_result){.name = b->name, .load = b->load, .rate_per_s = b->rate_per_s, .requests = b->o->requests,
                             .n_shapes = b->n_shapes, .n_batch = b->n_batch, .shape = b->batching ? &b->o->batch_work : b->o->work};
  for (int r = 0; r < (int)b->o->repeats && good; r++) {
    if (!quiet)
      fprintf(stderr, "testbed: %s, load %.0f %%, round %d of %ld (%.1f s)\n", b->name, b->load * 100, r + 1, b->o->repeats,
              (double)b->o->requests / b->rate_per_s);
    good = run_round(b, r, c, to, e);
  }
  struct bed_sample *sample[CORNER] = {&to->measured, &to->predicted, &to->hindsight, &to->before};
  for (int p = 0; p < CORNER; p++)
    good = good && bed_sample_of(sample[p], keep, c->pool[p].x, c->pool[p].n);
  if (good) {
    to->band_factor = kernel_band(&all->kernel, c, to->rounds);
    to->cold_factor = b->cold ? cold_band(&all->cold, c, to->rounds) : 1;
    good = add_bands(b, c, to, keep, e);
  }
  for (int p = 0; p < N_POOLS; p++)
    free(c->pool[p].x);
  free(c);
  return good;
}

/* ---- all beds ------------------------------------------------------------------------------------------------------- */

static bool write_weights(struct bed_options *o, struct arena *a, struct err *e)
{
  struct text t = {0};
  struct rng_root root = rng_root_make(o->seed, 0);
  struct rng draw = rng_open(&root, rng_name("testbed weights"), 0, 0);
  for (double n = 0; n < o->weights_bytes; n += sizeof(double)) {
    double x = rng_uniform(&draw);
    text_put_n(&t, (const char *)&x, sizeof x);
  }
  bool good = text_save(&t, arena_printf(a, "%s/weights.bin", o->dir), e);
  free(t.s);
  return good;
}

static struct bed bed_make(const struct request *r, int which)
{
  static const char *const name[CASES] = {"plain", "batching", "cold-starts", "batching-cold-starts"};
  struct bed b = {.o = &r->o, .name = name[which], .batching = which & 1, .cold = which & 2, .arena = arena_new(), .n_batch = 1};
  b.shape = b.batching ? &r->o.batch_work : r->o.work;
  b.n_shapes = b.batching ? 1 : r->o.n_works;
  b.n_batch = b.batching ? BED_BATCH : 1;
  return b;
}

static bool run_case(struct request *r, int which, struct scatters *all, struct bed_result *to, int *n, struct err *e)
{
  struct bed first = bed_make(r, which);
  struct bed_known *known = grab(1, sizeof *known);
  bool good = bed_first_times(&first, known, e);
  for (int i = 0; i < r->o.n_loads && good; i++) {
    struct bed b = bed_make(r, which);
    b.service_s = first.service_s;
    b.load = r->o.load[i];
    b.rate_per_s = b.load / b.service_s;
    b.stir_s = b.service_s;
    b.keep_alive_s = b.cold ? fmax(KEEP_ALIVE_GAPS / b.rate_per_s, KEEP_ALIVE_LEAST_S) : 0;
    good = (!b.batching || bed_time_again(&b, known, e)) && run_bed(&b, all, r->quiet, &to[*n], r->arena, e);
    *n += good;
    arena_free(b.arena);
  }
  arena_free(first.arena);
  free(known);
  return good;
}

static bool run_cases(struct request *r, struct bed_result *to, int *n, struct err *e)
{
  struct scatters all[2] = {{{0, 0}, {0, 0}}};                   /* without and with batches: other kernels */
  for (int which = 0; which < CASES; which++) {
    bool asked = (!(which & 1) || r->o.batching) && (!(which & 2) || r->o.cold_starts);
    if (asked && !run_case(r, which, &all[which & 1], to, n, e))
      return false;
  }
  return true;
}

/* ---- command -------------------------------------------------------------------------------------------------------- */

static const char *why_not_judged(const struct bed_options *o, bool two_cores)
{
  if (!two_cores)
    return "client and server share the only core";
  if (o->requests < FULL_REQUESTS || o->repeats < FULL_REPEATS)
    return "the bars are for at least 20000 requests and 5 repeats a load";
  return NULL;
}

static bool tell(const struct request *r, const struct bed_result *result, int n, const char *why_not, struct err *e)
{
  struct text t = {0};
  json *all = bed_json(&r->o, result, n, why_not);
  char *text = json_write(all, true);
  text_add(&t, "%s\n", text);
  bool good = text_save(&t, arena_printf(r->arena, "%s/report.json", r->o.dir), e);
  if (r->o.json)
    fputs(t.s, stdout);
  else
    bed_print(&r->o, result, n, why_not, stdout);
  for (int i = 0; i < n && good; i++)
    good = bed_figure(&r->o, &result[i], e);
  free(text), free(t.s);
  json_release(all);
  return good;
}

static bool make_folder(const char *dir, struct err *e)
{
  char path[4096];
  snprintf(path, sizeof path, "%s", dir);
  for (char *slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
    *slash = 0;
    if (mkdir(path, 0777) && errno != EEXIST)
      return err_system(e, "testbed: %s: %s", path, strerror(errno));
  }
  return mkdir(path, 0777) == 0 || errno == EEXIST || err_system(e, "testbed: %s: %s", dir, strerror(errno));
}

static int run_testbed(struct request *r, struct err *e)
{
  char program[4096];
  struct bed_result *result = grab(RESULTS, sizeof *result);
  int n = 0, code = EXIT_OK;
  bool two_cores = choose_cores(&r->o), good = kernels_find("offsim-kernels", program, sizeof program);
  if (!good)
    err_system(e, "testbed: there is no program offsim-kernels; looked for %s (`make` builds it; $OFFSIM_KERNELS names it)", program);
  r->o.kernels = program;
  good = good && make_folder(r->o.dir, e) && bed_write_link(&r->o, r->arena, e)
         && (!r->o.profile || bed_profile_read(&r->o, r->arena, e)) && write_weights(&r->o, r->arena, e);
  if (good)
    stand_aside(&r->o);
  const char *why_not = why_not_judged(&r->o, two_cores);
  good = good && run_cases(r, result, &n, e) && tell(r, result, n, why_not, e);
  for (int i = 0; i < n && good && !why_not; i++)
    code = bed_judge(&result[i]).within ? code : (int)EXIT_NEGATIVE;
  free(result);
  return good ? code : (int)e->code;
}

int cmd_testbed(int argc, char **argv)
{
  struct request r = {.o = {.dir = "results/testbed", .request_bytes = 2000, .reply_bytes = 256, .rate_Bps = 12.5e6, .weights_bytes = 8e6},
                      .arena = arena_new()};
  struct err e;
  sigset_t before;
  err_init(&e);
  int code = EXIT_OK;
  if (!read_arguments(&r, argc, argv, &e))
    code = EXIT_USER;
  else if (r.help)
    fputs(usage, stdout);
  else {
    measure_hold(&before);
    code = run_testbed(&r, &e);
    measure_let(&before);
  }
  err_say(&e);
  err_release(&e);
  arena_free(r.arena);
  return code;
}
