/* LLM engines as places: the reference workloads through a whole scenario, the account of iterations, what is refused,
 * instances and failures. Times by hand from the reference step time:
 * 6.5 ms + 70 us P + 30 us D + 0.26 us K + 2 ns A. */
#include "tests/unit/world_rig.h"
#include "scenarios/scenario.h"
#include <unistd.h>

static struct kept kept;
static struct run_summary summary;
static struct place_summary gpu;
static struct err problems;
static bool ran;

static char *tests_data(const char *name)
{
  static char path[4096];
  struct arena *a = arena_new();
  snprintf(path, sizeof path, "%s/../tests/data/scheduler/%s", share_folder(a), name);
  arena_free(a);
  return path;
}

static void write_file(char *path, int suffix, const char *text)
{
  int fd = mkstemps(path, suffix);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
}

struct asked { const char *csv, *batching, *place, *task, *hardware; };

static void run_world(const struct scenario *s, uint64_t shuffle)
{
  struct run_setup setup = {.def = &s->world, .seed = 1, .sink = keeping(&kept), .shuffle_ties = shuffle};
  struct world *w = world_new(&setup, &problems);
  assert_non_null(w);
  ran = world_run(w, &summary, &problems);
  if (ran) gpu = summary.place[1];
  world_free(w);
}

/* A user and a GPU, nothing between; the trace's columns p and o are prompt and output. */
static bool run(const struct asked *x)
{
  char text[4096], path[] = "/tmp/world_llm_XXXXXX.yaml";
  snprintf(text, sizeof text,
           "horizon: {duration: 2 h, drain_max: 1 h}\n"
           "variants: {m: {parameters: 1e9, weights: 1 GB, kv: 1 MB/tok, skill: 1, width: 0.1, top: 1}}\n"
           "%s\n"
           "places:\n"
           "  - {name: user, tier: device, zone: u, count: 1}\n"
           "  - {name: gpu, tier: edge, zone: u, variants: m, %s\n"
           "     batching: {kind: continuous, %s}}\n"
           "links: [{name: wire, between: [user, gpu]}]\n"
           "classes:\n"
           "  - name: ask\n"
           "    from: user\n"
           "    arrivals: {trace: {file: \"%s\", time: {column: arrival_s, origin: zero}, columns: {p: prompt_tokens, o: output_tokens}, "
           "replicate: whole, at_end: stop}}\n"
           "    pipeline: [{task: write, variants: [m], work: {tokens: {input: p, output: o}}, places: gpu, stream: true%s}]\n",
           x->hardware ? x->hardware : "", x->place ? x->place : "servers: 1,", x->batching, x->csv, x->task ? x->task : "");
  write_file(path, 5, text);
  err_release(&problems);
  err_init(&problems);
  memset(&kept, 0, sizeof kept);
  ran = false;
  struct scenario *s = scenario_load(path, NULL, 0, &problems);
  unlink(path);
  if (s) run_world(s, 0);
  bool loaded = s != NULL;
  if (s) scenario_free(s);
  return loaded;
}

static void must_run(const struct asked *x)
{
  if (run(x) && ran) return;
  err_print(&problems, stderr, false);
  fail_msg("the scenario did not run");
}

/* Rows "arrival,prompt,output" in a file. */
static const char *rows(const char *lines)
{
  static char path[64];
  char text[1024];
  if (*path) unlink(path);
  strcpy(path, "/tmp/world_llm_XXXXXX.csv");
  snprintf(text, sizeof text, "arrival_s,prompt_tokens,output_tokens\n%s", lines);
  write_file(path, 4, text);
  return path;
}

/* ---- the reference workloads ------------------------------------------------------------------------------------- */

struct reference { double scheduled_s, first_s, done_s; int restarts; };

static int read_reference(const char *path, struct reference *all)
{
  FILE *f = fopen(path, "r");
  char line[256];
  int n = 0;
  assert_non_null(f);
  assert_non_null(fgets(line, sizeof line, f));
  while (n < KEPT && fgets(line, sizeof line, f)) {
    struct reference *r = &all[n];
    n += sscanf(line, "%*d,%*f,%*d,%*d,%*d,%lf,%lf,%lf,%d", &r->scheduled_s, &r->first_s, &r->done_s, &r->restarts) == 4;
  }
  fclose(f);
  return n;
}

