/* Members of spread places as vertices, sites, attachment, and routes by the set of what is out: a ring of four cells.
 *
 *   cell 0 -1s- cell 1 -1s- cell 2 -1s- cell 3 -2s- cell 0; the cloud at cell 2 (4 s); servers at cells 1 and 3;
 *   phones attach to the cells by access (0.5 s).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "models/topology.h"
#include <math.h>
#include <string.h>
#include <time.h>

enum { PHONE, CELL, SITE, CLOUD, N_PLACES };
enum { ACCESS, L01, L12, L23, L30, UP, N_LINKS };

struct ring {
  struct place_def place[N_PLACES];
  struct link_def link[N_LINKS];
  struct dist latency[N_LINKS];
  struct spread_def cells, sites;
  uint32_t at[2];
  struct world_def world;
  struct topology *t;
};

static void between(struct ring *m, int k, int a, int32_t a_member, int b, int32_t b_member, double latency_s)
{
  m->latency[k] = dist_constant(latency_s);
  m->link[k] = (struct link_def){.name = "l", .a = a, .b = b, .a_member = a_member, .b_member = b_member,
                                 .latency_s = &m->latency[k], .zones = UINT64_C(1) << (10 + k)};
}

static void ring_open(struct ring *m)
{
  struct err err;
  memset(m, 0, sizeof *m);
  m->at[0] = 1, m->at[1] = 3;
  m->cells = (struct spread_def){.at = NONE};
  m->sites = (struct spread_def){.at = CELL, .at_member = m->at};
  m->place[PHONE] = (struct place_def){.name = "phone", .tier = TIER_DEVICE, .zone = 0, .count = 10};
  m->place[CELL] = (struct place_def){.name = "cell", .kind = PLACE_NODE, .tier = TIER_EDGE, .zone = 1, .count = 4,
                                      .spread = &m->cells};
  m->place[SITE] = (struct place_def){.name = "site", .tier = TIER_EDGE, .zone = 2, .count = 2, .spread = &m->sites};
  m->place[CLOUD] = (struct place_def){.name = "cloud", .tier = TIER_CLOUD, .zone = 3, .count = 1};
  between(m, ACCESS, PHONE, NONE, CELL, NONE, 0.5);
  for (int i = 0; i < 4; i++) between(m, L01 + i, CELL, i, CELL, (i + 1) % 4, i == 3 ? 2 : 1);
  between(m, UP, CELL, 2, CLOUD, NONE, 4);
  m->world = (struct world_def){.n_places = N_PLACES, .place = m->place, .n_links = N_LINKS, .link = m->link};
  err_init(&err);
  m->t = topology_new(&m->world, &err);
  assert_non_null(m->t);
  err_release(&err);
}

static struct endpoint end(int place, uint32_t member) { return (struct endpoint){(uint16_t)place, member}; }

/* Links of a way as text, its seconds after it. */
static void way_is(const struct ring *m, struct endpoint from, struct endpoint to, const char *links, double s)
{
  const struct route *r = route(m->t, from, to, 0);
  char text[64] = "";
  for (int i = 0; i < r->n; i++) text[i] = (char)('0' + r->hop[i].link), text[i + 1] = 0;
  assert_true(r->reachable);
  assert_string_equal(text, links);
  assert_true(fabs(r->latency_mean_s - s) < 1e-9);
}

static void members_are_vertices(void **state)
{
  (void)state;
  struct ring m;
  ring_open(&m);
  way_is(&m, end(CELL, 0), end(CELL, 2), "12", 2);
  way_is(&m, end(CELL, 0), end(CELL, 3), "4", 2);       /* 2 s over one hop, not 3 s over three */
  way_is(&m, end(PHONE, 0), end(CLOUD, 0), "0125", 6.5);
  way_is(&m, end(PHONE, 6), end(CLOUD, 0), "05", 4.5);  /* phone 6 stands at cell 2 */
  way_is(&m, end(CLOUD, 0), end(PHONE, 7), "530", 5.5);
  way_is(&m, end(PHONE, 0), end(PHONE, 5), "010", 2);
  way_is(&m, end(PHONE, 1), end(PHONE, 5), "00", 1);    /* of one cell: there and back */
  way_is(&m, end(PHONE, 5), end(PHONE, 5), "", 0);
  assert_int_equal(route(m.t, end(PHONE, 6), end(CLOUD, 0), 0)->hop[0].member, 2);
  assert_int_equal(topology_vertices(m.t), 4 + 4 + 1);  /* where phones stand, cells, cloud */
  topology_free(m.t);
}

