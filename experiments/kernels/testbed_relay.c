/* testbed_relay.c: `offsim-kernels relay`: between client and server, lets each message wait as long as a link would take.
 *
 * A message that comes at time t leaves at t + latency(t) + what its body takes at the link's rate from then on. Messages
 * do not hold each other up, and one sent later at a lower latency overtakes, as on the simulator's link of kind `fixed`.
 * The link's file has lines from_s,latency_s,rate_Bps (rate 0: unlimited) in order of time after one line of names; it
 * begins anew at its end, which is a line with latency -1. Time 0 is the client's.
 */
#include "experiments/kernels/commands.h"
#include "experiments/kernels/testbed.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 256 };

struct piece { double from_s, latency_s, rate_Bps; };
struct link { size_t n, capacity; struct piece *piece; double length_s; };
struct message { int64_t due_ns; bool up; struct testbed_head head; char *body; };
struct relay {
  double port, core, limit_s;
  const char *file;
  struct link link;
  size_t n, capacity;
  struct message *waiting;                              /* a heap, the earliest first */
  int client, server;
  char *body;
};

/* ---- the link ------------------------------------------------------------------------------------------------------- */

static bool add_piece(struct link *l, const struct piece *p)
{
  if (l->n == l->capacity) {
    l->capacity = l->capacity ? 2 * l->capacity : 1024;
    l->piece = realloc(l->piece, l->capacity * sizeof *l->piece);
    if (!l->piece)
      return false;
  }
  l->piece[l->n++] = *p;
  return true;
}

static bool read_link(struct link *l, const char *file)
{
  char line[LINE];
  struct piece p;
  FILE *f = fopen(file, "r");
  bool good = f && fgets(line, sizeof line, f);
  while (good && l->length_s == 0 && fgets(line, sizeof line, f)) {
    good = sscanf(line, "%lf,%lf,%lf", &p.from_s, &p.latency_s, &p.rate_Bps) == 3;
    good = good && p.from_s >= (l->n ? l->piece[l->n - 1].from_s : 0);
    if (good && p.latency_s < 0)
      l->length_s = p.from_s;
    else
      good = good && add_piece(l, &p);
  }
  if (f)
    fclose(f);
  good = good && l->n > 0 && l->length_s > 0 && l->piece[0].from_s == 0;
  if (!good)
    fprintf(stderr, "relay: %s: line %zu cannot be read\n", file, l->n + 2);
  return good;
}

/* The piece that holds at t, which is in [0, length). */
static size_t piece_at(const struct link *l, double t)
{
  size_t low = 0, high = l->n;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    *(l->piece[middle].from_s <= t ? &low : &high) = middle;
  }
  return low;
}

/* Seconds that a message of so many bytes takes from second t on. */
static double link_takes(const struct link *l, double t, double bytes)
{
  if (l->n == 0)
    return 0;
  double at = fmod(fmax(t, 0), l->length_s);
  double took = l->piece[piece_at(l, at)].latency_s;
  for (at = fmod(at + took, l->length_s); bytes > 0;) {
    size_t k = piece_at(l, at);
    double end = k + 1 < l->n ? l->piece[k + 1].from_s : l->length_s, rate = l->piece[k].rate_Bps;
    if (rate == 0 || rate * (end - at) >= bytes)
      return took + (rate > 0 ? bytes / rate : 0);
    took += end - at;
    bytes -= rate * (end - at);
    at = end >= l->length_s ? 0 : end;
  }
  return took;
}

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
  m.due_ns = now + (int64_t)(link_takes(&r->link, t, m.head.bytes) * 1e9);
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
  if (!testbed_settle("relay", r.core, r.limit_s, true) || (r.file && !read_link(&r.link, r.file)))
    return 3;
  r.body = malloc(TESTBED_BODY);
  r.server = r.body ? testbed_connect((int)r.port) : -1;
  int listening = r.server < 0 ? -1 : testbed_listen("relay");
  bool good = listening >= 0 && serve_clients(&r, listening);
  free(r.body), free(r.waiting), free(r.link.piece);
  return good ? 0 : 3;
}
