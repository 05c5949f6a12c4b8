/* link_process: the state of a link is a function of time with the law that the definition states.
 *
 * Statistical bounds are z standard errors with z = 4.9 (false alarm 1e-6 each; seeds are fixed). */
#include "models/link_process.h"
#include "tests/unit/gof.h"

#include <gsl/gsl_cdf.h>

static const double Z = 4.9;
static const struct rng_root *root_of(uint64_t replication)
{
  static struct rng_root root;
  root = rng_root_make(7, replication);
  return &root;
}

static struct dist make(const char *kind, double a, double b)
{
  struct dist d;
  char why[160];
  if (!dist_make(&d, kind, (double[]){a, b}, isnan(b) ? 1 : 2, why))
    fail_msg("%s", why);
  return d;
}

static struct link_process *process(const struct link_process_def *def, uint64_t entity)
{
  return process_new(def, root_of(0), "access", entity);
}

static double factor_at(struct link_process *p, double t_s)
{
  sim_time until;
  return process_rate(p, false, ns_from_s(t_s), &until);
}

/* ---- the same path, whoever asks --------------------------------------------------------------------------------- */

struct lively { struct dist every, lasts, peak, rare, long_; struct rate_process_def rate; struct link_process_def def; };

static struct link_process_def *lively(struct lively *l)
{
  l->every = make("exponential", 3, NAN);
  l->lasts = make("uniform", .1, .6);
  l->peak = make("lognormal", .25, .4);
  l->rare = make("exponential", 20, NAN);
  l->long_ = make("exponential", 4, NAN);
  l->rate = (struct rate_process_def){.sigma = 1.2, .correlation = .8, .step_s = 1, .idle = .1, .idle_lasts_s = &l->lasts};
  l->def = (struct link_process_def){.spikes = {&l->every, &l->lasts, &l->peak}, .outages = {&l->rare, &l->long_},
                                     .rate = &l->rate, .offset_s = -1};
  return &l->def;
}

struct seen { double latency_s, factor; bool available; };
static struct seen look(struct link_process *p, double t_s)
{
  sim_time now = ns_from_s(t_s), until;
  struct seen s = {.latency_s = process_latency_s(p, now, .01), .available = process_available(p, now, &until)};
  s.factor = process_rate(p, false, now, &until);
  assert_true(until > now);
  return s;
}

static bool same(struct seen a, struct seen b)
{
  return a.latency_s == b.latency_s && a.factor == b.factor && a.available == b.available;
}

static void one_path_whenever_asked(void **state)
{
  (void)state;
  struct lively l;
  enum { N = 4000 };
  static struct seen path[N];
  struct link_process *all = process(lively(&l), 3), *few = process(&l.def, 3), *back = process(&l.def, 3);
  for (int i = 0; i < N; i++)
    path[i] = look(all, i * .05);
  for (int i = 0; i < N; i += 97)
    assert_true(same(path[i], look(few, i * .05)));
  for (int i = N - 1; i > 0; i -= 211)
    assert_true(same(path[i], look(back, i * .05)));
  sim_time until;
  struct link_process *rates = process(&l.def, 3);          /* only ever asked for one part */
  for (int i = 0; i < N; i += 3)
    assert_true(process_rate(rates, true, ns_from_s(i * .05), &until) == path[i].factor);
  struct link_process *own[] = {all, few, back, rates};
  for (int i = 0; i < 4; i++)
    process_free(own[i]);
}

static void entities_and_links_differ(void **state)
{
  (void)state;
  struct lively l;
  struct link_process *a = process(lively(&l), 3), *b = process(&l.def, 4);
  struct link_process *c = process_new(&l.def, root_of(0), "other", 3), *d = process_new(&l.def, root_of(1), "access", 3);
  struct link_process *others[] = {b, c, d};
  for (int k = 0; k < 3; k++) {
    int differ = 0;
    for (int i = 0; i < 200; i++)
      differ += !same(look(a, i), look(others[k], i));
    assert_true(differ > 150);
    process_free(others[k]);
  }
  process_free(a);
}

/* What `until` promises holds until then. */
static void nothing_changes_before_until(void **state)
{
  (void)state;
  struct lively l;
  struct link_process *p = process(lively(&l), 9), *q = process(&l.def, 9);
  for (sim_time now = 0, until; now < ns_from_s(300); now = until) {
    double factor = process_rate(p, false, now, &until);
    sim_time other;
    assert_true(process_rate(q, false, now + (until - now) / 2, &other) == factor);
    assert_true(process_rate(q, false, until - 1, &other) == factor);
    assert_true(other == until);
  }
  process_free(p);
  process_free(q);
}

