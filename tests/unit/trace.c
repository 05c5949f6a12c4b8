/* Traces: what is written is read again; same rows, same bytes; nothing partial under a final name; damage is found. */
#include "analysis/store/layout.h"
#include "analysis/store/trace.h"
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const classes[] = {"chat", "batch"}, *const places[] = {"phone", "metro"},
  *const zones[] = {"user", "telco"},
  *const links[] = {"access"}, *const chat_tasks[] = {"retrieve", "generate"}, *const batch_tasks[] = {"generate"},
  *const variants[] = {"small", "large"}, *const attributes[] = {"difficulty", "status"}, *const features[] = {"a/b"},
  *const units[] = {"", "tok"};

static struct trace_setup setup(bool transfers)
{
  static const char *const *const tasks[] = {chat_tasks, batch_tasks};
  static const int n_tasks[] = {2, 1}, chat_columns[] = {0, 1}, batch_columns[] = {0};
  static const int *const columns[] = {chat_columns, batch_columns};
  return (struct trace_setup){2, 2, 2, 1, classes, places, zones, links, tasks, n_tasks, 2, variants,
    2, attributes, units, columns, 1, features, units, transfers, NULL, "[{\"class\": \"chat\"}]"};
}

/* Row k of each table: values from which k can be told, with narrow, wide, noisy and constant columns. */
static struct request_record request_of(uint64_t k)
{
  return (struct request_record){.request = k * 3, .arrived_ns = (int64_t)(k * k * 1000003u), .completed_ns = -1,
    .first_token_ns = -(int64_t)k, .quality = sin((double)k), .cost_usd = 1e-300 * (double)k, .reward = -INFINITY,
    .device = (uint32_t)(k * 2654435761u), .tokens = 7, .klass = k % 2, .origin = 0,
      .status = (uint8_t)(k % N_STATUS), .measured = 1};
}

static struct attempt_record attempt_of(uint64_t k)
{
  struct attempt_record a = {.request = k, .klass = k % 2, .task = k % 2 ? 0 : k / 2 % 2, .place = k % 2,
                             .attempt = (uint8_t)k,
    .started_ns = INT64_MAX - (int64_t)k, .bytes_up = (double)(k % 1000) * 4, .status = STATUS_COMPLETED};
  a.phase_ns[PHASE_DOWNLINK] = (int64_t)(k << 20);
  a.variant = a.task == 1 ? (uint8_t)(k / 4 % 2) : 255;
  return a;
}

static void write_file(const char *path, uint64_t rows, struct hash *hash)
{
  struct err err;
  err_init(&err);
  struct trace_setup s = setup(true);
  struct trace_writer *w = trace_create(path, &s, &err);
  assert_non_null(w);
  for (uint64_t k = 0; k < rows; k++) {
    struct request_record r = request_of(k);
    struct attempt_record a = attempt_of(k);
    struct decision_record d = {.request = k, .klass = 1, .at_ns = (int64_t)k, .reward = (double)NAN, .n_features = 1,
      .feature = {(double)k / 7}};
    double attribute[] = {(double)k / 3, (double)k};
    trace_request(w, &r, attribute, r.klass == 0 ? 2 : 1);
    trace_attempt(w, &a);
    trace_decision(w, &d);
    if (k < 10)
      trace_transfer(w, &(struct transfer_record){.request = k, .bytes = 5, .kind = TRANSFER_RELAY});
    if (k % 1000 == 0)
      trace_sample(w, (int64_t)k, (struct place_sample[]){{1, 2, 3, NAN}, {(uint32_t)k, 5, 6, (double)k / 7}}, 2);
  }
  uint64_t bytes;
  assert_true(trace_commit(w, hash, &bytes, &err));
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(bytes, st.st_size);
  err_release(&err);
}

static void check_int(struct trace_reader *r, const char *name, size_t rows, int64_t (*want)(uint64_t))
{
  struct err err;
  err_init(&err);
  size_t n;
  int64_t *x = trace_column_int(r, name, &n, &err);
  assert_non_null(x);
  assert_int_equal(n, rows);
  for (size_t k = 0; k < n; k++)
    if (x[k] != want(k))
      fail_msg("%s[%zu] = %ld, not %ld", name, k, (long)x[k], (long)want(k));
  free(x);
  err_release(&err);
}

