/* compare.c: from runs to statements about policies.
 *
 * Paired difference of policies a and b over replications i: d_i = a_i - b_i, mean +- t(n-1, 1 - alpha/2g) s_d/sqrt(n)
 * with g comparisons in the family (Bonferroni; Law, Simulation Modeling and Analysis, 10.4). Check: d = {1, 2, 3},
 * g = 1 gives 2 +- 4.302653 / sqrt(3) = 2 +- 2.484138. What common random numbers gained is
 * (Var a + Var b) / Var d. Best fixed in hindsight: per replication the always_* run of least cost_objective.
 */
#include "analysis/compare.h"
#include "analysis/compare_stats.h"
#include "analysis/store/catalog.h"
#include "analysis/text.h"
#include "sim/hash.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const verdict_name[] = {"-", "better", "equivalent", "worse", "undecided"};
static const double CONFIDENCE = 0.95, DEFAULT_MARGIN = 0.02, SATURATED = 0.95, TAIL_REQUESTS = 10,
                    SHORT_REQUESTS = 100;
static const double CENSORED_SHARE = 0.01;
static const double SURVIVOR_GAP = 0.005;              /* failed_ratio of two policies: their means are of different requests */

struct comparison_store {
  size_t n_catalogs, n_texts;
  struct catalog **catalog; const char **dir; uint64_t *point;  /* [n_catalogs] */
  char **text;
};

/* Lists grow by doubling: room is the next power of two. */
static size_t room_for(size_t n)
{
  size_t room = n ? 1 : 0;
  while (room < n) room *= 2;
  return room;
}

static const char *keep(struct comparison *c, char *text)
{
  struct comparison_store *s = c->store;
  if (s->n_texts == room_for(s->n_texts)) s->text = grab_more(s->text, room_for(s->n_texts + 1), sizeof *s->text);
  return s->text[s->n_texts++] = text;
}

static bool ends_with(const char *s, const char *end)
{
  size_t n = strlen(s), m = strlen(end);
  return n >= m && !strcmp(s + n - m, end);
}

static bool starts_with(const char *s, const char *start) { return !strncmp(s, start, strlen(start)); }

static bool is_listed(const char *word, const char *const *list, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(word, list[i])) return true;
  return false;
}

/* ---- intervals ----------------------------------------------------------------------------------------------------
 */

struct interval comparison_interval(const double *x, size_t n, double confidence)
{
  double *y = grab(n, sizeof *y), infinite = 0;
  size_t m = 0;
  for (size_t i = 0; i < n; i++) {
    if (isinf(x[i])) infinite = x[i];
    if (!isnan(x[i])) y[m++] = x[i];
  }
  struct interval out = {m ? y[0] : NAN, NAN, NAN, m, "t"};
  if (infinite != 0) {
    size_t same = 0;
    for (size_t i = 0; i < m; i++) same += y[i] == infinite;
    bool all = m && same == m;
    out = (struct interval){infinite, all ? infinite : NAN, all ? infinite : NAN, m, "t"};
  } else if (m > 1) out = interval_t(y, m, confidence);
  free(y);
  out.method = "t";
  return out;
}

size_t compare_find(const uint64_t *replication, size_t n, uint64_t wanted, size_t near)
{
  for (size_t d = 0; d < n || d <= near; d++) {
    if (near + d < n && replication[near + d] == wanted) return near + d;
    if (d <= near && near - d < n && replication[near - d] == wanted) return near - d;
  }
  return n;
}

/* Values of a and b over their common replications; the number of them. */
static size_t join(const double *a, const uint64_t *ra, size_t na, const double *b, const uint64_t *rb, size_t nb,
                   double *xa, double *xb)
{
  size_t n = 0, next = 0;
  for (size_t i = 0; i < na; i++) {
    size_t j = compare_find(rb, nb, ra[i], next);
    if (j < nb) next = j + 1;
    if (j == nb || isnan(a[i]) || isnan(b[j])) continue;
    xa[n] = a[i];
    xb[n++] = b[j];
  }
  return n;
}

static double sample_variance(const double *x, size_t n)
{
  struct moments m = {0};
  for (size_t i = 0; i < n; i++) moments_add(&m, x[i]);
  return moments_variance(&m);
}

struct interval compare_paired(const double *a, const uint64_t *ra, size_t na, const double *b, const uint64_t *rb,
                               size_t nb, double confidence, double *variance_ratio)
{
  double *xa = grab(na + nb, sizeof *xa), *xb = grab(na + nb, sizeof *xb), *d = grab(na + nb, sizeof *d);
  size_t n = join(a, ra, na, b, rb, nb, xa, xb);
  for (size_t i = 0; i < n; i++) d[i] = xa[i] - xb[i];
  double paired = sample_variance(d, n), apart = sample_variance(xa, n) + sample_variance(xb, n);
  struct interval out = comparison_interval(d, n, confidence);
  out.method = "paired-t";
  if (variance_ratio) *variance_ratio = n > 1 && paired > 0 && isfinite(apart) ? apart / paired : NAN;
  free(xa);
  free(xb);
  free(d);
  return out;
}

enum verdict compare_verdict(struct interval d, double margin, int better)
{
  double lo = better < 0 ? -d.hi : d.lo, hi = better < 0 ? -d.lo : d.hi;        /* larger is better from here on */
  if (isnan(lo) || isnan(hi) || isnan(margin)) return VERDICT_UNDECIDED;
  if (lo > -margin && hi < margin) return VERDICT_EQUIVALENT;
  if (lo == 0 && hi == 0) return VERDICT_EQUIVALENT;
  if (!better) return VERDICT_UNDECIDED;
  return lo >= margin ? VERDICT_BETTER : hi <= -margin ? VERDICT_WORSE : VERDICT_UNDECIDED;
}

/* ---- reading the catalogue ----------------------------------------------------------------------------------------
 */

struct loading {
  struct comparison *c;
  const struct comparison_options *options;
  const char *dir, *suffix;                             /* suffix: told apart when two folders have the same policy */
  struct catalog *catalog;
  uint64_t point;
  struct err *err;
};

/* Provenance of one point of a folder; NULL = none. */
static const char *of_point(struct catalog *c, uint64_t point, const char *key)
{
  struct text name = {0};
  text_add(&name, "point.%llu.%s", (unsigned long long)point, key);
  const char *value = catalog_provenance(c, name.s);
  free(name.s);
  return value;
}

static struct compared_policy *find_policy(struct comparison *c, const char *name)
{
  for (size_t i = 0; i < c->n_policies; i++)
    if (!strcmp(c->policy[i].name, name)) return &c->policy[i];
  return NULL;
}

static struct compared_policy *add_policy(struct comparison *c, const char *name, const char *kind, const char *dir)
{
  c->policy = grab_more(c->policy, c->n_policies + 1, sizeof *c->policy);
  struct compared_policy *p = &c->policy[c->n_policies++];
  *p = (struct compared_policy){.name = name, .kind = kind && *kind ? kind : "policy", .type = name, .entry = name, .dir = dir};
  return p;
}

static struct compared_policy *policy_of_run(struct loading *l, const struct catalog_run *r)
{
  struct compared_policy *p = find_policy(l->c, r->policy);
  if (p && p->dir == l->dir) return p;
  const char *name = r->policy;
  if (p) {                                              /* another folder has it */
    struct text t = {0};
    text_add(&t, "%s@%s", r->policy, l->suffix);
    struct compared_policy *own = find_policy(l->c, t.s);
    if (own) {
      free(t.s);
      return own;
    }
    name = keep(l->c, t.s);
  }
  p = add_policy(l->c, name, r->kind, l->dir);
  p->type = p->entry = r->policy;
  return p;
}

