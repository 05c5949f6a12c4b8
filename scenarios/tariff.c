/* tariff.c: `tariff` of a place: prices, and the terms of the price list (docs/equations.md, "Tariffs"). */
#include "scenarios/build.h"

#include "models/tariff.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

enum { RESERVED, ON_DEMAND, BY_USE };

static double number_or(const struct node *t, const char *name, double otherwise)
{
  double value = get_number(t, "tariff", name);
  return isnan(value) ? otherwise : value;
}

/* A name in `tariffs`, which presets have filled, or the prices themselves. */
static const struct node *prices_of(const struct build *b, const struct node *node)
{
  return node_is(node, NODE_TEXT) ? node_get(node_get(b->root, "tariffs"), node->text) : node;
}

/* ---- dates ------------------------------------------------------------------------------------------------------- */

/* 2026, 2026-05 or 2026-05-31. */
bool tariff_date_valid(const char *text)
{
  static const char form[] = "dddd-dd-dd";
  size_t n = strlen(text);
  if (n != 4 && n != 7 && n != 10) return false;
  for (size_t i = 0; i < n; i++)
    if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != '-') return false;
  int month = n >= 7 ? 10 * (text[5] - '0') + text[6] - '0' : 1;
  int day = n == 10 ? 10 * (text[8] - '0') + text[9] - '0' : 1;
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* Numbers that the user wrote; those of presets have a year each. */
static bool has_own_numbers(const struct node *map)
{
  for (size_t i = 0; i < map->n; i++)
    if (!map->child[i]->preset && strcmp(map->child[i]->key, "preset")) return true;
  return false;
}

static void check_date(struct err *err, const struct node *tariff, const char *what, const char *name)
{
  const struct node *date = node_get(tariff, "date");
  if (!date && has_own_numbers(tariff))
    err_add(err, tariff->key ? tariff->key_at : tariff->at,
            "%s '%s' has prices without a date: list prices move, write 'date: 2026-05' with the month they were read",
            what, name);
  if (node_is(date, NODE_TEXT) && !tariff_date_valid(date->text))
    err_add(err, date->at, "'date' is '%.40s'; it is a year, a month or a day, such as 2026, 2026-05 or 2026-05-31",
            date->text);
}

static void need_source(void *context, const struct preset *p, const char *key, const struct node *value)
{
  if (strcmp(key, "date") && preset_is_number(value) && !preset_source(p, key))
    err_add(context, value->at, "the price '%s' has no source and year: 'sources' of the preset lacks it", key);
}

void tariff_preset_check(const struct preset *p, struct err *err)
{
  check_date(err, p->value, "the tariff", p->name);
  preset_leaves(p->value, need_source, err);
}

/* The lists of prices that the scenario has itself; what a place says of its own is an assumption, not a list price. */
void build_tariffs(struct build *b)
{
  const struct node *map = node_get(b->root, "tariffs");
  for (size_t i = 0; node_is(map, NODE_MAP) && i < map->n; i++)
    if (node_is(map->child[i], NODE_MAP))
      check_date(b->err, map->child[i], "the tariff", map->child[i]->key);
}

/* ---- prices ------------------------------------------------------------------------------------------------------ */

static double owned_usd_per_s(const struct node *capex)
{
  if (!capex) return 0;
  return tariff_owned_usd_per_s(get_number(capex, "capex", "price"), get_number(capex, "capex", "resale"),
                                get_number(capex, "capex", "life"), get_number(capex, "capex", "utilization"));
}

static const struct price_tier *tiers(struct build *b, const struct node *list, int *n)
{
  *n = 0;
  if (!node_is(list, NODE_LIST) || list->n == 0) return NULL;
  struct price_tier *tier = arena_array(b->arena, struct price_tier, list->n);
  for (size_t i = 0; i < list->n; i++) {
    const struct node *one = list->child[i];
    tier[i] = (struct price_tier){get_number(one, "egress_tier", "from"), get_number(one, "egress_tier", "price")};
    if (i == 0 ? tier[i].from_bytes > 0 : tier[i].from_bytes <= tier[i - 1].from_bytes)
      err_add(b->err, one->at, "the first tier of 'egress' is from 0 GB, and each begins beyond the one before it");
  }
  *n = (int)list->n;
  return tier;
}

