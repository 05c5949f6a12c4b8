/* llm_model.c: shapes of language models.
 *
 * parameters = E V d (E = 1 tied, else 2) + L (2 d h e + 2 d g e + 3 d f + 2 d + norms + biases) + d, with d hidden, h heads,
 * g key-value heads, e the head's width, f intermediate. Llama 3.1 8B: 8,030,261,248, as its card says (8.03 B).
 */
#include "models/llm_model.h"

#include <string.h>
#include <strings.h>

static const struct llm_model models[] = {
  /* name           layers hidden  inter. heads kv  dim  vocabulary */
  {"llama-2-7b",      32,  4096,  11008,  32,  32, 128,  32000, false, false, false},
  {"llama-2-13b",     40,  5120,  13824,  40,  40, 128,  32000, false, false, false},
  {"llama-2-70b",     80,  8192,  28672,  64,   8, 128,  32000, false, false, false},
  {"llama-3.1-8b",    32,  4096,  14336,  32,   8, 128, 128256, false, false, false},
  {"llama-3.1-70b",   80,  8192,  28672,  64,   8, 128, 128256, false, false, false},
  {"llama-3.2-1b",    16,  2048,   8192,  32,   8,  64, 128256, false, false, true},
  {"llama-3.2-3b",    28,  3072,   8192,  24,   8, 128, 128256, false, false, true},
  {"mistral-7b",      32,  4096,  14336,  32,   8, 128,  32768, false, false, false},
  {"qwen2.5-7b",      28,  3584,  18944,  28,   4, 128, 152064, false, true, false},
  {"qwen2.5-14b",     48,  5120,  13824,  40,   8, 128, 152064, false, true, false},
  {"qwen2.5-32b",     64,  5120,  27648,  40,   8, 128, 152064, false, true, false},
  {"qwen3-0.6b",      28,  1024,   3072,  16,   8, 128, 151936, true, false, true},
  {"qwen3-1.7b",      28,  2048,   6144,  16,   8, 128, 151936, true, false, true},
  {"qwen3-4b",        36,  2560,   9728,  32,   8, 128, 151936, true, false, true},
  {"qwen3-8b",        36,  4096,  12288,  32,   8, 128, 151936, true, false, false},
  {"qwen3-14b",       40,  5120,  17408,  40,   8, 128, 151936, true, false, false},
  {"qwen3-32b",       64,  5120,  25600,  64,   8, 128, 151936, true, false, false},
};
enum { N_MODELS = sizeof models / sizeof *models };

const struct llm_model *llm_model_named(const char *name, struct err *e)
{
  const char *names[N_MODELS];
  for (int i = 0; i < N_MODELS; i++) {
    names[i] = models[i].name;
    if (!strcasecmp(name, models[i].name))
      return &models[i];
  }
  const char *near = nearest(name, names, N_MODELS);
  err_add(e, (struct where){0}, near ? "no model '%s'; did you mean '%s'?" : "no model '%s'", name, near);
  return NULL;
}

double llm_model_parameters(const struct llm_model *m)
{
  double d = m->hidden, queries = m->heads * m->head_dim, keys = m->kv_heads * m->head_dim;
  double layer = 2 * d * queries + 2 * d * keys + 3 * d * m->intermediate + 2 * d + (m->qk_norm ? 2 * m->head_dim : 0) +
                 (m->qkv_bias ? queries + 2 * keys : 0);
  return (m->tied ? 1 : 2) * d * m->vocabulary + m->layers * layer + d;
}

double llm_model_kv_bytes_per_token(const struct llm_model *m)
{
  return 2. * 2 * m->layers * m->kv_heads * m->head_dim;
}