/* Where a metric's values stand; runs list their metrics in one order, so `hint` is nearly always right. */
static struct compared_metric *metric_slot(struct compared_policy *p, const struct catalog_metric *m, size_t hint)
{
  for (size_t k = 0; k < p->n_metrics; k++) {
    struct compared_metric *have = &p->metric[(hint + k) % p->n_metrics];
    if (!strcmp(have->metric, m->metric) && !strcmp(have->klass, m->klass) && !strcmp(have->place, m->place))
      return have;
  }
  p->metric = grab_more(p->metric, p->n_metrics + 1, sizeof *p->metric);
  struct compared_metric *fresh = &p->metric[p->n_metrics++];
  *fresh = (struct compared_metric){.metric = m->metric, .klass = m->klass, .place = m->place};
  fresh->x = grab(room_for(p->n), sizeof *fresh->x);
  for (size_t i = 0; i < p->n; i++) fresh->x[i] = NAN;
  return fresh;
}

static void grow_runs(struct compared_policy *p)
{
  size_t room = room_for(p->n + 1);
  p->replication = grab_more(p->replication, room, sizeof *p->replication);
  p->run_id = grab_more(p->run_id, room, sizeof *p->run_id);
  p->trace = grab_more(p->trace, room, sizeof *p->trace);
  p->sketch = grab_more(p->sketch, room, sizeof *p->sketch);
  p->sketch_bytes = grab_more(p->sketch_bytes, room, sizeof *p->sketch_bytes);
  for (size_t k = 0; k < p->n_metrics; k++)
    p->metric[k].x = grab_more(p->metric[k].x, room, sizeof *p->metric[k].x);
}

/* Room for one more run. */
static size_t add_run_slot(struct compared_policy *p)
{
  if (p->n == room_for(p->n)) grow_runs(p);
  for (size_t k = 0; k < p->n_metrics; k++) p->metric[k].x[p->n] = NAN;
  return p->n++;
}

static const char *trace_path(struct loading *l, const struct catalog_run *r)
{
  if (!r->trace_file || !*r->trace_file) return "";
  struct text t = {0};
  text_add(&t, "%s/%s", l->dir, r->trace_file);
  return keep(l->c, t.s);
}

static void add_run(struct loading *l, struct compared_policy *p, const struct catalog_run *r)
{
  size_t i = p->n;                                      /* a later run of the same replication takes its place */
  if (p->n && r->replication <= p->replication[p->n - 1])       /* they come in the order of replications */
    i = compare_find(p->replication, p->n, r->replication, p->n - 1);
  if (i == p->n) i = add_run_slot(p);
  p->replication[i] = r->replication;
  memcpy(p->run_id[i], r->id, sizeof p->run_id[i]);
  p->trace[i] = trace_path(l, r);
  p->sketch[i] = r->sketch;
  p->sketch_bytes[i] = r->sketch_bytes;
  for (size_t k = 0; k < r->n_metrics; k++) metric_slot(p, &r->metric[k], k)->x[i] = r->metric[k].value;
  struct hash sum = {0}, one;
  if (p->trace_hash[0]) hash_parse(p->trace_hash, &sum);
  if (hash_parse(r->trace_hash, &one)) hash_hex(hash_sum(sum, one), p->trace_hash);
  p->events += r->events;
  p->elapsed_s += r->elapsed_s;
}

bool comparison_is_current(struct catalog *c, uint64_t point, const struct catalog_run *r)
{
  const char *seed = of_point(c, point, "seed"), *base, *current;
  if (seed && strtoull(seed, NULL, 10) != r->seed) return false;
  if (!(base = catalog_note(c, r->id, "base"))) return true;
  struct text key = {0};
  text_add(&key, "base.%s", r->policy);
  current = of_point(c, point, key.s);
  free(key.s);
  return !current || !strcmp(base, current);
}

static bool wanted(const struct loading *l, const struct catalog_run *r)
{
  const struct comparison_options *o = l->options;
  if (o->some_replications && (r->replication < o->from || r->replication > o->to)) return false;
  if (o->n_policies && !is_listed(r->policy, o->policy, o->n_policies)) return false;
  return comparison_is_current(l->catalog, l->point, r);
}

static bool on_run(void *context, const struct catalog_run *r)
{
  struct loading *l = context;
  if (!wanted(l, r)) return true;
  struct compared_policy *p = policy_of_run(l, r);
  struct catalog_run whole = *r;
  if (r->state != RUN_DONE) {
    if (!p->failed++) p->failure = r->message;
  } else if (catalog_complete(l->catalog, &whole, l->err)) {
    if (*r->message && !p->remarked++) p->remark = r->message;
    add_run(l, p, &whole);
  }
  return !err_any(l->err);
}

static const char *last_part(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash && slash[1] ? slash + 1 : path;
}

/* "links.access.rate=20 Mbit/s, n=2" of {"links.access.rate": 20, "n": 2}. */
static void put_factors(struct text *t, struct catalog *catalog, const char *factors)
{
  struct err ignored;
  err_init(&ignored);
  json *j = factors ? json_parse(factors, strlen(factors), &ignored) : NULL;
  for (size_t i = 0; i < json_count(j); i++) {
    const char *key = json_key(j, i);
    const json *value = json_at(j, key);
    double x = json_real(value, NAN);
    struct text number = {0};
    text_add(&number, "%.15g", x);
    char *plain = json_text(value) ? grab_text(json_text(value)) : isnan(x) ? json_write(value, false) : grab_text(number.s);
    free(number.s);
    const char *unit = json_text(value) ? NULL : catalog_factor_unit(catalog, key);
    text_add(t, "%s%s=%s%s%s", i ? ", " : "", key, plain, unit && *unit ? " " : "", unit ? unit : "");
    free(plain);
  }
  if (!json_count(j)) text_put(t, "as in the file");
  json_release(j);
  err_release(&ignored);
}

/* Which point of a folder is shown, when it holds several. */
static void note_point(struct comparison *c, struct catalog *catalog, const char *dir, uint64_t point)
{
  uint64_t n = catalog_n_points(catalog);
  if (n < 2 || point >= n) return;
  struct text t = {c->points, c->points ? strlen(c->points) : 0, c->points ? strlen(c->points) + 1 : 0};
  text_add(&t, "%llu points in %s; showing point %llu (", (unsigned long long)n, dir, (unsigned long long)point);
  put_factors(&t, catalog, catalog_point_json(catalog, point));
  text_put(&t, "); --point N\n");
  c->points = t.s;
}

static bool load_dir(struct comparison *c, const char *dir, const struct comparison_options *o, struct err *err)
{
  struct comparison_store *s = c->store;
  struct catalog *catalog = catalog_open(dir, CATALOG_READ, err);
  if (!catalog) return false;
  size_t k = s->n_catalogs++;
  s->catalog = grab_more(s->catalog, s->n_catalogs, sizeof *s->catalog);
  s->dir = grab_more(s->dir, s->n_catalogs, sizeof *s->dir);
  s->point = grab_more(s->point, s->n_catalogs, sizeof *s->point);
  const char *last = catalog_provenance(catalog, "point.current");
  s->dir[k] = dir;
  s->catalog[k] = catalog;
  s->point[k] = o->point_given ? o->point : last ? strtoull(last, NULL, 10) : 0;
  c->point = s->point[0];
  note_point(c, catalog, dir, s->point[k]);
  struct loading l = {c, o, dir, last_part(dir), catalog, s->point[k], err};
  return catalog_runs_of(catalog, s->point[k], on_run, &l, err) && !err_any(err);
}

