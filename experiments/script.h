/* script.h: job scripts as text. Whatever comes from the user is quoted or refused here, and only here.
 *
 * Nothing in this file starts a program or opens a file.
 */
#ifndef OFFSIM_EXPERIMENTS_SCRIPT_H
#define OFFSIM_EXPERIMENTS_SCRIPT_H

#include "analysis/text.h"
#include "scenarios/study_file.h"

/* `word` as one word of a POSIX shell: 'it'\''s'. False after adding to err: it has a control character (a line break
 * would end the line, in a script as in a log). `what` names it in the message. */
bool script_quote(struct text *, const char *word, const char *what, struct err *) MUST_USE;

struct script_setup {
  const struct slurm_def *cluster;                      /* what the study asks for */
  const char *name;                                     /* of the study */
  const char *program, *folder, *working;               /* absolute: offsim; results; where the call was made */
  const char *const *call; size_t n_call;               /* words after `offsim sweep`: study, -o DIR, ... */
  uint64_t tasks;                                       /* shards, 1 to tasks */
  const char *array;                                    /* which of them: "1-40", "3,7" */
  int round;                                            /* 1: first submission; more: of what was lost */
};
/* The array job and the job that depends on it. NULL after adding to err; caller frees. */
char *script_array(const struct script_setup *, struct err *);
char *script_merge(const struct script_setup *, struct err *);
/* A user's template with its {{words}} replaced (docs/studies.md lists them). `path` and `text`: the template's. */
char *script_template(const struct script_setup *, const char *path, const char *text, struct err *);

#endif
