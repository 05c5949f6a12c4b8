/* template.h: texts that differ in a few places, written without making the whole anew.
 *
 * A document is JSON or plain bytes. What changes between documents is a set of paths; the canonical text of a document
 * is then constant segments with the changing pieces between them, and its hash needs no tree.
 */
#ifndef OFFSIM_EXPERIMENTS_TEMPLATE_H
#define OFFSIM_EXPERIMENTS_TEMPLATE_H

#include "sim/arena.h"
#include "sim/hash.h"
#include "sim/json.h"

/* tree, or where it is NULL n bytes. */
struct document { const json *tree; const char *bytes; size_t n; };
/* p NULL: the key is absent. */
struct piece { const char *p; size_t n; };
/* Paths from the root, each key or index after a '\1'; "" is the document itself. None lies inside another. */
struct paths { const char **path; size_t n; };

/* Add to `all` where the two differ. */
void document_differences(struct arena *, const struct document *, const struct document *, struct paths *all);
/* Does a path of one set lie on or in one of the other? */
bool paths_touch(const struct paths *, const struct paths *);
/* Canonical text of what stands there, with its key where it is part of a map: "above":512 */
struct piece document_piece(struct arena *, const struct document *, const char *path);

/* sets: paths by group; pieces are then given by group, in the order of the group's paths. */
struct template;
struct template *template_new(struct arena *, const struct document *base, const struct paths *sets, int n_sets);
void template_add(const struct template *, const struct piece *const *pieces, struct hasher *);
/* The text itself, for short ones. False when it does not fit. */
bool template_text(const struct template *, const struct piece *const *pieces, char *out, size_t room);

#endif
