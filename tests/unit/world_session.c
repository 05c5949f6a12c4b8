/* Conversations, their state, and versions of models: by hand, and against closed forms. The bounds of random shares are
 * 4 standard errors: a seed drawn anew would miss one in 16,000 times. */
#include "tests/unit/world_rig.h"
#include "models/session.h"
#include "scenarios/scenario.h"
#include <unistd.h>

static struct kept kept;
static struct run_summary summary;
static struct place_summary place_of[3];
static double fact[KEPT][SESSION_FACTS];
static struct exposure_summary shown;                    /* of the first kind of data in the first zone */
static int facts, first_fact;

/* The facts of each request, as it was settled. */
static void keep_facts(void *c, const struct request_record *x, const double *attribute, int n)
{
  if (facts < KEPT)
    for (int i = 0; i < SESSION_FACTS && first_fact + i < n; i++) fact[facts][i] = attribute[first_fact + i];
  facts++;
  keep_request(c, x, attribute, n);
}

static void run_world(const struct scenario *s, struct err *err)
{
  struct run_setup setup = {.def = &s->world, .policy = s->n_policies ? s->policy : NULL, .seed = 1, .sink = keeping(&kept)};
  setup.sink.request = keep_facts;
  first_fact = s->world.klass[0].arrivals.session ? s->world.klass[0].arrivals.session->first_fact : 0;
  struct world *w = world_new(&setup, err);
  if (!w || !world_run(w, &summary, err)) {
    err_print(err, stderr, false);
    fail_msg("the world did not run");
  }
  if (summary.exposure) shown = summary.exposure[0];
  memcpy(place_of, summary.place, sizeof place_of);
  world_free(w);
}

static void load(const char *text)
{
  char path[] = "/tmp/world_session_XXXXXX.yaml";
  int fd = mkstemps(path, 5);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
  struct err err;
  err_init(&err);
  memset(&kept, 0, sizeof kept);
  facts = 0;
  struct scenario *s = scenario_load(path, NULL, 0, &err);
  unlink(path);
  if (!s) err_print(&err, stderr, false);
  assert_non_null(s);
  run_world(s, &err);
  scenario_free(s);
  err_release(&err);
}

/* Two boxes of tier edge that a hub joins at 2 MB/s; `more` is the rest of the scenario. */
static void run(const char *edge, const char *more)
{
  char text[8192];
  snprintf(text, sizeof text,
           "variants: {m: {parameters: 1e9, weights: 1 GB, kv: 10 kB/tok, skill: 1, width: 0.1, top: 1},\n"
           "           old: {parameters: 1e9, weights: 1 GB, kv: 10 kB/tok, skill: 1, width: 0, top: 1}}\n"
           "hardware: {card: {memory: 24 GB, tokens: {m: {prefill: 1000 tok/s, step: {a: 10 ms, c: 0 ms}}}}}\n"
           "places:\n"
           "  - {name: user, tier: device, zone: u, count: 1}\n"
           "  - {name: hub, tier: cloud, zone: u}\n"
           "  - {name: edge, tier: edge, zone: u, servers: %d, %s}\n"
           "links:\n"
           "  - {name: air, between: [user, hub]}\n"
           "  - {name: way, between: [edge, hub], rate: 2 MB/s}\n"
           "%s", strstr(edge, "batching") ? 1 : strstr(edge, "instances") || strstr(edge, "slots") ? 20 : 1000, edge, more);
  load(text);
}

static const struct session_counts *counts(void) { return &summary.sessions; }

static void done_at(int i, double s)
{
  assert_int_equal(kept.request[i].status, STATUS_COMPLETED);
  assert_int_equal(kept.request[i].completed_ns, ms(s * 1e3));
}

static void near(double x, double expected, double error) { assert_true(fabs(x - expected) <= error); }

/* A share of n independent trials. */
static void share_is(double hits, double n, double p) { near(hits / n, p, 4 * sqrt(p * (1 - p) / n)); }

