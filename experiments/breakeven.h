/* breakeven.h: at which input size offloading stops to pay, over the rate of a link. */
#ifndef OFFSIM_EXPERIMENTS_BREAKEVEN_H
#define OFFSIM_EXPERIMENTS_BREAKEVEN_H

#include "sim/err.h"

enum { MAX_SETTINGS = 32 };
struct breakeven_options {
  const char *scenario, *out, *scripts;
  const char *klass, *link, *place; /* NULL: the first class, its place away from the device, the link there */
  int points;                                           /* rates; 0 = 7 */
  const char *set[MAX_SETTINGS]; int n_set;             /* PATH=VALUE */
};
/* Draws the figure: the crossing without queues by formula, and with queues by runs, with intervals. */
bool breakeven_plot(const struct breakeven_options *, struct err *) MUST_USE;

#endif
