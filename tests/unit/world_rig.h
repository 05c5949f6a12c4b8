/* world_rig.h: small worlds by hand, and a sink that keeps what happened. For tests of whole runs. */
#ifndef OFFSIM_TESTS_WORLD_RIG_H
#define OFFSIM_TESTS_WORLD_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "models/policy_host.h"
#include "models/world.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 4096 };
struct kept {
  int requests, attempts, decisions, transfers, samples;
  struct request_record request[KEPT];
  struct attempt_record attempt[KEPT];
  struct decision_record decision[KEPT];
  struct transfer_record transfer[KEPT];
  double level[KEPT];                                   /* of the first place with a battery, in the samples */
};

static void keep_request(void *c, const struct request_record *x, const double *attribute, int n)
{
  struct kept *k = c;
  (void)attribute, (void)n;
  if (k->requests < KEPT) k->request[k->requests++] = *x;
}
static void keep_attempt(void *c, const struct attempt_record *x)
{
  struct kept *k = c;
  if (k->attempts < KEPT) k->attempt[k->attempts++] = *x;
}
static void keep_decision(void *c, const struct decision_record *x)
{
  struct kept *k = c;
  if (k->decisions < KEPT) k->decision[k->decisions++] = *x;
}
static void keep_transfer(void *c, const struct transfer_record *x)
{
  struct kept *k = c;
  if (k->transfers < KEPT) k->transfer[k->transfers++] = *x;
}
static void keep_sample(void *c, int64_t at_ns, const struct place_sample *s, int n)
{
  struct kept *k = c;
  (void)at_ns;
  for (int i = n; i-- > 0;)
    if (!isnan(s[i].battery) && k->samples < KEPT) k->level[k->samples] = s[i].battery;
  k->samples++;
}

static inline struct sink keeping(struct kept *k)
{
  return (struct sink){k, keep_request, keep_attempt, keep_decision, keep_transfer, keep_sample};
}

/* A constant in an arena of statics: as many as a test program needs. */
static inline const struct dist *always(double value)
{
  static struct dist all[32768];
  static int n;
  assert_true(n < 32768);
  all[n] = dist_constant(value);
  return &all[n++];
}
static inline const struct dist *drawn(const char *kind, double a, double b)
{
  static struct dist all[512];
  static int n;
  char why[160];
  double p[2] = {a, b};
  assert_true(n < 512);
  if (!dist_make(&all[n], kind, p, isnan(b) ? 1 : 2, why)) fail_msg("%s", why);
  return &all[n++];
}
static inline struct expr amount(double value)
{
  static struct expr_op all[32768];
  static int n;
  assert_true(n < 32768);
  all[n] = (struct expr_op){EXPR_NUMBER, 0, value};
  return expr_number(&all[n++]);
}
static inline struct expr attribute_value(uint16_t index)
{
  static struct expr_op all[8192];
  static int n;
  assert_true(n < 8192);
  all[n] = (struct expr_op){EXPR_ATTRIBUTE, index, 0};
  return (struct expr){1, UINT64_C(1) << index, &all[n++]};
}

static const struct attribute_def difficulty = {.name = "difficulty", .unit = "", .known = KNOWN_ORACLE};

/* Three places: 0 phone (device, zone 0), 1 edge (zone 1), 2 cloud (zone 2); links phone-edge and edge-cloud. One
 * class with one task; a request at 0, 10, 20 ... s. Tests change what they need before running. */
struct rig {
  struct world_def def;
  struct place_def place[4];
  struct link_def link[4];
  struct class_def klass[2];
  struct attribute_def attribute[4];
  struct task_def task[4];
  struct work_def work[4][4];
  struct plan_def plan[4][4];
  struct fallback_def fallback[4];
  struct hardware_def hardware[3];
  struct variant_def variant[3];
  struct token_cost cost[3][3];
  struct policy_def policy;
  struct run_summary summary;
  struct exposure_summary exposure[16];                 /* its table of zones and kinds of data */
  struct kept *kept;
  uint64_t seed, replication;
  const char *kind;                                     /* of the policy, after a run */
};

static inline struct plan_def plan_at(int place) { return (struct plan_def){WORD_PLACE, place, 0, 0, "plan", 0}; }
static inline struct plan_def plan_origin(void) { return (struct plan_def){WORD_ORIGIN, NONE, 0, 0, "origin", 0}; }

