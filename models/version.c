/* version.c: releases of models, which come to each place a little later; and what does not fit together meanwhile.
 *
 * Release k of a roll-out is made at `at` + k `every` and is at a member a delay later, drawn by (roll-out, member or
 * place, k). A member has the newest of those that have come. A pure function of time: nothing happens in a run for it.
 * Mismatches: a turn of a conversation answered in another version than the turn before, by the same model; a task in
 * another version than a task that it has to match, such as the embedding of a question and the index that it is sought in.
 * Checkable: a release each P, one place at once, the other after an exponential delay of mean d: their versions differ for
 * d (1 - exp(-P/d)) / P of the time, exactly, since only the newest one must have come.
 */
#include "models/session.h"

static const struct rollout_def *rollout_of(const struct world *w, int variant)
{
  for (int i = 0; i < w->def->n_rollouts; i++)
    for (int v = 0; v < w->def->rollout[i].n_variants; v++)
      if (w->def->rollout[i].variant[v] == variant) return &w->def->rollout[i];
  return NULL;
}

static bool is_late(const struct rollout_def *d, int place)
{
  if (!d->delay_s) return false;
  for (int i = 0; i < d->n_places; i++)
    if (d->place[i] == place) return true;
  return d->n_places == 0;
}

static sim_time comes_at(const struct world *w, const struct rollout_def *d, struct endpoint at, uint64_t k)
{
  sim_time made = time_add(ns_from_s(d->at_s), (sim_time)k * ns_from_s(d->every_s));
  if (!is_late(d, at.place)) return made;
  uint64_t who = w->place[at.place].name ^ (d->per_place ? 0 : (uint64_t)at.member + 1);
  struct rng rng = rng_open(&w->root, STREAM_VERSION, rng_name(d->name) ^ who, k);
  double s = dist_draw(d->delay_s, &rng);
  return time_add(made, s > 0 ? ns_from_s(s) : 0);
}

uint32_t version_at(const struct world *w, int variant, struct endpoint at)
{
  const struct rollout_def *d = variant == NONE ? NULL : rollout_of(w, variant);
  sim_time now = now_of(w), first = d ? ns_from_s(d->at_s) : 0;
  if (!d || now < first) return 0;
  uint64_t made = d->every_s > 0 ? (uint64_t)((now - first) / ns_from_s(d->every_s)) + 1 : 1;
  while (made > 0 && comes_at(w, d, at, made - 1) > now) made--;
  return (uint32_t)made;
}

/* ---- what was served with what --------------------------------------------------------------------------------------- */

/* Behind the requests of worlds with roll-outs. any: it was, at least once. */
struct served { uint32_t version; int16_t variant; bool other, any; };

size_t version_bytes(const struct world *w, const struct class_def *k)
{
  return w->def->n_rollouts ? (size_t)k->n_tasks * sizeof(struct served) : 0;
}

static struct served *served_of(const struct world *w, const struct request *r)
{
  return (struct served *)(void *)((char *)(uintptr_t)r + w->klass[r->klass].versions_at);
}

/* The answered turn before had this model in another version. *follows: it had this model. */
static bool turns_other(const struct session *s, const struct served *now, bool *follows)
{
  *follows = s->served && s->variant == now->variant;
  return *follows && s->version != now->version;
}

/* Once a turn, and only of what the user got: attempts that failed are no turns. A skipped task has no version, nor has a
 * fallback's ready answer. */
void version_turn(struct world *w, const struct request *r, struct session *s)
{
  const struct session_def *d = w->klass[r->klass].def->arrivals.session;
  const struct served *now = served_of(w, r) + d->task;
  bool follows, other;
  if (!(r->done >> d->task & 1) || !now->any) return;
  other = turns_other(s, now, &follows);
  w->summary.sessions.turned += follows && r->measured;
  w->summary.sessions.other_version += other && r->measured;
  s->served = true;
  s->variant = now->variant;
  s->version = now->version;
}

void version_void(const struct world *w, const struct request *r, int task) { served_of(w, r)[task].any = false; }

static bool mismatches(struct world *w, const struct attempt *a, uint32_t version)
{
  const struct match_def *m = task_of(w, a->request, a->task)->match;
  const struct served *all = served_of(w, a->request);
  bool other = false;
  if (!m) return false;
  for (uint32_t left = m->tasks & a->request->done; left; left &= left - 1)
    other |= all[__builtin_ctz(left)].version != version;
  w->summary.sessions.paired += a->request->measured;
  w->summary.sessions.mismatched += other && a->request->measured;
  return other;
}

void version_served(struct world *w, const struct attempt *a)
{
  struct served *own = served_of(w, a->request) + a->task;
  int variant = variant_number(task_of(w, a->request, a->task), a->variant);
  own->any = true;
  own->variant = (int16_t)variant;
  own->version = version_at(w, variant, end_of(a));
  own->other = mismatches(w, a, own->version);
}

double version_quality(const struct world *w, const struct request *r, int task)
{
  const struct class_def *k = w->klass[r->klass].def;
  const struct served *own = served_of(w, r) + task;
  const struct session *s = k->arrivals.session && k->arrivals.session->task == task ? session_of(w, r) : NULL;
  bool follows, turned = s && own->any && turns_other(s, own, &follows);
  double q = turned ? k->arrivals.session->other_quality : 1;
  return own->other ? q * k->task[task].match->quality : q;
}
