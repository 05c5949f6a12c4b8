/* The radio by hand, and against a stepper that knows nothing of closed forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "models/radio.h"
#include "sim/rng.h"
#include <math.h>
#include <stdlib.h>

/* Huang et al., MobiSys 2012. Mbit = 125000 bytes. */
static struct radio_def lte_2012(void)
{
  return (struct radio_def){
    .name = "lte_2012", .up_j_per_byte = 0.43839 / 125e3, .down_j_per_byte = 0.05197 / 125e3, .base_w = 1.28804,
    .n_stages = 4,
    .stage = {{.name = "continuous", .for_s = 0.1, .power_w = 1.06},
              {.name = "short_drx", .for_s = 0.02, .power_w = 1.06, .cycle_s = 0.02, .on_s = 0.001},
              {.name = "long_drx", .for_s = 11.456, .power_w = 1.06, .cycle_s = 0.04, .on_s = 0.001},
              {.name = "idle", .cycle_s = 1.28, .on_s = 0.0432, .on_w = 0.5943, .resume_s = 0.2601, .resume_w = 1.2107}}};
}

/* Three kinds of power in a stage, a stage that resumes, and an idle state that never sleeps altogether. */
static struct radio_def mixed(void)
{
  return (struct radio_def){
    .name = "mixed", .base_w = 2, .n_stages = 4,
    .stage = {{.name = "awake", .for_s = 0.5, .power_w = 1},
              {.name = "drx", .for_s = 3, .power_w = 0.2, .cycle_s = 0.16, .on_s = 0.01, .on_w = 0.7},
              {.name = "inactive", .for_s = 2, .power_w = 0.02, .cycle_s = 0.32, .on_s = 0.02, .on_w = 0.4,
               .resume_s = 0.11, .resume_w = 0.6},
              {.name = "idle", .power_w = 0.003, .cycle_s = 1.28, .on_s = 0.04, .on_w = 0.5, .resume_s = 0.26, .resume_w = 0.9}}};
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-12; }
static sim_time at(double s) { return ns_from_s(s); }

/* 10 MB up at 5 Mbit/s from idle: promotion, transfer and tail as in a calculation by hand. */
static void lte_by_hand(void **unused)
{
  (void)unused;
  struct radio_def d = lte_2012();
  struct radio r = {0};
  sim_time wait, start = at(12.8);
  assert_true(near(radio_energy_j(&d, &r, start, 0), 10 * 0.0432 * 0.5943));
  double promotion = radio_begin(&d, &r, start, 0, false, &wait);
  assert_int_equal(wait, 260100000);
  assert_true(near(promotion, 0.31490307));
  sim_time ends = start + wait + at(16);
  double rest = radio_end(&d, &r, ends, 0, 0) + radio_byte_j(&d, true, 10e6);
  assert_true(near(rest, 16 * 3.47999 + 12.27056));
  assert_true(near(radio_byte_j(&d, false, 1e6), 8 * 0.05197));
  assert_int_equal(radio_stage_at(&d, &r, ends + at(11.575)), 2);
  assert_int_equal(radio_stage_at(&d, &r, ends + at(11.576)), 3);
  assert_true(near(radio_energy_j(&d, &r, ends + at(5), 0),
                   10 * 0.0432 * 0.5943 + 0.31490307 + 16 * 1.28804 + 5 * 1.06));
}