static const char *const rig_zones[] = {"user", "telco", "public"};
static const int rig_from[] = {0};

static inline void rig_task(struct rig *r, int i, uint32_t after, double time_s, struct plan_def plan)
{
  static const char *const names[] = {"first", "second", "third", "fourth"};
  r->task[i] = task_def_default();
  r->task[i].name = names[i];
  r->task[i].after = after;
  r->task[i].n_plans = 1;
  r->task[i].plan = r->plan[i];
  r->task[i].work = r->work[i];
  r->plan[i][0] = plan;
  r->work[i][0] = (struct work_def){.kind = WORK_TIME, .time_s = always(time_s)};
  for (int p = 0; p < 4; p++)
    if (after >> p & 1) r->task[p].before |= 1u << i;
}

static inline struct rig *rig_new(void)
{
  static const char *const places[] = {"phone", "edge", "cloud", "api"};
  static const char *const links[] = {"access", "wan", "peering", "other"};
  struct rig *r = calloc(1, sizeof *r);
  r->kept = calloc(1, sizeof *r->kept);
  for (int i = 0; i < 4; i++) {
    r->place[i] = place_def_default();
    r->place[i].name = places[i];
    r->place[i].tier = i == 0 ? TIER_DEVICE : i == 1 ? TIER_EDGE : TIER_CLOUD;
    r->place[i].zone = i < 3 ? i : 2;
    r->link[i] = link_def_default();
    r->link[i].name = links[i];
    r->link[i].a = i == 2 ? 1 : i;
    r->link[i].b = i + 1;
    r->link[i].latency_s = always(0);
  }
  r->klass[0] = class_def_default();
  r->klass[0].name = "ask";
  r->klass[0].n_from = 1;
  r->klass[0].from = rig_from;
  r->klass[0].arrivals.kind = ARRIVE_RENEWAL;
  r->klass[0].arrivals.interarrival_s = always(10);
  r->klass[0].n_attributes = 1;
  r->klass[0].attribute = r->attribute;
  r->klass[0].n_tasks = 1;
  r->klass[0].task = r->task;
  r->attribute[0] = difficulty;
  rig_task(r, 0, 0, 1, plan_origin());
  r->def = (struct world_def){.n_zones = 3, .zone = rig_zones, .n_places = 3, .place = r->place, .n_links = 2,
                              .link = r->link,
                              .n_hardware = 3, .hardware = r->hardware, .n_variants = 0, .variant = r->variant,
                              .n_classes = 1, .klass = r->klass, .telemetry = telemetry_def_default(),
                              .horizon = horizon_def_default()};
  r->def.horizon.duration_s = 15;
  r->seed = 1;
  return r;
}

static inline void rig_run(struct rig *r)
{
  struct err err;
  err_init(&err);
  memset(r->kept, 0, sizeof *r->kept);
  free(r->summary.place);
  struct run_setup setup = {.def = &r->def, .policy = r->policy.policy ? &r->policy : NULL, .seed = r->seed,
                            .replication = r->replication, .sink = keeping(r->kept)};
  struct world *w = world_new(&setup, &err);
  if (!w || !world_run(w, &r->summary, &err)) {
    err_print(&err, stderr, false);
    fail_msg("the world did not run");
  }
  r->summary.place = memcpy(calloc((size_t)r->def.n_places, sizeof *r->summary.place), r->summary.place,
                            (size_t)r->def.n_places * sizeof *r->summary.place);
  if (r->summary.exposure)
    memcpy(r->exposure, r->summary.exposure, (size_t)(r->def.n_zones * r->def.n_data) * sizeof *r->exposure);
  r->kind = world_policy_kind(w);
  world_free(w);
  err_release(&err);
}

static inline void rig_free(struct rig *r)
{
  free(r->summary.place);
  free(r->kept);
  free(r);
}

static inline int64_t ms(double x) { return (int64_t)llround(x * 1e6); }

/* The first of a task; NULL: it has none. */
static inline const struct attempt_record *rig_attempt(const struct rig *r, int task)
{
  for (int i = 0; i < r->kept->attempts; i++)
    if (r->kept->attempt[i].task == task) return &r->kept->attempt[i];
  return NULL;
}

#endif
