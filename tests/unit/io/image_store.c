/*
 * Small pictures in a folder of their own, with write, renameat and unlinkat of the worker threads
 * stopped where a test wants to come in between. After each test: the count is that of the
 * files, nothing half-written is left, and no descriptor.
 */
#include "io/image_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PICTURE_BYTES = 1000, QUOTA = 3500, SAVES_MAX = 8, LARGE_BYTES = 1 << 20 };

static struct {
    struct loop loop;
    struct image_store store;
    struct image_save saves[SAVES_MAX];
    char pictures[SAVES_MAX][PICTURE_BYTES];
    size_t unfinished;
    char directory[64];
    size_t descriptors;
} world;

/* ---- system calls ---- */

static struct {
    pthread_barrier_t *at_write;              /* those who have written meet here */
    void (*on_write)(void);                   /* on a worker thread, when all is written */
    void (*before_unlink)(const char *name);  /* of a picture */
    void (*before_publish)(const char *name); /* right before a picture gets its name */
    int write_error, rename_error, sync_error;
    size_t syncs;
} hooks;

ssize_t write(int fd, const void *bytes, size_t length)
{
    const ssize_t written = syscall(SYS_write, fd, bytes, length);
    if (length < PICTURE_BYTES) /* libuv's, to wake the loop */
        return written;
    if (hooks.at_write)
        pthread_barrier_wait(hooks.at_write);
    if (hooks.on_write)
        hooks.on_write();
    if (hooks.write_error) {
        errno = hooks.write_error;
        return -1;
    }
    return written;
}

int fsync(int fd)
{
    hooks.syncs++;
    if (hooks.sync_error) {
        errno = hooks.sync_error;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int unlinkat(int fd, const char *name, int flags)
{
    if (hooks.before_unlink && name[0] != '.')
        hooks.before_unlink(name);
    return (int)syscall(SYS_unlinkat, fd, name, flags);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    if (hooks.before_publish && from[0] == '.')
        hooks.before_publish(to);
    if (hooks.rename_error) {
        errno = hooks.rename_error;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

/* ---- the folder ---- */

static const char *path_of(const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", world.directory, name);
    return path;
}

static bool exists(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static bool is_kept(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "kept/%s", name);
    return exists(path);
}

/* Entries of a folder below ours but for "." and ".."; their sizes are added up. */
static size_t count_entries(const char *path, uint64_t *bytes)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));) {
        struct stat status;
        assert_int_equal(fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW), 0);
        if (S_ISREG(status.st_mode))
            *bytes += (uint64_t)status.st_size;
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(directory);
    return count;
}

/* Pictures in both folders, and nothing else, all of them counted. */
static size_t count_pictures(void)
{
    uint64_t bytes = 0;
    const size_t above = count_entries(world.directory, &bytes) - 1; /* without kept/ */
    const size_t kept = count_entries(path_of("kept"), &bytes);
    assert_int_equal(world.store.bytes, bytes);
    assert_int_equal(world.store.bytes_due, 0);
    return above + kept;
}

static void write_file(const char *name, size_t length)
{
    const int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)length), 0);
    close(fd);
}

static void grow_old(const char *name, int hours)
{
    const struct timespec times[2] = {{time(NULL) - hours * 3600, 0},
                                      {time(NULL) - hours * 3600, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, AT_SYMLINK_NOFOLLOW), 0);
}

/* ---- the world ---- */

static void make_pictures(void)
{
    for (size_t i = 0; i < SAVES_MAX; i++) {
        memset(world.pictures[i], (int)i, PICTURE_BYTES);
        memcpy(world.pictures[i], "\x89PNG\r\n\x1a\n", 8);
    }
}

static enum err open_store(uint64_t quota, struct error *error)
{
    return image_store_init(&world.store, &world.loop, world.directory, quota, error);
}

