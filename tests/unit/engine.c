/* The LLM engine: hand schedules, a slow V1 scheduler for random workloads, blocks, cancellation, refusal, dispatch. */
#include "tests/unit/unit.h"
#include "models/engine_parts.h"
#include "sim/rng.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* T = 6.5 ms + 70 us P + 30 us D + 260 ns K + 2 ns A, by hand. */
static sim_time step(uint64_t p, uint64_t d, uint64_t k, uint64_t a)
{
  return (sim_time)(6500000 + 70000 * p + 30000 * d + 260 * k + 2 * a);
}

struct told { struct engine_request r; sim_time at, done, leave_at; bool rejected; };
enum { MOST = 400 };
struct rig {
  struct sim *sim; struct engine *engine; struct engine_events on;
  struct told told[MOST]; int n;
  sim_time start[1 << 16], last; int iterations;
};

static void on_done(struct sim *s, struct engine_request *r) { ((struct told *)(void *)r)->done = sim_now(s); }
static void on_rejected(struct sim *s, struct engine_request *r, enum engine_refusal why)
{
  (void)s;
  assert_int_equal(why, ENGINE_MEMORY_TOO_SMALL);
  ((struct told *)(void *)r)->rejected = true;
}
static void on_iteration(void *log, const struct engine *e, const struct engine_iteration *it)
{
  struct rig *g = log;
  (void)e;
  assert_true(it->start >= g->last);                    /* one at a time */
  g->last = it->start + it->duration;
  g->start[g->iterations++ & 0xffff] = it->start;
}
static void on_enter(struct sim *s, void *subject)
{
  struct told *t = subject;
  struct rig *g = sim_world(s);
  t->rejected = engine_enter(g->engine, &t->r) != ENGINE_FITS;
}
static void on_leave(struct sim *s, void *subject)
{
  struct told *t = subject;
  struct rig *g = sim_world(s);
  if (engine_has(g->engine, &t->r))
    engine_leave(g->engine, &t->r);
}

static struct rig *rig_new(struct engine_def def)
{
  struct rig *g = calloc(1, sizeof *g);
  g->sim = sim_new();
  sim_set_world(g->sim, g);
  g->on = (struct engine_events){.done = on_done, .rejected = on_rejected, .iteration = on_iteration, .log = g};
  g->engine = engine_new(g->sim, &def, steptime_reference(), &g->on);
  return g;
}
static struct told *ask(struct rig *g, sim_time at, uint32_t prompt, uint32_t output)
{
  struct told *t = &g->told[g->n++];
  *t = (struct told){.r = {.prompt = prompt, .output = output}, .at = at};
  sim_at(g->sim, at, PRIORITY_ARRIVE, on_enter, t);
  return t;
}
static void rig_free(struct rig *g)
{
  assert_int_equal(engine_running(g->engine) + engine_waiting(g->engine) + engine_blocks_used(g->engine), 0);
  engine_free(g->engine);
  sim_free(g->sim);
  free(g);
}

/* ---- by hand ---------------------------------------------------------------------------------------------------------- */

static void alone(void **state)
{
  (void)state;
  for (int s = VLLM_V1; s <= SARATHI; s++) {
    struct rig *g = rig_new(engine_def_default((enum engine_scheduler)s, 100));
    struct told *t = ask(g, 5, 100, 3), *one = ask(g, 1000000000, 100, 1);
    sim_run(g->sim, SIM_NEVER);
    assert_int_equal(t->r.first_scheduled, 5);
    assert_int_equal(t->r.first_token, 5 + step(100, 0, 0, 100 * 100));
    assert_int_equal(t->done, t->r.first_token + step(0, 1, 101, 0) + step(0, 1, 102, 0));
    assert_int_equal(one->done, one->r.first_token);    /* one token: complete with the prompt */
    rig_free(g);
  }
}

