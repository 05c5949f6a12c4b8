/* Planted: chooses a masked action where there is one. */
#define NAME "masked"
#define ACT for (uint32_t a = 0; a < c->n_actions; a++) if (c->mask[a]) d->action = (int32_t)a;
#include "tests/abi/hostile.h"
