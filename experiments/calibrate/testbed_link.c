/* testbed_link.c: the link of the testbed: one scenario names its traces; the simulator reads them there, and what it read is
 * written out for the relay. So both impose the same file, and what the simulator refuses nobody relays.
 *
 * --link FILE (its kind as the file looks), or the keys of a link's `trace` as KEY=VALUE,...: rtt, capacity, up, down (files)
 * and format, column, as, gaps, sample.
 */
#include "experiments/calibrate/testbed.h"
#include "analysis/text.h"
#include "models/link_process.h"
#include "scenarios/scenario.h"
#include "sim/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINK_STEPS = 6000, KEYS = 9 };
#define LINK_STEP_S 0.01                                /* from one round trip to the next */
#define LINK_RTT_S 5e-4                                 /* its median: a wired neighbour */
#define LINK_KEEPS 0.9                                  /* of the logarithm from step to step */
#define LINK_SIGMA 0.3                                  /* of the logarithm */

/* Files first, then what says how they are read: copied as they are, for the schema to judge. */
enum { RTT, CAPACITY, UP, DOWN, FILES, COLUMN = FILES, TEXTS };
static const char *const key_names[KEYS] = {"rtt", "capacity", "up", "down", "column", "format", "as", "gaps", "sample"};
#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+- "
struct keys { const char *value[KEYS]; };

/* ---- one that is made ----------------------------------------------------------------------------------------------- */

/* Synthetic round trips as `ping` prints them: a log-normal AR(1). */
static bool make_rtt(struct bed_options *o, struct keys *k, struct arena *a, struct err *e)
{
  struct text t = {0};
  struct rng_root root = rng_root_make(o->seed, 0);
  struct rng draw = rng_open(&root, rng_name("testbed link"), 0, 0);
  double x = LINK_SIGMA * rng_normal(&draw);
  text_put(&t, "PING testbed (127.0.0.1) 56(84) bytes of data.\n");
  for (int i = 1; i <= LINK_STEPS; i++) {
    double rtt_s = LINK_RTT_S * exp(fmax(fmin(x, 1), -1));
    text_add(&t, "64 bytes from 127.0.0.1: icmp_seq=%d ttl=64 time=%.4f ms\n", i, rtt_s * 1e3);
    x = LINK_KEEPS * x + LINK_SIGMA * sqrt(1 - LINK_KEEPS * LINK_KEEPS) * rng_normal(&draw);
  }
  k->value[RTT] = "link.rtt";
  k->value[KEYS - 1] = arena_printf(a, "%.6f ms", LINK_STEP_S * 1e3);
  bool good = text_save(&t, arena_printf(a, "%s/link.rtt", o->dir), e);
  free(t.s);
  return good;
}

/* ---- what --link says ----------------------------------------------------------------------------------------------- */

static const char *find(const char *file, struct arena *a, struct err *e)
{
  const char *found = scenario_find_file(a, "./testbed", file, NULL);
  char *path = found ? realpath(found, NULL) : NULL;
  if (!path)
    err_add(e, (struct where){0}, "testbed: --link: there is no file '%s'", file);
  const char *kept = path ? arena_strdup(a, path) : NULL;
  free(path);
  return kept;
}

static bool take_key(struct keys *k, char *pair, struct arena *a, struct err *e)
{
  char *equals = strchr(pair, '=');
  int i = 0;
  if (equals)
    *equals = 0;
  while (i < KEYS && strcmp(pair, key_names[i]))
    i++;
  const char *near = i == KEYS ? nearest(pair, key_names, KEYS) : NULL;
  if (i == KEYS || !equals || !equals[1])
    return err_add(e, (struct where){0}, "testbed: --link takes a file, or rtt=FILE,capacity=FILE (or up=FILE,down=FILE) with format, "
                   "column, as, gaps, sample; '%s' %s%s%s", pair, i < KEYS ? "needs a value" : near ? "is perhaps '" : "is none of them",
                   near ? near : "", near ? "'" : "");
  if (k->value[i])
    return err_add(e, (struct where){0}, "testbed: --link has '%s' twice", pair);
  if (i >= TEXTS && equals[1 + strspn(equals + 1, WORD)])
    return err_add(e, (struct where){0}, "testbed: --link: '%s' is a word or a number with its unit, not '%s'", pair, equals + 1);
  k->value[i] = i < FILES ? find(equals + 1, a, e) : equals + 1;
  return k->value[i] != NULL;
}

