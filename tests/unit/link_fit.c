/* link_fit: models of measured links against samples with known parameters, made here. Tolerances are at least 4 standard
 * errors: a right program fails a check in fewer than one of 10^4 seeds; the seeds are fixed. */
#include "experiments/fit_link.h"
#include "models/link_fit.h"
#include "models/link_process.h"
#include "sim/zeros.h"
#include "tests/unit/unit.h"

#include <gsl/gsl_cdf.h>

struct made { double *time, *value; struct link_run run; };

static struct made make(size_t n, double step)
{
  struct made m = {zeros_new(n, sizeof(double)), zeros_new(n, sizeof(double)), {0}};
  m.run = (struct link_run){.name = "made", .n = n, .time_s = m.time, .value = m.value, .step_s = step};
  for (size_t i = 0; i < n; i++)
    m.time[i] = (double)i * step;
  return m;
}

static void drop(struct made *m)
{
  free(m->time);
  free(m->value);
}

static struct rng stream(const char *name)
{
  struct rng_root root = rng_root_make(7, 0);
  return rng_open(&root, rng_name(name), 0, 0);
}

/* ---- families and distances -------------------------------------------------------------------------------------- */

static void a_floor_and_its_family_are_found(void **state)
{
  double x[1000];
  struct span span[1000];
  for (int i = 0; i < 1000; i++)
    x[i] = 10 + 5 * exp(.5 * gsl_cdf_ugaussian_Pinv((i + .5) / 1000));
  size_t n = fit_spans_of(x, 1000, fit_quantum(x, 1000), .1, span);
  struct family_fit f = fit_spans(FIT_LOGNORMAL, span, n, true);
  assert_true(f.good);
  assert_near(f.floor, 10, .02);
  assert_near(f.p[0], 5, .02);
  assert_near(f.p[1], .5, .02);
  struct family_fit w = fit_spans(FIT_WEIBULL, span, n, true), g = fit_spans(FIT_GAMMA, span, n, true);
  assert_true(f.log_likelihood > g.log_likelihood && g.log_likelihood > w.log_likelihood);
}

/* Rounded to 1: the likelihood of a point would be infinite with the floor at the least value. */
static void rounded_values_stand_for_intervals(void **state)
{
  double x[4000];
  struct span span[4000];
  for (int i = 0; i < 4000; i++)
    x[i] = round(10.5 + 5.26 * exp(.45 * gsl_cdf_ugaussian_Pinv((i + .5) / 4000)));
  size_t n = fit_spans_of(x, 4000, fit_quantum(x, 4000), 0, span);
  struct family_fit f = fit_spans(FIT_LOGNORMAL, span, n, true);
  assert_near(fit_quantum(x, 4000), 1, 1e-9);
  assert_near(f.floor, 10.5, .05);
  assert_near(f.floor + f.p[0], 15.76, .01);
}

/* Exponential lengths of mean 3, half of them only known to be beyond 2: the estimate is time over events. */
static void what_was_cut_short_counts_as_longer(void **state)
{
  struct span span[200];
  for (int i = 0; i < 100; i++) {
    span[i] = (struct span){.99, 1.01, 1};
    span[100 + i] = (struct span){2, INFINITY, 1};
  }
  struct family_fit f = fit_spans(FIT_EXPONENTIAL, span, 200, false);
  assert_near(f.p[0], (100 * 1 + 100 * 2) / 100., 1e-3);
}

static void distances_by_hand(void **state)
{
  const double a[] = {0, 0}, b[] = {1, 3}, c[] = {1, 2, 3, 4}, d[] = {2, 3};
  assert_near(distance_w1(a, 2, b, 2), 2, 1e-12);
  assert_near(distance_ks(a, 2, b, 2), 1, 1e-12);
  assert_near(distance_ks(c, 4, d, 2), .25, 1e-12);
  assert_near(distance_w1(c, 4, d, 2), .5, 1e-12);            /* |1-2| |2-2| |3-3| |4-3|, a quarter each */
  assert_near(distance_w1(c, 4, c, 4), 0, 1e-12);
}

