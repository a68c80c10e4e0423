import CLinux
import Glibc
import Synchronization
public import SystemPackage

/// A POSIX thread that runs one body. Loops own theirs for as long as they live; whoever wants to know its end joins it, and
/// one that nobody joins takes its stack with it when it ends.
public final class Thread: @unchecked Sendable {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void
        init(_ name: String, _ run: @escaping @Sendable () -> Void) { (self.name, self.run) = (name, run) }
    }

    private let handle: pthread_t
    private let isJoined = Atomic(false)

    /// Starts `body` on a new thread; `name` (15 bytes at most are kept) shows in /proc and debuggers.
    public init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
        var handle = pthread_t()
        let argument = unsafe Unmanaged.passRetained(Body(name, body)).toOpaque()
        // SAFETY: the argument is a retained `Body`, released by the one thread that receives it.
        let error = unsafe pthread_create(
            &handle, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                _ = unsafe clinux_name_thread(body.name)
                body.run()
                return nil
            }, argument)
        guard error == 0 else {
            unsafe Unmanaged<Body>.fromOpaque(argument).release()
            throw Errno(rawValue: error)
        }
        self.handle = handle
    }

    /// Nothing happens on the calling thread for so long; signals do not cut it short.
    public static func pause(for time: Duration) {
        let end = ContinuousClock.now + time
        while case let left = (end - .now).components, left.seconds >= 0, left.attoseconds > 0 {
            var rest = timespec(
                tv_sec: Int(left.seconds), tv_nsec: Int(left.attoseconds / 1_000_000_000 + 1))
            // SAFETY: this call's own variable, read by it.
            _ = unsafe nanosleep(&rest, nil)
        }
    }

    /// Waits until the body has returned. Once, by whoever started it.
    public func join() {
        let wasJoined = isJoined.exchange(true, ordering: .relaxed)
        precondition(!wasJoined, "a thread is joined once")
        _ = pthread_join(handle, nil)
    }

    deinit { if !isJoined.load(ordering: .relaxed) { _ = pthread_detach(handle) } }
}
