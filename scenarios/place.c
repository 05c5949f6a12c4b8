/* place.c: hardware, variants, places and links.
 *
 * Token service of a variant on hardware without measurement follows the decode law
 *   steps/s = mbu * bandwidth * bandwidth_share / (weight bytes + context bytes),
 *   prefill tok/s = flops * flops_share / (2 * parameters)
 * (each decode step reads all weights and the context of all that run; a prompt token costs two operations per weight).
 * Where the context's bytes are not known, every running request adds CONTEXT_SHARE of the step: c / a of Llama 3.1 8B
 * on one H100 in the ML.ENERGY benchmark, 0.0895 / 6.67.
 * Checkable: 0.7 * 300 GB/s / 14.96 GB = 14.04 tok/s (an 8B model in 16 bit on a 300 GB/s card).
 */
#include "scenarios/build.h"

#include "models/link_process.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const double CONTEXT_SHARE = 0.0895 / 6.67;

/* ---- variants and hardware ------------------------------------------------------------------------------------- */

static void build_variants(struct build *b)
{
  const struct node *map = node_get(b->root, "variants");
  size_t n = node_is(map, NODE_MAP) ? map->n : 0;
  if (n >= NO_VARIANT) {
    err_add(b->err, map->at, "more than %d variants", NO_VARIANT - 1);
    n = NO_VARIANT - 1;
  }
  struct variant_def *variant = arena_array(b->arena, struct variant_def, n + 1);
  for (size_t i = 0; i < n; i++) {
    const struct node *v = map->child[i];
    variant[i] = (struct variant_def){.name = v->key,
      .parameters = get_number(v, "variant", "parameters"), .weight_bytes = get_number(v, "variant", "weights"),
      .kv_bytes_per_tok = get_number(v, "variant", "kv"), .skill = get_number(v, "variant", "skill"),
      .width = get_number(v, "variant", "width"), .top = get_number(v, "variant", "top")};
    build_quality(b, &variant[i], v);
  }
  b->world->variant = variant;
  b->world->n_variants = (int)n;
}

static void note_law(struct build *b, const char *hardware, const char *variant)
{
  sources_add(b->scenario, (struct source_note){"hardware", hardware, arena_printf(b->arena, "tokens.%s", variant),
    "computed: mbu * bandwidth / (weights + context)", "E", 0});
}

static void decode_law(struct token_cost *t, const struct variant_def *variant, double byte_per_s)
{
  if (!(variant->weight_bytes > 0 && byte_per_s > 0))
    return;
  t->step_a_s = variant->weight_bytes / byte_per_s;
  t->step_s_per_kv_tok = variant->kv_bytes_per_tok / byte_per_s;
  t->step_c_s = t->step_s_per_kv_tok > 0 ? 0 : CONTEXT_SHARE * t->step_a_s;
}

/* Tables of prompts, and steps of LLM engines. Without a rate, that of the longest prompt. */
static void measured_times(struct build *b, const struct node *cost, struct token_cost *t, double *prefill)
{
  const struct node *prompt = node_get(cost, "prompt"), *step_time = node_get(cost, "step_time");
  if (step_time)
    t->step_time = step_time_build(b, step_time);
  t->prompt = prompt ? prompt_times_build(b, prompt) : NULL;
  if (t->prompt && isnan(*prefill))
    *prefill = t->prompt->tokens[t->prompt->n - 1] / t->prompt->time_s[t->prompt->n - 1];
}

