/* llm.c: LLM engines as places: what their step times cover, what a request may expect, what a run tells of them.
 *
 * Expected at a load of b others: its prompt in chunks of the budget, each beside b decoding requests; then its output
 * in steps of b + 1 requests with contexts like its own. A chunk's time is its own by tokens, a step's by 1 / (b + 1).
 * Check: reference step time, 100 + 2 tokens, alone: 13.52 ms + 6.55626 ms.
 */
#include "models/internal.h"

/* ---- what the step times cover ----------------------------------------------------------------------------------- */

bool llm_covers(struct world *w, const struct attempt *a, const struct demand *d)
{
  struct place *p = &w->place[a->place];
  const struct llm_def *llm = p->def->llm;
  uint64_t most = steptime_limits(llm->kind[kind_of(p, a->member)].step_time).context;
  if (most == 0 || d->tok_in + d->tok_out <= (double)most) return true;
  p->extrapolated++;
  if (llm->extrapolate) return true;
  run_fails(w);
  return err_add(w->err, (struct where){ 0 },
                 "place '%s': request %llu has %.0f tokens of prompt and output; the step times are measured up to "
                 "%llu. 'extrapolate: true' goes beyond", p->def->name, (unsigned long long)a->request->id,
                 d->tok_in + d->tok_out, (unsigned long long)most);
}

/* ---- what to expect ---------------------------------------------------------------------------------------------- */

struct expected { const struct steptime *model; double s, part_s, joule; };

/* `times` iterations, of which `part` is the request's own. */
static void expect(struct expected *x, const struct step_batch *b, double times, double part)
{
  double s = times * s_from_ns(steptime_ns(x->model, b));
  x->s += s;
  x->part_s += part * s;
  x->joule += part * times * steptime_j(x->model, b);
}

static struct step_batch beside(uint32_t others, double context)
{
  uint32_t kv = (uint32_t)context;
  return (struct step_batch){ .sequences = others, .decodes = others, .decode_kv = (uint64_t)others * kv,
                              .decode_kv_max = kv, .decode_kv_min = others ? kv : 0 };
}

static void expect_prompt(struct expected *x, const struct llm_def *llm, double tok, uint32_t others, double context)
{
  double most = fmax(1, llm->engine.max_num_batched_tokens - (double)others), chunks = fmax(1, ceil(tok / most));
  uint32_t chunk = (uint32_t)fmax(1, ceil(tok / chunks));
  double before = (chunks - 1) / 2 * chunk;             /* read already, on average */
  struct step_batch b = beside(others, context);
  b.sequences++;
  b.prefills = 1;
  b.prefill_tokens = chunk;
  b.prefill_kv = (uint64_t)before;
  b.prefill_attention = (uint64_t)(chunk * (2 * before + chunk));
  b.prefill_squares = (double)chunk * chunk;
  expect(x, &b, chunks, chunk / (chunk + (double)others));
}

double llm_expected_s(const struct place *p, int kind, const struct demand *d, double others, double *part_s,
                      double *joule)
{
  const struct llm_def *llm = p->def->llm;
  struct expected x = { .model = llm->kind[kind].step_time };
  *joule = 0;
  if (isnan(d->tok_in) || isnan(d->tok_out)) return *part_s = NAN;
  uint32_t beside_it = (uint32_t)lround(others);
  double context = fmin(d->tok_in + d->tok_out / 2, 1e9), steps = fmax(0, d->tok_out - 1);
  expect_prompt(&x, llm, fmin(d->tok_in - d->tok_held, 1e9), beside_it, context);
  struct step_batch b = beside(beside_it + 1, context);
  expect(&x, &b, steps, 1.0 / b.decodes);
  *part_s = x.part_s;
  *joule = x.joule;
  return x.s;
}

/* ---- what a run tells -------------------------------------------------------------------------------------------- */

static double ratio(double a, double b) { return b > 0 ? a / b : NAN; }

void llm_add(struct llm_meters *sum, const struct llm_meters *one)
{
  struct engine_meters *m = &sum->window;
  m->iterations += one->window.iterations;
  m->preemptions += one->window.preemptions;
  m->tokens_read += one->window.tokens_read;
  m->tokens_made += one->window.tokens_made;
  m->hit_tok += one->window.hit_tok;
  m->gap_count += one->window.gap_count;
  m->gap_s_sum += one->window.gap_s_sum;
  m->block_s += one->window.block_s;
  sum->ttft_s_sum += one->ttft_s_sum;
  sum->ttfts += one->ttfts;
  for (int i = 0; i < ENGINE_REFUSALS; i++) sum->refused[i] += one->refused[i];
}

/* Blocks of all engines that requests can hold. */
static double all_blocks(const struct place *p)
{
  const struct llm_def *llm = p->def->llm;
  double sum = 0;
  for (int k = 0; k < p->n_kinds; k++)
    sum += (double)p->members[k] * p->def->servers * (llm->kind[k].kv_blocks - (llm->engine.scheduler == VLLM_V1));
  return sum;
}

void llm_summary(const struct place *p, const struct llm_meters *all, double window_s, struct place_summary *out)
{
  const struct engine_meters *m = &all->window;
  bool none = !p->def->llm;
  out->iterations = none ? NAN : (double)m->iterations;
  out->preemptions = none ? NAN : (double)m->preemptions;
  out->kv_occupancy = none ? NAN : ratio(m->block_s, all_blocks(p) * window_s);
  out->itl_mean_s = none ? NAN : ratio(m->gap_s_sum, (double)m->gap_count);
  out->server_ttft_mean_s = none ? NAN : ratio(all->ttft_s_sum, (double)all->ttfts);
  out->tokens_per_s = none ? NAN : ratio((double)m->tokens_made, window_s);
  out->prefix_hit_ratio = none ? NAN : ratio((double)m->hit_tok, (double)(m->hit_tok + m->tokens_read));
  out->refused_prompt = none ? NAN : (double)all->refused[ENGINE_PROMPT_TOO_LONG];
  out->refused_memory = none && !p->cost ? NAN : (double)all->refused[ENGINE_MEMORY_TOO_SMALL];
  out->extrapolated = none && !p->measures ? NAN : (double)p->extrapolated;
  out->extrapolated_estimates = p->measures ? (double)p->extrapolated_estimates : NAN;
  out->joules_per_token = NAN;                          /* ledger.c */
}