/* ---- spikes and outages ------------------------------------------------------------------------------------------ */

static void a_spike_falls_to_the_body(void **state)
{
  (void)state;
  struct dist one = dist_constant(1);
  struct link_process_def def = {.spikes = {&one, NULL, &one}};
  struct link_process *p = process(&def, 0);
  assert_near(process_latency_s(p, ns_from_s(.5), .02), .02, 1e-12);
  assert_near(process_latency_s(p, ns_from_s(1.25), .02), .75, 1e-12);
  assert_near(process_latency_s(p, ns_from_s(1.99), .02), .02, 1e-12);
  assert_near(process_latency_s(p, ns_from_s(7.5), .02), .5, 1e-12);
  process_free(p);
}

/* Every 2 s, lasts 1 s: a third of the time; the number of episodes is a renewal process. */
static void shares_of_time(void **state)
{
  (void)state;
  struct dist two = make("exponential", 2, NAN), one = make("exponential", 1, NAN), peak = dist_constant(1);
  struct link_process_def def = {.spikes = {&two, &one, &peak}};
  double inside = 0, begun = 0, horizon_s = 60000;
  struct link_process *p = process(&def, 1);
  for (sim_time now = 0; now < ns_from_s(horizon_s);) {
    struct episode e = process_episode(p, now);
    inside += s_from_ns(e.to - (e.from > now ? e.from : now));
    begun++;
    now = e.to;
  }
  /* cycle: mean 3, variance 5; reward in a cycle: 1 - 3 x 1/3; variance of (lasts - cycle/3) = 4/9 + 4/9 */
  double cycles = horizon_s / 3;
  assert_near(begun, cycles, Z * sqrt(5. / 9 / cycles));
  assert_true(fabs(inside / horizon_s - 1. / 3) < Z * sqrt(8. / 9 * cycles) / horizon_s);
  process_free(p);
}

/* Spikes at rate 1/2, outages at 1/6: three of four episodes are spikes; both are over the same body. */
static void spikes_and_outages_compete(void **state)
{
  (void)state;
  struct dist two = make("exponential", 2, NAN), six = make("exponential", 6, NAN), brief = dist_constant(.1);
  struct link_process_def def = {.spikes = {&two, &brief, &brief}, .outages = {&six, &brief}};
  struct link_process *p = process(&def, 1);
  uint64_t kinds[2] = {0}, n = 20000;
  sim_time now = 0;
  double body_s = 0;
  for (uint64_t i = 0; i < n; i++) {
    struct episode e = process_episode(p, now);
    sim_time until;
    kinds[e.kind]++;
    body_s += i ? s_from_ns(e.from - now) : 1.5;
    assert_int_equal(process_available(p, e.from, &until), e.kind == EPISODE_SPIKE);
    assert_true(until == e.to);
    assert_true((process_rate(p, false, e.from, &until) > 0) == (e.kind == EPISODE_SPIKE));
    now = e.to;
  }
  assert_true(gof_chi_square(kinds, (double[]){.75 * (double)n, .25 * (double)n}, 2) > GOF_ALARM);
  assert_near(body_s / (double)n, 1.5, Z / sqrt((double)n));
  process_free(p);
}

/* ---- rate -------------------------------------------------------------------------------------------------------- */

static void log_rate_is_autoregressive(void **state)
{
  (void)state;
  enum { ENTITIES = 20000, LAGS = 4 };
  static double x[LAGS][ENTITIES];
  struct rate_process_def rate = {.sigma = 1.48, .correlation = .78, .step_s = 1};
  struct link_process_def def = {.rate = &rate};
  for (uint64_t i = 0; i < ENTITIES; i++) {                 /* entities are independent: exact standard errors */
    struct link_process *p = process(&def, i);
    static const double at[LAGS] = {50, 51, 52, 60};
    for (int k = 0; k < LAGS; k++)
      x[k][i] = log(factor_at(p, at[k])) / rate.sigma;
    process_free(p);
  }
  for (int k = 1; k < LAGS; k++) {
    static const double lag[LAGS] = {0, 1, 2, 10};
    double sum = 0, rho = pow(.78, lag[k]);
    for (int i = 0; i < ENTITIES; i++)
      sum += x[0][i] * x[k][i];
    assert_true(fabs(sum / ENTITIES - rho) < Z * sqrt((1 + rho * rho) / ENTITIES));
  }
  double normal[ENTITIES];
  for (int i = 0; i < ENTITIES; i++)
    normal[i] = gsl_cdf_ugaussian_P(x[2][i]);
  qsort(normal, ENTITIES, sizeof *normal, unit_compare_doubles);
  double worst = 0;
  for (int i = 0; i < ENTITIES; i++)
    worst = fmax(worst, fmax(normal[i] - i / (double)ENTITIES, (i + 1) / (double)ENTITIES - normal[i]));
  assert_true(gof_kolmogorov_tail(sqrt(ENTITIES) * worst) > GOF_ALARM);
}

