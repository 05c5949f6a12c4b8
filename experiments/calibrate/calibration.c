/* calibration.c: which samples make the costs, and the factors beside them. */
#include "experiments/calibrate/calibration.h"
#include "analysis/text.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------------------------------- */

static bool left_out(const char *word, size_t n)
{
  static const char *const words[] = {"cpu", "processor", "r", "tm", "with", "core"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strlen(words[i]) == n && !strncasecmp(word, words[i], n))
      return true;
  return false;
}

const char *calibration_name_of(const char *cpu, struct arena *a)
{
  enum { MOST = 48 };
  char name[MOST + 1];
  size_t n = 0;
  for (const char *s = cpu; *s && *s != '@' && n < MOST;) {
    size_t word = 0;
    while (isalnum((unsigned char)s[word]) || (word && s[word] == '.'))
      word++;
    if (word && !left_out(s, word)) {
      if (n)
        name[n++] = '_';
      for (size_t i = 0; i < word && n < MOST; i++)
        name[n++] = (char)tolower((unsigned char)s[i]);
    }
    s += word ? word : 1;
  }
  while (n && name[n - 1] == '_')
    n--;
  return n ? arena_printf(a, "%.*s", (int)n, name) : "this_machine";
}

/* ---- medians --------------------------------------------------------------------------------------------------------- */

struct values { double *x; size_t n, room; };

static void values_add(struct values *v, double x)
{
  if (v->n == v->room) {
    v->room = 2 * v->room + 16;
    v->x = grab_more(v->x, v->room, sizeof *v->x);
  }
  v->x[v->n++] = x;
}

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* NaN of nothing. */
static double median(const double *x, size_t n)
{
  double *sorted = grab(n, sizeof *sorted), middle = NAN;
  if (n)
    memcpy(sorted, x, n * sizeof *x);
  qsort(sorted, n, sizeof *sorted, by_size);
  if (n)
    middle = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  free(sorted);
  return middle;
}

static double values_median(struct values *v)
{
  double middle = median(v->x, v->n);
  free(v->x);
  *v = (struct values){0};
  return middle;
}

/* ---- samples --------------------------------------------------------------------------------------------------------- */

static bool same_shape(const struct raw *r, const struct raw_sample *a, const struct raw_sample *b)
{
  return a->kernel == b->kernel && !memcmp(a->p, b->p, (size_t)r->kernel[a->kernel].n_parameters * sizeof *a->p);
}

static bool is_plain(const struct raw_sample *s) { return !s->cold && !s->interference && s->threads == 1; }

/* A program for devices waits for them: the thread's own time says nothing. */
bool calibration_on_wall_clock(const struct raw *r, int kernel)
{
  bool counted = true;
  for (size_t i = 0; i < r->n_samples; i++)
    if (r->sample[i].kernel == kernel && is_plain(&r->sample[i]))
      counted &= median(r->sample[i].cpu_s, r->sample[i].n) > 0;
  return r->kernel[kernel].bound == RAW_SYSTEM || strstr(r->program, "cuda") || !counted;
}

static int shape_number(const struct raw *r, const struct raw_sample *s, const struct raw_sample **shape, int *n)
{
  for (int i = 0; i < *n; i++)
    if (same_shape(r, s, shape[i]))
      return i;
  shape[*n] = s;
  return (*n)++;
}

static bool tells_clock(const struct raw_sample *s, int kernel)
{
  return s->kernel == kernel && is_plain(s) && isfinite(s->clock_s);
}

/* The core's clock while it ran this kernel, on the whole: code of wide vectors has a slower one of its own, in tasks too. NaN: of no
 * sample was it told. */
static double usual_clock(const struct raw *r, int kernel)
{
  struct values clock = {0};
  for (size_t i = 0; i < r->n_samples; i++)
    if (tells_clock(&r->sample[i], kernel))
      values_add(&clock, r->sample[i].clock_s);
  return values_median(&clock);
}

/* How the clock scattered around the usual one of each kernel, of all that were measured. */
static double clock_sd(const struct raw *r)
{
  struct values off = {0};
  for (int k = 0; k < r->n_kernels; k++) {
    double usual_s = usual_clock(r, k);
    for (size_t i = 0; i < r->n_samples; i++)
      if (tells_clock(&r->sample[i], k))
        values_add(&off, fabs(log(r->sample[i].clock_s / usual_s)));
  }
  return 1.4826 * values_median(&off);
}

