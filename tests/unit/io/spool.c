/*
 * Files of known bytes, given to the spool piece by piece by uploads that behave as exchanges do:
 * they ask for room, wait where there is none, and go on in a later round once they were told.
 * After each event: no more memory than allowed, and an empty directory. After each test: no
 * descriptor left.
 */
#include "io/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    MEMORY_MAX = SPOOL_MEMORY_MIN,
    MEMORY_PLENTY = 16 << 20,        /* so that it is never tight */
    SMALL_BYTES = SPOOL_CHUNK_BYTES, /* the most that stays in memory */
    LARGE_BYTES = 1 << 20,
    FILES = 64,
    ROUNDS_MAX = 1000 * 1000, /* a test that needs more is stuck */
};

static struct {
    struct loop loop;
    struct spool spool;
    char directory[64];
    size_t descriptors;
    size_t settled; /* times on_settled was called */
    unsigned random;
} world;

static char pattern[LARGE_BYTES];

static unsigned random_below(unsigned limit)
{
    world.random = world.random * 1664525u + 1013904223u;
    return (world.random >> 8) % limit;
}

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void check_limits(void)
{
    assert_true(world.spool.memory_used <= world.spool.memory_max);
    assert_int_equal(count_entries(world.directory), 2); /* itself and its parent */
    size_t held = 0, allocated = 0;
    for (const struct spool_file *file = world.spool.files; file; file = file->next) {
        held += file->chunk.length + file->writing.length;
        allocated += file->chunk.capacity + file->writing.capacity;
    }
    assert_int_equal(held, world.spool.memory_used);
    assert_true(allocated <= 2 * world.spool.memory_max); /* a buffer doubles as it grows */
}

static void begin(void)
{
    memset(&world, 0, sizeof(world));
    world.random = 5;
    strcpy(world.directory, "/tmp/spool-test-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    world.descriptors = count_entries("/proc/self/fd");
    assert_int_equal(loop_init(&world.loop), OK);
    struct error error = {0};
    assert_int_equal(spool_init(&world.spool, &world.loop, world.directory, MEMORY_MAX, &error),
                     OK);
}

static void run_round(void)
{
    uv_run(&world.loop.uv, UV_RUN_NOWAIT);
    check_limits();
}

static void end(void)
{
    loop_run(&world.loop);
    assert_int_equal(world.spool.memory_used, 0);
    check_limits();
    spool_clear(&world.spool);
    loop_clear(&world.loop);
    assert_int_equal(count_entries("/proc/self/fd"), world.descriptors);
    assert_int_equal(rmdir(world.directory), 0);
}

static void on_settled(struct spool_file *file)
{
    assert_true(spool_file_settled(file));
    world.settled++;
}

static struct spool_file *file_of_at_most(uint64_t bytes)
{
    struct spool_file *file = spool_file_new(&world.spool, bytes);
    file->on_settled = on_settled;
    return file;
}

/* One that goes to disk when it outgrows a chunk. */
static struct spool_file *file_new(void)
{
    return file_of_at_most(UINT64_MAX);
}

/* Bytes of the pattern from where the file has got to. */
static void append(struct spool_file *file, size_t length)
{
    assert_true(world.spool.memory_used + length <= world.spool.memory_max);
    spool_file_append(file, pattern + file->size, length);
    check_limits();
}

static void wait_for_room(const struct spool_file *file, size_t length)
{
    for (size_t rounds = 0; !spool_room(&world.spool, NULL, file, length); rounds++) {
        assert_true(rounds < ROUNDS_MAX);
        run_round();
    }
}

/* `length` bytes in pieces of at most `piece`. */
static void fill(struct spool_file *file, size_t length, size_t piece)
{
    while (length > 0) {
        const size_t part = length < piece ? length : piece;
        wait_for_room(file, part);
        append(file, part);
        length -= part;
    }
}

static void wait_until_settled(const struct spool_file *file)
{
    for (size_t rounds = 0; !spool_file_settled(file); rounds++) {
        assert_true(rounds < ROUNDS_MAX);
        run_round();
    }
}

/* The file holds the first `length` bytes of the pattern, by each way of reading it. */
static void check_contents(struct spool_file *file, size_t length)
{
    assert_true(spool_file_settled(file));
    assert_int_equal(file->error.code, OK);
    assert_int_equal(file->size, length);
    unsigned char expected[SHA256_BYTES];
    assert_int_equal(EVP_Digest(pattern, length, expected, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(file->sha256, expected, SHA256_BYTES);

    char *bytes = malloc(length + 16);
    assert_int_equal(spool_file_read(file, 0, bytes, length + 16), length);
    assert_memory_equal(bytes, pattern, length);
    const size_t middle = length / 2;
    assert_int_equal(spool_file_read(file, middle, bytes, length), length - middle);
    assert_memory_equal(bytes, pattern + middle, length - middle);
    assert_int_equal(spool_file_read(file, length, bytes, 16), 0);
    assert_int_equal(spool_file_read(file, length + 1000, bytes, 16), 0);

    for (int again = 0; again < 2; again++) {
        const int fd = spool_file_fd(file);
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        struct stat status;
        assert_int_equal(fstat(fd, &status), 0);
        assert_int_equal(status.st_size, length);
        assert_int_equal(status.st_nlink, 0); /* no name */
        assert_int_equal(read(fd, bytes, length + 16), length);
        assert_memory_equal(bytes, pattern, length);
    }
    assert_int_equal(spool_file_read(file, 0, bytes, length), length); /* still */
    free(bytes);
}

/* --- one file --------------------------------------------------------------------------------- */

static void test_small_file_stays_in_memory(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 4096, SMALL_BYTES - 1, SMALL_BYTES};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        begin();
        struct spool_file *file = file_new();
        fill(file, sizes[i], 10000);
        assert_int_equal(world.spool.memory_used, sizes[i]);
        spool_file_finish(file);
        assert_true(spool_file_settled(file)); /* at once: nobody has to be told */
        assert_int_equal(file->fd, -1);
        check_contents(file, sizes[i]);
        spool_file_free(file);
        assert_int_equal(world.settled, 0);
        end();
    }
}

static void test_large_file_goes_to_disk(void **state)
{
    (void)state;
    static const size_t sizes[] = {SMALL_BYTES + 1, 2 * SMALL_BYTES, 2 * SMALL_BYTES + 1,
                                   300 * 1000, LARGE_BYTES};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        begin();
        struct spool_file *file = file_new();
        fill(file, sizes[i], SPOOL_PIECE_MAX);
        spool_file_finish(file);
        assert_false(spool_file_settled(file)); /* never inside the call */
        wait_until_settled(file);
        assert_int_equal(world.settled, 1);
        assert_true(file->fd >= 0);
        assert_int_equal(world.spool.memory_used, 0);
        check_contents(file, sizes[i]);
        spool_file_free(file);
        end();
    }
}

