/* bench_llm.c: what an iteration of an LLM engine costs, and a real hour on two of them.
 *
 * llm_iterations_per_s.batchB: B requests of staggered output lengths always in the batch (vLLM V1, reference step time):
 * each that ends is followed by another, so prompts, completions and new KV blocks come at their natural share.
 * azure_conv_hour_s: the Azure conversation hour (requests of at most 4096 tokens) on two replicas, round robin, with
 * TTFT, TPOT and end-to-end latency of every request as moments and quantiles.
 */
#include "experiments/bench.h"
#include "models/engine.h"
#include "models/workload.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/rng.h"
#include "sim/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REPETITIONS = 5, KV_BLOCKS = 4000 };

/* ---- a constant batch ----------------------------------------------------------------------------------------------- */

struct constant_batch { uint32_t n; uint64_t iterations, started; };

/* 64 to 190 tokens to read, 100 to 400 to give. */
static void next_request(struct engine *e, struct constant_batch *c, struct engine_request *r)
{
  uint64_t k = c->started++;
  *r = (struct engine_request){.prompt = 64 + (uint32_t)(k * 37 % 127), .output = 100 + (uint32_t)(k * 61 % 301)};
  sim_assert(engine_enter(e, r) == ENGINE_FITS);
}

static void again(struct sim *s, struct engine_request *r)
{
  next_request(r->engine, sim_world(s), r);
}

static double iterations_once(void *subject)
{
  struct constant_batch *c = subject;
  struct engine_def def = engine_def_default(VLLM_V1, KV_BLOCKS);
  struct engine_request *requests = calloc(c->n, sizeof *requests);
  struct engine_meters m = {0};
  struct sim *s = sim_new();
  if (!requests)
    check_out_of_memory(c->n * sizeof *requests);
  struct engine *e = engine_new(s, &def, steptime_reference(), &(struct engine_events){.done = again});
  sim_set_world(s, c);
  for (uint32_t i = 0; i < c->n; i++)
    next_request(e, c, &requests[i]);
  double before = cpu_time_ns();
  for (; m.iterations < c->iterations; engine_meters(e, &m))
    for (int i = 0; i < 1000; i++)
      sim_step(s);
  double per_s = (double)m.iterations / ((cpu_time_ns() - before) / 1e9);
  sim_assert(fabs((double)m.batch_sum / (double)m.iterations - c->n) < 0.05 * c->n);
  engine_free(e);
  sim_free(s);
  free(requests);
  return per_s;
}

double bench_llm_batch4(void)
{
  return bench_median(REPETITIONS, iterations_once, &(struct constant_batch){.n = 4, .iterations = 4000000});
}

double bench_llm_batch36(void)
{
  return bench_median(REPETITIONS, iterations_once, &(struct constant_batch){.n = 36, .iterations = 1000000});
}

/* ---- the hour ------------------------------------------------------------------------------------------------------- */

enum { REPLICAS = 2, TOKENS_MAX = 4096, N_METRICS = 3, ATTRIBUTES_MAX = 16 };
struct hour {
  struct engine *engine[REPLICAS];
  struct source *source;
  struct pool *requests;
  int prompt_at, output_at;                             /* index of the attribute */
  struct engine_request *next;                          /* to arrive */
  uint64_t arrived, done;
  struct moments moments[N_METRICS];
  struct quantiles *quantiles[N_METRICS];               /* TTFT, TPOT, end to end */
};

static void arrive(struct sim *, void *);

static void draw_next(struct sim *s, struct hour *h)
{
  double a[ATTRIBUTES_MAX] = {0};
  sim_time at;
  while (source_next(h->source, &at, a))
    if (a[h->prompt_at] >= 1 && a[h->output_at] >= 1 && a[h->prompt_at] <= TOKENS_MAX) {
      h->next = pool_take(h->requests);
      h->next->prompt = (uint32_t)a[h->prompt_at];
      h->next->output = (uint32_t)a[h->output_at];
      sim_at(s, at > sim_now(s) ? at : sim_now(s), PRIORITY_ARRIVE, arrive, h);
      return;
    }
}

static void arrive(struct sim *s, void *subject)
{
  struct hour *h = subject;
  uint32_t to = engine_route(ROUTE_ROUND_ROBIN, h->engine, REPLICAS, h->arrived++, h->next);
  sim_assert(engine_enter(h->engine[to], h->next) == ENGINE_FITS);
  draw_next(s, h);
}

static void hour_done(struct sim *s, struct engine_request *r)
{
  struct hour *h = sim_world(s);
  double made = r->output > 1 ? r->output - 1 : 1;
  double value[N_METRICS] = {s_from_ns(r->first_token - r->arrived), s_from_ns(sim_now(s) - r->first_token) / made,
                             s_from_ns(sim_now(s) - r->arrived)};
  for (int k = 0; k < N_METRICS; k++) {
    moments_add(&h->moments[k], value[k]);
    quantiles_add(h->quantiles[k], value[k]);
  }
  h->done++;
  pool_give(h->requests, r);
}

static void hour_run(struct hour *h, struct sim *s)
{
  struct engine_def def = engine_def_default(VLLM_V1, KV_BLOCKS);
  struct engine_events on = {.done = hour_done};
  sim_set_world(s, h);
  for (int i = 0; i < REPLICAS; i++)
    h->engine[i] = engine_new(s, &def, steptime_reference(), &on);
  draw_next(s, h);
  sim_run(s, SIM_NEVER);
  sim_assert(h->done == h->arrived && h->done > 0);
  for (int k = 0; k < N_METRICS; k++)
    for (int q = 0; q < 3; q++)
      sim_assert(quantile_of(h->quantiles[k], ((const double[]){0.5, 0.95, 0.99})[q]) >= 0);
  for (int i = 0; i < REPLICAS; i++)
    engine_free(h->engine[i]);
}

static int attribute_index(const struct class_def *c, const char *name)
{
  int i = 0;
  while (i < c->n_attributes && strcmp(c->attribute[i].name, name))
    i++;
  sim_assert(i < c->n_attributes && c->n_attributes <= ATTRIBUTES_MAX);
  return i;
}

static double hour_once(void *subject)
{
  const struct scenario *scenario = subject;
  struct rng_root root = rng_root_make(1, 0);
  struct err err;
  err_init(&err);
  struct sim *s = sim_new();
  double before = cpu_time_ns();
  struct hour h = {.source = source_new(&scenario->world, 0, &root, &err), .requests = pool_new(sizeof(struct engine_request))};
  sim_assert(h.source);
  h.prompt_at = attribute_index(scenario->world.klass, "prompt_tokens");
  h.output_at = attribute_index(scenario->world.klass, "output_tokens");
  for (int k = 0; k < N_METRICS; k++)
    h.quantiles[k] = quantiles_new();
  hour_run(&h, s);
  double cpu_s = (cpu_time_ns() - before) / 1e9;
  for (int k = 0; k < N_METRICS; k++)
    quantiles_free(h.quantiles[k]);
  source_free(h.source);
  pool_free(h.requests);
  sim_free(s);
  err_release(&err);
  return cpu_s;
}

double bench_azure_conv_hour(void)
{
  struct scenario *s = load_bench("azure-conv-hour.yaml", NULL, 0);
  if (!s)
    return NAN;
  double cpu_s = bench_median(REPETITIONS, hour_once, s);
  scenario_free(s);
  return cpu_s;
}
