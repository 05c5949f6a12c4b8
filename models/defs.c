/* defs.c: definitions start valid, with the defaults of the schema; names of statuses and phases. */
#include "models/defs.h"
#include "models/record.h"

const char *const status_name[N_STATUS] = { "open", "completed", "answered", "timeout", "blocked", "rejected", "masked",
                                            "cancelled", "censored", "lost", "no_power", "moved" };
const char *const phase_name[N_PHASES] = { "decide", "uplink", "queue", "cold_start", "batch", "serve", "downlink" };

/* Below the first point the first value; sizes beyond the last are refused by the builder. */
double batch_curve_at(const struct batch_curve *c, double size)
{
  if (c->n == 0) return c->a + c->c * size;
  int i = 0;
  while (i < c->n && c->size[i] < size) i++;
  if (i == 0 || i == c->n) return c->value[i == 0 ? 0 : c->n - 1];
  double part = (size - c->size[i - 1]) / (c->size[i] - c->size[i - 1]);
  return c->value[i - 1] + part * (c->value[i] - c->value[i - 1]);
}

struct place_def place_def_default(void)
{
  return (struct place_def){ .kind = PLACE_SERVERS, .tier = TIER_EDGE, .count = 1, .servers = 1, .slots = 1,
                             .discipline = FIFO, .dispatch = DISPATCH_JSQ, .idle_w = -1, .busy_w = -1 };
}

struct link_def link_def_default(void)
{
  return (struct link_def){ .a = NONE, .b = NONE, .a_member = NONE, .b_member = NONE, .shared_by = SHARED_BY_NONE,
                            .kind = LINK_FLUID };
}

struct class_def class_def_default(void)
{
  return (struct class_def){ .share = 1, .in_flight = NONE, .zones = ~UINT64_C(0), .arrivals = { .kind = ARRIVE_POISSON } };
}

struct task_def task_def_default(void) { return (struct task_def){ 0 }; }

struct telemetry_def telemetry_def_default(void)
{
  return (struct telemetry_def){ .refresh_s = 0.1, .delay_s = 0.02, .bytes_per_report = 64 };
}

struct horizon_def horizon_def_default(void)
{
  return (struct horizon_def){ .kind = HORIZON_TERMINATING, .drain_max_s = 600, .warmup_auto = true };
}
