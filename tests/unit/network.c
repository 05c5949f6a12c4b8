/* Transfers by hand: phones - metro (access, 1 MB/s up, 2 MB/s down, 0.1 s) - cloud (wan, unlimited, 0.05 s). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "models/network.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PHONE, METRO, CLOUD, ACCESS = 0, WAN = 1 };
static const double MB = 1e6;

struct town {
  struct place_def place[3];
  struct link_def link[2];
  struct dist latency[2];
  struct world_def world;
  struct sim *sim;
  struct topology *topology;
  struct network *network;
  char log[4096];
  int n_records; struct transfer_record record[64];
};
struct message {
  struct town *town;
  char name;
  double at_s, mb;
  struct endpoint from, to;
  struct transfer *transfer;
  uint64_t key;
  struct transfer_cost cost;
};

static void keep(void *context, const struct transfer_record *r)
{
  struct town *t = context;
  t->record[t->n_records++] = *r;
}

static void town_default(struct town *t)
{
  memset(t, 0, sizeof *t);
  t->latency[0] = dist_constant(0.1), t->latency[1] = dist_constant(0.05);
  t->place[PHONE] = (struct place_def){.name = "phone", .tier = TIER_DEVICE, .zone = 0, .count = 12};
  t->place[METRO] = (struct place_def){.name = "metro", .tier = TIER_EDGE, .zone = 1, .count = 3};
  t->place[CLOUD] = (struct place_def){.name = "cloud", .tier = TIER_CLOUD, .zone = 2, .count = 1};
  t->link[ACCESS] = (struct link_def){.name = "access",
                                      .a = PHONE,
                                      .b = METRO,
                                      .latency_s = &t->latency[0],
                                      .up_byte_per_s = MB,
                                      .down_byte_per_s = 2 * MB,
                                      .shared_by = SHARED_BY_LINK,
                                      .zones = 1 << 3,
                                      .device_tx_w = 1.5,
                                      .device_rx_w = 0.5,
                                      .j_per_byte = 1e-6,
                                      .usd_per_byte_up = 1e-9,
                                      .usd_per_byte_down = 3e-9};
  t->link[WAN] = (struct link_def){
    .name = "wan", .a = METRO, .b = CLOUD, .latency_s = &t->latency[1], .zones = 1 << 4, .usd_per_byte_up = 1e-8};
  t->world =
    (struct world_def){.n_places = 3, .place = t->place, .n_links = 2, .link = t->link, .record_transfers = true};
}

static void town_open(struct town *t)
{
  struct rng_root root = rng_root_make(7, 0);
  struct err err;
  err_init(&err);
  t->sim = sim_new();
  t->topology = topology_new(&t->world, &err);
  assert_non_null(t->topology);
  struct sink sink = {.context = t, .transfer = keep};
  t->network = network_new(t->sim, &t->world, t->topology, &root, &sink);
  err_release(&err);
}

/* The meter of a link and the records of what crossed it tell the same (Little's law). */
static void meters_agree(const struct town *t, int link)
{
  struct link_summary s = network_summary(t->network, link);
  double all_s = 0, bytes = 0;
  for (int i = 0; i < t->n_records; i++) {
    all_s += t->record[i].link == link ? s_from_ns(t->record[i].ended_ns - t->record[i].started_ns) : 0;
    bytes += t->record[i].link == link ? t->record[i].bytes : 0;
  }
  assert_true(fabs(s.in_flight_mean * s_from_ns(sim_now(t->sim)) - all_s) < 1e-9 * (1 + all_s));
  assert_true(fabs(s.bytes - bytes) < 1e-6);
}

static void town_close(struct town *t)
{
  for (int k = 0; k < t->world.n_links; k++) assert_int_equal(network_active(t->network, k), 0);
  for (int k = 0; t->world.record_transfers && k < t->world.n_links; k++) meters_agree(t, k);
  network_free(t->network);
  topology_free(t->topology);
  sim_free(t->sim);
}

static void arrived(struct sim *sim, void *subject)
{
  struct message *m = subject;
  size_t used = strlen(m->town->log);
  m->transfer = NULL;
  snprintf(m->town->log + used, sizeof m->town->log - used, "%s%c%.9g", used ? " " : "", m->name,
           s_from_ns(sim_now(sim)));
}

static void send_now(struct sim *sim, void *subject)
{
  struct message *m = subject;
  (void)sim;
  m->transfer = network_send(m->town->network, m->from, m->to, m->mb * MB, m->key,
                             (struct transfer_record){.request = (uint64_t)m->name}, arrived, m, &m->cost);
}

