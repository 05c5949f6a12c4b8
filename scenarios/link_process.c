/* link_process.c: `variability` and `trace` of a link. */
#include "scenarios/build.h"

#include "models/link_process.h"
#include <math.h>
#include <string.h>

static const struct dist *time_of(struct build *b, const struct node *map, const char *section, const char *key, bool wanted)
{
  const struct node *node = node_get(map, key);
  const struct dist *d = build_dist(b, node, Q_TIME, 1);
  if (!node && wanted)
    err_add(b->err, map->at, "'%s' needs '%s'", section, key);
  if (d && !(dist_mean(d) > 0 && isfinite(dist_mean(d)))) {
    err_add(b->err, node->at, "'%s' must have a positive, finite mean", key);
    return NULL;
  }
  return d;
}

static void build_spikes(struct build *b, struct link_process_def *d, const struct node *node)
{
  d->spikes = (struct spikes_def){time_of(b, node, "spikes", "every", true), time_of(b, node, "spikes", "lasts", false),
                                  time_of(b, node, "spikes", "peak", true),
                                  build_dist(b, node_get(node, "stretch"), Q_PURE, 1)};
  if (d->spikes.stretch && d->spikes.lasts_s)
    err_add(b->err, node_get(node, "stretch")->key_at, "'spikes' has both 'lasts' and 'stretch'; one is allowed");
  if (!d->spikes.peak_s)
    d->spikes.every_s = NULL;
}

static void build_outages(struct build *b, struct link_process_def *d, const struct node *node)
{
  d->outages = (struct link_outages_def){time_of(b, node, "outages", "every", true),
                                         time_of(b, node, "outages", "lasts", true)};
  if (!d->outages.lasts_s)
    d->outages.every_s = NULL;
}

enum { FACTORS = 256 };
static const double NO_RATE = 1e-9;

/* The smallest x with F(x) >= q, by halving. */
static double quantile_of_dist(const struct dist *d, double q)
{
  double low = 0, high = 1;
  while (dist_cdf(d, high) < q && high < 1e9)
    high *= 2;
  for (int i = 0; i < 60; i++) {
    double middle = (low + high) / 2;
    *(dist_cdf(d, middle) < q ? &low : &high) = middle;
  }
  return high;
}

/* `factor` as a table of quantiles, rising. */
static void build_factor(struct build *b, struct rate_process_def *rate, const struct node *node)
{
  const struct node *factor = node_get(node, "factor"), *sigma = node_get(node, "sigma");
  const struct dist *d = build_dist(b, factor, Q_PURE, 1);
  if (factor && sigma)
    err_add(b->err, factor->key_at, "'rate' has both 'sigma' and 'factor'; one is allowed");
  if (!d)
    return;
  double *table = arena_array(b->arena, double, FACTORS);
  for (int i = 0; i < FACTORS; i++)
    table[i] = quantile_of_dist(d, (i + .5) / FACTORS);
  for (int i = 0; i < FACTORS && table[i] < NO_RATE; i++)
    table[i] = 0;
  rate->factor = table;
  rate->n_factors = FACTORS;
}

static const struct rate_process_def *build_rate(struct build *b, const struct link_def *l, const struct node *node,
                                                 double own_byte_per_s, const char *section)
{
  struct rate_process_def *rate = arena_alloc(b->arena, sizeof *rate);
  *rate = (struct rate_process_def){.sigma = get_number(node, "rate_process", "sigma"),
                                    .correlation = get_number(node, "rate_process", "correlation"),
                                    .step_s = get_number(node, "rate_process", "step"),
                                    .idle = get_number(node, "rate_process", "idle"),
                                    .idle_lasts_s = time_of(b, node, "rate", "idle_lasts", false)};
  build_factor(b, rate, node);
  const struct node *slow = node_get(node, "slow");
  if (node_is(slow, NODE_MAP)) {
    rate->slow_share = get_number(slow, "rate_slow", "share");
    rate->slow_correlation = get_number(slow, "rate_slow", "correlation");
  }
  if (own_byte_per_s <= 0)
    err_add(b->err, node->key_at, "links.%s.variability.%s: the link has no 'rate' that could vary", l->name, section);
  return rate;
}

