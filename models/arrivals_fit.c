/* arrivals_fit.c: a workload drawn from a fit: the rate of the original, gaps and rows from its statistics.
 *
 * Time of the original and of the run are tied by the same stretches as a trace's replay, so that a block bootstrap of
 * the fit varies as that of the trace does. Rows and gaps are drawn for the whole joint stream; a class with a share
 * keeps its part of it.
 */
#include "models/arrivals.h"

#include "models/streams.h"

#include <math.h>

static double original_s(const struct source *s, sim_time now)
{
  return s->fit_from_s + s_from_ns(now - s->stretch.out + s->stretch.from) * s->speed;
}

/* Set the rate at `now` and where it ends: at the end of the bin or of the stretch. */
static void enter_bin(struct source *s)
{
  const struct workload_fit *f = s->fit;
  double at_s = original_s(s, s->now);
  int bin = (int)((at_s + 1e-9) / f->bin_s);            /* a boundary rounded to ns belongs to the bin that it opens */
  if (bin >= f->n_bins)
    bin = f->n_bins - 1;
  s->rate = f->rate_per_s[bin] * s->speed;
  sim_time stretch_end = time_add(s->stretch.out, s->stretch.length);
  double bin_left_s = ((bin + 1) * f->bin_s - at_s) / s->speed;
  sim_time bin_end = bin == f->n_bins - 1 ? SIM_NEVER : time_add(s->now, ns_from_s(bin_left_s) + 1);
  s->piece_end = bin_end < stretch_end ? bin_end : stretch_end;
}

static bool fit_piece(struct source *s)
{
  if (s->now >= time_add(s->stretch.out, s->stretch.length) && !timeline_next(&s->timeline, &s->stretch))
    return false;
  enter_bin(s);
  return true;
}

static double gap_fitted(struct source *s)
{
  return fit_gap(s->fit, &s->gaps);
}

static bool fit_next(struct source *s, double *attribute)
{
  uint64_t k;
  do {
    if (!modulated_next(s, attribute))
      return false;
    k = s->rows++;
  } while (!split_takes(&s->split, k) || (s->thin < 1 && rng_fresh(&s->root, STREAM_TRACE, ~s->row_key, k) >= s->thin));
  if (s->n_columns == 0)
    return true;
  double value[MAX_ATTRIBUTES];
  struct rng r = rng_open(&s->root, STREAM_ATTRIBUTES, s->row_key, k);
  fit_row(s->fit, original_s(s, s->now), &r, value);
  for (int i = 0; i < s->n_columns; i++)
    attribute[s->column[i].attribute] = value[s->column[i].column];
  return true;
}

/* Classes with a share of one stream must draw that same stream; a class of its own draws its own. */
static void key_stream(struct source *s, const struct trace_def *def)
{
  const char *name = def && def->asked ? def->asked : s->fit->name;
  s->row_key = s->klass->share < 1 ? rng_name(name) : s->key;
  s->split.key = rng_name(name);
  s->gaps = rng_open(&s->root, STREAM_ARRIVALS, s->row_key, 2);
  s->thin = def && def->replicate == REPLICATE_THIN ? def->keep_share : 1;
}

bool arrive_fit(struct source *s, const struct trace_def *def, struct err *e)
{
  s->fit = s->arrivals->like;
  s->speed = def ? def->rate : 1;
  s->fit_from_s = def ? fmin(def->slice_from_s, s->fit->span_s) : 0;
  double to_s = def && def->slice_to_s > 0 ? fmin(def->slice_to_s, s->fit->span_s) : s->fit->span_s;
  if (!(to_s > s->fit_from_s) || !(s->speed > 0))
    return err_add(e, def ? def->at : (struct where){0}, "the slice lies outside the %g s of '%s'", s->fit->span_s,
                   s->fit->name);
  key_stream(s, def);
  sim_time period = ns_from_s((to_s - s->fit_from_s) / s->speed);
  timeline_start(&s->timeline, def, period, rng_open(&s->root, STREAM_TRACE, s->split.key, UINT64_MAX));
  s->gap = gap_fitted;
  s->piece = fit_piece;
  s->next = fit_next;
  return fit_piece(s);
}
