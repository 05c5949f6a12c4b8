/* sheet.c: the first line that is not blank says what the file is: `[` or `{` JSON, a line of cells between `|` Markdown,
 * else CSV with a header. What programs print around a Markdown table is passed over. */
#include "experiments/calibrate/sheet.h"
#include "analysis/text.h"
#include "models/trace_lines.h"
#include "sim/json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 1 << 20, COLUMNS_MOST = 256 };
static const double COUNT_MOST = 1e9;

/* ---- lines and cells ---------------------------------------------------------------------------------------------- */

struct line { const char *text; int n, number; };
struct text_lines { int n, capacity; struct line *line; };

static bool read_lines(const char *path, struct arena *a, struct text_lines *all, struct err *e)
{
  size_t errors = e->n_errors, n;
  const char *text;
  struct trace_lines *in = trace_lines_open(path, e);
  for (int number = 1; in && trace_lines_next(in, &text, &n, e); number++) {
    if (all->n == ROWS_MOST) {
      err_add(e, (struct where){.file = path, .line = number}, "more than %d lines", ROWS_MOST);
      break;
    }
    if (all->n == all->capacity)
      all->line = grab_more(all->line, (size_t)(all->capacity = 2 * all->capacity + 64), sizeof *all->line);
    all->line[all->n++] = (struct line){arena_printf(a, "%.*s", (int)n, text), (int)n, number};
  }
  trace_lines_close(in);
  return e->n_errors == errors;
}

static bool is_blank(const char *s)
{
  return s[strspn(s, " \t\r")] == 0;
}

static struct sheet_cell cell_of(struct arena *a, const char *line, int from, int to)
{
  while (from < to && isspace((unsigned char)line[from]))
    from++;
  while (to > from && isspace((unsigned char)line[to - 1]))
    to--;
  return (struct sheet_cell){arena_printf(a, "%.*s", to - from, line + from), from + 1, to > from ? to - from : 1};
}

/* From the opening quote: the text with doubled quotes as one; *end is behind the closing one. */
static struct sheet_cell quoted_cell(struct arena *a, const char *line, int from, int *end)
{
  char *out = arena_alloc(a, strlen(line + from) + 1);
  int n = 0, i = from + 1;
  for (; line[i] && (line[i] != '"' || line[i + 1] == '"'); i++) {
    i += line[i] == '"';
    out[n++] = line[i];
  }
  out[n] = 0;
  *end = i + (line[i] != 0);
  return (struct sheet_cell){out, from + 1, *end - from};
}

/* Returns how many; separator ',' or '|'. */
static int split(struct arena *a, const char *line, int from, char separator, struct sheet_cell *cell)
{
  int n = 0;
  for (;;) {
    int end = from + (int)strspn(line + from, " \t");
    if (separator == ',' && line[end] == '"')
      cell[n] = quoted_cell(a, line, end, &end);
    else
      cell[n] = cell_of(a, line, from, end = from + (int)strcspn(line + from, separator == ',' ? "," : "|"));
    end += (int)strcspn(line + end, separator == ',' ? "," : "|");
    n++;
    if (!line[end] || n == COLUMNS_MOST)
      return n;
    from = end + 1;
  }
}

/* ---- CSV and Markdown --------------------------------------------------------------------------------------------- */

static bool is_rule(const struct line *l)
{
  return l->text[strspn(l->text, "|-: \t\r")] == 0;
}

/* Its cells; of a Markdown row without what is before the first and behind the last `|`. */
static int cells_of(struct arena *a, const struct line *l, bool markdown, struct sheet_cell *cell)
{
  int n = split(a, l->text, markdown ? (int)strspn(l->text, " \t") + 1 : 0, markdown ? '|' : ',', cell);
  return markdown && n > 1 && !*cell[n - 1].text ? n - 1 : n;
}

static bool add_row(struct sheet *s, struct arena *a, const struct line *l, bool markdown, struct err *e)
{
  struct sheet_cell cell[COLUMNS_MOST];
  int n = cells_of(a, l, markdown, cell);
  struct where at = {s->file, l->number, 1, l->n > 0 ? l->n : 1, l->text, (size_t)l->n};
  if (n != s->n_columns)
    return err_add(e, at, "%d cells; the header has %d", n, s->n_columns);
  struct sheet_row *row = &s->row[s->n++];
  *row = (struct sheet_row){l->number, l->text, arena_array(a, struct sheet_cell, n)};
  memcpy(row->cell, cell, (size_t)n * sizeof *cell);
  return true;
}