/* Largest deviation of any time, seconds; INFINITY when something else differs. */
static double deviation(const char *csv, const char *batching, int servers)
{
  static struct reference want[KEPT];
  char path[4096], place[64];
  double worst = 0;
  int n, restarts = 0;
  strcpy(path, tests_data(csv));
  n = read_reference(path, want);
  snprintf(place, sizeof place, "servers: %d,", servers);
  must_run(&(struct asked){.csv = path, .batching = batching, .place = place});
  if (kept.attempts != n || n == 0) return INFINITY;
  for (int i = 0; i < n; i++) {
    const struct attempt_record *a = &kept.attempt[i];
    const struct reference *r = &want[a->request];
    double scheduled = 1e-9 * (double)(a->started_ns + a->phase_ns[PHASE_QUEUE]), done = 1e-9 * (double)a->ended_ns;
    if (a->status != STATUS_COMPLETED || a->phase_ns[PHASE_BATCH] || a->phase_ns[PHASE_DOWNLINK]) return INFINITY;
    worst = fmax(worst, fabs(scheduled - r->scheduled_s));
    worst = fmax(worst, fabs(1e-9 * (double)a->first_output_ns - r->first_s));
    worst = fmax(worst, fabs(done - r->done_s));
    restarts += r->restarts;
  }
  return gpu.preemptions == restarts ? worst : INFINITY;
}

#define STEP ", router: round_robin, step_time: {reference: true}"

static void reference_workloads(void **state)
{
  (void)state;
  assert_true(deviation("syn-vllm-preempt.csv", "scheduler: vllm_v0, kv_blocks: 700" STEP, 1) <= 2e-9);
  assert_true(deviation("syn-sarathi-ties.csv", "scheduler: sarathi, kv_blocks: 4000" STEP, 1) <= 2e-9);
  assert_true(deviation("syn-sarathi-2rep-rr.csv", "scheduler: sarathi, kv_blocks: 4000" STEP, 2) <= 2e-9);
  /* planted: a block less, a token more, a replica less */
  assert_true(deviation("syn-vllm-preempt.csv", "scheduler: vllm_v0, kv_blocks: 699" STEP, 1) > 1e-3);
  assert_true(deviation("syn-sarathi-ties.csv", "scheduler: sarathi, max_num_batched_tokens: 513, kv_blocks: 4000" STEP, 1)
              > 1e-6);
  assert_true(deviation("syn-sarathi-2rep-rr.csv", "scheduler: sarathi, kv_blocks: 4000" STEP, 1) > 1e-3);
}

/* ---- the account ------------------------------------------------------------------------------------------------- */

#define V1 "kv_blocks: 1000, step_time: {reference: true"

static const struct attempt_record *attempt_of(uint64_t request)
{
  for (int i = 0; i < kept.attempts; i++)
    if (kept.attempt[i].request == request) return &kept.attempt[i];
  fail_msg("no attempt of request %d", (int)request);
  return NULL;
}

static void close_to(double a, double b)
{
  if (!(fabs(a - b) <= 1e-9 * fmax(1, fabs(b)))) fail_msg("%.12g is not %.12g", a, b);
}

/* 13.52 ms reading, 6.55626 ms decoding. Power 100 W above idle 50 W. */
static void one_request(void **state)
{
  (void)state;
  must_run(&(struct asked){.csv = rows("1,100,2\n"), .batching = V1 "}", .place = "servers: 1, idle_power: 50 W, busy_power: 150 W,"});
  const struct attempt_record *a = attempt_of(0);
  assert_int_equal(a->first_output_ns, ms(1013.52));
  assert_int_equal(a->ended_ns, ms(1020.07626));
  assert_int_equal(a->phase_ns[PHASE_SERVE], ms(20.07626));
  close_to(a->energy_server_j, 2.007626);
  close_to(gpu.energy_direct_j, 2.007626);
  assert_true(gpu.iterations == 2);
  close_to(gpu.itl_mean_s, 6.55626e-3);
  close_to(gpu.server_ttft_mean_s, 13.52e-3);
  close_to(gpu.batch_size_mean, 1);
  close_to(gpu.joules_per_token, gpu.energy_j / 2);
  close_to(gpu.tokens_per_s, 2 / summary.window_s);
  /* 100 and 101 tokens: seven blocks of 999 */
  close_to(gpu.kv_occupancy, 7 * 20.07626e-3 / (999 * summary.window_s));
}

