/* GraphML as others write it, and what is refused with which line. */
#include "tests/unit/unit.h"

#include "models/graphml.h"
#include <unistd.h>

#define HEAD "<?xml version='1.0'?>\n<graphml xmlns='http://graphml.graphdrawing.org/xmlns'>\n" \
  "<key id='d0' for='edge' attr.name='latency' attr.type='double'/>\n"
#define GRAPH "<graph edgedefault='undirected'>\n"
#define TAIL "</graph></graphml>\n"

struct rig { struct arena *arena; struct err err; struct graphml g; bool read; };

static struct rig read_text(const char *text, struct graphml_ask ask)
{
  char path[] = "/tmp/graphml_XXXXXX";
  struct rig r = {.arena = arena_new()};
  int f = mkstemp(path);
  err_init(&r.err);
  assert_true(write(f, text, strlen(text)) == (ssize_t)strlen(text));
  close(f);
  r.read = graphml_read(&r.g, arena_strdup(r.arena, path), &ask, r.arena, &r.err);
  unlink(path);
  return r;
}

static void drop(struct rig *r)
{
  err_release(&r->err);
  arena_free(r->arena);
}

/* The first problem stands in this line and says this. */
static void refused(const char *text, struct graphml_ask ask, int line, const char *says)
{
  struct rig r = read_text(text, ask);
  assert_false(r.read);
  assert_true(r.err.n > 0);
  if (r.err.problems[0].at.line != line || !strstr(r.err.problems[0].message, says))
    fail_msg("line %d: %s", r.err.problems[0].at.line, r.err.problems[0].message);
  drop(&r);
}

static const struct graphml_ask wanted = {.edge = {"latency"}, .edge_must = true};

static void nodes_edges_and_attributes(void **state)
{
  (void)state;
  struct rig r = read_text(HEAD "<key id='d1' for='node' attr.name='city'><default>none</default></key>\n" GRAPH
    "<node id='n0'><data key='d1'> Bern &amp; Thun </data></node>\n<node id='n1'/>\n<!-- <edge source='x'/> -->\n"
    "<edge source='n1' target='n0'><data key='d0'>\n 2.5 </data></edge>\n" TAIL,
    (struct graphml_ask){.node = {"city"}, .edge = {NULL, "latency"}, .edge_must = true});
  assert_true(r.read);
  assert_int_equal(r.g.n_nodes, 2);
  assert_int_equal(r.g.n_edges, 1);
  assert_string_equal(r.g.node[0].text[0], "Bern & Thun");
  assert_string_equal(r.g.node[1].text[0], "none");
  assert_string_equal(r.g.edge[0].text[1], "2.5");
  assert_int_equal(r.g.edge[0].from, 1);
  assert_int_equal(r.g.edge[0].to, 0);
  assert_int_equal(r.g.edge[0].line, 9);
  drop(&r);
}

/* Both directions of a directed graph are one link; without the one back it is refused. */
static void directed_graphs(void **state)
{
  (void)state;
  const char *both = HEAD "<graph edgedefault='directed'>\n<node id='a'/><node id='b'/>\n"
    "<edge source='a' target='b'><data key='d0'>1</data></edge>\n<edge source='b' target='a'><data key='d0'>1</data></edge>\n";
  struct rig r = read_text(arena_printf((struct arena *)(*state = arena_new()), "%s" TAIL, both), wanted);
  assert_true(r.read);
  assert_int_equal(r.g.n_edges, 1);
  drop(&r);
  refused(arena_printf(*state, "%s<node id='c'/>\n<edge source='c' target='a'><data key='d0'>1</data></edge>\n" TAIL, both),
          wanted, 9, "has none like it back");
  arena_free(*state);
}

static void what_is_refused(void **state)
{
  (void)state;
  refused(HEAD GRAPH "<node id='a'/>\n<node id='b'/>\n<edge source='a' target='b'/>\n" TAIL, wanted, 7,
          "the edge from 'a' to 'b' has no 'latency'");
  refused(HEAD GRAPH "<node id='a'/>\n<node id='a'/>\n" TAIL, wanted, 6, "stands twice");
  refused(HEAD GRAPH "<node id='a'/>\n<edge source='a' target='z'><data key='d0'>1</data></edge>\n" TAIL, wanted, 6,
          "no node of the file");
  refused(HEAD GRAPH "<node id='a'/>\n<hyperedge/>\n" TAIL, wanted, 6, "hyperedge");
  refused(HEAD GRAPH "<node id='a'/>\n</graph>\n" GRAPH TAIL, wanted, 7, "second graph");
  refused(HEAD GRAPH "<node id='a'>\n</nod>\n" TAIL, wanted, 5, "no well-formed XML");
  refused(HEAD GRAPH "<node/>\n" TAIL, wanted, 5, "without 'id'");
  refused(HEAD GRAPH TAIL, wanted, 0, "without nodes");
  refused("<html>\n</html>\n", wanted, 1, "outermost element");
  refused("", wanted, 1, "no well-formed XML");
  refused(HEAD GRAPH "<node id='a'/>\n" TAIL, (struct graphml_ask){.edge = {"weight"}}, 1, "there are: latency");
}

/* An entity that grows without end is no reason to use up the memory. */
static void entities_do_not_explode(void **state)
{
  (void)state;
  struct rig r = read_text("<!DOCTYPE g [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
    "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>"
    "<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'><!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'>"
    "<!ENTITY h '&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;'><!ENTITY i '&h;&h;&h;&h;&h;&h;&h;&h;&h;&h;'>]>\n"
    "<graphml><graph><node id='a'><data key='k'>&i;</data></node></graph></graphml>", (struct graphml_ask){0});
  assert_true(arena_bytes(r.arena) < 10000000);
  drop(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(nodes_edges_and_attributes), cmocka_unit_test(directed_graphs), cmocka_unit_test(what_is_refused),
    cmocka_unit_test(entities_do_not_explode),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
