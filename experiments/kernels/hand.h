/* hand.h: numbers and text on their way from one kernel to the next.
 *
 * What a kernel left has a size of its own; the next one takes as many elements as it needs, from the front and, where there
 * are too few, again from the front. Numbers are scaled, as engines normalise between layers; example: (2, -4) becomes
 * (0.5, -1) with top 1. Whether an input was made of what was handed is asked without that scale: it is proportional to it.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_HAND_H
#define OFFSIM_EXPERIMENTS_KERNELS_HAND_H

#include <stdbool.h>
#include <stddef.h>

struct hand { const float *x; size_t n, from; };                /* from: which of them is the first */

struct hand hand_of(const void *data, size_t bytes);            /* of whole floats */
float hand_at(const struct hand *, size_t i);
/* Copies what there is room for; returns how much. */
size_t hand_out(const void *from, size_t bytes, void *out, size_t room);
/* top over the largest of the first `count`; 0 when all are 0. */
float hand_scale(const struct hand *, size_t count, float top);
void hand_floats(const struct hand *, float *to, size_t count, float top);
/* Of length 1. */
void hand_unit(const struct hand *, float *to, size_t count);
/* at(state, 0 .. count-1) is the handed numbers times one positive factor, each to `tolerance` of the largest. False and why. */
bool hand_same(const struct hand *, const void *state, double (*at)(const void *, long), long count, double tolerance, char *why);
/* The same of floats, to 1e-5. */
bool hand_same_floats(const struct hand *, const float *a, size_t count, char *why);

void hand_text(const void *data, size_t bytes, void *to, size_t size);
bool hand_text_same(const void *data, size_t bytes, const void *text, size_t size, char *why);

#endif
