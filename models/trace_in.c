/* trace_in.c: request traces and other tables from disk: CSV, TSV and JSON lines, plain or gzip (zlib reads both), line by
 * line.
 *
 * A wanted column is named once; each line is cut into fields and the wanted ones are kept as spans of the line, so
 * that every message can point at the very text. Times are kept as integer nanoseconds: 100 ns digits are exact.
 */
#include "models/trace_lines.h"
#include "models/workload.h"

#include "sim/check.h"
#include "sim/zeros.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <zlib.h>

enum { BUFFER_BYTES = 1 << 18, LINE_BYTES_MAX = 1 << 24, FIELDS_MAX = 1024, WANTED_MAX = 64, PROBLEMS_MAX = 20 };

/* ---- lines ------------------------------------------------------------------------------------------------------- */

struct lines {
  gzFile file;
  const char *path;
  char *buffer;
  size_t capacity, begin, end;
  double bytes;                                         /* of the file on disk */
  bool ended;
  const char *text;                                     /* the line now: without its end, not NUL-terminated */
  size_t length;
  int number;
};

static bool lines_open(struct lines *l, const char *path, struct err *e)
{
  *l = (struct lines){.path = path, .capacity = BUFFER_BYTES};
  struct stat st = {0};
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
    return err_add(e, (struct where){.file = path}, "not a regular file");
  l->bytes = (double)st.st_size;
  l->file = gzopen(path, "rb");
  if (!l->file)
    return err_system(e, "cannot read trace '%s': %s", path, strerror(errno));
  gzbuffer(l->file, BUFFER_BYTES);
  l->buffer = malloc(l->capacity);
  if (!l->buffer)
    check_out_of_memory(l->capacity);
  return true;
}

static void lines_close(struct lines *l)
{
  if (l->file)
    gzclose(l->file);
  free(l->buffer);
  *l = (struct lines){0};
}

static struct where line_at(const struct lines *l, size_t column, size_t length)
{
  return (struct where){.file = l->path, .line = l->number, .column = (int)column + 1,
                        .length = length ? (int)length : 1, .text = l->text, .text_len = l->length};
}

/* Read more behind what is unread. False on a damaged file. */
static bool lines_fill(struct lines *l, struct err *e)
{
  if (l->begin > 0) {
    memmove(l->buffer, l->buffer + l->begin, l->end - l->begin);
    l->end -= l->begin;
    l->begin = 0;
  }
  if (l->end == l->capacity) {
    if (l->capacity >= LINE_BYTES_MAX)
      return err_add(e, (struct where){.file = l->path, .line = l->number + 1, .column = 1},
                     "line is longer than %d bytes", LINE_BYTES_MAX);
    l->capacity *= 2;
    l->buffer = realloc(l->buffer, l->capacity);
    if (!l->buffer)
      check_out_of_memory(l->capacity);
  }
  int got = gzread(l->file, l->buffer + l->end, (unsigned)(l->capacity - l->end));
  int code;
  const char *why = gzerror(l->file, &code);
  if (got < 0 || code == Z_BUF_ERROR)
    return err_system(e, "trace '%s' is damaged after line %d: %s", l->path, l->number,
                      code == Z_BUF_ERROR ? "the compressed data end too early" : why);
  l->ended = got == 0;
  l->end += (size_t)got;
  return true;
}

enum got { GOT_LINE, GOT_END, GOT_ERROR };

static enum got lines_next(struct lines *l, struct err *e)
{
  size_t seen = 0;
  for (;;) {
    const char *start = l->buffer + l->begin, *stop = memchr(start + seen, '\n', l->end - l->begin - seen);
    seen = l->end - l->begin;
    if (!stop && !l->ended) {
      if (!lines_fill(l, e))
        return GOT_ERROR;
      continue;
    }
    if (!stop && seen == 0)
      return GOT_END;
    size_t length = stop ? (size_t)(stop - start) : seen;
    l->begin += length + (stop != NULL);
    l->number++;
    l->length = length > 0 && start[length - 1] == '\r' ? length - 1 : length;
    l->text = start;
    if (l->number == 1 && l->length >= 3 && !memcmp(start, "\xef\xbb\xbf", 3)) {
      l->text += 3;
      l->length -= 3;
    }
    return GOT_LINE;
  }
}

static bool is_blank(const struct lines *l)
{
  for (size_t i = 0; i < l->length; i++)
    if (!isspace((unsigned char)l->text[i]))
      return false;
  return true;
}

static enum got lines_next_filled(struct lines *l, struct err *e)
{
  enum got got;
  do
    got = lines_next(l, e);
  while (got == GOT_LINE && is_blank(l));
  return got;
}

/* For readers of other formats. */
struct trace_lines { struct lines lines; };

struct trace_lines *trace_lines_open(const char *path, struct err *e)
{
  struct trace_lines *t = zeros_new(1, sizeof *t);
  if (lines_open(&t->lines, path, e))
    return t;
  trace_lines_close(t);
  return NULL;
}

void trace_lines_close(struct trace_lines *t)
{
  if (t)
    lines_close(&t->lines);
  free(t);
}

