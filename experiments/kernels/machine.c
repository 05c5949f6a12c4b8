/* machine.c: facts of the machine, from /proc and /sys. */
#include "experiments/kernels/machine.h"
#include "experiments/kernels/ticks.h"
#include <cblas.h>
#include <math.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_SQLITE
#include <sqlite3.h>
#endif

#pragma weak machine_device
#pragma weak machine_device_libraries

enum { LINE = 512, LEVELS = 10 };
static const double CACHE_BYTES = 32 << 20;
static const char CPU_FOLDER[] = "/sys/devices/system/cpu/cpu%d/%s";

char *machine_text(const char *root, const char *path, char *line, int size)
{
  char whole[LINE];
  snprintf(whole, sizeof whole, "%s%s", root, path);
  FILE *f = fopen(whole, "r");
  char *got = f ? fgets(line, size, f) : NULL;
  if (f)
    fclose(f);
  if (got)
    line[strcspn(line, "\n")] = 0;
  return got;
}

double machine_number(const char *root, const char *path)
{
  char line[LINE], *end = line;
  if (!machine_text(root, path, line, sizeof line))
    return NAN;
  double x = strtod(line, &end);
  return end == line ? NAN : x;
}

double machine_load_1(const char *root)
{
  return machine_number(root, "/proc/loadavg");
}

/* The value of the first line "NAME ... : value" of a file. */
static const char *field(const char *root, const char *path, const char *name, char *line, int size)
{
  char whole[LINE];
  snprintf(whole, sizeof whole, "%s%s", root, path);
  FILE *f = fopen(whole, "r");
  const char *value = NULL;
  while (f && !value && fgets(line, size, f))
    if (strncmp(line, name, strlen(name)) == 0 && (value = strchr(line, ':'))) {
      line[strcspn(line, "\n")] = 0;
      value += 1 + strspn(value + 1, " \t");
    }
  if (f)
    fclose(f);
  return value;
}

static bool on_device(struct machine_device *d)
{
  return machine_device && machine_device(d);
}

/* Boards name themselves in the device tree, their cores only by number. */
static void cpu_out(struct out *o, const char *root)
{
  char line[LINE];
  struct machine_device d;
  const char *name = on_device(&d) ? d.name : field(root, "/proc/cpuinfo", "model name", line, sizeof line);
  if (!name)
    name = machine_text(root, "/proc/device-tree/model", line, sizeof line);
  if (!name)
    name = field(root, "/proc/cpuinfo", "Hardware", line, sizeof line);
  out_string(o, "cpu", name ? name : "not told");
}

static char *of_core(int core, const char *file, char *path)
{
  snprintf(path, LINE, CPU_FOLDER, core, file);
  return path;
}

/* Cache i of a core; false: there is none. kind has 32 bytes. */
static bool cache(const char *root, int core, int i, int *level, double *bytes, char *kind)
{
  char file[64], path[LINE], size[32], *unit;
  snprintf(file, sizeof file, "cache/index%d/size", i);
  if (!machine_text(root, of_core(core, file, path), size, sizeof size))
    return false;
  *bytes = strtod(size, &unit) * (*unit == 'K' ? 1024 : *unit == 'M' ? 1048576 : 1);
  snprintf(file, sizeof file, "cache/index%d/level", i);
  *level = (int)machine_number(root, of_core(core, file, path));
  snprintf(file, sizeof file, "cache/index%d/type", i);
  if (!machine_text(root, of_core(core, file, path), kind, 32))
    strcpy(kind, "Unified");
  for (char *c = kind; *c; c++)
    *c = (char)(*c | 0x20);                             /* data, instruction, unified */
  return true;
}

double machine_last_cache_bytes(const char *root, int core)
{
  double most = 0, bytes;
  char kind[32];
  int level;
  for (int i = 0; i < LEVELS && cache(root, core, i, &level, &bytes, kind); i++)
    most = strcmp(kind, "instruction") != 0 ? fmax(most, bytes) : most;
  return most > 0 ? most : CACHE_BYTES;
}

static void cache_out(struct out *o, int level, double bytes, const char *kind)
{
  out_open(o, NULL, '{');
  out_number(o, "level", level);
  out_number(o, "bytes", bytes);
  out_string(o, "kind", kind);
  out_close(o, '}');
}

