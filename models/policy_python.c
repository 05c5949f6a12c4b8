/* policy_python.c: an interpreter with a policy at the other end of a socket (policies/offsim_policy.py). */
#include "models/policy_python.h"
#include "models/policy_parts.h"
#include "sim/check.h"
#include "sim/json.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef OFFSIM_PREFIX
#define OFFSIM_PREFIX "/usr/local"
#endif

/* The words of both sides, in the order of the module. */
enum ask { ASK_SETUP, ASK_START, ASK_DECIDE, ASK_OUTCOME, ASK_TICK, ASK_SAVE, ASK_LOAD, ASK_FROZEN, ASK_SYNC, DRAWN };
enum say { SAY_OK, SAY_ACTION, SAY_PLAN, SAY_ERROR, SAY_DRAW, SAY_FLAW };
enum { CHILD_FD = 3, AHEAD = 4 /* random numbers sent along: one block */, MAX_FRAME = 1 << 28, KEPT = 1 << 15,
       HANG_S = 60, ASLEEP = 5 /* times as long without CPU time */ };
struct frame { uint32_t length, word; };

struct bytes { char *data; size_t n, room; };

struct python {
  struct offsim_policy policy;
  json *described;                                      /* the strings of policy lie there */
  struct offsim_feature feature[MAX_FEATURES];
  struct offsim_parameter *parameter;
  char *trouble;
  pid_t pid;
  int fd;
  bool told;                                            /* the setup */
  uint32_t n_learners, n_columns, n_features;
  struct bytes out, in;
};

/* A learner here is the number of one there. */
struct far_learner { struct python *python; uint32_t number, reserved; };

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static void *room_for(struct bytes *b, size_t n)
{
  if (b->n + n > b->room) {
    b->room = 2 * (b->n + n);
    b->data = realloc(b->data, b->room);
    if (!b->data) check_out_of_memory(b->room);
  }
  b->n += n;
  return b->data + b->n - n;
}

static void add(struct bytes *b, const void *from, size_t n)
{
  if (n) memcpy(room_for(b, n), from, n);
}

/* The frame begins now; its length is known when it is closed. */
static size_t open_frame(struct bytes *b, enum ask word)
{
  size_t at = b->n;
  add(b, &(struct frame){0, word}, sizeof(struct frame));
  return at;
}

static void close_frame(struct bytes *b, size_t at)
{
  uint32_t length = (uint32_t)(b->n - at - sizeof(struct frame));
  memcpy(b->data + at, &length, sizeof length);
}

/* ---- trouble ----------------------------------------------------------------------------------------------------- */

static bool fail(struct python *p, const char *what)
{
  if (!p->trouble && !(p->trouble = strdup(what))) check_out_of_memory(strlen(what));
  policy_python_halt(p);
  return false;
}

/* Its socket is closed: how did it end? */
static bool is_gone(struct python *p)
{
  int status = 0;
  char text[160];
  bool known = p->pid > 0 && waitpid(p->pid, &status, 0) == p->pid;
  p->pid = 0;
  if (known && WIFSIGNALED(status))
    snprintf(text, sizeof text, "its interpreter was ended by signal %d (%s)", WTERMSIG(status),
             strsignal(WTERMSIG(status)));
  else
    snprintf(text, sizeof text, "its interpreter ended by itself with exit code %d", known ? WEXITSTATUS(status) : -1);
  return fail(p, text);
}

static int limit_s(void)
{
  const char *text = getenv("OFFSIM_HANG_S");           /* for tests, as for other plug-ins */
  long s = text ? strtol(text, NULL, 10) : 0;
  return s > 0 && s < HANG_S ? (int)s : HANG_S;
}

