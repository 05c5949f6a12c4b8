/* The checks at the end of a run find what they are there for: each planted fault ends the run, none leaves it alone. */
#include "models/internal.h"
#include "tests/unit/world_rig.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum fault { NO_FAULT, LOST_REQUEST, LONGER_SOJOURN, STOLEN_SLOT_TIME, FREE_ENERGY, EXTRA_DOLLARS, LOST_FROM_COHORT, N_FAULTS };
struct saboteur { struct world *world; enum fault fault; };

static void sabotage(void *context, const struct request_record *r, const double *attribute, int n)
{
  struct saboteur *s = context;
  struct world *w = s->world;
  (void)attribute, (void)n;
  if (r->request != 3) return;
  switch (s->fault) {
  case LOST_REQUEST: w->all_completed--; break;
  case LONGER_SOJOURN: w->sojourn_ns++; break;
  case STOLEN_SLOT_TIME: w->place[1].direct_slot_s[0] -= 1e-6; break;
  case FREE_ENERGY: w->direct_j -= 1e-3; break;
  case EXTRA_DOLLARS: w->direct_usd += 1e-6; break;
  case LOST_FROM_COHORT: w->cohort++; break;
  default: break;
  }
}

static struct rig *ordinary_rig(void)
{
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 1, plan_at(1));
  r->place[1].idle_w = 10;
  r->place[1].busy_w = 30;
  r->place[1].tariff.usd_per_s = 0.01;
  r->def.horizon.duration_s = 100;
  return r;
}

static void run_with(enum fault fault)
{
  struct rig *r = ordinary_rig();
  struct err err;
  err_init(&err);
  struct saboteur saboteur = {.fault = fault};
  struct run_setup setup = {.def = &r->def, .seed = 1, .sink = {.context = &saboteur, .request = sabotage}};
  saboteur.world = world_new(&setup, &err);
  bool ran = world_run(saboteur.world, &r->summary, &err);
  world_free(saboteur.world);
  r->summary.place = NULL;
  rig_free(r);
  _exit(ran ? 0 : 1);
}

/* How the child ended: 0, or the signal that ended it. */
static int ending(enum fault fault)
{
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    if (!freopen("/dev/null", "w", stderr)) _exit(2);
    run_with(fault);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void test_planted_faults(void **state)
{
  (void)state;
  assert_int_equal(ending(NO_FAULT), 0);
  for (int f = NO_FAULT + 1; f < N_FAULTS; f++) assert_int_equal(ending((enum fault)f), SIGABRT);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_planted_faults)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
