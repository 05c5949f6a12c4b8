/* Kinds of data in messages: what each zone saw, where they may go, what places that are not trusted cost. */
#include "models/effects.h"
#include "models/transform.h"
#include "tests/unit/unit.h"
#include "tests/unit/world_rig.h"

enum { USER, TELCO, PUBLIC, PERSONAL = 0, SECRET = 1, N_DATA };

/* Requests at 10 and 20 s, of 1000 B up and 200 B down, 0.3 of them personal, at 8 kB/s and 10 ms a link. */
static struct rig *asking(struct data_def *data, struct expr *share, int place)
{
  struct rig *r = rig_new();
  data[PERSONAL] = (struct data_def){"personal", ~UINT64_C(0), 1};
  data[SECRET] = (struct data_def){"secret", 1u << USER, 10};
  share[PERSONAL] = amount(0.3);
  share[SECRET] = amount(0);
  r->def.horizon.duration_s = 25;
  r->def.n_data = N_DATA;
  r->def.data = data;
  r->klass[0].data = share;
  r->klass[0].input_bytes = amount(1000);
  rig_task(r, 0, 0, 1, place < 0 ? plan_origin() : plan_at(place));
  r->task[0].output_bytes = amount(200);
  for (int i = 0; i < 2; i++) {
    r->link[i].latency_s = always(0.01);
    r->link[i].up_byte_per_s = r->link[i].down_byte_per_s = 8000;
    r->link[i].zones = 1u << i | 1u << (i + 1);
  }
  return r;
}

#define RIG(place) \
  struct data_def data[N_DATA]; \
  struct expr share[N_DATA]; \
  struct rig *r = asking(data, share, place); \
  (void)state

/* The world is gone after a run; its table of zones is copied by rig_run. */
static struct exposure_summary seen(const struct rig *r, int zone, int kind) { return r->exposure[zone * N_DATA + kind]; }

/* Two requests: 300 B up, 60 B down each, through telco to the cloud; of the input 300 B are kept for 60 s there. */
static void test_transit_execution_rest(void **state)
{
  RIG(2);
  struct trust_def keeps = {.slowdown = 1, .send = 1, .answer = 1, .keeps_s = 60};
  r->place[2].trust = &keeps;
  rig_run(r);
  assert_near(seen(r, TELCO, PERSONAL).transit[0], 2 * (300 + 60), 1e-9);
  assert_near(seen(r, PUBLIC, PERSONAL).execution[0], 2 * 300, 1e-9);
  assert_near(seen(r, PUBLIC, PERSONAL).transit[0], 0, 1e-9);
  assert_near(seen(r, PUBLIC, PERSONAL).rest_byte_s, 2 * 300 * 60, 1e-9);
  assert_near(seen(r, USER, PERSONAL).execution[0], 0, 1e-9);
  assert_near(r->summary.exposed_bytes, 2 * (300 + 60 + 300), 1e-9);
  assert_near(r->summary.kept_byte_s, 2 * 300 * 60, 1e-9);
  assert_near(r->summary.misplaced_bytes, 0, 1e-9);
  rig_free(r);
}

static void test_nothing_leaves_the_device(void **state)
{
  RIG(-1);
  share[SECRET] = amount(0.7);
  rig_run(r);
  assert_int_equal(r->summary.completed, 2);
  for (int i = 0; i < 3 * N_DATA; i++)
    assert_near(r->exposure[i].execution[0] + r->exposure[i].transit[0] + r->exposure[i].execution[1], 0, 1e-9);
  rig_free(r);
}

/* A share of a local-only kind masks every place beyond the device; without one the same plan runs. */
static void test_local_only_is_masked(void **state)
{
  RIG(1);
  share[SECRET] = amount(0.001);
  rig_run(r);
  assert_int_equal(r->summary.failed, 2);
  assert_int_equal(r->kept->attempt[0].status, STATUS_MASKED);
  assert_int_equal(r->kept->transfers, 0);
  share[SECRET] = amount(0);
  rig_run(r);
  assert_int_equal(r->summary.completed, 2);
  rig_free(r);
}

