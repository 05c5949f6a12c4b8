/* slice.c: `slices` of a link. */
#include "scenarios/build.h"

#include <math.h>

static void read_rate(const struct node *slice, const char *key, double scale, double otherwise, double *out)
{
  static const char *const way[] = {"up", "down"};
  const struct node *rate = node_get(slice, key);
  bool split = node_is(rate, NODE_MAP);
  for (int down = 0; down < 2; down++) {
    bool given = split ? node_get(rate, way[down]) != NULL : rate != NULL;
    double one = !given ? NAN : split ? get_number(rate, "rate", way[down]) : get_number(slice, "link_slice", key);
    out[down] = isnan(one) ? otherwise : scale * one;
  }
}

static void read_classes(struct build *b, const struct link_def *l, const struct node *slice, int number, int *of_class,
                         const char *const *names, int n)
{
  const struct node *const *name;
  size_t n_names = elements(node_get(slice, "classes"), &name, b->arena);
  for (size_t i = 0; i < n_names; i++) {
    int k = build_find(b, name[i], "class", names, n);
    if (k == NONE) continue;
    if (of_class[k] != NONE)
      err_add(b->err, name[i]->at, "links.%s: class '%s' is in two slices; one is allowed", l->name, names[k]);
    of_class[k] = number;
  }
}

static void check_rates(struct build *b, const struct link_def *l, const struct node *node, const struct slices_def *s)
{
  static const char *const way[] = {"up", "down"};
  const double rate[] = {l->up_byte_per_s, l->down_byte_per_s};
  for (int down = 0; down < 2; down++) {
    double sum = 0, left = rate[down] * (1 - l->background_load);
    for (int k = 0; k < s->n; k++) {
      const struct slice_def *d = &s->slice[k];
      sum += d->guaranteed_byte_per_s[down];
      if (d->guaranteed_byte_per_s[down] <= d->maximum_byte_per_s[down]) continue;
      err_add(b->err, node->child[k]->at, "links.%s: slice '%s' is guaranteed more than its maximum (%s)", l->name, d->name,
              way[down]);
      return;
    }
    if (sum <= left * (1 + 1e-9)) continue;
    err_add(b->err, node->key_at, "links.%s: its slices are guaranteed %g Mbit/s %s; it has %g Mbit/s", l->name, sum * 8e-6,
            way[down], left * 8e-6);
    return;
  }
}

const struct slices_def *build_slices(struct build *b, const struct link_def *l, const struct node *link)
{
  const struct node *node = node_get(link, "slices");
  if (!node_is(node, NODE_LIST) || node->n == 0) return NULL;
  const struct node *classes = node_get(b->root, "classes");
  int n = node_is(classes, NODE_LIST) ? (int)classes->n : 0;
  struct slices_def *s = arena_alloc(b->arena, sizeof *s);
  struct slice_def *slice = arena_array(b->arena, struct slice_def, node->n);
  double scale = get_number(link, "link", "rate_scale");
  int *of_class = arena_array(b->arena, int, (size_t)n + 1);
  const char **names = arena_array(b->arena, const char *, (size_t)n + 1);
  for (int k = 0; k < n; k++) {
    of_class[k] = NONE;
    names[k] = node_name(classes->child[k]) ? node_name(classes->child[k]) : "?";
  }
  for (size_t k = 0; k < node->n; k++) {
    slice[k].name = node_name(node->child[k]) ? node_name(node->child[k]) : "?";
    read_rate(node->child[k], "guaranteed", scale, 0, slice[k].guaranteed_byte_per_s);
    read_rate(node->child[k], "maximum", scale, INFINITY, slice[k].maximum_byte_per_s);
    read_classes(b, l, node->child[k], (int)k, of_class, names, n);
  }
  *s = (struct slices_def){(int)node->n, slice, of_class};
  if (!l->max_min) err_add(b->err, node->key_at, "links.%s: slices need sharing: max_min", l->name);
  else if (l->up_byte_per_s <= 0 || l->down_byte_per_s <= 0)
    err_add(b->err, node->key_at, "links.%s: slices need a 'rate' of the link", l->name);
  else check_rates(b, l, node, s);
  return s;
}
