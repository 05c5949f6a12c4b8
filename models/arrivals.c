/* arrivals.c: renewal processes and processes with a rate that changes.
 *
 * A modulated process inverts Lambda(t) = integral of the rate over pieces of constant rate: the next arrival is where
 * Lambda has grown by one gap (mean 1). Exponential gaps give the Poisson process of that rate without thinning.
 * Checkable: MMPP of two states with rates a, b and mean stays m: rate (a + b)/2, and the variance of counts over t is
 * rate t + 2 c (t/q - (1 - exp(-q t))/q^2) with c = ((a - b)/2)^2 and q = 2/m (Fischer and Meier-Hellstern 1993).
 */
#include "models/arrivals.h"

#include "models/streams.h"
#include "sim/check.h"

#include <math.h>

double gap_exponential(struct source *s)
{
  return rng_exponential(&s->gaps);
}

static bool poisson_next(struct source *s, double *attribute)
{
  s->now = time_add(s->now, ns_from_s(s->mean_gap_s * rng_exponential(&s->gaps)));
  return s->now < SIM_NEVER;
}

bool arrive_poisson(struct source *s, struct err *e)
{
  double rate = s->arrivals->rate_per_s;
  if (!(rate >= 0) || isinf(rate))
    return err_add(e, (struct where){0}, "arrivals of class '%s': rate must be finite and >= 0", s->klass->name);
  s->mean_gap_s = 1 / rate;
  s->next = poisson_next;
  return true;
}

static bool renewal_next(struct source *s, double *attribute)
{
  double gap_s = dist_draw(s->arrivals->interarrival_s, &s->gaps);
  s->now = time_add(s->now, gap_s > 0 ? ns_from_s(gap_s) : 0);
  return s->now < SIM_NEVER;
}

bool arrive_renewal(struct source *s, struct err *e)
{
  if (!(dist_mean(s->arrivals->interarrival_s) > 0))
    return err_add(e, (struct where){0}, "arrivals of class '%s': mean inter-arrival time must be > 0", s->klass->name);
  s->next = renewal_next;
  return true;
}

/* ---- rates that change ------------------------------------------------------------------------------------------- */

bool modulated_next(struct source *s, double *attribute)
{
  double need = s->gap(s);
  for (;;) {
    if (s->piece_end == SIM_NEVER) {                    /* the rate stays as it is */
      s->now = s->rate > 0 ? time_add(s->now, ns_from_s(need / s->rate)) : SIM_NEVER;
      return s->now < SIM_NEVER;
    }
    double left = s_from_ns(s->piece_end - s->now) * s->rate;
    if (need < left) {
      s->now += ns_from_s(need / s->rate);
      return true;
    }
    need -= left;
    s->now = s->piece_end;
    if (!s->piece(s))
      return false;
  }
}

static void stay(struct source *s, double rate, double length_s)
{
  s->rate = rate;
  s->piece_end = time_add(s->now, ns_from_s(length_s));
}

/* Leave for one of the other states, each equally likely; stays are exponential. */
static bool mmpp_piece(struct source *s)
{
  const struct arrivals_def *a = s->arrivals;
  if (a->n_states > 1) {
    int other = (int)rng_below(&s->states, (uint64_t)a->n_states - 1);
    s->state = other + (other >= s->state);
  }
  stay(s, a->state_rate_per_s[s->state], a->state_mean_s[s->state] * rng_exponential(&s->states));
  return true;
}

/* The jump chain visits all states equally often, so the stationary probability of a state goes with its mean stay;
 * stays are memoryless, so a whole stay from time 0 is stationary. */
static void mmpp_first(struct source *s)
{
  const struct arrivals_def *a = s->arrivals;
  double sum = 0;
  for (int i = 0; i < a->n_states; i++)
    sum += a->state_mean_s[i];
  double u = rng_uniform(&s->states) * sum;
  for (s->state = 0; s->state < a->n_states - 1 && u >= a->state_mean_s[s->state]; s->state++)
    u -= a->state_mean_s[s->state];
  stay(s, a->state_rate_per_s[s->state], a->state_mean_s[s->state] * rng_exponential(&s->states));
}

