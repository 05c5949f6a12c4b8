/* tls_handshake.c: a TLS 1.3 handshake over TCP on 127.0.0.1, from connect() until both ends are ready, then closed. Both
 * ends take turns in one thread: the time is the computing of client and server and of the kernel's TCP, without waiting.
 *
 * X25519, a certificate of a P-256 key made in memory, TLS_AES_128_GCM_SHA256. resumed = 1: by a ticket of an earlier
 * connection (still with X25519), without certificate and signature.
 * Work: 1 handshake. Axis 2 is 1 + resumed, for axes are positive.
 * Self-check: version and cipher; the client verifies the certificate; resumed as asked; both ends derive the same exported
 * secret (RFC 8446, 7.5), another one each connection; bytes go through. */
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESUMED };
enum { STATE_BYTES = 65536, TURNS = 64, SECRET = 32 };
static const char host[] = "offsim.test";

struct handshake {
  bool resumed, failed, was_resumed, whole;
  int listener;
  struct sockaddr_in address;
  SSL_CTX *server, *client;
  SSL_SESSION *session;
  unsigned char secret[2][SECRET], before[SECRET];      /* of client and server; of the connection before */
};
struct ends { int client, server; SSL *c, *s; };

static double units(const double *p) { return 1; }
static double axis_value(const double *p, int axis) { return axis == 0 ? STATE_BYTES : 1 + p[RESUMED]; }

static bool names_itself(X509 *x)
{
  X509_NAME *name = X509_get_subject_name(x);
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)host, -1, -1, 0) == 1
         && X509_set_issuer_name(x, name) == 1;
}

static X509 *certificate(EVP_PKEY *key)
{
  X509 *x = X509_new();
  bool ok = x && X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1
            && X509_gmtime_adj(X509_getm_notBefore(x), -86400) && X509_gmtime_adj(X509_getm_notAfter(x), 86400L * 30)
            && X509_set_pubkey(x, key) == 1 && names_itself(x) && X509_sign(x, key, EVP_sha256()) > 0;
  if (ok) return x;
  X509_free(x);
  return NULL;
}

/* The client trusts this one certificate. */
static bool contexts(struct handshake *s, EVP_PKEY *key, X509 *x)
{
  s->server = SSL_CTX_new(TLS_server_method());
  s->client = SSL_CTX_new(TLS_client_method());
  if (!s->server || !s->client) return false;
  SSL_CTX *both[] = {s->server, s->client};
  for (int i = 0; i < 2; i++)
    if (SSL_CTX_set_min_proto_version(both[i], TLS1_3_VERSION) != 1 || SSL_CTX_set1_groups_list(both[i], "X25519") != 1
        || SSL_CTX_set_ciphersuites(both[i], "TLS_AES_128_GCM_SHA256") != 1)
      return false;
  SSL_CTX_set_verify(s->client, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_session_cache_mode(s->client, SSL_SESS_CACHE_OFF);         /* else a ticket is good for one connection */
  SSL_CTX_set_num_tickets(s->server, 1);
  return SSL_CTX_use_certificate(s->server, x) == 1 && SSL_CTX_use_PrivateKey(s->server, key) == 1
         && X509_STORE_add_cert(SSL_CTX_get_cert_store(s->client), x) == 1;
}

static bool make_identity(struct handshake *s)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *x = key ? certificate(key) : NULL;
  bool ok = x && contexts(s, key, x);
  X509_free(x);
  EVP_PKEY_free(key);
  return ok;
}

static bool listen_here(struct handshake *s, char *why)
{
  socklen_t size = sizeof s->address;
  s->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool ok = s->listener >= 0 && bind(s->listener, (struct sockaddr *)&s->address, size) == 0 && listen(s->listener, 16) == 0
            && getsockname(s->listener, (struct sockaddr *)&s->address, &size) == 0;
  return ok || scratch_why(why, "no TCP on 127.0.0.1: %s", strerror(errno));
}

static void close_end(int socket, SSL *ssl)
{
  struct linger at_once = {1, 0};                       /* else thousands of closed connections hold their ports */
  if (ssl) SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);    /* else its ticket counts as spoilt */
  SSL_free(ssl);
  if (socket < 0) return;
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(socket);
}

static void disconnect(struct ends *e)
{
  close_end(e->client, e->c);
  close_end(e->server, e->s);
}

static bool attach(SSL **ssl, SSL_CTX *context, int socket)
{
  int one = 1;
  fcntl(socket, F_SETFL, O_NONBLOCK);
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  *ssl = SSL_new(context);
  return *ssl && SSL_set_fd(*ssl, socket) == 1;
}

static bool connect_ends(struct handshake *s, struct ends *e)
{
  *e = (struct ends){-1, -1, NULL, NULL};
  e->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (e->client < 0 || connect(e->client, (struct sockaddr *)&s->address, sizeof s->address)) return false;
  e->server = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
  return e->server >= 0 && attach(&e->c, s->client, e->client) && attach(&e->s, s->server, e->server);
}