static struct loss_def *build_loss(struct build *b, struct link_process_def *d, const struct node *node)
{
  struct loss_def *loss = arena_alloc(b->arena, sizeof *loss);
  *loss = (struct loss_def){get_number(node, "loss", "to_bad"),  get_number(node, "loss", "to_good"),
                            get_number(node, "loss", "bad"),     get_number(node, "loss", "good"),
                            get_number(node, "loss", "packet"),  get_number(node, "loss", "retransmit"), {0}};
  d->loss = loss;
  return loss;
}

/* When the rates are known: of a trace too. */
static void time_packets(struct loss_def *loss, const struct link_def *l)
{
  const double rate[] = {l->up_byte_per_s, l->down_byte_per_s};
  for (int down = 0; loss && down < 2; down++)
    loss->packet_s[down] = rate[down] > 0 ? loss->packet_bytes / rate[down] : 0;
}

/* ---- traces ------------------------------------------------------------------------------------------------------ */

static const char *file_of(struct build *b, const struct node *file)
{
  const char *tried;
  struct hash hash;
  const char *path = scenario_find_file(b->arena, b->folder_of, file->text, &tried);
  if (!path)
    err_add(b->err, file->at, "the trace '%.200s' was not found; looked for %s", file->text, tried);
  else if (!hash_file(path, &hash))
    err_system(b->err, "cannot read %s", path);
  else
    note_file(b->scenario, file->text, path, "link trace", hash);
  return path;
}

/* A throughput is at most the capacity: only who writes `as: capacity` gets it for one. */
static bool kind_fits(struct build *b, const struct link_trace *t, enum link_trace_kind wanted, const struct node *file,
                      const struct node *trace)
{
  const char *const *name = link_trace_kind_names;
  if (t->kind == wanted)
    return true;
  if (t->kind == LINK_THROUGHPUT && wanted == LINK_CAPACITY && node_get(trace, "as")) {
    err_warn(b->err, file->at, "the throughput of an application stands for the capacity of a link: it is at most that");
    return true;
  }
  if (t->kind == LINK_THROUGHPUT && wanted == LINK_CAPACITY)
    return err_add(b->err, file->at, "'%.100s' is what an application got (throughput), not what the link could carry "
                   "(capacity); 'as: capacity' takes it for that", file->text);
  return err_add(b->err, file->at, "'%.100s' is of kind %s, not %s", file->text, name[t->kind], name[wanted]);
}

static const struct link_trace *read_trace(struct build *b, const struct node *trace, const struct node *file,
                                           enum link_trace_kind wanted)
{
  const char *path = node_is(file, NODE_TEXT) ? file_of(b, file) : NULL;
  int format = get_choice(trace, "link_trace", "format"), gaps = get_choice(trace, "link_trace", "gaps");
  double sample_s = get_number(trace, "link_trace", "sample");
  if (!path)
    return NULL;
  const struct link_trace_def def = {.file = path, .column = get_text(trace, "link_trace", "column"),
                                     .format = (enum link_format)(format + 1),  /* none said: -1 */
                                     .gaps = (enum link_gaps)(gaps < 0 ? 0 : gaps),
                                     .sample_s = sample_s > 0 ? sample_s : 0};
  const struct link_trace *t = link_trace_read(&def, b->arena, b->err);
  return t && kind_fits(b, t, wanted, file, trace) ? t : NULL;
}

/* A key that the trace replaces: a preset's gives way. */
static void instead_of(struct build *b, const struct link_def *l, const struct node *link, const char *key, const char *by)
{
  const struct node *own = node_get(link, key);
  if (own && !own->preset)
    err_add(b->err, own->key_at, "links.%s has both '%s' and 'trace.%s'; one is allowed", l->name, key, by);
}

static void trace_rate(struct build *b, struct link_process_def *d, struct link_def *l, const struct node *trace,
                       const struct node *link)
{
  const struct node *file = node_get(trace, "capacity");
  bool each = node_is(file, NODE_MAP);
  double scale = get_number(link, "link", "rate_scale");
  instead_of(b, l, link, "rate", "capacity");
  d->capacity[0] = read_trace(b, trace, each ? node_get(file, "up") : file, LINK_CAPACITY);
  d->capacity[1] = each ? read_trace(b, trace, node_get(file, "down"), LINK_CAPACITY) : d->capacity[0];
  if (!d->capacity[0] || !d->capacity[1])
    return;
  l->up_byte_per_s = scale * d->capacity[0]->mean;
  l->down_byte_per_s = scale * d->capacity[1]->mean;
  if (d->rate || d->rate_down)
    err_add(b->err, file->key_at, "links.%s has both 'variability.rate' and 'trace.capacity'; one is allowed", l->name);
}