/* A prompt of 1000 beside a decode of K = 65: what is in each scheduler's second iteration. */
static void second_iteration(void **state)
{
  (void)state;
  const sim_time second[] = {
    step(1000, 1, 65, 1000 * 1000),                     /* V1: both */
    step(1000, 0, 0, 1000 * 1000),                      /* V0: the prompt only */
    step(511, 1, 65, 511 * 511),                        /* Sarathi: the decode and a chunk of 512 - 1 */
  };
  for (int s = VLLM_V1; s <= SARATHI; s++) {
    struct rig *g = rig_new(engine_def_default((enum engine_scheduler)s, 1000));
    ask(g, 0, 64, 10);
    ask(g, 1, 1000, 2);
    sim_run(g->sim, SIM_NEVER);
    assert_int_equal(g->start[1], step(64, 0, 0, 64 * 64));
    assert_int_equal(g->start[2] - g->start[1], second[s]);
    rig_free(g);
  }
}

static struct engine_def ahead(uint32_t kv_blocks)
{
  struct engine_def def = engine_def_default(VLLM_V1, kv_blocks);
  def.async = true;
  return def;
}

/* Formed ahead: who comes during an iteration misses the next one; an idle engine takes him at once. */
static void formed_ahead(void **state)
{
  (void)state;
  struct rig *g = rig_new(ahead(1000));
  struct told *first = ask(g, 0, 64, 3), *second = ask(g, 1, 1000, 2), *later = ask(g, 1000000000, 100, 1);
  sim_run(g->sim, SIM_NEVER);
  assert_int_equal(g->start[1], step(64, 0, 0, 64 * 64));
  assert_int_equal(g->start[2] - g->start[1], step(0, 1, 65, 0));
  assert_int_equal(g->start[3] - g->start[2], step(1000, 1, 66, 1000 * 1000));
  assert_int_equal(second->r.first_scheduled, g->start[2]);
  assert_int_equal(first->done, g->start[3]);
  assert_int_equal(later->r.first_scheduled, 1000000000);
  rig_free(g);
}

/* 5 blocks: the second request ends with iteration 2, and the third wants its 3: in iteration 3, formed ahead in 4. */
static void memory_late(void **state)
{
  (void)state;
  for (int async = 0; async < 4; async++) {             /* its second bit: with a prefix cache */
    struct engine_def def = ahead(6);
    def.async = async & 1;
    def.prefix_cache = async & 2;
    struct rig *g = rig_new(def);
    ask(g, 0, 16, 10);
    ask(g, 0, 32, 2);
    struct told *waits = ask(g, 0, 48, 1);
    sim_run(g->sim, SIM_NEVER);
    assert_int_equal(waits->r.first_scheduled, g->start[async & 1 ? 3 : 2]);
    assert_int_equal(waits->r.restarts, 0);
    rig_free(g);
  }
}

/* Random load on little memory, formed ahead: the engine's own checks hold and everybody gets all tokens. */
static void ahead_random(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct rng_root root = rng_root_make(seed, 0);
    struct rng r = rng_open(&root, 1, 0, 0);
    struct rig *g = rig_new(ahead(40));
    for (int i = 0; i < 100; i++)
      ask(g, (sim_time)(rng_uniform(&r) * 3e9), 1 + (uint32_t)(200 * rng_uniform(&r)), 1 + (uint32_t)(60 * rng_uniform(&r)));
    sim_run(g->sim, SIM_NEVER);
    struct engine_meters m;
    engine_meters(g->engine, &m);
    assert_int_equal(m.completed, 100);
    assert_true(m.preemptions > 0);
    rig_free(g);
  }
}

/* V0 counts the padded batch: 3000 + 2000 is over 4096, and 2 x 2100 as well, though 2100 + 100 is not. */
static void padded(void **state)
{
  (void)state;
  struct rig *g = rig_new(engine_def_default(VLLM_V0, 4000));
  struct told *a = ask(g, 0, 2100, 1), *b = ask(g, 0, 100, 1), *c = ask(g, 0, 2000, 1);
  sim_run(g->sim, SIM_NEVER);
  assert_int_equal(a->done, step(2100, 0, 0, 2100 * 2100));
  assert_int_equal(b->done, a->done + step(2100, 0, 0, 100 * 100 + 2000 * 2000));
  assert_int_equal(c->done, b->done);
  rig_free(g);
}

