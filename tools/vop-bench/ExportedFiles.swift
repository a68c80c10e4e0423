import LinuxSystem
import SystemPackage

/// What the 9P servers export: one file of data, and enough small ones to make a long listing.
struct ExportedFiles {
    static let dataName = "data"
    let path: String
    let byteCount: Int
    let entryCount: Int

    init(_ path: String, _ extent: Extent) throws {
        self.path = path
        byteCount = extent.count(64 << 20, smoke: 2 << 20)
        entryCount = extent.count(40_000, smoke: 300)
        try RuntimeDirectory.make(path)
        let block = [UInt8](repeating: 0x5A, count: 1 << 20)
        let data = try Self.create("\(path)/\(Self.dataName)")
        try data.closeAfter { for _ in 0..<byteCount >> 20 { _ = try data.writeAll(block) } }
        for index in 1..<entryCount { try Self.create("\(path)/entry-\(index)").close() }
    }

    private static func create(_ path: String) throws -> FileDescriptor {
        try FileDescriptor.open(
            FilePath(path), .readWrite, options: [.create, .truncate],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
    }
}
