/* Sustained rate: a member under load loses rate as its curve says and wins it back while idle.
 *
 * Heat h is seconds of load: h' = 1 while any slot is held, h' = -recovery while none is, 0 <= h, and at the end of a load
 * h <= the curve's last point. Work done in dt at heat h is rate(h) dt, rate a step function; hence work over a load from
 * h0 is R(h0 + t) - R(h0), R piecewise linear: both directions in closed form, O(points).
 * Source of the shape: phones fall in phases under continuous load (parameter book 5.4). The member is one body: its
 * servers heat together, by whether there is load, not by how much.
 * Check: 1 until 10 s, then 0.5: 20 s of work from cool last 10 + 10 / 0.5 = 30 s; from heat 4 s: 6 + 14 / 0.5 = 34 s.
 * Nanoseconds throughout, so that changes of the rate fall on the points exactly.
 */
#include "models/station_parts.h"
#include <math.h>

void heat_known(struct station *s, const struct sustained_def *d)
{
  station_more(s)->sustained = d;
  s->kind->derated = s->kind->settles = true;
}

static const struct sustained_def *curve(const struct station *s) { return s->extra ? s->extra->sustained : NULL; }

static sim_time point(const struct sustained_def *d, int i) { return ns_from_s(d->load_s[i]); }

static int segment(const struct sustained_def *d, sim_time heat)
{
  int i = 0;
  while (i + 1 < d->n && point(d, i + 1) <= heat) i++;
  return i;
}

void heat_settle(struct station *s, sim_time dt)
{
  const struct sustained_def *d = curve(s);
  if (!d) return;
  sim_time *heat = &s->extra->heat, last = point(d, d->n - 1);
  if (s->used > 0) {
    *heat += dt;
    return;
  }
  if (*heat > last) *heat = last;
  double back = (double)dt * d->recovery;
  *heat = back < (double)*heat ? *heat - llround(back) : 0;
}

double heat_rate(const struct station *s)
{
  const struct sustained_def *d = curve(s);
  return d ? d->rate[segment(d, s->extra->heat)] : 1;
}

sim_time heat_next(const struct station *s)
{
  const struct sustained_def *d = curve(s);
  int i = d ? segment(d, s->extra->heat) + 1 : 0;
  return d && i < d->n ? point(d, i) - s->extra->heat : SIM_NEVER;
}

sim_time heat_lasts(const struct station *s, sim_time work)
{
  const struct sustained_def *d = curve(s);
  if (!d) return work;
  sim_time at = s->extra->heat;
  double left = (double)work;
  int i = segment(d, at);
  for (; i + 1 < d->n; i++) {
    double part = (double)(point(d, i + 1) - at) * d->rate[i];
    if (part >= left) break;
    left -= part;
    at = point(d, i + 1);
  }
  double rest = left / d->rate[i];
  return rest < 9e18 ? time_add(at - s->extra->heat, llround(rest)) : SIM_NEVER;
}

sim_time heat_done(const struct station *s, sim_time wall)
{
  const struct sustained_def *d = curve(s);
  if (!d) return wall;
  sim_time to = s->extra->heat, from = to - wall;
  double work = 0;
  for (int i = segment(d, from); i < d->n && from < to; i++) {
    sim_time end = i + 1 < d->n && point(d, i + 1) < to ? point(d, i + 1) : to;
    work += (double)(end - from) * d->rate[i];
    from = end;
  }
  return llround(work);
}
