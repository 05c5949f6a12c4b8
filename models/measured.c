/* measured.c: times of kernels on hardware that has a measured cost of them.
 *
 * Time of an execution = calls x t x F x exp(sigma Z): t by kernel_time.h, elapsed time; Z standard normal for each
 * attempt; F what the cost of a shape that was not measured is wrong by, one for each (hardware, kernel, task) of a
 * replication: log-normal, with 90 % between the ends l and h of the band: F = sqrt(l h) (h / l)^(Z' / 2z), z = 1.6449 (the
 * 95 % point of the standard normal). An estimate knows neither: it has the mean over Z, exp(sigma^2 / 2), and F = 1.
 * Others busy: a share s of the other slots of the server as service begins makes it 1 + (interference - 1) s times as long.
 * Check: 1e9 FLOP at 50 ps are 50 ms; with a band of .8 to 1.25, Z' = z makes them 62.5 ms.
 */
#include "models/internal.h"

static const double Z95 = 1.6448536269514722;           /* of the standard normal */

const struct kernel_at *measured_at(const struct work_def *work, const struct place *p, uint32_t member)
{
  if (!work->kernel || p->def->n_hardware == 0) return NULL;
  const struct kernel_at *at = &work->kernel->at[p->def->hardware[kind_of(p, member)]];
  return at->measured ? at : NULL;
}

/* Median of one execution; NaN where an attribute that it reads is not known. */
static double median_s(const struct kernel_work *k, const struct kernel_at *at, const double *attribute, bool *inside)
{
  const struct kernel_cost *cost = &at->measured->cost;
  double known = 0, calls = k->calls.n ? expr_value(&k->calls, attribute) : 1;
  struct kernel_call call = {.units = expr_value(&k->units, attribute)};
  *inside = true;
  if (calls * call.units == 0) return 0;
  for (int i = 0; i < cost->n_axes; i++) known += call.axis[i] = expr_value(&at->axis[i], attribute);
  if (k->reuse_bytes.n) {
    call.reuse_bytes = expr_value(&k->reuse_bytes, attribute);
    call.working_set_bytes = expr_value(&k->working_set_bytes, attribute);
  }
  if (isnan(known) || isnan(calls * call.units)) return NAN;
  *inside = kernel_cost_inside(cost, call.axis);
  return calls * kernel_time_s(at->measured, &call);
}

double measured_expected_s(const struct kernel_work *k, const struct kernel_at *at, const double *attribute, bool *outside)
{
  bool inside;
  double sigma = at->measured->cost.sigma, s = median_s(k, at, attribute, &inside) * exp(sigma * sigma / 2);
  *outside = !inside;
  return s;
}

const char *measured_axis_text(char text[AXIS_TEXT], const char *axis, double x)
{
  static const char *const unit[] = {"B", "kB", "MB", "GB", "TB"};
  bool bytes = !strcmp(axis, "working_set") || !strcmp(axis, "weights");
  int i = 0;
  while (bytes && i < 4 && x >= 999.9995) x /= 1000, i++;
  snprintf(text, AXIS_TEXT, x == floor(x) && fabs(x) < 1e15 ? "%.0f%s%s" : "%.6g%s%s", x, bytes ? " " : "", bytes ? unit[i] : "");
  return text;
}

/* ---- what costs are wrong by --------------------------------------------------------------------------------------- */

/* Hardware by its role, the first place that has it: what stands there instead, another profile say, has the same draws. */
static const char *role_of(struct world *w, int hardware)
{
  for (const struct place_def *p = w->def->place; p < w->def->place + w->def->n_places; p++)
    for (int i = 0; i < p->n_hardware; i++)
      if (p->hardware[i] == hardware) return arena_printf(w->arena, "%s/%d", p->name, i);
  return w->def->hardware[hardware].name;
}

static double factor_of(struct world *w, const struct kernel_work *k, int hardware)
{
  const struct measured_kernel *m = k->at[hardware].measured;
  if (!m || w->def->calibration == CALIBRATION_NONE) return 1;
  double low = m->cost.band_low, high = m->cost.band_high;
  if (w->def->calibration == CALIBRATION_LOW) return low;
  if (w->def->calibration == CALIBRATION_HIGH) return high;
  uint64_t name = rng_name(arena_printf(w->arena, "%s/%s", role_of(w, hardware), k->kernel));
  struct rng rng = rng_open(&w->root, STREAM_CALIBRATION, name, rng_name(k->task));
  return sqrt(low * high) * pow(high / low, rng_normal(&rng) / (2 * Z95));
}