/* The share of idle time, in stretches and step by step. */
static void idle_share(void **state)
{
  (void)state;
  struct dist lasts = make("exponential", 2, NAN);
  enum { ENTITIES = 20000 };
  for (int stretches = 0; stretches < 2; stretches++) {
    struct rate_process_def rate = {.sigma = 1, .correlation = .7, .step_s = 1, .idle = .08,
                                    .idle_lasts_s = stretches ? &lasts : NULL};
    struct link_process_def def = {.rate = &rate};
    int idle[2] = {0};
    for (uint64_t i = 0; i < ENTITIES; i++) {
      struct link_process *p = process(&def, i);
      idle[0] += factor_at(p, 0) == 0;
      idle[1] += factor_at(p, 40) == 0;
      process_free(p);
    }
    for (int k = 0; k < 2; k++)
      assert_true(fabs(idle[k] / (double)ENTITIES - .08) < Z * sqrt(.08 * .92 / ENTITIES));
  }
}

/* ---- loss -------------------------------------------------------------------------------------------------------- */

enum { PACKETS = 4000000 };
static unsigned char is_lost[PACKETS];
static void mark(void *context, uint64_t packet)
{
  (void)context;
  is_lost[packet] = 1;
}

/* lte_moving of parameter book 1.5: mean loss, autocorrelation (b - g)^2 pi (1 - pi) l^j / (m (1 - m)), l = 1 - p - r. */
static void gilbert_elliott(void **state)
{
  (void)state;
  struct loss_def d = {.to_bad = .002, .to_good = .1, .bad = .7, .good = 1e-4, .packet_bytes = 1500, .retransmit_s = .2};
  struct rng rng = rng_open(root_of(2), 1, 2, 3);
  double n = PACKETS, pi = d.to_bad / (d.to_bad + d.to_good), m = pi * d.bad + (1 - pi) * d.good, l = 1 - d.to_bad - d.to_good;
  double lost = (double)loss_run(&d, &rng, PACKETS, mark, NULL);
  double within = pow(d.bad - d.good, 2) * pi * (1 - pi), variance = m * (1 - m) + 2 * within * l / (1 - l);
  assert_near(m, .0138, .01);                               /* 1.4 % */
  assert_true(fabs(lost / n - m) < Z * sqrt(variance / n));
  for (int lag = 1; lag <= 20; lag += 19) {
    double both = 0;
    for (int i = 0; i + lag < PACKETS; i++)
      both += is_lost[i] && is_lost[i + lag];
    double expected = within * pow(l, lag) / (m * (1 - m)), got = (both / (n - lag) - m * m) / (m * (1 - m));
    assert_true(fabs(got - expected) < .02);                /* bursts: n / 500 of them, error about .005 */
  }
}

/* Loss only in the bad state, there always: bursts are its stays, of mean 1 / r. */
static void bursts_have_mean_one_over_r(void **state)
{
  (void)state;
  struct loss_def d = {.to_bad = .01, .to_good = .2, .bad = 1, .good = 0};
  struct rng rng = rng_open(root_of(3), 1, 2, 3);
  memset(is_lost, 0, sizeof is_lost);
  double lost = (double)loss_run(&d, &rng, PACKETS, mark, NULL), bursts = is_lost[0];
  for (int i = 1; i < PACKETS; i++)
    bursts += is_lost[i] && !is_lost[i - 1];
  assert_true(fabs(lost / bursts - 5) < Z * sqrt(20 / bursts));       /* geometric: variance (1 - r) / r^2 = 20 */
  assert_true(fabs(bursts / PACKETS - .01 * .2 / .21) < Z * sqrt(.01 / PACKETS));
}

/* The same as a state of time, one packet a ms asked for as messages of their own: steady loss, and correlation from message to
 * message. 400 000 messages hold about 800 bad stays of 10: standard errors about 5 % of the loss and .03 of the correlation; the
 * limits are 4 of them, a false alarm in fewer than one of 10^4 seeds. */
