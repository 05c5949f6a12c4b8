/* study_filter.h: `where` of a study: comparisons of factors with and, or, not and parentheses.
 *
 *   bw >= 0.5 or not (above < 1024 and net == wifi_6)
 *
 * `not` binds tighter than `and`, `and` tighter than `or`. Numbers may have units; words stand bare or in quotes.
 */
#ifndef OFFSIM_SCENARIOS_STUDY_FILTER_H
#define OFFSIM_SCENARIOS_STUDY_FILTER_H

#include "scenarios/study_file.h"
#include "scenarios/units.h"

/* A level, or what a factor is compared with: a number in SI with its dimension, or a word. */
struct operand { bool is_number; double value; struct dimension dimension; const char *text; };
struct operand operand_of(const char *text);

struct filter;
/* NULL after adding: what is no expression, unknown factors, numbers of another dimension. */
struct filter *filter_parse(struct arena *, const char *text, struct where at, const struct factor_def *, int n_factors,
                            struct err *);
/* value: of each factor at the point. */
bool filter_keeps(const struct filter *, const struct operand *value);

#endif
