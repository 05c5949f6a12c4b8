/* link_trace: measurements of links are read as they were published; what is wrong with one is said with its line. */
#include "models/link_trace.h"
#include "tests/unit/file_rig.h"

static const struct link_trace *get(struct fixture *f, const char *text, struct link_trace_def def)
{
  fixture_write(f, text);
  def.file = f->path;
  return link_trace_read(&def, f->arena, &f->err);
}

static const struct link_trace *good(struct fixture *f, const char *text, struct link_trace_def def)
{
  const struct link_trace *t = get(f, text, def);
  if (!t)
    fail_msg("%s", f->err.problems[0].message);
  return t;
}

static double at_ms(const struct link_trace *t, double ms)
{
  sim_time until;
  return link_trace_at(t, ns_from_s(ms / 1e3), &until);
}

/* ---- formats ----------------------------------------------------------------------------------------------------- */

static void packets_in_bins(void **state)
{
  const struct link_trace *t = good(*state, "# bin_ms=100 mtu_bytes=1500; x\npackets\n6\n12\n0\n", (struct link_trace_def){0});
  assert_int_equal(t->kind, LINK_CAPACITY);
  assert_near(at_ms(t, 50), 90000, 1e-12);
  assert_near(at_ms(t, 150), 180000, 1e-12);                /* 12 x 1500 B / .1 s */
  assert_near(at_ms(t, 250), 0, 0);
  assert_near(at_ms(t, 350), 90000, 1e-12);                 /* again from the start */
  assert_near(t->mean, 90000, 1e-12);
  sim_time until;
  link_trace_at(t, 350000000, &until);
  assert_true(until == 400000000);
}

static void packets_one_by_one(void **state)
{
  const struct link_trace *t = good(*state, "0\n10\n99\n100\n350\n", (struct link_trace_def){0});
  assert_true(t->length == 400000000);
  assert_near(at_ms(t, 0), 45000, 1e-12);
  assert_near(at_ms(t, 100), 15000, 1e-12);
  assert_near(at_ms(t, 299), 0, 0);
  assert_near(at_ms(t, 399), 15000, 1e-12);
}

static void round_trips_of_a_car(void **state)
{
  const struct link_trace *t = good(*state, "t_ms,rtt_ms,rsrp_db,sinr_db,speed_mps\n0,17,-94,18,0.0\n54,23,-94,18,0.0\n"
                                            "109,18,-94,18,0.0\n", (struct link_trace_def){0});
  assert_int_equal(t->kind, LINK_RTT);
  assert_near(at_ms(t, 53), .017, 1e-12);
  assert_near(at_ms(t, 54), .023, 1e-12);
  assert_near(t->median, .018, 1e-12);
  assert_near(s_from_ns(t->length), .109 + .0545, 1e-12);
}

static void throughput_of_an_application(void **state)
{
  const char *text = "t_s,dl_kbps,ul_kbps,ping_ms,rsrp_dbm,speed_kmh,mode\n0,800,8,,-99,0,5G\n1,1600,16,,-99,0,5G\n";
  const struct link_trace *t = good(*state, text, (struct link_trace_def){0});
  assert_int_equal(t->kind, LINK_THROUGHPUT);
  assert_near(at_ms(t, 1500), 2e5, 1e-12);
  assert_near(at_ms(good(*state, text, (struct link_trace_def){.column = "ul_kbps"}), 0), 1e3, 1e-12);
}

static const char pings[] =
    "PING 10.6.1.6 (10.6.1.6) 56(84) bytes of data.\n"
    "64 bytes from 10.6.1.6: icmp_seq=1 ttl=64 time=24.3 ms\n"
    "64 bytes from 10.6.1.6: icmp_seq=4 ttl=64 time=19.5 ms\n"
    "64 bytes from 10.6.1.6: icmp_seq=3 ttl=64 time=1020 ms\n"
    "64 bytes from 10.6.1.6: icmp_seq=3 ttl=64 time=1021 ms (DUP!)\n"
    "\n--- 10.6.1.6 ping statistics ---\n4 packets transmitted, 3 received, 25% packet loss, time 6000ms\n"
    "rtt min/avg/max/mdev = 19.5/1/1/1 ms\n";

/* Every 2 s by its last lines; the second was lost, the third overtaken. */
static void pings_by_number(void **state)
{
  const struct link_trace *t = good(*state, pings, (struct link_trace_def){0});
  assert_int_equal(t->n, 4);
  assert_near(at_ms(t, 1999), .0243, 1e-12);
  assert_true(isinf(at_ms(t, 2000)));
  assert_near(at_ms(t, 4000), 1.02, 1e-12);
  assert_near(s_from_ns(t->length), 8, 1e-12);
}

