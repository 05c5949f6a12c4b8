/* What the kernels of searches say that they find, against the numbers of their sources; passages in a window; a pipeline as
 * the builder makes it. */
#include "models/effects.h"
#include "models/pack.h"
#include "models/recall.h"
#include "scenarios/scenario.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

static struct err problems;

static struct scenario *load(const char *pipeline)
{
  char path[] = "/tmp/retrieval_XXXXXX.yaml", text[4096];
  int fd = mkstemps(path, 5);
  int n = snprintf(text, sizeof text,
    "horizon: {duration: 1 min}\nplaces: [{name: phone, tier: device, zone: user, hardware: phone_soc_2024}]\n"
    "classes:\n  - name: ask\n    from: phone\n    arrivals: {poisson: {rate: 1 /s}}\n"
    "    attributes: {wide: {dist: {uniform: {low: 1, high: 600}}}}\n    pipeline:\n%s", pipeline);
  assert_true(fd >= 0 && write(fd, text, (size_t)n) == n);
  close(fd);
  err_release(&problems);
  err_init(&problems);
  struct scenario *s = scenario_load(path, NULL, 0, &problems);
  unlink(path);
  if (!s) err_print(&problems, stderr, false);
  assert_non_null(s);
  return s;
}

static double found(const struct class_def *c, double wide)
{
  const double attribute[] = {0.5, wide, NAN};
  return recall_value(c->task[0].effect->recall, &c->task[0], 0, attribute);
}

/* Faiss wiki, "Indexing 1M vectors": SIFT1M, HNSW of 32 links. Monotone, and a share, everywhere. */
static void test_hnsw(void **state)
{
  static const double at[][2] = {{16, .8740}, {32, .9492}, {64, .9779}, {128, .9887}, {256, .9920}, {512, .9920}};
  struct scenario *s = load("      - {task: find, work: {kernel: vector_search_hnsw, ef: wide, exact: 1}, places: origin, recall: {missed: 0.5}}\n");
  const struct class_def *c = &s->world.klass[0];
  const double unknown[] = {0.5, NAN, NAN};
  (void)state;
  assert_true(isnan(recall_expected_quality(c->task[0].effect->recall, &c->task[0], 0, unknown)));
  for (size_t i = 0; i < 6; i++) assert_true(fabs(found(c, at[i][0]) - at[i][1]) < 1e-6);
  for (double ef = 2; ef <= 600; ef++) assert_true(found(c, ef) >= found(c, ef - 1) && found(c, ef) <= 1);
  scenario_free(s);
}

/* Faiss benchs/README: IVF4096,PQ64 on SIFT1M, among ten. */
static void test_ivfpq(void **state)
{
  static const double at[][2] = {{1, .4312}, {2, .5636}, {4, .6897}, {8, .8028}, {16, .8940}, {32, .9549}, {64, .9833},
                                 {128, .9953}, {256, .9993}, {512, .9999}};
  struct scenario *s = load("      - {task: find, work: {kernel: vector_search_ivfpq, nprobe: wide, exact: 1}, places: origin, recall: {missed: 0.5}}\n");
  const struct class_def *c = &s->world.klass[0];
  (void)state;
  for (size_t i = 0; i < 10; i++) assert_true(fabs(found(c, at[i][0]) - at[i][1]) < 1e-6);
  for (double n = 2; n <= 600; n++) assert_true(found(c, n) >= found(c, n - 1) && found(c, n) <= 1);
  scenario_free(s);
}

/* Natural Questions, first 20 (Ma et al. 2021): sparse < dense < both. What costs more: counted by hand for the flat search. */
static void test_by_kind(void **state)
{
  static const char *const kernel[] = {"bm25", "vector_search_flat", "retrieve_hybrid"};
  static const double least[] = {.629, .795, .826 * .9779};
  (void)state;
  for (int i = 0; i < 3; i++) {
    char task[200];
    snprintf(task, sizeof task, "      - {task: find, work: {kernel: %s}, places: origin, recall: {missed: 0.5}}\n", kernel[i]);
    struct scenario *s = load(task);
    const struct class_def *c = &s->world.klass[0];
    const double attribute[] = {0.5, 1, NAN};
    assert_true(fabs(found(c, 1) - least[i]) < 1e-9);
    assert_true(fabs(recall_expected_quality(c->task[0].effect->recall, &c->task[0], 0, attribute) - (1 + least[i]) / 2) < 1e-9);
    const double unknown[] = {0.5, NAN, NAN};
    assert_false(isnan(recall_expected_quality(c->task[0].effect->recall, &c->task[0], 0, unknown)));
    if (i == 1) assert_true(fabs(expr_value(&c->task[0].work[0].bytes, attribute) - 4.0 * 50000 * 384) < 1);
    scenario_free(s);
  }
}

/* A window of 2000 with 300 beside holds six passages of 250; of a small window none; without one, all. */
static void test_pack(void **state)
{
  (void)state;
  struct packed p = pack(8, 250, 300, 2000);
  assert_true(p.chunks == 6 && p.tokens == 1800);
  p = pack(5, 250, 300, 2000);
  assert_true(p.chunks == 5 && p.tokens == 1550);
  p = pack(5, 250, 300, 200);
  assert_true(p.chunks == 0 && p.tokens == 300);
  p = pack(5.9, 250, 300, INFINITY);
  assert_true(p.chunks == 5 && p.tokens == 1550);
}

/* Tasks in another order in the file than in time: who makes what, and what may be skipped. */
static void test_builder(void **state)
{
  struct scenario *s = load(
    "      - {task: write, after: pack-up, when: pack_up_tokens > 0 and find_found, work: {flop: 1 FLOP * pack_up_tokens, bytes: 1 B}, places: origin}\n"
    "      - {task: pack-up, after: find, work: {time: 1 s}, places: origin, output: 4 B * pack_up_tokens,\n"
    "         pack: {chunks: 5 * find_found, chunk: 100, beside: wide}, ends: pack_up_chunks == 0}\n"
    "      - {task: find, after: [], work: {time: 1 s}, places: origin, recall: {value: 90 %, missed: 0.5}}\n");
  const struct class_def *c = &s->world.klass[0];
  (void)state;
  assert_string_equal(c->task[0].name, "find");
  assert_string_equal(c->task[1].name, "pack-up");
  int made = 0;
  for (int i = 0; i < c->n_attributes; i++) {
    const struct attribute_def *a = &c->attribute[i];
    made += a->produced;
    if (!strcmp(a->name, "find_found")) assert_true(a->produced && a->known == KNOWN_AFTER_TASK && a->after_task == 0);
    if (!strcmp(a->name, "pack_up_tokens")) assert_true(a->produced && a->after_task == 1);
    if (!strcmp(a->name, "write_done")) assert_true(a->produced && a->after_task == 2);
  }
  assert_int_equal(made, 4);
  assert_true(c->conditional && c->task[1].may_end && !c->task[0].may_end);
  assert_int_equal(c->task[0].effect->n_produced, 1);
  assert_int_equal(c->task[1].effect->n_produced, 2);
  scenario_free(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_hnsw), cmocka_unit_test(test_ivfpq), cmocka_unit_test(test_by_kind),
                                     cmocka_unit_test(test_pack), cmocka_unit_test(test_builder)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
