#include "models/mobility.h"
#include "models/defs.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>

/* A search for the next change-over gives up after so many pieces of way, and is gone on with later. */
enum { PIECES_AHEAD = 64 };
static const double SHORTEST_S = 1e-9;                  /* of an advantage: less is rounding */

struct span { double from_s, to_s; };
/* `cell` holds until next_ns; `walk` is where the search has come to: at searched_s. */
struct device {
  struct walk walk;
  double searched_s, beaten_s;                          /* beaten: since when the next one may count; NaN: it is not */
  sim_time next_ns, moved_ns;                           /* SIM_NEVER: not found so far; moved: -1 never */
  uint32_t cell, next_cell, handovers;
  bool started;
};

struct moving {
  const struct mobility_def *def;
  struct walks *walks;
  struct device *device;
  uint64_t count;
  double ratio;                                         /* strongest: of squared distances */
  struct span *span;                                    /* [n_sites] scratch */
};
struct mobility { int n_places; struct moving *of; };   /* def NULL: this place's devices do not move */

/* ---- made and freed ----------------------------------------------------------------------------------------------- */

static void moving_init(struct moving *m, const struct place_def *p, const struct rng_root *root)
{
  m->def = p->mobility;
  m->count = p->count;
  m->device = zeros_new(p->count, sizeof *m->device);
  m->walks = walks_new(&m->def->walk, root, rng_name(p->name));
  m->ratio = pow(10, m->def->hysteresis / (5 * m->def->path_loss));
  m->span = zeros_new(m->def->n_sites, sizeof *m->span);
}

struct mobility *mobility_new(const struct world_def *world, const struct rng_root *root)
{
  bool any = false;
  for (int i = 0; i < world->n_places; i++) any |= world->place[i].mobility != NULL;
  if (!any) return NULL;
  struct mobility *all = zeros_new(1, sizeof *all);
  all->n_places = world->n_places;
  all->of = zeros_new((size_t)world->n_places, sizeof *all->of);
  for (int i = 0; i < world->n_places; i++)
    if (world->place[i].mobility) moving_init(&all->of[i], &world->place[i], root);
  return all;
}

void mobility_free(struct mobility *all)
{
  for (int i = 0; all && i < all->n_places; i++) {
    walks_free(all->of[i].walks);
    free(all->of[i].device);
    free(all->of[i].span);
  }
  if (all) free(all->of);
  free(all);
}

size_t mobility_bytes(void) { return sizeof(struct device); }

bool mobility_of(const struct mobility *all, int place) { return all && all->of[place].def; }

/* ---- who is better where ------------------------------------------------------------------------------------------- */

static double square(double x) { return x * x; }

static double distance2(const struct moving *m, uint32_t cell, struct position at)
{
  return square(at.x_m - m->def->x_m[cell]) + square(at.y_m - m->def->y_m[cell]);
}

/* Of all but one; UINT32_MAX: of all. */
static uint32_t nearest_cell(const struct moving *m, struct position at, uint32_t but)
{
  uint32_t best = 0;
  double least = INFINITY;
  for (uint32_t c = 0; c < m->def->n_sites; c++) {
    double d = distance2(m, c, at);
    if (c == but || d >= least) continue;
    least = d;
    best = c;
  }
  return best;
}

static bool beats(const struct moving *m, uint32_t s, uint32_t c, struct position at)
{
  double of_s = distance2(m, s, at), of_c = distance2(m, c, at);
  if (m->def->by == ATTACH_STRONGEST) return of_s > m->ratio * of_c;
  return sqrt(of_s) > sqrt(of_c) + m->def->hysteresis;
}

struct quadratic { double a, b, c; };

/* Where its sign changes is where c begins or ceases to beat s, t seconds after `at`, under way with speed v. */
static struct quadratic balance(const struct moving *m, uint32_t s, uint32_t c, struct position at, struct position v)
{
  const struct mobility_def *d = m->def;
  double sx = at.x_m - d->x_m[s], sy = at.y_m - d->y_m[s], cx = at.x_m - d->x_m[c], cy = at.y_m - d->y_m[c];
  double vv = square(v.x_m) + square(v.y_m), vs = v.x_m * sx + v.y_m * sy, vc = v.x_m * cx + v.y_m * cy;
  double ss = sx * sx + sy * sy, cc = cx * cx + cy * cy, h = d->hysteresis;
  if (d->by == ATTACH_STRONGEST)
    return (struct quadratic){vv * (1 - m->ratio), 2 * (vs - m->ratio * vc), ss - m->ratio * cc};
  double slope = 2 * (vs - vc), level = ss - cc - h * h;
  if (h <= 0) return (struct quadratic){0, slope, level};
  return (struct quadratic){slope * slope - 4 * h * h * vv, 2 * slope * level - 8 * h * h * vc,
                            level * level - 4 * h * h * cc};
}

