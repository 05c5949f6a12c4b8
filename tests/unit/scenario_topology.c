/* Topologies in scenario files: what places, links and sites come of them, against matrices, great circles, and graphs whose
 * centralities are known. */
#include "tests/unit/unit.h"

#include "models/topology.h"
#include "scenarios/scenario.h"
#include <unistd.h>

#define HEAD "horizon: {duration: 1 min}\ntopologies:\n"
#define PLACES "places:\n  - {name: phone, tier: device, count: 10}\n"
#define REST "classes:\n  - {name: work, from: phone, arrivals: {poisson: {rate: 1 /s}},\n" \
  "     pipeline: [{task: t, work: {time: 10 ms}, places: origin}]}\npolicies: always_local\n"

#define ZOO "<graphml><key id='k' for='edge' attr.name='km'/><key id='g' for='edge' attr.name='speed'><default>10</default></key>" \
  "<key id='x' for='node' attr.name='lon'/><key id='y' for='node' attr.name='lat'/>\n<graph edgedefault='undirected'>" \
  "<node id='a b'><data key='x'>0</data><data key='y'>0</data></node><node id='c'><data key='x'>90</data><data key='y'>0</data>" \
  "</node><node id='d'><data key='x'>90</data><data key='y'>0</data></node>\n" \
  "<edge source='a b' target='c'><data key='k'>100</data><data key='g'>40</data></edge>" \
  "<edge source='c' target='a b'><data key='k'>300</data></edge><edge source='c' target='d'><data key='k'>0</data></edge>" \
  "</graph></graphml>"

