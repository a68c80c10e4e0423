#define _GNU_SOURCE
#include "clinux_doorbells.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// write() to an eventfd has no form that cannot wait: O_NONBLOCK belongs to the open file, and so to the peer as well,
// and RWF_NOWAIT is not taken. But the kernel itself signals an eventfd without waiting when an asynchronous read is
// done (IOCB_FLAG_RESFD), and a read of ordinary memory is done before io_submit() returns.

enum { OUTSTANDING = 64 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static aio_context_t context;
static int source = -1;  // reading it is always done at once

static void set_up(void) {
    // An empty memory file would do as well; it takes a little longer.
    source = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (source < 0) source = memfd_create("vop-doorbell", MFD_CLOEXEC);
    if (source < 0 || syscall(SYS_io_setup, OUTSTANDING, &context) < 0) context = 0;
}

static void forget_completions(void) {
    struct io_event events[OUTSTANDING];
    struct timespec now = {0, 0};
    syscall(SYS_io_getevents, context, 0, OUTSTANDING, events, &now);
}

static int ring_by_completion(int descriptor) {
    static char byte;
    struct iocb request = {
        .aio_lio_opcode = IOCB_CMD_PREAD,
        .aio_fildes = (uint32_t)source,
        .aio_buf = (uint64_t)(uintptr_t)&byte,
        .aio_nbytes = sizeof byte,
        .aio_flags = IOCB_FLAG_RESFD,
        .aio_resfd = (uint32_t)descriptor,
    };
    struct iocb *requests[] = {&request};
    if (syscall(SYS_io_submit, context, 1, requests) == 1) return 0;
    if (errno != EAGAIN) return -errno;
    // No room for one more completion: that is found out here, so that most rings are one call.
    forget_completions();
    return syscall(SYS_io_submit, context, 1, requests) == 1 ? 0 : -errno;
}

// Where the kernel has no asynchronous reads for us. Between the checks and the write a peer may still win a race.
static int ring_by_writing(int descriptor) {
    const uint64_t one = 1;
    struct pollfd room = {.fd = descriptor, .events = POLLOUT};
    if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT)) return 0;
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -errno;
    if (!(flags & O_NONBLOCK) && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return write(descriptor, &one, sizeof one) < 0 && errno != EAGAIN ? -errno : 0;
}

int clinux_ring_eventfd(int descriptor) {
    pthread_once(&once, set_up);
    if (context != 0 && ring_by_completion(descriptor) == 0) return 0;
    return ring_by_writing(descriptor);
}
