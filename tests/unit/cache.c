/* Caches: against a slow one that looks at all entries, against exact formulas and Che's approximation, and by the clock. */
#include "models/cache.h"
#include "sim/arena.h"
#include "sim/rng.h"
#include "unit.h"
#include <time.h>

static const struct answer plain = {1, 1};

/* One request: look, and use or put. */
static bool ask(struct answers *c, uint64_t item, sim_time now)
{
  bool hit = answers_look(c, item, now) != NULL;
  if (hit) answers_use(c, item, now);
  else (void)answers_put(c, item, now, plain);
  return hit;
}

static struct dist zipf(double n, double s)
{
  struct dist d;
  char why[160];
  if (!dist_make(&d, "zipf", (double[]){n, s}, 2, why)) fail_msg("%s", why);
  return d;
}

static struct rng stream(uint64_t seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  return rng_open(&root, 1, 2, 3);
}

/* ---- a slow cache --------------------------------------------------------------------------------------------------- */

enum { MANY = 64 };
struct slow_entry { uint64_t item, uses, last, came; sim_time ends; double bytes; };
struct slow { const struct answers_limits *limits; struct slow_entry at[MANY]; int n; uint64_t step; };

static void slow_drop(struct slow *s, int i) { s->at[i] = s->at[--s->n]; }

static int slow_find(struct slow *s, uint64_t item, sim_time now)
{
  for (int i = s->n - 1; i >= 0; i--)
    if (s->at[i].ends <= now) slow_drop(s, i);
  for (int i = 0; i < s->n; i++)
    if (s->at[i].item == item) return i;
  return -1;
}

static bool goes_before(enum answers_evict by, const struct slow_entry *a, const struct slow_entry *b)
{
  if (by == EVICT_FIFO) return a->came < b->came;
  if (by == EVICT_LFU && a->uses != b->uses) return a->uses < b->uses;
  return a->last < b->last;
}

static double slow_bytes(const struct slow *s)
{
  double sum = 0;
  for (int i = 0; i < s->n; i++) sum += s->at[i].bytes;
  return sum;
}

static void slow_evict(struct slow *s, uint64_t but)
{
  int next = -1;
  for (int i = 0; i < s->n; i++)
    if (s->at[i].item != but && (next < 0 || goes_before(s->limits->evict, &s->at[i], &s->at[next]))) next = i;
  slow_drop(s, next);
}

static sim_time slow_ends(const struct slow *s, sim_time now) { return s->limits->ttl ? now + s->limits->ttl : SIM_NEVER; }

static void slow_use(struct slow *s, uint64_t item, sim_time now)
{
  struct slow_entry *e = &s->at[slow_find(s, item, now)];
  e->uses++;
  e->last = ++s->step;
  if (s->limits->refresh) e->ends = slow_ends(s, now);
}

static void slow_put(struct slow *s, uint64_t item, sim_time now, double bytes)
{
  const struct answers_limits *l = s->limits;
  int i = slow_find(s, item, now);
  if (l->bytes > 0 && bytes > l->bytes) {
    if (i >= 0) slow_drop(s, i);
    return;
  }
  if (i < 0 && l->entries && (uint64_t)s->n >= l->entries) slow_evict(s, UINT64_MAX);
  if (i < 0) s->at[i = s->n++] = (struct slow_entry){.item = item};
  struct slow_entry *e = &s->at[i];
  e->uses = 0;
  e->last = e->came = ++s->step;
  e->ends = slow_ends(s, now);
  e->bytes = bytes;
  while (l->bytes > 0 && slow_bytes(s) > l->bytes) slow_evict(s, item);
}

/* Room for 2. Item 1 comes three times and is never used, item 2 comes once and is used once: item 1 goes for item 3. */
static void test_a_new_answer_is_no_use(void **state)
{
  (void)state;
  struct answers_limits limits = {.entries = 2, .evict = EVICT_LFU};
  struct answers *c = answers_new(&limits);
  for (int i = 0; i < 3; i++) assert_true(answers_put(c, 1, i, (struct answer){1, 1}));
  assert_true(answers_put(c, 2, 3, (struct answer){1, 1}));
  answers_use(c, 2, 4);
  assert_true(answers_put(c, 3, 5, (struct answer){1, 1}));
  assert_null(answers_look(c, 1, 6));
  assert_non_null(answers_look(c, 2, 6));
  answers_free(c);
}

/* The same requests to both, with times and sizes; they must hold the same all the time. */
static void same_as_slow(const struct answers_limits *limits, uint64_t seed)
{
  struct slow s = {.limits = limits};
  struct answers *c = answers_new(limits);
  struct rng rng = stream(seed);
  sim_time now = 0;
  for (int step = 0; step < 4000; step++) {
    uint64_t item = rng_below(&rng, 24);
    double bytes = (double)(1 + rng_below(&rng, 40));
    now += (sim_time)rng_below(&rng, 100);
    bool there = slow_find(&s, item, now) >= 0;
    assert_int_equal(answers_look(c, item, now) != NULL, there);
    if (there && rng_below(&rng, 4)) {
      answers_use(c, item, now);
      slow_use(&s, item, now);
    } else {
      (void)answers_put(c, item, now, (struct answer){bytes, bytes});
      slow_put(&s, item, now, bytes);
    }
    assert_int_equal(answers_entries(c, now), s.n);
    assert_near(answers_bytes(c), slow_bytes(&s), 0);
    for (int i = 0; i < s.n; i++) assert_near(answers_look(c, s.at[i].item, now)->bytes, s.at[i].bytes, 0);
  }
  answers_free(c);
}