static bool add_header(struct sheet *s, struct arena *a, const struct line *l, bool markdown, struct err *e)
{
  struct sheet_cell cell[COLUMNS_MOST];
  s->n_columns = cells_of(a, l, markdown, cell);
  s->column = arena_array(a, const char *, s->n_columns);
  for (int i = 0; i < s->n_columns; i++) {
    s->column[i] = cell[i].text;
    for (int k = 0; k < i; k++)
      if (!strcmp(s->column[k], cell[i].text))
        return err_add(e, (struct where){s->file, l->number, cell[i].column, cell[i].length, l->text, (size_t)l->n},
                       "two columns are called '%s'", cell[i].text);
  }
  return true;
}

static bool read_table(struct sheet *s, struct arena *a, const struct text_lines *all, bool markdown, struct err *e)
{
  bool good = true;
  s->row = arena_array(a, struct sheet_row, all->n + 1);
  for (int i = 0; i < all->n && good; i++) {
    const struct line *l = &all->line[i];
    if (is_blank(l->text) || (markdown && (l->text[strspn(l->text, " \t")] != '|' || is_rule(l))))
      continue;
    good = s->n_columns ? add_row(s, a, l, markdown, e) : add_header(s, a, l, markdown, e);
  }
  return good;
}

/* ---- JSON --------------------------------------------------------------------------------------------------------- */

static const char *text_of(struct arena *a, const json *value)
{
  if (json_text(value))
    return arena_strdup(a, json_text(value));
  double x = json_real(value, NAN);
  char *other = isnan(x) && value ? json_write(value, false) : NULL;    /* true, false, lists */
  const char *text = other ? arena_strdup(a, other) : isnan(x) ? "" : arena_printf(a, "%.17g", x);
  free(other);
  return text;
}

static void add_object(struct sheet *s, struct arena *a, const json *object)
{
  struct sheet_row *row = &s->row[s->n++];
  *row = (struct sheet_row){s->n, NULL, arena_array(a, struct sheet_cell, s->n_columns)};
  for (int i = 0; i < s->n_columns; i++)
    row->cell[i].text = text_of(a, json_at(object, s->column[i]));
}

/* The columns are the keys of the first. */
static bool read_objects(struct sheet *s, struct arena *a, json *const *object, int n, struct err *e)
{
  s->row = arena_array(a, struct sheet_row, n + 1);
  for (int i = 0; i < n; i++) {
    if (!json_is_map(object[i]))
      return err_add(e, (struct where){.file = s->file}, "element %d is no object", i + 1);
    if (i == 0) {
      s->n_columns = (int)json_count(object[0]);
      s->column = arena_array(a, const char *, s->n_columns + 1);
      for (int k = 0; k < s->n_columns; k++)
        s->column[k] = arena_strdup(a, json_key(object[0], (size_t)k));
    }
    add_object(s, a, object[i]);
  }
  return true;
}

static json *parse(struct sheet *s, const char *text, size_t n, int line, struct err *e)
{
  struct err inner;
  err_init(&inner);
  json *value = json_parse(text, n, &inner);
  if (!value) {
    int at = inner.n ? inner.problems[0].at.line : 0;
    err_add(e, (struct where){.file = s->file, .line = line + (at > 0 ? at - 1 : 0)}, "no JSON: %s",
            inner.n ? inner.problems[0].message : "cannot be read");
  }
  err_release(&inner);
  return value;
}

