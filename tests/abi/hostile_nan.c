/* Planted: is not sure how sure it is. */
#define NAME "nan"
#define ACT d->propensity = NAN;
#include "tests/abi/hostile.h"
