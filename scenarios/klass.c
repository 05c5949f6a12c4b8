/* klass.c: classes and their pipelines: tasks, work, plans, fallbacks. */
#include "models/effects.h"
#include "scenarios/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- work ------------------------------------------------------------------------------------------------------ */

/* So often as the work is called. */
static struct expr build_called(struct build *b, const struct node *amount, enum quantity q, const struct node *parameters)
{
  if (!node_get(parameters, "calls") || !node_is(amount, NODE_TEXT))
    return build_expr(b, amount, q, parameters);
  struct where at = amount->at;
  at.length = 1;                                        /* not the text of the file any more */
  return build_expr_text(b, arena_printf(b->arena, "calls * (%s)", amount->text), at, q, parameters);
}

static void work_kernel(struct build *b, struct work_def *w, const struct node *node, const struct node *kernel)
{
  const struct preset *p = preset_read(b->arena, "kernel", kernel->text, kernel->at, b->scenario, b->err);
  if (!p)
    return;
  sources_add_preset(b->scenario, p);
  struct node *parameters = node_new(b->arena, NODE_MAP, node->at);
  const struct node *defaults = node_get(p->value, "parameters");
  const struct node *calls = node_get(node, "calls");
  if (calls && !build_fits(b, calls, &(struct node){.kind = NODE_TEXT, .text = "1"}))
    return;
  const struct node *reuse = node_get(node, "reuse_distance");
  const char *names[64];
  size_t n = 0;
  for (size_t i = 0; node_is(defaults, NODE_MAP) && i < defaults->n && n < 64; i++) {
    node_put(b->arena, parameters, defaults->child[i]->key, defaults->child[i]);
    names[n++] = defaults->child[i]->key;
  }
  for (size_t i = 0; i < node->n; i++) {
    const struct node *child = node->child[i];
    if (!strcmp(child->key, "kernel") || !strcmp(child->key, "noise") || child == calls || child == reuse)
      continue;
    if (key_find("work", child->key))
      err_add(b->err, child->key_at, "'%s' does not go with 'kernel'", child->key);
    else if (build_find_key(b, child, "kernel parameter", names, (int)n) != NONE
             && build_fits(b, child, node_get(defaults, child->key)))
      node_put(b->arena, parameters, child->key, (struct node *)child);
  }
  w->kind = WORK_ROOFLINE;
  w->kernel = build_kernel_work(b, kernel, p->value, parameters, calls, reuse);
  if (calls)
    node_put(b->arena, parameters, "calls", (struct node *)calls);
  w->flop = build_called(b, node_get(p->value, "flop"), Q_FLOP, parameters);
  w->bytes = build_called(b, node_get(p->value, "bytes"), Q_BYTES, parameters);
  w->recall = build_expr(b, node_get(p->value, "recall"), Q_PURE, parameters);
}

static void unknown_work_keys(struct build *b, const struct node *node)
{
  const char *names[16];
  size_t n = key_names("work", names, 16);
  for (size_t i = 0; i < node->n; i++)
    if (!key_find("work", node->child[i]->key))
      (void)build_find_key(b, node->child[i], "key of 'work'", names, (int)n);
}

static void work_tokens(struct build *b, struct work_def *w, const struct node *tokens, struct where at)
{
  const struct node *in = node_get(tokens, "input"), *out = node_get(tokens, "output");
  w->kind = WORK_TOKENS;
  w->tok_in = in ? build_expr(b, in, Q_PURE, NULL)
                 : build_expr_text(b, key_find("work_tokens", "input")->otherwise, at, Q_PURE, NULL);
  w->tok_out = out ? build_expr(b, out, Q_PURE, NULL)
                   : build_expr_text(b, key_find("work_tokens", "output")->otherwise, at, Q_PURE, NULL);
  if (node_get(tokens, "cached"))
    w->tok_cached = build_expr(b, node_get(tokens, "cached"), Q_PURE, NULL);
}