static void test_same_as_a_slow_one(void **state)
{
  (void)state;
  static const enum answers_evict orders[] = {EVICT_LRU, EVICT_LFU, EVICT_FIFO};
  uint64_t seed = 1;
  for (int o = 0; o < 3; o++)
    for (uint64_t entries = 0; entries <= 10; entries += 5)
      for (double bytes = 0; bytes <= 120; bytes += 60)
        for (int t = 0; t < 3; t++) {
          struct answers_limits limits = {entries, bytes, orders[o], t ? 700 : 0, t == 2};
          same_as_slow(&limits, seed++);
        }
}

/* ---- formulas ------------------------------------------------------------------------------------------------------- */

static double measured_ratio(const struct answers_limits *limits, const struct dist *popularity, uint64_t warm, uint64_t n)
{
  struct answers *c = answers_new(limits);
  struct rng rng = stream(7);
  uint64_t hits = 0;
  for (uint64_t i = 0; i < warm + n; i++) hits += ask(c, (uint64_t)dist_draw(popularity, &rng), 0) && i >= warm;
  answers_free(c);
  return (double)hits / (double)n;
}

/* King (1971): exact for few items. 4 standard errors of 400,000 requests are below .0032. */
static void test_exact_for_four_items(void **state)
{
  (void)state;
  static const double value[] = {1, 2, 3, 4}, p[] = {.4, .3, .2, .1};
  double lru = 0, pairs = 0, fifo = 0;
  struct arena *arena = arena_new();
  struct dist d;
  char why[160];
  assert_true(dist_make_empirical(&d, arena, value, p, 4, why));
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++)
      if (i != j) {
        lru += p[i] * p[j] / (1 - p[i]) * (p[i] + p[j]);
        pairs += p[i] * p[j];
        fifo += p[i] * p[j] * (p[i] + p[j]);
      }
  fifo /= pairs;
  assert_near(lru, .580556, 1e-6);
  assert_near(fifo, .571429, 1e-6);
  struct answers_limits by_lru = {.entries = 2}, by_fifo = {.entries = 2, .evict = EVICT_FIFO};
  assert_near(measured_ratio(&by_lru, &d, 100, 400000), lru, .0032);
  double seen = measured_ratio(&by_fifo, &d, 100, 400000);
  assert_near(seen, fifo, .0032);
  assert_true(fabs(seen - lru) > .0045);                /* the wrong order is seen */
  arena_free(arena);
}

/* Che, Tung, Wang (2002): an item is there when it was asked for in the last t, and sum 1 - exp(-p t) = entries. */
static double che_ratio(uint64_t n, double s, double entries)
{
  double *p = calloc(n, sizeof *p), sum = 0, low = 0, high = 1e12, hits = 0;
  for (uint64_t i = 0; i < n; i++) sum += p[i] = pow((double)i + 1, -s);
  for (int step = 0; step < 80; step++) {
    double t = (low + high) / 2, held = 0;
    for (uint64_t i = 0; i < n; i++) held -= expm1(-p[i] / sum * t);
    if (held < entries) low = t;
    else high = t;
  }
  for (uint64_t i = 0; i < n; i++) hits -= p[i] / sum * expm1(-p[i] / sum * low);
  free(p);
  return hits;
}

static double most_popular(uint64_t n, double s, uint64_t entries)
{
  double all = 0, top = 0;
  for (uint64_t i = n; i >= 1; i--) {
    double p = pow((double)i, -s);
    all += p;
    if (i <= entries) top += p;
  }
  return top / all;
}

static void test_lru_is_near_che(void **state)
{
  (void)state;
  for (int k = 0; k < 4; k++) {
    double s = (double[]){.6, .8, 1, 1.2}[k];
    uint64_t entries = (uint64_t[]){100, 500, 1000, 200}[k];
    struct dist popularity = zipf(10000, s);
    struct answers_limits lru = {.entries = entries}, lfu = {.entries = entries, .evict = EVICT_LFU};
    double che = che_ratio(10000, s, (double)entries), simulated = measured_ratio(&lru, &popularity, 50000, 400000);
    print_message("zipf %.1f, %5llu of 10000: LRU %.4f, Che %.4f (%+.2f %%)\n", s, (unsigned long long)entries, simulated,
                  che, 100 * (simulated / che - 1));
    assert_near(simulated / che, 1, .02);
    double counted = measured_ratio(&lfu, &popularity, 50000, 400000), best = most_popular(10000, s, entries);
    assert_true(counted > simulated && counted < best + .004);
  }
  assert_true(fabs(che_ratio(10000, .8, 500) / che_ratio(10000, .8, 540) - 1) > .02);  /* 8 % more room would be seen */
}

