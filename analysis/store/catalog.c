/* catalog.c: the catalogue in SQLite.
 *
 * A rollback journal, not a write-ahead log: the folder may lie on a file system without shared memory. One writer, who
 * holds a lock on the folder itself; readers wait for its short transactions. What depends on time or host (elapsed_s)
 * stands in `provenance` only.
 */
#include "analysis/store/catalog.h"
#include "analysis/store/file_system.h"
#include "analysis/store/host_lock.h"
#include "sim/check.h"
#include "sim/json.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FACTOR_KEY = 512, FORMAT = 2, APPLICATION = 0x6f66736d /* "ofsm" */, WAIT_MS = 20000,
       PAGE = 16384, CACHE_KIB = 65536 /* a transaction stays in memory until its commit: readers are not kept out */ };

static const char schema[] =
  "CREATE TABLE IF NOT EXISTS format(version INTEGER NOT NULL) STRICT;"
  "CREATE TABLE IF NOT EXISTS study(study TEXT PRIMARY KEY, written INTEGER NOT NULL, resolved TEXT NOT NULL) STRICT;"
  "CREATE TABLE IF NOT EXISTS point(point INTEGER PRIMARY KEY, factors TEXT NOT NULL,"
  " overrides TEXT NOT NULL DEFAULT '') STRICT;"
  "CREATE TABLE IF NOT EXISTS point_run(point INTEGER NOT NULL, run TEXT NOT NULL, PRIMARY KEY(point, run))"
  " STRICT, WITHOUT ROWID;"
  "CREATE TABLE IF NOT EXISTS policy(policy TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT;"
  "CREATE TABLE IF NOT EXISTS run(id TEXT PRIMARY KEY, study TEXT NOT NULL, point INTEGER NOT NULL,"
  " policy TEXT NOT NULL, kind TEXT NOT NULL, replication INTEGER NOT NULL, seed INTEGER NOT NULL,"
  " state TEXT NOT NULL, message TEXT NOT NULL,"
  " trace_hash TEXT NOT NULL, trace_file TEXT NOT NULL, trace_file_hash TEXT NOT NULL, events INTEGER NOT NULL) STRICT;"
  "CREATE TABLE IF NOT EXISTS metric(run TEXT NOT NULL, name TEXT NOT NULL, class TEXT NOT NULL, place TEXT NOT NULL,"
  " policy TEXT NOT NULL, value REAL, PRIMARY KEY(run, name, class, place)) STRICT, WITHOUT ROWID;"
  "CREATE TABLE IF NOT EXISTS sketch(run TEXT NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL,"
  " PRIMARY KEY(run, name)) STRICT, WITHOUT ROWID;"
  "CREATE TABLE IF NOT EXISTS provenance(run TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
  " PRIMARY KEY(run, key)) STRICT, WITHOUT ROWID;"
  "CREATE INDEX IF NOT EXISTS run_state ON run(state, point);"
  "CREATE INDEX IF NOT EXISTS point_of_run ON point_run(run, point);";

/* A folder of format 1 had no point_run. */
static const char migration[] =
  "ALTER TABLE point ADD COLUMN overrides TEXT NOT NULL DEFAULT '';"
  "DROP INDEX IF EXISTS run_order;"
  "CREATE TABLE point_run(point INTEGER NOT NULL, run TEXT NOT NULL, PRIMARY KEY(point, run)) STRICT, WITHOUT ROWID;"
  "INSERT INTO point_run SELECT point, id FROM run;"
  "UPDATE format SET version = 2;";

enum statement {
  SAVE, RELEASE, PUT_STUDY, PUT_POINT, PUT_POINT_RUN, PUT_OWN_POINT, PUT_POLICY, PUT_RUN, DROP_METRICS, PUT_METRIC, PUT_METRICS, DROP_SKETCH,
  PUT_SKETCH, PUT_PROVENANCE, GET_RUN, GET_STATE, GET_STUDY, GET_POINT, GET_OVERRIDES, GET_PROVENANCE, LIST_BRIEF,
  LIST_FAILURES, LIST_RUNS, LIST_RUNS_1, LIST_POINT, LIST_POINT_1, GET_METRICS, GET_SKETCH, N_STATEMENTS
};

#define RUN_COLUMNS(point) "r.id, r.study, " point ".point, r.policy, r.kind, r.replication, r.seed, r.state," \
  " r.message, r.trace_hash, r.trace_file, r.trace_file_hash, r.events, e.value"
#define ELAPSED " LEFT JOIN provenance e ON e.run = r.id AND e.key = 'elapsed_s'"
#define IN_ORDER(point, where) " LEFT JOIN policy p ON p.policy = r.policy" where " ORDER BY " point ".point, p.position, r.policy," \
  " r.replication"

static const char *const state_name[] = {[RUN_DONE] = "done", [RUN_FAILED] = "failed", [RUN_QUARANTINED] = "quarantined"};

enum { METRICS_AT_ONCE = 8 };                           /* rows of PUT_METRICS; a statement costs as much as a row */
#define METRIC(name, klass, place, value) "(?1, ?" name ", ?" klass ", ?" place ", ?2, ?" value ")"