/* One of time, kernel, tokens, or flop with bytes. */
static void one_kind_of_work(struct build *b, const struct node *node)
{
  static const char *const kinds[] = {"time", "kernel", "tokens", "flop"};
  const char *first = NULL;
  for (size_t i = 0; i < 4; i++) {
    const struct node *kind = node_get(node, kinds[i]);
    if (kind && first)
      err_add(b->err, kind->key_at, "'work' has both '%s' and '%s'; one is allowed", first, kinds[i]);
    if (kind)
      first = kinds[i];
  }
  for (size_t i = 0; i < node->n && !node_get(node, "kernel"); i++)
    if (!strcmp(node->child[i]->key, "calls") || !strcmp(node->child[i]->key, "reuse_distance"))
      err_add(b->err, node->child[i]->key_at, "'%s' belongs to 'kernel'", node->child[i]->key);
  if (!first && !node_get(node, "bytes"))
    err_add(b->err, node->at, "'work' needs one of: time, flop and bytes, tokens, kernel");
}

static struct work_def build_work(struct build *b, const struct node *node)
{
  struct work_def w = {0};
  const struct node *kernel = node_get(node, "kernel"), *tokens = node_get(node, "tokens");
  if (!node_is(node, NODE_MAP))
    return w;
  one_kind_of_work(b, node);
  w.noise_sigma = get_number(node, "work", "noise");
  if (node_is(kernel, NODE_TEXT)) {
    work_kernel(b, &w, node, kernel);
    return w;
  }
  unknown_work_keys(b, node);
  if (node_get(node, "time")) {
    w.kind = WORK_TIME;
    w.time_s = build_dist(b, node_get(node, "time"), Q_TIME, 1);
  } else if (tokens) {
    work_tokens(b, &w, tokens, tokens->at);
  } else {
    w.kind = WORK_ROOFLINE;
    w.flop = build_expr(b, node_get(node, "flop"), Q_FLOP, NULL);
    w.bytes = build_expr(b, node_get(node, "bytes"), Q_BYTES, NULL);
  }
  return w;
}

static int world_variant(const struct build *b, const char *name)
{
  for (int i = 0; name && i < b->world->n_variants; i++)
    if (!strcmp(b->world->variant[i].name, name))
      return i;
  return NONE;
}

static void build_variants_of(struct build *b, struct task_def *t, const struct node *node)
{
  const struct node *const *variant;
  size_t n = elements(node_get(node, "variants"), &variant, b->arena), kept = 0;
  int *index = arena_array(b->arena, int, n + 1);
  struct work_def *work = arena_array(b->arena, struct work_def, n + 1);
  const struct node *shared = node_get(node, "work");
  for (size_t i = 0; i < n; i++) {
    int v = world_variant(b, node_name(variant[i]));
    const struct node *own = node_get(variant[i], "work");
    if (v == NONE)
      continue;
    index[kept] = v;
    if (own || shared)
      work[kept] = build_work(b, own ? own : shared);
    else
      work_tokens(b, &work[kept], NULL, node_get(node, "variants")->at);
    kept++;
  }
  if (!n && !shared)
    err_add(b->err, node->at, "the task '%s' needs 'work', or 'variants' that read and write tokens", t->name);
  if (!n && shared)
    work[0] = build_work(b, shared);
  if (!n && shared && work[0].kind == WORK_TOKENS)
    err_add(b->err, shared->at, "work in tokens needs 'variants': which model reads and writes them");
  t->n_variants = (int)kept;
  t->variant = index;
  t->work = work;
}

/* ---- plans ----------------------------------------------------------------------------------------------------- */

/* "metro", "metro[*]", "metro[3]", origin, nearest. */
struct word { enum place_word word; int place; uint64_t first, last; };

