import FoundationEssentials
import Glibc
import LinuxSystem
import SystemPackage

/// A directory of a test's own, gone with it whatever happened: what is still mounted in it is taken away first.
///
/// In /tmp whatever TMPDIR says: the path of a unix socket has 107 bytes at most.
public final class TemporaryDirectory: Sendable {
    public let path: String

    public init() throws {
        // mkdtemp(3) puts a name of its own in the place of six X.
        var template = Array("/tmp/vop-test-\(String(repeating: "X", count: 6))".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for mount in Mounts.atOrBelow(path).reversed() { try? FUSEDevice.detach(mount) }
        guard unsafe rmdir(path) != 0, errno == ENOTEMPTY else { return }
        // What could not be unmounted is not emptied.
        let arguments = ["-rf", "--one-file-system", path]
        _ = try? SpawnedProcess("/bin/rm", arguments, output: 2).waitForEnding()
    }

    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Makes a file, and the directories above it.
    public func write(_ bytes: [UInt8], to name: String) throws {
        let place = file(name)
        let directory = String(place[..<(place.lastIndex(of: "/") ?? place.endIndex)])
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(filePath: place))
    }

    public func write(_ line: String, to name: String) throws { try write(Array("\(line)\n".utf8), to: name) }

    public func text(_ name: String) throws -> String {
        String(decoding: try ValueFile(reading: file(name)).contents(), as: UTF8.self)
    }
}

/// This process's mount table.
public enum Mounts {
    /// Mount points at or below `path`, in the order in which they were mounted.
    public static func atOrBelow(_ path: String) -> [String] {
        let table = (try? ValueFile(reading: "/proc/self/mounts").contents()) ?? []
        return String(decoding: table, as: UTF8.self).split(separator: "\n").compactMap { line in
            line.split(separator: " ").dropFirst().first.map(String.init)
        }.filter { $0 == path || $0.hasPrefix(path + "/") }
    }
}
