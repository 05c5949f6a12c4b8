/* ope: two-arm bandits with known propensities, by hand and by many draws.
 *
 * Statistical cases draw with the house's own generator, 400 logs each, and ask for |mean - truth| < 4 standard errors:
 * a false alarm in 16,000 runs of one case.
 */
#include "analysis/ope.h"
#include "sim/rng.h"

#include "tests/unit/unit.h"

enum { ROWS = 2000, LOGS = 400 };
static const struct ope_options plain = {.clip = 10, .confidence = 0.95, .resamples = 200, .seed = 1};

/* Rows of two arms; the target takes the second always. */
static struct ope_row row_of(uint64_t unit, uint32_t arm, double propensity, double reward)
{
  return (struct ope_row){.arm = arm, .n_actions = 2, .unit = unit, .propensity = propensity, .reward = reward,
                          .target_chosen = arm == 1};
}
static const double second[2] = {0, 1};

/* Rows: (arm 0, .8, r 1), (arm 1, .2, r 3). w = 0, 5. IPS (0 + 15)/2, clipped at 2: 6/2, SNIPS 15/5, ESS 25/25.
 * A model q = v = 2: DM 2; DR (2 + 0) + (2 + 5 (3 - 2)) over 2 = 4.5. */
static void test_by_hand(void **state)
{
  (void)state;
  struct ope_row row[2] = {row_of(1, 0, 0.8, 1), row_of(2, 1, 0.2, 3)};
  struct ope_log log = {.n = 2, .row = row, .target = second, .n_arms = 2};
  double two[2] = {2, 2};
  struct ope_options clipping = plain;
  struct ope_result r;
  clipping.clip = 2;
  ope_evaluate(&log, two, two, &clipping, &r);
  assert_near(r.of[OPE_IPS].value, 7.5, 1e-12);
  assert_near(r.of[OPE_CLIPPED].value, 3, 1e-12);
  assert_near(r.of[OPE_SNIPS].value, 3, 1e-12);
  assert_near(r.of[OPE_DM].value, 2, 1e-12);
  assert_near(r.of[OPE_DR].value, 4.5, 1e-12);
  assert_near(r.ess, 1, 1e-12);
  assert_near(r.weight_mean, 2.5, 1e-12);
  assert_true(r.weight_max == 5 && r.clipped_share == 0.5 && r.match_share == 0.5);
}

/* Effective sample size: weights 1, 1, 1, 3: 36 / 12 = 3. */
static void test_effective_sample_size(void **state)
{
  (void)state;
  struct ope_row row[4];
  double zero[4] = {0};
  struct ope_log log = {.n = 4, .row = row, .target = second, .n_arms = 2};
  struct ope_result r;
  for (uint64_t i = 0; i < 4; i++)
    row[i] = row_of(i, 1, i < 3 ? 1 : 1 / 3.0, 1);
  ope_evaluate(&log, zero, zero, &plain, &r);
  assert_near(r.ess, 3, 1e-12);
}

/* Context x uniform in [0, 1); arm 0 earns x, arm 1 earns 1 - x, plus noise. The target takes arm 1 where x < 1/2 and
 * arm 0 elsewhere: it earns max(x, 1 - x), in the mean 3/4. */
struct drawn { struct ope_row row[ROWS]; double x[ROWS], target[2 * ROWS], q[ROWS], v[ROWS]; };
enum { TRUTH_4 = 3 };
/* Probability that the logger takes arm 1. */
typedef double logger_fn(double x);
static double even(double x) { return 0.3 + 0.4 * x; }
/* Sure of itself, and wrong where the target is right: odds e^(40 (x - 1/2)). */
static double sharp(double x) { return 1 / (1 + exp(-40 * (x - 0.5))); }
static double floored(double x) { return 0.95 * sharp(x) + 0.05 / 2; }

