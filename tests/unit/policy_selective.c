/* policy_selective: which requests leave the device, by its rules alone and together; and what the host tells of a task. */
#include "tests/unit/policy_fixture.h"
#include "tests/unit/unit.h"

#include "models/world.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"

#include <unistd.h>

enum { LOCAL, AWAY };

struct fixture { struct small_world world; struct small_decision decision; struct policy_host *host; };

/* The task has arithmetic, so that its density can be told. */
static const struct work_def work = {.kind = WORK_ROOFLINE};

static struct fixture *fixture_new(const char *parameters)
{
  struct fixture *f = calloc(1, sizeof *f);
  small_world_init(&f->world, 3);
  small_decision_init(&f->decision, 3);
  f->world.task[1].work = &work;
  f->decision.facts.moved_bytes = 10;
  f->host = host_of(&f->world, "selective", parameters, 0);
  return f;
}

static void fixture_free(struct fixture *f)
{
  policy_host_free(f->host);
  free(f);
}

/* Of a prompt, a density and a deadline; UNKNOWN: NaN. */
static int goes(struct fixture *f, double prompt, double flop_per_byte, double deadline_s)
{
  f->decision.attribute[1] = prompt;
  f->decision.facts.work_flop = 10 * flop_per_byte;
  f->decision.facts.deadline_s = deadline_s;
  return ask(f->host, &f->decision.facts).action;
}

static void each_rule_alone(void **state)
{
  (void)state;
  struct fixture *f = fixture_new("length=prompt longer=1000");
  assert_int_equal(goes(f, 1000, 1e9, 1), LOCAL);
  assert_int_equal(goes(f, 1001, 0, 99), AWAY);
  assert_int_equal(goes(f, NAN, 1e9, 1), LOCAL);
  fixture_free(f);
  f = fixture_new("");
  assert_int_equal(goes(f, 9999, 0.99e5, 1), LOCAL);
  assert_int_equal(goes(f, 1, 1.01e5, 99), AWAY);
  fixture_free(f);
  f = fixture_new("denser=50");
  assert_int_equal(goes(f, 9999, 50, 1), LOCAL);
  assert_int_equal(goes(f, 1, 51, 99), AWAY);
  assert_int_equal(goes(f, 1, NAN, 99), LOCAL);
  fixture_free(f);
  f = fixture_new("sooner=5");
  assert_int_equal(goes(f, 9999, 1e9, 5.1), LOCAL);
  assert_int_equal(goes(f, 1, 0, 5), AWAY);
  assert_int_equal(goes(f, 1, 0, NAN), LOCAL);
  fixture_free(f);
}

static void any_or_all(void **state)
{
  (void)state;
  struct fixture *f = fixture_new("length=prompt longer=1000 denser=50 match=all");
  assert_int_equal(goes(f, 2000, 40, 1), LOCAL);        /* the third rule is not given */
  assert_int_equal(goes(f, 2000, 60, 99), AWAY);
  assert_int_equal(goes(f, 500, 60, 99), LOCAL);
  fixture_free(f);
  f = fixture_new("length=prompt longer=1000 denser=50");
  assert_int_equal(goes(f, 2000, 40, 1), AWAY);
  assert_int_equal(goes(f, 500, 60, 1), AWAY);
  assert_int_equal(goes(f, 500, 40, 1), LOCAL);
  fixture_free(f);
}

/* Long above 1000 until at most 800. */
static void length_has_hysteresis(void **state)
{
  (void)state;
  static const double prompt[] = {900, 1001, 900, 801, 800, 900};
  static const int expected[] = {LOCAL, AWAY, AWAY, AWAY, LOCAL, LOCAL};
  struct fixture *f = fixture_new("length=prompt longer=1000 hysteresis=0.2");
  for (int i = 0; i < 6; i++) assert_int_equal(goes(f, prompt[i], 0, 9), expected[i]);
  fixture_free(f);
}

static void targets_and_masks(void **state)
{
  (void)state;
  struct fixture *f = fixture_new("denser=50 target=cloud");
  assert_int_equal(goes(f, 1, 60, 9), 2);
  f->decision.action[2].mask = OFFSIM_MASK_PRIVACY;
  assert_int_equal(goes(f, 1, 60, 9), LOCAL);           /* the best of what is left */
  f->decision.action[0].mask = OFFSIM_MASK_MEMORY;
  assert_int_equal(goes(f, 1, 40, 9), 1);
  fixture_free(f);
}

