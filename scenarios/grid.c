/* grid.c: one entry that stands for several: `policy: tuned_threshold` becomes a `threshold` for each value of `above`,
 * called NAME.VALUE; the reference is the best of them afterwards (analysis/compare.c).
 *
 *   - {policy: tuned_threshold, feature: prompt_tokens, above: [128, 256, 512]}
 */
#include "scenarios/build.h"

#include <ctype.h>
#include <string.h>

static const char tuned[] = "tuned_threshold";
static const char *const jobs[] = {"0", "1", "2", "4", "8", "16"};      /* of device_queue, the default feature */

static bool is_tuned(const struct node *entry)
{
  return node_text_is(entry, tuned) || (node_is(entry, NODE_MAP) && node_text_is(node_get(entry, "policy"), tuned));
}

static struct node *text_node(struct arena *a, struct where at, const char *text)
{
  struct node *node = node_new(a, NODE_TEXT, at);
  node->text = text;
  return node;
}

/* "1 kB" gives "1-kB". */
static const char *name_of(struct arena *a, const char *base, const char *value)
{
  char *name = arena_printf(a, "%s.%.40s", base, value);
  for (char *p = name; *p; p++)
    if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
      *p = '-';
  return name;
}

static const struct node *values_of(struct arena *a, const struct node *entry, struct err *err)
{
  const struct node *above = node_get(entry, "above");
  if (!above && !node_get(entry, "feature")) {
    struct node *list = node_new(a, NODE_LIST, entry->at);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
      node_add(a, list, text_node(a, entry->at, jobs[i]));
    return list;
  }
  bool good = node_is(above, NODE_LIST) && above->n >= 2;
  for (size_t i = 0; good && i < above->n; i++)
    good = node_is(above->child[i], NODE_TEXT);
  if (good)
    return above;
  err_add(err, above ? above->at : entry->at, "tuned_threshold needs 'above' with at least two values to choose from, e.g. "
          "above: [128, 256, 512]");
  return NULL;
}

static void expand(struct arena *a, struct node *into, const struct node *entry, struct err *err)
{
  const struct node *values = values_of(a, entry, err);
  const char *name = node_is(entry, NODE_MAP) && node_is(node_get(entry, "name"), NODE_TEXT) ? node_name(entry) : tuned;
  for (size_t i = 0; values && i < values->n; i++) {
    const struct node *value = values->child[i];
    struct node *one = node_is(entry, NODE_MAP) ? node_copy(a, entry) : node_new(a, NODE_MAP, entry->at);
    node_put(a, one, "policy", text_node(a, entry->at, "threshold"));
    node_put(a, one, "name", text_node(a, value->at, name_of(a, name, value->text)));
    node_put(a, one, "above", text_node(a, value->at, value->text));
    node_add(a, into, one);
  }
}

void grid_expand(struct arena *a, struct node *root, struct err *err)
{
  struct node *policies = node_get(root, "policies");
  bool any = policies && is_tuned(policies), list = node_is(policies, NODE_LIST);
  for (size_t i = 0; list && i < policies->n; i++)
    any |= is_tuned(policies->child[i]);
  if (!any)
    return;
  struct node *all = node_new(a, NODE_LIST, policies->at);
  for (size_t i = 0; i < (list ? policies->n : 1); i++) {
    struct node *entry = list ? policies->child[i] : policies;
    if (is_tuned(entry))
      expand(a, all, entry, err);
    else
      node_add(a, all, entry);
  }
  node_put(a, root, "policies", all);
}
