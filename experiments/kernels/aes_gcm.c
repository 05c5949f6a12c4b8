/* aes_gcm.c: AES-128-GCM of a message, record by record as TLS 1.3 does: at most 16 KiB each, a nonce and a tag of 16 B a
 * record. Work: bytes of the message; 40 kB are 3 records.
 * Self-check: first and last record against the definition (gcm_reference.c), all of them opened again. */
#include "experiments/kernels/gcm_reference.h"
#include "experiments/kernels/hand.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE };
enum { RECORD = 16384, TAG = 16, NONCE = 12 };

struct seal {
  size_t size, records;
  uint8_t key[16], base[NONCE];
  uint8_t *plain, *sealed, *tag;                        /* tag: TAG bytes a record */
  EVP_CIPHER_CTX *context;
  bool failed;
};

static double units(const double *p) { return p[SIZE]; }
static double axis_value(const double *p, int axis) { return p[SIZE]; }

static void finish(void *state)
{
  struct seal *s = state;
  if (!s) return;
  EVP_CIPHER_CTX_free(s->context);
  free(s->plain);
  free(s->sealed);
  free(s->tag);
  free(s);
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct seal *s = calloc(1, sizeof *s);
  if (!s) return scratch_why(why, "no memory"), NULL;
  s->size = scratch_count(p[SIZE]);
  s->records = (s->size + RECORD - 1) / RECORD;
  s->plain = scratch_memory(s->size);
  s->sealed = scratch_memory(s->size);
  s->tag = calloc(s->records, TAG);
  s->context = EVP_CIPHER_CTX_new();
  bool ok = s->plain && s->sealed && s->tag && s->context;
  for (int i = 0; i < 16; i++) s->key[i] = (uint8_t)kernel_random(&seed);
  for (int i = 0; i < NONCE; i++) s->base[i] = (uint8_t)kernel_random(&seed);
  for (size_t i = 0; ok && i < s->size; i++) s->plain[i] = (uint8_t)kernel_random(&seed);
  if (ok && EVP_EncryptInit_ex(s->context, EVP_aes_128_gcm(), NULL, s->key, NULL) == 1) return s;
  finish(s);
  return scratch_why(why, ok ? "OpenSSL has no AES-128-GCM" : "no memory"), NULL;
}

/* The record's number goes into the last bytes of the base (RFC 8446, 5.3). */
static void nonce_of(const struct seal *s, size_t record, uint8_t nonce[NONCE])
{
  memcpy(nonce, s->base, NONCE);
  for (int i = 0; i < 8; i++) nonce[NONCE - 1 - i] ^= (uint8_t)((uint64_t)record >> 8 * i);
}

static size_t size_of(const struct seal *s, size_t record)
{
  size_t left = s->size - record * RECORD;
  return left < RECORD ? left : RECORD;
}

static void run(void *state)
{
  struct seal *s = state;
  uint8_t nonce[NONCE];
  for (size_t r = 0; r < s->records; r++) {
    int n = 0;
    nonce_of(s, r, nonce);
    bool ok = EVP_EncryptInit_ex(s->context, NULL, NULL, NULL, nonce) == 1
              && EVP_EncryptUpdate(s->context, s->sealed + r * RECORD, &n, s->plain + r * RECORD, (int)size_of(s, r)) == 1
              && EVP_EncryptFinal_ex(s->context, s->sealed + r * RECORD + n, &n) == 1
              && EVP_CIPHER_CTX_ctrl(s->context, EVP_CTRL_GCM_GET_TAG, TAG, s->tag + r * TAG) == 1;
    s->failed |= !ok;
  }
  kernel_keep(s->sealed);
}

static bool as_defined(const struct seal *s, size_t record, char *why)
{
  uint8_t nonce[NONCE], tag[TAG], sealed[RECORD];
  size_t n = size_of(s, record);
  nonce_of(s, record, nonce);
  gcm_reference_seal(s->key, nonce, s->plain + record * RECORD, n, sealed, tag);
  bool same = memcmp(sealed, s->sealed + record * RECORD, n) == 0 && memcmp(tag, s->tag + record * TAG, TAG) == 0;
  return same || scratch_why(why, "record %zu is not what AES-128-GCM defines", record);
}

static bool open_into(const struct seal *s, EVP_CIPHER_CTX *open, size_t record, uint8_t *plain)
{
  uint8_t nonce[NONCE];
  int n = 0, rest = 0;
  nonce_of(s, record, nonce);
  return EVP_DecryptInit_ex(open, EVP_aes_128_gcm(), NULL, s->key, nonce) == 1
         && EVP_DecryptUpdate(open, plain, &n, s->sealed + record * RECORD, (int)size_of(s, record)) == 1
         && EVP_CIPHER_CTX_ctrl(open, EVP_CTRL_GCM_SET_TAG, TAG, s->tag + record * TAG) == 1
         && EVP_DecryptFinal_ex(open, plain + n, &rest) == 1;
}

static bool opens(const struct seal *s, EVP_CIPHER_CTX *open, size_t record)
{
  uint8_t plain[RECORD];
  return open_into(s, open, record, plain) && memcmp(plain, s->plain + record * RECORD, size_of(s, record)) == 0;
}

static bool check(void *state, char *why)
{
  struct seal *s = state;
  if (s->failed) return scratch_why(why, "OpenSSL did not encrypt");
  if (!as_defined(s, 0, why) || !as_defined(s, s->records - 1, why)) return false;
  EVP_CIPHER_CTX *open = EVP_CIPHER_CTX_new();
  bool ok = open != NULL;
  for (size_t r = 0; r < s->records && ok; r++) ok = opens(s, open, r);
  EVP_CIPHER_CTX_free(open);
  return ok || scratch_why(why, "a record does not open");
}

/* What whoever has the key reads in it: whole records. */
static size_t result(void *state, void *out, size_t room)
{
  const struct seal *s = state;
  EVP_CIPHER_CTX *open = EVP_CIPHER_CTX_new();
  size_t bytes = 0;
  for (size_t r = 0; open && r < s->records && bytes + size_of(s, r) <= room && open_into(s, open, r, (uint8_t *)out + bytes); r++)
    bytes += size_of(s, r);
  EVP_CIPHER_CTX_free(open);
  return bytes;
}

static size_t feed(void *state, const void *data, size_t bytes)
{
  struct seal *s = state;
  hand_text(data, bytes, s->plain, s->size);
  return s->size;
}

static bool fed(void *state, const void *data, size_t bytes, char *why)
{
  const struct seal *s = state;
  return hand_text_same(data, bytes, s->plain, s->size, why);
}

static const double full[][KERNEL_PARAMETERS] = {
  {256}, {512}, {1024}, {2048}, {3072}, {4096}, {6144}, {8192}, {12288}, {16384}, {24576}, {32768}, {49152}, {65536}, {98304}, {131072}, {196608}, {262144},
  {524288}, {1048576}, {2097152}, {4194304}};
static const double quick[][KERNEL_PARAMETERS] = {{256}, {1024}, {4096}, {16384}, {65536}, {262144}, {1048576}, {4194304}};

const struct kernel kernel_aes_gcm = {
  .name = "aes_gcm", .version = 1, .unit = "B", .bound = BOUND_COMPUTE,
  .n_parameters = 1, .parameter = {{"size", 256, 4194304, 1}}, .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(full), .quick = KERNEL_GRID(quick),
  .units = units, .axis_value = axis_value, .bytes = units,
  .prepare = prepare, .run = run, .check = check, .finish = finish,
  .result = result, .feed = feed, .fed = fed,
};
