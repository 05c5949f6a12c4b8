/* cmd_policy_check.c: `offsim policy check [NAME | PATH | python:FILE]...`: does a policy keep the rules of the boundary,
 * and what it declares? Exit code 1 when a test fails, 2 for a policy that cannot be found. */
#include "experiments/commands.h"
#include "experiments/conformance/conformance.h"
#include "experiments/contained.h"
#include "sim/check.h"
#include "sim/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SETTINGS = 32 };
static const double LIMIT_S = 20;

struct check_options {
  struct conformance_options run;
  bool as_json, list, help;
  struct policy_parameter setting[MAX_SETTINGS]; int n_settings;
  char **wanted; int n_wanted;
};

static const struct where nowhere = {0};

static void print_usage(FILE *to)
{
  fputs("usage: offsim policy check [NAME | PATH | python:FILE]... [--only TEST]... [--seed S] [--quick] [--set NAME=VALUE]...\n"
        "                           [--limit SECONDS] [-j N] [--format text|json]\n"
        "       offsim policy check --list\n"
        "Without a name every built-in policy is checked. --only takes part of a test's name, as often as wanted.\n", to);
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static int bad_word(const char *what, const char *word)
{
  fprintf(stderr, "offsim policy check: error: %s%s%s\n", what, word ? " " : "", word ? word : "");
  print_usage(stderr);
  return EXIT_USER;
}

static bool set_parameter(struct check_options *o, char *word)
{
  char *equals = strchr(word, '='), *end;
  if (!equals || equals == word || o->n_settings == MAX_SETTINGS) return false;
  *equals = 0;
  double value = strtod(equals + 1, &end);
  bool number = end != equals + 1 && !*end;
  o->setting[o->n_settings++] = (struct policy_parameter){.name = word, .value = number ? value : 0,
                                                          .text = number ? NULL : equals + 1};
  return true;
}

static bool whole(const char *text, double least, double most, double *out)
{
  char *end;
  *out = strtod(text, &end);
  return *text && !*end && *out >= least && *out <= most && *out == floor(*out);
}

static bool take_value(struct check_options *o, const char *option, char *value)
{
  double x;
  if (strcmp(option, "--only") == 0) return *(o->run.only[o->run.n_only++] = value) != 0;
  if (strcmp(option, "--set") == 0) return set_parameter(o, value);
  if (strcmp(option, "--format") == 0) {
    o->as_json = strcmp(value, "json") == 0;
    return o->as_json || strcmp(value, "text") == 0;
  }
  if (strcmp(option, "--seed") == 0) {
    char *end;
    o->run.seed = strtoull(value, &end, 10);
    return *value && *value != '-' && !*end;
  }
  if (strcmp(option, "--limit") == 0 && whole(value, 1, 3600, &x)) return (o->run.limit_s = x) > 0;
  if (strcmp(option, "-j") == 0 && whole(value, 1, 64, &x)) return (o->run.jobs = (int)x) > 0;
  return false;
}

static bool takes_value(const char *word)
{
  static const char *const options[] = {"--only", "--set", "--format", "--seed", "--limit", "-j"};
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (strcmp(options[i], word) == 0) return true;
  return false;
}

/* One word, or an option with its value after '=' or as the next word. Returns the words used, 0 after a message. */
static int take_word(struct check_options *o, int n, char **word)
{
  char option[32] = {0}, *equals = strncmp(word[0], "--", 2) == 0 ? strchr(word[0], '=') : NULL;
  snprintf(option, sizeof option, "%.*s", equals ? (int)(equals - word[0]) : 31, word[0]);
  if (strcmp(word[0], "--quick") == 0) o->run.quick = true;
  else if (strcmp(word[0], "--list") == 0) o->list = true;
  else if (strcmp(word[0], "--help") == 0) o->help = true;
  else if (word[0][0] != '-') o->wanted[o->n_wanted++] = word[0];
  else if (!takes_value(option)) { bad_word("unknown option", word[0]); return 0; }
  else {
    char *value = equals ? equals + 1 : n > 1 ? word[1] : NULL;
    if (value && take_value(o, option, value)) return equals ? 1 : 2;
    fprintf(stderr, "offsim policy check: error: %s does not take '%s'\n", option, value ? value : "nothing");
    return 0;
  }
  return 1;
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static const char *const verdict_word[N_VERDICTS] = {"ok", "FAIL", "skipped"};

static void print_result(const struct conformance_result *r)
{
  const char *text = r->report.text;
  printf("  %-8s %-26s %s\n", verdict_word[r->report.verdict], r->test->name, *text ? text : r->test->what);
  fflush(stdout);
}

static void count_verdicts(const struct conformance_result *r, size_t n, int count[N_VERDICTS])
{
  memset(count, 0, N_VERDICTS * sizeof *count);
  for (size_t i = 0; i < n; i++) count[r[i].report.verdict]++;
}

static json *result_json(const struct policy_def *entry, const struct conformance_result *r, size_t n, uint64_t seed)
{
  int count[N_VERDICTS];
  json *o = json_put_string(json_new_object(), "policy", entry->policy), *tests = json_new_array();
  count_verdicts(r, n, count);
  json_put_int(o, "seed", (int64_t)seed);
  json_put_int(o, "ok", count[VERDICT_OK]);
  json_put_int(o, "failed", count[VERDICT_FAIL]);
  json_put_int(o, "skipped", count[VERDICT_SKIPPED]);
  for (size_t i = 0; i < n; i++) {
    json *t = json_put_string(json_new_object(), "name", r[i].test->name);
    json_put_string(t, "what", r[i].test->what);
    json_put_string(t, "verdict", r[i].report.verdict == VERDICT_FAIL ? "failed" : verdict_word[r[i].report.verdict]);
    json_push(tests, json_put_string(t, "text", r[i].report.text));
  }
  return json_put(o, "tests", tests);
}

static void print_tests(void)
{
  const struct conformance_test **all = conformance_tests();
  size_t n = 0;
  for (; all[n]; n++) printf("%-26s %s\n", all[n]->name, all[n]->what);
  printf("%zu tests\n", n);
  free(all);
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

struct fitting { const struct policy_def *entry; struct err *err; };

static struct policy_def entry_of(const struct check_options *o, const char *wanted)
{
  return (struct policy_def){.name = wanted, .policy = wanted, .at_place = NONE, .n_parameters = o->n_settings,
                             .parameter = o->setting};
}

/* Where nothing loads, the tests tell. */
static int try_settings(void *context, struct contained *c)
{
  const struct fitting *f = context;
  struct world *const volatile none = NULL;
  struct err unsaid;
  err_init(&unsaid);
  contained_begin(c, &none, "policy '%s', while it was loaded,", f->entry->policy);
  const struct offsim_policy *p = policy_describe(f->entry, &unsaid);
  contained_end(c);
  err_release(&unsaid);
  if (!p || policy_parameters_fit(p, f->entry, f->err)) return EXIT_OK;
  err_say(f->err);
  return EXIT_USER;
}

/* In a process of its own: in this one the tests want nothing loaded. It says what is wrong; err gets the code only. */
static bool settings_fit(const struct policy_def *entry, struct err *err)
{
  struct fitting f = {entry, err};
  bool fit = entry->n_parameters == 0 || contained_run("policy check", try_settings, &f) != EXIT_USER;
  if (!fit) err->code = EXIT_USER;
  return fit;
}

/* A name or a value that cannot be is the user's mistake, told before anything runs. */
static bool find(const struct policy_def *entry, struct err *err)
{
  char path[PATH_MAX];
  return policy_locate(entry, path, err) && settings_fit(entry, err);
}

static bool find_tests(const struct check_options *o, struct err *err)
{
  const struct conformance_test **all = conformance_tests();
  bool ok = true;
  for (int i = 0; i < o->run.n_only; i++) {
    bool found = false;
    for (size_t k = 0; all[k]; k++) found |= strstr(all[k]->name, o->run.only[i]) != NULL;
    if (!found)
      ok = err_add(err, nowhere, "no test has '%s' in its name (`offsim policy check --list` names them)", o->run.only[i]);
  }
  free(all);
  return ok;
}

static bool check_one(const struct check_options *o, const char *wanted, json *list)
{
  struct policy_def entry = entry_of(o, wanted);
  int count[N_VERDICTS];
  size_t n;
  if (!o->as_json) printf("%s\n", wanted);
  struct conformance_result *r = conformance_run(&entry, &o->run, o->as_json ? NULL : print_result, &n);
  count_verdicts(r, n, count);
  if (o->as_json) json_push(list, result_json(&entry, r, n, o->run.seed));
  else printf("%s: %d ok, %d failed, %d skipped; seed %llu\n", wanted, count[VERDICT_OK], count[VERDICT_FAIL],
              count[VERDICT_SKIPPED], (unsigned long long)o->run.seed);
  free(r);
  return count[VERDICT_FAIL] == 0;
}

static bool find_all(const struct check_options *o, struct err *err)
{
  bool ok = find_tests(o, err);
  if (o->n_settings && !o->n_wanted) ok = err_add(err, nowhere, "--set needs the name of a policy");
  for (int i = 0; i < o->n_wanted; i++) {
    struct policy_def entry = entry_of(o, o->wanted[i]);
    ok &= find(&entry, err);
  }
  return ok;
}

static int check_all(struct check_options *o)
{
  const char *const *names;
  size_t n_names = policy_builtin_names(&names);
  json *all = json_put_int(json_new_object(), "tests", 0), *list = json_new_array();
  bool ok = true;
  for (int i = 0; i < o->n_wanted; i++) ok &= check_one(o, o->wanted[i], list);
  for (size_t i = 0; o->n_wanted == 0 && i < n_names; i++) ok &= check_one(o, names[i], list);
  const struct conformance_test **tests = conformance_tests();
  size_t n = 0;
  while (tests[n]) n++;
  free(tests);
  json_put_int(all, "tests", (int64_t)n);
  json_put(all, "policies", list);
  if (o->as_json) {
    char *text = json_write(all, true);
    puts(text);
    free(text);
  }
  json_release(all);
  return ok ? EXIT_OK : EXIT_NEGATIVE;
}

int cmd_policy_check(int argc, char **argv)
{
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  struct check_options o = {.run = {.seed = 1, .limit_s = LIMIT_S, .jobs = cores > 0 && cores < 64 ? (int)cores : 1},
                            .wanted = calloc((size_t)argc + 1, sizeof *o.wanted)};
  o.run.only = calloc((size_t)argc + 1, sizeof *o.run.only);
  struct err err;
  int code = EXIT_OK;
  if (!o.wanted || !o.run.only) check_out_of_memory((size_t)argc);
  err_init(&err);
  for (int i = 1, used; i < argc && code == EXIT_OK; i += used)
    if ((used = take_word(&o, argc - i, argv + i)) == 0) code = EXIT_USER;
  if (code != EXIT_OK) goto out;
  if (o.help) print_usage(stdout);
  else if (o.list) print_tests();
  else if (!find_all(&o, &err)) code = (int)err.code;
  else code = check_all(&o);
  err_say(&err);
out:
  free(o.wanted);
  free(o.run.only);
  err_release(&err);
  return code;
}
