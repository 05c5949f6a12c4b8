/* sensor.c: RAPL (Linux: power/powercap/powercap.rst) and hwmon (hwmon/sysfs-interface.rst). The packages of all sockets
 * are added; so a joule here is of the whole processor, whatever else it did meanwhile. */
#include "experiments/kernels/sensor.h"
#include "experiments/kernels/clock.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double read_number(const char *path)
{
  char line[64], *end = line;
  FILE *f = fopen(path, "r");
  double x = f && fgets(line, sizeof line, f) ? strtod(line, &end) : NAN;
  if (f)
    fclose(f);
  return end == line ? NAN : x;
}

/* Adds a file that can be read; false: there is none, or it may not be read (then problem says so). */
static bool add(struct sensor *s, const char *path, const char *range)
{
  FILE *f = fopen(path, "r");
  if (!f) {
    if (errno != ENOENT && errno != ENOTDIR)
      snprintf(s->problem, sizeof s->problem, "unavailable: %.100s: %s", path, strerror(errno));
    return false;
  }
  fclose(f);
  struct sensor_file *file = &s->file[s->n];
  if (!isfinite(read_number(path)))
    return false;
  snprintf(file->path, sizeof file->path, "%s", path);
  file->range = range ? read_number(range) : NAN;
  s->n++;
  return true;
}

static void find_rapl(struct sensor *s, const char *root)
{
  char path[288], range[288];
  s->kind = "available";
  s->counter = true;
  for (int i = 0; i < SENSOR_FILES; i++) {
    snprintf(path, sizeof path, "%.200s/sys/class/powercap/intel-rapl:%d/energy_uj", root, i);
    snprintf(range, sizeof range, "%.200s/sys/class/powercap/intel-rapl:%d/max_energy_range_uj", root, i);
    if (!add(s, path, range))
      break;
  }
}

static void find_board(struct sensor *s, const char *root)
{
  char path[288];
  s->kind = "board sensor";
  s->counter = false;
  for (int i = 0; i < 32 && s->n == 0; i++) {
    snprintf(path, sizeof path, "%.200s/sys/class/hwmon/hwmon%d/power1_input", root, i);
    add(s, path, NULL);
  }
}

void sensor_find(struct sensor *s, const char *root)
{
  memset(s, 0, sizeof *s);
  find_rapl(s, root);
  if (s->n == 0)
    find_board(s, root);
  if (s->n > 0)
    s->problem[0] = 0;
  else if (!s->problem[0])
    snprintf(s->problem, sizeof s->problem, "unavailable: neither /sys/class/powercap nor a power sensor in /sys/class/hwmon");
}

void sensor_read(const struct sensor *s, struct sensor_reading *r)
{
  for (int i = 0; i < s->n; i++)
    r->value[i] = read_number(s->file[i].path);
  r->wall_ns = clock_wall_ns();
}

double sensor_joule(const struct sensor *s, const struct sensor_reading *from, const struct sensor_reading *to)
{
  double micro = s->n > 0 ? 0 : NAN, seconds = 1e-9 * (double)(to->wall_ns - from->wall_ns);
  for (int i = 0; i < s->n; i++) {
    double difference = to->value[i] - from->value[i];
    if (s->counter)
      micro += difference < 0 ? difference + s->file[i].range : difference;     /* it wrapped */
    else
      micro += 0.5 * (to->value[i] + from->value[i]) * seconds;
  }
  return 1e-6 * micro;
}