/* One conversation of 3 turns: at 1000 s, and each 10 s after an answer; 1 s of work. */
static void one(const char *edge, const char *session, const char *task)
{
  char more[4096];
  snprintf(more, sizeof more,
           "horizon: {duration: 1500 s, drain_max: 1000 s}\n"
           "classes:\n"
           "  - name: chat\n"
           "    from: user\n"
           "    arrivals: {session: {interarrival: 1000 s, %s%s}}\n"
           "    pipeline: [{task: answer, places: edge, %s}]\n", strstr(session, "turns") ? "" : "turns: 3, think: 10 s, ", session, task);
  run(edge, more);
  assert_int_equal(kept.requests, 3);
  assert_int_equal(counts()->begun, 1);
  assert_int_equal(counts()->later, 2);
}

static const char two[] = "count: 2, dispatch: round_robin", work[] = "work: {time: 1 s}";

/* ---- what is kept ------------------------------------------------------------------------------------------------- */

static void shelves(void **unused)
{
  struct shelf_def def = {.capacity_bytes = 100, .keep_s = 10};
  struct shelf shelf = {.def = &def};
  struct pool *pool = pool_new(sizeof(struct state));
  struct session a = {.index = 1}, b = {.index = 2}, c = {.index = 3};
  uint64_t evicted = 0;
  shelf_put(&shelf, pool, &(struct state){.session = &a, .bytes = 60}, 0, &evicted);
  shelf_put(&shelf, pool, &(struct state){.session = &b, .bytes = 30}, ms(1000), &evicted);
  state_used(a.state, ms(2000));
  assert_true(a.state && b.state && shelf.bytes == 90 && evicted == 0);
  shelf_put(&shelf, pool, &(struct state){.session = &c, .bytes = 50}, ms(3000), &evicted);
  assert_true(!a.state && !b.state && c.state && shelf.bytes == 50 && evicted == 2);   /* 30 B were not enough */
  assert_false(state_expired(c.state, ms(13000)));
  assert_true(state_expired(c.state, ms(13001)));
  shelf_put(&shelf, pool, &(struct state){.session = &a, .bytes = 60}, ms(14000), &evicted);
  assert_true(a.state && !c.state && evicted == 2);                                   /* expired, not evicted */
  assert_null(shelf_put(&shelf, pool, &(struct state){.session = &a, .bytes = 101}, ms(14000), &evicted));
  assert_true(!a.state && shelf.bytes == 0 && pool_live(pool) == 0);
  pool_free(pool);
}

/* ---- by hand ------------------------------------------------------------------------------------------------------ */

/* Round robin: each turn is elsewhere. 1000 + 1; 1011 + 1 + 0.5; 1022.5 + 1.5. */
static void made_anew(void **unused)
{
  one(two, "state: {size: 1 MB, rebuild: 500 ms}", work);
  done_at(0, 1001), done_at(1, 1012.5), done_at(2, 1024);
  assert_true(counts()->again == 2 && counts()->here == 0 && counts()->gone == 0 && counts()->moved_bytes == 0);
}

static void found_there(void **unused)
{
  one("count: 2, dispatch: session", "state: {size: 1 MB, rebuild: 500 ms}", work);
  done_at(0, 1001), done_at(1, 1012), done_at(2, 1023);
  assert_true(counts()->here == 2 && fact[1][FACT_STATE_PLACE] == 2 && fact[0][FACT_STATE_PLACE] == -1);
}

/* 1 MB over two hops of 2 MB/s each takes 1 s. */
static void comes_along(void **unused)
{
  one(two, "state: {size: 1 MB, rebuild: 500 ms, move: transfer}", work);
  done_at(0, 1001), done_at(1, 1013), done_at(2, 1025);
  assert_true(counts()->moved == 2 && counts()->moved_bytes == 2e6);
}

static void sooner(void **unused)
{
  one(two, "state: {size: 1 MB, rebuild: 900 ms, move: cheapest}", work);
  done_at(1, 1012.9);
  assert_int_equal(counts()->again, 2);
  one(two, "state: {size: 1 MB, rebuild: 1.1 s, move: cheapest}", work);
  done_at(1, 1013);
  assert_int_equal(counts()->moved, 2);
}

/* 400 tokens at first; 100 asked and 50 answered a turn: 500, 650 and 800 to read at 1000 a second, then 49 steps. */
static const char tokens[] = "context: {start: 400, grows: 150}, state: {}",
  chat[] = "variants: m, work: {tokens: {input: context_tokens + 100, output: 50}}";
