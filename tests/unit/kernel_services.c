/* The kernels of search, encryption, compression, storage and system: what they compute is right, their self-checks see what
 * is wrong, and where something is missing they say so. Nothing here depends on how long anything takes. */
#include "experiments/kernels/gcm_reference.h"
#include "experiments/kernels/hnsw.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"
#include "experiments/kernels/text.h"
#include "tests/unit/unit.h"

#include <libgen.h>
#include <math.h>
#include <unistd.h>

struct shape { const char *kernel; double p[KERNEL_PARAMETERS]; };
static const struct shape small[] = {
  {"vector_search_flat", {300, 256, 3, 10}}, {"vector_search_hnsw", {1024, 128, 64, 10}}, {"bm25", {10007, 3, 0.031}},
  {"aes_gcm", {40001}}, {"tls_handshake", {0}}, {"tls_handshake", {1}}, {"deflate", {20000, 6}}, {"page_in", {1048576}},
  {"sqlite_point", {500}}, {"sqlite_range", {1000, 100}}, {"null", {64}}};
enum { N_SMALL = sizeof small / sizeof *small };

static void from_hex(const char *text, uint8_t *out)
{
  for (; *text; text += 2) {
    unsigned byte;
    assert_int_equal(sscanf(text, "%2x", &byte), 1);
    *out++ = (uint8_t)byte;
  }
}

static void expect_hex(const uint8_t *got, const char *wanted)
{
  uint8_t bytes[64];
  from_hex(wanted, bytes);
  assert_memory_equal(got, bytes, strlen(wanted) / 2);
}

/* FIPS 197, C.1; McGrew and Viega, The Galois/Counter Mode of Operation, test cases 1 to 3. */
static void aes_gcm_is_as_published(void **state)
{
  uint8_t key[16], block[16], nonce[12] = {0}, plain[64] = {0}, sealed[64], tag[16];
  from_hex("000102030405060708090a0b0c0d0e0f", key);
  from_hex("00112233445566778899aabbccddeeff", block);
  gcm_reference_aes(key, block, sealed);
  expect_hex(sealed, "69c4e0d86a7b0430d8cdb78070b4c55a");
  memset(key, 0, sizeof key);
  gcm_reference_seal(key, nonce, plain, 0, sealed, tag);
  expect_hex(tag, "58e2fccefa7e3061367f1d57a4e7455a");
  gcm_reference_seal(key, nonce, plain, 16, sealed, tag);
  expect_hex(sealed, "0388dace60b6a392f328c2b971b2fe78");
  expect_hex(tag, "ab6e47d42cec13bdf53a67b21257bddf");
  from_hex("feffe9928665731c6d6a8f9467308308", key);
  from_hex("cafebabefacedbaddecaf888", nonce);
  from_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
           "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255", plain);
  gcm_reference_seal(key, nonce, plain, 64, sealed, tag);
  expect_hex(sealed, "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
                     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985");
  expect_hex(tag, "4d5c2af327cd64a62cf35abd2ba6fab4");
}

static const char *why_not(const struct kernel *k)
{
  return k->unavailable ? k->unavailable() : NULL;
}

static void kernels_compute_what_they_should(void **state)
{
  for (int i = 0; i < N_SMALL; i++) {
    const struct kernel *k = kernel_find(small[i].kernel);
    char why[KERNEL_WHY] = "";
    assert_non_null(k);
    if (why_not(k)) continue;
    for (uint64_t seed = 1; seed <= 3; seed++) {
      void *s = k->prepare(small[i].p, seed, why);
      if (!s) fail_msg("%s: %s", k->name, why);
      k->run(s);
      k->run(s);
      if (!k->check(s, why)) fail_msg("%s: %s", k->name, why);
      k->finish(s);
    }
  }
}

/* Nothing was run, so that nothing is right. */
static void planted_results_are_seen(void **state)
{
  static const char *const idle[] = {"vector_search_flat", "bm25", "aes_gcm", "deflate", "page_in"};
  for (int i = 0; i < N_SMALL; i++)
    for (size_t j = 0; j < sizeof idle / sizeof *idle; j++) {
      const struct kernel *k = kernel_find(small[i].kernel);
      char why[KERNEL_WHY] = "";
      if (strcmp(k->name, idle[j]) || why_not(k)) continue;
      void *s = k->prepare(small[i].p, 1, why);
      assert_non_null(s);
      assert_false(k->check(s, why));
      assert_string_not_equal(why, "");
      k->finish(s);
    }
}

