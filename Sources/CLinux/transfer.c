#define _GNU_SOURCE
#include "clinux_transfer.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct timespec timespec_of(int64_t ns) {
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/// Waits until `descriptor` is ready for `events` (or has hung up).
static int wait_ready(int descriptor, short events, int64_t timeout_ns) {
    int64_t deadline = timeout_ns < 0 ? 0 : now_ns() + timeout_ns;
    for (;;) {
        int64_t left = timeout_ns < 0 ? 0 : deadline - now_ns();
        if (left < 0) left = 0;
        struct timespec limit = timespec_of(left);
        struct pollfd watched = {.fd = descriptor, .events = events};
        int ready = ppoll(&watched, 1, timeout_ns < 0 ? NULL : &limit, NULL);
        if (ready > 0) return 0;
        if (ready == 0) return -ETIMEDOUT;
        if (errno != EINTR) return -errno;
    }
}

/// What a lost connection is called: TCP has more names for it, one of which would pass for the caller's own time limit.
static int name_of(int error) {
    switch (error) {
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ECONNABORTED: return ECONNRESET;
    default: return error;
    }
}

ssize_t clinux_read_within(int descriptor, void *bytes, size_t capacity, int64_t timeout_ns) {
    for (;;) {
        ssize_t result = recv(descriptor, bytes, capacity, MSG_DONTWAIT);
        if (result < 0 && errno == ENOTSOCK) {
            int ready = wait_ready(descriptor, POLLIN, timeout_ns);
            if (ready < 0) return ready;
            result = read(descriptor, bytes, capacity);
        }
        if (result >= 0) return result;
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return -name_of(errno);
        int ready = wait_ready(descriptor, POLLIN, timeout_ns);
        if (ready < 0) return ready;
    }
}

int clinux_write_all(
    int descriptor, const void *head, size_t head_count, const void *tail, size_t tail_count, int64_t timeout_ns) {
    struct iovec parts[2] = {{(void *)head, head_count}, {(void *)tail, tail_count}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    while (parts[0].iov_len + parts[1].iov_len > 0) {
        ssize_t result = sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (result < 0 && errno == ENOTSOCK) {
            int ready = wait_ready(descriptor, POLLOUT, timeout_ns);
            if (ready < 0) return ready;
            result = writev(descriptor, parts, 2);
        }
        if (result < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) return -name_of(errno);
            int ready = wait_ready(descriptor, POLLOUT, timeout_ns);
            if (ready < 0) return ready;
            continue;
        }
        for (int part = 0; part < 2; part++) {
            size_t taken = (size_t)result < parts[part].iov_len ? (size_t)result : parts[part].iov_len;
            parts[part].iov_base = (char *)parts[part].iov_base + taken;
            parts[part].iov_len -= taken;
            result -= (ssize_t)taken;
        }
    }
    return 0;
}

int clinux_shut_down(int descriptor) { return shutdown(descriptor, SHUT_RDWR) < 0 ? -errno : 0; }

int clinux_futex_wait(const uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    struct timespec limit = timespec_of(timeout_ns < 0 ? 0 : timeout_ns);
    long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns < 0 ? NULL : &limit, NULL, 0);
    return result < 0 ? -errno : 0;
}

int clinux_futex_wake(const uint32_t *word) {
    long result = syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return result < 0 ? -errno : (int)result;
}
