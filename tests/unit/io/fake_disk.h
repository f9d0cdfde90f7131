/*
 * fake_disk.h: the page cache, replaced for the whole test program: while `cold`, a read that will
 * not wait finds only what was read by one that waits, and it is counted where the latter is made
 * by the thread of the loop.
 */
#ifndef TESTS_FAKE_DISK_H
#define TESTS_FAKE_DISK_H

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    bool cold;
    bool forgetful;      /* keeps nothing of what is read */
    atomic_long kept;    /* bytes from the beginning */
    atomic_uint refused; /* reads that will not wait */
    atomic_uint on_loop; /* reads that wait, by the main thread */
} fake_disk;

static void fake_disk_set(bool cold, bool forgetful)
{
    fake_disk.cold = cold;
    fake_disk.forgetful = forgetful;
    atomic_store(&fake_disk.kept, 0);
    atomic_store(&fake_disk.refused, 0);
    atomic_store(&fake_disk.on_loop, 0);
}

ssize_t preadv2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t, int) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "preadv2");
    if (!fake_disk.cold)
        return real(fd, pieces, count, offset, flags);
    if (flags & RWF_NOWAIT && offset >= atomic_load(&fake_disk.kept)) {
        atomic_fetch_add(&fake_disk.refused, 1);
        errno = EAGAIN;
        return -1;
    }
    const ssize_t got = real(fd, pieces, count, offset, flags);
    if (flags & RWF_NOWAIT || got <= 0)
        return got;
    if (gettid() == getpid())
        atomic_fetch_add(&fake_disk.on_loop, 1);
    if (!fake_disk.forgetful && offset + got > atomic_load(&fake_disk.kept))
        atomic_store(&fake_disk.kept, offset + got);
    return got;
}

#endif
