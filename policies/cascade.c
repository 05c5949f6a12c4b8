/* cascade: ask the smallest model first, and the next larger one while the answer's score is too low (Chen, Zaharia and
 * Zou: FrugalGPT, 2023).
 *
 * Variants are ordered by their expected quality; the action for each is the one of highest estimated reward by the
 * objective, ties in the scenario's order. The first attempt takes the smallest variant, the ordered fallbacks are the
 * next larger ones, four at most; an answer that the task's judge scores below `accept` goes on to the next one, the last
 * one's is taken as it is. A fallback also follows an attempt that failed. Check: qualities .3, .6, .9: the first is the
 * variant of .3, the fallbacks those of .6 and .9, in this order.
 */
#include "policies/policy_util.h"

enum { ACCEPT, LARGEST };
struct cascade { struct util_weights weights; double accept; uint32_t most; };

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(struct cascade); }

static const char *init(const struct offsim_setup *s, void *state)
{
  *(struct cascade *)state = (struct cascade){.weights = util_objective(s), .accept = s->parameter[ACCEPT].number,
                                              .most = (uint32_t)s->parameter[LARGEST].number};
  return NULL;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  const struct cascade *k = state;
  double quality = util_next_quality(c, -INFINITY);
  d->action = util_best_of_quality(&k->weights, c, quality);
  while (d->n_fallbacks < k->most && !isnan(quality = util_next_quality(c, quality)))
    d->fallback[d->n_fallbacks++] = util_best_of_quality(&k->weights, c, quality);
  if (d->n_fallbacks > 0) d->accept_quality = k->accept;
}

static const struct offsim_parameter parameters[] = {
  {.name = "accept", .type = OFFSIM_NUMBER, .help = "answers that score at least this are taken", .min = 0, .max = 1e6,
   .number = 0.5},
  {.name = "larger", .type = OFFSIM_INTEGER, .help = "larger variants asked after the smallest, at most", .min = 0,
   .max = 4, .number = 4}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "cascade", .description = "smallest model first, larger ones while the answer scores too low",
  .citation = "Chen, Zaharia, Zou: FrugalGPT: how to use large language models while reducing cost, 2023",
  .columns = OFFSIM_COLUMNS_ESTIMATES, .n_parameters = 2, .parameter = parameters, .state_size = state_size,
  .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