static struct tariff_terms terms_of(struct build *b, const struct node *t)
{
  const struct node *egress = node_get(t, "egress"), *more = node_get(t, "long_prompt"), *free = node_get(t, "free");
  double memory = number_or(t, "memory", 0), free_memory = free ? get_number(free, "tariff_free", "memory_time") : 0;
  struct tariff_terms x = {.minimum_s = get_number(t, "tariff", "minimum"),
    .granularity_s = get_number(t, "tariff", "granularity"), .by_use = get_choice(t, "tariff", "billing") == BY_USE,
    .has_cached = node_get(t, "cached") != NULL, .usd_per_tok_cached = number_or(t, "cached", 0),
    .month_s = get_number(t, "tariff", "month"), .usd_per_j = get_number(t, "tariff", "electricity"),
    .sensitivity = number_or(t, "sensitivity", -1)};
  const struct node *reserved = node_get(t, "reserved");
  if (reserved) x.reserved = (int)get_count(reserved, "tariff_reserved", "servers");
  if (reserved) x.reserved_usd_per_s = get_number(reserved, "tariff_reserved", "price");
  if (more) x.long_tok = get_number(more, "long_prompt", "above");
  if (more) x.long_in = get_number(more, "long_prompt", "input");
  if (more) x.long_out = get_number(more, "long_prompt", "output");
  if (free) x.free_requests = get_number(free, "tariff_free", "requests");
  if (free) x.free_use_s = get_number(free, "tariff_free", "time") + (memory > 0 ? free_memory / memory : 0);
  if (node_is(egress, NODE_MAP)) {
    x.tier = tiers(b, node_get(egress, "tiers"), &x.n_tiers);
    x.used_bytes = get_number(egress, "egress", "used");
  }
  return x;
}

static bool says_any(const struct node *t)
{
  static const char *const more[] = {"minimum", "granularity", "cached", "long_prompt", "free", "electricity",
                                    "sensitivity", "reserved"};
  bool any = node_is(node_get(t, "egress"), NODE_MAP) || get_choice(t, "tariff", "billing") == BY_USE;
  for (size_t i = 0; i < sizeof more / sizeof *more; i++) any |= node_get(t, more[i]) != NULL;
  return any;
}

double build_usd_per_s(struct build *b, const struct node *node, double time_usd_per_s)
{
  const struct node *t = prices_of(b, node);
  double rented = time_usd_per_s + number_or(t, "memory", 0) * number_or(t, "memory_time", 0);
  return rented * (1 - get_number(t, "tariff", "spot")) + owned_usd_per_s(node_get(t, "capex"));
}

struct tariff_def build_tariff(struct build *b, const struct node *node)
{
  const struct node *t = prices_of(b, node), *egress = node_get(t, "egress");
  struct tariff_def f = {.usd_per_s = build_usd_per_s(b, node, get_number(t, "tariff", "time")),
                         .usd_per_request = get_number(t, "tariff", "request"),
                         .usd_per_tok_in = get_number(t, "tariff", "input"),
                         .usd_per_tok_out = get_number(t, "tariff", "output"),
                         .usd_per_byte_out = node_is(egress, NODE_MAP) ? 0 : get_number(t, "tariff", "egress"),
                         .on_demand = get_choice(t, "tariff", "billing") != RESERVED};
  if (says_any(t)) {
    struct tariff_terms *terms = arena_alloc(b->arena, sizeof *terms);
    *terms = terms_of(b, t);
    f.terms = terms;
  }
  return f;
}

/* ---- what does not fit together ---------------------------------------------------------------------------------- */

