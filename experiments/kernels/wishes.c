/* wishes.c: the options of `measure`. */
#include "experiments/kernels/wishes.h"
#include "experiments/kernels/list.h"
#include "experiments/kernels/shape.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char wishes_help[] =
  "usage: offsim-kernels measure [options]      raw format 1 on stdout, messages on stderr\n"
  "  --kernels A,B         these kernels; default: all\n"
  "  --quick               a coarse grid, at most 60 s; default: at most 9 minutes\n"
  "  --shape K:NAME=V,...  only this shape of kernel K; may be repeated\n"
  "  --off-grid N          only N shapes of each kernel off its grid, drawn by the seed\n"
  "  --seed S              of data, order and drawn shapes (1)\n"
  "  --passes N            over everything (2)\n"
  "  --core C              where to measure; default: the idlest core\n"
  "  --threads N           up to how many threads; default: all cores; 1: none\n"
  "  --no-cold             nothing with cold caches\n"
  "  --no-interference     nothing with the other cores at work\n"
  "  --time-limit S        seconds; shapes get fewer repetitions, but never less than 9 (quick: 5)\n";

static bool refuse(const char *option, const char *value, const char *what)
{
  fprintf(stderr, "offsim-kernels: error: %s: '%s' is not %s\n", option, value, what);
  return false;
}

static bool read_number(const char *option, const char *value, double low, double high, bool whole, double *x)
{
  char *end, what[96];
  *x = strtod(value, &end);
  if (end != value && !*end && *x >= low && *x <= high && (!whole || *x == (double)(long long)*x))
    return true;
  snprintf(what, sizeof what, "a %snumber from %g to %g", whole ? "whole " : "", low, high);
  return refuse(option, value, what);
}

/* The kernel named by the first `length` bytes. */
static const struct kernel *named(const char *name, size_t length)
{
  char copy[64];
  snprintf(copy, sizeof copy, "%.*s", (int)length, name);
  return kernel_find_or_say(copy);
}

static bool add_kernel(struct wishes *w, const struct kernel *k)
{
  for (int i = 0; i < w->n_kernels; i++)
    if (w->kernel[i] == k)
      return true;
  if (w->n_kernels < PLAN_KERNELS)
    w->kernel[w->n_kernels++] = k;
  return true;
}

static bool read_kernels(struct wishes *w, const char *value)
{
  for (const char *at = value; *at; ) {
    size_t length = strcspn(at, ",");
    const struct kernel *k = named(at, length);
    if (!k)
      return false;
    add_kernel(w, k);
    at += length + (at[length] == ',');
  }
  return w->n_kernels > 0 || refuse("--kernels", value, "a list of kernels");
}

static bool read_shape(struct wishes *w, const char *value)
{
  char why[KERNEL_WHY];
  size_t length = strcspn(value, ":");
  const struct kernel *k = named(value, length);
  if (!k)
    return false;
  if (w->n_shapes == PLAN_SHAPES)
    return refuse("--shape", value, "one of at most 64");
  struct plan_shape *s = &w->shape[w->n_shapes++];
  s->kernel = k;
  if (value[length] && shape_parse(k, value + length + 1, s->p, why))
    return true;
  return refuse("--shape", value, value[length] ? why : "KERNEL:NAME=VALUE,...");
}

static bool read_flag(struct wishes *w, const char *option)
{
  if (strcmp(option, "--quick") == 0)
    return w->quick = true;
  if (strcmp(option, "--no-cold") == 0)
    return w->no_cold = true;
  if (strcmp(option, "--no-interference") == 0)
    return w->no_interference = true;
  return false;
}

static bool read_value(struct wishes *w, const char *option, const char *value)
{
  static const struct { const char *name; double low, high; bool whole; } number[] = {
    {"--seed", 0, 9007199254740991.0, true}, {"--off-grid", 1, 1000, true}, {"--core", 0, 4095, true},
    {"--threads", 1, PLACE_CORES, true}, {"--passes", 1, 9, true}, {"--time-limit", 1, 3600, false},
  };
  double x;
  if (strcmp(option, "--kernels") == 0)
    return read_kernels(w, value);
  if (strcmp(option, "--shape") == 0)
    return read_shape(w, value);
  for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
    if (strcmp(option, number[i].name) == 0) {
      if (!read_number(option, value, number[i].low, number[i].high, number[i].whole, &x))
        return false;
      if (i == 0) w->seed = (uint64_t)x;
      else if (i == 5) w->limit_s = x;
      else *(int *[]){NULL, &w->off_grid, &w->core, &w->threads, &w->passes}[i] = (int)x;
      return true;
    }
  fprintf(stderr, "offsim-kernels: error: unknown option '%s'\n%s", option, wishes_help);
  return false;
}

static bool is_option(const char *word)
{
  return strncmp(word, "--", 2) == 0;
}

/* Without --kernels: all of them; with --shape or --off-grid only the kernels that are named. */
static void complete(struct wishes *w)
{
  bool named_all = w->n_kernels > 0;
  for (int i = 0; i < w->n_shapes; i++)
    add_kernel(w, w->shape[i].kernel);
  if (!named_all && (w->n_shapes == 0 || w->off_grid > 0))
    for (int i = 0; kernel_list[i]; i++)
      add_kernel(w, kernel_list[i]);
}

bool wishes_read(struct wishes *w, int argc, char **argv)
{
  *w = (struct wishes){.core = -1, .passes = 2, .seed = 1};
  for (int i = 1; i < argc; i++) {
    if (read_flag(w, argv[i]))
      continue;
    if (!is_option(argv[i]) || (i + 1 < argc && is_option(argv[i + 1])) || i + 1 == argc) {
      bool known = is_option(argv[i]);
      fprintf(stderr, "offsim-kernels: error: '%s' %s\n%s", argv[i], known ? "is unknown, or needs a value" : "is no option", wishes_help);
      return false;
    }
    if (!read_value(w, argv[i], argv[i + 1]))
      return false;
    i++;
  }
  complete(w);
  return true;
}