static double lost_message(struct link_process *p, int i)
{
  return process_losses(p, false, (sim_time)i * 1000000, 100, (uint64_t)i).rounds > 0;
}

static void bursts_outlast_messages(void **state)
{
  (void)state;
  enum { MESSAGES = 400000 };
  static double lost[MESSAGES];
  struct loss_def d = {.to_bad = .002, .to_good = .1, .bad = .7, .good = 1e-4, .packet_bytes = 1500, .retransmit_s = .2,
                       .packet_s = {.001, .001}};
  const struct link_process_def def = {.loss = &d};
  for (int planted = 0; planted < 2; planted++) {
    struct link_process *p = process(&def, 0);
    double pi = .002 / .102, m = pi * .7 + (1 - pi) * 1e-4, within = pow(.7 - 1e-4, 2) * pi * (1 - pi), mean = 0, both = 0;
    for (int i = 0; i < MESSAGES; i++)
      mean += (lost[i] = lost_message(p, i)) / MESSAGES;
    for (int i = 0; i + 5 < MESSAGES; i++)
      both += lost[i] * lost[i + 5] / (MESSAGES - 5);
    double expected = within * pow(1 - .102, 5) / (m * (1 - m)), got = (both - m * m) / (m * (1 - m));
    assert_true(fabs(mean / m - 1) < .2);
    assert_true((fabs(got - expected) < .12) == !planted);
    d.packet_s[0] = 0;                                      /* planted: each message for itself */
    process_free(p);
  }
}

/* Who asks first, and whether the past is asked for, changes nothing. */
static void states_of_loss_are_of_time(void **state)
{
  (void)state;
  struct loss_def d = {.to_bad = .01, .to_good = .2, .bad = .5, .packet_bytes = 1500, .packet_s = {.01, .002}};
  const struct link_process_def def = {.loss = &d};
  struct link_process *p = process(&def, 0), *q = process(&def, 0);
  int bad = 0;
  for (int i = 2000; i-- > 0;) {
    sim_time until[2], at = ns_from_s(.37 * i);
    bool a = process_loses(p, false, at, &until[0]), b = process_loses(q, false, ns_from_s(.37 * (2000 - i)), &until[1]);
    (void)b;
    assert_true(a == process_loses(q, false, at, &until[1]) && until[0] == until[1] && until[0] > at);
    bad += a;
  }
  assert_true(fabs(bad / 2000. - .01 / .21) < 4.9 * sqrt(.0454 / 2000));
  process_free(p);
  process_free(q);
}

/* Independent losses q: a message of one packet has k rounds with probability q^k (1 - q). */
static void each_round_costs_a_timeout(void **state)
{
  (void)state;
  struct loss_def d = {.to_bad = .5, .to_good = .5, .bad = .3, .good = .3, .packet_bytes = 1500, .retransmit_s = .2};
  struct link_process_def def = {.loss = &d};
  struct link_process *p = process(&def, 0);
  uint64_t count[4] = {0}, n = 40000;
  double q = .3;
  for (uint64_t key = 0; key < n; key++) {
    struct losses got = process_losses(p, false, 0, 1000, key);
    assert_true(got.packets == got.rounds);
    count[got.rounds < 3 ? got.rounds : 3]++;
  }
  double expected[] = {(1 - q), q * (1 - q), q * q * (1 - q), q * q * q};
  for (int k = 0; k < 4; k++)
    expected[k] *= (double)n;
  assert_true(gof_chi_square(count, expected, 4) > GOF_ALARM);
  assert_true(process_losses(p, false, 0, 1e6, 5).packets > 100);     /* 667 packets */
  process_free(p);
}

/* ---- traces ------------------------------------------------------------------------------------------------------ */

