/* team.h: threads that execute one kernel together.
 *
 * The caller is part 0, n - 1 workers are the others, each bound to a core of its own where that is permitted. They wait
 * between two executions for some 20 us awake, then asleep: an idle team does not disturb what is measured beside it.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_TEAM_H
#define OFFSIM_EXPERIMENTS_KERNELS_TEAM_H

struct team;

/* NULL: the threads could not be had. n >= 1. */
struct team *team_new(int n);
int team_size(const struct team *);             /* of NULL: 1 */
/* work(state, part, parts) for every part; returns when all are done. Without a team (NULL) the caller does part 0 of 1. */
void team_run(struct team *, void (*work)(void *state, int part, int parts), void *state);
void team_free(struct team *);                  /* NULL: nothing */

/* Of n things in steps of `step`, where does `part` of `parts` begin? Its end is the begin of the next. */
long team_begin(long n, long step, int part, int parts);

#endif