static bool parse_word(struct build *b, const struct node *node, struct word *out)
{
  const char *names[MAX_PLACES + 2];
  struct node name = *node;
  char *bracket, *text = arena_strdup(b->arena, node->text);
  *out = (struct word){.word = WORD_PLACE, .place = NONE};
  if (!strcmp(text, "origin") || !strcmp(text, "nearest")) {
    out->word = text[0] == 'o' ? WORD_ORIGIN : WORD_NEAREST;
    return true;
  }
  if ((bracket = strchr(text, '[')))
    *bracket = '\0';
  for (int i = 0; i < b->world->n_places; i++)
    names[i] = b->world->place[i].name;
  names[b->world->n_places] = "origin";
  names[b->world->n_places + 1] = "nearest";
  name.text = text;
  out->place = build_find(b, &name, "place", names, b->world->n_places + 2);
  if (out->place != NONE && b->world->place[out->place].kind == PLACE_NODE)
    return err_add(b->err, node->at, "'%.64s' is a level of a topology: nothing runs there; a place that is 'sited' at it can",
                   text);
  if (out->place == NONE || !bracket)
    return out->place != NONE;
  uint64_t count = b->world->place[out->place].count;
  char *end = NULL;
  unsigned long long member = strtoull(bracket + 1, &end, 10);
  bool all = !strcmp(bracket + 1, "*]");
  if (!all && (end == bracket + 1 || strcmp(end, "]") || member >= count))
    return err_add(b->err, node->at, "'%.64s': the members of %s are %s[0] to %s[%llu], or %s[*] for all", node->text,
                   text, text, text, (unsigned long long)count - 1, text);
  if (all && count > MAX_PLANS)
    return err_add(b->err, node->at, "'%.64s' makes %llu actions; at most %d are possible", node->text,
                   (unsigned long long)count, MAX_PLANS);
  out->word = WORD_MEMBER;
  out->first = all ? 0 : member;
  out->last = all ? count - 1 : member;
  return true;
}

/* A place offers a variant when it lists it (or lists none) and some hardware of it can serve its tokens. */
static bool place_offers(const struct build *b, int place, const struct task_def *t, int v)
{
  const struct place_def *p = &b->world->place[place];
  bool listed = !p->offers || p->offers[t->variant[v]];
  if (p->llm)
    return t->work[v].kind == WORK_TOKENS && t->variant[v] == p->llm->variant;
  if (!listed || t->work[v].kind != WORK_TOKENS || p->kind == PLACE_API)
    return listed;
  for (int h = 0; h < p->n_hardware; h++)
    if (b->world->hardware[p->hardware[h]].tokens[t->variant[v]].available)
      return true;
  return false;
}

bool build_leads_to(const struct world_def *w, const struct class_def *c, const struct plan_def *plan, int place)
{
  if (plan->word == WORD_NEAREST)
    return w->place[place].tier == TIER_EDGE;
  for (int i = 0; plan->word == WORD_ORIGIN && i < c->n_from; i++)
    if (c->from[i] == place)
      return true;
  return plan->word != WORD_ORIGIN && plan->place == place;
}

static bool word_leads_to(const struct build *b, const struct class_def *c, const struct word *w, int place)
{
  return build_leads_to(b->world, c, &(struct plan_def){.word = w->word, .place = w->place}, place);
}

/* Does some place of the word offer the variant? *lacks: bytes of memory that the best of them is short of. */
static bool word_offers(const struct build *b, const struct class_def *c, const struct word *w,
                        const struct task_def *t, int v, double *lacks)
{
  bool any = false;
  *lacks = t->n_variants == 0 ? 0 : INFINITY;
  for (int i = 0; i < b->world->n_places && t->n_variants > 0; i++) {
    if (!word_leads_to(b, c, w, i) || !place_offers(b, i, t, v))
      continue;
    any = true;
    *lacks = fmin(*lacks, place_lacks_bytes(b->world, &b->world->place[i], t->variant[v]));
  }
  return any || t->n_variants == 0;
}


/* ---- clocks ---- */

