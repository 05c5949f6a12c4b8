/* Planted: chooses an action that does not exist. */
#define NAME "range"
#define ACT d->action = (int32_t)c->n_actions;
#include "tests/abi/hostile.h"
