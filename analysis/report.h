/* report.h: one self-contained page about a results folder: DIR/report.html. */
#ifndef OFFSIM_ANALYSIS_REPORT_H
#define OFFSIM_ANALYSIS_REPORT_H

#include "analysis/compare.h"

struct report_options { const char *dir, *scripts; };   /* scripts: folder with theme.gp */
/* Draws what can be drawn into DIR/figures and writes the page. A figure that cannot be drawn is named in the page with
 * the reason. False when the page cannot be written. */
bool report_write(const struct comparison *, const struct report_options *, struct err *) MUST_USE;

#endif
