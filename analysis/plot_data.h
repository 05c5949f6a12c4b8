/* plot_data.h: the numbers of each figure; private to plot.c and its tests. */
#ifndef OFFSIM_ANALYSIS_PLOT_DATA_H
#define OFFSIM_ANALYSIS_PLOT_DATA_H

#include "analysis/plot.h"

struct plotting { const struct comparison *c; const struct plot_options *o; size_t *chosen, n; };
typedef bool plot_data_fn(const struct plotting *, struct figure *, struct err *);
plot_data_fn data_latency, data_ccdf, data_phases, data_pareto, data_exposure, data_actions, data_queues, data_battery, data_regret,
             data_recovery, data_welch;
/* The chosen policies: n, name[], and slot[], their place in the folder, which fixes colour, dash and point. */
void plot_put_policies(const struct plotting *, struct figure *);
/* Of policies with equal data (best_fixed and the always_* policy that it is) one curve can be seen. So it is drawn once; in
 * the key a row "= best_fixed" in its colour follows. */
struct curves { size_t n_blocks, *from, n, *slot, *block; struct text *label; };
/* Ends the block that began at f->data.s + from. */
void curves_add(struct curves *, struct figure *, size_t from, const char *name, size_t slot);
/* n, name[], slot[] and block[] of the rows of the key, and frees them. */
void curves_put(struct curves *, struct figure *);
/* False, and a problem that names the kind, when none of the chosen policies has a trace. */
bool plot_need_traces(const struct plotting *, const char *kind, struct err *) MUST_USE;
void welch_smooth(const double *y, size_t n, size_t w, double *out);    /* NaN in y = no value in that bin */

#endif
