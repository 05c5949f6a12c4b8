/* cmd_export.c: `offsim export DIR`: all metrics of all runs as text, one value a line. */
#include "analysis/store/catalog.h"
#include "experiments/commands.h"
#include "sim/json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct options { const char *dir; bool jsonl, help; struct catalog *catalog; };

static bool read_options(struct options *o, int argc, char **argv, struct err *err)
{
  static const char *const names[] = {"--csv", "--jsonl", "--help"};
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0)
      o->help = true;
    else if (strcmp(argv[i], "--jsonl") == 0 || strcmp(argv[i], "--csv") == 0)
      o->jsonl = argv[i][2] == 'j';
    else if (argv[i][0] == '-') {
      const char *near = nearest(argv[i], names, 3);
      err_add(err, (struct where){0}, "export: unknown option '%s'%s%s%s", argv[i], near ? "; did you mean '" : "",
              near ? near : "", near ? "'?" : "");
    } else if (o->dir)
      err_add(err, (struct where){0}, "export takes one results folder; '%s' is a second one", argv[i]);
    else
      o->dir = argv[i];
  }
  if (!o->dir && !o->help)
    err_add(err, (struct where){0}, "export needs a results folder");
  return !err_any(err);
}

/* RFC 4180: quotes around what has a comma, a quote or a line break; a quote inside is doubled. */
static void print_field(const char *text)
{
  if (!strpbrk(text, ",\"\r\n")) {
    fputs(text, stdout);
    return;
  }
  putchar('"');
  for (; *text; text++) {
    if (*text == '"')
      putchar('"');
    putchar(*text);
  }
  putchar('"');
}

static const char *state_name(const struct catalog_run *r) { return r->state == RUN_DONE ? "done" : "failed"; }

static void print_csv(const struct catalog_run *r, const struct catalog_metric *m, const char *factors)
{
  const char *const field[] = {r->id, r->study, r->policy, r->kind, state_name(r)};
  for (int i = 0; i < 5; i++) {
    print_field(field[i]);
    putchar(',');
  }
  printf("%llu,%llu,%llu,", (unsigned long long)r->point, (unsigned long long)r->replication,
         (unsigned long long)r->seed);
  print_field(m->metric), putchar(',');
  print_field(m->klass), putchar(',');
  print_field(m->place), putchar(',');
  if (!isnan(m->value))
    printf("%.17g", m->value);
  putchar(',');
  print_field(factors);
  putchar('\n');
}

static void print_json(const struct catalog_run *r, const struct catalog_metric *m, const char *factors)
{
  json *j = json_new_object();
  json_put_string(j, "run", r->id);
  json_put_string(j, "study", r->study);
  json_put_string(j, "policy", r->policy);
  json_put_string(j, "kind", r->kind);
  json_put_string(j, "state", state_name(r));
  json_put_int(j, "point", (int64_t)r->point);
  json_put_int(j, "replication", (int64_t)r->replication);
  json_put_int(j, "seed", (int64_t)r->seed);
  json_put_string(j, "metric", m->metric);
  json_put_string(j, "class", m->klass);
  json_put_string(j, "place", m->place);
  json_put_number(j, "value", m->value);
  struct err unsaid;
  err_init(&unsaid);
  json *parsed = json_parse(factors, strlen(factors), &unsaid);
  json_put(j, "factors", parsed ? parsed : json_new_object());
  err_release(&unsaid);
  char *text = json_write(j, false);
  puts(text);
  free(text);
  json_release(j);
}

static bool print_run(void *context, const struct catalog_run *r)
{
  const struct options *o = context;
  const char *factors = catalog_point_json(o->catalog, r->point);
  for (size_t i = 0; i < r->n_metrics; i++)
    (o->jsonl ? print_json : print_csv)(r, &r->metric[i], factors ? factors : "{}");
  return !ferror(stdout);
}

int cmd_export(int argc, char **argv)
{
  struct options o = {0};
  struct err err;
  err_init(&err);
  if (read_options(&o, argc, argv, &err) && o.help)
    puts("usage: offsim export DIR [--csv|--jsonl]\n\nEvery metric of every run: one value a line, full precision."
         " An empty field, or null, is a value that\ndoes not exist. Records of single requests: traces/ID.h5.");
  struct catalog *c = o.catalog = !o.help && !err_any(&err) ? catalog_open(o.dir, CATALOG_READ, &err) : NULL;
  if (c && !o.jsonl)
    puts("run,study,policy,kind,state,point,replication,seed,metric,class,place,value,factors");
  if (c && !catalog_runs(c, true, print_run, &o, &err))
    err_system(&err, "export of %s is not complete", o.dir);
  catalog_close(c);
  err_say(&err);
  int code = err.code;
  err_release(&err);
  return code;
}
