/* learned.h: what a policy has learned, as a file.
 *
 * Two lines of text, then bytes: "offsim learned state 1", a header as JSON on one line, the learners as
 * policy_host_save writes them, and at the end XXH3-128 of all before as 32 hex digits. The header (for readers, `head
 * -n 2`): policy, abi, plug_in (hash of its bytes, "" = built in), entry (its parameters), scenario (name and identity),
 * trained: [{seed, from, to, scenario}], episodes, version, model_version, bytes.
 */
#ifndef OFFSIM_MODELS_LEARNED_H
#define OFFSIM_MODELS_LEARNED_H

#include "models/policy_host.h"
#include "sim/json.h"

/* A growing piece of memory that a stream writes to or reads from. at is the owner's to free. */
struct learned_bytes { unsigned char *at; size_t n, capacity, read; };
struct offsim_stream learned_stream(struct learned_bytes *);

/* The whole file from its parts; header gets `bytes`. Caller frees. */
void *learned_write(json *header, const void *learners, size_t n, size_t *size);
/* A file in memory: header (the caller's) and where the learners lie in it. False after adding to err: not such a file,
 * cut short, or changed. */
struct learned { json *header; const void *learners; size_t n; };
bool learned_read(const void *bytes, size_t n, const char *path, struct where, struct learned *, struct err *) MUST_USE;
/* The same of a file; *bytes is the caller's to free. */
bool learned_open(const char *path, void **bytes, size_t *n, struct err *) MUST_USE;

/* Are replications of this seed among those that it was trained on? *from, *to: which. */
bool learned_overlaps(const json *header, uint64_t seed, uint64_t from, uint64_t to, uint64_t out[2]);

/* Warm start and freeze, as the entry says; called when a host is made. */
bool policy_host_start(struct policy_host *, const struct policy_def *, struct err *) MUST_USE;
/* A frozen host still has the state that it began with (learners that nobody knew are new, and empty). */
bool policy_host_unchanged(struct policy_host *, const struct policy_def *);

#endif
