/* gsl_face.h: a stream of ours that GSL's samplers can draw from. */
#ifndef OFFSIM_SIM_GSL_FACE_H
#define OFFSIM_SIM_GSL_FACE_H

#include "sim/rng.h"

#include <gsl/gsl_rng.h>

/* GSL's words are our rng_u64, its uniforms our rng_uniform: both faces of one stream give the same numbers. The
 * generator owns a copy of the stream; free it with gsl_rng_free. gsl_rng_set(g, s) turns to another stream of seed s. */
gsl_rng *gsl_face_new(struct rng stream);
extern const gsl_rng_type *const gsl_face_type;

#endif