static const char *const sql[N_STATEMENTS] = {
  [SAVE] = "SAVEPOINT one_run", [RELEASE] = "RELEASE one_run",
  [PUT_STUDY] = "INSERT OR REPLACE INTO study VALUES(?1, (SELECT coalesce(max(written), 0) + 1 FROM study), ?2)",
  [PUT_POINT] = "INSERT OR REPLACE INTO point VALUES(?1, ?2, ?3)",
  [PUT_POINT_RUN] = "INSERT OR IGNORE INTO point_run VALUES(?1, ?2)",
  [PUT_OWN_POINT] = "INSERT INTO point_run SELECT ?1, ?2 WHERE NOT EXISTS (SELECT * FROM point_run WHERE run = ?2)",
  [PUT_POLICY] = "INSERT OR IGNORE INTO policy VALUES(?1, (SELECT coalesce(max(position), 0) + 1 FROM policy))",
  [PUT_RUN] = "INSERT OR REPLACE INTO run VALUES(?1, ?2, coalesce((SELECT min(point) FROM point_run WHERE run = ?1),"
              " ?3), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
  [DROP_METRICS] = "DELETE FROM metric WHERE run = ?1",
  [PUT_METRIC] = "INSERT OR REPLACE INTO metric VALUES" METRIC("3", "4", "5", "6"),
  [PUT_METRICS] = "INSERT OR REPLACE INTO metric VALUES" METRIC("3", "4", "5", "6") "," METRIC("7", "8", "9", "10") ","
    METRIC("11", "12", "13", "14") "," METRIC("15", "16", "17", "18") "," METRIC("19", "20", "21", "22") ","
    METRIC("23", "24", "25", "26") "," METRIC("27", "28", "29", "30") "," METRIC("31", "32", "33", "34"),
  [DROP_SKETCH] = "DELETE FROM sketch WHERE run = ?1",
  [PUT_SKETCH] = "INSERT OR REPLACE INTO sketch VALUES(?1, 'latency', ?2)",
  [PUT_PROVENANCE] = "INSERT OR REPLACE INTO provenance VALUES(?1, ?2, ?3)",
  [GET_RUN] = "SELECT " RUN_COLUMNS("r") " FROM run r" ELAPSED " WHERE r.id = ?1",
  [GET_STATE] = "SELECT state FROM run WHERE id = ?1",
  [GET_STUDY] = "SELECT resolved FROM study ORDER BY written DESC LIMIT 1",
  [GET_POINT] = "SELECT factors FROM point WHERE point = ?1",
  [GET_OVERRIDES] = "SELECT overrides FROM point WHERE point = ?1 AND overrides != ''",
  [GET_PROVENANCE] = "SELECT value FROM provenance WHERE run = ?1 AND key = ?2",
  [LIST_BRIEF] = "SELECT r.id, r.trace_file, r.trace_file_hash, r.policy, r.point, r.state, e.value, a.value FROM run r"
                 ELAPSED " LEFT JOIN provenance a ON r.state != 'done' AND a.run = r.id AND a.key = 'attempts'",
  [LIST_FAILURES] = "SELECT r.policy, count(*), min(printf('%020d%020d', r.point, r.replication)), p.position, r.id,"
                    " r.message FROM run r LEFT JOIN policy p ON p.policy = r.policy"
                    " WHERE r.state IN ('failed', 'quarantined') AND r.point >= 0 GROUP BY r.policy ORDER BY p.position",
  [LIST_RUNS] = "SELECT " RUN_COLUMNS("o") " FROM point_run o JOIN run r ON r.id = o.run" ELAPSED IN_ORDER("o", ""),
  [LIST_RUNS_1] = "SELECT " RUN_COLUMNS("r") " FROM run r" ELAPSED IN_ORDER("r", ""),
  [LIST_POINT] = "SELECT " RUN_COLUMNS("o") " FROM point_run o JOIN run r ON r.id = o.run" ELAPSED
                 IN_ORDER("o", " WHERE o.point = ?1"),
  [LIST_POINT_1] = "SELECT " RUN_COLUMNS("r") " FROM run r" ELAPSED IN_ORDER("r", " WHERE r.point = ?1"),
  [GET_METRICS] = "SELECT name, class, place, value FROM metric WHERE run = ?1",
  [GET_SKETCH] = "SELECT bytes FROM sketch WHERE run = ?1 AND name = 'latency'",
};

struct kept { struct kept *next; };                     /* what was read back, until the end */
struct catalog {
  char *path;
  sqlite3 *db;
  int lock;                                             /* the folder; -1 = reading */
  char *host_lock;                                      /* on a network file system */
  bool view_stale;
  int64_t format;
  bool planned;                                         /* which runs the points have was said beforehand */
  sqlite3_stmt *statement[N_STATEMENTS];
  struct kept *kept;
  char **word; size_t n_words, word_slots;              /* open addressing; names that return again and again */
};

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void *keep_bytes(struct catalog *c, size_t n)
{
  struct kept *k = malloc(sizeof *k + n + 1);
  if (!k)
    check_out_of_memory(n);
  k->next = c->kept;
  c->kept = k;
  return k + 1;
}

static char *keep_text(struct catalog *c, const void *text)
{
  const char *from = text ? text : "";
  size_t n = strlen(from) + 1;
  return memcpy(keep_bytes(c, n), from, n);
}

static void grow_words(struct catalog *c)
{
  char **old = c->word;
  size_t n = c->word_slots;
  c->word_slots = n ? 2 * n : 256;
  c->word = calloc(c->word_slots, sizeof *c->word);
  if (!c->word)
    check_out_of_memory(c->word_slots * sizeof *c->word);
  for (size_t i = 0; i < n; i++)
    if (old[i]) {
      size_t at = hash_bytes(old[i], strlen(old[i])).lo % c->word_slots;
      while (c->word[at])
        at = (at + 1) % c->word_slots;
      c->word[at] = old[i];
    }
  free(old);
}

/* One copy of each different text. */
static const char *keep_word(struct catalog *c, const void *text)
{
  const char *from = text ? text : "";
  if (2 * c->n_words >= c->word_slots)
    grow_words(c);
  size_t at = hash_bytes(from, strlen(from)).lo % c->word_slots;
  while (c->word[at] && strcmp(c->word[at], from) != 0)
    at = (at + 1) % c->word_slots;
  if (!c->word[at]) {
    c->word[at] = keep_text(c, from);
    c->n_words++;
  }
  return c->word[at];
}

/* ---- SQLite ------------------------------------------------------------------------------------------------------ */

static bool failed(struct catalog *c, struct err *err)
{
  return err_system(err, "catalogue %s: %s", c->path, c->db ? sqlite3_errmsg(c->db) : "out of memory");
}

