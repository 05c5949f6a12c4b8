/* bench_mallocs.c: counts the memory blocks that this program's own code asks for.
 *
 * The program is linked with --wrap, so that calls of malloc come here and __real_malloc is the C library's. A program
 * that is linked without it (the unit tests) never calls these; then __real_malloc does not exist.
 */
#include "experiments/bench.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* One counter per thread: nothing to lock, and a bench runs on one. */
static _Thread_local uint64_t n_mallocs;

void *__real_malloc(size_t) __attribute__((weak));
void *__real_calloc(size_t, size_t) __attribute__((weak));
void *__real_realloc(void *, size_t) __attribute__((weak));
void *__real_aligned_alloc(size_t, size_t) __attribute__((weak));

void *__wrap_malloc(size_t bytes)
{
  n_mallocs++;
  return __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
  n_mallocs++;
  return __real_calloc(n, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
  n_mallocs++;
  return __real_realloc(memory, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
  n_mallocs++;
  return __real_aligned_alloc(alignment, bytes);
}

uint64_t bench_mallocs(void)
{
  return __real_malloc ? n_mallocs : UINT64_MAX;
}
