/* bench_flows.c: what flows over several links at once cost (models/maxmin.c).
 *
 * flow_update: n flows at once, each over one of n / 10 access links (at least 2; 20 to 200 MB/s) and one of 8 shared
 * ones (together half of what the access links carry), so that both kinds are bottlenecks and every flow is tied to
 * every other. Whoever ends begins anew elsewhere after 1 us: an update is one beginning or one end, with all rates
 * settled. The bars lie on one line c n log n.
 * flows_one_link: flows over one link, all begun within half of the time that they take together, so that half of them
 * flow at once: begin to end of all.
 */
#include "experiments/bench.h"
#include "models/maxmin.h"
#include "sim/rng.h"
#include "sim/zeros.h"
#include <stdlib.h>

enum { SHARED = 8, REPETITIONS = 5, STREAM = 1 };

struct flow { struct maxmin_flow flow; struct flows *all; };
struct flows {
  struct sim *sim;
  struct maxmin *maxmin;
  struct rng rng;
  struct flow *flow;
  uint32_t n, access, ends;
};

static void on_begin(struct sim *sim, void *subject)
{
  (void)sim;
  struct flow *f = subject;
  struct flows *all = f->all;
  uint32_t route[2] = {(uint32_t)rng_below(&all->rng, SHARED), SHARED + (uint32_t)rng_below(&all->rng, all->access)};
  maxmin_join(all->maxmin, &f->flow, route, 2, 1e6 * rng_exponential(&all->rng));
}

static void on_end(struct sim *sim, void *context, struct maxmin_flow *flow)
{
  ((struct flows *)context)->ends++;
  sim_after(sim, 1000, PRIORITY_ARRIVE, on_begin, holder_of(flow, struct flow, flow));
}

static struct flows flows_new(uint32_t n, uint64_t seed, maxmin_done_fn *done, struct flows *home)
{
  struct rng_root root = rng_root_make(seed, 0);
  struct flows all = {.sim = sim_new(), .rng = rng_open(&root, STREAM, 0, 0), .n = n, .access = n / 10 < 2 ? 2 : n / 10};
  all.maxmin = maxmin_new(all.sim, done, home);
  all.flow = zeros_new(n, sizeof *all.flow);
  for (uint32_t i = 0; i < n; i++) all.flow[i].all = home;
  return all;
}

static void flows_free(struct flows *all)
{
  maxmin_free(all->maxmin);
  sim_free(all->sim);
  free(all->flow);
}

static void run_until_ends(struct flows *all, uint32_t ends)
{
  while (all->ends < ends && sim_step(all->sim)) {}
}

struct size { uint32_t n, ends; uint64_t seed; };

/* ns an update. The first n ends are not counted: until then the flows have begun at one instant. */
static double update_once(void *subject)
{
  struct size *size = subject;
  struct flows all = flows_new(size->n, ++size->seed, on_end, &all);
  double sum = 0;
  for (uint32_t k = 0; k < SHARED; k++) maxmin_link(all.maxmin, 55e6 * all.access / SHARED);
  for (uint32_t k = 0; k < all.access; k++) maxmin_link(all.maxmin, 20e6 + 180e6 * rng_uniform(&all.rng));
  for (uint32_t i = 0; i < all.n; i++) sim_at(all.sim, 0, PRIORITY_ARRIVE, on_begin, &all.flow[i]);
  run_until_ends(&all, size->n);
  double before = cpu_time_ns();
  run_until_ends(&all, size->n + size->ends);
  sum = (cpu_time_ns() - before) / (2 * size->ends);
  flows_free(&all);
  return sum;
}

static double update(uint32_t n, uint32_t ends)
{
  return bench_median(REPETITIONS, update_once, &(struct size){.n = n, .ends = ends});
}

double bench_flow_update_10(void) { return update(10, 20000); }
double bench_flow_update_100(void) { return update(100, 10000); }
double bench_flow_update_1000(void) { return update(1000, 2000); }
double bench_flow_update_10000(void) { return update(10000, 400); }

/* Over an update of 10 flows. The larger ones once: what differs between two is less than what the bars leave. */
static double growth(uint32_t n, uint32_t ends)
{
  double few = update(10, 20000);
  return bench_median(n > 1000 ? 1 : 3, update_once, &(struct size){.n = n, .ends = ends}) / few;
}

double bench_flow_growth_100(void) { return growth(100, 10000); }
double bench_flow_growth_1000(void) { return growth(1000, 2000); }
double bench_flow_growth_10000(void) { return growth(10000, 400); }

/* ---- one link ---------------------------------------------------------------------------------------------------- */

static void on_begin_one(struct sim *sim, void *subject)
{
  (void)sim;
  struct flow *f = subject;
  maxmin_join(f->all->maxmin, &f->flow, (uint32_t[]){0}, 1, 1e6 * rng_exponential(&f->all->rng));
}

static void on_end_one(struct sim *sim, void *context, struct maxmin_flow *flow)
{
  (void)sim;
  (void)flow;
  ((struct flows *)context)->ends++;
}

static double one_link_once(void *subject)
{
  struct size *size = subject;
  double before = cpu_time_ns();
  struct flows all = flows_new(size->n, ++size->seed, on_end_one, &all);
  maxmin_link(all.maxmin, 1e9);
  double within_s = .5 * size->n * 1e6 / 1e9;
  for (uint32_t i = 0; i < all.n; i++)
    sim_at(all.sim, ns_from_s(within_s * rng_uniform(&all.rng)), PRIORITY_ARRIVE, on_begin_one, &all.flow[i]);
  run_until_ends(&all, all.n);
  sim_assert(all.ends == all.n);
  flows_free(&all);
  return (cpu_time_ns() - before) / 1e9;
}

double bench_flows_one_link_5000(void) { return bench_median(REPETITIONS, one_link_once, &(struct size){.n = 5000}); }
double bench_flows_one_link_10000(void) { return bench_median(REPETITIONS, one_link_once, &(struct size){.n = 10000}); }
