/* conformance.h: the tests of `offsim policy check`: does a policy keep the rules of policies/offsim_policy.h, and what
 * it declares?
 *
 * Each test runs in a child process with limits of time and memory and tells one report through a pipe; a crash, a hang
 * or an exit is that test's failure and no other's. Tests drive the real policy host (models/policy_host.h) in
 * synthetic worlds (lab.h). Nothing is freed: the child's end does that.
 */
#ifndef OFFSIM_EXPERIMENTS_CONFORMANCE_H
#define OFFSIM_EXPERIMENTS_CONFORMANCE_H

#include "models/policy_host.h"

enum verdict { VERDICT_OK, VERDICT_FAIL, VERDICT_SKIPPED, N_VERDICTS };
/* What a test tells; small enough to go through a pipe in one piece. */
struct report { enum verdict verdict; char text[500]; };
/* Both set the verdict; report_fail returns false, so that `return report_fail(...)` reads well. */
bool report_fail(struct report *, const char *format, ...) PRINTF_LIKE(2, 3);
void report_skip(struct report *, const char *why);
void report_note(struct report *, const char *format, ...) PRINTF_LIKE(2, 3);         /* beside "ok" */
/* The first message of err. */
bool report_err(struct report *, const struct err *);

/* Who is checked. policy: loaded in the child, before the test; NULL in tests of loading. */
struct subject {
  struct policy_def entry;
  const struct offsim_policy *policy;
  uint64_t seed;
  bool quick;                                           /* a tenth of the decisions, a fifth of the repetitions */
  bool elsewhere;                                       /* in a process of its own (Python): state and time are there */
  int report_to;                                        /* file descriptor of the report */
};

struct conformance_test {
  const char *name, *what;
  void (*run)(const struct subject *, const struct conformance_test *, struct report *);
  const struct habit *habit;                            /* for tests that are a world and nothing else (lab.h) */
  bool alone;                                           /* it loads the subject itself */
};

/* The tests of a file, in order; NULL-terminated by name. */
extern const struct conformance_test conformance_load[], conformance_contract[], conformance_determinism[],
  conformance_control[], conformance_resources[], conformance_learning[];

/* ---- the runner -------------------------------------------------------------------------------------------------- */

struct conformance_options {
  uint64_t seed; bool quick; int jobs;
  double limit_s;                                       /* CPU seconds of one test; five times that by the clock */
  const char **only; int n_only;                        /* parts of the tests' names; none = all */
};
/* One test's end. */
struct conformance_result { const struct conformance_test *test; struct report report; };
/* All tests of one policy, in order; *n of them. Caller frees. `told` is called for each in order as soon as it may. */
struct conformance_result *conformance_run(const struct policy_def *, const struct conformance_options *,
                                           void (*told)(const struct conformance_result *), size_t *n);
/* Every test, in order, NULL-terminated. Caller frees. */
const struct conformance_test **conformance_tests(void);

#endif
