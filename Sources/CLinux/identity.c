#define _GNU_SOURCE
#include "clinux_identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/// Sets the thread's effective capabilities to all it is permitted, or to none.
static int set_effective(int all) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    for (int i = 0; i < 2; i++) data[i].effective = all ? data[i].permitted : 0;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

// Neither call reports failure: asking for an impossible identity tells the one in force.
uint32_t clinux_file_access_user(void) { return (uint32_t)syscall(SYS_setfsuid, -1); }
uint32_t clinux_file_access_group(void) { return (uint32_t)syscall(SYS_setfsgid, -1); }

int clinux_assume_identity(uint32_t user, uint32_t group, const uint32_t *groups, size_t count) {
    int error = set_effective(1);
    if (error < 0) return error;
    if (syscall(SYS_setgroups, count, groups) < 0) return -errno;
    syscall(SYS_setfsgid, group);
    if (clinux_file_access_group() != group) return -EPERM;
    syscall(SYS_setfsuid, user);
    if (clinux_file_access_user() != user) return -EPERM;
    // setfsuid takes the file capabilities away; CAP_SYS_ADMIN, CAP_SETFCAP and CAP_SYS_RESOURCE it leaves.
    return user == 0 ? 0 : set_effective(0);
}

void clinux_clear_creation_mask(void) {
    // Where a sandbox forbids a thread its own, the whole process's is cleared.
    unshare(CLONE_FS);
    umask(0);
}

int clinux_may_become_others(void) {
    gid_t groups[CLINUX_GROUPS_MAX];
    int count = getgroups(CLINUX_GROUPS_MAX, groups);
    return geteuid() == 0 && count >= 0 && syscall(SYS_setgroups, count, groups) == 0;
}

uint32_t clinux_effective_user(void) { return geteuid(); }
uint32_t clinux_effective_group(void) { return getegid(); }

int clinux_own_groups(uint32_t *groups, size_t capacity) {
    int count = getgroups((int)capacity, groups);
    return count < 0 ? -errno : count;
}

enum { DATABASE_LINE_MAX = 1 << 16 };

int clinux_groups_of(uint32_t user, uint32_t *primary, uint32_t *groups, size_t capacity) {
    char *line = malloc(DATABASE_LINE_MAX);
    if (!line) return -ENOMEM;
    struct passwd entry, *found = NULL;
    int error = getpwuid_r(user, &entry, line, DATABASE_LINE_MAX, &found);
    int count = -ENOENT;
    if (error != 0 && error != ENOENT && error != ESRCH) count = -error;
    else if (found) {
        *primary = entry.pw_gid;
        count = (int)capacity;
        if (getgrouplist(entry.pw_name, entry.pw_gid, groups, &count) < 0) count = -EOVERFLOW;
    }
    free(line);
    return count;
}

int clinux_user_named(const char *name, uint32_t *user) {
    char *line = malloc(DATABASE_LINE_MAX);
    if (!line) return -ENOMEM;
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(name, &entry, line, DATABASE_LINE_MAX, &found);
    int result = error != 0 && error != ENOENT && error != ESRCH ? -error : found ? 0 : -ENOENT;
    if (result == 0) *user = entry.pw_uid;
    free(line);
    return result;
}

int clinux_core_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}
