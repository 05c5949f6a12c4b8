/* report.c: the page. Everything that came from outside goes through html_text. */
#include "analysis/report.h"
#include "analysis/html.h"
#include "analysis/plot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char style[] =
    ":root{--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--wash:#f6f8fa;--accent:#0b5cad}"
    "*{box-sizing:border-box}body{margin:0 auto;padding:1rem;max-width:72rem;color:var(--ink);background:#fff;"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    "h1{font-size:1.6rem;margin:.5rem 0 0}h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid "
    "var(--line);"
    "padding-bottom:.25rem}h3{font-size:1rem;margin:1.25rem 0 .4rem}p{margin:.5rem 0}.soft{color:var(--soft)}"
    ".verdict{font-size:1.1rem;border-left:4px solid var(--accent);padding:.5rem .9rem;background:var(--wash)}"
    ".notice{border-left:4px solid #9a6700;padding:.5rem .9rem;background:#fff8e5}"
    ".scroll{overflow-x:auto;margin:.5rem 0}table{border-collapse:collapse;font-size:.875rem;"
    "font-variant-numeric:tabular-nums}caption{text-align:left;color:var(--soft);padding:.25rem 0}"
    "th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}"
    "th:first-child,td:first-child,th.l,td.l{text-align:left}thead th{background:var(--wash);vertical-align:bottom}"
    "th:first-child{position:sticky;left:0;background:#fff}thead th:first-child{background:var(--wash)}"
    "caption span{display:block;position:sticky;left:0;max-width:min(100%,calc(100vw - 2.5rem))}"
    "tbody th{font-weight:600}tr.ref th{font-weight:400;font-style:italic}"
    ".v{padding:0 .4rem;border-radius:.6rem;border:1px solid currentColor}.better{color:#0a5c36}.worse{color:#a4161a}"
    ".equivalent{color:#0b5cad}.undecided{color:#57606a}"
    "figure{margin:1.25rem 0}figure svg{width:100%;height:auto;max-width:60rem;display:block;border:1px solid "
    "var(--line)}"
    "figcaption{color:var(--soft);font-size:.9rem;margin-top:.25rem}nav a{margin-right:1rem;display:inline-block}"
    "pre,code{font:13px/1.45 ui-monospace,'DejaVu Sans Mono',monospace}pre{background:var(--wash);padding:.75rem;"
    "overflow-x:auto;border:1px solid var(--line)}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem "
    "1rem}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}a{color:var(--accent)}"
    "@media(max-width:40rem){body{padding:.75rem;font-size:15px}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}"
    "figure svg{min-width:34rem}figure .scroll{margin:0}}"
    "@page{size:A4 landscape;margin:12mm}@media print{body{max-width:none;font-size:10pt;padding:0}"
    ".scroll{overflow:visible}table{font-size:6.5pt;width:100%}th,td{padding:.1rem .25rem;white-space:normal}"
    "thead th{overflow-wrap:anywhere}tbody th{white-space:nowrap}th,caption "
    "span{position:static!important}figure,table,.scroll{break-inside:avoid}"
    "h2,h3{break-after:avoid}figure svg{max-height:15cm}nav{display:none}"
    "details:not([open])>*:not(summary){display:none}}";

/* ---- tables -------------------------------------------------------------------------------------------------------
 */

