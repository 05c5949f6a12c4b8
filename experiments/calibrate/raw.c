/* raw.c: the strict reader of raw format 1. */
#include "experiments/calibrate/raw.h"
#include "analysis/text.h"
#include "sim/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SAMPLES = 1000000, MOST_REPETITIONS = 1000000 };
/* Of one execution: less is no time that a clock tells, more than thirty years is a mistake. */
#define LEAST_S 1e-15
#define MOST_S 1e9
#define WIDEST 1e4                                      /* upper end of an interval over its lower one */
#define ALIKE 1e-9                                      /* relative: the same number, printed and read */

const char *const raw_bound_name[N_RAW_BOUNDS] = {"compute", "memory", "system"};

/* ---- fields -------------------------------------------------------------------------------------------------------- */

/* One line being read: every complaint names it. */
struct reading { struct raw *r; const json *line; const char *type; struct err *e; bool good; };

static void refuse(struct reading *x, const char *format, ...) PRINTF_LIKE(2, 3);
static void refuse(struct reading *x, const char *format, ...)
{
  char text[256];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (x->good)                                          /* what follows may be its consequence */
    err_add(x->e, (struct where){.file = x->r->file, .line = x->r->line}, "%s%s%s", x->type ? x->type : "",
            x->type ? ": " : "", text);
  x->good = false;
}

static const json *field(struct reading *x, const char *key)
{
  const json *value = json_at(x->line, key);
  if (!value)
    refuse(x, "'%s' is missing", key);
  return value;
}

static const char *text_of(struct reading *x, const char *key)
{
  const json *value = field(x, key);
  const char *text = json_text(value);
  if (value && (!text || !*text))
    refuse(x, "'%s' must be a text", key);
  return text ? arena_strdup(x->r->arena, text) : "";
}

/* Becomes a key, or a word without quotes, in the profile. */
static const char *name_said(struct reading *x, const char *what, const char *name)
{
  size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-");
  if (x->good && (n == 0 || n > 64 || name[n]))
    refuse(x, "'%s' is of letters, digits and . _ + - only, 1 to 64, not '%.80s'", what, name);
  return name;
}

static const char *name_of(struct reading *x, const char *key) { return name_said(x, key, text_of(x, key)); }

/* A text, or null, or nothing. */
static const char *optional_text(struct reading *x, const char *key)
{
  const json *value = json_at(x->line, key);
  return !value || json_is_none(value) ? NULL : text_of(x, key);
}

static double number_of(struct reading *x, const char *key, double low, double high)
{
  const json *value = field(x, key);
  double number = json_real(value, NAN);
  if (value && !(number >= low && number <= high))
    refuse(x, "'%s' must be a number from %g to %g", key, low, high);
  return number;
}

static double optional_number(struct reading *x, const char *key, double low, double high)
{
  const json *value = json_at(x->line, key);
  return !value || json_is_none(value) ? NAN : number_of(x, key, low, high);
}

/* Above 0. */
static double positive(struct reading *x, const char *key) { return number_of(x, key, 1e-300, 1e300); }

static int whole(struct reading *x, const char *key, int low, int high)
{
  double number = number_of(x, key, low, high);
  if (x->good && number != floor(number))
    refuse(x, "'%s' must be a whole number, not %g", key, number);
  return x->good ? (int)number : low;
}

static bool flag_of(struct reading *x, const char *key)
{
  const json *value = field(x, key);
  int flag = json_flag(value);
  if (value && flag < 0)
    refuse(x, "'%s' must be true or false", key);
  return flag > 0;
}

static int choice_of(struct reading *x, const char *key, const char *const *words, int n)
{
  const char *text = text_of(x, key);
  for (int i = 0; i < n; i++)
    if (!strcmp(text, words[i]))
      return i;
  const char *near = nearest(text, words, (size_t)n);
  refuse(x, "'%s': unknown '%s'%s%s%s", key, text, near ? "; nearest: '" : "", near ? near : "", near ? "'" : "");
  return 0;
}

