#include "experiments/options.h"

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
