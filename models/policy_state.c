/* policy_state.c: the learners of a policy entry, made when first needed; their bytes, written and read.
 *
 * The state file: "OFFSIMLS", version, then a checksummed body: name, boundary, contexts and arms, hash of parameters
 * and features, and per learner, in order of keys: key, bytes of its wrappers, bytes of its state (by the policy's own
 * `save`, where it has one). All numbers are little-endian, as the bytes of a state are the machine's own.
 */
#include "models/policy_parts.h"
#include "models/policy_python.h"
#include "sim/check.h"
#include "sim/hash.h"
#include "sim/zeros.h"

#include <stdlib.h>
#include <string.h>

/* ---- learners ---------------------------------------------------------------------------------------------------- */

static size_t spread(uint64_t key) { return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20); }

static struct learner *learner_slot(struct learners *l, uint64_t key)
{
  size_t i = spread(key) & (l->capacity - 1);
  while (l->slot[i].state && l->slot[i].key != key) i = (i + 1) & (l->capacity - 1);
  return &l->slot[i];
}

static void learners_grow(struct learners *l)
{
  struct learners old = *l;
  l->capacity = old.capacity ? 2 * old.capacity : 64;
  l->slot = zeros_new(l->capacity, sizeof *l->slot);
  for (size_t i = 0; i < old.capacity; i++)
    if (old.slot[i].state) *learner_slot(l, old.slot[i].key) = old.slot[i];
  free(old.slot);
}

static void start(struct policy_host *h, void *state)
{
  if (!h->policy->init) return;
  desk_give(h, CALL_START, 0, 0, 0);
  h->policy->init(&h->setup, state);
  desk_take(h);
}

static void *learner_new(struct policy_host *h, uint64_t key)
{
  if (2 * (h->learners.n + 1) > h->learners.capacity) learners_grow(&h->learners);
  struct learner *l = learner_slot(&h->learners, key);
  *l = (struct learner){key, arena_alloc(h->arena, h->learner_bytes)};
  h->learners.n++;
  start(h, l->state);
  return l->state;
}

void *learner_find(struct policy_host *h, uint64_t key)
{
  struct learner *last = &h->learners.last;
  void *state = h->learners.capacity ? learner_slot(&h->learners, key)->state : NULL;
  *last = (struct learner){key, state ? state : learner_new(h, key)};
  return last->state;
}

void learner_restart(struct policy_host *h, void *state)
{
  memset(state, 0, h->state_size);
  start(h, state);
}

static int by_key(const void *a, const void *b)
{
  uint64_t x = ((const struct learner *)a)->key, y = ((const struct learner *)b)->key;
  return (x > y) - (x < y);
}

/* All learners in order of keys, to be freed. */
static struct learner *learners_sorted(const struct learners *l)
{
  struct learner *all = zeros_new(l->n + 1, sizeof *all);
  size_t n = 0;
  for (size_t i = 0; i < l->capacity; i++)
    if (l->slot[i].state) all[n++] = l->slot[i];
  qsort(all, n, sizeof *all, by_key);
  return all;
}

/* ---- bytes in memory --------------------------------------------------------------------------------------------- */

struct bytes { unsigned char *at; size_t n, capacity, read; };

static size_t bytes_write(void *handle, const void *from, size_t n)
{
  struct bytes *b = handle;
  if (b->n + n > b->capacity) {
    b->capacity = 2 * (b->n + n);
    b->at = realloc(b->at, b->capacity);
    if (!b->at) check_out_of_memory(b->capacity);
  }
  memcpy(b->at + b->n, from, n);
  b->n += n;
  return n;
}

static size_t bytes_read(void *handle, void *to, size_t n)
{
  struct bytes *b = handle;
  if (n > b->n - b->read) n = b->n - b->read;
  memcpy(to, b->at + b->read, n);
  b->read += n;
  return n;
}

static struct offsim_stream stream_over(struct bytes *b)
{
  return (struct offsim_stream){.size = sizeof(struct offsim_stream), .handle = b, .write = bytes_write,
                                .read = bytes_read};
}

static void put_u64(struct bytes *b, uint64_t x)
{
  unsigned char le[8];
  for (int i = 0; i < 8; i++) le[i] = (unsigned char)(x >> 8 * i);
  bytes_write(b, le, sizeof le);
}

static uint64_t u64_of(const unsigned char le[8])
{
  uint64_t x = 0;
  for (int i = 0; i < 8; i++) x |= (uint64_t)le[i] << 8 * i;
  return x;
}

static bool get_u64(struct bytes *b, uint64_t *x)
{
  unsigned char le[8];
  if (bytes_read(b, le, sizeof le) < sizeof le) return false;
  *x = u64_of(le);
  return true;
}

static void put_text(struct bytes *b, const char *text)
{
  put_u64(b, strlen(text));
  bytes_write(b, text, strlen(text));
}

