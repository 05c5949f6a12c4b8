/* units.h: numbers with units, read from text into SI.
 *
 *   "18 ms" as Q_TIME gives 0.018;  "-2000 /USD" as Q_PER_MONEY gives -2000;  "18" as Q_TIME is refused.
 *
 * A unit is UNIT, UNIT/UNIT or /UNIT, e.g. Gbit/s, USD/Mtok, /min. The prefixes k and M alone count things: 200 k/min.
 */
#ifndef OFFSIM_SCENARIOS_UNITS_H
#define OFFSIM_SCENARIOS_UNITS_H

#include <stdbool.h>
#include <stddef.h>

/* Exponents of second, byte, joule, US dollar, token, floating-point operation, gram, kelvin, degree Celsius (a level,
 * which is no difference), metre, decibel. */
struct dimension { signed char s, byte, j, usd, tok, flop, g, k, c, m, db; };
enum { UNITS_WHY = 200 };

enum quantity {
  Q_PURE, Q_TIME, Q_PER_TIME, Q_BYTES, Q_BYTE_RATE, Q_POWER, Q_ENERGY, Q_MONEY, Q_MONEY_RATE, Q_MONEY_PER_TOK,
  Q_MONEY_PER_BYTE, Q_MONEY_PER_BYTE_TIME, Q_MONEY_PER_ENERGY, Q_BYTE_TIME, Q_TOK, Q_TOK_RATE, Q_FLOP, Q_FLOP_RATE, Q_PER_MONEY, Q_PER_ENERGY, Q_ENERGY_PER_BYTE,
  Q_BYTES_PER_TOK, Q_CARBON, Q_CELSIUS, Q_KELVIN, Q_THERMAL_RESISTANCE, Q_HEAT_CAPACITY, Q_LENGTH, Q_SPEED, Q_DECIBEL, Q_ANY, N_QUANTITIES
};
struct quantity_info { const char *name, *unit, *examples; struct dimension dimension; };
extern const struct quantity_info quantities[N_QUANTITIES];

/* False with a sentence in `why` ("needs a unit of time (ps, ns, us, ms, s, min, h, d)"). Q_ANY takes every dimension. */
bool number_parse(const char *text, enum quantity, double *value, char why[UNITS_WHY]);
/* What follows the digits of a number of any dimension ("Mbit/s", "" where nothing does); NULL: no number. */
const char *number_unit(const char *text);
/* A whole number from 0 to 2^53, without unit; 1e6 is one. */
bool count_parse(const char *text, unsigned long long *value, char why[UNITS_WHY]);

/* For expressions: the unit at the start of text (letters and %), its length, factor and dimension. 0: none. */
size_t unit_token(const char *text, double *factor, struct dimension *);
/* "did you mean 'Mbit'?" for a word that is no unit: other case, usual spellings, one letter wrong; never another power
 * of ten, never bytes for bits. False: nothing is near. */
bool unit_suggest(const char *word, enum quantity, char out[UNITS_WHY]);
struct dimension dimension_add(struct dimension, struct dimension, int sign);
bool dimension_equal(struct dimension, struct dimension);
/* "bytes", "seconds" ... of a dimension that has a quantity; else "another dimension". */
const char *dimension_name(struct dimension);

#endif
