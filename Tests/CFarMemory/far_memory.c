#define _GNU_SOURCE
#include "far_memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <ucontext.h>

// fault:  SIGSEGV ──► count, open the range, set the trap flag ──► the instruction, once ──► SIGTRAP ──► close it again

#if defined(__x86_64__)

enum { FAULT_WAS_WRITE = 2, TRAP_FLAG = 0x100 };

static struct range {
    _Atomic(uintptr_t) start;  // 0: free
    size_t byte_count;
    _Atomic uint64_t reads, writes;
} ranges[FAR_MEMORY_RANGES];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction earlier_fault, earlier_trap;
static _Thread_local struct range *stepped;

static struct range *range_of(uintptr_t address) {
    for (int i = 0; i < FAR_MEMORY_RANGES; i++) {
        uintptr_t start = atomic_load(&ranges[i].start);
        if (start && address - start < ranges[i].byte_count) return &ranges[i];
    }
    return NULL;
}

static void protect(const struct range *range, int protection) {
    mprotect((void *)atomic_load(&range->start), range->byte_count, protection);
}

// LOCK, XCHG with memory, and the two-byte CMPXCHG and XADD, behind any prefixes.
static int reads_as_it_writes(const unsigned char *code) {
    while (*code == 0x66 || *code == 0xF2 || *code == 0xF3 || (*code & 0xF0) == 0x40) code++;
    if (*code == 0xF0 || *code == 0x86 || *code == 0x87) return 1;
    return code[0] == 0x0F && (code[1] == 0xB0 || code[1] == 0xB1 || code[1] == 0xC0 || code[1] == 0xC1);
}

// Whoever handled the signal before is who handles it now: the instruction is run again.
static void leave_to(int number, const struct sigaction *earlier) { sigaction(number, earlier, NULL); }

static void on_fault(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct range *range = range_of((uintptr_t)info->si_addr);
    if (!range || stepped) {
        leave_to(number, &earlier_fault);
        return;
    }
    int is_write = (registers[REG_ERR] & FAULT_WAS_WRITE) != 0;
    if (is_write) atomic_fetch_add(&range->writes, 1);
    if (!is_write || reads_as_it_writes((const unsigned char *)registers[REG_RIP]))
        atomic_fetch_add(&range->reads, 1);
    protect(range, PROT_READ | PROT_WRITE);
    stepped = range;
    registers[REG_EFL] |= TRAP_FLAG;
}

static void on_trap(int number, siginfo_t *info, void *context) {
    (void)info;
    if (!stepped) {
        leave_to(number, &earlier_trap);
        return;
    }
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    protect(stepped, PROT_NONE);
    stepped = NULL;
}

static void set_up(void) {
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &fault, &earlier_fault);
    sigaction(SIGTRAP, &trap, &earlier_trap);
}

int far_memory_guard(void *start, size_t byte_count) {
    pthread_once(&once, set_up);
    int number = -ENOSPC;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FAR_MEMORY_RANGES && number < 0; i++) {
        if (atomic_load(&ranges[i].start)) continue;
        ranges[i].byte_count = byte_count;
        atomic_store(&ranges[i].reads, 0);
        atomic_store(&ranges[i].writes, 0);
        atomic_store(&ranges[i].start, (uintptr_t)start);
        number = i;
        if (mprotect(start, byte_count, PROT_NONE) < 0) {
            number = -errno;
            atomic_store(&ranges[i].start, 0);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return number;
}

struct far_memory_counts far_memory_counts(int range) {
    return (struct far_memory_counts){atomic_load(&ranges[range].reads), atomic_load(&ranges[range].writes)};
}

void far_memory_release(int range) {
    protect(&ranges[range], PROT_READ | PROT_WRITE);
    atomic_store(&ranges[range].start, 0);
}

#else

int far_memory_guard(void *start, size_t byte_count) {
    (void)start, (void)byte_count;
    return -ENOTSUP;
}

struct far_memory_counts far_memory_counts(int range) {
    (void)range;
    return (struct far_memory_counts){0, 0};
}

void far_memory_release(int range) { (void)range; }

#endif
