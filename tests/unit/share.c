/* Shares against a slow one: every user's work is counted down at each change, nobody knows virtual work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "models/share.h"
#include "sim/rng.h"
#include <math.h>
#include <string.h>

enum { N = 300 };
/* Half a nanosecond for each of the ends that came before in the same busy period: a random walk of up to N steps. */
static const double NEAR_S = 20e-9;

struct user {
  struct share_user user;
  double join_s, leave_s, work, finish_s;               /* finish: -1 while it has none */
  double left, slow_finish_s; bool in;
};
struct world { struct share *share; struct user user[N]; struct sim *sim; int servers; };

static double speed(const void *context, uint32_t n)
{
  int c = ((const struct world *)context)->servers;
  return n <= (uint32_t)c ? 1.0 : (double)c / n;
}

static void on_done(struct sim *sim, void *context, struct share_user *u)
{
  (void)context;
  ((struct user *)(void *)u)->finish_s = s_from_ns(sim_now(sim));
}

static struct world *the_world(struct sim *sim) { return sim_world(sim); }

static void on_join(struct sim *sim, void *subject)
{
  struct user *u = subject;
  share_join(the_world(sim)->share, sim, &u->user, u->work);
}

static void on_leave(struct sim *sim, void *subject)
{
  struct user *u = subject;
  if (u->finish_s < 0) u->left = share_leave(the_world(sim)->share, sim, &u->user);
}

/* Exact in doubles: go to the next join, leave or end, whichever is first. */
static void slow_run(struct world *w)
{
  double now = 0;
  for (int gone = 0; gone < N;) {
    uint32_t n = 0;
    for (int i = 0; i < N; i++) n += w->user[i].in;
    double v = n ? speed(w, n) : 0, next = INFINITY;
    for (int i = 0; i < N; i++) {
      struct user *u = &w->user[i];
      if (u->in) next = fmin(next, fmin(now + u->left / v, u->leave_s));
      else if (u->slow_finish_s < 0) next = fmin(next, u->join_s);
    }
    for (int i = 0; i < N; i++)
      if (w->user[i].in) w->user[i].left -= v * (next - now);
    now = next;
    for (int i = 0; i < N; i++) {
      struct user *u = &w->user[i];
      if (u->in && (u->left < 1e-12 || now >= u->leave_s)) {
        u->slow_finish_s = u->left < 1e-12 ? now : INFINITY;
        u->in = false;
        gone++;
      } else if (!u->in && u->slow_finish_s < 0 && now >= u->join_s) {
        u->in = true;
        u->left = u->work;
      }
    }
  }
}

static void script(struct world *w, uint64_t seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  struct rng rng = rng_open(&root, rng_name("share"), (uint64_t)w->servers, 0);
  double at = 0;
  for (int i = 0; i < N; i++) {
    at += rng_exponential(&rng) / w->servers;
    struct user *u = &w->user[i];
    *u = (struct user){.join_s = rint(at * 1e9) / 1e9,
                       .work = 0.95 * rng_exponential(&rng),
                       .leave_s = INFINITY,
                       .finish_s = -1,
                       .slow_finish_s = -1};
    if (rng_below(&rng, 4) == 0) u->leave_s = rint((at + 3 * rng_exponential(&rng)) * 1e9) / 1e9;
  }
}

static double worst_difference(int servers, uint64_t seed, double scale)
{
  static struct world w;
  memset(&w, 0, sizeof w);
  w.servers = servers;
  w.sim = sim_new();
  sim_set_world(w.sim, &w);
  w.share = share_new(speed, on_done, &w);
  script(&w, seed);
  for (int i = 0; i < N; i++) {
    struct user *u = &w.user[i];
    sim_at(w.sim, ns_from_s(u->join_s), PRIORITY_ARRIVE, on_join, u);
    if (u->leave_s < INFINITY) sim_at(w.sim, ns_from_s(u->leave_s), PRIORITY_LAST, on_leave, u);
  }
  sim_run(w.sim, SIM_NEVER);
  assert_int_equal(share_users(w.share), 0);
  for (int i = 0; i < N; i++) w.user[i].work *= scale;
  slow_run(&w);
  double worst = 0;
  for (int i = 0; i < N; i++) {
    bool left = w.user[i].finish_s < 0, slow_left = isinf(w.user[i].slow_finish_s);
    if (left != slow_left) worst = INFINITY;
    else if (!left) worst = fmax(worst, fabs(w.user[i].finish_s - w.user[i].slow_finish_s));
  }
  share_free(w.share);
  sim_free(w.sim);
  return worst;
}

static void as_the_slow_one(void **state)
{
  (void)state;
  for (int servers = 1; servers <= 3; servers++)
    for (uint64_t seed = 1; seed <= 30; seed++) assert_true(worst_difference(servers, seed, 1) < NEAR_S);
}

static void a_fault_is_seen(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 5; seed++) assert_true(worst_difference(1, seed, 1.000001) > NEAR_S);
}

static double double_speed;
static double outside_speed(const void *context, uint32_t n) { (void)context; return double_speed / n; }

static void outside_change(void **state)
{
  (void)state;
  struct sim *sim = sim_new();
  struct user u = {.work = 10, .finish_s = -1};
  double_speed = 1;
  struct share *s = share_new(outside_speed, on_done, NULL);
  share_join(s, sim, &u.user, u.work);
  sim_run(sim, ns_from_s(0));
  assert_true(share_left(s, sim, &u.user) == 10);
  struct user mark = {.work = 4, .finish_s = -1};       /* takes 4 of the first 8 s */
  share_join(s, sim, &mark.user, mark.work);
  sim_run(sim, ns_from_s(8));
  assert_true(mark.finish_s == 8 && fabs(share_left(s, sim, &u.user) - 6) < 1e-9);
  double_speed = 2;
  share_update(s, sim);
  sim_run(sim, SIM_NEVER);
  assert_true(u.finish_s == 11);
  share_free(s);
  sim_free(sim);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(as_the_slow_one), cmocka_unit_test(a_fault_is_seen), cmocka_unit_test(outside_change),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
