// Only where ThreadSanitizer watches (tools/sanitize thread): what it cannot see of Swift's Mutex.
//
// A Mutex that nobody contends for is locked and unlocked by one atomic operation each, compiled into our own code, which
// the sanitizer sees. A contended one is locked and unlocked inside the library libswiftSynchronization, which is not
// instrumented: without this everything that such a Mutex guards would be reported as a race. These definitions take the
// library's place, do what it does, and say what it means. Nothing is suppressed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)

// ABI: compiler-rt's interface to its annotations.
void __tsan_acquire(void *address);
void __tsan_release(void *address);

// ABI: the calling convention and mangled names of Swift 6's Synchronization._MutexHandle on Linux.
#define SWIFT __attribute__((swiftcall))
#define CONTEXT __attribute__((swift_context))
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
typedef SWIFT void (*lock_function)(uint32_t thread, CONTEXT void *mutex);
typedef SWIFT void (*unlock_function)(CONTEXT void *mutex);

SWIFT void clinux_lock_slow(uint32_t thread, CONTEXT void *mutex) __asm__(LOCK_SLOW);
SWIFT void clinux_unlock_slow(CONTEXT void *mutex) __asm__(UNLOCK_SLOW);

/// The library's own function of a name, found once.
static void *next(_Atomic(void *) *found, const char *name) {
    void *function = atomic_load_explicit(found, memory_order_relaxed);
    if (function == NULL) {
        function = dlsym(RTLD_NEXT, name);
        // Another Swift, with another Mutex: nothing here holds then.
        if (function == NULL) abort();
        atomic_store_explicit(found, function, memory_order_relaxed);
    }
    return function;
}

SWIFT void clinux_lock_slow(uint32_t thread, CONTEXT void *mutex) {
    static _Atomic(void *) found;
    ((lock_function)next(&found, LOCK_SLOW))(thread, mutex);
    __tsan_acquire(mutex);
}

SWIFT void clinux_unlock_slow(CONTEXT void *mutex) {
    static _Atomic(void *) found;
    __tsan_release(mutex);
    ((unlock_function)next(&found, UNLOCK_SLOW))(mutex);
}

#endif
#endif
