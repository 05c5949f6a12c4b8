/* Links that vary by themselves, in use: hand-computed arrivals, and the same network whatever policies do. */
#include "models/link_process.h"
#include "models/network.h"
#include "tests/unit/world_rig.h"

/* One phone and one server, 1 MB/s, no latency; messages by hand. */
struct town {
  struct place_def place[2];
  struct link_def link;
  struct link_process_def process;
  struct world_def world;
  struct sim *sim;
  struct topology *topology;
  struct network *network;
  char log[1024];
};
struct message { struct town *town; char name; double mb; bool down; struct transfer *transfer; uint32_t member; };

static struct town town_of(struct link_process_def process, enum link_share share)
{
  struct town t = {.process = process};
  t.process.sharer = t.process.per = share == SHARED_BY_LINK ? PER_LINK : share == SHARED_BY_CELL ? PER_CELL : PER_DEVICE;
  t.place[0] = (struct place_def){.name = "phone", .tier = TIER_DEVICE, .count = 4};
  t.place[1] = (struct place_def){.name = "site", .tier = TIER_EDGE, .count = 2};
  t.link = (struct link_def){.name = "access", .a = 0, .b = 1, .latency_s = always(0), .up_byte_per_s = 1e6,
                             .down_byte_per_s = 2e6, .shared_by = share, .device_tx_w = 2};
  return t;
}

static void open_town(struct town *t, uint64_t replication)
{
  struct rng_root root = rng_root_make(7, replication);
  struct err err;
  err_init(&err);
  t->link.process = &t->process;
  t->world = (struct world_def){.n_places = 2, .place = t->place, .n_links = 1, .link = &t->link};
  t->sim = sim_new();
  t->topology = topology_new(&t->world, &err);
  assert_non_null(t->topology);
  t->network = network_new(t->sim, &t->world, t->topology, &root, NULL);
  t->log[0] = '\0';
  err_release(&err);
}

static void close_town(struct town *t)
{
  assert_int_equal(network_active(t->network, 0), 0);
  assert_int_equal(sim_pending(t->sim), 0);
  network_free(t->network);
  topology_free(t->topology);
  sim_free(t->sim);
}

static void arrived(struct sim *sim, void *subject)
{
  struct message *m = subject;
  size_t used = strlen(m->town->log);
  snprintf(m->town->log + used, sizeof m->town->log - used, "%s%c%.9g", used ? " " : "", m->name, s_from_ns(sim_now(sim)));
  m->transfer = NULL;
}

static void send_now(struct sim *sim, void *subject)
{
  struct message *m = subject;
  (void)sim;
  struct endpoint phone = {0, m->member}, site = {1, 0};
  m->transfer = network_send(m->town->network, m->down ? site : phone, m->down ? phone : site, m->mb * 1e6,
                             (uint64_t)m->name, (struct transfer_record){0}, arrived, m, NULL);
}

static void at(struct town *t, struct message *m, double at_s)
{
  m->town = t;
  sim_at(t->sim, ns_from_s(at_s), PRIORITY_NORMAL, send_now, m);
}

/* A 10 s body and 2 s of outage in turn, from time 0. */
static struct link_process_def outages(void)
{
  return (struct link_process_def){.outages = {always(10), always(2)}};
}

/* A: half a second before the outage and half a second after. B shares with nobody. C has no bytes and waits all the
 * same. D, down, needs .5 s. */
static void what_is_on_its_way_stands_still(void **state)
{
  (void)state;
  enum link_share shares[] = {SHARED_BY_NONE, SHARED_BY_DEVICE, SHARED_BY_CELL, SHARED_BY_LINK};
  for (int k = 0; k < 4; k++) {
    struct town t = town_of(outages(), shares[k]);
    struct message m[] = {{.name = 'A', .mb = 1}, {.name = 'C', .mb = 0}, {.name = 'D', .mb = 1, .down = true},
                          {.name = 'E', .mb = 1}};
    open_town(&t, 0);
    at(&t, &m[0], 9.5);
    at(&t, &m[1], 11);
    at(&t, &m[2], 23.75);
    at(&t, &m[3], 30);
    sim_run(t.sim, SIM_NEVER);
    assert_string_equal(t.log, "C12 A12.5 D24.5 E31");
    close_town(&t);
  }
}

