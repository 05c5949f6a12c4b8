/* Catalogue: what is put is read again; one writer; somebody else's folder is refused; journals survive half an
 * entry. */
#include "analysis/store/catalog.h"
#include "analysis/store/journal.h"
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct catalog_run run_of(const char *policy, uint64_t replication, const struct catalog_metric *metric,
                                 size_t n)
{
  struct catalog_run r = {.replication = replication, .seed = UINT64_MAX, .policy = policy, .kind = "policy",
    .study = "it's", .message = "", .trace_file = "traces/x.h5", .events = 7, .elapsed_s = 0.25, .n_metrics = n,
    .metric = metric, .sketch = "\0ab", .sketch_bytes = 3};
  snprintf(r.id, sizeof r.id, "%s-%llu", policy, (unsigned long long)replication);
  snprintf(r.trace_hash, sizeof r.trace_hash, "%032d", 5);
  return r;
}

static const struct catalog_metric three[] = {{"latency", "", "", 1.0 / 3}, {"latency", "chat", "", (double)NAN},
                                              {"util \"x\"", "", "edge", (double)INFINITY}};

static struct catalog *open_new(const char *dir)
{
  struct err err;
  err_init(&err);
  struct catalog *c = catalog_open(dir, CATALOG_WRITE, &err);
  err_print(&err, stderr, false);
  assert_non_null(c);
  err_release(&err);
  return c;
}

struct seen { size_t n; char id[8][33]; };

static bool look(void *context, const struct catalog_run *r)
{
  struct seen *s = context;
  memcpy(s->id[s->n++], r->id, 33);
  assert_true(r->seed == UINT64_MAX);
  assert_string_equal(r->study, "it's");
  assert_int_equal(r->events, 7);
  assert_true(r->elapsed_s == 0.25);
  assert_int_equal(r->n_metrics, 3);
  assert_string_equal(r->metric[0].metric, "latency");
  assert_true(r->metric[0].value == 1.0 / 3);
  assert_string_equal(r->metric[1].klass, "chat");
  assert_true(isnan(r->metric[1].value));
  assert_string_equal(r->metric[2].place, "edge");
  assert_true(isinf(r->metric[2].value));
  assert_int_equal(r->sketch_bytes, 3);
  assert_memory_equal(r->sketch, "\0ab", 3);
  return s->n < 8;
}

/* Metrics on demand are those of catalog_runs. */
struct whole { struct catalog *catalog; struct seen seen; };

static bool look_whole(void *context, const struct catalog_run *r)
{
  struct whole *w = context;
  struct catalog_run more = *r;
  struct err err;
  err_init(&err);
  assert_int_equal(r->n_metrics, 0);
  assert_true(catalog_complete(w->catalog, &more, &err));
  return look(&w->seen, &more);
}

static void test_round_trip(void **state)
{
  (void)state;
  struct err err;
  err_init(&err);
  struct catalog *c = open_new("a/b/c");
  assert_true(catalog_put_study(c, "it's", "{\"name\":1}", &err));
  assert_true(catalog_put_point(c, 0, "{\"links.rate\":5}", &err));
  assert_true(catalog_put_policy(c, "zeta", &err));
  struct catalog_run r = run_of("alpha", 1, three, 3);
  assert_true(catalog_put(c, &r, &err));
  r = run_of("zeta", 2, three, 3);
  assert_true(catalog_put(c, &r, &err));
  r = run_of("alpha", 0, three, 3);
  assert_true(catalog_put(c, &r, &err));
  assert_true(catalog_put(c, &r, &err));                /* again: replaced, not doubled */
  assert_true(catalog_put_provenance(c, "key", "va'lue", &err));
  catalog_close(c);
  c = catalog_open("a/b/c", CATALOG_READ, &err);
  assert_non_null(c);
  struct seen seen = {0};
  assert_true(catalog_runs(c, true, look, &seen, &err));
  assert_int_equal(seen.n, 3);
  assert_string_equal(seen.id[0], "zeta-2");            /* zeta was named first */
  assert_string_equal(seen.id[1], "alpha-0");
  assert_string_equal(seen.id[2], "alpha-1");
  assert_int_equal(catalog_n_points(c), 1);
  struct whole whole = {.catalog = c};
  assert_true(catalog_runs_of(c, 0, look_whole, &whole, &err));
  assert_int_equal(whole.seen.n, 3);
  assert_string_equal(whole.seen.id[1], "alpha-0");
  assert_true(catalog_runs_of(c, 1, look_whole, &whole, &err));
  assert_int_equal(whole.seen.n, 3);                    /* there is no such point */
  struct catalog_run found;
  assert_true(catalog_has(c, "alpha-1", &found));
  assert_string_equal(found.trace_file, "traces/x.h5");
  assert_false(catalog_has(c, "alpha-2", NULL));
  assert_string_equal(catalog_study_json(c), "{\"name\":1}");
  assert_string_equal(catalog_point_json(c, 0), "{\"links.rate\":5}");
  assert_string_equal(catalog_provenance(c, "key"), "va'lue");
  assert_null(catalog_provenance(c, "none"));
  catalog_close(c);
  err_release(&err);
}

