#include "experiments/journals.h"
#include "analysis/store/journal.h"
#include "experiments/worker.h"
#include "sim/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void journals_say_conflict(const struct catalog_run *r)
{
  fprintf(stderr, "offsim: ALARM: run %s (policy %s, replication %llu) has a second result with other bytes (trace_hash"
          " %s); the first stays. A run must come out the same wherever it is done: look for a faulty machine, a policy"
          " with hidden state, or programs of different builds\n", r->id, r->policy,
          (unsigned long long)r->replication, r->trace_hash);
}

static bool is_shard(const char *name) { return *name == 's'; }
static bool is_journal(const char *name) { return *name != '.' && strcmp(name, "live") != 0; }

/* In the journals of a shard a failure that counts is `quarantined`; what a child says of itself may be tried again. */
static bool settle(struct catalog *c, const struct catalog_run *r, struct journals_report *report, bool shard,
                   struct err *err)
{
  enum settled how;
  if (!*r->id || r->replication == PILOT_REPLICATION || (shard && r->state == RUN_FAILED))
    return true;
  if (!catalog_settle(c, r, &how, err))
    return false;
  report->taken += how == SETTLED_NEW && r->state == RUN_DONE;
  report->failed += how == SETTLED_NEW && r->state != RUN_DONE;
  report->same += how == SETTLED_SAME;
  report->metric_rows += how == SETTLED_NEW ? r->n_metrics : 0;
  if (how == SETTLED_CONFLICT) {
    report->conflicts++;
    journals_say_conflict(r);
  }
  return true;
}

struct entries { struct entry { char id[33]; int64_t offset; } *entry; size_t n, room; };

static void list_entry(void *context, const char *id, enum run_state state, int64_t offset)
{
  struct entries *e = context;
  if (e->n == e->room) {
    e->room = e->room ? 2 * e->room : 1024;
    e->entry = realloc(e->entry, e->room * sizeof *e->entry);
    if (!e->entry)
      check_out_of_memory(e->room * sizeof *e->entry);
  }
  e->entry[e->n].offset = offset;
  memcpy(e->entry[e->n++].id, id, sizeof e->entry->id);
}

static int by_id(const void *a, const void *b)
{
  const struct entry *x = a, *y = b;
  int order = strcmp(x->id, y->id);
  return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* In the order of the catalogue's key, in which rows are added fastest. What is not whole was being written when its
 * writer died. */
static bool take_entries(int fd, struct catalog *c, bool shard, struct journals_report *report, struct err *err)
{
  struct entries e = {0};
  journal_heads(fd, list_entry, &e);
  if (e.n)
    qsort(e.entry, e.n, sizeof *e.entry, by_id);
  bool ok = catalog_begin(c, err), begun = ok;
  for (size_t i = 0; i < e.n && ok; i++) {
    struct catalog_run *r = journal_next(fd, &e.entry[i].offset);
    ok = !r || settle(c, r, report, shard, err);
    journal_release(r);
  }
  free(e.entry);
  return begun && catalog_commit(c, err) && ok;
}

static bool take_journal(const char *path, struct catalog *c, bool shard, bool keep, struct journals_report *report,
                         struct err *err)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return err_system(err, "cannot read %s: %s", path, strerror(errno));
  bool ok = take_entries(fd, c, shard, report, err);
  close(fd);
  return ok && (keep || unlink(path) == 0 || err_system(err, "cannot remove %s: %s", path, strerror(errno)));
}

/* Calls `visit` with every file of dir/sub; stops when it returns false. */
typedef bool file_fn(void *context, const char *name, const char *path);
static bool each_file(const char *dir, const char *sub, file_fn *visit, void *context)
{
  char *folder = NULL;
  bool more = true;
  if (asprintf(&folder, "%s/%s", dir, sub) < 0)
    check_out_of_memory(64);
  DIR *d = opendir(folder);
  for (struct dirent *e; more && d && (e = readdir(d));) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, e->d_name) < 0)
      check_out_of_memory(64);
    more = visit(context, e->d_name, path);
    free(path);
  }
  if (d)
    closedir(d);
  free(folder);
  return more;
}

struct taking {
  struct catalog *catalog; const struct journals_options *options; struct journals_report *report; struct err *err;
};

static bool take_file(void *context, const char *name, const char *path)
{
  struct taking *t = context;
  bool shard = is_shard(name), keep = shard && t->options->keep;
  return !is_journal(name) || take_journal(path, t->catalog, shard, keep, t->report, t->err);
}

bool journals_take(const char *dir, struct catalog *c, const struct journals_options *options,
                   struct journals_report *report, struct err *err)
{
  return each_file(dir, "journal", take_file, &(struct taking){c, options, report, err});
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static bool remove_part(void *context, const char *name, const char *path)
{
  const char *dot = strrchr(name, '.');
  if (dot && strcmp(dot, ".part") == 0)
    unlink(path);
  return true;
}

bool journals_prepare(const char *dir, bool shards_live, struct err *err)
{
  static const char *const name[] = {"traces", "journal"};
  for (int i = 0; i < 2; i++) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name[i]) < 0)
      check_out_of_memory(64);
    bool ok = mkdir(path, 0777) == 0 || errno == EEXIST || err_system(err, "cannot make %s: %s", path, strerror(errno));
    free(path);
    if (!ok)
      return false;
  }
  return shards_live || each_file(dir, "traces", remove_part, NULL);
}

struct counting { struct catalog *catalog; uint64_t *count; };

static void count_head(void *context, const char *id, enum run_state state, int64_t offset)
{
  struct counting *c = context;
  if (!catalog_is_done(c->catalog, id))
    c->count[state]++;
}

static bool count_file(void *context, const char *name, const char *path)
{
  int fd = is_shard(name) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    journal_heads(fd, count_head, context);
    close(fd);
  }
  return true;
}

void journals_count(const char *dir, struct catalog *c, uint64_t count[3])
{
  each_file(dir, "journal", count_file, &(struct counting){c, count});
}
