/* Planted: a plug-in that takes the first action, and takes its time about the first decision of a run as long as the file
 * that OFFSIM_TEST_SLOW names is there. The result does not depend on it. */
#include "policies/offsim_policy.h"
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  const char *file = getenv("OFFSIM_TEST_SLOW");
  d->action = 0;
  if (c->decision == 0 && file && access(file, F_OK) == 0)
    nanosleep(&(struct timespec){1, 500000000}, NULL);
}

static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "slow", .description = "takes its time",
  .citation = "", .decide = decide};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
