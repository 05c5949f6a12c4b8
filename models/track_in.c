#include "models/track_in.h"
#include "models/trace_lines.h"
#include "sim/check.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 4, PROBLEMS_AT_MOST = 10 };
static const char *const by_position[] = {"t", "device", "x", "y"}, *const by_cell[] = {"t", "device", "cell"};
static const char HEADER[] = "the header of a mobility trace is 't,device,x,y' or 't,device,cell'";

struct field { const char *text; size_t length; };
struct row { uint32_t device; struct track_point point; struct where at; };
struct table {
  struct trace_lines *lines;
  struct err *err;
  uint64_t devices, cells;
  struct field field[COLUMNS + 1]; int n_fields, n_columns;
  struct row *row; size_t n, room;
  bool named;
};

static bool refuse(struct table *t, struct field f, const char *why)
{
  return err_add(t->err, trace_lines_at(t->lines, f.text, f.length), "%s", why);
}

static void cut(struct table *t, const char *text, const char *end)
{
  t->n_fields = 0;
  while (t->n_fields <= COLUMNS) {
    const char *comma = memchr(text, ',', (size_t)(end - text)), *stop = comma ? comma : end;
    t->field[t->n_fields++] = (struct field){text, (size_t)(stop - text)};
    if (!comma) return;
    text = comma + 1;
  }
}

static bool next_row(struct table *t)
{
  const char *text;
  size_t length;
  while (trace_lines_next(t->lines, &text, &length, t->err)) {
    while (length > 0 && isspace((unsigned char)text[length - 1])) length--;
    if (length == 0) continue;
    cut(t, text, text + length);
    return true;
  }
  return false;
}

static bool is(struct field f, const char *word) { return f.length == strlen(word) && !memcmp(f.text, word, f.length); }

static bool header(struct table *t)
{
  const char *const *want = t->n_fields == 3 ? by_cell : by_position;
  t->n_columns = t->n_fields == 3 ? 3 : 4;
  t->named = t->n_columns == 3;
  for (int i = 0; i < t->n_fields; i++)
    if (i >= t->n_columns || !is(t->field[i], want[i]))
      return refuse(t, t->field[i], HEADER);
  return t->n_fields == t->n_columns || refuse(t, t->field[0], HEADER);
}

static bool number(struct table *t, int column, double *x)
{
  char text[64], *end;
  struct field f = t->field[column];
  if (f.length == 0 || f.length >= sizeof text) return refuse(t, f, "not a number");
  memcpy(text, f.text, f.length);
  text[f.length] = '\0';
  *x = strtod(text, &end);
  return (end == text + f.length && isfinite(*x) && !strpbrk(text, "xXnN")) || refuse(t, f, "not a number");
}

static bool count_below(struct table *t, int column, uint64_t below, const char *why, uint32_t *x)
{
  double value;
  if (!number(t, column, &value)) return false;
  if (value != floor(value) || value < 0 || value >= (double)below) return refuse(t, t->field[column], why);
  *x = (uint32_t)value;
  return true;
}

static void keep(struct table *t, struct row row)
{
  if (t->n == t->room) {
    t->room = t->room ? 2 * t->room : 1024;
    t->row = realloc(t->row, t->room * sizeof *t->row);
    if (!t->row) check_out_of_memory(t->room * sizeof *t->row);
  }
  t->row[t->n++] = row;
}

static bool read_row(struct table *t)
{
  struct row row = {.point = {.cell = -1}, .at = trace_lines_at(t->lines, t->field[0].text, t->field[0].length)};
  uint32_t cell = 0;
  if (t->n_fields != t->n_columns) return refuse(t, t->field[0], "this row has another number of fields than the header");
  if (!number(t, 0, &row.point.at_s)) return false;
  if (row.point.at_s < 0 || row.point.at_s > 1e9) return refuse(t, t->field[0], "a time from 0 to 1e9 seconds is wanted");
  if (!count_below(t, 1, t->devices, "the place has no device of this number", &row.device)) return false;
  if (t->named) {
    if (!count_below(t, 2, t->cells, "the place that they attach to has no member of this number", &cell)) return false;
    row.point.cell = (int32_t)cell;
  } else if (!number(t, 2, &row.point.x_m) || !number(t, 3, &row.point.y_m)) return false;
  row.at.text = NULL;                                    /* the line will be gone */
  keep(t, row);
  return true;
}

static int by_device(const void *a, const void *b)
{
  const struct row *x = a, *y = b;
  if (x->device != y->device) return x->device < y->device ? -1 : 1;
  return (x->at.line > y->at.line) - (x->at.line < y->at.line);
}

static bool hand_over(struct table *t, const char *path, struct arena *arena, struct walk_def *walk)
{
  size_t before = t->err->n_errors;
  if (t->n == 0) return err_add(t->err, (struct where){.file = path}, "the mobility trace has no rows");
  qsort(t->row, t->n, sizeof *t->row, by_device);
  uint32_t tracks = t->row[t->n - 1].device + 1;
  struct track *track = arena_array(arena, struct track, tracks);
  struct track_point *point = arena_array(arena, struct track_point, t->n);
  for (size_t i = 0; i < t->n; i++) {
    struct track *own = &track[t->row[i].device];
    point[i] = t->row[i].point;
    if (own->n == 0) own->point = &point[i];
    else if (point[i].at_s <= point[i - 1].at_s && t->err->n_errors < before + PROBLEMS_AT_MOST)
      err_add(t->err, t->row[i].at, "device %u: this row is not later than the one before it, at %g s", t->row[i].device,
              point[i - 1].at_s);
    own->n++;
  }
  for (uint32_t d = 0; d < tracks && t->err->n_errors < before + PROBLEMS_AT_MOST; d++)
    if (track[d].n == 0) err_add(t->err, (struct where){.file = path}, "the mobility trace has no row of device %u", d);
  walk->track = track;
  walk->n_tracks = (int)tracks;
  return t->err->n_errors == before;
}

bool tracks_read(const char *path, uint64_t devices, uint64_t cells, struct arena *arena, struct walk_def *walk, bool *named,
                 struct err *err)
{
  struct table t = {.lines = trace_lines_open(path, err), .err = err, .devices = devices, .cells = cells};
  size_t before = err->n_errors;
  if (!t.lines) return false;
  bool ok = next_row(&t) ? header(&t) : err_add(err, (struct where){.file = path}, "the mobility trace is empty");
  while (ok && err->n_errors < before + PROBLEMS_AT_MOST && next_row(&t))
    (void)read_row(&t);                                 /* goes on: several problems are told */
  ok = ok && err->n_errors == before && hand_over(&t, path, arena, walk);
  *named = t.named;
  trace_lines_close(t.lines);
  free(t.row);
  return ok;
}