static struct token_cost token_cost(struct build *b, const struct node *hardware, const struct variant_def *variant)
{
  const struct node *cost = node_get(node_get(hardware, "tokens"), variant->name), *step = node_get(cost, "step");
  const struct node *v = node_get(node_get(b->root, "variants"), variant->name);
  double bandwidth =
      get_number(hardware, "hardware", "bandwidth") * get_number(hardware, "hardware", "bandwidth_share");
  double flops = get_number(hardware, "hardware", "flops") * get_number(hardware, "hardware", "flops_share");
  double decode = get_number(cost, "token_cost", "decode"), prefill = get_number(cost, "token_cost", "prefill");
  struct token_cost t = {.kv_cap_tok = get_number(cost, "token_cost", "kv_cap"),
                         .max_batch = (int)get_count(cost, "token_cost", "max_batch")};
  measured_times(b, cost, &t, &prefill);
  bool computed = isnan(prefill) || (isnan(decode) && !step);
  if (isnan(prefill))
    prefill = variant->parameters > 0 ? flops / (2 * variant->parameters) : 0;
  t.prefill_tok_per_s = t.prompt_tok_per_s = prefill;
  if (step)
    t.step_a_s = get_number(step, "step", "a"), t.step_c_s = get_number(step, "step", "c"),
    t.step_s_per_kv_tok = get_number(step, "step", "kv");
  else if (!isnan(decode))
    t.step_a_s = 1 / decode, t.step_c_s = CONTEXT_SHARE / decode;
  else
    decode_law(&t, variant, get_number(v, "variant", "mbu") * bandwidth);
  t.available = t.step_a_s > 0 && prefill > 0;
  if (!t.max_batch)
    t.max_batch = (int)get_count(hardware, "hardware", "max_batch");
  if (t.available && computed)
    note_law(b, hardware->key, variant->name);
  return t;
}

static const struct sustained_def *build_sustained(struct build *b, const struct node *map)
{
  struct sustained_def *d = arena_alloc(b->arena, sizeof *d);
  int n = 0;
  if (!node_is(map, NODE_MAP))
    return NULL;
  d->load_s = build_numbers(b, map, "sustained", "load", &d->n);
  d->rate = build_numbers(b, map, "sustained", "rate", &n);
  if (d->n == 0 || n != d->n) {
    err_add(b->err, map->at, "'load' has %d elements, 'rate' %d", d->n, n);
    return NULL;
  }
  if (d->load_s[0] != 0)
    err_add(b->err, node_get(map, "load")->at, "'load' starts at %g s; it must start cool, at 0 s", d->load_s[0]);
  for (int i = 1; i < n; i++)
    if (!(d->load_s[i] > d->load_s[i - 1])) {
      err_add(b->err, node_get(map, "load")->at, "'load' must ascend");
      break;
    }
  double back = get_number(map, "sustained", "recovery");
  d->recovery = back > 0 ? d->load_s[n - 1] / back : 0;
  return d;
}

/* What a loaded model adds to an idle server. */
static double context_w(struct build *b, const struct node *h)
{
  const struct node *context = node_get(h, "context_power");
  double more = context ? get_number(h, "hardware", "context_power") - get_number(h, "hardware", "idle_power") : 0;
  if (more < 0)
    err_add(b->err, context->at, "'context_power' of hardware '%s' is below its 'idle_power'; with a model loaded it draws more",
            h->key);
  return fmax(more, 0);
}