/* ---- what the scenario says ---------------------------------------------------------------------------------------
 */

static const char *text_or(const char *s, const char *otherwise) { return s && *s ? s : otherwise; }

/* "2 %" or 0.02. */
static double margin_of(const json *j)
{
  const char *s = json_text(j);
  if (!s) return json_real(j, DEFAULT_MARGIN);
  char *end;
  double x = strtod(s, &end);
  return end == s ? DEFAULT_MARGIN : strchr(end, '%') ? x / 100 : x;
}

/* The reference "model-greedy": greedy on a policy's estimates by the scenario's objective, so without own weights. */
static bool is_model_greedy(const char *type, const json *entry)
{
  static const char *const weights[] = {"latency", "money", "energy", "quality"};
  for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
    if (json_at(entry, weights[i])) return false;
  return !strcmp(type, "cost_aware");
}

static void type_of_entry(struct comparison *c, const char *dir, const json *entry)
{
  const char *type = text_or(json_text(json_at(entry, "policy")), json_text(entry));
  const char *name = text_or(json_text(json_at(entry, "name")), type);
  for (size_t i = 0; name && i < c->n_policies; i++) {
    if (c->policy[i].dir != dir || strcmp(c->policy[i].entry, name)) continue;
    c->policy[i].type = keep(c, grab_text(last_part(type)));
    c->policy[i].model_greedy = is_model_greedy(type, entry);
  }
}

/* A plug-in's own word, noted when it ran (experiments/study.c). */
static bool declares_to_learn(const struct comparison *c, const struct compared_policy *p)
{
  struct text key = {0};
  bool yes = false;
  text_add(&key, "learns.%s", p->entry);
  for (size_t k = 0; k < c->store->n_catalogs; k++) {
    const char *said = c->store->dir[k] == p->dir ? catalog_provenance(c->store->catalog[k], key.s) : NULL;
    yes |= said && !strcmp(said, "1");
  }
  free(key.s);
  return yes;
}

/* The scenario of a folder's point; NULL when it cannot be read. */
static json *resolved_of(const struct comparison_store *s, size_t folder)
{
  const char *text = of_point(s->catalog[folder], s->point[folder], "resolved");
  struct err ignored;
  err_init(&ignored);
  if (!text) text = catalog_study_json(s->catalog[folder]);
  json *resolved = text ? json_parse(text, strlen(text), &ignored) : NULL;
  err_release(&ignored);
  return resolved;
}

static void read_scenario(struct comparison *c, const struct comparison_options *o, struct err *err)
{
  c->resolved = resolved_of(c->store, 0);
  c->scenario =
      grab_text(text_or(json_text(json_at(c->resolved, "name")), last_part(c->policy ? c->policy[0].dir : "")));
  c->version = grab_text(catalog_provenance(c->store->catalog[0], "version"));
  c->seed = (uint64_t)json_int(json_at(c->resolved, "seed"), 0);
  c->margin = o->margin > 0 ? o->margin : margin_of(json_at(c->resolved, "margin"));
  const char *primary = text_or(o->primary, text_or(json_text(json_at(c->resolved, "primary")), "latency_p95_s"));
  c->primary = metric_find(primary);
  if (!c->primary) {
    const char *const *names;
    size_t n = metric_names(&names);
    const char *near = nearest(primary, names, n);
    err_add(err, (struct where){0}, "unknown metric '%s'%s%s%s", primary, near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "");
  }
  for (size_t k = 0; k < c->store->n_catalogs; k++) {
    json *resolved = resolved_of(c->store, k);
    const json *entries = json_at(resolved, "policies");
    for (size_t i = 0; i < json_count(entries); i++) type_of_entry(c, c->store->dir[k], json_nth(entries, i));
    json_release(resolved);
  }
  static const char *const learners[] = {"ucb1",   "ucb_half", "kl_ucb", "thompson",  "linucb",
                                         "sw_ucb", "d_linucb", "exp3",   "eps_greedy", "lints"};
  for (size_t i = 0; i < c->n_policies; i++)
    c->policy[i].learner = is_listed(c->policy[i].type, learners, sizeof learners / sizeof *learners) ||
                           declares_to_learn(c, &c->policy[i]);
}

/* ---- best fixed in hindsight --------------------------------------------------------------------------------------
 */

const struct compared_metric *comparison_metric(const struct compared_policy *p, const char *metric, const char *klass,
                                                const char *place)
{
  for (size_t i = 0; i < p->n_metrics; i++) {
    const struct compared_metric *m = &p->metric[i];
    if (!strcmp(m->metric, metric) && !strcmp(m->klass, klass) && !strcmp(m->place, place)) return m;
  }
  return NULL;
}

/* Value of one replication, expected near a place in the list; NaN when it has none. */
static double value_at(const struct compared_policy *p, const char *metric, uint64_t replication, size_t near)
{
  const struct compared_metric *m = comparison_metric(p, metric, "", "");
  size_t i = m ? compare_find(p->replication, p->n, replication, near) : p->n;
  return i < p->n ? m->x[i] : (double)NAN;
}

static bool is_fixed(const struct compared_policy *p) { return starts_with(p->type, "always_") && p->n; }

/* The cheapest always_* policy of a folder's replication, or NULL when one of them has not run it. */
static const struct compared_policy *cheapest_fixed(const struct comparison *c, const char *dir, uint64_t replication,
                                                    size_t near)
{
  const struct compared_policy *best = NULL;
  double least = INFINITY;
  for (size_t i = 0; i < c->n_policies; i++) {
    if (!is_fixed(&c->policy[i]) || c->policy[i].dir != dir) continue;
    double cost = value_at(&c->policy[i], "cost_objective", replication, near);
    if (isnan(cost)) return NULL;
    if (!best || cost < least) best = &c->policy[i], least = cost;
  }
  return best;
}

static void copy_run(struct compared_policy *to, const struct compared_policy *from, uint64_t replication, size_t near)
{
  size_t j = compare_find(from->replication, from->n, replication, near), i = add_run_slot(to);
  to->replication[i] = replication;
  memcpy(to->run_id[i], from->run_id[j], sizeof to->run_id[i]);
  to->trace[i] = from->trace[j];
  to->sketch[i] = from->sketch[j];
  to->sketch_bytes[i] = from->sketch_bytes[j];
  for (size_t k = 0; k < from->n_metrics; k++) {
    const struct compared_metric *m = &from->metric[k];
    struct catalog_metric key = {m->metric, m->klass, m->place, m->x[j]};
    metric_slot(to, &key, k)->x[i] = m->x[j];
  }
}

/* The share of the best fixed one's replications that each always_* policy gave: "always_local (3 of 5)". */
static void describe_best_fixed(struct comparison *c, const char *name, const char *dir, const size_t *won)
{
  struct text t = {0};
  size_t n = 0, kinds = 0;
  for (size_t i = 0; i < c->n_policies; i++) n += won[i], kinds += won[i] > 0;
  for (size_t i = 0, put = 0; i < c->n_policies; i++) {
    if (!won[i]) continue;
    text_add(&t, "%s%s", put++ ? ", " : "", c->policy[i].name);
    if (kinds > 1) text_add(&t, " (%zu of %zu replications)", won[i], n);
  }
  struct text line = {c->notes, c->notes ? strlen(c->notes) : 0, c->notes ? strlen(c->notes) + 1 : 0};
  text_add(&line, "%s: %s, the lowest cost_objective of the always_* runs%s%s\n", name, t.s,
           c->store->n_catalogs > 1 ? " of " : "", c->store->n_catalogs > 1 ? dir : "");
  c->notes = line.s;
  free(t.s);
}

