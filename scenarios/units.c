/* units.c: numbers with units. Factors: SI and IEC 80000-13 (KiB = 1024 B), bit = 1/8 B, Wh = 3600 J.
 * Checkable number: 10 Gbit/s = 1.25e9 B/s. */
#include "scenarios/units.h"

#include "sim/err.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define D(...) {__VA_ARGS__}
const struct quantity_info quantities[N_QUANTITIES] = {
  [Q_PURE] = {"a number without unit", "", "0.5, 5 %", D(0)},
  [Q_TIME] = {"a time", "s", "ps, ns, us, ms, s, min, h, d", D(.s = 1)},
  [Q_PER_TIME] = {"a rate", "1/s", "/s, /min, /h, k/min", D(.s = -1)},
  [Q_BYTES] = {"an amount of data", "B", "B, kB, MB, GB, KiB, MiB, GiB, bit, kbit, Mbit", D(.byte = 1)},
  [Q_BYTE_RATE] = {"a data rate", "B/s", "bit/s, kbit/s, Mbit/s, Gbit/s, B/s, MB/s", D(.byte = 1, .s = -1)},
  [Q_POWER] = {"a power", "W", "mW, W, kW", D(.j = 1, .s = -1)},
  [Q_ENERGY] = {"an energy", "J", "mJ, J, kJ, Wh, kWh", D(.j = 1)},
  [Q_MONEY] = {"an amount of money", "USD", "USD, USD/M for a million", D(.usd = 1)},
  [Q_MONEY_RATE] = {"a price of time", "USD/s", "USD/s, USD/h", D(.usd = 1, .s = -1)},
  [Q_MONEY_PER_TOK] = {"a price of tokens", "USD/tok", "USD/tok, USD/Mtok", D(.usd = 1, .tok = -1)},
  [Q_MONEY_PER_BYTE] = {"a price of data", "USD/B", "USD/GB, USD/MB", D(.usd = 1, .byte = -1)},
  [Q_MONEY_PER_BYTE_TIME] = {"a price of memory and time", "USD/Bs", "USD/GBs, USD/GiBs", D(.usd = 1, .byte = -1, .s = -1)},
  [Q_MONEY_PER_ENERGY] = {"a price of energy", "USD/J", "USD/kWh", D(.usd = 1, .j = -1)},
  [Q_BYTE_TIME] = {"memory times time", "Bs", "GBs, GiBs (gigabytes for a second)", D(.byte = 1, .s = 1)},
  [Q_TOK] = {"a number of tokens", "tok", "tok, ktok", D(.tok = 1)},
  [Q_TOK_RATE] = {"a token rate", "tok/s", "tok/s, ktok/s", D(.tok = 1, .s = -1)},
  [Q_FLOP] = {"an amount of arithmetic", "FLOP", "FLOP, MFLOP, GFLOP, TFLOP", D(.flop = 1)},
  [Q_FLOP_RATE] = {"a rate of arithmetic", "FLOP/s", "GFLOP/s, TFLOP/s", D(.flop = 1, .s = -1)},
  [Q_PER_MONEY] = {"a weight of money", "1/USD", "/USD", D(.usd = -1)},
  [Q_PER_ENERGY] = {"a weight of energy", "1/J", "/J, /Wh", D(.j = -1)},
  [Q_ENERGY_PER_BYTE] = {"an energy of data", "J/B", "J/MB, kWh/GB", D(.j = 1, .byte = -1)},
  [Q_BYTES_PER_TOK] = {"an amount of data per token", "B/tok", "B/tok, kB/tok, KiB/tok", D(.byte = 1, .tok = -1)},
  [Q_CARBON] = {"a carbon intensity", "g/J", "g/kWh", D(.g = 1, .j = -1)},
  [Q_CELSIUS] = {"a temperature", "C", "42 C", D(.c = 1)},
  [Q_KELVIN] = {"a difference of temperatures", "K", "2 K", D(.k = 1)},
  [Q_THERMAL_RESISTANCE] = {"a thermal resistance", "K/W", "9 K/W", D(.k = 1, .j = -1, .s = 1)},
  [Q_HEAT_CAPACITY] = {"a heat capacity", "J/K", "45 J/K", D(.j = 1, .k = -1)},
  [Q_LENGTH] = {"a length", "m", "m, km", D(.m = 1)},
  [Q_SPEED] = {"a speed", "m/s", "m/s, km/h", D(.m = 1, .s = -1)},
  [Q_DECIBEL] = {"a ratio of powers", "dB", "3 dB", D(.db = 1)},
  [Q_ANY] = {"a number", "", "any unit", D(0)},
};

