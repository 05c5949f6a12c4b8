/* sensor.h: the energy of a repetition: counters of the processor (RAPL), or the power that a board's sensor tells. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_SENSOR_H
#define OFFSIM_EXPERIMENTS_KERNELS_SENSOR_H

#include "experiments/kernels/kernel.h"

enum { SENSOR_FILES = 8 };
/* `counter`: files count microjoules and wrap at `range`; else they tell microwatts now. */
struct sensor {
  const char *kind; bool counter;
  int n; struct sensor_file { char path[288]; double range; } file[SENSOR_FILES];
  void *other;                                          /* of programs that read another sensor in place of files */
  char problem[KERNEL_WHY];                             /* "unavailable: why"; "": it works */
};
struct sensor_reading { double value[SENSOR_FILES]; int64_t wall_ns; };

void sensor_find(struct sensor *, const char *root);
void sensor_read(const struct sensor *, struct sensor_reading *);
/* Joules between two readings; NaN: no sensor. Of a power sensor: the mean of both times the time between. */
double sensor_joule(const struct sensor *, const struct sensor_reading *from, const struct sensor_reading *to);

#endif
