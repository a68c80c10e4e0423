internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// One connection of a session's. A session that outlives its connection has several, one after the other.
final class Connection: Sendable {
    /// Counts from 1; zero is none.
    let number: Int
    let stream: ByteStream
    let input: Mutex<FrameReader>
    private let output = Mutex(())

    init(_ number: Int, _ stream: consuming ByteStream, _ reader: consuming FrameReader) {
        self.number = number
        self.stream = stream
        input = Mutex(reader)
    }

    deinit { stream.shutDown() }

    /// Whole frames, one after the other, whoever sends them.
    func send(_ frame: [UInt8], _ payload: RawSpan = RawSpan(), stall: Duration) throws(Errno) {
        try output.withLock { _ throws(Errno) in try stream.write(frame, payload, within: stall) }
    }
}
