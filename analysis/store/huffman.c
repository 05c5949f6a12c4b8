/* huffman.c: bytes by the Huffman code of their own frequencies (RFC 1951, 3.2.2 and 3.2.7), without repetitions.
 *
 * Columns of few different bytes in no order have nothing to repeat: looking for it is what makes deflate slow. Check:
 * 65 536 bytes of two values as often take 1 bit and 2 (the end needs a code, too): 12 288 bytes and a head of 139.
 */
#include "analysis/store/bits.h"
#include "analysis/store/column.h"
#include <string.h>

enum { END = 256, SYMBOLS = 257, NODES = 2 * SYMBOLS, MOST_BITS = 15, NONE = -1 };
struct code { uint16_t bits; uint8_t length; };

/* ---- lengths ----------------------------------------------------------------------------------------------------- */

/* Leaves are symbols; a node comes after its children. */
struct tree { uint32_t weight[NODES]; uint16_t parent[NODES]; int n; };

/* The lightest node without a parent, and its weight out of it. */
static int take_lightest(struct tree *t, uint32_t *weight)
{
  int best = NONE;
  for (int i = 0; i < t->n; i++)
    if (t->weight[i] && (best == NONE || t->weight[i] < t->weight[best]))
      best = i;
  if (best != NONE) {
    *weight = t->weight[best];
    t->weight[best] = 0;
  }
  return best;
}

/* Join the two lightest until one is left. At least two symbols occur: END and a byte. */
static void tree_grow(struct tree *t, const uint32_t *count)
{
  uint32_t a_weight = 0, b_weight = 0;
  memset(t, 0, sizeof *t);
  memcpy(t->weight, count, SYMBOLS * sizeof *count);
  t->n = SYMBOLS;
  for (;;) {
    int a = take_lightest(t, &a_weight), b = take_lightest(t, &b_weight);
    if (b == NONE)
      return;
    t->weight[t->n] = a_weight + b_weight;
    t->parent[a] = t->parent[b] = (uint16_t)t->n++;
  }
}

static unsigned tree_lengths(const struct tree *t, const uint32_t *count, struct code *code)
{
  uint8_t depth[NODES] = {0};
  unsigned most = 0;
  for (int i = t->n - 2; i >= 0; i--)
    depth[i] = (uint8_t)(depth[t->parent[i]] + 1);
  for (int s = 0; s < SYMBOLS; s++) {
    code[s].length = count[s] ? depth[s] : 0;
    most = code[s].length > most ? code[s].length : most;
  }
  return most;
}

/* Frequencies are evened out until no code is too long. */
static void set_lengths(uint32_t *count, struct code *code)
{
  struct tree tree;
  for (;;) {
    tree_grow(&tree, count);
    if (tree_lengths(&tree, count, code) <= MOST_BITS)
      return;
    for (int s = 0; s < SYMBOLS; s++)
      count[s] = (count[s] + 1) / 2;
  }
}

/* ---- codes ------------------------------------------------------------------------------------------------------- */

static uint16_t turned(unsigned bits, unsigned length)
{
  unsigned out = 0;
  for (unsigned i = 0; i < length; i++)
    out |= (bits >> i & 1) << (length - 1 - i);
  return (uint16_t)out;
}

static void set_bits(struct code *code)
{
  unsigned n[MOST_BITS + 1] = {0}, next[MOST_BITS + 2] = {0};
  for (int s = 0; s < SYMBOLS; s++)
    n[code[s].length]++;
  n[0] = 0;
  for (unsigned k = 0; k <= MOST_BITS; k++)
    next[k + 1] = (next[k] + n[k]) << 1;
  for (int s = 0; s < SYMBOLS; s++)
    code[s].bits = turned(next[code[s].length]++, code[s].length);
}

/* The lengths themselves are written in 4 bits each: of the code for lengths, 0 to 15 have 4 bits, the others none. */
static void put_head(struct bits *b, const struct code *code, bool last)
{
  put_bits(b, (last ? 1 : 0) | 2 << 1, 3);
  put_bits(b, 0, 5), put_bits(b, 0, 5), put_bits(b, 15, 4);
  for (int k = 0; k < 19; k++)
    put_bits(b, k < 3 ? 0 : 4, 3);                      /* 16, 17, 18 come first */
  for (int s = 0; s < SYMBOLS; s++)
    put_bits(b, turned(code[s].length, 4), 4);
  put_bits(b, 0, 4);                                    /* no distances */
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

/* Four tables: equal neighbours do not wait for each other. */
static void count_bytes(const uint8_t *p, size_t n, uint32_t *count)
{
  uint32_t part[4][256] = {{0}};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    part[0][p[i]]++, part[1][p[i + 1]]++, part[2][p[i + 2]]++, part[3][p[i + 3]]++;
  for (; i < n; i++)
    part[0][p[i]]++;
  for (int s = 0; s < 256; s++)
    count[s] = part[0][s] + part[1][s] + part[2][s] + part[3][s];
  count[END] = 1;
}

static inline void hold(struct bits *b, struct code c)
{
  b->held |= (uint64_t)c.bits << b->n;
  b->n += c.length;
}

/* Whole bytes out of at most 7 + 3 * MOST_BITS bits; the 8 bytes written may reach beyond the end. */
static inline void release(struct bits *b)
{
  memcpy(b->out, &b->held, 8);
  b->out += b->n / 8;
  b->held >>= b->n & ~7u;
  b->n &= 7;
}

uint8_t *put_coded(uint8_t *out, const uint8_t *p, size_t n, bool last)
{
  uint32_t count[SYMBOLS];
  struct code code[SYMBOLS];
  struct bits b = {out, 0, 0};
  size_t i = 0;
  count_bytes(p, n, count);
  set_lengths(count, code);
  set_bits(code);
  put_head(&b, code, last);
  for (; i + 3 <= n; i += 3) {
    hold(&b, code[p[i]]), hold(&b, code[p[i + 1]]), hold(&b, code[p[i + 2]]);
    release(&b);
  }
  for (; i < n; i++)
    hold(&b, code[p[i]]), release(&b);
  hold(&b, code[END]);
  release(&b);
  return put_whole_byte(&b, last);
}
