/* Distributions: known moments, draws against their own cdf, cdfs against GSL's, and what is refused. */
#include "sim/arena.h"
#include "sim/dist.h"
#include "tests/unit/gof.h"

enum { N = 400000 };

static struct dist made(const char *kind, const double *p, size_t n)
{
  struct dist d;
  char why[160] = "";
  if (!dist_make(&d, kind, p, n, why))
    fail_msg("%s: %s", kind, why);
  return d;
}

/* ---- the table of what is known -------------------------------------------------------------------------------- */

/* Mean and variance worked out by hand from the formulas of the kinds' definitions. */
static const struct row { const char *kind; double p[3]; size_t n; double mean, variance; } rows[] = {
  {"constant", {2.5}, 1, 2.5, 0},
  {"uniform", {2, 8}, 2, 5, 3},
  {"exponential", {2}, 1, 2, 4},
  {"normal", {10, 2, -INFINITY}, 3, 10, 4},
  {"normal", {0, 1}, 2, 0.79788456080286536, 0.36338022763241866},      /* half-normal: sqrt(2/pi), 1 - 2/pi */
  {"normal", {0, 1, 3}, 3, 3.2830986549304, 0.0705591867871},           /* far tail: phi(3)/Q(3) */
  {"lognormal", {1, 1}, 2, 1.6487212707001282, 4.6707742704716058},     /* sqrt(e), e (e - 1) */
  {"gamma", {6, 3}, 2, 6, 12},
  {"gamma", {1, 0.25}, 2, 1, 4},
  {"erlang", {6, 3}, 2, 6, 12},
  {"erlang", {10, 20}, 2, 10, 5},
  {"weibull", {2, 2}, 2, 1.7724538509055161, 0.8584073464102069},       /* sqrt(pi), 4 - pi */
  {"weibull", {3, 1}, 2, 3, 9},
  {"pareto", {1, 5}, 2, 1.25, 5.0 / 48},
  {"pareto", {2, 1}, 2, INFINITY, INFINITY},
  {"pareto", {2, 1.5}, 2, 6, INFINITY},
  {"hyperexponential", {2, 4}, 2, 2, 16},
  {"hyperexponential", {2, 1}, 2, 2, 4},
  {"zipf", {3, 1}, 2, 18.0 / 11, 72.0 / 121},                           /* 6/11, 3/11, 2/11 */
  {"zipf", {4, 0}, 2, 2.5, 1.25},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

static void assert_same(double value, double expected)
{
  if (isinf(expected))
    assert_true(isinf(value) && value > 0);
  else
    assert_near(value, expected, 1e-9);
}

static void test_moments(void **state)
{
  (void)state;
  for (size_t i = 0; i < N_ROWS; i++) {
    struct dist d = made(rows[i].kind, rows[i].p, rows[i].n);
    assert_same(dist_mean(&d), rows[i].mean);
    assert_same(dist_variance(&d), rows[i].variance);
  }
}

/* ---- draws against the cdf ------------------------------------------------------------------------------------- */

static double own_cdf(double x, const void *with)
{
  return dist_cdf(with, x);
}

static void draw_all(double *x, const struct dist *d, uint64_t seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  struct rng r = rng_open(&root, rng_name("draws"), 0, 0);
  for (size_t i = 0; i < N; i++)
    x[i] = dist_draw(d, &r);
}

/* p-value of draws at whole numbers 1..k, the last class being everything from k on. */
static double discrete_fit(const double *x, const struct dist *d, int k)
{
  uint64_t count[64] = {0};
  double expected[64];
  for (size_t i = 0; i < N; i++)
    count[x[i] >= k ? k - 1 : (int)x[i] - 1]++;
  for (int i = 0; i < k; i++)
    expected[i] = N * ((i + 1 < k ? dist_cdf(d, i + 1) : 1) - dist_cdf(d, i));
  return gof_chi_square(count, expected, (size_t)k);
}

static double fit(double *x, const struct dist *drawn, const struct dist *claimed, uint64_t seed)
{
  draw_all(x, drawn, seed);
  if (strcmp(drawn->kind->name, "zipf") == 0)
    return discrete_fit(x, claimed, claimed->p[0] < 40 ? (int)claimed->p[0] : 40);
  return gof_ks(x, N, own_cdf, claimed);
}

static void test_draws_fit(void **state)
{
  (void)state;
  double *x = malloc(N * sizeof *x);
  for (size_t i = 1; i < N_ROWS; i++) {                 /* a constant has no density to test */
    struct dist d = made(rows[i].kind, rows[i].p, rows[i].n);
    double p = fit(x, &d, &d, i);
    if (!(p > GOF_ALARM))
      fail_msg("row %zu, %s: p = %g", i, rows[i].kind, p);
  }
  struct dist wide = made("zipf", (double[]){1e6, 1.1}, 2), many = made("zipf", (double[]){1e12, 0.7}, 2);
  assert_true(fit(x, &wide, &wide, 70) > GOF_ALARM);
  draw_all(x, &many, 71);
  assert_true(gof_ks(x, N / 40, own_cdf, &many) > GOF_ALARM);   /* so many ranks that it is nearly continuous */
  free(x);
}

/* Planted: each pair differs by 1 to 3 % in one parameter, and the test must see it. */
static void test_wrong_draws_are_seen(void **state)
{
  (void)state;
  static const struct { const char *kind; double drawn[3], claimed[3]; size_t n; } wrong[] = {
    {"uniform", {0, 1}, {0, 1.01}, 2}, {"exponential", {1}, {1.03}, 1}, {"normal", {10, 2}, {10.05, 2}, 2},
    {"normal", {0, 1, 3}, {0, 1.02, 3}, 3}, {"lognormal", {1, 1}, {1, 1.03}, 2}, {"gamma", {6, 3}, {6, 3.1}, 2},
    {"gamma", {1, 0.25}, {1, 0.26}, 2}, {"erlang", {6, 3}, {6.1, 3}, 2}, {"weibull", {2, 2}, {2, 2.05}, 2},
    {"pareto", {1, 5}, {1, 5.15}, 2}, {"hyperexponential", {2, 4}, {2, 4.5}, 2}, {"zipf", {100, 1}, {100, 1.01}, 2},
  };
  double *x = malloc(N * sizeof *x);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    struct dist drawn = made(wrong[i].kind, wrong[i].drawn, wrong[i].n);
    struct dist claimed = made(wrong[i].kind, wrong[i].claimed, wrong[i].n);
    double p = fit(x, &drawn, &claimed, 100 + i);
    if (!(p < GOF_ALARM))
      fail_msg("pair %zu, %s: p = %g", i, wrong[i].kind, p);
  }
  free(x);
}

