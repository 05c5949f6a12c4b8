/* graphml.c: see graphml.h. */
#include "models/graphml.h"

#include <libxml/xmlreader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64, MOST = 1000000 };
enum owner { OF_NOTHING, OF_NODE, OF_EDGE };

struct attribute { const char *id, *name, *otherwise; enum owner of; };
struct reading {
  struct graphml *g;
  const struct graphml_ask *ask;
  const char *file;
  struct arena *arena;
  struct err *err;
  xmlTextReader *xml;
  enum owner owner;                                     /* whose data come */
  int n_keys, room_keys, room_nodes, room_edges, graphs, bad;
  struct attribute *key;
};

static struct where at_line(const struct reading *r, int line)
{
  return (struct where){.file = r->file, .line = line, .column = 1};
}

static int line_of(const struct reading *r) { return (int)xmlGetLineNo(xmlTextReaderCurrentNode(r->xml)); }

/* Text of an XML attribute; NULL: there is none. */
static const char *attribute(const struct reading *r, const char *name)
{
  xmlChar *text = xmlTextReaderGetAttribute(r->xml, (const xmlChar *)name);
  const char *kept = text ? arena_strdup(r->arena, (const char *)text) : NULL;
  xmlFree(text);
  return kept;
}

/* What stands in the element, without the blanks around it. */
static const char *content(const struct reading *r)
{
  static const char blanks[] = " \t\r\n";
  xmlChar *text = xmlTextReaderReadString(r->xml);
  if (!text) return "";
  const char *from = (const char *)text + strspn((const char *)text, blanks);
  size_t n = strlen(from);
  while (n > 0 && strchr(blanks, from[n - 1])) n--;
  const char *kept = arena_printf(r->arena, "%.*s", (int)n, from);
  xmlFree(text);
  return kept;
}

