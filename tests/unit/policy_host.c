/* policy_host: finding, loading, binding and checking policies, with planted mistakes from tests/abi/. */
#include "tests/unit/policy_fixture.h"

#include "tests/unit/built.h"

#include <fenv.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* The first message about an entry that must not load, in `text`; returns its line. */
static int refusal(const struct small_world *w, const char *policy, const char *parameters, char text[1024])
{
  struct entry e;
  struct err err;
  err_init(&err);
  entry_init(&e, policy, parameters);
  struct policy_host *h = try_host(w, &e, 0, &err);
  assert_null(h);
  assert_true(err.n_errors > 0);
  assert_int_equal(err.code, EXIT_USER);
  snprintf(text, 1024, "%s", err.problems[0].message);
  int line = err.problems[0].at.line;
  err_release(&err);
  return line;
}

static void assert_says(const char *text, const char *part)
{
  if (!strstr(text, part)) fail_msg("\"%s\" does not say \"%s\"", text, part);
}

static void assert_refused(const char *policy, const char *parameters, int line, const char *part)
{
  struct small_world w;
  char text[1024];
  small_world_init(&w, 3);
  assert_int_equal(refusal(&w, policy, parameters, text), line);
  assert_says(text, part);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static void unknown_names_are_refused_with_the_nearest(void **state)
{
  (void)state;
  setenv("OFFSIM_POLICY_PATH", "/nowhere:/nowhere/else", 1);
  assert_refused("tompson", "", 40, "did you mean 'thompson'");
  assert_refused("tompson", "", 40, "/nowhere/else");
  assert_refused("tompson", "", 40, "lib/offsim/policies");
  assert_refused("./absent.so", "", 40, "No such file");
  assert_refused("/", "", 40, "not a regular file");
  unsetenv("OFFSIM_POLICY_PATH");
}

static void a_foreign_boundary_names_every_difference(void **state)
{
  (void)state;
  char path[PATH_MAX], size[64];
  built("planted", "wrong_abi", path);
  assert_refused(path, "", 40, "abi_minor is 7, here 0");
  snprintf(size, sizeof size, "sizes.context is %zu, here %zu", sizeof(struct offsim_context) - 8,
           sizeof(struct offsim_context));
  assert_refused(path, "", 40, size);
}

static void broken_plugins_are_refused(void **state)
{
  (void)state;
  char path[PATH_MAX];
  assert_refused(built("planted", "no_entry", path), "", 40, "no function offsim_policy_entry");
  assert_refused(built("planted", "unresolved", path), "", 40, "offsim_nobody_has_this");
  assert_refused(built("planted", "bad_default", path), "", 40, "default outside its bounds");
  assert_refused("/proc/self/exe", "", 40, "cannot load");
}

static void loading_leaves_the_floating_point_state(void **state)
{
  (void)state;
  char path[PATH_MAX];
  struct small_world w;
  small_world_init(&w, 3);
  fesetround(FE_UPWARD);
#if defined(__x86_64__)
  unsigned before = _mm_getcsr();
#endif
  struct policy_host *h = host_of(&w, built("planted", "fast_math", path), "", 0);
#if defined(__x86_64__)
  assert_int_equal(_mm_getcsr(), before);
#endif
  assert_int_equal(fegetround(), FE_UPWARD);
  fesetround(FE_TONEAREST);
  volatile double tiny = 0x1p-1070;
  assert_true(tiny * 0.5 > 0);
  policy_host_free(h);
}

static void a_name_is_found_in_the_search_path(void **state)
{
  (void)state;
  char path[PATH_MAX];
  struct small_world w;
  small_world_init(&w, 3);
  *strrchr(built("planted", "rude", path), '/') = 0;
  setenv("OFFSIM_POLICY_PATH", path, 1);
  policy_host_free(host_of(&w, "rude", "", 0));
  unsetenv("OFFSIM_POLICY_PATH");
}

/* ---- parameters and features ------------------------------------------------------------------------------------- */

static void parameters_are_checked_where_they_stand(void **state)
{
  (void)state;
  assert_refused("threshold", "feature=prompt abov=3", 42, "did you mean 'above'");
  char path[PATH_MAX];
  assert_refused(built("planted", "strict", path), "", 40, "needs the parameter 'limit'");
  assert_refused("threshold", "feature=prompt above=many", 42, "must be a number");
  assert_refused("threshold", "feature=prompt above=3 hysteresis=-1", 43, "must lie between 0");
  assert_refused("threshold", "feature=prompt above=3 target=moon", 43, "any|edge|cloud|nearest");
  assert_refused("thompson", "propensity_draws=1.5", 41, "whole number");
  assert_refused("random", "p=0.5 weights=1,2", 40, "not both");
  assert_refused("random", "weights=a", 40, "numbers >= 0");
}

static void features_must_be_known_in_time(void **state)
{
  (void)state;
  assert_refused("threshold", "feature=promt above=3", 41, "did you mean 'prompt'");
  assert_refused("threshold", "feature=output above=3", 41, "at completion only");
  assert_refused("threshold", "feature=difficulty above=3", 41, "to an oracle only");
  assert_refused("linucb", "features=prompt,output", 41, "at completion only");
  struct small_world w;
  char text[1024];
  small_world_init(&w, 3);
  w.attribute[2].after_task = 1;                        /* known after the only choice: too late */
  refusal(&w, "threshold", "feature=docs above=1", text);
  assert_says(text, "after the last choice");
  w.attribute[1].unit = "B";                            /* rude wants tok */
  char path[PATH_MAX];
  refusal(&w, built("planted", "rude", path), "", text);
  assert_says(text, "in tok, but here it is in B");
}

static double read_feature(const char *feature, const struct small_decision *d)
{
  struct small_world w;
  char parameters[64];
  small_world_init(&w, 3);
  snprintf(parameters, sizeof parameters, "feature=%s above=1e9", feature);
  struct policy_host *h = host_of(&w, "threshold", parameters, 0);
  struct decision_result r = ask(h, &d->facts);
  const char *const *names, *const *units;
  assert_int_equal(policy_host_features(h, &names, &units), 1);
  assert_string_equal(names[0], feature);
  policy_host_free(h);
  return r.feature[0];
}

static void features_carry_what_is_known_now(void **state)
{
  (void)state;
  struct small_decision d;
  small_decision_init(&d, 3);
  assert_float_equal(read_feature("prompt", &d), 100, 0);
  assert_float_equal(read_feature("guessed", &d), 7, 0);        /* the estimate, not 500 */
  assert_float_equal(read_feature("docs", &d), 3, 0);
  d.facts.tasks_done = 0;
  assert_true(isnan(read_feature("docs", &d)));
  d.facts.elapsed_s = 4;
  assert_float_equal(read_feature("slack_s", &d), 26, 0);
  d.facts.now = (sim_time)(25.5 * 3600) * 1000000000;
  assert_float_equal(read_feature("hour", &d), 1.5, 1e-12);
  d.action[1].queue = 4;
  d.action[2].queue = 2;
  assert_float_equal(read_feature("edge_queue", &d), 4, 0);
  assert_float_equal(read_feature("cloud_queue", &d), 2, 0);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void misbehaviour_is_a_plugin_error(void **state)
{
  (void)state;
  static const char *const habits[] = {"range", "propensity", "sum", "hedge", "time", "fallback"};
  char path[PATH_MAX], parameters[64];
  struct small_world w;
  struct small_decision d;
  struct decision_result r;
  small_world_init(&w, 3);
  small_decision_init(&d, 3);
  for (size_t i = 0; i < sizeof habits / sizeof *habits; i++) {
    struct err err;
    err_init(&err);
    snprintf(parameters, sizeof parameters, "habit=%s", habits[i]);
    struct policy_host *h = host_of(&w, built("planted", "rude", path), parameters, 0);
    assert_false(policy_host_decide(h, &d.facts, &r, &err));
    assert_int_equal(err.code, EXIT_PLUGIN);
    err_release(&err);
    policy_host_free(h);
  }
}

static void a_masked_choice_is_replaced_by_the_first_allowed(void **state)
{
  (void)state;
  char path[PATH_MAX];
  struct small_world w;
  struct small_decision d;
  small_world_init(&w, 3);
  small_decision_init(&d, 3);
  d.action[0].mask = OFFSIM_MASK_PRIVACY;
  d.action[2].mask = OFFSIM_MASK_MEMORY;
  struct policy_host *h = host_of(&w, built("planted", "rude", path), "habit=masked", 0);
  struct decision_result r = ask(h, &d.facts);
  assert_true(r.replaced);
  assert_int_equal(r.action, 1);
  policy_host_free(h);
}

/* Action 2 is masked: the hedge and the third fallback are left out, -1 is no mistake. */
static void plans_beyond_the_first_attempt_are_passed_on(void **state)
{
  (void)state;
  char path[PATH_MAX];
  struct small_world w;
  struct small_decision d;
  small_world_init(&w, 3);
  small_decision_init(&d, 3);
  struct policy_host *h = host_of(&w, built("planted", "rude", path), "habit=plans", 0);
  struct decision_result r = ask(h, &d.facts);
  assert_int_equal(r.hedge_action, 2);
  assert_int_equal(r.n_fallbacks, 3);
  assert_int_equal(r.left_out, 0);
  d.action[2].mask = OFFSIM_MASK_BREAKER;
  r = ask(h, &d.facts);
  assert_int_equal(r.hedge_action, NONE);
  assert_int_equal(r.left_out, 2);
  assert_int_equal(r.n_fallbacks, 2);
  assert_int_equal(r.fallback[0], 1);
  assert_int_equal(r.fallback[1], 0);
  assert_float_equal(r.timeout_s, 1.5, 0);
  assert_float_equal(r.hedge_delay_s, 0.25, 0);
  assert_float_equal(r.accept_quality, 0.75, 0);
  policy_host_free(h);
}

static const char *parameters_of(const char *name)
{
  static const struct { const char *policy, *parameters; } of[] = {
    {"threshold", "feature=prompt above=64"}, {"router", "score=prompt"}};
  for (size_t i = 0; i < sizeof of / sizeof *of; i++)
    if (!strcmp(name, of[i].policy)) return of[i].parameters;
  return "";
}

/* Every built-in under random masks: never a masked action; and as .so the same answers. */
static void builtins_respect_masks_and_equal_their_plugins(void **state)
{
  (void)state;
  const char *const *names;
  size_t n = policy_builtin_names(&names);
  assert_true(n >= 26);
  struct small_world w;
  struct small_decision d;
  char path[PATH_MAX];
  small_world_init(&w, 6);
  small_decision_init(&d, 6);
  for (size_t i = 0; i < n; i++) {
    struct entry e;
    struct err err;
    err_init(&err);
    entry_init(&e, built("policies", names[i], path), parameters_of(names[i]));
    e.def.name = names[i];
    struct policy_host *a = host_of(&w, names[i], parameters_of(names[i]), 0), *b = try_host(&w, &e, 0, &err);
    struct rng_root root = rng_root_make(3, 0);
    struct rng draws = rng_open(&root, 1, i, 0);
    assert_non_null(b);
    for (uint64_t t = 0; t < 3000; t++) {
      for (int k = 0; k < 6; k++) d.action[k].mask = (uint32_t)rng_below(&draws, 3) ? 0 : OFFSIM_MASK_BREAKER;
      d.action[rng_below(&draws, 6)].mask = 0;
      d.attribute[1] = (double)rng_below(&draws, 128);
      d.facts.decision_number = t;
      d.facts.site = rng_below(&draws, 5);
      struct decision_result x = ask(a, &d.facts), y = ask(b, &d.facts);
      assert_false(x.replaced);
      assert_int_equal(d.action[x.action].mask, 0);
      assert_int_equal(x.action, y.action);
      assert_memory_equal(&x.propensity, &y.propensity, sizeof x.propensity);
      double reward = -rng_exponential(&draws) * (1 + x.action);
      tell(a, &d.facts, x.memo, t, x.action, t % 50 ? reward : NAN);
      tell(b, &d.facts, y.memo, t, y.action, t % 50 ? reward : NAN);
    }
    policy_host_free(a);
    policy_host_free(b);
    err_release(&err);
  }
}

/* Learners of two sites never meet: what one learns by itself, it does in company too. */
static void scope_separates_learners(void **state)
{
  (void)state;
  struct small_world w;
  struct small_decision d;
  struct entry e;
  struct err err;
  err_init(&err);
  small_world_init(&w, 3);
  small_decision_init(&d, 3);
  entry_init(&e, "round_robin", "");
  for (enum scope scope = SCOPE_GLOBAL; scope <= SCOPE_DEVICE; scope++) {
    e.def.scope = scope;
    struct policy_host *h = try_host(&w, &e, 0, &err);
    for (uint64_t t = 0; t < 600; t++) {
      d.facts.decision_number = t;
      d.facts.site = t % 2;
      d.facts.device = t % 200;
      uint64_t turn = scope == SCOPE_GLOBAL ? t : scope == SCOPE_SITE ? t / 2 : t / 200;
      assert_int_equal(ask(h, &d.facts).action, turn % 3);
    }
    policy_host_free(h);
  }
  err_release(&err);
}

/* ---- single policies, by hand ------------------------------------------------------------------------------------ */

static int choose(const char *policy, const char *parameters, const struct small_decision *d)
{
  struct small_world w;
  small_world_init(&w, d->facts.n_actions);
  struct policy_host *h = host_of(&w, policy, parameters, 0);
  struct decision_result r = ask(h, &d->facts);
  if (r.memo) tell(h, &d->facts, r.memo, 0, r.action, 0);
  policy_host_free(h);
  return r.action;
}

static void threshold_has_hysteresis(void **state)
{
  (void)state;
  struct small_world w;
  struct small_decision d;
  small_world_init(&w, 3);
  small_decision_init(&d, 3);
  struct policy_host *h = host_of(&w, "threshold", "feature=prompt above=100 hysteresis=20", 0);
  static const struct { double x; bool remote; } step[] = {
    {100, false}, {100.5, true}, {90, true}, {80.5, true}, {80, false}, {95, false}, {NAN, false}, {101, true},
    {NAN, true}};
  for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
    d.attribute[1] = step[i].x;
    assert_int_equal(ask(h, &d.facts).action, step[i].remote ? 1 : 0);
  }
  policy_host_free(h);
}

static void threshold_goes_where_it_is_told(void **state)
{
  (void)state;
  struct small_decision d;
  small_decision_init(&d, 3);
  d.action[2].est_latency_s = 1.5;                      /* the cloud is faster than the edge (2 s) */
  assert_int_equal(choose("threshold", "feature=prompt above=5", &d), 2);
  assert_int_equal(choose("threshold", "feature=prompt above=5 target=edge", &d), 1);
  assert_int_equal(choose("threshold", "feature=prompt above=5 target=nearest", &d), 1);
  assert_int_equal(choose("threshold", "feature=prompt above=5 target=cloud", &d), 2);
  d.action[1].mask = OFFSIM_MASK_UNREACHABLE;
  assert_int_equal(choose("threshold", "feature=prompt above=5 target=nearest", &d), 2);
  d.action[2].mask = OFFSIM_MASK_PRIVACY;
  assert_int_equal(choose("threshold", "feature=prompt above=5", &d), 0);
}

/* Objective -1 /s, -100 /USD, +2 quality: action 0: -1 + 1 = 0; 1: -2 - .1 + 2 = -.1; 2: -3 + 1 = -2. */
static void greedy_policies_weigh_estimates(void **state)
{
  (void)state;
  struct small_decision d;
  small_decision_init(&d, 3);
  d.action[1].est_quality = 1;
  d.action[1].est_cost_usd = 0.001;
  assert_int_equal(choose("cost_aware", "", &d), 0);
  assert_int_equal(choose("clairvoyant", "", &d), 0);
  assert_int_equal(choose("cost_aware", "money=0 quality=3", &d), 1);   /* .5, 1, -1.5 */
  d.action[0].est_latency_s = NAN;
  assert_int_equal(choose("latency_greedy", "", &d), 1);
  for (int a = 0; a < 3; a++) d.action[a].queue = 5 - a;
  assert_int_equal(choose("least_loaded", "", &d), 2);
  d.action[2].queue = NAN;
  assert_int_equal(choose("least_loaded", "", &d), 1);
}

static void fixed_policies_fall_back_by_tier(void **state)
{
  (void)state;
  struct small_decision d;
  small_decision_init(&d, 3);
  assert_int_equal(choose("always_local", "", &d), 0);
  assert_int_equal(choose("always_edge", "", &d), 1);
  assert_int_equal(choose("always_cloud", "", &d), 2);
  d.action[2].mask = OFFSIM_MASK_PRIVACY;
  assert_int_equal(choose("always_cloud", "", &d), 1);
  d.action[1].mask = OFFSIM_MASK_PRIVACY;
  assert_int_equal(choose("always_edge", "", &d), 0);
}

/* Frequencies within 4 standard errors of the probabilities that it reports. */
static void random_draws_what_it_reports(void **state)
{
  (void)state;
  static const struct { const char *parameters; double p[3]; } cases[] = {
    {"", {1 / 3., 1 / 3., 1 / 3.}}, {"p=0.8", {0.2, 0.4, 0.4}}, {"weights=1,0,3", {0.25, 0, 0.75}}};
  enum { N = 20000 };
  struct small_world w;
  struct small_decision d;
  small_world_init(&w, 3);
  small_decision_init(&d, 3);
  for (size_t i = 0; i < 3; i++) {
    struct policy_host *h = host_of(&w, "random", cases[i].parameters, 0);
    int count[3] = {0};
    for (uint64_t t = 0; t < N; t++) {
      d.facts.decision_number = t;
      struct decision_result r = ask(h, &d.facts);
      assert_float_equal(r.propensity, cases[i].p[r.action], 1e-12);
      count[r.action]++;
    }
    for (int a = 0; a < 3; a++) {
      double p = cases[i].p[a];
      assert_true(fabs(count[a] - N * p) <= 4 * sqrt(N * p * (1 - p)));
    }
    policy_host_free(h);
  }
}

static void kinds_are_labelled(void **state)
{
  (void)state;
  struct small_world w;
  small_world_init(&w, 3);
  struct policy_host *oracle = host_of(&w, "clairvoyant", "", 0), *learner = host_of(&w, "ucb1", "", 0);
  assert_string_equal(policy_host_kind(oracle), "reference");
  assert_true(policy_host_needs_oracle(oracle));
  assert_string_equal(policy_host_kind(learner), "policy");
  assert_true(policy_host_learns(learner));
  policy_host_free(oracle);
  policy_host_free(learner);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(unknown_names_are_refused_with_the_nearest),
    cmocka_unit_test(a_foreign_boundary_names_every_difference),
    cmocka_unit_test(broken_plugins_are_refused), cmocka_unit_test(loading_leaves_the_floating_point_state),
    cmocka_unit_test(a_name_is_found_in_the_search_path), cmocka_unit_test(parameters_are_checked_where_they_stand),
    cmocka_unit_test(features_must_be_known_in_time), cmocka_unit_test(features_carry_what_is_known_now),
    cmocka_unit_test(misbehaviour_is_a_plugin_error),
    cmocka_unit_test(a_masked_choice_is_replaced_by_the_first_allowed),
    cmocka_unit_test(plans_beyond_the_first_attempt_are_passed_on),
    cmocka_unit_test(builtins_respect_masks_and_equal_their_plugins), cmocka_unit_test(scope_separates_learners),
    cmocka_unit_test(threshold_has_hysteresis), cmocka_unit_test(threshold_goes_where_it_is_told),
    cmocka_unit_test(greedy_policies_weigh_estimates), cmocka_unit_test(fixed_policies_fall_back_by_tier),
    cmocka_unit_test(random_draws_what_it_reports), cmocka_unit_test(kinds_are_labelled)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
