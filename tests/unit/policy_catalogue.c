/* policy_catalogue: what every learner of the catalogue must bear: rewards of any scale, unknown rewards, masks, arms that
 * appear later, outcomes that come late; and changes, for those that claim to follow them. Regret itself is compared with
 * the literature by `offsim validate policies`. */
#include "tests/unit/policy_fixture.h"

enum { N = 3, T = 3000, MOST_DELAY = 100 };
static const char *const learners[][2] = {
  {"ucb1", ""}, {"ucb1", "ties=random count=outcomes"}, {"ucb_half", ""}, {"kl_ucb", ""}, {"eps_greedy", ""},
  {"eps_greedy", "schedule=inverse ties=random"}, {"exp3", ""}, {"thompson", "propensity_draws=1"},
  {"thompson", "model=beta propensity_draws=1"}, {"sw_ucb", ""}, {"linucb", "features=prompt"},
  {"lints", "features=prompt propensity_draws=1"}, {"lints", "model=shared propensity_draws=1"},
  {"d_linucb", "features=prompt"}};
enum { N_LEARNERS = sizeof learners / sizeof *learners };

/* Bernoulli arms; of each `unknown`-th outcome the reward is NaN; the best arm is masked before `appears`; from `change` to
 * `back` the arm 2 has probability .9. */
struct arms { double p[N], scale; int delay, unknown, appears, change, back; uint64_t seed; };
struct played { int action[T], share_late, share_change; };

static void deliver(struct policy_host *h, struct small_decision *d, const struct arms *b, int t, void *memo, int action,
                    double reward)
{
  tell(h, &d->facts, memo, (uint64_t)t, action, b->unknown && t % b->unknown == 0 ? NAN : reward);
}

static struct played play(const char *const learner[2], struct arms b)
{
  struct small_world w;
  struct small_decision d;
  struct { void *memo; int action; double reward; } late[MOST_DELAY + 1];
  struct played out = {.share_late = 0};
  struct rng_root root = rng_root_make(77, b.seed);
  struct rng draws = rng_open(&root, 1, 0, 0);
  small_world_init(&w, N);
  small_decision_init(&d, N);
  struct policy_host *h = host_of(&w, learner[0], learner[1], b.seed);
  for (int t = 0; t < T; t++) {
    d.action[2].mask = t < b.appears ? OFFSIM_MASK_UNREACHABLE : 0;
    d.facts.decision_number = (uint64_t)t;
    struct decision_result r = ask(h, &d.facts);        /* the host refuses a wrong distribution or propensity */
    assert_false(r.replaced);
    bool changed = t >= b.change && t < b.back;
    double p = r.action == 2 && changed ? 0.9 : b.p[r.action];
    out.action[t] = r.action;
    out.share_late += t >= T - 500 && r.action == 2;
    out.share_change += changed && t >= (b.change + b.back) / 2 && r.action == 2;
    int slot = t % (b.delay + 1), due = t - b.delay;
    late[slot].memo = r.memo; late[slot].action = r.action; late[slot].reward = b.scale * (rng_uniform(&draws) < p);
    slot = due >= 0 ? due % (b.delay + 1) : 0;
    if (due >= 0) deliver(h, &d, &b, due, late[slot].memo, late[slot].action, late[slot].reward);
  }
  policy_host_free(h);
  return out;
}

/* Powers of two change no digit: the same choices. */
static void any_scale_gives_the_same_choices(void **state)
{
  (void)state;
  for (int i = 0; i < N_LEARNERS; i++) {
    struct arms b = {.p = {0.2, 0.4, 0.8}, .scale = 1};
    struct played plain = play(learners[i], b);
    b.scale = 0x1p-20;
    struct played small = play(learners[i], b);
    b.scale = 0x1p20;
    struct played large = play(learners[i], b);
    if (memcmp(plain.action, small.action, sizeof plain.action)) fail_msg("%s %s: small", learners[i][0], learners[i][1]);
    if (memcmp(plain.action, large.action, sizeof plain.action)) fail_msg("%s %s: large", learners[i][0], learners[i][1]);
  }
}

