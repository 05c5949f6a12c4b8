/* trace_in: what a trace file says is what the table holds; what is wrong with it is said with its place. */
#include "models/workload.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

enum { S = 1000000000 };

/* A trace file in a folder of its own, and the definition that reads it. */
struct fixture { char folder[32], path[64]; struct arena *arena; struct err err; struct trace_def def; };

static const struct trace_column_def tokens[] = {{"prompt", "in", 1, MISSING_ERROR, 0, NULL}, {"answer", "out", 1, MISSING_ERROR, 0, NULL}};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  strcpy(f->folder, "/tmp/offsim-trace-XXXXXX");
  assert_non_null(mkdtemp(f->folder));
  snprintf(f->path, sizeof f->path, "%s/t", f->folder);
  f->arena = arena_new();
  err_init(&f->err);
  f->def = trace_def_default();
  f->def.file = f->path;
  f->def.time_column = "t";
  f->def.n_columns = 2;
  f->def.column = tokens;
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  unlink(f->path);
  rmdir(f->folder);
  err_release(&f->err);
  arena_free(f->arena);
  free(f);
  return 0;
}

static void put(struct fixture *f, const char *text)
{
  FILE *out = fopen(f->path, "w");
  fputs(text, out);
  fclose(out);
}

static void put_gz(struct fixture *f, const char *text)
{
  gzFile out = gzopen(f->path, "wb");
  gzwrite(out, text, (unsigned)strlen(text));
  gzclose(out);
}

static const struct trace_table *load(struct fixture *f)
{
  const struct trace_table *t = trace_load(&f->def, f->arena, &f->err);
  if (!t) {
    err_print(&f->err, stderr, false);
    fail_msg("the trace was refused");
  }
  return t;
}

static const struct trace_table *load_text(struct fixture *f, const char *text)
{
  put(f, text);
  return load(f);
}

/* What the user reads; the file's name as FILE. */
static void assert_message(struct fixture *f, const char *text, const char *expected)
{
  if (text)
    put(f, text);
  assert_null(trace_load(&f->def, f->arena, &f->err));
  char *said;
  size_t n;
  FILE *stream = open_memstream(&said, &n);
  err_print(&f->err, stream, false);
  fclose(stream);
  char *plain = calloc(n + 1, 1);
  for (const char *p = said; *p;) {
    bool path = !strncmp(p, f->path, strlen(f->path));
    memcpy(plain + strlen(plain), path ? "FILE" : p, path ? 4 : 1);
    p += path ? strlen(f->path) : 1;
  }
  assert_string_equal(plain, expected);
  free(plain);
  free(said);
  err_release(&f->err);
  err_init(&f->err);
}

static void assert_rows(const struct trace_table *t, uint64_t n, const double *at_s, const double *prompt)
{
  assert_int_equal(t->n, n);
  for (uint64_t i = 0; i < n; i++) {
    assert_int_equal(t->at[i], llround(at_s[i] * S));
    if (prompt)
      assert_true(t->column[0][i] == prompt[i]);
  }
}

/* ---- formats ----------------------------------------------------------------------------------------------------- */

static const double times_s[] = {0, 1.5, 4}, prompts[] = {10, 20, 30};
static const char csv[] = "t,in,other,out\n5,10,x,1\n6.5,20,y,2\n9,30,z,3\n";

static void formats_say_the_same(void **state)
{
  struct fixture *f = *state;
  assert_rows(load_text(f, csv), 3, times_s, prompts);
  assert_rows(load_text(f, "\xef\xbb\xbft,in,other,out\r\n5,10,x,1\r\n\r\n6.5, 20 ,y,2\r\n9,30,z,3"), 3, times_s, prompts);
  assert_rows(load_text(f, "out,\"t\",in,\"a, \"\"b\"\"\"\n1,5,\"10\",\"q,\"\"\"\n2,6.5,2e1,\n3,9,30,\n"), 3, times_s, prompts);
  f->def.format = TRACE_TSV;
  assert_rows(load_text(f, "t\tin\tout\n5\t10\t1\n6.5\t20\t2\n9\t30\t3\n"), 3, times_s, prompts);
  f->def.format = TRACE_JSONL;
  const struct trace_table *t = load_text(f, "{\"in\": 10, \"t\": 5, \"ids\": [1, {\"t\": 9}], \"out\": 1}\n"
                                             "{ \"t\" : 6.5 ,\"note\":\"a \\\"}\",\"out\":2,\"in\":\"20\" }\n{\"t\":9,\"in\":30,\"out\":3}\n");
  assert_rows(t, 3, times_s, prompts);
  assert_true(t->column[1][2] == 3);
  assert_int_equal(t->span, 4 * (int64_t)S);
  assert_int_equal(t->period, 6 * (int64_t)S);          /* and one mean gap */
}

