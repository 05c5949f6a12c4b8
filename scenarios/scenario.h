/* scenario.h: a scenario file, read, checked and turned into definitions.
 *
 *   struct scenario *s = scenario_load(path, overrides, n, &err);
 *   if (!s) { err_print(&err, stderr, colour); return err.code; }
 *
 * Everything in it lives until scenario_free. The text passes through scenarios/yaml.c (tree with positions), the
 * schema (names, units, ranges: all problems in one pass), includes and presets, overrides, and scenarios/build.c.
 */
#ifndef OFFSIM_SCENARIOS_SCENARIO_H
#define OFFSIM_SCENARIOS_SCENARIO_H

#include "models/defs.h"
#include "sim/hash.h"
#include "sim/json.h"

/* One --set PATH=VALUE or study factor. value is a YAML flow node as text. */
struct override { const char *path, *value; };

enum trace_level { TRACE_NONE, TRACE_FULL, TRACE_LINKS };
/* A number that the result depends on and that came from a preset. */
struct source_note { const char *kind, *preset, *key, *source, *grade; int year; };
/* What tells an edited file from the one before, without reading it. */
struct file_stamp { int64_t changed_ns, bytes; uint64_t number; };
/* A file whose bytes belong to the identity of a run. hash is of its bytes at load. */
/* kind: trace, include, preset, plug-in, profile, state */
struct file_note { const char *asked, *path, *kind; struct hash hash; struct file_stamp stamp; };

/* A topology that the file asks for, as it came out. Its edges are the links of the same order; latency_s: means, at least
 * a nanosecond. place: of each level. */
struct topology_note {
  const char *name, *kind;
  int n_nodes, n_links, n_parts, n_levels;
  const int *place;
  const int32_t *from, *to; const double *latency_s;
};

struct scenario {
  const char *name, *path;
  struct file_stamp stamp;                              /* of path */
  struct world_def world;
  int n_policies; const struct policy_def *policy;
  uint64_t seed;
  uint64_t replications;
  struct { const char *metric; double half_width; uint64_t max; } until;        /* metric NULL = fixed number */
  const char *primary;
  struct where primary_at, until_at;                    /* where the metrics are named; the lookups are experiments' */
  double margin;                                        /* practical margin of the verdict, relative; default 0.02 */
  enum trace_level trace_level; bool trace_level_given;
  int n_sources; const struct source_note *source;
  int n_files; const struct file_note *file;
  int n_topologies; const struct topology_note *topology;
  json *resolved; /* effective scenario: includes, presets, defaults, overrides filled in */
  json *identity; /* the same without name, replications, policies, output, labels */
  const json *const *policy_json;                       /* [n_policies] effective entry, for the identity */
  const struct node *tree;                              /* the file's, presets filled in (scenarios/tree.h), for messages */
  struct arena *arena;
};

/* NULL with problems in err. Warnings may be added on success as well. */
struct scenario *scenario_load(const char *path, const struct override *, size_t n_overrides, struct err *);
void scenario_free(struct scenario *);
/* A file that the scenario names, and that has other bytes than when it was loaded; NULL: none. */
const char *scenario_changed_file(const struct scenario *);
/* The same, of the scenario's own text as well. */
const char *scenario_edited_file(const struct scenario *);
struct file_stamp file_stamp_of(const char *path);
/* Memory that weights and one token of context take, less that of the place's best hardware. */
double place_lacks_bytes(const struct world_def *, const struct place_def *, int variant);
/* A policy entry that the file lacks: built-in `name` with its defaults. False when there is no such built-in. */
bool scenario_add_policy(struct scenario *, const char *name, struct err *) MUST_USE;
/* beside `base`'s folder, then $OFFSIM_DATA, then the installed share folder. NULL: not found; `tried` (arena text)
 * lists the places looked at. */
const char *scenario_find_file(struct arena *, const char *base, const char *asked, const char **tried);
/* The folder with presets/ and shipped scenarios: $OFFSIM_SHARE, the source tree of this build, or the installed. */
const char *share_folder(struct arena *);

#endif
