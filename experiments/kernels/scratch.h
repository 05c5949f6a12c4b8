/* scratch.h: memory and files of the kernels, and what they say when something is missing. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_SCRATCH_H
#define OFFSIM_EXPERIMENTS_KERNELS_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed and touched, on a boundary of 64 bytes (2 MiB pages are asked for from 4 MiB on); NULL: no memory. free() it. */
void *scratch_memory(size_t size);
/* Writes into why (KERNEL_WHY bytes); always false. */
bool scratch_why(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The folder of scratch files: $TMPDIR, else /var/tmp, else /tmp. */
const char *scratch_folder(void);
/* A file without a name in that folder: gone when it is closed. -1 and why. */
int scratch_file(char *why);
/* A file with a name, for libraries that open it themselves; the caller unlinks it. False and why. */
bool scratch_named(char *path, size_t size, char *why);
/* Seconds of the wall clock. */
double scratch_now_s(void);
/* A whole number of this machine's parameters: p rounded. */
static inline size_t scratch_count(double p) { return (size_t)(p + 0.5); }

#endif
