/* Events fire in the order (time, priority, sequence), whatever structure holds them. */
#include "sim/sim.h"
#include "sim/rng.h"
#include "tests/unit/unit.h"

/* ---- against a sorted list ------------------------------------------------------------------------------------- */

struct planned { sim_time at; unsigned priority; size_t sequence; event_id id; bool cancelled, fired; };
struct check { struct planned **expected; size_t next, n; bool out_of_order; };

static struct check *check_of(struct sim *s)
{
  return sim_world(s);
}

static void on_planned(struct sim *s, void *subject)
{
  struct check *c = check_of(s);
  struct planned *p = subject;
  c->out_of_order |= c->next >= c->n || c->expected[c->next] != p || sim_now(s) != p->at || p->cancelled || p->fired;
  p->fired = true;
  c->next++;
}

static int compare_planned(const void *a, const void *b)
{
  const struct planned *x = *(struct planned *const *)a, *y = *(struct planned *const *)b;
  if (x->at != y->at)
    return x->at < y->at ? -1 : 1;
  if (x->priority != y->priority)
    return x->priority < y->priority ? -1 : 1;
  return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

/* n events at times below `span`, every `cancel_one_in`-th taken back (0: none); true when the order is right. */
static bool order_holds(size_t n, uint64_t span, unsigned cancel_one_in, bool spoil)
{
  struct rng_root root = rng_root_make(n, span);
  struct rng r = rng_open(&root, 1, 0, 0);
  struct planned *all = calloc(n, sizeof *all), **order = calloc(n, sizeof *order);
  struct sim *s = sim_new();
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    sim_time at = (sim_time)(rng_below(&r, 4) ? rng_below(&r, span) : span * (1 + rng_below(&r, 1000)));
    all[i] = (struct planned){.at = at, .priority = (unsigned)rng_below(&r, 16), .sequence = i};
    all[i].id = sim_at(s, at, (enum event_priority)all[i].priority, on_planned, &all[i]);
  }
  for (size_t i = 0; i < n; i++) {
    all[i].cancelled = cancel_one_in && rng_below(&r, cancel_one_in) == 0;
    if (all[i].cancelled)
      assert_true(sim_cancel(s, all[i].id));
    else
      order[kept++] = &all[i];
  }
  qsort(order, kept, sizeof *order, compare_planned);
  if (spoil) {
    struct planned *first = order[0];
    order[0] = order[1], order[1] = first;
  }
  struct check c = {.expected = order, .n = kept};
  sim_set_world(s, &c);
  assert_int_equal(sim_pending(s), kept);
  sim_run(s, SIM_NEVER);
  assert_int_equal(sim_events(s), kept);
  assert_int_equal(sim_pending(s), 0);
  sim_free(s);
  free(all);
  free(order);
  return !c.out_of_order;
}

static void test_order(void **state)
{
  (void)state;
  for (size_t n = 2; n < 40; n++)
    assert_true(order_holds(n, 5, 3, false));
  assert_true(order_holds(20000, 50, 0, false));
  assert_true(order_holds(20000, 1000000, 0, false));
  assert_true(order_holds(300000, 1000000000, 0, false));
  assert_true(order_holds(300000, 1, 0, false));                        /* almost all at one instant */
  assert_false(order_holds(1000, 100, 0, true));                        /* planted: a wrong order is seen */
}

static void test_order_with_cancelled(void **state)
{
  (void)state;
  assert_true(order_holds(20000, 1000, 2, false));
  assert_true(order_holds(300000, 1000000, 2, false));
  assert_true(order_holds(5000, 1000, 1, false));                       /* all of them */
}

/* ---- growing and shrinking while it runs ----------------------------------------------------------------------- */

struct storm { struct rng r; uint64_t to_schedule, fired; sim_time last; unsigned last_priority; size_t peak;
               event_id some; bool wrong; };

static sim_time storm_delay(struct rng *r)
{
  switch (rng_below(r, 8)) {
  case 0: return 0;
  case 1: return (sim_time)rng_below(r, 10);
  case 2: return (sim_time)rng_below(r, 100000000);
  default: return (sim_time)(rng_exponential(r) * 1e6);
  }
}

