/* `offsim validate pipeline --profile FILE`: a request embed -> search -> rerank -> decode -> seal -> compress, executed for
 * real by offsim-kernels and predicted task by task from the profile (pipeline.h). */
#include "experiments/validate/pipeline.h"
#include "experiments/calibrate/measure.h"
#include "experiments/options.h"
#include "experiments/validate/suites.h"
#include "sim/arena.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
  "usage: offsim validate pipeline --profile FILE [--quick] [--seed S] [--core C] [--format table|json]\n"
  "                                [--from LINES] [--plant costly]\n\n"
  "  --profile FILE    of this machine (offsim calibrate -o FILE)\n"
  "  --quick           12 requests instead of 60\n"
  "  --from LINES      what `offsim-kernels pipeline` wrote, instead of executing it now\n"
  "  --plant costly    all costs of the profile x 1.5: must be seen\n\n"
  "A request of six tasks (embed, search, rerank, decode, seal, compress) is executed for real, one core, task after\n"
  "task; the time of each task is predicted from the profile as the sum of its kernels, with the 90 % band.\n"
  "exit codes: 0 enough tasks lie in their band (4 of 6; chance alone has fewer in 1.6 % of all runs); 1 too few do, or\n"
  "so many bands are wider than -25 .. +33 % that costs x 1.5 would pass as well (a quick calibration, a busy machine);\n"
  "2 mistake in the arguments or the profile; 3 offsim-kernels is missing or failed; 75 interrupted\n";

struct options { const char *profile, *from, *seed, *core; bool quick, json, help, costly; };

static bool read_value(struct options *o, const char *option, const char *value, struct err *e)
{
  const struct where nowhere = {0};
  if (!value) return err_add(e, nowhere, "%s needs a value", option);
  if (!strcmp(option, "--profile")) return (o->profile = value) != NULL;
  if (!strcmp(option, "--from")) return (o->from = value) != NULL;
  if (!strcmp(option, "--seed")) return (o->seed = value) != NULL;
  if (!strcmp(option, "--core")) return (o->core = value) != NULL;
  if (!strcmp(option, "--plant"))
    return (o->costly = !strcmp(value, "costly")) || err_add(e, nowhere, "--plant is costly, not '%s'", value);
  o->json = !strcmp(value, "json");
  return o->json || !strcmp(value, "table") || err_add(e, nowhere, "--format is table or json, not '%s'", value);
}

static bool read_options(struct options *o, int argc, char **argv, struct err *e)
{
  static const char *const known[] = {"--profile", "--from", "--seed", "--core", "--plant", "--format", "--quick", "--help"};
  enum { VALUED = 6, KNOWN = sizeof known / sizeof *known };
  for (int i = 1; i < argc; i++) {
    bool valued = false;
    for (int j = 0; j < VALUED; j++) valued |= !strcmp(argv[i], known[j]);
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return o->help = true;
    if (!strcmp(argv[i], "--quick")) o->quick = true;
    else if (!valued) return options_unknown("validate pipeline", argv[i], known, KNOWN, e);
    else if (!read_value(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, e)) return false;
    i += valued;
  }
  return o->profile || err_add(e, (struct where){0}, "validate pipeline needs --profile FILE; `offsim calibrate -o FILE` writes one");
}

/* ---- where the lines come from --------------------------------------------------------------------------------------------- */

static bool read_file(struct pipeline_run *r, const char *path)
{
  FILE *f = fopen(path, "r");
  char *text = NULL;
  size_t room = 0;
  bool good = true;
  if (!f) return err_system(r->err, "cannot read '%s': %s", path, strerror(errno));
  r->file = path;
  for (ssize_t n; good && (n = getline(&text, &room, f)) > 0;) good = pipeline_line(r, text, (size_t)n);
  free(text);
  fclose(f);
  return good;
}

static bool execute(struct pipeline_run *r, const struct options *o, int *code)
{
  char program[2048];
  const char *argv[10] = {"pipeline", "--repeat", o->quick ? "12" : "60"};
  int n = 3;
  sigset_t before;
  if (o->seed) argv[n++] = "--seed", argv[n++] = o->seed;
  if (o->core) argv[n++] = "--core", argv[n++] = o->core;
  if (!kernels_find("offsim-kernels", program, sizeof program))
    return err_system(r->err, "%s is not there; `make` builds it, $OFFSIM_KERNELS names another", program);
  const struct measure_options m = {.program = program, .argument = argv};
  r->file = "offsim-kernels pipeline";
  measure_hold(&before);
  bool good = measure_execute(&m, pipeline_line, r, NULL, code, r->err);
  measure_let(&before);
  if (good && *code && *code != EXIT_INTERRUPTED && !r->ended) good = err_system(r->err, "offsim-kernels pipeline ended with exit code %d", *code);
  return good && !err_any(r->err);
}

/* ---- what it tells ----------------------------------------------------------------------------------------------------------- */

