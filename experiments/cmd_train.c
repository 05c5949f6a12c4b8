/* cmd_train.c: `offsim train`: a policy learns through replications, one after the other, and keeps what it learned. */
#include "analysis/metrics.h"
#include "analysis/text.h"
#include "experiments/commands.h"
#include "experiments/contained.h"
#include "experiments/identity.h"
#include "experiments/model_version.h"
#include "experiments/options.h"
#include "experiments/plugin_try.h"
#include "experiments/replications.h"
#include "experiments/scenario_check.h"
#include "experiments/setup.h"
#include "experiments/study.h"
#include "experiments/version.h"
#include "models/learned.h"
#include "scenarios/units.h"
#include "sim/arena.h"
#include "sim/check.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim train FILE --policy P --replications A..B -o STATE [options]\n\n"
  "  --policy P             an entry of the file, or a built-in policy that learns\n"
  "  --replications N|A..B  the episodes, in this order; the state goes from each to the next\n"
  "  -o STATE               the file for what was learned\n"
  "  --curve FILE.csv       the metrics of each episode\n"
  "  --metric M             of the curve (default: the scenario's primary)\n"
  "  --seed S, --set PATH=VALUE   as for `run`\n"
  "  --quiet                no progress\n\n"
  "An entry with `state: FILE` goes on from there. STATE.part keeps what the finished episodes gave; the same command\n"
  "goes on from it. STATE itself appears whole, at the end.\n\n"
  "exit codes: 0 done; 2 mistake in scenario or arguments; 3 file, disk or memory; 4 a plug-in misbehaved;\n"
  "75 interrupted, the same command goes on\n";

struct training {
  const char *file, *policy, *replications_text, *out, *curve, *metric, *seed;
  struct override *set; size_t n_sets;
  bool quiet, help;
  struct arena *arena;
  struct replications replications;
  struct study study;
  struct policy_def entry;                              /* its state is that of the last episode */
  char *part;
  uint64_t next;                                        /* replication */
  struct learned_bytes learners;
  struct text rows;                                     /* of the curve */
  json *header;                                         /* of the state that the entry began with; NULL: none */
  struct world *volatile world;                         /* of the episode at work */
};

static bool mistake(struct err *err, const char *text) { return err_add(err, (struct where){0}, "train: %s", text); }

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static const char *const known[] = {"--policy", "--replications", "-o", "--curve", "--metric", "--seed", "--set"};

static bool take(void *context, const char *option, const char *text, struct err *err)
{
  struct training *t = context;
  const struct option_text plain[] = {
    {"--policy", &t->policy}, {"--replications", &t->replications_text}, {"-o", &t->out}, {"--curve", &t->curve},
    {"--metric", &t->metric}, {"--seed", &t->seed}};
  if (!text || !*text)
    return err_add(err, (struct where){0}, "train: %s needs a value", option);
  if (options_text(plain, sizeof plain / sizeof *plain, option, text))
    return true;
  return options_set("train: ", text, t->arena, t->set, &t->n_sets, err);
}

static bool read_arguments(struct training *t, int argc, char **argv, struct err *err)
{
  const struct option_flag flag[] = {{"--quiet", &t->quiet}, {"--help", &t->help}};
  int n = options_flags(argc, argv, flag, sizeof flag / sizeof *flag);
  t->set = arena_array(t->arena, struct override, argc + 2);
  if (t->help)
    return true;
  if (!options_read("train", n, argv, known, sizeof known / sizeof *known, take, t, &t->file, err))
    return false;
  const char *missing = !t->file ? "a scenario file is missing" : !t->policy ? "--policy is missing"
                        : !t->replications_text ? "--replications is missing" : !t->out ? "-o STATE is missing" : NULL;
  if (missing)
    return mistake(err, missing);
  if (t->seed)
    t->set[t->n_sets++] = (struct override){"seed", t->seed};
  return replications_parse("train: --replications", t->replications_text, &t->replications, err);
}

static bool load(struct training *t, struct err *err)
{
  struct study *s = &t->study;
  s->scenario = scenario_load(t->file, t->set, t->n_sets, err);
  if (!s->scenario || !study_choose(s, t->policy, err) || !scenario_check_to_run(s->scenario, err))
    return false;
  if (s->n_chosen != 1 || s->chosen[0] < 0)
    return mistake(err, "--policy: one entry only");
  t->entry = s->scenario->policy[s->chosen[0]];
  if (t->entry.frozen)
    return err_add(err, t->entry.at, "'%s' is frozen: it learns nothing", t->entry.name);
  t->metric = t->metric ? t->metric : s->scenario->primary ? s->scenario->primary : "latency_mean_s";
  const struct offsim_policy *p = plugin_describe(&t->entry, err);
  if (!p)
    return false;
  if (!(p->capabilities & OFFSIM_LEARNS))
    return err_add(err, t->entry.at, "'%s' does not learn: there is nothing to train", t->entry.name);
  return metric_find(t->metric) || err_add(err, (struct where){0}, "train: unknown metric '%.64s'", t->metric);
}

