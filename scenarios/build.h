/* build.h: from a checked tree to definitions. Private to scenarios/.
 *
 * The schema has reported what is malformed; the builder reports what does not fit together (names, cycles, units of
 * expressions) and is silent, with a harmless value, where the schema has spoken.
 */
#ifndef OFFSIM_SCENARIOS_BUILD_H
#define OFFSIM_SCENARIOS_BUILD_H

#include "scenarios/scenario.h"
#include "scenarios/schema.h"

struct build {
  struct arena *arena;
  struct err *err;
  struct scenario *scenario;
  struct world_def *world;
  const struct node *root;
  const char *folder_of;                                /* the scenario's path: files are looked for beside it */
  const char *zone[MAX_ZONES];
  const char *task;                                     /* the task being built */
  const struct node *klass;                             /* the class being built, and its attributes */
  struct attribute_def attribute[MAX_ATTRIBUTES];
  struct where attribute_at[MAX_ATTRIBUTES];
  int n_attributes;
  const struct arrivals_def *arrivals;                  /* of the class */
  uint64_t negative;                                    /* attributes of the class already told to be negative */
  struct joint_table *outcomes; int n_outcomes;            /* joint tables of two models (quality.c) */
  struct made_topology *topology; int n_topologies;     /* those that could be made */
};

/* ---- files.c --------------------------------------------------------------------------------------------------- */
void note_file(struct scenario *, const char *asked, const char *path, const char *kind, struct hash);

/* ---- preset.c: what a preset file says ------------------------------------------------------------------------- */
struct preset_source { const char *key, *source, *grade; int year; };
struct preset {
  const char *kind, *name, *doc, *path;
  size_t n_sources; const struct preset_source *source;
  struct node *value;                                   /* every node marked with this preset */
  const struct node *measured;                          /* of profiles: how; NULL: it is none */
};
extern const char *const preset_folders[][2];           /* kind, folder under presets/ */
enum { N_PRESET_KINDS = 13 };
/* Read and check one. NULL after adding: no such preset (with the nearest; `at` is where it was named).
 * `s` may be NULL. */
const struct preset *preset_read(struct arena *, const char *kind, const char *name, struct where at,
                                 struct scenario *s, struct err *);
/* A profile: a preset of hardware in any file; asked: as what it is noted. */
const struct preset *profile_read(struct arena *, const char *asked, const char *path, struct scenario *, struct err *);
size_t preset_names(struct arena *, const char *kind, const char *const **names);
/* The source of a key of the value: the longest that fits; NULL: none. */
const struct preset_source *preset_source(const struct preset *, const char *key);
/* Replace entries that stand for several (grid.c). */
void grid_expand(struct arena *, struct node *root, struct err *);
/* sources.c: notes of numbers; of a preset that stands nowhere in the tree; and away with those that serve nobody. */
void sources_add(struct scenario *, struct source_note);
void sources_add_preset(struct scenario *, const struct preset *);
void sources_keep_used(struct scenario *);
/* Put includes under the root. */
bool include_all(struct arena *, struct node *root, const char *path, struct scenario *, struct err *) MUST_USE;
/* Fill presets in: afterwards hardware, variants, tariffs hold all that is named, links what their presets say. */
void presets_fill(struct arena *, struct node *root, struct scenario *, struct err *);
/* Each value, number or word, of a tree that came from a preset. */
typedef void leaf_fn(void *context, const struct preset *, const char *key, const struct node *value);
void preset_leaves(const struct node *, leaf_fn *, void *context);
bool preset_is_number(const struct node *);

/* ---- values.c -------------------------------------------------------------------------------------------------- */
/* scale multiplies dimensioned parameters (an rtt is halved). NULL node: NULL. */
const struct dist *build_dist(struct build *, const struct node *, enum quantity, double scale);
/* Arithmetic over the class's attributes, of dimension q. parameters: a kernel's own names (map), or NULL. */
struct expr build_expr(struct build *, const struct node *, enum quantity q, const struct node *parameters);
/* Is it an expression of the dimension of `like`, which holds? False after adding to err. */
bool build_fits(struct build *, const struct node *, const struct node *like);
struct expr build_expr_text(struct build *, const char *text, struct where at, enum quantity q,
                            const struct node *parameters);