/* ---- priorities --------------------------------------------------------------------------------------------------------- */

static struct engine_def by_priority(uint32_t blocks, bool on)
{
  struct engine_def def = engine_def_default(VLLM_V1, blocks + 1);
  def.by_priority = on;
  def.prefix_cache = false;
  return def;
}

static struct told *ask_as(struct rig *g, sim_time at, uint32_t prompt, uint32_t output, uint16_t priority)
{
  struct told *t = ask(g, at, prompt, output);
  t->r.priority = priority;
  return t;
}

/* One place: the queue is served by (priority, arrival), the running one is left alone. */
static void queue_by_priority(void **state)
{
  (void)state;
  for (int on = 0; on < 2; on++) {
    struct engine_def def = by_priority(100, on);
    def.max_num_seqs = 1;
    struct rig *g = rig_new(def);
    struct told *t[4] = {ask_as(g, 0, 100, 2, 5), ask_as(g, 1, 100, 2, 2), ask_as(g, 1, 100, 2, 0), ask_as(g, 2, 100, 2, 2)};
    const int turn[2][4] = {{1, 2, 3, 4}, {1, 3, 2, 4}};
    sim_time each = step(100, 0, 0, 100 * 100) + step(0, 1, 101, 0);
    sim_run(g->sim, SIM_NEVER);
    for (int i = 0; i < 4; i++)
      assert_int_equal(t[i]->done, turn[on][i] * each);
    rig_free(g);
  }
}

/* Two of 35 tokens in five blocks, the second one iteration later: both hold two, and at 33 tokens need a third. By arrival the
 * second is pushed out. By priority the first, which is in that iteration already, leaves it, and the second gets its block. */
static void victim_by_priority(void **state)
{
  (void)state;
  for (int on = 0; on < 2; on++) {
    struct rig *g = rig_new(by_priority(5, on));
    struct told *t[2] = {ask_as(g, 0, 31, 4, 1), ask_as(g, 1, 32, 3, 0)}, *stays = t[on], *goes = t[!on];
    sim_time both = step(31, 0, 0, 31 * 31) + step(32, 1, 32, 32 * 32), done = both + step(0, 1, 33, 0) + step(0, 1, 34, 0);
    sim_run(g->sim, SIM_NEVER);
    assert_int_equal(stays->done, done);
    assert_int_equal(stays->r.restarts, 0);
    assert_int_equal(goes->r.restarts, 1);
    assert_int_equal(goes->done, done + step(33, 0, 0, 33 * 33) + step(0, 1, 34, 0));
    rig_free(g);
  }
}

/* One waits for memory while another decodes; an urgent one overtakes it at the next iteration, so it must cut the run. */
static void overtaking(void **state)
{
  (void)state;
  for (int on = 0; on < 2; on++) {
    struct rig *g = rig_new(by_priority(10, on));
    struct told *runs = ask_as(g, 0, 31, 30, 1), *waits = ask_as(g, 1, 140, 2, 1);
    sim_time first = step(31, 0, 0, 31 * 31), second = first + step(0, 1, 32, 0), third = second + step(0, 1, 33, 0);
    struct told *urgent = ask_as(g, second + 1, 16, 1, 0);
    sim_run(g->sim, SIM_NEVER);
    if (on) {
      assert_int_equal(urgent->r.first_scheduled, third);
      assert_int_equal(urgent->done, third + step(16, 1, 34, 16 * 16));
    } else {
      assert_true(urgent->r.first_scheduled >= runs->done);
    }
    assert_true(waits->r.first_scheduled >= runs->done);
    rig_free(g);
  }
}

/* ---- V1, slowly --------------------------------------------------------------------------------------------------------- *
 * Section by section from the rules, without running ahead, counters or lists: c computed, l known tokens. */

struct slow { sim_time at, scheduled, first, done, leave; uint32_t p, d, c, l, held, restarts, n; int state; bool decodes; uint16_t priority; };
enum { S_COMING, S_WAITING, S_RUNNING, S_OVER };

