#include "experiments/slurm.h"
#include "analysis/text.h"
#include "experiments/spawn.h"
#include "scenarios/study_file.h"
#include <ctype.h>
#include <math.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what the cluster says --------------------------------------------------------------------------------------- */

/* The value of `key` in lines "Key   = value"; NULL: not there. */
static const char *config_value(const char *text, const char *key)
{
  size_t n = strlen(key);
  for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
    if (strncmp(line, key, n) == 0 && (line[n] == ' ' || line[n] == '=')) {
      const char *value = line + n + strspn(line + n, " \t");
      return *value == '=' ? value + 1 + strspn(value + 1, " \t") : NULL;
    }
  return NULL;
}

static uint64_t config_number(const char *text, const char *key)
{
  const char *value = config_value(text, key);
  return value && isdigit((unsigned char)*value) ? strtoull(value, NULL, 10) : 0;
}

void slurm_read_config(const char *text, struct slurm_limits *l)
{
  l->array_size = config_number(text, "MaxArraySize");
  l->jobs = config_number(text, "MaxJobCount");
  const char *version = config_value(text, "SLURM_VERSION"), *scheduler = config_value(text, "SchedulerParameters");
  if (version)
    snprintf(l->version, sizeof l->version, "%.*s", (int)strcspn(version, " \n"), version);
  const char *tasks = scheduler ? strstr(scheduler, "max_array_tasks=") : NULL;
  if (tasks && tasks < scheduler + strcspn(scheduler, "\n"))
    l->array_tasks = strtoull(tasks + strlen("max_array_tasks="), NULL, 10);
}

uint64_t slurm_least(const char *text)
{
  uint64_t least = 0;
  for (const char *p = text; *p; p += strcspn(p, "|\n"), p += *p != 0)
    if (isdigit((unsigned char)*p)) {
      uint64_t n = strtoull(p, NULL, 10);
      least = least == 0 || n < least ? n : least;
    }
  return least;
}

uint64_t slurm_lines(const char *text)
{
  uint64_t n = 0;
  for (const char *p = text; *p; p++)
    n += *p == '\n';
  return n;
}

static char *ask(const char *const *argv)
{
  char *out, *said;
  int code = spawn_read(argv, NULL, &out, &said);
  free(said);
  if (code == 0)
    return out;
  free(out);
  return NULL;
}

/* No limit of an association and of any QOS may be exceeded: which QOS a job gets is the cluster's decision. */
static void look_at_accounts(const char *user, struct slurm_limits *l)
{
  struct text who = {0};
  text_add(&who, "user=%s", user);
  const char *const association[] = {"sacctmgr", "-nP", "show", "assoc", who.s, "format=MaxSubmitJobs,GrpSubmitJobs", NULL};
  const char *const quality[] = {"sacctmgr", "-nP", "show", "qos", "format=MaxSubmitJobsPU,MaxSubmitJobsPA,GrpSubmit", NULL};
  const char *const *const call[] = {association, quality};
  for (int i = 0; i < 2; i++) {
    char *out = ask(call[i]);
    uint64_t least = out ? slurm_least(out) : 0;
    if (least && (!l->submit || least < l->submit))
      l->submit = least;
    free(out);
  }
  free(who.s);
}

static uint64_t count_jobs(const char *user)
{
  const char *const mine[] = {"squeue", "-h", "-r", "-o", "%i", "-u", user, NULL};
  const char *const all[] = {"squeue", "-h", "-r", "-o", "%i", NULL};
  char *out = ask(user ? mine : all);
  uint64_t n = out ? slurm_lines(out) : 0;
  free(out);
  return n;
}

void slurm_look(struct slurm_limits *l)
{
  const char *const config[] = {"scontrol", "show", "config", NULL};
  char *out = ask(config);
  *l = (struct slurm_limits){.found = out != NULL};
  if (!out)
    return;
  slurm_read_config(out, l);
  free(out);
  const struct passwd *me = getpwuid(geteuid());
  if (me) {
    look_at_accounts(me->pw_name, l);
    l->queued = count_jobs(me->pw_name);
  }
  l->queued_all = count_jobs(NULL);
}

