/* quantiles.c: exact while it is cheap, then a histogram with logarithmic buckets.
 *
 * A bucket is the sign, the exponent and the first 9 bits of the mantissa of a double: 512 buckets to each doubling,
 * whose middle is at most 1/1024 = 0.098 % away from any of its values (the idea of HdrHistogram and DDSketch). Counts
 * add up the same in any order, and whether a result is exact depends on the number of values alone.
 */
#include "sim/stat.h"
#include "sim/check.h"
#include "sim/hash.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_LIMIT = 10000000, MANTISSA_BITS = 9, PAGE = 1 << MANTISSA_BITS, PAGES = 1 << 12, FIRST_CAPACITY = 64,
       SELECT_FROM = 100000 /* unsorted values from which a single rank is found without sorting all */ };

struct quantiles {
  uint64_t n;
  double *values;               /* exact: n values; sorted when `sorted` */
  size_t capacity;
  bool sorted;
  uint64_t *times, counted;     /* select_rank: how often each first 16 bits occur among the first `counted`; or NULL */
  uint64_t **pages;             /* sketch: a page of counts per sign and exponent, made on demand; NULL while exact */
};

struct quantiles *quantiles_new(void)
{
  struct quantiles *q = zeros_new(1, sizeof *q);
  q->sorted = true;
  return q;
}

void quantiles_free(struct quantiles *q)
{
  if (!q)
    return;
  for (size_t i = 0; q->pages && i < PAGES; i++)
    free(q->pages[i]);
  free(q->pages);
  free(q->values);
  free(q->times);
  free(q);
}

/* ---- buckets --------------------------------------------------------------------------------------------------- */

