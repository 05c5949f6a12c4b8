/* template.c: differences of trees, and texts put together from pieces.
 *
 * A key that is absent in some documents takes its comma along: a comma is written before a key unless the byte before
 * is the brace that opens its map. So the text is right whichever keys are there.
 */
#include "experiments/template.h"
#include "sim/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP '\1'

/* ---- paths ------------------------------------------------------------------------------------------------------- */

static bool is_inside(const char *path, const char *outer)
{
  size_t n = strlen(outer);
  return !strncmp(path, outer, n) && (!path[n] || path[n] == STEP);
}

/* Keep the outermost. */
static void paths_add(struct arena *a, struct paths *all, const char *path)
{
  size_t kept = 0;
  for (size_t i = 0; i < all->n; i++)
    if (is_inside(path, all->path[i]))
      return;
  for (size_t i = 0; i < all->n; i++)
    if (!is_inside(all->path[i], path))
      all->path[kept++] = all->path[i];
  const char **grown = arena_array(a, const char *, kept + 1);
  if (kept)
    memcpy(grown, all->path, kept * sizeof *grown);
  grown[kept] = path;
  *all = (struct paths){grown, kept + 1};
}

bool paths_touch(const struct paths *a, const struct paths *b)
{
  for (size_t i = 0; i < a->n; i++)
    for (size_t k = 0; k < b->n; k++)
      if (is_inside(a->path[i], b->path[k]) || is_inside(b->path[k], a->path[i]))
        return true;
  return false;
}

/* ---- differences ------------------------------------------------------------------------------------------------- */

static bool same_text(const json *a, const json *b)
{
  char *x = json_write_canonical(a), *y = json_write_canonical(b);
  bool same = !strcmp(x, y);
  free(x);
  free(y);
  return same;
}

static void differences(struct arena *, const json *, const json *, const char *path, struct paths *);

static void map_differences(struct arena *a, const json *x, const json *y, const char *path, struct paths *all)
{
  const json *both[2] = {x, y};
  for (int side = 0; side < 2; side++) {
    size_t n;
    const char **key = json_keys_sorted(both[side], &n);
    for (size_t i = 0; i < n; i++) {
      const json *other = json_at(both[!side], key[i]);
      const char *below = arena_printf(a, "%s%c%s", path, STEP, key[i]);
      if (!other)
        paths_add(a, all, below);
      else if (side == 0)
        differences(a, json_at(x, key[i]), other, below, all);
    }
    free(key);
  }
}

static void differences(struct arena *a, const json *x, const json *y, const char *path, struct paths *all)
{
  if (same_text(x, y))
    return;
  if (json_is_map(x) && json_is_map(y)) {
    map_differences(a, x, y, path, all);
  } else if (json_is_list(x) && json_is_list(y) && json_count(x) == json_count(y)) {
    for (size_t i = 0; i < json_count(x); i++)
      differences(a, json_nth(x, i), json_nth(y, i), arena_printf(a, "%s%c%zu", path, STEP, i), all);
  } else {
    paths_add(a, all, path);
  }
}

