/* A link that varies, for one entity.
 *
 * The k-th episode, rate step and idle time each draw from the stream (link and entity, k), so that the state needs no
 * generator of its own: what is kept is where it stands. Processes begin eight mean cycles before the run.
 *
 * Spikes: latency max(body, peak (1 - x)), x = share of the spike that is over. Rate: exp(s X_k), X stationary normal,
 * correlation rho^|i - j|; check: s = 1.48: P(factor <= 1) = 1/2, mean exp(s^2 / 2) = 2.99.
 * Loss (Gilbert 1960, Elliott 1963; parameter book 1.5): steady loss (p bad' + r good') / (p + r) with the probabilities
 * of loss in each state, mean stay in the bad state 1 / r; check: p = 0.002, r = 0.1, 0.7 and 1e-4: 1.38 %.
 */
#include "models/link_process.h"
#include "models/streams.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>

enum part { PART_EPISODE, PART_STEP, PART_IDLE, PART_PHASE, PART_LOSS, PART_STEP_DOWN, PART_IDLE_DOWN, PART_LOSS_STATE, PART_LOSS_STATE_DOWN };

/* Where something that happens again and again stands: number k lasts from `from` to `to`; k - 1 ended at `after`. */
struct turns { uint64_t k; sim_time after, from, to; };

/* The rate of both directions, or of one. */
struct rate_walk {
  const struct rate_process_def *def;
  enum part steps, stretches;
  struct turns idle;
  uint64_t step;
  double x, slow;                                       /* of this step */
  bool idle_step, known;
  sim_time step_ns, phase_ns;
};

/* Good or bad, from .. to; 64 cycles, number k, are drawn from one stream. */
struct loss_walk { uint64_t k; bool known, bad; sim_time from, to; struct rng rng; };

struct link_process {
  const struct link_process_def *def;
  struct rng_root root;
  uint64_t name;
  struct turns episode;
  bool outage;
  double peak_s;
  sim_time offset_ns;
  struct loss_walk *loss;                               /* up, down: behind the walks; NULL: nothing is lost */
  struct rate_walk walk[];                              /* up or both; down, where it has its own: no more than there are */
};

static const sim_time SHORTEST = 1000;                  /* ns: time passes whatever is drawn */
static const double CYCLES_BEFORE = 8, LONGEST_BEFORE_S = 1e8;

static uint64_t mixed(uint64_t x)
{
  x = (x ^ x >> 32) * UINT64_C(0xD6E8FEB86659FD93);
  x = (x ^ x >> 32) * UINT64_C(0xD6E8FEB86659FD93);
  return x ^ x >> 32;
}

static struct rng stream(const struct link_process *p, enum part part, uint64_t k)
{
  return rng_open(&p->root, STREAM_LINK_PROCESS, mixed(p->name + part), k);
}

static sim_time length_of(double s)
{
  sim_time t = s > 0 ? ns_from_s(s) : 0;
  return t > SHORTEST ? t : SHORTEST;
}

/* ---- body, spikes, outages --------------------------------------------------------------------------------------- */

static double rate_of(const struct dist *every_s)
{
  return every_s && dist_mean(every_s) > 0 ? 1 / dist_mean(every_s) : 0;
}

/* A time long enough before the run to have forgotten how it began; 0 where none is. */
static sim_time begin_before(double cycle_s)
{
  double before_s = CYCLES_BEFORE * cycle_s;
  return before_s > 0 && before_s < LONGEST_BEFORE_S ? -ns_from_s(before_s) : 0;
}

static double spike_mean_s(const struct spikes_def *d)
{
  return d->lasts_s ? dist_mean(d->lasts_s) : dist_mean(d->peak_s) * (d->stretch ? dist_mean(d->stretch) : 1);
}