static int begin(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    memset(&hooks, 0, sizeof(hooks));
    make_pictures();
    strcpy(world.directory, "/tmp/images-test-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    uint64_t bytes;
    world.descriptors = count_entries("/proc/self/fd", &bytes);
    assert_int_equal(loop_init(&world.loop), OK);
    struct error error = {0};
    assert_int_equal(open_store(QUOTA, &error), OK);
    return 0;
}

static void remove_all(const char *path)
{
    char command[PATH_MAX];
    snprintf(command, sizeof(command), "rm -r '%s'", path);
    assert_int_equal(system(command), 0);
}

static int end(void **state)
{
    (void)state;
    count_pictures();
    image_store_clear(&world.store);
    loop_clear(&world.loop);
    uint64_t bytes;
    assert_int_equal(count_entries("/proc/self/fd", &bytes), world.descriptors);
    remove_all(world.directory);
    return 0;
}

static void on_finish(struct op *op, void *context)
{
    (void)op, (void)context;
    if (--world.unfinished == 0)
        loop_stop(&world.loop);
}

static void start_bytes(size_t index, const char *bytes, size_t length)
{
    world.unfinished++;
    image_save_start(&world.saves[index], root(&world.loop, on_finish, NULL), &world.store, bytes,
                     length);
    assert_false(op_finished(&world.saves[index].op));
}

static void start(size_t index)
{
    start_bytes(index, world.pictures[index], PICTURE_BYTES);
}

static enum err result(size_t index)
{
    assert_true(op_finished(&world.saves[index].op));
    return op_error(&world.saves[index].op)->code;
}

static enum err save_bytes(size_t index, const char *bytes, size_t length)
{
    start_bytes(index, bytes, length);
    loop_run(&world.loop);
    return result(index);
}

static enum err save(size_t index)
{
    return save_bytes(index, world.pictures[index], PICTURE_BYTES);
}

static const char *name_of(size_t index)
{
    return world.saves[index].name;
}

/* ---- saving and finding ---- */

static void a_picture_is_saved_and_found(void **state)
{
    (void)state;
    assert_int_equal(save(1), OK);
    assert_int_equal(strlen(name_of(1)), 36);
    struct image_file file;
    assert_int_equal(image_store_open(&world.store, name_of(1), &file), OK);
    assert_int_equal(file.size, PICTURE_BYTES);
    assert_string_equal(file.content_type, "image/png");
    assert_true(labs((long)(time(NULL) - file.modified_s)) < 60);
    assert_int_equal(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
    char bytes[PICTURE_BYTES + 1];
    assert_int_equal(read(file.fd, bytes, sizeof(bytes)), PICTURE_BYTES);
    assert_memory_equal(bytes, world.pictures[1], PICTURE_BYTES);
    close(file.fd);
    struct stat status;
    assert_int_equal(stat(path_of(name_of(1)), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0644);
    assert_int_equal(count_pictures(), 1);
}

static void names_come_from_the_bytes(void **state)
{
    (void)state;
    assert_int_equal(save_bytes(0, "\xff\xd8\xff", 3), OK);
    assert_string_equal(name_of(0), "6e568e1f67fba258184c78181539e5e8.jpg");
    assert_int_equal(save_bytes(1, "RIFF\x04\0\0\0WEBP", 12), OK);
    assert_string_equal(name_of(1) + 32, ".webp");
    static const struct {
        const char *bytes;
        size_t length;
    } none[] = {{"", 0},
                {"\x89PNG\r\n\x1a", 7},
                {"\xff\xd8", 2},
                {"RIFF\x04\0\0\0WEB", 11},
                {"RIFF\x04\0\0\0WAVE", 12},
                {"GIF89a......", 12},
                {"<html></html>", 13}};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_null(image_type_of(none[i].bytes, none[i].length));
        assert_int_equal(save_bytes(2, none[i].bytes, none[i].length), ERR_SYNTAX);
    }
    assert_string_equal(image_type_of("\xff\xd8\xff", 3), "image/jpeg");
    assert_string_equal(image_type_of("RIFF\x04\0\0\0WEBP", 12), "image/webp");
    assert_int_equal(count_pictures(), 2);
}

static void other_names_are_not_found(void **state)
{
    (void)state;
    assert_int_equal(save(1), OK);
    static const char *const names[] = {
        "",
        ".",
        "..",
        "kept",
        "/etc/passwd",
        "../passwd",
        ".0123456789abcdef.tmp",
        "0123456789abcdef0123456789abcdef.png", /* is not there */
        "0123456789abcdef0123456789abcdef.gif",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef.png/",
        "0123456789abcdef0123456789abcde.png",
        "0123456789abcdef0123456789abcdef0.png",
        "0123456789ABCDEF0123456789ABCDEF.png",
        "kept/0123456789abcdef0123456789abcdef.png",
        "0123456789abcdef0123456789abcdef.pngx",
    };
    struct image_file file;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(image_store_open(&world.store, names[i], &file), ERR_NOT_FOUND);
        assert_int_equal(image_store_keep(&world.store, names[i]), ERR_NOT_FOUND);
    }
}

static void only_plain_files_are_opened(void **state)
{
    (void)state;
    static const char link[] = "00000000000000000000000000000001.png";
    static const char pipe[] = "00000000000000000000000000000002.png";
    static const char folder[] = "00000000000000000000000000000003.png";
    assert_int_equal(symlink("/etc/passwd", path_of(link)), 0);
    assert_int_equal(mkfifo(path_of(pipe), 0644), 0);
    assert_int_equal(mkdir(path_of(folder), 0755), 0);
    struct image_file file;
    assert_int_equal(image_store_open(&world.store, link, &file), ERR_NOT_FOUND);
    assert_int_equal(image_store_open(&world.store, pipe, &file), ERR_NOT_FOUND);
    assert_int_equal(image_store_open(&world.store, folder, &file), ERR_NOT_FOUND);
}

static void equal_pictures_are_one_file(void **state)
{
    (void)state;
    assert_int_equal(save(1), OK);
    grow_old(name_of(1), 5);
    assert_int_equal(save_bytes(2, world.pictures[1], PICTURE_BYTES), OK);
    assert_string_equal(name_of(2), name_of(1));
    assert_int_equal(count_pictures(), 1);
    struct image_file file;
    assert_int_equal(image_store_open(&world.store, name_of(1), &file), OK);
    assert_true(time(NULL) - file.modified_s < 60); /* young again */
    close(file.fd);

    assert_int_equal(image_store_keep(&world.store, name_of(1)), OK);
    assert_int_equal(save_bytes(2, world.pictures[1], PICTURE_BYTES), OK);
    assert_int_equal(count_pictures(), 1);
}

/* All of them are written before the first gets its name. */
static void equal_pictures_at_once_are_one_file(void **state)
{
    (void)state;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 3);
    hooks.at_write = &barrier;
    for (size_t i = 0; i < 3; i++)
        start_bytes(i, world.pictures[0], PICTURE_BYTES);
    loop_run(&world.loop);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(result(i), OK);
        assert_string_equal(name_of(i), name_of(0));
    }
    assert_int_equal(count_pictures(), 1);
    pthread_barrier_destroy(&barrier);
}