static bool read_json(struct sheet *s, struct arena *a, const struct text_lines *all, bool list, struct err *e)
{
  struct text whole = {0};
  json **object = grab((size_t)all->n + 1, sizeof *object), *root = NULL;
  int n = 0, owned = 0;
  bool good = true;
  for (int i = 0; i < all->n && good; i++) {
    if (list)
      text_add(&whole, "%s\n", all->line[i].text);
    else if (!is_blank(all->line[i].text))
      good = (object[n] = parse(s, all->line[i].text, (size_t)all->line[i].n, all->line[i].number, e)) != NULL, owned = n += good;
  }
  if (list && (root = parse(s, whole.s, whole.n, 1, e))) {
    n = (int)json_count(root);
    object = grab_more(object, (size_t)n + 1, sizeof *object);
    for (int i = 0; i < n; i++)
      object[i] = json_nth(root, (size_t)i);
  }
  good = good && (!list || root) && read_objects(s, a, object, n, e);
  for (int i = 0; i < owned && !list; i++)
    json_release(object[i]);
  if (root)
    json_release(root);
  free(object);
  free(whole.s);
  return good;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static bool has_markdown(const struct text_lines *all)
{
  for (int i = 0; i < all->n; i++)
    if (all->line[i].text[strspn(all->line[i].text, " \t")] == '|')
      return true;
  return false;
}

static bool read_form(struct sheet *s, struct arena *a, const struct text_lines *all, struct err *e)
{
  int first = 0;
  while (first < all->n && is_blank(all->line[first].text))
    first++;
  char c = first < all->n ? all->line[first].text[strspn(all->line[first].text, " \t")] : 0;
  bool is_json = c == '[' || c == '{', markdown = !is_json && has_markdown(all);
  s->form = is_json ? "JSON" : markdown ? "Markdown" : "CSV";
  bool good = is_json ? read_json(s, a, all, c == '[', e) : read_table(s, a, all, markdown, e);
  return good && (s->n > 0 || err_add(e, (struct where){.file = s->file}, "no rows (read as %s)", s->form));
}

const struct sheet *sheet_read(const char *path, struct arena *a, struct err *e)
{
  struct text_lines all = {0};
  struct sheet *s = arena_alloc(a, sizeof *s);
  *s = (struct sheet){.file = path};
  bool good = read_lines(path, a, &all, e) && read_form(s, a, &all, e);
  free(all.line);
  return good ? s : NULL;
}

int sheet_column(const struct sheet *s, const char *name)
{
  for (int i = 0; i < s->n_columns; i++)
    if (!strcmp(s->column[i], name))
      return i;
  return -1;
}

int sheet_needs(const struct sheet *s, const char *name, struct err *e)
{
  int i = sheet_column(s, name);
  const char *near = i < 0 ? nearest_or_begun(name, s->column, (size_t)s->n_columns) : NULL;
  if (i < 0)
    err_add(e, (struct where){.file = s->file}, "no column '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
            near ? "'?" : "");
  return i;
}

struct where sheet_at(const struct sheet *s, int row, int column)
{
  const struct sheet_row *r = &s->row[row];
  if (!r->text)
    return (struct where){.file = s->file};
  return (struct where){s->file, r->line, r->cell[column].column, r->cell[column].length, r->text, strlen(r->text)};
}

const char *sheet_text(const struct sheet *s, int row, int column) { return s->row[row].cell[column].text; }

static const char *element_text(const struct sheet *s, int row, char *out, size_t size)
{
  *out = 0;
  if (!s->row[row].text)
    snprintf(out, size, "element %d, ", s->row[row].line);
  return out;
}

bool sheet_is_count(double x) { return x >= 0 && x <= COUNT_MOST && x == floor(x); }

bool sheet_count(const struct sheet *s, int row, int column, double *x, struct err *e)
{
  char element[32];
  if (!sheet_number(s, row, column, 0, x, e))
    return false;
  return sheet_is_count(*x) || err_add(e, sheet_at(s, row, column), "%s%s: '%.40s' is no whole number up to %g", element_text(s, row, element, sizeof element),
                                       s->column[column], sheet_text(s, row, column), COUNT_MOST);
}

bool sheet_number(const struct sheet *s, int row, int column, double least, double *x, struct err *e)
{
  const char *text = sheet_text(s, row, column);
  char *end, element[32];
  *x = strtod(text, &end);
  if (*text && !*end && isfinite(*x) && *x >= least)
    return true;
  return err_add(e, sheet_at(s, row, column), "%s%s: '%.40s' is no number of %g or more", element_text(s, row, element, sizeof element),
                 s->column[column], text, least);
}