struct slow_engine {
  struct slow *all; int n;
  int waiting[MOST], n_waiting, running[MOST], n_running;
  uint32_t free_blocks, budget, cap, threshold; bool reserve, priorities;
};

static uint32_t ceil16(uint32_t tokens) { return (tokens + 15) / 16; }

static void slow_drop(int *list, int *n, int i)
{
  memmove(list + i, list + i + 1, (size_t)(--*n - i) * sizeof *list);
}

/* Of two requests, by number, which is by arrival. */
static bool slow_before(const struct slow_engine *e, int i, int k)
{
  return e->all[i].priority != e->all[k].priority ? e->all[i].priority < e->all[k].priority : i < k;
}

static void slow_wait(struct slow_engine *e, int v, int place)
{
  if (e->priorities)
    for (place = 0; place < e->n_waiting && slow_before(e, e->waiting[place], v);)
      place++;
  memmove(e->waiting + place + 1, e->waiting + place, (size_t)(e->n_waiting++ - place) * sizeof *e->waiting);
  e->waiting[place] = v;
  e->all[v].state = S_WAITING;
}

/* The tail, or the last by priority, which gives back what it had in this iteration. True when it is the i-th itself. */
static bool slow_evict(struct slow_engine *e, int *i, uint32_t *budget)
{
  int w = e->n_running - 1, own = *i;
  for (int k = 0; e->priorities && k < e->n_running; k++)
    w = slow_before(e, e->running[w], e->running[k]) ? k : w;
  int v = e->running[w];
  struct slow *s = &e->all[v];
  slow_drop(e->running, &e->n_running, w);
  *i -= w < own;
  *budget += s->n;
  e->free_blocks += s->held;
  s->held = s->c = s->n = 0;
  s->decodes = false;
  s->restarts++;
  slow_wait(e, v, 0);
  return w == own;
}

static uint32_t slow_chunk(const struct slow_engine *e, uint32_t n, uint32_t budget)
{
  n = n < budget ? n : budget;
  return e->threshold && n > e->threshold ? e->threshold : n;
}

static sim_time slow_cost(const struct slow_engine *e)
{
  uint64_t p = 0, d = 0, k = 0, a = 0;
  for (int i = 0; i < e->n; i++) {
    const struct slow *s = &e->all[i];
    bool decode = s->decodes;                           /* a last chunk of one token still reads */
    if (!s->n)
      continue;
    p += decode ? 0 : s->n;
    a += decode ? 0 : (uint64_t)s->n * (2 * s->c + s->n);
    d += decode;
    k += decode ? s->l : 0;
  }
  return step(p, d, k, a);
}

/* Chunks in s->n; false when nothing could be scheduled. */
static bool slow_form(struct slow_engine *e, sim_time now)
{
  uint32_t budget = e->budget;
  bool evicted = false, any = false;
  for (int i = 0; i < e->n_running && budget; i++) {
    struct slow *s = &e->all[e->running[i]];
    uint32_t n = slow_chunk(e, s->l - s->c, budget), need = ceil16(s->c + n) - s->held;
    bool itself = false;
    while (!itself && need > e->free_blocks)
      evicted = true, itself = slow_evict(e, &i, &budget);
    if (itself)
      break;
    e->free_blocks -= need;
    s->held += need;
    s->n = n;
    budget -= n;
  }
  while (!evicted && e->n_waiting && budget && e->n_running < (int)e->cap) {
    struct slow *s = &e->all[e->waiting[0]];
    uint32_t n = slow_chunk(e, s->l, budget), want = ceil16(e->reserve ? s->l : n);
    if (want > e->free_blocks)
      break;
    e->running[e->n_running++] = e->waiting[0];
    slow_drop(e->waiting, &e->n_waiting, 0);
    s->state = S_RUNNING;
    s->scheduled = s->scheduled < 0 ? now : s->scheduled;
    s->held = ceil16(n);
    e->free_blocks -= s->held;
    s->n = n;
    budget -= n;
  }
  for (int i = 0; i < e->n_running; i++)
    any |= e->all[e->running[i]].n > 0;
  return any || (evicted && slow_form(e, now));
}