bool trace_lines_next(struct trace_lines *t, const char **text, size_t *length, struct err *e)
{
  if (lines_next(&t->lines, e) != GOT_LINE)
    return false;
  *text = t->lines.text;
  *length = t->lines.length;
  return true;
}

struct where trace_lines_at(const struct trace_lines *t, const char *part, size_t length)
{
  return line_at(&t->lines, (size_t)(part - t->lines.text), length);
}

/* ---- fields ------------------------------------------------------------------------------------------------------ */

/* A span of the line; text NULL = not there. Quotes around it are left out. */
struct field { const char *text; size_t length; };

static bool field_is(struct field f, const char *word)
{
  return f.text && strlen(word) == f.length && !memcmp(f.text, word, f.length);
}

static struct field trimmed(const char *begin, const char *end)
{
  while (begin < end && (*begin == ' ' || *begin == '\t'))
    begin++;
  while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  return (struct field){begin, (size_t)(end - begin)};
}

/* Cut a line of separated values; doubled quotes inside a quoted field stay doubled. Number of fields, -1 after adding
 * an error. */
static int split_line(const struct lines *l, char separator, struct field *field, struct err *e)
{
  const char *p = l->text, *end = p + l->length;
  for (int n = 0; n < FIELDS_MAX; p++) {
    const char *begin = p;
    if (p < end && *p == '"') {
      for (p++; p < end && (*p != '"' || (p + 1 < end && p[1] == '"')); p++)
        p += *p == '"';
      if (p >= end)
        return err_add(e, line_at(l, (size_t)(begin - l->text), 1), "quote is not closed on this line"), -1;
      field[n++] = (struct field){begin + 1, (size_t)(p - begin - 1)};
      p++;
      if (p < end && *p != separator)
        return err_add(e, line_at(l, (size_t)(p - l->text), 1), "text after a closing quote"), -1;
    } else {
      while (p < end && *p != separator)
        p++;
      field[n++] = trimmed(begin, p);
    }
    if (p >= end)
      return n;
  }
  return err_add(e, line_at(l, 0, l->length), "more than %d fields", FIELDS_MAX), -1;
}

static const char *skip_space(const char *p, const char *end)
{
  while (p < end && isspace((unsigned char)*p))
    p++;
  return p;
}

/* The end of a JSON string that starts at the quote p; NULL when it is not closed. */
static const char *string_end(const char *p, const char *end)
{
  for (p++; p < end && *p != '"'; p++)
    p += *p == '\\';
  return p < end ? p + 1 : NULL;
}

/* The end of a JSON value; nested values are skipped by matching brackets, 64 deep at most. NULL when it is not closed
 * or empty. */
static const char *value_end(const char *p, const char *end)
{
  uint64_t braces = 0;                                  /* one bit a level: '{' or '[' */
  int depth = 0;
  const char *begin = p;
  while (p < end) {
    if (*p == '"') {
      p = string_end(p, end);
      if (!p || depth == 0)
        return p;
      continue;
    }
    bool closes = *p == ']' || *p == '}';
    if (depth == 0 && (closes || *p == ',' || isspace((unsigned char)*p)))
      break;
    if (*p == '[' || *p == '{') {
      if (++depth > 64)
        return NULL;
      braces = braces << 1 | (*p == '{');
    } else if (closes) {
      if ((braces & 1) != (*p == '}'))
        return NULL;
      braces >>= 1;
      if (--depth == 0)
        return p + 1;
    }
    p++;
  }
  return depth == 0 && p > begin ? p : NULL;
}

struct member { struct field name, value; };

/* The members of the JSON object on this line. Number of members, -1 after adding an error. */
static int split_object(const struct lines *l, struct member *member, struct err *e)
{
  const char *end = l->text + l->length, *p = skip_space(l->text, end);
  const char *wanted = "'{'";
  int n = 0;
  if (p < end && *p == '{') {
    p = skip_space(p + 1, end);
    while (n < FIELDS_MAX) {
      if (n == 0 && p < end && *p == '}')
        return 0;
      wanted = "a name in quotes";
      const char *stop = p < end && *p == '"' ? string_end(p, end) : NULL;
      if (!stop)
        break;
      member[n].name = (struct field){p + 1, (size_t)(stop - p - 2)};
      p = skip_space(stop, end);
      wanted = "':'";
      if (p >= end || *p != ':')
        break;
      p = skip_space(p + 1, end);
      wanted = "a value that ends on this line";
      stop = value_end(p, end);
      if (!stop)
        break;
      bool quoted = *p == '"';
      member[n++].value = (struct field){p + quoted, (size_t)(stop - p) - 2 * quoted};
      p = skip_space(stop, end);
      wanted = "',' or '}'";
      if (p < end && *p == '}')
        return n;
      if (p >= end || *p != ',')
        break;
      p = skip_space(p + 1, end);
    }
  }
  return err_add(e, line_at(l, (size_t)(p - l->text), 1), "not a JSON object: expected %s", wanted), -1;
}

