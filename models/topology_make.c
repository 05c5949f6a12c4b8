/* topology_make.c: see topology_make.h. */
#include "models/topology_make.h"

#include "models/streams.h"
#include "sim/rng.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum part { PART_PLACES, PART_LINES, PART_CENTRES };
enum { ROUNDS = 30 };
static const double PI = 3.14159265358979323846;

static struct rng stream(struct layout_seed seed, enum part part)
{
  struct rng_root root = rng_root_make(seed.seed, 0);
  return rng_open(&root, STREAM_TOPOLOGY, rng_name(seed.name), part);
}

static struct layout layout_new(struct arena *a, int n, size_t edges)
{
  return (struct layout){n, 0, arena_array(a, double, n), arena_array(a, double, n),
                         arena_array(a, struct layout_edge, edges + 1)};
}

/* The root of the sum is the same on every machine, hypot is not. */
static double distance_m(const struct layout *l, int a, int b)
{
  double dx = l->x_m[a] - l->x_m[b], dy = l->y_m[a] - l->y_m[b];
  return sqrt(dx * dx + dy * dy);
}

static void join(struct layout *l, int a, int b, int level)
{
  l->edge[l->n_edges++] = (struct layout_edge){a, b, level, distance_m(l, a, b)};
}

static void scatter(struct layout *l, struct rng *r, double side_m)
{
  for (int i = 0; i < l->n_nodes; i++) {
    l->x_m[i] = side_m * rng_uniform(r);
    l->y_m[i] = side_m * rng_uniform(r);
  }
}

int layout_mesh(struct layout_edge *edge, int n)
{
  int k = 0;
  for (int a = 0; a < n; a++)
    for (int b = a + 1; b < n; b++) edge[k++] = (struct layout_edge){.a = a, .b = b};
  return k;
}

/* ---- geometric --------------------------------------------------------------------------------------------------- */

struct by_x { double x; int32_t node; };

static int compare_x(const void *a, const void *b)
{
  const struct by_x *p = a, *q = b;
  return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : p->node - q->node;
}

/* A window that slides over the nodes from left to right: calls for each pair that is near enough, or only counts. */
static size_t near_pairs(struct layout *l, const struct by_x *order, double radius_m, bool joins)
{
  size_t pairs = 0;
  for (int i = 0; i < l->n_nodes; i++)
    for (int k = i + 1; k < l->n_nodes && order[k].x - order[i].x <= radius_m; k++) {
      int32_t a = order[i].node, b = order[k].node;
      if (distance_m(l, a, b) > radius_m) continue;
      pairs++;
      if (joins) join(l, a < b ? a : b, a < b ? b : a, 0);
    }
  return pairs;
}

struct layout layout_geometric(struct arena *a, struct layout_seed seed, int n, double side_m, double radius_m)
{
  struct layout l = layout_new(a, n, 0);
  struct rng r = stream(seed, PART_PLACES);
  struct by_x *order = arena_array(a, struct by_x, n);
  scatter(&l, &r, side_m);
  for (int i = 0; i < n; i++) order[i] = (struct by_x){l.x_m[i], i};
  qsort(order, (size_t)n, sizeof *order, compare_x);
  l.edge = arena_array(a, struct layout_edge, near_pairs(&l, order, radius_m, false) + 1);
  near_pairs(&l, order, radius_m, true);
  return l;
}

/* ---- Barabasi-Albert --------------------------------------------------------------------------------------------- */

/* One of the ends of the lines that are there: a node is as often among them as it has lines. */
static int32_t end_drawn(const struct layout *l, struct rng *r, int lines)
{
  uint64_t k = rng_below(r, 2 * (uint64_t)lines);
  return k % 2 ? l->edge[k / 2].b : l->edge[k / 2].a;
}

static bool joined(const struct layout *l, int first, int32_t node)
{
  for (int k = first; k < l->n_edges; k++)
    if (l->edge[k].a == node) return true;
  return false;
}

struct layout layout_barabasi_albert(struct arena *a, struct layout_seed seed, int n, int links, double side_m)
{
  struct layout l = layout_new(a, n, (size_t)n * (size_t)links + (size_t)links * (size_t)links);
  struct rng places = stream(seed, PART_PLACES), r = stream(seed, PART_LINES);
  scatter(&l, &places, side_m);
  for (int i = 0; i <= links && i < n; i++)
    for (int k = 0; k < i; k++) join(&l, k, i, 0);
  for (int i = links + 1; i < n; i++) {
    int before = l.n_edges;
    while (l.n_edges < before + links) {
      int32_t other = end_drawn(&l, &r, before);
      if (!joined(&l, before, other)) join(&l, other, i, 0);
    }
  }
  return l;
}

/* ---- hierarchy --------------------------------------------------------------------------------------------------- */

/* Ring 0 is the middle, ring k has 6 k points: k steps in each of six directions. */
static void hexagonal(struct layout *l, int n, double spacing_m)
{
  static const int step[6][2] = {{-1, 1}, {-1, 0}, {0, -1}, {1, -1}, {1, 0}, {0, 1}};
  int made = 0, q = 0, r = 0;
  for (int ring = 0; made < n; ring++) {
    q = ring;
    r = 0;
    for (int i = 0; i < (ring ? 6 * ring : 1) && made < n; i++, made++) {
      l->x_m[made] = spacing_m * (q + r / 2.);
      l->y_m[made] = spacing_m * r * sqrt(3) / 2;
      if (ring) {
        q += step[i / ring][0];
        r += step[i / ring][1];
      }
    }
  }
}