static void autocorrelation_of_a_square_wave(void **state)
{
  struct made m = make(1000, .5);
  for (size_t i = 0; i < 1000; i++)
    m.value[i] = (double)(i / 2 % 2);                       /* 1 s low, 1 s high */
  assert_near(run_autocorrelation(&m.run, 1), -1, .01);
  assert_near(run_autocorrelation(&m.run, 10), 1, .01);
  assert_true(isnan(run_autocorrelation(&m.run, 600)));
  drop(&m);
}

/* ---- round-trip times -------------------------------------------------------------------------------------------- */

static void episodes_by_hand(void **state)
{
  struct made m = make(200, .05);
  for (size_t i = 0; i < 200; i++)
    m.value[i] = .02;
  for (size_t k = 0; k < 5; k++)
    m.value[50 + k] = .27 - .05 * (double)k;
  m.value[120] = INFINITY;                                  /* lost; the next one arrives .07 s later */
  size_t n;
  double tail, body;
  struct link_episode *e = run_episodes(&m.run, .06, &n, &tail, &body);
  assert_int_equal(n, 2);
  assert_int_equal(e[0].messages, 5);
  assert_near(e[0].seen_s, .27, 1e-9);
  assert_near(e[0].peak_s, .27 + .025, 1e-9);
  assert_near(e[0].body_s, 50 * .05 - .025, 1e-9);
  assert_near(e[1].seen_s, .07, 1e-9);
  free(e);
  drop(&m);
}

/* Body 12 ms + lognormal(4 ms, .5); nothing passes for 200 to 300 ms after exponential bodies of 10 s, for 5 s after such of
 * 2000 s. */
static void make_rtt(struct made *m, const char *name)
{
  struct rng r = stream(name);
  double from = 10 * rng_exponential(&r), to = from + .2 + .1 * rng_uniform(&r), next = 2000 * rng_exponential(&r);
  for (size_t i = 0; i < m->run.n; i++) {
    double t = m->time[i];
    while (to <= t) {
      from = to + 10 * rng_exponential(&r);
      bool outage = from > next;
      to = from + (outage ? 5 : .2 + .1 * rng_uniform(&r));
      if (outage)
        next = to + 2000 * rng_exponential(&r);
    }
    m->value[i] = fmax(.012 + .004 * exp(.5 * rng_normal(&r)), t >= from ? to - t : 0);
  }
}

/* 10 000 s: 1000 spikes, 5 outages. Standard error of the rate of spikes 3 %. */
static void known_states_are_recovered(void **state)
{
  struct arena *a = arena_new();
  struct made m = make(200000, .05);
  make_rtt(&m, "states");
  const struct rtt_model *f = rtt_fit(&m.run, 1, (struct rtt_limits){.choose = true}, a);
  assert_non_null(f);
  assert_int_equal(f->body.family, FIT_LOGNORMAL);
  assert_near(1e3 * f->body.floor, 12, .02);
  assert_near(1e3 * f->body.p[0], 4, .04);
  assert_near(f->body.p[1], .5, .03);
  assert_near(fit_mean(&f->spike.every), 10, .13);
  assert_near(1e3 * f->spike.peak_p50_s, 250 - 25, .05);    /* as seen: half a step less */
  assert_near(1e3 * fit_mean(&f->spike.peak), 250, .03);
  assert_true(f->outage.n >= 1 && f->outage.n <= 20);
  assert_near(fit_mean(&f->outage.peak), 5, .01);
  drop(&m);
  arena_free(a);
}

/* What the model gives has the quantiles and the rate of spikes of what it was fitted to: p50 5 %, p99 15 %, spikes 20 %. */
static void the_model_gives_what_was_measured(void **state)
{
  struct arena *a = arena_new();
  struct made m = make(200000, .05), given = make(200000, .05);
  make_rtt(&m, "again");
  const struct rtt_model *f = rtt_fit(&m.run, 1, (struct rtt_limits){.choose = true}, a);
  struct rng r = stream("given");
  rtt_sample(f, &r, given.time, 200000, given.value);
  const struct rtt_model *g = rtt_fit(&given.run, 1, (struct rtt_limits){.choose = true}, a);
  assert_near(g->spike.per_message / f->spike.per_message, 1, .2);
  sort_ascending(m.value, 200000);
  sort_ascending(given.value, 200000);
  assert_near(sorted_quantile(given.value, 200000, .5) / sorted_quantile(m.value, 200000, .5), 1, .05);
  assert_near(sorted_quantile(given.value, 200000, .99) / sorted_quantile(m.value, 200000, .99), 1, .15);
  drop(&given);
  drop(&m);
  arena_free(a);
}

