/* A simulator that forgets privacy for copies: of a task that is at work somewhere, the zones are looked at no more, and before
 * the run nobody looks where its copies may go. */
#include "models/internal.h"
#include "scenarios/build.h"

void __wrap_check_masked(struct build *, const struct class_def *);

void __wrap_check_masked(struct build *b, const struct class_def *c)
{
  (void)b;
  (void)c;
}

uint32_t __real_plan_mask(struct world *, const struct request *, int task, struct endpoint, const struct plan_def *);
uint32_t __wrap_plan_mask(struct world *, const struct request *, int task, struct endpoint, const struct plan_def *);

uint32_t __wrap_plan_mask(struct world *w, const struct request *r, int task, struct endpoint at,
                          const struct plan_def *plan)
{
  uint32_t mask = __real_plan_mask(w, r, task, at, plan);
  for (const struct attempt *a = r->attempts; a; a = a->next)
    if (a->task == task && a->decided >= 0) mask &= ~(uint32_t)OFFSIM_MASK_PRIVACY;
  return mask;
}
