/* check.c: how a programmer's mistake ends a run. */
#include "sim/check.h"

#include <stdio.h>
#include <stdlib.h>

/* One context per thread of execution: a run is one thread, and a failing assertion has no other way to its clock. */
static _Thread_local struct check_context context_here;

void check_set_context(struct check_context context)
{
  context_here = context;
}

_Noreturn void check_failed(const char *expression, const char *file, int line)
{
  fflush(stdout);
  fprintf(stderr, "%s:%d: internal error: '%s' does not hold\n", file, line, expression);
  if (context_here.now_ns)
    fprintf(stderr, "  simulated time: %.9f s\n", (double)*context_here.now_ns / 1e9);
  if (context_here.replay)
    fprintf(stderr, "  to see it again: %s\n", context_here.replay);
  abort();
}

_Noreturn void check_out_of_memory(unsigned long bytes)
{
  fprintf(stderr, "offsim: out of memory (%lu bytes wanted)\n", bytes);
  exit(3);
}
