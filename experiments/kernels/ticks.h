/* ticks.h: what /proc/stat counts, in clock ticks. `root` is put before the path: "" but in tests. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_TICKS_H
#define OFFSIM_EXPERIMENTS_KERNELS_TICKS_H

struct ticks { double total, steal; };

double ticks_idle(const char *root, int core);          /* 0 where it is not told */
/* Of all cores. */
struct ticks ticks_now(const char *root);
/* Share of all time since then that other machines had; NaN: not told, or no time has passed. */
double ticks_steal_since(const char *root, struct ticks then);

#endif