void document_differences(struct arena *a, const struct document *x, const struct document *y, struct paths *all)
{
  if (x->tree && y->tree)
    differences(a, x->tree, y->tree, "", all);
  else if (x->tree || y->tree || x->n != y->n || memcmp(x->bytes, y->bytes, x->n))
    paths_add(a, all, "");
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

/* The next step of a path, copied into `word`; where the rest begins. */
static const char *step(const char *path, char word[256])
{
  const char *end = strchr(path + 1, STEP);
  size_t n = end ? (size_t)(end - path) - 1 : strlen(path + 1);
  snprintf(word, 256, "%.*s", (int)n, path + 1);
  return path + 1 + n;
}

static const json *child_of(const json *value, const char *word)
{
  return json_is_list(value) ? json_nth(value, strtoul(word, NULL, 10)) : json_at(value, word);
}

static void write_text(const json *value, FILE *out)
{
  char *text = json_write_canonical(value);
  fputs(text, out);
  free(text);
}

static void write_key(const char *key, FILE *out)
{
  json *word = json_string_value_new(key);
  write_text(word, out);
  json_release(word);
  fputc(':', out);
}

static FILE *memory_file(char **text, size_t *n)
{
  FILE *out = open_memstream(text, n);
  if (!out)
    check_out_of_memory(1);
  return out;
}

struct piece document_piece(struct arena *a, const struct document *d, const char *path)
{
  char word[256], *text = NULL;
  size_t n = 0;
  const json *value = d->tree;
  bool keyed = false;
  if (!value)
    return (struct piece){d->bytes, d->n};
  while (*path) {
    path = step(path, word);
    keyed = json_is_map(value);
    value = child_of(value, word);
    if (!value)
      return (struct piece){NULL, 0};
  }
  FILE *out = memory_file(&text, &n);
  if (keyed)
    write_key(word, out);
  write_text(value, out);
  fclose(out);
  struct piece p = {arena_strdup(a, text), n};
  free(text);
  return p;
}

/* ---- the template ------------------------------------------------------------------------------------------------ */

/* Constant bytes, then a piece (set -1: none). */
struct segment { const char *text; size_t n; int set; size_t index; bool keyed; };
struct template { size_t n, room; struct segment *segment; };

struct making {
  struct arena *arena;
  struct template *t;
  const struct paths *sets;
  int n_sets;
  FILE *out;                                            /* bytes of the segment at work */
  char *text;
  size_t length;
};

static void end_segment(struct making *m, int set, size_t index, bool keyed)
{
  struct template *t = m->t;
  fclose(m->out);
  if (t->n == t->room) {
    struct segment *grown = arena_array(m->arena, struct segment, t->room = 2 * t->room + 8);
    if (t->n)
      memcpy(grown, t->segment, t->n * sizeof *grown);
    t->segment = grown;
  }
  char *text = arena_alloc(m->arena, m->length + 1);
  memcpy(text, m->text, m->length);
  t->segment[t->n++] = (struct segment){text, m->length, set, index, keyed};
  free(m->text);
  m->out = memory_file(&m->text, &m->length);
}

/* 2: a piece; 1: holds pieces; 0: constant. */
static int find(const struct making *m, const char *path, int *set, size_t *index)
{
  int found = 0;
  for (int s = 0; s < m->n_sets; s++)
    for (size_t i = 0; i < m->sets[s].n; i++) {
      if (!strcmp(m->sets[s].path[i], path)) {
        *set = s;
        *index = i;
        return 2;
      }
      found |= is_inside(m->sets[s].path[i], path);
    }
  return found;
}

static void make(struct making *, const json *, const char *path);

/* Keys of the map, and those that only other documents have. */
static const char **all_keys(struct making *m, const json *map, const char *path, size_t *n)
{
  json *all = json_new_object();
  size_t own, depth = strlen(path);
  const char **key = json_keys_sorted(map, &own);
  for (size_t i = 0; i < own; i++)
    json_put(all, key[i], json_new_array());
  free(key);
  for (int s = 0; s < m->n_sets; s++)
    for (size_t i = 0; i < m->sets[s].n; i++) {
      const char *p = m->sets[s].path[i];
      if (is_inside(p, path) && p[depth] && !strchr(p + depth + 1, STEP))
        json_put(all, p + depth + 1, json_new_array());
    }
  key = json_keys_sorted(all, n);
  for (size_t i = 0; i < *n; i++)
    key[i] = arena_strdup(m->arena, key[i]);
  json_release(all);
  return key;
}

static void make_map(struct making *m, const json *map, const char *path)
{
  size_t n, index;
  int set;
  const char **key = all_keys(m, map, path, &n);
  fputc('{', m->out);
  for (size_t i = 0; i < n; i++) {
    const char *below = arena_printf(m->arena, "%s%c%s", path, STEP, key[i]);
    if (find(m, below, &set, &index) == 2) {
      end_segment(m, set, index, true);
      continue;
    }
    if (i > 0)
      fputc(',', m->out);
    write_key(key[i], m->out);
    make(m, json_at(map, key[i]), below);
  }
  fputc('}', m->out);
  free(key);
}

static void make_list(struct making *m, const json *list, const char *path)
{
  fputc('[', m->out);
  for (size_t i = 0; i < json_count(list); i++) {
    if (i > 0)
      fputc(',', m->out);
    make(m, json_nth(list, i), arena_printf(m->arena, "%s%c%zu", path, STEP, i));
  }
  fputc(']', m->out);
}

static void make(struct making *m, const json *value, const char *path)
{
  int set = -1;
  size_t index = 0;
  switch (find(m, path, &set, &index)) {
  case 2: end_segment(m, set, index, false); break;
  case 1: json_is_map(value) ? make_map(m, value, path) : make_list(m, value, path); break;
  default: write_text(value, m->out); break;
  }
}

struct template *template_new(struct arena *a, const struct document *base, const struct paths *sets, int n_sets)
{
  struct template *t = arena_alloc(a, sizeof *t);
  struct making m = {.arena = a, .t = t, .sets = sets, .n_sets = n_sets};
  int set;
  size_t index;
  m.out = memory_file(&m.text, &m.length);
  if (base->tree)
    make(&m, base->tree, "");
  else if (find(&m, "", &set, &index) == 2)
    end_segment(&m, set, index, false);
  else
    fwrite(base->bytes, 1, base->n, m.out);
  end_segment(&m, -1, 0, false);
  fclose(m.out);
  free(m.text);
  return t;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

typedef void write_fn(void *context, const char *bytes, size_t n);

static void write_segments(const struct template *t, const struct piece *const *pieces, write_fn *write, void *context)
{
  char last = '\0';
  for (size_t i = 0; i < t->n; i++) {
    const struct segment *s = &t->segment[i];
    size_t skip = i > 0 && s->n && s->text[0] == ',' && last == '{' && t->segment[i - 1].keyed;
    if (s->n > skip) {
      write(context, s->text + skip, s->n - skip);
      last = s->text[s->n - 1];
    }
    const struct piece *p = s->set < 0 ? NULL : &pieces[s->set][s->index];
    if (!p || !p->p)
      continue;
    if (s->keyed && last != '{')
      write(context, ",", 1);
    write(context, p->p, p->n);
    last = p->n ? p->p[p->n - 1] : last;
  }
}

static void to_hasher(void *context, const char *bytes, size_t n)
{
  hasher_add(context, bytes, n);
}

void template_add(const struct template *t, const struct piece *const *pieces, struct hasher *h)
{
  write_segments(t, pieces, to_hasher, h);
}

struct buffer { char *out; size_t n, room; };

static void to_buffer(void *context, const char *bytes, size_t n)
{
  struct buffer *b = context;
  if (b->n + n < b->room)
    memcpy(b->out + b->n, bytes, n);
  b->n += n;
}

bool template_text(const struct template *t, const struct piece *const *pieces, char *out, size_t room)
{
  struct buffer b = {out, 0, room};
  write_segments(t, pieces, to_buffer, &b);
  if (b.n >= room)
    return false;
  out[b.n] = '\0';
  return true;
}