/* While there is plenty of room. */
static void test_larger_file_stays_in_memory(void **state)
{
    (void)state;
    static const size_t sizes[] = {SMALL_BYTES + 1, 300 * 1000, LARGE_BYTES};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        begin();
        world.spool.memory_max = MEMORY_PLENTY;
        world.spool.stay_max = LARGE_BYTES;
        struct spool_file *file = file_of_at_most(LARGE_BYTES);
        fill(file, sizes[i], 10000);
        spool_file_finish(file);
        assert_false(spool_file_settled(file)); /* hashed by a worker */
        wait_until_settled(file);
        assert_int_equal(world.settled, 1);
        assert_int_equal(file->fd, -1);
        assert_int_equal(world.spool.memory_used, sizes[i]);
        check_contents(file, sizes[i]);
        spool_file_free(file);
        end();
    }
}

static void test_larger_file_goes_to_disk_where_others_fill_memory(void **state)
{
    (void)state;
    begin();
    world.spool.memory_max = MEMORY_PLENTY;
    world.spool.stay_max = LARGE_BYTES + SMALL_BYTES;
    struct spool_file *first = file_of_at_most(LARGE_BYTES), *second = file_of_at_most(LARGE_BYTES),
                      *small = file_of_at_most(SMALL_BYTES);
    fill(first, LARGE_BYTES, SPOOL_PIECE_MAX);
    fill(second, LARGE_BYTES, SPOOL_PIECE_MAX);
    fill(small, SMALL_BYTES, SPOOL_PIECE_MAX);
    assert_false(first->on_disk);
    assert_true(second->on_disk);
    assert_false(small->on_disk);
    struct spool_file *const all[] = {first, second, small};
    static const size_t sizes[] = {LARGE_BYTES, LARGE_BYTES, SMALL_BYTES};
    for (size_t i = 0; i < 3; i++) {
        spool_file_finish(all[i]);
        wait_until_settled(all[i]);
        check_contents(all[i], sizes[i]);
        spool_file_free(all[i]);
    }
    end();
}

/* All that it had in memory is written, in whole pages, when others have come to fill it. */
static void test_file_that_stayed_goes_to_disk_after_all(void **state)
{
    (void)state;
    begin();
    world.spool.memory_max = MEMORY_PLENTY;
    world.spool.stay_max = MEMORY_PLENTY;
    struct spool_file *file = file_of_at_most(SPOOL_STAY_BYTES);
    fill(file, LARGE_BYTES - 1000, SPOOL_PIECE_MAX);
    assert_false(file->on_disk);
    world.spool.stay_max = 0;
    append(file, 1);
    assert_true(file->on_disk);
    loop_run(&world.loop);
    struct stat status;
    assert_int_equal(fstat(file->fd, &status), 0);
    assert_int_equal(status.st_size, LARGE_BYTES - SPOOL_JOB_BYTES);
    assert_int_equal(world.spool.memory_used, SPOOL_JOB_BYTES - 999);
    fill(file, 999, 100);
    spool_file_finish(file);
    wait_until_settled(file);
    check_contents(file, LARGE_BYTES);
    spool_file_free(file);
    end();
}

