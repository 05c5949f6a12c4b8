/* policy_python.c: the hooks of a policy in Python: questions to the interpreter of policies/offsim_policy.py. */
#include "models/policy_python.h"
#include "models/policy_parts.h"
#include "models/python_wire.h"
#include "sim/json.h"
#include "sim/zeros.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef OFFSIM_PREFIX
#define OFFSIM_PREFIX "/usr/local"
#endif

enum { AHEAD = 4 /* random numbers sent along: one block */, KEPT = 1 << 15 };
static const struct drawing NOTHING_DRAWN = {0};

struct python {
  struct offsim_policy policy;
  json *described;                                      /* the strings of policy lie there */
  struct offsim_feature feature[MAX_FEATURES];
  struct offsim_parameter *parameter;
  struct wire wire;
  bool told;                                            /* the setup */
  uint32_t n_learners, n_features;
};

/* A learner here is the number of one there. */
struct far_learner { struct python *python; uint32_t number, reserved; };

static bool fail(struct python *p, const char *what) { return python_process_fail(&p->wire.process, what); }
static bool in_trouble(const struct python *p) { return p->wire.process.trouble != NULL; }

/* ---- the hooks --------------------------------------------------------------------------------------------------- */

static void put_names(json *o, const char *key, uint32_t n, const char *const *name)
{
  json *list = json_new_array();
  for (uint32_t i = 0; i < n; i++) json_push(list, json_string_value_new(name[i]));
  json_put(o, key, list);
}

static bool is_text(const struct offsim_parameter *p) { return p->type >= OFFSIM_CHOICE; }

static json *given(const struct python *p, const struct offsim_setup *s)
{
  json *o = json_new_object();
  for (uint32_t i = 0; i < s->n_parameters; i++) {
    const struct offsim_parameter *q = &p->policy.parameter[i];
    if (is_text(q)) json_put_string(o, q->name, s->parameter[i].text);
    else json_put_number(o, q->name, s->parameter[i].number);
  }
  return o;
}

/* Features that the parameter of that type chose: the last ones. */
static void put_selected(const struct python *p, const struct offsim_setup *s, json *o)
{
  json *list = json_new_array();
  for (uint32_t i = 0; i < s->n_parameters; i++)
    if (p->policy.parameter[i].type == OFFSIM_FEATURES && s->parameter[i].number >= 0)
      for (uint32_t k = 0; k < s->n_selected; k++)
        json_push(list, json_string_value_new(s->feature[(uint32_t)s->parameter[i].number + k]));
  json_put(o, "selected", list);
}

static char *setup_text(const struct python *p, const struct offsim_setup *s)
{
  json *o = json_new_object();
  json_put(o, "parameters", given(p, s));
  json_put_int(o, "n_contexts", s->n_contexts);
  json_put_int(o, "n_arms", s->n_arms);
  json_put_int(o, "max_actions", s->max_actions);
  put_names(o, "features", s->n_features, s->feature);
  put_names(o, "places", s->n_places, s->place_name);
  put_names(o, "variants", s->n_variants, s->variant_name);
  put_selected(p, s, o);
  json_put_number(o, "reward_per_s", s->reward_per_s);
  json_put_number(o, "reward_per_usd", s->reward_per_usd);
  json_put_number(o, "reward_per_j", s->reward_per_j);
  json_put_number(o, "reward_per_quality", s->reward_per_quality);
  json_put_number(o, "reward_per_failure", s->reward_per_failure);
  char *text = json_write(o, false);
  json_release(o);
  return text;
}

static bool tell_setup(struct python *p, const struct offsim_setup *s)
{
  struct frame f;
  if (p->told) return true;
  char *text = setup_text(p, s);
  size_t at = wire_open(&p->wire, ASK_SETUP);
  wire_add(&p->wire, text, strlen(text));
  wire_close(&p->wire, at);
  free(text);
  p->n_features = s->n_features;
  p->told = wire_expect(&p->wire, &f, SAY_OK, NOTHING_DRAWN);
  return p->told;
}