static void slow_end(struct slow_engine *e, sim_time now)
{
  for (int i = 0; i < e->n_running; i++) {
    struct slow *s = &e->all[e->running[i]];
    s->c += s->n;
    if (s->n && s->c == s->l) {
      s->l++;
      s->decodes = true;
      s->first = s->first < 0 ? now : s->first;
    }
    s->n = 0;
    if (s->l == s->p + s->d) {
      s->done = now;
      s->state = S_OVER;
      e->free_blocks += s->held;
      slow_drop(e->running, &e->n_running, i--);
    }
  }
}

/* Arrivals up to `to`, at their time; cancellations strictly within an iteration. */
static void slow_arrivals(struct slow_engine *e, int *next, sim_time to)
{
  for (; *next < e->n && e->all[*next].at <= to; ++*next)
    slow_wait(e, *next, e->n_waiting);
}

static void slow_leave(struct slow_engine *e, sim_time from, sim_time to)
{
  for (int i = 0; i < e->n; i++) {
    struct slow *s = &e->all[i];
    if (s->leave < from || s->leave >= to || (s->state != S_WAITING && s->state != S_RUNNING))
      continue;
    for (int k = 0; k < e->n_waiting; k++)
      if (e->waiting[k] == i)
        slow_drop(e->waiting, &e->n_waiting, k--);
    for (int k = 0; k < e->n_running; k++)
      if (e->running[k] == i)
        slow_drop(e->running, &e->n_running, k--);
    e->free_blocks += s->held;
    s->n = 0;
    s->state = S_OVER;
  }
}

static void slow_run(struct slow_engine *e)
{
  sim_time now = 0;
  for (int next = 0;;) {
    slow_arrivals(e, &next, now);
    if (!slow_form(e, now)) {
      if (next == e->n)
        return;
      now = e->all[next].at;
      continue;
    }
    sim_time end = now + slow_cost(e);
    sim_time left = now;
    for (; next < e->n && e->all[next].at <= end; slow_arrivals(e, &next, left)) {
      slow_leave(e, left, e->all[next].at);
      left = e->all[next].at;
    }
    slow_leave(e, left, end);
    now = end;
    slow_end(e, now);
  }
}

static void as_the_slow_v1(uint64_t seed, uint32_t blocks, uint32_t budget, uint32_t threshold, bool reserve, bool priorities)
{
  struct engine_def def = engine_def_default(VLLM_V1, blocks);
  def.max_num_seqs = 12;
  def.max_num_batched_tokens = budget;
  def.long_prefill_threshold = threshold;
  def.prefix_cache = false;
  def.reserve_full = reserve;
  def.by_priority = priorities;
  struct rig *g = rig_new(def);
  struct slow *slow = calloc(MOST, sizeof *slow);
  struct slow_engine e = {.all = slow, .n = MOST, .free_blocks = blocks - 1, .budget = budget, .cap = 12,
                          .threshold = threshold, .reserve = reserve, .priorities = priorities};
  struct rng_root root = rng_root_make(seed, 0);
  struct rng rng = rng_open(&root, 1, 0, 0);
  sim_time at = 0;
  uint64_t restarts = 0;
  for (int i = 0; i < MOST; i++) {
    at += (sim_time)(rng_u64(&rng) % 200000000) * (rng_u64(&rng) % 4 > 0);
    uint32_t p = 1 + (uint32_t)(rng_u64(&rng) % 300), d = 1 + (uint32_t)(rng_u64(&rng) % 120);
    struct told *t = ask(g, at, p, d);
    slow[i] = (struct slow){.at = at, .p = p, .d = d, .l = p, .scheduled = -1, .first = -1, .done = 0, .leave = -1,
                            .priority = t->r.priority = (uint16_t)(rng_u64(&rng) % 4)};
    if (rng_u64(&rng) % 5 == 0) {
      slow[i].leave = at + 1 + (sim_time)(rng_u64(&rng) % 900000000);
      sim_at(g->sim, slow[i].leave, PRIORITY_NORMAL, on_leave, t);
    }
  }
  sim_run(g->sim, SIM_NEVER);
  slow_run(&e);
  for (int i = 0; i < MOST; i++) {
    struct told *t = &g->told[i];
    assert_int_equal(t->done, slow[i].done);
    assert_int_equal(t->r.first_token == SIM_NEVER ? -1 : t->r.first_token, slow[i].first);
    assert_int_equal(t->r.first_scheduled == SIM_NEVER ? -1 : t->r.first_scheduled, slow[i].scheduled);
    assert_int_equal(t->r.restarts, slow[i].restarts);
    restarts += t->r.restarts;
  }
  if (blocks < 60)
    assert_true(restarts > 10);
  rig_free(g);
  free(slow);
}

