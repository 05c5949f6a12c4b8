/* text.h: a text without meaning whose words are as frequent as those of prose. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_TEXT_H
#define OFFSIM_EXPERIMENTS_KERNELS_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* `size` bytes, not ended by 0. The k-th of 4096 words of 2 to 9 letters has probability ~ 1 / k. All texts are of one language:
 * the words are always the same, the seed draws their order. With words of their own six texts took deflate 2.15 to 2.46 ms,
 * with the same words 2.40 to 2.43. */
void text_make(char *out, size_t size, uint64_t seed);

#endif
