#include "experiments/identity.h"
#include "experiments/model_version.h"
#include "models/policy_python.h"
#include "sim/check.h"
#include <stdio.h>
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

/* A plug-in and a learned state belong to the entries that load them, and so does what a plug-in imports; every other file
 * to all runs. */
static bool file_counts(const struct scenario *s, const struct file_note *f, int policy)
{
  const struct policy_def *p = policy >= 0 ? &s->policy[policy] : NULL;
  bool state = strcmp(f->kind, "state") == 0;
  const char *own = !p ? NULL : state ? p->state_path : p->resolved_path;
  if (strcmp(f->kind, "python module") == 0)
    return own && policy_is_python(own);
  if (!state && strcmp(f->kind, "plug-in") != 0)
    return true;
  return own && strcmp(own, f->path) == 0;
}

char *identity_files(const struct scenario *s, int policy, size_t *n)
{
  char *text = NULL, hex[33];
  FILE *out = open_memstream(&text, n);
  if (!out)
    check_out_of_memory(1);
  for (int i = 0; i < s->n_files; i++)
    if (file_counts(s, &s->file[i], policy)) {
      hash_hex(s->file[i].hash, hex);
      fputs(s->file[i].kind, out);
      fputc('\0', out);
      fputs(hex, out);
      fputc('\0', out);
    }
  fclose(out);
  return text;
}

struct hash identity_base(const struct scenario *s, int policy)
{
  struct hasher *h = hasher_new();
  size_t n;
  char *files = identity_files(s, policy, &n);
  add_json(h, s->identity);
  add_json(h, policy >= 0 ? s->policy_json[policy] : NULL);
  hasher_add(h, files, n);
  free(files);
  return hasher_end(h);
}

struct hash identity_run(struct hash base, uint64_t seed, uint64_t replication)
{
  const uint64_t all[] = {base.lo, base.hi, seed, replication, OFFSIM_MODEL_VERSION};
  return hash_bytes(all, sizeof all);
}
