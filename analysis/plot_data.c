/* plot_data.c: the numbers of each figure.
 *
 * A data file has one block a line of the figure (two blank lines between), in the order of the arrays in the head.
 * Curves over replications: distributions are pooled; time courses are means over replications; regret has the Student
 * t band of the replications. Regret after k requests = sum over the first k (by arrival) of
 * reward(comparator) - reward(policy), joined by request.
 */
#include "analysis/plot_data.h"
#include "analysis/columns.h"
#include "analysis/gp.h"
#include "analysis/store/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 60, REGRET_POINTS = 200 };

/* ---- heads --------------------------------------------------------------------------------------------------------
 */

static void put_names(struct figure *f, const char *variable, const char *const *name, size_t n)
{
  text_add(&f->head, "array %s[%zu] = [", variable, n);
  for (size_t k = 0; k < n; k++) {
    text_put(&f->head, k ? ", " : "");
    gp_tick(&f->head, name[k]);
  }
  text_put(&f->head, "]\n");
}

static void put_numbers(struct figure *f, const char *variable, const size_t *x, size_t n)
{
  text_add(&f->head, "array %s[%zu] = [", variable, n);
  for (size_t k = 0; k < n; k++) text_add(&f->head, "%s%zu", k ? ", " : "", x[k]);
  text_put(&f->head, "]\n");
}

void plot_put_policies(const struct plotting *p, struct figure *f)
{
  const char **name = grab(p->n, sizeof *name);
  for (size_t k = 0; k < p->n; k++) name[k] = p->c->policy[p->chosen[k]].name;
  text_add(&f->head, "n = %zu\n", p->n);
  put_names(f, "name", name, p->n);
  put_numbers(f, "slot", p->chosen, p->n);
  free(name);
}

/* Empty blocks would not count for gnuplot: the next policy's would stand under this one's name. */
static void end_block_from(struct figure *f, size_t from)
{
  if (f->data.n == from) text_put(&f->data, "NaN NaN NaN NaN\n");
  text_put(&f->data, "\n\n");
}

/* The block that equals the one from `from` on; SIZE_MAX = none. */
static size_t equal_block(const struct curves *c, const struct figure *f, size_t from)
{
  size_t length = f->data.n - from;
  for (size_t b = 0; b < c->n_blocks; b++) {
    size_t end = b + 1 < c->n_blocks ? c->from[b + 1] : from;
    if (end - c->from[b] == length && !memcmp(f->data.s + c->from[b], f->data.s + from, length)) return b;
  }
  return SIZE_MAX;
}

/* Where the row of a twin goes: behind the last row of its block. */
static size_t row_of(const struct curves *c, size_t block)
{
  size_t row = c->n;
  while (block < c->n_blocks && row && c->block[row - 1] != block) row--;
  return row;
}

static void put_row(struct curves *c, size_t row, const char *name, size_t slot, size_t block)
{
  c->slot = grab_more(c->slot, c->n + 1, sizeof *c->slot);
  c->block = grab_more(c->block, c->n + 1, sizeof *c->block);
  c->label = grab_more(c->label, c->n + 1, sizeof *c->label);
  for (size_t k = c->n++; k > row; k--)
    c->slot[k] = c->slot[k - 1], c->block[k] = c->block[k - 1], c->label[k] = c->label[k - 1];
  c->slot[row] = slot, c->block[row] = block, c->label[row] = (struct text){0};
  text_put(&c->label[row], name);
}

void curves_add(struct curves *c, struct figure *f, size_t from, const char *name, size_t slot)
{
  end_block_from(f, from);
  size_t twin = equal_block(c, f, from), row = row_of(c, twin);
  if (twin == SIZE_MAX) {
    c->from = grab_more(c->from, c->n_blocks + 1, sizeof *c->from);
    c->from[c->n_blocks] = from;
    put_row(c, row, name, slot, c->n_blocks++);
    return;
  }
  struct text label = {0};
  text_add(&label, "= %s", name);
  put_row(c, row, label.s, c->slot[row - 1], twin);
  free(label.s);
  f->data.s[f->data.n = from] = 0;
}

void curves_put(struct curves *c, struct figure *f)
{
  const char **name = grab(c->n, sizeof *name);
  for (size_t k = 0; k < c->n; k++) name[k] = c->label[k].s;
  text_add(&f->head, "n = %zu\n", c->n);
  put_names(f, "name", name, c->n);
  put_numbers(f, "slot", c->slot, c->n);
  put_numbers(f, "block", c->block, c->n);
  for (size_t k = 0; k < c->n; k++) free(c->label[k].s);
  free(name);
  free(c->label);
  free(c->slot);
  free(c->block);
  free(c->from);
}

static const struct compared_policy *chosen(const struct plotting *p, size_t k) { return &p->c->policy[p->chosen[k]]; }

