// A split virtqueue written from the standard alone (VIRTIO 1.3, 2.7): what a C driver and a C device cannot do
// without, among it the checks of what the other side wrote. State lies in the caller's locals.
#ifndef BENCH_FLOOR_RING_H
#define BENCH_FLOOR_RING_H

#include <stdint.h>

#define RING_SIZE 256u
#define RING_MASK (RING_SIZE - 1u)
#define DESCRIPTOR_NEXT 1u
#define DESCRIPTOR_WRITE 2u

struct ring_memory {
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } table[RING_SIZE];
    struct {
        uint16_t flags, index, heads[RING_SIZE], used_event;
    } available;
    _Alignas(4096) struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } elements[RING_SIZE];
        uint16_t available_event;
    } used;
};

struct ring_driver {
    uint64_t tokens[RING_SIZE];
    uint32_t room[RING_SIZE];
    uint16_t next[RING_SIZE];
    uint16_t first_free, free_count, available, used, used_seen;
};

struct ring_device {
    uint16_t available, available_seen, used;
};

struct ring_chain {
    uint64_t offset;
    uint32_t readable, writable;
    uint16_t head;
};

#define RING_LOAD(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define RING_STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

static inline void ring_fence(void) {
#if defined(__x86_64__)
    // What gcc makes of a full fence: half the price of mfence.
    __asm__ volatile("lock; orq $0, (%%rsp)" ::: "memory", "cc");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static inline void ring_driver_begin(struct ring_driver *d) {
    for (unsigned i = 0; i < RING_SIZE; i++) d->next[i] = (uint16_t)(i + 1);
    d->first_free = 0, d->free_count = RING_SIZE, d->available = d->used = d->used_seen = 0;
}

static inline int ring_add(
    struct ring_memory *m, struct ring_driver *d, uint64_t address, uint32_t length, uint64_t token) {
    if (d->free_count == 0) return 0;
    uint16_t head = d->first_free & RING_MASK;
    d->first_free = d->next[head];
    d->free_count--;
    RING_STORE(m->table[head].address, address);
    RING_STORE(*(uint64_t *)&m->table[head].length, (uint64_t)length);
    d->tokens[head] = token;
    d->room[head] = 0;
    RING_STORE(m->available.heads[d->available & RING_MASK], head);
    d->available++;
    return 1;
}

/// Whether the device wants to be told.
static inline int ring_publish_available(struct ring_memory *m, const struct ring_driver *d) {
    __atomic_store_n(&m->available.index, d->available, __ATOMIC_RELEASE);
    ring_fence();
    return (RING_LOAD(m->used.flags) & 1) == 0;
}

/// 1 for a chain, 0 for none, -1 for a driver that broke a rule.
static inline int ring_take(
    struct ring_memory *m, struct ring_device *d, uint64_t base, uint64_t window, struct ring_chain *chain) {
    if (d->available == d->available_seen) {
        uint16_t index = __atomic_load_n(&m->available.index, __ATOMIC_ACQUIRE);
        if ((uint16_t)(index - d->available) > RING_SIZE) return -1;
        d->available_seen = index;
        if (index == d->available) return 0;
    }
    uint16_t head = RING_LOAD(m->available.heads[d->available & RING_MASK]);
    uint16_t place = head;
    *chain = (struct ring_chain){.head = head};
    for (unsigned visited = 0;; visited++) {
        if (place >= RING_SIZE || visited == RING_SIZE) return -1;
        uint64_t address = RING_LOAD(m->table[place].address);
        uint64_t word = RING_LOAD(*(uint64_t *)&m->table[place].length);
        uint32_t length = (uint32_t)word;
        uint16_t flags = (uint16_t)(word >> 32);
        if (address < base || length > window || address - base > window - length) return -1;
        if (visited == 0) chain->offset = address - base;
        if (flags & DESCRIPTOR_WRITE) chain->writable += length;
        else if (chain->writable) return -1;
        else chain->readable += length;
        if (!(flags & DESCRIPTOR_NEXT)) break;
        place = (uint16_t)(word >> 48);
    }
    d->available++;
    return 1;
}

static inline void ring_complete(struct ring_memory *m, struct ring_device *d, uint16_t head, uint32_t written) {
    RING_STORE(m->used.elements[d->used & RING_MASK].id, head);
    RING_STORE(m->used.elements[d->used & RING_MASK].length, written);
    d->used++;
}

/// Whether the driver wants to be told.
static inline int ring_publish_used(struct ring_memory *m, const struct ring_device *d) {
    __atomic_store_n(&m->used.index, d->used, __ATOMIC_RELEASE);
    ring_fence();
    return (RING_LOAD(m->available.flags) & 1) == 0;
}

/// As for `ring_take`, with the token of a chain that came back.
static inline int ring_reap(struct ring_memory *m, struct ring_driver *d, uint64_t *token) {
    if (d->used == d->used_seen) {
        uint16_t index = __atomic_load_n(&m->used.index, __ATOMIC_ACQUIRE);
        if ((uint16_t)(index - d->used) > (uint16_t)(d->available - d->used)) return -1;
        d->used_seen = index;
        if (index == d->used) return 0;
    }
    uint32_t id = RING_LOAD(m->used.elements[d->used & RING_MASK].id);
    uint32_t length = RING_LOAD(m->used.elements[d->used & RING_MASK].length);
    if (id >= RING_SIZE || length > d->room[id]) return -1;
    *token = d->tokens[id];
    d->next[id] = d->first_free;
    d->first_free = (uint16_t)id;
    d->free_count++;
    d->used++;
    return 1;
}

#endif
