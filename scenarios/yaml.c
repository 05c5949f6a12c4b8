/* yaml.c: libyaml's event stream, turned into our tree. The only file that knows libyaml.
 *
 * Before libyaml sees a byte: size, UTF-8, no NUL, bracket depth (a scan of the bytes: libyaml needs time quadratic in
 * the depth, so brackets in comments and quotes count as well). Anchors, aliases and tags are refused: a scenario is
 * read by people and by diff, and copies by reference hide what an experiment really had.
 */
#include "scenarios/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

struct reading {
  struct arena *arena;
  struct err *err;
  const char *file, *text;
  size_t length, nodes;
  const char *line_text;                                /* of the line asked for last */
  size_t line, line_length;
  yaml_parser_t parser;
};

/* ---- positions ------------------------------------------------------------------------------------------------- */

/* Every problem keeps a copy of its line; a machine-made line of a megabyte is not shown. */
enum { LINE_SHOWN = 2000 };

static struct where shorten(struct where at)
{
  if (at.text_len > LINE_SHOWN) {
    at.text = NULL;
    at.text_len = 0;
  }
  return at;
}

static struct where line_at(const struct reading *r, size_t byte)
{
  struct where at = {.file = r->file, .line = 1, .column = 1, .length = 1, .text = r->text};
  for (size_t i = 0; i < byte && i < r->length; i++) {
    at.column += ((unsigned char)r->text[i] & 0xc0) != 0x80;
    if (r->text[i] == '\n') {
      at.line++;
      at.column = 1;
      at.text = r->text + i + 1;
    }
  }
  const char *end = memchr(at.text, '\n', (size_t)(r->text + r->length - at.text));
  at.text_len = (size_t)((end ? end : r->text + r->length) - at.text);
  return shorten(at);
}

/* Move the kept line to number `line`. Events come in order, so this walks through the text about once. */
static void seek_line(struct reading *r, size_t line)
{
  const char *end = r->text + r->length;
  if (!r->line_text || line < r->line) {
    r->line = 0;
    r->line_text = r->text;
    r->line_length = 0;
  } else if (r->line == line && r->line_length) {
    return;
  }
  for (;;) {
    const char *stop = memchr(r->line_text, '\n', (size_t)(end - r->line_text));
    r->line_length = (size_t)((stop ? stop : end) - r->line_text);
    if (r->line == line || !stop)
      return;
    r->line_text = stop + 1;
    r->line++;
  }
}

/* libyaml counts characters, lines and columns from 0. */
static struct where at_marks(struct reading *r, yaml_mark_t from, yaml_mark_t to)
{
  seek_line(r, from.line);
  struct where at = {.file = r->file, .line = (int)from.line + 1, .column = (int)from.column + 1, .length = 1,
                     .text = r->line_text, .text_len = r->line_length};
  if (to.line == from.line && to.column > from.column)
    at.length = (int)(to.column - from.column);
  return shorten(at);
}

