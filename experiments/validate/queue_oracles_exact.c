/* Several servers whose service is constant or Erlang: exact but for a cut of the chain, where less than 1e-12 is left.
 *
 * M/D/c (Crommelin 1932; Franx, Oper. Res. Lett. 29, 2001): seen every D, N' = max(0, N - c) + Poisson(lambda D), which is
 * also the distribution at any time. With Q_j = P(N <= c + j), (k - 1) D <= x < k D and y = lambda (k D - x):
 *   P(W <= x) = exp(-y) sum_{j < kc} Q_{kc-j-1} y^j / j!
 * M/E_k/c: a chain over the number of jobs and how many of the busy servers are in each of the k phases. While all are busy,
 * phases end at the rate c k mu = Lambda, whosever they are: the wait of who finds n >= c is a number of such ends, until the
 * (n - c + 1)th departure; his own phases end with probability 1/c at each. So T is Erlang(M, Lambda), M a number whose
 * distribution follows by counting ends:  P(T > t) = sum_m P(M > m) exp(-Lambda t) (Lambda t)^m / m!
 * Both chains are solved without subtractions (Grassmann, Taksar and Heyman, Oper. Res. 33, 1985), within a band.
 * Checkable: M/D/1 and M/E_k/1 are Pollaczek-Khinchine, M/E_1/c is Erlang C; M/D/c: Crommelin's series for the mean wait,
 * D sum_i exp(-ia) [P_i(ic) - P_i(ic + 1) c / a], a = lambda D, P_i(n) = sum_{j >= n} (ia)^j / j!. */
#include "experiments/validate/queue_oracles.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a chain within a band ------------------------------------------------------------------------------------------ */

/* Rate (or probability) from i to j at rate[i (2 band + 1) + j - i + band], for |i - j| <= band. */
struct chain { int n, band; double *rate; };

static double *rate_of(const struct chain *c, int i, int j)
{
  return &c->rate[(size_t)i * (size_t)(2 * c->band + 1) + (size_t)(j - i + c->band)];
}

static struct chain chain_new(int n, int band)
{
  return (struct chain){n, band, zeros_new((size_t)n * (size_t)(2 * band + 1), sizeof(double))};
}

/* Takes state s out: who went there goes on to where it leads. */
static void take_out(const struct chain *c, int s)
{
  int first = s > c->band ? s - c->band : 0;
  double out = 0;
  for (int j = first; j < s; j++) out += *rate_of(c, s, j);
  for (int i = first; i < s; i++) {
    double *in = rate_of(c, i, s);
    *in /= out;
    for (int j = first; *in > 0 && j < s; j++)
      if (j != i) *rate_of(c, i, j) += *in * *rate_of(c, s, j);
  }
}

/* p[n]: long-run shares. The rates are used up. */
static void chain_solve(const struct chain *c, double *p)
{
  double total = p[0] = 1;
  for (int s = c->n - 1; s > 0; s--) take_out(c, s);
  for (int s = 1; s < c->n; s++) {
    p[s] = 0;
    for (int i = s > c->band ? s - c->band : 0; i < s; i++) p[s] += p[i] * *rate_of(c, i, s);
    total += p[s];
  }
  for (int s = 0; s < c->n; s++) p[s] /= total;
}

/* ---- what both tell ------------------------------------------------------------------------------------------------- */

typedef double cdf_fn(const void *context, double t);

static void expect_from_cdf(struct expectations *e, double shift, double unit, cdf_fn *cdf, const void *context)
{
  static const double ps[] = {0.95, 0.99};
  for (int k = 0; k < 2; k++) {
    double low = 0, high = unit, h = 1e-5 * unit;
    while (cdf(context, high) < ps[k]) high *= 2;
    for (int i = 0; i < 60; i++) {
      double middle = (low + high) / 2;
      *(cdf(context, middle) < ps[k] ? &low : &high) = middle;
    }
    double density = (cdf(context, high + h) - cdf(context, high - h)) / (2 * h);
    e->at[e->n++] = (struct expectation){.quantity = QUANTILE, .p = ps[k], .value = shift + high, .density = density};
  }
}

static void expect_means(struct expectations *e, const struct several_servers *s, double jobs)
{
  double service = dist_mean(s->service);
  expect(e, UTILIZATION, s->place, s->lambda * service / s->servers);
  expect(e, IN_SYSTEM, s->place, jobs);
  expect(e, WAIT, s->place, jobs / s->lambda - service);
  expect(e, SOJOURN, 0, jobs / s->lambda);
}

/* ---- M/D/c ---------------------------------------------------------------------------------------------------------- */

enum { MDC_STATES = 1500, MDC_BAND = 160 };
struct mdc { double lambda, d; int c; double within[MDC_STATES]; };     /* within: P(N <= n) */