void build_hardware(struct build *b)
{
  build_outcomes(b);
  build_variants(b);
  const struct node *map = node_get(b->root, "hardware");
  size_t n = node_is(map, NODE_MAP) ? map->n : 0;
  struct hardware_def *hardware = arena_array(b->arena, struct hardware_def, n + 1);
  for (size_t i = 0; i < n; i++) {
    const struct node *h = map->child[i];
    struct token_cost *tokens = arena_array(b->arena, struct token_cost, b->world->n_variants + 1);
    for (int v = 0; v < b->world->n_variants; v++)
      tokens[v] = token_cost(b, h, &b->world->variant[v]);
    hardware[i] = (struct hardware_def){.name = h->key,
      .flop_per_s = get_number(h, "hardware", "flops") * get_number(h, "hardware", "flops_share"),
      .byte_per_s = get_number(h, "hardware", "bandwidth") * get_number(h, "hardware", "bandwidth_share"),
      .overhead_s = get_number(h, "hardware", "overhead"), .memory_bytes = get_number(h, "hardware", "memory"),
      .idle_w = get_number(h, "hardware", "idle_power"), .busy_w = get_number(h, "hardware", "busy_power"),
      .context_w = context_w(b, h),
      .tokens = b->world->n_variants ? tokens : NULL, .sustained = build_sustained(b, node_get(h, "sustained"))};
    hardware[i].power = build_power_shape(b, h, &hardware[i]);
    hardware[i].thermal = build_thermal(b, h);
    build_kernels(b, h, &hardware[i]);
  }
  b->world->hardware = hardware;
  b->world->n_hardware = (int)n;
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

static int hardware_index(const struct build *b, const char *name)
{
  for (int i = 0; i < b->world->n_hardware; i++)
    if (!strcmp(b->world->hardware[i].name, name))
      return i;
  return NONE;
}

static void place_hardware(struct build *b, struct place_def *p, const struct node *node)
{
  const struct node *mix = node_get(node, "mix");
  size_t n = node_is(node, NODE_TEXT) ? 1 : node_is(mix, NODE_MAP) ? mix->n : 0;
  int *index = arena_array(b->arena, int, n + 1);
  double *weight = arena_array(b->arena, double, n + 1), total = 0;
  for (size_t i = 0; i < n; i++) {
    char why[UNITS_WHY];
    int h = hardware_index(b, mix ? mix->child[i]->key : node->text);
    weight[p->n_hardware] = 1;
    if (mix &&
        (!node_is(mix->child[i], NODE_TEXT) || !number_parse(mix->child[i]->text, Q_PURE, &weight[p->n_hardware], why)))
      continue;
    total += weight[p->n_hardware];
    if (h != NONE)
      index[p->n_hardware++] = h;
  }
  if (mix && n && !(total > 0))
    err_add(b->err, mix->at, "the shares of the mix must have a positive sum");
  p->hardware = index;
  p->hardware_weight = weight;
}

static double number_or(const struct node *map, const char *section, const char *name, double otherwise)
{
  double value = get_number(map, section, name);
  return isnan(value) ? otherwise : value;
}

static void place_api(struct build *b, struct place_def *p, const struct node *node)
{
  static const char *const only[] = {"ttft", "limits", "tpot"};
  const struct node *limits = node_get(node, "limits");
  p->ttft_s = build_dist(b, node_get(node, "ttft"), Q_TIME, 1);
  p->tpot_s = get_number(node, "place", "tpot");
  p->limit_requests_per_s = get_number(limits, "limits", "requests");
  p->limit_tok_per_s = get_number(limits, "limits", "tokens");
  if (p->kind == PLACE_API && !node_get(node, "ttft"))
    err_add(b->err, node->at, "places.%s: a place of kind api needs 'ttft'", p->name);
  for (size_t i = 0; i < sizeof only / sizeof *only && p->kind != PLACE_API; i++)
    if (node_get(node, only[i]))
      err_add(b->err, node_get(node, only[i])->key_at, "'%s' belongs to places of kind api", only[i]);
}

static const bool *offered(struct build *b, const struct node *list)
{
  const struct node *const *name;
  size_t n = elements(list, &name, b->arena);
  bool *offers = arena_array(b->arena, bool, b->world->n_variants + 1);
  for (int v = 0; v < b->world->n_variants; v++)
    for (size_t i = 0; i < n; i++)
      offers[v] |= node_text_is(name[i], b->world->variant[v].name);
  return n ? offers : NULL;
}

double place_lacks_bytes(const struct world_def *w, const struct place_def *p, int v)
{
  double needs = w->variant[v].weight_bytes + w->variant[v].kv_bytes_per_tok, most = 0;
  for (int h = 0; h < (p->n_hardware > 0 ? p->n_hardware : 1); h++) {
    double own = p->memory_bytes > 0 ? p->memory_bytes : p->n_hardware ? w->hardware[p->hardware[h]].memory_bytes : 0;
    most = fmax(most, own > 0 ? own : INFINITY);
  }
  return p->kind == PLACE_API ? 0 : needs - most;
}

/* What a place says it offers must fit at least one of its kinds of hardware. */
static void check_offers(struct build *b, const struct place_def *p, const struct node *list)
{
  const struct node *const *name;
  size_t n = elements(list, &name, b->arena);
  for (int v = 0; p->offers && v < b->world->n_variants; v++)
    for (size_t i = 0; i < n; i++) {
      double lacks = place_lacks_bytes(b->world, p, v);
      if (node_text_is(name[i], b->world->variant[v].name) && lacks > 0)
        err_add(b->err, name[i]->at,
                "places.%s has no memory for '%s': %.4g GB too little for its weights and one token of context", p->name,
                b->world->variant[v].name, lacks / 1e9);
    }
}

/* Jobs have 16 bits for the number of the server that they are at, where it matters which. */
static void check_servers(struct build *b, const struct place_def *p, const struct node *node)
{
  bool numbered = p->llm || p->instances || p->failures;
  for (int h = 0; h < p->n_hardware; h++)
    for (int v = 0; v < b->world->n_variants; v++)
      numbered |= b->world->hardware[p->hardware[h]].tokens[v].available;
  if (numbered && p->servers > UINT16_MAX)
    err_add(b->err, node_get(node, "servers")->at, "places.%s: 'servers' is %d; with instances, failures or service by tokens "
            "a member has %d at most; 'count' gives more members", p->name, p->servers, UINT16_MAX);
}

static void build_place(struct build *b, struct place_def *p, const struct node *node)
{
  static const struct node nothing = {.kind = NODE_TEXT};
  struct node zone = nothing;
  *p = place_def_default();
  p->name = node_name(node);
  zone.text = get_text(node, "place", "zone");
  zone.at = node->at;
  uint64_t bit = build_zones(b, &zone, 0, true);
  p->zone = bit ? __builtin_ctzll(bit) : 0;
  p->kind = get_choice(node, "place", "kind") == 1 ? PLACE_API : PLACE_SERVERS;
  p->tier = (enum tier)get_choice(node, "place", "tier");
  p->count = get_count(node, "place", "count");
  p->servers = (int)get_count(node, "place", "servers");
  p->slots = (int)get_count(node, "place", "slots");
  p->capacity = get_count(node, "place", "capacity");
  p->discipline = (enum discipline)get_choice(node, "place", "discipline");
  p->dispatch = (enum dispatch)get_choice(node, "place", "dispatch");
  p->srpt_uses_estimate = get_choice(node, "place", "size") == 1;
  p->memory_bytes = get_number(node, "place", "memory");
  p->idle_w = number_or(node, "place", "idle_power", -1);
  p->busy_w = number_or(node, "place", "busy_power", -1);
  p->tariff = build_tariff(b, node_get(node, "tariff"));
  p->offers = offered(b, node_get(node, "variants"));
  if (node_get(node, "hardware"))
    place_hardware(b, p, node_get(node, "hardware"));
  place_api(b, p, node);
  for (int i = 0; p->discipline == PROCESSOR_SHARING && i < p->n_hardware; i++)
    if (b->world->hardware[p->hardware[i]].sustained)
      err_add(b->err, node_get(node, "hardware")->at,
              "places.%s: hardware '%s' has a sustained rate, which processor sharing does not know", p->name,
              b->world->hardware[p->hardware[i]].name);
  p->batching = build_batching(b, p, node_get(node, "batching"));
  check_offers(b, p, node_get(node, "variants"));
  p->llm = build_llm(b, p, node_get(node, "batching"));
  if (p->llm && node_get(node, "slots"))
    err_add(b->err, node_get(node, "slots")->key_at, "the slots of LLM engines are their 'max_num_seqs'");
  build_instances(b, p, node);
  tariff_check(b, p, node_get(node, "tariff"));
  check_servers(b, p, node);
  build_supply(b, p, node);
  build_positions(b, p, node);
  p->shelf = build_shelf(b, p, node);
  p->trust = build_trust(b, p, node_get(node, "trust"));
  if (p->capacity && p->kind == PLACE_SERVERS && !p->llm && p->capacity < (uint64_t)p->servers * (uint64_t)p->slots)
    err_add(b->err, node_get(node, "capacity")->at,
            "'capacity' is %llu, less than the %llu jobs that are served at once", (unsigned long long)p->capacity,
            (unsigned long long)p->servers * (unsigned long long)p->slots);
  if ((p->discipline == EDF || p->discipline == SRPT) && p->kind == PLACE_API)
    err_add(b->err, node->at, "places.%s: an api has no discipline", p->name);
}

/* What a member needs at least, whatever the models: enough to refuse what can never fit. */
enum { MEMBER_BYTES = 128 };

/* Refused before anything of that size is made; the message stands at the largest count. */
static void check_memory(struct build *b, const struct node *places)
{
  double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), members = 0;
  const struct node *at = NULL;
  uint64_t largest = 0;
  for (int i = 0; i < b->world->n_places; i++) {
    const struct node *count = node_get(places->child[i], "count");
    uint64_t own = b->world->place[i].count;
    members += (double)own;
    if (count && own > largest) {
      largest = own;
      at = count;
    }
  }
  double wanted = MEMBER_BYTES * members;
  if (at && (wanted > there || largest > UINT32_MAX))
    err_add(b->err, at->at, "%.3g members of places need about %.3g GB of memory; this machine has %.3g GB", members,
            wanted / 1e9, there / 1e9);
}

