/* text.h: growing strings, numbers as people read them, and aligned tables. Memory that is not there ends the
 * program. */
#ifndef OFFSIM_ANALYSIS_TEXT_H
#define OFFSIM_ANALYSIS_TEXT_H

#include "sim/err.h"
#include "sim/stat.h"
#include <stdio.h>

void *grab(size_t n, size_t size);                      /* zeroed, never NULL; caller frees */
void *grab_more(void *old, size_t n, size_t size);      /* realloc; what is new is not zeroed */
char *grab_text(const char *s);                         /* a copy; NULL gives "" */

struct text { char *s; size_t n, capacity; };           /* s is NULL or NUL-terminated; caller frees s */
void text_add(struct text *, const char *format, ...) PRINTF_LIKE(2, 3);
void text_put(struct text *, const char *s);
void text_put_n(struct text *, const char *s, size_t n);
/* Write to `path` through a new file beside it. False after adding to err. */
bool text_save(const struct text *, const char *path, struct err *) MUST_USE;
/* The whole file; NULL after adding to err. Caller frees. At most 64 MiB. */
char *text_load(const char *path, size_t *n, struct err *);

enum { NUMBER_BYTES = 32 };
struct number { char s[NUMBER_BYTES]; };
/* Four significant digits, no exponent from 1e-4 to 1e6; "-" for NaN, "inf". */
struct number number_text(double);
/* The unit in which a time is read best, from s to ps: seconds times `factor`. */
struct time_unit { double from_s, factor; const char *name; };
const struct time_unit *time_unit_of(double seconds);
/* "7.33 ms", three significant digits ("7 ms" of just seven), whole seconds from 1000 on. */
struct number time_text(double seconds);
/* "12.34 +- 0.05" with the sign given; the half width only when it is finite and not zero. */
struct number interval_text(struct interval, const char *plus_minus);
/* "-12.3 %" of part / |whole|, so with the sign of the part; of a whole of 0 there is no share: "+1232", the part itself. */
struct number percent_text(double part, double whole);

struct table;
struct table *table_new(size_t columns);
void table_cell(struct table *, const char *format, ...) PRINTF_LIKE(2, 3);
void table_rule(struct table *);                        /* ends the header: a line of dashes */
/* "+1.2 % [-0.5 %, +2.9 %]" of |whole|; "+562 % (too few replications)" where less than five give an interval wider than ten
 * times the whole on both sides: it says nothing. CSV and JSON have it all the same. */
void table_difference(struct table *, struct interval, double whole);
/* Columns are as wide as their widest cell; the first `left` ones are flush left. Frees the table. */
void table_print(struct table *, FILE *, size_t left);

#endif
