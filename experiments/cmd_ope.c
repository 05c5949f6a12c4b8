/* cmd_ope.c: `offsim ope DIR --target P`: what a policy would have earned, from the log of another. */
#include "analysis/text.h"
#include "experiments/commands.h"
#include "experiments/contained.h"
#include "experiments/ope_request.h"
#include "experiments/options.h"
#include "sim/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
  "usage: offsim ope DIR --target P [options]\n\n"
  "  --target P             the policy to be evaluated: an entry of the scenario, or a built-in policy\n"
  "  --target-policy ENTRY  or an entry written out: '{policy: threshold, feature: images, above: 4}'\n"
  "  --log P                whose runs in DIR are the log (default: the one policy there that draws and does not learn)\n"
  "  --replications N|A..B  only these of its runs\n"
  "  --clip M               largest weight of clipped_ips (default 10)\n"
  "  --resamples N          of the bootstrap (default 1000)\n"
  "  --seed S               of the bootstrap\n"
  "  --no-truth             do not run the target itself\n"
  "  --rows FILE.csv        the rows that the estimates are made of\n"
  "  --format table|json\n\n"
  "The reward of a decision is the scenario's objective. The logged runs are done again with the target asked beside\n"
  "the logger; they must give the recorded trace_hash. The error is against runs of the target itself, with the same\n"
  "seed and replications. What is estimated is a changed decision in the log's world: where decisions meet in queues,\n"
  "a world run by the target is another one, and the difference is shown.\n\n"
  "exit codes: 0 done; 2 mistake in arguments; 3 file, or the log cannot be repeated; 4 a plug-in misbehaved;\n"
  "75 interrupted\n";

bool ope_mistake(struct err *err, const char *text) { return err_add(err, (struct where){0}, "ope: %s", text); }

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static const char *const known[] = {"--target", "--target-policy", "--log", "--replications", "--clip", "--resamples",
                                    "--seed", "--rows", "--format"};

static bool take_number(const char *option, const char *text, double low, double high, double *out, struct err *err)
{
  char *end;
  *out = strtod(text, &end);
  return (end != text && !*end && *out >= low && *out <= high)
         || err_add(err, (struct where){0}, "ope: %s needs a number from %g to %g, not '%.64s'", option, low, high, text);
}

static bool take(void *context, const char *option, const char *text, struct err *err)
{
  struct ope_request *c = context;
  const struct option_text plain[] = {
    {"--target", &c->target}, {"--target-policy", &c->entry}, {"--log", &c->logger},
    {"--replications", &c->replications}, {"--rows", &c->rows_file}};
  double number = 0;
  if (!text || !*text)
    return err_add(err, (struct where){0}, "ope: %s needs a value", option);
  if (options_text(plain, sizeof plain / sizeof *plain, option, text))
    return true;
  if (!strcmp(option, "--clip"))
    return take_number(option, text, 1, 1e12, &c->options.clip, err);
  if (!strcmp(option, "--format")) {
    c->json = !strcmp(text, "json");
    return c->json || !strcmp(text, "table")
           || err_add(err, (struct where){0}, "ope: --format is table or json, not '%.64s'", text);
  }
  bool ok = take_number(option, text, 0, 1e9, &number, err);
  if (!strcmp(option, "--seed"))
    c->options.seed = (uint64_t)number;
  else
    c->options.resamples = (unsigned)fmin(fmax(number, 50), 100000);
  return ok;
}

static bool read_arguments(struct ope_request *c, int argc, char **argv, struct err *err)
{
  const struct option_flag flag[] = {{"--no-truth", &c->no_truth}, {"--help", &c->help}};
  int n = options_flags(argc, argv, flag, sizeof flag / sizeof *flag);
  bool ok = c->help || options_read("ope", n, argv, known, sizeof known / sizeof *known, take, c, &c->dir, err);
  if (!ok || c->help)
    return ok;
  if (!c->dir)
    return ope_mistake(err, "a results folder is missing");
  if (!c->target == !c->entry)
    return ope_mistake(err, "--target P, or --target-policy ENTRY, is needed, and only one of them");
  c->wanted = (struct replications){0, UINT64_MAX};
  return !c->replications || replications_parse("ope: --replications", c->replications, &c->wanted, err);
}

