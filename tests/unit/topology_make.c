/* Generated networks against the laws of their kinds.
 *
 * Statistical tests use fixed seeds; each bound is stated with the chance at which a right program would miss it with
 * other seeds. */
#include "tests/unit/unit.h"

#include "models/graph.h"
#include "models/topology_make.h"
#include "sim/rng.h"

static int components_of(const struct layout *l)
{
  int32_t *from = malloc(sizeof *from * ((size_t)l->n_edges + 1)), *to = malloc(sizeof *to * ((size_t)l->n_edges + 1));
  int32_t *part = malloc(sizeof *part * (size_t)l->n_nodes);
  for (int k = 0; k < l->n_edges; k++) {
    from[k] = l->edge[k].a;
    to[k] = l->edge[k].b;
  }
  struct graph *g = graph_new(l->n_nodes, l->n_edges, from, to, false);
  int n = graph_components(g, part);
  graph_free(g);
  free(from);
  free(to);
  free(part);
  return n;
}

/* Mean number of lines: pairs x (pi r^2 - 8/3 r^3 + r^4/2). 40 networks of 200 nodes, r = 0.1: 573.1 lines. Variance of
 * one: 557 of the pairs by themselves, and less than 200^3 x 1.6e-5 = 128 from nodes at the border with fewer neighbours
 * (the share within reach is 0.0314 inside, half of it at a side): 5 deviations of the mean of 40 are 21, missed less than
 * once in a million. */
static void geometric_lines(void **state)
{
  (void)state;
  double r = 0.1, p = M_PI * r * r - 8. / 3 * pow(r, 3) + pow(r, 4) / 2, sum = 0;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    struct arena *a = arena_new();
    struct layout l = layout_geometric(a, (struct layout_seed){seed, "g"}, 200, 1000, 100);
    int brute = 0;
    for (int i = 0; i < 200; i++)
      for (int k = i + 1; k < 200; k++) brute += hypot(l.x_m[i] - l.x_m[k], l.y_m[i] - l.y_m[k]) <= 100;
    assert_int_equal(l.n_edges, brute);
    sum += l.n_edges;
    arena_free(a);
  }
  assert_true(fabs(p - 0.028799) < 1e-5);
  assert_true(fabs(sum / 40 - 199 * 100 * p) < 21);
}

/* Penrose 1997: with n pi r^2 = ln n + c the network hangs together with probability exp(-exp(-c)) for large n; border
 * nodes make it less for finite n. c = -2: 0.0006; c = 12 (borders have ln n + c over 2 at the sides): isolated nodes at
 * the sides are 4 x sqrt(n) x exp(-9.5) / .. < 0.01. Of 40 networks, at most 2 and at least 37. */
static void geometric_connectivity(void **state)
{
  (void)state;
  const double c[] = {-2, 12};
  int whole[2] = {0};
  for (uint64_t seed = 1; seed <= 40; seed++)
    for (int i = 0; i < 2; i++) {
      struct arena *a = arena_new();
      double radius = sqrt((log(1000) + c[i]) / (1000 * M_PI));
      struct layout l = layout_geometric(a, (struct layout_seed){seed, "c"}, 1000, 1, radius);
      whole[i] += components_of(&l) == 1;
      arena_free(a);
    }
  assert_true(whole[0] <= 2);
  assert_true(whole[1] >= 37);
}

/* Shares of degrees 2 m (m + 1) / (k (k + 1) (k + 2)) for m = 2: k = 2: 0.5, 3: 0.2, 4: 0.1. 20 networks of 2000 nodes: the
 * deviation of a share from counts alone is below 0.0025 (40,000 nodes); finite size moves it by less than 5/2000; four
 * deviations and that: 0.0125. */
static void barabasi_albert_degrees(void **state)
{
  (void)state;
  double share[5] = {0};
  int degree[2000], largest = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct arena *a = arena_new();
    struct layout l = layout_barabasi_albert(a, (struct layout_seed){seed, "ba"}, 2000, 2, 1000);
    assert_int_equal(l.n_edges, 3 + 2 * (2000 - 3));
    assert_int_equal(components_of(&l), 1);
    memset(degree, 0, sizeof degree);
    for (int k = 0; k < l.n_edges; k++) {
      assert_true(l.edge[k].a < l.edge[k].b);
      degree[l.edge[k].a]++;
      degree[l.edge[k].b]++;
    }
    for (int i = 0; i < 2000; i++) {
      assert_true(degree[i] >= 2);
      if (degree[i] < 5) share[degree[i]] += 1. / 40000;
      if (degree[i] > largest) largest = degree[i];
    }
    arena_free(a);
  }
  for (int k = 2; k < 5; k++) assert_true(fabs(share[k] - 12. / (k * (k + 1) * (k + 2))) < 0.0125);
  assert_true(largest > 60);                            /* grows as m sqrt(n) = 89; a random graph of mean 4 has < 20 */
}

