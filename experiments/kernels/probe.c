/* probe.c: a neighbour on the same core, seen by what it takes. */
#include "experiments/kernels/probe.h"
#include "experiments/kernels/clock.h"
#include <math.h>
#include <unistd.h>

enum { STEPS = 5000, ROUNDS = 4000, LOOKS = 200, PAUSE_US = 1000 };
static const double LEAST = 0.1, BIN = 0.005, ALONE = 0.02, SHARED = 0.05;
static const double INTERRUPTED = 1.15;                 /* the clock of a core moves by less than this within a measurement */

/* Multiply and add (Knuth's MMIX), each step after the other. */
static void dependent(void)
{
  uint64_t x = 1;
  for (int i = 0; i < STEPS; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    __asm__ volatile("" : "+r"(x));
  }
}

/* Eight chains of shift, exclusive or and add: as many operations at a time as the core has units for. */
static void crowded(void)
{
  uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
#define STEP(x) x ^= x >> 7; x += 99; __asm__ volatile("" : "+r"(x));
  for (int i = 0; i < ROUNDS; i++) {
    STEP(a) STEP(b) STEP(c) STEP(d) STEP(e) STEP(f) STEP(g) STEP(h)
  }
#undef STEP
}

struct probe probe_take(struct probe_history *h)
{
  int64_t begin = clock_thread_ns();
  dependent();
  int64_t middle = clock_thread_ns();
  crowded();
  int64_t end = clock_thread_ns();
  double first = fmax((double)(middle - begin), 1), second = fmax((double)(end - middle), 1);
  struct probe p = {.clock_s = 1e-9 * first / STEPS, .ratio = second / first};
  probe_add(h, p);
  return p;
}

void probe_add(struct probe_history *h, struct probe p)
{
  h->fastest_s = h->n ? fmin(h->fastest_s, p.clock_s) : p.clock_s;
  if (p.clock_s > INTERRUPTED * h->fastest_s)
    return;
  int i = (int)(log(fmax(p.ratio, LEAST) / LEAST) / BIN);
  h->bin[i < PROBE_BINS ? i : PROBE_BINS - 1]++;
  h->n++;
}

double probe_alone(const struct probe_history *h)
{
  int i = 0;
  for (double seen = 0; i < PROBE_BINS; i++)
    if ((seen += h->bin[i]) > ALONE * h->n)
      break;
  return LEAST * exp((i + 0.5) * BIN);
}

double probe_excess(const struct probe_history *h, struct probe p)
{
  return p.ratio / probe_alone(h) - 1;
}

bool probe_shared(double excess)
{
  return excess > SHARED;
}

void probe_learn(struct probe_history *h)
{
  for (int i = 0; i < LOOKS; i++) {
    probe_take(h);
    usleep(PAUSE_US);
  }
}