static void v1_random(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 6; seed++) {
    for (int priorities = 0; priorities < 2; priorities++) {
      as_the_slow_v1(seed, 1000, 2048, 0, true, priorities);
      as_the_slow_v1(seed, 40, 2048, 0, false, priorities);
      as_the_slow_v1(seed, 40, 64, 0, true, priorities);
      as_the_slow_v1(seed, 45, 128, 48, false, priorities);
    }
  }
}

/* ---- prefix cache --------------------------------------------------------------------------------------------------------- */

static void prefix(void **state)
{
  (void)state;
  static const uint64_t same[] = {11, 12, 13, 14};
  struct rig *g = rig_new(engine_def_default(VLLM_V1, 100));
  struct told *a = ask(g, 0, 70, 2), *b = ask(g, 1000000000, 64, 2), *c = ask(g, 2000000000, 70, 2);
  a->r.block_hash = b->r.block_hash = same;
  a->r.n_hashes = b->r.n_hashes = 4;
  sim_run(g->sim, SIM_NEVER);
  assert_int_equal(b->r.hit_tok, 48);                   /* not the fourth: one token must be read */
  assert_int_equal(b->r.first_token, 1000000000 + step(16, 0, 0, 16 * (2 * 48 + 16)));
  assert_int_equal(c->r.hit_tok, 0);
  rig_free(g);
}

/* 9 usable blocks. A's four stay, tail first to go: B takes the five never used, C must take A's tail. */
static void prefix_lru(void **state)
{
  (void)state;
  static const uint64_t same[] = {1, 2, 3, 4};
  struct rig *g = rig_new(engine_def_default(VLLM_V1, 10));
  struct told *a = ask(g, 0, 64, 1);
  ask(g, 1000000000, 96, 1);                            /* six blocks: five fresh and A's fourth */
  struct told *again = ask(g, 2000000000, 64, 1);
  a->r.block_hash = again->r.block_hash = same;
  a->r.n_hashes = again->r.n_hashes = 4;
  sim_run(g->sim, SIM_NEVER);
  assert_int_equal(again->r.hit_tok, 48);
  rig_free(g);
}

/* The largest memory that a scenario may ask for costs what is used of it; blocks are found again after it has grown. */
static void large_memory(void **state)
{
  (void)state;
  enum { BLOCKS = 20000 };
  struct rusage before, after;
  uint64_t *hash = calloc(BLOCKS, sizeof *hash);
  for (uint64_t i = 0; i < BLOCKS; i++)
    hash[i] = i + 1;
  getrusage(RUSAGE_SELF, &before);
  struct engine_def def = engine_def_default(VLLM_V1, 100000000);
  def.max_num_batched_tokens = 1000000;
  struct rig *g = rig_new(def);
  struct told *a = ask(g, 0, 16 * BLOCKS, 1), *again = ask(g, INT64_C(1000000000000), 16 * BLOCKS, 1);
  a->r.block_hash = again->r.block_hash = hash;
  a->r.n_hashes = again->r.n_hashes = BLOCKS;
  sim_run(g->sim, SIM_NEVER);
  getrusage(RUSAGE_SELF, &after);
  assert_int_equal(again->r.hit_tok, 16 * (BLOCKS - 1));
  assert_true(after.ru_maxrss - before.ru_maxrss < 100 * 1024);         /* KiB; 3.2 GB of blocks if all were made */
  rig_free(g);
  free(hash);
}