static struct message message(char name, double at_s, double mb, int from, uint32_t from_member, int to,
                              uint32_t to_member)
{
  return (struct message){.name = name,
                          .at_s = at_s,
                          .mb = mb,
                          .from = {(uint16_t)from, from_member},
                          .to = {(uint16_t)to, to_member},
                          .key = (uint64_t)name};
}

static void expect(struct town *t, struct message *m, int n, const char *log)
{
  town_open(t);
  for (int i = 0; i < n; i++) {
    m[i].town = t;
    sim_at(t->sim, ns_from_s(m[i].at_s), PRIORITY_NORMAL, send_now, &m[i]);
  }
  sim_run(t->sim, SIM_NEVER);
  assert_string_equal(t->log, log);
  town_close(t);
}

static void hops_and_costs(void **state)
{
  (void)state;
  struct town t;
  town_default(&t);
  struct message m[] = {message('A', 0, 1, PHONE, 0, CLOUD, 0), message('B', 10, 1, CLOUD, 0, PHONE, 5)};
  expect(&t, m, 2, "A1.15 B10.65");
  assert_true(fabs(m[0].cost.device_j - 1.5) < 1e-12 && fabs(m[0].cost.network_j - 1) < 1e-12 &&
              fabs(m[0].cost.usd - 0.011) < 1e-12);
  assert_true(fabs(m[1].cost.device_j - 0.25) < 1e-12 && fabs(m[1].cost.usd - 0.003) < 1e-12);
  assert_int_equal(t.n_records, 4);
  const struct transfer_record *r = t.record;
  assert_true(r[0].link == ACCESS && r[0].zone == 1 && r[0].started_ns == 0 && r[0].ended_ns == 1100000000 &&
              r[0].bytes == MB && r[0].request == 'A');
  assert_true(r[1].link == WAN && r[1].zone == 2 && r[1].started_ns == 1100000000 && r[1].ended_ns == 1150000000);
  assert_true(r[2].link == WAN && r[2].zone == 1 && r[3].link == ACCESS && r[3].zone == 0);
}

static void two_share_a_rate(void **state)
{
  (void)state;
  struct town t;
  town_default(&t);
  struct message m[] = {message('A', 0, 2, PHONE, 0, METRO, 0), message('B', 1, 1, PHONE, 1, METRO, 0),
                        message('C', 1, 1, METRO, 0, PHONE, 0)};
  expect(&t, m, 3, "C1.6 A3.1 B3.1");                   /* down is another channel */
  t.log[0] = 0, t.n_records = 0;
  t.link[ACCESS].background_load = 0.5;
  expect(&t, m, 2, "B5.1 A6.1");   /* 0.5 MB/s: A has 0.5 at 1 s; B ends at 1 + 4; A at 6 */
}

