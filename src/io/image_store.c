/*
 * Several worker threads save at once. They take the lock for what they have in common, which is
 * the count of bytes and the decision that a name is to be made, and write without it: bytes that
 * are being written are set aside beforehand. The loop never takes it, so it never waits for a
 * disk's sake. That is safe since a picture only ever moves one way, from the folder to kept/: who
 * looks in this order misses none, and whether a removal or a keeping comes first is for the
 * kernel to say.
 */
#include "io/image_store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/image_folder.h"

enum {
    WRITE_BYTES = 256 << 10, /* between two looks at a cancel */
    SPARE_PART = 32,         /* of the quota, made free beyond what is needed, so that the folder is
                                not walked for every picture */
};

const char *image_type_of(const char *bytes, size_t length)
{
    const struct image_kind *kind = image_kind_of_bytes(bytes, length);
    return kind ? kind->type : NULL;
}

/* Counts anew, as somebody may have removed pictures by hand. */
static enum err survey(struct image_store *store, struct image_oldest *oldest, bool remove_temps)
{
    uint64_t bytes = 0;
    enum err err = image_folder_walk(store->fd, &bytes, oldest, remove_temps);
    if (err == OK)
        err = image_folder_walk(store->kept_fd, &bytes, NULL, false);
    if (err == OK)
        store->bytes = bytes;
    return err;
}

/* --- saving: on worker threads ---------------------------------------------------------------- */

static enum err fault_of(int number, struct error *error)
{
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return error_set(error, ERR_NO_SPACE, "The server has no room for pictures at the moment");
    return error_set(error, ERR_IO, "A picture could not be stored: %s", strerror(number));
}

static bool has_room(const struct image_store *store, uint64_t length)
{
    return store->bytes + store->bytes_due + length <= store->bytes_max;
}

/* Removes the oldest until there is room. With the lock. */
static enum err make_room(struct image_store *store, uint64_t length, struct error *error)
{
    while (!has_room(store, length)) {
        struct image_oldest oldest = {.count = 0};
        if (survey(store, &oldest, false) != OK)
            return fault_of(errno, error);
        bool removed = false;
        for (size_t i = 0;
             i < oldest.count && !has_room(store, length + store->bytes_max / SPARE_PART); i++) {
            const struct image_old_file *file = &oldest.files[i];
            if (unlinkat(store->fd, file->name, 0) == 0) {
                store->bytes -= file->size;
                removed = true;
            }
        }
        if (!removed && !has_room(store, length))
            return error_set(error, ERR_NO_SPACE,
                             "The quota for pictures is reached, and none of them may go");
    }
    return OK;
}

/* Whole, as far as one can tell: what a power cut left has the name, but not all of the bytes. */
static bool touch_in(int folder, const char *name, size_t length)
{
    struct stat status;
    return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           status.st_size == (off_t)length &&
           utimensat(folder, name, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Is it there? Then it is young again. */
static bool touch(const struct image_save *save)
{
    const struct image_store *store = save->store;
    return touch_in(store->fd, save->name, save->length) ||
           touch_in(store->kept_fd, save->name, save->length);
}

static bool is_cancelled(struct image_save *save)
{
    return atomic_load(&save->work.cancel);
}

static enum err write_all(struct image_save *save, int fd, struct error *error)
{
    for (size_t done = 0; done < save->length;) {
        if (is_cancelled(save))
            return error_set(error, ERR_CANCELLED, "%s", "");
        const size_t left = save->length - done;
        const ssize_t written =
            write(fd, save->bytes + done, left < WRITE_BYTES ? left : WRITE_BYTES);
        if (written < 0 && errno != EINTR)
            return fault_of(errno, error);
        if (written > 0)
            done += (size_t)written;
    }
    return OK;
}

/* Leaves no file behind where it fails. */
static enum err write_temp(struct image_save *save, const char *temp, struct error *error)
{
    const int folder = save->store->fd;
    const int fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return fault_of(errno, error);
    enum err err = write_all(save, fd, error);
    if (close(fd) != 0 && err == OK)
        err = fault_of(errno, error);
    if (err != OK)
        unlinkat(folder, temp, 0);
    return err;
}

/* Gives the whole file its name, unless somebody else was faster with the same. With the lock. */
static enum err publish(struct image_save *save, const char *temp, struct error *error)
{
    struct image_store *store = save->store;
    enum err err = OK;
    if (is_cancelled(save)) {
        err = error_set(error, ERR_CANCELLED, "%s", "");
    } else if (!touch(save)) {
        if (renameat(store->fd, temp, store->fd, save->name) == 0) {
            store->bytes += save->length;
            return OK;
        }
        err = fault_of(errno, error);
    }
    unlinkat(store->fd, temp, 0);
    return err;
}

static enum err write_picture(struct image_save *save, struct error *error)
{
    struct image_store *store = save->store;
    char temp[IMAGE_NAME_BYTES];
    image_name_temp(temp);
    enum err err = write_temp(save, temp, error);
    uv_mutex_lock(&store->lock);
    store->bytes_due -= save->length;
    if (err == OK)
        err = publish(save, temp, error);
    uv_mutex_unlock(&store->lock);
    return err;
}

static enum err run(struct work *work, struct error *error)
{
    struct image_save *save = container_of(work, struct image_save, work);
    struct image_store *store = save->store;
    image_name_picture(save->name, save->bytes, save->length);

    uv_mutex_lock(&store->lock);
    const bool is_there = touch(save);
    const enum err err = is_there ? OK : make_room(store, save->length, error);
    if (!is_there && err == OK)
        store->bytes_due += save->length;
    uv_mutex_unlock(&store->lock);
    return is_there || err != OK ? err : write_picture(save, error);
}

/* --- saving: on the loop ---------------------------------------------------------------------- */

static enum flow save_write(struct op *op)
{
    struct image_save *save = op_cast(op, image_save);
    if (!image_kind_of_bytes(save->bytes, save->length))
        return op_fail(op, ERR_SYNTAX, "this is no PNG, JPEG or WebP picture");
    work_start(&save->work, need(op), run, true);
    return FLOW_WAIT;
}

static void save_end(struct op *op)
{
    struct image_save *save = op_cast(op, image_save);
    work_clear(&save->work);
    save->store->saves--;
}

static const struct step save_steps[] = {{"write", save_write}, {0}};
static const struct op_kind save_kind = {"image_save", save_steps, NULL, save_end};

void image_save_start(struct image_save *save, struct op_link link, struct image_store *store,
                      const char *bytes, size_t length)
{
    memset(save, 0, sizeof(*save));
    save->store = store;
    save->bytes = bytes;
    save->length = length;
    store->saves++;
    op_start(&save->op, &save_kind, link);
}

/* --- keeping and finding ---------------------------------------------------------------------- */

/* Without waiting for whatever else may bear the name. */
static int open_picture(const struct image_store *store, const char *name)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    const int fd = openat(store->fd, name, flags);
    return fd >= 0 || errno != ENOENT ? fd : openat(store->kept_fd, name, flags);
}

enum err image_store_open(struct image_store *store, const char *name, struct image_file *out)
{
    const struct image_kind *kind = image_kind_of_name(name);
    if (!kind)
        return ERR_NOT_FOUND;
    const int fd = open_picture(store, name);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP || errno == ENXIO ? ERR_NOT_FOUND : ERR_IO;
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
        close(fd);
        return ERR_NOT_FOUND;
    }
    *out = (struct image_file){
        .fd = fd,
        .size = (uint64_t)status.st_size,
        .modified_s = status.st_mtim.tv_sec,
        .content_type = kind->type,
    };
    return OK;
}

