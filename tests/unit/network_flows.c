/* Links with max_min: messages that flow over several of them at once. A chain a - b - c - d of 1, 2 and 3 MB/s, of 1, 2
 * and 3 ms; expected values by hand. */
#include "tests/unit/unit.h"
#include "models/network.h"
#include "sim/arena.h"

enum { A, B, C, D, PLACES, LINKS = 3 };
static const double MB = 1e6;

struct chain {
  struct place_def place[PLACES];
  struct link_def link[LINKS];
  struct dist latency[LINKS];
  struct change_def change;
  struct world_def world;
  struct sim *sim;
  struct topology *topology;
  struct network *network;
  int n_records; struct transfer_record record[64];
};
struct message {
  int from, to;
  double at_s, mb, done_s;                              /* done: expected */
  struct chain *chain;
  struct transfer *transfer;
  struct transfer_cost cost;
  double got_s;
};

static struct message message(int from, int to, double at_s, double mb, double done_s)
{
  return (struct message){.from = from, .to = to, .at_s = at_s, .mb = mb, .done_s = done_s};
}

static void keep(void *context, const struct transfer_record *r)
{
  struct chain *c = context;
  c->record[c->n_records++] = *r;
}

static void chain_default(struct chain *c)
{
  static const char *const places[] = {"a", "b", "c", "d"}, *const links[] = {"ab", "bc", "cd"};
  memset(c, 0, sizeof *c);
  for (int i = 0; i < PLACES; i++)
    c->place[i] = (struct place_def){.name = places[i], .tier = i ? TIER_EDGE : TIER_DEVICE, .zone = i, .count = 4};
  for (int i = 0; i < LINKS; i++) {
    c->latency[i] = dist_constant(1e-3 * (i + 1));
    c->link[i] = (struct link_def){.name = links[i], .a = i, .b = i + 1, .latency_s = &c->latency[i], .max_min = true,
                                   .up_byte_per_s = (i + 1) * MB, .down_byte_per_s = (i + 1) * MB,
                                   .shared_by = SHARED_BY_LINK, .device_tx_w = i ? 0 : 2, .usd_per_byte_up = 1e-9 * (i + 1)};
  }
  c->world = (struct world_def){.n_places = PLACES, .place = c->place, .n_links = LINKS, .link = c->link, .record_transfers = true};
}

static void chain_open(struct chain *c)
{
  struct rng_root root = rng_root_make(7, 0);
  struct sink sink = {.context = c, .transfer = keep};
  struct err err;
  err_init(&err);
  c->sim = sim_new();
  c->topology = topology_new(&c->world, &err);
  assert_non_null(c->topology);
  c->network = network_new(c->sim, &c->world, c->topology, &root, &sink);
  err_release(&err);
}

static void chain_close(struct chain *c)
{
  for (int k = 0; k < LINKS; k++) assert_int_equal(network_active(c->network, k), 0);
  network_free(c->network);
  topology_free(c->topology);
  sim_free(c->sim);
}

static void arrived(struct sim *sim, void *subject)
{
  struct message *m = subject;
  m->transfer = NULL;
  m->got_s = s_from_ns(sim_now(sim));
}

static void send_now(struct sim *sim, void *subject)
{
  struct message *m = subject;
  (void)sim;
  struct endpoint from = {.place = (uint16_t)m->from}, to = {.place = (uint16_t)m->to};
  m->transfer = network_send(m->chain->network, from, to, m->mb * MB, 0, (struct transfer_record){0}, arrived, m, &m->cost);
}

static void send_all(struct chain *c, struct message *m, int n)
{
  for (int i = 0; i < n; i++) {
    m[i].chain = c;
    m[i].got_s = -1;
    sim_at(c->sim, ns_from_s(m[i].at_s), PRIORITY_NORMAL, send_now, &m[i]);
  }
}

