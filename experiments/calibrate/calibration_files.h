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
 * warning, as is a folder that cannot be synced. False after adding to err: the profile that was there before is still there, and
 * so are the files beside it unless the renaming itself stopped half-way (their names are asked for before). */
bool calibration_publish(const struct calibration *, const struct calibration_files *, const char *format, struct err *) MUST_USE;
/* One file: on the disk, then under its name. The folder's own entry is synced by file_sync_folder, as far as it can be: a warning
 * where it cannot, for the file is there. NULL: nothing to do. */
bool file_sync(const char *path, struct err *) MUST_USE;
bool file_move(const char *from, const char *to, struct err *) MUST_USE;
void file_sync_folder(const char *path_in_it);
/* Errors of a file under a passing name, which nobody will find: without their places, each after `before`. */
bool errors_of_part(const struct err *found, const char *file, const char *before, struct err *) MUST_USE;
/* Takes away what stands under passing names. */
void calibration_clean(const struct calibration_files *);
/* Table or JSON to stdout; what was unstable, unavailable or failed, where the files are and what comes next to stderr. */
void calibration_tell(const struct calibration *, const struct calibration_files *, bool as_json, bool quiet);

#endif
