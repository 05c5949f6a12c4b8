/* Saved learners: a run that goes on from a state equals the run that never stopped; what does not fit is refused. */
#include "tests/unit/policy_fixture.h"

#include <libgen.h>
#include <limits.h>
#include <unistd.h>

struct tape { unsigned char at[1 << 16]; size_t n, read, room; };

static size_t tape_write(void *handle, const void *from, size_t n)
{
  struct tape *t = handle;
  if (t->n + n > t->room) n = t->room - t->n;
  memcpy(t->at + t->n, from, n);
  t->n += n;
  return n;
}

static size_t tape_read(void *handle, void *to, size_t n)
{
  struct tape *t = handle;
  if (n > t->n - t->read) n = t->n - t->read;
  memcpy(to, t->at + t->read, n);
  t->read += n;
  return n;
}

static struct offsim_stream over(struct tape *t)
{
  return (struct offsim_stream){.size = sizeof(struct offsim_stream), .handle = t, .write = tape_write,
                                .read = tape_read};
}

static struct tape tape_new(void) { return (struct tape){.room = sizeof((struct tape *)0)->at}; }

static void save(struct policy_host *h, struct tape *t)
{
  struct err err;
  err_init(&err);
  struct offsim_stream s = over(t);
  assert_true(policy_host_save(h, &s, &err));
  err_release(&err);
}

/* The first message of a load that must fail. */
static void assert_load_refused(struct policy_host *h, struct tape *t, enum exit_code code, const char *part)
{
  struct err err;
  err_init(&err);
  struct offsim_stream s = over(t);
  t->read = 0;
  assert_false(policy_host_load(h, &s, &err));
  assert_int_equal(err.code, code);
  if (!strstr(err.problems[0].message, part)) fail_msg("\"%s\" does not say \"%s\"", err.problems[0].message, part);
  err_release(&err);
  policy_host_free(h);
}

static void load(struct policy_host *h, struct tape *t)
{
  struct err err;
  err_init(&err);
  struct offsim_stream s = over(t);
  t->read = 0;
  if (!policy_host_load(h, &s, &err)) { err_print(&err, stderr, false); fail_msg("not loaded"); }
  err_release(&err);
}

/* Steps from..to-1 of a fixed story: reward of action a is -(1 + a) and a bit of noise; two sites. */
static void play(struct policy_host *h, uint64_t from, uint64_t to, int action[])
{
  struct small_decision d;
  struct rng_root root = rng_root_make(5, 0);
  small_decision_init(&d, 3);
  for (uint64_t t = from; t < to; t++) {
    struct rng noise = rng_open(&root, 1, t, 0);
    d.facts.decision_number = t;
    d.facts.site = t % 2;
    d.attribute[1] = (double)(t % 7);
    struct decision_result r = ask(h, &d.facts);
    tell(h, &d.facts, r.memo, t, r.action, -1 - r.action + rng_normal(&noise));
    if (action) action[t] = r.action;
  }
}

static struct policy_host *host_at_sites(const char *policy, const char *parameters)
{
  static struct small_world lasting;                    /* the host keeps a pointer to the world */
  struct entry e;
  struct err err;
  err_init(&err);
  small_world_init(&lasting, 3);
  entry_init(&e, policy, parameters);
  e.def.scope = SCOPE_SITE;
  struct policy_host *h = try_host(&lasting, &e, 0, &err);
  if (!h) { err_print(&err, stderr, false); fail_msg("%s does not load", policy); }
  err_release(&err);
  return h;
}

static char *planted(const char *name, char path[PATH_MAX])
{
  char self[PATH_MAX / 2] = {0};
  assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  snprintf(path, PATH_MAX, "%s/../planted/%s.so", dirname(self), name);
  return path;
}

enum { STOP = 150, STEPS = 400 };

static void assert_goes_on(const char *policy, const char *parameters)
{
  int whole[STEPS], parts[STEPS];
  struct tape t = tape_new();
  struct policy_host *one = host_at_sites(policy, parameters), *first = host_at_sites(policy, parameters),
                     *second = host_at_sites(policy, parameters);
  play(one, 0, STEPS, whole);
  play(first, 0, STOP, parts);
  save(first, &t);
  policy_host_free(first);
  load(second, &t);
  play(second, STOP, STEPS, parts);
  assert_memory_equal(whole, parts, sizeof whole);
  policy_host_free(one);
  policy_host_free(second);
}

static void a_saved_learner_goes_on_as_if_never_stopped(void **state)
{
  (void)state;
  char path[PATH_MAX];
  assert_goes_on("ucb1", "");
  assert_goes_on("thompson", "");
  assert_goes_on("linucb", "features=prompt");
  assert_goes_on("round_robin", "");
  assert_goes_on(planted("own_save", path), "");
}

