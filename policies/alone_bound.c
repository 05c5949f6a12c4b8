/* alone_bound: no policy, but a bound that stands beside policies: each request alone on its best plan, as if nobody else
 * were there (models/bound.c computes it; docs/equations.md has the proof). Latency, money, energy, quality and the
 * objective's cost are bounds, each on its own. `attempts: first` bounds all policies that make one attempt of each
 * task, `any` those too that hedge, retry or fall back: then no draw of chance counts. */
#include "policies/policy_util.h"

static const struct offsim_parameter parameters[] = {
  {.name = "attempts", .type = OFFSIM_CHOICE, .help = "policies with one attempt a task, or with any number",
   .text = "first", .choices = "first|any"}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "alone_bound", .citation = "",
  .description = "bound: each request alone on its best plan", .capabilities = OFFSIM_NEEDS_ORACLE,
  .n_parameters = 1, .parameter = parameters, .decide = util_decide_first};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
