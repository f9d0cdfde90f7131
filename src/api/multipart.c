/*
 * A delimiter is CR LF "--" and the boundary; it is one only when its line goes on with "--" or,
 * after white space, with CR LF. What looks like one so far is the candidate. As neither a boundary
 * nor anything behind it has a CR but the one that ends the line, a candidate that fails can hold
 * the start of no other: the search goes on with the byte that made it fail, no byte is looked at
 * twice, and the whole is linear whatever the boundary and the data are.
 *
 * All that is held back at the end of a feed is the candidate's beginning. It equals the delimiter
 * as far as that goes, so only the bytes behind the delimiter need to be stored: right behind it.
 */
#include "api/multipart.h"

#include <assert.h>
#include <string.h>

#include "api/header_value.h"
#include "base/text.h"

_Static_assert((int)MULTIPART_HEADER_BYTES <= (int)HEADER_VALUE_BYTES, "any line can be decoded");

static enum err malformed(struct multipart *parser)
{
    return error_set(&parser->failure, ERR_SYNTAX, "There was an error parsing the body");
}

/* The bytes at the start of `text` that may stand in a header's name (RFC 9110 5.6.2). */
static size_t token_length(struct slice text)
{
    size_t length = 0;
    while (length < text.length) {
        const char c = text.data[length];
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            break;
        length++;
    }
    return length;
}

/* The values of the two lines that matter; data is NULL for one that did not come. */
struct part_lines {
    struct slice disposition;
    struct slice content_type;
};

/* Splits the header lines. That each ends with CR LF, and that LF stands nowhere else, was seen as
 * they came. A line that starts with white space would go on with the one before: such lines have
 * no name, so they are refused with all others that have none. */
static enum err read_lines(struct multipart *parser, struct part_lines *out)
{
    const char *at = parser->header.data;
    const char *const blank_line = at + parser->header.length - 2;
    for (size_t lines = 0; at < blank_line; lines++) {
        const char *const cr = memchr(at, '\r', (size_t)(blank_line - at));
        assert(cr);
        const struct slice name = {at, token_length((struct slice){at, (size_t)(cr - at)})};
        const char *const colon = at + name.length;
        if (cr[1] != '\n' || name.length == 0 || *colon != ':' || lines == MULTIPART_HEADERS)
            return malformed(parser);

        struct slice *line = header_is_word(name, "content-disposition") ? &out->disposition
                             : header_is_word(name, "content-type")      ? &out->content_type
                                                                         : NULL;
        if (line && !line->data)
            *line = header_trim((struct slice){colon + 1, (size_t)(cr - colon - 1)});
        at = cr + 2;
    }
    return OK;
}

/* filename* where it can be read, else filename: with either the part is a file. */
static enum err decode_filename(struct multipart *parser, struct slice disposition)
{
    struct header_parameter filename;
    parser->part_is_file = true;
    if (header_parameter(disposition, "filename*", &filename)) {
        const enum err err = header_decode_extended(&filename, &parser->filename);
        if (err != ERR_SYNTAX)
            return err;
    }
    if (header_parameter(disposition, "filename", &filename))
        return header_decode(&filename, &parser->filename);
    parser->part_is_file = false;
    return OK;
}

/* What the header lines say, into the parser's buffers. */
static enum err decode_header(struct multipart *parser)
{
    struct part_lines lines = {0};
    const enum err read = read_lines(parser, &lines);
    if (read != OK)
        return read;
    struct header_parameter name;
    if (!lines.disposition.data || !header_parameter(lines.disposition, "name", &name))
        return error_set(&parser->failure, ERR_SYNTAX,
                         "The Content-Disposition header field \"name\" must be provided.");

    buffer_reset(&parser->name);
    buffer_reset(&parser->filename);
    buffer_reset(&parser->content_type);
    const struct slice type = lines.content_type;
    if (header_decode(&name, &parser->name) != OK ||
        decode_filename(parser, lines.disposition) != OK ||
        text_clean(type.data, type.length, &parser->content_type) != OK)
        return malformed(parser);
    return OK;
}

static enum err count_part(struct multipart *parser)
{
    const bool file = parser->part_is_file;
    size_t *const count = file ? &parser->files : &parser->fields;
    const size_t limit = file ? parser->limits.files : parser->limits.fields;
    if (*count >= limit)
        return error_set(&parser->failure, ERR_SYNTAX,
                         file ? "Too many files. Maximum number of files is %zu."
                              : "Too many fields. Maximum number of fields is %zu.",
                         limit);
    ++*count;
    return OK;
}

static const char *text_in(const struct buffer *buffer)
{
    return buffer->length > 0 ? buffer->data : "";
}

/* At the blank line: makes a part of the header lines. */
static enum err begin_part(struct multipart *parser)
{
    enum err err = decode_header(parser);
    if (err == OK)
        err = count_part(parser);
    if (err != OK)
        return err;

