// bench-null-file MOUNTPOINT: one FUSE file, `null`, that does nothing. A read gets one byte less than it asks for, out of
// a buffer of this process's own; a write is taken and dropped. Prints `ready` when it is mounted, ends with SIGTERM.
#define FUSE_USE_VERSION 35
#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NULL_INODE 2
static _Alignas(4096) char bytes[1 << 20];

static struct stat status_of(fuse_ino_t inode) {
    struct stat status = {.st_ino = inode, .st_nlink = 1, .st_uid = getuid(), .st_gid = getgid()};
    status.st_mode = inode == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0666;
    status.st_size = inode == FUSE_ROOT_ID ? 0 : (off_t)1 << 40;
    return status;
}

static void null_lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
    struct fuse_entry_param entry = {.ino = NULL_INODE, .attr = status_of(NULL_INODE), .entry_timeout = 3600, .attr_timeout = 3600};
    if (parent != FUSE_ROOT_ID || strcmp(name, "null") != 0) fuse_reply_err(request, ENOENT);
    else fuse_reply_entry(request, &entry);
}

static void null_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *information) {
    (void)information;
    struct stat status = status_of(inode);
    fuse_reply_attr(request, &status, 3600);
}

/// The flags that a copy file has, which libfuse 3.14 does not name.
static void null_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *information) {
    (void)inode, (void)information;
    struct fuse_open_out answer = {.open_flags = FOPEN_DIRECT_IO | FOPEN_STREAM | FOPEN_PARALLEL_DIRECT_WRITES};
    fuse_reply_buf(request, (const char *)&answer, sizeof answer);
}

static void null_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t at, struct fuse_file_info *information) {
    (void)inode, (void)at, (void)information;
    fuse_reply_buf(request, bytes, size > sizeof bytes ? sizeof bytes : size ? size - 1 : 0);
}

static void null_write(
    fuse_req_t request, fuse_ino_t inode, const char *data, size_t size, off_t at, struct fuse_file_info *information) {
    (void)inode, (void)data, (void)at, (void)information;
    fuse_reply_write(request, size);
}

int main(int count, char **words) {
    if (count != 2) return fprintf(stderr, "usage: bench-null-file MOUNTPOINT\n"), 2;
    const struct fuse_lowlevel_ops operations = {
        .lookup = null_lookup, .getattr = null_getattr, .open = null_open, .read = null_read, .write = null_write};
    // Pages of its own: the kernel is slow to reach into the common one full of zeroes.
    memset(bytes, 'n', sizeof bytes);
    char *options[] = {words[0], "-odefault_permissions"};
    struct fuse_args arguments = FUSE_ARGS_INIT(2, options);
    struct fuse_session *session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    if (!session || fuse_set_signal_handlers(session) || fuse_session_mount(session, words[1])) return 1;
    printf("ready\n");
    fflush(stdout);
    int result = fuse_session_loop(session);
    fuse_session_unmount(session);
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    return result ? 1 : 0;
}
