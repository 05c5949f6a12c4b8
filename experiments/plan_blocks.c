/* plan_blocks.c: what each factor changes.
 *
 * A block is a factor, or several whose changes meet in the effective scenario. Each combination of a block is built
 * alone; what it changes in the documents is its pieces. A factor with a range or many numbers is not built value by
 * value: its pieces are the number itself, in SI, and a few values are built to see that they are.
 */
#include "experiments/plan_parts.h"
#include "sim/check.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COMBINATIONS = 512, MANY_LEVELS = 24, PROBES = 5, RANGE_PROBES = 3, FAILED_PLACE = -1 };

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static void block_texts(const struct plan *p, const struct block *b, size_t combination, const char **text)
{
  for (int k = 0; k < p->n_factors; k++)
    text[k] = NULL;
  for (int i = b->n - 1; i >= 0; i--) {
    const struct factor_def *f = &p->file->factor[b->factor[i]];
    text[b->factor[i]] = f->level[combination % f->n_levels];
    combination /= f->n_levels;
  }
}

static void count_combinations(const struct plan *p, struct block *b)
{
  double n = 1;
  for (int i = 0; i < b->n; i++)
    n *= (double)p->file->factor[b->factor[i]].n_levels;
  b->n_combinations = n > COMBINATIONS ? COMBINATIONS + 1 : (size_t)n;
}

static void block_make_room(const struct plan *p, struct block *b)
{
  struct arena *a = p->work->arena;
  b->paths = arena_array(a, struct paths, p->work->n_documents);
  b->piece = arena_array(a, struct piece *, p->work->n_documents);
  b->quantity = arena_array(a, enum quantity *, p->work->n_documents);
}

/* Where the built scenarios differ from the base, and what they have there. */
static void block_compare(const struct plan *p, struct block *b, struct document *const *built, size_t n)
{
  struct arena *a = p->work->arena;
  block_make_room(p, b);
  for (int d = 0; d < p->work->n_documents; d++) {
    for (size_t i = 0; i < n; i++)
      document_differences(a, &p->work->base[d], &built[i][d], &b->paths[d]);
    b->piece[d] = arena_array(a, struct piece, n * b->paths[d].n + 1);
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < b->paths[d].n; k++)
        b->piece[d][i * b->paths[d].n + k] = document_piece(a, &built[i][d], b->paths[d].path[k]);
  }
}

/* Build texts[i], compare all, drop the scenarios. FAILED_PLACE -1 or the number of the one that cannot be built. */
static long block_build(const struct plan *p, struct block *b, const char *const (*texts)[STUDY_FACTORS], size_t n,
                        struct err *err)
{
  struct study *all = calloc(n + 1, sizeof *all);
  struct document **built = calloc(n + 1, sizeof *built);
  long failed = FAILED_PLACE;
  size_t done = 0;
  if (!all || !built)
    check_out_of_memory(n);
  for (; done < n && failed == FAILED_PLACE; done++) {
    if (!plan_build(p, texts[done], &all[done], err))
      failed = (long)done;
    else
      built[done] = plan_documents(p, all[done].scenario, all[done].chosen, p->work->arena);
  }
  if (failed == FAILED_PLACE)
    block_compare(p, b, built, n);
  for (size_t i = 0; i < done; i++)
    if (built[i])
      study_free(&all[i]);
  free(built);
  free(all);
  return failed;
}

/* ---- numeric blocks ---------------------------------------------------------------------------------------------- */

/* The number's canonical text; the text of a key that holds it starts with the key: `"above":512.0`. */
static size_t number_text(double x, char out[64])
{
  json *value = json_number_value(x);
  char *text = json_write_canonical(value);
  size_t n = (size_t)snprintf(out, 64, "%s", text);
  free(text);
  json_release(value);
  return n;
}

enum { COUNT_QUANTITY = N_QUANTITIES };                 /* whole numbers: written without a point */

size_t plan_number_text(const char *text, enum quantity q, char out[64])
{
  char why[UNITS_WHY];
  unsigned long long whole;
  double x;
  if (q == (enum quantity)COUNT_QUANTITY)
    return count_parse(text, &whole, why) ? (size_t)snprintf(out, 64, "%llu", whole) : 0;
  return number_parse(text, q, &x, why) ? number_text(x, out) : 0;
}

/* Length of the key in front of a keyed piece. */
size_t plan_key_length(const char *path, const struct piece *piece)
{
  const char *colon = piece->p && *path ? memchr(piece->p, ':', piece->n) : NULL;
  return piece->p && piece->p[0] == '"' && colon ? (size_t)(colon - piece->p) + 1 : 0;
}

static bool quantity_fits(const struct block *b, int d, size_t k, const char *const *value, size_t n, enum quantity q)
{
  char number[64];
  for (size_t i = 0; i < n; i++) {
    const struct piece *piece = &b->piece[d][i * b->paths[d].n + k];
    size_t length = plan_number_text(value[i], q, number), key = plan_key_length(b->paths[d].path[k], piece);
    if (!piece->p || !length || piece->n - key != length || memcmp(piece->p + key, number, length))
      return false;
  }
  return true;
}

