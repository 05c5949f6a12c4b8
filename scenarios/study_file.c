/* study_file.c: from the text of a study to factors and a design. Keys are the schema's; what the schema cannot say
 * (factors, points) is checked here. */
#include "scenarios/study_file.h"
#include "models/policy_host.h"
#include "models/policy_python.h"
#include "scenarios/schema.h"
#include "scenarios/study_filter.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = STUDY_FACTORS + 1 };

struct reading {
  struct arena *arena;
  struct err *err;
  struct study_file *f;
  const struct node *root;
  struct factor_def factor[STUDY_FACTORS];
};

/* ---- a node as text that override.c reads again ------------------------------------------------------------------ */

static const char *quoted_text(struct arena *a, const char *text)
{
  char *out = arena_alloc(a, 4 * strlen(text) + 3), *end = out;
  *end++ = '"';
  for (; *text; text++)
    if (*text == '"' || *text == '\\')
      *end++ = '\\', *end++ = *text;
    else if ((unsigned char)*text < 0x20)
      end += snprintf(end, 5, "\\x%02x", (unsigned)*text);
    else
      *end++ = *text;
  *end = '"';
  return out;
}

static const char *node_flow(struct arena *a, const struct node *node, bool nested)
{
  if (node_is(node, NODE_TEXT)) {
    bool plain = !node->quoted && !strpbrk(node->text, "\n\"'#:") && !(nested && strpbrk(node->text, ",[]{}"));
    return plain ? node->text : quoted_text(a, node->text);
  }
  bool map = node_is(node, NODE_MAP);
  const char *all = map ? "{" : "[";
  for (size_t i = 0; i < node->n; i++) {
    const char *value = node_flow(a, node->child[i], true), *comma = i ? ", " : "";
    all = map ? arena_printf(a, "%s%s%s: %s", all, comma, quoted_text(a, node->child[i]->key), value)
              : arena_printf(a, "%s%s%s", all, comma, value);
  }
  return arena_printf(a, "%s%s", all, map ? "}" : "]");
}

/* ---- factors ----------------------------------------------------------------------------------------------------- */

static const char *const reserved[] = {"and", "or", "not", "policy", "run", "study", "point", "kind", "replication",
                                       "seed", "state", "message", "trace_hash", "trace_file", "events", "settings",
                                       "scenario", "elapsed_s", "name", "class", "place", "value", "metric"};

/* Names become columns of tables and words of `where`. */
static bool check_name(const struct reading *r, const struct node *node)
{
  if (!id_valid(node->key) || !(isalpha((unsigned char)*node->key)))
    return err_add(r->err, node->key_at, "'%.64s' is no name of a factor: a letter, then at most 63 of A-Z a-z 0-9 . "
                   "_ -", node->key);
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (!strcmp(node->key, reserved[i]))
      return err_add(r->err, node->key_at, "a factor cannot be called '%s': tables of results have such a column; call "
                     "it otherwise", node->key);
  return true;
}

static bool same_level(const char *a, const char *b)
{
  struct operand x = operand_of(a), y = operand_of(b);
  if (x.is_number && y.is_number)
    return x.value == y.value && dimension_equal(x.dimension, y.dimension);
  return !strcmp(a, b);
}

static void add_level(struct reading *r, struct factor_def *f, const struct node *node, size_t i)
{
  ((const char **)f->level)[i] = node_flow(r->arena, node, false);
  ((struct where *)f->level_at)[i] = node->at;
}

static void make_levels(struct reading *r, struct factor_def *f, size_t n)
{
  f->n_levels = n;
  f->level = arena_array(r->arena, const char *, n + 1);
  f->level_at = arena_array(r->arena, struct where, n + 1);
}

static void check_distinct(const struct reading *r, const struct factor_def *f)
{
  if (f->n_levels > 2000)                               /* such a list was made by a program; this is quadratic */
    return;
  for (size_t i = 1; i < f->n_levels; i++)
    for (size_t k = 0; k < i; k++)
      if (same_level(f->level[i], f->level[k])) {
        err_add(r->err, f->level_at[i], "'%.60s' stands twice in the values of '%s'", f->level[i], f->name);
        break;
      }
}