static double cpu_s(pid_t pid)
{
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One more second without an answer. CPU time counts, so that a loaded machine is no hang; sleeping is one, later. */
struct patience { int seconds; double cpu_s; };
static bool still_waits(struct python *p, struct patience *w)
{
  char text[160];
  double now = cpu_s(p->pid);
  if (w->seconds++ == 0) w->cpu_s = now;
  if (now - w->cpu_s < limit_s() && w->seconds < ASLEEP * limit_s()) return true;
  snprintf(text, sizeof text, "it did not answer within %.3g s of CPU time (%d s by the clock)", now - w->cpu_s,
           w->seconds);
  return fail(p, text);
}

/* ---- one question, one answer ------------------------------------------------------------------------------------ */

static bool send_all(struct python *p)
{
  size_t sent = 0;
  while (sent < p->out.n && p->fd >= 0) {
    ssize_t n = send(p->fd, p->out.data + sent, p->out.n - sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR) break;                 /* it is gone: what it said last is still to be read */
    sent += n > 0 ? (size_t)n : 0;
  }
  p->out.n = 0;
  return p->fd >= 0;
}

/* At least n bytes in p->in. */
static bool receive(struct python *p, size_t n)
{
  struct patience patience = {0, 0};
  if (p->in.room < n) {
    size_t more = n + 4096 - p->in.n;
    room_for(&p->in, more);
    p->in.n -= more;
  }
  while (p->in.n < n) {
    ssize_t got = recv(p->fd, p->in.data + p->in.n, p->in.room - p->in.n, 0);
    if (got > 0) p->in.n += (size_t)got;
    else if (got == 0 || (errno != EINTR && errno != EAGAIN)) return is_gone(p);
    else if (errno == EAGAIN && !still_waits(p, &patience)) return false;
  }
  return true;
}

static bool answer(struct python *p, struct frame *f)
{
  if (p->fd < 0) return false;
  p->in.n = 0;
  if (!receive(p, sizeof *f)) return false;
  memcpy(f, p->in.data, sizeof *f);
  if (f->length > MAX_FRAME || f->word > SAY_FLAW)
    return fail(p, "it wrote garbage into the socket that belongs to offsim_policy");
  return receive(p, sizeof *f + f->length);
}

static const char *said(const struct python *p) { return p->in.data + sizeof(struct frame); }

static char *text_said(const struct python *p, const struct frame *f)
{
  char *text = strndup(said(p), f->length);
  if (!text) check_out_of_memory(f->length);
  return text;
}

static void send_drawn(struct python *p, struct offsim_random *random, const struct offsim_random_functions *draw)
{
  uint32_t n = 0;
  memcpy(&n, said(p), sizeof n);
  n = n < 4096 ? n : 4096;
  size_t at = open_frame(&p->out, DRAWN);
  for (uint32_t i = 0; i < n; i++) {
    double u = draw->uniform(random);
    add(&p->out, &u, sizeof u);
  }
  close_frame(&p->out, at);
}

/* Send what is there and wait for the answer `wanted`; requests for random numbers are served meanwhile. */
static bool ask(struct python *p, struct frame *f, struct offsim_random *random,
                const struct offsim_random_functions *draw)
{
  for (;;) {
    if (!send_all(p) || !answer(p, f)) return false;
    if (f->word != SAY_DRAW || f->length != 4 || !random) break;
    send_drawn(p, random, draw);
  }
  if (f->word != SAY_ERROR) return true;
  p->trouble = text_said(p, f);
  policy_python_halt(p);
  return false;
}

static bool expect(struct python *p, struct frame *f, enum say word)
{
  if (!ask(p, f, NULL, NULL)) return false;
  return f->word == word || fail(p, "it answered something that was not asked");
}

/* ---- the hooks --------------------------------------------------------------------------------------------------- */

static void put_names(json *o, const char *key, uint32_t n, const char *const *name)
{
  json *list = json_new_array();
  for (uint32_t i = 0; i < n; i++) json_push(list, json_string_value_new(name[i]));
  json_put(o, key, list);
}

static bool is_text(const struct offsim_parameter *p) { return p->type >= OFFSIM_CHOICE; }

static json *given(const struct python *p, const struct offsim_setup *s)
{
  json *o = json_new_object();
  for (uint32_t i = 0; i < s->n_parameters; i++) {
    const struct offsim_parameter *q = &p->policy.parameter[i];
    if (is_text(q)) json_put_string(o, q->name, s->parameter[i].text);
    else json_put_number(o, q->name, s->parameter[i].number);
  }
  return o;
}

/* Features that the parameter of that type chose: the last ones. */
static void put_selected(const struct python *p, const struct offsim_setup *s, json *o)
{
  json *list = json_new_array();
  for (uint32_t i = 0; i < s->n_parameters; i++)
    if (p->policy.parameter[i].type == OFFSIM_FEATURES && s->parameter[i].number >= 0)
      for (uint32_t k = 0; k < s->n_selected; k++)
        json_push(list, json_string_value_new(s->feature[(uint32_t)s->parameter[i].number + k]));
  json_put(o, "selected", list);
}

static char *setup_text(const struct python *p, const struct offsim_setup *s)
{
  json *o = json_new_object();
  json_put(o, "parameters", given(p, s));
  json_put_int(o, "n_contexts", s->n_contexts);
  json_put_int(o, "n_arms", s->n_arms);
  json_put_int(o, "max_actions", s->max_actions);
  put_names(o, "features", s->n_features, s->feature);
  put_names(o, "places", s->n_places, s->place_name);
  put_names(o, "variants", s->n_variants, s->variant_name);
  put_selected(p, s, o);
  json_put_number(o, "reward_per_s", s->reward_per_s);
  json_put_number(o, "reward_per_usd", s->reward_per_usd);
  json_put_number(o, "reward_per_j", s->reward_per_j);
  json_put_number(o, "reward_per_quality", s->reward_per_quality);
  json_put_number(o, "reward_per_failure", s->reward_per_failure);
  char *text = json_write(o, false);
  json_release(o);
  return text;
}

static bool tell_setup(struct python *p, const struct offsim_setup *s)
{
  struct frame f;
  if (p->told) return true;
  char *text = setup_text(p, s);
  size_t at = open_frame(&p->out, ASK_SETUP);
  add(&p->out, text, strlen(text));
  close_frame(&p->out, at);
  free(text);
  p->n_features = s->n_features;
  p->told = expect(p, &f, SAY_OK);
  return p->told;
}

static void put_word(struct python *p, enum ask word, uint32_t value)
{
  size_t at = open_frame(&p->out, word);
  add(&p->out, &value, sizeof value);
  close_frame(&p->out, at);
}

static size_t far_size(const struct offsim_setup *s) { (void)s; return sizeof(struct far_learner); }

/* The hook is told the setup alone; it lies in the host, which knows the interpreter. */
static const char *far_init(const struct offsim_setup *s, void *state)
{
  const struct policy_host *h = (const void *)((const char *)s - offsetof(struct policy_host, setup));
  struct python *p = h->loaded.python;
  struct frame f;
  *(struct far_learner *)state = (struct far_learner){p, p->n_learners++, 0};
  if (!tell_setup(p, s)) return p->trouble;
  put_word(p, ASK_START, ((struct far_learner *)state)->number);
  if (!ask(p, &f, NULL, NULL)) return p->trouble;
  if (f.word == SAY_OK) return NULL;
  p->trouble = text_said(p, &f);                        /* lives as long as the host that reads it */
  return p->trouble;
}

static void add_column(struct python *p, const void *from, uint32_t n, size_t size)
{
  if (from) add(&p->out, from, n * size);
}

static void put_question(struct python *p, uint32_t learner, const struct offsim_context *c)
{
  bool draws = p->policy.capabilities & OFFSIM_STOCHASTIC;
  uint32_t n = c->n_actions;
  size_t at = open_frame(&p->out, ASK_DECIDE);
  const uint32_t word[] = {learner, c->context, c->first_arm, c->klass, c->task, c->nth, n, draws ? AHEAD : 0};
  add(&p->out, word, sizeof word);
  add(&p->out, &c->request, sizeof c->request);
  add(&p->out, &c->decision, sizeof c->decision);
  add(&p->out, &c->now_ns, sizeof c->now_ns);
  add(&p->out, &c->elapsed_s, sizeof c->elapsed_s);
  add(&p->out, &c->deadline_s, sizeof c->deadline_s);
  add(&p->out, c->value, p->n_features * sizeof *c->value);
  add(&p->out, c->age_s, p->n_features * sizeof *c->age_s);
  add_column(p, c->mask, n, sizeof *c->mask);
  add_column(p, c->place, n, sizeof *c->place);
  add_column(p, c->tier, n, sizeof *c->tier);
  add_column(p, c->word, n, sizeof *c->word);
  add_column(p, c->variant, n, sizeof *c->variant);
  add_column(p, c->member, n, sizeof *c->member);
  const double *const column[] = {c->est_latency_s, c->est_cost_usd, c->est_energy_j, c->est_quality, c->queue,
                                  c->queue_age_s};
  for (size_t i = 0; i < sizeof column / sizeof *column; i++) add_column(p, column[i], n, sizeof(double));
  for (int i = 0; i < AHEAD && draws; i++) {
    double u = c->draw->uniform(c->random);
    add(&p->out, &u, sizeof u);
  }
  close_frame(&p->out, at);
}

/* As _PLAN packs it: no padding, so field by field. */
static bool take_plan(struct python *p, const struct frame *f, uint32_t n, struct offsim_decision *d)
{
  const char *at = said(p);
  uint32_t n_given;
  enum { PLAN = 4 + 4 * 8 + 4 + 4 + 16 + 4 };
  if (f->length < PLAN) return fail(p, "it answered a plan that is too short");
#define TAKE(FIELD) (memcpy(&(FIELD), at, sizeof(FIELD)), at += sizeof(FIELD))
  TAKE(d->action), TAKE(d->propensity), TAKE(d->timeout_s), TAKE(d->hedge_delay_s), TAKE(d->accept_quality);
  TAKE(d->hedge_action), TAKE(d->n_fallbacks), TAKE(d->fallback), TAKE(n_given);
#undef TAKE
  if (f->length != PLAN + n_given * sizeof(double) || (n_given && n_given != n))
    return fail(p, "it answered a plan of the wrong length");
  if (d->distribution) memcpy(d->distribution, at, n_given * sizeof(double));
  return true;
}

static void far_decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  const struct far_learner *l = state;
  struct python *p = l->python;
  struct frame f;
  if (p->trouble) return;
  put_question(p, l->number, c);
  if (!ask(p, &f, c->random, c->draw)) return;
  if (f.word == SAY_ACTION && f.length == sizeof d->action + sizeof d->propensity) {
    memcpy(&d->action, said(p), sizeof d->action);
    memcpy(&d->propensity, said(p) + sizeof d->action, sizeof d->propensity);
    if (d->distribution && d->action >= 0 && (uint32_t)d->action < c->n_actions && d->propensity == 1)
      d->distribution[d->action] = 1;
  } else if (f.word != SAY_PLAN) {
    fail(p, "it answered something that was not asked");
  } else if (!take_plan(p, &f, c->n_actions, d)) {
    d->action = -1;
  }
}

