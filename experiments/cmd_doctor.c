/* cmd_doctor.c: `offsim doctor [DIR]`: what this machine offers, and what is in the way. */
#include "experiments/commands.h"
#include "experiments/study.h"
#include "experiments/version.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum grade { GOOD, WARN, BAD };
struct doctor { int warnings, errors; };

static void say(struct doctor *d, enum grade grade, const char *what, const char *format, ...) PRINTF_LIKE(4, 5);
static void say(struct doctor *d, enum grade grade, const char *what, const char *format, ...)
{
  static const char *const mark[] = {"ok  ", "warn", "BAD "};
  char text[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  d->warnings += grade == WARN;
  d->errors += grade == BAD;
  printf("%s  %-14s %s\n", mark[grade], what, text);
}

static void look_at_program(struct doctor *d)
{
  char abi[16], libraries[256];
  version_abi(abi, sizeof abi);
  study_libraries(libraries, sizeof libraries);
  say(d, GOOD, "program", "offsim %s (%s), policy ABI %s", version_text(), version_git(), abi);
  say(d, GOOD, "compiler", "%s, %s", version_compiler(), version_flags());
  say(d, GOOD, "libraries", "%s", libraries);
}

static void look_at_machine(struct doctor *d)
{
  double gib = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 1073741824.0;
  say(d, GOOD, "cores", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
  say(d, gib < 2 ? WARN : GOOD, "memory", "%.1f GiB", gib);
  char governor[64] = "";
  FILE *f = fopen("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "r");
  if (f && fgets(governor, sizeof governor, f)) {
    governor[strcspn(governor, "\n")] = 0;
    say(d, strcmp(governor, "powersave") == 0 ? WARN : GOOD, "cpu frequency", "governor %s%s", governor,
        strcmp(governor, "powersave") == 0 ? ": `bench` and `calibrate` will vary" : "");
  }
  if (f)
    fclose(f);
}

static void look_at_limit(struct doctor *d, const char *what, int resource, rlim_t wanted, rlim_t unit,
                          const char *unit_name)
{
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0)
    return;
  if (limit.rlim_cur == RLIM_INFINITY)
    say(d, GOOD, what, "no limit");
  else
    say(d, limit.rlim_cur < wanted ? WARN : GOOD, what, "at most %llu%s", (unsigned long long)(limit.rlim_cur / unit),
        unit_name);
}

static const char *file_system_name(long type)
{
  static const struct { long type; const char *name; } known[] = {
    {0xEF53, "ext4"}, {0x9123683E, "btrfs"}, {0x58465342, "xfs"}, {0x01021994, "tmpfs"}, {0x794c7630, "overlay"},
    {0x6969, "nfs"}, {0x0BD00BD0, "lustre"}, {0x47504653, "gpfs"}, {0xFF534D42, "cifs"}, {0x2FC12FC1, "zfs"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].type == type)
      return known[i].name;
  return "other";
}

/* What a catalogue and a trace need of a folder: locks, durable writes, renaming over. */
static bool try_folder(const char *dir, char *why, size_t size)
{
  char from[512], to[560];
  snprintf(from, sizeof from, "%s/.offsim-doctor-XXXXXX", dir);
  int fd = mkostemp(from, O_CLOEXEC);
  const char *step = "make a file";
  bool ok = fd >= 0;
  if (ok)
    snprintf(to, sizeof to, "%s.renamed", from);
  if (ok && (step = "lock a file", flock(fd, LOCK_EX | LOCK_NB) != 0))
    ok = false;
  if (ok && (step = "write", write(fd, "x", 1) != 1))
    ok = false;
  if (ok && (step = "fsync", fsync(fd) != 0))
    ok = false;
  if (ok && (step = "rename", rename(from, to) != 0))
    ok = false;
  snprintf(why, size, "cannot %s: %s", step, strerror(errno));
  if (fd >= 0) {
    close(fd);
    unlink(ok ? to : from);
  }
  return ok;
}

static void look_at_folder(struct doctor *d, const char *dir)
{
  struct statvfs space;
  struct statfs kind;
  char why[256];
  if (statvfs(dir, &space) != 0 || statfs(dir, &kind) != 0) {
    say(d, BAD, "folder", "%s: %s", dir, strerror(errno));
    return;
  }
  double gib = (double)space.f_bavail * (double)space.f_frsize / 1073741824.0;
  const char *name = file_system_name((long)kind.f_type);
  say(d, gib < 1 ? WARN : GOOD, "folder", "%s: %s, %.1f GiB free", dir, name, gib);
  if (!try_folder(dir, why, sizeof why))
    say(d, BAD, "folder", "%s: %s", dir, why);
  if (strcmp(name, "nfs") == 0 || strcmp(name, "cifs") == 0)
    say(d, WARN, "folder", "%s: on a network; let one machine at a time write into a results folder", dir);
}

static bool find_program(const char *name, char *out, size_t size)
{
  const char *path = getenv("PATH");
  while (path && *path) {
    size_t n = strcspn(path, ":");
    snprintf(out, size, "%.*s/%s", (int)n, path, name);
    if (access(out, X_OK) == 0)
      return true;
    path += n + (path[n] == ':');
  }
  return false;
}

static void look_at_files(struct doctor *d)
{
  struct arena *a = arena_new();
  struct stat st;
  char gnuplot[1024];
  if (find_program("gnuplot", gnuplot, sizeof gnuplot))
    say(d, GOOD, "gnuplot", "%s", gnuplot);
  else
    say(d, WARN, "gnuplot", "not found: `plot` and `report` draw nothing (Debian: gnuplot-nox)");
  const char *share = share_folder(a), *data = getenv("OFFSIM_DATA");
  if (share && stat(share, &st) == 0)
    say(d, GOOD, "presets", "%s", share);
  else
    say(d, BAD, "presets", "the folder with presets and shipped scenarios is not found; set OFFSIM_SHARE");
  if (!data)
    say(d, GOOD, "data", "OFFSIM_DATA is not set: scenarios use the fits of their traces");
  else if (stat(data, &st) == 0 && S_ISDIR(st.st_mode))
    say(d, GOOD, "data", "%s", data);
  else
    say(d, WARN, "data", "OFFSIM_DATA names %s, which is no folder", data);
  arena_free(a);
}

int cmd_doctor(int argc, char **argv)
{
  struct doctor d = {0};
  if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fprintf(help ? stdout : stderr, "usage: offsim doctor [DIR]\n");
    return help ? EXIT_OK : EXIT_USER;
  }
  look_at_program(&d);
  look_at_machine(&d);
  look_at_limit(&d, "open files", RLIMIT_NOFILE, 256, 1, "");
  look_at_limit(&d, "file size", RLIMIT_FSIZE, (rlim_t)1 << 32, 1 << 20, " MiB");
  look_at_limit(&d, "address space", RLIMIT_AS, (rlim_t)1 << 32, 1 << 20, " MiB");
  look_at_limit(&d, "processes", RLIMIT_NPROC, 64, 1, "");
  look_at_folder(&d, argc == 2 ? argv[1] : ".");
  look_at_files(&d);
  printf("%d problem%s, %d warning%s\n", d.errors, d.errors == 1 ? "" : "s", d.warnings, d.warnings == 1 ? "" : "s");
  return d.errors ? EXIT_SYSTEM : EXIT_OK;
}
