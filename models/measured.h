/* measured.h: expected times of kernels with measured costs (models/measured.c). */
#ifndef OFFSIM_MODELS_MEASURED_H
#define OFFSIM_MODELS_MEASURED_H

#include "models/defs.h"

/* Seconds of one execution at the top clock: the mean over its scatter, with the cost as the profile tells it. NaN where an
 * attribute that it reads is not known. outside: beyond what was measured; the outermost cost stands in. */
double measured_expected_s(const struct kernel_work *, const struct kernel_at *, const double *attribute, bool *outside);

/* A point of an axis for people: "324 MB", "9000". */
enum { AXIS_TEXT = 32 };
const char *measured_axis_text(char text[AXIS_TEXT], const char *axis, double x);

#endif
