#include "experiments/script.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char safe_name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
static const char safe_word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-,:+@/=&|*()[]";

/* ---- quoting ----------------------------------------------------------------------------------------------------- */

static bool no_control(const char *word, const char *what, struct err *err)
{
  for (const unsigned char *p = (const unsigned char *)word; *p; p++)
    if (*p < 0x20 || *p == 0x7f)
      return err_add(err, (struct where){0}, "%s has a control character (0x%02x), which no job script can hold: '%s'",
                     what, *p, word);
  return true;
}

bool script_quote(struct text *t, const char *word, const char *what, struct err *err)
{
  if (!no_control(word, what, err))
    return false;
  text_put(t, "'");
  for (const char *p = word; *p; p++)
    if (*p == '\'')
      text_put(t, "'\\''");
    else
      text_put_n(t, p, 1);
  text_put(t, "'");
  return true;
}

/* Directives are read by the scheduler, not by a shell: there is no quoting that all versions agree on. */
static bool check_word(const char *word, const char *what, const char *allowed, struct err *err)
{
  if (!word || (*word && !word[strspn(word, allowed)]))
    return true;
  return err_add(err, (struct where){0}, "%s: '%s' has a character that a line of a job script cannot hold", what, word);
}

static bool check_words(const struct script_setup *s, struct err *err)
{
  const struct slurm_def *c = s->cluster;
  return check_word(s->name, "study", safe_name, err) && check_word(c->partition, "slurm.partition", safe_word, err)
         && check_word(c->account, "slurm.account", safe_word, err) && check_word(c->qos, "slurm.qos", safe_word, err)
         && check_word(c->constraint, "slurm.constraint", safe_word, err);
}

/* ---- parts of every script --------------------------------------------------------------------------------------- */

static bool put_program(struct text *t, const struct script_setup *s, struct err *err)
{
  return script_quote(t, s->program, "the path of offsim", err);
}

/* offsim sweep STUDY -o DIR ... */
static bool put_sweep(struct text *t, const struct script_setup *s, struct err *err)
{
  bool ok = put_program(t, s, err);
  text_put(t, " sweep");
  for (size_t i = 0; i < s->n_call && ok; i++) {
    text_put(t, " ");
    ok = script_quote(t, s->call[i], "an argument", err);
  }
  return ok;
}

static bool put_working(struct text *t, const struct script_setup *s, struct err *err)
{
  text_put(t, "cd ");
  bool ok = script_quote(t, s->working, "the working directory", err);
  text_put(t, " || exit 3\n");
  return ok;
}

/* The prelude is the user's own shell text. */
static void put_prelude(struct text *t, const struct slurm_def *c)
{
  if (!c->prelude)
    return;
  text_put(t, c->prelude);
  size_t n = strlen(c->prelude);
  if (n && c->prelude[n - 1] != '\n')
    text_put(t, "\n");
}

/* ---- Slurm ------------------------------------------------------------------------------------------------------- */

static void put_option(struct text *t, const char *name, const char *value)
{
  if (value)
    text_add(t, "#SBATCH --%s=%s\n", name, value);
}

static void put_common(struct text *t, const struct script_setup *s, const char *suffix)
{
  const struct slurm_def *c = s->cluster;
  text_add(t, "#SBATCH --job-name=offsim-%s%s\n", s->name, suffix);
  put_option(t, "partition", c->partition);
  put_option(t, "account", c->account);
  put_option(t, "qos", c->qos);
  put_option(t, "constraint", c->constraint);
  text_put(t, "#SBATCH --nodes=1\n#SBATCH --ntasks=1\n");
}

/* Slurm counts whole minutes and whole MiB. */
static void put_amounts(struct text *t, const struct slurm_def *c)
{
  if (c->time_s > 0)
    text_add(t, "#SBATCH --time=%.0f\n", ceil(c->time_s / 60));
  if (c->mem_bytes > 0)
    text_add(t, "#SBATCH --mem=%.0fM\n", ceil(c->mem_bytes / 1048576));
  if (c->cpus > 0)
    text_add(t, "#SBATCH --cpus-per-task=%llu\n", (unsigned long long)c->cpus);
}