/* Each event schedules 0 to 3 others at first and fewer later; some are cancelled again. */
static void on_storm(struct sim *s, void *subject)
{
  struct storm *w = subject;
  w->wrong |= sim_now(s) < w->last;
  w->last = sim_now(s);
  w->fired++;
  for (uint64_t k = rng_below(&w->r, 4); k-- > 0 && w->to_schedule > 0; w->to_schedule--) {
    event_id id = sim_after(s, storm_delay(&w->r), PRIORITY_NORMAL, on_storm, w);
    if (rng_below(&w->r, 8) == 0) {
      w->fired += sim_cancel(s, w->some);
      w->some = id;
    }
  }
  w->peak = sim_pending(s) > w->peak ? sim_pending(s) : w->peak;
}

static void test_storm(void **state)
{
  (void)state;
  enum { EVENTS = 2000000 };
  struct rng_root root = rng_root_make(7, 7);
  struct storm w = {.r = rng_open(&root, 1, 0, 0), .to_schedule = EVENTS};
  struct sim *s = sim_new();
  for (int i = 0; i < 100; i++)
    sim_at(s, i, PRIORITY_NORMAL, on_storm, &w);
  sim_run(s, SIM_NEVER);
  assert_false(w.wrong);
  assert_int_equal(w.fired, EVENTS + 100);              /* fired or cancelled: none lost, none twice */
  assert_true(w.peak > 100000);
  assert_int_equal(sim_pending(s), 0);
  sim_free(s);
}

/* A constant delay makes runs of equal gaps; a doubling one makes the furthest buckets. */
static void on_doubling(struct sim *s, void *subject)
{
  uint64_t *left = subject;
  if (sim_now(s) < SIM_NEVER / 4 && *left > 0 && (*left)--)
    sim_after(s, 1 + sim_now(s), PRIORITY_NORMAL, on_doubling, left);
}

static void test_far_future(void **state)
{
  (void)state;
  uint64_t left = 100000;
  struct sim *s = sim_new();
  for (int i = 0; i < 50000; i++)
    sim_at(s, i % 100, PRIORITY_NORMAL, on_doubling, &left);
  sim_at(s, SIM_NEVER - 1, PRIORITY_NORMAL, on_doubling, &left);
  sim_run(s, SIM_NEVER);
  assert_int_equal(sim_now(s), SIM_NEVER - 1);
  assert_int_equal(sim_events(s), 50000 + 1 + 100000 - left);
  sim_free(s);
}

/* ---- the rest of the interface --------------------------------------------------------------------------------- */

static void on_count(struct sim *s, void *subject)
{
  (void)s;
  ++*(int *)subject;
}

static void on_stop(struct sim *s, void *subject)
{
  (void)subject;
  sim_stop(s);
}

static void test_cancel(void **state)
{
  (void)state;
  int n = 0;
  struct sim *s = sim_new();
  event_id a = sim_at(s, 10, PRIORITY_NORMAL, on_count, &n), b = sim_at(s, 20, PRIORITY_NORMAL, on_count, &n);
  assert_false(sim_cancel(s, (event_id){0}));
  assert_true(sim_cancel(s, a));
  assert_false(sim_cancel(s, a));
  assert_true(sim_step(s));
  assert_int_equal(sim_now(s), 20);
  assert_false(sim_cancel(s, b));                       /* has fired */
  event_id c = sim_at(s, 30, PRIORITY_NORMAL, on_count, &n);
  assert_false(sim_cancel(s, b));                       /* its slot is c's now */
  assert_true(c.bits != b.bits);
  assert_false(sim_cancel(s, (event_id){UINT64_MAX}));
  sim_run(s, SIM_NEVER);
  assert_int_equal(n, 2);
  assert_false(sim_step(s));
  sim_free(s);
}

static void test_run_until_and_stop(void **state)
{
  (void)state;
  int n = 0;
  struct sim *s = sim_new();
  for (int i = 1; i <= 10; i++)
    sim_at(s, i, PRIORITY_NORMAL, on_count, &n);
  sim_run(s, 4);
  assert_int_equal(n, 4);
  assert_int_equal(sim_now(s), 4);
  sim_at(s, 6, PRIORITY_COMPLETE, on_stop, NULL);
  sim_run(s, SIM_NEVER);
  assert_int_equal(n, 5);
  sim_run(s, SIM_NEVER);
  assert_int_equal(n, 10);
  sim_free(s);
}

