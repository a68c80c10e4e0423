#define _GNU_SOURCE
#include "clinux_confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

int clinux_has_sanitizer(void) {
#ifdef HAS_SANITIZER
    return 1;
#else
    return 0;
#endif
}

// ABI: struct landlock_ruleset_attr as of its sixth version; an older kernel takes what it does not know if it is zero.
struct ruleset_attributes {
    uint64_t file_access;
    uint64_t tcp_access;
    uint64_t scopes;
};

int clinux_landlock_version(void) {
    long result = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return result < 0 ? -errno : (int)result;
}

int clinux_landlock_ruleset(uint64_t file_access, uint64_t tcp_access, uint64_t scopes) {
    struct ruleset_attributes attributes = {file_access, tcp_access, scopes};
    long result = syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    return result < 0 ? -errno : (int)result;
}

int clinux_landlock_allow(int ruleset, int place, uint64_t access) {
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = place};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

/// No program run from here on gains rights by its file, without which an ordinary user may not confine anything, or by
/// inheritance.
static int forbid_new_privileges(void) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ? -errno : 0;
}

int clinux_landlock_restrict(int ruleset) {
    int error = forbid_new_privileges();
    if (error < 0) return error;
    return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

int clinux_filter_calls(const struct sock_filter *program, size_t count, int of_all_threads) {
    if (count > BPF_MAXINSNS) return -E2BIG;
    int error = forbid_new_privileges();
    if (error < 0) return error;
    struct sock_fprog filter = {.len = (unsigned short)count, .filter = (struct sock_filter *)program};
    unsigned flags = SECCOMP_FILTER_FLAG_LOG | (of_all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0);
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
    if (result > 0) return -ESRCH;
    return result < 0 ? -errno : 0;
}

/// The child's side: nothing of the parent's stays open, and no signal of its terminal comes.
static int become_aside(const char *name, int stream) {
    prctl(PR_SET_NAME, name);
    setsid();
    int nothing = open("/dev/null", O_RDWR);
    int kept = fcntl(stream, F_DUPFD, 16);
    int spare = fcntl(nothing, F_DUPFD, 16);
    if (nothing < 0 || kept < 0 || spare < 0) _exit(1);
    for (int descriptor = 0; descriptor < 3; descriptor++) dup2(spare, descriptor);
    dup2(kept, 3);
    closefrom(4);
    return 0;
}

int clinux_fork_aside(const char *name, int *stream) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return -errno;
    pid_t child = fork();
    if (child == 0) return become_aside(name, ends[1]);
    int error = child < 0 ? errno : 0;
    close(ends[1]);
    if (error == 0) {
        *stream = ends[0];
        return child;
    }
    close(ends[0]);
    return -error;
}
