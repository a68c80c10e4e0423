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
    /// The last read left nothing in the socket, so there is no need to ask again before it tells.
    private var hasDrained = false
    /// The client may have hung up: only a read tells.
    var mayHaveEnded = false

    /// - Throws: the size a frame states is impossible, or more than `maximumByteCount`; the client's fault.
    mutating func next(
        from socket: borrowing Socket, maximumByteCount: UInt32
    ) throws(FrameError) -> Progress {
        while true {
            if !partial.isEmpty {
                guard partialByteCount < partial.count else {
                    defer { (partial, partialByteCount) = ([], 0) }
                    return .frame(partial)
                }
                if wasDrained() { return .nothing }
                switch fillPartial(from: socket) {
                case .moved: continue
                case .wouldBlock: return .nothing
                case .ended: return .ended
                }
            }
            if let frame = try cut(maximumByteCount) { return .frame(frame) }
            guard partial.isEmpty else { continue }
            if wasDrained() { return .nothing }
            switch fill(from: socket) {
            case .moved: continue
            case .wouldBlock: return .nothing
            case .ended: return .ended
            }
        }
    }

    /// Whether something has come, were it only the end; `next` tells what.
    mutating func hasMore(from socket: borrowing Socket) -> Bool {
        guard end - start < FrameHeader.sizeByteCount else { return true }
        switch partial.isEmpty ? fill(from: socket) : fillPartial(from: socket) {
        case .moved: return true
        case .wouldBlock: return false
        case .ended:
            mayHaveEnded = true
            return true
        }
    }

    /// The poller says that something has come.
    mutating func wasTold() { hasDrained = false }

    private mutating func wasDrained() -> Bool {
        defer { hasDrained = false }
        return hasDrained && !mayHaveEnded
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

    private mutating func fillPartial(from socket: borrowing Socket) -> StreamProgress {
        let room = partial.count - partialByteCount
        // A socket that fails has ended: nobody is there to be told why.
        guard let progress = try? socket.read(into: &partial, from: partialByteCount) else { return .ended }
        if case .moved(let count) = progress {
            partialByteCount += count
            hasDrained = count < room
        }
        return progress
    }

    private mutating func fill(from socket: borrowing Socket) -> StreamProgress {
        if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: FrameInput.readByteCount) }
        if start > 0 {
            for index in 0..<(end - start) { buffer[index] = buffer[start + index] }
            (start, end) = (0, end - start)
        }
        // As above.
        guard let progress = try? socket.read(into: &buffer, from: end) else { return .ended }
        if case .moved(let count) = progress {
            hasDrained = count < buffer.count - end
            end += count
        }
        return progress
    }
}
