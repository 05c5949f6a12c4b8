/* The boundary of policies, frozen at 1.0. Built twice: against this host's header (tests/policy_abi), and as a later
 * host whose structs have grown at their ends and whose minor number is 1 (tests/policy_abi_later, see the Makefile).
 *
 * The table holds where each member of 1.0 lies on LP64 machines. Rows are added by later minor versions; none changes.
 */
#include "tests/unit/policy_fixture.h"

#include <libgen.h>
#include <limits.h>
#include <unistd.h>

struct row { const char *name; size_t offset, size, here, size_here; };

#define ROW(STRUCT, MEMBER, OFFSET, SIZE)                                                                             \
  {#STRUCT "." #MEMBER, OFFSET, SIZE, offsetof(struct STRUCT, MEMBER), sizeof(((struct STRUCT *)0)->MEMBER)},
static const struct row rows[] = {
  ROW(offsim_feature, name, 0, 8) ROW(offsim_feature, unit, 8, 8) ROW(offsim_feature, required, 16, 4)
  ROW(offsim_feature, reserved, 20, 4) ROW(offsim_parameter, name, 0, 8) ROW(offsim_parameter, unit, 8, 8)
  ROW(offsim_parameter, help, 16, 8) ROW(offsim_parameter, type, 24, 4) ROW(offsim_parameter, required, 28, 4)
  ROW(offsim_parameter, min, 32, 8) ROW(offsim_parameter, max, 40, 8) ROW(offsim_parameter, number, 48, 8)
  ROW(offsim_parameter, text, 56, 8) ROW(offsim_parameter, choices, 64, 8) ROW(offsim_value, number, 0, 8)
  ROW(offsim_value, text, 8, 8) ROW(offsim_setup, size, 0, 4) ROW(offsim_setup, n_contexts, 4, 4)
  ROW(offsim_setup, n_arms, 8, 4) ROW(offsim_setup, max_actions, 12, 4) ROW(offsim_setup, n_features, 16, 4)
  ROW(offsim_setup, reserved, 20, 4) ROW(offsim_setup, feature, 24, 8) ROW(offsim_setup, n_parameters, 32, 4)
  ROW(offsim_setup, n_selected, 36, 4) ROW(offsim_setup, parameter, 40, 8) ROW(offsim_setup, n_places, 48, 4)
  ROW(offsim_setup, n_variants, 52, 4) ROW(offsim_setup, place_name, 56, 8) ROW(offsim_setup, variant_name, 64, 8)
  ROW(offsim_setup, reward_per_s, 72, 8) ROW(offsim_setup, reward_per_usd, 80, 8)
  ROW(offsim_setup, reward_per_j, 88, 8) ROW(offsim_setup, reward_per_quality, 96, 8)
  ROW(offsim_setup, reward_per_failure, 104, 8) ROW(offsim_random_functions, size, 0, 4)
  ROW(offsim_random_functions, reserved, 4, 4) ROW(offsim_random_functions, uniform, 8, 8)
  ROW(offsim_random_functions, normal, 16, 8) ROW(offsim_random_functions, exponential, 24, 8)
  ROW(offsim_random_functions, below, 32, 8) ROW(offsim_context, size, 0, 4) ROW(offsim_context, context, 4, 4)
  ROW(offsim_context, first_arm, 8, 4) ROW(offsim_context, reserved, 12, 4) ROW(offsim_context, request, 16, 8)
  ROW(offsim_context, decision, 24, 8) ROW(offsim_context, klass, 32, 4) ROW(offsim_context, task, 36, 4)
  ROW(offsim_context, nth, 40, 4) ROW(offsim_context, n_actions, 44, 4) ROW(offsim_context, now_ns, 48, 8)
  ROW(offsim_context, elapsed_s, 56, 8) ROW(offsim_context, deadline_s, 64, 8) ROW(offsim_context, value, 72, 8)
  ROW(offsim_context, age_s, 80, 8) ROW(offsim_context, mask, 88, 8) ROW(offsim_context, place, 96, 8)
  ROW(offsim_context, tier, 104, 8) ROW(offsim_context, word, 112, 8) ROW(offsim_context, variant, 120, 8)
  ROW(offsim_context, member, 128, 8) ROW(offsim_context, est_latency_s, 136, 8)
  ROW(offsim_context, est_cost_usd, 144, 8) ROW(offsim_context, est_energy_j, 152, 8)
  ROW(offsim_context, est_quality, 160, 8) ROW(offsim_context, queue, 168, 8) ROW(offsim_context, queue_age_s, 176, 8)
  ROW(offsim_context, random, 184, 8) ROW(offsim_context, draw, 192, 8) ROW(offsim_decision, size, 0, 4)
  ROW(offsim_decision, action, 4, 4) ROW(offsim_decision, propensity, 8, 8) ROW(offsim_decision, distribution, 16, 8)
  ROW(offsim_decision, timeout_s, 24, 8) ROW(offsim_decision, hedge_delay_s, 32, 8)
  ROW(offsim_decision, hedge_action, 40, 4) ROW(offsim_decision, n_fallbacks, 44, 4)
  ROW(offsim_decision, fallback, 48, 16) ROW(offsim_decision, accept_quality, 64, 8) ROW(offsim_outcome, size, 0, 4)
  ROW(offsim_outcome, context, 4, 4) ROW(offsim_outcome, first_arm, 8, 4) ROW(offsim_outcome, reserved, 12, 4)
  ROW(offsim_outcome, decision, 16, 8) ROW(offsim_outcome, now_ns, 24, 8) ROW(offsim_outcome, action, 32, 4)
  ROW(offsim_outcome, status, 36, 4) ROW(offsim_outcome, reward, 40, 8) ROW(offsim_outcome, latency_s, 48, 8)
  ROW(offsim_outcome, energy_j, 56, 8) ROW(offsim_outcome, cost_usd, 64, 8) ROW(offsim_outcome, quality, 72, 8)
  ROW(offsim_outcome, phase_s, 80, 56) ROW(offsim_outcome, attempts, 136, 4) ROW(offsim_outcome, fallback, 140, 4)
  ROW(offsim_outcome, score, 144, 8) ROW(offsim_control, size, 0, 4) ROW(offsim_control, n_places, 4, 4)
  ROW(offsim_control, now_ns, 8, 8) ROW(offsim_control, period_s, 16, 8) ROW(offsim_control, tier, 24, 8)
  ROW(offsim_control, jobs, 32, 8) ROW(offsim_control, utilization, 40, 8) ROW(offsim_control, arrivals, 48, 8)
  ROW(offsim_control, instances, 56, 8) ROW(offsim_control, instances_busy, 64, 8)
  ROW(offsim_control, instances_wanted, 72, 8) ROW(offsim_control, keep_alive_s, 80, 8)
  ROW(offsim_control, admit, 88, 8) ROW(offsim_control, random, 96, 8) ROW(offsim_control, draw, 104, 8)
  ROW(offsim_stream, size, 0, 4) ROW(offsim_stream, reserved, 4, 4) ROW(offsim_stream, handle, 8, 8)
  ROW(offsim_stream, write, 16, 8) ROW(offsim_stream, read, 24, 8) ROW(offsim_sizes, policy, 0, 4)
  ROW(offsim_sizes, feature, 4, 4) ROW(offsim_sizes, parameter, 8, 4) ROW(offsim_sizes, setup, 12, 4)
  ROW(offsim_sizes, context, 16, 4) ROW(offsim_sizes, decision, 20, 4) ROW(offsim_sizes, outcome, 24, 4)
  ROW(offsim_sizes, stream, 28, 4) ROW(offsim_sizes, control, 32, 4) ROW(offsim_sizes, reserved, 36, 16)
  ROW(offsim_policy, magic, 0, 4) ROW(offsim_policy, abi_major, 4, 4) ROW(offsim_policy, abi_minor, 8, 4)
  ROW(offsim_policy, sizes, 12, 52) ROW(offsim_policy, name, 64, 8) ROW(offsim_policy, description, 72, 8)
  ROW(offsim_policy, citation, 80, 8) ROW(offsim_policy, capabilities, 88, 4) ROW(offsim_policy, columns, 92, 4)
  ROW(offsim_policy, n_features, 96, 4) ROW(offsim_policy, n_parameters, 100, 4) ROW(offsim_policy, feature, 104, 8)
  ROW(offsim_policy, parameter, 112, 8) ROW(offsim_policy, memo_size, 120, 4) ROW(offsim_policy, reserved, 124, 4)
  ROW(offsim_policy, state_size, 128, 8) ROW(offsim_policy, init, 136, 8) ROW(offsim_policy, decide, 144, 8)
  ROW(offsim_policy, decide_batch, 152, 8) ROW(offsim_policy, tick, 160, 8) ROW(offsim_policy, outcome, 168, 8)
  ROW(offsim_policy, save, 176, 8) ROW(offsim_policy, load, 184, 8)
};

static void no_member_of_the_first_release_moved(void **state)
{
  (void)state;
#if __SIZEOF_POINTER__ != 8
  skip();
#endif
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct row *r = &rows[i];
    bool grown = strcmp(r->name, "offsim_policy.sizes") == 0;           /* its reserve is used up, not its room */
    if (r->here != r->offset || (r->size_here != r->size && !grown))
      fail_msg("%s lies at %zu (%zu bytes); since 1.0 it lies at %zu (%zu bytes)", r->name, r->here, r->size_here,
               r->offset, r->size);
  }
}

