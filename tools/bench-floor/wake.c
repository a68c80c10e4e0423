#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "bench_floor.h"

struct end {
    int epoll, own, peer, cpu;
    uint32_t rounds;
    int64_t elapsed;
};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void ring(const struct end *end) {
    uint64_t one = 1;
    if (write(end->peer, &one, sizeof one) < 0) return;
}

static void await(const struct end *end) {
    struct epoll_event event;
    uint64_t count;
    while (epoll_wait(end->epoll, &event, 1, -1) < 1) {}
    if (read(end->own, &count, sizeof count) < 0) return;
}

static void *answer(void *argument) {
    const struct end *end = argument;
    floor_pin(0, end->cpu);
    for (uint32_t i = 0; i < end->rounds; i++) {
        await(end);
        ring(end);
    }
    return NULL;
}

static int open_end(struct end *end, int own, int peer, int cpu, uint32_t rounds) {
    struct epoll_event event = {.events = EPOLLIN};
    *end = (struct end){epoll_create1(EPOLL_CLOEXEC), own, peer, cpu, rounds, 0};
    return end->epoll < 0 ? -errno : epoll_ctl(end->epoll, EPOLL_CTL_ADD, own, &event) < 0 ? -errno : 0;
}

int64_t floor_eventfd_ping_pong(uint32_t rounds, int near_cpu, int far_cpu) {
    int near_bell = eventfd(0, EFD_CLOEXEC), far_bell = eventfd(0, EFD_CLOEXEC);
    struct end near, far;
    pthread_t thread;
    int error = open_end(&near, near_bell, far_bell, near_cpu, rounds);
    if (!error) error = open_end(&far, far_bell, near_bell, far_cpu, rounds);
    if (!error) error = -pthread_create(&thread, NULL, answer, &far);
    if (error) return error;
    floor_pin(0, near_cpu);
    int64_t start = now_ns();
    for (uint32_t i = 0; i < rounds; i++) {
        ring(&near);
        await(&near);
    }
    int64_t elapsed = now_ns() - start;
    pthread_join(thread, NULL);
    floor_pin(0, -1);
    close(near.epoll), close(far.epoll), close(near_bell), close(far_bell);
    return elapsed;
}
