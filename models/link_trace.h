/* link_trace.h: measurements of links, read as they were published.
 *
 * What a file says is of one kind, and kinds never stand for one another:
 *   capacity    bytes per second that the link could have carried (a saturated link); one value a bin
 *   throughput  bytes per second that an application got: a lower bound, refused where a capacity is wanted
 *   rtt         seconds there and back of a small message, by the time at which it was sent
 *   delay       a histogram of one-way delays: a distribution without time
 * Formats (docs/data.md says where they come from): mahimahi (packets a 100 ms bin, or the original's milliseconds, one
 * line a packet), cicv5g, ucc5g, ping (Linux `ping`), deterministic6g (histogram), netlatency (one pair of nodes), rtt_matrix
 * (round trips of all pairs: a distribution of one-way delays over pairs).
 */
#ifndef OFFSIM_MODELS_LINK_TRACE_H
#define OFFSIM_MODELS_LINK_TRACE_H

#include "sim/arena.h"
#include "sim/dist.h"
#include "sim/err.h"
#include "sim/sim.h"

enum link_trace_kind { LINK_CAPACITY, LINK_THROUGHPUT, LINK_RTT, LINK_DELAY };
enum link_format { FORMAT_BY_NAME, FORMAT_MAHIMAHI, FORMAT_CICV5G, FORMAT_UCC5G, FORMAT_PING, FORMAT_DETERMINISTIC6G,
                   FORMAT_NETLATENCY, FORMAT_RTT_MATRIX };
/* A hole is a step of more than ten times the median one. CUT: what is behind follows one median step after what is
 * before. OUTAGE: nothing passes until it is over. */
enum link_gaps { GAPS_REFUSE, GAPS_CUT, GAPS_OUTAGE };

struct link_trace_def {
  const char *file;
  enum link_format format;                              /* BY_NAME: from what the file looks like */
  const char *column;                                   /* netlatency: the pair; ucc5g: NULL = dl_kbps */
  enum link_gaps gaps;
  double sample_s;                                      /* of formats without times (ping, netlatency); 0: as documented */
};

/* Value k holds from at[k] to at[k + 1], the last one to `length`; then the trace begins anew. at[0] = 0. A value is in
 * bytes per second or seconds; INFINITY of an RTT: the message was lost, or nothing passed. */
struct link_trace {
  enum link_trace_kind kind;
  const char *file;
  uint64_t n;
  const sim_time *at;
  const double *value;
  sim_time length;
  double mean, median;                                  /* over time, of finite ones */
  const struct dist *delay_s;                           /* of LINK_DELAY; then n = 0 */
};

/* NULL after adding what is wrong, with file and line: unknown columns, times out of order, holes, negative values. */
const struct link_trace *link_trace_read(const struct link_trace_def *, struct arena *, struct err *) MUST_USE;
/* The value at a time (>= 0; beyond the end: again from the start), and when the next one begins. */
double link_trace_at(const struct link_trace *, sim_time, sim_time *until);
extern const char *const link_trace_kind_names[];       /* "capacity", ... */

#endif