static void test_never(void **state)
{
  (void)state;
  int n = 0;
  struct sim *s = sim_new();
  assert_int_equal(sim_at(s, SIM_NEVER, PRIORITY_NORMAL, on_count, &n).bits, 0);
  sim_at(s, 5, PRIORITY_NORMAL, on_count, &n);
  sim_step(s);
  assert_int_equal(sim_after(s, SIM_NEVER - 1, PRIORITY_NORMAL, on_count, &n).bits, 0);
  assert_false(sim_step(s));
  sim_free(s);
}

static void test_time(void **state)
{
  (void)state;
  assert_int_equal(ns_from_s(0), 0);
  assert_int_equal(ns_from_s(1.5e-9), 2);
  assert_int_equal(ns_from_s(2.5e-9), 2);               /* ties to even */
  assert_int_equal(ns_from_s(3), 3000000000);
  assert_true(ns_from_s(1e10) == SIM_NEVER);
  assert_true(ns_from_s(INFINITY) == SIM_NEVER);
  assert_true(time_add(SIM_NEVER - 5, 5) == SIM_NEVER);
  assert_true(time_add(SIM_NEVER, 5) == SIM_NEVER);
  assert_true(time_add(2, 3) == 5);
}

/* ---- ties ------------------------------------------------------------------------------------------------------ */

struct letters { char text[27]; int n; };
struct letter { struct letters *all; char c; };

static void on_letter(struct sim *s, void *subject)
{
  struct letter *l = subject;
  (void)s;
  l->all->text[l->all->n++] = l->c;
}

static void spell(char out[27], uint64_t shuffle_seed)
{
  struct letters all = {0};
  struct letter letters[26];
  struct sim *s = sim_new();
  if (shuffle_seed)
    sim_shuffle_ties(s, shuffle_seed);
  for (int i = 0; i < 26; i++) {
    letters[i] = (struct letter){&all, (char)('a' + i)};
    sim_at(s, 3, i < 25 ? PRIORITY_NORMAL : PRIORITY_COMPLETE, on_letter, &letters[i]);
  }
  sim_run(s, SIM_NEVER);
  assert_int_equal(sim_ties(s), 24);
  memcpy(out, all.text, 27);
  sim_free(s);
}

static void test_ties(void **state)
{
  (void)state;
  char plain[27], shuffled[27], again[27], other[27];
  spell(plain, 0);
  spell(shuffled, 1);
  spell(again, 1);
  spell(other, 2);
  assert_string_equal(plain, "zabcdefghijklmnopqrstuvwxy");
  assert_string_equal(shuffled, again);
  assert_string_not_equal(shuffled, plain);
  assert_string_not_equal(shuffled, other);
  assert_int_equal(shuffled[0], 'z');                   /* priorities are no ties */
}

/* An event at the current instant waits for those that were scheduled before it, and overtakes lower priorities. */
static void on_chain(struct sim *s, void *subject)
{
  struct letter *l = subject;
  on_letter(s, l);
  if (l[1].c)
    sim_after(s, 0, l[1].c < 'a' ? PRIORITY_COMPLETE : PRIORITY_NORMAL, on_chain, &l[1]);
}

static void test_now(void **state)
{
  (void)state;
  struct letters all = {0};
  struct letter chain[] = {{&all, 'a'}, {&all, 'b'}, {&all, 'C'}, {&all, 'd'}, {&all, 0}}, x = {&all, 'x'}, y = {&all, 'y'};
  struct sim *s = sim_new();
  sim_at(s, 7, PRIORITY_NORMAL, on_chain, chain);
  sim_at(s, 7, PRIORITY_NORMAL, on_letter, &x);
  sim_at(s, 7, PRIORITY_LAST, on_letter, &y);
  sim_run(s, SIM_NEVER);
  assert_string_equal(all.text, "axbCdy");
  assert_int_equal(sim_now(s), 7);
  sim_free(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_order), cmocka_unit_test(test_order_with_cancelled), cmocka_unit_test(test_storm),
    cmocka_unit_test(test_far_future), cmocka_unit_test(test_cancel), cmocka_unit_test(test_run_until_and_stop),
    cmocka_unit_test(test_never), cmocka_unit_test(test_time), cmocka_unit_test(test_ties), cmocka_unit_test(test_now),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
