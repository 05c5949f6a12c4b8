/* calibration_files.c: everything is written under a passing name and looked at before it takes its place. */
#include "experiments/calibrate/calibration_files.h"
#include "experiments/calibrate/profile_print.h"
#include "analysis/text.h"
#include "scenarios/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool profile_may_be(const char *command, const char *path, struct err *e)
{
  struct stat there;
  size_t n = strlen(path);
  if (n < 6 || strcmp(path + n - 5, ".yaml") != 0)
    return err_add(e, (struct where){0}, "%s: -o names a file that ends in .yaml, not '%s'", command, path);
  if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
    return err_add(e, (struct where){0}, "%s: -o: '%s' is there and no file", command, path);
  return true;
}

struct calibration_files calibration_files_of(const char *profile, bool keeps_raw, struct arena *a)
{
  const char *stem = arena_printf(a, "%.*s", (int)(strlen(profile) - strlen(".yaml")), profile);
  const char *raw = keeps_raw ? arena_printf(a, "%s.raw.jsonl", stem) : NULL;
  const char *part = arena_printf(a, "%s.%ld.part", stem, (long)getpid());
  return (struct calibration_files){
    .profile = profile, .profile_part = arena_printf(a, "%s.yaml", part), .raw = raw,
    .raw_part = raw ? arena_printf(a, "%s.raw.jsonl", part) : NULL, .samples = arena_printf(a, "%s.h5", stem),
    .samples_part = arena_printf(a, "%s.h5", part), .figures = arena_printf(a, "%s-figures", stem)};
}

