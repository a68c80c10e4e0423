import CLinux
import Glibc
public import SystemPackage

/// What a program asks of the kernel for itself.
public enum ThisProcess {
    public static var identifier: CInt { getpid() }

    /// How many threads it has now.
    public static func threadCount() throws(Errno) -> Int {
        try DirectoryPath.names(at: "/proc/self/task").count
    }

    /// Whether a sanitizer is built in (tools/sanitize), which does things of its own.
    public static var hasSanitizer: Bool { clinux_has_sanitizer() != 0 }

    /// Where the calling thread runs; it may run elsewhere by the time anybody looks.
    public static var currentProcessor: UInt32 { UInt32(max(0, clinux_current_processor())) }

    /// Between two looks at the same memory: leaves the processor to whoever shares it.
    @inline(__always)
    public static func relax() { clinux_relax() }

    public static func end(_ status: Int32) -> Never { exit(status) }

    /// Without anything that `exit` does first: other threads may be in the middle of something.
    public static func endAtOnce(_ status: Int32) -> Never { _exit(status) }

    /// Writing where nobody reads any more answers EPIPE.
    public static func outlivesBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

    /// Writing where nobody reads any more ends the program, as filters are used to.
    public static func endsWithBrokenPipes() { _ = signal(SIGPIPE, SIG_DFL) }
}
