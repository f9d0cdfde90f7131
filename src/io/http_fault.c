/*
 * What went wrong: first our own verdict, then what libcurl says, read with what is known of the
 * connection and of how far the request came.
 */
#include <stdio.h>

#include "io/http_transfer.h"

static const struct {
    const char *name;
    const char *words;
} faults[HTTP_FAULT_COUNT] = {
    [HTTP_FAULT_NONE] = {"none", ""},
    [HTTP_FAULT_RESOLVE] = {"resolve", "no address for the host"},
    [HTTP_FAULT_CONNECT] = {"connect", "no connection"},
    [HTTP_FAULT_TLS] = {"tls", "no secure connection"},
    [HTTP_FAULT_STALE] = {"stale", "the kept connection had ended, nothing was sent"},
    [HTTP_FAULT_RESET] = {"reset", "the connection broke"},
    [HTTP_FAULT_IDLE] = {"idle", "nothing was sent or received for too long"},
    [HTTP_FAULT_TOTAL] = {"total", "not done in time"},
    [HTTP_FAULT_CUT] = {"cut", "the response is not whole"},
    [HTTP_FAULT_TOO_LARGE] = {"too_large", "the response is too large"},
    [HTTP_FAULT_REFUSED] = {"refused", "the response or its address was refused"},
    [HTTP_FAULT_LOCAL] = {"local", "the request could not be made"},
};

/* All codes that a request of ours can end with; others are HTTP_FAULT_LOCAL. */
static const struct {
    CURLcode code;
    enum http_fault fault;
} fault_of_code[] = {
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_FAULT_RESOLVE},
    {CURLE_COULDNT_RESOLVE_PROXY, HTTP_FAULT_RESOLVE},
    {CURLE_COULDNT_CONNECT, HTTP_FAULT_CONNECT},
    {CURLE_PROXY, HTTP_FAULT_CONNECT},
    {CURLE_SSL_CONNECT_ERROR, HTTP_FAULT_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, HTTP_FAULT_TLS},
    {CURLE_SSL_CERTPROBLEM, HTTP_FAULT_TLS},
    {CURLE_SSL_CIPHER, HTTP_FAULT_TLS},
    {CURLE_SSL_CACERT_BADFILE, HTTP_FAULT_TLS},
    {CURLE_SSL_ISSUER_ERROR, HTTP_FAULT_TLS},
    {CURLE_SSL_CLIENTCERT, HTTP_FAULT_TLS},
    {CURLE_USE_SSL_FAILED, HTTP_FAULT_TLS},
    {CURLE_GOT_NOTHING, HTTP_FAULT_RESET},
    {CURLE_SEND_ERROR, HTTP_FAULT_RESET},
    {CURLE_RECV_ERROR, HTTP_FAULT_RESET},
    {CURLE_HTTP2, HTTP_FAULT_RESET},
    {CURLE_HTTP2_STREAM, HTTP_FAULT_RESET},
    {CURLE_WEIRD_SERVER_REPLY, HTTP_FAULT_RESET},
    {CURLE_UNSUPPORTED_PROTOCOL, HTTP_FAULT_RESET}, /* of the response: HTTP/0.9 */
    {CURLE_BAD_CONTENT_ENCODING, HTTP_FAULT_RESET},
    {CURLE_PARTIAL_FILE, HTTP_FAULT_CUT},
    {CURLE_OPERATION_TIMEDOUT, HTTP_FAULT_TOTAL},
    {CURLE_FILESIZE_EXCEEDED, HTTP_FAULT_TOO_LARGE},
};

const char *http_fault_name(enum http_fault fault)
{
    return faults[fault].name;
}

static enum http_fault fault_of(const struct http_transfer *transfer)
{
    if (transfer->verdict != HTTP_FAULT_NONE)
        return transfer->verdict;
    if (transfer->code == CURLE_OK)
        return HTTP_FAULT_NONE;
    enum http_fault fault = HTTP_FAULT_LOCAL;
    for (size_t i = 0; i < sizeof(fault_of_code) / sizeof(fault_of_code[0]); i++) {
        if (fault_of_code[i].code == transfer->code)
            fault = fault_of_code[i].fault;
    }
    const struct http_call *call = transfer->call;
    if (transfer->code == CURLE_OUT_OF_MEMORY && transfer->sent)
        fault = HTTP_FAULT_TOO_LARGE; /* its word for a header line past its own limit */
    if (transfer->resent)
        fault = HTTP_FAULT_RESET;
    if (fault == HTTP_FAULT_CUT && !call->any_byte)
        fault = HTTP_FAULT_RESET; /* HTTP/2 has the same code for both */
    if (!transfer->sent && (fault == HTTP_FAULT_RESET || fault == HTTP_FAULT_TOTAL))
        return HTTP_FAULT_CONNECT;
    /* What the system took to send may have arrived and be paid for, whatever ended then. */
    if (fault == HTTP_FAULT_RESET && call->reused && transfer->sent_bytes == 0)
        return HTTP_FAULT_STALE;
    return fault;
}

void http_transfer_decide(struct http_transfer *transfer, enum http_fault verdict)
{
    if (transfer->verdict == HTTP_FAULT_NONE)
        transfer->verdict = verdict;
}

/* Our words, and libcurl's where it has something to add: a host, a number, what is wrong with a
 * certificate. Some of that may come from the server. */
void http_transfer_judge(struct http_transfer *transfer)
{
    struct http_call *call = transfer->call;
    call->fault = fault_of(transfer);
    call->total_seconds = op_seconds(&call->op);
    if (call->fault == HTTP_FAULT_NONE)
        return;
    const char *theirs = transfer->curl_text;
    if (transfer->verdict != HTTP_FAULT_NONE || transfer->resent)
        theirs = "";
    snprintf(call->fault_text, sizeof(call->fault_text), "%.50s%s%.70s", faults[call->fault].words,
             *theirs ? ": " : "", theirs);
    for (char *c = call->fault_text; *c; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
}
