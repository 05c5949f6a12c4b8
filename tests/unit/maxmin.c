/* Flows over several links at once: hand cases, and random networks against a slow one that fills all rates anew from
 * the start at every change and knows no bundles. */
#include "tests/unit/unit.h"
#include "models/maxmin.h"
#include "sim/rng.h"

enum { LINKS = 12, FLOWS = 160, CHANGES = 24, ROUTE = 5 };
/* Half a nanosecond for each end that came before: a random walk. The rates of this test are near 1 B/s. */
static const double NEAR_S = 200e-9;

struct flow {
  struct maxmin_flow flow;
  struct net *net;
  double join_s, leave_s, bytes, done_s, left;          /* done: -1 while it is not */
  uint32_t link[ROUTE];
  int n;
  bool in, gone;
};
struct change { struct net *net; double at_s, capacity; uint32_t link; };

struct net {
  struct sim *sim;
  struct maxmin *maxmin;
  int n_links, n_flows, n_changes;
  double capacity[LINKS];
  struct flow flow[FLOWS];
  struct change change[CHANGES];
  int faults, looks;
};

/* ---- through the simulator --------------------------------------------------------------------------------------- */

static void on_done(struct sim *sim, void *context, struct maxmin_flow *flow)
{
  (void)context;
  struct flow *f = holder_of(flow, struct flow, flow);
  f->done_s = s_from_ns(sim_now(sim));
  f->in = false;
}

static void on_join(struct sim *sim, void *subject)
{
  (void)sim;
  struct flow *f = subject;
  maxmin_join(f->net->maxmin, &f->flow, f->link, f->n, f->bytes);
  f->in = true;
}

static void on_leave(struct sim *sim, void *subject)
{
  (void)sim;
  struct flow *f = subject;
  if (f->in) f->left = maxmin_leave(f->net->maxmin, &f->flow);
  f->in = false;
}

static void on_change(struct sim *sim, void *subject)
{
  (void)sim;
  struct change *c = subject;
  c->net->capacity[c->link] = c->capacity;
  maxmin_set_capacity(c->net->maxmin, c->link, c->capacity);
}

/* The definition: no link above its capacity, and each flow crosses a full link where nobody is faster. */
static bool is_fair(const struct net *n, const double *rate)
{
  double sum[LINKS] = {0}, fastest[LINKS] = {0};
  for (int i = 0; i < n->n_flows; i++)
    for (int k = 0; n->flow[i].in && k < n->flow[i].n; k++) {
      uint32_t l = n->flow[i].link[k];
      sum[l] += rate[i];
      fastest[l] = fmax(fastest[l], rate[i]);
    }
  for (int l = 0; l < n->n_links; l++)
    if (sum[l] > n->capacity[l] * (1 + 1e-9)) return false;
  for (int i = 0; i < n->n_flows; i++) {
    bool held = !n->flow[i].in;
    for (int k = 0; !held && k < n->flow[i].n; k++) {
      uint32_t l = n->flow[i].link[k];
      held = sum[l] >= n->capacity[l] * (1 - 1e-9) && rate[i] >= fastest[l] * (1 - 1e-9);
    }
    if (!held) return false;
  }
  return true;
}

static void look(struct sim *sim, void *subject)
{
  (void)sim;
  struct net *n = subject;
  double rate[FLOWS] = {0};
  for (int i = 0; i < n->n_flows; i++)
    if (n->flow[i].in) rate[i] = maxmin_rate(&n->flow[i].flow);
  n->looks++;
  n->faults += !is_fair(n, rate);
}

static void net_begin(struct net *n)
{
  n->sim = sim_new();
  n->maxmin = maxmin_new(n->sim, on_done, n);
  for (int l = 0; l < n->n_links; l++) maxmin_link(n->maxmin, n->capacity[l]);
  for (int i = 0; i < n->n_flows; i++) {
    struct flow *f = &n->flow[i];
    f->net = n;
    f->done_s = f->left = -1;
    sim_at(n->sim, ns_from_s(f->join_s), PRIORITY_ARRIVE, on_join, f);
    if (f->leave_s > 0) sim_at(n->sim, ns_from_s(f->leave_s), PRIORITY_CHANGE, on_leave, f);
  }
  for (int i = 0; i < n->n_changes; i++) {
    n->change[i].net = n;
    sim_at(n->sim, ns_from_s(n->change[i].at_s), PRIORITY_CHANGE, on_change, &n->change[i]);
  }
}

static void net_end(struct net *n)
{
  maxmin_free(n->maxmin);
  sim_free(n->sim);
}

static void net_run(struct net *n)
{
  net_begin(n);
  sim_run(n->sim, SIM_NEVER);
  net_end(n);
}

