/* testbed_predict.c: the scenario of a round, from what was measured before or around its load, and its run.
 *
 * Arrivals and shapes are the round's plan itself: the same file goes to the client and to the simulator, so that what
 * differs is not the draw. The link is the same file too. Service is the measured kernel and the occupancy by an empty request;
 * what else an empty request costs stands on a link of its own between relay and server.
 */
#include "experiments/calibrate/testbed.h"
#include "analysis/text.h"
#include "models/world.h"
#include "scenarios/scenario.h"
#include "sim/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Values that stand for a measured distribution, each the mean of its share of the values. */
enum { POINTS = 200 };

enum { PART_LEAST = 200 };                              /* requests */
enum { FIRST = 10 };                                    /* executions of a calibration that are not told (serve) */
#define DRAIN_S 0.05                                    /* after a part, before the calibration */
#define SLOT_S 0.1                                      /* for a calibration, beside what it should take */
#define SLOT_SLACK 1.3

static double slot_s(const struct bed *b)
{
  double one_s = b->service_s * b->n_batch + (1 - b->load) * fmin(1 / b->rate_per_s, .1);
  return SLOT_SLACK * one_s * (double)(b->o->again + FIRST) + b->keep_alive_s + b->o->link_most_s + SLOT_S;
}

/* The last request arrives, and what came together behind an outage is worked off. */
static double drain_s(const struct bed *b)
{
  return DRAIN_S + (1 + b->load) * b->o->link_most_s;
}

#define PATIENCE_S 10.0
double bed_patience_s(const struct bed *b)
{
  return PATIENCE_S + (b->rate_per_s > 0 ? slot_s(b) + drain_s(b) : 0) + 2 * b->o->link_most_s;
}

#define LIMIT_S 600.0                                   /* while the rates are unknown; on top of twice what it should take */
double bed_limit_s(const struct bed *b)
{
  if (b->rate_per_s <= 0)
    return LIMIT_S;
  double each_s = b->service_s * b->n_batch + 1 / b->rate_per_s + b->keep_alive_s + 2 * b->o->link_most_s;
  double before_s = each_s * (double)(b->o->executions + 3 * b->o->empties);
  return LIMIT_S + 2 * (before_s + (double)b->o->requests / b->rate_per_s + (BED_PARTS + 1) * (slot_s(b) + drain_s(b)));
}

static double put_calibration(struct text *t, const struct bed *b, double at_s)
{
  text_add(t, "%.9f,%d,%.0f\n", at_s, BED_CALIBRATE, b->o->request_bytes);
  return at_s + slot_s(b);
}

bool bed_write_plan(const struct bed *b, const char *base, uint64_t round, struct bed_parts *parts, struct err *e)
{
  struct text t = {0};
  struct rng_root root = rng_root_make(b->o->seed, round);
  struct rng gap = rng_open(&root, rng_name("testbed arrivals"), 0, 0), shape = rng_open(&root, rng_name("testbed shapes"), 0, 0);
  long n = b->o->requests;
  double at_s = 0;
  *parts = (struct bed_parts){.n = (int)fmax(1, fmin(BED_PARTS, (double)(n / PART_LEAST)))};
  text_put(&t, "at_s,shape,bytes\n");
  for (long i = 0, part = 0; i < n; i++) {
    if (part < parts->n && i == part * n / parts->n)
      parts->from_s[part++] = at_s = put_calibration(&t, b, i ? at_s + drain_s(b) : 0);
    at_s -= log(rng_uniform_open(&gap)) / b->rate_per_s;
    int which = (int)(rng_uniform(&shape) * b->n_shapes);
    text_add(&t, "%.9f,%d,%.0f\n", at_s, which, b->o->request_bytes);
  }
  parts->end_s = put_calibration(&t, b, at_s + drain_s(b));
  bool good = text_save(&t, arena_printf(b->arena, "%s.csv", base), e);
  free(t.s);
  return good;
}

/* ---- scenario ------------------------------------------------------------------------------------------------------- */

/* {empirical: {values: [...]}} of factor x value + more, in us. */
static void put_sample(struct text *t, const struct bed_sample *s, double factor, double more_s)
{
  size_t points = s->n < POINTS ? s->n : POINTS;
  text_put(t, "{empirical: {values: [");
  for (size_t p = 0; p < points; p++) {
    size_t from = p * s->n / points, to = (p + 1) * s->n / points;
    double sum = 0;
    for (size_t i = from; i < to; i++)
      sum += s->s[i];
    text_add(t, "%s%.3f us", p ? ", " : "", (sum / (double)(to - from) * factor + more_s) * 1e6);
  }
  text_put(t, "]}}");
}

static double batch_s(const struct bed_known *k, int size)
{
  return k->costs ? bed_cost_s(&k->costs->batch[size - 1], k->error) : k->kernel[0][size - 1].mean;
}

static void put_batching(struct text *t, const struct bed *b, const struct bed_known *k, double factor)
{
  text_add(t, ",\n     batching: {kind: dynamic, size: %d, time: {table: {sizes: [", b->n_batch);
  for (int i = 1; i <= b->n_batch; i++)
    text_add(t, "%s%d", i > 1 ? ", " : "", i);
  text_put(t, "],\n       times: [");
  for (int i = 1; i <= b->n_batch; i++)
    text_add(t, "%s%.3f us", i > 1 ? ", " : "", (batch_s(k, i) + k->occupancy_s + (i - 1) * k->more_s) * factor * 1e6);
  text_put(t, "]}}}");
}

/* The simulator takes what a kernel costs from the profile itself; what a batch of them takes stands in a table. */
static bool by_kernels(const struct bed *b, const struct bed_known *k)
{
  return k->costs && !b->batching;
}