static void draw(struct drawn *d, logger_fn *logger, uint64_t replication)
{
  struct rng_root root = rng_root_make(7, replication);
  struct rng g = rng_open(&root, 1, 0, 0);
  for (size_t i = 0; i < ROWS; i++) {
    double x = d->x[i] = rng_uniform(&g), p = logger(x);
    uint32_t arm = rng_uniform(&g) < p;
    double reward = (arm ? 1 - x : x) + 0.1 * rng_normal(&g);
    d->target[2 * i] = x >= 0.5;
    d->target[2 * i + 1] = x < 0.5;
    d->row[i] = (struct ope_row){.arm = arm, .n_actions = 2, .unit = i, .propensity = arm ? p : 1 - p, .reward = reward,
                                 .target = 2 * i, .target_chosen = d->target[2 * i + arm]};
  }
}

static struct ope_log log_of(const struct drawn *d)
{
  return (struct ope_log){.n = ROWS, .row = d->row, .target = d->target, .n_features = 1, .x = d->x, .n_arms = 2};
}

struct spread { double mean, se, rmse; };
static struct spread spread_of(const double *value, double truth)
{
  struct spread s = {0};
  for (int i = 0; i < LOGS; i++)
    s.mean += value[i] / LOGS;
  for (int i = 0; i < LOGS; i++) {
    s.se += (value[i] - s.mean) * (value[i] - s.mean);
    s.rmse += (value[i] - truth) * (value[i] - truth);
  }
  s.se = sqrt(s.se / (LOGS - 1) / LOGS);
  s.rmse = sqrt(s.rmse / LOGS);
  return s;
}

/* How a case spoils what the estimators are told. */
enum spoil { RIGHT, WRONG_MODEL, WRONG_PROPENSITY, BOTH_WRONG };
static void spoil(struct drawn *d, enum spoil how)
{
  for (size_t i = 0; i < ROWS; i++) {
    if (how == WRONG_MODEL || how == BOTH_WRONG)
      d->q[i] = 0.2, d->v[i] = 0.2;
    if (how == WRONG_PROPENSITY || how == BOTH_WRONG)
      d->row[i].propensity = 0.5;
  }
}

static void many(logger_fn *logger, enum spoil how, struct spread out[OPE_METHODS])
{
  static double value[OPE_METHODS][LOGS];
  static struct drawn d;
  struct ope_options few = plain;
  few.resamples = 2;
  for (uint64_t i = 0; i < LOGS; i++) {
    struct ope_result r;
    struct err err;
    err_init(&err);
    draw(&d, logger, i);
    struct ope_log log = log_of(&d);
    assert_true(ope_model(&log, d.q, d.v, &err));
    spoil(&d, how);
    ope_evaluate(&log, d.q, d.v, &few, &r);
    for (int k = 0; k < OPE_METHODS; k++)
      value[k][i] = r.of[k].value;
    err_release(&err);
  }
  for (int k = 0; k < OPE_METHODS; k++)
    out[k] = spread_of(value[k], 0.25 * TRUTH_4);
}

static bool unbiased(const struct spread *s) { return fabs(s->mean - 0.25 * TRUTH_4) < 4 * s->se; }

/* DR is right when either the model or the propensities are, and wrong when neither: the planted mistake is seen. */
static void test_doubly_robust(void **state)
{
  (void)state;
  struct spread s[OPE_METHODS];
  many(even, RIGHT, s);
  assert_true(unbiased(&s[OPE_IPS]) && unbiased(&s[OPE_DM]) && unbiased(&s[OPE_DR]));
  assert_true(s[OPE_DR].rmse < s[OPE_IPS].rmse);
  many(even, WRONG_MODEL, s);
  assert_true(unbiased(&s[OPE_DR]) && !unbiased(&s[OPE_DM]));
  many(even, WRONG_PROPENSITY, s);
  assert_true(unbiased(&s[OPE_DR]) && !unbiased(&s[OPE_IPS]));
  many(even, BOTH_WRONG, s);
  assert_true(!unbiased(&s[OPE_DR]) && !unbiased(&s[OPE_IPS]) && !unbiased(&s[OPE_DM]));
}

