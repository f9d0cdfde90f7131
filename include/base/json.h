/*
 * json.h: cJSON within limits.
 *
 * cJSON 1.7.15 takes trailing junk, bad UTF-8, control bytes and `\u0000`, and follows any nesting
 * up to 1000. json_parse checks all of that first. Getters give a default where a member is missing
 * or of another type, and ignore no case; of a repeated member the last one counts. Trees are freed
 * with cJSON_Delete by whoever got them.
 *
 *     cJSON *root;
 *     struct json_fault fault;
 *     if (json_parse(bytes, length, &fault, &root) == OK) {
 *         const char *title = json_string(root, "title", "");
 *         cJSON_Delete(root);
 *     }
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
    JSON_DEPTH_MAX = 64, /* nesting: our deepest document has 7 levels */
    /* cJSON takes a quarter of a microsecond and 64 bytes or more for each, and two bytes such as
     * "1," are one: so many hold the loop up for 4 ms. A model's whole answer has under a thousand.
     */
    JSON_VALUES_MAX = 16 * 1024,
};

/* Where and why a document was refused, in the words of Python's json, which the clients know:
 * "Expecting value" at 5 for `{"a":`. Python counts characters, we count bytes. */
struct json_fault {
    size_t offset;      /* bytes before the fault */
    const char *reason; /* static text */
};

/* Parses all of `bytes` (RFC 8259), a byte order mark aside. More than JSON_DEPTH_MAX or
 * JSON_VALUES_MAX is ERR_LIMIT; ill-formed UTF-8 is ERR_ENCODING; a number past a double's range,
 * or of more than 63 digits, is ERR_RANGE; anything else wrong is ERR_SYNTAX. `\u0000` is dropped
 * and lone surrogates become U+FFFD rather than refused. `fault`, which may be NULL, is filled on
 * failure. */
MUST_CHECK enum err json_parse(const char *bytes, size_t length, struct json_fault *fault,
                               cJSON **out);

/* The same with another maximum than JSON_VALUES_MAX: for what is read off the loop, or small. */
MUST_CHECK enum err json_parse_up_to(const char *bytes, size_t length, size_t values_max,
                                     struct json_fault *fault, cJSON **out);

/* A member of an object, by exact name; the default when it is absent or of another type. */
const char *json_string(const cJSON *object, const char *name, const char *fallback);
double json_number(const cJSON *object, const char *name, double fallback);
bool json_bool(const cJSON *object, const char *name, bool fallback);
const cJSON *json_array(const cJSON *object, const char *name); /* NULL when absent */

/* Prints compactly, UTF-8 unescaped, appending to `out`. Numbers have the digits that it takes
 * to read them again. ERR_LIMIT past the buffer's maximum or twice JSON_DEPTH_MAX: then nothing was
 * appended. */
MUST_CHECK enum err json_print(const cJSON *value, struct buffer *out);

/* Appends `text`, which is clean UTF-8, as a JSON string with its quotes; or nothing, as above. */
MUST_CHECK enum err json_print_string(struct buffer *out, const char *text, size_t length);

/* Checked adds: cJSON's report a failed allocation only by returning NULL; ours abort, as all our
 * allocations do, so that a member is never silently missing. Numbers are finite. */
cJSON *json_new_object(void);
cJSON *json_new_array(void);
cJSON *json_add_string(cJSON *object, const char *name, const char *value);
cJSON *json_add_number(cJSON *object, const char *name, double value);
cJSON *json_add_bool(cJSON *object, const char *name, bool value);
cJSON *json_add_null(cJSON *object, const char *name);
cJSON *json_add_object(cJSON *object, const char *name);
cJSON *json_add_array(cJSON *object, const char *name);
void json_add(cJSON *object, const char *name, cJSON *value); /* takes `value` */
void json_append(cJSON *array, cJSON *value);                 /* takes `value` */
void json_append_string(cJSON *array, const char *value);

#endif
