/* bench_route.c: what routes cost (models/topology.c).
 *
 * A network of n nodes, each joined to two that came before it (about 2 n links, 1 to 2 ms), of which 4 links are out
 * one after the other. route_ns: a way from one of 16 nodes to any other, once all have been asked for in each state: the
 * same whatever n, but for the memory that it touches. route_tree_us: a state that is new and one way in it: Dijkstra,
 * which may grow like n log n.
 */
#include "experiments/bench.h"
#include "models/topology.h"
#include "sim/check.h"
#include "sim/rng.h"
#include <stdlib.h>

enum { SOURCES = 16, STATES = 4, ROUNDS = 8, REPETITIONS = 3 };

struct net {
  struct place_def place;
  struct spread_def nodes;
  struct link_def *link;
  struct dist *latency;
  struct world_def world;
  struct topology *t;
};

static void net_open(struct net *net, uint32_t n)
{
  struct rng_root root = rng_root_make(1, 0);
  struct rng rng = rng_open(&root, 1, n, 0);
  struct err err;
  *net = (struct net){.nodes = {.at = NONE}};
  net->place = (struct place_def){.name = "net", .kind = PLACE_NODE, .tier = TIER_EDGE, .count = n, .spread = &net->nodes};
  net->link = calloc(2 * (size_t)n, sizeof *net->link);
  net->latency = calloc(2 * (size_t)n, sizeof *net->latency);
  if (!net->link || !net->latency) check_out_of_memory(2 * n * sizeof *net->link);
  for (uint32_t k = 0; k < 2 * (n - 1); k++) {
    uint32_t node = k / 2 + 1;
    net->latency[k] = dist_constant(1e-3 * (1 + rng_uniform(&rng)));
    net->link[k] = (struct link_def){.name = "link", .a_member = (int32_t)node, .b_member = (int32_t)rng_below(&rng, node),
                                     .latency_s = &net->latency[k], .on_outage = OUTAGE_REROUTES};
  }
  net->world = (struct world_def){.n_places = 1, .place = &net->place, .n_links = (int)(2 * (n - 1)), .link = net->link};
  err_init(&err);
  net->t = topology_new(&net->world, &err);
  sim_assert(net->t);
  err_release(&err);
}

static void net_close(struct net *net)
{
  topology_free(net->t);
  free(net->link);
  free(net->latency);
}

static struct endpoint node(uint64_t i) { return (struct endpoint){0, (uint32_t)i}; }

/* One way each from the sources to all; state by state. Returns hops, so that nothing is left out. */
static uint64_t ask_all(struct net *net, uint32_t n, double *ns)
{
  uint64_t hops = 0;
  for (int k = 0; k < STATES; k++) {
    topology_set_link(net->t, 2 * k, false, SIM_NEVER);
    hops += route(net->t, node(0), node(1), 0)->n;
    double before = cpu_time_ns();
    for (uint32_t to = 0; to < n; to++)
      for (uint64_t from = 0; from < SOURCES; from++) hops += route(net->t, node(from * n / SOURCES), node(to), 0)->n;
    *ns += cpu_time_ns() - before;
    topology_set_link(net->t, 2 * k, true, 0);
  }
  return hops;
}

static double route_once(void *subject)
{
  uint32_t n = *(uint32_t *)subject;
  struct net net;
  double first = 0, again = 0;
  int rounds = n < 1000 ? ROUNDS * 10 : n < 10000 ? ROUNDS : 1;
  net_open(&net, n);
  uint64_t hops = ask_all(&net, n, &first);
  for (int i = 0; i < rounds; i++) sim_assert(ask_all(&net, n, &again) == hops);
  sim_assert(topology_counts(net.t).states == STATES);
  net_close(&net);
  return again / ((double)rounds * STATES * SOURCES * n);
}

/* More states than are kept, each with another link out: all are new. */
static double tree_once(void *subject)
{
  uint32_t n = *(uint32_t *)subject, states = n < 1000 ? 1000 : n < 10000 ? 100 : 20;
  struct net net;
  net_open(&net, n);
  double before = cpu_time_ns();
  for (uint32_t k = 0; k < states; k++) {
    int link = (int)(k % (2 * (n - 1)));
    topology_set_link(net.t, link, false, SIM_NEVER);
    sim_assert(route(net.t, node(0), node(n - 1), 0)->reachable);
    topology_set_link(net.t, link, true, 0);
  }
  double us = (cpu_time_ns() - before) / 1e3 / states;
  net_close(&net);
  return us;
}

static double measured(double (*once)(void *), uint32_t n) { return bench_median(REPETITIONS, once, &n); }

double bench_route_100(void) { return measured(route_once, 100); }
double bench_route_1000(void) { return measured(route_once, 1000); }
double bench_route_10000(void) { return measured(route_once, 10000); }
double bench_route_tree_100(void) { return measured(tree_once, 100); }
double bench_route_tree_1000(void) { return measured(tree_once, 1000); }
double bench_route_tree_10000(void) { return measured(tree_once, 10000); }
