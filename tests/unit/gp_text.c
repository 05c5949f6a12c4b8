/* Text that wants out: into gnuplot, into HTML. And curves that are thinned. */
#include "analysis/gp.h"
#include "analysis/html.h"
#include "analysis/plot.h"

#include <math.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void is_quoted(const char *s, const char *expected)
{
  struct text t = {0};
  gp_text(&t, s);
  assert_string_equal(t.s, expected);
  free(t.s);
}

static void quotes(void **state)
{
  is_quoted("plain", "'plain'");
  is_quoted("it's", "'it\xE2\x80\x99s'");
  is_quoted("a\nsystem('x')", "'a?system(\xE2\x80\x99x\xE2\x80\x99)'");
  is_quoted("`touch x`", "'`touch x`'");
  is_quoted("caf\xC3\xA9", "'caf\xC3\xA9'");
  is_quoted("\xFF\x80", "'?" "?'");                    /* two strings: no trigraph */
  is_quoted("\xC2\x85", "'?'");
  is_quoted("50 %", "'50 %'");
  struct text t = {0};
  gp_tick(&t, "50 %");
  assert_string_equal(t.s, "'50 %%'");
  free(t.s);
}

static void long_text_is_cut(void **state)
{
  char s[1001];
  memset(s, 'x', 1000);
  s[1000] = 0;
  struct text t = {0};
  gp_text(&t, s);
  assert_int_equal(t.n, 202);
  free(t.s);
}

static void names_of_files(void **state)
{
  assert_true(is_plain_name("latency.svg"));
  assert_true(is_plain_name("Fig_1-a.pdf"));
  static const char *const bad[] = {"", ".hidden", "-d", "|touch x", "<cat", "a b", "a/b", "a'b", "a\nb", "a`b`"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(is_plain_name(bad[i]));
}

static void save(const char *folder, const char *name, const char *body)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(body, f);
  fclose(f);
}

static bool exists(const char *folder, const char *name)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return access(path, F_OK) == 0;
}

static void clean(const char *folder, const char *name)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  unlink(path);
}

/* gnuplot itself reads the hostile labels; none of them makes the file. The plant: in double quotes one does. */
static void gnuplot_runs_no_label(void **state)
{
  char folder[] = "/tmp/offsim-gp-XXXXXX";
  assert_non_null(mkdtemp(folder));
  static const char *const hostile[] = {"`touch owned`", "'.system('touch owned').'", "x'\nsystem 'touch owned'\n'",
                                        "\"; system('touch owned') #", "@owned", "\\' system('touch owned')", "%s%n%d"};
  struct text script = {0};
  text_put(&script, "set terminal svg noenhanced\nset output 'out.svg'\n");
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
    text_put(&script, "set title ");
    gp_text(&script, hostile[i]);
    text_put(&script, "\nset xtics (");
    gp_tick(&script, hostile[i]);
    text_put(&script, " 1)\nplot x title ");
    gp_text(&script, hostile[i]);
    text_put(&script, "\n");
  }
  save(folder, "good.gp", script.s);
  save(folder, "planted.gp",
       "set terminal svg noenhanced\nset output 'out.svg'\nset title \"`touch owned`\"\nplot x\n");
  save(folder, "broken.gp", "set nonsense\n");
  struct err err;
  err_init(&err);
  bool drawn = gp_run(folder, "good.gp", "out.svg", &err);
  err_print(&err, stderr, false);
  assert_true(drawn);
  assert_false(exists(folder, "owned"));
  assert_true(gp_run(folder, "planted.gp", "out.svg", &err));
  assert_true(exists(folder, "owned"));
  assert_false(err_any(&err));
  assert_false(gp_run(folder, "broken.gp", "out.svg", &err));
  assert_int_equal(err.code, EXIT_SYSTEM);
  assert_non_null(strstr(err.problems[0].message, "nonsense"));
  assert_false(gp_run(folder, "../x.gp", "out.svg", &err));
  err_release(&err);
  static const char *const made[] = {"good.gp", "planted.gp", "broken.gp", "out.svg", "owned"};
  for (size_t i = 0; i < 5; i++) clean(folder, made[i]);
  rmdir(folder);
  free(script.s);
}

