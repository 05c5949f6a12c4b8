#include "experiments/replications.h"
#include "experiments/worker.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool read_count(const char *text, char **end, uint64_t *out)
{
  errno = 0;
  *out = strtoull(text, end, 10);
  return *end != text && *text >= '0' && *text <= '9' && errno == 0 && *out < PILOT_REPLICATION;
}

bool replications_parse(const char *option, const char *text, struct replications *out, struct err *err)
{
  const struct where nowhere = {0};
  uint64_t a = 0, b = 0;
  char *end;
  bool ok = read_count(text, &end, &a);
  bool range = ok && strncmp(end, "..", 2) == 0;
  if (range)
    ok = read_count(end + 2, &end, &b) && a <= b;
  if (!ok || *end || (!range && a == 0))
    return err_add(err, nowhere, "%s needs a number from 1, or A..B with A <= B, not '%.64s'", option, text);
  *out = (struct replications){range ? a : 0, range ? b : a - 1};
  return out->to - out->from < MAX_REPLICATIONS || err_add(err, nowhere, "%s: at most %d", option, MAX_REPLICATIONS);
}
