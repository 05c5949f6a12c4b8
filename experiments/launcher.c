#include "experiments/launcher.h"
#include "analysis/store/file_system.h"
#include "analysis/text.h"
#include "experiments/script.h"
#include "experiments/slurm.h"
#include "experiments/todo.h"
#include "sim/json.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const launcher_name[] = {"local", "slurm", "template"};

bool launcher_parse(const char *text, enum launcher *l, struct err *err)
{
  for (int i = 0; i < 3; i++)
    if (strcmp(text, launcher_name[i]) == 0) {
      *l = (enum launcher)i;
      return true;
    }
  const char *near = nearest(text, launcher_name, 3);
  return err_add(err, (struct where){0}, "--launcher: '%s' is none of local, slurm, template%s%s%s", text,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static char *path_in(const char *dir, const char *name)
{
  struct text path = {0};
  text_add(&path, "%s/slurm/%s", dir, name);
  return path.s;
}

/* ---- jobs of this folder ----------------------------------------------------------------------------------------- */

/* The jobs of the last submission; texts are the caller's; NULL: none. */
struct jobs { char *array, *merge; };

static char *text_of(const json *j, const char *key)
{
  const char *s = json_text(json_at(j, key));
  return s ? grab_text(s) : NULL;
}

static struct jobs read_jobs(const char *dir)
{
  struct err unsaid;
  err_init(&unsaid);
  size_t n;
  char *path = path_in(dir, "jobs.json"), *text = access(path, F_OK) == 0 ? text_load(path, &n, &unsaid) : NULL;
  json *j = text ? json_parse(text, n, &unsaid) : NULL;
  struct jobs jobs = {j ? text_of(j, "array") : NULL, j ? text_of(j, "merge") : NULL};
  json_release(j);
  free(text);
  free(path);
  err_release(&unsaid);
  return jobs;
}

static bool write_jobs(const char *dir, const char *array, const char *merge, struct err *err)
{
  struct text t = {0};
  text_add(&t, "{\"array\": \"%s\"", array);
  if (merge)
    text_add(&t, ", \"merge\": \"%s\"", merge);
  text_put(&t, "}\n");
  char *path = path_in(dir, "jobs.json");
  bool ok = text_save(&t, path, err);
  free(path);
  free(t.s);
  return ok;
}

/* The merging job itself is alive when it asks. */
static bool alive(const char *job)
{
  const char *self = getenv("SLURM_JOB_ID");
  return job && !(self && strcmp(self, job) == 0) && slurm_alive(job) == 1;
}

static void jobs_release(struct jobs *j)
{
  free(j->array);
  free(j->merge);
}

bool launcher_alive(const char *dir)
{
  struct jobs j = read_jobs(dir);
  bool is = alive(j.array) || alive(j.merge);
  jobs_release(&j);
  return is;
}

bool launcher_free_to_write(const char *dir, struct err *err)
{
  struct jobs j = read_jobs(dir);
  const char *job = alive(j.array) ? j.array : alive(j.merge) ? j.merge : NULL;
  bool ok = !job || err_system(err, "%s is being worked on by job %s; `offsim status %s` tells how far it is, `scancel %s`"
                               " ends it", dir, job, dir, job);
  jobs_release(&j);
  return ok;
}

void launcher_forget(const char *dir)
{
  char *path = path_in(dir, "jobs.json");
  unlink(path);
  free(path);
}

/* ---- scripts ----------------------------------------------------------------------------------------------------- */

struct places { char program[PATH_MAX], working[PATH_MAX], folder[PATH_MAX]; };

/* The folder may not be there yet (--dry-run): then as it will be. */
static bool find_places(const char *dir, struct places *p, struct err *err)
{
  ssize_t n = readlink("/proc/self/exe", p->program, sizeof p->program - 1);
  if (n < 0 || !getcwd(p->working, sizeof p->working))
    return err_system(err, "cannot find the program or the working directory: %s", strerror(errno));
  p->program[n] = 0;
  if (realpath(dir, p->folder))
    return true;
  int length = *dir == '/' ? snprintf(p->folder, sizeof p->folder, "%s", dir)
                           : snprintf(p->folder, sizeof p->folder, "%s/%s", p->working, dir);
  return length < (int)sizeof p->folder || err_add(err, (struct where){0}, "the path of the results folder is too long");
}

static struct todo todo_of(const struct launch *l)
{
  struct todo t = {.n = l->n, .run = grab(l->n + 1, sizeof *t.run)};
  for (size_t i = 0; i < l->n; i++) {
    const struct run_order *o = &l->order[i];
    t.run[i] = (struct todo_run){.point = o->point, .replication = o->replication, .policy = o->policy};
    hash_parse(o->id, &t.run[i].id);
  }
  return t;
}

/* Tasks of the first round are found; later ones are those that had the runs that are left. */
static bool deal(const struct launch *l, struct todo *t, const char **why, struct err *err)
{
  struct slurm_limits limits = {0};
  struct todo before = {0};
  if (l->round > 1 && todo_read(l->dir, &before, err)) {
    todo_deal_again(t, &before);
    todo_release(&before);
    *why = "the tasks that lost them";
    return true;
  }
  if (err_any(err))
    return false;
  if (l->launcher == LAUNCH_SLURM)
    slurm_look(&limits);
  uint64_t tasks = slurm_tasks(&l->file->slurm, &limits, t->n, l->cpu_s, why, err);
  if (tasks)
    todo_deal(t, tasks, l->cost_s);
  return tasks > 0;
}

static bool save_script(const char *dir, const char *name, const char *script, struct err *err)
{
  struct text t = {0};
  char *path = path_in(dir, name);
  text_put(&t, script);
  bool ok = text_save(&t, path, err);
  free(path);
  free(t.s);
  return ok;
}

/* ---- Slurm ------------------------------------------------------------------------------------------------------- */

/* Both jobs or none: an array without its merge is taken back. */
static bool submit(const struct launch *l, const char *folder, FILE *out, struct err *err)
{
  char *array = slurm_submit(folder, "slurm/array.sh", NULL, err), *merge = NULL;
  if (!array || !write_jobs(l->dir, array, NULL, err))
    goto out;
  merge = slurm_submit(folder, "slurm/merge.sh", array, err);
  if (!merge || !write_jobs(l->dir, array, merge, err)) {
    slurm_cancel(array);
    goto out;
  }
  fprintf(out, "submitted: array job %s, merge job %s; `offsim status %s` tells how far they are\n", array, merge, l->dir);
out:
  free(array);
  free(merge);
  return !err_any(err);
}

/* A folder that only this machine sees gives every other node an empty one. */
static void warn_of_local_folder(const struct launch *l, struct err *err)
{
  struct file_system fs;
  if (file_system_of(l->dir, &fs) && !fs.network && !l->dry_run)
    err_warn(err, (struct where){0}, "%s is on %s: every node of the partition must see the same folder", l->dir, fs.name);
}

static bool launch_slurm(const struct launch *l, const struct script_setup *s, const struct todo *t, FILE *out,
                         struct err *err)
{
  char *array = script_array(s, err), *merge = array ? script_merge(s, err) : NULL;
  bool ok = merge != NULL;
  if (ok && l->dry_run) {
    fprintf(out, "# ---- %s/slurm/array.sh\n%s\n# ---- %s/slurm/merge.sh, after the array job\n%s", s->folder, array,
            s->folder, merge);
  } else if (ok) {
    warn_of_local_folder(l, err);
    ok = todo_write(t, l->dir, err) && save_script(l->dir, "array.sh", array, err)
         && save_script(l->dir, "merge.sh", merge, err) && submit(l, s->folder, out, err);
  }
  free(array);
  free(merge);
  return ok;
}

/* ---- a user's template ------------------------------------------------------------------------------------------- */

static bool launch_template(const struct launch *l, const struct script_setup *s, const struct todo *t, FILE *out,
                            struct err *err)
{
  size_t n;
  char *text = text_load(l->template_file, &n, err), *script = NULL;
  if (text && strlen(text) != n)
    err_add(err, (struct where){.file = l->template_file}, "a template is text, without NUL");
  else if (text)
    script = script_template(s, l->template_file, text, err);
  bool ok = script != NULL;
  if (ok && l->dry_run)
    fputs(script, out);
  else if (ok && (ok = todo_write(t, l->dir, err) && save_script(l->dir, "job.sh", script, err)))
    fprintf(out, "written: %s/slurm/job.sh, %llu tasks; when they have ended: offsim merge %s\n", l->dir,
            (unsigned long long)t->tasks, l->dir);
  free(text);
  free(script);
  return ok;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static bool make_folder(const struct launch *l, struct err *err)
{
  char *path = path_in(l->dir, "");
  bool ok = l->dry_run || mkdir(path, 0777) == 0 || errno == EEXIST
            || err_system(err, "cannot make %s: %s", path, strerror(errno));
  free(path);
  return ok;
}

static bool rounds_left(const struct launch *l, struct err *err)
{
  return l->round <= LAUNCHER_ROUNDS || err_system(err, "%zu runs are still missing after %d submissions; see the logs in"
    " %s/slurm, then call the same sweep again", l->n, LAUNCHER_ROUNDS, l->dir);
}

bool launcher_submit(const struct launch *l, FILE *out, struct err *err)
{
  struct places p;
  const char *why = "";
  struct todo t = todo_of(l);
  char *array = NULL;
  bool ok = rounds_left(l, err) && find_places(l->dir, &p, err) && make_folder(l, err) && deal(l, &t, &why, err);
  if (ok) {
    array = todo_array(&t);
    const struct script_setup s = {.cluster = &l->file->slurm, .name = l->file->name, .program = p.program,
      .folder = p.folder, .working = p.working, .call = l->call, .n_call = l->n_call, .tasks = t.tasks, .array = array,
      .round = l->round};
    fprintf(stderr, "offsim: %zu runs in %llu tasks (decided by %s)\n", l->n, (unsigned long long)todo_busy_tasks(&t),
            why);
    ok = l->launcher == LAUNCH_SLURM ? launch_slurm(l, &s, &t, out, err) : launch_template(l, &s, &t, out, err);
  }
  free(array);
  todo_release(&t);
  return ok;
}