void build_places(struct build *b)
{
  const struct node *list = node_get(b->root, "places");
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  if (n + topology_places(b->root) > MAX_PLACES) {
    err_add(b->err, list->at, "more than %d places", MAX_PLACES);
    n = n > MAX_PLACES ? MAX_PLACES : n;
  }
  struct place_def *place = arena_array(b->arena, struct place_def, n + topology_places(b->root) + 1);
  for (size_t i = 0; i < n; i++) {
    build_place(b, &place[b->world->n_places], list->child[i]);
    if (!place[b->world->n_places].name)
      place[b->world->n_places].name = "?";
    b->world->n_places++;
  }
  b->world->place = place;
  for (size_t i = 0; i < n; i++)
    build_guard(b, &place[i], list->child[i]);
  if (n)
    check_memory(b, list);
  build_topologies(b);
}

/* ---- links ----------------------------------------------------------------------------------------------------- */

static void link_ends(struct build *b, struct link_def *l, const struct node *between)
{
  if (!node_is(between, NODE_LIST))
    return;
  if (between->n != 2) {
    err_add(b->err, between->at, "'between' names two places, not %zu", between->n);
    return;
  }
  l->a = build_find_place(b, between->child[0]);
  l->b = build_find_place(b, between->child[1]);
}

static void link_rates(struct link_def *l, const struct node *node)
{
  const struct node *rate = node_get(node, "rate"), *price = node_get(node, "price");
  double scale = get_number(node, "link", "rate_scale");
  bool split = node_is(rate, NODE_MAP), two_prices = node_is(price, NODE_MAP);
  double both = number_or(node, "link", "rate", 0);
  l->up_byte_per_s = scale * (split ? number_or(rate, "rate", "up", 0) : both);
  l->down_byte_per_s = scale * (split ? number_or(rate, "rate", "down", 0) : both);
  l->usd_per_byte_up = two_prices ? get_number(price, "link_price", "up") : get_number(node, "link", "price");
  l->usd_per_byte_down = two_prices ? get_number(price, "link_price", "down") : get_number(node, "link", "price");
}

