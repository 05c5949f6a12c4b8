/* sqlite_read.c: reads of a replica of data kept by SQLite: a row by its key (sqlite_point), the sum over `span` rows from a
 * key on (sqlite_range). The database is a file; its pages are in the library's cache, as those of a busy replica are.
 *
 * A row is an integer key, an integer and 100 B: 128 B of the file, about. Work: rows read. Keys are drawn evenly.
 * Self-check: what is read is what was written, which follows from the key: value(k) = 7 k + 3, so that the span k .. k+n-1
 * sums up to 7 n (2k + n - 1) / 2 + 3 n; k = 1, n = 4: 82. */
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_SQLITE
#include <sqlite3.h>
#endif

enum { ROWS, SPAN };
enum { ROW_BYTES = 128, PAYLOAD = 100, TURNS = 4096 };

static double working_set(const double *p) { return ROW_BYTES * p[ROWS]; }
static double point_units(const double *p) { return 1; }
static double range_units(const double *p) { return p[SPAN]; }
static double axis_value(const double *p, int axis) { return axis == 0 ? working_set(p) : p[SPAN]; }
static bool range_allowed(const double *p) { return p[SPAN] <= p[ROWS] / 4; }

#ifdef HAVE_SQLITE
struct replica {
  char path[512];
  sqlite3 *base;
  sqlite3_stmt *read;
  size_t rows, span, turn;
  int64_t key[TURNS], sum;
  bool failed;
};

static const char *unavailable(void) { return NULL; }

static void finish(void *state)
{
  struct replica *s = state;
  if (!s) return;
  sqlite3_finalize(s->read);
  sqlite3_close(s->base);
  free(s);
}

