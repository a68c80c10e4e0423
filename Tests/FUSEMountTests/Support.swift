import FUSEMount
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// How many mounts there are at or below `path`.
func mountCount(under path: String) -> Int { Mounts.atOrBelow(path).count }

/// A filesystem mounted for a test and served by threads of its own.
final class Mounted {
    let directory: TemporaryDirectory
    let session: FUSESession
    private var threads: [Thread] = []

    var path: String { directory.path }

    init(
        _ filesystem: any FUSEFilesystem, _ change: (inout MountOptions) -> Void = { _ in }, workers: Int = 1
    ) throws {
        directory = try TemporaryDirectory()
        var options = MountOptions(source: "test", subtype: "test")
        change(&options)
        let session = try FUSESession(filesystem, at: directory.path, options)
        self.session = session
        for _ in 0..<workers { threads.append(try Thread("fuse-test") { try? session.run() }) }
    }

    func end() {
        session.stop()
        for thread in threads { thread.join() }
        threads = []
        session.unmount()
    }

    deinit { end() }
}

/// System calls on mounted files, as any program makes them.
enum Client {
    static func open(_ path: String, _ flags: CInt, mode: mode_t = 0o644) throws(Errno) -> OwnedDescriptor {
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        return OwnedDescriptor(owning: descriptor)
    }

    static func read(_ descriptor: borrowing OwnedDescriptor, _ count: Int = 65536) throws(Errno) -> [UInt8] {
        var failure: Errno?
        let file = descriptor.rawValue
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let result = unsafe Glibc.read(file, buffer.baseAddress, count)
            if result < 0 { failure = Errno(rawValue: errno) }
            filled = max(0, result)
        }
        if let failure { throw failure }
        return bytes
    }

    static func text(_ descriptor: borrowing OwnedDescriptor) throws(Errno) -> String {
        String(decoding: try read(descriptor), as: UTF8.self)
    }

    @discardableResult
    static func write(_ descriptor: borrowing OwnedDescriptor, _ bytes: [UInt8]) throws(Errno) -> Int {
        let result = unsafe Glibc.write(descriptor.rawValue, bytes, bytes.count)
        guard result >= 0 else { throw Errno(rawValue: errno) }
        return result
    }

    static func readAll(_ path: String) throws(Errno) -> String {
        let file = try open(path, O_RDONLY)
        var all: [UInt8] = []
        while true {
            let part = try read(file)
            if part.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += part
        }
    }

    static func write(_ text: String, to path: String, _ flags: CInt = O_WRONLY) throws(Errno) {
        let file = try open(path, flags)
        try write(file, Array(text.utf8))
    }

    static func status(_ path: String) throws(Errno) -> stat {
        var result = stat()
        guard unsafe lstat(path, &result) == 0 else { throw Errno(rawValue: errno) }
        return result
    }

    static func check(_ result: CInt) throws(Errno) {
        guard result == 0 else { throw Errno(rawValue: errno) }
    }

    /// `poll(2)`: what is ready within `milliseconds`.
    static func poll(
        _ descriptor: borrowing OwnedDescriptor, _ events: Int32, milliseconds: CInt = HangGuard.milliseconds
    )
        -> Int32
    {
        var watched = pollfd(fd: descriptor.rawValue, events: Int16(events), revents: 0)
        return unsafe Glibc.poll(&watched, 1, milliseconds) > 0 ? Int32(watched.revents) : 0
    }
}
