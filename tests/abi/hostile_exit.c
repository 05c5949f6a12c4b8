/* Planted: ends the process as if all were well. */
#define NAME "exit"
#define ACT exit(0);
#include "tests/abi/hostile.h"