static void put_array_head(struct text *t, const struct script_setup *s)
{
  const struct slurm_def *c = s->cluster;
  text_add(t, "#!/bin/bash\n# offsim: %llu shards of study %s. Submit from the results folder: sbatch slurm/array.sh\n",
           (unsigned long long)s->tasks, s->name);
  put_common(t, s, "");
  text_add(t, "#SBATCH --array=%s", s->array);
  if (c->concurrent)
    text_add(t, "%%%llu", (unsigned long long)c->concurrent);
  text_put(t, "\n");
  put_amounts(t, c);
  text_add(t, "#SBATCH --signal=B:USR1@%.0f\n", c->stop_before_s > 0 ? ceil(c->stop_before_s) : 60);
  text_put(t, "#SBATCH --requeue\n#SBATCH --open-mode=append\n#SBATCH --output=slurm/%a.log\n\n");
}

/* The signal comes to this shell. Before the program is there, and after it, the shard goes on in the next turn. */
static const char continue_at_limit[] =
  "asked= shard=\n"
  "trap 'asked=1; [ -z \"$shard\" ] || kill -USR1 \"$shard\"' USR1\n"
  "trap '[ -z \"$shard\" ] || kill -TERM \"$shard\"' TERM INT\n";
static const char wait_for_shard[] =
  "shard=$!\n"
  "wait \"$shard\"; code=$?\n"
  "while kill -0 \"$shard\" 2>/dev/null; do wait \"$shard\"; code=$?; done\n"
  "case $asked:$code in\n"
  "  1:75|1:138) exec scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\";;\n"
  "esac\n"
  "exit $code\n";

char *script_array(const struct script_setup *s, struct err *err)
{
  struct text t = {0};
  bool ok = check_words(s, err);
  put_array_head(&t, s);
  text_put(&t, continue_at_limit);
  ok = ok && put_working(&t, s, err);
  put_prelude(&t, s->cluster);
  ok = ok && put_sweep(&t, s, err);
  text_add(&t, " --shard \"$SLURM_ARRAY_TASK_ID/%llu\" --quiet &\n%s", (unsigned long long)s->tasks, wait_for_shard);
  if (ok)
    return t.s;
  free(t.s);
  return NULL;
}

/* Merging is short and wants one core; what is still missing afterwards is submitted once more. */
char *script_merge(const struct script_setup *s, struct err *err)
{
  struct text t = {0};
  bool ok = check_words(s, err);
  text_add(&t, "#!/bin/bash\n# offsim: puts the results of study %s into its catalogue, after the array job.\n", s->name);
  put_common(&t, s, "-merge");
  put_amounts(&t, &(struct slurm_def){.time_s = s->cluster->time_s, .mem_bytes = s->cluster->mem_bytes});
  text_put(&t, "#SBATCH --open-mode=append\n#SBATCH --output=slurm/merge.log\n\n");
  ok = ok && put_working(&t, s, err);
  put_prelude(&t, s->cluster);
  ok = ok && put_sweep(&t, s, err);
  text_add(&t, " --launcher slurm --round %d\n", s->round + 1);
  if (ok)
    return t.s;
  free(t.s);
  return NULL;
}

/* ---- templates --------------------------------------------------------------------------------------------------- */

static void put_count(struct text *t, uint64_t n, uint64_t otherwise)
{
  text_add(t, "%llu", (unsigned long long)(n ? n : otherwise));
}

