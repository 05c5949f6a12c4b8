/* err.h: the user's mistakes, collected, each with the place in the text where it was made.
 *
 * A function that can find mistakes takes a `struct err *`, adds every problem it sees and returns false when it
 * added one. The list is printed once, by the command:
 *
 *   city.yaml:12:9: error: unknown key 'lattency' in links.access; did you mean 'latency'?
 *      12 |   lattency: 20 ms
 *         |   ^~~~~~~~
 */
#ifndef OFFSIM_SIM_ERR_H
#define OFFSIM_SIM_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Exit codes of the command line, the same everywhere (design section 8). */
enum exit_code { EXIT_OK = 0, EXIT_NEGATIVE = 1, EXIT_USER = 2, EXIT_SYSTEM = 3, EXIT_PLUGIN = 4, EXIT_INTERRUPTED = 75 };

/* A span of the user's text. line and column count from 1; line 0 = the file as a whole; file NULL = no file
 * (an argument). `text` is the source line when known (not NUL-terminated at the line's end: text_len bytes). */
struct where { const char *file; int line, column, length; const char *text; size_t text_len; };

struct problem { struct where at; char *message; bool warning; };
struct err { struct problem *problems; size_t n, capacity, n_errors; enum exit_code code; };

void err_init(struct err *);
void err_release(struct err *);
/* Add an error; returns false so that `return err_add(...)` reads well. The exit code becomes EXIT_USER. */
bool err_add(struct err *, struct where at, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same for file, disk, memory, library (EXIT_SYSTEM) and for misbehaving plug-ins (EXIT_PLUGIN). */
bool err_system(struct err *, const char *format, ...) PRINTF_LIKE(2, 3);
bool err_plugin(struct err *, const char *format, ...) PRINTF_LIKE(2, 3);
/* Add a warning: printed with the errors, does not make err_any true. */
void err_warn(struct err *, struct where at, const char *format, ...) PRINTF_LIKE(3, 4);
bool err_any(const struct err *);
/* An error begins at this line and column. */
bool err_stands_at(const struct err *, struct where at);
/* Print all problems in order of position, each with its source line and a caret; colour when `colour`. */
void err_print(const struct err *, FILE *, bool colour);
/* The same on stderr, with colour on a terminal unless NO_COLOR is set. */
void err_say(const struct err *);

/* The candidate nearest to `word` (Damerau-Levenshtein, at most a third of its letters wrong, at least one), or NULL. */
const char *nearest(const char *word, const char *const *candidates, size_t n);
/* Where none is near: the only candidate that begins with `word`, or that it begins with (three letters at least). */
const char *nearest_or_begun(const char *word, const char *const *candidates, size_t n);

#endif
