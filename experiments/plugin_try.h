/* plugin_try.h: loading a plug-in runs code which may not be ours: first in a process of its own. */
#ifndef OFFSIM_EXPERIMENTS_PLUGIN_TRY_H
#define OFFSIM_EXPERIMENTS_PLUGIN_TRY_H

#include "models/policy_host.h"

/* Does loading it come to an end, and starting it in `world` (NULL: loading only)? False after adding to err: it
 * crashed, hung or left. What else is wrong with it is for policy_describe and policy_host_new to say. */
bool plugin_try(const struct policy_def *, const struct world_def *, struct err *) MUST_USE;
/* policy_describe of one that was tried. */
const struct offsim_policy *plugin_describe(const struct policy_def *, struct err *);

#endif
