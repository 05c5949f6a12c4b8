/* schema.h: every key of the scenario language, once.
 *
 * One table (schema.c) gives the checks, the defaults, `describe`, the JSON Schema and docs/scenario.md. A section is a
 * map of the file; a row is one of its keys. A row's value may take several forms at once: one text (value), a map
 * (map names its section), a list of either (shape).
 */
#ifndef OFFSIM_SCENARIOS_SCHEMA_H
#define OFFSIM_SCENARIOS_SCHEMA_H

#include "scenarios/tree.h"
#include "scenarios/units.h"
#include <stdio.h>

enum value {
  V_NONE, /* no text form */
  V_NUMBER, V_COUNT, V_FLAG, V_TEXT, V_ID, V_CHOICE,
  V_DIST,     /* distribution of a quantity: a number, or {kind: {parameters}} */
  V_EXPR,     /* arithmetic over attributes */
  V_REFERENCE /* the name of something, checked by the builder */
};
/* NAMED_LIST: elements have a name; NAMED_MAP: the user's names are the keys. */
enum shape { ONE, PLAIN_LIST, NAMED_LIST, NAMED_MAP };
enum {
  REQUIRED = 1, LATER = 2,                              /* LATER: refused as not yet available */
  POSITIVE = 4,                                         /* greater than low, not equal */
  OR_ONE = 8,                                           /* a single value stands for a list of one */
  ALTERNATIVE = 16,                                     /* exactly one of these keys of the section */
  ANYTHING = 32                                         /* the builder checks it alone */
};

struct key {
  const char *section, *name;
  enum value value;
  enum quantity quantity;
  double low, high;                                     /* both 0: any */
  const char *otherwise;                                /* default, as text; NULL: none */
  const char *choices;                                  /* of V_CHOICE, or words allowed beside a number: "a|b" */
  const char *map;                                      /* section of the map form */
  enum shape shape;
  unsigned flags;
  const char *scope;                                    /* of a V_DIST: what one draw serves */
  const char *doc;
};
/* open: keys that the table lacks are left to the builder (policy parameters, kernel parameters). */
struct section { const char *name, *title, *doc; bool open; };

extern const struct section sections[];
extern const size_t n_sections;
extern const struct key keys[];
extern const size_t n_keys;

const struct section *section_find(const char *name);
const struct key *key_find(const char *section, const char *name);
/* Names of a section's keys; at most `room` are written. */
size_t key_names(const char *section, const char **names, size_t room);
/* "fifo", "lifo" of "fifo|lifo": calls fn for each. */
bool choice_allows(const char *choices, const char *word);
size_t choice_split(struct arena *, const char *choices, const char **words, size_t room);
/* Letters of ids: [A-Za-z0-9._-]{1,64} */
bool id_valid(const char *text);

/* Check a tree against a section: adds every problem. `path` is printed before keys ("links.access"). */
void schema_check(const struct node *, const char *section, struct err *);
/* The same for another file, or a part of it, that messages call `path`. */
void schema_check_as(const struct node *, const char *section, const char *path, struct err *);
/* The same for a part of one, as presets hold: nothing is required at its top. */
void schema_check_part(const struct node *, const char *section, struct err *);
/* A distribution's form, recursively. */
void schema_check_dist(const struct node *, enum quantity, const char *path, struct err *);

/* ---- values; the check above has reported what is wrong, these fall back to the default silently --------------- */
double get_number(const struct node *map, const char *section, const char *name);
unsigned long long get_count(const struct node *map, const char *section, const char *name);
bool get_flag(const struct node *map, const char *section, const char *name);
/* Text or default; NULL when there is neither. */
const char *get_text(const struct node *map, const char *section, const char *name);
/* Index of the choice among "a|b|c" of the row. */
int get_choice(const struct node *map, const char *section, const char *name);
/* Value of a text node as the row says, SI; NAN when malformed. */
double key_number(const struct key *, const char *text);

/* ---- what is written from the table ---------------------------------------------------------------------------- */
void schema_write_markdown(FILE *);
struct json_t *schema_json(void);
/* "a time (ns, us, ...), 0 .. 5 s" */
void key_print_type(const struct key *, FILE *);
/* "> 0 s", "0 .. 1"; nothing without a range. */
void key_print_range(const struct key *, FILE *);

/* ---- overrides ------------------------------------------------------------------------------------------------- */
struct override;
/* Set PATH to VALUE in the tree. Adds unknown paths with the nearest name. */
bool override_apply(struct arena *, struct node *root, const struct override *, struct err *) MUST_USE;

#endif
