#include "experiments/kernels/arena.h"

#include "experiments/kernels/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, PAGE = 4096, HUGE_PAGE = 2 << 20, SHIFT = 17 * LINE };

/* An array and the gap before it that moves it within its page. */
static size_t room(size_t bytes)
{
  return (bytes + LINE - 1) / LINE * LINE + PAGE;
}

/* Where the kernel of the operating system knows no huge pages this is refused, and small ones serve. */
static void advise(struct arena *a)
{
#ifdef MADV_HUGEPAGE
  if (madvise(a->base, a->size, MADV_HUGEPAGE) != 0)
    return;
#endif
}

bool arena_new(struct arena *a, size_t bytes, int arrays, char *why)
{
  size_t size = bytes + (size_t)arrays * (PAGE + LINE);
  *a = (struct arena){.size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE};
  a->base = aligned_alloc(HUGE_PAGE, a->size);
  if (!a->base) {
    snprintf(why, KERNEL_WHY, "no memory for %zu MB: %s", a->size >> 20, strerror(errno));
    return false;
  }
  advise(a);
  memset(a->base, 0, a->size);
  return true;
}

void *arena_take(struct arena *a, size_t bytes)
{
  size_t want = (size_t)a->taken++ * SHIFT % PAGE, start = a->used / PAGE * PAGE + want;
  if (start < a->used)
    start += PAGE;
  if (start + bytes > a->size)
    abort();
  a->used = start + (room(bytes) - PAGE);
  return a->base + start;
}

void arena_free(struct arena *a)
{
  free(a->base);
  *a = (struct arena){0};
}
