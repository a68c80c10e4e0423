// Atomic and volatile accesses to memory that another process, or a device, may write at any time.
//
// Every function touches memory exactly once: one load or one store of the stated width, naturally aligned.
// Swift's own loads may be repeated by the optimiser; these may not.
#ifndef CLINUX_MEMORY_H
#define CLINUX_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CLINUX_ACCESSORS(bits)                                                                        \
    static inline uint##bits##_t clinux_load_relaxed##bits(const void *p) {                           \
        return __atomic_load_n((const uint##bits##_t *)p, __ATOMIC_RELAXED);                          \
    }                                                                                                 \
    static inline uint##bits##_t clinux_load_acquire##bits(const void *p) {                           \
        return __atomic_load_n((const uint##bits##_t *)p, __ATOMIC_ACQUIRE);                          \
    }                                                                                                 \
    static inline void clinux_store_relaxed##bits(void *p, uint##bits##_t v) {                        \
        __atomic_store_n((uint##bits##_t *)p, v, __ATOMIC_RELAXED);                                   \
    }                                                                                                 \
    static inline void clinux_store_release##bits(void *p, uint##bits##_t v) {                        \
        __atomic_store_n((uint##bits##_t *)p, v, __ATOMIC_RELEASE);                                   \
    }                                                                                                 \
    static inline uint##bits##_t clinux_load_volatile##bits(const void *p) {                          \
        return *(const volatile uint##bits##_t *)p;                                                   \
    }                                                                                                 \
    static inline void clinux_store_volatile##bits(void *p, uint##bits##_t v) {                       \
        *(volatile uint##bits##_t *)p = v;                                                            \
    }

CLINUX_ACCESSORS(8)
CLINUX_ACCESSORS(16)
CLINUX_ACCESSORS(32)
CLINUX_ACCESSORS(64)

/// A full fence: needed where a store must be visible before a later load (notification suppression).
static inline void clinux_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void clinux_fence_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
static inline void clinux_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }

/// Everything stored before, a device's memory among it, is on its way before anything that is stored after: for a
/// doorbell register behind what it tells of.
static inline void clinux_fence_device_store(void) {
#if defined(__x86_64__)
    __asm__ volatile("sfence" ::: "memory");
#elif defined(__aarch64__)
    __asm__ volatile("dmb oshst" ::: "memory");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/// Copies by aligned volatile words: for device memory, where memcpy's unaligned or wide accesses may fault.
void clinux_copy_from_device(void *to, const void *from, size_t count);
void clinux_copy_to_device(void *to, const void *from, size_t count);

#endif
