#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench_floor.h"

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t transfer(int file, uint32_t block, uint64_t byte_count, int writes) {
    void *bytes;
    if (posix_memalign(&bytes, 4096, block)) return -ENOMEM;
    for (uint32_t i = 0; i < block; i++) ((char *)bytes)[i] = (char)i;
    int64_t result = 0, start = now_ns();
    for (uint64_t at = 0; at + block <= byte_count && result == 0; at += block) {
        ssize_t moved =
            writes ? pwrite(file, bytes, block, (off_t)at) : pread(file, bytes, block, (off_t)at);
        if (moved != (ssize_t)block) result = moved < 0 ? -errno : -EIO;
    }
    int64_t elapsed = now_ns() - start;
    free(bytes);
    return result ? result : elapsed;
}

int64_t floor_read_file(int file, uint32_t block, uint64_t byte_count) { return transfer(file, block, byte_count, 0); }
int64_t floor_write_file(int file, uint32_t block, uint64_t byte_count) { return transfer(file, block, byte_count, 1); }

struct worker {
    int descriptor, work, is_apart;
    uint32_t number, count, block;
    uint64_t file_size;
    int error;
    pthread_t thread;
};

static void *read_at_random(void *argument) {
    struct worker *worker = argument;
    char *bytes = malloc(worker->block);
    uint64_t state = 0x9E3779B97F4A7C15u * (worker->number + 1), blocks = worker->file_size / worker->block;
    for (uint32_t i = 0; i < worker->count && !worker->error; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        off_t at = (off_t)(state % blocks * worker->block);
        if (pread(worker->descriptor, bytes, worker->block, at) != (ssize_t)worker->block) worker->error = EIO;
    }
    free(bytes);
    return NULL;
}

static int work_on(const struct worker *worker, const char *name) {
    struct stat status;
    switch (worker->work) {
        case FLOOR_STAT: return fstatat(worker->descriptor, name, &status, 0);
        case FLOOR_UNLINK: return unlinkat(worker->descriptor, name, 0);
        default: {
            int file = openat(worker->descriptor, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
            return file < 0 ? -1 : close(file);
        }
    }
}

static void *work_on_names(void *argument) {
    struct worker *worker = argument;
    char name[32];
    int shared = worker->descriptor;
    if (worker->is_apart) {
        snprintf(name, sizeof name, "d%02u", worker->number);
        worker->descriptor = openat(shared, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (worker->descriptor < 0) worker->error = errno;
    }
    for (uint32_t i = 0; i < worker->count && !worker->error; i++) {
        snprintf(name, sizeof name, "f%02u-%06u", worker->number, i);
        if (work_on(worker, name) < 0) worker->error = errno;
    }
    if (worker->is_apart && worker->descriptor >= 0) close(worker->descriptor);
    return NULL;
}

static int64_t run(struct worker pattern, uint32_t threads, void *(*body)(void *)) {
    struct worker workers[64];
    if (threads > 64) return -EINVAL;
    int64_t start = now_ns(), error = 0;
    uint32_t started = 0;
    for (; started < threads && !error; started++) {
        workers[started] = pattern;
        workers[started].number = started;
        error = pthread_create(&workers[started].thread, NULL, body, &workers[started]);
        if (error) break;
    }
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].error) error = workers[i].error;
    }
    return error ? -error : now_ns() - start;
}

int64_t floor_random_reads(int file, uint32_t block, uint64_t file_size, uint32_t threads, uint32_t per_thread) {
    struct worker pattern = {.descriptor = file, .block = block, .file_size = file_size, .count = per_thread};
    return run(pattern, threads, read_at_random);
}

int64_t floor_names(int directory, int work, uint32_t threads, uint32_t per_thread, int are_apart) {
    struct worker pattern = {.descriptor = directory, .work = work, .is_apart = are_apart, .count = per_thread};
    return run(pattern, threads, work_on_names);
}

int64_t floor_list(int directory, uint32_t expected) {
    int own = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) return -errno;
    int64_t start = now_ns();
    DIR *listing = fdopendir(own);
    if (!listing) return -errno;
    uint32_t count = 0;
    while (readdir(listing)) count++;
    int64_t elapsed = now_ns() - start;
    closedir(listing);
    return count == expected + 2 ? elapsed : -EIO;
}