static void episodes_begin(struct link_process *p)
{
  const struct spikes_def *spikes = &p->def->spikes;
  const struct link_outages_def *outages = &p->def->outages;
  double a = rate_of(spikes->every_s), b = rate_of(outages->every_s), cycle_s = 0;
  if (a + b > 0) cycle_s = 1 / (a + b);
  if (a > 0) cycle_s += a / (a + b) * spike_mean_s(spikes);
  if (b > 0) cycle_s += b / (a + b) * dist_mean(outages->lasts_s);
  p->episode = (struct turns){.to = begin_before(cycle_s)};
}

static double draw_or_never(const struct dist *d, struct rng *rng)
{
  return d ? dist_draw(d, rng) : INFINITY;
}

static void episode_next(struct link_process *p)
{
  const struct link_process_def *def = p->def;
  struct turns *e = &p->episode;
  struct rng rng = stream(p, PART_EPISODE, e->k++);
  double spike_s = draw_or_never(def->spikes.every_s, &rng), outage_s = draw_or_never(def->outages.every_s, &rng);
  double body_s = fmin(spike_s, outage_s), lasts_s = 0;
  p->outage = outage_s < spike_s;
  if (p->outage) {
    lasts_s = dist_draw(def->outages.lasts_s, &rng);
  } else if (isfinite(body_s)) {
    p->peak_s = dist_draw(def->spikes.peak_s, &rng);
    lasts_s = def->spikes.lasts_s ? dist_draw(def->spikes.lasts_s, &rng) : p->peak_s;
    if (def->spikes.stretch) lasts_s *= dist_draw(def->spikes.stretch, &rng);
  }
  e->after = e->to;
  e->from = time_add(e->to, isfinite(body_s) ? length_of(body_s) : SIM_NEVER);
  e->to = time_add(e->from, length_of(lasts_s));
}

static const struct turns *episode_at(struct link_process *p, sim_time now)
{
  if (p->episode.k == 0 || now < p->episode.after) {
    episodes_begin(p);
    episode_next(p);
  }
  while (p->episode.to <= now) episode_next(p);
  return &p->episode;
}

struct episode process_episode(struct link_process *p, sim_time now)
{
  const struct turns *e = episode_at(p, now);
  return (struct episode){p->outage ? EPISODE_OUTAGE : EPISODE_SPIKE, e->from, e->to, p->outage ? 0 : p->peak_s};
}

bool process_available(struct link_process *p, sim_time now, sim_time *until)
{
  *until = SIM_NEVER;
  if (!p->def->outages.every_s) return true;
  const struct turns *e = episode_at(p, now);
  bool inside = e->from <= now;
  *until = inside ? e->to : e->from;
  return !inside || !p->outage;
}

/* ---- latency ----------------------------------------------------------------------------------------------------- */

/* A wait that both ways share is paid once: what stands between two messages passes while the first one waits. */
static double one_way_s(const struct link_trace *t, double rtt_s)
{
  return rtt_s > 3 * t->median ? rtt_s - t->median / 2 : rtt_s / 2;
}

static double traced_latency_s(const struct link_process *p, sim_time now)
{
  const struct link_trace *t = p->def->rtt;
  sim_time at = time_add(now, p->offset_ns), begin = at, until;
  double rtt_s = link_trace_at(t, at, &until);
  while (isinf(rtt_s)) rtt_s = link_trace_at(t, at = until, &until);
  return s_from_ns(at - begin) + one_way_s(t, rtt_s);
}

double process_latency_s(struct link_process *p, sim_time now, double body_s)
{
  if (p->def->rtt) body_s = traced_latency_s(p, now);
  if (!p->def->spikes.every_s) return body_s;
  const struct turns *e = episode_at(p, now);
  if (now < e->from || p->outage) return body_s;
  double left = (double)(e->to - now) / (double)(e->to - e->from);
  return fmax(body_s, p->peak_s * left);
}

/* ---- rate -------------------------------------------------------------------------------------------------------- */

