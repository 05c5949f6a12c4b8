/* router: easy requests to a small model, hard ones to a large one, by the score of a classifier before the answer
 * (Ding et al.: Hybrid LLM, ICLR 2024; Ong et al.: RouteLLM, 2024).
 *
 * Variants are ordered by their expected quality. `score` is a feature that grows with difficulty (an attribute with
 * `classifier: error` is one that errs by a known amount). Score <= above: the smallest variant; of n variants, the k-th
 * larger one (k = 1 ... n - 1) for above + (k - 1) s < score <= above + k s with s = (1 - above) / (n - 1), so that with
 * two the larger one has all above the threshold. An unknown score counts as hard: the largest. Where the variant runs:
 * the highest estimated reward by the objective; ties in the scenario's order. Check: uniform scores, two variants: the
 * share of the small one is `above`.
 */
#include "policies/policy_util.h"

enum { SCORE, ABOVE };
struct router { struct util_weights weights; double above; int32_t score; };

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(struct router); }

static const char *init(const struct offsim_setup *s, void *state)
{
  struct router *r = state;
  r->weights = util_objective(s);
  r->above = s->parameter[ABOVE].number;
  r->score = (int32_t)s->parameter[SCORE].number;
  return r->score < 0 ? "router needs the feature `score`" : NULL;
}

static uint32_t count_qualities(const struct offsim_context *c)
{
  uint32_t n = 0;
  for (double q = -INFINITY; !isnan(q = util_next_quality(c, q));) n++;
  return n;
}

/* How many variants smaller than the one for this score there are. */
static uint32_t rank_of(const struct router *r, double score, uint32_t n)
{
  if (n < 2 || score <= r->above) return 0;
  if (isnan(score) || r->above >= 1) return n - 1;
  double rank = ceil((score - r->above) / (1 - r->above) * (n - 1));
  return rank > n - 1 ? n - 1 : (uint32_t)rank;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  const struct router *r = state;
  uint32_t rank = rank_of(r, c->value[r->score], count_qualities(c));
  double quality = util_next_quality(c, -INFINITY);
  while (rank-- > 0) quality = util_next_quality(c, quality);
  d->action = util_best_of_quality(&r->weights, c, quality);
}

static const struct offsim_parameter parameters[] = {
  {.name = "score", .type = OFFSIM_FEATURE, .help = "difficulty as a classifier tells it, 0 easy ... 1 hard",
   .required = 1, .text = ""},
  {.name = "above", .type = OFFSIM_NUMBER, .help = "a larger score leaves the smallest variant", .min = -1e300,
   .max = 1e300, .number = 0.5}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "router", .description = "small model for easy requests, larger ones by a classifier's score",
  .citation = "Ding et al.: Hybrid LLM: cost-efficient and quality-aware query routing, ICLR 2024",
  .columns = OFFSIM_COLUMNS_ESTIMATES, .n_parameters = 2, .parameter = parameters, .state_size = state_size,
  .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
