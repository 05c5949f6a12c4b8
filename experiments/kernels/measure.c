/* measure.c: `offsim-kernels measure`: raw format 1, a line at a time. */
#include "experiments/kernels/clock.h"
#include "experiments/kernels/commands.h"
#include "experiments/kernels/list.h"
#include "experiments/kernels/machine.h"
#include "experiments/kernels/sentinel.h"
#include "experiments/kernels/shape.h"
#include "experiments/kernels/ticks.h"
#include "experiments/kernels/wishes.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#pragma weak machine_device

enum { FORMAT = 1, BETWEEN_SENTINELS = 10, ROUNDS = 3 };
static const double QUICK_S = 45, FULL_S = 500;         /* below the promised 60 s and 9 minutes: the last shapes may be long */
static const double LEAST_S = 0.01, QUICK_MOST_S = 0.4, FULL_MOST_S = 1.2;      /* of repetitions of one sample */

/* A job that did not settle, and the best sample of it so far. */
struct later { int job; struct sample *best; };

struct run {
  const struct wishes *w;
  struct method method;
  struct place place;
  struct plan plan;
  struct ticks ticks;
  int64_t begin_ns;
  double repeating_s;                                   /* of the time so far, within repetitions */
  int samples, unstable, order;
  bool interrupted;
  int n_later; struct later *later;                     /* jobs to be taken again at the end */
};

static double elapsed_s(const struct run *r)
{
  return 1e-9 * (double)(clock_wall_ns() - r->begin_ns);
}

static void begin_out(const struct wishes *w)
{
  struct out o;
  out_line(&o, stdout);
  out_string(&o, "type", "begin");
  out_number(&o, "format", FORMAT);
  out_string(&o, "program", machine_device ? "offsim-kernels-cuda" : "offsim-kernels");
  out_string(&o, "version", OFFSIM_VERSION);
  out_number(&o, "seed", (double)w->seed);
  out_bool(&o, "quick", w->quick);
  out_number(&o, "passes", w->passes);
  out_number(&o, "unix_time", (double)time(NULL));
  out_end(&o);
}

static void kernels_out(const struct wishes *w)
{
  struct out o;
  for (int i = 0; i < w->n_kernels; i++) {
    out_line(&o, stdout);
    kernel_facts_out(&o, w->kernel[i]);
    out_end(&o);
  }
}

/* i: the job to come; < 0: none. */
static void progress_out(const struct run *r, int i, int done)
{
  struct out o;
  out_line(&o, stdout);
  out_string(&o, "type", "progress");
  out_number(&o, "done", done);
  out_number(&o, "total", r->plan.n);
  out_string(&o, "kernel", i >= 0 ? r->plan.job[i].kernel->name : NULL);
  out_end(&o);
}

static void sentinel_out(struct run *r)
{
  struct repetition s = sentinel_take();
  struct out o;
  out_line(&o, stdout);
  out_string(&o, "type", "sentinel");
  out_number(&o, "order", r->order);
  out_number(&o, "wall_s", s.wall_s);
  out_number(&o, "cpu_s", s.cpu_s);
  out_end(&o);
}

static void check_out(const struct job *j, bool ok, const char *why)
{
  struct out o;
  out_line(&o, stdout);
  out_string(&o, "type", "self_check");
  out_string(&o, "kernel", j->kernel->name);
  shape_out(&o, "shape", j->kernel, j->p);
  out_bool(&o, "ok", ok);
  out_string(&o, "why", ok ? NULL : why);
  out_end(&o);
}

static void times_out(struct out *o, const struct sample *s)
{
  out_number(o, "inner", s->inner);
  out_number(o, "discarded", s->discarded);
  out_numbers(o, "wall_s", s->wall_s, s->n);
  out_numbers(o, "cpu_s", s->cpu_s, s->n);
  out_number(o, "wall_low_s", s->wall.low);
  out_number(o, "wall_high_s", s->wall.high);
  out_number(o, "cpu_low_s", s->cpu.low);
  out_number(o, "cpu_high_s", s->cpu.high);
  out_bool(o, "stable", s->stable);
  out_number(o, "joule", s->joule);
  out_number(o, "clock_s", s->clock_s);
}

