#define _GNU_SOURCE
#include "clinux_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

/// The child's side: only what is safe between fork and exec.
static void become_detached(const char *program, char *const *arguments, int report) {
    int nothing = open("/dev/null", O_RDWR);
    setsid();
    if (nothing >= 0) {
        dup2(nothing, 0);
        dup2(nothing, 1);
    }
    if (report == 3) {
        fcntl(report, F_SETFD, 0);
    } else {
        dup2(report, 3);
    }
    execv(program, arguments);
    _exit(127);
}

int clinux_spawn_detached(const char *program, char *const *arguments) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    pid_t child = fork();
    if (child == 0) become_detached(program, arguments, ends[1]);
    int error = child < 0 ? errno : 0;
    close(ends[1]);
    if (error == 0) return ends[0];
    close(ends[0]);
    return -error;
}

int clinux_silence_errors(void) {
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing < 0) return -errno;
    int result = dup2(nothing, 2);
    int error = errno;
    close(nothing);
    return result < 0 ? -error : 0;
}

int clinux_make_blocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -errno;
    return fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

int clinux_sync_file_system(const char *path) {
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -errno;
    int result = (int)syscall(SYS_syncfs, directory);
    int error = errno;
    close(directory);
    return result < 0 ? -error : 0;
}

int clinux_become_io_flusher(void) {
    return prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0 ? -errno : 0;
}
