/* record_hash.h: the number that says whether two runs had the same records: trace_hash.
 *
 * The sum (128 bits) of the hashes of all request, attempt and decision records, each with its ids in it, so that
 * the order of arrival does not matter. A record is hashed as its bytes without padding, little-endian, every NaN as
 * the same one: what compilers differ in is left out. Time series and transfers are not part of it.
 */
#ifndef OFFSIM_ANALYSIS_STORE_RECORD_HASH_H
#define OFFSIM_ANALYSIS_STORE_RECORD_HASH_H

#include "models/record.h"
#include "sim/hash.h"

struct hash hash_request(const struct request_record *, const double *attribute, int n_attributes);
struct hash hash_attempt(const struct attempt_record *);
struct hash hash_decision(const struct decision_record *);

#endif
