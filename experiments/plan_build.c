/* plan_build.c: one scenario of a study, built: its overrides, the documents that its identity is made of, and its
 * problems told where the study says the value.
 */
#include "experiments/plan_parts.h"
#include "experiments/identity.h"
#include "experiments/scenario_check.h"
#include "sim/check.h"

#include <stdlib.h>
#include <string.h>

/* ---- documents --------------------------------------------------------------------------------------------------- */

int plan_document_of_policy(int k) { return 1 + k; }
int plan_document_of_files(const struct plan *p, int k) { return 1 + p->n_policies + k; }
int plan_document_of_seed(const struct plan *p) { return 1 + 2 * p->n_policies; }

static const char *kept_bytes(struct arena *a, char *bytes, size_t n)
{
  char *copy = arena_alloc(a, n + 1);
  memcpy(copy, bytes, n);
  free(bytes);
  return copy;
}

struct document *plan_documents(const struct plan *p, const struct scenario *s, const int *chosen, struct arena *a)
{
  struct document *d = arena_array(a, struct document, p->work->n_documents);
  d[0].tree = s->identity;
  for (int k = 0; k < p->n_policies; k++) {
    struct document *policy = &d[plan_document_of_policy(k)], *files = &d[plan_document_of_files(p, k)];
    policy->tree = chosen[k] >= 0 ? s->policy_json[chosen[k]] : NULL;
    policy->bytes = "";
    char *bytes = identity_files(s, chosen[k], &files->n);
    files->bytes = kept_bytes(a, bytes, files->n);
  }
  struct document *seed = &d[plan_document_of_seed(p)];
  seed->bytes = arena_printf(a, "%llu", (unsigned long long)s->seed);
  seed->n = strlen(seed->bytes);
  return d;
}

/* ---- overrides --------------------------------------------------------------------------------------------------- */

/* `set`, then the factors for which there is a text. */
size_t plan_overrides_with(const struct plan *p, const char *const *text, struct override *out)
{
  size_t n = 0;
  for (size_t i = 0; i < p->file->n_set; i++)
    out[n++] = p->file->set[i];
  for (int k = 0; k < p->n_factors; k++)
    if (text[k])
      out[n++] = (struct override){p->file->factor[k].path, text[k]};
  return n;
}

void plan_texts(const struct plan *p, uint64_t point, const char **text, char (*buffer)[CELL_TEXT])
{
  for (int k = 0; k < p->n_factors; k++)
    text[k] = cell_text(&p->file->factor[k], design_cell(p->work->table, point, k), buffer[k]);
}

/* ---- building one scenario --------------------------------------------------------------------------------------- */

static struct where factor_place(const struct factor_def *f, const char *value)
{
  for (size_t i = 0; i < f->n_levels; i++)
    if (value && !strcmp(f->level[i], value))
      return f->level_at[i];
  return f->path_at;
}

/* Where in the study the override stands that a problem is about: options are told as "--set PATH=VALUE". False: it is
 * about the scenario's own text. */
static bool place_in_study(const struct plan *p, const char *const *text, const struct where *at, struct where *out)
{
  static const char option[] = "--set ";
  if (!at->file || strncmp(at->file, option, sizeof option - 1))
    return false;
  const char *path = at->file + sizeof option - 1;
  size_t n = strcspn(path, "=");
  for (int k = 0; k < p->n_factors; k++)
    if (text[k] && strlen(p->file->factor[k].path) == n && !strncmp(p->file->factor[k].path, path, n)) {
      bool about_path = at->text && at->text_len == n && !strncmp(at->text, path, n);
      *out = about_path ? p->file->factor[k].path_at : factor_place(&p->file->factor[k], text[k]);
      return true;
    }
  for (size_t i = 0; i < p->file->n_set; i++)
    if (strlen(p->file->set[i].path) == n && !strncmp(p->file->set[i].path, path, n)) {
      *out = p->file->set_at[i];
      return true;
    }
  return false;
}

static void copy_problem(const struct plan *p, const char *const *text, const struct problem *from, const char *with,
                         struct err *err)
{
  struct where at = from->at;
  bool moved = place_in_study(p, text, &at, &at);
  if (!strncmp(from->message, "--policy: ", 10)) {
    err_add(err, p->file->policies_at, "%s", from->message + 10);
  } else if (from->warning) {
    err_warn(err, at, "%s", from->message);
  } else if (moved || !*with) {
    err_add(err, at, "%s", from->message);
  } else {
    err_add(err, at, "%s (with %s)", from->message, with);
  }
}

/* "bw = 0.5, above = 256" of the factors that are set. */
static const char *texts_in_words(const struct plan *p, const char *const *text, struct arena *a)
{
  const char *all = "";
  for (int k = 0; k < p->n_factors; k++)
    if (text[k])
      all = arena_printf(a, "%s%s%s = %.60s", all, *all ? ", " : "", p->file->factor[k].name, text[k]);
  return all;
}

static void move_problems(const struct plan *p, const char *const *text, const struct err *from, struct err *err)
{
  struct arena *a = arena_new();
  const char *with = texts_in_words(p, text, a);
  for (size_t i = 0; i < from->n; i++)
    if (!from->problems[i].warning)
      copy_problem(p, text, &from->problems[i], with, err);
  if (from->code == EXIT_SYSTEM || from->code == EXIT_PLUGIN)
    err->code = from->code;
  arena_free(a);
}

static bool same_policies(const struct plan *p, const struct study *s, struct err *err)
{
  bool same = s->n_chosen == p->n_policies;
  for (int k = 0; same && k < p->n_policies; k++)
    same = !strcmp(study_policy_name(s, s->chosen[k]), p->policy[k]);
  return same || err_add(err, p->file->at, "a factor changes the list of policies; which ones run is said by `policy`");
}

bool plan_has_auto_warmup(const struct scenario *s)
{
  return s->world.horizon.kind == HORIZON_STEADY && s->world.horizon.warmup_auto;
}

/* text[k] NULL: the factor is left as the scenario has it. */
bool plan_build(const struct plan *p, const char *const *text, struct study *s, struct err *err)
{
  struct plan *counts = (struct plan *)p;
  struct override *set = calloc(plan_n_overrides(p) + 1, sizeof *set);
  struct err own;
  if (!set)
    check_out_of_memory(sizeof *set);
  err_init(&own);
  *s = (struct study){0};
  s->scenario = scenario_load(p->file->scenario, set, plan_overrides_with(p, text, set), &own);
  bool ok = s->scenario && study_choose(s, p->file->policies, &own)
            && (!p->policy || same_policies(p, s, &own)) && scenario_check_to_run(s->scenario, &own);
  counts->n_built++;
  counts->auto_warmup |= ok && plan_has_auto_warmup(s->scenario);
  if (!ok) {
    move_problems(p, text, &own, err);
    study_free(s);
  }
  err_release(&own);
  free(set);
  return ok;
}