/* A file alone: its kind is what it looks like. */
static bool take_file(const char *file, struct keys *k, struct arena *a, struct err *e)
{
  const char *path = find(file, a, e);
  const struct link_trace_def def = {.file = path};
  const struct link_trace *t = path ? link_trace_read(&def, a, e) : NULL;
  if (t && t->kind == LINK_DELAY)
    return err_add(e, (struct where){.file = path}, "testbed: a distribution without time: the relay imposes round trips or rates");
  if (t)
    k->value[t->kind == LINK_RTT ? RTT : CAPACITY] = path;
  return t != NULL;
}

static bool take_keys(const struct bed_options *o, struct keys *k, struct arena *a, struct err *e)
{
  char *rest = arena_strdup(a, o->link), *pair;
  bool good = true;
  if (!strchr(o->link, '='))
    return take_file(o->link, k, a, e);
  while ((pair = strsep(&rest, ",")))
    good &= take_key(k, pair, a, e);
  bool both = k->value[UP] && k->value[DOWN], one = k->value[UP] || k->value[DOWN];
  if (good && (one != both || (k->value[CAPACITY] && one)))
    good = err_add(e, (struct where){0}, "testbed: --link: rates are 'capacity' for both directions, or 'up' and 'down'");
  if (good && !k->value[RTT] && !k->value[CAPACITY] && !both)
    good = err_add(e, (struct where){0}, "testbed: --link names no file: rtt, capacity, or up and down");
  return good;
}

/* ---- the scenario's link -------------------------------------------------------------------------------------------- */

/* A YAML scalar in single quotes. */
static void put_text(struct text *t, const char *key, const char *value)
{
  text_add(t, ", %s: '", key);
  for (; *value; value++)
    text_add(t, "%s%c", *value == '\'' ? "'" : "", *value);
  text_put(t, "'");
}

/* What the trace does not say is as ever: a rate of o->rate_Bps, a round trip of LINK_RTT_S. */
static const char *keys_of(const struct bed_options *o, const struct keys *k, struct arena *a)
{
  struct text t = {0};
  bool rates = k->value[CAPACITY] || k->value[UP];
  if (!rates)
    text_add(&t, "rate: %.0f B/s, ", o->rate_Bps);
  if (!k->value[RTT])
    text_add(&t, "rtt: %.3f ms, ", LINK_RTT_S * 1e3);
  text_put(&t, "trace: {offset: 0 s");
  if (k->value[UP]) {
    struct text each = {0};
    put_text(&each, "up", k->value[UP]), put_text(&each, "down", k->value[DOWN]);
    text_add(&t, ", capacity: {%s}", each.s + 2);
    free(each.s);
  }
  for (int i = 0; i < KEYS; i++)
    if (k->value[i] && i >= TEXTS)
      text_add(&t, ", %s: %s", key_names[i], k->value[i]);
    else if (k->value[i] && i != UP && i != DOWN)
      put_text(&t, key_names[i], k->value[i]);
  const char *all = arena_printf(a, "%s}", t.s);
  free(t.s);
  return all;
}

/* ---- what the relay reads ------------------------------------------------------------------------------------------- */

static void put_end(struct text *t, const char *name, const struct link_trace *trace)
{
  text_add(t, "%s,%.9f,end\n", name, (double)trace->length * 1e-9);
}

/* As the simulator takes them (models/link_process.c): half of a round trip each way, and of one beyond three times the
 * median all that is beyond half of the median. */
static void put_latency(struct text *out, const struct link_trace *t)
{
  for (uint64_t i = 0; t && i < t->n; i++) {
    double rtt_s = t->value[i];
    text_add(out, "latency,%.9f,", (double)t->at[i] * 1e-9);
    if (isfinite(rtt_s))
      text_add(out, "%.9f\n", rtt_s > 3 * t->median ? rtt_s - t->median / 2 : rtt_s / 2);
    else
      text_put(out, "lost\n");
  }
  if (t)
    put_end(out, "latency", t);
  else
    text_add(out, "latency,0,%.9f\nlatency,1,end\n", LINK_RTT_S / 2);
}

static void put_rate(struct text *out, const char *name, const struct link_trace *t, double rate_Bps)
{
  for (uint64_t i = 0; t && i < t->n; i++)
    text_add(out, "%s,%.9f,%.9g\n", name, (double)t->at[i] * 1e-9, t->value[i]);
  if (t)
    put_end(out, name, t);
  else
    text_add(out, "%s,0,%.9g\n%s,1,end\n", name, rate_Bps, name);
}