static void open_table(struct text *t, const char *caption)
{
  text_put(t, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
  html_text(t, caption);
  text_put(t, "\"><table><caption><span>");
  html_text(t, caption);
  text_put(t, "</span></caption><thead><tr>");
}

static void close_table(struct text *t) { text_put(t, "</tbody></table></div>\n"); }

static void put_head(struct text *t, const char *name, const char *unit, bool left)
{
  text_add(t, "<th scope=\"col\"%s>", left ? " class=\"l\"" : "");
  html_text(t, name);
  if (unit && *unit && strcmp(unit, "1")) {
    text_put(t, "<br><span class=\"soft\">");
    html_text(t, unit);
    text_put(t, "</span>");
  }
  text_put(t, "</th>");
}

static void put_cell(struct text *t, const char *s)
{
  text_put(t, "<td>");
  html_text(t, s);
  text_put(t, "</td>");
}

static void open_row(struct text *t, const struct compared_policy *p)
{
  text_add(t, "<tr%s><th scope=\"row\">", strcmp(p->kind, "policy") ? " class=\"ref\"" : "");
  html_text(t, p->name);
  if (strcmp(p->kind, "policy")) {
    text_put(t, " <span class=\"soft\">(");
    html_text(t, p->kind);
    text_put(t, ")</span>");
  }
  text_put(t, "</th>");
}

static void put_metric(struct text *t, const struct compared_policy *p, const char *metric, const char *klass,
                       const char *place)
{
  const struct compared_metric *m = comparison_metric(p, metric, klass, place);
  struct text s = {0};
  if (!m) text_put(&s, "-");
  else if (m->needs) text_add(&s, "too few: needs %zu requests", m->needs);
  else text_add(&s, "%s%s", interval_text(m->interval, "\xC2\xB1").s, m->unsupported && m->interval.n ? " !" : "");
  put_cell(t, s.s);
  free(s.s);
}

static void put_metric_heads(struct text *t, const char *const *metric, size_t n)
{
  for (size_t k = 0; k < n; k++) put_head(t, metric[k], metric_find(metric[k])->unit, false);
  text_put(t, "</tr></thead><tbody>");
}

/* ---- parts --------------------------------------------------------------------------------------------------------
 */

static void put_verdict_cells(struct text *t, const struct comparison *c, size_t i)
{
  static const char *const sign[] = {"", "\xE2\x96\xB2 ", "= ", "\xE2\x96\xBC ", "? "};
  const struct paired *pair = comparison_pair(c, i, c->primary->name);
  if (i == c->baseline || !pair) {
    text_add(t, "<td>%s</td><td>-</td><td>-</td><td>-</td>", i == c->baseline ? "baseline" : "-");
    return;
  }
  struct interval d = pair->difference;
  struct text s = {0};
  text_add(&s, "%s [%s, %s]", number_text(d.value).s, number_text(d.lo).s, number_text(d.hi).s);
  put_cell(t, s.s);
  free(s.s);
  put_cell(t, percent_text(d.value, pair->baseline).s);
  text_add(t, "<td><span class=\"v %s\">%s%s</span></td>", verdict_name[pair->verdict], sign[pair->verdict],
           verdict_name[pair->verdict]);
  put_cell(t, number_text(pair->variance_ratio).s);
}

static void put_primary(struct text *t, const struct comparison *c)
{
  struct text caption = {0};
  text_add(&caption,
           "%s (%s): mean \xC2\xB1 95 %% half width over replications; difference from the baseline paired by "
           "replication, simultaneous 95 %% interval; margin %g %%",
           c->primary->name, c->primary->unit, 100 * c->margin);
  text_put(t, "<h2 id=\"primary\">Primary metric</h2>\n");
  open_table(t, caption.s);
  free(caption.s);
  put_head(t, "policy", "", true);
  put_head(t, c->primary->name, c->primary->unit, false);
  put_head(t, "n", "", false);
  put_head(t, "difference [95 %]", c->primary->unit, false);
  put_head(t, "relative", "", false);
  put_head(t, "verdict", "", false);
  put_head(t, "variance ratio", "of pairing", false);
  text_put(t, "</tr></thead><tbody>");
  for (size_t i = 0; i < c->n_policies; i++) {
    const struct compared_metric *m = comparison_metric(&c->policy[i], c->primary->name, "", "");
    open_row(t, &c->policy[i]);
    put_metric(t, &c->policy[i], c->primary->name, "", "");
    text_add(t, "<td>%llu</td>", m ? (unsigned long long)m->interval.n : 0);
    put_verdict_cells(t, c, i);
    text_put(t, "</tr>\n");
  }
  close_table(t);
  if (c->notes) {
    text_put(t, "<p class=\"soft\">");
    html_text(t, c->notes);
    text_put(t, "</p>\n");
  }
  char *band = comparison_price_band(c);
  if (band) text_put(t, "<p>"), html_text(t, band), text_put(t, "</p>\n");
  free(band);
}

static const char *const summary[] = {"latency_mean_s",
                                      "failed_ratio",
                                      "latency_p50_s",
                                      "latency_p95_s",
                                      "latency_p99_s",
                                      "slo_attainment",
                                      "offload_ratio",
                                      "cost_direct_usd_per_1k_requests",
                                      "cost_total_usd_per_1k_requests",
                                      "energy_device_j_per_request",
                                      "energy_direct_j_per_request",
                                      "energy_total_j_per_request",
                                      "quality_mean",
                                      "cost_objective",
                                      "carbon_g_per_request"};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static void put_group(struct text *t, const struct comparison *c, const char *caption, const char *const *metric,
                      size_t n, const char *klass, const char *place)
{
  open_table(t, caption);
  put_head(t, "policy", "", true);
  put_metric_heads(t, metric, n);
  for (size_t i = 0; i < c->n_policies; i++) {
    open_row(t, &c->policy[i]);
    for (size_t k = 0; k < n; k++) put_metric(t, &c->policy[i], metric[k], klass, place);
    text_put(t, "</tr>\n");
  }
  close_table(t);
}

/* One table for each class (or place) that has the first of the metrics. */
static void put_groups(struct text *t, const struct comparison *c, bool classes)
{
  const char *metric[GROUP_COLUMNS];
  size_t n = comparison_columns(c, classes, metric);
  for (size_t k = 0; c->n_policies && k < c->policy[0].n_metrics; k++) {
    const struct compared_metric *m = &c->policy[0].metric[k];
    const char *name = classes ? m->klass : m->place;
    if (strcmp(m->metric, metric[0]) || !*name) continue;
    struct text caption = {0};
    text_add(&caption, "%s %s", classes ? "class" : "place", name);
    put_group(t, c, caption.s, metric, n, classes ? name : "", classes ? "" : name);
    free(caption.s);
  }
}

/* Tasks and phases of a class in rows, policies in columns. */
static void put_cells(struct text *t, const struct comparison *c, const char *metric, const char *klass, const char *caption)
{
  const struct compared_policy *first = &c->policy[0];
  open_table(t, caption);
  put_head(t, "task.phase", "", true);
  for (size_t i = 0; i < c->n_policies; i++) put_head(t, c->policy[i].name, metric_find(metric)->unit, false);
  text_put(t, "</tr></thead><tbody>");
  for (size_t k = 0; k < first->n_metrics; k++) {
    const struct compared_metric *m = &first->metric[k];
    if (strcmp(m->metric, metric) || strcmp(m->klass, klass) || comparison_never(c, m)) continue;
    text_put(t, "<tr><th scope=\"row\">");
    html_text(t, m->place);
    text_put(t, "</th>");
    for (size_t i = 0; i < c->n_policies; i++) put_metric(t, &c->policy[i], metric, klass, m->place);
    text_put(t, "</tr>\n");
  }
  close_table(t);
}

/* Of classes with a budget. */
static void put_budgets(struct text *t, const struct comparison *c)
{
  bool any = false;
  for (size_t k = 0; c->n_policies && k < c->policy[0].n_metrics; k++) {
    const struct compared_metric *m = &c->policy[0].metric[k];
    if (strcmp(m->metric, "budget_miss_ratio") || !*m->klass || !(m->interval.n > 0)) continue;
    if (!any) text_put(t, "<h2 id=\"budgets\">Budgets</h2>\n<p>Each request that missed the budget of its class is of the one "
                          "task and phase that broke it. Times on the critical path add up to the mean latency.</p>\n");
    any = true;
    struct text caption = {0};
    text_add(&caption, "class %s: requests of a replication that missed the budget", m->klass);
    put_cells(t, c, "budget_misses", m->klass, caption.s);
    caption.n = 0;
    text_add(&caption, "class %s: time on the critical path", m->klass);
    put_cells(t, c, "path_mean_s", m->klass, caption.s);
    free(caption.s);
  }
}

/* ---- who saw which data: zones and kinds, where any policy shows any ---- */

static size_t seen_columns(const struct comparison *c, const char *metric, const struct compared_metric **column)
{
  size_t n = 0;
  for (size_t k = 0; k < c->policy[0].n_metrics; k++) {
    const struct compared_metric *m = &c->policy[0].metric[k];
    if (!strcmp(m->metric, metric) && *m->place && !comparison_never(c, m)) column[n++] = m;
  }
  return n;
}

static void put_seen(struct text *t, const struct comparison *c, const char *metric, const struct compared_metric **column)
{
  const struct metric_info *info = metric_find(metric);
  size_t n = seen_columns(c, metric, column);
  if (!n) return;
  struct text caption = {0};
  text_add(&caption, "%s (%s): %s; of the cohort", metric, info->unit, info->doc);
  open_table(t, caption.s);
  free(caption.s);
  put_head(t, "policy", "", true);
  for (size_t k = 0; k < n; k++) put_head(t, column[k]->klass, column[k]->place, false);
  text_put(t, "</tr></thead><tbody>");
  for (size_t i = 0; i < c->n_policies; i++) {
    open_row(t, &c->policy[i]);
    for (size_t k = 0; k < n; k++) put_metric(t, &c->policy[i], metric, column[k]->klass, column[k]->place);
    text_put(t, "</tr>\n");
  }
  close_table(t);
}

static void put_exposure(struct text *t, const struct comparison *c)
{
  static const char *const of_run[] = {"exposure_bytes_per_request", "protected_bytes_per_request", "kept_byte_s_per_request",
                                       "misplaced_bytes"};
  static const char *const of_zone[] = {"exposure_execution_bytes", "exposure_transit_bytes", "exposure_rest_byte_s", "protected_bytes"};
  if (!c->n_policies || !comparison_metric(&c->policy[0], of_run[0], "", "")) return;
  const struct compared_metric **column = grab(c->policy[0].n_metrics, sizeof *column);
  text_put(t, "<h2 id=\"exposure\">Exposure of data</h2>\n<p class=\"soft\">Under each kind of data, the zone that it was seen in.</p>\n");
  put_group(t, c, "the whole run", of_run, COUNT(of_run), "", "");
  for (size_t k = 0; k < COUNT(of_zone); k++) put_seen(t, c, of_zone[k], column);
  free(column);
}

static void put_warnings(struct text *t, const struct comparison *c)
{
  text_put(t, "<h2 id=\"warnings\">Warnings</h2>\n<ul>\n");
  size_t n = 0;
  for (size_t i = 0; i < c->n_policies; i++)
    for (size_t k = 0; k < c->policy[i].n_warnings; k++) {
      const char *w = c->policy[i].warning[k];
      if (comparison_said_before(c, i, w)) continue;
      text_put(t, "<li><b>");
      size_t others = comparison_with_warning(c, w);
      html_text(t, others == c->n_policies ? "all policies" : c->policy[i].name);
      if (others > 1 && others < c->n_policies) text_add(t, " and %zu more", others - 1);
      text_put(t, "</b>: ");
      html_text(t, w);
      text_put(t, "</li>\n");
      n++;
    }
  if (!n) text_put(t, "<li>none</li>\n");
  text_put(t, "</ul>\n");
}

/* ---- figures ------------------------------------------------------------------------------------------------------
 */

static bool put_drawing(struct text *t, const char *path, const char *kind, const char *doc)
{
  struct err ignored;
  struct text prefix = {0};
  err_init(&ignored);
  char *svg = text_load(path, NULL, &ignored);
  text_add(&prefix, "%s-", kind);
  bool ok = svg && html_svg(t, svg, prefix.s, doc);
  free(svg);
  free(prefix.s);
  err_release(&ignored);
  return ok;
}

static void put_figure(struct text *t, const struct comparison *c, const struct report_options *o,
                       const struct plot_kind *kind)
{
  struct text path = {0};
  struct err err;
  err_init(&err);
  text_add(&path, "%s/figures/%s.svg", o->dir, kind->name);
  struct plot_options plot = {.kind = kind->name, .out = path.s, .scripts = o->scripts};
  bool drawn = plot_make(c, &plot, &err);
  text_add(t, "<figure id=\"figure-%s\"><div class=\"scroll\">", kind->name);
  if (drawn && put_drawing(t, path.s, kind->name, kind->doc)) {
    text_put(t, "</div><figcaption>");
    html_text(t, kind->doc);
    text_add(t, ". Script and data: <code>figures/%s.gp</code>, <code>figures/%s.dat</code>.", kind->name, kind->name);
    if (c->incomplete) {
      text_put(t, " INCOMPLETE: missing ");
      html_text(t, c->incomplete);
      text_put(t, ".");
    }
    text_put(t, "</figcaption>");
  } else {
    text_put(t, "</div><figcaption>Not drawn: ");
    html_text(t, kind->doc);
    text_put(t, ": ");
    html_text(t, err.n ? err.problems[0].message : "no image");
    text_put(t, "</figcaption>");
  }
  text_put(t, "</figure>\n");
  err_release(&err);
  free(path.s);
}

/* Break-even is drawn from a scenario, not from results; it is shown when it lies beside the other figures. */
static void put_breakeven(struct text *t, const char *dir)
{
  struct text path = {0}, drawing = {0};
  text_add(&path, "%s/figures/breakeven.svg", dir);
  if (put_drawing(&drawing, path.s, "breakeven", "where offloading starts to pay, over bandwidth and size")) {
    text_put(t, "<figure id=\"figure-breakeven\"><div class=\"scroll\">");
    text_put(t, drawing.s);
    text_put(t, "</div><figcaption>where offloading starts to pay, over bandwidth and size. The formula knows neither queues "
             "nor time-outs: a request that would run into one is as good as any other to it; the runs have both. Script "
             "and data: "
             "<code>figures/breakeven.gp</code>, <code>figures/breakeven.dat</code>.</figcaption></figure>\n");
  }
  free(path.s);
  free(drawing.s);
}

static bool put_figures(struct text *t, const struct comparison *c, const struct report_options *o, struct err *err)
{
  struct text folder = {0};
  text_add(&folder, "%s/figures", o->dir);
  bool ok = !mkdir(folder.s, 0777) || errno == EEXIST ||
            err_system(err, "cannot make %s: %s", folder.s, strerror(errno));
  free(folder.s);
  const struct plot_kind *kind;
  size_t n = plot_kinds(&kind);
  text_put(t, "<h2 id=\"figures\">Figures</h2>\n");
  for (size_t i = 0; ok && i < n; i++) put_figure(t, c, o, &kind[i]);
  put_breakeven(t, o->dir);
  return ok;
}

/* ---- provenance ---------------------------------------------------------------------------------------------------
 */

static void put_provenance(struct text *t, const struct comparison *c)
{
  text_put(t, "<h2 id=\"provenance\">Provenance</h2>\n<dl>\n");
  static const char *const keys[] = {"version", "git", "compiler", "flags", "libraries", "model_version", "abi", "host",
                                     "cpu", "workload"};
  for (size_t i = 0; i < COUNT(keys); i++) {
    const char *value = comparison_provenance(c, keys[i]);
    if (!value || !*value) continue;
    text_add(t, "<dt>%s</dt><dd>", keys[i]);
    html_text(t, value);
    text_put(t, "</dd>\n");
  }
  text_add(t, "<dt>seed, replications</dt><dd>%llu, %zu</dd>\n<dt>events, CPU time</dt><dd>%llu, %s s</dd>\n"
           "<dt>trace hash</dt><dd><code>", (unsigned long long)c->seed, c->replications, (unsigned long long)c->events,
           number_text(c->elapsed_s).s);
  html_text(t, c->trace_hash);
  text_put(t, "</code></dd>\n</dl>\n");
  char *resolved = c->resolved ? json_write(c->resolved, true) : NULL;
  if (resolved) {
    text_put(t, "<details><summary>Resolved scenario (every default filled in)</summary><pre>");
    html_text(t, resolved);
    text_put(t, "</pre></details>\n");
  }
  free(resolved);
}

/* The objects of a JSON list in the provenance as a folded table with these keys for columns. */
static void put_list(struct text *t, const struct comparison *c, const char *key, const char *summary_text,
                     const char *caption, const char *const *column, size_t n)
{
  const char *text = comparison_provenance(c, key);
  struct err ignored;
  err_init(&ignored);
  json *list = text ? json_parse(text, strlen(text), &ignored) : NULL;
  err_release(&ignored);
  if (json_count(list)) {
    text_add(t, "<details><summary>%s</summary>", summary_text);
    open_table(t, caption);
    for (size_t k = 0; k < n; k++) put_head(t, column[k], "", true);
    text_put(t, "</tr></thead><tbody>");
    for (size_t i = 0; i < json_count(list); i++) {
      text_put(t, "<tr>");
      for (size_t k = 0; k < n; k++) {
        const json *value = json_at(json_nth(list, i), column[k]);
        text_put(t, "<td class=\"l\">");
        if (json_text(value)) html_text(t, json_text(value));
        else if (json_int(value, -1) < 0) text_put(t, "-");
        else text_add(t, "%lld", (long long)json_int(value, 0));
        text_put(t, "</td>");
      }
      text_put(t, "</tr>\n");
    }
    close_table(t);
    text_put(t, "</details>\n");
  }
  json_release(list);
}

static void put_lists(struct text *t, const struct comparison *c)
{
  static const char *const source[] = {"kind", "preset", "key", "grade", "source", "year"};
  static const char *const file[] = {"asked", "kind", "path", "hash"};
  put_list(t, c, "sources", "Numbers from presets, with source and grade",
           "grade M: measured or recomputed; D: read in the source; P: from a publication; E: engineering estimate", source, COUNT(source));
  put_list(t, c, "files", "Files that the scenario names", "hash: XXH3-128 of the bytes", file, COUNT(file));
}

/* A word of a shell command, single-quoted when it needs it. */
static void put_shell_word(struct text *t, const char *s)
{
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/=+,:@";
  if (*s && strspn(s, plain) == strlen(s)) {
    text_put(t, s);
    return;
  }
  text_put(t, "'");
  for (; *s; s++) {
    if (*s == '\'') text_put(t, "'\\''");
    else text_put_n(t, s, 1);
  }
  text_put(t, "'");
}

/* "offsim run FILE --set PATH=VALUE ... -o DIR", as the last call at this point was; or "offsim sweep STUDY -o DIR". */
static void put_run(struct text *t, const struct comparison *c, const char *command, const char *call, const char *dir)
{
  struct err ignored;
  err_init(&ignored);
  json *words = call ? json_parse(call, strlen(call), &ignored) : NULL;
  err_release(&ignored);
  text_add(t, "offsim %s", command);
  for (size_t i = 0; i < json_count(words); i++) {
    const char *word = json_text(json_nth(words, i));
    text_put(t, " ");
    put_shell_word(t, word ? word : "");
  }
  text_put(t, " -o ");
  put_shell_word(t, dir);
  json_release(words);
}

static void put_commands(struct text *t, const struct comparison *c, const char *dir)
{
  struct text s = {0};
  const char *run = comparison_provenance(c, "call"), *sweep = comparison_provenance(c, "study.call");
  if (run || sweep) put_run(&s, c, run ? "run" : "sweep", run ? run : sweep, dir);
  static const char *const more[] = {"compare", "compare --by class", "inspect", "report"};
  for (size_t i = 0; i < COUNT(more); i++) {
    const char *space = strchr(more[i], ' ');
    text_add(&s, "%soffsim %.*s ", s.n ? "\n" : "", space ? (int)(space - more[i]) : 99, more[i]);
    put_shell_word(&s, dir);
    if (c->points) text_add(&s, " --point %llu", (unsigned long long)c->point);
    if (space) text_put(&s, space);
  }
  text_put(t, "<h2 id=\"again\">Do it again</h2>\n<pre>");
  html_text(t, s.s);
  text_put(t, "</pre>\n");
  free(s.s);
}

/* ---- the page -----------------------------------------------------------------------------------------------------
 */

static void put_top(struct text *t, const struct comparison *c)
{
  text_put(t, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
  html_text(t, c->scenario);
  text_add(t, " - offsim report</title><style>%s</style></head><body>\n<header><h1>", style);
  html_text(t, c->scenario);
  text_add(
      t, "</h1><p class=\"soft\">offsim %s, seed %llu, %zu replication%s, %zu policies and references</p></header>\n",
      c->version, (unsigned long long)c->seed, c->replications, c->replications == 1 ? "" : "s", c->n_policies);
  text_put(t, "<nav aria-label=\"parts\"><a href=\"#primary\">primary</a><a href=\"#metrics\">metrics</a>"
           "<a href=\"#classes\">classes</a><a href=\"#places\">places</a><a href=\"#figures\">figures</a>"
           "<a href=\"#warnings\">warnings</a><a href=\"#provenance\">provenance</a><a href=\"#again\">do it again</a>"
           "</nav>\n<main>\n<p class=\"verdict\">");
  char *sentence = comparison_sentence(c);
  html_text(t, sentence);
  free(sentence);
  text_put(t, "</p>\n");
  if (c->points) {
    text_put(t, "<p class=\"soft\">");
    html_text(t, c->points);
    text_put(t, "</p>\n");
  }
  if (c->incomplete) {
    text_put(t, "<p class=\"notice\">INCOMPLETE: missing ");
    html_text(t, c->incomplete);
    if (c->remedy) {
      text_put(t, " (");
      html_text(t, c->remedy);
      text_put(t, ")");
    }
    text_put(t, "</p>\n");
  }
}

bool report_write(const struct comparison *c, const struct report_options *o, struct err *err)
{
  struct text t = {0}, path = {0};
  put_top(&t, c);
  put_primary(&t, c);
  text_put(
      &t,
      "<h2 id=\"metrics\">Metrics of the whole run</h2>\n<p>Exploratory: plain 95 % intervals over replications. "
      "Latency means are of completed requests, the share that failed stands beside them; in quantiles a failed "
      "request ranks as infinite. <b>!</b>: fewer than 10 requests a replication lie beyond this quantile.</p>\n");
  if (comparison_boundary(c)) {
    text_put(&t, "<p>Energy is of ");
    html_text(&t, comparison_boundary(c));
    text_put(&t, ".</p>\n");
  }
  put_group(&t, c, "mean \xC2\xB1 95 % half width", summary, COUNT(summary) - !comparison_has_carbon(c), "", "");
  text_put(&t, "<h2 id=\"classes\">By class</h2>\n");
  put_groups(&t, c, true);
  text_put(&t, "<h2 id=\"places\">By place</h2>\n");
  put_groups(&t, c, false);
  put_budgets(&t, c);
  put_exposure(&t, c);
  bool ok = put_figures(&t, c, o, err);
  put_warnings(&t, c);
  put_provenance(&t, c);
  put_lists(&t, c);
  put_commands(&t, c, o->dir);
  text_put(&t, "</main></body></html>\n");
  text_add(&path, "%s/report.html", o->dir);
  ok = ok && text_save(&t, path.s, err);
  free(t.s);
  free(path.s);
  return ok;
}
