/* A scenario text, and what becomes of it: definitions in SI, overrides by path, identity, limits of the reader. */
#include "scenarios/scenario.h"
#include "scenarios/tree.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

static const char text[] =
    "horizon: {duration: 2 min}\n"
    "objective: {latency: -1 /s, money: -2000 /USD, energy: -0.1 /J, quality: 2, failure: -10}\n"
    "places:\n"
    "  - {name: phone, tier: device, zone: user, count: 20, hardware: {mix: {small: 0.7, large: 0.3}}}\n"
    "  - {name: metro, tier: edge, zone: telco, count: 3, servers: 2, slots: 4, hardware: card, variants: big}\n"
    "  - {name: api, tier: cloud, zone: public, kind: api, ttft: 500 ms, tpot: 12 ms, limits: {tokens: 60 k/min},\n"
    "     tariff: {input: 0.15 USD/Mtok, time: 3.6 USD/h, billing: on_demand}}\n"
    "hardware:\n"
    "  small: {flops: 1 TFLOP/s, flops_share: 0.5, bandwidth: 50 GB/s, bandwidth_share: 0.5}\n"
    "  large: {flops: 2 TFLOP/s, bandwidth: 80 GB/s}\n"
    "  card: {bandwidth: 300 GB/s, flops: 100 TFLOP/s, tokens: {big: {step: {a: 20 ms, c: 1 ms}, kv_cap: 1000 tok}}}\n"
    "variants:\n"
    "  tiny: {parameters: 1e9, weights: 1 GB, mbu: 0.5, skill: 0.5}\n"
    "  big: {parameters: 8e9, weights: 16 GB, mbu: 0.7, skill: 0.8, width: 0.1}\n"
    "links:\n"
    "  - {name: access, between: [phone, metro], rtt: {shifted: {by: 10 ms, dist: {exponential: {mean: 4 ms}}}},\n"
    "     rate: {up: 8 Mbit/s, down: 80 Mbit/s}, rate_scale: 2, shared_by: cell, price: 1 USD/GB}\n"
    "  - {name: peering, between: [metro, api], latency: 5 ms}\n"
    "classes:\n"
    "  - name: chat\n"
    "    from: phone\n"
    "    arrivals: {poisson: {rate: 30 /min}}\n"
    "    zones: [user, telco]\n"
    "    attributes:\n"
    "      prompt_tokens: {dist: {constant: {value: 100}}}\n"
    "      output_tokens: {dist: {uniform: {low: 10, high: 30}}, known: completion}\n"
    "      page: {dist: {constant: {value: 3}}, unit: kB, known: find}\n"
    "    estimator: {output_tokens: {class_mean: 20}}\n"
    "    input: 4 B * prompt_tokens + max(1 kB, page) / 2\n"
    "    pipeline:\n"
    "      - {task: write, after: [find], variants: [tiny, big], places: [origin, nearest, \"metro[*]\", api], stream: "
    "true,\n"
    "         output: 4 B * output_tokens, timeout: {ttft: 2 s}, fallback: [{place: origin, variant: tiny}, {answer: "
    "pages, quality: 0.4}]}\n"
    "      - {task: find, after: [], work: {flop: 2 FLOP * prompt_tokens, bytes: 1 MB}, places: [origin]}\n"
    "      - {task: tag, after: find, work: {time: {gamma: {mean: 10 ms, shape: 2}}}, places: [metro], repeat: 0.25}\n"
    "telemetry: {refresh: 50 ms, noise: 5 %}\n"
    "policies: [always_local, {policy: threshold, name: long-to-cloud, feature: prompt_tokens, above: 50}]\n";

static struct err problems;

static struct scenario *load(const char *body, const struct override *o, size_t n)
{
  char path[] = "/tmp/scenario_load_XXXXXX.yaml";
  int fd = mkstemps(path, 5);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, body, strlen(body)), strlen(body));
  close(fd);
  err_release(&problems);
  err_init(&problems);
  struct scenario *s = scenario_load(path, o, n, &problems);
  unlink(path);
  return s;
}

static struct scenario *sound(const struct override *o, size_t n)
{
  struct scenario *s = load(text, o, n);
  if (!s) {
    err_print(&problems, stderr, false);
    fail();
  }
  return s;
}