static struct kernel_sample fit_sample(const struct raw *r, const struct raw_sample *s, int shape, bool wall, double clock_s)
{
  struct kernel_sample out = {.shape = shape, .pass = s->pass, .units = s->units, .execution_s = wall ? s->wall_s : s->cpu_s,
                              .n = (int)s->n, .inner = s->inner, .low_s = wall ? s->wall_low_s : s->cpu_low_s,
                              .high_s = wall ? s->wall_high_s : s->cpu_high_s, .stable = s->stable,
                              .clock = isfinite(s->clock_s) ? s->clock_s / clock_s : 1,
                              .disturbed = !wall && !s->stable && (size_t)s->discarded > s->n};
  memcpy(out.axis, s->axis, (size_t)r->kernel[s->kernel].n_axes * sizeof *out.axis);
  return out;
}

struct kernel_samples calibration_samples(const struct raw *r, int kernel, bool off_grid, const struct raw_sample ***shape,
                                          int *n_shapes)
{
  const struct raw_kernel *k = &r->kernel[kernel];
  struct kernel_samples out = {.kernel = k->name, .unit = k->unit, .version = k->version, .n_axes = k->n_axes};
  struct kernel_sample *sample = arena_array(r->arena, struct kernel_sample, r->n_samples + 1);
  const struct raw_sample **first = arena_alloc(r->arena, (r->n_samples + 1) * sizeof *first);
  bool wall = calibration_on_wall_clock(r, kernel);
  double clock_s = usual_clock(r, kernel), sd = clock_sd(r);
  int shapes = 0;
  out.clock_sd = isfinite(sd) ? sd : 0;
  memcpy(out.axis, k->axis, sizeof out.axis);
  for (size_t i = 0; i < r->n_samples; i++) {
    const struct raw_sample *s = &r->sample[i];
    if (s->kernel == kernel && is_plain(s) && s->off_grid == off_grid && !raw_check_failed(r, kernel, s->p))
      sample[out.n++] = fit_sample(r, s, shape_number(r, s, first, &shapes), wall, clock_s);
  }
  out.sample = sample;
  if (shape)
    *shape = first, *n_shapes = shapes;
  return out;
}

/* ---- factors --------------------------------------------------------------------------------------------------------- */

static double sample_median(const struct raw_sample *s, bool wall) { return median(wall ? s->wall_s : s->cpu_s, s->n); }

/* Of this kernel, and no check failed at its shape. */
static bool counts_of(const struct raw *r, const struct raw_sample *s, int kernel)
{
  return s->kernel == kernel && !raw_check_failed(r, kernel, s->p);
}

/* The plain sample of the same shape and pass. */
static const struct raw_sample *plain_of(const struct raw *r, const struct raw_sample *s)
{
  for (size_t i = 0; i < r->n_samples; i++)
    if (is_plain(&r->sample[i]) && r->sample[i].pass == s->pass && same_shape(r, &r->sample[i], s))
      return &r->sample[i];
  return NULL;
}

enum factor { FACTOR_COLD, FACTOR_INTERFERENCE };

static bool counts_for(const struct raw_sample *s, enum factor f)
{
  return s->threads == 1 && s->cold == (f == FACTOR_COLD) && s->interference == (f == FACTOR_INTERFERENCE);
}

/* Below this an execution with cold caches is timed with its call and the clock: a factor of those says nothing. */
static const double COLD_LEAST_S = 1e-6;

static bool long_enough(const struct raw_sample *plain, bool wall, enum factor f)
{
  return f != FACTOR_COLD || sample_median(plain, wall) >= COLD_LEAST_S;
}

/* Median over shapes of the time with, over the time without. NaN: there is no pair. */
static double factor_of(const struct raw *r, int kernel, bool wall, enum factor f)
{
  struct values ratio = {0};
  for (size_t i = 0; i < r->n_samples; i++) {
    const struct raw_sample *s = &r->sample[i], *plain;
    if (counts_of(r, s, kernel) && counts_for(s, f) && (plain = plain_of(r, s)) && long_enough(plain, wall, f))
      values_add(&ratio, sample_median(s, wall) / sample_median(plain, wall));
  }
  return values_median(&ratio);
}