/* ---- a policy as it was compiled for 1.0 ------------------------------------------------------------------------- */

static char *beside(const char *file, char path[PATH_MAX])
{
  char self[PATH_MAX / 2] = {0};
  assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  snprintf(path, PATH_MAX, "%s/../%s", dirname(self), file);
  return path;
}

#if defined(__x86_64__) && defined(__linux__) && __SIZEOF_POINTER__ == 8
/* Each number another one, small enough to be summed exactly enough. */
static void varied(struct small_decision *d)
{
  small_decision_init(d, 3);
  d->facts.request = 17;
  d->facts.decision_number = 23;
  d->facts.decision = 2;
  d->facts.now = 5000000000;
  d->facts.elapsed_s = 0.25;
  for (int a = 0; a < 3; a++) {
    struct action_facts *x = &d->action[a];
    *x = (struct action_facts){.place = a, .variant = a + 3, .member = (uint64_t)(a + 8), .tier = a,
      .est_latency_s = 1.5 + a, .est_cost_usd = 0.5 + 2 * a, .est_energy_j = 7 - a, .est_quality = 0.25 * a,
      .queue = 3 * a, .queue_age_s = 0.125 + a};
  }
  d->action[0].mask = 0;
}

static double seen_at_decision(const struct decision_facts *f)
{
  /* context 1 begins at arm 1: `retrieve` has one */
  double x = 1 * 1 + 2 * 1 + 3 * 17 + 4 * 23 + 5 * 0 + 6 * 1 + 7 * 2 + 8 * 3 + 9 * 5 + 10 * .25 + 11 * 30 + 12 * 100 +
             13 * .25 + 14 * 0;
  for (int a = 0; a < 3; a++) {
    const struct action_facts *q = &f->action[a];
    x += (a + 1) * (15 * q->mask + 16 * a + 17 * a + 18 * a + 19 * (a + 3) + 20 * (a + 1) + 21 * q->est_latency_s +
                    22 * q->est_cost_usd + 23 * q->est_energy_j + 24 * q->est_quality + 25 * q->queue +
                    26 * q->queue_age_s);
  }
  return x;
}