/* A graph of other vectors than those searched finds little of what is near; a narrow search less than a wide one. */
static void graph_search_finds_what_is_near(void **state)
{
  enum { ITEMS = 2000, DIMENSIONS = 64, QUERIES = 50, TOP = 10 };
  float *v = vectors_make(ITEMS, DIMENSIONS, 7, 0), *q = vectors_make(QUERIES, DIMENSIONS, 7, 1), dot[ITEMS];
  assert_non_null(v);
  assert_non_null(q);
  double recall[2] = {0};
  const size_t ef[2] = {10, 100};
  struct hnsw *h = hnsw_build(v, ITEMS, DIMENSIONS, 48, 100, 3);
  assert_non_null(h);
  for (int i = 0; i < QUERIES; i++) {
    vectors_dot(v, ITEMS, DIMENSIONS, q + i * DIMENSIONS, dot);
    for (int w = 0; w < 2; w++) {
      const struct best *found = hnsw_search(h, q + i * DIMENSIONS, ef[w]);
      assert_int_equal(found->n, ef[w]);
      for (size_t k = 0; k < TOP; k++) {
        int nearer = 0;
        for (int j = 0; j < ITEMS; j++) nearer += dot[j] > dot[found->item[k].item];
        recall[w] += nearer < TOP ? 1. / (QUERIES * TOP) : 0;
        if (k) assert_true(found->item[k].score <= found->item[k - 1].score);
      }
    }
  }
  assert_true(recall[1] > 0.95);
  assert_true(recall[0] < recall[1]);
  hnsw_free(h);
  free(v);
  free(q);
}

/* The states' first members are the graph and its vectors: mirrored here to spoil them. */
static void planted_graph_is_seen(void **state)
{
  struct prefix { void *graph; float *vector; } *s;
  const struct kernel *k = kernel_find("vector_search_hnsw");
  char why[KERNEL_WHY] = "";
  const double p[KERNEL_PARAMETERS] = {4096, 128, 64, 10};
  s = k->prepare(p, 1, why);
  assert_non_null(s);
  assert_true(k->check(s, why));
  for (size_t i = 0; i < 4096 * 128 / 2; i++) {         /* the vectors in another order than their links */
    float t = s->vector[i];
    s->vector[i] = s->vector[4096 * 128 - 128 - i / 128 * 128 + i % 128];
    s->vector[4096 * 128 - 128 - i / 128 * 128 + i % 128] = t;
  }
  assert_false(k->check(s, why));
  k->finish(s);
}

/* For a query that is no vector's neighbour (one axis) a graph may miss many of the nearest, and its search is right all the same:
 * it ended where it may. Planted: it missed the nearest of those that its links lead to. */
static void a_search_ends_where_it_may(void **state)
{
  struct mirror { void *graph; float *vector, *query; size_t items, dimensions, ef, top, turn; struct best *found; } *s;
  const struct kernel *k = kernel_find("vector_search_hnsw");
  char why[KERNEL_WHY] = "";
  s = k->prepare((const double[KERNEL_PARAMETERS]){4096, 128, 16, 10}, 1, why);
  assert_non_null(s);
  for (int axis = 0; axis < 20; axis++) {
    float far[128] = {0};
    far[axis] = axis % 2 ? 1 : -1;
    k->feed(s, far, sizeof far);
    k->run(s);
    if (!k->check(s, why)) fail_msg("axis %d: %s", axis, why);
    s->found->item[0] = s->found->item[1];
    assert_false(k->check(s, why));
  }
  k->finish(s);
}

static void dot_products_are_sums(void **state)
{
  enum { N = 5, DIMENSIONS = 96 };
  float v[N * DIMENSIONS], q[DIMENSIONS], out[N];
  uint64_t seed = 5;
  for (int i = 0; i < N * DIMENSIONS; i++) v[i] = kernel_random_f32(&seed);
  for (int i = 0; i < DIMENSIONS; i++) q[i] = kernel_random_f32(&seed);
  vectors_dot(v, N, DIMENSIONS, q, out);
  for (int i = 0; i < N; i++) {
    double sum = 0;
    for (int k = 0; k < DIMENSIONS; k++) sum += (double)v[i * DIMENSIONS + k] * (double)q[k];
    assert_true(fabs(sum - (double)out[i]) < 1e-5);
  }
}

static void best_are_kept(void **state)
{
  struct best_item kept[4];
  struct best b = {0, 4, kept};
  static const float scores[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  for (uint32_t i = 0; i < 10; i++) best_offer(&b, scores[i], i);
  best_sort(&b);
  assert_int_equal(b.n, 4);
  assert_true(kept[0].item == 5 && kept[1].item == 7 && kept[3].score == 5 && kept[2].score == 5);
}

/* Most words of one text, of those that no chance spells (7 letters and more), are in another, whose order is its own. */
static void texts_are_of_one_language(void **state)
{
  enum { SIZE = 8000 };
  char text[2][SIZE + 1], *word, *save = NULL;
  for (uint64_t i = 0; i < 2; i++) {
    text_make(text[i], SIZE, i + 1);
    text[i][SIZE] = 0;
  }
  assert_memory_not_equal(text[0], text[1], SIZE);
  int words = 0, known = 0;
  char *copy = strdup(text[0]);
  for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    if (strlen(word) < 7) continue;
    words++;
    known += strstr(text[1], word) != NULL;
  }
  free(copy);
  assert_true(2 * known > words);
}