/* Unlimited links stop as well. */
static void an_unlimited_link_waits(void **state)
{
  (void)state;
  struct town t = town_of(outages(), SHARED_BY_NONE);
  struct message m[] = {{.name = 'A', .mb = 1}, {.name = 'B', .mb = 1}};
  t.link.up_byte_per_s = t.link.down_byte_per_s = 0;
  open_town(&t, 0);
  at(&t, &m[0], 9);
  at(&t, &m[1], 11.25);
  sim_run(t.sim, SIM_NEVER);
  assert_string_equal(t.log, "A9 B12");
  close_town(&t);
}

/* Cut 1 s into the outage: half of it never left. */
static void cut_in_an_outage(void **state)
{
  (void)state;
  struct town t = town_of(outages(), SHARED_BY_DEVICE);
  struct message m = {.name = 'A', .mb = 1};
  open_town(&t, 0);
  at(&t, &m, 9.5);
  sim_run(t.sim, ns_from_s(11));
  struct transfer_rest rest = network_cancel(t.network, m.transfer);
  assert_true(fabs(rest.bytes - 5e5) < 1e-3 && fabs(rest.cost.device_j - 1) < 1e-9);
  sim_run(t.sim, SIM_NEVER);
  close_town(&t);
}

/* Mean 1 MB/s: 1.6, .4, 0 and 2 MB/s for a second each. 2 MB alone: 1.6 + .4 = 2 s; from .5 s: .8 + .4 + 0 + .8 at 2. */
static void a_capacity_trace_carries_it(void **state)
{
  (void)state;
  struct link_trace trace = {.kind = LINK_CAPACITY, .n = 4, .at = (sim_time[]){0, 1000000000, 2000000000, 3000000000},
                             .value = (double[]){1.6e6, .4e6, 0, 2e6}, .length = 4000000000, .mean = 1e6, .median = 1e6};
  struct town t = town_of((struct link_process_def){.capacity = {&trace, &trace}}, SHARED_BY_DEVICE);
  struct message m[] = {{.name = 'A', .mb = 2}, {.name = 'B', .mb = 2, .member = 1}};
  open_town(&t, 0);
  at(&t, &m[0], 0);
  at(&t, &m[1], 4.5);
  sim_run(t.sim, SIM_NEVER);
  assert_string_equal(t.log, "A2 B7.4");
  assert_true(sim_events(t.sim) <= 2 * 3 + 2 + 4);          /* nothing happens while nobody sends */
  close_town(&t);
  struct message pair[] = {{.name = 'A', .mb = 1}, {.name = 'B', .mb = 1}};
  open_town(&t, 0);                                         /* two of one device share: together 2 MB */
  at(&t, &pair[0], 0);
  at(&t, &pair[1], 0);
  sim_run(t.sim, SIM_NEVER);
  assert_string_equal(t.log, "A2 B2");
  close_town(&t);
}

/* Every 10 s a spike of 4 s with peak 4 s: at 11 s there are 3 s left. Both directions wait for its end. */
static void a_spike_delays(void **state)
{
  (void)state;
  struct town t = town_of((struct link_process_def){.spikes = {always(10), NULL, always(4)}}, SHARED_BY_DEVICE);
  struct message m[] = {{.name = 'A', .mb = 0}, {.name = 'B', .mb = 1}, {.name = 'C', .mb = 0, .down = true}};
  open_town(&t, 0);
  at(&t, &m[0], 5);
  at(&t, &m[1], 11);
  at(&t, &m[2], 13);
  sim_run(t.sim, SIM_NEVER);
  assert_string_equal(t.log, "A5 C14 B15");
  close_town(&t);
}

/* Half of the packets of a message of 10 are lost each round: more work, and .2 s a round; 2 W x .1 s for each one that is sent
 * again, beside what was told at the start. */