/* ---- the quota ---- */

static void the_oldest_go_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(save(i), OK);
    grow_old(name_of(0), 2);
    grow_old(name_of(1), 4);
    grow_old(name_of(2), 3);
    assert_int_equal(save(3), OK);
    assert_false(exists(name_of(1)));
    assert_int_equal(count_pictures(), 3);
    assert_int_equal(save(4), OK);
    assert_false(exists(name_of(2)));
    assert_int_equal(save(5), OK);
    assert_false(exists(name_of(0)));
    assert_int_equal(count_pictures(), 3);
    assert_int_equal(save(6), ERR_NO_SPACE); /* all young */
    assert_int_equal(count_pictures(), 3);
    assert_int_equal(save(5), OK); /* which is there */
}

static void the_young_stay(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(save(i), OK);
    const struct timespec future[2] = {{time(NULL) + 100000, 0}, {time(NULL) + 100000, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path_of(name_of(1)), future, 0), 0);
    assert_int_equal(save(3), ERR_NO_SPACE);
    assert_true(*op_error(&world.saves[3].op)->detail != '\0');
    assert_int_equal(count_pictures(), 3);
    grow_old(name_of(2), 1);
    assert_int_equal(save(3), OK);
    assert_false(exists(name_of(2)));
}

static void the_kept_stay(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(save(i), OK);
        grow_old(name_of(i), 5);
        assert_int_equal(image_store_keep(&world.store, name_of(i)), OK);
        assert_int_equal(image_store_keep(&world.store, name_of(i)), OK);
        assert_true(is_kept(name_of(i)));
    }
    assert_int_equal(save(3), ERR_NO_SPACE);
    assert_int_equal(count_pictures(), 3);
    struct image_file file;
    assert_int_equal(image_store_open(&world.store, name_of(0), &file), OK);
    close(file.fd);
}

