/* Schemas: those a call is taken to mean when it sends none, and what a strict one must keep to. */
#include <string.h>

#include "base/json.h"
#include "upsim/answer.h"

#define PERSONAS                                                                                   \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"                          \
    "\"name\":{\"type\":\"string\"},\"role\":{\"type\":\"string\"},"                               \
    "\"correlation\":{\"type\":\"string\"},\"background\":{\"type\":\"string\"},"                  \
    "\"primary_goals\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"                      \
    "\"personality_traits\":{\"type\":\"object\",\"properties\":{"                                 \
    "\"analytical\":{\"type\":\"integer\"},\"creative\":{\"type\":\"integer\"},"                   \
    "\"assertive\":{\"type\":\"integer\"},\"collaborative\":{\"type\":\"integer\"},"               \
    "\"detail_oriented\":{\"type\":\"integer\"}}},"                                                \
    "\"is_main_character\":{\"type\":\"boolean\"}}}}"
#define OUTCOMES "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define SCENES                                                                                     \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"                          \
    "\"title\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"},"                       \
    "\"personas_involved\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"                  \
    "\"user_goal\":{\"type\":\"string\"},\"goal\":{\"type\":\"string\"},"                          \
    "\"successMetric\":{\"type\":\"string\"},\"sequence_order\":{\"type\":\"integer\"}}}}"
#define HEAD                                                                                       \
    "{\"type\":\"object\",\"properties\":{\"title\":{\"type\":\"string\"},"                        \
    "\"student_role\":{\"type\":\"string\"},"

static const struct {
    const char *call, *schema;
} defaults[] = {
    {"analysis", HEAD "\"description\":{\"type\":\"string\"},\"key_figures\":" PERSONAS
                      ",\"learning_outcomes\":" OUTCOMES "}}"},
    {"personas", HEAD "\"key_figures\":" PERSONAS "}}"},
    {"scenes", "{\"type\":\"object\",\"properties\":{\"scenes\":" SCENES "}}"},
};

const char *answer_default_schema(const char *call)
{
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        if (strcmp(defaults[i].call, call) == 0)
            return defaults[i].schema;
    return NULL;
}

/* --- strictness ---------------------------------------------------------------------------------
 */

static bool lists(const cJSON *required, const char *name)
{
    for (const cJSON *item = required ? required->child : NULL; item; item = item->next)
        if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
            return true;
    return false;
}

static const char *fault_in(const cJSON *schema, int depth);

static const char *fault_in_members(const cJSON *container, int depth)
{
    const char *fault = NULL;
    for (const cJSON *item = container ? container->child : NULL; item && !fault; item = item->next)
        fault = fault_in(item, depth + 1);
    return fault;
}

static const char *fault_in(const cJSON *schema, int depth)
{
    if (depth > 2 * 10) /* each level of an answer is two of its schema */
        return "Invalid schema for response_format: more than 10 levels of nesting.";
    if (!cJSON_IsObject(schema))
        return "Invalid schema for response_format: a schema must be an object.";
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(schema, "items");
    const char *type = json_string(schema, "type", "");
    if (strcmp(type, "object") == 0 || properties) {
        const cJSON *more = cJSON_GetObjectItemCaseSensitive(schema, "additionalProperties");
        if (!cJSON_IsFalse(more))
            return "Invalid schema for response_format: 'additionalProperties' is required to be "
                   "supplied and to be false.";
        const cJSON *required = json_array(schema, "required");
        for (const cJSON *item = properties ? properties->child : NULL; item; item = item->next)
            if (!lists(required, item->string))
                return "Invalid schema for response_format: 'required' is required to be supplied "
                       "and to be an array including every key in properties.";
    }
    if (strcmp(type, "array") == 0 && !items)
        return "Invalid schema for response_format: array schema missing items.";
    const char *fault = fault_in_members(properties, depth);
    if (!fault && items)
        fault = fault_in(items, depth + 1);
    if (!fault)
        fault = fault_in_members(json_array(schema, "anyOf"), depth);
    return fault;
}

const char *strict_schema_fault(const cJSON *schema)
{
    if (!cJSON_IsObject(schema) || strcmp(json_string(schema, "type", ""), "object") != 0)
        return "Invalid schema for response_format: schema must be a JSON Schema of 'type: "
               "\"object\"'.";
    const char *fault = fault_in(schema, 0);
    if (!fault)
        fault = fault_in_members(cJSON_GetObjectItemCaseSensitive(schema, "$defs"), 0);
    return fault;
}
