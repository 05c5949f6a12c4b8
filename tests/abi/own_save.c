/* Planted: a learner whose state points into itself, so its bytes mean nothing elsewhere: it saves and loads itself.
 * It answers with the number of outcomes so far, modulo the actions. habit: fails to save or to load. */
#include "policies/offsim_policy.h"

enum { GOOD, NO_SAVE, NO_LOAD };
struct state { uint32_t *count; uint32_t room[2]; int32_t habit; };

static size_t state_size(const struct offsim_setup *s) { return sizeof(struct state); }

static const char *init(const struct offsim_setup *s, void *state)
{
  struct state *l = state;
  l->count = &l->room[1];
  l->habit = (int32_t)s->parameter[0].number;
  return NULL;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  d->action = (int32_t)(*((struct state *)state)->count % c->n_actions);
}

static void outcome(void *state, const struct offsim_outcome *o, const void *memo) { ++*((struct state *)state)->count; }

static int save(const void *state, const struct offsim_stream *to)
{
  const struct state *l = state;
  if (l->habit == NO_SAVE) return 7;
  return to->write(to->handle, l->count, sizeof *l->count) == sizeof *l->count ? 0 : 1;
}

static int load(void *state, const struct offsim_stream *from)
{
  struct state *l = state;
  if (l->habit == NO_LOAD) return 8;
  return from->read(from->handle, l->count, sizeof *l->count) == sizeof *l->count ? 0 : 1;
}

static const struct offsim_parameter habit = {.name = "habit", .type = OFFSIM_CHOICE, .text = "good",
  .choices = "good|no_save|no_load"};
static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "own_save", .description = "saves itself",
  .citation = "", .capabilities = OFFSIM_LEARNS, .n_parameters = 1, .parameter = &habit, .state_size = state_size,
  .init = init, .decide = decide, .outcome = outcome, .save = save, .load = load};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