static void caches_out(struct out *o, const char *root, int core)
{
  double bytes;
  struct machine_device d;
  char kind[32];
  int level;
  out_open(o, "caches", '[');
  if (on_device(&d))
    cache_out(o, 2, d.cache_bytes, "unified");
  else
    for (int i = 0; i < LEVELS && cache(root, core, i, &level, &bytes, kind); i++)
      cache_out(o, level, bytes, kind);
  out_close(o, ']');
}

/* /sys/hypervisor names some; DMI the vendor of others; the flag `hypervisor` is the least. */
static const char *virtual_kind(const char *root, char *line, int size)
{
  if (machine_text(root, "/sys/hypervisor/type", line, size))
    return line;
  char flags[4096];
  const char *f = field(root, "/proc/cpuinfo", "flags", flags, sizeof flags);
  if (!f || !strstr(f, " hypervisor"))
    return NULL;
  if (machine_text(root, "/sys/class/dmi/id/sys_vendor", line, size))
    return line;
  return "yes, kind not told";
}

static void libraries_out(struct out *o)
{
  out_open(o, "libraries", '{');
  if (machine_device_libraries)
    machine_device_libraries(o);
  out_string(o, "openblas", openblas_get_config());
  out_string(o, "openssl", OpenSSL_version(OPENSSL_VERSION));
#ifdef HAVE_ZLIB
  out_string(o, "zlib", zlibVersion());
#else
  out_null(o, "zlib");
#endif
#ifdef HAVE_SQLITE
  out_string(o, "sqlite", sqlite3_libversion());
#else
  out_null(o, "sqlite");
#endif
  out_close(o, '}');
}

static void compiler_out(struct out *o)
{
#ifdef __clang__
  out_string(o, "compiler", "clang " __clang_version__);
#else
  out_string(o, "compiler", "gcc " __VERSION__);
#endif
  out_string(o, "flags", KERNELS_FLAGS);
  libraries_out(o);
}

static void place_out(struct out *o, const struct place *p)
{
  struct machine_device d;
  out_number(o, "cores", on_device(&d) ? 1 : p->cores);
  out_number(o, "core", p->core);
  out_bool(o, "pinned", p->pinned);
  out_string(o, "pin_problem", p->pinned ? NULL : p->problem);
  out_number(o, "nice", p->nice);
}

static void speed_out(struct out *o, const char *root, int core)
{
  char path[LINE], governor[64];
  struct machine_device d;
  if (on_device(&d)) {
    out_null(o, "governor");
    out_number(o, "frequency_hz", d.frequency_hz);
    out_null(o, "temperature_c");
    out_number(o, "memory_bytes", d.memory_bytes);
    return;
  }
  out_string(o, "governor", machine_text(root, of_core(core, "cpufreq/scaling_governor", path), governor, sizeof governor));
  out_number(o, "frequency_hz", 1e3 * machine_number(root, of_core(core, "cpufreq/scaling_cur_freq", path)));
  out_number(o, "temperature_c", 1e-3 * machine_number(root, "/sys/class/thermal/thermal_zone0/temp"));
  out_number(o, "memory_bytes", (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE));
}

static double steal_since_boot(const char *root)
{
  struct ticks t = ticks_now(root);
  return t.total > 0 ? t.steal / t.total : NAN;
}

void machine_out(FILE *file, const char *root, const struct place *p, const struct sensor *s, const char *counters)
{
  struct utsname u;
  char line[LINE], kernel[sizeof u.sysname + sizeof u.release + 2] = "not told";
  bool told = uname(&u) == 0;
  if (told)
    snprintf(kernel, sizeof kernel, "%s %s", u.sysname, u.release);
  struct out o;
  out_line(&o, file);
  out_string(&o, "type", "machine");
  cpu_out(&o, root);
  out_string(&o, "architecture", told ? u.machine : "not told");
  place_out(&o, p);
  speed_out(&o, root, p->core);
  caches_out(&o, root, p->core);
  out_string(&o, "kernel", kernel);
  out_string(&o, "virtual", virtual_kind(root, line, sizeof line));
  compiler_out(&o);
  out_number(&o, "load_1", machine_load_1(root));
  out_number(&o, "steal_share", steal_since_boot(root));
  out_string(&o, "rapl", s->problem[0] ? s->problem : s->kind);
  out_string(&o, "counters", counters);
  out_end(&o);
}