static const struct outcome_facts told = {.decision_number = 23, .now = 6000000000, .action = 1,
  .status = STATUS_TIMEOUT, .reward = -2.5, .latency_s = 1.25, .energy_j = 0.75, .cost_usd = 0.5, .quality = 0.875,
  .attempts = 3, .fallback = 2, .score = 0.625, .phase_s = {1, 2, 3, 4, 5, 6, 7}};

/* Status: late = 1. Phases 1 .. 7 with weights 15 .. 21: sum of (15 + i)(1 + i) = 532. */
static double seen_at_outcome(void)
{
  return 1 * 1 + 2 * 1 + 3 * 23 + 4 * 6 + 5 * 1 + 6 * 1 + 7 * -2.5 + 8 * 1.25 + 9 * .75 + 10 * .5 + 11 * .875 + 12 * 3 +
         13 * 2 + 14 * .625 + 532;
}

static void assert_frozen_answer(const struct decision_result *r, const struct decision_facts *f, double sum)
{
  /* contexts 2, arms 1 + 3, at most 3 actions, 2 features, 3 parameters, 3 places */
  double arms = 2 + 10 * 4 + 100 * 3 + 1000 * 2 + 10000 * 3 + 100000 * 3;
  assert_int_equal(r->action, 1);
  assert_true(r->propensity == 0.5);
  assert_true(fabs(r->timeout_s - seen_at_decision(f)) < 1e-9);
  assert_true(r->hedge_delay_s >= 4 && r->hedge_delay_s < 5);           /* gain 4 and a uniform draw */
  assert_int_equal(r->hedge_action, 2);
  assert_int_equal(r->n_fallbacks, 2);
  assert_int_equal(r->fallback[0], 2);
  assert_int_equal(r->fallback[1], 0);
  assert_true(fabs(r->accept_quality - sum - arms) < 1e-6);
}

