/* files.c: where files are: beside the scenario, in $OFFSIM_DATA, in the share folder. */
#include "scenarios/build.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef OFFSIM_SHARE_DEFAULT
#define OFFSIM_SHARE_DEFAULT "/usr/local/share/offsim"
#endif

static bool is_file(const char *path)
{
  struct stat facts;
  return !stat(path, &facts) && S_ISREG(facts.st_mode);
}

static bool is_folder(const char *path)
{
  struct stat facts;
  return !stat(path, &facts) && S_ISDIR(facts.st_mode);
}

static char *folder_of(struct arena *a, const char *path)
{
  const char *slash = strrchr(path, '/');
  if (!slash)
    return arena_strdup(a, ".");
  return slash == path ? arena_strdup(a, "/") : arena_printf(a, "%.*s", (int)(slash - path), path);
}

/* The folder with presets/ that belongs to the program at `exe`: the source tree that it was built in (build/offsim,
 * build/tests/NAME), or the one that it was installed with (bin/offsim). */
static const char *share_beside(struct arena *a, const char *exe)
{
  char *folder = folder_of(a, exe);
  for (int up = 0; up < 4; up++) {
    const char *source = arena_printf(a, "%s/scenarios", folder),
               *installed = arena_printf(a, "%s/share/offsim", folder);
    if (is_folder(arena_printf(a, "%s/presets", source)))
      return source;
    if (is_folder(arena_printf(a, "%s/presets", installed)))
      return installed;
    folder = folder_of(a, folder);
  }
  return NULL;
}

const char *share_folder(struct arena *a)
{
  const char *named = getenv("OFFSIM_SHARE"), *beside = NULL;
  char exe[PATH_MAX];
  if (named && *named)
    return arena_strdup(a, named);
  ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (n > 0) {
    exe[n] = '\0';
    beside = share_beside(a, exe);
  }
  return beside ? beside : OFFSIM_SHARE_DEFAULT;
}

const char *scenario_find_file(struct arena *a, const char *base, const char *asked, const char **tried)
{
  const char *data = getenv("OFFSIM_DATA"), *share = share_folder(a), *list = "";
  const char *candidates[4];
  size_t n = 0;
  if (asked[0] == '/') {
    candidates[n++] = asked;
  } else {
    const char *rest = strncmp(asked, "./", 2) ? asked : asked + 2;
    candidates[n++] =
        base && strchr(base, '/') ? arena_printf(a, "%s/%s", folder_of(a, base), rest) : arena_strdup(a, rest);
    if (data && *data)
      candidates[n++] = arena_printf(a, "%s/%s", data, asked);
    candidates[n++] = arena_printf(a, "%s/%s", share, asked);
    candidates[n++] = arena_printf(a, "%s/data/%s", share, asked);
  }
  for (size_t i = 0; i < n; i++) {
    if (is_file(candidates[i]))
      return candidates[i];
    list = arena_printf(a, "%s%s%s", list, *list ? ", " : "", candidates[i]);
  }
  if (asked[0] != '/' && (!data || !*data))
    list = arena_printf(a, "%s ($OFFSIM_DATA is not set)", list);
  if (tried)
    *tried = list;
  return NULL;
}

void note_file(struct scenario *s, const char *asked, const char *path, const char *kind, struct hash hash)
{
  struct file_note *grown;
  if (!s)
    return;
  for (int i = 0; i < s->n_files; i++)
    if (!strcmp(s->file[i].path, path) && !strcmp(s->file[i].kind, kind))
      return;
  grown = arena_array(s->arena, struct file_note, s->n_files + 1);
  if (s->n_files)
    memcpy(grown, s->file, (size_t)s->n_files * sizeof *grown);
  grown[s->n_files++] = (struct file_note){arena_strdup(s->arena, asked), arena_strdup(s->arena, path), kind, hash,
                                           file_stamp_of(path)};
  s->file = grown;
}

/* ---- edited since? ----------------------------------------------------------------------------------------------- */

struct file_stamp file_stamp_of(const char *path)
{
  struct stat facts;
  if (stat(path, &facts))
    return (struct file_stamp){0};
  return (struct file_stamp){(int64_t)facts.st_mtim.tv_sec * 1000000000 + facts.st_mtim.tv_nsec, facts.st_size,
                             facts.st_ino};
}

static bool same_stamp(struct file_stamp a, struct file_stamp b)
{
  return a.changed_ns == b.changed_ns && a.bytes == b.bytes && a.number == b.number;
}

/* A file that was only touched, or copied over itself, is the same one. */
const char *scenario_changed_file(const struct scenario *s)
{
  for (int i = 0; i < s->n_files; i++) {
    struct hash now;
    const struct file_note *f = &s->file[i];
    if (!same_stamp(file_stamp_of(f->path), f->stamp) && !(hash_file(f->path, &now) && hash_equal(now, f->hash)))
      return f->path;
  }
  return NULL;
}

const char *scenario_edited_file(const struct scenario *s)
{
  return same_stamp(file_stamp_of(s->path), s->stamp) ? scenario_changed_file(s) : s->path;
}
