/* policy_print.h: a policy with its parameters, as `offsim policy list` and `offsim describe` show it. */
#ifndef OFFSIM_EXPERIMENTS_POLICY_PRINT_H
#define OFFSIM_EXPERIMENTS_POLICY_PRINT_H

#include "policies/offsim_policy.h"

void policy_print(const struct offsim_policy *);

#endif
