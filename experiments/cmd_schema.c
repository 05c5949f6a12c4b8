/* cmd_schema.c: `offsim schema`: the JSON Schema of scenario files, so that editors complete and check keys. */
#include "experiments/commands.h"
#include "scenarios/schema.h"
#include "sim/json.h"

#include <stdio.h>
#include <stdlib.h>

int cmd_schema(int argc, char **argv)
{
  if (argc > 1) {
    fprintf(stderr, "schema: takes no arguments, found '%s'\n", argv[1]);
    return EXIT_USER;
  }
  json *schema = schema_json();
  char *text = json_write(schema, true);
  bool ok = puts(text) >= 0 && !fflush(stdout);
  free(text);
  json_release(schema);
  if (!ok)
    fprintf(stderr, "schema: cannot write the output\n");
  return ok ? EXIT_OK : EXIT_SYSTEM;
}
