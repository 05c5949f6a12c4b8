/* profile_print.h: a profile as people and programs read it. */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_PRINT_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_PRINT_H

#include "scenarios/profile.h"

/* All to stdout: what was measured where, and one row a kernel with its costs and errors. */
void profile_print_table(const struct profile *);
/* services: of its tokens (profile_tokens.h), or NULL. */
struct token_service;
void profile_print_json(const struct profile *, const struct token_service *services, int n_services);

#endif
