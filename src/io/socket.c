/* Apart from the rest since linux/tcp.h and netinet/tcp.h (which uv.h includes) exclude each other.
 */
#include "io/socket.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_INTERVAL_S = 15,
    USER_TIMEOUT_MS = 60 * 1000,
};

/* All zero where the kernel does not say. */
static struct tcp_info info_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        length < offsetof(struct tcp_info, tcpi_segs_out))
        return (struct tcp_info){0};
    return info;
}

uint64_t socket_bytes_received(int fd)
{
    return info_of(fd).tcpi_bytes_received;
}

uint64_t socket_bytes_acked(int fd)
{
    return info_of(fd).tcpi_bytes_acked;
}

void socket_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

void socket_notice_death(int fd)
{
    socket_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    socket_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    socket_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    socket_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}