/* As _OUTCOME packs it. */
static void far_outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  (void)memo;
  const struct far_learner *l = state;
  struct bytes *out = &l->python->out;
  if (l->python->trouble) return;
  size_t at = open_frame(out, ASK_OUTCOME);
  const uint32_t head[] = {l->number, o->context, o->first_arm, 0};
  const double value[] = {o->reward, o->latency_s, o->energy_j, o->cost_usd, o->quality};
  add(out, head, sizeof head);
  add(out, &o->decision, sizeof o->decision);
  add(out, &o->now_ns, sizeof o->now_ns);
  add(out, &o->action, sizeof o->action);
  add(out, &o->status, sizeof o->status);
  add(out, value, sizeof value);
  add(out, o->phase_s, sizeof o->phase_s);
  add(out, &o->attempts, sizeof o->attempts);
  add(out, &o->fallback, sizeof o->fallback);
  add(out, &o->score, sizeof o->score);
  close_frame(out, at);
  if (out->n > KEPT) send_all(l->python);
}

static void far_tick(void *state, struct offsim_control *c)
{
  const struct far_learner *l = state;
  struct python *p = l->python;
  struct frame f;
  uint32_t n = c->n_places;
  if (p->trouble) return;
  size_t at = open_frame(&p->out, ASK_TICK);
  add(&p->out, (const uint32_t[]){l->number, n}, 2 * sizeof n);
  add(&p->out, &c->now_ns, sizeof c->now_ns);
  add(&p->out, &c->period_s, sizeof c->period_s);
  add(&p->out, c->tier, n * sizeof *c->tier);
  const double *const row[] = {c->jobs, c->utilization, c->arrivals, c->instances, c->instances_busy};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) add(&p->out, row[i], n * sizeof(double));
  close_frame(&p->out, at);
  if (!ask(p, &f, c->random, c->draw)) return;
  if (f.word != SAY_OK || f.length != 3 * n * sizeof(double)) {
    fail(p, "it answered a tick wrongly");
    return;
  }
  double *const set[] = {c->instances_wanted, c->keep_alive_s, c->admit};
  for (int i = 0; i < 3; i++) memcpy(set[i], said(p) + (size_t)i * n * sizeof(double), n * sizeof(double));
}

