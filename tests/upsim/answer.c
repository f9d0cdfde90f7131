#include "upsim/answer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* Where in the answer a value stands. */
struct place {
    const char *property; /* its own name, or its array's; "" at the root */
    size_t object;        /* the index of the nearest object that is an item of an array */
    size_t item;          /* the index in its array */
    int depth;
};

static void write_value(struct answer *answer, const cJSON *schema, struct place place);

enum { VALUES_MAX = 10000 /* further ones are null: a schema of lists of itself has no end */ };

/* What no longer fits into the buffer is left out, as from a model with a limit of its own. */
static void put(struct answer *answer, const char *text)
{
    (void)!buffer_puts(answer->out, text);
}

static void put_string(struct answer *answer, const char *text)
{
    (void)!json_print_string(answer->out, text, strlen(text));
}

static const char *name_at(const struct answer *answer, size_t index)
{
    return answer->names.list[index % answer->names.count];
}

/* --- words --------------------------------------------------------------------------------------
 */

/* "%n" is a person (the next ones for further "%n"), "%t" the title, "%i" the item's number. */
static const struct {
    const char *property;
    const char *text;
} phrases[] = {
    {"name", "%n"},
    {"title", "%t"},
    {"description",
     "The company has grown for years on habits that nobody questioned, and the events of this "
     "quarter have put an end to that. %n wants to act before the board meets, %n asks for proof "
     "first, and both are right in part. What has been lost so far can be counted; what a wrong "
     "step would cost cannot. The room is small, the agenda is long, and every figure on the table "
     "has been prepared by somebody with a stake in it. Whoever reads this case has to find out "
     "what is known, what is merely believed, and which of the two the decision rests on."},
    {"student_role", "an outside adviser to the management"},
    {"role", "head of a department of the company"},
    {"correlation",
     "%n knows the figures behind the decision, will have to carry it out, and has told the "
     "management more than once what would come of waiting."},
    {"background",
     "%n joined the company eleven years ago, came up through its operations and has run two of "
     "its sites. Colleagues describe a careful reader of numbers who seldom raises a voice, keeps "
     "promises, and forgets no broken one. The present crisis is the second that %n has seen "
     "here, and nobody in the building has spent more evenings on it."},
    {"primary_goals", "Bring goal %i to its end without losing the trust of the staff"},
    {"learning_outcomes", "%i. Weigh what is known against what is believed, and decide in time"},
    {"learning_objectives", "%i. Weigh what is known against what is believed"},
    {"user_goal", "Find out what %n knows, and agree on the next step before the meeting ends"},
    {"goal", "Agree with %n on what is to be done, by whom and by when"},
    {"successMetric", "The student names two causes and gets a commitment from %n"},
    {"success_metric", "The student names two causes and gets a commitment from %n"},
    {"image_prompt", "A meeting room at dusk, papers on a long table, three people in debate"},
    {"reasoning", "The conversation has touched the goal, and %n has agreed to the next step."},
    {"next_action", "continue"},
    {"hint_message", "Ask what the figures leave out."},
    {"key_insights", "Insight %i: the cost of waiting is not in the books"},
};

static const char *phrase_of(const char *property)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (strcmp(phrases[i].property, property) == 0)
            return phrases[i].text;
    return "Something the case says of it, as %n would put it";
}

/* "DR. MARIA LÓPEZ" for every second one, a stranger for the third of a scene. */
static void write_wrong_name(struct answer *answer, struct place place)
{
    char name[NAME_BYTES + 8];
    if (place.item == 2) {
        put_string(answer, "Nobody Inparticular");
        return;
    }
    snprintf(name, sizeof(name), "%s%s", place.item % 2 ? "" : "Dr. ",
             name_at(answer, place.object + place.item + 1));
    for (char *c = name; *c; c++)
        if (*c >= 'a' && *c <= 'z' && place.object % 2)
            *c = (char)(*c - 'a' + 'A');
    put_string(answer, name);
}

/* What stands for the mark `what` in a phrase, into `scratch` where it is made up. */
static const char *fill_in(const struct answer *answer, char what, struct place place,
                           size_t *person, char scratch[32])
{
    if (what == 'n')
        return name_at(answer, (*person)++);
    if (what == 't' && place.depth <= 1)
        return answer->title;
    snprintf(scratch, 32, "%s%zu", what == 't' ? "Scene " : "",
             (what == 't' ? place.object : place.item) + 1);
    return scratch;
}