/* One of each folder: "best_fixed", and "best_fixed@FOLDER" of a further one. */
static void add_best_fixed(struct comparison *c, const char *dir)
{
  size_t n_fixed = 0, first = 0;
  for (size_t i = c->n_policies; i-- > 0;)
    if (is_fixed(&c->policy[i]) && c->policy[i].dir == dir) first = i, n_fixed++;
  if (n_fixed < 2) return;
  struct text name = {0};
  text_add(&name, find_policy(c, "best_fixed") ? "best_fixed@%s" : "best_fixed", last_part(dir));
  const char *kept = keep(c, name.s);
  if (find_policy(c, kept)) return;
  size_t *won = grab(c->n_policies + 1, sizeof *won);
  struct compared_policy *best = add_policy(c, kept, "reference", dir);
  best->type = best->entry = "best_fixed";
  for (size_t i = 0; i < c->policy[first].n; i++) {
    uint64_t replication = c->policy[first].replication[i];
    const struct compared_policy *from = cheapest_fixed(c, dir, replication, i);
    if (!from) continue;
    copy_run(best, from, replication, i);
    won[from - c->policy]++;
  }
  if (!best->n) c->n_policies--;
  else describe_best_fixed(c, kept, dir, won);
  free(won);
}

/* ---- tuned threshold -----------------------------------------------------------------------------------------------
 */

bool comparison_in_hindsight(const char *type) { return !strcmp(type, "best_fixed") || !strcmp(type, "tuned_threshold"); }

static bool is_threshold_of(const struct compared_policy *p, const char *dir)
{
  return !strcmp(p->type, "threshold") && p->dir == dir && p->n;
}

/* Mean cost over the replications that `all`, the first of them, has too; NaN where one is missing. */
static double mean_cost_beside(const struct compared_policy *p, const struct compared_policy *all)
{
  double sum = 0;
  for (size_t k = 0; k < all->n; k++) sum += value_at(p, "cost_objective", all->replication[k], k);
  return sum / (double)all->n;
}

static void note_tuned(struct comparison *c, const char *name, const char *dir, const char *chosen, size_t n)
{
  struct text line = {c->notes, c->notes ? strlen(c->notes) : 0, c->notes ? strlen(c->notes) + 1 : 0};
  text_add(&line, "%s: %s, the lowest mean cost_objective of %zu thresholds%s%s\n", name, chosen, n,
           c->store->n_catalogs > 1 ? " of " : "", c->store->n_catalogs > 1 ? dir : "");
  c->notes = line.s;
}

/* One threshold for all replications: of a folder's entries of `threshold`, the one of least mean cost. */
static void add_tuned_threshold(struct comparison *c, const char *dir)
{
  const struct compared_policy *first = NULL;
  size_t n = 0, best = 0;
  double least = INFINITY;
  for (size_t i = 0; i < c->n_policies; i++) {
    const struct compared_policy *p = &c->policy[i];
    if (!is_threshold_of(p, dir)) continue;
    if (!first) first = p;
    n++;
    double cost = mean_cost_beside(p, first);
    if (cost < least) best = i, least = cost;
  }
  if (n < 2 || isinf(least)) return;
  struct text name = {0};
  text_add(&name, find_policy(c, "tuned_threshold") ? "tuned_threshold@%s" : "tuned_threshold", last_part(dir));
  const char *kept = keep(c, name.s);
  if (find_policy(c, kept)) return;
  struct compared_policy *row = add_policy(c, kept, "reference", dir);
  const struct compared_policy *from = &c->policy[best];
  row->type = row->entry = "tuned_threshold";
  for (size_t k = 0; k < from->n; k++) copy_run(row, from, from->replication[k], k);
  note_tuned(c, kept, dir, from->name, n);
}

/* ---- regret -------------------------------------------------------------------------------------------------------
 */

/* Whom the policies of a folder are measured against: its clairvoyant reference, else its best fixed one. */
static const struct compared_policy *comparator_in(const struct comparison *c, const char *dir)
{
  const struct compared_policy *to = NULL;
  for (size_t i = 0; i < c->n_policies; i++) {
    const struct compared_policy *p = &c->policy[i];
    if (p->dir == dir && (!strcmp(p->type, "clairvoyant") || (!to && !strcmp(p->type, "best_fixed")))) to = p;
  }
  return to;
}

/* Requests x difference of mean cost. */
static void add_regret(struct comparison *c)
{
  const struct compared_policy *first = comparator_in(c, c->store->dir[0]);
  c->regret_against = first ? first->name : NULL;
  for (size_t i = 0; i < c->n_policies; i++) {
    struct compared_policy *p = &c->policy[i];
    const struct compared_policy *to = comparator_in(c, p->dir);
    if (!to) continue;
    double *x = metric_slot(p, &(struct catalog_metric){"regret", "", "", NAN}, 0)->x;
    for (size_t k = 0; k < p->n; k++) {
      uint64_t r = p->replication[k];
      x[k] = value_at(p, "requests", r, k) * (value_at(p, "cost_objective", r, k) - value_at(to, "cost_objective", r, k));
    }
  }
}

/* ---- values, pairs, verdicts --------------------------------------------------------------------------------------
 */

double comparison_quantile(const char *metric)
{
  return ends_with(metric, "_p99_s") ? .99 : ends_with(metric, "_p95_s") ? .95
         : ends_with(metric, "_p50_s") ? .5 : (double)NAN;
}

static double mean_value(const struct compared_policy *p, const char *metric, const char *klass)
{
  const struct compared_metric *m = comparison_metric(p, metric, klass, "");
  return m ? comparison_interval(m->x, p->n, CONFIDENCE).value : NAN;
}

static void summarise(struct compared_policy *p)
{
  for (size_t i = 0; i < p->n_metrics; i++) {
    struct compared_metric *m = &p->metric[i];
    m->interval = comparison_interval(m->x, p->n, CONFIDENCE);
    double q = comparison_quantile(m->metric);
    m->unsupported = mean_value(p, "requests", m->klass) * (1 - q) < TAIL_REQUESTS;
  }
  compare_refuse_tails(p);
}

static bool can_compare(const struct comparison *c, const struct compared_policy *p)
{
  const struct compared_metric *m = comparison_metric(p, c->primary->name, "", "");
  return m && !isnan(m->interval.value);
}

/* Negative when a's mean is better than b's. */
static double order_on_primary(const struct comparison *c, size_t a, size_t b)
{
  double x = comparison_metric(&c->policy[a], c->primary->name, "", "")->interval.value;
  double y = comparison_metric(&c->policy[b], c->primary->name, "", "")->interval.value;
  return x == y ? 0 : c->primary->better > 0 ? y - x : x - y;
}

/* Where the world itself makes all runs references (a scheduler that reads true sizes), its policies are still compared
 * with one another; those that choose with hindsight never are. */