static void read_values(struct reading *r, struct factor_def *f, const struct node *values)
{
  if (!node_is(values, NODE_LIST) || !values->n) {
    err_add(r->err, values->key_at, node_is(values, NODE_LIST) ? "'%s' has no values" : "the values of '%s' are a list",
            f->name);
    return;
  }
  make_levels(r, f, values->n);
  for (size_t i = 0; i < values->n; i++)
    add_level(r, f, values->child[i], i);
  if (r->f->design != DESIGN_ZIP)                       /* side by side, a value may come again */
    check_distinct(r, f);
}

/* "5 Mbit/s": 5, and where the unit starts. */
static bool read_end(struct reading *r, const struct node *node, double *value, const char **unit)
{
  char why[UNITS_WHY], *end;
  double si;
  if (!node_is(node, NODE_TEXT) || node->quoted)
    return err_add(r->err, node->at, "an end of a range is a number");
  if (!number_parse(node->text, Q_ANY, &si, why))
    return err_add(r->err, node->at, "%s", why);
  *value = strtod(node->text, &end);
  while (*end == ' ')
    end++;
  *unit = end;
  return true;
}

static void check_range(struct reading *r, const struct factor_def *f, const struct node *range)
{
  if (!(f->lo < f->hi))
    err_add(r->err, range->at, "the range of '%s' goes from the smaller to the larger end", f->name);
  else if (f->log && f->lo <= 0)
    err_add(r->err, range->at, "the range of '%s' is logarithmic; its ends are more than 0", f->name);
  else if (f->integer && (f->lo != floor(f->lo) || f->hi != floor(f->hi)))
    err_add(r->err, range->at, "the range of '%s' is of whole numbers; so are its ends", f->name);
}

static void read_range(struct reading *r, struct factor_def *f, const struct node *node)
{
  const struct node *range = node_get(node, "range");
  const char *lo = "", *hi = "";
  if (!node_is(range, NODE_LIST) || range->n != 2) {
    err_add(r->err, range->key_at, "the range of '%s' is [SMALLEST, LARGEST]", f->name);
    return;
  }
  f->log = get_flag(node, "factor", "log");
  f->integer = get_flag(node, "factor", "integer");
  if (!read_end(r, range->child[0], &f->lo, &lo) || !read_end(r, range->child[1], &f->hi, &hi))
    return;
  if (strcmp(lo, hi) || (*lo && *f->unit && strcmp(lo, f->unit)))
    err_add(r->err, range->at, "the ends of the range of '%s' have different units", f->name);
  f->unit = *lo ? lo : f->unit;
  check_range(r, f, range);
}

static void read_levels(struct reading *r, struct factor_def *f, const struct node *node)
{
  const struct node *values = node_get(node, "values"), *range = node_get(node, "range");
  bool list = r->f->design == DESIGN_LIST, sampled = r->f->design >= DESIGN_RANDOM;
  if (list && (values || range))
    err_add(r->err, (values ? values : range)->key_at, "in design list the values of '%s' stand in `points`", f->name);
  else if (!list && !values == !range)
    err_add(r->err, f->at, values ? "factor '%s' has both values and range; one is allowed"
                                  : "factor '%s' needs values: [...], or range: [SMALLEST, LARGEST]", f->name);
  else if (range && !sampled)
    err_add(r->err, range->key_at, "the range of '%s' needs a design that draws from it (random, lhs, sobol, halton; "
            "points: N), or values: [...]", f->name);
  else if (values)
    read_values(r, f, values);
  else if (range)
    read_range(r, f, node);
}

static void check_path(struct reading *r, const struct factor_def *f)
{
  for (int i = 0; i < r->f->n_factors; i++)
    if (!strcmp(r->factor[i].path, f->path))
      err_add(r->err, f->path_at, "the factors '%s' and '%s' have the same path", r->factor[i].name, f->name);
  for (size_t i = 0; i < r->f->n_set; i++)
    if (!strcmp(r->f->set[i].path, f->path))
      err_add(r->err, f->path_at, "'%.200s' is set as well; a factor replaces it", f->path);
}

static void read_factor(struct reading *r, const struct node *node)
{
  size_t errors = r->err->n_errors;
  if (!check_name(r, node))
    return;
  schema_check_as(node, "factor", arena_printf(r->arena, "study.factors.%s", node->key), r->err);
  if (r->err->n_errors > errors)
    return;
  const char *unit = get_text(node, "factor", "unit");
  struct factor_def f = {.name = node->key, .at = node->key_at, .path = get_text(node, "factor", "path"),
                         .path_at = node_get(node, "path")->at, .unit = unit ? unit : ""};
  check_path(r, &f);
  read_levels(r, &f, node);
  if (r->f->n_factors == STUDY_FACTORS)
    err_add(r->err, node->key_at, "at most %d factors are possible", STUDY_FACTORS);
  else
    r->factor[r->f->n_factors++] = f;
}

