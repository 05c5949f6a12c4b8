/* profile_diff.c: `offsim profile diff A B`: do two profiles say the same? Kernel by kernel and model by model, where both have them.
 *
 * Where the raw lines of both lie beside them (PROFILE.raw.jsonl), shapes that both measured are compared, by the median of
 * log(B / A); noise is then what two passes of one calibration differ by, 3 % at least. Else the fitted costs are, at the knots of
 * both that lie within both ranges; noise is what the two fits say of themselves: sqrt(mape_A^2 + mape_B^2), 3 % at least. Check:
 * the same profile with all costs x 1.5 differs by +50 % in every kernel.
 * Of a model (tokens): times of prompts at the lengths of both within both ranges; times of steps of 1, 4, 16 and 64 requests on 0,
 * 1024 and 4096 tokens of context, as far as neither profile has guessed the term; noise likewise.
 */
#include "experiments/calibrate/calibration.h"
#include "experiments/calibrate/profile_commands.h"
#include "experiments/calibrate/profile_find.h"
#include "experiments/calibrate/profile_tokens.h"
#include "analysis/text.h"
#include "experiments/options.h"
#include "scenarios/profile.h"
#include "sim/json.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KERNELS_MOST = 256 };
static const double LEAST_NOISE = 0.03;
static const char other_axes[] = "costs over different axes";

struct difference {
  const char *name;
  const struct profile_kernel *a, *b;                   /* NULL: of a model, or of one profile only */
  const char *why, *what;                               /* why it cannot be judged; what was compared */
  int points;
  double median, largest, noise;
  bool of_model, beyond;                                /* of a model (tokens), not of a kernel */
};
struct differences { int n; struct difference all[KERNELS_MOST]; int beyond, compared; };
struct request { bool as_json; double margin; const char *file[2]; int n; };

/* ---- one kernel ------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bool same_axes(const struct kernel_cost *a, const struct kernel_cost *b)
{
  bool same = a->n_axes == b->n_axes;
  for (int i = 0; same && i < a->n_axes; i++)
    same = !strcmp(a->axis[i].name, b->axis[i].name);
  return same;
}

/* The logarithm of B / A at the knots of `of` that both know. */
static int add_ratios(const struct kernel_cost *of, const struct kernel_cost *a, const struct kernel_cost *b, double *ratio,
                      int n)
{
  int columns = of->n_axes > 1 ? of->axis[1].n : 1;
  for (int i = 0; i < of->axis[0].n * columns; i++) {
    const double at[KERNEL_COST_AXES] = {of->axis[0].knot[i / columns], of->n_axes > 1 ? of->axis[1].knot[i % columns] : 0};
    if (kernel_cost_inside(a, at) && kernel_cost_inside(b, at))
      ratio[n++] = log(kernel_cost_at(b, at) / kernel_cost_at(a, at));
  }
  return n;
}

static int n_costs(const struct kernel_cost *c) { return c->axis[0].n * (c->n_axes > 1 ? c->axis[1].n : 1); }

