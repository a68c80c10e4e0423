import CLinux
import Glibc
public import SystemPackage

/// A file that is written by plain stores to its mapping: what was stored survives SIGKILL of this process at any
/// instruction, and costs no system call. On tmpfs it does not survive the machine, which the process would not
/// either.
///
/// Its storage is allocated when it is made, so that a full file system is told then and not by a SIGBUS later. One
/// process has it at a time.
@safe public final class RecordFile: Sendable {
    public static let maximumByteCount = 1 << 30

    public let byteCount: Int
    private let mapping: Mapping
    /// Holds the claim to the file.
    private let descriptor: OwnedDescriptor

    /// A new one of zeros, in the place of what `path` was.
    ///
    /// - Throws: `ENOSPC` when it does not fit, `EWOULDBLOCK` when another process has it.
    public init(creating path: String, byteCount: Int) throws(Errno) {
        let descriptor = OwnedDescriptor(owning: try checked(unsafe clinux_open_record(path, 1)))
        do throws(Errno) {
            _ = try checked(clinux_allocate(descriptor.rawValue, Int64(byteCount)))
            unsafe mapping = try Mapping(of: descriptor.rawValue, byteCount: byteCount)
        } catch {
            unsafe unlink(path)
            throw error
        }
        self.descriptor = descriptor
        self.byteCount = byteCount
    }

    /// The one at `path`, as its last process left it.
    ///
    /// - Throws: `ENOENT` when there is none, `EWOULDBLOCK` when another process has it, `EFBIG` or `EINVAL` for a
    ///   size that no record file has.
    public init(opening path: String) throws(Errno) {
        let descriptor = OwnedDescriptor(owning: try checked(unsafe clinux_open_record(path, 0)))
        let byteCount = Int(try checked(clinux_byte_count(descriptor.rawValue)))
        guard byteCount > 0 else { throw .invalidArgument }
        guard byteCount <= RecordFile.maximumByteCount else { throw .fileTooLarge }
        // A file with holes could still run out of space.
        _ = try checked(clinux_allocate(descriptor.rawValue, Int64(byteCount)))
        unsafe mapping = try Mapping(of: descriptor.rawValue, byteCount: byteCount)
        self.descriptor = descriptor
        self.byteCount = byteCount
    }

    /// - Precondition: inside the file.
    public func store(_ bytes: [UInt8], at offset: Int) {
        precondition(offset >= 0 && bytes.count <= byteCount - offset, "a record beyond its file")
        // SAFETY: the range was checked against the mapping's constant size; the mapping lives as long as this object.
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (mapping.base + offset).copyMemory(from: start, byteCount: source.count)
        }
    }

    /// Stores a word after everything that was stored before it.
    ///
    /// - Precondition: inside the file, at a multiple of four.
    public func commit(_ word: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset % 4 == 0 && offset <= byteCount - 4, "a word beyond its file")
        // ORDER: release. A process that is killed stops between two instructions, so whoever reads the file
        // afterwards and finds this word finds all that precedes it.
        // SAFETY: as in `store`; aligned, since a mapping begins at a page.
        unsafe clinux_store_release32(mapping.base + offset, word)
    }

    /// A copy of what is there.
    ///
    /// - Precondition: inside the file.
    public func bytes(in range: Range<Int>) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "a record beyond its file")
        // SAFETY: checked above; the mapping lives as long as this object.
        return unsafe Array(
            UnsafeRawBufferPointer(start: mapping.base + range.lowerBound, count: range.count))
    }

    public static func remove(at path: String) { unsafe _ = unlink(path) }

    /// Puts one file in the place of another, at once.
    public static func move(from path: String, to newPath: String) throws(Errno) {
        _ = try checked(unsafe clinux_rename_path(path, newPath))
    }
}
