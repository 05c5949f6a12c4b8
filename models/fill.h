/* fill.h: max-min fair rates of bundles of flows over links, with floors, redone only where something changed.
 *
 * A bundle is a number of flows over the same links; all have the same rate. With floors of zero the rates are those of
 * pure max-min fairness (Bertsekas and Gallager, Data Networks, section 6.5.2). A floor is a rate that each flow of a
 * bundle gets before anything is shared: rates r >= floor, no link above its capacity, and each flow has a bottleneck, a
 * full link on its way on which whoever is faster stands at its floor. Both exist and are the only ones, if the floors
 * fit (Hou, Tzeng and Panwar, "A generalized max-min rate allocation policy", 1998); that they fit is the caller's.
 * Check: a link of 10, floors 6, 0 and 0: 6, 2 and 2; floors 3, 0 and 0: 10/3 each.
 * Nothing here knows time, bytes or events.
 */
#ifndef OFFSIM_MODELS_FILL_H
#define OFFSIM_MODELS_FILL_H

#include <stdint.h>

enum { FILL_LINKS = 32 };                               /* of one bundle, at most */
struct fill;

struct fill *fill_new(void);
void fill_free(struct fill *);
/* A new link; its number. Finite, >= 0; at 0 all stand still. */
uint32_t fill_link(struct fill *, double capacity);
void fill_set_capacity(struct fill *, uint32_t link, double capacity);
/* A new bundle without flows, over n distinct links; its number, one that ended or the next. */
uint32_t fill_bundle(struct fill *, const uint32_t *link, int n);
/* It has no flows, and fill_settle said so. */
void fill_end(struct fill *, uint32_t bundle);
void fill_set_flows(struct fill *, uint32_t bundle, uint32_t flows);
void fill_set_floor(struct fill *, uint32_t bundle, double floor);
/* After any of these: rates anew. The bundles that may have another rate now, those that were named above among them. */
struct fill_list { const uint32_t *at; uint32_t n; };
struct fill_list fill_settle(struct fill *);
double fill_rate(const struct fill *, uint32_t bundle);
uint32_t fill_flows(const struct fill *, uint32_t bundle);
uint64_t fill_link_flows(const struct fill *, uint32_t link);

#endif