/* A device resumes at once; the network waits for the next cycle: 40 ms in the tail, 1.28 s when idle. */
static void waits(void **unused)
{
  (void)unused;
  struct radio_def d = lte_2012();
  struct radio r = {.woken = true};
  assert_int_equal(radio_wait(&d, &r, at(0.05), 0, true), 0);
  assert_int_equal(radio_wait(&d, &r, at(5.01), 0, true), at(0.03));
  assert_int_equal(radio_wait(&d, &r, at(5.01), at(0.03), true), 0);
  assert_int_equal(radio_wait(&d, &r, at(5.01), 0, false), 0);
  assert_int_equal(radio_wait(&d, &r, at(12.81), 0, true), at(0.2601));
  assert_int_equal(radio_wait(&d, &r, at(12.9), 0, true), at(1.18 + 0.2601));
  assert_int_equal(radio_wait(&d, &r, at(12.9), 0, false), at(0.2601));
  struct radio_expected e = radio_expect(&d, &r, at(20), true);
  assert_true(near(e.wait_s, 0.2601 + (1.28 - 0.0432) * (1.28 - 0.0432) / 2.56));
  assert_true(near(e.joule, 0.31490307 + 12.27056));
  e = radio_expect(&d, &r, at(2), false);
  assert_true(near(e.joule, 2 * 1.06) && e.wait_s == 0);
}

/* Of two transfers, 0..10 s and 2..5 s, each pays its part of the base power; the tail is the last one's. Who comes 4 s
 * into the tail pays for 4 s more of it. */
static void shares(void **unused)
{
  (void)unused;
  struct radio_def d = lte_2012();
  struct radio r = {.woken = true};                     /* in its first stage at 0 */
  sim_time wait;
  double tail = 12.27056, a, b;
  r.direct_j = tail;                                    /* somebody paid for it */
  a = radio_begin(&d, &r, 0, 0, false, &wait);
  assert_true(a == 0 && wait == 0);
  double share_a = r.share_s;
  b = radio_begin(&d, &r, at(2), 0, false, &wait);
  assert_true(b == 0);
  double share_b = r.share_s;
  b += radio_end(&d, &r, at(5), 0, share_b);
  a += radio_end(&d, &r, at(10), 0, share_a);
  assert_true(near(b, 1.5 * 1.28804));
  assert_true(near(a, 8.5 * 1.28804));
  double c = radio_begin(&d, &r, at(14), 0, false, &wait);
  c += radio_end(&d, &r, at(14), 0, r.share_s);
  assert_true(near(c, 4 * 1.06));
  assert_true(near(r.direct_j, tail + a + b + c));
}

/* A promotion that nobody waits for any more comes to its end, and its tail follows. */
static void cut_in_promotion(void **unused)
{
  (void)unused;
  struct radio_def d = lte_2012();
  struct radio r = {0};
  sim_time wait;
  double a = radio_begin(&d, &r, at(1), 0, false, &wait);
  a += radio_end(&d, &r, at(1.1), 0, r.share_s);
  assert_true(near(a, 0.31490307 + 12.27056));
  assert_int_equal(radio_stage_at(&d, &r, at(1.2)), RADIO_PROMOTED);
  assert_int_equal(radio_stage_at(&d, &r, at(1.3)), 0);
  double b = radio_begin(&d, &r, at(1.2), 0, true, &wait);
  assert_int_equal(wait, at(0.0601));
  assert_true(near(b + radio_end(&d, &r, at(1.2) + wait, 0, r.share_s), 0));
}

/* Tokens for 3 s from 1 s on, but noted only at their end: the first stage all the time, then a whole tail. */
static void held(void **unused)
{
  (void)unused;
  struct radio_def d = mixed();
  struct radio r = {0};
  sim_time wait, first = at(100);
  double a = radio_begin(&d, &r, first, 0, false, &wait);
  first += wait;
  a += radio_end(&d, &r, first, 0, r.share_s);
  a += radio_hold(&d, &r, first, first + at(30), 0);
  assert_true(near(a, 0.26 * 0.9 + 30 * 1 + radio_tail_j(&d, first + at(30), first + at(30), 0)));
  assert_true(near(radio_energy_j(&d, &r, first + at(30), 0) - radio_idle_j(&d, &r, first + at(30), 0), 0.26 * 0.9 + 30));
}

/* ---- the stepper ------------------------------------------------------------------------------------------------ */

