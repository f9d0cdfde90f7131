/*
 * upsim-bench: how many whole pipelines a second the simulator carries.
 *
 *     upsim-bench PORT PID [CLIENTS [SECONDS [UPLOAD_BYTES [stream]]]]
 *
 * A pipeline is what one request to personad costs its upstreams: an upload with bytes of its own,
 * a poll, the result, an analysis of its text, the scenes, four pictures; one connection a client,
 * a thread each. The last line says pipelines a second, and the processor time that the simulator
 * (process PID) took for one.
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
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 256, BYTES_MAX = 8 << 20, ID_BYTES = 64, FENCE_BYTES = 256, PICTURES = 4 };

static int port, upload_bytes = 10 * 1024;
static bool streaming;
static double end_time;
static atomic_ulong pipelines, failures, uploads;

struct client {
    pthread_t thread;
    int socket;
    char *out, *in, *text; /* BYTES_MAX each; text: of the result, still JSON-escaped */
    size_t in_length;
    const char *body; /* of the last answer */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu_seconds_of(int pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    unsigned long user = 0, system = 0;
    if (file && fgets(line, sizeof(line), file)) {
        const char *after = strrchr(line, ')');
        if (after)
            sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    }
    if (file)
        fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* --- HTTP ---------------------------------------------------------------------------------------
 */

static bool send_all(struct client *client, size_t length)
{
    for (size_t at = 0; at < length;) {
        const ssize_t count = send(client->socket, client->out + at, length - at, MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        at += (size_t)count;
    }
    return true;
}

/* Is the answer whole? Sets `body` once the head is there. */
static bool is_whole(struct client *client)
{
    const char *end = memmem(client->in, client->in_length, "\r\n\r\n", 4);
    if (!end)
        return false;
    client->body = end + 4;
    const size_t body = client->in_length - (size_t)(client->body - client->in);
    const char *length = memmem(client->in, (size_t)(end - client->in), "Content-Length: ", 16);
    if (length)
        return body >= strtoul(length + 16, NULL, 10);
    return body >= 5 && memcmp(client->in + client->in_length - 5, "0\r\n\r\n", 5) == 0;
}

static bool receive(struct client *client)
{
    client->in_length = 0;
    do {
        const ssize_t count = recv(client->socket, client->in + client->in_length,
                                   BYTES_MAX - 1 - client->in_length, 0);
        if (count <= 0)
            return false;
        client->in_length += (size_t)count;
        client->in[client->in_length] = '\0';
    } while (!is_whole(client));
    return strncmp(client->in, "HTTP/1.1 200", 12) == 0;
}

/* Puts a head before the `length` bytes of body that stand FENCE_BYTES * 2 into `out`. */
static bool call(struct client *client, const char *method, const char *path, const char *type,
                 size_t length)
{
    char head[FENCE_BYTES * 2];
    const int head_length =
        snprintf(head, sizeof(head),
                 "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer key\r\n"
                 "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                 method, path, port, type, length);
    char *start = client->out + sizeof(head) - head_length;
    memcpy(start, head, (size_t)head_length);
    char *kept = client->out;
    client->out = start;
    const bool good = send_all(client, (size_t)head_length + length) && receive(client);
    client->out = kept;
    return good;
}

/* --- the pipeline -------------------------------------------------------------------------------
 */

static bool upload(struct client *client, char id[ID_BYTES])
{
    char *body = client->out + FENCE_BYTES * 2;
    int length = snprintf(body, 512,
                          "--bench\r\nContent-Disposition: form-data; name=\"file\"; "
                          "filename=\"case.pdf\"\r\nContent-Type: application/pdf\r\n\r\n"
                          "%%PDF-1.7 number %lu\n",
                          atomic_fetch_add(&uploads, 1));
    memset(body + length, 'x', (size_t)upload_bytes);
    length += upload_bytes;
    length += snprintf(body + length, 64, "\r\n--bench--\r\n");
    if (!call(client, "POST", "/api/v1/parsing/upload", "multipart/form-data; boundary=bench",
              (size_t)length))
        return false;
    return sscanf(client->body, "{\"id\":\"%63[^\"]", id) == 1;
}

static bool parse(struct client *client)
{
    char id[ID_BYTES], path[ID_BYTES * 2];
    if (!upload(client, id))
        return false;
    snprintf(path, sizeof(path), "/api/v1/parsing/job/%s", id);
    do {
        if (!call(client, "GET", path, "text/plain", 0))
            return false;
    } while (!strstr(client->body, "SUCCESS"));
    snprintf(path, sizeof(path), "/api/v1/parsing/job/%s/result/markdown", id);
    if (!call(client, "GET", path, "text/plain", 0))
        return false;
    const char *start = strstr(client->body, "{\"markdown\":\"");
    const char *end = strstr(client->body, "\",\"job_metadata\"");
    if (!start || !end)
        return false;
    start += 13;
    snprintf(client->text, BYTES_MAX, "%.*s", (int)(end - start), start);
    return true;
}

#define TEXTS "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define TEXT  "{\"type\":\"string\"}"

static const char analysis_schema[] =
    "{\"type\":\"object\",\"properties\":{\"title\":" TEXT ",\"description\":" TEXT
    ",\"student_role\":" TEXT ",\"key_figures\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"properties\":{\"name\":" TEXT ",\"role\":" TEXT ",\"correlation\":" TEXT
    ",\"background\":" TEXT ",\"primary_goals\":" TEXTS "}}},\"learning_outcomes\":" TEXTS "}}";
static const char scenes_schema[] =
    "{\"type\":\"object\",\"properties\":{\"scenes\":{\"type\":\"array\",\"items\":{\"type\":"
    "\"object\",\"properties\":{\"title\":" TEXT ",\"description\":" TEXT
    ",\"personas_involved\":" TEXTS ",\"user_goal\":" TEXT ",\"goal\":" TEXT
    ",\"successMetric\":" TEXT ",\"sequence_order\":{\"type\":\"integer\"}}}}}}";

static bool chat(struct client *client, const char *name, const char *schema)
{
    char *body = client->out + FENCE_BYTES * 2;
    const int length = snprintf(
        body, BYTES_MAX - FENCE_BYTES * 2,
        "{\"model\":\"gpt-6-luna\",\"max_completion_tokens\":8000,%s\"messages\":[{\"role\":"
        "\"system\",\"content\":\"Answer in JSON.\"},{\"role\":\"user\",\"content\":\"<<<DOCUMENT "
        "0123456789abcdef>>>%s<<<END DOCUMENT 0123456789abcdef>>>\"}],\"response_format\":{"
        "\"type\":\"json_schema\",\"json_schema\":{\"name\":\"%s\",\"schema\":%s}}}",
        streaming ? "\"stream\":true," : "", client->text, name, schema);
    return call(client, "POST", "/v1/chat/completions", "application/json", (size_t)length);
}

static bool picture(struct client *client, int number)
{
    char *body = client->out + FENCE_BYTES * 2;
    const int length =
        snprintf(body, 1024,
                 "{\"model\":\"gpt-image-2\",\"prompt\":\"A meeting, number %d\",\"n\":1}", number);
    return call(client, "POST", "/v1/images/generations", "application/json", (size_t)length);
}

static bool pipeline(struct client *client)
{
    bool good = parse(client) && chat(client, "analysis", analysis_schema) &&
                chat(client, "scenes", scenes_schema);
    for (int i = 0; good && i < PICTURES; i++)
        good = picture(client, i);
    return good;
}

static void *run(void *argument)
{
    struct client *client = argument;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    bool good = connect(client->socket, (struct sockaddr *)&address, sizeof(address)) == 0;
    while (good && now() < end_time) {
        good = pipeline(client);
        atomic_fetch_add(good ? &pipelines : &failures, 1);
    }
    close(client->socket);
    return NULL;
}

static int number_at(int count, char **arguments, int index, int fallback)
{
    return index < count ? atoi(arguments[index]) : fallback;
}

int main(int count, char **arguments)
{
    port = number_at(count, arguments, 1, 0);
    const int pid = number_at(count, arguments, 2, 0);
    const int clients = number_at(count, arguments, 3, 8);
    const int seconds = number_at(count, arguments, 4, 5);
    upload_bytes = number_at(count, arguments, 5, upload_bytes);
    streaming = count > 6 && strcmp(arguments[6], "stream") == 0;
    if (port <= 0 || clients < 1 || clients > CLIENTS_MAX || upload_bytes < 0 ||
        upload_bytes > BYTES_MAX / 2) {
        fprintf(stderr,
                "usage: upsim-bench PORT PID [CLIENTS [SECONDS [UPLOAD_BYTES [stream]]]]\n");
        return 2;
    }
    static struct client all[CLIENTS_MAX];
    const double start = now(), cpu = cpu_seconds_of(pid);
    end_time = start + seconds;
    for (int i = 0; i < clients; i++) {
        all[i].out = malloc(BYTES_MAX);
        all[i].in = malloc(BYTES_MAX);
        all[i].text = malloc(BYTES_MAX);
        if (!all[i].out || !all[i].in || !all[i].text ||
            pthread_create(&all[i].thread, NULL, run, &all[i]) != 0)
            abort();
    }
    for (int i = 0; i < clients; i++) {
        pthread_join(all[i].thread, NULL);
        free(all[i].out);
        free(all[i].in);
        free(all[i].text);
    }
    const double taken = now() - start, used = cpu_seconds_of(pid) - cpu;
    const double done = (double)pipelines;
    printf("%.0f pipelines, %lu failed, %.0f a second, %.3f ms of the simulator's processor time "
           "each (%.0f a second and core)\n",
           done, (unsigned long)failures, done / taken, used / done * 1e3,
           used > 0 ? done / used : 0);
    return failures > 0 || done < 1;
}
