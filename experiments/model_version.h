/* model_version.h: raised by one whenever a golden trace_hash moves (or would, had the world a golden one); part of the identity of every run. */
#ifndef OFFSIM_EXPERIMENTS_MODEL_VERSION_H
#define OFFSIM_EXPERIMENTS_MODEL_VERSION_H

enum { OFFSIM_MODEL_VERSION = 4 };

#endif
