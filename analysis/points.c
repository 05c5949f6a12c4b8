/* points.c: from the catalogue of a study to one cell for each point and policy. */
#include "analysis/points.h"
#include "analysis/compare_stats.h"
#include "analysis/stat_tests.h"
#include "analysis/store/catalog.h"
#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double CONFIDENCE = .95, DEFAULT_MARGIN = .02;

struct points_store {
  struct catalog *catalog;
  json **factors; size_t n_all; uint64_t *all_id; const char **all_text;        /* every point of the folder */
  char **text; size_t n_texts;                          /* levels */
  json *resolved;                                       /* the study's scenario; NULL when unreadable */
};

/* ---- points and their factors -------------------------------------------------------------------------------------
 */

static bool on_point(void *context, uint64_t point, const char *factors)
{
  struct points_store *s = ((struct points *)context)->store;
  if (!(s->n_all & (s->n_all - 1))) {                   /* 0, 1, 2, 4, ...: room for as many again */
    size_t room = s->n_all ? 2 * s->n_all : 1;
    s->all_id = grab_more(s->all_id, room, sizeof *s->all_id);
    s->all_text = grab_more(s->all_text, room, sizeof *s->all_text);
    s->factors = grab_more(s->factors, room, sizeof *s->factors);
  }
  struct err ignored;
  err_init(&ignored);
  s->all_id[s->n_all] = point;
  s->all_text[s->n_all] = factors;
  s->factors[s->n_all++] = json_parse(factors, strlen(factors), &ignored);
  err_release(&ignored);
  return true;
}

static size_t factor_named(const struct points *p, const char *name)
{
  size_t f = 0;
  while (f < p->n_factors && strcmp(p->factor[f].name, name)) f++;
  return f;
}

static void find_factors(struct points *p)
{
  const struct points_store *s = p->store;
  for (size_t i = 0; i < s->n_all; i++)
    for (size_t k = 0; k < json_count(s->factors[i]); k++) {
      const char *name = json_key(s->factors[i], k);
      if (factor_named(p, name) < p->n_factors) continue;
      p->factor = grab_more(p->factor, p->n_factors + 1, sizeof *p->factor);
      p->factor[p->n_factors++] = (struct factor){.name = name};
    }
}

static bool number_of(const char *text, double *x)
{
  char *end;
  *x = strtod(text, &end);
  return end != text && !*end;
}

static int compare_levels(const char *a, const char *b)
{
  double x, y;
  bool number_a = number_of(a, &x), number_b = number_of(b, &y);
  if (number_a && number_b) return (x > y) - (x < y);
  return number_a != number_b ? number_b - number_a : strcmp(a, b);
}

static int by_level(const void *a, const void *b)
{
  return compare_levels(*(const char *const *)a, *(const char *const *)b);
}

/* A level as the user wrote it: 2 rather than 2.0. */
static char *text_of(const json *value)
{
  double x = json_real(value, NAN);
  struct text t = {0};
  if (json_text(value)) text_put(&t, json_text(value));
  else if (!isnan(x)) text_add(&t, "%.15g", x);
  else return json_write(value, false);
  return t.s;
}

/* The texts of one factor at all points, sorted, each once. */
static void find_levels(struct points *p, struct factor *f)
{
  struct points_store *s = p->store;
  const char **all = grab(s->n_all, sizeof *all);
  size_t n = 0;
  for (size_t i = 0; i < s->n_all; i++) {
    const json *value = json_at(s->factors[i], f->name);
    if (!value) continue;
    char *text = text_of(value);
    s->text[s->n_texts++] = text;
    all[n++] = text;
  }
  qsort(all, n, sizeof *all, by_level);
  for (size_t i = 0; i < n; i++)
    if (!f->n_levels || compare_levels(all[f->n_levels - 1], all[i])) all[f->n_levels++] = all[i];
  f->level = all;
}

static size_t level_of(const struct factor *f, const char *text)
{
  const char **found = f->n_levels ? bsearch(&text, f->level, f->n_levels, sizeof *f->level, by_level) : NULL;
  return found ? (size_t)(found - f->level) : SIZE_MAX;
}

