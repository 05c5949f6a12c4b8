/* trace.c: traces in HDF5.
 *
 * Writing is measured in nanoseconds a row, so the usual way (H5Dwrite through zlib) is not taken. Rows are
 * collected in small blocks, turned into byte planes (column.h), and a full chunk is handed to H5Dwrite_chunk as the
 * finished product of the filters shuffle and deflate. Looking for repetitions is what makes deflate slow, and most
 * planes have none: those that are noise (the low bytes of times and real numbers) become stored blocks, those of long
 * runs are written with the fixed code (column.c), those of few different bytes with one of their own (huffman.c).
 * Together they are one zlib stream, which any HDF5 reads. libdeflate has the tables of a few rows.
 */
#include "analysis/store/trace.h"
#include "analysis/store/layout.h"
#include "sim/check.h"
#include <errno.h>
#include <math.h>
#include <fcntl.h>
#include <hdf5.h>
#include <libdeflate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRACE_FORMAT = 1, LEVEL = 1, MAX_NAMED_BYTES = 60000, TASKS_PER_CLASS = 32,
       PLANES_BYTES = 8 * CHUNK_ROWS, SKIP_DEFLATE = 2, ALL_VARY = 0xFF,
       NO_VARIANT_CODE = 255 /* of a record without one */ };

static void *allocate(size_t n, size_t size)
{
  void *p = calloc(n ? n : 1, size);
  if (!p)
    check_out_of_memory(n * size);
  return p;
}

/* For what is written before it is read: pages that stay untouched cost nothing. */
static uint8_t *allocate_raw(size_t bytes)
{
  uint8_t *p = malloc(bytes);
  if (!p)
    check_out_of_memory(bytes);
  return p;
}

static char *join(const char *a, const char *b)
{
  size_t n = strlen(a) + strlen(b) + 1;
  char *text = allocate(n, 1);
  snprintf(text, n, "%s%s", a, b);
  return text;
}

/* ---- what HDF5 says when it fails -------------------------------------------------------------------------------- */

static herr_t innermost(unsigned n, const H5E_error2_t *e, void *context)
{
  (void)n;
  const char **text = context;
  if (e->desc && (!*text || strstr(e->desc, "errno = ")))
    *text = e->desc;
  return 0;
}

enum { REASON_BYTES = 256 };

/* Called by HDF5 when one of its functions fails: the first reason is kept (later ones are consequences). It is the
 * system's word where there is one (disk full), else the library's. */
static herr_t note_reason(hid_t stack, void *context)
{
  char *reason = context;
  const char *text = NULL;
  if (*reason)
    return 0;
  H5Ewalk2(stack, H5E_WALK_UPWARD, innermost, &text);
  const char *number = text ? strstr(text, "errno = ") : NULL;
  if (number)
    snprintf(reason, REASON_BYTES, "%s", strerror((int)strtol(number + 8, NULL, 10)));
  else
    snprintf(reason, REASON_BYTES, "HDF5: %s", text ? text : "unknown error");
  return 0;
}

/* From here on reasons go to `reason`; NULL: nowhere. HDF5's own clean-up at exit is left out: after a failed close it
 * would work on files that are half gone. */
static void listen_to_hdf5(char *reason)
{
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, reason ? note_reason : NULL, reason);
}

/* ---- the writer -------------------------------------------------------------------------------------------------- */

/* Of the current chunk: the value of its first row, and which bytes have differed from it since (column.h). */
struct column { struct column_def def; char *name; uint8_t *plane; hid_t dataset; uint64_t first; unsigned varies; };
struct table {
  const struct table_def *def;
  size_t n_columns; struct column *column;
  uint8_t *block, *planes; double *extra;               /* BLOCK_ROWS rows; extra columns, one after the other */
  uint8_t *first_row, *differ;                          /* of the chunk; bytes in which rows of the block differ from it */
  uint64_t parts;                                       /* bit i: columns lie in the row's PART_BYTES from i times that on */
  size_t n_extra, in_block, in_chunk;
  uint64_t written;                                     /* rows in finished chunks */
  hid_t group;
};
struct series { size_t n, capacity; int n_places; int64_t *at_ns; struct place_sample *sample; };

struct trace_writer {
  char *path, *part;
  struct trace_setup setup;
  struct table table[N_TABLES];
  struct series series;
  uint16_t *task_code; int n_tasks; const char **task_name;
  hid_t file, names[N_NAMES];
  struct libdeflate_compressor *deflate;
  uint8_t *out, *planes; size_t out_size;               /* a finished chunk; its planes side by side */
  bool failed; char reason[REASON_BYTES];
};

static bool writer_fail(struct trace_writer *w)
{
  w->failed = true;
  return false;
}

/* ---- one chunk as the filters would have made it ----------------------------------------------------------------- */

/* `rows` values as planes, to be filled up with zeros to `chunk_rows`. */
struct chunk { const uint8_t *plane; size_t width, rows, chunk_rows; uint64_t first; unsigned varies; };

static bool plane_varies(const struct chunk *c, size_t b) { return c->varies >> b & 1; }
static uint8_t first_byte(const struct chunk *c, size_t b) { return (uint8_t)(c->first >> 8 * b); }

/* Planes side by side, as the shuffle filter has them. */
static const uint8_t *gather(struct trace_writer *w, const struct chunk *c)
{
  for (size_t b = 0; b < c->width; b++) {
    uint8_t *to = w->planes + b * c->chunk_rows;
    if (plane_varies(c, b))
      memcpy(to, c->plane + b * PLANE_STRIDE, c->rows);
    else
      memset(to, first_byte(c, b), c->rows);
    memset(to + c->rows, 0, c->chunk_rows - c->rows);
  }
  return w->planes;
}

static uint8_t *put_deflated(struct trace_writer *w, uint8_t *out, const struct chunk *c)
{
  const uint8_t *bytes = gather(w, c);
  return out + libdeflate_deflate_compress(w->deflate, bytes, c->width * c->chunk_rows, out,
                                           w->out_size - (size_t)(out - w->out) - 4);
}

