/* arrivals_trace.c: a trace replayed, whole or resampled.
 *
 * block_bootstrap is the circular block bootstrap (Politis and Romano 1992): the trace is closed to a circle of its
 * period (span plus one mean gap), blocks start anywhere on it with equal probability, and are laid one after another
 * to the length of the original. Every row is drawn equally often, so the mean rate is the original's.
 * Blocks and windows are keyed by the trace's name: classes that use one trace see the same ones.
 */
#include "models/arrivals.h"

#include "models/streams.h"

#include <math.h>

/* ---- stretches --------------------------------------------------------------------------------------------------- */

static sim_time random_time(struct rng *r, sim_time below)
{
  return below > 0 ? (sim_time)rng_below(r, (uint64_t)below) : 0;
}

void timeline_start(struct timeline *t, const struct trace_def *def, sim_time period, struct rng rng)
{
  *t = (struct timeline){.replicate = def ? def->replicate : REPLICATE_WHOLE, .rng = rng, .period = period,
                         .repeats = def ? def->at_end == AT_END_REPEAT : true};
  t->window = t->block = period;
  if (t->replicate == REPLICATE_BLOCK_BOOTSTRAP)
    t->block = ns_from_s(def->block_s);
  if (t->replicate == REPLICATE_WINDOW && ns_from_s(def->window_s) < period) {
    t->window = ns_from_s(def->window_s);
    t->start = random_time(&t->rng, period - t->window + 1);
  }
}

static bool next_block(struct timeline *t, struct stretch *s)
{
  sim_time room = t->repeats ? SIM_NEVER : t->period - t->out;
  if (room <= 0)
    return false;
  if (t->rest == 0) {
    t->rest_from = random_time(&t->rng, t->period);
    t->rest = t->block < room ? t->block : room;
  }
  sim_time to_end = t->period - t->rest_from;
  *s = (struct stretch){.out = t->out, .from = t->rest_from, .length = t->rest < to_end ? t->rest : to_end};
  t->rest -= s->length;
  t->rest_from = 0;
  t->out += s->length;
  return true;
}

bool timeline_next(struct timeline *t, struct stretch *s)
{
  if (t->replicate == REPLICATE_BLOCK_BOOTSTRAP)
    return next_block(t, s);
  if (t->out > 0 && (!t->repeats || t->out > SIM_NEVER - t->window))
    return false;
  *s = (struct stretch){.out = t->out, .from = t->start, .length = t->window};
  t->out += t->window;
  return true;
}

/* ---- replay ------------------------------------------------------------------------------------------------------ */

static uint64_t first_at_or_after(const struct trace_table *t, sim_time at)
{
  uint64_t low = 0, high = t->n;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (t->at[middle] < at)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The next row of the replication; its index in the table. */
static bool next_row(struct source *s, uint64_t *row)
{
  const struct trace_table *t = s->table;
  while (s->index >= t->n || t->at[s->index] - s->stretch.from >= s->stretch.length) {
    if (!timeline_next(&s->timeline, &s->stretch))
      return false;
    s->index = first_at_or_after(t, s->stretch.from);
  }
  *row = s->index++;
  s->now = time_add(s->stretch.out, t->at[*row] - s->stretch.from);
  return true;
}

static bool thinned_out(const struct source *s, uint64_t k)
{
  return s->thin < 1 && rng_fresh(&s->root, STREAM_TRACE, ~s->row_key, k) >= s->thin;
}

static bool trace_next(struct source *s, double *attribute)
{
  uint64_t row, k;
  do {
    if (!next_row(s, &row))
      return false;
    k = s->rows++;
  } while (thinned_out(s, k) || !split_takes(&s->split, k));
  for (int i = 0; i < s->n_columns; i++)
    attribute[s->column[i].attribute] = s->table->column[s->column[i].column][row];
  s->used++;
  return true;
}

/* `whole` gives every replication the same rows, so the parts of the classes must not depend on the replication. */
static void key_rows(struct source *s, const struct trace_def *def)
{
  s->row_key = rng_name(def->asked ? def->asked : def->file);
  s->split.key = s->row_key;
  if (def->replicate == REPLICATE_WHOLE)
    s->split.root = rng_root_make(s->row_key, 0);
  s->thin = def->replicate == REPLICATE_THIN ? def->keep_share : 1;
}

static bool check_replicate(const struct trace_def *d, struct err *e)
{
  if (d->replicate == REPLICATE_BLOCK_BOOTSTRAP && !(d->block_s >= 1e-3))
    return err_add(e, d->at, "block_bootstrap needs a block of at least 1 ms");
  if (d->replicate == REPLICATE_WINDOW && !(d->window_s >= 1e-3))
    return err_add(e, d->at, "replicate: window needs a window of at least 1 ms");
  if (d->replicate == REPLICATE_THIN && !(d->keep_share > 0 && d->keep_share <= 1))
    return err_add(e, d->at, "thin needs a share to keep in (0, 1]");
  return true;
}

static bool window_is_empty(const struct source *s)
{
  uint64_t i = first_at_or_after(s->table, s->timeline.start);
  return i == s->table->n || s->table->at[i] - s->timeline.start >= s->timeline.window;
}

bool arrive_trace(struct source *s, struct err *e)
{
  const struct trace_def *def = s->arrivals->trace;
  if (!check_replicate(def, e))
    return false;
  if (!def->file && s->arrivals->like)
    return arrive_fit(s, def, e);
  if (!def->file)
    return err_add(e, def->at, "trace file '%s' not found, and no 'else' says what runs instead",
                   def->asked ? def->asked : "");
  s->table = def->table ? def->table : trace_load(def, s->arena, e);
  if (!s->table)
    return false;
  key_rows(s, def);
  timeline_start(&s->timeline, def, s->table->period, rng_open(&s->root, STREAM_TRACE, s->row_key, UINT64_MAX));
  if (def->replicate == REPLICATE_WINDOW && window_is_empty(s))
    s->timeline.repeats = false;                        /* nothing to repeat */
  s->index = s->table->n;                               /* the first call takes the first stretch */
  s->next = trace_next;
  return true;
}
