/* cmd_calibrate.c: `offsim calibrate`: measure the kernels of this machine, or take raw lines of another, and write a profile. */
#include "experiments/calibrate/calibration.h"
#include "experiments/calibrate/calibration_files.h"
#include "experiments/calibrate/measure.h"
#include "experiments/commands.h"
#include "experiments/options.h"
#include "scenarios/build.h"
#include "scenarios/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim calibrate [-o PROFILE.yaml] [--name N] [--kernels A,B,...] [--quick] [--seed S] [--core C]\n"
  "                        [--no-cold] [--no-interference] [--time-limit S] [--device cuda]\n"
  "                        [--from RAW.jsonl] [--figures svg|png|pdf|none] [--format table|json] [--quiet]\n"
  "  Measures the kernels of edge-AI requests on this machine with the program offsim-kernels, fits their costs and writes\n"
  "  a profile, which scenarios take as `hardware:`. Keep the machine quiet meanwhile.\n"
  "  -o FILE            the profile (this-machine.yaml); beside it PROFILE.raw.jsonl (what was said), PROFILE.h5 (the samples)\n"
  "                     and PROFILE-figures/ (measured against fitted, residuals, roofline)\n"
  "  --name N           of the profile, an id; default: made of the processor's name\n"
  "  --kernels A,B,...  only these; `offsim-kernels list` lists them; default: all\n"
  "  --quick            small grids, wider bands: at most 60 s; default: the whole grids, at most 9 minutes\n"
  "  --seed S           of data and of the order of the samples (1)\n"
  "  --core C           the core that measures, from 0; default: the idlest\n"
  "  --no-cold          does not time kernels with cold caches: the profile has no factor for them\n"
  "  --no-interference  does not time kernels while all other cores do the same: no factor for busy neighbours\n"
  "  --time-limit S     about so many seconds: fewer repetitions of each shape, never less than 9 (--quick: 5)\n"
  "  --device cuda      measures the GPU with offsim-kernels-cuda, where that was built; default: this machine's cores\n"
  "  --from RAW.jsonl   fits raw lines that `offsim-kernels measure` wrote, here or elsewhere; measures nothing\n"
  "  --figures FORMAT   svg (default), png, pdf or none\n"
  "  --format FORM      of what is printed: table (default) or json\n"
  "  --quiet            no progress, no remarks\n"
  "  Exit 1: no kernel could be measured; 75: interrupted, and nothing was written.\n";

/* ---- arguments ------------------------------------------------------------------------------------------------------- */

enum { N_TEXTS = 11, N_ARGUMENTS = 24 };
struct options {
  const char *out, *name, *kernels, *seed, *core, *time_limit, *device, *from, *figures, *format, *off_grid;
  bool quick, no_cold, no_interference, quiet;
};

static bool take_option(struct options *o, const char *word, const char *value, struct err *e)
{
  const struct option_text texts[N_TEXTS] = {
    {"-o", &o->out}, {"--name", &o->name}, {"--kernels", &o->kernels}, {"--seed", &o->seed}, {"--core", &o->core},
    {"--time-limit", &o->time_limit}, {"--device", &o->device}, {"--from", &o->from}, {"--figures", &o->figures},
    {"--format", &o->format}, {"--off-grid", &o->off_grid}};
  if (value && options_text(texts, N_TEXTS, word, value))
    return true;
  const char *known[N_TEXTS + 4] = {"--quick", "--no-cold", "--no-interference", "--quiet"};
  for (int i = 0; i < N_TEXTS; i++) {
    known[4 + i] = texts[i].option;
    if (!strcmp(word, texts[i].option))
      return err_add(e, (struct where){0}, "calibrate: a value is missing after '%s'", word);
  }
  return options_unknown("calibrate", word, known, N_TEXTS + 4, e);
}

static bool one_of(const char *option, const char *value, const char *words, struct err *e)
{
  return !value || choice_allows(words, value)
         || err_add(e, (struct where){0}, "calibrate: %s is one of %s, not '%s'", option, words, value);
}

static bool check_options(struct options *o, struct err *e)
{
  o->out = o->out ? o->out : "this-machine.yaml";
  if (!profile_may_be("calibrate", o->out, e))
    return false;
  if (o->name && !id_valid(o->name))
    return err_add(e, (struct where){0}, "calibrate: --name is an id (letters, digits and . _ - only, 1 to 64), not '%.80s'",
                   o->name);
  const char *measuring = o->kernels ? "--kernels" : o->seed ? "--seed" : o->core ? "--core" : o->device ? "--device"
                        : o->time_limit ? "--time-limit" : o->off_grid ? "--off-grid" : o->quick ? "--quick"
                        : o->no_cold ? "--no-cold" : o->no_interference ? "--no-interference" : NULL;
  if (o->from && measuring)
    return err_add(e, (struct where){0}, "calibrate: --from measures nothing, so %s has no meaning with it", measuring);
  return one_of("--figures", o->figures, "svg|png|pdf|none", e) && one_of("--format", o->format, "table|json", e)
         && one_of("--device", o->device, "cuda|cpu", e);
}

