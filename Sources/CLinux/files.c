#define _GNU_SOURCE
#include "clinux_files.h"
#include "clinux_records.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "magic_link.h"

#define ANSWER(call)                          \
    do {                                      \
        long long result = (call);            \
        return result < 0 ? -errno : result;  \
    } while (0)

static int open_resolving(int directory, const char *path, int flags, unsigned mode, uint64_t resolve) {
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
    long result;
    // EAGAIN: a rename elsewhere disturbed the resolution; the kernel asks to try again.
    for (int attempt = 0; attempt < 64; attempt++) {
        result = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (result >= 0 || errno != EAGAIN) break;
    }
    return result < 0 ? -errno : (int)result;
}

static uint64_t within(int cross_mounts) {
    return RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | (cross_mounts ? 0 : RESOLVE_NO_XDEV);
}

int clinux_open_child(int directory, const char *name, int flags, unsigned mode, int cross_mounts) {
    return open_resolving(
        directory, name, flags | O_NOFOLLOW, mode, RESOLVE_BENEATH | within(cross_mounts));
}

int clinux_open_beneath(int directory, const char *path, int flags, int cross_mounts) {
    return open_resolving(directory, path, flags | O_NOFOLLOW, 0, RESOLVE_BENEATH | within(cross_mounts));
}

int clinux_open_parent(int directory, int cross_mounts) {
    return open_resolving(directory, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, within(cross_mounts));
}

int clinux_open_root(const char *path) { ANSWER(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)); }

int clinux_reopen(int descriptor, int flags) {
    ANSWER(open(magic_link(descriptor).path, flags | O_CLOEXEC | O_NOCTTY));
}

ssize_t clinux_current_path(int descriptor, char *path, size_t capacity) {
    ANSWER(readlink(magic_link(descriptor).path, path, capacity));
}

static int status_at(int directory, const char *name, struct clinux_status *status) {
    struct statx s;
    int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    if (statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &s) < 0) return -errno;
    *status = (struct clinux_status){
        .inode = s.stx_ino, .size = s.stx_size, .blocks = s.stx_blocks,
        .device = makedev(s.stx_dev_major, s.stx_dev_minor), .mount = s.stx_mnt_id,
        .mode = s.stx_mode, .user = s.stx_uid, .group = s.stx_gid, .links = s.stx_nlink, .block_size = s.stx_blksize,
        .special_major = s.stx_rdev_major, .special_minor = s.stx_rdev_minor,
        .access_seconds = s.stx_atime.tv_sec, .access_nanoseconds = s.stx_atime.tv_nsec,
        .modification_seconds = s.stx_mtime.tv_sec, .modification_nanoseconds = s.stx_mtime.tv_nsec,
        .change_seconds = s.stx_ctime.tv_sec, .change_nanoseconds = s.stx_ctime.tv_nsec,
        .birth_seconds = s.stx_btime.tv_sec, .birth_nanoseconds = s.stx_btime.tv_nsec,
        .has_birth = (s.stx_mask & STATX_BTIME) != 0,
        .append_only = (s.stx_attributes & STATX_ATTR_APPEND) != 0,
    };
    return 0;
}

int clinux_status_of(int descriptor, struct clinux_status *status) { return status_at(descriptor, "", status); }

int clinux_status_in(int directory, const char *name, struct clinux_status *status) {
    return *name == 0 ? -ENOENT : status_at(directory, name, status);
}

int clinux_statistics_of(int descriptor, struct clinux_statistics *statistics) {
    struct statfs s;
    if (fstatfs(descriptor, &s) < 0) return -errno;
    uint64_t identifier = 0;
    memcpy(&identifier, &s.f_fsid, sizeof s.f_fsid < sizeof identifier ? sizeof s.f_fsid : sizeof identifier);
    *statistics = (struct clinux_statistics){
        .blocks = s.f_blocks, .free_blocks = s.f_bfree, .available_blocks = s.f_bavail,
        .files = s.f_files, .free_files = s.f_ffree, .identifier = identifier,
        .type = (uint32_t)s.f_type, .block_size = (uint32_t)s.f_bsize, .name_length = (uint32_t)s.f_namelen,
    };
    return 0;
}

