/* policy_tiers: from near to far, and the five kinds of triggers, through the policy host. Expected choices follow from the
 * definitions in policies/nearest_first.c and triggers.c. */
#include "tests/unit/policy_fixture.h"

/* Actions: own device, nearest, edge (another place of the tier), region; a second variant of the region. Latency of
 * action a: 1 + a seconds, so by estimates the device is the best. */
struct tiers {
  struct small_world world;
  struct small_decision decision;
  struct policy_host *host;
};

static struct tiers *tiers_alone(void)
{
  static const enum tier tier[] = {TIER_DEVICE, TIER_EDGE, TIER_EDGE, TIER_CLOUD, TIER_CLOUD};
  static const int place[] = {0, 1, 1, 2, 2};
  struct tiers *t = calloc(1, sizeof *t);
  small_world_init(&t->world, 5);
  small_decision_init(&t->decision, 5);
  for (int a = 0; a < 5; a++) {
    t->decision.action[a].tier = (int)tier[a];
    t->decision.action[a].place = place[a];
  }
  t->world.plan[2].place = 1;
  return t;
}

static struct tiers *tiers_new(const char *policy, const char *parameters)
{
  struct tiers *t = tiers_alone();
  t->host = host_of(&t->world, policy, parameters, 0);
  return t;
}

static void tiers_free(struct tiers *t)
{
  policy_host_free(t->host);
  free(t);
}

static struct decision_result choice(struct tiers *t) { return ask(t->host, &t->decision.facts); }

static void assert_list(const struct decision_result *r, int action, int n, const int *fallback)
{
  assert_int_equal(r->action, action);
  assert_int_equal(r->n_fallbacks, n);
  for (int i = 0; i < n; i++) assert_int_equal(r->fallback[i], fallback[i]);
}

static void nearest_comes_first_and_the_device_last(void **state)
{
  (void)state;
  struct tiers *t = tiers_new("nearest_first", "");
  struct decision_result r = choice(t);
  assert_list(&r, 1, 3, (int[]){2, 3, 0});
  t->decision.action[4].est_latency_s = 0.5;            /* the better variant of the same place */
  t->decision.action[1].mask = OFFSIM_MASK_UNREACHABLE;
  r = choice(t);
  assert_list(&r, 2, 2, (int[]){4, 0});
  tiers_free(t);
}

static void the_device_first_or_never(void **state)
{
  (void)state;
  struct tiers *t = tiers_new("nearest_first", "local=first");
  struct decision_result r = choice(t);
  assert_list(&r, 0, 3, (int[]){1, 2, 3});
  tiers_free(t);
  t = tiers_new("nearest_first", "local=never tiers=2");
  r = choice(t);
  assert_list(&r, 1, 1, (int[]){2});
  tiers_free(t);
  t = tiers_new("nearest_first", "tiers=1");            /* the device is no tier beyond */
  r = choice(t);
  assert_list(&r, 1, 0, NULL);
  tiers_free(t);
  t = tiers_new("nearest_first", "local=never tiers=2");
  for (int a = 1; a < 5; a++) t->decision.action[a].mask = OFFSIM_MASK_PRIVACY;
  r = choice(t);                                        /* nothing else may run it */
  assert_list(&r, 0, 0, NULL);
  tiers_free(t);
}

static void busy_places_are_passed_over(void **state)
{
  (void)state;
  struct tiers *t = tiers_new("nearest_first", "queue_above=2");
  for (int a = 1; a < 3; a++) t->decision.action[a].queue = 3;
  struct decision_result r = choice(t);
  assert_list(&r, 3, 1, (int[]){0});
  t->decision.action[1].queue = 2;                      /* at most so many is not too many */
  r = choice(t);
  assert_list(&r, 1, 3, (int[]){2, 3, 0});
  t->decision.action[1].queue = NAN;                    /* not known */
  r = choice(t);
  assert_int_equal(r.action, 1);
  for (int a = 0; a < 5; a++) t->decision.action[a].queue = 9;
  r = choice(t);                                        /* all: the best by estimates */
  assert_list(&r, 0, 0, NULL);
  tiers_free(t);
}

/* ---- triggers ---------------------------------------------------------------------------------------------------- */

enum { LOCAL, AWAY = 1 };

