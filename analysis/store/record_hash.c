#include "analysis/store/record_hash.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

/* Bytes up to and including the last member; the compiler's padding lies behind. */
#define BYTES_TO(type, last) (offsetof(struct type, last) + sizeof ((struct type *)0)->last)
enum { REQUEST_BYTES = BYTES_TO(request_record, cold), ATTEMPT_BYTES = BYTES_TO(attempt_record, fallback),
       DECISION_BYTES = BYTES_TO(decision_record, n_features), MOST_ATTRIBUTES = 64 };
_Static_assert(REQUEST_BYTES == 5 * 8 + 5 * 8 + 2 * 4 + 2 * 2 + 7, "no padding between the members of a request");
_Static_assert(ATTEMPT_BYTES == 4 * 8 + N_PHASES * 8 + 6 * 8 + 2 * 4 + 2 * 2 + 6, "nor of an attempt");
_Static_assert(offsetof(struct attempt_record, role) == ATTEMPT_BYTES, "the role follows at once");
_Static_assert(DECISION_BYTES == 4 * 8 + 4 * 2 + 6, "nor of a decision");

/* x86 makes negative NaN, the compiler's constants are positive: one bit pattern stands for all. */
static inline void settle_nan(double *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (x[i] != x[i])
      x[i] = (double)NAN;
}

struct hash hash_request(const struct request_record *r, const double *attribute, int n_attributes)
{
  struct { struct request_record r; double attribute[MOST_ATTRIBUTES]; } copy;
  size_t n = n_attributes < MOST_ATTRIBUTES ? (size_t)n_attributes : MOST_ATTRIBUTES;
  memcpy(&copy.r, r, REQUEST_BYTES);
  memset((char *)&copy.r + REQUEST_BYTES, 0, sizeof copy.r - REQUEST_BYTES);
  settle_nan(&copy.r.quality, 5);
  if (n)
    memcpy(copy.attribute, attribute, n * sizeof *attribute);
  settle_nan(copy.attribute, n);
  return hash_bytes(&copy, sizeof copy.r + n * sizeof *attribute);
}

static inline bool any_nan(const double *x, size_t n)
{
  bool found = false;
  for (size_t i = 0; i < n; i++)
    found |= x[i] != x[i];
  return found;
}

/* An attempt is hashed where it lies: a copy of what has just been written would have to wait for it. */
struct hash hash_attempt(const struct attempt_record *a)
{
  struct attempt_record copy;
  size_t bytes = ATTEMPT_BYTES + (a->role != 0);          /* a first try has no byte for it */
  if (!any_nan(&a->bytes_up, 6))
    return hash_bytes(a, bytes);
  memcpy(&copy, a, bytes);
  settle_nan(&copy.bytes_up, 6);
  return hash_bytes(&copy, bytes);
}

struct hash hash_decision(const struct decision_record *d)
{
  struct decision_record copy;
  size_t n = d->n_features < MAX_FEATURES ? d->n_features : MAX_FEATURES;
  size_t head = offsetof(struct decision_record, feature);
  memcpy(&copy, d, DECISION_BYTES);
  memset((char *)&copy + DECISION_BYTES, 0, head - DECISION_BYTES);
  memcpy(copy.feature, d->feature, n * sizeof *d->feature);
  settle_nan(&copy.propensity, 2);
  settle_nan(copy.feature, n);
  return hash_bytes(&copy, head + n * sizeof *d->feature);
}
