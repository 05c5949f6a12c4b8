#include "models/walk.h"
#include "models/streams.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>

enum { GRID = 4096, SPEED_GRID = 65536 };               /* of integrals over distributions */

struct walks {
  const struct walk_def *def;
  struct rng_root root;
  uint64_t name;
  double in_pause;                                      /* share of the time */
  double longest_m, weight, slowest;
  double *rest_s, *rest_cdf;                            /* [GRID + 1]: of a pause that has begun; NULL: no pauses */
};

/* ---- integrals ---------------------------------------------------------------------------------------------------- */

double walk_slowest(const struct dist *speed)
{
  double low = 0, high = dist_mean(speed);
  for (int i = 0; i < 100 && high - low > 1e-15 * high; i++) {
    double middle = (low + high) / 2;
    if (dist_cdf(speed, middle) > 1e-12) high = middle;
    else low = middle;
  }
  return low;
}

/* Where only 10^-12 lies beyond. */
static double last_of(const struct dist *d)
{
  double x = fmax(dist_mean(d), 1e-9);
  while (dist_cdf(d, x) < 1 - 1e-12 && x < 1e15) x *= 1.5;
  return x;
}

/* E[1/V] = 1/b + integral of F(v) / v^2 from a to b; v = e^s. */
double walk_mean_inverse(const struct dist *speed)
{
  if (dist_is_constant(speed)) return 1 / dist_mean(speed);
  double from = log(walk_slowest(speed)), to = log(last_of(speed)), step = (to - from) / SPEED_GRID, sum = 0;
  for (int i = 0; i <= SPEED_GRID; i++) {
    double s = from + i * step;
    sum += (i == 0 || i == SPEED_GRID ? 0.5 : 1) * dist_cdf(speed, exp(s)) * exp(-s);
  }
  return exp(-to) + sum * step;
}

/* Two uniform points of an a x b rectangle (Ghosh 1951). */
static double rectangle_distance(double a, double b)
{
  if (a <= 0 || b <= 0) return (a + b) / 3;
  double d = hypot(a, b), a2 = a * a, b2 = b * b;
  return (a2 * a / b2 + b2 * b / a2 + d * (3 - a2 / b2 - b2 / a2)) / 15
         + (b2 / a * acosh(d / b) + a2 / b * acosh(d / a)) / 6;
}

static double spot_distance(const struct spot *a, const struct spot *b) { return hypot(a->x_m - b->x_m, a->y_m - b->y_m); }

double walk_mean_distance(const struct walk_def *d)
{
  double sum = 0, weight = 0;
  if (d->kind != WALK_NOMADIC) return rectangle_distance(d->width_m, d->height_m);
  for (int i = 0; i < d->n_spots; i++) weight += d->spot[i].weight;
  for (int i = 0; i < d->n_spots; i++)
    for (int j = 0; j < d->n_spots; j++)
      sum += d->spot[i].weight * d->spot[j].weight * spot_distance(&d->spot[i], &d->spot[j]);
  return sum / (weight * weight);
}

/* Distribution of what is left of a pause at a random moment. */
static void rest_of_pauses(struct walks *w)
{
  double most = last_of(w->def->pause_s), sum = 0;
  w->rest_s = malloc(2 * (GRID + 1) * sizeof(double));
  if (!w->rest_s) check_out_of_memory(2 * (GRID + 1) * sizeof(double));
  w->rest_cdf = w->rest_s + GRID + 1;
  for (int i = 0; i <= GRID; i++) {
    double share = (double)i / GRID, t = most * share * share * share;
    double before = i ? w->rest_s[i - 1] : 0;
    if (i) sum += (t - before) * (1 - dist_cdf(w->def->pause_s, (t + before) / 2));
    w->rest_s[i] = t;
    w->rest_cdf[i] = sum;
  }
}

static double draw_rest(const struct walks *w, struct rng *r)
{
  double u = rng_uniform(r) * w->rest_cdf[GRID];
  int low = 0, high = GRID;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (w->rest_cdf[middle] <= u) low = middle;
    else high = middle;
  }
  double width = w->rest_cdf[high] - w->rest_cdf[low];
  return w->rest_s[low] + (width > 0 ? (u - w->rest_cdf[low]) / width : 0) * (w->rest_s[high] - w->rest_s[low]);
}