/* Its number in the world's list, made with the top clock when the first other one is asked for. */
static int clock_number(struct build *b, const struct node *at, double clock)
{
  struct world_def *w = b->world;
  double *list = (double *)w->clock;                    /* made here */
  if (!list) {
    list = arena_array(b->arena, double, MAX_CLOCKS);
    list[w->n_clocks++] = 1;
    w->clock = list;
  }
  for (int i = 0; i < w->n_clocks; i++)
    if (list[i] == clock) return i;
  if (w->n_clocks == MAX_CLOCKS) {
    err_add(b->err, at->at, "more than %d different clocks in a scenario, the top one included", MAX_CLOCKS);
    return 0;
  }
  list[w->n_clocks] = clock;
  return w->n_clocks++;
}

/* Devices that serve each request in a slot of its own. */
static bool has_clock(const struct build *b, const struct class_def *c, const struct word *w)
{
  bool any = false;
  for (int i = 0; i < b->world->n_places && w->word != WORD_NEAREST; i++) {
    const struct place_def *p = &b->world->place[i];
    if (!word_leads_to(b, c, w, i)) continue;
    if (p->tier != TIER_DEVICE || p->batching || p->llm || p->discipline == PROCESSOR_SHARING) return false;
    any = true;
  }
  return any;
}

struct clocks { int n, number[MAX_CLOCKS]; bool used; };

static struct clocks clocks_of(struct build *b, const struct node *task)
{
  struct clocks c = {.n = 0};
  const struct node *const *one;
  size_t n = elements(node_get(task, "clocks"), &one, b->arena);
  for (size_t i = 0; i < n; i++) {
    double clock = node_is(one[i], NODE_TEXT) ? key_number(key_find("task", "clocks"), one[i]->text) : NAN;
    int number = isnan(clock) ? 0 : clock_number(b, one[i], clock);
    for (int k = 0; k < c.n; k++)
      if (c.number[k] == number) err_add(b->err, one[i]->at, "this clock is there already");
    if (c.n < MAX_CLOCKS) c.number[c.n++] = number;
  }
  return c;
}

static const char *plan_label(struct build *b, const struct node *node, const struct word *w, uint64_t member,
                              const struct task_def *t, int v)
{
  const char *place = node->text;
  if (w->word == WORD_MEMBER)
    place = arena_printf(b->arena, "%s[%llu]", b->world->place[w->place].name, (unsigned long long)member);
  return t->n_variants ? arena_printf(b->arena, "%s/%s", place, b->world->variant[t->variant[v]].name) : place;
}

struct plans { struct plan_def *plan; int n; };

/* One plan, or one for each clock. False: too many. */
static bool add_at_clocks(struct build *b, const struct plan_def *plan, struct clocks *clocks, struct plans *plans)
{
  int n = clocks && clocks->n ? clocks->n : 1;
  if (plans->n + n > MAX_PLANS) return false;
  for (int i = 0; i < n; i++) {
    struct plan_def *p = &plans->plan[plans->n++];
    *p = *plan;
    if (clocks && clocks->n) p->clock = clocks->number[i];
    if (p->clock) p->label = arena_printf(b->arena, "%s@%g", plan->label, b->world->clock[p->clock]);
  }
  if (clocks) clocks->used = true;
  return true;
}

static bool lists_one_of(const struct place_def *p, const struct task_def *t)
{
  bool any = false;
  for (int v = 0; v < t->n_variants; v++) any |= !p->offers || p->offers[t->variant[v]];
  return any;
}

static const char *variant_names(struct build *b, const struct task_def *t)
{
  const char *names = "";
  for (int v = 0; v < t->n_variants; v++)
    names = arena_printf(b->arena, "%s%s%s", names, *names ? ", " : "", b->world->variant[t->variant[v]].name);
  return names;
}

/* A place that lists variants offers no others; one that does may have no hardware that can serve their tokens. */
static void say_no_variant(struct build *b, const struct class_def *c, const struct task_def *t, const struct node *node,
                           const struct word *w)
{
  const struct place_def *p = NULL;
  for (int i = b->world->n_places; i-- > 0;)
    if (word_leads_to(b, c, w, i)) p = &b->world->place[i];
  if (p && p->llm)
    err_add(b->err, node->at, "'%.64s' can run no variant of the task '%s': %s serves tokens of %s alone, the task has %s",
            node->text, t->name, p->name, b->world->variant[p->llm->variant].name, variant_names(b, t));
  else if (p && !lists_one_of(p, t))
    err_add(b->err, node->at, "'%.64s' can run no variant of the task '%s': places.%s.variants lists others; add one of %s "
            "there", node->text, t->name, p->name, variant_names(b, t));
  else
    err_add(b->err, node->at, "'%.64s' can run no variant of the task '%s': no hardware there has a token cost for %s",
            node->text, t->name, variant_names(b, t));
}