/* Which requests carry a secret depends on an attribute: those stay, the others may go. */
static void test_shares_of_a_request(void **state)
{
  RIG(1);
  r->klass[0].n_attributes = 2;
  r->attribute[1] = (struct attribute_def){.name = "delicate", .unit = "", .dist = drawn("uniform", -0.7, 0.7)};
  struct expr_op positive[] = {{EXPR_NUMBER, 0, 0}, {EXPR_ATTRIBUTE, 1, 0}, {EXPR_MAX, 0, 0}};
  share[SECRET] = (struct expr){3, 2, positive};
  r->klass[0].data_varies = true;
  r->plan[0][1] = plan_origin();
  r->task[0].n_plans = 2;
  r->policy = (struct policy_def){.name = "always_edge", .policy = "always_edge", .at_place = NONE};
  r->def.horizon.duration_s = 4005;
  rig_run(r);
  int away = 0;
  for (int i = 0; i < r->kept->requests; i++) away += r->kept->request[i].offloaded;
  assert_int_equal(r->summary.completed, 400);
  assert_in_range(away, 150, 250);                      /* binomial, 5 standard deviations: false alarm 6e-7 */
  assert_near(r->summary.misplaced_bytes, 0, 1e-9);
  assert_near(seen(r, TELCO, SECRET).execution[0], 0, 1e-9);
  rig_free(r);
}

/* The second task sends on what the first one left: half the bytes, of which 0.1 are personal. */
static void test_what_a_task_makes(void **state)
{
  RIG(-1);
  struct expr left[N_DATA] = {amount(0.1), amount(0)};
  rig_task(r, 1, 1, 1, plan_at(1));
  r->task[0].output_bytes = amount(500);
  r->task[0].data = left;
  r->task[1].output_bytes = amount(100);
  r->klass[0].n_tasks = 2;
  rig_run(r);
  assert_near(seen(r, TELCO, PERSONAL).execution[0], 2 * 50, 1e-9);
  assert_near(r->summary.exposed_bytes, 2 * 50, 1e-9);
  rig_free(r);
}

/* A secret that the first task takes out does not keep the second one at home; one that it passes on does. */
static void test_masks_follow_the_data(void **state)
{
  RIG(-1);
  struct expr left[N_DATA] = {amount(0.1), amount(0)};
  share[SECRET] = amount(0.5);
  rig_task(r, 1, 1, 1, plan_at(1));
  r->klass[0].n_tasks = 2;
  r->task[0].output_bytes = amount(500);
  rig_run(r);
  assert_int_equal(r->summary.failed, 2);
  r->task[0].data = left;
  rig_run(r);
  assert_int_equal(r->summary.completed, 2);
  assert_near(r->summary.misplaced_bytes, 0, 1e-9);
  rig_free(r);
}

/* 1000 B at 8 kB/s take 125 ms: called off after 50 ms, 400 B have moved, 120 of them personal. */
static void test_a_message_that_is_cut(void **state)
{
  RIG(1);
  r->task[0].timeout_s = 0.05;
  r->link[0].latency_s = always(0);
  rig_run(r);
  assert_near(seen(r, TELCO, PERSONAL).execution[0], 2 * 120, 1e-9);
  rig_free(r);
}

static void test_sealed_in_transit(void **state)
{
  RIG(2);
  struct transport_def tls = {.protocol = TRANSPORT_TLS13, .keep_s = 100, .rto_s = 100, .spans_route = true, .cpu_speed = 1};
  r->link[0].transport = &tls;
  rig_run(r);
  assert_near(seen(r, TELCO, PERSONAL).transit[0], 0, 1e-9);
  assert_near(seen(r, TELCO, PERSONAL).transit[1], 2 * 360, 1e-9);
  assert_near(seen(r, PUBLIC, PERSONAL).execution[0], 2 * 300, 1e-9);
  assert_near(r->summary.exposed_bytes, 600, 1e-9);
  assert_near(r->summary.protected_bytes, 720, 1e-9);
  rig_free(r);
}

