/* sheet.h: tables of other programs as rows of texts: CSV (plain or gzip), Markdown, JSON (a list of objects, or one a line). */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_SHEET_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_SHEET_H

#include "sim/arena.h"
#include "sim/err.h"

/* text: without quotes and blanks around it; column, length: where it stands in its line, 0 in JSON. */
struct sheet_cell { const char *text; int column, length; };
/* line: in JSON the number of the element, and text is NULL. */
struct sheet_row { int line; const char *text; struct sheet_cell *cell; };
struct sheet {
  const char *file, *form;                              /* "CSV", "Markdown", "JSON" */
  int n_columns; const char **column;
  int n; struct sheet_row *row;
};

/* NULL after adding to err. All memory is the arena's. */
const struct sheet *sheet_read(const char *path, struct arena *, struct err *) MUST_USE;
/* -1: it has none. */
int sheet_column(const struct sheet *, const char *name);
/* The same; a column that is missing is an error that names the nearest. */
int sheet_needs(const struct sheet *, const char *name, struct err *);
/* A finite number at least `least`; false after adding. */
bool sheet_number(const struct sheet *, int row, int column, double least, double *, struct err *) MUST_USE;
/* Tokens or requests: a whole number up to 1e9, which is what profiles take. False after adding. */
bool sheet_count(const struct sheet *, int row, int column, double *, struct err *) MUST_USE;
bool sheet_is_count(double);
struct where sheet_at(const struct sheet *, int row, int column);
const char *sheet_text(const struct sheet *, int row, int column);

#endif