static void test_file_too_large_to_stay_is_not_gathered(void **state)
{
    (void)state;
    begin();
    world.spool.memory_max = MEMORY_PLENTY;
    world.spool.stay_max = MEMORY_PLENTY;
    struct spool_file *file = file_of_at_most(SPOOL_STAY_BYTES + 1);
    fill(file, SMALL_BYTES, SPOOL_PIECE_MAX);
    assert_false(file->on_disk); /* it may yet turn out to be small */
    append(file, 1);
    assert_true(file->on_disk);
    spool_file_free(file);
    end();
}

/* What it held goes at once, be it in memory, on disk, or in a child's copy; then it is freed, at
 * whatever moment. */
static void test_drop(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        uint64_t at_most;
        bool has_copy;
    } cases[] = {{0, 0, false},
                 {SMALL_BYTES, SMALL_BYTES, false},
                 {SMALL_BYTES, SMALL_BYTES, true},
                 {LARGE_BYTES, LARGE_BYTES, false},
                 {LARGE_BYTES, UINT64_MAX, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t moment = 0; moment < 4; moment++) {
            begin();
            world.spool.memory_max = MEMORY_PLENTY;
            world.spool.stay_max = LARGE_BYTES;
            struct spool_file *file = file_of_at_most(cases[i].at_most);
            fill(file, cases[i].bytes, SPOOL_PIECE_MAX);
            spool_file_finish(file);
            wait_until_settled(file);
            if (cases[i].has_copy)
                assert_true(spool_file_fd(file) >= 0);
            const int fd = file->fd;
            spool_file_drop(file);
            assert_int_equal(world.spool.memory_used, 0);
            assert_int_equal(file->size, cases[i].bytes);
            for (size_t round = 0; round < moment; round++)
                run_round();
            if (moment == 3) {
                loop_run(&world.loop);
                assert_true(fd < 0 || fcntl(fd, F_GETFD) == -1);
            }
            spool_file_free(file);
            end();
        }
    }
}

static void test_free_while_it_is_hashed(void **state)
{
    (void)state;
    for (size_t moment = 0; moment < 4; moment++) {
        begin();
        world.spool.memory_max = MEMORY_PLENTY;
        world.spool.stay_max = LARGE_BYTES;
        struct spool_file *file = file_of_at_most(LARGE_BYTES);
        fill(file, LARGE_BYTES, SPOOL_PIECE_MAX);
        spool_file_finish(file);
        for (size_t round = 0; round < moment; round++)
            run_round();
        const size_t before = world.settled;
        spool_file_free(file);
        loop_run(&world.loop);
        assert_int_equal(world.settled, before);
        end();
    }
}

static void test_random_pieces(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        begin();
        world.random = seed;
        struct spool_file *file = file_of_at_most(seed % 3 ? UINT64_MAX : LARGE_BYTES);
        const size_t size = random_below(seed % 2 ? 3 * SMALL_BYTES : LARGE_BYTES);
        const unsigned piece_max = 1 + random_below(SPOOL_PIECE_MAX);
        while (file->size < size) {
            size_t piece = 1 + random_below(piece_max);
            if (piece > size - file->size)
                piece = size - (size_t)file->size;
            fill(file, piece, piece);
            if (random_below(4) == 0)
                spool_file_append(file, pattern, 0); /* nothing happens */
            if (random_below(3) == 0)
                run_round();
        }
        spool_file_finish(file);
        wait_until_settled(file);
        check_contents(file, size);
        spool_file_free(file);
        end();
    }
}

static void test_finish_after_all_was_written(void **state)
{
    (void)state;
    begin();
    struct spool_file *file = file_new();
    fill(file, SPOOL_JOB_BYTES, SPOOL_PIECE_MAX);
    loop_run(&world.loop); /* until nothing happens any more */
    assert_false(spool_file_settled(file));
    assert_int_equal(world.spool.memory_used, 0);
    spool_file_finish(file);
    assert_true(spool_file_settled(file));
    assert_int_equal(world.settled, 0);
    check_contents(file, SPOOL_JOB_BYTES);
    spool_file_free(file);
    end();
}

/* However the pieces fall, as long as memory is not tight. */
static void test_jobs_write_whole_pages(void **state)
{
    (void)state;
    begin();
    world.spool.memory_max = MEMORY_PLENTY;
    struct spool_file *file = file_new();
    for (size_t jobs = 1; jobs < LARGE_BYTES / SPOOL_JOB_BYTES; jobs++) {
        while (!file->busy)
            fill(file, 10007, 10007);
        const size_t rest = file->size % SPOOL_JOB_BYTES;
        loop_run(&world.loop);
        struct stat status;
        assert_int_equal(fstat(file->fd, &status), 0);
        assert_int_equal(status.st_size, jobs * SPOOL_JOB_BYTES);
        assert_int_equal(world.spool.memory_used, rest);
    }
    spool_file_finish(file);
    wait_until_settled(file);
    check_contents(file, (size_t)file->size);
    spool_file_free(file);
    end();
}