static void close_to(double a, double b) { if (!(fabs(a - b) <= 1e-9 * fabs(b))) fail_msg("%.12g is not %.12g", a, b); }

/* 2 GiB at 0.00001 USD/GiB-s less 50 %, and 14,600 USD less a quarter over 4 x 365 days of which half are used. */
static void terms_of_a_tariff(void **state)
{
  (void)state;
  static const char *const map = "{billing: use, granularity: 1 ms, memory: 2 GiB, memory_time: 0.00001 USD/GiBs, spot: 50 %,"
    " capex: {price: 14600 USD, life: 1460 d, resale: 0.25, utilization: 0.5}, electricity: 0.36 USD/kWh,"
    " free: {requests: 1e6, memory_time: 4 GiBs}, input: 2 USD/Mtok, cached: 0.2 USD/Mtok, sensitivity: 40 %,"
    " long_prompt: {above: 200 ktok, input: 2, output: 1.5},"
    " egress: {tiers: [{price: 0 USD/GB}, {from: 100 GB, price: 0.09 USD/GB}], used: 50 GB}}";
  struct override o[] = {{"places.metro.tariff", map}, {"price_sensitivity", "20 %"}};
  struct scenario *s = sound(o, 2);
  const struct tariff_def *f = &s->world.place[1].tariff;
  const struct tariff_terms *t = f->terms;
  close_to(s->world.price_sensitivity, 0.2);
  close_to(f->usd_per_s, 0.5 * 2e-5 + 14600 * 0.75 / (0.5 * 1460 * 86400));
  assert_true(f->on_demand && t->by_use && t->has_cached && t->minimum_s == 0 && f->usd_per_byte_out == 0);
  close_to(t->granularity_s, 1e-3);
  close_to(t->usd_per_j, 1e-7);
  close_to(t->free_requests, 1e6);
  close_to(t->free_use_s, 2);
  close_to(t->usd_per_tok_cached, 0.2e-6);
  close_to(t->long_tok, 200e3);
  close_to(t->long_out, 1.5);
  close_to(t->sensitivity, 0.4);
  close_to(t->month_s, 30 * 86400);
  assert_int_equal(t->n_tiers, 2);
  close_to(t->tier[1].from_bytes, 100e9);
  close_to(t->tier[1].usd_per_byte, 0.09e-9);
  close_to(t->used_bytes, 50e9);
  assert_null(s->world.place[0].tariff.terms);
  scenario_free(s);
}

static void places_and_hardware(void **state)
{
  (void)state;
  struct scenario *s = sound(NULL, 0);
  const struct world_def *w = &s->world;
  assert_int_equal(w->n_places, 3);
  assert_int_equal(w->place[0].count, 20);
  assert_int_equal(w->place[0].n_hardware, 2);
  close_to(w->place[0].hardware_weight[0], 0.7);
  assert_int_equal(w->place[1].servers * w->place[1].slots, 8);
  assert_true(w->place[1].idle_w < 0);                  /* the hardware's */
  close_to(w->place[2].limit_tok_per_s, 1000);
  close_to(w->place[2].tariff.usd_per_tok_in, 0.15e-6);
  close_to(w->place[2].tariff.usd_per_s, 1e-3);
  assert_true(w->place[2].tariff.on_demand);
  close_to(w->hardware[0].flop_per_s, 0.5e12);
  close_to(w->hardware[0].byte_per_s, 25e9);
  /* decode law: 0.5 * 25 GB/s / 1 GB = 12.5 tok/s; prefill: 0.5e12 / (2 * 1e9) = 250 tok/s */
  close_to(w->hardware[0].tokens[0].step_a_s, 1 / 12.5);
  close_to(w->hardware[0].tokens[0].prefill_tok_per_s, 250);
  close_to(w->hardware[2].tokens[1].step_a_s, 0.02);
  close_to(w->hardware[2].tokens[1].step_c_s, 0.001);
  close_to(w->hardware[2].tokens[1].kv_cap_tok, 1000);
  assert_int_equal(w->n_zones, 3);
  assert_int_equal(w->klass[0].zones, 3);               /* user and telco, in the order of the places */
  scenario_free(s);
}

