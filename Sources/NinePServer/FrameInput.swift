import LinuxSystem
import NineP
import SystemPackage

/// Cuts a client's stream into frames, however the bytes arrive. Large frames are read where they will stay.
struct FrameInput {
    enum Progress {
        case frame([UInt8])
        case nothing
        case ended
    }

    private static let readByteCount = 1 << 16

    /// Bytes that arrived together with others; from `start` to `end` they still wait.
    private var buffer: [UInt8] = []
    private var start = 0
    private var end = 0
    /// A frame that is not there whole, and how much of it is.
    private var partial: [UInt8] = []
    private var partialByteCount = 0

    /// - Throws: the size a frame states is impossible, or more than `maximumByteCount`; the client's fault.
    mutating func next(
        from socket: borrowing Socket, maximumByteCount: UInt32
    ) throws(FrameError) -> Progress {
        while true {
            if partialByteCount < partial.count {
                // A socket that fails has ended: nobody is there to be told why.
                switch (try? socket.read(into: &partial, from: partialByteCount)) ?? .ended {
                case .moved(let count): partialByteCount += count
                case .wouldBlock: return .nothing
                case .ended: return .ended
                }
                guard partialByteCount == partial.count else { continue }
                defer { (partial, partialByteCount) = ([], 0) }
                return .frame(partial)
            }
            if let frame = try cut(maximumByteCount) { return .frame(frame) }
            guard partial.isEmpty else { continue }
            switch fill(from: socket) {
            case .moved: continue
            case .wouldBlock: return .nothing
            case .ended: return .ended
            }
        }
    }

    /// The next whole frame of the buffer. One that is not whole becomes `partial`.
    private mutating func cut(_ maximumByteCount: UInt32) throws(FrameError) -> [UInt8]? {
        guard end - start >= FrameHeader.sizeByteCount else { return nil }
        let byteCount = try FrameHeader.frameByteCount(
            untrusted: buffer[start..<end], maximumMessageSize: maximumByteCount)
        guard end - start < byteCount else {
            defer { start += byteCount }
            return Array(buffer[start..<start + byteCount])
        }
        partialByteCount = end - start
        partial = []
        partial.reserveCapacity(byteCount)
        partial += buffer[start..<end]
        partial += repeatElement(0, count: byteCount - partialByteCount)
        (start, end) = (0, 0)
        return nil
    }

    private mutating func fill(from socket: borrowing Socket) -> StreamProgress {
        if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: FrameInput.readByteCount) }
        if start > 0 {
            for index in 0..<(end - start) { buffer[index] = buffer[start + index] }
            (start, end) = (0, end - start)
        }
        // As above.
        guard let progress = try? socket.read(into: &buffer, from: end) else { return .ended }
        if case .moved(let count) = progress { end += count }
        return progress
    }
}
