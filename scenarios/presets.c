/* presets.c: every number of the shipped presets with where it comes from. */
#include "scenarios/presets.h"

#include "scenarios/build.h"
#include <string.h>

enum { MOST = 4096 };

size_t presets_list(struct arena *a, const struct preset_entry **out, struct err *err)
{
  struct preset_entry *all = arena_array(a, struct preset_entry, MOST);
  size_t n = 0;
  for (size_t k = 0; k < N_PRESET_KINDS; k++) {
    const char *const *names;
    size_t count = preset_names(a, preset_folders[k][0], &names);
    for (size_t i = 0; i < count && n < MOST; i++) {
      const struct preset *p = preset_read(a, preset_folders[k][0], names[i], (struct where){0}, NULL, err);
      if (p)
        all[n++] = (struct preset_entry){p->kind, p->name, p->doc, p->path};
    }
  }
  *out = all;
  return n;
}

struct listing { struct arena *arena; struct preset_number *all; size_t n, capacity; };

static void add_number(void *context, const struct preset *p, const char *key, const struct node *number)
{
  struct listing *l = context;
  const struct preset_source *from = preset_source(p, key);
  if (l->n == l->capacity) {
    size_t capacity = l->capacity ? 2 * l->capacity : 64;
    struct preset_number *grown = arena_array(l->arena, struct preset_number, capacity);
    if (l->n)
      memcpy(grown, l->all, l->n * sizeof *grown);
    l->all = grown;
    l->capacity = capacity;
  }
  l->all[l->n++] = (struct preset_number){p->kind,
                                          p->name,
                                          key,
                                          number->text,
                                          from ? from->source : NULL,
                                          from ? from->grade : NULL,
                                          from ? from->year : 0};
}

size_t presets_numbers(struct arena *a, const struct preset_entry *entry, const struct preset_number **out,
                       struct err *err)
{
  struct listing l = {.arena = a};
  const struct preset *p = preset_read(a, entry->kind, entry->name, (struct where){0}, NULL, err);
  if (p)
    preset_numbers(p->value, add_number, &l);
  *out = l.all;
  return l.n;
}
