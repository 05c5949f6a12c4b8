/* Routes and attachment on small maps, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "models/network.h"
#include <math.h>
#include <string.h>

enum { MOST = MAX_HOPS + 2 };
struct map {
  struct place_def place[MOST];
  struct link_def link[MOST];
  struct dist latency[MOST];
  struct world_def world;
  struct topology *t;
};

static void map_init(struct map *m)
{
  memset(m, 0, sizeof *m);
  m->world.place = m->place;
  m->world.link = m->link;
}

static int place(struct map *m, enum tier tier, uint64_t count)
{
  int i = m->world.n_places++;
  m->place[i] = (struct place_def){.name = "p", .tier = tier, .zone = i % 40, .count = count};
  return i;
}

static int between(struct map *m, int a, int b, double latency_s)
{
  int i = m->world.n_links++;
  m->latency[i] = dist_constant(latency_s);
  m->link[i] =
    (struct link_def){.name = "l", .a = a, .b = b, .latency_s = &m->latency[i], .zones = UINT64_C(1) << (40 + i % 20)};
  return i;
}

static void map_open(struct map *m)
{
  struct err err;
  err_init(&err);
  m->t = topology_new(&m->world, &err);
  assert_non_null(m->t);
  err_release(&err);
}

static const struct route *way(struct map *m, int from, uint32_t from_member, int to, uint32_t to_member)
{
  return route(m->t, (struct endpoint){(uint16_t)from, from_member}, (struct endpoint){(uint16_t)to, to_member}, 0);
}

static void hops_are(const struct route *r, int n, const struct hop *hop)
{
  assert_true(r->reachable);
  assert_int_equal(r->n, n);
  for (int i = 0; i < n; i++) assert_true(r->hop[i].link == hop[i].link && r->hop[i].down == hop[i].down);
}

static void shortest(void **state)
{
  (void)state;
  struct map m;
  map_init(&m);
  int phone = place(&m, TIER_DEVICE, 10), metro = place(&m, TIER_EDGE, 4), cloud = place(&m, TIER_CLOUD, 1),
      island = place(&m, TIER_CLOUD, 1);
  int slow = between(&m, cloud, phone, 0.1), access = between(&m, phone, metro, 0.02),
      wan = between(&m, cloud, metro, 0.03);
  map_open(&m);
  hops_are(way(&m, phone, 3, cloud, 0), 2, (struct hop[]){{.link = (uint16_t)access, .down = false}, {.link = (uint16_t)wan, .down = true}});
  hops_are(way(&m, cloud, 0, phone, 3), 2, (struct hop[]){{.link = (uint16_t)wan, .down = false}, {.link = (uint16_t)access, .down = true}});
  assert_true(fabs(way(&m, phone, 3, cloud, 0)->latency_mean_s - 0.05) < 1e-12);
  assert_true(way(&m, phone, 3, cloud, 0)->zones ==
              (UINT64_C(1) << (40 + access) | UINT64_C(1) << (40 + wan) | UINT64_C(1) << metro));
  assert_false(way(&m, phone, 0, island, 0)->reachable);
  hops_are(way(&m, phone, 3, phone, 3), 0, NULL);
  (void)slow;
  topology_free(m.t);
}

static void equal_ways_take_fewer_hops(void **state)
{
  (void)state;
  struct map m;
  map_init(&m);
  int a = place(&m, TIER_EDGE, 1), b = place(&m, TIER_EDGE, 1), c = place(&m, TIER_EDGE, 1);
  between(&m, a, b, 0.5), between(&m, b, c, 0.5);
  int direct = between(&m, a, c, 1);
  map_open(&m);
  hops_are(way(&m, a, 0, c, 0), 1, (struct hop[]){{.link = (uint16_t)direct, .down = false}});
  topology_free(m.t);
}

static void devices_do_not_relay(void **state)
{
  (void)state;
  struct map m;
  map_init(&m);
  int metro = place(&m, TIER_EDGE, 1), phone = place(&m, TIER_DEVICE, 10), cloud = place(&m, TIER_CLOUD, 1);
  between(&m, phone, metro, 0.001), between(&m, phone, cloud, 0.001);
  int wan = between(&m, metro, cloud, 1);
  map_open(&m);
  hops_are(way(&m, metro, 0, cloud, 0), 1, (struct hop[]){{.link = (uint16_t)wan, .down = false}});
  topology_free(m.t);
}

static void members_of_one_place(void **state)
{
  (void)state;
  struct map m;
  map_init(&m);
  int phone = place(&m, TIER_DEVICE, 10), metro = place(&m, TIER_EDGE, 4), cloud = place(&m, TIER_CLOUD, 2);
  int access = between(&m, phone, metro, 0.01), wan = between(&m, metro, cloud, 0.02),
      inside = between(&m, cloud, cloud, 0.001);
  map_open(&m);
  hops_are(way(&m, phone, 1, phone, 2), 2, (struct hop[]){{.link = (uint16_t)access, .down = false}, {.link = (uint16_t)access, .down = true}});
  hops_are(way(&m, metro, 1, metro, 2), 2, (struct hop[]){{.link = (uint16_t)wan, .down = false}, {.link = (uint16_t)wan, .down = true}});
  hops_are(way(&m, cloud, 0, cloud, 1), 1, (struct hop[]){{.link = (uint16_t)inside, .down = false}});
  assert_true(way(&m, phone, 1, phone, 2)->zones == (UINT64_C(1) << 40 | UINT64_C(1) << metro));
  topology_free(m.t);
}

static void at_most_so_many_hops(void **state)
{
  (void)state;
  struct map m;
  map_init(&m);
  for (int i = 0; i < MAX_HOPS + 2; i++) place(&m, TIER_EDGE, 1);
  for (int i = 0; i < MAX_HOPS + 1; i++) between(&m, i, i + 1, 0.01);
  map_open(&m);
  assert_int_equal(way(&m, 0, 0, MAX_HOPS, 0)->n, MAX_HOPS);
  assert_false(way(&m, 0, 0, MAX_HOPS + 1, 0)->reachable);
  topology_free(m.t);
}

static void attached(void **state)
{
  (void)state;
  struct map m;
  map_init(&m);
  int phone = place(&m, TIER_DEVICE, 10), cloud = place(&m, TIER_CLOUD, 1), metro = place(&m, TIER_EDGE, 4);
  int watch = place(&m, TIER_DEVICE, 3), alone = place(&m, TIER_DEVICE, 1);
  between(&m, phone, cloud, 0.1), between(&m, metro, phone, 0.1), between(&m, watch, cloud, 0.1);
  map_open(&m);
  struct endpoint e = attachment(m.t, (struct endpoint){(uint16_t)phone, 7}, 0);
  assert_true(e.place == metro && e.member == 3);
  e = attachment(m.t, (struct endpoint){(uint16_t)watch, 2}, 0);
  assert_true(e.place == cloud && e.member == 0);
  e = attachment(m.t, (struct endpoint){(uint16_t)alone, 0}, 0);
  assert_true(e.place == alone && e.member == 0);
  topology_free(m.t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(shortest), cmocka_unit_test(equal_ways_take_fewer_hops), cmocka_unit_test(devices_do_not_relay),
    cmocka_unit_test(members_of_one_place), cmocka_unit_test(at_most_so_many_hops), cmocka_unit_test(attached),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
