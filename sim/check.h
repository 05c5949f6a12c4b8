/* check.h: assertions for the programmer's mistakes. Always on.
 *
 * sim_assert(EXPR) prints the expression, the simulated time and the command that replays the run, then aborts.
 * In a worker the abort ends that run only; the supervisor records it as failed.
 */
#ifndef OFFSIM_SIM_CHECK_H
#define OFFSIM_SIM_CHECK_H

/* What a failing assertion prints beside the expression. One per thread of execution (a run is one thread);
 * `now_ns` points into the running simulation, `replay` is owned by the caller. Both may be NULL. */
struct check_context { const long *now_ns; const char *replay; };

void check_set_context(struct check_context context);
_Noreturn void check_failed(const char *expression, const char *file, int line);
/* Memory is gone: prints the size wanted, exits with 3. */
_Noreturn void check_out_of_memory(unsigned long bytes);

/* A function for what seldom happens: out of line, so that the common way around it has few registers to save. */
#define SELDOM __attribute__((noinline, cold))

#define sim_assert(e) (__builtin_expect(!!(e), 1) ? (void)0 : check_failed(#e, __FILE__, __LINE__))

#endif