/* A condition: 0 is false; may be negative on the way. */
struct expr build_condition(struct build *, const struct node *);
/* amount.c: adds a problem where the expression, of bytes, FLOP or tokens, can be negative. */
void amount_check(struct build *, const struct expr *, const char *text, struct where at);
/* Index of a name, or NONE after adding "unknown WHAT" with the nearest. */
int build_find(struct build *, const struct node *name, const char *what, const char *const *names, int n);
int build_find_place(struct build *, const struct node *name);
/* The same for the name that is the key of a map's entry. */
int build_find_key(struct build *, const struct node *entry, const char *what, const char *const *names, int n);
/* Elements of a list, or of a single value that stands for one. */
size_t elements(const struct node *list_or_one, const struct node *const **out, struct arena *);
uint64_t build_zones(struct build *, const struct node *list, uint64_t otherwise, bool add);

/* ---- place.c, klass.c, arrivals.c ------------------------------------------------------------------------------ */
/* quality.c: joint tables, before the variants; a variant's quality by one; attributes with subjects and scores. */
void build_outcomes(struct build *);
void build_quality(struct build *, struct variant_def *, const struct node *variant);
/* drawn: else the trace has them in a column, whose words are then the subjects of the table. */
void build_subjects(struct build *, struct attribute_def *, const struct node *attribute, bool drawn);
const struct trace_words_def *subject_words(struct build *, const char *attribute);    /* NULL: of numbers */
void build_scores(struct build *, struct attribute_def *, const struct node *attribute);
void check_quality(struct build *, struct class_def *);  /* after its tasks and attributes */
void build_hardware(struct build *);
void build_places(struct build *);
void build_links(struct build *);
/* A link without name and ends in the file: between these places. */
void build_link_of(struct build *, struct link_def *, const struct node *, const char *name, int a, int b);
/* topology.c: places and links of topologies, behind those of the file; then who stands at their nodes. */
size_t topology_places(const struct node *root);        /* at most so many */
void build_topologies(struct build *);
bool topology_is_broken(const struct build *, const char *place);     /* its place, of which errors tell already */
size_t topology_link_count(const struct build *);
void build_topology_links(struct build *, struct link_def *);
void build_sites(struct build *);                       /* after the links */
/* tariff.c */
void build_tariffs(struct build *);
struct tariff_def build_tariff(struct build *, const struct node *name_or_prices);
/* What a server then costs a second if `time` is this, with memory, discount and what was bought. */
double build_usd_per_s(struct build *, const struct node *name_or_prices, double time_usd_per_s);
void tariff_check(struct build *, const struct place_def *, const struct node *name_or_prices);
void tariff_preset_check(const struct preset *, struct err *);          /* each price has a source and its year */
bool tariff_date_valid(const char *);
void build_link_process(struct build *, struct link_def *, const struct node *link);  /* link_process.c; after the rest */
/* Values of a list of plain numbers; what is none is NAN. */
const double *build_numbers(struct build *, const struct node *map, const char *section, const char *name, int *n);
/* profile.c: measured kernels of hardware; work of a kernel (NULL: nobody has measured it); shapes that are known and were not
 * measured where the plan leads. */
void build_kernels(struct build *, const struct node *hardware, struct hardware_def *);
const struct kernel_work *build_kernel_work(struct build *, const struct node *kernel, const struct node *preset,
                                            const struct node *parameters, const struct node *calls,
                                            const struct node *reuse);
