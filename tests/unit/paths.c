/* paths.c: critical paths and misses of budgets of requests made by hand: who waited for whom is known. */
#include "analysis/budget.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { S = 1000000000 };

/* All of it in service, unless the test says otherwise. */
static struct path_step served(int task, int attempt, int64_t from_s, int64_t to_s, int status)
{
  struct path_step s = {.started_ns = from_s * S, .ended_ns = to_s * S, .first_output_ns = -1, .task = (uint8_t)task,
                   .attempt = (uint8_t)attempt, .status = (uint8_t)status};
  s.phase_ns[PHASE_SERVE] = s.ended_ns - s.started_ns;
  return s;
}

static void move(struct path_step *s, int from, int to, int64_t ns)
{
  s->phase_ns[from] -= ns;
  s->phase_ns[to] += ns;
}

struct expected { int task, phase, from_s, to_s; };

static void is_path(const struct pipeline *p, int64_t end_s, const struct path_step *step, size_t n, const struct expected *e, size_t n_expected)
{
  struct path path = {0};
  critical_path(p, 0, end_s * S, step, n, &path);
  assert_int_equal(path.n, n_expected);
  for (size_t i = 0; i < path.n; i++) {
    assert_int_equal(path.part[i].task, e[i].task);
    assert_int_equal(path.part[i].phase, e[i].phase);
    assert_int_equal(path.part[i].from_ns, (int64_t)e[i].from_s * S);
    assert_int_equal(path.part[i].to_ns, (int64_t)e[i].to_s * S);
  }
  free(path.part);
}
#define IS_PATH(pipeline, end_s, step, ...) \
  is_path(pipeline, end_s, step, sizeof step / sizeof *step, (const struct expected[]){__VA_ARGS__}, \
          sizeof (const struct expected[]){__VA_ARGS__} / sizeof(struct expected))

static void fork_and_join(void **state)
{
  (void)state;
  const struct pipeline p = {.n_tasks = 4, .after = {0, 1, 1, 2 | 4}};
  const struct path_step step[] = {served(0, 0, 0, 3, STATUS_COMPLETED), served(1, 0, 3, 4, STATUS_COMPLETED),
                              served(2, 0, 3, 9, STATUS_COMPLETED), served(3, 0, 9, 10, STATUS_COMPLETED)};
  IS_PATH(&p, 10, step, {0, PHASE_SERVE, 0, 3}, {2, PHASE_SERVE, 3, 9}, {3, PHASE_SERVE, 9, 10});
}

static void fallbacks_and_waits(void **state)
{
  (void)state;
  const struct pipeline p = {.n_tasks = 1};
  struct path_step step[] = {served(0, 0, 0, 2, STATUS_TIMEOUT), served(0, 1, 5, 6, STATUS_LOST), served(0, 2, 6, 9, STATUS_COMPLETED)};
  move(&step[2], PHASE_SERVE, PHASE_UPLINK, S);
  IS_PATH(&p, 9, step, {0, PHASE_SERVE, 0, 2}, {0, PATH_WAIT, 2, 5}, {0, PHASE_SERVE, 5, 6}, {0, PHASE_UPLINK, 6, 7},
          {0, PHASE_SERVE, 7, 9});
}

static void copies(void **state)
{
  (void)state;
  const struct pipeline p = {.n_tasks = 1};
  struct path_step won[] = {served(0, 0, 0, 4, STATUS_CANCELLED), served(0, 1, 1, 4, STATUS_COMPLETED)};
  move(&won[0], PHASE_SERVE, PHASE_QUEUE, 4 * (int64_t)S);
  IS_PATH(&p, 4, won, {0, PHASE_QUEUE, 0, 1}, {0, PHASE_SERVE, 1, 4});
  struct path_step lost[] = {served(0, 0, 0, 4, STATUS_COMPLETED), served(0, 1, 1, 4, STATUS_CANCELLED)};
  IS_PATH(&p, 4, lost, {0, PHASE_SERVE, 0, 4});
}

static void flows(void **state)
{
  (void)state;
  const struct pipeline p = {.n_tasks = 2, .after = {0, 1}, .flows = 1};
  struct path_step step[] = {served(0, 0, 0, 5, STATUS_COMPLETED), served(1, 0, 2, 7, STATUS_COMPLETED)};
  step[0].first_output_ns = 2 * (int64_t)S;
  IS_PATH(&p, 7, step, {0, PHASE_SERVE, 0, 2}, {1, PHASE_SERVE, 2, 7});
  step[1] = served(1, 0, 2, 6, STATUS_COMPLETED);       /* held until the flow is in, then one second home */
  move(&step[1], PHASE_SERVE, PHASE_DOWNLINK, S);
  IS_PATH(&p, 6, step, {0, PHASE_SERVE, 0, 5}, {1, PHASE_DOWNLINK, 5, 6});
}

static void skipped_and_asynchronous(void **state)
{
  (void)state;
  const struct pipeline p = {.n_tasks = 4, .after = {0, 1, 2, 1}, .unawaited = 8};
  const struct path_step step[] = {served(0, 0, 0, 2, STATUS_COMPLETED), served(2, 0, 2, 3, STATUS_COMPLETED),
                              served(3, 0, 2, 3, STATUS_COMPLETED)};
  IS_PATH(&p, 3, step, {0, PHASE_SERVE, 0, 2}, {2, PHASE_SERVE, 2, 3});
}

