/* hash.c: XXH3 through libxxhash. */
#include "sim/hash.h"
#include "sim/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static struct hash from_xxh(XXH128_hash_t h)
{
  return (struct hash){.lo = h.low64, .hi = h.high64};
}

struct hash hash_bytes(const void *bytes, size_t n)
{
  return from_xxh(XXH3_128bits(bytes, n));
}

uint64_t hash_name(const char *name)
{
  return XXH3_64bits(name, strlen(name));
}

bool hash_equal(struct hash a, struct hash b)
{
  return a.lo == b.lo && a.hi == b.hi;
}

void hash_hex(struct hash h, char out[33])
{
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    out[i] = digits[h.hi >> (60 - 4 * i) & 15];
    out[16 + i] = digits[h.lo >> (60 - 4 * i) & 15];
  }
  out[32] = '\0';
}

static int digit_value(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hash_parse(const char *hex, struct hash *h)
{
  uint64_t half[2] = {0, 0};
  for (int i = 0; i < 32; i++) {
    int value = digit_value(hex[i]);
    if (value < 0)
      return false;
    half[i / 16] = half[i / 16] << 4 | (uint64_t)value;
  }
  *h = (struct hash){.hi = half[0], .lo = half[1]};
  return hex[32] == '\0';
}

struct hash hash_sum(struct hash a, struct hash b)
{
  uint64_t lo = a.lo + b.lo;
  return (struct hash){.lo = lo, .hi = a.hi + b.hi + (lo < a.lo)};
}

/* A `struct hasher *` is libxxhash's state: nothing to add to it. */
static XXH3_state_t *state_of(struct hasher *h)
{
  return (XXH3_state_t *)h;
}

struct hasher *hasher_new(void)
{
  XXH3_state_t *state = XXH3_createState();
  if (!state)
    check_out_of_memory(sizeof(void *));
  XXH3_128bits_reset(state);
  return (struct hasher *)state;
}

void hasher_add(struct hasher *h, const void *bytes, size_t n)
{
  XXH3_128bits_update(state_of(h), bytes, n);
}

struct hash hasher_end(struct hasher *h)
{
  struct hash digest = from_xxh(XXH3_128bits_digest(state_of(h)));
  XXH3_freeState(state_of(h));
  return digest;
}

struct hash hasher_value(const struct hasher *h)
{
  return from_xxh(XXH3_128bits_digest((const XXH3_state_t *)h));
}

void hasher_set(struct hasher *h, const struct hasher *from)
{
  XXH3_copyState(state_of(h), (const XXH3_state_t *)from);
}

void hasher_clear(struct hasher *h)
{
  XXH3_128bits_reset(state_of(h));
}

bool hash_file(const char *path, struct hash *h)
{
  FILE *f = fopen(path, "rb");
  if (!f)
    return false;
  struct hasher *hasher = hasher_new();
  char buffer[1 << 16];
  size_t n;
  while ((n = fread(buffer, 1, sizeof buffer, f)) > 0)
    hasher_add(hasher, buffer, n);
  *h = hasher_end(hasher);
  int error = ferror(f) ? errno : 0;
  fclose(f);
  errno = error;
  return error == 0;
}
