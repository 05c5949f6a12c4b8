/* testbed_serve.c: `offsim-kernels serve`: the server of the testbed.
 *
 * The queue is the connection: a worker takes the oldest request, executes its kernel and answers. With --batch N a free
 * worker takes up to N that wait and executes the kernel once, with N times the batch parameter. Several workers (on cores
 * of their own) take turns at the connection. With --keep-alive there is one worker, which is started when a request comes
 * while there is none: forked, then it loads the weights file into memory of its own and executes each kernel once; it
 * goes after that long without work, and its successor starts cold again.
 *
 * An empty request runs no kernel. With --stir S the worker walks over memory for S seconds in its place: the code that
 * answers, and the relay that waits, are then as cold as after real work.
 *
 * An idle worker asks the connection again and again (--poll spin): on a virtual machine an idle core is given back to the
 * host, and waking it takes longer than what is to be measured. --poll block sleeps.
 *
 * Before it listens, --calibrate FILE executes kernels --executions times in random order, without requests, and writes
 * block,shape,batch,wall_s,cpu_s: the cost of the kernels in this process, as the prediction may know it. A part --idle of
 * them comes after a pause, exponential of mean --pause: while a server idles, others of the machine take its caches. With
 * batches, the next one has the size that arrivals at --rate would have made of it while the last one was at work (none: a
 * pause), for its memory is the warmer the more often its size comes. A request for calibration adds --again executions to the
 * file, made by the worker; block is then the request's number, and -1 before.
 */
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/commands.h"
#include "experiments/kernels/shape.h"
#include "experiments/kernels/testbed.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 64, WARM_UP = 20, WARM_NS = 20000000, PAGE = 4096, CHUNK = 1 << 20, FIRST = 10, ANY = 8, SURELY = 3, STIRRED = 1 << 20,
       PASSED_MOST = 1 << 16 };                         /* bytes: fewer than a pair of sockets holds while nobody reads */

struct shape { const struct kernel *kernel; double p[KERNEL_PARAMETERS]; void *state[TESTBED_BATCH]; };
struct server {
  struct testbed_list shapes;
  const char *batch_parameter, *weights, *calibration, *poll;
  double core, limit_s, batch, workers, keep_alive_s, request, reply, executions, again, seed, slow, idle, pause_s, stir_s, rate;
  int n; struct shape shape[TESTBED_SHAPES];
  int n_batch, fd;
  bool spin, cold;
  pthread_mutex_t *turn;                                /* NULL: one worker */
  char *body, *answer, *stirred;
  int64_t taken_ns, spent_ns;                           /* when the read began that got a request; see testbed_head */
  struct testbed_head head[TESTBED_BATCH], held;        /* held: taken, but of another shape than the batch before it */
  bool holds, failed;
};

/* ---- kernels -------------------------------------------------------------------------------------------------------- */

static int parameter_index(const struct kernel *k, const char *name)
{
  for (int i = 0; i < k->n_parameters; i++)
    if (!strcmp(k->parameter[i].name, name))
      return i;
  return -1;
}

static bool refuse(const char *shape, const char *why)
{
  fprintf(stderr, "serve: --shape %s: %s\n", shape, why);
  return false;
}

/* KERNEL:m=1,n=2 */
static bool read_shape(struct shape *s, const char *text)
{
  char name[64], wrong[KERNEL_WHY];
  size_t n = strcspn(text, ":");
  snprintf(name, sizeof name, "%.*s", (int)n, text);
  s->kernel = kernel_find(name);
  if (!s->kernel)
    return refuse(text, "no such kernel (offsim-kernels list)");
  const char *why = s->kernel->unavailable ? s->kernel->unavailable() : NULL;
  if (why)
    return refuse(text, why);
  return shape_parse(s->kernel, text + n + (text[n] == ':'), s->p, wrong) || refuse(text, wrong);
}