static bool competes(const struct comparison *c, const struct compared_policy *p)
{
  if (!strcmp(p->kind, "policy")) return true;
  for (size_t i = 0; i < c->n_policies; i++)
    if (!strcmp(c->policy[i].kind, "policy")) return false;
  return strcmp(p->type, "clairvoyant") && !comparison_in_hindsight(p->type) && strcmp(p->kind, "bound");
}

/* As bad as can be: where all are so (too many requests without an answer), the first one is no better than the last. */
static bool is_hopeless(const struct comparison *c, size_t i)
{
  double x = comparison_metric(&c->policy[i], c->primary->name, "", "")->interval.value;
  return isinf(x) && (c->primary->better > 0 ? x < 0 : x > 0);
}

/* The best real policy, leaving one out; SIZE_MAX when there is none. References know more than a policy may. */
static size_t best_policy(const struct comparison *c, size_t except)
{
  size_t best = SIZE_MAX;
  for (size_t i = 0; i < c->n_policies; i++) {
    if (i == except || !competes(c, &c->policy[i]) || !can_compare(c, &c->policy[i])) continue;
    if (except == SIZE_MAX && is_hopeless(c, i)) continue;
    if (best == SIZE_MAX || order_on_primary(c, i, best) < 0) best = i;
  }
  return best;
}

bool comparison_all_hopeless(const struct comparison *c)
{
  bool any = false;
  for (size_t i = 0; i < c->n_policies; i++) {
    if (!competes(c, &c->policy[i]) || !can_compare(c, &c->policy[i])) continue;
    if (!is_hopeless(c, i)) return false;
    any = true;
  }
  return any;
}

static bool choose_baseline(struct comparison *c, const char *name, struct err *err)
{
  c->baseline_given = name != NULL;
  c->baseline = SIZE_MAX;
  if (!name) {
    c->baseline = best_policy(c, SIZE_MAX);
    return true;
  }
  const char **names = grab(c->n_policies, sizeof *names);
  for (size_t i = 0; i < c->n_policies; i++) {
    names[i] = c->policy[i].name;
    if (!strcmp(name, names[i])) c->baseline = i;
  }
  if (c->baseline == SIZE_MAX) {
    const char *near = nearest(name, names, c->n_policies);
    err_add(err, (struct where){0}, "unknown policy '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
            near ? "'?" : "");
  }
  free(names);
  return c->baseline != SIZE_MAX;
}

static void add_pair(struct comparison *c, size_t policy, const struct metric_info *info, size_t of)
{
  const struct compared_policy *p = &c->policy[policy], *b = &c->policy[c->baseline];
  const struct compared_metric *x = comparison_metric(p, info->name, "", ""),
                               *y = comparison_metric(b, info->name, "", "");
  if (!x || !y || x->needs || y->needs) return;
  struct paired pair = {.policy = policy, .info = info, .simultaneous = info == c->primary, .of = of};
  pair.difference = compare_paired(x->x, p->replication, p->n, y->x, b->replication, b->n,
                                   1 - (1 - CONFIDENCE) / (double)of, &pair.variance_ratio);
  if (!pair.difference.n) return;
  pair.baseline = y->interval.value;
  double margin = isfinite(pair.baseline) ? c->margin * fabs(pair.baseline) : 0;
  if (pair.simultaneous) pair.verdict = compare_verdict(pair.difference, margin, info->better);
  c->pair = grab_more(c->pair, c->n_pairs + 1, sizeof *c->pair);
  c->pair[c->n_pairs++] = pair;
}

static void add_pairs(struct comparison *c)
{
  if (c->baseline == SIZE_MAX || c->n_policies < 2) return;
  size_t k = c->n_policies, family = c->baseline_given ? k - 1 : k * (k - 1) / 2;
  for (size_t i = 0; i < k; i++)
    if (i != c->baseline) add_pair(c, i, c->primary, family);
  const char *const *names;
  size_t n = metric_names(&names);
  for (size_t m = 0; m < n; m++)
    for (size_t i = 0; i < k; i++)
      if (i != c->baseline && metric_find(names[m]) != c->primary) add_pair(c, i, metric_find(names[m]), 1);
}

const struct paired *comparison_pair(const struct comparison *c, size_t policy, const char *metric)
{
  for (size_t i = 0; i < c->n_pairs; i++)
    if (c->pair[i].policy == policy && !strcmp(c->pair[i].info->name, metric)) return &c->pair[i];
  return NULL;
}

/* ---- what is missing, what to beware of ---------------------------------------------------------------------------
 */

static bool has_type(const struct comparison *c, const char *type)
{
  for (size_t i = 0; i < c->n_policies; i++)
    if (c->policy[i].n && !strcmp(c->policy[i].type, type)) return true;
  return false;
}

/* A threshold that `tune` found is called NAME-tuned. */
static bool is_tuned(const struct compared_policy *p)
{
  bool named = ends_with(p->entry, "-tuned") || !strcmp(p->entry, "tuned_threshold");
  return p->n && !strcmp(p->type, "threshold") && named;
}

static bool has_tuned(const struct comparison *c)
{
  for (size_t i = 0; i < c->n_policies; i++)
    if (is_tuned(&c->policy[i])) return true;
  return has_type(c, "tuned_threshold");
}

static bool has_greedy(const struct comparison *c)
{
  for (size_t i = 0; i < c->n_policies; i++)
    if (c->policy[i].n && c->policy[i].model_greedy) return true;
  return false;
}

static bool has_reference(const struct comparison *c, const char *type)
{
  return !strcmp(type, "tuned_threshold") ? has_tuned(c) : !strcmp(type, "model_greedy") ? has_greedy(c)
         : has_type(c, type);
}

static void find_missing(struct comparison *c)
{
  static const struct { const char *type, *label, *add; } references[] = {
    {"tuned_threshold", "tuned threshold", "what `offsim tune FILE --policy threshold --budget 16` finds"},
    {"model_greedy", "model-greedy", "`cost_aware`"},
    {"clairvoyant", "clairvoyant greedy", "`clairvoyant`"},
    {"best_fixed", "best fixed in hindsight", "the always_* policies"}};
  bool learner = false;
  for (size_t i = 0; i < c->n_policies; i++) learner |= c->policy[i].learner;
  struct text t = {0}, add = {0};
  for (size_t i = 0; learner && i < sizeof references / sizeof *references; i++) {
    if (has_reference(c, references[i].type)) continue;
    text_add(&t, "%s%s", t.n ? ", " : "", references[i].label);
    if (references[i].add) text_add(&add, "%s%s", add.n ? " and " : "add ", references[i].add);
  }
  c->incomplete = t.s;
  c->remedy = add.s;
}

enum { MOST_NAMES = 1000 };                               /* letters of a list in a warning */
static void warn(struct compared_policy *p, const char *format, ...) PRINTF_LIKE(2, 3);
static void warn(struct compared_policy *p, const char *format, ...)
{
  va_list list;
  char line[2 * MOST_NAMES];
  va_start(list, format);
  vsnprintf(line, sizeof line, format, list);
  va_end(list);
  p->warning = grab_more(p->warning, p->n_warnings + 1, sizeof *p->warning);
  p->warning[p->n_warnings++] = grab_text(line);
}

/* Metrics that the same runs are too short for, together. */
static void warn_trust(struct compared_policy *p)
{
  struct text list = {0};
  const struct compared_metric *first = NULL;
  for (size_t i = 0; i < p->n_metrics; i++) {
    const struct compared_metric *m = &p->metric[i];
    if (!m->judged || !m->trust.too_short) continue;
    text_add(&list, "%s%s", list.n ? ", " : "", m->metric);
    if (!first) first = m;
  }
  if (first)
    warn(p, "too short for the intervals of %s: %s (%.0f requests are worth %.0f independent ones)", list.s,
         first->trust.why, mean_value(p, "completed", "") * (double)p->n, first->trust.effective_n);
  free(list.s);
}