/* One plane by itself. */
static uint8_t *put_plane(uint8_t *out, const struct chunk *c, size_t b)
{
  static uint8_t *(*const put[])(uint8_t *, const uint8_t *, size_t, bool) = {
    [PLANE_RUNS] = put_runs, [PLANE_LOW] = put_coded, [PLANE_NOISE] = put_stored};
  const uint8_t *plane = c->plane + b * PLANE_STRIDE;
  bool last = b + 1 == c->width, filled = c->rows < c->chunk_rows;
  if (plane_varies(c, b))
    out = put[plane_probe(plane, c->rows)](out, plane, c->rows, last && !filled);
  else
    out = put_one_run(out, first_byte(c, b), c->rows, last && !filled);
  return filled ? put_one_run(out, 0, c->chunk_rows - c->rows, last) : out;
}

/* Adler-32 (RFC 1950) over n <= 65 536 times the same byte: a = 1 + sum of bytes, b = sum of the a, both mod 65 521. */
static uint32_t adler32_repeated(uint32_t sum, uint8_t value, size_t n)
{
  uint64_t a = sum & 0xFFFF, b = sum >> 16;
  b = (b + n * a + value * ((uint64_t)n * (n + 1) / 2)) % 65521;
  a = (a + n * value) % 65521;
  return (uint32_t)(b << 16 | a);
}

static uint32_t checksum(const struct chunk *c)
{
  uint32_t sum = 1;
  for (size_t b = 0; b < c->width; b++) {
    sum = plane_varies(c, b) ? libdeflate_adler32(sum, c->plane + b * PLANE_STRIDE, c->rows)
                             : adler32_repeated(sum, first_byte(c, b), c->rows);
    sum = adler32_repeated(sum, 0, c->chunk_rows - c->rows);
  }
  return sum;
}

/* The finished bytes of a chunk; *mask tells which filters were left out. */
static const uint8_t *encode(struct trace_writer *w, const struct chunk *c, size_t *size, uint32_t *mask)
{
  uint32_t sum = checksum(c);
  uint8_t *out = w->out;
  *out++ = 0x78, *out++ = 0x01;                         /* RFC 1950 */
  if (c->rows < PROBE_ROWS)
    out = put_deflated(w, out, c);
  for (size_t b = 0; c->rows >= PROBE_ROWS && b < c->width; b++)
    out = put_plane(out, c, b);
  *out++ = (uint8_t)(sum >> 24), *out++ = (uint8_t)(sum >> 16), *out++ = (uint8_t)(sum >> 8), *out++ = (uint8_t)sum;
  *size = (size_t)(out - w->out);
  *mask = 0;
  if (*size < c->width * c->chunk_rows)
    return w->out;
  *size = c->width * c->chunk_rows;
  *mask = SKIP_DEFLATE;
  return gather(w, c);
}

/* ---- types, names, datasets -------------------------------------------------------------------------------------- */

static hid_t stored_type(enum column_type type)
{
  switch (type) {
    case COLUMN_U8: return H5T_STD_U8LE;
    case COLUMN_U16: return H5T_STD_U16LE;
    case COLUMN_U32: return H5T_STD_U32LE;
    case COLUMN_U64: return H5T_STD_U64LE;
    case COLUMN_I64: return H5T_STD_I64LE;
    case COLUMN_F64: return H5T_IEEE_F64LE;
  }
  return H5I_INVALID_HID;
}

/* An enum of names; H5I_INVALID_HID where there are none, or more than an object header holds: codes are plain then. */
static hid_t make_names(bool wide, const char *const *name, int n)
{
  size_t bytes = 0;
  for (int i = 0; i < n; i++)
    bytes += (name[i] ? strlen(name[i]) : 0) + 12;
  if (n == 0 || bytes > MAX_NAMED_BYTES)
    return H5I_INVALID_HID;
  hid_t type = H5Tenum_create(wide ? H5T_STD_U16LE : H5T_STD_U8LE);
  for (uint16_t i = 0; i < n; i++)
    if (name[i] && *name[i])
      H5Tenum_insert(type, name[i], &i);                /* little-endian: the first byte is right for one byte, too */
  return type;
}

static hid_t make_variant_names(const struct trace_setup *s)
{
  static const uint8_t none = NO_VARIANT_CODE;
  hid_t type = make_names(false, s->variant_name, s->n_variants);
  if (s->n_variants == 0)
    type = H5Tenum_create(H5T_STD_U8LE);
  if (type >= 0)
    H5Tenum_insert(type, "none", &none);
  return type;
}

static void make_task_codes(struct trace_writer *w)
{
  const struct trace_setup *s = &w->setup;
  w->task_code = allocate((size_t)s->n_classes * TASKS_PER_CLASS, sizeof *w->task_code);
  w->task_name = allocate((size_t)s->n_classes * TASKS_PER_CLASS, sizeof *w->task_name);
  for (int c = 0; c < s->n_classes; c++)
    for (int t = 0; t < s->n_tasks[c]; t++) {
      int code = 0;
      while (code < w->n_tasks && strcmp(w->task_name[code], s->task_name[c][t]) != 0)
        code++;
      if (code == w->n_tasks)
        w->task_name[w->n_tasks++] = s->task_name[c][t];
      w->task_code[c * TASKS_PER_CLASS + t] = (uint16_t)code;
    }
}

static void make_all_names(struct trace_writer *w)
{
  const struct trace_setup *s = &w->setup;
  make_task_codes(w);
  w->names[NAMES_NONE] = H5I_INVALID_HID;
  w->names[NAMES_CLASS] = make_names(true, s->class_name, s->n_classes);
  w->names[NAMES_PLACE] = make_names(true, s->place_name, s->n_places);
  w->names[NAMES_ZONE] = make_names(true, s->zone_name, s->n_zones);
  w->names[NAMES_LINK] = make_names(true, s->link_name, s->n_links);
  w->names[NAMES_TASK] = make_names(true, w->task_name, w->n_tasks);
  w->names[NAMES_VARIANT] = make_variant_names(s);
  w->names[NAMES_STATUS] = make_names(false, status_name, N_STATUS);
  w->names[NAMES_KIND] = make_names(false, transfer_kind_name, N_TRANSFER_KINDS);
}

