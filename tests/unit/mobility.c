/* Where devices are and when they change over: closed forms of the stationary random waypoint, hand-computed change-overs
 * on straight ways, and a walk in small steps beside the exact search.
 * Statistical checks ask for less than 5 standard errors: 6e-7 false alarms each, 12 of them here. */
#include "models/defs.h"
#include "models/mobility.h"
#include "tests/unit/unit.h"

enum { DEVICES = 20000 };
static const double SIGMAS = 5;

struct rig { struct place_def place[2]; struct mobility_def def; struct world_def world; struct dist speed, pause; };

static struct dist dist_of(const char *kind, double a, double b)
{
  struct dist d;
  char why[160];
  assert_true(dist_make(&d, kind, (double[]){a, b}, 2, why));
  return d;
}

static struct rig *rig_new(enum walk_kind kind)
{
  struct rig *r = calloc(1, sizeof *r);
  r->place[0] = (struct place_def){.name = "cars", .count = DEVICES, .mobility = &r->def};
  r->place[1] = (struct place_def){.name = "cells", .count = 1};
  r->world = (struct world_def){.n_places = 2, .place = r->place};
  r->speed = dist_of("uniform", 1, 3);
  r->pause = dist_constant(0);
  r->def = (struct mobility_def){.walk = {.kind = kind, .speed_m_per_s = &r->speed}, .to = 1, .path_loss = 4};
  return r;
}

static void sites(struct rig *r, const double *x, const double *y, uint32_t n)
{
  r->def.x_m = x;
  r->def.y_m = y;
  r->def.n_sites = n;
}

/* ---- where they are ------------------------------------------------------------------------------------------------ */

struct seen { double n, sum, square; };
static void see(struct seen *s, double x)
{
  s->n++;
  s->sum += x;
  s->square += x * x;
}
static double mean(const struct seen *s) { return s->sum / s->n; }
static bool fits(const struct seen *s, double expected)
{
  double variance = s->square / s->n - mean(s) * mean(s);
  return fabs(mean(s) - expected) < SIGMAS * sqrt(variance / s->n);
}

static void walk_until(const struct walks *all, uint32_t member, double at_s, struct walk *w)
{
  walk_start(all, member, w);
  while (w->to_s <= at_s) walk_next(all, member, w);
}

struct facts { struct seen speed, spread, moves, fresh; };
static struct facts look(const struct rig *r, double at_s, double middle_m)
{
  struct facts f = {0};
  struct rng_root root = rng_root_make(7, 0);
  struct walks *all = walks_new(&r->def.walk, &root, rng_name("cars"));
  for (uint32_t i = 0; i < DEVICES; i++) {
    struct walk w;
    walk_until(all, i, at_s, &w);
    struct position p = walk_at(&w, at_s);
    see(&f.speed, walk_speed(&w));
    see(&f.moves, walk_speed(&w) > 0);
    see(&f.spread, (p.x_m - middle_m) * (p.x_m - middle_m));
    do walk_next(all, i, &w);
    while (walk_speed(&w) <= 0);
    see(&f.fresh, walk_speed(&w));
  }
  walks_free(all);
  return f;
}

/* On a line of 1 km, speeds uniform in 1 .. 3: E[1/V] = ln 3 / 2, E[D] = 1/3 km. Who moves has density 6x(1-x), so
 * E (x - 1/2)^2 = 1/20; who pauses is uniform: 1/12. */
static void waypoint_is_stationary(void **state)
{
  (void)state;
  struct rig *r = rig_new(WALK_WAYPOINT);
  r->def.walk.width_m = 1000;
  r->def.walk.pause_s = &r->pause;
  r->pause = dist_of("gamma", 60, 2);
  double move_s = 1000 / 3.0 * log(3) / 2, pause = 60 / (60 + move_s);
  double spread = pause / 12 + (1 - pause) / 20, speed = (1 - pause) * 2 / log(3);
  for (int later = 0; later < 2; later++) {
    struct facts f = look(r, later * 700.0, 500);
    assert_true(fits(&f.moves, 1 - pause));
    assert_true(fits(&f.speed, speed));
    assert_true(fits(&f.spread, spread * 1e6));
    assert_true(fits(&f.fresh, 2));                     /* planted: who begins with new ways has another mean speed */
    assert_false(fits(&f.fresh, 2 / log(3)));
    assert_false(fits(&f.spread, 1e6 / 12));            /* and is not uniform */
  }
  free(r);
}

