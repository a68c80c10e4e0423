#define _GNU_SOURCE
#include "clinux_guards.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

// The handler looks through a table that threads change meanwhile, and can take no lock. An entry is in use while its
// `start` is not null, and `count` belongs to the `start` that is the same before and after reading it.

enum { GUARDS = 4096 };

struct guard {
    uintptr_t start;
    size_t count;
    uint32_t has_lost;
};

static struct guard guards[GUARDS];
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before;
static int is_handled;

uint32_t clinux_losses;

static int holds(struct guard *guard, uintptr_t address) {
    // ORDER: acquire, twice; pairs with the releasing stores of `start` in clinux_guard and clinux_unguard, so that
    // `count` is that of `start` where both readings agree.
    uintptr_t start = __atomic_load_n(&guard->start, __ATOMIC_ACQUIRE);
    size_t count = __atomic_load_n(&guard->count, __ATOMIC_ACQUIRE);
    if (start == 0 || __atomic_load_n(&guard->start, __ATOMIC_ACQUIRE) != start) return 0;
    return address >= start && address - start < count;
}

// SAFETY: only what a signal handler may do: loads, stores and system calls. The faulting thread is inside the range,
// so it holds the mapping, and nobody unmaps or unguards it meanwhile.
static int put_zeros(uintptr_t address) {
    for (int i = 0; i < GUARDS; i++) {
        if (!holds(&guards[i], address)) continue;
        void *zeros = mmap((void *)guards[i].start, guards[i].count, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        if (zeros == MAP_FAILED) return 0;
        __atomic_store_n(&guards[i].has_lost, 1, __ATOMIC_RELAXED);
        // ORDER: release; pairs with clinux_loss_count, so that who sees the count sees which it was.
        __atomic_add_fetch(&clinux_losses, 1, __ATOMIC_RELEASE);
        return 1;
    }
    return 0;
}

static void on_bus_error(int number, siginfo_t *information, void *context) {
    (void)context;
    int error = errno;
    // Above zero: from the kernel, so that the address means something.
    if (information->si_code > 0 && put_zeros((uintptr_t)information->si_addr)) {
        errno = error;
        return;
    }
    // Fatal, or whatever it was before us: an access that is tried again faults again.
    sigaction(number, &before, NULL);
    if (information->si_code <= 0) raise(number);
    errno = error;
}

static int handle(void) {
    if (is_handled) return 0;
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, &action, &before) < 0) return -errno;
    is_handled = 1;
    return 0;
}

static int enter(uintptr_t start, size_t count) {
    int error = handle();
    if (error < 0) return error;
    for (int i = 0; i < GUARDS; i++) {
        if (guards[i].start != 0) continue;
        __atomic_store_n(&guards[i].has_lost, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&guards[i].count, count, __ATOMIC_RELAXED);
        // ORDER: release; pairs with `holds`.
        __atomic_store_n(&guards[i].start, start, __ATOMIC_RELEASE);
        return i;
    }
    return -ENFILE;
}

int clinux_guard(void *start, size_t count) {
    pthread_mutex_lock(&changing);
    int guard = enter((uintptr_t)start, count);
    pthread_mutex_unlock(&changing);
    return guard;
}

void clinux_unguard(int guard) {
    pthread_mutex_lock(&changing);
    // ORDER: release; pairs with `holds`.
    __atomic_store_n(&guards[guard].start, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&changing);
}

int clinux_guard_has_lost(int guard) { return __atomic_load_n(&guards[guard].has_lost, __ATOMIC_RELAXED) != 0; }
