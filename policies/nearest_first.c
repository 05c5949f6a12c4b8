/* nearest_first: places from near to far, the nearest one that is not too busy first, and after it the next ones.
 *
 * Near to far: the own device (where `local` says first), another device, the attachment at the edge, the edge, the
 * cloud; places of one kind in the scenario's order, and at a place the action with the highest estimated reward. The
 * choice is the first place with at most `queue_above` jobs by telemetry (not known: taken as free), where all have more
 * the one with the highest estimated reward. The places after it are its fallbacks, in order, four at most, so that an
 * attempt that fails or is late goes on at the next tier; with `local: last` the own device ends the list. Check: edge
 * with 3 jobs, queue_above 2: the cloud, and then the device.
 */
#include "policies/policy_util.h"

enum { LOCAL, QUEUE_ABOVE, TIERS };
enum { LOCAL_FIRST, LOCAL_LAST, LOCAL_NEVER };
struct nearest_first { struct util_weights weights; double queue_above; uint32_t tiers; int32_t local; };

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(struct nearest_first); }

static const char *init(const struct offsim_setup *s, void *state)
{
  *(struct nearest_first *)state = (struct nearest_first){
    util_objective(s), s->parameter[QUEUE_ABOVE].number, (uint32_t)s->parameter[TIERS].number,
    (int32_t)s->parameter[LOCAL].number};
  return NULL;
}

/* Tiers at most, from near to far; returns their number. */
enum { MOST = 5 };
static uint32_t ladder(const struct nearest_first *n, const struct offsim_context *c, int32_t *step)
{
  uint64_t rung = 0;
  uint32_t k = 0;
  int32_t own = UTIL_NONE, a;
  while (k < n->tiers && (a = util_climb(&n->weights, c, &rung)) != UTIL_NONE) {
    bool first = n->local == LOCAL_FIRST || util_rank(c, (uint32_t)a) != UTIL_OWN;
    if (first) step[k++] = a;
    else own = a;
  }
  if (own != UTIL_NONE && (k == 0 || (n->local == LOCAL_LAST && k < n->tiers))) step[k++] = own;
  return k;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  const struct nearest_first *n = state;
  int32_t step[MOST];
  uint32_t k = ladder(n, c, step), at = 0;
  while (at < k && c->queue[step[at]] > n->queue_above) at++;
  d->action = at < k ? step[at] : util_best(&n->weights, c, UTIL_ANY);
  while (at < k && ++at < k) d->fallback[d->n_fallbacks++] = step[at];
}

static const struct offsim_parameter parameters[] = {
  {.name = "local", .type = OFFSIM_CHOICE, .help = "when the own device is asked", .text = "last",
   .choices = "first|last|never"},
  {.name = "queue_above", .type = OFFSIM_NUMBER, .help = "a place with more jobs is passed over", .min = 0, .max = 1e300,
   .number = 1e300},
  {.name = "tiers", .type = OFFSIM_INTEGER, .help = "places asked at most, one after another", .min = 1, .max = MOST,
   .number = MOST}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "nearest_first", .citation = "",
  .description = "the nearest place that is not too busy, then the next tier",
  .columns = OFFSIM_COLUMNS_ESTIMATES | OFFSIM_COLUMN_QUEUE, .n_parameters = 3, .parameter = parameters,
  .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