static void fewer_tokens(void **unused)
{
  one("hardware: card, dispatch: session, count: 2", tokens, chat);
  double first = 1000 + .5 + .49, second = first + 10 + .1 + .49;
  done_at(0, first), done_at(1, second), done_at(2, second + 10 + .1 + .49);
  assert_true(fact[1][FACT_STATE_TOK] == 550 && fact[2][FACT_STATE_TOK] == 700 && fact[2][FACT_TURN] == 3);
  one("hardware: card, dispatch: round_robin, count: 2", tokens, chat);
  second = first + 10 + .65 + .49;
  done_at(0, first), done_at(1, second), done_at(2, second + 10 + .8 + .49);
  assert_true(counts()->again_tok == 550 + 700);
}

/* 10 kB a token: 5.5 MB, 2.75 s a hop. */
static void tokens_come_along(void **unused)
{
  one("hardware: card, dispatch: round_robin, count: 2", "context: {start: 400, grows: 150}, state: {move: transfer}", chat);
  done_at(1, 1000 + .99 + 10 + 5.5 + .1 + .49);
  assert_true(counts()->moved_bytes == 5.5e6 + 7e6);
}

/* An engine keeps the blocks itself, of 16 tokens, full ones of what it has processed: 500 + 49 of the first turn, 34 blocks;
 * 650 + 49 of the second, 43. Of 500 + 650 + 800 tokens so many are found. Another engine of the member has none. */
static void blocks_of_an_engine(void **unused)
{
  one("hardware: card, batching: {kind: continuous, kv_blocks: 1000}", tokens, chat);
  near(place_of[2].prefix_hit_ratio, (34 + 43) * 16. / (500 + 650 + 800), 1e-12);
  assert_int_equal(counts()->here, 2);
  one("hardware: card, count: 2, dispatch: round_robin, batching: {kind: continuous, kv_blocks: 1000}", tokens, chat);
  near(place_of[2].prefix_hit_ratio, 34 * 16. / (500 + 650 + 800), 1e-12);        /* the third turn is where the first was */
  assert_int_equal(counts()->again, 2);
}

/* Conversations of a class begin with the same 400 tokens, 25 blocks: the first turn of the second one finds them. */
static void common_blocks(void **unused)
{
  run("hardware: card, batching: {kind: continuous, kv_blocks: 1000}",
      "horizon: {duration: 2500 s, drain_max: 1000 s}\nclasses:\n  - {name: chat, from: user, arrivals: {session: {interarrival: 1000 s, "
      "turns: 1, think: 10 s, context: {start: 400}, state: {}}}, pipeline: [{task: answer, places: edge, variants: m, "
      "work: {tokens: {input: context_tokens + 100, output: 50}}}]}\n");
  assert_int_equal(kept.requests, 2);
  near(place_of[2].prefix_hit_ratio, 400. / 1000, 1e-12);
}

/* The next turn comes after the answer, not after what nobody waits for. */
static void asynchronous(void **unused)
{
  one("count: 2, dispatch: session", "state: {size: 1 MB, rebuild: 500 ms}",
      "work: {time: 1 s}}, {task: note, places: edge, async: true, work: {time: 4 s}");
  int64_t at = kept.request[0].arrived_ns, next = kept.request[1].arrived_ns;
  assert_int_equal(next - at, ms(11000));
  assert_int_equal(counts()->here, 2);
}

static void cut_off(void **unused)
{
  one("count: 1", "context: {start: 100, grows: 30, limit: 120}, state: {size: 1 kB}", work);
  assert_true(fact[0][FACT_CONTEXT] == 100 && fact[1][FACT_CONTEXT] == 120 && fact[2][FACT_CONTEXT] == 120);
  assert_true(counts()->gone == 2 && counts()->again == 2);
}