static double median_of(double *x, int n)
{
  qsort(x, (size_t)n, sizeof *x, by_size);
  return n == 0 ? NAN : n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* ratio: logarithms, which are sorted. */
static void take_ratios(struct difference *d, double *ratio, int n, const char *what)
{
  d->points = n;
  d->what = what;
  d->median = expm1(median_of(ratio, n));
  d->largest = n == 0 ? NAN : expm1(fabs(ratio[0]) > fabs(ratio[n - 1]) ? ratio[0] : ratio[n - 1]);
}

static void compare_costs(struct difference *d)
{
  const struct kernel_cost *a = &d->a->cost, *b = &d->b->cost;
  double *ratio = zeros_new((size_t)(n_costs(a) + n_costs(b)), sizeof *ratio);
  int n = add_ratios(b, a, b, ratio, add_ratios(a, a, b, ratio, 0));
  take_ratios(d, ratio, n, "knots");
  if (n == 0)
    d->why = "measured over ranges that do not meet";
  free(ratio);
}

/* Of one shape: the mean of the passes' medians, in the logarithm; apart: how far two passes are. */
struct measured_shape { const double *p; double cost, apart; int passes; };
struct measured_shapes { int n, n_parameters; struct measured_shape *shape; };

static struct measured_shapes shapes_of(const struct raw *r, const char *kernel, struct arena *arena)
{
  int k = raw_find(r, kernel), n = 0;
  struct measured_shapes out = {0};
  if (k < 0 || r->kernel[k].why)
    return out;
  const struct raw_sample **first;
  struct kernel_samples all = calibration_samples(r, k, false, &first, &n);
  out = (struct measured_shapes){n, r->kernel[k].n_parameters, arena_array(arena, struct measured_shape, n + 1)};
  for (int i = 0; i < all.n; i++) {
    const struct kernel_sample *s = &all.sample[i];
    struct measured_shape *m = &out.shape[s->shape];
    double *sorted = zeros_new((size_t)s->n, sizeof *sorted);
    memcpy(sorted, s->execution_s, (size_t)s->n * sizeof *sorted);
    double cost = log(median_of(sorted, s->n) / s->units);
    free(sorted);
    m->p = first[s->shape]->p;
    m->apart = m->passes ? fabs(cost - m->cost / m->passes) : 0;
    m->cost += cost;
    m->passes++;
  }
  return out;
}

static const struct measured_shape *same_shape(const struct measured_shapes *all, const struct measured_shape *m)
{
  for (int i = 0; i < all->n; i++)
    if (!memcmp(all->shape[i].p, m->p, (size_t)all->n_parameters * sizeof *m->p))
      return &all->shape[i];
  return NULL;
}

/* False: they have no shape in common. */
static bool compare_shapes(struct difference *d, const struct raw *a, const struct raw *b, double margin, struct arena *arena)
{
  struct measured_shapes x = shapes_of(a, d->a->cost.kernel, arena), y = shapes_of(b, d->a->cost.kernel, arena);
  double *ratio = arena_array(arena, double, x.n + 1), *apart = arena_array(arena, double, 2 * x.n + 1);
  int n = 0;
  for (int i = 0; x.n_parameters == y.n_parameters && i < x.n; i++) {
    const struct measured_shape *other = same_shape(&y, &x.shape[i]);
    if (!other)
      continue;
    apart[2 * n] = x.shape[i].apart, apart[2 * n + 1] = other->apart;
    ratio[n++] = other->cost / other->passes - x.shape[i].cost / x.shape[i].passes;
  }
  if (n == 0)
    return false;
  take_ratios(d, ratio, n, "shapes");
  d->noise = margin > 0 ? margin : fmax(LEAST_NOISE, expm1(median_of(apart, 2 * n)));
  return true;
}

/* The raw lines beside the two profiles; NULL where they are not. */
struct raws { const struct raw *a, *b; struct arena *arena; };

/* Errors of two fits, as one. */
static double noise_of(double mape_a, double mape_b, double margin)
{
  double a = isfinite(mape_a) ? mape_a : 0, b = isfinite(mape_b) ? mape_b : 0;
  return margin > 0 ? margin : fmax(LEAST_NOISE, sqrt(a * a + b * b));
}

static struct difference difference_of(const struct profile_kernel *a, const struct profile_kernel *b, double margin,
                                       const struct raws *r)
{
  struct difference d = {.name = a->cost.kernel, .a = a, .b = b, .median = NAN, .largest = NAN};
  d.noise = noise_of(a->mape, b->mape, margin);
  if (a->wall != b->wall)
    d.why = "on different clocks";
  else if (strcmp(a->cost.unit, b->cost.unit) || a->cost.version != b->cost.version)
    d.why = "of different versions";
  else if (r->a && r->b && compare_shapes(&d, r->a, r->b, margin, r->arena))
    d.why = NULL;
  else if (!same_axes(&a->cost, &b->cost))
    d.why = other_axes;
  else
    compare_costs(&d);
  return d;
}

/* ---- one model --------------------------------------------------------------------------------------------------- */

static bool has_length(const struct token_service *s, double tok)
{
  for (int i = 0; i < s->n; i++)
    if (s->tok[i] == tok)
      return true;
  return false;
}

/* At the lengths of `of`, but for those of `but`. */
static int add_prompts(const struct token_service *of, const struct token_service *but, const struct token_service *a,
                       const struct token_service *b, double *ratio, int n)
{
  for (int i = 0; i < of->n; i++) {
    double x = token_prompt_s(a, of->tok[i]), y = token_prompt_s(b, of->tok[i]);
    if (x > 0 && y > 0 && !(but && has_length(but, of->tok[i])))
      ratio[n++] = log(y / x);
  }
  return n;
}

static struct difference prompts_difference(const struct token_service *a, const struct token_service *b, double margin,
                                            struct arena *arena)
{
  static const char *const what[2] = {"lengths", "rates"};
  bool tables = a->n || b->n;
  double *ratio = arena_array(arena, double, a->n + b->n + 1);
  struct difference d = {.name = arena_printf(arena, "%s prompts", a->variant), .of_model = true,
                         .noise = noise_of(a->prompt_error.mape, b->prompt_error.mape, margin)};
  int n = add_prompts(b, a, a, b, ratio, add_prompts(a, NULL, a, b, ratio, 0));
  if (!tables && a->prefill_tok_per_s > 0 && b->prefill_tok_per_s > 0)
    ratio[n++] = log(a->prefill_tok_per_s / b->prefill_tok_per_s);
  take_ratios(&d, ratio, n, what[!tables]);
  if (n == 0)
    d.why = tables ? "measured over lengths that do not meet" : "not said by both";
  return d;
}

static struct difference steps_difference(const struct token_service *a, const struct token_service *b, double margin,
                                          struct arena *arena)
{
  static const double requests[] = {1, 4, 16, 64}, context_tok[] = {0, 1024, 4096};
  bool one_request = a->c_guessed || b->c_guessed || !a->has_step || !b->has_step;
  bool no_context = a->kv_guessed || b->kv_guessed || !a->has_step || !b->has_step;
  double ratio[12];
  int n = 0;
  struct difference d = {.name = arena_printf(arena, "%s steps", a->variant), .of_model = true,
                         .noise = noise_of(a->step_error.mape, b->step_error.mape, margin)};
  for (int i = 0; i < (one_request ? 1 : 4); i++)
    for (int k = 0; k < (no_context ? 1 : 3); k++) {
      double x = token_step_s(a, requests[i], context_tok[k]), y = token_step_s(b, requests[i], context_tok[k]);
      if (x > 0 && y > 0)
        ratio[n++] = log(y / x);
    }
  take_ratios(&d, ratio, n, "steps");
  if (n == 0)
    d.why = "not said by both";
  return d;
}

/* ---- two profiles ----------------------------------------------------------------------------------------------- */

static const struct profile_kernel *find(const struct profile *p, const char *kernel)
{
  for (int i = 0; i < p->n_kernels; i++)
    if (!strcmp(p->kernel[i].cost.kernel, kernel))
      return &p->kernel[i];
  return NULL;
}

static const struct token_service *find_model(const struct token_service *all, int n, const char *variant)
{
  for (int i = 0; i < n; i++)
    if (!strcmp(all[i].variant, variant))
      return &all[i];
  return NULL;
}

static void add_difference(struct differences *out, struct difference d)
{
  if (out->n == KERNELS_MOST)
    return;
  d.beyond = !d.why && fabs(log1p(d.median)) > log1p(d.noise);
  out->all[out->n++] = d;
  out->compared += !d.why;
  out->beyond += d.beyond;
}

/* Models of one profile only, which cannot be compared. */
static void add_lone_models(const struct token_service *of, int n, const struct token_service *other, int n_other, const char *why,
                            struct differences *out)
{
  for (int i = 0; i < n; i++)
    if (!find_model(other, n_other, of[i].variant))
      add_difference(out, (struct difference){.name = of[i].variant, .of_model = true, .why = why, .median = NAN, .largest = NAN,
                                               .noise = NAN});
}

static bool compare_models(const struct profile *a, const struct profile *b, double margin, struct arena *arena, struct differences *out,
                           struct err *e)
{
  struct token_service *x, *y;
  int n, m;
  if (!token_services(arena, a, &n, &x, e) || !token_services(arena, b, &m, &y, e))
    return false;
  for (int i = 0; i < n; i++) {
    const struct token_service *other = find_model(y, m, x[i].variant);
    if (!other)
      continue;
    add_difference(out, prompts_difference(&x[i], other, margin, arena));
    add_difference(out, steps_difference(&x[i], other, margin, arena));
  }
  add_lone_models(x, n, y, m, "only in the first", out);
  add_lone_models(y, m, x, n, "only in the second", out);
  return true;
}

static void compare(const struct profile *a, const struct profile *b, double margin, const struct raws *r,
                    struct differences *out)
{
  for (int i = 0; i < a->n_kernels && out->n < KERNELS_MOST; i++) {
    const struct profile_kernel *other = find(b, a->kernel[i].cost.kernel);
    struct difference d = {.name = a->kernel[i].cost.kernel, .a = &a->kernel[i], .why = "only in the first", .median = NAN, .largest = NAN, .noise = NAN};
    add_difference(out, other ? difference_of(&a->kernel[i], other, margin, r) : d);
  }
  for (int i = 0; i < b->n_kernels && out->n < KERNELS_MOST; i++)
    if (!find(a, b->kernel[i].cost.kernel))
      add_difference(out, (struct difference){.name = b->kernel[i].cost.kernel, .b = &b->kernel[i], .why = "only in the second", .median = NAN, .largest = NAN,
                                               .noise = NAN});
}

static bool of_other_axes(const struct differences *all)
{
  for (int i = 0; i < all->n; i++)
    if (all->all[i].why == other_axes)
      return true;
  return false;
}

/* What the compared ones are. */
static const char *compared_are(const struct differences *all)
{
  int models = 0;
  for (int i = 0; i < all->n; i++)
    models += all->all[i].of_model && !all->all[i].why;
  return models == 0 ? "kernels" : models == all->compared ? "times" : "figures";
}

/* A factor that is worth a word: what a byte from memory takes is one number a profile, and nobody knows how far two may be apart. */
static const double FAR_APART = 1.25;

static bool far_apart(double a, double b)
{
  return isnan(a) != isnan(b) || fmax(a, b) > FAR_APART * fmin(a, b);
}

static void add_pair(struct text *t, const char *what, double a, double b, const char *unit)
{
  text_add(t, ", %s ", what);
  text_add(t, isnan(a) ? "not measured" : "%.3g%s", a, unit);
  text_add(t, isnan(b) ? " -> not measured" : " -> %.3g%s", b, unit);
}

/* What the verdicts above do not hold: data that come from memory. */
static void print_memory(const struct differences *all)
{
  for (int i = 0, told = 0; i < all->n; i++) {
    const struct profile_kernel *a = all->all[i].a, *b = all->all[i].b;
    struct text t = {0};
    if (!a || !b) continue;
    if (far_apart(a->fetch_s, b->fetch_s)) add_pair(&t, "fetch", 1e12 * a->fetch_s, 1e12 * b->fetch_s, " ps/B");
    if (far_apart(a->cold, b->cold)) add_pair(&t, "cold", a->cold, b->cold, "");
    if (t.n && !told++) printf("\nof data from memory, which is not judged (reuse_distance; more than 25 %% apart):\n");
    if (t.n) printf("  %s: %s\n", all->all[i].name, t.s + 2);
    free(t.s);
  }
}

static void print_table(const struct profile *a, const struct profile *b, const struct differences *all)
{
  static const char *const heading[] = {"of", "", "median", "largest", "noise", "over"};
  struct table *t = table_new(6);
  printf("first:  %s (%s)\nsecond: %s (%s)\n\n", a->name, a->path, b->name, b->path);
  for (int i = 0; i < 6; i++)
    table_cell(t, "%s", heading[i]);
  table_rule(t);
  for (int i = 0; i < all->n; i++) {
    const struct difference *d = &all->all[i];
    table_cell(t, "%s", d->name);
    table_cell(t, "%s", d->why ? d->why : d->beyond ? "DIFFERENT" : "same");
    const double x[] = {d->median, d->largest};
    for (int k = 0; k < 2; k++)
      if (isfinite(x[k]))
        table_cell(t, "%+.1f %%", 100 * x[k]);
      else
        table_cell(t, "-");
    table_cell(t, isfinite(d->noise) && !d->why ? "%.1f %%" : "-", 100 * d->noise);
    table_cell(t, d->why ? "-" : "%d %.*s", d->points, (int)strlen(d->what ? d->what : "") - (d->points == 1), d->what);
  }
  table_print(t, stdout, 2);
  if (of_other_axes(all))
    printf("\nwhere the raw lines of both lie beside them (PROFILE.raw.jsonl), shapes are compared and axes do not matter\n");
  printf("\n%d of %d compared %s differ beyond noise\n", all->beyond, all->compared, compared_are(all));
  print_memory(all);
}

static void print_json(const struct profile *a, const struct profile *b, const struct differences *all)
{
  json *out = json_new_object(), *kernels = json_new_object(), *models = json_new_object();
  json_put_string(out, "first", a->path);
  json_put_string(out, "second", b->path);
  json_put_int(out, "compared", all->compared);
  json_put_int(out, "beyond_noise", all->beyond);
  for (int i = 0; i < all->n; i++) {
    const struct difference *d = &all->all[i];
    json *one = json_new_object();
    json_put_string(one, "verdict", d->why ? d->why : d->beyond ? "different" : "same");
    json_put_number(one, "median", d->median);
    json_put_number(one, "largest", d->largest);
    json_put_number(one, "noise", d->noise);
    json_put_int(one, "points", d->points);
    json_put_string(one, "points_are", d->what);
    if (d->a && d->b) {
      json_put(one, "fetch_s", json_push(json_push(json_new_array(), json_number_value(d->a->fetch_s)), json_number_value(d->b->fetch_s)));
      json_put(one, "cold", json_push(json_push(json_new_array(), json_number_value(d->a->cold)), json_number_value(d->b->cold)));
    }
    json_put(d->of_model ? models : kernels, d->name, one);
  }
  json_put(out, "kernels", kernels);
  json_put(out, "models", models);
  char *text = json_write(out, true);
  puts(text);
  free(text);
  json_release(out);
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static bool take_margin(struct request *r, const char *value, struct err *e)
{
  char *end = NULL;
  r->margin = value ? strtod(value, &end) : 0;
  if (value && end != value && !strcmp(end, " %"))
    r->margin /= 100, end += 2;
  return (value && end != value && !*end && r->margin > 0 && r->margin < 10)
         || err_add(e, (struct where){0}, "profile diff: --margin is a share above 0, such as 0.05 or '5 %%', not '%s'",
                    value ? value : "");
}

static bool take(struct request *r, const char *word, const char *value, struct err *e)
{
  static const char *const known[] = {"--margin", "--format"};
  if (!strcmp(word, "--margin"))
    return take_margin(r, value, e);
  if (strcmp(word, "--format"))
    return options_unknown("profile diff", word, known, 2, e);
  r->as_json = value && !strcmp(value, "json");
  return (value && (r->as_json || !strcmp(value, "table")))
         || err_add(e, (struct where){0}, "profile diff: --format is table or json, not '%s'", value ? value : "");
}

static bool read_request(struct request *r, int argc, char **argv, struct err *e)
{
  bool good = true;
  for (int i = 1; good && i < argc; i++)
    if (argv[i][0] == '-' && argv[i][1])
      good = take(r, argv[i], i + 1 < argc ? argv[i + 1] : NULL, e), i++;
    else if (r->n == 2)
      good = err_add(e, (struct where){0}, "profile diff: two profiles, not also '%s'", argv[i]);
    else
      r->file[r->n++] = argv[i];
  return good && (r->n == 2 || err_add(e, (struct where){0}, "profile diff: which two profiles? `offsim profile diff A B`"));
}

/* NULL: they are not there, or no longer whole; the profile itself says enough. */
static const struct raw *raw_beside(const char *profile, struct arena *arena)
{
  size_t n = strlen(profile), ending = strlen(".yaml");
  const char *path = arena_printf(arena, "%.*s.raw.jsonl", (int)(n > ending ? n - ending : n), profile);
  struct err unread;
  err_init(&unread);
  const struct raw *r = access(path, R_OK) == 0 ? raw_read(path, arena, &unread) : NULL;
  err_release(&unread);
  return r;
}

static bool nothing_common(const struct differences *all, struct err *e)
{
  if (all->n == 0)
    return err_add(e, (struct where){0}, "profile diff: neither has kernels or models: nothing to compare");
  return err_add(e, (struct where){0}, "profile diff: the two have no kernel and no model that can be compared: '%s' is %s",
                 all->all[0].name, all->all[0].why);
}

static bool run(const struct request *r, struct arena *arena, int *beyond, struct err *e)
{
  const struct profile *a = profile_find(arena, r->file[0], e), *b = profile_find(arena, r->file[1], e);
  struct differences *all = arena_alloc(arena, sizeof *all);
  if (!a || !b)
    return false;
  const struct raws raws = {raw_beside(r->file[0], arena), raw_beside(r->file[1], arena), arena};
  compare(a, b, r->margin, &raws, all);
  if (!compare_models(a, b, r->margin, arena, all, e))
    return false;
  if (all->compared == 0)
    return nothing_common(all, e);
  if (r->as_json)
    print_json(a, b, all);
  else
    print_table(a, b, all);
  *beyond = all->beyond;
  return true;
}

static const char usage[] =
  "usage: offsim profile diff A B [--margin SHARE] [--format table|json]\n"
  "  A, B             profiles: files, or names of shipped hardware (`offsim presets`). Compared are kernels, shape by shape where\n"
  "                   the raw lines of both lie beside them, else by their fitted costs; and of models that both have (imported\n"
  "                   profiles) the times of prompts and of steps\n"
  "  --margin         differences that are noise: a share (0.05) or '5 %'; default: 3 %, or what the errors of both say\n"
  "  --format         table (default) or json\n"
  "  Exit 1: one of them differs by more than its noise, by the median.\n";

int profile_diff(int argc, char **argv)
{
  struct request r = {0};
  int beyond = 0;
  if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    fputs(usage, stdout);
    return EXIT_OK;
  }
  struct err e;
  err_init(&e);
  struct arena *arena = arena_new();
  bool good = read_request(&r, argc, argv, &e) && run(&r, arena, &beyond, &e);
  err_say(&e);
  int code = !good ? (int)e.code : beyond ? EXIT_NEGATIVE : EXIT_OK;
  err_release(&e);
  arena_free(arena);
  return code;
}
