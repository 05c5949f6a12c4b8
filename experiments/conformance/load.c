/* load.c: tests of loading and of what a policy declares. */
#include "experiments/conformance/lab.h"

#include <ctype.h>
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static bool load(const struct subject *s, struct loaded_policy *l, struct report *r)
{
  struct err err;
  err_init(&err);
  return policy_load(&s->entry, l, &err) || report_err(r, &err);
}

static void opens(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct loaded_policy l;
  if (load(s, &l, r)) report_note(r, "%s, ABI %u.%u", l.policy->name, l.policy->abi_major, l.policy->abi_minor);
}

static void keeps_floating_point(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct loaded_policy l;
  if (load(s, &l, r) && l.changed_floating_point)
    report_fail(r, "loading it changed the floating-point state of the process, as code linked with -ffast-math does");
}

static void loads_twice(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct loaded_policy a, b;
  char name[65];
  if (!load(s, &a, r)) return;
  snprintf(name, sizeof name, "%s", a.policy->name);
  uint32_t capabilities = a.policy->capabilities, n = a.policy->n_parameters;
  policy_unload(&a);
  if (!load(s, &b, r)) return;
  if (strcmp(name, b.policy->name) != 0 || capabilities != b.policy->capabilities || n != b.policy->n_parameters)
    report_fail(r, "its descriptor was another one when it was loaded again");
}

static void refuses_bogus_names(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct loaded_policy l;
  struct err err;
  char name[PATH_MAX];
  struct policy_def bogus = s->entry;
  err_init(&err);
  snprintf(name, sizeof name, "%s-bogus", s->entry.policy);
  bogus.policy = name;
  bogus.resolved_path = NULL;
  if (policy_load(&bogus, &l, &err)) report_fail(r, "'%s' was loaded, too", name);
}

/* ---- the descriptor ---------------------------------------------------------------------------------------------- */

static bool one_line(const char *text) { return text && *text && !strpbrk(text, "\n\r\t"); }

static void names_itself(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  const struct offsim_policy *p = s->policy;
  for (const char *c = p->name; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) {
      report_fail(r, "its name has a '%c'", *c);
      return;
    }
  if (!one_line(p->description)) report_fail(r, "its description is not one line of text");
  else if (strlen(p->description) > 200) report_fail(r, "its description has more than 200 letters");
}

static bool knows_choice(const char *choices, const char *text)
{
  size_t n = strlen(text);
  for (const char *p = choices; *p; p += strcspn(p, "|"), p += *p == '|')
    if (strcspn(p, "|") == n && strncmp(p, text, n) == 0) return true;
  return false;
}

static const char *parameter_flaw(const struct offsim_policy *p, uint32_t i)
{
  const struct offsim_parameter *q = &p->parameter[i];
  bool number = q->type == OFFSIM_NUMBER || q->type == OFFSIM_INTEGER;
  for (uint32_t k = 0; k < i; k++)
    if (strcmp(p->parameter[k].name, q->name) == 0) return "is declared twice";
  if (!one_line(q->help)) return "has no help";
  if (number && !(isfinite(q->min) && isfinite(q->max))) return "has bounds that are not finite";
  if (q->type == OFFSIM_INTEGER && (q->min != floor(q->min) || (!q->required && q->number != floor(q->number))))
    return "is whole, but its bounds or default are not";
  if (q->type == OFFSIM_CHOICE && !q->required && !knows_choice(q->choices, q->text))
    return "has a default that is not among its choices";
  return NULL;
}

static void declares_parameters(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  for (uint32_t i = 0; i < s->policy->n_parameters; i++) {
    const char *flaw = parameter_flaw(s->policy, i);
    if (flaw) report_fail(r, "parameter '%s' %s", s->policy->parameter[i].name, flaw);
  }
  if (r->verdict == VERDICT_OK) report_note(r, "%u", s->policy->n_parameters);
}

static bool feature_name(const char *name)
{
  size_t n = name ? strlen(name) : 0;
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)name[i]) && !strchr("._", name[i])) return false;
  return n >= 1 && n <= 64;
}

static void declares_features(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  const struct offsim_policy *p = s->policy;
  for (uint32_t i = 0; i < p->n_features; i++) {
    if (!feature_name(p->feature[i].name)) report_fail(r, "feature %u has no proper name", i);
    if (!p->feature[i].unit) report_fail(r, "feature '%s' has no unit (\"\" is fine)", p->feature[i].name);
    for (uint32_t k = 0; k < i; k++)
      if (strcmp(p->feature[k].name, p->feature[i].name) == 0)
        report_fail(r, "feature '%s' is declared twice", p->feature[i].name);
  }
  if (r->verdict == VERDICT_OK) report_note(r, "%u", p->n_features);
}

