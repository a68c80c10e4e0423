// Giving up what a process does not need. Every function returns a non-negative result or -errno.
#ifndef CLINUX_CONFINEMENT_H
#define CLINUX_CONFINEMENT_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/// Whether AddressSanitizer or ThreadSanitizer is built in, which open files and make calls of their own.
int clinux_has_sanitizer(void);

/// The version of Landlock's interface; -ENOSYS or -EOPNOTSUPP where the kernel has none.
int clinux_landlock_version(void);
/// A ruleset that handles these rights, those of files and of TCP, and these scopes.
int clinux_landlock_ruleset(uint64_t file_access, uint64_t tcp_access, uint64_t scopes);
/// Allows `access` to what lies beneath the directory `place`, which may be an O_PATH descriptor.
int clinux_landlock_allow(int ruleset, int place, uint64_t access);
/// Holds the calling thread, and those it starts, to the ruleset; no program they run has more rights.
int clinux_landlock_restrict(int ruleset);

/// Has the kernel ask `program` about each call, of all threads or of the calling one and those it starts.
/// -ESRCH when a thread cannot be brought to it.
int clinux_filter_calls(const struct sock_filter *program, size_t count, int of_all_threads);

/// By which numbers the machine this is built for makes its calls; 0 for one whose calls nobody here knows.
static inline uint32_t clinux_audit_architecture(void) {
#if defined(__x86_64__)
    return AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    return AUDIT_ARCH_AARCH64;
#else
    return 0;
#endif
}

/// A process beside this one that has nothing of it but one end of a stream, as descriptor 3; the other is stored in
/// `stream`. 0 in that process, as fork. Only while there is a single thread.
int clinux_fork_aside(const char *name, int *stream);

#endif
