/* columns.c: columns of a trace. */
#include "analysis/columns.h"
#include "analysis/text.h"
#include "models/record.h"

#include <stdlib.h>

bool columns_load(struct columns *c, struct trace_reader *t, const char *const *names, size_t n, struct err *err)
{
  *c = (struct columns){0};
  for (size_t i = 0; i < n; i++) {
    size_t rows = 0;
    c->at[c->n++] = trace_column_int(t, names[i], &rows, err);
    if (!c->at[i]) return false;
    if (i && rows != c->rows)
      return err_system(err, "damaged trace: %s has %zu rows, not %zu", names[i], rows, c->rows);
    c->rows = rows;
  }
  return true;
}

void columns_free(struct columns *c)
{
  for (size_t i = 0; i < c->n; i++) free(c->at[i]);
  *c = (struct columns){0};
}

size_t column_names(struct trace_reader *t, const char *column, const char ***names)
{
  size_t n = 0;
  const char *name;
  *names = NULL;
  while ((name = trace_enum_name(t, column, (int64_t)n))) {
    *names = grab_more(*names, n + 1, sizeof **names);
    (*names)[n++] = name;
  }
  return n;
}

bool status_has_answer(int64_t status) { return status == STATUS_COMPLETED || status == STATUS_ANSWERED; }
