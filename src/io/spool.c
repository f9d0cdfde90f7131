/*
 * Memory is split: files that stay in memory may fill three quarters of it, those larger than a
 * chunk one half; the last quarter is for bytes on their way to disk, which leave it soon. When
 * there is no room, every half-full chunk is sent on its way, so that idle uploads cannot starve a
 * new one.
 *
 * A megabyte on disk costs as much processor time as to receive it: a file is made and removed, and
 * every page is copied there and back. So files of usual sizes stay in memory when it is there.
 */
#include "io/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/work.h"

enum { CHUNK_MAX = SPOOL_STAY_BYTES + SPOOL_PIECE_MAX };

static void start_job(struct spool_file *file);

static bool is_tight(const struct spool *spool)
{
    return spool->memory_used > spool->memory_max / 4 * 3;
}

/* --- the file on disk: these run on worker threads ------------------------------------------ */

static int open_unnamed(const char *directory)
{
    const int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    /* A file system without O_TMPFILE: the name stands for the moment between two calls. */
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/personad-XXXXXX", directory) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const int named = mkostemp(path, O_CLOEXEC);
    if (named >= 0)
        unlink(path);
    return named;
}

static enum err fault_of(int number, struct error *error)
{
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return error_set(error, ERR_NO_SPACE, "The server has no room for uploads at the moment");
    return error_set(error, ERR_IO, "The upload could not be stored: %s", strerror(number));
}

static enum err write_all(int fd, const char *bytes, size_t length, struct error *error)
{
    while (length > 0) {
        const ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fault_of(errno, error);
        bytes += written;
        length -= (size_t)written;
    }
    return OK;
}

static void on_job(uv_work_t *request)
{
    struct spool_file *file = container_of(request, struct spool_file, job);
    work_thread_yield();
    EVP_DigestUpdate(file->hash, file->writing.data, file->writing.length);
    if (file->fd < 0) {
        file->fd = open_unnamed(file->spool->directory);
        if (file->fd < 0) {
            fault_of(errno, &file->job_error);
            return;
        }
    }
    (void)write_all(file->fd, file->writing.data, file->writing.length, &file->job_error);
}

static void hash_chunk(struct spool_file *file)
{
    EVP_DigestUpdate(file->hash, file->chunk.data, file->chunk.length);
}

/* Of a file that stays in memory, and is whole. */
static void on_hash(uv_work_t *request)
{
    work_thread_yield();
    hash_chunk(container_of(request, struct spool_file, job));
}

static void on_close(uv_work_t *request)
{
    work_thread_yield();
    close(container_of(request, struct spool_file, job)->fd);
}

/* --- memory and those who wait for it --------------------------------------------------------- */

static bool file_is_full(const struct spool_file *file)
{
    return file && file->busy && file->chunk.length >= SPOOL_JOB_BYTES;
}

static bool fits(const struct spool *spool, size_t length)
{
    return spool->memory_used + spool->promised + length <= spool->memory_max;
}

/* Does anybody wait for memory, not just for the disk to be done with his file? */
static bool memory_is_wanted(const struct spool *spool)
{
    const struct spool_waiter *waiter = spool->first;
    while (waiter && file_is_full(waiter->file))
        waiter = waiter->next;
    return waiter;
}

/* What was promised is taken, or not wanted any more. */
static bool end_promise(struct spool *spool, struct spool_waiter *waiter)
{
    const bool promised = waiter && waiter->promised > 0;
    if (promised) {
        spool->promised -= waiter->promised;
        waiter->promised = 0;
    }
    return promised;
}

bool spool_room(struct spool *spool, struct spool_waiter *waiter, const struct spool_file *file,
                size_t length)
{
    const bool is_his_turn = end_promise(spool, waiter) || !memory_is_wanted(spool);
    return is_his_turn && !file_is_full(file) && fits(spool, length);
}

/* Sends every chunk of a file on disk on its way, however little it holds. */
static void relieve(struct spool *spool)
{
    for (struct spool_file *file = spool->files; file; file = file->next) {
        if (file->on_disk && !file->busy && file->chunk.length > 0)
            start_job(file);
    }
}

void spool_wait(struct spool *spool, struct spool_waiter *waiter, struct spool_file *file,
                size_t length)
{
    assert(!waiter->waiting);
    assert(waiter->promised == 0);
    assert(length <= SPOOL_PIECE_MAX);
    waiter->file = file;
    waiter->needed = length;
    waiter->next = NULL;
    waiter->waiting = true;
    *spool->last = waiter;
    spool->last = &waiter->next;
    if (!file_is_full(file))
        relieve(spool);
}

static void unlink_waiter(struct spool *spool, struct spool_waiter *waiter)
{
    struct spool_waiter **link = &spool->first;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    if (!*link)
        spool->last = link;
    waiter->waiting = false;
}

