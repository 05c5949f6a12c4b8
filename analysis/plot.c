/* plot.c: which figures there are, and how one is written. Their numbers are made in plot_data.c. */
#include "analysis/plot.h"
#include "analysis/gp.h"
#include "analysis/plot_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- scripts ------------------------------------------------------------------------------------------------------
 */

void figure_number(struct figure *f, const char *variable, double x)
{
  if (isfinite(x)) text_add(&f->head, "%s = %.10g\n", variable, x);
  else text_add(&f->head, "%s = NaN\n", variable);
}

void figure_text(struct figure *f, const char *variable, const char *value)
{
  text_add(&f->head, "%s = ", variable);
  gp_text(&f->head, value);
  text_put(&f->head, "\n");
}

void figure_release(struct figure *f)
{
  free(f->head.s);
  free(f->data.s);
}

/* "a/b/latency.svg" -> folder "a/b", stem "latency", format "svg". */
struct target { char *folder, *stem; const char *format; };

static bool target_of(struct target *t, const char *out, struct err *err)
{
  const char *slash = strrchr(out, '/'), *base = slash ? slash + 1 : out, *dot = strrchr(base, '.');
  static const char *const formats[] = {"svg", "png", "pdf"};
  *t = (struct target){0};
  if (!is_plain_name(base))
    return err_add(err, (struct where){0}, "'%.80s' cannot name a figure: letters, digits and . _ - only", base);
  for (int i = 0; i < 3; i++)
    if (dot && !strcmp(dot + 1, formats[i])) t->format = formats[i];
  if (!t->format) return err_add(err, (struct where){0}, "'%s': a figure ends in .svg, .png or .pdf", base);
  t->folder = slash ? strndup(out, slash == out ? 1 : (size_t)(slash - out)) : grab_text(".");
  t->stem = strndup(base, (size_t)(dot - base));
  if (!t->folder || !t->stem) abort();
  return true;
}

static bool add_file(struct text *t, const char *folder, const char *name, struct err *err)
{
  struct text path = {0};
  text_add(&path, "%s/%s.gp", folder, name);
  char *body = text_load(path.s, NULL, err);
  if (body) text_put(t, body);
  free(body);
  free(path.s);
  return body != NULL;
}

static bool script_of(struct text *t, const struct figure *f, const struct target *to, const char *scripts,
                      struct err *err)
{
  struct figure names = {0};
  struct text file = {0};
  text_add(t, "# Draw again with: gnuplot -d %s.gp\n", to->stem);
  figure_text(&names, "format", to->format);
  text_add(&file, "%s.%s", to->stem, to->format);
  text_put(&names.head, "if (!exists('image')) image = ");
  gp_text(&names.head, file.s);
  text_put(&names.head, "\n");
  file.n = 0;
  text_add(&file, "%s.dat", to->stem);
  figure_text(&names, "data", file.s);
  text_put(t, names.head.s);
  text_put(t, f->head.s);
  free(file.s);
  figure_release(&names);
  return add_file(t, scripts, "theme", err) && add_file(t, scripts, f->kind, err);
}

static bool save_part(const struct text *t, const struct target *to, const char *extension, struct err *err)
{
  struct text path = {0};
  text_add(&path, "%s/%s.%s", to->folder, to->stem, extension);
  bool ok = text_save(t, path.s, err);
  free(path.s);
  return ok;
}

/* The image is drawn under a passing name and renamed when it is whole. */
static bool draw_image(const struct target *to, const char *out, struct err *err)
{
  struct text script = {0}, image = {0}, part = {0};
  struct stat st;
  text_add(&script, "%s.gp", to->stem);
  text_add(&image, "%s.%s.part", to->stem, to->format);
  text_add(&part, "%s/%s", to->folder, image.s);
  bool ok = gp_run(to->folder, script.s, image.s, err);
  if (ok && (stat(part.s, &st) || st.st_size == 0 || rename(part.s, out)))
    ok = err_system(err, "gnuplot drew nothing for %s", out);
  if (!ok) unlink(part.s);
  free(script.s);
  free(image.s);
  free(part.s);
  return ok;
}

bool figure_write(const struct figure *f, const char *out, const char *scripts, struct err *err)
{
  struct target to;
  struct text script = {0};
  bool ok = target_of(&to, out, err) && script_of(&script, f, &to, scripts, err) &&
            save_part(&f->data, &to, "dat", err) && save_part(&script, &to, "gp", err) && draw_image(&to, out, err);
  free(script.s);
  free(to.folder);
  free(to.stem);
  return ok;
}

/* ---- kinds --------------------------------------------------------------------------------------------------------
 */