static bool execute(struct catalog *c, const char *text, struct err *err)
{
  return sqlite3_exec(c->db, text, NULL, NULL, NULL) == SQLITE_OK || failed(c, err);
}

static sqlite3_stmt *ready(struct catalog *c, enum statement which)
{
  sqlite3_stmt **s = &c->statement[which];
  if (!*s && sqlite3_prepare_v3(c->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
    return NULL;
  sqlite3_reset(*s);
  sqlite3_clear_bindings(*s);
  return *s;
}

/* Run a statement that gives no rows. */
static bool done(struct catalog *c, sqlite3_stmt *s, struct err *err)
{
  bool ok = s && sqlite3_step(s) == SQLITE_DONE;
  if (!ok)
    failed(c, err);
  sqlite3_reset(s);
  return ok;
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
  sqlite3_bind_text(s, at, text ? text : "", -1, SQLITE_STATIC);
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static bool make_folder(const char *dir, struct err *err)
{
  char path[4096];
  size_t n = strlen(dir);
  if (n == 0 || n >= sizeof path)
    return err_system(err, "'%s' is no name of a results folder", dir);
  for (size_t i = 1; i <= n; i++)
    if (dir[i] == '/' || dir[i] == 0) {
      memcpy(path, dir, i);
      path[i] = 0;
      if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return err_system(err, "cannot make the folder %s: %s", path, strerror(errno));
    }
  return true;
}

/* A folder with other things in it and no catalogue is somebody else's. */
static bool check_folder(const char *dir, const char *path, struct err *err)
{
  DIR *d = opendir(dir);
  if (!d)
    return err_system(err, "cannot open the folder %s: %s", dir, strerror(errno));
  bool empty = true;
  for (struct dirent *e = readdir(d); e; e = readdir(d))
    empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0
                      || strcmp(e->d_name, HOST_LOCK_NAME) == 0);      /* of one that was killed right after it */
  closedir(d);
  if (empty || access(path, F_OK) == 0)
    return true;
  return err_system(err, "%s holds something else (it is not empty and has no catalog.sqlite); choose another folder",
                    dir);
}

static bool lock_folder(struct catalog *c, const char *dir, struct err *err)
{
  c->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (c->lock < 0)
    return err_system(err, "cannot open the folder %s: %s", dir, strerror(errno));
  if (flock(c->lock, LOCK_EX | LOCK_NB) == 0) {
    struct file_system fs;
    bool shared = file_system_of(dir, &fs) && fs.network;
    return host_lock_take(dir, shared, &c->host_lock, err);
  }
  if (errno == EWOULDBLOCK)
    return host_lock_refuse(dir, err);
  return err_system(err, "cannot lock the folder %s: %s", dir, strerror(errno));
}

/* ---- open and close ---------------------------------------------------------------------------------------------- */

static int64_t one_integer(struct catalog *c, const char *text, int64_t otherwise)
{
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(c->db, text, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
    otherwise = sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return otherwise;
}

static bool check_format(struct catalog *c, struct err *err)
{
  int64_t tables = one_integer(c, "SELECT count(*) FROM sqlite_master", -1);
  if (tables < 0)
    return failed(c, err);
  c->format = FORMAT;
  if (tables == 0)
    return true;
  int64_t format = one_integer(c, "SELECT version FROM format", -1);
  if (one_integer(c, "PRAGMA application_id", 0) != APPLICATION || format < 0)
    return err_system(err, "%s is not a catalogue of offsim", c->path);
  c->format = format;
  return format <= FORMAT || err_system(err, "catalogue %s has format %ld, of a newer program; this one reads formats up"
                                        " to %d", c->path, (long)format, FORMAT);
}

static bool make_tables(struct catalog *c, struct err *err)
{
  char text[160];
  snprintf(text, sizeof text, "PRAGMA application_id = %d; INSERT INTO format VALUES(%d)", APPLICATION, FORMAT);
  return execute(c, "BEGIN IMMEDIATE", err) && (c->format != 1 || execute(c, migration, err))
         && execute(c, schema, err)                     /* changes no byte where everything is there */
         && (one_integer(c, "SELECT count(*) FROM format", 0) > 0 || execute(c, text, err)) && execute(c, "COMMIT", err);
}

static bool note_planned(struct catalog *c)
{
  c->planned = one_integer(c, "SELECT count(*) FROM point WHERE overrides != ''", 0) > 0;
  return true;
}

static bool open_file(struct catalog *c, enum catalog_mode mode, struct err *err)
{
  int flags = mode == CATALOG_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  if (sqlite3_open_v2(c->path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    return failed(c, err);
  sqlite3_busy_timeout(c->db, WAIT_MS);
  if (!check_format(c, err))
    return false;
  if (mode == CATALOG_READ)
    return true;
  c->view_stale = true;
  char cache[128];
  snprintf(cache, sizeof cache, "PRAGMA page_size = %d; PRAGMA cache_size = -%d; PRAGMA cache_spill = OFF", PAGE,
           CACHE_KIB);
  return execute(c, "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL", err) && execute(c, cache, err)
         && make_tables(c, err) && (c->format = FORMAT) && note_planned(c);
}

struct catalog *catalog_open(const char *dir, enum catalog_mode mode, struct err *err)
{
  struct catalog *c = calloc(1, sizeof *c);
  size_t n = strlen(dir) + sizeof "/catalog.sqlite";
  if (!c || !(c->path = malloc(n)))
    check_out_of_memory(n);
  snprintf(c->path, n, "%s/catalog.sqlite", dir);
  c->lock = -1;
  bool ok = true;
  if (mode == CATALOG_WRITE)
    ok = make_folder(dir, err) && check_folder(dir, c->path, err) && lock_folder(c, dir, err);
  else if (access(c->path, F_OK) != 0)
    ok = err_system(err, "%s is not a results folder: %s: %s", dir, c->path, strerror(errno));
  if (ok && open_file(c, mode, err))
    return c;
  c->view_stale = false;
  catalog_close(c);
  return NULL;
}

static bool make_view(struct catalog *c, struct err *err);

void catalog_close(struct catalog *c)
{
  if (!c)
    return;
  struct err unsaid;                                    /* a view that could not be renewed is renewed next time */
  err_init(&unsaid);
  if (c->view_stale && c->lock >= 0)
    make_view(c, &unsaid);
  err_release(&unsaid);
  for (int i = 0; i < N_STATEMENTS; i++)
    sqlite3_finalize(c->statement[i]);
  sqlite3_close(c->db);
  host_lock_give(c->host_lock);
  if (c->lock >= 0)
    close(c->lock);
  for (struct kept *k = c->kept, *next; k; k = next) {
    next = k->next;
    free(k);
  }
  free(c->word);
  free(c->path);
  free(c);
}

bool catalog_begin(struct catalog *c, struct err *err) { return execute(c, "BEGIN IMMEDIATE", err); }

bool catalog_commit(struct catalog *c, struct err *err)
{
  if (execute(c, "COMMIT", err))
    return true;
  catalog_rollback(c);
  return false;
}

void catalog_rollback(struct catalog *c) { sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL); }

/* ---- v_runs: one wide row a run ---------------------------------------------------------------------------------- */

/* One column of the view per row of `query`, through `format` (an SQL expression with the name as %Q and %w). */
static bool add_view_columns(struct catalog *c, sqlite3_str *text, const char *query, const char *format,
                             struct err *err)
{
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(c->db, query, -1, &s, NULL) != SQLITE_OK)
    return failed(c, err);
  while (sqlite3_step(s) == SQLITE_ROW) {
    const char *name = (const char *)sqlite3_column_text(s, 0);
    sqlite3_str_appendf(text, format, name ? name : "", name ? name : "");
  }
  return sqlite3_finalize(s) == SQLITE_OK || failed(c, err);
}

/* Every run of a program tells the same metrics of the whole run, so some runs of the oldest and of the newest program
 * name them all; a scan of 10^7 rows takes seconds. */
#define SOME_RUNS(direction) "SELECT * FROM (SELECT id FROM run WHERE state = 'done' ORDER BY rowid " direction " LIMIT 100)"
static const char whole_run_metrics[] =
  "SELECT DISTINCT name FROM metric WHERE class = '' AND place = ''"
  " AND run IN (" SOME_RUNS("ASC") " UNION " SOME_RUNS("DESC") ") ORDER BY 1";

/* The file keeps its bytes where the view is the same. */
static bool has_view(struct catalog *c, const char *create)
{
  sqlite3_stmt *s = NULL;
  bool same = sqlite3_prepare_v2(c->db, "SELECT sql FROM sqlite_master WHERE name = 'v_runs'", -1, &s, NULL) == SQLITE_OK
              && sqlite3_step(s) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(s, 0), create) == 0;
  sqlite3_finalize(s);
  return same;
}

/* A metric is looked up where it is asked for: the few columns of a query cost what they are, and nothing is grouped. */
static bool make_view(struct catalog *c, struct err *err)
{
  sqlite3_str *text = sqlite3_str_new(c->db);
  sqlite3_str_appendall(text, "CREATE VIEW v_runs AS SELECT r.id AS run, r.study, o.point,"
                              " r.policy, r.kind, r.replication, r.seed, r.state, r.message, r.trace_hash,"
                              " r.trace_file,"
                              " r.events, (SELECT substr(n.value, 1, 8) FROM provenance n WHERE n.run = r.id"
                              " AND n.key = 'base') AS settings");
  bool ok = add_view_columns(c, text, "SELECT DISTINCT f.key FROM point, json_each(point.factors) f ORDER BY 1",
                             ", json_extract(p.factors, '$.\"' || %Q || '\"') AS \"%w\"", err)
            && add_view_columns(c, text, whole_run_metrics,
                                ", (SELECT m.value FROM metric m WHERE m.run = r.id AND m.name = %Q AND m.class = ''"
                                " AND m.place = '') AS \"%w\"", err);
  sqlite3_str_appendall(text, " FROM point_run o JOIN run r ON r.id = o.run LEFT JOIN point p ON p.point = o.point"
                              " ORDER BY o.point, r.policy, r.replication");
  char *sql_text = sqlite3_str_finish(text);
  bool same = ok && sql_text && has_view(c, sql_text);
  ok = ok && sql_text && (same || execute(c, "BEGIN IMMEDIATE", err));
  if (ok && !same) {
    ok = execute(c, "DROP VIEW IF EXISTS v_runs", err) && execute(c, sql_text, err) && execute(c, "COMMIT", err);
    if (!ok)
      sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
  }
  sqlite3_free(sql_text);
  c->view_stale = c->view_stale && !ok;
  return ok;
}

/* ---- how much it takes ------------------------------------------------------------------------------------------- */

/* A row of an index tree, SQLite file format section 1.6: of one that is too long for a quarter of a page, at least an
 * eighth stays there and the rest fills pages of its own. Pages of the tree are about four fifths full, since runs come in
 * the random order of their names, and each brings half a page of metrics at once. */
static double row_bytes(double payload)
{
  const double fill = 0.8, usable = PAGE, most = floor((usable - 12) * 64 / 255) - 23, least = floor((usable - 12) * 32 / 255) - 23;
  if (payload <= most)
    return (payload + 3) / fill;
  double kept = least + fmod(payload - least, usable - 4);
  kept = kept <= most ? kept : least;
  return kept / fill + PAGE * ceil((payload - kept) / (usable - 4));
}

double catalog_run_bytes(const struct catalog_run *r)
{
  enum { ID = 32, NUMBER = 12 /* a value, and lengths of the columns */, REST = 900 /* run, elapsed_s, point_run, indices */ };
  double bytes = REST + (r->sketch ? row_bytes(ID + NUMBER + (double)r->sketch_bytes) : 0);
  for (size_t i = 0; i < r->n_metrics; i++) {
    const struct catalog_metric *m = &r->metric[i];
    bytes += row_bytes(ID + NUMBER + (double)(strlen(m->metric) + strlen(m->klass) + strlen(m->place) + strlen(r->policy)));
  }
  return bytes;
}

/* One page for each table and index. */
double catalog_empty_bytes(void) { return 15.0 * PAGE; }

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static bool put_texts(struct catalog *c, enum statement which, const char *a, const char *b, const char *third,
                      struct err *err)
{
  sqlite3_stmt *s = ready(c, which);
  if (!s)
    return failed(c, err);
  if (a)
    bind_text(s, 1, a);
  if (b)
    bind_text(s, 2, b);
  if (third)
    bind_text(s, 3, third);
  return done(c, s, err);
}

bool catalog_put_study(struct catalog *c, const char *study, const char *resolved_json, struct err *err)
{
  return put_texts(c, PUT_STUDY, study, resolved_json, NULL, err);
}

bool catalog_put_policy(struct catalog *c, const char *policy, struct err *err)
{
  return put_texts(c, PUT_POLICY, policy, NULL, NULL, err);
}

bool catalog_put_note(struct catalog *c, const char *run, const char *key, const char *value, struct err *err)
{
  return put_texts(c, PUT_PROVENANCE, run, key, value ? value : "", err);
}

bool catalog_put_provenance(struct catalog *c, const char *key, const char *value, struct err *err)
{
  return catalog_put_note(c, "", key, value, err);
}

/* A row of a point's number and one or two texts. */
static bool put_at_point(struct catalog *c, enum statement which, uint64_t point, const char *a, const char *b,
                         struct err *err)
{
  sqlite3_stmt *s = ready(c, which);
  if (!s)
    return failed(c, err);
  sqlite3_bind_int64(s, 1, (sqlite3_int64)point);
  bind_text(s, 2, a);
  if (b)
    bind_text(s, 3, b);
  return done(c, s, err);
}

bool catalog_put_study_point(struct catalog *c, uint64_t point, const char *factors_json, const char *overrides_json,
                             struct err *err)
{
  c->view_stale = true;
  return put_at_point(c, PUT_POINT, point, factors_json, overrides_json, err);
}

bool catalog_put_point(struct catalog *c, uint64_t point, const char *factors_json, struct err *err)
{
  return catalog_put_study_point(c, point, factors_json, "", err);
}

bool catalog_put_point_run(struct catalog *c, uint64_t point, const char *run, struct err *err)
{
  return put_at_point(c, PUT_POINT_RUN, point, run, NULL, err);
}

bool catalog_clear_points(struct catalog *c, struct err *err)
{
  c->planned = true;
  c->view_stale = true;
  return execute(c, "DELETE FROM point; DELETE FROM point_run", err);
}

bool catalog_number_runs(struct catalog *c, struct err *err)
{
  return execute(c, "UPDATE run SET point = coalesce((SELECT min(o.point) FROM point_run o WHERE o.run = run.id), -1)"
                    " WHERE point IS NOT coalesce((SELECT min(o.point) FROM point_run o WHERE o.run = run.id), -1)", err);
}

static bool put_run_row(struct catalog *c, const struct catalog_run *r, struct err *err)
{
  sqlite3_stmt *s = ready(c, PUT_RUN);
  if (!s)
    return failed(c, err);
  bind_text(s, 1, r->id);
  bind_text(s, 2, r->study);
  sqlite3_bind_int64(s, 3, c->planned ? -1 : (sqlite3_int64)r->point);   /* unless point_run knows */
  bind_text(s, 4, r->policy);
  bind_text(s, 5, r->kind);
  sqlite3_bind_int64(s, 6, (sqlite3_int64)r->replication);
  sqlite3_bind_int64(s, 7, (sqlite3_int64)r->seed);
  bind_text(s, 8, state_name[r->state]);
  bind_text(s, 9, r->message);
  bind_text(s, 10, r->trace_hash);
  bind_text(s, 11, r->trace_file);
  bind_text(s, 12, r->trace_file_hash);
  sqlite3_bind_int64(s, 13, (sqlite3_int64)r->events);
  return done(c, s, err);
}

static int by_name(const void *a, const void *b)
{
  const struct catalog_metric *x = a, *y = b;
  int order = strcmp(x->metric, y->metric);
  order = order ? order : strcmp(x->klass, y->klass);
  return order ? order : strcmp(x->place, y->place);
}

/* A copy in the order of the table's key, in which rows are added fastest; caller frees. */
static struct catalog_metric *sorted_metrics(const struct catalog_run *r)
{
  struct catalog_metric *sorted = malloc((r->n_metrics + 1) * sizeof *sorted);
  if (!sorted)
    check_out_of_memory(r->n_metrics * sizeof *sorted);
  if (r->n_metrics)
    memcpy(sorted, r->metric, r->n_metrics * sizeof *sorted);
  qsort(sorted, r->n_metrics, sizeof *sorted, by_name);
  return sorted;
}

static void bind_metric(sqlite3_stmt *s, int at, const struct catalog_metric *m)
{
  bind_text(s, at, m->metric), bind_text(s, at + 1, m->klass), bind_text(s, at + 2, m->place);
  if (isnan(m->value))
    sqlite3_bind_null(s, at + 3);                       /* NaN: no value: NULL */
  else
    sqlite3_bind_double(s, at + 3, m->value);
}

static bool put_sorted(struct catalog *c, const struct catalog_run *r, const struct catalog_metric *sorted,
                       struct err *err)
{
  sqlite3_stmt *one = ready(c, PUT_METRIC), *many = ready(c, PUT_METRICS);
  if (!one || !many)
    return failed(c, err);
  bind_text(one, 1, r->id), bind_text(one, 2, r->policy);
  bind_text(many, 1, r->id), bind_text(many, 2, r->policy);
  bool ok = true;
  for (size_t i = 0; i < r->n_metrics && ok;) {
    size_t n = r->n_metrics - i >= METRICS_AT_ONCE ? METRICS_AT_ONCE : 1;
    sqlite3_stmt *s = n > 1 ? many : one;
    for (size_t k = 0; k < n; k++, i++)
      bind_metric(s, 3 + 4 * (int)k, &sorted[i]);
    ok = done(c, s, err);
  }
  return ok;
}

/* fresh: the catalogue has nothing of this run. */
static bool put_metrics(struct catalog *c, const struct catalog_run *r, bool fresh, struct err *err)
{
  struct catalog_metric *sorted = sorted_metrics(r);
  bool ok = (fresh || put_texts(c, DROP_METRICS, r->id, NULL, NULL, err)) && put_sorted(c, r, sorted, err);
  free(sorted);
  return ok;
}

static bool put_sketch(struct catalog *c, const struct catalog_run *r, bool fresh, struct err *err)
{
  if (!fresh && !put_texts(c, DROP_SKETCH, r->id, NULL, NULL, err))
    return false;
  if (r->sketch_bytes == 0)
    return true;
  sqlite3_stmt *s = ready(c, PUT_SKETCH);
  if (!s)
    return failed(c, err);
  bind_text(s, 1, r->id);
  sqlite3_bind_blob64(s, 2, r->sketch, r->sketch_bytes, SQLITE_STATIC);
  return done(c, s, err);
}

static bool put_attempts(struct catalog *c, const struct catalog_run *r, struct err *err)
{
  char text[16];
  snprintf(text, sizeof text, "%d", r->attempts);
  return r->attempts == 0 || put_texts(c, PUT_PROVENANCE, r->id, "attempts", text, err);
}

static bool put_run(struct catalog *c, const struct catalog_run *r, bool fresh, struct err *err)
{
  char elapsed[40];
  snprintf(elapsed, sizeof elapsed, "%.6f", r->elapsed_s);
  if (!put_texts(c, SAVE, NULL, NULL, NULL, err))
    return false;
  c->view_stale = true;
  bool ok = catalog_put_policy(c, r->policy, err)
            && (c->planned || put_at_point(c, PUT_OWN_POINT, r->point, r->id, NULL, err)) && put_run_row(c, r, err)
            && put_metrics(c, r, fresh, err) && put_sketch(c, r, fresh, err) && put_attempts(c, r, err)
            && put_texts(c, PUT_PROVENANCE, r->id, "elapsed_s", elapsed, err);
  if (!ok)
    sqlite3_exec(c->db, "ROLLBACK TO one_run", NULL, NULL, NULL);
  return put_texts(c, RELEASE, NULL, NULL, NULL, err) && ok;
}

bool catalog_put(struct catalog *c, const struct catalog_run *r, struct err *err) { return put_run(c, r, false, err); }

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void copy_hex(char out[33], const unsigned char *text)
{
  snprintf(out, 33, "%s", text ? (const char *)text : "");
}

static enum run_state read_state(const unsigned char *text)
{
  return !text || *text == 'f' ? RUN_FAILED : *text == 'd' ? RUN_DONE : RUN_QUARANTINED;
}

static void read_run(struct catalog *c, sqlite3_stmt *s, struct catalog_run *r)
{
  *r = (struct catalog_run){.point = (uint64_t)sqlite3_column_int64(s, 2),
    .replication = (uint64_t)sqlite3_column_int64(s, 5), .seed = (uint64_t)sqlite3_column_int64(s, 6),
    .events = (uint64_t)sqlite3_column_int64(s, 12), .elapsed_s = sqlite3_column_double(s, 13)};
  copy_hex(r->id, sqlite3_column_text(s, 0));
  r->study = keep_word(c, sqlite3_column_text(s, 1));
  r->policy = keep_word(c, sqlite3_column_text(s, 3));
  r->kind = keep_word(c, sqlite3_column_text(s, 4));
  r->state = read_state(sqlite3_column_text(s, 7));
  r->message = keep_word(c, sqlite3_column_text(s, 8));
  copy_hex(r->trace_hash, sqlite3_column_text(s, 9));
  r->trace_file = keep_text(c, sqlite3_column_text(s, 10));
  copy_hex(r->trace_file_hash, sqlite3_column_text(s, 11));
}

bool catalog_has(struct catalog *c, const char *id, struct catalog_run *run)
{
  sqlite3_stmt *s = ready(c, GET_RUN);
  if (!s)
    return false;
  bind_text(s, 1, id);
  bool found = sqlite3_step(s) == SQLITE_ROW;
  if (found && run)
    read_run(c, s, run);
  sqlite3_reset(s);
  return found;
}

/* State of a run without reading the whole row; -1: there is none. */
static int state_of(struct catalog *c, const char *id)
{
  sqlite3_stmt *s = ready(c, GET_STATE);
  if (!s)
    return -1;
  bind_text(s, 1, id);
  int state = sqlite3_step(s) == SQLITE_ROW ? (int)read_state(sqlite3_column_text(s, 0)) : -1;
  sqlite3_reset(s);
  return state;
}

bool catalog_is_done(struct catalog *c, const char *id) { return state_of(c, id) == RUN_DONE; }

static const char *get_text(struct catalog *c, sqlite3_stmt *s)
{
  const char *text = NULL;
  if (s && sqlite3_step(s) == SQLITE_ROW)
    text = keep_text(c, sqlite3_column_text(s, 0));
  sqlite3_reset(s);
  return text;
}

const char *catalog_study_json(struct catalog *c) { return get_text(c, ready(c, GET_STUDY)); }

const char *catalog_point_json(struct catalog *c, uint64_t point)
{
  sqlite3_stmt *s = ready(c, GET_POINT);
  sqlite3_bind_int64(s, 1, (sqlite3_int64)point);
  return get_text(c, s);
}

const char *catalog_point_overrides(struct catalog *c, uint64_t point)
{
  sqlite3_stmt *s = c->format > 1 ? ready(c, GET_OVERRIDES) : NULL;
  if (s)
    sqlite3_bind_int64(s, 1, (sqlite3_int64)point);
  return s ? get_text(c, s) : NULL;
}

const char *catalog_note(struct catalog *c, const char *run, const char *key)
{
  sqlite3_stmt *s = ready(c, GET_PROVENANCE);
  bind_text(s, 1, run), bind_text(s, 2, key);
  return get_text(c, s);
}

const char *catalog_provenance(struct catalog *c, const char *key) { return catalog_note(c, "", key); }

static void unit_key(const char *factor, char out[FACTOR_KEY]) { snprintf(out, FACTOR_KEY, "unit.%s", factor); }

const char *catalog_factor_unit(struct catalog *c, const char *factor)
{
  char key[FACTOR_KEY];
  unit_key(factor, key);
  return catalog_provenance(c, key);
}

bool catalog_put_factor_unit(struct catalog *c, const char *factor, const char *unit, struct err *err)
{
  char key[FACTOR_KEY];
  unit_key(factor, key);
  return catalog_put_provenance(c, key, unit, err);
}

static bool read_metrics(struct catalog *c, struct catalog_run *r, struct err *err)
{
  sqlite3_stmt *s = ready(c, GET_METRICS);
  if (!s)
    return failed(c, err);
  bind_text(s, 1, r->id);
  struct catalog_metric *found = NULL;
  size_t n = 0, room = 0;
  int code;
  while ((code = sqlite3_step(s)) == SQLITE_ROW) {
    if (n == room) {
      room = room ? 2 * room : 64;
      found = realloc(found, room * sizeof *found);
      if (!found)
        check_out_of_memory(room * sizeof *found);
    }
    bool none = sqlite3_column_type(s, 3) == SQLITE_NULL;
    found[n++] = (struct catalog_metric){
      keep_word(c, sqlite3_column_text(s, 0)), keep_word(c, sqlite3_column_text(s, 1)),
      keep_word(c, sqlite3_column_text(s, 2)), none ? (double)NAN : sqlite3_column_double(s, 3)};
  }
  sqlite3_reset(s);
  struct catalog_metric *kept = keep_bytes(c, n * sizeof *kept);
  if (n)
    memcpy(kept, found, n * sizeof *kept);
  free(found);
  r->metric = kept;
  r->n_metrics = n;
  return code == SQLITE_DONE || failed(c, err);
}

static bool read_sketch(struct catalog *c, struct catalog_run *r, struct err *err)
{
  sqlite3_stmt *s = ready(c, GET_SKETCH);
  if (!s)
    return failed(c, err);
  bind_text(s, 1, r->id);
  if (sqlite3_step(s) == SQLITE_ROW) {
    r->sketch_bytes = (size_t)sqlite3_column_bytes(s, 0);
    void *kept = keep_bytes(c, r->sketch_bytes);
    if (r->sketch_bytes)
      memcpy(kept, sqlite3_column_blob(s, 0), r->sketch_bytes);
    r->sketch = kept;
  }
  sqlite3_reset(s);
  return true;
}

bool catalog_complete(struct catalog *c, struct catalog_run *r, struct err *err)
{
  return read_metrics(c, r, err) && read_sketch(c, r, err);
}

/* point: NULL, all. */
static bool visit_runs(struct catalog *c, enum statement list, const uint64_t *point, bool with_metrics,
                       catalog_visit_fn *visit, void *context, struct err *err)
{
  sqlite3_stmt *s = NULL;                               /* not the shared one: a visitor may list as well */
  if (sqlite3_prepare_v2(c->db, sql[list], -1, &s, NULL) != SQLITE_OK)
    return failed(c, err);
  if (point)
    sqlite3_bind_int64(s, 1, (sqlite3_int64)*point);
  bool ok = true, more = true;
  int code = SQLITE_DONE;
  while (ok && more && (code = sqlite3_step(s)) == SQLITE_ROW) {
    struct catalog_run r;
    read_run(c, s, &r);
    ok = !with_metrics || catalog_complete(c, &r, err);
    more = ok && visit(context, &r);
  }
  ok = ok && (code == SQLITE_DONE || !more || failed(c, err));
  sqlite3_finalize(s);
  return ok;
}

bool catalog_runs(struct catalog *c, bool with_metrics, catalog_visit_fn *visit, void *context, struct err *err)
{
  return visit_runs(c, c->format > 1 ? LIST_RUNS : LIST_RUNS_1, NULL, with_metrics, visit, context, err);
}

bool catalog_runs_of(struct catalog *c, uint64_t point, catalog_visit_fn *visit, void *context, struct err *err)
{
  return visit_runs(c, c->format > 1 ? LIST_POINT : LIST_POINT_1, &point, false, visit, context, err);
}

/* ---- many points -------------------------------------------------------------------------------------------------- */

/* Rows of a query until the visitor or they end. */
typedef bool row_fn(struct catalog *c, sqlite3_stmt *row, void *context);

static bool visit_rows(struct catalog *c, const char *query, const char *const parameter[2], row_fn *visit, void *context,
                       struct err *err)
{
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(c->db, query, -1, &s, NULL) != SQLITE_OK)
    return failed(c, err);
  for (int i = 0; parameter && i < 2; i++)
    bind_text(s, i + 1, parameter[i]);
  bool more = true;
  int code = SQLITE_DONE;
  while (more && (code = sqlite3_step(s)) == SQLITE_ROW)
    more = visit(c, s, context);
  bool ok = code == SQLITE_DONE || !more || failed(c, err);
  sqlite3_finalize(s);
  return ok;
}

struct visit_value { catalog_value_fn *visit; void *context; };

static bool one_value(struct catalog *c, sqlite3_stmt *s, void *context)
{
  struct visit_value *v = context;
  struct catalog_run r;
  read_run(c, s, &r);
  bool none = sqlite3_column_type(s, 15) == SQLITE_NULL;
  return v->visit(v->context, (uint64_t)sqlite3_column_int64(s, 14), &r,
                  none ? (double)NAN : sqlite3_column_double(s, 15));
}

#define VALUES_OF(points) "SELECT r.id, r.study, r.point, r.policy, r.kind, r.replication, r.seed, r.state, r.message," \
  " r.trace_hash, r.trace_file, r.trace_file_hash, r.events, 0, q.point, m.value" \
  " FROM (" points ") q JOIN run r ON r.id = q.run LEFT JOIN policy p ON p.policy = r.policy" \
  " LEFT JOIN metric m ON m.run = r.id AND m.name = ?1 AND m.class = '' AND m.place = ?2" \
  " ORDER BY q.point, p.position, r.policy, r.replication"

bool catalog_values(struct catalog *c, const char *metric, const char *place, catalog_value_fn *visit, void *context,
                    struct err *err)
{
  const char *query = c->format > 1 ? VALUES_OF("SELECT point, run FROM point_run")
                             : VALUES_OF("SELECT point, id AS run FROM run");
  return visit_rows(c, query, (const char *const[]){metric, place}, one_value, &(struct visit_value){visit, context}, err);
}

struct visit_point { catalog_point_fn *visit; void *context; };

static bool one_point(struct catalog *c, sqlite3_stmt *s, void *context)
{
  struct visit_point *v = context;
  return v->visit(v->context, (uint64_t)sqlite3_column_int64(s, 0), keep_text(c, sqlite3_column_text(s, 1)));
}

bool catalog_points(struct catalog *c, catalog_point_fn *visit, void *context, struct err *err)
{
  return visit_rows(c, "SELECT point, factors FROM point ORDER BY point", NULL, one_point,
                    &(struct visit_point){visit, context}, err);
}

uint64_t catalog_n_points(struct catalog *c)
{
  int64_t n = one_integer(c, "SELECT count(*) FROM point", 0);
  return n > 0 ? (uint64_t)n : 0;
}

void catalog_count(struct catalog *c, uint64_t count[3])
{
  char text[96];
  for (int k = 0; k < 3; k++) {
    snprintf(text, sizeof text, "SELECT count(*) FROM run WHERE state = '%s' AND point >= 0", state_name[k]);
    int64_t n = one_integer(c, text, 0);
    count[k] = n > 0 ? (uint64_t)n : 0;
  }
}

bool catalog_failures(struct catalog *c, catalog_failure_fn *visit, void *context, struct err *err)
{
  sqlite3_stmt *s = ready(c, LIST_FAILURES);
  int code = SQLITE_ERROR;
  while (s && (code = sqlite3_step(s)) == SQLITE_ROW)
    visit(context, (const char *)sqlite3_column_text(s, 0), (uint64_t)sqlite3_column_int64(s, 1),
          (const char *)sqlite3_column_text(s, 4), (const char *)sqlite3_column_text(s, 5));
  if (s)
    sqlite3_reset(s);
  return code == SQLITE_DONE || failed(c, err);
}

bool catalog_brief(struct catalog *c, catalog_brief_fn *visit, void *context, struct err *err)
{
  sqlite3_stmt *s = ready(c, LIST_BRIEF);
  int code = SQLITE_ERROR;
  while (s && (code = sqlite3_step(s)) == SQLITE_ROW)
    visit(context, &(struct catalog_brief){
      .id = (const char *)sqlite3_column_text(s, 0), .trace_file = (const char *)sqlite3_column_text(s, 1),
      .trace_file_hash = (const char *)sqlite3_column_text(s, 2), .policy = (const char *)sqlite3_column_text(s, 3),
      .point = (uint64_t)sqlite3_column_int64(s, 4), .state = read_state(sqlite3_column_text(s, 5)),
      .elapsed_s = sqlite3_column_double(s, 6), .attempts = sqlite3_column_int(s, 7)});
  if (s)
    sqlite3_reset(s);
  return code == SQLITE_DONE || failed(c, err);
}

/* ---- a second result --------------------------------------------------------------------------------------------- */

/* NaN is stored as NULL. */
static bool same_value(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

bool catalog_same_metrics(const struct catalog_run *a, const struct catalog_run *b)
{
  if (a->n_metrics != b->n_metrics)
    return false;
  struct catalog_metric *x = sorted_metrics(a), *y = sorted_metrics(b);
  bool same = true;
  for (size_t i = 0; i < a->n_metrics && same; i++)
    same = by_name(&x[i], &y[i]) == 0 && same_value(x[i].value, y[i].value);
  free(x);
  free(y);
  return same;
}

bool catalog_get(struct catalog *c, const char *id, struct catalog_run *r, bool *found, struct err *err)
{
  *found = catalog_has(c, id, r) && r->state == RUN_DONE;
  return !*found || read_metrics(c, r, err);
}

static bool note_conflict(struct catalog *c, const struct catalog_run *r, struct err *err)
{
  char text[128];
  snprintf(text, sizeof text, "another result came later: trace_hash %s, %zu metrics", r->trace_hash, r->n_metrics);
  return catalog_put_note(c, r->id, "conflict", text, err);
}

bool catalog_settle(struct catalog *c, const struct catalog_run *r, enum settled *how, struct err *err)
{
  struct catalog_run before;
  bool found;
  *how = SETTLED_NEW;
  int state = state_of(c, r->id);
  if (state != RUN_DONE)
    return put_run(c, r, state < 0, err);
  *how = SETTLED_SAME;
  if (r->state != RUN_DONE)                             /* a failure never replaces what is done */
    return true;
  if (!catalog_get(c, r->id, &before, &found, err))
    return false;
  if (strcmp(before.trace_hash, r->trace_hash) == 0 && catalog_same_metrics(&before, r))
    return !*r->trace_file || catalog_put(c, r, err);   /* its trace is new, or was damaged */
  *how = SETTLED_CONFLICT;
  return note_conflict(c, r, err);
}

bool catalog_lock_held(const char *dir)
{
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (fd >= 0)
    close(fd);
  return held;
}

const char *catalog_library(void) { return sqlite3_libversion(); }
