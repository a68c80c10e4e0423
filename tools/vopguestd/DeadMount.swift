import LinuxSystem
import SystemPackage

/// Takes away what a killed `9p-mount` left at a path, on a thread of its own: looking at a path may wait for a mount whose
/// server waits for the link's thread.
final class DeadMount {
    private let done: EventCounter

    init(at path: String, _ poller: borrowing Poller) throws(Errno) {
        let done = try EventCounter()
        self.done = done
        try poller.add(done.rawDescriptor, .readable, token: UInt64(done.rawDescriptor))
        _ = try Thread("detach") {
            DeadMount.detach(path)
            done.signal()
        }
    }

    /// Whether it is gone, or is nothing of ours.
    func isDone() -> Bool { done.drain() > 0 }

    /// A dead mount answers ENOTCONN to everybody. Nobody else's is touched.
    private static func detach(_ path: String) {
        do throws(Errno) {
            _ = try MountPointStatus(of: path)
        } catch {
            guard error == .socketNotConnected else { return }
            // The next 9p-mount tries too, and what it says is reported.
            do throws(Errno) { try FUSEDevice.detach(path) } catch { return }
        }
    }
}
