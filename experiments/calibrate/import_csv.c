/* import_csv.c: any table of times, by the columns that --map names. */
#include "experiments/calibrate/import.h"
#include "experiments/calibrate/sheet.h"

#include <string.h>

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

bool import_chosen(const struct import_ask *ask, const struct sheet *s, int row)
{
  for (int i = 0; i < ask->n_where; i++)
    if (strcmp(sheet_text(s, row, sheet_column(s, ask->where[i].key)), ask->where[i].value) != 0)
      return false;
  return true;
}

bool import_where(const struct import_ask *ask, const struct sheet *s, struct err *e)
{
  for (int i = 0; i < ask->n_where; i++)
    sheet_needs(s, ask->where[i].key, e);
  int n = 0;
  for (int i = 0; !err_any(e) && i < s->n; i++)
    n += import_chosen(ask, s, i);
  return !err_any(e) && (n > 0 || err_add(e, (struct where){.file = s->file}, "no row is as --where says"));
}

/* ---- columns ------------------------------------------------------------------------------------------------------- */

struct unit { const char *name; double s; };            /* 0: tokens a second */
static const struct unit units[] = {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"tok/s", 0}};
enum { N_UNITS = sizeof units / sizeof *units };

struct csv { const struct sheet *sheet; int prompt, batch, context, time; double unit_s; };

static bool find_unit(const struct import_ask *ask, double *s, struct err *e)
{
  const char *name = import_map(ask, "unit");
  for (int i = 0; name && i < N_UNITS; i++)
    if (!strcmp(name, units[i].name)) {
      *s = units[i].s;
      return true;
    }
  return err_add(e, (struct where){0}, name ? "--map unit=%s: it is s, ms, us, ns or tok/s" : "--map unit= is missing%s: s, ms, us, ns or tok/s",
                 name ? name : "");
}

static int column_of(const struct import_ask *ask, const struct sheet *s, const char *key, struct err *e)
{
  const char *name = import_map(ask, key);
  return name ? sheet_needs(s, name, e) : -1;
}

static bool find_columns(const struct import_ask *ask, struct csv *c, struct err *e)
{
  if (!import_map(ask, "time"))
    err_add(e, (struct where){0}, "--map time=COLUMN is missing");
  if (!import_map(ask, "prompt"))
    err_add(e, (struct where){0}, "--map prompt=COLUMN is missing");
  c->prompt = column_of(ask, c->sheet, "prompt", e);
  c->batch = column_of(ask, c->sheet, "batch", e);
  c->context = column_of(ask, c->sheet, "context", e);
  c->time = column_of(ask, c->sheet, "time", e);
  find_unit(ask, &c->unit_s, e);
  return !err_any(e);
}

static bool is_empty(const struct csv *c, int row, int column)
{
  return column < 0 || !*sheet_text(c->sheet, row, column);
}

static bool read_row(const struct csv *c, int row, struct import_points *p, struct err *e)
{
  double prompt = 0, batch = 1, context = 0, value;
  if ((!is_empty(c, row, c->prompt) && !sheet_count(c->sheet, row, c->prompt, &prompt, e)) ||
      (!is_empty(c, row, c->batch) && !sheet_count(c->sheet, row, c->batch, &batch, e)) ||
      (!is_empty(c, row, c->context) && !sheet_count(c->sheet, row, c->context, &context, e)) ||
      !sheet_number(c->sheet, row, c->time, 1e-12, &value, e))
    return false;
  if (prompt <= 0 && batch < 1)
    return err_add(e, sheet_at(c->sheet, row, c->time), "a row of neither a prompt nor a step of requests");
  double time_s = c->unit_s > 0 ? value * c->unit_s : (prompt > 0 ? prompt : batch) / value;
  if (!import_time_possible(time_s))
    return err_add(e, sheet_at(c->sheet, row, c->time), "%s: %.4g s for a prompt or a step: is the unit right? Times are 1 ns to 1e6 s",
                   c->sheet->column[c->time], time_s);
  if (prompt > 0)
    p->prompt[p->n_prompts++] = (struct prompt_point){prompt, context, time_s};
  else
    p->step[p->n_steps++] = (struct step_point){batch, context, time_s};
  return true;
}

bool import_csv(const struct import_ask *ask, struct import_points *p, struct import_result *r, struct arena *a, struct err *e)
{
  struct csv c = {.sheet = sheet_read(ask->file, a, e)};
  if (!c.sheet || !import_where(ask, c.sheet, e) || !find_columns(ask, &c, e))
    return false;
  p->prompt = arena_array(a, struct prompt_point, c.sheet->n);
  p->step = arena_array(a, struct step_point, c.sheet->n);
  for (int i = 0; i < c.sheet->n; i++)
    if (import_chosen(ask, c.sheet, i))
      read_row(&c, i, p, e);
  r->measured = "csv";
  r->own_source = "own measurement";
  return !err_any(e);
}
