/* link_process.h: how one link varies for one of those who use it: bursts of delay, outages, rate, loss.
 *
 * The state of (link, entity) is a function of time. It is drawn from streams of its own, keyed by the link's name and
 * the entity, in the order of its own time: who asks, when and how often changes nothing, so two policies meet the same
 * network. Generated as far as somebody asked; asking for the past is allowed and begins anew.
 *
 * Body, spike, outage (semi-Markov): after a body of length min(to the next spike, to the next outage) the nearer one
 * begins; then a body again. A message that begins x of the way through a spike has latency max(body, peak (1 - x)): as
 * after a handover, what was sent while nothing passed arrives together at the end. In an outage nothing moves.
 * Rate: log R_k = log m + s X_k, X_k = rho X_{k-1} + sqrt(1 - rho^2) Z_k, a step every step_s, and idle times of rate 0;
 * with a slow part sqrt(1 - w) X + sqrt(w) Y, Y of the same form with a correlation of its own.
 * Loss: Gilbert-Elliott per packet; what is lost is sent again after retransmit_s, and again. The state is one of time: good
 * and bad stays of a two-state Markov process which, looked at each packet_s, steps with the given probabilities. A burst
 * outlasts a message and meets the next one. So that any moment is found at once the process begins anew, from its shares of
 * time, every 64 mean cycles: one burst in 64 / pi is cut in two, pi the bad share.
 * Traces stand in for the rate (capacity) or for the latency (RTT), from an offset drawn for each entity.
 *
 * Source: parameter book 1.1 to 1.5 (docs/equations.md, "Links that vary"). Check: every 1 s, lasts 1 s, peak 1 s (all
 * constant): at 1.25 s into the cycle the latency is 0.75 s.
 */
#ifndef OFFSIM_MODELS_LINK_PROCESS_H
#define OFFSIM_MODELS_LINK_PROCESS_H

#include "models/link_trace.h"
#include "sim/dist.h"
#include "sim/rng.h"
#include "sim/sim.h"

/* every_s: length of the body before one, NULL: there are none. Spikes: lasts_s NULL: `stretch` (NULL: 1) times their peak. */
struct spikes_def { const struct dist *every_s, *lasts_s, *peak_s, *stretch; };
struct link_outages_def { const struct dist *every_s, *lasts_s; };
/* sigma of log R, correlation from step to step; the share of time without rate, in stretches of idle_lasts_s (NULL: each
 * step alone). */
/* factor: n_factors rising quantiles that stand for exp(sigma X): of X the one of rank Phi(X). NULL: the log-normal. */
/* slow: a second process with a share of the variance of X and a correlation of its own. */
struct rate_process_def { double sigma, correlation, step_s, idle; const struct dist *idle_lasts_s; const double *factor;
                          size_t n_factors; double slow_share, slow_correlation; };
/* Per packet: probability to go from good to bad and back; of loss in either. packet_s: from packet to packet, up and down, at
 * the link's own rate; 0: none, then each message begins with the states' shares of time. */
struct loss_def { double to_bad, to_good, bad, good, packet_bytes, retransmit_s, packet_s[2]; };

/* Whose state it is. Rates and outages belong to who shares the rate: link_def.shared_by; of nobody's: the device, or the
 * link where it has no device at an end. */
enum process_per { PER_DEVICE, PER_CELL, PER_LINK };
struct link_process_def {
  struct spikes_def spikes;
  struct link_outages_def outages;
  const struct rate_process_def *rate, *rate_down;      /* NULL: constant; of down: as rate. At most one of rate and capacity */
  const struct loss_def *loss;                          /* NULL: none */
  const struct link_trace *capacity[2], *rtt;           /* up, down; NULL: none */
  double offset_s;                                      /* where traces begin; negative: drawn */
  enum process_per sharer, per;                         /* of rate and outages; of spikes, loss and RTT */
};

struct link_process;
/* The def and the traces must outlive it. */
struct link_process *process_new(const struct link_process_def *, const struct rng_root *, const char *link,
                                 uint64_t entity);
void process_free(struct link_process *);

/* One-way latency of a message that begins at `now`, given what it would be by the link's own distribution (drawn by
 * message). RTT traces replace it: half of what was measured at that moment; a wait of more than three medians is taken
 * as one for both ways (RTT - median / 2). INFINITY never: who is lost waits for the next one that was not. */
double process_latency_s(struct link_process *, sim_time now, double body_s);
/* Factor on the link's own rate, 0 in idle times and outages, until *until (> now; SIM_NEVER: for good). Of a capacity
 * trace: its value over its mean. */
double process_rate(struct link_process *, bool down, sim_time now, sim_time *until);
/* False in an outage, until *until; true until the next one begins. */
bool process_available(struct link_process *, sim_time now, sim_time *until);

/* Losses of one message that begins at `now`: rounds of retransmission, packets it has, and packets sent again. `key` names the
 * message: which packets of a state are lost. */
struct losses { uint32_t rounds; uint64_t of, packets; };
struct losses process_losses(struct link_process *, bool down, sim_time now, double bytes, uint64_t key);
/* Is the state the bad one; until when. packet_s[down] is above 0. */
bool process_loses(struct link_process *, bool down, sim_time now, sim_time *until);

/* ---- for tests and fits ---- */
/* One run of n packets from the stationary state; fn for each lost one, in order. Returns how many. */
typedef void lost_fn(void *context, uint64_t packet);
uint64_t loss_run(const struct loss_def *, struct rng *, uint64_t n, lost_fn *, void *context);
/* Episodes in order: kind, from, to, peak of the first one that ends after `now`. */
struct episode { enum { EPISODE_SPIKE, EPISODE_OUTAGE } kind; sim_time from, to; double peak_s; };
struct episode process_episode(struct link_process *, sim_time now);

#endif
