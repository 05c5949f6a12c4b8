/* hash.h: XXH3-128, the only hash of the house: identities, files, traces. */
#ifndef OFFSIM_SIM_HASH_H
#define OFFSIM_SIM_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash { uint64_t lo, hi; };
struct hash hash_bytes(const void *, size_t);
uint64_t hash_name(const char *);                       /* XXH3-64 of a NUL-terminated name */
bool hash_equal(struct hash, struct hash);
void hash_hex(struct hash, char out[33]);               /* 32 lower-case digits and NUL; high half first */
bool hash_parse(const char *hex, struct hash *);
/* Order-free sum of hashes (128-bit addition): the hash of a set of records that carry their ids. */
struct hash hash_sum(struct hash, struct hash);
/* Bytes of a file, streamed. False when it cannot be read (errno tells). */
bool hash_file(const char *path, struct hash *);

struct hasher;                                          /* streaming */
struct hasher *hasher_new(void);
void hasher_add(struct hasher *, const void *, size_t);
struct hash hasher_end(struct hasher *);                /* frees it */
struct hash hasher_value(const struct hasher *);        /* of what was added so far; the hasher goes on */
void hasher_set(struct hasher *, const struct hasher *from);    /* go on from where another one is */
void hasher_clear(struct hasher *);                     /* as new */

#endif
