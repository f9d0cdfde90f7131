/*
 * pdf_request.h: what all uploads of documents have in common: their form, who calls, a repeat that
 * has been answered before, what is told of the work, and the reply.
 *
 *     struct upload_work {
 *         struct pdf_request pdf;
 *         struct parse_pdf parse;
 *     };
 *
 *     if (pdf_request_check(request))                 // else it has been answered
 *         pdf_request_run(&work->pdf, request, &parse_kind, save);
 */
#ifndef API_PDF_REQUEST_H
#define API_PDF_REQUEST_H

#include "api/idempotency.h"
#include "api/request.h"
#include "pipeline/parse_pdf.h"
#include "store/saved_reply.h"
#include "store/scenario_read.h"

struct pdf_request;

/* What is done with the files. */
struct pdf_kind {
    /* Starts the work, sets pdf->job, and returns the operation. */
    struct op *(*start)(struct pdf_request *pdf, struct op_link link);
    /* The reply but for the scenario's id. Of what is being saved it is called before that. */
    void (*print)(struct pdf_request *pdf, cJSON *body);
    /* How long its stages took, by request_timing. */
    void (*time)(struct pdf_request *pdf);
    /* Of what was saved; 0: nothing was. NULL: nothing ever is, and the reply says nothing of it.
     */
    int64_t (*scenario_id)(const struct pdf_request *pdf);
    /* In the end, whether it was started or not. */
    void (*clear)(struct pdf_request *pdf);
};

/* `{0}` before pdf_request_run. */
struct pdf_request {
    const struct pdf_kind *kind;
    struct request *request;
    /* for `start` */
    struct gate_rank rank;
    uint64_t deadline_ms; /* loop time */
    bool save;
    bool fresh;
    const char *base_url;      /* this and the two above: asked for while the client is there */
    struct saving_reply reply; /* where saved.can_save: to be saved as well */

    struct job *job; /* the work's; NULL before it was started */
    struct op *op;   /* the work itself */
    /* private */
    struct scenario_read caller;
    const char *rest; /* the reply behind its scenario's id; NULL: not printed yet */
    struct idempotent repeat;
    struct saved_reply saved;
    struct cached *kept; /* the reply of the first time; or of this one, kept for the next */
    bool replayed;
};

/* What is wrong with the query (noted before, by request_fault), the form, and the main file's
 * type. False: it has been answered. */
bool pdf_request_check(struct request *request);

/* The last thing done with a request by its handler. `save` needs a database. */
void pdf_request_run(struct pdf_request *pdf, struct request *request, const struct pdf_kind *kind,
                     bool save);

#endif