/* A logger that seldom does what the target does: a uniform floor of 5 % cuts the error of IPS to less than a third. */
static void test_floor(void **state)
{
  (void)state;
  struct spread without[OPE_METHODS], with[OPE_METHODS];
  many(sharp, RIGHT, without);
  many(floored, RIGHT, with);
  print_message("rmse of IPS: %.4f without a floor, %.4f with 5 %%\n", without[OPE_IPS].rmse, with[OPE_IPS].rmse);
  assert_true(with[OPE_IPS].rmse * 3 < without[OPE_IPS].rmse);
  assert_true(with[OPE_SNIPS].rmse < without[OPE_SNIPS].rmse);
}

/* 95 % intervals of 400 logs hold the truth 380 times in the mean; below 362 in 1 of 10,000 tests (binomial). */
static void test_coverage(void **state)
{
  (void)state;
  static struct drawn d;
  int held[OPE_METHODS] = {0};
  for (uint64_t i = 0; i < LOGS; i++) {
    struct ope_result r;
    struct err err;
    err_init(&err);
    draw(&d, even, i);
    struct ope_log log = log_of(&d);
    assert_true(ope_model(&log, d.q, d.v, &err));
    ope_evaluate(&log, d.q, d.v, &plain, &r);
    for (int k = 0; k < OPE_METHODS; k++)
      held[k] += r.of[k].lo <= 0.75 && 0.75 <= r.of[k].hi;
    err_release(&err);
  }
  assert_true(held[OPE_IPS] >= 362 && held[OPE_SNIPS] >= 362 && held[OPE_DR] >= 362);
}

/* Linear rewards without noise are found again but for the penalty; an arm that was never taken gets the mean. */
static void test_model(void **state)
{
  (void)state;
  enum { N = 1000 };
  static struct ope_row row[N];
  static double x[N], target[3 * N], q[N], v[N];
  for (size_t i = 0; i < N; i++) {
    x[i] = (double)(i % 10);
    row[i] = (struct ope_row){.arm = i % 2, .n_actions = 3, .unit = i / 3, .propensity = 0.5, .target = 3 * i,
                              .reward = i % 2 ? 3 * x[i] : 10 - x[i]};
    target[3 * i] = 1;
  }
  struct ope_log log = {.n = N, .row = row, .target = target, .n_features = 1, .x = x, .n_arms = 3};
  struct err err;
  err_init(&err);
  assert_true(ope_model(&log, q, v, &err));
  for (size_t i = 0; i < N; i++) {
    assert_near(q[i], row[i].reward, 0.02);
    assert_near(v[i], 10 - x[i], 0.02);
    target[3 * i] = 0, target[3 * i + 2] = 1;
  }
  assert_true(ope_model(&log, q, v, &err));
  assert_true(v[0] > 8 && v[0] < 12);                   /* mean of all rewards: (15 + 4.5 ...) about 10 */
  err_release(&err);
}

/* x x x -x -x -x ... by hand: 1, 1, -1, -1 has covariance 1 - 1 + 1 over 4. Two runs are not joined. */
static void test_autocorrelation(void **state)
{
  (void)state;
  const double value[8] = {1, 1, -1, -1, 1, 1, -1, -1};
  const uint64_t run[8] = {0, 0, 0, 0, 1, 1, 1, 1};
  assert_near(ope_autocorrelation(value, run, 4), 0.25, 1e-12);
  assert_near(ope_autocorrelation(value, run, 8), 0.25, 1e-12);
  assert_true(isnan(ope_autocorrelation(value, run, 2)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_effective_sample_size),
    cmocka_unit_test(test_doubly_robust), cmocka_unit_test(test_floor), cmocka_unit_test(test_coverage),
    cmocka_unit_test(test_model), cmocka_unit_test(test_autocorrelation)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
