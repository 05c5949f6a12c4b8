/* scenario_check.h: what a scenario names that its own room cannot know: metrics, and parameters of policies. */
#ifndef OFFSIM_EXPERIMENTS_SCENARIO_CHECK_H
#define OFFSIM_EXPERIMENTS_SCENARIO_CHECK_H

#include "scenarios/scenario.h"

/* Adds every unknown metric, and for each policy what it says about its parameters and features. */
bool scenario_check(const struct scenario *, struct err *) MUST_USE;
/* The same but for plug-ins: those are loaded only in a worker, which may die of them. */
bool scenario_check_to_run(const struct scenario *, struct err *) MUST_USE;

#endif
