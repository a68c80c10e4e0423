// What survives this process: files written by plain stores, and ways to find an inode again.
// Every function returns a non-negative result or -errno.
#ifndef CLINUX_RECORDS_H
#define CLINUX_RECORDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "clinux_files.h"

/// The most bytes of a file handle (MAX_HANDLE_SZ).
enum { CLINUX_HANDLE_MAX = 128 };

/// Opens the file at `path`, no link, for one process alone; a new one is made or an old one emptied if `create`.
/// -EWOULDBLOCK: another process has it.
int clinux_open_record(const char *path, int create);
/// Gives the first `byte_count` bytes their storage, so that stores to them cannot fail: -ENOSPC now or never.
int clinux_allocate(int descriptor, int64_t byte_count);
int64_t clinux_byte_count(int descriptor);
int clinux_rename_path(const char *from, const char *to);

/// What statx says of `name` in `directory`, links not followed.
int clinux_status_in(int directory, const char *name, struct clinux_status *status);
/// The inode's handle and its type: how many bytes. -EOPNOTSUPP where the file system has none.
int clinux_handle_of(int descriptor, void *bytes, size_t capacity, int32_t *type);
/// Opens by handle, in the file system of `mount`: CAP_DAC_READ_SEARCH. -ESTALE when the inode is gone.
int clinux_open_handle(int mount, const void *bytes, size_t count, int32_t type, int flags);

/// When the process started, in clock ticks since boot: with its number it names it for good.
int64_t clinux_start_time(int32_t process);
/// CLOCK_REALTIME_COARSE, which file systems stamp inodes with, in nanoseconds.
int64_t clinux_file_clock(void);

#endif
