/* socket.h: what Linux knows of a TCP socket that glibc's headers beside libuv's do not. */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

#include <stdint.h>

/* Payload bytes received on this connection so far (TCP_INFO); 0 if the kernel does not say. */
uint64_t socket_bytes_received(int fd);
/* Of what was sent, the bytes that have arrived; 0 if the kernel does not say. */
uint64_t socket_bytes_acked(int fd);

/* Sets an integer option that is a refinement: a failure changes nothing vital. */
void socket_option(int fd, int level, int name, int value);

/* Keep-alive probes and a limit on unacknowledged bytes: a peer that vanished without a word is
 * noticed within about two minutes. */
void socket_notice_death(int fd);

#endif
