/* plan.c: points, and the identity of each run without building each point.
 *
 * A block is a factor, or several whose changes meet in the effective scenario. Each combination of a block is built
 * alone; what it changes in the documents that an identity is made of (world, policy entries, files, seed) are its
 * pieces. The documents of a point are then put together from pieces (template.h). A factor with a range or many
 * numbers is not built value by value: its pieces are the number itself, in SI. Points at random and at the ends are
 * built whole, and where one comes out otherwise, every point is.
 */
#include "experiments/plan.h"
#include "analysis/metrics.h"
#include "experiments/design.h"
#include "experiments/identity.h"
#include "experiments/scenario_check.h"
#include "experiments/study.h"
#include "experiments/template.h"
#include "scenarios/tree.h"
#include "scenarios/units.h"
#include "sim/check.h"
#include "sim/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double NOT_SETTLED = -1;
static const char WARMUP[] = "horizon.warmup";
enum { NUMBER_BYTES = YAML_KEY * 2 + 80 };               /* a key, escaped, and a number */
enum { COMBINATIONS = 512, MANY_LEVELS = 24, PROBES = 5, RANGE_PROBES = 3, SAMPLES = 16, PAIRS = 128, FAILED_PLACE = -1,
       NUMERIC_PIECES = 4 };

/* numeric: one factor whose pieces are numbers of these quantities. */
struct block {
  int n, factor[STUDY_FACTORS];
  size_t n_combinations;
  bool numeric;
  struct paths *paths;                                  /* by document */
  struct piece **piece;                                 /* by document: [combination * paths.n + index] */
  enum quantity **quantity;                             /* by document, of a numeric block */
};

/* unit NULL: words. */
struct factor_look { const char *unit; bool whole; };

struct plan_work {
  struct arena *arena;
  struct design_table *table;
  int *chosen;                                          /* policies of the base */
  struct factor_look *look;
  int n_documents;
  struct document *base;                                /* world, policies, files, seed */
  int n_blocks;
  struct block *block;
  struct template **template;                           /* by document; NULL: whole */
  struct hash *whole;                                   /* [point * n_policies + policy], seeds in whole_seed */
  uint64_t *whole_seed;
  double *warmup_s;                                     /* [point] of an auto_warmup: NAN: fixed; NOT_SETTLED */
  /* the last point asked for */
  uint64_t last; bool has_last;
  struct hash *last_id;
  uint64_t last_seed;
  struct hasher *world, *one;
  struct piece **now;                                   /* by document and block, pieces of a numeric block */
};

/* ---- documents --------------------------------------------------------------------------------------------------- */

static int document_of_policy(int k) { return 1 + k; }
static int document_of_files(const struct plan *p, int k) { return 1 + p->n_policies + k; }
static int document_of_seed(const struct plan *p) { return 1 + 2 * p->n_policies; }

/* A scenario as built, and which of its policies run. */
struct built { struct study study; };

static const char *kept_bytes(struct arena *a, char *bytes, size_t n)
{
  char *copy = arena_alloc(a, n + 1);
  memcpy(copy, bytes, n);
  free(bytes);
  return copy;
}

static struct document *documents_of(const struct plan *p, const struct scenario *s, const int *chosen, struct arena *a)
{
  struct document *d = arena_array(a, struct document, p->work->n_documents);
  d[0].tree = s->identity;
  for (int k = 0; k < p->n_policies; k++) {
    struct document *policy = &d[document_of_policy(k)], *files = &d[document_of_files(p, k)];
    policy->tree = chosen[k] >= 0 ? s->policy_json[chosen[k]] : NULL;
    policy->bytes = "";
    char *bytes = identity_files(s, chosen[k], &files->n);
    files->bytes = kept_bytes(a, bytes, files->n);
  }
  struct document *seed = &d[document_of_seed(p)];
  seed->bytes = arena_printf(a, "%llu", (unsigned long long)s->seed);
  seed->n = strlen(seed->bytes);
  return d;
}

/* ---- overrides --------------------------------------------------------------------------------------------------- */

size_t plan_n_overrides(const struct plan *p)
{
  return p->file->n_set + (size_t)p->n_factors + 1;     /* a settled warm-up */
}

/* `set`, then the factors for which there is a text. */
static size_t overrides_with(const struct plan *p, const char *const *text, struct override *out)
{
  size_t n = 0;
  for (size_t i = 0; i < p->file->n_set; i++)
    out[n++] = p->file->set[i];
  for (int k = 0; k < p->n_factors; k++)
    if (text[k])
      out[n++] = (struct override){p->file->factor[k].path, text[k]};
  return n;
}

