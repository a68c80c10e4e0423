import CVOP
import LinuxSystem

/// Which way a batch goes (`vop_copy_batch.direction`).
public enum CopyDirection: UInt16, Hashable, Sendable {
    /// What `read` returns: chains for the backend.
    case toBackend = 1
    /// What `write` takes: answers for the device's queue.
    case toDevice = 2
}

/// What a record says of its chain (`vop_copy_record.flags`). The two directions share no bit.
@frozen
public struct CopyFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// VOP_COPY_PART: more of this chain's readable bytes follow in a later record.
    public static let part = CopyFlags(rawValue: 1)
    /// VOP_COPY_REDELIVERED: this chain was delivered before, to an open file that is closed.
    public static let redelivered = CopyFlags(rawValue: 2)
    /// VOP_COPY_COMPLETE: the chain is finished.
    public static let complete = CopyFlags(rawValue: 256)
    /// VOP_COPY_MORE: more of this chain's answer follows in a later record.
    public static let more = CopyFlags(rawValue: 512)
    /// VOP_COPY_BROKEN: the device needs a reset.
    public static let broken = CopyFlags(rawValue: 1024)

    static let deliveries: CopyFlags = [.part, .redelivered]
    static let answers: CopyFlags = [.complete, .more, .broken]
}

/// The bounds that `vop/copy.h` sets.
public enum CopyLimits {
    /// VOP_COPY_MAX: bytes in one call.
    public static let callByteCount = Int(VOP_COPY_MAX)
    /// VOP_COPY_READ_MINIMUM: a `read` with less room is refused.
    public static let readMinimum = Int(VOP_COPY_READ_MINIMUM)
    /// VOP_COPY_RECORDS_MAX: records in one batch.
    public static let recordCount = Int(VOP_COPY_RECORDS_MAX)
    /// The batch header, and each record's.
    public static let batchHeaderByteCount = 16
    public static let recordHeaderByteCount = 32

    /// What a batch of so many records has before its payloads.
    public static func headerByteCount(recordCount: Int) -> Int {
        batchHeaderByteCount + recordCount * recordHeaderByteCount
    }
}

/// One record's header. The payload is elsewhere: right behind all headers in a whole batch.
///
/// ```
///   0 token u64 · 8 flags u32 · 12 payload u32 · 16 readable u32 · 20 writable u32 · 24 offset u32 · 28 zero u32
/// ```
public struct CopyRecord: Hashable, Sendable {
    /// Names the chain: from 1 up, never used twice for one queue in the device's life.
    public var token: UInt64
    public var flags: CopyFlags
    /// Bytes of payload this record carries.
    public var payloadByteCount: UInt32
    /// `toBackend`: bytes the chain holds to read, in all. `toDevice`: 0.
    public var readableByteCount: UInt32
    /// `toBackend`: bytes the chain has room for, in all. `toDevice`: 0.
    public var writableByteCount: UInt32
    /// Where in the readable part, or in the writable part, this payload begins.
    public var offset: UInt32

    public init(
        token: UInt64, flags: CopyFlags, payloadByteCount: UInt32 = 0, readableByteCount: UInt32 = 0,
        writableByteCount: UInt32 = 0, offset: UInt32 = 0
    ) {
        self.token = token
        self.flags = flags
        self.payloadByteCount = payloadByteCount
        self.readableByteCount = readableByteCount
        self.writableByteCount = writableByteCount
        self.offset = offset
    }

    func store(into bytes: inout MutableSpan<UInt8>, at start: Int) {
        bytes.store(littleEndian: token, at: start)
        bytes.store(littleEndian: flags.rawValue, at: start + 8)
        bytes.store(littleEndian: payloadByteCount, at: start + 12)
        bytes.store(littleEndian: readableByteCount, at: start + 16)
        bytes.store(littleEndian: writableByteCount, at: start + 20)
        bytes.store(littleEndian: offset, at: start + 24)
        bytes.store(littleEndian: UInt32(0), at: start + 28)
    }

    /// From 32 bytes at `start`; what is not a header's is `reserved`.
    init(_ bytes: Span<UInt8>, at start: Int, reserved: inout UInt32) {
        token = bytes.littleEndian(at: start)
        flags = CopyFlags(rawValue: bytes.littleEndian(at: start + 8))
        payloadByteCount = bytes.littleEndian(at: start + 12)
        readableByteCount = bytes.littleEndian(at: start + 16)
        writableByteCount = bytes.littleEndian(at: start + 20)
        offset = bytes.littleEndian(at: start + 24)
        reserved = bytes.littleEndian(at: start + 28)
    }
}