/* More than a job's bytes are left when the file ends. */
static void test_finish_with_more_than_a_job(void **state)
{
    (void)state;
    begin();
    world.spool.memory_max = MEMORY_PLENTY;
    struct spool_file *file = file_new();
    fill(file, SPOOL_JOB_BYTES, SPOOL_PIECE_MAX);
    assert_true(file->busy); /* until the loop runs */
    append(file, SPOOL_PIECE_MAX / 2);
    for (size_t i = 0; i < SPOOL_JOB_BYTES / SPOOL_PIECE_MAX; i++)
        append(file, SPOOL_PIECE_MAX);
    spool_file_finish(file);
    wait_until_settled(file);
    check_contents(file, 2 * SPOOL_JOB_BYTES + SPOOL_PIECE_MAX / 2);
    spool_file_free(file);
    end();
}

static void test_memory_is_given_back_when_it_was_written(void **state)
{
    (void)state;
    begin();
    struct spool_file *files[FILES];
    for (size_t i = 0; i < FILES; i++) {
        files[i] = file_new();
        fill(files[i], 3 * SMALL_BYTES, SPOOL_PIECE_MAX);
    }
    loop_run(&world.loop); /* all idle now: check_limits in end() looks at what they still hold */
    check_limits();
    for (size_t i = 0; i < FILES; i++)
        spool_file_free(files[i]);
    end();
}

/* --- freeing ---------------------------------------------------------------------------------- */

static void on_settled_frees(struct spool_file *file)
{
    world.settled++;
    spool_file_free(file);
}

static void test_free_at_each_moment(void **state)
{
    (void)state;
    spool_file_free(NULL);
    for (size_t moment = 0; moment < 12; moment++) {
        for (int finishing = 0; finishing < 2; finishing++) {
            begin();
            struct spool_file *file = file_new();
            fill(file, 5 * SPOOL_JOB_BYTES / 4, SPOOL_PIECE_MAX);
            assert_true(file->busy);
            if (finishing)
                spool_file_finish(file);
            for (size_t round = 0; round < moment; round++)
                run_round();
            const size_t before = world.settled;
            spool_file_free(file);
            loop_run(&world.loop);
            assert_int_equal(world.settled, before); /* not told any more */
            end();
        }
    }
}

/* The end of a large file takes the disk's time, which is not the loop's. */
static void test_large_file_is_closed_off_the_loop(void **state)
{
    (void)state;
    begin();
    struct spool_file *file = file_new();
    fill(file, LARGE_BYTES, SPOOL_PIECE_MAX);
    spool_file_finish(file);
    loop_run(&world.loop);
    const int fd = file->fd;
    assert_false(uv_loop_alive(&world.loop.uv));
    spool_file_free(file);
    assert_true(uv_loop_alive(&world.loop.uv)); /* waits for a worker */
    loop_run(&world.loop);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    end();
}

static void test_free_unfinished_in_memory(void **state)
{
    (void)state;
    begin();
    struct spool_file *file = file_new();
    append(file, 1000);
    spool_file_free(file);
    assert_int_equal(world.spool.memory_used, 0);
    spool_file_free(file_new()); /* empty */
    end();
}

static void test_free_when_told_that_it_is_settled(void **state)
{
    (void)state;
    begin();
    struct spool_file *file = file_new();
    file->on_settled = on_settled_frees;
    fill(file, 2 * SMALL_BYTES, SPOOL_PIECE_MAX);
    spool_file_finish(file);
    loop_run(&world.loop);
    assert_int_equal(world.settled, 1);
    end();
}

static void test_free_in_any_order(void **state)
{
    (void)state;
    begin();
    struct spool_file *files[6];
    for (size_t i = 0; i < 6; i++) {
        files[i] = file_new();
        append(files[i], 100);
    }
    static const size_t order[] = {5, 0, 3, 2, 4, 1};
    for (size_t i = 0; i < 6; i++)
        spool_file_free(files[order[i]]);
    end();
}

/* --- waiting ---------------------------------------------------------------------------------- */

static struct spool_waiter waiters[8];
static size_t told[8];
static size_t told_count;

static void on_room(struct spool_waiter *waiter)
{
    assert_false(waiter->waiting);
    assert_true(told_count < 8);
    told[told_count++] = (size_t)(waiter - waiters);
}

static void begin_waiters(void)
{
    begin();
    told_count = 0;
    memset(waiters, 0, sizeof(waiters));
    for (size_t i = 0; i < 8; i++)
        waiters[i].on_room = on_room;
}

/* Those who were told give back what was promised. */
static void end_waiters(void)
{
    for (size_t i = 0; i < 8; i++)
        spool_wait_cancel(&world.spool, &waiters[i]);
    end();
}

