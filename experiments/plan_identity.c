/* plan_identity.c: the identities of a point: its documents put together from pieces (template.h), or the point built
 * whole. The point asked for last is kept.
 */
#include "experiments/plan_parts.h"
#include "experiments/identity.h"
#include "scenarios/tree.h"
#include "sim/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = YAML_KEY * 2 + 80 };              /* a key, escaped, and a number */

/* ---- from templates ---------------------------------------------------------------------------------------------- */

struct number_buffer { char bytes[NUMBER_BYTES]; };

static size_t combination_of(const struct plan *p, const struct block *b, uint64_t point)
{
  size_t combination = 0;
  for (int i = 0; i < b->n; i++)
    combination = combination * p->file->factor[b->factor[i]].n_levels
                  + design_cell(p->work->table, point, b->factor[i]).level;
  return combination;
}

/* Pieces of a numeric block whose factor has this value; their bytes stand in `at`. */
static void numeric_pieces(const struct block *b, int d, const char *text, struct number_buffer *at, struct piece *out)
{
  for (size_t k = 0; k < b->paths[d].n; k++) {
    const struct piece *like = &b->piece[d][k];
    size_t key = plan_key_length(b->paths[d].path[k], like);
    char number[64];
    size_t n = plan_number_text(text, b->quantity[d][k], number);
    sim_assert(key + n < sizeof at[k].bytes);
    memcpy(at[k].bytes, like->p, key);
    memcpy(at[k].bytes + key, number, n);
    out[k] = (struct piece){at[k].bytes, key + n};
  }
}

enum { NUMBERS = STUDY_FACTORS * NUMERIC_PIECES };      /* pieces of a document from numeric blocks at most */

/* Pieces of document d at the point, by block. */
static void pieces_at(const struct plan *p, uint64_t point, int d, const struct piece **out,
                      struct number_buffer *bytes)
{
  const struct plan_work *w = p->work;
  char buffer[CELL_TEXT];
  size_t used = 0;
  for (int i = 0; i < w->n_blocks; i++) {
    const struct block *b = &w->block[i];
    if (!b->paths[d].n) {
      out[i] = NULL;
    } else if (b->numeric) {
      struct cell c = design_cell(w->table, point, b->factor[0]);
      numeric_pieces(b, d, cell_text(&p->file->factor[b->factor[0]], c, buffer), bytes + used,
                     w->now[d * w->n_blocks + i]);
      out[i] = w->now[d * w->n_blocks + i];
      used += b->paths[d].n;
    } else {
      out[i] = b->piece[d] + combination_of(p, b, point) * b->paths[d].n;
    }
  }
}

static void add_document(const struct plan *p, uint64_t point, int d, bool ends, struct hasher *h)
{
  const struct piece *pieces[STUDY_FACTORS];
  struct number_buffer bytes[NUMBERS];
  pieces_at(p, point, d, pieces, bytes);
  template_add(p->work->template[d], pieces, h);
  if (ends)
    hasher_add(h, "", 1);
}

static uint64_t template_seed(const struct plan *p, uint64_t point)
{
  const struct piece *pieces[STUDY_FACTORS];
  struct number_buffer bytes[NUMBERS];
  char text[64];
  pieces_at(p, point, plan_document_of_seed(p), pieces, bytes);
  sim_assert(template_text(p->work->template[plan_document_of_seed(p)], pieces, text, sizeof text));
  return strtoull(text, NULL, 10);
}

static void template_ids(const struct plan *p, uint64_t point, struct hash *out)
{
  struct plan_work *w = p->work;
  hasher_clear(w->world);
  add_document(p, point, 0, true, w->world);
  for (int k = 0; k < p->n_policies; k++) {
    hasher_set(w->one, w->world);
    add_document(p, point, plan_document_of_policy(k), true, w->one);
    add_document(p, point, plan_document_of_files(p, k), false, w->one);
    out[k] = hasher_value(w->one);
  }
}

static void visit(const struct plan *p, uint64_t point)
{
  struct plan_work *w = p->work;
  if (w->has_last && w->last == point)
    return;
  if (w->whole) {
    memcpy(w->last_id, w->whole + point * (uint64_t)p->n_policies, (size_t)p->n_policies * sizeof *w->last_id);
    w->last_seed = w->whole_seed[point];
  } else {
    template_ids(p, point, w->last_id);
    w->last_seed = template_seed(p, point);
  }
  w->last = point;
  w->has_last = true;
}

void plan_base_ids(const struct plan *p, uint64_t point, struct hash *out)
{
  visit(p, point);
  memcpy(out, p->work->last_id, (size_t)p->n_policies * sizeof *out);
}

struct hash plan_base_id(const struct plan *p, uint64_t point, int policy)
{
  visit(p, point);
  return p->work->last_id[policy];
}

uint64_t plan_seed(const struct plan *p, uint64_t point)
{
  visit(p, point);
  return p->work->last_seed;
}

struct hash plan_run_id(const struct plan *p, uint64_t point, int policy, uint64_t replication)
{
  visit(p, point);
  return identity_run(p->work->last_id[policy], p->work->last_seed, replication);
}

/* ---- built whole ------------------------------------------------------------------------------------------------- */

bool plan_build_point(const struct plan *p, uint64_t point, struct hash *ids, uint64_t *seed, struct err *err)
{
  const char *text[STUDY_FACTORS];
  char buffer[STUDY_FACTORS][CELL_TEXT];
  struct study b;
  plan_texts(p, point, text, buffer);
  if (!plan_build(p, text, &b, err))
    return false;
  double *warmup_s = p->work->warmup_s ? &p->work->warmup_s[point] : NULL;
  if (warmup_s && !plan_has_auto_warmup(b.scenario))
    *warmup_s = NAN;
  else if (warmup_s && *warmup_s >= 0)
    study_set_warmup(&b, *warmup_s);
  for (int k = 0; k < p->n_policies; k++)
    ids[k] = identity_base(b.scenario, b.chosen[k]);
  *seed = b.scenario->seed;
  study_free(&b);
  return true;
}

bool plan_build_all(struct plan *p, struct err *err)
{
  struct plan_work *w = p->work;
  w->whole = malloc((size_t)p->n_points * (size_t)p->n_policies * sizeof *w->whole);
  w->whole_seed = malloc((size_t)p->n_points * sizeof *w->whole_seed);
  if (!w->whole || !w->whole_seed)
    return err_system(err, "no memory for %llu points", (unsigned long long)p->n_points);
  if (p->auto_warmup)
    w->warmup_s = calloc((size_t)p->n_points, sizeof *w->warmup_s);
  if (p->auto_warmup && !w->warmup_s)
    return err_system(err, "no memory for %llu points", (unsigned long long)p->n_points);
  for (uint64_t i = 0; w->warmup_s && i < p->n_points; i++)
    w->warmup_s[i] = PLAN_NOT_SETTLED;
  w->has_last = false;
  for (uint64_t i = 0; i < p->n_points; i++)
    if (!plan_build_point(p, i, w->whole + i * (uint64_t)p->n_policies, &w->whole_seed[i], err))
      return false;
  return true;
}

bool plan_settle(struct plan *p, uint64_t point, double warmup_s, struct err *err)
{
  struct plan_work *w = p->work;
  w->warmup_s[point] = warmup_s;
  w->has_last = false;
  return plan_build_point(p, point, w->whole + point * (uint64_t)p->n_policies, &w->whole_seed[point], err);
}