static void integrals(void **state)
{
  (void)state;
  struct walk_def square = {.kind = WALK_WAYPOINT, .width_m = 1, .height_m = 1};
  struct dist u = dist_of("uniform", 1, 3), near_zero = dist_of("uniform", 0, 3), c = dist_constant(4);
  assert_near(walk_mean_distance(&square), (2 + sqrt(2) + 5 * log(1 + sqrt(2))) / 15, 1e-12);
  assert_near(walk_mean_inverse(&u), log(3) / 2, 1e-8);
  assert_near(walk_mean_inverse(&c), 0.25, 1e-12);
  assert_near(walk_slowest(&u), 1, 1e-9);
  assert_true(walk_slowest(&near_zero) < 1e-6);
  struct spot spot[2] = {{0, 0, 3}, {30, 40, 1}};
  struct walk_def two = {.kind = WALK_NOMADIC, .n_spots = 2, .spot = spot};
  assert_near(walk_mean_distance(&two), 2 * 0.75 * 0.25 * 50, 1e-12);
}

/* Attractiveness 3 : 1, 50 m apart, 2 m/s, stays of 100 s in the mean: a step is a stay and, with 3/8, 25 s on the way. */
static void nomads_stay_by_attractiveness(void **state)
{
  (void)state;
  static const struct spot spot[2] = {{0, 0, 3}, {30, 40, 1}};
  struct rig *r = rig_new(WALK_NOMADIC);
  r->speed = dist_constant(2);
  r->pause = dist_of("uniform", 50, 150);
  r->def.walk.pause_s = &r->pause;
  r->def.walk.n_spots = 2;
  r->def.walk.spot = spot;
  double under_way = 0.375 * 25 / (100 + 0.375 * 25);
  struct rng_root root = rng_root_make(8, 0);
  struct walks *all = walks_new(&r->def.walk, &root, rng_name("cars"));
  for (int later = 0; later < 2; later++) {
    struct seen moves = {0}, first = {0};
    for (uint32_t i = 0; i < DEVICES; i++) {
      struct walk w;
      walk_until(all, i, later * 333.0, &w);
      see(&moves, walk_speed(&w) > 0);
      if (walk_speed(&w) <= 0) see(&first, w.x_m < 15);
    }
    assert_true(fits(&moves, under_way));
    assert_true(fits(&first, 0.75));
  }
  walks_free(all);
  free(r);
}

static void road_turns_at_its_ends(void **state)
{
  (void)state;
  static const struct spot bend[3] = {{0, 0, 1}, {600, 0, 1}, {600, 800, 1}};
  struct rig *r = rig_new(WALK_ROAD);
  r->def.walk.n_spots = 3;
  r->def.walk.spot = bend;
  struct rng_root root = rng_root_make(9, 0);
  struct walks *all = walks_new(&r->def.walk, &root, rng_name("cars"));
  struct seen along = {0};
  for (uint32_t i = 0; i < 2000; i++) {
    struct walk w;
    walk_start(all, i, &w);
    double speed = walk_speed(&w), once = 2 * 1400 / speed;
    struct position a = walk_at(&w, 0), b;
    see(&along, a.x_m + a.y_m);                         /* uniform: mean of 700 */
    walk_until(all, i, once, &w);
    b = walk_at(&w, once);                              /* there and back */
    assert_near(walk_speed(&w), speed, 1e-9);
    assert_near(a.x_m, b.x_m, 1e-9);
    assert_near(a.y_m, b.y_m, 1e-9);
  }
  assert_true(fits(&along, 700));
  walks_free(all);
  free(r);
}

/* ---- change-overs -------------------------------------------------------------------------------------------------- */

static const double LINE_X[] = {0, 1000, 2000}, ROAD_Y[] = {0, 0, 0};
static const struct track_point DRIVE[] = {{0, 0, 0, -1}, {100, 2000, 0, -1}};
static const struct track ONE_DRIVE = {2, DRIVE};

static struct rig *drive(enum attach_by by, double hysteresis)
{
  struct rig *r = rig_new(WALK_TRACE);
  r->place[0].count = 1;
  r->def.walk.track = &ONE_DRIVE;
  r->def.walk.n_tracks = 1;
  r->def.by = by;
  r->def.hysteresis = hysteresis;
  sites(r, LINE_X, ROAD_Y, 3);
  return r;
}

