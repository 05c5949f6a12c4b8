/* bits.h: writing bits as deflate wants them (RFC 1951): the first bit is the lowest of its byte. */
#ifndef OFFSIM_ANALYSIS_STORE_BITS_H
#define OFFSIM_ANALYSIS_STORE_BITS_H

#include <stdbool.h>
#include <stdint.h>

struct bits { uint8_t *out; uint64_t held; unsigned n; };

static inline void put_bits(struct bits *b, uint32_t value, unsigned n)
{
  b->held |= (uint64_t)value << b->n;
  b->n += n;
  while (b->n >= 8) {
    *b->out++ = (uint8_t)b->held;
    b->held >>= 8;
    b->n -= 8;
  }
}

/* After the end of a block: to the next whole byte, by an empty stored block where others follow. */
static inline uint8_t *put_whole_byte(struct bits *b, bool last)
{
  if (!last)
    put_bits(b, 0, 3);
  put_bits(b, 0, (8 - b->n) % 8);
  if (!last)
    put_bits(b, 0x0000, 16), put_bits(b, 0xFFFF, 16);
  return b->out;
}

#endif
