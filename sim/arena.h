/* arena.h: memory that is built once and dropped as a whole, and pools of things that come and go. */
#ifndef OFFSIM_SIM_ARENA_H
#define OFFSIM_SIM_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* Grows by blocks, frees all at once. Memory is zeroed, aligned to 16. Out of memory ends the program with 3. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *);
void *arena_alloc(struct arena *, size_t bytes);
char *arena_strdup(struct arena *, const char *);
char *arena_printf(struct arena *, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define arena_array(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))
size_t arena_bytes(const struct arena *);

/* Fixed-size items, aligned to 8. pool_take gives zeroed memory; pool_give returns it; a handle (index and generation)
 * finds an item as long as it lives and NULL afterwards. Addresses never move. */
struct pool;
typedef struct { uint32_t index, generation; } pool_id;       /* generation 0 = none */
struct pool *pool_new(size_t item_bytes);
void pool_free(struct pool *);
void *pool_take(struct pool *);
void pool_give(struct pool *, void *item);
pool_id pool_handle(const struct pool *, const void *item);
void *pool_find(const struct pool *, pool_id);
size_t pool_live(const struct pool *);
/* Visit the items that are taken: *cursor starts at 0; NULL at the end. Giving back the item just visited is fine. */
void *pool_each(const struct pool *, size_t *cursor);

#endif
