/* `offsim validate calibration`: a profile against bars, a second profile, and shapes off its grid that are measured now. */
#include "experiments/calibrate/measure.h"
#include "experiments/options.h"
#include "experiments/validate/asked.h"
#include "experiments/validate/verdict.h"
#include "experiments/validate/suites.h"
#include "scenarios/units.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim validate calibration --profile FILE [options]\n\n"
  "  --profile FILE      written by `offsim calibrate`\n"
  "  --again FILE        a second calibration of the same machine: do they agree?\n"
  "  --off-grid RAW      shapes off the grid from a file of raw lines (`offsim-kernels measure --off-grid N`), and none are\n"
  "                      measured now\n"
  "  --keep RAW          keeps what is measured now in such a file\n"
  "  --quick             few shapes; the share in the band is then judged by its interval\n"
  "  --seed S            of the shapes (7)\n"
  "  --model BYTES       of the int4 model whose rate is told (1 GB); --context TOKENS (256), --width NUMBERS (2048): of its\n"
  "                      keys and values, fp32\n"
  "  --format table|json\n\n"
  "Exit code 1: a bar is missed. Bars, on a quiet machine: leave-one-out error of compute-bound kernels 5 % in the mean and 10 %\n"
  "at p90, of memory-bound ones 15 %; two calibrations differ by at most 3 % (median, compute-bound, CPU time); the bands hold\n"
  "80 to 97 % of at least 100 shapes off the grid and are at most 25 % wide in the median; int4 decoding uses 45 to 80 % of the\n"
  "bandwidth of a triad.\n";

enum { PER_KERNEL = 8, PER_KERNEL_QUICK = 2, PER_KERNEL_MOST = 1000 };
struct question { const char *profile, *again, *off_grid, *keep; uint64_t seed; double bytes, context, width; bool quick, json; };

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static bool take(void *context, const char *option, const char *text, struct err *err)
{
  struct question *q = context;
  const struct option_text texts[] = {{"--profile", &q->profile}, {"--again", &q->again}, {"--off-grid", &q->off_grid},
                                      {"--keep", &q->keep}};
  const struct where nowhere = {0};
  char why[UNITS_WHY] = "";
  double x;
  if (!text || !*text) return err_add(err, nowhere, "%s needs a value", option);
  if (options_text(texts, sizeof texts / sizeof *texts, option, text)) return true;
  if (!strcmp(option, "--format")) {
    q->json = !strcmp(text, "json");
    return q->json || !strcmp(text, "table") || err_add(err, nowhere, "--format is table or json, not '%s'", text);
  }
  if (!strcmp(option, "--model")) {
    bool ok = number_parse(text, Q_BYTES, &q->bytes, why) && q->bytes > 0;
    return ok || err_add(err, nowhere, "--model: %s", *why ? why : "must be more than 0");
  }
  bool tokens = !strcmp(option, "--context");
  if (tokens || !strcmp(option, "--width")) return asked_number(option, text, 1, 1e6, true, tokens ? &q->context : &q->width, err);
  if (!asked_number(option, text, 0, 0x1p53, true, &x, err)) return false;
  q->seed = (uint64_t)x;
  return true;
}

static bool read_arguments(struct question *q, int argc, char **argv, struct err *err)
{
  static const char *const known[] = {"--profile", "--again", "--off-grid", "--keep", "--seed", "--model", "--context",
                                      "--width", "--format"};
  const struct option_flag flags[] = {{"--quick", &q->quick}};
  const char *word = NULL;
  argc = options_flags(argc, argv, flags, 1);
  if (!options_read("validate calibration", argc, argv, known, sizeof known / sizeof *known, take, q, &word, err)) return false;
  const struct where nowhere = {0};
  if (word) return err_add(err, nowhere, "validate calibration takes options only, not '%s'", word);
  if (q->off_grid && q->keep) return err_add(err, nowhere, "--keep keeps what is measured now: not with --off-grid");
  return q->profile || err_add(err, nowhere, "validate calibration: --profile is missing (`offsim calibrate -o FILE` writes one)");
}

/* ---- shapes off the grid ----------------------------------------------------------------------------------------- */

static const char *kernels_of(const struct profile *p, struct arena *a)
{
  const char *all = "";
  for (int i = 0; i < p->n_kernels; i++) all = arena_printf(a, "%s%s%s", all, *all ? "," : "", p->kernel[i].cost.kernel);
  return all;
}

/* As many a kernel that there are 100 together and a few more, for some will be beyond the range. */
static int shapes_a_kernel(const struct profile *p, bool quick)
{
  int n = quick ? PER_KERNEL_QUICK : PER_KERNEL, least = quick ? 0 : 6 * BAR_SHAPES / 5;
  while (n * p->n_kernels < least) n++;
  return n < PER_KERNEL_MOST ? n : PER_KERNEL_MOST;
}

static bool measure_now(const struct question *q, const struct profile *p, struct raw *raw, struct arena *a, struct err *err)
{
  char program[4096];
  if (!kernels_find("offsim-kernels", program, sizeof program))
    return err_system(err, "%s is not there: build it (`make`), or give shapes measured elsewhere (--off-grid RAW)", program);
  const char *argument[] = {"measure", "--kernels", kernels_of(p, a), "--off-grid", arena_printf(a, "%d", shapes_a_kernel(p, q->quick)),
                            "--seed", arena_printf(a, "%llu", (unsigned long long)q->seed), "--threads", "1", "--no-cold",
                            "--no-interference", NULL};
  FILE *copy = q->keep ? fopen(q->keep, "w") : NULL;
  if (q->keep && !copy) return err_system(err, "%s: cannot be written", q->keep);
  struct measure_options o = {.program = program, .argument = argument, .progress = isatty(2), .copy = copy};
  bool ok = measure_raw(&o, raw, err);
  if (copy && fclose(copy) != 0 && ok) ok = err_system(err, "%s: cannot be written", q->keep);
  return ok;
}

static struct raw *off_grid(const struct question *q, const struct profile *p, struct arena *a, struct err *err)
{
  if (q->off_grid) return raw_read(q->off_grid, a, err);
  struct raw *raw = raw_new("offsim-kernels", a);
  return measure_now(q, p, raw, a, err) ? raw : NULL;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int answer(const struct question *q, struct arena *a, struct err *err)
{
  struct verdict *c = arena_array(a, struct verdict, 1);
  *c = (struct verdict){.quick = q->quick, .arena = a, .decode = {.bytes = q->bytes, .context = (int)q->context, .width = (int)q->width}};
  c->profile = profile_load(a, q->profile, err);
  if (q->again) c->other = profile_load(a, q->again, err);
  if (!c->profile || (q->again && !c->other)) return err->code;
  c->raw = off_grid(q, c->profile, a, err);
  if (!c->raw || !verdict_judge(c, err)) return err->code;
  if (q->json) {
    json *o = verdict_json(c);
    char *text = json_write(o, true);
    puts(text);
    free(text);
    json_release(o);
  } else {
    verdict_print(c);
  }
  return verdict_missed(c) ? EXIT_NEGATIVE : EXIT_OK;
}

int validate_calibration(int argc, char **argv)
{
  if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    fputs(usage, stdout);
    return EXIT_OK;
  }
  struct question q = {.seed = 7, .bytes = 1e9, .context = 256, .width = 2048};
  struct err err;
  struct arena *a = arena_new();
  err_init(&err);
  int code = read_arguments(&q, argc, argv, &err) ? answer(&q, a, &err) : EXIT_USER;
  if (code == EXIT_OK && err_any(&err)) code = err.code;
  err_say(&err);
  err_release(&err);
  arena_free(a);
  return code;
}
