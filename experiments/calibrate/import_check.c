/* import_check.c: is the grid whole, and does more work take more time?
 *
 * A hole: a pair of values of two axes that is not there although others have each of them. A gap: neighbours on the axis of
 * prompt lengths more than a factor of 4 apart. Falling: less time for more tokens, more context or more requests.
 */
#include "experiments/calibrate/import.h"

#include <stdlib.h>
#include <string.h>

enum { NOTES_EACH = 8 };
static const double GAP = 4;

struct spot { double x, y, time_s; };                   /* prompts: context, tokens; steps: context, requests */

static int by_place(const void *a, const void *b)
{
  const struct spot *p = a, *q = b;
  if (p->x != q->x)
    return p->x < q->x ? -1 : 1;
  return (p->y > q->y) - (p->y < q->y);
}

static int by_other(const void *a, const void *b)
{
  const struct spot *p = a, *q = b;
  struct spot u = {p->y, p->x, 0}, v = {q->y, q->x, 0};
  return by_place(&u, &v);
}

/* Sorted by place, one a place with the mean time. Returns how many. */
static int merge(struct spot *p, int n)
{
  int m = 0;
  qsort(p, (size_t)n, sizeof *p, by_place);
  for (int i = 0, k; i < n; i += k) {
    double sum = 0;
    for (k = 0; i + k < n && p[i + k].x == p[i].x && p[i + k].y == p[i].y; k++)
      sum += p[i + k].time_s;
    p[m++] = (struct spot){p[i].x, p[i].y, sum / k};
  }
  return m;
}

static int values_of(const struct spot *p, int n, bool first, double *value)
{
  int m = 0;
  for (int i = 0; i < n; i++) {
    double x = first ? p[i].x : p[i].y;
    int k = 0;
    while (k < m && value[k] < x)
      k++;
    if (k < m && value[k] == x)
      continue;
    memmove(value + k + 1, value + k, (size_t)(m - k) * sizeof *value);
    value[k] = x;
    m++;
  }
  return m;
}

/* One note a time, then how many more. */
static void note_some(struct import_result *r, struct arena *a, int *seen, const char *text)
{
  if (++*seen <= NOTES_EACH)
    import_note(r, a, "%s", text);
}

static void note_rest(struct import_result *r, struct arena *a, int seen, const char *what)
{
  if (seen > NOTES_EACH)
    import_note(r, a, "and %d more %s", seen - NOTES_EACH, what);
}

static void find_holes(const struct spot *p, int n, const char *const names[2], struct import_result *r, struct arena *a)
{
  double *x = grab(2 * (size_t)n + 2, sizeof *x), *y = x + n + 1;
  int n_x = values_of(p, n, true, x), n_y = values_of(p, n, false, y), seen = 0;
  for (int i = 0, k = 0; i < n_x; i++)
    for (int j = 0; j < n_y; j++) {
      if (k < n && p[k].x == x[i] && p[k].y == y[j]) {
        k++;
        continue;
      }
      note_some(r, a, &seen, arena_printf(a, "hole: no time for %s %g at %s %g", names[1], y[j], names[0], x[i]));
    }
  note_rest(r, a, seen, "holes");
  r->n_holes += seen;
  free(x);
}

static void find_falls(const struct spot *p, int n, bool first, const char *const names[2], struct import_result *r, struct arena *a)
{
  int seen = 0;
  for (int i = 1; i < n; i++) {
    double fixed = first ? p[i].x : p[i].y, before = first ? p[i].y : p[i].x, same = first ? p[i - 1].x : p[i - 1].y;
    if (same == fixed && p[i].time_s < p[i - 1].time_s)
      note_some(r, a, &seen, arena_printf(a, "falls: %s %g at %s %g takes %.5g ms, %.2g %% less than %s %g", names[first ? 1 : 0],
                before, names[first ? 0 : 1], fixed, 1e3 * p[i].time_s, 100 * (1 - p[i].time_s / p[i - 1].time_s),
                names[first ? 1 : 0], first ? p[i - 1].y : p[i - 1].x));
  }
  note_rest(r, a, seen, "that fall");
  r->n_falling += seen;
}

static int check_plane(struct spot *p, int n, const char *const names[2], bool both, struct import_result *r, struct arena *a)
{
  n = merge(p, n);
  find_holes(p, n, names, r, a);
  find_falls(p, n, true, names, r, a);
  if (both) {
    qsort(p, (size_t)n, sizeof *p, by_other);
    find_falls(p, n, false, names, r, a);
    qsort(p, (size_t)n, sizeof *p, by_place);
  }
  return n;
}

static void find_gaps(const struct spot *p, int n, struct import_result *r, struct arena *a)
{
  for (int i = 1; i < n && p[i].x == p[0].x; i++)
    if (p[i].y > GAP * p[i - 1].y) {
      import_note(r, a, "gap: no prompt between %g and %g tokens", p[i - 1].y, p[i].y);
      r->n_holes++;
    }
}

void import_check(struct import_points *points, struct import_result *r, struct arena *a)
{
  static const char *const prompt_names[2] = {"context", "prompt"}, *const step_names[2] = {"context", "requests"};
  struct spot *p = grab((size_t)(points->n_prompts + points->n_steps) + 1, sizeof *p);
  for (int i = 0; i < points->n_prompts; i++)
    p[i] = (struct spot){points->prompt[i].context_tok, points->prompt[i].tok, points->prompt[i].time_s};
  points->n_prompts = check_plane(p, points->n_prompts, prompt_names, true, r, a);
  find_gaps(p, points->n_prompts, r, a);
  for (int i = 0; i < points->n_prompts; i++)
    points->prompt[i] = (struct prompt_point){p[i].y, p[i].x, p[i].time_s};
  for (int i = 0; i < points->n_steps; i++)
    p[i] = (struct spot){points->step[i].context_tok, points->step[i].batch, points->step[i].time_s};
  points->n_steps = r->made ? merge(p, points->n_steps) : check_plane(p, points->n_steps, step_names, true, r, a);
  for (int i = 0; i < points->n_steps; i++)
    points->step[i] = (struct step_point){p[i].y, p[i].x, p[i].time_s};
  free(p);
}
