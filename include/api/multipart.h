/*
 * multipart.h: multipart/form-data (RFC 7578, RFC 2046 5.1) as it arrives.
 *
 * A push parser: feed it the body in pieces of any size; it calls the sink for each part, with the
 * part's bytes as they come. What it calls, and with what, does not depend on where the pieces were
 * cut, but for the cuts between two on_data calls. It keeps at most one part's header and one
 * boundary of its own, takes every byte it is fed, and allocates nothing per byte. The sentences of
 * its errors are those that clients of the FastAPI service know (400 unless noted).
 *
 *     struct multipart parser;
 *     char boundary[MULTIPART_BOUNDARY_BYTES + 1];
 *     if (multipart_boundary(content_type, boundary, &error) == OK) {
 *         multipart_init(&parser, boundary, &limits, &sink, context);
 *         while (more)
 *             if (multipart_feed(&parser, bytes, n, &error)) ...   // refused: feed no more
 *         multipart_finish(&parser, &error);                      // was the closing boundary
 * there? multipart_clear(&parser);
 *     }
 */
#ifndef API_MULTIPART_H
#define API_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
    MULTIPART_BOUNDARY_BYTES = 200, /* RFC 2046 says 70; clients in the field go past it */
    MULTIPART_PADDING_BYTES = 64,   /* white space behind a boundary; who adds any adds a few */
    MULTIPART_HEADER_BYTES = 8192,  /* all header lines of one part with their ends, together */
    MULTIPART_HEADERS = 32,         /* header lines of one part */
    MULTIPART_NAME_BYTES = 1024,    /* a decoded name, file name or content type */
};

struct multipart_limits {
    size_t files;       /* with a file name; "Too many files. Maximum number of files is N." */
    size_t fields;      /* without; "Too many fields. Maximum number of fields is N." */
    size_t file_bytes;  /* ERR_LIMIT (413): "A file is larger than N bytes (MAX_FILE_BYTES)." */
    size_t field_bytes; /* "Part exceeded maximum size of NKB." */
};

/* One part's header, valid during the call only. Strings are valid UTF-8 without NUL, decoded
 * (RFC 5987 filename*, which wins; the %22 %0D %0A that browsers write per the HTML standard;
 * backslash escapes). Of repeated headers and parameters the first counts. A file name is as sent,
 * path, line ends and all: never use it as a path. */
struct multipart_part {
    const char *name;
    const char *filename;     /* NULL: a text field; "" is a file with an empty name */
    const char *content_type; /* "" when absent */
};

/* What the parser tells. A callback that does not return OK ends the parse with its error; `error`
 * is never NULL. Of a part over its limit the bytes that fit are given first. */
struct multipart_sink {
    enum err (*on_part)(void *context, const struct multipart_part *part, struct error *error);
    enum err (*on_data)(void *context, const char *bytes, size_t length, struct error *error);
    enum err (*on_part_end)(void *context, struct error *error);
};

enum multipart_state {
    MULTIPART_START,    /* before the first boundary: only line ends may come */
    MULTIPART_HEADER,   /* in a part's header lines */
    MULTIPART_BODY,     /* in a part's bytes */
    MULTIPART_EPILOGUE, /* after the closing boundary: ignored */
    MULTIPART_FAILED,
};

/* Room for what must be held back until it is known to be a boundary or data: CR LF - -, the
 * boundary, its padding, and the CR of its line end. */
enum { MULTIPART_HELD_BYTES = 4 + MULTIPART_BOUNDARY_BYTES + MULTIPART_PADDING_BYTES + 1 };

/* Members are private. */
struct multipart {
    enum multipart_state state;
    struct error failure; /* once MULTIPART_FAILED: what every further call returns */
    struct multipart_limits limits;
    const struct multipart_sink *sink;
    void *context;
    char candidate[MULTIPART_HELD_BYTES]; /* the delimiter, then what was seen behind it */
    size_t delimiter_length;              /* of CR LF - - boundary */
    size_t matched;                       /* bytes of the candidate seen so far */
    size_t borrowed;            /* of these, line end of the header rather than the part's data */
    struct buffer header;       /* the header lines of the part being read */
    struct buffer name;         /* decoded, as are the next two; kept to reuse their memory */
    struct buffer filename;     /* for on_part */
    struct buffer content_type; /* for on_part */
    size_t files, fields;       /* parts begun */
    size_t part_bytes;          /* given to the sink, of the part being read */
    bool part_is_file;
};

/* The boundary parameter of a Content-Type value, quoted or bare, into `out` (room for
 * MULTIPART_BOUNDARY_BYTES + 1). ERR_SYNTAX "Missing boundary in multipart." when there is none, it
 * cannot be one, or the media type is another than multipart/form-data. */
MUST_CHECK enum err multipart_boundary(const char *content_type, char *out, struct error *error);

/* `boundary` is what multipart_boundary gave. `sink` and `context` are borrowed. */
void multipart_init(struct multipart *parser, const char *boundary,
                    const struct multipart_limits *limits, const struct multipart_sink *sink,
                    void *context);
void multipart_clear(struct multipart *parser);

/* Takes all of `bytes`, or fails for good: ERR_SYNTAX "There was an error parsing the body", or
 * that a part has no name, a limit's sentence, or the sink's error. Every later call fails the
 * same. */
MUST_CHECK enum err multipart_feed(struct multipart *parser, const char *bytes, size_t length,
                                   struct error *error);

/* After the last byte. ERR_SYNTAX when the closing boundary never came (an unfinished part was
 * given to on_part, never to on_part_end); OK for a body of no bytes, or of line ends alone. */
MUST_CHECK enum err multipart_finish(struct multipart *parser, struct error *error);

#endif
