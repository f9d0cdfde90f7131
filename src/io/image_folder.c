/* Whatever else is in the folder is somebody else's: it is neither counted nor touched. */
#include "io/image_folder.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAME_HEX = 32, /* of the SHA-256: 128 bits do not collide, nor are they guessed */
    TEMP_HEX = 16, /* of a random name while it is written */
};

static const struct image_kind kinds[] = {
    {".png", "image/png"}, {".jpg", "image/jpeg"}, {".webp", "image/webp"}};

/* --- names ------------------------------------------------------------------------------------ */

static bool is_hex(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

const struct image_kind *image_kind_of_name(const char *name)
{
    if (!is_hex(name, NAME_HEX))
        return NULL;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(name + NAME_HEX, kinds[i].ending) == 0)
            return &kinds[i];
    }
    return NULL;
}

const struct image_kind *image_kind_of_bytes(const char *bytes, size_t length)
{
    if (length >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return &kinds[0];
    if (length >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
        return &kinds[1];
    if (length >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
        return &kinds[2];
    return NULL;
}

static void put_hex(char *out, const unsigned char *bytes, size_t hex_length)
{
    for (size_t i = 0; i < hex_length; i += 2)
        snprintf(out + i, 3, "%02x", bytes[i / 2]);
}

void image_name_picture(char out[IMAGE_NAME_BYTES], const char *bytes, size_t length)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)bytes, length, digest);
    put_hex(out, digest, NAME_HEX);
    snprintf(out + NAME_HEX, IMAGE_NAME_BYTES - NAME_HEX, "%s",
             image_kind_of_bytes(bytes, length)->ending);
}

void image_name_temp(char out[IMAGE_NAME_BYTES])
{
    unsigned char random[TEMP_HEX / 2];
    const ssize_t got = getrandom(random, sizeof(random), 0);
    assert(got == (ssize_t)sizeof(random));
    (void)got;
    out[0] = '.';
    put_hex(out + 1, random, TEMP_HEX);
    snprintf(out + 1 + TEMP_HEX, IMAGE_NAME_BYTES - 1 - TEMP_HEX, ".tmp");
}

static bool is_temp(const char *name)
{
    return name[0] == '.' && is_hex(name + 1, TEMP_HEX) && strcmp(name + 1 + TEMP_HEX, ".tmp") == 0;
}

/* --- the folder ------------------------------------------------------------------------------- */

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static bool is_young(const struct timespec *modified)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= IMAGE_YOUNG_MS / 1000;
    return is_before(&now, modified);
}

static void note_old(struct image_oldest *oldest, const char *name, const struct stat *status)
{
    if (is_young(&status->st_mtim))
        return;
    size_t place = oldest->count;
    while (place > 0 && is_before(&status->st_mtim, &oldest->files[place - 1].modified))
        place--;
    if (place == IMAGE_OLDEST_MAX)
        return;
    if (oldest->count < IMAGE_OLDEST_MAX)
        oldest->count++;
    struct image_old_file *file = &oldest->files[place];
    memmove(file + 1, file, (oldest->count - 1 - place) * sizeof(*file));
    *file = (struct image_old_file){.modified = status->st_mtim, .size = (uint64_t)status->st_size};
    memcpy(file->name, name, strlen(name) + 1); /* kind_of_name has seen it */
}

enum err image_folder_walk(int folder, uint64_t *bytes, struct image_oldest *oldest,
                           bool remove_temps)
{
    const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    for (const struct dirent *entry; (entry = readdir(directory));) {
        struct stat status;
        if (remove_temps && is_temp(entry->d_name))
            unlinkat(folder, entry->d_name, 0);
        if (!image_kind_of_name(entry->d_name) ||
            fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(status.st_mode))
            continue;
        *bytes += (uint64_t)status.st_size;
        if (oldest)
            note_old(oldest, entry->d_name, &status);
    }
    closedir(directory);
    return OK;
}