struct walks *walks_new(const struct walk_def *def, const struct rng_root *root, uint64_t name)
{
  struct walks *w = zeros_new(1, sizeof *w);
  w->def = def;
  w->root = *root;
  w->name = name;
  for (int i = 0; i < def->n_spots; i++) w->weight += def->spot[i].weight;
  if (def->kind != WALK_WAYPOINT && def->kind != WALK_NOMADIC) return w;
  w->longest_m = hypot(def->width_m, def->height_m);
  for (int i = 0; def->kind == WALK_NOMADIC && i < def->n_spots; i++)
    for (int j = 0; j < i; j++) w->longest_m = fmax(w->longest_m, spot_distance(&def->spot[i], &def->spot[j]));
  double pause_s = def->pause_s ? dist_mean(def->pause_s) : 0;
  double move_s = walk_mean_distance(def) * walk_mean_inverse(def->speed_m_per_s);
  w->slowest = walk_slowest(def->speed_m_per_s);
  w->in_pause = pause_s > 0 ? pause_s / (pause_s + move_s) : 0;
  if (pause_s > 0) rest_of_pauses(w);
  return w;
}

void walks_free(struct walks *w)
{
  if (!w) return;
  free(w->rest_s);
  free(w);
}

/* ---- points and speeds ------------------------------------------------------------------------------------------- */

static struct position draw_point(const struct walks *w, struct rng *r)
{
  const struct walk_def *d = w->def;
  if (d->n_spots == 0) {
    double x = rng_uniform(r), y = rng_uniform(r);
    return (struct position){d->left_m + x * d->width_m, d->bottom_m + y * d->height_m};
  }
  double u = rng_uniform(r) * w->weight;
  int i = 0;
  for (; i < d->n_spots - 1 && u >= d->spot[i].weight; i++) u -= d->spot[i].weight;
  return (struct position){d->spot[i].x_m, d->spot[i].y_m};
}

static double distance(struct position a, struct position b) { return hypot(a.x_m - b.x_m, a.y_m - b.y_m); }

/* Of a way that somebody is on: longer ones, and slower speeds, are seen more often. */
static void draw_way(const struct walks *w, struct rng *r, struct position *from, struct position *to)
{
  do {
    *from = draw_point(w, r);
    *to = draw_point(w, r);
  } while (rng_uniform(r) * w->longest_m >= distance(*from, *to));
}

static double draw_speed_seen(const struct walks *w, struct rng *r)
{
  double v;
  do v = dist_draw(w->def->speed_m_per_s, r);
  while (rng_uniform(r) * v > w->slowest * (1 + 1e-9));
  return v;
}

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

static struct rng piece_rng(const struct walks *w, uint32_t member, uint32_t number)
{
  return rng_open(&w->root, STREAM_MOBILITY, w->name ^ member, number);
}

static void stay(struct walk *k, double from_s, double for_s)
{
  k->from_s = from_s;
  k->to_s = from_s + for_s;
  k->to_x_m = k->x_m;
  k->to_y_m = k->y_m;
}

static void go(struct walk *k, double from_s, struct position to, double speed)
{
  k->from_s = from_s;
  k->to_x_m = to.x_m;
  k->to_y_m = to.y_m;
  k->to_s = from_s + distance((struct position){k->x_m, k->y_m}, to) / speed;
}

static void start_waypoint(const struct walks *w, struct rng *r, struct walk *k)
{
  bool pauses = rng_uniform(r) < w->in_pause || w->longest_m <= 0;
  struct position from, to;
  k->corner = !pauses;
  if (pauses) {
    from = draw_point(w, r);
    k->x_m = from.x_m;
    k->y_m = from.y_m;
    stay(k, 0, w->rest_s ? draw_rest(w, r) : INFINITY);
    return;
  }
  draw_way(w, r, &from, &to);
  double done = rng_uniform(r);
  k->x_m = from.x_m + done * (to.x_m - from.x_m);
  k->y_m = from.y_m + done * (to.y_m - from.y_m);
  go(k, 0, to, draw_speed_seen(w, r));
}

static void next_waypoint(const struct walks *w, struct rng *r, struct walk *k)
{
  k->corner = !k->corner;
  if (!k->corner) stay(k, k->to_s, w->rest_s ? fmax(0, dist_draw(w->def->pause_s, r)) : 0);
  else {
    struct position to = draw_point(w, r);
    go(k, k->to_s, to, dist_draw(w->def->speed_m_per_s, r));
  }
}

