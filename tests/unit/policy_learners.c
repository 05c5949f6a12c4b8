/* policy_learners: regret of the learners through the host, against published and independently simulated values. */
#include "tests/unit/policy_fixture.h"

enum { ARMS = 9, HORIZON = 10000, MAX_DELAY = 100 };
struct estimate { double mean, se; };

/* Nine Bernoulli arms .1 ... .9 (the best is .9), outcomes `delay` decisions later, rewards scaled and shifted. */
struct bandit { const char *policy, *parameters; int delay; double scale, shift; };

static double bandit_regret(const struct small_world *w, const struct bandit *b, uint64_t replication)
{
  struct policy_host *h = host_of(w, b->policy, b->parameters, replication);
  struct rng_root root = rng_root_make(99, replication);
  struct rng draws = rng_open(&root, 1, 0, 0);
  struct small_decision d;
  struct { void *memo; int action; double reward; } late[MAX_DELAY + 1];
  small_decision_init(&d, ARMS);
  double regret = 0;
  for (int t = 0; t < HORIZON + b->delay; t++) {
    if (t >= b->delay && b->delay > 0) {
      int i = t % (b->delay + 1), due = (i + 1) % (b->delay + 1);
      tell(h, &d.facts, late[due].memo, (uint64_t)(t - b->delay), late[due].action, late[due].reward);
    }
    if (t >= HORIZON) { late[t % (b->delay + 1)].memo = NULL; continue; }
    d.facts.decision_number = (uint64_t)t;
    struct decision_result r = ask(h, &d.facts);
    double mean = 0.1 * (r.action + 1), reward = b->shift + b->scale * (rng_uniform(&draws) < mean);
    regret += 0.9 - mean;
    if (b->delay == 0) { tell(h, &d.facts, r.memo, (uint64_t)t, r.action, reward); continue; }
    late[t % (b->delay + 1)].memo = r.memo;
    late[t % (b->delay + 1)].action = r.action;
    late[t % (b->delay + 1)].reward = reward;
  }
  policy_host_free(h);
  return regret;
}

static struct estimate regret_of(struct bandit b, int runs)
{
  struct small_world w;
  small_world_init(&w, ARMS);
  double sum = 0, square = 0;
  for (int i = 0; i < runs; i++) {
    double x = bandit_regret(&w, &b, (uint64_t)i);
    sum += x;
    square += x * x;
  }
  double mean = sum / runs, variance = (square - sum * mean) / (runs - 1);
  print_message("%s %s delay %d scale %g: regret %.2f +- %.2f (%d runs)\n", b.policy, b.parameters, b.delay, b.scale,
                mean, sqrt(variance / runs), runs);
  return (struct estimate){mean, sqrt(variance / runs)};
}

static void assert_agrees(struct estimate x, double reference, double se)
{
  assert_true(fabs(x.mean - reference) <= 4 * sqrt(x.se * x.se + se * se));
}

/* References: mean +- standard error over 500 runs of an independent implementation. */
static void ucb1_has_the_regret_of_the_literature(void **state)
{
  (void)state;
  assert_agrees(regret_of((struct bandit){"ucb1", "", 0, 1, 0}, 200), 331.3, 1.2);
}

static void thompson_has_the_regret_of_the_literature(void **state)
{
  (void)state;
  assert_agrees(regret_of((struct bandit){"thompson", "model=beta low=0 high=1 propensity_draws=1", 0, 1, 0}, 100),
                42.1, 0.5);
}

/* The detector sees a wrong constant: UCB with sqrt(.5 ln t / n) has regret 101, not 331. */
static void a_wrong_radius_is_seen(void **state)
{
  (void)state;
  struct estimate x = regret_of((struct bandit){"ucb1", "factor=0.5", 0, 1, 0}, 60);
  assert_agrees(x, 101.0, 0.8);
  assert_true(x.mean < 331.3 - 4 * 1.2 - 100);
}

static void delayed_outcomes_cost_what_they_should(void **state)
{
  (void)state;
  struct bandit b = {"thompson", "model=beta low=0 high=1 propensity_draws=1", 100, 1, 0};
  struct estimate x = regret_of(b, 60);
  assert_true(fabs(x.mean - 71) <= 0.05 * 71 + 4 * x.se);
  /* An independent simulation of the published rule: 530.9 +- 3.9; with random ties and unseen arms at 0, 568. */
  assert_agrees(regret_of((struct bandit){"ucb1", "count=outcomes", 100, 1, 0}, 60), 530.9, 3.9);
  struct estimate y = regret_of((struct bandit){"ucb1", "", 100, 1, 0}, 20);
  assert_true(y.mean <= 1.05 * 331.3 + 4 * y.se);       /* counting questions costs nothing here */
}

