/* shadow.c: a second policy that sees every decision and takes none. */
#include "models/internal.h"

bool shadow_init(struct world *w, struct err *err)
{
  const struct run_shadow *s = w->setup.shadow;
  if (!s) return true;
  w->shadow = policy_host_new(s->policy, w->def, &w->root, err);
  w->wants_estimates = w->wants_queue = true;
  w->wants_state |= w->shadow && policy_host_reads_state(w->shadow);
  return w->shadow != NULL;
}

bool shadow_ask(struct world *w, const struct decision_facts *facts, const struct decision_result *taken)
{
  const struct run_shadow *s = w->setup.shadow;
  struct decision_result answer;
  if (!policy_host_decide(w->shadow, facts, &answer, w->err)) return false;
  s->seen(s->context, facts, taken, &answer, policy_host_distribution(w->shadow));
  policy_host_forget(w->shadow, answer.memo);
  return true;
}