static size_t far_size(const struct offsim_setup *s) { (void)s; return sizeof(struct far_learner); }

/* The hook is told the setup alone; it lies in the host, which knows the interpreter. */
static const char *far_init(const struct offsim_setup *s, void *state)
{
  const struct policy_host *h = (const void *)((const char *)s - offsetof(struct policy_host, setup));
  struct python *p = h->loaded.python;
  struct frame f;
  *(struct far_learner *)state = (struct far_learner){p, p->n_learners++, 0};
  if (!tell_setup(p, s)) return policy_python_trouble(p);
  wire_word(&p->wire, ASK_START, ((struct far_learner *)state)->number);
  if (wire_ask(&p->wire, &f, NOTHING_DRAWN) && f.word == SAY_OK) return NULL;
  if (!in_trouble(p)) p->wire.process.trouble = wire_text(&p->wire, &f);        /* lives as long as the host */
  return policy_python_trouble(p);
}

static void add_column(struct python *p, const void *from, uint32_t n, size_t size)
{
  if (from) wire_add(&p->wire, from, n * size);
}

/* As _Layout takes it apart. */
static void put_question(struct python *p, uint32_t learner, const struct offsim_context *c)
{
  struct wire *w = &p->wire;
  bool draws = p->policy.capabilities & OFFSIM_STOCHASTIC;
  uint32_t n = c->n_actions;
  size_t at = wire_open(w, ASK_DECIDE);
  const uint32_t word[] = {learner, c->context, c->first_arm, c->klass, c->task, c->nth, n, draws ? AHEAD : 0};
  const double time[] = {c->elapsed_s, c->deadline_s};
  wire_add(w, word, sizeof word);
  wire_add(w, (const uint64_t[]){c->request, c->decision, (uint64_t)c->now_ns}, 3 * sizeof(uint64_t));
  wire_add(w, time, sizeof time);
  wire_add(w, c->value, p->n_features * sizeof *c->value);
  wire_add(w, c->age_s, p->n_features * sizeof *c->age_s);
  add_column(p, c->mask, n, sizeof *c->mask);
  add_column(p, c->place, n, sizeof *c->place);
  add_column(p, c->tier, n, sizeof *c->tier);
  add_column(p, c->word, n, sizeof *c->word);
  add_column(p, c->variant, n, sizeof *c->variant);
  add_column(p, c->member, n, sizeof *c->member);
  const double *const column[] = {c->est_latency_s, c->est_cost_usd, c->est_energy_j, c->est_quality, c->queue,
                                  c->queue_age_s};
  for (size_t i = 0; i < sizeof column / sizeof *column; i++) add_column(p, column[i], n, sizeof(double));
  for (int i = 0; i < AHEAD && draws; i++) {
    double u = c->draw->uniform(c->random);
    wire_add(w, &u, sizeof u);
  }
  wire_close(w, at);
}

/* As _PLAN packs it: no padding, so field by field. Moves `at` behind it; NULL: that is no plan. */
static const char *take_plan(const char *at, const char *end, uint32_t n, struct offsim_decision *d)
{
  uint32_t n_given;
  enum { PLAN = 4 + 4 * 8 + 4 + 4 + 16 + 4 };
  if (end - at < PLAN) return NULL;
#define TAKE(FIELD) (memcpy(&(FIELD), at, sizeof(FIELD)), at += sizeof(FIELD))
  TAKE(d->action), TAKE(d->propensity), TAKE(d->timeout_s), TAKE(d->hedge_delay_s), TAKE(d->accept_quality);
  TAKE(d->hedge_action), TAKE(d->n_fallbacks), TAKE(d->fallback), TAKE(n_given);
#undef TAKE
  if ((n_given && n_given != n) || (size_t)(end - at) < n_given * sizeof(double)) return NULL;
  if (d->distribution) memcpy(d->distribution, at, n_given * sizeof(double));
  return at + n_given * sizeof(double);
}