static int far_save(const void *state, const struct offsim_stream *s)
{
  const struct far_learner *l = state;
  struct frame f;
  put_word(l->python, ASK_SAVE, l->number);
  if (l->python->trouble || !expect(l->python, &f, SAY_OK)) return 1;
  uint64_t n = f.length;
  return s->write(s->handle, &n, sizeof n) != sizeof n || s->write(s->handle, said(l->python), n) != n;
}

static int far_load(void *state, const struct offsim_stream *s)
{
  const struct far_learner *l = state;
  struct python *p = l->python;
  struct frame f;
  uint64_t n;
  if (p->trouble || s->read(s->handle, &n, sizeof n) != sizeof n || n > MAX_FRAME) return 1;
  size_t at = open_frame(&p->out, ASK_LOAD);
  add(&p->out, &l->number, sizeof l->number);
  bool whole = s->read(s->handle, room_for(&p->out, n), n) == n;
  close_frame(&p->out, at);
  if (!whole) p->out.n = at;
  return !whole || !expect(p, &f, SAY_OK);
}

/* ---- the descriptor ---------------------------------------------------------------------------------------------- */

static const char *text_at(const json *o, const char *key)
{
  return json_text(json_at(o, key));
}

static void describe_features(struct python *p, const json *list)
{
  p->policy.n_features = (uint32_t)json_count(list);
  p->policy.feature = p->feature;
  for (uint32_t i = 0; i < p->policy.n_features && i < MAX_FEATURES; i++) {
    const json *f = json_nth(list, i);
    p->feature[i] = (struct offsim_feature){text_at(f, "name"), text_at(f, "unit"),
                                            (int32_t)json_int(json_at(f, "required"), 1), 0};
  }
}