static const struct unit { const char *name; double factor; struct dimension d;
} units[] = {
    {"ps", 1e-12, D(.s = 1)},
    {"ns", 1e-9, D(.s = 1)},
    {"us", 1e-6, D(.s = 1)},
    {"ms", 1e-3, D(.s = 1)},
    {"s", 1, D(.s = 1)},
    {"min", 60, D(.s = 1)},
    {"h", 3600, D(.s = 1)},
    {"d", 86400, D(.s = 1)},
    {"B", 1, D(.byte = 1)},
    {"kB", 1e3, D(.byte = 1)},
    {"MB", 1e6, D(.byte = 1)},
    {"GB", 1e9, D(.byte = 1)},
    {"TB", 1e12, D(.byte = 1)},
    {"KiB", 1024, D(.byte = 1)},
    {"MiB", 1048576, D(.byte = 1)},
    {"GiB", 1073741824, D(.byte = 1)},
    {"TiB", 1099511627776.0, D(.byte = 1)},
    {"GBs", 1e9, D(.byte = 1, .s = 1)},
    {"GiBs", 1073741824, D(.byte = 1, .s = 1)},
    {"bit", 1. / 8, D(.byte = 1)},
    {"kbit", 125, D(.byte = 1)},
    {"Mbit", 125e3, D(.byte = 1)},
    {"Gbit", 125e6, D(.byte = 1)},
    {"Tbit", 125e9, D(.byte = 1)},
    {"W", 1, D(.j = 1, .s = -1)},
    {"mW", 1e-3, D(.j = 1, .s = -1)},
    {"kW", 1e3, D(.j = 1, .s = -1)},
    {"J", 1, D(.j = 1)},
    {"uJ", 1e-6, D(.j = 1)},
    {"mJ", 1e-3, D(.j = 1)},
    {"kJ", 1e3, D(.j = 1)},
    {"MJ", 1e6, D(.j = 1)},
    {"Wh", 3600, D(.j = 1)},
    {"mWh", 3.6, D(.j = 1)},
    {"kWh", 3.6e6, D(.j = 1)},
    {"g", 1, D(.g = 1)},
    {"K", 1, D(.k = 1)},
    {"C", 1, D(.c = 1)},
    {"m", 1, D(.m = 1)},
    {"km", 1e3, D(.m = 1)},
    {"dB", 1, D(.db = 1)},
    {"USD", 1, D(.usd = 1)},
    {"tok", 1, D(.tok = 1)},
    {"ktok", 1e3, D(.tok = 1)},
    {"Mtok", 1e6, D(.tok = 1)},
    {"FLOP", 1, D(.flop = 1)},
    {"kFLOP", 1e3, D(.flop = 1)},
    {"MFLOP", 1e6, D(.flop = 1)},
    {"GFLOP", 1e9, D(.flop = 1)},
    {"TFLOP", 1e12, D(.flop = 1)},
    {"PFLOP", 1e15, D(.flop = 1)},
    {"%", 1e-2, D(0)},
    {"k", 1e3, D(0)},
    {"M", 1e6, D(0)},
};
enum { N_UNITS = sizeof units / sizeof *units };

struct dimension dimension_add(struct dimension a, struct dimension b, int sign)
{
#define SUM(f) .f = (signed char)(a.f + sign * b.f)
  return (struct dimension){SUM(s), SUM(byte), SUM(j), SUM(usd), SUM(tok), SUM(flop), SUM(g), SUM(k), SUM(c), SUM(m), SUM(db)};
#undef SUM
}

bool dimension_equal(struct dimension a, struct dimension b)
{
  return a.s == b.s && a.byte == b.byte && a.j == b.j && a.usd == b.usd && a.tok == b.tok && a.flop == b.flop
         && a.g == b.g && a.k == b.k && a.c == b.c && a.m == b.m && a.db == b.db;
}

const char *dimension_name(struct dimension d)
{
  for (int q = 0; q < Q_ANY; q++)
    if (dimension_equal(quantities[q].dimension, d))
      return quantities[q].name;
  return "of another dimension";
}

static size_t letters(const char *text)
{
  size_t n = 0;
  while (isalpha((unsigned char)text[n]))
    n++;
  return n ? n : text[0] == '%';
}

size_t unit_token(const char *text, double *factor, struct dimension *d)
{
  size_t n = letters(text);
  for (size_t i = 0; n && i < N_UNITS; i++)
    if (strlen(units[i].name) == n && !strncmp(units[i].name, text, n)) {
      *factor = units[i].factor;
      *d = units[i].d;
      return n;
    }
  return 0;
}

/* ---- what was meant -------------------------------------------------------------------------------------------- */

static const struct unit *unit_find(const char *name, size_t n, bool any_case)
{
  for (size_t i = 0; i < N_UNITS; i++)
    if (strlen(units[i].name) == n && !(any_case ? strncasecmp : strncmp)(units[i].name, name, n))
      return &units[i];
  return NULL;
}