/* Are all pieces the factor's value, as one quantity each? */
static bool find_quantities(const struct plan *p, struct block *b, const char *const *value, size_t n)
{
  for (int d = 0; d < p->work->n_documents; d++) {
    if (b->paths[d].n > NUMERIC_PIECES)
      return false;
    b->quantity[d] = arena_array(p->work->arena, enum quantity, b->paths[d].n + 1);
    for (size_t k = 0; k < b->paths[d].n; k++) {
      int q = 0;
      while (q <= COUNT_QUANTITY && !quantity_fits(b, d, k, value, n, (enum quantity)q))
        q++;
      if (q > COUNT_QUANTITY)
        return false;
      b->quantity[d][k] = (enum quantity)q;
    }
  }
  return true;
}

/* Ends of a range, and one between. */
static size_t probe_range(const struct factor_def *f, char (*buffer)[CELL_TEXT], const char **value)
{
  for (size_t i = 0; i < RANGE_PROBES; i++) {
    double share = (double)i / (RANGE_PROBES - 1), x = f->lo + share * (f->hi - f->lo) * (i == 1 ? 0.837 : 1);
    value[i] = cell_text(f, (struct cell){.drawn = true, .value = f->integer ? floor(x) : x}, buffer[i]);
  }
  return RANGE_PROBES;
}

/* First, middle and last level, and the smallest and largest number: what a key allows is an interval. */
static size_t probe_levels(const struct factor_def *f, size_t *level)
{
  double least = INFINITY, most = -INFINITY, x;
  char why[UNITS_WHY];
  level[0] = 0, level[1] = (f->n_levels - 1) / 2, level[2] = f->n_levels - 1, level[3] = level[4] = 0;
  for (size_t i = 0; i < f->n_levels; i++) {
    if (!number_parse(f->level[i], Q_ANY, &x, why))
      continue;
    if (x < least)
      least = x, level[3] = i;
    if (x > most)
      most = x, level[4] = i;
  }
  return PROBES;
}

/* The first level that is no such number as the others; n_levels: none. */
static size_t odd_level(const struct plan *p, const struct block *b, const struct factor_def *f)
{
  char number[64];
  for (size_t i = 0; i < f->n_levels; i++)
    for (int d = 0; d < p->work->n_documents; d++)
      for (size_t k = 0; k < b->paths[d].n; k++)
        if (!plan_number_text(f->level[i], b->quantity[d][k], number))
          return i;
  return f->n_levels;
}

/* ---- making the blocks ------------------------------------------------------------------------------------------- */

struct outcome { bool whole; const char *why; };

/* Something among the numbers that is none: a mistake, whose message building it gives, or a factor of words. */
static long build_odd(const struct plan *p, struct block *b, size_t level, struct err *err)
{
  const char *text[STUDY_FACTORS] = {NULL};
  struct study one;
  b->numeric = false;
  text[b->factor[0]] = p->file->factor[b->factor[0]].level[level];
  if (!plan_build(p, text, &one, err))
    return (long)level;
  study_free(&one);
  return FAILED_PLACE;
}

/* FAILED_PLACE, or the number of the level (of a range: 0) that cannot be built. */
static long build_numeric(const struct plan *p, struct block *b, struct err *err)
{
  const struct factor_def *f = &p->file->factor[b->factor[0]];
  char buffer[PROBES][CELL_TEXT];
  const char *value[PROBES] = {NULL}, *texts[PROBES][STUDY_FACTORS] = {{NULL}};
  size_t level[PROBES] = {0}, n = f->n_levels ? probe_levels(f, level) : probe_range(f, buffer, value);
  for (size_t i = 0; i < n; i++) {
    value[i] = f->n_levels ? f->level[level[i]] : value[i];
    texts[i][b->factor[0]] = value[i];
  }
  long failed = block_build(p, b, (const char *const (*)[STUDY_FACTORS])texts, n, err);
  if (failed != FAILED_PLACE)
    return (long)level[failed];
  b->numeric = find_quantities(p, b, value, n);
  size_t odd = b->numeric ? odd_level(p, b, f) : f->n_levels;
  return odd < f->n_levels ? build_odd(p, b, odd, err) : FAILED_PLACE;
}

static long build_levels(const struct plan *p, struct block *b, struct err *err)
{
  const char *(*texts)[STUDY_FACTORS] = zeros_new(b->n_combinations, sizeof *texts);
  for (size_t i = 0; i < b->n_combinations; i++)
    block_texts(p, b, i, texts[i]);
  long failed = block_build(p, b, (const char *const (*)[STUDY_FACTORS])texts, b->n_combinations, err);
  free(texts);
  return failed;
}

static bool has_level(const struct plan *p, uint64_t point, int factor, long level)
{
  struct cell c = design_cell(p->work->table, point, factor);
  return c.drawn || (long)c.level == level;
}

