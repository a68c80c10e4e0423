import Glibc
public import SystemPackage

/// What a program is given on its standard input.
public enum StandardInput {
    /// What there is up to its end, but little more than `limit` bytes.
    public static func contents(limit: Int) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count <= limit {
            // SAFETY: the array's own storage, borrowed for the call with its own count.
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe read(STDIN_FILENO, $0.baseAddress, $0.count)
            }
            guard count >= 0 else { throw Errno(rawValue: errno) }
            if count == 0 { break }
            bytes += buffer.prefix(count)
        }
        return bytes
    }
}
