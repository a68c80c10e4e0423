import Glibc
public import SystemPackage

/// One open file that holds a value: read from its beginning, written whole. As a shell's `cat` and `echo` use it.
public struct ValueFile: ~Copyable {
    private let descriptor: OwnedDescriptor

    public init(reading path: String) throws(Errno) { try self.init(path, O_RDONLY) }

    /// Of what may be no file at all: a FIFO that nobody writes to is `ESPIPE`, rather than waited at.
    init(readingAtOnce path: String) throws(Errno) { try self.init(path, O_RDONLY | O_NONBLOCK) }

    /// For writing, and for reading as well where its mode allows both.
    public init(writing path: String) throws(Errno) {
        do throws(Errno) { try self.init(path, O_RDWR) } catch {
            guard error == .permissionDenied else { throw error }
            try self.init(path, O_WRONLY)
        }
    }

    /// A stream that is only readable when opened for both.
    public init(following path: String) throws(Errno) { try self.init(path, O_RDWR) }

    private init(_ path: String, _ flags: CInt) throws(Errno) {
        // SAFETY: a string of this process, lent for the call.
        let opened = unsafe open(path, flags | O_CLOEXEC)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        descriptor = OwnedDescriptor(owning: opened)
    }

    public var rawDescriptor: CInt { descriptor.rawValue }

    /// Everything from the beginning.
    public borrowing func contents() throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let more = try read(at: bytes.count)
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    /// At most 64 KiB from `offset` on; empty at the end.
    public borrowing func read(at offset: Int) throws(Errno) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        // SAFETY: the array's own storage, borrowed for the call with its own count.
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe pread(descriptor.rawValue, $0.baseAddress, $0.count, off_t(offset))
        }
        guard count >= 0 else { throw Errno(rawValue: errno) }
        return Array(buffer.prefix(count))
    }

    /// What comes next of a stream, at most 64 KiB; empty at its end.
    public borrowing func next() throws(Errno) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        // SAFETY: as above.
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe Glibc.read(descriptor.rawValue, $0.baseAddress, $0.count)
        }
        guard count >= 0 else { throw Errno(rawValue: errno) }
        return Array(buffer.prefix(count))
    }

    /// One `write` of all of it.
    ///
    /// - Throws: `EIO` when less was taken, beside what the file says.
    public borrowing func write(_ bytes: [UInt8]) throws(Errno) {
        // SAFETY: the array's own storage, borrowed for the call with its own count; write only reads it.
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.write(descriptor.rawValue, $0.baseAddress, $0.count)
        }
        guard count >= 0 else { throw Errno(rawValue: errno) }
        guard count == bytes.count else { throw .ioError }
    }
}
