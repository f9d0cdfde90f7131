/*
 * What libmicrohttpd lets through and a proxy in front of us may read differently: such requests
 * could smuggle another one past the proxy (RFC 9112 11.2). Two oddities stay unseen, as it does
 * not show them: a bare CR that it takes for the end of a header line, and a NUL in a value.
 */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "io/connection.h"

struct hygiene {
    unsigned hosts, content_lengths, transfer_encodings;
    bool bad_name;   /* white space before a colon (RFC 9112 5.1), or a folded framing header */
    bool bad_coding; /* a transfer coding other than chunked (RFC 9112 6.1) */
};

/* libmicrohttpd appends a folded line (RFC 9112 5.2) to the name of its header: one that decides
 * where the body ends would go unseen. */
static bool is_folded(const char *name, const char *framing)
{
    const size_t length = strlen(framing);
    return strncasecmp(name, framing, length) == 0 && name[length] != '\0';
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    struct hygiene *hygiene = context;
    hygiene->bad_name |= strpbrk(name, " \t") || is_folded(name, "Content-Length") ||
                         is_folded(name, "Transfer-Encoding");
    hygiene->hosts += text_equal_ignore_case(name, "Host");
    hygiene->content_lengths += text_equal_ignore_case(name, "Content-Length");
    if (text_equal_ignore_case(name, "Transfer-Encoding")) {
        hygiene->transfer_encodings++;
        hygiene->bad_coding |= !value || !text_equal_ignore_case(value, "chunked");
    }
    return MHD_YES;
}

const char *exchange_fault(struct exchange *exchange, const char *url, const char *version,
                           int *status_out)
{
    struct hygiene hygiene = {0};
    MHD_get_connection_values(exchange->mhd, MHD_HEADER_KIND, on_header, &hygiene);
    *status_out = 400;
    if (hygiene.content_lengths > 1)
        return "More than one Content-Length";
    if (hygiene.transfer_encodings > 1)
        return "More than one Transfer-Encoding";
    if (hygiene.content_lengths && hygiene.transfer_encodings)
        return "Content-Length and Transfer-Encoding together";
    /* Who speaks it may not know of chunks, and pass them on as something else (RFC 9112 6.1). */
    if (hygiene.transfer_encodings && strcmp(version, MHD_HTTP_VERSION_1_0) == 0)
        return "Transfer-Encoding in HTTP/1.0";
    if (hygiene.hosts > 1)
        return "More than one Host";
    if (hygiene.bad_name)
        return "A header name has white space, or its line is folded";
    if (connection_of(exchange)->bad_escape)
        return "Encoded NUL in the request target";
    if (url[0] != '/' && strcmp(url, "*") != 0)
        return "The request target is neither a path nor an http URL";

    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    *status_out = 501;
    if (hygiene.bad_coding)
        return "Transfer-Encoding is not chunked";
    *status_out = 431;
    if (size && size->header_size > exchange->server->settings.header_bytes_max)
        return "The request header is too large";
    return NULL;
}
