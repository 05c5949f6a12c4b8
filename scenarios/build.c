/* build.c: the whole: who decides, how long, how often, what is kept. */
#include "scenarios/build.h"

#include "models/learned.h"
#include "models/policy_host.h"
#include "models/policy_python.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct horizon_def build_horizon(struct build *b)
{
  const struct node *node = node_get(b->root, "horizon"), *warmup = node_get(node, "warmup");
  struct horizon_def h = horizon_def_default();
  h.kind = (enum horizon_kind)get_choice(node, "horizon", "kind");
  h.duration_s = get_number(node, "horizon", "duration");
  h.drain_max_s = get_number(node, "horizon", "drain_max");
  h.warmup_auto = !warmup || node_text_is(warmup, "auto");
  h.warmup_s = h.warmup_auto ? 0 : get_number(node, "horizon", "warmup");
  h.max_requests = get_count(node, "horizon", "max_requests");
  if (node_is(node, NODE_MAP) && !node_get(node, "duration") && !h.max_requests)
    err_add(b->err, node->at, "horizon needs 'duration' or 'max_requests'");
  if (isnan(h.duration_s))
    h.duration_s = 1e8;                                  /* until max_requests; the clock ends at 292 years */
  if (warmup && h.kind == HORIZON_TERMINATING)
    err_add(b->err, warmup->key_at, "'warmup' belongs to 'kind: steady'; a terminating run counts from its start");
  return h;
}

/* A weight with the sign that asks for more of what nobody wants: possible, and probably a slip. */
static void warn_of_sign(struct build *b, const struct node *node, const char *name, double bad_sign, const char *means)
{
  const struct node *weight = node_get(node, name);
  double value = get_number(node, "objective", name);
  if (weight && value * bad_sign > 0)
    err_warn(b->err, weight->at, "'%s: %.40s' rewards %s; the objective is maximised", name, weight->text, means);
}

static struct objective_def build_objective(struct build *b)
{
  const struct node *node = node_get(b->root, "objective");
  warn_of_sign(b, node, "latency", 1, "longer latency");
  warn_of_sign(b, node, "money", 1, "spending more");
  warn_of_sign(b, node, "energy", 1, "using more energy");
  warn_of_sign(b, node, "failure", 1, "failures");
  warn_of_sign(b, node, "quality", -1, "worse quality");
  return (struct objective_def){get_number(node, "objective", "latency"), get_number(node, "objective", "money"),
                                get_number(node, "objective", "energy"), get_number(node, "objective", "quality"),
                                get_number(node, "objective", "failure")};
}

static struct telemetry_def build_telemetry(const struct build *b)
{
  const struct node *node = node_get(b->root, "telemetry");
  struct telemetry_def t = telemetry_def_default();
  t.ideal = node_text_is(node, "ideal");
  t.refresh_s = get_number(node, "telemetry", "refresh");
  t.delay_s = get_number(node, "telemetry", "delay");
  t.noise = get_number(node, "telemetry", "noise");
  t.bytes_per_report = get_number(node, "telemetry", "bytes");
  return t;
}

/* ---- policies -------------------------------------------------------------------------------------------------- */

static struct policy_parameter parameter(const struct node *node)
{
  char why[UNITS_WHY];
  struct policy_parameter p = {.name = node->key, .at = node->at};
  if (node->quoted || !number_parse(node->text, Q_ANY, &p.value, why))
    p.text = node->text;
  return p;
}

static void build_parameters(struct build *b, struct policy_def *p, const struct node *node)
{
  struct policy_parameter *all = arena_array(b->arena, struct policy_parameter, node->n + 1);
  for (size_t i = 0; i < node->n; i++) {
    const struct node *child = node->child[i];
    if (key_find("policy", child->key))
      continue;
    if (node_is(child, NODE_TEXT))
      all[p->n_parameters++] = parameter(child);
    else
      err_add(b->err, child->at, "the parameter '%s' is a number or a word", child->key);
  }
  p->parameter = all;
}

/* What a policy in Python imports belongs to it. */
static void note_module(struct scenario *s, struct err *err)
{
  struct hash hash;
  char path[PATH_MAX];
  if (policy_python_module(path) && hash_file(path, &hash))
    note_file(s, "offsim_policy.py", path, "python module", hash);
  else
    err_system(err, "the module offsim_policy.py is not found; set OFFSIM_SHARE");
}

/* A plug-in's bytes belong to the identity of its runs. */
void note_plugin(struct scenario *s, struct policy_def *p, const char *path, struct err *err)
{
  struct hash hash;
  p->resolved_path = arena_strdup(s->arena, path);
  if (policy_is_python(path))
    note_module(s, err);
  if (hash_file(path, &hash))
    note_file(s, p->policy, path, "plug-in", hash);
  else
    err_system(err, "cannot read %s", path);
}