static void add_plans(struct build *b, const struct class_def *c, const struct task_def *t, const struct node *node,
                      struct clocks *clocks, struct plans *plans)
{
  struct word w;
  int before = plans->n;
  double lacks, least = INFINITY;                       /* bytes */
  if (!node_is(node, NODE_TEXT) || !parse_word(b, node, &w))
    return;
  for (uint64_t member = w.first; member <= w.last; member++)
    for (int v = 0; v < (t->n_variants ? t->n_variants : 1); v++) {
      if (!word_offers(b, c, &w, t, v, &lacks))
        continue;
      least = fmin(least, lacks);
      struct plan_def plan = {w.word, w.place, member, v, plan_label(b, node, &w, member, t, v), 0};
      if (!add_at_clocks(b, &plan, has_clock(b, c, &w) ? clocks : NULL, plans)) {
        err_add(b->err, node->at, "the task '%s' has more than %d actions", t->name, MAX_PLANS);
        return;
      }
    }
  if (plans->n == before)
    say_no_variant(b, c, t, node, &w);
  else if (least > 0)
    err_add(b->err, node->at, "'%.64s' has no memory for any variant of the task '%s': %.4g GB too little for weights and "
            "one token of context", node->text, t->name, least / 1e9);
}

static void build_plans(struct build *b, const struct class_def *c, struct task_def *t, const struct node *node)
{
  const struct node *const *place;
  size_t n = elements(node_get(node, "places"), &place, b->arena);
  struct plans plans = {arena_array(b->arena, struct plan_def, MAX_PLANS), 0};
  struct clocks clocks = clocks_of(b, node);
  for (size_t i = 0; i < n; i++)
    add_plans(b, c, t, place[i], &clocks, &plans);
  if (clocks.n && !clocks.used)
    err_add(b->err, node_get(node, "clocks")->key_at, "no place of the task '%s' has a clock to choose: they are of devices, without "
            "batching, LLM engines and processor sharing", t->name);
  t->plan = plans.plan;
  t->n_plans = plans.n;
}

bool build_plan(struct build *b, const struct class_def *c, const struct task_def *t, const struct node *place,
                const struct node *variant, struct plan_def *plan)
{
  const char *variants[NO_VARIANT];
  struct word w = {0};
  double lacks;
  for (int v = 0; v < t->n_variants; v++)
    variants[v] = b->world->variant[t->variant[v]].name;
  int v = variant ? build_find(b, variant, "variant of this task", variants, t->n_variants) : 0;
  if (!node_is(place, NODE_TEXT) || !parse_word(b, place, &w) || v == NONE)
    return false;
  if (!word_offers(b, c, &w, t, v, &lacks))
    err_add(b->err, place->at, "'%.64s' cannot run %s", place->text, t->n_variants ? variants[v] : t->name);
  *plan = (struct plan_def){w.word, w.place, w.first, v, plan_label(b, place, &w, w.first, t, v), 0};
  return true;
}

static void build_fallbacks(struct build *b, const struct class_def *c, struct task_def *t, const struct node *list)
{
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  struct fallback_def *fallback = arena_array(b->arena, struct fallback_def, n + 1);
  for (size_t i = 0; i < n; i++) {
    const struct node *node = list->child[i], *place = node_get(node, "place");
    if (!place == !node_get(node, "answer")) {
      err_add(b->err, node->at, "a fallback is {place, variant} or {answer, quality}");
      continue;
    }
    if (!place) {
      fallback[t->n_fallbacks++] = (struct fallback_def){.answers = true,
                                                         .answer = get_text(node, "fallback", "answer"),
                                                         .quality = get_number(node, "fallback", "quality")};
      if (i + 1 < n)
        err_add(b->err, list->child[i + 1]->at, "nothing can follow an answer");
      continue;
    }
    struct plan_def plan;
    if (build_plan(b, c, t, place, node_get(node, "variant"), &plan))
      fallback[t->n_fallbacks++] = (struct fallback_def){.plan = plan};
  }
  t->fallback = fallback;
}

