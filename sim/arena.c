/* arena.c: blocks that double, freed together. */
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/zeros.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, FIRST_BLOCK = 16 << 10, LARGEST_BLOCK = 4 << 20 };

struct block { struct block *previous; size_t size, used; };
struct arena { struct block *block; size_t total; };

static size_t round_up(size_t bytes)
{
  return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static char *block_memory(struct block *b)
{
  return (char *)b + round_up(sizeof *b);
}

struct arena *arena_new(void)
{
  return zeros_new(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
  if (!a)
    return;
  for (struct block *b = a->block; b;) {
    struct block *previous = b->previous;
    free(b);
    b = previous;
  }
  free(a);
}

static void add_block(struct arena *a, size_t wanted)
{
  size_t size = a->block ? 2 * a->block->size : FIRST_BLOCK;
  if (size > LARGEST_BLOCK)
    size = LARGEST_BLOCK;
  if (size < wanted)
    size = wanted;
  struct block *b = calloc(1, round_up(sizeof *b) + size);
  if (!b)
    check_out_of_memory(size);
  *b = (struct block){.previous = a->block, .size = size};
  a->block = b;
  a->total += size;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
  if (bytes > SIZE_MAX / 2)             /* a product that wrapped around */
    check_out_of_memory(bytes);
  bytes = round_up(bytes ? bytes : 1);
  if (!a->block || a->block->size - a->block->used < bytes)
    add_block(a, bytes);
  void *memory = block_memory(a->block) + a->block->used;
  a->block->used += bytes;
  return memory;
}

char *arena_strdup(struct arena *a, const char *text)
{
  size_t n = strlen(text) + 1;
  return memcpy(arena_alloc(a, n), text, n);
}

char *arena_printf(struct arena *a, const char *format, ...)
{
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int n = vsnprintf(NULL, 0, format, arguments);
  sim_assert(n >= 0);
  char *text = arena_alloc(a, (size_t)n + 1);
  vsnprintf(text, (size_t)n + 1, format, again);
  va_end(again);
  va_end(arguments);
  return text;
}

size_t arena_bytes(const struct arena *a)
{
  return a->total;
}
