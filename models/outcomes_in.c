/* outcomes_in.c: query-by-query outcomes of a weak and a strong model to a table by subject, and its preset. */
#include "models/outcomes.h"

#include "models/workload.h"

#include <string.h>

enum { SET, SUBJECT, WEAK, STRONG, CHARS, N_ROLES };

static enum trace_format format_of(const char *path)
{
  size_t n = strlen(path);
  if (n > 3 && !strcmp(path + n - 3, ".gz"))
    n -= 3;
  return n > 4 && !strncmp(path + n - 4, ".tsv", 4) ? TRACE_TSV : TRACE_CSV;
}

static const char *unfit(const char *name)
{
  for (const char *p = name; *p; p++)
    if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *p))
      return p;
  return *name && strlen(name) <= 64 ? NULL : name;
}

static struct where cell(const struct table *t, const char *path, uint64_t row, int column)
{
  return (struct where){.file = path, .line = t->line[row], .column = t->at[column][row]};
}

/* The row of the subject, made where there is none. NULL after adding. */
static struct outcome_row *row_of(struct joint_table *out, struct outcome_row *rows, const struct table *t, uint64_t i,
                                  const char *path, struct err *e)
{
  const char *subject = t->text[SUBJECT][i], *set = t->text[SET][i];
  for (int k = out->n_rows - 1; k >= 0; k--)
    if (!strcmp(rows[k].subject, subject) && !strcmp(rows[k].set, set))
      return &rows[k];
    else if (!strcmp(rows[k].subject, subject)) {
      err_add(e, cell(t, path, i, SUBJECT), "the subject '%s' is of the set '%s' and of '%s'", subject, rows[k].set, set);
      return NULL;
    }
  if (unfit(subject) || unfit(set)) {
    err_add(e, cell(t, path, i, unfit(subject) ? SUBJECT : SET), "'%.64s' is no name: letters, digits, '.', '_' and '-', 64 at most",
            unfit(subject) ? subject : set);
    return NULL;
  }
  rows[out->n_rows] = (struct outcome_row){.subject = subject, .set = set};
  return &rows[out->n_rows++];
}

static bool count_one(struct outcome_row *r, const struct table *t, uint64_t i, const char *path, struct err *e)
{
  for (int c = WEAK; c <= STRONG; c++)
    if (t->number[c][i] != 0 && t->number[c][i] != 1)
      return err_add(e, cell(t, path, i, c), "an outcome is 0 or 1, not %g", t->number[c][i]);
  bool weak = t->number[WEAK][i] > 0, strong = t->number[STRONG][i] > 0;
  r->count[weak ? strong ? BOTH_RIGHT : ONLY_WEAK : strong ? ONLY_STRONG : NONE_RIGHT]++;
  if (t->n_columns > CHARS)
    r->prompt_chars += t->number[CHARS][i];
  return true;
}

struct joint_table *outcomes_read(const char *path, const struct outcome_columns *c, struct arena *a, struct err *e)
{
  const struct table_column column[N_ROLES] = {{c->set, true}, {c->subject, true}, {c->weak, false}, {c->strong, false},
                                               {c->prompt_chars, false}};
  const struct table *t = table_load(path, format_of(path), column, c->prompt_chars ? N_ROLES : CHARS, a, e);
  if (!t)
    return NULL;
  struct joint_table *out = arena_alloc(a, sizeof *out);
  struct outcome_row *rows = arena_array(a, struct outcome_row, t->n + 1);
  *out = (struct joint_table){.row = rows};
  for (uint64_t i = 0; i < t->n; i++) {
    struct outcome_row *r = row_of(out, rows, t, i, path, e);
    if (!r || !count_one(r, t, i, path, e))
      return NULL;
  }
  for (int i = 0; i < out->n_rows; i++)
    rows[i].prompt_chars /= outcome_requests(&rows[i]);
  return out;
}

void outcomes_write(const struct joint_table *t, const struct outcomes_source *s, FILE *f)
{
  fprintf(f, "kind: quality\nname: %s\ndoc: \"Which queries %s (weak) and %s (strong) answer right, jointly, by subject. %s\"\n"
          "sources:\n  all: {source: \"%s\", year: %d, grade: %s}\nvalue:\n  weak: %s\n  strong: %s\n  subjects:\n",
          t->name, t->weak, t->strong, s->licence, s->source, s->year, s->grade, t->weak, t->strong);
  for (int i = 0; i < t->n_rows; i++) {
    const struct outcome_row *r = &t->row[i];
    fprintf(f, "    - {name: %s, set: %s, both: %g, only_strong: %g, only_weak: %g, none: %g", r->subject, r->set,
            r->count[BOTH_RIGHT], r->count[ONLY_STRONG], r->count[ONLY_WEAK], r->count[NONE_RIGHT]);
    if (r->prompt_chars > 0)
      fprintf(f, ", prompt_chars: %.1f", r->prompt_chars);
    fputs("}\n", f);
  }
}
