/* gemm_i8_tile.h: some rows of A times 32 columns of B in 8 bit, by the instructions that the processor has.
 *
 * A holds value + 128 row by row. B is packed once, as engines do with weights: panels of 32 columns, k / 4 lines of 128 B,
 * column j, rows 4 i .. 4 i + 3 at byte 4 j of line i.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_GEMM_I8_TILE_H
#define OFFSIM_EXPERIMENTS_KERNELS_GEMM_I8_TILE_H

#include "experiments/kernels/simd.h"

#include <stdint.h>

enum { TILE_COLUMNS = 32, TILE_LINE = 4 * TILE_COLUMNS, TILE_ROWS = 8 };

/* c[r][j] = start[r][j] + sum over 4 x lines of a[r][..] panel[..][j]; start_ld 0: the same start for every row. */
struct tile {
  const uint8_t *a; long a_ld;
  const int8_t *panel; long lines;
  const int32_t *start; long start_ld;
  int32_t *c; long c_ld;
};
/* rows <= TILE_ROWS */
typedef void tile_fn(const struct tile *, int rows);
tile_fn *tile_of(enum simd);

#endif
