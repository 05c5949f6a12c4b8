/* nearest.c: did you mean ...?
 *
 * Damerau-Levenshtein distance in its restricted form (optimal string alignment): the least number of insertions,
 * deletions, replacements and swaps of neighbours, no part edited twice. Damerau, CACM 7(3), 1964.
 * Check: "lattency" -> "latency" is 1; "ca" -> "abc" is 3.
 */
#include "sim/err.h"

#include <string.h>

enum { LONGEST = 64 };          /* names are at most this long; longer words get no suggestion */

static unsigned least(unsigned a, unsigned b)
{
  return a < b ? a : b;
}

static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
  unsigned rows[3][LONGEST + 1];
  unsigned *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= n_b; j++)
    last[j] = (unsigned)j;
  for (size_t i = 1; i <= n_a; i++) {
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= n_b; j++) {
      row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = least(row[j], before[j - 2] + 1);
    }
    unsigned *free_row = before;
    before = last, last = row, row = free_row;
  }
  return last[n_b];
}

const char *nearest(const char *word, const char *const *candidates, size_t n)
{
  size_t length = strlen(word);
  if (length == 0 || length > LONGEST)
    return NULL;
  unsigned allowed = length / 3 > 1 ? (unsigned)(length / 3) : 1, best = allowed + 1;
  const char *found = NULL;
  for (size_t i = 0; i < n; i++) {
    size_t m = candidates[i] ? strlen(candidates[i]) : LONGEST + 1;
    if (m > LONGEST)
      continue;
    unsigned d = distance(word, length, candidates[i], m);
    if (d < best)
      best = d, found = candidates[i];
  }
  return found;
}

const char *nearest_or_begun(const char *word, const char *const *candidates, size_t n)
{
  const char *found = nearest(word, candidates, n);
  size_t length = strlen(word), many = 0;
  if (found || length < 3)
    return found;
  for (size_t i = 0; i < n; i++) {
    size_t m = candidates[i] ? strlen(candidates[i]) : 0;
    if (m < 3 || strncmp(word, candidates[i], m < length ? m : length))
      continue;
    found = candidates[i];
    many++;
  }
  return many == 1 ? found : NULL;
}