static void test_lock(void **state)
{
  (void)state;
  struct err err;
  err_init(&err);
  struct catalog *c = open_new("locked");
  assert_null(catalog_open("locked", CATALOG_WRITE, &err));
  assert_int_equal(err.code, EXIT_SYSTEM);
  assert_non_null(strstr(err.problems[0].message, "locked"));
  catalog_close(c);
  c = catalog_open("locked", CATALOG_WRITE, &err);
  assert_non_null(c);
  catalog_close(c);
  err_release(&err);
}

static void refuse(const char *dir, enum catalog_mode mode, const char *word)
{
  struct err err;
  err_init(&err);
  assert_null(catalog_open(dir, mode, &err));
  assert_int_equal(err.code, EXIT_SYSTEM);
  if (!strstr(err.problems[0].message, word))
    fail_msg("'%s' lacks '%s'", err.problems[0].message, word);
  err_release(&err);
}

static void write_file(const char *path, const char *text)
{
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static void test_other_folders(void **state)
{
  (void)state;
  mkdir("other", 0777);
  write_file("other/thesis.tex", "x");
  refuse("other", CATALOG_WRITE, "something else");
  assert_int_equal(access("other/thesis.tex", F_OK), 0);
  mkdir("text", 0777);
  write_file("text/catalog.sqlite", "this is no database, but it is long enough to be looked at as one by the library");
  refuse("text", CATALOG_WRITE, "text/catalog.sqlite");
  refuse("text", CATALOG_READ, "text/catalog.sqlite");
  refuse("nothing", CATALOG_READ, "nothing");
  refuse("other/thesis.tex/x", CATALOG_WRITE, "other/thesis.tex");
}

static void test_journal(void **state)
{
  (void)state;
  struct err err;
  err_init(&err);
  int fd = open("journal", O_RDWR | O_CREAT | O_APPEND, 0666);
  struct catalog_run a = run_of("alpha", 3, three, 3), b = run_of("beta", 4, three, 1);
  b.sketch_bytes = 0;
  b.message = "two\nlines";
  assert_true(journal_add(fd, "journal", &a, &err));
  int64_t one = lseek(fd, 0, SEEK_END);
  assert_true(journal_add(fd, "journal", &b, &err));
  int64_t offset = 0;
  struct catalog_run *r = journal_next(fd, &offset);
  assert_non_null(r);
  struct seen seen = {0};
  look(&seen, r);
  assert_string_equal(seen.id[0], "alpha-3");
  assert_int_equal(offset, one);
  journal_release(r);
  r = journal_next(fd, &offset);
  assert_string_equal(r->message, "two\nlines");
  assert_int_equal(r->n_metrics, 1);
  journal_release(r);
  assert_null(journal_next(fd, &offset));
  assert_int_equal(ftruncate(fd, offset - 1), 0);       /* the last entry is no longer whole */
  offset = one;
  assert_null(journal_next(fd, &offset));
  assert_int_equal(offset, one);
  close(fd);
  err_release(&err);
}

int main(void)
{
  char folder[] = "/tmp/offsim-catalog-XXXXXX";
  if (!mkdtemp(folder) || chdir(folder) != 0)
    return 1;
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_round_trip), cmocka_unit_test(test_lock), cmocka_unit_test(test_other_folders),
    cmocka_unit_test(test_journal),
  };
  int failed = cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
  static const char *const made[] = {"a/b/c/catalog.sqlite", "a/b/c", "a/b", "a", "locked/catalog.sqlite", "locked",
                                     "other/thesis.tex", "other", "text/catalog.sqlite", "text", "journal"};
  for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
    remove(made[i]);
  return rmdir(folder) == 0 ? failed : 1;
}