/* ---- before libyaml -------------------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at p, 0 when it is none (overlong forms and surrogates included). */
static size_t utf8_length(const unsigned char *p, size_t left)
{
  static const struct { unsigned char mask, lead; size_t n; uint32_t least; } form[] = {
    {0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};
  for (size_t k = 0; k < 4; k++) {
    if ((p[0] & form[k].mask) != form[k].lead)
      continue;
    uint32_t c = p[0] & (unsigned char)~form[k].mask;
    for (size_t i = 1; i < form[k].n; i++) {
      if (i >= left || (p[i] & 0xc0) != 0x80)
        return 0;
      c = c << 6 | (p[i] & 0x3f);
    }
    return c < form[k].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : form[k].n;
  }
  return 0;
}

static bool check_bytes(struct reading *r)
{
  int depth = 0;
  for (size_t i = 0; i < r->length;) {
    size_t n = utf8_length((const unsigned char *)r->text + i, r->length - i);
    if (r->text[i] == '\0')
      return err_add(r->err, line_at(r, i), "the file has a NUL byte; it must be plain text");
    if (!n)
      return err_add(r->err, line_at(r, i), "this byte is not UTF-8");
    if (r->text[i] == '[' || r->text[i] == '{')
      depth++;
    if ((r->text[i] == ']' || r->text[i] == '}') && depth > 0)
      depth--;
    if (depth > YAML_DEPTH)
      return err_add(r->err, line_at(r, i), "brackets are nested more than %d deep", YAML_DEPTH);
    i += n;
  }
  return true;
}

/* ---- events to nodes ------------------------------------------------------------------------------------------- */

static bool tab_indents(const struct where *at)
{
  size_t n = 0;
  while (at->text && n < at->text_len && at->text[n] == ' ')
    n++;
  return at->text && n < at->text_len && at->text[n] == '\t';
}

/* What the parser stumbles over, in the words of one who wrote the line. */
static const char *likely_slip(const char *problem)
{
  if (!strcmp(problem, "mapping values are not allowed in this context"))
    return "; is the line indented like its neighbours? A text with ': ' stands in quotes";
  return strcmp(problem, "did not find expected key") ? "" : "; is the line indented like its neighbours?";
}

static bool next_event(struct reading *r, yaml_event_t *event)
{
  if (yaml_parser_parse(&r->parser, event))
    return true;
  yaml_mark_t mark = r->parser.problem_mark;
  const char *problem = r->parser.problem ? r->parser.problem : "not readable";
  if (r->parser.error == YAML_READER_ERROR)
    return err_add(r->err, line_at(r, r->parser.problem_offset), "syntax: %s", problem);
  if (r->parser.error == YAML_MEMORY_ERROR)
    return err_system(r->err, "out of memory while reading %s", r->file);
  struct where at = at_marks(r, mark, mark);
  if (tab_indents(&at))
    return err_add(r->err, at, "syntax: a tab stands in the indentation; write blanks");
  return err_add(r->err, at, "syntax: %s%s%s%s", problem, r->parser.context ? " " : "",
                 r->parser.context ? r->parser.context : "", likely_slip(problem));
}

static bool has_anchor_or_tag(struct reading *r, const yaml_event_t *e)
{
  const yaml_char_t *anchor = NULL, *tag = NULL;
  switch (e->type) {
  case YAML_SCALAR_EVENT: anchor = e->data.scalar.anchor; tag = e->data.scalar.tag; break;
  case YAML_SEQUENCE_START_EVENT: anchor = e->data.sequence_start.anchor; tag = e->data.sequence_start.tag; break;
  case YAML_MAPPING_START_EVENT: anchor = e->data.mapping_start.anchor; tag = e->data.mapping_start.tag; break;
  default: break;
  }
  struct where at = at_marks(r, e->start_mark, e->end_mark);
  if (anchor)
    return !err_add(r->err, at, "anchors (&%s) are not part of the scenario language; use include or a preset", anchor);
  if (tag)
    return !err_add(r->err, at, "tags (%s) are not part of the scenario language", tag);
  return false;
}

static struct node *read_node(struct reading *, const yaml_event_t *, int depth);

static struct node *read_list(struct reading *r, struct node *list, int depth)
{
  for (;;) {
    yaml_event_t e;
    if (!next_event(r, &e))
      return NULL;
    if (e.type == YAML_SEQUENCE_END_EVENT) {
      yaml_event_delete(&e);
      return list;
    }
    struct node *child = read_node(r, &e, depth + 1);
    yaml_event_delete(&e);
    if (!child)
      return NULL;
    node_add(r->arena, list, child);
  }
}

/* The key of a map's next entry: false after adding a problem; *key NULL at the map's end. */
static bool read_key(struct reading *r, const struct node *map, const char **key, struct where *at)
{
  yaml_event_t e;
  bool ok = false;
  *key = NULL;
  if (!next_event(r, &e))
    return false;
  *at = at_marks(r, e.start_mark, e.end_mark);
  if (e.type == YAML_MAPPING_END_EVENT) {
    ok = true;
  } else if (e.type != YAML_SCALAR_EVENT) {
    err_add(r->err, *at, "a key must be a word");
  } else if (has_anchor_or_tag(r, &e)) {
    ok = false;
  } else if (e.data.scalar.length == 0 || e.data.scalar.length > YAML_KEY ||
             strlen((const char *)e.data.scalar.value) != e.data.scalar.length) {
    err_add(r->err, *at, "a key has 1 to %d letters", YAML_KEY);
  } else if (map->n == YAML_KEYS) {                     /* looking for a name costs time in their number */
    err_add(r->err, *at, "a map has at most %d keys", YAML_KEYS);
  } else if (node_get(map, (const char *)e.data.scalar.value)) {
    err_add(r->err, *at, "the key '%s' stands here twice; first in line %d", e.data.scalar.value,
            node_get(map, (const char *)e.data.scalar.value)->key_at.line);
  } else {
    *key = arena_strdup(r->arena, (const char *)e.data.scalar.value);
    ok = true;
  }
  yaml_event_delete(&e);
  return ok;
}

static struct node *read_map(struct reading *r, struct node *map, int depth)
{
  for (;;) {
    const char *key;
    struct where at;
    if (!read_key(r, map, &key, &at))
      return NULL;
    if (!key)
      return map;
    yaml_event_t e;
    if (!next_event(r, &e))
      return NULL;
    struct node *child = read_node(r, &e, depth + 1);
    yaml_event_delete(&e);
    if (!child)
      return NULL;
    child->key = key;
    child->key_at = at;
    node_add(r->arena, map, child);
  }
}

static struct node *read_text(struct reading *r, const yaml_event_t *e, struct where at)
{
  struct node *node = node_new(r->arena, NODE_TEXT, at);
  if (strlen((const char *)e->data.scalar.value) != e->data.scalar.length) {
    err_add(r->err, at, "the text has a NUL character");
    return NULL;
  }
  node->text = arena_strdup(r->arena, (const char *)e->data.scalar.value);
  node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  return node;
}

static struct node *read_node(struct reading *r, const yaml_event_t *e, int depth)
{
  struct where at = at_marks(r, e->start_mark, e->end_mark);
  if (has_anchor_or_tag(r, e))
    return NULL;
  if (depth > YAML_DEPTH || ++r->nodes > YAML_NODES) {
    err_add(r->err, at, depth > YAML_DEPTH ? "nested more than %d deep" : "more than %d values",
            depth > YAML_DEPTH ? YAML_DEPTH : YAML_NODES);
    return NULL;
  }
  switch (e->type) {
  case YAML_SCALAR_EVENT: return read_text(r, e, at);
  case YAML_SEQUENCE_START_EVENT: return read_list(r, node_new(r->arena, NODE_LIST, at), depth);
  case YAML_MAPPING_START_EVENT: return read_map(r, node_new(r->arena, NODE_MAP, at), depth);
  case YAML_ALIAS_EVENT:
    err_add(r->err, at, "aliases (*%s) are not part of the scenario language; use include or a preset",
            e->data.alias.anchor);
    return NULL;
  default:
    err_add(r->err, at, "expected a value");
    return NULL;
  }
}

/* One document, and nothing after it. */
static struct node *read_document(struct reading *r)
{
  struct node *root = NULL;
  for (bool more = true; more;) {
    yaml_event_t e;
    if (!next_event(r, &e))
      return NULL;
    struct where at = at_marks(r, e.start_mark, e.end_mark);
    bool ok = true;
    if (e.type == YAML_STREAM_END_EVENT) {
      more = false;
    } else if (e.type == YAML_DOCUMENT_START_EVENT && root) {
      ok = err_add(r->err, at, "a second document; a scenario file has one");
    } else if (e.type == YAML_DOCUMENT_START_EVENT &&
               e.data.document_start.tag_directives.start != e.data.document_start.tag_directives.end) {
      ok = err_add(r->err, at, "tags are not part of the scenario language");
    } else if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT &&
               e.type != YAML_DOCUMENT_END_EVENT) {
      root = read_node(r, &e, 0);
      ok = root != NULL;
    }
    yaml_event_delete(&e);
    if (!ok)
      return NULL;
  }
  if (!root)
    err_add(r->err, (struct where){.file = r->file}, "the file is empty");
  return root;
}