/* The longest latency behind the longest time without any. */
static double most_latency_s(const struct link_trace *t)
{
  double most_s = t ? 0 : LINK_RTT_S / 2, lost_s = 0, longest_s = 0;
  for (uint64_t k = 0; t && k < 2 * t->n; k++) {        /* twice: it begins anew */
    uint64_t i = k % t->n;
    bool lost = !isfinite(t->value[i]);
    lost_s = lost ? lost_s + (double)((i + 1 < t->n ? t->at[i + 1] : t->length) - t->at[i]) * 1e-9 : 0;
    longest_s = fmax(longest_s, lost_s);
    most_s = fmax(most_s, lost ? 0 : t->value[i]);
  }
  return most_s + fmin(longest_s, t ? (double)t->length * 1e-9 : 0);
}

static double transmit_s(const struct link_trace *t, uint64_t i, double bytes)
{
  double took_s = 0;
  for (uint64_t k = i; bytes > 0 && k < i + 4 * t->n; k++) {
    uint64_t at = k % t->n;
    double step_s = (double)((at + 1 < t->n ? t->at[at + 1] : t->length) - t->at[at]) * 1e-9, need_s = bytes / t->value[at];
    took_s += fmin(step_s, need_s);
    bytes -= t->value[at] * step_s;
  }
  return took_s;
}

/* From the begin of a step; one sent within a step takes at most what is left of it longer: twice. An outage is walked from
 * its begin only. */
static double most_transmit_s(const struct link_trace *t, double bytes, double rate_Bps)
{
  double most_s = t ? 0 : bytes / rate_Bps;
  for (uint64_t i = 0; t && i < t->n; i++)
    if (t->value[i] > 0 || i == 0 || t->value[i - 1] > 0)
      most_s = fmax(most_s, 2 * transmit_s(t, i, bytes));
  return most_s;
}

static bool write_relay(const struct bed_options *o, const struct link_process_def *d, struct arena *a, struct err *e)
{
  struct text out = {0};
  text_put(&out, "what,from_s,value\n");
  put_latency(&out, d->rtt);
  put_rate(&out, "up", d->capacity[0], o->rate_Bps);
  put_rate(&out, "down", d->capacity[1], o->rate_Bps);
  bool good = text_save(&out, arena_printf(a, "%s/link.csv", o->dir), e);
  free(out.s);
  return good;
}

/* A scenario of nothing but the link. */
static bool write_scenario(const struct bed_options *o, const char *path, struct err *e)
{
  struct text t = {0};
  text_add(&t, "# Written by `offsim testbed`: its link, as simulator and relay have it.\n"
           "name: link\nhorizon: {kind: terminating, duration: 10 s}\n"
           "places:\n  - {name: client, tier: device, zone: here, count: 1}\n  - {name: relay, tier: edge, zone: here, servers: 1}\n"
           "links:\n  - {name: access, between: [client, relay], kind: fixed,\n     %s}\n"
           "classes:\n  - name: one\n    from: [client]\n    arrivals: {poisson: {rate: 1 /s}}\n    input: %.0f B\n"
           "    pipeline:\n      - {task: work, places: [relay], output: %.0f B, work: {time: 1 ms}}\npolicies: [always_edge]\n",
           o->link_keys, o->request_bytes, o->reply_bytes);
  bool good = text_save(&t, path, e);
  free(t.s);
  return good;
}

bool bed_write_link(struct bed_options *o, struct arena *a, struct err *e)
{
  struct keys k = {{NULL}};
  const char *path = arena_printf(a, "%s/link.yaml", o->dir);
  if (!(o->link ? take_keys(o, &k, a, e) : make_rtt(o, &k, a, e)))
    return false;
  o->link_keys = keys_of(o, &k, a);
  struct scenario *s = write_scenario(o, path, e) ? scenario_load(path, NULL, 0, e) : NULL;
  const struct link_process_def *process = s && s->world.n_links == 1 ? s->world.link[0].process : NULL;
  bool good = process && write_relay(o, process, a, e);
  if (good)
    o->link_most_s = most_latency_s(process->rtt) + most_transmit_s(process->capacity[0], o->request_bytes, o->rate_Bps);
  if (s)
    scenario_free(s);
  return good;
}