/* 1 s of work takes 1.5 s; the proof takes 0.2 s and a round trip of 2 x 10 ms, once in valid_s. */
static void test_enclave(void **state)
{
  RIG(1);
  struct trust_def enclave = {.kind = TRUST_ENCLAVE, .slowdown = 1.5, .send = 1, .answer = 1, .attest_s = always(0.2),
                              .valid_s = 15, .round_trips = 1};
  r->place[1].trust = &enclave;
  r->def.horizon.duration_s = 35;
  rig_run(r);
  double way_s = 1000 / 8000. + 200 / 8000. + 0.02;
  const struct request_record *q = r->kept->request;
  assert_int_equal(q[0].completed_ns - q[0].arrived_ns, ms(1e3 * (way_s + 1.5 + 0.22)));
  assert_int_equal(q[1].completed_ns - q[1].arrived_ns, ms(1e3 * (way_s + 1.5)));
  assert_int_equal(q[2].completed_ns - q[2].arrived_ns, ms(1e3 * (way_s + 1.5 + 0.22)));       /* over 15 s later */
  assert_int_equal(r->kept->attempt[0].phase_ns[PHASE_UPLINK] - r->kept->attempt[1].phase_ns[PHASE_UPLINK], ms(220));
  assert_near(r->summary.exposed_bytes, 0, 1e-9);
  assert_near(seen(r, TELCO, PERSONAL).execution[1], 3 * 300, 1e-9);
  rig_free(r);
}

/* Two at once share one proof: both are ready when it is; a time-out during it leaves nothing behind. */
static void test_one_proof_for_two(void **state)
{
  RIG(1);
  struct trust_def enclave = {.kind = TRUST_ENCLAVE, .slowdown = 1, .send = 1, .answer = 1, .attest_s = always(2), .valid_s = 100};
  r->place[1].trust = &enclave;
  r->place[1].servers = 2;
  r->klass[0].arrivals.interarrival_s = always(1);
  r->def.horizon.duration_s = 2.5;
  rig_run(r);
  assert_true(r->kept->attempts >= 2);
  assert_int_equal(r->kept->attempt[0].phase_ns[PHASE_UPLINK], ms(2000 + 135));
  assert_int_equal(r->kept->attempt[1].phase_ns[PHASE_UPLINK], ms(1000 + 135));
  r->task[0].timeout_s = 1.5;
  rig_run(r);
  assert_int_equal(r->kept->attempt[0].status, STATUS_TIMEOUT);
  assert_int_equal(r->kept->attempt[0].phase_ns[PHASE_UPLINK], ms(1500));
  assert_int_equal(r->kept->attempt[0].bytes_up, 0);
  rig_free(r);
}

/* Ciphertext: 10000 B up, 1000 B back; 100 times the work; nobody sees anything. */
static void test_homomorphic(void **state)
{
  RIG(1);
  struct trust_def he = {.kind = TRUST_HOMOMORPHIC, .slowdown = 100, .send = 10, .answer = 5};
  r->place[1].trust = &he;
  r->def.horizon.duration_s = 15;
  rig_run(r);
  const struct attempt_record *a = r->kept->attempt;
  assert_near(a->bytes_up, 10000, 1e-9);
  assert_near(a->bytes_down, 1000, 1e-9);
  assert_int_equal(a->phase_ns[PHASE_SERVE], ms(100e3));
  assert_int_equal(a->phase_ns[PHASE_UPLINK], ms(10e3 / 8 + 10));
  assert_near(r->summary.exposed_bytes, 0, 1e-9);
  assert_near(seen(r, TELCO, PERSONAL).execution[1], 3000, 1e-9);
  rig_free(r);
}

/* ---- transform: attributes 1 kept, 2 quality, 3 left_personal, 4 left_secret ---- */

enum { KEPT_SHARE = 1, QUALITY, LEFT };
struct minimiser { struct transform_form form[2]; struct transform_def transform; struct effect_def effect; struct attribute_def attribute[5];
                   struct produced_def produced[4]; struct expr found[2][N_DATA]; int left[N_DATA]; };

/* The first task looks at the origin, the second is at the edge; recall of both kinds is the same. */
static void minimise(struct rig *r, struct minimiser *m, double recall, double entities)
{
  static const char *const names[] = {"difficulty", "kept", "quality", "left_personal", "left_secret"};
  *m = (struct minimiser){.left = {LEFT, LEFT + 1}};
  for (int i = 0; i < 5; i++)
    m->attribute[i] = i ? (struct attribute_def){.name = names[i], .unit = "", .known = KNOWN_AFTER_TASK, .produced = true, .high = 1}
                        : difficulty;
  for (int i = 0; i < 4; i++) m->produced[i] = (struct produced_def){i + 1, 1};
  for (int d = 0; d < N_DATA; d++) m->found[0][d] = amount(recall);
  m->form[0] = (struct transform_form){.keep = amount(0.5), .quality = amount(0.9), .found = m->found[0]};
  m->transform = (struct transform_def){.form = m->form, .kept = KEPT_SHARE, .quality = QUALITY, .left = m->left};
  if (entities > 0) m->transform.entities = amount(entities);
  m->effect = (struct effect_def){.n_produced = 4, .produced = m->produced, .transform = &m->transform};
  rig_task(r, 1, 1, 1, plan_origin());
  r->plan[1][1] = plan_at(1);
  r->task[1].n_plans = 2;
  r->task[0].effect = &m->effect;
  r->task[0].output_bytes = amount(500);
  r->klass[0].n_tasks = 2;
  r->klass[0].attribute = m->attribute;
  r->klass[0].n_attributes = 5;
  r->policy = (struct policy_def){.name = "always_edge", .policy = "always_edge", .at_place = NONE};
  effects_link(&r->klass[0], r->task);
}