static bool names_policy(const struct node *one)
{
  return node_is(one, NODE_TEXT) && (id_valid(one->text) || (policy_is_path(one->text) && !strchr(one->text, ',')));
}

/* The file of a plug-in is looked for beside the study. */
static const char *beside_study(const struct reading *r, const struct node *one)
{
  const char *file = policy_python_file(one->text), *slash = strrchr(r->f->path, '/');
  if (!policy_is_path(one->text) || file[0] == '/' || !slash)
    return one->text;
  return arena_printf(r->arena, "%.*s%.*s%s", (int)(file - one->text), one->text, (int)(slash + 1 - r->f->path), r->f->path,
                      file);
}

/* `policy: all`, names of entries or plug-ins: no path, and run at every point. */
static void read_policies(struct reading *r, const struct node *node)
{
  r->f->policies_at = node->at;
  const char *all = "";
  if (node_text_is(node, "all"))
    return;
  if (node_is(node, NODE_MAP) || (node_is(node, NODE_LIST) && !node->n)) {
    err_add(r->err, node->key_at, "'policy' is `all` or a list of policies; a parameter of one is a factor with a path "
            "(policies.NAME.PARAMETER) and a name of its own");
    return;
  }
  for (size_t i = 0; i < (node_is(node, NODE_TEXT) ? 1 : node->n); i++) {
    const struct node *one = node_is(node, NODE_TEXT) ? node : node->child[i];
    if (!names_policy(one)) {
      err_add(r->err, one->at, "a policy is named by a word, or is the file of a plug-in");
      return;
    }
    for (size_t k = 0; k < i; k++)
      if (node_text_is(node->child[k], one->text))
        err_add(r->err, one->at, "'%s' stands twice", one->text);
    all = arena_printf(r->arena, "%s%s%s", all, i ? "," : "", beside_study(r, one));
  }
  r->f->policies = all;
}

static void read_factors(struct reading *r)
{
  const struct node *factors = node_get(r->root, "factors");
  if (!factors)
    return;
  if (!node_is(factors, NODE_MAP) || !factors->n) {
    err_add(r->err, factors->key_at, node_is(factors, NODE_MAP) ? "'factors' is empty"
                                                                : "'factors' is a map: NAME: {path: ..., values: ...}");
    return;
  }
  for (size_t i = 0; i < factors->n; i++)
    if (!strcmp(factors->child[i]->key, "policy"))
      read_policies(r, factors->child[i]);
    else
      read_factor(r, factors->child[i]);
  r->f->factor = r->factor;
}

/* ---- points ------------------------------------------------------------------------------------------------------ */

static int factor_named(const struct reading *r, const char *name)
{
  for (int i = 0; i < r->f->n_factors; i++)
    if (!strcmp(r->factor[i].name, name))
      return i;
  return -1;
}

static void unknown_factor(const struct reading *r, const struct node *node)
{
  const char *names[NAMES];
  for (int i = 0; i < r->f->n_factors; i++)
    names[i] = r->factor[i].name;
  const char *near = nearest(node->key, names, (size_t)r->f->n_factors);
  err_add(r->err, node->key_at, "unknown factor '%.64s'%s%s%s", node->key, near ? "; did you mean '" : "",
          near ? near : "", near ? "'?" : "");
}

static void read_point(struct reading *r, const struct node *point, size_t i)
{
  bool has[STUDY_FACTORS] = {false};
  if (!node_is(point, NODE_MAP)) {
    err_add(r->err, point->at, "a point is a map: {FACTOR: VALUE, ...}");
    return;
  }
  for (size_t k = 0; k < point->n; k++) {
    int factor = factor_named(r, point->child[k]->key);
    if (factor < 0) {
      unknown_factor(r, point->child[k]);
      continue;
    }
    has[factor] = true;
    add_level(r, &r->factor[factor], point->child[k], i);
  }
  for (int k = 0; k < r->f->n_factors; k++)
    if (!has[k])
      err_add(r->err, point->at, "this point has no '%s'", r->factor[k].name);
}

static bool same_point(const struct reading *r, size_t i, size_t k)
{
  for (int f = 0; f < r->f->n_factors; f++)
    if (strcmp(r->factor[f].level[i], r->factor[f].level[k]))
      return false;
  return true;
}