static void take_action(const struct python *p, const struct offsim_context *c, struct offsim_decision *d)
{
  memcpy(&d->action, wire_said(&p->wire), sizeof d->action);
  memcpy(&d->propensity, wire_said(&p->wire) + sizeof d->action, sizeof d->propensity);
  if (d->distribution && d->action >= 0 && (uint32_t)d->action < c->n_actions && d->propensity == 1)
    d->distribution[d->action] = 1;
}

static void take_plans(struct python *p, const struct frame *f, uint32_t n, const struct offsim_context *const *c,
                       struct offsim_decision *const *d)
{
  const char *at = wire_said(&p->wire), *end = at + f->length;
  for (uint32_t i = 0; i < n && at; i++) at = take_plan(at, end, c[i]->n_actions, d[i]);
  if (at != end) fail(p, "it answered a plan of the wrong length");
}

static void far_decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  const struct far_learner *l = state;
  struct python *p = l->python;
  struct frame f;
  if (in_trouble(p)) return;
  put_question(p, l->number, c);
  if (!wire_ask(&p->wire, &f, (struct drawing){1, &c->random, c->draw})) return;
  if (f.word == SAY_ACTION && f.length == sizeof d->action + sizeof d->propensity) take_action(p, c, d);
  else if (f.word == SAY_PLAN) take_plans(p, &f, 1, &c, &d);
  else fail(p, "it answered something that was not asked");
}

/* All questions in one frame, all answers in one. */
static void far_decide_batch(void *state, uint32_t n, const struct offsim_context *const *c,
                             struct offsim_decision *const *d, void *const *memo)
{
  (void)memo;
  const struct far_learner *l = state;
  struct python *p = l->python;
  struct frame f;
  if (in_trouble(p)) return;
  struct offsim_random **random = zeros_new(n, sizeof *random);
  size_t at = wire_open(&p->wire, ASK_BATCH);
  wire_add(&p->wire, (const uint32_t[]){l->number, n}, 2 * sizeof n);
  for (uint32_t i = 0; i < n; i++) {
    random[i] = c[i]->random;
    put_question(p, l->number, c[i]);
  }
  wire_close(&p->wire, at);
  if (wire_expect(&p->wire, &f, SAY_BATCH, (struct drawing){n, random, c[0]->draw})) take_plans(p, &f, n, c, d);
  free(random);
}

/* As _OUTCOME packs it. */
static void far_outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  (void)memo;
  const struct far_learner *l = state;
  struct wire *w = &l->python->wire;
  if (in_trouble(l->python)) return;
  size_t at = wire_open(w, ASK_OUTCOME);
  const double value[] = {o->reward, o->latency_s, o->energy_j, o->cost_usd, o->quality};
  wire_add(w, (const uint32_t[]){l->number, o->context, o->first_arm, 0}, 4 * sizeof(uint32_t));
  wire_add(w, (const uint64_t[]){o->decision, (uint64_t)o->now_ns}, 2 * sizeof(uint64_t));
  wire_add(w, (const int32_t[]){o->action, o->status}, 2 * sizeof(int32_t));
  wire_add(w, value, sizeof value);
  wire_add(w, o->phase_s, sizeof o->phase_s);
  wire_add(w, (const uint32_t[]){o->attempts, o->fallback}, 2 * sizeof(uint32_t));
  wire_add(w, &o->score, sizeof o->score);
  wire_close(w, at);
  if (w->out.n > KEPT) wire_flush(w);
}