static bool put_attribute(hid_t object, const char *name, const char *text)
{
  bool ok = false;
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), attribute = H5I_INVALID_HID;
  if (type < 0 || space < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
    goto out;
  attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  ok = attribute >= 0 && H5Awrite(attribute, type, &text) >= 0;
out:
  if (attribute >= 0 && H5Aclose(attribute) < 0)
    ok = false;
  H5Sclose(space);
  H5Tclose(type);
  return ok;
}

/* An extensible dataset without times in its header. H5I_INVALID_HID on failure. */
static hid_t make_dataset(hid_t group, const char *name, hid_t type, size_t chunk_rows)
{
  hsize_t rows = 0, most = H5S_UNLIMITED, chunk = chunk_rows ? chunk_rows : 1;
  hid_t made = H5I_INVALID_HID, space = H5Screate_simple(1, &rows, &most), how = H5Pcreate(H5P_DATASET_CREATE);
  if (space >= 0 && how >= 0 && H5Pset_obj_track_times(how, false) >= 0 && H5Pset_chunk(how, 1, &chunk) >= 0
      && H5Pset_fill_time(how, H5D_FILL_TIME_NEVER) >= 0 && H5Pset_shuffle(how) >= 0 && H5Pset_deflate(how, LEVEL) >= 0)
    made = H5Dcreate2(group, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
  H5Sclose(space);
  H5Pclose(how);
  return made;
}

static bool make_column(struct trace_writer *w, struct table *t, struct column *c, size_t chunk_rows)
{
  hid_t type = w->names[c->def.names] >= 0 ? w->names[c->def.names] : stored_type(c->def.type);
  c->dataset = make_dataset(t->group, c->name, type, chunk_rows);
  return c->dataset >= 0 && put_attribute(c->dataset, "unit", c->def.unit)
         && put_attribute(c->dataset, "description", c->def.doc);
}

static hid_t make_group(hid_t parent, const char *name)
{
  hid_t how = H5Pcreate(H5P_GROUP_CREATE), made = H5I_INVALID_HID;
  if (how >= 0 && H5Pset_obj_track_times(how, false) >= 0
      && H5Pset_link_creation_order(how, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0)
    made = H5Gcreate2(parent, name, H5P_DEFAULT, how, H5P_DEFAULT);
  H5Pclose(how);
  return made;
}

/* ---- rows -> blocks -> chunks ------------------------------------------------------------------------------------ */

static bool write_chunk(struct trace_writer *w, hid_t dataset, uint64_t at, const struct chunk *c)
{
  hsize_t offset = at, extent = at + c->rows;
  size_t size;
  uint32_t mask;
  const uint8_t *bytes = encode(w, c, &size, &mask);
  return H5Dset_extent(dataset, &extent) >= 0 && H5Dwrite_chunk(dataset, H5P_DEFAULT, mask, &offset, size, bytes) >= 0;
}

/* A table that fits one chunk gets a chunk of its own size: a small run does not write padding. */
static void flush_chunk(struct trace_writer *w, struct table *t)
{
  size_t rows = t->in_chunk, chunk_rows = t->written ? CHUNK_ROWS : rows;
  for (size_t i = 0; i < t->n_columns && !w->failed; i++) {
    struct column *c = &t->column[i];
    struct chunk chunk = {c->plane, column_width(c->def.type), rows, chunk_rows, c->first, c->varies};
    if (!t->written && !make_column(w, t, c, chunk_rows))
      writer_fail(w);
    if (!w->failed && rows && !write_chunk(w, c->dataset, t->written, &chunk))
      writer_fail(w);
  }
  t->written += rows;
  t->in_chunk = 0;
}

/* Where the rows of a column's block lie, and the bytes that are not in all of them as in the chunk's first row. */
struct block { const uint8_t *src; size_t stride, rows; uint64_t differ; };

/* A block of the column behind `done` rows of the chunk. Planes that begin to vary get their rows so far. */
static void column_add(struct column *c, size_t done, const struct block *block)
{
  size_t width = column_width(c->def.type);
  unsigned varies = c->varies | bytes_set(block->differ, width), begun = varies & ~c->varies;
  for (size_t b = 0; b < width; b++)
    if (begun >> b & 1)
      memset(c->plane + b * PLANE_STRIDE, (uint8_t)(c->first >> 8 * b), done);
  c->varies = varies;
  column_planes(c->plane + done, width, varies, block->src, block->stride, (block->rows + 15) & ~(size_t)15);
}

static void chunk_begin(struct table *t)
{
  size_t n = t->def->n_columns;
  memcpy(t->first_row, t->block, t->def->row_bytes);
  for (size_t i = 0; i < t->n_columns; i++) {
    struct column *c = &t->column[i];
    const void *first = i < n ? (const void *)(t->first_row + c->def.offset) : t->extra + (i - n) * BLOCK_ROWS;
    c->first = column_value(first, column_width(c->def.type));
    c->varies = 0;
  }
}

/* The last part overlaps the one before where the row is no multiple of it; no column lies in some. */
static void rows_differ(struct table *t)
{
  size_t stride = t->def->row_bytes, last = stride - PART_BYTES;
  for (size_t part = 0; part * PART_BYTES < stride; part++) {
    size_t at = part * PART_BYTES < last ? part * PART_BYTES : last;
    if (t->parts >> part & 1)
      part_differs(t->differ + at, t->first_row + at, t->block + at, stride, t->in_block);
  }
}

static void flush_block(struct trace_writer *w, struct table *t)
{
  size_t rows = t->in_block, i = 0;
  if (t->in_chunk == 0)
    chunk_begin(t);
  rows_differ(t);
  for (struct column *c = t->column; i < t->def->n_columns; i++, c++) {
    uint64_t differ = column_value(t->differ + c->def.offset, column_width(c->def.type));
    column_add(c, t->in_chunk, &(struct block){t->block + c->def.offset, t->def->row_bytes, rows, differ});
  }
  for (const double *own = t->extra; i < t->n_columns; i++, own += BLOCK_ROWS) {
    struct column *c = &t->column[i];
    uint64_t differ = column_differs(c->first, own, rows);
    column_add(c, t->in_chunk, &(struct block){(const uint8_t *)own, sizeof *own, rows, differ});
  }
  t->in_chunk += rows;
  t->in_block = 0;
  if (t->in_chunk == CHUNK_ROWS)
    flush_chunk(w, t);
}

/* The next row of the table, to be filled and followed by row_done. */
static inline void *row_next(struct table *t) { return t->block + t->in_block * t->def->row_bytes; }

static inline void row_done(struct trace_writer *w, struct table *t)
{
  if (++t->in_block == BLOCK_ROWS)
    flush_block(w, t);
}

void trace_request(struct trace_writer *w, const struct request_record *r, const double *attribute, int n_attributes)
{
  struct table *t = &w->table[TABLE_REQUESTS];
  memcpy(row_next(t), r, sizeof *r);
  const int *column = w->setup.n_attributes ? w->setup.attribute_column[r->klass] : NULL;
  double *extra = t->extra + t->in_block;
  for (size_t k = 0; k < t->n_extra; k++)
    extra[k * BLOCK_ROWS] = (double)NAN;
  for (int a = 0; column && a < n_attributes; a++)
    extra[(size_t)column[a] * BLOCK_ROWS] = attribute[a];
  row_done(w, t);
}

void trace_attempt(struct trace_writer *w, const struct attempt_record *r)
{
  struct table *t = &w->table[TABLE_ATTEMPTS];
  struct attempt_row *row = row_next(t);
  row->r = *r;
  row->task = w->task_code[r->klass * TASKS_PER_CLASS + r->task];
  row_done(w, t);
}

void trace_decision(struct trace_writer *w, const struct decision_record *r)
{
  struct table *t = &w->table[TABLE_DECISIONS];
  struct decision_row *row = row_next(t);
  memcpy(&row->r, r, offsetof(struct decision_record, feature));
  row->r.left_out = r->left_out;
  row->r.n_fallbacks = r->n_fallbacks;
  memcpy(row->r.fallback, r->fallback, sizeof r->fallback);
  row->task = w->task_code[r->klass * TASKS_PER_CLASS + r->task];
  double *extra = t->extra + t->in_block;
  for (size_t k = 0; k < t->n_extra; k++)
    extra[k * BLOCK_ROWS] = k < r->n_features ? r->feature[k] : (double)NAN;
  row_done(w, t);
}

void trace_transfer(struct trace_writer *w, const struct transfer_record *r)
{
  struct table *t = &w->table[TABLE_TRANSFERS];
  if (!w->setup.transfers)
    return;
  memcpy(row_next(t), r, sizeof *r);
  row_done(w, t);
}

void trace_sample(struct trace_writer *w, int64_t at_ns, const struct place_sample *sample, int n_places)
{
  struct series *s = &w->series;
  if (s->n == s->capacity) {
    s->capacity = s->capacity ? 2 * s->capacity : 1024;
    s->at_ns = realloc(s->at_ns, s->capacity * sizeof *s->at_ns);
    s->sample = realloc(s->sample, s->capacity * (size_t)n_places * sizeof *s->sample);
    if (!s->at_ns || !s->sample)
      check_out_of_memory(s->capacity * (size_t)n_places * sizeof *s->sample);
  }
  s->n_places = n_places;
  s->at_ns[s->n] = at_ns;
  memcpy(s->sample + s->n++ * (size_t)n_places, sample, (size_t)n_places * sizeof *sample);
}

/* ---- create ------------------------------------------------------------------------------------------------------ */

static void add_columns(struct table *t, const char *prefix, int n, const char *const *name, const char *const *unit,
                        const char *doc)
{
  for (int i = 0; i < n; i++) {
    struct column *c = &t->column[t->n_columns++];
    bool taken = false;
    for (size_t k = 0; k < t->def->n_columns; k++)
      taken |= strcmp(t->def->column[k].name, name[i]) == 0;
    c->name = join(taken ? "attribute_" : prefix, name[i]);
    for (char *p = c->name; *p; p++)
      if (*p == '/')
        *p = '_';                                       /* HDF5 would make a group of it */
    c->def = (struct column_def){NULL, unit && unit[i] ? unit[i] : "", doc, COLUMN_F64, NAMES_NONE, 0};
  }
  t->n_extra = (size_t)n;
}

/* Parts of the row that some column reaches into. */
static void find_parts(struct table *t)
{
  sim_assert(t->def->row_bytes >= PART_BYTES && t->def->row_bytes <= 64 * PART_BYTES);
  for (const struct column_def *c = t->def->column; c < t->def->column + t->def->n_columns; c++) {
    t->parts |= UINT64_C(1) << c->offset / PART_BYTES;
    t->parts |= UINT64_C(1) << (c->offset + column_width(c->type) - 1) / PART_BYTES;
  }
}

static void table_init(struct table *t, const struct table_def *def, int n_extra)
{
  t->def = def;
  t->column = allocate(def->n_columns + (size_t)n_extra, sizeof *t->column);
  for (size_t i = 0; i < def->n_columns; i++)
    t->column[i] = (struct column){.def = def->column[i], .name = join("", def->column[i].name)};
  t->n_columns = def->n_columns;
  t->block = allocate(BLOCK_ROWS, def->row_bytes);
  t->first_row = allocate(2, def->row_bytes);
  t->differ = t->first_row + def->row_bytes;
  find_parts(t);
  t->extra = allocate(BLOCK_ROWS * (size_t)n_extra, sizeof *t->extra);
}

static void place_planes(struct table *t)
{
  size_t n = 0;
  for (size_t k = 0; k < t->n_columns; k++)
    n += column_width(t->column[k].def.type);
  uint8_t *at = t->planes = allocate_raw(n * PLANE_STRIDE);
  for (size_t k = 0; k < t->n_columns; k++) {
    t->column[k].plane = at;
    at += column_width(t->column[k].def.type) * PLANE_STRIDE;
  }
}

static void make_tables(struct trace_writer *w)
{
  const struct trace_setup *s = &w->setup;
  const int n_extra[N_TABLES] = {[TABLE_REQUESTS] = s->n_attributes, [TABLE_DECISIONS] = s->n_features};
  for (int i = 0; i < N_TABLES; i++)
    table_init(&w->table[i], &table_defs[i], n_extra[i]);
  add_columns(&w->table[TABLE_REQUESTS], "", s->n_attributes, s->attribute_name, s->attribute_unit,
              "attribute of the request; NaN: its class has none");
  add_columns(&w->table[TABLE_DECISIONS], "feature_", s->n_features, s->feature_name, s->feature_unit,
              "feature as the policy saw it");
  for (int i = 0; i < N_TABLES; i++)
    place_planes(&w->table[i]);
}

static hid_t file_options(void)
{
  hid_t how = H5Pcreate(H5P_FILE_ACCESS);
  if (how < 0 || H5Pset_libver_bounds(how, H5F_LIBVER_V110, H5F_LIBVER_V110) < 0
      || H5Pset_file_locking(how, false, true) < 0)     /* the catalogue's lock covers the folder */
    return H5I_INVALID_HID;
  return how;
}

static bool put_format(hid_t file)
{
  int32_t format = TRACE_FORMAT;
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t a = H5Acreate2(file, "offsim_trace_format", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT);
  bool ok = a >= 0 && H5Awrite(a, H5T_STD_I32LE, &format) >= 0 && H5Aclose(a) >= 0;
  H5Sclose(space);
  return ok;
}

static hid_t create_file(const char *path)
{
  hid_t how = file_options(), create = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_obj_track_times(create, false);
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, create, how);
  H5Pclose(how);
  H5Pclose(create);
  return file;
}

static bool make_file(struct trace_writer *w)
{
  w->file = create_file(w->part);
  bool ok = w->file >= 0 && put_format(w->file)
            && (!w->setup.pipelines || put_attribute(w->file, "pipelines", w->setup.pipelines));
  for (int i = 0; i < N_TABLES && ok; i++)
    if (i != TABLE_TRANSFERS || w->setup.transfers)
      ok = (w->table[i].group = make_group(w->file, w->table[i].def->group)) >= 0;
  return ok || writer_fail(w);
}

static void writer_free(struct trace_writer *w)
{
  for (int i = 0; i < N_TABLES; i++) {
    struct table *t = &w->table[i];
    for (size_t k = 0; k < t->n_columns; k++)
      free(t->column[k].name);
    free(t->column);
    free(t->block);
    free(t->first_row);
    free(t->planes);
    free(t->extra);
  }
  for (int i = 0; i < N_NAMES; i++)
    if (w->names[i] >= 0)
      H5Tclose(w->names[i]);
  listen_to_hdf5(NULL);
  libdeflate_free_compressor(w->deflate);
  free(w->series.at_ns), free(w->series.sample), free(w->task_code), free(w->task_name);
  free(w->out), free(w->planes), free(w->path), free(w->part), free(w);
}

struct trace_writer *trace_create(const char *path, const struct trace_setup *setup, struct err *err)
{
  struct trace_writer *w = allocate(1, sizeof *w);
  listen_to_hdf5(w->reason);
  w->path = join(path, "");
  w->part = join(path, ".part");
  w->setup = *setup;
  w->deflate = libdeflate_alloc_compressor(LEVEL);
  w->out_size = libdeflate_deflate_compress_bound(w->deflate, PLANES_BYTES) + PLANES_BYTES / 8 + 1024;
  w->out = allocate_raw(w->out_size);
  w->planes = allocate_raw(PLANES_BYTES);
  make_all_names(w);
  make_tables(w);
  if (make_file(w))
    return w;
  err_system(err, "cannot write trace %s: %s", w->part, w->reason);
  trace_abandon(w);
  return NULL;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* Values of 4 or 8 bytes through the same way as the columns. */
static bool put_series(struct trace_writer *w, hid_t group, const char *name, const char *unit, enum column_type type,
                       const void *value, size_t stride)
{
  size_t width = column_width(type), n = w->series.n, chunk = n < CHUNK_ROWS ? n : CHUNK_ROWS;
  hid_t dataset = make_dataset(group, name, stored_type(type), chunk);
  bool ok = dataset >= 0 && put_attribute(dataset, "unit", unit);
  uint8_t *plane = allocate(width, PLANE_STRIDE);
  for (size_t at = 0; at < n && ok; at += chunk) {
    size_t rows = n - at < chunk ? n - at : chunk;
    memset(plane, 0, width * PLANE_STRIDE);
    for (size_t i = 0; i < rows; i++)
      for (size_t b = 0; b < width; b++)
        plane[b * PLANE_STRIDE + i] = ((const uint8_t *)value)[(at + i) * stride + b];
    ok = write_chunk(w, dataset, at, &(struct chunk){plane, width, rows, chunk, 0, ALL_VARY});
  }
  free(plane);
  return (dataset < 0 || H5Dclose(dataset) >= 0) && ok;
}

static bool put_place_series(struct trace_writer *w, hid_t parent, int place, const char *what, size_t offset)
{
  char name[160];
  snprintf(name, sizeof name, "%s.%s", w->setup.place_name[place], what);
  hid_t group = make_group(parent, name);
  const struct series *s = &w->series;
  const uint8_t *value = (const uint8_t *)(s->sample + place) + offset;
  bool ok = group >= 0 && put_series(w, group, "t", "ns", COLUMN_I64, s->at_ns, sizeof *s->at_ns)
            && put_series(w, group, "v", "", COLUMN_U32, value, (size_t)s->n_places * sizeof *s->sample);
  return (group < 0 || H5Gclose(group) >= 0) && ok;
}

/* The mean level of the batteries of a place that has some. */
static bool put_levels(struct trace_writer *w, hid_t parent, int place)
{
  char name[160];
  const struct series *s = &w->series;
  if (isnan(s->sample[place].battery)) return true;
  snprintf(name, sizeof name, "%s.battery", w->setup.place_name[place]);
  hid_t group = make_group(parent, name);
  bool ok = group >= 0 && put_series(w, group, "t", "ns", COLUMN_I64, s->at_ns, sizeof *s->at_ns)
            && put_series(w, group, "v", "1", COLUMN_F64, &s->sample[place].battery, (size_t)s->n_places * sizeof *s->sample);
  return (group < 0 || H5Gclose(group) >= 0) && ok;
}

static bool put_all_series(struct trace_writer *w)
{
  hid_t group = make_group(w->file, "timeseries");
  bool ok = group >= 0;
  for (int p = 0; p < w->series.n_places && ok; p++)
    ok = (w->setup.place_idle && w->setup.place_idle[p])
         || (put_place_series(w, group, p, "queue", offsetof(struct place_sample, queue))
             && put_place_series(w, group, p, "busy", offsetof(struct place_sample, busy))
             && put_place_series(w, group, p, "slots", offsetof(struct place_sample, slots))
             && put_levels(w, group, p));
  return (group < 0 || H5Gclose(group) >= 0) && ok;
}

static bool close_tables(struct trace_writer *w)
{
  bool ok = true;
  for (int i = 0; i < N_TABLES; i++) {
    struct table *t = &w->table[i];
    for (size_t k = 0; k < t->n_columns; k++)
      if (t->column[k].dataset > 0 && H5Dclose(t->column[k].dataset) < 0)
        ok = false;
    if (t->group > 0 && H5Gclose(t->group) < 0)
      ok = false;
  }
  return ok;
}

static void flush_tables(struct trace_writer *w)
{
  for (int i = 0; i < N_TABLES; i++) {
    struct table *t = &w->table[i];
    if (i == TABLE_TRANSFERS && !w->setup.transfers)
      continue;
    if (t->in_block)
      flush_block(w, t);
    if (t->in_chunk || !t->written)
      flush_chunk(w, t);
  }
}

static bool finish_file(struct trace_writer *w)
{
  flush_tables(w);
  bool ok = !w->failed && (w->series.n == 0 || put_all_series(w));
  ok = ok || writer_fail(w);
  if (!close_tables(w))
    ok = writer_fail(w);
  if (w->file >= 0 && H5Fclose(w->file) < 0)
    ok = writer_fail(w);
  w->file = H5I_INVALID_HID;
  return ok;
}

/* Opened anew: every column is there with the right number of rows, and the last chunk of the ids can be decoded. */
static bool verify_file(const struct trace_writer *w, struct err *err)
{
  struct trace_reader *r = trace_open(w->part, err);
  bool ok = r != NULL;
  for (int i = 0; i < N_TABLES && ok; i++) {
    const struct table *t = &w->table[i];
    const char *const *names;
    if (i == TABLE_TRANSFERS && !w->setup.transfers)
      continue;
    ok = trace_columns(r, t->def->group, &names) == t->n_columns && trace_rows(r, t->def->group) == t->written;
    if (!ok)
      err_system(err, "trace %s: /%s is not what was written", w->part, t->def->group);
  }
  trace_close(r);
  return ok;
}

static bool sync_path(const char *path, int flags)
{
  int fd = open(path, flags | O_CLOEXEC);
  bool ok = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0 && close(fd) != 0)
    ok = false;
  return ok;
}

static bool sync_folder_of(const char *path)
{
  char *folder = join(path, "");
  char *slash = strrchr(folder, '/');
  if (slash)
    *slash = 0;
  bool ok = sync_path(slash ? folder : ".", O_RDONLY | O_DIRECTORY);
  free(folder);
  return ok;
}

static bool publish(struct trace_writer *w, struct hash *hash, uint64_t *bytes, struct err *err)
{
  int fd = open(w->part, O_RDONLY | O_CLOEXEC);
  *bytes = fd >= 0 ? (uint64_t)lseek(fd, 0, SEEK_END) : 0;
  if (fd >= 0)
    close(fd);
  if (fd < 0 || !hash_file(w->part, hash) || !sync_path(w->part, O_RDWR) || rename(w->part, w->path) != 0
      || !sync_folder_of(w->path))
    return err_system(err, "cannot write trace %s: %s", w->path, strerror(errno));
  return true;
}

bool trace_commit(struct trace_writer *w, struct hash *file_hash, uint64_t *bytes, struct err *err)
{
  listen_to_hdf5(w->reason);
  bool ok = finish_file(w);
  if (!ok)
    err_system(err, "cannot write trace %s: %s", w->part, w->reason);
  ok = ok && verify_file(w, err) && publish(w, file_hash, bytes, err);
  if (!ok)
    unlink(w->part);
  writer_free(w);
  return ok;
}

void trace_abandon(struct trace_writer *w)
{
  if (!w)
    return;
  close_tables(w);
  if (w->file > 0)
    H5Fclose(w->file);
  unlink(w->part);
  writer_free(w);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct read_names { char *group; size_t n; char **name; };
struct read_enum { char *column; size_t n; char **name; int64_t *code; };
struct trace_reader {
  char *path; hid_t file;
  size_t n_groups; struct read_names *group;
  size_t n_enums; struct read_enum *enums;
};

struct trace_reader *trace_open(const char *path, struct err *err)
{
  char reason[REASON_BYTES] = "";
  listen_to_hdf5(reason);
  hid_t how = file_options(), file = H5Fopen(path, H5F_ACC_RDONLY, how);
  H5Pclose(how);
  listen_to_hdf5(NULL);
  if (file < 0 || H5Aexists(file, "offsim_trace_format") <= 0) {
    H5Fclose(file);
    err_system(err, "cannot read trace %s: %s", path, file < 0 ? reason : "not a trace of offsim");
    return NULL;
  }
  struct trace_reader *r = allocate(1, sizeof *r);
  r->path = join(path, "");
  r->file = file;
  return r;
}

static void names_free(size_t n, char **name)
{
  for (size_t i = 0; i < n; i++)
    free(name[i]);
  free(name);
}

void trace_close(struct trace_reader *r)
{
  if (!r)
    return;
  for (size_t i = 0; i < r->n_groups; i++)
    free(r->group[i].group), names_free(r->group[i].n, r->group[i].name);
  for (size_t i = 0; i < r->n_enums; i++)
    free(r->enums[i].column), names_free(r->enums[i].n, r->enums[i].name), free(r->enums[i].code);
  free(r->group), free(r->enums);
  H5Fclose(r->file);
  free(r->path);
  free(r);
}

static size_t dataset_rows(hid_t dataset)
{
  hid_t space = H5Dget_space(dataset);
  hssize_t n = H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  return n < 0 ? 0 : (size_t)n;
}

/* Link names of a group in the order of their making; read once. */
size_t trace_columns(struct trace_reader *r, const char *group, const char *const **names)
{
  for (size_t i = 0; i < r->n_groups; i++)
    if (strcmp(r->group[i].group, group) == 0) {
      *names = (const char *const *)r->group[i].name;
      return r->group[i].n;
    }
  hid_t g = H5Gopen2(r->file, group, H5P_DEFAULT);
  H5G_info_t info = {.nlinks = 0};
  if (g < 0 || H5Gget_info(g, &info) < 0)
    return 0;
  r->group = realloc(r->group, (r->n_groups + 1) * sizeof *r->group);
  struct read_names *found = &r->group[r->n_groups++];
  *found = (struct read_names){join(group, ""), info.nlinks, allocate(info.nlinks, sizeof *found->name)};
  for (size_t i = 0; i < info.nlinks; i++) {
    char text[256] = "";
    H5Lget_name_by_idx(g, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, text, sizeof text, H5P_DEFAULT);
    found->name[i] = join(text, "");
  }
  H5Gclose(g);
  *names = (const char *const *)found->name;
  return found->n;
}

char *trace_text(const struct trace_reader *r, const char *name)
{
  if (H5Aexists(r->file, name) <= 0)
    return NULL;
  char *text = NULL, *copy = NULL;
  hid_t attribute = H5Aopen(r->file, name, H5P_DEFAULT), type = H5Aget_type(attribute);
  if (H5Tis_variable_str(type) > 0 && H5Aread(attribute, type, &text) >= 0 && text)
    copy = join(text, "");
  H5free_memory(text);
  H5Tclose(type);
  H5Aclose(attribute);
  return copy;
}

/* Rows that all columns of the group have; 0 when they differ. */
size_t trace_rows(const struct trace_reader *r, const char *group)
{
  hid_t g = H5Gopen2(r->file, group, H5P_DEFAULT);
  H5G_info_t info = {.nlinks = 0};
  size_t rows = 0;
  if (g < 0 || H5Gget_info(g, &info) < 0)
    return 0;
  for (size_t i = 0; i < info.nlinks; i++) {
    char text[256] = "";
    H5Lget_name_by_idx(g, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, text, sizeof text, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(g, text, H5P_DEFAULT);
    size_t n = dataset >= 0 ? dataset_rows(dataset) : 0;
    H5Dclose(dataset);
    if (i > 0 && n != rows) {
      rows = 0;
      break;
    }
    rows = n;
  }
  H5Gclose(g);
  return rows;
}

/* Bytes of a column as the file has them. */
struct raw { size_t n, width; bool real, is_signed; void *bytes; };

static bool read_raw(const struct trace_reader *r, const char *column, struct raw *raw, struct err *err)
{
  hid_t dataset = H5Dopen2(r->file, column, H5P_DEFAULT), type = dataset >= 0 ? H5Dget_type(dataset) : H5I_INVALID_HID;
  if (type < 0) {
    H5Dclose(dataset);
    return err_system(err, "trace %s has no column %s", r->path, column);
  }
  hid_t base = H5Tget_class(type) == H5T_ENUM ? H5Tget_super(type) : H5Tcopy(type);
  *raw = (struct raw){dataset_rows(dataset), H5Tget_size(type), H5Tget_class(base) == H5T_FLOAT,
                      H5Tget_class(base) == H5T_INTEGER && H5Tget_sign(base) == H5T_SGN_2, NULL};
  raw->bytes = allocate(raw->n, raw->width);
  char reason[REASON_BYTES] = "";
  listen_to_hdf5(reason);
  bool ok = raw->n == 0 || H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw->bytes) >= 0;
  listen_to_hdf5(NULL);
  H5Tclose(base);
  H5Tclose(type);
  H5Dclose(dataset);
  if (ok)
    return true;
  free(raw->bytes);
  return err_system(err, "trace %s: column %s is damaged: %s", r->path, column, reason);
}

static int64_t raw_integer(const struct raw *raw, size_t i)
{
  const void *p = (const uint8_t *)raw->bytes + i * raw->width;
  switch (raw->width) {
    case 1: return *(const uint8_t *)p;
    case 2: return *(const uint16_t *)p;
    case 4: return *(const uint32_t *)p;
    default: return *(const int64_t *)p;
  }
}

double *trace_column(struct trace_reader *r, const char *column, size_t *n, struct err *err)
{
  struct raw raw;
  if (!read_raw(r, column, &raw, err))
    return NULL;
  *n = raw.n;
  if (raw.real && raw.width == sizeof(double))
    return raw.bytes;
  double *value = allocate(raw.n, sizeof *value);
  for (size_t i = 0; i < raw.n; i++)
    value[i] = (double)raw_integer(&raw, i);
  free(raw.bytes);
  return value;
}

int64_t *trace_column_int(struct trace_reader *r, const char *column, size_t *n, struct err *err)
{
  struct raw raw;
  if (!read_raw(r, column, &raw, err))
    return NULL;
  *n = raw.n;
  int64_t *value = allocate(raw.n, sizeof *value);
  for (size_t i = 0; i < raw.n; i++)
    value[i] = raw.real ? (int64_t)((const double *)raw.bytes)[i] : raw_integer(&raw, i);
  free(raw.bytes);
  return value;
}

static void read_enum_members(hid_t type, struct read_enum *e)
{
  int n = H5Tget_nmembers(type);
  e->name = allocate((size_t)n, sizeof *e->name);
  e->code = allocate((size_t)n, sizeof *e->code);
  e->n = (size_t)n;
  for (unsigned i = 0; i < e->n; i++) {
    char *name = H5Tget_member_name(type, i);
    e->name[i] = join(name ? name : "", "");
    H5free_memory(name);
    H5Tget_member_value(type, i, &e->code[i]);          /* zeroed before, little-endian: narrow codes are right */
  }
}

static const struct read_enum *enum_of(struct trace_reader *r, const char *column)
{
  for (size_t i = 0; i < r->n_enums; i++)
    if (strcmp(r->enums[i].column, column) == 0)
      return &r->enums[i];
  hid_t dataset = H5Dopen2(r->file, column, H5P_DEFAULT), type = dataset >= 0 ? H5Dget_type(dataset) : H5I_INVALID_HID;
  r->enums = realloc(r->enums, (r->n_enums + 1) * sizeof *r->enums);
  struct read_enum *e = &r->enums[r->n_enums++];
  *e = (struct read_enum){.column = join(column, "")};
  if (type >= 0 && H5Tget_class(type) == H5T_ENUM)
    read_enum_members(type, e);
  H5Tclose(type);
  H5Dclose(dataset);
  return e;
}

const char *trace_enum_name(struct trace_reader *r, const char *column, int64_t code)
{
  const struct read_enum *e = enum_of(r, column);
  for (size_t i = 0; i < e->n; i++)
    if (e->code[i] == code)
      return e->name[i];
  return NULL;
}

bool trace_verify(const char *path, struct hash expected, struct err *err)
{
  struct hash found;
  if (!hash_file(path, &found))
    return err_system(err, "cannot read trace %s: %s", path, strerror(errno));
  return hash_equal(found, expected)
         || err_system(err, "trace %s is damaged: its bytes are not those that were written", path);
}

/* ---- tables of something else ------------------------------------------------------------------------------------- */

/* The library converts: int64 in memory, codes or numbers in the file. */
static bool write_plain(hid_t group, const struct plain_column *c, size_t rows)
{
  hid_t names = c->whole ? make_names(true, c->names, c->n_names) : H5I_INVALID_HID;
  hid_t dataset = make_dataset(group, c->name, names >= 0 ? names : c->real ? H5T_IEEE_F64LE : H5T_STD_I64LE, rows);
  hsize_t extent = rows;
  uint16_t *code = allocate(rows, sizeof *code);
  for (size_t i = 0; names >= 0 && i < rows; i++)
    code[i] = (uint16_t)c->whole[i];
  bool ok = dataset >= 0 && put_attribute(dataset, "unit", c->unit) && put_attribute(dataset, "description", c->doc)
            && H5Dset_extent(dataset, &extent) >= 0
            && (!rows || H5Dwrite(dataset, names >= 0 ? names : c->real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, H5S_ALL, H5S_ALL,
                                  H5P_DEFAULT, names >= 0 ? (const void *)code : c->real ? (const void *)c->real
                                                                                          : (const void *)c->whole) >= 0);
  free(code);
  if (names >= 0)
    H5Tclose(names);
  return (dataset < 0 || H5Dclose(dataset) >= 0) && ok;
}

static bool write_plain_table(hid_t file, const struct plain_table *t)
{
  hid_t group = make_group(file, t->group);
  bool ok = group >= 0;
  for (int i = 0; i < t->n && ok; i++)
    ok = write_plain(group, &t->column[i], t->rows);
  return (group < 0 || H5Gclose(group) >= 0) && ok;
}

static bool plain_is_whole(const char *path, const struct plain_table *table, int n, struct err *err)
{
  struct trace_reader *r = trace_open(path, err);
  const char *const *names;
  bool ok = r != NULL;
  for (int i = 0; i < n && ok; i++) {
    ok = trace_columns(r, table[i].group, &names) == (size_t)table[i].n && trace_rows(r, table[i].group) == table[i].rows;
    if (!ok)
      err_system(err, "%s: /%s is not what was written", path, table[i].group);
  }
  trace_close(r);
  return ok;
}

bool tables_write(const char *path, const struct plain_table *table, int n, const char *about, struct err *err)
{
  char *part = join(path, ".part"), reason[REASON_BYTES] = "";
  listen_to_hdf5(reason);
  hid_t file = create_file(part);
  bool ok = file >= 0 && put_format(file) && put_attribute(file, "about", about);
  for (int i = 0; i < n && ok; i++)
    ok = write_plain_table(file, &table[i]);
  if (file >= 0 && H5Fclose(file) < 0)
    ok = false;
  listen_to_hdf5(NULL);
  ok = ok || err_system(err, "cannot write %s: %s", part, reason);
  ok = ok && plain_is_whole(part, table, n, err);
  if (ok && (!sync_path(part, O_RDWR) || rename(part, path) != 0 || !sync_folder_of(path)))
    ok = err_system(err, "cannot write %s: %s", path, strerror(errno));
  if (!ok)
    unlink(part);
  free(part);
  return ok;
}

void trace_library(char *out, size_t size)
{
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  snprintf(out, size, "HDF5 %u.%u.%u, libdeflate %s", major, minor, release, LIBDEFLATE_VERSION_STRING);
}