static void what_does_not_fit_is_refused(void **state)
{
  (void)state;
  struct tape t = tape_new();
  struct policy_host *h = host_at_sites("linucb", "features=prompt"), *other;
  struct small_world w;
  play(h, 0, 20, NULL);
  save(h, &t);
  policy_host_free(h);
  assert_load_refused(host_at_sites("ucb1", ""), &t, EXIT_USER, "cannot start from a state of policy 'linucb'");
  assert_load_refused(host_at_sites("linucb", "features=prompt alpha=3"), &t, EXIT_USER, "other parameters");
  assert_load_refused(host_at_sites("linucb", "features=docs"), &t, EXIT_USER, "other parameters, features");
  small_world_init(&w, 4);
  other = host_of(&w, "linucb", "features=prompt", 0);
  assert_load_refused(other, &t, EXIT_USER, "its arms: 4, here 5");
  small_world_init(&w, 3);
  other = host_of(&w, "linucb", "features=prompt", 0);
  assert_load_refused(other, &t, EXIT_USER, "its scope: 1, here 0");
}

static void damage_is_found(void **state)
{
  (void)state;
  struct tape t = tape_new(), bad;
  struct policy_host *h = host_at_sites("ucb1", "");
  play(h, 0, 20, NULL);
  save(h, &t);
  policy_host_free(h);
  for (size_t cut = 8; cut < t.n; cut += 13) {
    bad = t;
    bad.n = cut;
    assert_load_refused(host_at_sites("ucb1", ""), &bad, EXIT_SYSTEM, "ends");
  }
  for (size_t i = 24; i < t.n; i += 11) {
    bad = t;
    bad.at[i] ^= 4;
    assert_load_refused(host_at_sites("ucb1", ""), &bad, EXIT_SYSTEM, "checksum");
  }
  bad = t;
  bad.at[8] = 9;
  assert_load_refused(host_at_sites("ucb1", ""), &bad, EXIT_USER, "version 9");
  bad.at[0] = 'x';
  assert_load_refused(host_at_sites("ucb1", ""), &bad, EXIT_USER, "no saved state");
}

static void failures_of_the_policy_and_of_the_disk_are_told(void **state)
{
  (void)state;
  char path[PATH_MAX];
  struct err err;
  struct tape t = tape_new(), full = {.room = 50};
  struct policy_host *h = host_at_sites(planted("own_save", path), "habit=no_save");
  struct offsim_stream s = over(&t);
  err_init(&err);
  play(h, 0, 3, NULL);
  assert_false(policy_host_save(h, &s, &err));
  assert_int_equal(err.code, EXIT_PLUGIN);
  err_release(&err);
  policy_host_free(h);
  h = host_at_sites(path, "habit=no_load");
  play(h, 0, 3, NULL);
  t = tape_new();
  save(h, &t);
  policy_host_free(h);
  assert_load_refused(host_at_sites(path, "habit=no_load"), &t, EXIT_PLUGIN, "could not load its state (8)");
  h = host_at_sites("ucb1", "");
  play(h, 0, 3, NULL);
  s = over(&full);
  err_init(&err);
  assert_false(policy_host_save(h, &s, &err));
  assert_int_equal(err.code, EXIT_SYSTEM);
  err_release(&err);
  policy_host_free(h);
}

/* Frozen: its bytes stay; what does not learn goes on. */
static void a_frozen_learner_stays_as_it_was(void **state)
{
  (void)state;
  static const char *const learners[] = {"ucb1", "thompson"};
  for (size_t i = 0; i < 2; i++) {
    struct tape before = tape_new(), after = tape_new();
    struct policy_host *h = host_at_sites(learners[i], "");
    play(h, 0, 100, NULL);
    save(h, &before);
    policy_host_freeze(h);
    assert_true(policy_host_is_frozen(h));
    play(h, 100, 300, NULL);
    save(h, &after);
    assert_int_equal(before.n, after.n);
    assert_memory_equal(before.at, after.at, before.n);
    policy_host_free(h);
  }
  int action[6];
  struct policy_host *h = host_at_sites("round_robin", "");
  policy_host_freeze(h);
  play(h, 0, 6, action);
  for (int i = 0; i < 6; i++) assert_int_equal(action[i], i / 2);       /* two sites in turn */
  policy_host_free(h);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_saved_learner_goes_on_as_if_never_stopped), cmocka_unit_test(what_does_not_fit_is_refused),
    cmocka_unit_test(damage_is_found), cmocka_unit_test(failures_of_the_policy_and_of_the_disk_are_told),
    cmocka_unit_test(a_frozen_learner_stays_as_it_was)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