static void write_words(struct answer *answer, struct place place)
{
    if (strcmp(place.property, "personas_involved") == 0) {
        if (answer->fault == FAULT_WRONG_NAMES)
            write_wrong_name(answer, place);
        else
            put_string(answer, name_at(answer, place.object + place.item + 1));
        return;
    }
    char text[1024], scratch[32];
    size_t length = 0, person = place.object;
    const char *at = phrase_of(place.property);
    for (const char *mark; (mark = strchr(at, '%')); at = mark + 2) {
        const char *word = fill_in(answer, mark[1], place, &person, scratch);
        const size_t before = (size_t)(mark - at), word_length = strlen(word);
        assert(length + before + word_length < sizeof(text)); /* phrases are far shorter */
        memcpy(text + length, at, before);
        memcpy(text + length + before, word, word_length);
        length += before + word_length;
    }
    const size_t rest = strlen(at);
    assert(length + rest < sizeof(text));
    memcpy(text + length, at, rest + 1);
    put_string(answer, text);
}

/* --- schemas ------------------------------------------------------------------------------------
 */

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* "#/$defs/name", followed; also the first of "anyOf". NULL: it leads nowhere. */
static const cJSON *resolve(const struct answer *answer, const cJSON *schema)
{
    for (int hops = 0; schema && hops < ANSWER_DEPTH_MAX; hops++) {
        const char *reference = json_string(schema, "$ref", NULL);
        const cJSON *any = json_array(schema, "anyOf");
        if (!reference && !any)
            return schema;
        if (any) {
            schema = any->child;
            continue;
        }
        const char *name = strrchr(reference, '/');
        const cJSON *defs = member(answer->schema, "$defs");
        if (!defs)
            defs = member(answer->schema, "definitions");
        schema = name ? member(defs, name + 1) : answer->schema;
    }
    return NULL;
}

/* The type, the first that is not null of several, or what the other members tell. */
static const char *type_of(const cJSON *schema)
{
    const cJSON *type = member(schema, "type");
    if (cJSON_IsString(type))
        return type->valuestring;
    for (const cJSON *item = cJSON_IsArray(type) ? type->child : NULL; item; item = item->next)
        if (cJSON_IsString(item) && strcmp(item->valuestring, "null") != 0)
            return item->valuestring;
    if (member(schema, "properties"))
        return "object";
    return member(schema, "items") ? "array" : "string";
}

/* How many items an array with this name has. */
static size_t width_of(const struct answer *answer, const cJSON *schema, const char *property)
{
    size_t width = 3;
    if (strcmp(property, "key_figures") == 0 || strcmp(property, "personas") == 0)
        width = answer->names.count;
    else if (strcmp(property, "scenes") == 0)
        width = answer->fault == FAULT_FEWER_SCENES  ? (answer->scenes + 1) / 2
                : answer->fault == FAULT_MORE_SCENES ? answer->scenes + 3
                                                     : answer->scenes;
    else if (strncmp(property, "learning_", 9) == 0)
        width = 5;
    else if (strcmp(property, "personas_involved") == 0)
        width = answer->names.count < 3 ? 1 : answer->fault == FAULT_WRONG_NAMES ? 3 : 2;
    const double least = json_number(schema, "minItems", 0);
    const double most = json_number(schema, "maxItems", 64);
    if ((double)width < least && least <= 64)
        width = (size_t)least;
    return (double)width > most && most >= 0 ? (size_t)most : width;
}

static void write_array(struct answer *answer, const cJSON *schema, struct place place)
{
    const cJSON *items = resolve(answer, member(schema, "items"));
    const size_t width = width_of(answer, schema, place.property);
    const bool of_objects = items && strcmp(type_of(items), "object") == 0;
    if (answer->fault == FAULT_WRONG_TYPE && !of_objects) {
        put_string(answer, "one, two and three");
        return;
    }
    put(answer, "[");
    for (size_t i = 0; i < width; i++) {
        if (i > 0)
            put(answer, ",");
        struct place inner = {place.property, of_objects ? i : place.object, i, place.depth + 1};
        write_value(answer, items, inner);
    }
    put(answer, "]");
}

