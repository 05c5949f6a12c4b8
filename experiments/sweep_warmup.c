/* sweep_warmup.c: `warmup: auto` in a study. One truncation for all policies of a point, as in `run`: the latest that
 * MSER-5 finds in a pilot of each. A pilot is a run with a number of its own, so it gives the same on every machine, and
 * the run that follows from it has the same identity; it is done once and its truncation kept in the catalogue. Policies
 * and points that are the same scenario share it.
 */
#include "analysis/text.h"
#include "experiments/identity.h"
#include "experiments/study.h"
#include "experiments/sweep.h"
#include <stdlib.h>
#include <string.h>

struct pilots { size_t n, room; struct run_order *order; };

/* NULL: not known yet. */
static const char *known_truncation(const struct sweep *s, struct catalog *c, uint64_t point, int policy)
{
  char key[PILOT_KEY];
  study_pilot_key(plan_base_id(s->plan, point, policy), plan_seed(s->plan, point), key);
  return c ? catalog_provenance(c, key) : NULL;
}

static void add_pilot(const struct sweep *s, struct pilots *p, uint64_t point, int policy)
{
  if (p->n == p->room)
    p->order = grab_more(p->order, p->room = 2 * p->room + 64, sizeof *p->order);
  struct run_order *o = &p->order[p->n++];
  *o = (struct run_order){.policy = s->plan->base->n_policies ? s->policy[policy] : -1, .point = point, .pilot = true,
                          .replication = PILOT_REPLICATION, .warmup_s = -1};
  hash_hex(plan_run_id(s->plan, point, policy, PILOT_REPLICATION), o->id);
}

static int by_id(const void *a, const void *b)
{
  return strcmp(((const struct run_order *)a)->id, ((const struct run_order *)b)->id);
}

/* Each once. */
static void list_pilots(const struct sweep *s, struct catalog *c, struct pilots *p)
{
  for (uint64_t i = 0; i < s->plan->n_points; i++)
    for (int k = 0; plan_is_auto(s->plan, i) && plan_settled_s(s->plan, i) < 0 && k < s->plan->n_policies; k++)
      if (!known_truncation(s, c, i, k))
        add_pilot(s, p, i, k);
  if (p->n)
    qsort(p->order, p->n, sizeof *p->order, by_id);
  size_t n = 0;
  for (size_t i = 0; i < p->n; i++)
    if (n == 0 || by_id(&p->order[n - 1], &p->order[i]))
      p->order[n++] = p->order[i];
  p->n = n;
  for (size_t i = 0; i < n; i++)
    p->order[i].number = (int32_t)i;
}

static bool run_pilots(struct supervisor *supervisor, struct catalog *c, const struct pilots *p,
                       const struct supervisor_options *options, struct supervisor_report *report, struct err *err)
{
  char key[PILOT_KEY], text[40];
  double *found = grab(p->n, sizeof *found);
  report->truncation_s = found;
  bool ok = supervisor_run(supervisor, c, p->order, p->n, options, report, err);
  report->truncation_s = NULL;
  if (ok && report->failed)
    ok = err_add(err, (struct where){0}, "`warmup: auto`: %zu of %zu pilots failed, so these points have no warm-up; mend"
                 " what fails, or give one: set: {horizon.warmup: TIME}", report->failed, p->n);
  for (size_t i = 0; ok && i < p->n; i++) {
    snprintf(key, sizeof key, "pilot.%s", p->order[i].id);
    snprintf(text, sizeof text, "%.9g", found[i]);
    ok = catalog_put_provenance(c, key, text, err);
  }
  free(found);
  return ok;
}

/* As the override that a repeated run reads, so that both have the same bits. */
static double as_written(double warmup_s)
{
  char text[40];
  snprintf(text, sizeof text, "%.9g", warmup_s);
  return strtod(text, NULL);
}

/* Points all of whose pilots are known. */
static bool settle_known(struct sweep *s, struct catalog *c, struct err *err)
{
  for (uint64_t i = 0; i < s->plan->n_points; i++) {
    bool known = plan_is_auto(s->plan, i) && plan_settled_s(s->plan, i) < 0;
    double latest_s = 0;
    for (int k = 0; known && k < s->plan->n_policies; k++) {
      const char *text = known_truncation(s, c, i, k);
      double found_s = text ? strtod(text, NULL) : 0;
      known = text != NULL;
      latest_s = found_s > latest_s ? found_s : latest_s;
    }
    if (known && !plan_settle(s->plan, i, as_written(study_round_up(latest_s)), err))
      return false;
  }
  return true;
}

bool sweep_settle_warmup(struct sweep *s, struct supervisor *supervisor, struct catalog *c,
                         const struct supervisor_options *options, struct supervisor_report *report, size_t *unknown,
                         struct err *err)
{
  struct pilots p = {0};
  bool ok = true;
  *unknown = 0;
  if (!s->plan->auto_warmup)
    return true;
  list_pilots(s, c, &p);
  *unknown = p.n;
  if (p.n && supervisor) {
    ok = run_pilots(supervisor, c, &p, options, report, err);
    if (ok)
      *report = (struct supervisor_report){0};
  }
  free(p.order);
  return ok && settle_known(s, c, err);
}
