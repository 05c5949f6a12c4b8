/* column.h: from records in memory to the byte planes of a chunk.
 *
 * HDF5's shuffle filter stores the first byte of every value, then the second, ...: planes. Records are turned into
 * planes directly, a small block of rows at a time, so that no second pass over the data is needed. Little-endian.
 */
#ifndef OFFSIM_ANALYSIS_STORE_COLUMN_H
#define OFFSIM_ANALYSIS_STORE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Planes lie a little more than a chunk apart: a power of two would put all of them into one set of the caches. */
enum { CHUNK_ROWS = 65536, BLOCK_ROWS = 256, PLANE_STRIDE = CHUNK_ROWS + 320 };

enum column_type { COLUMN_U8, COLUMN_U16, COLUMN_U32, COLUMN_U64, COLUMN_I64, COLUMN_F64 };
/* Whose names the codes of a column are. */
enum column_names { NAMES_NONE, NAMES_CLASS, NAMES_PLACE, NAMES_ZONE, NAMES_LINK, NAMES_TASK, NAMES_VARIANT,
                    NAMES_STATUS, NAMES_KIND, N_NAMES };

/* One column as a table of constants describes it: where its value lies in a row of the table. */
struct column_def {
  const char *name, *unit, *doc;
  enum column_type type;
  enum column_names names;
  size_t offset;
};

size_t column_width(enum column_type);
/* Of most columns only some bytes ever change. `varies` has bit b where byte b of some row differs from the first row's;
 * planes of the others are not written. A column's values are looked at as integers. */
uint64_t column_value(const uint8_t *src, size_t width);
/* A part of the rows of a table: bytes of `found` that are not 0 are those that differ, in some of the rows, from those
 * of `first`. All columns of the part at once, which is several times cheaper than one after the other. */
enum { PART_BYTES = 32 };
void part_differs(uint8_t found[PART_BYTES], const uint8_t *first, const uint8_t *row, size_t stride, size_t rows);
/* The same for a column that lies by itself. */
uint64_t column_differs(uint64_t first, const double *value, size_t rows);
unsigned bytes_set(uint64_t x, size_t width);           /* bit b: byte b is not 0 */
/* Write `rows` values (a multiple of 16; of `width` bytes from src, `stride` bytes apart) to the planes that vary: byte
 * b of row i goes to plane[b * PLANE_STRIDE + i]. */
void column_planes(uint8_t *plane, size_t width, unsigned varies, const uint8_t *src, size_t stride, size_t rows);
/* What a plane looks like, from a sample at fixed positions: long runs of one byte, few different bytes, or noise.
 * rows >= PROBE_ROWS. */
enum { PROBE_ROWS = 512 };
enum plane_kind { PLANE_RUNS, PLANE_LOW, PLANE_NOISE };
enum plane_kind plane_probe(const uint8_t *plane, size_t rows);

/* Three ways to write deflate blocks (RFC 1951) that cost little and end on a whole byte, so that they can be strung
 * together: runs with the fixed code, bytes with a code of their own, and bytes as they are. `last`: the final block of
 * the stream. They return the end of the output; it grows by an eighth and 16 bytes, by 1 in 256 and 168 bytes, or by
 * 5 bytes for every 65 535, at most. put_coded may touch 8 bytes beyond its end. n > 0. */
uint8_t *put_runs(uint8_t *out, const uint8_t *, size_t n, bool last);
uint8_t *put_one_run(uint8_t *out, uint8_t value, size_t n, bool last);
uint8_t *put_coded(uint8_t *out, const uint8_t *, size_t n, bool last);
uint8_t *put_stored(uint8_t *out, const uint8_t *, size_t n, bool last);

#endif