static void a_histogram_is_a_distribution(void **state)
{
  const struct link_trace *t = good(*state, "1.0\t1\n2.0\t3\n4.0\t0\n", (struct link_trace_def){0});
  assert_int_equal(t->kind, LINK_DELAY);
  assert_near(t->mean, (1.5 + 3 * 3) / 4 / 1e3, 1e-12);
  assert_near(dist_cdf(t->delay_s, .003), .25 + .75 / 2, 1e-12);
}

static void one_pair_of_many(void **state)
{
  const struct link_trace *t = good(*state, "# comment\nslice,41-19,50-83\n1,110,50\n2,0,60\n3,90,70\n",
                                    (struct link_trace_def){.column = "41-19", .sample_s = 10});
  assert_int_equal(t->n, 2);                                /* 0: missing */
  assert_near(at_ms(t, 15000), .11, 1e-12);
  assert_near(at_ms(t, 20000), .09, 1e-12);
}

/* ---- holes ------------------------------------------------------------------------------------------------------- */

static const char holed[] = "t_ms,rtt_ms\n0,10\n50,20\n100,30\n2100,40\n2150,50\n";

static void holes_are_what_is_said(void **state)
{
  const struct link_trace *cut = good(*state, holed, (struct link_trace_def){.gaps = GAPS_CUT});
  assert_near(at_ms(cut, 149), .03, 1e-12);
  assert_near(at_ms(cut, 150), .04, 1e-12);
  assert_near(s_from_ns(cut->length), .25, 1e-12);
  const struct link_trace *outage = good(*state, holed, (struct link_trace_def){.gaps = GAPS_OUTAGE});
  assert_near(at_ms(outage, 149), .03, 1e-12);
  assert_true(isinf(at_ms(outage, 150)) && isinf(at_ms(outage, 2099)));
  assert_near(at_ms(outage, 2100), .04, 1e-12);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static void mistakes_are_refused(void **state)
{
  static const struct { const char *text; enum link_format format; const char *column; int line; const char *says; } bad[] = {
    {holed, 0, NULL, 5, "a hole of 2 s"},
    {"packets\n3\n-1\n", 0, NULL, 3, "a negative rate"},
    {"# bin_ms=-100 mtu_bytes=1500\npackets\n3\n", 0, NULL, 1, "a number above 0"},
    {"# bin_ms=100 mtu_bytes=0\npackets\n3\n", 0, NULL, 1, "a number above 0"},
    {"packets\n3\nx\n", 0, NULL, 3, "not a number"},
    {"packets\n3,4\n", 0, NULL, 2, "more than one column"},
    {"5\n9\n7\n", 0, NULL, 3, "not in order"},
    {"0\n-5\n", 0, NULL, 2, "a negative time"},
    {"0\n1e15\n", 0, NULL, 2, "more than a day"},
    {"t_ms,rtt_ms\n0,10\n50,-2\n", 0, NULL, 3, "a negative value"},
    {"t_ms,rtt_ms\n0,10\n50,10\n40,10\n", 0, NULL, 4, "not in order"},
    {"t_ms,rtt_ms\n0,10\n0,11\n", 0, NULL, 3, "not in order"},
    {"t_ms,rtt_ms\n0\n", 0, NULL, 2, "too few fields"},
    {"t_ms,rtt_ms\n0,10\n50,10,5\n", 0, NULL, 3, "more fields than the header"},
    {"t_ms,rtt_ms,sinr_dB\n0,10,1\n", 0, NULL, 1, "unknown column 'sinr_dB' of format cicv5g; did you mean 'sinr_db'?"},
    {"t_ms,rsrp_db\n0,10\n", 0, NULL, 1, "no column 'rtt_ms'"},
    {"t_s,dl_kbps,ul_kbps\n0,1,1\n", 0, "ping_ms", 1, "no column 'ping_ms'"},
    {"t_s,dl_kbps,ping_ms\n0,1,1\n", 0, "ping_ms", 1, "not a throughput"},
    {"t_s,dl_kbps\n0,nan\n", 0, NULL, 2, "not a number"},
    {"time;rate\n0;1\n", 0, NULL, 1, "unknown columns"},
    {"packets\n3\n", FORMAT_CICV5G, NULL, 1, "of format mahimahi (capacity), not cicv5g (rtt)"},
    {"time;rate\n0;1\n", FORMAT_UCC5G, NULL, 1, "unknown column 'time;rate' of format ucc5g"},
    {"PING x\nhello\n", 0, NULL, 2, "not a line of ping"},
    {"PING x\n64 bytes: icmp_seq=1 ttl=64 time=1 ms\n64 bytes: icmp_seq=1 ttl=64 time=1 ms\n", 0, NULL, 3, "answered already"},
    {"1.0\t2\n3.0\t-1\n", 0, NULL, 2, "a negative value"},
    {"3.0\t2\n1.0\t1\n", 0, NULL, 2, "not in order"},
    {"slice,1-2\n1,5\n", 0, NULL, 1, "'column' must say"},
    {"slice,1-2\n1,5\n", 0, "1-3", 1, "no column '1-3'"},
    {"packets\n0\n0\n", 0, NULL, 0, "all of it is an outage"},
    {"", 0, NULL, 0, "nothing is in it"},
  };
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    err_release(&f->err);
    err_init(&f->err);
    assert_null(get(f, bad[i].text, (struct link_trace_def){.format = bad[i].format, .column = bad[i].column}));
    assert_true(f->err.n > 0);
    if (!strstr(f->err.problems[0].message, bad[i].says) || f->err.problems[0].at.line != bad[i].line)
      fail_msg("case %zu: line %d: %s", i, f->err.problems[0].at.line, f->err.problems[0].message);
  }
}