static void capacity_stands_for_the_rate(void **state)
{
  (void)state;
  struct link_trace t = {.kind = LINK_CAPACITY, .n = 3, .at = (sim_time[]){0, 1000, 2000}, .value = (double[]){1, 0, 5},
                         .length = 3000, .mean = 2, .median = 1};
  struct link_process_def def = {.capacity = {&t, &t}, .offset_s = 0};
  struct link_process *p = process(&def, 0);
  sim_time until;
  assert_near(process_rate(p, false, 0, &until), .5, 1e-12);
  assert_true(until == 1000);
  assert_near(process_rate(p, true, 1999, &until), 0, 0);
  assert_near(process_rate(p, true, 5999, &until), 2.5, 1e-12);
  assert_true(until == 6000);
  process_free(p);
  def.offset_s = -1;
  double before = 0, sum = 0;
  for (uint64_t i = 0; i < 3000; i++) {                     /* a random start: each bin a third of the time */
    p = process(&def, i);
    before += process_rate(p, false, 0, &until) == 0;
    sum += process_rate(p, false, 0, &until);
    process_free(p);
  }
  assert_true(fabs(before / 3000 - 1. / 3) < Z * sqrt(2. / 9 / 3000));
  assert_true(fabs(sum / 3000 - 1) < Z * sqrt(7. / 6 / 3000));
}

/* 20 ms there and back; 400 ms are a wait that is paid once; who is lost waits for the next message that is not. */
static void round_trips_one_way(void **state)
{
  (void)state;
  struct link_trace t = {.kind = LINK_RTT, .n = 4, .at = (sim_time[]){0, 50000000, 100000000, 150000000},
                         .value = (double[]){.02, .4, INFINITY, .02}, .length = 200000000, .mean = .1, .median = .02};
  struct link_process_def def = {.rtt = &t, .offset_s = 0};
  struct link_process *p = process(&def, 0);
  assert_near(process_latency_s(p, 0, 9), .01, 1e-12);
  assert_near(process_latency_s(p, ns_from_s(.07), 9), .39, 1e-12);
  assert_near(process_latency_s(p, ns_from_s(.12), 9), .03 + .01, 1e-12);
  assert_near(process_latency_s(p, ns_from_s(.32), 9), .03 + .01, 1e-12);
  process_free(p);
}

/* Up and down by one process are the same at each moment, by two independent: correlation 0 with standard error
 * sqrt((1 + rho^2) / (1 - rho^2) / 5000) = .018 at rho = .5; a right program fails in fewer than one of 10^4 seeds at .075. */
static double correlation_of_directions(bool own)
{
  const struct rate_process_def rate = {.sigma = 1, .correlation = .5, .step_s = 1};
  const struct link_process_def def = {.rate = &rate, .rate_down = own ? &rate : NULL};
  struct rng_root root = rng_root_make(8, 0);
  struct link_process *p = process_new(&def, &root, "access", 0);
  double xy = 0, xx = 0, yy = 0;
  for (int i = 0; i < 5000; i++) {
    sim_time until;
    double x = log(process_rate(p, false, ns_from_s(i + .5), &until)), y = log(process_rate(p, true, ns_from_s(i + .5), &until));
    xy += x * y;
    xx += x * x;
    yy += y * y;
  }
  process_free(p);
  return xy / sqrt(xx * yy);
}

/* Every 1 s a spike of 1 s peak, twice as long: half a second into it the latency is 1 - .5 / 2. */
static void a_stretched_spike(void **state)
{
  (void)state;
  struct dist one = dist_constant(1), two = dist_constant(2);
  const struct link_process_def def = {.spikes = {&one, NULL, &one, &two}};
  struct link_process *p = process(&def, 0);
  struct episode e = process_episode(p, ns_from_s(100));
  assert_int_equal(e.to - e.from, ns_from_s(2));
  assert_near(process_latency_s(p, e.from + ns_from_s(.5), .01), .75, 1e-6);
  process_free(p);
}

static void up_and_down_by_themselves(void **state)
{
  (void)state;
  assert_true(fabs(correlation_of_directions(false) - 1) < 1e-12);
  assert_true(fabs(correlation_of_directions(true)) < .075);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bursts_outlast_messages), cmocka_unit_test(states_of_loss_are_of_time),
    cmocka_unit_test(up_and_down_by_themselves), cmocka_unit_test(a_stretched_spike),
    cmocka_unit_test(one_path_whenever_asked), cmocka_unit_test(entities_and_links_differ),
    cmocka_unit_test(nothing_changes_before_until), cmocka_unit_test(a_spike_falls_to_the_body),
    cmocka_unit_test(shares_of_time), cmocka_unit_test(spikes_and_outages_compete),
    cmocka_unit_test(log_rate_is_autoregressive), cmocka_unit_test(idle_share), cmocka_unit_test(gilbert_elliott),
    cmocka_unit_test(bursts_have_mean_one_over_r), cmocka_unit_test(each_round_costs_a_timeout),
    cmocka_unit_test(capacity_stands_for_the_rate), cmocka_unit_test(round_trips_one_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
