// TCP sockets, and sockets that somebody else has made. Every function returns a non-negative result or -errno.
#ifndef CLINUX_TCP_H
#define CLINUX_TCP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// An IPv4 or IPv6 address and its port, as the kernel has it.
struct clinux_tcp_place {
    uint32_t byte_count;
    uint8_t address[28];
};

/// Where `host` (a name or a number) is, as many as fit `capacity`: how many. -ENOENT when it is nowhere, -EAGAIN when
/// the resolver cannot say now.
int clinux_tcp_places(const char *host, uint16_t port, struct clinux_tcp_place *places, int capacity);
/// 1 when only this machine can reach it.
int clinux_tcp_is_loopback(const struct clinux_tcp_place *place);
/// `127.0.0.1:564` or `[::1]:564`: its length.
ssize_t clinux_tcp_text(const struct clinux_tcp_place *place, char *text, size_t capacity);

/// What it accepts has the settings of `clinux_tcp_settle` too.
int clinux_tcp_listen(const struct clinux_tcp_place *place, int backlog);
int clinux_tcp_connect(const struct clinux_tcp_place *place, int64_t timeout_ns);
/// No waiting for more to send; and a peer that is gone without a word is noticed within a minute.
int clinux_tcp_settle(int socket);
/// Where a socket is, or its peer; -EAFNOSUPPORT for one that is not of TCP.
int clinux_tcp_place_of(int socket, int of_peer, struct clinux_tcp_place *place);

/// Makes an inherited descriptor close-on-exec and non-blocking; -EBADF when there is none.
int clinux_adopt(int descriptor);
/// The family (AF_UNIX, AF_INET …) of a stream socket; -EPROTOTYPE for another kind of socket, -ENOTSOCK.
int clinux_stream_family(int socket);
/// 1 when it listens.
int clinux_is_listening(int socket);
/// The path a unix socket is bound to: its length, zero when it has none.
ssize_t clinux_unix_path(int socket, char *path, size_t capacity);

#endif
