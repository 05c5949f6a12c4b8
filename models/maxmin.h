/* maxmin.h: flows that cross several links at once and share them max-min fairly; slices of links.
 *
 * Every flow has one rate over all its links. Without slices the rates are those of pure max-min fairness: no link
 * carries more than its capacity, and each flow has a bottleneck, a full link on its way on which no other flow is faster.
 * This allocation exists and is the only one (Bertsekas and Gallager, Data Networks, section 6.5.2).
 *
 * A slice is some of the flows of a link, with a guaranteed rate g and a maximum rate m for them all together; the
 * guarantees of a link, at most its capacity C, shrink with it when it has less. Two steps:
 *   1. Floors: max-min fair rates of the flows that have a guarantee somewhere on their way, where a link gives a slice g,
 *      and to all other flows together what is not guaranteed, C - sum of g (and no slice more than m).
 *   2. Rates: max-min fair over the links and the slices' m, each flow at least its floor (models/fill.h).
 * So what a slice does not use others may have, in equal parts with all who are above their floor; a guarantee that one
 * flow of a slice cannot use (a slower link on its way) is for the other flows of the slice; and a floor holds along the
 * whole way, as far as links without that slice have rate that they promised to nobody. Slice of n flows on one link:
 * each has min(m / n, max(g / n, level)), where level is that of the flows that no slice has.
 *
 * Flows over the same set of links and slices always have the same rate: such a bundle is one virtual clock
 * (models/share.h), so that a flow costs O(log n) and a change of rates costs what the bundles cost that it concerns.
 * Check (parking lot, 1, 2 and 3 MB/s): 1 MB over all three, 0.5 MB over the first: 0.5 MB/s each, the second ends at
 * 1 s, the first at 1.5 s. Check (10 MB/s, slice g = 6): one flow in the slice, three outside: 6 and 4/3 MB/s.
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
/* A slice of a link that no flow crosses yet; its number, which stands for the link and the slice. 0 <= guaranteed <=
 * maximum; INFINITY: no maximum. */
uint32_t maxmin_slice(struct maxmin *, uint32_t link, double guaranteed_byte_per_s, double maximum_byte_per_s);
/* n numbers of distinct links, or of slices of them, in any order, 1 <= n <= MAXMIN_LINKS; bytes >= 0. All that begins,
 * ends or changes at one instant is settled together: rates are true once the events of the instant have fired. */
void maxmin_join(struct maxmin *, struct maxmin_flow *, const uint32_t *link, int n, double bytes);
/* Leave before the end; returns the bytes that were left. */
double maxmin_leave(struct maxmin *, struct maxmin_flow *);
double maxmin_left(const struct maxmin *, const struct maxmin_flow *);
double maxmin_rate(const struct maxmin_flow *);         /* bytes per second, of this flow */
uint64_t maxmin_flows(const struct maxmin *, uint32_t link);

#endif