/* speed < 0: towards the first corner. `corner`: the one ahead. */
static void along(const struct walk_def *d, struct walk *k, double from_s)
{
  const struct spot *to = &d->spot[k->corner];
  go(k, from_s, (struct position){to->x_m, to->y_m}, fabs(k->speed_m_per_s));
}

static void start_road(const struct walks *w, struct rng *r, struct walk *k)
{
  const struct walk_def *d = w->def;
  double length = 0, part = 0;
  for (int i = 1; i < d->n_spots; i++) length += spot_distance(&d->spot[i - 1], &d->spot[i]);
  double left = rng_uniform(r) * length;
  int i = 1;
  for (; i < d->n_spots - 1 && left >= (part = spot_distance(&d->spot[i - 1], &d->spot[i])); i++) left -= part;
  const struct spot *a = &d->spot[i - 1], *b = &d->spot[i];
  double share = left / spot_distance(a, b);
  bool back = rng_uniform(r) < 0.5;
  k->x_m = a->x_m + share * (b->x_m - a->x_m);
  k->y_m = a->y_m + share * (b->y_m - a->y_m);
  k->speed_m_per_s = dist_draw(d->speed_m_per_s, r) * (back ? -1 : 1);
  k->corner = back ? i - 1 : i;
  along(d, k, 0);
}

static void next_road(const struct walk_def *d, struct walk *k)
{
  bool turns = k->speed_m_per_s > 0 ? k->corner == d->n_spots - 1 : k->corner == 0;
  if (turns) k->speed_m_per_s = -k->speed_m_per_s;
  k->corner += k->speed_m_per_s > 0 ? 1 : -1;
  along(d, k, k->to_s);
}

/* The piece that begins at row k->corner of the track; -1: before the first. */
static void on_track(const struct track *t, struct walk *k)
{
  const struct track_point *a = &t->point[k->corner < 0 ? 0 : k->corner];
  bool last = k->corner == t->n - 1;
  const struct track_point *b = last || k->corner < 0 ? a : &t->point[k->corner + 1];
  k->x_m = a->x_m;
  k->y_m = a->y_m;
  k->to_x_m = b->x_m;
  k->to_y_m = b->y_m;
  k->from_s = k->corner < 0 ? 0 : a->at_s;
  k->to_s = last ? INFINITY : k->corner < 0 ? a->at_s : b->at_s;
}

static const struct track *track_of(const struct walks *w, uint32_t member)
{
  return &w->def->track[member % (uint32_t)w->def->n_tracks];
}

void walk_start(const struct walks *w, uint32_t member, struct walk *k)
{
  struct rng r = piece_rng(w, member, 0);
  *k = (struct walk){0};
  switch (w->def->kind) {
  case WALK_STATIC: {
    struct position at = draw_point(w, &r);
    k->x_m = at.x_m;
    k->y_m = at.y_m;
    stay(k, 0, INFINITY);
    break;
  }
  case WALK_WAYPOINT: case WALK_NOMADIC: start_waypoint(w, &r, k); break;
  case WALK_ROAD: start_road(w, &r, k); break;
  case WALK_TRACE:
    k->corner = -1;
    on_track(track_of(w, member), k);
  }
}

void walk_next(const struct walks *w, uint32_t member, struct walk *k)
{
  struct rng r = piece_rng(w, member, ++k->number);
  sim_assert(k->to_s < INFINITY);
  k->x_m = k->to_x_m;
  k->y_m = k->to_y_m;
  switch (w->def->kind) {
  case WALK_STATIC: sim_assert(!"what stands goes on"); break;
  case WALK_WAYPOINT: case WALK_NOMADIC: next_waypoint(w, &r, k); break;
  case WALK_ROAD: next_road(w->def, k); break;
  case WALK_TRACE:
    k->corner++;
    on_track(track_of(w, member), k);
  }
}

struct position walk_at(const struct walk *k, double at_s)
{
  double share = k->to_s < INFINITY && k->to_s > k->from_s ? (at_s - k->from_s) / (k->to_s - k->from_s) : 0;
  return (struct position){k->x_m + share * (k->to_x_m - k->x_m), k->y_m + share * (k->to_y_m - k->y_m)};
}