static void far_tick(void *state, struct offsim_control *c)
{
  const struct far_learner *l = state;
  struct python *p = l->python;
  struct wire *w = &p->wire;
  struct frame f;
  uint32_t n = c->n_places;
  if (in_trouble(p)) return;
  size_t at = wire_open(w, ASK_TICK);
  wire_add(w, (const uint32_t[]){l->number, n}, 2 * sizeof n);
  wire_add(w, &c->now_ns, sizeof c->now_ns);
  wire_add(w, &c->period_s, sizeof c->period_s);
  wire_add(w, c->tier, n * sizeof *c->tier);
  const double *const row[] = {c->jobs, c->utilization, c->arrivals, c->instances, c->instances_busy};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) wire_add(w, row[i], n * sizeof(double));
  wire_close(w, at);
  if (!wire_ask(w, &f, (struct drawing){1, &c->random, c->draw})) return;
  if (f.word != SAY_OK || f.length != 3 * n * sizeof(double)) {
    fail(p, "it answered a tick wrongly");
    return;
  }
  double *const set[] = {c->instances_wanted, c->keep_alive_s, c->admit};
  for (int i = 0; i < 3; i++) memcpy(set[i], wire_said(w) + (size_t)i * n * sizeof(double), n * sizeof(double));
}

static int far_save(const void *state, const struct offsim_stream *s)
{
  const struct far_learner *l = state;
  struct wire *w = &l->python->wire;
  struct frame f;
  wire_word(w, ASK_SAVE, l->number);
  if (in_trouble(l->python) || !wire_expect(w, &f, SAY_OK, NOTHING_DRAWN)) return 1;
  uint64_t n = f.length;
  return s->write(s->handle, &n, sizeof n) != sizeof n || s->write(s->handle, wire_said(w), n) != n;
}

static int far_load(void *state, const struct offsim_stream *s)
{
  const struct far_learner *l = state;
  struct wire *w = &l->python->wire;
  struct frame f;
  uint64_t n;
  if (in_trouble(l->python) || s->read(s->handle, &n, sizeof n) != sizeof n || n > MAX_FRAME) return 1;
  size_t at = wire_open(w, ASK_LOAD);
  wire_add(w, &l->number, sizeof l->number);
  bool whole = s->read(s->handle, wire_room(w, n), n) == n;
  wire_close(w, at);
  if (!whole) w->out.n = at;
  return !whole || !wire_expect(w, &f, SAY_OK, NOTHING_DRAWN);
}

/* ---- the descriptor ---------------------------------------------------------------------------------------------- */

static const char *text_at(const json *o, const char *key)
{
  return json_text(json_at(o, key));
}

static void describe_features(struct python *p, const json *list)
{
  p->policy.n_features = (uint32_t)json_count(list);
  p->policy.feature = p->feature;
  for (uint32_t i = 0; i < p->policy.n_features && i < MAX_FEATURES; i++) {
    const json *f = json_nth(list, i);
    p->feature[i] = (struct offsim_feature){text_at(f, "name"), text_at(f, "unit"),
                                            (int32_t)json_int(json_at(f, "required"), 1), 0};
  }
}

static void describe_parameters(struct python *p, const json *list)
{
  uint32_t n = (uint32_t)json_count(list);
  p->policy.parameter = p->parameter = zeros_new(n + 1, sizeof *p->parameter);
  p->policy.n_parameters = n;
  for (uint32_t i = 0; i < n; i++) {
    const json *q = json_nth(list, i);
    p->parameter[i] = (struct offsim_parameter){.name = text_at(q, "name"), .unit = text_at(q, "unit"),
      .help = text_at(q, "help"), .type = (int32_t)json_int(json_at(q, "type"), -1),
      .required = (int32_t)json_int(json_at(q, "required"), 0), .min = json_real(json_at(q, "min"), 0),
      .max = json_real(json_at(q, "max"), 0), .number = json_real(json_at(q, "number"), NAN),
      .text = text_at(q, "text"), .choices = text_at(q, "choices")};
  }
}

