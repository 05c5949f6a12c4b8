/* policy_routers: queues, Lyapunov, and the choice among variants, through the policy host. Expected values are formulas
 * or the checked values of the literature; statistical ones say their false-alarm rate. */
#include "tests/unit/policy_fixture.h"
#include "sim/rng.h"

static void set_queues(struct small_decision *d, int n, const double *queue)
{
  for (int i = 0; i < n; i++) d->action[i].queue = queue[i];
}

/* How often each action is chosen in n decisions; the propensity of the last choice of each. */
static void tally(struct policy_host *h, struct small_decision *d, int n, int *count, double *propensity)
{
  for (int i = 0; i < n; i++) {
    d->facts.decision_number = (uint64_t)i;
    struct decision_result r = ask(h, &d->facts);
    count[r.action]++;
    propensity[r.action] = r.propensity;
  }
}

/* Frequency = propensity: chi-square below its 1 - 1e-4 quantile for up to 5 degrees of freedom, 25.7. */
static void assert_propensities(int n_actions, const int *count, const double *expected, const double *told, int n)
{
  double chi2 = 0;
  for (int a = 0; a < n_actions; a++) {
    if (expected[a] == 0) assert_int_equal(count[a], 0);
    if (expected[a] == 0) continue;
    assert_true(fabs(told[a] - expected[a]) < 1e-12);
    chi2 += (count[a] - n * expected[a]) * (count[a] - n * expected[a]) / (n * expected[a]);
  }
  assert_true(chi2 < 25.7);
}

static void check_draws(const char *policy, const char *parameters, int n, const double *queue, const double *expected)
{
  struct small_world w;
  struct small_decision d;
  int count[WORLD_PLANS] = {0};
  double told[WORLD_PLANS] = {0};
  enum { DRAWS = 20000 };
  small_world_init(&w, n);
  small_decision_init(&d, n);
  set_queues(&d, n, queue);
  struct policy_host *h = host_of(&w, policy, parameters, 0);
  tally(h, &d, DRAWS, count, told);
  policy_host_free(h);
  assert_propensities(n, count, expected, told, DRAWS);
}

static void jsq_takes_one_of_the_shortest(void **state)
{
  (void)state;
  check_draws("jsq", "", 4, (double[]){3, 1, 1, 2}, (double[]){0, .5, .5, 0});
  check_draws("jsq", "", 3, (double[]){NAN, 4, NAN}, (double[]){0, 1, 0});
  check_draws("jsq", "", 2, (double[]){NAN, NAN}, (double[]){.5, .5});
}

/* The smallest of a random pair of {0,1,2,3}: 3/6, 2/6, 1/6. Ties share what is theirs: queues 1, 1, 5: the pairs are
 * {a,b}, {a,c}, {b,c}, so a and b have (1/2 + 1 + 0)/3 = 1/2 each. */
static void power_of_d_has_its_propensities(void **state)
{
  (void)state;
  check_draws("power_of_d", "d=2", 4, (double[]){0, 1, 2, 3}, (double[]){.5, 1. / 3, 1. / 6, 0});
  check_draws("power_of_d", "d=2", 3, (double[]){1, 1, 5}, (double[]){.5, .5, 0});
  check_draws("power_of_d", "d=1", 3, (double[]){0, 7, 9}, (double[]){1. / 3, 1. / 3, 1. / 3});
  check_draws("power_of_d", "d=9", 3, (double[]){2, 1, 9}, (double[]){0, 1, 0});
}

/* The planted fault: with replacement the longest of {0,1,2,3} would be taken once in 16. */
static void drawing_with_replacement_would_be_seen(void **state)
{
  (void)state;
  int count[4] = {0}, n = 20000;
  struct rng_root root = rng_root_make(5, 0);
  struct rng draw = rng_open(&root, 1, 0, 0);
  for (int i = 0; i < n; i++) {
    uint64_t a = rng_below(&draw, 4), b = rng_below(&draw, 4);
    count[a < b ? a : b]++;
  }
  assert_true(count[3] > 0);
  double chi2 = 0, expected[] = {.5, 1. / 3, 1. / 6};
  for (int a = 0; a < 3; a++) chi2 += pow(count[a] - n * expected[a], 2) / (n * expected[a]);
  assert_true(chi2 > 25.7);
}

/* Members of a place compete with one another, not with the device that is idle. */
static void queues_are_compared_between_members(void **state)
{
  (void)state;
  struct small_world w;
  struct small_decision d;
  small_world_init(&w, 4);
  for (int i = 2; i < 4; i++) w.plan[i].word = WORD_MEMBER, w.plan[i].member = (uint64_t)(i - 2);
  small_decision_init(&d, 4);
  set_queues(&d, 4, (double[]){0, 0, 5, 4});
  struct policy_host *h = host_of(&w, "jsq", "", 0);
  assert_int_equal(ask(h, &d.facts).action, 3);
  d.action[3].mask = d.action[2].mask = OFFSIM_MASK_BREAKER;
  assert_true(ask(h, &d.facts).action < 2);
  policy_host_free(h);
}

/* ---- drift plus penalty ------------------------------------------------------------------------------------------ */

struct lyapunov_run { double power, backlog; };

