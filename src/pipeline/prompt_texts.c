#include "pipeline/prompt_texts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "model/preprocess.h"
#include "pipeline/answer_key.h"

/* Beside the context files: the caller's own document, the note on what is missing, the case study.
 */
enum { DOCUMENTS_MORE = 3, CONTEXT_FILES_MAX = CHAT_DOCUMENTS_MAX - DOCUMENTS_MORE };

static struct prompt_bytes *new_bytes(size_t count)
{
    struct prompt_bytes *bytes = calloc(1, sizeof(*bytes) + count * sizeof(struct buffer));
    if (!bytes)
        abort();
    bytes->references = 1;
    bytes->count = count;
    return bytes;
}

struct prompt_bytes *prompt_bytes_hold(struct prompt_bytes *bytes)
{
    bytes->references++;
    return bytes;
}

void prompt_bytes_release(struct prompt_bytes *bytes)
{
    if (!bytes || --bytes->references > 0)
        return;
    for (size_t i = 0; i < bytes->count; i++)
        buffer_clear(&bytes->clean[i]);
    free(bytes);
}

/* A text of which nothing is left was all furniture, or is none: then it is taken as it is. */
static enum err clean_one(struct prompt_texts *texts, struct slice text, const char *title)
{
    const size_t at = texts->count;
    struct buffer *clean = &texts->bytes->clean[at];
    buffer_init(clean, text.length + 1);
    const enum err err = preprocess(text.data, text.length, &texts->work.cancel, clean);
    if (err == ERR_CANCELLED)
        return err;
    const struct slice kept = {clean->data, clean->length};
    texts->documents[at] = (struct chat_document){
        .title = title,
        .text = err == OK && slice_trim(kept).length > 0 ? kept : text,
    };
    texts->count++;
    return OK;
}

/* What was cut off is not held while the model thinks. */
static void drop_rest(struct buffer *clean, struct slice *kept)
{
    if (kept->data != clean->data)
        return; /* it is the text as it was extracted */
    struct buffer copy;
    buffer_init(&copy, kept->length);
    const enum err err = buffer_append(&copy, kept->data, kept->length);
    assert(err == OK);
    (void)err;
    buffer_clear(clean);
    *clean = copy;
    kept->data = clean->data;
}

/* Cuts a document to `characters`, and says how many it has then. */
static size_t cut_one(struct prompt_texts *texts, size_t at, size_t characters)
{
    struct slice *text = &texts->documents[at].text;
    const size_t length = preprocess_cut(text->data, text->length, characters);
    if (length < text->length) {
        texts->cut = true;
        text->length = length;
        drop_rest(&texts->bytes->clean[at], text);
    }
    return text_characters(text->data, length);
}

static void cut_all(struct prompt_texts *texts)
{
    const size_t all = (size_t)texts->characters_max;
    const size_t last = texts->count - 1;
    const struct slice study = texts->documents[last].text;
    const size_t wanted = text_characters(study.data, study.length);
    const size_t for_context = all - (wanted < all / 2 ? wanted : all / 2);
    size_t left = for_context;
    for (size_t i = 1; i < last; i++)
        left -= cut_one(texts, i, left);
    cut_one(texts, last, all - for_context + left);
}

static enum err clean_all(struct work *work, struct error *error)
{
    struct prompt_texts *texts = container_of(work, struct prompt_texts, work);
    const struct parse_files *files = texts->files;
    enum err err = OK;
    const size_t taken =
        files->context_count < CONTEXT_FILES_MAX ? files->context_count : CONTEXT_FILES_MAX;
    for (size_t i = 0; i < taken && err == OK; i++)
        err = clean_one(texts, files->context_texts[i],
                        arena_printf(&work->arena, "CONTEXT FILE %zu", i + 1));
    if (err == OK && *files->notes)
        texts->documents[texts->count++] = (struct chat_document){
            .title = "CONTEXT FILES THAT ARE MISSING", .text = slice_of(files->notes)};
    if (err == OK)
        err = clean_one(texts, files->main_text, "CASE STUDY");
    if (err != OK)
        return error_set(error, err, "the texts were not prepared");
    cut_all(texts);
    struct answer_key key;
    answer_key_begin(&key, "documents");
    for (size_t i = 1; i < texts->count; i++) {
        answer_key_text(&key, texts->documents[i].title);
        answer_key_bytes(&key, texts->documents[i].text.data, texts->documents[i].text.length);
    }
    answer_key_end(&key);
    memcpy(texts->digest, key.digest, sizeof(texts->digest));
    return OK;
}

static enum flow prepare(struct op *op)
{
    struct prompt_texts *texts = op_cast(op, prompt_texts);
    size_t length = texts->files->main_text.length;
    for (size_t i = 0; i < texts->files->context_count; i++)
        length += texts->files->context_texts[i].length;
    work_start(&texts->work, need(op), clean_all, length > WORK_INLINE_BYTES);
    return FLOW_WAIT;
}

static enum flow report(struct op *op)
{
    struct prompt_texts *texts = op_cast(op, prompt_texts);
    if (texts->cut)
        job_degrade(texts->job, 0,
                    "The texts are longer than a model is given: only the first %d characters of "
                    "them were read%s",
                    texts->characters_max,
                    texts->characters_max == texts->job->tools->config->analysis_input_chars
                        ? " (ANALYSIS_INPUT_CHARS)"
                        : "");
    if (texts->files->context_count > CONTEXT_FILES_MAX)
        job_degrade(texts->job, DEGRADED_CONTEXT, "Only %d of %zu context files were read",
                    CONTEXT_FILES_MAX, texts->files->context_count);
    return FLOW_NEXT;
}

static const struct step prompt_texts_steps[] = {{"prepare", prepare}, {"report", report}, {0}};
static const struct op_kind prompt_texts_kind = {"prompt_texts", prompt_texts_steps, NULL, NULL};

void prompt_texts_start(struct prompt_texts *texts, struct op_link link, struct job *job,
                        const struct parse_files *files, int characters_max)
{
    memset(texts, 0, sizeof(*texts));
    texts->job = job;
    texts->files = files;
    texts->characters_max = characters_max;
    texts->count = 1;
    texts->bytes = new_bytes(files->context_count + DOCUMENTS_MORE);
    texts->documents = arena_zalloc(job->arena, texts->bytes->count, sizeof(struct chat_document));
    op_start(&texts->op, &prompt_texts_kind, link);
}

void prompt_texts_clear(struct prompt_texts *texts)
{
    prompt_bytes_release(texts->bytes);
    texts->bytes = NULL;
    work_clear(&texts->work);
}