static bool prepare_batch(const struct server *v, struct shape *s, int batch, const char *text)
{
  char why[KERNEL_WHY] = "";
  double p[KERNEL_PARAMETERS];
  memcpy(p, s->p, sizeof p);
  if (batch > 1) {
    int i = parameter_index(s->kernel, v->batch_parameter);
    if (i < 0)
      return refuse(text, "has no such batch parameter");
    p[i] *= batch;
  }
  void *state = s->state[batch - 1] = s->kernel->prepare(p, (uint64_t)v->seed, why);
  if (!state)
    return refuse(text, why);
  s->kernel->run(state);
  return !s->kernel->check || s->kernel->check(state, why) || refuse(text, why);
}

static bool prepare(struct server *v)
{
  for (v->n = 0; v->n < v->shapes.n; v->n++) {
    struct shape *s = &v->shape[v->n];
    const char *text = v->shapes.text[v->n];
    if (!read_shape(s, text))
      return false;
    for (int b = 1; b <= v->n_batch; b++)
      if (!prepare_batch(v, s, b, text))
        return false;
  }
  return true;
}

static void finish(struct server *v)
{
  for (int i = 0; i < v->shapes.n; i++)
    for (int b = 0; b < v->n_batch; b++)
      if (v->shape[i].state[b])
        v->shape[i].kernel->finish(v->shape[i].state[b]);
}

/* slow: a fault for tests; the kernel takes that many times as long. */
static void execute(const struct server *v, uint32_t shape, uint32_t batch)
{
  const struct shape *s = &v->shape[shape];
  int64_t from = testbed_now_ns();
  s->kernel->run(s->state[batch - 1]);
  int64_t took = testbed_now_ns() - from, until = from + (int64_t)((double)took * v->slow);
  while (v->slow > 1 && testbed_now_ns() < until) {}
}

/* Over STIRRED bytes again and again. */
static void stir(const struct server *v)
{
  int64_t until = testbed_now_ns() + (int64_t)(v->stir_s * 1e9);
  for (size_t at = 0; testbed_now_ns() < until; at = (at + PAGE) % STIRRED)
    for (size_t i = at; i < at + PAGE; i += 64)
      v->stirred[i]++;
}

/* ---- the cost of kernels without requests ----------------------------------------------------------------------------- */

static void warm_up(const struct server *v)
{
  int64_t until = testbed_now_ns() + WARM_NS * v->n * v->n_batch;
  for (uint64_t k = 0, state = 1; k < WARM_UP || testbed_now_ns() < until; k++)
    execute(v, (uint32_t)(kernel_random(&state) % (uint64_t)v->n), 1 + (uint32_t)(kernel_random(&state) % (uint64_t)v->n_batch));
}

static double uniform(uint64_t *state)
{
  return (double)(kernel_random(state) >> 11) * 0x1p-53;
}

static void pause_some(const struct server *v, uint64_t *state)
{
  double pause_s = -log1p(-uniform(state)) * v->pause_s;
  int64_t until = testbed_now_ns() + (int64_t)(pause_s * 1e9);
  while (testbed_now_ns() < until) {}
}

/* How many requests wait after so many seconds of work: as many as came, and now and then any number, so that every size is
 * timed. Without a rate always any number. */
static uint32_t draw_waiting(const struct server *v, double worked_s, uint64_t *state)
{
  if (v->rate <= 0 || kernel_random(state) % ANY == 0)
    return 1 + (uint32_t)(kernel_random(state) % (uint64_t)v->n_batch);
  uint32_t n = 0;
  for (double at_s = -log1p(-uniform(state)) / v->rate; at_s < worked_s && n < (uint32_t)v->n_batch; n++)
    at_s -= log1p(-uniform(state)) / v->rate;
  return n;
}

/* As between two requests a message is written and one of a request's size (up to 64 KiB) read; through a local pair, a shorter
 * way than TCP's. What that puts into the caches the next kernel has not: without it kernels took 1 to 3 % less than under load. */
static bool pass_message(const struct server *v, const int *ends)
{
  struct testbed_head h = {.magic = TESTBED_MAGIC, .bytes = (uint32_t)fmin(v->request, PASSED_MOST)}, got;
  return testbed_write(ends[0], &h, v->answer) && testbed_read(ends[1], &got, v->body, true) == 1;
}

static bool no_calibration(const struct server *v)
{
  fprintf(stderr, "serve: %s: %s\n", v->calibration, strerror(errno));
  return false;
}