/* The first word has probability ln 2 / ln 4096 = 1 / 12 of all words: of 20000 its share lies within 4 standard errors
 * (1 of 16000 texts does not; this one does). A word and its space are 6.5 letters on average. */
static void text_is_as_frequent_as_prose(void **state)
{
  enum { SIZE = 130000 };
  char *text = malloc(SIZE + 1), *save = NULL;
  assert_non_null(text);
  text_make(text, SIZE, 3);
  text[SIZE] = 0;
  int words = 0, most = 0;
  struct { char word[16]; int n; } seen[64] = {{{0}, 0}};
  for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save), words++)
    for (int i = 0; i < 64; i++) {
      if (seen[i].n && strcmp(seen[i].word, w)) continue;
      snprintf(seen[i].word, sizeof seen[i].word, "%s", w);
      seen[i].n++;
      break;
    }
  for (int i = 0; i < 64; i++)
    if (seen[i].n > most) most = seen[i].n;
  double share = (double)most / words;
  assert_true(fabs(share - 1 / 12.) < 4 * sqrt(1 / 12. * 11 / 12. / words));
  free(text);
}

static void missing_folders_are_told(void **state)
{
  char why[KERNEL_WHY] = "";
  const struct kernel *page = kernel_find("page_in"), *rows = kernel_find("sqlite_point");
  char *before = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
  setenv("TMPDIR", "/nonexistent/folder", 1);
  assert_non_null(page->unavailable());
  if (!why_not(rows)) {
    assert_null(rows->prepare((const double[KERNEL_PARAMETERS]){500}, 1, why));
    assert_non_null(strstr(why, "/nonexistent/folder"));
  }
  if (access("/dev/shm", W_OK) == 0) {                  /* files in memory have no pages to drop */
    setenv("TMPDIR", "/dev/shm", 1);
    assert_non_null(page->unavailable());
  }
  if (before) setenv("TMPDIR", before, 1);
  else unsetenv("TMPDIR");
  free(before);
}

static void processes_start(void **state)
{
  char own[512] = "", program[600], why[KERNEL_WHY] = "";
  const struct kernel *k = kernel_find("process_start");
  const double p[KERNEL_PARAMETERS] = {1 << 20};
  if (readlink("/proc/self/exe", own, sizeof own - 1) <= 0) skip();
  snprintf(program, sizeof program, "%s/../offsim-kernels", dirname(own));
  if (access(program, X_OK)) skip();
  setenv("OFFSIM_KERNELS", program, 1);
  void *s = k->prepare(p, 1, why);
  if (!s) fail_msg("%s", why);
  k->run(s);
  if (!k->check(s, why)) fail_msg("%s", why);
  k->finish(s);
  setenv("OFFSIM_KERNELS", "/bin/true", 1);             /* starts, ends, and says nothing */
  assert_null(k->prepare(p, 1, why));
  assert_non_null(strstr(why, "does not start"));
  unsetenv("OFFSIM_KERNELS");
}

/* What the presets say too: a few by hand. */
static void work_is_counted(void **state)
{
  const struct { const char *kernel; double p[KERNEL_PARAMETERS], units, set; } by_hand[] = {
    {"vector_search_flat", {1000, 384, 1, 10}, 768e3, 1.536e6}, {"vector_search_hnsw", {1000, 128, 64, 10}, 72, 644e3},
    {"bm25", {50000, 8, 0.02}, 8000, 64000}, {"aes_gcm", {40000}, 40000, 40000}, {"deflate", {4096, 6}, 4096, 4096},
    {"tls_handshake", {1}, 1, 65536}, {"process_start", {65536}, 1, 65536}, {"page_in", {1048576}, 1048576, 1048576},
    {"sqlite_point", {1000}, 1, 128000}, {"sqlite_range", {1000, 50}, 50, 128000}, {"null", {64}, 1, 64}};
  for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++) {
    const struct kernel *k = kernel_find(by_hand[i].kernel);
    if (fabs(k->units(by_hand[i].p) - by_hand[i].units) > 1e-9 * by_hand[i].units) fail_msg("%s: %g units", k->name, k->units(by_hand[i].p));
    assert_true(fabs(k->axis_value(by_hand[i].p, 0) - by_hand[i].set) < 1e-9 * by_hand[i].set);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(aes_gcm_is_as_published), cmocka_unit_test(kernels_compute_what_they_should),
    cmocka_unit_test(planted_results_are_seen), cmocka_unit_test(graph_search_finds_what_is_near),
    cmocka_unit_test(planted_graph_is_seen), cmocka_unit_test(a_search_ends_where_it_may), cmocka_unit_test(dot_products_are_sums), cmocka_unit_test(best_are_kept),
    cmocka_unit_test(texts_are_of_one_language),
    cmocka_unit_test(text_is_as_frequent_as_prose), cmocka_unit_test(missing_folders_are_told), cmocka_unit_test(processes_start),
    cmocka_unit_test(work_is_counted)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