static void without_attempts(void **state)
{
  (void)state;
  const struct pipeline p = {.n_tasks = 1};
  struct path path = {0};
  critical_path(&p, 0, 0, NULL, 0, &path);
  assert_int_equal(path.n, 0);
  critical_path(&p, 0, S, NULL, 0, &path);
  assert_int_equal(path.n, 1);
  assert_int_equal(path.part[0].task, NO_TASK);
  free(path.part);
}

/* ---- budgets ----------------------------------------------------------------------------------------------------- */

static struct budget two_seconds(bool lapses)
{
  struct budget b = {.total_ns = 2 * (int64_t)S, .lapses = lapses, .task_ns = {S, S}};
  const struct pipeline p = {.n_tasks = 2, .after = {0, 1}};
  budget_link(&b, &p);
  assert_int_equal(b.due_ns[1], 2 * (int64_t)S);
  return b;
}

/* A and B of so many tenths of a second, of which B waits `queue`. */
static void add(struct budget_tally *t, const struct budget *b, int a, int queue, int serve, int status)
{
  const struct pipeline p = {.n_tasks = 2, .after = {0, 1}};
  const int64_t tenth = S / 10;
  struct path_step step[2] = {served(0, 0, 0, 0, STATUS_COMPLETED), served(1, 0, 0, 0, status)};
  step[0].ended_ns = step[0].phase_ns[PHASE_SERVE] = a * tenth;
  step[1].started_ns = a * tenth;
  step[1].ended_ns = (a + queue + serve) * tenth;
  step[1].phase_ns[PHASE_QUEUE] = queue * tenth;
  step[1].phase_ns[PHASE_SERVE] = serve * tenth;
  struct path path = {0};
  critical_path(&p, 0, step[1].ended_ns, step, 2, &path);
  budget_add(t, b, 0, step[1].ended_ns, status, &path);
  free(path.part);
}

static void misses_have_one_cause(void **state)
{
  (void)state;
  const struct budget b = two_seconds(false);
  struct budget_tally t = {0};
  for (int i = 0; i < 10; i++) add(&t, &b, 5, 0, 7, STATUS_COMPLETED);
  add(&t, &b, 5, 15, 3, STATUS_COMPLETED);              /* B, queue */
  add(&t, &b, 14, 0, 7, STATUS_COMPLETED);              /* A was late, B never caught up: A, serve */
  add(&t, &b, 5, 10, 7, STATUS_COMPLETED);              /* B: 1 s of queue beyond none, 0.7 s of service as usual */
  add(&t, &b, 5, 0, 16, STATUS_COMPLETED);              /* B, serve */
  add(&t, &b, 5, 1, 3, STATUS_LOST);                    /* failed in time: its last phase */
  add(&t, &b, 5, 1, 3, STATUS_CENSORED);                /* nobody knows */
  add(&t, &b, 5, 30, 0, STATUS_CENSORED);               /* missed already: B, queue */
  budget_settle(&t);
  assert_int_equal(t.asked, 16);
  assert_int_equal(t.kept, 10);
  assert_int_equal(t.missed, 6);
  assert_int_equal(t.misses[0][PHASE_SERVE], 1);
  assert_int_equal(t.misses[1][PHASE_QUEUE], 3);
  assert_int_equal(t.misses[1][PHASE_SERVE], 2);
  budget_free(&t);
}

/* A 1.1 s, B 0.8 s: within 2 s. A 1.4 s, B 0.7 s: 2.1 s. A 0.2 s, B 1.9 s. What A leaves is B's, or nobody's. */
static void time_is_inherited_or_lapses(void **state)
{
  (void)state;
  for (int lapses = 0; lapses < 2; lapses++) {
    const struct budget b = two_seconds(lapses);
    struct budget_tally t = {0};
    add(&t, &b, 11, 0, 8, STATUS_COMPLETED);
    add(&t, &b, 14, 0, 7, STATUS_COMPLETED);
    add(&t, &b, 2, 0, 19, STATUS_COMPLETED);
    add(&t, &b, 12, 0, 15, STATUS_COMPLETED);           /* late from A on; B took longest beyond its own */
    budget_settle(&t);
    assert_int_equal(t.missed, 3);
    assert_int_equal(t.misses[0][PHASE_SERVE], lapses ? 1 : 2);
    assert_int_equal(t.misses[1][PHASE_SERVE], lapses ? 2 : 1);
    budget_free(&t);
  }
}

static void attempts_wait_for_their_request(void **state)
{
  (void)state;
  struct gather *g = gather_new();
  const struct path_step a = served(0, 0, 0, 1, STATUS_COMPLETED), b = served(1, 0, 1, 2, STATUS_COMPLETED);
  size_t n;
  for (uint64_t r = 0; r < 10000; r++) gather_add(g, r, &a);
  for (uint64_t r = 0; r < 10000; r += 2) gather_add(g, r, &b);
  for (uint64_t r = 10000; r-- > 0;) {
    assert_non_null(gather_take(g, r, &n));
    assert_int_equal(n, r % 2 ? 1 : 2);
  }
  assert_null(gather_take(g, 5, &n));
  assert_int_equal(n, 0);
  gather_free(g);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(fork_and_join), cmocka_unit_test(fallbacks_and_waits), cmocka_unit_test(copies),
    cmocka_unit_test(flows), cmocka_unit_test(skipped_and_asynchronous), cmocka_unit_test(without_attempts),
    cmocka_unit_test(misses_have_one_cause), cmocka_unit_test(time_is_inherited_or_lapses),
    cmocka_unit_test(attempts_wait_for_their_request)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
