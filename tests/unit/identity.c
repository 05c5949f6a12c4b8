/* Identity of runs and hash of records: what must change them does, what must not does not. */
#include "analysis/store/record_hash.h"
#include "experiments/identity.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct hash base(const char *scenario, const char *policy, const char *file_kind, const char *bytes)
{
  struct err err;
  err_init(&err);
  json *identity = json_parse(scenario, strlen(scenario), &err), *entry = json_parse(policy, strlen(policy), &err);
  struct policy_def def = {.name = "mine", .policy = "./mine.so", .resolved_path = "/p/mine.so"};
  struct file_note file = {.asked = "mine.so", .path = "/p/mine.so", .kind = file_kind,
                           .hash = hash_bytes(bytes, strlen(bytes))};
  const json *entries[] = {entry};
  struct scenario s = {.n_policies = 1, .policy = &def, .policy_json = entries, .identity = identity, .n_files = 1,
                       .file = &file};
  struct hash h = identity_base(&s, 0);
  json_release(identity);
  json_release(entry);
  err_release(&err);
  return h;
}

static void test_identity(void **state)
{
  (void)state;
  struct hash a = base("{\"x\":1,\"y\":[2]}", "{\"p\":1}", "plug-in", "code");
  assert_true(hash_equal(a, base("{ \"y\": [2], \"x\": 1 }", "{\"p\":1}", "plug-in", "code")));  /* order of keys */
  assert_false(hash_equal(a, base("{\"x\":2,\"y\":[2]}", "{\"p\":1}", "plug-in", "code")));
  assert_false(hash_equal(a, base("{\"x\":1,\"y\":[2]}", "{\"p\":2}", "plug-in", "code")));
  assert_false(hash_equal(a, base("{\"x\":1,\"y\":[2]}", "{\"p\":1}", "plug-in", "other code")));
  assert_false(hash_equal(a, base("{\"x\":1,\"y\":[2]}", "{\"p\":1}", "trace", "code")));
  assert_true(hash_equal(identity_run(a, 1, 2), identity_run(a, 1, 2)));
  assert_false(hash_equal(identity_run(a, 1, 2), identity_run(a, 2, 1)));
  assert_false(hash_equal(identity_run(a, 1, 2), identity_run(a, 1, 3)));
}

/* Memory with other padding, and the other NaN: the same record. */
static void test_padding_and_nan(void **state)
{
  (void)state;
  struct decision_record a, b;
  memset(&a, 0, sizeof a);
  memset(&b, 0xFF, sizeof b);
  a.request = b.request = 9, a.at_ns = b.at_ns = 8, a.propensity = b.propensity = 1;
  a.action = b.action = 1, a.n_actions = b.n_actions = 2, a.place = b.place = 3, a.klass = b.klass = 4;
  a.task = b.task = 5, a.decision = b.decision = 6, a.variant = b.variant = 7, a.replaced = b.replaced = 0;
  a.measured = b.measured = 1, a.n_features = b.n_features = 1;
  a.reward = (double)NAN, b.reward = copysign((double)NAN, -1);
  a.feature[0] = b.feature[0] = 2.5;
  assert_true(hash_equal(hash_decision(&a), hash_decision(&b)));
  b.feature[0] = nextafter(2.5, 3);
  assert_false(hash_equal(hash_decision(&a), hash_decision(&b)));

  struct request_record r, q;
  memset(&r, 0, sizeof r);
  memset(&q, 0, sizeof q);
  ((char *)&q)[sizeof q - 1] = 1;                       /* behind the last member */
  double x[] = {1, 2};
  assert_true(hash_equal(hash_request(&r, x, 2), hash_request(&q, x, 2)));
  assert_false(hash_equal(hash_request(&r, x, 2), hash_request(&r, x, 1)));
  q.cold = 1;
  assert_false(hash_equal(hash_request(&r, x, 2), hash_request(&q, x, 2)));
}

static void test_every_member_counts(void **state)
{
  (void)state;
  struct attempt_record a;
  memset(&a, 0, sizeof a);
  struct hash zero = hash_attempt(&a);
  for (size_t i = 0; i <= offsetof(struct attempt_record, fallback); i++) {
    ((unsigned char *)&a)[i] ^= 1;
    assert_false(hash_equal(zero, hash_attempt(&a)));
    ((unsigned char *)&a)[i] ^= 1;
  }
  assert_true(hash_equal(zero, hash_attempt(&a)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_identity), cmocka_unit_test(test_padding_and_nan), cmocka_unit_test(test_every_member_counts),
  };
  return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
