/* gsl_face.c: struct rng as a gsl_rng_type. */
#include "sim/gsl_face.h"
#include "sim/check.h"

static void face_set(void *state, unsigned long seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  *(struct rng *)state = rng_open(&root, rng_name("gsl"), 0, 0);
}

static unsigned long face_get(void *state)
{
  return rng_u64(state);
}

static double face_get_double(void *state)
{
  return rng_uniform(state);
}

static const gsl_rng_type face = {.name = "philox4x64-10", .max = UINT64_MAX, .min = 0, .size = sizeof(struct rng),
                                  .set = face_set, .get = face_get, .get_double = face_get_double};
const gsl_rng_type *const gsl_face_type = &face;

gsl_rng *gsl_face_new(struct rng stream)
{
  gsl_rng *g = gsl_rng_alloc(&face);
  if (!g)
    check_out_of_memory(sizeof stream);
  *(struct rng *)g->state = stream;
  return g;
}