/* The first turn takes too long: nothing is added, no state; or that was it. */
static void without_answer(void **unused)
{
  one("count: 1", "context: {start: 100, grows: 30}, state: {size: 1 kB}", "work: {time: 1 s}, timeout: {e2e: 500 ms}");
  assert_true(kept.request[2].status == STATUS_TIMEOUT && fact[2][FACT_CONTEXT] == 100 && counts()->gone == 2);
  run("count: 1", "horizon: {duration: 1500 s}\nclasses:\n  - {name: chat, from: user, arrivals: {session: {interarrival: 1000 s, "
      "turns: 3, think: 10 s, on_failure: ends}}, pipeline: [{task: answer, places: edge, work: {time: 1 s}, "
      "timeout: {e2e: 500 ms}}]}\n");
  assert_int_equal(kept.requests, 1);
}

/* Served at 1 s, under way to the user for another one; each attempt of two is given up at 1.5 s. Two turns after the first, of
 * two attempts each, which read 100 tokens of context on the member where the state is not. */
static void attempts_are_no_turns(void **unused)
{
  one(two, "context: {start: 100, grows: 30}, state: {size: 1 kB}",
      "work: {time: 1 s}, output: 2 MB, timeout: {e2e: 1.5 s}, fallback: [{place: edge}]");
  assert_true(kept.attempts == 6 && counts()->again == 2 && counts()->here == 0 && counts()->gone == 0);
  assert_true(counts()->again_tok == 4 * 100);
}

/* The turn reads 500 tokens and makes a state of 550; `show` fails, so that the context stays 400. The turns after it hold 400
 * of 500 tokens. */
static void state_of_a_failed_turn(void **unused)
{
  char task[512];
  snprintf(task, sizeof task, "%s}, {task: show, places: hub, work: {time: 2 s}, timeout: {e2e: 1 s}", chat);
  one("hardware: card", "context: {start: 400, grows: 150}, state: {}, task: answer", task);
  double first = 1000 + .5 + .49 + 1, second = first + 10 + .1 + .49 + 1;
  assert_int_equal(kept.request[0].completed_ns, ms(first * 1e3));
  assert_int_equal(kept.request[1].completed_ns, ms(second * 1e3));
  assert_int_equal(kept.request[2].completed_ns, ms((second + 10 + .1 + .49 + 1) * 1e3));
  assert_true(fact[1][FACT_CONTEXT] == 400 && fact[1][FACT_STATE_TOK] == 400 && fact[2][FACT_STATE_TOK] == 400);
}

/* The edge, without the release, serves all and is too late; what the hub, which has it, answers is the turn: three of one
 * version. With a ready answer instead no turn has a version. */
static void version_of_the_answer(void **unused)
{
  static const char *const fallbacks[] = {"place: hub", "answer: none"};
  for (int i = 0; i < 2; i++) {
    char more[2048];
    snprintf(more, sizeof more,
             "horizon: {duration: 1500 s, drain_max: 1000 s}\n"
             "versions: [{name: r, of: m, at: 0 s, delay: 1 h, places: edge, per: place}]\n"
             "classes: [{name: chat, from: user, arrivals: {session: {interarrival: 1000 s, turns: 3, think: 10 s, other_version: 0.5}}, "
             "pipeline: [{task: answer, places: edge, variants: m, work: {time: 1 s}, output: 2 MB, timeout: {e2e: 1.5 s}, "
             "fallback: [{%s}]}]}]\n", fallbacks[i]);
    run("count: 1", more);
    assert_true(kept.requests == 3 && kept.attempts == (i ? 3 : 6));
    assert_true(counts()->turned == (i ? 0 : 2) && counts()->other_version == 0);
    for (int k = 0; k < 3 && !i; k++) assert_true(kept.request[k].quality > .5);
  }
}

/* Only the first turn is secret, 1000 B. Its state of 1 MB comes along with the second turn: all secret; half of it is when it does
 * with the third, and a quarter with tokens that the second one adds thrice as many of. */