/* 0: not known. */
static double last_cache_bytes(const struct raw *r)
{
  double most = 0;
  for (int i = 0; i < r->machine.n_caches; i++)
    most = fmax(most, r->machine.cache[i].bytes);
  return most;
}

/* What cold caches cost a byte of the working set. Smaller sets pay for code and tables above all; of larger ones part comes from
 * memory with warm caches too. */
static const double FETCH_LEAST_BYTES = 65536, FETCH_MOST_CACHE = 0.5;

struct excess { double s, bytes; };

static int by_excess(const void *a, const void *b)
{
  double x = ((const struct excess *)a)->s, y = ((const struct excess *)b)->s;
  return (x > y) - (x < y);
}

static bool tells_fetch(const struct raw *r, const struct raw_sample *s, int kernel)
{
  double bytes = s->axis[0], cache = last_cache_bytes(r);
  return counts_of(r, s, kernel) && counts_for(s, FACTOR_COLD) && bytes >= FETCH_LEAST_BYTES
         && (cache == 0 || bytes <= FETCH_MOST_CACHE * cache);
}

/* At the kernel's usual clock, where its cost is told at that (usual_s > 0) and the sample tells its own. */
static double median_at(const struct raw_sample *s, bool wall, double usual_s)
{
  return sample_median(s, wall) * (usual_s > 0 && isfinite(s->clock_s) ? usual_s / s->clock_s : 1);
}

/* Median over shapes of the excess a byte, each counting by its bytes; at least 0; NaN: none was measured. */
static double fetch_of(const struct raw *r, int kernel, bool wall, double usual_s)
{
  struct excess *e = grab(r->n_samples + 1, sizeof *e);
  size_t n = 0, i = 0;
  double all = 0, below = 0;
  for (size_t k = 0; k < r->n_samples; k++) {
    const struct raw_sample *s = &r->sample[k], *plain;
    if (!tells_fetch(r, s, kernel) || !(plain = plain_of(r, s)))
      continue;
    all += s->axis[0];
    e[n++] = (struct excess){(median_at(s, wall, usual_s) - median_at(plain, wall, usual_s)) / s->axis[0], s->axis[0]};
  }
  qsort(e, n, sizeof *e, by_excess);
  while (i < n && (below += e[i].bytes) < all / 2)
    i++;
  double s = n ? fmax(e[i].s, 0) : NAN;
  free(e);
  return s;
}

/* Told where it is not in the cost: kernels that memory holds up were measured with sets that no cache holds. */
static void find_fetch(const struct raw *r, struct calibrated_kernel *k)
{
  const struct raw_kernel *kernel = &r->kernel[k->index];
  const struct kernel_axis *set = &k->fit.cost.axis[0];
  bool in_cost = kernel->bound == RAW_MEMORY && !strcmp(set->name, "working_set") && last_cache_bytes(r) > 0
                 && set->knot[set->n - 1] > last_cache_bytes(r);
  bool by_bytes = !k->wall && kernel->n_axes > 0 && !strcmp(kernel->axis[0], "working_set");
  double usual_s = k->fit.at_one_clock ? usual_clock(r, k->index) : NAN;
  k->fetch_s = by_bytes && !in_cost ? fetch_of(r, k->index, k->wall, usual_s) : NAN;
}

static double wall_over_cpu(const struct raw *r, int kernel)
{
  struct values ratio = {0};
  for (size_t i = 0; i < r->n_samples; i++) {
    const struct raw_sample *s = &r->sample[i];
    double cpu_s = counts_of(r, s, kernel) && is_plain(s) ? median(s->cpu_s, s->n) : 0;
    if (cpu_s > 0)
      values_add(&ratio, median(s->wall_s, s->n) / cpu_s);
  }
  return values_median(&ratio);
}

static double speed_up(const struct raw *r, int kernel, int threads)
{
  struct values ratio = {0};
  for (size_t i = 0; i < r->n_samples; i++) {
    const struct raw_sample *s = &r->sample[i], *plain;
    if (counts_of(r, s, kernel) && s->threads == threads && !s->cold && !s->interference && (plain = plain_of(r, s)))
      values_add(&ratio, sample_median(plain, true) / sample_median(s, true));
  }
  return values_median(&ratio);
}