static size_t list_of(struct reading *x, const char *key, size_t low, size_t high, const json **list)
{
  *list = field(x, key);
  size_t n = json_is_list(*list) ? json_count(*list) : 0;
  if (*list && (!json_is_list(*list) || n < low || n > high))
    refuse(x, low == high ? "'%s' must be a list of %zu" : "'%s' must be a list of %zu to %zu", key, low, high);
  return x->good ? n : 0;
}

static int names_of(struct reading *x, const char *key, size_t low, size_t high, const char **name)
{
  const json *list;
  size_t n = list_of(x, key, low, high, &list);
  for (size_t i = 0; i < n; i++) {
    const char *text = json_text(json_nth(list, i));
    if (!text)
      refuse(x, "'%s' must be a list of names", key);
    name[i] = name_said(x, key, arena_strdup(x->r->arena, text ? text : ""));
  }
  return (int)n;
}

static const double *numbers_of(struct reading *x, const char *key, size_t n, double low, double high)
{
  const json *list;
  double *number = arena_array(x->r->arena, double, n + 1);
  n = list_of(x, key, n, n, &list);
  for (size_t i = 0; i < n; i++) {
    number[i] = json_real(json_nth(list, i), NAN);
    if (!(number[i] >= 0 && (number[i] > 0 || low == 0)))
      refuse(x, "'%s': value %zu must be %s", key, i + 1, low > 0 ? "above 0" : "0 or above");
    else if (!((number[i] >= low || number[i] == 0) && number[i] <= high))
      refuse(x, "'%s': value %zu, %g, is not between %g and %g", key, i + 1, number[i], low, high);
  }
  return number;
}

/* Room for one more, by doubling; what is dropped stays in the arena. */
static void *more(struct arena *a, void *old, size_t n, size_t *room, size_t size)
{
  if (n < *room)
    return old;
  *room = *room ? 2 * *room : 64;
  void *grown = arena_alloc(a, *room * size);
  if (n)
    memcpy(grown, old, n * size);
  return grown;
}

/* ---- lines --------------------------------------------------------------------------------------------------------- */

static void read_begin(struct reading *x)
{
  struct raw *r = x->r;
  if (r->begun)
    refuse(x, "a second one; a file holds one measurement");
  int format = whole(x, "format", 0, 1000000);
  if (x->good && format != RAW_FORMAT)
    refuse(x, "raw format %d; this program reads format %d%s", format, RAW_FORMAT,
           format > RAW_FORMAT ? ": a newer offsim is needed" : "");
  r->program = text_of(x, "program");
  r->version = text_of(x, "version");
  double seed = number_of(x, "seed", 0, 9007199254740992.); /* 2^53: beyond it a number of JSON has holes */
  r->seed = x->good ? (uint64_t)seed : 0;
  r->quick = flag_of(x, "quick");
  r->passes = whole(x, "passes", 1, 1000);
  r->unix_time = number_of(x, "unix_time", 0, 1e12);
  r->begun = x->good;
}

static void read_caches(struct reading *x, struct raw_machine *m)
{
  const json *list = json_at(x->line, "caches");
  for (size_t i = 0; json_is_list(list) && i < json_count(list) && m->n_caches < 16; i++) {
    const json *c = json_nth(list, i);
    const char *kind = json_text(json_at(c, "kind"));
    m->cache[m->n_caches++] = (struct raw_cache){(int)json_int(json_at(c, "level"), 0), json_real(json_at(c, "bytes"), NAN),
                                                 arena_strdup(x->r->arena, kind ? kind : "unknown")};
  }
}

static void read_libraries(struct reading *x, struct raw_machine *m)
{
  const json *map = json_at(x->line, "libraries");
  for (size_t i = 0; json_is_map(map) && i < json_count(map) && m->n_libraries < 16; i++) {
    const char *name = json_key(map, i), *version = json_text(json_at(map, name));
    if (!version)
      continue;                                         /* null: not there */
    m->library[m->n_libraries] = name_said(x, "libraries", arena_strdup(x->r->arena, name));
    m->library_version[m->n_libraries++] = arena_strdup(x->r->arena, version);
  }
}

