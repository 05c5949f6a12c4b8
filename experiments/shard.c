#include "experiments/shard.h"
#include "analysis/store/journal.h"
#include "analysis/text.h"
#include "experiments/todo.h"
#include "sim/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool shard_parse(const char *text, struct shard *s, struct err *err)
{
  int end = 0;
  unsigned long long number, of;
  if (sscanf(text, "%9llu/%9llu%n", &number, &of, &end) != 2 || text[end] || number < 1 || number > of)
    return err_add(err, (struct where){0}, "--shard: '%s' is not K/N with 1 <= K <= N", text);
  *s = (struct shard){number, of};
  return true;
}

/* ---- what this shard has done before ----------------------------------------------------------------------------- */

struct ids { size_t n, room; struct hash *id; };

static void remember(struct ids *ids, struct hash id)
{
  if (ids->n == ids->room)
    ids->id = grab_more(ids->id, ids->room = 2 * ids->room + 256, sizeof *ids->id);
  ids->id[ids->n++] = id;
}

/* A torn entry at the end is what a killed process left: its run is done again. */
static bool read_journal(const char *path, struct ids *ids, struct err *err)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  int64_t offset = 0;
  if (fd < 0)
    return err_system(err, "cannot read %s: %s", path, strerror(errno));
  for (struct catalog_run *r; (r = journal_next(fd, &offset)); journal_release(r)) {
    struct hash id;
    if (r->state != RUN_FAILED && hash_parse(r->id, &id))       /* failed: by a child, and to be tried again */
      remember(ids, id);
  }
  close(fd);
  return true;
}

static int by_hash(const void *a, const void *b) { return memcmp(a, b, sizeof(struct hash)); }

static bool read_own_journals(const struct shard_setup *s, struct ids *ids, struct err *err)
{
  struct text folder = {0}, start = {0};
  text_add(&folder, "%s/journal", s->dir);
  text_add(&start, "s%llu-", (unsigned long long)s->shard.number);
  DIR *d = opendir(folder.s);
  bool ok = true;
  for (struct dirent *e; ok && d && (e = readdir(d));) {
    if (strncmp(e->d_name, start.s, start.n) != 0)
      continue;
    struct text path = {0};
    text_add(&path, "%s/%s", folder.s, e->d_name);
    ok = read_journal(path.s, ids, err);
    free(path.s);
  }
  if (d)
    closedir(d);
  free(folder.s);
  free(start.s);
  if (ids->n)
    qsort(ids->id, ids->n, sizeof *ids->id, by_hash);
  return ok;
}

/* ---- what it has to do ------------------------------------------------------------------------------------------- */

/* The study may have been edited since it was submitted; its runs are known by their identity. */
static bool is_of_plan(const struct shard_setup *s, const struct todo_run *r)
{
  int k = 0;
  while (r->policy >= 0 && k < s->plan->n_policies && s->policy[k] != r->policy)
    k++;
  return r->point < s->plan->n_points && k < s->plan->n_policies
         && hash_equal(plan_run_id(s->plan, r->point, k, r->replication), r->id);
}

static struct run_order order_of(const struct shard_setup *s, const struct todo_run *r, size_t number)
{
  struct run_order o = {.number = (int32_t)number, .policy = r->policy, .point = r->point,
                        .replication = r->replication, .warmup_s = -1, .trace = s->trace};
  hash_hex(r->id, o.id);
  return o;
}

/* The runs of this shard that its journals do not have. NULL after adding to err. */
static struct run_order *own_orders(const struct shard_setup *s, const struct todo *t, const struct ids *done, size_t *n,
                                    struct err *err)
{
  uint64_t own = 0;
  for (uint64_t i = 0; i < t->n; i++)
    own += t->run[i].task == s->shard.number;
  struct run_order *order = grab(own + 1, sizeof *order);
  *n = 0;
  for (uint64_t i = 0; i < t->n; i++) {
    const struct todo_run *r = &t->run[i];
    if (r->task != s->shard.number)
      continue;
    if (done->n && bsearch(&r->id, done->id, done->n, sizeof *done->id, by_hash))
      continue;
    if (!is_of_plan(s, r)) {
      free(order);
      err_system(err, "the study is another than when it was submitted (run %llu of the list); submit it again",
                 (unsigned long long)i);
      return NULL;
    }
    order[*n] = order_of(s, r, *n);
    (*n)++;
  }
  return order;
}