static void kinds_of_what_moves(void **unused)
{
  static const char *const contexts[] = {"", "context: {start: 0, grows: 10 + 20 * (turn > 1)}, "};
  for (int i = 0; i < 2; i++) {
    char more[2048];
    snprintf(more, sizeof more,
             "horizon: {duration: 1500 s, drain_max: 1000 s}\ndata: {secret: {}}\n"
             "classes: [{name: chat, from: user, input: 1 kB, data: {secret: turn == 1}, arrivals: {session: {interarrival: 1000 s, "
             "turns: 3, think: 10 s, %sstate: {size: 1 MB, rebuild: 1 s, move: transfer}}}, "
             "pipeline: [{task: answer, places: edge, work: {time: 1 s}}]}]\n", contexts[i]);
    run(two, more);
    assert_int_equal(counts()->moved, 2);
    near(shown.execution[0], 1000 + 1e6 + (i ? .25e6 : .5e6), 1e-3);
  }
}

/* One begins each 5 s, room for one: of the first two the second turns come at 15 and 20 s, each after another one. */
static void no_room(void **unused)
{
  const char *more = "horizon: {duration: 22 s, drain_max: 1000 s}\nclasses:\n  - {name: chat, from: user, arrivals: {session: "
                     "{interarrival: 5 s, turns: 3, think: 9 s, state: {size: 600 kB}}}, pipeline: [{task: answer, places: edge, "
                     "work: {time: 1 s}}]}\n";
  run("sessions: {capacity: 1 MB}", more);
  assert_true(counts()->begun == 4 && counts()->later == 2 && counts()->gone == 2 && counts()->evicted > 2);
  run("sessions: {capacity: 10 MB}", more);
  assert_true(counts()->here == 2 && counts()->evicted == 0);
}

/* The member fails at 1150 s, between the second and the third turn, which has to make it anew. */
static void lost_with_its_member(void **unused)
{
  one("count: 1, failures: {work: lost, outages: [{from: 1150 s, for: 1 s}]}",
      "state: {size: 1 MB, rebuild: 500 ms}, turns: 3, think: 100 s", work);
  done_at(1, 1102), done_at(2, 1203.5);
  assert_true(counts()->here == 1 && counts()->gone == 1);
}

/* Two places that a hub in another zone joins: state may not go through it. */
static void forbidden_zone(void **unused)
{
  static const char *const zones[] = {"[u]", "[u, x]"};
  for (int i = 0; i < 2; i++) {
    char text[2048];
    snprintf(text, sizeof text,
             "horizon: {duration: 1500 s, drain_max: 1000 s}\n"
             "places: [{name: user, tier: device, zone: u}, {name: a, tier: edge, zone: u}, {name: b, tier: edge, zone: u}, "
             "{name: hub, tier: cloud, zone: x}]\n"
             "links: [{name: ua, between: [user, a]}, {name: ub, between: [user, b]}, {name: ah, between: [a, hub], rate: 2 MB/s}, "
             "{name: bh, between: [b, hub], rate: 2 MB/s}]\n"
             "policies: [round_robin]\n"
             "classes: [{name: chat, from: user, zones: %s, arrivals: {session: {interarrival: 1000 s, turns: 3, think: 10 s, "
             "state: {size: 1 MB, rebuild: 500 ms, move: transfer}}}, pipeline: [{task: answer, places: [a, b], work: {time: 1 s}}]}]\n",
             zones[i]);
    load(text);
    assert_int_equal(summary.zone_violations, 0);
    assert_true(counts()->later == 2 && counts()->moved == (i ? 2 : 0) && counts()->again == (i ? 0 : 2));
    done_at(1, i ? 1013 : 1012.5);
  }
}

/* Everything at once: copies, retries, time-outs, members that fail, instances that go, little room, state under way that is
 * cut, engines. The world checks itself (conservation, both ledgers); here, that each later turn is one of three. */