static bool calibrate(const struct server *v, int n, int block)
{
  FILE *f = fopen(v->calibration, block < 0 ? "w" : "a");
  if (!f)
    return no_calibration(v);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
    no_calibration(v);
    return fclose(f), false;
  }
  bool good = true;
  struct server healthy = *v;
  healthy.slow = 1;
  uint64_t state = (uint64_t)v->seed + (uint64_t)(block + 1);
  fputs(block < 0 ? "block,shape,batch,wall_s,cpu_s\n" : "", f);
  int64_t last = testbed_now_ns();
  for (int k = -FIRST; k < n && good; k++) {
    uint32_t shape = (uint32_t)(kernel_random(&state) % (uint64_t)v->n);
    uint32_t waiting = v->n_batch == 1 ? uniform(&state) >= v->idle : draw_waiting(v, (double)(testbed_now_ns() - last) * 1e-9, &state);
    if (v->n_batch > 1 && block < 0 && k >= 0 && k < v->n_batch * SURELY)   /* each size */
      waiting = 1 + (uint32_t)(k % v->n_batch);
    uint32_t batch = waiting ? waiting : 1;
    for (uint32_t i = 0; i < batch && good; i++)
      good = pass_message(v, ends);
    if (!waiting)
      pause_some(v, &state);
    int64_t cpu = testbed_cpu_ns(), from = last = testbed_now_ns();
    execute(&healthy, shape, batch);
    double wall_s = (double)(testbed_now_ns() - from) * 1e-9, cpu_s = (double)(testbed_cpu_ns() - cpu) * 1e-9;
    if (k >= 0)
      fprintf(f, "%d,%u,%u,%.9f,%.9f\n", block, shape, batch, wall_s, cpu_s);
  }
  good = good && !ferror(f);
  close(ends[0]), close(ends[1]);
  return (!fclose(f) && good) || no_calibration(v);
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

/* The next request into head[0]. 1; 0: none came until the instant; -1: the end. */
static int take(struct server *v, int64_t until_ns)
{
  if (v->holds) {
    v->taken_ns = testbed_now_ns();
    v->head[0] = v->held, v->holds = false;
    return 1;
  }
  for (int64_t now = testbed_now_ns();; now = testbed_now_ns()) {
    v->taken_ns = now;
    int got = testbed_read(v->fd, &v->head[0], v->body, false);
    if (got || now >= until_ns)
      return got;
    if (!v->spin)
      testbed_wait(v->fd, until_ns);
  }
}

/* One more of the batch that head[0] began: what asks for something else (a calibration) waits until the batch is answered. */
static bool take_beside(struct server *v, int n)
{
  if (v->holds || testbed_read(v->fd, &v->head[n], v->body, false) != 1)
    return false;
  v->holds = v->head[n].shape != v->head[0].shape;
  if (v->holds)
    v->held = v->head[n];
  return !v->holds;
}

/* What a free worker takes at once: one, then those that wait beside it. A calibration is alone. */
static int take_batch(struct server *v, int64_t until_ns)
{
  if (v->turn)
    pthread_mutex_lock(v->turn);
  int got = take(v, until_ns), n = got == 1;
  while (n > 0 && n < v->n_batch && v->head[0].shape != TESTBED_CALIBRATE && take_beside(v, n))
    n++;
  if (v->turn)
    pthread_mutex_unlock(v->turn);
  return n ? n : got;
}

static bool serve_shape(const struct server *v, const struct testbed_head *h, uint32_t n)
{
  if (h->shape == TESTBED_CALIBRATE)
    return v->calibration && calibrate(v, (int)v->again, (int)h->id);
  if (h->shape != TESTBED_EMPTY && h->shape >= (uint32_t)v->n)
    return false;
  if (h->shape == TESTBED_EMPTY)
    stir(v);
  else
    execute(v, h->shape, n);
  return true;
}