/* Tells those who can go on, oldest first. */
static void tell_waiters(struct spool *spool)
{
    struct spool_waiter *waiter = spool->first;
    while (waiter && fits(spool, waiter->needed)) {
        if (file_is_full(waiter->file)) {
            waiter = waiter->next;
            continue;
        }
        unlink_waiter(spool, waiter);
        waiter->promised = waiter->needed;
        spool->promised += waiter->promised;
        waiter->on_room(waiter);
        waiter = spool->first; /* whatever on_room has done to the list */
    }
}

void spool_wait_cancel(struct spool *spool, struct spool_waiter *waiter)
{
    if (waiter->waiting)
        unlink_waiter(spool, waiter);
    else if (!end_promise(spool, waiter))
        return;
    tell_waiters(spool);
}

/* --- a file ----------------------------------------------------------------------------------- */

struct spool_file *spool_file_new(struct spool *spool, uint64_t bytes_max)
{
    struct spool_file *file = calloc(1, sizeof(*file));
    if (!file)
        abort();
    file->spool = spool;
    file->fd = -1;
    file->may_stay = bytes_max <= SPOOL_STAY_BYTES;
    file->next = spool->files;
    file->link = &spool->files;
    if (file->next)
        file->next->link = &file->next;
    spool->files = file;
    buffer_init(&file->chunk, CHUNK_MAX);
    buffer_init(&file->writing, CHUNK_MAX);
    file->hash = EVP_MD_CTX_new();
    if (!file->hash || EVP_DigestInit_ex(file->hash, EVP_sha256(), NULL) != 1)
        abort();
    return file;
}

static void on_close_over(uv_work_t *request, int status)
{
    (void)status;
    free(container_of(request, struct spool_file, job));
}

static void queue_job(struct spool_file *file, uv_work_cb work, uv_after_work_cb after)
{
    const int result = uv_queue_work(&file->spool->loop->uv, &file->job, work, after);
    assert(result == 0);
    (void)result;
}

/* With its last descriptor a file without a name goes from the disk, which takes milliseconds for a
 * large one, and much longer while the disk is at work on it: that is for a worker thread too. */
static void close_and_free(struct spool_file *file)
{
    if (file->on_disk && file->fd >= 0) {
        queue_job(file, on_close, on_close_over);
        return;
    }
    if (file->fd >= 0)
        close(file->fd);
    free(file);
}

static void release(struct spool_file *file)
{
    struct spool *spool = file->spool;
    spool->memory_used -= file->chunk.length + file->writing.length;
    *file->link = file->next;
    if (file->next)
        file->next->link = file->link;
    buffer_clear(&file->chunk);
    buffer_clear(&file->writing);
    EVP_MD_CTX_free(file->hash);
    close_and_free(file);
    tell_waiters(spool);
}

static void on_drop_over(uv_work_t *request, int status)
{
    (void)status;
    struct spool_file *file = container_of(request, struct spool_file, job);
    file->busy = false;
    file->fd = -1;
    if (file->abandoned)
        release(file);
}

void spool_file_lend(struct spool_file *file)
{
    assert(file->settled);
    file->loans++;
}

void spool_file_give_back(struct spool_file *file)
{
    assert(file->loans > 0);
    if (--file->loans > 0)
        return;
    if (file->free_later)
        spool_file_free(file);
    else if (file->drop_later)
        spool_file_drop(file);
}

void spool_file_drop(struct spool_file *file)
{
    assert(file->settled);
    if (file->loans > 0) {
        file->drop_later = true;
        return;
    }
    assert(!file->dropped);
    struct spool *spool = file->spool;
    file->dropped = true;
    spool->memory_used -= file->chunk.length;
    buffer_clear(&file->chunk);
    if (file->on_disk && file->fd >= 0) {
        file->busy = true;
        queue_job(file, on_close, on_drop_over);
    } else if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
    tell_waiters(spool);
}

void spool_file_free(struct spool_file *file)
{
    if (!file)
        return;
    file->on_settled = NULL;
    if (file->loans > 0)
        file->free_later = true;
    else if (file->busy)
        file->abandoned = true; /* on_job_over frees it */
    else
        release(file);
}

/* Nothing is left to write or to hash. */
static void settle(struct spool_file *file)
{
    if (file->on_disk)
        buffer_clear(&file->chunk);
    buffer_clear(&file->writing);
    EVP_DigestFinal_ex(file->hash, file->sha256, NULL);
    file->settled = true;
}

static bool has_to_write(const struct spool_file *file)
{
    if (!file->on_disk || file->busy || file->chunk.length == 0 || file->error.code != OK)
        return false;
    return file->finishing || file->chunk.length >= SPOOL_JOB_BYTES || is_tight(file->spool);
}

static void on_job_over(uv_work_t *request, int status)
{
    (void)status;
    struct spool_file *file = container_of(request, struct spool_file, job);
    struct spool *spool = file->spool;
    file->busy = false;
    spool->memory_used -= file->writing.length;
    buffer_clear(&file->writing); /* an idle upload keeps no empty buffers */
    if (file->error.code == OK)
        file->error = file->job_error;
    if (file->error.code != OK) {
        spool->memory_used -= file->chunk.length;
        buffer_clear(&file->chunk);
    }
    if (file->abandoned) {
        release(file);
        return;
    }
    if (has_to_write(file)) {
        start_job(file);
    } else if (file->finishing && !file->settled) {
        settle(file);
        if (file->on_settled)
            file->on_settled(file); /* may free it */
    }
    tell_waiters(spool);
}