static const char *base_name(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

bool file_move(const char *from, const char *to, struct err *e)
{
  return !from || rename(from, to) == 0 || err_system(e, "cannot write %s: %s", to, strerror(errno));
}

/* 0, or why not. */
static int on_disk(const char *path, int flags)
{
  int file = open(path, flags | O_CLOEXEC), why = 0;
  if (file < 0 || fsync(file) != 0)
    why = errno;
  if (file >= 0)
    close(file);
  return why;
}

bool file_sync(const char *path, struct err *e)
{
  int why = path ? on_disk(path, O_RDONLY) : 0;
  return why == 0 || err_system(e, "cannot write %s: %s", path, strerror(why));
}

void file_sync_folder(const char *path_in_it)
{
  char *folder = grab_text(path_in_it), *slash = strrchr(folder, '/');
  if (slash)
    slash[1] = '\0';
  int why = on_disk(slash ? folder : ".", O_RDONLY | O_DIRECTORY);
  if (why)
    fprintf(stderr, "offsim: warning: %s is written, but its folder cannot be synced: %s\n", path_in_it, strerror(why));
  free(folder);
}

/* A folder or a device where a file is to go would stop the second or third renaming half-way. */
static bool may_be_replaced(const char *path, struct err *e)
{
  struct stat there;
  return !path || lstat(path, &there) != 0 || S_ISREG(there.st_mode) || S_ISLNK(there.st_mode)
         || err_add(e, (struct where){0}, "'%s' is there and no file; the calibration's would take its place", path);
}

bool calibration_may_publish(const struct calibration_files *f, struct err *e)
{
  return may_be_replaced(f->samples, e) && may_be_replaced(f->raw, e) && may_be_replaced(f->profile, e);
}

static bool put_in_place(const struct calibration_files *f, struct err *e)
{
  bool good = calibration_may_publish(f, e) && file_sync(f->raw_part, e) && file_sync(f->profile_part, e)
              && file_move(f->samples_part, f->samples, e) && file_move(f->raw_part, f->raw, e)
              && file_move(f->profile_part, f->profile, e);
  if (good)
    file_sync_folder(f->profile);
  return good;
}

bool errors_of_part(const struct err *found, const char *file, const char *before, struct err *e)
{
  bool none = true;
  for (size_t i = 0; i < found->n; i++)
    if (!found->problems[i].warning)
      none = err_add(e, (struct where){.file = file}, "%s: %s", before, found->problems[i].message);
  return none;
}

/* The simulator's own reader must take it. */
static bool read_back(const struct calibration *c, const char *path, struct err *e)
{
  struct err found;
  err_init(&found);
  bool good = profile_load(c->arena, path, &found) != NULL;
  good = errors_of_part(&found, c->raw->file, "its profile would be refused", e) && good;
  err_release(&found);
  return good;
}

static void draw(const struct calibration *c, const struct calibration_files *f, const char *format)
{
  struct err e;
  int n = 0;
  err_init(&e);
  if (!calibration_draw(c, f->figures, format ? format : "svg", &n, &e))
    fprintf(stderr, "offsim: warning: figures: %s\n", e.n ? e.problems[0].message : "cannot be drawn");
  err_release(&e);
}

bool calibration_publish(const struct calibration *c, const struct calibration_files *f, const char *format, struct err *e)
{
  bool good = calibration_write(c, f->profile_part, base_name(f->samples), e) && read_back(c, f->profile_part, e)
              && calibration_store(c->raw, f->samples_part, e) && put_in_place(f, e);
  if (good && (!format || strcmp(format, "none")))
    draw(c, f, format);
  return good;
}

void calibration_clean(const struct calibration_files *f)
{
  unlink(f->profile_part);
  unlink(f->samples_part);
  if (f->raw_part)
    unlink(f->raw_part);
}

/* ---- what is said ------------------------------------------------------------------------------------------------------ */

enum { NAMED_MOST = 6 };

static void tell_unstable(const struct calibration *c)
{
  int n = c->n_unstable;
  if (n == 0)
    return;
  fprintf(stderr, "unstable: %d of %zu samples did not settle (fitted all the same; the band has grown with them):\n", n,
          c->raw->n_samples);
  for (int i = 0; i < n && i < NAMED_MOST; i++)
    fprintf(stderr, "  %s\n", c->unstable[i]);
  if (n > NAMED_MOST)
    fprintf(stderr, "  and %d more: `measured.unstable` of the profile names all\n", n - NAMED_MOST);
}

static void tell_notes(const char *what, const struct calibration_note *note, int n)
{
  for (int i = 0; i < n; i++)
    fprintf(stderr, "%s: %s: %s\n", what, note[i].name, note[i].why);
}

/* What a reader of the numbers should know about the machine. */
static void tell_machine(const struct calibration *c)
{
  const struct raw *r = c->raw;
  double steal = isfinite(r->end_steal_share) ? r->end_steal_share : r->machine.steal_share;
  if (!r->machine.pinned)
    fprintf(stderr, "not pinned to a core%s%s\n", r->machine.pin_problem ? ": " : "",
            r->machine.pin_problem ? r->machine.pin_problem : "");
  if (steal > 0.01)
    fprintf(stderr, "busy: the hypervisor took %.1f %% of the time\n", 100 * steal);
  if (r->machine.load_1 > 0.5)
    fprintf(stderr, "busy: load %.1f as it began; a quiet machine gives narrower bands\n", r->machine.load_1);
  if (fabs(c->drift) > 0.03)
    fprintf(stderr, "drift: the sentinel took %+.1f %% more at the end than at the beginning\n", 100 * c->drift);
  if (r->machine.governor && !strcmp(r->machine.governor, "powersave"))
    fprintf(stderr, "the governor is powersave: the clock varies with the load\n");
}

static void tell_files(const struct calibration_files *f)
{
  fprintf(stderr, "\nwrote %s\n", f->profile);
  if (f->raw)
    fprintf(stderr, "      %s (raw lines; `offsim calibrate --from` fits them again)\n", f->raw);
  fprintf(stderr, "      %s (samples in HDF5)\n", f->samples);
  if (access(f->figures, R_OK) == 0)
    fprintf(stderr, "      %s/ (measured against fitted, residuals, roofline)\n", f->figures);
  fprintf(stderr, "next: in a scenario beside it, write at a place\n"
                  "        hardware: %s\n"
                  "      and tasks with `work: {kernel: NAME, ...}`; `offsim profile show %s` shows this table again\n",
          base_name(f->profile), f->profile);
}

void calibration_tell(const struct calibration *c, const struct calibration_files *f, bool as_json, bool quiet)
{
  struct err e;
  err_init(&e);
  const struct profile *p = profile_load(c->arena, f->profile, &e);
  if (p && as_json)
    profile_print_json(p, NULL, 0);
  else if (p)
    profile_print_table(p);
  err_release(&e);
  fflush(stdout);
  if (quiet)
    return;
  fprintf(stderr, "\n");
  tell_machine(c);
  tell_unstable(c);
  tell_notes("self-check failed, its times are not used", c->failed, c->n_failed);
  tell_notes("unavailable", c->unavailable, c->n_unavailable);
  tell_notes("not in the profile", c->left_out, c->n_left_out);
  tell_files(f);
}
