#include "experiments/orders.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is left stands in `item[next..n)`, longest first. A worker takes a stretch of neighbours with one point, because
 * building a point's scenario takes as long as a short run; when no stretch is left, it takes from the others'. */
enum { FIRST_SORT = 16, SORT_AGAIN = 4 /* times as many results as at the last sorting */ };
struct item { const struct run_order *order; double expected_s; int bucket; };
struct stretch { size_t at, end; };
struct orders {
  struct item *item; size_t n, room, next;
  int workers; struct stretch *stretch;
  const struct expectation *expect;
  size_t learnt, sort_at;
  double left_s, given_s;
};

/* Orders whose expected time differs by less than a factor of two count as alike, so that points stay together. */
static int by_expected(const void *a, const void *b)
{
  const struct item *x = a, *y = b;
  if (x->bucket != y->bucket)
    return x->bucket > y->bucket ? -1 : 1;
  if (x->order->point != y->order->point)
    return x->order->point < y->order->point ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

static void sort_left(struct orders *q)
{
  q->left_s = 0;
  for (size_t i = q->next; i < q->n; i++) {
    struct item *it = &q->item[i];
    it->expected_s = q->expect ? q->expect->seconds(q->expect->context, it->order) : 1;
    it->bucket = it->expected_s > 0 ? ilogb(it->expected_s) : INT32_MIN;
    q->left_s += it->expected_s;
  }
  if (q->expect && q->n > q->next)
    qsort(q->item + q->next, q->n - q->next, sizeof *q->item, by_expected);
  for (int i = 0; i < q->workers; i++)
    for (size_t k = q->stretch[i].at; k < q->stretch[i].end; k++)
      q->left_s += q->item[k].expected_s;
}

struct orders *orders_new(const struct run_order *order, size_t n, int workers, const struct expectation *expect)
{
  struct orders *q = zeros_new(1, sizeof *q);
  *q = (struct orders){.item = calloc(n + 1, sizeof *q->item), .n = n, .room = n + 1, .workers = workers,
                      .stretch = calloc((size_t)workers, sizeof *q->stretch), .expect = expect, .sort_at = FIRST_SORT};
  if (!q->item || !q->stretch)
    check_out_of_memory(n * sizeof *q->item);
  for (size_t i = 0; i < n; i++)
    q->item[i].order = &order[i];
  sort_left(q);
  return q;
}

void orders_free(struct orders *q)
{
  if (!q)
    return;
  free(q->item);
  free(q->stretch);
  free(q);
}

static bool neighbours(const struct item *a, const struct item *b)
{
  return a->order->point == b->order->point && a->bucket == b->bucket;
}

/* At most a worker's fair share of what is left, so that nobody waits for one worker at the end. */
static struct stretch take_stretch(struct orders *q)
{
  struct stretch s = {q->next, q->next};
  size_t most = q->expect ? 1 + (q->n - q->next) / (size_t)(4 * q->workers) : 1;
  while (s.end < q->n && s.end - s.at < most && neighbours(&q->item[s.at], &q->item[s.end]))
    s.end++;
  q->next = s.end;
  return s;
}

static struct stretch *longest_stretch(struct orders *q)
{
  struct stretch *best = &q->stretch[0];
  for (int i = 1; i < q->workers; i++)
    if (q->stretch[i].end - q->stretch[i].at > best->end - best->at)
      best = &q->stretch[i];
  return best;
}

static const struct run_order *give(struct orders *q, const struct item *it)
{
  q->left_s -= it->expected_s;
  q->given_s += it->expected_s;
  return it->order;
}

const struct run_order *orders_next(struct orders *q, int worker)
{
  struct stretch *own = &q->stretch[worker];
  if (own->at == own->end && q->next < q->n)
    *own = take_stretch(q);
  if (own->at < own->end)
    return give(q, &q->item[own->at++]);
  struct stretch *other = longest_stretch(q);
  return other->at < other->end ? give(q, &q->item[--other->end]) : NULL;
}

void orders_return(struct orders *q, const struct run_order *order)
{
  if (q->n == q->room) {
    q->room *= 2;
    q->item = realloc(q->item, q->room * sizeof *q->item);
    if (!q->item)
      check_out_of_memory(q->room * sizeof *q->item);
  }
  q->item[q->n++] = (struct item){order, 0, INT32_MIN};
}

void orders_learn(struct orders *q, const struct run_order *order, double elapsed_s)
{
  if (!q->expect)
    return;
  q->expect->learn(q->expect->context, order, elapsed_s);
  if (++q->learnt < q->sort_at)
    return;
  q->sort_at *= SORT_AGAIN;
  sort_left(q);
}

double orders_left_s(const struct orders *q) { return q->left_s > 0 ? q->left_s : 0; }
double orders_given_s(const struct orders *q) { return q->given_s; }