/* Spikes of 300 ms that fall in 600: planted with twice their length. 10 000 s hold about 950 of them; the mean stretch has a
 * standard error below .5 %, its own bias (half a step of 12) is 4 %. */
static void a_spike_that_lasts_is_found(void **state)
{
  struct arena *a = arena_new();
  struct made m = make(200000, .05), given = make(200000, .05);
  for (int twice = 0; twice < 2; twice++) {
    struct rng r = stream("lasting");
    double from = 10 * rng_exponential(&r), lasts = twice ? .6 : .3;
    for (size_t i = 0; i < m.run.n; i++) {
      while (m.time[i] >= from + lasts)
        from += lasts + 10 * rng_exponential(&r);
      double into = m.time[i] - from;
      m.value[i] = fmax(.012 + .004 * exp(.5 * rng_normal(&r)), into < 0 ? 0 : .3 * (1 - into / lasts));
    }
    const struct rtt_model *f = rtt_fit(&m.run, 1, (struct rtt_limits){.choose = true}, a);
    assert_true(f->spike.stretch.good == (twice == 1));
    if (!twice)
      continue;
    assert_near(fit_mean(&f->spike.stretch), 2, .1);
    rtt_sample(f, &r, given.time, given.run.n, given.value);
    double above[2] = {0};
    for (size_t i = 0; i < m.run.n; i++) {
      above[0] += m.value[i] > .06;
      above[1] += given.value[i] > .06;
    }
    assert_near(above[1] / above[0], 1, .12);
  }
  drop(&given);
  drop(&m);
  arena_free(a);
}

static void the_same_seed_the_same_times(void **state)
{
  struct arena *a = arena_new();
  struct made m = make(20000, .05), x = make(20000, .05), y = make(20000, .05);
  make_rtt(&m, "seeds");
  const struct rtt_model *f = rtt_fit(&m.run, 1, (struct rtt_limits){0}, a);
  struct rng r = stream("s"), s = stream("s");
  rtt_sample(f, &r, x.time, 20000, x.value);
  rtt_sample(f, &s, y.time, 20000, y.value);
  assert_memory_equal(x.value, y.value, 20000 * sizeof(double));
  drop(&m);
  drop(&x);
  drop(&y);
  arena_free(a);
}

/* ---- rates ------------------------------------------------------------------------------------------------------- */

static void rates_by_hand(void **state)
{
  struct arena *a = arena_new();
  struct made m = make(400, .1);
  for (size_t i = 0; i < 400; i++)
    m.value[i] = i / 10 % 2 ? 500000 : 125000;
  const struct rate_model *f = rate_fit(&m.run, 1, false, a);
  assert_near(f->median, 125000, 1e-9);
  assert_near(f->sigma, log(2), 1e-9);
  assert_near(f->rho, -1, 1e-9);
  assert_near(f->idle, 0, 1e-12);
  for (size_t i = 0; i < 5; i++)
    m.value[35 + i] = 0;
  f = rate_fit(&m.run, 1, false, a);
  assert_near(f->idle, 5 / 400., 1e-12);
  assert_near(f->longest_gap_s, .5, 1e-9);
  drop(&m);
  arena_free(a);
}