/* Ascending; what is not there is infinite. */
static void roots(struct quadratic q, double root[2])
{
  double under = q.b * q.b - 4 * q.a * q.c;
  root[0] = root[1] = INFINITY;
  if (under < 0) return;
  double w = -0.5 * (q.b + copysign(sqrt(under), q.b));
  if (q.a != 0) root[0] = w / q.a;
  if (w != 0) root[1] = q.c / w;
  if (root[0] > root[1]) {
    double larger = root[0];
    root[0] = root[1];
    root[1] = larger;
  }
}

/* Where c beats s is convex (half a plane, a disc, the inside of a hyperbola): on a line it is one span. From..to of the
 * piece; empty: from > to. */
static struct span beaten_by(const struct moving *m, const struct walk *w, double from_s, uint32_t s, uint32_t c)
{
  struct span none = {1, 0}, found = none;
  double length_s = w->to_s - from_s, cut[4] = {0, 0, 0, length_s};
  struct position at = walk_at(w, from_s), v = {0, 0};
  if (walk_speed(w) > 0)
    v = (struct position){(w->to_x_m - w->x_m) / (w->to_s - w->from_s), (w->to_y_m - w->y_m) / (w->to_s - w->from_s)};
  if (v.x_m == 0 && v.y_m == 0) return beats(m, s, c, at) ? (struct span){from_s, w->to_s} : none;
  roots(balance(m, s, c, at, v), cut + 1);
  for (int i = 1; i < 3; i++) cut[i] = cut[i] > 0 && cut[i] < length_s ? cut[i] : cut[i] <= 0 ? 0 : length_s;
  for (int i = 0; i < 3; i++) {
    double middle = (cut[i] + cut[i + 1]) / 2;
    struct position there = {at.x_m + middle * v.x_m, at.y_m + middle * v.y_m};
    if (cut[i + 1] - cut[i] < SHORTEST_S || !beats(m, s, c, there)) continue;
    if (found.from_s > found.to_s) found.from_s = from_s + cut[i];
    found.to_s = from_s + cut[i + 1];
  }
  return found;
}

/* Cannot come nearer than s is at most. */
static bool out_of_reach(const struct moving *m, const struct walk *w, double half_m, double most_m, uint32_t c)
{
  struct position middle = {(w->x_m + w->to_x_m) / 2, (w->y_m + w->to_y_m) / 2};
  return distance2(m, c, middle) >= square(most_m + half_m);
}

static int by_start(const void *a, const void *b)
{
  double x = ((const struct span *)a)->from_s, y = ((const struct span *)b)->from_s;
  return (x > y) - (x < y);
}

static uint32_t spans_of_piece(const struct moving *m, const struct device *d)
{
  const struct walk *w = &d->walk;
  struct position a = {w->x_m, w->y_m}, b = {w->to_x_m, w->to_y_m};
  double most_m = sqrt(fmax(distance2(m, d->cell, a), distance2(m, d->cell, b)));
  double half_m = 0.5 * hypot(a.x_m - b.x_m, a.y_m - b.y_m);
  uint32_t n = 0;
  for (uint32_t c = 0; c < m->def->n_sites; c++) {
    if (c == d->cell || out_of_reach(m, w, half_m, most_m, c)) continue;
    struct span s = beaten_by(m, w, d->searched_s, d->cell, c);
    if (s.from_s <= s.to_s) m->span[n++] = s;
  }
  qsort(m->span, n, sizeof *m->span, by_start);
  return n;
}

/* When the serving one has been beaten for long enough; INFINITY: not on this piece. */
static double piece_ends_at(const struct moving *m, struct device *d)
{
  uint32_t n = spans_of_piece(m, d);
  double since = d->beaten_s, until = isnan(since) ? -INFINITY : d->searched_s;
  for (uint32_t i = 0; i < n; i++) {
    const struct span *s = &m->span[i];
    if (isnan(since) || s->from_s > until + SHORTEST_S) since = s->from_s;
    until = fmax(until, s->to_s);
    if (since + m->def->trigger_s <= until) return fmax(since + m->def->trigger_s, d->searched_s);
  }
  d->beaten_s = until >= d->walk.to_s - SHORTEST_S ? since : NAN;
  return INFINITY;
}