static int64_t want_request(uint64_t k) { return (int64_t)k * 3; }
static int64_t want_arrived(uint64_t k) { return request_of(k).arrived_ns; }
static int64_t want_first(uint64_t k) { return -(int64_t)k; }
static int64_t want_device(uint64_t k) { return request_of(k).device; }
static int64_t want_seven(uint64_t k) { (void)k; return 7; }
static int64_t want_status(uint64_t k) { return (int64_t)(k % N_STATUS); }
static int64_t want_started(uint64_t k) { return INT64_MAX - (int64_t)k; }
static int64_t want_downlink(uint64_t k) { return (int64_t)(k << 20); }
static int64_t want_task(uint64_t k) { return k % 2 || k / 2 % 2; }     /* generate is one name in both classes */
static int64_t want_variant(uint64_t k) { return attempt_of(k).variant; }

static void check_real(struct trace_reader *r, const char *name, size_t rows, double (*want)(uint64_t))
{
  struct err err;
  err_init(&err);
  size_t n;
  double *x = trace_column(r, name, &n, &err);
  assert_non_null(x);
  assert_int_equal(n, rows);
  for (size_t k = 0; k < n; k++) {
    double y = want(k);
    if (memcmp(&x[k], &y, 8) != 0 && !(isnan(y) && isnan(x[k])))
      fail_msg("%s[%zu] = %.17g, not %.17g", name, k, x[k], y);
  }
  free(x);
  err_release(&err);
}

static double want_quality(uint64_t k) { return sin((double)k); }
static double want_cost(uint64_t k) { return 1e-300 * (double)k; }
static double want_minus_infinity(uint64_t k) { (void)k; return -INFINITY; }
static double want_bytes(uint64_t k) { return (double)(k % 1000) * 4; }
static double want_difficulty(uint64_t k) { return (double)k / 3; }
static double want_second(uint64_t k) { return k % 2 ? (double)NAN : (double)k; }
static double want_feature(uint64_t k) { return (double)k / 7; }
static double want_nan(uint64_t k) { (void)k; return (double)NAN; }

static void check_file(const char *path, size_t rows)
{
  struct err err;
  err_init(&err);
  struct trace_reader *r = trace_open(path, &err);
  assert_non_null(r);
  char *pipelines = trace_text(r, "pipelines");
  assert_string_equal(pipelines, "[{\"class\": \"chat\"}]");
  assert_null(trace_text(r, "nothing"));
  free(pipelines);
  assert_int_equal(trace_rows(r, "requests"), rows);
  assert_int_equal(trace_rows(r, "transfers"), rows < 10 ? rows : 10);
  check_int(r, "requests/request", rows, want_request);
  check_int(r, "requests/arrived_ns", rows, want_arrived);
  check_int(r, "requests/first_token_ns", rows, want_first);
  check_int(r, "requests/device", rows, want_device);
  check_int(r, "requests/tokens", rows, want_seven);
  check_int(r, "requests/status", rows, want_status);
  check_real(r, "requests/quality", rows, want_quality);
  check_real(r, "requests/cost_usd", rows, want_cost);
  check_real(r, "requests/reward", rows, want_minus_infinity);
  check_real(r, "requests/difficulty", rows, want_difficulty);
  check_real(r, "requests/attribute_status", rows, want_second);
  check_int(r, "attempts/started_ns", rows, want_started);
  check_int(r, "attempts/downlink_ns", rows, want_downlink);
  check_int(r, "attempts/task", rows, want_task);
  check_int(r, "attempts/variant", rows, want_variant);
  check_real(r, "attempts/bytes_up", rows, want_bytes);
  check_real(r, "decisions/feature_a_b", rows, want_feature);
  check_real(r, "decisions/reward", rows, want_nan);
  assert_string_equal(trace_enum_name(r, "attempts/task", 1), "generate");
  assert_string_equal(trace_enum_name(r, "attempts/variant", 255), "none");
  assert_string_equal(trace_enum_name(r, "requests/status", STATUS_TIMEOUT), "timeout");
  assert_null(trace_enum_name(r, "requests/tokens", 1));
  const char *const *names;
  assert_int_equal(trace_columns(r, "decisions", &names), table_defs[TABLE_DECISIONS].n_columns + 1);
  assert_string_equal(names[0], "request");
  trace_close(r);
  err_release(&err);
}

