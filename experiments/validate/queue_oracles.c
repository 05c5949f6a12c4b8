/* Closed forms of queueing theory, each with its equation where it is computed.
 *
 * Sources: Kleinrock, Queueing Systems I (1975) and II (1976): M/M/c/K, P-K, Cobham, preemptive-resume, G/M/1;
 * Schrage & Miller, Oper. Res. 14 (1966): SRPT; Jackson, Oper. Res. 5 (1957); Reich, Ann. Math. Stat. 28 (1957): tandem
 * sojourns are independent; Bailey, J. R. Stat. Soc. B 16 (1954): bulk service; Reiser & Lavenberg, J. ACM 27 (1980):
 * exact MVA.
 * Checkable: erlang_b(10, 5) = 0.018385, erlang_c(2, 1) = 1/3. */
#include "experiments/validate/queue_oracles.h"
#include "experiments/validate/inversion.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

double erlang_b(int servers, double load)
{
  double b = 1;
  for (int k = 1; k <= servers; k++)
    b = load * b / (k + load * b);
  return b;
}

double erlang_c(int servers, double load)
{
  double b = erlang_b(servers, load);
  return b / (1 - load / servers * (1 - b));
}

/* ---- reading the definitions -------------------------------------------------------------------------------------- */

double class_rate(const struct class_def *k)
{
  return k->arrivals.kind == ARRIVE_POISSON ? k->arrivals.rate_per_s : 1 / dist_mean(k->arrivals.interarrival_s);
}

static const struct dist *service_of(const struct task_def *t)
{
  return t->work[0].kind == WORK_TIME ? t->work[0].time_s : NULL;
}

bool refuse(char why[160], const char *text)
{
  snprintf(why, 160, "%s", text);
  return false;
}

static bool is_kind(const struct dist *d, const char *name)
{
  return d && !strcmp(d->kind->name, name);
}

void expect(struct expectations *e, enum quantity q, int index, double value)
{
  e->at[e->n++] = (struct expectation){.quantity = q, .index = index, .value = value};
}

static void expect_quantiles(struct expectations *e, int klass, transform_fn *phi, const void *context, double shift)
{
  static const double ps[] = {0.95, 0.99};
  for (int i = 0; i < 2; i++) {
    struct expectation x = {.quantity = QUANTILE, .index = klass, .p = ps[i]};
    x.value = shift + invert_quantile(phi, context, ps[i], &x.density);
    e->at[e->n++] = x;
  }
}

/* Sums rate x visits x mean service per place; random choice among plans is uniform. */
static void place_loads(const struct world_def *d, double *arrivals, double *work)
{
  for (int k = 0; k < d->n_classes; k++)
    for (int t = 0; t < d->klass[k].n_tasks; t++) {
      const struct task_def *task = &d->klass[k].task[t];
      double rate = class_rate(&d->klass[k]) / (1 - task->repeat_probability) / task->n_plans;
      for (int p = 0; p < task->n_plans; p++) {
        arrivals[task->plan[p].place] += rate;
        work[task->plan[p].place] += rate * dist_mean(service_of(task));
      }
    }
}

/* The same when each batch is as large as can be: the first one's time serves `size`, a + c b at least c a member. */
static double batched_load(const struct place_def *p, double arrivals, double work)
{
  const struct batching_def *b = p->batching;
  if (!b || (b->time_of != BATCH_FIRST && b->time_of != BATCH_CURVE)) return work;
  if (b->time_of == BATCH_FIRST) return work / b->size;
  return arrivals * (b->size == UINT32_MAX ? b->time_s.c : batch_curve_at(&b->time_s, b->size) / b->size);
}

double offered_load(const struct world_def *d)
{
  double arrivals[64] = {0}, work[64] = {0}, most = 0;
  place_loads(d, arrivals, work);
  for (int i = 0; i < d->n_places && i < 64; i++)
    most = fmax(most, batched_load(&d->place[i], arrivals[i], work[i]) / d->place[i].servers / d->place[i].slots);
  return most;
}