static void idle_next(const struct link_process *p, struct rate_walk *w)
{
  const struct rate_process_def *rate = w->def;
  struct turns *t = &w->idle;
  struct rng rng = stream(p, w->stretches, t->k++);
  double busy_mean_s = dist_mean(rate->idle_lasts_s) * (1 - rate->idle) / rate->idle;
  t->after = t->to;
  t->from = time_add(t->to, length_of(busy_mean_s * rng_exponential(&rng)));
  t->to = time_add(t->from, length_of(dist_draw(rate->idle_lasts_s, &rng)));
}

static bool idle_at(const struct link_process *p, struct rate_walk *w, sim_time now, sim_time *until)
{
  if (w->idle.k == 0 || now < w->idle.after) {
    w->idle = (struct turns){.to = begin_before(dist_mean(w->def->idle_lasts_s) / w->def->idle)};
    idle_next(p, w);
  }
  while (w->idle.to <= now) idle_next(p, w);
  bool inside = w->idle.from <= now;
  *until = inside ? w->idle.to : w->idle.from;
  return inside;
}

static void step_draw(const struct link_process *p, struct rate_walk *w, double correlation, double slow_correlation)
{
  struct rng rng = stream(p, w->steps, w->step);
  w->idle_step = rng_uniform(&rng) < w->def->idle;
  w->x = correlation * w->x + sqrt(1 - correlation * correlation) * rng_normal(&rng);
  if (w->def->slow_share > 0)
    w->slow = slow_correlation * w->slow + sqrt(1 - slow_correlation * slow_correlation) * rng_normal(&rng);
}

static void step_to(const struct link_process *p, struct rate_walk *w, uint64_t step)
{
  if (!w->known || step < w->step) {
    w->step = 0;
    w->known = true;
    step_draw(p, w, 0, 0);
  }
  while (w->step < step) {
    w->step++;
    step_draw(p, w, w->def->correlation, w->def->slow_correlation);
  }
}

static double step_value(const struct rate_walk *w)
{
  double share = w->def->slow_share;
  return share > 0 ? sqrt(1 - share) * w->x + sqrt(share) * w->slow : w->x;
}

/* Of the link's own rate. Phi(x) = erfc(-x / sqrt 2) / 2. */
static double rate_factor(const struct rate_process_def *rate, double x)
{
  if (!rate->factor)
    return exp(rate->sigma * x);
  size_t k = (size_t)(erfc(-x * M_SQRT1_2) / 2 * (double)rate->n_factors);
  return rate->factor[k < rate->n_factors ? k : rate->n_factors - 1];
}

static double modelled_rate(const struct link_process *p, struct rate_walk *w, sim_time now, sim_time *until)
{
  const struct rate_process_def *rate = w->def;
  uint64_t step = (uint64_t)((now + w->phase_ns) / w->step_ns);
  step_to(p, w, step);
  *until = time_add((sim_time)(step + 1) * w->step_ns, -w->phase_ns);
  bool idle = w->idle_step;
  if (rate->idle > 0 && rate->idle_lasts_s) {
    sim_time until_idle;
    idle = idle_at(p, w, now, &until_idle);
    if (until_idle < *until) *until = until_idle;
  }
  return idle ? 0 : rate_factor(rate, step_value(w));
}

static double traced_rate(const struct link_process *p, const struct link_trace *t, sim_time now, sim_time *until)
{
  double value = link_trace_at(t, time_add(now, p->offset_ns), until);
  if (*until != SIM_NEVER) *until -= p->offset_ns;
  return value / t->mean;
}

double process_rate(struct link_process *p, bool down, sim_time now, sim_time *until)
{
  sim_time changes = SIM_NEVER;
  const struct link_trace *t = p->def->capacity[down];
  bool own_down = down && p->def->rate_down, walks = own_down || p->def->rate;
  if (!process_available(p, now, until)) return 0;
  double factor = t ? traced_rate(p, t, now, &changes) : walks ? modelled_rate(p, &p->walk[own_down], now, &changes) : 1;
  if (changes < *until) *until = changes;
  return factor;
}