static bool answer(struct server *v, int n, bool cold)
{
  int64_t from = testbed_now_ns(), cpu = testbed_cpu_ns();
  bool good = serve_shape(v, &v->head[0], (uint32_t)n);
  v->failed |= !good;
  cpu = testbed_cpu_ns() - cpu;
  int64_t to = testbed_now_ns();
  int64_t spent = v->spent_ns;
  for (int i = 0; i < n && good; i++) {
    struct testbed_head *h = &v->head[i];
    h->at_ns[AT_SERVE] = from, h->at_ns[AT_SERVED] = to, h->cpu_ns = cpu, h->batch = (uint32_t)n, h->cold = cold;
    h->bytes = (uint32_t)v->reply, h->spent_ns = spent;
    good = testbed_write(v->fd, h, v->answer);
  }
  v->spent_ns = (from - v->taken_ns) + (testbed_now_ns() - to);
  return good;
}

/* Until the connection closes (true), or idle for longer than keep-alive (false). */
static bool work(struct server *v, bool cold)
{
  for (;; cold = false) {
    int64_t until = v->cold ? testbed_now_ns() + (int64_t)(v->keep_alive_s * 1e9) : INT64_MAX;
    int n = take_batch(v, until);
    if (n == 0)
      return false;
    if (n < 0 || !answer(v, n, cold))
      return true;
  }
}

/* ---- workers -------------------------------------------------------------------------------------------------------- */

/* What a cold worker does first: the weights into its own memory, each kernel once, of each batch size: what it writes to
 * becomes memory of its own then, not under the first requests. */
static bool load(const struct server *v)
{
  FILE *f = v->weights ? fopen(v->weights, "rb") : NULL;
  size_t got = 1, room = 0;
  for (char *to; f && got > 0; room += got) {
    to = malloc(CHUNK);
    got = to ? fread(to, 1, CHUNK, f) : 0;
    kernel_keep(to);
  }
  bool good = !v->weights || (f && !ferror(f) && room > 0);
  if (f)
    fclose(f);
  for (int i = 0; i < v->n; i++)
    for (int k = 0; k < v->n_batch; k++)
      v->shape[i].kernel->run(v->shape[i].state[k]);
  return good;
}

/* 0: idle for too long; 1: the connection closed; 3: failure. */
static int be_worker(struct server *v)
{
  if (v->cold && !load(v)) {
    fputs("serve: the weights file cannot be loaded\n", stderr);
    return 3;
  }
  int closed = work(v, v->cold);
  return v->failed ? 3 : closed;
}

/* The server's time limit is not inherited: a worker ends with it, also where it ended before that was asked for. */
static void end_with(pid_t parent)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(3);
}

static bool more_to_do(struct server *v)
{
  struct testbed_head h;
  for (;;) {
    ssize_t n = recv(v->fd, &h, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n >= 0)
      return n > 0;
    if (errno != EAGAIN && errno != EINTR)
      return false;
    if (!v->spin)
      testbed_wait(v->fd, INT64_MAX);
  }
}

static int serve_cold(struct server *v)
{
  int status = 0;
  const pid_t own = getpid();
  while (WIFEXITED(status) && WEXITSTATUS(status) == 0 && more_to_do(v)) {
    pid_t child = fork();
    if (child == 0) {
      end_with(own);
      _exit(be_worker(v));
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
      return 3;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) < 2 ? 0 : 3;
}

static bool share_turns(struct server *v)
{
  pthread_mutexattr_t a;
  v->turn = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (v->turn == MAP_FAILED || pthread_mutexattr_init(&a) || pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED))
    return false;
  return pthread_mutex_init(v->turn, &a) == 0;
}

/* One here, each further one in a process and on a core of its own. */
static int serve_many(struct server *v)
{
  int n = 1;
  const pid_t own = getpid();
  if (v->workers > 1 && !share_turns(v))
    return 3;
  for (; n < (int)v->workers; n++) {
    pid_t child = fork();
    if (child < 0)
      return 3;
    if (child == 0) {
      end_with(own);
      _exit(testbed_settle("serve", v->core < 0 ? -1 : v->core + n, v->limit_s, !v->spin) ? be_worker(v) : 3);
    }
  }
  int code = be_worker(v);
  shutdown(v->fd, SHUT_RDWR);
  while (n-- > 1)
    wait(NULL);
  return code == 3 ? 3 : 0;
}

/* ---- command -------------------------------------------------------------------------------------------------------- */