static void losses_cost_time(void **state)
{
  (void)state;
  struct loss_def loss = {.to_bad = 1, .to_good = 0, .bad = .5, .good = 0, .packet_bytes = 1e5, .retransmit_s = .2};
  struct town t = town_of((struct link_process_def){.loss = &loss}, SHARED_BY_NONE);
  struct message m = {.name = 'A', .mb = 1};
  double sum = 0;
  for (uint64_t replication = 0; replication < 400; replication++) {
    open_town(&t, replication);
    struct rng_root root = rng_root_make(7, replication);
    struct link_process *p = process_new(&t.process, &root, "access", rng_name("phone"));
    struct losses lost = process_losses(p, false, 0, 1e6, 'A');
    assert_true(network_resends(t.network));
    at(&t, &m, 0);
    sim_run(t.sim, SIM_NEVER);
    double took_s = s_from_ns(sim_now(t.sim));
    assert_true(fabs(took_s - (1 + .1 * (double)lost.packets + .2 * lost.rounds)) < 1e-8);
    assert_true(fabs(network_owed(t.network).device_j - .2 * (double)lost.packets) < 1e-9);
    sum += (double)lost.packets;
    process_free(p);
    close_town(&t);
  }
  assert_true(fabs(sum / 400 - 10) < 4.9 * sqrt(20. / 400));  /* geometric: mean 1, variance 2 a packet */
}

/* ---- whatever policies do ---------------------------------------------------------------------------------------- */

static struct rate_process_def rate = {.sigma = 1, .correlation = .8, .step_s = 1, .idle = .1};
static struct loss_def some_loss = {.to_bad = .01, .to_good = .2, .bad = .5, .good = .001, .packet_bytes = 1500,
                                    .retransmit_s = .05, .packet_s = {.0015, .0015}};
static struct link_process_def lively(void)
{
  return (struct link_process_def){.spikes = {drawn("exponential", 20, NAN), NULL, drawn("lognormal", .3, .4)},
                                   .outages = {drawn("exponential", 60, NAN), drawn("exponential", 3, NAN)},
                                   .rate = &rate, .loss = &some_loss, .offset_s = -1};
}

static struct rig *choosing(struct link_process_def *process, const char *policy)
{
  struct rig *r = rig_new();
  r->place[0].count = 30;
  r->place[1].servers = 1000;
  r->task[0].n_plans = 2;
  r->plan[0][1] = plan_at(1);
  r->work[0][0].time_s = drawn("exponential", .1, NAN);
  r->klass[0].arrivals.interarrival_s = drawn("exponential", .5, NAN);
  r->klass[0].input_bytes = amount(1e5);
  r->link[0].up_byte_per_s = r->link[0].down_byte_per_s = 1e6;
  r->link[0].latency_s = drawn("lognormal", .01, .5);
  r->link[0].process = process;
  r->policy = (struct policy_def){.name = policy, .policy = policy, .at_place = NONE};
  r->def.horizon.duration_s = 600;
  rig_run(r);
  return r;
}

/* Nobody shares: what a request finds on its way depends on its device and the time alone. */
static void two_policies_meet_one_network(void **state)
{
  (void)state;
  struct link_process_def process = lively();
  struct rig *all = choosing(&process, "always_edge"), *some = choosing(&process, "random");
  int both = 0, local = 0;
  for (int i = 0; i < some->kept->attempts; i++) {
    const struct attempt_record *a = &some->kept->attempt[i], *b = NULL;
    local += a->place == 0;
    for (int k = 0; k < all->kept->attempts && !b; k++)
      if (all->kept->attempt[k].request == a->request) b = &all->kept->attempt[k];
    if (a->place != 1 || !b) continue;
    both++;
    assert_int_equal(a->phase_ns[PHASE_UPLINK], b->phase_ns[PHASE_UPLINK]);
    assert_int_equal(a->phase_ns[PHASE_DOWNLINK], b->phase_ns[PHASE_DOWNLINK]);
  }
  assert_true(both > 300 && local > 300);
  rig_free(some);
  process.rate = NULL;                                      /* planted: another network is seen */
  struct rig *other = choosing(&process, "always_edge");
  int differ = 0;
  for (int i = 0; i < all->kept->attempts && i < other->kept->attempts; i++)
    differ += all->kept->attempt[i].ended_ns != other->kept->attempt[i].ended_ns;
  assert_true(differ > 300);
  rig_free(other);
  rig_free(all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_on_its_way_stands_still), cmocka_unit_test(an_unlimited_link_waits),
    cmocka_unit_test(cut_in_an_outage), cmocka_unit_test(a_capacity_trace_carries_it), cmocka_unit_test(a_spike_delays),
    cmocka_unit_test(losses_cost_time), cmocka_unit_test(two_policies_meet_one_network),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
