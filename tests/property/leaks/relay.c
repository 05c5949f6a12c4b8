/* A simulator that forgets which zones a way passes: nothing is masked for what lies between its two ends. */
#include "models/network.h"

const struct route *__real_route(const struct topology *, struct endpoint from, struct endpoint to, sim_time now);
const struct route *__wrap_route(const struct topology *, struct endpoint from, struct endpoint to, sim_time now);

const struct route *__wrap_route(const struct topology *t, struct endpoint from, struct endpoint to, sim_time now)
{
  struct route *way = (struct route *)(uintptr_t)__real_route(t, from, to, now);
  if (way->zones) way->zones = 0;
  return way;
}
