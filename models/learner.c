/* learner.c: where learners live, away from who asks them, and what is sent there: questions go in models/flow.c, what
 * became of a decision from here.
 *
 * A learner's home is within reach of all devices that ask, and both it and the ways to it lie in zones that the classes
 * allow: else the world is refused. An outcome is a message of OUTCOME_BYTES from the device, one idle way long; its joules
 * and money are residual, like those of telemetry, and in /transfers it is telemetry of its request. At the horizon nobody
 * sends any more.
 * Checkable: 1 s each way without a rate: the learner hears 1 s after the task's end, and 64 bytes are in /transfers.
 */
#include "models/internal.h"

/* What a question and an outcome tell is the request's data: it may go no further than they may. */
static bool may_ask(const struct world_def *def, const struct route *way, const struct class_def *k,
                    const struct policy_def *policy, struct err *err)
{
  const struct place_def *home = &def->place[policy->at_place];
  uint64_t zones = way->zones | UINT64_C(1) << home->zone;
  bool choice = false;
  for (int t = 0; t < k->n_tasks; t++) choice |= k->task[t].n_plans > 1;
  if (!choice || !(zones & ~k->zones)) return true;
  return err_add(err, policy->at, "policy '%s' is to live at '%s': the question would take data of class '%s' "
                 "into zone '%s', which the class does not allow", policy->name, home->name, k->name,
                 def->zone[__builtin_ctzll(zones & ~k->zones)]);
}

bool learner_in_reach(const struct world_def *def, const struct topology *topology, const struct policy_def *policy,
                      struct err *err)
{
  if (policy->at_place == NONE) return true;
  for (const struct class_def *k = def->klass; k < def->klass + def->n_classes; k++)
    for (int i = 0; i < k->n_from; i++) {
      struct endpoint from = { (uint16_t)k->from[i], 0 }, to = { (uint16_t)policy->at_place, 0 };
      const struct route *way = route(topology, from, to, 0);
      if (way->reachable) {
        if (!may_ask(def, way, k, policy, err)) return false;
        continue;
      }
      return err_add(err, policy->at, "policy '%s': no way from '%s' to '%s', where it is to live", policy->name,
                     def->place[from.place].name, def->place[to.place].name);
    }
  return true;
}

double learner_tell(struct world *w, const struct request *r, int task)
{
  struct endpoint from = origin_of(r), to = decide_where(w, r);
  if (same_end(from, to)) return 0;
  double way_s = network_idle_s(w->network, from, to, OUTCOME_BYTES);
  struct transfer_cost cost = network_cost(w->network, from, to, OUTCOME_BYTES);
  sim_time now = now_of(w);
  w->telemetry_j += cost.device_j + cost.network_j;
  w->telemetry_device_j += cost.device_j;
  w->telemetry_usd += cost.usd;
  w->summary.telemetry_bytes += OUTCOME_BYTES;
  network_flow(w->network, from, to,
               (struct transfer_record){ .request = r->id, .started_ns = now, .bytes = OUTCOME_BYTES, .task = (uint8_t)task,
                                         .ended_ns = time_add(now, ns_from_s(way_s)), .kind = TRANSFER_TELEMETRY });
  return way_s;
}
