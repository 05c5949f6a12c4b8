/* Connections in numbers. Equations, sources and a checkable number: models/transport.h. */
#include "models/transport.h"
#include <math.h>

const double transport_first_window = 10 * 1460;
static const double QUIC_DATAGRAM = 1200;               /* the least of an Initial packet, RFC 9000 14.1 */
static const double DNS_BYTES[2] = {64, 128};           /* one name, one address */

/* Bytes from the client and from the server, round trips after TCP's own; seconds of one core. */
struct handshake { double bytes[2]; unsigned round_trips; double client_s, server_s; };

/* ECDSA: a signature takes 21.6 us; RSA-2048: 305 us; X25519 30 us, twice. A client's whole connection: 0.6 ms, resumed
 * 0.085 ms; with TLS 1.3, which exchanges keys all the same, 60 us more. */
static struct handshake handshake_of(const struct transport_def *d, bool resumed)
{
  bool rsa = d->certificate == CERTIFICATE_RSA, old = d->protocol == TRANSPORT_TLS12;
  if (d->protocol == TRANSPORT_TCP) return (struct handshake){{0}, 0, 0, 0};
  struct handshake h = {{305, rsa ? 1337 : 756}, 1, 0.6e-3, rsa ? 365e-6 : 81.6e-6};
  if (old) h = (struct handshake){{281, rsa ? 1422 : 842}, 2, 0.6e-3, h.server_s};
  h.bytes[1] += d->chain_bytes;
  if (resumed && old) h = (struct handshake){{447, 141}, 1, 0.085e-3, 0};
  else if (resumed) h = (struct handshake){{576, 241}, d->resume == RESUME_EARLY_DATA ? 0 : 1, 0.145e-3, 60e-6};
  if (d->protocol != TRANSPORT_QUIC) return h;
  for (int way = 0; way < 2; way++) h.bytes[way] = fmax(h.bytes[way], QUIC_DATAGRAM);
  return h;
}

static unsigned more_flights(const struct transport_def *d, const struct handshake *h, bool resumed)
{
  if (resumed || d->protocol == TRANSPORT_TCP) return 0;
  if (d->protocol == TRANSPORT_QUIC) return h->bytes[1] > 3 * h->bytes[0];
  return transport_flights(h->bytes[1], transport_first_window) - 1;
}

/* ---- slow start ------------------------------------------------------------------------------------------------- */

unsigned transport_flights(double bytes, double window)
{
  unsigned n = 1;
  for (double sent = window; sent < bytes && n < 64; n++) sent = sent * 2 + window;
  return n;
}

double transport_stall_s(double bytes, double window, double rtt_s, double byte_per_s)
{
  double sum = 0;
  for (double left = bytes; left > window; left -= window, window *= 2) {
    double stall_s = rtt_s - (byte_per_s > 0 ? window / byte_per_s : 0);
    if (stall_s <= 0) break;                            /* the window covers the path */
    sum += stall_s;
  }
  return sum;
}

/* In slow start each byte that arrives allows one more. */
static double window_after(double bytes, double window, double rtt_s, double byte_per_s)
{
  double most = byte_per_s > 0 ? fmax(window, byte_per_s * rtt_s) : INFINITY;
  return fmin(window + bytes, most);
}

/* ---- a connection ----------------------------------------------------------------------------------------------- */

static bool still_open(const struct transport_def *d, const struct connection *c, sim_time now)
{
  return c->open && now <= time_add(c->last, ns_from_s(d->keep_s));
}

static double window_now(const struct transport_def *d, const struct connection *c, sim_time now, double rtt_s, bool down)
{
  bool restarts = !still_open(d, c, now) || now > time_add(c->last, ns_from_s(fmax(d->rto_s, rtt_s)));
  return restarts ? transport_first_window : c->window[down];
}

static void ask_name(const struct transport_def *d, const struct connection *c, sim_time now, struct transport_extra *x)
{
  if (d->dns_keep_s <= 0 || (c->named && now <= c->named_until)) return;
  x->round_trips++;
  for (int way = 0; way < 2; way++) x->bytes[way] += DNS_BYTES[way];
}

static void set_up(const struct transport_def *d, const struct connection *c, const struct transport_path *path,
                   struct transport_extra *x)
{
  bool resumed = c->met && d->resume != RESUME_NONE;
  struct handshake h = handshake_of(d, resumed);
  x->sets_up = true;
  x->round_trips += (d->protocol != TRANSPORT_QUIC) + h.round_trips + more_flights(d, &h, resumed);
  x->client_cpu_s = h.client_s / d->cpu_speed;
  x->server_cpu_s = h.server_s;
  x->set_up_s = x->round_trips * path->rtt_s + x->client_cpu_s + x->server_cpu_s;
  for (int way = 0; way < 2; way++) {
    x->bytes[way] += h.bytes[way];
    if (path->byte_per_s[way] > 0) x->set_up_s += x->bytes[way] / path->byte_per_s[way];
  }
}

struct transport_extra transport_ask(const struct transport_def *d, const struct connection *c, sim_time now,
                                     const struct transport_path *path, bool down, double bytes)
{
  struct transport_extra x = {0};
  if (!still_open(d, c, now)) {
    ask_name(d, c, now, &x);
    set_up(d, c, path, &x);
  } else if (c->ready > now) {
    x.set_up_s = s_from_ns(c->ready - now);             /* somebody else's */
  }
  double window = window_now(d, c, now, path->rtt_s, down);
  x.delay_s = x.set_up_s + transport_stall_s(bytes, window, path->rtt_s, path->byte_per_s[down]);
  return x;
}

void transport_begin(const struct transport_def *d, struct connection *c, sim_time now, const struct transport_path *path,
                     bool down, double bytes, const struct transport_extra *x)
{
  double rtt_s = path->rtt_s;
  c->window[!down] = window_now(d, c, now, rtt_s, !down);
  c->window[down] = window_after(bytes, window_now(d, c, now, rtt_s, down), rtt_s, path->byte_per_s[down]);
  if (x->sets_up) {
    c->ready = time_add(now, ns_from_s(x->set_up_s));
    if (!c->named || now > c->named_until) c->named_until = time_add(c->ready, ns_from_s(d->dns_keep_s));
    c->named = c->met = c->open = true;
  }
  c->last = time_add(now, ns_from_s(x->delay_s));
}

void transport_end(struct connection *c, sim_time now)
{
  if (now > c->last) c->last = now;
}
