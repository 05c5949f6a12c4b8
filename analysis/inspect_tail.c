/* inspect_tail.c: why p99 is what it is.
 *
 * The answered requests of a class that are slower than the tail quantile are held against those around the median (45th
 * to 55th percentile), by where they were on their critical paths: task, place, phase. Paths add up to latencies, so the
 * differences of the means add up to the whole difference. Each slow request has one cause: where it took longest beyond
 * the mean of those around the median. Requests that failed are told apart, by where they ended: they have no latency, and
 * quantiles count them as infinite.
 */
#include "analysis/inspect.h"
#include "analysis/paths.h"
#include "analysis/text.h"
#include "sim/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL = 1, SLOW, SHOWN = 5, NO_PLACE = UINT16_MAX };
static const double NS = 1e-9;

/* Where: task in the pipeline of the class, place, phase. status: of failures. */
struct where_time { uint8_t task, phase, status; uint16_t place; };
struct cell { struct where_time at; double slow_s, usual_s; };

struct own { size_t cell; double s; uint32_t member; };
struct slow {
  uint64_t replication;
  int64_t request, arrived_ns;
  double latency_s;
  size_t n_own; struct own *own;                        /* of its cells */
  size_t cause; uint32_t member;                        /* the cell, and the member that it was at there */
};

struct ranked { size_t run, row; double latency_s; int band; };
struct failures { struct where_time at; size_t n; int64_t request; uint64_t replication; };

struct of_class {
  size_t n_ranked, ranked_room; struct ranked *ranked;
  size_t n_failed, n_failures; struct failures *failures;
  size_t n_cells; struct cell *cell;
  size_t n_slow, n_usual; struct slow *slow;
  double slow_s, usual_s;                               /* sums of latencies */
};

struct tail {
  const struct compared_policy *policy;
  const struct inspect_options *options;
  struct paths names;                                   /* of the first trace */
  size_t n_runs;
  struct of_class *klass;
};

/* ---- first pass: latencies and failures ---------------------------------------------------------------------------- */

static bool same_where(struct where_time a, struct where_time b)
{
  return a.task == b.task && a.phase == b.phase && a.place == b.place && a.status == b.status;
}

static struct where_time where_of(const struct paths *p, const struct path_part *part, int status)
{
  return (struct where_time){part->task, part->phase, (uint8_t)status,
                             part->step >= 0 ? p->step[part->step].place : (uint16_t)NO_PLACE};
}

/* The attempt for which no plan was allowed takes no time, so it is no part of the path: -1 = none. */
static int masked_step(const struct paths *p)
{
  int last = -1;
  for (size_t i = 0; i < p->n_steps; i++)
    if (p->step[i].status == STATUS_MASKED && (last < 0 || p->step[i].ended_ns >= p->step[last].ended_ns)) last = (int)i;
  return last;
}

static void add_failure(struct of_class *c, struct paths *p, size_t row, uint64_t replication)
{
  paths_of(p, row);
  int status = (int)p->requests.at[Q_STATUS][row];
  struct where_time at = {NO_TASK, PHASE_DECIDE, (uint8_t)status, NO_PLACE};
  int masked = status == STATUS_MASKED ? masked_step(p) : -1;
  if (masked >= 0) at.task = p->step[masked].task;
  else if (p->path.n) at = where_of(p, &p->path.part[p->path.n - 1], status);
  size_t i = 0;
  while (i < c->n_failures && !same_where(c->failures[i].at, at)) i++;
  if (i == c->n_failures) {
    c->failures = grab_more(c->failures, ++c->n_failures, sizeof *c->failures);
    c->failures[i] = (struct failures){at, 0, p->requests.at[Q_REQUEST][row], replication};
  }
  c->failures[i].n++;
  c->n_failed++;
}

static void add_answer(struct of_class *c, const struct paths *p, size_t run, size_t row)
{
  if (c->n_ranked == c->ranked_room) {
    c->ranked_room = c->ranked_room ? 2 * c->ranked_room : 1024;
    c->ranked = grab_more(c->ranked, c->ranked_room, sizeof *c->ranked);
  }
  double latency_s = (double)(p->requests.at[Q_COMPLETED][row] - p->requests.at[Q_ARRIVED][row]) * NS;
  c->ranked[c->n_ranked++] = (struct ranked){run, row, latency_s, 0};
}

