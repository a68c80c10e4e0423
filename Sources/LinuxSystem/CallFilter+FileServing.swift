import CLinux
import Glibc
import SystemPackage

/// What a server of files asks of the kernel once it serves, by what it is for; with what the C library and Swift's runtime
/// make of it. Nothing here runs a program, starts a process, makes a socket, mounts, or looks into another process.
extension CallFilter {
    public static var fileServing: CallFilter {
        let always =
            paths + data + names + attributes + clients + waiting + memory + threads + identities + rest
        return CallFilter(always.map { Rule($0, .always) } + conditional, newestKnown: UInt32(newestCall))
    }

    private static let paths = [
        SYS_openat2, SYS_openat, SYS_close, SYS_statx, SYS_newfstatat, SYS_fstat, SYS_fstatfs, SYS_statfs,
        SYS_readlinkat, SYS_faccessat, SYS_name_to_handle_at, SYS_open_by_handle_at,
    ]
    private static let data = [
        SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_lseek, SYS_getdents64,
        SYS_ftruncate, SYS_truncate, SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_flock, SYS_fcntl,
    ]
    private static let names = [
        SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_renameat, SYS_renameat2, SYS_unlinkat,
    ]
    private static let attributes = [
        SYS_fchmodat, SYS_fchmod, SYS_fchownat, SYS_utimensat, SYS_getxattr, SYS_listxattr, SYS_setxattr,
        SYS_removexattr,
    ]
    private static let clients = [
        SYS_accept4, SYS_recvfrom, SYS_recvmsg, SYS_sendto, SYS_sendmsg, SYS_shutdown, SYS_getsockopt,
        SYS_setsockopt, SYS_getsockname, SYS_getpeername, SYS_pidfd_open,
    ]
    private static let waiting = [
        SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll, SYS_eventfd2,
        SYS_futex,
        SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday,
        SYS_sched_yield, SYS_restart_syscall,
    ]
    private static let memory = [SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_membarrier]
    private static let threads = [
        SYS_exit, SYS_exit_group, SYS_gettid, SYS_getpid, SYS_set_robust_list, SYS_rseq, SYS_sigaltstack,
        SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_getaffinity, SYS_getcpu,
    ]
    /// A thread serves as the user who asks. Without privileges these change nothing.
    private static let identities = [
        SYS_setfsuid, SYS_setfsgid, SYS_setgroups, SYS_getgroups, SYS_capget, SYS_capset, SYS_getuid,
        SYS_geteuid, SYS_getgid, SYS_getegid, SYS_umask,
    ]
    private static let rest = [SYS_getrandom, SYS_prlimit64, SYS_getrusage, SYS_sysinfo, SYS_uname] + older

    /// As the C library still makes them where there are both.
    #if arch(x86_64)
        private static let older = [
            SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_unlink, SYS_rename, SYS_chmod,
            SYS_mkdir,
            SYS_poll, SYS_epoll_wait, SYS_getdents, SYS_time,
        ]
    #else
        private static let older: [CInt] = []
    #endif

    private static var conditional: [Rule] {
        let itself = UInt32(bitPattern: getpid())
        return [
            // Memory is written or run, and what is run is there by now.
            Rule(SYS_mmap, .argumentLacks(2, allOf: UInt32(PROT_EXEC))),
            Rule(SYS_mprotect, .argumentLacks(2, allOf: UInt32(PROT_EXEC))),
            // Threads, no processes. Of clone3 the filter cannot see what is asked for; the C library then uses the other.
            Rule(SYS_clone, .argumentHas(0, allOf: UInt32(CLONE_VM | CLONE_THREAD))),
            Rule(SYS_clone3, .never(.noFunction)),
            Rule(SYS_unshare, .argumentIs(0, oneOf: [UInt32(CLONE_FS)])),
            Rule(SYS_prctl, .argumentIs(0, oneOf: [UInt32(PR_SET_NAME), UInt32(PR_GET_NAME)])),
            // How a process ends itself.
            Rule(SYS_kill, .argumentIs(0, oneOf: [itself])),
            Rule(SYS_tgkill, .argumentIs(0, oneOf: [itself])),
        ]
    }

    /// Of Linux 6.18, but for the few that each architecture adds: `file_setattr`.
    private static let newestCall: CInt = 469
}