static void what_is_too_large_removes_nothing_young(void **state)
{
    (void)state;
    assert_int_equal(save(0), OK);
    char large[QUOTA + 1];
    memset(large, 7, sizeof(large));
    memcpy(large, "\xff\xd8\xff", 3);
    assert_int_equal(save_bytes(1, large, QUOTA + 1), ERR_NO_SPACE);
    assert_int_equal(count_pictures(), 1);
}

/* More than one walk finds. */
static void many_small_ones_go_for_a_large_one(void **state)
{
    (void)state;
    for (int i = 0; i < 700; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%032x.jpg", i);
        write_file(name, 5);
        grow_old(name, 2 + i);
    }
    char large[QUOTA];
    memset(large, 7, sizeof(large));
    memcpy(large, "\xff\xd8\xff", 3);
    image_store_clear(&world.store);
    struct error error = {0};
    assert_int_equal(open_store(QUOTA, &error), OK);
    assert_int_equal(world.store.bytes, QUOTA);
    assert_int_equal(save_bytes(1, large, QUOTA - 1000), OK);
    assert_true(world.store.bytes <= QUOTA);
    assert_false(exists("000000000000000000000000000002bb.jpg")); /* the oldest */
    assert_true(exists("00000000000000000000000000000000.jpg"));  /* the youngest */
    assert_in_range(count_pictures(), 150, 201); /* what had to go, and a little more */
}

static void what_was_removed_by_hand_is_not_missed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(save(i), OK);
    assert_int_equal(unlink(path_of(name_of(1))), 0);
    assert_int_equal(save(3), OK);
    assert_int_equal(count_pictures(), 3);
    assert_int_equal(image_store_keep(&world.store, name_of(1)), ERR_NOT_FOUND);
}

static void bytes_under_way_count(void **state)
{
    (void)state;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 3);
    hooks.at_write = &barrier; /* lets three through, and no others come there */
    for (size_t i = 0; i < 5; i++)
        start(i);
    loop_run(&world.loop);
    size_t saved = 0;
    for (size_t i = 0; i < 5; i++) {
        assert_true(result(i) == OK || result(i) == ERR_NO_SPACE);
        saved += result(i) == OK;
    }
    assert_int_equal(saved, 3);
    assert_int_equal(count_pictures(), 3);
    pthread_barrier_destroy(&barrier);
}

/* ---- keeping, while others are at work ---- */

static void keep_it(const char *name)
{
    assert_int_equal(image_store_keep(&world.store, name), OK);
}

static void keeping_wins_over_a_removal_that_is_late(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(save(i), OK);
        grow_old(name_of(i), 5 - (int)i);
    }
    hooks.before_unlink = keep_it; /* whatever is to go is kept at the last moment */
    assert_int_equal(save(3), ERR_NO_SPACE);
    for (size_t i = 0; i < 3; i++)
        assert_true(is_kept(name_of(i)));
    assert_int_equal(count_pictures(), 3);
}

