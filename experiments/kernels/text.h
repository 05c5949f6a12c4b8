/* text.h: a text without meaning whose words are as frequent as those of prose. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_TEXT_H
#define OFFSIM_EXPERIMENTS_KERNELS_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* `size` bytes, not ended by 0. The k-th of 4096 words of 2 to 9 letters has probability ~ 1 / k. */
void text_make(char *out, size_t size, uint64_t seed);

#endif