/* ---- the state --------------------------------------------------------------------------------------------------- */

static void put_hash(json *to, const char *key, struct hash h)
{
  char hex[33];
  hash_hex(h, hex);
  json_put_string(to, key, hex);
}

/* What must be equal for the same command to go on. */
static void put_command(const struct training *t, json *to)
{
  put_hash(to, "training", identity_base(t->study.scenario, t->study.chosen[0]));
  json_put_int(to, "asked_from", (int64_t)t->replications.from);
}

/* What it was trained on, those of the state that it began with included. */
static json *trained_json(const struct training *t, uint64_t last)
{
  json *list = json_new_array(), *one = json_new_object();
  const json *before = json_at(t->header, "trained");
  for (size_t i = 0; before && i < json_count(before); i++) {
    char *text = json_write(json_nth(before, i), false);
    struct err unsaid;
    err_init(&unsaid);
    json_push(list, json_parse(text, strlen(text), &unsaid));
    err_release(&unsaid);
    free(text);
  }
  json_put_int(one, "seed", (int64_t)t->study.scenario->seed);
  json_put_int(one, "from", (int64_t)t->replications.from);
  json_put_int(one, "to", (int64_t)last);
  put_hash(one, "scenario", identity_base(t->study.scenario, -1));
  return json_push(list, one);
}

static json *header_of(const struct training *t, uint64_t last)
{
  const struct offsim_policy host = {OFFSIM_POLICY_HEADER};
  const struct scenario *s = t->study.scenario;
  json *h = json_new_object();
  struct hash plug_in;
  char abi[24];
  snprintf(abi, sizeof abi, "%u.%u", host.abi_major, host.abi_minor);
  json_put_string(h, "policy", t->entry.policy);
  json_put_string(h, "name", t->entry.name);
  json_put_string(h, "abi", abi);
  if (t->entry.resolved_path && hash_file(t->entry.resolved_path, &plug_in))
    put_hash(h, "plug_in", plug_in);
  char *entry = json_write_canonical(s->policy_json[t->study.chosen[0]]);
  json_put_string(h, "entry", entry);
  free(entry);
  json_put_string(h, "scenario", s->name);
  json_put(h, "trained", trained_json(t, last));
  put_command(t, h);
  json_put_string(h, "version", version_text());
  json_put_string(h, "git", version_git());
  json_put_int(h, "model_version", OFFSIM_MODEL_VERSION);
  return json_put_string(h, "curve", t->rows.s ? t->rows.s : "");
}

/* Written beside, synced, renamed: under `path` is a whole file or none. */
static bool write_state(const struct training *t, const char *path, uint64_t last, struct err *err)
{
  char *beside = arena_printf(t->arena, "%s.new", path);
  size_t n;
  json *header = header_of(t, last);
  void *bytes = learned_write(header, t->learners.at, t->learners.n, &n);
  FILE *f = fopen(beside, "wb");
  bool ok = f && fwrite(bytes, 1, n, f) == n && fflush(f) == 0 && fsync(fileno(f)) == 0;
  ok = f && fclose(f) == 0 && ok && rename(beside, path) == 0;
  json_release(header);
  free(bytes);
  if (ok)
    return true;
  err_system(err, "cannot write %s: %s", path, strerror(errno));
  unlink(beside);
  return false;
}

static bool text_is(const json *a, const json *b, const char *key)
{
  const char *x = json_text(json_at(a, key)), *y = json_text(json_at(b, key));
  return x && y && strcmp(x, y) == 0;
}

/* STATE.part of an earlier call of this command. Others are left out. */
static void resume(struct training *t)
{
  void *bytes = NULL;
  size_t n = 0;
  struct learned found = {0};
  struct err unsaid;
  err_init(&unsaid);
  json *own = json_new_object();
  put_command(t, own);
  bool ok = access(t->part, R_OK) == 0 && learned_open(t->part, &bytes, &n, &unsaid)
            && learned_read(bytes, n, t->part, (struct where){0}, &found, &unsaid)
            && text_is(found.header, own, "training")
            && json_int(json_at(found.header, "asked_from"), -1) == (int64_t)t->replications.from;
  const json *list = ok ? json_at(found.header, "trained") : NULL;
  uint64_t last = list ? (uint64_t)json_int(json_at(json_nth(list, json_count(list) - 1), "to"), 0) : 0;
  if (ok && last <= t->replications.to) {
    struct offsim_stream to = learned_stream(&t->learners);
    to.write(to.handle, found.learners, found.n);
    t->next = last + 1;
    text_put(&t->rows, json_text(json_at(found.header, "curve")));
    if (!t->quiet)
      fprintf(stderr, "offsim: goes on from %s, after replication %llu\n", t->part, (unsigned long long)last);
  }
  json_release(found.header);
  json_release(own);
  free(bytes);
  err_release(&unsaid);
}

/* ---- the episodes ------------------------------------------------------------------------------------------------ */