/* Two that come together, 100 + 2 and 300 + 2, are read in one iteration, by tokens 1 : 3, and decode as equals. With
 * energy by iteration: 1 J + 0.5 J a decoding request + 1 mJ a prompt token: 1.4 J shared 0.35 : 1.05, then 2 J as 1 : 1. */
static void shared_by_tokens(void **state)
{
  (void)state;
  must_run(&(struct asked){.csv = rows("1,100,2\n1,300,2\n"),
    .batching = V1 ", energy: {step: 1 J, decode: 0.5 J, prompt: 1 mJ}}", .place = "servers: 1, busy_power: 900 W,"});
  close_to(attempt_of(0)->energy_server_j, 1.35);
  close_to(attempt_of(1)->energy_server_j, 2.05);
  close_to(gpu.energy_j, 3.4);
  close_to(gpu.batch_size_mean, 2);
  must_run(&(struct asked){.csv = rows("1,100,2\n1,300,2\n"), .batching = V1 "}",
    .place = "servers: 1, idle_power: 0 W, busy_power: 100 W, tariff: {time: 3600 USD/h, billing: on_demand},"});
  /* read: 6.5 + 28 + 0.002 * (100^2 + 300^2) us = 34.7 ms; decode: 6.5 + 0.06 + 0.26e-3 * 402 = 6.66452 ms */
  double read = 34.7e-3, decode = 6.66452e-3;
  close_to(attempt_of(0)->energy_server_j, 100 * (read / 4 + decode / 2));
  close_to(attempt_of(1)->energy_server_j, 100 * (3 * read / 4 + decode / 2));
  close_to(attempt_of(1)->cost_usd, 3 * read / 4 + decode / 2);
  close_to(gpu.cost_usd, read + decode);
}

/* Both give up 10 ms into their first iteration, at the same instant: each pays 5 ms (alike in tokens), and the rest of
 * the iteration, 6.5 + 14 + 0.04 - 10 = 10.54 ms, is residual. */
static void left_behind(void **state)
{
  (void)state;
  must_run(&(struct asked){.csv = rows("1,100,9\n1,100,9\n"), .batching = V1 "}", .task = ", timeout: {e2e: 10 ms}",
                           .place = "servers: 1, idle_power: 0 W, busy_power: 100 W,"});
  assert_int_equal(attempt_of(0)->status, STATUS_TIMEOUT);
  close_to(attempt_of(0)->energy_server_j, 0.5);
  close_to(attempt_of(1)->energy_server_j, 0.5);
  close_to(gpu.energy_direct_j, 1);
  close_to(gpu.energy_j, 2.054);
}

/* What was made when it was cut has gone to the user: first token at 13.52 ms, the next at 20.07626 and 26.63278. */
static void cut_short(void **state)
{
  (void)state;
  must_run(&(struct asked){.csv = rows("1,100,10\n"), .batching = V1 "}", .task = ", timeout: {e2e: 22 ms}, output: 10 B * o"});
  assert_int_equal(attempt_of(0)->status, STATUS_TIMEOUT);
  close_to(attempt_of(0)->bytes_down, 20);
}

/* ---- what cannot be ---------------------------------------------------------------------------------------------- */

/* 999 blocks hold 15,984 tokens. V0 reads whole prompts. What outgrows the memory later is rejected then. */
static void never_admitted(void **state)
{
  (void)state;
  must_run(&(struct asked){.csv = rows("1,20000,2\n2,100,2\n"), .batching = V1 "}"});
  assert_int_equal(attempt_of(0)->status, STATUS_BLOCKED);
  assert_int_equal(attempt_of(1)->status, STATUS_COMPLETED);
  assert_true(gpu.refused_memory == 1 && gpu.refused_prompt == 0);
  must_run(&(struct asked){.csv = rows("1,5000,2\n"), .batching = "scheduler: vllm_v0, " V1 "}"});
  assert_int_equal(attempt_of(0)->status, STATUS_BLOCKED);
  assert_true(gpu.refused_memory == 0 && gpu.refused_prompt == 1);
  must_run(&(struct asked){.csv = rows("1,150,40\n"), .batching = "kv_blocks: 11, step_time: {reference: true}"});
  assert_int_equal(attempt_of(0)->status, STATUS_REJECTED);
  assert_true(gpu.refused_memory == 1);
  /* Also where a prompt need not fit as a whole, and nothing that it has read is found again. */
  must_run(&(struct asked){.csv = rows("1,150,40\n2,100,2\n"), .batching = "kv_blocks: 11, reserve_full: false, "
           "prefix_cache: false, long_prefill_threshold: 8, step_time: {reference: true}"});
  assert_int_equal(attempt_of(0)->status, STATUS_REJECTED);
  assert_int_equal(attempt_of(1)->status, STATUS_COMPLETED);
  assert_true(gpu.refused_memory == 1 && gpu.preemptions >= 1);
}

