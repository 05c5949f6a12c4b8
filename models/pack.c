/* pack.c: passages into a window of tokens.
 *
 * n = min(asked, floor((window - beside) / chunk)), at least 0; tokens = beside + n chunk. Of a window of 2000 with 300
 * beside, eight passages of 250 make six: 1800 tokens.
 */
#include "models/pack.h"
#include "models/internal.h"

struct packed pack(double chunks, double chunk_tok, double beside_tok, double window_tok)
{
  double fit = chunk_tok > 0 ? floor((window_tok - beside_tok) / chunk_tok) : chunks, n = fmax(0, fmin(floor(chunks), fit));
  return (struct packed){ beside_tok + n * chunk_tok, n };
}

void pack_on_served(struct attempt *a, const struct pack_def *d)
{
  double *x = a->request->attribute;
  double window = d->window.n > 0 ? expr_value(&d->window, x) : INFINITY;
  struct packed p = pack(expr_value(&d->chunks, x), expr_value(&d->chunk, x), expr_value(&d->beside, x), window);
  x[d->n_tokens] = p.tokens;
  x[d->n_chunks] = p.chunks;
}
