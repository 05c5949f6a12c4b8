/* trace_lines.h: the lines of a text file, plain or gzip, one at a time (models/trace_in.c, where zlib is). */
#ifndef OFFSIM_MODELS_TRACE_LINES_H
#define OFFSIM_MODELS_TRACE_LINES_H

#include "sim/err.h"

struct trace_lines;
/* NULL after adding: not there, not a file. */
struct trace_lines *trace_lines_open(const char *path, struct err *);
void trace_lines_close(struct trace_lines *);           /* of NULL: nothing */
/* The next line without its end, not NUL-terminated; false at the end, or after adding that the file is damaged. */
bool trace_lines_next(struct trace_lines *, const char **text, size_t *length, struct err *);
/* A part of the line now, for messages. */
struct where trace_lines_at(const struct trace_lines *, const char *part, size_t length);

#endif
