/* quality.c: joint tables of two models; variants, subjects and scores that go by them (models/outcomes.h). */
#include "scenarios/build.h"
#include "scenarios/presets.h"

#include <math.h>
#include <string.h>

/* ---- tables ---- */

static struct outcome_row build_row(const struct node *node)
{
  static const char *const counts[OUTCOME_KINDS] = {"both", "only_weak", "only_strong", "none"};
  struct outcome_row r = {.subject = node_name(node) ? node_name(node) : "?", .set = get_text(node, "quality_subject", "set"),
                          .prompt_chars = get_number(node, "quality_subject", "prompt_chars")};
  for (int o = 0; o < OUTCOME_KINDS; o++) {
    double n = get_number(node, "quality_subject", counts[o]);
    r.count[o] = n > 0 ? n : 0;
  }
  return r;
}

static void build_table(struct build *b, struct joint_table *t, const struct node *node)
{
  const struct node *subjects = node_get(node, "subjects");
  size_t n = node_is(subjects, NODE_LIST) ? subjects->n : 0;
  struct outcome_row *row = arena_array(b->arena, struct outcome_row, n + 1);
  *t = (struct joint_table){.name = node->key, .weak = get_text(node, "quality", "weak"), .strong = get_text(node, "quality", "strong"),
                         .row = row};
  for (size_t i = 0; i < n; i++) {
    if (!node_is(subjects->child[i], NODE_MAP))
      continue;
    row[t->n_rows] = build_row(subjects->child[i]);
    if (!(outcome_requests(&row[t->n_rows++]) > 0))
      err_add(b->err, subjects->child[i]->at, "the subject '%s' has no requests: both + only_strong + only_weak + none is 0",
              row[t->n_rows - 1].subject);
  }
}

void build_outcomes(struct build *b)
{
  const struct node *map = node_get(b->root, "quality");
  size_t n = node_is(map, NODE_MAP) ? map->n : 0;
  b->outcomes = arena_array(b->arena, struct joint_table, n + 1);
  for (size_t i = 0; i < n; i++)
    if (node_is(map->child[i], NODE_MAP))
      build_table(b, &b->outcomes[b->n_outcomes++], map->child[i]);
}

/* The table of the name. Silent where no preset had it: that was told. */
static const struct joint_table *table_named(const struct build *b, const struct node *name)
{
  for (int i = 0; node_is(name, NODE_TEXT) && i < b->n_outcomes; i++)
    if (!strcmp(b->outcomes[i].name, name->text) && b->outcomes[i].n_rows > 0)
      return &b->outcomes[i];
  return NULL;
}

/* ---- variants ---- */

void build_quality(struct build *b, struct variant_def *v, const struct node *variant)
{
  static const char *const others[] = {"skill", "width", "top"};
  const struct node *quality = node_get(variant, "quality");
  if (!node_is(quality, NODE_MAP))
    return;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (node_get(variant, others[i]))
      err_add(b->err, quality->key_at, "the variant '%s' has both '%s' and 'quality'; one is allowed", v->name, others[i]);
  v->outcomes = table_named(b, node_get(quality, "table"));
  v->strong = get_choice(quality, "variant_quality", "model") == 1;
}

/* ---- attributes ---- */

static bool only_kind(struct build *b, const struct node *attribute, const char *kind)
{
  static const char *const kinds[] = {"dist", "classifier", "subjects", "scores"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i], kind) && node_get(attribute, kinds[i]))
      return err_add(b->err, node_get(attribute, kind)->key_at, "an attribute has '%s' or '%s', not both", kinds[i], kind);
  return true;
}

static const char *sets_of(struct build *b, const struct joint_table *t)
{
  const char *all = "", **set = arena_array(b->arena, const char *, t->n_rows);
  size_t n = outcomes_sets(t, set);
  for (size_t i = 0; i < n; i++)
    all = arena_printf(b->arena, "%s%s%s", all, i ? ", " : "", set[i]);
  return all;
}

static const struct dist *by_share(struct build *b, const struct joint_table *t, const char *set)
{
  double *value = arena_array(b->arena, double, t->n_rows), *weight = arena_array(b->arena, double, t->n_rows);
  struct dist *d = arena_alloc(b->arena, sizeof *d);
  size_t n = 0;
  char why[160];
  for (int i = 0; i < t->n_rows; i++)
    if (!set || !strcmp(t->row[i].set, set)) {
      value[n] = i;
      weight[n++] = outcome_requests(&t->row[i]);
    }
  return n > 0 && dist_make_empirical(d, b->arena, value, weight, n, why) ? d : NULL;
}

static const struct joint_table *table_of(const struct build *b, const struct node *subjects)
{
  return table_named(b, node_is(subjects, NODE_MAP) ? node_get(subjects, "table") : subjects);
}

const struct trace_words_def *subject_words(struct build *b, const char *attribute)
{
  const struct joint_table *t = table_of(b, node_get(node_get(node_get(b->klass, "attributes"), attribute), "subjects"));
  if (!t)
    return NULL;
  struct trace_words_def *w = arena_alloc(b->arena, sizeof *w);
  const char **word = arena_array(b->arena, const char *, t->n_rows);
  for (int i = 0; i < t->n_rows; i++)
    word[i] = t->row[i].subject;
  *w = (struct trace_words_def){t->n_rows, word, arena_printf(b->arena, "the table '%s'", t->name)};
  return w;
}