static void texts_of_point(const struct plan *p, uint64_t point, const char **text, char (*buffer)[CELL_TEXT])
{
  for (int k = 0; k < p->n_factors; k++)
    text[k] = cell_text(&p->file->factor[k], design_cell(p->work->table, point, k), buffer[k]);
}

size_t plan_overrides(const struct plan *p, uint64_t point, struct override *out, struct arena *a)
{
  const char *text[STUDY_FACTORS];
  char buffer[STUDY_FACTORS][CELL_TEXT];
  texts_of_point(p, point, text, buffer);
  for (int k = 0; k < p->n_factors; k++)
    if (text[k] == buffer[k])
      text[k] = arena_strdup(a, text[k]);
  size_t n = overrides_with(p, text, out);
  if (plan_settled_s(p, point) >= 0)
    out[n++] = (struct override){WARMUP, arena_printf(a, "%.9g s", plan_settled_s(p, point))};
  return n;
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

static bool has_auto_warmup(const struct scenario *s)
{
  return s->world.horizon.kind == HORIZON_STEADY && s->world.horizon.warmup_auto;
}

/* text[k] NULL: the factor is left as the scenario has it. */
static bool build(const struct plan *p, const char *const *text, struct built *b, struct err *err)
{
  struct plan *counts = (struct plan *)p;
  struct override *set = calloc(plan_n_overrides(p) + 1, sizeof *set);
  struct err own;
  if (!set)
    check_out_of_memory(sizeof *set);
  err_init(&own);
  *b = (struct built){0};
  b->study.scenario = scenario_load(p->file->scenario, set, overrides_with(p, text, set), &own);
  bool ok = b->study.scenario && study_choose(&b->study, p->file->policies, &own)
            && (!p->policy || same_policies(p, &b->study, &own)) && scenario_check_to_run(b->study.scenario, &own);
  counts->n_built++;
  counts->auto_warmup |= ok && has_auto_warmup(b->study.scenario);
  if (!ok) {
    move_problems(p, text, &own, err);
    study_free(&b->study);
  }
  err_release(&own);
  free(set);
  return ok;
}

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

/* All problems once more, as they are. */
static void err_append(struct err *to, const struct err *from)
{
  for (size_t i = 0; i < from->n; i++)
    if (!from->problems[i].warning)
      err_add(to, from->problems[i].at, "%s", from->problems[i].message);
  if (from->code == EXIT_SYSTEM || from->code == EXIT_PLUGIN)
    to->code = from->code;
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
  struct built *all = calloc(n + 1, sizeof *all);
  struct document **built = calloc(n + 1, sizeof *built);
  struct arena *a = arena_new();
  long failed = FAILED_PLACE;
  size_t done = 0;
  if (!all || !built)
    check_out_of_memory(n);
  for (; done < n && failed == FAILED_PLACE; done++) {
    if (!build(p, texts[done], &all[done], err))
      failed = (long)done;
    else
      built[done] = documents_of(p, all[done].study.scenario, all[done].study.chosen, p->work->arena);
  }
  if (failed == FAILED_PLACE)
    block_compare(p, b, built, n);
  for (size_t i = 0; i < done; i++)
    if (built[i])
      study_free(&all[i].study);
  arena_free(a);
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

static size_t number_as(const char *text, enum quantity q, char out[64])
{
  char why[UNITS_WHY];
  unsigned long long whole;
  double x;
  if (q == (enum quantity)COUNT_QUANTITY)
    return count_parse(text, &whole, why) ? (size_t)snprintf(out, 64, "%llu", whole) : 0;
  return number_parse(text, q, &x, why) ? number_text(x, out) : 0;
}

/* Length of the key in front of a keyed piece. */
static size_t key_length(const char *path, const struct piece *piece)
{
  const char *colon = piece->p && *path ? memchr(piece->p, ':', piece->n) : NULL;
  return piece->p && piece->p[0] == '"' && colon ? (size_t)(colon - piece->p) + 1 : 0;
}

static bool quantity_fits(const struct block *b, int d, size_t k, const char *const *value, size_t n, enum quantity q)
{
  char number[64];
  for (size_t i = 0; i < n; i++) {
    const struct piece *piece = &b->piece[d][i * b->paths[d].n + k];
    size_t length = number_as(value[i], q, number), key = key_length(b->paths[d].path[k], piece);
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
        if (!number_as(f->level[i], b->quantity[d][k], number))
          return i;
  return f->n_levels;
}

/* ---- making the blocks ------------------------------------------------------------------------------------------- */

struct outcome { bool whole; const char *why; };

/* Something among the numbers that is none: a mistake, whose message building it gives, or a factor of words. */
static long build_odd(const struct plan *p, struct block *b, size_t level, struct err *err)
{
  const char *text[STUDY_FACTORS] = {NULL};
  struct built one;
  b->numeric = false;
  text[b->factor[0]] = p->file->factor[b->factor[0]].level[level];
  if (!build(p, text, &one, err))
    return (long)level;
  study_free(&one.study);
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
  const char *(*texts)[STUDY_FACTORS] = calloc(b->n_combinations, sizeof *texts);
  if (!texts)
    check_out_of_memory(sizeof *texts);
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

/* A level that cannot be built alone may be sound at its points; if it is not, its own problems are told. */
static bool level_failed(struct plan *p, int factor, long level, const struct err *own, struct err *err)
{
  const char *text[STUDY_FACTORS];
  char buffer[STUDY_FACTORS][CELL_TEXT];
  struct built b;
  struct err unsaid;
  err_init(&unsaid);
  for (uint64_t i = 0; i < p->n_points; i++) {
    if (!has_level(p, i, factor, level))
      continue;
    texts_of_point(p, i, text, buffer);
    p->whole = build(p, text, &b, &unsaid);
    if (p->whole)
      study_free(&b.study);
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

static bool make_blocks(struct plan *p, struct err *err)
{
  struct plan_work *w = p->work;
  w->block = arena_array(w->arena, struct block, p->n_factors + 1);
  bool ok = true;
  for (int k = 0; k < p->n_factors; k++)
    ok = make_block(p, k, &w->block[w->n_blocks++], err) && ok;
  while (ok && !p->whole && merge_some(p)) {}
  return ok;
}

static void make_templates(struct plan *p)
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

/* ---- identities of a point --------------------------------------------------------------------------------------- */

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
    size_t key = key_length(b->paths[d].path[k], like);
    char number[64];
    size_t n = number_as(text, b->quantity[d][k], number);
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
  pieces_at(p, point, document_of_seed(p), pieces, bytes);
  sim_assert(template_text(p->work->template[document_of_seed(p)], pieces, text, sizeof text));
  return strtoull(text, NULL, 10);
}

static void template_ids(const struct plan *p, uint64_t point, struct hash *out)
{
  struct plan_work *w = p->work;
  hasher_clear(w->world);
  add_document(p, point, 0, true, w->world);
  for (int k = 0; k < p->n_policies; k++) {
    hasher_set(w->one, w->world);
    add_document(p, point, document_of_policy(k), true, w->one);
    add_document(p, point, document_of_files(p, k), false, w->one);
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

static bool build_point(const struct plan *p, uint64_t point, struct hash *ids, uint64_t *seed, struct err *err)
{
  const char *text[STUDY_FACTORS];
  char buffer[STUDY_FACTORS][CELL_TEXT];
  struct built b;
  texts_of_point(p, point, text, buffer);
  if (!build(p, text, &b, err))
    return false;
  double *warmup_s = p->work->warmup_s ? &p->work->warmup_s[point] : NULL;
  if (warmup_s && !has_auto_warmup(b.study.scenario))
    *warmup_s = NAN;
  else if (warmup_s && *warmup_s >= 0)
    study_set_warmup(&b.study, *warmup_s);
  for (int k = 0; k < p->n_policies; k++)
    ids[k] = identity_base(b.study.scenario, b.study.chosen[k]);
  *seed = b.study.scenario->seed;
  study_free(&b.study);
  return true;
}

static bool build_all(struct plan *p, struct err *err)
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
    w->warmup_s[i] = NOT_SETTLED;
  w->has_last = false;
  for (uint64_t i = 0; i < p->n_points; i++)
    if (!build_point(p, i, w->whole + i * (uint64_t)p->n_policies, &w->whole_seed[i], err))
      return false;
  return true;
}

bool plan_is_auto(const struct plan *p, uint64_t point)
{
  return p->work->warmup_s && !isnan(p->work->warmup_s[point]);
}

double plan_settled_s(const struct plan *p, uint64_t point)
{
  return plan_is_auto(p, point) ? p->work->warmup_s[point] : NOT_SETTLED;
}

bool plan_settle(struct plan *p, uint64_t point, double warmup_s, struct err *err)
{
  struct plan_work *w = p->work;
  w->warmup_s[point] = warmup_s;
  w->has_last = false;
  return build_point(p, point, w->whole + point * (uint64_t)p->n_policies, &w->whole_seed[point], err);
}

/* ---- does the template tell the truth? --------------------------------------------------------------------------- */

/* True: as built. An error of the point itself is the user's. */
static bool is_true(struct plan *p, uint64_t point, bool *ok, struct err *err)
{
  struct hash *ids = calloc((size_t)p->n_policies, sizeof *ids);
  uint64_t seed;
  if (!ids)
    check_out_of_memory(sizeof *ids);
  *ok = build_point(p, point, ids, &seed, err);
  bool same = *ok && seed == plan_seed(p, point);
  for (int k = 0; same && k < p->n_policies; k++)
    same = hash_equal(ids[k], plan_base_id(p, point, k));
  free(ids);
  return same;
}

/* At the ends of two factors, among the points that there are: one for each pair of ends. */
static uint64_t point_at_ends(const struct plan *p, int a, int b, int ends, uint64_t start)
{
  const struct factor_def *f[2] = {&p->file->factor[a], &p->file->factor[b]};
  size_t la = ends & 1 ? f[0]->n_levels - 1 : 0, lb = ends & 2 ? f[1]->n_levels - 1 : 0;
  for (uint64_t step = 0; step < p->n_points && step < 100000; step++) {
    uint64_t i = (start + step) % p->n_points;
    struct cell x = design_cell(p->work->table, i, a), y = design_cell(p->work->table, i, b);
    if (!x.drawn && !y.drawn && x.level == la && y.level == lb)
      return i;
  }
  return start;
}

static size_t choose_samples(const struct plan *p, uint64_t *point)
{
  struct rng_root root = rng_root_make(p->file->seed, 0);
  struct rng stream = rng_open(&root, rng_name("study.verify"), 0, 0);
  size_t n = 0;
  for (int i = 0; i < SAMPLES; i++)
    point[n++] = rng_below(&stream, p->n_points);
  point[n++] = 0;
  point[n++] = p->n_points - 1;
  for (int a = 0; a < p->n_factors && p->n_points > SAMPLES; a++)
    for (int b = a + 1; b < p->n_factors; b++)
      for (int ends = 0; ends < 4 && n < PAIRS; ends++)
        point[n++] = point_at_ends(p, a, b, ends, rng_below(&stream, p->n_points));
  return n;
}

static bool seen(const uint64_t *point, size_t i)
{
  for (size_t k = 0; k < i; k++)
    if (point[k] == point[i])
      return true;
  return false;
}

static bool verify(struct plan *p, struct err *err)
{
  uint64_t point[PAIRS + SAMPLES];
  size_t n = choose_samples(p, point);
  bool ok = true;
  for (size_t i = 0; i < n && ok && !p->whole; i++)
    if (!seen(point, i) && !is_true(p, point[i], &ok, err)) {
      p->whole = true;
      p->why_whole = "the factors act on each other";
    }
  return ok;
}

/* ---- factors as data --------------------------------------------------------------------------------------------- */

/* All levels are numbers with one unit: they are written as they stand. */
static void look_at(const struct factor_def *f, struct factor_look *look)
{
  look->unit = f->n_levels ? number_unit(f->level[0]) : f->unit;
  look->whole = f->n_levels ? true : f->integer;
  for (size_t i = 0; look->unit && i < f->n_levels; i++) {
    const char *other = number_unit(f->level[i]);
    double x = strtod(f->level[i], NULL);
    look->unit = other && !strcmp(other, look->unit) ? look->unit : NULL;
    look->whole = look->whole && x == floor(x) && fabs(x) < 0x1p53;
  }
}

const char *plan_factor_unit(const struct plan *p, int factor)
{
  const char *unit = p->work->look[factor].unit;
  return unit ? unit : "";
}

static void put_factor(const struct plan *p, int k, const char *text, json *all)
{
  const struct factor_look *look = &p->work->look[k];
  const char *name = p->file->factor[k].name;
  if (!look->unit)
    json_put_string(all, name, text);
  else if (look->whole)
    json_put_int(all, name, (int64_t)strtod(text, NULL));
  else
    json_put_number(all, name, strtod(text, NULL));
}

char *plan_factors_json(const struct plan *p, uint64_t point)
{
  const char *text[STUDY_FACTORS];
  char buffer[STUDY_FACTORS][CELL_TEXT];
  json *all = json_new_object();
  texts_of_point(p, point, text, buffer);
  for (int k = 0; k < p->n_factors; k++)
    put_factor(p, k, text[k], all);
  char *out = json_write(all, false);
  json_release(all);
  return out;
}

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

static bool changes_nothing(const struct plan *p, const char *path)
{
  static const char *const idle[] = {"name", "doc", "labels", "replications", "output", "primary", "margin"};
  for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
    if (!strncmp(path, idle[i], strlen(idle[i])) && strchr(".", path[strlen(idle[i])]))
      return true;
  return false;
}

static bool check_factors(const struct plan *p, struct err *err)
{
  size_t errors = err->n_errors;
  for (int k = 0; k < p->n_factors; k++) {
    const struct factor_def *f = &p->file->factor[k];
    if (changes_nothing(p, f->path))
      err_add(err, f->path_at, "'%s' changes no result; it cannot be a factor", f->path);
    else if (!strcmp(f->path, "policies"))
      err_add(err, f->path_at, "which policies run is said by the factor `policy`");
    if (metric_find(f->name))
      err_add(err, f->at, "a factor cannot be called '%s': that is a metric", f->name);
  }
  return err->n_errors == errors;
}

static bool take_base(struct plan *p, struct err *err)
{
  const char *none[STUDY_FACTORS] = {NULL};
  struct plan_work *w = p->work;
  struct built b;
  if (!build(p, none, &b, err))
    return false;
  p->base = b.study.scenario;
  w->chosen = arena_array(w->arena, int, b.study.n_chosen);
  memcpy(w->chosen, b.study.chosen, (size_t)b.study.n_chosen * sizeof *w->chosen);
  const char **name = arena_array(w->arena, const char *, b.study.n_chosen);
  for (int k = 0; k < b.study.n_chosen; k++)
    name[k] = arena_strdup(w->arena, study_policy_name(&b.study, b.study.chosen[k]));
  p->n_policies = b.study.n_chosen;
  p->policy = name;
  p->replications = p->file->replications ? p->file->replications : p->base->replications;
  free(b.study.chosen);
  w->n_documents = 2 + 2 * p->n_policies;
  w->base = documents_of(p, p->base, w->chosen, w->arena);
  w->last_id = arena_array(w->arena, struct hash, p->n_policies);
  w->world = hasher_new();
  w->one = hasher_new();
  return true;
}

static bool check_metrics(const struct plan *p, struct err *err)
{
  const char *metric = p->file->until.metric;
  const char *const *names;
  size_t n = metric_names(&names);
  if (!metric || !*metric || metric_find(metric))
    return true;
  const char *near = nearest(metric, names, n);
  return err_add(err, p->file->until_at, "unknown metric '%.64s'%s%s%s", metric, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
}

static bool fill(struct plan *p, struct err *err)
{
  struct plan_work *w = p->work;
  double size = design_size(p->file);
  if (!take_base(p, err) || !check_metrics(p, err) || !check_factors(p, err))
    return false;
  if (size > STUDY_POINTS || size * p->n_policies * (double)p->replications > STUDY_RUNS)
    return plan_too_large(p, size, err);
  w->table = design_new(p->file, err);
  if (!w->table)
    return false;
  p->n_points = design_points(w->table);
  w->look = arena_array(w->arena, struct factor_look, p->n_factors + 1);
  for (int k = 0; k < p->n_factors; k++)
    look_at(&p->file->factor[k], &w->look[k]);
  if (!make_blocks(p, err))
    return false;
  if (!p->whole && !p->auto_warmup) {
    make_templates(p);
    if (!verify(p, err))
      return false;
  }
  if (p->auto_warmup) {
    p->whole = true;
    p->why_whole = "`warmup: auto` is found point by point";
  }
  return !p->whole || build_all(p, err);
}

struct plan *plan_new(const struct study_file *file, struct err *err)
{
  struct plan *p = calloc(1, sizeof *p);
  struct plan_work *w = calloc(1, sizeof *w);
  if (!p || !w)
    check_out_of_memory(sizeof *p);
  *p = (struct plan){.file = file, .n_factors = file->n_factors, .work = w};
  w->arena = arena_new();
  if (fill(p, err))
    return p;
  plan_free(p);
  return NULL;
}

void plan_free(struct plan *p)
{
  if (!p)
    return;
  struct plan_work *w = p->work;
  scenario_free(p->base);
  design_free(w->table);
  if (w->world)
    hasher_end(w->world);
  if (w->one)
    hasher_end(w->one);
  free(w->whole);
  free(w->whole_seed);
  free(w->warmup_s);
  arena_free(w->arena);
  free(w);
  free(p);
}