static void gz_is_plain(void **state)
{
  struct fixture *f = *state;
  char *text = malloc(4000000);
  size_t n = (size_t)sprintf(text, "t,in,out\n");
  for (int i = 0; i < 200000; i++)
    n += (size_t)sprintf(text + n, "%d.%03d,%d,1\n", i, i % 1000, i * 7 % 5000);
  const struct trace_table *plain = load_text(f, text);
  put_gz(f, text);
  const struct trace_table *packed = load(f);
  assert_int_equal(plain->n, 200000);
  assert_int_equal(packed->n, plain->n);
  assert_memory_equal(plain->at, packed->at, plain->n * sizeof *plain->at);
  assert_memory_equal(plain->column[0], packed->column[0], plain->n * sizeof(double));
  assert_true(plain->column[0][199999] == 199999 * 7 % 5000);
  free(text);
}

static void cut_gz_is_damaged(void **state)
{
  struct fixture *f = *state;
  char text[20000] = "t,in,out\n";
  for (int i = 0; i < 900; i++)
    sprintf(text + strlen(text), "%d,%d,1\n", i, (i * 7919) % 4001);
  put_gz(f, text);
  assert_int_equal(truncate(f->path, 1000), 0);
  assert_null(trace_load(&f->def, f->arena, &f->err));
  assert_int_equal(f->err.code, EXIT_SYSTEM);
  assert_non_null(strstr(f->err.problems[0].message, "the compressed data end too early"));
}

