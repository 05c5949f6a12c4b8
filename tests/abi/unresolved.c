/* Planted: needs a function that nobody has. */
#include "policies/offsim_policy.h"

int offsim_nobody_has_this(void);

const struct offsim_policy *offsim_policy_entry(void) { return offsim_nobody_has_this() ? NULL : NULL; }