/* Each quantile of the whole run that its sample cannot carry. */
static void warn_refused(struct compared_policy *p)
{
  for (size_t i = 0; i < p->n_metrics; i++) {
    const struct compared_metric *m = &p->metric[i];
    if (m->needs && !*m->klass)
      warn(p, "%s is refused: its interval needs %zu requests a run, there are %.0f", m->metric, m->needs,
           mean_value(p, "requests", ""));
  }
}

static void warn_runs(struct compared_policy *p)
{
  if (p->failed) warn(p, "%zu of %zu runs failed: %s", p->failed, p->n + p->failed, text_or(p->failure, "no message"));
  if (p->remarked) warn(p, "in %zu of %zu runs, the first: %s", p->remarked, p->n, p->remark);
  if (p->n == 1) warn(p, "one replication: no interval");
  double requests = mean_value(p, "requests", ""), censored = mean_value(p, "censored_ratio", "");
  if (requests < SHORT_REQUESTS) warn(p, "too short: %.0f requests a replication", requests);
  if (censored > CENSORED_SHARE)
    warn(p, "%.1f %% of the requests were still open when the run ended: it is too short, or the load is too high",
         100 * censored);
}

static double place_value(const struct compared_policy *p, const char *metric, const char *place)
{
  const struct compared_metric *m = comparison_metric(p, metric, "", place);
  return m ? m->interval.value : NAN;
}

/* Continuous batching is busy at any load: it keeps up as long as fewer wait than run. */
static bool keeps_up(const struct compared_policy *p, const char *place)
{
  double queue = place_value(p, "queue_length_mean", place), inside = place_value(p, "in_system_mean", place);
  return !isnan(place_value(p, "iterations", place)) && queue < inside / 2;
}

/* Answers stop with the battery, and with them what mean latencies are about. */
static void warn_power(struct compared_policy *p)
{
  double share = mean_value(p, "no_power_ratio", "");
  if (share > 0)
    warn(p, "%.3g %% of the requests failed because their device's battery was empty (status no_power; compare --by place: "
         "battery_life_mean_s)", 100 * share);
}

static bool measures(const json *hardware, const char *kernel)
{
  const char *outside = json_text(json_at(hardware, "outside"));
  return outside && !strcmp(outside, "allow") && json_at(json_at(hardware, "kernels"), kernel);
}

static bool place_measures(const json *resolved, const json *place, const char *kernel)
{
  const json *all = json_at(resolved, "hardware"), *own = json_at(place, "hardware"), *mix = json_at(own, "mix");
  bool any = json_text(own) && measures(json_at(all, json_text(own)), kernel);
  for (size_t i = 0; json_is_map(mix) && i < json_count(mix); i++) any |= measures(json_at(all, json_key(mix, i)), kernel);
  return any;
}

static void add_measured_tasks(struct text *t, const json *resolved, const json *place, const json *pipeline)
{
  for (size_t i = 0; i < json_count(pipeline); i++) {
    const json *task = json_nth(pipeline, i);
    const char *kernel = json_text(json_at(json_at(task, "work"), "kernel"));
    if (kernel && place_measures(resolved, place, kernel))
      text_add(t, "%s%s: %s", t->n ? ", " : "", text_or(json_text(json_at(task, "task")), "?"), kernel);
  }
}

/* "embed: gemm_f32": whose costs may have been gone beyond at a place; nothing: of step times. */
static void add_place_tasks(struct text *t, const json *resolved, const char *name)
{
  const json *places = json_at(resolved, "places"), *classes = json_at(resolved, "classes");
  for (size_t i = 0; i < json_count(places); i++)
    for (size_t k = 0; !strcmp(text_or(json_text(json_at(json_nth(places, i), "name")), ""), name) && k < json_count(classes); k++)
      add_measured_tasks(t, resolved, json_nth(places, i), json_at(json_nth(classes, k), "pipeline"));
}

static void warn_beyond(const json *resolved, struct compared_policy *p, const char *place, double value)
{
  struct text t = {0};
  add_place_tasks(&t, resolved, place);
  if (t.n)
    warn(p, "place %s served %.1f attempts a replication (an attempt is of one task) beyond what its kernels were measured for; with "
         "costs of that hardware, 'outside: allow': %s", place, value, t.s);
  else
    warn(p, "place %s served %.1f attempts a replication beyond what its step times were measured for (extrapolate: true)", place, value);
  free(t.s);
}

static void warn_places(const json *resolved, struct compared_policy *p)
{
  for (size_t i = 0; i < p->n_metrics; i++) {
    const struct compared_metric *m = &p->metric[i];
    double value = m->interval.value;
    if (!strcmp(m->metric, "utilization") && value >= SATURATED && !keeps_up(p, m->place))
      warn(p, "place %s is saturated (utilization %.2f): means depend on the length of the run", m->place, value);
    if (!strcmp(m->metric, "refused_memory") && value > 0)
      warn(p, "place %s refused %.4g requests a replication: prompt or context longer than its KV memory", m->place, value);
    if (!strcmp(m->metric, "refused_prompt") && value > 0)
      warn(p, "place %s refused %.4g requests a replication: prompt longer than a batch of its scheduler may be", m->place,
           value);
    if (!strcmp(m->metric, "extrapolated") && value > 0)
      warn_beyond(resolved, p, m->place, value);
    if (!strcmp(m->metric, "extrapolated_estimates") && value > 0)
      warn(p, "place %s: %.1f %s a replication rest on costs of kernels beyond what was measured there", m->place, value,
           !strcmp(p->kind, "bound") ? "options of the bound" : "estimates given to the policy");
  }
}

/* A class whose trace is replayed whole in every replication; NULL = none. */
static const char *one_trace(const json *resolved)
{
  const json *classes = json_at(resolved, "classes");
  for (size_t i = 0; i < json_count(classes); i++) {
    const char *how = json_text(json_at(json_at(json_at(json_nth(classes, i), "arrivals"), "trace"), "replicate"));
    if (how && !strcmp(how, "whole")) return text_or(json_text(json_at(json_nth(classes, i), "name")), "?");
  }
  return NULL;
}

static const char *text_of(const json *o, const char *key) { return text_or(json_text(json_at(o, key)), "?"); }

/* "h100: flops, idle_power; l4: flops": the first ones by name, all of them counted. */
static void warn_estimates(struct compared_policy *p, const json *sources)
{
  struct text list = {0};
  const char *preset = "", *key = "";
  size_t n = 0, unnamed = 0;
  for (size_t i = 0; i < json_count(sources); i++) {
    const json *s = json_nth(sources, i);
    bool same = !strcmp(text_of(s, "preset"), preset), long_list = list.n > MOST_NAMES;
    if (strcmp(text_of(s, "grade"), "E") || (same && !strcmp(text_of(s, "key"), key))) continue;
    n++;
    key = text_of(s, "key");
    unnamed += long_list;
    const char *between = same ? ", " : n > 1 ? "; " : "", *of = same ? "" : text_of(s, "preset");
    if (!long_list) text_add(&list, "%s%s%s%s", between, of, same ? "" : ": ", key);
    preset = text_of(s, "preset");
  }
  if (unnamed) text_add(&list, " and %zu more (the report lists all)", unnamed);
  if (n) warn(p, "rests on %zu number%s of grade E (engineering estimates): %s", n, n > 1 ? "s" : "", list.s);
  free(list.s);
}

