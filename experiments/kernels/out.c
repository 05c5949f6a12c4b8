/* out.c: JSON lines (RFC 8259). */
#include "experiments/kernels/out.h"
#include <math.h>

static void put_string(FILE *f, const char *s)
{
  fputc('"', f);
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\')
      fprintf(f, "\\%c", c);
    else if (c < 0x20 || c > 0x7e)
      fprintf(f, "\\u%04x", c);                         /* bytes beyond ASCII as Latin-1: valid JSON whatever they were */
    else
      fputc(c, f);
  }
  fputc('"', f);
}

static void put_number(FILE *f, double x)
{
  if (isfinite(x))
    fprintf(f, "%.15g", x);
  else
    fputs("null", f);
}

static void put_key(struct out *o, const char *key)
{
  if (o->comma)
    fputc(',', o->file);
  o->comma = true;
  if (key) {
    put_string(o->file, key);
    fputc(':', o->file);
  }
}

void out_line(struct out *o, FILE *file)
{
  *o = (struct out){.file = file, .comma = false};
  fputc('{', file);
}

void out_end(struct out *o)
{
  fputs("}\n", o->file);
  fflush(o->file);
}

void out_string(struct out *o, const char *key, const char *value)
{
  put_key(o, key);
  if (value)
    put_string(o->file, value);
  else
    fputs("null", o->file);
}

void out_number(struct out *o, const char *key, double value)
{
  put_key(o, key);
  put_number(o->file, value);
}

void out_bool(struct out *o, const char *key, bool value)
{
  put_key(o, key);
  fputs(value ? "true" : "false", o->file);
}

void out_null(struct out *o, const char *key)
{
  out_string(o, key, NULL);
}

void out_numbers(struct out *o, const char *key, const double *value, int n)
{
  out_open(o, key, '[');
  for (int i = 0; i < n; i++)
    out_number(o, NULL, value[i]);
  out_close(o, ']');
}

void out_strings(struct out *o, const char *key, const char *const *value, int n)
{
  out_open(o, key, '[');
  for (int i = 0; i < n; i++)
    out_string(o, NULL, value[i]);
  out_close(o, ']');
}

void out_open(struct out *o, const char *key, char bracket)
{
  put_key(o, key);
  fputc(bracket, o->file);
  o->comma = false;
}

void out_close(struct out *o, char bracket)
{
  fputc(bracket, o->file);
  o->comma = true;
}