static void look_at(struct tail *t, struct paths *p, size_t run)
{
  for (size_t row = 0; row < p->requests.rows; row++) {
    if (!p->requests.at[Q_MEASURED][row]) continue;
    struct of_class *c = &t->klass[p->requests.at[Q_CLASS][row]];
    if (status_has_answer(p->requests.at[Q_STATUS][row])) add_answer(c, p, run, row);
    else add_failure(c, p, row, t->policy->replication[run]);
  }
}

/* ---- bands ----------------------------------------------------------------------------------------------------------- */

static int by_latency(const void *a, const void *b)
{
  const struct ranked *x = a, *y = b;
  if (x->latency_s != y->latency_s) return (x->latency_s > y->latency_s) - (x->latency_s < y->latency_s);
  return x->run != y->run ? (x->run > y->run) - (x->run < y->run) : (x->row > y->row) - (x->row < y->row);
}

static void set_bands(struct of_class *c, double tail)
{
  if (c->n_ranked) qsort(c->ranked, c->n_ranked, sizeof *c->ranked, by_latency);
  for (size_t i = 0; i < c->n_ranked; i++) {
    double rank = ((double)i + .5) / (double)c->n_ranked;
    c->ranked[i].band = rank > tail ? SLOW : rank > .45 && rank < .55 ? USUAL : 0;
  }
}

/* Order statistic of rank ceil(q n); failed ones rank last. */
static double quantile_s(const struct of_class *c, double q)
{
  size_t n = c->n_ranked + c->n_failed, rank = (size_t)ceil(q * (double)n);
  if (!n) return NAN;
  if (rank == 0) rank = 1;
  return rank <= c->n_ranked ? c->ranked[rank - 1].latency_s : INFINITY;
}

/* ---- second pass: where they were ------------------------------------------------------------------------------------ */

static size_t cell_at(struct of_class *c, struct where_time at)
{
  size_t i = 0;
  while (i < c->n_cells && !same_where(c->cell[i].at, at)) i++;
  if (i < c->n_cells) return i;
  c->cell = grab_more(c->cell, ++c->n_cells, sizeof *c->cell);
  c->cell[i] = (struct cell){at, 0, 0};
  return i;
}

static void add_own(struct slow *s, size_t cell, double seconds, uint32_t member)
{
  size_t i = 0;
  while (i < s->n_own && s->own[i].cell != cell) i++;
  if (i == s->n_own) {
    s->own = grab_more(s->own, ++s->n_own, sizeof *s->own);
    s->own[i] = (struct own){cell, 0, member};
  }
  s->own[i].s += seconds;
}

static void add_slow(struct tail *t, struct of_class *c, struct paths *p, const struct ranked *r)
{
  c->slow = grab_more(c->slow, c->n_slow + 1, sizeof *c->slow);
  struct slow *s = &c->slow[c->n_slow++];
  *s = (struct slow){.replication = t->policy->replication[r->run], .request = p->requests.at[Q_REQUEST][r->row],
                     .arrived_ns = p->requests.at[Q_ARRIVED][r->row], .latency_s = r->latency_s};
  c->slow_s += r->latency_s;
  for (size_t i = 0; i < p->path.n; i++) {
    const struct path_part *part = &p->path.part[i];
    double seconds = (double)(part->to_ns - part->from_ns) * NS;
    size_t cell = cell_at(c, where_of(p, part, 0));
    c->cell[cell].slow_s += seconds;
    add_own(s, cell, seconds, part->step >= 0 ? p->step[part->step].member : 0);
  }
}

static void add_usual(struct of_class *c, const struct paths *p, const struct ranked *r)
{
  c->n_usual++;
  c->usual_s += r->latency_s;
  for (size_t i = 0; i < p->path.n; i++) {
    const struct path_part *part = &p->path.part[i];
    size_t cell = cell_at(c, where_of(p, part, 0));
    c->cell[cell].usual_s += (double)(part->to_ns - part->from_ns) * NS;
  }
}

static void add_bands(struct tail *t, struct paths *p, size_t run)
{
  for (size_t k = 0; k < t->names.n_classes; k++)
    for (size_t i = 0; i < t->klass[k].n_ranked; i++) {
      const struct ranked *r = &t->klass[k].ranked[i];
      if (r->run != run || !r->band) continue;
      paths_of(p, r->row);
      if (r->band == SLOW) add_slow(t, &t->klass[k], p, r);
      else add_usual(&t->klass[k], p, r);
    }
}

