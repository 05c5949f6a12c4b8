/* arena.h: memory of one kernel's state, laid out the same way in every process.
 *
 * The time of a kernel depends on where its arrays lie: pages of 4 kB scatter over the sets of a cache as the operating
 * system happens to hand them out, and two arrays at the same offset within a page look to the load unit like the same
 * address. An arena is one block aligned to 2 MB for which huge pages are asked; the arrays taken from it begin at cache
 * lines whose offsets within a page differ by 1088 B.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_ARENA_H
#define OFFSIM_EXPERIMENTS_KERNELS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena { char *base; size_t size, used; int taken; };

/* Room for `bytes` in at most `arrays` takes, touched page by page. False and why: no memory. */
bool arena_new(struct arena *, size_t bytes, int arrays, char *why);
/* Never NULL: taking more than was asked for is a mistake of the kernel and aborts. Zeroed at first. */
void *arena_take(struct arena *, size_t bytes);
void arena_free(struct arena *);

#endif
