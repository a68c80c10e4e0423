// Mounting and unmounting FUSE file systems, with privilege or through fusermount3.
// Every function returns a non-negative result or -errno.
#ifndef CLINUX_MOUNT_H
#define CLINUX_MOUNT_H

#include <stddef.h>
#include <stdint.h>

/// What `clinux_path_status` sees at a path.
struct clinux_path_status {
    uint32_t mode;
    /// 1 when the path is the root of a mount.
    uint8_t is_mount_root;
};

/// Asks the file system itself, not the kernel's cached attributes: -ENOTCONN where a FUSE server has died.
int clinux_path_status(const char *path, struct clinux_path_status *status);

int clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options);
/// Detaches the mount at `target` lazily (MNT_DETACH), never following a final symbolic link.
int clinux_detach(const char *target);
/// Opens /dev/fuse, close-on-exec and non-blocking.
int clinux_open_fuse(void);
/// 1 when the mount behind this /dev/fuse descriptor is gone, 0 when it stands.
int clinux_fuse_has_ended(int descriptor);
/// Puts something unreadable and unwritable in the descriptor's place: the connection ends, the number stays taken.
int clinux_sever(int descriptor);

/// Runs `fusermount3 -o options -- target` and answers the /dev/fuse descriptor it passes back. What it said on
/// standard error comes back in `text`, as a string. -ETIMEDOUT: it did not end within `limit_ms`, and was killed.
int clinux_fusermount(const char *target, const char *options, int limit_ms, char *text, size_t capacity);
/// Runs `fusermount3 -u -z -- target`, likewise.
int clinux_fusermount_detach(const char *target, int limit_ms, char *text, size_t capacity);

#endif