static bool waits(SSL *ssl, int result)
{
  int why = SSL_get_error(ssl, result);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static bool shake(struct ends *e)
{
  int c = 0, t = 0;
  for (int turn = 0; turn < TURNS && (c != 1 || t != 1); turn++) {
    if (c != 1 && (c = SSL_connect(e->c)) != 1 && !waits(e->c, c)) return false;
    if (t != 1 && (t = SSL_accept(e->s)) != 1 && !waits(e->s, t)) return false;
  }
  return c == 1 && t == 1;
}

/* One byte each way; the client's read also takes in the ticket. */
static bool exchange(struct ends *e)
{
  char in = 0;
  bool there = SSL_write(e->c, "a", 1) == 1 && SSL_read(e->s, &in, 1) == 1 && in == 'a';
  return there && SSL_write(e->s, "b", 1) == 1 && SSL_read(e->c, &in, 1) == 1 && in == 'b';
}

static bool once(struct handshake *s, struct ends *e)
{
  if (!connect_ends(s, e)) return false;
  SSL_set_tlsext_host_name(e->c, host);
  SSL_set1_host(e->c, host);
  if (s->resumed && s->session) SSL_set_session(e->c, s->session);
  return shake(e);
}

static bool fetch_ticket(struct handshake *s)
{
  struct ends e;
  bool ok = once(s, &e) && exchange(&e);
  if (ok) s->session = SSL_get1_session(e.c);
  disconnect(&e);
  return ok && s->session && SSL_SESSION_is_resumable(s->session);
}

static void finish(void *state)
{
  struct handshake *s = state;
  if (!s) return;
  SSL_SESSION_free(s->session);
  SSL_CTX_free(s->server);
  SSL_CTX_free(s->client);
  if (s->listener >= 0) close(s->listener);
  free(s);
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct handshake *s = calloc(1, sizeof *s);
  if (!s) return scratch_why(why, "no memory"), NULL;
  s->listener = -1;
  s->resumed = p[RESUMED] > 0.5;
  bool ok = listen_here(s, why);
  if (ok && !make_identity(s)) ok = scratch_why(why, "OpenSSL makes no certificate, or has no TLS 1.3");
  if (ok && s->resumed && !fetch_ticket(s)) ok = scratch_why(why, "no ticket to resume with");
  if (ok) return s;
  finish(s);
  return NULL;
}

static void run(void *state)
{
  struct handshake *s = state;
  struct ends e;
  s->failed |= !once(s, &e);
  disconnect(&e);
}

static bool same_secrets(struct handshake *s, struct ends *e)
{
  SSL *both[] = {e->c, e->s};
  memcpy(s->before, s->secret[0], SECRET);
  for (int i = 0; i < 2; i++)
    if (SSL_export_keying_material(both[i], s->secret[i], SECRET, "EXPORTER-offsim", 15, NULL, 0, 0) != 1) return false;
  return memcmp(s->secret[0], s->secret[1], SECRET) == 0 && memcmp(s->secret[0], s->before, SECRET) != 0;
}

static bool check_one(struct handshake *s, char *why)
{
  struct ends e;
  bool ok = once(s, &e) || scratch_why(why, "no handshake");
  ok = ok && (same_secrets(s, &e) || scratch_why(why, "the ends derive different secrets, or the same twice"));
  if (ok && SSL_version(e.c) != TLS1_3_VERSION) ok = scratch_why(why, "not TLS 1.3 but %s", SSL_get_version(e.c));
  if (ok && strcmp(SSL_get_cipher(e.s), "TLS_AES_128_GCM_SHA256")) ok = scratch_why(why, "another cipher");
  if (ok && SSL_get_verify_result(e.c) != X509_V_OK) ok = scratch_why(why, "the certificate does not verify");
  if (ok && (SSL_session_reused(e.c) == 1) != s->resumed) ok = scratch_why(why, s->resumed ? "not resumed" : "resumed");
  ok = ok && (exchange(&e) || scratch_why(why, "no bytes go through"));
  disconnect(&e);
  return ok;
}

static bool check(void *state, char *why)
{
  struct handshake *s = state;
  if (s->failed) return scratch_why(why, "a handshake failed");
  return check_one(s, why) && check_one(s, why);
}

static const double both[][KERNEL_PARAMETERS] = {{0}, {1}};

const struct kernel kernel_tls_handshake = {
  .name = "tls_handshake", .version = 1, .unit = "handshake", .bound = BOUND_SYSTEM,
  .n_parameters = 1, .parameter = {{"resumed", 0, 1, 1}}, .n_axes = 2, .axis = {"working_set", "resumption"},
  .full = KERNEL_GRID(both), .quick = KERNEL_GRID(both),
  .units = units, .axis_value = axis_value,
  .prepare = prepare, .run = run, .check = check, .finish = finish,
};