/* ---- where results go -------------------------------------------------------------------------------------------- */

/* Runs that were given up are told of in a journal of the shard's own, which is made for the first of them. */
struct failures { int fd; char *path; };

static bool put_failure(void *context, const struct run_order *order, const struct catalog_run *r, struct err *err)
{
  struct failures *f = context;
  (void)order;
  if (r->state == RUN_DONE)
    return true;
  if (f->fd < 0)
    f->fd = open(f->path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0666);
  return f->fd >= 0 ? journal_add(f->fd, f->path, r, err) : err_system(err, "cannot write %s: %s", f->path, strerror(errno));
}

/* Nobody else has this name: the number of the shard, the machine and the process. */
static char *journal_prefix(const struct shard_setup *s)
{
  char host[65] = "host";
  gethostname(host, sizeof host - 1);
  host[strcspn(host, "./")] = 0;
  struct text name = {0};
  text_add(&name, "s%llu-%s-%ld-", (unsigned long long)s->shard.number, host, (long)getpid());
  return name.s;
}

static bool make_folders(const char *dir, struct err *err)
{
  static const char *const name[] = {"traces", "journal"};
  for (int i = 0; i < 2; i++) {
    struct text path = {0};
    text_add(&path, "%s/%s", dir, name[i]);
    bool ok = mkdir(path.s, 0777) == 0 || errno == EEXIST || err_system(err, "cannot make %s: %s", path.s, strerror(errno));
    free(path.s);
    if (!ok)
      return false;
  }
  return true;
}

static int exit_code(const struct supervisor_report *r, const struct err *err)
{
  if (r->interrupted)
    return EXIT_INTERRUPTED;
  return err->code != EXIT_OK ? (int)err->code : r->failed ? EXIT_NEGATIVE : EXIT_OK;
}

static int run_orders(const struct shard_setup *s, const struct run_order *order, size_t n, struct err *err)
{
  char *prefix = journal_prefix(s);
  struct text own = {0};
  text_add(&own, "%s/journal/%sfailed", s->dir, prefix);
  struct failures failures = {-1, own.s};
  struct supervisor_report report = {0};
  struct supervisor *supervisor = NULL;
  if (make_folders(s->dir, err))
    supervisor = supervisor_start(&(struct supervisor_setup){s->source, s->dir, prefix, s->workers}, err);
  if (supervisor) {
    const struct result_sink sink = {put_failure, &failures};
    const struct supervisor_options options = {.progress = s->progress, .log = !s->progress, .sink = &sink, .quarantine = true,
                                               .retries = s->retries, .patience = s->patience};
    if (!supervisor_run(supervisor, NULL, order, n, &options, &report, err) && err->code == EXIT_OK && !report.interrupted)
      err->code = EXIT_SYSTEM;
  }
  supervisor_stop(supervisor);
  if (failures.fd >= 0)
    close(failures.fd);
  fprintf(stderr, "offsim: shard %llu of %llu: %zu of %zu runs done, %zu failed%s\n", (unsigned long long)s->shard.number,
          (unsigned long long)s->shard.of, report.done, n, report.failed, report.interrupted ? "; stopped" : "");
  free(own.s);
  free(prefix);
  return exit_code(&report, err);
}

int shard_run(const struct shard_setup *s, struct err *err)
{
  struct todo todo = {0};
  struct ids done = {0};
  size_t n = 0;
  struct run_order *order = NULL;
  bool ok = todo_read(s->dir, &todo, err);
  if (ok && todo.tasks != s->shard.of)
    ok = err_add(err, (struct where){0}, "--shard: the submission of %s has %llu shards, not %llu", s->dir,
                 (unsigned long long)todo.tasks, (unsigned long long)s->shard.of);
  ok = ok && read_own_journals(s, &done, err);
  if (ok)
    order = own_orders(s, &todo, &done, &n, err);
  int code = order ? run_orders(s, order, n, err) : (int)err->code;
  free(order);
  free(done.id);
  todo_release(&todo);
  return code;
}
