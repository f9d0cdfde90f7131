/*
 * llamaparse_parts.h: what the files of the LlamaParse client share. Private to them; see
 * llamaparse.h.
 *
 *     llamaparse.c          a job, from the gate to its text
 *     llamaparse_upload.c   the form that a file is sent in
 *     llamaparse_poll.c     when to ask, and what becomes of the answers
 *     llamaparse_fetch.c    the text of a job that is done
 *     llamaparse_orphan.c   a job that nobody waits for
 *     llamaparse_reading.c  what the service says about a job, in both its vocabularies
 */
#ifndef UPSTREAM_LLAMAPARSE_PARTS_H
#define UPSTREAM_LLAMAPARSE_PARTS_H

#include "upstream/llamaparse.h"

enum {
    LLAMAPARSE_ANSWER_BYTES = WORK_INLINE_BYTES, /* about a job: known ones have some 500 */
    LLAMAPARSE_CONNECT_MS = 5 * 1000,
};

extern const struct upstream_call_kind parse_upload_kind;

/* The beginning of each request: method, URL, headers, and the limit on its answer. */
void parse_request(const struct llamaparse *parser, struct arena *arena, const char *method,
                   const char *path, struct http_request *out);

/* Did a whole answer with a status of success come? */
bool parse_answered(const struct upstream_call *call);

/* Reads an answer about a job. The first, when there is no id yet, has to have one that is safe.
 * False, and nothing is changed: it does not say how the job stands. `key` is never repeated; NULL:
 * there is none. */
MUST_CHECK bool remote_job_read(struct remote_job *job, const char *bytes, size_t length,
                                const char *key);

/* Why one that has ended has no text; OK if it has one. */
MUST_CHECK enum err remote_job_error(const struct remote_job *job, struct error *error);
bool remote_job_expired(const struct remote_job *job);

/* What the breaker hears of one that has ended. */
enum gate_result remote_job_report(const struct remote_job *job);

/* For a file in which nothing was found. */
extern const char remote_job_no_text[];

/* Finishes when the job has ended, or with why that cannot be learned. */
void parse_poll_start(struct parse_poll *poll, struct op_link link, struct llamaparse *parser,
                      struct gate_pass *pass, struct remote_job *remote, uint64_t deadline_ms);
void parse_poll_clear(struct parse_poll *poll);

void parse_fetch_start(struct parse_fetch *fetch, struct op_link link, struct llamaparse *parser,
                       struct gate_pass *pass, const struct remote_job *remote,
                       uint64_t deadline_ms);
void parse_fetch_clear(struct parse_fetch *fetch);

/* Takes the place of one who leaves while the job runs on. Leaves it alone where jobs have no
 * afterlife, or the server's is ending. */
void orphan_job_adopt(struct llamaparse *parser, struct gate_pass *pass,
                      const struct remote_job *remote);
void orphan_job_cancel_all(struct llamaparse *parser);

#endif