static void a_policy_compiled_for_1_0_works(void **state)
{
  (void)state;
  char path[PATH_MAX];
  struct small_world w;
  struct small_decision d;
  struct err err;
  err_init(&err);
  small_world_init(&w, 3);
  varied(&d);
  struct policy_host *h = host_of(&w, beside("planted/frozen_1_0.so", path), "", 0);
  struct decision_result r = ask(h, &d.facts);
  assert_frozen_answer(&r, &d.facts, 0);
  assert_true(policy_host_outcome(h, &d.facts, r.memo, &told, &err));
  r = ask(h, &d.facts);
  assert_frozen_answer(&r, &d.facts, seen_at_decision(&d.facts) + seen_at_outcome());
  policy_host_forget(h, r.memo);
  policy_host_free(h);
  err_release(&err);
}
#else
static void a_policy_compiled_for_1_0_works(void **state)
{
  (void)state;
  skip();
}
#endif

/* ---- both directions --------------------------------------------------------------------------------------------- */

#ifdef LATER_HOST
static bool works_without_parameters(const char *name)
{
  const struct offsim_policy *p = policy_builtin(name);
  for (uint32_t i = 0; i < p->n_parameters; i++) {      /* the policy's stride, not this header's */
    const void *at = (const char *)p->parameter + (size_t)i * p->sizes.parameter;
    if (((const struct offsim_parameter *)at)->required) return false;
  }
  return true;
}

/* The built-in policies of the library were compiled with the header of 1.0, so here they are old plug-ins. */
static void policies_of_1_0_run_in_a_later_host(void **state)
{
  (void)state;
  const char *const *names;
  struct small_world w;
  struct small_decision d;
  assert_int_equal(OFFSIM_ABI_MINOR, 1);
  small_world_init(&w, 3);
  small_decision_init(&d, 3);
  for (size_t i = 0, n = policy_builtin_names(&names); i < n; i++) {
    if (!works_without_parameters(names[i]) && strcmp(names[i], "threshold") != 0) continue;
    bool ready = strcmp(names[i], "threshold") != 0;
    struct policy_host *h = host_of(&w, names[i], ready ? "" : "feature=prompt above=64", 0);
    for (uint64_t t = 0; t < 200; t++) {
      d.facts.decision_number = t;
      struct decision_result r = ask(h, &d.facts);
      if (strcmp(names[i], "ucb1") == 0 && t < 3) assert_int_equal(r.action, t);
      if (strcmp(names[i], "threshold") == 0) assert_int_equal(r.action, 1);
      if (strcmp(names[i], "round_robin") == 0) assert_int_equal(r.action, t % 3);
      tell(h, &d.facts, r.memo, t, r.action, -1 - r.action);
    }
    policy_host_free(h);
  }
}
#else
static void assert_named(const char *text, const char *field, size_t there, size_t here)
{
  char part[80];
  snprintf(part, sizeof part, "%s is %zu, here %zu", field, there, here);
  if (!strstr(text, part)) fail_msg("\"%s\" does not say \"%s\"", text, part);
}

/* planted/later.so: a policy compiled with the header of a later minor version, in which each struct has 24 bytes more. */
static void a_later_policy_is_refused_with_each_field(void **state)
{
  (void)state;
  char path[PATH_MAX];
  struct small_world w;
  struct entry e;
  struct err err;
  err_init(&err);
  small_world_init(&w, 3);
  entry_init(&e, beside("planted/later.so", path), "limit=1");
  assert_null(try_host(&w, &e, 0, &err));
  const char *text = err.problems[0].message;
  assert_named(text, "abi_minor", 1, 0);
#define SIZE(NAME) assert_named(text, "sizes." #NAME, sizeof(struct offsim_##NAME) + 24, sizeof(struct offsim_##NAME))
  SIZE(policy); SIZE(feature); SIZE(parameter); SIZE(setup); SIZE(context); SIZE(decision); SIZE(outcome);
  SIZE(stream); SIZE(control);
#undef SIZE
  err_release(&err);
}
#endif

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_member_of_the_first_release_moved), cmocka_unit_test(a_policy_compiled_for_1_0_works),
#ifdef LATER_HOST
    cmocka_unit_test(policies_of_1_0_run_in_a_later_host)
#else
    cmocka_unit_test(a_later_policy_is_refused_with_each_field)
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