/* ---- --where ------------------------------------------------------------------------------------------------------
 */

static bool no_factor(const struct points *p, const char *name, struct err *err)
{
  const char **names = grab(p->n_factors, sizeof *names);
  for (size_t f = 0; f < p->n_factors; f++) names[f] = p->factor[f].name;
  const char *near = nearest(name, names, p->n_factors);
  if (near) err_add(err, (struct where){0}, "%s has no factor '%s'; did you mean '%s'?", p->dir, name, near);
  else {
    struct text list = {0};
    for (size_t f = 0; f < p->n_factors; f++) text_add(&list, "%s%s", f ? ", " : "", names[f]);
    err_add(err, (struct where){0}, "%s has no factor '%s'; it has %s", p->dir, name, list.n ? list.s : "none");
    free(list.s);
  }
  free(names);
  return false;
}

enum { SHOWN_LEVELS = 12 };
static bool no_level(const struct factor *f, const char *value, struct err *err)
{
  struct text list = {0};
  for (size_t k = 0; k < f->n_levels && k < SHOWN_LEVELS; k++) text_add(&list, "%s%s", k ? ", " : "", f->level[k]);
  err_add(err, (struct where){0}, "factor %s is never %s; it is %s%s", f->name, value, list.n ? list.s : "nothing",
          f->n_levels > SHOWN_LEVELS ? ", ..." : "");
  free(list.s);
  return false;
}

static bool check_where(const struct points *p, const struct points_options *o, struct err *err)
{
  for (size_t i = 0; i < o->n_where; i++) {
    size_t f = factor_named(p, o->where[i].factor);
    if (f == p->n_factors) no_factor(p, o->where[i].factor, err);
    else if (level_of(&p->factor[f], o->where[i].value) == SIZE_MAX) no_level(&p->factor[f], o->where[i].value, err);
  }
  return !err_any(err);
}

static bool is_wanted(const struct points *p, const struct points_options *o, const size_t *level)
{
  for (size_t i = 0; i < o->n_where; i++) {
    size_t f = factor_named(p, o->where[i].factor);
    if (level[f] != level_of(&p->factor[f], o->where[i].value)) return false;
  }
  return true;
}

static void choose_points(struct points *p, const struct points_options *o)
{
  const struct points_store *s = p->store;
  p->id = grab(s->n_all, sizeof *p->id);
  p->factors = grab(s->n_all, sizeof *p->factors);
  p->level = grab(s->n_all * p->n_factors + 1, sizeof *p->level);
  for (size_t i = 0; i < s->n_all; i++) {
    size_t *level = &p->level[p->n_points * p->n_factors];
    for (size_t f = 0; f < p->n_factors; f++) {
      const json *value = json_at(s->factors[i], p->factor[f].name);
      char *word = value ? text_of(value) : NULL;
      level[f] = word ? level_of(&p->factor[f], word) : SIZE_MAX;
      free(word);
    }
    if (!is_wanted(p, o, level)) continue;
    p->id[p->n_points] = s->all_id[i];
    p->factors[p->n_points++] = s->all_text[i];
  }
}

/* ---- values -------------------------------------------------------------------------------------------------------
 */

struct value { size_t point, policy; uint64_t replication; double x; bool failed; };
struct values { struct points *p; struct value *at; size_t n, room, point; };

static size_t policy_of(struct points *p, const struct catalog_run *r)
{
  size_t i = 0;
  while (i < p->n_policies && strcmp(p->policy[i], r->policy)) i++;
  if (i == p->n_policies) {
    p->policy = grab_more(p->policy, p->n_policies + 1, sizeof *p->policy);
    p->kind = grab_more(p->kind, p->n_policies + 1, sizeof *p->kind);
    p->policy[p->n_policies] = r->policy;
    p->kind[p->n_policies++] = *r->kind ? r->kind : "policy";
  }
  return i;
}

