/* Numbers with units, against the definitions of the units. */
#include <stdio.h>
#include "scenarios/units.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void is(const char *text, enum quantity q, double expected)
{
  char why[UNITS_WHY] = "";
  double value = NAN;
  if (!number_parse(text, q, &value, why))
    fail_msg("%s: %s", text, why);
  if (fabs(value - expected) > 1e-12 * fabs(expected))
    fail_msg("%s is %.17g, expected %.17g", text, value, expected);
}

static void refused(const char *text, enum quantity q, const char *part)
{
  char why[UNITS_WHY] = "";
  double value;
  if (number_parse(text, q, &value, why))
    fail_msg("%s was taken as %g", text, value);
  if (!strstr(why, part))
    fail_msg("%s: '%s' lacks '%s'", text, why, part);
}

static void definitions(void **state)
{
  (void)state;
  is("18 ms", Q_TIME, 0.018);
  is("2 min", Q_TIME, 120);
  is("1.5 h", Q_TIME, 5400);
  is("1 d", Q_TIME, 86400);
  is("10 Gbit/s", Q_BYTE_RATE, 1.25e9);               /* 1e10 bit/s over 8 bit */
  is("1 MiB", Q_BYTES, 1048576);
  is("8 kbit", Q_BYTES, 1000);
  is("18 Wh", Q_ENERGY, 64800);                       /* 18 J/s for 3600 s */
  is("0.15 USD/Mtok", Q_MONEY_PER_TOK, 0.15e-6);
  is("3.6 USD/h", Q_MONEY_RATE, 1e-3);
  is("0.2 USD/M", Q_MONEY, 0.2e-6);
  is("200 k/min", Q_PER_TIME, 200e3 / 60);
  is("-1 /s", Q_PER_TIME, -1);
  is("-2000 /USD", Q_PER_MONEY, -2000);
  is("-2000 1/USD", Q_PER_MONEY, -2000);
  is("5 %", Q_PURE, 0.05);
  is("121 TFLOP/s", Q_FLOP_RATE, 121e12);
  is("0.06 kWh/GB", Q_ENERGY_PER_BYTE, 0.06 * 3.6e6 / 1e9);
  is("112 KiB/tok", Q_BYTES_PER_TOK, 112 * 1024);
  is("1e-3 s", Q_TIME, 1e-3);
  is("72 km/h", Q_SPEED, 20);
  is("1.5 km", Q_LENGTH, 1500);
  is("3 dB", Q_DECIBEL, 3);
}

/* What a reader of the file would write in SI is the same number, to the last bit. */
static void exact(void **state)
{
  (void)state;
  char why[UNITS_WHY];
  double value = 0;
  assert_true(number_parse("0.09 ms", Q_TIME, &value, why) && value == 9e-5);
  assert_true(number_parse("0.15 USD/Mtok", Q_MONEY_PER_TOK, &value, why) && value == 0.15e-6);
  assert_true(number_parse("7 %", Q_PURE, &value, why) && value == 0.07);
  assert_true(number_parse("9e-2 ms", Q_TIME, &value, why) && value == 9e-5);
  assert_true(number_parse("1.5e2 GB", Q_BYTES, &value, why) && value == 150e9);
  assert_true(number_parse("18 ns", Q_TIME, &value, why) && value == 18e-9);
}

static void refusals(void **state)
{
  (void)state;
  refused("20", Q_TIME, "needs a unit");
  refused("0", Q_TIME, "needs a unit");
  refused("5 GB", Q_TIME, "an amount of data");
  refused("5 GB/s", Q_BYTES, "a data rate");
  refused("3 s", Q_PURE, "a time");
  refused("3 msec", Q_TIME, "unknown unit 'msec'");
  refused("3 mss", Q_TIME, "did you mean");
  refused("3 MS", Q_TIME, "unknown unit");             /* prefixes are not free of case */
  refused("0x10", Q_PURE, "is not a number");
  refused("nan", Q_PURE, "is not a number");
  refused("1e999", Q_PURE, "is not a number");
  refused("", Q_PURE, "is not a number");
  refused("3 s s", Q_TIME, "unknown unit");
  refused("3 s/", Q_TIME, "unknown unit");
  refused("0.15 USD", Q_MONEY_PER_TOK, "an amount of money");
}

/* Never another power of ten, never bytes for bits. */
static void meant(const char *word, enum quantity q, const char *unit)
{
  char why[UNITS_WHY], wanted[UNITS_WHY];
  bool any = unit_suggest(word, q, why);
  if (any != (unit != NULL))
    fail_msg("'%s': %s", word, any ? why : "no suggestion");
  snprintf(wanted, sizeof wanted, "did you mean '%s'?", unit ? unit : "");
  if (unit && strncmp(why, wanted, strlen(wanted)))
    fail_msg("'%s': %s", word, why);
}

static void suggestions(void **state)
{
  (void)state;
  static const char *const pairs[][2] = {
    {"Mb", "Mbit"}, {"mbit", "Mbit"}, {"mb", "Mbit"}, {"Kb", "kbit"}, {"KB", "kB"}, {"mB", "MB"}, {"b", "bit"},
    {"Gbits", "Gbit"}, {"Mbps", "Mbit/s"}, {"MBps", "MB/s"}, {"GFLOPS", "GFLOP"}, {"gflop", "GFLOP"}, {"kflops", "kFLOP"},
    {"MS", "ms"}, {"Ms", "ms"}, {"sec", "s"}, {"seconds", "s"}, {"hrs", "h"}, {"usd", "USD"}, {"tokens", "tok"},
    {"KWh", "kWh"}, {"mib", NULL}, {"MW", NULL}, {"MWh", NULL}, {"parsec", NULL}, {"uB", NULL}, {"PB", NULL}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    meant(pairs[i][0], Q_ANY, pairs[i][1]);
  meant("GFLOPS", Q_FLOP_RATE, "GFLOP/s");
}

static void counts(void **state)
{
  (void)state;
  char why[UNITS_WHY];
  unsigned long long n = 0;
  assert_true(count_parse("1e6", &n, why));
  assert_int_equal(n, 1000000);
  assert_false(count_parse("1.5", &n, why));
  assert_false(count_parse("-1", &n, why));
  assert_false(count_parse("1e17", &n, why));
  assert_false(count_parse("3 s", &n, why));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(definitions), cmocka_unit_test(exact), cmocka_unit_test(refusals),
                                     cmocka_unit_test(suggestions), cmocka_unit_test(counts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
