/* outcomes.h: which of two models answers a request right, jointly, by its subject.
 *
 * A table holds, for each subject, how many of its requests both models answer right, only the strong one, only the weak
 * one, neither. The latent difficulty u, uniform in (0, 1), says which of these a request of the subject is: in the order
 * both, only weak, only strong, neither, each as wide as its share. The weak model is thus right up to a level of u, and
 * whoever is right is so jointly: shares of both models, of their joint outcomes and of each subject are the table's.
 * Checkable: both 3, only weak 1, only strong 2, neither 4: weak .4, strong .5; u = .35 only weak, u = .45 only strong.
 */
#ifndef OFFSIM_MODELS_OUTCOMES_H
#define OFFSIM_MODELS_OUTCOMES_H

#include "sim/arena.h"
#include "sim/err.h"
#include <stdbool.h>
#include <stdio.h>

enum answered { BOTH_RIGHT, ONLY_WEAK, ONLY_STRONG, NONE_RIGHT, OUTCOME_KINDS };

/* count: requests by outcome. prompt_chars: their mean length; 0 = not known. */
struct outcome_row { const char *subject, *set; double count[OUTCOME_KINDS], prompt_chars; };
struct joint_table { const char *name, *weak, *strong; int n_rows; const struct outcome_row *row; };

double outcome_requests(const struct outcome_row *);    /* all of the row */
enum answered outcome_at(const struct outcome_row *, double difficulty);
static inline bool outcome_right(enum answered o, bool strong)
{
  return o == BOTH_RIGHT || o == (strong ? ONLY_STRONG : ONLY_WEAK);
}
/* Share of right answers: of one row, of all rows of a set (NULL: every one). */
double outcome_share(const struct outcome_row *, bool strong);
double outcomes_share(const struct joint_table *, const char *set, bool strong);
bool outcomes_has_set(const struct joint_table *, const char *set);
/* The names of its sets, in the order of their first rows, into `set`, which has room for n_rows. How many. */
size_t outcomes_sets(const struct joint_table *, const char **set);

/* What a request of this class is about (attribute `subjects`), and what policies are told of the models' quality: their
 * mean over the set, or over the requests of the subject. */
struct subjects_def { const struct joint_table *table; const char *set; bool told_by_subject; double mean[2]; };

/* A score that tells requests with a property from those without, as well as its AUC says: standard normal, more by
 * sqrt(2) x Phi^-1(AUC) where the property holds, and from there to (0, 1) by Phi (binormal model, Green and Swets 1966).
 * AUC = P(score of one with > score of one without). NEEDED: only the strong model is right. WEAK_FAILS: the weak one is
 * wrong. DIFFICULT: difficulty is above `above`. The first two are for classes with subjects. */
enum score_of { SCORE_NEEDED, SCORE_WEAK_FAILS, SCORE_DIFFICULT };
struct scores_def { enum score_of of; double separation, above; const struct joint_table *table; int subject; };
double score_separation(double auc);
/* subject: number of the row, as the attribute holds it; z: a standard normal draw. */
double score_draw(const struct scores_def *, double subject, double difficulty, double z);

/* ---- from query by query to a table (outcomes_in.c) ---- */

/* Columns of the file, by what they hold; prompt_chars NULL: none. */
struct outcome_columns { const char *set, *subject, *weak, *strong, *prompt_chars; };
static const struct outcome_columns outcome_columns_default = {"benchmark", "domain", "weak_correct", "strong_correct",
                                                               "prompt_chars"};
/* All memory is the arena's. NULL after adding what is malformed (file:line:column). */
struct joint_table *outcomes_read(const char *path, const struct outcome_columns *, struct arena *, struct err *);
/* The preset as text. */
struct outcomes_source { const char *source, *licence, *grade; int year; };
void outcomes_write(const struct joint_table *, const struct outcomes_source *, FILE *);

/* ---- what routers can reach: by the table alone ---- */

/* Shares of requests for the strong model that give `target` of its accuracy: when only those are sent that it alone
 * answers right; whole subjects by falling gain, the last one in part; at random. NAN: not to be reached so. */
struct router_figures { double requests, weak, strong, oracle, per_subject, random; };
struct router_figures outcomes_figures(const struct joint_table *, const char *set, double target, struct arena *);

#endif