static bool on_value(void *context, uint64_t point, const struct catalog_run *r, double x)
{
  struct values *v = context;
  struct points *p = v->p;
  while (v->point < p->n_points && p->id[v->point] < point) v->point++;
  if (v->point == p->n_points) return false;
  if (p->id[v->point] != point || !comparison_is_current(p->store->catalog, point, r)) return true;
  if (v->n == v->room) v->at = grab_more(v->at, v->room = v->room ? 2 * v->room : 256, sizeof *v->at);
  v->at[v->n++] = (struct value){v->point, policy_of(p, r), r->replication, x, r->state != RUN_DONE};
  return true;
}

static void fill_cells(struct points *p, const struct values *v)
{
  p->cell = grab(p->n_points * p->n_policies, sizeof *p->cell);
  for (size_t i = 0; i < p->n_points * p->n_policies; i++) p->cell[i].requests = p->cell[i].failed_ratio = NAN;
  for (size_t i = 0; i < v->n; i++) {
    struct point_cell *c = &p->cell[v->at[i].point * p->n_policies + v->at[i].policy];
    if (v->at[i].failed) c->failed++;
    else if (!isnan(v->at[i].x)) c->n++;
  }
  for (size_t i = 0; i < p->n_points * p->n_policies; i++) {
    p->cell[i].replication = grab(p->cell[i].n, sizeof *p->cell[i].replication);
    p->cell[i].x = grab(p->cell[i].n, sizeof *p->cell[i].x);
    p->cell[i].n = 0;
  }
  for (size_t i = 0; i < v->n; i++) {
    struct point_cell *c = &p->cell[v->at[i].point * p->n_policies + v->at[i].policy];
    if (v->at[i].failed || isnan(v->at[i].x)) continue;
    c->replication[c->n] = v->at[i].replication;
    c->x[c->n++] = v->at[i].x;
  }
}

static bool read_values_at(struct points *p, const char *metric, const char *place, struct values *v, struct err *err)
{
  *v = (struct values){.p = p};
  return catalog_values(p->store->catalog, metric, place, on_value, v, err);
}

static bool read_values(struct points *p, const char *metric, struct values *v, struct err *err)
{
  return read_values_at(p, metric, "", v, err);
}

/* Mean of a metric over the runs of each cell; NaN = none. */
static bool read_means(struct points *p, const char *metric, double *mean, struct err *err)
{
  struct values v;
  bool ok = read_values(p, metric, &v, err);
  struct moments *over = grab(p->n_points * p->n_policies, sizeof *over);
  for (size_t i = 0; ok && i < v.n; i++)
    if (!isnan(v.at[i].x)) moments_add(&over[v.at[i].point * p->n_policies + v.at[i].policy], v.at[i].x);
  for (size_t i = 0; i < p->n_points * p->n_policies; i++) mean[i] = over[i].n ? over[i].mean : (double)NAN;
  free(over);
  free(v.at);
  return ok;
}

/* Number of requests of a run, for tail quantiles; failures, which a mean of completed requests does not show. */
static bool read_requests(struct points *p, struct err *err)
{
  size_t n = p->n_points * p->n_policies;
  double *mean = grab(n, sizeof *mean);
  bool ok = read_means(p, "failed_ratio", mean, err);
  for (size_t i = 0; ok && i < n; i++) p->cell[i].failed_ratio = mean[i];
  if (ok && !isnan(comparison_quantile(p->metric->name))) {
    ok = read_means(p, "requests", mean, err);
    for (size_t i = 0; ok && i < n; i++) p->cell[i].requests = mean[i];
  }
  free(mean);
  return ok;
}

enum { USE_UTILIZATION, USE_ATTEMPTS, USE_WAIT, N_USES };

/* Mean over the runs of each cell. */
static bool read_uses(struct points *p, const char *place, struct moments (*use)[N_USES], struct err *err)
{
  static const char *const name[N_USES] = {"utilization", "attempts", "queue_wait_mean_s"};
  bool ok = true;
  for (int k = 0; ok && k < N_USES; k++) {
    struct values v;
    ok = read_values_at(p, name[k], place, &v, err);
    for (size_t i = 0; ok && i < v.n; i++)
      if (!v.at[i].failed && !isnan(v.at[i].x))
        moments_add(&use[v.at[i].point * p->n_policies + v.at[i].policy][k], v.at[i].x);
    free(v.at);
  }
  return ok;
}