static void link_latency(struct build *b, struct link_def *l, const struct node *node)
{
  const struct node *latency = node_get(node, "latency"), *rtt = node_get(node, "rtt");
  if (latency && rtt && !latency->preset == !rtt->preset)
    err_add(b->err, rtt->key_at, "links.%s has both 'latency' and 'rtt'; one is allowed", l->name);
  bool halve = rtt && !(latency && !latency->preset);   /* the user's own beats the preset's */
  l->latency_s = halve ? build_dist(b, rtt, Q_TIME, 0.5) : build_dist(b, latency, Q_TIME, 1);
  if (!l->latency_s) {
    struct dist *zero = arena_alloc(b->arena, sizeof *zero);
    *zero = dist_constant(0);
    l->latency_s = zero;
  }
}

static void link_check_sharing(struct build *b, const struct link_def *l, const struct node *node)
{
  const struct node *sharing = node_get(node, "sharing");
  if (!l->max_min) return;
  if (l->kind != LINK_FLUID)
    err_add(b->err, sharing->at, "links.%s: sharing max_min is for links of kind fluid", l->name);
  else if (l->shared_by == SHARED_BY_NONE)
    err_add(b->err, sharing->at, "links.%s: sharing max_min needs shared_by: who shares its rate (device, cell or link)", l->name);
  if (l->process && l->process->loss)
    err_add(b->err, sharing->at, "links.%s: sharing max_min does not go with loss of the link", l->name);
}