void check_measured(struct build *, const struct class_def *, const struct task_def *, const struct plan_def *);
/* batching.c: NULL when there is none. */
const struct batching_def *build_batching(struct build *, const struct place_def *, const struct node *place);
void check_batched_work(struct build *);                /* after the classes */
/* step_time.c: of a name in step_times or a map; NULL where a mistake was added or the schema has spoken. */
const struct steptime *step_time_build(struct build *, const struct node *);
/* Measured times of prompts; NULL where they are not whole. */
const struct steptime_table *prompt_times_build(struct build *, const struct node *);
void build_step_times(struct build *);                  /* those that no place uses are checked as well */
/* Adds a problem for each key that belongs to the other kind. */
void batching_keys(struct build *, const struct node *batching, bool continuous);
/* llm.c: LLM engines; NULL unless batching is of kind continuous. Sets the place's slots. */
const struct llm_def *build_llm(struct build *, struct place_def *, const struct node *batching);
void check_llm_requests(struct build *);                /* after the classes: requests of known size */
const struct slices_def *build_slices(struct build *, const struct link_def *, const struct node *link);    /* slice.c */
const struct radio_def *build_radio(struct build *, const struct link_def *, const struct node *link);    /* radio.c */
const struct transport_def *build_transport(struct build *, const struct link_def *, const struct node *);  /* radio.c */
/* energy.c: of hardware h; NULL where there is nothing of the kind. table: what it says of idle and busy power. */
const struct power_def *build_power_shape(struct build *, const struct node *hardware, struct hardware_def *table);
const struct thermal_def *build_thermal(struct build *, const struct node *hardware);
void build_supply(struct build *, struct place_def *, const struct node *place);      /* after batching and hardware */
void build_energy(struct build *);                      /* of the scenario; before the places */
/* mobility.c: where members stand (with the place); how devices move (after the links) */
void build_positions(struct build *, struct place_def *, const struct node *place);
void build_mobility(struct build *);
void build_link_outages(struct build *, struct link_def *, const struct node *link);       /* outage.c */
void build_node_outages(struct build *, struct spread_def *, const struct node *topology);
void build_changes(struct build *);                     /* changes.c; after places and links */
void build_instances(struct build *, struct place_def *, const struct node *place);   /* instances.c; and failures */
void build_guard(struct build *, struct place_def *, const struct node *place);       /* life.c; after all places */
const struct life_def *build_life(struct build *, const struct class_def *, const struct task_def *, const struct node *);
/* klass.c: a plan of a place and a variant of the task; adds a problem and gives false when there is none. */
bool build_plan(struct build *, const struct class_def *, const struct task_def *, const struct node *place,
                const struct node *variant, struct plan_def *);
/* klass.c: may the plan lead to this place? `nearest`: to any at the edge; `origin`: to any that the class is from. */
bool build_leads_to(const struct world_def *, const struct class_def *, const struct plan_def *, int place);
/* transform.c: of tasks that transform and do not say what they hand on; in topological order. */
void transform_outputs(struct build *, const struct class_def *, struct task_def *);
/* trust.c: kinds of data, after the links; shares by kind of a map; masked fallbacks; a place's trust. */
void build_data(struct build *);
const struct expr *build_shares(struct build *, const struct node *map);
void check_masked(struct build *, const struct class_def *);
const struct trust_def *build_trust(struct build *, const struct place_def *, const struct node *);
void check_attested(struct build *, const struct node *places);
void build_classes(struct build *);
/* session.c: what a place keeps of conversations; arrivals, before the attributes, and the rest after the tasks; releases
 * of models, before the classes; tasks whose versions have to match. */
const struct shelf_def *build_shelf(struct build *, const struct place_def *, const struct node *place);
void build_session_begin(struct build *, struct arrivals_def *, const struct node *session);
void build_session_attributes(struct build *, const struct class_def *);
void build_session(struct build *, struct class_def *);
void build_rollouts(struct build *);
void build_stores(struct build *);                      /* store.c; after the places */
void build_matches(struct build *, struct class_def *);
void build_arrivals(struct build *, struct class_def *);
void build_attributes(struct build *, struct class_def *);
const struct workload_fit *build_workload_fit(struct build *, const struct node *name);
void build_tasks(struct build *, struct class_def *);
struct attribute_def *build_add_attribute(struct build *, const char *name, struct where);      /* arrivals.c */
/* effects.c: attributes that tasks produce, before any expression is read; a task's `when`, `ends` and effects, or NULL;
 * does anyone read what is not there yet (after the tasks are in order)? */
void build_all_produced(struct build *);
const struct effect_def *build_effect(struct build *, const struct task_def *, const struct node *task, size_t index);
void check_effects(struct build *, const struct class_def *);
void check_runnable(struct build *, const struct class_def *);         /* runnable.c; the same */
void check_caches(struct build *);                      /* cache.c; after the classes */
void build_budget(struct build *, struct class_def *, struct task_def *);       /* budget.c; after the tasks, which it changes */

/* ---- build.c, resolve.c ---------------------------------------------------------------------------------------- */
void build_scenario(struct build *);
const char *name_of_policy(struct arena *, const char *policy);
void note_plugin(struct scenario *, struct policy_def *, const char *path, struct err *);
json *resolve_scenario(const struct node *root);
json *resolve_identity(const struct node *root);
json *resolve_node(const struct node *, const char *section);

#endif