static void changes_over_at(struct rig *r, double first_s, double second_s)
{
  struct rng_root root = rng_root_make(1, 0);
  struct mobility *m = mobility_new(&r->world, &root);
  assert_true(mobility_of(m, 0) && !mobility_of(m, 1));
  sim_time first = mobility_next(m, 0, 0, 0), second = mobility_next(m, 0, 0, first);
  assert_near(s_from_ns(first), first_s, 1e-9);
  assert_near(s_from_ns(second), second_s, 1e-9);
  assert_int_equal(mobility_cell(m, 0, 0, first), 1);
  assert_int_equal(mobility_cell(m, 0, 0, second - 1), 1);
  assert_int_equal(mobility_cell(m, 0, 0, second), 2);
  assert_true(mobility_next(m, 0, 0, second) == SIM_NEVER);
  uint64_t devices;
  assert_int_equal(mobility_handovers(m, ns_from_s(1000), &devices), 2);
  assert_int_equal(devices, 1);
  mobility_free(m);
  free(r);
}

/* 20 m/s over sites at 0, 1000, 2000 m. */
static void straight_road(void **state)
{
  (void)state;
  changes_over_at(drive(ATTACH_NEAREST, 0), 25, 75);
  changes_over_at(drive(ATTACH_NEAREST, 100), 27.5, 77.5);
  double k = pow(10, 6.0 / 40), x = 1000 * k / (1 + k);
  changes_over_at(drive(ATTACH_STRONGEST, 6), x / 20, (1000 + x) / 20);
  struct rig *r = drive(ATTACH_STRONGEST, 6);
  r->def.trigger_s = 0.16;
  changes_over_at(r, x / 20 + 0.16, (1000 + x) / 20 + 0.16);
}

/* Back before it has been better for 10 s: nothing happens. It is, for 5 s at most, twice. */
static void a_short_advantage_is_none(void **state)
{
  (void)state;
  static const struct track_point p[] = {{0, 450, 0, -1}, {5, 550, 0, -1}, {10, 450, 0, -1}, {15, 550, 0, -1}, {16, 450, 0, -1}};
  static const struct track there_and_back = {5, p};
  struct rig *r = drive(ATTACH_NEAREST, 0);
  struct rng_root root = rng_root_make(1, 0);
  r->def.walk.track = &there_and_back;
  r->def.trigger_s = 5.5;
  struct mobility *m = mobility_new(&r->world, &root);
  assert_true(mobility_next(m, 0, 0, 0) == SIM_NEVER);
  mobility_free(m);
  r->def.trigger_s = 4.5;                               /* better from 2.5 to 7.5 s */
  r->def.interruption_s = 0.05;
  m = mobility_new(&r->world, &root);
  assert_near(s_from_ns(mobility_next(m, 0, 0, 0)), 7, 1e-9);
  assert_true(mobility_back(m, 0, 0, ns_from_s(6)) == 0);
  assert_near(s_from_ns(mobility_back(m, 0, 0, ns_from_s(7))), 7.05, 1e-9);
  mobility_free(m);
  free(r);
}

static void members_named_by_a_trace(void **state)
{
  (void)state;
  static const struct track_point p[] = {{0, 0, 0, 4}, {10, 0, 0, 4}, {20, 0, 0, 2}, {30, 0, 0, 4}};
  static const struct track rows = {4, p};
  struct rig *r = rig_new(WALK_TRACE);
  r->def.walk.track = &rows;
  r->def.walk.n_tracks = 1;
  struct rng_root root = rng_root_make(1, 0);
  struct mobility *m = mobility_new(&r->world, &root);
  assert_int_equal(mobility_cell(m, 0, 5, 0), 4);
  assert_near(s_from_ns(mobility_next(m, 0, 5, 0)), 20, 1e-12);
  assert_int_equal(mobility_cell(m, 0, 5, ns_from_s(25)), 2);
  assert_int_equal(mobility_cell(m, 0, 5, ns_from_s(100)), 4);
  assert_true(mobility_next(m, 0, 5, ns_from_s(100)) == SIM_NEVER);
  mobility_free(m);
  free(r);
}

