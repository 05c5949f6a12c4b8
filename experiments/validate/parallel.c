#include "experiments/validate/parallel.h"

#include "sim/err.h"
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* In memory that all share: whoever is free takes the next job. After a NAN no new one begins. */
struct board { atomic_size_t next; double value[]; };

static void serve(struct board *b, size_t n, parallel_fn *f, const void *context)
{
  for (size_t job; (job = atomic_fetch_add(&b->next, 1)) < n;) {
    b->value[job] = f(context, job);
    if (isnan(b->value[job])) atomic_store(&b->next, n);
  }
}

static bool serve_all(struct board *b, size_t n, int workers, parallel_fn *f, const void *context)
{
  pid_t child[1024];
  int started = 0, status;
  bool ok = true;
  fflush(stdout);
  for (; ok && started < workers && started < 1024; started += ok) {
    child[started] = fork();
    if (child[started] == 0) {
      serve(b, n, f, context);
      _exit(EXIT_OK);
    }
    ok = child[started] > 0;
  }
  for (int i = 0; i < started; i++)
    ok = waitpid(child[i], &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OK && ok;
  return ok;
}

bool parallel_values(size_t n, int workers, parallel_fn *f, const void *context, double *value)
{
  size_t bytes = sizeof(struct board) + n * sizeof(double);
  struct board *b = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (b == MAP_FAILED) return false;
  for (size_t i = 0; i < n; i++) b->value[i] = NAN;
  bool ok = serve_all(b, n, workers, f, context);
  memcpy(value, b->value, n * sizeof *value);
  munmap(b, bytes);
  return ok;
}