/* 40 000 s of rho .8, sigma 1.2: standard errors of log median .018, sigma .009, rho .003. */
static void a_known_rate_process_is_recovered(void **state)
{
  struct arena *a = arena_new();
  struct made m = make(40000, 1), given = make(40000, 1);
  struct rng r = stream("rates");
  double x = 0;
  for (size_t i = 0; i < 40000; i++) {
    x = .8 * x + .6 * rng_normal(&r);
    m.value[i] = rng_uniform(&r) < .07 ? 0 : 2e6 * exp(1.2 * x);
  }
  const struct rate_model *f = rate_fit(&m.run, 1, true, a);
  assert_near(f->median / 2e6, 1, .08);
  assert_near(f->sigma, 1.2, .05);
  assert_near(f->rho, .8, .015);
  assert_near(f->idle, .07, .006);
  assert_int_equal(f->marginal.family, FIT_LOGNORMAL);
  rate_sample(f, &r, given.time, 40000, given.value);
  const struct rate_model *g = rate_fit(&given.run, 1, true, a);
  assert_near(g->median / f->median, 1, .1);
  assert_near(g->sigma / f->sigma, 1, .06);
  assert_near(g->rho, f->rho, .02);
  assert_near(g->idle, f->idle, .008);
  drop(&given);
  drop(&m);
  arena_free(a);
}

/* Rates of two levels are no log-normal: planted. */
static void rates_without_a_family_are_taken_as_they_are(void **state)
{
  struct arena *a = arena_new();
  struct made m = make(4000, 1);
  struct rng r = stream("levels");
  for (size_t i = 0; i < 4000; i++)
    m.value[i] = (rng_uniform(&r) < .5 ? 1e6 : 8e6) * (1 + .01 * rng_uniform(&r));
  assert_int_equal(rate_fit(&m.run, 1, true, a)->marginal.family, FIT_EMPIRICAL);
  assert_int_equal(rate_fit(&m.run, 1, false, a)->marginal.family, FIT_LOGNORMAL);
  drop(&m);
  arena_free(a);
}

/* X = sqrt(.5) fast (a = .5) + sqrt(.5) slow (b = .97), 40 000 s: r(1) = .735, r(10) = .369; the standard error of either is
 * below .015 (Bartlett, about 1200 independent stretches of 33 s). Rates below the lowest 8 % are 0: they fade. */
static void make_fading(struct made *m, const char *name, bool slow, bool fades)
{
  struct rng r = stream(name);
  double x = rng_normal(&r), y = rng_normal(&r);
  for (size_t i = 0; i < m->run.n; i++) {
    x = .5 * x + sqrt(.75) * rng_normal(&r);
    y = .97 * y + sqrt(1 - .97 * .97) * rng_normal(&r);
    double z = slow ? sqrt(.5) * (x + y) : x;
    m->value[i] = fades && z < gsl_cdf_ugaussian_Pinv(.08) ? 0 : 2e6 * (z > 0 ? 1 + z : exp(2 * z));
  }
}

static void a_slow_part_is_found(void **state)
{
  struct arena *a = arena_new();
  struct made m = make(40000, 1);
  make_fading(&m, "slow", true, true);
  const struct rate_model *f = rate_fit(&m.run, 1, true, a);
  double one = (1 - f->slow_share) * f->score_rho + f->slow_share * f->slow_rho;
  double ten = (1 - f->slow_share) * pow(f->score_rho, 10) + f->slow_share * pow(f->slow_rho, 10);
  assert_true(f->fades && f->slow_share > 0);
  if (fabs(one - .735) > .05 || fabs(ten - .369) > .06)
    fail_msg("correlations %g and %g", one, ten);
  make_fading(&m, "fast", false, true);                     /* planted: there is none */
  f = rate_fit(&m.run, 1, true, a);
  if (f->slow_share > 0 && fabs((1 - f->slow_share) * pow(f->score_rho, 10) + f->slow_share * pow(f->slow_rho, 10)) > .06)
    fail_msg("a slow part that is not there: %g of %g", f->slow_share, f->slow_rho);
  drop(&m);
  arena_free(a);
}