/* ---- cdfs against GSL's ---------------------------------------------------------------------------------------- */

static void test_cdfs(void **state)
{
  (void)state;
  struct dist uniform = made("uniform", (double[]){2, 8}, 2), exponential = made("exponential", (double[]){2}, 1),
              normal = made("normal", (double[]){10, 2, -INFINITY}, 3), half = made("normal", (double[]){1, 2}, 2),
              lognormal = made("lognormal", (double[]){3, 0.7}, 2), gamma = made("gamma", (double[]){6, 3}, 2),
              erlang = made("erlang", (double[]){6, 3}, 2), weibull = made("weibull", (double[]){2, 1.5}, 2),
              pareto = made("pareto", (double[]){2, 1.7}, 2), mixed = made("hyperexponential", (double[]){1, 3}, 2);
  double p = 0.5 * (1 + sqrt(0.5)), below = gsl_cdf_gaussian_P(-1, 2);
  for (double x = -1; x < 30; x += 0.37) {
    assert_near(dist_cdf(&uniform, x), gsl_cdf_flat_P(x, 2, 8), 1e-14);
    assert_near(dist_cdf(&exponential, x), gsl_cdf_exponential_P(x, 2), 1e-14);
    assert_near(dist_cdf(&normal, x), gsl_cdf_gaussian_P(x - 10, 2), 1e-14);
    assert_near(dist_cdf(&half, x), x < 0 ? 0 : (gsl_cdf_gaussian_P(x - 1, 2) - below) / (1 - below), 1e-13);
    assert_near(dist_cdf(&lognormal, x), x > 0 ? gsl_cdf_lognormal_P(x, log(3), 0.7) : 0, 1e-14);
    assert_near(dist_cdf(&gamma, x), x > 0 ? gsl_cdf_gamma_P(x, 3, 2) : 0, 1e-14);
    assert_near(dist_cdf(&erlang, x), x > 0 ? gsl_cdf_gamma_P(x, 3, 2) : 0, 1e-14);
    assert_near(dist_cdf(&weibull, x), x > 0 ? gsl_cdf_weibull_P(x, 2, 1.5) : 0, 1e-14);
    assert_near(dist_cdf(&pareto, x), gsl_cdf_pareto_P(x, 1.7, 2), 1e-14);
    double branches = p * gsl_cdf_exponential_P(x, 1 / (2 * p)) + (1 - p) * gsl_cdf_exponential_P(x, 1 / (2 - 2 * p));
    assert_near(dist_cdf(&mixed, x), branches, 1e-14);
  }
}

