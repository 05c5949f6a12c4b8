/* testbed_client.c: `offsim-kernels client`: sends planned requests through the relay and keeps the record of each.
 *
 * Open loop: request k leaves at its planned instant even when earlier ones are not answered, and its latency counts from
 * that instant, so that a slow server cannot slow down its own test (coordinated omission). With --closed yes the plan's
 * times are pauses: each request leaves that long after the answer to the one before.
 */
#include "experiments/kernels/commands.h"
#include "experiments/kernels/testbed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAD_NS = 20000000, LINE = 256 };

struct request { double at_s; uint32_t shape, bytes; };
struct client {
  const char *plan, *records, *closed;
  double port, core, limit_s, patience_s;
  size_t n, sent, received, capacity;
  struct request *request;
  struct testbed_head *answer;
  int64_t start_ns, next_ns;
  char *body;
};

static bool add_request(struct client *c, const char *line)
{
  struct request r = {0};
  long shape;
  unsigned bytes;
  if (sscanf(line, "%lf,%ld,%u", &r.at_s, &shape, &bytes) != 3 || r.at_s < 0 || shape < -2 || bytes > TESTBED_BODY)
    return false;
  r.shape = (uint32_t)shape;                            /* -1: TESTBED_EMPTY, -2: TESTBED_CALIBRATE */
  r.bytes = bytes;
  if (c->n == c->capacity) {
    c->capacity = c->capacity ? 2 * c->capacity : 1024;
    c->request = realloc(c->request, c->capacity * sizeof *c->request);
    if (!c->request)
      return false;
  }
  c->request[c->n++] = r;
  return true;
}

/* at_s,shape,bytes after one line of names; shape -1: an empty request, -2: a calibration. */
static bool read_plan(struct client *c)
{
  char line[LINE];
  FILE *f = fopen(c->plan, "r");
  bool good = f && fgets(line, sizeof line, f);
  while (good && fgets(line, sizeof line, f))
    good = add_request(c, line);
  if (f)
    fclose(f);
  if (!good || c->n == 0)
    fprintf(stderr, "client: %s: line %zu cannot be read\n", c->plan, c->n + 2);
  return good && c->n > 0;
}

static int64_t planned_ns(const struct client *c, size_t k, int64_t from_ns)
{
  return from_ns + (int64_t)(c->request[k].at_s * 1e9);
}

static bool send_next(struct client *c, int fd)
{
  const struct request *r = &c->request[c->sent];
  struct testbed_head h = {.magic = TESTBED_MAGIC, .id = (uint32_t)c->sent, .shape = r->shape, .bytes = r->bytes, .start_ns = c->start_ns};
  h.at_ns[AT_PLANNED] = c->next_ns;
  h.at_ns[AT_SENT] = testbed_now_ns();
  c->sent++;
  c->next_ns = c->sent == c->n || c->closed ? INT64_MAX : planned_ns(c, c->sent, c->start_ns);
  return testbed_write(fd, &h, c->body);
}

static bool take_answer(struct client *c, int fd)
{
  struct testbed_head h;
  int got = testbed_read(fd, &h, c->body, false);
  if (got <= 0)
    return got == 0;
  h.at_ns[AT_RECEIVED] = testbed_now_ns();
  if (h.id >= c->n)
    return false;
  c->answer[h.id] = h;
  c->received++;
  if (c->closed && c->sent < c->n)
    c->next_ns = planned_ns(c, c->sent, h.at_ns[AT_RECEIVED]);
  return true;
}

/* The relay may be lost: nobody waits longer than patience_s for an answer. */
static bool replay(struct client *c, int fd)
{
  c->start_ns = testbed_now_ns() + LEAD_NS;
  c->next_ns = planned_ns(c, 0, c->start_ns);
  int64_t heard_ns = c->start_ns;
  while (c->received < c->n) {
    int64_t end_ns = heard_ns + (int64_t)(c->patience_s * 1e9), until_ns = c->next_ns < end_ns ? c->next_ns : end_ns;
    bool readable = testbed_wait(fd, until_ns);
    int64_t now = testbed_now_ns();
    if (readable && !take_answer(c, fd))
      return false;
    heard_ns = readable || c->sent == c->received ? now : heard_ns;
    while (c->next_ns <= now)
      if (!send_next(c, fd))
        return false;
    if (now > end_ns && c->sent > c->received)
      return false;
  }
  return true;
}

static bool write_records(const struct client *c)
{
  FILE *f = fopen(c->records, "w");
  if (!f)
    return false;
  fputs("id,shape,batch,cold,cpu_s,spent_s,planned_s,sent_s,up_in_s,up_due_s,up_out_s,serve_s,served_s,down_in_s,down_due_s,"
        "down_out_s,received_s\n", f);
  for (size_t i = 0; i < c->n; i++) {
    const struct testbed_head *h = &c->answer[i];
    fprintf(f, "%zu,%d,%u,%u,%.9f,%.9f", i, (int)h->shape, h->batch, h->cold, (double)h->cpu_ns * 1e-9,
            (double)h->spent_ns * 1e-9);
    for (int k = 0; k < TESTBED_INSTANTS; k++)
      fprintf(f, ",%.9f", (double)(h->at_ns[k] - c->start_ns) * 1e-9);
    fputc('\n', f);
  }
  bool good = !ferror(f);
  return !fclose(f) && good;
}

static bool read_arguments(struct client *c, int argc, char **argv)
{
  const struct testbed_option known[] = {
    {"--port", TESTBED_NUMBER, &c->port}, {"--plan", TESTBED_TEXT, &c->plan}, {"--records", TESTBED_TEXT, &c->records},
    {"--core", TESTBED_NUMBER, &c->core}, {"--time-limit", TESTBED_NUMBER, &c->limit_s}, {"--closed", TESTBED_TEXT, &c->closed},
    {"--patience", TESTBED_NUMBER, &c->patience_s}};
  if (!testbed_options("client", argc, argv, known, sizeof known / sizeof *known))
    return false;
  if (c->plan && c->records && c->port >= 1 && c->port <= 65535 && c->patience_s > 0)
    return true;
  fputs("usage: offsim-kernels client --port P --plan FILE --records FILE [--core C] [--closed yes] [--patience S] [--time-limit S]\n",
        stderr);
  return false;
}

static int run_client(struct client *c)
{
  if (!testbed_settle("client", c->core, c->limit_s, true) || !read_plan(c))
    return 3;
  c->answer = calloc(c->n, sizeof *c->answer);
  c->body = calloc(1, TESTBED_BODY);
  int fd = c->answer && c->body ? testbed_connect((int)c->port) : -1;
  if (fd < 0)
    return 3;
  bool good = replay(c, fd);
  if (!good)
    fprintf(stderr, "client: %zu of %zu requests were answered when the system failed\n", c->received, c->n);
  close(fd);
  return good && write_records(c) ? 0 : 3;
}

int kernels_client(int argc, char **argv)
{
  struct client c = {.core = -1, .limit_s = 600, .patience_s = 10};
  if (!read_arguments(&c, argc, argv))
    return 2;
  int code = run_client(&c);
  free(c.request), free(c.answer), free(c.body);
  return code;
}