static void refused(const char *parameters, const char *says)
{
  struct small_world w;
  struct entry e;
  struct err err;
  err_init(&err);
  small_world_init(&w, 3);
  entry_init(&e, "selective", parameters);
  assert_null(try_host(&w, &e, 0, &err));
  assert_says(&err, says);
  err_release(&err);
}

static void half_a_rule_is_refused(void **state)
{
  (void)state;
  refused("longer=10", "has `longer` and no `length`");
  refused("length=prompt", "has a `length` and no `longer`");
  refused("length=promt longer=10", "did you mean 'prompt'?");
}

/* ---- in a run ---- */

/* photo: 2e6 FLOP, moves 1000 + 1000 B: 1000 a byte. text: 2 x 1e6 weights x (30 + 20) tokens = 1e8 FLOP, 800 + 200 B: 1e5. */
static const char file[] =
  "horizon: {duration: 200 s}\n"
  "variants: {tiny: {parameters: 1e6, weights: 2 MB}}\n"
  "hardware: {chip: {flops: 1 TFLOP/s, bandwidth: 10 GB/s, memory: 1 GB}}\n"
  "places:\n"
  "  - {name: phone, tier: device, count: 4, hardware: chip}\n"
  "  - {name: metro, tier: edge, hardware: chip}\n"
  "links: [{name: access, between: [phone, metro], latency: 5 ms, rate: 20 Mbit/s}]\n"
  "classes:\n"
  "  - {name: photo, from: [phone], arrivals: {poisson: {rate: 1 /s}}, input: 1000 B, priority: 2,\n"
  "     pipeline: [{task: filter, work: {flop: 2e6 FLOP, bytes: 1000 B}, places: [origin, metro], output: 1000 B}]}\n"
  "  - {name: text, from: [phone], arrivals: {poisson: {rate: 1 /s}}, input: 800 B, priority: 1,\n"
  "     pipeline: [{task: write, variants: tiny, work: {tokens: {input: 30, output: 20}}, places: [origin, metro], output: 200 B}]}\n"
  "policies:\n";

struct gone { double n[2], away[2]; };

static void on_request(void *context, const struct request_record *r, const double *attribute, int n)
{
  struct gone *g = context;
  (void)attribute, (void)n;
  g->n[r->klass]++;
  g->away[r->klass] += r->offloaded;
}

static struct gone run_with(const char *policy)
{
  char path[] = "/tmp/offsim-selective-XXXXXX";
  struct err err;
  struct gone g = {{0}, {0}};
  struct run_summary summary;
  int fd = mkstemp(path);
  assert_true(fd >= 0 && dprintf(fd, "%s  - %s\n", file, policy) > 0);
  close(fd);
  err_init(&err);
  struct scenario *s = scenario_load(path, NULL, 0, &err);
  unlink(path);
  if (!s) { err_print(&err, stderr, false); fail_msg("the scenario does not load"); }
  struct run_setup setup = {.def = &s->world, .policy = &s->policy[0], .seed = 1, .sink = {.context = &g, .request = on_request}};
  struct world *w = world_new(&setup, &err);
  assert_true(w && world_run(w, &summary, &err));
  world_free(w);
  scenario_free(s);
  err_release(&err);
  assert_true(g.n[0] > 100 && g.n[1] > 100);
  return g;
}

static void the_host_tells_density(void **state)
{
  (void)state;
  static const struct { const char *policy; bool photo, text; } rows[] = {
    {"{policy: selective, denser: 999}", true, true}, {"{policy: selective, denser: 1001}", false, true},
    {"{policy: selective, denser: 99999}", false, true}, {"{policy: selective, denser: 100001}", false, false},
    {"{policy: threshold, feature: moved_bytes, above: 1500}", true, false},
    {"{policy: threshold, feature: work_flop, above: 99999999}", false, true},
    {"{policy: threshold, feature: priority, above: 1}", true, false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct gone g = run_with(rows[i].policy);
    if (g.away[0] != (rows[i].photo ? g.n[0] : 0) || g.away[1] != (rows[i].text ? g.n[1] : 0))
      fail_msg("%s: %g of %g photos, %g of %g texts", rows[i].policy, g.away[0], g.n[0], g.away[1], g.n[1]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_rule_alone), cmocka_unit_test(any_or_all), cmocka_unit_test(length_has_hysteresis),
    cmocka_unit_test(targets_and_masks), cmocka_unit_test(half_a_rule_is_refused), cmocka_unit_test(the_host_tells_density)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
