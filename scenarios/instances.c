/* instances.c: `instances` and `failures` of a place, and cold starts. */
#include "scenarios/build.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- cold starts -------------------------------------------------------------------------------------------------- */

static uint32_t steps_before(struct build *b, const struct node *step, const char *const *names, int n)
{
  const struct node *after = node_get(step, "after"), *const *name;
  uint32_t set = !after && n > 0 ? 1u << (n - 1) : 0;
  size_t count = elements(after, &name, b->arena);
  for (size_t i = 0; i < count; i++) {
    int k = build_find(b, name[i], "earlier step", names, n);
    if (k != NONE) set |= 1u << k;
  }
  return set;
}

static const struct cold_start_def *start_of(struct build *b, int n, const struct cold_step_def *steps)
{
  struct cold_start_def *start = arena_alloc(b->arena, sizeof *start);
  *start = (struct cold_start_def){n, steps};
  return start;
}

static const struct cold_start_def *start_in_steps(struct build *b, const struct node *list)
{
  const char *names[MAX_COLD_STEPS];
  if (!node_is(list, NODE_LIST)) return NULL;
  if (list->n > MAX_COLD_STEPS) {
    err_add(b->err, list->at, "more than %d steps", MAX_COLD_STEPS);
    return NULL;
  }
  struct cold_step_def *step = arena_array(b->arena, struct cold_step_def, list->n + 1);
  for (size_t i = 0; i < list->n; i++) {
    const struct node *s = list->child[i];
    double rate = get_number(s, "cold_step", "rate");
    step[i] = (struct cold_step_def){.name = node_name(s), .after = steps_before(b, s, names, (int)i),
      .time_s = build_dist(b, node_get(s, "time"), Q_TIME, 1), .bytes = get_number(s, "cold_step", "size"),
      .byte_per_s = isnan(rate) ? 0 : rate, .cached = get_flag(s, "cold_step", "cached")};
    names[i] = step[i].name ? step[i].name : "?";
    if ((step[i].bytes > 0) != (step[i].byte_per_s > 0))
      err_add(b->err, s->at, "'size' and 'rate' of a step come together");
  }
  return start_of(b, (int)list->n, step);
}

static const struct cold_start_def *start_in_one(struct build *b, const struct node *time)
{
  struct cold_step_def *step = arena_array(b->arena, struct cold_step_def, 1);
  *step = (struct cold_step_def){.name = "start", .time_s = build_dist(b, time, Q_TIME, 1)};
  return step->time_s ? start_of(b, 1, step) : NULL;
}

static const struct cold_start_def *start_of_map(struct build *b, const struct node *map)
{
  const struct node *steps = node_get(map, "steps"), *time = node_get(map, "time");
  if ((steps != NULL) == (time != NULL)) {
    err_add(b->err, map->at, "a cold start has either 'time' or 'steps'");
    return NULL;
  }
  return steps ? start_in_steps(b, steps) : start_in_one(b, time);
}

/* A name, a time, a distribution, or the map itself. */
static const struct cold_start_def *build_start(struct build *b, const struct node *node)
{
  char why[UNITS_WHY];
  double value;
  size_t errors = b->err->n_errors;
  if (!node) return NULL;
  if (node_is(node, NODE_TEXT) && !number_parse(node->text, Q_TIME, &value, why)) {
    const struct node *named = node_get(node_get(b->root, "cold_starts"), node->text);
    return node_is(named, NODE_MAP) && named->n ? start_of_map(b, named) : NULL;
  }
  if (node_get(node, "steps") || node_get(node, "time")) {
    schema_check_part(node, "cold_start", b->err);
    return b->err->n_errors == errors ? start_of_map(b, node) : NULL;
  }
  schema_check_dist(node, Q_TIME, "cold_start", b->err);
  return b->err->n_errors == errors ? start_in_one(b, node) : NULL;
}