/* ---- the originals ----------------------------------------------------------------------------------------------- */

static const struct link_trace *original(struct fixture *f, const char *name, struct link_trace_def def)
{
  def.file = arena_printf(f->arena, "%s/network/%s", getenv("OFFSIM_DATA"), name);
  const struct link_trace *t = link_trace_read(&def, f->arena, &f->err);
  if (!t)
    fail_msg("%s: %s", name, f->err.problems[0].message);
  return t;
}

static double share_of_time(const struct link_trace *t, double below)
{
  double time = 0;
  for (uint64_t k = 0; k < t->n; k++)
    time += t->value[k] < below ? (double)((k + 1 < t->n ? t->at[k + 1] : t->length) - t->at[k]) : 0;
  return time / (double)t->length;
}

/* The figures that the data's README states, within its 1 %. */
static void originals_have_their_figures(void **state)
{
  struct fixture *f = *state;
  if (!getenv("OFFSIM_DATA"))
    skip();
  const struct link_trace *t = original(f, "mahimahi-cellular/ATT-LTE-driving_down.csv", (struct link_trace_def){0});
  assert_near(t->mean * 8 / 1e6, 5.17, .01);
  assert_near(t->median * 8 / 1e6, 5.28, .01);
  assert_true(fabs(share_of_time(t, 1) - .051) < .001);
  t = original(f, "cicv5g-rtt/urban_road_1_n8_v20_urban_n8_v20_run01.csv", (struct link_trace_def){.gaps = GAPS_CUT});
  assert_near(t->median, .018, 1e-9);
  assert_int_equal(t->n, 6143);
  /* stated as lower bounds of bins: within 3 % */
  static const struct { const char *file; double p50, p99; } delay[] = {
    {"2a/5G-midband-Downlink_PD-Wireless-5G-2a.csv", 5.26, 10.8}, {"2a/5G-midband-Uplink_PD-Wireless-5G-2a.csv", 6.38, 9.9},
    {"3a/5G-URLLC-mmW-Downlink_PD-Wireless-5G-3a.csv", .75, 1.06}, {"3a/5G-URLLC-mmW-Uplink_PD-Wireless-5G-3a.csv", .67, .91},
  };
  for (int i = 0; i < 4; i++) {
    t = original(f, arena_printf(f->arena, "deterministic6g/PD-Wireless-5G-%s", delay[i].file), (struct link_trace_def){0});
    assert_true(dist_cdf(t->delay_s, delay[i].p50 * .97e-3) < .5 && dist_cdf(t->delay_s, delay[i].p50 * 1.03e-3) > .5);
    assert_true(dist_cdf(t->delay_s, delay[i].p99 * .97e-3) < .99 && dist_cdf(t->delay_s, delay[i].p99 * 1.03e-3) > .99);
  }
  t = original(f, "deterministic6g/ProcessingDelayDistribution1/ORAN_MEC/ping-cloud-ORAN.txt", (struct link_trace_def){0});
  assert_int_equal(t->n, 1162);
  assert_near(t->mean, .078465, 1e-3);                      /* as its last line says */
  t = original(f, "ucc-5g-throughput/download_static_B_2020.02.13_13.57.29.csv", (struct link_trace_def){0});
  assert_int_equal(t->kind, LINK_THROUGHPUT);
  t = original(f, "netlatency/seattle_rtt_ms_timeseries_60pairs.csv", (struct link_trace_def){.column = "63-74"});
  assert_int_equal(t->n, 688);
}

