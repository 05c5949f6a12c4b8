/* control.c: tests of `tick`: its orders are what the host can do, it writes nothing else, and it does the same again. */
#include "experiments/conformance/lab.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TICKS = 2000, MOST_PLACES = 16, SEEN = 5, ORDERS = 3 };
static const double FENCE = -1234.5;                    /* behind the last place: not the policy's */
static const struct habit between = {.masks = MASKS_RANDOM};

/* A row of numbers, one for each place, and the fence. */
struct row { double at[MOST_PLACES + 1]; };
struct control_lab {
  struct lab *lab;
  int n;
  struct rng dice;                                      /* of the places */
  struct row seen[SEEN], order[ORDERS];                 /* as in struct offsim_control */
  int32_t tier[MOST_PLACES];
  struct offsim_control control;
  int64_t now_ns;
};

static bool control_open(struct control_lab *c, const struct subject *s, struct report *r)
{
  memset(c, 0, sizeof *c);
  c->lab = calloc(1, sizeof *c->lab);
  if (!c->lab || !lab_open(c->lab, s, &(struct lab_wish){0}, r)) return false;
  struct rng_root root = rng_root_make(s->seed + 2, 0);
  c->dice = rng_open(&root, rng_name("places"), 0, 0);
  c->n = c->lab->world.n_places;
  sim_assert(c->n <= MOST_PLACES);
  for (int i = 0; i < c->n; i++) c->tier[i] = (int32_t)c->lab->world.place[i].tier;
  return true;
}

/* Jobs, utilization, arrivals, instances, busy ones. Half of the places have no instances, an API no utilization. */
static void some_places(struct control_lab *c, double period_s)
{
  for (int i = 0; i < c->n; i++) {
    double most = rng_below(&c->dice, 2) ? 10 : 1e6, instances = (double)rng_below(&c->dice, 200);
    bool has = rng_below(&c->dice, 2), known = rng_below(&c->dice, 4);
    c->seen[0].at[i] = floor(most * rng_uniform(&c->dice));
    c->seen[1].at[i] = known ? rng_uniform(&c->dice) : NAN;
    c->seen[2].at[i] = floor(most * rng_uniform(&c->dice));
    c->seen[3].at[i] = has ? instances : NAN;
    c->seen[4].at[i] = has ? floor(instances * rng_uniform(&c->dice)) : NAN;
    for (int k = 0; k < ORDERS; k++) c->order[k].at[i] = NAN;
  }
  for (int k = 0; k < SEEN; k++) c->seen[k].at[c->n] = FENCE;
  for (int k = 0; k < ORDERS; k++) c->order[k].at[c->n] = FENCE;
  c->now_ns += (int64_t)(1e9 * period_s);
  c->control = (struct offsim_control){.n_places = (uint32_t)c->n, .now_ns = c->now_ns, .period_s = period_s,
    .tier = c->tier, .jobs = c->seen[0].at, .utilization = c->seen[1].at, .arrivals = c->seen[2].at,
    .instances = c->seen[3].at, .instances_busy = c->seen[4].at, .instances_wanted = c->order[0].at,
    .keep_alive_s = c->order[1].at, .admit = c->order[2].at};
}

/* False after a report. */
static bool untouched(const struct control_lab *c, const struct row before[SEEN], struct report *r)
{
  if (memcmp(before, c->seen, SEEN * sizeof *before) != 0)
    return report_fail(r, "tick changed what it may only read");
  for (int k = 0; k < ORDERS; k++)
    if (c->order[k].at[c->n] != FENCE) return report_fail(r, "tick wrote behind the last of %d places", c->n);
  return true;
}

static bool one_tick(struct control_lab *c, uint64_t number, double period_s)
{
  struct lab *l = c->lab;
  struct row before[SEEN];
  some_places(c, period_s);
  memcpy(before, c->seen, sizeof before);
  if (!policy_host_tick(l->host, &c->control, number, &l->err)) return report_err(l->report, &l->err);
  return untouched(c, before, l->report);
}

static bool has_tick(const struct subject *s, struct report *r)
{
  if (!s->policy->tick) report_skip(r, "it has no tick");
  return s->policy->tick;
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

/* The first tick comes before any decision, others after some, the last is followed by one: Python tells troubles there. */
static void orders_are_fine(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct control_lab c;
  uint64_t n = lab_size(s, TICKS);
  if (!has_tick(s, r) || !control_open(&c, s, r)) return;
  for (uint64_t i = 0; i < n; i++)
    if (!one_tick(&c, i, 1) || !lab_live(c.lab, &between, rng_below(&c.dice, 4))) return;
  if (lab_live(c.lab, &between, 1)) report_note(r, "%llu ticks", (unsigned long long)n);
}

static void any_period_will_do(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  static const double period_s[] = {1e-6, 1e-3, 1, 60, 86400};
  for (size_t k = 0; has_tick(s, r) && k < sizeof period_s / sizeof *period_s; k++) {
    struct control_lab c;
    if (!control_open(&c, s, r)) return;
    for (uint64_t i = 0; i < lab_size(s, TICKS / 10); i++)
      if (!one_tick(&c, i, period_s[k])) return;
    if (!lab_live(c.lab, &between, 1)) return;
    lab_close(c.lab);
    free(c.lab);
  }
}

/* The orders of each tick, decisions between them. */
static bool live_with_ticks(const struct subject *s, uint64_t n, struct row *all, struct report *r)
{
  struct control_lab c;
  if (!control_open(&c, s, r)) return false;
  for (uint64_t i = 0; i < n; i++) {
    if (!one_tick(&c, i, 1) || !lab_live(c.lab, &between, 1)) return false;
    memcpy(&all[i * ORDERS], c.order, sizeof c.order);
  }
  return true;
}

/* NaN is one order: leave it as it is. */
static bool same_order(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static void ticks_again(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  static const char *const names[ORDERS] = {"instances", "s of keep-alive", "let in"};
  uint64_t n = lab_size(s, TICKS);
  struct row *a = calloc(n * ORDERS, sizeof *a), *b = calloc(n * ORDERS, sizeof *b);
  if (!has_tick(s, r) || !a || !b) return;
  mallopt(M_PERTURB, 0x55);                             /* what was never written shows */
  if (!live_with_ticks(s, n, a, r)) return;
  mallopt(M_PERTURB, 0xaa);
  if (!live_with_ticks(s, n, b, r)) return;
  for (uint64_t i = 0; i < n * ORDERS; i++)
    for (int p = 0; p < MOST_PLACES; p++)
      if (!same_order(a[i].at[p], b[i].at[p])) {
        report_fail(r, "tick %llu: %g %s at place %d, the second time %g", (unsigned long long)(i / ORDERS), a[i].at[p],
                    names[i % ORDERS], p, b[i].at[p]);
        return;
      }
}

const struct conformance_test conformance_control[] = {
  {.name = "tick.orders", "its orders are what the host can do, and it writes nothing else", orders_are_fine},
  {.name = "tick.periods", "from a microsecond to a day, many before the first decision", any_period_will_do},
  {.name = "tick.again", "a second run gives the same orders", ticks_again},
  {0}};