static void keeping_what_has_gone_says_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(save(i), OK);
        grow_old(name_of(i), 5 - (int)i);
    }
    assert_int_equal(save(3), OK);
    assert_int_equal(image_store_keep(&world.store, name_of(0)), ERR_NOT_FOUND);
    assert_int_equal(image_store_keep(&world.store, name_of(1)), OK);
    struct image_file file;
    assert_int_equal(image_store_open(&world.store, name_of(0), &file), ERR_NOT_FOUND);
}

/* Somebody else saves the same and keeps it. */
static void be_faster(void)
{
    char path[128];
    snprintf(path, sizeof(path), "kept/%s", name_of(0));
    write_file(path, PICTURE_BYTES);
    world.store.bytes += PICTURE_BYTES;
}

static void an_equal_of_a_kept_one_is_no_second_file(void **state)
{
    (void)state;
    hooks.on_write = be_faster;
    assert_int_equal(save(0), OK);
    assert_true(is_kept(name_of(0)));
    assert_int_equal(count_pictures(), 1);
}

static void what_is_kept_is_on_the_disk(void **state)
{
    (void)state;
    assert_int_equal(save(0), OK);
    assert_int_equal(hooks.syncs, 0);
    hooks.sync_error = EIO;
    assert_int_equal(image_store_keep(&world.store, name_of(0)), ERR_IO);
    hooks.sync_error = 0;
    hooks.rename_error = EIO;
    assert_int_equal(image_store_keep(&world.store, name_of(0)), ERR_IO);
    hooks.rename_error = 0;
    hooks.syncs = 0;
    assert_int_equal(image_store_keep(&world.store, name_of(0)), OK);
    assert_int_equal(hooks.syncs, 2); /* the bytes, and the name */
    assert_true(is_kept(name_of(0)));
}

/* As the system may leave it behind: the name, without the bytes. */
static void what_a_power_cut_left_empty_is_no_picture(void **state)
{
    (void)state;
    assert_int_equal(save(0), OK);
    assert_int_equal(truncate(path_of(name_of(0)), 0), 0);
    struct image_file file;
    assert_int_equal(image_store_open(&world.store, name_of(0), &file), ERR_NOT_FOUND);
    assert_int_equal(image_store_keep(&world.store, name_of(0)), ERR_NOT_FOUND);
    world.store.bytes = 0; /* as counted at the next start */
    assert_int_equal(save(0), OK);
    assert_int_equal(image_store_open(&world.store, name_of(0), &file), OK);
    assert_int_equal(file.size, PICTURE_BYTES);
    close(file.fd);
    assert_int_equal(count_pictures(), 1);
}

/* ---- cancel ---- */

static void cancel_saves(void)
{
    /* What op_cancel does to a job that runs; the operation itself is the loop's. */
    for (size_t i = 0; i < SAVES_MAX; i++)
        atomic_store(&world.saves[i].work.cancel, true);
}

static void cancel_late(const char *name)
{
    (void)name;
    cancel_saves();
}

static void a_cancelled_save_leaves_nothing(void **state)
{
    (void)state;
    start(0);
    op_cancel(&world.saves[0].op); /* before anything */
    loop_run(&world.loop);
    assert_int_equal(result(0), ERR_CANCELLED);
    assert_int_equal(count_pictures(), 0);

    hooks.on_write = cancel_saves; /* all is written, nothing has its name */
    assert_int_equal(save(1), ERR_CANCELLED);
    assert_int_equal(count_pictures(), 0);
}

