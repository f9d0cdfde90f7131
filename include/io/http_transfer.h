/*
 * http_transfer.h: what the files of the HTTP client share. Private to them.
 *
 *     http_client.c    libcurl's multi handle on the loop: its timer, who is under way
 *     http_socket.c    its sockets, those of kept connections too
 *     http_transfer.c  one request to one response: libcurl's options, its callbacks
 *     http_guard.c     what libcurl has to pass before a look-up, a connection, a request
 *     http_upload.c    multipart bodies, their files read without waiting for the disk
 *     http_fault.c     what went wrong with it, in our words
 *     http_call.c      the operation: look-up, request, redirects, time-outs
 *     http_target.c    URLs, proxies, public addresses
 *
 * A call has one transfer, which makes one hop after the other. A hop's handle is libcurl's from
 * http_client_add until its end or http_client_remove; for so long the operation has a hold.
 */
#ifndef IO_HTTP_TRANSFER_H
#define IO_HTTP_TRANSFER_H

#include <curl/curl.h>

#include "io/http_client.h"
#include "io/http_target.h"
#include "io/resolver.h"
#include "io/work.h"

struct http_client {
    struct loop *loop;
    struct http_client_settings settings;
    struct resolver *resolver;
    const char *ca_file, *ca_directory; /* of the environment; NULL: libcurl's own */
    CURLM *multi;
    struct http_socket **sockets;  /* by their number; NULL: none of ours */
    size_t socket_slots;           /* of `sockets` */
    struct loop_timer timer;       /* when libcurl wants to be called next */
    bool inside;                   /* libcurl is at work: no handle can be taken out */
    struct http_transfer *leaving; /* cancelled meanwhile */
    size_t transfer_count;         /* handles that are libcurl's */
    uint64_t connections;
};

/* How far a part of a multipart body was read. */
struct http_part_reader {
    struct http_transfer *transfer;
    const struct http_part *part;
    uint64_t offset;
    struct op fetch;   /* what a disk has to be waited for */
    struct work work;  /* its worker thread's part */
    uint64_t from, to; /* the bytes of the latest one */
};

struct http_transfer {
    struct http_call *call;
    struct http_client *client;

    /* where to */
    struct http_target target;
    struct http_target first;   /* the first hop's, once there is a second */
    struct http_target trusted; /* of request.trusted_url */
    struct lookup host_lookup, proxy_lookup;
    struct http_target proxy;
    bool is_trusted; /* this hop's target has the trusted origin */
    bool proxied;    /* the environment names a proxy for it */
    bool host_known; /* the host was looked up, and its address given to libcurl */
    bool host_asked; /* libcurl wants it, though there is a proxy */
    bool proxy_used; /* libcurl wanted the proxy, which it had no address for */
    unsigned hops;   /* redirects followed so far */

    /* this hop's handle and what it refers to */
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *resolve;
    curl_mime *mime;
    struct http_part_reader *readers;
    char curl_text[CURL_ERROR_SIZE];
    double started_seconds; /* after the start of the call */

    /* how it goes */
    bool added;           /* the handle is libcurl's */
    bool leaving;         /* to be taken out as soon as libcurl has returned */
    bool kept_back;       /* libcurl wanted to look something up, and was kept from it */
    bool proxy_read;      /* it was let through with a proxy that is an IPv6 address */
    bool opened;          /* a socket was opened for it */
    bool sent;            /* the request went out, or is about to */
    bool resent;          /* libcurl wanted to send it again, and was kept from it */
    CURLcode code;        /* how libcurl ended it */
    long sent_bytes;      /* of the request's header that the system took, once it is over */
    uint64_t moved_bytes; /* either way, of bodies */
    size_t header_bytes;
    size_t body_bytes;
    enum http_fault verdict; /* ours, before libcurl's; NONE: it may go on */
    struct http_transfer *next_leaving;

    /* time */
    struct loop_timer timer;   /* when the first of these may be over */
    uint64_t connect_until_ms; /* while not sent */
    uint64_t active_ms;        /* plus idle_ms: of the latest byte either way, once sent */
    uint64_t total_until_ms;
};

/* --- http_client.c */

/* Calls libcurl for a socket, or for time (CURL_SOCKET_TIMEOUT), and ends what has come to an end.
 */
void http_client_drive(struct http_client *client, curl_socket_t fd, int events);

/* Gives the hop's handle to libcurl, and takes a hold of the call until it is out again.
 * HTTP_FAULT_LOCAL when libcurl will not have it. */
enum http_fault http_client_add(struct http_transfer *transfer);
/* Breaks it off, now or when libcurl has returned. */
void http_client_remove(struct http_transfer *transfer);

/* --- http_socket.c: what libcurl calls for its sockets */

/* -1 and errno on failure. */
int http_socket_open(struct http_client *client, const struct curl_sockaddr *address);
int http_socket_on_interest(CURL *easy, curl_socket_t fd, int what, void *client, void *unused);
int http_socket_on_close(void *client, curl_socket_t fd);

/* --- http_guard.c */

/* Sets the callbacks on the hop's handle. */
CURLcode http_guard_set(struct http_transfer *transfer);

/* --- http_transfer.c */

/* In functions with a `transfer` and a `code`: an option of its handle, unless one before failed.
 */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (code == CURLE_OK)                                                                      \
            code = curl_easy_setopt(transfer->easy, option, value);                                \
    } while (0)

/* Makes the handle for transfer->target. HTTP_FAULT_LOCAL when out of memory or for a header that
 * is none. */
enum http_fault http_transfer_prepare(struct http_transfer *transfer);
/* Reads the results off the handle; libcurl has done with it. */
void http_transfer_over(struct http_transfer *transfer, CURLcode code);
/* Frees the handle and what belongs to it, for the next hop or the end. */
void http_transfer_clear(struct http_transfer *transfer);

/* --- http_upload.c */

/* Gives the hop's handle the request's parts. */
CURLcode http_upload_set(struct http_transfer *transfer);
/* Nothing more will be read. */
void http_upload_stop(struct http_transfer *transfer);

/* --- http_fault.c */

/* The first reason of our own to end it wins. */
void http_transfer_decide(struct http_transfer *transfer, enum http_fault verdict);
/* Sets the call's fault and its text from what is known now. */
void http_transfer_judge(struct http_transfer *transfer);

/* --- http_call.c */

/* Sets the timer anew, which idle_ms may now make shorter. */
void http_call_set_timer(struct http_transfer *transfer);

#endif
