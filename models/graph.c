/* graph.c: see graph.h. */
#include "models/graph.h"

#include "models/assignment.h"
#include "sim/check.h"
#include <igraph/igraph.h>
#include <math.h>
#include <stdlib.h>

struct graph { igraph_t g; };

/* A BLAS that comes along with igraph keeps to this thread; there is one only in some builds. */
extern void openblas_set_num_threads(int) __attribute__((weak));

static void on_igraph_error(const char *reason, const char *file, int line, igraph_error_t code)
{
  (void)reason, (void)file, (void)line, (void)code;
  IGRAPH_FINALLY_FREE();                                /* the caller looks at the code that comes back */
}

/* What is asked of igraph is well formed: it fails only for want of memory. */
static void must(igraph_error_t code, int n)
{
  if (code != IGRAPH_SUCCESS)
    check_out_of_memory((unsigned long)n * sizeof(double));
}

static void calm(void)
{
  igraph_set_error_handler(on_igraph_error);
  igraph_set_warning_handler(igraph_warning_handler_ignore);    /* nodes that cannot be reached are no surprise */
  if (openblas_set_num_threads)
    openblas_set_num_threads(1);
}

struct graph *graph_new(int n_nodes, int n_arcs, const int32_t *from, const int32_t *to, bool directed)
{
  igraph_vector_int_t ends;
  struct graph *graph = malloc(sizeof *graph);
  if (!graph)
    check_out_of_memory(sizeof *graph);
  calm();
  must(igraph_vector_int_init(&ends, 2 * (igraph_integer_t)n_arcs), n_arcs);
  for (int k = 0; k < n_arcs; k++) {
    sim_assert(from[k] >= 0 && from[k] < n_nodes && to[k] >= 0 && to[k] < n_nodes);
    VECTOR(ends)[2 * (size_t)k] = from[k];
    VECTOR(ends)[2 * (size_t)k + 1] = to[k];
  }
  must(igraph_create(&graph->g, &ends, n_nodes, directed), n_nodes);
  igraph_vector_int_destroy(&ends);
  return graph;
}

void graph_free(struct graph *graph)
{
  if (!graph)
    return;
  igraph_destroy(&graph->g);
  free(graph);
}

int graph_nodes(const struct graph *graph) { return (int)igraph_vcount(&graph->g); }
int graph_arcs(const struct graph *graph) { return (int)igraph_ecount(&graph->g); }

/* igraph's view of lengths; NULL: it takes 1 each. */
static const igraph_vector_t *viewed(const struct graph *graph, const double *length, igraph_vector_t *room)
{
  return length && graph_arcs(graph) ? igraph_vector_view(room, length, graph_arcs(graph)) : NULL;
}

/* ---- ways -------------------------------------------------------------------------------------------------------- */

static double length_of(const double *length, int arc) { return length ? length[arc] : 1; }

/* From the tree: each node's way is its parent's and one arc. The chain is walked up to what is known, then back. */
static void add_up(const struct graph *graph, int from, const double *length, const int32_t *inbound, double *distance)
{
  int n = graph_nodes(graph), depth;
  int32_t *chain = malloc((size_t)n * sizeof *chain);
  if (!chain)
    check_out_of_memory((size_t)n * sizeof *chain);
  for (int v = 0; v < n; v++)
    distance[v] = inbound[v] == GRAPH_NONE ? INFINITY : -1;
  distance[from] = 0;
  for (int v = 0; v < n; v++) {
    int at = v;
    for (depth = 0; distance[at] < 0; at = (int)IGRAPH_OTHER(&graph->g, inbound[at], at))
      chain[depth++] = at;
    for (double d = distance[at]; depth > 0; distance[chain[depth]] = d)
      d += length_of(length, inbound[chain[--depth]]);
  }
  free(chain);
}

