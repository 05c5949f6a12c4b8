/* testbed_link.c: the relay's link: read strictly, and what a message takes on it (format and check: testbed_link.h). */
#include "experiments/kernels/testbed_link.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 256, LATENCY = 0, SERIES = 3, TEXT = 64 };
#define LONGEST_S 1e9                                   /* of anything: in ns it fits 64 bits */
#define LOST (-1.0)
static const char *const series_names[SERIES] = {"latency", "up", "down"};
/* The largest value that is no slip: a week, a petabyte a second. */
static const double largest[SERIES] = {604800, 1e15, 1e15};

/* ---- reading -------------------------------------------------------------------------------------------------------- */

struct reader { const char *file; size_t line; struct testbed_link *link; };

static bool refuse(const struct reader *r, const char *why)
{
  fprintf(stderr, "relay: %s:%zu: %s\n", r->file, r->line, why);
  return false;
}

static bool add_piece(const struct reader *r, struct testbed_series *s, struct testbed_piece p)
{
  if (s->n == s->capacity) {
    s->capacity = s->capacity ? 2 * s->capacity : 1024;
    struct testbed_piece *more = realloc(s->piece, s->capacity * sizeof *s->piece);
    if (!more)
      return refuse(r, "no memory");
    s->piece = more;
  }
  s->piece[s->n++] = p;
  return true;
}

static bool to_number(const char *text, double *x)
{
  char *end;
  *x = strtod(text, &end);
  return end != text && !*end && isfinite(*x);
}

static bool read_value(const struct reader *r, int which, const char *text, double *value)
{
  if (which == LATENCY && !strcmp(text, "lost"))
    return *value = LOST, true;
  if (!to_number(text, value))
    return refuse(r, "the value is a finite number, 'end', or for a latency 'lost'");
  return (*value >= 0 && *value <= largest[which]) || refuse(r, "a value is not negative, a latency at most a week, a rate at most 1e15 B/s");
}

static bool add_line(const struct reader *r, int which, double from_s, const char *text)
{
  struct testbed_series *s = &r->link->series[which];
  double value;
  bool ends = !strcmp(text, "end");
  if (s->length_s > 0)
    return refuse(r, "more of a series that has ended");
  if (s->n == 0 ? from_s != 0 : !(from_s > s->piece[s->n - 1].from_s))
    return refuse(r, s->n ? "times must ascend" : "a series starts at 0 s");
  if (from_s > LONGEST_S)
    return refuse(r, "a series lasts at most 1e9 s");
  if (ends && s->n > 0)
    return s->length_s = from_s, true;
  return read_value(r, which, text, &value) && add_piece(r, s, (struct testbed_piece){from_s, value});
}

static bool read_line(const struct reader *r, char *line)
{
  char name[TEXT], from[TEXT], value[TEXT], more;
  double from_s;
  if (sscanf(line, "%63[^,\n],%63[^,\n],%63[^,\n]%c", name, from, value, &more) < 3 || (strchr(line, '\n') && more != '\n'))
    return refuse(r, "this is no what,from_s,value");
  int which = 0;
  while (which < SERIES && strcmp(name, series_names[which]))
    which++;
  if (which == SERIES)
    return refuse(r, "a series is latency, up or down");
  return to_number(from, &from_s) ? add_line(r, which, from_s, value) : refuse(r, "the time is a finite number");
}

/* Of one cycle: the sum of value times length; lost: of no value. */
static double sum_of(const struct testbed_series *s, bool lengths_only)
{
  double sum = 0;
  for (size_t i = 0; i < s->n; i++) {
    double length_s = (i + 1 < s->n ? s->piece[i + 1].from_s : s->length_s) - s->piece[i].from_s;
    if (s->piece[i].value != LOST)
      sum += lengths_only ? length_s : length_s * s->piece[i].value;
  }
  return sum;
}

static bool whole(struct reader *r)
{
  bool any = false;
  for (int i = 0; i < SERIES; i++) {
    struct testbed_series *s = &r->link->series[i];
    any |= s->n > 0;
    s->a_cycle = sum_of(s, i == LATENCY);
    if (s->n > 0 && !(s->length_s > 0))
      return fprintf(stderr, "relay: %s:%zu: cut off: the series '%s' has no end\n", r->file, r->line, series_names[i]), false;
    if (s->n > 0 && !(s->a_cycle > 0))
      return fprintf(stderr, "relay: %s: nothing ever passes by '%s'\n", r->file, series_names[i]), false;
  }
  return any || refuse(r, "no link is in it");
}

bool testbed_link_read(struct testbed_link *l, const char *file)
{
  char line[LINE];
  struct reader r = {.file = file, .line = 1, .link = l};
  FILE *f = fopen(file, "r");
  if (!f) {
    fprintf(stderr, "relay: %s: %s\n", file, strerror(errno));
    return false;
  }
  bool good = fgets(line, sizeof line, f) != NULL;
  while (good && fgets(line, sizeof line, f)) {
    r.line++;
    good = read_line(&r, line);
  }
  good = good && whole(&r);
  fclose(f);
  return good;
}

void testbed_link_free(struct testbed_link *l)
{
  for (int i = 0; i < SERIES; i++)
    free(l->series[i].piece);
  *l = (struct testbed_link){0};
}

/* ---- use ------------------------------------------------------------------------------------------------------------ */

/* The piece that holds at t, which is in [0, length). */
static size_t piece_at(const struct testbed_series *s, double t)
{
  size_t low = 0, high = s->n;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    *(s->piece[middle].from_s <= t ? &low : &high) = middle;
  }
  return low;
}

static double end_of(const struct testbed_series *s, size_t k)
{
  return k + 1 < s->n ? s->piece[k + 1].from_s : s->length_s;
}

static double latency_s(const struct testbed_series *s, double t)
{
  double at = fmod(t, s->length_s), waits_s = 0;
  size_t k = piece_at(s, at);
  for (; s->piece[k].value == LOST; at = k + 1 < s->n ? end_of(s, k) : 0, k = (k + 1) % s->n)
    waits_s += end_of(s, k) - at;
  return waits_s + s->piece[k].value;
}

/* Whole cycles at once, then piece by piece. */
static double transmit_s(const struct testbed_series *s, double t, double bytes)
{
  double cycles = floor(bytes / s->a_cycle), at = fmod(t, s->length_s), took_s = cycles * s->length_s;
  if (!(took_s < LONGEST_S))
    return LONGEST_S;
  bytes -= cycles * s->a_cycle;
  for (size_t k = piece_at(s, at); bytes > 0; k = (k + 1) % s->n) {
    double rate = s->piece[k].value, left_s = end_of(s, k) - at;
    if (rate * left_s >= bytes)
      return took_s + bytes / rate;
    took_s += left_s;
    bytes -= rate * left_s;
    at = k + 1 < s->n ? end_of(s, k) : 0;
  }
  return took_s;
}

double testbed_link_takes(const struct testbed_link *l, double t, double bytes, bool down)
{
  const struct testbed_series *latency = &l->series[LATENCY], *rate = &l->series[down ? 2 : 1];
  t = fmax(t, 0);
  return fmin((latency->n ? latency_s(latency, t) : 0) + (rate->n ? transmit_s(rate, t, bytes) : 0), LONGEST_S);
}