/* Measured decode rates of parameter book 3 and 4.1 against the decode law: bandwidths from data sheets, MBU as the book
 * computed it from its tables. Llama 3.2 3B Q4 (2.02 GB), 3 8B Q4 (4.58 GB), 3 8B F16 (14.96 GB). */
static const struct { const char *name; double gb_per_s, mbu, gb, tok_per_s; bool small; } board[] = {
  {"rpi5", 17.07, 0.57, 2.02, 4.6, true}, {"n150", 38.4, 0.47, 2.02, 9.1, true},
  {"m4_mini", 120, 0.69, 2.02, 41.3, true}, {"gb10", 273, 0.72, 2.02, 97.9, true},
  {"m1", 68.25, 0.65, 4.58, 9.7, true}, {"m3_max", 400, 0.58, 4.58, 50.7, true},
  {"m2_ultra", 800, 0.44, 4.58, 76.3, true}, {"m2_ultra_f16", 800, 0.68, 14.96, 36.3, false},
  {"rtx4090_f16", 1008, 0.81, 14.96, 54.3, false},
};

static double step_of(const char *hardware, double gb_per_s, double mbu, double gb, const char *kv)
{
  char line[300], all[sizeof text + 400];
  snprintf(line, sizeof line, "  card: {bandwidth: %g GB/s, flops: 1 TFLOP/s}\nvariants:\n"
           "  tiny: {parameters: 1e9, weights: 1 GB}\n  big: {parameters: 8e9, weights: %g GB%s, mbu: %g}\n", gb_per_s, gb,
           kv, mbu);
  const char *from = strstr(text, "  card:"), *to = strstr(text, "links:\n");
  snprintf(all, sizeof all, "%.*s%s%s", (int)(from - text), text, line, to);
  struct scenario *s = load(all, NULL, 0);
  if (!s) fail_msg("%s does not load", hardware);
  const struct token_cost *c = &s->world.hardware[2].tokens[1];
  double a = c->step_a_s, context = c->step_s_per_kv_tok;
  assert_true(c->available && (c->step_c_s > 0) == !*kv);
  scenario_free(s);
  return *kv ? context : a;
}

static void decode_law(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof board / sizeof *board; i++) {
    double law = 1 / step_of(board[i].name, board[i].gb_per_s, board[i].mbu, board[i].gb, "");
    if (fabs(law / board[i].tok_per_s - 1) > 0.07)
      fail_msg("%s: %.4g tok/s by the law, %.4g measured", board[i].name, law, board[i].tok_per_s);
    double guess = 1 / step_of(board[i].name, board[i].gb_per_s, 0.55, board[i].gb, "");
    if (board[i].small && fabs(guess / board[i].tok_per_s - 1) > 0.26)
      fail_msg("%s: %.4g tok/s by the default, %.4g measured", board[i].name, guess, board[i].tok_per_s);
  }
  /* a token of context of 128 KiB at 0.5 x 131.072 GB/s: 2 us of each step */
  close_to(step_of("context", 131.072, 0.5, 4.58, ", kv: 131072 B/tok"), 2e-6);
}

/* A cool phone of 2024: 0.55 x 76.8 GB/s / 2.02 GB = 20.9 tok/s, half of it after 90 s of load. */
static void phones_tire(void **state)
{
  (void)state;
  struct override o[] = {{"hardware.small.preset", "phone_soc_2024"}, {"hardware.small.bandwidth", "76.8 GB/s"},
                         {"hardware.small.bandwidth_share", "1"}};
  struct scenario *s = sound(o, 3);
  const struct hardware_def *h = &s->world.hardware[0];
  assert_non_null(h->sustained);
  assert_int_equal(h->sustained->n, 3);
  close_to(h->sustained->load_s[2], 90);
  close_to(h->sustained->rate[2], 0.5);
  close_to(h->sustained->recovery, 90.0 / 300);
  close_to(h->byte_per_s, 76.8e9);
  assert_null(s->world.hardware[1].sustained);
  scenario_free(s);
}