/* ---- what must agree --------------------------------------------------------------------------------------------- */

/* What a state means: values of parameters, features with their units, wrappers. */
static uint64_t meaning(const struct policy_host *h)
{
  struct bytes b = {0};
  for (uint32_t i = 0; i < h->setup.n_parameters; i++) {
    put_text(&b, h->policy->parameter[i].name);
    bytes_write(&b, &h->setup.parameter[i].number, sizeof(double));
    put_text(&b, h->setup.parameter[i].text ? h->setup.parameter[i].text : "");
  }
  for (int f = 0; f < h->n_features; f++) {
    put_text(&b, h->feature[f]);
    put_text(&b, h->unit[f] ? h->unit[f] : "");
  }
  char wraps[1024] = "";
  wraps_print(h, wraps, sizeof wraps);
  put_text(&b, wraps);
  uint64_t hash = hash_bytes(b.at, b.n).lo;
  free(b.at);
  return hash;
}

struct fact { const char *name; uint64_t here; };
enum { N_STATE_FACTS = 8 };

static void state_facts(const struct policy_host *h, struct fact fact[N_STATE_FACTS])
{
  struct fact all[N_STATE_FACTS] = {
    {"ABI (major number)", h->policy->abi_major}, {"kinds of decision", h->setup.n_contexts},
    {"arms", h->setup.n_arms}, {"features", h->setup.n_features}, {"parameters", h->setup.n_parameters},
    {"bytes of a learner", h->policy->save ? 0 : h->state_size}, {"bytes of its wrappers", h->learner_bytes - h->wrap_at},
    {"scope", h->scope}};
  memcpy(fact, all, sizeof all);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static int save_by_policy(const struct policy_host *h, const void *state, const struct offsim_stream *to)
{
  desk_give(h, CALL_STATE, 0, 0, 0);
  int flaw = h->policy->save(state, to);
  desk_take(h);
  return flaw;
}

static bool put_state(const struct policy_host *h, const void *state, struct bytes *b, struct err *err)
{
  struct bytes own = {0};
  struct offsim_stream stream = stream_over(&own);
  int flaw = 0;
  if (h->policy->save) flaw = save_by_policy(h, state, &stream);
  else bytes_write(&own, state, h->state_size);
  put_u64(b, own.n);
  if (own.n) bytes_write(b, own.at, own.n);
  free(own.at);
  return flaw == 0 || err_plugin(err, "policy '%s' could not save its state (%d)", h->name, flaw);
}

static bool put_body(const struct policy_host *h, struct bytes *b, struct err *err)
{
  struct fact fact[N_STATE_FACTS];
  put_text(b, h->policy->name);
  state_facts(h, fact);
  for (int i = 0; i < N_STATE_FACTS; i++) put_u64(b, fact[i].here);
  put_u64(b, meaning(h));
  put_u64(b, h->learners.n);
  struct learner *all = learners_sorted(&h->learners);
  bool ok = true;
  for (size_t i = 0; ok && i < h->learners.n; i++) {
    put_u64(b, all[i].key);
    if (h->learner_bytes > h->wrap_at)
      bytes_write(b, (const char *)all[i].state + h->wrap_at, h->learner_bytes - h->wrap_at);
    ok = put_state(h, all[i].state, b, err);
  }
  free(all);
  return ok;
}

static const char magic[8] = {'O', 'F', 'F', 'S', 'I', 'M', 'L', 'S'};
enum { STATE_VERSION = 1, STATE_HEAD = 32 };            /* magic, version, length of the body, its checksum */

bool policy_host_save(struct policy_host *h, const struct offsim_stream *to, struct err *err)
{
  struct bytes body = {0}, head = {0};
  bool ok = put_body(h, &body, err);
  bytes_write(&head, magic, sizeof magic);
  put_u64(&head, STATE_VERSION);
  put_u64(&head, body.n);
  put_u64(&head, hash_bytes(body.at, body.n).lo);
  if (ok && (to->write(to->handle, head.at, head.n) < head.n || to->write(to->handle, body.at, body.n) < body.n))
    ok = err_system(err, "cannot write the state of policy '%s'", h->name);
  free(head.at);
  free(body.at);
  return ok;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool damaged(const struct policy_host *h, const char *how, struct err *err)
{
  return err_system(err, "the state for policy '%s' is damaged: %s", h->name, how);
}

static bool read_head(const struct policy_host *h, const struct offsim_stream *from, uint64_t *n, uint64_t *sum,
                      struct err *err)
{
  unsigned char head[STATE_HEAD];
  size_t got = from->read(from->handle, head, sizeof head);
  if (got < sizeof magic || memcmp(head, magic, sizeof magic) != 0)
    return err_add(err, h->at, "what policy '%s' is to start from is no saved state", h->name);
  if (got < sizeof head) return damaged(h, "it ends within its head", err);
  if (u64_of(head + 8) != STATE_VERSION)
    return err_add(err, h->at, "the state for policy '%s' has version %llu; this program reads %d", h->name,
                   (unsigned long long)u64_of(head + 8), STATE_VERSION);
  *n = u64_of(head + 16);
  *sum = u64_of(head + 24);
  return true;
}

/* The whole body, in steps, so that a damaged length takes no memory. */
static bool read_body(const struct policy_host *h, const struct offsim_stream *from, struct bytes *b, struct err *err)
{
  uint64_t n = 0, sum = 0;
  unsigned char step[4096];
  if (!read_head(h, from, &n, &sum, err)) return false;
  while (b->n < n) {
    size_t want = n - b->n < sizeof step ? (size_t)(n - b->n) : sizeof step, got = from->read(from->handle, step, want);
    if (got > 0) bytes_write(b, step, got);
    if (got < want) return damaged(h, "it ends too early", err);
  }
  return (n > 0 && hash_bytes(b->at, b->n).lo == sum) || damaged(h, "its checksum does not fit", err);
}

static bool check_name(const struct policy_host *h, struct bytes *b, struct err *err)
{
  char name[65] = "";
  uint64_t n = 0;
  if (!get_u64(b, &n) || n > 64 || bytes_read(b, name, (size_t)n) < n) return damaged(h, "it has no name", err);
  return strcmp(name, h->policy->name) == 0 ||
         err_add(err, h->at, "policy '%s' cannot start from a state of policy '%s'", h->policy->name, name);
}

static bool check_facts(const struct policy_host *h, struct bytes *b, struct err *err)
{
  struct fact fact[N_STATE_FACTS];
  uint64_t there = 0;
  bool ok = true;
  state_facts(h, fact);
  for (int i = 0; i < N_STATE_FACTS; i++) {
    if (!get_u64(b, &there)) return damaged(h, "it ends within its facts", err);
    if (there != fact[i].here)
      ok = err_add(err, h->at, "the state for policy '%s' does not fit: its %s: %llu, here %llu", h->name,
                   fact[i].name, (unsigned long long)there, (unsigned long long)fact[i].here);
  }
  if (!get_u64(b, &there)) return damaged(h, "it ends within its facts", err);
  if (ok && there != meaning(h))
    ok = err_add(err, h->at, "the state for policy '%s' was learned with other parameters, features or wrappers",
                 h->name);
  return ok;
}

static bool get_state(struct policy_host *h, void *state, struct bytes *b, struct err *err)
{
  uint64_t n = 0;
  if (!get_u64(b, &n) || n > b->n - b->read) return damaged(h, "it ends within a learner", err);
  struct bytes own = {.at = b->at + b->read, .n = (size_t)n};
  struct offsim_stream stream = stream_over(&own);
  b->read += (size_t)n;
  if (!h->policy->load || !h->policy->save) return bytes_read(&own, state, h->state_size) == h->state_size ||
                                                   damaged(h, "a learner is too short", err);
  desk_give(h, CALL_STATE, 0, 0, 0);
  int flaw = h->policy->load(state, &stream);
  desk_take(h);
  return flaw == 0 || err_plugin(err, "policy '%s' could not load its state (%d)", h->name, flaw);
}

static bool get_learner(struct policy_host *h, struct bytes *b, struct err *err)
{
  uint64_t key = 0;
  size_t wraps = h->learner_bytes - h->wrap_at;
  if (!get_u64(b, &key)) return damaged(h, "it ends before its last learner", err);
  char *state = learner_find(h, key);
  if (bytes_read(b, state + h->wrap_at, wraps) < wraps) return damaged(h, "it ends within a wrapper", err);
  return get_state(h, state, b, err);
}

bool policy_host_load(struct policy_host *h, const struct offsim_stream *from, struct err *err)
{
  struct bytes b = {0};
  uint64_t n = 0;
  bool ok = read_body(h, from, &b, err) && check_name(h, &b, err) && check_facts(h, &b, err);
  if (ok && !get_u64(&b, &n)) ok = damaged(h, "it does not say how many learners it has", err);
  for (uint64_t i = 0; ok && i < n; i++) ok = get_learner(h, &b, err);
  free(b.at);
  return ok;
}

/* ---- frozen ------------------------------------------------------------------------------------------------------ */

void policy_host_freeze(struct policy_host *h)
{
  if (!policy_host_learns(h) || h->frozen) return;
  h->frozen = arena_alloc(h->arena, h->learner_bytes + 1);
  if (h->loaded.python) policy_python_freeze(h->loaded.python);
  for (int i = 0; i < h->n_wraps; i++)
    if (h->wrap[i].guard) policy_host_freeze(h->wrap[i].guard);
}

bool policy_host_is_frozen(const struct policy_host *h) { return h->frozen != NULL; }