static double mdc_wait(const void *context, double x)
{
  const struct mdc *m = context;
  int k = (int)(x / m->d) + 1;
  double y = m->lambda * (k * m->d - x), term = exp(-y), sum = 0;
  for (int j = 0; j < k * m->c; j++) {
    int n = k * m->c - j - 1 + m->c;
    sum += term * (n < MDC_STATES ? m->within[n] : 1);
    term *= y / (j + 1);
  }
  return sum;
}

/* Arrivals within D beyond what the band or the chain holds count as the most that they hold. */
static void mdc_rates(const struct chain *chain, double mean, int c)
{
  for (int i = 0; i < chain->n; i++) {
    int left = i > c ? i - c : 0;
    double term = exp(-mean);
    for (int a = 0; left + a < chain->n && left + a - i <= chain->band; a++) {
      *rate_of(chain, i, left + a) += term;
      term *= mean / (a + 1);
    }
  }
}

bool oracle_mdc(const struct world_def *d, struct expectations *e, char why[160])
{
  struct several_servers s;
  if (!several_servers(d, &s, why)) return false;
  if (strcmp(s.service->kind->name, "constant")) return refuse(why, "needs constant service");
  if (s.servers > 32) return refuse(why, "needs at most 32 servers");
  static _Thread_local struct mdc m;
  double p[MDC_STATES], jobs = 0, sum = 0;
  m = (struct mdc){.lambda = s.lambda, .d = dist_mean(s.service), .c = s.servers};
  struct chain chain = chain_new(MDC_STATES, MDC_BAND);
  mdc_rates(&chain, m.lambda * m.d, m.c);
  chain_solve(&chain, p);
  free(chain.rate);
  if (p[MDC_STATES - 1] > 1e-12) return refuse(why, "the load is too near to 1 to cut the chain");
  for (int n = 0; n < MDC_STATES; n++) jobs += n * p[n], m.within[n] = sum += p[n];
  expect_means(e, &s, jobs);
  expect_from_cdf(e, m.d, m.d, mdc_wait, &m);
  return true;
}

/* ---- M/E_k/c -------------------------------------------------------------------------------------------------------- */

enum { MOST_SERVERS = 8, MOST_PHASES = 8, MOST_WAYS = 64, LEVELS = 320, MOST_ENDS = 8000 };
/* way[m][w][i]: how many of m busy servers are in phase i. A state: jobs n, and a way of min(n, c) servers. */
struct mekc {
  double lambda, phase_per_s; int c, k, n_ways[MOST_SERVERS + 1], way[MOST_SERVERS + 1][MOST_WAYS][MOST_PHASES];
  double still[MOST_ENDS + 1];                          /* P(M > m) */
};

static int busy(const struct mekc *m, int jobs) { return jobs < m->c ? jobs : m->c; }
static int ways(const struct mekc *m, int jobs) { return m->n_ways[busy(m, jobs)]; }

/* All ways in which `left` servers may be in the phases from `phase` on; false: too many. */
static bool list_ways(struct mekc *m, int servers, int phase, int left, int *chosen)
{
  if (phase == m->k - 1) {
    chosen[phase] = left;
    if (m->n_ways[servers] == MOST_WAYS) return false;
    memcpy(m->way[servers][m->n_ways[servers]++], chosen, sizeof *chosen * (size_t)m->k);
    return true;
  }
  for (int v = 0; v <= left; v++) {
    chosen[phase] = v;
    if (!list_ways(m, servers, phase + 1, left - v, chosen)) return false;
  }
  return true;
}

static int find_way(const struct mekc *m, int servers, const int *phases)
{
  int w = 0;
  while (memcmp(m->way[servers][w], phases, sizeof *phases * (size_t)m->k)) w++;
  return w;
}

/* The way after one of the servers in `phase` has ended it; *left: it was the last one, and a job has gone. `jobs`: before. */
static int after_phase(const struct mekc *m, int jobs, int w, int phase, bool *left)
{
  int phases[MOST_PHASES], servers = busy(m, jobs);
  memcpy(phases, m->way[servers][w], sizeof phases);
  phases[phase]--;
  *left = phase == m->k - 1;
  if (!*left) phases[phase + 1]++;
  else if (jobs > m->c) phases[0]++;                    /* the next one begins */
  else servers--;
  return find_way(m, servers, phases);
}

static int after_arrival(const struct mekc *m, int jobs, int w)
{
  if (jobs >= m->c) return w;
  int phases[MOST_PHASES];
  memcpy(phases, m->way[jobs][w], sizeof phases);
  phases[0]++;
  return find_way(m, jobs + 1, phases);
}

static void mekc_rates(const struct mekc *m, const struct chain *chain, const int *offset)
{
  for (int n = 0; n < LEVELS; n++)
    for (int w = 0; w < ways(m, n); w++) {
      int from = offset[n] + w;
      if (n + 1 < LEVELS) *rate_of(chain, from, offset[n + 1] + after_arrival(m, n, w)) += m->lambda;
      for (int i = 0; i < m->k; i++) {
        int servers = m->way[busy(m, n)][w][i];
        bool left;
        if (!servers) continue;
        int to = after_phase(m, n, w, i, &left);
        *rate_of(chain, from, offset[n - left] + to) += servers * m->phase_per_s;
      }
    }
}