static enum err move_to_kept(struct image_store *store, const char *name)
{
    if (renameat(store->fd, name, store->kept_fd, name) == 0 || errno == ENOENT)
        return fsync(store->kept_fd) == 0 ? OK : ERR_IO;
    return ERR_IO;
}

/* First the bytes, then the name: at no moment does kept/ name what is not there. */
enum err image_store_keep(struct image_store *store, const char *name)
{
    struct image_file file;
    enum err err = image_store_open(store, name, &file);
    if (err != OK)
        return err;
    err = fsync(file.fd) == 0 ? OK : ERR_IO;
    close(file.fd);
    if (err == OK)
        err = move_to_kept(store, name);
    if (err != OK)
        return err;
    return faccessat(store->kept_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? OK : ERR_NOT_FOUND;
}

/* --- its life --------------------------------------------------------------------------------- */

static void make_parent(const char *directory)
{
    char *parent = strdup(directory);
    if (!parent)
        abort();
    size_t length = strlen(parent);
    while (length > 0 && parent[length - 1] == '/')
        length--;
    while (length > 0 && parent[length - 1] != '/')
        length--;
    parent[length] = '\0';
    if (length > 0)
        (void)mkdir(parent, 0755); /* if it fails, so does what follows */
    free(parent);
}

static int open_folder(const char *directory)
{
    if (mkdir(directory, 0755) != 0 && errno == ENOENT) {
        make_parent(directory);
        (void)mkdir(directory, 0755);
    }
    return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_kept(int folder)
{
    if (mkdirat(folder, "kept", 0755) != 0 && errno != EEXIST)
        return -1;
    return openat(folder, "kept", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Moves a file the way that pictures go: to be told now if that cannot be done. */
static enum err try_out(const struct image_store *store)
{
    char temp[IMAGE_NAME_BYTES];
    image_name_temp(temp);
    const int fd = openat(store->fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return ERR_IO;
    close(fd);
    if (renameat(store->fd, temp, store->kept_fd, temp) == 0)
        return unlinkat(store->kept_fd, temp, 0) == 0 ? OK : ERR_IO;
    const int number = errno;
    unlinkat(store->fd, temp, 0);
    errno = number;
    return ERR_IO;
}

static void close_folders(struct image_store *store)
{
    if (store->fd >= 0)
        close(store->fd);
    if (store->kept_fd >= 0)
        close(store->kept_fd);
}

enum err image_store_init(struct image_store *store, struct loop *loop, const char *directory,
                          uint64_t bytes_max, struct error *error)
{
    *store = (struct image_store){
        .loop = loop, .directory = directory, .bytes_max = bytes_max, .fd = -1, .kept_fd = -1};
    store->fd = open_folder(directory);
    if (store->fd >= 0)
        store->kept_fd = open_kept(store->fd);
    if (store->kept_fd < 0 || survey(store, NULL, true) != OK || try_out(store) != OK) {
        const int number = errno;
        close_folders(store);
        return error_set(error, ERR_UNAVAILABLE, "IMAGE_DIR: cannot keep pictures in %s: %s",
                         directory, strerror(number));
    }
    if (uv_mutex_init(&store->lock) != 0)
        abort();
    return OK;
}

void image_store_clear(struct image_store *store)
{
    assert(store->saves == 0);
    close_folders(store);
    uv_mutex_destroy(&store->lock);
}
