/* cmd_doctor.c: `offsim doctor [DIR]`: what this machine offers, and what is in the way. */
#include "analysis/store/file_system.h"
#include "experiments/calibrate/measure.h"
#include "experiments/commands.h"
#include "experiments/slurm.h"
#include "experiments/spawn.h"
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

/* Our own traces are written and read without locks (the folder's lock covers them); h5py takes them. */
static void look_at_locks(struct doctor *d, const char *dir)
{
  const char *set = getenv("HDF5_USE_FILE_LOCKING");
  bool off = set && (strcmp(set, "FALSE") == 0 || strcmp(set, "0") == 0);
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool locks = fd >= 0 && (flock(fd, LOCK_SH | LOCK_NB) == 0 || errno == EWOULDBLOCK);
  if (locks || off)
    say(d, GOOD, "HDF5 locks", "%s", off ? "off (HDF5_USE_FILE_LOCKING)" : "work here; h5py reads traces as they are");
  else
    say(d, WARN, "HDF5 locks", "%s: %s; h5py opens traces with HDF5_USE_FILE_LOCKING=FALSE", dir, strerror(errno));
  if (fd >= 0)
    close(fd);
}

static void look_at_folder(struct doctor *d, const char *dir)
{
  struct statvfs space;
  struct file_system kind;
  char why[256];
  if (statvfs(dir, &space) != 0 || !file_system_of(dir, &kind)) {
    say(d, BAD, "folder", "%s: %s", dir, strerror(errno));
    return;
  }
  double gib = (double)space.f_bavail * (double)space.f_frsize / 1073741824.0;
  say(d, gib < 1 ? WARN : GOOD, "folder", "%s: %s, %.1f GiB free", dir, kind.name, gib);
  if (!try_folder(dir, why, sizeof why))
    say(d, BAD, "folder", "%s: %s", dir, why);
  if (kind.network)
    say(d, WARN, "folder", "%s: on a network file system; the catalogue is written from one machine at a time", dir);
  look_at_locks(d, dir);
}

static void look_at_files(struct doctor *d)
{
  struct arena *a = arena_new();
  struct stat st;
  char gnuplot[1024];
  if (spawn_find("gnuplot", gnuplot, sizeof gnuplot))
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

/* The program that times kernels; what it can measure here is `offsim-kernels list`. */
static void look_at_kernels(struct doctor *d)
{
  char program[4096];
  if (kernels_find("offsim-kernels", program, sizeof program))
    say(d, GOOD, "kernels", "%s: `calibrate` can measure this machine", program);
  else
    say(d, WARN, "kernels", "%s is not there: `calibrate` measures nothing (make calibrate-only, or $OFFSIM_KERNELS)", program);
  if (kernels_find("offsim-kernels-cuda", program, sizeof program))
    say(d, GOOD, "kernels", "%s: GPUs by `calibrate --device cuda`", program);
}

static void say_limit(struct doctor *d, const char *what, uint64_t n)
{
  if (n)
    say(d, GOOD, "Slurm", "%s %llu", what, (unsigned long long)n);
}

static void look_at_slurm(struct doctor *d)
{
  struct slurm_limits l;
  char sbatch[1024];
  if (!spawn_find("sbatch", sbatch, sizeof sbatch)) {
    say(d, GOOD, "Slurm", "not here (--launcher template serves other schedulers)");
    return;
  }
  slurm_look(&l);
  if (!l.found) {
    say(d, WARN, "Slurm", "sbatch is here, but its controller does not answer");
    return;
  }
  say(d, GOOD, "Slurm", "%s; %llu of your jobs wait or run", *l.version ? l.version : "of unknown version",
      (unsigned long long)l.queued);
  say_limit(d, "MaxArraySize", l.array_size);
  say_limit(d, "max_array_tasks", l.array_tasks);
  say_limit(d, "MaxJobCount", l.jobs);
  say_limit(d, "MaxSubmitJobs", l.submit);
  if (l.submit && l.submit < l.queued + 2)
    say(d, WARN, "Slurm", "no room for an array job and its merge until some jobs have ended");
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
  look_at_kernels(&d);
  look_at_slurm(&d);
  printf("%d problem%s, %d warning%s\n", d.errors, d.errors == 1 ? "" : "s", d.warnings, d.warnings == 1 ? "" : "s");
  return d.errors ? EXIT_SYSTEM : EXIT_OK;
}