/* m and M are far apart: milliwatts are not offered for MW, nor megaseconds meant by Ms. */
static bool same_prefix(const char *word, const struct unit *u)
{
  bool small_to_large = word[0] == 'm' && u->name[0] == 'M', large_to_small = word[0] == 'M' && u->name[0] == 'm';
  bool counts = u->d.byte || u->d.tok || u->d.flop, time = u->d.s == 1;
  return (!small_to_large || counts) && (!large_to_small || time);
}

/* "kb", "MB", "Gib" ...: which letter ends it says bits or bytes, so that one is never offered for the other. */
static const struct unit *data_unit(const char *word, size_t n)
{
  char name[8];
  bool bits = word[n - 1] == 'b';
  if (n > 2 || (n == 2 && !strchr("kKmMgGtT", word[0])))
    return NULL;
  char prefix = (char)(n == 1 ? 0 : toupper((unsigned char)word[0]));
  const char first[2] = {prefix == 'K' ? 'k' : prefix, 0};
  snprintf(name, sizeof name, "%s%s", first, bits ? "bit" : "B");
  return unit_find(name, strlen(name), false);
}

static const struct unit *spelt_otherwise(const char *word, size_t n)
{
  static const char *const words[][2] = {
    {"sec", "s"}, {"second", "s"}, {"msec", "ms"}, {"usec", "us"}, {"minute", "min"}, {"hour", "h"}, {"hr", "h"},
    {"day", "d"}, {"byte", "B"}, {"token", "tok"}, {"dollar", "USD"}, {"watt", "W"}, {"joule", "J"}, {"percent", "%"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strlen(words[i][0]) == n && !strncasecmp(words[i][0], word, n))
      return unit_find(words[i][1], strlen(words[i][1]), false);
  return NULL;
}

static const struct unit *one_typo(const char *word, size_t n)
{
  const char *names[N_UNITS];
  char text[32];
  size_t kept = 0;
  snprintf(text, sizeof text, "%.*s", (int)n, word);
  for (size_t i = 0; i < N_UNITS; i++)
    if (toupper((unsigned char)units[i].name[0]) == toupper((unsigned char)*word) && same_prefix(word, &units[i]))
      names[kept++] = units[i].name;
  const char *near = n < 3 || word[n - 1] == 'b' ? NULL : nearest(text, names, kept);
  return near ? unit_find(near, strlen(near), false) : NULL;
}

static const struct unit *suggest(const char *word, size_t n)
{
  const struct unit *u = n && toupper((unsigned char)word[n - 1]) == 'B' ? data_unit(word, n) : NULL;
  if (!u && n && word[n - 1] != 'b' && (u = unit_find(word, n, true)) && !same_prefix(word, u))
    u = NULL;
  return u || !n ? u : spelt_otherwise(word, n);
}

/* Words that are near a unit of another meaning. */
static const char *known_otherwise(const char *word)
{
  static const char *const words[][2] = {
    {"Ah", "that is a charge; an energy is Ah x V: 5 Ah at 3.85 V are 19.25 Wh"},
    {"mAh", "that is a charge; an energy is Ah x V: 5000 mAh at 3.85 V are 19.25 Wh"},
    {"kmh", "did you mean 'km/h'?"}, {"kph", "did you mean 'km/h'?"}, {"kmph", "did you mean 'km/h'?"},
    {"mph", "a mile an hour is 1.609 km/h"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcasecmp(words[i][0], word))
      return words[i][1];
  return NULL;
}

bool unit_suggest(const char *word, enum quantity q, char out[UNITS_WHY])
{
  size_t n = strlen(word);
  const char *per = "", *bytes = "";
  char other[8] = "";
  if (known_otherwise(word)) {
    snprintf(out, UNITS_WHY, "%s", known_otherwise(word));
    return true;
  }
  const struct unit *u = unit_find(word, n, false);
  if (!u)
    u = suggest(word, n);
  if (!u && n > 2 && !strcasecmp(word + n - 2, "ps") && (u = suggest(word, n - 2)))     /* Mbps */
    per = "/s";
  if (!u && n > 1 && tolower((unsigned char)word[n - 1]) == 's' && (u = suggest(word, n - 1)))  /* GFLOPS, tokens */
    per = u->d.flop && q == Q_FLOP_RATE ? "/s" : "";
  if (!u)
    u = one_typo(word, n);
  if (!u)
    return false;
  if (u->d.byte && strstr(u->name, "bit") && !strcasestr(word, "bit")) {
    snprintf(other, sizeof other, "%.*sB", (int)(strlen(u->name) - 3), u->name);
    bytes = " is an amount of bytes)";
  }
  snprintf(out, UNITS_WHY, "did you mean '%s%s'?%s%s%s", u->name, per, *bytes ? " (" : "", other, bytes);
  return true;
}

static bool unknown_unit(const char *text, enum quantity q, char why[UNITS_WHY])
{
  char word[32], meant[UNITS_WHY];
  size_t n = letters(text);
  if (!n)
    n = strcspn(text, " \t");
  snprintf(word, sizeof word, "%.*s", (int)(n < 31 ? n : 31), text);
  if (unit_suggest(word, q, meant))
    snprintf(why, UNITS_WHY, "unknown unit '%s'; %.120s", word, meant);
  else
    snprintf(why, UNITS_WHY, "unknown unit '%s'; expected %s%s%s", word, quantities[q].name,
             q == Q_PURE ? "" : ", e.g. ", q == Q_PURE ? "" : quantities[q].examples);
  return false;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *p)
{
  while (*p == ' ' || *p == '\t')
    p++;
  return p;
}

/* The unit that fills the rest of the text; factor multiplies up. */
static bool parse_unit(const char *p, enum quantity q, double *factor, struct dimension *d, char why[UNITS_WHY])
{
  int sign = 1;
  if (p[0] == '1' && p[1] == '/')
    p++;
  if (*p == '/') {
    sign = -1;
    p = skip_blanks(p + 1);
  }
  for (;;) {
    double f;
    struct dimension one;
    size_t n = unit_token(p, &f, &one);
    if (!n)
      return unknown_unit(p, q, why);
    *factor = sign > 0 ? *factor * f : *factor / f;
    *d = dimension_add(*d, one, sign);
    p = skip_blanks(p + n);
    if (!*p)
      return true;
    if (*p != '/')
      return unknown_unit(p, q, why);
    sign = -1;
    p = skip_blanks(p + 1);
  }
}

/* strtod alone would take "0x10", "nan" and "inf". */
static const char *parse_digits(const char *text, double *value)
{
  const char *p = text + (*text == '-' || *text == '+');
  if (!isdigit((unsigned char)p[0]) && !(p[0] == '.' && isdigit((unsigned char)p[1])))
    return NULL;
  if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
    return NULL;
  char *end;
  *value = strtod(text, &end);
  return isfinite(*value) ? end : NULL;
}

/* Powers of ten move the exponent of the text: 0.09 ms is read as 0.09e-3, so it is 9e-5 to the last bit. */
static double apply(const char *text, size_t length, double number, double factor)
{
  char moved[80];
  size_t digits = strcspn(text, "eE");
  int shift = (int)lround(log10(factor)), own = digits < length ? atoi(text + digits + 1) : 0;
  if (length > 48 || fabs(pow(10, shift) / factor - 1) > 1e-14)
    return number * factor;
  snprintf(moved, sizeof moved, "%.*se%d", (int)(digits < length ? digits : length), text, own + shift);
  return strtod(moved, NULL);
}

bool number_parse(const char *text, enum quantity q, double *value, char why[UNITS_WHY])
{
  const struct quantity_info *want = &quantities[q];
  struct dimension d = {0};
  double number, factor = 1;
  const char *start = skip_blanks(text), *rest = parse_digits(start, &number);
  if (!rest) {
    snprintf(why, UNITS_WHY, "'%.40s' is not a number", text);
    return false;
  }
  if (rest[0] == ',' && rest[1] >= '0' && rest[1] <= '9') {
    snprintf(why, UNITS_WHY, "'%.40s' has a comma; decimals are written with a point", text);
    return false;
  }
  size_t length = (size_t)(rest - start);
  rest = skip_blanks(rest);
  if (*rest && !parse_unit(rest, q, &factor, &d, why))
    return false;
  *value = *rest ? apply(start, length, number, factor) : number;
  if (q == Q_ANY || dimension_equal(d, want->dimension))
    return true;
  if (dimension_equal(d, (struct dimension){0}))
    snprintf(why, UNITS_WHY, "'%.40s' needs a unit: %s (%s)", text, want->name, want->examples);
  else
    snprintf(why, UNITS_WHY, "'%.40s' is %s; expected %s%s%s%s", text, dimension_name(d), want->name,
             q == Q_PURE ? "" : " (", q == Q_PURE ? "" : want->examples, q == Q_PURE ? "" : ")");
  return false;
}

const char *number_unit(const char *text)
{
  char *end, why[UNITS_WHY];
  double x;
  if (!number_parse(text, Q_ANY, &x, why))
    return NULL;
  strtod(text, &end);
  return end + strspn(end, " ");
}

bool count_parse(const char *text, unsigned long long *value, char why[UNITS_WHY])
{
  double number;
  const char *rest = parse_digits(skip_blanks(text), &number);
  if (!rest || *skip_blanks(rest) || number < 0 || number >= 9007199254740992.0 || number != floor(number)) {
    snprintf(why, UNITS_WHY, "'%.40s' is not a whole number", text);
    return false;
  }
  *value = (unsigned long long)number;
  return true;
}