struct node *yaml_parse(struct arena *a, const char *file, const char *text, size_t n, struct err *err)
{
  struct reading r = {.arena = a, .err = err, .file = file, .text = text, .length = n};
  if (!check_bytes(&r))
    return NULL;
  if (!yaml_parser_initialize(&r.parser)) {
    err_system(err, "libyaml cannot start");
    return NULL;
  }
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
  struct node *root = read_document(&r);
  yaml_parser_delete(&r.parser);
  return root;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static char *read_bytes(struct arena *a, int fd, const char *path, size_t *n, struct err *err)
{
  struct stat facts;
  if (fstat(fd, &facts) || !S_ISREG(facts.st_mode)) {
    err_system(err, "%s is not a regular file", path);
    return NULL;
  }
  if (facts.st_size > YAML_BYTES) {
    err_add(err, (struct where){.file = path}, "the file has %lld bytes; at most %d are read", (long long)facts.st_size,
            YAML_BYTES);
    return NULL;
  }
  char *text = arena_alloc(a, (size_t)facts.st_size + 1);
  *n = 0;
  for (;;) {
    ssize_t got = read(fd, text + *n, (size_t)facts.st_size - *n);
    if (got < 0 && errno != EINTR) {
      err_system(err, "cannot read %s: %s", path, strerror(errno));
      return NULL;
    }
    if (got == 0)
      return text;
    *n += got > 0 ? (size_t)got : 0;
  }
}

struct node *yaml_read(struct arena *a, const char *path, const char **text, size_t *n, struct err *err)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    err_system(err, "cannot open %s: %s", path, strerror(errno));
    return NULL;
  }
  size_t bytes = 0;
  char *read_text_ = read_bytes(a, fd, path, &bytes, err);
  close(fd);
  if (!read_text_)
    return NULL;
  if (text) {
    *text = read_text_;
    *n = bytes;
  }
  return yaml_parse(a, arena_strdup(a, path), read_text_, bytes, err);
}
