/* text.c: strings, numbers and tables for people. */
#include "analysis/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 64 << 20 };

void *grab(size_t n, size_t size)
{
  void *p = calloc(n ? n : 1, size);
  if (!p) abort();
  return p;
}

void *grab_more(void *old, size_t n, size_t size)
{
  void *p = reallocarray(old, n ? n : 1, size);
  if (!p) abort();
  return p;
}

char *grab_text(const char *s)
{
  size_t n = s ? strlen(s) : 0;
  char *copy = grab(n + 1, 1);
  if (n) memcpy(copy, s, n);
  return copy;
}

/* ---- strings ------------------------------------------------------------------------------------------------------
 */

static void text_reserve(struct text *t, size_t more)
{
  if (t->n + more + 1 <= t->capacity) return;
  t->capacity = 2 * t->capacity + more + 64;
  t->s = grab_more(t->s, t->capacity, 1);
}

void text_put_n(struct text *t, const char *s, size_t n)
{
  text_reserve(t, n);
  memcpy(t->s + t->n, s, n);
  t->n += n;
  t->s[t->n] = 0;
}

void text_put(struct text *t, const char *s) { text_put_n(t, s, strlen(s)); }

static void text_add_list(struct text *t, const char *format, va_list list)
{
  va_list again;
  va_copy(again, list);
  int n = vsnprintf(NULL, 0, format, list);
  if (n < 0) abort();
  text_reserve(t, (size_t)n);
  vsnprintf(t->s + t->n, (size_t)n + 1, format, again);
  t->n += (size_t)n;
  va_end(again);
}

void text_add(struct text *t, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  text_add_list(t, format, list);
  va_end(list);
}

bool text_save(const struct text *t, const char *path, struct err *err)
{
  struct text part = {0};
  text_add(&part, "%s.part", path);
  FILE *f = fopen(part.s, "w");
  bool ok = f && fwrite(t->s ? t->s : "", 1, t->n, f) == t->n;
  if (f && fclose(f)) ok = false;
  if (ok && rename(part.s, path)) ok = false;
  if (!ok) {
    err_system(err, "cannot write %s: %s", path, strerror(errno));
    unlink(part.s);
  }
  free(part.s);
  return ok;
}

