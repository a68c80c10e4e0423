/* tsc-khz: how many thousand times a second this machine's time stamp counter counts, measured for a fifth of a second. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

/* The counter and the clock, read as close to each other as this process ever gets to. */
static void look(uint64_t *count, int64_t *nanoseconds) {
    uint64_t closest = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        struct timespec now;
        uint64_t before = __rdtsc();
        clock_gettime(CLOCK_MONOTONIC_RAW, &now);
        uint64_t after = __rdtsc();
        if (after - before >= closest) continue;
        closest = after - before;
        *count = before + closest / 2;
        *nanoseconds = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    }
}

int main(void) {
    uint64_t count[2];
    int64_t time[2];
    look(&count[0], &time[0]);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    look(&count[1], &time[1]);
    printf("%.0f\n", (double)(count[1] - count[0]) * 1e6 / (double)(time[1] - time[0]));
}