/* 10, 20, 0 / 30, 10: one-way delays 5 (twice), 10, 15 ms. */
static void a_matrix_is_a_distribution_over_pairs(void **state)
{
  struct fixture *f = *state;
  const struct link_trace *t = get(f, "# symmetric RTT matrix, ms\n10,20,0\n30,10\n", (struct link_trace_def){0});
  assert_non_null(t);
  assert_int_equal(t->kind, LINK_DELAY);
  assert_near(t->mean, .00875, 1e-12);
  assert_near(dist_cdf(t->delay_s, .0051), .5, 1e-12);
  assert_null(get(f, "# symmetric RTT matrix, ms\n10,-20\n", (struct link_trace_def){0}));
}

/* README of the data: PlanetLab slice 1 p5 .. p99 to 1 %; Seattle p25, p50, p75, p95 over pairs and slices, CV and p99 / p50 of a
 * pair in the median: all pairs of the source there, 60 of them here, to 10 %. */
static void pairs_have_their_figures(void **state)
{
  struct fixture *f = *state;
  static const double share[] = {.05, .25, .5, .75, .95, .99}, ms[] = {19.3, 59.3, 135, 202, 325, 413};
  if (!getenv("OFFSIM_DATA"))
    skip();
  const struct link_trace *t = original(f, "netlatency/planetlab_rtt_ms_slice01_upper.csv", (struct link_trace_def){0});
  for (int i = 0; i < 6; i++)
    assert_true(dist_cdf(t->delay_s, ms[i] * .99 / 2e3) < share[i] && dist_cdf(t->delay_s, ms[i] * 1.01 / 2e3) >= share[i]);
  char line[4000], *rest = line;
  FILE *file = fopen(arena_printf(f->arena, "%s/network/netlatency/seattle_rtt_ms_timeseries_60pairs.csv", getenv("OFFSIM_DATA")), "r");
  while (file && fgets(line, sizeof line, file) && line[0] == '#')
    continue;
  fclose(file);
  line[strcspn(line, "\r\n")] = '\0';
  double all[60 * 688], cv[60], tail[60];
  size_t n = 0, pairs = 0;
  strsep(&rest, ",");
  for (char *pair; (pair = strsep(&rest, ",")) && pairs < 60; pairs++) {
    t = original(f, "netlatency/seattle_rtt_ms_timeseries_60pairs.csv", (struct link_trace_def){.column = pair, .gaps = GAPS_CUT});
    double sum = 0, square = 0, *own = all + n;
    for (uint64_t k = 0; k < t->n; k++) {
      sum += own[k] = t->value[k];
      square += own[k] * own[k];
    }
    cv[pairs] = sqrt(square / (double)t->n - sum * sum / (double)(t->n * t->n)) / (sum / (double)t->n);
    qsort(own, t->n, sizeof *own, unit_compare_doubles);
    tail[pairs] = own[t->n * 99 / 100] / own[t->n / 2];
    n += t->n;
  }
  qsort(all, n, sizeof *all, unit_compare_doubles);
  qsort(cv, pairs, sizeof *cv, unit_compare_doubles);
  qsort(tail, pairs, sizeof *tail, unit_compare_doubles);
  assert_int_equal(pairs, 60);
  static const double of[] = {.25, .5, .75, .95}, s[] = {.11, .22, .44, .92};
  for (int i = 0; i < 4; i++)
    if (fabs(all[(size_t)(of[i] * (double)n)] / s[i] - 1) > .1)
      fail_msg("share %g: %g s", of[i], all[(size_t)(of[i] * (double)n)]);
  assert_true(fabs(cv[30] / .71 - 1) < .1 && fabs(tail[30] / 5.4 - 1) < .1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(packets_in_bins, set_up, tear_down),
    cmocka_unit_test_setup_teardown(packets_one_by_one, set_up, tear_down),
    cmocka_unit_test_setup_teardown(round_trips_of_a_car, set_up, tear_down),
    cmocka_unit_test_setup_teardown(throughput_of_an_application, set_up, tear_down),
    cmocka_unit_test_setup_teardown(pings_by_number, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_histogram_is_a_distribution, set_up, tear_down),
    cmocka_unit_test_setup_teardown(one_pair_of_many, set_up, tear_down),
    cmocka_unit_test_setup_teardown(holes_are_what_is_said, set_up, tear_down),
    cmocka_unit_test_setup_teardown(mistakes_are_refused, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_matrix_is_a_distribution_over_pairs, set_up, tear_down),
    cmocka_unit_test_setup_teardown(pairs_have_their_figures, set_up, tear_down),
    cmocka_unit_test_setup_teardown(originals_have_their_figures, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