/* ---- how many tasks ---------------------------------------------------------------------------------------------- */

static void lower(uint64_t *n, uint64_t limit, const char *reason, const char **why)
{
  if (limit < *n)
    *n = limit, *why = reason;
}

static uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

static uint64_t wanted_tasks(const struct slurm_def *c, uint64_t runs, double cpu_s, const char **why)
{
  *why = "the number of runs";
  if (c->tasks) {
    *why = "slurm.tasks";
    return c->tasks;
  }
  if (isnan(cpu_s))
    return runs;
  double speed = c->cpus ? (double)c->cpus : 1, limit_s = c->time_s > 0 ? c->time_s : 3600;
  double at_least = ceil(cpu_s / speed / (0.5 * limit_s)), at_most = ceil(cpu_s / speed / 60);
  double spread = c->concurrent ? (double)c->concurrent : at_most;     /* as many as may run at once */
  double n = fmin(fmax(spread, at_least), fmax(at_most, at_least));
  *why = "the length of the tasks";
  return n < 1 ? 1 : n < 1e6 ? (uint64_t)n : 1000000;
}

uint64_t slurm_tasks(const struct slurm_def *c, const struct slurm_limits *l, uint64_t runs, double cpu_s,
                     const char **why, struct err *err)
{
  uint64_t n = wanted_tasks(c, runs, cpu_s, why);
  lower(&n, runs, "the number of runs", why);
  if (c->array_max)
    lower(&n, c->array_max, "slurm.array_max", why);
  if (l->array_size)                                    /* the largest index is MaxArraySize - 1, and ours begin at 1 */
    lower(&n, l->array_size - 1, "MaxArraySize", why);
  if (l->array_tasks)
    lower(&n, l->array_tasks, "max_array_tasks", why);
  if (l->jobs)                                          /* the array, and the job that merges */
    lower(&n, less(l->jobs, l->queued_all + 1), "MaxJobCount", why);
  if (l->submit)
    lower(&n, less(l->submit, l->queued + 1), "MaxSubmitJobs", why);
  if (n == 0)
    err_system(err, "%s of this cluster leaves no room for an array job and its merge (%llu of your jobs are queued);"
               " wait until some have ended", *why, (unsigned long long)l->queued);
  return n;
}

/* ---- jobs -------------------------------------------------------------------------------------------------------- */

int slurm_alive(const char *job)
{
  const char *const argv[] = {"squeue", "-h", "-o", "%i", "-j", job, NULL};
  char *out, *said;
  int code = spawn_read(argv, NULL, &out, &said), alive = -1;
  if (code == 0)
    alive = *out != 0;
  else if (strstr(said, "Invalid job id"))              /* long ended, and forgotten */
    alive = 0;
  free(out);
  free(said);
  return alive;
}

void slurm_cancel(const char *job)
{
  const char *const argv[] = {"scancel", job, NULL};
  free(ask(argv));
}

char *slurm_submit(const char *folder, const char *script, const char *after, struct err *err)
{
  struct text when = {0};
  text_add(&when, "--dependency=afterany:%s", after ? after : "");
  const char *argv[8] = {"sbatch", "--parsable"};
  int n = 2;
  if (after)
    argv[n++] = when.s;
  argv[n++] = script;
  char *out, *said;
  int code = spawn_read(argv, folder, &out, &said);
  free(when.s);
  size_t digits = strspn(out, "0123456789");            /* "123" or "123;cluster" */
  if (code == 0 && digits) {
    out[digits] = 0;
    free(said);
    return out;
  }
  if (code == SPAWN_MISSING)
    err_system(err, "sbatch is not there: is this a machine of the cluster? (--dry-run prints the script)");
  else
    err_system(err, "sbatch ended with code %d: %.*s", code, (int)strcspn(said, "\n"), said);
  free(out);
  free(said);
  return NULL;
}
