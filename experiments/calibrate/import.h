/* import.h: measured tables of others on their way to a profile. Private to experiments/calibrate/import*.c and its tests.
 *
 * A format reads its file into points: times of whole prompts by their length, and times of decode steps by the number of
 * requests and their contexts. What they all go through then is the same: checks of the grid, the fit, its error at points
 * left out, the profile.
 */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_IMPORT_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_IMPORT_H

#include "analysis/text.h"
#include "models/steptime.h"
#include "sim/arena.h"
#include "sim/err.h"

enum { IMPORT_MAPS = 32, IMPORT_HELD_OUT = 32 };

/* Tokens of a prompt read on so many of context. */
struct prompt_point { double tok, context_tok, time_s; };
/* One step of so many requests, each with so much context. */
struct step_point { double batch, context_tok, time_s; };

struct import_pair { const char *key, *value; };
struct import_ask {
  const char *from, *file, *out, *name, *source, *grade, *format;
  int year;
  int n_maps; struct import_pair map[IMPORT_MAPS];      /* --map */
  int n_where; struct import_pair where[IMPORT_MAPS];   /* --where */
  int n_held_out; double held_out[IMPORT_HELD_OUT];     /* --hold-out: lengths */
};

/* At points that were left out; shapes 0: too few points. Shares of the time. */
struct import_error { const char *model; double mape, p90, max; int shapes; };

struct import_points {
  int n_prompts; struct prompt_point *prompt;
  int n_steps; struct step_point *step;
};

/* A step of b requests with K tokens of context together: a + c b + kv K. */
struct step_fit { double a_s, c_s, kv_s; bool c_measured, kv_measured; struct import_error error; };
struct prompt_fit { uint32_t n; double *tok, *time_s; struct import_error error; };

struct import_result {
  struct prompt_fit prompt;
  struct step_fit step;
  struct text step_time;                                /* of LLM engines: lines of YAML below the variant, or empty */
  struct import_error step_time_error;
  const char *measured, *kind;                          /* program; hardware and model as the file calls them, or NULL */
  const char *own_source;                               /* default of --source */
  struct import_error context_error;                    /* of prompts on context, which the profile tells from whole ones */
  struct import_error own_prompt_error;                 /* of formats that know better; shapes 0: none */
  bool made;                                            /* prompts and steps are sums of measured operators: no grid of their own */
  int n_notes; const char **note;                       /* holes, points that fall, what was passed over */
  int n_holes, n_falling;
};

const char *import_map(const struct import_ask *, const char *key);      /* NULL: not given */
/* A positive number; `otherwise` when the key is missing, NAN there: it is needed. False after adding. */
bool import_number(const struct import_ask *, const char *key, double otherwise, double *, struct err *) MUST_USE;
void import_note(struct import_result *, struct arena *, const char *format, ...) PRINTF_LIKE(3, 4);

/* Of a prompt or a step: 1 ns to 1e6 s. */
bool import_time_possible(double s);

/* --where: rows to take; false after adding: no such column, no such row. */
struct sheet;
bool import_where(const struct import_ask *, const struct sheet *, struct err *) MUST_USE;
bool import_chosen(const struct import_ask *, const struct sheet *, int row);

/* Formats. False after adding. */
typedef bool import_reader(const struct import_ask *, struct import_points *, struct import_result *, struct arena *, struct err *);
import_reader import_llama, import_csv, import_vllm, import_vidur;

/* import_check.c: sorts the points, takes the mean of those at one place, notes holes of the grid, gaps and falling times. */
void import_check(struct import_points *, struct import_result *, struct arena *);

/* import_fit.c. Prompts on no context, in order; linear between points or smooth, whichever errs less at points left out; made:
 * linear, the error is the format's. */
void import_fit_prompts(const struct import_points *, bool made, struct prompt_fit *, struct arena *);
void import_fit_steps(const struct import_points *, struct step_fit *, struct arena *);
struct import_error import_context_error(const struct import_points *, const struct prompt_fit *);
double import_prompt_at(const struct prompt_fit *, double tok);
double import_step_at(const struct step_fit *, double batch, double context_tok);
/* Sorts error[] (shares, absolute). */
struct import_error import_error_of(const char *model, double *error, int n);
/* Monotone cubic through logarithms of both (Steffen 1990), without point `without` (-1: with all). */
double import_smooth_at(const double *x, const double *y, int n, int without, double at);
double import_linear_at(const double *x, const double *y, int n, int without, double at);

/* import_write.c. */
bool import_write(const struct import_ask *, const struct import_result *, struct arena *, struct err *) MUST_USE;
void import_print(const struct import_ask *, const struct import_points *, const struct import_result *, const struct prompt_point *left_out, int n_left_out);

#endif