/* ---- slowly ------------------------------------------------------------------------------------------------------ */

/* Raise all rates together; who crosses a link that is full stops. */
static void fill(const struct net *n, const double *capacity, double *rate)
{
  bool fixed[FLOWS], full[LINKS] = {0};
  double left[LINKS];
  memcpy(left, capacity, sizeof left);
  for (int i = 0; i < n->n_flows; i++) {
    fixed[i] = !n->flow[i].in;
    rate[i] = 0;
  }
  for (;;) {
    double open[LINKS] = {0}, step = INFINITY;
    for (int i = 0; i < n->n_flows; i++)
      for (int k = 0; !fixed[i] && k < n->flow[i].n; k++) open[n->flow[i].link[k]]++;
    int first = -1;
    for (int l = 0; l < n->n_links; l++)
      if (open[l] > 0 && !full[l] && left[l] / open[l] < step) step = left[l] / open[first = l];
    if (first < 0) return;
    full[first] = true;
    for (int l = 0; l < n->n_links; l++) left[l] = fmax(0, left[l] - step * open[l]);
    for (int i = 0; i < n->n_flows; i++) {
      rate[i] += fixed[i] ? 0 : step;
      for (int k = 0; k < n->flow[i].n; k++) fixed[i] |= n->flow[i].link[k] == (uint32_t)first;
    }
  }
}

static double next_of(const struct net *n, const double *rate, double now, int changed)
{
  double next = changed < n->n_changes ? n->change[changed].at_s : INFINITY;
  for (int i = 0; i < n->n_flows; i++) {
    const struct flow *f = &n->flow[i];
    if (f->in && rate[i] > 0) next = fmin(next, now + f->left / rate[i]);
    if (f->in && f->leave_s > 0) next = fmin(next, f->leave_s);
    if (!f->in && !f->gone) next = fmin(next, f->join_s);
  }
  return next;
}

/* Nothing ends in an outage, not even what has no bytes. */
static void slow_flow(struct flow *f, double rate, double now)
{
  if (f->in && rate > 0 && f->left <= 1e-12 * fmax(1, f->bytes)) {
    f->done_s = now;
    f->in = false;
    f->gone = true;
  } else if (f->in && f->leave_s > 0 && now >= f->leave_s) {
    f->in = false;
    f->gone = true;
  } else if (!f->in && !f->gone && now >= f->join_s) {
    f->in = true;
    f->left = f->bytes;
  }
}

/* Changes must be in order of time. */
static void slow_run(struct net *n)
{
  double now = 0, rate[FLOWS];
  for (int i = 0; i < n->n_flows; i++) {
    n->flow[i].done_s = -1;
    n->flow[i].in = n->flow[i].gone = false;
  }
  for (int changed = 0;;) {
    fill(n, n->capacity, rate);
    double next = next_of(n, rate, now, changed);
    if (isinf(next)) return;
    for (int i = 0; i < n->n_flows; i++)
      if (n->flow[i].in) n->flow[i].left -= rate[i] * (next - now);
    now = next;
    for (int i = 0; i < n->n_flows; i++) slow_flow(&n->flow[i], rate[i], now);
    for (; changed < n->n_changes && n->change[changed].at_s <= now; changed++)
      n->capacity[n->change[changed].link] = n->change[changed].capacity;
  }
}

/* ---- hand cases -------------------------------------------------------------------------------------------------- */

enum { A, B, C };
struct hand_flow { double join_s, bytes; int n; uint32_t link[3]; double done_s; };

static void check_hand(const double *capacity, int n_links, const struct hand_flow *flow, int n_flows)
{
  struct net *n = calloc(1, sizeof *n);
  n->n_links = n_links;
  n->n_flows = n_flows;
  memcpy(n->capacity, capacity, (size_t)n_links * sizeof *capacity);
  for (int i = 0; i < n_flows; i++) {
    n->flow[i] = (struct flow){.join_s = flow[i].join_s, .bytes = flow[i].bytes, .n = flow[i].n};
    memcpy(n->flow[i].link, flow[i].link, sizeof flow[i].link);
  }
  net_run(n);
  for (int i = 0; i < n_flows; i++) assert_near(n->flow[i].done_s, flow[i].done_s, 1e-9);
  free(n);
}

