/* html.c: escaping. */
#include "analysis/html.h"

#include <string.h>

/* Shortest form and surrogates are not checked: the result is shown, never decoded to code points here. */
size_t utf8_length(const char *text)
{
  const unsigned char *s = (const unsigned char *)text;
  size_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xC0) != 0x80) return 0;
  return n;
}

void html_text(struct text *t, const char *s)
{
  while (*s) {
    size_t n = utf8_length(s);
    unsigned char c = (unsigned char)*s;
    if (!n || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) text_put(t, "\xEF\xBF\xBD");
    else if (c == '&') text_put(t, "&amp;");
    else if (c == '<') text_put(t, "&lt;");
    else if (c == '>') text_put(t, "&gt;");
    else if (c == '"') text_put(t, "&quot;");
    else if (c == '\'') text_put(t, "&#39;");
    else text_put_n(t, s, n);
    s += n ? n : 1;
  }
}

/* Where ids are made and used in gnuplot's drawings; the prefix goes behind the match. */
static size_t id_match(const char *s)
{
  static const char *const marks[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    size_t n = strlen(marks[i]);
    if (!strncmp(s, marks[i], n)) return n;
  }
  return 0;
}

bool html_svg(struct text *t, const char *svg, const char *prefix, const char *label)
{
  const char *s = strstr(svg, "<svg");
  if (!s || strstr(svg, "<script") || strstr(svg, "javascript:")) return false;
  text_put(t, "<svg role=\"img\" aria-label=\"");
  html_text(t, label);
  text_put(t, "\"");
  for (s += 4; *s;) {
    size_t n = id_match(s);
    text_put_n(t, s, n ? n : 1);
    if (n) text_put(t, prefix);
    s += n ? n : 1;
  }
  return true;
}
