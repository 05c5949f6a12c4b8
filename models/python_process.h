/* python_process.h: an interpreter that runs policies/offsim_policy.py, and the two pipes to it.
 *
 * Pipes, since a question and its answer over them cost half the CPU time of a socket pair (about 5 us against 9 us, the
 * two process switches included). The host keeps the far end of the pipe of questions open, so that a dead interpreter
 * is no SIGPIPE: its end shows as the end of the answers. It dies with this process (PR_SET_PDEATHSIG) or when halted.
 */
#ifndef OFFSIM_MODELS_PYTHON_PROCESS_H
#define OFFSIM_MODELS_PYTHON_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* How long one wait has lasted, looked at once a second; over: it was too long, and the interpreter has been ended. */
struct patience { unsigned turn; int seconds; double from_s, cpu_s; bool over; };

/* turn: odd while the host waits. trouble: why it cannot answer any more, NULL = all is well; a halted one keeps it.
 * Does not move while it is watched. */
struct python_process {
  pid_t pid;
  int questions, answers, far_end;
  char *trouble;
  volatile unsigned turn;
  struct patience patience;
  int limit_s, beside;                                  /* beside: the processor that it is kept on; -1: any */
  bool watched;
  timer_t timer;
};

/* Start $OFFSIM_PYTHON (default /usr/bin/python3) with the module on a policy's file. */
bool python_process_start(struct python_process *, const char *module, const char *file);
/* False: it is gone, and what it said last is still to be read. */
bool python_process_send(struct python_process *, const char *data, size_t n);
/* Wait for some bytes, at most `room`; 0: it ended or was halted, trouble is set. */
size_t python_process_receive(struct python_process *, char *to, size_t room);
/* Set the trouble unless there is one, and halt. Always false. */
bool python_process_fail(struct python_process *, const char *what);
void python_process_halt(struct python_process *);

#endif