#define COMPACT "kv_blocks: 1000, max_num_batched_tokens: 512, max_num_seqs: 8, step_time: {compact: {tokens: [1, 512], " \
  "times: [6 ms, 30 ms], max_tokens: 512, max_sequences: 8, max_context: 200}}"

static bool told(const char *what)
{
  for (size_t i = 0; i < problems.n; i++)
    if (strstr(problems.problems[i].message, what)) return true;
  return false;
}

static void beyond_the_measured(void **state)
{
  (void)state;
  must_run(&(struct asked){.csv = rows("1,100,100\n"), .batching = COMPACT});
  assert_true(gpu.extrapolated == 0);
  assert_true(run(&(struct asked){.csv = rows("1,100,100\n2,100,101\n"), .batching = COMPACT}));
  assert_false(ran);
  assert_true(told("request 1 has 201 tokens") && told("up to 200"));
  must_run(&(struct asked){.csv = rows("1,100,100\n2,100,101\n"), .batching = COMPACT ", extrapolate: true"});
  assert_true(gpu.extrapolated == 1);
}

/* ---- instances, failures ----------------------------------------------------------------------------------------- */

/* Scaled from zero: two at once, one slot each, two starts of 1 s. Both are served at 2 s + 13.52 ms + 6.55626 ms. */
static void from_zero(void **state)
{
  (void)state;
  must_run(&(struct asked){.csv = rows("1,100,2\n1,100,2\n10,100,2\n"), .batching = "max_num_seqs: 1, " V1 "}",
    .place = "instances: {max: 2, cold_start: 1 s, keep_alive: 5 s},"});
  assert_int_equal(attempt_of(0)->ended_ns, ms(2020.07626));
  assert_int_equal(attempt_of(1)->ended_ns, ms(2020.07626));
  assert_int_equal(attempt_of(0)->phase_ns[PHASE_COLD_START], ms(1000));
  assert_int_equal(attempt_of(2)->ended_ns, ms(11020.07626));
  assert_true(gpu.cold_starts == 3);
}

/* Down from 1.01 s for 1 s: the first is lost; one that comes meanwhile waits for the repair. */
static void lost_in_an_outage(void **state)
{
  (void)state;
  must_run(&(struct asked){.csv = rows("1,100,2\n1.5,100,2\n"), .batching = V1 "}",
    .place = "servers: 1, failures: {outages: [{from: 1010 ms, for: 1 s}], work: lost},"});
  assert_int_equal(attempt_of(0)->status, STATUS_LOST);
  assert_int_equal(attempt_of(1)->status, STATUS_COMPLETED);
  assert_int_equal(attempt_of(1)->ended_ns, ms(2030.07626));
}

/* Down from 10 ms or 15 ms after its entry, for 1 s: before and after its first token, of 13.52 ms, which counts once. All
 * is done again: 20.07626 ms more, and paid twice at 100 W. To go on is to begin anew. One that came meanwhile is read
 * together with it: 6.5 ms + 200 * 70 us + 2 ns * 2 * 100 * 100 = 20.54 ms, then 6.5 ms + 60 us + 0.26 us * 202. */