static void find_threads(const struct raw *r, struct calibrated_kernel *k)
{
  for (int n = 2; n <= r->machine.cores && k->n_threads < CALIBRATION_THREADS; n++) {
    double x = speed_up(r, k->index, n);
    if (isfinite(x)) {
      k->threads[k->n_threads].n = n;
      k->threads[k->n_threads++].speed_up = x;
    }
  }
}

static void find_factors(const struct raw *r, struct calibrated_kernel *k)
{
  double cold = factor_of(r, k->index, k->wall, FACTOR_COLD), with = factor_of(r, k->index, k->wall, FACTOR_INTERFERENCE);
  double ratio = wall_over_cpu(r, k->index);
  k->cold_measured = isfinite(cold), k->interference_measured = isfinite(with);
  k->cold = k->cold_measured ? cold : 1;
  k->interference = k->interference_measured ? with : 1;
  k->wall_over_cpu = isfinite(ratio) ? ratio : 1;
  find_threads(r, k);
}

/* ---- the machine ----------------------------------------------------------------------------------------------------- */

/* A sample that tells a rate of the hardware itself. */
static bool tells_rate(const struct raw *r, const struct raw_sample *s, const char *kernel)
{
  return !strcmp(r->kernel[s->kernel].name, kernel) && !s->cold && !s->interference && !raw_check_failed(r, s->kernel, s->p);
}

/* The best rate of a kernel over its shapes, on one core: flop a second of GEMM, bytes a second of triad. */
static double best_rate(const struct raw *r, const char *kernel)
{
  double best = NAN;
  int of = -1;                                          /* whose clock is known: it takes all of a kernel's samples */
  bool wall = false;
  for (size_t i = 0; i < r->n_samples; i++) {
    const struct raw_sample *s = &r->sample[i];
    if (!tells_rate(r, s, kernel) || s->threads > 1)
      continue;
    if (s->kernel != of)
      wall = calibration_on_wall_clock(r, of = s->kernel);
    double rate = (strcmp(kernel, "triad") ? s->flop : s->bytes) / sample_median(s, wall);
    best = isnan(best) || rate > best ? rate : best;
  }
  return best;
}

/* Arrays that no cache holds: four times the largest one (STREAM's rule); where that is not known, anything. */
static double beyond_caches(const struct raw *r)
{
  return 4 * last_cache_bytes(r);
}

/* STREAM triad from memory on that many cores, at most: of the largest arrays measured; NaN where none is beyond the caches. */
static double stream_rate(const struct raw *r, const char *kernel, int most_threads, int *threads)
{
  double size = beyond_caches(r), rate = NAN;
  *threads = 1;
  for (size_t i = 0; i < r->n_samples; i++) {
    const struct raw_sample *s = &r->sample[i];
    if (!tells_rate(r, s, kernel) || s->off_grid || isnan(s->bytes) || s->threads > most_threads || s->axis[0] < beyond_caches(r))
      continue;
    if (s->threads > *threads || (s->threads == *threads && s->axis[0] >= size)) {
      *threads = s->threads, size = s->axis[0];
      rate = s->bytes / median(s->wall_s, s->n);
    }
  }
  return rate;
}

static double sentinel_drift(const struct raw *r)
{
  size_t part = r->n_sentinels / 3;
  struct values first = {0}, last = {0};
  if (r->n_sentinels < 2)
    return NAN;
  part = part ? part : 1;
  for (size_t i = 0; i < part; i++) {
    values_add(&first, r->sentinel[i].cpu_s);
    values_add(&last, r->sentinel[r->n_sentinels - 1 - i].cpu_s);
  }
  double before = values_median(&first), after = values_median(&last);
  return after / before - 1;
}

/* ---- what is to be said ---------------------------------------------------------------------------------------------- */

