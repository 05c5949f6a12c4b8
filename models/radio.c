/* The radio's state machine. Equations, source and checkable numbers: models/radio.h. */
#include "models/radio.h"

static sim_time smaller(sim_time a, sim_time b) { return a < b ? a : b; }
static sim_time larger(sim_time a, sim_time b) { return a > b ? a : b; }

/* ---- stages ---------------------------------------------------------------------------------------------------- */

/* The stage at `now` after an end at `since`, and when it began. */
static int stage_after(const struct radio_def *d, sim_time since, sim_time now, sim_time *began)
{
  int k = 0;
  *began = since;
  for (; k < d->n_stages - 1; k++) {
    sim_time end = time_add(*began, ns_from_s(d->stage[k].for_s));
    if (now < end) break;
    *began = end;
  }
  return k;
}

int radio_stage_at(const struct radio_def *d, const struct radio *r, sim_time now)
{
  sim_time began;
  if (now < r->at) return RADIO_PROMOTED;
  if (r->active) return RADIO_CONNECTED;
  return r->woken ? stage_after(d, r->since, now, &began) : d->n_stages - 1;
}

/* Nanoseconds of listening from the clock's start until t. */
static sim_time listened(const struct radio_stage *s, sim_time t, sim_time phase)
{
  sim_time cycle = ns_from_s(s->cycle_s), on = ns_from_s(s->on_s);
  if (cycle <= 0) return 0;
  t += phase % cycle;
  return t / cycle * on + smaller(t % cycle, on);
}

static double stage_j(const struct radio_stage *s, sim_time from, sim_time to, sim_time phase)
{
  if (to <= from) return 0;
  double joule = s->power_w * s_from_ns(to - from);
  return s->on_w > 0 ? joule + s->on_w * s_from_ns(listened(s, to, phase) - listened(s, from, phase)) : joule;
}

double radio_tail_j(const struct radio_def *d, sim_time from, sim_time now, sim_time phase)
{
  sim_time began = from;
  double sum = 0;
  for (int k = 0; k < d->n_stages - 1; k++) {
    sim_time end = time_add(began, ns_from_s(d->stage[k].for_s));
    sum += stage_j(&d->stage[k], larger(began, now), end, phase);
    began = end;
  }
  return sum;
}

static sim_time idle_from(const struct radio_def *d, const struct radio *r)
{
  sim_time began = 0;
  if (r->woken) stage_after(d, r->since, SIM_NEVER, &began);
  return began;
}

/* What is left of the tail; while it transfers, what was left of the last one. */
static double rest_j(const struct radio_def *d, const struct radio *r, sim_time now, sim_time phase)
{
  if (r->active) return r->saved_j;
  return r->woken ? radio_tail_j(d, r->since, now, phase) : 0;
}

/* ---- time passes ----------------------------------------------------------------------------------------------- */

static double idle_since_at(const struct radio_def *d, const struct radio *r, sim_time now, sim_time phase)
{
  return r->active ? 0 : stage_j(&d->stage[d->n_stages - 1], larger(r->at, idle_from(d, r)), now, phase);
}

static void advance(const struct radio_def *d, struct radio *r, sim_time now, sim_time phase)
{
  if (now <= r->at) return;
  double s = s_from_ns(now - r->at);
  if (r->active) {
    r->direct_j += d->base_w * s;
    r->share_s += s / r->active;
  } else r->idle_j += idle_since_at(d, r, now, phase);
  r->at = now;
}

double radio_idle_j(const struct radio_def *d, const struct radio *r, sim_time now, sim_time phase)
{
  return r->idle_j + idle_since_at(d, r, now, phase);
}

double radio_energy_j(const struct radio_def *d, const struct radio *r, sim_time now, sim_time phase)
{
  double base_j = r->active && now > r->at ? d->base_w * s_from_ns(now - r->at) : 0;
  return r->direct_j + base_j - rest_j(d, r, now, phase) + radio_idle_j(d, r, now, phase);
}

double radio_rest_w(const struct radio_def *d)
{
  const struct radio_stage *idle = &d->stage[d->n_stages - 1];
  return idle->power_w + (idle->cycle_s > 0 ? idle->on_w * idle->on_s / idle->cycle_s : 0);
}

double radio_rest_j(const struct radio_def *d, const struct radio *r, sim_time now, sim_time phase, bool over)
{
  sim_time until = r->active || over ? now : larger(now, idle_from(d, r));
  return radio_idle_j(d, r, now, phase) - radio_rest_w(d) * s_from_ns(until);
}

