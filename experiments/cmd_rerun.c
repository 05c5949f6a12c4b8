/* cmd_rerun.c: `offsim rerun DIR --run ID --trace full`: one run of a results folder again, with its trace.
 *
 * The run must come out the same: its identity is computed anew from the scenario as it stands now, and afterwards its
 * trace_hash is compared with the recorded one.
 */
#include "experiments/commands.h"
#include "experiments/replay.h"
#include "experiments/supervisor.h"
#include "sim/arena.h"
#include <stdlib.h>
#include <string.h>

struct rerun {
  const char *dir, *id, *level;
  bool help;
  struct replay replay;
  struct scenario *scenario;
  struct run_order order;
};

static bool read_options(struct rerun *r, int argc, char **argv, struct err *err)
{
  static const char *const names[] = {"--run", "--trace", "--help"};
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(argv[i], "--help") == 0) {
      r->help = true;
      return true;
    }
    if (strcmp(argv[i], "--run") == 0)
      r->id = value, i++;
    else if (strcmp(argv[i], "--trace") == 0)
      r->level = value, i++;
    else if (argv[i][0] == '-') {
      const char *near = nearest(argv[i], names, 3);
      err_add(err, (struct where){0}, "rerun: unknown option '%s'%s%s%s", argv[i], near ? "; did you mean '" : "",
              near ? near : "", near ? "'?" : "");
    } else
      r->dir = argv[i];
  }
  if (!r->dir || !r->id || !*r->id)
    return err_add(err, (struct where){0}, "usage: offsim rerun DIR --run ID --trace full");
  if (r->level && strcmp(r->level, "full") != 0 && strcmp(r->level, "links") != 0)
    return err_add(err, (struct where){0}, "--trace is full or links, not '%s'", r->level);
  return !err_any(err);
}

/* The one run whose id begins with what was given; it may belong to several points. */
struct search { const char *id; size_t found; struct catalog_run run; };

static bool match(void *context, const struct catalog_run *run)
{
  struct search *s = context;
  if (strncmp(run->id, s->id, strlen(s->id)) == 0 && !(s->found && strcmp(s->run.id, run->id) == 0)) {
    s->run = *run;
    s->found++;
  }
  return true;
}

static bool find_run(struct rerun *r, struct catalog *c, struct arena *a, struct err *err)
{
  struct search s = {.id = r->id};
  if (!catalog_runs(c, false, match, &s, err))
    return false;
  if (s.found == 1)
    return replay_find(c, &s.run, a, &r->replay, err);
  return err_add(err, (struct where){0}, "%s: %s run has an id that begins with '%s'", r->dir,
                 s.found ? "more than one" : "no", r->id);
}

static bool load(struct rerun *r, struct err *err)
{
  r->scenario = replay_load(&r->replay, &r->order, err);
  r->order.trace = r->level && strcmp(r->level, "links") == 0 ? TRACE_LINKS : TRACE_FULL;
  return r->scenario != NULL;
}

static bool execute(struct rerun *r, struct supervisor_report *report, bool *same, struct err *err)
{
  struct run_source source = {.scenario = r->scenario};
  struct supervisor *s = supervisor_start(&(struct supervisor_setup){.source = &source, .dir = r->dir, .workers = 1}, err);
  struct catalog *c = s ? catalog_open(r->dir, CATALOG_WRITE, err) : NULL;
  struct catalog_run after;
  size_t conflicts = 0;
  bool ok = c && supervisor_recover(s, c, false, &conflicts, err)
            && supervisor_run(s, c, &r->order, 1, &(struct supervisor_options){0}, report, err);
  *same = ok && report->conflicts == 0 && catalog_has(c, r->order.id, &after) && strcmp(after.trace_hash, r->replay.before.trace_hash) == 0;
  supervisor_stop(s);
  catalog_close(c);
  return ok;
}

static int finish(const struct rerun *r, const struct supervisor_report *report, bool same)
{
  if (report->interrupted)
    return EXIT_INTERRUPTED;
  if (report->failed)
    return report->plugin_failed ? EXIT_PLUGIN : EXIT_NEGATIVE;
  if (!same && r->replay.before.state == RUN_DONE) {
    fprintf(stderr, "offsim: run %s came out differently: its trace_hash was %s\n", r->order.id, r->replay.before.trace_hash);
    return EXIT_NEGATIVE;
  }
  char *path = trace_path(r->dir, r->order.id);
  puts(path);
  free(path);
  return EXIT_OK;
}

int cmd_rerun(int argc, char **argv)
{
  struct rerun r = {.level = "full"};
  struct supervisor_report report = {0};
  struct arena *a = arena_new();
  struct err err;
  err_init(&err);
  bool same = false, ok = read_options(&r, argc, argv, &err);
  if (ok && r.help)
    puts("usage: offsim rerun DIR --run ID --trace full|links\n\nRepeats one run and writes its trace.");
  if (ok && !r.help) {
    struct catalog *c = catalog_open(r.dir, CATALOG_READ, &err);
    ok = c && find_run(&r, c, a, &err);
    catalog_close(c);
    ok = ok && load(&r, &err) && execute(&r, &report, &same, &err);
  }
  err_say(&err);
  int code = r.help ? EXIT_OK : ok || report.interrupted ? finish(&r, &report, same) : (int)err.code;
  if (r.scenario)
    scenario_free(r.scenario);
  arena_free(a);
  err_release(&err);
  return code;
}