/* What the model gives is idle as often as what was measured, and remembers as long. */
static void what_fades_comes_back_so(void **state)
{
  struct arena *a = arena_new();
  struct made m = make(40000, 1), given = make(40000, 1);
  make_fading(&m, "fades", true, true);
  const struct rate_model *f = rate_fit(&m.run, 1, true, a);
  struct rng r = stream("given fades");
  rate_sample(f, &r, given.time, 40000, given.value);
  double idle[2] = {0};
  for (size_t i = 0; i < 40000; i++) {
    idle[0] += (m.value[i] < RATE_IDLE_BYTES_PER_S) / 40000.;
    idle[1] += (given.value[i] < RATE_IDLE_BYTES_PER_S) / 40000.;
  }
  assert_true(fabs(idle[1] - idle[0]) < .02);
  for (int k = 0; k < 2; k++) {
    double lag_s = k ? 10 : 1, raw = run_autocorrelation(&m.run, lag_s), by_model = run_autocorrelation(&given.run, lag_s);
    if (fabs(raw - by_model) > .07)
      fail_msg("at %g s: %g, not %g", lag_s, by_model, raw);
  }
  drop(&given);
  drop(&m);
  arena_free(a);
}

/* The process of a scenario: log R over sigma is X. r(1) = .6 x .5 + .4 x .95 = .68, r(10) = .240; 20 000 steps, standard error
 * below .02. Without a slow part the draws are what they were. */
static void a_slow_part_of_a_link(void **state)
{
  const struct rate_process_def rate = {.sigma = 1, .correlation = .5, .step_s = 1, .slow_share = .4, .slow_correlation = .95};
  const struct link_process_def def = {.rate = &rate};
  struct rng_root root = rng_root_make(6, 0);
  struct link_process *p = process_new(&def, &root, "access", 0);
  struct made m = make(20000, 1);
  double square = 0;
  for (size_t i = 0; i < m.run.n; i++) {
    sim_time until;
    m.value[i] = log(process_rate(p, true, ns_from_s((double)i + .5), &until));
    square += m.value[i] * m.value[i] / 20000;
  }
  assert_true(fabs(square - 1) < .1);
  assert_true(fabs(run_autocorrelation(&m.run, 1) - .68) < .06);
  assert_true(fabs(run_autocorrelation(&m.run, 10) - (.6 * pow(.5, 10) + .4 * pow(.95, 10))) < .08);
  process_free(p);
  drop(&m);
}

/* Factors of a process in a scenario: of three equally likely ones each holds a third of the time (10^4 steps of correlation
 * .5: standard error about .007), and two steps that follow are in the same third with probability .493 (by simulation of two
 * normal numbers with that correlation). */
static void factors_replace_the_log_normal(void **state)
{
  static const double factor[] = {.25, 1, 3};
  const struct rate_process_def rate = {.sigma = 9, .correlation = .5, .step_s = 1, .factor = factor, .n_factors = 3};
  const struct link_process_def def = {.rate = &rate};
  struct rng_root root = rng_root_make(5, 0);
  struct link_process *p = process_new(&def, &root, "access", 0);
  double seen[3] = {0}, stays = 0, last = 0;
  for (int i = 0; i < 10000; i++) {
    sim_time until;
    double x = process_rate(p, true, ns_from_s(i + .5), &until);
    for (int k = 0; k < 3; k++)
      seen[k] += x == factor[k];
    stays += x == last;
    last = x;
  }
  for (int k = 0; k < 3; k++)
    assert_near(seen[k] / 10000, 1 / 3., .03);
  assert_near(stays / 10000, .493, .03);
  process_free(p);
}

/* ---- held out ---------------------------------------------------------------------------------------------------- */

/* Runs of one condition: either every delay is 15 to 19 ms or 25 to 29 ms (no family has two peaks), or a log-normal body. */
static bool within(bool two_peaks, bool choose)
{
  enum { RUNS = 4, EACH = 4000 };
  struct arena *a = arena_new();
  struct made m[RUNS];
  struct link_run run[RUNS];
  for (int k = 0; k < RUNS; k++) {
    m[k] = make(EACH, .05);
    struct rng_root root = rng_root_make((uint64_t)k, 0);
    struct rng r = rng_open(&root, 1, 2, 3);
    for (size_t i = 0; i < EACH; i++)
      m[k].value[i] = two_peaks ? (rng_uniform(&r) < .5 ? .015 : .025) + .001 * floor(5 * rng_uniform(&r))
                                : .012 + .004 * exp(.5 * rng_normal(&r));
    run[k] = m[k].run;
  }
  struct link_study s = {.kind = LINK_RTT, .run = run, .n = RUNS, .limits.choose = choose, .seed = 1};
  struct link_result result;
  struct err e;
  err_init(&e);
  assert_true(link_study_run(&s, (struct link_effect_def){0}, a, &result, &e));
  err_release(&e);
  for (int k = 0; k < RUNS; k++)
    drop(&m[k]);
  arena_free(a);
  return result.within;
}

