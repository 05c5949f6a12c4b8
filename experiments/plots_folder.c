/* plots_folder.c: find theme.gp. */
#include "experiments/plots_folder.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"

#include <string.h>
#include <unistd.h>

char *plots_folder(struct err *err)
{
  struct arena *a = arena_new();
  const char *share = share_folder(a);
  const char *const candidates[] = {arena_printf(a, "%s/plots", share), arena_printf(a, "%s/../analysis/plots", share)};
  char *found = NULL;
  for (int i = 0; i < 2 && !found; i++)
    if (!access(arena_printf(a, "%s/theme.gp", candidates[i]), R_OK)) found = strdup(candidates[i]);
  if (!found) err_system(err, "no scripts for figures: looked for theme.gp in %s and %s", candidates[0], candidates[1]);
  arena_free(a);
  return found;
}
