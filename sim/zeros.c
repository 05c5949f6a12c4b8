#include "sim/zeros.h"
#include "sim/check.h"
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20, LARGE = 8 << 20 };

void *zeros_new(size_t n, size_t bytes)
{
  void *zeros = calloc(n ? n : 1, bytes);
  if (!zeros) check_out_of_memory(n * bytes);
  uintptr_t from = ((uintptr_t)zeros + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
  uintptr_t to = ((uintptr_t)zeros + n * bytes) & ~(uintptr_t)(HUGE_PAGE - 1);
  if (n * bytes >= LARGE && to > from) madvise((void *)from, to - from, MADV_HUGEPAGE);  /* refused: small ones do */
  return zeros;
}