static double usual_mean_s(const struct of_class *c, size_t cell)
{
  return c->n_usual ? c->cell[cell].usual_s / (double)c->n_usual : 0;
}

static void find_cause(const struct of_class *c, struct slow *s)
{
  double most_s = -INFINITY;
  for (size_t i = 0; i < s->n_own; i++) {
    double beyond_s = s->own[i].s - usual_mean_s(c, s->own[i].cell);
    if (beyond_s > most_s) s->cause = s->own[i].cell, s->member = s->own[i].member, most_s = beyond_s;
  }
}

/* ---- what is told ------------------------------------------------------------------------------------------------------ */

struct cause { size_t cell, n; int64_t first_ns, last_ns; uint32_t member; size_t at_member, slowest[SHOWN], n_slowest; };

static void note_slowest(const struct of_class *c, struct cause *k, size_t i)
{
  size_t at = k->n_slowest;
  while (at > 0 && c->slow[k->slowest[at - 1]].latency_s < c->slow[i].latency_s) at--;
  if (at == SHOWN) return;
  if (k->n_slowest < SHOWN) k->n_slowest++;
  for (size_t j = k->n_slowest - 1; j > at; j--) k->slowest[j] = k->slowest[j - 1];
  k->slowest[at] = i;
}

static int by_requests(const void *a, const void *b)
{
  const struct cause *x = a, *y = b;
  return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : (x->cell > y->cell) - (x->cell < y->cell);
}

