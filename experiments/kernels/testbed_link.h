/* testbed_link.h: the link that the relay of the testbed imposes, as a file.
 *
 * After one line of names come lines what,from_s,value: `latency` in s or the word `lost` (who is lost waits for the next
 * piece that is not), `up` and `down` in B/s (0: nothing passes). Each series starts at 0, ascends, and ends with a line whose
 * value is `end`; then it begins anew. No latency: none; no rate: unlimited.
 * Check: 1000 B at 100 kB/s until .005 s and 1 MB/s from then on, latency 2 ms: .005 + .0005 + .002 s.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_TESTBED_LINK_H
#define OFFSIM_EXPERIMENTS_KERNELS_TESTBED_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct testbed_piece { double from_s, value; };         /* value -1: lost */
/* length 0: it is not there; a_cycle: what passes in one, B (latency: the time that is not lost, s) */
struct testbed_series { size_t n, capacity; struct testbed_piece *piece; double length_s, a_cycle; };
struct testbed_link { struct testbed_series series[3]; };      /* latency, up, down */

/* False after a message on stderr with file and line: nothing there, no number, negative, not finite, not in order, without
 * end, never a message through. */
bool testbed_link_read(struct testbed_link *, const char *file);
void testbed_link_free(struct testbed_link *);
/* Seconds that a message of so many bytes takes that comes at second t (before 0: as at 0). */
double testbed_link_takes(const struct testbed_link *, double t, double bytes, bool down);

#endif
