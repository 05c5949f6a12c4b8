#include "experiments/options.h"
#include "analysis/points.h"

#include <string.h>

static bool is_known(const char *word, const char *const *known, size_t n)
{
  for (size_t k = 0; k < n; k++)
    if (!strcmp(word, known[k])) return true;
  return false;
}

bool options_unknown(const char *command, const char *word, const char *const *known, size_t n_known, struct err *err)
{
  const char *near = nearest(word, known, n_known);
  return err_add(err, (struct where){0}, "%s: unknown option '%s'%s%s%s", command, word, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
}

bool options_read(const char *command, int argc, char **argv, const char *const *known, size_t n_known, option_fn *take,
                  void *context, const char **subject, struct err *err)
{
  const struct where nowhere = {0};
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i];
    if (is_known(word, known, n_known)) {
      if (!take(context, word, argv[++i], err)) return false;
    } else if (word[0] == '-') {
      return options_unknown(command, word, known, n_known, err);
    } else if (*subject) {
      return err_add(err, nowhere, "%s: one only, not also '%s'", command, word);
    } else {
      *subject = word;
    }
  }
  return true;
}

bool options_flag(const struct option_flag *all, size_t n, const char *word)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(word, all[i].word))
      return *all[i].set = true;
  return false;
}

int options_flags(int argc, char **argv, const struct option_flag *all, size_t n_all)
{
  int n = 0;
  for (int i = 0; i < argc; i++)
    if (i == 0 || !options_flag(all, n_all, argv[i]))
      argv[n++] = argv[i];
  return n;
}

bool options_text(const struct option_text *all, size_t n, const char *option, const char *value)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(option, all[i].option)) {
      *all[i].to = value;
      return true;
    }
  return false;
}

bool options_set(const char *before, const char *text, struct arena *a, struct override *set, size_t *n_sets,
                 struct err *err)
{
  const char *equals = text ? strchr(text, '=') : NULL;
  if (!equals || equals == text)
    return err_add(err, (struct where){0}, text ? "%s--set needs PATH=VALUE, not '%s'" : "%s--set needs PATH=VALUE",
                   before, text);
  set[(*n_sets)++] = (struct override){arena_printf(a, "%.*s", (int)(equals - text), text), equals + 1};
  return true;
}

bool options_where(const char *before, char *text, struct points_where *where, struct err *err)
{
  char *equals = strchr(text, '=');
  if (!equals || equals == text || !equals[1] || strcspn(text, " <>!") < (size_t)(equals - text) || equals[1] == '='
      || strstr(equals, " and ") || strstr(equals, " or "))
    return err_add(err, (struct where){0}, "%s--where takes FACTOR=VALUE (more of them: --where again), not '%s'", before, text);
  *equals = '\0';
  *where = (struct points_where){text, equals + 1};
  return true;
}
