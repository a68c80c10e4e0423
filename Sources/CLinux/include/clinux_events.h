// What `import Glibc` lacks of Linux: epoll, eventfd, signalfd, pipe2, sealed memfds, mount namespaces.
// Every function returns a non-negative result or -errno.
#ifndef CLINUX_EVENTS_H
#define CLINUX_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

int clinux_eventfd(void);
/// Signals `number` are blocked in the calling thread (and threads it starts) and read from the descriptor.
int clinux_signalfd(const int *numbers, size_t count);

int clinux_epoll_create(void);
int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token);
/// `tokens` and `events` receive at most `capacity` entries; `timeout_ns` below zero waits for ever.
int clinux_epoll_wait(int epoll, uint64_t *tokens, uint32_t *events, int capacity, int64_t timeout_ns);

/// A memory file of `size` bytes, sealed against shrinking, growing and unsealing.
int clinux_sealed_memory(const char *name, uint64_t size);
/// Zero when `descriptor` is a memory file of exactly `size` bytes with those three seals; else -errno
/// (-EPERM: a seal is missing; -EMSGSIZE: another size; -EINVAL: no memory file, or one of huge pages).
int clinux_check_sealed_memory(int descriptor, uint64_t size);

/// A pipe, both ends closed on exec from birth: reading end first.
int clinux_pipe(int ends[2]);

/// A pollable descriptor for another process; readable when it has ended.
int clinux_pidfd_open(int pid);
/// Reaches that process or none.
int clinux_pidfd_signal(int descriptor, int number);
int clinux_gettid(void);
/// The processor that the calling thread runs on, or -1.
int clinux_current_processor(void);
/// A pause in a loop that looks at memory.
static inline void clinux_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
/// Names the calling thread; 15 bytes are kept.
int clinux_name_thread(const char *name);
int clinux_set_parent_death_signal(int signal_number);

#endif
