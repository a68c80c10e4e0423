#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "clinux_files.h"

static int set_or_find(int descriptor, int command, struct flock *lock) {
    return fcntl(descriptor, command, lock) < 0 ? -errno : 0;
}

static short lock_type(int kind) { return kind == 0 ? F_RDLCK : kind == 1 ? F_WRLCK : F_UNLCK; }

int clinux_set_lock(int descriptor, int kind, int64_t start, int64_t length) {
    struct flock lock = {.l_type = lock_type(kind), .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return set_or_find(descriptor, F_OFD_SETLK, &lock);
}

int clinux_find_lock(int descriptor, int *kind, int64_t *start, int64_t *length, int32_t *process) {
    struct flock lock = {.l_type = lock_type(*kind), .l_whence = SEEK_SET, .l_start = *start, .l_len = *length};
    int error = set_or_find(descriptor, F_OFD_GETLK, &lock);
    if (error < 0) return error;
    *kind = lock.l_type == F_RDLCK ? 0 : lock.l_type == F_WRLCK ? 1 : 2;
    *start = lock.l_start;
    *length = lock.l_len;
    *process = lock.l_pid;
    return 0;
}

int clinux_set_whole_file_lock(int descriptor, int kind) {
    int operation = kind == 0 ? LOCK_SH : kind == 1 ? LOCK_EX : LOCK_UN;
    return flock(descriptor, operation | LOCK_NB) < 0 ? -errno : 0;
}
