/* Planted: behaves well, but is linked with -ffast-math, whose start-up code sets flush-to-zero for the whole thread. */
#define NAME "fast_math"
#define ACT (void)c, (void)d;
#include "tests/abi/hostile.h"
