/* presets.h: the shipped numbers, for `offsim presets` and `offsim describe preset.NAME`. */
#ifndef OFFSIM_SCENARIOS_PRESETS_H
#define OFFSIM_SCENARIOS_PRESETS_H

#include "sim/arena.h"
#include "sim/err.h"

/* One number of a preset; source or grade NULL, year 0: it has none (the audit fails). A word (on_demand) needs none. */
struct preset_number { const char *kind, *preset, *key, *value, *source, *grade; int year; bool word; };
struct preset_entry { const char *kind, *name, *doc, *path; };

/* All presets in order of kind and name; problems of broken files are added. */
size_t presets_list(struct arena *, const struct preset_entry **, struct err *);
/* The numbers of one. */
size_t presets_numbers(struct arena *, const struct preset_entry *, const struct preset_number **, struct err *);
/* Its words as well, in order of the file. */
size_t presets_values(struct arena *, const struct preset_entry *, const struct preset_number **, struct err *);

/* The step time of a preset; NULL after adding. */
struct steptime;
const struct steptime *preset_step_time(struct arena *, const char *name, struct err *);
/* The joint table of a preset; USD per token of input and output of a tariff. NULL, false after adding. */
struct joint_table;
const struct joint_table *preset_quality(struct arena *, const char *name, struct err *);
bool preset_token_prices(struct arena *, const char *name, double usd_per_tok[2], struct err *) MUST_USE;

#endif
