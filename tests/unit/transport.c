/* Connections by hand: round trips and bytes of each handshake, flights of slow start, reuse and idle restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "models/transport.h"
#include <math.h>

static const struct transport_path fast = {.rtt_s = 0.05};      /* without limit */

static struct transport_def of(enum transport_protocol p, enum transport_resume r, enum transport_certificate c)
{
  return (struct transport_def){.protocol = p, .resume = r, .certificate = c, .keep_s = 60, .rto_s = 1, .cpu_speed = 1};
}

static struct transport_extra ask(const struct transport_def *d, const struct connection *c, double now_s, double bytes)
{
  return transport_ask(d, c, ns_from_s(now_s), &fast, false, bytes);
}

/* RFC and OpenSSL figures: round trips when new, when it comes back; bytes from the server and from the client. */
static const struct { enum transport_protocol protocol; enum transport_resume resume; enum transport_certificate rsa;
                     unsigned fresh, again; double down, up, down_again, up_again; } table[] = {
  {TRANSPORT_TCP, RESUME_NONE, CERTIFICATE_ECDSA, 1, 1, 0, 0, 0, 0},
  {TRANSPORT_TLS12, RESUME_NONE, CERTIFICATE_ECDSA, 3, 3, 842, 281, 842, 281},
  {TRANSPORT_TLS12, RESUME_SESSION, CERTIFICATE_RSA, 3, 2, 1422, 281, 141, 447},
  {TRANSPORT_TLS13, RESUME_NONE, CERTIFICATE_RSA, 2, 2, 1337, 305, 1337, 305},
  {TRANSPORT_TLS13, RESUME_SESSION, CERTIFICATE_ECDSA, 2, 2, 756, 305, 241, 576},
  {TRANSPORT_TLS13, RESUME_EARLY_DATA, CERTIFICATE_ECDSA, 2, 1, 756, 305, 241, 576},
  {TRANSPORT_QUIC, RESUME_SESSION, CERTIFICATE_ECDSA, 1, 1, 1200, 1200, 1200, 1200},
  {TRANSPORT_QUIC, RESUME_EARLY_DATA, CERTIFICATE_RSA, 1, 0, 1337, 1200, 1200, 1200},
};

static void handshakes(void **unused)
{
  (void)unused;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    struct transport_def d = of(table[i].protocol, table[i].resume, table[i].rsa);
    struct connection c = {0};
    struct transport_extra x = ask(&d, &c, 0, 1000);
    assert_int_equal(x.round_trips, table[i].fresh);
    assert_true(x.bytes[0] == table[i].up && x.bytes[1] == table[i].down);
    assert_true(fabs(x.delay_s - x.round_trips * 0.05 - x.client_cpu_s - x.server_cpu_s) < 1e-12);
    transport_begin(&d, &c, 0, &fast, false, 1000, &x);
    x = ask(&d, &c, 100, 1000);                         /* closed meanwhile */
    assert_int_equal(x.round_trips, table[i].again);
    assert_true(x.bytes[0] == table[i].up_again && x.bytes[1] == table[i].down_again);
  }
}

/* Larger flights, names, and time on the wire and in the cores. */
static void more_of_a_handshake(void **unused)
{
  (void)unused;
  struct connection none = {0};
  struct transport_def d = of(TRANSPORT_QUIC, RESUME_NONE, CERTIFICATE_RSA);
  d.chain_bytes = 5000;                                 /* 6337 > 3 x 1200 */
  assert_int_equal(ask(&d, &none, 0, 0).round_trips, 2);
  d.protocol = TRANSPORT_TLS13;
  assert_int_equal(ask(&d, &none, 0, 0).round_trips, 2);
  d.chain_bytes = 20000;                                /* 21337 > 14600 */
  assert_int_equal(ask(&d, &none, 0, 0).round_trips, 3);
  d = of(TRANSPORT_TLS13, RESUME_NONE, CERTIFICATE_RSA);
  d.dns_keep_s = 300;
  d.cpu_speed = 0.5;
  struct transport_path path = {.rtt_s = 0.05, .byte_per_s = {1e5, 1e6}};
  struct transport_extra x = transport_ask(&d, &none, 0, &path, false, 0);
  assert_int_equal(x.round_trips, 3);
  assert_true(fabs(x.delay_s - (0.15 + 1.2e-3 + 365e-6 + (305 + 64) / 1e5 + (1337 + 128) / 1e6)) < 1e-12);
  struct connection c = {0};
  transport_begin(&d, &c, 0, &path, false, 0, &x);
  assert_int_equal(transport_ask(&d, &c, ns_from_s(100), &path, false, 0).round_trips, 2);
  assert_int_equal(transport_ask(&d, &c, ns_from_s(400), &path, false, 0).round_trips, 3);
}