/* Files that fill the memory with bytes on their way to disk; nothing is done until the loop runs.
 */
static size_t fill_memory(struct spool_file *files[FILES])
{
    size_t count = 0;
    while (world.spool.memory_used + SPOOL_PIECE_MAX <= MEMORY_MAX) {
        assert_true(count < FILES);
        files[count] = file_new();
        append(files[count++], SPOOL_PIECE_MAX);
    }
    assert_false(spool_room(&world.spool, NULL, NULL, SPOOL_PIECE_MAX));
    return count;
}

static void free_all(struct spool_file *files[FILES], size_t count)
{
    for (size_t i = 0; i < count; i++)
        spool_file_free(files[i]);
}

/* Where memory is tight even a few bytes are written, though nobody waits for their room. */
static void test_tight_memory_is_freed(void **state)
{
    (void)state;
    begin_waiters();
    struct spool_file *files[FILES];
    size_t count = 0;
    while (world.spool.memory_used <= MEMORY_MAX / 4 * 3) {
        files[count] = file_new();
        append(files[count++], SMALL_BYTES);
    }
    for (size_t i = 0; i < 10; i++) {
        files[count] = file_new();
        append(files[count++], 1000);
    }
    loop_run(&world.loop);
    assert_true(world.spool.memory_used <= MEMORY_MAX / 4 * 3);
    free_all(files, count);
    end_waiters();
}

/* The half-full chunk of an upload that makes a pause is written when somebody needs its room. */
static void test_idle_chunks_make_room_for_those_who_wait(void **state)
{
    (void)state;
    begin_waiters();
    struct spool_file *idle = file_new();
    fill(idle, SMALL_BYTES + 1, SPOOL_PIECE_MAX);
    loop_run(&world.loop);
    assert_int_equal(idle->chunk.length, SMALL_BYTES + 1); /* there is no hurry yet */
    struct spool_file *files[FILES];
    const size_t count = fill_memory(files);
    spool_wait(&world.spool, &waiters[0], NULL, SPOOL_PIECE_MAX);
    loop_run(&world.loop);
    assert_int_equal(idle->chunk.length, 0);
    assert_int_equal(told_count, 1);
    spool_file_free(idle);
    free_all(files, count);
    end_waiters();
}

/* Who waits for memory has it. */
static void test_drop_makes_room(void **state)
{
    (void)state;
    begin_waiters();
    world.spool.memory_max = MEMORY_PLENTY;
    world.spool.stay_max = LARGE_BYTES;
    struct spool_file *file = file_of_at_most(LARGE_BYTES);
    fill(file, LARGE_BYTES, SPOOL_PIECE_MAX);
    spool_file_finish(file);
    wait_until_settled(file);
    world.spool.memory_max = LARGE_BYTES;
    spool_wait(&world.spool, &waiters[0], NULL, SPOOL_PIECE_MAX);
    assert_true(waiters[0].waiting);
    spool_file_drop(file);
    assert_false(waiters[0].waiting);
    assert_true(spool_room(&world.spool, &waiters[0], NULL, SPOOL_PIECE_MAX));
    spool_file_free(file);
    end_waiters();
}