/* The cases of data/reference/flows/README.md: a flow joins once the latencies of its way are over. */
static void hand_cases(void **state)
{
  (void)state;
  static const double one[] = {1e6}, unequal[] = {1e6, 1e8, 1e8}, lot[] = {1e6, 2e6, 3e6}, ring[] = {1e6, 1e6, 1e6};
  static const struct hand_flow together[] = {{.01, 1e6, 1, {A}, 2.01}, {.01, 2e6, 1, {A}, 3.01}};
  check_hand(one, 1, together, 2);
  static const struct hand_flow arrival[] = {{.01, 2e6, 1, {A}, 2.51}, {1.01, .5e6, 1, {A}, 2.01}};
  check_hand(one, 1, arrival, 2);
  static const struct hand_flow latency[] = {{.01, .52e6, 2, {A, B}, 1.03}, {.03, 1e6, 2, {A, C}, 1.53}};
  check_hand(unequal, 3, latency, 2);
  static const struct hand_flow waiting[] = {{.001, 1e6, 2, {A, B}, 1.002}, {1, 1e6, 2, {A, C}, 2.001}};
  check_hand(unequal, 3, waiting, 2);
  static const struct hand_flow parking[] = {{.006, 1e6, 3, {A, B, C}, 1.501}, {.001, .5e6, 1, {A}, .996},
                                             {.002, 1e6, 1, {B}, .006 + .992 / 1.5}, {.003, 4e6, 1, {C}, 1.501 + .506 / 3}};
  check_hand(lot, 3, parking, 4);
  static const struct hand_flow triangle[] = {{.002, 1e6, 2, {A, B}, 2.002}, {.002, 2e6, 2, {B, C}, 4.002},
                                              {.002, 3e6, 2, {C, A}, 5.002}};
  check_hand(ring, 3, triangle, 3);
}

/* 1 MB/s, from 1 s on 0.25, from 3 s on nothing, from 5 s on 2 MB/s. Two of 2 MB: 0.5 + 0.25 each by 3 s, the last
 * 1.25 at 1 MB/s each. */
static void capacity_changes(void **state)
{
  (void)state;
  struct net *n = calloc(1, sizeof *n);
  *n = (struct net){.n_links = 2, .n_flows = 2, .n_changes = 3, .capacity = {1e6, 9e6},
                    .change = {{.at_s = 1, .capacity = .25e6}, {.at_s = 3}, {.at_s = 5, .capacity = 2e6}}};
  n->flow[0] = (struct flow){.bytes = 2e6, .n = 2, .link = {A, B}};
  n->flow[1] = (struct flow){.bytes = 2e6, .n = 1, .link = {A}};
  net_run(n);
  assert_near(n->flow[0].done_s, 6.25, 1e-9);
  assert_near(n->flow[1].done_s, 6.25, 1e-9);
  free(n);
}

/* Two share 1 MB/s; one leaves after 1 s with 0.5 of its 2 MB moved. The other, of 2 MB, has it all from then on. */
static void leaving_early(void **state)
{
  (void)state;
  struct net *n = calloc(1, sizeof *n);
  *n = (struct net){.n_links = 1, .n_flows = 2, .capacity = {1e6}};
  n->flow[0] = (struct flow){.bytes = 2e6, .n = 1, .leave_s = 1};
  n->flow[1] = (struct flow){.bytes = 2e6, .n = 1};
  net_run(n);
  assert_near(n->flow[0].left, 1.5e6, 1e-9);
  assert_near(n->flow[1].done_s, 2.5, 1e-9);
  free(n);
}

/* A hundred begin, end and begin again at one instant; nothing but the last instant counts. */
static void many_at_one_instant(void **state)
{
  (void)state;
  struct net *n = calloc(1, sizeof *n);
  *n = (struct net){.n_links = 2, .n_flows = 150, .capacity = {100, 50}};
  for (int i = 0; i < 100; i++) n->flow[i] = (struct flow){.join_s = 1, .bytes = i < 50 ? 1 : 2, .n = 1 + i % 2, .link = {A, B}};
  for (int i = 100; i < 150; i++) n->flow[i] = (struct flow){.join_s = 2, .bytes = i % 3, .n = 1, .link = {A}};
  net_run(n);
  /* 1 B/s for all; the 50 of 1 B end at 2 s, when 50 others begin (16 of 0 B, 17 of 1 B, 17 of 2 B): 84 on A, 25 on B. */
  for (int i = 0; i < 50; i++) assert_near(n->flow[i].done_s, 2, 1e-9);
  for (int i = 100; i < 150; i++)
    if (i % 3 == 0) assert_near(n->flow[i].done_s, 2, 1e-9);
  for (int i = 50; i < 100; i++) assert_near(n->flow[i].done_s, 2 + 84. / 100, 1e-8);
  free(n);
}

/* ---- random networks --------------------------------------------------------------------------------------------- */

