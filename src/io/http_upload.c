/*
 * A file's bytes go from the page cache into libcurl's buffer, at most 64 KB at once: they were
 * written a moment ago, so the disk is hardly ever asked. Where it has to be, it may take its time,
 * which the loop has not: the transfer is paused while a worker thread reads what comes next.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/http_transfer.h"

enum {
    FETCH_BYTES = 1 << 20, /* by one job: a thread's start costs more than a disk's next megabyte */
    PIECE_BYTES = 64 * 1024,
};

/* --- from the disk ---------------------------------------------------------------------------- */

/* Runs on a worker thread. What it reads is only to be in memory next time. */
static enum err read_through(struct work *work, struct error *error)
{
    (void)error;
    const struct http_part_reader *reader = container_of(work, struct http_part_reader, work);
    char *piece = arena_alloc(&work->arena, PIECE_BYTES);
    for (uint64_t offset = reader->from; offset < reader->to; offset += PIECE_BYTES) {
        if (atomic_load(&work->cancel))
            return ERR_CANCELLED;
        if (spool_file_read(reader->part->file, offset, piece, PIECE_BYTES) <= 0)
            break; /* its end; or an error, which on_part_read will meet itself */
    }
    return OK;
}

static enum flow fetch(struct op *op)
{
    struct http_part_reader *reader = container_of(op, struct http_part_reader, fetch);
    work_start(&reader->work, try(op), read_through, true);
    return FLOW_WAIT;
}

static enum flow resume(struct op *op)
{
    struct http_part_reader *reader = container_of(op, struct http_part_reader, fetch);
    if (reader->transfer->added)
        curl_easy_pause(reader->transfer->easy, CURLPAUSE_CONT);
    return FLOW_DONE;
}

static void fetch_end(struct op *op)
{
    work_clear(&container_of(op, struct http_part_reader, fetch)->work);
}

static const struct step fetch_steps[] = {{"fetch", fetch}, {"resume", resume}, {0}};
static const struct op_kind fetch_kind = {"http_fetch", fetch_steps, NULL, fetch_end};

static bool is_fetching(const struct http_part_reader *reader)
{
    return reader->fetch.kind && !op_finished(&reader->fetch);
}

/* What comes next of the file. One that was begun goes on, and its end resumes the transfer. */
static void start_fetch(struct http_part_reader *reader)
{
    if (is_fetching(reader))
        return;
    reader->from = reader->offset;
    reader->to = reader->offset + FETCH_BYTES;
    op_start(&reader->fetch, &fetch_kind, try(&reader->transfer->call->op));
}

void http_upload_stop(struct http_transfer *transfer)
{
    for (size_t i = 0; transfer->readers && i < transfer->call->request.part_count; i++) {
        if (is_fetching(&transfer->readers[i]))
            op_cancel(&transfer->readers[i].fetch);
    }
}

/* --- what libcurl calls ----------------------------------------------------------------------- */

static uint64_t part_size(const struct http_part *part)
{
    return part->file ? part->file->size : part->length;
}

/* -1 and EAGAIN: to be read from disk first. What was fetched in vain is read here: the file system
 * does not keep it. */
static long read_file(const struct http_part_reader *reader, char *out, size_t wanted)
{
    const struct spool_file *file = reader->part->file;
    const long got = spool_file_read_cached(file, reader->offset, out, wanted);
    const bool fetched = reader->offset >= reader->from && reader->offset < reader->to;
    if (got >= 0 || errno != EAGAIN || !fetched || is_fetching(reader))
        return got;
    return spool_file_read(file, reader->offset, out, wanted);
}

/* libcurl took `size` and `count` for fread's: their product is the room. */
static size_t on_part_read(char *out, size_t size, size_t count, void *context)
{
    struct http_part_reader *reader = context;
    const struct http_part *part = reader->part;
    const uint64_t left = part_size(part) - reader->offset;
    const size_t wanted = left < size * count ? (size_t)left : size * count;
    if (reader->transfer->leaving)
        return CURL_READFUNC_ABORT;
    if (wanted == 0)
        return 0;
    long got = (long)wanted;
    if (part->file)
        got = read_file(reader, out, wanted);
    else
        memcpy(out, part->bytes + reader->offset, wanted);
    if (got < 0 && errno == EAGAIN) {
        start_fetch(reader);
        return CURL_READFUNC_PAUSE;
    }
    if (got <= 0) {
        http_transfer_decide(reader->transfer, HTTP_FAULT_LOCAL);
        return CURL_READFUNC_ABORT;
    }
    reader->offset += (uint64_t)got;
    return (size_t)got;
}

static int on_part_seek(void *context, curl_off_t offset, int origin)
{
    struct http_part_reader *reader = context;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > part_size(reader->part))
        return CURL_SEEKFUNC_FAIL;
    reader->offset = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

CURLcode http_upload_set(struct http_transfer *transfer)
{
    const struct http_request *request = &transfer->call->request;
    CURLcode code = CURLE_OK;
    transfer->mime = curl_mime_init(transfer->easy);
    transfer->readers =
        arena_zalloc(&transfer->call->arena, request->part_count, sizeof(struct http_part_reader));
    for (size_t i = 0; i < request->part_count && code == CURLE_OK; i++) {
        const struct http_part *part = &request->parts[i];
        struct http_part_reader *reader = &transfer->readers[i];
        *reader = (struct http_part_reader){.transfer = transfer, .part = part};
        curl_mimepart *mime = curl_mime_addpart(transfer->mime);
        code = curl_mime_name(mime, part->name);
        if (code == CURLE_OK && part->filename)
            code = curl_mime_filename(mime, part->filename);
        if (code == CURLE_OK && part->content_type)
            code = curl_mime_type(mime, part->content_type);
        if (code == CURLE_OK)
            code = curl_mime_data_cb(mime, (curl_off_t)part_size(part), on_part_read, on_part_seek,
                                     NULL, reader);
    }
    SET(CURLOPT_MIMEPOST, transfer->mime);
    return code;
}