/* What the utilization of each place says; its servers are those of the study's scenario, whatever a factor makes of them. */
static bool read_place_trust(struct points *p, const char *place, const struct trust_pool *pool, double q, struct err *err)
{
  size_t n = p->n_points * p->n_policies;
  struct moments (*use)[N_USES] = grab(n, sizeof *use);
  bool ok = read_uses(p, place, use, err);
  for (size_t i = 0; ok && i < n; i++) {
    const struct moments *m = use[i];
    if (p->cell[i].n < 2 || !m[USE_UTILIZATION].n || !m[USE_ATTEMPTS].n || !m[USE_WAIT].n) continue;
    struct place_use u = {.place = place, .runs = p->cell[i].n, .utilization = m[USE_UTILIZATION].mean,
                          .attempts = m[USE_ATTEMPTS].mean, .wait_s = m[USE_WAIT].mean, .latency_s = pool[i].values.mean,
                          .completed = (double)pool[i].values.n / (double)p->cell[i].n};
    p->cell[i].trust = compare_place_trust(p->store->resolved, &u, p->cell[i].trust, q);
  }
  free(use);
  return ok;
}

static bool read_places_trust(struct points *p, const struct trust_pool *pool, double q, struct err *err)
{
  const json *places = json_at(p->store->resolved, "places");
  for (size_t i = 0; i < json_count(places); i++) {
    const char *name = json_text(json_at(json_nth(places, i), "name"));
    if (name && !read_place_trust(p, name, pool, q, err)) return false;
  }
  return true;
}

/* Are the runs of a steady study long enough? The four metrics list the same runs in the same order. */
static bool read_trust(struct points *p, struct err *err)
{
  static const char *const name[] = {"completed", "latency_mean_s", "latency_sd_s", "latency_stretch_sd_s"};
  double q = compare_trusted_quantile(p->metric->name);
  if (isnan(p->warmup_s) || isnan(q)) return true;
  struct values v[4] = {{0}};
  bool ok = true, known = false;
  for (int k = 0; ok && k < 4; k++) ok = read_values(p, name[k], &v[k], err);
  struct trust_pool *pool = grab(p->n_points * p->n_policies, sizeof *pool);
  for (size_t i = 0; ok && i < v[0].n; i++) {
    if (v[0].at[i].failed) continue;
    known = known || !isnan(v[3].at[i].x);
    compare_pool_add(&pool[v[0].at[i].point * p->n_policies + v[0].at[i].policy], v[0].at[i].x, v[1].at[i].x,
                     v[2].at[i].x, v[3].at[i].x);
  }
  for (size_t i = 0; known && i < p->n_points * p->n_policies; i++)
    if (p->cell[i].n > 1) p->cell[i].trust = trust_replications(&pool[i], q);
  ok = ok && (!known || read_places_trust(p, pool, q, err));
  for (int k = 0; k < 4; k++) free(v[k].at);
  free(pool);
  return ok;
}

/* ---- intervals, baseline, differences -----------------------------------------------------------------------------
 */

static void summarise(struct points *p)
{
  double q = comparison_quantile(p->metric->name);
  size_t needs = isnan(q) ? 0 : order_needs(q, CONFIDENCE);
  for (size_t i = 0; i < p->n_points * p->n_policies; i++) {
    struct point_cell *c = &p->cell[i];
    c->interval = comparison_interval(c->x, c->n, CONFIDENCE);
    c->difference = (struct interval){NAN, NAN, NAN, 0, "paired-t"};
    if (!needs || !(c->requests < (double)needs)) continue;
    c->needs = needs;
    c->interval = (struct interval){NAN, NAN, NAN, c->n, "refused"};
  }
}

