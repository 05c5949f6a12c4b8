/* tariff.h: what is asked for one use: time rounded up, free allowances, egress by tiers, tokens cached and of long
 * prompts, the price of an owned machine. Prices and terms are in defs.h (struct tariff_def, struct tariff_terms).
 *
 * A meter counts what a place has used in this billing month. `meter` NULL asks without using anything up.
 */
#ifndef OFFSIM_MODELS_TARIFF_H
#define OFFSIM_MODELS_TARIFF_H

#include "models/defs.h"

/* Zeros at the start of a run; before each use, bring it to the month of now. */
struct tariff_meter { uint64_t month; bool begun; double bytes_out, requests, use_s; };
void tariff_month(const struct tariff_def *, struct tariff_meter *, double now_s);

/* Seconds that a use of s seconds is billed for. Times are whole nanoseconds: one and a half too many do not count. */
double tariff_billed_s(const struct tariff_terms *, double s);
/* A use of s seconds at a price of time, less what is free. */
double tariff_use_usd(const struct tariff_def *, struct tariff_meter *, double usd_per_s, double s);
double tariff_request_usd(const struct tariff_def *, struct tariff_meter *);
/* Tokens: read, those of them that were cached, written; share of the written ones that were made. */
double tariff_tokens_usd(const struct tariff_def *, double in, double cached, double out, double made);
/* Bytes < 0: not sent after all, the last ones first. */
double tariff_egress_usd(const struct tariff_def *, struct tariff_meter *, double bytes);
double tariff_tiers_usd(const struct price_tier *, int n, double from_bytes, double bytes);
/* No use of any kind is cheaper than this: for bounds. */
double tariff_least_egress(const struct tariff_def *);
bool tariff_has_free(const struct tariff_def *);

/* USD a second of use of something bought: the part that is not sold again, spread over the seconds it is used. */
double tariff_owned_usd_per_s(double bought_usd, double resale, double life_s, double utilization);

#endif