/* 500 B with 0.3 x (1 - 0.9) of personal data each go to the edge; the quality is 0.9. */
static void test_what_is_found_is_not_seen(void **state)
{
  RIG(-1);
  struct minimiser m;
  minimise(r, &m, 0.9, 0);
  rig_run(r);
  assert_near(seen(r, TELCO, PERSONAL).execution[0], 2 * 500 * 0.3 * 0.1, 1e-9);
  assert_near(r->kept->request[0].quality, 0.9, 1e-12);
  m.transform.seals = true;
  r->link[0].zones = 1u << USER | 1u << TELCO | 1u << PUBLIC;
  rig_run(r);
  assert_near(seen(r, PUBLIC, PERSONAL).transit[1], 2 * 15, 1e-9);
  assert_near(seen(r, PUBLIC, PERSONAL).transit[0], 2 * 0, 1e-9);        /* the answer of no bytes is not sealed */
  rig_free(r);
}

/* Of 4 entities at recall .9 none is left with probability .6561: those requests may go, the others stay at home. Mean share
 * left: .1. 2000 requests: both within 4.5 standard errors, false alarm 7e-6 each. */
static void test_entities_that_are_missed(void **state)
{
  RIG(-1);
  struct minimiser m;
  minimise(r, &m, 0.9, 4);
  share[SECRET] = amount(0.1);
  r->place[0].servers = 4;
  r->klass[0].arrivals.interarrival_s = always(1);
  r->def.horizon.duration_s = 2000.5;
  rig_run(r);
  assert_int_equal(r->summary.completed, 2000);
  int away = 0;
  for (int i = 0; i < r->kept->requests; i++) away += r->kept->request[i].measured && r->kept->request[i].offloaded;
  double p = 0.6561, se = sqrt(p * (1 - p) / 2000);
  assert_true(fabs(away / 2000.0 - p) < 4.5 * se);
  double left = seen(r, TELCO, PERSONAL).execution[0] / (500 * 0.3 * away), left_se = sqrt(0.1 * 0.9 / 4 / away);
  assert_true(fabs(left - 0.1) < 4.5 * left_se);
  assert_near(r->summary.misplaced_bytes, 0, 1e-300);
  assert_near(seen(r, TELCO, SECRET).execution[0], 0, 1e-300);
  rig_free(r);
}

/* By the same numbers a better search finds whatever a worse one finds. */
static void test_more_recall_never_leaves_more(void **state)
{
  RIG(-1);
  struct minimiser m;
  double before = INFINITY;
  r->def.horizon.duration_s = 995;
  for (double recall = 0; recall <= 1; recall += 0.125) {
    minimise(r, &m, recall, 3);
    rig_run(r);
    double now = seen(r, TELCO, PERSONAL).execution[0];
    assert_true(now <= before);
    before = now;
  }
  assert_near(before, 0, 1e-300);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_transit_execution_rest), cmocka_unit_test(test_nothing_leaves_the_device),
    cmocka_unit_test(test_local_only_is_masked), cmocka_unit_test(test_shares_of_a_request),
    cmocka_unit_test(test_what_a_task_makes), cmocka_unit_test(test_masks_follow_the_data),
    cmocka_unit_test(test_a_message_that_is_cut), cmocka_unit_test(test_sealed_in_transit), cmocka_unit_test(test_enclave),
    cmocka_unit_test(test_one_proof_for_two), cmocka_unit_test(test_homomorphic),
    cmocka_unit_test(test_what_is_found_is_not_seen), cmocka_unit_test(test_entities_that_are_missed),
    cmocka_unit_test(test_more_recall_never_leaves_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