/* ---- loss -------------------------------------------------------------------------------------------------------- */

/* Trials up to and with the first success. */
static uint64_t trials(double probability, struct rng *rng)
{
  if (probability <= 0) return UINT64_MAX;
  if (probability >= 1) return 1;
  double n = floor(log(rng_uniform_open(rng)) / log1p(-probability));
  return n < 1e18 ? 1 + (uint64_t)n : UINT64_MAX;
}

/* Losses among packets [at, end) of one stay in a state. */
static uint64_t lose(double loss, struct rng *rng, uint64_t at, uint64_t end, lost_fn *fn, void *context)
{
  uint64_t lost = 0, step;
  while ((step = trials(loss, rng)) <= end - at) {
    at += step;
    lost++;
    if (fn) fn(context, at - 1);
  }
  return lost;
}

uint64_t loss_run(const struct loss_def *d, struct rng *rng, uint64_t n, lost_fn *fn, void *context)
{
  double both = d->to_bad + d->to_good;
  bool bad = both > 0 && rng_uniform(rng) < d->to_bad / both;
  uint64_t lost = 0;
  for (uint64_t at = 0; at < n; bad = !bad) {
    uint64_t stay = trials(bad ? d->to_good : d->to_bad, rng), end = stay < n - at ? at + stay : n;
    lost += lose(bad ? d->bad : d->good, rng, at, end, fn, context);
    at = end;
  }
  return lost;
}

/* Rates of leaving, a second, of the process that steps so from packet to packet: (a + b) packet_s = -log(1 - p - r). Check: p
 * .002, r .1, 1 ms: stays of 9.29 ms in the bad state and 465 ms in the good one. */
struct leave { double good, bad; };

static struct leave leave_of(const struct loss_def *d, bool down)
{
  double both = d->to_bad + d->to_good, k = both < 1 ? -log1p(-both) / (both * d->packet_s[down]) : 1 / d->packet_s[down];
  return (struct leave){k * d->to_bad, k * d->to_good};
}

static sim_time stay_of(double rate, struct rng *rng)
{
  double s = rng_exponential(rng) / rate;
  return s < LONGEST_BEFORE_S ? 1 + (sim_time)(s * 1e9) : ns_from_s(LONGEST_BEFORE_S);
}

static void loss_begin(const struct link_process *p, struct loss_walk *w, bool down, uint64_t k, sim_time from)
{
  const struct loss_def *d = p->def->loss;
  *w = (struct loss_walk){.k = k, .known = true, .from = from, .rng = stream(p, down ? PART_LOSS_STATE_DOWN : PART_LOSS_STATE, k)};
  w->bad = rng_uniform(&w->rng) < d->to_bad / (d->to_bad + d->to_good);
}

static const int EPOCH_CYCLES = 64;

bool process_loses(struct link_process *p, bool down, sim_time now, sim_time *until)
{
  const struct loss_def *d = p->def->loss;
  struct loss_walk *w = &p->loss[down];
  struct leave leave = leave_of(d, down);
  *until = SIM_NEVER;
  if (d->to_bad <= 0 || d->to_good <= 0) return d->to_good <= 0 && d->to_bad > 0;
  double epoch_s = fmin(EPOCH_CYCLES * (1 / leave.good + 1 / leave.bad), LONGEST_BEFORE_S);
  sim_time epoch = length_of(epoch_s);
  uint64_t k = (uint64_t)(now / epoch);
  sim_time begin = (sim_time)k * epoch, end = time_add(begin, epoch);
  if (!w->known || w->k != k || now < w->from) {
    loss_begin(p, w, down, k, begin);
    w->to = time_add(begin, stay_of(w->bad ? leave.bad : leave.good, &w->rng));
  }
  while (w->to <= now) {
    w->from = w->to;
    w->bad = !w->bad;
    w->to = time_add(w->from, stay_of(w->bad ? leave.bad : leave.good, &w->rng));
  }
  *until = w->to < end ? w->to : end;
  return w->bad;
}

