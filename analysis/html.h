/* html.h: text into HTML, and drawings into a page. */
#ifndef OFFSIM_ANALYSIS_HTML_H
#define OFFSIM_ANALYSIS_HTML_H

#include "analysis/text.h"

/* Append `s` as text, right between tags and inside quoted attributes: & < > " ' become entities; control characters
 * (but newline and tab) and bytes that are not UTF-8 become U+FFFD. */
void html_text(struct text *, const char *s);
/* Append an SVG file's <svg> element. Its ids get `prefix`, so that several can stand in one page; scripts, if any,
 * make it refuse. `label` is read aloud in its place. */
bool html_svg(struct text *, const char *svg, const char *prefix, const char *label);
/* Bytes of the UTF-8 sequence at s; 0 when it is none. */
size_t utf8_length(const char *s);

#endif
