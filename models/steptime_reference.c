/* steptime_reference.c: the step time of the reference files, in integer nanoseconds.
 *
 *   T = 6,500,000 + 70,000 P + 30,000 D + 260 K + 2 A
 *
 * P prompt tokens, D decoding requests, K their KV tokens, A = sum n (2 q + n) over the chunks. A prompt of 785 tokens
 * alone takes 6,500,000 + 54,950,000 + 2 x 785^2 = 62,682,450 ns; the decode step after it (K = 786) 6,734,360 ns.
 */
#include "models/steptime_parts.h"

static sim_time reference_ns(const struct steptime *model, const struct step_batch *b)
{
  (void)model;
  return 6500000 + 70000 * (sim_time)b->prefill_tokens + 30000 * (sim_time)b->decodes + 260 * (sim_time)b->decode_kv +
         2 * (sim_time)b->prefill_attention;
}

const struct steptime *steptime_reference(void)
{
  static const struct steptime model = {.ns = reference_ns};
  return &model;
}
