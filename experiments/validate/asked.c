#include "experiments/validate/asked.h"

#include "sim/check.h"
#include "sim/stat.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USUAL_RUNS = 500, MAX_RUNS = 1000000, MAX_WORKERS = 1024 };

struct asked asked_default(void)
{
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return (struct asked){.seed = 1, .runs = USUAL_RUNS, .workers = cores < 1 ? 1 : cores > MAX_WORKERS ? MAX_WORKERS : (int)cores};
}

bool asked_number(const char *option, const char *text, double low, double high, bool whole, double *out, struct err *err)
{
  char *end;
  *out = strtod(text, &end);
  bool is_number = end != text && !*end && *out >= low && *out <= high && (!whole || *out == floor(*out));
  return is_number || err_add(err, (struct where){0}, "%s needs a %snumber from %.10g to %.10g, not '%s'", option,
                              whole ? "whole " : "", low, high, text);
}

bool asked_take(struct asked *a, const char *option, const char *text, bool *mine, struct err *err)
{
  double x = 0;
  bool ok = true;
  *mine = true;
  if (!strcmp(option, "--seed")) {
    ok = asked_number(option, text, 0, 0x1p53, true, &x, err);
    a->seed = ok ? (uint64_t)x : 0;
  } else if (!strcmp(option, "-j")) {
    ok = asked_number(option, text, 1, MAX_WORKERS, true, &x, err);
    a->workers = (int)x;
  } else if (!strcmp(option, "--runs")) {
    ok = asked_number(option, text, 2, MAX_RUNS, true, &x, err);
    a->runs = ok ? (int)x : 0;
  } else if (!strcmp(option, "--format")) {
    a->json = !strcmp(text, "json");
    ok = a->json || !strcmp(text, "table") || err_add(err, (struct where){0}, "--format is table or json, not '%s'", text);
  } else {
    *mine = false;
  }
  return ok;
}

static void print_answer(const struct asked *a, const char *what, double mean, double se, json *object)
{
  if (!a->json) {
    printf("%s: %.6g +- %.3g (%d runs, seed %llu)\n", what, mean, se, a->runs, (unsigned long long)a->seed);
    return;
  }
  json_put_int(json_put_number(json_put_number(object, "mean", mean), "se", se), "runs", a->runs);
  json_put_int(object, "seed", (int64_t)a->seed);
  char *text = json_write(object, true);
  puts(text);
  free(text);
}

int asked_answer(const struct asked *a, parallel_fn *f, const void *context, const char *what, json *object)
{
  struct moments m = {0};
  double *value = malloc((size_t)a->runs * sizeof *value);
  if (!value) check_out_of_memory((size_t)a->runs * sizeof *value);
  bool ok = parallel_values((size_t)a->runs, a->workers, f, context, value);
  if (!ok) fprintf(stderr, "offsim validate: a worker did not end well\n");
  for (int i = 0; i < a->runs; i++) moments_add(&m, value[i]);
  free(value);
  int code = !ok ? EXIT_SYSTEM : isnan(m.mean) ? EXIT_PLUGIN : EXIT_OK;
  if (code == EXIT_OK) print_answer(a, what, m.mean, moments_sd(&m) / sqrt((double)a->runs), object);
  json_release(object);
  return code;
}