static void read_machine(struct reading *x)
{
  struct raw_machine *m = &x->r->machine;
  if (x->r->machine_said)
    refuse(x, "a second one; a file is of one machine");
  *m = (struct raw_machine){
    .cpu = text_of(x, "cpu"), .architecture = text_of(x, "architecture"), .pin_problem = optional_text(x, "pin_problem"),
    .governor = optional_text(x, "governor"), .kernel = optional_text(x, "kernel"), .virtual = optional_text(x, "virtual"),
    .compiler = optional_text(x, "compiler"), .flags = optional_text(x, "flags"), .rapl = optional_text(x, "rapl"),
    .cores = whole(x, "cores", 1, 100000), .core = whole(x, "core", -1, 100000), .pinned = flag_of(x, "pinned"),
    .frequency_hz = optional_number(x, "frequency_hz", 0, 1e12), .temperature_c = optional_number(x, "temperature_c", -100, 1000),
    .memory_bytes = optional_number(x, "memory_bytes", 0, 1e18), .load_1 = optional_number(x, "load_1", 0, 1e9),
    .steal_share = optional_number(x, "steal_share", 0, 1)};
  m->counters = json_text(json_at(x->line, "counters")) ? text_of(x, "counters") : NULL;
  read_caches(x, m);
  read_libraries(x, m);
  x->r->machine_said = x->good;
}

static void read_kernel(struct reading *x)
{
  struct raw *r = x->r;
  if (r->n_kernels == RAW_KERNELS) {
    refuse(x, "more than %d", RAW_KERNELS);
    return;
  }
  struct raw_kernel *k = &r->kernel[r->n_kernels];
  *k = (struct raw_kernel){.name = name_of(x, "name"), .version = whole(x, "version", 1, 1000000), .unit = text_of(x, "unit"),
                           .bound = (enum raw_bound)choice_of(x, "bound", raw_bound_name, N_RAW_BOUNDS)};
  k->n_parameters = names_of(x, "parameters", 0, RAW_PARAMETERS, k->parameter);
  k->n_axes = names_of(x, "axes", 1, RAW_AXES, k->axis);
  if (raw_find(r, k->name) >= 0)
    refuse(x, "'%s' a second time", k->name);
  if (!flag_of(x, "available"))
    k->why = text_of(x, "why");
  r->n_kernels += x->good;
}

static int kernel_of(struct reading *x)
{
  const char *name = text_of(x, "kernel"), *all[RAW_KERNELS];
  int k = raw_find(x->r, name);
  for (int i = 0; i < x->r->n_kernels; i++)
    all[i] = x->r->kernel[i].name;
  const char *near = k < 0 ? nearest(name, all, (size_t)x->r->n_kernels) : NULL;
  if (k < 0)
    refuse(x, "kernel '%s' was not announced%s%s%s", name, near ? "; nearest: '" : "", near ? near : "", near ? "'" : "");
  else if (x->r->kernel[k].why)
    refuse(x, "kernel '%s' was announced as unavailable", name);
  return k < 0 ? 0 : k;
}

/* The shape has the kernel's parameters, each once, and no other. */
static void read_shape(struct reading *x, int kernel, double *p)
{
  const struct raw_kernel *k = &x->r->kernel[kernel];
  const json *shape = field(x, "shape");
  if (shape && !json_is_map(shape))
    refuse(x, "'shape' must be a map of the parameters of %s", k->name);
  if (x->good && (int)json_count(shape) != k->n_parameters)
    refuse(x, "'shape' has %zu parameters, %s has %d", json_count(shape), k->name, k->n_parameters);
  for (int i = 0; x->good && i < k->n_parameters; i++) {
    p[i] = json_real(json_at(shape, k->parameter[i]), NAN);
    if (!(fabs(p[i]) < 1e300))
      refuse(x, "'shape' lacks the number '%s' of %s", k->parameter[i], k->name);
  }
}

static size_t repetitions(struct reading *x)
{
  const json *list;
  return list_of(x, "wall_s", 1, MOST_REPETITIONS, &list);
}

