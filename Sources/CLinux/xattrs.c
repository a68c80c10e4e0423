#define _GNU_SOURCE
#include <errno.h>
#include <sys/xattr.h>

#include "clinux_files.h"
#include "magic_link.h"

// The f…xattr calls refuse O_PATH descriptors; the magic link in /proc leads to the same inode.

ssize_t clinux_get_xattr(int descriptor, const char *name, void *value, size_t capacity) {
    ssize_t result = getxattr(magic_link(descriptor).path, name, value, capacity);
    return result < 0 ? -errno : result;
}

ssize_t clinux_list_xattrs(int descriptor, char *names, size_t capacity) {
    ssize_t result = listxattr(magic_link(descriptor).path, names, capacity);
    return result < 0 ? -errno : result;
}

int clinux_set_xattr(int descriptor, const char *name, const void *value, size_t count, int flags) {
    return setxattr(magic_link(descriptor).path, name, value, count, flags) < 0 ? -errno : 0;
}

int clinux_remove_xattr(int descriptor, const char *name) {
    return removexattr(magic_link(descriptor).path, name) < 0 ? -errno : 0;
}