static bool read_options(struct options *o, int argc, char **argv, struct err *e)
{
  const struct option_flag flags[] = {{"--quick", &o->quick}, {"--no-cold", &o->no_cold}, {"--quiet", &o->quiet},
                                      {"--no-interference", &o->no_interference}};
  bool good = true;
  argc = options_flags(argc, argv, flags, sizeof flags / sizeof *flags);
  for (int i = 1; good && i < argc; i += 2)
    good = take_option(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, e);
  return good && check_options(o, e);
}

/* ---- raw samples ------------------------------------------------------------------------------------------------------- */

/* `measure` and what of our options it shares. */
static void arguments_of(const struct options *o, const char **argument)
{
  const struct { const char *option, *value; } with[] = {
    {"--kernels", o->kernels}, {"--seed", o->seed}, {"--core", o->core}, {"--time-limit", o->time_limit},
    {"--off-grid", o->off_grid}};
  const struct { const char *option; bool set; } alone[] = {
    {"--quick", o->quick}, {"--no-cold", o->no_cold}, {"--no-interference", o->no_interference}};
  int n = 0;
  argument[n++] = "measure";
  for (size_t i = 0; i < sizeof with / sizeof *with; i++)
    if (with[i].value)
      argument[n++] = with[i].option, argument[n++] = with[i].value;
  for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
    if (alone[i].set)
      argument[n++] = alone[i].option;
  argument[n] = NULL;
}

static bool find_program(const struct options *o, char *program, size_t size, struct err *e)
{
  bool cuda = o->device && !strcmp(o->device, "cuda");
  if (kernels_find(cuda ? "offsim-kernels-cuda" : "offsim-kernels", program, size))
    return true;
  return err_system(e, "%s is not there; %s", program,
                    cuda ? "it is built where nvcc is found (docs/calibration.md)"
                         : "`make` builds it, or `make calibrate-only` alone; $OFFSIM_KERNELS may name it");
}

/* Every line goes into the raw file at once, under a passing name. */
static struct raw *measure(const struct options *o, const struct calibration_files *f, struct arena *a, struct err *e)
{
  char program[4096];
  const char *argument[N_ARGUMENTS];
  if (!find_program(o, program, sizeof program, e))
    return NULL;
  FILE *copy = fopen(f->raw_part, "w");
  if (!copy) {
    err_system(e, "cannot write %s: %s", f->raw_part, strerror(errno));
    return NULL;
  }
  arguments_of(o, argument);
  struct raw *r = raw_new(f->raw, a);
  const struct measure_options how = {.program = program, .argument = argument, .copy = copy,
                                      .progress = isatty(STDERR_FILENO) && !o->quiet};
  if (!o->quiet)
    fprintf(stderr, "measuring %s with %s%s\n", o->kernels ? o->kernels : "all kernels", program,
            o->quick ? " (quick: small grids, wider bands)" : "");
  bool good = measure_raw(&how, r, e);
  if (fclose(copy) != 0 && good)
    good = err_system(e, "cannot write %s: %s", f->raw_part, strerror(errno));
  return good ? r : NULL;
}

/* ---- the command ------------------------------------------------------------------------------------------------------- */

static bool run(const struct options *o, const struct calibration_files *f, struct arena *a, struct err *e)
{
  struct calibration c = {0};
  if (!calibration_may_publish(f, e))
    return false;
  struct raw *r = o->from ? raw_read(o->from, a, e) : measure(o, f, a, e);
  const char *const *known;
  size_t n_known = preset_names(a, "kernel", &known);
  bool good = r && calibration_make(r, o->name, known, n_known, &c, e);
  if (good && measure_interrupted()) {
    err_system(e, "interrupted: nothing was written");
    e->code = EXIT_INTERRUPTED;
    good = false;
  }
  good = good && calibration_publish(&c, f, o->figures, e);
  if (good)
    calibration_tell(&c, f, o->format && !strcmp(o->format, "json"), o->quiet);
  calibration_release(&c);
  return good;
}

int cmd_calibrate(int argc, char **argv)
{
  if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    fputs(usage, stdout);
    return EXIT_OK;
  }
  struct err e;
  struct options o = {0};
  sigset_t before;
  err_init(&e);
  struct arena *a = arena_new();
  measure_hold(&before);
  if (read_options(&o, argc, argv, &e)) {
    struct calibration_files f = calibration_files_of(o.out, !o.from, a);
    if (!run(&o, &f, a, &e))
      calibration_clean(&f);
  }
  measure_let(&before);
  err_say(&e);
  int code = err_any(&e) ? (int)e.code : EXIT_OK;
  err_release(&e);
  arena_free(a);
  return code;
}