static size_t best_at(const struct points *p, size_t point)
{
  size_t best = SIZE_MAX;
  bool only_references = true;
  for (size_t i = 0; i < p->n_policies; i++) only_references &= strcmp(p->kind[i], "policy") != 0;
  double least = INFINITY;
  for (size_t i = 0; i < p->n_policies; i++) {
    const struct point_cell *c = points_cell(p, point, i);
    if ((strcmp(p->kind[i], "policy") && !only_references) || isnan(c->interval.value)) continue;
    double cost = p->metric->better > 0 ? -c->interval.value : c->interval.value;
    if (cost < least) best = i, least = cost;           /* none where all are infinite */
  }
  return best;
}

static void compare_at(struct points *p, size_t point)
{
  size_t base = p->baseline[point], k = 0;
  for (size_t i = 0; i < p->n_policies; i++) k += !isnan(points_cell(p, point, i)->interval.value);
  if (base == SIZE_MAX || k < 2) return;
  const struct point_cell *b = points_cell(p, point, base);
  size_t family = p->baseline_given ? k - 1 : k * (k - 1) / 2;
  for (size_t i = 0; i < p->n_policies; i++) {
    struct point_cell *c = &p->cell[point * p->n_policies + i];
    if (i == base || isnan(c->interval.value) || isnan(b->interval.value)) continue;
    c->difference = compare_paired(c->x, c->replication, c->n, b->x, b->replication, b->n,
                                   1 - (1 - CONFIDENCE) / (double)family, NULL);
    c->verdict = compare_verdict(c->difference, p->margin * fabs(b->interval.value), p->metric->better);
  }
}