static void links(void **state)
{
  (void)state;
  struct scenario *s = sound(NULL, 0);
  const struct link_def *l = &s->world.link[0];
  close_to(l->up_byte_per_s, 2e6);                      /* 8 Mbit/s, scaled by 2 */
  close_to(l->down_byte_per_s, 20e6);
  close_to(dist_mean(l->latency_s), 0.007);             /* half of 10 ms + 4 ms */
  close_to(l->usd_per_byte_down, 1e-9);
  assert_int_equal(l->shared_by, SHARED_BY_CELL);
  assert_int_equal(l->zones, 3);                        /* those of its ends */
  assert_true(s->world.link[1].up_byte_per_s == 0);
  scenario_free(s);
}

static void pipeline(void **state)
{
  (void)state;
  struct scenario *s = sound(NULL, 0);
  const struct class_def *c = &s->world.klass[0];
  double attribute[8] = {0, 100, 20, 3000};
  assert_string_equal(c->task[0].name, "find");         /* sorted: what others wait for comes first */
  assert_string_equal(c->task[1].name, "write");
  assert_int_equal(c->task[0].before, 2 | 4);
  assert_int_equal(c->task[1].after, 1);
  assert_int_equal(c->task[2].after, 1);
  assert_int_equal(c->attribute[3].known, KNOWN_AFTER_TASK);
  assert_int_equal(c->attribute[3].after_task, 0);
  close_to(dist_mean(c->attribute[3].dist), 3000);      /* kB become bytes */
  close_to(expr_value(&c->input_bytes, attribute), 400 + 1500);
  assert_int_equal(c->input_bytes.reads, 1 << 1 | 1 << 3);
  close_to(expr_value(&c->task[1].output_bytes, attribute), 80);
  close_to(expr_value(&c->task[0].work[0].flop, attribute), 200);
  assert_int_equal(c->task[1].work[0].kind, WORK_TOKENS);
  close_to(expr_value(&c->task[1].work[1].tok_out, attribute), 20);
  close_to(c->task[2].repeat_probability, 0.25);
  /* origin: tiny and big; nearest and each of three members: big only, as metro says; api: both */
  assert_int_equal(c->task[1].n_plans, 2 + 1 + 3 + 2);
  assert_string_equal(c->task[1].plan[4].label, "metro[1]/big");
  assert_int_equal(c->task[1].plan[4].member, 1);
  assert_int_equal(c->task[1].n_fallbacks, 2);
  assert_true(c->task[1].fallback[1].answers);
  close_to(c->task[1].timeout_first_s, 2);
  assert_int_equal(c->attribute[2].estimator, ESTIMATE_CLASS_MEAN);
  scenario_free(s);
}

static void overrides(void **state)
{
  (void)state;
  const struct override o[] = {{"links.access.rate", "80 Mbit/s"},
                               {"policies.long-to-cloud.above", "512"},
                               {"classes.chat.arrivals.poisson.rate", "2 /s"},
                               {"classes.chat.pipeline.write.timeout.ttft", "1 s"},
                               {"classes.chat.pipeline.tag.work.time.gamma.mean", "30 ms"},
                               {"places.metro.capacity", "9"},
                               {"objective.quality", "3"},
                               {"policies.always_local.scope", "device"},
                               {"hardware.card.memory", "24 GB"},
                               {"links.peering.latency", "{exponential: {mean: 2 ms}}"}};
  struct scenario *s = sound(o, sizeof o / sizeof *o);
  close_to(s->world.link[0].up_byte_per_s, 20e6);
  close_to(s->policy[1].parameter[1].value, 512);
  close_to(s->world.klass[0].arrivals.rate_per_s, 2);
  close_to(s->world.klass[0].task[1].timeout_first_s, 1);
  close_to(dist_mean(s->world.klass[0].task[2].work[0].time_s), 0.03);
  assert_int_equal(s->world.place[1].capacity, 9);
  close_to(s->world.objective.quality, 3);
  assert_int_equal(s->policy[0].scope, SCOPE_DEVICE);
  close_to(s->world.hardware[2].memory_bytes, 24e9);
  close_to(dist_mean(s->world.link[1].latency_s), 0.002);
  scenario_free(s);
}

