/* text.c: words by Zipf's law (text.h). */
#include "experiments/kernels/text.h"
#include "experiments/kernels/kernel.h"

#include <math.h>
#include <string.h>

enum { WORDS = 4096, SHORTEST = 2, LENGTHS = 8, LANGUAGE = 1 };

/* The k-th word, always the same. */
static size_t word(char *out, unsigned k)
{
  static const char letters[] = "eeeeeaaaaiiiooonnnnttttrrrssslllddccuumphgbfvwyk";
  uint64_t state = LANGUAGE ^ (uint64_t)k * 0x9E3779B97F4A7C15u;
  size_t n = SHORTEST + kernel_random(&state) % LENGTHS;
  for (size_t i = 0; i < n; i++) out[i] = letters[kernel_random(&state) % (sizeof letters - 1)];
  return n;
}

void text_make(char *out, size_t size, uint64_t seed)
{
  uint64_t state = seed + 1;
  for (size_t at = 0; at < size;) {
    char next[SHORTEST + LENGTHS + 1];
    double u = (double)(kernel_random(&state) >> 11) / 9007199254740992.0;
    size_t n = word(next, (unsigned)exp(u * log((double)WORDS)));
    next[n++] = ' ';
    if (n > size - at) n = size - at;
    memcpy(out + at, next, n);
    at += n;
  }
}
