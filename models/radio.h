/* radio.h: the radio of one device on one link: a state machine for latency and for energy.
 *
 * After its last transfer a radio passes through stages, one after the other: it listens all the time, then in short and
 * in long cycles (DRX), perhaps stays half asleep (RRC_INACTIVE), and at last is idle until it is used again. Nothing
 * happens between two uses, so the state at a time follows from the last one: no timers, no events.
 *
 *   promotion (resume of the stage that it was in) -> transfer -> stage 0 -> stage 1 -> ... -> idle
 *
 * While it transfers, P = up x rate up + down x rate down + base; by rate means by byte, so only `base` takes time.
 * Source of the form and of the 2012 numbers: Huang et al., MobiSys 2012. Cycles lie at fixed times of the clock, moved
 * by `phase` from device to device.
 * Check, LTE 2012: an idle radio sends 10 MB at 5 Mbit/s: promotion 0.2601 s x 1.2107 W = 0.31490307 J, transfer
 * 16 s x (0.43839 x 5 + 1.28804) W = 55.67984 J, tail 11.576 s x 1.06 W = 12.27056 J.
 *
 * Two ledgers: a use is charged what the radio spends because of it, given what was before: the promotion, its bytes, its
 * part of `base` (shared equally with the transfers beside it), and the tail that now ends later than before. Uses that
 * follow one another so share one tail, and each pays for as much as it made it longer. Idle power is residual.
 */
#ifndef OFFSIM_MODELS_RADIO_H
#define OFFSIM_MODELS_RADIO_H

#include "sim/sim.h"

enum { RADIO_STAGES = 8 };

/* power_w all the time, and on_w more during the first on_s of each cycle_s (0: no cycle, it hears at once). resume: before
 * data flow again. The last stage is idle and lasts (its for_s is not read). */
struct radio_stage { const char *name; double for_s, power_w, cycle_s, on_s, on_w, resume_s, resume_w; };
struct radio_def {
  const char *name;
  double up_j_per_byte, down_j_per_byte, base_w;
  double anchor_s, anchor_byte_per_s[2];                /* after a promotion from idle: at most these rates (up, down) so long */
  int n_stages; struct radio_stage stage[RADIO_STAGES];
};

/* All zero: idle since the start. direct_j: spent because of what used it, the rest of the tail included; idle_j: spent
 * idle until `at`. share_s: seconds of base_w that each transfer pays that was there all the time. */
struct radio {
  sim_time since, at;                                   /* stages count from since; accounted until */
  double share_s, direct_j, idle_j, saved_j;            /* saved_j: of an earlier tail, by those that transfer now */
  uint32_t active;
  bool woken;                                           /* it was used once */
};

enum { RADIO_PROMOTED = -2, RADIO_CONNECTED = -1 };     /* what is no stage */
/* Its stage at `now` (>= the last use), or one of these two. */
int radio_stage_at(const struct radio_def *, const struct radio *, sim_time now);
/* From now until data can flow: a device resumes at once, the network waits until the device listens. */
sim_time radio_wait(const struct radio_def *, const struct radio *, sim_time now, sim_time phase, bool by_network);

/* By how much later a message is through that flows at byte_per_s when it would have flowed at `slow` for the first slow_s:
 * min(bytes, slow slow_s) (1 / slow - 1 / byte_per_s). 30 MB at 5 and 20 MB/s, 1.65 s: 1.2375 s. byte_per_s 0: no limit. */
double radio_anchor_s(double bytes, double byte_per_s, double slow, double slow_s);

/* A transfer begins; data flow `*wait` later. Joules that this alone causes. */
double radio_begin(const struct radio_def *, struct radio *, sim_time now, sim_time phase, bool by_network,
                   sim_time *wait);
/* It ends, cut or not: its part of `base` since its share_s was `share_s`, and, if it is the last, the tail less what
 * was saved of an earlier one. Bytes are the caller's. A transfer that waits for a promotion notes share_s at its begin. */
double radio_end(const struct radio_def *, struct radio *, sim_time now, sim_time phase, double share_s);
/* From `from` until now it heard something so often that it did not leave its first stage. Joules that this causes. */
double radio_hold(const struct radio_def *, struct radio *, sim_time from, sim_time now, sim_time phase);
double radio_byte_j(const struct radio_def *, bool up, double bytes);

/* Joules of the whole tail after an end at `from`, those of it after `now`, and of all until now (>= the last use). */
double radio_tail_j(const struct radio_def *, sim_time from, sim_time now, sim_time phase);
double radio_energy_j(const struct radio_def *, const struct radio *, sim_time now, sim_time phase);
/* Of that, idle until now: residual. */
double radio_idle_j(const struct radio_def *, const struct radio *, sim_time now, sim_time phase);

/* What it draws idle, on the average; and what it has spent idle, less that power until the end of its tail (over: until
 * now): what a battery that pays for uses at once, and for this power all the time, still owes. */
double radio_rest_w(const struct radio_def *);
double radio_rest_j(const struct radio_def *, const struct radio *, sim_time now, sim_time phase, bool over);

/* For estimates: seconds until data flow (mean over phases) and joules of a use now, without its transfer. */
struct radio_expected { double wait_s, joule; };
struct radio_expected radio_expect(const struct radio_def *, const struct radio *, sim_time now, bool by_network);

#endif
