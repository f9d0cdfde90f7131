/*
 * Uploads to personad, cheaply: what is measured is the server, on the processors that this program
 * shares with it.
 *
 *     bench-upload PORT CLIENTS UPLOADS BYTES
 *
 * CLIENTS connections, kept alive, a thread each; UPLOADS forms among them, as fast as they are
 * answered. Each has one file, upload-N.pdf, of BYTES bytes: the beginning of a PDF with a number
 * of its own, so that no two are equal, then noise that all share. Printed is a line for each
 * upload:
 *
 *     N SECONDS STATUS      the time from its first byte sent to its last one received; STATUS is
 *                           "degraded" for a 200 whose header says so
 *
 * and last "total SECONDS", from the first of all to the last.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 4096,
    UPLOADS_MAX = 1000 * 1000,
    FILE_BYTES_MIN = 64,
    FILE_BYTES_MAX = 256 << 20,
    HEAD_BYTES = 1024,
    ANSWER_HEAD_BYTES = 16 * 1024,
    STACK_BYTES = 256 * 1024,
};

static const char file_end[] = "\r\n--bench--\r\n";

struct result {
    double seconds;
    int status; /* 0: the connection failed */
    bool degraded;
};

static int port, clients, uploads;
static size_t file_bytes;
static char *noise;
static struct result *results;
static unsigned
    seed; /* another one each time: two runs against one server have no file in common */
static atomic_int next_upload;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* --- one upload --------------------------------------------------------------------------------
 */

static bool send_parts(int fd, struct iovec *parts, size_t count)
{
    while (count > 0) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        for (; count > 0 && (size_t)sent >= parts->iov_len; parts++, count--)
            sent -= (ssize_t)parts->iov_len;
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return true;
}

static bool send_upload(int fd, int number)
{
    char form[HEAD_BYTES], head[HEAD_BYTES];
    const int part = snprintf(form, sizeof(form),
                              "--bench\r\nContent-Disposition: form-data; name=\"file\"; "
                              "filename=\"upload-%d.pdf\"\r\nContent-Type: application/pdf\r\n\r\n",
                              number);
    const int begin = snprintf(form + part, sizeof(form) - (size_t)part,
                               "%%PDF-1.7\n%% %08x, number %d\n", seed, number);
    const size_t rest = file_bytes - (size_t)begin, end = sizeof(file_end) - 1;
    const int head_length =
        snprintf(head, sizeof(head),
                 "POST /api/parse-pdf/ HTTP/1.1\r\nHost: bench\r\nContent-Type: "
                 "multipart/form-data; boundary=bench\r\nContent-Length: %zu\r\n\r\n",
                 (size_t)part + file_bytes + end);
    struct iovec parts[] = {
        {head, (size_t)head_length},
        {form, (size_t)(part + begin)},
        {noise, rest},
        {(char *)file_end, end},
    };
    return send_parts(fd, parts, sizeof(parts) / sizeof(parts[0]));
}

/* Reads an answer and throws its body away. */
static bool receive_answer(int fd, struct result *result)
{
    char answer[ANSWER_HEAD_BYTES + 1];
    size_t length = 0;
    const char *end;
    do {
        const ssize_t count = recv(fd, answer + length, ANSWER_HEAD_BYTES - length, 0);
        if (count <= 0)
            return false;
        length += (size_t)count;
        answer[length] = '\0';
        end = memmem(answer, length, "\r\n\r\n", 4);
    } while (!end);

    const char *body_length = strcasestr(answer, "\r\nContent-Length: ");
    const char *degraded = strcasestr(answer, "\r\nX-Degraded: ");
    if (sscanf(answer, "HTTP/1.1 %d", &result->status) != 1 || !body_length || body_length > end)
        return false;
    result->degraded = degraded && degraded < end;
    size_t missing = strtoul(body_length + sizeof("\r\nContent-Length: ") - 1, NULL, 10);
    missing -= length - (size_t)(end + 4 - answer);
    while (missing > 0) {
        const ssize_t count =
            recv(fd, answer, missing < ANSWER_HEAD_BYTES ? missing : ANSWER_HEAD_BYTES, 0);
        if (count <= 0)
            return false;
        missing -= (size_t)count;
    }
    return true;
}

/* --- clients -----------------------------------------------------------------------------------
 */

static int connect_to_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static void *run(void *unused)
{
    (void)unused;
    int fd = connect_to_server();
    for (int number; (number = atomic_fetch_add(&next_upload, 1)) < uploads;) {
        struct result *result = &results[number];
        const double begin = now();
        const bool sent = send_upload(fd, number);
        if (!sent || !receive_answer(fd, result)) {
            result->status = 0;
            close(fd);
            fd = connect_to_server();
        }
        result->seconds = now() - begin;
    }
    close(fd);
    return NULL;
}

static void run_all(void)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_t *threads = calloc((size_t)clients, sizeof(*threads));
    if (!threads)
        die("threads");
    for (int i = 0; i < clients; i++)
        if (pthread_create(&threads[i], &attributes, run, NULL) != 0)
            die("threads");
    for (int i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    free(threads);
}

static void make_noise(void)
{
    noise = malloc(file_bytes);
    results = calloc((size_t)uploads, sizeof(*results));
    if (!noise || !results)
        die("memory");
    unsigned state = 1;
    for (size_t i = 0; i < file_bytes; i++) {
        state = state * 1664525u + 1013904223u;
        noise[i] = (char)(state >> 24);
    }
    seed = (unsigned)time(NULL) ^ (unsigned)getpid() << 12;
}

static bool read_number(const char *text, long min, long max, long *out)
{
    char *end;
    *out = strtol(text, &end, 10);
    return *text && !*end && *out >= min && *out <= max;
}

int main(int argc, char **argv)
{
    long numbers[4];
    if (argc != 5 || !read_number(argv[1], 1, 65535, &numbers[0]) ||
        !read_number(argv[2], 1, CLIENTS_MAX, &numbers[1]) ||
        !read_number(argv[3], 1, UPLOADS_MAX, &numbers[2]) ||
        !read_number(argv[4], FILE_BYTES_MIN, FILE_BYTES_MAX, &numbers[3])) {
        fprintf(stderr, "usage: %s PORT CLIENTS UPLOADS BYTES\n", argv[0]);
        return 2;
    }
    port = (int)numbers[0];
    clients = (int)numbers[1];
    uploads = (int)numbers[2];
    file_bytes = (size_t)numbers[3];
    make_noise();

    const double begin = now();
    run_all();
    const double total = now() - begin;
    for (int i = 0; i < uploads; i++)
        if (results[i].status == 200 && results[i].degraded)
            printf("%d %.6f degraded\n", i, results[i].seconds);
        else
            printf("%d %.6f %d\n", i, results[i].seconds, results[i].status);
    printf("total %.6f\n", total);
    free(noise);
    free(results);
    return 0;
}
