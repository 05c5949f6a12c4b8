/* testbed.c: what the processes of the testbed share: clock, arguments, sockets. */
#include "experiments/kernels/testbed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WANTED = -20 };
#define LONGEST_S 1e9                                   /* 30 years: an alarm that never comes */

static int64_t clock_ns(clockid_t which)
{
  struct timespec t;
  clock_gettime(which, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t testbed_now_ns(void)
{
  return clock_ns(CLOCK_MONOTONIC);
}

int64_t testbed_cpu_ns(void)
{
  return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- arguments ------------------------------------------------------------------------------------------------------ */

static bool take_number(const char *command, const struct testbed_option *o, const char *text)
{
  char *end;
  *(double *)o->to = strtod(text, &end);
  if (end != text && !*end && isfinite(*(double *)o->to))
    return true;
  fprintf(stderr, "%s: %s must be a finite number, not '%s'\n", command, o->name, text);
  return false;
}

static bool take(const char *command, const struct testbed_option *o, const char *text)
{
  struct testbed_list *list = o->to;
  if (o->kind == TESTBED_NUMBER)
    return take_number(command, o, text);
  if (o->kind == TESTBED_TEXT)
    return *(const char **)o->to = text, true;
  if (list->n < TESTBED_SHAPES)
    return list->text[list->n++] = text, true;
  fprintf(stderr, "%s: %s may be given %d times\n", command, o->name, TESTBED_SHAPES);
  return false;
}

bool testbed_options(const char *command, int argc, char **argv, const struct testbed_option *known, int n)
{
  for (int i = 1; i < argc; i += 2) {
    int k = 0;
    while (k < n && strcmp(argv[i], known[k].name))
      k++;
    if (k == n || i + 1 == argc) {
      fprintf(stderr, k == n ? "%s: unknown option '%s'\n" : "%s: a value is missing after '%s'\n", command, argv[i]);
      return false;
    }
    if (!take(command, &known[k], argv[i + 1]))
      return false;
  }
  return true;
}

/* ---- processes ------------------------------------------------------------------------------------------------------ */

/* Ahead of whatever else runs here. A process that sleeps between messages may be a real-time one; one that never sleeps
 * would be held back by the kernel for a twentieth of the time. */
static bool step_forward(bool sleeps)
{
  struct sched_param p = {.sched_priority = 1};
  if (sleeps && sched_setscheduler(0, SCHED_FIFO, &p) == 0)
    return true;
  return setpriority(PRIO_PROCESS, 0, MOST_WANTED) == 0;
}

bool testbed_settle(const char *command, double core, double limit_s, bool sleeps)
{
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 1UL);
  step_forward(sleeps);
  if (limit_s > 0)
    alarm((unsigned)fmin(limit_s + 1, LONGEST_S));
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((unsigned)(core >= 0 && core < CPU_SETSIZE ? core : 0), &set);
  if (core < 0 || (core < CPU_SETSIZE && sched_setaffinity(0, sizeof set, &set) == 0))
    return true;
  errno = core < CPU_SETSIZE ? errno : EINVAL;
  fprintf(stderr, "%s: cannot be pinned to core %.0f: %s\n", command, core, strerror(errno));
  return false;
}

/* ---- sockets -------------------------------------------------------------------------------------------------------- */

static int say(const char *what)
{
  fprintf(stderr, "testbed: %s: %s\n", what, strerror(errno));
  return -1;
}

static void set_up(int fd)
{
  int one = 1, bytes = 4 << 20;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static struct sockaddr_in loopback(int port)
{
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int testbed_listen(const char *type)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = loopback(0);
  socklen_t size = sizeof at;
  if (fd < 0)
    return say("socket");
  set_up(fd);
  if (bind(fd, (struct sockaddr *)&at, size) || listen(fd, 1) || getsockname(fd, (struct sockaddr *)&at, &size)) {
    say("listening on 127.0.0.1");
    close(fd);
    return -1;
  }
  bool raised = sched_getscheduler(0) == SCHED_FIFO || getpriority(PRIO_PROCESS, 0) == MOST_WANTED;
  printf("{\"type\":\"%s\",\"raised\":%s,\"port\":%d}\n", type, raised ? "true" : "false", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

int testbed_accept(int listening)
{
  int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0)
    return say("accept");
  set_up(fd);
  return fd;
}

int testbed_connect(int port)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = loopback(port);
  if (fd < 0)
    return say("socket");
  set_up(fd);
  if (connect(fd, (struct sockaddr *)&at, sizeof at)) {
    close(fd);
    return say("connecting on 127.0.0.1");
  }
  return fd;
}

/* ---- messages ------------------------------------------------------------------------------------------------------- */

/* 1: all of it; 0: nothing is there, and it need not wait; -1: the end. */
static int read_all(int fd, void *to, size_t n, bool wait)
{
  size_t got = 0;
  while (got < n) {
    ssize_t k = recv(fd, (char *)to + got, n - got, wait || got ? MSG_WAITALL : MSG_DONTWAIT);
    if (k > 0)
      got += (size_t)k;
    else if (k < 0 && errno == EAGAIN && !wait && !got)
      return 0;
    else if (k == 0 || errno != EINTR)
      return -1;
  }
  return 1;
}

int testbed_read(int fd, struct testbed_head *h, char *body, bool wait)
{
  int got = read_all(fd, h, sizeof *h, wait);
  if (got <= 0)
    return got;
  if (h->magic != TESTBED_MAGIC || h->bytes > TESTBED_BODY) {
    fputs("testbed: a message that is none of the testbed's\n", stderr);
    return -1;
  }
  return h->bytes == 0 ? 1 : read_all(fd, body, h->bytes, true);
}

/* The sockets block and no signal has a handler: what is written is written whole. */
bool testbed_write(int fd, const struct testbed_head *h, const char *body)
{
  struct iovec part[2] = {{(void *)(uintptr_t)h, sizeof *h}, {(void *)(uintptr_t)body, h->bytes}};
  return writev(fd, part, 2) == (ssize_t)(sizeof *h + h->bytes);
}

bool testbed_wait(int fd, int64_t until_ns)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};
  int64_t left = until_ns == INT64_MAX ? 0 : until_ns - testbed_now_ns();
  left = left < 0 ? 0 : left;
  struct timespec t = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
  return ppoll(&p, 1, until_ns == INT64_MAX ? NULL : &t, NULL) > 0;
}
