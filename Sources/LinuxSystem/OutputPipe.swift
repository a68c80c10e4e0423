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

    /// What is there; empty when nothing is, or nobody will write any more.
    public func available() -> [UInt8] {
        // SAFETY: the kernel writes at most the capacity it is given.
        unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = unsafe max(0, read(readingEnd.rawValue, buffer.baseAddress, 4096))
        }
    }
}

/// Programs that come with this one.
public enum CompanionProgram {
    /// Where `name` is, if it stands beside this program; else the bare name.
    public static func path(_ name: String) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // SAFETY: the array's own storage, lent with its own count.
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let place = bytes.baseAddress else { return 0 }
            return unsafe readlink("/proc/self/exe", place, bytes.count)
        }
        guard count > 0, let slash = buffer.prefix(count).lastIndex(of: UInt8(ascii: "/")) else {
            return name
        }
        return String(decoding: buffer.prefix(slash + 1), as: UTF8.self) + name
    }
}
