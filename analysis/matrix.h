/* matrix.h: which tasks stay, which go, and which depend: a decision matrix from the traces of a comparison.
 *
 * For each task of each class its attempts that were answered are put side by side: on a device and elsewhere, of the same
 * request in the same replication under whatever policy they were (each side its mean). A case is a request with both. The share of
 * cases in which elsewhere is sooner (from the attempt's start to its end, all ways included) has a Wilson interval of 95 %:
 *   always local       wholly at most 10 %
 *   prime candidate    wholly at least 90 %
 *   conditional        neither; then the attribute that tells the two kinds apart best, by its AUC, and from which value on
 *                      (the largest difference of the shares of both kinds beyond it, Youden 1950); only one whose AUC
 *                      is 4 standard errors from 1/2
 * Checkable: 0 of 35 has the upper bound 0.0989; x > 3 apart without error has AUC 1.
 */
#ifndef OFFSIM_ANALYSIS_MATRIX_H
#define OFFSIM_ANALYSIS_MATRIX_H

#include "analysis/compare.h"

enum matrix_verdict { MATRIX_LOCAL, MATRIX_PRIME, MATRIX_CONDITIONAL };
extern const char *const matrix_words[3];
enum matrix_verdict matrix_judge(uint64_t sooner, uint64_t n);

/* Of cases with a value x (NaN: left out), `sooner` elsewhere or not. auc: chance that x is larger where it is, ties half;
 * NaN where all are of one kind. above: elsewhere pays for larger values; from: beyond this one. error: of an AUC of 1/2,
 * sqrt((n + 1) / (12 n0 n1)) (Mann and Whitney 1947). */
struct matrix_cue { double auc, from, error; bool above; };
struct matrix_cue matrix_cue(const double *x, const bool *sooner, size_t n);

bool matrix_print(const struct comparison *, FILE *, bool as_json, struct err *) MUST_USE;

#endif