static void modulate(struct source *s, bool (*piece)(struct source *))
{
  s->gap = gap_exponential;
  s->piece = piece;
  s->next = modulated_next;
}

bool arrive_mmpp(struct source *s, struct err *e)
{
  const struct arrivals_def *a = s->arrivals;
  double largest = 0;
  for (int i = 0; i < a->n_states; i++) {
    if (!(a->state_mean_s[i] > 0) || !(a->state_rate_per_s[i] >= 0))
      return err_add(e, (struct where){0}, "arrivals of class '%s': state %d needs a mean stay > 0 and a rate >= 0",
                     s->klass->name, i + 1);
    largest = fmax(largest, a->state_rate_per_s[i]);
  }
  if (!(largest > 0))
    return err_add(e, (struct where){0}, "arrivals of class '%s': some state needs a rate > 0", s->klass->name);
  mmpp_first(s);
  modulate(s, mmpp_piece);
  return true;
}

static bool on_off_piece(struct source *s)
{
  s->state = !s->state;
  const struct dist *length = s->state ? s->arrivals->on_s : s->arrivals->off_s;
  stay(s, s->state ? s->arrivals->on_rate_per_s : 0, fmax(0, dist_draw(length, &s->states)));
  return true;
}

/* Starts on or off with the stationary probability; the first period is a whole one, which is stationary for
 * exponential periods and close to it after a few periods for others. */
bool arrive_on_off(struct source *s, struct err *e)
{
  double on_s = dist_mean(s->arrivals->on_s), off_s = dist_mean(s->arrivals->off_s);
  if (!(on_s > 0) || !(s->arrivals->on_rate_per_s > 0) || !(off_s >= 0))
    return err_add(e, (struct where){0}, "arrivals of class '%s': on/off needs a mean on time > 0 and a rate > 0",
                   s->klass->name);
  s->state = rng_uniform(&s->states) * (on_s + off_s) >= on_s;  /* the state before the first: it is left at once */
  on_off_piece(s);
  modulate(s, on_off_piece);
  return true;
}

static sim_time piece_start(const struct arrivals_def *a, int piece)
{
  return ns_from_s(a->piece_from_s[piece]);
}

/* state counts the pieces begun in this period; -1 is the time before the first. */
static bool piecewise_piece(struct source *s)
{
  const struct arrivals_def *a = s->arrivals;
  sim_time period = ns_from_s(a->piece_period_s);
  if (s->state == a->n_pieces - 1)
    s->state = -1;
  else
    s->state++;
  sim_time begin = period > 0 ? s->now - s->now % period : 0;
  s->rate = s->state < 0 ? 0 : a->piece_rate_per_s[s->state];
  if (s->state + 1 < a->n_pieces)
    s->piece_end = time_add(begin, piece_start(a, s->state + 1));
  else
    s->piece_end = period > 0 ? time_add(begin, period) : SIM_NEVER;
  return true;
}

bool arrive_piecewise(struct source *s, struct err *e)
{
  const struct arrivals_def *a = s->arrivals;
  double largest = 0;
  for (int i = 0; i < a->n_pieces; i++) {
    if (!(a->piece_rate_per_s[i] >= 0) || (i > 0 && a->piece_from_s[i] <= a->piece_from_s[i - 1]))
      return err_add(e, (struct where){0}, "arrivals of class '%s': piece %d needs a rate >= 0 and a later start",
                     s->klass->name, i + 1);
    largest = fmax(largest, a->piece_rate_per_s[i]);
  }
  if (!(largest > 0))
    return err_add(e, (struct where){0}, "arrivals of class '%s': some piece needs a rate > 0", s->klass->name);
  if (a->piece_period_s > 0 && a->piece_from_s[a->n_pieces - 1] >= a->piece_period_s)
    return err_add(e, (struct where){0}, "arrivals of class '%s': the period ends before the last piece starts",
                   s->klass->name);
  s->state = a->n_pieces - 1;
  piecewise_piece(s);
  modulate(s, piecewise_piece);
  return true;
}