static void check_same_points(const struct reading *r, const struct node *points)
{
  for (size_t i = 1; points->n <= 2000 && i < points->n; i++)
    for (size_t k = 0; k < i; k++)
      if (same_point(r, i, k)) {
        err_add(r->err, points->child[i]->at, "this point stands twice; first in line %d", points->child[k]->at.line);
        break;
      }
}

static void read_list(struct reading *r, const struct node *points)
{
  size_t errors = r->err->n_errors;
  if (!node_is(points, NODE_LIST) || !points->n) {
    err_add(r->err, points ? points->key_at : r->f->design_at,
            "design list needs points: [{FACTOR: VALUE, ...}, ...], at least one");
    return;
  }
  for (int i = 0; i < r->f->n_factors; i++)
    make_levels(r, &r->factor[i], points->n);
  for (size_t i = 0; i < points->n; i++)
    read_point(r, points->child[i], i);
  if (r->err->n_errors == errors)
    check_same_points(r, points);
}

static void read_sampled(struct reading *r, const struct node *points)
{
  unsigned long long n;
  char why[UNITS_WHY];
  const char *name = get_text(r->root, "study", "design");
  if (!node_is(points, NODE_TEXT))
    err_add(r->err, points ? points->at : r->f->design_at, "design %s needs points: N", name);
  else if (!count_parse(points->text, &n, why))
    err_add(r->err, points->at, "'points': %s", why);
  else if (n == 0)
    err_add(r->err, points->at, "'points' is 0: an empty design");
  else
    r->f->points = n;
}

static void check_zip(const struct reading *r)
{
  for (int i = 1; i < r->f->n_factors; i++)
    if (r->factor[i].n_levels != r->factor[0].n_levels)
      err_add(r->err, r->factor[i].at, "design zip takes the values side by side: '%s' has %zu, '%s' has %zu",
              r->factor[0].name, r->factor[0].n_levels, r->factor[i].name, r->factor[i].n_levels);
}

static void read_design(struct reading *r)
{
  struct study_file *f = r->f;
  const struct node *points = node_get(r->root, "points"), *shifts = node_get(r->root, "shifts");
  f->shifts = get_count(r->root, "study", "shifts");
  f->seed = get_count(r->root, "study", "seed");
  if (f->design == DESIGN_LIST)
    read_list(r, points);
  else if (f->design >= DESIGN_RANDOM)
    read_sampled(r, points);
  else if (points || shifts)
    err_add(r->err, (points ? points : shifts)->key_at, "'%s' belongs to the designs %s", points ? "points" : "shifts",
            points ? "list, random, lhs, sobol and halton" : "random, lhs, sobol and halton");
  if (f->design == DESIGN_ZIP)
    check_zip(r);
  if (f->design == DESIGN_SOBOL && f->n_factors > 40)   /* gsl_qrng_sobol */
    err_add(r->err, f->design_at, "design sobol has at most 40 factors, not %d", f->n_factors);
}

/* ---- the other keys ---------------------------------------------------------------------------------------------- */

static void read_set(struct reading *r)
{
  const struct node *set = node_get(r->root, "set");
  struct override *all = arena_array(r->arena, struct override, set ? set->n + 1 : 1);
  struct where *at = arena_array(r->arena, struct where, set ? set->n + 1 : 1);
  if (set && !node_is(set, NODE_MAP)) {
    err_add(r->err, set->key_at, "'set' is a map: PATH: VALUE");
    return;
  }
  for (size_t i = 0; set && i < set->n; i++) {
    at[i] = set->child[i]->key_at;
    all[i] = (struct override){set->child[i]->key, node_flow(r->arena, set->child[i], false)};
  }
  r->f->n_set = set ? set->n : 0;
  r->f->set = all;
  r->f->set_at = at;
}

static void read_replications(struct reading *r)
{
  const struct node *node = node_get(r->root, "replications"), *until = node_get(node, "until");
  if (node_is(node, NODE_TEXT))
    r->f->replications = get_count(r->root, "study", "replications");
  if (!until)
    return;
  r->f->until_at = node_get(until, "metric") ? node_get(until, "metric")->at : until->at;
  r->f->until.metric = get_text(until, "until", "metric");
  if (!r->f->until.metric)
    r->f->until.metric = "";                            /* the scenario's primary metric: plan.c puts it in */
  r->f->until.half_width = get_number(until, "until", "half_width");
  r->f->until.max = get_count(node, "replications", "max");
}