/* 2024-02-28 23:59:59.5 to 2024-03-01 00:00:00 is a leap day and half a second; digits of 100 ns count. */
static void dates_are_exact(void **state)
{
  struct fixture *f = *state;
  f->def.time_is_datetime = true;
  const struct trace_table *t = load_text(f, "t,in,out\n2024-02-28 23:59:59.5,1,1\n2024-03-01T00:00:00.0000001,1,1\n"
                                             "2024-03-01 01:00:01Z,1,1\n2024-03-01 00:00:02-01:00,1,1\n2024-03-01 02:30:03+0130,1,1\n");
  assert_int_equal(t->at[1], 86400 * (int64_t)S + S / 2 + 100);
  assert_int_equal(t->at[2], 90001 * (int64_t)S + S / 2);
  assert_int_equal(t->at[3], 90002 * (int64_t)S + S / 2);
  assert_int_equal(t->at[4], 90003 * (int64_t)S + S / 2);
  f->def.origin_first = false;                          /* time of day */
  t = load_text(f, "t,in,out\n2024-02-28 13:00:00,1,1\n2024-02-28 13:00:01,1,1\n");
  assert_int_equal(t->at[0], 13 * 3600 * (int64_t)S);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void where_keeps_rows_that_hold(void **state)
{
  struct fixture *f = *state;
  const struct trace_where_def both[] = {{"in", ">=", NULL, 20, true}, {"kind", "!=", "b", 0, false}};
  f->def.keep = both;
  f->def.n_where = 2;
  const struct trace_table *t = load_text(f, "t,in,out,kind\n0,10,1,a\n1,20,1,b\n2,30,1,a\n3,20,1,c\n");
  assert_rows(t, 2, (double[]){2, 3}, (double[]){30, 20});
  assert_int_equal(t->rows_read, 4);
}

static void missing_values_do_as_told(void **state)
{
  struct fixture *f = *state;
  struct trace_column_def column[] = {{"prompt", "in", 2, MISSING_SKIP, 0, NULL}, {"answer", "out", 1, MISSING_VALUE, 7, NULL}};
  f->def.column = column;
  const struct trace_table *t = load_text(f, "t,in,out\n0,10,\n1,,5\n2,NA,5\n3,40,6\n");
  assert_rows(t, 2, (double[]){0, 3}, (double[]){20, 80});
  assert_true(t->column[1][0] == 7 && t->column[1][1] == 6);
}

static void times_are_shaped_in_order(void **state)
{
  struct fixture *f = *state;
  const char *text = "t,in,out\n100,1,1\n101,2,1\n101,3,1\n101,4,1\n101,5,1\n109,6,1\n200,7,1\n";
  assert_int_equal(load_text(f, text)->ties, 3);
  f->def.spread_ties_s = 2;
  assert_rows(load(f), 7, (double[]){0, 1, 1.5, 2, 2.5, 9, 100}, NULL);
  f->def.max_gap_s = 1;                                 /* gaps are cut before; then ties have but one second */
  assert_rows(load(f), 7, (double[]){0, 1, 1.25, 1.5, 1.75, 2, 3}, NULL);
  f->def.rate = 2;
  assert_rows(load(f), 7, (double[]){0, .5, .625, .75, .875, 1, 1.5}, NULL);
  f->def.rate = 1;
  f->def.max_gap_s = f->def.spread_ties_s = 0;
  f->def.slice_from_s = 1;
  f->def.slice_to_s = 100;                              /* its end is outside */
  assert_rows(load(f), 5, (double[]){0, 0, 0, 0, 8}, (double[]){2, 3, 4, 5, 6});
  f->def.slice_from_s = 300;
  f->def.slice_to_s = 0;
  assert_message(f, NULL, "FILE: error: no row passes 'where', 'missing' and 'slice'\n");
  f->def.slice_from_s = 0;
  f->def.slice_to_s = 2;                                /* what follows the slice is not read */
  assert_rows(load_text(f, "t,in,out\n5,1,1\n6,2,1\n7,3,1\nmad\n"), 2, (double[]){0, 1}, NULL);
}

/* ---- mistakes ---------------------------------------------------------------------------------------------------- */

static void mistakes_have_a_place(void **state)
{
  struct fixture *f = *state;
  assert_message(f, "t,in,out\n1,10,2\n2,1o,2\n3,10\n",
                 "FILE:3:3: error: 'in' is not a number: '1o'\n    3 | 2,1o,2\n      |   ^~\n"
                 "FILE:4:1: error: 2 fields, but the header names 3\n    4 | 3,10\n      | ^~~~\n");
  assert_message(f, "t,inn,out\n1,10,2\n",
                 "FILE:1:1: error: no column 'in'; did you mean 'inn'?\n    1 | t,inn,out\n      | ^~~~~~~~~\n");
  assert_message(f, "t,in,out,in\n1,10,2,3\n", "FILE:1:10: error: two columns are named 'in'\n    1 | t,in,out,in\n      |          ^~\n");
  assert_message(f, "t,in,out\n5,1,1\n4.5,1,1\n6,1,1\n", "FILE:3:1: error: time goes back by 0.5 s\n    3 | 4.5,1,1\n      | ^~~\n");
  assert_message(f, "t,in,out\n5,1,\n", "FILE:2:5: error: no value: 'out' is missing\n    2 | 5,1,\n      |     ^\n");
  assert_message(f, "t,in,out\n,1,2\n", "FILE:2:1: error: no time: 't' is missing\n    2 | ,1,2\n      | ^\n");
  assert_message(f, "t,in,out\n1,1,\"2\n", "FILE:2:5: error: quote is not closed on this line\n    2 | 1,1,\"2\n      |     ^\n");
  assert_message(f, "t,in,out\n1,1,\"2\"3\n", "FILE:2:8: error: text after a closing quote\n    2 | 1,1,\"2\"3\n      |        ^\n");
  assert_message(f, "t,in,out\n1,nan1,2\n", "FILE:2:3: error: 'in' is not a number: 'nan1'\n    2 | 1,nan1,2\n      |   ^~~~\n");
  assert_message(f, "t,in,out\n1e400,1,2\n", "FILE:2:1: error: 't' is not a number: '1e400'\n    2 | 1e400,1,2\n      | ^~~~~\n");
  assert_message(f, "t,in,out\n1e12,1,2\n", "FILE:2:1: error: time is out of range: '1e12'\n    2 | 1e12,1,2\n      | ^~~~\n");
  assert_message(f, "t,in,out\n", "FILE: error: trace has no rows\n");
  assert_message(f, "", "FILE: error: trace is empty: a line with the names of the columns is missing\n");
}

static void dates_that_are_none(void **state)
{
  struct fixture *f = *state;
  f->def.time_is_datetime = true;
  static const char *const wrong[] = {"2023-02-29 00:00:00", "2023-13-01 00:00:00", "2023-01-01 24:00:00",
                                      "2023-01-01", "2023-01-01 00:00:00 x", "17", "2023-01-01 00:00:00+1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char text[100], expected[400];
    sprintf(text, "t,in,out\n%s,1,1\n", wrong[i]);
    int n = sprintf(expected, "FILE:2:1: error: 't' is not a date and time: '%s' (YYYY-MM-DD HH:MM:SS.fffffff)\n"
                              "    2 | %s,1,1\n      | ^", wrong[i], wrong[i]);
    for (size_t k = 1; k < strlen(wrong[i]); k++)
      n += sprintf(expected + n, "~");
    sprintf(expected + n, "\n");
    assert_message(f, text, expected);
  }
}

static void json_lines_that_are_none(void **state)
{
  struct fixture *f = *state;
  f->def.format = TRACE_JSONL;
  assert_message(f, "{\"t\": 1, \"in\": 2, \"out\": 3}\n[1]\n",
                 "FILE:2:1: error: not a JSON object: expected '{'\n    2 | [1]\n      | ^\n");
  assert_message(f, "{\"t\": 1, \"in\": [2, \"out\": 3}\n",
                 "FILE:1:16: error: not a JSON object: expected a value that ends on this line\n"
                 "    1 | {\"t\": 1, \"in\": [2, \"out\": 3}\n      |                ^\n");
  assert_message(f, "{\"t\": 1 \"in\": 2}\n", "FILE:1:9: error: not a JSON object: expected ',' or '}'\n"
                                             "    1 | {\"t\": 1 \"in\": 2}\n      |         ^\n");
  assert_message(f, "{\"t\": 1, \"in\": 2}\n", "FILE:1:18: error: no value: 'out' is missing\n"
                                              "    1 | {\"t\": 1, \"in\": 2}\n      |                  ^\n");
  assert_message(f, "{\"t\": 1, \"in\": true, \"out\": 3}\n", "FILE:1:16: error: 'in' is not a number: 'true'\n"
                 "    1 | {\"t\": 1, \"in\": true, \"out\": 3}\n      |                ^~~~\n");
}

static void many_mistakes_are_cut_short(void **state)
{
  struct fixture *f = *state;
  char text[2000] = "t,in,out\n";
  for (int i = 0; i < 100; i++)
    strcat(text, "x,1,1\n");
  put(f, text);
  assert_null(trace_load(&f->def, f->arena, &f->err));
  assert_int_equal(f->err.n, 21);
  assert_int_equal(f->err.code, EXIT_USER);
}

static void files_that_are_none(void **state)
{
  struct fixture *f = *state;
  f->def.file = "/nonexistent/trace.csv";
  assert_message(f, NULL, "error: cannot read trace '/nonexistent/trace.csv': No such file or directory\n");
  f->def.file = f->folder;
  assert_null(trace_load(&f->def, f->arena, &f->err));
  assert_string_equal(f->err.problems[0].message, "not a regular file");
}

/* ---- guesses and facts ------------------------------------------------------------------------------------------- */

static struct trace_def guess(struct fixture *f, const char *text)
{
  put(f, text);
  struct trace_def d = trace_def_default();
  d.file = f->path;
  assert_true(trace_guess(&d, f->arena, &f->err));
  return d;
}

static void guesses_are_good(void **state)
{
  struct fixture *f = *state;
  struct trace_def d = guess(f, "TIMESTAMP,In,Kind\n2023-11-16 18:15:46.68,3,a\n");
  assert_true(d.format == TRACE_CSV && d.time_is_datetime && !strcmp(d.time_column, "TIMESTAMP"));
  assert_int_equal(d.n_columns, 1);
  assert_string_equal(d.column[0].attribute, "In");
  d = guess(f, "{\"id\": \"a\", \"timestamp\": 0, \"n\": 5, \"ids\": [1]}\n{\"timestamp\": 3000, \"n\": 6}\n");
  assert_true(d.format == TRACE_JSONL && d.time_scale_s == 1e-3 && d.n_columns == 1);
  d = guess(f, "arrival_s\tx\n0.5\t1\n1\t2\n");
  assert_true(d.format == TRACE_TSV && d.time_scale_s == 1 && d.n_columns == 1);
  put(f, "a,b\n1,2\n");
  d = trace_def_default();
  d.file = f->path;
  assert_false(trace_guess(&d, f->arena, &f->err));
  assert_string_equal(f->err.problems[0].message, "no column looks like a time; columns by the first line: 'a', 'b'; "
                      "--time COLUMN says which one it is");
}

/* 20 rows a minute in odd minutes, 40 in even ones, evenly: counts 40 and 20, variance 100, mean 30, IoD 10/3.
 * Values 1..n: the order statistic of rank ceil(q n). */
static void facts_by_hand(void **state)
{
  struct fixture *f = *state;
  FILE *out = fopen(f->path, "w");
  fprintf(out, "t,in,out\n");
  int n = 0;
  for (int minute = 0; minute < 10; minute++)
    for (int i = 0, k = minute % 2 ? 20 : 40; i < k; i++)
      fprintf(out, "%g,%d,5\n", minute * 60 + i * 60.0 / k, ++n);
  fprintf(out, "600,%d,5\n", ++n);
  fclose(out);
  struct trace_facts facts;
  assert_true(trace_describe(&f->def, &facts, f->arena, &f->err));
  assert_int_equal(facts.kept, 301);
  assert_true(fabs(facts.iod_60s - 10.0 / 3) < 1e-9);
  assert_true(fabs(facts.min_rate_60s - 1.0 / 3) < 1e-12 && fabs(facts.max_rate_60s - 2.0 / 3) < 1e-12);
  assert_true(fabs(facts.interarrival_cv - sqrt(1.0 / 8)) < 1e-6);      /* gaps 1.5 (2/3) and 3 (1/3): mean 2, variance 1/2 */
  assert_true(facts.stats[0].mean == 151 && facts.stats[0].q[4] == 151 && facts.stats[0].q[8] == 298);
  assert_true(facts.stats[1].cv == 0 && facts.stats[1].max == 5);
}

/* Figures that the publishers' files are known by. */
struct published { const char *file, *prompt; uint64_t rows; double span_s, rate, cv, cv_within, iod, mean_in, mean_out, p50_in, p99_in, max_in, p50_out; };

static void facts_of_published_traces(void **state)
{
  struct fixture *f = *state;
  static const struct published all[] = {
    {"AzureLLMInferenceTrace_conv.csv.gz", "ContextTokens", 19366, 3502, 5.53, 1.09, .005, 16.1, 1154.7, 211.1, 1020, 4142, 14050, 129},
    {"AzureLLMInferenceTrace_code.csv.gz", "ContextTokens", 8819, 3436, 2.57, 13.15, .005, 164, 2047.8, 27.9, 1469, 7436, 7437, 13},
    {"mooncake_fast25_conversation_trace.jsonl.gz", "input_length", 12031, 3537, 3.40, 3.03, .005, 0, 12035, 342.6, 6909, 85400, 126195, 350},
    {"mooncake_fast25_synthetic_trace.jsonl.gz", "input_length", 3993, 1022, 3.91, 1.01, .005, 0, 15326, 149.1, 11587, 66456, 191378, 69}};
  const char *data = getenv("OFFSIM_DATA");
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct trace_def d = trace_def_default();
    char path[1024];
    snprintf(path, sizeof path, "%s/traces/%s", data ? data : "", all[i].file);
    if (!data || access(path, R_OK) != 0)
      skip();
    d.file = path;
    struct trace_facts facts;
    assert_true(trace_guess(&d, f->arena, &f->err));
    assert_true(trace_describe(&d, &facts, f->arena, &f->err));
    assert_string_equal(facts.column[0], all[i].prompt);
    assert_int_equal(facts.kept, all[i].rows);
    assert_true(fabs(facts.span_s - all[i].span_s) < .5 && fabs(facts.rate_per_s - all[i].rate) < .006);
    assert_true(fabs(facts.interarrival_cv - all[i].cv) < .0051);
    assert_true(all[i].iod == 0 || fabs(facts.iod_60s - all[i].iod) < .05 * (all[i].iod > 100 ? 10 : 1));
    assert_true(fabs(facts.stats[0].mean - all[i].mean_in) < .6 && fabs(facts.stats[1].mean - all[i].mean_out) < .051);
    assert_true(facts.stats[0].q[4] == all[i].p50_in && facts.stats[0].max == all[i].max_in);
    assert_true(fabs(facts.stats[0].q[8] - all[i].p99_in) <= 2 && facts.stats[1].q[4] == all[i].p50_out);
  }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
    T(formats_say_the_same), T(gz_is_plain), T(cut_gz_is_damaged), T(dates_are_exact), T(where_keeps_rows_that_hold),
    T(missing_values_do_as_told), T(times_are_shaped_in_order), T(mistakes_have_a_place), T(dates_that_are_none),
    T(json_lines_that_are_none), T(many_mistakes_are_cut_short), T(files_that_are_none), T(guesses_are_good),
    T(facts_by_hand), T(facts_of_published_traces)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