static void rough(void **unused)
{
  static const char *const places[] = {
    "count: 3, slots: 2, capacity: 5000, failures: {mtbf: {exponential: {mean: 60 s}}, mttr: 5 s, work: restart}, sessions: {capacity: 5 MB, keep: 20 s}",
    "count: 3, dispatch: random, sessions: {capacity: 5 MB}, instances: {max: 4, keep_alive: 10 s, cold_start: 1 s}",
    "count: 3, dispatch: session, discipline: processor_sharing, sessions: {keep: 8 s}"};
  static const char *const moves[] = {"reprefill", "transfer", "cheapest"};
  for (int i = 0; i < 9; i++) {
    char more[4096];
    snprintf(more, sizeof more,
             "horizon: {duration: 600 s, drain_max: 1000 s}\n"
             "versions: [{name: r, of: [m, old], at: 0 s, every: 60 s, delay: {exponential: {mean: 20 s}}}]\n"
             "policies: [random]\n"
             "classes:\n"
             "  - {name: chat, from: user, arrivals: {session: {rate: 1 /s, turns: {exponential: {mean: 5}}, think: {exponential: {mean: 5 s}},\n"
             "     context: {start: 100, grows: 200, limit: 900}, state: {move: %s, size: 1 kB * context_tokens, rebuild: 1 ms * context_tokens},\n"
             "     other_version: 0.9, on_failure: %s}},\n"
             "     pipeline: [{task: look, variants: old, places: hub, work: {time: 50 ms}, output: 10 kB},\n"
             "                {task: answer, variants: [m, old], places: [\"edge[*]\", hub], work: {time: {exponential: {mean: 1 s}}}, output: 100 kB,\n"
             "                 matches: {tasks: look, quality: 0.5}, timeout: {e2e: 4 s}, retry: {attempts: 2}, hedge: {after: 1 s, place: hub},\n"
             "                 fallback: [{answer: none}]}]}\n", moves[i % 3], i % 2 ? "ends" : "goes_on");
    run(places[i / 3], more);
    assert_true(counts()->later > 500 && counts()->here + counts()->moved + counts()->again == counts()->later);
    assert_true(counts()->gone + counts()->other_model <= counts()->again && counts()->mismatched <= counts()->paired);
    assert_true((counts()->moved > 0) == (i % 3 > 0) && counts()->other_version > 0);
  }
}

/* ---- closed forms --------------------------------------------------------------------------------------------------- */

static void many(const char *edge, const char *session, const char *rest)
{
  char more[4096];
  snprintf(more, sizeof more,
           "horizon: {duration: 4000 s, drain_max: 1000 s}\n%s"
           "classes:\n"
           "  - {name: chat, from: user, arrivals: {session: {rate: 0.3 /s, turns: 10, %s}},\n"
           "     pipeline: [{task: answer, variants: m, places: edge, work: {time: 0 s}}]}\n", rest, session);
  run(edge, more);
}

static void random_routing(void **unused)
{
  many("count: 4, dispatch: random, variants: m", "think: {exponential: {mean: 10 s}}, state: {size: 1 kB}", "");
  assert_true(counts()->later > 5000);
  share_is((double)counts()->again, (double)counts()->later, 1 - 1. / 4);
}

static void kept_for(void **unused)
{
  many("variants: m, sessions: {keep: 10 s}", "think: {exponential: {mean: 10 s}}, state: {size: 1 kB}", "");
  share_is((double)counts()->gone, (double)counts()->later, exp(-1));
}

/* A release each 40 s: between two turns comes one with E[min(g, P)] / P = t (1 - exp(-P/t)) / P. Turns that fall into one
 * period know of the same releases: batches of periods, 100 of them, set the error. */
static void versions_of_turns(void **unused)
{
  double p = 10 * (1 - exp(-4)) / 40;
  many("variants: m", "think: {exponential: {mean: 10 s}}, state: {size: 1 kB}", "versions: [{name: r, of: m, at: 0 s, every: 40 s}]\n");
  assert_true(counts()->turned > 5000 && counts()->other_version == counts()->other_model);
  near((double)counts()->other_version / (double)counts()->turned, p, 4 * sqrt(p * (1 - p) / 1000));
}

/* Two tasks, the hub has a release at once, the box later: exponential, mean 5 s, each 10 s. The share of one period is
 * min(D, P) / P; 400 periods. */
