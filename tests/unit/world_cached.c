/* Caches of answers in whole runs, by hand: when answers are there, what is told of them, what they are worth. */
#include "models/cached.h"
#include "models/effects.h"
#include "world_rig.h"
#include "unit.h"

enum { ITEM = 1, HIT, WRONG, KEPT_QUALITY, ATTRIBUTES };

struct cached_rig {
  struct rig *r;
  struct attribute_def attribute[ATTRIBUTES];
  struct cache_def cache;
  struct effect_def effect;
  struct produced_def produced[3];
};

/* Asked at the edge, which takes 1 s, made in the cloud in 2 s; each link 1 s. A request each 10 s, all for one item. */
static struct cached_rig *cached_rig(void)
{
  struct cached_rig *c = calloc(1, sizeof *c);
  struct rig *r = c->r = rig_new();
  static const char *const names[] = {"difficulty", "item", "first_hit", "first_false", "first_quality"};
  for (int i = 0; i < ATTRIBUTES; i++)
    c->attribute[i] = (struct attribute_def){.name = names[i], .unit = "", .known = KNOWN_ORACLE, .produced = i >= HIT};
  c->attribute[ITEM].dist = always(5);
  c->cache = (struct cache_def){.limits = {.entries = 10}, .item = attribute_value(ITEM), .entry_bytes = amount(1000),
                                .quality = amount(1), .hit = HIT, .wrong = WRONG, .kept = KEPT_QUALITY};
  for (int i = 0; i < 3; i++) c->produced[i] = (struct produced_def){HIT + i, i == 2 ? NAN : 0};
  c->effect = (struct effect_def){.ends = attribute_value(HIT), .n_produced = 3, .produced = c->produced, .cache = &c->cache};
  rig_task(r, 0, 0, 1, plan_at(1));
  rig_task(r, 1, 1, 2, plan_at(2));
  r->task[0].effect = &c->effect;
  r->klass[0].n_tasks = 2;
  r->klass[0].n_attributes = ATTRIBUTES;
  r->klass[0].attribute = c->attribute;
  for (int i = 0; i < 2; i++) r->link[i].latency_s = always(1);
  r->def.record_transfers = true;
  r->def.horizon.duration_s = 35;
  r->def.horizon.drain_max_s = 60;
  effects_link(&r->klass[0], r->task);
  return c;
}

static void cached_rig_free(struct cached_rig *c)
{
  rig_free(c->r);
  free(c);
}

static double latency_s(const struct rig *r, int i)
{
  return 1e-9 * (double)(r->kept->request[i].completed_ns - r->kept->request[i].arrived_ns);
}

static int fills(const struct rig *r)
{
  int n = 0;
  for (int i = 0; i < r->kept->transfers; i++) {
    const struct transfer_record *t = &r->kept->transfer[i];
    if (t->kind != TRANSFER_FILL) continue;
    assert_near(t->bytes, 1000, 0);
    assert_int_equal(t->ended_ns - t->started_ns, 1000000000);
    n++;
  }
  return n;
}

static void test_the_second_finds_what_the_first_left(void **state)
{
  (void)state;
  struct cached_rig *c = cached_rig();
  struct rig *r = c->r;
  rig_run(r);
  assert_int_equal(r->kept->requests, 3);
  assert_near(latency_s(r, 0), 1 + 1 + 1 + 2 + 2, 1e-9);
  assert_near(latency_s(r, 1), 1 + 1 + 1, 1e-9);
  assert_near(latency_s(r, 2), 1 + 1 + 1, 1e-9);
  for (int i = 0; i < 3; i++) {
    const struct request_record *q = &r->kept->request[i];
    assert_int_equal(q->lookups, 1);
    assert_int_equal(q->hits, i > 0);
    assert_int_equal(q->false_hits, 0);
    assert_near(q->quality, 1, 0);
  }
  assert_int_equal(r->summary.place[1].cache_lookups, 3);
  assert_int_equal(r->summary.place[1].cache_hits, 2);
  assert_int_equal(r->summary.place[1].cache_entries, 1);
  assert_int_equal(fills(r), 1);
  cached_rig_free(c);
}

