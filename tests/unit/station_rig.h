/* A station, a script of jobs, and a log of what happened: "A+0 B+2 A.2" = A starts at 0 s, B at 2 s, A is done at 2 s.
 * '+' started, '!' first token, '.' done, '-' left, '#' blocked. */
#ifndef OFFSIM_TESTS_STATION_RIG_H
#define OFFSIM_TESTS_STATION_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "models/station.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scripted {
  char name; double at_s; struct demand demand; double leave_s;         /* leave_s 0 = stays */
  struct job job; struct rig *rig; sim_time start_ns, out_ns; bool blocked;
};
struct rig {
  struct sim *sim;
  struct station *station;
  struct place_def place;
  char log[8192];
  struct scripted *jobs;
  int n;
};

static inline struct scripted leaver(char name, double at_s, struct demand demand, double leave_s)
{
  return (struct scripted){.name = name, .at_s = at_s, .demand = demand, .leave_s = leave_s};
}
static inline struct scripted job(char name, double at_s, struct demand demand)
{
  return leaver(name, at_s, demand, 0);
}

static struct scripted *scripted_of(struct job *j) { return (void *)((char *)j - offsetof(struct scripted, job)); }

static void rig_log(struct scripted *j, char what)
{
  struct rig *r = j->rig;
  size_t used = strlen(r->log);
  if (used + 40 > sizeof r->log) return;
  snprintf(r->log + used, sizeof r->log - used, "%s%c%c%.9g", used ? " " : "", j->name, what,
           s_from_ns(sim_now(r->sim)));
}

static void rig_started(struct sim *sim, struct job *j)
{
  scripted_of(j)->start_ns = sim_now(sim);
  rig_log(scripted_of(j), '+');
}
static void rig_first(struct sim *sim, struct job *j) { (void)sim; rig_log(scripted_of(j), '!'); }
static void rig_out(struct scripted *j, char what)
{
  rig_log(j, what);
  j->out_ns = sim_now(j->rig->sim);
  assert_int_equal(j->job.wait_ns + j->job.served_ns, j->out_ns - j->job.entered);
}
static void rig_done(struct sim *sim, struct job *j) { (void)sim; rig_out(scripted_of(j), '.'); }

static void rig_leave(struct sim *sim, void *subject)
{
  struct scripted *j = subject;
  if (j->out_ns >= 0 || j->blocked) return;
  station_leave(j->rig->station, sim, &j->job);
  rig_out(j, '-');
}

static void rig_enter(struct sim *sim, void *subject)
{
  struct scripted *j = subject;
  if (station_enter(j->rig->station, sim, &j->job, &j->demand) == ENTERED) return;
  j->blocked = true;
  rig_log(j, '#');
}

static const struct station_events rig_events = {.started = rig_started, .first = rig_first, .done = rig_done};

/* shuffle: seed of a random order of ties; 0 = none. */
static void rig_init(struct rig *r, enum discipline discipline, int servers, int slots, uint64_t capacity,
                     struct scripted *jobs, int n, uint64_t shuffle)
{
  memset(r, 0, sizeof *r);
  r->sim = sim_new();
  if (shuffle) sim_shuffle_ties(r->sim, shuffle);
  r->place = (struct place_def){
    .name = "p", .count = 1, .servers = servers, .slots = slots, .capacity = capacity, .discipline = discipline};
  r->station = stations_new(r->sim, &r->place, NULL, &rig_events, 1);
  r->jobs = jobs;
  r->n = n;
  for (int i = 0; i < n; i++) {
    jobs[i].rig = r;
    jobs[i].out_ns = -1;
    sim_at(r->sim, ns_from_s(jobs[i].at_s), PRIORITY_ARRIVE, rig_enter, &jobs[i]);
    if (jobs[i].leave_s > 0) sim_at(r->sim, ns_from_s(jobs[i].leave_s), PRIORITY_NORMAL, rig_leave, &jobs[i]);
  }
}

/* Sums over the jobs are the station's areas; nothing stays behind. */
static inline void rig_check_sums(struct rig *r)
{
  double slots = 0, in_system = 0, waits = 0;
  for (int i = 0; i < r->n; i++) {
    slots += r->jobs[i].job.slot_s;
    in_system += s_from_ns(r->jobs[i].job.wait_ns + r->jobs[i].job.served_ns);
    waits += s_from_ns(r->jobs[i].job.wait_ns);
  }
  struct station_meters m;
  station_meters(r->station, sim_now(r->sim), &m);
  assert_true(fabs(m.run_busy_slot_s - slots) <= 1e-7 * (1 + slots));
  assert_true(fabs(m.in_system_s - in_system) <= 1e-9 * (1 + in_system));
  assert_true(fabs(m.queue_s - waits) <= 1e-9 * (1 + waits));
  assert_int_equal(station_in_system(r->station), 0);
  assert_int_equal(station_busy(r->station), 0);
}

static void rig_free(struct rig *r)
{
  stations_free(r->station, 1);
  sim_free(r->sim);
}

static inline void rig_expect(enum discipline discipline, int servers, int slots, uint64_t capacity,
                              struct scripted *jobs, int n, const char *log)
{
  struct rig r;
  rig_init(&r, discipline, servers, slots, capacity, jobs, n, 0);
  sim_run(r.sim, SIM_NEVER);
  assert_string_equal(r.log, log);
  rig_check_sums(&r);
  rig_free(&r);
}

#define SCRIPT(...) struct scripted jobs[] = {__VA_ARGS__}; const int n = (int)(sizeof jobs / sizeof *jobs)

#endif