static void test_waiters_are_told_in_order(void **state)
{
    (void)state;
    begin_waiters();
    struct spool_file *files[FILES];
    const size_t count = fill_memory(files);
    for (size_t i = 0; i < 8; i++) {
        spool_wait(&world.spool, &waiters[i], NULL, i % 2 ? 1 : SPOOL_PIECE_MAX);
        assert_int_equal(told_count, 0); /* not inside the call; and nobody overtakes */
    }
    free_all(files, count);
    loop_run(&world.loop);
    assert_int_equal(told_count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(told[i], i);
    end_waiters();
}

static void test_cancel_of_waiting(void **state)
{
    (void)state;
    static const size_t lefts[3][4] = {{1, 2, 3, 4}, {0, 1, 3, 4}, {0, 1, 2, 3}};
    static const size_t whos[3] = {0, 2, 4};
    for (size_t which = 0; which < 3; which++) {
        begin_waiters();
        struct spool_file *files[FILES];
        const size_t count = fill_memory(files);
        for (size_t i = 0; i < 5; i++)
            spool_wait(&world.spool, &waiters[i], NULL, 1000);
        spool_wait_cancel(&world.spool, &waiters[whos[which]]);
        spool_wait_cancel(&world.spool, &waiters[whos[which]]); /* nothing happens */
        assert_false(waiters[whos[which]].waiting);
        free_all(files, count);
        loop_run(&world.loop);
        assert_int_equal(told_count, 4);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(told[i], lefts[which][i]);
        spool_wait_cancel(&world.spool, &waiters[0]); /* told, or cancelled: nothing happens */
        end_waiters();
    }
}

static void test_cancelled_can_wait_again_at_the_end(void **state)
{
    (void)state;
    begin_waiters();
    struct spool_file *files[FILES];
    const size_t count = fill_memory(files);
    for (size_t i = 0; i < 3; i++)
        spool_wait(&world.spool, &waiters[i], NULL, 1000);
    spool_wait_cancel(&world.spool, &waiters[2]);
    spool_wait(&world.spool, &waiters[3], NULL, 1000);
    spool_wait_cancel(&world.spool, &waiters[0]);
    spool_wait(&world.spool, &waiters[0], NULL, 1000);
    free_all(files, count);
    loop_run(&world.loop);
    assert_int_equal(told_count, 3);
    assert_int_equal(told[0], 1);
    assert_int_equal(told[1], 3);
    assert_int_equal(told[2], 0);
    end_waiters();
}

/* A file whose next chunk is full too waits for its own job, whatever memory there is, and does not
 * keep others from theirs. */
static void test_a_file_faster_than_the_disk_waits_for_itself(void **state)
{
    (void)state;
    begin_waiters();
    world.spool.memory_max = MEMORY_PLENTY;
    struct spool_file *file = file_new();
    for (size_t i = 0; i < 2 * SPOOL_JOB_BYTES / SPOOL_PIECE_MAX; i++)
        append(file, SPOOL_PIECE_MAX);
    assert_true(file->busy);
    assert_false(spool_room(&world.spool, NULL, file, 1));
    assert_true(spool_room(&world.spool, NULL, NULL, SPOOL_PIECE_MAX));
    spool_wait(&world.spool, &waiters[0], file, 1);
    spool_wait(&world.spool, &waiters[1], NULL, 1);
    struct spool_file *other = file_new();
    spool_file_free(other); /* an occasion to look at the waiters */
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0], 1);
    loop_run(&world.loop);
    assert_int_equal(told_count, 2);
    spool_file_free(file);
    end_waiters();
}

/* However little he needs, and though there is room for that. */
static void test_a_newcomer_does_not_overtake(void **state)
{
    (void)state;
    begin_waiters();
    world.spool.memory_max += 1000;
    struct spool_file *files[FILES];
    const size_t count = fill_memory(files);
    assert_true(spool_room(&world.spool, &waiters[1], NULL, 1));
    spool_wait(&world.spool, &waiters[0], NULL, SPOOL_PIECE_MAX);
    assert_false(spool_room(&world.spool, &waiters[1], NULL, 1));
    loop_run(&world.loop);
    assert_int_equal(told_count, 1);
    /* What he was told of is kept for him; the rest is anybody's. */
    const size_t left = world.spool.memory_max - world.spool.memory_used;
    assert_true(spool_room(&world.spool, &waiters[1], NULL, left - SPOOL_PIECE_MAX));
    assert_false(spool_room(&world.spool, &waiters[1], NULL, left - SPOOL_PIECE_MAX + 1));
    assert_true(spool_room(&world.spool, &waiters[0], NULL, SPOOL_PIECE_MAX));
    assert_true(spool_room(&world.spool, &waiters[1], NULL, left)); /* he did not use it */
    free_all(files, count);
    end_waiters();
}

/* He is told before those who came later, and finds his room however late he comes. */
static void test_a_promise_is_kept(void **state)
{
    (void)state;
    begin_waiters();
    struct spool_file *files[FILES];
    const size_t count = fill_memory(files);
    for (size_t i = 0; i < 4; i++)
        spool_wait(&world.spool, &waiters[i], NULL, SPOOL_PIECE_MAX);
    world.spool.memory_max = 2 * SPOOL_PIECE_MAX;
    loop_run(&world.loop);
    free_all(files, count);
    assert_int_equal(told_count, 2); /* nobody else, though memory is empty */
    struct spool_file *file = file_new();
    assert_true(spool_room(&world.spool, &waiters[1], file, SPOOL_PIECE_MAX));
    append(file, SPOOL_PIECE_MAX);
    assert_int_equal(told_count, 2);
    spool_wait_cancel(&world.spool, &waiters[0]); /* told, and does not want it any more */
    assert_int_equal(told_count, 3);
    spool_wait_cancel(&world.spool, &waiters[3]);
    spool_wait_cancel(&world.spool, &waiters[2]);
    assert_int_equal(told_count, 3);
    spool_file_free(file);
    end_waiters();
}

/* Somebody who is told may free what is his, which tells the next. */
static struct spool_file *freed_when_told;

static void on_room_frees(struct spool_waiter *waiter)
{
    struct spool_file *file = freed_when_told;
    freed_when_told = NULL;
    on_room(waiter);
    spool_file_free(file);
}

static void test_free_when_told(void **state)
{
    (void)state;
    begin_waiters();
    struct spool_file *files[FILES];
    const size_t count = fill_memory(files);
    waiters[0].on_room = on_room_frees;
    for (size_t i = 0; i < 3; i++)
        spool_wait(&world.spool, &waiters[i], NULL, 1000);
    freed_when_told = file_new();
    free_all(files, count);
    loop_run(&world.loop);
    assert_int_equal(told_count, 3); /* each once */
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(told[i], i);
    end_waiters();
}