/* n bytes need ceil(log2(n / 14600 + 1)) flights. */
static void flights(void **unused)
{
  (void)unused;
  for (double n = 100; n < 1e12; n *= 1.37)
    assert_int_equal(transport_flights(n, transport_first_window), (unsigned)ceil(log2(n / 14600 + 1)));
  assert_int_equal(transport_flights(14600, transport_first_window), 1);
  assert_int_equal(transport_flights(14601, transport_first_window), 2);
  assert_int_equal(transport_flights(3 * 14600, transport_first_window), 2);
  assert_true(fabs(transport_stall_s(1e6, 14600, 0.05, 0) - 6 * 0.05) < 1e-12);
  /* 1 MB/s and 50 ms: rate x round trip = 50 kB; flights of 14.6 and 29.2 kB leave 35.4 and 20.8 ms idle, 58.4 kB none */
  assert_true(fabs(transport_stall_s(1e6, 14600, 0.05, 1e6) - (0.0354 + 0.0208)) < 1e-12);
  assert_true(transport_stall_s(40000, 14600, 0.05, 1e6) == 0.05 - 0.0146);
}

/* A second message uses what the first one opened; idle for longer than a time-out it starts slowly again; idle for longer
 * than it is kept, all begins anew. */
static void reuse(void **unused)
{
  (void)unused;
  struct transport_def d = of(TRANSPORT_TCP, RESUME_NONE, CERTIFICATE_ECDSA);
  struct connection c = {0};
  struct transport_extra x = ask(&d, &c, 0, 1e6);
  assert_true(fabs(x.delay_s - (0.05 + 0.3)) < 1e-12);
  transport_begin(&d, &c, 0, &fast, false, 1e6, &x);
  transport_end(&c, ns_from_s(0.5));
  assert_true(ask(&d, &c, 1, 1e6).delay_s == 0);        /* its window is 1014600 bytes now */
  assert_true(fabs(ask(&d, &c, 1, 4e6).delay_s - 2 * 0.05) < 1e-12);
  assert_true(fabs(ask(&d, &c, 1.6, 1e6).delay_s - 0.3) < 1e-12);
  assert_true(fabs(ask(&d, &c, 60.6, 1e6).delay_s - 0.35) < 1e-12);
  x = transport_ask(&d, &c, ns_from_s(1), &fast, true, 1e6);    /* the other way nothing was sent yet */
  assert_true(fabs(x.delay_s - 0.3) < 1e-12);
  /* who comes while somebody sets it up waits for that */
  struct connection early = {0};
  x = ask(&d, &early, 0, 100);
  transport_begin(&d, &early, 0, &fast, false, 100, &x);
  x = ask(&d, &early, 0.02, 100);
  assert_true(!x.sets_up && fabs(x.delay_s - 0.03) < 1e-12);
  d.rto_s = 0.01;                                       /* never shorter than a round trip */
  assert_true(ask(&d, &c, 0.54, 1e6).delay_s == 0 && ask(&d, &c, 0.56, 1e6).delay_s > 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(handshakes), cmocka_unit_test(more_of_a_handshake),
                                     cmocka_unit_test(flights), cmocka_unit_test(reuse)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
