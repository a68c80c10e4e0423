import CLinux
import Glibc
public import SystemPackage

/// What another process writes, as a pipe whose reading end never blocks.
public final class OutputPipe: Sendable {
    private let readingEnd: OwnedDescriptor
    /// For the process that writes; everybody else's copy is closed by `closeWritingEnd`.
    public let writingEnd: CInt

    public init() throws(Errno) {
        var ends: (CInt, CInt) = (-1, -1)
        // SAFETY: two adjacent C ints, which is what the shim fills. It closes both on exec from birth: a process that
        // another thread starts meanwhile would keep the pipe open.
        let result = unsafe withUnsafeMutableBytes(of: &ends) {
            unsafe clinux_pipe($0.baseAddress?.assumingMemoryBound(to: CInt.self))
        }
        _ = try checked(result)
        readingEnd = OwnedDescriptor(owning: ends.0)
        writingEnd = ends.1
        _ = fcntl(ends.0, F_SETFL, O_NONBLOCK)
    }

    /// Once, when the other process has been started.
    public func closeWritingEnd() { close(writingEnd) }

    public var pollDescriptor: CInt { readingEnd.rawValue }

    /// The most a pipe can be made to hold (pipe-max-size) unless root says otherwise.
    private static let pipeByteCountMaximum = 1 << 20

    /// All that is there; empty when nothing is, or nobody will write any more. Of a process that has ended that is the
    /// whole rest. One that writes without end gets no more than a pipe can hold in one turn.
    public func available() -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < Self.pipeByteCountMaximum {
            let more = part()
            if more.isEmpty { break }
            bytes += more
        }
        return bytes
    }

    private func part() -> [UInt8] {
        // SAFETY: the kernel writes at most the capacity it is given.
        unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            count = unsafe max(0, read(readingEnd.rawValue, buffer.baseAddress, 65536))
        }
    }
}
