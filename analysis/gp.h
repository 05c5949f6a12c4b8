/* gp.h: gnuplot scripts that text cannot escape from, and the one way to run them.
 *
 * gnuplot runs commands out of labels and file names (backticks in double quotes, "<cmd", "|cmd", newlines). So a
 * script has only single-quoted strings, made by gp_text; file names are checked; text is drawn without markup; and
 * gnuplot starts with -d (no start-up files) and an empty HOME.
 */
#ifndef OFFSIM_ANALYSIS_GP_H
#define OFFSIM_ANALYSIS_GP_H

#include "analysis/text.h"
#include "sim/err.h"

/* Append `s` as a single-quoted gnuplot string: a quote becomes U+2019 (gnuplot 5.4 misreads a doubled quote at the
 * start of a string), control characters and bytes that are not UTF-8 become '?', and '%' is doubled when the string
 * is a tick label (which gnuplot formats). At most 200 characters. */
void gp_text(struct text *, const char *s);
void gp_tick(struct text *, const char *s);
/* 1 to 64 of A-Z a-z 0-9 . _ - and no leading dot or dash. */
bool is_plain_name(const char *s);
/* Run `script` in `folder` with the variable `image` set (both plain names). False with gnuplot's own message in err.
 */
bool gp_run(const char *folder, const char *script, const char *image, struct err *) MUST_USE;

#endif
