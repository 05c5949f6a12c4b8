/* power_of_d: ask d servers drawn at random without replacement, join the shortest queue of these (Mitzenmacher 2001;
 * Vvedenskaya, Dobrushin and Karpelevich 1996).
 *
 * Candidates as for jsq: allowed actions for single members, else all allowed ones; with fewer than d all are asked.
 * Ties: one of the shortest that were asked, each as likely. With n candidates, `below` of them shorter than the chosen
 * one and `same` as long (itself included), its propensity is (C(n - below, d) - C(n - below - same, d)) / C(n, d) / same.
 * Check: n = 4, d = 2, queues 0, 1, 2, 3: propensities 1/2, 1/3, 1/6, 0. Mean sojourn of many servers at load lambda:
 * sum over i of lambda^((d^i - d)/(d - 1)) service times.
 */
#include "policies/policy_util.h"

enum { MAX_D = 4096, FEW = 64 };
/* The d of n that are asked: few as a set; many are drawn on the way, each with the share of those still wanted. */
struct draw { uint32_t n, d, few, set[FEW]; };

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(uint32_t); }

static const char *init(const struct offsim_setup *s, void *state)
{
  *(uint32_t *)state = (uint32_t)s->parameter[0].number;
  return NULL;
}

/* A set of d of 0 .. n-1, each as likely (Floyd). */
static struct draw draw_begin(const struct offsim_context *c, uint32_t n, uint32_t d)
{
  struct draw w = {.n = n, .d = d, .few = d <= FEW && d < n ? d : 0};
  for (uint32_t k = 0; k < w.few; k++) {
    uint32_t last = n - d + k, x = (uint32_t)c->draw->below(c->random, last + 1u);
    w.set[k] = x;
    for (uint32_t i = 0; i < k; i++)
      if (w.set[i] == x) w.set[k] = last;
  }
  return w;
}

/* Is x asked? To be called for x = 0, 1 ... n-1 (many: Fan, Muller and Rezucha 1962, selection sampling). */
static bool draw_has(struct draw *w, const struct offsim_context *c, uint32_t x)
{
  for (uint32_t i = 0; i < w->few; i++)
    if (w->set[i] == x) return true;
  if (w->few || w->d == 0) return false;
  if (w->d < w->n - x && c->draw->below(c->random, w->n - x) >= w->d) return false;
  w->d--;
  return true;
}

/* C(m, d) / C(n, d). */
static double choose_ratio(uint32_t m, uint32_t n, uint32_t d)
{
  double ratio = 1;
  for (uint32_t i = 0; i < d; i++) ratio *= m > i ? (double)(m - i) / (double)(n - i) : 0;
  return ratio;
}

static double propensity_of(const struct offsim_context *c, bool single, uint32_t n, uint32_t d, double queue)
{
  uint32_t below = 0, same = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_candidate(c, a, single)) continue;
    double other = util_queue(c, a);
    below += other < queue;
    same += other == queue;
  }
  return (choose_ratio(n - below, n, d) - choose_ratio(n - below - same, n, d)) / same;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *out, void *memo)
{
  (void)memo;
  bool single = util_has_members(c);
  uint32_t n = 0, nth = 0, ties = 0, d = *(const uint32_t *)state;
  for (uint32_t a = 0; a < c->n_actions; a++) n += util_candidate(c, a, single);
  d = d < n ? d : n;
  struct draw asked = draw_begin(c, n, d);
  double least = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_candidate(c, a, single) || !draw_has(&asked, c, nth++)) continue;
    double queue = util_queue(c, a);
    if (ties > 0 && queue > least) continue;
    ties = ties > 0 && queue == least ? ties + 1 : 1;
    least = queue;
    if (ties == 1 || c->draw->below(c->random, ties) == 0) out->action = (int32_t)a;
  }
  out->propensity = propensity_of(c, single, n, d, least);
}

static const struct offsim_parameter parameters[] = {
  {.name = "d", .type = OFFSIM_INTEGER, .help = "servers asked", .min = 1, .max = MAX_D, .number = 2}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "power_of_d", .description = "the shortest queue of d servers drawn at random",
  .citation = "Mitzenmacher: The power of two choices in randomized load balancing, IEEE TPDS 12 (2001) 1094",
  .capabilities = OFFSIM_STOCHASTIC, .columns = OFFSIM_COLUMN_QUEUE, .n_parameters = 1, .parameter = parameters,
  .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
