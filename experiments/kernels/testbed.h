/* testbed.h: the processes of the mini offloading system that `offsim testbed` runs on loopback.
 *
 *   client  sends requests at planned instants, whatever became of the earlier ones (open loop), and keeps the records
 *   relay   lets every message wait as long as a link would take for it
 *   serve   executes kernels: a queue, workers, batches, workers that start cold (fork and load) and go when idle
 *
 * Messages are a head of fixed size and a body of bytes. All processes read one clock (CLOCK_MONOTONIC) and write what it
 * says into the head, so that the client in the end knows each station of each request.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_TESTBED_H
#define OFFSIM_EXPERIMENTS_KERNELS_TESTBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


/* Instants in the life of a request; a record has them in this order. DUE: when the link lets the message go. */
enum testbed_instant {
  AT_PLANNED, AT_SENT, AT_UP_IN, AT_UP_DUE, AT_UP_OUT, AT_SERVE, AT_SERVED, AT_DOWN_IN, AT_DOWN_DUE, AT_DOWN_OUT, AT_RECEIVED,
  TESTBED_INSTANTS
};
enum { TESTBED_MAGIC = 0x4f665362, TESTBED_BODY = 1 << 20, TESTBED_SHAPES = 16, TESTBED_BATCH = 64 };
#define TESTBED_EMPTY UINT32_MAX                        /* shape of a request that asks for nothing */
#define TESTBED_CALIBRATE (UINT32_MAX - 1)              /* of one that asks for another calibration */

struct testbed_head {
  uint32_t magic, id, shape, bytes;                     /* bytes: of the body that follows */
  int64_t start_ns;                                     /* the client's time 0 */
  int64_t at_ns[TESTBED_INSTANTS];
  int64_t cpu_ns;                                       /* thread CPU time of the kernel */
  int64_t spent_ns;                                     /* reading and answering, of what this worker served before */
  uint32_t batch, cold;                                 /* how many were served together; first one of a new worker */
};

int64_t testbed_now_ns(void);
int64_t testbed_cpu_ns(void);

/* ---- arguments: "--name value" ------------------------------------------------------------------------------------ */
enum testbed_kind { TESTBED_TEXT, TESTBED_NUMBER, TESTBED_LIST };
struct testbed_list { int n; const char *text[TESTBED_SHAPES]; };
struct testbed_option { const char *name; enum testbed_kind kind; void *to; };  /* const char **, double *, list * */
/* False after a message on stderr. */
bool testbed_options(const char *command, int argc, char **argv, const struct testbed_option *, int n);

/* ---- sockets and processes ---------------------------------------------------------------------------------------- */
/* Dies with its parent and after `limit_s`; timers without slack; pinned when core >= 0; ahead of others where that is
 * allowed, by real-time priority when it sleeps between messages. False with a message. */
bool testbed_settle(const char *command, double core, double limit_s, bool sleeps);
/* Listens on 127.0.0.1 and says so on stdout: {"type":"serve","raised":true,"port":N}. -1 with a message. */
int testbed_listen(const char *type);
int testbed_accept(int listening);
int testbed_connect(int port);
/* A whole message; the body, of head->bytes, goes to or comes from `body` (TESTBED_BODY bytes). 1; 0: nothing is there
 * (only without `wait`); -1: the other end closed, or failure. */
int testbed_read(int fd, struct testbed_head *, char *body, bool wait);
bool testbed_write(int fd, const struct testbed_head *, const char *body);
/* Waits until fd can be read or the instant has come (INT64_MAX: none). True: it can be read. */
bool testbed_wait(int fd, int64_t until_ns);

#endif