static bool fill(struct replica *s)
{
  sqlite3_stmt *insert = NULL;
  char payload[PAYLOAD];
  memset(payload, 'x', sizeof payload);
  bool ok = sqlite3_exec(s->base, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;"
                         "CREATE TABLE item (id INTEGER PRIMARY KEY, value INTEGER, payload BLOB); BEGIN", NULL, NULL, NULL) == SQLITE_OK
            && sqlite3_prepare_v2(s->base, "INSERT INTO item VALUES (?, ?, ?)", -1, &insert, NULL) == SQLITE_OK;
  for (int64_t k = 1; ok && k <= (int64_t)s->rows; k++) {
    sqlite3_bind_int64(insert, 1, k);
    sqlite3_bind_int64(insert, 2, 7 * k + 3);
    sqlite3_bind_blob(insert, 3, payload, sizeof payload, SQLITE_STATIC);
    ok = sqlite3_step(insert) == SQLITE_DONE && sqlite3_reset(insert) == SQLITE_OK;
  }
  sqlite3_finalize(insert);
  return ok && sqlite3_exec(s->base, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

/* The file loses its name at once: it is gone however this process ends. */
static bool open_it(struct replica *s, char *why)
{
  if (!scratch_named(s->path, sizeof s->path, why)) return false;
  bool ok = sqlite3_open(s->path, &s->base) == SQLITE_OK && fill(s);
  unlink(s->path);
  const char *text = s->span ? "SELECT sum(value), sum(length(payload)) FROM item WHERE id >= ?1 AND id < ?1 + ?2"
                             : "SELECT value, length(payload) FROM item WHERE id = ?1";
  ok = ok && sqlite3_prepare_v2(s->base, text, -1, &s->read, NULL) == SQLITE_OK;
  return ok || scratch_why(why, "SQLite: %.120s", s->base ? sqlite3_errmsg(s->base) : "no memory");
}

static void *prepare(const double *p, uint64_t seed, size_t span, char *why)
{
  struct replica *s = calloc(1, sizeof *s);
  if (!s) return scratch_why(why, "no memory"), NULL;
  s->rows = scratch_count(p[ROWS]);
  s->span = span;
  size_t last = s->rows - (span ? span - 1 : 0);
  for (int i = 0; i < TURNS; i++) s->key[i] = (int64_t)(1 + kernel_random(&seed) % last);
  if (open_it(s, why)) return s;
  finish(s);
  return NULL;
}

static void *prepare_point(const double *p, uint64_t seed, char *why) { return prepare(p, seed, 0, why); }
static void *prepare_range(const double *p, uint64_t seed, char *why) { return prepare(p, seed, scratch_count(p[SPAN]), why); }

static void run(void *state)
{
  struct replica *s = state;
  s->turn = (s->turn + 1) % TURNS;
  sqlite3_bind_int64(s->read, 1, s->key[s->turn]);
  if (s->span) sqlite3_bind_int64(s->read, 2, (int64_t)s->span);
  if (sqlite3_step(s->read) == SQLITE_ROW) s->sum = sqlite3_column_int64(s->read, 0);
  else s->failed = true;
  s->failed |= sqlite3_column_int(s->read, 1) != PAYLOAD * (int)(s->span ? s->span : 1);
  sqlite3_reset(s->read);
}

static bool check(void *state, char *why)
{
  struct replica *s = state;
  for (int i = 0; i < 100; i++) {
    run(s);
    int64_t k = s->key[s->turn], n = s->span ? (int64_t)s->span : 1, right = 7 * n * (2 * k + n - 1) / 2 + 3 * n;
    if (s->failed || s->sum != right)
      return scratch_why(why, "rows from %lld on give %lld, not %lld", (long long)k, (long long)s->sum, (long long)right);
  }
  return true;
}
#else
static const char *unavailable(void) { return "built without SQLite"; }
static void *prepare_point(const double *p, uint64_t seed, char *why) { return scratch_why(why, "built without SQLite"), NULL; }
static void *prepare_range(const double *p, uint64_t seed, char *why) { return scratch_why(why, "built without SQLite"), NULL; }
static void run(void *state) { }
static bool check(void *state, char *why) { return scratch_why(why, "built without SQLite"); }
static void finish(void *state) { }
#endif

static const double points[][KERNEL_PARAMETERS] = {{500}, {1000}, {2000}, {5000}, {10000}, {20000}, {50000}, {100000}, {200000}};
static const double points_quick[][KERNEL_PARAMETERS] = {{500}, {5000}, {50000}};
static const double ranges[][KERNEL_PARAMETERS] = {
  {1000, 8}, {1000, 32}, {1000, 128}, {10000, 8}, {10000, 32}, {10000, 128}, {10000, 512}, {10000, 2048},
  {100000, 8}, {100000, 32}, {100000, 128}, {100000, 512}, {100000, 2048}};
static const double ranges_quick[][KERNEL_PARAMETERS] = {{1000, 8}, {1000, 128}, {20000, 8}, {20000, 128}, {20000, 2048}};

const struct kernel kernel_sqlite_point = {
  .name = "sqlite_point", .version = 1, .unit = "read", .bound = BOUND_SYSTEM,
  .n_parameters = 1, .parameter = {{"rows", 500, 200000, 1}}, .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(points), .quick = KERNEL_GRID(points_quick),
  .units = point_units, .axis_value = axis_value, .unavailable = unavailable,
  .prepare = prepare_point, .run = run, .check = check, .finish = finish,
};
const struct kernel kernel_sqlite_range = {
  .name = "sqlite_range", .version = 1, .unit = "row", .bound = BOUND_SYSTEM,
  .n_parameters = 2, .parameter = {{"rows", 1000, 100000, 1}, {"span", 8, 2048, 1}}, .n_axes = 2, .axis = {"working_set", "span"},
  .full = KERNEL_GRID(ranges), .quick = KERNEL_GRID(ranges_quick),
  .units = range_units, .axis_value = axis_value, .allowed = range_allowed, .unavailable = unavailable,
  .prepare = prepare_range, .run = run, .check = check, .finish = finish,
};
