/* Planted: writes where there is nothing. */
#define NAME "crash"
#define ACT *(volatile int *)(uintptr_t)c->n_actions = 1;
#include "tests/abi/hostile.h"
