/* machine_cuda.c: the device in place of the processor, and its energy by NVML.
 *
 * NVML is loaded when the program runs. Cards from 2017 on count millijoules since the driver began (nvmlDeviceGetTotalEnergy
 * Consumption); older ones tell milliwatts now (nvmlDeviceGetPowerUsage). Both are of the whole card.
 */
#include "experiments/kernels/clock.h"
#include "experiments/kernels/cuda/cuda.h"
#include "experiments/kernels/machine.h"
#include "experiments/kernels/sensor.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- facts --------------------------------------------------------------------------------------------------------- */

bool machine_device(struct machine_device *d)
{
  struct cuda_facts f;
  if (!cuda_facts_get(&f))
    return false;
  snprintf(d->name, sizeof d->name, "%s (CUDA %d.%d)", f.name, f.major, f.minor);
  d->memory_bytes = f.memory_bytes;
  d->frequency_hz = f.clock_hz > 0 ? f.clock_hz : NAN;
  d->cache_bytes = f.l2_bytes;
  return true;
}

static void version_out(struct out *o, const char *key, int version)
{
  char text[32];
  snprintf(text, sizeof text, "%d.%d", version / 1000, version % 1000 / 10);
  out_string(o, key, text);
}

void machine_device_libraries(struct out *o)
{
  struct cuda_facts f;
  out_string(o, "gemm_f32", cuda_gemm_by());
  if (!cuda_facts_get(&f))
    return;
  version_out(o, "cuda_runtime", f.runtime);
  version_out(o, "cuda_driver", f.driver);
}

/* ---- energy -------------------------------------------------------------------------------------------------------- */

/* Success is 0 in NVML. */
struct nvml {
  void *library, *device;
  int (*energy)(void *device, unsigned long long *mj);
  int (*power)(void *device, unsigned *mw);
};

/* ISO C has no conversion from objects to functions; POSIX makes it work through a pointer. */
static void find(const struct nvml *n, const char *name, void *function)
{
  void *symbol = dlsym(n->library, name);
  memcpy(function, &symbol, sizeof symbol);
}

static const char *open_device(struct nvml *n, const char *bus)
{
  int (*init)(void) = NULL, (*by_bus)(const char *, void **) = NULL;
  n->library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!n->library)
    return "no libnvidia-ml.so.1";
  find(n, "nvmlInit_v2", &init);
  find(n, "nvmlDeviceGetHandleByPciBusId_v2", &by_bus);
  find(n, "nvmlDeviceGetTotalEnergyConsumption", &n->energy);
  find(n, "nvmlDeviceGetPowerUsage", &n->power);
  if (!init || !by_bus || init() != 0 || by_bus(bus, &n->device) != 0)
    return "NVML does not know the card";
  unsigned long long mj;
  unsigned mw;
  if (n->energy && n->energy(n->device, &mj) != 0)
    n->energy = NULL;
  if (!n->energy && (!n->power || n->power(n->device, &mw) != 0))
    return "NVML tells neither energy nor power of this card";
  return NULL;
}

void sensor_find(struct sensor *s, const char *root)
{
  struct cuda_facts f;
  struct nvml *n = calloc(1, sizeof *n);
  (void)root;
  memset(s, 0, sizeof *s);
  const char *why = !n ? "no memory" : !cuda_facts_get(&f) ? "no CUDA device" : open_device(n, f.bus);
  if (why) {
    snprintf(s->problem, sizeof s->problem, "unavailable: %s", why);
    free(n);
    return;
  }
  s->other = n;                                         /* for as long as the program runs */
  s->counter = n->energy != NULL;
  s->kind = s->counter ? "NVML energy counter of the card" : "NVML power of the card";
  s->n = 1;
}

/* mJ or mW; NaN: not told this time. */
void sensor_read(const struct sensor *s, struct sensor_reading *r)
{
  const struct nvml *n = s->other;
  unsigned long long mj;
  unsigned mw;
  r->value[0] = NAN;
  if (n && n->energy && n->energy(n->device, &mj) == 0)
    r->value[0] = (double)mj;
  else if (n && !n->energy && n->power(n->device, &mw) == 0)
    r->value[0] = mw;
  r->wall_ns = clock_wall_ns();
}

double sensor_joule(const struct sensor *s, const struct sensor_reading *from, const struct sensor_reading *to)
{
  if (s->n == 0)
    return NAN;
  double seconds = 1e-9 * (double)(to->wall_ns - from->wall_ns);
  return 1e-3 * (s->counter ? to->value[0] - from->value[0] : 0.5 * (to->value[0] + from->value[0]) * seconds);
}