static void poisson(struct layout *l, struct rng *r, int n, double spacing_m)
{
  double radius_m = spacing_m * sqrt(n * sqrt(3) / (2 * PI));
  for (int i = 0; i < n; i++) {
    double from_m = radius_m * sqrt(rng_uniform(r)), angle = 2 * PI * rng_uniform(r);
    l->x_m[i] = from_m * cos(angle);
    l->y_m[i] = from_m * sin(angle);
  }
}

static int nearest_of(const struct layout *l, int node, int first, int n)
{
  int best = first;
  double least = INFINITY, x = l->x_m[node], y = l->y_m[node];
  for (int k = first; k < first + n; k++) {
    double dx = l->x_m[k] - x, dy = l->y_m[k] - y, square = dx * dx + dy * dy;
    if (square >= least) continue;
    least = square;
    best = k;
  }
  return best;
}

/* The first centre is any of the points, each further one a point drawn by its squared distance from those before.
 * near: room for each point. */
static void begin_centres(struct layout *l, struct rng *r, int first, int n, int centre, int k, double *near)
{
  int chosen = first + (int)rng_below(r, (uint64_t)n);
  for (int i = 0; i < n; i++) near[i] = INFINITY;
  for (int c = centre; c < centre + k; c++) {
    double total = 0;
    l->x_m[c] = l->x_m[chosen];
    l->y_m[c] = l->y_m[chosen];
    for (int i = 0; i < n; i++) {
      near[i] = fmin(near[i], pow(distance_m(l, first + i, c), 2));
      total += near[i];
    }
    double at = total * rng_uniform(r);
    for (int i = 0; total > 0 && i < n && at >= 0; at -= near[i++]) chosen = first + i;
  }
}

/* Each centre into the middle of the points that are nearest to it; false when none has moved. */
static bool move_centres(struct layout *l, int first, int n, int centre, int k, double *sum)
{
  bool moved = false;
  memset(sum, 0, 3 * (size_t)k * sizeof *sum);
  for (int i = first; i < first + n; i++) {
    double *s = &sum[3 * (nearest_of(l, i, centre, k) - centre)];
    s[0] += l->x_m[i];
    s[1] += l->y_m[i];
    s[2]++;
  }
  for (int c = 0; c < k; c++) {
    const double *s = &sum[3 * c];
    if (!(s[2] > 0)) continue;                          /* nobody's nearest: it stays */
    moved |= l->x_m[centre + c] != s[0] / s[2] || l->y_m[centre + c] != s[1] / s[2];
    l->x_m[centre + c] = s[0] / s[2];
    l->y_m[centre + c] = s[1] / s[2];
  }
  return moved;
}

/* To the nearest `homes` of the k sites from `centre` on: each time the nearest of those that are farther than the last
 * (of equally far ones the first). */
static void home(struct layout *l, int node, int level, int homes, int centre, int k)
{
  double last_m = -1;
  int last = centre - 1;
  for (int h = 0; h < homes && h < k; h++) {
    int best = -1;
    for (int c = centre; c < centre + k; c++) {
      double d = distance_m(l, node, c);
      bool later = d > last_m || (d == last_m && c > last);
      if (later && (best < 0 || d < distance_m(l, node, best))) best = c;
    }
    join(l, node, best, level);
    last = best;
    last_m = distance_m(l, node, best);
  }
}

static size_t most_edges(int n_levels, const struct layout_level *level)
{
  size_t last = (size_t)level[n_levels - 1].count, sum = last * (last - 1) / 2;
  for (int i = 0; i + 1 < n_levels; i++) sum += (size_t)level[i].count * (size_t)level[i].homes;
  return sum;
}

static void join_all(struct layout *l, int first, int n, int level)
{
  for (int a = first; a < first + n; a++)
    for (int b = a + 1; b < first + n; b++) join(l, a, b, level);
}

struct layout layout_metro(struct arena *a, struct layout_seed seed, int n_levels, const struct layout_level *level,
                           enum layout_cells cells, double spacing_m)
{
  int n = 0, first = 0;
  for (int i = 0; i < n_levels; i++) n += level[i].count;
  struct layout l = layout_new(a, n, most_edges(n_levels, level));
  double *sum = arena_array(a, double, 3 * (size_t)n);
  struct rng places = stream(seed, PART_PLACES), centres = stream(seed, PART_CENTRES);
  if (cells == CELLS_HEXAGONAL) hexagonal(&l, level[0].count, spacing_m);
  else poisson(&l, &places, level[0].count, spacing_m);
  for (int i = 0; i + 1 < n_levels; i++) {
    int above = first + level[i].count, k = level[i + 1].count;
    begin_centres(&l, &centres, first, level[i].count, above, k, sum);
    for (int round = 0; round < ROUNDS && move_centres(&l, first, level[i].count, above, k, sum); round++) continue;
    for (int c = first; c < above; c++) home(&l, c, i, level[i].homes, above, k);
    first = above;
  }
  join_all(&l, first, level[n_levels - 1].count, n_levels - 1);
  return l;
}
