import Glibc

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
