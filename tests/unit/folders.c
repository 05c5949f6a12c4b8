/* Folders that several machines see: which file systems are such, and who may write. */
#include "analysis/store/catalog.h"
#include "analysis/store/file_system.h"
#include "tests/unit/unit.h"
#include <sys/wait.h>
#include <unistd.h>

/* Numbers of linux/magic.h and, for Lustre and GPFS, of their headers. */
static void test_file_systems(void **state)
{
  assert_true(file_system_of_type(0x6969).network);
  assert_true(file_system_of_type(0x0BD00BD0).network);
  assert_true(file_system_of_type(0x47504653).network);
  assert_false(file_system_of_type(0xEF53).network);
  assert_false(file_system_of_type(0x12345).network);
  struct file_system fs;
  unsetenv("OFFSIM_NETWORK_FOLDER");
  assert_true(file_system_of("/proc/no/such/folder", &fs));
  assert_false(fs.network);
  setenv("OFFSIM_NETWORK_FOLDER", "1", 1);
  assert_true(file_system_of("no-such-folder", &fs));
  assert_true(fs.network);
}

static void write_lock(const char *path, const char *text)
{
  FILE *f = fopen(path, "w");
  fputs(text, f);
  fclose(f);
}

/* Code of an attempt to open the catalogue for writing; the lock stands while it is open and goes with it. */
static int try_to_write(const char *dir, const char *lock, bool stays)
{
  struct err err;
  err_init(&err);
  struct catalog *c = catalog_open(dir, CATALOG_WRITE, &err);
  assert_int_equal(access(lock, F_OK) == 0, c || stays);
  catalog_close(c);
  assert_int_equal(access(lock, F_OK) == 0, stays);
  int code = err.code;
  err_release(&err);
  return code;
}

static void test_writer_lock(void **state)
{
  char dir[] = "/tmp/offsim-lock-XXXXXX", lock[64], text[128], host[65] = "";
  assert_non_null(mkdtemp(dir));
  snprintf(lock, sizeof lock, "%s/writer.lock", dir);
  assert_int_equal(gethostname(host, sizeof host - 1), 0);
  setenv("OFFSIM_NETWORK_FOLDER", "1", 1);
  assert_int_equal(try_to_write(dir, lock, false), EXIT_OK);

  write_lock(lock, "another-machine.example 1\n");      /* planted: somebody writes elsewhere */
  assert_int_equal(try_to_write(dir, lock, true), EXIT_SYSTEM);
  snprintf(text, sizeof text, "%s %ld\n", host, (long)getppid());       /* here, and alive */
  write_lock(lock, text);
  assert_int_equal(try_to_write(dir, lock, true), EXIT_SYSTEM);
  write_lock(lock, "");                                 /* nobody knows */
  assert_int_equal(try_to_write(dir, lock, true), EXIT_SYSTEM);

  pid_t gone = fork();
  if (gone == 0)
    _exit(0);
  waitpid(gone, NULL, 0);
  snprintf(text, sizeof text, "%s %ld\n", host, (long)gone);
  write_lock(lock, text);
  assert_int_equal(try_to_write(dir, lock, false), EXIT_OK);
  unsetenv("OFFSIM_NETWORK_FOLDER");
  write_lock(lock, "another-machine.example 1\n");      /* a local folder: flock is enough, the file only names its holder */
  assert_int_equal(try_to_write(dir, lock, false), EXIT_OK);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_file_systems), cmocka_unit_test(test_writer_lock)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