/* ---- tasks ----------------------------------------------------------------------------------------------------- */

static double time_or_none(const struct node *map, const char *section, const char *name)
{
  double value = get_number(map, section, name);
  return isnan(value) ? 0 : value;
}

static void build_task(struct build *b, const struct class_def *c, struct task_def *t, const struct node *node, size_t i)
{
  const struct node *timeout = node_get(node, "timeout");
  *t = task_def_default();
  t->name = node_name(node) ? node_name(node) : "?";
  b->task = t->name;
  build_variants_of(b, t, node);
  build_plans(b, c, t, node);
  t->output_bytes = build_expr(b, node_get(node, "output"), Q_BYTES, NULL);
  t->data = node_get(node, "data") ? build_shares(b, node_get(node, "data")) : NULL;
  if (t->data) t->data_at = node_get(node, "data")->at;
  t->stream = get_flag(node, "task", "stream");
  t->asynchronous = get_flag(node, "task", "async");
  t->successor_starts_on_first = get_choice(node, "task", "starts_on") == 1;
  t->timeout_first_s = time_or_none(timeout, "timeout", "ttft");
  t->timeout_s = time_or_none(timeout, "timeout", "e2e");
  t->patience_s = build_dist(b, node_get(timeout, "queue"), Q_TIME, 1);
  t->repeat_probability = get_number(node, "task", "repeat");
  build_fallbacks(b, c, t, node_get(node, "fallback"));
  t->life = build_life(b, c, t, node);
  t->effect = build_effect(b, t, node, i);
  if (t->successor_starts_on_first && !t->stream)
    err_add(b->err, node_get(node, "starts_on")->at, "'starts_on: first' needs 'stream: true'");
}

/* Bits of the file's order. */
static uint32_t after_bits(struct build *b, const struct node *pipeline, size_t i)
{
  const struct node *after = node_get(pipeline->child[i], "after");
  const struct node *const *name;
  const char *names[MAX_TASKS];
  uint32_t bits = 0;
  if (!after)
    return i ? UINT32_C(1) << (i - 1) : 0;
  for (size_t k = 0; k < pipeline->n && k < MAX_TASKS; k++)
    names[k] = node_name(pipeline->child[k]) ? node_name(pipeline->child[k]) : "?";
  size_t n = elements(after, &name, b->arena);
  for (size_t k = 0; k < n; k++) {
    int found = build_find(b, name[k], "task", names, (int)(pipeline->n < MAX_TASKS ? pipeline->n : MAX_TASKS));
    if (found == (int)i)
      err_add(b->err, name[k]->at, "a task cannot come after itself");
    else if (found != NONE)
      bits |= UINT32_C(1) << found;
  }
  return bits;
}

static uint32_t move_bits(uint32_t bits, const int *to, size_t n)
{
  uint32_t moved = 0;
  for (size_t i = 0; i < n; i++)
    if (bits >> i & 1)
      moved |= UINT32_C(1) << to[i];
  return moved;
}

/* Order in which each task comes after those it needs, as near to the file's as possible. */
static bool topological(const uint32_t *after, size_t n, int *to)
{
  uint32_t done = 0;
  for (size_t place = 0; place < n; place++) {
    size_t i = 0;
    while (i < n && (done >> i & 1 || after[i] & ~done))
      i++;
    if (i == n)
      return false;
    done |= UINT32_C(1) << i;
    to[i] = (int)place;
  }
  return true;
}

