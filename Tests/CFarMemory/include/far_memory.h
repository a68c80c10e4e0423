// Memory that nobody may touch unseen: every access faults, is counted, and is then let through by a single step.
#ifndef FAR_MEMORY_H
#define FAR_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define FAR_MEMORY_RANGES 4

/// Instructions that read, and that wrote. One that does both in a step, locked or an exchange, counts as both.
struct far_memory_counts {
    uint64_t reads;
    uint64_t writes;
};

/// Begins to count accesses to whole pages, made by threads of this process, each of which single-steps by itself: only
/// one may use the range at a time.
///
/// Returns the range's number, or -errno: ENOTSUP where this machine's traps are not known, ENOSPC for one range too many.
int far_memory_guard(void *start, size_t byte_count);

/// What was counted so far.
struct far_memory_counts far_memory_counts(int range);

/// Lets everybody touch the range again.
void far_memory_release(int range);

/// An exchange with the word at `place`: something for the count to see.
static inline uint32_t far_memory_exchange(void *place) {
    return __atomic_exchange_n((uint32_t *)place, 1, __ATOMIC_SEQ_CST);
}

#endif
