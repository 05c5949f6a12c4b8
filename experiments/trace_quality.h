/* trace_quality.h: `offsim trace FILE --quality`: outcomes of two models by query, as a joint table by subject. */
#ifndef OFFSIM_TRACE_QUALITY_H
#define OFFSIM_TRACE_QUALITY_H

#include "models/defs.h"
#include "models/outcomes.h"

struct quality_request {
  const char *path, *asked, *out, *name, *weak, *strong;
  bool json;
  int n_columns; const struct trace_column_def *column; /* attribute: what it holds */
  struct outcomes_source source;
};
/* Prints the table's figures by set, and writes the preset where `out` is given. False after adding to err. */
bool trace_quality(const struct quality_request *, struct arena *, struct err *) MUST_USE;

#endif