/* ---- one station --------------------------------------------------------------------------------------------------- */

struct station_facts { double lambda, es, es2, rho; int servers, place; uint64_t capacity; const struct dist *service; };

static bool read_station(const struct world_def *d, struct station_facts *f, char why[160])
{
  const struct class_def *k = &d->klass[0];
  if (k->n_tasks != 1 || !service_of(&k->task[0])) return refuse(why, "needs one task with a service time");
  f->service = service_of(&k->task[0]);
  f->place = k->task[0].plan[0].place;
  f->servers = d->place[f->place].servers * d->place[f->place].slots;
  f->capacity = d->place[f->place].capacity;
  f->lambda = class_rate(k);
  f->es = dist_mean(f->service);
  f->es2 = dist_variance(f->service) + f->es * f->es;
  f->rho = f->lambda * f->es / f->servers;
  return true;
}

static bool one_station(const struct world_def *d, struct station_facts *f, char why[160])
{
  if (!read_station(d, f, why)) return false;
  if (f->rho >= 1 && !f->capacity) return refuse(why, "the load is 1 or more: no steady state");
  return true;
}

bool single_server(const struct world_def *d, struct single_server *s, char why[160])
{
  struct station_facts f;
  if (!one_station(d, &f, why)) return false;
  if (f.servers != 1 || f.capacity) return refuse(why, "needs one server and no capacity");
  *s = (struct single_server){f.lambda, f.service, &d->place[f.place], f.place};
  return true;
}

bool several_servers(const struct world_def *d, struct several_servers *s, char why[160])
{
  struct station_facts f;
  if (!one_station(d, &f, why)) return false;
  if (f.capacity || d->place[f.place].instances) return refuse(why, "needs neither a capacity nor instances");
  *s = (struct several_servers){f.lambda, f.service, f.servers, f.place};
  return true;
}

bool many_servers(const struct world_def *d, struct many_servers *s, char why[160])
{
  struct station_facts f;
  if (!read_station(d, &f, why)) return false;
  if (!is_kind(f.service, "exponential")) return refuse(why, "needs exponential service");
  *s = (struct many_servers){f.lambda, 1 / f.es, f.servers, &d->place[f.place], f.place};
  return true;
}

/* M/M/c/K: p_n; an accepted arrival that sees n >= c waits for n - c + 1 departures at rate c mu. */
struct mmck { double mu; int servers, states; double seen[4096]; };

static double complex mmck_sojourn(const void *context, double complex s)
{
  const struct mmck *m = context;
  double complex stage = m->servers * m->mu / (m->servers * m->mu + s), sum = 0;
  for (int n = m->states - 1; n >= m->servers; n--)     /* Horner over the number of departures */
    sum = (sum + m->seen[n]) * stage;
  for (int n = 0; n < m->servers && n < m->states; n++)
    sum += m->seen[n];
  return sum * m->mu / (m->mu + s);
}

/* Fills the distribution seen by accepted arrivals (PASTA, renormalised) and returns the blocking probability. An
 * infinite queue is cut where less than 1e-12 is left, at most 4096 states. */
static double mmck_states(struct mmck *m, double lambda, uint64_t capacity, double *mean, double *mean_queue)
{
  static const int most = 4095;
  double load = lambda / m->mu, total = 0, p = 1;
  int last = capacity ? (int)capacity : most;
  *mean = *mean_queue = 0;
  for (int n = 0; n <= last; n++) {
    m->seen[n] = p;
    total += p, *mean += n * p, *mean_queue += n > m->servers ? (n - m->servers) * p : 0;
    p *= load / (n + 1 < m->servers ? n + 1 : m->servers);
  }
  *mean /= total, *mean_queue /= total;
  double blocked = capacity ? m->seen[last] / total : 0;
  m->states = capacity ? last : last + 1;
  for (int n = 0; n < m->states; n++)
    m->seen[n] /= total * (1 - blocked);
  return blocked;
}

