#include "experiments/kernels/matrix.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { VECTORS = 4 };

/* Beyond 9 MB of 32 bit weights a product of few rows waits for the last cache, which others share. */
#define ROWS(n, k) {8, n, k}, {16, n, k}, {32, n, k}, {64, n, k}, {192, n, k}, {512, n, k}
const double matrix_full[MATRIX_FULL][KERNEL_PARAMETERS] = {ROWS(384, 384), ROWS(512, 640), ROWS(768, 768), ROWS(1024, 1152), ROWS(1536, 1536)};
#define FEW_ROWS(n, k) {8, n, k}, {32, n, k}, {192, n, k}
const double matrix_quick[MATRIX_QUICK][KERNEL_PARAMETERS] = {FEW_ROWS(384, 384), FEW_ROWS(768, 768), FEW_ROWS(1536, 1536)};

double matrix_flop(const double *p)
{
  return 2 * p[MATRIX_M] * p[MATRIX_N] * p[MATRIX_K];
}

bool matrix_allowed(const double *p, double (*working_set)(const double *p))
{
  static const double low[] = {MATRIX_LOW_M, 384, 384}, high[] = {MATRIX_HIGH_M, 1536, 1536};
  double n = p[MATRIX_N], k = p[MATRIX_K], bytes = working_set(p);
  return n * k >= MATRIX_LOW_WEIGHTS && n * k <= MATRIX_HIGH_WEIGHTS && n <= 4 * k && k <= 4 * n
         && bytes >= working_set(low) && bytes <= working_set(high);
}

/* out = M v, of rows x columns elements. */
static void times(const void *matrix, double (*at)(const void *, long), long rows, long columns, const double *v, double *out)
{
  for (long i = 0; i < rows; i++) {
    double sum = 0;
    for (long j = 0; j < columns; j++)
      sum += at(matrix, i * columns + j) * v[j];
    out[i] = sum;
  }
}

static bool one_vector(const struct matrix_product *x, double *v, double tolerance, uint64_t *seed, char *why)
{
  double *r = v, *br = r + x->n, *abr = br + x->k, *cr = abr + x->m;
  for (long j = 0; j < x->n; j++)
    r[j] = kernel_random(seed) & 1 ? 1 : -1;
  times(x->b, x->b_at, x->k, x->n, r, br);
  times(x->a, x->a_at, x->m, x->k, br, abr);
  times(x->c, x->c_at, x->m, x->n, r, cr);
  for (long i = 0; i < x->m; i++)
    if (!(fabs(cr[i] - abr[i]) <= tolerance)) {
      snprintf(why, KERNEL_WHY, "row %ld of the product: weighted sum %.9g, expected %.9g +- %.2g", i, cr[i], abr[i], tolerance);
      return false;
    }
  return true;
}

bool matrix_check(const struct matrix_product *x, double tolerance, uint64_t seed, char *why)
{
  double *v = malloc((size_t)(x->n + x->k + 2 * x->m) * sizeof *v);
  bool good = v != NULL;
  if (!v)
    snprintf(why, KERNEL_WHY, "no memory for the check");
  for (int i = 0; good && i < VECTORS; i++)
    good = one_vector(x, v, tolerance, &seed, why);
  free(v);
  return good;
}