/* Presets that ran in place of a profile. */
static void warn_stand_ins(struct compared_policy *p, const json *sources)
{
  for (size_t i = 0; i < json_count(sources); i++) {
    const json *s = json_nth(sources, i);
    if (!strcmp(text_of(s, "key"), "profile") && !strcmp(text_of(s, "kind"), "hardware"))
      warn(p, "hardware %s: %s", text_of(s, "preset"), text_of(s, "source"));
  }
}

static void warn_inputs(struct comparison *c, struct compared_policy *p, const json *sources)
{
  for (size_t i = 0; i < c->store->n_catalogs; i++) {
    const char *models = catalog_provenance(c->store->catalog[i], "model_version");
    if (models && strchr(models, ','))
      warn(p, "the folder holds results of model versions %s (--mixed): they are no one experiment", models);
  }
  if (mean_value(p, "workload_is_fit", "") > 0) warn(p, "the workload is drawn from a fit, not the original trace");
  if (one_trace(c->resolved))
    warn(p, "class %s replays its whole trace in every replication (replicate: whole): intervals are conditional on this"
         " one trace", one_trace(c->resolved));
  const json *telemetry = json_at(c->resolved, "telemetry");
  const char *word = json_text(telemetry);
  if ((word && !strcmp(word, "ideal")) || json_at(telemetry, "ideal"))
    warn(p, "ideal telemetry: the policy sees the present");
  if (mean_value(p, "zone_violations", "") > 0) warn(p, "data were seen in forbidden zones");
  if (mean_value(p, "replaced_choices", "") > 0)
    warn(p, "%.1f choices of a masked action a replication were replaced", mean_value(p, "replaced_choices", ""));
  if (mean_value(p, "left_out_choices", "") > 0)
    warn(p, "%.1f copies and fallbacks onto masked actions a replication were left out", mean_value(p, "left_out_choices", ""));
  warn_estimates(p, sources);
}

/* Names and arrivals of the classes, as text; caller frees. */
static char *arrivals_of(const struct comparison_store *s, size_t folder)
{
  json *resolved = resolved_of(s, folder);
  const json *classes = json_at(resolved, "classes");
  json *arrivals = json_new_object();
  for (size_t i = 0; i < json_count(classes); i++) {
    const json *one = json_nth(classes, i), *how = json_at(one, "arrivals");
    char *text = how ? json_write_canonical(how) : NULL;
    json_put_string(arrivals, text_or(json_text(json_at(one, "name")), "?"), text);
    free(text);
  }
  char *text = json_write_canonical(arrivals);
  json_release(arrivals);
  json_release(resolved);
  return text;
}

/* Equal seeds give equal requests to equal arrivals, whatever else the scenarios differ in. */
static bool is_paired(const struct comparison_store *s, size_t folder)
{
  const char *a = of_point(s->catalog[0], s->point[0], "seed");
  const char *b = of_point(s->catalog[folder], s->point[folder], "seed");
  if (a && b && strcmp(a, b)) return false;
  char *first = arrivals_of(s, 0), *other = arrivals_of(s, folder);
  bool same = !strcmp(first, other);
  free(first);
  free(other);
  return same;
}

/* Policies of another folder, when it has other requests. */
static void warn_strangers(struct comparison *c)
{
  for (size_t k = 1; k < c->store->n_catalogs; k++) {
    if (is_paired(c->store, k)) continue;
    for (size_t i = 0; i < c->n_policies; i++)
      if (c->policy[i].dir == c->store->dir[k])
        warn(&c->policy[i], "of another seed or other arrivals than the first folder: not paired by random numbers");
  }
}

/* What a policy did on its own, which the proof of a bound did not reckon with. */
static void warn_unbound(struct compared_policy *bound, const struct compared_policy *p)
{
  bool alone = !strcmp(bound->type, "alone_bound");
  if (mean_value(p, "own_attempts", "") > 0 && !(mean_value(bound, "own_attempts", "") > 0))
    warn(bound, "%s does not bound %s, which hedged or fell back on its own%s", bound->name, p->name,
         alone ? "; give the bound `attempts: any`" : "");
  if (mean_value(p, "own_failures", "") > 0 && mean_value(p, "failed_ratio", "") > 0
      && !(mean_value(bound, "own_failures", "") > 0))
    warn(bound, "%s does not bound %s, which let requests fail on its own (time-outs, admission)%s", bound->name, p->name,
         alone ? ", where a failure costs less than an answer" : "");
}

static void warn_bounds(struct comparison *c)
{
  for (size_t b = 0; b < c->n_policies; b++)
    for (size_t i = 0; i < c->n_policies && !strcmp(c->policy[b].kind, "bound"); i++)
      if (strcmp(c->policy[i].kind, "bound")) warn_unbound(&c->policy[b], &c->policy[i]);
}

static void add_warnings(struct comparison *c)
{
  const char *text = comparison_provenance(c, "sources");
  struct err ignored;
  err_init(&ignored);
  json *sources = text ? json_parse(text, strlen(text), &ignored) : NULL;
  err_release(&ignored);
  for (size_t i = 0; i < c->n_policies; i++) {
    warn_stand_ins(&c->policy[i], sources);
    warn_runs(&c->policy[i]);
    warn_refused(&c->policy[i]);
    warn_trust(&c->policy[i]);
    warn_power(&c->policy[i]);
    warn_places(c->resolved, &c->policy[i]);
    warn_inputs(c, &c->policy[i], sources);
  }
  json_release(sources);
  warn_bounds(c);
  warn_strangers(c);
}

bool comparison_said_before(const struct comparison *c, size_t policy, const char *warning)
{
  for (size_t i = 0; i < policy; i++)
    for (size_t k = 0; k < c->policy[i].n_warnings; k++)
      if (!strcmp(c->policy[i].warning[k], warning)) return true;
  return false;
}

size_t comparison_with_warning(const struct comparison *c, const char *warning)
{
  size_t n = 0;
  for (size_t i = 0; i < c->n_policies; i++)
    for (size_t k = 0; k < c->policy[i].n_warnings; k++) n += !strcmp(c->policy[i].warning[k], warning);
  return n;
}

