/* streams.h: what random numbers are for. Adding at the end keeps all other numbers; never renumber.
 *
 * (a, b) of rng_open per purpose: see each line. docs/equations.md repeats this table for readers.
 */
#ifndef OFFSIM_MODELS_STREAMS_H
#define OFFSIM_MODELS_STREAMS_H

#include <stdint.h>

enum stream_purpose {
  STREAM_ARRIVALS = 1,          /* class name, 0: gaps, 1: states; class or fit name, 2: gaps of a fit */
  STREAM_ATTRIBUTES,            /* class name (^ attribute name), request id; rows of a fit: its name, row */
  STREAM_ORIGIN,                /* class name, request id: which device asks */
  STREAM_SERVICE,               /* request id, stream_entity(task, variant, attempt) */
  STREAM_LATENCY,               /* link name, request id mixed with (task, attempt, direction) */
  STREAM_API,                   /* place name, request id with task and attempt */
  STREAM_HARDWARE,              /* place name, member */
  STREAM_TELEMETRY,             /* place name, report number */
  STREAM_POLICY,                /* policy entry name with learner, decision number */
  STREAM_DISPATCH,              /* place name, request id with task and attempt */
  STREAM_TRACE,                 /* trace name, 2^64-1: blocks, windows; trace name, row: share; ~trace name, row: thinning */
  STREAM_THINK,                 /* class name + user, number of the request */
  STREAM_REPEAT,                /* request id, stream_entity(task, visit, 0) */
  STREAM_LINK_STATE,            /* link name, time slot */
  STREAM_INSTANCE,              /* place name ^ member, k: steps of the k-th start of the member; weakly synchronised */
  STREAM_FAILURE,               /* place name, member: times up and down in turn */
  STREAM_PATIENCE,              /* request id, stream_entity(task, 0, attempt) */
  STREAM_BACKOFF,               /* request id, stream_entity(task, 0, attempt): jitter before this attempt */
  STREAM_JUDGE,                 /* request id, stream_entity(task, variant, attempt): error of the judge */
  STREAM_SHED,                  /* request id, stream_entity(task, 0, attempt): who is turned away by chance */
  STREAM_LINK_PROCESS,          /* link name mixed with the entity and the part, number of the episode, step or message */
  STREAM_RADIO,                 /* link name, device: when the radio's cycles lie */
  STREAM_HARVEST = 64,          /* place name ^ member, slot: what a battery harvests */
  STREAM_OUTAGE = 68,           /* link or place name, member: times up and down in turn */
  STREAM_TOPOLOGY = 72,         /* topology name, part: nodes, lines; of replication 0 */
  STREAM_MOBILITY = 80,         /* place name ^ member, piece of its way */
  STREAM_RECALL = 88,           /* request id, 0: how hard it is to find what the answer needs */
  STREAM_ATTEST = 92,           /* place name ^ member, device and how often */
  STREAM_TRANSFORM,             /* request id, task: what is found of what is looked for */
  STREAM_REPLICA = 94,          /* store name + copy, request id: how late a write comes there */
  STREAM_SESSION = 96,          /* class name, number of the conversation: how many turns it has */
  STREAM_VERSION,               /* name of the roll-out ^ place name ^ member, number of the release: how late it comes */
  STREAM_CACHE = 104,           /* request id, stream_entity(task, 0, 0): similarity to its own item; (task, 1, 0): to others */
  STREAM_CALIBRATION = 112,     /* hardware name mixed with the kernel's, task name: what its measured cost is wrong by */
  STREAM_SCATTER                /* request id, stream_entity(task, variant, attempt): one execution of a measured kernel */
};

static inline uint64_t stream_entity(unsigned task, unsigned variant, unsigned attempt)
{
  return (uint64_t)task << 32 | (uint64_t)variant << 16 | attempt;
}

#endif