static const double STEP = 1e-4;
enum { STEPS = 1500000 };

/* What a radio does in one step, by counters only. */
struct stepper { const struct radio_def *d; long step, in_stage, resume; int stage, active; double joule, resume_w; bool paged; };

static long steps(double s) { return lround(s / STEP); }

static bool listens(const struct stepper *s)
{
  const struct radio_stage *k = &s->d->stage[s->stage];
  return k->cycle_s <= 0 || s->step % steps(k->cycle_s) < steps(k->on_s);
}

static void wake(struct stepper *s)
{
  s->resume = steps(s->d->stage[s->stage].resume_s);
  s->resume_w = s->d->stage[s->stage].resume_w;
  s->stage = 0;
  s->in_stage = 0;
  s->paged = false;
}

static void step(struct stepper *s, bool new_use, bool by_network)
{
  if (new_use && s->resume == 0 && s->active == 1) {
    if (by_network) s->paged = true;
    else wake(s);
  }
  if (s->paged && listens(s)) wake(s);
  const struct radio_stage *k = &s->d->stage[s->stage];
  bool idle = s->stage == s->d->n_stages - 1;
  if (s->resume > 0) {
    s->joule += s->resume_w * STEP;
    s->resume--;
  } else if (s->active && !s->paged) s->joule += s->d->base_w * STEP;
  else {
    s->joule += (k->power_w + (k->cycle_s > 0 && listens(s) ? k->on_w : 0)) * STEP;
    if (!s->paged && ++s->in_stage >= steps(k->for_s) && !idle) s->stage++, s->in_stage = 0;
  }
  s->step++;
}

/* Uses at random, some at once, some after long gaps, some by the network; none while another waits for its promotion. */
static double conserve(struct radio_def d, struct radio_def stepped, uint64_t seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  struct rng rng = rng_open(&root, 1, 2, 3);
  struct radio r = {0};
  struct stepper s = {.d = &stepped, .stage = d.n_stages - 1};
  long next = 1000, end[8];
  double noted[8], charged = 0;
  int n = 0;
  for (long t = 0; t < STEPS; t++) {
    sim_time now = t * 100000, wait;
    bool begins = t == next && n < 8, network = false;
    for (int i = 0; i < n; i++)
      if (end[i] == t) {
        charged += radio_end(&d, &r, now, 0, noted[i]);
        end[i] = end[--n], noted[i] = noted[n];
        i--;
      }
    s.active = n;
    if (t == next) next = t + 1 + (long)rng_below(&rng, rng_below(&rng, 3) ? 3000 : 200000);
    if (begins) {
      network = rng_below(&rng, 2);
      charged += radio_begin(&d, &r, now, 0, network, &wait);
      noted[n] = r.share_s;
      end[n++] = t + wait / 100000 + 1 + (long)rng_below(&rng, 4000);
      s.active = n;
    }
    step(&s, begins, network);
  }
  sim_time now = (sim_time)STEPS * 100000;
  if (n == 0) assert_true(near(charged, r.direct_j));
  double total = radio_energy_j(&d, &r, now, 0);
  assert_true(total > 10);
  return total / s.joule - 1;
}

static void conservation(void **unused)
{
  (void)unused;
  for (uint64_t seed = 1; seed <= 3; seed++) {
    assert_true(fabs(conserve(lte_2012(), lte_2012(), seed)) < 1e-9);
    assert_true(fabs(conserve(mixed(), mixed(), seed)) < 1e-9);
  }
  struct radio_def other = lte_2012();                  /* a tail of half a second more is noticed */
  other.stage[2].for_s += 0.5;
  assert_true(fabs(conserve(lte_2012(), other, 1)) > 1e-4);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lte_by_hand), cmocka_unit_test(waits), cmocka_unit_test(shares),
    cmocka_unit_test(cut_in_promotion), cmocka_unit_test(held), cmocka_unit_test(conservation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
