/* json.c: jansson behind the house's names. jansson.h comes first: json.h renames two names that both have. */
#include <jansson.h>

#include "sim/json.h"
#include "sim/check.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static json *must(json *value)
{
  if (!value)
    check_out_of_memory(sizeof(json_t));
  return value;
}

json *json_new_object(void)
{
  return must(json_object());
}

json *json_new_array(void)
{
  return must(json_array());
}

json *json_number_value(double x)
{
  return must(isfinite(x) ? json_pack("f", x) : json_null());
}

/* Length of the UTF-8 character at s, or 0 when the bytes are none (Unicode 15, table 3-7). */
static size_t character_length(const unsigned char *s)
{
  if (s[0] < 0x80)
    return 1;
  size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
  bool outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
  return overlong || outside ? 0 : n;
}

/* The text with every byte that is no part of a character replaced by U+FFFD. */
static json *repaired_string(const char *text)
{
  char *copy = malloc(3 * strlen(text) + 1), *end = copy;
  if (!copy)
    check_out_of_memory(3 * strlen(text) + 1);
  for (const char *s = text; *s;) {
    size_t n = character_length((const unsigned char *)s);
    memcpy(end, n ? s : "\xef\xbf\xbd", n ? n : 3);
    end += n ? n : 3;
    s += n ? n : 1;
  }
  *end = '\0';
  json *value = must(json_string(copy));
  free(copy);
  return value;
}

json *json_string_value_new(const char *text)
{
  if (!text)
    return json_null();
  json *value = json_string(text);
  return value ? value : repaired_string(text);
}

json *json_put(json *object, const char *key, json *value)
{
  sim_assert(json_is_object(object));
  sim_assert(json_object_set_new(object, key, value) == 0);
  return object;
}

json *json_put_number(json *object, const char *key, double x)
{
  return json_put(object, key, json_number_value(x));
}

json *json_put_int(json *object, const char *key, int64_t x)
{
  return json_put(object, key, must(json_integer(x)));
}

json *json_put_string(json *object, const char *key, const char *text)
{
  return json_put(object, key, json_string_value_new(text));
}

json *json_put_bool(json *object, const char *key, bool x)
{
  return json_put(object, key, json_boolean(x));
}

json *json_put_path(json *object, const char *dotted, json *value)
{
  json *inner = object;
  const char *dot;
  while ((dot = strchr(dotted, '.'))) {
    char key[128];
    sim_assert((size_t)(dot - dotted) < sizeof key);
    memcpy(key, dotted, (size_t)(dot - dotted));
    key[dot - dotted] = '\0';
    json *next = json_object_get(inner, key);
    if (!next) {
      next = json_new_object();
      json_put(inner, key, next);
    }
    inner = next;
    dotted = dot + 1;
  }
  json_put(inner, dotted, value);
  return object;
}

json *json_push(json *array, json *value)
{
  sim_assert(json_array_append_new(array, value) == 0);
  return array;
}

const char *json_key(const json *object, size_t i)
{
  void *at = json_object_iter((json *)object);
  while (at && i-- > 0)
    at = json_object_iter_next((json *)object, at);
  return at ? json_object_iter_key(at) : NULL;
}

bool json_is_map(const json *value)
{
  return json_is_object(value);
}

bool json_is_list(const json *value)
{
  return json_is_array(value);
}

static int compare_keys(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **json_keys_sorted(const json *object, size_t *n)
{
  const char **keys = zeros_new(json_object_size(object) + 1, sizeof *keys);
  *n = 0;
  for (void *at = json_object_iter((json *)object); at; at = json_object_iter_next((json *)object, at))
    keys[(*n)++] = json_object_iter_key(at);
  qsort(keys, *n, sizeof *keys, compare_keys);
  return keys;
}

json *json_at(const json *object, const char *key)
{
  return json_object_get(object, key);
}

json *json_nth(const json *array, size_t i)
{
  return json_array_get(array, i);
}

size_t json_count(const json *value)
{
  return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

const char *json_text(const json *value)
{
  return json_string_value(value);
}

double json_real(const json *value, double otherwise)
{
  if (json_is_integer(value))
    return (double)json_integer_value(value);
  return json_is_real(value) ? json_real_value(value) : otherwise;
}

int64_t json_int(const json *value, int64_t otherwise)
{
  if (json_is_integer(value))
    return json_integer_value(value);
  double x = json_is_real(value) ? json_real_value(value) : NAN;
  return x == trunc(x) && fabs(x) < 9e18 ? (int64_t)x : otherwise;
}

int json_flag(const json *value)
{
  return json_is_true(value) ? 1 : json_is_false(value) ? 0 : -1;
}

bool json_is_none(const json *value)
{
  return json_is_null(value);
}

json *json_parse(const char *text, size_t n, struct err *e)
{
  json_error_t error;
  json *value = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  if (!value)
    err_add(e, (struct where){.file = "JSON", .line = error.line, .column = error.column > 0 ? error.column : 1}, "%s",
            error.text);
  return value;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Skips a string literal that starts at s; returns the byte after its closing quote. */
static const char *after_string(const char *s)
{
  for (s++; *s != '"'; s++)
    if (*s == '\\')
      s++;
  return s + 1;
}

/* The shortest of 15, 16 and 17 digits that reads back as the same number, with a point or an exponent. */
static int print_shortest(char out[32], double x)
{
  int n = 0;
  for (int digits = 15; digits <= 17; digits++) {
    n = snprintf(out, 32, "%.*g", digits, x);
    if (strtod(out, NULL) == x)
      break;
  }
  if (!strpbrk(out, ".e"))
    n += snprintf(out + n, 32 - (size_t)n, ".0");
  return n;
}

/* jansson writes reals with 17 digits (0.1 becomes 0.10000000000000001); this rewrites them in place, never longer. */
static char *shorten_reals(char *text)
{
  char *out = text;
  for (const char *s = text; *s;) {
    const char *end = s + 1;
    if (*s == '"') {
      end = after_string(s);
    } else if (*s == '-' || (*s >= '0' && *s <= '9')) {
      end = s + strspn(s, "-+.eE0123456789");
      char number[32];
      if (memchr(s, '.', (size_t)(end - s)) || memchr(s, 'e', (size_t)(end - s))) {
        int n = print_shortest(number, strtod(s, NULL));
        if (n <= end - s) {
          memcpy(out, number, (size_t)n);
          out += n;
          s = end;
          continue;
        }
      }
    }
    memmove(out, s, (size_t)(end - s));
    out += end - s;
    s = end;
  }
  *out = '\0';
  return text;
}

static char *write_with(const json *value, size_t flags)
{
  char *text = json_dumps(value, flags | JSON_ENCODE_ANY);
  if (!text)
    check_out_of_memory(sizeof(json_t));
  return shorten_reals(text);
}

char *json_write(const json *value, bool pretty)
{
  return write_with(value, pretty ? JSON_INDENT(2) : JSON_COMPACT);
}

char *json_write_canonical(const json *value)
{
  return write_with(value, JSON_COMPACT | JSON_SORT_KEYS);
}

void json_release(json *value)
{
  json_decref(value);
}
