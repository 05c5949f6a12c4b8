/* setup.h: what metrics and traces must know of a world, from its definition. Everything lives in the arena. */
#ifndef OFFSIM_EXPERIMENTS_SETUP_H
#define OFFSIM_EXPERIMENTS_SETUP_H

#include "analysis/metrics.h"
#include "analysis/store/trace.h"
#include "models/world.h"
#include "sim/arena.h"

void metrics_setup_of(const struct world_def *, struct arena *, struct metrics_setup *);
void trace_setup_of(const struct world *, const struct world_def *, struct arena *, struct trace_setup *);

#endif
