/* track_in.h: files that say where devices are: `t,device,x,y` (seconds, number, metres), or `t,device,cell` with the number
 * of the member that a device is attached to from then on. Rows of a device are in the order of time. Plain or gzip. */
#ifndef OFFSIM_MODELS_TRACK_IN_H
#define OFFSIM_MODELS_TRACK_IN_H

#include "models/walk.h"
#include "sim/arena.h"
#include "sim/err.h"

/* Of `devices` devices, members 0 .. cells - 1. Fills walk->track; every device 0 .. largest has a row. *named: by cell. */
bool tracks_read(const char *path, uint64_t devices, uint64_t cells, struct arena *, struct walk_def *walk, bool *named,
                 struct err *) MUST_USE;

#endif