/* Sent at 7 s after the request came, there at 8; asked for again at 12. */
static void test_answers_live_for_their_time(void **state)
{
  (void)state;
  for (int k = 0; k < 2; k++) {
    struct cached_rig *c = cached_rig();
    c->cache.limits.ttl = INT64_C(1000000000) * (k ? 5 : 3);
    rig_run(c->r);
    assert_int_equal(c->r->kept->request[1].hits, k);
    cached_rig_free(c);
  }
}

/* Another item each time; what is stored is as similar as .6 to all others. */
static void test_false_hits(void **state)
{
  (void)state;
  for (int k = 0; k < 2; k++) {
    struct cached_rig *c = cached_rig();
    c->attribute[ITEM].dist = drawn("uniform", 0, 1);
    c->cache.other = always(.6);
    c->cache.threshold = k ? .7 : .5;
    c->cache.false_quality = amount(.25);
    rig_run(c->r);
    const struct request_record *q = c->r->kept->request;
    assert_int_equal(q[0].hits, 0);                     /* nothing is there yet */
    for (int i = 1; i < 3; i++) {
      assert_int_equal(q[i].hits, !k);
      assert_int_equal(q[i].false_hits, !k);
      assert_near(q[i].quality, k ? 1 : .25, 1e-15);
    }
    assert_int_equal(c->r->summary.place[1].cache_false_hits, k ? 0 : 2);
    assert_int_equal(c->r->summary.place[1].cache_entries, k ? 2 : 1);     /* the third is on its way */
    cached_rig_free(c);
  }
}

/* Made at the phone: the question comes back to it, and the answer goes to the edge; or both are at the phone. */
static void test_where_answers_come_from(void **state)
{
  (void)state;
  for (int k = 0; k < 2; k++) {
    struct cached_rig *c = cached_rig();
    if (k) c->r->plan[0][0] = plan_origin();
    c->r->plan[1][0] = plan_origin();
    rig_run(c->r);
    assert_int_equal(fills(c->r), !k);
    assert_near(latency_s(c->r, 0), k ? 1 + 2 : 1 + 1 + 1 + 2, 1e-9);
    assert_int_equal(c->r->kept->request[1].hits, 1);
    cached_rig_free(c);
  }
}

/* A second cache, one task further; both end what they find. `side` and the last task do not look. */
struct two_rig { struct rig *r; struct attribute_def attribute[ATTRIBUTES + 3]; struct cache_def cache[2]; struct effect_def effect[2];
                 struct produced_def produced[6]; };

static struct two_rig *two_rig(struct plan_def first, struct plan_def second, struct plan_def last)
{
  struct two_rig *c = calloc(1, sizeof *c);
  struct cached_rig *one = cached_rig();
  struct rig *r = c->r = one->r;
  memcpy(c->attribute, one->attribute, sizeof one->attribute);
  for (int i = 0; i < 2; i++) {
    c->cache[i] = one->cache;
    c->cache[i].store = i;
    c->cache[i].hit += 3 * i, c->cache[i].wrong += 3 * i, c->cache[i].kept += 3 * i;
    for (int k = 0; k < 3; k++) c->produced[3 * i + k] = (struct produced_def){HIT + 3 * i + k, k == 2 ? NAN : 0};
    c->effect[i] = (struct effect_def){.ends = attribute_value((uint16_t)c->cache[i].hit), .n_produced = 3,
                                       .produced = c->produced + 3 * i, .cache = &c->cache[i]};
  }
  static const char *const names[] = {"second_hit", "second_false", "second_quality"};
  for (int k = 0; k < 3; k++)
    c->attribute[ATTRIBUTES + k] = (struct attribute_def){.name = names[k], .unit = "", .known = KNOWN_ORACLE, .produced = true};
  rig_task(r, 0, 0, 1, first);
  rig_task(r, 1, 1, 1, second);
  rig_task(r, 2, 2, 1, last);
  r->task[0].before = 2;
  for (int i = 0; i < 2; i++) r->task[i].effect = &c->effect[i];
  r->klass[0].n_tasks = 3;
  r->klass[0].n_attributes = ATTRIBUTES + 3;
  r->klass[0].attribute = c->attribute;
  effects_link(&r->klass[0], r->task);
  free(one);
  return c;
}