/* A step that never ends: the run's end is beyond all time, and those inside can still leave. */
static void endless_steps(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct rig *g = rig_new(engine_def_default(VLLM_V1, 100));
  const struct steptime *long_ones[] = {steptime_affine(a, 9e9, 0, 1000), steptime_affine(a, 1e300, 0, 1000)};
  struct told *first = ask(g, 5, 20, 40), *second = ask(g, 7, 20, 40);
  g->engine->model = long_ones[0];                      /* 285 years: the second of them is too long */
  sim_run(g->sim, INT64_C(9000000000000000006));
  assert_int_equal(first->r.first_token, INT64_C(9000000000000000005));
  engine_leave(g->engine, &first->r);
  engine_leave(g->engine, &second->r);
  rig_free(g);
  g = rig_new(engine_def_default(VLLM_V1, 100));
  g->engine->model = long_ones[1];
  struct told *t = ask(g, 5, 20, 40);
  sim_run(g->sim, SIM_NEVER);
  assert_int_equal(t->r.first_token, SIM_NEVER);
  engine_leave(g->engine, &t->r);
  rig_free(g);
  arena_free(a);
}

/* Pushed out, a request finds the front of its own KV again. */
static void own_blocks_after_preemption(void **state)
{
  (void)state;
  struct rig *g = rig_new(engine_def_default(VLLM_V1, 13));     /* 12 usable */
  ask(g, 0, 80, 60);
  struct told *victim = ask(g, 0, 80, 60);
  sim_run(g->sim, SIM_NEVER);
  assert_int_equal(victim->r.restarts, 1);
  assert_true(victim->done > 0 && victim->r.hit_tok > 0);
  rig_free(g);
}

/* ---- limits -------------------------------------------------------------------------------------------------------------- */

static void refused(void **state)
{
  (void)state;
  for (int s = VLLM_V1; s <= SARATHI; s++) {
    struct rig *g = rig_new(engine_def_default((enum engine_scheduler)s, 10));
    struct told *big = ask(g, 0, 161, 1), *grows = ask(g, 0, 100, 1000), *small = ask(g, 0, 20, 5);
    sim_run(g->sim, SIM_NEVER);
    assert_true(big->rejected && grows->rejected && !small->rejected && small->done > 0);
    rig_free(g);
  }
  struct rig *g = rig_new(engine_def_default(VLLM_V0, 4000));
  struct told *longer = ask(g, 0, 4097, 1), *next = ask(g, 0, 10, 1);
  sim_run(g->sim, SIM_NEVER);
  assert_true(longer->rejected && next->done > 0);
  rig_free(g);
}

/* Leaving frees memory; the iteration in flight keeps its time; tokens are counted while running ahead. */
static void leaves(void **state)
{
  (void)state;
  struct rig *g = rig_new(engine_def_default(VLLM_V0, 100));
  struct told *t = ask(g, 0, 100, 50), *stays = ask(g, 0, 100, 50);
  sim_time read = step(200, 0, 0, 2 * 100 * 100), first = step(0, 2, 202, 0), second = step(0, 2, 204, 0);
  sim_run(g->sim, read + first + second / 2);
  sim_at(g->sim, read + first + second / 2, PRIORITY_ARRIVE, on_leave, t);
  sim_run(g->sim, read + first + second / 2);
  assert_int_equal(engine_made(g->engine, &stays->r), 2);
  assert_int_equal(engine_running(g->engine), 1);
  sim_run(g->sim, SIM_NEVER);
  assert_int_equal(g->start[3], read + first + second);
  assert_int_equal(g->start[4] - g->start[3], step(0, 1, 103, 0));
  assert_true(stays->done > 0 && t->done == 0);
  rig_free(g);
}

/* ---- dispatch ------------------------------------------------------------------------------------------------------------ */

