/* sources.c: on which numbers of presets a result rests.
 *
 * Filling presets in notes all their numbers. Of hardware, some serve no request of this scenario: token costs of
 * variants that nobody may run there, arithmetic where nothing but measured tokens is served, either beside an LLM engine
 * with step times of its own. They are left out, so that a warning of estimates says what is true.
 */
#include "scenarios/build.h"

#include <string.h>

void sources_add(struct scenario *s, struct source_note note)
{
  if ((s->n_sources & (s->n_sources - 1)) == 0) {       /* full at powers of two */
    struct source_note *grown = arena_array(s->arena, struct source_note, s->n_sources ? 2 * s->n_sources : 1);
    if (s->n_sources)
      memcpy(grown, s->source, (size_t)s->n_sources * sizeof *grown);
    s->source = grown;
  }
  ((struct source_note *)s->source)[s->n_sources++] = note;
}

/* Presets that are read where they are used, and stand nowhere in the tree: a note for each entry of their sources. */
void sources_add_preset(struct scenario *s, const struct preset *p)
{
  for (int i = 0; i < s->n_sources; i++)
    if (!strcmp(s->source[i].preset, p->name) && !strcmp(s->source[i].kind, p->kind)) return;
  for (size_t i = 0; i < p->n_sources; i++) {
    const struct preset_source *from = &p->source[i];
    sources_add(s, (struct source_note){p->kind, p->name, from->key, from->source, from->grade, from->year});
  }
}

/* ---- who works where --------------------------------------------------------------------------------------------- */

static bool plan_reaches(const struct class_def *k, const struct plan_def *plan, const struct place_def *p, int place)
{
  if (plan->word == WORD_PLACE || plan->word == WORD_MEMBER) return plan->place == place;
  if (plan->word == WORD_NEAREST) return p->tier != TIER_DEVICE;
  for (int i = 0; i < k->n_from; i++)
    if (k->from[i] == place) return true;
  return false;
}

static bool task_reaches(const struct class_def *k, const struct task_def *t, int variant, const struct place_def *p,
                         int place)
{
  const struct hedge_def *hedge = t->life ? t->life->hedge : NULL;
  for (int i = 0; i < t->n_plans; i++)
    if (t->plan[i].variant == variant && plan_reaches(k, &t->plan[i], p, place)) return true;
  for (int i = 0; i < t->n_fallbacks; i++) {
    const struct fallback_def *f = &t->fallback[i];
    if (!f->answers && f->plan.variant == variant && plan_reaches(k, &f->plan, p, place)) return true;
  }
  return hedge && hedge->has_plan && hedge->plan.variant == variant && plan_reaches(k, &hedge->plan, p, place);
}

/* Work of this kind, of this variant of the world (NONE: of any), at the place. */
static bool works_at(const struct world_def *w, int place, enum work_kind kind, int variant)
{
  const struct place_def *p = &w->place[place];
  for (const struct class_def *k = w->klass; k < w->klass + w->n_classes; k++)
    for (const struct task_def *t = k->task; t < k->task + k->n_tasks; t++)
      for (int v = 0; v < (t->n_variants > 0 ? t->n_variants : 1); v++) {
        int own = t->n_variants > 0 ? t->variant[v] : NONE;
        bool asked = t->work[v].kind == kind && (variant == NONE || own == variant);
        if (asked && task_reaches(k, t, v, p, place)) return true;
      }
  return false;
}

static bool serves(const struct world_def *w, int hardware, enum work_kind kind, int variant)
{
  for (int i = 0; i < w->n_places; i++) {
    const struct place_def *p = &w->place[i];
    bool here = false, fits = variant == NONE || !p->offers || p->offers[variant];
    fits = fits && (variant == NONE || place_lacks_bytes(w, p, variant) <= 0);
    for (int h = 0; h < p->n_hardware; h++) here |= p->hardware[h] == hardware;
    if (here && fits && !p->llm && p->kind != PLACE_API && works_at(w, i, kind, variant)) return true;
  }
  return false;
}

/* ---- which numbers ----------------------------------------------------------------------------------------------- */

/* Of "tokens.NAME..."; names may have dots. */
static int variant_of_key(const struct world_def *w, const char *key)
{
  const char *name = key + strlen("tokens.");
  for (int v = 0; v < w->n_variants; v++) {
    size_t n = strlen(w->variant[v].name);
    if (!strncmp(name, w->variant[v].name, n) && (!name[n] || name[n] == '.')) return v;
  }
  return NONE;
}

static bool is_law(const struct source_note *note) { return !strncmp(note->source, "computed:", 9); }

/* The decode law turns arithmetic and bandwidth into tokens. */
static bool law_is_used(const struct scenario *s, const struct source_note *of, int hardware)
{
  for (int i = 0; i < s->n_sources; i++) {
    const struct source_note *note = &s->source[i];
    if (strcmp(note->preset, of->preset) || !is_law(note)) continue;
    int v = variant_of_key(&s->world, note->key);
    if (v != NONE && serves(&s->world, hardware, WORK_TOKENS, v)) return true;
  }
  return false;
}

static bool is_used(const struct scenario *s, const struct source_note *note)
{
  static const char *const of_arithmetic[] = {"flops", "flops_share", "bandwidth", "bandwidth_share", "overhead"};
  const struct world_def *w = &s->world;
  int hardware = NONE;
  for (int h = 0; h < w->n_hardware; h++)
    if (!strcmp(w->hardware[h].name, note->preset)) hardware = h;
  if (strcmp(note->kind, "hardware") || hardware == NONE) return true;        /* under another name: all of it */
  if (!strncmp(note->key, "tokens.", 7)) {
    int v = variant_of_key(w, note->key);
    return v != NONE && serves(w, hardware, WORK_TOKENS, v);
  }
  bool tokens = serves(w, hardware, WORK_TOKENS, NONE), roofline = serves(w, hardware, WORK_ROOFLINE, NONE);
  for (size_t i = 0; i < sizeof of_arithmetic / sizeof *of_arithmetic; i++)
    if (!strcmp(note->key, of_arithmetic[i]))
      return roofline || (strcmp(note->key, "overhead") && law_is_used(s, note, hardware));
  if (!strcmp(note->key, "max_batch")) return tokens;
  return strncmp(note->key, "sustained.", 10) || tokens || roofline;
}

void sources_keep_used(struct scenario *s)
{
  struct source_note *all = (struct source_note *)s->source;
  bool *keep = arena_array(s->arena, bool, s->n_sources + 1);
  int n = 0;
  for (int i = 0; i < s->n_sources; i++) keep[i] = is_used(s, &all[i]);
  for (int i = 0; i < s->n_sources; i++)
    if (keep[i]) all[n++] = all[i];
  s->n_sources = n;
}
