// What a program that mounts needs of its process. Every function returns a non-negative result or -errno.
#ifndef CLINUX_DAEMON_H
#define CLINUX_DAEMON_H

/// Starts `program` in a session of its own, with nothing on standard input and output, and the writing end of a pipe
/// as descriptor 3. The reading end is the result.
int clinux_spawn_detached(const char *program, char *const *arguments);
/// Points standard error at nothing.
int clinux_silence_errors(void);
/// Lets reads of `descriptor` wait.
int clinux_make_blocking(int descriptor);
/// Writes back what the kernel keeps of the file system at `path`.
int clinux_sync_file_system(const char *path);
/// Says that this process, and threads it starts, are needed to free memory (PR_SET_IO_FLUSHER); -EPERM without
/// CAP_SYS_RESOURCE.
int clinux_become_io_flusher(void);

#endif
