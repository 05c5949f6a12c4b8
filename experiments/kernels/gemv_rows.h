/* gemv_rows.h: 16 rows of a quantised matrix times a quantised vector, by the instructions that the processor has.
 *
 * The rows lie side by side, 4 columns of each at a time, so that a panel of 16 rows is one stream of memory and the sums
 * of its rows are the lanes of one vector:
 *   8 bit   k / 4 lines of 64 B: row r, columns 4 i .. 4 i + 3 at byte 4 r of line i
 *   4 bit   k / group groups: 16 scales of 16 bit (positive normal numbers of IEEE half precision), then group / 8 lines of
 *           64 B: at byte 4 r + q of line i are column 8 i + q (low half) and column 8 i + 4 + q (high half), as value + 8
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_GEMV_ROWS_H
#define OFFSIM_EXPERIMENTS_KERNELS_GEMV_ROWS_H

#include "experiments/kernels/simd.h"

#include <stdint.h>

enum { GEMV_ROWS = 16, GEMV_LINE = 64, GEMV_I8_COLUMNS = 16, GEMV_SCALES = GEMV_ROWS * 2 };

/* The vector. 8 bit: value + 128, one scale. 4 bit: value, one scale a group, and -8 x the sum of the group's values. */
struct gemv_vector { uint8_t *u8; int8_t *i8; float *scale; int32_t *offset; };

/* sum[r] += products of row r; k is a multiple of GEMV_I8_COLUMNS. */
typedef void gemv_i8_rows_fn(const int8_t *panel, const uint8_t *x, long k, int32_t *sum);
/* y[r] = row r times x; k a multiple of group, group of 32. */
typedef void gemv_i4_rows_fn(const uint8_t *panel, const struct gemv_vector *x, long k, long group, float *y);

gemv_i8_rows_fn *gemv_i8_rows(enum simd);
gemv_i4_rows_fn *gemv_i4_rows(enum simd);

#endif
