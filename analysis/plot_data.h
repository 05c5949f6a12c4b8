/* plot_data.h: the numbers of each figure; private to plot.c and its tests. */
#ifndef OFFSIM_ANALYSIS_PLOT_DATA_H
#define OFFSIM_ANALYSIS_PLOT_DATA_H

#include "analysis/plot.h"

struct plotting { const struct comparison *c; const struct plot_options *o; size_t *chosen, n; };
typedef bool plot_data_fn(const struct plotting *, struct figure *, struct err *);
plot_data_fn data_latency, data_ccdf, data_phases, data_pareto, data_actions, data_queues, data_regret;

#endif