/* Room for one more. */
static void *grown(struct arena *a, void *all, int n, int *room, size_t bytes)
{
  if (n < *room) return all;
  *room = *room ? 2 * *room : FIRST_ROOM;
  void *more = arena_alloc(a, (size_t)*room * bytes);
  if (n) memcpy(more, all, (size_t)n * bytes);
  return more;
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

static void read_key(struct reading *r)
{
  const char *id = attribute(r, "id"), *name = attribute(r, "attr.name"), *of = attribute(r, "for");
  if (!id) return;
  r->key = grown(r->arena, r->key, r->n_keys, &r->room_keys, sizeof *r->key);
  enum owner owner = of && !strcmp(of, "node") ? OF_NODE : of && !strcmp(of, "edge") ? OF_EDGE : OF_NOTHING;
  r->key[r->n_keys++] = (struct attribute){id, name ? name : id, NULL, owner};
}

static bool read_graph(struct reading *r)
{
  const char *edges = attribute(r, "edgedefault");
  if (r->graphs++) return err_add(r->err, at_line(r, line_of(r)), "a second graph; one graph in a file is read");
  r->g->directed = edges && !strcmp(edges, "directed");
  return true;
}

static bool read_node(struct reading *r)
{
  const char *id = attribute(r, "id");
  if (!id) return err_add(r->err, at_line(r, line_of(r)), "a node without 'id'");
  if (r->g->n_nodes == MOST) return err_add(r->err, at_line(r, line_of(r)), "more than %d nodes", MOST);
  r->g->node = grown(r->arena, r->g->node, r->g->n_nodes, &r->room_nodes, sizeof *r->g->node);
  r->g->node[r->g->n_nodes++] = (struct graphml_node){.id = id, .line = line_of(r)};
  r->owner = OF_NODE;
  return true;
}

static bool read_edge(struct reading *r)
{
  const char *source = attribute(r, "source"), *target = attribute(r, "target");
  if (!source || !target) return err_add(r->err, at_line(r, line_of(r)), "an edge without 'source' or 'target'");
  if (r->g->n_edges == MOST) return err_add(r->err, at_line(r, line_of(r)), "more than %d edges", MOST);
  r->g->edge = grown(r->arena, r->g->edge, r->g->n_edges, &r->room_edges, sizeof *r->g->edge);
  r->g->edge[r->g->n_edges++] = (struct graphml_edge){.source = source, .target = target, .line = line_of(r)};
  r->owner = OF_EDGE;
  return true;
}

static const struct attribute *key_of(const struct reading *r, const char *id)
{
  for (int i = 0; id && i < r->n_keys; i++)
    if (!strcmp(r->key[i].id, id)) return &r->key[i];
  return NULL;
}

static void read_data(struct reading *r)
{
  const struct attribute *key = key_of(r, attribute(r, "key"));
  const char *const *wanted = r->owner == OF_NODE ? r->ask->node : r->ask->edge;
  if (!key || r->owner == OF_NOTHING) return;
  const char **text = r->owner == OF_NODE ? r->g->node[r->g->n_nodes - 1].text : r->g->edge[r->g->n_edges - 1].text;
  for (int k = 0; k < GRAPHML_ASKED; k++)
    if (wanted[k] && !strcmp(wanted[k], key->name)) text[k] = content(r);
}

static bool begin(struct reading *r, const char *name)
{
  if (!strcmp(name, "key")) read_key(r);
  else if (!strcmp(name, "default") && r->n_keys) r->key[r->n_keys - 1].otherwise = content(r);
  else if (!strcmp(name, "data")) read_data(r);
  else if (!strcmp(name, "graph")) return read_graph(r);
  else if (!strcmp(name, "node")) return read_node(r);
  else if (!strcmp(name, "edge")) return read_edge(r);
  else if (!strcmp(name, "hyperedge"))
    return err_add(r->err, at_line(r, line_of(r)), "a hyperedge joins more than two nodes; links have two ends");
  return true;
}

static bool read_element(struct reading *r)
{
  const char *name = (const char *)xmlTextReaderConstLocalName(r->xml);
  int type = xmlTextReaderNodeType(r->xml);
  bool ends = type == XML_READER_TYPE_END_ELEMENT, begins = type == XML_READER_TYPE_ELEMENT;
  bool owner = name && (!strcmp(name, "node") || !strcmp(name, "edge"));
  if (!name || (!begins && !ends)) return true;
  if (xmlTextReaderDepth(r->xml) == 0 && strcmp(name, "graphml"))
    return err_add(r->err, at_line(r, line_of(r)), "'%.40s' is the outermost element; of a GraphML file it is 'graphml'",
                   name);
  if (begins && !begin(r, name)) return false;
  if (owner && (ends || xmlTextReaderIsEmptyElement(r->xml))) r->owner = OF_NOTHING;
  return true;
}

/* ---- afterwards -------------------------------------------------------------------------------------------------- */

static const char *default_of(const struct reading *r, enum owner of, const char *name)
{
  for (int i = 0; i < r->n_keys; i++)
    if (r->key[i].of == of || r->key[i].of == OF_NOTHING)
      if (!strcmp(r->key[i].name, name) && r->key[i].otherwise) return r->key[i].otherwise;
  return NULL;
}

static bool knows(const struct reading *r, enum owner of, const char *name, const char **all)
{
  bool found = false;
  *all = "";
  for (int i = 0; i < r->n_keys; i++) {
    if (r->key[i].of != of && r->key[i].of != OF_NOTHING) continue;
    found |= !strcmp(r->key[i].name, name);
    if (strlen(*all) < 300) *all = arena_printf(r->arena, "%s%s%.60s", *all, **all ? ", " : "", r->key[i].name);
  }
  return found;
}

/* Of one node or edge: defaults, and what lacks; messages are few. */
static void complete(struct reading *r, enum owner of, const char **text, int line, const char *what)
{
  const char *const *wanted = of == OF_NODE ? r->ask->node : r->ask->edge;
  bool must = of == OF_NODE ? r->ask->node_must : r->ask->edge_must;
  for (int k = 0; k < GRAPHML_ASKED; k++) {
    if (!wanted[k] || (text[k] && *text[k])) continue;
    text[k] = default_of(r, of, wanted[k]);
    if (!text[k] && must && r->bad++ < 5)
      err_add(r->err, at_line(r, line), "%s has no '%s'", what, wanted[k]);
  }
}

static void complete_all(struct reading *r)
{
  for (int k = 0; k < 2 * GRAPHML_ASKED; k++) {
    bool node = k < GRAPHML_ASKED;
    const char *all, *name = node ? r->ask->node[k] : r->ask->edge[k - GRAPHML_ASKED];
    if (name && !knows(r, node ? OF_NODE : OF_EDGE, name, &all)) {
      int line = node && r->g->n_nodes ? r->g->node[0].line : !node && r->g->n_edges ? r->g->edge[0].line : 1;
      err_add(r->err, at_line(r, line), "%s have no attribute '%s'; there are: %s", node ? "nodes" : "edges", name,
              *all ? all : "none");
      return;
    }
  }
  for (struct graphml_node *n = r->g->node; n < r->g->node + r->g->n_nodes; n++)
    complete(r, OF_NODE, n->text, n->line, arena_printf(r->arena, "the node '%.60s'", n->id));
  for (struct graphml_edge *e = r->g->edge; e < r->g->edge + r->g->n_edges; e++)
    complete(r, OF_EDGE, e->text, e->line,
             arena_printf(r->arena, "the edge from '%.60s' to '%.60s'", e->source, e->target));
  if (r->bad > 5) err_add(r->err, (struct where){.file = r->file}, "and %d more like these", r->bad - 5);
}

struct by_id { const char *id; int32_t node; };

static int compare_ids(const void *a, const void *b)
{
  const struct by_id *p = a, *q = b;
  int order = strcmp(p->id, q->id);
  return order ? order : p->node - q->node;
}

static int compare_to_id(const void *wanted, const void *b)
{
  return strcmp(((const struct by_id *)wanted)->id, ((const struct by_id *)b)->id);
}

static int32_t node_named(const struct reading *r, const struct by_id *ids, const char *id, int line)
{
  struct by_id wanted = {id, 0};
  const struct by_id *found = bsearch(&wanted, ids, (size_t)r->g->n_nodes, sizeof *ids, compare_to_id);
  if (!found) err_add(r->err, at_line(r, line), "an edge to or from '%.60s', which is no node of the file", id);
  return found ? found->node : 0;
}

/* Names become numbers. Edges from a node to itself lead nowhere. */
static void connect(struct reading *r)
{
  struct graphml *g = r->g;
  struct by_id *ids = arena_array(r->arena, struct by_id, g->n_nodes + 1);
  int kept = 0;
  for (int i = 0; i < g->n_nodes; i++) ids[i] = (struct by_id){g->node[i].id, i};
  qsort(ids, (size_t)g->n_nodes, sizeof *ids, compare_ids);
  for (int i = 1; i < g->n_nodes; i++)
    if (!strcmp(ids[i].id, ids[i - 1].id))
      err_add(r->err, at_line(r, g->node[ids[i].node].line), "the node '%.60s' stands twice", ids[i].id);
  for (int k = 0; k < g->n_edges; k++) {
    struct graphml_edge e = g->edge[k];
    e.from = node_named(r, ids, e.source, e.line);
    e.to = node_named(r, ids, e.target, e.line);
    if (strcmp(e.source, e.target)) g->edge[kept++] = e;
    else err_warn(r->err, at_line(r, e.line), "the edge from '%.60s' to itself is left out", e.source);
  }
  g->n_edges = kept;
}

/* ---- directed graphs --------------------------------------------------------------------------------------------- */

static int compare_edges(const void *a, const void *b)
{
  const struct graphml_edge *p = a, *q = b;
  int32_t pl = p->from < p->to ? p->from : p->to, ph = p->from + p->to - pl;
  int32_t ql = q->from < q->to ? q->from : q->to, qh = q->from + q->to - ql;
  if (pl != ql) return pl < ql ? -1 : 1;
  if (ph != qh) return ph < qh ? -1 : 1;
  return p->line - q->line;
}

static bool same_text(const char *a, const char *b) { return (!a && !b) || (a && b && !strcmp(a, b)); }

/* Of two edges there and back with the same attributes one stays. */
static void pair_up(struct reading *r)
{
  struct graphml *g = r->g;
  int kept = 0;
  qsort(g->edge, (size_t)g->n_edges, sizeof *g->edge, compare_edges);
  for (int k = 0; k < g->n_edges; k += 2) {
    const struct graphml_edge *there = &g->edge[k], *back = there + 1;
    bool pair = k + 1 < g->n_edges && there->from == back->to && there->to == back->from;
    for (int i = 0; pair && i < GRAPHML_ASKED; i++) pair = same_text(there->text[i], back->text[i]);
    if (!pair) {
      err_add(r->err, at_line(r, there->line), "the graph is directed, and the edge from '%.60s' to '%.60s' has none like "
              "it back; links go both ways", there->source, there->target);
      return;
    }
    g->edge[kept++] = *there;
  }
  g->n_edges = kept;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void on_xml_error(void *context, const char *message, xmlParserSeverities severity,
                         xmlTextReaderLocatorPtr locator)
{
  struct reading *r = context;
  if (severity != XML_PARSER_SEVERITY_ERROR || r->bad++) return;
  err_add(r->err, at_line(r, xmlTextReaderLocatorLineNumber(locator)), "no well-formed XML: %.*s",
          (int)strcspn(message, "\n"), message);
}

bool graphml_read(struct graphml *g, const char *file, const struct graphml_ask *ask, struct arena *a, struct err *err)
{
  *g = (struct graphml){0};
  struct reading r = {.g = g, .ask = ask, .file = file, .arena = a, .err = err};
  size_t errors = err->n_errors;
  r.xml = xmlReaderForFile(file, NULL, XML_PARSE_NONET | XML_PARSE_BIG_LINES);
  if (!r.xml) return err_system(err, "cannot read %s", file);
  xmlTextReaderSetErrorHandler(r.xml, on_xml_error, &r);
  int more = 1;
  while (err->n_errors == errors && (more = xmlTextReaderRead(r.xml)) == 1)
    if (!read_element(&r)) break;
  if (more < 0 && err->n_errors == errors) err_add(err, (struct where){.file = file}, "no well-formed XML");
  xmlFreeTextReader(r.xml);
  if (err->n_errors == errors && !g->n_nodes) err_add(err, (struct where){.file = file}, "a graph without nodes");
  if (err->n_errors == errors) complete_all(&r);
  if (err->n_errors == errors) connect(&r);
  if (err->n_errors == errors && g->directed) pair_up(&r);
  return err->n_errors == errors;
}
