/* tariff.c: what is asked for one use (docs/equations.md, "Tariffs").
 *
 *   time:    billed = max(minimum, granularity x ceil(s / granularity)); the month's first free seconds cost nothing
 *   egress:  the integral of the tiers' price from the month's volume so far to that plus the bytes: the marginal price
 *   tokens:  (in - cached) x input + cached x cached + made x out x output; above `long` tokens read, all of them by a
 *            factor for those read and one for those written
 *   owned:   bought x (1 - resale) / (life x utilization), by the second of use
 * Sources: billing rules and tiers of the parameter book, section 6; the amortisation is its 6.2, last line.
 * Checkable: 0.09 USD/GB up to 10 TB, then 0.085, of which 9 TB are used: 2 TB cost 90 + 85 = 175 USD.
 */
#include "models/tariff.h"

#include <math.h>

static const double ROUNDING_S = 1.5e-9;

void tariff_month(const struct tariff_def *f, struct tariff_meter *m, double now_s)
{
  const struct tariff_terms *t = f->terms;
  uint64_t month = t && t->month_s > 0 ? (uint64_t)(now_s / t->month_s) : 0;
  if (!t || (m->begun && m->month == month)) return;
  *m = (struct tariff_meter){.month = month, .begun = true, .bytes_out = m->begun ? 0 : t->used_bytes};
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

double tariff_billed_s(const struct tariff_terms *t, double s)
{
  if (!t || !(s > 0)) return s;
  double billed = t->granularity_s > 0 ? t->granularity_s * fmax(1, ceil((s - ROUNDING_S) / t->granularity_s)) : s;
  return fmax(t->minimum_s, billed);
}

double tariff_use_usd(const struct tariff_def *f, struct tariff_meter *m, double usd_per_s, double s)
{
  double billed_s = tariff_billed_s(f->terms, s);
  if (!f->terms || !m || !(f->terms->free_use_s > 0)) return usd_per_s * billed_s;
  double left_s = fmax(0, f->terms->free_use_s - m->use_s);
  m->use_s += billed_s;
  return usd_per_s * fmax(0, billed_s - left_s);
}

double tariff_request_usd(const struct tariff_def *f, struct tariff_meter *m)
{
  if (!f->terms || !m || !(f->terms->free_requests > 0)) return f->usd_per_request;
  return m->requests++ < f->terms->free_requests ? 0 : f->usd_per_request;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

double tariff_tokens_usd(const struct tariff_def *f, double in, double cached, double out, double made)
{
  const struct tariff_terms *t = f->terms;
  double read = f->usd_per_tok_in > 0 ? f->usd_per_tok_in * in : 0;
  double written = f->usd_per_tok_out > 0 ? f->usd_per_tok_out * made * out : 0;
  if (!t) return read + written;
  if (t->has_cached && f->usd_per_tok_in > 0) {
    double hit = cached > in ? in : cached;             /* neither may be known */
    read = f->usd_per_tok_in * (in - hit) + t->usd_per_tok_cached * hit;
  }
  bool is_long = t->long_tok > 0 && in > t->long_tok;
  return is_long ? t->long_in * read + t->long_out * written : read + written;
}

/* ---- egress ------------------------------------------------------------------------------------------------------ */

double tariff_tiers_usd(const struct price_tier *tier, int n, double from_bytes, double bytes)
{
  double usd = 0, to = from_bytes + bytes;
  for (int i = 0; i < n; i++) {
    double low = fmax(from_bytes, tier[i].from_bytes), high = i + 1 < n ? fmin(to, tier[i + 1].from_bytes) : to;
    if (high > low) usd += tier[i].usd_per_byte * (high - low);
  }
  return usd;
}

double tariff_egress_usd(const struct tariff_def *f, struct tariff_meter *m, double bytes)
{
  const struct tariff_terms *t = f->terms;
  if (!t || t->n_tiers == 0) return f->usd_per_byte_out * bytes;
  double used = m ? m->bytes_out : t->used_bytes;
  if (bytes >= 0) {
    if (m) m->bytes_out += bytes;
    return tariff_tiers_usd(t->tier, t->n_tiers, used, bytes);
  }
  double from = fmax(0, used + bytes);                  /* may have been sent last month */
  if (m) m->bytes_out = from;
  return -tariff_tiers_usd(t->tier, t->n_tiers, from, -bytes);
}

double tariff_least_egress(const struct tariff_def *f)
{
  if (!f->terms || f->terms->n_tiers == 0) return f->usd_per_byte_out;
  double least = INFINITY;
  for (int i = 0; i < f->terms->n_tiers; i++) least = fmin(least, f->terms->tier[i].usd_per_byte);
  return least;
}

bool tariff_has_free(const struct tariff_def *f)
{
  return f->terms && (f->terms->free_requests > 0 || f->terms->free_use_s > 0);
}

/* ---- owned ------------------------------------------------------------------------------------------------------- */

double tariff_owned_usd_per_s(double bought_usd, double resale, double life_s, double utilization)
{
  return bought_usd * (1 - resale) / (life_s * utilization);
}
