/* testbed_before.c: what the prediction may know: measured in the processes that take the load, while they do not take it: before
 * it, between its parts, and (cold starts) after it. What was known before alone makes a prediction of its own.
 *
 *   kernels    executed in random order, as often after a pause as the server will be idle (share 1 - load, mean 1 / rate)
 *   occupancy  of the worker by reading and answering an empty request, by the first of a batch and by each further one, where
 *              such come as often as the load's; the worker walks over memory in the kernel's place
 *   overhead   of the same requests: latency less link, less that walk, less queue, less occupancy
 *   cold       from a request that finds no worker to the moment at which the worker serves it, less what a warm one takes
 */
#include "experiments/calibrate/testbed.h"
#include "analysis/text.h"
#include "sim/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 80 };
#define KEEP_ALIVE_FIRST_S 0.004                        /* until the rates are known */
struct words { const char *at[WORDS]; int n; struct arena *arena; };

static void add(struct words *w, const char *name, const char *value)
{
  w->at[w->n++] = name;
  w->at[w->n++] = value;
}

static void add_number(struct words *w, const char *name, double value)
{
  add(w, name, arena_printf(w->arena, "%.9g", value));
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

bool bed_sample_of(struct bed_sample *to, struct arena *a, const double *x, size_t n)
{
  to->n = n;
  to->s = arena_array(a, double, n + 1);
  if (n)
    memcpy(to->s, x, n * sizeof *x);
  bed_sample_settle(to);
  qsort(to->s, n, sizeof *to->s, ascending);
  return n > 0;
}

void bed_sample_settle(struct bed_sample *s)
{
  double sum = 0;
  for (size_t i = 0; i < s->n; i++)
    sum += s->s[i];
  s->mean = s->n ? sum / (double)s->n : NAN;
}

/* The order statistic of rank ceil(q n). */
double bed_quantile(const struct bed_sample *s, double q)
{
  size_t k = (size_t)ceil(q * (double)s->n);
  return s->n ? s->s[k > 0 ? k - 1 : 0] : NAN;
}

/* ---- server and relay ----------------------------------------------------------------------------------------------- */

static void server_words(const struct bed *b, const char *base, double slow, struct words *w)
{
  const struct bed_options *o = b->o;
  w->at[w->n++] = o->kernels;
  w->at[w->n++] = "serve";
  for (int i = 0; i < b->n_shapes; i++)
    add(w, "--shape", b->shape[i]);
  add_number(w, "--core", o->server_core);
  add_number(w, "--seed", (double)(o->seed % 1000000));
  add_number(w, "--request", o->request_bytes);
  add_number(w, "--reply", o->reply_bytes);
  add_number(w, "--executions", (double)o->executions);
  add_number(w, "--again", (double)o->again);
  add(w, "--calibrate", arena_printf(w->arena, "%s-kernels.csv", base));
  add_number(w, "--slow", slow);
  add_number(w, "--time-limit", bed_limit_s(b));
  if (b->rate_per_s > 0) {
    add_number(w, "--idle", 1 - b->load);
    add_number(w, "--pause", fmin(1 / b->rate_per_s, .1));
    add_number(w, "--stir", fmin(b->stir_s, .1));
  }
  if (b->batching) {
    add_number(w, "--batch", b->n_batch);
    add(w, "--batch-parameter", o->batch_parameter);
    add_number(w, "--rate", b->rate_per_s);
  }
  if (b->keep_alive_s > 0) {
    add_number(w, "--keep-alive", b->keep_alive_s);
    add(w, "--weights", arena_printf(w->arena, "%s/weights.bin", o->dir));
  }
}

bool bed_system_start(const struct bed *b, const char *base, double slow, struct bed_system *s, struct err *e)
{
  struct words server = {.arena = b->arena}, relay = {.arena = b->arena};
  *s = (struct bed_system){{.pid = -1, .out = -1}, {.pid = -1, .out = -1}};
  server_words(b, base, slow, &server);
  if (!bed_start(&s->server, server.at, true, e))
    return false;
  relay.at[relay.n++] = b->o->kernels;
  relay.at[relay.n++] = "relay";
  add_number(&relay, "--port", s->server.port);
  add_number(&relay, "--core", b->o->client_core);
  add_number(&relay, "--time-limit", bed_limit_s(b));
  add(&relay, "--link", arena_printf(b->arena, "%s/link.csv", b->o->dir));
  return bed_start(&s->relay, relay.at, true, e);
}

void bed_system_stop(struct bed_system *s)
{
  bed_stop(&s->relay);
  bed_stop(&s->server);
}

bool bed_client(const struct bed *b, const struct bed_system *s, const char *base, const char *plan, bool closed,
                struct bed_records *r, struct err *e)
{
  struct bed_process client;
  struct words w = {.arena = b->arena};
  const char *records = arena_printf(b->arena, "%s-records.csv", base);
  int code = EXIT_SYSTEM;
  w.at[w.n++] = b->o->kernels;
  w.at[w.n++] = "client";
  add_number(&w, "--port", s->relay.port);
  add_number(&w, "--core", b->o->client_core);
  add_number(&w, "--patience", bed_patience_s(b));
  add_number(&w, "--time-limit", bed_limit_s(b));
  add(&w, "--plan", plan);
  add(&w, "--records", records);
  if (closed)
    add(&w, "--closed", "yes");
  if (!bed_start(&client, w.at, false, e) || !bed_end(&client, &code, e))
    return false;
  if (code != EXIT_OK)
    return err_system(e, "testbed: the client ended with %d", code);
  return bed_read_records(records, b->arena, r, e);
}

/* ---- kernels -------------------------------------------------------------------------------------------------------- */

/* Lines of block,shape,batch,wall_s,cpu_s. */
static bool read_times(const struct bed *b, const char *base, struct bed_known *k, struct err *e)
{
  size_t bytes, n = 0;
  char *text = text_load(arena_printf(b->arena, "%s-kernels.csv", base), &bytes, e), *rest = text, *line;
  if (!text)
    return false;
  double (*at)[3] = arena_alloc(b->arena, (bytes / 8 + 1) * sizeof *at), *x = arena_array(b->arena, double, bytes / 8 + 1);
  strsep(&rest, "\n");
  while ((line = strsep(&rest, "\n")) && sscanf(line, "%*d,%lf,%lf,%lf", &at[n][0], &at[n][1], &at[n][2]) == 3)
    n++;
  free(text);
  for (int s = 0; s < b->n_shapes; s++)
    for (int batch = 1; batch <= b->n_batch; batch++) {
      size_t found = 0;
      for (size_t i = 0; i < n; i++)
        if ((int)at[i][0] == s && (int)at[i][1] == batch)
          x[found++] = at[i][2];
      if (!bed_sample_of(&k->kernel[s][batch - 1], b->arena, x, found))
        return err_system(e, "testbed: %s was not timed often enough; more --executions", b->shape[s]);
    }
  return true;
}

/* ---- empty requests ------------------------------------------------------------------------------------------------- */

/* Pauses that a Poisson load has, each from the answer to the one before; least_s is added to each. Empty requests or real. */
static bool write_pauses(const struct bed *b, const char *path, long n, double least_s, bool real, struct err *e)
{
  struct text t = {0};
  struct rng_root root = rng_root_make(b->o->seed, 0);
  struct rng draw = rng_open(&root, rng_name("testbed pauses"), 0, 0);
  text_put(&t, "at_s,shape,bytes\n");
  for (long i = 0; i < n; i++)
    text_add(&t, "%.9f,%d,%.0f\n", least_s - log(rng_uniform_open(&draw)) / b->rate_per_s, real ? (int)(i % b->n_shapes) : -1,
             b->o->request_bytes);
  bool good = text_save(&t, path, e);
  free(t.s);
  return good;
}

static int by_service(const void *a, const void *b)
{
  double x = ((const struct bed_record *)a)->at_s[BED_SERVE], y = ((const struct bed_record *)b)->at_s[BED_SERVE];
  return (x > y) - (x < y);
}

/* The first record tells what the batch before it occupied the worker for, beside its kernel. */
struct told { double one_s, n_one, first_s, n_first, several_s, n_several, further; };
static void hear(struct told *t, const struct bed_record *before, double spent_s)
{
  if (before->cold)
    t->first_s += spent_s, t->n_first++;
  else if (before->batch == 1)
    t->one_s += spent_s, t->n_one++;
  else
    t->several_s += spent_s, t->n_several++, t->further += before->batch - 1;
}

/* Sorts the records. After a cold start reading and answering take 50 to 90 us more, all that they touch has gone out of the
 * caches; the request after that is left out. first_s NULL: nobody asks. */
static void find_occupancy(struct bed_records *r, struct bed_known *k, double *first_s)
{
  struct told t = {0};
  const struct bed_record *last = NULL, *before = NULL;
  qsort(r->at, r->n, sizeof *r->at, by_service);
  for (size_t i = 0; i < r->n; i++) {
    const struct bed_record *one = &r->at[i];
    if (before && one->at_s[BED_SERVE] == before->at_s[BED_SERVE])
      continue;
    if (last && !one->cold && (before->cold || !last->cold))
      hear(&t, before, one->spent_s);
    last = before, before = one;
  }
  if (t.n_one > 0)
    k->occupancy_s = t.one_s / t.n_one;
  k->more_s = t.further > 0 ? fmax((t.several_s - t.n_several * k->occupancy_s) / t.further, 0) : k->occupancy_s;
  if (first_s)
    *first_s = t.n_first > 0 ? fmax(t.first_s / t.n_first - k->occupancy_s, 0) : 0;
}

static bool learn_empty(const struct bed *b, const struct bed_system *s, const char *base, struct bed_known *k, struct err *e)
{
  struct bed_records r;
  const char *plan = arena_printf(b->arena, "%s-empty-plan.csv", base);
  if (!write_pauses(b, plan, b->o->empties, 0, false, e)
      || !bed_client(b, s, arena_printf(b->arena, "%s-empty", base), plan, true, &r, e))
    return false;
  double *to = arena_array(b->arena, double, r.n), *away = arena_array(b->arena, double, r.n);
  double first_s;
  size_t n = 0;
  for (size_t i = 1; i < r.n; i++) {
    const struct bed_record *one = &r.at[i];
    if (one->cold)
      continue;
    to[n] = one->at_s[BED_SERVE] - one->at_s[BED_UP_OUT];
    away[n++] = one->at_s[BED_RECEIVED] - one->at_s[BED_SERVED] + one->at_s[BED_UP_OUT] - one->at_s[BED_PLANNED];
  }
  struct bed_sample warm, gone;
  find_occupancy(&r, k, &first_s);
  if (!bed_sample_of(&warm, b->arena, to, n) || !bed_sample_of(&gone, b->arena, away, n))
    return err_system(e, "testbed: no empty request came through");
  k->ways = (struct bed_ways){bed_quantile(&warm, .5), bed_quantile(&gone, .25), first_s};
  return true;
}

/* ---- a crowd of empty requests --------------------------------------------------------------------------------------- */

#define CROWD_S 0.5
enum { CROWD_MOST = 5000 };

double bed_overhead_s(const struct bed_known *k, const struct bed_record *r)
{
  const double *at = r->at_s;
  double beside_s = (at[BED_UP_IN] - at[BED_PLANNED]) + (at[BED_UP_OUT] - at[BED_UP_DUE]) + (at[BED_DOWN_IN] - at[BED_SERVED])
                    + (at[BED_RECEIVED] - at[BED_DOWN_DUE]);
  return fmax(beside_s + k->ways.warm_s - k->occupancy_s - (r->batch - 1) * k->more_s / 2, 0);
}

/* Empty requests as often as those of the load: client and relay, on one core, then wait for each other, and answers of one
 * batch for those before them. At 85 % load that is 50 us more than one at a time, with batches 100. */
static bool learn_crowd(const struct bed *b, const struct bed_system *s, const char *base, struct bed_known *k, struct err *e)
{
  struct text t = {0};
  struct bed_records r;
  struct rng_root root = rng_root_make(b->o->seed, 0);
  struct rng draw = rng_open(&root, rng_name("testbed crowd"), 0, 0);
  long n = (long)fmin(fmax((double)b->o->empties, CROWD_S * b->rate_per_s), CROWD_MOST);
  const char *plan = arena_printf(b->arena, "%s-crowd-plan.csv", base);
  double at_s = 0;
  text_put(&t, "at_s,shape,bytes\n");
  for (long i = 0; i < n; i++)
    text_add(&t, "%.9f,-1,%.0f\n", at_s -= log(rng_uniform_open(&draw)) / b->rate_per_s, b->o->request_bytes);
  bool good = text_save(&t, plan, e);
  free(t.s);
  if (!good || !bed_client(b, s, arena_printf(b->arena, "%s-crowd", base), plan, false, &r, e))
    return false;
  double *over = arena_array(b->arena, double, r.n);
  find_occupancy(&r, k, NULL);
  for (size_t i = 0; i < r.n; i++)
    over[i] = bed_overhead_s(k, &r.at[i]);
  return bed_sample_of(&k->overhead, b->arena, over, r.n) || err_system(e, "testbed: no empty request came through");
}

/* ---- cold starts ----------------------------------------------------------------------------------------------------- */

/* Until the worker serves, and what its first request takes beyond a later one's; `name` says when. Real requests, the next
 * one an exponential gap after the worker began to go, as under load: going takes a while, in which nobody can start. Those
 * that still find the worker are left out; without memory, the gap of the others is the same. Adds to what is known. */
static bool learn_cold(const struct bed *b, const struct bed_system *s, const char *name, struct bed_known *k, struct err *e)
{
  struct bed_records r;
  const char *plan = arena_printf(b->arena, "%s-plan.csv", name);
  if (!write_pauses(b, plan, b->o->empties / 8 + 10, fmax(b->keep_alive_s - k->ways.away_s, 0), true, e)
      || !bed_client(b, s, name, plan, true, &r, e))
    return false;
  double *took = arena_array(b->arena, double, k->cold.n + r.n);
  size_t n = k->cold.n;
  if (n)
    memcpy(took, k->cold.s, n * sizeof *took);
  for (size_t i = 0; i < r.n; i++) {
    const struct bed_record *one = &r.at[i];
    if (one->cold)
      took[n++] = fmax(one->at_s[BED_SERVED] - one->at_s[BED_UP_OUT] - k->ways.warm_s - k->kernel[one->shape][0].mean + k->ways.first_s, 0);
  }
  return bed_sample_of(&k->cold, b->arena, took, n) || err_system(e, "testbed: no worker started cold");
}

bool bed_learn(const struct bed *b, const struct bed_system *s, const char *base, struct bed_known *k, struct err *e)
{
  *k = (struct bed_known){.costs = b->o->costs};
  return read_times(b, base, k, e) && learn_empty(b, s, base, k, e) && learn_crowd(b, s, base, k, e)
         && (!b->cold || learn_cold(b, s, arena_printf(b->arena, "%s-cold", base), k, e));
}

bool bed_learn_after(const struct bed *b, const struct bed_system *s, const char *base, struct bed_known *k, struct err *e)
{
  return !b->cold || learn_cold(b, s, arena_printf(b->arena, "%s-cold-after", base), k, e);
}

/* ---- between the parts of the load ---------------------------------------------------------------------------------- */

#define SLOW_MOST 1.5                                   /* times the mean: one execution held up is not the machine's pace */
struct timed { int shape, batch, calibration; double wall_s; };
struct timings { size_t n; struct timed *at; int n_calibrations; };

static bool read_timings(const struct bed *b, const char *base, struct timings *t, struct err *e)
{
  size_t bytes;
  int block, last = -1;
  char *text = text_load(arena_printf(b->arena, "%s-kernels.csv", base), &bytes, e), *rest = text, *line;
  if (!text)
    return false;
  *t = (struct timings){.at = arena_alloc(b->arena, (bytes / 8 + 1) * sizeof *t->at), .n_calibrations = 1};
  strsep(&rest, "\n");
  for (struct timed x; (line = strsep(&rest, "\n")) && sscanf(line, "%d,%d,%d,%lf", &block, &x.shape, &x.batch, &x.wall_s) == 4;) {
    t->n_calibrations += block != last;
    last = block;
    x.calibration = t->n_calibrations - 1;
    t->at[t->n++] = x;
  }
  free(text);
  return true;
}

/* Of each calibration the kernels' times over their means over all; over all executions, not calibrations, 1 in the mean: the
 * first calibration, of ten times as many, weighs ten others. */
static void find_paces(const struct bed_known *k, const struct timings *t, double *pace)
{
  double n[BED_PARTS + 2] = {0}, sum = 0;
  for (size_t i = 0; i < t->n; i++) {
    const struct timed *x = &t->at[i];
    double ratio = fmin(x->wall_s / k->kernel[x->shape][x->batch - 1].mean, SLOW_MOST);
    n[x->calibration]++;
    pace[x->calibration] += (ratio - pace[x->calibration]) / n[x->calibration];
    sum += ratio;
  }
  for (int c = 0; c < t->n_calibrations; c++)
    pace[c] /= sum / (double)t->n;
}

/* Odd ones are between even ones, as a part of the load is between two calibrations. */
static double unlikeness(const double *pace, int n)
{
  double odd = 0, even = 0;
  for (int c = 0; c < n; c++)
    *(c % 2 ? &odd : &even) += log(pace[c]);
  return odd / (n / 2) - even / (n - n / 2);
}

static bool without_pace(const struct bed *b, const struct timings *t, const double *pace, struct bed_known *k, struct err *e)
{
  double *x = arena_array(b->arena, double, t->n + 1);
  for (int s = 0; s < b->n_shapes; s++)
    for (int batch = 1; batch <= b->n_batch; batch++) {
      size_t n = 0;
      for (size_t i = 0; i < t->n; i++)
        if (t->at[i].shape == s && t->at[i].batch == batch)
          x[n++] = t->at[i].wall_s / pace[t->at[i].calibration];
      if (!bed_sample_of(&k->kernel[s][batch - 1], b->arena, x, n))
        return err_system(e, "testbed: %s was not timed often enough; more --executions", b->shape[s]);
    }
  return true;
}

bool bed_learn_pace(const struct bed *b, const char *base, const struct bed_parts *parts, struct bed_known *k, struct err *e)
{
  struct timings t;
  double pace[BED_PARTS + 2] = {0}, *around = pace + 1; /* the first calibration was long before the load */
  if (!read_times(b, base, k, e) || !read_timings(b, base, &t, e))
    return false;
  if (t.n_calibrations != parts->n + 2)
    return err_system(e, "testbed: %d calibrations around %d parts of a load", t.n_calibrations - 1, parts->n);
  find_paces(k, &t, pace);
  k->parts = *parts;
  for (int p = 0; p < parts->n; p++)
    k->pace[p] = sqrt(around[p] * around[p + 1]);
  k->unlike = unlikeness(around, parts->n + 1);
  return without_pace(b, &t, pace, k, e);
}

/* Batches by the load's rate: those sizes are then as warm as they will be. */
bool bed_time_again(struct bed *b, struct bed_known *k, struct err *e)
{
  struct bed_system s;
  const char *base = arena_printf(b->arena, "%s/%s-%.0f", b->o->dir, b->name, b->load * 100);
  double n = 0, sum = 0;
  bool good = bed_system_start(b, base, 1, &s, e) && read_times(b, base, k, e);
  bed_system_stop(&s);
  for (int i = 0; i < b->n_batch && good; i++)
    n += (double)k->kernel[0][i].n, sum += k->kernel[0][i].mean * (double)k->kernel[0][i].n;
  b->stir_s = good ? sum / n : b->stir_s;
  return good;
}

bool bed_first_times(struct bed *b, struct bed_known *k, struct err *e)
{
  const char *base = arena_printf(b->arena, "%s/%s", b->o->dir, b->name);
  bool good = true;
  b->load = .5;
  for (int pass = 0; pass < 2 && good; pass++) {        /* the second one with pauses of that service */
    struct bed_system s;
    good = bed_system_start(b, base, 1, &s, e) && (pass ? bed_learn(b, &s, base, k, e) : read_times(b, base, k, e));
    bed_system_stop(&s);
    b->service_s = k->occupancy_s + k->more_s * (b->n_batch - 1);
    for (int i = 0; i < b->n_shapes && good; i++)
      b->service_s += k->kernel[i][b->n_batch - 1].mean / b->n_shapes;
    b->service_s /= b->n_batch;
    b->rate_per_s = b->load / b->service_s;
    b->stir_s = b->service_s * b->n_batch;
    b->keep_alive_s = b->cold ? KEEP_ALIVE_FIRST_S : 0;
  }
  return good;
}
