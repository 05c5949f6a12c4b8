/* The small things below everything: mistakes and how they are printed, memory, hashes, JSON, assertions. */
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/err.h"
#include "sim/hash.h"
#include "sim/json.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- err ------------------------------------------------------------------------------------------------------- */

static char *printed(const struct err *e, bool colour)
{
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);
  err_print(e, f, colour);
  fclose(f);
  return text;
}

static void assert_printed(const struct err *e, const char *expected)
{
  char *text = printed(e, false);
  assert_string_equal(text, expected);
  free(text);
}

static void test_err_example(void **state)
{
  (void)state;
  struct err e;
  char line[] = "  lattency: 20 ms\nnext: line\n";
  err_init(&e);
  assert_false(err_any(&e));
  assert_false(err_add(&e, (struct where){"city.yaml", 12, 3, 8, line, sizeof line - 1}, "unknown key '%s'", "lattency"));
  memset(line, 'x', sizeof line - 1);                   /* the list keeps its own copy */
  assert_true(err_any(&e) && e.code == EXIT_USER);
  assert_printed(&e, "city.yaml:12:3: error: unknown key 'lattency'\n"
                     "   12 |   lattency: 20 ms\n"
                     "      |   ^~~~~~~~\n");
  err_release(&e);
}

static void test_err_order_and_codes(void **state)
{
  (void)state;
  struct err e;
  err_init(&e);
  err_warn(&e, (struct where){.file = "b.yaml", .line = 2, .column = 1}, "w");
  assert_false(err_any(&e));
  assert_int_equal(e.code, EXIT_OK);
  err_add(&e, (struct where){.file = "b.yaml", .line = 1, .column = 9}, "late");
  err_add(&e, (struct where){.file = "b.yaml", .line = 1, .column = 2}, "early");
  err_add(&e, (struct where){.file = "a.yaml"}, "whole file");
  err_add(&e, (struct where){0}, "argument");
  assert_printed(&e, "error: argument\na.yaml: error: whole file\nb.yaml:1:2: error: early\nb.yaml:1:9: error: late\n"
                     "b.yaml:2:1: warning: w\n");
  err_system(&e, "disk");
  assert_int_equal(e.code, EXIT_SYSTEM);
  err_plugin(&e, "crash");
  assert_int_equal(e.code, EXIT_SYSTEM);
  assert_true(e.n == 7 && e.n_errors == 6);
  err_release(&e);
}

/* Carets under characters, not bytes; tabs under tabs; nothing that a terminal would obey. */
static void test_err_text(void **state)
{
  (void)state;
  struct err e;
  const char *line = "\tn\xc3\xa4me: \x1b[2J";
  err_init(&e);
  err_add(&e, (struct where){"f", 1, 8, 4, line, strlen(line)}, "bad \x1b[0m");
  assert_printed(&e, "f:1:8: error: bad ?[0m\n    1 | \tn\xc3\xa4me: ?[2J\n      | \t      ^~~~\n");
  char *coloured = printed(&e, true);
  assert_non_null(strstr(coloured, "\033[1;31merror\033[0m"));
  free(coloured);
  err_release(&e);
}

static void test_nearest(void **state)
{
  (void)state;
  static const char *const keys[] = {"latency", "rate", "between", "name", "keep_alive"};
  assert_string_equal(nearest("lattency", keys, 5), "latency");
  assert_string_equal(nearest("rtae", keys, 5), "rate");        /* one swap */
  assert_string_equal(nearest("nam", keys, 5), "name");
  assert_string_equal(nearest("keepalive", keys, 5), "keep_alive");
  assert_string_equal(nearest("keeplives", keys, 5), "keep_alive");
  assert_null(nearest("bandwidth", keys, 5));
  assert_null(nearest("rt", (const char *const[]){"latency"}, 1));
  assert_null(nearest("", keys, 5));
}

/* ---- assertions ------------------------------------------------------------------------------------------------ */

static void fail_at_two_seconds(void)
{
  static const long now = 2000000000;
  check_set_context((struct check_context){&now, "offsim rerun x"});
  sim_assert(1 + 1 == 3);
}

static void run_out_of_memory(void)
{
  check_out_of_memory(7);
}

/* The exit status of a child that calls fn; what it wrote to stderr is put into text. */
static int in_child(void (*fn)(void), char *text, size_t size)
{
  int ends[2], status;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    fn();
    _exit(0);
  }
  close(ends[1]);
  size_t n = 0;
  ssize_t got;
  while (n + 1 < size && (got = read(ends[0], text + n, size - 1 - n)) > 0)
    n += (size_t)got;
  text[n] = '\0';
  close(ends[0]);
  waitpid(child, &status, 0);
  return status;
}

