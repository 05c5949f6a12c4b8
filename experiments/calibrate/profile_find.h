/* profile_find.h: a profile by its file, or a shipped one by its name. */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_FIND_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_FIND_H

#include "scenarios/profile.h"

/* `word` is a path, or the name of a preset of hardware (`offsim presets`). NULL after adding. */
const struct profile *profile_find(struct arena *, const char *word, struct err *);

#endif
