/* workload.c: the source of a class: which process, which attributes from where. */
#include "models/arrivals.h"

#include "models/streams.h"
#include "sim/check.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIFFICULTY = 0 };                                /* attribute 0 of every class */

struct trace_def trace_def_default(void)
{
  return (struct trace_def){.format = TRACE_CSV, .time_scale_s = 1, .origin_first = true, .rate = 1,
                            .at_end = AT_END_STOP, .replicate = REPLICATE_WHOLE, .block_s = 300, .window_s = 300,
                            .keep_share = 1};
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

/* The column of the trace or fit that gives an attribute, or NONE. A fit may name its columns as the trace did. */
static int column_of(const struct source *s, const char *attribute)
{
  const struct trace_def *t = s->arrivals->trace;
  if (s->table) {
    for (int i = 0; i < t->n_columns; i++)
      if (!strcmp(t->column[i].attribute, attribute))
        return i;
    return NONE;
  }
  const char *alias = NULL;
  for (int i = 0; t && i < t->n_columns; i++)
    if (!strcmp(t->column[i].attribute, attribute))
      alias = t->column[i].column;
  for (int i = 0; s->fit && i < s->fit->n_columns; i++)
    if (!strcmp(s->fit->column[i], attribute) || (alias && !strcmp(s->fit->column[i], alias)))
      return i;
  return NONE;
}

/* An attribute has a stream of its own, so that changing one distribution leaves the others' draws. */
static bool find_attributes(struct source *s, struct err *e)
{
  bool good = true;
  for (int i = DIFFICULTY + 1; i < s->klass->n_attributes; i++) {
    const struct attribute_def *a = &s->klass->attribute[i];
    int column = column_of(s, a->name);
    if (a->produced) continue;
    if (a->dist)
      s->dist[s->n_dists++] = (struct attribute_from_dist){i, s->key ^ rng_name(a->name), a->dist, a->classifies, a->error,
                                                             a->scores};
    else if (a->of_session)
      continue;
    else if (column != NONE)
      s->column[s->n_columns++] = (struct attribute_from_column){i, column};
    else
      good = err_add(e, (struct where){0}, "attribute '%s' of class '%s' has neither a distribution nor a column",
                     a->name, s->klass->name);
  }
  return good;
}

/* Normal scores of difficulty and guess have the correlation sqrt(1 - error^2), and the guess is uniform, too: error 0
 * is the truth, 1 is chance. Check: P(both on one side of the median) = 1/2 + asin(sqrt(1 - error^2)) / pi. */
static double guess(double difficulty, double error, struct rng *r)
{
  double z = gsl_cdf_ugaussian_Pinv(fmin(fmax(difficulty, 1e-16), 1 - 1e-16));
  return gsl_cdf_ugaussian_P(sqrt(1 - error * error) * z + error * rng_normal(r));
}

/* They need the subject, wherever it stands. */
static void draw_scores(const struct source *s, uint64_t id, double *attribute)
{
  for (int i = 0; i < s->n_dists; i++) {
    const struct attribute_from_dist *from = &s->dist[i];
    if (!from->scores) continue;
    struct rng r = rng_open(&s->root, STREAM_ATTRIBUTES, from->key, id);
    attribute[from->attribute] = score_draw(from->scores, attribute[s->klass->subject], attribute[DIFFICULTY], rng_normal(&r));
  }
}

void source_attributes(const struct source *s, uint64_t id, double *attribute)
{
  bool scores = false;
  attribute[DIFFICULTY] = rng_fresh(&s->root, STREAM_ATTRIBUTES, s->key, id);
  for (int i = 0; i < s->n_dists; i++) {
    struct rng r = rng_open(&s->root, STREAM_ATTRIBUTES, s->dist[i].key, id);
    const struct attribute_from_dist *from = &s->dist[i];
    scores |= from->scores != NULL;
    attribute[from->attribute] =
        from->classifies ? guess(attribute[DIFFICULTY], from->error, &r) : dist_draw(from->dist, &r);
  }
  if (scores) draw_scores(s, id, attribute);
}

/* ---- the parts of classes that use one stream of rows together --------------------------------------------------- */

static const char *stream_name(const struct class_def *c)
{
  const struct arrivals_def *a = &c->arrivals;
  if (a->kind == ARRIVE_TRACE && a->trace)
    return a->trace->asked ? a->trace->asked : a->trace->file;
  return a->kind == ARRIVE_LIKE && a->like ? a->like->name : NULL;
}

static bool same_stream(const struct class_def *a, const struct class_def *b)
{
  const char *x = stream_name(a), *y = stream_name(b);
  return x && y && !strcmp(x, y);
}

/* Classes with a share take neighbouring parts of [0, 1) in the order of the scenario. */
static bool find_split(struct source *s, const struct world_def *w, int klass, struct err *e)
{
  double low = 0;
  for (int i = 0; i < klass; i++)
    if (w->klass[i].share < 1 && same_stream(&w->klass[i], s->klass))
      low += w->klass[i].share;
  s->split = (struct split){.root = s->root, .low = 0, .high = 1};
  if (s->klass->share >= 1 || !stream_name(s->klass))
    return true;
  s->split.low = low;
  s->split.high = low + s->klass->share;
  if (s->split.high > 1 + 1e-9)
    return err_add(e, (struct where){0}, "classes that share '%s' take more than all of it: %g with class '%s'",
                   stream_name(s->klass), s->split.high, s->klass->name);
  return true;
}

bool split_takes(const struct split *s, uint64_t row)
{
  if (s->low <= 0 && s->high >= 1)
    return true;
  double u = rng_fresh(&s->root, STREAM_TRACE, s->key, row);
  return s->low <= u && u < s->high;
}

/* ---- sources ----------------------------------------------------------------------------------------------------- */

static bool closed_next(struct source *s, double *attribute)
{
  return false;                                         /* users ask when they have thought, not by a clock */
}

static bool arrive_closed(struct source *s, struct err *e)
{
  s->next = closed_next;
  if (s->arrivals->users > 0 && s->arrivals->think_s)
    return true;
  return err_add(e, (struct where){0}, "arrivals of class '%s': closed needs users and a think time", s->klass->name);
}

static bool choose_process(struct source *s, struct err *e)
{
  switch (s->arrivals->kind) {
  case ARRIVE_POISSON: return arrive_poisson(s, e);
  case ARRIVE_RENEWAL: return arrive_renewal(s, e);
  case ARRIVE_MMPP: return arrive_mmpp(s, e);
  case ARRIVE_ON_OFF: return arrive_on_off(s, e);
  case ARRIVE_PIECEWISE: return arrive_piecewise(s, e);
  case ARRIVE_CLOSED: return arrive_closed(s, e);
  case ARRIVE_TRACE: return arrive_trace(s, e);
  case ARRIVE_LIKE: return arrive_fit(s, NULL, e);
  case ARRIVE_SESSION: return s->arrivals->interarrival_s ? arrive_renewal(s, e) : arrive_poisson(s, e);
  }
  sim_assert(!"a known kind of arrivals");
  return false;
}

struct source *source_new(const struct world_def *w, int klass, const struct rng_root *root, struct err *e)
{
  struct arena *arena = arena_new();
  struct source *s = arena_alloc(arena, sizeof *s);
  s->arena = arena;
  s->klass = &w->klass[klass];
  s->arrivals = &s->klass->arrivals;
  s->root = *root;
  s->key = rng_name(s->klass->name);
  s->gaps = rng_open(root, STREAM_ARRIVALS, s->key, 0);
  s->states = rng_open(root, STREAM_ARRIVALS, s->key, 1);
  if (find_split(s, w, klass, e) && choose_process(s, e) && find_attributes(s, e))
    return s;
  source_free(s);
  return NULL;
}

void source_free(struct source *s)
{
  if (s)
    arena_free(s->arena);
}

bool source_next(struct source *s, sim_time *at, double *attribute)
{
  if (!s->next(s, attribute))
    return false;
  *at = s->now;
  return true;
}

sim_time source_think(struct source *s, uint64_t user, uint64_t k)
{
  struct rng r = rng_open(&s->root, STREAM_THINK, s->key + user, k);
  double think_s = dist_draw(s->arrivals->think_s, &r);
  return think_s > 0 ? ns_from_s(think_s) : 0;
}

uint64_t source_turns(const struct source *s, uint64_t session)
{
  struct rng r = rng_open(&s->root, STREAM_SESSION, s->key, session);
  double turns = dist_draw(s->arrivals->session->turns, &r);
  return turns > 1 ? turns < 1e9 ? (uint64_t)ceil(turns) : 1000000000 : 1;
}

uint64_t source_rows(const struct source *s)
{
  return s->table ? s->used : 0;
}

int source_is_fit(const struct source *s)
{
  return s->fit ? 1 : s->table ? 0 : NONE;
}
