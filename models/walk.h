/* walk.h: where devices are: straight pieces of way, one after the other, each a function of (device, its number) alone.
 *
 * static: a point for good, uniform in the area or at a spot by attractiveness.
 * waypoint: random waypoint (Johnson and Maltz 1996): a pause, then straight to a uniform point of the area at a speed
 * drawn for the piece. It begins in its stationary state (Navidi and Camp 2004): in a pause with probability
 * E[pause] / (E[pause] + E[distance] E[1/speed]), the rest of it by the law (1 - F(t)) / E[pause]; else on a way chosen
 * by its length, uniform along it, at a speed of density f(v) / v. So nothing has to be warmed up, and speeds do not
 * decay. Speeds near 0 have no stationary state.
 * nomadic: the same between spots; the next one is drawn by attractiveness, wherever one is (the same again: one stays).
 * road: to and fro on a line of straight parts, at a speed drawn once; starts uniform along it, in either direction.
 * trace: straight between the points of a file; before the first and after the last one it stands.
 * Checkable: unit square: E[distance] = 0.5214054; speeds uniform in 1 .. 3 m/s without pause: mean speed over time
 * 2 / ln 3 = 1.8205 m/s.
 */
#ifndef OFFSIM_MODELS_WALK_H
#define OFFSIM_MODELS_WALK_H

#include "sim/dist.h"
#include "sim/rng.h"
#include <stdbool.h>
#include <stdint.h>

enum walk_kind { WALK_STATIC, WALK_WAYPOINT, WALK_NOMADIC, WALK_ROAD, WALK_TRACE };
struct spot { double x_m, y_m, weight; };               /* of a road: a corner */
/* A row of a file: a point, or the number of a member to be attached to (cell >= 0). */
struct track_point { double at_s, x_m, y_m; int32_t cell; };
struct track { int n; const struct track_point *point; };
struct walk_def {
  enum walk_kind kind;
  double left_m, bottom_m, width_m, height_m;           /* the area of static and waypoint */
  const struct dist *speed_m_per_s, *pause_s;           /* pause NULL: none */
  int n_spots; const struct spot *spot;                 /* n = 0 of static: in the area */
  int n_tracks; const struct track *track;              /* of device i: i modulo n */
};

/* Now: from (x, y) at from_s to (to_x, to_y) at to_s; INFINITY: it stays. */
struct walk {
  double from_s, to_s, x_m, y_m, to_x_m, to_y_m;
  double speed_m_per_s;                                 /* of a road */
  uint32_t number;                                      /* of the piece */
  int32_t corner;                                       /* road, trace: behind it; waypoint, nomadic: 1 = moving */
};

/* What all devices of a place share. */
struct walks;
struct walks *walks_new(const struct walk_def *, const struct rng_root *, uint64_t name);
void walks_free(struct walks *);
void walk_start(const struct walks *, uint32_t member, struct walk *);
void walk_next(const struct walks *, uint32_t member, struct walk *);   /* not of a piece that never ends */
struct position { double x_m, y_m; };
struct position walk_at(const struct walk *, double at_s);
static inline double walk_speed(const struct walk *w)
{
  double dx = w->to_x_m - w->x_m, dy = w->to_y_m - w->y_m;
  return w->to_s > w->from_s ? __builtin_sqrt(dx * dx + dy * dy) / (w->to_s - w->from_s) : 0;
}

/* The least speed that is drawn, but for one part in 10^12. */
double walk_slowest(const struct dist *speed);
double walk_mean_inverse(const struct dist *speed);     /* E[1/speed] */
double walk_mean_distance(const struct walk_def *);     /* of two points, or spots, drawn at random */

#endif