static void anew_after_an_outage(void **state)
{
  static const char *const work[] = {"restart", "resume"};
  (void)state;
  for (int late = 0; late < 2; late++)
    for (int two = 0; two < 2; two++) {
      char place[256];
      double down = late ? 15 : 10, again = two ? 20.54 + 6.5 + 0.06 + 0.00026 * 202 : 20.07626;
      snprintf(place, sizeof place, "servers: 1, idle_power: 50 W, busy_power: 150 W, failures: {outages: [{from: %g ms, for: 1 s}], "
               "work: %s},", 1000 + down, work[two]);
      must_run(&(struct asked){.csv = rows(two ? "1,100,2\n1.5,100,2\n" : "1,100,2\n"), .batching = V1 "}", .place = place});
      const struct attempt_record *a = attempt_of(0);
      assert_int_equal(a->status, STATUS_COMPLETED);
      assert_int_equal(a->first_output_ns, late ? ms(1013.52) : ms(2000 + down + (two ? 20.54 : 13.52)));
      assert_int_equal(a->ended_ns, ms(2000 + down + again));
      assert_int_equal(a->phase_ns[PHASE_QUEUE], ms(1000));
      assert_int_equal(a->phase_ns[PHASE_SERVE], ms(down + again));
      if (two) assert_int_equal(attempt_of(1)->ended_ns, a->ended_ns);
      close_to(gpu.energy_direct_j, 0.1 * (down + again));
      if (!two) close_to(gpu.server_ttft_mean_s, late ? 13.52e-3 : 1 + down * 1e-3 + 13.52e-3);
      assert_true(gpu.arrived == 1u + two && gpu.completed == 1u + two);
    }
}

/* Two engines that fail one by one: all requests end, whatever is done with their work, and only `lost` loses some. */
static void engines_fail_one_by_one(void **state)
{
  static const char *const work[] = {"lost", "restart"};
  (void)state;
  for (int i = 0; i < 2; i++) {
    char place[256], lines[1000] = "";
    for (int k = 0; k < 60; k++) snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%g,200,50\n", 1 + 0.2 * k);
    snprintf(place, sizeof place, "servers: 2, failures: {scope: server, mtbf: {exponential: {mean: 0.6 s}}, "
             "mttr: {exponential: {mean: 0.3 s}}, work: %s},", work[i]);
    must_run(&(struct asked){.csv = rows(lines), .batching = "max_num_seqs: 3, " V1 "}", .place = place});
    int lost = 0;
    for (int k = 0; k < kept.attempts; k++) lost += kept.attempt[k].status == STATUS_LOST;
    assert_int_equal(kept.attempts, 60);
    if (i) assert_int_equal(lost, 0);
    else assert_true(lost > 5);
    assert_int_equal(summary.completed, 60 - lost);
    assert_true(gpu.down_s > 0.15 * summary.run_s && gpu.down_s < 0.6 * summary.run_s);
  }
}

/* ---- defaults ---------------------------------------------------------------------------------------------------- */

#define CARD "hardware: {card: {memory: 3 GB, tokens: {m: {prefill: 1000 tok/s, step: {a: 10 ms, c: 1 ms}}}}}"

/* Affine from the hardware: 100 tokens in 100 ms, then 11 ms. Blocks: (0.9 * 3 - 1) GB / 16 MB = 106, one kept: 1680 tokens. */
static void of_the_hardware(void **state)
{
  (void)state;
  must_run(&(struct asked){.csv = rows("1,100,2\n2,1681,1\n4,1680,1\n"), .batching = "max_num_seqs: 4", .hardware = CARD,
                           .place = "hardware: card,"});
  assert_int_equal(attempt_of(0)->first_output_ns, ms(1100));
  assert_int_equal(attempt_of(0)->ended_ns, ms(1111));
  assert_int_equal(attempt_of(1)->status, STATUS_BLOCKED);
  assert_int_equal(attempt_of(2)->status, STATUS_COMPLETED);
  assert_false(run(&(struct asked){.csv = rows("1,100,2\n"), .batching = "block: 64", .hardware = CARD,
                                   .place = "hardware: card, memory: 1.1 GB,"}));
  assert_true(told("m does not fit"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(reference_workloads), cmocka_unit_test(one_request), cmocka_unit_test(shared_by_tokens),
    cmocka_unit_test(left_behind), cmocka_unit_test(cut_short), cmocka_unit_test(never_admitted),
    cmocka_unit_test(beyond_the_measured), cmocka_unit_test(from_zero), cmocka_unit_test(lost_in_an_outage), cmocka_unit_test(anew_after_an_outage), cmocka_unit_test(engines_fail_one_by_one),
    cmocka_unit_test(of_the_hardware),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
