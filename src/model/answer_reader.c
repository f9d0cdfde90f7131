/* Faults are kept as bits and as sentences of ours: no words of the answer, which may be a
 * document's, come into a log that way. */
#include "model/answer_reader.h"

#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/answer_json.h"

enum { COMPLAINT_BYTES_MAX = 1024 /* the first few faults will do */ };

/* ---- faults ---- */

enum err answer_begin(struct answer_reader *reader, const char *text, size_t length,
                      struct arena *arena, cJSON **root_out)
{
    *reader = (struct answer_reader){.arena = arena};
    buffer_init(&reader->complaint, COMPLAINT_BYTES_MAX);
    *root_out = NULL;
    bool cut;
    const enum err err = answer_json(text, length, root_out, &cut);
    if (err != OK)
        answer_complain(reader, ANSWER_NO_JSON, "There is no valid JSON in the answer.");
    else if (cut)
        answer_complain(reader, ANSWER_CUT, "The answer ends before its JSON does.");
    return err;
}

void answer_end(struct answer_reader *reader, cJSON *root, struct answer_faults *faults)
{
    const char *complaint = reader->complaint.data ? reader->complaint.data : "";
    *faults = (struct answer_faults){
        .found = reader->found,
        .complaint = arena_strdup(reader->arena, complaint),
    };
    buffer_clear(&reader->complaint);
    cJSON_Delete(root);
}

void answer_complain(struct answer_reader *reader, enum answer_fault fault, const char *format, ...)
{
    reader->found |= 1u << fault;
    va_list args;
    va_start(args, format);
    const char *sentence = arena_vprintf(reader->arena, format, args);
    va_end(args);
    const char *space = reader->complaint.length > 0 ? " " : "";
    if (buffer_printf(&reader->complaint, "%s%s", space, sentence) != OK)
        reader->complaint.max = reader->complaint.length; /* no later one is put in its place */
}

const char *answer_fault_word(enum answer_fault fault)
{
    static const char *const words[] = {
#define X(name, word) word,
        ANSWER_FAULT_TABLE(X)
#undef X
    };
    return words[fault];
}

/* ---- texts ---- */

const char *answer_take(const struct answer_reader *reader, const char *text, size_t characters_max)
{
    const struct slice trimmed = slice_trim(slice_of(text));
    return arena_strndup(reader->arena, trimmed.data,
                         text_cut_characters(trimmed.data, trimmed.length, characters_max));
}

const char *answer_text(const struct answer_reader *reader, const cJSON *object, const char *name,
                        size_t characters_max)
{
    return answer_take(reader, json_string(object, name, ""), characters_max);
}

const char *answer_either(const struct answer_reader *reader, const cJSON *object, const char *name,
                          const char *other, size_t characters_max)
{
    const char *text = answer_text(reader, object, name, characters_max);
    return *text ? text : answer_text(reader, object, other, characters_max);
}

const char *answer_item(const struct answer_reader *reader, const cJSON *item,
                        size_t characters_max)
{
    return answer_take(reader, cJSON_IsString(item) ? item->valuestring : "", characters_max);
}

/* ---- other members ---- */

static bool is_one_of(const char *const *members, const char *name)
{
    for (; *members; members++)
        if (strcmp(*members, name) == 0)
            return true;
    return false;
}

static enum err put_member(struct buffer *out, const cJSON *item)
{
    if (buffer_puts(out, out->length == 0 ? "{" : ",") ||
        json_print_string(out, item->string, strlen(item->string)) || buffer_puts(out, ":"))
        return ERR_LIMIT;
    return json_print(item, out);
}

const char *answer_extra(const struct answer_reader *reader, const cJSON *object,
                         const char *const *members)
{
    struct buffer out;
    buffer_init(&out, ANSWER_EXTRA_BYTES_MAX);
    size_t count = 0;
    enum err err = OK;
    for (const cJSON *item = object->child; item && count < ANSWER_EXTRA_KEYS_MAX && err == OK;
         item = item->next) {
        if (is_one_of(members, item->string))
            continue;
        err = put_member(&out, item);
        count++;
    }
    if (err == OK && count > 0)
        err = buffer_puts(&out, "}");
    const char *json = err == OK && count > 0 ? arena_strdup(reader->arena, out.data) : NULL;
    buffer_clear(&out);
    return json;
}

const cJSON *answer_list(const cJSON **root, const char *name, const char *other)
{
    const cJSON *const places[] = {*root, (*root)->child};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const cJSON *list = json_array(places[i], name);
        if (!list)
            list = json_array(places[i], other);
        if (list) {
            *root = places[i];
            return list;
        }
    }
    return NULL;
}