/* The value of a name; text NULL when it is not there. */
static struct field member_value(const struct member *member, int n, struct field name)
{
  for (int i = 0; i < n; i++)
    if (member[i].name.length == name.length && !memcmp(member[i].name.text, name.text, name.length))
      return member[i].value;
  return (struct field){0};
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool is_missing(struct field f)
{
  static const char *const words[] = {"", "null", "NULL", "NA", "N/A", "nan", "NaN"};
  for (size_t i = 0; f.text && i < sizeof words / sizeof *words; i++)
    if (field_is(f, words[i]))
      return true;
  return !f.text;
}

/* Plain integers of up to 15 digits are exact without strtod, and nearly all there is. */
static bool number_of(struct field f, double *x)
{
  int64_t whole = 0;
  size_t i = 0;
  for (; i < f.length && i < 15 && f.text[i] >= '0' && f.text[i] <= '9'; i++)
    whole = 10 * whole + (f.text[i] - '0');
  if (i == f.length && i > 0) {
    *x = (double)whole;
    return true;
  }
  char copy[64], *stop;
  if (f.length == 0 || f.length >= sizeof copy || strspn(f.text, "0123456789+-.eE") < f.length)
    return false;
  memcpy(copy, f.text, f.length);
  copy[f.length] = '\0';
  *x = strtod(copy, &stop);
  return *stop == '\0' && isfinite(*x);
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_from_date(int year, int month, int day)
{
  int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static bool digits(const char **p, const char *end, int n, int *value)
{
  *value = 0;
  for (int i = 0; i < n; i++, (*p)++) {
    if (*p >= end || **p < '0' || **p > '9')
      return false;
    *value = 10 * *value + (**p - '0');
  }
  return true;
}

static bool mark(const char **p, const char *end, const char *allowed)
{
  if (*p >= end || !strchr(allowed, **p))
    return false;
  (*p)++;
  return true;
}

/* [.fraction][Z|+hh[:mm]|-hh[:mm]] behind a time of day. */
static bool fraction_and_zone(const char *p, const char *end, int64_t *ns)
{
  if (p < end && (*p == '.' || *p == ',')) {
    int64_t unit = 100000000;
    for (p++; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10)
      *ns += unit * (*p - '0');
  }
  if (p < end && *p == 'Z')
    return p + 1 == end;
  if (p < end && (*p == '+' || *p == '-')) {
    int sign = *p++ == '-' ? 1 : -1, hours, minutes = 0;
    if (!digits(&p, end, 2, &hours) || (mark(&p, end, ":") && p == end) || (p < end && !digits(&p, end, 2, &minutes)))
      return false;
    *ns += sign * (hours * 60 + minutes) * (int64_t)60000000000;
  }
  return p == end;
}

/* YYYY-MM-DD[T ]HH:MM:SS[.fffffffff][zone] to nanoseconds since 1970-01-01. Years so that differences fit too. */
static bool datetime_of(struct field f, int64_t *ns)
{
  const char *p = f.text, *end = p + f.length;
  int year, month, day, hour, minute, second;
  if (!digits(&p, end, 4, &year) || !mark(&p, end, "-/") || !digits(&p, end, 2, &month) || !mark(&p, end, "-/") ||
      !digits(&p, end, 2, &day) || !mark(&p, end, "T ") || !digits(&p, end, 2, &hour) || !mark(&p, end, ":") ||
      !digits(&p, end, 2, &minute) || !mark(&p, end, ":") || !digits(&p, end, 2, &second))
    return false;
  static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (month < 1 || month > 12 || day < 1 || day > length[month - 1] + (leap && month == 2))
    return false;
  if (hour > 23 || minute > 59 || second > 60 || year < 1825 || year > 2114)
    return false;
  *ns = (((days_from_date(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * (int64_t)1000000000;
  return fraction_and_zone(p, end, ns);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */


struct reading {
  const struct trace_def *def;
  struct lines lines;
  struct err *e;
  size_t problems, errors;                              /* of e before reading */
  int n_wanted;
  const char *wanted[WANTED_MAX];                       /* time, columns, where */
  int place[WANTED_MAX];                                /* their number in the header */
  int n_header;
  struct field field[FIELDS_MAX], now[WANTED_MAX];
  struct member member[FIELDS_MAX];
  uint64_t rows, n, capacity;
  int64_t *at, last, from;                              /* from: the start of the slice, time 0 */
  bool past;                                            /* the slice is over */
  double *value[WANTED_MAX];
};

static struct where field_at(const struct reading *r, struct field f)
{
  if (!f.text)
    return line_at(&r->lines, r->lines.length, 1);
  return line_at(&r->lines, (size_t)(f.text - r->lines.text), f.length);
}

static bool too_many_problems(struct reading *r)
{
  if (r->e->n - r->problems < PROBLEMS_MAX)
    return false;
  err_add(r->e, (struct where){.file = r->lines.path}, "%d problems; the rest is not read", PROBLEMS_MAX);
  return true;
}

static char separator_of(const struct trace_def *d)
{
  return d->format == TRACE_TSV ? '\t' : ',';
}

static const char *copy_field(char **words, struct field f)
{
  char *word = *words;
  memcpy(word, f.text, f.length);
  word[f.length] = '\0';
  *words += f.length + 1;
  return word;
}

static bool no_column(struct reading *r, const char *name)
{
  char *words = malloc(r->lines.length + (size_t)r->n_header + 1), *end = words;
  const char *names[FIELDS_MAX];
  if (!words)
    check_out_of_memory(r->lines.length);
  for (int i = 0; i < r->n_header; i++)
    names[i] = copy_field(&end, r->field[i]);
  const char *near = nearest(name, names, (size_t)r->n_header);
  struct where at = line_at(&r->lines, 0, r->lines.length);
  if (near)
    err_add(r->e, at, "no column '%s'; did you mean '%s'?", name, near);
  else
    err_add(r->e, at, "no column '%s'", name);
  free(words);
  return false;
}

static bool read_header(struct reading *r)
{
  if (r->def->format == TRACE_JSONL)
    return true;
  enum got got = lines_next_filled(&r->lines, r->e);
  if (got == GOT_END)
    return err_add(r->e, (struct where){.file = r->lines.path},
                   "trace is empty: a line with the names of the columns is missing");
  if (got == GOT_ERROR || (r->n_header = split_line(&r->lines, separator_of(r->def), r->field, r->e)) < 0)
    return false;
  bool good = true;
  for (int w = 0; w < r->n_wanted; w++) {
    r->place[w] = NONE;
    for (int i = 0; i < r->n_header; i++) {
      if (!field_is(r->field[i], r->wanted[w]))
        continue;
      if (r->place[w] != NONE)
        good = err_add(r->e, field_at(r, r->field[i]), "two columns are named '%s'", r->wanted[w]);
      r->place[w] = i;
    }
    if (r->place[w] == NONE)
      good = no_column(r, r->wanted[w]);
  }
  return good;
}

/* Cut the line into fields; the wanted ones to r->now. */
static bool cut_line(struct reading *r)
{
  if (r->def->format == TRACE_JSONL) {
    int n = split_object(&r->lines, r->member, r->e);
    for (int w = 0; w < r->n_wanted && n >= 0; w++)
      r->now[w] = member_value(r->member, n, (struct field){r->wanted[w], strlen(r->wanted[w])});
    return n >= 0;
  }
  int n = split_line(&r->lines, separator_of(r->def), r->field, r->e);
  if (n >= 0 && n != r->n_header)
    return err_add(r->e, line_at(&r->lines, 0, r->lines.length), "%d fields, but the header names %d", n, r->n_header);
  for (int w = 0; w < r->n_wanted && n >= 0; w++)
    r->now[w] = r->field[r->place[w]];
  return n >= 0;
}

static bool read_time(struct reading *r, int64_t *at)
{
  struct field f = r->now[0];
  const char *name = r->wanted[0];
  double x;
  if (is_missing(f))
    return err_add(r->e, field_at(r, f), "no time: '%s' is missing", name);
  if (r->def->time_is_datetime) {
    if (!datetime_of(f, at))
      return err_add(r->e, field_at(r, f), "'%s' is not a date and time: '%.*s' (YYYY-MM-DD HH:MM:SS.fffffff)", name,
                     (int)f.length, f.text);
  } else {
    if (!number_of(f, &x))
      return err_add(r->e, field_at(r, f), "'%s' is not a number: '%.*s'", name, (int)f.length, f.text);
    double ns = x * r->def->time_scale_s * NS_PER_S;
    if (fabs(ns) >= 4.6e18)
      return err_add(r->e, field_at(r, f), "time is out of range: '%.*s'", (int)f.length, f.text);
    *at = llround(ns);
  }
  double back_s = r->rows > 0 ? (double)(r->last - *at) / NS_PER_S : 0;
  r->last = *at;
  return back_s <= 0 || err_add(r->e, field_at(r, f), "time goes back by %g s", back_s);
}

static bool holds(const char *op, double difference)
{
  bool less = difference < 0, equal = difference == 0;
  switch (op[0]) {
  case '<': return less || (op[1] == '=' && equal);
  case '>': return (!less && !equal) || (op[1] == '=' && equal);
  case '=': return equal;
  default: return !equal;
  }
}

static double compare_text(struct field f, const char *text)
{
  size_t n = strlen(text), shorter = f.length < n ? f.length : n;
  int order = memcmp(f.text, text, shorter);
  return order ? order : (double)f.length - (double)n;
}

/* Does the row pass `where`? A row without the value does not. */
static bool keep_row(struct reading *r, bool *keep)
{
  *keep = true;
  for (int i = 0; i < r->def->n_where; i++) {
    const struct trace_where_def *w = &r->def->keep[i];
    struct field f = r->now[1 + r->def->n_columns + i];
    double x;
    if (!f.text || (w->numeric && is_missing(f))) {
      *keep = false;
      continue;
    }
    if (w->numeric && !number_of(f, &x))
      return err_add(r->e, field_at(r, f), "'%s' is not a number: '%.*s'", w->column, (int)f.length, f.text);
    *keep &= holds(w->op, w->numeric ? x - w->number : compare_text(f, w->text));
  }
  return true;
}

/* The number of the word that stands there. */
static bool word_of(struct reading *r, struct field f, const struct trace_words_def *words, double *value)
{
  for (int i = 0; i < words->n; i++)
    if (field_is(f, words->word[i])) {
      *value = i;
      return true;
    }
  char *word = strndup(f.text, f.length);
  if (!word)
    check_out_of_memory(f.length);
  const char *near = nearest(word, words->word, (size_t)words->n);
  err_add(r->e, field_at(r, f), "%s has no '%s'%s%s%s", words->what, word, near ? "; did you mean '" : "", near ? near : "",
          near ? "'?" : "");
  free(word);
  return false;
}

/* Values of the row; *keep becomes false when a missing one says so. */
static bool read_values(struct reading *r, double *value, bool *keep)
{
  bool good = true;
  for (int i = 0; i < r->def->n_columns; i++) {
    const struct trace_column_def *c = &r->def->column[i];
    struct field f = r->now[1 + i];
    if (is_missing(f) && c->missing == MISSING_ERROR)
      good = err_add(r->e, field_at(r, f), "no value: '%s' is missing", c->column);
    else if (is_missing(f) && c->missing == MISSING_SKIP)
      *keep = false;
    else if (is_missing(f))
      value[i] = c->missing_value;
    else if (c->words)
      good &= word_of(r, f, c->words, &value[i]);
    else if (!number_of(f, &value[i]))
      good = err_add(r->e, field_at(r, f), "'%s' is not a number: '%.*s'", c->column, (int)f.length, f.text);
    else
      value[i] *= c->scale;
  }
  return good;
}

static void grow(struct reading *r)
{
  r->capacity = r->capacity ? 2 * r->capacity : 4096;
  r->at = realloc(r->at, r->capacity * sizeof *r->at);
  bool good = r->at != NULL;
  for (int i = 0; i < r->def->n_columns; i++) {
    r->value[i] = realloc(r->value[i], r->capacity * sizeof(double));
    good &= r->value[i] != NULL;
  }
  if (!good)
    check_out_of_memory(r->capacity * 8);
}

/* The size of the whole is judged by how far the file has been read. */
static bool too_long(struct reading *r, uint64_t width)
{
  double rows = (double)r->n * r->lines.bytes / fmax(1, (double)gzoffset(r->lines.file));
  return err_add(r->e, (struct where){.file = r->lines.path, .line = r->lines.number, .column = 1},
                 "trace is too long: about %.3g rows of %d columns would take %.3g GB of memory; the limit is %.2g GB "
                 "(take a slice, or fewer columns)", rows, (int)width, rows * (double)width * 8e-9,
                 TRACE_VALUES_MAX * 8e-9);
}

static bool store_row(struct reading *r, int64_t at, const double *value)
{
  uint64_t width = 1 + (uint64_t)r->def->n_columns;
  if ((r->n + 1) * width > TRACE_VALUES_MAX)
    return too_long(r, width);
  if (r->n == r->capacity)
    grow(r);
  r->at[r->n] = at;
  for (int i = 0; i < r->def->n_columns; i++)
    r->value[i][r->n] = value[i];
  r->n++;
  return true;
}

/* Where time 0 is: the first row of the file, or as written; for dates as written it is the midnight before. */
static int64_t origin_of(const struct trace_def *d, int64_t first)
{
  const int64_t day = (int64_t)86400 * 1000000000;
  if (d->origin_first)
    return first;
  return d->time_is_datetime ? first - ((first % day) + day) % day : 0;
}

static int64_t slice_length(const struct trace_def *d)
{
  return ns_from_s(d->slice_to_s) - ns_from_s(d->slice_from_s);
}

static bool read_row(struct reading *r)
{
  int64_t at = 0;                                       /* compilers do not see that the reader sets it */
  bool keep;
  double value[WANTED_MAX] = {0};
  if (!cut_line(r) || !read_time(r, &at))
    return false;
  if (r->rows++ == 0)
    r->from = origin_of(r->def, at) + ns_from_s(r->def->slice_from_s);
  if (at < r->from)
    return true;
  if (r->def->slice_to_s > 0 && at - r->from >= slice_length(r->def)) {
    r->past = true;                                     /* rows rise in time: none follows */
    return true;
  }
  if (!keep_row(r, &keep))
    return false;
  if (keep && !read_values(r, value, &keep))
    return false;
  return !keep || store_row(r, at - r->from, value);
}

static bool read_all(struct reading *r)
{
  enum got got;
  while ((got = lines_next_filled(&r->lines, r->e)) == GOT_LINE && !r->past)
    if (!read_row(r) && (too_many_problems(r) || r->n >= TRACE_VALUES_MAX / (1 + (uint64_t)r->def->n_columns)))
      return false;
  if (got == GOT_ERROR || r->e->n_errors > r->errors)
    return false;
  if (r->n == 0)
    return err_add(r->e, (struct where){.file = r->lines.path},
                   r->rows ? "no row passes 'where', 'missing' and 'slice'" : "trace has no rows");
  return true;
}

static bool want(struct reading *r)
{
  const struct trace_def *d = r->def;
  if (1 + d->n_columns + d->n_where > WANTED_MAX)
    return err_add(r->e, d->at, "a trace may use %d columns at most", WANTED_MAX - 1);
  r->wanted[r->n_wanted++] = d->time_column;
  for (int i = 0; i < d->n_columns; i++)
    r->wanted[r->n_wanted++] = d->column[i].column;
  for (int i = 0; i < d->n_where; i++)
    r->wanted[r->n_wanted++] = d->keep[i].column;
  return true;
}

/* ---- the options that act on times ------------------------------------------------------------------------------- */

static uint64_t count_ties(const struct reading *r)
{
  uint64_t ties = 0;
  for (uint64_t i = 1; i < r->n; i++)
    ties += r->at[i] == r->at[i - 1];
  return ties;
}

static void cut_gaps(struct reading *r)
{
  int64_t most = ns_from_s(r->def->max_gap_s), cut = 0, before = r->at[0];
  if (most == 0)
    return;
  for (uint64_t i = 1; i < r->n; i++) {
    int64_t gap = r->at[i] - before;
    before = r->at[i];
    cut += gap > most ? gap - most : 0;
    r->at[i] -= cut;
  }
}

/* Rows of one time are laid evenly over spread_ties_s, or up to the next row's time when that comes sooner. */
static void spread_ties(struct reading *r)
{
  int64_t width = ns_from_s(r->def->spread_ties_s);
  if (width == 0)
    return;
  for (uint64_t i = 0, end; i < r->n; i = end) {
    for (end = i + 1; end < r->n && r->at[end] == r->at[i];)
      end++;
    int64_t room = end < r->n && r->at[end] - r->at[i] < width ? r->at[end] - r->at[i] : width;
    for (uint64_t k = i + 1; k < end; k++)
      r->at[k] += (int64_t)((double)room * (double)(k - i) / (double)(end - i));
  }
}

static void scale_rate(struct reading *r)
{
  if (r->def->rate != 1)
    for (uint64_t i = 0; i < r->n; i++)
      r->at[i] = (int64_t)llround((double)r->at[i] / r->def->rate);
}

static const struct trace_table *table_of(struct reading *r, struct arena *a)
{
  struct trace_table *t = arena_alloc(a, sizeof *t);
  t->rows_read = r->rows;
  t->n = r->n;
  t->ties = count_ties(r);
  cut_gaps(r);
  spread_ties(r);
  scale_rate(r);
  sim_time *at = arena_array(a, sim_time, r->n);
  memcpy(at, r->at, r->n * sizeof *at);
  const double **column = arena_array(a, const double *, r->def->n_columns + 1);
  for (int c = 0; c < r->def->n_columns; c++)
    column[c] = memcpy(arena_array(a, double, r->n), r->value[c], r->n * sizeof(double));
  t->at = at;
  t->column = column;
  t->n_columns = r->def->n_columns;
  t->span = at[r->n - 1];
  /* One row, or all at one time: a second, so that a repeated trace moves on. */
  t->period = t->span > at[0] ? t->span + (t->span - at[0]) / (sim_time)(r->n - 1) : t->span + (sim_time)NS_PER_S;
  return t;
}

static bool check_options(const struct trace_def *d, struct err *e)
{
  if (!(d->rate > 0) || isinf(d->rate))
    return err_add(e, d->at, "a trace's rate must be > 0");
  if (d->slice_to_s > 0 && !(d->slice_to_s > d->slice_from_s))
    return err_add(e, d->at, "the slice ends before it begins");
  return true;
}

static void reading_release(struct reading *r)
{
  lines_close(&r->lines);
  free(r->at);
  for (int i = 0; i < WANTED_MAX; i++)
    free(r->value[i]);
  free(r);
}

const struct trace_table *trace_load(const struct trace_def *d, struct arena *a, struct err *e)
{
  if (!check_options(d, e))
    return NULL;
  const struct trace_table *table = NULL;
  struct reading *r = zeros_new(1, sizeof *r);
  r->def = d;
  r->e = e;
  r->problems = e->n;
  r->errors = e->n_errors;
  if (!want(r) || !lines_open(&r->lines, d->file, e) || !read_header(r) || !read_all(r))
    goto out;
  table = table_of(r, a);
out:
  reading_release(r);
  return table;
}

/* ---- guessing ---------------------------------------------------------------------------------------------------- */

/* The first rows of a file, as much as guessing needs. */
struct sample {
  int n_names;
  struct field name[FIELDS_MAX];                        /* text in the arena */
  bool number[FIELDS_MAX], date[FIELDS_MAX];
  double first[FIELDS_MAX], last[FIELDS_MAX];
  bool whole[FIELDS_MAX];
  int rows;
};

static struct field keep_field(struct arena *a, struct field f)
{
  char *copy = arena_alloc(a, f.length + 1);
  memcpy(copy, f.text, f.length);
  return (struct field){copy, f.length};
}

static void sample_value(struct sample *s, int i, struct field f)
{
  int64_t ns;
  double x;
  bool number = f.text && number_of(f, &x), date = f.text && datetime_of(f, &ns);
  if (s->rows == 0) {
    s->number[i] = number;
    s->date[i] = date;
    s->first[i] = number ? x : 0;
    s->whole[i] = number;
  }
  s->number[i] &= number || is_missing(f);
  s->whole[i] &= number && x == floor(x);
  if (number)
    s->last[i] = x;
}

static bool sample_line(struct lines *l, const struct trace_def *d, struct sample *s, struct arena *a, struct err *e)
{
  struct field *field = arena_array(a, struct field, FIELDS_MAX);
  struct member *member = arena_array(a, struct member, FIELDS_MAX);
  int n = d->format == TRACE_JSONL ? split_object(l, member, e) : split_line(l, separator_of(d), field, e);
  if (n < 0)
    return false;
  bool header = s->n_names == 0;
  for (int i = 0; i < n && header; i++)
    s->name[i] = keep_field(a, d->format == TRACE_JSONL ? member[i].name : field[i]);
  if (header)
    s->n_names = n;
  if (header && d->format != TRACE_JSONL)
    return true;
  for (int i = 0; i < s->n_names; i++) {
    if (d->format == TRACE_JSONL)
      sample_value(s, i, member_value(member, n, s->name[i]));
    else if (i < n)
      sample_value(s, i, field[i]);
  }
  s->rows++;
  return true;
}

static enum trace_format format_of(const struct lines *l)
{
  const char *p = skip_space(l->text, l->text + l->length);
  if (p < l->text + l->length && *p == '{')
    return TRACE_JSONL;
  return memchr(l->text, '\t', l->length) && !memchr(l->text, ',', l->length) ? TRACE_TSV : TRACE_CSV;
}

static bool mentions(const char *name, const char *word)
{
  return strcasestr(name, word) != NULL;
}

static int time_of(const struct sample *s)
{
  static const char *const words[] = {"timestamp", "arrival", "time", "date", "start"};
  for (size_t w = 0; w < sizeof words / sizeof *words; w++)
    for (int i = 0; i < s->n_names; i++)
      if (mentions(s->name[i].text, words[w]) && (s->number[i] || s->date[i]))
        return i;
  for (int i = 0; i < s->n_names; i++)
    if (s->date[i])
      return i;
  return NONE;
}

static int name_index(const struct sample *s, const char *name)
{
  for (int i = 0; name && i < s->n_names; i++)
    if (!strcmp(s->name[i].text, name))
      return i;
  return NONE;
}

/* Whole numbers that grow by ten and more a row are milliseconds; other numbers are seconds. */
static void guess_time(struct trace_def *d, const struct sample *s, int i)
{
  d->time_column = s->name[i].text;
  d->time_is_datetime = s->date[i];
  bool ms = s->whole[i] && s->rows > 1 && (s->last[i] - s->first[i]) / (s->rows - 1) >= 10;
  size_t n = s->name[i].length;
  ms |= n > 3 && !strcasecmp(s->name[i].text + n - 3, "_ms");
  d->time_scale_s = ms ? 1e-3 : 1;
}

static void guess_columns(struct trace_def *d, const struct sample *s, int time, struct arena *a)
{
  struct trace_column_def *column = arena_array(a, struct trace_column_def, s->n_names);
  for (int i = 0; i < s->n_names && d->n_columns < 16; i++)
    if (i != time && s->number[i])
      column[d->n_columns++] = (struct trace_column_def){.attribute = s->name[i].text, .column = s->name[i].text,
                                                         .scale = 1, .missing = MISSING_SKIP};
  d->column = column;
}

static bool sample_file(struct trace_def *d, struct sample *s, struct arena *a, struct err *e)
{
  struct lines l;
  enum got got = GOT_ERROR;
  bool good = lines_open(&l, d->file, e);
  while (good && s->rows < 1000 && (got = lines_next_filled(&l, e)) == GOT_LINE) {
    if (s->n_names == 0)
      d->format = format_of(&l);
    good = sample_line(&l, d, s, a, e);
  }
  lines_close(&l);
  if (good && got != GOT_ERROR && s->rows == 0)
    return err_add(e, (struct where){.file = d->file}, "trace has no rows");
  return good && got != GOT_ERROR;
}

static bool no_such_name(const struct trace_def *d, const struct sample *s, struct err *e)
{
  const char *names[FIELDS_MAX];
  for (int i = 0; i < s->n_names; i++)
    names[i] = s->name[i].text;
  const char *near = nearest(d->time_column, names, (size_t)s->n_names);
  return err_add(e, (struct where){.file = d->file}, near ? "no column '%s'; did you mean '%s'?" : "no column '%s'",
                 d->time_column, near);
}

/* "'id', 'size'": a few, and of each its beginning, since the file may be anything. */
static const char *some_names(const struct sample *s, struct arena *a)
{
  enum { SOME = 8, SHOWN = 24 };
  const char *all = "";
  for (int i = 0; i < s->n_names && i < SOME; i++) {
    int n = (int)s->name[i].length, shown = n < SHOWN ? n : SHOWN;
    all = arena_printf(a, "%s%s'%.*s%s'", all, i ? ", " : "", shown, s->name[i].text, shown < n ? "..." : "");
  }
  return s->n_names > SOME ? arena_printf(a, "%s and %d more", all, s->n_names - SOME) : all;
}

static bool no_time(const struct trace_def *d, const struct sample *s, struct arena *a, struct err *e)
{
  return err_add(e, (struct where){.file = d->file}, "no column looks like a time; columns by the first line: %s; "
                 "--time COLUMN says which one it is", some_names(s, a));
}

/* One problem is enough to see that the file is no table. */
static bool no_trace(const struct trace_def *d, const struct sample *s, struct arena *a, struct err *e)
{
  if (s->n_names > 0)
    err_add(e, (struct where){.file = d->file}, "cannot be read as a trace; columns by the first line: %s",
            some_names(s, a));
  return false;
}

bool trace_guess(struct trace_def *d, struct arena *a, struct err *e)
{
  struct sample *s = arena_alloc(a, sizeof *s);
  if (!sample_file(d, s, a, e))
    return no_trace(d, s, a, e);
  int time = d->time_column ? name_index(s, d->time_column) : time_of(s);
  if (time == NONE)
    return d->time_column ? no_such_name(d, s, e) : no_time(d, s, a, e);
  guess_time(d, s, time);
  if (d->n_columns == 0)
    guess_columns(d, s, time, a);
  return true;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static struct table *table_start(struct arena *a, int n_columns)
{
  struct table *t = arena_alloc(a, sizeof *t);
  t->n_columns = n_columns;
  t->number = arena_array(a, double *, n_columns);
  t->text = arena_array(a, const char **, n_columns);
  t->at = arena_array(a, int *, n_columns);
  return t;
}

static void *moved(struct arena *a, const void *from, uint64_t n, uint64_t more, size_t bytes)
{
  void *to = arena_alloc(a, more * bytes);
  if (n > 0)
    memcpy(to, from, n * bytes);
  return to;
}

static void table_grow(struct table *t, uint64_t *capacity, struct arena *a)
{
  uint64_t more = *capacity ? 2 * *capacity : 1024;
  for (int c = 0; c < t->n_columns; c++) {
    t->number[c] = moved(a, t->number[c], t->n, more, sizeof **t->number);
    t->text[c] = moved(a, t->text[c], t->n, more, sizeof **t->text);
    t->at[c] = moved(a, t->at[c], t->n, more, sizeof **t->at);
  }
  t->line = moved(a, t->line, t->n, more, sizeof *t->line);
  *capacity = more;
}

/* The row of r->now behind the others. */
static bool table_row(struct reading *r, struct table *t, const struct table_column *column, struct arena *a)
{
  bool good = true;
  t->line[t->n] = r->lines.number;
  for (int c = 0; c < t->n_columns; c++) {
    struct field f = r->now[c];
    t->at[c][t->n] = field_at(r, f).column;
    if (is_missing(f))
      good = err_add(r->e, field_at(r, f), "no value: '%s' is missing", column[c].name);
    else if (column[c].text)
      t->text[c][t->n] = keep_field(a, f).text;
    else if (!number_of(f, &t->number[c][t->n]))
      good = err_add(r->e, field_at(r, f), "'%s' is not a number: '%.*s'", column[c].name, (int)f.length, f.text);
  }
  t->n += good;
  return good;
}

static bool table_fill(struct reading *r, struct table *t, const struct table_column *column, struct arena *a)
{
  uint64_t capacity = 0;
  enum got got;
  while ((got = lines_next_filled(&r->lines, r->e)) == GOT_LINE) {
    if (t->n == capacity)
      table_grow(t, &capacity, a);
    if ((!cut_line(r) || !table_row(r, t, column, a)) && too_many_problems(r))
      return false;
  }
  if (got == GOT_ERROR || r->e->n_errors > r->errors)
    return false;
  return t->n > 0 || err_add(r->e, (struct where){.file = r->lines.path}, "the table has no rows");
}

/* The field of a header is one of the columns, or an error. */
static bool header_field(struct reading *r, struct field f, const struct table_column *column, int n_columns, bool *has)
{
  const char *names[WANTED_MAX];
  for (int c = 0; c < n_columns; c++) {
    names[c] = column[c].name;
    if (field_is(f, names[c]))
      return has[c] = true;
  }
  char *word = strndup(f.text, f.length);
  if (!word)
    check_out_of_memory(f.length);
  const char *near = nearest(word, names, (size_t)n_columns);
  err_add(r->e, field_at(r, f), "unknown column '%s'%s%s%s", word, near ? "; did you mean '" : "", near ? near : "",
          near ? "'?" : "");
  free(word);
  return false;
}

bool table_header(const char *path, enum trace_format format, const struct table_column *column, int n_columns, bool *has,
                  struct err *e)
{
  sim_assert(n_columns <= WANTED_MAX && format != TRACE_JSONL);
  const struct trace_def def = {.file = path, .format = format};
  struct reading *r = zeros_new(1, sizeof *r);
  r->def = &def;
  r->e = e;
  bool good = lines_open(&r->lines, path, e) && read_header(r);
  for (int i = 0; good && i < r->n_header; i++)
    good = header_field(r, r->field[i], column, n_columns, has);
  reading_release(r);
  return good;
}

const struct table *table_load(const char *path, enum trace_format format, const struct table_column *column,
                               int n_columns, struct arena *a, struct err *e)
{
  sim_assert(n_columns <= WANTED_MAX);
  const struct trace_def def = {.file = path, .format = format};
  struct table *t = table_start(a, n_columns);
  struct reading *r = zeros_new(1, sizeof *r);
  r->def = &def;
  r->e = e;
  r->problems = e->n;
  r->errors = e->n_errors;
  for (int c = 0; c < n_columns; c++)
    r->wanted[r->n_wanted++] = column[c].name;
  bool good = lines_open(&r->lines, path, e) && read_header(r) && table_fill(r, t, column, a);
  reading_release(r);
  return good ? t : NULL;
}