/* ---- uses ------------------------------------------------------------------------------------------------------ */

static sim_time until_listening(const struct radio_stage *s, sim_time now, sim_time phase)
{
  sim_time cycle = ns_from_s(s->cycle_s);
  if (cycle <= 0) return 0;
  sim_time in_cycle = (now + phase % cycle) % cycle;
  return in_cycle < ns_from_s(s->on_s) ? 0 : cycle - in_cycle;
}

sim_time radio_wait(const struct radio_def *d, const struct radio *r, sim_time now, sim_time phase, bool by_network)
{
  int k = radio_stage_at(d, r, now);
  if (k < 0) return larger(0, r->at - now);
  return (by_network ? until_listening(&d->stage[k], now, phase) : 0) + ns_from_s(d->stage[k].resume_s);
}

/* Until it hears of it, it stays in its stage; both this and the promotion are paid for at once. */
double radio_begin(const struct radio_def *d, struct radio *r, sim_time now, sim_time phase, bool by_network,
                   sim_time *wait)
{
  int k = radio_stage_at(d, r, now);
  *wait = radio_wait(d, r, now, phase, by_network);
  advance(d, r, now, phase);
  r->saved_j = rest_j(d, r, larger(now, r->at), phase);
  double joule = 0;
  if (k >= 0) {
    const struct radio_stage *s = &d->stage[k];
    sim_time heard = now + *wait - ns_from_s(s->resume_s);
    double sleeps_j = stage_j(s, now, heard, phase);
    if (k == d->n_stages - 1) r->idle_j += sleeps_j;
    else joule += sleeps_j;
    joule += s->resume_w * s->resume_s;
    r->at = now + *wait;
  }
  r->active++;
  r->direct_j += joule;
  return joule;
}

double radio_anchor_s(double bytes, double byte_per_s, double slow, double slow_s)
{
  if (!(slow > 0) || !(slow_s > 0) || (byte_per_s > 0 && byte_per_s <= slow)) return 0;
  double each_s = 1 / slow - (byte_per_s > 0 ? 1 / byte_per_s : 0);
  return (bytes < slow * slow_s ? bytes : slow * slow_s) * each_s;
}

double radio_end(const struct radio_def *d, struct radio *r, sim_time now, sim_time phase, double share_s)
{
  sim_assert(r->active > 0);
  advance(d, r, now, phase);
  double base_j = d->base_w * (r->share_s - share_s), tail_j = 0;
  if (--r->active == 0) {
    r->share_s = 0;                                     /* nobody is left who noted it */
    r->woken = true;
    r->since = r->at;                                   /* now, or the end of a promotion that goes on */
    tail_j = rest_j(d, r, r->at, phase) - r->saved_j;
    r->saved_j = 0;
  }
  r->direct_j += tail_j;
  return base_j + tail_j;
}

double radio_hold(const struct radio_def *d, struct radio *r, sim_time from, sim_time now, sim_time phase)
{
  advance(d, r, now, phase);
  if (r->active || !r->woken || now <= r->since) return 0;
  from = larger(from, r->since);
  const struct radio_stage *idle = &d->stage[d->n_stages - 1];
  double before = radio_tail_j(d, r->since, from, phase);
  double slept_j = stage_j(idle, larger(from, idle_from(d, r)), now, phase);
  double joule = d->stage[0].power_w * s_from_ns(now - from) + radio_tail_j(d, now, now, phase) - before;
  r->idle_j -= slept_j;
  r->direct_j += joule;
  r->since = now;
  return joule;
}

double radio_byte_j(const struct radio_def *d, bool up, double bytes)
{
  return (up ? d->up_j_per_byte : d->down_j_per_byte) * bytes;
}

struct radio_expected radio_expect(const struct radio_def *d, const struct radio *r, sim_time now, bool by_network)
{
  int k = radio_stage_at(d, r, now);
  if (k == RADIO_PROMOTED) return (struct radio_expected){.wait_s = s_from_ns(r->at - now)};
  if (k == RADIO_CONNECTED) return (struct radio_expected){0};
  const struct radio_stage *s = &d->stage[k];
  double sleeps_s = s->cycle_s > s->on_s ? s->cycle_s - s->on_s : 0;
  double listens_s = by_network && sleeps_s > 0 ? sleeps_s * sleeps_s / (2 * s->cycle_s) : 0;
  return (struct radio_expected){listens_s + s->resume_s, s->resume_w * s->resume_s + radio_tail_j(d, 0, 0, 0)
                                                            - rest_j(d, r, now, 0)};
}