/* Name and ends are there. */
static void link_rest(struct build *b, struct link_def *l, const struct node *node)
{
  const struct node *power = node_get(node, "power");
  link_latency(b, l, node);
  link_rates(l, node);
  l->background_load = get_number(node, "link", "background");
  l->kind = (enum link_kind)get_choice(node, "link", "kind");
  l->shared_by = (enum link_share)get_choice(node, "link", "shared_by");
  l->max_min = get_choice(node, "link", "sharing") > 0;
  l->device_tx_w = get_number(power, "link_power", "send");
  l->device_rx_w = get_number(power, "link_power", "receive");
  l->j_per_byte = get_number(node, "link", "energy");
  build_link_process(b, l, node);
  build_link_outages(b, l, node);
  l->base_w = get_number(node, "link", "base_power");
  uint64_t ends = 0;
  ends |= l->a == NONE ? 0 : UINT64_C(1) << b->world->place[l->a].zone;
  ends |= l->b == NONE ? 0 : UINT64_C(1) << b->world->place[l->b].zone;
  l->zones = build_zones(b, node_get(node, "zones"), ends, true);
  if ((l->kind == LINK_MM1 || l->background_load > 0) && l->up_byte_per_s <= 0)
    err_add(b->err, node->at, "links.%s: kind mm1 and 'background' need a 'rate'", l->name);
  l->radio = build_radio(b, l, node);
  l->transport = build_transport(b, l, node_get(node, "transport"));
  link_check_sharing(b, l, node);
  l->slices = build_slices(b, l, node);
}

static void build_link(struct build *b, struct link_def *l, const struct node *node)
{
  *l = link_def_default();
  l->name = node_name(node) ? node_name(node) : "?";
  link_ends(b, l, node_get(node, "between"));
  link_rest(b, l, node);
}

void build_link_of(struct build *b, struct link_def *l, const struct node *node, const char *name, int from, int to)
{
  *l = link_def_default();
  l->name = name;
  l->a = from;
  l->b = to;
  link_rest(b, l, node);
}

void build_links(struct build *b)
{
  const struct node *list = node_get(b->root, "links");
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  size_t more = topology_link_count(b);
  if (n + more > UINT16_MAX)
    err_add(b->err, list ? list->at : b->root->at, "%zu links; at most %d are possible", n + more, UINT16_MAX);
  struct link_def *link = arena_array(b->arena, struct link_def, n + more + 1);
  for (size_t i = 0; i < n; i++)
    build_link(b, &link[i], list->child[i]);
  build_topology_links(b, &link[n]);
  b->world->link = link;
  b->world->n_links = (int)(n + more);
}
