/* llm_model.h: the shapes of published language models, from their public model cards (config.json). */
#ifndef OFFSIM_MODELS_LLM_MODEL_H
#define OFFSIM_MODELS_LLM_MODEL_H

#include "sim/err.h"

struct llm_model {
  const char *name;
  int layers, hidden, intermediate, heads, kv_heads, head_dim, vocabulary;
  bool qk_norm;                                         /* queries and keys are normed, each over one head */
  bool qkv_bias, tied;                                  /* tied: input and output embeddings are one matrix */
};
/* By name, letter case ignored. NULL after adding to err, with the nearest name. */
const struct llm_model *llm_model_named(const char *name, struct err *);
double llm_model_parameters(const struct llm_model *);
/* Keys and values of one token, 2 bytes each number. */
double llm_model_kv_bytes_per_token(const struct llm_model *);

#endif
