// Stands before the C library's malloc and the Swift runtime's reference counting in this one program, so that what
// a loop does of either is counted where it happens and not guessed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#include "bench_floor.h"

static _Thread_local int is_counting;
static uint64_t allocations, retains, releases;

void floor_count_start(void) { allocations = retains = releases = 0, is_counting = 1; }
void floor_count_stop(void) { is_counting = 0; }
uint64_t floor_allocations(void) { return allocations; }
uint64_t floor_retains(void) { return retains; }
uint64_t floor_releases(void) { return releases; }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
    allocations += (unsigned)is_counting;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations += (unsigned)is_counting;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    allocations += (unsigned)is_counting;
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    allocations += (unsigned)is_counting;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    allocations += (unsigned)is_counting;
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : 12;
}

// The callers may keep values in any register but the result's.
#define KEEPING __attribute__((preserve_most))

#define ONE(name, counter)                                         \
    KEEPING void *name(void *object) {                             \
        static void *(*next)(void *);                              \
        if (!next) next = (void *(*)(void *))dlsym(RTLD_NEXT, #name); \
        counter += (unsigned)is_counting;                          \
        return next(object);                                       \
    }
#define MANY(name, counter)                                        \
    KEEPING void *name(void *object, uint32_t n) {                 \
        static void *(*next)(void *, uint32_t);                    \
        if (!next) next = (void *(*)(void *, uint32_t))dlsym(RTLD_NEXT, #name); \
        counter += is_counting ? n : 0;                            \
        return next(object, n);                                    \
    }

ONE(swift_retain, retains)
ONE(swift_release, releases)
ONE(swift_bridgeObjectRetain, retains)
ONE(swift_bridgeObjectRelease, releases)
ONE(swift_unknownObjectRetain, retains)
ONE(swift_unknownObjectRelease, releases)
MANY(swift_retain_n, retains)
MANY(swift_release_n, releases)