/* Of the last 500 choices more than half are the best arm. A UCB that is told a range of 1 for rewards of 1e-6 is the
 * planted positive: it stays with a third. */
static void assert_finds(struct arms b, const char *what)
{
  for (int i = 0; i < N_LEARNERS; i++) {
    struct played x = play(learners[i], b);
    if (x.share_late <= 250) fail_msg("%s %s, %s: %d of the last 500", learners[i][0], learners[i][1], what, x.share_late);
  }
}

static void the_best_arm_is_found_in_spite_of(void **state)
{
  (void)state;
  assert_finds((struct arms){.p = {0.2, 0.3, 0.9}, .scale = 1, .unknown = 3}, "a third of the rewards unknown");
  assert_finds((struct arms){.p = {0.2, 0.3, 0.9}, .scale = 1, .appears = 500}, "the best arm comes late");
}

static void late_outcomes_are_borne(void **state)
{
  (void)state;
  assert_finds((struct arms){.p = {0.2, 0.3, 0.9}, .scale = 1, .delay = MOST_DELAY}, "outcomes 100 decisions late");
}

static void a_wrong_scale_is_seen(void **state)
{
  (void)state;
  const char *const planted[2] = {"ucb1", "range=1"};
  struct played x = play(planted, (struct arms){.p = {0.2, 0.3, 0.9}, .scale = 1e-6});
  assert_in_range(x.share_late, 160, 174);
}

/* Of the second half of the new regime, in 5 runs. */
static int follows(const char *policy, const char *parameters)
{
  const char *const learner[2] = {policy, parameters};
  int sum = 0;
  for (uint64_t k = 0; k < 5; k++)
    sum += play(learner, (struct arms){.p = {0.5, 0.3, 0.4}, .scale = 1, .change = 1500, .back = 2700, .seed = k}).share_change;
  print_message("%s %s: %d of 3000 in the second half of the change\n", policy, parameters, sum);
  return sum;
}

static void those_that_adapt_follow_a_change(void **state)
{
  (void)state;
  assert_true(follows("sw_ucb", "window=600") > 2400);
  assert_true(follows("d_linucb", "features=prompt horizon=3000 alpha=0.5") > 2400);
  assert_true(follows("thompson", "model=beta propensity_draws=1") < 2400);
}

/* epsilon .3 of three arms: .1, .1, .8; 4 standard errors of 10^4 draws. */
static void eps_greedy_draws_as_it_says(void **state)
{
  (void)state;
  struct small_world w;
  struct small_decision d;
  int count[N] = {0};
  small_world_init(&w, N);
  small_decision_init(&d, N);
  struct policy_host *h = host_of(&w, "eps_greedy", "epsilon=0.3", 0);
  for (uint64_t t = 0; t < 10003; t++) {
    d.facts.decision_number = t;
    struct decision_result r = ask(h, &d.facts);
    if (t < N) {
      assert_int_equal(r.action, t);                    /* initial pulls in the scenario's order */
      tell(h, &d.facts, r.memo, t, r.action, r.action);
      continue;
    }
    count[r.action]++;
    assert_true(fabs(r.propensity - (r.action == 2 ? 0.8 : 0.1)) < 1e-12);
    tell(h, &d.facts, r.memo, t, r.action, NAN);        /* teaches nothing */
  }
  for (int a = 0; a < N; a++) {
    double p = a == 2 ? 0.8 : 0.1;
    assert_true(fabs(count[a] - 1e4 * p) < 4 * sqrt(1e4 * p * (1 - p)));
  }
  policy_host_free(h);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_scale_gives_the_same_choices), cmocka_unit_test(the_best_arm_is_found_in_spite_of),
    cmocka_unit_test(late_outcomes_are_borne), cmocka_unit_test(a_wrong_scale_is_seen),
    cmocka_unit_test(those_that_adapt_follow_a_change), cmocka_unit_test(eps_greedy_draws_as_it_says)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
