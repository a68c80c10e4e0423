// Bytes through a stream socket that never waits. Every function returns a non-negative result or -errno.
#ifndef CLINUX_STREAMS_H
#define CLINUX_STREAMS_H

#include <stddef.h>
#include <sys/types.h>

/// Zero when the peer hung up, -EAGAIN when nothing is there.
ssize_t clinux_stream_read(int socket, void *bytes, size_t capacity);
/// As many bytes as fit now, -EAGAIN when none do, -EPIPE (and no signal) when the peer hung up.
ssize_t clinux_stream_write(int socket, const void *bytes, size_t count);

#endif