/* What is above a multiple of a job's bytes waits for the next one: files are written fastest in
 * whole pages from a page's start. */
static void start_job(struct spool_file *file)
{
    assert(!file->busy);
    const struct buffer empty = file->writing;
    file->writing = file->chunk;
    file->chunk = empty;
    if (file->writing.length > SPOOL_JOB_BYTES) {
        const size_t rest = file->writing.length % SPOOL_JOB_BYTES;
        file->writing.length -= rest;
        const enum err err =
            buffer_append(&file->chunk, file->writing.data + file->writing.length, rest);
        assert(err == OK);
        (void)err;
    }
    file->busy = true;
    queue_job(file, on_job, on_job_over);
}

static bool has_to_leave(const struct spool_file *file)
{
    const struct spool *spool = file->spool;
    if (file->chunk.length <= SPOOL_CHUNK_BYTES)
        return is_tight(spool);
    return !file->may_stay || spool->memory_used > spool->stay_max;
}

void spool_file_append(struct spool_file *file, const char *bytes, size_t length)
{
    assert(!file->finishing);
    assert(length <= SPOOL_PIECE_MAX);
    file->size += length;
    if (file->error.code != OK || length == 0)
        return; /* of no use any more: the owner will find out */
    const enum err err = buffer_append(&file->chunk, bytes, length);
    assert(err == OK);
    (void)err;
    file->spool->memory_used += length;
    if (has_to_leave(file))
        file->on_disk = true;
    if (has_to_write(file))
        start_job(file);
}

void spool_file_finish(struct spool_file *file)
{
    file->finishing = true;
    if (has_to_write(file)) {
        start_job(file);
    } else if (!file->on_disk && file->chunk.length > SPOOL_CHUNK_BYTES) {
        file->busy = true;
        queue_job(file, on_hash, on_job_over);
    } else if (!file->busy) {
        if (!file->on_disk)
            hash_chunk(file);
        settle(file);
    }
}

bool spool_file_settled(const struct spool_file *file)
{
    return file->settled;
}

int spool_file_fd(struct spool_file *file)
{
    assert(file->settled);
    assert(!file->dropped);
    if (file->fd < 0) { /* of what stayed in memory: a copy there that a child can read */
        const int fd = memfd_create("upload", MFD_CLOEXEC);
        if (fd < 0)
            return -1;
        struct error error = {0};
        if (write_all(fd, file->chunk.data, file->chunk.length, &error) != OK) {
            close(fd); /* rather none than a part; errno may be lost, but not the failure */
            return -1;
        }
        file->fd = fd;
    }
    return lseek(file->fd, 0, SEEK_SET) == 0 ? file->fd : -1;
}

/* `flags` are those of preadv2. */
static long read_at(const struct spool_file *file, uint64_t offset, char *out, size_t length,
                    int flags)
{
    assert(file->settled);
    assert(!file->dropped);
    if (!file->on_disk) {
        if (offset >= file->chunk.length)
            return 0;
        const size_t left = file->chunk.length - (size_t)offset;
        const size_t count = left < length ? left : length;
        memcpy(out, file->chunk.data + offset, count);
        return (long)count;
    }
    const struct iovec piece = {.iov_base = out, .iov_len = length};
    for (;;) {
        const ssize_t count = preadv2(file->fd, &piece, 1, (off_t)offset, flags);
        if (count >= 0 || errno != EINTR)
            return (long)count;
    }
}

long spool_file_read(const struct spool_file *file, uint64_t offset, char *out, size_t length)
{
    return read_at(file, offset, out, length, 0);
}

long spool_file_read_cached(const struct spool_file *file, uint64_t offset, char *out,
                            size_t length)
{
    const long count = read_at(file, offset, out, length, RWF_NOWAIT);
    if (count < 0 && errno == EOPNOTSUPP)
        return read_at(file, offset, out, length, 0);
    return count;
}

/* --- the spool -------------------------------------------------------------------------------- */

enum err spool_init(struct spool *spool, struct loop *loop, const char *directory,
                    size_t memory_max, struct error *error)
{
    *spool = (struct spool){
        .loop = loop, .directory = directory, .memory_max = memory_max, .stay_max = memory_max / 2};
    spool->last = &spool->first;
    assert(memory_max >= SPOOL_MEMORY_MIN);
    const int fd = open_unnamed(directory);
    if (fd < 0)
        return error_set(error, ERR_UNAVAILABLE, "SPOOL_DIR: cannot make files in %s: %s",
                         directory, strerror(errno));
    close(fd);
    return OK;
}

void spool_clear(struct spool *spool)
{
    assert(!spool->files);
    assert(!spool->first);
    assert(spool->memory_used == 0);
    assert(spool->promised == 0);
    *spool = (struct spool){0};
}
