/* Equation: E' = charger + harvest - draw, 0 <= E <= capacity; constant between the edges of the charger's hours, of the
 * slots of the harvest and of the battery itself, so each piece is a straight line.
 * Checkable: 100 J, draw 2 W: dead at 50 s. With a charger of 5 W x 0.8 from 10 s for 10 s: 80 J at 10 s, 100 J at 20 s,
 * dead at 70 s. Restart at 5 % with 1 W coming in: alive again 5 s after death.
 */
#include "models/battery.h"
#include "models/streams.h"
#include "sim/check.h"
#include <math.h>

void battery_start(const struct battery_kind *k, struct battery *b, uint64_t member)
{
  *b = (struct battery){ .left_j = k->def->capacity_j * k->def->start, .member = member, .slot = UINT64_MAX, .died_s = NAN,
                         .first_s = NAN };
  b->dead = b->left_j <= 0;
  b->deaths = b->dead;
  if (b->dead) b->died_s = b->first_s = 0;
}

/* ---- what comes in ------------------------------------------------------------------------------------------------ */

/* Its power now, and when that changes. */
static double charger_w(const struct charger_def *c, double now, double *edge)
{
  double phase = now - c->from_s, begin = c->from_s;
  if (phase < 0) {
    *edge = fmin(*edge, c->from_s);
    return 0;
  }
  if (c->every_s > 0) {
    begin += c->every_s * floor(phase / c->every_s);
    if (begin + c->every_s <= now) begin += c->every_s; /* the quotient was rounded down */
    phase = now - begin;
    *edge = fmin(*edge, begin + c->every_s);
  }
  if (c->for_s <= 0) return c->power_w * c->efficiency;
  if (now < begin + c->for_s) *edge = fmin(*edge, begin + c->for_s);
  return now < begin + c->for_s ? c->power_w * c->efficiency : 0;
}

static double harvest_w(const struct battery_kind *k, struct battery *b, double now, double *edge)
{
  double n = floor(now / k->def->slot_s);
  if ((n + 1) * k->def->slot_s <= now) n++;
  *edge = fmin(*edge, (n + 1) * k->def->slot_s);
  if (b->slot != (uint64_t)n) {
    struct rng r = rng_open(&k->root, STREAM_HARVEST, k->name ^ b->member, (uint64_t)n);
    b->slot = (uint64_t)n;
    b->slot_j = fmax(0, dist_draw(k->def->harvest_j, &r));
  }
  return b->slot_j / k->def->slot_s;
}

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

static void go(struct battery *b, double dt, double in_w, double draw_w)
{
  double draw = b->dead ? 0 : draw_w;
  b->drawn_j += draw * dt;
  b->stored_j += in_w * dt;
  b->left_j += (in_w - draw) * dt;
  if (b->dead) b->dead_s += dt;
  b->at_s += dt;
}

static void die(struct battery *b)
{
  b->left_j = 0;
  b->dead = true;
  b->died_s = b->at_s;
  if (!b->deaths) b->first_s = b->at_s;
  b->deaths++;
}

/* One straight piece of at most dt; its power is that of its beginning. False when the device has died or come back. */
static bool piece(const struct battery_kind *k, struct battery *b, double to, double in_w, double draw_w)
{
  double net = in_w - (b->dead ? 0 : draw_w), dt = to - b->at_s, full = k->def->capacity_j;
  double back = k->def->restart * full;
  if (b->dead && net > 0 && (back - b->left_j) / net <= dt) {
    go(b, fmax(0, (back - b->left_j) / net), in_w, draw_w);
    b->left_j = fmax(b->left_j, back);
    b->dead = false;
    return false;
  }
  if (!b->dead && net < 0 && b->left_j / -net <= dt) {
    go(b, b->left_j / -net, in_w, draw_w);
    die(b);
    return false;
  }
  double room = net > 0 ? (full - b->left_j) / net : INFINITY;
  go(b, fmin(dt, fmax(0, room)), in_w, draw_w);
  if (room < dt) {                                      /* full: what is drawn is replaced, the rest is lost */
    b->left_j = full;
    double rest = to - b->at_s, draw = b->dead ? 0 : draw_w;
    b->spilled_j += (in_w - draw) * rest;
    go(b, rest, draw, draw_w);
    b->left_j = full;
  }
  b->at_s = to;
  return true;
}

/* Up to `to`, or to the first change between dead and alive if `stop`; true when it stopped there. */
static bool advance(const struct battery_kind *k, struct battery *b, double to, double draw_w, bool stop)
{
  while (b->at_s < to) {
    double edge = to, in_w = 0;
    if (k->def->charger) in_w += charger_w(k->def->charger, b->at_s, &edge);
    if (k->def->harvest_j) in_w += harvest_w(k, b, b->at_s, &edge);
    if (!piece(k, b, edge, in_w, draw_w) && stop) return true;
  }
  return false;
}

void battery_advance(const struct battery_kind *k, struct battery *b, double now_s, double draw_w)
{
  advance(k, b, now_s, draw_w, false);
}

void battery_spend(const struct battery_kind *k, struct battery *b, double joule)
{
  double spent = fmax(fmin(joule, b->left_j), b->left_j - k->def->capacity_j);
  if (b->dead || spent == 0) return;
  b->drawn_j += spent;
  b->left_j -= spent;
  if (b->left_j <= 0) die(b);
}

double battery_next_s(const struct battery_kind *k, const struct battery *b, double draw_w, double until_s)
{
  struct battery copy = *b;
  return advance(k, &copy, until_s, draw_w, true) ? copy.at_s : INFINITY;
}