/* ---- the estimates ----------------------------------------------------------------------------------------------- */

static bool collect(struct ope_request *c, struct err *err)
{
  size_t places = (size_t)c->world.def->n_places;
  c->rows = ope_rows_new(&c->world);
  c->truth = (struct ope_truth){.mean = grab(c->n_runs, sizeof(double)), .utilization = grab(places, sizeof(double))};
  for (size_t i = 0; i < c->n_runs; i++) {
    struct hash hash;
    char hex[33];
    if (!ope_rows_add(c->rows, &c->world, c->replication[i], &hash, err))
      return false;
    hash_hex(hash, hex);
    if (strcmp(hex, c->trace_hash[i]) != 0)
      return err_system(err, "replication %llu of '%s' came out differently than in %s (trace_hash %s, there %s)",
                        (unsigned long long)c->replication[i], c->logger, c->dir, hex, c->trace_hash[i]);
    if (!c->no_truth && !ope_truth_add(&c->truth, &c->world, c->replication[i], err))
      return false;
  }
  ope_rows_finish(c->rows, &c->world);
  if (c->rows->n == 0)
    return err_system(err, "the log of '%s' has no decision with a reward", c->logger);
  return !c->rows->beyond || err_add(err, c->world.target->at, "'%s' asks for hedges, fallbacks or time-outs of its own;"
                                     " the log tells of first choices only: run it instead", c->world.target->name);
}

static bool write_rows(const struct ope_request *c, const double *q, const double *v, struct err *err)
{
  struct text t = {0};
  if (!c->rows_file)
    return true;
  text_put(&t, "replication,request,decision,action,propensity,reward,target,weight,model_logged,model_target\n");
  for (size_t i = 0; i < c->rows->n; i++) {
    const struct ope_row *r = &c->rows->row[i];
    const struct ope_kept *k = &c->rows->kept[i];
    text_add(&t, "%llu,%llu,%u,%u,%.17g,%.17g,%.17g,%.17g,%.17g,%.17g\n", (unsigned long long)k->replication,
             (unsigned long long)k->request, k->nth, k->action, r->propensity, r->reward, r->target_chosen,
             r->target_chosen / r->propensity, q[i], v[i]);
  }
  bool ok = text_save(&t, c->rows_file, err);
  free(t.s);
  return ok;
}

static bool evaluate(struct ope_request *c, struct err *err)
{
  double *q = grab(c->rows->n, sizeof *q), *v = grab(c->rows->n, sizeof *v);
  bool ok = ope_model(&c->rows->log, q, v, err) && write_rows(c, q, v, err);
  if (ok) {
    ope_evaluate(&c->rows->log, q, v, &c->options, &c->result);
    ope_find_warnings(c);
    ope_print(c);
  }
  free(q);
  free(v);
  return ok;
}

/* In a process of its own: the policies may be anybody's. */
static int work(void *context, struct contained *contained)
{
  struct ope_request *c = context;
  struct err err;
  err_init(&err);
  c->world.contained = contained;
  bool ok = collect(c, &err) && evaluate(c, &err);
  err_say(&err);
  int code = ok ? EXIT_OK : (int)err.code;
  err_release(&err);
  ope_rows_free(c->rows);
  free(c->truth.mean), free(c->truth.utilization);
  for (size_t i = 0; i < c->n_warnings; i++)
    free(c->warning[i]);
  return code;
}

int cmd_ope(int argc, char **argv)
{
  struct ope_request c = {.options = {.clip = 10, .confidence = 0.95, .resamples = 1000, .seed = 1},
                          .arena = arena_new()};
  struct err err;
  err_init(&err);
  bool ok = read_arguments(&c, argc, argv, &err);
  if (ok && c.help)
    fputs(usage, stdout);
  ok = ok && (c.help || ope_find(&c, &err));
  err_say(&err);
  int code = !ok ? (int)err.code : c.help ? EXIT_OK : contained_run("ope", work, &c);
  scenario_free(c.scenario);
  scenario_free(c.target_scenario);
  free(c.replication);
  free(c.trace_hash);
  arena_free(c.arena);
  err_release(&err);
  return code;
}