static void wrong_override(const char *path, const char *value, const char *part)
{
  struct override o = {path, value};
  assert_null(load(text, &o, 1));
  if (!strstr(problems.problems[0].message, part))
    fail_msg("%s: '%s' lacks '%s'", path, problems.problems[0].message, part);
  if (strncmp(problems.problems[0].at.file, "--set ", 6) || strncmp(problems.problems[0].at.file + 6, path, strlen(path)))
    fail_msg("%s: named as %s", path, problems.problems[0].at.file);
}

static void wrong_overrides(void **state)
{
  (void)state;
  wrong_override("links.acces.rate", "1 Mbit/s", "did you mean 'access'");
  wrong_override("links.access.rates", "1 Mbit/s", "did you mean 'rate'");
  wrong_override("links.access.rate", "1", "needs a unit");
  wrong_override("links.access.latency.lognormal.sigma", "1", "the scenario has no lognormal there");
  wrong_override("seed.x", "1", "has no parts");
  wrong_override("links.access.rate", "[", "syntax");
}

static char *identity(const struct override *o, size_t n)
{
  struct scenario *s = sound(o, n);
  char *out = json_write_canonical(s->identity);
  scenario_free(s);
  return out;
}

/* The same run keeps its identity whatever is said about names, repetition and output, and at defaults written out. */
static void identities(void **state)
{
  (void)state;
  const struct override same[] = {{"name", "other"}, {"replications", "7"}, {"seed", "9"}, {"output", "{trace: none}"},
                                  {"links.access.rate_scale", "2.0"}, {"places.metro.discipline", "fifo"},
                                  {"horizon.duration", "120 s"}, {"policies", "[random]"}, {"labels", "{who: me}"}};
  const struct override other = {"links.access.rate_scale", "3"};
  char *a = identity(NULL, 0), *b = identity(same, sizeof same / sizeof *same), *c = identity(&other, 1);
  assert_string_equal(a, b);
  assert_string_not_equal(a, c);
  free(a), free(b), free(c);
}

static void added_policy(void **state)
{
  (void)state;
  struct scenario *s = sound(NULL, 0);
  assert_true(scenario_add_policy(s, "random", &problems));
  assert_int_equal(s->n_policies, 3);
  assert_string_equal(s->policy[2].name, "random");
  assert_false(scenario_add_policy(s, "randon", &problems));
  scenario_free(s);
}

static struct arrivals_def arrivals(const char *value, struct scenario **s)
{
  struct override o = {"classes.chat.arrivals", value};
  *s = sound(&o, 1);
  return (*s)->world.klass[0].arrivals;
}

static void kinds_of_arrivals(void **state)
{
  (void)state;
  struct scenario *s;
  struct arrivals_def a = arrivals("{renewal: {interarrival: {weibull: {scale: 2 s, shape: 1}}}}", &s);
  close_to(dist_mean(a.interarrival_s), 2);
  scenario_free(s);
  a = arrivals("{mmpp: {states: [{name: calm, rate: 1 /s, mean: 1 min}, {name: busy, rate: 9 /s, mean: 10 s}]}}", &s);
  assert_int_equal(a.n_states, 2);
  close_to(a.state_rate_per_s[1] + a.state_mean_s[0], 69);
  scenario_free(s);
  a = arrivals("{on_off: {on: {exponential: {mean: 2 s}}, off: 8 s, rate: 5 /s}}", &s);
  close_to(a.on_rate_per_s + dist_mean(a.on_s) + dist_mean(a.off_s), 15);
  scenario_free(s);
  a = arrivals("{piecewise: {period: 1 d, pieces: [{from: 0 s, rate: 1 /s}, {from: 8 h, rate: 600 /min}]}}", &s);
  assert_int_equal(a.n_pieces, 2);
  close_to(a.piece_from_s[1] + a.piece_rate_per_s[1] + a.piece_period_s, 28800 + 10 + 86400);
  scenario_free(s);
  a = arrivals("{closed: {users: 40, think: {exponential: {mean: 7 s}}}}", &s);
  assert_int_equal(a.users, 40);
  close_to(dist_mean(a.think_s), 7);
  scenario_free(s);
}