static void trace_latency(struct build *b, struct link_process_def *d, struct link_def *l, const struct node *trace,
                          const struct node *link)
{
  const struct node *rtt = node_get(trace, "rtt"), *delay = node_get(trace, "delay");
  const char *key = rtt ? "rtt" : "delay";
  instead_of(b, l, link, "latency", key);
  instead_of(b, l, link, "rtt", key);
  const struct link_trace *t = read_trace(b, trace, rtt ? rtt : delay, rtt ? LINK_RTT : LINK_DELAY);
  if (!t)
    return;
  struct dist *mean = arena_alloc(b->arena, sizeof *mean);
  *mean = dist_constant(t->mean / 2);
  l->latency_s = rtt ? mean : t->delay_s;
  d->rtt = rtt ? t : NULL;
}

static void build_trace(struct build *b, struct link_process_def *d, struct link_def *l, const struct node *trace,
                        const struct node *link)
{
  const struct node *offset = node_get(trace, "offset");
  bool latency = node_get(trace, "rtt") || node_get(trace, "delay");
  d->offset_s = !offset || node_text_is(offset, "random") ? -1 : get_number(trace, "link_trace", "offset");
  if (!node_get(trace, "capacity") && !latency)
    err_add(b->err, trace->at, "'trace' names a file: 'capacity', 'rtt' or 'delay'");
  if (node_get(trace, "rtt") && node_get(trace, "delay"))
    err_add(b->err, trace->at, "'trace' has both 'rtt' and 'delay'; one is allowed");
  if (node_get(trace, "capacity"))
    trace_rate(b, d, l, trace, link);
  if (latency)
    trace_latency(b, d, l, trace, link);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static enum process_per sharer_of(const struct build *b, const struct link_def *l)
{
  bool device = false;
  const int end[] = {l->a, l->b};
  for (int i = 0; i < 2; i++)
    device |= end[i] != NONE && b->world->place[end[i]].tier == TIER_DEVICE;
  if (l->shared_by == SHARED_BY_CELL || l->shared_by == SHARED_BY_LINK)
    return l->shared_by == SHARED_BY_CELL ? PER_CELL : PER_LINK;
  return l->shared_by == SHARED_BY_DEVICE || device ? PER_DEVICE : PER_LINK;
}

void build_link_process(struct build *b, struct link_def *l, const struct node *link)
{
  const struct node *how = node_get(link, "variability"), *trace = node_get(link, "trace"), *part;
  if (!node_is(how, NODE_MAP) && !node_is(trace, NODE_MAP))
    return;
  struct link_process_def *d = arena_alloc(b->arena, sizeof *d);
  struct loss_def *loss = NULL;
  int per = get_choice(how, "variability", "per");
  d->offset_s = -1;
  d->sharer = sharer_of(b, l);
  d->per = per < 0 ? d->sharer : (enum process_per)per;
  if (node_is(part = node_get(how, "spikes"), NODE_MAP))
    build_spikes(b, d, part);
  if (node_is(part = node_get(how, "outages"), NODE_MAP))
    build_outages(b, d, part);
  if (node_is(part = node_get(how, "rate"), NODE_MAP))
    d->rate = build_rate(b, l, part, l->up_byte_per_s, "rate");
  if (node_is(part = node_get(how, "rate_down"), NODE_MAP))
    d->rate_down = build_rate(b, l, part, l->down_byte_per_s, "rate_down");
  if (node_is(part = node_get(how, "loss"), NODE_MAP))
    loss = build_loss(b, d, part);
  if (node_is(trace, NODE_MAP))
    build_trace(b, d, l, trace, link);
  time_packets(loss, l);
  bool nothing = !d->spikes.every_s && !d->outages.every_s && !d->rate && !d->rate_down && !d->loss && !d->capacity[0] && !d->rtt;
  l->process = nothing ? NULL : d;
}
