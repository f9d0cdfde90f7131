/*
 * gate.h: at most N at once; the others wait in the order in which they came.
 *
 *     gate_enter(&pass, need(op), &gate);   // finishes when there is a place
 *     ...
 *     gate_leave(&pass);                    // in on_end of whoever entered; safe at any time
 *
 * A pass that is cancelled while it waits leaves the queue by itself.
 */
#ifndef IO_GATE_H
#define IO_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "io/op.h"

struct gate_pass;

struct gate {
    const char *name;
    size_t places; /* at once */
    size_t taken;
    size_t waiting;
    struct gate_pass *first; /* waiting, oldest first */
    struct gate_pass **last;
};

struct gate_pass {
    struct op op;
    struct gate *gate; /* NULL before gate_enter */
    struct gate_pass *next;
    bool queued;
    bool inside; /* holds a place */
};

void gate_init(struct gate *gate, const char *name, size_t places);
void gate_enter(struct gate_pass *pass, struct op_link link, struct gate *gate);

/* Gives the place to the next. Nothing happens for a pass that is `{0}`, waits, or has left. */
void gate_leave(struct gate_pass *pass);

#endif