static void random_flow(struct net *n, struct flow *f, struct rng *r, double *at)
{
  if (rng_below(r, 5)) *at += .05 * rng_exponential(r);     /* a fifth begins with the one before */
  *f = (struct flow){.join_s = rint(*at * 1e9) / 1e9, .bytes = rng_below(r, 20) ? rng_exponential(r) : 0};
  if (rng_below(r, 5) == 0) f->leave_s = rint((*at + 3 * rng_exponential(r)) * 1e9) / 1e9 + 1e-9;
  f->n = 1 + (int)rng_below(r, n->n_links < ROUTE ? (uint32_t)n->n_links : ROUTE);
  for (int k = 0; k < f->n; k++) {
    f->link[k] = (uint32_t)rng_below(r, (uint32_t)n->n_links);
    for (int j = 0; j < k; j++)
      if (f->link[j] == f->link[k]) {
        k--;
        break;
      }
  }
}

static void random_net(struct net *n, uint64_t seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  struct rng r = rng_open(&root, rng_name("maxmin"), 0, 0);
  memset(n, 0, sizeof *n);
  n->n_links = 1 + (int)rng_below(&r, LINKS);
  n->n_flows = FLOWS;
  for (int l = 0; l < n->n_links; l++) n->capacity[l] = rng_below(&r, 4) ? 8 * pow(10, 2 * rng_uniform(&r) - 1) : 8;
  double at = 0;
  for (int i = 0; i < n->n_flows; i++) random_flow(n, &n->flow[i], &r, &at);
  n->n_changes = seed % 3 ? CHANGES : 0;
  for (int i = 0; i < n->n_changes; i++) {
    uint32_t link = (uint32_t)rng_below(&r, (uint32_t)n->n_links);
    double capacity = rng_below(&r, 3) ? 8 * pow(10, 2 * rng_uniform(&r) - 1) : 0;
    n->change[i] = (struct change){.at_s = rint(at * (i + rng_uniform(&r)) / n->n_changes * 1e9) / 1e9, .link = link, .capacity = capacity};
  }
  for (int i = 0; i < n->n_links && n->n_changes; i++)      /* at the end all is up again */
    n->change[n->n_changes - 1 - i] = (struct change){.at_s = at + 1, .link = (uint32_t)i, .capacity = 8};
}

/* The largest difference of an end. Rates are looked at every tenth of a second. `fault` is added to the first capacity
 * of the slow one. */
static double worst_difference(uint64_t seed, double fault, int *looks)
{
  static struct net n, slow;
  random_net(&n, seed);
  memcpy(&slow, &n, sizeof n);
  slow.capacity[0] += fault;
  net_begin(&n);
  for (int i = 1; i < 200; i++) sim_at(n.sim, ns_from_s(i / 10.), PRIORITY_LAST, look, &n);
  sim_run(n.sim, SIM_NEVER);
  net_end(&n);
  assert_int_equal(n.faults, 0);
  *looks += n.looks;
  slow_run(&slow);
  double worst = 0;
  for (int i = 0; i < n.n_flows; i++) {
    if ((n.flow[i].done_s < 0) != (slow.flow[i].done_s < 0)) return INFINITY;
    worst = fmax(worst, fabs(n.flow[i].done_s - slow.flow[i].done_s));
  }
  return worst;
}

static void random_networks(void **state)
{
  (void)state;
  int looks = 0;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    double worst = worst_difference(seed, 0, &looks);
    if (!(worst <= NEAR_S)) fail_msg("seed %llu: %g s", (unsigned long long)seed, worst);
  }
  assert_true(looks > 10000);
}

static void a_capacity_off_by_a_thousandth_is_seen(void **state)
{
  (void)state;
  int looks = 0, seen = 0;
  for (uint64_t seed = 3; seed <= 30; seed += 3) seen += worst_difference(seed, 8e-3, &looks) > NEAR_S;
  assert_int_equal(seen, 10);
}

/* Equal shares of one link instead of what the others leave: 1 and 1 where 0.5 and 1.5 are fair. */
static void an_unfair_rate_is_seen(void **state)
{
  (void)state;
  static struct net n = {.n_links = 2, .n_flows = 3, .capacity = {1, 2}};
  static const double fair[] = {.5, .5, 1.5}, idle[] = {.5, .5, 1}, above[] = {.5, .5, 1.6}, greedy[] = {.4, .6, 1.6};
  for (int i = 0; i < 3; i++) n.flow[i] = (struct flow){.n = 1, .in = true, .link = {i == 2}};
  n.flow[1].n = 2;
  n.flow[1].link[1] = 1;
  assert_true(is_fair(&n, fair));
  assert_false(is_fair(&n, idle));
  assert_false(is_fair(&n, above));
  assert_false(is_fair(&n, greedy));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hand_cases), cmocka_unit_test(capacity_changes), cmocka_unit_test(leaving_early),
    cmocka_unit_test(many_at_one_instant), cmocka_unit_test(random_networks),
    cmocka_unit_test(a_capacity_off_by_a_thousandth_is_seen), cmocka_unit_test(an_unfair_rate_is_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
