/* The shipped radios against parameter book 1.4: RTT of a probe by the network after an idle gap, median over cycles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "scenarios/scenario.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {"lte_2012", "3g_2012", "wifi_2012", "lte_vz_2020", "lte_tm_2020", "5g_nsa_vz_2020",
                                    "5g_nsa_tm_2020", "5g_mmwave_vz_2020", "5g_sa_tm_2020"};
enum { N = sizeof names / sizeof *names };

static struct scenario *load(void)
{
  struct err err;
  err_init(&err);
  char path[] = "/tmp/radio_presets_XXXXXX.yaml";
  FILE *f = fdopen(mkstemps(path, 5), "w");
  assert_non_null(f);
  fprintf(f, "places:\n  - {name: phone, tier: device}\n  - {name: metro, tier: edge}\nlinks:\n");
  for (int i = 0; i < N; i++)
    fprintf(f, "  - {name: l%d, between: [phone, metro], radio: %s}\n", i, names[i]);
  fprintf(f, "classes:\n  - {name: a, from: phone, arrivals: {poisson: {rate: 1 /s}},\n"
             "     pipeline: [{task: t, work: {time: 1 s}, places: [metro]}]}\nhorizon: {duration: 1 s}\n"
             "policies: [always_edge]\n");
  fclose(f);
  struct scenario *s = scenario_load(path, NULL, 0, &err);
  unlink(path);
  if (!s) err_print(&err, stderr, false);
  assert_non_null(s);
  err_release(&err);
  return s;
}

static const struct radio_def *radio_named(const struct scenario *s, const char *name)
{
  for (int i = 0; i < N; i++)
    if (!strcmp(names[i], name)) return s->world.link[i].radio;
  fail();
  return NULL;
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Median of the network's wait over 1001 places of the cycle. */
static double median_wait_ms(const struct radio_def *d, double gap_s)
{
  enum { PHASES = 1001 };
  double wait[PHASES];
  struct radio r = {.woken = true};
  for (int i = 0; i < PHASES; i++)
    wait[i] = 1e3 * s_from_ns(radio_wait(d, &r, ns_from_s(gap_s), (sim_time)i * 5120000000 / PHASES, true));
  qsort(wait, PHASES, sizeof *wait, ascending);
  return wait[PHASES / 2];
}

/* The book's cells: RTT within the first gap (its middle is the path itself), then by gap the range of medians. */
static const struct { const char *name; double path_ms; struct { double gap_s, low_ms, high_ms; } step[4]; } book[] = {
  {"lte_vz_2020", 90, {{0.3, 90, 90}, {5, 130, 270}, {12, 720, 1190}}},
  {"lte_tm_2020", 110, {{0.3, 110, 110}, {4, 130, 140}, {8, 780, 1200}}},
  {"5g_nsa_vz_2020", 74.5, {{0.3, 70, 79}, {5, 157, 276}, {12, 630, 1219}}},
  {"5g_mmwave_vz_2020", 70, {{0.3, 70, 70}, {5, 91, 104}, {12, 570, 1173}}},
  {"5g_nsa_tm_2020", 100, {{0.3, 100, 100}, {5, 209, 292}, {12, 520, 1298}}},
  {"5g_sa_tm_2020", 80, {{0.3, 80, 80}, {5, 80, 100}, {12, 140, 560}, {18, 600, 1345}}},
};

static void staircase(void **unused)
{
  (void)unused;
  struct scenario *s = load();
  for (size_t i = 0; i < sizeof book / sizeof *book; i++)
    for (int k = 0; k < 4 && book[i].step[k].gap_s > 0; k++) {
      double low = book[i].step[k].low_ms, high = book[i].step[k].high_ms, middle = (low + high) / 2;
      double ms = book[i].path_ms + median_wait_ms(radio_named(s, book[i].name), book[i].step[k].gap_s);
      print_message("%-18s gap %4.1f s: book %4.0f to %4.0f ms, here %4.0f (%+.0f %% of the middle)\n", book[i].name,
                    book[i].step[k].gap_s, low, high, ms, 100 * (ms / middle - 1));
      assert_true(ms >= low && ms <= high && fabs(ms / middle - 1) <= 0.15);
    }
  scenario_free(s);
}

/* Parameter book 5.2 by hand: from idle 1 MB up at 1 Mbit/s = 8 s, then the tail. */
static void by_hand(const struct scenario *s, const char *name, double joule)
{
  const struct radio_def *d = radio_named(s, name);
  struct radio r = {0};
  sim_time wait;
  double sum = radio_begin(d, &r, 0, 0, false, &wait);
  sum += radio_end(d, &r, wait + ns_from_s(8), 0, 0) + radio_byte_j(d, true, 1e6);
  if (!(fabs(sum / joule - 1) <= 1e-9)) fail_msg("%s: %.12g, not %.12g J", name, sum, joule);
}

static void energy(void **unused)
{
  (void)unused;
  struct scenario *s = load();
  by_hand(s, "lte_2012", 0.2601 * 1.2107 + 8 * (0.43839 + 1.28804) + 11.576 * 1.06);
  by_hand(s, "3g_2012", 0.5821 * 0.6594 + 8 * (0.86898 + 0.81788) + 8.088 * 0.8039 + 0.824 * 0.6013);
  by_hand(s, "wifi_2012", 0.0791 * 0.1244 + 8 * (0.28317 + 0.13286) + 0.2381 * 0.1193);
  scenario_free(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(staircase), cmocka_unit_test(energy)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