/* Up to 6 goes up, then down: on above 5, off at 5 (1 - 0.2) = 4. */
static void saturation_has_hysteresis(void **state)
{
  (void)state;
  static const double jobs[] = {5, 6, 5, 4.5, 4, 5};
  static const int expected[] = {LOCAL, AWAY, AWAY, AWAY, LOCAL, LOCAL};
  struct tiers *t = tiers_new("triggers", "queue_above=5 hysteresis=0.2");
  for (int i = 0; i < 6; i++) {
    t->decision.action[0].queue = jobs[i];
    assert_int_equal(choice(t).action, expected[i]);
  }
  tiers_free(t);
  t = tiers_new("triggers", "queue_above=5 hysteresis=0");      /* the planted one: without it, it would flap */
  int there[6];
  for (int i = 0; i < 6; i++) {
    t->decision.action[0].queue = jobs[i];
    there[i] = choice(t).action;
  }
  assert_int_equal(there[2], LOCAL);
  tiers_free(t);
}

static struct hardware_def warm_phone = {.name = "warm"};
static const struct thermal_def thermal = {.ambient_c = 25, .limit_c = 42};
static const struct battery_def battery = {.capacity_j = 100, .start = 1};
static const struct supply_def supply = {.battery = &battery};

/* Off below 40 C (1 - 0.1) = 36; the level's threshold 0.2 is left at 0.22. */
static void heat_and_power_have_it_too(void **state)
{
  (void)state;
  static const int of_phone[] = {0};
  static const double warmth[] = {39, 41, 37, 36}, level[] = {0.21, 0.19, 0.21, 0.2201};
  static const int expected[] = {LOCAL, AWAY, AWAY, LOCAL};
  for (int heat = 0; heat < 2; heat++) {
    struct tiers *t = tiers_alone();
    warm_phone.thermal = &thermal;
    t->world.place[0].n_hardware = 1;
    t->world.place[0].hardware = of_phone;
    t->world.place[0].supply = &supply;
    t->world.def.hardware = &warm_phone;
    t->world.def.n_hardware = 1;
    t->host = host_of(&t->world, "triggers", heat ? "temperature_above=40" : "level_below=0.2", 0);
    t->decision.facts.battery_level = t->decision.facts.warmth_c = NAN;
    assert_int_equal(choice(t).action, LOCAL);          /* not known: nothing happens */
    for (int i = 0; i < 4; i++) {
      t->decision.facts.battery_level = heat ? NAN : level[i];
      t->decision.facts.warmth_c = heat ? warmth[i] : NAN;
      assert_int_equal(choice(t).action, expected[i]);
    }
    tiers_free(t);
  }
}

static void network_and_sensitivity_keep_at_home(void **state)
{
  (void)state;
  struct tiers *t = tiers_new("triggers", "complexity=prompt complexity_above=512 network_above=1 sensitivity=docs "
                                          "sensitivity_above=4");
  t->decision.attribute[1] = 512;
  assert_int_equal(choice(t).action, LOCAL);
  t->decision.attribute[1] = 513;
  assert_int_equal(choice(t).action, AWAY);
  t->decision.attribute[2] = 5;                         /* docs: known after the first task */
  assert_int_equal(choice(t).action, LOCAL);
  t->decision.attribute[2] = 3;
  t->decision.facts.network_s = INFINITY;
  assert_int_equal(choice(t).action, LOCAL);
  t->decision.facts.network_s = 0.95;                   /* 1 (1 - 0.1) < 0.95: not yet */
  assert_int_equal(choice(t).action, LOCAL);
  t->decision.facts.network_s = 0.9;
  assert_int_equal(choice(t).action, AWAY);
  tiers_free(t);
}

static void old_news_change_nothing(void **state)
{
  (void)state;
  struct tiers *t = tiers_new("triggers", "queue_above=5 stale=1");
  t->decision.action[0].queue = 9;
  t->decision.action[0].queue_age_s = 1.5;
  assert_int_equal(choice(t).action, LOCAL);
  t->decision.action[0].queue_age_s = 1;
  assert_int_equal(choice(t).action, AWAY);
  tiers_free(t);
}

static void who_goes_may_go_by_tiers(void **state)
{
  (void)state;
  struct tiers *t = tiers_new("triggers", "queue_above=5 target=tiers");
  t->decision.action[0].queue = 9;
  struct decision_result r = choice(t);
  assert_list(&r, 1, 3, (int[]){2, 3, 0});
  for (int a = 1; a < 5; a++) t->decision.action[a].mask = OFFSIM_MASK_BREAKER;
  r = choice(t);
  assert_list(&r, 0, 0, NULL);
  tiers_free(t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(nearest_comes_first_and_the_device_last), cmocka_unit_test(the_device_first_or_never),
    cmocka_unit_test(busy_places_are_passed_over), cmocka_unit_test(saturation_has_hysteresis),
    cmocka_unit_test(heat_and_power_have_it_too), cmocka_unit_test(network_and_sensitivity_keep_at_home),
    cmocka_unit_test(old_news_change_nothing), cmocka_unit_test(who_goes_may_go_by_tiers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