/* --- many at once ----------------------------------------------------------------------------- */

struct upload {
    struct spool_file *file;
    struct spool_waiter waiter;
    size_t size;
    size_t piece; /* offered, and not yet taken */
    bool waiting;
    bool stuck; /* a client that sends no more */
    bool over;
};

static struct upload uploads[FILES];

static void on_room_for_upload(struct spool_waiter *waiter)
{
    container_of(waiter, struct upload, waiter)->waiting = false;
}

static void upload_begin(struct upload *upload)
{
    static const unsigned sizes[] = {1000, SMALL_BYTES, 3 * SMALL_BYTES, LARGE_BYTES / 2};
    *upload = (struct upload){.file = file_new(), .waiter = {.on_room = on_room_for_upload}};
    upload->size = random_below(sizes[random_below(4)]);
}

/* One piece, if the client has one and it finds room. */
static void upload_step(struct upload *upload)
{
    if (upload->over || upload->waiting || upload->stuck)
        return;
    struct spool_file *file = upload->file;
    if (file->size == upload->size) {
        spool_file_finish(file);
        upload->over = true;
        return;
    }
    if (upload->piece == 0)
        upload->piece = 1 + random_below(SPOOL_PIECE_MAX);
    if (upload->piece > upload->size - file->size)
        upload->piece = upload->size - (size_t)file->size;
    if (spool_room(&world.spool, &upload->waiter, file, upload->piece)) {
        append(file, upload->piece);
        upload->piece = 0;
    } else {
        upload->waiting = true;
        spool_wait(&world.spool, &upload->waiter, file, upload->piece);
    }
}

static void upload_end(struct upload *upload)
{
    spool_wait_cancel(&world.spool, &upload->waiter);
    spool_file_free(upload->file);
}

static void test_many_at_once(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 4; seed++) {
        begin();
        world.random = seed;
        if (seed % 3 == 0)
            world.spool.stay_max = MEMORY_MAX / 2;
        for (size_t i = 0; i < FILES; i++) {
            upload_begin(&uploads[i]);
            if (i % 4 == 3) { /* idle with a chunk half full */
                uploads[i].size = LARGE_BYTES;
                uploads[i].stuck = false;
            }
        }
        bool all_over = false;
        for (size_t steps = 0; !all_over; steps++) {
            assert_true(steps < ROUNDS_MAX);
            upload_step(&uploads[random_below(FILES)]);
            for (size_t i = 3; i < FILES; i += 4)
                uploads[i].stuck = uploads[i].file->size > 40000 && !uploads[i].waiter.promised;
            if (random_below(8) == 0)
                run_round();
            all_over = true;
            for (size_t i = 0; i < FILES && all_over; i++)
                all_over = uploads[i].stuck || uploads[i].over;
        }
        for (size_t i = 0; i < FILES; i++) {
            if (uploads[i].over) {
                wait_until_settled(uploads[i].file);
                check_contents(uploads[i].file, uploads[i].size);
            }
            upload_end(&uploads[i]);
        }
        end();
    }
}

enum { STEPS_MAX = 100 * 1000 * 1000 };

static void test_many_come_and_go(void **state)
{
    (void)state;
    begin();
    for (size_t i = 0; i < FILES; i++)
        upload_begin(&uploads[i]);
    size_t over = 0;
    /* How far the workers get between two rounds is theirs to say: until enough are over. */
    for (size_t step = 0; step < 20000 || over <= FILES; step++) {
        assert_true(step < STEPS_MAX);
        struct upload *upload = &uploads[random_below(FILES)];
        upload_step(upload);
        if (random_below(200) == 0 || (upload->over && spool_file_settled(upload->file))) {
            over += upload->over;
            upload_end(upload); /* whatever it is doing */
            upload_begin(upload);
        }
        if (random_below(16) == 0)
            run_round();
    }
    for (size_t i = 0; i < FILES; i++)
        upload_end(&uploads[i]);
    end();
}

/* --- when the disk does not want -------------------------------------------------------------- */

/* Uploads until an error is seen; whatever comes then is swallowed. */
static void check_no_space(void)
{
    struct spool_file *file = file_new();
    for (size_t i = 0; i < 2 * LARGE_BYTES / SPOOL_PIECE_MAX; i++) {
        wait_for_room(file, SPOOL_PIECE_MAX);
        spool_file_append(file, pattern, SPOOL_PIECE_MAX);
        check_limits();
    }
    spool_file_finish(file);
    wait_until_settled(file);
    assert_int_equal(file->error.code, ERR_NO_SPACE);
    assert_true(strlen(file->error.detail) > 0);
    assert_int_equal(world.spool.memory_used, 0);
    spool_file_free(file);
}

