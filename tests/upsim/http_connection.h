/*
 * http_connection.h: a connection, for http.c, which reads, and http_send.c, which answers.
 */
#ifndef UPSIM_HTTP_CONNECTION_H
#define UPSIM_HTTP_CONNECTION_H

#include "upsim/http.h"

enum connection_state { READ_HEAD, READ_BODY, WAITING, SENDING, CLOSING };

struct connection {
    uv_tcp_t socket;
    uv_timer_t timer;
    uv_write_t write;
    struct http_server *server;
    struct connection *previous, *next;
    int open_handles;
    enum connection_state state;
    bool consuming; /* consume() is on the stack */
    bool writing;   /* `write` is under way */
    struct buffer head, body, early;
    size_t head_scanned; /* bytes known not to hold the head's end */
    struct http_framing framing;
    struct chunk_decoder decoder;
    struct exchange exchange;
    unsigned carried;
    uint64_t requests;
    /* the answer under way */
    struct buffer out_head;
    char chunk_line[24];
    size_t sent;   /* bytes of the answer handed to the socket */
    size_t pieces; /* of DELIVER_PACED */
    bool head_sent, last_sent;
    uint64_t pace_start_ns;
};

/* Ends it, at any time; its exchange, if one is under way, is over in this way. */
void connection_close(struct connection *connection, enum exchange_end end, bool reset);

/* The answer has gone: on to the next request, or to the end. */
void connection_finish(struct connection *connection);

/* Begins to send the answer. (http_send.c) */
void connection_deliver(struct connection *connection);

#endif