/* One end of a phase while all servers are busy, for who waits behind `ahead` departures: next[ahead][way]. */
static void one_end(const struct mekc *m, const double *now, double *next, double *begins)
{
  int n_ways = m->n_ways[m->c];
  memset(next, 0, sizeof *next * (size_t)(LEVELS * MOST_WAYS));
  *begins = 0;
  for (int ahead = 0; ahead < LEVELS; ahead++)
    for (int w = 0; w < n_ways; w++) {
      double p = now[ahead * MOST_WAYS + w];
      for (int i = 0; p > 0 && i < m->k; i++) {
        int servers = m->way[m->c][w][i];
        bool left;
        if (!servers) continue;
        int to = after_phase(m, m->c + 1, w, i, &left);
        double share = p * servers / m->c;
        if (left && !ahead) *begins += share;
        else next[(ahead - left) * MOST_WAYS + to] += share;
      }
    }
}

/* P(M > m) from the state that an arrival finds: p of the chain. */
static void count_ends(struct mekc *m, const double *p, const int *offset)
{
  double *now = zeros_new(LEVELS * MOST_WAYS, sizeof(double)), *next = zeros_new(LEVELS * MOST_WAYS, sizeof(double)), own[MOST_PHASES] = {0}, waits = 0;
  for (int n = 0; n < LEVELS; n++)
    for (int w = 0; w < ways(m, n); w++) {
      if (n < m->c) own[0] += p[offset[n] + w];
      else waits += now[(n - m->c) * MOST_WAYS + w] = p[offset[n] + w];
    }
  for (int end = 0; end <= MOST_ENDS; end++) {
    double inside = 0, begins = 0;
    for (int i = 0; i < m->k; i++) inside += own[i];
    m->still[end] = waits + inside;
    if (waits > 1e-15) {
      one_end(m, now, next, &begins);
      double *old = now;
      now = next, next = old;
    }
    waits -= begins;
    for (int i = m->k - 1; i >= 0; i--) own[i] += ((i ? own[i - 1] : 0) - own[i]) / m->c;
    own[0] += begins;
  }
  free(now);
  free(next);
}

static double mekc_cdf(const void *context, double t)
{
  const struct mekc *m = context;
  double mean = m->c * m->phase_per_s * t, sum = 0;
  for (int n = 0; n <= MOST_ENDS; n++) sum += m->still[n] * exp(n * log(mean) - mean - lgamma(n + 1.0));
  return 1 - sum;
}

static bool mekc_read(const struct several_servers *s, struct mekc *m, char why[160])
{
  if (strcmp(s->service->kind->name, "erlang")) return refuse(why, "needs Erlang service");
  double mean = dist_mean(s->service);
  m->k = (int)lround(mean * mean / dist_variance(s->service)), m->c = s->servers;
  m->lambda = s->lambda, m->phase_per_s = m->k / mean;
  if (m->c > MOST_SERVERS || m->k > MOST_PHASES) return refuse(why, "needs at most 8 servers and 8 phases");
  int chosen[MOST_PHASES];
  memset(m->n_ways, 0, sizeof m->n_ways);
  for (int servers = 0; servers <= m->c; servers++)
    if (!list_ways(m, servers, 0, servers, chosen)) return refuse(why, "so many servers and phases are together in more than 64 ways");
  return true;
}

bool oracle_mekc(const struct world_def *d, struct expectations *e, char why[160])
{
  static _Thread_local struct mekc m;
  struct several_servers s;
  if (!several_servers(d, &s, why) || !mekc_read(&s, &m, why)) return false;
  int offset[LEVELS + 1] = {0};
  for (int n = 0; n < LEVELS; n++) offset[n + 1] = offset[n] + ways(&m, n);
  double *p = zeros_new((size_t)offset[LEVELS], sizeof(double)), jobs = 0, last = 0;
  struct chain chain = chain_new(offset[LEVELS], 2 * m.n_ways[m.c]);
  mekc_rates(&m, &chain, offset);
  chain_solve(&chain, p);
  for (int n = 0; n < LEVELS; n++) {
    last = 0;
    for (int w = offset[n]; w < offset[n + 1]; w++) jobs += n * p[w], last += p[w];
  }
  if (last < 1e-12) {
    count_ends(&m, p, offset);
    expect_means(e, &s, jobs);
    expect_from_cdf(e, 0, dist_mean(s.service), mekc_cdf, &m);
  }
  free(chain.rate);
  free(p);
  return last < 1e-12 || refuse(why, "the load is too near to 1 to cut the chain");
}