/* Poisson requests of one item: the share that finds it. Without refresh, one miss and then rate * ttl hits on the mean;
 * with it, a hit is a gap shorter than ttl. */
static double ttl_ratio(double rate, double ttl_s, bool refresh, int n)
{
  struct answers_limits limits = {.ttl = ns_from_s(ttl_s), .refresh = refresh};
  struct answers *c = answers_new(&limits);
  struct rng rng = stream(11);
  sim_time now = 0;
  int hits = 0;
  for (int i = 0; i < n; i++) {
    now += ns_from_s(rng_exponential(&rng) / rate);
    hits += ask(c, 5, now);
  }
  answers_free(c);
  return (double)hits / n;
}

static void test_ttl_closed_forms(void **state)
{
  (void)state;
  enum { N = 400000 };
  for (int k = 0; k < 3; k++) {
    double x = (double[]){.5, 1, 3}[k], fixed = x / (1 + x), longer = -expm1(-x);
    /* A cycle has 1 + K requests, K Poisson of mean x: variance of the ratio by the delta method, below that of a coin. */
    double four = 4 * sqrt(.25 / N);
    double seen = ttl_ratio(2, x / 2, false, N), refreshed = ttl_ratio(2, x / 2, true, N);
    print_message("rate x ttl %.1f: %.4f (%.4f), with refresh %.4f (%.4f)\n", x, seen, fixed, refreshed, longer);
    assert_near(seen, fixed, four);
    assert_near(refreshed, longer, four);
    assert_true(fabs(fixed - longer) > 2 * four);       /* one for the other would be seen */
  }
}

static void test_edges(void **state)
{
  (void)state;
  struct answers_limits small = {.bytes = 10}, brief = {.ttl = 10};
  struct answers *c = answers_new(&small);
  assert_null(answers_look(c, 1, 0));
  assert_false(answers_put(c, 1, 0, (struct answer){11, 1}));
  assert_true(answers_put(c, 1, 0, (struct answer){10, .25}));
  assert_near(answers_look(c, 1, 0)->quality, .25, 0);
  assert_true(answers_put(c, 2, 0, (struct answer){1, 1}));
  assert_null(answers_look(c, 1, 0));
  assert_int_equal(answers_evictions(c), 1);
  assert_false(answers_put(c, 2, 0, (struct answer){11, 1}));       /* the old answer is no longer true */
  assert_int_equal(answers_entries(c, 0), 0);
  answers_free(c);
  c = answers_new(&brief);
  assert_true(answers_put(c, 1, 5, plain));
  assert_non_null(answers_look(c, 1, 14));
  assert_null(answers_look(c, 1, 15));
  assert_int_equal(answers_evictions(c), 0);
  answers_free(c);
}

/* ---- speed ---------------------------------------------------------------------------------------------------------- */

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ns a request, looks and what follows, with that many entries. The items are drawn before. */
static double ask_ns(uint64_t entries, enum answers_evict evict)
{
  enum { N = 1 << 19 };
  struct answers_limits limits = {.entries = entries, .evict = evict, .ttl = INT64_C(1) << 40, .refresh = true};
  struct answers *c = answers_new(&limits);
  struct rng rng = stream(3);
  uint64_t *item = calloc(N, sizeof *item), hits = 0;
  for (uint64_t i = 0; i < entries; i++) (void)answers_put(c, i, 0, plain);
  for (int i = 0; i < N; i++) item[i] = rng_below(&rng, 2 * entries);
  double from = seconds();
  for (int i = 0; i < N; i++) hits += ask(c, item[i], i);
  double ns = 1e9 * (seconds() - from) / N;
  assert_true(hits > N / 4);
  free(item);
  answers_free(c);
  return ns;
}

/* From 10^3 to 10^6 entries the memory no longer fits the processor's caches; a search through all entries would take a
 * thousand times as long. */
static void test_a_million_entries(void **state)
{
  (void)state;
  for (int evict = EVICT_LRU; evict <= EVICT_LFU; evict++) {
    double ns[4];
    for (int k = 0; k < 4; k++) ns[k] = ask_ns((uint64_t[]){1000, 10000, 100000, 1000000}[k], (enum answers_evict)evict);
    print_message("%s: %.0f, %.0f, %.0f, %.0f ns a request with 10^3, 10^4, 10^5, 10^6 entries\n",
                  evict ? "LFU" : "LRU", ns[0], ns[1], ns[2], ns[3]);
    assert_true(ns[3] < 60 * ns[0] && ns[3] < 20000);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_new_answer_is_no_use), cmocka_unit_test(test_same_as_a_slow_one), cmocka_unit_test(test_exact_for_four_items),
    cmocka_unit_test(test_lru_is_near_che),    cmocka_unit_test(test_ttl_closed_forms),
    cmocka_unit_test(test_edges),              cmocka_unit_test(test_a_million_entries),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