static const struct plot_kind kinds[] = {
  {"latency", "share of requests answered within a time (CDF)", false},
  {"ccdf", "share of requests that took longer, both axes logarithmic", false},
  {"phases", "mean latency by phase, stacked", false},
  {"pareto", "latency against money and energy, with intervals", false},
  {"exposure", "latency against exposure of data, with intervals and the front", false},
  {"actions", "share of decisions by place over time", true},
  {"queues", "queue length, utilisation and open slots (instances) of each place over time", true},
  {"battery", "mean level of the devices' batteries over time, a curve for each policy and place", true},
  {"regret", "cumulative cost minus a comparator's, with band (--against NAME)", true},
  {"recovery", "cost over time with 95 % bands over replications: who recovers from the scenario's changes", true},
  {"welch", "latency by time of arrival, warm-up included: moving average over replications", true},
};
static plot_data_fn *const makers[] = {data_latency, data_ccdf, data_phases, data_pareto, data_exposure, data_actions, data_queues,
                                       data_battery, data_regret, data_recovery, data_welch};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

size_t plot_kinds(const struct plot_kind **out)
{
  *out = kinds;
  return N_KINDS;
}

static int find_kind(const char *name, struct err *err)
{
  if (!strcmp(name, "breakeven")) {
    err_add(err, (struct where){0}, "breakeven takes a scenario file, not a results folder: offsim plot FILE.yaml --kind"
            " breakeven");
    return -1;
  }
  const char *names[N_KINDS];
  for (int i = 0; i < N_KINDS; i++) {
    names[i] = kinds[i].name;
    if (!strcmp(name, names[i])) return i;
  }
  const char *near = nearest(name, names, N_KINDS);
  if (near) err_add(err, (struct where){0}, "unknown kind of figure '%s'; did you mean '%s'?", name, near);
  else err_add(err, (struct where){0}, "unknown kind of figure '%s' (plot --kind list)", name);
  return -1;
}

static bool unknown_policy(const struct comparison *c, const char *name, struct err *err)
{
  const char **names = grab(c->n_policies, sizeof *names);
  for (size_t i = 0; i < c->n_policies; i++) names[i] = c->policy[i].name;
  const char *near = nearest(name, names, c->n_policies);
  if (near) err_add(err, (struct where){0}, "unknown policy '%s'; did you mean '%s'?", name, near);
  else err_add(err, (struct where){0}, "unknown policy '%s'; `offsim compare` lists those of the folder", name);
  free(names);
  return false;
}

/* Few figures have a metric to choose. */
static bool takes_metric(const struct plot_options *o, const char *kind, struct err *err)
{
  return !o->metric || !strcmp(kind, "pareto") || !strcmp(kind, "exposure") ||
         err_add(err, (struct where){0}, "--metric is for --kind pareto and exposure; %s shows what it shows", kind);
}

static bool choose(struct plotting *p, struct err *err)
{
  const struct comparison *c = p->c;
  p->chosen = grab(c->n_policies + p->o->n_policies, sizeof *p->chosen);
  for (size_t k = 0; k < p->o->n_policies; k++) {
    size_t i = 0;
    while (i < c->n_policies && strcmp(c->policy[i].name, p->o->policy[k])) i++;
    if (i == c->n_policies) return unknown_policy(c, p->o->policy[k], err);
    p->chosen[p->n++] = i;
  }
  for (size_t i = 0; !p->o->n_policies && i < c->n_policies; i++) p->chosen[p->n++] = i;
  return true;
}

static bool any_requests(const struct plotting *p, struct err *err)
{
  for (size_t k = 0; k < p->n; k++) {
    const struct compared_metric *m = comparison_metric(&p->c->policy[p->chosen[k]], "requests", "", "");
    if (!m || m->interval.value > 0) return true;
  }
  return err_add(err, (struct where){0}, "no requests: nothing was measured, so there is nothing to draw");
}

bool plot_make(const struct comparison *c, const struct plot_options *o, struct err *err)
{
  int kind = find_kind(o->kind, err);
  if (kind < 0) return false;
  struct plotting p = {c, o, NULL, 0};
  struct figure f = {.kind = kinds[kind].name};
  figure_text(&f, "scenario", c->scenario);
  figure_number(&f, "incomplete", c->incomplete != NULL);
  bool ok = takes_metric(o, kinds[kind].name, err) && choose(&p, err) && any_requests(&p, err) && makers[kind](&p, &f, err) &&
            figure_write(&f, o->out, o->scripts, err);
  figure_release(&f);
  free(p.chosen);
  return ok;
}