static void expect(struct chain *c, struct message *m, int n)
{
  chain_open(c);
  send_all(c, m, n);
  sim_run(c->sim, SIM_NEVER);
  for (int i = 0; i < n; i++) assert_near(m[i].got_s, m[i].done_s, 1e-9);
  chain_close(c);
}

/* The exact check values of the reference (data/reference/flows/README.md). */
static void parking_lot(void **state)
{
  (void)state;
  struct chain c;
  chain_default(&c);
  struct message m[] = {message(A, D, 0, 1, 1.501), message(A, B, 0, .5, .996), message(B, C, 0, 1, .006 + .992 / 1.5), message(C, D, 0, 4, 1.501 + .506 / 3)};
  expect(&c, m, 4);
  /* The energy of the device and the price of each hop are those of its own rate: 2 W x 1 MB / 1 MB/s; 1 + 2 + 3 nUSD/B. */
  assert_near(m[0].cost.device_j, 2, 1e-12);
  assert_near(m[0].cost.usd, 6e-3, 1e-12);
  assert_int_equal(c.n_records, 6);
  for (int i = 0, hop = 0; i < c.n_records; i++)
    if (c.record[i].ended_ns == 1501000000) {             /* all hops of the flow, in order, of one time */
      assert_true(c.record[i].link == hop++ && c.record[i].started_ns == 0 && c.record[i].bytes == MB);
    }
}

/* Without max_min hop after hop: 1 + .5 + .333 s; where the first is alone in being of its own: .006 + 1 + .5. */
static void hops_that_flow_and_that_do_not(void **state)
{
  (void)state;
  struct chain c;
  chain_default(&c);
  for (int i = 0; i < LINKS; i++) c.link[i].max_min = false;
  struct message whole[] = {message(A, D, 0, 1, .006 + 1 + .5 + 1. / 3)};
  expect(&c, whole, 1);
  chain_default(&c);
  c.link[0].max_min = false;
  struct message after[] = {message(A, D, 0, 1, .006 + 1 + .5)};
  expect(&c, after, 1);
  chain_default(&c);
  c.link[1].max_min = false;                              /* a flow before and a flow behind */
  struct message split[] = {message(A, D, 0, 1, .006 + 1 + .5 + 1. / 3), message(C, D, .5, 1, .503 + 1. / 3)};
  expect(&c, split, 2);
}

static double idle_s(struct chain *c, double bytes)
{
  chain_open(c);
  double s = network_idle_s(c->network, (struct endpoint){.place = A}, (struct endpoint){.place = D}, bytes);
  chain_close(c);
  return s;
}

static void estimates(void **state)
{
  (void)state;
  struct chain c;
  chain_default(&c);
  assert_near(idle_s(&c, MB), 1.006, 1e-12);              /* as long as its slowest link needs */
  c.link[1].max_min = false;
  assert_near(idle_s(&c, MB), .006 + 1 + .5 + 1. / 3, 1e-12);
  chain_default(&c);
  c.link[0].max_min = false;
  assert_near(idle_s(&c, MB), .006 + 1 + .5, 1e-12);
}

/* Nothing to carry: the latencies; a link without limit: no rate of its own. */
static void no_bytes_no_limit(void **state)
{
  (void)state;
  struct chain c;
  chain_default(&c);
  c.link[0].up_byte_per_s = 0;
  struct message m[] = {message(A, D, 0, 0, .006), message(A, D, 1, 1, 1.006 + .5), message(A, B, 0, 7, .001)};
  expect(&c, m, 3);
}

static void slower_now(struct sim *sim, void *subject) { (void)sim; network_set_rate(((struct chain *)subject)->network, 1, .125, 0); }
static void down_now(struct sim *sim, void *subject) { (void)sim; network_set_available(((struct chain *)subject)->network, 2, false, SIM_NEVER); }
static void up_now(struct sim *sim, void *subject) { (void)sim; network_set_available(((struct chain *)subject)->network, 2, true, 0); }