/* An interval of the median holds the median: no more than half of the values lie on either side of it. */
static void check_interval(struct reading *x, const char *clock, const double *value, size_t n, double low, double high)
{
  size_t below = 0, above = 0;
  for (size_t i = 0; x->good && i < n; i++) {
    below += value[i] < low * (1 - ALIKE);
    above += value[i] > high * (1 + ALIKE);
  }
  if (low > high)
    refuse(x, "%s: the interval's lower end lies above its upper one", clock);
  else if (low > 0 && high > WIDEST * low)
    refuse(x, "%s: an interval from %g to %g s says nothing", clock, low, high);
  else if (2 * below > n || 2 * above > n)
    refuse(x, "%s: the interval from %g to %g s does not hold the median of the %zu repetitions", clock, low, high, n);
}

static void read_times(struct reading *x, struct raw_sample *s)
{
  s->n = repetitions(x);
  s->wall_s = numbers_of(x, "wall_s", s->n, LEAST_S, MOST_S);
  s->cpu_s = numbers_of(x, "cpu_s", s->n, 0, MOST_S);
  s->wall_low_s = number_of(x, "wall_low_s", LEAST_S, MOST_S);
  s->wall_high_s = number_of(x, "wall_high_s", LEAST_S, MOST_S);
  s->cpu_low_s = number_of(x, "cpu_low_s", 0, MOST_S);
  s->cpu_high_s = number_of(x, "cpu_high_s", 0, MOST_S);
  check_interval(x, "wall_s", s->wall_s, s->n, s->wall_low_s, s->wall_high_s);
  check_interval(x, "cpu_s", s->cpu_s, s->n, s->cpu_low_s, s->cpu_high_s);
}

static void read_conditions(struct reading *x, struct raw_sample *s)
{
  static const char *const caches[] = {"hot", "cold"}, *const with[] = {"alone", "interference"};
  s->pass = whole(x, "pass", 0, x->r->passes - 1);
  s->order = whole(x, "order", 0, MOST_SAMPLES);
  s->cold = choice_of(x, "cache", caches, 2) == 1;
  s->threads = whole(x, "threads", 1, 100000);
  s->interference = choice_of(x, "with", with, 2) == 1;
  s->off_grid = flag_of(x, "off_grid");
  s->inner = whole(x, "inner", 1, 2000000000);
  s->discarded = whole(x, "discarded", 0, 2000000000);
  s->stable = flag_of(x, "stable");
}

static void read_sample(struct reading *x)
{
  struct raw *r = x->r;
  struct raw_sample s = {.line = r->line, .kernel = kernel_of(x)};
  if (!x->good)
    return;
  read_shape(x, s.kernel, s.p);
  s.units = positive(x, "units");
  s.flop = optional_number(x, "flop", 0, 1e300);
  s.bytes = optional_number(x, "bytes", 0, 1e300);
  s.joule = optional_number(x, "joule", 0, 1e300);
  s.clock_s = optional_number(x, "clock_s", LEAST_S, MOST_S);
  int n_axes = r->kernel[s.kernel].n_axes;
  memcpy(s.axis, numbers_of(x, "axes", (size_t)n_axes, 1e-300, 1e300), (size_t)n_axes * sizeof *s.axis);
  read_conditions(x, &s);
  read_times(x, &s);
  if (x->good && r->n_samples == MOST_SAMPLES)
    refuse(x, "more than %d", MOST_SAMPLES);
  if (!x->good)
    return;
  r->sample = more(r->arena, r->sample, r->n_samples, &r->samples_room, sizeof *r->sample);
  r->sample[r->n_samples++] = s;
}

static void read_sentinel(struct reading *x)
{
  struct raw *r = x->r;
  struct raw_sentinel s = {whole(x, "order", 0, MOST_SAMPLES), positive(x, "wall_s"), positive(x, "cpu_s")};
  if (!x->good)
    return;
  r->sentinel = more(r->arena, r->sentinel, r->n_sentinels, &r->sentinels_room, sizeof *r->sentinel);
  r->sentinel[r->n_sentinels++] = s;
}