static bool choose_baselines(struct points *p, const char *name, struct err *err)
{
  p->baseline = grab(p->n_points, sizeof *p->baseline);
  p->baseline_given = name != NULL;
  size_t given = 0;
  while (name && given < p->n_policies && strcmp(p->policy[given], name)) given++;
  if (name && given == p->n_policies) {
    const char *near = nearest(name, p->policy, p->n_policies);
    return err_add(err, (struct where){0}, "unknown policy '%s'%s%s%s", name, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
  }
  for (size_t i = 0; i < p->n_points; i++) {
    p->baseline[i] = name ? given : best_at(p, i);
    compare_at(p, i);
  }
  return true;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

/* Is the warm-up one of the factors of the first point? In its overrides they follow what all points share. */
static bool warmup_is_factor(struct catalog *c)
{
  const char *text = catalog_point_overrides(c, 0), *factors = catalog_point_json(c, 0);
  struct err ignored;
  err_init(&ignored);
  json *set = text ? json_parse(text, strlen(text), &ignored) : NULL;
  json *of = factors ? json_parse(factors, strlen(factors), &ignored) : NULL;
  bool is = false;
  for (size_t i = json_count(set), n = json_count(of); i > 0 && n > 0; n--) {
    const char *path = json_text(json_at(json_nth(set, --i), "path"));
    is = is || (path && (!strcmp(path, "horizon.warmup") || !strcmp(path, "horizon")));
  }
  json_release(set);
  json_release(of);
  err_release(&ignored);
  return is;
}

/* What the pilots of `warmup: auto` gave at each point. */
static void read_settled(struct points *p)
{
  p->settled_s = grab(p->n_points, sizeof *p->settled_s);
  for (size_t i = 0; i < p->n_points; i++) {
    char key[64];
    snprintf(key, sizeof key, "point.%llu.warmup_s", (unsigned long long)p->id[i]);
    const char *text = catalog_provenance(p->store->catalog, key);
    p->settled_s[i] = text ? strtod(text, NULL) : (double)NAN;
  }
}

static bool read_scenario(struct points *p, const char *metric, struct err *err)
{
  const char *text = catalog_study_json(p->store->catalog), *name = catalog_provenance(p->store->catalog, "study.name");
  struct err ignored;
  err_init(&ignored);
  json *resolved = p->store->resolved = text ? json_parse(text, strlen(text), &ignored) : NULL;
  err_release(&ignored);
  const json *horizon = json_at(resolved, "horizon");
  const char *kind = json_text(json_at(horizon, "kind")), *primary = json_text(json_at(resolved, "primary"));
  p->study = grab_text(name ? name : json_text(json_at(resolved, "name")));
  p->margin = json_real(json_at(resolved, "margin"), DEFAULT_MARGIN);
  p->warmup_s = kind && !strcmp(kind, "steady") ? json_real(json_at(horizon, "warmup"), -1) : (double)NAN;
  if (p->warmup_s >= 0 && warmup_is_factor(p->store->catalog)) p->warmup_s = -1;
  p->metric = metric_find(metric ? metric : primary ? primary : "latency_p95_s");
  if (!p->metric) err_add(err, (struct where){0}, "unknown metric '%s'", metric ? metric : primary);
  return p->metric != NULL;
}

static bool read_points(struct points *p, const struct points_options *o, struct err *err)
{
  struct points_store *s = p->store;
  if (!catalog_points(s->catalog, on_point, p, err)) return false;
  find_factors(p);
  s->text = grab(s->n_all * p->n_factors, sizeof *s->text);
  for (size_t f = 0; f < p->n_factors; f++) find_levels(p, &p->factor[f]);
  if (!check_where(p, o, err)) return false;
  choose_points(p, o);
  read_settled(p);
  return p->n_points || err_add(err, (struct where){0}, "%s has no point%s", p->dir, o->n_where ? " with these factors" : "");
}

/* A table of heads alone says nothing. */
static bool has_values(const struct points *p, struct err *err)
{
  for (size_t i = 0; i < p->n_points * p->n_policies; i++)
    if (p->cell[i].n || p->cell[i].failed) return true;
  const struct metric_info *m = p->metric;
  const char *parts = m->per_place ? "place" : m->per_class ? "class" : NULL;
  if (!parts) return err_add(err, (struct where){0}, "%s: no run has a value of %s (%s)", p->dir, m->name, m->doc);
  return err_add(err, (struct where){0}, "%s: no whole run has a value of %s; each %s may have: --point N --metric %s", p->dir, m->name,
                 parts, m->name);
}

struct points *points_load(const char *dir, const struct points_options *o, struct err *err)
{
  struct points *p = grab(1, sizeof *p);
  struct values v = {0};
  p->dir = dir;
  p->store = grab(1, sizeof *p->store);
  p->store->catalog = catalog_open(dir, CATALOG_READ, err);
  bool ok = p->store->catalog && read_scenario(p, o->metric, err) && read_points(p, o, err)
            && read_values(p, p->metric->name, &v, err);
  if (ok && !v.n) ok = err_add(err, (struct where){0}, "%s has no runs of these points", dir);
  if (ok) fill_cells(p, &v);
  free(v.at);
  ok = ok && has_values(p, err) && read_requests(p, err) && read_trust(p, err);
  if (ok) {
    summarise(p);
    ok = choose_baselines(p, o->baseline, err);
  }
  if (ok) return p;
  points_free(p);
  return NULL;
}

static void store_free(struct points_store *s)
{
  for (size_t i = 0; i < s->n_all; i++) json_release(s->factors[i]);
  for (size_t i = 0; i < s->n_texts; i++) free(s->text[i]);
  catalog_close(s->catalog);
  json_release(s->resolved);
  free(s->factors);
  free(s->all_id);
  free(s->all_text);
  free(s->text);
  free(s);
}

void points_free(struct points *p)
{
  if (!p) return;
  for (size_t i = 0; p->cell && i < p->n_points * p->n_policies; i++) free(p->cell[i].replication), free(p->cell[i].x);
  for (size_t f = 0; f < p->n_factors; f++) free(p->factor[f].level);
  store_free(p->store);
  free(p->study);
  free(p->factor);
  free(p->level);
  free(p->settled_s);
  free(p->id);
  free(p->factors);
  free(p->policy);
  free(p->kind);
  free(p->cell);
  free(p->baseline);
  free(p);
}

bool points_is_study(const char *dir)
{
  struct err unsaid;
  err_init(&unsaid);
  struct catalog *c = catalog_open(dir, CATALOG_READ, &unsaid);
  bool is = c && catalog_provenance(c, "study.name");
  catalog_close(c);
  err_release(&unsaid);
  return is;
}