/* 1 MB from .006 s on at 1 MB/s; bc falls to .25 MB/s at .506 s; cd is away from 1.506 to 2.006 s: .25 MB are left then. */
static void changes_on_the_way(void **state)
{
  (void)state;
  struct chain c;
  chain_default(&c);
  c.change = (struct change_def){.what = CHANGE_RATE_SCALE, .index = 1};
  struct change_def both[] = {c.change, {.what = CHANGE_AVAILABLE, .index = 2}};
  c.world.n_changes = 2;
  c.world.change = both;
  chain_open(&c);
  struct message m[] = {message(A, D, 0, 1, 3.006), message(C, D, 1.6, 0, 2.006)};
  send_all(&c, m, 2);
  sim_at(c.sim, ns_from_s(.506), PRIORITY_CHANGE, slower_now, &c);
  sim_at(c.sim, ns_from_s(1.506), PRIORITY_CHANGE, down_now, &c);
  sim_at(c.sim, ns_from_s(2.006), PRIORITY_CHANGE, up_now, &c);
  sim_run(c.sim, SIM_NEVER);
  for (int i = 0; i < 2; i++) assert_near(m[i].got_s, m[i].done_s, 1e-9);
  chain_close(&c);
}

static void cancel_now(struct sim *sim, void *subject)
{
  (void)sim;
  struct message *m = subject;
  struct transfer_rest rest = network_cancel(m->chain->network, m->transfer);
  m->got_s = rest.bytes / MB;
  m->cost = rest.cost;
}

/* Two of 1 MB share 1 MB/s from .006 s; one is cut at 1.006 s with half of it moved: the other ends at 1.506 s. One that is
 * cut in its latency has moved nothing. */
static void cut(void **state)
{
  (void)state;
  static const struct { double at_s, left_mb, other_s; } cases[] = {{1.006, .5, 1.506}, {.003, 1, 1.006}};
  for (int i = 0; i < 2; i++) {
    struct chain c;
    chain_default(&c);
    chain_open(&c);
    struct message m[] = {message(A, D, 0, 1, 0), message(A, D, 0, 1, 0)};
    send_all(&c, m, 2);
    sim_at(c.sim, ns_from_s(cases[i].at_s), PRIORITY_NORMAL, cancel_now, &m[0]);
    sim_run(c.sim, SIM_NEVER);
    assert_near(m[0].got_s, cases[i].left_mb, 1e-9);
    assert_near(m[0].cost.usd, 6e-3 * cases[i].left_mb, 1e-9);
    assert_near(m[1].got_s, cases[i].other_s, 1e-9);
    assert_int_equal(c.n_records, 6);
    for (int k = 0; k < 3; k++) assert_near(c.record[k].bytes, MB * (1 - cases[i].left_mb), 1e-3);
    chain_close(&c);
  }
}

/* Of ab each device has its own 1 MB/s; bc is one for all: 2 MB/s for three. */
static void who_shares(void **state)
{
  (void)state;
  struct chain c;
  chain_default(&c);
  c.link[0].shared_by = SHARED_BY_DEVICE;
  chain_open(&c);
  struct message m[3];
  for (uint32_t i = 0; i < 3; i++) {
    m[i] = (struct message){.chain = &c};
    network_send(c.network, (struct endpoint){A, i}, (struct endpoint){C, 0}, MB, i, (struct transfer_record){0}, arrived, &m[i], NULL);
  }
  sim_run(c.sim, SIM_NEVER);
  for (int i = 0; i < 3; i++) assert_near(m[i].got_s, 1.503, 1e-9);
  chain_close(&c);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(parking_lot), cmocka_unit_test(hops_that_flow_and_that_do_not), cmocka_unit_test(estimates),
    cmocka_unit_test(no_bytes_no_limit), cmocka_unit_test(changes_on_the_way), cmocka_unit_test(cut), cmocka_unit_test(who_shares),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