/* The tasks of one circle, from one of them round to it again; told where that one says what it comes after. */
static void tell_circle(struct build *b, const struct class_def *c, const struct node *pipeline, const uint32_t *after, size_t n)
{
  uint32_t done = 0, seen = 0;
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; i < n; i++)
      if (!(after[i] & ~done)) done |= UINT32_C(1) << i;
  size_t at = (size_t)__builtin_ctz(~done);
  while (!(seen >> at & 1)) {
    seen |= UINT32_C(1) << at;
    at = (size_t)__builtin_ctz(after[at] & ~done);
  }
  size_t first = at;
  const struct node *task = pipeline->child[first], *own = node_get(task, "after");
  const char *way = node_name(task);
  do {
    at = (size_t)__builtin_ctz(after[at] & ~done);
    way = arena_printf(b->arena, "%s, which waits for %s", way, node_name(pipeline->child[at]));
  } while (at != first);
  err_add(b->err, own ? own->at : task->at, "the tasks of %s wait for each other in a circle: %s", c->name, way);
}

/* Of what the user does not wait for, nothing is waited for either. */
static void check_asynchronous(struct build *b, const struct class_def *c, const struct task_def *task, const uint32_t *after,
                               const struct node *pipeline, size_t n)
{
  bool any_awaited = false;
  for (size_t i = 0; i < n; i++) {
    const struct node *node = pipeline->child[i];
    any_awaited |= !task[i].asynchronous;
    if (task[i].asynchronous && node_get(node, "ends"))
      err_add(b->err, node_get(node, "ends")->at, "nobody waits for '%s', which is asynchronous: a request cannot end with it",
              task[i].name);
    for (size_t k = 0; k < n; k++)
      if (!task[i].asynchronous && after[i] >> k & 1 && task[k].asynchronous)
        err_add(b->err, node_get(node, "after") ? node_get(node, "after")->at : node->at,
                "'%s' waits for '%s', which is asynchronous: it must be so, too, or not come after it", task[i].name, task[k].name);
  }
  if (n && !any_awaited)
    err_add(b->err, pipeline->key_at, "all tasks of %s are asynchronous: there is nothing that its user waits for", c->name);
}

static void note_unawaited(struct class_def *c, struct task_def *task, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (task[i].asynchronous) c->unawaited |= UINT32_C(1) << i;
  for (size_t i = 0; i < n; i++) task[i].unawaited = task[i].before & c->unawaited;
}

static void link_tasks(struct build *b, struct class_def *c, struct task_def *task, const struct node *pipeline,
                       size_t n)
{
  uint32_t after[MAX_TASKS];
  int to[MAX_TASKS] = {0};
  struct task_def *sorted = arena_array(b->arena, struct task_def, n + 1);
  for (size_t i = 0; i < n; i++)
    after[i] = after_bits(b, pipeline, i);
  check_asynchronous(b, c, task, after, pipeline, n);
  if (!topological(after, n, to)) {
    tell_circle(b, c, pipeline, after, n);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    sorted[to[i]] = task[i];
    sorted[to[i]].after = move_bits(after[i], to, n);
  }
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < n; k++)
      if (sorted[k].after >> i & 1)
        sorted[i].before |= UINT32_C(1) << k;
  note_unawaited(c, sorted, n);
  for (int i = 0; i < b->n_attributes; i++)
    if (b->attribute[i].known == KNOWN_AFTER_TASK)
      b->attribute[i].after_task = to[b->attribute[i].after_task];
  c->task = sorted;
  transform_outputs(b, c, sorted);
}

void build_tasks(struct build *b, struct class_def *c)
{
  const struct node *pipeline = node_get(b->klass, "pipeline");
  size_t n = node_is(pipeline, NODE_LIST) ? pipeline->n : 0;
  if (n > MAX_TASKS) {
    err_add(b->err, pipeline->at, "a pipeline has at most %d tasks", MAX_TASKS);
    n = MAX_TASKS;
  }
  struct task_def *task = arena_array(b->arena, struct task_def, n + 1);
  for (size_t i = 0; i < n; i++)
    build_task(b, c, &task[i], pipeline->child[i], i);
  c->task = task;
  c->n_tasks = (int)n;
  if (n)
    link_tasks(b, c, task, pipeline, n);
}