static void put_clock(struct text *t, double time_s)
{
  unsigned long s = (unsigned long)ceil(time_s > 0 ? time_s : 3600);
  text_add(t, "%02lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
}

enum word { NAME, TASKS, CONCURRENT, CPUS, MEM_MB, TIME_S, TIME_MIN, TIME_HMS, PARTITION, ACCOUNT, QOS, PRELUDE, WORKING,
            FOLDER, COMMAND, MERGE, N_WORDS };
static const char *const word_name[N_WORDS] = {"name", "tasks", "concurrent", "cpus", "mem_mb", "time_s", "time_min",
  "time_hms", "partition", "account", "qos", "prelude", "working", "folder", "command", "merge"};

static bool put_word(struct text *t, const struct script_setup *s, enum word word, struct err *err)
{
  const struct slurm_def *c = s->cluster;
  bool ok = true;
  switch (word) {
  case NAME: text_put(t, s->name); break;
  case TASKS: put_count(t, s->tasks, 1); break;
  case CONCURRENT: put_count(t, c->concurrent, s->tasks); break;
  case CPUS: put_count(t, c->cpus, 1); break;
  case MEM_MB: text_add(t, "%.0f", ceil((c->mem_bytes > 0 ? c->mem_bytes : 2e9) / 1e6)); break;
  case TIME_S: text_add(t, "%.0f", ceil(c->time_s > 0 ? c->time_s : 3600)); break;
  case TIME_MIN: text_add(t, "%.0f", ceil((c->time_s > 0 ? c->time_s : 3600) / 60)); break;
  case TIME_HMS: put_clock(t, c->time_s); break;
  case PARTITION: text_put(t, c->partition ? c->partition : ""); break;
  case ACCOUNT: text_put(t, c->account ? c->account : ""); break;
  case QOS: text_put(t, c->qos ? c->qos : ""); break;
  case PRELUDE: text_put(t, c->prelude ? c->prelude : ""); break;
  case WORKING: ok = script_quote(t, s->working, "the working directory", err); break;
  case FOLDER: ok = script_quote(t, s->folder, "the results folder", err); break;
  case COMMAND:
    ok = put_sweep(t, s, err);
    text_add(t, " --shard \"$index/%llu\" --quiet", (unsigned long long)s->tasks);
    break;
  case MERGE:
    ok = put_program(t, s, err);
    text_put(t, " merge ");
    ok = ok && script_quote(t, s->folder, "the results folder", err);
    break;
  case N_WORDS: break;
  }
  return ok;
}

/* Position in a template, for messages. */
static struct where position(const char *path, const char *text, const char *at, size_t n)
{
  struct where w = {.file = path, .line = 1, .length = (int)n};
  const char *line = text;
  for (const char *p = text; p < at; p++)
    if (*p == '\n')
      w.line++, line = p + 1;
  w.column = (int)(at - line) + 1;
  w.text = line;
  w.text_len = strcspn(line, "\n");
  return w;
}

static bool unknown_word(const char *path, const char *text, const char *at, const char *word, size_t n, struct err *err)
{
  char copy[64];
  snprintf(copy, sizeof copy, "%.*s", (int)(n < 63 ? n : 63), word);
  const char *near = nearest(copy, word_name, N_WORDS);
  return err_add(err, position(path, text, at, n + 4), "'{{%s}}' is no word of a template%s%s%s", copy,
                 near ? "; did you mean '{{" : "", near ? near : "", near ? "}}'?" : "");
}

static enum word find_word(const char *word, size_t n)
{
  enum word w = 0;
  while (w < N_WORDS && (strlen(word_name[w]) != n || strncmp(word_name[w], word, n) != 0))
    w++;
  return w;
}

/* One {{word}} at `at`; *end is set behind it. */
static bool put_placeholder(struct text *t, const struct script_setup *s, const char *path, const char *text,
                            const char *at, const char **end, struct err *err)
{
  const char *word = at + 2, *close = strstr(word, "}}");
  if (!close || memchr(word, '\n', (size_t)(close - word)))
    return err_add(err, position(path, text, at, 2), "'{{' without '}}' on its line");
  size_t n = (size_t)(close - word);
  enum word w = find_word(word, n);
  *end = close + 2;
  return w == N_WORDS ? unknown_word(path, text, at, word, n, err) : put_word(t, s, w, err);
}

char *script_template(const struct script_setup *s, const char *path, const char *text, struct err *err)
{
  struct text t = {0};
  bool ok = check_words(s, err);
  const char *p = text;
  for (const char *at; ok && (at = strstr(p, "{{"));) {
    text_put_n(&t, p, (size_t)(at - p));
    ok = put_placeholder(&t, s, path, text, at, &p, err);
  }
  if (ok && !strstr(text, "{{command}}"))
    ok = err_add(err, (struct where){.file = path}, "the template has no {{command}}: it would run nothing");
  text_put(&t, p);
  if (ok)
    return t.s;
  free(t.s);
  return NULL;
}
