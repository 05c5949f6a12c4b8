/* machine.h: the facts of the machine that a measurement needs beside it. What cannot be known is null, with the reason
 * where someone might miss it. `root` is put before every path: "" but in tests. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_MACHINE_H
#define OFFSIM_EXPERIMENTS_KERNELS_MACHINE_H

#include "experiments/kernels/out.h"
#include "experiments/kernels/place.h"
#include "experiments/kernels/sensor.h"

/* The text of a small file, without its last newline; NULL: there is none. Into `line` of `size` bytes. */
char *machine_text(const char *root, const char *path, char *line, int size);
double machine_number(const char *root, const char *path);      /* NaN: none */
/* Of the largest data or unified cache of a core; 32 MB where it is not told. */
double machine_last_cache_bytes(const char *root, int core);
double machine_load_1(const char *root);                /* NaN: not told */
/* What the kernels run on where that is not the processor. Programs for such a device have these two functions, with which
 * the facts that count are the device's; others lack them. */
struct machine_device { char name[160]; double memory_bytes, frequency_hz, cache_bytes; };
bool machine_device(struct machine_device *);           /* false: there is none */
void machine_device_libraries(struct out *);            /* members of `libraries` */
/* The line of type machine. */
void machine_out(FILE *, const char *root, const struct place *, const struct sensor *, const char *counters);

#endif
