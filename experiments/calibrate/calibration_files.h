/* calibration_files.h: the files of one calibration, put into place together, and what is said about them. */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_CALIBRATION_FILES_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_CALIBRATION_FILES_H

#include "experiments/calibrate/calibration.h"

/* May a profile be written there? The name ends in .yaml, and nothing but a file has it. False after adding to err. */
bool profile_may_be(const char *command, const char *path, struct err *) MUST_USE;
/* Of "dir/NAME.yaml": NAME.h5, NAME.raw.jsonl (NULL: not ours), NAME-figures/. The _part ones are passing names of this process
 * alone, so that two calibrations to one name do not write into one file. */
struct calibration_files { const char *profile, *profile_part, *raw, *raw_part, *samples, *samples_part, *figures; };

struct calibration_files calibration_files_of(const char *profile, bool keeps_raw, struct arena *);
/* False after adding to err: something that is no file has one of the names. To be asked before minutes of measuring. */
bool calibration_may_publish(const struct calibration_files *, struct err *) MUST_USE;
/* All are written under passing names and are on the disk, and the profile is read back as the simulator would, before any is
 * renamed, the profile last; figures come after, in this format (NULL: svg, "none"), and a figure that fails is only a
 * warning. False after adding to err: what was under the final names before is still there. */
bool calibration_publish(const struct calibration *, const struct calibration_files *, const char *format, struct err *) MUST_USE;
/* Takes away what stands under passing names. */
void calibration_clean(const struct calibration_files *);
/* Table or JSON to stdout; what was unstable, unavailable or failed, where the files are and what comes next to stderr. */
void calibration_tell(const struct calibration *, const struct calibration_files *, bool as_json, bool quiet);

#endif