static void print_task(const struct pipeline_task *t)
{
  if (t->not_judged) {
    printf("%-9s not judged: %s\n", t->name, t->not_judged);
    return;
  }
  printf("%-9s %8.3f %10.3f  %8.3f .. %8.3f %9.3f %+7.1f %%  %-3s %4d of %d\n", t->name, 1e3 * t->hot_s, 1e3 * t->predicted_s,
         1e3 * t->low_s, 1e3 * t->high_s, 1e3 * t->measured_s, 100 * (t->measured_s / t->predicted_s - 1), t->within ? "yes" : "NO",
         t->n_disturbed, t->n);
}

static void print_verdict(const struct pipeline_run *r)
{
  bool blind = pipeline_blind(r);
  printf("%d of %d tasks lie in their band; at least %d wanted", r->within, r->judged, r->wanted);
  if (r->judged < r->n_tasks) printf("; %d of %d not judged", r->n_tasks - r->judged, r->n_tasks);
  printf(": %s\n", blind ? "CANNOT TELL" : pipeline_passed(r) ? "ok" : "MISSED");
  if (r->wide)
    printf("%d band%s wider than -25 .. +33 %%%s; a calibration that is not quick, on a quiet machine, gives narrower ones\n", r->wide,
           r->wide > 1 ? "s are" : " is", blind ? ": costs x 1.5 would pass as well" : "");
}

void pipeline_print(const struct pipeline_run *r)
{
  double hot_s = 0, predicted_s = 0, measured_s = 0;
  printf("profile %s; wall time, ms%s%s\n", r->profile->name, r->pinned ? "" : "; not pinned: ",
         r->pinned || !r->pin_problem ? "" : r->pin_problem);
  printf("%-9s %8s %10s  %20s %9s %9s  %-3s %s\n", "task", "data near", "predicted", "90 % band", "measured", "off by", "in", "disturbed");
  for (int i = 0; i < r->n_tasks; i++) {
    const struct pipeline_task *t = &r->task[i];
    print_task(t);
    if (t->not_judged) continue;
    hot_s += t->hot_s, predicted_s += t->predicted_s, measured_s += t->measured_s;
  }
  printf("%-9s %8.3f %10.3f  %20s %9.3f %+7.1f %%\n", "all", 1e3 * hot_s, 1e3 * predicted_s, "", 1e3 * measured_s,
         100 * (measured_s / predicted_s - 1));
  print_verdict(r);
}

json *pipeline_json(const struct pipeline_run *r)
{
  json *out = json_new_object(), *list = json_new_array();
  for (int i = 0; i < r->n_tasks; i++) {
    const struct pipeline_task *t = &r->task[i];
    json *x = json_put_string(json_new_object(), "task", t->name);
    json_put_string(x, "not_judged", t->not_judged);
    json_put_number(x, "data_near_s", t->not_judged ? NAN : t->hot_s);
    json_put_number(x, "predicted_s", t->not_judged ? NAN : t->predicted_s);
    json_put_number(x, "low_s", t->not_judged ? NAN : t->low_s);
    json_put_number(x, "high_s", t->not_judged ? NAN : t->high_s);
    json_put_number(x, "measured_s", t->measured_s);
    json_put_int(x, "executions", t->n);
    json_put_int(x, "disturbed", t->n_disturbed);
    json_put_bool(x, "wide", t->wide);
    json_push(list, json_put_bool(x, "within", t->within));
  }
  json_put_string(out, "profile", r->profile->name);
  json_put_bool(out, "pinned", r->pinned);
  json_put(out, "tasks", list);
  json_put_int(out, "judged", r->judged);
  json_put_int(out, "within", r->within);
  json_put_int(out, "wanted", r->wanted);
  json_put_int(out, "not_judged", r->n_tasks - r->judged);
  json_put_int(out, "wide", r->wide);
  json_put_bool(out, "cannot_tell", pipeline_blind(r));
  return json_put_bool(out, "passed", pipeline_passed(r));
}

static void tell(const struct pipeline_run *r, bool as_json)
{
  if (!as_json) {
    pipeline_print(r);
    return;
  }
  json *out = pipeline_json(r);
  char *text = json_write(out, true);
  puts(text);
  free(text);
  json_release(out);
}

static int validate(const struct options *o, struct arena *a, struct err *e)
{
  struct pipeline_run *r = arena_alloc(a, sizeof *r);
  int code = EXIT_OK;
  *r = (struct pipeline_run){.cost_factor = o->costly ? 1.5 : 1, .arena = a, .err = e};
  r->profile = profile_load(a, o->profile, e);
  if (!r->profile) return e->code;
  bool good = o->from ? read_file(r, o->from) : execute(r, o, &code);
  if (code == EXIT_INTERRUPTED) return code;
  if (!good || !pipeline_judge(r)) return e->code;
  tell(r, o->json);
  return pipeline_passed(r) ? EXIT_OK : EXIT_NEGATIVE;
}

int validate_pipeline(int argc, char **argv)
{
  struct options o = {0};
  struct err e;
  struct arena *a = arena_new();
  int code = EXIT_USER;
  err_init(&e);
  if (!read_options(&o, argc, argv, &e)) {
    fputs(usage, stderr);
  } else if (o.help) {
    fputs(usage, stdout);
    code = EXIT_OK;
  } else {
    code = validate(&o, a, &e);
  }
  err_say(&e);
  err_release(&e);
  arena_free(a);
  return code;
}