static void read_check(struct reading *x)
{
  struct raw *r = x->r;
  struct raw_check c = {.line = r->line, .kernel = kernel_of(x)};
  if (x->good)
    read_shape(x, c.kernel, c.p);
  c.ok = flag_of(x, "ok");
  c.why = c.ok ? NULL : text_of(x, "why");
  if (!x->good)
    return;
  r->check = more(r->arena, r->check, r->n_checks, &r->checks_room, sizeof *r->check);
  r->check[r->n_checks++] = c;
}

static void read_progress(struct reading *x)
{
  x->r->done = number_of(x, "done", 0, 1e9);
  x->r->total = number_of(x, "total", 0, 1e9);
  const char *now = optional_text(x, "kernel");
  x->r->now = now ? now : "";
}

static void read_end(struct reading *x)
{
  struct raw *r = x->r;
  double samples = number_of(x, "samples", 0, 1e9);
  if (x->good && (size_t)samples != r->n_samples)
    refuse(x, "says %.0f samples, the file holds %zu: lines were lost; measure again", samples, r->n_samples);
  r->elapsed_s = number_of(x, "elapsed_s", 0, 1e9);
  r->interrupted = flag_of(x, "interrupted");
  r->end_load_1 = optional_number(x, "load_1", 0, 1e9);
  r->end_steal_share = optional_number(x, "steal_share", 0, 1);
  r->ended = x->good;
}

struct line_kind { const char *name; void (*read)(struct reading *); bool early; };

