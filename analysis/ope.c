#include "analysis/ope.h"
#include "sim/check.h"
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const ope_name[OPE_METHODS] = {"ips", "clipped_ips", "snips", "dm", "dr"};

static void *room(size_t n, size_t size)
{
  void *p = calloc(n + 1, size);
  if (!p)
    check_out_of_memory(n * size);
  return p;
}

/* ---- the model of the reward ------------------------------------------------------------------------------------- */

/* Normal equations by fold and arm: xx [d * d], xy [d], rows. d: the constant and the features. */
struct sums { double *xx, *xy; double *n, *sum; size_t d, n_arms; };
/* Mean and deviation of each feature, over the rows that know it. */
struct scale { double mean, sd; };

static struct scale *scales_of(const struct ope_log *log)
{
  struct scale *scale = room(log->n_features, sizeof *scale);
  for (size_t k = 0; k < log->n_features; k++) {
    double n = 0, mean = 0, m2 = 0;
    for (size_t i = 0; i < log->n; i++) {
      double x = log->x[i * log->n_features + k];
      if (!isfinite(x))
        continue;
      double off = x - mean;
      mean += off / ++n;
      m2 += off * (x - mean);
    }
    scale[k] = (struct scale){mean, n > 1 ? sqrt(m2 / n) : 0};
  }
  return scale;
}

static void standard(const struct ope_log *log, const struct scale *scale, size_t row, double *z)
{
  z[0] = 1;
  for (size_t k = 0; k < log->n_features; k++) {
    double x = log->x[row * log->n_features + k];
    z[k + 1] = isfinite(x) && scale[k].sd > 0 ? (x - scale[k].mean) / scale[k].sd : 0;
  }
}

static size_t fold_of(const struct ope_row *r) { return (size_t)(r->unit % OPE_FOLDS); }

static void add_row(struct sums *s, size_t cell, const double *z, double reward)
{
  double *xx = s->xx + cell * s->d * s->d, *xy = s->xy + cell * s->d;
  for (size_t i = 0; i < s->d; i++) {
    xy[i] += z[i] * reward;
    for (size_t j = 0; j < s->d; j++)
      xx[i * s->d + j] += z[i] * z[j];
  }
  s->n[cell]++;
  s->sum[cell] += reward;
}

/* All folds but one: from now on the cell of fold f holds the sums of the others. */
static void leave_out(double *cells, size_t width, size_t n_arms)
{
  for (size_t i = 0; i < width * n_arms; i++) {
    double all = 0;
    for (size_t f = 0; f < OPE_FOLDS; f++)
      all += cells[f * width * n_arms + i];
    for (size_t f = 0; f < OPE_FOLDS; f++)
      cells[f * width * n_arms + i] = all - cells[f * width * n_arms + i];
  }
}

static bool solve(struct sums *s, size_t cell, double *beta)
{
  size_t d = s->d;
  double *xx = s->xx + cell * d * d;
  for (size_t i = 1; i < d; i++)
    xx[i * d + i] += 1;
  gsl_matrix_view a = gsl_matrix_view_array(xx, d, d);
  gsl_vector_view b = gsl_vector_view_array(s->xy + cell * d, d), x = gsl_vector_view_array(beta, d);
  return gsl_linalg_cholesky_decomp1(&a.matrix) == 0 && gsl_linalg_cholesky_solve(&a.matrix, &b.vector, &x.vector) == 0;
}

/* An arm that the other folds never saw: the mean of what they saw at all. */
static double mean_elsewhere(const struct sums *s, size_t fold)
{
  double n = 0, sum = 0;
  for (size_t a = 0; a < s->n_arms; a++) {
    n += s->n[fold * s->n_arms + a];
    sum += s->sum[fold * s->n_arms + a];
  }
  return n > 0 ? sum / n : 0;
}

