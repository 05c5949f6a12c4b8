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

enum { CHUNK_ROWS = 65536, BLOCK_ROWS = 256 };

enum column_type { COLUMN_U8, COLUMN_U16, COLUMN_U32, COLUMN_U64, COLUMN_I64, COLUMN_F64 };
/* Whose names the codes of a column are. */
enum column_names { NAMES_NONE, NAMES_CLASS, NAMES_PLACE, NAMES_ZONE, NAMES_LINK, NAMES_TASK, NAMES_VARIANT, NAMES_STATUS,
                    NAMES_KIND, N_NAMES };

/* One column as a table of constants describes it: where its value lies in a row of the table. */
struct column_def {
  const char *name, *unit, *doc;
  enum column_type type;
  enum column_names names;
  size_t offset;
};

size_t column_width(enum column_type);
/* Write `rows` values (rounded up to 8; the block must be that long) of `width` bytes from src, `stride` bytes apart, to
 * the planes: byte b of row i goes to plane[b * CHUNK_ROWS + i]. */
void column_planes(uint8_t *plane, size_t width, const uint8_t *src, size_t stride, size_t rows);
/* Move the planes together: from CHUNK_ROWS apart to `rows` apart. */
void column_compact(uint8_t *plane, size_t width, size_t rows);

/* What deflate can do for one plane, from a sample at fixed positions. */
enum plane_kind { PLANE_CONSTANT, PLANE_COMPRESSIBLE, PLANE_NOISE };
enum plane_kind plane_probe(const uint8_t *plane, size_t rows);

#endif
