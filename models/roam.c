/* roam.c: requests whose devices change over to another member (models/mobility.h) while they are open.
 *
 * Each open request of a device that moves has one event, at the next change-over. Then what is on the air between the
 * device and the member that it left is cut (network_move.c), and by the class, or the place of the device:
 *   relay    it is sent again, from the device to its new member, or after the device over the network; what works at the
 *            member that was left, or at the `nearest` of it, goes on there, and its result comes after the device;
 *   migrate  the same, but work there is stopped and goes on at the `nearest` place of the new member, when its state has
 *            come over: for what asked for time with what is left of it, else anew. What has not come there yet goes to the
 *            new place instead. Copies and attempts with retries are relayed;
 *   fail     what is on the air or works there ends with status moved; the scenario's fallbacks follow.
 * What works elsewhere is not touched: its result goes to wherever the device then is.
 * Checkable: 4 s of work at `nearest`, change-over after 1 s, 1 MB of state over 1 MB/s: migrated it is done after
 * 1 + 1 + 3 s; relayed after 4 s.
 */
#include "models/internal.h"
#include "models/mobility.h"
#include <stdlib.h>

struct watch { event_id event; struct endpoint at, near; };

size_t roam_bytes(const struct world *w) { return w->mobility ? sizeof(struct watch) + 8 : 0; }

/* Behind all else of the request. */
static struct watch *watch_of(const struct world *w, struct request *r)
{
  const struct class_def *k = w->klass[r->klass].def;
  char *end = (char *)(k->n_tasks > 1 ? (void *)(request_ordinals(w, r) + k->n_tasks) : (void *)(r->attribute + k->n_attributes));
  return (struct watch *)(void *)(end + (-(uintptr_t)end & 7));
}

static enum in_flight rule_of(const struct world *w, const struct request *r)
{
  int own = w->klass[r->klass].def->in_flight;
  return own == NONE ? w->def->place[r->origin].mobility->in_flight : (enum in_flight)own;
}

/* ---- attempts that came after their devices ------------------------------------------------------------------------- */

const struct move *roam_move(const struct world *w, const struct attempt *a)
{
  const struct move *m = w->moves;
  while (m->attempt != a) m = m->next;
  return m;
}

void roam_forget(struct world *w, const struct attempt *a)
{
  struct move **at = &w->moves, *gone;
  while ((*at)->attempt != a) at = &(*at)->next;
  gone = *at;
  *at = gone->next;
  free(gone);
}

static struct move *move_new(struct world *w, const struct attempt *a)
{
  struct move *m = malloc(sizeof *m);
  if (!m) check_out_of_memory(sizeof *m);
  const struct move *before = a->migrated ? roam_move(w, a) : NULL;
  *m = before ? *before : (struct move){.since = a->started, .left = 1, .bytes = -1, .ordinal = a->ordinal};
  m->next = w->moves;
  m->attempt = NULL;
  return w->moves = m;
}

/* Of the work that it asked for. */
static double share_left_of(struct world *w, struct attempt *a)
{
  struct demand d;
  double left_s = station_left_s(station_nth(w->place[a->place].stations, a->member), w->sim, &a->job);
  unsigned ordinal = a->migrated ? roam_move(w, a)->ordinal : a->ordinal;
  if (isnan(left_s)) return 1;
  demand_draw(w, a->request, a->task, (struct manner){a->variant, a->job.clock}, ordinal, end_of(a), &d);
  return d.time_s > 0 ? fmin(1, fmax(0, left_s / d.time_s)) : 1;
}

static void migrate(struct world *w, struct attempt *a, struct endpoint to)
{
  struct request *r = a->request;
  const struct class_def *k = w->klass[r->klass].def;
  struct plan_def plan = {.word = WORD_MEMBER, .place = to.place, .member = to.member, .variant = a->variant, .label = "",
                          .clock = to.place == a->place ? (int)a->job.clock : 0};
  struct move *m = move_new(w, a);
  if (a->stage == STAGE_STATION) {
    m->left = share_left_of(w, a);
    m->from = end_of(a);
    m->bytes = expr_value(&k->state_bytes, r->attribute);
  }
  struct attempt_ask ask = {.task = a->task, .ordinal = count_up(a->ordinal, UINT16_MAX), .fallback = a->fallback, .plan = &plan,
                            .decision = a->decision, .role = a->role, .move = m};
  r->migrated = true;
  attempt_drop(w, a, STATUS_MOVED);
  attempt_begin(w, r, &ask);
}

/* ---- one change-over ------------------------------------------------------------------------------------------------ */

