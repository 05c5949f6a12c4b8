/* Planted: never comes back. */
#define NAME "loop"
#define ACT for (volatile int forever = 1; forever;) {}
#include "tests/abi/hostile.h"