static struct interval interval_of(const struct compared_policy *p, const char *metric)
{
  const struct compared_metric *m = comparison_metric(p, metric, "", "");
  return m ? m->interval : (struct interval){NAN, NAN, NAN, 0, "t"};
}

static double mean_of(const struct compared_policy *p, const char *metric) { return interval_of(p, metric).value; }

static void end_block(struct figure *f) { text_put(&f->data, "\n\n"); }

/* Keeps the policies that `has` something to show, at least one; the others are named below the figure, with the reason. */
static bool keep_shown(struct plotting *p, struct figure *f, bool (*has)(const struct compared_policy *, const char *metric),
                       const char *metric, const char *why, struct err *err)
{
  struct text left_out = {0};
  size_t n = 0;
  for (size_t k = 0; k < p->n; k++)
    if (has(chosen(p, k), metric)) p->chosen[n++] = p->chosen[k];
    else text_add(&left_out, "%s%s", left_out.n ? ", " : "", chosen(p, k)->name);
  if (left_out.n) text_add(&left_out, " not drawn: %s", why);
  if (n && left_out.n) figure_text(f, "left_out", left_out.s);
  else if (!n) err_add(err, (struct where){0}, "nothing to draw: %s", left_out.s ? left_out.s : "no policy");
  free(left_out.s);
  p->n = n;
  return n > 0;
}

/* ---- latency, ccdf ------------------------------------------------------------------------------------------------
 */

