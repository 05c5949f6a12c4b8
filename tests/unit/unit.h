/* unit.h: cmocka with the headers that it wants, and the few checks that several tests share. */
#ifndef OFFSIM_TESTS_UNIT_H
#define OFFSIM_TESTS_UNIT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/err.h"

/* |a - b| <= tolerance * max(1, |b|). */
#define assert_near(a, b, tolerance)                                                                        \
  do {                                                                                                      \
    double near_a = (a), near_b = (b);                                                                      \
    if (!(fabs(near_a - near_b) <= (tolerance) * fmax(1, fabs(near_b))))                                    \
      fail_msg("%s = %.17g, expected %.17g (tolerance %g)", #a, near_a, near_b, (double)(tolerance));       \
  } while (0)

/* It has a problem whose message, printed, holds these words; err is empty afterwards. */
static inline void assert_says(struct err *err, const char *words)
{
  char *told = NULL;
  size_t n;
  assert_true(err_any(err));
  FILE *stream = open_memstream(&told, &n);
  err_print(err, stream, false);
  fclose(stream);
  if (!strstr(told, words)) fail_msg("'%s' does not say '%s'", told, words);
  free(told);
  err_release(err);
  err_init(err);
}

static inline int unit_compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

#endif
