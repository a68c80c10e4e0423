#define _GNU_SOURCE
#include "clinux_records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

int clinux_open_record(const char *path, int create) {
    int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);
    if (descriptor < 0) return -errno;
    struct stat status, there;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &status) == 0 && stat(path, &there) == 0) {
        // One that was replaced between the two is as good as somebody else's.
        if (status.st_ino != there.st_ino || status.st_dev != there.st_dev) errno = EWOULDBLOCK;
        else if (!S_ISREG(status.st_mode)) errno = EINVAL;
        else if (!create || ftruncate(descriptor, 0) == 0) return descriptor;
    }
    int error = errno;
    close(descriptor);
    return -error;
}

int clinux_allocate(int descriptor, int64_t byte_count) {
    int error = posix_fallocate(descriptor, 0, byte_count);
    return -error;
}

int64_t clinux_byte_count(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) < 0 ? -errno : status.st_size;
}

int clinux_rename_path(const char *from, const char *to) { return rename(from, to) < 0 ? -errno : 0; }

int clinux_handle_of(int descriptor, void *bytes, size_t capacity, int32_t *type) {
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + CLINUX_HANDLE_MAX];
    } found;
    found.handle.handle_bytes = CLINUX_HANDLE_MAX;
    int mount;
    if (name_to_handle_at(descriptor, "", &found.handle, &mount, AT_EMPTY_PATH) < 0) return -errno;
    if (found.handle.handle_bytes > capacity) return -EOVERFLOW;
    memcpy(bytes, found.handle.f_handle, found.handle.handle_bytes);
    *type = found.handle.handle_type;
    return (int)found.handle.handle_bytes;
}

int clinux_open_handle(int mount, const void *bytes, size_t count, int32_t type, int flags) {
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + CLINUX_HANDLE_MAX];
    } wanted;
    if (count > CLINUX_HANDLE_MAX) return -EINVAL;
    // The kernel takes no O_PATH descriptor for the mount.
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", mount);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -errno;
    wanted.handle.handle_bytes = (unsigned)count;
    wanted.handle.handle_type = type;
    memcpy(wanted.handle.f_handle, bytes, count);
    int descriptor = open_by_handle_at(directory, &wanted.handle, flags | O_CLOEXEC);
    int error = errno;
    close(directory);
    return descriptor < 0 ? -error : descriptor;
}

int64_t clinux_start_time(int32_t process) {
    char path[40], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    ssize_t count = read(descriptor, line, sizeof line - 1);
    int error = errno;
    close(descriptor);
    if (count < 0) return -error;
    line[count] = 0;
    // Behind the command's name, which may hold anything, comes field 3; the start time is field 22.
    char *at = strrchr(line, ')');
    for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
    return at ? strtoll(at + 1, NULL, 10) : -EINVAL;
}

int64_t clinux_file_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