static void describe_parameters(struct python *p, const json *list)
{
  uint32_t n = (uint32_t)json_count(list);
  p->policy.parameter = p->parameter = calloc(n + 1, sizeof *p->parameter);
  if (!p->parameter) check_out_of_memory(n * sizeof *p->parameter);
  p->policy.n_parameters = n;
  for (uint32_t i = 0; i < n; i++) {
    const json *q = json_nth(list, i);
    p->parameter[i] = (struct offsim_parameter){.name = text_at(q, "name"), .unit = text_at(q, "unit"),
      .help = text_at(q, "help"), .type = (int32_t)json_int(json_at(q, "type"), -1),
      .required = (int32_t)json_int(json_at(q, "required"), 0), .min = json_real(json_at(q, "min"), 0),
      .max = json_real(json_at(q, "max"), 0), .number = json_real(json_at(q, "number"), NAN),
      .text = text_at(q, "text"), .choices = text_at(q, "choices")};
  }
}

static void describe(struct python *p)
{
  const json *o = p->described;
  p->policy = (struct offsim_policy){OFFSIM_POLICY_HEADER, .name = text_at(o, "name"),
    .description = text_at(o, "description"), .citation = text_at(o, "citation"),
    .capabilities = (uint32_t)json_int(json_at(o, "capabilities"), 0),
    .columns = (uint32_t)json_int(json_at(o, "columns"), 0), .state_size = far_size, .init = far_init,
    .decide = far_decide, .outcome = far_outcome, .save = far_save, .load = far_load,
    .tick = json_int(json_at(o, "ticks"), 0) ? far_tick : NULL};
  describe_features(p, json_at(o, "features"));
  describe_parameters(p, json_at(o, "parameters"));
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

bool policy_is_python(const char *policy)
{
  size_t n = strlen(policy);
  return strncmp(policy, "python:", 7) == 0 || (n > 3 && strcmp(policy + n - 3, ".py") == 0);
}

const char *policy_python_file(const char *policy) { return policy + (strncmp(policy, "python:", 7) == 0 ? 7 : 0); }

static bool there(const char *folder, const char *below, char path[PATH_MAX])
{
  int n = snprintf(path, PATH_MAX, "%s/%s/offsim_policy.py", folder, below);
  return n < PATH_MAX && access(path, R_OK) == 0;
}

/* build/offsim and build/tests/NAME lie in the source tree, bin/offsim beside share/. */
bool policy_python_module(char path[PATH_MAX])
{
  char folder[PATH_MAX];
  const char *share = getenv("OFFSIM_SHARE");
  if (share && (there(share, "python", path) || there(share, "../policies", path))) return true;
  ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
  for (int up = 0; n > 0 && up < 5; up++) {
    folder[n] = 0;
    char *slash = strrchr(folder, '/');
    if (!slash) break;
    n = slash - folder;
    *slash = 0;
    if (there(folder, "policies", path) || there(folder, "share/offsim/python", path)) return true;
  }
  return there(OFFSIM_PREFIX, "share/offsim/python", path);
}

static const char *interpreter(void)
{
  const char *named = getenv("OFFSIM_PYTHON");
  return named && *named ? named : "/usr/bin/python3";
}

/* One thread, one hash seed, no byte code beside the policy; its folder is not searched: a policy is one file. */
static void set_environment(const char *module)
{
  char folder[2 * PATH_MAX];
  const char *other = getenv("PYTHONPATH"), *slash = strrchr(module, '/');
  snprintf(folder, sizeof folder, "%.*s%s%s", (int)(slash - module), module, other && *other ? ":" : "",
           other ? other : "");
  setenv("PYTHONPATH", folder, 1);
  setenv("PYTHONHASHSEED", "0", 1);
  setenv("PYTHONIOENCODING", "utf-8", 1);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  setenv("OMP_NUM_THREADS", "1", 1);
}

static _Noreturn void child_main(int fd, pid_t parent, const char *module, const char *path)
{
  enum { FD = 3 };                                      /* as in the module */
  sigset_t none;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);                    /* it died before that */
  int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);                   /* what it prints is a message, no answer and no result */
  if (fd != FD) dup2(fd, FD);
  else fcntl(fd, F_SETFD, 0);
  close_range(FD + 1, ~0U, 0);
  signal(SIGINT, SIG_IGN);                              /* its parent ends it */
  signal(SIGPROF, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  set_environment(module);
  execlp(interpreter(), "python3", "-B", "-c", "import offsim_policy; offsim_policy.serve()", path, (char *)NULL);
  char text[PATH_MAX + 128];
  int n = snprintf(text, sizeof text, "cannot start the interpreter %s: %s; --python PATH or $OFFSIM_PYTHON names "
                   "another", interpreter(), strerror(errno));
  struct frame f = {(uint32_t)n, SAY_ERROR};
  if (write(FD, &f, sizeof f) != sizeof f || write(FD, text, (size_t)n) != n) _exit(126);
  _exit(127);
}

