/* kernel_list.c: one row a kernel. The order is that of `offsim-kernels list` and of the profile. */
#include "experiments/kernels/kernel.h"

#include <string.h>

#define ARITHMETIC(ROW) \
  ROW(gemm_f32) ROW(gemm_i8) ROW(attention_prefill) ROW(attention_decode) ROW(gemv_i8) ROW(gemv_i4) ROW(copy) ROW(triad)

/* Rows of search, security, storage and system. */
#define SERVICES(ROW) \
  ROW(vector_search_flat) ROW(vector_search_hnsw) ROW(bm25) ROW(aes_gcm) ROW(tls_handshake) ROW(deflate) ROW(process_start) \
  ROW(page_in) ROW(sqlite_point) ROW(sqlite_range) ROW(null)

#define DECLARE(name) extern const struct kernel kernel_##name;
#define ENTER(name) &kernel_##name,
ARITHMETIC(DECLARE)
SERVICES(DECLARE)

const struct kernel *const kernel_list[] = {ARITHMETIC(ENTER) SERVICES(ENTER) NULL};

const struct kernel *kernel_find(const char *name)
{
  for (const struct kernel *const *k = kernel_list; *k; k++)
    if (strcmp((*k)->name, name) == 0)
      return *k;
  return NULL;
}
