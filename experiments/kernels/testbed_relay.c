/* testbed_relay.c: `offsim-kernels relay`: between client and server, lets each message wait as long as a link would take.
 *
 * A message that comes at time t leaves at t + what its body takes at the link's rate from t on + latency(t), as on the
 * simulator's link of kind `fixed`: messages do not hold each other up, and one sent later at a lower latency overtakes.
 * The link's file (testbed_link.h) has series, each of a length of its own, that begin anew at their end. Time 0 is the
 * client's.
 */
#include "experiments/kernels/commands.h"
#include "experiments/kernels/testbed.h"
#include "experiments/kernels/testbed_link.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct message { int64_t due_ns; bool up; struct testbed_head head; char *body; };
struct relay {
  double port, core, limit_s;
  const char *file;
  struct testbed_link link;
  size_t n, capacity;
  struct message *waiting;                              /* a heap, the earliest first */
  int client, server;
  char *body;
};

/* ---- messages that wait --------------------------------------------------------------------------------------------- */

static void swap(struct message *a, struct message *b)
{
  struct message m = *a;
  *a = *b;
  *b = m;
}

static bool hold(struct relay *r, const struct message *m)
{
  if (r->n == r->capacity) {
    r->capacity = r->capacity ? 2 * r->capacity : 256;
    r->waiting = realloc(r->waiting, r->capacity * sizeof *r->waiting);
    if (!r->waiting)
      return false;
  }
  size_t i = r->n++;
  r->waiting[i] = *m;
  for (; i > 0 && r->waiting[i].due_ns < r->waiting[(i - 1) / 2].due_ns; i = (i - 1) / 2)
    swap(&r->waiting[i], &r->waiting[(i - 1) / 2]);
  return true;
}

static struct message let_go(struct relay *r)
{
  struct message first = r->waiting[0];
  r->waiting[0] = r->waiting[--r->n];
  for (size_t i = 0, k; (k = 2 * i + 1) < r->n; i = k) {
    k += k + 1 < r->n && r->waiting[k + 1].due_ns < r->waiting[k].due_ns;
    if (r->waiting[i].due_ns <= r->waiting[k].due_ns)
      break;
    swap(&r->waiting[i], &r->waiting[k]);
  }
  return first;
}

static bool take_in(struct relay *r, bool up)
{
  struct message m = {.up = up};
  int got = testbed_read(up ? r->client : r->server, &m.head, r->body, false);
  if (got <= 0)
    return got == 0;
  int64_t now = testbed_now_ns();
  double t = (double)(now - m.head.start_ns) * 1e-9;
  m.due_ns = now + (int64_t)(testbed_link_takes(&r->link, t, m.head.bytes, !up) * 1e9);
  m.head.at_ns[up ? AT_UP_IN : AT_DOWN_IN] = now;
  m.head.at_ns[up ? AT_UP_DUE : AT_DOWN_DUE] = m.due_ns;
  m.body = malloc(m.head.bytes + 1);
  if (!m.body)
    return false;
  memcpy(m.body, r->body, m.head.bytes);
  return hold(r, &m);
}

static bool send_due(struct relay *r)
{
  bool good = true;
  while (good && r->n > 0 && r->waiting[0].due_ns <= testbed_now_ns()) {
    struct message m = let_go(r);
    m.head.at_ns[m.up ? AT_UP_OUT : AT_DOWN_OUT] = testbed_now_ns();
    good = testbed_write(m.up ? r->server : r->client, &m.head, m.body);
    free(m.body);
  }
  return good;
}

/* Until the client goes (true) or the server does. */
static bool pass_on(struct relay *r)
{
  struct pollfd p[2] = {{.fd = r->client, .events = POLLIN}, {.fd = r->server, .events = POLLIN}};
  for (;;) {
    int64_t left = r->n ? r->waiting[0].due_ns - testbed_now_ns() : 0;
    left = left < 0 ? 0 : left;
    struct timespec t = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
    ppoll(p, 2, r->n ? &t : NULL, NULL);
    if (!send_due(r) || (p[0].revents && !take_in(r, true)))
      return true;
    if ((p[1].revents && !take_in(r, false)) || !send_due(r))
      return false;
  }
}

/* One client after the other, until the server goes. What an ended client still has under way is dropped. */
static bool serve_clients(struct relay *r, int listening)
{
  for (bool server = true; server;) {
    r->client = testbed_accept(listening);
    server = r->client >= 0 && pass_on(r);
    while (r->n)
      free(let_go(r).body);
    if (r->client >= 0)
      close(r->client);
  }
  return r->client >= 0;
}

static bool read_arguments(struct relay *r, int argc, char **argv)
{
  const struct testbed_option known[] = {
    {"--port", TESTBED_NUMBER, &r->port}, {"--link", TESTBED_TEXT, &r->file}, {"--core", TESTBED_NUMBER, &r->core},
    {"--time-limit", TESTBED_NUMBER, &r->limit_s}};
  if (!testbed_options("relay", argc, argv, known, sizeof known / sizeof *known))
    return false;
  if (r->port >= 1 && r->port <= 65535)
    return true;
  fputs("usage: offsim-kernels relay --port OF-THE-SERVER [--link FILE] [--core C] [--time-limit S]\n", stderr);
  return false;
}

int kernels_relay(int argc, char **argv)
{
  struct relay r = {.core = -1, .limit_s = 600};
  if (!read_arguments(&r, argc, argv))
    return 2;
  if (!testbed_settle("relay", r.core, r.limit_s, true) || (r.file && !testbed_link_read(&r.link, r.file)))
    return 3;
  r.body = malloc(TESTBED_BODY);
  r.server = r.body ? testbed_connect((int)r.port) : -1;
  int listening = r.server < 0 ? -1 : testbed_listen("relay");
  bool good = listening >= 0 && serve_clients(&r, listening);
  free(r.body), free(r.waiting), testbed_link_free(&r.link);
  return good ? 0 : 3;
}