static void refuse(struct build *b, const struct node *t, const char *key, const char *why)
{
  const struct node *node = node_get(t, key);
  if (node) err_add(b->err, node->key_at, "'%s' %s", key, why);
}

static void check_alone(struct build *b, const struct node *t, const struct tariff_def *f)
{
  const struct node *capex = node_get(t, "capex"), *free = node_get(t, "free");
  if (!f->on_demand) {
    refuse(b, t, "minimum", "is of a use: it needs 'billing: on_demand' or 'billing: use'");
    refuse(b, t, "granularity", "is of a use: it needs 'billing: on_demand' or 'billing: use'");
    refuse(b, t, "spot", "is a discount on demand: it needs 'billing: on_demand'");
    refuse(b, capex, "utilization", "is for 'billing: on_demand': a reserved machine is paid for all the time");
  }
  if ((node_get(t, "memory") != NULL) != (node_get(t, "memory_time") != NULL)) {
    refuse(b, t, "memory", "and 'memory_time' come together");
    refuse(b, t, "memory_time", "and 'memory' come together");
  }
  if (!node_get(t, "memory")) refuse(b, free, "memory_time", "is for a tariff with 'memory'");
  if (!node_get(t, "input")) refuse(b, t, "cached", "is a price beside 'input'");
}

/* Which uses there are depends on the place. */
static void check_place(struct build *b, const struct node *t, const struct place_def *p)
{
  bool shares = p->batching || p->llm || p->discipline == PROCESSOR_SHARING, api = p->kind == PLACE_API;
  const struct tariff_terms *x = p->tariff.terms;
  static const char *const of_time[] = {"minimum", "granularity", "free"};
  if (x && x->by_use && (shares || api))
    refuse(b, t, "billing",
           "use: each request must have a slot of its own, without batches, LLM engines and processor sharing");
  for (size_t i = 0; i < 3 && x && !x->by_use && (api || (shares && !p->instances)); i++)
    if (strcmp(of_time[i], "free") || x->free_use_s > 0)
      refuse(b, t, of_time[i], "needs uses: slots of single requests, or 'instances'");
  if (x && x->free_use_s > 0 && p->tariff.on_demand && !x->by_use && p->instances)
    refuse(b, t, "free", "has free time, which is of requests: 'billing: use'");
  if (x && x->free_use_s > 0 && !p->tariff.on_demand) refuse(b, t, "free", "has free time, which needs 'billing: use'");
}

/* Of fixed servers, on demand by the slots in use. */
static void check_reserved(struct build *b, const struct node *t, const struct place_def *p)
{
  const struct tariff_terms *x = p->tariff.terms;
  if (!x || !x->reserved) return;
  if (!p->tariff.on_demand || x->by_use || x->minimum_s > 0 || x->granularity_s > 0)
    refuse(b, t, "reserved", "is for 'billing: on_demand' by the second, which the servers beyond them pay");
  else if (p->instances)
    refuse(b, t, "reserved", "is for servers that are always there; 'instances' have their own 'reserved'");
  else if (p->kind == PLACE_API || p->llm)
    refuse(b, t, "reserved", "needs slots of servers: it is not for an api or LLM engines");
  else if (x->reserved > p->servers)
    err_add(b->err, node_get(t, "reserved")->at, "%d servers are reserved, and members of places.%s have %d", x->reserved,
            p->name, p->servers);
}

void tariff_check(struct build *b, const struct place_def *p, const struct node *node)
{
  const struct node *t = prices_of(b, node);
  if (!node_is(t, NODE_MAP)) return;
  if (node_is(node, NODE_MAP))
    refuse(b, t, "preset", "is for 'tariffs': a place names the preset itself, or the tariff that takes it over");
  if (node_is(node, NODE_MAP) && node_get(t, "date")) check_date(b->err, t, "the tariff of", p->name);
  check_alone(b, t, &p->tariff);
  check_place(b, t, p);
  check_reserved(b, t, p);
}
