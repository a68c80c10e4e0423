import CLinux
import Glibc
import Synchronization
public import SystemPackage

/// A POSIX thread that runs one body. Loops own theirs for as long as they live; whoever starts one joins it.
public final class Thread: @unchecked Sendable {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void
        init(_ name: String, _ run: @escaping @Sendable () -> Void) { (self.name, self.run) = (name, run) }
    }

    private let handle: pthread_t

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

    /// Waits until the body has returned. Once, by whoever started it.
    public func join() { _ = pthread_join(handle, nil) }
}
