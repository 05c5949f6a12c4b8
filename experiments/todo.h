/* todo.h: DIR/slurm/todo.bin: the runs that a submission is about. Written once, under its final name only when whole;
 * every shard reads it, so that no shard needs the catalogue. */
#ifndef OFFSIM_EXPERIMENTS_TODO_H
#define OFFSIM_EXPERIMENTS_TODO_H

#include "sim/err.h"
#include "sim/hash.h"
#include <stdint.h>

struct todo_run { struct hash id; uint64_t point, replication; int32_t policy; uint32_t task; };  /* task: from 1 */
struct todo { uint64_t tasks, n; struct todo_run *run; };

/* Alike amounts of work to all tasks: the longest first, there and back again; runs of a point stay together where there
 * are points enough, because a scenario is built once for them. The runs are put into that order. cost_s: expected
 * seconds of each; NULL: all alike. */
void todo_deal(struct todo *, uint64_t tasks, const double *cost_s);
/* After tasks were lost: what is left goes to the tasks that had it before; what was not there before is dealt out. */
void todo_deal_again(struct todo *, const struct todo *before);
/* "1-40", "3,7-9": the tasks that have runs. Caller frees. */
char *todo_array(const struct todo *);
uint64_t todo_busy_tasks(const struct todo *);

bool todo_write(const struct todo *, const char *dir, struct err *) MUST_USE;
/* False after adding to err: not there, of another version, damaged. Release with todo_release. */
bool todo_read(const char *dir, struct todo *, struct err *) MUST_USE;
void todo_release(struct todo *);

#endif