    /* The blank line's end may at once be the delimiter's: a part without a body (RFC 2046). */
    parser->state = MULTIPART_BODY;
    parser->matched = parser->borrowed = 2;
    parser->part_bytes = 0;
    buffer_reset(&parser->header);
    const struct multipart_part part = {
        .name = text_in(&parser->name),
        .filename = parser->part_is_file ? text_in(&parser->filename) : NULL,
        .content_type = text_in(&parser->content_type),
    };
    return parser->sink->on_part(parser->context, &part, &parser->failure);
}

/* Takes bytes up to a line's end. Returns in `at_out` where it stopped, like its siblings below. */
static enum err feed_header(struct multipart *parser, const char *at, const char *end,
                            const char **at_out)
{
    const char *const lf = memchr(at, '\n', (size_t)(end - at));
    *at_out = lf ? lf + 1 : end;
    if (buffer_append(&parser->header, at, (size_t)(*at_out - at)) != OK)
        return malformed(parser);
    if (!lf)
        return OK;

    const size_t length = parser->header.length;
    const char *const header_end = parser->header.data + length;
    if (length < 2 || header_end[-2] != '\r')
        return malformed(parser);
    const bool blank = length == 2 || (length >= 4 && memcmp(header_end - 4, "\r\n", 2) == 0);
    return blank ? begin_part(parser) : OK;
}

enum verdict { UNDECIDED, NO_BOUNDARY, NEXT_PART, LAST_PART };

/* What the next byte makes of the candidate. */
static enum verdict judge(const struct multipart *parser, char c)
{
    if (parser->matched < parser->delimiter_length)
        return c == parser->candidate[parser->matched] ? UNDECIDED : NO_BOUNDARY;

    const size_t behind = parser->matched - parser->delimiter_length;
    const char last = behind > 0 ? parser->candidate[parser->matched - 1] : ' ';
    if (last == '-')
        return c == '-' ? LAST_PART : NO_BOUNDARY;
    if (last == '\r')
        return c == '\n' ? NEXT_PART : NO_BOUNDARY;
    if (c == '\r' || (c == '-' && behind == 0))
        return UNDECIDED;
    return (c == ' ' || c == '\t') && behind < MULTIPART_PADDING_BYTES ? UNDECIDED : NO_BOUNDARY;
}

/* Goes on with the candidate until it is decided or the bytes are used up. The byte that makes it
 * fail is not taken. */
static enum verdict match_candidate(struct multipart *parser, const char *at, const char *end,
                                    const char **at_out)
{
    for (; at < end; at++) {
        const enum verdict verdict = judge(parser, *at);
        if (verdict != UNDECIDED) {
            *at_out = verdict == NO_BOUNDARY ? at : at + 1;
            return verdict;
        }
        parser->candidate[parser->matched++] = *at;
    }
    *at_out = end;
    return UNDECIDED;
}

static void pass_boundary(struct multipart *parser, enum verdict verdict)
{
    parser->state = verdict == NEXT_PART ? MULTIPART_HEADER : MULTIPART_EPILOGUE;
    parser->matched = parser->borrowed = 0;
}

/* Up to the end of the first boundary's line, as if a line end stood before it. */
static enum err feed_start(struct multipart *parser, const char *at, const char *end,
                           const char **at_out)
{
    if (parser->matched == 0) {
        while (at < end && (*at == '\r' || *at == '\n'))
            at++;
        if (at < end)
            parser->matched = 2;
    }
    const enum verdict verdict = match_candidate(parser, at, end, at_out);
    if (verdict == NO_BOUNDARY)
        return malformed(parser);
    if (verdict != UNDECIDED)
        pass_boundary(parser, verdict);
    return OK;
}

/* Gives the sink as much as the part's limit lets through. */
static enum err give(struct multipart *parser, const char *bytes, size_t length)
{
    const bool file = parser->part_is_file;
    const size_t limit = file ? parser->limits.file_bytes : parser->limits.field_bytes;
    const size_t room = limit - parser->part_bytes;
    const size_t given = length < room ? length : room;
    parser->part_bytes += given;
    if (given > 0) {
        const enum err err = parser->sink->on_data(parser->context, bytes, given, &parser->failure);
        if (err != OK)
            return err;
    }
    if (given == length)
        return OK;
    if (file)
        return error_set(&parser->failure, ERR_LIMIT,
                         "A file is larger than %zu bytes (MAX_FILE_BYTES).", limit);
    return error_set(&parser->failure, ERR_SYNTAX, "Part exceeded maximum size of %zuKB.",
                     limit / 1024);
}

/* Where the next candidate begins, or the end. Most line ends are seen here to begin none. */
static const char *find_candidate(const char *at, const char *end)
{
    while ((at = memchr(at, '\r', (size_t)(end - at))) && end - at >= 4 &&
           memcmp(at, "\r\n--", 4) != 0)
        at++;
    return at ? at : end;
}

