#include "experiments/options.h"

#include <string.h>

static bool is_known(const char *word, const char *const *known, size_t n)
{
  for (size_t k = 0; k < n; k++)
    if (!strcmp(word, known[k])) return true;
  return false;
}

bool options_read(const char *command, int argc, char **argv, const char *const *known, size_t n_known, option_fn *take,
                  void *context, const char **subject, struct err *err)
{
  const struct where nowhere = {0};
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i], *near = word[0] == '-' ? nearest(word, known, n_known) : NULL;
    if (is_known(word, known, n_known)) {
      if (!take(context, word, argv[++i], err)) return false;
    } else if (near) {
      return err_add(err, nowhere, "%s: unknown option '%s'; did you mean '%s'?", command, word, near);
    } else if (word[0] == '-') {
      return err_add(err, nowhere, "%s: unknown option '%s'", command, word);
    } else if (*subject) {
      return err_add(err, nowhere, "%s: one only, not also '%s'", command, word);
    } else {
      *subject = word;
    }
  }
  return true;
}