void calibration_init(struct world *w)
{
  int n = w->def->n_hardware;
  if (w->def->n_kernel_works == 0) return;
  w->calibration = arena_array(w->arena, double, w->def->n_kernel_works * n);
  for (int k = 0; k < w->def->n_kernel_works; k++)
    for (int h = 0; h < n; h++) w->calibration[k * n + h] = factor_of(w, w->def->kernel_work[k], h);
  for (int i = 0; i < w->def->n_places; i++)
    for (int h = 0; h < w->place[i].def->n_hardware; h++)
      w->place[i].measures |= w->def->hardware[w->place[i].def->hardware[h]].n_kernels > 0;
}

/* ---- one attempt ----------------------------------------------------------------------------------------------------- */

void measured_draw(struct world *w, const struct request *r, int task, struct manner how, unsigned ordinal,
                   struct endpoint end, struct demand *d)
{
  const struct place *p = &w->place[end.place];
  const struct kernel_work *k = task_of(w, r, task)->work[how.variant].kernel;
  const struct kernel_at *at = measured_at(&task_of(w, r, task)->work[how.variant], p, end.member);
  if (!at) return;
  int hardware = p->def->hardware[kind_of(p, end.member)];
  double sigma = at->measured->cost.sigma, overhead = w->def->hardware[hardware].overhead_s;
  double factor = w->calibration[k->number * w->def->n_hardware + hardware];
  if (sigma > 0) {
    struct rng rng = rng_open(&w->root, STREAM_SCATTER, r->id, stream_entity((unsigned)task, (unsigned)how.variant, ordinal));
    factor *= exp(sigma * rng_normal(&rng) - sigma * sigma / 2);
  }
  d->time_s = (d->time_s - overhead) * factor + overhead;
}

/* False: the run fails. */
bool measured_covers(struct world *w, const struct attempt *a)
{
  struct place *p = &w->place[a->place];
  const struct hardware_def *h = &w->def->hardware[p->def->hardware[kind_of(p, a->member)]];
  const struct task_def *t = task_of(w, a->request, a->task);
  const struct kernel_work *k = t->work[a->variant].kernel;
  const struct kernel_at *at = measured_at(&t->work[a->variant], p, a->member);
  p->extrapolated++;
  if (h->outside || !at) return true;
  int i = 0;
  double x = expr_value(&at->axis[0], a->request->attribute);
  const struct kernel_axis *axis = at->measured->cost.axis;
  if (at->measured->cost.n_axes > 1 && x >= axis->knot[0] && x <= axis->knot[axis->n - 1])
    x = expr_value(&at->axis[i = 1], a->request->attribute), axis++;
  char text[3][AXIS_TEXT];
  run_fails(w);
  return err_add(w->err, (struct where){ 0 }, "class '%s', task '%s', request %llu: %s with %s (%s %s) on '%s', which was measured "
                 "with %s from %s to %s; 'hardware: {%s: {profile: FILE, outside: allow}}' goes beyond", w->klass[a->request->klass].def->name,
                 t->name, (unsigned long long)a->request->id, k->kernel, at->asked[i], axis->name,
                 measured_axis_text(text[0], axis->name, x), h->name, axis->name,
                 measured_axis_text(text[1], axis->name, axis->knot[0]),
                 measured_axis_text(text[2], axis->name, axis->knot[axis->n - 1]), h->name);
}

double measured_crowded(struct sim *sim, const struct job *job, double share)
{
  struct world *w = world_of(sim);
  const struct attempt *a = (const struct attempt *)job;
  const struct task_def *t = task_of(w, a->request, a->task);
  const struct kernel_at *at = measured_at(&t->work[a->variant], &w->place[a->place], a->member);
  return at ? 1 + (at->measured->interference - 1) * share : 1;
}

bool measured_crowds(const struct world_def *def)
{
  for (int i = 0; i < def->n_hardware; i++)
    for (int k = 0; k < def->hardware[i].n_kernels; k++)
      if (def->hardware[i].kernel[k].interference > 1) return def->n_kernel_works > 0;
  return false;
}
