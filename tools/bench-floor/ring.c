#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "bench_floor.h"

static struct ring_memory memory;
static const uint64_t window_base = 1 << 20, window_size = 1 << 20;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t floor_ring_cycle(uint32_t rounds, uint32_t batch) {
    struct ring_driver driver;
    struct ring_device device = {0};
    struct ring_chain chain;
    uint64_t token, sum = 0, expected = 0, told = 0;
    memset(&memory, 0, sizeof memory);
    memory.available.flags = memory.used.flags = 1;
    ring_driver_begin(&driver);
    int64_t start = now_ns();
    for (uint32_t round = 0; round < rounds; round++) {
        int status;
        for (uint32_t i = 0; i < batch; i++) {
            expected += i;
            if (!ring_add(&memory, &driver, window_base + 64 * i, 64, i)) return -EAGAIN;
        }
        told += (unsigned)ring_publish_available(&memory, &driver);
        while ((status = ring_take(&memory, &device, window_base, window_size, &chain)) > 0)
            ring_complete(&memory, &device, chain.head, 0);
        if (status < 0) return -EPROTO;
        told += (unsigned)ring_publish_used(&memory, &device);
        while ((status = ring_reap(&memory, &driver, &token)) > 0) sum += token;
        if (status < 0) return -EPROTO;
    }
    int64_t elapsed = now_ns() - start;
    return sum == expected && told == 0 ? elapsed : -EPROTO;
}

struct device_side {
    uint32_t rounds;
    int cpu;
};

static void *serve(void *argument) {
    const struct device_side *side = argument;
    struct ring_device device = {0};
    struct ring_chain chain;
    floor_pin(0, side->cpu);
    for (uint32_t done = 0; done < side->rounds;) {
        if (ring_take(&memory, &device, window_base, window_size, &chain) <= 0) continue;
        ring_complete(&memory, &device, chain.head, 0);
        ring_publish_used(&memory, &device);
        done++;
    }
    return NULL;
}

int64_t floor_ring_ping_pong(uint32_t rounds, int driver_cpu, int device_cpu) {
    struct ring_driver driver;
    struct device_side side = {rounds, device_cpu};
    pthread_t thread;
    uint64_t token;
    memset(&memory, 0, sizeof memory);
    memory.available.flags = memory.used.flags = 1;
    ring_driver_begin(&driver);
    floor_pin(0, driver_cpu);
    int error = pthread_create(&thread, NULL, serve, &side);
    if (error) return -error;
    int64_t start = now_ns();
    for (uint32_t i = 0; i < rounds; i++) {
        ring_add(&memory, &driver, window_base, 64, i);
        ring_publish_available(&memory, &driver);
        while (ring_reap(&memory, &driver, &token) <= 0) {}
    }
    int64_t elapsed = now_ns() - start;
    pthread_join(thread, NULL);
    floor_pin(0, -1);
    return elapsed;
}
