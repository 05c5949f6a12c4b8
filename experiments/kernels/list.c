/* list.c: the commands that only tell: list, describe. */
#include "experiments/kernels/commands.h"
#include "experiments/kernels/list.h"
#include "experiments/kernels/shape.h"
#include <stdio.h>
#include <string.h>

const char *kernel_why_not(const struct kernel *k)
{
  return k->unavailable ? k->unavailable() : NULL;
}

const char *kernel_bound_name(enum kernel_bound b)
{
  return b == BOUND_COMPUTE ? "compute" : b == BOUND_MEMORY ? "memory" : "system";
}

void kernel_facts_out(struct out *o, const struct kernel *k)
{
  out_string(o, "type", "kernel");
  out_string(o, "name", k->name);
  out_number(o, "version", k->version);
  out_string(o, "unit", k->unit);
  out_string(o, "bound", kernel_bound_name(k->bound));
  out_open(o, "parameters", '[');
  for (int i = 0; i < k->n_parameters; i++)
    out_string(o, NULL, k->parameter[i].name);
  out_close(o, ']');
  out_strings(o, "axes", k->axis, k->n_axes);
  const char *why = kernel_why_not(k);
  out_bool(o, "available", !why);
  out_string(o, "why", why);
}

static void grid_out(struct out *o, const char *key, const struct kernel *k, const struct kernel_grid *g)
{
  out_open(o, key, '[');
  for (int i = 0; i < g->n; i++)
    shape_out(o, NULL, k, g->p[i]);
  out_close(o, ']');
}

int kernels_list(int argc, char **argv)
{
  if (argc > 1) {
    fprintf(stderr, "offsim-kernels: error: list takes no arguments, not '%s'\n", argv[1]);
    return KERNELS_USER;
  }
  for (int i = 0; kernel_list[i]; i++) {
    struct out o;
    out_line(&o, stdout);
    kernel_facts_out(&o, kernel_list[i]);
    grid_out(&o, "full", kernel_list[i], &kernel_list[i]->full);
    grid_out(&o, "quick", kernel_list[i], &kernel_list[i]->quick);
    out_end(&o);
  }
  return KERNELS_OK;
}

const struct kernel *kernel_find_or_say(const char *name)
{
  const struct kernel *k = kernel_find(name);
  if (k)
    return k;
  fprintf(stderr, "offsim-kernels: error: no kernel '%s'; there are:", name);
  for (int i = 0; kernel_list[i]; i++)
    fprintf(stderr, "%s %s", i ? "," : "", kernel_list[i]->name);
  fputc('\n', stderr);
  return NULL;
}

static void describe_shape(const struct kernel *k, const double *p)
{
  struct out o;
  out_line(&o, stdout);
  kernel_facts_out(&o, k);
  shape_out(&o, "shape", k, p);
  shape_work_out(&o, k, p);
  out_end(&o);
}

int kernels_describe(int argc, char **argv)
{
  bool shaped = argc == 4 && strcmp(argv[2], "--set") == 0;
  if (argc != 2 && !shaped) {
    fputs("offsim-kernels: error: describe KERNEL [--set NAME=VALUE,...]\n", stderr);
    return KERNELS_USER;
  }
  const struct kernel *k = kernel_find_or_say(argv[1]);
  if (!k)
    return KERNELS_USER;
  if (!shaped) {                                        /* every shape of its grid */
    for (int i = 0; i < k->full.n; i++)
      describe_shape(k, k->full.p[i]);
    return KERNELS_OK;
  }
  double p[KERNEL_PARAMETERS];
  char why[KERNEL_WHY];
  if (!shape_parse(k, argv[3], p, why)) {
    fprintf(stderr, "offsim-kernels: error: --set: %s\n", why);
    return KERNELS_USER;
  }
  describe_shape(k, p);
  return KERNELS_OK;
}