/* Slots: decide on backlog and channel, send, then the arrival comes. */
static struct lyapunov_run slots(const char *parameters, int n)
{
  struct small_world w;
  struct small_decision d;
  small_world_init(&w, 2);
  small_decision_init(&d, 2);
  d.action[0].est_energy_j = 0, d.action[1].est_energy_j = 1;
  struct policy_host *h = host_of(&w, "drift_plus_penalty", parameters, 0);
  struct rng_root root = rng_root_make(7, 0);
  struct rng draw = rng_open(&root, 1, 0, 0);
  double power = 0, sum = 0, queue = 0;
  for (int i = 0; i < n; i++) {
    double u = rng_uniform(&draw), served = u < .3 ? 0 : u < .7 ? 1 : 2, arrival = rng_uniform(&draw) < .8;
    d.attribute[1] = queue, d.attribute[2] = served;
    d.facts.decision_number = (uint64_t)i;
    int sends = ask(h, &d.facts).action;
    power += sends;
    queue = fmax(queue - (sends ? served : 0), 0) + arrival;
    sum += queue;
  }
  policy_host_free(h);
  return (struct lyapunov_run){power / n, sum / n};
}

/* Power and backlog at V = 1, 5, 20, of an independent simulation: within 2 %. */
static void drift_plus_penalty_has_its_power_and_backlog(void **state)
{
  (void)state;
  static const struct { const char *parameters; double power, backlog; } row[] = {
    {"V=1 backlog=prompt served=docs", .6408, 2.18}, {"V=5 backlog=prompt served=docs", .5217, 5.17},
    {"V=20 backlog=prompt served=docs", .5009, 19.2}};
  for (int i = 0; i < 3; i++) {
    struct lyapunov_run x = slots(row[i].parameters, 200000);
    print_message("%s: power %.4f, backlog %.3f\n", row[i].parameters, x.power, x.backlog);
    assert_true(fabs(x.power / row[i].power - 1) < .02);
    assert_true(fabs(x.backlog / row[i].backlog - 1) < .02);
  }
  assert_true(fabs(slots(row[1].parameters, 200000).power / row[0].power - 1) > .02);    /* another V is seen */
}

/* V = 2: 2 x 1 J + 3 jobs = 5 against 2 x 2 J + 0 jobs = 4; with V = 4 it is 7 against 8. */
static void drift_plus_penalty_weighs_places(void **state)
{
  (void)state;
  struct small_world w;
  struct small_decision d;
  small_world_init(&w, 2);
  small_decision_init(&d, 2);
  set_queues(&d, 2, (double[]){3, 0});
  d.action[0].est_energy_j = 1, d.action[1].est_energy_j = 2;
  struct policy_host *low = host_of(&w, "drift_plus_penalty", "V=2", 0), *high = host_of(&w, "drift_plus_penalty", "V=4", 0);
  assert_int_equal(ask(low, &d.facts).action, 1);
  assert_int_equal(ask(high, &d.facts).action, 0);
  policy_host_free(low);
  policy_host_free(high);
}

/* ---- variants ---------------------------------------------------------------------------------------------------- */

static void three_variants(struct small_world *w, struct small_decision *d)
{
  small_world_init(w, 6);
  small_decision_init(d, 6);
  static const double quality[] = {.9, .3, .6, .6, .3, .9};
  for (int a = 0; a < 6; a++) d->action[a].est_quality = quality[a];     /* latency of action a: 1 + a */
}

static int routed(const char *parameters, double score)
{
  struct small_world w;
  struct small_decision d;
  three_variants(&w, &d);
  d.attribute[1] = score;
  struct policy_host *h = host_of(&w, "router", parameters, 0);
  int action = ask(h, &d.facts).action;
  policy_host_free(h);
  return action;
}

static void router_takes_larger_variants_for_larger_scores(void **state)
{
  (void)state;
  const char *p = "score=prompt above=0.4";
  assert_int_equal(routed(p, .1), 1);
  assert_int_equal(routed(p, .4), 1);
  assert_int_equal(routed(p, .41), 2);
  assert_int_equal(routed(p, .7), 2);
  assert_int_equal(routed(p, .71), 0);
  assert_int_equal(routed(p, 2), 0);
  assert_int_equal(routed(p, NAN), 0);
}

static void cascade_goes_from_small_to_large(void **state)
{
  (void)state;
  struct small_world w;
  struct small_decision d;
  three_variants(&w, &d);
  struct policy_host *h = host_of(&w, "cascade", "accept=0.7", 0);
  struct decision_result r = ask(h, &d.facts);
  assert_int_equal(r.action, 1);
  assert_int_equal(r.n_fallbacks, 2);
  assert_int_equal(r.fallback[0], 2);
  assert_int_equal(r.fallback[1], 0);
  assert_true(r.accept_quality == .7);
  policy_host_free(h);
  h = host_of(&w, "cascade", "larger=0", 0);
  r = ask(h, &d.facts);
  assert_int_equal(r.n_fallbacks, 0);
  assert_true(r.accept_quality == 0);
  policy_host_free(h);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(jsq_takes_one_of_the_shortest), cmocka_unit_test(power_of_d_has_its_propensities),
    cmocka_unit_test(drawing_with_replacement_would_be_seen), cmocka_unit_test(queues_are_compared_between_members),
    cmocka_unit_test(drift_plus_penalty_has_its_power_and_backlog), cmocka_unit_test(drift_plus_penalty_weighs_places),
    cmocka_unit_test(router_takes_larger_variants_for_larger_scores), cmocka_unit_test(cascade_goes_from_small_to_large)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