/* With a '/': a file, as others are found. Without: built in, or in the folders of policies. */
static void find_policy(struct build *b, struct policy_def *p, const struct node *name)
{
  const char *tried, *found;
  char path[PATH_MAX];
  if (!policy_is_path(p->policy)) {
    if (policy_locate(p, path, b->err) && *path)
      note_plugin(b->scenario, p, path, b->err);
    return;
  }
  found = scenario_find_file(b->arena, b->folder_of, policy_python_file(p->policy), &tried);
  if (found)
    note_plugin(b->scenario, p, found, b->err);
  else
    err_add(b->err, name->at, "the policy '%.200s' was not found; looked for %s", policy_python_file(p->policy), tried);
}

/* An entry without a name: the policy's, or its file's without folder and ending. */
const char *name_of_policy(struct arena *a, const char *policy)
{
  const char *file = policy_python_file(policy);
  file = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
  return arena_printf(a, "%.*s", (int)strcspn(file, "."), file);
}

static struct wrap_def build_wrap(struct build *b, const struct node *node)
{
  const struct node *detect = node_get(node, "detect"), *budget = node_get(node, "budget");
  struct wrap_def w = {.kind = WRAP_GUARD, .at = node->at};
  if (node_get(node, "floor")) {
    w.kind = WRAP_FLOOR;
    w.floor = get_number(node, "wrap", "floor");
  } else if (detect) {
    w.kind = WRAP_DETECT;
    w.window = (double)get_count(detect, "wrap_detect", "window");
    w.threshold = get_number(detect, "wrap_detect", "threshold");
    w.drift = get_number(detect, "wrap_detect", "drift");
  } else if (budget) {
    w.kind = WRAP_BUDGET;
    if (node_get(budget, "usd_per_request")) w.usd = get_number(budget, "wrap_budget", "usd_per_request");
    if (node_get(budget, "joules_per_request")) w.joule = get_number(budget, "wrap_budget", "joules_per_request");
    w.step = get_number(budget, "wrap_budget", "step");
    if (w.usd <= 0 && w.joule <= 0)
      err_add(b->err, budget->at, "'budget' needs 'usd_per_request' or 'joules_per_request'");
  } else {
    const struct node *guard = node_get(node, "guard");
    w.policy = node_is(guard, NODE_TEXT) ? guard->text : get_text(guard, "wrap_guard", "policy");
    if (!w.policy) w.policy = "?";
  }
  return w;
}

static void build_wraps(struct build *b, struct policy_def *p, const struct node *list)
{
  const struct node *const *entry;
  size_t n = elements(list, &entry, b->arena);
  struct wrap_def *all = arena_array(b->arena, struct wrap_def, n + 1);
  for (size_t i = 0; i < n; i++)
    if (node_is(entry[i], NODE_MAP)) all[p->n_wraps++] = build_wrap(b, entry[i]);
  p->wrap = all;
}

/* The bytes are read once: what runs is what the identity tells of. */
static void read_state(struct build *b, struct policy_def *p, const struct node *node, const char *found)
{
  void *bytes;
  size_t n;
  struct learned learned;
  if (learned_open(found, &bytes, &n, b->err) && learned_read(bytes, n, node->text, node->at, &learned, b->err)) {
    void *kept = arena_alloc(b->arena, learned.n + 1);
    memcpy(kept, learned.learners, learned.n);
    p->state_path = arena_strdup(b->arena, found);
    p->state = kept;
    p->state_bytes = learned.n;
    note_file(b->scenario, node->text, found, "state", hash_bytes(bytes, n));
    json_release(learned.header);
  }
  free(bytes);
}

static void build_state(struct build *b, struct policy_def *p, const struct node *node)
{
  const struct node *state = node_get(node, "state"), *frozen = node_get(node, "frozen");
  const char *tried, *found = NULL;
  p->frozen = node_is(node, NODE_MAP) && get_flag(node, "policy", "frozen");
  if (state && node_is(state, NODE_TEXT)) {
    found = scenario_find_file(b->arena, b->folder_of, state->text, &tried);
    if (found)
      read_state(b, p, state, found);
    else
      err_add(b->err, state->at, "the state '%.200s' was not found; looked for %s", state->text, tried);
  } else if (p->frozen) {
    err_add(b->err, frozen->at, "a policy that is frozen goes by a state: give it `state: FILE` (`offsim train` writes it)");
  }
}

static void build_policy(struct build *b, struct policy_def *p, const struct node *node)
{
  const struct node *name = node_is(node, NODE_TEXT) ? node : node_get(node, "policy"), *at = node_get(node, "at");
  *p = (struct policy_def){.at = node->at, .at_place = NONE, .decision_s = get_number(node, "policy", "decision_time"),
                           .scope = (enum scope)get_choice(node, "policy", "scope"), .policy = "?", .name = "?"};
  if (!node_is(name, NODE_TEXT))
    return;
  p->policy = name->text;
  p->at = name->at;
  const char *own = get_text(node, "policy", "name");
  p->name = own ? own : name_of_policy(b->arena, p->policy);
  if (at)
    p->at_place = build_find_place(b, at);
  if (node_is(node, NODE_MAP)) {
    build_parameters(b, p, node);
    p->tick_s = get_number(node, "policy", "tick");
    p->joint_s = get_number(node, "policy", "joint");
    p->joint_max = (int)get_count(node, "policy", "joint_max");
    build_wraps(b, p, node_get(node, "wrap"));
  }
  build_state(b, p, node);
  find_policy(b, p, name);
}