int clinux_make_directory(int directory, const char *name, unsigned mode) { ANSWER(mkdirat(directory, name, mode)); }

int clinux_make_node(int directory, const char *name, unsigned mode, unsigned major, unsigned minor) {
    ANSWER(mknodat(directory, name, mode, makedev(major, minor)));
}

int clinux_make_symbolic_link(const char *target, int directory, const char *name) {
    ANSWER(symlinkat(target, directory, name));
}

int clinux_link(int descriptor, int directory, const char *name) {
    ANSWER(linkat(AT_FDCWD, magic_link(descriptor).path, directory, name, AT_SYMLINK_FOLLOW));
}

int clinux_rename(int old_directory, const char *old_name, int new_directory, const char *new_name) {
    ANSWER(renameat(old_directory, old_name, new_directory, new_name));
}

int clinux_unlink_in(int directory, const char *name, int remove_directory) {
    ANSWER(unlinkat(directory, name, remove_directory ? AT_REMOVEDIR : 0));
}

ssize_t clinux_read_link(int descriptor, char *target, size_t capacity) {
    ANSWER(readlinkat(descriptor, "", target, capacity));
}

int clinux_change_mode(int descriptor, unsigned mode) { ANSWER(chmod(magic_link(descriptor).path, mode)); }

int clinux_change_owner(int descriptor, uint32_t user, uint32_t group) {
    ANSWER(fchownat(descriptor, "", user, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

const int64_t clinux_time_now = UTIME_NOW, clinux_time_omit = UTIME_OMIT;

int clinux_change_times(int descriptor, const int64_t seconds[2], const int64_t nanoseconds[2]) {
    struct timespec times[2] = {
        {.tv_sec = seconds[0], .tv_nsec = nanoseconds[0]}, {.tv_sec = seconds[1], .tv_nsec = nanoseconds[1]}};
    // glibc refuses AT_EMPTY_PATH with a pathname on some versions: the system call itself.
    ANSWER(syscall(SYS_utimensat, descriptor, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

int clinux_truncate(int descriptor, int64_t size) { ANSWER(truncate(magic_link(descriptor).path, size)); }

int clinux_resize(int descriptor, int64_t size) { ANSWER(ftruncate(descriptor, size)); }

ssize_t clinux_read_at(int descriptor, void *bytes, size_t count, int64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = pread(descriptor, (char *)bytes + done, count - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return done > 0 ? (ssize_t)done : -errno;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

ssize_t clinux_write_at(int descriptor, const void *bytes, size_t count, int64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t put = pwrite(descriptor, (const char *)bytes + done, count - done, offset + (int64_t)done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return done > 0 ? (ssize_t)done : -errno;
        done += (size_t)put;
    }
    return (ssize_t)done;
}

ssize_t clinux_read_directory(int descriptor, void *records, size_t capacity) {
    ANSWER(syscall(SYS_getdents64, descriptor, records, capacity));
}

int64_t clinux_seek(int descriptor, int64_t offset) { ANSWER(lseek(descriptor, offset, SEEK_SET)); }

int clinux_sync(int descriptor, int data_only) { ANSWER(data_only ? fdatasync(descriptor) : fsync(descriptor)); }

int64_t clinux_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    // Above the hard limit only a privileged process gets; then as high as the kernel's own default maximum.
    struct rlimit most = {.rlim_cur = 1 << 20, .rlim_max = limit.rlim_max > 1 << 20 ? limit.rlim_max : 1 << 20};
    if (setrlimit(RLIMIT_NOFILE, &most) == 0) return (int64_t)most.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    return (int64_t)limit.rlim_cur;
}
