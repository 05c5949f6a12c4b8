/* transport.h: what a connection costs beside its data: set-up, handshakes, slow start. Pure numbers, no events.
 *
 * Round trips before the first byte of a request: TCP 1, with TLS 1.2 3 (resumed 2), with TLS 1.3 2 (resumed 2, early data
 * 1), QUIC 1 (early data 0), and 1 for a name that is not known. RFC 9293, 5246, 8446, 9000, 9001. A server's flight that
 * is larger than the first window (QUIC: than three times what the client sent, RFC 9000 8.1) takes one more.
 * Bytes and times of the handshakes: measured with OpenSSL 3.0 on one core of an x86 server, 2026 (docs/equations.md).
 * Slow start (RFC 5681, 6928): a first flight of 10 segments of 1460 bytes, twice as many each round trip until the window
 * reaches rate x round trip; n bytes take ceil(log2(n / 14600 + 1)) flights, all but the last followed by a stall of
 * round trip - flight / rate. Without use for one retransmission time-out the window is the first one again (RFC 2861).
 * Check: 1 MB over a link without limit, 50 ms round trip: 7 flights, 6 stalls, 0.3 s; TLS 1.3 before it: 0.1 s.
 */
#ifndef OFFSIM_MODELS_TRANSPORT_H
#define OFFSIM_MODELS_TRANSPORT_H

#include "sim/sim.h"

enum transport_protocol { TRANSPORT_TCP, TRANSPORT_TLS12, TRANSPORT_TLS13, TRANSPORT_QUIC };
enum transport_resume { RESUME_NONE, RESUME_SESSION, RESUME_EARLY_DATA };
enum transport_certificate { CERTIFICATE_ECDSA, CERTIFICATE_RSA };

struct transport_def {
  enum transport_protocol protocol;
  enum transport_resume resume;                         /* of a client that was there before */
  enum transport_certificate certificate;
  double chain_bytes;                                   /* of the certificates above the server's own */
  double keep_s;                                        /* an idle connection stays open */
  double rto_s;                                         /* idle for so long (or a round trip): slow start anew */
  double dns_keep_s;                                    /* a name stays known; 0: known always */
  bool spans_route;                                     /* to the other end of the way, not of the link */
  double cpu_speed, cpu_w;                              /* of the client: relative to that core; while it computes */
};

/* One client's on one link; all zero: none yet. window: what the client, and the server, may send at once. */
struct connection { sim_time ready, last, named_until; double window[2]; bool open, met, named; };

/* rate: 0 = no limit. */
struct transport_path { double rtt_s, byte_per_s[2]; };         /* up (from the client), down */
struct transport_extra { double delay_s, set_up_s, bytes[2], client_cpu_s, server_cpu_s; unsigned round_trips; bool sets_up; };

/* What a message of so many bytes (down: to the client) meets if it begins now. */
struct transport_extra transport_ask(const struct transport_def *, const struct connection *, sim_time now,
                                     const struct transport_path *, bool down, double bytes);
/* It begins, as asked; and its last byte has gone. */
void transport_begin(const struct transport_def *, struct connection *, sim_time now, const struct transport_path *,
                     bool down, double bytes, const struct transport_extra *);
void transport_end(struct connection *, sim_time now);

unsigned transport_flights(double bytes, double window);
/* Seconds in which nothing is sent although there is something to send. */
double transport_stall_s(double bytes, double window, double rtt_s, double byte_per_s);

extern const double transport_first_window;             /* bytes */

#endif
