/* out.h: JSON lines, written as they come. Strings are escaped, numbers that are not finite become null.
 *
 *   out_line(&o, stdout); out_string(&o, "type", "begin"); out_number(&o, "seed", 1); out_end(&o);
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_OUT_H
#define OFFSIM_EXPERIMENTS_KERNELS_OUT_H

#include <stdbool.h>
#include <stdio.h>

struct out { FILE *file; bool comma; };

void out_line(struct out *, FILE *);                    /* opens a line: { */
void out_end(struct out *);                             /* closes it, and hands it to whoever reads */
void out_string(struct out *, const char *key, const char *value);      /* NULL: null */
void out_number(struct out *, const char *key, double value);           /* 15 digits: exact for what people write */
void out_bool(struct out *, const char *key, bool value);
void out_null(struct out *, const char *key);
void out_numbers(struct out *, const char *key, const double *value, int n);
void out_strings(struct out *, const char *key, const char *const *value, int n);
/* A nested object or array; key NULL inside an array. */
void out_open(struct out *, const char *key, char bracket);
void out_close(struct out *, char bracket);

#endif