static void sites_share_vertices(void **state)
{
  (void)state;
  struct ring m;
  ring_open(&m);
  way_is(&m, end(CELL, 1), end(SITE, 0), "", 0);
  way_is(&m, end(PHONE, 1), end(SITE, 0), "0", 0.5);
  way_is(&m, end(SITE, 0), end(SITE, 1), "23", 2);
  way_is(&m, end(SITE, 1), end(CLOUD, 0), "35", 5);
  const struct route *r = route(m.t, end(SITE, 1), end(CLOUD, 0), 0);
  assert_true(r->zones == (UINT64_C(1) << (10 + L23) | UINT64_C(1) << (10 + UP) | 1 << 1));
  topology_free(m.t);
}

static void nearest_executes(void **state)
{
  (void)state;
  struct ring m;
  struct endpoint e;
  ring_open(&m);
  assert_true(topology_nearest(m.t, end(PHONE, 0), ~UINT64_C(0), 0, &e) && e.place == SITE && e.member == 0);
  assert_true(topology_nearest(m.t, end(PHONE, 3), ~UINT64_C(0), 0, &e) && e.member == 1);
  assert_true(topology_nearest(m.t, end(PHONE, 3), ~UINT64_C(0), 0, &e) && e.member == 1);      /* as kept */
  assert_false(topology_nearest(m.t, end(PHONE, 0), ~UINT64_C(4), 0, &e));      /* zone 2 is not allowed */
  topology_set_vertex(m.t, topology_vertex(m.t, end(CELL, 1), 0), false, SIM_NEVER);
  assert_true(topology_nearest(m.t, end(PHONE, 0), ~UINT64_C(0), 0, &e) && e.member == 1);
  topology_free(m.t);
}

static void round_what_is_out(void **state)
{
  (void)state;
  struct ring m;
  ring_open(&m);
  topology_set_link(m.t, L01, false, SIM_NEVER);
  way_is(&m, end(PHONE, 0), end(CLOUD, 0), "0435", 7.5);        /* 0.5 + 2 + 1 + 4 */
  way_is(&m, end(PHONE, 0), end(SITE, 0), "0432", 4.5);
  const struct route *intact = route_intact(m.t, end(PHONE, 0), end(SITE, 0), 0);
  assert_true(intact->n == 2 && intact->hop[1].link == L01);
  assert_true(topology_hop_is_out(m.t, intact->hop[1]) && !topology_hop_is_out(m.t, intact->hop[0]));
  topology_set_vertex(m.t, topology_vertex(m.t, end(CELL, 3), 0), false, SIM_NEVER);
  assert_false(route(m.t, end(PHONE, 0), end(CLOUD, 0), 0)->reachable);
  assert_false(route(m.t, end(PHONE, 3), end(CLOUD, 0), 0)->reachable);         /* its cell is out */
  topology_set_link(m.t, L01, true, 0);
  way_is(&m, end(PHONE, 0), end(CLOUD, 0), "0125", 6.5);
  topology_set_vertex(m.t, topology_vertex(m.t, end(CELL, 3), 0), true, 0);
  way_is(&m, end(PHONE, 3), end(CLOUD, 0), "035", 5.5);
  topology_free(m.t);
}

/* k links out one at a time, again and again: k states, and no tree is made twice. */
static void states_are_kept(void **state)
{
  (void)state;
  struct ring m;
  ring_open(&m);
  for (int round = 0; round < 100; round++)
    for (int k = L01; k <= L30; k++) {
      topology_set_link(m.t, k, false, SIM_NEVER);
      for (uint32_t i = 0; i < 10; i++) route(m.t, end(PHONE, i), end(CLOUD, 0), 0);
      topology_set_link(m.t, k, true, 0);
      for (uint32_t i = 0; i < 10; i++) route(m.t, end(PHONE, i), end(CLOUD, 0), 0);
    }
  struct topology_counts c = topology_counts(m.t);
  assert_int_equal(c.changes, 800);
  assert_int_equal(c.states, 4);
  assert_int_equal(c.trees, 5 * 4);                     /* 5 states, from the 4 cells where phones stand */
  /* Of changes at once only the last state is looked at. */
  for (int k = L01; k <= L23; k++) topology_set_link(m.t, k, false, SIM_NEVER);
  assert_false(route(m.t, end(PHONE, 0), end(CLOUD, 0), 0)->reachable);
  assert_int_equal(topology_counts(m.t).states, 5);
  topology_free(m.t);
}

