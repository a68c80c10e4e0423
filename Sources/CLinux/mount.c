#define _GNU_SOURCE
#include "clinux_mount.h"

#include "clinux_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int result(int value) { return value < 0 ? -errno : value; }

int clinux_path_status(const char *path, struct clinux_path_status *status) {
    struct statx found;
    // The mount is recognised from what the kernel holds; only then is its server asked.
    if (statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MODE, &found) < 0)
        return -errno;
    status->mode = found.stx_mode;
    status->is_mount_root = (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    return 0;
}

int clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options) {
    return result(mount(source, target, type, flags, options));
}

int clinux_detach(const char *target) { return result(umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW)); }

int clinux_open_fuse(void) { return result(open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK)); }

int clinux_fuse_has_ended(int descriptor) {
    struct pollfd watched = {.fd = descriptor};
    return poll(&watched, 1, 0) == 1 && (watched.revents & (POLLERR | POLLNVAL)) != 0;
}

int clinux_sever(int descriptor) {
    int nothing = open("/dev/null", O_PATH | O_CLOEXEC);
    if (nothing < 0) return -errno;
    int outcome = result(dup3(nothing, descriptor, O_CLOEXEC));
    close(nothing);
    return outcome;
}

/// Milliseconds on a clock that nobody sets.
static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/// Reads `descriptor` to its end, or until `deadline`, keeps what fits, and ends the string where its last line ends.
static void read_text(int descriptor, int64_t deadline, char *text, size_t capacity) {
    size_t filled = 0;
    char spill[256];
    for (;;) {
        bool full = filled + 1 >= capacity;
        struct pollfd watched = {.fd = descriptor, .events = POLLIN};
        int64_t left = deadline - now_ms();
        int ready = left <= 0 ? 0 : poll(&watched, 1, (int)left);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) break;
        ssize_t count = read(descriptor, full ? spill : text + filled, full ? sizeof spill : capacity - 1 - filled);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        if (!full) filled += (size_t)count;
    }
    while (filled > 0 && text[filled - 1] == '\n') filled--;
    if (capacity > 0) text[filled] = 0;
}

/// The environment with _FUSE_COMMFD naming `channel`; freed by the caller, entries are not copied.
static char **environment_with(char *variable) {
    size_t count = 0;
    while (environ[count] != NULL) count++;
    char **copy = calloc(count + 2, sizeof *copy);
    if (copy == NULL) return NULL;
    copy[0] = variable;
    size_t filled = 1;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "_FUSE_COMMFD=", 13) != 0) copy[filled++] = environ[i];
    return copy;
}

/// Waits for `child` until `deadline`; one that has not ended by then is killed. 0, or -errno (-EIO: it failed).
static int reap(pid_t child, int64_t deadline) {
    int status = 0;
    bool is_late = false;
    for (;;) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended < 0 && errno != EINTR) return -errno;
        if (ended == child) break;
        if (now_ms() >= deadline) {
            // One that the kernel does not let go of stays behind: better than waiting for it for ever.
            if (is_late) return -ETIMEDOUT;
            is_late = true;
            kill(child, SIGKILL);
            deadline = now_ms() + 1000;
        }
        // It has closed its end of the pipe already, or is late: this is not the usual wait.
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    if (is_late) return -ETIMEDOUT;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/// Runs the helper to its end, for `limit_ms` at most; `channel` (or -1) stays open in it. 0, or -errno (-EIO: it ran
/// and failed; -ETIMEDOUT: it was killed).
static int run_helper(char *const arguments[], int channel, int limit_ms, char *text, size_t capacity) {
    int64_t deadline = now_ms() + limit_ms;
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) < 0) return -errno;
    char variable[32];
    snprintf(variable, sizeof variable, "_FUSE_COMMFD=%d", channel);
    char **environment = environment_with(variable);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
    // A descriptor duplicated onto itself only loses its close-on-exec flag.
    if (channel >= 0) posix_spawn_file_actions_adddup2(&actions, channel, channel);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

    pid_t child = 0;
    int error = environment == NULL ? ENOMEM
                                    : posix_spawnp(&child, arguments[0], &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    close(pipe_ends[1]);
    if (error == 0) read_text(pipe_ends[0], deadline, text, capacity);
    close(pipe_ends[0]);
    return error == 0 ? reap(child, deadline) : -error;
}

int clinux_fusermount(const char *target, const char *options, int limit_ms, char *text, size_t capacity) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
    char *arguments[] = {"fusermount3", "-o", (char *)options, "--", (char *)target, NULL};
    int outcome = run_helper(arguments, pair[1], limit_ms, text, capacity);
    close(pair[1]);
    if (outcome == 0) {
        int received = -1;
        size_t count = 1;
        char byte;
        ssize_t got = clinux_receive(pair[0], &byte, 1, &received, &count);
        outcome = got < 0 ? (int)got : count == 1 ? received : -EPROTO;
        if (outcome >= 0) fcntl(outcome, F_SETFL, fcntl(outcome, F_GETFL) | O_NONBLOCK);
    }
    close(pair[0]);
    return outcome;
}

int clinux_fusermount_detach(const char *target, int limit_ms, char *text, size_t capacity) {
    char *arguments[] = {"fusermount3", "-u", "-z", "--", (char *)target, NULL};
    return run_helper(arguments, -1, limit_ms, text, capacity);
}