static void two_rig_free(struct two_rig *c)
{
  rig_free(c->r);
  free(c);
}

/* What the phone's cache holds lives for 3 s, so that each request comes to the edge's: the first one's answer is made by the
 * fourth task, the others' is found by the second, while the third was done last but two in the list: 1000 B each time. */
static void test_the_maker_is_who_ended_it(void **state)
{
  (void)state;
  struct two_rig *c = two_rig(plan_origin(), plan_at(1), plan_origin());
  struct rig *r = c->r;
  c->cache[0].limits.ttl = INT64_C(3000000000);
  r->task[0].before = 0, r->task[1].before = 0;
  rig_task(r, 2, 1, .5, plan_origin());
  rig_task(r, 3, 2 | 4, 1, plan_at(1));
  r->task[0].before = 2 | 4;
  r->klass[0].n_tasks = 4;
  effects_link(&r->klass[0], r->task);
  rig_run(r);
  assert_int_equal(r->kept->requests, 3);
  int n = 0;
  for (int i = 0; i < r->kept->transfers; i++) {
    const struct transfer_record *t = &r->kept->transfer[i];
    if (t->kind != TRANSFER_FILL) continue;
    assert_int_equal(t->carries, CARRIES_OUTPUT + (n ? 1 : 3));
    assert_near(t->bytes, 1000, 0);
    n++;
  }
  assert_int_equal(n, 3);
  two_rig_free(c);
}

/* The edge's cache forgets after 3 s. The phone makes the first answer, of which all is of a kind that the input has nothing
 * of, and keeps it; the others find it there, and would bring it to the edge. k = 0: it may not leave the phone, and none is
 * at the edge. k = 1: it may, and the edge sees 1000 B of it each time. */
static void test_kinds_stay_with_what_is_kept(void **state)
{
  (void)state;
  for (int k = 0; k < 2; k++) {
    struct two_rig *c = two_rig(plan_at(1), plan_origin(), plan_origin());
    struct rig *r = c->r;
    struct data_def data = {"secret", k ? ~UINT64_C(0) : UINT64_C(1) << r->place[0].zone, 1};
    struct expr none = amount(0), all = amount(1);
    c->cache[0].limits.ttl = INT64_C(3000000000);
    r->def.n_data = 1;
    r->def.data = &data;
    r->klass[0].data = &none;
    r->task[2].data = &all;
    rig_run(r);
    assert_int_equal(r->kept->requests, 3);
    assert_int_equal(r->summary.completed, 3);
    assert_int_equal(r->kept->request[1].hits + r->kept->request[2].hits, 2);
    assert_int_equal(fills(r), k ? 3 : 0);
    assert_near(r->exposure[r->place[1].zone].execution[0], k ? 3 * 1000 : 0, 1e-9);
    assert_near(r->summary.misplaced_bytes, 0, 0);
    two_rig_free(c);
  }
}

/* An answer that is just as similar as it has to be, and always the same: is not below the threshold. */
static void test_at_the_threshold(void **state)
{
  (void)state;
  struct cached_rig *c = cached_rig();
  c->attribute[ITEM].dist = drawn("uniform", 0, 1);
  c->cache.other = always(.8);
  c->cache.threshold = .8;
  c->cache.false_quality = amount(.25);
  rig_run(c->r);
  for (int i = 0; i < 3; i++) assert_int_equal(c->r->kept->request[i].false_hits, i > 0);
  cached_rig_free(c);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_second_finds_what_the_first_left), cmocka_unit_test(test_answers_live_for_their_time),
    cmocka_unit_test(test_false_hits), cmocka_unit_test(test_where_answers_come_from),
    cmocka_unit_test(test_at_the_threshold), cmocka_unit_test(test_the_maker_is_who_ended_it),
    cmocka_unit_test(test_kinds_stay_with_what_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
