/* plot_recovery.c: cost over time, with bands over replications: who recovers from a change?
 *
 * C(r, b) = mean of -reward of the measured requests of replication r that arrived in bin b; the line is the mean over
 * replications, the band the Student t interval: mean +- t(0.975, R - 1) s / sqrt(R). Vertical lines: where each of the
 * scenario's `changes` begins and ends.
 * Check: replications with 1, 2, 3 in a bin: 2 +- 4.303 x 1 / sqrt(3) = 2 +- 2.484.
 */
#include "analysis/columns.h"
#include "analysis/gp.h"
#include "analysis/plot_data.h"
#include "analysis/store/trace.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RECOVERY_BINS = 60 };

struct recovery { double end_s; struct moments over[RECOVERY_BINS]; };  /* over replications */

static bool add_replication(struct recovery *v, const char *path, struct err *err)
{
  struct trace_reader *t = trace_open(path, err);
  if (!t) return false;
  struct moments bin[RECOVERY_BINS] = {0};
  struct columns c;
  size_t n = 0;
  bool ok = columns_load(&c, t, (const char *const[]){"requests/arrived_ns", "requests/measured"}, 2, err);
  double *reward = ok ? trace_column(t, "requests/reward", &n, err) : NULL;
  ok = reward && n == c.rows;
  for (size_t i = 0; ok && v->end_s <= 0 && i < n; i++) v->end_s = fmax(v->end_s, (double)c.at[0][n - 1] * 1e-9);
  for (size_t i = 0; ok && i < n; i++) {
    size_t b = (size_t)((double)c.at[0][i] * 1e-9 / v->end_s * RECOVERY_BINS);
    if (c.at[1][i] && !isnan(reward[i])) moments_add(&bin[b < RECOVERY_BINS ? b : RECOVERY_BINS - 1], -reward[i]);
  }
  for (size_t b = 0; b < RECOVERY_BINS; b++)
    if (bin[b].n) moments_add(&v->over[b], bin[b].mean);
  free(reward);
  columns_free(&c);
  trace_close(t);
  return ok;
}

static void put_recovery(struct figure *f, const struct recovery *v)
{
  for (size_t b = 0; b < RECOVERY_BINS; b++) {
    const struct moments *m = &v->over[b];
    if (!m->n) continue;
    double half = m->n > 1 ? gsl_cdf_tdist_Pinv(0.975, (double)m->n - 1) * sqrt(moments_variance(m) / (double)m->n) : 0;
    text_add(&f->data, "%.6g %.9g %.9g %.9g\n", ((double)b + .5) * v->end_s / RECOVERY_BINS, m->mean, m->mean - half,
             m->mean + half);
  }
}

static void mark(struct figure *f, size_t *n, double at_s, const char *prefix, const char *name, double end_s)
{
  struct text label = {0};
  if (!(at_s >= 0 && at_s < end_s)) return;
  text_add(&label, "%s%s", prefix, name);
  ++*n;
  text_add(&f->head, "change_at_%zu = %.10g\nchange_name_%zu = ", *n, at_s, *n);
  gp_text(&f->head, label.s);
  text_put(&f->head, "\n");
  free(label.s);
}

/* change_at_K and change_name_K of the scenario's changes: the first time of each, and where it ends again. */
static void put_changes(struct figure *f, const json *changes, double end_s)
{
  size_t n = 0, all = json_count(changes);
  for (size_t i = 0; i < all; i++) {
    const json *one = json_nth(changes, i);
    double at = json_real(json_at(one, "at"), NAN), lasts = json_real(json_at(one, "for"), NAN);
    const char *name = json_text(json_at(one, "name"));
    mark(f, &n, at, "", name ? name : "change", end_s);
    mark(f, &n, at + lasts, "end of ", name ? name : "change", end_s);
  }
  figure_number(f, "n_changes", (double)n);
}

bool data_recovery(const struct plotting *p, struct figure *f, struct err *err)
{
  if (!plot_need_traces(p, "recovery", err)) return false;
  bool ok = true;
  struct curves curves = {0};
  double end_s = 0;
  size_t most = 0;
  for (size_t k = 0; ok && k < p->n; k++) {
    const struct compared_policy *policy = &p->c->policy[p->chosen[k]];
    struct recovery v = {.end_s = end_s};
    size_t runs = 0, from = f->data.n;
    for (size_t i = 0; ok && i < policy->n; i++)
      if (*policy->trace[i]) ok = add_replication(&v, policy->trace[i], err), runs++;
    put_recovery(f, &v);
    curves_add(&curves, f, from, policy->name, p->chosen[k]);
    end_s = v.end_s;
    most = runs > most ? runs : most;
  }
  curves_put(&curves, f);
  put_changes(f, json_at(p->c->resolved, "changes"), end_s);
  struct text note = {0};
  text_add(&note, "mean of %zu replication%s in %d windows, bands: 95 %%", most, most == 1 ? "" : "s", RECOVERY_BINS);
  figure_text(f, "note", note.s);
  free(note.s);
  return ok;
}