/* H_n(1) = ln n + gamma + 1/2n - 1/12n^2: the sum behind zipf at a size where it is not added term by term. */
static void test_zipf_sum(void **state)
{
  (void)state;
  double n = 1e9, harmonic = log(n) + 0.57721566490153286061 + 1 / (2 * n) - 1 / (12 * n * n);
  struct dist d = made("zipf", (double[]){n, 1}, 2);
  assert_near(dist_cdf(&d, 1), 1 / harmonic, 1e-13);
  assert_near(dist_mean(&d), n / harmonic, 1e-12);
  assert_true(dist_cdf(&d, n) == 1 && dist_cdf(&d, 0.5) == 0);
  assert_near(dist_cdf(&d, 3.9), (1 + 1.0 / 2 + 1.0 / 3) / harmonic, 1e-13);
}

/* ---- made from lists ------------------------------------------------------------------------------------------- */

static void check_frequencies(const struct dist *d, const double *value, const double *p, size_t n)
{
  double *x = malloc(N * sizeof *x), expected[8];
  uint64_t count[8] = {0};
  draw_all(x, d, 200);
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < n; k++)
      count[k] += x[i] == value[k];
  for (size_t k = 0; k < n; k++)
    expected[k] = N * p[k];
  assert_true(gof_chi_square(count, expected, n) > GOF_ALARM);
  assert_int_equal(count[0] + count[1] + count[2] + (n > 3 ? count[3] : 0), N);
  free(x);
}

static void test_empirical(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct dist plain, weighted, one;
  char why[160];
  assert_true(dist_make_empirical(&plain, a, (double[]){8, 2, 4}, NULL, 3, why));
  assert_near(dist_mean(&plain), 14.0 / 3, 1e-15);
  assert_near(dist_variance(&plain), 56.0 / 9, 1e-14);
  assert_true(dist_cdf(&plain, 1.9) == 0 && dist_cdf(&plain, 8) == 1);
  assert_near(dist_cdf(&plain, 4), 2.0 / 3, 1e-15);
  check_frequencies(&plain, (double[]){2, 4, 8}, (double[]){1.0 / 3, 1.0 / 3, 1.0 / 3}, 3);
  assert_true(dist_make_empirical(&weighted, a, (double[]){8, 2, 4, 5}, (double[]){1, 5, 2, 0}, 4, why));
  assert_near(dist_mean(&weighted), 26.0 / 8, 1e-15);
  check_frequencies(&weighted, (double[]){2, 4, 8}, (double[]){5.0 / 8, 2.0 / 8, 1.0 / 8}, 3);
  assert_true(dist_make_empirical(&one, a, (double[]){3}, NULL, 1, why));
  assert_true(dist_is_constant(&one));
  assert_false(dist_is_constant(&plain));
  assert_false(dist_make_empirical(&one, a, NULL, NULL, 0, why));
  assert_false(dist_make_empirical(&one, a, (double[]){1, NAN}, NULL, 2, why));
  assert_false(dist_make_empirical(&one, a, (double[]){1, 2}, (double[]){1, -1}, 2, why));
  assert_false(dist_make_empirical(&one, a, (double[]){1, 2}, (double[]){0, 0}, 2, why));
  arena_free(a);
}

