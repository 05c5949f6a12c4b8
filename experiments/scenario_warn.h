/* scenario_warn.h: what a sound scenario may not have meant: warnings of `check` and of whatever runs it.
 *
 * A link without a rate that bytes cross, work that no estimate can be made of, a policy named after a tier that a task cannot
 * reach, a place without a way, energy that is not known, an area far from its cells, a profile that is not known well.
 */
#ifndef OFFSIM_EXPERIMENTS_SCENARIO_WARN_H
#define OFFSIM_EXPERIMENTS_SCENARIO_WARN_H

#include "scenarios/scenario.h"

struct topology;
/* Of a scenario without errors. columns: what each policy reads for each action; 0: nothing, or a reference. */
void scenario_warn(const struct scenario *, const uint32_t *columns, struct err *);
/* The farthest that a device of this place can be from the member it would attach to; NAN: it does not move in an area. */
double area_beyond_m(const struct mobility_def *);

#endif
