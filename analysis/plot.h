/* plot.h: figures. Each is an image with its script and its data beside it: NAME.svg, NAME.gp, NAME.dat.
 *
 * C makes the numbers (at most 1000 points a line, the tail exact) and the head of the script; analysis/plots/KIND.gp
 * draws, analysis/plots/theme.gp gives every policy one colour, dash and point in all figures of a folder.
 */
#ifndef OFFSIM_ANALYSIS_PLOT_H
#define OFFSIM_ANALYSIS_PLOT_H

#include "analysis/compare.h"
#include "analysis/text.h"

struct plot_kind { const char *name, *doc; bool needs_trace; };
/* The kinds that plot_make knows. */
size_t plot_kinds(const struct plot_kind **);

struct plot_options {
  const char *kind;
  const char *out;                                      /* path ending in .svg, .png or .pdf; the base a plain name */
  const char *scripts;                                  /* folder with theme.gp and KIND.gp */
  const char *against;                                  /* regret: comparator; NULL = clairvoyant, else best_fixed */
  const char *metric;                                   /* pareto: instead of latency_mean_s */
  const char *const *policy; size_t n_policies;         /* only these; 0 = all */
};
/* False with problems in err; then no image stands under the final name. */
bool plot_make(const struct comparison *, const struct plot_options *, struct err *) MUST_USE;

/* For figures whose data come from elsewhere: assignments and data blocks of a script. */
struct figure { const char *kind; struct text head, data; };
void figure_number(struct figure *, const char *variable, double);
void figure_text(struct figure *, const char *variable, const char *value);
void figure_release(struct figure *);
bool figure_write(const struct figure *, const char *out, const char *scripts, struct err *) MUST_USE;

enum { MAX_POINTS = 1000, EXACT_TAIL = 300 };
/* Ranks (1..n, ascending) of the order statistics that a curve of n values shows: all of them up to MAX_POINTS, else
 * the first, the last EXACT_TAIL, and between them half evenly, half evenly in log(n - rank). */
size_t thin_ranks(uint64_t n, uint64_t rank[MAX_POINTS]);

#endif
