/* policy_watch.c: what the host has to tell of a policy: what it is doing, and what had to be put right. */
#include "models/policy_parts.h"

#include <stdarg.h>
#include <stdio.h>

/* More text behind what is there. */
static void add(char *text, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
static void add(char *text, size_t size, const char *format, ...)
{
  va_list list;
  size_t n = 0;
  while (n < size && text[n]) n++;
  va_start(list, format);
  if (n < size) vsnprintf(text + n, size - n, format, list);
  va_end(list);
}

void policy_desk_print(const struct policy_desk *d, char *text, size_t size)
{
  static const char *const words[] = {[CALL_NONE] = "", [CALL_LOAD] = "while it was loaded",
    [CALL_START] = "while it started", [CALL_DECIDE] = "while deciding on", [CALL_OUTCOME] = "while told the outcome of",
    [CALL_TICK] = "in its tick", [CALL_STATE] = "while saving or loading its state"};
  static const char *const status[] = {[OFFSIM_OK] = "ok", [OFFSIM_LATE] = "late", [OFFSIM_DROPPED] = "dropped",
    [OFFSIM_CANCELLED] = "cancelled", [OFFSIM_CENSORED] = "censored"};
  snprintf(text, size, "%s", words[d->call]);
  if (d->call == CALL_DECIDE || d->call == CALL_OUTCOME)
    add(text, size, " request %llu (decision %llu, t = %.9g s", (unsigned long long)d->request,
        (unsigned long long)d->decision, s_from_ns(d->now));
  if (d->call == CALL_OUTCOME)
    add(text, size, ", action %d%s, %s", d->action, d->action < 0 ? ": nothing was executed" : "", status[d->status]);
  if (d->call == CALL_DECIDE || d->call == CALL_OUTCOME) add(text, size, ")");
  if (d->call == CALL_TICK)
    add(text, size, " %llu (t = %.9g s)", (unsigned long long)d->decision, s_from_ns(d->now));
}

void policy_mask_print(uint32_t mask, char *text, size_t size)
{
  static const char *const words[] = {"privacy", "capability", "memory", "an open breaker", "no route"};
  *text = 0;
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
    if (mask >> i & 1) add(text, size, "%s%s", *text ? " and " : "", words[i]);
}

void policy_host_remark(const struct policy_host *h, char *text, size_t size)
{
  const struct masked *m = h->masked;
  char why[96];
  *text = 0;
  if (h->loaded.changed_floating_point)
    add(text, size, "loading %s changed the floating-point state, as code linked with -ffast-math does; it was put back",
        h->file ? h->file : h->name);
  if (h->file && !policy_keeps_floating_point())
    add(text, size, "%s%s changed the floating-point state during the run, which may have changed its numbers",
        *text ? "; " : "", h->file);
  if (m->n == 0) return;
  policy_mask_print(m->mask, why, sizeof why);
  add(text, size, "%spolicy '%s' chose a masked action %llu times and the first allowed one ran instead; the first: "
      "request %llu, decision %llu, t = %.9g s, action %d (place '%s', masked for %s), action %d ran", *text ? "; " : "",
      h->name, (unsigned long long)m->n, (unsigned long long)m->request, (unsigned long long)m->decision,
      s_from_ns(m->now), m->action, m->place >= 0 ? h->world->place[m->place].name : "-", why, m->instead);
}