/* ---- in time ------------------------------------------------------------------------------------------------------ */

/* Not before it has happened. */
static sim_time ns_after(double s)
{
  if (s >= 9e9) return SIM_NEVER;
  sim_time ns = ns_from_s(s);
  return s_from_ns(ns) < s ? ns + 1 : ns;
}

static bool named_by_trace(const struct moving *m) { return !m->def->x_m; }

static int32_t cell_in_trace(const struct moving *m, uint32_t member, const struct device *d)
{
  const struct walk_def *w = &m->def->walk;
  const struct track *t = &w->track[member % (uint32_t)w->n_tracks];
  return t->point[d->walk.corner < 0 ? 0 : d->walk.corner].cell;
}

static void found(struct device *d, double at_s, uint32_t cell)
{
  d->next_ns = ns_after(at_s);
  if (d->next_ns <= d->moved_ns) d->next_ns = d->moved_ns + 1;
  d->next_cell = cell;
  d->searched_s = at_s;
  d->beaten_s = NAN;
}

/* A row of the trace names another member. */
static bool row_changes(const struct moving *m, uint32_t member, struct device *d)
{
  int32_t cell = named_by_trace(m) ? cell_in_trace(m, member, d) : (int32_t)d->cell;
  if (cell == (int32_t)d->cell) return false;
  found(d, d->walk.from_s, (uint32_t)cell);
  return true;
}

static bool piece_changes(const struct moving *m, struct device *d)
{
  double at_s = named_by_trace(m) || m->def->n_sites < 2 ? INFINITY : piece_ends_at(m, d);
  if (at_s >= INFINITY) return false;
  found(d, at_s, nearest_cell(m, walk_at(&d->walk, at_s), d->cell));
  return true;
}

static void search(const struct moving *m, uint32_t member, struct device *d)
{
  for (int piece = 0; piece < PIECES_AHEAD; piece++) {
    if (row_changes(m, member, d) || piece_changes(m, d)) return;
    d->searched_s = d->walk.to_s;
    if (d->searched_s >= INFINITY) return;
    walk_next(m->walks, member, &d->walk);
  }
}

static void start(const struct moving *m, uint32_t member, struct device *d)
{
  walk_start(m->walks, member, &d->walk);
  d->started = true;
  d->moved_ns = -1;
  d->next_ns = SIM_NEVER;
  d->beaten_s = NAN;
  d->cell = named_by_trace(m) ? (uint32_t)cell_in_trace(m, member, d) : nearest_cell(m, walk_at(&d->walk, 0), UINT32_MAX);
}

/* As it is now: change-overs that lie behind have happened, the next one is known if there is one ahead. */
static struct device *device_now(struct mobility *all, int place, uint32_t member, sim_time now)
{
  struct moving *m = &all->of[place];
  struct device *d = &m->device[member];
  if (!d->started) start(m, member, d);
  for (;;) {
    if (d->next_ns != SIM_NEVER) {
      if (d->next_ns > now) return d;
      d->handovers++;
      d->cell = d->next_cell;
      d->moved_ns = d->next_ns;
      d->next_ns = SIM_NEVER;
    } else if (ns_after(d->searched_s) > now) return d;
    search(m, member, d);
  }
}

uint32_t mobility_cell(struct mobility *all, int place, uint32_t member, sim_time now)
{
  return device_now(all, place, member, now)->cell;
}

sim_time mobility_next(struct mobility *all, int place, uint32_t member, sim_time now)
{
  const struct device *d = device_now(all, place, member, now);
  return d->next_ns != SIM_NEVER ? d->next_ns : ns_after(d->searched_s);
}

sim_time mobility_back(struct mobility *all, int place, uint32_t member, sim_time now)
{
  const struct device *d = device_now(all, place, member, now);
  return d->moved_ns < 0 ? 0 : time_add(d->moved_ns, ns_from_s(all->of[place].def->interruption_s));
}

uint64_t mobility_handovers(struct mobility *all, sim_time now, uint64_t *devices)
{
  uint64_t sum = 0;
  *devices = 0;
  for (int p = 0; p < all->n_places; p++) {
    const struct moving *m = &all->of[p];
    for (uint64_t i = 0; m->def && i < m->count && i < MOBILITY_SAMPLE; i++, ++*devices)
      sum += device_now(all, p, (uint32_t)i, now)->handovers;
  }
  return sum;
}