/* ---- beside a walk in small steps ---------------------------------------------------------------------------------- */

static const double STEP_S = 1e-3;

static double distance_to(const struct rig *r, uint32_t c, struct position p) { return hypot(p.x_m - r->def.x_m[c], p.y_m - r->def.y_m[c]); }

static uint32_t nearest_to(const struct rig *r, struct position p)
{
  uint32_t best = 0;
  for (uint32_t c = 1; c < r->def.n_sites; c++)
    if (distance_to(r, c, p) < distance_to(r, best, p)) best = c;
  return best;
}

static bool beaten(const struct rig *r, uint32_t s, struct position p)
{
  double of_s = distance_to(r, s, p), of_c = distance_to(r, nearest_to(r, p), p);
  if (r->def.by == ATTACH_NEAREST) return of_s - of_c > r->def.hysteresis;
  return 10 * r->def.path_loss * log10(of_s / of_c) > r->def.hysteresis;
}

/* Change-overs of device 3 in 600 s, by both; they are the same but for the width of a step. */
static void step_by_step(struct rig *r)
{
  struct rng_root root = rng_root_make(3, 1);
  struct walks *all = walks_new(&r->def.walk, &root, rng_name("cars"));
  struct mobility *m = mobility_new(&r->world, &root);
  struct walk w;
  double since = NAN;
  int n = 0;
  walk_start(all, 3, &w);
  uint32_t cell = nearest_to(r, walk_at(&w, 0));
  assert_int_equal(mobility_cell(m, 0, 3, 0), cell);
  sim_time next = mobility_next(m, 0, 3, 0);
  for (double t = 0; t < 600; t += STEP_S) {
    while (w.to_s <= t) walk_next(all, 3, &w);
    struct position p = walk_at(&w, t);
    if (!beaten(r, cell, p)) since = NAN;
    else if (isnan(since)) since = t;
    if (isnan(since) || t - since < r->def.trigger_s) continue;
    cell = nearest_to(r, p);
    since = NAN;
    for (int again = 0; again < 50 && mobility_cell(m, 0, 3, next) != cell; again++) next = mobility_next(m, 0, 3, next);
    if (!(fabs(s_from_ns(next) - t) < 3 * STEP_S))
      fail_msg("change-over %d to %u at %g s in steps, at %g s by the search", n, cell, t, s_from_ns(next));
    next = mobility_next(m, 0, 3, next);
    n++;
  }
  assert_true(n >= 5);
  mobility_free(m);
  m = mobility_new(&r->world, &root);                   /* the same, asked for at the end only */
  assert_int_equal(mobility_cell(m, 0, 3, ns_from_s(600)), cell);
  mobility_free(m);
  walks_free(all);
  free(r);
}

static void search_agrees_with_steps(void **state)
{
  (void)state;
  static const double x[] = {100, 500, 900, 120, 480, 880, 150, 510, 930}, y[] = {110, 90, 130, 520, 470, 500, 900, 880, 910};
  static const struct { enum attach_by by; double hysteresis, trigger_s; } rule[] = {
    {ATTACH_NEAREST, 0, 0}, {ATTACH_NEAREST, 60, 0}, {ATTACH_NEAREST, 20, 2}, {ATTACH_STRONGEST, 3, 0}, {ATTACH_STRONGEST, 2, 1.5}};
  for (size_t i = 0; i < sizeof rule / sizeof *rule; i++) {
    struct rig *r = rig_new(WALK_WAYPOINT);
    r->def.walk.width_m = r->def.walk.height_m = 1000;
    r->speed = dist_of("uniform", 10, 30);
    r->pause = dist_constant(5);
    r->def.walk.pause_s = &r->pause;
    r->def.by = rule[i].by;
    r->def.hysteresis = rule[i].hysteresis;
    r->def.trigger_s = rule[i].trigger_s;
    sites(r, x, y, 9);
    step_by_step(r);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(integrals), cmocka_unit_test(waypoint_is_stationary), cmocka_unit_test(nomads_stay_by_attractiveness),
    cmocka_unit_test(road_turns_at_its_ends), cmocka_unit_test(straight_road), cmocka_unit_test(a_short_advantage_is_none),
    cmocka_unit_test(members_named_by_a_trace), cmocka_unit_test(search_agrees_with_steps)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