static void sample_out(const struct run *r, const struct job *j, const struct sample *s)
{
  struct out o;
  out_line(&o, stdout);
  out_string(&o, "type", "sample");
  out_string(&o, "kernel", j->kernel->name);
  shape_out(&o, "shape", j->kernel, j->p);
  shape_work_out(&o, j->kernel, j->p);
  out_number(&o, "pass", j->pass);
  out_number(&o, "order", r->order);
  out_string(&o, "cache", j->cold ? "cold" : "hot");
  out_number(&o, "threads", j->threads);
  out_string(&o, "with", j->interference ? "interference" : "alone");
  out_bool(&o, "off_grid", j->off_grid);
  times_out(&o, s);
  out_end(&o);
}

static void end_out(const struct run *r)
{
  struct out o;
  out_line(&o, stdout);
  out_string(&o, "type", "end");
  out_number(&o, "samples", r->samples);
  out_number(&o, "unstable", r->unstable);
  out_number(&o, "elapsed_s", elapsed_s(r));
  out_bool(&o, "interrupted", r->interrupted);
  out_number(&o, "steal_share", ticks_steal_since("", r->ticks));
  out_number(&o, "load_1", machine_load_1(""));
  out_end(&o);
}

static double limit_s(const struct run *r)
{
  return r->w->limit_s > 0 ? r->w->limit_s : r->w->quick ? QUICK_S : FULL_S;
}

/* What a sample takes beside its repetitions: data, self-check, lines. */
static double beside_s(const struct run *r)
{
  return r->order ? fmax(elapsed_s(r) - r->repeating_s, 0) / r->order : 0.05;
}

/* What is left of the time, shared among what is left to do. */
static double budget_s(const struct run *r, int left)
{
  double most = r->w->quick ? QUICK_MOST_S : FULL_MOST_S;
  return fmin(fmax((limit_s(r) - elapsed_s(r)) / left - beside_s(r), LEAST_S), most);
}

/* Will there be time to take it again? The core may be left alone by then. Cold ones have few repetitions anyway. */
static bool postpone(struct run *r, struct later this, int left, const struct sample *s)
{
  double mean_s = r->order ? elapsed_s(r) / (r->order + 1) : 0.1;
  if (!r->later || (r->plan.job[this.job].cold && s->clean) || elapsed_s(r) + mean_s * (left + r->n_later + 1) > limit_s(r))
    return false;
  if (!this.best)
    this.best = malloc(sizeof *this.best);
  if (!this.best)
    return false;
  *this.best = *s;
  r->later[r->n_later++] = this;
  return true;
}

static void say_failed(const struct job *j, enum sample_end end, const char *why)
{
  if (end == SAMPLE_SKIPPED)
    fprintf(stderr, "offsim-kernels: %s: skipped: %s\n", j->kernel->name, why);
  if (end == SAMPLE_WRONG)
    fprintf(stderr, "offsim-kernels: %s: its self-check failed, its timing is discarded: %s\n", j->kernel->name, why);
}

/* Takes a job; `left` more were planned, which it may join unless this is the last round. */
static void one(struct run *r, struct later this, int left, bool last)
{
  const struct job *j = &r->plan.job[this.job];
  struct sample s;
  char why[KERNEL_WHY] = "";
  enum sample_end end = sample_take(&r->method, j, budget_s(r, left + r->n_later + 1), &s, why);
  r->repeating_s += s.took_s;
  r->interrupted = end == SAMPLE_STOPPED;
  if (this.best && (end == SAMPLE_SKIPPED || (end == SAMPLE_TAKEN && sample_better(j->kernel->bound, this.best, &s)))) {
    end = SAMPLE_TAKEN;
    s = *this.best;
  }
  if (end == SAMPLE_TAKEN && !s.stable && !last && postpone(r, this, left, &s))
    return;
  free(this.best);
  if (r->interrupted)
    return;
  say_failed(j, end, why);
  if (end == SAMPLE_WRONG || (end == SAMPLE_TAKEN && j->pass == 0 && !j->cold && !j->interference && j->threads == 1))
    check_out(j, end != SAMPLE_WRONG, why);
  if (end != SAMPLE_TAKEN)
    return;
  sample_out(r, j, &s);
  r->samples++;
  r->unstable += !s.stable;
}

