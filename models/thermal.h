/* thermal.h: how warm a device is, as two bodies: the die and the case around it, and ambient air.
 *
 * The power is constant between two looks, so the temperatures there are a sum of two exponentials. When what is watched
 * (case or die) reaches the limit, the device runs at `speed` and draws the share `power` of its power beyond idle, until it
 * is `hysteresis` below. Source of the numbers: parameter book 5.4.
 */
#ifndef OFFSIM_MODELS_THERMAL_H
#define OFFSIM_MODELS_THERMAL_H

#include <stdbool.h>

enum thermal_watch { WATCH_CASE, WATCH_DIE };
struct thermal_def {
  double ambient_c, limit_c, hysteresis_k;
  double die_k_per_w, case_k_per_w;                     /* die to case, case to ambient */
  double die_j_per_k, case_j_per_k;
  double speed, power;                                  /* when throttled */
  enum thermal_watch watch;
};
struct thermal { double at_s, die_c, case_c, throttled_s; bool throttled; };

void thermal_start(const struct thermal_def *, struct thermal *);       /* at ambient */
/* Up to now at constant power, whatever the limit says. */
void thermal_advance(const struct thermal_def *, struct thermal *, double now_s, double power_w);
double thermal_watched(const struct thermal_def *, const struct thermal *);
/* The time from the last look on until what is watched reaches the limit (throttled: falls to limit - hysteresis) at
 * constant power; INFINITY: never. */
double thermal_next(const struct thermal_def *, const struct thermal *, double power_w);

#endif