void build_subjects(struct build *b, struct attribute_def *a, const struct node *attribute, bool drawn)
{
  const struct node *node = node_get(attribute, "subjects"), *set = node_get(node, "set");
  const struct joint_table *t = table_of(b, node);
  if (drawn)
    a->dist = b->attribute[0].dist;
  if (!only_kind(b, attribute, "subjects") || !t)
    return;
  struct subjects_def *s = arena_alloc(b->arena, sizeof *s);
  *s = (struct subjects_def){.table = t, .set = node_is(set, NODE_TEXT) ? set->text : NULL,
                             .told_by_subject = node_is(node, NODE_MAP) && get_choice(node, "subjects", "told") == 1};
  if (s->set && !outcomes_has_set(t, s->set)) {
    err_add(b->err, set->at, "the table '%s' has no set '%s'; its sets: %s", t->name, s->set, sets_of(b, t));
    return;
  }
  if (s->told_by_subject && a->known != KNOWN_ARRIVAL)
    err_add(b->err, node_get(node, "told")->at, "'told: subject' needs a subject that is known at arrival");
  for (int strong = 0; strong < 2; strong++)
    s->mean[strong] = outcomes_share(t, s->set, strong);
  a->subjects = s;
  const struct dist *d = drawn ? by_share(b, t, s->set) : NULL;
  a->dist = d ? d : a->dist;
}

void build_scores(struct build *b, struct attribute_def *a, const struct node *attribute)
{
  const struct node *node = node_get(attribute, "scores");
  a->dist = b->attribute[0].dist;
  if (!only_kind(b, attribute, "scores") || !node_is(node, NODE_MAP))
    return;
  struct scores_def *s = arena_alloc(b->arena, sizeof *s);
  double auc = get_number(node, "scores", "auc");
  *s = (struct scores_def){.of = SCORE_DIFFICULT, .above = get_number(node, "scores", "above"),
                           .separation = score_separation(auc >= 0.5 && auc < 1 ? auc : 0.5)};
  a->scores = s;
}

/* ---- what fits together ---- */

static const struct node *attribute_node(const struct build *b, const char *name)
{
  return node_get(node_get(b->klass, "attributes"), name);
}

static void find_subject(struct build *b, struct class_def *c)
{
  for (int i = 1; i < c->n_attributes; i++) {
    if (!c->attribute[i].subjects)
      continue;
    if (c->subject)
      err_add(b->err, attribute_node(b, c->attribute[i].name)->key_at, "class '%s' has two attributes with 'subjects', '%s' and '%s'; "
              "one is allowed", c->name, c->attribute[c->subject].name, c->attribute[i].name);
    else
      c->subject = i;
  }
}

static void finish_score(struct build *b, const struct class_def *c, const struct attribute_def *a)
{
  struct scores_def *s = (struct scores_def *)a->scores;        /* made here */
  const struct node *node = node_get(attribute_node(b, a->name), "scores"), *above = node_get(node, "above");
  int of = get_choice(node, "scores", "of");
  s->of = of >= 0 ? (enum score_of)of : c->subject ? SCORE_NEEDED : SCORE_DIFFICULT;
  s->subject = c->subject;
  s->table = c->subject ? c->attribute[c->subject].subjects->table : NULL;
  if (s->of != SCORE_DIFFICULT && !s->table)
    err_add(b->err, node_get(node, "of")->at, "'of: %s' needs an attribute with 'subjects' in class '%s': which models are right is "
            "known by a joint table", node_get(node, "of")->text, c->name);
  if (s->of != SCORE_DIFFICULT && above)
    err_add(b->err, above->key_at, "'above' is of 'of: difficulty'");
}

static void check_variants(struct build *b, const struct class_def *c, int task)
{
  const struct task_def *t = &c->task[task];
  const struct joint_table *table = c->subject ? c->attribute[c->subject].subjects->table : NULL;
  const struct node *at = node_get(node_named(node_get(b->klass, "pipeline"), t->name), "variants");
  for (int v = 0; v < t->n_variants; v++) {
    const struct variant_def *d = &b->world->variant[t->variant[v]];
    if (d->outcomes && !table)
      err_add(b->err, at->at, "the quality of '%s' goes by the table '%s': class '%s' needs an attribute with 'subjects: %s'", d->name,
              d->outcomes->name, c->name, d->outcomes->name);
    else if (d->outcomes && d->outcomes != table)
      err_add(b->err, at->at, "the quality of '%s' goes by the table '%s', but the subjects of class '%s' are of '%s'", d->name,
              d->outcomes->name, c->name, table->name);
  }
}

void check_quality(struct build *b, struct class_def *c)
{
  find_subject(b, c);
  for (int i = 1; i < c->n_attributes; i++)
    if (c->attribute[i].scores)
      finish_score(b, c, &c->attribute[i]);
  for (int t = 0; t < c->n_tasks; t++)
    check_variants(b, c, t);
}

/* ---- for `offsim validate routers` ---- */

const struct joint_table *preset_quality(struct arena *a, const char *name, struct err *err)
{
  const struct preset *p = preset_read(a, "quality", name, (struct where){0}, NULL, err);
  struct build b = {.arena = a, .err = err};
  struct joint_table *t = arena_alloc(a, sizeof *t);
  if (!p)
    return NULL;
  build_table(&b, t, p->value);
  t->name = p->name;
  return err_any(err) ? NULL : t;
}

bool preset_token_prices(struct arena *a, const char *name, double usd_per_tok[2], struct err *err)
{
  const struct preset *p = preset_read(a, "tariff", name, (struct where){0}, NULL, err);
  if (!p)
    return false;
  usd_per_tok[0] = get_number(p->value, "tariff", "input");
  usd_per_tok[1] = get_number(p->value, "tariff", "output");
  return true;
}