/* A step of the measurement, with a sentinel now and then. Nothing more is done once whoever reads is gone. */
static bool step(struct run *r, struct later this, int left, bool last, int done)
{
  if (r->order % BETWEEN_SENTINELS == 0)
    sentinel_out(r);
  progress_out(r, this.job, done);
  one(r, this, left, last);
  r->order++;
  r->interrupted = r->interrupted || stop_asked();
  return !r->interrupted && !ferror(stdout);
}

static void forget(struct later *later, int n)
{
  for (int i = 0; i < n; i++)
    free(later[i].best);
}

/* What did not settle comes again, in its old order; a list that is gone through is filled from its front. */
static bool round_again(struct run *r, bool last)
{
  int n = r->n_later;
  bool on = true;
  r->n_later = 0;
  for (int i = 0; on && i < n; i++) {
    on = step(r, r->later[i], n - i - 1, last, r->plan.n - (n - i) - r->n_later);
    if (!on)
      forget(r->later + i + 1, n - i - 1);
  }
  return on;
}

static void all(struct run *r)
{
  int n = r->plan.n;
  bool on = true;
  for (int i = 0; on && i < n; i++)
    on = step(r, (struct later){i, NULL}, n - i - 1, false, i - r->n_later);
  for (int round = 1; on && r->n_later > 0; round++)
    on = round_again(r, round >= ROUNDS);
  if (on) {
    sentinel_out(r);
    progress_out(r, -1, n);
  }
  end_out(r);
}

static void say_place(const struct place *p)
{
  if (!p->pinned)
    fprintf(stderr, "offsim-kernels: not pinned to a core (%s): times scatter more\n", p->problem);
  if (p->cores < 2)
    fprintf(stderr, "offsim-kernels: one core: nothing is measured with several threads, nor with neighbours\n");
}

static int finish(struct run *r)
{
  plan_free(&r->plan);
  method_free(&r->method);
  forget(r->later, r->n_later);
  free(r->later);
  if (r->interrupted)
    return KERNELS_INTERRUPTED;
  if (r->samples > 0)
    return KERNELS_OK;
  fprintf(stderr, "offsim-kernels: error: no kernel could be measured\n");
  return KERNELS_NEGATIVE;
}

static int measure(const struct wishes *w)
{
  struct run r = {.w = w, .begin_ns = clock_wall_ns(), .ticks = ticks_now("")};
  char why[KERNEL_WHY];
  if (!place_take(&r.place, w->core, why)) {
    fprintf(stderr, "offsim-kernels: error: --core: %s\n", why);
    return KERNELS_USER;
  }
  say_place(&r.place);
  method_find(&r.method, &r.place, w->quick);
  if (!w->no_cold)
    method_walk(&r.method);
  if (!plan_make(&r.plan, w, r.place.cores, why)) {
    fprintf(stderr, "offsim-kernels: error: %s\n", why);
    finish(&r);
    return KERNELS_SYSTEM;
  }
  r.later = malloc(((size_t)r.plan.n + 1) * sizeof *r.later);
  begin_out(w);
  machine_out(stdout, "", &r.place, &r.method.sensor, r.method.counters_text);
  kernels_out(w);
  all(&r);
  return finish(&r);
}

int kernels_measure(int argc, char **argv)
{
  struct wishes w;
  if (argc == 2 && strcmp(argv[1], "--help") == 0) {
    fputs(wishes_help, stdout);
    return KERNELS_OK;
  }
  stop_block();
  return wishes_read(&w, argc, argv) ? measure(&w) : KERNELS_USER;
}
