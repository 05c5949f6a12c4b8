/* Members of a place that fail and come back.
 *
 * A member is up for a time drawn from `mtbf`, down for one from `mttr`, in turn, busy or not; or down at the outages
 * listed. The times belong to the member's name, or to the place's or the zone's, whose members then fail together (in a
 * zone, those of places with the same distributions): no policy changes them. When it fails, its instances are gone (those
 * under way come up for nothing; where there are no instances, the servers come back as they were), and its work is
 * lost (the attempt ends as `lost`: fallbacks apply), begun anew or gone on with after the repair, before all that
 * waits; a batch always anew. Requests that come while it is down wait. Token service loses what it was working on,
 * whatever `work` says: its KV cache is gone.
 * Checkable: mtbf 9 s, mttr 1 s, exponential: down 10 % of the time.
 */
#include "models/instances.h"

static void on_failure(struct sim *, void *fleet);
static void on_repair(struct sim *, void *fleet);

static void end_running(struct fleet *f)
{
  enum failure_work work = f->place->def->failures->work;
  while (f->n_running) {
    struct job *job = f->running[f->n_running - 1];
    struct attempt *a = (struct attempt *)job;
    if (job->cost || f->place->def->llm || work == FAILED_WORK_LOST) {
      flow_on_lost(f->w, a);
      continue;
    }
    fleet_interrupt(f, job, work == FAILED_WORK_RESTART);
  }
}

static void end_instances(struct fleet *f)
{
  for (struct instance *i = f->instance; f->place->def->instances && i < f->instance + f->n; i++)
    if (i->state == INSTANCE_WARM) instance_retire(i);
}

static void next_failure(struct fleet *f)
{
  const struct failures_def *def = f->place->def->failures;
  if (def->mtbf_s) {
    sim_after(f->w->sim, ns_from_s(dist_draw(def->mtbf_s, &f->failure)), PRIORITY_NORMAL, on_failure, f);
  } else if (f->outage < def->n_outages) {
    sim_at(f->w->sim, ns_from_s(def->outage[f->outage].from_s), PRIORITY_NORMAL, on_failure, f);
  }
}

static void on_failure(struct sim *sim, void *subject)
{
  struct fleet *f = subject;
  const struct failures_def *def = f->place->def->failures;
  double down_s = def->mtbf_s ? dist_draw(def->mttr_s, &f->failure) : def->outage[f->outage++].for_s;
  f->down = true;
  f->down_since = sim_now(sim);
  fleet_gate(f);
  end_running(f);
  end_instances(f);
  sim_after(sim, ns_from_s(down_s), PRIORITY_NORMAL, on_repair, f);
}

static void on_repair(struct sim *sim, void *subject)
{
  struct fleet *f = subject;
  f->down = false;
  f->down_ns += sim_now(sim) - f->down_since;
  while (f->place->def->instances && fleet_alive(f) < f->def->min && instance_start(f)) continue;
  fleet_gate(f);
  fleet_serve_queue(f);
  next_failure(f);
}

void failures_start(struct fleet *f)
{
  if (!f->place->def->failures) return;
  uint64_t who[] = { f->place->name, f->place->name, rng_name(f->w->def->zone[f->place->def->zone]) };
  enum failure_scope scope = f->place->def->failures->scope;
  f->failure = rng_open(&f->w->root, STREAM_FAILURE, who[scope], scope == FAILS_MEMBER ? f->member : UINT64_MAX);
  next_failure(f);
}
