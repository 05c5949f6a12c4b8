/* matrix.h: what the matrix products have in common: parameters m, n, k, their ranges, and an independent check. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_MATRIX_H
#define OFFSIM_EXPERIMENTS_KERNELS_MATRIX_H

#include "experiments/kernels/kernel.h"

enum { MATRIX_M, MATRIX_N, MATRIX_K };

/* The shapes between which costs are measured: rows of A, and elements of the weights B; B at most 4 times as long as
 * wide, for beyond that the cost depends on the shape of B and not only on its size. */
#define MATRIX_LOW_M 8
#define MATRIX_HIGH_M 512
#define MATRIX_LOW_WEIGHTS 147456               /* 384 x 384 */
#define MATRIX_HIGH_WEIGHTS 2359296             /* 1536 x 1536 */

/* Both products have the same shapes: a full grid of weights and rows. */
enum { MATRIX_FULL = 30, MATRIX_QUICK = 9 };
extern const double matrix_full[MATRIX_FULL][KERNEL_PARAMETERS], matrix_quick[MATRIX_QUICK][KERNEL_PARAMETERS];

double matrix_flop(const double *p);            /* 2 m n k */
/* Weights and their shape as above, and neither a smaller nor a larger working set than on the grid. */
bool matrix_allowed(const double *p, double (*working_set)(const double *p));

/* C (m x n) = A (m x k) B (k x n), all row by row; element i of each as a number. */
struct matrix_product {
  long m, n, k;
  const void *a, *b, *c;
  double (*a_at)(const void *, long i), (*b_at)(const void *, long i), (*c_at)(const void *, long i);
};
/* Freivalds 1977: C r = A (B r) for a random r of +1 and -1, in double precision. Any single wrong element is seen, of many
 * wrong ones in a row half of all chances; 4 vectors are tried. False and why when a row differs by more than tolerance. */
bool matrix_check(const struct matrix_product *, double tolerance, uint64_t seed, char *why);

#endif
