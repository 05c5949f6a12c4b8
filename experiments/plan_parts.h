/* plan_parts.h: what the files of a plan share. plan.c is the plan and its proof, plan_build.c builds one scenario,
 * plan_blocks.c finds what each factor changes, plan_identity.c puts the identities of a point together.
 */
#ifndef OFFSIM_EXPERIMENTS_PLAN_PARTS_H
#define OFFSIM_EXPERIMENTS_PLAN_PARTS_H

#include "experiments/design.h"
#include "experiments/plan.h"
#include "experiments/study.h"
#include "experiments/template.h"
#include "scenarios/units.h"

#define PLAN_NOT_SETTLED (-1.0)
enum { NUMERIC_PIECES = 4 };                            /* of a document, from one numeric block, at most */

/* numeric: one factor whose pieces are numbers of these quantities. */
struct block {
  int n, factor[STUDY_FACTORS];
  size_t n_combinations;
  bool numeric;
  struct paths *paths;                                  /* by document */
  struct piece **piece;                                 /* by document: [combination * paths.n + index] */
  enum quantity **quantity;                             /* by document, of a numeric block */
};

/* unit NULL: words. */
struct factor_look { const char *unit; bool whole; };

struct plan_work {
  struct arena *arena;
  struct design_table *table;
  int *chosen;                                          /* policies of the base */
  struct factor_look *look;
  int n_documents;
  struct document *base;                                /* world, policies, files, seed */
  int n_blocks;
  struct block *block;
  struct template **template;                           /* by document; NULL: whole */
  struct hash *whole;                                   /* [point * n_policies + policy], seeds in whole_seed */
  uint64_t *whole_seed;
  double *warmup_s;                                     /* [point] of an auto_warmup: NAN: fixed; PLAN_NOT_SETTLED */
  /* the last point asked for */
  uint64_t last; bool has_last;
  struct hash *last_id;
  uint64_t last_seed;
  struct hasher *world, *one;
  struct piece **now;                                   /* by document and block, pieces of a numeric block */
};

/* ---- plan_build.c ------------------------------------------------------------------------------------------------ */

/* The documents that an identity is made of: 0 is the world. */
int plan_document_of_policy(int k);
int plan_document_of_files(const struct plan *, int k);
int plan_document_of_seed(const struct plan *);
struct document *plan_documents(const struct plan *, const struct scenario *, const int *chosen, struct arena *);
/* `set`, then the factors for which there is a text. Returns how many. */
size_t plan_overrides_with(const struct plan *, const char *const *text, struct override *out);
/* The value of each factor at the point; a number that is drawn stands in the factor's buffer. */
void plan_texts(const struct plan *, uint64_t point, const char **text, char (*buffer)[CELL_TEXT]);
bool plan_has_auto_warmup(const struct scenario *);
/* The scenario, and which of its policies run. text[k] NULL: the factor is left as the scenario has it. Problems in err
 * stand where the study says the value. */
bool plan_build(const struct plan *, const char *const *text, struct study *, struct err *) MUST_USE;

/* ---- plan_blocks.c ----------------------------------------------------------------------------------------------- */

/* Blocks of all factors; sets plan->whole where they cannot be told apart. */
bool plan_make_blocks(struct plan *, struct err *) MUST_USE;
void plan_make_templates(struct plan *);
/* The canonical text of a number of this quantity; 0: it is none. */
size_t plan_number_text(const char *text, enum quantity, char out[64]);
/* Length of the key in front of a keyed piece. */
size_t plan_key_length(const char *path, const struct piece *);

/* ---- plan_identity.c --------------------------------------------------------------------------------------------- */

/* The point built whole: ids[n_policies]. */
bool plan_build_point(const struct plan *, uint64_t point, struct hash *ids, uint64_t *seed, struct err *) MUST_USE;
bool plan_build_all(struct plan *, struct err *) MUST_USE;

#endif