static bool start(struct python *p, const char *module, const char *path)
{
  int end[2];
  pid_t parent = getpid();
  struct timeval second = {1, 0};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0) return fail(p, strerror(errno));
  setsockopt(end[0], SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  p->fd = end[0];
  p->pid = fork();
  if (p->pid == 0) child_main(end[1], parent, module, path);
  close(end[1]);
  return p->pid > 0 || fail(p, strerror(errno));
}

static bool ask_description(struct python *p)
{
  struct frame f;
  struct err err;
  if (!expect(p, &f, SAY_OK)) return false;
  err_init(&err);
  p->described = json_parse(said(p), f.length, &err);
  err_release(&err);
  if (!p->described) return fail(p, "it does not describe itself in JSON");
  if (json_count(json_at(p->described, "features")) > MAX_FEATURES) return fail(p, "it declares more than 16 features");
  describe(p);
  return true;
}

struct python *policy_python_start(const char *path, struct where at, struct err *err)
{
  char module[PATH_MAX];
  if (!policy_python_module(module)) {
    err_add(err, at, "policy %s: the module offsim_policy.py is not found; set OFFSIM_SHARE", path);
    return NULL;
  }
  struct python *p = calloc(1, sizeof *p);
  if (!p) check_out_of_memory(sizeof *p);
  p->fd = -1;
  fflush(NULL);
  if (start(p, module, path) && ask_description(p)) return p;
  err_add(err, at, "policy %s: %s", path, p->trouble);
  policy_python_free(p);
  return NULL;
}

const struct offsim_policy *policy_python_descriptor(const struct python *p) { return &p->policy; }
const char *policy_python_trouble(const struct python *p) { return p->trouble; }

bool policy_python_settle(struct python *p)
{
  struct frame f;
  put_word(p, ASK_SYNC, 0);
  return !p->trouble && expect(p, &f, SAY_OK);
}

void policy_python_freeze(struct python *p)
{
  put_word(p, ASK_FROZEN, 1);
}

void policy_python_halt(struct python *p)
{
  if (p->fd >= 0) close(p->fd);
  p->fd = -1;
  if (p->pid <= 0) return;
  kill(p->pid, SIGKILL);
  while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) continue;
  p->pid = 0;
}

void policy_python_free(struct python *p)
{
  if (!p) return;
  policy_python_halt(p);
  json_release(p->described);
  free(p->parameter);
  free(p->trouble);
  free(p->out.data);
  free(p->in.data);
  free(p);
}
