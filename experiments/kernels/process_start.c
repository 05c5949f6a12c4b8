/* process_start.c: a process of this program is started and heard of: fork and exec, loading, `size` bytes of memory
 * touched page by page, first byte, end. Work: 1 start.
 * Self-check: the process says the sum of the numbers it wrote into its pages (one a page, 0, 1, 2, ...): 10 pages, 45. */
#include "experiments/kernels/commands.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE };
enum { PAGE = 4096 };

struct start { char program[512], size[32]; uint64_t pages, told; int failed; };

static double units(const double *p) { return 1; }
static double axis_value(const double *p, int axis) { return p[SIZE]; }

/* The started process: `offsim-kernels start BYTES`. */
int kernels_start(int argc, char **argv)
{
  char *end = NULL;
  unsigned long long size = argc == 2 ? strtoull(argv[1], &end, 10) : 0;
  if (argc != 2 || *end || size < PAGE || size > 1ull << 34) {
    fprintf(stderr, "offsim-kernels: start needs a number of bytes from %d to 17179869184\n", PAGE);
    return KERNELS_USER;
  }
  volatile uint64_t *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return KERNELS_SYSTEM;
  uint64_t sum = 0, n = size / PAGE;
  for (uint64_t i = 0; i < n; i++) page[i * PAGE / sizeof *page] = i;
  for (uint64_t i = 0; i < n; i++) sum += page[i * PAGE / sizeof *page];
  bool said = write(STDOUT_FILENO, &sum, sizeof sum) == sizeof sum;
  return said ? KERNELS_OK : KERNELS_SYSTEM;
}

/* This program, or $OFFSIM_KERNELS where another one (a test) runs the kernel. */
static bool find_program(char *out, size_t size)
{
  const char *asked = getenv("OFFSIM_KERNELS");
  if (asked && *asked) return (size_t)snprintf(out, size, "%s", asked) < size;
  ssize_t n = readlink("/proc/self/exe", out, size - 1);
  if (n <= 0) return false;
  out[n] = 0;
  return true;
}

static pid_t spawn_it(struct start *s, const int pipe_ends[2])
{
  char *argv[] = {s->program, (char[]){"start"}, s->size, NULL}, *none[] = {(char[]){"OPENBLAS_NUM_THREADS=1"}, NULL};
  posix_spawn_file_actions_t actions;
  pid_t child = -1;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  if (posix_spawn(&child, s->program, &actions, NULL, argv, none)) child = -1;
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

static void run(void *state)
{
  struct start *s = state;
  int ends[2], status = 1;
  if (pipe2(ends, O_CLOEXEC)) {
    s->failed++;
    return;
  }
  pid_t child = spawn_it(s, ends);
  close(ends[1]);
  bool ok = child > 0 && read(ends[0], &s->told, sizeof s->told) == sizeof s->told;
  close(ends[0]);
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  s->failed += !ok || status != 0;
}

static bool check(void *state, char *why)
{
  struct start *s = state;
  if (s->failed) return scratch_why(why, "%d processes did not start and end well", s->failed);
  uint64_t right = s->pages * (s->pages - 1) / 2;
  return s->told == right || scratch_why(why, "the process says %llu, not %llu", (unsigned long long)s->told, (unsigned long long)right);
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct start *s = calloc(1, sizeof *s);
  if (!s) return scratch_why(why, "no memory"), NULL;
  s->pages = scratch_count(p[SIZE]) / PAGE;
  snprintf(s->size, sizeof s->size, "%zu", scratch_count(p[SIZE]));
  bool ok = find_program(s->program, sizeof s->program) || scratch_why(why, "the program does not know its own file (no /proc; set OFFSIM_KERNELS)");
  if (ok) run(s);
  if (ok && s->failed) ok = scratch_why(why, "%.100s does not start", s->program);
  if (ok) return s;
  free(s);
  return NULL;
}

static const double full[][KERNEL_PARAMETERS] = {
  {65536}, {262144}, {1048576}, {2097152}, {4194304}, {8388608}, {16777216}, {33554432}, {67108864}};
static const double quick[][KERNEL_PARAMETERS] = {{65536}, {1048576}, {8388608}, {33554432}};

const struct kernel kernel_process_start = {
  .name = "process_start", .version = 1, .unit = "start", .bound = BOUND_SYSTEM,
  .n_parameters = 1, .parameter = {{"size", 65536, 67108864, PAGE}}, .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(full), .quick = KERNEL_GRID(quick),
  .units = units, .axis_value = axis_value,
  .prepare = prepare, .run = run, .check = check, .finish = free,
};