/* Of n packets, one each packet_s from `at`, in the states of those times. */
static uint64_t lose_in_time(struct link_process *p, bool down, sim_time at, uint64_t n, struct rng *rng)
{
  const struct loss_def *d = p->def->loss;
  double packet_ns = d->packet_s[down] * 1e9;
  uint64_t lost = 0;
  for (uint64_t i = 0; i < n;) {
    sim_time until, here = time_add(at, (sim_time)((double)i * packet_ns));
    bool bad = process_loses(p, down, here, &until);
    double more = until == SIM_NEVER ? (double)(n - i) : ceil((double)(until - here) / packet_ns);
    uint64_t stay = more < 1 ? 1 : more < (double)(n - i) ? (uint64_t)more : n - i;
    lost += lose(bad ? d->bad : d->good, rng, 0, stay, NULL, NULL);
    i += stay;
  }
  return lost;
}

struct losses process_losses(struct link_process *p, bool down, sim_time now, double bytes, uint64_t key)
{
  struct losses sum = {0};
  const struct loss_def *d = p->def->loss;
  if (!d) return sum;
  struct rng rng = stream(p, PART_LOSS, key);
  bool in_time = d->packet_s[down] > 0 && d->to_bad + d->to_good < 1;
  uint64_t n = sum.of = bytes > d->packet_bytes ? (uint64_t)ceil(bytes / d->packet_bytes) : 1;
  for (;;) {
    double took_s = (double)n * d->packet_s[down] + d->retransmit_s;
    n = in_time ? lose_in_time(p, down, now, n, &rng) : loss_run(d, &rng, n, NULL, NULL);
    if (n == 0) return sum;
    now = time_add(now, ns_from_s(took_s));
    sum.rounds++;
    sum.packets += n;
  }
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static sim_time longest_trace(const struct link_process_def *def)
{
  const struct link_trace *all[] = {def->capacity[0], def->capacity[1], def->rtt};
  sim_time longest = 0;
  for (int i = 0; i < 3; i++)
    if (all[i] && all[i]->length > longest) longest = all[i]->length;
  return longest;
}

static struct rate_walk walk_new(const struct rate_process_def *def, enum part steps, enum part stretches, double phase)
{
  struct rate_walk w = {.def = def, .steps = steps, .stretches = stretches, .step_ns = def ? length_of(def->step_s) : 0};
  w.phase_ns = (sim_time)(phase * (double)w.step_ns);
  return w;
}

struct link_process *process_new(const struct link_process_def *def, const struct rng_root *root, const char *link,
                                 uint64_t entity)
{
  size_t walks = def->rate_down ? 2 : def->rate ? 1 : 0;
  size_t bytes = sizeof(struct link_process) + walks * sizeof(struct rate_walk) + (def->loss ? 2 * sizeof(struct loss_walk) : 0);
  struct link_process *p = zeros_new(1, bytes);
  if (def->loss) p->loss = (struct loss_walk *)(void *)(p->walk + walks);
  p->def = def;
  p->root = *root;
  p->name = mixed(rng_name(link)) ^ mixed(entity + UINT64_C(0x9E3779B97F4A7C15));
  struct rng rng = stream(p, PART_PHASE, 0);
  double phase = rng_uniform(&rng), offset = rng_uniform(&rng);
  if (def->rate || def->rate_down) p->walk[0] = walk_new(def->rate, PART_STEP, PART_IDLE, phase);
  if (def->rate_down) p->walk[1] = walk_new(def->rate_down, PART_STEP_DOWN, PART_IDLE_DOWN, phase);
  p->offset_ns = def->offset_s >= 0 ? ns_from_s(def->offset_s) : (sim_time)(offset * (double)longest_trace(def));
  return p;
}

void process_free(struct link_process *p) { free(p); }