static void test_file_size_limit(void **state)
{
    (void)state;
    begin();
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {.rlim_cur = LARGE_BYTES / 2, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    check_no_space();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);

    struct spool_file *file = file_new(); /* the next has luck again */
    fill(file, LARGE_BYTES, SPOOL_PIECE_MAX);
    spool_file_finish(file);
    wait_until_settled(file);
    check_contents(file, LARGE_BYTES);
    spool_file_free(file);
    end();
}

static bool may_mount;

static void test_disk_full(void **state)
{
    (void)state;
    begin();
    const bool mounted = may_mount && mount("tmpfs", world.directory, "tmpfs", 0, "size=512k") == 0;
    if (mounted) { /* needs a privilege; the test above needs none */
        for (int i = 0; i < 3; i++)
            check_no_space();
        loop_run(&world.loop);                            /* what was freed is closed then */
        assert_int_equal(umount2(world.directory, 0), 0); /* nothing in it is open */
    }
    end();
    if (!mounted)
        skip();
}

static void test_directory_goes_away(void **state)
{
    (void)state;
    begin();
    char aside[80];
    snprintf(aside, sizeof(aside), "%s-aside", world.directory);
    assert_int_equal(rename(world.directory, aside), 0);
    struct spool_file *file = file_new();
    spool_file_append(file, pattern, SPOOL_PIECE_MAX);
    spool_file_append(file, pattern, 1000);
    spool_file_finish(file);
    while (!spool_file_settled(file))
        uv_run(&world.loop.uv, UV_RUN_ONCE);
    assert_int_equal(file->error.code, ERR_IO);
    assert_int_equal(world.spool.memory_used, 0);
    spool_file_free(file);
    assert_int_equal(rename(aside, world.directory), 0);
    end();
}

static void test_init_where_no_file_can_be(void **state)
{
    (void)state;
    static const char *const directories[] = {"/nonexistent/spool", "/etc/passwd", "/proc"};
    const size_t descriptors = count_entries("/proc/self/fd");
    struct loop loop;
    assert_int_equal(loop_init(&loop), OK);
    for (size_t i = 0; i < 3; i++) {
        struct spool spool;
        struct error error = {0};
        assert_int_equal(spool_init(&spool, &loop, directories[i], MEMORY_MAX, &error),
                         ERR_UNAVAILABLE);
        assert_non_null(strstr(error.detail, directories[i]));
    }
    loop_clear(&loop);
    assert_int_equal(count_entries("/proc/self/fd"), descriptors);
}

/* Makes the pattern, mounts private to this program (before it has threads, which would not share
 * them), and opens what libuv opens once for a whole process. */
static int prepare(void **state)
{
    (void)state;
    may_mount =
        unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
    for (size_t i = 0; i < LARGE_BYTES; i++)
        pattern[i] = (char)(i * 31 + (i >> 8) * 7 + (i >> 16));
    struct loop loop;
    const enum err err = loop_init(&loop);
    if (err == OK)
        loop_clear(&loop);
    return err;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_file_stays_in_memory),
        cmocka_unit_test(test_large_file_goes_to_disk),
        cmocka_unit_test(test_larger_file_stays_in_memory),
        cmocka_unit_test(test_larger_file_goes_to_disk_where_others_fill_memory),
        cmocka_unit_test(test_file_that_stayed_goes_to_disk_after_all),
        cmocka_unit_test(test_file_too_large_to_stay_is_not_gathered),
        cmocka_unit_test(test_free_while_it_is_hashed),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_drop_makes_room),
        cmocka_unit_test(test_random_pieces),
        cmocka_unit_test(test_finish_after_all_was_written),
        cmocka_unit_test(test_jobs_write_whole_pages),
        cmocka_unit_test(test_finish_with_more_than_a_job),
        cmocka_unit_test(test_memory_is_given_back_when_it_was_written),
        cmocka_unit_test(test_free_at_each_moment),
        cmocka_unit_test(test_large_file_is_closed_off_the_loop),
        cmocka_unit_test(test_free_unfinished_in_memory),
        cmocka_unit_test(test_free_when_told_that_it_is_settled),
        cmocka_unit_test(test_free_in_any_order),
        cmocka_unit_test(test_tight_memory_is_freed),
        cmocka_unit_test(test_idle_chunks_make_room_for_those_who_wait),
        cmocka_unit_test(test_waiters_are_told_in_order),
        cmocka_unit_test(test_cancel_of_waiting),
        cmocka_unit_test(test_cancelled_can_wait_again_at_the_end),
        cmocka_unit_test(test_a_file_faster_than_the_disk_waits_for_itself),
        cmocka_unit_test(test_a_newcomer_does_not_overtake),
        cmocka_unit_test(test_a_promise_is_kept),
        cmocka_unit_test(test_free_when_told),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_many_come_and_go),
        cmocka_unit_test(test_file_size_limit),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_directory_goes_away),
        cmocka_unit_test(test_init_where_no_file_can_be),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
