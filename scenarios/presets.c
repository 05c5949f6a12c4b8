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

struct listing { struct arena *arena; bool words; struct preset_number *all; size_t n, capacity; };

static void add_value(void *context, const struct preset *p, const char *key, const struct node *value)
{
  struct listing *l = context;
  bool number = preset_is_number(value);
  if (!number && !l->words)
    return;
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
                                          value->text,
                                          number && from ? from->source : NULL,
                                          number && from ? from->grade : NULL,
                                          number && from ? from->year : 0,
                                          !number};
}

static size_t values(struct arena *a, const struct preset_entry *entry, bool words, const struct preset_number **out,
                     struct err *err)
{
  struct listing l = {.arena = a, .words = words};
  const struct preset *p = preset_read(a, entry->kind, entry->name, (struct where){0}, NULL, err);
  if (p)
    preset_leaves(p->value, add_value, &l);
  *out = l.all;
  return l.n;
}

size_t presets_numbers(struct arena *a, const struct preset_entry *entry, const struct preset_number **out,
                       struct err *err)
{
  return values(a, entry, false, out, err);
}

size_t presets_values(struct arena *a, const struct preset_entry *entry, const struct preset_number **out,
                      struct err *err)
{
  return values(a, entry, true, out, err);
}
