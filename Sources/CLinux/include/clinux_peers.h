// What a socket or an eventfd shared with a distrusted peer needs. Every function returns a non-negative result or
// -errno.
#ifndef CLINUX_PEERS_H
#define CLINUX_PEERS_H

#include <stddef.h>
#include <sys/types.h>

/// As clinux_unix_listen; the socket file has `mode` from the moment it exists, whatever the umask.
int clinux_unix_listen_as(int type, const char *path, int backlog, mode_t mode);
int clinux_unlink(const char *path);

/// Zero when `descriptor` is an eventfd, which then no longer blocks; -EINVAL when it is anything else.
int clinux_adopt_eventfd(int descriptor);

/// Sends what goes now of two runs of bytes, one behind the other, without waiting and without SIGPIPE.
ssize_t clinux_stream_write_both(int socket, const void *first, size_t first_count, const void *second,
                                 size_t second_count);

#endif
