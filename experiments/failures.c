#include "experiments/failures.h"
#include "sim/check.h"
#include <stdlib.h>
#include <string.h>

char *failure_line(const char *message)
{
  static const char prefix[] = "error: ";
  if (strncmp(message, prefix, sizeof prefix - 1) == 0)
    message += sizeof prefix - 1;
  char *line = strndup(message, strcspn(message, "\n"));
  if (!line)
    check_out_of_memory(strlen(message));
  return line;
}

static void print_one(void *to, const char *policy, uint64_t runs, const char *run, const char *message)
{
  (void)run;
  char *line = failure_line(message);
  fprintf(to, "failed: %s, %llu run%s: %s\n", policy, (unsigned long long)runs, runs == 1 ? "" : "s", line);
  free(line);
}

bool failures_print(struct catalog *c, FILE *f, struct err *err)
{
  return catalog_failures(c, print_one, f, err);
}

static void add_one(void *list, const char *policy, uint64_t runs, const char *run, const char *message)
{
  char *line = failure_line(message);
  json *o = json_put_string(json_new_object(), "policy", policy);
  json_put_int(o, "runs", (int64_t)runs);
  json_put_string(o, "first", run);
  json_push(list, json_put_string(o, "message", line));
  free(line);
}

json *failures_json(struct catalog *c, struct err *err)
{
  json *list = json_new_array();
  if (catalog_failures(c, add_one, list, err))
    return list;
  json_release(list);
  return NULL;
}
