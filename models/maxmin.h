/* maxmin.h: flows that cross several links at once and share them max-min fairly.
 *
 * Every flow has one rate over all its links. The rates are those of pure max-min fairness: no link carries more than
 * its capacity, and each flow has a bottleneck, a full link on its way on which no other flow is faster. This allocation
 * exists and is the only one (Bertsekas and Gallager, Data Networks, section 6.5.2).
 * Flows over the same set of links always have the same rate: such a bundle is one share (models/share.h), so that a
 * flow costs O(log n) and a change of rates costs what the bundles cost that it concerns.
 * Check (parking lot, 1, 2 and 3 MB/s): 1 MB over all three, 0.5 MB over the first: 0.5 MB/s each, the second ends at
 * 1 s, the first at 1.5 s.
 */
#ifndef OFFSIM_MODELS_MAXMIN_H
#define OFFSIM_MODELS_MAXMIN_H

#include "models/share.h"

enum { MAXMIN_LINKS = 16 };                             /* of one flow, at most */
struct maxmin;
struct maxmin_bundle;
/* Embedded in whatever flows. All fields belong to maxmin.c. */
struct maxmin_flow { struct share_user user; struct maxmin_bundle *bundle; };
/* Called when the last byte has left; the flow is out already and others may join or leave in here. */
typedef void maxmin_done_fn(struct sim *, void *context, struct maxmin_flow *);

struct maxmin *maxmin_new(struct sim *, maxmin_done_fn *, void *context);
void maxmin_free(struct maxmin *);
/* A new link; its number. Finite, >= 0; at 0 nothing moves. */
uint32_t maxmin_link(struct maxmin *, double byte_per_s);
void maxmin_set_capacity(struct maxmin *, uint32_t link, double byte_per_s);
/* n distinct links in any order, 1 <= n <= MAXMIN_LINKS; bytes >= 0. All that begins, ends or changes at one instant is
 * settled together: rates are true once the events of the instant have fired. */
void maxmin_join(struct maxmin *, struct maxmin_flow *, const uint32_t *link, int n, double bytes);
/* Leave before the end; returns the bytes that were left. */
double maxmin_leave(struct maxmin *, struct maxmin_flow *);
double maxmin_left(const struct maxmin *, const struct maxmin_flow *);
double maxmin_rate(const struct maxmin_flow *);         /* bytes per second, of this flow */
uint32_t maxmin_flows(const struct maxmin *, uint32_t link);

#endif