/* The candidate is data after all: gives what came of it with earlier feeds. */
static enum err give_held(struct multipart *parser, size_t held)
{
    const size_t borrowed = parser->borrowed;
    parser->matched = parser->borrowed = 0;
    return held > borrowed ? give(parser, parser->candidate + borrowed, held - borrowed) : OK;
}

/* Up to the part's end. Data goes to the sink in one run from `start`, across candidates that
 * failed; only the beginning of one that came with earlier feeds goes on its own, before it. */
static enum err feed_body(struct multipart *parser, const char *start, const char *end,
                          const char **at_out)
{
    size_t held = parser->matched;
    const char *at = start;
    const char *run_end = start;
    enum verdict verdict;
    do {
        if (parser->matched == 0)
            at = run_end = find_candidate(at, end);
        verdict = match_candidate(parser, at, end, &at);
        if (verdict == NO_BOUNDARY) {
            const enum err err = give_held(parser, held);
            if (err != OK)
                return err;
            held = 0;
        }
    } while (verdict == NO_BOUNDARY);

    *at_out = at;
    const enum err err = give(parser, start, (size_t)(run_end - start));
    if (err != OK || verdict == UNDECIDED)
        return err;
    pass_boundary(parser, verdict);
    return parser->sink->on_part_end(parser->context, &parser->failure);
}

enum err multipart_boundary(const char *content_type, char *out, struct error *error)
{
    const size_t type_length = strcspn(content_type, ";");
    const struct slice type = header_trim((struct slice){content_type, type_length});
    struct header_parameter boundary;
    bool valid = header_is_word(type, "multipart/form-data") &&
                 header_parameter(slice_of(content_type), "boundary", &boundary) &&
                 boundary.value.length > 0 && boundary.value.length <= MULTIPART_BOUNDARY_BYTES &&
                 boundary.value.data[boundary.value.length - 1] != ' ';
    for (size_t i = 0; valid && i < boundary.value.length; i++) {
        const unsigned char c = (unsigned char)boundary.value.data[i];
        valid = c >= 0x20 && c != 0x7F;
    }
    if (!valid)
        return error_set(error, ERR_SYNTAX, "Missing boundary in multipart.");
    out[header_unescape(&boundary, out)] = '\0';
    return OK;
}

void multipart_init(struct multipart *parser, const char *boundary,
                    const struct multipart_limits *limits, const struct multipart_sink *sink,
                    void *context)
{
    const size_t length = strlen(boundary);
    assert(length > 0);
    assert(length <= MULTIPART_BOUNDARY_BYTES);
    assert(!memchr(boundary, '\r', length)); /* or a failed candidate could hold another */
    *parser = (struct multipart){
        .state = MULTIPART_START, .limits = *limits, .sink = sink, .context = context};
    memcpy(parser->candidate, "\r\n--", 4);
    memcpy(parser->candidate + 4, boundary, length);
    parser->delimiter_length = 4 + length;
    buffer_init(&parser->header, MULTIPART_HEADER_BYTES);
    buffer_init(&parser->name, MULTIPART_NAME_BYTES);
    buffer_init(&parser->filename, MULTIPART_NAME_BYTES);
    buffer_init(&parser->content_type, MULTIPART_NAME_BYTES);
}

void multipart_clear(struct multipart *parser)
{
    buffer_clear(&parser->header);
    buffer_clear(&parser->name);
    buffer_clear(&parser->filename);
    buffer_clear(&parser->content_type);
}

/* The first failure is kept, sentence and all. */
static enum err fail(struct multipart *parser, enum err err, struct error *error)
{
    parser->state = MULTIPART_FAILED;
    parser->failure.code = err;
    if (error)
        *error = parser->failure;
    return err;
}

enum err multipart_feed(struct multipart *parser, const char *bytes, size_t length,
                        struct error *error)
{
    if (parser->state == MULTIPART_FAILED)
        return fail(parser, parser->failure.code, error);

    const char *at = bytes;
    const char *const end = bytes + length;
    while (at < end && parser->state != MULTIPART_EPILOGUE) {
        const enum err err = parser->state == MULTIPART_START    ? feed_start(parser, at, end, &at)
                             : parser->state == MULTIPART_HEADER ? feed_header(parser, at, end, &at)
                                                                 : feed_body(parser, at, end, &at);
        if (err != OK)
            return fail(parser, err, error);
    }
    return OK;
}

enum err multipart_finish(struct multipart *parser, struct error *error)
{
    if (parser->state == MULTIPART_FAILED)
        return fail(parser, parser->failure.code, error);
    const bool nothing_came = parser->state == MULTIPART_START && parser->matched == 0;
    if (nothing_came || parser->state == MULTIPART_EPILOGUE)
        return OK;
    return fail(parser, malformed(parser), error);
}