static double number_or_0(const struct node *map, const char *section, const char *name)
{
  return node_get(map, name) ? get_number(map, section, name) : 0;
}

static void read_slurm(struct reading *r)
{
  const struct node *slurm = node_get(r->root, "slurm");
  if (!slurm)
    return;
  r->f->slurm = (struct slurm_def){.given = true,
    .partition = get_text(slurm, "slurm", "partition"), .account = get_text(slurm, "slurm", "account"),
    .qos = get_text(slurm, "slurm", "qos"), .constraint = get_text(slurm, "slurm", "constraint"),
    .stop_before_s = get_number(slurm, "slurm", "stop_before"), .tasks = get_count(slurm, "slurm", "tasks"),
    .prelude = get_text(slurm, "slurm", "prelude"),
    .time_s = number_or_0(slurm, "slurm", "time"), .mem_bytes = number_or_0(slurm, "slurm", "mem"),
    .cpus = get_count(slurm, "slurm", "cpus"), .array_max = get_count(slurm, "slurm", "array_max"),
    .concurrent = get_count(slurm, "slurm", "concurrent")};
}

static void read_scenario(struct reading *r)
{
  const struct node *node = node_get(r->root, "scenario");
  const char *tried = "";
  r->f->scenario_at = node->at;
  r->f->scenario = scenario_find_file(r->arena, r->f->path, node->text, &tried);
  if (!r->f->scenario)
    err_add(r->err, node->at, "scenario '%.200s' is not found; looked at %s", node->text, tried);
}

static void read_where(struct reading *r, size_t errors)
{
  const struct node *node = node_get(r->root, "where");
  if (!node || r->err->n_errors > errors)               /* its words are the factors' */
    return;
  r->f->where = node->text;
  r->f->where_at = node->at;
  (void)filter_parse(r->arena, node->text, node->at, r->factor, r->f->n_factors, r->err);
}

/* One sentence instead of a list of unknown keys. */
static bool refuse_scenario(struct reading *r)
{
  const struct node *classes = node_get(r->root, "classes");
  if (!classes || node_get(r->root, "factors"))
    return true;
  return err_add(r->err, classes->key_at, "this is a scenario, where a study is expected; `offsim run %.200s` runs it,"
                 " and a study names it in `scenario:`", r->f->path);
}

static void read_root(struct reading *r)
{
  size_t errors = r->err->n_errors;
  if (!refuse_scenario(r))
    return;
  schema_check_as(r->root, "study", "study", r->err);
  if (r->err->n_errors > errors)
    return;
  struct study_file *f = r->f;
  f->at = node_get(r->root, "study")->at;
  f->name = get_text(r->root, "study", "study");
  f->design = (enum design)get_choice(r->root, "study", "design");
  f->design_at = node_get(r->root, "design") ? node_get(r->root, "design")->at : node_get(r->root, "factors")->key_at;
  f->trace = (enum trace_level)get_choice(r->root, "study", "trace");
  read_scenario(r);
  read_set(r);
  read_factors(r);
  if (r->err->n_errors == errors)
    read_design(r);
  read_replications(r);
  read_slurm(r);
  read_where(r, errors);
}

struct study_file *study_file_read(const char *path, struct err *err)
{
  struct arena *a = arena_new();
  struct reading *r = arena_alloc(a, sizeof *r);
  size_t errors = err->n_errors;
  *r = (struct reading){.arena = a, .err = err, .f = arena_alloc(a, sizeof *r->f)};
  r->f->arena = a;
  r->f->path = arena_strdup(a, path);
  r->root = yaml_read(a, r->f->path, &r->f->text, &r->f->text_bytes, err);
  if (r->root)
    read_root(r);
  if (err->n_errors == errors)
    return r->f;
  arena_free(a);
  return NULL;
}

void study_file_free(struct study_file *f)
{
  if (f)
    arena_free(f->arena);
}

bool study_file_is(const char *path)
{
  struct arena *a = arena_new();
  struct err unsaid;
  err_init(&unsaid);
  const struct node *root = yaml_read(a, path, NULL, NULL, &unsaid);
  bool is = node_get(root, "study") || (node_get(root, "factors") && node_get(root, "scenario"));
  err_release(&unsaid);
  arena_free(a);
  return is;
}