static int by_member(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* The member of the place that most of them were at. */
static void find_member(const struct of_class *c, struct cause *k)
{
  uint32_t *member = grab(c->n_slow, sizeof *member);
  size_t n = 0;
  for (size_t i = 0; i < c->n_slow; i++)
    if (c->slow[i].cause == k->cell) member[n++] = c->slow[i].member;
  qsort(member, n, sizeof *member, by_member);
  for (size_t i = 0, from = 0; i < n; i++) {
    if (member[i] != member[from]) from = i;
    if (i - from + 1 > k->at_member) k->at_member = i - from + 1, k->member = member[i];
  }
  free(member);
}

/* By the number of slow requests; caller frees. */
static struct cause *causes_of(const struct of_class *c, size_t *n)
{
  struct cause *all = grab(c->n_slow, sizeof *all);
  *n = 0;
  for (size_t i = 0; i < c->n_slow; i++) {
    size_t k = 0;
    while (k < *n && all[k].cell != c->slow[i].cause) k++;
    if (k == *n) all[(*n)++] = (struct cause){.cell = c->slow[i].cause, .first_ns = INT64_MAX, .last_ns = INT64_MIN};
    all[k].n++;
    if (c->slow[i].arrived_ns < all[k].first_ns) all[k].first_ns = c->slow[i].arrived_ns;
    if (c->slow[i].arrived_ns > all[k].last_ns) all[k].last_ns = c->slow[i].arrived_ns;
    note_slowest(c, &all[k], i);
  }
  for (size_t k = 0; k < *n; k++) find_member(c, &all[k]);
  qsort(all, *n, sizeof *all, by_requests);
  return all;
}

static const char *place_name(const struct tail *t, struct where_time at)
{
  return at.place < t->names.n_places ? t->names.place[at.place] : "-";
}

static double excess_s(const struct of_class *c, size_t cell)
{
  double s = c->cell[cell].slow_s / (double)c->n_slow - usual_mean_s(c, cell);
  return fabs(s) < NS / 2 ? 0 : s;                      /* of equal times, what rounding leaves */
}

static double whole_excess_s(const struct of_class *c)
{
  return c->slow_s / (double)c->n_slow - c->usual_s / (double)c->n_usual;
}

struct line { size_t cell; double excess_s; };
static int by_excess(const void *a, const void *b)
{
  const struct line *x = a, *y = b;
  if (x->excess_s != y->excess_s) return (x->excess_s < y->excess_s) - (x->excess_s > y->excess_s);
  return (x->cell > y->cell) - (x->cell < y->cell);
}

/* Cells by what they add to the difference; caller frees. */
static struct line *lines_of(const struct of_class *c)
{
  struct line *line = grab(c->n_cells, sizeof *line);
  for (size_t i = 0; i < c->n_cells; i++) line[i] = (struct line){i, excess_s(c, i)};
  qsort(line, c->n_cells, sizeof *line, by_excess);
  return line;
}

struct told { const struct tail *t; const struct of_class *c; size_t klass; FILE *f; };

static const char *task_name(const struct told *o, struct where_time at) { return paths_task(&o->t->names, o->klass, at.task); }

static void print_lines(const struct told *o)
{
  const struct of_class *c = o->c;
  struct line *line = lines_of(c);
  struct table *table = table_new(7);
  const char *const head[] = {"task", "place", "phase", "tail, mean s", "median band, mean s", "excess s", "share of excess"};
  for (int i = 0; i < 7; i++) table_cell(table, "%s", head[i]);
  table_rule(table);
  for (size_t i = 0; i < c->n_cells; i++) {
    const struct cell *cell = &c->cell[line[i].cell];
    table_cell(table, "%s", task_name(o, cell->at));
    table_cell(table, "%s", place_name(o->t, cell->at));
    table_cell(table, "%s", path_phase_name(cell->at.phase));
    table_cell(table, "%s", number_text(cell->slow_s / (double)c->n_slow).s);
    table_cell(table, "%s", number_text(usual_mean_s(c, line[i].cell)).s);
    table_cell(table, "%s", number_text(line[i].excess_s).s);
    table_cell(table, "%s", percent_text(line[i].excess_s, whole_excess_s(c)).s);
  }
  table_print(table, o->f, 3);
  free(line);
}

static void print_cause(const struct told *o, const struct cause *k)
{
  const struct of_class *c = o->c;
  struct where_time at = c->cell[k->cell].at;
  fprintf(o->f, "  %zu of %zu: %s of %s at %s", k->n, c->n_slow, path_phase_name(at.phase), task_name(o, at), place_name(o->t, at));
  if (at.place < o->t->names.n_places && (k->member > 0 || k->at_member < k->n)) fprintf(o->f, " (%zu at member %u)", k->at_member, k->member);
  fprintf(o->f, "; arrived %s to %s s; slowest", number_text((double)k->first_ns * NS).s, number_text((double)k->last_ns * NS).s);
  for (size_t i = 0; i < k->n_slowest; i++) {
    const struct slow *s = &c->slow[k->slowest[i]];
    fprintf(o->f, "%s request %lld", i ? "," : "", (long long)s->request);
    if (o->t->n_runs > 1) fprintf(o->f, " of replication %llu", (unsigned long long)s->replication);
    fprintf(o->f, " (%s s)", number_text(s->latency_s).s);
  }
  fputc('\n', o->f);
}

static void print_failures(const struct told *o)
{
  const struct of_class *c = o->c;
  if (!c->n_failed) return;
  fprintf(o->f, "%zu of %zu requests (%.2g %%) have no answer and rank as infinite:\n", c->n_failed, c->n_failed + c->n_ranked,
          100 * (double)c->n_failed / (double)(c->n_failed + c->n_ranked));
  for (size_t i = 0; i < c->n_failures; i++) {
    const struct failures *x = &c->failures[i];
    if (x->at.status == STATUS_MASKED)
      fprintf(o->f, "  %zu: masked at %s: no place is allowed for it", x->n, task_name(o, x->at));
    else
      fprintf(o->f, "  %zu: %s in %s of %s at %s", x->n, status_name[x->at.status], path_phase_name(x->at.phase),
              task_name(o, x->at), place_name(o->t, x->at));
    fprintf(o->f, "; the first is request %lld", (long long)x->request);
    if (o->t->n_runs > 1) fprintf(o->f, " of replication %llu", (unsigned long long)x->replication);
    fputc('\n', o->f);
  }
}

/* Where too many have failed, no answer has that rank. */
static void print_rank(FILE *f, const struct of_class *c, double q)
{
  double s = quantile_s(c, q);
  if (isinf(s)) fputs("of a request without an answer", f);
  else fprintf(f, "%s s", number_text(s).s);
}

static void print_answer(const struct told *o, double tail)
{
  const struct of_class *c = o->c;
  size_t n;
  struct cause *cause = causes_of(c, &n);
  struct line *line = lines_of(c);
  struct where_time at = c->cell[line[0].cell].at;
  fprintf(o->f, "class %s: p%g is ", o->t->names.klass[o->klass], 100 * tail);
  print_rank(o->f, c, tail);
  fputs(", the median ", o->f);
  print_rank(o->f, c, .5);
  fprintf(o->f, ". %zu requests beyond p%g of those answered take %s s longer than the %zu around the median;\n"
          "%.1f %% of that is %s of %s at %s.\n", c->n_slow, 100 * tail, number_text(whole_excess_s(c)).s, c->n_usual, 100 * line[0].excess_s / whole_excess_s(c),
          path_phase_name(at.phase), task_name(o, at), place_name(o->t, at));
  print_failures(o);
  fputs("where each of the slow ones took longest beyond the usual:\n", o->f);
  for (size_t i = 0; i < n; i++) print_cause(o, &cause[i]);
  fputc('\n', o->f);
  print_lines(o);
  fputc('\n', o->f);
  free(line);
  free(cause);
}

static void print_class(const struct told *o, double tail)
{
  if (o->c->n_slow && o->c->n_usual) {
    print_answer(o, tail);
    return;
  }
  fprintf(o->f, "class %s: too few completed requests for this tail\n", o->t->names.klass[o->klass]);
  print_failures(o);
  fputc('\n', o->f);
}

/* ---- the same as JSON -------------------------------------------------------------------------------------------------- */

static json *where_json(const struct told *o, struct where_time at)
{
  json *x = json_put_string(json_new_object(), "task", task_name(o, at));
  json_put_string(x, "place", place_name(o->t, at));
  return json_put_string(x, "phase", path_phase_name(at.phase));
}

static json *cells_json(const struct told *o)
{
  const struct of_class *c = o->c;
  json *list = json_new_array();
  struct line *line = lines_of(c);
  for (size_t i = 0; i < c->n_cells; i++) {
    json *x = where_json(o, c->cell[line[i].cell].at);
    json_put_number(x, "tail_s", c->cell[line[i].cell].slow_s / (double)c->n_slow);
    json_put_number(x, "usual_s", usual_mean_s(c, line[i].cell));
    json_put_number(x, "excess_s", line[i].excess_s);
    json_push(list, json_put_number(x, "share", line[i].excess_s / whole_excess_s(c)));
  }
  free(line);
  return list;
}

static json *slowest_json(const struct of_class *c, const struct cause *k)
{
  json *list = json_new_array();
  for (size_t i = 0; i < k->n_slowest; i++) {
    const struct slow *s = &c->slow[k->slowest[i]];
    json *x = json_put_int(json_new_object(), "request", s->request);
    json_put_int(x, "replication", (int64_t)s->replication);
    json_push(list, json_put_number(x, "latency_s", s->latency_s));
  }
  return list;
}

static json *causes_json(const struct told *o)
{
  json *list = json_new_array();
  size_t n;
  struct cause *cause = causes_of(o->c, &n);
  for (size_t i = 0; i < n; i++) {
    json *x = where_json(o, o->c->cell[cause[i].cell].at);
    json_put_int(x, "requests", (int64_t)cause[i].n);
    json_put_int(x, "member", cause[i].member);
    json_put_int(x, "requests_at_member", (int64_t)cause[i].at_member);
    json_put_number(x, "first_arrived_s", (double)cause[i].first_ns * NS);
    json_put_number(x, "last_arrived_s", (double)cause[i].last_ns * NS);
    json_push(list, json_put(x, "slowest", slowest_json(o->c, &cause[i])));
  }
  free(cause);
  return list;
}

static json *failures_json(const struct told *o)
{
  json *list = json_new_array();
  for (size_t i = 0; i < o->c->n_failures; i++) {
    const struct failures *f = &o->c->failures[i];
    json *x = where_json(o, f->at);
    json_put_string(x, "status", status_name[f->at.status]);
    json_push(list, json_put_int(x, "requests", (int64_t)f->n));
  }
  return list;
}

static json *class_json(const struct told *o, double tail)
{
  const struct of_class *c = o->c;
  json *x = json_put_string(json_new_object(), "class", o->t->names.klass[o->klass]);
  json_put_int(x, "answered", (int64_t)c->n_ranked);
  json_put_int(x, "failed", (int64_t)c->n_failed);
  json_put_int(x, "slow", (int64_t)c->n_slow);
  json_put_int(x, "usual", (int64_t)c->n_usual);
  json_put_number(x, "tail_s", quantile_s(c, tail));
  json_put_number(x, "median_s", quantile_s(c, .5));
  bool enough = c->n_slow && c->n_usual;
  json_put_number(x, "excess_s", enough ? whole_excess_s(c) : NAN);
  json_put(x, "cells", enough ? cells_json(o) : json_new_array());
  json_put(x, "causes", enough ? causes_json(o) : json_new_array());
  return json_put(x, "failures", failures_json(o));
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

static bool each_run(struct tail *t, void (*see)(struct tail *, struct paths *, size_t run), struct err *err)
{
  bool ok = true;
  t->n_runs = 0;
  for (size_t i = 0; ok && i < t->policy->n; i++) {
    if (!*t->policy->trace[i]) continue;
    if (t->options->replication_given && t->policy->replication[i] != t->options->replication) continue;
    struct paths p;
    ok = paths_open(&p, t->policy->trace[i], err);
    if (ok) see(t, &p, i), t->n_runs++;
    paths_close(&p);
  }
  return ok;
}

static bool open_names(struct tail *t, struct err *err)
{
  uint64_t replication;
  const char *file = inspect_trace(t->policy, t->options, &replication, err);
  return file && paths_open(&t->names, file, err);
}

static bool class_known(const struct tail *t, struct err *err)
{
  const char *name = t->options->klass;
  for (size_t k = 0; k < t->names.n_classes; k++)
    if (!name || !strcmp(name, t->names.klass[k])) return true;
  const char *near = nearest(name, t->names.klass, t->names.n_classes);
  return err_add(err, (struct where){0}, "unknown class '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
                 near ? "'?" : "");
}

static void tell_json(const struct tail *t, FILE *f)
{
  const struct inspect_options *o = t->options;
  json *all = json_put_string(json_new_object(), "policy", t->policy->name), *list = json_new_array();
  json_put_number(all, "tail", o->tail);
  json_put_int(all, "replications", (int64_t)t->n_runs);
  for (size_t k = 0; k < t->names.n_classes; k++)
    if (!o->klass || !strcmp(o->klass, t->names.klass[k]))
      json_push(list, class_json(&(struct told){t, &t->klass[k], k, f}, o->tail));
  char *text = json_write(json_put(all, "classes", list), true);
  fprintf(f, "%s\n", text);
  free(text);
  json_release(all);
}

static void tell(const struct tail *t, FILE *f)
{
  const struct inspect_options *o = t->options;
  fprintf(f, "policy %s, %zu replication%s\n\n", t->policy->name, t->n_runs, t->n_runs == 1 ? "" : "s");
  for (size_t k = 0; k < t->names.n_classes; k++)
    if (!o->klass || !strcmp(o->klass, t->names.klass[k])) print_class(&(struct told){t, &t->klass[k], k, f}, o->tail);
}

static void tail_free(struct tail *t)
{
  for (size_t k = 0; t->klass && k < t->names.n_classes; k++) {
    struct of_class *c = &t->klass[k];
    for (size_t i = 0; i < c->n_slow; i++) free(c->slow[i].own);
    free(c->slow), free(c->cell), free(c->failures), free(c->ranked);
  }
  free(t->klass);
  paths_close(&t->names);
}

bool inspect_tail(const struct comparison *c, const struct inspect_options *o, FILE *f, struct err *err)
{
  struct tail t = {.policy = inspect_policy(c, o->policy, err), .options = o};
  bool ok = t.policy && open_names(&t, err) && class_known(&t, err);
  if (ok) t.klass = grab(t.names.n_classes, sizeof *t.klass);
  ok = ok && each_run(&t, look_at, err);
  for (size_t k = 0; ok && k < t.names.n_classes; k++) set_bands(&t.klass[k], o->tail);
  ok = ok && each_run(&t, add_bands, err);
  for (size_t k = 0; ok && k < t.names.n_classes; k++)
    for (size_t i = 0; i < t.klass[k].n_slow; i++) find_cause(&t.klass[k], &t.klass[k].slow[i]);
  if (ok && o->json) tell_json(&t, f);
  else if (ok) tell(&t, f);
  tail_free(&t);
  return ok;
}
