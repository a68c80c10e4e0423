import CLinux
public import SystemPackage

/// The data of an open file.
extension OwnedDescriptor {
    /// Up to `count` bytes from `offset`, fewer only at the end, behind `header`'s bytes: a reply is built where
    /// the data lands, without another copy. The header may be rewritten afterwards.
    public borrowing func read(
        count: Int, at offset: Int64, behind headerByteCount: Int
    ) throws(Errno) -> [UInt8] {
        let descriptor = rawValue
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: headerByteCount + count) { buffer, filled in
            for index in 0..<headerByteCount { unsafe buffer.initializeElement(at: index, to: 0) }
            // SAFETY: `count` bytes of the storage lie behind the header; the shim writes at most so many.
            result = unsafe clinux_read_at(
                descriptor, buffer.baseAddress.map { unsafe $0 + headerByteCount }, count, offset)
            filled = headerByteCount + max(0, result)
        }
        _ = try checked(result)
        return bytes
    }

    /// Writes all of `bytes`, or as many as go; at the end whatever `offset` says if opened for appending.
    public borrowing func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) throws(Errno) -> Int {
        // SAFETY: the slice's own storage, borrowed for the call with its own count.
        try checked(
            unsafe bytes.withUnsafeBytes {
                unsafe clinux_write_at(rawValue, $0.baseAddress, $0.count, offset)
            })
    }

    public borrowing func sync(dataOnly: Bool) throws(Errno) {
        _ = try checked(clinux_sync(rawValue, dataOnly ? 1 : 0))
    }

    /// Moves the description to `position`, an earlier entry's cookie in a directory.
    public borrowing func seek(to position: Int64) throws(Errno) {
        _ = try checked(clinux_seek(rawValue, position))
    }

    /// The next records of an open directory (getdents64); empty at the end.
    public borrowing func directoryRecords(capacity: Int) throws(Errno) -> DirectoryRecords {
        let descriptor = rawValue
        return DirectoryRecords(
            bytes: try unsafe filledBytes(capacity: capacity) {
                unsafe clinux_read_directory(descriptor, $0, capacity)
            })
    }
}

/// Directory entries as getdents64 gives them, one after the other.
public struct DirectoryRecords: Sendable {
    public struct Record: Sendable {
        public let inode: UInt64
        /// Where the entry after this one is read.
        public let nextPosition: Int64
        /// DT_…
        public let type: UInt8
        /// Where the name's bytes are.
        public let name: Range<Int>
    }

    public let bytes: [UInt8]
    private var offset = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    public var isAtEnd: Bool { offset >= bytes.count }

    // ABI: struct linux_dirent64: d_ino 0, d_off 8, d_reclen 16, d_type 18, d_name 19, ended by a NUL.
    public mutating func next() -> Record? {
        guard bytes.count - offset >= 19 else { return nil }
        let end = min(bytes.count, offset + Int(number(16, UInt16.self)))
        let start = offset + 19
        guard end > start else { return nil }
        var nameEnd = start
        while nameEnd < end, bytes[nameEnd] != 0 { nameEnd += 1 }
        let record = Record(
            inode: number(0, UInt64.self), nextPosition: Int64(bitPattern: number(8, UInt64.self)),
            type: bytes[offset + 18], name: start..<nameEnd)
        offset = end
        return record
    }

    /// In this machine's byte order, as the kernel wrote it for this machine.
    private func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _ position: Int, _: Number.Type
    ) -> Number {
        let stored: Number = bytes.span.littleEndian(at: offset + position)
        #if _endian(little)
            return stored
        #else
            return stored.byteSwapped
        #endif
    }
}
