/* file_rig.h: a file, an arena and a list of problems for each test of a reader. */
#ifndef OFFSIM_TESTS_FILE_RIG_H
#define OFFSIM_TESTS_FILE_RIG_H

#include "sim/arena.h"
#include "tests/unit/unit.h"

#include <unistd.h>

struct fixture { char path[64]; struct arena *arena; struct err err; };

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  strcpy(f->path, "/tmp/offsim-file-XXXXXX");
  close(mkstemp(f->path));
  f->arena = arena_new();
  err_init(&f->err);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  unlink(f->path);
  err_release(&f->err);
  arena_free(f->arena);
  free(f);
  return 0;
}

static void fixture_write(const struct fixture *f, const char *text)
{
  FILE *out = fopen(f->path, "w");
  fputs(text, out);
  fclose(out);
}

#endif
