import CLinux
import Glibc
import Synchronization
public import SystemPackage

/// A process this one started, with its standard output and error on pipes or files of our choice, and a descriptor
/// that turns readable when it has ended.
public final class SpawnedProcess: Sendable {
    public enum Ending: Sendable, Hashable, CustomStringConvertible {
        case exited(CInt)
        case signalled(CInt)

        public var description: String {
            switch self {
            case .exited(let code): "ended with exit code \(code)"
            case .signalled(let number): "was killed by \(Signal(rawValue: number))"
            }
        }
    }

    /// POSIX_SPAWN_SETSID, which glibc declares for others only.
    private static let newSession: CInt = 0x80
    public let identifier: CInt
    private let descriptor: OwnedDescriptor
    /// Kept, since the kernel tells it once.
    private let ended = Mutex<Ending?>(nil)

    /// Starts `path` with `arguments` (the program's own name not among them) and this process's environment.
    /// Standard input is /dev/null; `output` receives standard output and error. Signals are unblocked and at their
    /// defaults in the child.
    ///
    /// - Parameter isDetached: it gets a session of its own, so that a terminal's signals do not reach it.
    public init(
        _ path: String, _ arguments: [String], output: CInt, isDetached: Bool = false
    ) throws(Errno) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe _ = posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 2)

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe _ = posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (isDetached ? Self.newSession : 0)))

        // SAFETY: each string is copied to the heap for the call and freed after it; the array ends with nil.
        var words = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var started: pid_t = 0
        let error = unsafe posix_spawn(&started, path, &actions, &attributes, &words, environ)
        guard error == 0 else { throw Errno(rawValue: error) }
        identifier = started
        do throws(Errno) {
            descriptor = OwnedDescriptor(owning: try checked(clinux_pidfd_open(started)))
        } catch {
            // Without a descriptor nobody would hear of its end.
            _ = kill(started, SIGKILL)
            _ = waitpid(started, nil, 0)
            throw error
        }
    }

    /// Readable when the process has ended.
    public var pollDescriptor: CInt { descriptor.rawValue }

    /// How it ended, `nil` while it runs.
    public func ending() -> Ending? { reap(WNOHANG) }

    /// Nothing happens to a process that has ended.
    public func signal(_ number: CInt) { ended.withLock { if $0 == nil { _ = kill(identifier, number) } } }

    public func signal(_ signal: Signal) { self.signal(signal.rawValue) }

    /// Kills it, and returns when it is gone.
    public func killAndWait() {
        signal(SIGKILL)
        _ = reap(0)
    }

    // What has ended by now leaves no zombie.
    deinit { _ = reap(WNOHANG) }

    private func reap(_ options: CInt) -> Ending? {
        ended.withLock { ended in
            var status: CInt = 0
            guard ended == nil, unsafe waitpid(identifier, &status, options) == identifier else {
                return ended
            }
            ended = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
            return ended
        }
    }
}