/* Doubles as integers in the same order: -infinity is the smallest, and -0 becomes 0. */
static uint64_t ordered_bits(double x)
{
  uint64_t bits;
  x += 0.0;
  memcpy(&bits, &x, sizeof bits);
  return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double from_ordered_bits(uint64_t ordered)
{
  uint64_t bits = ordered >> 63 ? ordered & ~(UINT64_C(1) << 63) : ~ordered;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static uint32_t bucket_of(double x)
{
  return (uint32_t)(ordered_bits(x) >> (52 - MANTISSA_BITS));
}

/* The middle of a bucket; zero, denormals and infinities stand for themselves. */
static double bucket_value(uint32_t bucket)
{
  uint64_t first = (uint64_t)bucket << (52 - MANTISSA_BITS), last = first | ((UINT64_C(1) << (52 - MANTISSA_BITS)) - 1);
  double low = from_ordered_bits(first), high = from_ordered_bits(last);
  if (!isfinite(low) || !isfinite(high))
    return low > 0 ? INFINITY : -INFINITY;
  if (fabs(low) < 0x1p-1022 || fabs(high) < 0x1p-1022)
    return 0;
  return low / 2 + high / 2;
}

static void count(struct quantiles *q, uint32_t bucket, uint64_t times)
{
  uint64_t **page = &q->pages[bucket >> MANTISSA_BITS];
  if (!*page && !(*page = calloc(PAGE, sizeof **page)))
    check_out_of_memory(PAGE * sizeof **page);
  (*page)[bucket & (PAGE - 1)] += times;
}

static void become_sketch(struct quantiles *q)
{
  if (q->pages)
    return;
  q->pages = zeros_new(PAGES, sizeof *q->pages);
  for (uint64_t i = 0; i < q->n; i++)
    count(q, bucket_of(q->values[i]), 1);
  free(q->values);
  q->values = NULL;
  q->capacity = 0;
}

/* ---- adding ---------------------------------------------------------------------------------------------------- */

/* Room for n <= EXACT_LIMIT values, and never for more: quantiles_add relies on it. */
static void reserve(struct quantiles *q, uint64_t n)
{
  if (n <= q->capacity)
    return;
  size_t capacity = q->capacity ? 2 * q->capacity : FIRST_CAPACITY;
  if (capacity > EXACT_LIMIT)
    capacity = EXACT_LIMIT;
  q->capacity = capacity > n ? capacity : n;
  q->values = realloc(q->values, q->capacity * sizeof *q->values);
  if (!q->values)
    check_out_of_memory(q->capacity * sizeof *q->values);
}

void quantiles_add(struct quantiles *q, double x)
{
  sim_assert(!isnan(x));
  if (__builtin_expect(q->n < q->capacity, 1)) {
    q->values[q->n++] = x;
    q->sorted = false;
    return;
  }
  if (!q->pages && q->n >= EXACT_LIMIT)
    become_sketch(q);
  if (q->pages) {
    count(q, bucket_of(x), 1);
    q->n++;
    return;
  }
  reserve(q, q->n + 1);
  q->values[q->n++] = x;
  q->sorted = false;
}

void quantiles_merge(struct quantiles *q, const struct quantiles *other)
{
  uint64_t n = q->n + other->n;
  if (n > EXACT_LIMIT || other->pages)
    become_sketch(q);
  if (!q->pages) {
    reserve(q, n);
    if (other->n > 0)
      memcpy(q->values + q->n, other->values, other->n * sizeof *q->values);
    q->sorted = q->sorted && other->n == 0;
  } else if (!other->pages) {
    for (uint64_t i = 0; i < other->n; i++)
      count(q, bucket_of(other->values[i]), 1);
  } else {
    for (uint32_t b = 0; b < PAGES * PAGE; b++)
      if (other->pages[b >> MANTISSA_BITS] && other->pages[b >> MANTISSA_BITS][b & (PAGE - 1)] > 0)
        count(q, b, other->pages[b >> MANTISSA_BITS][b & (PAGE - 1)]);
  }
  q->n = n;
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

uint64_t quantiles_n(const struct quantiles *q)
{
  return q->n;
}

bool quantiles_exact(const struct quantiles *q)
{
  return !q->pages;
}

/* How often each value of each byte occurs, in one pass. */
static void count_bytes(const uint64_t *key, size_t n, size_t count[8][256])
{
  memset(count, 0, 8 * sizeof *count);
  for (size_t i = 0; i < n; i++)
    for (unsigned b = 0; b < 8; b++)
      count[b][key[i] >> 8 * b & 255]++;
}

/* One pass of a radix sort, stable. count becomes the place of the next key with that byte. */
static void sort_by_byte(const uint64_t *from, uint64_t *to, size_t n, unsigned byte, size_t *count)
{
  size_t sum = 0;
  for (int b = 0; b < 256; b++) {
    size_t times = count[b];
    count[b] = sum;
    sum += times;
  }
  for (size_t i = 0; i < n; i++)
    to[count[from[i] >> 8 * byte & 255]++] = from[i];
}

/* Eight passes over integers in the order of the doubles: ten times as fast as comparing when there are many. A byte
 * that all have in common is left out. */
static void sort_doubles(double *x, size_t n)
{
  size_t count[8][256];
  uint64_t *key = malloc(2 * n * sizeof *key);
  if (!key)
    check_out_of_memory(2 * n * sizeof *key);
  uint64_t *from = key, *to = key + n;
  for (size_t i = 0; i < n; i++)
    from[i] = ordered_bits(x[i]);
  count_bytes(from, n, count);
  for (unsigned byte = 0; byte < 8; byte++)
    if (count[byte][from[0] >> 8 * byte & 255] < n) {
      sort_by_byte(from, to, n, byte, count[byte]);
      uint64_t *other = from;
      from = to;
      to = other;
    }
  for (size_t i = 0; i < n; i++)
    x[i] = from_ordered_bits(from[i]);
  free(key);
}

static void sort_values(struct quantiles *q)
{
  if (!q->sorted && q->n > 1)
    sort_doubles(q->values, q->n);
  q->sorted = true;
  free(q->times);
  q->times = NULL;
  q->counted = 0;
}

enum { SHIFT = 48 };

/* Counted once for all ranks that are asked: until they are sorted, values are only appended. */
static const uint64_t *count_first_bits(struct quantiles *q)
{
  if (!q->times && !(q->times = calloc((size_t)1 << 16, sizeof *q->times)))
    check_out_of_memory(sizeof *q->times << 16);
  uint64_t *times = q->times;
  for (uint64_t i = q->counted; i < q->n; i++)
    times[ordered_bits(q->values[i]) >> SHIFT]++;
  q->counted = q->n;
  return times;
}

/* The value of a rank among many unsorted ones: find the bucket by its first 16 bits, sort that bucket alone. */
static double select_rank(struct quantiles *q, uint64_t rank)
{
  const uint64_t *times = count_first_bits(q);
  uint64_t before = 0, bucket = 0;
  while (before + times[bucket] < rank)
    before += times[bucket++];
  double *inside = malloc(times[bucket] * sizeof *inside);
  if (!inside)
    check_out_of_memory(times[bucket] * sizeof *inside);
  size_t n = 0;
  for (uint64_t i = 0; i < q->n; i++)
    if (ordered_bits(q->values[i]) >> SHIFT == bucket)
      inside[n++] = q->values[i];
  sort_doubles(inside, n);
  double x = inside[rank - before - 1];
  free(inside);
  return x;
}

static double value_of_rank(const struct quantiles *q, uint64_t rank)
{
  uint64_t seen = 0;
  for (uint32_t page = 0; page < PAGES; page++)
    for (uint32_t i = 0; q->pages[page] && i < PAGE; i++)
      if ((seen += q->pages[page][i]) >= rank)
        return bucket_value(page << MANTISSA_BITS | i);
  return NAN;
}

double quantile_of(struct quantiles *q, double fraction)
{
  sim_assert(fraction >= 0 && fraction <= 1);
  if (q->n == 0)
    return NAN;
  /* A product like 0.95 * 20 = 19 + 1 ulp must not become rank 20. */
  double exact = fraction * (double)q->n;
  uint64_t rank = (uint64_t)ceil(exact - exact * 0x1p-50);
  rank = rank < 1 ? 1 : rank > q->n ? q->n : rank;
  if (q->pages)
    return value_of_rank(q, rank);
  if (!q->sorted && q->n > SELECT_FROM)
    return select_rank(q, rank);
  sort_values(q);
  return q->values[rank - 1];
}

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

/* A header, then sorted doubles (exact) or pairs of bucket and count (sketch), in the machine's byte order; the magic
 * number tells a foreign one. The hash covers all that follows it. */
#define QUANTILES_MAGIC UINT64_C(0x31746e6175716f6f)
struct header { uint64_t magic; struct hash hash; uint64_t exact, n, items; };
struct pair { uint64_t bucket, count; };

static struct hash body_hash(const void *bytes, size_t size)
{
  size_t skipped = offsetof(struct header, exact);
  return hash_bytes((const char *)bytes + skipped, size - skipped);
}

static uint64_t count_pairs(const struct quantiles *q, struct pair *out)
{
  uint64_t n = 0;
  for (uint32_t page = 0; page < PAGES; page++)
    for (uint32_t i = 0; q->pages[page] && i < PAGE; i++)
      if (q->pages[page][i] > 0) {
        if (out)
          out[n] = (struct pair){page << MANTISSA_BITS | i, q->pages[page][i]};
        n++;
      }
  return n;
}

static void *save(struct quantiles *q, size_t *size)
{
  struct header header = {.magic = QUANTILES_MAGIC, .exact = !q->pages, .n = q->n};
  header.items = q->pages ? count_pairs(q, NULL) : q->n;
  *size = sizeof header + header.items * (q->pages ? sizeof(struct pair) : sizeof(double));
  char *bytes = malloc(*size);
  if (!bytes)
    check_out_of_memory(*size);
  memcpy(bytes, &header, sizeof header);
  if (q->pages) {
    count_pairs(q, (struct pair *)(bytes + sizeof header));
  } else if (q->n > 0) {
    sort_values(q);
    memcpy(bytes + sizeof header, q->values, q->n * sizeof *q->values);
  }
  header.hash = body_hash(bytes, *size);
  memcpy(bytes, &header, sizeof header);
  return bytes;
}

void *quantiles_save(struct quantiles *q, size_t *size)
{
  return save(q, size);
}

void *quantiles_save_sketch(const struct quantiles *q, size_t *size)
{
  struct quantiles *sketch = quantiles_new();
  become_sketch(sketch);
  quantiles_merge(sketch, q);
  void *bytes = save(sketch, size);
  quantiles_free(sketch);
  return bytes;
}

static bool header_fits(const struct header *h, const void *bytes, size_t size)
{
  size_t item = h->exact ? sizeof(double) : sizeof(struct pair);
  return h->magic == QUANTILES_MAGIC && h->items == (size - sizeof *h) / item && (size - sizeof *h) % item == 0 &&
         (!h->exact || (h->n == h->items && h->n <= EXACT_LIMIT)) && hash_equal(h->hash, body_hash(bytes, size));
}

static bool load_pairs(struct quantiles *q, const char *items, uint64_t n)
{
  uint64_t total = 0;
  for (uint64_t i = 0; i < n; i++) {
    struct pair p;
    memcpy(&p, items + i * sizeof p, sizeof p);
    if (p.bucket >= PAGES * PAGE)
      return false;
    count(q, (uint32_t)p.bucket, p.count);
    total += p.count;
  }
  return total == q->n;
}

struct quantiles *quantiles_load(const void *bytes, size_t size)
{
  struct header header;
  if (size < sizeof header)
    return NULL;
  memcpy(&header, bytes, sizeof header);
  if (!header_fits(&header, bytes, size))
    return NULL;
  struct quantiles *q = quantiles_new();
  const char *items = (const char *)bytes + sizeof header;
  if (header.exact) {                           /* header_fits has seen that n <= EXACT_LIMIT */
    reserve(q, header.n);
    if (header.n > 0)
      memcpy(q->values, items, header.n * sizeof *q->values);
    q->n = header.n;
    return q;
  }
  become_sketch(q);
  q->n = header.n;
  if (!load_pairs(q, items, header.items)) {
    quantiles_free(q);
    return NULL;
  }
  return q;
}