void graph_tree(const struct graph *graph, int from, const double *length, int32_t *inbound, double *distance)
{
  int n = graph_nodes(graph);
  igraph_vector_t room;
  igraph_vector_int_t arcs;
  must(igraph_vector_int_init(&arcs, n), n);
  must(igraph_get_shortest_paths_dijkstra(&graph->g, NULL, NULL, from, igraph_vss_all(), viewed(graph, length, &room),
                                          IGRAPH_OUT, NULL, &arcs), n);
  for (int v = 0; v < n; v++)
    inbound[v] = VECTOR(arcs)[v] < 0 ? GRAPH_NONE : (int32_t)VECTOR(arcs)[v];
  igraph_vector_int_destroy(&arcs);
  double *sum = distance ? distance : malloc((size_t)n * sizeof *sum);
  if (!sum)
    check_out_of_memory((size_t)n * sizeof *sum);
  add_up(graph, from, length, inbound, sum);
  for (int v = 0; v < n; v++)                           /* igraph takes endless arcs where there are no others */
    if (isinf(sum[v])) inbound[v] = GRAPH_NONE;
  if (!distance)
    free(sum);
}

double graph_diameter(const struct graph *graph, const double *length)
{
  igraph_vector_t room;
  double longest = 0;
  if (graph_nodes(graph))
    must(igraph_diameter_dijkstra(&graph->g, viewed(graph, length, &room), &longest, NULL, NULL, NULL, NULL, true,
                                  true), graph_nodes(graph));
  return longest;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

int graph_components(const struct graph *graph, int32_t *component)
{
  igraph_vector_int_t of;
  igraph_integer_t n = 0;
  must(igraph_vector_int_init(&of, 0), graph_nodes(graph));
  must(igraph_connected_components(&graph->g, &of, NULL, &n, IGRAPH_WEAK), graph_nodes(graph));
  for (int v = 0; v < graph_nodes(graph); v++)
    component[v] = (int32_t)VECTOR(of)[v];
  igraph_vector_int_destroy(&of);
  return (int)n;
}

static void degrees(const struct graph *graph, double *score)
{
  igraph_vector_int_t d;
  must(igraph_vector_int_init(&d, 0), graph_nodes(graph));
  must(igraph_degree(&graph->g, &d, igraph_vss_all(), IGRAPH_ALL, true), graph_nodes(graph));
  for (int v = 0; v < graph_nodes(graph); v++)
    score[v] = (double)VECTOR(d)[v];
  igraph_vector_int_destroy(&d);
}

void graph_centrality(const struct graph *graph, enum centrality which, const double *length, double *score)
{
  int n = graph_nodes(graph);
  bool directed = igraph_is_directed(&graph->g);
  igraph_vector_t room, s;
  const igraph_vector_t *weight = viewed(graph, length, &room);
  if (which == CENTRALITY_DEGREE) {
    degrees(graph, score);
    return;
  }
  must(igraph_vector_init(&s, 0), n);
  if (which == CENTRALITY_BETWEENNESS)
    must(igraph_betweenness(&graph->g, &s, igraph_vss_all(), directed, weight), n);
  else
    must(igraph_closeness(&graph->g, &s, NULL, NULL, igraph_vss_all(), IGRAPH_OUT, weight, true), n);
  for (int v = 0; v < n; v++)
    score[v] = isnan(VECTOR(s)[v]) ? 0 : VECTOR(s)[v];
  igraph_vector_destroy(&s);
}

/* ---- assignment (models/assignment.h) ---------------------------------------------------------------------------- */

bool assignment_solve(const double *cost, int n, int *column)
{
  igraph_matrix_t c;
  igraph_vector_int_t p;
  if (n == 0)
    return true;
  if (igraph_matrix_init(&c, n, n) != IGRAPH_SUCCESS)
    return false;
  if (igraph_vector_int_init(&p, n) != IGRAPH_SUCCESS) {
    igraph_matrix_destroy(&c);
    return false;
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      MATRIX(c, i, j) = cost[(size_t)i * (size_t)n + (size_t)j];
  bool ok = igraph_solve_lsap(&c, n, &p) == IGRAPH_SUCCESS;
  for (int i = 0; ok && i < n; i++)
    column[i] = (int)VECTOR(p)[i];
  igraph_vector_int_destroy(&p);
  igraph_matrix_destroy(&c);
  return ok;
}
