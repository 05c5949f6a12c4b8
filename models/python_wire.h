/* python_wire.h: the words of both sides: frames of (length, word, bytes), the first two as uint32_t of this machine.
 *
 * One question, one answer; outcomes have no answer and go out with the next question. Between a question and its
 * answer the policy may ask for random numbers. What the bytes are, policy_python.c and the module state side by side.
 */
#ifndef OFFSIM_MODELS_PYTHON_WIRE_H
#define OFFSIM_MODELS_PYTHON_WIRE_H

#include "models/python_process.h"
#include "policies/offsim_policy.h"
#include <stdint.h>

enum ask { ASK_SETUP, ASK_START, ASK_DECIDE, ASK_OUTCOME, ASK_TICK, ASK_SAVE, ASK_LOAD, ASK_FROZEN, ASK_SYNC, DRAWN,
           ASK_BATCH };
enum say { SAY_OK, SAY_ACTION, SAY_PLAN, SAY_ERROR, SAY_DRAW, SAY_FLAW, SAY_BATCH };
enum { MAX_FRAME = 1 << 28 };
struct frame { uint32_t length, word; };

struct bytes { char *data; size_t n, room; };

/* An answer lies in `in` until the next one is read. */
struct wire { struct python_process process; struct bytes out, in; };

/* ---- writing: nothing is sent before the next wire_ask or wire_flush ---- */
size_t wire_open(struct wire *, enum ask word);         /* frames may lie in frames */
void wire_add(struct wire *, const void *from, size_t n);
void *wire_room(struct wire *, size_t n);
void wire_close(struct wire *, size_t opened);
void wire_word(struct wire *, enum ask word, uint32_t value);
bool wire_flush(struct wire *);

/* ---- asking ---- */
/* The random numbers that the policy may ask for meanwhile: one stream for each of n questions. */
struct drawing { uint32_t n; struct offsim_random *const *random; const struct offsim_random_functions *draw; };
/* Send all and wait for the answer. False: in trouble. */
bool wire_ask(struct wire *, struct frame *, struct drawing);
/* The same where only this word can be the answer. */
bool wire_expect(struct wire *, struct frame *, enum say word, struct drawing);
const char *wire_said(const struct wire *);
char *wire_text(const struct wire *, const struct frame *);     /* what was said as a new string */

void wire_release(struct wire *);

#endif
