/* pinned, through the policy host: expected choices follow from its definition in policies/pinned.c. */
#include "tests/unit/policy_fixture.h"
#include "tests/unit/unit.h"

/* Actions: the own device with the small model; metro with the small and the large one; region with both. */
struct pins { struct small_world world; struct small_decision decision; struct variant_def variant[2]; struct policy_host *host; };

static struct pins *pins_new(const char *plan)
{
  static const int place[] = {0, 1, 1, 2, 2}, variant[] = {0, 0, 1, 0, 1};
  struct pins *t = calloc(1, sizeof *t);
  small_world_init(&t->world, 5);
  small_decision_init(&t->decision, 5);
  t->variant[0] = (struct variant_def){.name = "small"};
  t->variant[1] = (struct variant_def){.name = "large"};
  t->world.def.n_variants = 2;
  t->world.def.variant = t->variant;
  for (int a = 0; a < 5; a++) {
    t->decision.action[a].place = place[a];
    t->decision.action[a].variant = variant[a];
  }
  t->host = host_of(&t->world, "pinned", plan, 0);
  return t;
}

static void assert_choice(const char *plan, uint32_t masked, int expected)
{
  struct pins *t = pins_new(plan);
  for (int a = 0; a < 5; a++) t->decision.action[a].mask = masked >> a & 1 ? OFFSIM_MASK_PRIVACY : 0;
  int got = ask(t->host, &t->decision.facts).action;
  if (got != expected) fail_msg("%s, masked %x: action %d, expected %d", plan, masked, got, expected);
  policy_host_free(t->host);
  free(t);
}

static void names_are_kept_in_order(void **state)
{
  (void)state;
  assert_choice("", 0, 0);                              /* origin */
  assert_choice("plan=region", 0, 3);
  assert_choice("plan=region,large", 0, 4);
  assert_choice("plan=large,region", 0, 4);
  assert_choice("plan=large", 0, 2);
  assert_choice("plan=metro,region", 0, 1);             /* the second name has no action left */
  assert_choice("plan=origin,large", 0, 0);
}

static void what_is_masked_is_passed_over(void **state)
{
  (void)state;
  assert_choice("plan=region,large", 1u << 4, 3);
  assert_choice("plan=region,large", 3u << 3, 2);       /* no region: the large model */
  assert_choice("plan=region,large", 15u << 1, 0);
  assert_choice("plan=metro,region", 3u << 1, 3);
}

static void names_of_nothing_are_refused(void **state)
{
  (void)state;
  struct small_world w;
  struct entry e;
  struct err err;
  err_init(&err);
  small_world_init(&w, 5);
  entry_init(&e, "pinned", "plan=regoin");
  assert_null(try_host(&w, &e, 0, &err));
  assert_says(&err, "'plan' names what is neither a place nor a variant");
  err_release(&err);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(names_are_kept_in_order), cmocka_unit_test(what_is_masked_is_passed_over),
                                     cmocka_unit_test(names_of_nothing_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
