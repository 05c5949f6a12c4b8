/* far.c: lists of chunks, and the choice of a bucket's width. */
#include "sim/far.h"
#include "sim/check.h"
#include "sim/zeros.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_SLAB_CHUNKS = 256, BUCKET_TARGET = 128, SAMPLE = 1024 };

void far_init(struct far *f)
{
  memset(f, 0, sizeof *f);
}

/* A slab's first chunk holds the link to the slab before. */
void far_release(struct far *f)
{
  for (void *slab = f->slabs; slab;) {
    void *previous = *(void **)slab;
    free(slab);
    slab = previous;
  }
  free(f->rung);
  far_init(f);
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static evq_entry link_to(const evq_entry *chunk)
{
  return (evq_entry)(uintptr_t)chunk;
}

static evq_entry *linked(const evq_entry *chunk)
{
  return (evq_entry *)(uintptr_t)chunk[0];
}

static void free_chunk(struct far *f, evq_entry *chunk)
{
  chunk[0] = link_to(f->free_chunks);
  f->free_chunks = chunk;
}

/* Slabs grow with what is there, so that a set that has found its size asks for nothing any more. */
static void add_slab(struct far *f)
{
  size_t chunks = f->n_chunks / 4 > LEAST_SLAB_CHUNKS ? f->n_chunks / 4 : LEAST_SLAB_CHUNKS;
  char *slab = aligned_alloc(FAR_CHUNK_BYTES, chunks * FAR_CHUNK_BYTES);
  if (!slab)
    check_out_of_memory(chunks * FAR_CHUNK_BYTES);
  *(void **)slab = f->slabs;
  f->slabs = slab;
  f->n_chunks += chunks;
  for (size_t i = chunks; i-- > 1;)
    free_chunk(f, (evq_entry *)(slab + i * FAR_CHUNK_BYTES));
}

void far_append_slowly(struct far *f, far_list *list, evq_entry e)
{
  if (!f->free_chunks)
    add_slab(f);
  evq_entry *chunk = f->free_chunks, *full = *list ? *list - FAR_CHUNK_PLACES : NULL;
  f->free_chunks = linked(chunk);
  chunk[0] = link_to(full);
  chunk[1] = e;
  *list = chunk + 2;
}

/* The last chunk of a list that is not empty, and how many entries it holds. */
static evq_entry *last_chunk(far_list list, size_t *n)
{
  uintptr_t last = (uintptr_t)(list - 1);
  evq_entry *chunk = (evq_entry *)(last & ~(uintptr_t)(FAR_CHUNK_BYTES - 1));
  *n = (size_t)(list - chunk) - 1;
  return chunk;
}

size_t far_count(far_list list)
{
  size_t n, total = 0;
  for (evq_entry *chunk = list ? last_chunk(list, &n) : NULL; chunk; chunk = linked(chunk), n = FAR_CHUNK_PLACES - 1)
    total += n;
  return total;
}

void far_pour(struct far *f, far_list *list, evq_entry *out)
{
  size_t n;
  for (evq_entry *chunk = *list ? last_chunk(*list, &n) : NULL; chunk; n = FAR_CHUNK_PLACES - 1) {
    evq_entry *previous = linked(chunk);
    memcpy(out, chunk + 1, n * sizeof *out);
    out += n;
    f->n -= n;
    free_chunk(f, chunk);
    chunk = previous;
  }
  *list = NULL;
}

void far_pour_all(struct far *f, evq_entry *out)
{
  for (; f->current < f->n_rung; f->current++) {
    size_t before = f->n;
    far_pour(f, &f->rung[f->current], out);
    out += before - f->n;
  }
  far_pour(f, &f->top, out);
  sim_assert(f->n == 0);
}

/* ---- the rung -------------------------------------------------------------------------------------------------- */

far_list *far_next_bucket(struct far *f)
{
  while (f->current < f->n_rung)
    if (f->rung[f->current++])
      return &f->rung[f->current - 1];
  return NULL;
}

uint64_t far_horizon_ns(const struct far *f)
{
  return f->start_ns + ((uint64_t)f->current << f->shift);
}

static uint64_t time_of(evq_entry e)
{
  return (uint64_t)(e >> 64);
}

static int compare_times(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Every so many-th time of `top` in order, and the least of all. */
static size_t sample_times(const struct far *f, size_t total, uint64_t sample[SAMPLE], uint64_t *least)
{
  size_t step = total / SAMPLE + 1, n_sample = 0, seen = 0, n;
  *least = UINT64_MAX;
  for (evq_entry *chunk = last_chunk(f->top, &n); chunk; chunk = linked(chunk), n = FAR_CHUNK_PLACES - 1)
    for (size_t i = 1; i <= n; i++) {
      uint64_t t = time_of(chunk[i]);
      *least = t < *least ? t : *least;
      if (seen++ % step == 0 && n_sample < SAMPLE)
        sample[n_sample++] = t;
    }
  qsort(sample, n_sample, sizeof *sample, compare_times);
  return n_sample;
}

static void reserve_rung(struct far *f, size_t n)
{
  if (n > f->rung_capacity) {
    free(f->rung);
    f->rung_capacity = n + n / 2;
    f->rung = zeros_new(f->rung_capacity, sizeof *f->rung);
  }
  f->n_rung = n;                        /* all buckets of the old rung have been emptied: NULL */
}

void far_lay_rung(struct far *f)
{
  uint64_t sample[SAMPLE], least;
  sim_assert(f->top && f->current == f->n_rung);
  size_t n_sample = sample_times(f, f->n, sample, &least);
  uint64_t to_median = sample[n_sample / 2] - least, to_end = sample[n_sample * 95 / 100] - least;
  size_t wanted = f->n / 2 / BUCKET_TARGET + 1, most = 8 * wanted;
  f->shift = 0;
  while (to_median >> f->shift > wanted)
    f->shift++;
  uint64_t needed = (to_end >> f->shift) + 1;
  f->start_ns = least;
  f->current = 0;
  reserve_rung(f, needed < most ? needed : most);
  far_list all = f->top;
  f->top = NULL;
  f->n = 0;
  size_t n;
  for (evq_entry *chunk = last_chunk(all, &n); chunk; n = FAR_CHUNK_PLACES - 1) {
    evq_entry *previous = linked(chunk);
    for (size_t i = 1; i <= n; i++)
      far_push(f, chunk[i]);
    free_chunk(f, chunk);
    chunk = previous;
  }
}
