import CLinux
import Glibc
public import SystemPackage

/// A program of ours started to outlive this one, in a session of its own.
public enum DetachedProcess {
    /// The descriptor on which the new process reports.
    public static let reportDescriptor: CInt = 3

    /// Starts `program`; the stream answers what it reports, and ends when it closes its end, or dies.
    public static func start(_ program: String, _ arguments: [String]) throws(Errno) -> OwnedDescriptor {
        var strings = unsafe ([program] + arguments).map { unsafe strdup($0) }
        defer { unsafe strings.forEach { unsafe free($0) } }
        unsafe strings.append(nil)
        // SAFETY: copies of our own, ended by a null, that live for the call.
        let result = unsafe strings.withUnsafeBufferPointer {
            unsafe clinux_spawn_detached(program, $0.baseAddress)
        }
        return OwnedDescriptor(owning: try checked(result))
    }

    /// Standard error says nothing from now on, so that whoever started us does not wait for its end.
    public static func silenceErrors() { _ = clinux_silence_errors() }
}
