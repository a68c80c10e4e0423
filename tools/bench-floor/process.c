#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_floor.h"

static cpu_set_t processors(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (cpu < 0 || i == cpu) CPU_SET(i, &set);
    return set;
}

/// Calls `each` with every thread of `process`.
static int for_threads(int process, int (*each)(int process, int thread, void *context), void *context) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *directory = opendir(path);
    if (!directory) return -errno;
    int result = 0;
    for (struct dirent *entry; (entry = readdir(directory)) && !result;)
        if (entry->d_name[0] != '.') result = each(process, atoi(entry->d_name), context);
    closedir(directory);
    return result;
}

static int pin_thread(int process, int thread, void *context) {
    (void)process;
    const cpu_set_t *set = context;
    // A thread may end meanwhile.
    return sched_setaffinity(thread, sizeof *set, set) < 0 && errno != ESRCH ? -errno : 0;
}

int floor_pin(int process, int cpu) {
    cpu_set_t set = processors(cpu);
    return process == 0 ? pin_thread(0, 0, &set) : for_threads(process, pin_thread, &set);
}

static int add_time(int process, int thread, void *context) {
    char path[96];
    unsigned long long ran = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", process, thread);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%llu", &ran) == 1) *(int64_t *)context += (int64_t)ran;
    fclose(file);
    return 0;
}

int64_t floor_processor_time(int process) {
    int64_t total = 0;
    int error = for_threads(process, add_time, &total);
    return error ? error : total;
}

/// Adds what follows `label` in a file of lines.
static int add_labelled(const char *path, const char *label, int64_t *sum) {
    char line[256], format[64];
    long long value;
    snprintf(format, sizeof format, "%s %%lld", label);
    FILE *file = fopen(path, "r");
    if (!file) return -errno;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, format, &value) == 1) *sum += value;
    fclose(file);
    return 0;
}

static int add_sleeps(int process, int thread, void *context) {
    char path[96];
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", process, thread);
    add_labelled(path, "voluntary_ctxt_switches:", context);
    return 0;
}

int64_t floor_sleeps(int process) {
    int64_t total = 0;
    int error = for_threads(process, add_sleeps, &total);
    return error ? error : total;
}

int64_t floor_memory(int process) {
    char path[64];
    int64_t kib = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", process);
    int error = add_labelled(path, "Pss:", &kib);
    return error ? error : kib * 1024;
}
