/* paths.h: the critical paths of the requests of one trace, and what its file says of the pipelines.
 *
 * The file's text "pipelines": [{"class", "budget_s", "lapses", "tasks": [{"task", "after": [..], "flows",
 * "asynchronous", "budget_s"}]}]; what is absent is false, or no budget. Files without it: any task may wait for any.
 */
#ifndef OFFSIM_ANALYSIS_PATHS_H
#define OFFSIM_ANALYSIS_PATHS_H

#include "analysis/columns.h"
#include "analysis/critical.h"

enum { Q_REQUEST, Q_CLASS, Q_ARRIVED, Q_COMPLETED, Q_STATUS, Q_MEASURED, N_Q };
struct paths {
  struct trace_reader *reader;
  struct columns requests, attempts;                    /* requests: Q_* */
  size_t n_classes; const char **klass;
  size_t n_places; const char **place;
  size_t n_tasks; const char **task;                    /* codes of the file */
  struct pipeline *pipeline;                            /* [class] */
  uint8_t *number, *code;                               /* [class][code] and back: numbers in the pipeline; NO_TASK */
  uint64_t *row;                                        /* rows of attempts, by request, then as in the file */
  struct path_step *step; size_t n_steps, room;              /* of the last request that was asked for */
  struct path path;
};
/* paths_close is right in both cases. */
bool paths_open(struct paths *, const char *file, struct err *) MUST_USE;
void paths_close(struct paths *);
/* Path of the request in this row of `requests`; in path and step. */
void paths_of(struct paths *, size_t row);
int64_t paths_end_ns(const struct paths *, size_t row);         /* of that request, after paths_of */
const char *paths_task(const struct paths *, size_t klass, int task);   /* "-" for NO_TASK */

/* A line for each part: request,class,task,attempt,place,member,phase,from_ns,to_ns. */
void paths_print(struct paths *, FILE *);

#endif