static void describe(struct python *p)
{
  const json *o = p->described;
  p->policy = (struct offsim_policy){OFFSIM_POLICY_HEADER, .name = text_at(o, "name"),
    .description = text_at(o, "description"), .citation = text_at(o, "citation"),
    .capabilities = (uint32_t)json_int(json_at(o, "capabilities"), 0),
    .columns = (uint32_t)json_int(json_at(o, "columns"), 0), .state_size = far_size, .init = far_init,
    .decide = far_decide, .outcome = far_outcome, .save = far_save, .load = far_load,
    .decide_batch = json_int(json_at(o, "batches"), 0) ? far_decide_batch : NULL,
    .tick = json_int(json_at(o, "ticks"), 0) ? far_tick : NULL};
  describe_features(p, json_at(o, "features"));
  describe_parameters(p, json_at(o, "parameters"));
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

bool policy_is_python(const char *policy)
{
  size_t n = strlen(policy);
  return strncmp(policy, "python:", 7) == 0 || (n > 3 && strcmp(policy + n - 3, ".py") == 0);
}

const char *policy_python_file(const char *policy) { return policy + (strncmp(policy, "python:", 7) == 0 ? 7 : 0); }

static bool there(const char *folder, const char *below, char path[PATH_MAX])
{
  int n = snprintf(path, PATH_MAX, "%s/%s/offsim_policy.py", folder, below);
  return n < PATH_MAX && access(path, R_OK) == 0;
}

/* build/offsim and build/tests/NAME lie in the source tree, bin/offsim beside share/. */
bool policy_python_module(char path[PATH_MAX])
{
  char folder[PATH_MAX];
  const char *share = getenv("OFFSIM_SHARE");
  if (share && (there(share, "python", path) || there(share, "../policies", path))) return true;
  ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
  for (int up = 0; n > 0 && up < 5; up++) {
    folder[n] = 0;
    char *slash = strrchr(folder, '/');
    if (!slash) break;
    n = slash - folder;
    *slash = 0;
    if (there(folder, "policies", path) || there(folder, "share/offsim/python", path)) return true;
  }
  return there(OFFSIM_PREFIX, "share/offsim/python", path);
}

static bool ask_description(struct python *p)
{
  struct frame f;
  struct err err;
  if (!wire_expect(&p->wire, &f, SAY_OK, NOTHING_DRAWN)) return false;
  err_init(&err);
  p->described = json_parse(wire_said(&p->wire), f.length, &err);
  err_release(&err);
  if (!p->described) return fail(p, "it does not describe itself in JSON");
  if (json_count(json_at(p->described, "features")) > MAX_FEATURES) return fail(p, "it declares more than 16 features");
  describe(p);
  return true;
}

struct python *policy_python_start(const char *path, struct where at, struct err *err)
{
  char module[PATH_MAX];
  if (!policy_python_module(module)) {
    err_add(err, at, "policy %s: the module offsim_policy.py is not found; set OFFSIM_SHARE", path);
    return NULL;
  }
  struct python *p = zeros_new(1, sizeof *p);
  fflush(NULL);
  if (python_process_start(&p->wire.process, module, path) && ask_description(p)) return p;
  err_add(err, at, "policy %s: %s", path, policy_python_trouble(p));
  policy_python_free(p);
  return NULL;
}

const struct offsim_policy *policy_python_descriptor(const struct python *p) { return &p->policy; }
const char *policy_python_trouble(const struct python *p) { return p->wire.process.trouble; }
void policy_python_freeze(struct python *p) { wire_word(&p->wire, ASK_FROZEN, 1); }
void policy_python_halt(struct python *p) { python_process_halt(&p->wire.process); }

bool policy_python_settle(struct python *p)
{
  struct frame f;
  wire_word(&p->wire, ASK_SYNC, 0);
  return !in_trouble(p) && wire_expect(&p->wire, &f, SAY_OK, NOTHING_DRAWN);
}

void policy_python_free(struct python *p)
{
  if (!p) return;
  wire_release(&p->wire);
  json_release(p->described);
  free(p->parameter);
  free(p);
}
