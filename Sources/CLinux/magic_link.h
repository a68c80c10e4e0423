// The way from a descriptor back to its inode, for calls that take a path: not for use outside this target.
#ifndef CLINUX_MAGIC_LINK_H
#define CLINUX_MAGIC_LINK_H

#include <stdio.h>

/// Follows to the very inode `descriptor` names, whatever became of its names.
struct magic_link {
    char path[40];
};

static inline struct magic_link magic_link(int descriptor) {
    struct magic_link link;
    snprintf(link.path, sizeof link.path, "/proc/self/fd/%d", descriptor);
    return link;
}

#endif