static void write_file(const char *path, const char *text)
{
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static struct scenario *load(const char *text)
{
  char folder[] = "/tmp/topology_XXXXXX", path[64], zoo[64];
  struct err err;
  err_init(&err);
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/s.yaml", folder);
  snprintf(zoo, sizeof zoo, "%s/zoo.graphml", folder);
  write_file(path, text);
  write_file(zoo, ZOO);
  struct scenario *s = scenario_load(path, NULL, 0, &err);
  if (!s) fail_msg("%s", err.problems[0].message);
  err_release(&err);
  unlink(path);
  unlink(zoo);
  rmdir(folder);
  return s;
}

static const struct link_def *link_named(const struct scenario *s, const char *name)
{
  for (int k = 0; k < s->world.n_links; k++)
    if (!strcmp(s->world.link[k].name, name)) return &s->world.link[k];
  fail_msg("no link %s", name);
  return NULL;
}

static const struct place_def *place_named(const struct scenario *s, const char *name)
{
  for (int i = 0; i < s->world.n_places; i++)
    if (!strcmp(s->world.place[i].name, name)) return &s->world.place[i];
  fail_msg("no place %s", name);
  return NULL;
}

/* Of the published matrix: Frankfurt to London 13 and 13 ms, Dallas to Madrid 119 and 122 ms. Regions are all joined. */
static void regions_by_matrix(void **state)
{
  (void)state;
  struct scenario *s = load(HEAD "  - {name: wan, regions: {preset: ibm_2024}}\n" PLACES REST);
  assert_int_equal(s->world.n_links, 45);
  assert_near(dist_mean(link_named(s, "wan.frankfurt-london")->latency_s), 6.5e-3, 1e-12);
  assert_near(dist_mean(link_named(s, "wan.dallas-madrid")->latency_s), 241e-3 / 4, 1e-12);
  const struct place_def *p = place_named(s, "wan.region");
  assert_int_equal(p->kind, PLACE_NODE);
  assert_int_equal(p->count, 10);
  assert_string_equal(p->spread->label[3], "frankfurt");
  scenario_free(s);
}

/* Pole to equator is a quarter of a great circle, 10,007.557 km of a sphere of 6371.0088 km: at 0.02 ms a kilometre and 2 ms
 * beside, a round trip of 202.15114 ms. The link's own latency comes to it. */
static void regions_by_distance(void **state)
{
  (void)state;
  struct scenario *s = load(HEAD "  - {name: w, link: {latency: 1 ms}, regions: {names: [pole, equator, other], latitude: [90, 0, 0],"
    " longitude: [0, 33, -147], rtt_per_km: 0.02 ms, access: 2 ms}}\n" PLACES REST);
  assert_near(dist_mean(link_named(s, "w.pole-equator")->latency_s), 202.151143e-3 / 2 + 1e-3, 1e-8);
  assert_near(dist_mean(link_named(s, "w.equator-other")->latency_s), (400.302287e-3 + 2e-3) / 2 + 1e-3, 1e-8);
  scenario_free(s);
}

/* Cells on a lattice of 1 km around one hub: 5 us a kilometre and 10 us a hop; the ring of six is 1 km away. */
static void metro_latencies(void **state)
{
  (void)state;
  struct scenario *s = load(HEAD "  - {name: m, link: {latency: 10 us, rate: 1 Gbit/s}, metro: {spacing: 1 km, levels:"
    " [{name: cell, count: 7, link: {rate: 8 Mbit/s}}, {name: hub, count: 1}]}}\n" PLACES
    "links:\n  - {name: access, between: [phone, m.cell], latency: 3 ms}\n" REST);
  assert_int_equal(s->world.n_links, 8);
  const struct link_def *l = link_named(s, "m.cell.4-hub.0");
  assert_near(dist_mean(l->latency_s), 15e-6, 1e-12);
  assert_near(l->up_byte_per_s, 1e6, 1e-12);
  assert_int_equal(l->shared_by, SHARED_BY_LINK);
  assert_int_equal(l->a_member, 4);
  struct err err;
  err_init(&err);
  struct topology *t = topology_new(&s->world, &err);
  /* Phone 4 stands at cell 4, phone 8 at cell 1: two hops through the hub, and the access of both. */
  struct endpoint four = {.place = 0, .member = 4}, one = {.place = 0, .member = 8};
  const struct route *r = route(t, four, one, 0);
  assert_true(r->reachable);
  assert_near(r->latency_mean_s, 2 * 3e-3 + 2 * 15e-6, 1e-9);
  topology_free(t);
  err_release(&err);
  scenario_free(s);
}

#define PATH_GRAPH "horizon: {duration: 1 min}\ntopologies:\n  - name: p\n    regions: {names: [a, b, c, d, e], rtt: [" \
  "0 ms, 2 ms, 90 ms, 90 ms, 90 ms,  2 ms, 0 ms, 2 ms, 90 ms, 90 ms,  90 ms, 2 ms, 0 ms, 2 ms, 90 ms, " \
  "90 ms, 90 ms, 2 ms, 0 ms, 40 ms,  90 ms, 90 ms, 90 ms, 40 ms, 0 ms]}\n"

/* By latency a - b - c - d - e is a path: betweenness 0, 3, 4, 3, 0. Closeness: distances 1, 1, 1, 20 ms, so b is nearest to
 * all (1 + 1 + 2 + 22 = 26; c: 2 + 1 + 1 + 21 = 25; d: 3 + 2 + 1 + 20 = 26; a: 29): c, then b and d. Of equals the first. */
static void sites_by_centrality(void **state)
{
  (void)state;
  struct scenario *s = load(PATH_GRAPH "places:\n  - {name: phone, tier: device}\n"
    "  - {name: x, tier: edge, count: 3, sited: {topology: p, by: betweenness}}\n"
    "  - {name: y, tier: edge, count: 3, sited: {topology: p, by: closeness}}\n"
    "  - {name: z, tier: edge, count: 2, sited: {topology: p, at: [e, b]}}\n"
    "  - {name: r, tier: edge, count: 5, sited: {topology: p, by: random}}\n" REST);
  const uint32_t *x = place_named(s, "x")->spread->at_member, *y = place_named(s, "y")->spread->at_member;
  const uint32_t *z = place_named(s, "z")->spread->at_member, *r = place_named(s, "r")->spread->at_member;
  assert_int_equal(x[0], 2);
  assert_int_equal(x[1], 1);
  assert_int_equal(x[2], 3);
  assert_int_equal(y[0], 2);
  assert_int_equal(y[1], 1);
  assert_int_equal(z[0], 4);
  assert_int_equal(z[1], 1);
  uint32_t seen = 0;
  for (int i = 0; i < 5; i++) seen |= 1u << r[i];
  assert_int_equal(seen, 31);
  scenario_free(s);
}

/* No hop and no time between a site and its node; `nearest` is the site with the least latency. */
static void nearest_site(void **state)
{
  (void)state;
  struct scenario *s = load(PATH_GRAPH "places:\n  - {name: phone, tier: device, count: 5}\n"
    "  - {name: site, tier: edge, count: 2, sited: {topology: p, at: [a, e]}}\n"
    "links:\n  - {name: access, between: [phone, p.region], latency: 3 ms}\n" REST);
  struct err err;
  err_init(&err);
  struct topology *t = topology_new(&s->world, &err);
  const double way_ms[] = {3, 4, 5, 6, 3};              /* d is 3 ms from a, 20 ms from e */
  for (uint32_t phone = 0; phone < 5; phone++) {
    struct endpoint device = {.place = 0, .member = phone}, site;
    assert_true(topology_nearest(t, device, ~UINT64_C(0), 0, &site));
    assert_int_equal(site.place, 1);
    assert_int_equal(site.member, phone == 4);
    assert_near(route(t, device, site, 0)->latency_mean_s, 1e-3 * way_ms[phone], 1e-6);
  }
  topology_free(t);
  err_release(&err);
  scenario_free(s);
}

/* The same file gives the same network whatever the scenario's seed; the topology's own seed another. */
static void seeds(void **state)
{
  (void)state;
  const char *text = "seed: %d\n" HEAD "  - {name: g, seed: %d, disconnected: largest, geometric: {nodes: 60, side: 1 km, "
                     "radius: 150 m}}\n" PLACES REST;
  char buffer[1000];
  double x[3];
  const int of[3][2] = {{1, 1}, {2, 1}, {1, 2}};
  for (int i = 0; i < 3; i++) {
    snprintf(buffer, sizeof buffer, text, of[i][0], of[i][1]);
    struct scenario *s = load(buffer);
    x[i] = place_named(s, "g.node")->spread->x_m[0];
    assert_int_equal(s->topology[0].n_parts, 1);
    assert_int_equal(place_named(s, "g.node")->count, s->topology[0].n_nodes);
    scenario_free(s);
  }
  assert_true(x[0] == x[1] && x[0] != x[2]);
}

/* 100 and 300 km at 10 us a kilometre; the second of two links between the same nodes has a number. The file's own rate,
 * or its default. */
static void graphml_by_distance(void **state)
{
  (void)state;
  struct scenario *s = load(HEAD "  - {name: z, per_km: 10 us, graphml: {file: zoo.graphml, distance: {attribute: km, unit: km}, "
    "rate: {attribute: speed, unit: Gbit/s}}}\n" PLACES REST);
  assert_int_equal(s->world.n_links, 3);
  assert_near(dist_mean(link_named(s, "z.a-b-c")->latency_s), 1e-3, 1e-12);
  assert_near(link_named(s, "z.a-b-c")->up_byte_per_s, 5e9, 1e-12);
  assert_near(dist_mean(link_named(s, "z.c-a-b.2")->latency_s), 3e-3, 1e-12);
  assert_near(link_named(s, "z.c-a-b.2")->down_byte_per_s, 1.25e9, 1e-12);
  assert_near(dist_mean(link_named(s, "z.c-d")->latency_s), 0, 1e-12);
  assert_int_equal(s->n_files, 1);                      /* its bytes belong to the identity of a run */
  scenario_free(s);
}

/* A quarter of the equator: 10,007.557 km. */
static void graphml_by_positions(void **state)
{
  (void)state;
  struct scenario *s = load(HEAD "  - {name: z, graphml: {file: zoo.graphml, by_positions: true, position: {x: lon, y: lat, "
    "unit: degrees}}}\n" PLACES REST);
  assert_near(dist_mean(link_named(s, "z.a-b-c")->latency_s), 10007.557 * 5e-6, 1e-7);
  const struct spread_def *spread = place_named(s, "z.node")->spread;
  assert_near(spread->x_m[1] - spread->x_m[0], 10007557, 1e-6);
  assert_string_equal(spread->label[0], "a-b");
  scenario_free(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(regions_by_matrix), cmocka_unit_test(regions_by_distance), cmocka_unit_test(metro_latencies),
    cmocka_unit_test(sites_by_centrality), cmocka_unit_test(nearest_site), cmocka_unit_test(seeds),
    cmocka_unit_test(graphml_by_distance), cmocka_unit_test(graphml_by_positions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
