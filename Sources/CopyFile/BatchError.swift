public import SystemPackage

/// A rule of the batch's layout that its writer broke. Nothing of such a batch is applied.
public enum BatchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Fewer bytes than a header, or than the header says.
    case truncated(byteCount: Int, needed: Int)
    case magic(UInt32)
    case version(UInt16)
    case direction(UInt16, expected: CopyDirection)
    /// No record, or more than a batch may have.
    case recordCount(UInt32)
    /// The batch is larger than one call may be.
    case tooLarge(byteCount: UInt32, maximum: Int)
    /// Headers and payloads do not add up to the batch's length.
    case byteCount(UInt32, expected: UInt64)
    /// A record whose fields break the rules of its direction: which, and how.
    case record(Int, reason: String)

    /// What `write` answers: `EMSGSIZE` for a batch above the limit, `EINVAL` for all else.
    public var errno: Errno {
        if case .tooLarge = self { return .messageTooLong }
        return .invalidArgument
    }

    public var description: String {
        switch self {
        case .truncated(let count, let needed): "a batch of \(needed) bytes or more ends after \(count)"
        case .magic(let magic): "a batch begins with 0x\(String(magic, radix: 16)), not with its magic"
        case .version(let version): "a batch of version \(version); only 1 is known"
        case .direction(let direction, let expected):
            "a batch of direction \(direction) where \(expected.rawValue) is expected"
        case .recordCount(let count):
            "a batch of \(count) records; 1 to \(CopyLimits.recordCount) are allowed"
        case .tooLarge(let count, let maximum): "a batch of \(count) bytes; \(maximum) are allowed"
        case .byteCount(let count, let expected):
            "a batch says it has \(count) bytes, its headers and payloads add up to \(expected)"
        case .record(let index, let reason): "record \(index): \(reason)"
        }
    }
}