static void check_names(struct build *b, const struct policy_def *policy, const struct node *list)
{
  for (int i = 0; i < b->scenario->n_policies; i++)
    for (int k = 0; k < i; k++)
      if (!strcmp(policy[i].name, policy[k].name) && node_name(list->child[i]) && node_name(list->child[k]) &&
          strcmp(node_name(list->child[i]), node_name(list->child[k]))) {
        err_add(b->err, list->child[i]->at, "two policies are called '%s'; give one a 'name'", policy[i].name);
        break;
      }
}

static void build_policies(struct build *b)
{
  const struct node *list = node_get(b->root, "policies");
  const struct node *const *entry;
  struct scenario *s = b->scenario;
  size_t n = elements(list, &entry, b->arena);
  n = n > YAML_KEYS ? YAML_KEYS : n;                    /* more was refused by the schema */
  struct policy_def *policy = arena_array(b->arena, struct policy_def, n + 1);
  const json **effective = arena_array(b->arena, const json *, n + 1);
  for (size_t i = 0; i < n; i++) {
    build_policy(b, &policy[i], entry[i]);
    effective[i] = resolve_node(entry[i], "policy");
  }
  s->policy = policy;
  s->policy_json = effective;
  s->n_policies = (int)n;
  if (node_is(list, NODE_LIST))
    check_names(b, policy, list);
}

/* ---- the rest -------------------------------------------------------------------------------------------------- */

static void build_replications(struct build *b)
{
  const struct node *node = node_get(b->root, "replications"), *until = node_get(node, "until");
  struct scenario *s = b->scenario;
  s->replications =
      node_is(node, NODE_MAP) ? get_count(node, "replications", "max") : get_count(b->root, "scenario", "replications");
  if (!until)
    return;
  s->until.metric = get_text(until, "until", "metric") ? get_text(until, "until", "metric") : s->primary;
  if (node_get(until, "metric"))
    s->until_at = node_get(until, "metric")->at;
  s->until.half_width = get_number(until, "until", "half_width");
  s->until.max = get_count(node, "replications", "max");
}

static void build_output(struct build *b)
{
  static const enum trace_level level[] = {TRACE_NONE, TRACE_FULL, TRACE_LINKS};
  const struct node *output = node_get(b->root, "output");
  int chosen = get_choice(output, "output", "trace");
  b->scenario->trace_level_given = chosen >= 0;
  b->scenario->trace_level = chosen >= 0 ? level[chosen] : TRACE_FULL;
  b->world->record_transfers = b->scenario->trace_level == TRACE_LINKS;
  b->world->sample_s = get_number(output, "output", "timeseries");
}

/* "city.yaml" in any folder gives "city". */
static const char *name_of_file(struct build *b)
{
  const char *slash = strrchr(b->folder_of, '/'), *file = slash ? slash + 1 : b->folder_of;
  size_t n = strlen(file);
  if (n > 5 && !strcmp(file + n - 5, ".yaml"))
    n -= 5;
  const char *name = arena_printf(b->arena, "%.*s", (int)n, file);
  return id_valid(name) ? name : "scenario";
}

void build_scenario(struct build *b)
{
  struct scenario *s = b->scenario;
  b->world = &s->world;
  s->name = get_text(b->root, "scenario", "name") ? get_text(b->root, "scenario", "name") : name_of_file(b);
  s->seed = get_count(b->root, "scenario", "seed");
  s->primary = get_text(b->root, "scenario", "primary");
  if (node_get(b->root, "primary"))
    s->primary_at = s->until_at = node_get(b->root, "primary")->at;
  s->margin = get_number(b->root, "scenario", "margin");
  build_replications(b);
  s->world.horizon = build_horizon(b);
  s->world.objective = build_objective(b);
  s->world.telemetry = build_telemetry(b);
  int wrong = get_choice(node_get(b->root, "calibration"), "calibration", "error");
  s->world.calibration = wrong > 0 ? (enum calibration_error)wrong : CALIBRATION_SAMPLED;
  s->world.price_sensitivity = get_number(b->root, "scenario", "price_sensitivity");
  build_tariffs(b);
  build_energy(b);
  build_hardware(b);
  build_step_times(b);
  build_places(b);
  build_links(b);
  build_sites(b);
  build_mobility(b);
  build_changes(b);
  build_rollouts(b);
  build_data(b);
  check_attested(b, node_get(b->root, "places"));
  build_stores(b);
  build_classes(b);
  check_batched_work(b);
  check_llm_requests(b);
  check_caches(b);
  build_policies(b);
  build_output(b);
  const char **zone = arena_array(b->arena, const char *, s->world.n_zones + 1);
  memcpy(zone, b->zone, (size_t)s->world.n_zones * sizeof *zone);
  s->world.zone = zone;
}
