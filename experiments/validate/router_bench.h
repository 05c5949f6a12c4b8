/* router_bench.h: routers between a weak and a strong model on the queries of a joint table.
 *
 * PGR(s), the performance gap recovered with a share s of the queries for the strong model, is (accuracy - weak) /
 * (strong - weak). APGR is its mean over s in 0 .. 1, CPT(x) the least s with PGR >= x (Ong et al.: RouteLLM, 2024). A router
 * that does not look has PGR(s) = s: APGR .5, CPT(x) = x.
 */
#ifndef OFFSIM_VALIDATE_ROUTER_BENCH_H
#define OFFSIM_VALIDATE_ROUTER_BENCH_H

#include "models/outcomes.h"
#include "sim/rng.h"

/* u: a difficulty with the query's outcome. tokens of its prompt. */
struct query { int row; enum answered outcome; double u, tokens; };
/* USD per token: input, output. */
struct prices { double weak[2], strong[2], answer_tok; };
struct bench {
  const struct joint_table *table;
  int n; const struct query *query;                     /* each of the table's once, in random order */
  double weak, strong;                                  /* right answers */
  struct prices prices;
};
/* A curve: points by rising share, from (0, 0) to (1, 1). usd: of a query, mean. */
struct point { double share, pgr, usd; };
struct curve { int n; struct point *point; };

/* Characters of a prompt per token. */
static const double chars_per_token = 4;

struct bench bench_make(const struct joint_table *, const char *set, const struct prices *, uint64_t seed, struct arena *);
/* What a query costs with one of the models. */
double bench_usd(const struct bench *, const struct query *, bool strong);
/* Queries by falling score; of equal scores the mean order. both: a query for the strong model has cost the weak one's
 * answer, too (a cascade). */
struct curve bench_curve(const struct bench *, const double *score, bool both, struct arena *);
/* Points in any order, ends added. */
struct curve bench_through(const struct bench *, struct point *, int n, struct arena *);
double curve_apgr(const struct curve *);
/* The first point where the PGR is x; NAN: never. */
struct point curve_at(const struct curve *, double pgr);
/* PGR that gives this share of the strong model's accuracy. */
double bench_pgr_of(const struct bench *, double of_strong);

/* The expected curve of a score with this separation: threshold c in normal scores, share p Phi(d - c) + (1 - p) Phi(-c). */
struct curve bench_binormal(const struct bench *, enum score_of, double separation, struct arena *);
/* Scores of each query: of a given separation; by the outcome (oracle); by the gain of its subject. */
void bench_scores(const struct bench *, enum score_of, double separation, struct rng *, double *score);
void bench_oracle(const struct bench *, double *score);
void bench_subject_gains(const struct bench *, double *score);

/* router_learners.c: a policy learns from what it sees, query by query, through the host that serves it in runs. reward =
 * right - price of a strong call; by_subject: a kind of decision for each subject, else one for all, with a score as feature.
 * Share, PGR and USD over all queries, learning included. False after adding to err. */
struct policy_parameter;
struct learner { const char *name, *policy; bool by_subject; int n_parameters; const struct policy_parameter *parameter; };
bool bench_learn(const struct bench *, const struct learner *, double price, const double *score, uint64_t run, struct point *,
                 struct err *) MUST_USE;

#endif