/* Wherever it is: queued, writing, or done. */
static void a_cancel_after_any_round_leaves_nothing_half_written(void **state)
{
    (void)state;
    world.store.bytes_max = 64 * LARGE_BYTES;
    char *large = calloc(1, LARGE_BYTES);
    for (int rounds = 0; rounds < 20; rounds++) {
        snprintf(large, LARGE_BYTES, "\xff\xd8\xff%d", rounds);
        start_bytes(0, large, LARGE_BYTES);
        for (int i = 0; i < rounds && !op_finished(&world.saves[0].op); i++)
            uv_run(&world.loop.uv, UV_RUN_NOWAIT);
        const bool finished = op_finished(&world.saves[0].op);
        op_cancel(&world.saves[0].op);
        if (!finished)
            loop_run(&world.loop);
        assert_true(result(0) == ERR_CANCELLED || result(0) == OK);
        count_pictures();
    }
    free(large);
}

/* Too late: it is there, whole, whatever the operation says. */
static void a_late_cancel_leaves_a_whole_picture(void **state)
{
    (void)state;
    hooks.before_publish = cancel_late;
    assert_int_equal(save(0), OK);
    assert_int_equal(count_pictures(), 1);
}

/* ---- faults ---- */

static void a_full_disk_is_no_space(void **state)
{
    (void)state;
    hooks.write_error = EDQUOT;
    assert_int_equal(save(0), ERR_NO_SPACE);
    hooks.write_error = EIO;
    assert_int_equal(save(0), ERR_IO);
    hooks.write_error = 0;
    hooks.rename_error = ENOSPC;
    assert_int_equal(save(0), ERR_NO_SPACE);
    hooks.rename_error = EIO;
    assert_int_equal(save(0), ERR_IO);
    hooks.rename_error = 0;

    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){500, before.rlim_max}), 0);
    const enum err err = save(0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(err, ERR_NO_SPACE);
    assert_int_equal(count_pictures(), 0);
    assert_int_equal(save(0), OK);
}

static bool may_mount;

static void a_full_file_system_is_no_space(void **state)
{
    (void)state;
    image_store_clear(&world.store);
    const bool mounted = may_mount && mount("tmpfs", world.directory, "tmpfs", 0, "size=512k") == 0;
    struct error error = {0};
    assert_int_equal(open_store(2 * LARGE_BYTES, &error), OK);
    char *large = calloc(1, LARGE_BYTES);
    memcpy(large, "\xff\xd8\xff", 3);
    const enum err err = mounted ? save_bytes(0, large, LARGE_BYTES) : ERR_NO_SPACE;
    free(large);
    assert_int_equal(err, ERR_NO_SPACE);
    assert_int_equal(count_pictures(), 0);
    image_store_clear(&world.store);
    if (mounted)
        assert_int_equal(umount2(world.directory, 0), 0);
    assert_int_equal(open_store(QUOTA, &error), OK);
    if (!mounted)
        skip();
}

static void a_folder_that_goes_away_is_an_error(void **state)
{
    (void)state;
    remove_all(world.directory);
    assert_int_equal(save(0), ERR_IO);
    struct image_file file;
    assert_int_equal(image_store_open(&world.store, name_of(0), &file), ERR_NOT_FOUND);
    image_store_clear(&world.store);
    struct error error = {0};
    assert_int_equal(open_store(QUOTA, &error), OK); /* made anew */
    assert_int_equal(save(0), OK);
}

/* ---- its life ---- */

static void what_is_there_is_counted(void **state)
{
    (void)state;
    static const char temp[] = ".0123456789abcdef.tmp",
                      others[][40] = {"notes.txt", ".0123456789abcde.tmp", ".0123456789abcdef.tmp2",
                                      "0123456789abcdef0123456789abcdef.gif"};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(save(i), OK);
    assert_int_equal(image_store_keep(&world.store, name_of(1)), OK);
    image_store_clear(&world.store);
    write_file(temp, 100);
    for (size_t i = 0; i < 4; i++)
        write_file(others[i], 100);
    struct error error = {0};
    assert_int_equal(open_store(QUOTA, &error), OK);
    assert_int_equal(world.store.bytes, 2 * PICTURE_BYTES);
    assert_false(exists(temp));
    for (size_t i = 0; i < 4; i++) {
        assert_true(exists(others[i]));
        assert_int_equal(unlink(path_of(others[i])), 0);
    }
    struct image_file file;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(image_store_open(&world.store, name_of(i), &file), OK);
        close(file.fd);
    }
    assert_int_equal(save(2), OK);
    assert_int_equal(save(3), ERR_NO_SPACE);
}

