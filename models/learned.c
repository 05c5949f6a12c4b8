#include "models/learned.h"
#include "sim/check.h"
#include "sim/hash.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char first_line[] = "offsim learned state 1\n";
enum { FIRST = sizeof first_line - 1, HASH = 32, MAX_STATE = 1 << 30 };

/* ---- streams over memory ----------------------------------------------------------------------------------------- */

static size_t write_bytes(void *handle, const void *from, size_t n)
{
  struct learned_bytes *b = handle;
  if (b->n + n > b->capacity) {
    b->capacity = 2 * (b->n + n);
    b->at = realloc(b->at, b->capacity);
    if (!b->at) check_out_of_memory(b->capacity);
  }
  if (n) memcpy(b->at + b->n, from, n);
  b->n += n;
  return n;
}

static size_t read_bytes(void *handle, void *to, size_t n)
{
  struct learned_bytes *b = handle;
  if (n > b->n - b->read) n = b->n - b->read;
  if (n) memcpy(to, b->at + b->read, n);
  b->read += n;
  return n;
}

struct offsim_stream learned_stream(struct learned_bytes *b)
{
  return (struct offsim_stream){.size = sizeof(struct offsim_stream), .handle = b, .write = write_bytes,
                                .read = read_bytes};
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

void *learned_write(json *header, const void *learners, size_t n, size_t *size)
{
  struct learned_bytes b = {0};
  char hex[HASH + 1];
  char *text = json_write(json_put_int(header, "bytes", (int64_t)n), false);
  write_bytes(&b, first_line, FIRST);
  write_bytes(&b, text, strlen(text));
  write_bytes(&b, "\n", 1);
  write_bytes(&b, learners, n);
  hash_hex(hash_bytes(b.at, b.n), hex);
  write_bytes(&b, hex, HASH);
  free(text);
  *size = b.n;
  return b.at;
}

static bool refuse(struct err *err, struct where at, const char *path, const char *why)
{
  return err_add(err, at, "%s is no learned state that can be used: %s", path, why);
}

bool learned_read(const void *bytes, size_t n, const char *path, struct where at, struct learned *out, struct err *err)
{
  const char *text = bytes;
  char hex[HASH + 1];
  *out = (struct learned){0};
  if (n < FIRST + HASH || memcmp(text, first_line, FIRST) != 0)
    return refuse(err, at, path, "it does not begin as one that `offsim train` writes");
  hash_hex(hash_bytes(text, n - HASH), hex);
  if (memcmp(hex, text + n - HASH, HASH) != 0) return refuse(err, at, path, "it was cut short or changed");
  const char *end = memchr(text + FIRST, '\n', n - HASH - FIRST);
  out->header = end ? json_parse(text + FIRST, (size_t)(end - text) - FIRST, err) : NULL;
  if (!out->header) return refuse(err, at, path, "it has no header");
  out->learners = end + 1;
  out->n = (size_t)(text + n - HASH - (end + 1));
  if (json_int(json_at(out->header, "bytes"), -1) == (int64_t)out->n) return true;
  json_release(out->header);
  return refuse(err, at, path, "its length is not what its header says");
}

bool learned_open(const char *path, void **bytes, size_t *n, struct err *err)
{
  struct learned_bytes b = {0};
  unsigned char part[65536];
  size_t got;
  FILE *f = fopen(path, "rb");
  *bytes = NULL;
  *n = 0;
  if (!f) return err_system(err, "cannot open %s: %s", path, strerror(errno));
  while (b.n < MAX_STATE && (got = fread(part, 1, sizeof part, f)) > 0) write_bytes(&b, part, got);
  bool failed = ferror(f);
  fclose(f);
  *bytes = b.at;
  *n = b.n;
  return (!failed && b.n < MAX_STATE) || err_system(err, "cannot read %s", path);
}

bool learned_overlaps(const json *header, uint64_t seed, uint64_t from, uint64_t to, uint64_t out[2])
{
  const json *list = json_at(header, "trained");
  for (size_t i = 0; list && i < json_count(list); i++) {
    const json *one = json_nth(list, i);
    uint64_t a = (uint64_t)json_int(json_at(one, "from"), 0), b = (uint64_t)json_int(json_at(one, "to"), 0);
    if ((uint64_t)json_int(json_at(one, "seed"), -1) != seed || b < from || a > to) continue;
    out[0] = a > from ? a : from;
    out[1] = b < to ? b : to;
    return true;
  }
  return false;
}

/* ---- a host from a file ------------------------------------------------------------------------------------------ */

bool policy_host_start(struct policy_host *h, const struct policy_def *def, struct err *err)
{
  if (def->state) {
    struct learned_bytes b = {.at = (unsigned char *)(size_t)def->state, .n = def->state_bytes};        /* only read */
    struct offsim_stream from = learned_stream(&b);
    if (!policy_host_load(h, &from, err)) return false;
  }
  if (def->frozen) policy_host_freeze(h);
  return true;
}

bool policy_host_unchanged(struct policy_host *h, const struct policy_def *def)
{
  struct learned_bytes b = {0};
  struct offsim_stream to = learned_stream(&b);
  struct err unsaid;
  err_init(&unsaid);
  bool saved = policy_host_save(h, &to, &unsaid);
  bool same = !saved || b.n != def->state_bytes || memcmp(b.at, def->state, b.n) == 0;
  err_release(&unsaid);
  free(b.at);
  return same;
}