static void test_assertions(void **state)
{
  (void)state;
  char text[1000];
  int status = in_child(fail_at_two_seconds, text, sizeof text);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  assert_non_null(strstr(text, "'1 + 1 == 3' does not hold"));
  assert_non_null(strstr(text, "simulated time: 2.000000000 s"));
  assert_non_null(strstr(text, "offsim rerun x"));
  status = in_child(run_out_of_memory, text, sizeof text);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static void test_arena(void **state)
{
  (void)state;
  struct arena *a = arena_new();
  for (size_t n = 0; n < 3000; n++) {
    unsigned char *p = arena_alloc(a, n);
    assert_int_equal((uintptr_t)p % 16, 0);
    for (size_t i = 0; i < n; i++)
      assert_int_equal(p[i], 0);
    memset(p, 0xff, n);
  }
  unsigned char *large = arena_alloc(a, 10 << 20);
  assert_true(large[0] == 0 && large[(10 << 20) - 1] == 0);
  assert_string_equal(arena_strdup(a, "text"), "text");
  assert_string_equal(arena_printf(a, "%s-%d", "policy", 7), "policy-7");
  assert_true(arena_bytes(a) >= 3000 * 2999 / 2 + (10 << 20));
  arena_free(a);
  arena_free(NULL);
}

static void test_pool(void **state)
{
  (void)state;
  enum { N = 5000 };
  struct pool *p = pool_new(24);
  char *items[N];
  pool_id ids[N];
  for (int i = 0; i < N; i++) {
    items[i] = pool_take(p);
    ids[i] = pool_handle(p, items[i]);
    memset(items[i], 0xff, 24);
    assert_int_equal((uintptr_t)items[i] % 16, 0);
  }
  for (int i = 0; i < N; i += 2)
    pool_give(p, items[i]);
  assert_int_equal(pool_live(p), N / 2);
  for (int i = 0; i < N; i++)
    assert_ptr_equal(pool_find(p, ids[i]), i % 2 ? items[i] : NULL);
  char *again = pool_take(p);                           /* an old place, zeroed, with a new generation */
  for (int i = 0; i < 24; i++)
    assert_int_equal(again[i], 0);
  for (int i = 0; i < N; i += 2)
    assert_null(pool_find(p, ids[i]));
  assert_ptr_equal(pool_find(p, pool_handle(p, again)), again);
  assert_null(pool_find(p, (pool_id){0, 0}));
  assert_null(pool_find(p, (pool_id){1u << 30, 1}));
  pool_free(p);
}

static void give_twice(void)
{
  struct pool *p = pool_new(8);
  void *item = pool_take(p);
  pool_give(p, item);
  pool_give(p, item);
}

static void test_pool_double_give(void **state)
{
  (void)state;
  char text[1000];
  assert_true(WIFSIGNALED(in_child(give_twice, text, sizeof text)));
}

/* ---- hash ------------------------------------------------------------------------------------------------------ */

/* XXH3-128 of nothing (xxHash's published value, seed 0). */
static void test_hash(void **state)
{
  (void)state;
  char hex[33];
  struct hash empty = hash_bytes("", 0), parsed;
  hash_hex(empty, hex);
  assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
  assert_true(hash_parse(hex, &parsed) && hash_equal(parsed, empty));
  assert_false(hash_parse("99aa06d3014798d86001c324468d497", &parsed));
  assert_false(hash_parse("99aa06d3014798d86001c324468d497f0", &parsed));
  assert_false(hash_parse("99aa06d3014798d86001c324468d497g", &parsed));
  struct hasher *h = hasher_new();
  hasher_add(h, "ab", 2);
  hasher_add(h, "", 0);
  hasher_add(h, "c", 1);
  assert_true(hash_equal(hasher_end(h), hash_bytes("abc", 3)));
  struct hash carry = hash_sum((struct hash){UINT64_MAX, 1}, (struct hash){2, 3});
  assert_true(carry.lo == 1 && carry.hi == 5);
}

static void test_hash_file(void **state)
{
  (void)state;
  char path[] = "/tmp/offsim-hash-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  char *bytes = malloc(200000);
  for (int i = 0; i < 200000; i++)
    bytes[i] = (char)(i * 7);
  assert_int_equal(write(fd, bytes, 200000), 200000);
  close(fd);
  struct hash h;
  assert_true(hash_file(path, &h) && hash_equal(h, hash_bytes(bytes, 200000)));
  unlink(path);
  assert_false(hash_file(path, &h));
  assert_false(hash_file("/tmp", &h));
  free(bytes);
}

/* ---- json ------------------------------------------------------------------------------------------------------ */

static void assert_written(const json *value, const char *expected)
{
  char *text = json_write(value, false);
  assert_string_equal(text, expected);
  free(text);
}

static void test_json_write(void **state)
{
  (void)state;
  json *o = json_new_object();
  json_put_number(json_put_number(o, "z", 0.1), "a", NAN);
  json_put_number(o, "third", 1.0 / 3);
  json_put_number(o, "whole", 3);
  json_put_number(o, "tiny", -5e-324);
  json_put_int(o, "n", INT64_MIN);
  json_put_string(json_put_string(o, "s", "1.10000000000000001 \"\\"), "none", NULL);
  json_put_string(o, "broken", "a\xff" "b");
  json_put_bool(o, "yes", true);
  json_put_path(json_put_path(o, "hold.1000", json_number_value(1)), "hold.2000", json_number_value(2));
  json_put(o, "list", json_push(json_push(json_new_array(), json_string_value_new("x")), json_number_value(INFINITY)));
  assert_written(o, "{\"z\":0.1,\"a\":null,\"third\":0.3333333333333333,\"whole\":3.0,\"tiny\":-4.94065645841247e-324,"
                    "\"n\":-9223372036854775808,\"s\":\"1.10000000000000001 \\\"\\\\\",\"none\":null,"
                    "\"broken\":\"a\xef\xbf\xbd" "b\",\"yes\":true,\"hold\":{\"1000\":1.0,\"2000\":2.0},"
                    "\"list\":[\"x\",null]}");
  json_release(o);
  json *two = json_put_int(json_put_int(json_new_object(), "b", 1), "a", 2);
  assert_string_equal(json_key(two, 0), "b");
  assert_string_equal(json_key(two, 1), "a");
  assert_null(json_key(two, 2));
  char *text = json_write_canonical(two);
  assert_string_equal(text, "{\"a\":2,\"b\":1}");
  free(text);
  json_release(two);
}

/* What is written reads back as the same bits. */
static void test_json_numbers_survive(void **state)
{
  (void)state;
  static const double x[] = {0.1, 1e-7, 123456789.123456789, 1e22, 1.7976931348623157e308, 2.2250738585072014e-308,
                             0x1.921fb54442d18p+1, 5e-324, -0.0, 9007199254740993.0};
  for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
    json *a = json_push(json_new_array(), json_number_value(x[i]));
    char *text = json_write(a, true);
    struct err e;
    err_init(&e);
    json *b = json_parse(text, strlen(text), &e);
    double back = json_real(json_nth(b, 0), NAN);
    assert_memory_equal(&back, &x[i], sizeof back);
    json_release(a);
    json_release(b);
    free(text);
    err_release(&e);
  }
}

