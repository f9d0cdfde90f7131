/*
 * spool.h: uploaded files while they are needed: small ones in memory, others on disk, neither
 * with a name.
 *
 * Bytes are gathered in memory. A file of at most SPOOL_STAY_BYTES stays there while no more than
 * half of the memory is in use; of others what outgrows SPOOL_CHUNK_BYTES goes to an unnamed file
 * in SPOOL_DIR, written and hashed in larger jobs by worker threads, so that a slow disk never
 * stops the loop. Over all files at most `memory_max` bytes are in memory. A file that would need
 * more has to wait:
 *
 *     if (!spool_room(&spool, &waiter, file, length))  // of what arrived next
 *         spool_wait(&spool, &waiter, file, length);   // on_room comes when to try again
 *     else
 *         spool_file_append(file, bytes, length);
 *     ...
 *     spool_file_finish(file);                   // then wait until spool_file_settled
 *     if (file->error.code == OK) ...            // file->sha256, file->size, spool_file_fd
 *     spool_file_drop(file);                     // once its bytes are not needed any more
 *     spool_file_free(file);                     // at any time; nothing is left behind
 *
 *       append          outgrows what may stay,    a job's bytes, memory tight,
 *     ┌────────┐        or memory is tight         or finishing
 *     ▼        │                                 ┌────────────────────────────┐
 *     MEMORY ──┴──────────▶ DISK, idle ──────────┴──▶ DISK, busy (one job) ───┘
 */
#ifndef IO_SPOOL_H
#define IO_SPOOL_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "io/loop.h"

enum {
    SPOOL_CHUNK_BYTES = 64 * 1024,  /* smaller files stay in memory unless it is tight */
    SPOOL_STAY_BYTES = 2048 * 1024, /* larger ones never do */
    SPOOL_JOB_BYTES = 256 * 1024,   /* a job writes so much unless memory is tight: each costs two
                                     * threads a wake-up */
    SPOOL_PIECE_MAX = 64 * 1024,    /* most that is appended at once */
    /* Tight memory always has room for a piece, as files that outgrow it are written bit by bit. */
    SPOOL_MEMORY_MIN = 4 * (SPOOL_CHUNK_BYTES + SPOOL_PIECE_MAX),
    SHA256_BYTES = 32,
};

/* Somebody who waits for room. Lives in its owner. on_room may not append: it resumes who does.
 * From then on the room is kept for him, until he asks for it by spool_room or waits no more. */
struct spool_waiter {
    void (*on_room)(struct spool_waiter *waiter);
    struct spool_file *file; /* NULL, or one whose job must end first */
    size_t needed;
    size_t promised; /* room kept; 0: none */
    struct spool_waiter *next;
    bool waiting;
};

struct spool {
    struct loop *loop;
    const char *directory;
    size_t memory_max;
    size_t stay_max;    /* with more in use, files larger than a chunk go to disk */
    size_t memory_used; /* bytes in chunks, queued for writing included */
    size_t promised;    /* bytes kept for those who were told of room */
    struct spool_file *files;
    struct spool_waiter *first; /* oldest first */
    struct spool_waiter **last;
};

struct spool_file {
    struct spool *spool;
    struct spool_file *next, **link;
    uint64_t size;
    unsigned char sha256[SHA256_BYTES];          /* once settled */
    struct error error;                          /* ERR_NO_SPACE, ERR_IO: the file is of no use */
    void (*on_settled)(struct spool_file *file); /* told once; NULL: nobody asks */
    void *owner;

    struct buffer chunk;   /* not yet written; of a file in memory all of it */
    struct buffer writing; /* with the job */
    EVP_MD_CTX *hash;
    int fd;         /* -1 while in memory */
    bool may_stay;  /* in memory, by its size */
    bool on_disk;   /* decided, though the job that opens the file may still run */
    bool busy;      /* a job is at work on `writing` */
    bool finishing; /* no more appends */
    bool settled;
    bool dropped;   /* its bytes are gone */
    bool abandoned; /* freed by its owner while busy */
    unsigned loans;
    bool drop_later, free_later; /* once nobody has it on loan */
    uv_work_t job;
    struct error job_error;
};

/* ERR_UNAVAILABLE with a sentence when files cannot be made in `directory`. */
MUST_CHECK enum err spool_init(struct spool *spool, struct loop *loop, const char *directory,
                               size_t memory_max, struct error *error);
/* Asserts that no file is left. What freed ones had on disk goes while the loop still runs. */
void spool_clear(struct spool *spool);

/* At most `bytes_max` bytes will come: what may become too large to stay in memory does not wait
 * there. UINT64_MAX: nobody knows. */
struct spool_file *spool_file_new(struct spool *spool, uint64_t bytes_max);
/* Of a settled file: gives back its bytes, in memory or on disk, at once; its size and hash stay.
 * It is not read any more. */
void spool_file_drop(struct spool_file *file);
/* Somebody else reads it: a drop or a free waits until they give it back. */
void spool_file_lend(struct spool_file *file);
void spool_file_give_back(struct spool_file *file);
/* At any time, but a waiter that names the file has to be taken back before. NULL is fine. */
void spool_file_free(struct spool_file *file);

/* Can `length` more bytes be appended now, for `file` or (NULL) for one that is yet to begin?
 * Nobody overtakes those who wait: there is room for a waiter (NULL: none) that was told of it, and
 * for others when nobody waits for memory. */
bool spool_room(struct spool *spool, struct spool_waiter *waiter, const struct spool_file *file,
                size_t length);
void spool_wait(struct spool *spool, struct spool_waiter *waiter, struct spool_file *file,
                size_t length);
/* Takes a waiter back, and what was promised to it. Nothing happens if it does not wait. */
void spool_wait_cancel(struct spool *spool, struct spool_waiter *waiter);

/* Copies; at most SPOOL_PIECE_MAX bytes. */
void spool_file_append(struct spool_file *file, const char *bytes, size_t length);

/* No more bytes: hashes and writes what is left. `on_settled` is called when that is done, never
 * inside this call; not at all if it was settled at once (see spool_file_settled). */
void spool_file_finish(struct spool_file *file);
bool spool_file_settled(const struct spool_file *file);

/* --- reading a settled file ------------------------------------------------------------------ */

/* A descriptor at offset 0, for a child's standard input; close-on-exec; the file's own. -1 and
 * errno on failure. */
int spool_file_fd(struct spool_file *file);

/* Copies up to `length` bytes from `offset`; returns how many, -1 on a read error. From any thread,
 * as long as the file is not freed. */
long spool_file_read(const struct spool_file *file, uint64_t offset, char *out, size_t length);

/* The same, but -1 and EAGAIN where a disk would have to be waited for. On file systems that cannot
 * tell it waits. */
long spool_file_read_cached(const struct spool_file *file, uint64_t offset, char *out,
                            size_t length);

#endif
