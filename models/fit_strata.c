/* fit_strata.c: where to cut the first column of a trace, so that the other columns vary as little as can be within.
 *
 * Eight strata of equal share first; then the stratum is split, at the point, where the sum of squares of the other
 * columns' ranks falls most (a regression tree: Breiman et al. 1984), until there are 20 or no cut is worth it.
 * Checkable: for a column that is 0 below a point and 1 from it on, one of the cuts is that point.
 */
#include "models/fit.h"

#include "sim/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COARSE = 8, ROWS_MIN = 100 };
/* Gain, in variances of a rank, below which a cut is noise: the largest of many chi-squares of one degree. */
static const double GAIN_MIN = 15;

/* The rows in the order of the first column. sum[c][i]: of the ranks of column c + 1 over the first i rows. */
struct order { uint64_t n; double *first, *sum[MAX_ATTRIBUTES]; int n_others; };
/* Rows [begin, end), best cut before row `at`. */
struct leaf { uint64_t begin, end, at; double gain; };

static void *grab(size_t bytes)
{
  void *p = malloc(bytes + 1);
  if (!p)
    check_out_of_memory(bytes);
  return p;
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void sort_values(double *x, uint64_t n)
{
  qsort(x, n, sizeof *x, by_value);
}

double middle_rank(const double *sorted, uint64_t n, double x)
{
  uint64_t below = 0, upto = 0;                         /* values < x, values <= x */
  for (uint64_t high = n; below < high;) {
    uint64_t middle = below + (high - below) / 2;
    if (sorted[middle] < x)
      below = middle + 1;
    else
      high = middle;
  }
  upto = below;
  for (uint64_t high = n; upto < high;) {
    uint64_t middle = upto + (high - upto) / 2;
    if (sorted[middle] <= x)
      upto = middle + 1;
    else
      high = middle;
  }
  return ((double)below + (double)upto) / 2 / (double)n;
}

/* A value and its row, to sort rows by value and equal values by row. */
struct place { double value; uint64_t row; };

static int by_place(const void *a, const void *b)
{
  const struct place *x = a, *y = b;
  if (x->value != y->value)
    return x->value < y->value ? -1 : 1;
  return x->row < y->row ? -1 : 1;
}

static struct order order_rows(const struct trace_table *t)
{
  struct order o = {.n = t->n, .first = grab(t->n * sizeof(double)), .n_others = t->n_columns - 1};
  struct place *place = grab(t->n * sizeof *place);
  double *sorted = grab(t->n * sizeof *sorted);
  for (uint64_t i = 0; i < t->n; i++)
    place[i] = (struct place){t->column[0][i], i};
  qsort(place, t->n, sizeof *place, by_place);
  for (uint64_t i = 0; i < t->n; i++)
    o.first[i] = place[i].value;
  for (int c = 0; c < o.n_others; c++) {
    const double *x = t->column[c + 1];
    memcpy(sorted, x, t->n * sizeof *sorted);
    sort_values(sorted, t->n);
    o.sum[c] = grab((t->n + 1) * sizeof(double));
    o.sum[c][0] = 0;
    for (uint64_t i = 0; i < t->n; i++)
      o.sum[c][i + 1] = o.sum[c][i] + middle_rank(sorted, t->n, x[place[i].row]) - 0.5;
  }
  free(sorted);
  free(place);
  return o;
}

static void order_release(struct order *o)
{
  free(o->first);
  for (int c = 0; c < o->n_others; c++)
    free(o->sum[c]);
}

/* By how much the sum of squares falls when [begin, end) is cut at `at`, in variances (1/12) of a rank. */
static double gain_of(const struct order *o, const struct leaf *l, uint64_t at)
{
  double gain = 0, left = (double)(at - l->begin), right = (double)(l->end - at);
  for (int c = 0; c < o->n_others; c++) {
    double a = (o->sum[c][at] - o->sum[c][l->begin]) / left, b = (o->sum[c][l->end] - o->sum[c][at]) / right;
    gain += 12 * (a - b) * (a - b) * left * right / (left + right);
  }
  return gain;
}

static struct leaf best_cut(const struct order *o, uint64_t begin, uint64_t end)
{
  uint64_t least = o->n / 100 > ROWS_MIN ? o->n / 100 : ROWS_MIN;
  struct leaf l = {.begin = begin, .end = end};
  for (uint64_t at = begin + least; at + least <= end; at++) {
    double gain = o->first[at] > o->first[at - 1] ? gain_of(o, &l, at) : 0;
    if (gain > l.gain) {
      l.gain = gain;
      l.at = at;
    }
  }
  return l;
}

/* Strata of about equal shares; equal values stay together. */
static int equal_strata(const struct order *o, struct leaf *leaf)
{
  uint64_t most = o->n / ROWS_MIN < COARSE ? o->n / ROWS_MIN : COARSE, begin = 0;
  int n = 0;
  for (uint64_t k = 1; k <= most; k++) {
    uint64_t end = k * o->n / most;
    while (end > begin && end < o->n && o->first[end] == o->first[end - 1])
      end--;
    if (end <= begin)
      continue;
    leaf[n++] = best_cut(o, begin, end);
    begin = end;
  }
  if (n == 0)
    leaf[n++] = (struct leaf){.end = o->n};
  leaf[n - 1].end = o->n;
  return n;
}

int stratum_edges(const struct trace_table *t, double edge[STRATA_MAX])
{
  struct order o = order_rows(t);
  struct leaf leaf[STRATA_MAX];
  int n = equal_strata(&o, leaf);
  while (n < STRATA_MAX) {
    int best = 0;
    for (int i = 1; i < n; i++)
      if (leaf[i].gain > leaf[best].gain)
        best = i;
    if (leaf[best].gain < GAIN_MIN)
      break;
    leaf[n++] = best_cut(&o, leaf[best].at, leaf[best].end);
    leaf[best] = best_cut(&o, leaf[best].begin, leaf[best].at);
  }
  for (int i = 0; i < n; i++)
    edge[i] = o.first[leaf[i].begin];
  sort_values(edge, (uint64_t)n);
  order_release(&o);
  return n;
}
