#define _GNU_SOURCE
#include "clinux_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct sockaddr_in6) == 28, "the longest address of TCP");

static struct sockaddr_storage address_of(const struct clinux_tcp_place *place) {
    struct sockaddr_storage address = {0};
    memcpy(&address, place->address, place->byte_count);
    return address;
}

int clinux_tcp_places(const char *host, uint16_t port, struct clinux_tcp_place *places, int capacity) {
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, service, &hints, &found);
    if (error == EAI_SYSTEM) return -errno;
    if (error == EAI_AGAIN || error == EAI_MEMORY) return -EAGAIN;
    if (error != 0) return -ENOENT;
    int count = 0;
    for (struct addrinfo *next = found; next && count < capacity; next = next->ai_next) {
        if (next->ai_family != AF_INET && next->ai_family != AF_INET6) continue;
        places[count] = (struct clinux_tcp_place){.byte_count = next->ai_addrlen};
        memcpy(places[count++].address, next->ai_addr, next->ai_addrlen);
    }
    freeaddrinfo(found);
    return count > 0 ? count : -ENOENT;
}

int clinux_tcp_is_loopback(const struct clinux_tcp_place *place) {
    struct sockaddr_storage address = address_of(place);
    if (address.ss_family == AF_INET) {
        return ntohl(((struct sockaddr_in *)&address)->sin_addr.s_addr) >> 24 == 127;
    }
    const struct in6_addr *number = &((struct sockaddr_in6 *)&address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(number) || (IN6_IS_ADDR_V4MAPPED(number) && number->s6_addr[12] == 127);
}

ssize_t clinux_tcp_text(const struct clinux_tcp_place *place, char *text, size_t capacity) {
    struct sockaddr_storage address = address_of(place);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    int error = getnameinfo((struct sockaddr *)&address, place->byte_count, host, sizeof host, port, sizeof port,
                            NI_NUMERICHOST | NI_NUMERICSERV);
    if (error != 0) return -EINVAL;
    int length = snprintf(text, capacity, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return (size_t)length < capacity ? length : -ENAMETOOLONG;
}

static int set(int socket, int level, int option, int value) {
    return setsockopt(socket, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

int clinux_tcp_settle(int socket) {
    static const struct { int level, option, value; } settings[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1},  {IPPROTO_TCP, TCP_KEEPIDLE, 30},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 3}, {IPPROTO_TCP, TCP_USER_TIMEOUT, 60000},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        int result = set(socket, settings[i].level, settings[i].option, settings[i].value);
        if (result < 0) return result;
    }
    return 0;
}

static int closing(int descriptor, int error) {
    close(descriptor);
    return error;
}

/// A new socket for that kind of address.
static int make(const struct sockaddr_storage *address) {
    int descriptor = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    int result = clinux_tcp_settle(descriptor);
    return result < 0 ? closing(descriptor, result) : descriptor;
}

int clinux_tcp_listen(const struct clinux_tcp_place *place, int backlog) {
    struct sockaddr_storage address = address_of(place);
    int descriptor = make(&address);
    if (descriptor < 0) return descriptor;
    int result = set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    // Each address is asked for by itself: [::] shall not take IPv4 too, nor fail where 0.0.0.0 is served.
    if (result == 0 && address.ss_family == AF_INET6) result = set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (result < 0) return closing(descriptor, result);
    if (bind(descriptor, (struct sockaddr *)&address, place->byte_count) < 0) return closing(descriptor, -errno);
    if (listen(descriptor, backlog) < 0) return closing(descriptor, -errno);
    return descriptor;
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int await_connection(int descriptor, int64_t timeout_ns) {
    int64_t deadline = now_ns() + timeout_ns;
    for (;;) {
        int64_t left = deadline - now_ns();
        if (left < 0) left = 0;
        struct timespec limit = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        struct pollfd watched = {.fd = descriptor, .events = POLLOUT};
        int ready = ppoll(&watched, 1, &limit, NULL);
        if (ready == 0) return -ETIMEDOUT;
        if (ready < 0 && errno != EINTR) return -errno;
        if (ready < 0) continue;
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
        return -error;
    }
}

int clinux_tcp_connect(const struct clinux_tcp_place *place, int64_t timeout_ns) {
    struct sockaddr_storage address = address_of(place);
    int descriptor = make(&address);
    if (descriptor < 0) return descriptor;
    int result = connect(descriptor, (struct sockaddr *)&address, place->byte_count) < 0 ? -errno : 0;
    if (result == -EINPROGRESS || result == -EINTR) result = await_connection(descriptor, timeout_ns);
    return result < 0 ? closing(descriptor, result) : descriptor;
}

int clinux_tcp_place_of(int socket, int of_peer, struct clinux_tcp_place *place) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    int result = of_peer ? getpeername(socket, (struct sockaddr *)&address, &size)
                         : getsockname(socket, (struct sockaddr *)&address, &size);
    if (result < 0) return -errno;
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return -EAFNOSUPPORT;
    if (size > sizeof place->address) return -EAFNOSUPPORT;
    *place = (struct clinux_tcp_place){.byte_count = size};
    memcpy(place->address, &address, size);
    return 0;
}

int clinux_adopt(int descriptor) {
    int own = fcntl(descriptor, F_GETFD);
    if (own < 0 || fcntl(descriptor, F_SETFD, own | FD_CLOEXEC) < 0) return -errno;
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return 0;
}

static int option_of(int socket, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(socket, SOL_SOCKET, option, &value, &size) < 0 ? -errno : value;
}

int clinux_stream_family(int socket) {
    int type = option_of(socket, SO_TYPE);
    if (type < 0) return type;
    return type == SOCK_STREAM ? option_of(socket, SO_DOMAIN) : -EPROTOTYPE;
}

int clinux_is_listening(int socket) { return option_of(socket, SO_ACCEPTCONN); }

ssize_t clinux_unix_path(int socket, char *path, size_t capacity) {
    struct sockaddr_un address = {0};
    socklen_t size = sizeof address;
    if (getsockname(socket, (struct sockaddr *)&address, &size) < 0) return -errno;
    if (address.sun_family != AF_UNIX) return -EAFNOSUPPORT;
    size_t length = strnlen(address.sun_path, sizeof address.sun_path);
    if (length >= capacity) return -ENAMETOOLONG;
    memcpy(path, address.sun_path, length);
    path[length] = 0;
    return (ssize_t)length;
}