static void test_round_trip(void **state)
{
  (void)state;
  static const uint64_t sizes[] = {0, 1, 7, 256, 1000, 65536, 65537, 200001};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct hash hash;
    write_file("trace-test.h5", sizes[i], &hash);
    check_file("trace-test.h5", sizes[i]);
    assert_int_equal(access("trace-test.h5.part", F_OK), -1);
  }
  unlink("trace-test.h5");
}

static void test_same_rows_same_bytes(void **state)
{
  (void)state;
  struct hash one, two;
  write_file("trace-test.h5", 70000, &one);
  write_file("trace-other.h5", 70000, &two);
  assert_true(hash_equal(one, two));
  unlink("trace-test.h5"), unlink("trace-other.h5");
}

static void test_damage_is_found(void **state)
{
  (void)state;
  struct hash hash;
  struct err err;
  err_init(&err);
  write_file("trace-test.h5", 5000, &hash);
  assert_true(trace_verify("trace-test.h5", hash, &err));
  int fd = open("trace-test.h5", O_RDWR);
  uint8_t byte;
  assert_int_equal(pread(fd, &byte, 1, 20000), 1);
  byte ^= 1;
  assert_int_equal(pwrite(fd, &byte, 1, 20000), 1);
  close(fd);
  assert_false(trace_verify("trace-test.h5", hash, &err));
  assert_int_equal(err.code, EXIT_SYSTEM);
  assert_non_null(strstr(err.problems[0].message, "damaged"));
  truncate("trace-test.h5", 100);
  assert_null(trace_open("trace-test.h5", &err));
  unlink("trace-test.h5");
  err_release(&err);
}

static void test_no_folder(void **state)
{
  (void)state;
  struct err err;
  err_init(&err);
  struct trace_setup s = setup(false);
  assert_null(trace_create("no-such-folder/x.h5", &s, &err));
  assert_int_equal(err.code, EXIT_SYSTEM);
  assert_non_null(strstr(err.problems[0].message, "no-such-folder/x.h5"));
  assert_non_null(strstr(err.problems[0].message, "No such file or directory"));
  err_release(&err);
}

/* A limit on the size of files stands for a full disk. */
static void test_no_room(void **state)
{
  (void)state;
  struct rlimit old, small = {1 << 20, RLIM_INFINITY};
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &old);
  small.rlim_max = old.rlim_max;
  struct err err;
  err_init(&err);
  struct trace_setup s = setup(false);
  struct trace_writer *w = trace_create("trace-test.h5", &s, &err);
  assert_non_null(w);
  setrlimit(RLIMIT_FSIZE, &small);
  for (uint64_t k = 0; k < 100000; k++) {
    struct request_record r = request_of(k);
    trace_request(w, &r, (double[]){1, 2}, 1);
  }
  struct hash hash;
  uint64_t bytes;
  assert_false(trace_commit(w, &hash, &bytes, &err));
  setrlimit(RLIMIT_FSIZE, &old);
  assert_int_equal(err.code, EXIT_SYSTEM);
  assert_non_null(strstr(err.problems[0].message, "trace-test.h5"));
  assert_int_equal(access("trace-test.h5", F_OK), -1);
  assert_int_equal(access("trace-test.h5.part", F_OK), -1);
  err_release(&err);
}

int main(void)
{
  char folder[] = "/tmp/offsim-trace-XXXXXX";
  if (!mkdtemp(folder) || chdir(folder) != 0)
    return 1;
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_round_trip), cmocka_unit_test(test_same_rows_same_bytes),
      cmocka_unit_test(test_damage_is_found),
    cmocka_unit_test(test_no_folder), cmocka_unit_test(test_no_room),
  };
  int failed = cmocka_run_group_tests_name("trace", tests, NULL, NULL);
  return rmdir(folder) == 0 ? failed : 1;
}
