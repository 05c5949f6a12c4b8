/* Planted: aborts. */
#define NAME "abort"
#define ACT abort();
#include "tests/abi/hostile.h"
