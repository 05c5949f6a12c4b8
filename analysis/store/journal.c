#include "analysis/store/journal.h"
#include "sim/check.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry_head { uint64_t bytes; struct hash hash; };
struct buffer { char *at; size_t n, room; };            /* writing: grows; reading: `room` bytes, n of them read */

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void put(struct buffer *b, const void *bytes, size_t n)
{
  if (b->n + n > b->room) {
    b->room = 2 * b->room + n + 1024;
    b->at = realloc(b->at, b->room);
    if (!b->at)
      check_out_of_memory(b->room);
  }
  if (n)
    memcpy(b->at + b->n, bytes, n);
  b->n += n;
}

static void put_number(struct buffer *b, uint64_t x) { put(b, &x, sizeof x); }
static void put_text(struct buffer *b, const char *text) { put(b, text ? text : "", strlen(text ? text : "") + 1); }

static void put_run(struct buffer *b, const struct catalog_run *r)
{
  const uint64_t number[] = {r->point, r->replication, r->seed, r->state, r->events, r->n_metrics, r->sketch_bytes,
                             (uint64_t)r->attempts};
  put(b, r->id, sizeof r->id);
  put(b, r->trace_hash, sizeof r->trace_hash);
  put(b, r->trace_file_hash, sizeof r->trace_file_hash);
  for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
    put_number(b, number[i]);
  put(b, &r->elapsed_s, sizeof r->elapsed_s);
  put_text(b, r->policy), put_text(b, r->kind), put_text(b, r->study), put_text(b, r->message);
  put_text(b, r->trace_file);
  for (size_t i = 0; i < r->n_metrics; i++) {
    const struct catalog_metric *m = &r->metric[i];
    put_text(b, m->metric), put_text(b, m->klass), put_text(b, m->place);
    put(b, &m->value, sizeof m->value);
  }
  put(b, r->sketch, r->sketch_bytes);
}

static bool write_all(int fd, const char *at, size_t n)
{
  while (n) {
    ssize_t m = write(fd, at, n);
    if (m < 0 && errno == EINTR)
      continue;
    if (m <= 0)
      return false;
    at += m, n -= (size_t)m;
  }
  return true;
}

bool journal_add(int fd, const char *path, const struct catalog_run *r, struct err *err)
{
  struct buffer b = {0};
  struct entry_head head = {0};
  put(&b, &head, sizeof head);
  put_run(&b, r);
  head = (struct entry_head){b.n - sizeof head, hash_bytes(b.at + sizeof head, b.n - sizeof head)};
  memcpy(b.at, &head, sizeof head);
  bool ok = write_all(fd, b.at, b.n);
  free(b.at);
  return ok || err_system(err, "cannot write %s: %s", path, strerror(errno));
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The entry's hash was right, so that its inner lengths are, too. */
static void take(struct buffer *b, void *out, size_t n)
{
  sim_assert(b->n + n <= b->room);
  if (n)
    memcpy(out, b->at + b->n, n);
  b->n += n;
}

static const char *take_text(struct buffer *b)
{
  const char *text = b->at + b->n;
  size_t n = strnlen(text, b->room - b->n);
  sim_assert(b->n + n < b->room);
  b->n += n + 1;
  return text;
}

/* The run, its metrics and the bytes that they point into: one block, so that release is one free. */
struct read_run { struct catalog_run run; struct catalog_metric *metric; char *bytes; };

static struct catalog_run *take_run(char *bytes, size_t n)
{
  struct buffer b = {bytes, 0, n};
  struct read_run *read = calloc(1, sizeof *read);
  if (!read)
    check_out_of_memory(sizeof *read);
  read->bytes = bytes;
  struct catalog_run *r = &read->run;
  uint64_t number[8];
  take(&b, r->id, sizeof r->id);
  take(&b, r->trace_hash, sizeof r->trace_hash);
  take(&b, r->trace_file_hash, sizeof r->trace_file_hash);
  take(&b, number, sizeof number);
  take(&b, &r->elapsed_s, sizeof r->elapsed_s);
  r->point = number[0], r->replication = number[1], r->seed = number[2], r->state = (enum run_state)number[3];
  r->events = number[4], r->n_metrics = number[5], r->sketch_bytes = number[6], r->attempts = (int)number[7];
  r->policy = take_text(&b), r->kind = take_text(&b), r->study = take_text(&b), r->message = take_text(&b);
  r->trace_file = take_text(&b);
  r->metric = read->metric = calloc(r->n_metrics + 1, sizeof *read->metric);
  if (!read->metric)
    check_out_of_memory(r->n_metrics * sizeof *read->metric);
  for (size_t i = 0; i < r->n_metrics; i++) {
    struct catalog_metric *m = &read->metric[i];
    m->metric = take_text(&b), m->klass = take_text(&b), m->place = take_text(&b);
    take(&b, &m->value, sizeof m->value);
  }
  r->sketch = b.at + b.n;
  sim_assert(b.n + r->sketch_bytes == b.room);
  return r;
}

static bool read_all(int fd, void *out, size_t n, int64_t offset)
{
  for (size_t got = 0; got < n;) {
    ssize_t m = pread(fd, (char *)out + got, n - got, offset + (int64_t)got);
    if (m < 0 && errno == EINTR)
      continue;
    if (m <= 0)
      return false;
    got += (size_t)m;
  }
  return true;
}

struct catalog_run *journal_next(int fd, int64_t *offset)
{
  struct entry_head head;
  if (!read_all(fd, &head, sizeof head, *offset) || head.bytes > (uint64_t)1 << 32)
    return NULL;
  char *bytes = malloc(head.bytes + 1);
  if (!bytes || !read_all(fd, bytes, head.bytes, *offset + (int64_t)sizeof head)
      || !hash_equal(hash_bytes(bytes, head.bytes), head.hash)) {
    free(bytes);
    return NULL;
  }
  *offset += (int64_t)(sizeof head + head.bytes);
  return take_run(bytes, head.bytes);
}

void journal_heads(int fd, journal_head_fn *visit, void *context)
{
  enum { HASHES = 2 * 33 };                             /* see put_run */
  struct { struct entry_head head; char id[33], hashes[HASHES]; uint64_t number[4]; } __attribute__((packed)) start;
  for (int64_t at = 0; read_all(fd, &start, sizeof start, at); at += (int64_t)(sizeof start.head + start.head.bytes)) {
    start.id[sizeof start.id - 1] = 0;
    if (start.number[3] > RUN_QUARANTINED || start.head.bytes < sizeof start - sizeof start.head)
      return;
    visit(context, start.id, (enum run_state)start.number[3], at);
  }
}

void journal_release(struct catalog_run *r)
{
  struct read_run *read = (struct read_run *)r;
  if (!read)
    return;
  free(read->metric);
  free(read->bytes);
  free(read);
}