static void a_true_model_is_within_the_spread(void **state)
{
  assert_true(within(false, false));
  assert_true(within(true, true));
}

/* Planted: no family has two peaks. */
static void a_false_model_is_above_it(void **state)
{
  assert_false(within(true, false));
}

/* ---- decisions --------------------------------------------------------------------------------------------------- */

static void misses_by_hand(void **state)
{
  struct made m = make(100, .5);
  for (size_t i = 0; i < 100; i++)
    m.value[i] = i < 50 ? .05 : .3;
  const struct link_effect_def d = {.deadline_s = .1, .local_s = 10, .service_s = .02};
  double miss[LINK_POLICIES] = {0};
  assert_near(link_effect_add(&d, &m.run, 1, miss), 100, 1e-12);
  assert_near(miss[0], 100, 1e-12);                         /* local: 10 s */
  assert_near(miss[1], 50, 1e-12);                          /* offload: .32 s from the middle on */
  struct link_effect e = {.def = d, .tasks = 100, .raw = {.1, .2, .3, .4, .5}, .model = {.2, .1, .3, .4, .5}};
  link_effect_rank(&e);
  assert_int_equal(e.rank_raw[0], 1);
  assert_int_equal(e.rank_model[0], 2);
  assert_false(e.same);
  drop(&m);
}

/* Five folds: p misses .1 more each time, and in the second case .1 more or less: t(4) at 97.5 % is 2.776, the mean 0.02 with
 * deviation .11 / sqrt(5) = .049 is within. */
static void what_chance_does_is_told(void **state)
{
  struct link_effect always = {.raw = {10, 0}, .model = {0, 10}, .tasks = 100}, now_and_then = always;
  for (int k = 0; k < 5; k++) {
    const double more[LINK_POLICIES] = {10, 0}, turns[LINK_POLICIES] = {k % 2 ? 0 : 10, k % 2 ? 10 : 0};
    link_effect_fold(&always, more, 100);
    link_effect_fold(&now_and_then, turns, 100);
  }
  link_effect_rank(&always);
  link_effect_rank(&now_and_then);
  assert_true(link_effect_turned(&always, 0, 1));
  assert_true(link_effect_tells(&always, 0, 1));
  assert_false(always.same || always.same_where_told);
  assert_false(link_effect_tells(&now_and_then, 0, 1));
  assert_true(now_and_then.same_where_told);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_floor_and_its_family_are_found),
    cmocka_unit_test(rounded_values_stand_for_intervals),
    cmocka_unit_test(what_was_cut_short_counts_as_longer),
    cmocka_unit_test(distances_by_hand),
    cmocka_unit_test(autocorrelation_of_a_square_wave),
    cmocka_unit_test(episodes_by_hand),
    cmocka_unit_test(known_states_are_recovered),
    cmocka_unit_test(the_model_gives_what_was_measured),
    cmocka_unit_test(the_same_seed_the_same_times),
    cmocka_unit_test(rates_by_hand),
    cmocka_unit_test(a_known_rate_process_is_recovered),
    cmocka_unit_test(rates_without_a_family_are_taken_as_they_are),
    cmocka_unit_test(a_spike_that_lasts_is_found),
    cmocka_unit_test(a_slow_part_is_found),
    cmocka_unit_test(what_fades_comes_back_so),
    cmocka_unit_test(a_slow_part_of_a_link),
    cmocka_unit_test(what_chance_does_is_told),
    cmocka_unit_test(factors_replace_the_log_normal),
    cmocka_unit_test(a_true_model_is_within_the_spread),
    cmocka_unit_test(a_false_model_is_above_it),
    cmocka_unit_test(misses_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
