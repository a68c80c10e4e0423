#define _GNU_SOURCE
#include "clinux_events.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static int result(long value) { return value < 0 ? -errno : (int)value; }

int clinux_eventfd(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int clinux_signalfd(const int *numbers, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, numbers[i]);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0) return -error;
    return result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int clinux_epoll_create(void) { return result(epoll_create1(EPOLL_CLOEXEC)); }

int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return result(epoll_ctl(epoll, operation, descriptor, &event));
}

int clinux_epoll_wait(int epoll, uint64_t *tokens, uint32_t *events, int capacity, int64_t timeout_ns) {
    struct epoll_event ready[64];
    if (capacity > 64) capacity = 64;
    // Rounded up to whole milliseconds, so that a deadline has passed when its wait ends.
    int timeout = timeout_ns < 0 ? -1
                  : timeout_ns > (int64_t)INT32_MAX * 1000000 - 1000000 ? INT32_MAX
                                                                        : (int)((timeout_ns + 999999) / 1000000);
    int count = epoll_wait(epoll, ready, capacity, timeout);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) {
        tokens[i] = ready[i].data.u64;
        events[i] = ready[i].events;
    }
    return count;
}

#define REQUIRED_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int clinux_sealed_memory(const char *name, uint64_t size) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) return -errno;
    if (ftruncate(descriptor, (off_t)size) < 0 || fcntl(descriptor, F_ADD_SEALS, REQUIRED_SEALS) < 0) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    return descriptor;
}

int clinux_check_sealed_memory(int descriptor, uint64_t size) {
    struct stat status;
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0) return -EINVAL;
    if ((seals & REQUIRED_SEALS) != REQUIRED_SEALS) return -EPERM;
    if (fstat(descriptor, &status) < 0) return -errno;
    if (!S_ISREG(status.st_mode)) return -EINVAL;
    // A hole punched into ordinary pages is filled with zeros when it is touched; huge pages come from a pool that may
    // be empty by then, and that is a SIGBUS.
    struct statfs place;
    if (fstatfs(descriptor, &place) < 0) return -errno;
    if (place.f_type == HUGETLBFS_MAGIC) return -EINVAL;
    return (uint64_t)status.st_size == size ? 0 : -EMSGSIZE;
}

int clinux_pipe(int ends[2]) { return result(pipe2(ends, O_CLOEXEC)); }
int clinux_pidfd_open(int pid) { return result(syscall(SYS_pidfd_open, pid, 0)); }
int clinux_pidfd_signal(int descriptor, int number) {
    return result(syscall(SYS_pidfd_send_signal, descriptor, number, NULL, 0));
}
int clinux_current_processor(void) { return sched_getcpu(); }
int clinux_gettid(void) { return (int)syscall(SYS_gettid); }
int clinux_set_parent_death_signal(int number) { return result(prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)); }
int clinux_name_thread(const char *name) { return result(prctl(PR_SET_NAME, name, 0, 0, 0)); }
