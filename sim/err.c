/* err.c: collects the user's mistakes and prints them like a compiler does. */
#include "sim/err.h"
#include "sim/check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void err_init(struct err *e)
{
  *e = (struct err){0};
}

void err_release(struct err *e)
{
  for (size_t i = 0; i < e->n; i++) {
    free(e->problems[i].message);
    free((char *)e->problems[i].at.file);
    free((char *)e->problems[i].at.text);
  }
  free(e->problems);
  *e = (struct err){0};
}

/* The list outlives the text that it speaks of, so it keeps copies. */
static char *copy_text(const char *text, size_t n)
{
  char *copy = malloc(n + 1);
  if (!copy)
    check_out_of_memory(n + 1);
  memcpy(copy, text, n);
  copy[n] = '\0';
  return copy;
}

static bool same_place(const struct where *a, const struct where *b)
{
  bool same_text = a->text_len == b->text_len && (!a->text_len || !memcmp(a->text, b->text, a->text_len));
  return a->line && a->line == b->line && a->column == b->column && same_text && a->file && b->file &&
         !strcmp(a->file, b->file);
}

bool err_stands_at(const struct err *e, struct where at)
{
  for (size_t i = 0; i < e->n; i++)
    if (!e->problems[i].warning && same_place(&e->problems[i].at, &at))
      return true;
  return false;
}

/* What is read twice (for each variant of a task) is told once. */
static bool told_before(const struct err *e, const struct where *at, bool warning, const char *message)
{
  for (size_t i = 0; i < e->n; i++)
    if (e->problems[i].warning == warning && same_place(&e->problems[i].at, at) &&
        !strcmp(e->problems[i].message, message))
      return true;
  return false;
}

static void add(struct err *e, struct where at, bool warning, const char *format, va_list arguments)
{
  if (e->n == e->capacity) {
    e->capacity = e->capacity ? 2 * e->capacity : 8;
    e->problems = realloc(e->problems, e->capacity * sizeof *e->problems);
    if (!e->problems)
      check_out_of_memory(e->capacity * sizeof *e->problems);
  }
  char *message = NULL;
  if (vasprintf(&message, format, arguments) < 0)
    check_out_of_memory(strlen(format));
  if (told_before(e, &at, warning, message)) {
    free(message);
    return;
  }
  at.file = at.file ? copy_text(at.file, strlen(at.file)) : NULL;
  at.text = at.text ? copy_text(at.text, at.text_len) : NULL;
  e->problems[e->n++] = (struct problem){.at = at, .message = message, .warning = warning};
  e->n_errors += !warning;
}

/* A misbehaving system or plug-in outranks the user's text: it decides the exit code. */
static void set_code(struct err *e, enum exit_code code)
{
  if (e->code == EXIT_OK || (e->code == EXIT_USER && code != EXIT_USER))
    e->code = code;
}

bool err_add(struct err *e, struct where at, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  add(e, at, false, format, arguments);
  va_end(arguments);
  set_code(e, EXIT_USER);
  return false;
}

bool err_system(struct err *e, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  add(e, (struct where){0}, false, format, arguments);
  va_end(arguments);
  set_code(e, EXIT_SYSTEM);
  return false;
}

bool err_plugin(struct err *e, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  add(e, (struct where){0}, false, format, arguments);
  va_end(arguments);
  set_code(e, EXIT_PLUGIN);
  return false;
}

void err_warn(struct err *e, struct where at, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  add(e, at, true, format, arguments);
  va_end(arguments);
}

bool err_any(const struct err *e)
{
  return e->n_errors > 0;
}

/* ---- printing -------------------------------------------------------------------------------------------------- */

/* Bytes of the user's text may be anything; a terminal must not obey them. */
static void print_safely(FILE *out, const char *text, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text[i];
    fputc((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f ? '?' : c, out);
  }
}

static bool is_continuation(char c)
{
  return ((unsigned char)c & 0xc0) == 0x80;
}

/* Columns count characters. Tabs are repeated under themselves, so that the caret stands where the reader sees it. */
static void print_caret(FILE *out, const struct where *at)
{
  size_t i = 0;
  for (int column = 1; column < at->column; column++) {
    bool tab = i < at->text_len && at->text[i] == '\t';
    fputc(tab ? '\t' : ' ', out);
    if (i < at->text_len)
      i++;
    while (i < at->text_len && is_continuation(at->text[i]))
      i++;
  }
  fputc('^', out);
  for (int k = 1; k < at->length; k++)
    fputc('~', out);
}

static void print_source_line(FILE *out, const struct where *at, const char *red, const char *plain)
{
  size_t n = 0;
  while (n < at->text_len && at->text[n] != '\n' && at->text[n] != '\r')
    n++;
  fprintf(out, "%5d | ", at->line);
  print_safely(out, at->text, n);
  fprintf(out, "\n      | %s", red);
  struct where line = *at;
  line.text_len = n;
  if (line.column < 1)
    line.column = 1;
  print_caret(out, &line);
  fprintf(out, "%s\n", plain);
}

static void print_problem(FILE *out, const struct problem *p, bool colour)
{
  const char *bold = colour ? "\033[1m" : "", *plain = colour ? "\033[0m" : "";
  const char *tone = !colour ? "" : p->warning ? "\033[1;35m" : "\033[1;31m";
  fputs(bold, out);
  if (p->at.file) {
    print_safely(out, p->at.file, strlen(p->at.file));
    fputc(':', out);
    if (p->at.line > 0 && p->at.column > 0)
      fprintf(out, "%d:%d:", p->at.line, p->at.column);
    else if (p->at.line > 0)
      fprintf(out, "%d:", p->at.line);
    fputc(' ', out);
  }
  fprintf(out, "%s%s%s: ", tone, p->warning ? "warning" : "error", plain);
  print_safely(out, p->message, strlen(p->message));
  fputc('\n', out);
  if (p->at.line > 0 && p->at.text)
    print_source_line(out, &p->at, tone, plain);
}

static int compare_places(const struct where *a, const struct where *b)
{
  int by_file = strcmp(a->file ? a->file : "", b->file ? b->file : "");
  if (by_file != 0)
    return by_file;
  if (a->line != b->line)
    return a->line < b->line ? -1 : 1;
  return (a->column > b->column) - (a->column < b->column);
}

static int compare_problems(const void *a, const void *b)
{
  const struct problem *const *x = a, *const *y = b;
  int by_place = compare_places(&(*x)->at, &(*y)->at);
  return by_place ? by_place : (*x > *y) - (*x < *y);
}

void err_print(const struct err *e, FILE *out, bool colour)
{
  if (e->n == 0)
    return;
  const struct problem **order = malloc(e->n * sizeof *order);
  if (!order)
    check_out_of_memory(e->n * sizeof *order);
  for (size_t i = 0; i < e->n; i++)
    order[i] = &e->problems[i];
  qsort(order, e->n, sizeof *order, compare_problems);
  for (size_t i = 0; i < e->n; i++)
    print_problem(out, order[i], colour);
  free(order);
}

void err_say(const struct err *e) { err_print(e, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR")); }