static void write_object(struct answer *answer, const cJSON *schema, struct place place)
{
    const cJSON *properties = member(schema, "properties");
    bool first = true;
    put(answer, "{");
    for (const cJSON *item = properties ? properties->child : NULL; item; item = item->next) {
        if (answer->fault == FAULT_MISSING_ARRAY && place.depth == 0 &&
            strcmp(type_of(item), "array") == 0 && !answer->left_out)
            answer->left_out = item;
        if (item == answer->left_out)
            continue;
        if (!first)
            put(answer, ",");
        first = false;
        put_string(answer, item->string);
        put(answer, ":");
        write_value(answer, item,
                    (struct place){item->string, place.object, place.item, place.depth + 1});
    }
    put(answer, "}");
}

static void write_number(struct answer *answer, const cJSON *schema, struct place place, bool whole)
{
    static const char *const out_of_range[] = {"15", "-3", "6.5"};
    char digits[32];
    const uint64_t roll = dice_next(&answer->dice);
    const double low = json_number(schema, "minimum", whole ? 0 : 0.0);
    const double high = json_number(schema, "maximum", whole ? low + 10 : low + 1);
    if (answer->fault == FAULT_TRAIT_RANGE && whole && strcmp(place.property, "sequence_order")) {
        put(answer, out_of_range[roll % 3]);
        return;
    }
    if (strcmp(place.property, "sequence_order") == 0)
        snprintf(digits, sizeof(digits), "%zu", place.object + 1);
    else if (whole && high - low < 1e9 && high >= low)
        snprintf(digits, sizeof(digits), "%lld",
                 (long long)low + (long long)(roll % ((uint64_t)(high - low) + 1)));
    else
        snprintf(digits, sizeof(digits), "%.2f", low + (double)(roll % 100) / 100 * (high - low));
    if (answer->fault == FAULT_WRONG_TYPE)
        put_string(answer, digits);
    else
        put(answer, digits);
}

/* The first person found is who the student plays, where enough others are left. */
static bool truth_of(const struct answer *answer, struct place place)
{
    if (strcmp(place.property, "is_main_character") == 0)
        return place.object == 0 && answer->names.count >= 3;
    return false;
}

static void write_choice(struct answer *answer, const cJSON *choices, struct place place)
{
    const int count = cJSON_GetArraySize(choices);
    const int index = (int)((place.object + place.item) % (size_t)count);
    (void)!json_print(cJSON_GetArrayItem(choices, index), answer->out);
}

static void write_value(struct answer *answer, const cJSON *schema, struct place place)
{
    schema = resolve(answer, schema);
    const cJSON *choices = schema ? json_array(schema, "enum") : NULL;
    const cJSON *constant = schema ? member(schema, "const") : NULL;
    if (place.depth > ANSWER_DEPTH_MAX || answer->values++ >= VALUES_MAX) {
        put(answer, "null"); /* a schema that contains itself */
    } else if (!schema) {
        write_words(answer, place);
    } else if (constant) {
        (void)!json_print(constant, answer->out);
    } else if (choices && choices->child) {
        write_choice(answer, choices, place);
    } else {
        const char *type = type_of(schema);
        if (strcmp(type, "object") == 0)
            write_object(answer, schema, place);
        else if (strcmp(type, "array") == 0)
            write_array(answer, schema, place);
        else if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
            write_number(answer, schema, place, type[0] == 'i');
        else if (strcmp(type, "boolean") == 0)
            put(answer, truth_of(answer, place) ? "true" : "false");
        else if (strcmp(type, "null") == 0)
            put(answer, "null");
        else
            write_words(answer, place);
    }
}

void answer_write(struct answer *answer, const cJSON *schema)
{
    answer->schema = schema;
    answer->left_out = NULL;
    answer->values = 0;
    write_value(answer, schema, (struct place){"", 0, 0, 0});
}

void answer_speak(struct answer *answer)
{
    char text[512];
    snprintf(text, sizeof(text),
             "I have looked at this more often than I care to say. %s would tell you that we can "
             "wait; I would not. Show me what you would do by Friday, and who is going to pay for "
             "it, and you will have my answer before %s has found the file.",
             name_at(answer, dice_next(&answer->dice) % 6), name_at(answer, 1));
    put(answer, text);
}
