/* Measured links: six formats become one series of (time, value), or a histogram.
 *
 * A line is cut into fields in place; each reader says what its lines are, the rest (order, holes, units, figures) is the
 * same for all. Units: mahimahi 1 packet = 1500 B a bin; ucc5g 1 kbit/s = 125 B/s; rtt in ms. Check: 12 packets in 100 ms
 * are 180 kB/s = 1.44 Mbit/s.
 */
#include "models/link_trace.h"
#include "models/trace_lines.h"
#include "sim/check.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 512, PROBLEMS_AT_MOST = 10, PINGS_AT_MOST = 10000000 };
static const double HOLE_STEPS = 10, PACKET_BYTES = 1500, BIN_S = .1, BYTE_PER_KBIT = 125, A_DAY_MS = 864e5,
                    SLICE_S = 15.7;                     /* netlatency: 688 slices in three hours (Zhu et al. 2017) */

const char *const link_trace_kind_names[] = {"capacity", "throughput", "rtt", "delay"};
static const char *const format_names[] = {"?", "mahimahi", "cicv5g", "ucc5g", "ping", "deterministic6g", "netlatency",
                                           "rtt_matrix"};

struct field { const char *text; size_t length; };
struct series { size_t n, room; double *t_s, *value; int *line; };
struct reader {
  const struct link_trace_def *def;
  struct trace_lines *lines;
  struct err *err;
  const char *text; size_t length;                      /* the line */
  struct field field[FIELDS]; int n_fields;
  int time, value;                                      /* columns */
  bool matrix;                                          /* its comment says so */
  size_t problems;                                      /* before this file */
  int line;
  double unit, bin_s, packet_bytes, sample_s;
  struct series out;
};

/* ---- lines and fields -------------------------------------------------------------------------------------------- */

static bool next_line(struct reader *r)
{
  while (trace_lines_next(r->lines, &r->text, &r->length, r->err)) {
    r->line++;
    while (r->length > 0 && isspace((unsigned char)r->text[r->length - 1])) r->length--;
    if (r->length > 0) return true;
  }
  return false;
}

static bool begins(const struct reader *r, const char *word)
{
  return r->length >= strlen(word) && !memcmp(r->text, word, strlen(word));
}

static const char *find(const struct reader *r, const char *word)
{
  return memmem(r->text, r->length, word, strlen(word));
}

static bool refuse(struct reader *r, struct field f, const char *why)
{
  return err_add(r->err, trace_lines_at(r->lines, f.text, f.length), "%s", why);
}

static bool refuse_line(struct reader *r, const char *why) { return refuse(r, (struct field){r->text, r->length}, why); }

static void cut(struct reader *r)
{
  const char *at = r->text, *end = r->text + r->length;
  r->n_fields = 0;
  for (; r->n_fields < FIELDS; at++) {
    const char *stop = at;
    while (stop < end && *stop != ',' && *stop != '\t') stop++;
    r->field[r->n_fields++] = (struct field){at, (size_t)(stop - at)};
    if (stop == end) return;
    at = stop;
  }
}

static bool is(struct field f, const char *word) { return f.length == strlen(word) && !memcmp(f.text, word, f.length); }

static bool to_number(struct field f, double *x)
{
  char text[64], *end;
  if (f.length == 0 || f.length >= sizeof text) return false;
  memcpy(text, f.text, f.length);
  text[f.length] = '\0';
  *x = strtod(text, &end);
  return end == text + f.length && isfinite(*x) && !strpbrk(text, "xXnN");
}

static bool number(struct reader *r, int column, double *x)
{
  if (column >= r->n_fields) return refuse_line(r, "this line has too few fields");
  return to_number(r->field[column], x) || refuse(r, r->field[column], "not a number");
}

static void keep(struct reader *r, double t_s, double value)
{
  struct series *s = &r->out;
  if (s->n == s->room) {
    s->room = s->room ? 2 * s->room : 1024;
    s->t_s = realloc(s->t_s, s->room * sizeof *s->t_s);
    s->value = realloc(s->value, s->room * sizeof *s->value);
    s->line = realloc(s->line, s->room * sizeof *s->line);
    if (!s->t_s || !s->value || !s->line) check_out_of_memory(s->room * sizeof(double));
  }
  s->t_s[s->n] = t_s;
  s->value[s->n] = value;
  s->line[s->n++] = r->line;
}