static bool within(const char *name, double x, double low, double high)
{
  if (x >= low && x <= high)
    return true;
  fprintf(stderr, "serve: %s must be from %g to %g\n", name, low, high);
  return false;
}

static bool read_arguments(struct server *v, int argc, char **argv)
{
  const struct testbed_option known[] = {
    {"--shape", TESTBED_LIST, &v->shapes}, {"--batch", TESTBED_NUMBER, &v->batch}, {"--weights", TESTBED_TEXT, &v->weights},
    {"--batch-parameter", TESTBED_TEXT, &v->batch_parameter}, {"--workers", TESTBED_NUMBER, &v->workers},
    {"--keep-alive", TESTBED_NUMBER, &v->keep_alive_s}, {"--request", TESTBED_NUMBER, &v->request}, {"--reply", TESTBED_NUMBER, &v->reply},
    {"--core", TESTBED_NUMBER, &v->core},
    {"--time-limit", TESTBED_NUMBER, &v->limit_s}, {"--calibrate", TESTBED_TEXT, &v->calibration},
    {"--executions", TESTBED_NUMBER, &v->executions}, {"--again", TESTBED_NUMBER, &v->again}, {"--seed", TESTBED_NUMBER, &v->seed},
    {"--poll", TESTBED_TEXT, &v->poll},
    {"--slow", TESTBED_NUMBER, &v->slow}, {"--idle", TESTBED_NUMBER, &v->idle}, {"--pause", TESTBED_NUMBER, &v->pause_s},
    {"--stir", TESTBED_NUMBER, &v->stir_s}, {"--rate", TESTBED_NUMBER, &v->rate}};
  if (!testbed_options("serve", argc, argv, known, sizeof known / sizeof *known))
    return false;
  v->n_batch = (int)v->batch;
  v->spin = !strcmp(v->poll, "spin");
  v->cold = v->keep_alive_s > 0;
  if (!v->spin && strcmp(v->poll, "block"))
    return fputs("serve: --poll is spin or block\n", stderr), false;
  if (v->shapes.n == 0 || (v->n_batch > 1 && (v->shapes.n > 1 || !v->batch_parameter)))
    return fputs("serve: needs --shape KERNEL:p=N,...; batches need one shape and a --batch-parameter\n", stderr), false;
  return within("--batch", v->batch, 1, TESTBED_BATCH) &&
         within("--rate", v->rate, 0, 1e7) && within("--workers", v->workers, 1, v->cold ? 1 : WORKERS) &&
         within("--idle", v->idle, 0, 1) && within("--pause", v->pause_s, 0, 1) && within("--stir", v->stir_s, 0, 1) &&
         within("--request", v->request, 0, TESTBED_BODY) && within("--reply", v->reply, 0, TESTBED_BODY) &&
         within("--slow", v->slow, 1, 10) && within("--executions", v->executions, 1, 1e7) &&
         within("--again", v->again, 1, 1e7);
}

static int run_server(struct server *v)
{
  v->body = malloc(TESTBED_BODY), v->answer = calloc(1, TESTBED_BODY), v->stirred = calloc(1, STIRRED);
  if (!v->body || !v->answer || !v->stirred || !testbed_settle("serve", v->core, v->limit_s, !v->spin))
    return 3;
  if (!prepare(v))
    return 2;
  warm_up(v);
  if (v->calibration && !calibrate(v, (int)v->executions, -1))
    return 3;
  int listening = testbed_listen("serve");
  v->fd = listening < 0 ? -1 : testbed_accept(listening);
  if (v->fd < 0)
    return 3;
  close(listening);
  return v->cold ? serve_cold(v) : serve_many(v);
}

int kernels_serve(int argc, char **argv)
{
  struct server v = {.core = -1, .limit_s = 600, .batch = 1, .workers = 1, .request = 2000, .reply = 256, .executions = 1000,
                     .again = 100, .seed = 1, .slow = 1, .poll = "spin", .fd = -1};
  if (!read_arguments(&v, argc, argv))
    return 2;
  int code = run_server(&v);
  finish(&v);
  free(v.body), free(v.answer), free(v.stirred);
  return code;
}