static void put_server(struct text *t, const struct bed *b, const struct bed_known *k, double factor)
{
  text_add(t, "  - {name: server, tier: edge, zone: here, servers: 1, discipline: fifo%s", by_kernels(b, k) ? ", hardware: machine" : "");
  if (b->batching)
    put_batching(t, b, k, factor);
  if (b->cold) {
    text_add(t, ",\n     instances: {min: 0, max: 1, keep_alive: %.3f us, cold_start: ", b->keep_alive_s * 1e6);
    put_sample(t, &k->cold, 1, 0);
    text_put(t, "}");
  }
  text_put(t, "}\n");
}

static bool put_class(struct text *t, const struct bed *b, const struct bed_known *k, double factor, const char *plan, int shape,
                      struct err *e)
{
  text_add(t, "  - name: shape-%d    # %s\n    from: [client]\n", shape, b->shape[shape]);
  text_add(t, "    arrivals: {trace: {file: %s, time: {column: at_s, as: s, origin: zero}, where: {column: shape, value: %d}}}\n",
           plan, shape);
  text_add(t, "    input: %.0f B\n    pipeline:\n      - {task: work, places: [server], output: %.0f B,\n         work: ",
           b->o->request_bytes, b->o->reply_bytes);
  bool good = true;
  if (by_kernels(b, k)) {
    good = bed_put_work(t, b->shape[shape], NULL, 1, e);
  } else if (b->batching) {
    text_put(t, "{time: 0 s}");
  } else {
    text_put(t, "{time: ");
    put_sample(t, &k->kernel[shape][0], factor, k->occupancy_s * factor);
    text_put(t, "}");
  }
  text_put(t, "}\n");
  return good;
}

static void put_links(struct text *t, const struct bed *b, const struct bed_known *k)
{
  text_put(t, "links:\n");
  text_add(t, "  - {name: access, between: [client, relay], kind: fixed,\n     %s}\n", b->o->link_keys);
  text_put(t, "  - {name: machine, between: [relay, server], rate: unlimited,\n     rtt: ");
  put_sample(t, &k->overhead, 1, 0);
  text_put(t, "}\n");
}

/* From the calibrations around it: how fast the machine was in each part of the load. A profile does not know that. */
static void put_paces(struct text *t, const struct bed_known *k)
{
  int n = k->costs ? 0 : k->parts.n;
  if (n)
    text_put(t, "changes:\n");
  for (int p = 0; p < n; p++)
    text_add(t, "  - {path: places.server.speed, at: %.6f s, to: %.5f}\n", k->parts.from_s[p], 1 / k->pace[p]);
}

bool bed_write_scenario(const struct bed *b, const char *base, const char *variant, const struct bed_known *k, double factor, struct err *e)
{
  struct text t = {0};
  const char *slash = strrchr(base, '/'), *name = slash ? slash + 1 : base;
  text_add(&t, "# Written by `offsim testbed` from what it measured %s.\n",
           k->parts.n ? "around the load: before it, between its parts and after it" : "before the load alone");
  text_add(&t, "name: %s%s\nseed: 1\nhorizon: {kind: terminating, duration: %.3f s, drain_max: 1 min}\nreplications: 1\n",
           name, variant, (double)b->o->requests / b->rate_per_s * 1.5 + 10 + (BED_PARTS + 1) * (slot_s(b) + drain_s(b)));
  if (by_kernels(b, k))
    bed_put_hardware(&t, k);
  text_put(&t, "primary: latency_p50_s\nplaces:\n  - {name: client, tier: device, zone: here, count: 1}\n"
               "  - {name: relay, tier: edge, zone: here, servers: 1}\n");
  put_server(&t, b, k, factor);
  put_links(&t, b, k);
  text_put(&t, "classes:\n");
  const char *plan = arena_printf(b->arena, "%s.csv", name);
  bool good = true;
  for (int i = 0; i < b->n_shapes; i++)
    good &= put_class(&t, b, k, factor, plan, i, e);
  put_paces(&t, k);
  text_put(&t, "telemetry: ideal\npolicies: [always_edge]\n");
  good = good && text_save(&t, arena_printf(b->arena, "%s%s.yaml", base, variant), e);
  free(t.s);
  return good;
}

/* ---- its run -------------------------------------------------------------------------------------------------------- */

struct latencies { double *s; size_t n, room; };

static void on_request(void *context, const struct request_record *r, const double *attribute, int n_attributes)
{
  struct latencies *l = context;
  if (!r->measured || r->status != STATUS_COMPLETED)
    return;
  if (l->n == l->room) {
    l->room = l->room ? 2 * l->room : 4096;
    l->s = grab_more(l->s, l->room, sizeof *l->s);
  }
  l->s[l->n++] = (double)(r->completed_ns - r->arrived_ns) * 1e-9;
}

bool bed_simulate(const char *path, struct arena *a, struct bed_sample *to, struct err *e)
{
  struct latencies l = {0};
  struct run_summary summary;
  struct scenario *s = scenario_load(path, NULL, 0, e);
  struct run_setup setup = {.sink = {.context = &l, .request = on_request}};
  if (!s)
    return false;
  setup.def = &s->world, setup.policy = s->n_policies ? s->policy : NULL, setup.seed = s->seed;
  struct world *w = world_new(&setup, e);
  bool good = w && world_run(w, &summary, e);
  if (good)
    good = bed_sample_of(to, a, l.s, l.n) || err_system(e, "%s: no request was completed", path);
  if (w)
    world_free(w);
  scenario_free(s);
  free(l.s);
  return good;
}
