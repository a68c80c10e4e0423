import CLinux
public import SystemPackage

/// A connected stream that carries frames: one socket, or a descriptor to read and one to write (pipes). Reading
/// and writing are independent; each has one thread at a time, kept apart by the owner.
public struct ByteStream: ~Copyable, Sendable {
    private let input: OwnedDescriptor
    private let separateOutput: OwnedDescriptor?

    public init(owning socket: consuming OwnedDescriptor) {
        input = socket
        separateOutput = nil
    }

    public init(over socket: consuming Socket) { self.init(owning: socket.descriptor) }

    public init(reading input: consuming OwnedDescriptor, writing output: consuming OwnedDescriptor) {
        self.input = input
        separateOutput = consume output
    }

    /// Connects to the unix stream socket at `path`.
    public static func connected(to path: String) throws(Errno) -> ByteStream {
        let connection = try checked(unsafe clinux_unix_connect(Socket.Kind.stream.rawValue, path))
        return ByteStream(owning: OwnedDescriptor(owning: connection))
    }

    /// Both ends of one connection.
    public struct Pair: ~Copyable {
        public var near: ByteStream
        public var far: ByteStream
    }

    /// A connection inside one process.
    public static func pair() throws(Errno) -> Pair {
        let pair = try Socket.pair()
        return Pair(
            near: ByteStream(owning: pair.near.descriptor), far: ByteStream(owning: pair.far.descriptor))
    }

    /// The reading side: readable, or hung up, when the peer did something.
    public var rawDescriptor: CInt { input.rawValue }
    private var output: CInt {
        switch separateOutput {
        case .some(let output): output.rawValue
        case nil: input.rawValue
        }
    }

    /// Fills `bytes` from `start` on with what is there, once something is.
    ///
    /// - Returns: how many bytes; zero when the peer hung up.
    /// - Throws: `ETIMEDOUT` when nothing came for so long; nothing has been taken then.
    public borrowing func read(
        into bytes: inout [UInt8], from start: Int, within limit: Duration?
    ) throws(Errno) -> Int {
        precondition(start < bytes.count, "a read needs room")
        let (descriptor, capacity, timeout) = (rawDescriptor, bytes.count - start, limit?.nanoseconds ?? -1)
        // SAFETY: `start` lies inside the array, checked above; the shim writes at most the rest.
        return try checked(
            unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe clinux_read_within(
                    descriptor, buffer.baseAddress.map { unsafe $0 + start }, capacity, timeout)
            })
    }

    /// `prefix`, and behind it what is read until there are `byteCount` bytes in all. `limit` counts from one
    /// arrival to the next.
    ///
    /// - Throws: `ECONNRESET` when the peer hung up before, `ETIMEDOUT`. What was read is lost then.
    public borrowing func readWhole(
        _ byteCount: Int, startingWith prefix: ArraySlice<UInt8>, within limit: Duration?
    ) throws(Errno) -> [UInt8] {
        precondition(prefix.count <= byteCount, "a whole is no shorter than its beginning")
        let (descriptor, timeout) = (rawDescriptor, limit?.nanoseconds ?? -1)
        var failure: CInt = 0
        // The standard library would store the count into the one empty array that all threads share.
        guard byteCount > 0 else { return [] }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, filled in
            _ = unsafe buffer.update(fromContentsOf: prefix)
            filled = prefix.count
            while filled < byteCount {
                // SAFETY: `filled` is below the capacity; the shim writes at most the rest.
                let got = unsafe clinux_read_within(
                    descriptor, buffer.baseAddress.map { unsafe $0 + filled }, byteCount - filled, timeout)
                guard got > 0 else {
                    failure = got == 0 ? -Errno.connectionReset.rawValue : CInt(got)
                    return
                }
                filled += got
            }
        }
        _ = try checked(failure)
        return bytes
    }

    /// Writes all of `head`, then all of `tail`.
    ///
    /// - Throws: `EPIPE` when the peer hung up, `ETIMEDOUT` when it took nothing for so long. The stream is of no
    ///   use then: nobody knows where it stands.
    public borrowing func write(_ head: [UInt8], _ tail: RawSpan, within limit: Duration?) throws(Errno) {
        let (descriptor, timeout) = (output, limit?.nanoseconds ?? -1)
        // SAFETY: both are borrowed for the call with their own counts.
        let result = unsafe head.withUnsafeBytes { head in
            unsafe tail.withUnsafeBytes { tail in
                unsafe clinux_write_all(
                    descriptor, head.baseAddress, head.count, tail.baseAddress, tail.count, timeout)
            }
        }
        _ = try checked(result)
    }

    public borrowing func write(_ bytes: [UInt8], within limit: Duration?) throws(Errno) {
        try write(bytes, RawSpan(), within: limit)
    }

    /// As `Socket.makeSendRoom`; nothing for pipes.
    public borrowing func makeSendRoom(byteCount: Int) {
        clinux_send_room(output, CInt(clamping: byteCount))
    }

    /// Ends both directions of a socket: the peer sees the end, and a thread of ours that waits wakes. Pipes end
    /// when they are closed.
    public borrowing func shutDown() {
        _ = clinux_shut_down(input.rawValue)
        _ = clinux_shut_down(output)
    }
}
