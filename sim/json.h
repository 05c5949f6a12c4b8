/* json.h: JSON in and out, through jansson. Values are jansson's; other files use only these names. */
#ifndef OFFSIM_SIM_JSON_H
#define OFFSIM_SIM_JSON_H

#include "sim/err.h"
#include <stdint.h>

typedef struct json_t json;

/* jansson has functions of these names with other types; ours carry the house's prefix in the object files. */
#define json_number_value offsim_json_number_value
#define json_real offsim_json_real

json *json_new_object(void);
json *json_new_array(void);
/* Set a key; the object owns the value afterwards. NaN and infinities are written as null. Return the object. */
json *json_put(json *object, const char *key, json *value);
json *json_put_number(json *object, const char *key, double);
json *json_put_int(json *object, const char *key, int64_t);
json *json_put_string(json *object, const char *key, const char *);   /* invalid UTF-8 is replaced; NULL = null */
json *json_put_bool(json *object, const char *key, bool);
/* Set "a.b.c" as nested objects. */
json *json_put_path(json *object, const char *dotted, json *value);
json *json_push(json *array, json *value);
json *json_number_value(double);
json *json_string_value_new(const char *);

/* NULL when absent or of another type. Borrowed. */
json *json_at(const json *object, const char *key);
json *json_nth(const json *array, size_t i);
bool json_is_map(const json *);
bool json_is_list(const json *);
/* Keys in the order of json_write_canonical. Caller frees the list; the keys are the object's. */
const char **json_keys_sorted(const json *object, size_t *n);
size_t json_count(const json *array_or_object);
const char *json_key(const json *object, size_t i);     /* in order of insertion */
const char *json_text(const json *);
double json_real(const json *, double otherwise);
int64_t json_int(const json *, int64_t otherwise);
int json_flag(const json *);                            /* 1: true, 0: false, -1: neither */
bool json_is_none(const json *);                        /* null is written there */

json *json_parse(const char *text, size_t n, struct err *) MUST_USE;
char *json_write(const json *, bool pretty);                           /* keys in order of insertion; caller frees */
char *json_write_canonical(const json *);                              /* sorted keys, compact; caller frees */
void json_release(json *);

#endif