static void routers(void **state)
{
  (void)state;
  static const uint64_t same[] = {7, 8};
  struct sim *s = sim_new();
  struct engine_def def = engine_def_default(VLLM_V1, 100);
  struct engine_events none = {0};
  struct engine *e[2] = {engine_new(s, &def, steptime_reference(), &none), engine_new(s, &def, steptime_reference(), &none)};
  struct engine_request a = {.prompt = 33, .output = 500, .block_hash = same, .n_hashes = 2}, b = a;
  engine_enter(e[0], &a);
  sim_step(s);
  assert_int_equal(engine_route(ROUTE_ROUND_ROBIN, e, 2, 7, &b), 1);
  assert_int_equal(engine_route(ROUTE_WAITING_QUEUE, e, 2, 0, &b), 0);          /* it runs, so it is not counted */
  assert_int_equal(engine_route(ROUTE_LEAST_OUTSTANDING, e, 2, 0, &b), 1);
  assert_int_equal(engine_route(ROUTE_SHORTEST_QUEUE, e, 2, 0, &b), 1);
  assert_int_equal(engine_cached_blocks(e[0], &b), 2);
  assert_int_equal(engine_route(ROUTE_PREFIX, e, 2, 0, &b), 0);
  b.n_hashes = 0;
  assert_int_equal(engine_route(ROUTE_PREFIX, e, 2, 0, &b), 1);
  engine_free(e[0]);
  engine_free(e[1]);
  sim_free(s);
}

/* ---- planted: what an engine must notice ---------------------------------------------------------------------------- */

enum fault { NO_FAULT, LOST_BLOCK, OVER_CAP, OVER_BUDGET, OVER_MEMORY, NO_BLOCK, N_FAULTS };

static void plant(struct engine *e, enum fault fault)
{
  struct engine_request *r = e->batch[0];
  switch (fault) {
  case LOST_BLOCK: e->used++; return;                   /* found when the iteration ends */
  case OVER_CAP: e->def.max_num_seqs = 2; return;       /* three run: found when the next one is formed */
  case OVER_BUDGET:
    e->step.prefills = 1;
    e->step.prefill_tokens = e->def.max_num_batched_tokens + 1;
    engine_check(e);
    return;
  case OVER_MEMORY: e->used = e->total + 1; engine_check(e); return;
  case NO_BLOCK:
    e->n_batch = 0;
    r->processed = r->blocks * e->def.block_tok + 1;
    engine_add(e, r, 1);
    return;
  default: return;
  }
}

/* Three requests decode; the signal that ends the child. */
static int ending(enum engine_scheduler scheduler, enum fault fault)
{
  int status;
  pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    if (!freopen("/dev/null", "w", stderr)) _exit(1);
    struct rig *g = rig_new(engine_def_default(scheduler, 100));
    for (int i = 0; i < 3; i++)
      ask(g, 0, 20, 50);
    sim_run(g->sim, 30000000);
    plant(g->engine, fault);
    sim_run(g->sim, SIM_NEVER);
    _exit(0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void planted(void **state)
{
  (void)state;
  for (int s = VLLM_V1; s <= SARATHI; s++) {
    assert_int_equal(ending((enum engine_scheduler)s, NO_FAULT), 0);
    for (int f = NO_FAULT + 1; f < N_FAULTS; f++)
      if (ending((enum engine_scheduler)s, (enum fault)f) != SIGABRT)
        fail_msg("scheduler %d does not see fault %d", s, f);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(alone), cmocka_unit_test(second_iteration), cmocka_unit_test(padded),
    cmocka_unit_test(formed_ahead), cmocka_unit_test(memory_late), cmocka_unit_test(ahead_random),
    cmocka_unit_test(queue_by_priority), cmocka_unit_test(victim_by_priority),
    cmocka_unit_test(overtaking), cmocka_unit_test(v1_random),
    cmocka_unit_test(prefix), cmocka_unit_test(prefix_lru), cmocka_unit_test(own_blocks_after_preemption),
    cmocka_unit_test(large_memory), cmocka_unit_test(endless_steps),
    cmocka_unit_test(refused), cmocka_unit_test(leaves), cmocka_unit_test(routers),
    cmocka_unit_test(planted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
