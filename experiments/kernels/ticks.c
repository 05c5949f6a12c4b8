/* ticks.c: /proc/stat (proc(5)): user nice system idle iowait irq softirq steal, of all cores and of each. */
#include "experiments/kernels/ticks.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 8, IDLE = 3, STEAL = 7, LINE = 512 };

/* The columns of the line that begins with `name` and a blank. */
static bool columns(const char *root, const char *name, double *column)
{
  char path[LINE], line[LINE];
  snprintf(path, sizeof path, "%s/proc/stat", root);
  FILE *f = fopen(path, "r");
  bool found = false;
  while (f && !found && fgets(line, sizeof line, f)) {
    size_t n = strlen(name);
    found = strncmp(line, name, n) == 0 && line[n] == ' ';
  }
  if (f)
    fclose(f);
  char *at = line + strlen(name);
  for (int i = 0; found && i < COLUMNS; i++)
    column[i] = strtod(at, &at);
  return found;
}

double ticks_idle(const char *root, int core)
{
  char name[32];
  double column[COLUMNS];
  snprintf(name, sizeof name, "cpu%d", core);
  return columns(root, name, column) ? column[IDLE] : 0;
}

struct ticks ticks_now(const char *root)
{
  double column[COLUMNS];
  struct ticks t = {NAN, NAN};
  if (!columns(root, "cpu", column))
    return t;
  t.total = 0;
  for (int i = 0; i < COLUMNS; i++)
    t.total += column[i];
  t.steal = column[STEAL];
  return t;
}

double ticks_steal_since(const char *root, struct ticks then)
{
  struct ticks now = ticks_now(root);
  double total = now.total - then.total;
  return total > 0 ? (now.steal - then.steal) / total : NAN;
}
