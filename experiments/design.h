/* design.h: the points of a study, before anything is built: which value each factor has at which point. */
#ifndef OFFSIM_EXPERIMENTS_DESIGN_H
#define OFFSIM_EXPERIMENTS_DESIGN_H

#include "scenarios/study_file.h"

/* Of one factor at one point: a level, or a number drawn from the range. */
struct cell { bool drawn; size_t level; double value; };
enum { CELL_TEXT = 160 };

struct design_table;
/* Points before `where`; of a huge grid only a double can hold them. */
double design_size(const struct study_file *);
/* NULL after adding (no point is left, no memory). design_size() must be at most STUDY_POINTS. */
struct design_table *design_new(const struct study_file *, struct err *);
void design_free(struct design_table *);
uint64_t design_points(const struct design_table *);
struct cell design_cell(const struct design_table *, uint64_t point, int factor);
/* The value as text: the level's own, or written into `buffer`. */
const char *cell_text(const struct factor_def *, struct cell, char buffer[CELL_TEXT]);

/* The first n points of a sequence in [0, 1)^d, by points: u[i * d + k]. Sobol starts with its 0: without it, 2^m
 * points are no net (Owen 2020, "On dropping the first Sobol' point"); Halton with (1/2, 1/3, 1/5 ...). */
bool design_sequence(enum design, size_t n, int d, double *u, struct err *) MUST_USE;

#endif
