/* pinned: the same choice for all: names of places and variants, in order. Each name that some allowed action still left has
 * keeps those alone; names that no action of the task has are for other tasks. Of what is left the first is taken.
 * "cloud ner": a task with a variant ner takes it, one that may run in the cloud runs there; where that is masked, the first
 * allowed action in the scenario's order.
 */
#include "policies/policy_util.h"
#include <string.h>

enum { MOST = 16 };
struct name { int32_t place, variant; };                /* -1: no place, no variant of this name; ORIGIN: the own device */
enum { ORIGIN = -2 };
struct pinned { uint32_t n; struct name name[MOST]; };

static size_t state_size(const struct offsim_setup *s)
{
  (void)s;
  return sizeof(struct pinned);
}

static int32_t find(const char *const *names, uint32_t n, const char *word, size_t length)
{
  for (uint32_t i = 0; i < n; i++)
    if (strlen(names[i]) == length && !memcmp(names[i], word, length)) return (int32_t)i;
  return -1;
}

static const char *init(const struct offsim_setup *s, void *state)
{
  struct pinned *p = state;
  for (const char *word = s->parameter[0].text; *(word += strspn(word, " ,"));) {
    size_t length = strcspn(word, " ,");
    struct name name = {find(s->place_name, s->n_places, word, length), find(s->variant_name, s->n_variants, word, length)};
    if (length == 6 && !memcmp(word, "origin", 6)) name.place = ORIGIN;
    if (name.place == -1 && name.variant == -1) return "pinned: 'plan' names what is neither a place nor a variant of the scenario";
    if (p->n == MOST) return "pinned: 'plan' has more than 16 names";
    p->name[p->n++] = name;
    word += length;
  }
  return p->n ? NULL : "pinned needs 'plan': names of places and variants";
}

static bool has(const struct offsim_context *c, uint32_t a, struct name name)
{
  bool there = name.place == ORIGIN ? c->word[a] == OFFSIM_ORIGIN : name.place >= 0 && c->place[a] == name.place;
  return there || (name.variant >= 0 && c->variant[a] == name.variant);
}

/* Of the actions that have all names of `must`: the first. */
static int32_t first_with(const struct offsim_context *c, const struct name *must, uint32_t n)
{
  for (uint32_t a = 0; a < c->n_actions; a++) {
    uint32_t k = 0;
    while (k < n && has(c, a, must[k])) k++;
    if (util_allowed(c, a) && k == n) return (int32_t)a;
  }
  return UTIL_NONE;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  const struct pinned *p = state;
  struct name must[MOST];
  uint32_t n = 0;
  for (uint32_t i = 0; i < p->n; i++) {
    must[n] = p->name[i];
    if (first_with(c, must, n + 1) != UTIL_NONE) n++;
  }
  d->action = first_with(c, must, n);
}

static const struct offsim_parameter parameters[] = {
  {.name = "plan", .type = OFFSIM_TEXT, .text = "origin", .help = "names of places and variants, in order; origin: the own device"}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "pinned", .citation = "", .description = "the same places and variants for all",
  .columns = OFFSIM_COLUMN_VARIANT, .n_parameters = 1, .parameter = parameters, .state_size = state_size, .init = init,
  .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
