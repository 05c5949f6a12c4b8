/* page_in.c: a file of weights comes from the disk into memory, mapped and touched page by page, as a model is loaded that
 * nobody used for long. Each execution first drops its pages (POSIX_FADV_DONTNEED), which takes some per cent of the time
 * and is in it. Where the file system keeps them (tmpfs, some overlays) the kernel is unavailable.
 *
 * Work: bytes. Below the machine may be caches that nobody here can drop (of the disk, of a host): what is measured is this
 * machine's page cache empty, no more. Self-check: the sum of all 64 bit words is that of what was written; dropped,
 * at most a tenth of the pages are in memory (mincore). */
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE };
enum { PAGE = 4096, WORDS = PAGE / 8, TRIAL = 1 << 20 };

struct weights { size_t size; int file; uint64_t sum, found; bool failed; };

static double units(const double *p) { return p[SIZE]; }
static double axis_value(const double *p, int axis) { return p[SIZE]; }

/* Share of the file's pages in memory; 1 where that cannot be told. */
static double resident(int file, size_t size)
{
  size_t pages = size / PAGE, in = 0;
  unsigned char *here = malloc(pages);
  void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
  bool ok = here && map != MAP_FAILED && mincore(map, size, here) == 0;
  for (size_t i = 0; ok && i < pages; i++) in += here[i] & 1;
  if (map != MAP_FAILED) munmap(map, size);
  free(here);
  return ok ? (double)in / (double)pages : 1;
}

static void drop(struct weights *s)
{
  if (posix_fadvise(s->file, 0, 0, POSIX_FADV_DONTNEED)) s->failed = true;
}

/* Share of the pages that stay in memory. */
static double left_after_drop(struct weights *s)
{
  drop(s);
  return resident(s->file, s->size);
}

static bool fill(struct weights *s, uint64_t seed, char *why)
{
  uint64_t page[WORDS];
  for (size_t at = 0; at < s->size; at += PAGE) {
    for (int i = 0; i < WORDS; i++) s->sum += page[i] = kernel_random(&seed);
    if (write(s->file, page, PAGE) != PAGE) return scratch_why(why, "cannot write to %.80s: %s", scratch_folder(), strerror(errno));
  }
  return fsync(s->file) == 0 || scratch_why(why, "fsync: %s", strerror(errno));
}

static void finish(void *state)
{
  struct weights *s = state;
  if (!s) return;
  if (s->file >= 0) close(s->file);
  free(s);
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct weights *s = calloc(1, sizeof *s);
  if (!s) return scratch_why(why, "no memory"), NULL;
  s->size = scratch_count(p[SIZE]) / PAGE * PAGE;
  s->file = scratch_file(why);
  bool ok = s->file >= 0 && fill(s, seed, why);
  if (ok && left_after_drop(s) > 0.1) ok = scratch_why(why, "pages of files in %.80s stay in memory", scratch_folder());
  if (ok) return s;
  finish(s);
  return NULL;
}

/* Asked once a measurement, before anything is timed. */
static const char *unavailable(void)
{
  char why[KERNEL_WHY];
  const double p[KERNEL_PARAMETERS] = {TRIAL};
  struct weights *s = prepare(p, 1, why);
  bool ok = s != NULL;
  finish(s);
  return ok ? NULL : "the file system of $TMPDIR (else /var/tmp) cannot be written or keeps pages in memory that are dropped (tmpfs?)";
}

static void run(void *state)
{
  struct weights *s = state;
  drop(s);
  const uint64_t *word = mmap(NULL, s->size, PROT_READ, MAP_PRIVATE, s->file, 0);
  if (word == MAP_FAILED) {
    s->failed = true;
    return;
  }
  madvise((void *)word, s->size, MADV_SEQUENTIAL);
  uint64_t sum = 0;
  for (size_t i = 0; i < s->size / sizeof *word; i++) sum += word[i];
  s->found = sum;
  munmap((void *)word, s->size);
}

static bool check(void *state, char *why)
{
  struct weights *s = state;
  if (s->failed) return scratch_why(why, "the file cannot be mapped, or its pages cannot be dropped");
  double left = left_after_drop(s);
  if (left > 0.1) return scratch_why(why, "%.0f %% of the pages stayed in memory", 100 * left);
  return s->found == s->sum || scratch_why(why, "what was read is not what was written");
}

static const double full[][KERNEL_PARAMETERS] = {{1048576}, {2097152}, {4194304}, {8388608}, {16777216}, {33554432}, {67108864}};
static const double quick[][KERNEL_PARAMETERS] = {{1048576}, {4194304}, {16777216}};

const struct kernel kernel_page_in = {
  .name = "page_in", .version = 1, .unit = "B", .bound = BOUND_SYSTEM,
  .n_parameters = 1, .parameter = {{"size", 1048576, 67108864, PAGE}}, .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(full), .quick = KERNEL_GRID(quick),
  .units = units, .axis_value = axis_value, .bytes = units, .unavailable = unavailable,
  .prepare = prepare, .run = run, .check = check, .finish = finish,
};