static const char *capability_flaw(const struct offsim_policy *p)
{
  uint32_t c = p->capabilities, all = (OFFSIM_SINGLE_INSTANCE << 1) - 1;
  if (c & ~all) return "it declares a capability that nobody knows";
  if (c & (OFFSIM_SUBLINEAR | OFFSIM_ADAPTS) && !(c & OFFSIM_LEARNS)) return "sublinear or adapts, but it does not learn";
  if (c & OFFSIM_LEARNS && !p->outcome) return "it learns, but takes no outcomes";
  if (c & OFFSIM_REPORTS_DISTRIBUTION && !(c & OFFSIM_STOCHASTIC)) return "it reports distributions, but is not stochastic";
  if (p->columns >> 8) return "it reads a column that nobody knows";
  if (!p->save != !p->load) return "it has save or load, but not both";
  return NULL;
}

static void declares_capabilities(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  const char *flaw = capability_flaw(s->policy);
  if (flaw) report_fail(r, "%s", flaw);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static const struct habit usual = {0};

static void starts(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  struct lab *lab = calloc(1, sizeof *lab);
  if (lab_open(lab, s, &(struct lab_wish){0}, r)) lab_live(lab, &usual, 100);
}

/* At a bound it works, or says in a sentence why not. Whole numbers may be sizes: those are tried up to ten thousand. */
static bool at_bound(const struct subject *s, const struct offsim_parameter *q, double x, struct report *r)
{
  struct lab *l = calloc(1, sizeof *l);
  struct report why = {0};
  bool ok = true;
  if (lab_open(l, s, &(struct lab_wish){.parameter = q->name, .number = x}, &why)) {
    l->report = r;
    ok = lab_live(l, &usual, lab_size(s, 2000));
  }
  lab_close(l);
  free(l);
  if (!ok) {
    struct report inner = *r;
    report_fail(r, "%s = %g: %.300s", q->name, x, inner.text);
  }
  return ok;
}

static void works_at_bounds(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  for (uint32_t i = 0; i < s->policy->n_parameters; i++) {
    const struct offsim_parameter *q = &s->policy->parameter[i];
    double most = q->type == OFFSIM_INTEGER && q->max > 1e4 ? 1e4 : q->max;
    if (q->type != OFFSIM_NUMBER && q->type != OFFSIM_INTEGER) continue;
    if (!at_bound(s, q, q->min, r) || !at_bound(s, q, most, r)) return;
  }
}

static bool refused(const struct subject *s, const char *name, double x)
{
  struct lab *l = calloc(1, sizeof *l);
  struct report why = {0};
  bool open = lab_open(l, s, &(struct lab_wish){.parameter = name, .number = x}, &why);
  lab_close(l);
  free(l);
  return !open;
}

static void refuses_beyond_bounds(const struct subject *s, const struct conformance_test *t, struct report *r)
{
  if (!refused(s, "no-such-parameter", 1)) report_fail(r, "a parameter that it does not have was taken");
  for (uint32_t i = 0; i < s->policy->n_parameters; i++) {
    const struct offsim_parameter *q = &s->policy->parameter[i];
    if (q->type != OFFSIM_NUMBER && q->type != OFFSIM_INTEGER) continue;
    if (!refused(s, q->name, q->min - 1 - fabs(q->min)) || !refused(s, q->name, q->max + 1 + fabs(q->max)))
      report_fail(r, "'%s' was taken outside its bounds", q->name);
  }
}

const struct conformance_test conformance_load[] = {
  {.name = "load.opens", "it loads, with every symbol, and both sides mean the same boundary", opens, .alone = true},
  {.name = "load.floating_point", "loading leaves the floating-point state", keeps_floating_point, .alone = true},
  {.name = "load.twice", "loaded again, it is the same", loads_twice},
  {.name = "load.bogus", "another name is refused", refuses_bogus_names},
  {.name = "descriptor.names", "a proper name and a description of one line", names_itself},
  {.name = "descriptor.parameters", "parameters have sane bounds, defaults inside, and a help", declares_parameters},
  {.name = "descriptor.features", "features have proper names and units, each once", declares_features},
  {.name = "descriptor.capabilities", "capabilities are known and fit together", declares_capabilities},
  {.name = "descriptor.starts", "with its defaults it starts and decides", starts},
  {.name = "descriptor.bounds", "at its parameters' bounds it works, or says why not", works_at_bounds},
  {.name = "descriptor.beyond", "beyond them, and under unknown names, it is refused", refuses_beyond_bounds},
  {0}};
