/* sentinel.c: 2^18 dependent steps of a 64 bit generator (Knuth's MMIX: multiply and add). No memory, no units that wait:
 * its time is the core's clock. From 0 the first value is 1442695040888963407. */
#include "experiments/kernels/sentinel.h"
#include "experiments/kernels/clock.h"
#include "experiments/kernels/kernel.h"

enum { STEPS = 1 << 18, TIMES = 5 };

static void work(void)
{
  uint64_t x = 0;
  for (int i = 0; i < STEPS; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    __asm__ volatile("" : "+r"(x));                     /* each step for itself */
  }
}

struct repetition sentinel_take(void)
{
  double wall[TIMES], cpu[TIMES];
  for (int i = 0; i < TIMES; i++) {
    int64_t wall_0 = clock_wall_ns(), cpu_0 = clock_thread_ns();
    work();
    cpu[i] = 1e-9 * (double)(clock_thread_ns() - cpu_0);
    wall[i] = 1e-9 * (double)(clock_wall_ns() - wall_0);
  }
  return (struct repetition){.wall_s = numerics_median(wall, TIMES), .cpu_s = numerics_median(cpu, TIMES), .involuntary = 0};
}
