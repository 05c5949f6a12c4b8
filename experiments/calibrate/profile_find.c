/* profile_find.c: a word without a folder and without .yaml that is no file is the name of a preset of hardware. */
#include "experiments/calibrate/profile_find.h"
#include "scenarios/build.h"

#include <string.h>
#include <unistd.h>

static bool names_a_file(const char *word)
{
  size_t n = strlen(word);
  return strchr(word, '/') || (n > 5 && !strcmp(word + n - 5, ".yaml")) || access(word, F_OK) == 0;
}

static const char *preset_path(struct arena *a, const char *name, struct err *e)
{
  const struct preset *p = NULL;
  const char *const *names;
  size_t n = preset_names(a, "hardware", &names);
  for (size_t i = 0; i < n && !p; i++)
    if (!strcmp(names[i], name))
      p = preset_read(a, "hardware", name, (struct where){0}, NULL, e);
  if (p || err_any(e))
    return p ? p->path : NULL;
  const char *near = nearest_or_begun(name, names, n);
  err_add(e, (struct where){0}, "profile: no file '%.200s', and no shipped hardware of that name%s%s%s (`offsim presets` lists them)", name,
          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  return NULL;
}

const struct profile *profile_find(struct arena *a, const char *word, struct err *e)
{
  const char *path = names_a_file(word) ? word : preset_path(a, word, e);
  return path ? profile_load(a, path, e) : NULL;
}
