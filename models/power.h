/* power.h: watts of a server as a function of its load and its clock; grams of CO2e of joules.
 *
 * Load u is the share of what is busy, in [0, 1]. Power beyond idle = (busy - idle) x share(u), share(0) = 0, share(1) = 1
 * (a table may pass 1 in between). A GPU draws by how many requests run on it rather than by its share of them: its power
 * states are bare, with a context (a model is loaded), and busy with a batch (parameter book 4.2, 4.3). Sources: parameter book 5.1 (EPYC 8024P by RAPL; the concave form of Fan, Weber and
 * Barroso, ISCA 2007, with h = 1.4), 5.3 (carbon intensity).
 */
#ifndef OFFSIM_MODELS_POWER_H
#define OFFSIM_MODELS_POWER_H

enum power_shape { POWER_LINEAR, POWER_CONCAVE, POWER_TABLE, POWER_BATCH };
enum { POWER_POINTS = 11, HOURS = 24 };

/* exponent: h of the concave shape. share: of the table, at 0, 10 .. 100 %. frequency: clock as a share of the top one;
 * the power beyond idle goes with its `cube`-th power, what is bound by computing with 1 / frequency. */
struct power_def {
  enum power_shape shape;
  double exponent;
  double share[POWER_POINTS];
  int n_batch; const double *batch, *batch_share;       /* POWER_BATCH: requests of a server, ascending; the last share is 1 */
  double frequency, cube;
};
struct power_def power_def_default(void);               /* linear, at the top clock, cube 3 */

double power_share(const struct power_def *, double load);              /* NULL: linear; not by batch */
/* The same where a full server runs `most` requests. By batch: constant up to the first point (one request keeps the memory
 * busy), linear in the logarithm between points; below one request, that share of the time one runs. */
double power_share_of(const struct power_def *, double load, double most);
double power_clock(const struct power_def *);           /* factor on the power beyond idle: frequency^cube; NULL: 1 */

/* Joules of one second's worth of work at the top clock, of which `compute` (0..1) is bound by computing and the rest by
 * memory: (compute / f + 1 - compute) x (static_w + dynamic_w f^3). */
double power_work_j(double static_w, double dynamic_w, double compute, double f);
/* The clock in [lowest, 1] that does such work with the fewest joules. */
double power_best_clock(double static_w, double dynamic_w, double compute, double lowest);

/* g CO2e per kWh by hour of the day; time 0 of a run is `start_hour`. */
struct carbon_def { double g_per_kwh[HOURS]; double start_hour; };
double carbon_mean_g_per_j(const struct carbon_def *, double from_s, double to_s);      /* over an interval; at it if empty */

#endif
