/* bench_cache.c: what a request costs a cache of answers, by how many it keeps.
 *
 * The cache is full and items come from twice as many, all alike: half of the requests find an answer and use it, the others
 * put one in the place of the least used one. Growth: the same with 10^6 answers as a multiple of 10^3; a search through all
 * of them would be 1000, what is left here is memory that the processor's caches do not hold.
 */
#include "experiments/bench.h"
#include "models/cache.h"
#include "sim/check.h"

#include <stdlib.h>

enum { REQUESTS = 1 << 19, REPETITIONS = 5 };

struct cache_run { struct answers *answers; uint64_t *item; sim_time now; };

static double requests_once(void *subject)
{
  struct cache_run *run = subject;
  double before = cpu_time_ns();
  for (int i = 0; i < REQUESTS; i++) {
    sim_time now = ++run->now;
    if (answers_look(run->answers, run->item[i], now)) answers_use(run->answers, run->item[i], now);
    else (void)answers_put(run->answers, run->item[i], now, (struct answer){1, 1});
  }
  return (cpu_time_ns() - before) / REQUESTS;
}

static double cache_ns(uint64_t entries)
{
  const struct answers_limits limits = {.entries = entries, .evict = EVICT_LFU, .ttl = INT64_C(1) << 40, .refresh = true};
  struct cache_run run = {.answers = answers_new(&limits), .item = calloc(REQUESTS, sizeof *run.item)};
  struct rng_root root = rng_root_make(1, 0);
  struct rng rng = rng_open(&root, 1, entries, 0);
  if (!run.item) check_out_of_memory(REQUESTS * sizeof *run.item);
  for (uint64_t i = 0; i < entries; i++) (void)answers_put(run.answers, i, 0, (struct answer){1, 1});
  for (int i = 0; i < REQUESTS; i++) run.item[i] = rng_below(&rng, 2 * entries);
  double ns = bench_median(REPETITIONS, requests_once, &run);
  answers_free(run.answers);
  free(run.item);
  return ns;
}

double bench_cache_1e3(void) { return cache_ns(1000); }

double bench_cache_1e4(void) { return cache_ns(10000); }

double bench_cache_1e5(void) { return cache_ns(100000); }

double bench_cache_1e6(void) { return cache_ns(1000000); }

double bench_cache_growth(void) { return cache_ns(1000000) / cache_ns(1000); }