static const struct line_kind kinds[] = {
  {"begin", read_begin, true}, {"machine", read_machine, true}, {"kernel", read_kernel, false}, {"sample", read_sample, false},
  {"sentinel", read_sentinel, false}, {"self_check", read_check, false}, {"progress", read_progress, false},
  {"end", read_end, false},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static const struct line_kind *kind_of(struct reading *x)
{
  const char *type = json_text(json_at(x->line, "type")), *names[N_KINDS];
  for (int i = 0; i < N_KINDS; i++) {
    names[i] = kinds[i].name;
    if (type && !strcmp(type, names[i]))
      return &kinds[i];
  }
  const char *near = type ? nearest(type, names, N_KINDS) : NULL;
  if (!type)
    refuse(x, "an object with 'type' is expected: is this a file of offsim-kernels?");
  else
    refuse(x, "unknown type '%s'%s%s%s", type, near ? "; nearest: '" : "", near ? near : "", near ? "'" : "");
  return NULL;
}

static void read_line(struct reading *x)
{
  const struct line_kind *kind = kind_of(x);
  if (!kind)
    return;
  x->type = kind->name;
  if (x->r->ended)
    refuse(x, "after the end");
  else if (!x->r->begun && kind->read != read_begin)
    refuse(x, "before 'begin': the first lines are missing");
  else if (!x->r->machine_said && !kind->early)
    refuse(x, "before 'machine'");
  else
    kind->read(x);
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

struct raw *raw_new(const char *file, struct arena *a)
{
  struct raw *r = arena_alloc(a, sizeof *r);
  *r = (struct raw){.file = file, .arena = a, .now = ""};
  return r;
}

bool raw_line(struct raw *r, const char *text, size_t n, struct err *e)
{
  struct err broken;
  err_init(&broken);
  r->line++;
  json *line = json_parse(text, n, &broken);
  struct reading x = {.r = r, .line = line, .e = e, .good = true};
  if (line)
    read_line(&x);
  else
    refuse(&x, "no JSON: %s", broken.n ? broken.problems[0].message : "empty");
  json_release(line);
  err_release(&broken);
  return x.good;
}

/* ---- samples of one shape -------------------------------------------------------------------------------------------- */

static int by_shape(const void *a, const void *b, void *raw)
{
  const struct raw_sample *x = *(const struct raw_sample *const *)a, *y = *(const struct raw_sample *const *)b;
  if (x->kernel != y->kernel)
    return x->kernel < y->kernel ? -1 : 1;
  const struct raw *r = raw;
  int order = memcmp(x->p, y->p, (size_t)r->kernel[x->kernel].n_parameters * sizeof *x->p);
  return order ? order : (x->line > y->line) - (x->line < y->line);
}

static bool alike(double x, double y) { return fabs(x - y) <= ALIKE * fabs(x); }

/* What follows from a shape is the same in each of its samples. */
static bool agrees(const struct raw *r, const struct raw_sample *first, const struct raw_sample *s, struct err *e)
{
  const struct raw_kernel *k = &r->kernel[s->kernel];
  const char *what = "units";
  double here = s->units, there = first->units;
  for (int i = 0; i < k->n_axes && alike(here, there); i++)
    what = k->axis[i], here = s->axis[i], there = first->axis[i];
  return alike(here, there)
         || err_add(e, (struct where){.file = r->file, .line = s->line}, "sample: %s of %s %s is %g here and %g on line %d", what,
                    k->name, raw_shape_text(r, s->kernel, s->p), here, there, first->line);
}

static bool shapes_agree(const struct raw *r, struct err *e)
{
  const struct raw_sample **s = arena_alloc(r->arena, (r->n_samples + 1) * sizeof *s);
  bool good = true;
  for (size_t i = 0; i < r->n_samples; i++)
    s[i] = &r->sample[i];
  qsort_r(s, r->n_samples, sizeof *s, by_shape, (void *)r);
  for (size_t i = 1, first = 0; good && i < r->n_samples; i++) {
    size_t bytes = (size_t)r->kernel[s[i]->kernel].n_parameters * sizeof *s[i]->p;
    if (s[i]->kernel != s[first]->kernel || memcmp(s[i]->p, s[first]->p, bytes))
      first = i;
    good = agrees(r, s[first], s[i], e);
  }
  return good;
}

bool raw_finish(struct raw *r, struct err *e)
{
  const struct where at = {.file = r->file, .line = r->line};
  if (r->line == 0)
    return err_add(e, (struct where){.file = r->file}, "empty: nothing was measured");
  if (!r->ended)
    return err_add(e, at, "cut off after line %d; measure again", r->line);
  if (r->interrupted)
    return err_add(e, at, "the measurement was interrupted; measure again");
  return shapes_agree(r, e);
}

struct raw *raw_read(const char *path, struct arena *a, struct err *e)
{
  size_t n = 0;
  char *text = text_load(path, &n, e);
  if (!text)
    return NULL;
  struct raw *r = raw_new(arena_strdup(a, path), a);
  bool good = true;
  for (size_t at = 0; good && at < n;) {
    const char *end = memchr(text + at, '\n', n - at);
    size_t length = end ? (size_t)(end - text) - at : n - at;
    good = end ? raw_line(r, text + at, length, e)
               : err_add(e, (struct where){.file = path, .line = r->line + 1}, "cut off in line %d; measure again", r->line + 1);
    at += length + 1;
  }
  good = good && raw_finish(r, e);
  free(text);
  return good ? r : NULL;
}

int raw_find(const struct raw *r, const char *kernel)
{
  for (int i = 0; i < r->n_kernels; i++)
    if (!strcmp(r->kernel[i].name, kernel))
      return i;
  return -1;
}

bool raw_check_failed(const struct raw *r, int kernel, const double *p)
{
  size_t bytes = (size_t)r->kernel[kernel].n_parameters * sizeof *p;
  for (size_t i = 0; i < r->n_checks; i++)
    if (r->check[i].kernel == kernel && !r->check[i].ok && !memcmp(r->check[i].p, p, bytes))
      return true;
  return false;
}

const char *raw_shape_text(const struct raw *r, int kernel, const double *p)
{
  const struct raw_kernel *k = &r->kernel[kernel];
  const char *text = "";
  for (int i = 0; i < k->n_parameters; i++)
    text = arena_printf(r->arena, "%s%s%s=%.10g", text, i ? " " : "", k->parameter[i], p[i]);
  return text;
}