static const char *sample_text(const struct raw *r, const struct raw_sample *s)
{
  return arena_printf(r->arena, "%s %s (pass %d%s%s%s%s)", r->kernel[s->kernel].name,
                      raw_shape_text(r, s->kernel, s->p), s->pass + 1, s->cold ? ", cold" : "", s->interference ? ", interference" : "",
                      s->threads > 1 ? arena_printf(r->arena, ", %d threads", s->threads) : "",
                      s->off_grid ? ", off the grid" : "");
}

static void find_unstable(struct calibration *p)
{
  const struct raw *r = p->raw;
  p->unstable = arena_alloc(p->arena, (r->n_samples + 1) * sizeof *p->unstable);
  for (size_t i = 0; i < r->n_samples; i++)
    if (!r->sample[i].stable)
      p->unstable[p->n_unstable++] = sample_text(r, &r->sample[i]);
}

static void note_failure(struct calibration *p, const struct raw_check *c)
{
  const char *name = p->raw->kernel[c->kernel].name, *shape = raw_shape_text(p->raw, c->kernel, c->p);
  for (int i = 0; i < p->n_failed; i++)
    if (!strcmp(p->failed[i].name, name)) {
      if (!strstr(p->failed[i].why, shape))
        p->failed[i].why = arena_printf(p->arena, "%s; %s", p->failed[i].why, shape);
      return;
    }
  p->failed[p->n_failed++] = (struct calibration_note){name, arena_printf(p->arena, "%s: %s", c->why, shape)};
}

static void find_notes(struct calibration *p)
{
  const struct raw *r = p->raw;
  for (int k = 0; k < r->n_kernels; k++)
    if (r->kernel[k].why)
      p->unavailable[p->n_unavailable++] = (struct calibration_note){r->kernel[k].name, r->kernel[k].why};
  for (size_t i = 0; i < r->n_checks; i++)
    if (!r->check[i].ok)
      note_failure(p, &r->check[i]);
  find_unstable(p);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

static bool make_kernel(struct calibration *p, int kernel, struct err *e)
{
  const struct raw *r = p->raw;
  struct calibrated_kernel *k = &p->kernel[p->n];
  *k = (struct calibrated_kernel){.index = kernel, .wall = calibration_on_wall_clock(r, kernel)};
  k->samples = calibration_samples(r, kernel, false, &k->shape, &k->n_shapes);
  if (k->samples.n == 0)
    return true;                                        /* only conditions, or every check failed: named among the notes */
  p->n++;
  for (int i = 0; i < k->samples.n; i++)
    k->n_unstable += !k->samples.sample[i].stable;
  k->n_samples = k->samples.n;
  find_factors(r, k);
  bool good = kernel_fit(&k->samples, &k->fit, e);
  if (good)
    find_fetch(r, k);
  return good;
}

static bool is_known(const char *name, const char *const *known, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(name, known[i]))
      return true;
  return false;
}

bool calibration_make(const struct raw *r, const char *name, const char *const *known, size_t n_known, struct calibration *p,
                      struct err *e)
{
  *p = (struct calibration){.raw = r, .arena = r->arena};
  p->name = name ? name : calibration_name_of(r->machine.cpu, r->arena);
  bool good = true;
  for (int k = 0; good && k < r->n_kernels; k++)
    if (r->kernel[k].why)
      continue;
    else if (is_known(r->kernel[k].name, known, n_known))
      good = make_kernel(p, k, e);
    else
      p->left_out[p->n_left_out++] = (struct calibration_note){r->kernel[k].name, "scenarios have no kernel of that name"};
  if (good && p->n == 0)
    return err_add(e, (struct where){.file = r->file}, "no kernel has samples that can be used: nothing to fit");
  p->core_flops = best_rate(r, "gemm_f32");
  p->flops = p->core_flops * r->machine.cores;
  p->core_bandwidth = stream_rate(r, "triad", 1, &p->bandwidth_cores);
  p->cache_bandwidth = best_rate(r, "triad");
  p->core_int8 = best_rate(r, "gemm_i8");
  p->bandwidth = stream_rate(r, "triad", r->machine.cores, &p->bandwidth_cores);
  p->last_cache_bytes = last_cache_bytes(r);
  p->drift = sentinel_drift(r);
  find_notes(p);
  return good;
}

void calibration_release(struct calibration *p)
{
  for (int i = 0; i < p->n; i++)
    kernel_fit_release(&p->kernel[i].fit);
}