static bool fit(struct sums *s, double *beta, struct err *err)
{
  size_t d = s->d;
  leave_out(s->xx, d * d, s->n_arms);
  leave_out(s->xy, d, s->n_arms);
  leave_out(s->n, 1, s->n_arms);
  leave_out(s->sum, 1, s->n_arms);
  for (size_t cell = 0; cell < OPE_FOLDS * s->n_arms; cell++) {
    if (s->n[cell] < 0.5)
      beta[cell * d] = mean_elsewhere(s, cell / s->n_arms);
    else if (!solve(s, cell, beta + cell * d))
      return err_system(err, "the regression of the rewards failed");
  }
  return true;
}

static double predict(const double *beta, const double *z, size_t d)
{
  double y = 0;
  for (size_t i = 0; i < d; i++)
    y += beta[i] * z[i];
  return y;
}

static void apply(const struct ope_log *log, const struct scale *scale, const double *beta, double *q, double *v)
{
  size_t d = log->n_features + 1;
  double *z = room(d, sizeof *z);
  for (size_t i = 0; i < log->n; i++) {
    const struct ope_row *r = &log->row[i];
    const double *of = beta + (fold_of(r) * log->n_arms) * d;
    standard(log, scale, i, z);
    q[i] = predict(of + r->arm * d, z, d);
    v[i] = 0;
    for (uint32_t a = 0; a < r->n_actions; a++)
      if (log->target[r->target + a] > 0)
        v[i] += log->target[r->target + a] * predict(of + (r->first_arm + a) * d, z, d);
  }
  free(z);
}

bool ope_model(const struct ope_log *log, double *q, double *v, struct err *err)
{
  size_t d = log->n_features + 1, cells = OPE_FOLDS * log->n_arms;
  struct sums s = {.xx = room(cells * d * d, sizeof(double)), .xy = room(cells * d, sizeof(double)),
                   .n = room(cells, sizeof(double)), .sum = room(cells, sizeof(double)), .d = d, .n_arms = log->n_arms};
  struct scale *scale = scales_of(log);
  double *beta = room(cells * d, sizeof *beta), *z = room(d, sizeof *z);
  for (size_t i = 0; i < log->n; i++) {
    const struct ope_row *r = &log->row[i];
    standard(log, scale, i, z);
    add_row(&s, fold_of(r) * log->n_arms + r->arm, z, r->reward);
  }
  bool ok = fit(&s, beta, err);
  if (ok)
    apply(log, scale, beta, q, v);
  free(s.xx), free(s.xy), free(s.n), free(s.sum);
  free(scale), free(beta), free(z);
  return ok;
}

/* ---- the estimates ----------------------------------------------------------------------------------------------- */

/* Sums over the rows of one unit; every estimate is a ratio of two of them. */
enum { SUM_N, SUM_W, SUM_WR, SUM_CLIPPED, SUM_V, SUM_DR, N_SUMS };
struct unit { double sum[N_SUMS]; };

static void estimates(const double *sum, double out[OPE_METHODS])
{
  out[OPE_IPS] = sum[SUM_WR] / sum[SUM_N];
  out[OPE_CLIPPED] = sum[SUM_CLIPPED] / sum[SUM_N];
  out[OPE_SNIPS] = sum[SUM_W] > 0 ? sum[SUM_WR] / sum[SUM_W] : NAN;
  out[OPE_DM] = sum[SUM_V] / sum[SUM_N];
  out[OPE_DR] = sum[SUM_DR] / sum[SUM_N];
}