/* ---- instances ---------------------------------------------------------------------------------------------------- */

static void build_keep(struct instances_def *d, const struct node *node)
{
  const struct node *keep = node_get(node, "keep_alive"), *h = node_get(keep, "hybrid_histogram");
  d->keep = h ? KEEP_HISTOGRAM : node_text_is(keep, "always") ? KEEP_ALWAYS : KEEP_FOR;
  d->keep_s = h ? get_number(h, "hybrid_histogram", "fixed")
                : node_text_is(keep, "never") ? 0 : get_number(node, "instances", "keep_alive");
  d->bin_s = get_number(h, "hybrid_histogram", "bin");
  d->range_s = get_number(h, "hybrid_histogram", "range");
  d->head = get_number(h, "hybrid_histogram", "head");
  d->tail = get_number(h, "hybrid_histogram", "tail");
  d->margin = get_number(h, "hybrid_histogram", "margin");
  if (isnan(d->keep_s)) d->keep_s = 600;
}

static void build_scale(struct instances_def *d, const struct node *scale)
{
  int by = get_choice(scale, "scale", "by");
  if (!scale || by < 0) return;
  d->by = (enum scale_by)(by + 1);
  d->target = get_number(scale, "scale", "target");
  d->period_s = get_number(scale, "scale", "period");
  d->delay_s = get_number(scale, "scale", "delay");
  d->cooldown_s = get_number(scale, "scale", "cooldown");
  d->stable_s = get_number(scale, "scale", "stable_window");
  d->panic_s = get_number(scale, "scale", "panic_window");
  d->panic_threshold = get_number(scale, "scale", "panic_threshold");
  d->grace_s = get_number(scale, "scale", "grace");
  if (!(d->target > 0)) d->target = 1;
}

/* What does not fit together. */
static void check_instances(struct build *b, const struct place_def *p, const struct instances_def *d,
                            const struct node *node)
{
  if (d->min > d->max)
    err_add(b->err, node_get(node, "min")->at, "'min' is %u, more than 'max', which is %u", d->min, d->max);
  if ((uint32_t)p->servers < d->max)
    err_add(b->err, node_get(node, "max")->at,
            "'max' is %u instances, but the place has %d servers; an instance stands on one of its own", d->max,
            p->servers);
  if (d->by != SCALE_BY_DEMAND && (d->keep == KEEP_HISTOGRAM || d->queue_at_instance))
    err_add(b->err, node_get(node, "scale")->key_at,
            "'scale' decides on its own how many there are: it goes neither with 'keep_alive: hybrid_histogram' nor with "
            "'queue: instance'");
  if (d->cancels && (d->by != SCALE_BY_DEMAND || d->keep == KEEP_HISTOGRAM || d->queue_at_instance))
    err_add(b->err, node_get(node, "surplus")->key_at,
            "'surplus: cancel' is for starts on demand with the queue at the front: without scale, hybrid_histogram and "
            "queue: instance");
  bool moves = p->discipline == PROCESSOR_SHARING || p->discipline == PRIORITY_PREEMPTIVE || p->discipline == SRPT;
  if (d->queue_at_instance && (p->batching || p->llm || moves))
    err_add(b->err, node_get(node, "queue")->at,
            "queue: instance goes with the disciplines fifo, lifo, priority and edf, without 'batching'");
}

static void check_windows(struct build *b, const struct instances_def *d, const struct node *scale)
{
  const struct node *stable = node_get(scale, "stable_window"), *panic = node_get(scale, "panic_window");
  if (stable && d->by != SCALE_BY_CONCURRENCY)
    err_add(b->err, stable->key_at, "'stable_window' is for 'by: concurrency'");
  if (panic && !(d->panic_s < d->stable_s))
    err_add(b->err, panic->key_at, "'panic_window' is shorter than 'stable_window', which must be given");
  if (d->stable_s > 1e5 * d->period_s)
    err_add(b->err, stable->at, "'stable_window' has more than 100000 periods");
}

