/* Shortest ways, components and centralities against closed forms. */
#include "tests/unit/unit.h"

#include "models/graph.h"

static const int32_t path_from[] = {0, 1, 2, 3}, path_to[] = {1, 2, 3, 4};

/* On a path of n nodes, node i lies between i * (n - 1 - i) pairs. */
static void betweenness_of_a_path(void **state)
{
  (void)state;
  struct graph *g = graph_new(5, 4, path_from, path_to, false);
  double s[5], length[] = {1, 2, 3, 4};
  graph_centrality(g, CENTRALITY_BETWEENNESS, length, s);
  for (int i = 0; i < 5; i++)
    assert_near(s[i], i * (4 - i), 1e-12);
  graph_centrality(g, CENTRALITY_CLOSENESS, length, s);
  assert_near(s[0], 4 / (1. + 3 + 6 + 10), 1e-12);
  assert_near(s[2], 4 / (3. + 2 + 3 + 7), 1e-12);
  graph_centrality(g, CENTRALITY_DEGREE, NULL, s);
  assert_near(s[0] + 10 * s[2], 21, 1e-12);
  assert_near(graph_diameter(g, length), 10, 1e-12);
  assert_near(graph_diameter(g, NULL), 4, 1e-12);
  graph_free(g);
}

/* A star's hub lies between all (n-1)(n-2)/2 pairs; on a ring of odd n each node has (n-1)(n-3)/8. */
static void betweenness_of_star_and_ring(void **state)
{
  (void)state;
  int32_t from[7], to[7];
  double s[8];
  for (int i = 0; i < 7; i++) {
    from[i] = 0;
    to[i] = i + 1;
  }
  struct graph *star = graph_new(8, 7, from, to, false);
  graph_centrality(star, CENTRALITY_BETWEENNESS, NULL, s);
  assert_near(s[0], 21, 1e-12);
  assert_near(s[1], 0, 1e-12);
  graph_free(star);
  for (int i = 0; i < 7; i++) {
    from[i] = i;
    to[i] = (i + 1) % 7;
  }
  struct graph *ring = graph_new(7, 7, from, to, false);
  graph_centrality(ring, CENTRALITY_BETWEENNESS, NULL, s);
  for (int i = 0; i < 7; i++)
    assert_near(s[i], 3, 1e-12);
  graph_free(ring);
}

/* 0 -> 1 -> 2 of 1 each beats 0 -> 2 of 3; an arc of length INFINITY is not there; arcs have directions. */
static void shortest_ways(void **state)
{
  (void)state;
  const int32_t from[] = {0, 1, 0, 3}, to[] = {1, 2, 2, 2};
  double length[] = {1, 1, 3, 1}, distance[4];
  int32_t inbound[4];
  struct graph *g = graph_new(4, 4, from, to, true);
  graph_tree(g, 0, length, inbound, distance);
  assert_int_equal(inbound[2], 1);
  assert_near(distance[2], 2, 1e-15);
  assert_int_equal(inbound[0], GRAPH_NONE);
  assert_int_equal(inbound[3], GRAPH_NONE);
  assert_true(isinf(distance[3]));
  length[1] = INFINITY;
  graph_tree(g, 0, length, inbound, distance);
  assert_int_equal(inbound[2], 2);
  assert_near(distance[2], 3, 1e-15);
  graph_free(g);
}

static void components_and_lone_nodes(void **state)
{
  (void)state;
  int32_t component[6];
  double s[6];
  struct graph *g = graph_new(6, 4, path_from, path_to, true);      /* node 5 alone; arcs one way */
  assert_int_equal(graph_components(g, component), 2);
  assert_int_equal(component[0], component[4]);
  assert_int_not_equal(component[0], component[5]);
  graph_centrality(g, CENTRALITY_CLOSENESS, NULL, s);
  assert_near(s[5], 0, 1e-15);
  graph_free(g);
  g = graph_new(3, 0, NULL, NULL, false);                           /* no arcs at all */
  assert_int_equal(graph_components(g, component), 3);
  graph_centrality(g, CENTRALITY_BETWEENNESS, s, s);
  assert_near(s[0], 0, 1e-15);
  graph_free(g);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(betweenness_of_a_path), cmocka_unit_test(betweenness_of_star_and_ring),
    cmocka_unit_test(shortest_ways), cmocka_unit_test(components_and_lone_nodes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
