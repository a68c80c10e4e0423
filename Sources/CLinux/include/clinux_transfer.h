// Whole transfers over any stream descriptor (socket or pipe), each within a time, and a word to sleep on.
// Every function returns a non-negative result or -errno; `timeout_ns` below zero waits for ever.
#ifndef CLINUX_TRANSFER_H
#define CLINUX_TRANSFER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What is there, at most `capacity` bytes, once something is; zero at the end of the stream, -ETIMEDOUT.
ssize_t clinux_read_within(int descriptor, void *bytes, size_t capacity, int64_t timeout_ns);
/// All of `head`, then all of `tail`. -ETIMEDOUT when the other side takes nothing for that long, -EPIPE when it
/// hung up. After an error nobody knows how much was taken.
int clinux_write_all(
    int descriptor, const void *head, size_t head_count, const void *tail, size_t tail_count, int64_t timeout_ns);
/// Ends a socket's both directions, so that whoever waits on it wakes; -ENOTSOCK for anything else.
int clinux_shut_down(int descriptor);

/// Sleeps while `*word` is `expected`: zero when woken (perhaps for nothing), -EAGAIN, -ETIMEDOUT, -EINTR.
int clinux_futex_wait(const uint32_t *word, uint32_t expected, int64_t timeout_ns);
int clinux_futex_wake(const uint32_t *word);

#endif
