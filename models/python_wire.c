/* python_wire.c: frames to an interpreter and back. */
#include "models/python_wire.h"
#include "sim/check.h"

#include <stdlib.h>
#include <string.h>

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void *room_for(struct bytes *b, size_t n)
{
  if (b->n + n > b->room) {
    b->room = 2 * (b->n + n);
    b->data = realloc(b->data, b->room);
    if (!b->data) check_out_of_memory(b->room);
  }
  b->n += n;
  return b->data + b->n - n;
}

void *wire_room(struct wire *w, size_t n) { return room_for(&w->out, n); }

void wire_add(struct wire *w, const void *from, size_t n)
{
  if (n) memcpy(room_for(&w->out, n), from, n);
}

/* The frame begins now; its length is known when it is closed. */
size_t wire_open(struct wire *w, enum ask word)
{
  size_t at = w->out.n;
  wire_add(w, &(struct frame){0, word}, sizeof(struct frame));
  return at;
}

void wire_close(struct wire *w, size_t at)
{
  uint32_t length = (uint32_t)(w->out.n - at - sizeof(struct frame));
  memcpy(w->out.data + at, &length, sizeof length);
}

void wire_word(struct wire *w, enum ask word, uint32_t value)
{
  size_t at = wire_open(w, word);
  wire_add(w, &value, sizeof value);
  wire_close(w, at);
}

bool wire_flush(struct wire *w)
{
  python_process_send(&w->process, w->out.data, w->out.n);
  w->out.n = 0;
  return w->process.answers >= 0;                       /* it may be gone: what it said last is still to be read */
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* At least n bytes in w->in. */
static bool receive(struct wire *w, size_t n)
{
  struct bytes *in = &w->in;
  if (in->room < n) {
    size_t before = in->n;
    room_for(in, n + 4096 - before);
    in->n = before;
  }
  while (in->n < n) {
    size_t got = python_process_receive(&w->process, in->data + in->n, in->room - in->n);
    if (got == 0) return false;
    in->n += got;
  }
  return true;
}

static bool answer(struct wire *w, struct frame *f)
{
  w->in.n = 0;
  if (!receive(w, sizeof *f)) return false;
  memcpy(f, w->in.data, sizeof *f);
  if (f->length > MAX_FRAME || f->word > SAY_BATCH)
    return python_process_fail(&w->process, "it wrote garbage into the pipe that belongs to offsim_policy");
  return receive(w, sizeof *f + f->length);
}

const char *wire_said(const struct wire *w) { return w->in.data + sizeof(struct frame); }

char *wire_text(const struct wire *w, const struct frame *f)
{
  char *text = strndup(wire_said(w), f->length);
  if (!text) check_out_of_memory(f->length);
  return text;
}

/* It said how many, and of which question. */
static bool send_drawn(struct wire *w, const struct frame *f, struct drawing drawing)
{
  uint32_t said[2];
  if (f->length != sizeof said) return false;
  memcpy(said, wire_said(w), sizeof said);
  if (said[0] > 4096 || said[1] >= drawing.n) return false;
  size_t at = wire_open(w, DRAWN);
  for (uint32_t i = 0; i < said[0]; i++) {
    double u = drawing.draw->uniform(drawing.random[said[1]]);
    wire_add(w, &u, sizeof u);
  }
  wire_close(w, at);
  return true;
}

bool wire_ask(struct wire *w, struct frame *f, struct drawing drawing)
{
  do {
    if (!wire_flush(w) || !answer(w, f)) return false;
  } while (f->word == SAY_DRAW && send_drawn(w, f, drawing));
  if (f->word != SAY_ERROR) return true;
  w->process.trouble = wire_text(w, f);
  python_process_halt(&w->process);
  return false;
}

bool wire_expect(struct wire *w, struct frame *f, enum say word, struct drawing drawing)
{
  if (!wire_ask(w, f, drawing)) return false;
  return f->word == word || python_process_fail(&w->process, "it answered something that was not asked");
}

void wire_release(struct wire *w)
{
  python_process_halt(&w->process);
  free(w->process.trouble);
  free(w->out.data);
  free(w->in.data);
}
