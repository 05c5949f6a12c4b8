/* plot_welch.c: does the warm-up cover the transient? Welch's moving average over replications.
 *
 * Y(b) = mean over replications of the mean latency of the requests that arrived in bin b, warm-up included; smoothed over
 * 2 w + 1 bins, fewer near the start: (Y(b - k) + ... + Y(b + k)) / (2 k + 1), k = min(w, b) (Welch 1983; Law, 9.5.1).
 * Check: Y = 1, 2, 6, w = 1: 1, 3, and the last w bins have no average.
 */
#include "analysis/columns.h"
#include "analysis/plot_data.h"
#include "analysis/store/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WELCH_BINS = 400, WINDOW = WELCH_BINS / 40 };

void welch_smooth(const double *y, size_t n, size_t w, double *out)
{
  for (size_t b = 0; b < n; b++) {
    size_t k = b < w ? b : w;
    double sum = 0, m = 0;
    for (size_t i = b - k; b + w < n && i <= b + k; i++)
      if (!isnan(y[i])) sum += y[i], m++;
    out[b] = m > 0 ? sum / m : (double)NAN;
  }
}

/* Latency of completed requests by time of arrival; NaN = still open or failed. */
struct arrivals { size_t n; int64_t *arrived_ns; double *latency_s; };

static bool read_arrivals(const char *path, struct arrivals *a, struct err *err)
{
  *a = (struct arrivals){0};
  struct trace_reader *t = trace_open(path, err);
  if (!t) return false;
  struct columns c;
  bool ok = columns_load(&c, t, (const char *const[]){"requests/arrived_ns", "requests/completed_ns", "requests/status"},
                         3, err);
  a->n = ok ? c.rows : 0;
  a->arrived_ns = grab(a->n, sizeof *a->arrived_ns);
  a->latency_s = grab(a->n, sizeof *a->latency_s);
  for (size_t i = 0; i < a->n; i++) {
    a->arrived_ns[i] = c.at[0][i];
    a->latency_s[i] = status_has_answer(c.at[2][i]) ? (double)(c.at[1][i] - c.at[0][i]) * 1e-9 : (double)NAN;
  }
  columns_free(&c);
  trace_close(t);
  return ok;
}

static void arrivals_free(struct arrivals *a)
{
  free(a->arrived_ns);
  free(a->latency_s);
}

struct welch { double end_s; struct moments over[WELCH_BINS]; };        /* over replications */

static void add_replication(struct welch *w, const struct arrivals *a)
{
  struct moments bin[WELCH_BINS] = {0};
  for (size_t i = 0; i < a->n; i++) {
    size_t b = (size_t)((double)a->arrived_ns[i] * 1e-9 / w->end_s * WELCH_BINS);
    if (!isnan(a->latency_s[i])) moments_add(&bin[b < WELCH_BINS ? b : WELCH_BINS - 1], a->latency_s[i]);
  }
  for (size_t b = 0; b < WELCH_BINS; b++)
    if (bin[b].n) moments_add(&w->over[b], bin[b].mean);
}

/* The axis ends with the last arrival of the first replication read. */
static void set_end(struct welch *w, const struct arrivals *a)
{
  for (size_t i = 0; i < a->n; i++) w->end_s = fmax(w->end_s, (double)a->arrived_ns[i] * 1e-9);
  w->end_s = fmax(w->end_s, 1e-9);
}

static bool read_policy(const struct compared_policy *p, struct welch *w, size_t *replications, struct err *err)
{
  bool ok = true;
  *replications = 0;
  for (size_t i = 0; ok && i < p->n; i++) {
    if (!*p->trace[i]) continue;
    struct arrivals a;
    ok = read_arrivals(p->trace[i], &a, err);
    if (ok && w->end_s <= 0) set_end(w, &a);
    if (ok) add_replication(w, &a), ++*replications;
    arrivals_free(&a);
  }
  return ok;
}

static void put_welch(struct figure *f, const struct welch *w)
{
  double y[WELCH_BINS], smooth[WELCH_BINS];
  for (size_t b = 0; b < WELCH_BINS; b++) y[b] = w->over[b].n ? w->over[b].mean : (double)NAN;
  welch_smooth(y, WELCH_BINS, WINDOW, smooth);
  for (size_t b = 0; b < WELCH_BINS; b++)
    text_add(&f->data, "%.6g %.9g %.9g\n", ((double)b + .5) * w->end_s / WELCH_BINS, y[b], smooth[b]);
}

bool data_welch(const struct plotting *p, struct figure *f, struct err *err)
{
  if (!plot_need_traces(p, "welch", err)) return false;
  figure_number(f, "warmup_s", isnan(p->c->warmup_s) ? 0 : p->c->warmup_s);
  figure_text(f, "y_label", "latency of completed requests, mean (s)");
  bool ok = true;
  size_t most = 0;
  double end_s = 0;
  struct curves curves = {0};
  for (size_t k = 0; ok && k < p->n; k++) {
    struct welch w = {.end_s = end_s};
    size_t replications, from = f->data.n;
    ok = read_policy(&p->c->policy[p->chosen[k]], &w, &replications, err);
    if (ok) put_welch(f, &w);
    curves_add(&curves, f, from, p->c->policy[p->chosen[k]].name, p->chosen[k]);
    most = replications > most ? replications : most;
    end_s = w.end_s;
  }
  curves_put(&curves, f);
  struct text note = {0};
  text_add(&note, "Welch: mean of %zu replication%s (grey), moving average over %d of %d bins", most, most == 1 ? "" : "s",
           2 * WINDOW + 1, WELCH_BINS);
  figure_text(f, "note", note.s);
  free(note.s);
  return ok;
}