static void on_request(void *metrics, const struct request_record *r, const double *attribute, int n_attributes)
{
  (void)attribute, (void)n_attributes;
  metrics_request(metrics, r);
}
static void on_attempt(void *metrics, const struct attempt_record *a) { metrics_attempt(metrics, a); }

static double value_of(struct metrics *m, const struct run_summary *summary, const char *name)
{
  const struct metric_value *value;
  size_t n = metrics_finish(m, summary, &value);
  for (size_t i = 0; i < n; i++)
    if (!strcmp(value[i].metric, name) && !*value[i].klass && !*value[i].place)
      return value[i].value;
  return NAN;
}

/* In the watched process: a policy that never comes back ends it. */
static bool episode(struct training *t, struct contained *c, uint64_t replication, struct err *err)
{
  const struct scenario *s = t->study.scenario;
  struct arena *a = arena_new();
  struct metrics_setup setup;
  metrics_setup_of(&s->world, a, &setup);
  struct metrics *m = metrics_new(&setup);
  struct run_summary summary;
  if (t->learners.n)
    t->entry.state = t->learners.at, t->entry.state_bytes = t->learners.n;
  contained_begin(c, &t->world, "policy '%s' in replication %llu", t->entry.name, (unsigned long long)replication);
  struct world *w = world_new(&(struct run_setup){.def = &s->world, .policy = &t->entry, .seed = s->seed,
    .replication = replication, .sink = {.context = m, .request = on_request, .attempt = on_attempt}}, err);
  t->world = w;
  bool ok = w && world_run(w, &summary, err);
  if (ok) {
    struct learned_bytes after = {0};
    struct offsim_stream to = learned_stream(&after);
    ok = world_save_learned(w, &to, err);
    free(t->learners.at);
    t->learners = after;
    text_add(&t->rows, "%llu,%.17g\n", (unsigned long long)replication, value_of(m, &summary, t->metric));
  }
  contained_end(c);
  t->world = NULL;
  if (w)
    world_free(w);
  metrics_free(m);
  arena_free(a);
  return ok;
}

static bool write_curve(const struct training *t, struct err *err)
{
  struct text all = {0};
  if (!t->curve)
    return true;
  text_add(&all, "replication,%s\n", t->metric);
  text_put(&all, t->rows.s ? t->rows.s : "");
  bool ok = text_save(&all, t->curve, err);
  free(all.s);
  return ok;
}

static bool train(struct training *t, struct contained *c, struct err *err)
{
  for (uint64_t i = t->next; i <= t->replications.to; i++)
    if (!episode(t, c, i, err) || (i < t->replications.to && !write_state(t, t->part, i, err)))
      return false;
  if (!write_state(t, t->out, t->replications.to, err) || !write_curve(t, err))
    return false;
  unlink(t->part);
  return true;
}

static int work(void *context, struct contained *c)
{
  struct training *t = context;
  struct err err;
  err_init(&err);
  resume(t);
  bool ok = train(t, c, &err);
  err_say(&err);
  if (ok && !t->quiet)
    printf("%s: %s after %llu episodes (replications %llu to %llu, seed %llu), %zu bytes\n", t->out, t->entry.name,
           (unsigned long long)(t->replications.to - t->replications.from + 1),
           (unsigned long long)t->replications.from,
           (unsigned long long)t->replications.to, (unsigned long long)t->study.scenario->seed, t->learners.n);
  int code = ok ? EXIT_OK : (int)err.code;
  err_release(&err);
  free(t->learners.at);
  free(t->rows.s);
  return code;
}

/* What the entry began with tells of replications too. */
static bool read_header(struct training *t, struct err *err)
{
  void *bytes;
  size_t n;
  struct learned l = {0};
  if (!t->entry.state_path)
    return true;
  bool ok = learned_open(t->entry.state_path, &bytes, &n, err)
            && learned_read(bytes, n, t->entry.state_path, t->entry.at, &l, err);
  free(bytes);
  t->header = l.header;
  return ok;
}

/* The state under its name is the one that was there before, if any. */
static void say_what_is_left(const struct training *t, int code)
{
  if (code == EXIT_INTERRUPTED)
    fprintf(stderr, "offsim: interrupted; the same command goes on\n");
  else if (code != EXIT_OK && access(t->part, F_OK) == 0)
    fprintf(stderr, "offsim: %s has what the episodes before gave; the same command goes on from it\n", t->part);
}

int cmd_train(int argc, char **argv)
{
  struct training t = {.arena = arena_new()};
  struct err err;
  err_init(&err);
  bool ok = read_arguments(&t, argc, argv, &err);
  if (ok && t.help)
    fputs(usage, stdout);
  ok = ok && (t.help || (load(&t, &err) && read_header(&t, &err)));
  err_say(&err);
  int code = ok ? EXIT_OK : (int)err.code;
  if (ok && !t.help) {
    t.part = arena_printf(t.arena, "%s.part", t.out);
    t.next = t.replications.from;
    code = contained_run("train", work, &t);
    say_what_is_left(&t, code);
  }
  json_release(t.header);
  study_free(&t.study);
  arena_free(t.arena);
  err_release(&err);
  return code;
}