static bool sends(const struct attempt *a)
{
  return a->stage == STAGE_ASK_TRIP || a->stage == STAGE_ANSWER_TRIP || a->stage == STAGE_UPLINK || a->stage == STAGE_DOWNLINK;
}

/* Do (or would) messages of it have to be sent again? */
static bool on_air(struct world *w, struct attempt *a, bool again)
{
  bool any = false;
  if (!sends(a)) return false;
  if (!many_legs(w, a)) {
    struct transfer *t = a->wait.transfer;
    return t && (again ? network_moved(w->network, t) : network_is_left(w->network, t));
  }
  for (struct leg *leg = a->wait.legs; leg; leg = leg->next)
    if (leg->transfer) any |= again ? network_moved(w->network, leg->transfer) : network_is_left(w->network, leg->transfer);
  return any;
}

/* It works there, is on its way there, or its result waits there. */
static bool is_there(const struct attempt *a, struct endpoint near)
{
  bool at_work = a->stage == STAGE_UPLINK || a->stage == STAGE_STATION || a->stage == STAGE_API || a->stage == STAGE_HELD;
  return at_work && same_end(end_of(a), near);
}

static bool can_migrate(const struct world *w, const struct attempt *a, struct endpoint to)
{
  if (a->in_effort || (a->stage != STAGE_UPLINK && a->stage != STAGE_STATION) || to.place >= w->def->n_places) return false;
  struct plan_def plan = {.word = WORD_MEMBER, .place = to.place, .member = to.member, .variant = a->variant};
  return plan_mask((struct world *)w, a->request, a->task, to, &plan) == 0;
}

/* False: the attempt is gone. */
static bool on_left(struct world *w, struct attempt *a, const struct watch *was, struct endpoint near)
{
  struct request *r = a->request;
  bool left = !same_end(was->near, near) && is_there(a, was->near);
  enum in_flight rule = rule_of(w, r);
  if (!left && !on_air(w, a, false)) {
    (void)on_air(w, a, true);                           /* what waits may have a way now */
    return true;
  }
  if (rule == IN_FLIGHT_FAIL) {
    r->moved = true;
    flow_on_moved(w, a);
    return false;
  }
  if (rule == IN_FLIGHT_MIGRATE && left && can_migrate(w, a, near)) {
    migrate(w, a, near);
    return false;
  }
  a->left |= left;
  r->relayed = true;
  (void)on_air(w, a, true);
  return true;
}

static void on_watch(struct sim *, void *request);

static void look_again(struct world *w, struct request *r)
{
  struct watch *v = watch_of(w, r);
  sim_time at = mobility_next(w->mobility, r->origin, r->device, now_of(w));
  v->at = attachment(w->topology, origin_of(r), now_of(w));
  v->near = nearest_to(w, r);
  v->event = at == SIM_NEVER ? (event_id){0} : sim_at(w->sim, at, PRIORITY_CHANGE, on_watch, r);
}

/* Attempts that begin meanwhile know where the device is. */
static void on_watch(struct sim *s, void *request)
{
  struct world *w = world_of(s);
  struct request *r = request;
  struct watch was = *watch_of(w, r);
  struct endpoint near = nearest_to(w, r);
  watch_of(w, r)->event = (event_id){0};
  r->hold++;
  bool moved = !same_end(was.at, attachment(w->topology, origin_of(r), now_of(w)));
  for (struct attempt *a = moved ? r->attempts : NULL, *next; a && r->status == STATUS_OPEN; a = next) {
    next = a->next;
    if (a->started < now_of(w) && !on_left(w, a, &was, near)) next = r->attempts;
  }
  if (r->status == STATUS_OPEN) look_again(w, r);
  request_release(w, r);
}

/* ---- requests -------------------------------------------------------------------------------------------------------- */

void roam_begin(struct world *w, struct request *r)
{
  if (mobility_of(w->mobility, r->origin)) look_again(w, r);
}

void roam_end(struct world *w, struct request *r)
{
  if (!mobility_of(w->mobility, r->origin)) return;
  struct watch *v = watch_of(w, r);
  if (v->event.bits) sim_cancel(w->sim, v->event);
  v->event = (event_id){0};
  w->summary.relayed += r->measured && r->relayed;
  w->summary.migrated += r->measured && r->migrated;
  w->summary.moved += r->measured && r->moved;
}

void roam_open_window(struct world *w)
{
  uint64_t devices;
  w->handovers_before = mobility_handovers(w->mobility, now_of(w), &devices);
}

void roam_close_window(struct world *w)
{
  uint64_t devices, all = mobility_handovers(w->mobility, now_of(w), &devices);
  w->summary.handovers = (double)(all - w->handovers_before);
  w->summary.handover_device_s = (double)devices * w->summary.window_s;
}