static bool too_many(const struct reader *r) { return r->err->n - r->problems >= PROBLEMS_AT_MOST; }
static bool all_good(const struct reader *r) { return r->err->n == r->problems; }

/* ---- tables with a header ---------------------------------------------------------------------------------------- */

/* All columns of a known format; what is not among them is another file. */
static const char *const cicv5g_columns[] = {"t_ms", "rtt_ms", "rsrp_db", "sinr_db", "speed_mps"};
static const char *const ucc5g_columns[] = {"t_s", "dl_kbps", "ul_kbps", "ping_ms", "rsrp_dbm", "speed_kmh", "mode"};

static int column_of(const struct reader *r, const char *name)
{
  for (int i = 0; i < r->n_fields; i++)
    if (is(r->field[i], name)) return i;
  return -1;
}

static bool known_columns(struct reader *r, const char *const *known, size_t n)
{
  for (int i = 0; i < r->n_fields; i++) {
    bool found = false;
    for (size_t k = 0; k < n; k++) found |= is(r->field[i], known[k]);
    if (found) continue;
    char word[64] = "";
    memcpy(word, r->field[i].text, r->field[i].length < 63 ? r->field[i].length : 63);
    const char *near = nearest(word, known, n);
    err_add(r->err, trace_lines_at(r->lines, r->field[i].text, r->field[i].length),
            "unknown column '%s' of format %s%s%s%s", word, format_names[r->def->format],
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  }
  return all_good(r);
}

static bool wanted_columns(struct reader *r, const char *time, const char *value)
{
  r->time = column_of(r, time);
  r->value = column_of(r, value);
  if (r->time >= 0 && r->value >= 0) return true;
  return err_add(r->err, trace_lines_at(r->lines, r->text, r->length), "no column '%s'", r->time < 0 ? time : value);
}

static void read_rows(struct reader *r, double time_unit_s, bool zero_is_missing)
{
  int columns = r->n_fields;                            /* of the header */
  while (!too_many(r) && next_line(r)) {
    double t = 0, value = 0;
    if (begins(r, "#")) continue;
    cut(r);
    if (r->n_fields > columns) {
      refuse_line(r, "this line has more fields than the header");
      continue;
    }
    if (!number(r, r->time, &t) || !number(r, r->value, &value)) continue;
    if (value < 0 || (value == 0 && r->unit < 1 && !zero_is_missing))
      refuse(r, r->field[r->value], value < 0 ? "a negative value" : "a round trip of no time");
    else if (value > 0 || !zero_is_missing)
      keep(r, t * time_unit_s, value * r->unit);
  }
}

static void read_cicv5g(struct reader *r)
{
  cut(r);
  if (!known_columns(r, cicv5g_columns, 5) || !wanted_columns(r, "t_ms", "rtt_ms")) return;
  r->unit = 1e-3;
  read_rows(r, 1e-3, false);
}

static void read_ucc5g(struct reader *r)
{
  const char *column = r->def->column ? r->def->column : "dl_kbps";
  cut(r);
  if (!known_columns(r, ucc5g_columns, 7) || !wanted_columns(r, "t_s", column)) return;
  if (strcmp(column, "dl_kbps") && strcmp(column, "ul_kbps")) {
    refuse(r, r->field[r->value], "not a throughput: dl_kbps or ul_kbps");
    return;
  }
  r->unit = BYTE_PER_KBIT;
  read_rows(r, 1, false);
}

static void read_netlatency(struct reader *r)
{
  cut(r);
  if (!r->def->column) {
    refuse_line(r, "'column' must say which pair of nodes, one of these");
    return;
  }
  if (!wanted_columns(r, "slice", r->def->column)) return;
  r->unit = 1e-3;
  read_rows(r, r->def->sample_s > 0 ? r->def->sample_s : SLICE_S, true);
}

/* ---- mahimahi ---------------------------------------------------------------------------------------------------- */

static double word_number(const struct reader *r, const char *word, double otherwise)
{
  const char *at = find(r, word), *end = r->text + r->length;
  if (!at) return otherwise;
  struct field f = {at + strlen(word), 0};
  while (f.text + f.length < end && (isdigit((unsigned char)f.text[f.length]) || f.text[f.length] == '.')) f.length++;
  double x;
  return to_number(f, &x) ? x : otherwise;
}

/* What a comment at the head says of the lines below. */
static double head_number(struct reader *r, const char *word, double otherwise)
{
  const char *at = find(r, word), *end = r->text + r->length;
  if (!at) return otherwise;
  struct field f = {at + strlen(word), 0};
  while (f.text + f.length < end && !strchr(" ,;\t\r", f.text[f.length])) f.length++;
  double x;
  if (to_number(f, &x) && x > 0) return x;
  refuse(r, f, "a number above 0 is needed here");
  return otherwise;
}

static void read_bins(struct reader *r)
{
  double packets = 0;
  for (uint64_t bin = 0; !too_many(r) && next_line(r); bin++) {
    cut(r);
    if (r->n_fields != 1) refuse_line(r, "more than one column: not packets a bin");
    else if (!number(r, 0, &packets)) continue;
    else if (packets < 0) refuse_line(r, "a negative rate");
    else keep(r, (double)bin * r->bin_s, packets * r->packet_bytes / r->bin_s);
  }
}

/* One line a packet that could have been delivered, in whole ms: bins of what comes in each. */
static void read_packets(struct reader *r)
{
  double ms = 0, last = 0, bin_ms = r->bin_s * 1e3;
  do {
    cut(r);
    if (r->n_fields != 1) refuse_line(r, "more than one column: not the time of a packet");
    if (r->n_fields != 1 || !number(r, 0, &ms)) continue;
    if (ms < last || ms < 0 || ms > last + A_DAY_MS) {
      refuse_line(r, ms < 0 ? "a negative time" : ms < last ? "times are not in order: this one is before the one above"
                                                            : "more than a day after the line above");
      continue;
    }
    while (r->out.n == 0 || (double)r->out.n * bin_ms <= ms) keep(r, (double)r->out.n * r->bin_s, 0);
    r->out.value[r->out.n - 1] += r->packet_bytes / r->bin_s;
    last = ms;
  } while (!too_many(r) && next_line(r));
}

static void read_mahimahi(struct reader *r)
{
  if (begins(r, "packets")) read_bins(r);
  else read_packets(r);
}

/* ---- ping -------------------------------------------------------------------------------------------------------- */

/* "982 packets transmitted, ..., time 1024857ms": one each so long. */
static void ping_total(struct reader *r)
{
  double sent = 0, ms = word_number(r, ", time ", 0);
  const char *blank = memchr(r->text, ' ', r->length);
  if (blank && to_number((struct field){r->text, (size_t)(blank - r->text)}, &sent) && sent > 1 && ms > 0)
    r->sample_s = ms / 1e3 / (sent - 1);
}

/* Replies come in any order; the number of the message says when it was sent. */
static void ping_line(struct reader *r)
{
  bool late = find(r, "no answer yet") || find(r, "Unreachable") || find(r, "DUP!");
  double k = word_number(r, "icmp_seq=", -1), ms = word_number(r, " time=", -1);
  if (begins(r, "PING ") || begins(r, "---") || begins(r, "rtt ") || late) return;
  if (find(r, " packets transmitted")) {
    ping_total(r);
    return;
  }
  if (k < 0 || ms < 0 || k > PINGS_AT_MOST || !find(r, " ms")) {
    refuse_line(r, "not a line of ping");
    return;
  }
  while ((double)r->out.n <= k) keep(r, (double)r->out.n, INFINITY);
  if (isfinite(r->out.value[(size_t)k])) refuse_line(r, "this message was answered already, further up");
  r->out.value[(size_t)k] = ms / 1e3;
  r->out.line[(size_t)k] = r->line;
}

static void read_ping(struct reader *r)
{
  do ping_line(r);
  while (!too_many(r) && next_line(r));
  size_t first = 0;
  struct series *s = &r->out;
  while (first < s->n && isinf(s->value[first])) first++;
  double step_s = r->def->sample_s > 0 ? r->def->sample_s : r->sample_s > 0 ? r->sample_s : 1;
  for (size_t i = first; i < s->n; i++) {
    s->t_s[i - first] = (double)(i - first) * step_s;
    s->value[i - first] = s->value[i];
    s->line[i - first] = s->line[i];
  }
  s->n -= first;
}

/* ---- deterministic6g: lower bound of a bin in ms, count or share -------------------------------------------------- */

static void read_histogram(struct reader *r)
{
  do {
    double low = 0, count = 0;
    cut(r);
    if (r->n_fields != 2) refuse_line(r, "unknown columns: a bin has a lower bound in ms and a count");
    else if (!number(r, 0, &low) || !number(r, 1, &count)) continue;
    else if (low < 0 || count < 0) refuse(r, r->field[low < 0 ? 0 : 1], "a negative value");
    else keep(r, low / 1e3, count);
  } while (!too_many(r) && next_line(r));
}

static const struct dist *uniform_between(struct arena *a, double low, double high)
{
  struct dist *d = arena_alloc(a, sizeof *d);
  char why[160];
  bool made = dist_make(d, "uniform", (double[]){low, high}, 2, why);
  sim_assert(made);
  return d;
}

/* Uniform inside each bin; the last one is as wide as the one before. */
static bool histogram_dist(struct reader *r, struct link_trace *t, struct arena *a)
{
  const struct series *s = &r->out;
  const struct dist **part = arena_array(a, const struct dist *, s->n);
  double *weight = arena_array(a, double, s->n);
  size_t n = 0;
  for (size_t i = 0; i < s->n; i++) {
    double high = i + 1 < s->n ? s->t_s[i + 1] : i > 0 ? 2 * s->t_s[i] - s->t_s[i - 1] : s->t_s[i];
    if (s->value[i] <= 0) continue;
    part[n] = uniform_between(a, s->t_s[i], high);
    weight[n++] = s->value[i];
  }
  char why[160] = "it has no counts";
  struct dist *d = arena_alloc(a, sizeof *d);
  if (n == 0 || !dist_make_mixture(d, a, part, weight, n, why))
    return err_add(r->err, (struct where){.file = r->def->file}, "%s", why);
  t->delay_s = d;
  t->mean = dist_mean(d);
  return true;
}

/* ---- matrices: a row a node, whole or above the diagonal; ms; 0: itself, or not measured ----------------------------- */

static void read_matrix(struct reader *r)
{
  do {
    if (begins(r, "#")) continue;
    cut(r);
    for (int i = 0; i < r->n_fields && !too_many(r); i++) {
      double ms = 0;
      if (!number(r, i, &ms)) continue;
      if (ms < 0) refuse(r, r->field[i], "a negative round trip");
      else if (ms > 0) keep(r, ms / 2e3, 1);
    }
  } while (!too_many(r) && next_line(r));
}

static int compare(const void *a, const void *b);

/* Every pair alike. */
static bool matrix_dist(struct reader *r, struct link_trace *t, struct arena *a)
{
  struct series *s = &r->out;
  double *value = arena_array(a, double, s->n), *weight = arena_array(a, double, s->n);
  size_t n = 0;
  qsort(s->t_s, s->n, sizeof *s->t_s, compare);
  for (size_t i = 0; i < s->n; i++) {
    if (n == 0 || s->t_s[i] > value[n - 1] + 1e-9) value[n++] = s->t_s[i];
    weight[n - 1]++;
  }
  char why[160];
  struct dist *d = arena_alloc(a, sizeof *d);
  if (!dist_make_empirical(d, a, value, weight, n, why))
    return err_add(r->err, (struct where){.file = r->def->file}, "%s", why);
  t->delay_s = d;
  t->mean = dist_mean(d);
  return true;
}

/* ---- which format ------------------------------------------------------------------------------------------------ */

struct format {
  const char *begin;                                    /* of its first line that is no comment; NULL: numbers */
  enum link_trace_kind kind;
  void (*read)(struct reader *);
};
static const struct format formats[] = {
  [FORMAT_MAHIMAHI] = {"packets", LINK_CAPACITY, read_mahimahi},
  [FORMAT_CICV5G] = {"t_ms,", LINK_RTT, read_cicv5g},
  [FORMAT_UCC5G] = {"t_s,", LINK_THROUGHPUT, read_ucc5g},
  [FORMAT_PING] = {"PING ", LINK_RTT, read_ping},
  [FORMAT_DETERMINISTIC6G] = {NULL, LINK_DELAY, read_histogram},
  [FORMAT_NETLATENCY] = {"slice,", LINK_RTT, read_netlatency},
  [FORMAT_RTT_MATRIX] = {NULL, LINK_DELAY, read_matrix},
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

static enum link_format guess(struct reader *r)
{
  for (int f = 1; f < N_FORMATS; f++)
    if (formats[f].begin && begins(r, formats[f].begin)) return (enum link_format)f;
  double x;
  cut(r);
  if (r->matrix) return FORMAT_RTT_MATRIX;
  if (r->n_fields == 1 && to_number(r->field[0], &x)) return FORMAT_MAHIMAHI;
  return r->n_fields == 2 && to_number(r->field[0], &x) ? FORMAT_DETERMINISTIC6G : FORMAT_BY_NAME;
}

/* The first line, that of comments read on the way; what format the file has is what the scenario says it has. */
static enum link_format open_file(struct reader *r)
{
  r->lines = trace_lines_open(r->def->file, r->err);
  if (!r->lines) return FORMAT_BY_NAME;
  bool got = next_line(r);
  for (; got && begins(r, "#"); got = next_line(r)) {
    r->matrix |= find(r, "RTT") && (find(r, "matrix") || find(r, "row = from"));
    r->bin_s = head_number(r, "bin_ms=", r->bin_s * 1e3) / 1e3;
    r->packet_bytes = head_number(r, "mtu_bytes=", r->packet_bytes);
  }
  if (!got) {
    if (all_good(r)) err_add(r->err, (struct where){.file = r->def->file}, "nothing is in it");
    return FORMAT_BY_NAME;
  }
  enum link_format looks = guess(r), said = r->def->format;
  if (said == FORMAT_BY_NAME && looks == FORMAT_BY_NAME) refuse_line(r, "unknown columns: none of the formats begins so");
  if (looks != FORMAT_BY_NAME && said != FORMAT_BY_NAME && looks != said)
    err_add(r->err, trace_lines_at(r->lines, r->text, r->length), "this is a file of format %s (%s), not %s (%s)",
            format_names[looks], link_trace_kind_names[formats[looks].kind], format_names[said],
            link_trace_kind_names[formats[said].kind]);
  return said != FORMAT_BY_NAME ? said : looks;
}

/* ---- order, holes, figures --------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_of(double *x, size_t n)
{
  qsort(x, n, sizeof *x, compare);
  return n == 0 ? 0 : n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static struct where at_line(const struct reader *r, size_t i)
{
  return (struct where){.file = r->def->file, .line = r->out.line[i], .column = 1};
}

static bool in_order(struct reader *r)
{
  const struct series *s = &r->out;
  for (size_t i = 1; i < s->n && !too_many(r); i++)
    if (s->t_s[i] <= s->t_s[i - 1])
      err_add(r->err, at_line(r, i), "times are not in order: %.9g s is not after %.9g s", s->t_s[i], s->t_s[i - 1]);
  return all_good(r);
}

static double median_step(const struct reader *r)
{
  const struct series *s = &r->out;
  double *step = malloc((s->n + 1) * sizeof *step);
  if (!step) check_out_of_memory(s->n * sizeof *step);
  for (size_t i = 1; i < s->n; i++) step[i - 1] = s->t_s[i] - s->t_s[i - 1];
  double median = s->n > 1 ? median_of(step, s->n - 1) : r->bin_s;
  free(step);
  return median;
}

static bool is_hole(const struct series *s, size_t i, double step_s)
{
  return i > 0 && s->t_s[i] - s->t_s[i - 1] > HOLE_STEPS * step_s * (1 + 1e-9);
}

static bool no_holes(struct reader *r, double step_s)
{
  for (size_t i = 1; r->def->gaps == GAPS_REFUSE && i < r->out.n && !too_many(r); i++)
    if (is_hole(&r->out, i, step_s))
      err_add(r->err, at_line(r, i), "a hole of %.4g s, with %.4g s from line to line; 'gaps' says what it is: cut or outage",
              r->out.t_s[i] - r->out.t_s[i - 1], step_s);
  return all_good(r);
}

/* Holes become an outage or nothing. */
static void lay_out(const struct reader *r, struct link_trace *t, struct arena *a, double step_s)
{
  const struct series *s = &r->out;
  sim_time *at = arena_array(a, sim_time, 2 * s->n);
  double *value = arena_array(a, double, 2 * s->n), cut_s = s->t_s[0];
  for (size_t i = 0; i < s->n; i++) {
    bool hole = is_hole(s, i, step_s);
    if (hole && r->def->gaps == GAPS_OUTAGE) {
      at[t->n] = ns_from_s(s->t_s[i - 1] - cut_s + step_s);
      value[t->n++] = t->kind == LINK_RTT ? INFINITY : 0;
    } else if (hole) {
      cut_s += s->t_s[i] - s->t_s[i - 1] - step_s;
    }
    at[t->n] = ns_from_s(s->t_s[i] - cut_s);
    value[t->n++] = s->value[i];
  }
  t->at = at;
  t->value = value;
  t->length = ns_from_s(s->t_s[s->n - 1] - cut_s + step_s);
}

static bool figures(struct reader *r, struct link_trace *t)
{
  double *finite = malloc((t->n + 1) * sizeof *finite), sum = 0, time = 0;
  if (!finite) check_out_of_memory(t->n * sizeof *finite);
  size_t n = 0;
  for (uint64_t k = 0; k < t->n; k++) {
    if (isinf(t->value[k])) continue;
    double for_s = s_from_ns((k + 1 < t->n ? t->at[k + 1] : t->length) - t->at[k]);
    finite[n++] = t->value[k];
    sum += for_s * t->value[k];
    time += for_s;
  }
  t->mean = time > 0 ? sum / time : 0;
  t->median = median_of(finite, n);
  free(finite);
  return t->mean > 0 || err_add(r->err, (struct where){.file = r->def->file}, "all of it is an outage");
}

static bool finish(struct reader *r, struct link_trace *t, struct arena *a)
{
  if (!all_good(r)) return false;
  if (r->out.n == 0) return err_add(r->err, (struct where){.file = r->def->file}, "it has no values");
  if (r->def->format == FORMAT_RTT_MATRIX) return matrix_dist(r, t, a);
  if (!in_order(r)) return false;
  if (t->kind == LINK_DELAY) return histogram_dist(r, t, a);
  double step_s = median_step(r);
  if (!no_holes(r, step_s)) return false;
  lay_out(r, t, a, step_s);
  return figures(r, t);
}

const struct link_trace *link_trace_read(const struct link_trace_def *def, struct arena *a, struct err *e)
{
  struct link_trace_def as = *def;
  struct reader *r = calloc(1, sizeof *r);
  struct link_trace *t = arena_alloc(a, sizeof *t);
  if (!r) check_out_of_memory(sizeof *r);
  r->def = &as;
  r->err = e;
  r->problems = e->n;
  r->bin_s = BIN_S;
  r->packet_bytes = PACKET_BYTES;
  as.format = open_file(r);
  if (all_good(r)) {
    t->kind = formats[as.format].kind;
    t->file = arena_strdup(a, def->file);
    formats[as.format].read(r);
  }
  bool good = finish(r, t, a);
  trace_lines_close(r->lines);
  free(r->out.t_s);
  free(r->out.value);
  free(r->out.line);
  free(r);
  return good ? t : NULL;
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

double link_trace_at(const struct link_trace *t, sim_time when, sim_time *until)
{
  sim_time within = when % t->length;
  uint64_t low = 0, high = t->n;                        /* at[low] <= within < at[high] */
  while (high - low > 1) {
    uint64_t middle = low + (high - low) / 2;
    if (t->at[middle] <= within) low = middle;
    else high = middle;
  }
  *until = time_add(when, (high < t->n ? t->at[high] : t->length) - within);
  return t->value[low];
}
