#define _GNU_SOURCE
#include "clinux_streams.h"

#include <errno.h>
#include <sys/socket.h>

ssize_t clinux_stream_read(int socket, void *bytes, size_t capacity) {
    ssize_t result = recv(socket, bytes, capacity, MSG_DONTWAIT);
    return result < 0 ? -errno : result;
}

ssize_t clinux_stream_write(int socket, const void *bytes, size_t count) {
    ssize_t result = send(socket, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return result < 0 ? -errno : result;
}
