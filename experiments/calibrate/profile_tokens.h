/* profile_tokens.h: what a profile says of token services (`tokens`, by variant): times of prompts by their length, the law of a step. */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_TOKENS_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_TOKENS_H

#include "scenarios/build.h"
#include "scenarios/profile.h"
#include "sim/json.h"

/* Of points that were left out, as shares of their times; NAN, 0: not said. */
struct left_out { const char *model; double mape, p90, max; unsigned long long shapes; };
struct token_service {
  const char *variant;
  const struct preset_source *source;                   /* of the prompts, or NULL */
  double prefill_tok_per_s, decode_tok_per_s;           /* NAN: not said */
  int n; const double *tok, *time_s;                    /* prompts by length; none: by the rate alone */
  bool has_step, c_guessed, kv_guessed;                 /* guessed: of grade E, not measured */
  double a_s, c_s, kv_s;                                /* a step of b requests with K tokens of context: a + c b + kv K */
  const char *step_time;                                /* form of the steps of LLM engines, or NULL */
  struct left_out prompt_error, step_error, step_time_error;
};

/* model, mape, p90, max and shapes into the object, which is given back. */
json *put_left_out(json *, const struct left_out *);
/* False after adding: the table of prompts is none. */
bool token_services(struct arena *, const struct profile *, int *n, struct token_service **, struct err *) MUST_USE;
/* Seconds; NAN where the profile does not say it or, of prompts, beyond the lengths that were measured. */
double token_prompt_s(const struct token_service *, double tok);
double token_step_s(const struct token_service *, double requests, double context_tok);

void token_service_print(const struct token_service *);
json *token_service_json(const struct token_service *);

#endif