static int ascending(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

size_t thin_ranks(uint64_t n, uint64_t rank[MAX_POINTS])
{
  size_t m = 0, unique = 0;
  if (n <= MAX_POINTS) {
    for (; m < n; m++) rank[m] = m + 1;
    return m;
  }
  uint64_t body = n - EXACT_TAIL;
  size_t half = (MAX_POINTS - EXACT_TAIL) / 2;
  for (size_t k = 0; k < half; k++) rank[m++] = 1 + (uint64_t)((double)(body - 1) * (double)k / (double)(half - 1));
  double span = log((double)(n - 1) / EXACT_TAIL);
  for (size_t k = 0; k < half; k++) {
    double beyond = EXACT_TAIL * exp(span * (double)k / (double)(half - 1));
    rank[m++] = n - (uint64_t)beyond;
  }
  for (uint64_t r = body + 1; r <= n; r++) rank[m++] = r;
  qsort(rank, m, sizeof *rank, ascending);
  for (size_t k = 0; k < m; k++)
    if (!unique || rank[k] != rank[unique - 1]) rank[unique++] = rank[k];
  return unique;
}

static struct quantiles *pooled_latency(const struct compared_policy *p, struct err *err)
{
  struct quantiles *all = quantiles_new();
  for (size_t i = 0; i < p->n; i++) {
    if (!p->sketch[i]) continue;
    struct quantiles *one = quantiles_load(p->sketch[i], p->sketch_bytes[i]);
    if (!one) {
      err_system(err, "damaged latency sketch of run %s", p->run_id[i]);
      quantiles_free(all);
      return NULL;
    }
    quantiles_merge(all, one);
    quantiles_free(one);
  }
  return all;
}

/* Lines "latency share": F of the value of rank r is r/n; the complement at it is P(X >= x) = (n - r + 1)/n. Are all
 * latencies finite: did no request fail? */
static bool put_curve(struct figure *f, struct quantiles *q, bool complement)
{
  uint64_t rank[MAX_POINTS], n = quantiles_n(q);
  size_t m = thin_ranks(n, rank), k = 0;
  for (; k < m; k++) {
    double x = quantile_of(q, ((double)rank[k] - .5) / (double)n);
    if (!isfinite(x)) break;
    uint64_t share = complement ? n - rank[k] + 1 : rank[k];
    text_add(&f->data, "%.9g %.9g\n", x, (double)share / (double)n);
  }
  return k == m;
}

static bool put_curves(const struct plotting *p, struct figure *f, bool complement, struct err *err)
{
  uint64_t largest = 1;
  bool ok = true, none_failed = true;
  struct curves curves = {0};
  for (size_t k = 0; ok && k < p->n; k++) {
    size_t from = f->data.n;
    struct quantiles *q = pooled_latency(chosen(p, k), err);
    if (!(ok = q != NULL)) break;
    if (quantiles_n(q) > largest) largest = quantiles_n(q);
    none_failed = put_curve(f, q, complement) && none_failed;
    curves_add(&curves, f, from, chosen(p, k)->name, p->chosen[k]);
    quantiles_free(q);
  }
  curves_put(&curves, f);
  figure_number(f, "smallest_share", 1 / (double)largest);
  text_add(&f->head, "some_failed = %d\n", !none_failed);
  return ok;
}

bool data_latency(const struct plotting *p, struct figure *f, struct err *err) { return put_curves(p, f, false, err); }
bool data_ccdf(const struct plotting *p, struct figure *f, struct err *err) { return put_curves(p, f, true, err); }

/* ---- phases -------------------------------------------------------------------------------------------------------
 */

static bool has_value(const struct compared_policy *p, const char *metric) { return isfinite(mean_of(p, metric)); }

/* One block a phase: "row from to"; a last block: "row latency_mean lo hi". Rows count from the bottom. */
bool data_phases(const struct plotting *asked, struct figure *f, struct err *err)
{
  struct plotting shown = *asked, *p = &shown;
  static const char *const metric[] = {"decide_mean_s", "uplink_mean_s", "queue_wait_mean_s", "cold_start_mean_s",
                                       "batch_wait_mean_s", "service_mean_s", "downlink_mean_s"};
  static const char *const label[] = {"decide", "uplink", "queue", "cold start", "batch", "serve", "downlink"};
  enum { N = sizeof metric / sizeof *metric };
  if (!keep_shown(p, f, has_value, "service_mean_s", "no phases are known of it", err)) return false;
  plot_put_policies(p, f);
  figure_number(f, "height_px", (double)(110 + 32 * p->n));
  text_add(&f->head, "n_phases = %d\n", N);
  put_names(f, "phase", label, N);
  double *from = grab(p->n, sizeof *from);
  for (size_t m = 0; m < N; m++) {
    double largest = 0;
    for (size_t k = 0; k < p->n; k++) {
      double x = mean_of(chosen(p, k), metric[m]), width = isfinite(x) ? x : 0;
      text_add(&f->data, "%zu %.9g %.9g\n", p->n - k, from[k], from[k] + width);
      from[k] += width;
      if (width > largest) largest = width;
    }
    end_block(f);
    text_add(&f->head, "phase_%zu = %d\n", m + 1, largest > 0);
  }
  for (size_t k = 0; k < p->n; k++) {
    struct interval i = interval_of(chosen(p, k), "latency_mean_s");
    text_add(&f->data, "%zu %.9g %.9g %.9g\n", p->n - k, i.value, isnan(i.lo) ? i.value : i.lo,
             isnan(i.hi) ? i.value : i.hi);
  }
  free(from);
  return true;
}

/* ---- pareto -------------------------------------------------------------------------------------------------------
 */

static void put_interval(struct figure *f, struct interval i)
{
  bool half = isfinite(i.lo) && isfinite(i.hi);
  text_add(&f->data, " %.9g %.9g %.9g", i.value, half ? i.lo : i.value, half ? i.hi : i.value);
}

/* The smallest of 1, 2, 2.5, 5 x 10^k that is not below x > 0. */
static double round_step(double x)
{
  double unit = pow(10, floor(log10(x)));
  return unit * (x <= unit ? 1 : x <= 2 * unit ? 2 : x <= 2.5 * unit ? 2.5 : x <= 5 * unit ? 5 : 10);
}

/* One axis: AXIS_log (when positive values span more than a factor of 20), AXIS_lo and AXIS_hi (whole intervals with
 * room around them), AXIS_step (three or four tics: panels are narrow). */
static void put_axis(const struct plotting *p, struct figure *f, const char *axis, const char *metric)
{
  double least = INFINITY, most = -INFINITY, lo = INFINITY, hi = -INFINITY;
  for (size_t k = 0; k < p->n; k++) {
    struct interval i = interval_of(chosen(p, k), metric);
    if (!isfinite(i.value)) continue;
    bool half = isfinite(i.lo) && isfinite(i.hi);
    least = fmin(least, i.value), most = fmax(most, i.value);
    lo = fmin(lo, half ? i.lo : i.value), hi = fmax(hi, half ? i.hi : i.value);
  }
  if (!isfinite(lo)) least = most = lo = hi = 0;
  bool logarithmic = least > 0 && most / least > 20;
  double room = hi > lo ? .06 * (hi - lo) : hi != 0 ? .1 * fabs(hi) : 1;
  text_add(&f->head, "%s_log = %d\n", axis, logarithmic);
  text_add(&f->head, "%s_lo = %.10g\n", axis, logarithmic ? least / 1.6 : lo - room);
  text_add(&f->head, "%s_hi = %.10g\n", axis, logarithmic ? hi * 1.3 : hi + room);
  text_add(&f->head, "%s_step = %.10g\n", axis, round_step((hi > lo ? hi - lo : 2 * room) / 4));
}

/* The axis of latency, or of the metric that was asked for. */
static const struct metric_info *y_metric(const struct plotting *p, struct err *err)
{
  const char *name = p->o->metric ? p->o->metric : "latency_mean_s";
  const struct metric_info *y = metric_find(name);
  if (!y) err_add(err, (struct where){0}, "unknown metric '%s'", name);
  return y;
}

static void put_y(const struct plotting *p, struct figure *f, const struct metric_info *y)
{
  struct text label = {0};
  text_add(&label, "%s (%s)", y->name, y->unit);
  figure_text(f, "y_label", label.s);
  free(label.s);
  put_axis(p, f, "y", y->name);
}

static const char money[] = "cost_total_usd_per_1k_requests", energy[] = "energy_total_j_per_request";

static bool has_point(const struct compared_policy *p, const char *y)
{
  return has_value(p, y) && (has_value(p, money) || has_value(p, energy));
}

/* One block a policy: latency, money, energy, each with its interval. */
bool data_pareto(const struct plotting *asked, struct figure *f, struct err *err)
{
  struct plotting shown = *asked, *p = &shown;
  const struct metric_info *y = y_metric(p, err);
  if (!y || !keep_shown(p, f, has_point, y->name, "no costs or no such metric is known of it", err)) return false;
  struct curves curves = {0};
  put_y(p, f, y);
  put_axis(p, f, "money", money);
  put_axis(p, f, "energy", energy);
  for (size_t k = 0; k < p->n; k++) {
    size_t from = f->data.n;
    put_interval(f, interval_of(chosen(p, k), y->name));
    put_interval(f, interval_of(chosen(p, k), money));
    put_interval(f, interval_of(chosen(p, k), energy));
    text_put(&f->data, "\n");
    curves_add(&curves, f, from, chosen(p, k)->name, p->chosen[k]);
  }
  curves_put(&curves, f);
  return true;
}

/* ---- exposure -----------------------------------------------------------------------------------------------------
 */

static const char exposure[] = "exposure_bytes_per_request";

static bool is_exposed(const struct compared_policy *p, const char *y) { return has_value(p, y) && has_value(p, exposure); }

/* Zero has no logarithm: it stands at `zero`, left of all that is more. */
static double put_exposure_axis(const struct plotting *p, struct figure *f)
{
  double least = INFINITY, most = 0;
  bool none = false;
  for (size_t k = 0; k < p->n; k++) {
    double x = mean_of(chosen(p, k), exposure);
    if (x > 0) least = fmin(least, x), most = fmax(most, x);
    else none = true;
  }
  double zero = isfinite(least) ? least / 4 : 1;
  text_add(&f->head, "x_none = %d\nx_zero = %.10g\nx_lo = %.10g\nx_hi = %.10g\n", none, zero, none ? zero / 1.6 : least / 1.6,
           most > 0 ? most * 1.6 : 10);
  return zero;
}

static struct interval at_least(struct interval i, double least)
{
  return (struct interval){.value = fmax(i.value, least), .lo = fmax(i.lo, least), .hi = fmax(i.hi, least), .n = i.n};
}

/* Those that no other one beats in both, by exposure: the steps of the front. A metric of no better side has none. */
static void put_front(const struct plotting *p, struct figure *f, const struct metric_info *y, double zero)
{
  double best = INFINITY, sign = y->better > 0 ? -1 : 1;
  size_t n = 0;
  for (double beyond = -1;;) {
    double x = INFINITY, low = INFINITY;
    for (size_t k = 0; k < p->n; k++) {
      double a = mean_of(chosen(p, k), exposure), b = sign * mean_of(chosen(p, k), y->name);
      if (a > beyond && (a < x || (a <= x && b < low))) x = a, low = b;
    }
    if (!isfinite(x) || !y->better) break;
    if (low < best) n++, text_add(&f->data, "%.9g %.9g\n", fmax(x, zero), sign * low);
    best = fmin(best, low);
    beyond = x;
  }
  if (!n) text_put(&f->data, "NaN NaN\n");
  end_block(f);
  text_add(&f->head, "n_front = %zu\n", n);
}

/* One block a policy: the metric and the exposure, each with its interval; then the front. */
bool data_exposure(const struct plotting *asked, struct figure *f, struct err *err)
{
  struct plotting shown = *asked, *p = &shown;
  const struct metric_info *y = y_metric(p, err);
  if (!y || !keep_shown(p, f, is_exposed, y->name, "nobody says what its data are, or no such metric is known of it", err)) return false;
  struct curves curves = {0};
  put_y(p, f, y);
  double zero = put_exposure_axis(p, f);
  put_front(p, f, y, zero);
  for (size_t k = 0; k < p->n; k++) {
    size_t from = f->data.n;
    put_interval(f, interval_of(chosen(p, k), y->name));
    put_interval(f, at_least(interval_of(chosen(p, k), exposure), zero));
    text_put(&f->data, "\n");
    curves_add(&curves, f, from, chosen(p, k)->name, p->chosen[k]);
  }
  curves_put(&curves, f);
  return true;
}

/* ---- reading traces -----------------------------------------------------------------------------------------------
 */

/* The first trace of a policy; NULL = none. */
static const char *any_trace(const struct compared_policy *p)
{
  for (size_t i = 0; i < p->n; i++)
    if (*p->trace[i]) return p->trace[i];
  return NULL;
}

bool plot_need_traces(const struct plotting *p, const char *kind, struct err *err)
{
  for (size_t k = 0; k < p->n; k++)
    if (any_trace(chosen(p, k))) return true;
  return err_add(err, (struct where){0},
                 "%s needs traces, and no run of these policies has one (output: {trace: full})", kind);
}

/* ---- actions ------------------------------------------------------------------------------------------------------
 */

struct share { double *count; size_t n_places; double end_s; };         /* [bin][place] */

static double last_time(const int64_t *at_ns, size_t n)
{
  int64_t last = 0;
  for (size_t i = 0; i < n; i++)
    if (at_ns[i] > last) last = at_ns[i];
  return (double)last * 1e-9;
}

static bool count_decisions(const char *path, struct share *s, struct err *err)
{
  struct trace_reader *t = trace_open(path, err);
  if (!t) return false;
  struct columns c;
  bool ok = columns_load(&c, t, (const char *const[]){"decisions/at_ns", "decisions/place"}, 2, err);
  for (size_t i = 0; ok && i < c.rows; i++) {
    size_t bin = (size_t)((double)c.at[0][i] * 1e-9 / s->end_s * BINS), place = (size_t)c.at[1][i];
    if (place < s->n_places) s->count[(bin < BINS ? bin : BINS - 1) * s->n_places + place]++;
  }
  columns_free(&c);
  trace_close(t);
  return ok;
}

/* The bins reach to the last decision of all policies: one whose devices run out of power decides no more. */
static bool reach_last(const char *path, struct share *s, struct err *err)
{
  struct trace_reader *t = trace_open(path, err);
  if (!t) return false;
  size_t n = 0;
  int64_t *at = trace_column_int(t, "decisions/at_ns", &n, err);
  if (at) s->end_s = fmax(s->end_s, last_time(at, n));
  bool ok = at != NULL;
  free(at);
  trace_close(t);
  return ok;
}

/* Places by the first trace. */
static bool start_share(const struct plotting *p, struct share *s, struct figure *f, struct err *err)
{
  s->end_s = 1e-9;
  for (size_t k = 0; k < p->n; k++)
    if (!reach_last(any_trace(chosen(p, k)), s, err)) return false;
  struct trace_reader *t = trace_open(any_trace(chosen(p, 0)), err);
  if (!t) return false;
  const char **names;
  s->n_places = column_names(t, "decisions/place", &names);
  figure_number(f, "end_s", s->end_s);
  text_add(&f->head, "n_places = %zu\n", s->n_places);
  put_names(f, "place", names, s->n_places);
  free(names);
  trace_close(t);
  return s->n_places || err_system(err, "%s names no places", any_trace(chosen(p, 0)));
}

/* Lines "t share_1 share_1+2 ..." */
static void put_shares(struct figure *f, const struct share *s)
{
  for (size_t b = 0; b < BINS; b++) {
    double total = 0, so_far = 0;
    const double *count = s->count + b * s->n_places;
    for (size_t k = 0; k < s->n_places; k++) total += count[k];
    if (total == 0) continue;
    text_add(&f->data, "%.6g", ((double)b + .5) * s->end_s / BINS);
    for (size_t k = 0; k < s->n_places; k++) text_add(&f->data, " %.6g", (so_far += count[k]) / total);
    text_put(&f->data, "\n");
  }
}

/* Fixed policies do the same all the time; they are drawn only when asked for, or alone. */
static bool is_fixed(const struct compared_policy *p)
{
  return !strncmp(p->type, "always_", 7) || comparison_in_hindsight(p->type);
}

/* A bound is proven, not played: its trace has no decisions. */
static bool decides(const struct compared_policy *p, const char *unused)
{
  (void)unused;
  return any_trace(p) && strcmp(p->kind, "bound");
}

static bool chooses(const struct compared_policy *p, const char *unused) { return decides(p, unused) && !is_fixed(p); }

static bool drop_idle(struct plotting *p, struct figure *f, struct err *err)
{
  for (size_t k = 0; k < p->n && !p->o->n_policies; k++)
    if (chooses(chosen(p, k), NULL)) return keep_shown(p, f, chooses, NULL, "one place all the time, or no decisions (--policy asks for it)", err);
  return keep_shown(p, f, decides, NULL, "no decisions", err);
}

bool data_actions(const struct plotting *asked, struct figure *f, struct err *err)
{
  struct plotting p = *asked;
  if (!plot_need_traces(&p, "actions", err) || !drop_idle(&p, f, err)) return false;
  plot_put_policies(&p, f);
  size_t columns = p.n < 3 ? p.n : p.n < 5 ? 2 : 3, rows = (p.n + columns - 1) / columns;
  figure_number(f, "height_px", (double)(90 + 170 * rows));
  struct share s = {0};
  bool ok = start_share(&p, &s, f, err);
  for (size_t k = 0; ok && k < p.n; k++) {
    const struct compared_policy *q = chosen(&p, k);
    size_t from = f->data.n;
    free(s.count);
    s.count = grab(BINS * (s.n_places + 1), sizeof *s.count);
    for (size_t i = 0; ok && i < q->n; i++)
      if (*q->trace[i]) ok = count_decisions(q->trace[i], &s, err);
    if (ok) put_shares(f, &s);
    end_block_from(f, from);
  }
  free(s.count);
  return ok;
}

/* ---- queues -------------------------------------------------------------------------------------------------------
 */

static double *series(struct trace_reader *t, const char *place, const char *what, const char *part, size_t *n,
                      struct err *err)
{
  struct text name = {0};
  text_add(&name, "timeseries/%s.%s/%s", place, what, part);
  double *x = trace_column(t, name.s, n, err);
  free(name.s);
  return x;
}

/* Means over equal runs of samples, so that no line has more than MAX_POINTS / 2 points. */
static bool put_place(struct figure *f, struct trace_reader *t, const char *place, struct err *err)
{
  size_t n = 0, m = 0, k = 0, h = 0;
  double *at = series(t, place, "queue", "t", &n, err), *queue = series(t, place, "queue", "v", &m, err);
  double *busy = series(t, place, "busy", "v", &k, err), *slots = series(t, place, "slots", "v", &h, err);
  bool ok = at && queue && busy && slots && n == m && n == k && n == h;
  size_t step = n / (MAX_POINTS / 2) + 1;
  for (size_t i = 0; ok && i + step <= n; i += step) {
    double waiting = 0, working = 0, room = 0;
    for (size_t j = i; j < i + step; j++) waiting += queue[j], working += busy[j], room += slots[j];
    text_add(&f->data, "%.6g %.6g %.6g %.6g\n", at[i + step / 2] * 1e-9, waiting / (double)step,
             room > 0 ? working / room : 0, room / (double)step);
  }
  if (!n) text_put(&f->data, "NaN NaN NaN NaN\n");
  free(at);
  free(queue);
  free(busy);
  free(slots);
  return ok;
}

static bool any_above_zero(struct trace_reader *t, const char *place, const char *what)
{
  struct err ignored;
  err_init(&ignored);
  size_t n = 0, i = 0;
  double *x = series(t, place, what, "v", &n, &ignored);
  while (x && i < n && !(x[i] > 0)) i++;
  bool any = x && i < n;
  free(x);
  err_release(&ignored);
  return any;
}

/* A node of a topology has no slots, nobody waits there and nothing runs. */
static bool works(struct trace_reader *t, const char *place)
{
  return any_above_zero(t, place, "slots") || any_above_zero(t, place, "busy") || any_above_zero(t, place, "queue");
}

/* Those that work, in their order; how many. The key needs room for the longest name and a line for each. */
static size_t keep_working(struct figure *f, struct trace_reader *t, const char **name, size_t n)
{
  size_t kept = 0, longest = 0;
  for (size_t i = 0; i < n; i++)
    if (works(t, name[i])) name[kept++] = name[i];
  for (size_t i = 0; i < kept; i++) longest = strlen(name[i]) > longest ? strlen(name[i]) : longest;
  figure_number(f, "height_px", fmax(480, 60 + 19 * (double)kept));
  figure_number(f, "key_at", fmin(.82, fmax(.4, 1 - (52 + 8.5 * (double)longest) / 860)));
  return kept;
}

static bool has_series(struct trace_reader *t, const char *place, const char *what)
{
  const char *const *columns;
  struct text group = {0};
  text_add(&group, "timeseries/%s.%s", place, what);
  size_t n = trace_columns(t, group.s, &columns);
  free(group.s);
  return n > 0;
}

/* One policy, its first run with a trace: a block a place "t queue busy_share slots". */
bool data_queues(const struct plotting *p, struct figure *f, struct err *err)
{
  if (!plot_need_traces(p, "queues", err)) return false;
  size_t k = 0;
  for (size_t i = 0; i < p->n; i++)
    if (p->chosen[i] == p->c->baseline && any_trace(chosen(p, i))) k = i;
  while (!any_trace(chosen(p, k))) k++;
  struct trace_reader *t = trace_open(any_trace(chosen(p, k)), err);
  if (!t) return false;
  const char **names;
  size_t n = column_names(t, "attempts/place", &names);
  figure_text(f, "policy", chosen(p, k)->name);
  bool ok = n || err_system(err, "the trace names no places");
  bool any = false;
  for (size_t i = 0; i < n && !any; i++) any = has_series(t, names[i], "queue");
  if (ok && !any)
    ok = err_add(err, (struct where){0},
                 "these runs have no samples over time; the scenario needs output: {timeseries: 1 s}");
  if (ok) n = keep_working(f, t, names, n);
  ok = ok && (n || err_add(err, (struct where){0}, "nothing to draw: nothing ran or waited anywhere"));
  text_add(&f->head, "n_places = %zu\n", n);
  put_names(f, "place", names, n);
  for (size_t i = 0; ok && i < n; i++) {
    ok = put_place(f, t, names[i], err);
    end_block(f);
  }
  free(names);
  trace_close(t);
  return ok;
}

/* ---- battery ------------------------------------------------------------------------------------------------------
 */

/* Adds to the sum over runs; false after adding to err. The runs of a policy end apart: as far as the shortest goes. */
struct charge { double *at, *sum; size_t n, runs; };
static bool add_levels(struct charge *l, struct trace_reader *t, const char *place, struct err *err)
{
  size_t n = 0, m = 0;
  double *at = series(t, place, "battery", "t", &n, err), *v = series(t, place, "battery", "v", &m, err);
  bool ok = at && v && n == m;
  if (ok && (!l->runs || n < l->n)) l->n = n;
  if (ok && !l->runs++) {
    l->at = at, l->sum = v;
    return true;
  }
  for (size_t i = 0; ok && i < l->n; i++) l->sum[i] += v[i];
  free(at);
  free(v);
  return ok;
}

/* The mean over the runs of one policy, and how many samples there were of this place. */
static bool put_levels(struct figure *f, const struct compared_policy *q, const char *place, size_t *n, struct err *err)
{
  struct charge l = {0};
  bool ok = true;
  for (size_t i = 0; ok && i < q->n; i++) {
    struct trace_reader *t = *q->trace[i] ? trace_open(q->trace[i], err) : NULL;
    ok = t || !*q->trace[i];
    if (t && has_series(t, place, "battery")) ok = add_levels(&l, t, place, err);
    trace_close(t);
  }
  *n = l.n;
  size_t step = l.n / (MAX_POINTS / 2) + 1;
  for (size_t i = 0; ok && i < l.n; i += step)
    text_add(&f->data, "%.6g %.6g\n", l.at[i] * 1e-9, l.sum[i] / (double)l.runs);
  free(l.at);
  free(l.sum);
  return ok;
}

static bool put_place_levels(const struct plotting *p, struct figure *f, struct curves *all, const char *place, bool named,
                             struct err *err)
{
  for (size_t k = 0; k < p->n; k++) {
    const struct compared_policy *q = chosen(p, k);
    struct text name = {0};
    size_t from = f->data.n, n;
    if (!put_levels(f, q, place, &n, err)) return false;
    text_add(&name, named ? "%s, %s" : "%s", q->name, place);
    if (n) curves_add(all, f, from, name.s, p->chosen[k]);
    free(name.s);
  }
  return true;
}

/* Each policy (and place): a block "t level", the mean over the runs that have a trace. */
bool data_battery(const struct plotting *p, struct figure *f, struct err *err)
{
  if (!plot_need_traces(p, "battery", err)) return false;
  size_t k = 0, found = 0;
  while (!any_trace(chosen(p, k))) k++;
  struct trace_reader *t = trace_open(any_trace(chosen(p, k)), err);
  if (!t) return false;
  const char **names;
  size_t n = column_names(t, "attempts/place", &names);
  for (size_t i = 0; i < n; i++)
    if (has_series(t, names[i], "battery")) names[found++] = names[i];
  bool ok = found || err_add(err, (struct where){0}, "these runs have no levels of batteries over time; the scenario needs a "
                             "place with a battery and output: {timeseries: 1 s}");
  struct curves all = {0};
  for (size_t i = 0; ok && i < found; i++) ok = put_place_levels(p, f, &all, names[i], found > 1, err);
  curves_put(&all, f);
  free(names);
  trace_close(t);
  return ok;
}

/* ---- regret -------------------------------------------------------------------------------------------------------
 */

struct outcome { uint64_t request; int64_t arrived_ns; double reward; };
struct outcomes { struct outcome *row; size_t n; };

static int by_request(const void *a, const void *b)
{
  const struct outcome *x = a, *y = b;
  return (x->request > y->request) - (x->request < y->request);
}

static int by_arrival(const void *a, const void *b)
{
  const struct outcome *x = a, *y = b;
  if (x->arrived_ns != y->arrived_ns) return x->arrived_ns < y->arrived_ns ? -1 : 1;
  return by_request(a, b);
}

/* Measured requests with a reward, sorted by request. */
static bool read_outcomes(const char *path, struct outcomes *out, struct err *err)
{
  struct trace_reader *t = trace_open(path, err);
  if (!t) return false;
  size_t n = 0;
  struct columns c;
  bool ok = columns_load(&c, t, (const char *const[]){"requests/request", "requests/arrived_ns", "requests/measured"},
                         3, err);
  double *reward = ok ? trace_column(t, "requests/reward", &n, err) : NULL;
  ok = reward && n == c.rows;
  out->row = grab(n, sizeof *out->row);
  out->n = 0;
  for (size_t i = 0; ok && i < n; i++)
    if (c.at[2][i] && !isnan(reward[i]))
      out->row[out->n++] = (struct outcome){(uint64_t)c.at[0][i], c.at[1][i], reward[i]};
  qsort(out->row, out->n, sizeof *out->row, by_request);
  free(reward);
  columns_free(&c);
  trace_close(t);
  return ok;
}

/* Cumulative regret after the share (j+1)/REGRET_POINTS of the common requests, in order of arrival. */
static size_t cumulative(const struct outcomes *policy, const struct outcomes *comparator,
                         double regret[REGRET_POINTS])
{
  struct outcome *joined = grab(policy->n, sizeof *joined);
  size_t n = 0, c = 0;
  for (size_t i = 0; i < policy->n; i++) {
    while (c < comparator->n && comparator->row[c].request < policy->row[i].request) c++;
    if (c == comparator->n || comparator->row[c].request != policy->row[i].request) continue;
    joined[n] = policy->row[i];
    joined[n++].reward = comparator->row[c].reward - policy->row[i].reward;
  }
  qsort(joined, n, sizeof *joined, by_arrival);
  double sum = 0;
  for (size_t i = 0, j = 0; j < REGRET_POINTS; j++) {
    size_t to = (j + 1) * n / REGRET_POINTS;
    for (; i < to; i++) sum += joined[i].reward;
    regret[j] = sum;
  }
  free(joined);
  return n;
}

static size_t comparator_of(const struct plotting *p, struct err *err)
{
  const struct comparison *c = p->c;
  const char *const wanted[] = {p->o->against, "clairvoyant", "best_fixed"};
  for (int k = p->o->against ? 0 : 1; k < (p->o->against ? 1 : 3); k++)
    for (size_t i = 0; i < c->n_policies; i++) {
      bool match = !strcmp(c->policy[i].name, wanted[k]) || (k && !strcmp(c->policy[i].type, wanted[k]));
      if (match && any_trace(&c->policy[i])) return i;
    }
  if (p->o->against && plot_need_traces(p, "regret", err)) err_add(err, (struct where){0}, "no traced run of '%s' to compare with", p->o->against);
  else if (!p->o->against && plot_need_traces(p, "regret", err))
    err_add(err, (struct where){0}, "regret needs a comparator: clairvoyant, always_* policies, or --against NAME");
  return SIZE_MAX;
}

struct regrets { double (*at)[REGRET_POINTS]; size_t n, requests; };    /* one row a replication */

static void put_regret(struct figure *f, const struct regrets *r)
{
  double *x = grab(r->n, sizeof *x);
  for (size_t j = 0; j < REGRET_POINTS; j++) {
    for (size_t i = 0; i < r->n; i++) x[i] = r->at[i][j];
    struct interval band = {r->n ? x[0] : NAN, NAN, NAN, r->n, "t"};
    if (r->n > 1) band = interval_t(x, r->n, .95);
    text_add(&f->data, "%zu", (j + 1) * r->requests / REGRET_POINTS);
    put_interval(f, band);
    text_put(&f->data, "\n");
  }
  free(x);
}

/* All common replications of one policy and the comparator. */
static bool add_regrets(const struct compared_policy *p, const struct compared_policy *comparator, struct regrets *r,
                        struct err *err)
{
  bool ok = true;
  r->at = grab(p->n, sizeof *r->at);
  for (size_t i = 0; ok && i < p->n; i++)
    for (size_t j = 0; ok && j < comparator->n; j++) {
      if (p->replication[i] != comparator->replication[j] || !*p->trace[i] || !*comparator->trace[j]) continue;
      struct outcomes a = {0}, b = {0};
      ok = read_outcomes(p->trace[i], &a, err) && read_outcomes(comparator->trace[j], &b, err);
      size_t n = ok ? cumulative(&a, &b, r->at[r->n++]) : 0;
      r->requests = r->n == 1 || n < r->requests ? n : r->requests;
      free(a.row);
      free(b.row);
    }
  return ok;
}

bool data_regret(const struct plotting *asked, struct figure *f, struct err *err)
{
  size_t against = comparator_of(asked, err), n = 0;
  if (against == SIZE_MAX) return false;
  struct plotting p = *asked;
  for (size_t k = 0; k < p.n; k++) {
    if (p.chosen[k] == against && !p.o->n_policies) continue;
    p.chosen[n++] = p.chosen[k];
  }
  p.n = n;
  figure_text(f, "comparator", p.c->policy[against].name);
  bool ok = true;
  struct curves curves = {0};
  for (size_t k = 0; ok && k < p.n; k++) {
    struct regrets r = {0};
    size_t from = f->data.n;
    ok = add_regrets(chosen(&p, k), &p.c->policy[against], &r, err);
    if (ok) put_regret(f, &r);
    curves_add(&curves, f, from, chosen(&p, k)->name, p.chosen[k]);
    free(r.at);
  }
  curves_put(&curves, f);
  return ok;
}
