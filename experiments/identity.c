#include "experiments/identity.h"
#include "experiments/model_version.h"
#include <stdlib.h>
#include <string.h>

static void add_text(struct hasher *h, const char *text)
{
  hasher_add(h, text, strlen(text) + 1);                /* with its NUL: texts cannot run into one another */
}

static void add_json(struct hasher *h, const json *value)
{
  char *text = value ? json_write_canonical(value) : NULL;
  add_text(h, text ? text : "");
  free(text);
}

/* A plug-in belongs to the entries that load it; every other file to all runs. */
static bool file_counts(const struct scenario *s, const struct file_note *f, int policy)
{
  if (strcmp(f->kind, "plug-in") != 0)
    return true;
  const char *own = policy >= 0 ? s->policy[policy].resolved_path : NULL;
  return own && strcmp(own, f->path) == 0;
}

struct hash identity_base(const struct scenario *s, int policy)
{
  struct hasher *h = hasher_new();
  add_json(h, s->identity);
  add_json(h, policy >= 0 ? s->policy_json[policy] : NULL);
  for (int i = 0; i < s->n_files; i++)
    if (file_counts(s, &s->file[i], policy)) {
      char hex[33];
      hash_hex(s->file[i].hash, hex);
      add_text(h, s->file[i].kind);
      add_text(h, hex);
    }
  return hasher_end(h);
}

struct hash identity_run(struct hash base, uint64_t seed, uint64_t replication)
{
  const uint64_t all[] = {base.lo, base.hi, seed, replication, OFFSIM_MODEL_VERSION};
  return hash_bytes(all, sizeof all);
}
