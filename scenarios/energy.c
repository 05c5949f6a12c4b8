/* energy.c: shapes of power, clocks, temperatures, batteries, carbon. */
#include "scenarios/build.h"

#include <math.h>
#include <string.h>

/* ---- hardware ------------------------------------------------------------------------------------------------------ */

static void power_table(struct build *b, const struct node *hardware, const struct node *map, struct power_def *d,
                        struct hardware_def *h)
{
  int n = 0;
  const struct node *table = node_get(map, "table"), *twice = node_get(hardware, "idle_power");
  const double *w = build_numbers(b, map, "power", "table", &n);
  if (!twice) twice = node_get(hardware, "busy_power");
  if (n != POWER_POINTS || !(w[n - 1] > w[0])) {
    err_add(b->err, table ? table->at : map->at, "shape table needs 'table': 11 powers, at 0, 10 ... 100 %% load, the last one "
            "above the first");
    return;
  }
  if (twice && !twice->preset == !table->preset)
    err_add(b->err, twice->key_at, "hardware '%s' has a table of its power, which says that too", hardware->key);
  h->idle_w = w[0];
  h->busy_w = w[n - 1];
  for (int i = 0; i < n; i++) d->share[i] = (w[i] - w[0]) / (w[n - 1] - w[0]);
}

/* Between what it draws with a model loaded, and what it draws with the most requests. */
static void power_by_batch(struct build *b, const struct node *map, struct power_def *d, struct hardware_def *h)
{
  int n = 0, powers = 0;
  const struct node *at = node_get(map, "batches") ? node_get(map, "batches") : map;
  const double *batch = build_numbers(b, map, "power", "batches", &n), *w = build_numbers(b, map, "power", "table", &powers);
  double idle_w = h->idle_w + h->context_w;
  bool ok = n > 0 && n == powers && batch[0] >= 1 && w[n - 1] > idle_w;
  double *share = arena_array(b->arena, double, n + 1);
  for (int i = 0; ok && i < n; i++) {
    ok = i == 0 || batch[i] > batch[i - 1];
    share[i] = (w[i] - idle_w) / (w[n - 1] - idle_w);
  }
  if (!ok) {
    err_add(b->err, at->at, "shape batch needs 'batches', which ascend from 1 or more, and in 'table' the power at each, the "
            "last one above that of an idle server");
    return;
  }
  d->n_batch = n;
  d->batch = batch;
  d->batch_share = share;
  h->busy_w = w[n - 1];
}

/* The clock acts on what computes: arithmetic, and prompts. */
static void slow_down(struct build *b, struct hardware_def *h, double clock)
{
  h->flop_per_s *= clock;
  struct token_cost *cost = (struct token_cost *)h->tokens;     /* made for this one */
  for (int v = 0; cost && v < b->world->n_variants; v++) cost[v].prefill_tok_per_s *= clock;
}

const struct power_def *build_power_shape(struct build *b, const struct node *hardware, struct hardware_def *h)
{
  const struct node *map = node_get(hardware, "power");
  if (!node_is(map, NODE_MAP)) return NULL;
  struct power_def *d = arena_alloc(b->arena, sizeof *d);
  *d = power_def_default();
  d->shape = (enum power_shape)get_choice(map, "power", "shape");
  d->exponent = get_number(map, "power", "exponent");
  d->frequency = get_number(map, "power", "clock");
  d->cube = get_number(map, "power", "cube");
  if (d->shape == POWER_TABLE) power_table(b, hardware, map, d, h);
  else if (d->shape == POWER_BATCH) power_by_batch(b, map, d, h);
  else if (node_get(map, "table"))
    err_add(b->err, node_get(map, "table")->key_at, "'table' belongs to 'shape: table'");
  if (d->shape != POWER_BATCH && node_get(map, "batches"))
    err_add(b->err, node_get(map, "batches")->key_at, "'batches' belongs to 'shape: batch'");
  if (d->frequency < 1) slow_down(b, h, d->frequency);
  return d;
}

const struct thermal_def *build_thermal(struct build *b, const struct node *hardware)
{
  const struct node *map = node_get(hardware, "thermal"), *other = node_get(hardware, "sustained");
  if (!node_is(map, NODE_MAP)) return NULL;
  struct thermal_def *d = arena_alloc(b->arena, sizeof *d);
#define VALUE(name) get_number(map, "thermal", name)
  *d = (struct thermal_def){.ambient_c = VALUE("ambient"), .limit_c = VALUE("limit"), .hysteresis_k = VALUE("hysteresis"),
    .die_k_per_w = VALUE("die_resistance"), .case_k_per_w = VALUE("case_resistance"), .die_j_per_k = VALUE("die_capacity"),
    .case_j_per_k = VALUE("case_capacity"), .speed = VALUE("speed"), .power = VALUE("power"),
    .watch = (enum thermal_watch)get_choice(map, "thermal", "watch")};
#undef VALUE
  if (other)
    err_add(b->err, map->key_at, "hardware '%s' has 'sustained' too; a rate follows the one or the other", hardware->key);
  if (d->limit_c - d->hysteresis_k <= d->ambient_c)
    err_add(b->err, map->at, "the limit less the hysteresis is %g C, and the air has %g C: it never ends to be throttled",
            d->limit_c - d->hysteresis_k, d->ambient_c);
  return d;
}

/* ---- carbon -------------------------------------------------------------------------------------------------------- */