static size_t gather(const struct ope_log *log, const double *q, const double *v, const struct ope_options *o,
                     struct unit *unit, struct ope_result *out)
{
  double squares = 0, sum = 0;
  size_t n = 0;
  for (size_t i = 0; i < log->n; i++) {
    const struct ope_row *r = &log->row[i];
    double w = r->target_chosen / r->propensity;
    n += i == 0 || r->unit != log->row[i - 1].unit;
    double *to = unit[n - 1].sum;
    to[SUM_N]++;
    to[SUM_W] += w;
    to[SUM_WR] += w * r->reward;
    to[SUM_CLIPPED] += fmin(w, o->clip) * r->reward;
    to[SUM_V] += v[i];
    to[SUM_DR] += v[i] + w * (r->reward - q[i]);
    sum += w;
    squares += w * w;
    out->weight_max = fmax(out->weight_max, w);
    out->clipped_share += w > o->clip;
    out->match_share += w > 0;
  }
  double rows = (double)log->n;
  out->ess = squares > 0 ? sum * sum / squares : 0;
  out->weight_mean = sum / rows;
  out->weight_se = log->n > 1 ? sqrt(fmax(0, squares / rows - out->weight_mean * out->weight_mean) / (rows - 1)) : NAN;
  out->clipped_share /= rows;
  out->match_share /= rows;
  return n;
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void total(const struct unit *unit, size_t n, gsl_rng *draw, double sum[N_SUMS])
{
  memset(sum, 0, N_SUMS * sizeof *sum);
  for (size_t i = 0; i < n; i++) {
    const struct unit *u = &unit[draw ? (size_t)(gsl_rng_uniform(draw) * (double)n) : i];
    for (int k = 0; k < N_SUMS; k++)
      sum[k] += u->sum[k];
  }
}

/* Percentiles and deviation of what is finite. */
static void settle(struct ope_estimate *e, double *value, size_t n, double confidence)
{
  size_t m = 0;
  double mean = 0, m2 = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(value[i]))
      value[m++] = value[i];
  qsort(value, m, sizeof *value, by_value);
  for (size_t i = 0; i < m; i++) {
    double off = value[i] - mean;
    mean += off / (double)(i + 1);
    m2 += off * (value[i] - mean);
  }
  double tail = (1 - confidence) / 2;
  e->lo = m > 1 ? value[(size_t)(tail * (double)(m - 1))] : NAN;
  e->hi = m > 1 ? value[(size_t)ceil((1 - tail) * (double)(m - 1))] : NAN;
  e->se = m > 1 ? sqrt(m2 / (double)(m - 1)) : NAN;
}

static void bootstrap(const struct unit *unit, size_t n, const struct ope_options *o, struct ope_result *out)
{
  double *value = room((size_t)OPE_METHODS * o->resamples, sizeof *value), sum[N_SUMS], one[OPE_METHODS];
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  if (!draw)
    check_out_of_memory(1);
  gsl_rng_set(draw, (unsigned long)(o->seed % 4294967291u) + 1);
  for (size_t b = 0; b < o->resamples; b++) {
    total(unit, n, draw, sum);
    estimates(sum, one);
    for (size_t k = 0; k < OPE_METHODS; k++)
      value[k * o->resamples + b] = one[k];
  }
  for (size_t k = 0; k < OPE_METHODS; k++)
    settle(&out->of[k], value + k * o->resamples, n > 1 ? o->resamples : 0, o->confidence);
  gsl_rng_free(draw);
  free(value);
}

void ope_evaluate(const struct ope_log *log, const double *q, const double *v, const struct ope_options *o,
                  struct ope_result *out)
{
  double sum[N_SUMS], value[OPE_METHODS];
  sim_assert(log->n > 0);
  *out = (struct ope_result){.n = log->n};
  struct unit *unit = room(log->n, sizeof *unit);
  out->units = gather(log, q, v, o, unit, out);
  total(unit, out->units, NULL, sum);
  estimates(sum, value);
  bootstrap(unit, out->units, o, out);
  for (int k = 0; k < OPE_METHODS; k++)
    out->of[k].value = value[k];
  free(unit);
}

double ope_autocorrelation(const double *value, const uint64_t *run, size_t n)
{
  double covariance = 0, variance = 0;
  for (size_t from = 0, to; from < n; from = to) {
    double mean = 0;
    for (to = from; to < n && run[to] == run[from]; to++)
      mean += value[to];
    mean /= (double)(to - from);
    for (size_t i = from; i < to; i++) {
      variance += (value[i] - mean) * (value[i] - mean);
      covariance += i + 1 < to ? (value[i] - mean) * (value[i + 1] - mean) : 0;
    }
  }
  return n > 2 && variance > 0 ? covariance / variance : NAN;
}