static void two_levels_are_made(void **state)
{
    (void)state;
    char path[128];
    struct image_store store;
    struct error error = {0};
    snprintf(path, sizeof(path), "%s/a/b/", world.directory);
    assert_int_equal(image_store_init(&store, &world.loop, path, QUOTA, &error), OK);
    image_store_clear(&store);
    assert_true(exists("a/b/kept"));
    snprintf(path, sizeof(path), "%s/c/d/e", world.directory);
    assert_int_equal(image_store_init(&store, &world.loop, path, QUOTA, &error), ERR_UNAVAILABLE);
    assert_false(exists("c"));

    char before[PATH_MAX];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(world.directory), 0);
    assert_int_equal(image_store_init(&store, &world.loop, "r/s", QUOTA, &error), OK);
    image_store_clear(&store);
    assert_int_equal(chdir(before), 0);
    assert_true(exists("r/s/kept"));
    remove_all(path_of("a"));
    remove_all(path_of("r"));
}

static void a_bad_folder_is_told_at_once(void **state)
{
    (void)state;
    char under_a_file[128];
    write_file("plain", 0);
    snprintf(under_a_file, sizeof(under_a_file), "%s/plain/x", world.directory);
    const char *const bad[] = {under_a_file, "/proc/self", "", path_of("plain")};
    struct image_store store;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error error = {0};
        assert_int_equal(image_store_init(&store, &world.loop, bad[i], QUOTA, &error),
                         ERR_UNAVAILABLE);
        assert_non_null(strstr(error.detail, "IMAGE_DIR"));
    }
    assert_int_equal(unlink(path_of("plain")), 0);

    hooks.rename_error = EROFS;
    struct error error = {0};
    assert_int_equal(image_store_init(&store, &world.loop, world.directory, QUOTA, &error),
                     ERR_UNAVAILABLE);
    hooks.rename_error = 0;
    assert_int_equal(count_pictures(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* Mounts private to this program, before it has threads, which would not share them. */
static int begin_all(void **state)
{
    (void)state;
    may_mount =
        unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
    work_init_threads();
    struct loop loop; /* opens what libuv keeps for good */
    assert_int_equal(loop_init(&loop), OK);
    loop_clear(&loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_picture_is_saved_and_found),
        TEST(names_come_from_the_bytes),
        TEST(other_names_are_not_found),
        TEST(only_plain_files_are_opened),
        TEST(equal_pictures_are_one_file),
        TEST(equal_pictures_at_once_are_one_file),
        TEST(the_oldest_go_first),
        TEST(the_young_stay),
        TEST(the_kept_stay),
        TEST(what_is_too_large_removes_nothing_young),
        TEST(many_small_ones_go_for_a_large_one),
        TEST(what_was_removed_by_hand_is_not_missed),
        TEST(bytes_under_way_count),
        TEST(keeping_wins_over_a_removal_that_is_late),
        TEST(keeping_what_has_gone_says_so),
        TEST(an_equal_of_a_kept_one_is_no_second_file),
        TEST(what_is_kept_is_on_the_disk),
        TEST(what_a_power_cut_left_empty_is_no_picture),
        TEST(a_cancelled_save_leaves_nothing),
        TEST(a_cancel_after_any_round_leaves_nothing_half_written),
        TEST(a_late_cancel_leaves_a_whole_picture),
        TEST(a_full_disk_is_no_space),
        TEST(a_full_file_system_is_no_space),
        TEST(a_folder_that_goes_away_is_an_error),
        TEST(what_is_there_is_counted),
        TEST(two_levels_are_made),
        TEST(a_bad_folder_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, begin_all, NULL);
}