/* No line twice, none from a node to itself. */
static void lines_are_simple(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct layout l = layout_barabasi_albert(a, (struct layout_seed){7, "s"}, 300, 4, 1);
  bool *seen = calloc(300 * 300, sizeof *seen);
  for (int k = 0; k < l.n_edges; k++) {
    bool *there = &seen[l.edge[k].a * 300 + l.edge[k].b];
    assert_int_not_equal(l.edge[k].a, l.edge[k].b);
    assert_false(*there);
    *there = true;
  }
  free(seen);
  arena_free(a);
}

/* 19 cells are the middle and two whole rings: the 6 of the first one step away, of the second 6 two steps and 6 sqrt(3). */
static void hexagons(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  const struct layout_level level[] = {{19, 1}, {1, 1}};
  struct layout l = layout_metro(a, (struct layout_seed){1, "h"}, 2, level, CELLS_HEXAGONAL, 500);
  int near = 0, far = 0, corner = 0;
  for (int i = 1; i < 19; i++) {
    double d = hypot(l.x_m[i], l.y_m[i]) / 500;
    near += fabs(d - 1) < 1e-9;
    far += fabs(d - 2) < 1e-9;
    corner += fabs(d - sqrt(3)) < 1e-9;
    for (int k = 0; k < i; k++) assert_true(hypot(l.x_m[i] - l.x_m[k], l.y_m[i] - l.y_m[k]) > 499.999);
  }
  assert_int_equal(near, 6);
  assert_int_equal(far, 6);
  assert_int_equal(corner, 6);
  assert_true(hypot(l.x_m[19], l.y_m[19]) < 1e-6);      /* one site above stands in the middle */
  arena_free(a);
}

/* Every site is at home at the nearest ones above; all hangs together; lines = cells + 2 x aggregation + core pairs. */
static void hierarchy(void **state)
{
  (void)state;
  const struct layout_level level[] = {{200, 1}, {20, 2}, {3, 1}};
  for (enum layout_cells cells = CELLS_HEXAGONAL; cells <= CELLS_POISSON; cells++) {
    struct arena *a = arena_new();
    struct layout l = layout_metro(a, (struct layout_seed){1, "m"}, 3, level, cells, 500);
    assert_int_equal(l.n_nodes, 223);
    assert_int_equal(l.n_edges, 200 + 40 + 3);
    assert_int_equal(components_of(&l), 1);
    for (int k = 0; k < 200; k++) {
      const struct layout_edge *e = &l.edge[k];
      assert_int_equal(e->level, 0);
      for (int c = 200; c < 220; c++)
        assert_true(e->length_m <= hypot(l.x_m[e->a] - l.x_m[c], l.y_m[e->a] - l.y_m[c]) + 1e-9);
    }
    for (int k = 200; k < 240; k += 2) {                /* two homes, the nearer one first */
      assert_int_equal(l.edge[k].a, l.edge[k + 1].a);
      assert_int_not_equal(l.edge[k].b, l.edge[k + 1].b);
      assert_true(l.edge[k].length_m <= l.edge[k + 1].length_m);
    }
    arena_free(a);
  }
}

/* Poisson cells: distance from the middle has the law (d / R)^2; of 2000, the largest deviation of the distribution
 * exceeds 1.95 / sqrt(2000) once in 1000 seeds. */
static void poisson_is_uniform(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  const struct layout_level level[] = {{2000, 1}, {1, 1}};
  struct layout l = layout_metro(a, (struct layout_seed){3, "p"}, 2, level, CELLS_POISSON, 100);
  double radius = 100 * sqrt(2000 * sqrt(3) / (2 * M_PI)), worst = 0;
  for (int q = 1; q < 100; q++) {
    int below = 0;
    for (int i = 0; i < 2000; i++) below += hypot(l.x_m[i], l.y_m[i]) <= radius * sqrt(q / 100.);
    worst = fmax(worst, fabs(below / 2000. - q / 100.));
  }
  assert_true(worst < 1.95 / sqrt(2000));
  arena_free(a);
}

static void seeds_and_names(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct layout one = layout_geometric(a, (struct layout_seed){1, "a"}, 50, 1, 0.2);
  struct layout same = layout_geometric(a, (struct layout_seed){1, "a"}, 50, 1, 0.2);
  struct layout other = layout_geometric(a, (struct layout_seed){2, "a"}, 50, 1, 0.2);
  struct layout named = layout_geometric(a, (struct layout_seed){1, "b"}, 50, 1, 0.2);
  assert_memory_equal(one.x_m, same.x_m, 50 * sizeof(double));
  assert_true(one.x_m[0] != other.x_m[0] && one.x_m[0] != named.x_m[0]);
  arena_free(a);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(geometric_lines), cmocka_unit_test(geometric_connectivity),
    cmocka_unit_test(barabasi_albert_degrees), cmocka_unit_test(lines_are_simple), cmocka_unit_test(hexagons),
    cmocka_unit_test(hierarchy), cmocka_unit_test(poisson_is_uniform), cmocka_unit_test(seeds_and_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