static void who_shares(void **state)
{
  (void)state;
  struct message m[] = {message('A', 0, 1, PHONE, 0, METRO, 0), message('B', 0, 1, PHONE, 0, METRO, 0),
                        message('C', 0, 1, PHONE, 3, METRO, 0), message('D', 0, 1, PHONE, 1, METRO, 1)};
  const struct { enum link_share by; enum link_kind kind; const char *log; } cases[] = {
    {SHARED_BY_LINK, LINK_FLUID, "A4.1 B4.1 C4.1 D4.1"}, {SHARED_BY_DEVICE, LINK_FLUID, "C1.1 D1.1 A2.1 B2.1"},
    {SHARED_BY_CELL, LINK_FLUID, "D1.1 A3.1 B3.1 C3.1"}, {SHARED_BY_NONE, LINK_FLUID, "A1.1 B1.1 C1.1 D1.1"},
    {SHARED_BY_LINK, LINK_FIXED, "A1.1 B1.1 C1.1 D1.1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct town t;
    town_default(&t);
    t.link[ACCESS].shared_by = cases[i].by;
    t.link[ACCESS].kind = cases[i].kind;
    expect(&t, m, 4, cases[i].log);
  }
}

/* A cell serves the devices attached to it, also when their bytes go on to the cloud. */
static void cells_of_far_transfers(void **state)
{
  (void)state;
  struct town t;
  town_default(&t);
  t.link[ACCESS].shared_by = SHARED_BY_CELL;
  struct message m[] = {message('A', 0, 1, PHONE, 0, CLOUD, 0), message('B', 0, 1, PHONE, 3, CLOUD, 0),
                        message('C', 0, 1, PHONE, 1, CLOUD, 0)};
  expect(&t, m, 3, "C1.15 A2.15 B2.15");
  t.log[0] = 0, t.n_records = 0;
  t.link[ACCESS].a = METRO, t.link[ACCESS].b = PHONE;   /* the same link, written the other way round */
  t.link[ACCESS].up_byte_per_s = 2 * MB, t.link[ACCESS].down_byte_per_s = MB;
  expect(&t, m, 3, "C1.15 A2.15 B2.15");
}

/* The first two exact check values of the max-min reference (one link, 1 MB/s, 10 ms): latency before or after the
 * transmission is the same when all have it. */
static void reference_of_one_link(void **state)
{
  (void)state;
  struct town t;
  town_default(&t);
  t.latency[0] = dist_constant(0.01);
  struct message same[] = {message('a', 0, 1, PHONE, 0, METRO, 0), message('b', 0, 2, PHONE, 1, METRO, 1)};
  expect(&t, same, 2, "a2.01 b3.01");
  struct message later[] = {message('a', 0, 2, PHONE, 0, METRO, 0), message('b', 1, 0.5, PHONE, 1, METRO, 1)};
  t.log[0] = 0, t.n_records = 0;
  expect(&t, later, 2, "b2.01 a2.51");
}

static void no_time_no_event(void **state)
{
  (void)state;
  struct town t;
  town_default(&t);
  t.latency[0] = t.latency[1] = dist_constant(0);
  t.link[ACCESS].up_byte_per_s = 0;
  town_open(&t);
  struct message m = message('A', 0, 1, PHONE, 0, CLOUD, 0), here = message('B', 0, 1, PHONE, 4, PHONE, 4);
  m.town = here.town = &t;
  send_now(t.sim, &m);
  send_now(t.sim, &here);
  assert_string_equal(t.log, "A0 B0");
  assert_null(m.transfer);
  assert_int_equal(sim_pending(t.sim), 0);
  assert_int_equal(t.n_records, 2);                     /* both hops of A; B went nowhere */
  town_close(&t);
}

static struct message *victim;
static void cancel_now(struct sim *sim, void *subject)
{
  (void)sim;
  (void)network_cancel(((struct town *)subject)->network, victim->transfer);
}

static void cancel_at(double at_s, const char *log, double bytes)
{
  struct town t;
  town_default(&t);
  town_open(&t);
  struct message m[] = {message('A', 0, 2, PHONE, 0, METRO, 0), message('B', 0, 1, PHONE, 1, METRO, 0)};
  victim = &m[1];
  for (int i = 0; i < 2; i++) {
    m[i].town = &t;
    send_now(t.sim, &m[i]);
  }
  sim_at(t.sim, ns_from_s(at_s), PRIORITY_NORMAL, cancel_now, &t);
  sim_run(t.sim, SIM_NEVER);
  assert_string_equal(t.log, log);
  assert_true(fabs(t.record[0].bytes - bytes) < 1e-3 && t.record[0].request == 'B');
  struct link_summary s = network_summary(t.network, ACCESS);
  assert_true(fabs(s.cut_bytes - (MB - bytes)) < 1e-3 && fabs(s.bytes - 2 * MB - bytes) < 1e-3);
  assert_true(fabs(s.in_flight_mean - (1 + at_s / s_from_ns(sim_now(t.sim)))) < 1e-9); /* A all the time, B until at_s */
  town_close(&t);
}

static void cancelling(void **state)
{
  (void)state;
  cancel_at(1, "A2.6", 0.5 * MB);                       /* B had 0.5 MB: A goes on alone with 1.5 MB left */
  cancel_at(2.05, "A3.1", MB);                          /* in B's latency: its bytes had gone */
}

static void draws_by_key(void **state)
{
  (void)state;
  struct town t;
  char why[160];
  double mean[] = {0.1};
  town_default(&t);
  assert_true(dist_make(&t.latency[0], "exponential", mean, 1, why));
  struct message m[] = {message('A', 0, 0, PHONE, 0, METRO, 0), message('B', 5, 0, PHONE, 1, METRO, 0),
                        message('C', 10, 0, PHONE, 1, METRO, 0)};
  m[2].key = m[0].key;
  town_open(&t);
  double a = network_latency_s(t.network, m[0].from, m[0].to, m[0].key);
  for (int i = 0; i < 3; i++) {
    m[i].town = &t;
    sim_at(t.sim, ns_from_s(m[i].at_s), PRIORITY_NORMAL, send_now, &m[i]);
  }
  sim_run(t.sim, SIM_NEVER);
  assert_int_equal(t.record[0].ended_ns, ns_from_s(a));
  assert_int_equal(t.record[2].ended_ns - t.record[2].started_ns, ns_from_s(a));
  assert_true(t.record[1].ended_ns - t.record[1].started_ns != ns_from_s(a));
  assert_true(fabs(network_idle_s(t.network, m[0].from, m[0].to, MB) - 1.1) < 1e-12);
  town_close(&t);
}

static double mm1_sum;
static void add_time(struct sim *sim, void *subject) { (void)subject; mm1_sum += s_from_ns(sim_now(sim)); }

/* Exponential with mean bytes / rate / (1 - background) = 2 s: 20,000 draws, standard error 0.0141 s; five of them
 * (false alarm 6e-7). A background of 0.51 moves the mean by 0.0408 s, 0.53 by 0.128 s. */
static double mm1_mean(double background)
{
  enum { N = 20000 };
  struct town t;
  town_default(&t);
  t.world.record_transfers = false;
  t.latency[0] = dist_constant(0);
  t.link[ACCESS].kind = LINK_MM1;
  t.link[ACCESS].background_load = background;
  town_open(&t);
  mm1_sum = 0;
  for (uint64_t i = 0; i < N; i++)
    network_send(t.network, (struct endpoint){PHONE, 0}, (struct endpoint){METRO, 0}, MB, 8 * i,
                 (struct transfer_record){0}, add_time, NULL, NULL);
  sim_run(t.sim, SIM_NEVER);
  town_close(&t);
  return mm1_sum / N;
}

static void mm1(void **state)
{
  (void)state;
  assert_true(fabs(mm1_mean(0.5) - 2) < 5 * 0.01414);
  assert_false(fabs(mm1_mean(0.53) - 2) < 5 * 0.01414);
}

/* Thousands of transfers, a third cancelled at random moments: everything comes to rest. */
static void crowd(void **state)
{
  (void)state;
  enum { N = 3000 };
  struct town t;
  town_default(&t);
  t.world.record_transfers = false;
  t.link[ACCESS].shared_by = SHARED_BY_CELL;
  town_open(&t);
  struct message *m = calloc(N, sizeof *m);
  struct rng_root root = rng_root_make(3, 0);
  struct rng rng = rng_open(&root, rng_name("crowd"), 0, 0);
  for (int i = 0; i < N; i++) {
    bool up = rng_below(&rng, 2);
    uint32_t phone = (uint32_t)rng_below(&rng, 12);
    m[i] = up ? message('x', 0, rng_uniform(&rng), PHONE, phone, CLOUD, 0)
              : message('x', 0, rng_uniform(&rng), METRO, phone % 3, PHONE, phone);
    m[i].town = &t;
    t.log[0] = 0;
    sim_run(t.sim, sim_now(t.sim) + ns_from_s(0.3 * rng_exponential(&rng)));
    send_now(t.sim, &m[i]);
    struct message *some = &m[rng_below(&rng, (uint64_t)i + 1)];
    if (some->transfer && rng_below(&rng, 2)) {
      network_cancel(t.network, some->transfer);
      some->transfer = NULL;
    }
  }
  while (sim_step(t.sim)) t.log[0] = 0;
  for (int i = 0; i < N; i++) assert_null(m[i].transfer);
  town_close(&t);
  free(m);
}

/* Between two cells the way leads over the wan and back: its second hop must not repeat the first of the next key. Over
 * other links hop n draws by key + n, as ever. */
static void same_link_twice(void **state)
{
  (void)state;
  struct town t;
  char why[200];
  town_default(&t);
  assert_true(dist_make(&t.latency[1], "exponential", (double[]){0.1}, 1, why));
  town_open(&t);
  struct endpoint phone = {PHONE, 0}, metro = {METRO, 0}, other = {METRO, 1}, cloud = {CLOUD, 0};
  for (uint64_t key = 0; key < 50; key++) {
    double first = network_latency_s(t.network, metro, cloud, key);
    double next = network_latency_s(t.network, metro, cloud, key + 1);
    double second = network_latency_s(t.network, metro, other, key) - first;
    assert_true(second > 0 && fabs(second - next) > 1e-9 && fabs(second - first) > 1e-9);
    assert_true(fabs(network_latency_s(t.network, phone, cloud, key) - 0.1 - next) < 1e-12);
  }
  town_close(&t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hops_and_costs),
    cmocka_unit_test(two_share_a_rate),
    cmocka_unit_test(who_shares),
    cmocka_unit_test(cells_of_far_transfers),
    cmocka_unit_test(reference_of_one_link),
    cmocka_unit_test(no_time_no_event),
    cmocka_unit_test(cancelling),
    cmocka_unit_test(draws_by_key),
    cmocka_unit_test(mm1),
    cmocka_unit_test(same_link_twice),
    cmocka_unit_test(crowd),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