/* More states than are kept: the longest unused goes, the intact one never. */
static void the_oldest_state_goes(void **state)
{
  (void)state;
  struct ring m;
  ring_open(&m);
  for (uint32_t set = 1; set < 16; set++) {
    for (int k = 0; k < 4; k++) topology_set_link(m.t, L01 + k, !(set >> k & 1), SIM_NEVER);
    route(m.t, end(CELL, 0), end(CELL, 2), 0);
  }
  assert_int_equal(topology_counts(m.t).states, 15);
  assert_int_equal(topology_counts(m.t).trees, 15);
  for (int k = 0; k < 4; k++) topology_set_link(m.t, L01 + k, true, 0);
  way_is(&m, end(CELL, 0), end(CELL, 2), "12", 2);
  for (int k = 0; k < 4; k++) topology_set_link(m.t, L01 + k, false, SIM_NEVER);        /* 15: kept */
  route(m.t, end(CELL, 0), end(CELL, 2), 0);
  topology_set_link(m.t, L30, true, 0);                 /* 7: gone long ago */
  route(m.t, end(CELL, 0), end(CELL, 2), 0);
  assert_int_equal(topology_counts(m.t).states, 16);
  topology_free(m.t);
}

enum { MANY = 1100 };
struct tree {
  struct place_def place[2];
  struct spread_def nodes;
  struct link_def link[MANY];
  struct dist second;
  struct world_def world;
};

/* A binary tree of 1100 nodes, phones at all of them: from each to the root as many hops as the node is deep and one, and
 * back; one tree serves all, in each state. */
static void many_ask_for_one(void **state)
{
  (void)state;
  static struct tree m;
  struct err err;
  m.second = dist_constant(1);
  m.nodes = (struct spread_def){.at = NONE};
  m.place[PHONE] = (struct place_def){.name = "phone", .tier = TIER_DEVICE, .count = MANY};
  m.place[CELL] = (struct place_def){.name = "node", .kind = PLACE_NODE, .tier = TIER_EDGE, .count = MANY, .spread = &m.nodes};
  m.link[0] = (struct link_def){.name = "access", .a = PHONE, .b = CELL, .b_member = NONE, .latency_s = &m.second};
  for (int i = 1; i < MANY; i++)
    m.link[i] = (struct link_def){.name = "l", .a = CELL, .b = CELL, .a_member = (i - 1) / 2, .b_member = i, .latency_s = &m.second};
  m.world = (struct world_def){.n_places = 2, .place = m.place, .n_links = MANY, .link = m.link};
  err_init(&err);
  struct topology *t = topology_new(&m.world, &err);
  for (uint32_t i = 0; i < MANY; i++) {
    int depth = (int)log2(i + 1.0);
    const struct route *up = route(t, end(PHONE, i), end(CELL, 0), 0), *down = route(t, end(CELL, 0), end(PHONE, i), 0);
    assert_true(up->n == depth + 1 && down->n == depth + 1 && fabs(up->latency_mean_s - depth - 1) < 1e-9);
    for (int k = 0; k <= depth; k++)
      assert_true(up->hop[k].link == down->hop[depth - k].link && up->hop[k].down != down->hop[depth - k].down);
  }
  assert_int_equal(topology_counts(t).trees, 1);
  topology_set_link(t, 1, false, SIM_NEVER);            /* node 1 with all below it is cut off */
  for (uint32_t i = 0; i < MANY; i++) {
    uint32_t at = i;
    while (at > 2) at = (at - 1) / 2;
    assert_true(route(t, end(PHONE, i), end(CELL, 0), 0)->reachable == (at != 1));
  }
  assert_int_equal(topology_counts(t).trees, 2);
  topology_free(t);
  err_release(&err);
}

static void refused(struct ring *m, const char *says)
{
  struct err err;
  err_init(&err);
  topology_free(m->t);
  assert_null(topology_new(&m->world, &err));
  assert_non_null(strstr(err.problems[0].message, says));
  err_release(&err);
}

static void meshes_are_refused(void **state)
{
  (void)state;
  struct ring m;
  ring_open(&m);
  between(&m, UP, CELL, NONE, SITE, NONE, 1);
  refused(&m, "one member of one of them is needed");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(members_are_vertices), cmocka_unit_test(sites_share_vertices), cmocka_unit_test(nearest_executes),
    cmocka_unit_test(round_what_is_out),    cmocka_unit_test(states_are_kept),      cmocka_unit_test(the_oldest_state_goes),
    cmocka_unit_test(meshes_are_refused),   cmocka_unit_test(many_ask_for_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
