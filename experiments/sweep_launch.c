#include "analysis/text.h"
#include "experiments/journals.h"
#include "experiments/launcher.h"
#include "experiments/shard.h"
#include "experiments/study.h"
#include "experiments/sweep.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one shard --------------------------------------------------------------------------------------------------- */

int sweep_shard(struct sweep *s, struct err *err)
{
  const struct sweep_options *o = &s->options;
  struct shard_setup setup = {.dir = s->dir, .plan = s->plan, .policy = s->policy, .source = &s->source, .trace = s->trace,
                              .retries = o->retries, .patience = SWEEP_PATIENCE};
  if (!shard_parse(o->shard, &setup.shard, err))
    return err->code;
  setup.workers = study_workers(&(struct study){.scenario = s->plan->base}, o->workers, err);
  return setup.workers > 0 ? shard_run(&setup, err) : (int)err->code;
}

/* ---- what a shard is called with --------------------------------------------------------------------------------- */

enum { MOST_WORDS = 16 };
struct words { const char *word[MOST_WORDS]; size_t n; char number[3][24]; };

static void add_word(struct words *w, const char *option, const char *value)
{
  if (option)
    w->word[w->n++] = option;
  w->word[w->n++] = value;
}

static void add_number(struct words *w, int which, const char *option, uint64_t value)
{
  snprintf(w->number[which], sizeof w->number[which], "%llu", (unsigned long long)value);
  add_word(w, option, w->number[which]);
}

/* One worker a core that the task gets. */
static void call_of(const struct sweep *s, struct words *w)
{
  static const char *const trace[] = {[TRACE_NONE] = "none", [TRACE_FULL] = "full", [TRACE_LINKS] = "links"};
  const struct sweep_options *o = &s->options;
  *w = (struct words){.n = 0};
  add_word(w, NULL, o->file);
  add_word(w, "-o", s->dir);
  add_number(w, 0, "-j", s->file->slurm.cpus ? s->file->slurm.cpus : 1);
  if (o->replications)
    add_number(w, 1, "--replications", o->replications);
  if (o->retries)
    add_number(w, 2, "--retry", (uint64_t)o->retries);
  if (o->trace_given)
    add_word(w, "--trace", trace[o->trace]);
  if (o->mixed)
    w->word[w->n++] = "--mixed";
}

/* ---- what is left ------------------------------------------------------------------------------------------------ */

/* Journals of an earlier submission are in the catalogue before anything new is submitted: all its jobs have ended. */
static bool update_catalog(struct sweep *s, struct err *err)
{
  struct journals_report report = {0};
  if (!launcher_free_to_write(s->dir, err))
    return false;
  struct catalog *c = catalog_open(s->dir, CATALOG_WRITE, err);
  bool ok = c && sweep_check_folder(s, c, err) && sweep_publish(s, c, err) && journals_prepare(s->dir, false, err)
            && journals_take(s->dir, c, &(struct journals_options){0}, &report, err) && sweep_find_orders(s, c, err);
  catalog_close(c);
  return ok && (!report.conflicts || err_system(err, "%zu runs have two different results", report.conflicts));
}

/* --dry-run looks, and writes nothing. */
static bool look_at_catalog(struct sweep *s, struct err *err)
{
  struct text path = {0};
  text_add(&path, "%s/catalog.sqlite", s->dir);
  bool there = access(path.s, F_OK) == 0;
  free(path.s);
  struct catalog *c = there ? catalog_open(s->dir, CATALOG_READ, err) : NULL;
  bool ok = (c || !there) && (!c || sweep_check_folder(s, c, err)) && sweep_find_orders(s, c, err);
  catalog_close(c);
  return ok;
}

/* CPU seconds of what is left, when the number of tasks depends on them. */
static bool find_cost(const struct sweep *s, struct launch *l, struct err *err)
{
  struct plan_cost cost;
  l->cpu_s = NAN;
  if (s->file->slurm.tasks || l->round > 1 || l->n == 0)
    return true;
  if (!plan_cost_of(s->plan, s->dir, &cost, err))
    return false;
  l->cpu_s = cost.cpu_s;
  return true;
}

static double *expected_costs(const struct sweep *s)
{
  double *cost_s = grab(s->n_orders + 1, sizeof *cost_s);
  for (size_t i = 0; i < s->n_orders; i++)
    cost_s[i] = expect_s(s->expect, s->order[i].point, s->order[i].policy);
  return cost_s;
}

static bool submit(struct sweep *s, enum launcher launcher, struct err *err)
{
  struct words call;
  const struct sweep_options *o = &s->options;
  call_of(s, &call);
  double *cost_s = expected_costs(s);
  struct launch l = {.launcher = launcher, .template_file = o->template_file, .file = s->file, .dir = s->dir,
    .call = call.word, .n_call = call.n, .order = s->order, .n = s->n_orders, .cost_s = cost_s,
    .round = o->round ? o->round : 1, .dry_run = o->dry_run};
  bool ok = find_cost(s, &l, err) && launcher_submit(&l, stdout, err);
  free(cost_s);
  return ok;
}

bool sweep_is_launched(const struct sweep_options *o, struct err *err)
{
  enum launcher l = LAUNCH_LOCAL;
  return o->launcher && launcher_parse(o->launcher, &l, err) && l != LAUNCH_LOCAL;
}

bool sweep_launch(struct sweep *s, struct err *err)
{
  const struct sweep_options *o = &s->options;
  enum launcher launcher;
  if (!launcher_parse(o->launcher, &launcher, err))
    return false;
  if (launcher == LAUNCH_TEMPLATE && !o->template_file)
    return err_add(err, (struct where){0}, "--launcher template needs --template FILE");
  if (!(o->dry_run ? look_at_catalog(s, err) : update_catalog(s, err)))
    return false;
  if (s->n_orders > 0)
    return submit(s, launcher, err);
  if (!o->dry_run)
    launcher_forget(s->dir);
  return true;
}