static void versions_of_tasks(void **unused)
{
  double x = exp(-2.), mean = .5 * (1 - x), square = 2 * .25 * (1 - x) - 2 * .5 * x;   /* E[min(D, P)^2] / P^2 */
  run("variants: m", "horizon: {duration: 4000 s}\n"
      "versions: [{name: r, of: [m, old], at: 0 s, every: 10 s, delay: {exponential: {mean: 5 s}}, places: edge}]\n"
      "classes:\n"
      "  - {name: ask, from: user, arrivals: {poisson: {rate: 10 /s}},\n"
      "     pipeline: [{task: embed, variants: old, places: hub, work: {time: 0 s}},\n"
      "                {task: seek, variants: m, places: edge, work: {time: 0 s}, matches: {tasks: embed, quality: 0.5}}]}\n");
  double share = (double)counts()->mismatched / (double)counts()->paired;
  near(share, mean, 4 * sqrt((square - mean * mean) / 400 + mean * (1 - mean) / 40000));
  double quality = 0;
  for (int i = 0; i < kept.requests; i++) quality += kept.request[i].quality > .5;     /* width 0.1: near 1 */
  assert_true(quality / kept.requests < .8);
}

/* Members as actions: affinity has 1 / 1; a policy that does not look, 1 / 4. */
static void policy_stays(void **unused)
{
  const char *form = "horizon: {duration: 2000 s, drain_max: 1000 s}\npolicies: [%s]\nclasses:\n  - {name: chat, from: user, arrivals: {session: "
                     "{rate: 0.2 /s, turns: 10, think: 10 s, state: {size: 1 kB}}}, pipeline: [{task: answer, "
                     "places: \"edge[*]\", work: {time: 0.1 s}}]}\n";
  char more[2048];
  snprintf(more, sizeof more, form, "affinity");
  run("count: 4", more);
  assert_true(counts()->later > 2000 && counts()->here == counts()->later);
  snprintf(more, sizeof more, form, "random");
  run("count: 4", more);
  share_is((double)counts()->here, (double)counts()->later, 1. / 4);
}

/* ---- the same world ------------------------------------------------------------------------------------------------- */

/* What a turn is does not depend on how long the answers take. */
static void common_numbers(void **unused)
{
  static struct { uint64_t id; double attribute[2]; uint32_t device; } seen[KEPT];
  const char *form = "horizon: {duration: 600 s, drain_max: 1 h}\nclasses:\n  - {name: chat, from: user, arrivals: {session: {rate: 0.2 /s, "
                     "turns: {exponential: {mean: 4}}, think: {exponential: {mean: 10 s}}, context: {start: 5, grows: words}}}, "
                     "attributes: {words: {dist: {uniform: {low: 1, high: 9}}}}, pipeline: [{task: answer, places: edge, work: {time: %s}}]}\n";
  char more[2048];
  snprintf(more, sizeof more, form, "0 s");
  run("count: 3", more);
  int n = kept.requests < KEPT ? kept.requests : KEPT, same = 0;
  for (int i = 0; i < n; i++) seen[i].id = kept.request[i].request, memcpy(seen[i].attribute, fact[i], sizeof seen[i].attribute);
  snprintf(more, sizeof more, form, "{exponential: {mean: 7 s}}");
  run("count: 3", more);
  for (int i = 0; i < kept.requests; i++)
    for (int k = 0; k < n; k++)
      if (seen[k].id == kept.request[i].request) {
        assert_true(fact[i][FACT_TURN] == seen[k].attribute[0] && fact[i][FACT_CONTEXT] == seen[k].attribute[1]);
        same++;
      }
  assert_true(same > 300);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(shelves), cmocka_unit_test(made_anew), cmocka_unit_test(found_there), cmocka_unit_test(comes_along),
    cmocka_unit_test(sooner), cmocka_unit_test(fewer_tokens), cmocka_unit_test(tokens_come_along), cmocka_unit_test(blocks_of_an_engine), cmocka_unit_test(common_blocks), cmocka_unit_test(cut_off), cmocka_unit_test(asynchronous),
    cmocka_unit_test(without_answer), cmocka_unit_test(attempts_are_no_turns), cmocka_unit_test(state_of_a_failed_turn),
    cmocka_unit_test(version_of_the_answer), cmocka_unit_test(kinds_of_what_moves), cmocka_unit_test(no_room), cmocka_unit_test(lost_with_its_member),
    cmocka_unit_test(policy_stays),
    cmocka_unit_test(forbidden_zone), cmocka_unit_test(rough), cmocka_unit_test(random_routing), cmocka_unit_test(kept_for),
    cmocka_unit_test(versions_of_turns), cmocka_unit_test(versions_of_tasks), cmocka_unit_test(common_numbers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