/* Scale and origin of the reward do not matter: powers of two give the same choices to the last bit. */
static void regret_is_free_of_the_rewards_scale(void **state)
{
  (void)state;
  static const struct bandit plain[] = {{"ucb1", "", 0, 1, 0},
    {"thompson", "model=gaussian propensity_draws=1", 0, 1, 0}, {"linucb", "features=prompt", 0, 1, 0}};
  for (size_t i = 0; i < 3; i++) {
    struct estimate x = regret_of(plain[i], 6);
    struct bandit b = plain[i];
    assert_true(x.mean < 0.15 * 4000);                  /* random: 4000 */
    b.scale = 0x1p-20;
    assert_true(regret_of(b, 6).mean < 1.5 * x.mean + 30);
    b.scale = 0x1p20; b.shift = -0x1p21;
    assert_true(regret_of(b, 6).mean < 1.5 * x.mean + 30);
  }
}

/* ---- linear rewards ---------------------------------------------------------------------------------------------- */

enum { K = 20, D = 5, T = 4000 };

static void unit_vector(struct rng *r, double x[D])
{
  double square = 0;
  for (int j = 0; j < D; j++) { x[j] = rng_normal(r); square += x[j] * x[j]; }
  for (int j = 0; j < D; j++) x[j] /= sqrt(square);
}

struct regret { double quarter, all, random; };

/* Reward theta . x(a) + N(0, .1), unit vectors x(a) in the columns of estimates and queue. */
static struct regret linear_regret(uint64_t replication)
{
  struct small_world w;
  struct small_decision d;
  small_world_init(&w, K);
  small_decision_init(&d, K);
  struct policy_host *h = host_of(&w, "linucb", "model=shared", replication);
  struct rng_root root = rng_root_make(7, replication);
  struct rng draws = rng_open(&root, 1, 0, 0);
  struct regret regret = {0};
  double theta[D];
  unit_vector(&draws, theta);
  for (int t = 0; t < T; t++) {
    double mean[K], best = -2, average = 0;
    for (int a = 0; a < K; a++) {
      double x[D];
      unit_vector(&draws, x);
      struct action_facts *f = &d.action[a];
      f->est_latency_s = x[0]; f->est_cost_usd = x[1]; f->est_energy_j = x[2]; f->est_quality = x[3]; f->queue = x[4];
      mean[a] = 0;
      for (int j = 0; j < D; j++) mean[a] += theta[j] * x[j];
      best = fmax(best, mean[a]);
      average += mean[a] / K;
    }
    d.facts.decision_number = (uint64_t)t;
    struct decision_result r = ask(h, &d.facts);
    regret.all += best - mean[r.action];
    regret.random += best - average;
    if (t == T / 4) regret.quarter = regret.all;
    tell(h, &d.facts, r.memo, (uint64_t)t, r.action, mean[r.action] + 0.1 * rng_normal(&draws));
  }
  policy_host_free(h);
  return regret;
}

static void linucb_learns_linear_rewards(void **state)
{
  (void)state;
  struct regret sum = {0};
  for (uint64_t i = 0; i < 5; i++) {
    struct regret r = linear_regret(i);
    sum.quarter += r.quarter / 5; sum.all += r.all / 5; sum.random += r.random / 5;
  }
  print_message("linucb shared: regret %.2f, after a quarter %.2f, random %.0f\n", sum.all, sum.quarter, sum.random);
  assert_true(sum.all < 0.01 * sum.random);
  assert_true(sum.all / sum.quarter < 1.5);
}

/* Disjoint models: action 1 is better for long prompts, action 0 for short ones; the feature's scale is in the
 * thousands and its largest value comes late. Random choice has regret T x E|x - 2|/2 = T x 1/2. */
static void linucb_learns_which_requests_go_where(void **state)
{
  (void)state;
  struct small_world w;
  struct small_decision d;
  small_world_init(&w, 2);
  small_decision_init(&d, 2);
  struct policy_host *h = host_of(&w, "linucb", "", 3);
  assert_int_equal(policy_host_features(h, &(const char *const *){0}, &(const char *const *){0}), 1);
  struct rng_root root = rng_root_make(5, 3);
  struct rng draws = rng_open(&root, 1, 0, 0);
  double regret = 0;
  for (int t = 0; t < T; t++) {
    double x = 4 * rng_uniform(&draws);
    if (t < 100) x /= 8;
    d.attribute[1] = 1000 * x;
    d.facts.decision_number = (uint64_t)t;
    struct decision_result r = ask(h, &d.facts);
    double mean = r.action == 1 ? x - 2 : 0;
    regret += fmax(0, x - 2) - mean;
    tell(h, &d.facts, r.memo, (uint64_t)t, r.action, mean + 0.1 * rng_normal(&draws));
  }
  print_message("linucb disjoint: regret %.2f, random %.0f\n", regret, T * 0.5);
  assert_true(regret < 0.02 * T * 0.5);
  policy_host_free(h);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(ucb1_has_the_regret_of_the_literature),
    cmocka_unit_test(thompson_has_the_regret_of_the_literature),
    cmocka_unit_test(a_wrong_radius_is_seen), cmocka_unit_test(delayed_outcomes_cost_what_they_should),
    cmocka_unit_test(regret_is_free_of_the_rewards_scale), cmocka_unit_test(linucb_learns_linear_rewards),
    cmocka_unit_test(linucb_learns_which_requests_go_where)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
