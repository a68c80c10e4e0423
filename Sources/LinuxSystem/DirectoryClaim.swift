import CLinux
public import SystemPackage

/// A directory's use by one process alone: a lock on a file beside it, `DIRECTORY.lock`, which says who has it. The kernel
/// lets go of it when the process ends, however that happens; the file stays.
public final class DirectoryClaim: Sendable {
    public enum Failure: Error, Sendable, Hashable {
        /// Another process has it: what its file says, nothing when that cannot be read (yet).
        case held(by: String?)
        case system(Errno)
    }

    private let descriptor: OwnedDescriptor

    /// - Parameter holder: this process as another is to be told of it, one line.
    public init(of directory: String, by holder: String) throws(Failure) {
        let path = Self.file(directory)
        do throws(Errno) {
            descriptor = OwnedDescriptor(owning: try checked(unsafe clinux_open_record(path, 1)))
        } catch {
            throw error == .wouldBlock ? .held(by: Self.holder(at: path)) : .system(error)
        }
        // The lock is what counts: on a full disk another is refused all the same, and is not told by whom.
        _ = try? descriptor.write(Array("\(holder)\n".utf8)[...], at: 0)
    }

    public static func file(_ directory: String) -> String { "\(directory).lock" }

    /// For the message alone, so that why it cannot be read does not matter.
    private static func holder(at path: String) -> String? {
        guard let bytes = try? WholeFile.contents(of: path) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }
}