/* A trace with every option; its columns become attributes. */
static void traces(void **state)
{
  (void)state;
  char path[] = "/tmp/scenario_trace_XXXXXX.tsv", value[1024];
  int fd = mkstemps(path, 4);
  static const char rows[] = "at\tkB\tkind\n100\t1\ta\n200\t2\tb\n5300\t\ta\n9300\t4\ta\n";
  assert_int_equal(write(fd, rows, sizeof rows - 1), sizeof rows - 1);
  close(fd);
  snprintf(
      value, sizeof value,
      "{trace: {file: %s, time: {column: at, as: ms, origin: zero}, columns: {size: {column: kB, unit: kB, "
      "missing: skip, known: completion}}, where: {column: kind, value: a}, rate: 2, slice: {from: 50 ms, to: 10 s}, "
      "gaps: 1 min, spread_ties: 10 ms, at_end: repeat, replicate: thin, keep: 0.5}}",
      path);
  struct scenario *s;
  struct arrivals_def a = arrivals(value, &s);
  const struct trace_def *t = a.trace;
  assert_string_equal(t->file, path);
  assert_int_equal(t->format, TRACE_TSV);
  assert_int_equal(t->replicate, REPLICATE_THIN);
  assert_int_equal(t->at_end, AT_END_REPEAT);
  close_to(t->time_scale_s, 1e-3);
  close_to(t->column[0].scale, 1000);
  assert_int_equal(t->column[0].missing, MISSING_SKIP);
  assert_string_equal(t->keep[0].op, "==");
  close_to(t->slice_from_s + t->slice_to_s + t->max_gap_s + t->rate, 0.05 + 10 + 60 + 2);
  assert_false(t->origin_first);
  assert_string_equal(s->world.klass[0].attribute[1].name, "size");
  assert_int_equal(s->world.klass[0].attribute[1].known, KNOWN_COMPLETION);
  assert_null(s->world.klass[0].attribute[1].dist);
  assert_int_equal(s->n_files, 1);
  scenario_free(s);
  unlink(path);
}

/* Texts that libyaml must never see, or that would need too much. */
static void limits(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct err err;
  err_init(&err);
  char *long_key = malloc(300);
  memset(long_key, 'k', 299);
  memcpy(long_key + 290, ": 1", 4);
  assert_null(yaml_parse(a, "x", long_key, strlen(long_key), &err));
  assert_null(yaml_parse(a, "x", "a: \xff", 4, &err));
  assert_null(yaml_parse(a, "x", "a: b\0c", 6, &err));
  assert_null(yaml_parse(a, "x", "a: \xed\xa0\x80", 6, &err));    /* a surrogate */
  assert_non_null(yaml_parse(a, "x", "a: \xf0\x9f\x98\x80", 7, &err));
  assert_int_equal(err.n_errors, 4);
  free(long_key);
  err_release(&err);
  arena_free(a);
}

static void positions(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  struct err err;
  err_init(&err);
  const char body[] = "a: \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\nb: {\xc3\xa4: x, c: yes}\n";
  struct node *root = yaml_parse(a, "x", body, sizeof body - 1, &err);
  struct node *c = node_get(node_get(root, "b"), "c");
  assert_int_equal(c->at.line, 2);
  assert_int_equal(c->at.column, 14);                   /* characters, not bytes */
  assert_int_equal(c->at.length, 3);
  assert_int_equal(c->key_at.column, 11);
  assert_memory_equal(c->at.text, "b: {", 4);
  err_release(&err);
  arena_free(a);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(terms_of_a_tariff), cmocka_unit_test(places_and_hardware), cmocka_unit_test(decode_law),
                                     cmocka_unit_test(phones_tire),
                                     cmocka_unit_test(links),
                                     cmocka_unit_test(pipeline),
                                     cmocka_unit_test(overrides),
                                     cmocka_unit_test(wrong_overrides),
                                     cmocka_unit_test(identities),
                                     cmocka_unit_test(added_policy),
                                     cmocka_unit_test(limits),
                                     cmocka_unit_test(kinds_of_arrivals),
                                     cmocka_unit_test(traces),
                                     cmocka_unit_test(positions)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  err_release(&problems);
  return failed;
}