char *text_load(const char *path, size_t *n, struct err *err)
{
  FILE *f = fopen(path, "r");
  if (!f) {
    err_system(err, "cannot read %s: %s", path, strerror(errno));
    return NULL;
  }
  struct text t = {0};
  char block[65536];
  size_t got;
  text_put(&t, "");
  while ((got = fread(block, 1, sizeof block, f)) && t.n <= MAX_FILE_BYTES) text_put_n(&t, block, got);
  bool ok = !ferror(f) && t.n <= MAX_FILE_BYTES;
  fclose(f);
  if (!ok) {
    err_system(err, "cannot read %s: %s", path, t.n > MAX_FILE_BYTES ? "larger than 64 MiB" : strerror(errno));
    free(t.s);
    return NULL;
  }
  if (n) *n = t.n;
  return t.s;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------
 */

struct number number_text(double x)
{
  struct number out;
  double size = fabs(x);
  if (isnan(x)) snprintf(out.s, sizeof out.s, "-");
  else if (isinf(x)) snprintf(out.s, sizeof out.s, x < 0 ? "-inf" : "inf");
  else if (x == 0) snprintf(out.s, sizeof out.s, "0");
  else if (size < 1e-4 || size >= 1e7) snprintf(out.s, sizeof out.s, "%.3e", x);
  else if (size >= 1000) snprintf(out.s, sizeof out.s, "%.0f", x);
  else snprintf(out.s, sizeof out.s, "%.*f", 3 - (int)floor(log10(size)), x);
  return out;
}

const struct time_unit *time_unit_of(double seconds)
{
  static const struct time_unit units[] = {{1, 1, "s"}, {1e-3, 1e3, "ms"}, {1e-6, 1e6, "us"}, {1e-9, 1e9, "ns"}, {0, 1e12, "ps"}};
  int u = 0;
  while (u < 4 && !(fabs(seconds) >= units[u].from_s)) u++;
  return &units[seconds == 0 || isnan(seconds) ? 0 : u];
}

struct number time_text(double seconds)
{
  char rounded[NUMBER_BYTES];
  struct number out;
  snprintf(rounded, sizeof rounded, "%.3g", seconds);   /* 0.9996 s reads 1 s, not 1000 ms */
  const struct time_unit *unit = time_unit_of(strtod(rounded, NULL));
  double x = seconds * unit->factor;
  snprintf(out.s, sizeof out.s, fabs(x) < 999.5 ? "%.3g %s" : "%.0f %s", x, unit->name);
  return out;
}

/* Two digits of the half width, at most five of the value. */
struct number interval_text(struct interval i, const char *plus_minus)
{
  struct number out = number_text(i.value);
  double half = (i.hi - i.lo) / 2;
  if (!isfinite(half) || half <= 0) return out;
  int digits = 1 - (int)floor(log10(half)), most = i.value == 0 ? digits : 4 - (int)floor(log10(fabs(i.value)));
  if (digits > most) digits = most;
  if (digits < 0) digits = 0;
  if (digits > 6) snprintf(out.s, sizeof out.s, "%.2e %s %.0e", i.value, plus_minus, half);
  else snprintf(out.s, sizeof out.s, "%.*f %s %.*f", digits, i.value, plus_minus, digits, half);
  return out;
}

struct number percent_text(double part, double whole)
{
  struct number out = number_text(part);
  double x = 100 * part / fabs(whole);
  if (whole == 0 && !isnan(part)) {
    if (part > 0) memmove(out.s + 1, out.s, NUMBER_BYTES - 1), out.s[0] = '+', out.s[NUMBER_BYTES - 1] = '\0';
    return out;
  }
  if (fabs(x) < .005) x = 0;                            /* and no minus before it */
  if (isfinite(x)) snprintf(out.s, sizeof out.s, "%+.*f %%", fabs(x) < 10 ? 2 : fabs(x) < 1000 ? 1 : 0, x);
  else snprintf(out.s, sizeof out.s, "%s", isnan(x) ? "-" : x < 0 ? "-inf" : "inf");
  return out;
}

/* ---- tables -------------------------------------------------------------------------------------------------------
 */

struct table { size_t columns, n, capacity, rule; char **cell; };

struct table *table_new(size_t columns)
{
  struct table *t = grab(1, sizeof *t);
  t->columns = columns;
  return t;
}

void table_cell(struct table *t, const char *format, ...)
{
  struct text text = {0};
  va_list list;
  va_start(list, format);
  text_add_list(&text, format, list);
  va_end(list);
  if (t->n == t->capacity) t->cell = grab_more(t->cell, t->capacity = 2 * t->capacity + 64, sizeof *t->cell);
  t->cell[t->n++] = text.s;
}

/* Of so few, Student's t is wide whatever they are; of more, a wide interval is what was found. */
static bool says_nothing(struct interval d, double whole)
{
  enum { FEW = 5 };
  double wide = 10 * fabs(whole);
  return d.n < FEW && wide > 0 && d.lo < -wide && d.hi > wide;
}

void table_difference(struct table *t, struct interval d, double whole)
{
  struct number value = percent_text(d.value, whole);
  if (!isfinite(d.lo) || !isfinite(d.hi)) table_cell(t, "%s", value.s);
  else if (says_nothing(d, whole)) table_cell(t, "%s (too few replications)", value.s);
  else table_cell(t, "%s [%s, %s]", value.s, percent_text(d.lo, whole).s, percent_text(d.hi, whole).s);
}

void table_rule(struct table *t) { t->rule = t->n; }

/* Columns on the screen: UTF-8 sequences count once. */
static size_t text_width(const char *s)
{
  size_t n = 0;
  for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
  return n;
}

static void print_cell(FILE *f, const char *s, size_t width, bool left, bool last)
{
  int pad = (int)(width - text_width(s));
  if (!left) fprintf(f, "%*s", pad, "");
  fputs(s, f);
  if (left && !last) fprintf(f, "%*s", pad, "");
  fputs(last ? "\n" : "  ", f);
}

static void print_rule(FILE *f, const size_t *width, size_t columns)
{
  for (size_t c = 0; c < columns; c++) {
    for (size_t i = 0; i < width[c]; i++) fputc('-', f);
    fputs(c + 1 == columns ? "\n" : "  ", f);
  }
}

void table_print(struct table *t, FILE *f, size_t left)
{
  size_t *width = grab(t->columns, sizeof *width);
  for (size_t i = 0; i < t->n; i++) {
    size_t w = text_width(t->cell[i]);
    if (w > width[i % t->columns]) width[i % t->columns] = w;
  }
  for (size_t i = 0; i < t->n; i++) {
    size_t c = i % t->columns;
    if (i && i == t->rule) print_rule(f, width, t->columns);
    print_cell(f, t->cell[i], width[c], c < left, c + 1 == t->columns);
    free(t->cell[i]);
  }
  free(width);
  free(t->cell);
  free(t);
}
