/* llm.c: places of LLM engines: `batching` of kind continuous.
 *
 * Blocks by default as vLLM takes them: what 90 % of the memory leave beside the weights, over the bytes of a block.
 * Checkable: 24 GB, weights 16.06 GB, 131,072 bytes of KV a token: (0.9 * 24e9 - 16.06e9) / (16 * 131072) = 2641.
 */
#include "scenarios/build.h"

#include <math.h>
#include <string.h>

static const double MEMORY_SHARE = 0.9;

/* ---- which variant ----------------------------------------------------------------------------------------------- */

static const struct hardware_def *hardware_of(const struct build *b, const struct place_def *p, int kind)
{
  return p->n_hardware > 0 ? &b->world->hardware[p->hardware[kind]] : NULL;
}

/* With step times of its own it can run any that it offers; else those that its hardware has numbers for. */
static bool can_run(const struct build *b, const struct place_def *p, int v, bool own_times)
{
  bool can = !p->offers || p->offers[v];
  for (int h = 0; can && !own_times && h < p->n_hardware; h++)
    can = b->world->hardware[p->hardware[h]].tokens[v].available;
  return can && (own_times || p->n_hardware > 0);
}

static int find_variant(struct build *b, const struct place_def *p, const struct node *node, bool own_times)
{
  int found = NONE, n = 0;
  const char *all = "";
  for (int v = 0; v < b->world->n_variants; v++) {
    if (!can_run(b, p, v, own_times)) continue;
    all = arena_printf(b->arena, "%s%s%s", all, n++ ? ", " : "", b->world->variant[v].name);
    found = v;
  }
  if (n > 1)
    err_add(b->err, node->key_at, "places.%s: an LLM engine runs one variant, and %d can run there (%s); name one with "
            "'variants'", p->name, n, all);
  if (n == 0 && (b->world->n_variants > 0 || !own_times))
    err_add(b->err, node->key_at, "places.%s: no variant can run on its LLM engines; give 'hardware' that runs one, or "
            "'step_time'", p->name);
  return n == 1 ? found : NONE;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static uint32_t blocks_of(struct build *b, const struct place_def *p, const struct llm_def *d, int kind,
                          const struct node *node)
{
  const struct variant_def *v = d->variant == NONE ? NULL : &b->world->variant[d->variant];
  const struct hardware_def *h = hardware_of(b, p, kind);
  double memory = p->memory_bytes > 0 ? p->memory_bytes : h ? h->memory_bytes : 0;
  if (node_get(node, "kv_blocks")) return (uint32_t)get_count(node, "batching", "kv_blocks");
  if (!v || !(v->kv_bytes_per_tok > 0) || !(memory > 0)) {
    err_add(b->err, node->key_at, "places.%s.batching needs 'kv_blocks': %s is not known", p->name,
            memory > 0 ? "the context memory of a token" : "the memory of a server");
    return 2;
  }
  double blocks = floor((MEMORY_SHARE * memory - v->weight_bytes) / (d->engine.block_tok * v->kv_bytes_per_tok));
  if (blocks >= 2) return (uint32_t)fmin(blocks, 1e8);
  err_add(b->err, node->key_at, "places.%s: %s does not fit: weights of %.3g GB in 90 %% of %.3g GB leave no memory for "
          "contexts", p->name, v->name, v->weight_bytes / 1e9, memory / 1e9);
  return 2;
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

/* The measured decode step and prompt rate that the hardware has for the variant. */
static const struct steptime *affine_of(struct build *b, const struct place_def *p, int variant, int kind)
{
  const struct hardware_def *h = hardware_of(b, p, kind);
  if (variant == NONE || !h) return steptime_reference();         /* a mistake was added */
  const struct token_cost *c = &h->tokens[variant];
  if (!c->available) return steptime_reference();
  if (c->step_time || c->prompt) return c->step_time ? c->step_time : steptime_of_cost(b->arena, c);
  return steptime_affine_kv(b->arena, c->step_a_s, c->step_c_s, c->step_s_per_kv_tok, c->prefill_tok_per_s);
}

static void check_limit(struct build *b, const struct place_def *p, const struct node *node, const char *key,
                        uint64_t value, uint64_t most)
{
  if (most == 0 || value <= most) return;
  const struct node *own = node_get(node, key);
  err_add(b->err, own ? own->at : node->key_at, "places.%s: '%s' is %llu; the step times are measured up to %llu. "
          "'extrapolate: true' goes beyond", p->name, key, (unsigned long long)value, (unsigned long long)most);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void check_scheduler(struct build *b, const struct llm_def *d, const struct place_def *p,
                            const struct node *node)
{
  static const char *const only[] = {"long_prefill_threshold", "prefix_cache", "reserve_full"};
  bool v1 = d->engine.scheduler == VLLM_V1;
  for (size_t i = 0; !v1 && i < sizeof only / sizeof *only; i++)
    if (node_get(node, only[i]))
      err_add(b->err, node_get(node, only[i])->key_at, "'%s' belongs to the scheduler vllm_v1", only[i]);
  if (!v1 && d->router == ROUTE_PREFIX)
    err_add(b->err, node_get(node, "router")->at, "'prefix_aware' needs the prefix cache of the scheduler vllm_v1");
  if (v1 && d->router == ROUTE_PREFIX && !d->engine.prefix_cache)
    err_add(b->err, node_get(node, "router")->at, "'prefix_aware' needs 'prefix_cache: true'");
  if (p->discipline != FIFO && !(v1 && p->discipline == PRIORITY))
    err_add(b->err, node->key_at, "places.%s: LLM engines take requests in the order of arrival (fifo); vllm_v1 also by "
            "priority", p->name);
  if (p->kind == PLACE_API)
    err_add(b->err, node->key_at, "places.%s: an api does not batch here", p->name);
  for (int h = 0; h < p->n_hardware; h++)
    if (hardware_of(b, p, h)->sustained)
      err_add(b->err, node->key_at, "places.%s: hardware '%s' has a sustained rate, which LLM engines do not know", p->name,
              hardware_of(b, p, h)->name);
}

static struct engine_def engine_of(const struct place_def *p, const struct node *node)
{
  struct engine_def e = engine_def_default((enum engine_scheduler)get_choice(node, "batching", "scheduler"), 2);
  bool v1 = e.scheduler == VLLM_V1;
  e.max_num_seqs = (uint32_t)get_count(node, "batching", "max_num_seqs");
  if (node_get(node, "max_num_batched_tokens"))
    e.max_num_batched_tokens = (uint32_t)get_count(node, "batching", "max_num_batched_tokens");
  e.long_prefill_threshold = v1 ? (uint32_t)get_count(node, "batching", "long_prefill_threshold") : 0;
  e.block_tok = (uint32_t)get_count(node, "batching", "block");
  e.prefix_cache = v1 && get_flag(node, "batching", "prefix_cache");
  e.reserve_full = v1 && get_flag(node, "batching", "reserve_full");
  e.by_priority = v1 && p->discipline == PRIORITY;
  return e;
}

static void build_kinds(struct build *b, const struct place_def *p, struct llm_def *d, const struct node *node,
                        const struct steptime *own)
{
  int n = p->n_hardware > 0 ? p->n_hardware : 1;
  struct llm_kind *kind = arena_array(b->arena, struct llm_kind, n);
  for (int k = 0; k < n; k++) {
    kind[k] = (struct llm_kind){blocks_of(b, p, d, k, node), own ? own : affine_of(b, p, d->variant, k)};
    struct steptime_limits most = steptime_limits(kind[k].step_time);
    if (d->extrapolate) continue;
    check_limit(b, p, node, "max_num_batched_tokens", d->engine.max_num_batched_tokens, most.tokens);
    check_limit(b, p, node, "max_num_seqs", d->engine.max_num_seqs, most.sequences);
  }
  d->kind = kind;
}

const struct llm_def *build_llm(struct build *b, struct place_def *p, const struct node *node)
{
  if (!node_is(node, NODE_MAP) || !node_text_is(node_get(node, "kind"), "continuous")) return NULL;
  const struct node *time = node_get(node, "step_time");
  size_t errors = b->err->n_errors;
  struct llm_def *d = arena_alloc(b->arena, sizeof *d);
  d->engine = engine_of(p, node);
  d->router = (enum engine_router)get_choice(node, "batching", "router");
  d->extrapolate = get_flag(node, "batching", "extrapolate");
  batching_keys(b, node, true);
  check_scheduler(b, d, p, node);
  d->variant = find_variant(b, p, node, time != NULL);
  const struct steptime *own = time ? step_time_build(b, time) : NULL;
  if (b->err->n_errors == errors) build_kinds(b, p, d, node, own);
  if (!d->kind) {                                       /* something harmless */
    struct llm_kind *kind = arena_array(b->arena, struct llm_kind, p->n_hardware + 1);
    for (int k = 0; k <= p->n_hardware; k++) kind[k] = (struct llm_kind){2, steptime_reference()};
    d->kind = kind;
  }
  p->slots = (int)d->engine.max_num_seqs;
  return d;
}

/* ---- requests of known size -------------------------------------------------------------------------------------- */

static bool is_known(const struct expr *e) { return e->reads == 0; }

static void check_request(struct build *b, const struct place_def *p, const struct class_def *k,
                          const struct task_def *t, const struct work_def *work, const struct node *node)
{
  const struct llm_def *d = p->llm;
  uint64_t most = steptime_limits(d->kind[0].step_time).context;
  double in = expr_value(&work->tok_in, NULL), out = expr_value(&work->tok_out, NULL);
  double most_tok = ((double)d->kind[0].kv_blocks - (d->engine.scheduler == VLLM_V1)) * d->engine.block_tok;
  if (most && !d->extrapolate && in + out > (double)most)
    err_add(b->err, node->key_at, "places.%s: task '%s' of class '%s' has %.0f tokens of prompt and output; the step times "
            "are measured up to %llu. 'extrapolate: true' goes beyond", p->name, t->name, k->name, in + out,
            (unsigned long long)most);
  if (in > most_tok)
    err_warn(b->err, node->key_at, "places.%s: the prompts of task '%s' of class '%s', %.0f tokens, are longer than the "
             "context memory, %.0f tokens: all will be refused", p->name, t->name, k->name, in, most_tok);
}

void check_llm_requests(struct build *b)
{
  const struct world_def *w = b->world;
  const struct node *places = node_get(b->root, "places");
  for (int i = 0; i < w->n_places; i++)
    for (int k = 0; w->place[i].llm && k < w->n_classes; k++)
      for (int t = 0; t < w->klass[k].n_tasks; t++) {
        const struct task_def *task = &w->klass[k].task[t];
        for (int v = 0; task->work && v < (task->n_variants > 0 ? task->n_variants : 1); v++)
          if (task->work[v].kind == WORK_TOKENS && is_known(&task->work[v].tok_in) && is_known(&task->work[v].tok_out)
              && (task->n_variants > 0 ? task->variant[v] : NONE) == w->place[i].llm->variant)
            check_request(b, &w->place[i], &w->klass[k], task, &task->work[v], node_get(places->child[i], "batching"));
      }
}
