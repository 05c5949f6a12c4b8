/* hand.c: handing over (hand.h). */
#include "experiments/kernels/hand.h"
#include "experiments/kernels/scratch.h"

#include <math.h>
#include <string.h>

struct hand hand_of(const void *data, size_t bytes)
{
  return (struct hand){data, bytes / sizeof(float), 0};
}

size_t hand_out(const void *from, size_t bytes, void *out, size_t room)
{
  size_t n = bytes < room ? bytes : room;
  memcpy(out, from, n);
  return n;
}

float hand_at(const struct hand *h, size_t i)
{
  return h->n ? h->x[(h->from + i) % h->n] : 0;
}

float hand_scale(const struct hand *h, size_t count, float top)
{
  float most = 0;
  for (size_t i = 0; i < count && i < h->n; i++) most = fmaxf(most, fabsf(hand_at(h, i)));
  return most > 0 ? top / most : 0;
}

void hand_floats(const struct hand *h, float *to, size_t count, float top)
{
  float scale = hand_scale(h, count, top);
  for (size_t i = 0; i < count; i++) to[i] = hand_at(h, i) * scale;
}

void hand_unit(const struct hand *h, float *to, size_t count)
{
  double square = 0;
  hand_floats(h, to, count, 1);
  for (size_t i = 0; i < count; i++) square += (double)to[i] * (double)to[i];
  float scale = square > 0 ? (float)(1 / sqrt(square)) : 0;
  for (size_t i = 0; i < count; i++) to[i] *= scale;
}

static size_t next_of(const struct hand *h, size_t at)
{
  return at + 1 < h->n ? at + 1 : 0;
}

/* The factor of least squares. By a walk through what was handed, not by hand_at, by which it was taken. */
bool hand_same(const struct hand *h, const void *state, double (*at)(const void *, long), long count, double tolerance, char *why)
{
  double product = 0, square = 0, most = 0;
  size_t first = 0, from = 0;
  if (!h->n) return scratch_why(why, "nothing was handed to it");
  for (size_t i = 0; i < h->from; i++) first = next_of(h, first);
  from = first;
  for (long i = 0; i < count; i++, from = next_of(h, from)) {
    double x = (double)h->x[from], a = at(state, i);
    product += a * x;
    square += x * x;
    most = fmax(most, fabs(a));
  }
  if (!(square > 0)) return scratch_why(why, "nothing was handed to it");
  double factor = product / square;
  from = first;
  for (long i = 0; i < count; i++, from = next_of(h, from)) {
    double x = (double)h->x[from];
    if (!(factor > 0 && fabs(at(state, i) - factor * x) <= tolerance * most))
      return scratch_why(why, "element %ld of its input is %.6g, of what was handed to it %.6g (of %zu)", i, at(state, i), x, h->n);
  }
  return true;
}

static double float_at(const void *x, long i)
{
  return (double)((const float *)x)[i];
}

bool hand_same_floats(const struct hand *h, const float *a, size_t count, char *why)
{
  return hand_same(h, a, float_at, (long)count, 1e-5, why);
}

void hand_text(const void *data, size_t bytes, void *to, size_t size)
{
  for (size_t at = 0; bytes && at < size; at += bytes) memcpy((char *)to + at, data, bytes < size - at ? bytes : size - at);
}

bool hand_text_same(const void *data, size_t bytes, const void *text, size_t size, char *why)
{
  const unsigned char *a = text, *b = data;
  if (!bytes) return scratch_why(why, "nothing was handed to it");
  for (size_t i = 0; i < size; i++)
    if (a[i] != b[i % bytes]) return scratch_why(why, "byte %zu of its text is not what was handed to it", i);
  return true;
}