/* ---- classes --------------------------------------------------------------------------------------------------- */

static void build_from(struct build *b, struct class_def *c, const struct node *from)
{
  const struct node *const *name;
  size_t n = elements(from, &name, b->arena);
  int *place = arena_array(b->arena, int, n + 1);
  for (size_t i = 0; i < n; i++) {
    int found = build_find_place(b, name[i]);
    if (found != NONE && b->world->place[found].tier != TIER_DEVICE)
      err_add(b->err, name[i]->at, "'%s' is no place of tier device; requests come from devices",
              b->world->place[found].name);
    if (found != NONE)
      place[c->n_from++] = found;
  }
  c->from = place;
}

static void data_of_class(struct build *b, struct class_def *c)
{
  for (int d = 0; d < b->world->n_data; d++) {
    c->data_varies |= c->data[d].reads != 0;
    for (int t = 0; t < c->n_tasks; t++) c->data_varies |= c->task[t].data && c->task[t].data[d].reads != 0;
  }
  if (!b->world->n_data && node_get(b->klass, "data")) build_shares(b, node_get(b->klass, "data"));
  check_masked(b, c);
}

static void check_shapes(struct build *b, const struct class_def *c)
{
  for (const struct task_def *t = c->task; t < c->task + c->n_tasks; t++) {
    for (int i = 0; i < t->n_plans; i++) check_measured(b, c, t, &t->plan[i]);
    for (int i = 0; i < t->n_fallbacks; i++)
      if (!t->fallback[i].answers) check_measured(b, c, t, &t->fallback[i].plan);
  }
}

static void build_class(struct build *b, struct class_def *c, const struct node *node)
{
  const struct node *slo = node_get(node, "slo");
  *c = class_def_default();
  c->name = node_name(node) ? node_name(node) : "?";
  b->klass = node;
  build_from(b, c, node_get(node, "from"));
  build_arrivals(b, c);
  build_attributes(b, c);
  c->share = get_number(node, "class", "share");
  c->slo_ttft_s = time_or_none(slo, "slo", "ttft");
  c->slo_e2e_s = time_or_none(slo, "slo", "e2e");
  c->slo_tpot_s = time_or_none(slo, "slo", "tpot");
  c->zones = build_zones(b, node_get(node, "zones"), ~UINT64_C(0), false);
  c->priority = (int)get_count(node, "class", "priority");
  c->input_bytes = build_expr(b, node_get(node, "input"), Q_BYTES, NULL);
  const struct node *state = node_get(node, "state");
  c->state_bytes = state ? build_expr(b, state, Q_BYTES, NULL) : c->input_bytes;
  c->in_flight = node_get(node, "in_flight") ? get_choice(node, "class", "in_flight") : NONE;
  c->data = b->world->n_data ? build_shares(b, node_get(node, "data")) : NULL;
  if (node_get(node, "data")) c->data_at = node_get(node, "data")->at;
  build_tasks(b, c);
  build_matches(b, c);
  build_session(b, c);
  data_of_class(b, c);
  build_budget(b, c, (struct task_def *)c->task);       /* made here */
  struct attribute_def *own = arena_array(b->arena, struct attribute_def, b->n_attributes + 1);
  memcpy(own, b->attribute, (size_t)b->n_attributes * sizeof *own);
  c->attribute = own;
  c->n_attributes = b->n_attributes;
  check_quality(b, c);
  effects_link(c, (struct task_def *)c->task);          /* made here */
  check_effects(b, c);
  check_runnable(b, c);
  check_shapes(b, c);
}

void build_classes(struct build *b)
{
  const struct node *list = node_get(b->root, "classes");
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  struct class_def *klass = arena_array(b->arena, struct class_def, n + 1);
  for (size_t i = 0; i < n; i++)
    build_class(b, &klass[i], list->child[i]);
  b->world->klass = klass;
  b->world->n_classes = (int)n;
}