static void build_reserved(struct build *b, const struct place_def *p, struct instances_def *d, const struct node *node)
{
  const struct node *n = node_get(node, "reserved"), *price = node_get(node, "reserved_price");
  d->reserved = (uint32_t)get_count(node, "instances", "reserved");
  d->reserved_usd_per_s = get_number(node, "instances", "reserved_price");
  if (!n) d->reserved = 0;
  if ((n != NULL) != (price != NULL))
    err_add(b->err, (n ? n : price)->key_at, "'reserved' and 'reserved_price' come together");
  if (n && d->reserved > d->max)
    err_add(b->err, n->at, "'reserved' is %u, more than 'max', which is %u", d->reserved, d->max);
  if (n && !p->tariff.on_demand)
    err_add(b->err, n->key_at, "'reserved' is for a place whose tariff has 'billing: on_demand' for the others");
}

/* Unless given, what a loaded model adds to the hardware's idle power. */
static double warm_w(struct build *b, const struct place_def *p, const struct node *given, const struct node *node)
{
  const struct hardware_def *h = b->world->hardware;
  double more = p->n_hardware > 0 ? h[p->hardware[0]].context_w : 0;
  if (given) return get_number(node, "instances", "warm_power");
  for (int k = 1; k < p->n_hardware; k++)
    if (h[p->hardware[k]].context_w != more) {
      err_add(b->err, node->at, "places.%s mixes hardware of different 'context_power': say 'warm_power'", p->name);
      break;
    }
  return more;
}

static void instances(struct build *b, struct place_def *p, const struct node *place, const struct node *node)
{
  struct instances_def *d = arena_alloc(b->arena, sizeof *d);
  *d = (struct instances_def){.min = (uint32_t)get_count(node, "instances", "min"),
    .max = (uint32_t)get_count(node, "instances", "max"), .warm_w = warm_w(b, p, node_get(node, "warm_power"), node),
    .queue_at_instance = get_choice(node, "instances", "queue") == 1,
    .cancels = get_choice(node, "instances", "surplus") == 1};
  if (d->max < 1) d->max = 1;
  d->cold_start = build_start(b, node_get(node, "cold_start"));
  build_keep(d, node);
  build_scale(d, node_get(node, "scale"));
  if (p->llm && node_get(node, "concurrency"))
    err_add(b->err, node_get(node, "concurrency")->key_at, "the concurrency of LLM engines is their 'max_num_seqs'");
  else if (node_get(node, "concurrency")) p->slots = (int)get_count(node, "instances", "concurrency");
  if (!node_get(place, "servers")) p->servers = (int)d->max;
  check_instances(b, p, d, node);
  check_windows(b, d, node_get(node, "scale"));
  build_reserved(b, p, d, node);
  p->instances = d;
}

/* ---- failures ----------------------------------------------------------------------------------------------------- */

static void outages(struct build *b, struct failures_def *d, const struct node *list)
{
  double free_from = 0;
  struct outage_def *all = arena_array(b->arena, struct outage_def, list->n + 1);
  for (size_t i = 0; i < list->n; i++) {
    const struct node *o = list->child[i];
    all[i] = (struct outage_def){get_number(o, "outage", "from"), get_number(o, "outage", "for")};
    if (!(all[i].from_s >= free_from) || !(all[i].for_s > 0))
      err_add(b->err, o->at, "outages stand in the order of time and do not overlap");
    free_from = all[i].from_s + all[i].for_s;
  }
  d->outage = all;
  d->n_outages = (int)list->n;
}

