/* Members of a place that fail and come back, or their servers one by one.
 *
 * A member is up for a time drawn from `mtbf`, down for one from `mttr`, in turn, busy or not; or down at the outages
 * listed. The times belong to the member's name, or to the place's or the zone's, whose members then fail together (in a
 * zone, those of places with the same distributions), or to each server's: no policy changes them. When it fails, its
 * instances are gone (those under way come up for nothing, of a server they end; where there are no instances, the servers come back as they
 * were), and its work is lost (the attempt ends as `lost`: fallbacks apply), begun anew or gone on with, before all that
 * waits: after the repair, or at once where other servers go on. Batches, token service and LLM engines always begin anew:
 * a KV cache is gone with its server. What a user has got of an output he keeps: the first token counts once.
 * Requests that come while nothing is up wait.
 * Checkable: mtbf 9 s, mttr 1 s, exponential: down 10 % of the time.
 */
#include "models/instances.h"

static void on_failure(struct sim *, void *fleet);
static void on_repair(struct sim *, void *fleet);
static void on_server_failure(struct sim *, void *instance);

static void interrupt(struct fleet *f, struct job *job)
{
  enum failure_work work = f->place->def->failures->work;
  if (work == FAILED_WORK_LOST) flow_on_lost(f->w, (struct attempt *)job);
  else fleet_interrupt(f, job, work == FAILED_WORK_RESTART);
}

/* The last one first, so that the queue has them in their order. */
static void end_running(struct fleet *f)
{
  while (f->n_running) interrupt(f, f->running[f->n_running - 1]);
  for (uint32_t i = 0; i < f->n; i++) station_stop(f->station, f->w->sim, i);
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
  states_lost(f->w, (struct endpoint){ (uint16_t)f->place->index, f->member });
  f->down_since = sim_now(sim);
  fleet_gate(f);
  end_running(f);
  end_instances(f);
  sim_after(sim, ns_from_s(down_s), PRIORITY_NORMAL, on_repair, f);
}

/* What there must be, and what those who wait need. */
static void go_on(struct fleet *f)
{
  while (f->place->def->instances && fleet_alive(f) < f->def->min && instance_start(f)) continue;
  fleet_gate(f);
  fleet_serve_queue(f);
}

static void on_repair(struct sim *sim, void *subject)
{
  struct fleet *f = subject;
  f->down = false;
  f->down_ns += sim_now(sim) - f->down_since;
  go_on(f);
  next_failure(f);
}

/* ---- servers one by one ------------------------------------------------------------------------------------------- */

static void next_server_failure(struct instance *i)
{
  const struct failures_def *def = i->fleet->place->def->failures;
  sim_after(i->fleet->w->sim, ns_from_s(dist_draw(def->mtbf_s, &i->failure)), PRIORITY_NORMAL, on_server_failure, i);
}

static struct job *last_running_on(const struct fleet *f, const struct instance *i)
{
  for (uint32_t k = f->n_running; k-- > 0;)
    if (f->running[k]->engine == i - f->instance) return f->running[k];
  return NULL;
}

/* The member is down while all its servers are. */
static bool all_failed(const struct fleet *f)
{
  for (uint32_t i = 0; i < f->n; i++)
    if (!f->instance[i].failed) return false;
  return true;
}

static void on_server_repair(struct sim *sim, void *subject)
{
  struct instance *i = subject;
  struct fleet *f = i->fleet;
  i->failed = f->down = false;
  f->down_ns += sim_now(sim) - i->failed_since;
  if (!f->place->def->instances) instance_back(i);
  go_on(f);
  next_server_failure(i);
}

static void on_server_failure(struct sim *sim, void *subject)
{
  struct instance *i = subject;
  struct fleet *f = i->fleet;
  double down_s = dist_draw(f->place->def->failures->mttr_s, &i->failure);
  i->failed = true;
  i->failed_since = sim_now(sim);
  f->down = all_failed(f);
  if (f->down) states_lost(f->w, (struct endpoint){ (uint16_t)f->place->index, f->member });
  fleet_gate(f);
  for (struct job *job; (job = last_running_on(f, i)) != NULL;) interrupt(f, job);
  station_stop(f->station, sim, (uint32_t)(i - f->instance));
  if (i->state != INSTANCE_OFF) instance_retire(i);
  go_on(f);
  sim_after(sim, ns_from_s(down_s), PRIORITY_NORMAL, on_server_repair, i);
}

double failures_down_s(const struct fleet *f)
{
  const struct failures_def *def = f->place->def->failures;
  sim_time now = fleet_now(f), sum = f->down_ns;
  if (!def || def->scope != FAILS_SERVER) return s_from_ns(sum + (f->down ? now - f->down_since : 0));
  for (uint32_t i = 0; i < f->n; i++)
    if (f->instance[i].failed) sum += now - f->instance[i].failed_since;
  return s_from_ns(sum) / f->n;
}

static void servers_start(struct fleet *f)
{
  for (uint32_t i = 0; i < f->n; i++) {
    f->instance[i].failure = rng_open(&f->w->root, STREAM_FAILURE, f->place->name, (uint64_t)f->member << 32 | i);
    next_server_failure(&f->instance[i]);
  }
}

void failures_start(struct fleet *f)
{
  if (!f->place->def->failures) return;
  enum failure_scope scope = f->place->def->failures->scope;
  if (scope == FAILS_SERVER) {
    servers_start(f);
    return;
  }
  uint64_t who[] = { f->place->name, f->place->name, rng_name(f->w->def->zone[f->place->def->zone]) };
  f->failure = rng_open(&f->w->root, STREAM_FAILURE, who[scope], scope == FAILS_MEMBER ? f->member : UINT64_MAX);
  next_failure(f);
}