static void test_mixture_and_shifted(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct dist quick = made("exponential", (double[]){1}, 1), slow = made("uniform", (double[]){10, 16}, 2), both, later;
  char why[160];
  const struct dist *parts[] = {&quick, &slow};
  assert_true(dist_make_mixture(&both, a, parts, (double[]){3, 1}, 2, why));
  assert_near(dist_mean(&both), 0.75 + 13.0 / 4, 1e-14);
  assert_near(dist_variance(&both), 0.75 * (1 + 9) + 0.25 * (3 + 81), 1e-13);
  assert_near(dist_cdf(&both, 13), 0.75 * (1 - exp(-13)) + 0.125, 1e-14);
  assert_true(dist_make_shifted(&later, a, 5, &both, why));
  assert_near(dist_mean(&later), 9, 1e-14);
  assert_near(dist_variance(&later), dist_variance(&both), 1e-14);
  assert_near(dist_cdf(&later, 18), dist_cdf(&both, 13), 1e-14);
  double *x = malloc(N * sizeof *x);
  draw_all(x, &later, 201);
  assert_true(gof_ks(x, N, own_cdf, &later) > GOF_ALARM);
  assert_true(gof_ks(x, N, own_cdf, &both) < GOF_ALARM);
  free(x);
  struct dist fixed = dist_constant(2), sum;
  assert_true(dist_make_shifted(&sum, a, 1, &fixed, why));
  assert_true(dist_is_constant(&sum) && !dist_is_constant(&later) && dist_mean(&sum) == 3);
  assert_false(dist_make_shifted(&sum, a, NAN, &fixed, why));
  assert_false(dist_make_mixture(&both, a, parts, (double[]){1, INFINITY}, 2, why));
  assert_false(dist_make_mixture(&both, a, parts, NULL, 0, why));
  arena_free(a);
}

/* ---- refusals -------------------------------------------------------------------------------------------------- */

static void assert_refused(const char *kind, const double *p, size_t n, const char *expected)
{
  struct dist d;
  char why[160] = "";
  assert_false(dist_make(&d, kind, p, n, why));
  assert_string_equal(why, expected);
}

static void test_refusals(void **state)
{
  (void)state;
  assert_refused("gauss", NULL, 0, "unknown distribution 'gauss'");
  assert_refused("mixture", NULL, 0, "mixture is not made from numbers alone");
  assert_refused("exponential", NULL, 0, "exponential needs 'mean'");
  assert_refused("exponential", (double[]){-2}, 1, "exponential: 'mean' must be positive, not -2");
  assert_refused("exponential", (double[]){INFINITY}, 1, "exponential: 'mean' must be finite");
  assert_refused("exponential", (double[]){1, 2}, 2, "exponential takes at most 1 parameters, not 2");
  assert_refused("lognormal", (double[]){1}, 1, "lognormal needs 'sigma'");
  assert_refused("lognormal", (double[]){1, -1}, 2, "lognormal: 'sigma' must not be negative, it is -1");
  assert_refused("uniform", (double[]){3, 2}, 2, "uniform: 'low' (3) must not be above 'high' (2)");
  assert_refused("normal", (double[]){-100, 1}, 2, "normal: 'low' (0) must be below mean + 30 sd");
  assert_refused("hyperexponential", (double[]){1, 0.5}, 2, "hyperexponential: 'scv' must be at least 1, not 0.5");
  assert_refused("erlang", (double[]){1, 2.5}, 2, "erlang: 'phases' must be a whole number from 1 to 10^9, not 2.5");
  assert_refused("zipf", (double[]){2.5, 1}, 2, "zipf: 'n' must be a whole number up to 10^15 and 's' at most 50");
}

static void test_table_is_complete(void **state)
{
  (void)state;
  assert_int_equal(n_dist_kinds, 14);
  for (size_t i = 0; i < n_dist_kinds; i++) {
    const struct dist_kind *k = dist_kinds[i];
    assert_true(k->name && k->doc && k->draw && k->mean && k->variance && k->cdf);
    for (int p = 0; p < DIST_PARAMETERS; p++)
      assert_true(k->parameters[p] || !k->dimensioned[p]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_moments), cmocka_unit_test(test_draws_fit), cmocka_unit_test(test_wrong_draws_are_seen),
    cmocka_unit_test(test_cdfs), cmocka_unit_test(test_zipf_sum), cmocka_unit_test(test_empirical),
    cmocka_unit_test(test_mixture_and_shifted), cmocka_unit_test(test_refusals),
    cmocka_unit_test(test_table_is_complete),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