/* Lines "from,for" in seconds, after a header; false at the first that is not one. */
static bool read_outages(struct build *b, struct failures_def *d, FILE *f, int *line)
{
  char text[256], rest;
  double free_from = 0;
  size_t room = 0;
  struct outage_def *all = NULL, one;
  if (!fgets(text, sizeof text, f) || strncmp(text, "from_s,for_s", 12) != 0) return false;
  for (*line = 2; fgets(text, sizeof text, f); ++*line) {
    if (sscanf(text, "%lf,%lf %c", &one.from_s, &one.for_s, &rest) != 2) return false;
    if (!(one.from_s >= free_from) || !(one.for_s > 0) || !(one.from_s + one.for_s < 1e9)) return false;
    free_from = one.from_s + one.for_s;
    if ((size_t)d->n_outages == room) {
      struct outage_def *more = arena_array(b->arena, struct outage_def, room ? 2 * room : 64);
      if (room) memcpy(more, all, room * sizeof *more);
      all = more;
      room = room ? 2 * room : 64;
    }
    all[d->n_outages++] = one;
    d->outage = all;
  }
  return d->n_outages > 0;
}

static void outage_trace(struct build *b, struct failures_def *d, const struct node *name)
{
  const char *tried, *path = scenario_find_file(b->arena, b->folder_of, name->text, &tried);
  struct hash hash;
  int line = 1;
  if (!path) {
    err_add(b->err, name->at, "the outages '%.200s' were not found; looked for %s", name->text, tried);
    return;
  }
  FILE *f = fopen(path, "r");
  if (!f || !hash_file(path, &hash)) err_system(b->err, "cannot read %s", path);
  else if (!read_outages(b, d, f, &line))
    err_add(b->err, name->at,
            "line %d of '%.200s': the header is 'from_s,for_s', then one outage a line, in the order of time and apart",
            line, name->text);
  else note_file(b->scenario, name->text, path, "outages", hash);
  if (f) fclose(f);
}

static void failures(struct build *b, struct place_def *p, const struct node *node)
{
  struct failures_def *d = arena_alloc(b->arena, sizeof *d);
  const struct node *list = node_get(node, "outages"), *mtbf = node_get(node, "mtbf"), *mttr = node_get(node, "mttr");
  int work = get_choice(node, "failures", "work"), scope = get_choice(node, "failures", "scope");
  const struct node *trace = node_get(node, "trace");
  *d = (struct failures_def){.work = (enum failure_work)(work < 0 ? 0 : work),
                             .scope = (enum failure_scope)(scope < 0 ? 0 : scope)};
  d->mtbf_s = build_dist(b, mtbf, Q_TIME, 1);
  d->mttr_s = build_dist(b, mttr, Q_TIME, 1);
  if ((mtbf != NULL) != (mttr != NULL) || (mtbf != NULL) + (list != NULL) + (trace != NULL) != 1)
    err_add(b->err, node->at, "'failures' has either 'mtbf' and 'mttr' or 'outages' or 'trace'");
  else if (d->mtbf_s && d->mttr_s && !(dist_mean(d->mtbf_s) > 0))
    err_add(b->err, mtbf->at, "'mtbf' must have a positive mean");
  if (d->scope == FAILS_SERVER && !mtbf)
    err_add(b->err, node_get(node, "scope")->at, "'scope: server' goes with 'mtbf' and 'mttr'; outages take all servers");
  if (node_is(list, NODE_LIST)) outages(b, d, list);
  if (node_is(trace, NODE_TEXT)) outage_trace(b, d, trace);
  if (!d->mttr_s) d->mtbf_s = NULL;
  p->failures = d;
}

void build_instances(struct build *b, struct place_def *p, const struct node *place)
{
  const struct node *come = node_get(place, "instances"), *fail = node_get(place, "failures");
  if (node_is(come, NODE_MAP)) instances(b, p, place, come);
  if (node_is(fail, NODE_MAP)) failures(b, p, fail);
  if (!p->instances && !p->failures) return;
  const struct node *at = p->instances ? come : fail;
  if (p->kind == PLACE_API) err_add(b->err, at->key_at, "places.%s: an api has no '%s'", p->name, at->key);
}
