/* Which process a transfer meets. */
#include "models/network_process.h"
#include "sim/zeros.h"
#include <stdlib.h>

struct link_processes {
  const char *name;
  struct rng_root root;
  struct link_process_def rate, latency;                /* the parts of each */
  uint64_t n;
  struct link_process **by_sharer, **by_sender;         /* [n]; the same array where sharer and sender are */
};

struct link_processes *processes_new(const struct link_def *l, uint64_t n_members, const struct rng_root *root)
{
  if (!l->process) return NULL;
  struct link_processes *p = zeros_new(1, sizeof *p);
  p->name = l->name;
  p->root = *root;
  p->n = n_members;
  p->rate = p->latency = *l->process;
  p->by_sharer = zeros_new(n_members, sizeof *p->by_sharer);
  p->by_sender = l->process->sharer == l->process->per ? p->by_sharer : zeros_new(n_members, sizeof *p->by_sender);
  if (p->by_sender == p->by_sharer) return p;
  p->rate.spikes = (struct spikes_def){0};
  p->rate.loss = NULL;
  p->rate.rtt = NULL;
  p->latency.outages = (struct link_outages_def){0};
  p->latency.rate = p->latency.rate_down = NULL;
  p->latency.capacity[0] = p->latency.capacity[1] = NULL;
  return p;
}

void processes_free(struct link_processes *p)
{
  if (!p) return;
  for (uint64_t i = 0; i < p->n; i++) {
    process_free(p->by_sharer[i]);
    if (p->by_sender != p->by_sharer) process_free(p->by_sender[i]);
  }
  if (p->by_sender != p->by_sharer) free(p->by_sender);
  free(p->by_sharer);
  free(p);
}

enum process_per processes_sharer(const struct link_processes *p) { return p->rate.sharer; }
enum process_per processes_sender(const struct link_processes *p) { return p->latency.per; }

struct link_process *processes_rate(struct link_processes *p, uint64_t number, uint64_t entity)
{
  struct link_process **own = &p->by_sharer[number];
  if (!*own) *own = process_new(&p->rate, &p->root, p->name, entity);
  return *own;
}

struct link_process *processes_latency(struct link_processes *p, uint64_t number, uint64_t entity)
{
  struct link_process **own = &p->by_sender[number];
  if (!*own) *own = process_new(&p->latency, &p->root, p->name, entity);
  return *own;
}

bool processes_move_rate(const struct link_processes *p)
{
  return p->rate.outages.every_s || p->rate.rate || p->rate.rate_down || p->rate.capacity[0] || p->rate.capacity[1];
}

double processes_lose(const struct link_processes *p, struct link_process *of, bool down, sim_time now, double bytes,
                      uint64_t key, double *latency_s)
{
  const struct loss_def *loss = p->latency.loss;
  if (!loss) return 0;
  struct losses lost = process_losses(of, down, now, bytes, key);
  *latency_s += lost.rounds * loss->retransmit_s;
  return (double)lost.packets / (double)lost.of;
}
