/* pack.h: how many passages go into a prompt, and how many tokens it then has. */
#ifndef OFFSIM_MODELS_PACK_H
#define OFFSIM_MODELS_PACK_H

#include "models/expr.h"

/* `beside`: tokens of the question and of what stands round the passages. n_tokens, n_chunks: the attributes it produces. */
struct pack_def { struct expr chunks, chunk, beside, window; int n_tokens, n_chunks; };

/* Whole passages only. */
struct packed { double tokens, chunks; };
struct packed pack(double chunks, double chunk_tok, double beside_tok, double window_tok);
struct attempt;
void pack_on_served(struct attempt *, const struct pack_def *);

#endif