static void test_json_read(void **state)
{
  (void)state;
  struct err e;
  err_init(&e);
  const char *text = "{\"a\": [1, 2.5, \"x\"], \"b\": 3}";
  json *o = json_parse(text, strlen(text), &e);
  json *a = json_at(o, "a");
  assert_int_equal(json_count(a), 3);
  assert_int_equal(json_count(o), 2);
  assert_int_equal(json_int(json_nth(a, 0), -1), 1);
  assert_int_equal(json_int(json_nth(a, 1), -1), -1);
  assert_true(json_real(json_nth(a, 0), 0) == 1 && json_real(json_nth(a, 1), 0) == 2.5);
  assert_true(json_real(json_nth(a, 2), 7) == 7 && json_real(NULL, 8) == 8);
  assert_string_equal(json_text(json_nth(a, 2)), "x");
  assert_null(json_text(json_at(o, "b")));
  assert_null(json_at(o, "c"));
  assert_null(json_nth(a, 3));
  json_release(o);
  assert_null(json_parse("{\"a\": 1,\n \"a\": 2}", 17, &e));
  assert_true(err_any(&e));
  assert_null(json_parse("[1", 2, &e));
  err_release(&e);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_err_example), cmocka_unit_test(test_err_order_and_codes), cmocka_unit_test(test_err_text),
    cmocka_unit_test(test_nearest), cmocka_unit_test(test_assertions), cmocka_unit_test(test_arena),
    cmocka_unit_test(test_pool), cmocka_unit_test(test_pool_double_give), cmocka_unit_test(test_hash),
    cmocka_unit_test(test_hash_file), cmocka_unit_test(test_json_write), cmocka_unit_test(test_json_numbers_survive),
    cmocka_unit_test(test_json_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