const char *comparison_provenance(const struct comparison *c, const char *key)
{
  const char *own = of_point(c->store->catalog[0], c->store->point[0], key);
  return own ? own : catalog_provenance(c->store->catalog[0], key);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static void add_totals(struct comparison *c)
{
  struct hash sum = {0}, one;
  for (size_t i = 0; i < c->n_policies; i++) {
    const struct compared_policy *p = &c->policy[i];
    if (hash_parse(p->trace_hash, &one)) sum = hash_sum(sum, one);
    c->events += p->events;
    c->elapsed_s += p->elapsed_s;
    if (p->n > c->replications) c->replications = p->n;
  }
  hash_hex(sum, c->trace_hash);
}

static bool check_policies(struct comparison *c, const struct comparison_options *o, const char *dir, struct err *err)
{
  for (size_t i = 0; i < o->n_policies; i++)
    if (!find_policy(c, o->policy[i]))
      err_add(err, (struct where){0}, "%s has no runs of policy '%s'", dir, o->policy[i]);
  if (!err_any(err) && !c->n_policies)
    err_add(err, (struct where){0}, "%s has no runs%s", dir, o->point_given ? " of the point of --point" : "");
  return !err_any(err);
}

struct comparison *comparison_load(const char *const *dir, size_t n_dirs, const struct comparison_options *o,
                                   struct err *err)
{
  struct comparison *c = grab(1, sizeof *c);
  c->store = grab(1, sizeof *c->store);
  for (size_t i = 0; i < n_dirs; i++)
    if (!load_dir(c, dir[i], o, err)) goto failed;
  if (!check_policies(c, o, dir[0], err)) goto failed;
  read_scenario(c, o, err);
  if (err_any(err)) goto failed;
  for (size_t i = 0; i < n_dirs; i++) add_best_fixed(c, dir[i]);
  for (size_t i = 0; i < n_dirs; i++) add_tuned_threshold(c, dir[i]);
  add_regret(c);
  for (size_t i = 0; i < c->n_policies; i++) summarise(&c->policy[i]);
  if (!choose_baseline(c, o->baseline, err)) goto failed;
  compare_read_warmup(c);
  compare_add_controls(c);
  compare_add_trust(c);
  add_pairs(c);
  compare_add_tests(c);
  find_missing(c);
  add_warnings(c);
  add_totals(c);
  return c;
failed:
  comparison_free(c);
  return NULL;
}

static void policy_release(struct compared_policy *p)
{
  for (size_t i = 0; i < p->n_metrics; i++) free(p->metric[i].x);
  for (size_t i = 0; i < p->n_warnings; i++) free(p->warning[i]);
  free(p->metric);
  free(p->warning);
  free(p->replication);
  free(p->run_id);
  free(p->trace);
  free(p->sketch);
  free(p->sketch_bytes);
}

void comparison_free(struct comparison *c)
{
  if (!c) return;
  for (size_t i = 0; i < c->n_policies; i++) policy_release(&c->policy[i]);
  for (size_t i = 0; i < c->store->n_texts; i++) free(c->store->text[i]);
  for (size_t i = 0; i < c->store->n_catalogs; i++) catalog_close(c->store->catalog[i]);
  free(c->store->text);
  free(c->store->catalog);
  free(c->store->dir);
  free(c->store->point);
  free(c->store);
  free(c->policy);
  free(c->pair);
  free(c->scenario);
  free(c->version);
  free(c->incomplete);
  free(c->points);
  free(c->notes);
  free(c->remedy);
  json_release(c->resolved);
  free(c);
}

/* ---- one sentence -------------------------------------------------------------------------------------------------
 */

/* The pair of winner and rival, seen from the winner: negative = smaller than the rival. */
static struct interval lead_of(const struct comparison *c, size_t winner, size_t rival, const struct paired **pair)
{
  bool turned = winner == c->baseline;
  *pair = comparison_pair(c, turned ? rival : winner, c->primary->name);
  if (!*pair) return (struct interval){NAN, NAN, NAN, 0, "paired-t"};
  struct interval d = (*pair)->difference;
  return turned ? (struct interval){-d.value, -d.hi, -d.lo, d.n, d.method} : d;
}

/* As words go: a share has no unit. */
static const char *spoken(const char *unit)
{
  return strcmp(unit, "1") ? unit : "";
}

static const char *gap(const char *unit)
{
  return *unit && *spoken(unit) ? " " : "";
}

static void put_lead(struct text *t, const struct comparison *c, struct interval d, const struct paired *pair,
                     double rival)
{
  const char *unit = c->primary->unit;
  text_add(t, "difference %s%s%s", number_text(d.value).s, gap(unit), spoken(unit));
  if (isfinite(d.lo) && isfinite(d.hi)) {
    text_add(t, " [%s, %s]", number_text(d.lo).s, number_text(d.hi).s);
    text_add(t, " (%s [%s, %s]), paired over %llu replications, simultaneous 95 %% interval",
             percent_text(d.value, rival).s, percent_text(d.lo, rival).s, percent_text(d.hi, rival).s,
             (unsigned long long)d.n);
  } else text_add(t, " over %llu replication%s, without an interval", (unsigned long long)d.n, d.n == 1 ? "" : "s");
  (void)pair;
}

/* A mean of completed requests favours who lets the slow ones fail. */
static void put_survivors(struct text *t, const struct comparison *c, size_t winner, size_t rival)
{
  double own = mean_value(&c->policy[winner], "failed_ratio", ""), other = mean_value(&c->policy[rival], "failed_ratio", "");
  bool survivors = strstr(c->primary->doc, "completed requests") || strstr(c->primary->doc, "that got one");
  if (!survivors || !(fabs(own - other) > SURVIVOR_GAP)) return;
  text_add(t, " Beware: %s is of completed requests alone, and %s failed %s %% of all, %s %s %%.", c->primary->name,
           c->policy[winner].name, number_text(100 * own).s, c->policy[rival].name, number_text(100 * other).s);
}

static void put_no_winner(struct text *t, const struct comparison *c)
{
  const char *name = c->primary->name;
  if (!comparison_all_hopeless(c)) text_add(t, "No policy has a value of %s.", name);
  else
    text_add(t, "No policy can be told to be the best: %s is infinite under all of them%s.", name,
             strstr(c->primary->doc, "rank as infinite") ? ", as too many requests have no answer" : "");
}

char *comparison_sentence(const struct comparison *c)
{
  struct text t = {0};
  size_t winner = best_policy(c, SIZE_MAX), rival = best_policy(c, winner);
  if (c->baseline_given && c->baseline != winner) rival = c->baseline;
  if (winner == SIZE_MAX) put_no_winner(&t, c);
  else if (rival == SIZE_MAX)
    text_add(&t, "%s is the only policy: %s = %s.", c->policy[winner].name, c->primary->name,
             number_text(mean_value(&c->policy[winner], c->primary->name, "")).s);
  if (rival == SIZE_MAX || winner == SIZE_MAX) return t.s;
  const struct paired *pair;
  struct interval d = lead_of(c, winner, rival, &pair);
  double value = mean_value(&c->policy[winner], c->primary->name, ""),
         other = mean_value(&c->policy[rival], c->primary->name, "");
  enum verdict v = compare_verdict(d, c->margin * fabs(pair ? pair->baseline : other), c->primary->better);
  const char *name = c->policy[winner].name, *second = c->policy[rival].name;
  bool apart = c->primary->better < 0 ? d.hi < 0 : d.lo > 0;
  if (v == VERDICT_BETTER) text_add(&t, "%s wins on %s", name, c->primary->name);
  else if (v == VERDICT_EQUIVALENT)
    text_add(&t, "%s and %s are equivalent on %s within the margin of %g %%", name, second, c->primary->name,
             100 * c->margin);
  else if (value == other) text_add(&t, "%s and %s do not differ on %s", name, second, c->primary->name);
  else if (apart)
    text_add(&t, "%s wins on %s, perhaps by less than the margin of %g %%", name, c->primary->name, 100 * c->margin);
  else
    text_add(&t, "%s leads on %s, but its lead is undecided against the margin of %g %%", name, c->primary->name,
             100 * c->margin);
  const char *unit = spoken(c->primary->unit), *space = gap(unit);
  text_add(&t, ": %s%s%s against %s%s%s of %s", number_text(value).s, space, unit, number_text(other).s, space, unit,
           second);
  if (d.n) {
    text_put(&t, "; ");
    put_lead(&t, c, d, pair, other);
  }
  text_put(&t, ".");
  put_survivors(&t, c, winner, rival);
  return t.s;
}