static const struct carbon_def *carbon_of(struct build *b, const struct node *node)
{
  const struct node *map = node_is(node, NODE_TEXT) ? node_get(node_get(b->root, "grids"), node->text) : node;
  if (!node_is(map, NODE_MAP) || node_in_error(node, b->err)) return NULL;
  struct carbon_def *d = arena_alloc(b->arena, sizeof *d);
  int n = 0;
  double always = get_number(map, "grid", "intensity");
  const double *hour = build_numbers(b, map, "grid", "hours", &n);
  if (isnan(always) == (n == 0))
    err_add(b->err, node->at, "a grid has either 'intensity' or 'hours'");
  else if (n && n != HOURS)
    err_add(b->err, node_get(map, "hours")->at, "'hours' has %d elements; a day has 24", n);
  for (int h = 0; h < HOURS; h++) d->g_per_kwh[h] = 3.6e6 * (n == HOURS ? hour[h] : always);
  d->start_hour = get_number(map, "grid", "start") / 3600;
  return d;
}

void build_energy(struct build *b)
{
  b->world->boundary = (enum energy_boundary)get_choice(b->root, "scenario", "energy_boundary");
  b->world->carbon = carbon_of(b, node_get(b->root, "grid"));
}

/* ---- batteries ----------------------------------------------------------------------------------------------------- */

static double number_or_zero(const struct node *map, const char *section, const char *name)
{
  double value = get_number(map, section, name);
  return isnan(value) ? 0 : value;
}

static const struct charger_def *charger_of(struct build *b, const struct node *map)
{
  if (!node_is(map, NODE_MAP)) return NULL;
  struct charger_def *c = arena_alloc(b->arena, sizeof *c);
  *c = (struct charger_def){.power_w = get_number(map, "charging", "power"),
    .efficiency = get_number(map, "charging", "efficiency"), .from_s = get_number(map, "charging", "from"),
    .for_s = number_or_zero(map, "charging", "for"), .every_s = number_or_zero(map, "charging", "every")};
  if (c->every_s > 0 && c->for_s == 0)
    err_add(b->err, node_get(map, "every")->key_at, "'every' needs 'for': how long it charges each time");
  else if (c->every_s > 0 && c->for_s > c->every_s)
    err_add(b->err, node_get(map, "for")->at, "it charges for longer than 'every'");
  return c;
}

static const struct battery_def *battery_of(struct build *b, struct place_def *p, const struct node *node)
{
  if (!node) return NULL;
  const struct node *harvest = node_get(node, "harvest");
  struct battery_def *d = arena_alloc(b->arena, sizeof *d);
  bool map = node_is(node, NODE_MAP);
  *d = (struct battery_def){.start = 1, .restart = 0.05};
  if (map) {
    d->capacity_j = get_number(node, "battery", "capacity");
    d->start = get_number(node, "battery", "start");
    d->restart = get_number(node, "battery", "restart");
    d->charger = charger_of(b, node_get(node, "charging"));
  }
  if (node_is(harvest, NODE_MAP)) {
    d->slot_s = get_number(harvest, "harvest", "every");
    d->harvest_j = build_dist(b, node_get(harvest, "energy"), Q_ENERGY, 1);
  }
  if (p->tier != TIER_DEVICE)
    err_add(b->err, node->key_at, "places.%s: a battery is for places of tier device", p->name);
  return d;
}

/* ---- places -------------------------------------------------------------------------------------------------------- */

/* What makes a place powered (models/supply.c). */
static const char *power_needs(const struct build *b, const struct place_def *p)
{
  const char *what = p->supply && p->supply->battery ? "a battery" : NULL;
  for (int i = 0; i < p->n_hardware; i++) {
    const struct hardware_def *h = &b->world->hardware[p->hardware[i]];
    if (h->thermal) what = "a temperature";
    else if (h->power && h->power->shape != POWER_LINEAR) what = "power by a shape";
  }
  return what;
}

/* Engines whose step time has no energy of its own: that of their servers' power, iteration by iteration. */
static void power_engines(struct build *b, const struct place_def *p)
{
  struct llm_kind *kind = (struct llm_kind *)p->llm->kind;      /* made for this place */
  for (int k = 0; k < (p->n_hardware > 0 ? p->n_hardware : 1); k++) {
    const struct hardware_def *h = p->n_hardware > 0 ? &b->world->hardware[p->hardware[k]] : NULL;
    double idle_w = p->idle_w >= 0 ? p->idle_w : h ? h->idle_w + h->context_w : 0;
    double busy_w = p->busy_w >= 0 ? p->busy_w : h ? h->busy_w : idle_w;
    struct steptime_power power = {(busy_w - idle_w) * power_clock(h ? h->power : NULL), p->slots, h ? h->power : NULL};
    if (!steptime_has_energy(kind[k].step_time)) kind[k].step_time = steptime_with_power(b->arena, kind[k].step_time, &power);
  }
}

static void build_power(struct build *b, const struct place_def *p, const struct node *node)
{
  const char *what = power_needs(b, p);
  if (what && p->kind == PLACE_API)
    err_add(b->err, node->at, "places.%s: an api has no power of its own", p->name);
  if (what && p->llm && p->llm->kind) power_engines(b, p);
}

void build_supply(struct build *b, struct place_def *p, const struct node *node)
{
  const struct node *battery = node_get(node, "battery"), *grid = node_get(node, "grid");
  struct supply_def *s = arena_alloc(b->arena, sizeof *s);
  *s = (struct supply_def){.pue = get_number(node, "place", "pue"), .carbon = carbon_of(b, grid),
                           .battery = battery_of(b, p, battery)};
  if (node_is(battery, NODE_TEXT)) ((struct battery_def *)s->battery)->capacity_j = get_number(node, "place", "battery");
  if (grid && !b->world->carbon)
    err_add(b->err, grid->key_at, "places.%s has a 'grid', but the scenario none: whose electricity do the others take?", p->name);
  if (battery || grid || s->pue != 1) p->supply = s;
  build_power(b, p, node);
}