bool oracle_mmck(const struct world_def *d, struct expectations *e, char why[160])
{
  struct station_facts f;
  if (!one_station(d, &f, why)) return false;
  if (!is_kind(f.service, "exponential")) return refuse(why, "needs exponential service");
  if (f.capacity > 4095) return refuse(why, "capacity above 4095");
  static _Thread_local struct mmck m;
  double mean, queue;
  m = (struct mmck){.mu = 1 / f.es, .servers = f.servers};
  double blocked = mmck_states(&m, f.lambda, f.capacity, &mean, &queue), through = f.lambda * (1 - blocked);
  expect(e, UTILIZATION, f.place, through * f.es / f.servers);
  expect(e, IN_SYSTEM, f.place, mean);
  if (!f.capacity || f.capacity > (uint64_t)f.servers) expect(e, WAIT, f.place, queue / through);
  expect(e, SOJOURN, 0, mean / through);
  if (f.capacity) expect(e, BLOCKING, f.place, blocked);
  expect_quantiles(e, 0, mmck_sojourn, &m, 0);
  return true;
}

/* E[exp(-s X)] of a distribution, by kind. */
bool has_transform(const struct dist *d)
{
  static const char *const known[] = {"constant", "exponential", "gamma", "erlang", "uniform", "hyperexponential"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (is_kind(d, known[i])) return true;
  return false;
}

double complex transform_of(const struct dist *d, double complex s)
{
  double mean = dist_mean(d);
  if (is_kind(d, "constant")) return cexp(-s * mean);
  if (is_kind(d, "exponential")) return 1 / (1 + s * mean);
  if (is_kind(d, "uniform")) return (cexp(-s * d->p[0]) - cexp(-s * d->p[1])) / (s * (d->p[1] - d->p[0]));
  if (is_kind(d, "hyperexponential")) {                 /* balanced means: p1/mu1 = p2/mu2 */
    double scv = dist_variance(d) / (mean * mean), p = (1 + sqrt((scv - 1) / (scv + 1))) / 2;
    return p / (1 + s * mean / (2 * p)) + (1 - p) / (1 + s * mean / (2 * (1 - p)));
  }
  double shape = mean * mean / dist_variance(d);        /* gamma and Erlang */
  return cpow(1 + s * mean / shape, -shape);
}

/* Pollaczek-Khinchine: W(s) = (1 - rho) s / (s - lambda + lambda B(s)); sojourn = wait + service. */
static double complex mg1_wait(const void *context, double complex s)
{
  const struct station_facts *f = context;
  return (1 - f->rho) * s / (s - f->lambda + f->lambda * transform_of(f->service, s));
}

static double complex mg1_sojourn(const void *context, double complex s)
{
  return mg1_wait(context, s) * transform_of(((const struct station_facts *)context)->service, s);
}

bool oracle_mg1(const struct world_def *d, struct expectations *e, char why[160])
{
  struct station_facts f;
  if (!one_station(d, &f, why)) return false;
  if (f.servers != 1 || f.capacity) return refuse(why, "needs one server and no capacity");
  double wait = f.lambda * f.es2 / (2 * (1 - f.rho));
  expect(e, UTILIZATION, f.place, f.rho);
  expect(e, IN_SYSTEM, f.place, f.lambda * (wait + f.es));
  expect(e, WAIT, f.place, wait);
  expect(e, SOJOURN, 0, wait + f.es);
  if (is_kind(f.service, "constant")) expect_quantiles(e, 0, mg1_wait, &f, f.es);
  else if (has_transform(f.service)) expect_quantiles(e, 0, mg1_sojourn, &f, 0);
  else e->no_quantile = "the service time has no closed transform";
  return true;
}

/* Cobham 1954 (non-preemptive) and preemptive-resume; classes in order of urgency. sigma_k: load of classes 1..k. */
bool oracle_priority(const struct world_def *d, struct expectations *e, char why[160])
{
  int n = d->n_classes, order[16], place = d->klass[0].task[0].plan[0].place;
  if (n > 8) return refuse(why, "at most 8 classes");
  for (int i = 0; i < n; i++) {
    int j = i;
    for (; j > 0 && d->klass[order[j - 1]].priority > d->klass[i].priority; j--) order[j] = order[j - 1];
    order[j] = i;
  }
  double residual = 0, through = 0, sigma = 0, in_system = 0, wait = 0, rho = 0;
  for (int k = 0; k < n; k++) {
    const struct dist *s = service_of(&d->klass[k].task[0]);
    double lambda = class_rate(&d->klass[k]), es = dist_mean(s);
    residual += lambda * (dist_variance(s) + es * es) / 2, through += lambda, rho += lambda * es;
  }
  if (rho >= 1) return refuse(why, "the load is 1 or more: no steady state");
  bool preempts = d->place[place].discipline == PRIORITY_PREEMPTIVE;
  double above_residual = 0;
  for (int k = 0; k < n; k++) {
    const struct dist *s = service_of(&d->klass[order[k]].task[0]);
    double lambda = class_rate(&d->klass[order[k]]), es = dist_mean(s), before = sigma;
    sigma += lambda * es;
    above_residual += lambda * (dist_variance(s) + es * es) / 2;
    double sojourn = preempts ? es / (1 - before) + above_residual / ((1 - before) * (1 - sigma))
                              : es + residual / ((1 - before) * (1 - sigma));
    expect(e, SOJOURN, order[k], sojourn);
    in_system += lambda * sojourn, wait += lambda / through * (sojourn - es);
  }
  expect(e, UTILIZATION, place, rho);
  expect(e, IN_SYSTEM, place, in_system);
  if (!preempts) expect(e, WAIT, place, wait);
  e->no_quantile = "no closed form for the lower class";
  return true;
}

/* M/G/1-PS: E[T] = E[S] / (1 - rho), L = rho / (1 - rho), whatever the service distribution (insensitivity). */
bool oracle_ps(const struct world_def *d, struct expectations *e, char why[160])
{
  struct station_facts f;
  if (!one_station(d, &f, why)) return false;
  if (f.servers != 1 || f.capacity) return refuse(why, "needs one server and no capacity");
  expect(e, UTILIZATION, f.place, f.rho);
  expect(e, IN_SYSTEM, f.place, f.rho / (1 - f.rho));
  expect(e, SOJOURN, 0, f.es / (1 - f.rho));
  e->no_quantile = "processor sharing: means only";
  return true;
}

/* E[T(x)] = lambda (m2(x) + x^2 (1 - F(x))) / (2 (1 - rho(x))^2) + int_0^x dt / (1 - rho(t)), averaged over x;
 * m2(x), rho(x)/lambda: second and first moments of sizes up to x. Midpoint rule on a fine grid. */
static double srpt_sojourn(const struct station_facts *f)
{
  double top = f->es, before = 0, m1 = 0, m2 = 0, residence = 0, mean = 0;
  while (1 - dist_cdf(f->service, top) > 1e-11 && top < 1e4 * f->es) top *= 1.5;
  enum { STEPS = 400000 };
  double h = top / STEPS;
  for (int i = 0; i < STEPS; i++) {
    double x = (i + 0.5) * h, to = dist_cdf(f->service, (i + 1) * h), mass = to - before;
    m1 += x * mass / 2, m2 += x * x * mass / 2;
    double idle = 1 - f->lambda * m1;
    residence += h / idle / 2;
    mean += mass * (f->lambda * (m2 + x * x * (1 - (before + to) / 2)) / (2 * idle * idle) + residence);
    m1 += x * mass / 2, m2 += x * x * mass / 2;
    residence += h / idle / 2;
    before = to;
  }
  return mean;
}

bool oracle_srpt(const struct world_def *d, struct expectations *e, char why[160])
{
  struct station_facts f;
  if (!one_station(d, &f, why)) return false;
  if (f.servers != 1 || f.capacity) return refuse(why, "needs one server and no capacity");
  double sojourn = srpt_sojourn(&f);
  expect(e, UTILIZATION, f.place, f.rho);
  expect(e, IN_SYSTEM, f.place, f.lambda * sojourn);
  expect(e, SOJOURN, 0, sojourn);
  e->no_quantile = "SRPT: means only";
  return true;
}

/* G/M/1: sigma = A(mu (1 - sigma)); an arrival waits with probability sigma; sojourn is exponential, mu (1 - sigma). */
static double complex exponential_transform(const void *rate, double complex s)
{
  return *(const double *)rate / (*(const double *)rate + s);
}

bool oracle_gm1(const struct world_def *d, struct expectations *e, char why[160])
{
  struct station_facts f;
  if (!one_station(d, &f, why)) return false;
  const struct arrivals_def *a = &d->klass[0].arrivals;
  if (a->kind != ARRIVE_RENEWAL || !has_transform(a->interarrival_s)) return refuse(why, "needs renewal arrivals with a transform");
  if (!is_kind(f.service, "exponential") || f.servers != 1) return refuse(why, "needs one exponential server");
  double mu = 1 / f.es, sigma = f.rho;
  for (int i = 0; i < 10000; i++)
    sigma = creal(transform_of(a->interarrival_s, mu * (1 - sigma)));
  double rate = mu * (1 - sigma);
  expect(e, UTILIZATION, f.place, f.rho);
  expect(e, IN_SYSTEM, f.place, f.lambda / rate);
  expect(e, WAIT, f.place, sigma / rate);
  expect(e, SOJOURN, 0, 1 / rate);
  expect_quantiles(e, 0, exponential_transform, &rate, 0);
  return true;
}

/* ---- networks ------------------------------------------------------------------------------------------------------ */

struct tandem { int n; double rate[16]; };

static double complex tandem_sojourn(const void *context, double complex s)
{
  const struct tandem *t = context;
  double complex product = 1;
  for (int i = 0; i < t->n; i++)
    product *= t->rate[i] / (t->rate[i] + s);
  return product;
}

/* A chain of distinct single servers: sojourns at the stations are independent (Reich). */
static bool is_tandem(const struct world_def *d, const double *arrivals, struct tandem *t)
{
  const struct class_def *k = &d->klass[0];
  t->n = k->n_tasks;
  for (int i = 0; i < k->n_tasks; i++) {
    const struct task_def *task = &k->task[i];
    int place = task->plan[0].place;
    bool chained = i == 0 ? !task->after : task->after == 1u << (i - 1);
    if (!chained || task->n_plans != 1 || task->repeat_probability > 0 || d->place[place].servers * d->place[place].slots != 1) return false;
    t->rate[i] = 1 / dist_mean(service_of(task)) - arrivals[place];
    for (int j = 0; j < i; j++)
      if (k->task[j].plan[0].place == place) return false;
  }
  return k->n_tasks <= 16;
}

bool oracle_jackson(const struct world_def *d, struct expectations *e, char why[160])
{
  double arrivals[64] = {0}, work[64] = {0}, total = 0;
  if (d->n_classes != 1 || d->n_places > 64) return refuse(why, "needs one class and at most 64 places");
  place_loads(d, arrivals, work);
  for (int i = 0; i < d->n_places; i++) {
    if (!(arrivals[i] > 0)) continue;
    int c = d->place[i].servers * d->place[i].slots;
    double rho = work[i] / c, queue = erlang_c(c, work[i]) * rho / (1 - rho);
    if (rho >= 1) return refuse(why, "the load is 1 or more: no steady state");
    expect(e, UTILIZATION, i, rho);
    expect(e, IN_SYSTEM, i, work[i] + queue);
    expect(e, WAIT, i, queue / arrivals[i]);
    total += work[i] + queue;
  }
  expect(e, SOJOURN, 0, total / class_rate(&d->klass[0]));
  struct tandem t;
  if (is_tandem(d, arrivals, &t)) expect_quantiles(e, 0, tandem_sojourn, &t, 0);
  else e->no_quantile = "sojourns along a path are dependent";
  return true;
}

/* Exact MVA: R_i(n) = S_i (1 + Q_i(n-1)), X(n) = n / (Z + sum R), Q_i(n) = X R_i. */
bool oracle_closed(const struct world_def *d, struct expectations *e, char why[160])
{
  const struct class_def *k = &d->klass[0];
  if (k->arrivals.kind != ARRIVE_CLOSED || k->n_tasks > 16) return refuse(why, "needs closed arrivals");
  double queue[16] = {0}, residence[16] = {0}, sum = 0, through = 0;
  for (uint64_t n = 1; n <= k->arrivals.users; n++) {
    sum = 0;
    for (int i = 0; i < k->n_tasks; i++)
      sum += residence[i] = dist_mean(service_of(&k->task[i])) * (1 + queue[i]);
    through = (double)n / (dist_mean(k->arrivals.think_s) + sum);
    for (int i = 0; i < k->n_tasks; i++)
      queue[i] = through * residence[i];
  }
  expect(e, THROUGHPUT, 0, through);
  expect(e, SOJOURN, 0, sum);
  for (int i = 0; i < k->n_tasks; i++) {
    int place = k->task[i].plan[0].place;
    double service = dist_mean(service_of(&k->task[i]));
    expect(e, UTILIZATION, place, through * service);
    expect(e, IN_SYSTEM, place, queue[i]);
    expect(e, WAIT, place, residence[i] - service);
  }
  e->no_quantile = "mean value analysis gives means";
  return true;
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* M/M^[1,b]/1: whenever the server is free it takes up to b of those that wait; a batch lasts Exp(mu) whatever its size
 * and nobody joins it. With n waiting while busy p_n = C r^n, where mu r^(b+1) - (lambda + mu) r + lambda = 0 in (0, 1);
 * idle p = mu C / lambda. Who finds n waiting waits for floor(n / b) + 1 ends: given busy the wait is Exp(mu (1 - r^b)).
 * Checkable: b = 1 gives M/M/1; b -> infinity r = lambda / (lambda + mu). */
struct bulk { double mu, end_rate, idle; };

static double complex bulk_sojourn(const void *context, double complex s)
{
  const struct bulk *m = context;
  return (m->idle + (1 - m->idle) * m->end_rate / (m->end_rate + s)) * m->mu / (m->mu + s);
}

static double bulk_root(double lambda, double mu, double b)
{
  double low = 0, high = 1 - 1e-12;                     /* 1 is a root too; the other lies left of the dip below 0 */
  double dip = pow((lambda + mu) / (mu * (b + 1)), 1 / b);
  for (high = dip < high ? dip : high; high - low > 1e-15;) {
    double r = (low + high) / 2;
    if (r == low || r == high) break;
    if (mu * pow(r, b + 1) - (lambda + mu) * r + lambda > 0) low = r;
    else high = r;
  }
  return (low + high) / 2;
}

bool oracle_bulk(const struct world_def *d, struct expectations *e, char why[160])
{
  const struct class_def *k = &d->klass[0];
  const struct task_def *t = &k->task[0];
  const struct batching_def *b = d->place[t->plan[0].place].batching;
  int place = t->plan[0].place;
  if (!b || (b->kind != BATCH_TAKE_ALL && b->kind != BATCH_DYNAMIC) || b->max_queue_delay_s > 0 || b->n_preferred)
    return refuse(why, "needs batching that waits for nothing");
  if (b->time_of != BATCH_FIRST || !is_kind(service_of(t), "exponential"))
    return refuse(why, "needs exponential batch times of any size: 'time: first'");
  double lambda = class_rate(k), mu = 1 / dist_mean(service_of(t)), size = b->size;
  if (b->size == UINT32_MAX || lambda >= size * mu) return refuse(why, "needs a size that can carry the load");
  double r = bulk_root(lambda, mu, size), c = 1 / (1 / (1 - r) + mu / lambda);
  struct bulk m = {.mu = mu, .end_rate = mu * (1 - pow(r, size)), .idle = mu * c / lambda};
  double queue = c * r / ((1 - r) * (1 - r));
  expect(e, UTILIZATION, place, 1 - m.idle);
  expect(e, IN_SYSTEM, place, queue + lambda / mu);
  expect(e, WAIT, place, queue / lambda);
  expect(e, SOJOURN, 0, queue / lambda + 1 / mu);
  expect(e, BATCH_SIZE, place, lambda / (mu * (1 - m.idle)));
  expect_quantiles(e, 0, bulk_sojourn, &m, 0);
  return true;
}

enum { MOST_MEMBERS = 1024 };

/* Stationary sizes of take-all batches: those who come during T_b = a + c b, Poisson; none: the next to come, alone. */
static void take_all_sizes(double lambda, const struct batch_curve *time, double size[MOST_MEMBERS])
{
  double change = 1;
  for (int b = 0; b < MOST_MEMBERS; b++) size[b] = b == 1;
  for (int round = 0; round < 10000 && change > 1e-13; round++) {
    double next[MOST_MEMBERS] = {0};
    change = 0;
    for (int b = 1; b < MOST_MEMBERS; b++) {
      if (size[b] < 1e-16) continue;
      double mean = lambda * batch_curve_at(time, b), p = size[b] * exp(-mean);
      next[1] += p;
      for (int n = 1; n < MOST_MEMBERS; n++) next[n] += p *= mean / n;
    }
    for (int b = 1; b < MOST_MEMBERS; b++) change += fabs(next[b] - size[b]), size[b] = next[b];
  }
}

/* Take-all batching (Inoue 2019): from start to start of a batch of b the time T_b and, when nobody came, 1 / lambda; there
 * are b jobs all the while and lambda T_b^2 / 2 job-seconds of those who come. Renewal reward.
 * Checkable: T_b = 2 + b, lambda 0.1, 0.5, 0.7: sojourns 3.536, 7.504, 12.62. */
bool oracle_take_all(const struct world_def *d, struct expectations *e, char why[160])
{
  const struct class_def *k = &d->klass[0];
  int place = k->task[0].plan[0].place;
  const struct batching_def *b = d->place[place].batching;
  if (!b || b->kind != BATCH_TAKE_ALL || b->size != UINT32_MAX || b->time_of != BATCH_CURVE || b->time_s.n)
    return refuse(why, "needs take_all without a size, and an affine time");
  double lambda = class_rate(k), size[MOST_MEMBERS], cycle = 0, busy = 0, served = 0, waited = 0, members = 0;
  if (lambda * b->time_s.c >= 0.95) return refuse(why, "needs a load below 0.95");
  take_all_sizes(lambda, &b->time_s, size);
  for (int i = 1; i < MOST_MEMBERS; i++) {
    double t = batch_curve_at(&b->time_s, i);
    busy += size[i] * t, served += size[i] * t * i, waited += size[i] * lambda * t * t / 2, members += size[i] * i;
    cycle += size[i] * (t + exp(-lambda * t) / lambda);
  }
  expect(e, UTILIZATION, place, busy / cycle);
  expect(e, IN_SYSTEM, place, (served + waited) / cycle);
  expect(e, WAIT, place, waited / members);
  expect(e, SOJOURN, 0, (served + waited) / members);
  expect(e, BATCH_SIZE, place, members);
  e->no_quantile = "take-all batching: means only";
  return true;
}
