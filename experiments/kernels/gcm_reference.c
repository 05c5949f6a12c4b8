/* gcm_reference.c: AES-128-GCM by its definition. Checkable: the AES-128 of key 00 01 .. 0f and plaintext 00 11 .. ff is
 * 69c4e0d86a7b0430d8cdb78070b4c55a (FIPS 197, appendix C.1). */
#include "experiments/kernels/gcm_reference.h"

#include <string.h>

static uint8_t times(uint8_t a, uint8_t c)
{
  uint8_t out = 0;
  for (int i = 0; i < 8; i++) {
    if (c & 1) out ^= a;
    a = (uint8_t)((a << 1) ^ (a & 0x80 ? 0x1b : 0));
    c >>= 1;
  }
  return out;
}

/* The inverse is the 254th power; then the affine map. */
static uint8_t substitute(uint8_t x)
{
  uint8_t inverse = 1, out = 0x63;
  for (int i = 0; i < 254; i++) inverse = times(inverse, x);
  for (int i = 0; i < 5; i++) out ^= (uint8_t)((inverse << i) | (inverse >> (8 - i)));
  return out;
}

static void fill_box(uint8_t box[256])
{
  for (int i = 0; i < 256; i++) box[i] = substitute((uint8_t)i);
}

static void expand(const uint8_t key[16], const uint8_t box[256], uint8_t rounds[176])
{
  uint8_t constant = 1;
  memcpy(rounds, key, 16);
  for (int i = 16; i < 176; i += 4) {
    uint8_t word[4];
    memcpy(word, rounds + i - 4, 4);
    if (i % 16 == 0) {
      uint8_t first = word[0];
      for (int k = 0; k < 3; k++) word[k] = box[word[k + 1]];
      word[3] = box[first];
      word[0] ^= constant;
      constant = times(constant, 2);
    }
    for (int k = 0; k < 4; k++) rounds[i + k] = rounds[i - 16 + k] ^ word[k];
  }
}

static void mix(uint8_t state[16])
{
  for (int c = 0; c < 16; c += 4) {
    uint8_t in[4];
    memcpy(in, state + c, 4);
    for (int r = 0; r < 4; r++)
      state[c + r] = times(in[r], 2) ^ times(in[(r + 1) % 4], 3) ^ in[(r + 2) % 4] ^ in[(r + 3) % 4];
  }
}

static void encrypt(const uint8_t rounds[176], const uint8_t box[256], const uint8_t in[16], uint8_t state[16])
{
  for (int i = 0; i < 16; i++) state[i] = in[i] ^ rounds[i];
  for (int round = 1; round <= 10; round++) {
    uint8_t shifted[16];
    for (int i = 0; i < 16; i++) shifted[i] = box[state[(i + 4 * (i % 4)) % 16]];
    memcpy(state, shifted, 16);
    if (round < 10) mix(state);
    for (int i = 0; i < 16; i++) state[i] ^= rounds[16 * round + i];
  }
}

void gcm_reference_aes(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
  uint8_t box[256], rounds[176];
  fill_box(box);
  expand(key, box, rounds);
  encrypt(rounds, box, in, out);
}

/* y = (y ^ block) h in GF(2^128), bits from the left (SP 800-38D, 6.3). */
static void hash_block(uint8_t y[16], const uint8_t *block, size_t n, const uint8_t h[16])
{
  uint8_t v[16], z[16] = {0};
  memcpy(v, h, 16);
  for (size_t i = 0; i < n; i++) y[i] ^= block[i];
  for (int i = 0; i < 128; i++) {
    if (y[i / 8] >> (7 - i % 8) & 1)
      for (int k = 0; k < 16; k++) z[k] ^= v[k];
    uint8_t carry = v[15] & 1;
    for (int k = 15; k > 0; k--) v[k] = (uint8_t)(v[k] >> 1 | v[k - 1] << 7);
    v[0] = (uint8_t)(v[0] >> 1 ^ (carry ? 0xe1 : 0));
  }
  memcpy(y, z, 16);
}

void gcm_reference_seal(const uint8_t key[16], const uint8_t nonce[12], const uint8_t *plain, size_t size, uint8_t *sealed, uint8_t tag[16])
{
  uint8_t box[256], rounds[176], h[16], zero[16] = {0}, counter[16], pad[16], y[16] = {0}, length[16] = {0};
  fill_box(box);
  expand(key, box, rounds);
  encrypt(rounds, box, zero, h);
  memcpy(counter, nonce, 12);
  for (size_t i = 0; i < size; i += 16) {
    size_t n = size - i < 16 ? size - i : 16;
    uint32_t number = (uint32_t)(i / 16 + 2);
    for (int k = 0; k < 4; k++) counter[12 + k] = (uint8_t)(number >> (24 - 8 * k));
    encrypt(rounds, box, counter, pad);
    for (size_t k = 0; k < n; k++) sealed[i + k] = plain[i + k] ^ pad[k];
    hash_block(y, sealed + i, n, h);
  }
  for (int k = 0; k < 8; k++) length[8 + k] = (uint8_t)((uint64_t)size * 8 >> (56 - 8 * k));
  hash_block(y, length, 16, h);
  memcpy(counter + 12, (const uint8_t[4]){0, 0, 0, 1}, 4);
  encrypt(rounds, box, counter, pad);
  for (int k = 0; k < 16; k++) tag[k] = y[k] ^ pad[k];
}
