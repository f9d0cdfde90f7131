#include "io/gate.h"

#include <assert.h>

void gate_init(struct gate *gate, const char *name, size_t places)
{
    assert(places > 0);
    *gate = (struct gate){.name = name, .places = places};
    gate->last = &gate->first;
}

static enum flow pass_ask(struct op *op)
{
    struct gate_pass *pass = op_cast(op, gate_pass);
    struct gate *gate = pass->gate;
    if (gate->taken < gate->places) {
        gate->taken++;
        pass->inside = true;
        return FLOW_DONE;
    }
    pass->queued = true;
    pass->next = NULL;
    *gate->last = pass;
    gate->last = &pass->next;
    gate->waiting++;
    op_hold(op);
    return FLOW_WAIT;
}

static void unqueue(struct gate_pass *pass)
{
    struct gate *gate = pass->gate;
    struct gate_pass **link = &gate->first;
    while (*link != pass)
        link = &(*link)->next;
    *link = pass->next;
    if (!*link)
        gate->last = link;
    pass->queued = false;
    gate->waiting--;
}

static void pass_cancel(struct op *op)
{
    struct gate_pass *pass = op_cast(op, gate_pass);
    if (!pass->queued)
        return;
    unqueue(pass);
    op_release(op);
}

static const struct step pass_steps[] = {{"ask", pass_ask}, {0}};
static const struct op_kind pass_kind = {"gate", pass_steps, pass_cancel, NULL};

void gate_enter(struct gate_pass *pass, struct op_link link, struct gate *gate)
{
    *pass = (struct gate_pass){.gate = gate};
    op_start(&pass->op, &pass_kind, link);
}

void gate_leave(struct gate_pass *pass)
{
    if (!pass->gate || !pass->inside)
        return;
    struct gate *gate = pass->gate;
    pass->inside = false;
    struct gate_pass *next = gate->first;
    if (!next) {
        gate->taken--;
        return;
    }
    unqueue(next); /* the place changes hands */
    next->inside = true;
    op_release(&next->op);
}
