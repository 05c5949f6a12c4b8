/* plots_folder.h: where the gnuplot scripts of the figures are: share folder of an installation, or the source tree. */
#ifndef OFFSIM_EXPERIMENTS_PLOTS_FOLDER_H
#define OFFSIM_EXPERIMENTS_PLOTS_FOLDER_H

#include "sim/err.h"

/* Caller frees; NULL after adding to err. */
char *plots_folder(struct err *);

#endif
