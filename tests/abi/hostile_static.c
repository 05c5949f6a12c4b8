/* Planted: keeps hidden state in its process: what one instance does depends on all others and on earlier runs. */
static unsigned hidden;
#define NAME "static"
#define ACT                                                                                                           \
  for (uint32_t i = 0, a = hidden++ % c->n_actions; i < c->n_actions; i++, a = (a + 1) % c->n_actions)                \
    if (c->mask[a] == 0) { d->action = (int32_t)a; break; }
#include "tests/abi/hostile.h"
