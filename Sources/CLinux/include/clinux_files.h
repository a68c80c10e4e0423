// Files reached by descriptor alone: resolution that cannot leave a directory, and every change made to the
// inode a descriptor names rather than to whatever a path names by then.
// Every function returns a non-negative result or -errno. `name` is one component, never a path.
#ifndef CLINUX_FILES_H
#define CLINUX_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What statx(2) says of one inode. Times are seconds and nanoseconds since 1970.
struct clinux_status {
    uint64_t inode, size, blocks, device, mount;
    uint32_t mode, user, group, links, block_size;
    uint32_t special_major, special_minor;
    int64_t access_seconds, modification_seconds, change_seconds, birth_seconds;
    uint32_t access_nanoseconds, modification_nanoseconds, change_nanoseconds, birth_nanoseconds;
    int has_birth;
    /// STATX_ATTR_APPEND
    int append_only;
};

struct clinux_statistics {
    uint64_t blocks, free_blocks, available_blocks, files, free_files, identifier;
    uint32_t type, block_size, name_length;
};

/// Opens `name` in `directory` without following it (O_NOFOLLOW), never by way of a magic link; into another
/// mount only if `cross_mounts`.
int clinux_open_child(int directory, const char *name, int flags, unsigned mode, int cross_mounts);
/// Opens `path`, of any number of components, beneath `directory`, following no link.
int clinux_open_beneath(int directory, const char *path, int flags, int cross_mounts);
/// O_PATH of the parent, in the same mount unless `cross_mounts`. The caller checks that it may be seen.
int clinux_open_parent(int directory, int cross_mounts);
/// O_PATH of the directory at `path`, links followed: for an export's root, named by the administrator.
int clinux_open_root(const char *path);
/// A new open file description for the inode that `descriptor` (O_PATH or not) names.
int clinux_reopen(int descriptor, int flags);
/// Where the inode is now, as the kernel prints it: up to `capacity` bytes, no NUL.
ssize_t clinux_current_path(int descriptor, char *path, size_t capacity);

int clinux_status_of(int descriptor, struct clinux_status *status);
int clinux_statistics_of(int descriptor, struct clinux_statistics *statistics);

int clinux_make_directory(int directory, const char *name, unsigned mode);
int clinux_make_node(int directory, const char *name, unsigned mode, unsigned major, unsigned minor);
int clinux_make_symbolic_link(const char *target, int directory, const char *name);
int clinux_link(int descriptor, int directory, const char *name);
int clinux_rename(int old_directory, const char *old_name, int new_directory, const char *new_name);
int clinux_unlink_in(int directory, const char *name, int remove_directory);
ssize_t clinux_read_link(int descriptor, char *target, size_t capacity);

int clinux_change_mode(int descriptor, unsigned mode);
/// An identity of UINT32_MAX stays as it is.
int clinux_change_owner(int descriptor, uint32_t user, uint32_t group);
/// Nanoseconds as utimensat takes them, UTIME_NOW and UTIME_OMIT included.
int clinux_change_times(int descriptor, const int64_t seconds[2], const int64_t nanoseconds[2]);
extern const int64_t clinux_time_now, clinux_time_omit;
/// By the inode: needs permission to write it now.
int clinux_truncate(int descriptor, int64_t size);
/// By a description open for writing: the permission was checked when it was opened.
int clinux_resize(int descriptor, int64_t size);

ssize_t clinux_get_xattr(int descriptor, const char *name, void *value, size_t capacity);
ssize_t clinux_list_xattrs(int descriptor, char *names, size_t capacity);
int clinux_set_xattr(int descriptor, const char *name, const void *value, size_t count, int flags);
int clinux_remove_xattr(int descriptor, const char *name);

/// Reads until `count` bytes or the end; an error after some bytes is kept for the next call.
ssize_t clinux_read_at(int descriptor, void *bytes, size_t count, int64_t offset);
ssize_t clinux_write_at(int descriptor, const void *bytes, size_t count, int64_t offset);
/// Raw `struct linux_dirent64` records from where the description stands.
ssize_t clinux_read_directory(int descriptor, void *records, size_t capacity);
int64_t clinux_seek(int descriptor, int64_t offset);
int clinux_sync(int descriptor, int data_only);

/// F_OFD_SETLK: `kind` 0 reads, 1 writes, 2 unlocks; `length` 0 reaches to the end. Never waits.
int clinux_set_lock(int descriptor, int kind, int64_t start, int64_t length);
/// F_OFD_GETLK: the first lock in the way, or `*kind` 2; `*process` is -1 for a description's lock.
int clinux_find_lock(int descriptor, int *kind, int64_t *start, int64_t *length, int32_t *process);
/// flock(2), `kind` as above. Never waits. Where it changes the kind it may lose the lock there was.
int clinux_set_whole_file_lock(int descriptor, int kind);

/// Raises the limit on open files as far as this process may; the limit then in force.
int64_t clinux_raise_descriptor_limit(void);

#endif