/* All problems once more, as they are. */
static void err_append(struct err *to, const struct err *from)
{
  for (size_t i = 0; i < from->n; i++)
    if (!from->problems[i].warning)
      err_add(to, from->problems[i].at, "%s", from->problems[i].message);
  if (from->code == EXIT_SYSTEM || from->code == EXIT_PLUGIN)
    to->code = from->code;
}

/* A level that cannot be built alone may be sound at its points; if it is not, its own problems are told. */
static bool level_failed(struct plan *p, int factor, long level, const struct err *own, struct err *err)
{
  const char *text[STUDY_FACTORS];
  char buffer[STUDY_FACTORS][CELL_TEXT];
  struct study b;
  struct err unsaid;
  err_init(&unsaid);
  for (uint64_t i = 0; i < p->n_points; i++) {
    if (!has_level(p, i, factor, level))
      continue;
    plan_texts(p, i, text, buffer);
    p->whole = plan_build(p, text, &b, &unsaid);
    if (p->whole)
      study_free(&b);
    break;
  }
  err_release(&unsaid);
  p->why_whole = arena_printf(p->work->arena, "'%s' cannot be varied alone", p->file->factor[factor].name);
  if (!p->whole)
    err_append(err, own);
  return p->whole;
}

static bool make_block(struct plan *p, int factor, struct block *b, struct err *err)
{
  const struct factor_def *f = &p->file->factor[factor];
  struct err own;
  err_init(&own);
  long failed = FAILED_PLACE;
  *b = (struct block){.n = 1, .factor = {factor}};
  count_combinations(p, b);
  if (f->n_levels == 0 || f->n_levels > MANY_LEVELS)
    failed = build_numeric(p, b, &own);
  if (failed == FAILED_PLACE && !b->numeric && f->n_levels && f->n_levels <= COMBINATIONS)
    failed = build_levels(p, b, &own);
  else if (failed == FAILED_PLACE && !b->numeric) {
    p->whole = true;
    p->why_whole = arena_printf(p->work->arena, "'%s' changes more than one number", f->name);
  }
  bool ok = failed == FAILED_PLACE || level_failed(p, factor, failed, &own, err);
  err_release(&own);
  return ok;
}

static bool blocks_meet(const struct plan *p, const struct block *a, const struct block *b)
{
  for (int d = 0; d < p->work->n_documents; d++)
    if (paths_touch(&a->paths[d], &b->paths[d]))
      return true;
  return false;
}

/* One block of two, its combinations built. */
static void merge_blocks(struct plan *p, struct block *a, const struct block *b)
{
  struct block both = {.n = a->n + b->n};
  struct err unsaid;
  memcpy(both.factor, a->factor, (size_t)a->n * sizeof *a->factor);
  memcpy(both.factor + a->n, b->factor, (size_t)b->n * sizeof *b->factor);
  count_combinations(p, &both);
  err_init(&unsaid);
  if (a->numeric || b->numeric || both.n_combinations > COMBINATIONS
      || build_levels(p, &both, &unsaid) != FAILED_PLACE) {
    p->whole = true;
    p->why_whole = arena_printf(p->work->arena, "'%s' and '%s' change the same parts of the scenario",
                                p->file->factor[a->factor[0]].name, p->file->factor[b->factor[0]].name);
  }
  err_release(&unsaid);
  *a = both;
}

static bool merge_some(struct plan *p)
{
  struct plan_work *w = p->work;
  for (int i = 0; i < w->n_blocks; i++)
    for (int k = i + 1; k < w->n_blocks; k++)
      if (blocks_meet(p, &w->block[i], &w->block[k])) {
        merge_blocks(p, &w->block[i], &w->block[k]);
        w->block[k] = w->block[--w->n_blocks];
        return true;
      }
  return false;
}

bool plan_make_blocks(struct plan *p, struct err *err)
{
  struct plan_work *w = p->work;
  w->block = arena_array(w->arena, struct block, p->n_factors + 1);
  bool ok = true;
  for (int k = 0; k < p->n_factors; k++)
    ok = make_block(p, k, &w->block[w->n_blocks++], err) && ok;
  while (ok && !p->whole && merge_some(p)) {}
  return ok;
}

void plan_make_templates(struct plan *p)
{
  struct plan_work *w = p->work;
  struct paths *sets = arena_array(w->arena, struct paths, w->n_blocks + 1);
  w->template = arena_array(w->arena, struct template *, w->n_documents);
  w->now = arena_array(w->arena, struct piece *, w->n_documents * w->n_blocks + 1);
  for (int d = 0; d < w->n_documents; d++) {
    for (int b = 0; b < w->n_blocks; b++) {
      sets[b] = w->block[b].paths[d];
      if (w->block[b].numeric)
        w->now[d * w->n_blocks + b] = arena_array(w->arena, struct piece, sets[b].n + 1);
    }
    w->template[d] = template_new(w->arena, &w->base[d], sets, w->n_blocks);
  }
}