static void html(void **state)
{
  struct text t = {0};
  html_text(&t, "<script>alert('1')</script> & \"x\" \x01\xFF\n");
  assert_string_equal(t.s, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot; "
                           "\xEF\xBF\xBD\xEF\xBF\xBD\n");
  t.n = 0;
  assert_true(html_svg(&t, "<?xml?><svg w='1'><g id='a'/><use href='#a' fill='url(#b)'/></svg>", "p-", "a \"b\""));
  assert_string_equal(t.s, "<svg role=\"img\" aria-label=\"a &quot;b&quot;\" w='1'><g id='p-a'/><use href='#p-a' "
                           "fill='url(#p-b)'/></svg>");
  assert_false(html_svg(&t, "<svg><script>1</script></svg>", "p-", "x"));
  assert_false(html_svg(&t, "no drawing", "p-", "x"));
  free(t.s);
}

static void thinning(void **state)
{
  uint64_t rank[MAX_POINTS];
  assert_int_equal(thin_ranks(0, rank), 0);
  assert_int_equal(thin_ranks(1000, rank), 1000);
  assert_int_equal(rank[999], 1000);
  static const uint64_t sizes[] = {1001, 1300, 50000, 10000000};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    uint64_t n = sizes[k];
    size_t m = thin_ranks(n, rank);
    assert_in_range(m, EXACT_TAIL + 100, MAX_POINTS);
    assert_int_equal(rank[0], 1);
    for (size_t i = 1; i < m; i++) assert_true(rank[i] > rank[i - 1]);
    for (size_t i = 0; i < EXACT_TAIL; i++) assert_int_equal(rank[m - 1 - i], n - i);
  }
}

static void numbers(void **state)
{
  assert_string_equal(number_text(1234.5).s, "1234");
  assert_string_equal(number_text(0.012345).s, "0.01235");
  assert_string_equal(percent_text(-1, 8).s, "-12.5 %");
  assert_string_equal(percent_text(-1, 1e6).s, "+0.00 %");
  assert_string_equal(percent_text(2, -8).s, "+25.0 %");
  assert_string_equal(percent_text(-2, -8).s, "-25.0 %");
  assert_string_equal(percent_text(1232, 0).s, "+1232");
  assert_string_equal(percent_text(-0.5, 0).s, "-0.5000");
  assert_string_equal(percent_text(0, 0).s, "0");
  assert_string_equal(percent_text(NAN, 0).s, "-");
  assert_string_equal(interval_text((struct interval){2, 1.5, 2.5, 3, "t"}, "+-").s, "2.00 +- 0.50");
}

/* Cells as they are printed: a rule of 1 to 5 replications, of wide and narrow intervals. */
static void differences(void **state)
{
  static const struct { struct interval d; const char *cell; } cases[] = {
    {{5.6, -224, 236, 2, "t"}, "+560.0 % (too few replications)"},
    {{5.6, -224, 236, 5, "t"}, "+560.0 % [-22400 %, +23600 %]"},
    {{5.6, -5, 16, 2, "t"}, "+560.0 % [-500.0 %, +1600 %]"},
    {{50, 40, 60, 2, "t"}, "+5000 % [+4000 %, +6000 %]"},
    {{.1, NAN, NAN, 1, "t"}, "+10.0 %"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char line[200] = "";
    FILE *f = tmpfile();
    struct table *t = table_new(1);
    table_difference(t, cases[i].d, 1);
    table_print(t, f, 1);
    rewind(f);
    assert_non_null(fgets(line, sizeof line, f));
    line[strcspn(line, "\n")] = 0;
    assert_string_equal(line, cases[i].cell);
    fclose(f);
  }
}

static void times(void **state)
{
  assert_string_equal(time_text(0.0073318).s, "7.33 ms");
  assert_string_equal(time_text(2.04e-7).s, "204 ns");
  assert_string_equal(time_text(1.5e-11).s, "15 ps");
  assert_string_equal(time_text(0).s, "0 s");
  assert_string_equal(time_text(1234.5).s, "1234 s");
  assert_string_equal(time_text(0.9994).s, "999 ms");
  assert_string_equal(time_text(0.9996).s, "1 s");      /* rounded before its unit is chosen */
  assert_string_equal(time_text(999.6).s, "1000 s");
  assert_string_equal(time_text(9.996e-7).s, "1 us");
  assert_string_equal(time_text(-0.0073318).s, "-7.33 ms");
  assert_string_equal(time_text(-4e-15).s, "-0.004 ps");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(quotes), cmocka_unit_test(long_text_is_cut), cmocka_unit_test(names_of_files),
    cmocka_unit_test(gnuplot_runs_no_label), cmocka_unit_test(html), cmocka_unit_test(thinning),
    cmocka_unit_test(numbers), cmocka_unit_test(differences), cmocka_unit_test(times)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
